#include "jwt.hpp"

#include "base64url.hpp"
#include "error.hpp"
#include "json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

namespace tenancy::core::jwt {

namespace {

struct Entry {
    Algorithm algorithm;
    std::string_view name;
    std::string_view key_type;
    std::string_view curve;
};

constexpr std::array<Entry, 5> algorithms = {{{Algorithm::hs256, "HS256", "oct", ""},
                                              {Algorithm::rs256, "RS256", "RSA", ""},
                                              {Algorithm::ps256, "PS256", "RSA", ""},
                                              {Algorithm::es256, "ES256", "EC", "P-256"},
                                              {Algorithm::eddsa, "EdDSA", "OKP", "Ed25519"}}};

constexpr std::size_t shortest_secret = 32; // RFC 7518, section 3.2
constexpr int shortest_modulus = 2048;      // bits; RFC 7518, section 3.3
constexpr int longest_modulus = 8192;       // bits; beyond that a check is a load
constexpr std::size_t longest_exponent = 8; // bytes
constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t ed25519_key_bytes = 32;

template <auto Function> struct Freeing {
    template <typename Pointer> void operator()(Pointer *pointer) const { Function(pointer); }
};
template <typename Type, auto Function> using Owned = std::unique_ptr<Type, Freeing<Function>>;

using PublicKey = Owned<EVP_PKEY, EVP_PKEY_free>;

// OpenSSL keeps a queue of what went wrong, which the server's own TLS code would stumble over.
class QuietErrors {
public:
    QuietErrors() = default;
    ~QuietErrors() { ERR_clear_error(); }
    QuietErrors(const QuietErrors &) = delete;
    QuietErrors &operator=(const QuietErrors &) = delete;
};

const Entry &entry_of(Algorithm algorithm)
{
    return *std::find_if(algorithms.begin(), algorithms.end(),
                         [&](const Entry &entry) { return entry.algorithm == algorithm; });
}

[[noreturn]] void refuse_key(std::string_view fact, std::string_view hint = {})
{
    throw SqlError("22023", fact, {}, hint);
}

const unsigned char *bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char *>(text.data()); }

json::Value parse_key(std::string_view jwk)
{
    if (jwk.size() > longest_key)
        refuse_key("key is too long", "A key as JWK has at most 16 kB.");
    std::optional<json::Value> key = json::parse(jwk);
    if (!key || key->kind != json::Kind::object)
        refuse_key("key is not a JSON object", "Give the issuer's keys as a JWKS: {\"keys\": [{\"kty\": …}]}.");
    return std::move(*key);
}

std::string key_bytes(const json::Value &key, std::string_view member)
{
    const std::string *text = key.find_string(member);
    std::optional<std::string> bytes = text != nullptr ? base64url::decode(*text) : std::nullopt;
    if (!bytes || bytes->empty())
        refuse_key("member \"" + std::string(member) + "\" of a key is missing or not base64url");
    return std::move(*bytes);
}

PublicKey make_public_key(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *made = nullptr;
    const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(builder));
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
        refuse_key("key is not a valid public key");
    return PublicKey(made);
}

PublicKey rsa_key(const json::Value &key)
{
    const std::string n = key_bytes(key, "n");
    const std::string e = key_bytes(key, "e");
    const Owned<BIGNUM, BN_free> modulus(BN_bin2bn(bytes_of(n), static_cast<int>(n.size()), nullptr));
    const Owned<BIGNUM, BN_free> exponent(BN_bin2bn(bytes_of(e), static_cast<int>(e.size()), nullptr));
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
    if (!modulus || !exponent || !builder)
        throw std::bad_alloc();
    if (BN_num_bits(modulus.get()) < shortest_modulus || BN_num_bits(modulus.get()) > longest_modulus)
        refuse_key("an RSA key must have 2048 to 8192 bits");
    // With an exponent of 1 every signature is its own message.
    if (e.size() > longest_exponent || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) ||
        !BN_is_odd(modulus.get()))
        refuse_key("key is not a valid public key");
    if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
        throw std::bad_alloc();
    return make_public_key("RSA", builder.get());
}

