#include "db/tenant_client.hpp"

#include <array>
#include <charconv>

namespace gateway::db {

namespace {

const Statement attach{"attach", "select tenancy.attach($1)"};
// tenant_id() refuses a session that has not chosen yet, also where no row would have asked for the tenant.
const Statement attach_to_tenant{"attach_to_tenant",
                                 "select tenancy.attach($1), tenancy.user_id(), tenancy.tenant_id()"};
const Statement log_out{"logout", "select tenancy.logout($1)"};
const Statement alive{"alive", "select 1"};
const Statement acting_role{"acting_role", "select current_user"};

// Token, session, and the seconds until it ends.
#define SIGN_IN                                                                                                        \
    "select s.token, "                                                                                                 \
    "json_build_object('userId', s.user_id, 'userName', s.user_name, 'isAdmin', s.is_admin, 'tenantId', s.tenant_id, " \
    "'tenantName', (select t->>'name' from jsonb_array_elements(s.tenants) t where t->>'id' = s.tenant_id limit 1), "  \
    "'tenants', coalesce(s.tenants, '[]'), 'expiresAt', s.expires_at)::text, "                                         \
    "greatest(0, floor(extract(epoch from s.expires_at - now())))::bigint "

const Statement log_in{"login", SIGN_IN "from tenancy.login($1, $2, $3::jsonb) s"};
const Statement choose{"choose_tenant", SIGN_IN "from tenancy.choose_tenant($1, $2) s"};
const Statement choose_none{"choose_no_tenant", SIGN_IN "from tenancy.choose_tenant($1, null) s"};
#undef SIGN_IN

const Statement who{"whoami",
                    "select json_build_object('userId', w->'user_id', 'userName', w->'user_name', 'isAdmin', "
                    "w->'is_admin', 'tenantId', w->'tenant_id', 'tenantName', w->'tenant_name', 'tenants', "
                    "coalesce(w->'tenants', '[]'), 'expiresAt', w->'expires_at')::text from tenancy.whoami() w"};

SignIn sign_in_of(const Result &row) {
    SignIn sign_in;
    sign_in.token = row.text(0, 0);
    sign_in.session_json = row.text(0, 1);
    const auto seconds = row.text(0, 2);
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), sign_in.seconds);
    return sign_in;
}

} // namespace

SignIn TenantClient::login(const std::string &user_name, const std::string &password, const std::string &client_json) {
    return sign_in_of(pool_.lease()->run(log_in, {user_name, password, client_json}));
}

SignIn TenantClient::choose_tenant(const std::string &token, const std::optional<std::string> &tenant) {
    const auto connection = pool_.lease();
    return sign_in_of(tenant ? connection->run(choose, {token, *tenant}) : connection->run(choose_none, {token}));
}

void TenantClient::logout(const std::string &token) { pool_.lease()->run(log_out, {token}); }

void TenantClient::ping() { pool_.lease()->run(alive); }

std::string TenantClient::session(const std::string &token) {
    const std::array<Call, 2> calls{{{&attach, {token}}, {&who, {}}}};
    return std::string(ask(calls).back().text(0, 0));
}

rest::Role TenantClient::role(const std::string &token) {
    const std::array<Call, 2> calls{{{&attach, {token}}, {&acting_role, {}}}};
    return ask(calls).back().text(0, 0) == "tenancy_admin" ? rest::Role::admin : rest::Role::user;
}

std::optional<Answer> TenantClient::list(const std::string &token, const std::string &resource) {
    const auto known = catalog_.find(resource, pool_);
    return read(token, known ? &known->list : nullptr, {});
}

std::optional<Answer> TenantClient::one(const std::string &token, const std::string &resource, const std::string &id) {
    const auto known = catalog_.find(resource, pool_);
    return read(token, known && !known->one.sql.empty() ? &known->one : nullptr, {id});
}

// Without a statement it only attaches: whoever is not signed in must not learn which resources exist.
std::optional<Answer> TenantClient::read(const std::string &token, const Statement *statement,
                                         std::vector<std::string> parameters) {
    std::vector<Call> calls{{&attach_to_tenant, {token}}};
    if (statement) calls.push_back({statement, std::move(parameters)});
    const std::vector<Result> results = ask(calls);
    if (!statement || results.back().rows() == 0) return std::nullopt;
    const Result &context = results.front();
    Answer answer{std::string(results.back().text(0, 0)), std::string(context.text(0, 1)), std::nullopt};
    if (!context.is_null(0, 2)) answer.tenant_id = context.text(0, 2);
    return answer;
}

std::vector<Result> TenantClient::ask(std::span<const Call> calls) {
    try {
        return pool_.lease()->run(calls);
    } catch (const ConnectFailure &) {
        throw;
    } catch (const PgFailure &failure) {
        if (failure.sqlstate.starts_with("42") && failure.sqlstate != "42501") catalog_.forget();
        // What is asked here are reads, which may be asked once more: when the connection had died in the pool, and when the
        // server gave the read up because a migration that locks a table before its view would have waited for ever.
        const bool unheard = failure.connection_lost && failure.nothing_received;
        if (!unheard && failure.sqlstate != "40P01") throw;
    }
    return pool_.lease()->run(calls);
}

} // namespace gateway::db
