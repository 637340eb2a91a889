// Request ids and traceparents that came along, and what only looks like them.
#include "tracing.hpp"

#include <gtest/gtest.h>

namespace {

using gateway::http::Request;

Request with(std::vector<gateway::http::Header> headers) {
    Request request;
    request.headers = std::move(headers);
    return request;
}

const std::string valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::optional<std::string> parsed(const std::string &text) { return gateway::traceparent(with({{"traceparent", text}})); }

} // namespace

TEST(RequestId, IsTheOneThatCameAlong) {
    for (const std::string &id : {std::string("a"), std::string("7f0c.A_b-9"), std::string(64, 'x')})
        EXPECT_EQ(gateway::request_id(with({{"x-request-id", id}})), id);
}

TEST(RequestId, IsANewOneOtherwise) {
    for (const std::string &id : {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a\"b"), std::string("a\r\nb"),
                                  std::string("\xc3\xa9"), std::string("a,b"), std::string("{}")}) {
        const std::string made = gateway::request_id(with({{"x-request-id", id}}));
        EXPECT_NE(made, id);
        EXPECT_EQ(made.size(), 16u);
    }
    EXPECT_EQ(gateway::request_id(with({{"x-request-id", "a"}, {"x-request-id", "a"}})).size(), 16u);
    EXPECT_NE(gateway::request_id(with({})), gateway::request_id(with({})));
}

TEST(Traceparent, IsReadToTheLetter) {
    EXPECT_EQ(parsed(valid), valid);
    EXPECT_EQ(parsed("cc" + valid.substr(2) + "-later"), "cc" + valid.substr(2)) << "a later version may go on";
    EXPECT_FALSE(gateway::traceparent(with({})));
    EXPECT_FALSE(gateway::traceparent(with({{"traceparent", valid}, {"traceparent", valid}})));
    for (const std::string &text : {
             std::string(), valid + "-x", valid + " ", valid.substr(0, 54), "ff" + valid.substr(2), "0x" + valid.substr(2),
             std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
             std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
             std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
             std::string("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
             std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0'"), "cc" + valid.substr(2) + "x"})
        EXPECT_FALSE(parsed(text)) << text;
}
