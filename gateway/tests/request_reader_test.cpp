// The strict checker of request bytes: what it takes, and a table of hostile input with the answer each one gets.
#include "http/request_reader.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

using gateway::http::Request;
using gateway::http::RequestLimits;
using gateway::http::RequestReader;
using State = RequestReader::State;

const std::string host = "Host: example.test\r\n";

// Feeds the text whole, then byte by byte: where a packet ends must never change the verdict.
int status_of(const std::string &text, const RequestLimits &limits = {}) {
    RequestReader whole(limits);
    const State state = whole.advance(text);
    RequestReader dripped(limits);
    for (std::size_t n = 1; n <= text.size() && dripped.state() != State::refused; ++n)
        dripped.advance(std::string_view(text).substr(0, n));
    EXPECT_EQ(dripped.state() == State::refused, state == State::refused);
    EXPECT_EQ(dripped.refusal().status, whole.refusal().status);
    if (state == State::refused) {
        EXPECT_FALSE(whole.refusal().message.empty());
        EXPECT_EQ(std::string(whole.refusal().code), "TNCY" + std::to_string(whole.refusal().status));
        return whole.refusal().status;
    }
    return state == State::complete ? 200 : 0;
}

Request complete(std::string text) {
    RequestReader reader{RequestLimits{}};
    EXPECT_EQ(reader.advance(text), State::complete) << text;
    if (reader.state() != State::complete) return {};
    return reader.take(text);
}

} // namespace