PublicKey ec_key(const json::Value &key)
{
    const std::string x = key_bytes(key, "x");
    const std::string y = key_bytes(key, "y");
    if (x.size() != coordinate_bytes || y.size() != coordinate_bytes)
        refuse_key("a coordinate of a P-256 key must have 32 bytes");
    const std::string point = "\x04" + x + y;
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1)
        throw std::bad_alloc();
    PublicKey made = make_public_key("EC", builder.get());
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(EVP_PKEY_CTX_new_from_pkey(nullptr, made.get(), nullptr));
    if (!context || EVP_PKEY_public_check(context.get()) != 1) // on the curve
        refuse_key("key is not a valid public key");
    return made;
}

// Of an order of at most 8, with the sign of x left out: 0, 1, -1, the two ways to write 0 and 1 past the prime, and the
// points of order 8. Under such a key anybody makes signatures.
constexpr std::array<std::string_view, 7> ed25519_of_low_order = {
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "7P_______________________________________38",
    "7f_______________________________________38",
    "7v_______________________________________38",
    "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
    "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"};

bool is_of_low_order(std::string point)
{
    point.back() = static_cast<char>(point.back() & 0x7F);
    return std::any_of(ed25519_of_low_order.begin(), ed25519_of_low_order.end(),
                       [&](std::string_view text) { return base64url::decode(text) == point; });
}

PublicKey ed25519_key(const json::Value &key)
{
    const std::string x = key_bytes(key, "x");
    if (x.size() != ed25519_key_bytes)
        refuse_key("an Ed25519 key must have 32 bytes");
    if (is_of_low_order(x))
        refuse_key("key is not a valid public key");
    PublicKey made(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(x), x.size()));
    if (!made)
        refuse_key("key is not a valid public key");
    return made;
}

bool is_private(const json::Value &key)
{
    return std::any_of(key.names.begin(), key.names.end(), [](const std::string &name) {
        return name == "d" || name == "p" || name == "q" || name == "dp" || name == "dq" || name == "qi" ||
               name == "oth";
    });
}

// "use" and "key_ops" of a key that is there for something else than signatures.
bool is_for_signatures(const json::Value &key)
{
    if (const json::Value *use = key.find("use"); use != nullptr && use->text != "sig")
        return false;
    const json::Value *operations = key.find("key_ops");
    return operations == nullptr || std::any_of(operations->items.begin(), operations->items.end(),
                                                [](const json::Value &one) { return one.text == "verify"; });
}

bool fits(const Entry &entry, const json::Value &key)
{
    const std::string *type = key.find_string("kty");
    const std::string *curve = key.find_string("crv");
    return type != nullptr && *type == entry.key_type &&
           (entry.curve.empty() || (curve != nullptr && *curve == entry.curve));
}

// R and S side by side, as RFC 7518 has them, into the DER that OpenSSL reads. Empty unless they are 64 bytes.
std::string der_signature(std::string_view raw)
{
    if (raw.size() != 2 * coordinate_bytes)
        return {};
    const Owned<ECDSA_SIG, ECDSA_SIG_free> signature(ECDSA_SIG_new());
    Owned<BIGNUM, BN_free> r(BN_bin2bn(bytes_of(raw), coordinate_bytes, nullptr));
    Owned<BIGNUM, BN_free> s(BN_bin2bn(bytes_of(raw.substr(coordinate_bytes)), coordinate_bytes, nullptr));
    if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1)
        throw std::bad_alloc();
    (void) r.release();
    (void) s.release();
    unsigned char *der = nullptr;
    const int length = i2d_ECDSA_SIG(signature.get(), &der);
    if (length <= 0)
        return {};
    std::string result(reinterpret_cast<char *>(der), static_cast<std::size_t>(length));
    OPENSSL_free(der);
    return result;
}

bool hmac_fits(std::string_view secret, std::string_view input, std::string_view signature)
{
    std::array<unsigned char, 32> expected;
    unsigned int length = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(input), input.size(),
             expected.data(), &length) == nullptr)
        return false;
    const bool same = length == signature.size() && CRYPTO_memcmp(expected.data(), signature.data(), length) == 0;
    OPENSSL_cleanse(expected.data(), expected.size());
    return same;
}

