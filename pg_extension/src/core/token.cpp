#include "token.hpp"

#include "error.hpp"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace tenancy::core::token {

namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(const std::array<unsigned char, secret_bytes> &bytes)
{
    std::string text;
    text.reserve(text_length);
    std::uint32_t buffer = 0;
    int bits = 0;
    for (const unsigned char byte : bytes) {
        buffer = (buffer << 8) | byte;
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            text.push_back(alphabet[(buffer >> bits) & 0x3F]);
        }
    }
    if (bits > 0)
        text.push_back(alphabet[(buffer << (6 - bits)) & 0x3F]);
    return text;
}

} // namespace

std::string make()
{
    std::array<unsigned char, secret_bytes> secret;
    if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
        throw SqlError("58000", "could not gather random bytes for a session token");
    std::string text = base64url(secret);
    OPENSSL_cleanse(secret.data(), secret.size());
    return text;
}

bool well_formed(std::string_view token) noexcept
{
    return token.size() == text_length && std::all_of(token.begin(), token.end(), [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                      c == '_';
           });
}

Digest digest(std::string_view token)
{
    // Kept for the life of the process: to look for an implementation and to make a context costs more than the digest.
    static EVP_MD *const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static EVP_MD_CTX *const context = EVP_MD_CTX_new();
    Digest result;
    if (sha256 == nullptr || context == nullptr || EVP_DigestInit_ex2(context, sha256, nullptr) != 1 ||
        EVP_DigestUpdate(context, token.data(), token.size()) != 1 ||
        EVP_DigestFinal_ex(context, result.data(), nullptr) != 1)
        throw SqlError("58000", "could not make the digest of a token");
    return result;
}

} // namespace tenancy::core::token
