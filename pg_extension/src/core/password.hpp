// Password hashes through libxcrypt: bcrypt ($2a$ $2b$ $2y$), yescrypt ($y$) and SHA-512 ($6$) are checked;
// new hashes are yescrypt. Pure functions; they throw SqlError.
#pragma once

#ifdef POSTGRES_H
#error "core headers come before the Postgres headers"
#endif

#include <string>
#include <string_view>

namespace tenancy::core::password {

// Longest password anywhere, in bytes (libxcrypt's own bound less its terminator).
inline constexpr std::size_t longest = 511;
// bcrypt reads this many bytes and ignores the rest: longer passwords never match a bcrypt hash here.
inline constexpr std::size_t bcrypt_longest = 72;

enum class Scheme { unrecognized, too_costly, bcrypt, yescrypt, sha512 };

// Which scheme a stored hash is of. too_costly: verifying it would hold a backend for seconds
// (bcrypt above cost 14, SHA-512 above 1,000,000 rounds, yescrypt above the parameters of cost 8).
Scheme scheme_of(std::string_view hash) noexcept;

// True when the password belongs to the hash. An unusable hash or an overlong password is false, never an
// error. Costs one hashing whenever the hash is usable, also for an overlong password.
bool verify(std::string_view password, const std::string &hash);

// A new yescrypt hash. Errors: 22023 for an empty, overlong or NUL-holding password, 58000 without randomness.
std::string hash(std::string_view password);

// True for a usable hash that takes less work to break than a new one: another scheme, or yescrypt with smaller parameters.
bool outdated(std::string_view hash) noexcept;

} // namespace tenancy::core::password
