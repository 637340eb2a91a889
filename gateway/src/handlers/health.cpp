#include "handlers/health.hpp"

#include "http_error.hpp"

namespace gateway::handlers {

void healthz(Services &, const http::Request &, const Names &, httplib::Response &response) {
    answer_json(response, R"({"status":"ok"})");
}

void readyz(Services &services, const http::Request &, const Names &, httplib::Response &response) {
    services.database.ping();
    answer_json(response, R"({"status":"ok"})");
}

void demo(Services &services, const http::Request &, const Names &, httplib::Response &response) {
    if (services.demo_json.empty()) throw HttpError(404, "TNCY404", "this gateway serves no demo");
    answer_json(response, services.demo_json);
}

} // namespace gateway::handlers
