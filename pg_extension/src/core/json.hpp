// A small strict JSON reader (RFC 8259) for what strangers send: signed tokens and their keys. It accepts less than
// most: no member twice in an object, no NUL, valid UTF-8 only, bounded depth. Numbers stay as they were written, so
// that an identifier of 64 bits is not rounded. The size is bounded by the caller. Pure functions.
#pragma once

#ifdef POSTGRES_H
#error "core headers come before the Postgres headers"
#endif

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenancy::core::json {

inline constexpr int deepest = 16;

enum class Kind { null, boolean, number, string, array, object };

struct Value {
    Kind kind = Kind::null;
    std::string text;               // of a string its characters, of a number or boolean its literal
    std::vector<Value> items;       // of an array, or the values of an object
    std::vector<std::string> names; // of an object's values, one for each

    // The member of that name; null when there is none, or this is no object.
    const Value *find(std::string_view name) const;
    // The same for a string's characters.
    const std::string *find_string(std::string_view name) const;
};

// Nothing when the text is not exactly one acceptable value.
std::optional<Value> parse(std::string_view text);

} // namespace tenancy::core::json
