#include "rest/executor.hpp"

#include "rest/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace gateway::rest {

namespace {

// What the schema lacks may have been made since it was read.
bool may_be_new(const Error &error) {
    constexpr std::array<std::string_view, 6> codes = {"PGRST200", "PGRST202", "PGRST203", "PGRST204", "PGRST205", "42703"};
    return std::find(codes.begin(), codes.end(), error.code) != codes.end();
}

// What a statement of an older schema meets.
bool is_outdated(const db::PgFailure &failure) {
    constexpr std::array<std::string_view, 6> states = {"42P01", "42703", "42883", "42704", "0A000", "26000"};
    return !failure.connection_lost && std::find(states.begin(), states.end(), failure.sqlstate) != states.end();
}

// The connection's own statement is at fault, not the schema that it was compiled with.
bool is_outdated_plan(const db::PgFailure &failure) { return failure.sqlstate == "0A000" || failure.sqlstate == "26000"; }

std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

void check(const Query &query, const Request &request, std::int64_t rows) {
    if (request.id && rows == 0) throw Error(404, "TNCY404", "no such record");
    if (query.single && rows != 1) throw not_single(rows);
    if (query.max_affected && rows > *query.max_affected) throw too_many_affected(rows, *query.max_affected);
}

db::Work work_of(const Query &query, const db::Statement &statement) {
    for (const std::string &parameter : query.parameters)
        if (parameter.find('\0') != std::string::npos) throw Error(400, "22021", "a value holds a NUL, which no text may");
    db::Work work;
    work.statement = statement;
    work.parameters = query.parameters;
    work.read_only = !query.writes;
    return work;
}

} // namespace

Executor::Plan Executor::plan(const Schema &schema, Target target, const std::string &name, const Request &request) {
    Query query = target == Target::function                                              ? call_query(schema, name, request, limits_)
                  : request.method == Method::get || request.method == Method::head ? read_query(schema, name, request, limits_)
                                                                                    : write_query(schema, name, request, limits_);
    auto entry = statements_.get(schema.version, query.shape, [&] { return compile(schema, query, limits_); });
    return {std::move(query), std::move(entry)};
}

template <typename Use>
auto Executor::with_plan(const db::Caller &caller, Target target, const std::string &name, const Request &request,
                         const Use &use) {
    auto schema = schema_->current();
    std::optional<Plan> made;
    try {
        made = plan(*schema, target, name, request);
    } catch (const Error &error) {
        client_.require(caller);
        if (!may_be_new(error)) throw;
        const auto newer = schema_->look_again();
        if (newer == schema) throw;
        schema = newer;
        made = plan(*schema, target, name, request);
    }
    try {
        return use(*made, made->entry->prepared);
    } catch (const db::PgFailure &failure) {
        // The whole pipeline failed, so nothing of a write has been done.
        if (!is_outdated(failure)) throw;
        const auto newer = schema_->look_again();
        if (newer == schema && !is_outdated_plan(failure)) throw;
        made = plan(*newer, target, name, request);
    }
    return use(*made, db::Statement{{}, made->entry->statement.sql});
}

Outcome Executor::run(const db::Caller &caller, Target target, const std::string &name, const Request &request) {
    return with_plan(caller, target, name, request, [&](Plan &made, const db::Statement &statement) {
        Query &query = made.query;
        db::Work work = work_of(query, statement);
        if (query.writes && (request.prefer.rollback || query.single || query.max_affected))
            work.keep = [&](const db::Result &result) {
                check(query, request, number(result.text(0, 1)));
                return !request.prefer.rollback;
            };
        db::Answer answer = client_.run(caller, work);
        Outcome outcome;
        outcome.rows = number(answer.result.text(0, 1));
        if (!work.keep) check(query, request, outcome.rows);
        if (!query.without_body) outcome.body = made.entry->statement.body_prefix;
        outcome.body += answer.result.text(0, 0);
        if (!answer.result.is_null(0, 2)) outcome.total = number(answer.result.text(0, 2));
        if (!answer.result.is_null(0, 3)) outcome.key = answer.result.text(0, 3);
        outcome.query = std::move(query);
        outcome.context = std::move(answer.context);
        return outcome;
    });
}

db::RowStream Executor::stream(const db::Caller &caller, Target target, const std::string &name, const Request &request) {
    return with_plan(caller, target, name, request, [&](const Plan &made, const db::Statement &statement) {
        if (made.query.writes || request.id)
            throw Error(406, "PGRST107", "None of these media types are available: application/x-ndjson", {},
                        "Lines are for lists that are only read.");
        return client_.stream(caller, work_of(made.query, statement));
    });
}

} // namespace gateway::rest
