// The metrics: as JSON for an admin of the application, as Prometheus text on an address for operators alone.
#pragma once

#include "handlers/services.hpp"

namespace gateway::handlers {

void stats(Services &, const http::Request &, const Names &, httplib::Response &);

// Answers on --metrics-listen: GET /metrics, and nothing besides.
void answer_metrics(Metrics &metrics, const http::Request &request, httplib::Response &response);

} // namespace gateway::handlers
