// What the API offers to the caller, as OpenAPI.
#pragma once

#include "handlers/services.hpp"

namespace gateway::handlers {

void describe_api(Services &, const http::Request &, const Names &, httplib::Response &);

} // namespace gateway::handlers
