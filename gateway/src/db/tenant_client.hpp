// The SQL contract with the extension: one function here for each thing a handler may ask, each one round trip.
#pragma once

#include "db/caller.hpp"
#include "db/client_scope.hpp"
#include "db/replica.hpp"
#include "db/pool.hpp"
#include "rest/openapi.hpp"

#include <functional>
#include <optional>
#include <string>

namespace gateway::db {

struct SignIn {
    std::string token; // empty: the one that the caller has stays
    std::string session_json;
    long seconds = 0; // until the session ends
};

// For whom the database answered.
struct Context {
    std::string user_id;
    Tenant tenant; // nothing: an admin's answer about all tenants
};

struct Answer {
    Result result;
    Context context;
};

// Whether a change stays, by what it answered.
using Keep = std::function<bool(const Result &)>;

// A statement for a tenant's rows, and how it runs.
struct Work {
    Statement statement;
    std::vector<std::string> parameters;
    bool read_only = true; // Postgres refuses to write, whatever the statement calls
    // Whether what was done stays; it may throw, and then nothing does. Empty: it stays.
    Keep keep;
};

// Rows that are read one by one. It holds a connection as long as it lives.
class RowStream {
public:
    RowStream(Client::Lease lease, Context context, std::optional<Result> first)
        : lease_(std::move(lease)), context_(std::move(context)), row_(std::move(first)) {}
    const std::optional<Result> &row() const { return row_; } // nothing: that was the last one
    void advance() { row_ = lease_->next_row(); }
    const Context &context() const { return context_; }

private:
    Client::Lease lease_;
    Context context_;
    std::optional<Result> row_;
};

class TenantClient {
public:
    // Without a replica (nullptr) everything is asked of the primary.
    explicit TenantClient(ClientScope &scope, Replica *replica = nullptr) : scope_(scope), replica_(replica) {}

    SignIn login(const std::string &user_name, const std::string &password, const std::string &client_json);
    SignIn choose_tenant(const std::string &token, const std::optional<std::string> &tenant);
    std::string session(const Caller &caller); // session JSON
    void logout(const std::string &token);
    rest::Role role(const Caller &caller); // that the token's statements run as

    // Throws what a statement for this caller would throw before it is looked at: whoever is not signed in must not
    // learn from a refusal what there is.
    void require(const Caller &caller);
    Answer run(const Caller &caller, const Work &work);
    // What is wrong with the statement is thrown here, not by the rows. `keep` does not count.
    RowStream stream(const Caller &caller, const Work &work);

    void ping(); // throws when the database cannot serve

private:
    std::vector<Result> ask(Client &client, std::span<const Call> calls);
    std::vector<Result> ask_for_reading(Client &client, const std::string &token, std::span<const Call> calls);
    Result change(const std::string &token, const Call &call);
    std::vector<Result> change(Connection &connection, const std::string &token, std::span<const Call> calls,
                               const Keep &keep); // throws as Connection::run, also for what may have been done
    void changed(const std::string &token, Connection &connection); // after each change that this token made
    std::shared_ptr<Client> client_for(const Caller &caller);
    Client::Lease lease_for(const std::string &token);
    Context context_of(const Caller &caller, const Result &attached);

    ClientScope &scope_;
    Replica *replica_;
};

} // namespace gateway::db
