#include "handlers/stats.hpp"

#include "handlers/session.hpp"
#include "http_error.hpp"
#include "json.hpp"

namespace gateway::handlers {

void stats(Services &services, const http::Request &request, const Names &, httplib::Response &response) {
    const auto session = nlohmann::json::parse(services.database.session(required_caller(services, request)));
    if (session.value("isAdmin", nlohmann::json()) != true)
        throw HttpError(403, "TNCY403", "the gateway's counts are for admins");
    answer_json(response, services.metrics->json());
}

void answer_metrics(Metrics &metrics, const http::Request &request, httplib::Response &response) {
    response.set_header("Cache-Control", "no-store");
    const bool read = request.method == "GET" || request.method == "HEAD";
    if (read && request.path == "/metrics") {
        response.status = 200;
        response.body = metrics.prometheus_text();
        response.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        return;
    }
    response.status = 404;
    response.body = error_json("TNCY404", "there is nothing at this address", {}, "The metrics are at /metrics.");
    response.set_header("Content-Type", "application/json; charset=utf-8");
}

} // namespace gateway::handlers
