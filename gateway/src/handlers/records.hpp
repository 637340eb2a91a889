// The rows of the exposed schema, as JSON that Postgres builds.
#pragma once

#include "handlers/services.hpp"

namespace gateway::handlers {

void list_records(Services &, const http::Request &, const Names &, httplib::Response &);
void show_record(Services &, const http::Request &, const Names &, httplib::Response &);

} // namespace gateway::handlers
