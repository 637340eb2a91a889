#include "http_error.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace gateway {

namespace {

enum class Text { of_server, fixed };

struct Rule {
    std::string_view prefix; // of the SQLSTATE; the first that fits counts
    int status;
    Text text;
    const char *message; // when fixed
    int retry_after;
};

constexpr std::array<Rule, 32> rules = {{
    {"28P01", 401, Text::fixed, "wrong user name or password", 0},
    {"28", 401, Text::fixed, "not signed in, or the session has ended", 0},
    {"42501", 403, Text::of_server, "", 0},
    {"53400", 429, Text::of_server, "", 5},
    {"53300", 503, Text::fixed, "the database has no free connection", 1},
    {"53", 503, Text::fixed, "the database is out of resources", 1},
    {"23505", 409, Text::fixed, "a row with this key exists already", 0},
    {"23503", 409, Text::fixed, "a row that this one refers to, or that refers to it, stands in the way", 0},
    {"23", 400, Text::fixed, "the values break a rule of the table", 0},
    {"22", 400, Text::of_server, "", 0},
    {"21", 400, Text::fixed, "the request matches more than one row", 0},
    {"42P01", 404, Text::fixed, "no such resource", 0},
    {"40", 503, Text::fixed, "the database could not finish this beside other work", 1},
    {"57014", 504, Text::fixed, "the query took too long and was cancelled", 0},
    {"57P", 503, Text::fixed, "the database is not available", 1},
    {"08", 503, Text::fixed, "the database is not available", 1},
    {"55P03", 503, Text::fixed, "the rows are locked by other work", 1},
    {"54", 400, Text::fixed, "the request is beyond a limit of the database", 0},
    {"P0001", 400, Text::of_server, "", 0},
    {"25006", 405, Text::fixed, "what only reads cannot write, and neither can a standby", 0},
    {"25", 500, Text::fixed, "internal error", 0},
    {"0A", 400, Text::fixed, "the database cannot do this", 0},
    {"428C9", 400, Text::fixed, "a column whose value is always generated takes none", 0},
    {"42601", 400, Text::fixed, "a value is not written as its operator wants it", 0},
    {"42704", 400, Text::fixed, "something that the request names does not exist", 0},
    {"42P10", 400, Text::fixed, "on_conflict names no unique key of the table", 0},
    {"42804", 400, Text::fixed, "the types of the request do not fit those of the table", 0},
    {"42846", 400, Text::fixed, "the types of the request do not fit those of the table", 0},
    {"42", 500, Text::fixed, "internal error", 0},
    {"55000", 400, Text::fixed, "this cannot be written", 0},
    {"58", 503, Text::fixed, "the database is not available", 1},
    {"", 500, Text::fixed, "internal error", 0},
}};

const Rule &rule_for(std::string_view sqlstate) {
    for (const Rule &rule : rules)
        if (sqlstate.starts_with(rule.prefix)) return rule;
    return rules.back();
}

// "Try again in 12 seconds." of the extension's throttling.
std::optional<int> seconds_in(std::string_view hint) {
    constexpr std::string_view before = "Try again in ";
    if (!hint.starts_with(before)) return std::nullopt;
    hint.remove_prefix(before.size());
    int seconds = 0;
    const auto [stopped, error] = std::from_chars(hint.data(), hint.data() + hint.size(), seconds);
    const std::string_view after(stopped, static_cast<std::size_t>(hint.data() + hint.size() - stopped));
    if (error != std::errc() || seconds <= 0 || !after.starts_with(" second")) return std::nullopt;
    return seconds;
}

// The way out over HTTP, of refusals whose own hint names a function.
std::string http_hint(std::string_view message) {
    if (message == "no tenant chosen in this session")
        return "Choose a tenant first: POST auth/tenant with {\"tenantId\": …}. GET auth/session lists yours.";
    if (message == "not a member of this tenant") return "Choose one of the tenants that GET auth/session lists.";
    return {};
}

} // namespace

int status_for_sqlstate(std::string_view sqlstate) { return rule_for(sqlstate).status; }

HttpError error_for_sqlstate(std::string_view sqlstate, std::string_view message, std::string_view hint) {
    // The extension's refusals say when to try again. Postgres has the same code for its own limits, such as that of
    // temporary files: those are no fault of the client, and their text is none of its business.
    const bool own_limit = sqlstate == "53400" && !hint.starts_with("Try again");
    const Rule &rule = rule_for(own_limit ? "53" : sqlstate);
    const bool theirs = rule.text == Text::of_server;
    // A hint that names a function of ours speaks to people who write SQL; over HTTP nobody can call it.
    const bool for_clients = theirs && hint.find("tenancy.") == std::string_view::npos;
    HttpError error(rule.status, std::string(sqlstate), theirs ? std::string(message) : rule.message,
                    for_clients ? std::string(hint) : theirs ? http_hint(message) : std::string());
    error.retry_after = rule.status == 429 ? seconds_in(hint).value_or(rule.retry_after) : rule.retry_after;
    return error;
}

HttpError unavailable(std::string message) {
    HttpError error(503, "TNCY503", std::move(message));
    error.retry_after = 1;
    return error;
}

} // namespace gateway