TEST(RequestReader, RefusesHostileInput) {
    struct Case {
        const char *what;
        std::string text;
        int status;
    };
    const std::string get = "GET / HTTP/1.1\r\n" + host;
    const std::string post = "POST / HTTP/1.1\r\n" + host;
    const std::vector<Case> cases = {
        {"chunked", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
        {"chunked in capitals", post + "TRANSFER-ENCODING: xchunked\r\n\r\n", 501},
        {"empty transfer encoding", post + "Transfer-Encoding:\r\n\r\n", 501},
        {"both lengths", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"both lengths, other order", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
        {"transfer encoding with a space before its colon", post + "Transfer-Encoding : chunked\r\n\r\n", 400},
        {"two equal lengths", post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
        {"two different lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
        {"a list of lengths", post + "Content-Length: 2, 2\r\n\r\n{}", 400},
        {"signed length", post + "Content-Length: +2\r\n\r\n{}", 400},
        {"negative length", post + "Content-Length: -1\r\n\r\n", 400},
        {"hexadecimal length", post + "Content-Length: 0x2\r\n\r\n{}", 400},
        {"empty length", post + "Content-Length:\r\n\r\n", 400},
        {"length with a word", post + "Content-Length: two\r\n\r\n", 400},
        {"length that wraps around to 2", post + "Content-Length: 18446744073709551618\r\n\r\n{}", 413},
        {"length of a thousand digits", post + "Content-Length: " + std::string(1000, '9') + "\r\n\r\n", 413},
        {"body over 1 MiB", post + "Content-Length: 1048577\r\n\r\n", 413},
        {"gzip body", post + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415},
        {"GET with body", get + "Content-Length: 1\r\n\r\nx", 400},
        {"HEAD with body", "HEAD / HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx", 400},
        {"bare LF after the request line", "GET / HTTP/1.1\n" + host + "\r\n", 400},
        {"bare LF after a header", "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400},
        {"bare LF as the last line", get + "\n", 400},
        {"CR inside a header", get + "X: a\rb\r\n\r\n", 400},
        {"folded by space", get + "X: a\r\n b\r\n\r\n", 400},
        {"folded by tab", get + "X: a\r\n\tb\r\n\r\n", 400},
        {"NUL in a value", get + std::string("X: a\0b\r\n\r\n", 10), 400},
        {"NUL in a name", get + std::string("X\0: ab\r\n\r\n", 10), 400},
        {"NUL in the target", std::string("GET /a\0b HTTP/1.1\r\n", 19) + host + "\r\n", 400},
        {"DEL in a value", get + "X: \x7f\r\n\r\n", 400},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 400},
        {"two Hosts", get + host + "\r\n", 400},
        {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
        {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
        {"Host of 256 characters", "GET / HTTP/1.1\r\nHost: " + std::string(256, 'a') + "\r\n\r\n", 400},
        {"header without colon", get + "nonsense\r\n\r\n", 400},
        {"header without name", get + ": x\r\n\r\n", 400},
        {"space in a header's name", get + "X y: z\r\n\r\n", 400},
        {"empty line first", "\r\n" + get + "\r\n", 400},
        {"request line of one word", "GET\r\n" + host + "\r\n", 400},
        {"HTTP/0.9", "GET /\r\n\r\n", 400},
        {"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
        {"a fourth word", "GET / x HTTP/1.1\r\n" + host + "\r\n", 400},
        {"absolute target", "GET http://example.test/ HTTP/1.1\r\n" + host + "\r\n", 400},
        {"target with a fragment", "GET /#x HTTP/1.1\r\n" + host + "\r\n", 400},
        {"raw UTF-8 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
        {"asterisk target", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400},
        {"CONNECT", "CONNECT a:1 HTTP/1.1\r\n" + host + "\r\n", 501},
        {"lower-case method", "get / HTTP/1.1\r\n" + host + "\r\n", 501},
        {"method that is no word", "G\"T / HTTP/1.1\r\n" + host + "\r\n", 400},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
        {"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505},
        {"not HTTP", "GET / SIP/2.0\r\n\r\n", 400},
        {"TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12), 400},
        {"strange expectation", post + "Expect: 200-maybe\r\nContent-Length: 1\r\n\r\n", 417},
    };
    for (const Case &c : cases) EXPECT_EQ(status_of(c.text), c.status) << c.what;
}

TEST(RequestReader, LimitsTheRequestLine) {
    const std::string rest = " HTTP/1.1\r\n" + host + "\r\n";
    const std::size_t frame = std::string("GET  HTTP/1.1\r\n").size();
    EXPECT_EQ(status_of("GET /" + std::string(8192 - frame - 1, 'a') + rest), 200);
    EXPECT_EQ(status_of("GET /" + std::string(8192 - frame, 'a') + rest), 414);
    EXPECT_EQ(status_of("GET /" + std::string(9000, 'a')), 414) << "without waiting for the line's end";
}

TEST(RequestReader, LimitsTheHead) {
    const std::string start = "GET / HTTP/1.1\r\n" + host + "X: ";
    const std::size_t room = 16384 - start.size() - 4;
    EXPECT_EQ(status_of(start + std::string(room, 'a') + "\r\n\r\n"), 200);
    EXPECT_EQ(status_of(start + std::string(room + 1, 'a') + "\r\n\r\n"), 431);
    EXPECT_EQ(status_of(start + std::string(20000, 'a')), 431) << "without waiting for the line's end";
}

TEST(RequestReader, LimitsTheNumberOfHeaders) {
    std::string text = "GET / HTTP/1.1\r\n" + host;
    for (int i = 0; i < 99; ++i) text += "X: y\r\n";
    EXPECT_EQ(status_of(text + "\r\n"), 200);
    EXPECT_EQ(status_of(text + "X: y\r\n\r\n"), 431);
}

TEST(RequestReader, LimitsTheBodyBeforeItArrives) {
    RequestLimits limits;
    limits.body_bytes = 10;
    const std::string post = "POST / HTTP/1.1\r\n" + host;
    EXPECT_EQ(status_of(post + "Content-Length: 10\r\n\r\n0123456789", limits), 200);
    EXPECT_EQ(status_of(post + "Content-Length: 11\r\n\r\n", limits), 413);
    EXPECT_EQ(status_of(post + "Content-Length: 1048576\r\n\r\n"), 0) << "exactly 1 MiB is waited for";
}

TEST(RequestReader, ReadsARequest) {
    const Request request = complete("POST /api/x%20y?a=%41&b HTTP/1.1\r\n" + host +
                                     "COOKIE:  a=%3B; b=c \t\r\nContent-Length: 002\r\n\r\n{}");
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/api/x%20y");
    EXPECT_TRUE(request.has_query);
    EXPECT_EQ(request.query, "a=%41&b");
    EXPECT_EQ(request.body, "{}");
    ASSERT_NE(request.header("cookie"), nullptr);
    EXPECT_EQ(*request.header("cookie"), "a=%3B; b=c") << "values are trimmed and never decoded";
    EXPECT_TRUE(request.keep_alive);
}

TEST(RequestReader, ReadsBytesOneAtATime) {
    const std::string text = "PUT /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc";
    RequestReader reader{RequestLimits{}};
    std::string buffer;
    for (std::size_t i = 0; i < text.size(); ++i) {
        buffer.push_back(text[i]);
        const State state = reader.advance(buffer);
        if (i + 1 == text.size()) {
            EXPECT_EQ(state, State::complete);
        } else {
            ASSERT_EQ(state, i + 3 < text.size() - 1 ? State::head : State::body) << i;
        }
    }
    EXPECT_EQ(reader.take(buffer).body, "abc");
    EXPECT_TRUE(buffer.empty());
}

TEST(RequestReader, LeavesThePipelinedRestAlone) {
    std::string buffer = "POST /1 HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\nx" + "GET /2 HTTP/1.1\r\n" + host +
                         "\r\nGET /3";
    RequestReader reader{RequestLimits{}};
    ASSERT_EQ(reader.advance(buffer), State::complete);
    const Request first = reader.take(buffer);
    EXPECT_EQ(first.path, "/1");
    EXPECT_EQ(first.body, "x");
    ASSERT_EQ(reader.advance(buffer), State::complete);
    const Request second = reader.take(buffer);
    EXPECT_EQ(second.path, "/2");
    EXPECT_EQ(second.body, "");
    EXPECT_EQ(second.headers.size(), 1u) << "nothing of the first request is left";
    EXPECT_EQ(reader.advance(buffer), State::head);
    EXPECT_EQ(buffer, "GET /3");
}

TEST(RequestReader, ARefusalIsFinal) {
    std::string buffer = "GET / HTTP/1.1\r\n\r\n";
    RequestReader reader{RequestLimits{}};
    ASSERT_EQ(reader.advance(buffer), State::refused);
    buffer += "GET / HTTP/1.1\r\n" + host + "\r\n";
    EXPECT_EQ(reader.advance(buffer), State::refused);
}

TEST(RequestReader, DecidesWhetherTheConnectionStays) {
    const auto keeps = [](const std::string &version, const std::string &connection) {
        return complete("GET / " + version + "\r\n" + host + connection + "\r\n").keep_alive;
    };
    EXPECT_TRUE(keeps("HTTP/1.1", ""));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.1", "Connection: upgrade, CLOSE\r\n"));
    EXPECT_FALSE(keeps("HTTP/1.0", ""));
    EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
}

TEST(RequestReader, NoticesExpectations) {
    const auto expects = [](const std::string &text) {
        RequestReader reader{RequestLimits{}};
        reader.advance(text);
        return reader.expects_continue();
    };
    const std::string expect = host + "Expect: 100-Continue\r\n";
    EXPECT_TRUE(expects("POST / HTTP/1.1\r\n" + expect + "Content-Length: 2\r\n\r\n"));
    EXPECT_FALSE(expects("POST / HTTP/1.1\r\n" + expect + "Content-Length: 2\r\n\r\n{}")) << "the body is there";
    EXPECT_FALSE(expects("POST / HTTP/1.0\r\n" + expect + "Content-Length: 2\r\n\r\n"));
    EXPECT_FALSE(expects("POST / HTTP/1.1\r\n" + expect + "\r\n")) << "there is no body";
    EXPECT_FALSE(expects("POST / HTTP/1.1\r\n" + expect + "Content-Length: 1048577\r\n\r\n")) << "refused at once";
}

TEST(PathSegments, AreDecodedOneByOne) {
    using gateway::http::path_segments;
    using Segments = std::vector<std::string>;
    EXPECT_EQ(path_segments("/"), Segments{""});
    EXPECT_EQ(path_segments("/api/a%20b/"), (Segments{"api", "a b", ""}));
    EXPECT_EQ(path_segments("/a%2Fb"), Segments{"a/b"}) << "an encoded slash makes no new segment";
    EXPECT_EQ(path_segments("/%252e"), Segments{"%2e"}) << "decoded once";
    for (const char *bad : {"", "a", "/%", "/%4", "/%zz", "/%00", "/%ff", "/%c0%af", "/%ed%a0%80", "/%f5%80%80%80"})
        EXPECT_FALSE(path_segments(bad)) << bad;
}

TEST(PercentEncoded, LeavesNothingThatAHeaderOrAFormMinds) {
    using gateway::http::percent_encoded;
    EXPECT_EQ(percent_encoded("0b1e-Az._~9"), "0b1e-Az._~9");
    EXPECT_EQ(percent_encoded("a b&c=\r\n%\xc3\x9f"), "a%20b%26c%3D%0D%0A%25%C3%9F");
    EXPECT_EQ(percent_encoded(""), "");
}
