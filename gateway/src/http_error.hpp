// What a handler throws to answer with an error, and the one table from SQLSTATE to HTTP status.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace gateway {

struct HttpError : std::exception {
    HttpError(int http_status, std::string error_code, std::string error_message, std::string error_hint = {})
        : status(http_status), code(std::move(error_code)), message(std::move(error_message)),
          hint(std::move(error_hint)) {}
    const char *what() const noexcept override { return message.c_str(); }

    int status;
    std::string code;
    std::string message;
    std::string hint;
    std::string details;
    std::string details_json; // in the place of details
    std::string allow;       // for 405
    int retry_after = 0;     // seconds; 0: not said
    // Never on a 401: the browser may have got another cookie since it sent the request.
    bool clear_cookie = false;
};

int status_for_sqlstate(std::string_view sqlstate);

// The answer to a failure that Postgres reported. Texts of the server go out only where they speak of the client's own
// input or of the tenancy rules; details never, because they quote values.
HttpError error_for_sqlstate(std::string_view sqlstate, std::string_view message, std::string_view hint);

HttpError unavailable(std::string message); // 503 with Retry-After

} // namespace gateway
