// The bytes of answers.
#include "http/answer.hpp"

#include <gtest/gtest.h>

namespace {

using gateway::http::append_answer;
using gateway::http::BodyParts;
using gateway::http::Request;

struct Made {
    std::string bytes;
    bool has(const std::string &line) const { return bytes.find("\r\n" + line + "\r\n") != std::string::npos; }
    bool names(const std::string &header) const { return bytes.find("\r\n" + header + ":") != std::string::npos; }
    std::string body() const { return bytes.substr(bytes.find("\r\n\r\n") + 4); }
};

Made answer(const std::string &method, int status, const std::string &body, bool close = false, int minor_version = 1,
            bool in_parts = false) {
    Request request;
    request.method = method;
    request.minor_version = minor_version;
    BodyParts parts;
    if (in_parts) parts = [](std::string &) { return false; };
    request.body_parts = &parts;
    httplib::Response response;
    response.status = status;
    response.body = body;
    response.set_header("Content-Type", "text/plain");
    Made made;
    append_answer(made.bytes, request, response, close);
    return made;
}

} // namespace

TEST(Answer, HasStatusHeadersAndBody) {
    const Made made = answer("GET", 200, "hello");
    EXPECT_TRUE(made.bytes.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_TRUE(made.has("Content-Type: text/plain"));
    EXPECT_TRUE(made.has("Content-Length: 5"));
    EXPECT_FALSE(made.names("Connection"));
    EXPECT_EQ(made.body(), "hello");
    EXPECT_TRUE(answer("GET", 200, "").has("Content-Length: 0"));
}

TEST(Answer, HasTheSafetyHeaders) {
    for (const int status : {200, 204, 404, 500}) {
        const Made made = answer("GET", status, "");
        EXPECT_TRUE(made.has("X-Content-Type-Options: nosniff")) << status;
        EXPECT_TRUE(made.has("Referrer-Policy: same-origin")) << status;
        EXPECT_TRUE(made.has("X-Frame-Options: DENY")) << status;
        EXPECT_TRUE(made.has("Cross-Origin-Resource-Policy: same-origin")) << status;
        EXPECT_TRUE(made.has("Cross-Origin-Opener-Policy: same-origin")) << status;
    }
}

TEST(Answer, HasNoLengthWhereNoneMayBe) {
    EXPECT_FALSE(answer("GET", 204, "").names("Content-Length"));
    EXPECT_FALSE(answer("GET", 304, "").names("Content-Length"));
    EXPECT_FALSE(answer("HEAD", 200, "").names("Content-Length")) << "nobody knows the length of a body that was not made";
    const Made parts = answer("GET", 200, "", false, 1, true);
    EXPECT_FALSE(parts.names("Content-Length"));
    EXPECT_TRUE(parts.has("Transfer-Encoding: chunked"));
}

TEST(Answer, OfHeadHasTheLengthAndNoBody) {
    const Made made = answer("HEAD", 200, "hello");
    EXPECT_TRUE(made.has("Content-Length: 5"));
    EXPECT_EQ(made.body(), "");
}

TEST(Answer, SaysWhatBecomesOfTheConnection) {
    EXPECT_TRUE(answer("GET", 200, "", true).has("Connection: close"));
    EXPECT_TRUE(answer("GET", 200, "", true, 0).has("Connection: close"));
    EXPECT_TRUE(answer("GET", 200, "", false, 0).has("Connection: keep-alive"));
}

TEST(Answer, StandsBehindWhatIsThereAlready) {
    Request request;
    request.method = "GET";
    httplib::Response response;
    response.status = 404;
    std::string bytes = "before";
    append_answer(bytes, request, response, false);
    EXPECT_TRUE(bytes.starts_with("beforeHTTP/1.1 404 Not Found\r\n"));
}
