// One connection to Postgres: RAII over PGconn and PGresult, prepared statements and pipelines only. A connection
// belongs to one thread at a time. Every wait has a deadline and ends early when `Abort` is raised.
#pragma once

#include "db/conninfo.hpp"

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace gateway::db {

using Clock = std::chrono::steady_clock;

struct PgFailure : std::exception {
    const char *what() const noexcept override { return message.c_str(); }

    std::string sqlstate; // empty when libpq, not the server, tells it
    std::string message;
    std::string hint;
    std::string broken_rule; // the constraint or the column that a value does not fit, by its kind and name
    bool connection_lost = false;
    bool nothing_received = false; // no result came before: the statements may not have been seen at all
};

// Could not connect. Never says 28xxx to a client: it is the gateway's own login that failed, not theirs.
struct ConnectFailure : PgFailure {};

// Raised once, at the end of the process: all waits on Postgres give up.
class Abort {
public:
    Abort();
    ~Abort();
    Abort(const Abort &) = delete;
    Abort &operator=(const Abort &) = delete;
    void raise() noexcept;
    int descriptor() const { return event_; }

private:
    int event_;
};

// The `name` identifies the text: the same name always has the same SQL; without one it is never kept. Parameters are
// text, cast in the SQL.
struct Statement {
    std::string name;
    std::string sql;
};

struct Call {
    const Statement *statement;
    std::vector<std::string> parameters;
};

class Result {
public:
    explicit Result(PGresult *result = nullptr) : result_(result) {}
    int rows() const { return PQntuples(result_.get()); }
    bool is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
    std::string_view text(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column),
                static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }

private:
    struct Clear {
        void operator()(PGresult *result) const { PQclear(result); }
    };
    std::unique_ptr<PGresult, Clear> result_;
};

// What stands between: with a pooler that changes the server's connection from one transaction to the next, nothing of a
// session may be used or left behind, neither prepared statements nor settings.
enum class Pooler { none, transaction };

struct ConnectionOptions {
    std::string url;
    Pooler pooler = Pooler::none;
    std::chrono::milliseconds connect_timeout{2'000}; // for each host that the URL names
    // Of several hosts the one that answered last, asked first by the next connection.
    std::shared_ptr<std::atomic<std::size_t>> first_host = std::make_shared<std::atomic<std::size_t>>(0);
    std::chrono::milliseconds statement_timeout{10'000};
    const Abort *abort = nullptr;
    std::function<void(std::chrono::duration<double> age)> on_closed;
};

// While it lives, what this thread asks bears the name as application_name, so that pg_stat_activity and the server's log
// show which request a statement belongs to. It goes with the pipeline and ends with its transaction; empty: no name.
class Trace {
public:
    explicit Trace(std::string name);
    ~Trace();
    Trace(const Trace &) = delete;
    Trace &operator=(const Trace &) = delete;
};

class Connection {
public:
    explicit Connection(const ConnectionOptions &options); // throws ConnectFailure
    ~Connection();
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    // Sends all calls in one pipeline, which is one implicit transaction and one round trip; returns one result for each.
    // A statement this connection has not seen is prepared in the same pipeline, so that names are looked up with
    // the rights that an attach before it gave; behind a transaction pooler none is kept. Throws PgFailure for the first call that fails.
    std::vector<Result> run(std::span<const Call> calls);
    Result run(const Statement &statement, std::vector<std::string> parameters = {});

    // The same in a transaction of its own, which is committed when `keep` says so of the last result. Else, and when
    // anything throws, it is rolled back. One round trip more.
    std::vector<Result> run_and_decide(std::span<const Call> calls, const std::function<bool(const Result &)> &keep);

    // The same as run(), but the last call's rows come one by one from next_row(), so that a result of any size takes
    // little memory. Nothing is read before: the first call of next_row() may throw. A connection whose rows were not
    // read to their end is not reusable.
    std::vector<Result> stream(std::span<const Call> calls);
    std::optional<Result> next_row(); // nothing: that was the last one

    // The payload of the next notification on a channel that this connection listens on. Nothing: none came until then, or
    // the abort was raised.
    std::optional<std::string> notification(Clock::time_point until);

    bool alive() const;    // open, as far as the socket tells without a round trip
    bool reusable() const; // open, idle and with nothing left over
    Clock::time_point born() const { return born_; }
    Clock::time_point last_used() const { return last_used_; }
    void used(Clock::time_point at) { last_used_ = at; }
    int server_version() const { return PQserverVersion(connection_.get()); }

private:
    struct Finish {
        void operator()(PGconn *connection) const { PQfinish(connection); }
    };

    struct Step {
        std::string prepares; // empty: an execution
    };

    void connect(const Host *host); // nullptr: as the URL says
    std::vector<Call> with_own(std::span<const Call> calls, std::size_t &own) const;
    std::vector<Result> run_pipeline(std::span<const Call> calls);
    std::vector<Step> send(std::span<const Call> calls);
    std::optional<PgFailure> end_stream();
    void note_failure(std::optional<PgFailure> &failed, const PGresult *result);
    void wait(short events, Clock::time_point deadline);
    void send_all(Clock::time_point deadline);
    PGresult *next_result(Clock::time_point deadline);
    [[noreturn]] void lost(const char *why);
    PgFailure failure(const PGresult *result) const;

    ConnectionOptions options_;
    std::unique_ptr<PGconn, Finish> connection_;
    std::unordered_set<std::string> prepared_;
    Clock::time_point born_ = Clock::now();
    Clock::time_point last_used_{};
    bool received_ = false; // in the current pipeline
    bool forgotten_ = false; // the server does not know what was prepared
    Clock::time_point deadline_{}; // of the pipeline that is under way
};

} // namespace gateway::db
