// The data of the exposed schema, in PostgREST's dialect. Postgres builds the bodies.
#pragma once

#include "handlers/services.hpp"

namespace gateway::handlers {

void records(Services &, const http::Request &, const Names &, httplib::Response &);       // {resource}
void record(Services &, const http::Request &, const Names &, httplib::Response &);        // {resource}/{id}
void call_function(Services &, const http::Request &, const Names &, httplib::Response &); // rpc/{function}

} // namespace gateway::handlers
