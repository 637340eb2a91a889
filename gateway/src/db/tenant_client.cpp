#include "db/tenant_client.hpp"

#include <charconv>

namespace gateway::db {

namespace {

const Statement attach{"attach", "select tenancy.attach($1)"};
const Statement log_out{"logout", "select tenancy.logout($1)"};
const Statement alive{"alive", "select 1"};

#define SESSION_JSON                                                                                                   \
    "json_build_object('userId', s.user_id, 'userName', s.user_name, 'isAdmin', s.is_admin, 'tenantId', s.tenant_id, " \
    "'tenantName', (select t->>'name' from jsonb_array_elements(s.tenants) t where t->>'id' = s.tenant_id limit 1), "  \
    "'tenants', coalesce(s.tenants, '[]'), 'expiresAt', s.expires_at)::text"

const Statement log_in{"login", "select s.token, " SESSION_JSON
                                ", greatest(0, floor(extract(epoch from s.expires_at - now())))::bigint "
                                "from tenancy.login($1, $2, $3::jsonb) s"};
const Statement choose{"choose_tenant", "select " SESSION_JSON " from tenancy.choose_tenant($1, $2) s"};
#undef SESSION_JSON

const Statement who{"whoami",
                    "select json_build_object('userId', w->'user_id', 'userName', w->'user_name', 'isAdmin', "
                    "w->'is_admin', 'tenantId', w->'tenant_id', 'tenantName', w->'tenant_name', 'tenants', "
                    "coalesce(w->'tenants', '[]'), 'expiresAt', w->'expires_at')::text from tenancy.whoami() w"};

} // namespace

SignIn TenantClient::login(const std::string &user_name, const std::string &password, const std::string &client_json) {
    const Result row = pool_.lease()->run(log_in, {user_name, password, client_json});
    SignIn sign_in;
    sign_in.token = row.text(0, 0);
    sign_in.session_json = row.text(0, 1);
    const auto seconds = row.text(0, 2);
    std::from_chars(seconds.data(), seconds.data() + seconds.size(), sign_in.seconds);
    return sign_in;
}

std::string TenantClient::choose_tenant(const std::string &token, const std::string &tenant) {
    return std::string(pool_.lease()->run(choose, {token, tenant}).text(0, 0));
}

void TenantClient::logout(const std::string &token) { pool_.lease()->run(log_out, {token}); }

void TenantClient::ping() { pool_.lease()->run(alive); }

std::string TenantClient::session(const std::string &token) { return std::string(read(token, &who, {}).text(0, 0)); }

std::optional<std::string> TenantClient::list(const std::string &token, const std::string &resource) {
    const auto known = catalog_.find(resource, pool_);
    const Result rows = read(token, known ? &known->list : nullptr, {});
    if (!known) return std::nullopt;
    return std::string(rows.text(0, 0));
}

std::optional<std::string> TenantClient::one(const std::string &token, const std::string &resource,
                                             const std::string &id) {
    const auto known = catalog_.find(resource, pool_);
    const bool answerable = known && !known->one.sql.empty();
    const Result rows = read(token, answerable ? &known->one : nullptr, answerable ? std::vector{id} : std::vector<std::string>{});
    if (!answerable || rows.rows() == 0) return std::nullopt;
    return std::string(rows.text(0, 0));
}

// Without a statement it only attaches: whoever is not signed in must not learn which resources exist.
Result TenantClient::read(const std::string &token, const Statement *statement, std::vector<std::string> parameters) {
    std::vector<Call> calls{{&attach, {token}}};
    if (statement) calls.push_back({statement, std::move(parameters)});
    try {
        return pool_.lease()->run(calls);
    } catch (const ConnectFailure &) {
        throw;
    } catch (const PgFailure &failure) {
        if (failure.sqlstate.starts_with("42") && failure.sqlstate != "42501") catalog_.forget();
        // The connection had died in the pool: a read that got no answer at all may be asked once more.
        if (!failure.connection_lost || !failure.nothing_received) throw;
    }
    return pool_.lease()->run(calls);
}

} // namespace gateway::db
