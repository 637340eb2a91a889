// What stands between the gateway and a browser: the proxies whose word counts, TLS, and the pages of other origins that
// may ask. Everything here is decided from a request's headers and its peer; nothing asks the database.
#pragma once

#include "http/network.hpp"
#include "http/request.hpp"

#include <httplib.h>

#include <optional>
#include <string>
#include <vector>

namespace gateway {

struct Edge {
    std::vector<http::Network> trusted_proxies; // X-Forwarded-For, -Proto and -Host count from these peers alone
    std::vector<std::string> cors_origins;      // as parse_origin returns them
    bool https = false;                         // TLS is in front, whoever the peer is
    long hsts_seconds = 31'536'000;             // 0: not said

    // Fills in what the peer's word decides: the client's address, https, authority and named_origin.
    void resolve(http::Request &request) const;

    // Answers what a browser asks before a request of another origin. False: it is no such question.
    bool answer_preflight(const http::Request &request, httplib::Response &response) const;

    // The headers that every answer carries; `api`: it is one of those that other origins may be named for.
    void set_headers(const http::Request &request, bool api, httplib::Response &response) const;
};

// "https://app.example.com" or "http://localhost:5173", in lower case and without the scheme's own port. Nothing for what is
// no such origin: with a path, "null", "*".
std::optional<std::string> parse_origin(std::string_view text);

// A browser says where a request comes from. Throws HttpError 403 unless a change comes from this gateway's own pages or
// a named origin.
void require_same_origin(const http::Request &request);

// The same for everything below the prefix, reads too: another site may link to an answer, and that is all. Its scripts,
// images and frames get 403, where a cookie of a sister site (SameSite is blind to those) would have come along.
void require_own_page(const http::Request &request);

} // namespace gateway
