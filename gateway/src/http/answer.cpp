#include "http/answer.hpp"

#include <array>
#include <charconv>

namespace gateway::http {

namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::size_t usual_head = 1024;

void append_number(std::string &out, std::size_t number) {
    std::array<char, 24> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_header(std::string &out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append(line_end);
}

bool may_have_length(const Request &request, const httplib::Response &response) {
    if (response.status == 204 || response.status == 304) return false;
    // Of an answer that was made without its body, nobody knows how long that would be.
    return request.method != "HEAD" || !response.body.empty();
}

} // namespace

std::string_view reason_phrase(int status) {
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return status < 300 ? "OK" : status < 400 ? "Found" : status < 500 ? "Bad Request" : "Internal Server Error";
    }
}

void append_answer(std::string &out, const Request &request, const httplib::Response &response, bool close) {
    const bool in_parts = request.body_parts && *request.body_parts;
    const bool with_body = !in_parts && request.method != "HEAD";
    out.reserve(out.size() + usual_head + (with_body ? response.body.size() : 0));
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::size_t>(response.status));
    out.append(" ").append(reason_phrase(response.status)).append(line_end);
    if (close) append_header(out, "Connection", "close");
    else if (request.minor_version == 0) append_header(out, "Connection", "keep-alive");
    out += common_headers;
    for (const auto &[name, value] : response.headers) append_header(out, name, value);
    if (in_parts) {
        append_header(out, "Transfer-Encoding", "chunked");
    } else if (may_have_length(request, response)) {
        out += "Content-Length: ";
        append_number(out, response.body.size());
        out += line_end;
    }
    out += line_end;
    if (with_body) out += response.body;
}

} // namespace gateway::http
