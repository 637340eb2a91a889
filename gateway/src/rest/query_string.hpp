// The query part of a request's target as decoded name=value pairs.
#pragma once

#include "rest/limits.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

struct Parameter {
    std::string name;
    std::string value;
};

// Percent escapes and `+` decoded. Throws PGRST100 for a broken escape, NUL, text that is not UTF-8, or too much of it.
std::vector<Parameter> parse_query_string(std::string_view query, const Limits &limits);

// The same for a form's body, which may be as long as a body may be and have as many fields as a table has columns.
std::vector<Parameter> parse_form(std::string_view body, const Limits &limits);

} // namespace gateway::rest
