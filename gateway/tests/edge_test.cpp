// Whose word counts about a request: peers, forwarded headers, origins.
#include "edge.hpp"
#include "http_error.hpp"

#include <functional>

#include <gtest/gtest.h>

namespace {

using gateway::Edge;
using gateway::HttpError;
using gateway::http::Network;
using gateway::http::Request;

Request from(const std::string &peer, std::vector<gateway::http::Header> headers, const std::string &method = "GET") {
    Request request;
    request.method = method;
    request.remote_address = peer;
    request.headers = {{"host", "example.test:8080"}};
    for (auto &header : headers) request.headers.push_back(std::move(header));
    return request;
}

Edge behind(const std::vector<std::string> &proxies) {
    Edge edge;
    for (const std::string &proxy : proxies) edge.trusted_proxies.push_back(*Network::parse(proxy));
    return edge;
}

Request resolved(const Edge &edge, Request request) {
    edge.resolve(request);
    return request;
}

std::string client(const Edge &edge, const std::string &peer, const std::string &forwarded) {
    return resolved(edge, from(peer, {{"x-forwarded-for", forwarded}})).remote_address;
}

int status_of(const std::function<void()> &call) {
    try {
        call();
    } catch (const HttpError &error) {
        return error.status;
    }
    return 200;
}

int change_status(std::vector<gateway::http::Header> headers, const Edge &edge = {}) {
    const Request request = resolved(edge, from("192.0.2.1", std::move(headers), "POST"));
    return status_of([&] { gateway::require_own_page(request); });
}

int read_status(std::vector<gateway::http::Header> headers, const Edge &edge = {}) {
    const Request request = resolved(edge, from("192.0.2.1", std::move(headers)));
    return status_of([&] { gateway::require_own_page(request); });
}

httplib::Response answered(const Edge &edge, const Request &request) {
    httplib::Response response;
    edge.set_headers(request, true, response);
    return response;
}

} // namespace

TEST(Networks, AreParsedStrictly) {
    for (const char *text : {"10.0.0.0/8", "127.0.0.1", "127.0.0.1/32", "0.0.0.0/0", "::1", "::1/128", "2001:db8::/32", "::/0"})
        EXPECT_TRUE(Network::parse(text)) << text;
    for (const char *text : {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0", "::1/129",
                             "2001:db8::1/32", "localhost", "*", "10.0.0.0/8/8", "010.0.0.1"})
        EXPECT_FALSE(Network::parse(text)) << text;
}

TEST(Networks, ContainAddressesInBothSpellings) {
    const auto contains = [](const char *network, const char *address) {
        return Network::parse(network)->contains(*Network::parse(address));
    };
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
    EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
    EXPECT_FALSE(contains("10.0.0.0/9", "10.128.0.1"));
    EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
    EXPECT_FALSE(contains("127.0.0.1", "127.0.0.0/8"));
    EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:1::1"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1")) << "every IPv4 address is not every address";
}

TEST(Edge, BelievesNobodyWhoIsNotNamed) {
    const Request request = resolved(Edge(), from("127.0.0.1", {{"x-forwarded-for", "1.1.1.1"},
                                                               {"x-forwarded-proto", "https"},
                                                               {"x-forwarded-host", "evil.test"}}));
    EXPECT_EQ(request.remote_address, "127.0.0.1");
    EXPECT_EQ(request.authority, "example.test:8080");
    EXPECT_FALSE(request.https);
    EXPECT_EQ(client(behind({"10.0.0.0/8"}), "127.0.0.1", "1.1.1.1"), "127.0.0.1");
}

