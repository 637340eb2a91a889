#include "db/tenant_client.hpp"

#include <array>
#include <charconv>

namespace gateway::db {

namespace {

const Statement attach{"attach", "select tenancy.attach($1)"};
// tenant_id() refuses a session that has not chosen yet, also where no row would have asked for the tenant.
const Statement attach_to_tenant{"attach_to_tenant",
                                 "select tenancy.attach($1), tenancy.user_id(), tenancy.tenant_id()"};
const Statement attach_to_read{"attach_to_read", "select tenancy.attach($1), tenancy.user_id(), tenancy.tenant_id(), "
                                                 "pg_catalog.set_config('transaction_read_only', 'on', true)"};
// The same, when the request names the tenant that a signed token is to be used for.
const Statement attach_as{"attach_as", "select tenancy.attach($1, $2)"};
const Statement attach_to_tenant_as{"attach_to_tenant_as",
                                    "select tenancy.attach($1, $2), tenancy.user_id(), tenancy.tenant_id()"};
const Statement attach_to_read_as{"attach_to_read_as",
                                  "select tenancy.attach($1, $2), tenancy.user_id(), tenancy.tenant_id(), "
                                  "pg_catalog.set_config('transaction_read_only', 'on', true)"};
const Statement log_out{"logout", "select tenancy.logout($1)"};
const Statement alive{"alive", "select 1"};
const Statement acting_role{"acting_role", "select current_user"};

// Token, session, and the seconds until it ends.
#define SIGN_IN                                                                                                        \
    "select s.token, "                                                                                                 \
    "json_build_object('userId', s.user_id, 'userName', s.user_name, 'isAdmin', s.is_admin, 'tenantId', s.tenant_id, " \
    "'tenantName', s.tenant_name, "                                                                                    \
    "'tenants', coalesce(s.tenants, '[]'), 'expiresAt', s.expires_at)::text, "                                         \
    "greatest(0, floor(extract(epoch from s.expires_at - now())))::bigint "

const Statement log_in{"login", SIGN_IN "from tenancy.login($1, $2, $3::jsonb) s"};
const Statement choose{"choose_tenant", SIGN_IN "from tenancy.choose_tenant($1, $2) s"};
const Statement choose_none{"choose_no_tenant", SIGN_IN "from tenancy.choose_tenant($1, null) s"};
#undef SIGN_IN

const Statement who{"whoami",
                    "select json_build_object('userId', w->'user_id', 'userName', w->'user_name', 'isAdmin', "
                    "w->'is_admin', 'tenantId', w->'tenant_id', 'tenantName', w->'tenant_name', 'tenants', "
                    "coalesce(w->'tenants', '[]'), 'expiresAt', w->'expires_at')::text, w->>'tenant_id' "
                    "from tenancy.whoami() w"};

Call attaching(const Statement &plain, const Statement &with_tenant, const Caller &caller) {
    return caller.tenant.empty() ? Call{&plain, {caller.token}} : Call{&with_tenant, {caller.token, caller.tenant}};
}

SignIn sign_in_of(const Result &row) {
    SignIn sign_in;
    sign_in.token = row.text(0, 0);
    sign_in.session_json = row.text(0, 1);
    const auto seconds = row.text(0, 2);
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), sign_in.seconds);
    return sign_in;
}

// What is asked here are reads, which may be asked once more: when the connection had died in the pool, and when the
// server gave the read up because a migration that locks a table before its view would have waited for ever.
template <typename Ask> auto ask_again_once(const Ask &ask) {
    try {
        return ask();
    } catch (const ConnectFailure &) {
        throw;
    } catch (const PgFailure &failure) {
        const bool unheard = failure.connection_lost && failure.nothing_received;
        if (!unheard && failure.sqlstate != "40P01") throw;
    }
    return ask();
}

Tenant tenant_of(const Result &row, int column) {
    if (row.is_null(0, column)) return std::nullopt;
    return std::string(row.text(0, column));
}

} // namespace

SignIn TenantClient::login(const std::string &user_name, const std::string &password, const std::string &client_json) {
    return sign_in_of(scope_.bypass().lease()->run(log_in, {user_name, password, client_json}));
}

SignIn TenantClient::choose_tenant(const std::string &token, const std::optional<std::string> &tenant) {
    return sign_in_of(tenant ? change(token, {&choose, {token, *tenant}}) : change(token, {&choose_none, {token}}));
}

void TenantClient::logout(const std::string &token) { change(token, {&log_out, {token}}); }

void TenantClient::ping() { scope_.bypass().lease()->run(alive); }

std::string TenantClient::session(const Caller &caller) {
    const std::array<Call, 2> calls{attaching(attach, attach_as, caller), Call{&who, {}}};
    const auto client = scope_.client(caller.key());
    const std::vector<Result> results = ask_for_reading(client ? *client : scope_.bypass(), caller.token, calls);
    const Result &session = results.back();
    // Whoever has yet to choose a tenant is nobody's so far.
    if (client) scope_.attached(caller.key(), tenant_of(session, 1));
    return std::string(session.text(0, 0));
}

