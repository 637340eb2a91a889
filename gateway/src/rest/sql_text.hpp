// The few ways in which text gets into SQL.
#pragma once

#include "rest/schema.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

// Always quoted; the name is the schema's, or a checked alias.
inline std::string quoted_name(std::string_view name) {
    std::string out = "\"";
    for (const char c : name) {
        if (c == '"') out.push_back('"');
        out.push_back(c);
    }
    return out + '"';
}

inline std::string qualified(const Schema &schema, std::string_view name) {
    return quoted_name(schema.name) + '.' + quoted_name(name);
}

inline std::string joined(const std::vector<std::string> &parts, std::string_view separator) {
    std::string out;
    for (const std::string &part : parts) {
        if (!out.empty()) out += separator;
        out += part;
    }
    return out;
}

} // namespace gateway::rest