TEST(Edge, TakesTheRightmostHopThatIsNoProxy) {
    const Edge edge = behind({"127.0.0.1", "10.0.0.0/8"});
    EXPECT_EQ(client(edge, "127.0.0.1", "1.1.1.1"), "1.1.1.1");
    EXPECT_EQ(client(edge, "127.0.0.1", "6.6.6.6, 1.1.1.1"), "1.1.1.1") << "what stands before it the client wrote";
    EXPECT_EQ(client(edge, "127.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.9"), "1.1.1.1");
    EXPECT_EQ(client(edge, "127.0.0.1", "10.0.0.8,10.0.0.9"), "10.0.0.8") << "a proxy that asks itself";
    EXPECT_EQ(client(edge, "127.0.0.1", "1.1.1.1:4711"), "1.1.1.1");
    EXPECT_EQ(client(edge, "127.0.0.1", "[2001:db8::1]:4711"), "2001:db8::1");
    EXPECT_EQ(client(edge, "127.0.0.1", "2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(client(edge, "::ffff:127.0.0.1", "1.1.1.1"), "1.1.1.1");
    const Request two = resolved(edge, from("127.0.0.1", {{"x-forwarded-for", "6.6.6.6"}, {"x-forwarded-for", "1.1.1.1"}}));
    EXPECT_EQ(two.remote_address, "1.1.1.1");
}

TEST(Edge, StopsAtAHopThatIsNoAddress) {
    const Edge edge = behind({"127.0.0.1"});
    for (const char *forwarded : {"", "unknown", "1.1.1.1, unknown", "1.1.1.1/8", "0.0.0.0/0", "1.1.1.1 ' or 1", "[", "[]", ","})
        EXPECT_EQ(client(edge, "127.0.0.1", forwarded), "127.0.0.1") << forwarded;
}

TEST(Edge, TakesTheNearestProxysSchemeAndHost) {
    const Edge edge = behind({"127.0.0.1"});
    const auto by = [&](const char *name, const char *value) { return resolved(edge, from("127.0.0.1", {{name, value}})); };
    EXPECT_TRUE(by("x-forwarded-proto", "https").https);
    EXPECT_TRUE(by("x-forwarded-proto", "http, HTTPS").https);
    for (const char *scheme : {"http", "https, http", "", "httpss", "https,"})
        EXPECT_FALSE(by("x-forwarded-proto", scheme).https) << scheme;
    EXPECT_EQ(by("x-forwarded-host", "app.example.com").authority, "app.example.com");
    EXPECT_EQ(by("x-forwarded-host", "evil.test, app.example.com").authority, "app.example.com");
    for (const char *host : {"", "a b", "a/b", "a@b", "app.example.com,"})
        EXPECT_EQ(by("x-forwarded-host", host).authority, "example.test:8080") << host;
}

TEST(Origins, AreSchemeHostAndPort) {
    EXPECT_EQ(gateway::parse_origin("https://App.Example.com"), "https://app.example.com");
    EXPECT_EQ(gateway::parse_origin("https://app.example.com:443"), "https://app.example.com");
    EXPECT_EQ(gateway::parse_origin("http://localhost:5173"), "http://localhost:5173");
    EXPECT_EQ(gateway::parse_origin("http://[::1]:80"), "http://[::1]");
    for (const char *text : {"", "*", "null", "app.example.com", "ftp://x", "https://", "https://x/", "https://*.x/", "https://*.x",
                             "https://a@x", "https://x y", "https://x,https://y", "http://x#"})
        EXPECT_FALSE(gateway::parse_origin(text)) << text;
}

TEST(Changes, ComeFromOwnPages) {
    EXPECT_EQ(change_status({}), 200) << "no browser";
    for (const char *origin : {"http://example.test:8080", "https://EXAMPLE.test:8080"})
        EXPECT_EQ(change_status({{"origin", origin}}), 200) << origin;
    for (const char *origin : {"http://example.test", "http://example.test:80801", "http://evil.test", "null", "",
                               "example.test:8080", "ftp://example.test:8080", "http://", "http://a@example.test:8080",
                               "http://example.test:8080/", "http://example.test:8080.evil.test"})
        EXPECT_EQ(change_status({{"origin", origin}}), 403) << origin;
    EXPECT_EQ(change_status({{"origin", "http://example.test:8080"}, {"origin", "http://evil"}}), 403) << "every Origin counts";
    for (const char *site : {"cross-site", "same-site", "", "Same-Origin, cross-site"})
        EXPECT_EQ(change_status({{"sec-fetch-site", site}}), 403) << site;
    EXPECT_EQ(change_status({{"sec-fetch-site", "same-origin"}}), 200);
    EXPECT_EQ(change_status({{"sec-fetch-site", "none"}}), 200);
    EXPECT_EQ(change_status({{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "document"}}), 403)
        << "a form that another site posts";
}

TEST(Changes, BehindTlsComeFromPagesWithTls) {
    Edge edge;
    edge.https = true;
    EXPECT_EQ(change_status({{"origin", "https://example.test:8080"}}, edge), 200);
    EXPECT_EQ(change_status({{"origin", "http://example.test:8080"}}, edge), 403);
}

TEST(Changes, AreComparedWithTheHostThatTheProxyTells) {
    const Edge edge = behind({"192.0.2.1"});
    EXPECT_EQ(change_status({{"x-forwarded-host", "app.example.com"}, {"origin", "https://app.example.com"}}, edge), 200);
    EXPECT_EQ(change_status({{"x-forwarded-host", "app.example.com"}, {"origin", "https://app.example.com"}}), 403);
    EXPECT_EQ(change_status({{"x-forwarded-host", "app.example.com"}, {"origin", "http://example.test:8080"}}, edge), 403);
}

TEST(Reads, BelowThePrefixAreForOwnPagesAndLinks) {
    EXPECT_EQ(read_status({}), 200);
    EXPECT_EQ(read_status({{"sec-fetch-site", "same-origin"}}), 200);
    EXPECT_EQ(read_status({{"sec-fetch-site", "none"}}), 200);
    for (const char *site : {"same-site", "cross-site", "else"}) {
        EXPECT_EQ(read_status({{"sec-fetch-site", site}}), 403) << site;
        EXPECT_EQ(read_status({{"sec-fetch-site", site}, {"sec-fetch-mode", "no-cors"}, {"sec-fetch-dest", "script"}}), 403);
        EXPECT_EQ(read_status({{"sec-fetch-site", site}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "iframe"}}), 403);
        EXPECT_EQ(read_status({{"sec-fetch-site", site}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "document"}}), 200);
    }
}

