#include "handlers/description.hpp"

#include "handlers/session.hpp"
#include "http_error.hpp"
#include "static_files.hpp"

namespace gateway::handlers {

void describe_api(Services &services, const http::Request &request, const Names &, httplib::Response &response) {
    const rest::Role role = services.database.role(required_caller(services, request));
    const auto document = services.openapi->of(*services.schema->current(), role,
                                             std::string(services.credentials.cookie_name(request)));
    // Who asks decides what it says; a browser keeps it, and asks each time whether it still holds.
    response.set_header("Cache-Control", "private, no-cache");
    response.set_header("Vary", "Cookie, Authorization");
    response.set_header("ETag", document->etag);
    if (matches_etag(request.header("if-none-match"), document->etag)) {
        response.status = 304;
        return;
    }
    answer_json(response, document->json);
}

} // namespace gateway::handlers
