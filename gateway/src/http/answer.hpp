// An answer's bytes, from what the handlers made. cpp-httplib's own writer is not used: it parses a request before it
// answers and formats each header by itself, which was more than a third of all instructions of a small read.
#pragma once

#include "http/request.hpp"

#include <httplib.h>

#include <string>
#include <string_view>

namespace gateway::http {

std::string_view reason_phrase(int status);

// In every answer, so they are one piece of text.
inline constexpr std::string_view common_headers = "X-Content-Type-Options: nosniff\r\n"
                                                   "Referrer-Policy: same-origin\r\n"
                                                   "X-Frame-Options: DENY\r\n"
                                                   "Cross-Origin-Resource-Policy: same-origin\r\n"
                                                   "Cross-Origin-Opener-Policy: same-origin\r\n";

// Appends status line, the common headers and the response's own, and, unless it is sent in parts or the method is HEAD,
// the body.
void append_answer(std::string &out, const Request &request, const httplib::Response &response, bool close);

} // namespace gateway::http
