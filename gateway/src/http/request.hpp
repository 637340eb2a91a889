// One checked HTTP request, as the handlers see it. Header values are the bytes that were sent: cpp-httplib
// percent-decodes them, which lets one cookie hide a second, so its own parsed headers are never used.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::http {

struct Header {
    std::string name; // lower case
    std::string value;
};

// Makes the body of an answer while it is sent: appends a piece, and says whether there is more. What it throws cuts the
// connection, so that the client sees that the answer is not whole.
using BodyParts = std::function<bool(std::string &piece)>;

struct Request {
    std::string method;
    std::string path;  // before '?', still percent-encoded
    std::string query; // after '?', still percent-encoded
    bool has_query = false;
    int minor_version = 1;
    bool keep_alive = true;
    std::vector<Header> headers;
    std::string body;
    std::string remote_address; // the peer's; a trusted proxy's word takes its place

    // What Edge::resolve found.
    std::string authority;     // HOST[:PORT] as the browser knows it
    bool https = false;        // the browser's connection has TLS
    bool named_origin = false; // from a page of another origin that the operator has named

    // Of the answer: a handler that sets it sends the body in chunks. Nowhere without a connection server.
    BodyParts *body_parts = nullptr;

    // The first header of that (lower-case) name, or nullptr.
    const std::string *header(std::string_view name) const;
    std::size_t count(std::string_view name) const;
};

// Why a request was turned away before any handler saw it.
struct Refusal {
    int status = 400;
    const char *code = "TNCY400";
    std::string message;
};

bool equal_ignoring_case(std::string_view left, std::string_view right);
std::string_view trimmed(std::string_view text); // without spaces and tabs at both ends
bool valid_utf8(std::string_view text);          // strict: no overlong form, no surrogate

// Decodes the path's segments one by one, so that an encoded slash cannot make a new segment.
// Nothing when an escape is broken or a segment holds NUL or invalid UTF-8.
std::optional<std::vector<std::string>> path_segments(std::string_view path);

// Nothing when an escape is broken, or the result holds NUL or invalid UTF-8.
std::optional<std::string> percent_decoded(std::string_view text);
std::string percent_encoded(std::string_view text); // all but letters, digits and -._~

} // namespace gateway::http
