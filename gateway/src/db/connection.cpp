#include "db/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace gateway::db {

namespace {

constexpr Oid text_type = 25;
const Statement limit_session{"limit_session", "select set_config('statement_timeout', $1, false)"};
const Statement limit_transaction{"limit_transaction", "select set_config('statement_timeout', $1, true)"};
const Statement name_trace{"trace", "select set_config('application_name', $1, true)"};
const Statement begin_transaction{"begin", "begin"};
const Statement commit_transaction{"commit", "commit"};
const Statement roll_back_transaction{"rollback", "rollback"};
thread_local std::string current_trace;
constexpr std::size_t most_prepared = 512;
// Postgres ends an overlong statement itself; this much later the network must be at fault.
constexpr auto answer_grace = std::chrono::seconds(5);

std::string field(const PGresult *result, int code) {
    const char *text = PQresultErrorField(result, code);
    return text ? text : "";
}

std::string broken_rule(const PGresult *result) {
    if (const std::string name = field(result, PG_DIAG_CONSTRAINT_NAME); !name.empty())
        return "constraint \"" + name + "\"";
    const std::string name = field(result, PG_DIAG_COLUMN_NAME);
    return name.empty() ? name : "column \"" + name + "\"";
}

// Waits for the socket, the deadline or the abort. False: the deadline passed or the abort was raised.
bool wait_for(int fd, short events, Clock::time_point deadline, const Abort *abort) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        std::array<pollfd, 2> fds{{{fd, events, 0}, {abort ? abort->descriptor() : -1, POLLIN, 0}}};
        const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(left));
        if (ready < 0 && errno != EINTR) return false;
        if (ready > 0 && fds[1].revents) return false;
        if (ready > 0) return true;
    }
}

} // namespace

Abort::Abort() : event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Abort::~Abort() { ::close(event_); }

void Abort::raise() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto ignored = ::write(event_, &one, sizeof one);
}

Trace::Trace(std::string name) { current_trace = std::move(name); }

Trace::~Trace() { current_trace.clear(); }

Connection::Connection(const ConnectionOptions &options) : options_(options) {
    // One by one, because libpq has no deadline for a host that does not answer when it is asked without blocking.
    const std::vector<Host> hosts = several_hosts(options_.url);
    const std::size_t first = options_.first_host->load();
    std::string reasons;
    for (std::size_t i = 0; i < std::max<std::size_t>(hosts.size(), 1); ++i) {
        const std::size_t number = hosts.empty() ? 0 : (first + i) % hosts.size();
        try {
            connect(hosts.empty() ? nullptr : &hosts[number]);
            options_.first_host->store(number);
            break;
        } catch (ConnectFailure &failure) {
            reasons += (i > 0 ? "; " : "") + failure.message;
            if (i + 1 < hosts.size()) continue;
            failure.message = reasons;
            throw;
        }
    }
    PQsetnonblocking(connection_.get(), 1);
    // Outside any attach, where a context seals the session against SET.
    if (options_.pooler == Pooler::none) run(limit_session, {std::to_string(options_.statement_timeout.count())});
}

void Connection::connect(const Host *host) {
    // What the operator wrote in the URL wins over the name, never over the encoding. An empty value counts as none.
    const std::array<const char *, 7> keys = {"fallback_application_name", "dbname", "host", "hostaddr", "port",
                                              "client_encoding", nullptr};
    const std::array<const char *, 7> values = {"tenancy-gateway",
                                                options_.url.c_str(),
                                                host ? host->host.c_str() : nullptr,
                                                host ? host->hostaddr.c_str() : nullptr,
                                                host ? host->port.c_str() : nullptr,
                                                "UTF8",
                                                nullptr};
    connection_.reset(PQconnectStartParams(keys.data(), values.data(), 1));
    const auto deadline = Clock::now() + options_.connect_timeout;
    const auto refuse = [&](std::string message) {
        ConnectFailure failure;
        failure.message = std::move(message);
        failure.connection_lost = true;
        failure.nothing_received = true;
        throw failure;
    };
    if (!connection_) refuse("out of memory");
    PQsetNoticeProcessor(connection_.get(), [](void *, const char *) {}, nullptr); // libpq prints notices to stderr
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(connection_.get())) {
        if (state == PGRES_POLLING_FAILED || PQstatus(connection_.get()) == CONNECTION_BAD)
            refuse(PQerrorMessage(connection_.get()));
        if (!wait_for(PQsocket(connection_.get()), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline,
                      options_.abort))
            refuse("no answer from the database server in time");
    }
}

Connection::~Connection() {
    if (options_.on_closed) options_.on_closed(Clock::now() - born_);
}

void Connection::lost(const char *why) {
    PgFailure failure;
    failure.message = why;
    failure.connection_lost = true;
    failure.nothing_received = !received_;
    throw failure;
}