bool public_key_verifies(Algorithm algorithm, EVP_PKEY *key, std::string_view input, std::string_view signature)
{
    const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX *settings = nullptr; // belongs to the context
    const EVP_MD *digest = algorithm == Algorithm::eddsa ? nullptr : EVP_sha256();
    if (!context || EVP_DigestVerifyInit(context.get(), &settings, digest, nullptr, key) != 1)
        return false;
    // The hash of the mask and the salt's length are fixed by RFC 7518, section 3.5.
    if (algorithm == Algorithm::ps256 &&
        (EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) != 1 ||
         EVP_PKEY_CTX_set_rsa_mgf1_md(settings, EVP_sha256()) != 1))
        return false;
    return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(input), input.size()) == 1;
}

// ---------------------------------------------------------------- tokens

// A token taken apart; nothing of it is believed yet.
struct Parts {
    json::Value header;
    json::Value payload;
    std::string_view signed_text;
    std::string signature;
};

std::optional<json::Value> decode_object(std::string_view part)
{
    const std::optional<std::string> text = base64url::decode(part);
    std::optional<json::Value> value = text ? json::parse(*text) : std::nullopt;
    if (value && value->kind != json::Kind::object)
        value.reset();
    return value;
}

// Three parts with two dots between them: an encrypted token has five, an unsigned one an empty third.
std::optional<Parts> take_apart(std::string_view token)
{
    if (token.size() > longest_token)
        return std::nullopt;
    const std::size_t first = token.find('.');
    const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos)
        return std::nullopt;
    std::optional<std::string> signature = base64url::decode(token.substr(second + 1));
    if (!signature || signature->empty())
        return std::nullopt;
    std::optional<json::Value> header = decode_object(token.substr(0, first));
    if (!header)
        return std::nullopt;
    std::optional<json::Value> payload = decode_object(token.substr(first + 1, second - first - 1));
    if (!payload)
        return std::nullopt;
    return Parts{std::move(*header), std::move(*payload), token.substr(0, second), std::move(*signature)};
}

// A claim by its name, or by a JSON pointer (RFC 6901) through objects when the name begins with a slash.
const json::Value *find_claim(const json::Value &payload, std::string_view name)
{
    if (!name.starts_with('/'))
        return payload.find(name);
    const json::Value *value = &payload;
    while (value != nullptr && !name.empty()) {
        name.remove_prefix(1);
        const std::size_t end = std::min(name.find('/'), name.size());
        std::string step;
        for (std::size_t i = 0; i < end; ++i) {
            if (name[i] == '~' && i + 1 < end && (name[i + 1] == '0' || name[i + 1] == '1'))
                step.push_back(name[++i] == '0' ? '~' : '/');
            else
                step.push_back(name[i]);
        }
        value = value->find(step);
        name.remove_prefix(end);
    }
    return value;
}

// A string or an integer. Null for anything else, and for what is empty or too long.
const std::string *identifier(const json::Value *value)
{
    if (value == nullptr || value->text.empty() || value->text.size() > longest_identifier)
        return nullptr;
    if (value->kind == json::Kind::number)
        return value->text.find_first_of(".eE") == std::string::npos ? &value->text : nullptr;
    return value->kind == json::Kind::string ? &value->text : nullptr;
}

// Seconds since 1970. False when the claim is there and no number.
bool read_date(const json::Value &payload, std::string_view name, std::optional<double> &date)
{
    const json::Value *value = payload.find(name);
    if (value == nullptr)
        return true;
    double seconds = 0;
    const char *end = value->text.data() + value->text.size();
    if (value->kind != json::Kind::number ||
        std::from_chars(value->text.data(), end, seconds) != std::from_chars_result{end, std::errc{}} ||
        !std::isfinite(seconds))
        return false;
    date = seconds;
    return true;
}

