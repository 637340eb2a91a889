// The SQL contract with the extension: one function here for each thing a handler may ask, each one round trip.
#pragma once

#include "db/catalog.hpp"
#include "db/pool.hpp"

#include <optional>
#include <string>

namespace gateway::db {

struct SignIn {
    std::string token;
    std::string session_json;
    long seconds = 0; // until the session ends
};

class TenantClient {
public:
    TenantClient(Pool &pool, Catalog &catalog) : pool_(pool), catalog_(catalog) {}

    SignIn login(const std::string &user_name, const std::string &password, const std::string &client_json);
    std::string choose_tenant(const std::string &token, const std::string &tenant); // session JSON
    std::string session(const std::string &token);                                  // session JSON
    void logout(const std::string &token);

    // JSON text as Postgres built it; nothing when there is no such resource, or no such row for this token's tenant.
    std::optional<std::string> list(const std::string &token, const std::string &resource);
    std::optional<std::string> one(const std::string &token, const std::string &resource, const std::string &id);

    void ping(); // throws when the database cannot serve

private:
    Result read(const std::string &token, const Statement *statement, std::vector<std::string> parameters);

    Pool &pool_;
    Catalog &catalog_;
};

} // namespace gateway::db
