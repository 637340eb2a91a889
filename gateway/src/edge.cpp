#include "edge.hpp"

#include "http_error.hpp"

#include <algorithm>

namespace gateway {

namespace {

constexpr const char *data_policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
constexpr const char *allowed_methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr const char *allowed_headers =
    "Accept, Accept-Profile, Apikey, Authorization, Content-Profile, Content-Type, If-Match, If-None-Match, Prefer, Range, "
    "Range-Unit, Tenancy-Tenant, Traceparent, X-Client-Info, X-Request-Id";
constexpr const char *exposed_headers = "Content-Range, ETag, Location, Next-After, Preference-Applied, Range-Unit, Retry-After, "
                                        "Tenancy-Context, X-Request-Id";

HttpError cross_site() {
    return HttpError(403, "TNCY403", "the request comes from another site",
                     "Only the gateway's own pages may send changing requests.");
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

bool is_authority(std::string_view text) {
    return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
        const char l = lower(c);
        return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':' ||
               c == '[' || c == ']';
    });
}

std::vector<std::string_view> list_of(const http::Request &request, std::string_view name) {
    std::vector<std::string_view> items;
    for (const http::Header &header : request.headers) {
        if (header.name != name) continue;
        std::string_view rest = header.value;
        while (true) {
            const auto comma = rest.find(',');
            items.push_back(http::trimmed(rest.substr(0, comma)));
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    return items;
}

// "192.0.2.7", "192.0.2.7:1234", "2001:db8::1", "[2001:db8::1]:1234"; some proxies add the port.
std::string_view without_port(std::string_view hop) {
    if (hop.starts_with('[')) return hop.substr(1, hop.find(']') == std::string_view::npos ? 0 : hop.find(']') - 1);
    const auto colon = hop.find(':');
    return colon != std::string_view::npos && hop.find(':', colon + 1) == std::string_view::npos ? hop.substr(0, colon) : hop;
}

bool is_read(const http::Request &request) { return request.method == "GET" || request.method == "HEAD"; }

} // namespace

std::optional<std::string> parse_origin(std::string_view text) {
    const std::string origin = in_lower_case(text);
    std::string_view rest = origin;
    std::string_view own_port;
    if (rest.starts_with("https://")) own_port = ":443";
    else if (rest.starts_with("http://")) own_port = ":80";
    else return std::nullopt;
    const auto scheme = rest.substr(0, rest.find("//") + 2);
    rest.remove_prefix(scheme.size());
    if (rest.ends_with(own_port)) rest.remove_suffix(own_port.size());
    if (!is_authority(rest)) return std::nullopt;
    return std::string(scheme) + std::string(rest);
}

void Edge::resolve(http::Request &request) const {
    request.https = https;
    request.authority = request.header("host") ? *request.header("host") : "";
    const auto trusted = [&](const http::Network &peer) {
        return std::any_of(trusted_proxies.begin(), trusted_proxies.end(),
                           [&](const http::Network &proxy) { return proxy.contains(peer); });
    };
    const auto peer = http::Network::parse(request.remote_address);
    if (peer && trusted(*peer)) {
        // From the right: each hop is the word of the one after it, so it counts as long as that one is trusted.
        const auto hops = list_of(request, "x-forwarded-for");
        for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
            const std::string_view address = without_port(*hop);
            const auto network = address.find('/') == std::string_view::npos ? http::Network::parse(address) : std::nullopt;
            if (!network) break;
            request.remote_address = address;
            if (!trusted(*network)) break;
        }
        // The last value is that of the proxy in front of us; those before it may be the client's own words.
        if (const auto schemes = list_of(request, "x-forwarded-proto"); !schemes.empty())
            request.https = https || http::equal_ignoring_case(schemes.back(), "https");
        if (const auto hosts = list_of(request, "x-forwarded-host"); !hosts.empty() && is_authority(hosts.back()))
            request.authority = hosts.back();
    }
    if (request.count("origin") == 1) {
        const auto origin = parse_origin(*request.header("origin"));
        request.named_origin = origin && std::find(cors_origins.begin(), cors_origins.end(), *origin) != cors_origins.end();
    }
}

bool Edge::answer_preflight(const http::Request &request, httplib::Response &response) const {
    if (request.method != "OPTIONS" || !request.named_origin || !request.header("access-control-request-method"))
        return false;
    response.status = 204;
    response.set_header("Access-Control-Allow-Methods", allowed_methods);
    response.set_header("Access-Control-Allow-Headers", allowed_headers);
    response.set_header("Access-Control-Max-Age", "600");
    return true;
}

void Edge::set_headers(const http::Request &request, bool api, httplib::Response &response) const {
    // Texts of our own go in unlooked at: set_header reads each letter.
    if (!response.has_header("Content-Security-Policy")) response.headers.emplace("Content-Security-Policy", data_policy);
    if (!response.has_header("Cache-Control")) response.headers.emplace("Cache-Control", "no-store");
    if (request.https && hsts_seconds > 0)
        response.set_header("Strict-Transport-Security", "max-age=" + std::to_string(hsts_seconds));
    if (!api || cors_origins.empty()) return;
    response.set_header("Vary", "Origin");
    if (!request.named_origin) return;
    response.set_header("Access-Control-Allow-Origin", *request.header("origin"));
    response.set_header("Access-Control-Allow-Credentials", "true");
    if (request.method != "OPTIONS") response.set_header("Access-Control-Expose-Headers", exposed_headers);
}

void require_same_origin(const http::Request &request) {
    if (request.named_origin) return;
    for (const http::Header &header : request.headers) {
        if (header.name == "sec-fetch-site" && header.value != "same-origin" && header.value != "none")
            throw cross_site();
        if (header.name != "origin") continue;
        // Behind TLS a page that came without it may be anybody's work.
        const auto origin = parse_origin(header.value);
        const auto own = [&](const std::string &scheme) { return origin == parse_origin(scheme + request.authority); };
        if (!origin || !(own("https://") || (!request.https && own("http://")))) throw cross_site();
    }
}

void require_own_page(const http::Request &request) {
    if (request.named_origin || request.method == "OPTIONS") return;
    if (!is_read(request)) return require_same_origin(request);
    const std::string *mode = request.header("sec-fetch-mode");
    const std::string *destination = request.header("sec-fetch-dest");
    const bool followed_link = mode && *mode == "navigate" && destination && *destination == "document";
    for (const http::Header &header : request.headers)
        if (header.name == "sec-fetch-site" && header.value != "same-origin" && header.value != "none" && !followed_link)
            throw HttpError(403, "TNCY403", "the request comes from another site",
                            "Only the gateway's own pages may read here.");
}

} // namespace gateway