Refusal check_dates(const Terms &terms, const json::Value &payload, double now, Claims &claims)
{
    std::optional<double> expires;
    std::optional<double> begins;
    std::optional<double> issued;
    if (!read_date(payload, "exp", expires) || !read_date(payload, "nbf", begins) ||
        !read_date(payload, "iat", issued))
        return Refusal::bad_date;
    if (!expires && terms.require_expiry)
        return Refusal::no_expiry;
    if (expires && now >= *expires + terms.leeway)
        return Refusal::expired;
    if (begins && now < *begins - terms.leeway)
        return Refusal::not_yet_valid;
    if (issued && now < *issued - terms.leeway)
        return Refusal::issued_in_future;
    claims.has_issued = issued.has_value();
    claims.issued = issued.value_or(0);
    return Refusal::none;
}

bool audience_fits(const Terms &terms, const json::Value &payload)
{
    const auto ours = [&](const json::Value &value) {
        return value.kind == json::Kind::string &&
               std::find(terms.audience.begin(), terms.audience.end(), value.text) != terms.audience.end();
    };
    const json::Value *audience = find_claim(payload, terms.audience_claim);
    if (audience == nullptr)
        return false;
    return audience->kind == json::Kind::array ? std::any_of(audience->items.begin(), audience->items.end(), ours)
                                               : ours(*audience);
}

void copy(char *target, const std::string &text) { std::memcpy(target, text.c_str(), text.size() + 1); }

Refusal read_tenants(const Terms &terms, const json::Value &payload, std::string_view wanted, Claims &claims)
{
    if (terms.tenant_claim.empty())
        return Refusal::none;
    const json::Value *claim = find_claim(payload, terms.tenant_claim);
    if (claim == nullptr || claim->kind == json::Kind::null)
        return Refusal::none;
    const auto take = [&](const json::Value &value) {
        const std::string *tenant = identifier(&value);
        if (tenant == nullptr)
            return false;
        if (claims.tenants < INT_MAX && ++claims.tenants == 1)
            copy(claims.only_tenant, *tenant);
        claims.names_wanted = claims.names_wanted || *tenant == wanted;
        return true;
    };
    const bool good = claim->kind == json::Kind::array ? std::all_of(claim->items.begin(), claim->items.end(), take)
                                                       : take(*claim);
    if (claims.tenants > 1)
        claims.only_tenant[0] = '\0';
    return good ? Refusal::none : Refusal::bad_tenant;
}

Refusal check_signature(const Issuer &issuer, const Parts &parts)
{
    if (parts.header.find("crit") != nullptr)
        return Refusal::critical_header;
    const std::string *name = parts.header.find_string("alg");
    const std::optional<Algorithm> algorithm = name != nullptr ? algorithm_named(*name) : std::nullopt;
    if (!algorithm)
        return Refusal::unacceptable_algorithm;
    const json::Value *kid = parts.header.find("kid");
    if (kid != nullptr && kid->kind != json::Kind::string)
        return Refusal::malformed;

    // Without a kid on either side every key of the algorithm may be meant; all of them are this issuer's.
    bool tried = false;
    for (const Issuer::NamedKey &candidate : issuer.keys) {
        if (candidate.key.algorithm() != *algorithm ||
            (kid != nullptr && !candidate.kid.empty() && candidate.kid != kid->text))
            continue;
        tried = true;
        if (candidate.key.verifies(parts.signed_text, parts.signature))
            return Refusal::none;
    }
    return tried ? Refusal::wrong_signature : Refusal::no_key;
}

} // namespace

std::optional<Algorithm> algorithm_named(std::string_view name)
{
    for (const Entry &entry : algorithms)
        if (entry.name == name)
            return entry.algorithm;
    return std::nullopt;
}

std::string_view name_of(Algorithm algorithm) { return entry_of(algorithm).name; }

std::optional<Algorithm> algorithm_of(std::string_view jwk, const std::vector<Algorithm> &allowed)
{
    const json::Value key = parse_key(jwk);
    const json::Value *named = key.find("alg");
    const auto usable = [&](Algorithm algorithm) {
        const Entry &entry = entry_of(algorithm);
        return fits(entry, key) && (named == nullptr || named->text == entry.name);
    };
    const auto found = std::find_if(allowed.begin(), allowed.end(), usable);
    if (found == allowed.end() || !is_for_signatures(key))
        return std::nullopt;
    if (is_private(key))
        refuse_key("this is a private key", "Give the issuer's public keys only, and consider this one lost.");
    Key(jwk, *found);
    return *found;
}

