#include "server.hpp"

#include "db/self_check.hpp"
#include "handlers/description.hpp"
#include "handlers/health.hpp"
#include "handlers/records.hpp"
#include "handlers/session.hpp"
#include "handlers/stats.hpp"
#include "http_error.hpp"
#include "json.hpp"
#include "log.hpp"
#include "rest/error.hpp"
#include "tracing.hpp"

#include <algorithm>
#include <chrono>

namespace gateway {

namespace {

using Handler = void (*)(Services &, const http::Request &, const Names &, httplib::Response &);

struct Route {
    std::vector<std::string_view> methods; // GET serves HEAD too
    std::vector<std::string_view> path;    // "*" leaves a segment open
    Handler handler;
};

// Below the prefix. The first route whose path fits counts, so the fixed ones come first.
const std::vector<Route> api_routes = {
    {{"POST"}, {"auth", "login"}, handlers::login},
    {{"POST"}, {"auth", "tenant"}, handlers::choose_tenant},
    {{"POST"}, {"auth", "logout"}, handlers::logout},
    {{"GET"}, {"auth", "session"}, handlers::show_session},
    {{"GET"}, {"demo"}, handlers::demo},
    {{"GET"}, {"stats"}, handlers::stats},
    {{"GET"}, {""}, handlers::describe_api},
    {{"GET", "POST"}, {"rpc", "*"}, handlers::call_function},
    {{"GET", "POST", "PATCH", "DELETE", "PUT"}, {"*"}, handlers::records},
    {{"GET", "PATCH", "DELETE", "PUT"}, {"*", "*"}, handlers::record},
};

const std::vector<Route> own_routes = {
    {{"GET"}, {"healthz"}, handlers::healthz},
    {{"GET"}, {"readyz"}, handlers::readyz},
};

bool serves(std::string_view method, const std::string &asked) {
    return asked == method || (asked == "HEAD" && method == "GET");
}

HttpError method_not_allowed(const std::vector<std::string_view> &methods) {
    HttpError error(405, "TNCY405", "this method is not allowed here");
    for (const std::string_view method : methods) {
        if (!error.allow.empty()) error.allow += ", ";
        error.allow += method == "GET" ? "GET, HEAD" : method;
    }
    return error;
}

// True when a route took the request. `name` becomes its template below `above`, which the metrics tell.
bool route(const std::vector<Route> &routes, Services &services, const http::Request &request, const Names &segments,
           const std::string &above, std::string &name, httplib::Response &response) {
    for (const Route &r : routes) {
        Names open;
        const bool fits = std::equal(r.path.begin(), r.path.end(), segments.begin(), segments.end(),
                                     [&](std::string_view expected, const std::string &segment) {
                                         if (expected == "*") open.push_back(segment);
                                         return expected == "*" || expected == segment;
                                     });
        if (!fits) continue;
        name = above;
        for (const std::string_view segment : r.path) (name += '/') += segment;
        if (std::none_of(r.methods.begin(), r.methods.end(),
                         [&](std::string_view method) { return serves(method, request.method); }))
            throw method_not_allowed(r.methods);
        r.handler(services, request, open, response);
        return true;
    }
    return false;
}

Names prefix_segments(const std::string &prefix) { return http::path_segments(prefix).value(); }

HttpError from_rest(const rest::Error &failure) {
    HttpError error(failure.status, failure.code, failure.message, failure.hint);
    error.details = failure.details;
    error.details_json = failure.details_json;
    if (failure.code == "PGRST101") error.allow = "POST"; // a function that may change data
    if (failure.code == "PGRST105") error.allow = "GET, HEAD, POST, PATCH, DELETE";
    return error;
}

// What Postgres said, as an answer. A server error's text goes to the log, for the client gets a fixed one.
HttpError from_database(const db::PgFailure &failure, const std::string &request_id) {
    HttpError error = failure.sqlstate.empty() ? unavailable("the database is not available")
                                               : error_for_sqlstate(failure.sqlstate, failure.message, failure.hint);
    // A form can show at which field it went wrong. The name alone: Postgres's own details quote values.
    if (failure.sqlstate.starts_with("23")) error.details = failure.broken_rule;
    if (error.status >= 500)
        log::write(log::Level::error, "database failure",
                   {{"sqlstate", failure.sqlstate}, {"reason", failure.message}, {"request", request_id}});
    return error;
}

} // namespace

Server::Server(const std::string &prefix, Services services, const std::string &web_root)
    : prefix_text_(prefix), prefix_(prefix_segments(prefix)), login_path_(prefix_segments(prefix + "/auth/login")), services_(std::move(services)) {
    if (!web_root.empty()) files_.emplace(web_root);
}

bool Server::is_slow(const http::Request &request) const {
    return request.method == "POST" && http::path_segments(request.path) == login_path_;
}

bool Server::needs_data(const http::Request &request) const {
    // The usual path needs no decoding. It is asked for each request, and a second time when the request waited in the line.
    if (std::string_view(request.path).starts_with(prefix_text_) && request.path.size() > prefix_text_.size() &&
        request.path[prefix_text_.size()] == '/')
        return true;
    const auto segments = http::path_segments(request.path);
    if (!segments) return false;
    return *segments == Names{"readyz"} ||
           (segments->size() >= prefix_.size() && std::equal(prefix_.begin(), prefix_.end(), segments->begin()));
}

void Server::set_edge(Edge edge) {
    auto made = std::make_shared<const Edge>(std::move(edge));
    const std::lock_guard lock(edge_mutex_);
    edge_.swap(made);
}

std::shared_ptr<const Edge> Server::current_edge() {
    const std::lock_guard lock(edge_mutex_);
    return edge_;
}

void Server::answer(http::Request &request, httplib::Response &response) {
    const log::Together lines;
    const auto start = std::chrono::steady_clock::now();
    const std::string id = request_id(request);
    const auto trace = traceparent(request);
    const db::Trace named_in_database(trace_to_database_ ? trace.value_or(id) : "");
    std::string route_name = "other";
    const std::shared_ptr<const Edge> edge = current_edge();
    edge->resolve(request);
    const auto segments = http::path_segments(request.path);
    try {
        dispatch(request, segments, *edge, route_name, response);
    } catch (const HttpError &error) {
        answer_error(request, error, response);
    } catch (const rest::Error &error) {
        answer_error(request, from_rest(error), response);
    } catch (const db::ConnectFailure &failure) {
        log::write(log::Level::error, "cannot connect to the database", {{"reason", failure.message}, {"request", id}});
        services_.metrics->count_database_error("");
        answer_error(request, unavailable("the database is not available"), response);
    } catch (const db::PgFailure &failure) {
        services_.metrics->count_database_error(failure.sqlstate);
        answer_error(request, from_database(failure, id), response);
    } catch (const db::SelfCheckFailed &failure) {
        log::write(log::Level::error, failure.reason, {{"request", id}});
        answer_error(request, unavailable("the gateway's database role is not acceptable"), response);
    } catch (const db::PoolExhausted &) {
        answer_error(request, unavailable("all database connections are busy"), response);
    } catch (const std::exception &error) {
        log::write(log::Level::error, "internal error", {{"reason", error.what()}, {"request", id}});
        answer_error(request, HttpError(500, "TNCY500", "internal error"), response);
    } catch (...) {
        answer_error(request, HttpError(500, "TNCY500", "internal error"), response);
    }
    edge->set_headers(request, is_api(segments), response);
    response.headers.emplace("X-Request-Id", id);
    count(request, response, route_name, std::chrono::steady_clock::now() - start);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
    log::write(log::Level::info, "request",
               {{"method", request.method},
                {"path", std::string_view(request.path).substr(0, 200)},
                {"status", static_cast<long long>(response.status)},
                {"us", static_cast<long long>(took.count())},
                {"request", id},
                {trace ? "trace" : "", trace ? std::string_view(*trace).substr(3, 32) : ""}});
}

void Server::count(const http::Request &request, const httplib::Response &response, const std::string &route_name,
                   std::chrono::steady_clock::duration took) {
    Metrics &metrics = *services_.metrics;
    metrics.count_request(route_name, request.method, response.status, took);
    if (is_slow(request)) metrics.count_sign_in(response.status);
}

bool Server::is_api(const std::optional<Names> &segments) const {
    return segments && segments->size() >= prefix_.size() &&
           std::equal(prefix_.begin(), prefix_.end(), segments->begin());
}

void Server::dispatch(const http::Request &request, const std::optional<Names> &segments, const Edge &edge,
                      std::string &name, httplib::Response &response) {
    if (!segments) throw HttpError(400, "TNCY400", "the path is not valid percent-encoded UTF-8");
    if (is_api(segments)) {
        if (edge.answer_preflight(request, response)) return;
        require_own_page(request);
        const Names rest(segments->begin() + static_cast<std::ptrdiff_t>(prefix_.size()), segments->end());
        if (!route(api_routes, services_, request, rest, prefix_text_, name, response))
            throw HttpError(404, "TNCY404", "no such resource");
        return;
    }
    if (route(own_routes, services_, request, *segments, "", name, response)) return;
    if (!serves("GET", request.method)) throw method_not_allowed({"GET"});
    if (!files_) throw HttpError(404, "TNCY404", "there is nothing at this address");
    files_->answer(request, *segments, response);
    name = "page";
}

void Server::answer_error(const http::Request &request, const HttpError &error, httplib::Response &response) const {
    // What a handler had begun to say must not go out with the error.
    response.headers.clear();
    if (request.body_parts) *request.body_parts = nullptr;
    response.status = error.status;
    response.body = error.details_json.empty()
                        ? error_json(error.code, error.message, error.details, error.hint)
                        : error_json_with(error.code, error.message, error.details_json, error.hint);
    response.set_header("Content-Type", "application/json; charset=utf-8");
    if (!error.allow.empty()) response.set_header("Allow", error.allow);
    if (error.retry_after > 0) response.set_header("Retry-After", std::to_string(error.retry_after));
    if (error.clear_cookie) response.set_header("Set-Cookie", services_.credentials.clear_cookie(request));
}

} // namespace gateway
