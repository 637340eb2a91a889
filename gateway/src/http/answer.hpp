// An answer's bytes, from what the handlers made. cpp-httplib's own writer is not used: it parses a request before it
// answers and formats each header by itself, which was more than a third of all instructions of a small read.
#pragma once

#include "http/request.hpp"

#include <httplib.h>

#include <string>
#include <string_view>

namespace gateway::http {

std::string_view reason_phrase(int status);

// Appends status line, headers and, unless it is sent in parts or the method is HEAD, the body.
void append_answer(std::string &out, const Request &request, const httplib::Response &response, bool close);

} // namespace gateway::http
