// Base64url (RFC 4648, section 5) without padding, in its one canonical spelling.
#pragma once

#ifdef POSTGRES_H
#error "core headers come before the Postgres headers"
#endif

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenancy::core::base64url {

// Nothing for any text that encode() would not give: padding, blanks, another alphabet, bits left over.
inline std::optional<std::string> decode(std::string_view text)
{
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t buffer = 0;
    int bits = 0;
    for (const char c : text) {
        std::uint32_t value;
        if (c >= 'A' && c <= 'Z')
            value = static_cast<std::uint32_t>(c - 'A');
        else if (c >= 'a' && c <= 'z')
            value = static_cast<std::uint32_t>(c - 'a') + 26;
        else if (c >= '0' && c <= '9')
            value = static_cast<std::uint32_t>(c - '0') + 52;
        else if (c == '-')
            value = 62;
        else if (c == '_')
            value = 63;
        else
            return std::nullopt;
        buffer = (buffer << 6 | value) & 0xFFFF;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes.push_back(static_cast<char>(buffer >> bits & 0xFF));
        }
    }
    // A last character alone carries no byte; bits that are not used must be zero.
    if (text.size() % 4 == 1 || (buffer & ((1u << bits) - 1)) != 0)
        return std::nullopt;
    return bytes;
}

} // namespace tenancy::core::base64url