void Key::Free::operator()(void *key) const { EVP_PKEY_free(static_cast<EVP_PKEY *>(key)); }

Key::Key(std::string_view jwk, Algorithm algorithm) : algorithm_(algorithm)
{
    const QuietErrors quiet;
    const json::Value key = parse_key(jwk);
    if (!fits(entry_of(algorithm), key))
        refuse_key("type of the key does not fit its algorithm");
    switch (algorithm) {
    case Algorithm::hs256:
        secret_ = key_bytes(key, "k");
        if (secret_.size() < shortest_secret)
            refuse_key("the secret of HS256 must have 32 bytes at least",
                       "Let a machine draw them: openssl rand -base64 48.");
        break;
    case Algorithm::rs256:
    case Algorithm::ps256:
        public_key_.reset(rsa_key(key).release());
        break;
    case Algorithm::es256:
        public_key_.reset(ec_key(key).release());
        break;
    case Algorithm::eddsa:
        public_key_.reset(ed25519_key(key).release());
        break;
    }
}

Key::Key(Key &&other) noexcept
    : algorithm_(other.algorithm_), secret_(other.secret_), public_key_(std::move(other.public_key_))
{
}

Key::~Key() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

bool Key::verifies(std::string_view input, std::string_view signature) const
{
    const QuietErrors quiet;
    if (algorithm_ == Algorithm::hs256)
        return hmac_fits(secret_, input, signature);
    auto *key = static_cast<EVP_PKEY *>(public_key_.get());
    if (algorithm_ != Algorithm::es256)
        return public_key_verifies(algorithm_, key, input, signature);
    const std::string der = der_signature(signature);
    return !der.empty() && public_key_verifies(algorithm_, key, input, der);
}

const char *explain(Refusal refusal)
{
    switch (refusal) {
    case Refusal::none:
        return "it is good";
    case Refusal::malformed:
        return "it is not a signed token in compact form";
    case Refusal::unacceptable_algorithm:
        return "its algorithm is none of HS256, RS256, PS256, ES256, EdDSA";
    case Refusal::critical_header:
        return "its header demands an extension (crit)";
    case Refusal::no_key:
        return "its issuer has no key of that kid and algorithm";
    case Refusal::wrong_signature:
        return "its signature is wrong";
    case Refusal::expired:
        return "it has expired";
    case Refusal::no_expiry:
        return "it has no expiry (exp)";
    case Refusal::not_yet_valid:
        return "it is not valid yet (nbf)";
    case Refusal::issued_in_future:
        return "it was issued in the future (iat)";
    case Refusal::wrong_audience:
        return "it is for another audience";
    case Refusal::bad_date:
        return "its exp, nbf or iat is not a number";
    case Refusal::bad_user:
        return "its user claim is missing, or neither a string nor an integer of at most 255 bytes";
    case Refusal::bad_tenant:
        return "its tenant claim is neither a string, an integer nor an array of these";
    }
    return "";
}

bool issuer_of(std::string_view token, char *issuer)
{
    const std::optional<Parts> parts = take_apart(token);
    const std::string *name = parts ? parts->payload.find_string("iss") : nullptr;
    if (name == nullptr || name->empty() || name->size() > longest_identifier)
        return false;
    copy(issuer, *name);
    return true;
}

Refusal verify(const Issuer &issuer, std::string_view token, double now, std::string_view wanted_tenant,
               Claims &claims)
{
    claims = {};
    const std::optional<Parts> parts = take_apart(token);
    if (!parts)
        return Refusal::malformed;
    if (const Refusal refusal = check_signature(issuer, *parts); refusal != Refusal::none)
        return refusal;
    if (!audience_fits(issuer.terms, parts->payload))
        return Refusal::wrong_audience;
    if (const Refusal refusal = check_dates(issuer.terms, parts->payload, now, claims); refusal != Refusal::none)
        return refusal;
    const std::string *user = identifier(find_claim(parts->payload, issuer.terms.user_claim));
    if (user == nullptr)
        return Refusal::bad_user;
    copy(claims.user, *user);
    return read_tenants(issuer.terms, parts->payload, wanted_tenant, claims);
}

} // namespace tenancy::core::jwt
