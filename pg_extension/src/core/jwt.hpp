// Signed tokens (JWT, RFC 7519; JWS compact form, RFC 7515) and the keys that check them (JWK, RFC 7517, 8037).
// The algorithm belongs to the key, never to the token: a token's "alg" only has to agree with it. There is no "none",
// no key out of a token, no extension ("crit"). Nothing here knows the database; keys are OpenSSL's.
// Errors of keys are thrown (22023, for who registers them); a token's refusal is a value, for nobody outside sees it.
#pragma once

#ifdef POSTGRES_H
#error "core headers come before the Postgres headers"
#endif

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenancy::core::jwt {

inline constexpr std::size_t longest_token = 16 * 1024;
inline constexpr std::size_t longest_key = 16 * 1024;
inline constexpr std::size_t longest_identifier = 255; // of an issuer, an audience, a user, a tenant, a kid
inline constexpr int most_keys = 16;                   // of one issuer

enum class Algorithm { hs256, rs256, ps256, es256, eddsa };

std::optional<Algorithm> algorithm_named(std::string_view name);
std::string_view name_of(Algorithm algorithm);

// Which of the allowed algorithms a JWK is for: the one it names, else the first that fits its type. Nothing when the
// key is for something else (encryption, another curve, an algorithm that is not allowed).
// Errors: 22023 for a key that would be used and is weak, broken or private.
std::optional<Algorithm> algorithm_of(std::string_view jwk, const std::vector<Algorithm> &allowed);

// A public key, or the shared secret of HS256. The secret is wiped when the key goes.
class Key {
public:
    // Errors: 22023.
    Key(std::string_view jwk, Algorithm algorithm);
    ~Key();
    Key(Key &&) noexcept;
    Key &operator=(Key &&) = delete;

    Algorithm algorithm() const { return algorithm_; }

    // Whether the signature is this key's over the input. Never throws for a bad one.
    bool verifies(std::string_view input, std::string_view signature) const;

private:
    struct Free {
        void operator()(void *key) const;
    };
    Algorithm algorithm_;
    std::string secret_;
    std::unique_ptr<void, Free> public_key_; // an EVP_PKEY
};

// What an issuer's tokens must say. Claims are named, or pointed to in nested objects: "/app_metadata/tenant".
struct Terms {
    std::vector<std::string> audience; // one of them
    std::string audience_claim;
    std::string user_claim;
    std::string tenant_claim; // empty: tokens say nothing of tenants
    bool require_expiry = true;
    double leeway = 0; // seconds by which clocks may differ
};

struct Issuer {
    struct NamedKey {
        std::string kid; // empty: for tokens of any kid
        Key key;
    };
    Terms terms;
    std::vector<NamedKey> keys;
};

// The issuers that a process has met, by name.
using Issuers = std::map<std::string, Issuer, std::less<>>;

enum class Refusal {
    none,
    malformed,
    unacceptable_algorithm,
    critical_header,
    no_key,
    wrong_signature,
    expired,
    no_expiry,
    not_yet_valid,
    issued_in_future,
    wrong_audience,
    bad_date,
    bad_user,
    bad_tenant
};

// For the server's log.
const char *explain(Refusal refusal);

// What a token says. Character arrays only: a longjmp across it leaks nothing.
struct Claims {
    char user[longest_identifier + 1];
    int tenants;                              // how many the tenant claim names; 0 without one
    char only_tenant[longest_identifier + 1]; // the one, when it names one
    bool names_wanted;                        // whether it names the tenant that was asked for
    bool has_issued;                          // whether it tells when it was issued (iat)
    double issued;                            // in seconds since 1970
};

// A text with a dot is a signed token or nothing; session tokens have none.
inline bool looks_signed(std::string_view token) { return token.find('.') != std::string_view::npos; }

// The issuer that an unchecked token names. False when this is no token. `issuer` has longest_identifier + 1 bytes.
bool issuer_of(std::string_view token, char *issuer);

// Checks the signature first and then what it signs, so that only holders of a genuine token learn of its state.
// `now` is in seconds since 1970; `wanted_tenant` may be empty.
Refusal verify(const Issuer &issuer, std::string_view token, double now, std::string_view wanted_tenant,
               Claims &claims);

} // namespace tenancy::core::jwt
