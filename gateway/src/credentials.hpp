// Session cookie, bearer token and same-origin checks: from a request's headers alone, no database.
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

    std::string set_cookie(std::string_view token, long max_age_seconds) const;
    std::string clear_cookie() const;

private:
    std::string_view name() const { return secure_ ? "__Host-tenancy_session" : "tenancy_session"; }
    bool secure_;
};

// A browser says where a request comes from. Throws HttpError 403 unless that is this gateway's own page.
void require_same_origin(const http::Request &request);

// Throws HttpError 415 unless the body is declared as JSON.
void require_json(const http::Request &request);

} // namespace gateway