rest::Role TenantClient::role(const Caller &caller) {
    const std::array<Call, 2> calls{attaching(attach, attach_as, caller), Call{&acting_role, {}}};
    const auto client = scope_.client(caller.key());
    const auto results = ask_for_reading(client ? *client : scope_.bypass(), caller.token, calls);
    return results.back().text(0, 0) == "tenancy_admin" ? rest::Role::admin : rest::Role::user;
}

Context TenantClient::context_of(const Caller &caller, const Result &attached) {
    Context context{std::string(attached.text(0, 1)), tenant_of(attached, 2)};
    scope_.attached(caller.key(), context.tenant);
    return context;
}

void TenantClient::require(const Caller &caller) {
    const std::array<Call, 1> call{attaching(attach_to_tenant, attach_to_tenant_as, caller)};
    const auto client = client_for(caller);
    context_of(caller, ask_for_reading(*client, caller.token, call).front());
}

Answer TenantClient::run(const Caller &caller, const Work &work) {
    const std::array<Call, 2> calls{work.read_only ? attaching(attach_to_read, attach_to_read_as, caller)
                                                   : attaching(attach_to_tenant, attach_to_tenant_as, caller),
                                    Call{&work.statement, work.parameters}};
    const auto client = client_for(caller);
    std::vector<Result> results =
        work.read_only ? ask_for_reading(*client, caller.token, calls) : change(*client->lease(), caller.token, calls, work.keep);
    Context context = context_of(caller, results.front());
    return {std::move(results.back()), std::move(context)};
}

RowStream TenantClient::stream(const Caller &caller, const Work &work) {
    const std::array<Call, 2> calls{attaching(attach_to_read, attach_to_read_as, caller),
                                    Call{&work.statement, work.parameters}};
    const auto client = client_for(caller);
    std::optional<RowStream> rows;
    const auto open = [&](Client::Lease lease) {
        const std::vector<Result> attached = lease->stream(calls);
        auto first = lease->next_row();
        rows.emplace(std::move(lease), context_of(caller, attached.front()), std::move(first));
    };
    if (!replica_ || !replica_->stream(*client, caller.token, open)) {
        ask_again_once([&] { open(client->lease()); });
        // How far the log was behind these rows nobody asks: their connection is busy with them.
        if (replica_) replica_->shows_more(caller.token);
    }
    return std::move(*rows);
}

// A token of which no tenant is known asks for it first, by itself: its tenant's quota counts from the first question on.
std::shared_ptr<Client> TenantClient::client_for(const Caller &caller) {
    if (auto client = scope_.client(caller.key())) return client;
    const std::array<Call, 1> call{attaching(attach_to_tenant, attach_to_tenant_as, caller)};
    return scope_.introduce(caller.key(), tenant_of(ask(scope_.bypass(), call).front(), 2));
}

Client::Lease TenantClient::lease_for(const std::string &token) {
    const auto client = scope_.client(token);
    return (client ? *client : scope_.bypass()).lease();
}

std::vector<Result> TenantClient::ask_for_reading(Client &client, const std::string &token, std::span<const Call> calls) {
    if (!replica_) return ask(client, calls);
    if (auto results = replica_->ask(client, token, calls)) return std::move(*results);
    std::vector<Call> all(calls.begin(), calls.end());
    all.push_back({&log_position, {}}); // after the rows: no less than what they showed
    const auto asked = Clock::now();
    std::vector<Result> results = ask(client, all);
    replica_->note(token, results.back().text(0, 0), asked);
    results.pop_back();
    return results;
}

Result TenantClient::change(const std::string &token, const Call &call) {
    const auto connection = lease_for(token);
    scope_.forget(token);
    return std::move(change(*connection, token, std::span(&call, 1), {}).back());
}

std::vector<Result> TenantClient::change(Connection &connection, const std::string &token, std::span<const Call> calls,
                                         const Keep &keep) {
    try {
        std::vector<Result> results = keep ? connection.run_and_decide(calls, keep) : connection.run(calls);
        changed(token, connection);
        return results;
    } catch (const PgFailure &failure) {
        // Nobody knows whether it was done.
        if (replica_ && failure.connection_lost) replica_->keep_away(token);
        throw;
    }
}

// The change stands, whatever comes of this.
void TenantClient::changed(const std::string &token, Connection &connection) {
    if (!replica_) return;
    try {
        const auto asked = Clock::now();
        replica_->note(token, connection.run(log_position).text(0, 0), asked);
    } catch (const PgFailure &) {
        replica_->keep_away(token);
    }
}

std::vector<Result> TenantClient::ask(Client &client, std::span<const Call> calls) {
    return ask_again_once([&] { return client.lease()->run(calls); });
}

} // namespace gateway::db
