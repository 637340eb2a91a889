// The SQL contract with the extension: one function here for each thing a handler may ask, each one round trip.
#pragma once

#include "db/caller.hpp"
#include "db/catalog.hpp"
#include "db/client_scope.hpp"
#include "db/replica.hpp"
#include "db/pool.hpp"
#include "rest/openapi.hpp"

#include <optional>
#include <string>

namespace gateway::db {

struct SignIn {
    std::string token; // empty: the one that the caller has stays
    std::string session_json;
    long seconds = 0; // until the session ends
};

// Rows, and for whom the database gave them.
struct Answer {
    std::string json; // as Postgres built it
    std::string user_id;
    std::optional<std::string> tenant_id; // nothing: an admin's answer about all tenants
};

class TenantClient {
public:
    // Without a replica (nullptr) everything is asked of the primary.
    TenantClient(Pool &pool, Catalog &catalog, ClientScope &scope, Replica *replica = nullptr)
        : pool_(pool), catalog_(catalog), scope_(scope), replica_(replica) {}

    SignIn login(const std::string &user_name, const std::string &password, const std::string &client_json);
    SignIn choose_tenant(const std::string &token, const std::optional<std::string> &tenant);
    std::string session(const Caller &caller); // session JSON
    void logout(const std::string &token);
    rest::Role role(const Caller &caller); // that the token's statements run as

    // Nothing when there is no such resource, or no such row for this token's tenant.
    std::optional<Answer> list(const Caller &caller, const std::string &resource);
    std::optional<Answer> one(const Caller &caller, const std::string &resource, const std::string &id);

    void ping(); // throws when the database cannot serve

private:
    std::optional<Answer> read(const Caller &caller, const Statement *statement, std::vector<std::string> parameters);
    std::vector<Result> ask(Client &client, std::span<const Call> calls);
    std::vector<Result> ask_for_reading(Client &client, const std::string &token, std::span<const Call> calls);
    Result change(const std::string &token, const Call &call);
    void changed(const std::string &token, Connection &connection); // after each change that this token made
    std::shared_ptr<Client> client_for(const Caller &caller);
    Client::Lease lease_for(const std::string &token);

    Pool &pool_;
    Catalog &catalog_;
    ClientScope &scope_;
    Replica *replica_;
};

} // namespace gateway::db
