// JSON as the gateway needs it: a strict reader for small request bodies, and a few writers. Rows never pass through
// here: Postgres builds their JSON and the gateway hands it on as text.
#pragma once

#include <nlohmann/json.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace gateway {

struct BadJson : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Refuses broken JSON, invalid UTF-8, duplicate keys and more than `depth` levels; throws BadJson. The text never
// quotes the input, which may hold a password.
nlohmann::json parse_json(std::string_view text, std::size_t depth = 16);

void append_json_string(std::string &out, std::string_view text); // quoted; invalid UTF-8 becomes '?'
std::string json_string(std::string_view text);

// {"code","message","details","hint"}; empty details and hint are null.
std::string error_json(std::string_view code, std::string_view message, std::string_view details = {},
                       std::string_view hint = {});
// The same with details that are JSON already.
std::string error_json_with(std::string_view code, std::string_view message, std::string_view details_json,
                            std::string_view hint);

} // namespace gateway
