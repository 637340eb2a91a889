// libFuzzer target for signed tokens (make fuzz). The first byte says what the rest is: a token; header, payload and
// signature of one; header and payload of one that is then signed with a true key; a key; or JSON. Whatever it is, nothing may be read beyond it, no
// token may be taken that was not signed, and what is taken must say what was asked for.
#include "core/base64url.hpp"
#include "core/error.hpp"
#include "core/json.hpp"
#include "core/jwt.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace {

using namespace tenancy::core;
using jwt::Algorithm;

void require(bool condition)
{
    if (!condition)
        std::abort();
}

std::string encode(std::string_view bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string text;
    std::uint32_t buffer = 0;
    int bits = 0;
    for (const char c : bytes) {
        buffer = buffer << 8 | static_cast<unsigned char>(c);
        for (bits += 8; bits >= 6;) {
            bits -= 6;
            text += alphabet[buffer >> bits & 63];
        }
    }
    if (bits > 0)
        text += alphabet[buffer << (6 - bits) & 63];
    return text;
}

const std::string secret = "the fuzzer does not know this one";
constexpr double now = 1000;

// One key of each kind; the public ones are those of RFC 7515 and 8037, the PS256 one that of RS256.
const jwt::Issuer &issuer()
{
    static const jwt::Issuer made = [] {
        const std::string rsa =
            R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrc)"
            R"(S2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5re)"
            R"(xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NA)"
            R"(co9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
        const std::string ec = R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                               R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
        const std::string ed = R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";
        jwt::Issuer result;
        result.terms = {{"api"}, "aud", "sub", "/app/tenants", true, 0};
        result.keys.push_back({"h", jwt::Key(R"({"kty":"oct","k":")" + encode(secret) + "\"}", Algorithm::hs256)});
        result.keys.push_back({"", jwt::Key(rsa, Algorithm::rs256)});
        result.keys.push_back({"", jwt::Key(rsa, Algorithm::ps256)});
        result.keys.push_back({"e", jwt::Key(ec, Algorithm::es256)});
        result.keys.push_back({"", jwt::Key(ed, Algorithm::eddsa)});
        return result;
    }();
    return made;
}

void try_token(std::string_view token)
{
    char name[jwt::longest_identifier + 1];
    if (jwt::issuer_of(token, name))
        require(std::strlen(name) > 0);
    jwt::Claims claims;
    require(jwt::verify(issuer(), token, now, "7", claims) != jwt::Refusal::none);
}

// What is before the first zero byte; the rest stays in `text`.
std::string_view cut(std::string_view &text)
{
    const std::string_view first = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(first.size() + 1, text.size()));
    return first;
}

// Encoded here, for a fuzzer does not find its way through base64.
void try_forgery(std::string_view text)
{
    const std::string header = encode(cut(text));
    const std::string payload = encode(cut(text));
    try_token(header + "." + payload + "." + encode(text));
}

void try_claims(std::string_view payload)
{
    const std::string_view plain_header = cut(payload);
    const std::string input = encode(plain_header) + "." + encode(payload);
    unsigned char tag[32];
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char *>(input.data()), input.size(), tag, nullptr);
    const std::string token = input + "." + encode(std::string_view(reinterpret_cast<char *>(tag), sizeof tag));
    jwt::Claims claims;
    if (jwt::verify(issuer(), token, now, "7", claims) != jwt::Refusal::none)
        return;
    const auto header = json::parse(plain_header);
    const auto body = json::parse(payload);
    require(header && body && *header->find_string("alg") == "HS256" && header->find("crit") == nullptr);
    require(std::strlen(claims.user) > 0 && body->find("sub")->text == claims.user);
    require(std::strtod(body->find("exp")->text.c_str(), nullptr) > now);
    require((claims.tenants == 1) == (std::strlen(claims.only_tenant) > 0) && claims.tenants >= claims.names_wanted);
    require(payload.find("api") != std::string_view::npos || payload.find('\\') != std::string_view::npos);
}

void try_key(std::string_view text)
{
    try {
        const auto found = jwt::algorithm_of(text, {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::eddsa,
                                                    Algorithm::hs256});
        if (found)
            require(!jwt::Key(text, *found).verifies("an input", std::string(64, '\0')));
    } catch (const tenancy::SqlError &) {
    }
}

void try_json(std::string_view text)
{
    if (const auto value = json::parse(text))
        require(value->names.empty() || value->names.size() == value->items.size());
    if (const auto bytes = base64url::decode(text))
        require(encode(*bytes) == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::string_view text(reinterpret_cast<const char *>(data + 1), size - 1);
    switch (data[0] % 5) {
    case 0:
        try_token(text);
        break;
    case 1:
        try_claims(text);
        break;
    case 2:
        try_key(text);
        break;
    case 3:
        try_forgery(text);
        break;
    default:
        try_json(text);
    }
    return 0;
}
