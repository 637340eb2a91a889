// Session cookie and bearer token: from a request's headers alone, no database.
#pragma once

#include "http/request.hpp"

#include <optional>
#include <string>

namespace gateway {

class Credentials {
public:
    explicit Credentials(bool secure_cookies) : secure_(secure_cookies) {}

    // The token of the session cookie or of "Authorization: Bearer"; nothing when there is neither, or it cannot be a
    // token. Two cookies of our name, or a cookie and a bearer token, are refused (HttpError 400): which one counts
    // must not be the attacker's choice. A browser sends no bearer token by itself, so it needs no same-origin check.
    std::optional<std::string> token(const http::Request &request) const;

    std::string set_cookie(const http::Request &request, std::string_view token, long max_age_seconds) const;
    std::string clear_cookie(const http::Request &request) const;

private:
    bool secure(const http::Request &request) const { return secure_ || request.https; }
    std::string_view name(const http::Request &request) const {
        return secure(request) ? "__Host-tenancy_session" : "tenancy_session";
    }
    bool secure_;
};

// Throws HttpError 415 unless the body is declared as JSON.
void require_json(const http::Request &request);

} // namespace gateway
