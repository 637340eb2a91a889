// Session tokens: 256 random bits handed out once as 43 characters of base64url (RFC 4648, section 5, no
// padding), and the SHA-256 digest that is all the database keeps. They throw SqlError.
#pragma once

#ifdef POSTGRES_H
#error "core headers come before the Postgres headers"
#endif

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tenancy::core::token {

inline constexpr std::size_t secret_bytes = 32;
inline constexpr std::size_t text_length = 43;

using Digest = std::array<std::uint8_t, 32>;

// A new token. Errors: 58000 when the system has no randomness to give.
std::string make();

// True for exactly text_length characters of the base64url alphabet.
bool well_formed(std::string_view token) noexcept;

// SHA-256 of the token's characters. Any text has a digest; check well_formed first. Errors: 58000 when OpenSSL has none.
// For one thread, like all of the backend.
Digest digest(std::string_view token);

} // namespace tenancy::core::token
