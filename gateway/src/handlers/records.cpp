#include "handlers/records.hpp"

#include "handlers/session.hpp"
#include "http_error.hpp"
#include "json.hpp"
#include "log.hpp"
#include "rest/error.hpp"
#include "rest/keyset.hpp"
#include "rest/negotiation.hpp"
#include "rest/range.hpp"

#include <cctype>

namespace gateway::handlers {

namespace {

using Return = rest::Preferences::Return;

constexpr std::size_t piece_bytes = 64 * 1024;

std::vector<std::string_view> values_of(const http::Request &request, std::string_view name) {
    std::vector<std::string_view> values;
    for (const http::Header &header : request.headers)
        if (header.name == name) values.push_back(header.value);
    return values;
}

bool is_read(const http::Request &request) { return request.method == "GET" || request.method == "HEAD"; }

rest::Method method_of(const http::Request &request) {
    if (request.method == "GET") return rest::Method::get;
    if (request.method == "HEAD") return rest::Method::head;
    if (request.method == "POST") return rest::Method::post;
    if (request.method == "PATCH") return rest::Method::patch;
    if (request.method == "PUT") return rest::Method::put;
    return rest::Method::delete_;
}

// One schema is exposed; a client that names another one must not think that it got it.
void require_profile(Services &services, const http::Request &request) {
    const std::string schema = services.data->schema_name();
    for (const std::string_view profile : values_of(request, is_read(request) ? "accept-profile" : "content-profile"))
        if (profile != schema)
            throw rest::Error(406, "PGRST106", "The schema must be one of the following: " + schema);
}

rest::Request read_request(Services &services, const http::Request &request) {
    rest::Request made;
    made.method = method_of(request);
    made.query = request.query;
    made.prefer = rest::parse_preferences(values_of(request, "prefer"));
    made.format = rest::accepted_format(values_of(request, "accept"));
    if (is_read(request)) {
        const auto ranges = values_of(request, "range");
        if (ranges.size() == 1) made.range = rest::parse_range(ranges.front());
    } else if (request.method != "DELETE") {
        made.body_format = rest::body_format(values_of(request, "content-type"));
        made.body = request.body;
    }
    require_profile(services, request);
    return made;
}

// The page compares it with the session that it shows: the cookie may have changed in another tab meanwhile.
void set_context(httplib::Response &response, const db::Context &context) {
    std::string text = "user=" + http::percent_encoded(context.user_id);
    if (context.tenant) text += "&tenant=" + http::percent_encoded(*context.tenant);
    response.headers.emplace("Tenancy-Context", std::move(text));
}

void set_applied(httplib::Response &response, const rest::Preferences &prefer) {
    std::string applied;
    for (const std::string &each : prefer.applied) applied += (applied.empty() ? "" : ", ") + each;
    if (!applied.empty()) response.set_header("Preference-Applied", applied);
}

void set_type(httplib::Response &response, std::string_view type) {
    response.headers.emplace("Content-Type", type);
}

// Where the one row that was written can be read: its key as filters.
std::string location(const http::Request &request, const std::string &key) {
    std::string text = request.path;
    char separator = '?';
    const auto columns = nlohmann::ordered_json::parse(key);
    for (const auto &[name, value] : columns.items()) {
        text += separator + http::percent_encoded(name) + "=" +
                (value.is_null() ? "is.null"
                                 : "eq." + http::percent_encoded(value.is_string() ? value.get<std::string>() : value.dump()));
        separator = '&';
    }
    return text;
}

int status_of(const rest::Outcome &outcome, const rest::Request &asked) {
    const bool representation = asked.prefer.returns == Return::representation;
    switch (outcome.query.action) {
    case rest::Query::Action::insert: return 201;
    case rest::Query::Action::upsert_one:
    case rest::Query::Action::update:
    case rest::Query::Action::remove: return representation ? 200 : 204;
    case rest::Query::Action::call:
        if (outcome.query.no_result) return 204;
        break;
    case rest::Query::Action::read: break;
    }
    return rest::part_of(outcome.query.offset(), outcome.rows, outcome.total).status;
}

std::string content_range(const rest::Outcome &outcome) {
    using Action = rest::Query::Action;
    const Action action = outcome.query.action;
    if (action == Action::read || action == Action::call)
        return rest::part_of(outcome.query.offset(), outcome.rows, outcome.total).content_range;
    const std::string all = outcome.total ? std::to_string(*outcome.total) : "*";
    if (action == Action::update && outcome.rows > 0) return "0-" + std::to_string(outcome.rows - 1) + "/" + all;
    return "*/" + all;
}

void answer_rows(Services &services, const http::Request &request, const db::Caller &caller, rest::Target target,
                 const std::string &name, const rest::Request &asked, std::string_view type, httplib::Response &response) {
    rest::Outcome outcome = services.data->run(caller, target, name, asked);
    set_context(response, outcome.context);
    services.metrics->count_answer(outcome.context.tenant);
    services.metrics->count_rows(outcome.context.tenant, outcome.rows);
    set_applied(response, asked.prefer);
    response.status = status_of(outcome, asked);
    if (!outcome.query.no_result && !asked.id) response.headers.emplace("Content-Range", content_range(outcome));
    if (outcome.query.is_keyset && outcome.key) response.set_header("Next-After", rest::keyset_token(*outcome.key));
    else if (outcome.key) response.set_header("Location", location(request, *outcome.key));
    response.body = std::move(outcome.body);
    if (response.status != 204 && (!response.body.empty() || request.method == "HEAD")) set_type(response, type);
}

// One place among the streams.
class Place {
public:
    explicit Place(std::shared_ptr<std::counting_semaphore<>> streams) : streams_(std::move(streams)) {
        if (!streams_->try_acquire()) throw unavailable("too many answers are being streamed");
    }
    ~Place() { streams_->release(); }
    Place(const Place &) = delete;
    Place &operator=(const Place &) = delete;

private:
    const std::shared_ptr<std::counting_semaphore<>> streams_;
};

struct Lines {
    Place place;
    db::RowStream rows;
};

void answer_lines(Services &services, const http::Request &request, const db::Caller &caller, rest::Target target,
                  const std::string &name, const rest::Request &asked, httplib::Response &response) {
    if (request.minor_version == 0 || !request.body_parts)
        throw HttpError(505, "TNCY505", "lines are sent in chunks, which HTTP/1.0 does not know",
                        "Ask with HTTP/1.1; a proxy in front may have to be told (nginx: proxy_http_version 1.1).");
    const std::shared_ptr<Lines> lines(new Lines{Place(services.streams), services.data->stream(caller, target, name, asked)});
    set_context(response, lines->rows.context());
    services.metrics->count_answer(lines->rows.context().tenant);
    set_applied(response, asked.prefer);
    set_type(response, rest::media_type(rest::Format::lines));
    response.status = 200;
    *request.body_parts = [lines, metrics = services.metrics](std::string &piece) {
        try {
            std::int64_t sent = 0;
            for (; lines->rows.row() && piece.size() < piece_bytes; ++sent) {
                piece.append(lines->rows.row()->text(0, 0)).push_back('\n');
                lines->rows.advance();
            }
            metrics->count_rows(lines->rows.context().tenant, sent);
        } catch (const db::PgFailure &failure) {
            metrics->count_database_error(failure.sqlstate);
            log::write(log::Level::warning, "a stream broke off", {{"sqlstate", failure.sqlstate}, {"reason", failure.message}});
            throw;
        }
        return lines->rows.row().has_value();
    };
}

void answer(Services &services, const http::Request &request, rest::Target target, const std::string &name,
            std::optional<std::string> id, httplib::Response &response) {
    const db::Caller caller = required_caller(services, request);
    rest::Request asked = read_request(services, request);
    const std::string_view type = rest::media_type(asked.format);
    if (request.method == "HEAD" && asked.format == rest::Format::lines) asked.format = rest::Format::json;
    if (asked.format == rest::Format::lines)
        return answer_lines(services, request, caller, target, name, asked, response);
    if (id) {
        asked.id = std::move(id);
        if (asked.format == rest::Format::json) asked.format = rest::Format::object;
    }
    answer_rows(services, request, caller, target, name, asked, type, response);
}

// Postgres takes " 7" for 7; one row has one address.
void require_plain_id(const std::string &id) {
    const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    if (id.empty()) throw HttpError(404, "TNCY404", "no such record");
    if (blank(id.front()) || blank(id.back())) throw HttpError(400, "22P02", "the id begins or ends with a space");
}

} // namespace

void records(Services &services, const http::Request &request, const Names &names, httplib::Response &response) {
    answer(services, request, rest::Target::relation, names.at(0), std::nullopt, response);
}

// Another tenant's row, a missing row: the same answer, because the policies hide the one as if it were the other.
void record(Services &services, const http::Request &request, const Names &names, httplib::Response &response) {
    required_caller(services, request);
    require_plain_id(names.at(1));
    answer(services, request, rest::Target::relation, names.at(0), names.at(1), response);
}

void call_function(Services &services, const http::Request &request, const Names &names, httplib::Response &response) {
    answer(services, request, rest::Target::function, names.at(0), std::nullopt, response);
}

} // namespace gateway::handlers