TEST(Cors, IsForNamedOriginsAlone) {
    Edge edge;
    edge.cors_origins = {"https://app.example.com"};
    const auto ask = [&](const char *origin) { return resolved(edge, from("192.0.2.1", {{"origin", origin}})); };
    const auto named = answered(edge, ask("https://app.example.com"));
    EXPECT_EQ(named.get_header_value("Access-Control-Allow-Origin"), "https://app.example.com");
    EXPECT_EQ(named.get_header_value("Access-Control-Allow-Credentials"), "true");
    EXPECT_EQ(named.get_header_value("Vary"), "Origin");
    for (const char *origin : {"https://evil.test", "http://app.example.com", "https://app.example.com.evil.test", "null",
                               "https://sub.app.example.com", "*"}) {
        const auto other = answered(edge, ask(origin));
        EXPECT_FALSE(other.has_header("Access-Control-Allow-Origin")) << origin;
        EXPECT_FALSE(other.has_header("Access-Control-Allow-Credentials")) << origin;
        EXPECT_EQ(other.get_header_value("Vary"), "Origin") << "a cache must not give it to the named one";
    }
    EXPECT_FALSE(answered(Edge(), ask("https://app.example.com")).has_header("Vary"));
    EXPECT_EQ(change_status({{"origin", "https://app.example.com"}, {"sec-fetch-site", "cross-site"}}, edge), 200);
    EXPECT_EQ(change_status({{"origin", "https://app.example.com"}, {"origin", "https://app.example.com"}}, edge), 403);
    EXPECT_EQ(read_status({{"origin", "https://app.example.com"}, {"sec-fetch-site", "cross-site"}}, edge), 200);
}

TEST(Cors, AnswersPreflights) {
    Edge edge;
    edge.cors_origins = {"https://app.example.com"};
    const auto ask = [&](std::vector<gateway::http::Header> headers, const char *method = "OPTIONS") {
        httplib::Response response;
        const bool answered = edge.answer_preflight(resolved(edge, from("192.0.2.1", std::move(headers), method)), response);
        EXPECT_EQ(answered, response.status == 204);
        return answered;
    };
    EXPECT_TRUE(ask({{"origin", "https://app.example.com"}, {"access-control-request-method", "PATCH"}}));
    EXPECT_FALSE(ask({{"origin", "https://evil.test"}, {"access-control-request-method", "PATCH"}}));
    EXPECT_FALSE(ask({{"origin", "https://app.example.com"}}));
    EXPECT_FALSE(ask({{"origin", "https://app.example.com"}, {"access-control-request-method", "PATCH"}}, "PATCH"));
}

TEST(Headers, InsistOnHttpsOnlyWhereItIs) {
    Edge edge = behind({"192.0.2.1"});
    const Request https = resolved(edge, from("192.0.2.1", {{"x-forwarded-proto", "https"}}));
    EXPECT_EQ(answered(edge, https).get_header_value("Strict-Transport-Security"), "max-age=31536000");
    EXPECT_FALSE(answered(edge, resolved(edge, from("192.0.2.1", {}))).has_header("Strict-Transport-Security"));
    edge.hsts_seconds = 0;
    EXPECT_FALSE(answered(edge, https).has_header("Strict-Transport-Security"));
}
