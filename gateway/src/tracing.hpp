// How a request is known across logs: its X-Request-Id, and its traceparent (W3C Trace Context).
#pragma once

#include "http/request.hpp"

#include <optional>
#include <string>

namespace gateway {

// The one that came along, when it is 1 to 64 letters, digits, '.', '_' and '-'; else a new one.
std::string request_id(const http::Request &request);

// The traceparent header when there is exactly one, and it is valid to the letter.
std::optional<std::string> traceparent(const http::Request &request);

} // namespace gateway
