// What is wrong with a request for data, in PostgREST's codes: the same shape as the answer that the client gets.
// Texts quote names from the request, never values.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

struct Error : std::exception {
    Error(int http_status, std::string error_code, std::string error_message, std::string error_details = {},
          std::string error_hint = {})
        : status(http_status),
          code(std::move(error_code)),
          message(std::move(error_message)),
          details(std::move(error_details)),
          hint(std::move(error_hint)) {}
    const char *what() const noexcept override { return message.c_str(); }

    int status;
    std::string code;
    std::string message;
    std::string details;
    std::string hint;
    // PGRST201: the relationships that the request may mean, as a JSON array for `details`; then it takes its place.
    std::string details_json;
};

// PGRST100: the text of one parameter is not what the dialect says. `position` counts bytes from 1.
Error parse_error(std::string_view parameter, std::size_t position, std::string_view expected);
Error bound_error(std::string_view what, std::size_t limit);  // PGRST100, too much of something
Error body_error(std::string message, std::string hint = {}); // PGRST102
Error range_error(std::string details);                       // PGRST103, 416
Error aggregate_error();                                      // PGRST123
Error not_single(long long rows);                             // PGRST116, 406: an object was asked for
Error too_many_affected(long long rows, long long limit);     // PGRST124, 400: roll back

// "Perhaps you mean …": the name nearest to `wanted`, or nothing when none is near.
std::string nearest_hint(std::string_view wanted, const std::vector<std::string> &names);

} // namespace gateway::rest