PgFailure Connection::failure(const PGresult *result) const {
    PgFailure failure;
    failure.sqlstate = field(result, PG_DIAG_SQLSTATE);
    failure.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    failure.hint = field(result, PG_DIAG_MESSAGE_HINT);
    failure.broken_rule = broken_rule(result);
    if (failure.message.empty()) failure.message = PQresultErrorMessage(result);
    // FATAL closes the session: the server is going down, or somebody ended this backend.
    failure.connection_lost = failure.sqlstate.empty() || failure.sqlstate.starts_with("08") ||
                              field(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "FATAL" ||
                              PQstatus(connection_.get()) == CONNECTION_BAD;
    failure.nothing_received = !received_;
    return failure;
}

void Connection::wait(short events, Clock::time_point deadline) {
    if (!wait_for(PQsocket(connection_.get()), events, deadline, options_.abort)) {
        received_ = true; // the server may be working on it: never send it again
        lost("no answer from the database server in time");
    }
}

void Connection::send_all(Clock::time_point deadline) {
    while (true) {
        const int left = PQflush(connection_.get());
        if (left == 0) return;
        if (left < 0) lost("the connection to the database server broke");
        wait(POLLIN | POLLOUT, deadline);
        // Reading while writing: the server may be blocked on sending us something.
        if (!PQconsumeInput(connection_.get())) lost("the connection to the database server broke");
    }
}

PGresult *Connection::next_result(Clock::time_point deadline) {
    while (PQisBusy(connection_.get())) {
        wait(POLLIN, deadline);
        if (!PQconsumeInput(connection_.get())) {
            // The server's last words may be in the buffer already: let PQgetResult tell them.
            if (PQisBusy(connection_.get())) lost("the connection to the database server broke");
        }
    }
    return PQgetResult(connection_.get());
}

// Before the attach, which seals the session against changes.
std::vector<Call> Connection::with_own(std::span<const Call> calls, std::size_t &own) const {
    std::vector<Call> all;
    if (options_.pooler == Pooler::transaction)
        all.push_back({&limit_transaction, {std::to_string(options_.statement_timeout.count())}});
    if (!current_trace.empty()) all.push_back({&name_trace, {current_trace}});
    own = all.size();
    all.insert(all.end(), calls.begin(), calls.end());
    return all;
}

std::vector<Result> Connection::run(std::span<const Call> calls) {
    if (options_.pooler == Pooler::none && current_trace.empty()) return run_pipeline(calls); // nothing of its own to add
    std::size_t own = 0;
    const std::vector<Call> all = with_own(calls, own);
    std::vector<Result> results = run_pipeline(all);
    results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(own));
    return results;
}

std::vector<Result> Connection::run_and_decide(std::span<const Call> calls,
                                               const std::function<bool(const Result &)> &keep) {
    std::vector<Call> all{{&begin_transaction, {}}};
    std::size_t own = 0;
    for (Call &call : with_own(calls, own)) all.push_back(std::move(call));
    const std::array<Call, 1> roll_back{Call{&roll_back_transaction, {}}};
    std::vector<Result> results;
    bool kept = false;
    try {
        results = run_pipeline(all);
        kept = keep(results.back());
    } catch (const PgFailure &failure) {
        if (!failure.connection_lost) run_pipeline(roll_back);
        throw;
    } catch (...) {
        run_pipeline(roll_back);
        throw;
    }
    const std::array<Call, 1> commit{Call{&commit_transaction, {}}};
    run_pipeline(kept ? commit : roll_back);
    results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(own + 1));
    return results;
}

std::vector<Connection::Step> Connection::send(std::span<const Call> calls) {
    deadline_ = Clock::now() + options_.statement_timeout + answer_grace;
    PGconn *connection = connection_.get();
    received_ = false;
    if (!PQenterPipelineMode(connection)) lost("the connection to the database server is not idle");
    std::vector<Step> steps;
    bool sent = true;
    for (const Call &call : calls) {
        const Statement &statement = *call.statement;
        const int count = static_cast<int>(call.parameters.size());
        const std::vector<Oid> types(call.parameters.size(), text_type);
        const bool keeps = options_.pooler == Pooler::none && !statement.name.empty();
        if (keeps && !prepared_.contains(statement.name)) {
            sent = sent && PQsendPrepare(connection, statement.name.c_str(), statement.sql.c_str(), count, types.data());
            steps.push_back({statement.name});
        }
        std::vector<const char *> values;
        for (const std::string &parameter : call.parameters) values.push_back(parameter.c_str());
        sent = sent && (keeps ? PQsendQueryPrepared(connection, statement.name.c_str(), count, values.data(), nullptr, nullptr, 0)
                              : PQsendQueryParams(connection, statement.sql.c_str(), count, types.data(), values.data(),
                                                  nullptr, nullptr, 0));
        steps.push_back({});
    }
    if (!sent || !PQpipelineSync(connection)) lost("the connection to the database server broke");
    send_all(deadline_);
    return steps;
}

// The first failure counts: what comes after it in the pipeline was not run.
void Connection::note_failure(std::optional<PgFailure> &failed, const PGresult *result) {
    if (failed || PQresultStatus(result) == PGRES_PIPELINE_ABORTED) return;
    failed = failure(result);
    forgotten_ = forgotten_ || failed->sqlstate == "26000";
    if (failed->connection_lost) throw *failed;
}

