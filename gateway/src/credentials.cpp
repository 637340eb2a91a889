#include "credentials.hpp"

#include "http_error.hpp"

#include <algorithm>

namespace gateway {

namespace {

constexpr std::size_t longest_token = 128;

constexpr std::size_t longest_bearer = 16 * 1024; // a signed token; the head's limit is about the same

bool is_token_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool is_token(std::string_view text) {
    return !text.empty() && text.size() <= longest_token && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_bearer(std::string_view text) {
    return !text.empty() && text.size() <= longest_bearer &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_token_character(c) || c == '.'; });
}

// What follows "Bearer" in the Authorization header. Other schemes are not for us but for a proxy in front.
std::optional<std::string_view> bearer(const http::Request &request) {
    constexpr std::string_view scheme = "bearer";
    const std::string *header = request.header("authorization");
    if (!header) return std::nullopt;
    if (request.count("authorization") > 1) throw HttpError(400, "TNCY400", "the request has two Authorization headers");
    const std::string_view text = http::trimmed(*header);
    if (!http::equal_ignoring_case(text.substr(0, text.find(' ')), scheme)) return std::nullopt;
    return http::trimmed(text.substr(scheme.size()));
}

} // namespace

std::optional<std::string> Credentials::token(const http::Request &request) const {
    std::optional<std::string> value;
    for (const http::Header &header : request.headers) {
        if (header.name != "cookie") continue;
        std::string_view rest = header.value;
        while (!rest.empty()) {
            const auto semicolon = rest.find(';');
            const auto pair = http::trimmed(rest.substr(0, semicolon));
            rest.remove_prefix(semicolon == std::string_view::npos ? rest.size() : semicolon + 1);
            const auto equals = pair.find('=');
            if (equals == std::string_view::npos || http::trimmed(pair.substr(0, equals)) != name(request)) continue;
            if (value) {
                HttpError twice(400, "TNCY400", "the request has two session cookies");
                twice.clear_cookie = true;
                throw twice;
            }
            value = std::string(http::trimmed(pair.substr(equals + 1)));
        }
    }
    if (const auto signed_token = bearer(request)) {
        // Which of two people asks must not depend on who reads the request.
        if (value)
            throw HttpError(400, "TNCY400", "the request has a session cookie and a bearer token", "Send one of them.");
        return is_bearer(*signed_token) ? std::optional(std::string(*signed_token)) : std::nullopt;
    }
    if (value && !is_token(*value)) return std::nullopt;
    return value;
}

std::string Credentials::set_cookie(const http::Request &request, std::string_view token, long max_age_seconds) const {
    std::string cookie(name(request));
    cookie += "=";
    cookie += token;
    cookie += "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(max_age_seconds);
    if (secure(request)) cookie += "; Secure";
    return cookie;
}

std::string Credentials::clear_cookie(const http::Request &request) const { return set_cookie(request, "", 0); }

void require_json(const http::Request &request) {
    const std::string *type = request.header("content-type");
    if (request.count("content-type") == 1) {
        const std::string_view media = std::string_view(*type).substr(0, type->find(';'));
        if (http::equal_ignoring_case(http::trimmed(media), "application/json")) return;
    }
    throw HttpError(415, "TNCY415", "the body must be JSON", "Send the header Content-Type: application/json.");
}

} // namespace gateway
