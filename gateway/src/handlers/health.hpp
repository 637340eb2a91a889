// For load balancers and people on call; and the demo's text for the sign-in page.
#pragma once

#include "handlers/services.hpp"

namespace gateway::handlers {

void healthz(Services &, const http::Request &, const Names &, httplib::Response &); // the process answers
void readyz(Services &, const http::Request &, const Names &, httplib::Response &);  // and the database does
void demo(Services &, const http::Request &, const Names &, httplib::Response &);

} // namespace gateway::handlers