std::vector<Result> Connection::run_pipeline(std::span<const Call> calls) {
    const std::vector<Step> steps = send(calls);
    PGconn *connection = connection_.get();
    std::vector<Result> results;
    std::optional<PgFailure> failed;
    std::size_t step = 0;
    while (true) {
        PGresult *raw = next_result(deadline_);
        if (!raw) {
            if (PQstatus(connection) == CONNECTION_BAD) {
                if (failed) throw *failed;
                lost("the connection to the database server broke");
            }
            ++step; // the end of one step's results
            continue;
        }
        Result result(raw);
        const ExecStatusType status = PQresultStatus(raw);
        if (status == PGRES_PIPELINE_SYNC) break;
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
            received_ = true;
            // A prepared statement stays, whatever becomes of the transaction.
            if (step < steps.size() && !steps[step].prepares.empty()) prepared_.insert(steps[step].prepares);
            else results.push_back(std::move(result));
        } else {
            note_failure(failed, raw);
        }
    }
    PQexitPipelineMode(connection);
    if (failed) throw *failed;
    return results;
}

std::vector<Result> Connection::stream(std::span<const Call> calls) {
    std::size_t own = 0;
    const std::vector<Call> all = with_own(calls, own);
    const std::vector<Step> steps = send(all);
    std::vector<Result> results;
    std::optional<PgFailure> failed;
    for (std::size_t step = 0; step + 1 < steps.size();) {
        PGresult *raw = next_result(deadline_);
        if (!raw) {
            if (PQstatus(connection_.get()) == CONNECTION_BAD) lost("the connection to the database server broke");
            ++step;
            continue;
        }
        Result result(raw);
        const ExecStatusType status = PQresultStatus(raw);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            note_failure(failed, raw);
            continue;
        }
        received_ = true;
        if (!steps[step].prepares.empty()) prepared_.insert(steps[step].prepares);
        else results.push_back(std::move(result));
    }
    if (failed) {
        end_stream();
        throw *failed;
    }
    if (!PQsetSingleRowMode(connection_.get())) lost("the connection to the database server is not ready for rows");
    results.erase(results.begin(), results.begin() + static_cast<std::ptrdiff_t>(own));
    return results;
}

std::optional<Result> Connection::next_row() {
    std::optional<PgFailure> failed;
    while (PGresult *raw = next_result(deadline_)) {
        Result result(raw);
        const ExecStatusType status = PQresultStatus(raw);
        if (status == PGRES_SINGLE_TUPLE) return result;
        if (status != PGRES_TUPLES_OK) note_failure(failed, raw); // else that was all
    }
    if (PQstatus(connection_.get()) == CONNECTION_BAD) lost("the connection to the database server broke");
    // Behind the last row stands what the end of the transaction says.
    if (auto at_end = end_stream(); at_end && !failed) failed = std::move(at_end);
    if (failed) throw *failed;
    return std::nullopt;
}

std::optional<PgFailure> Connection::end_stream() {
    std::optional<PgFailure> failed;
    while (true) {
        PGresult *raw = next_result(deadline_);
        if (!raw) {
            if (PQstatus(connection_.get()) == CONNECTION_BAD) lost("the connection to the database server broke");
            continue;
        }
        const Result result(raw);
        if (PQresultStatus(raw) == PGRES_PIPELINE_SYNC) break;
        note_failure(failed, raw);
    }
    PQexitPipelineMode(connection_.get());
    return failed;
}

Result Connection::run(const Statement &statement, std::vector<std::string> parameters) {
    const std::array<Call, 1> call = {Call{&statement, std::move(parameters)}};
    return std::move(run(call).back());
}

std::optional<std::string> Connection::notification(Clock::time_point until) {
    struct Free {
        void operator()(PGnotify *notify) const { PQfreemem(notify); }
    };
    received_ = true; // whatever is lost here, nothing is to be sent again
    while (true) {
        const std::unique_ptr<PGnotify, Free> notify(PQnotifies(connection_.get()));
        if (notify) return std::string(notify->extra);
        if (!wait_for(PQsocket(connection_.get()), POLLIN, until, options_.abort)) return std::nullopt;
        if (!PQconsumeInput(connection_.get())) lost("the connection to the database server broke");
    }
}

bool Connection::alive() const {
    if (PQstatus(connection_.get()) != CONNECTION_OK) return false;
    // An idle server says nothing: bytes are its farewell (57P01), the end is its end.
    char byte = 0;
    return ::recv(PQsocket(connection_.get()), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Connection::reusable() const {
    return PQstatus(connection_.get()) == CONNECTION_OK && PQpipelineStatus(connection_.get()) == PQ_PIPELINE_OFF &&
           PQtransactionStatus(connection_.get()) == PQTRANS_IDLE && prepared_.size() <= most_prepared && !forgotten_;
}

} // namespace gateway::db
