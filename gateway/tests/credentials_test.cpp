// The session cookie, the bearer token and the body's declared type.
#include "credentials.hpp"
#include "http_error.hpp"

#include <functional>

#include <gtest/gtest.h>

namespace {

using gateway::Credentials;
using gateway::HttpError;
using gateway::http::Request;

Request with(std::vector<gateway::http::Header> headers) {
    Request request;
    request.headers = std::move(headers);
    return request;
}

int status_of(const std::function<void()> &call) {
    try {
        call();
    } catch (const HttpError &error) {
        return error.status;
    }
    return 200;
}

int type_status(std::vector<gateway::http::Header> headers) {
    return status_of([&] { gateway::require_json(with(std::move(headers))); });
}

} // namespace

TEST(Credentials, FindTheTokenAmongOtherCookies) {
    const Credentials plain(false);
    EXPECT_EQ(plain.token(with({{"cookie", "tenancy_session=abc-_9"}})), "abc-_9");
    EXPECT_EQ(plain.token(with({{"cookie", "a=b;tenancy_session = abc ; c"}})), "abc");
    EXPECT_EQ(plain.token(with({{"cookie", "a=b"}, {"cookie", "tenancy_session=abc"}})), "abc");
}

TEST(Credentials, TakeNothingThatCannotBeAToken) {
    const Credentials plain(false);
    for (const char *cookie : {"", ";;;", "tenancy_session", "tenancy_session=", "tenancy_session=a b",
                               "tenancy_session=a%62c", "tenancy_session=\"abc\"", "tenancy_session=a'--",
                               "Tenancy_Session=abc", "xtenancy_session=abc", "other=1"})
        EXPECT_FALSE(plain.token(with({{"cookie", cookie}}))) << cookie;
    EXPECT_FALSE(plain.token(with({})));
    EXPECT_TRUE(plain.token(with({{"cookie", "tenancy_session=" + std::string(128, 'a')}})));
    EXPECT_FALSE(plain.token(with({{"cookie", "tenancy_session=" + std::string(129, 'a')}})));
}

TEST(Credentials, RefuseTwoCookiesOfTheSameName) {
    const Credentials plain(false);
    const std::vector<Request> requests = {
        with({{"cookie", "tenancy_session=abc; tenancy_session=abd"}}),
        with({{"cookie", "tenancy_session=abc"}, {"cookie", "tenancy_session=abc"}}),
        with({{"cookie", "tenancy_session=; tenancy_session=abc"}}),
    };
    for (const Request &request : requests) {
        try {
            plain.token(request);
            ADD_FAILURE() << *request.header("cookie");
        } catch (const HttpError &error) {
            EXPECT_EQ(error.status, 400);
            EXPECT_TRUE(error.clear_cookie);
            EXPECT_EQ(error.message.find("abc"), std::string::npos) << "a token must not be quoted";
        }
    }
}

TEST(Credentials, TakeABearerToken) {
    const Credentials plain(false);
    EXPECT_EQ(plain.token(with({{"authorization", "Bearer eyJh.eyJp.sig-_9"}})), "eyJh.eyJp.sig-_9");
    EXPECT_EQ(plain.token(with({{"authorization", "bearer   a.b.c"}})), "a.b.c") << "the scheme has no case";
    EXPECT_EQ(plain.token(with({{"authorization", "Bearer abc"}})), "abc");
    EXPECT_EQ(plain.token(with({{"cookie", "other=1"}, {"authorization", "Bearer a.b.c"}})), "a.b.c");
    EXPECT_TRUE(plain.token(with({{"authorization", "Bearer " + std::string(16384, 'a')}})));
    EXPECT_FALSE(plain.token(with({{"authorization", "Bearer " + std::string(16385, 'a')}})));
    for (const char *header : {"Bearer", "Bearer ", "Bearer a b", "Bearer a.b.c,", "Bearer a.b.c=", "Bearer a/b", "Bearer a+b",
                               "Bearer \xc3\xa9", "Bearer 'a'", "Bearer Bearer a.b.c", "", "a.b.c", "Bearera.b.c",
                               "Bearer\ta.b.c", "Basic YTpi", "BasicBearer a.b.c"})
        EXPECT_FALSE(plain.token(with({{"authorization", header}}))) << header;
    EXPECT_FALSE(plain.token(with({{"authorization", std::string("Bearer a\0b", 10)}})));
}

TEST(Credentials, LeaveOtherSchemesToAProxyInFront) {
    EXPECT_EQ(Credentials(false).token(with({{"authorization", "Basic YTpi"}, {"cookie", "tenancy_session=abc"}})), "abc");
}

TEST(Credentials, TakeNoSignedTokenFromACookie) {
    EXPECT_FALSE(Credentials(false).token(with({{"cookie", "tenancy_session=a.b.c"}}))) << "a browser would send it for any site";
}

TEST(Credentials, RefuseTwoPeopleInOneRequest) {
    const Credentials plain(false);
    for (const char *cookie : {"tenancy_session=abc", "tenancy_session=", "tenancy_session=a.b.c"})
        EXPECT_EQ(status_of([&] { plain.token(with({{"cookie", cookie}, {"authorization", "Bearer a.b.c"}})); }), 400) << cookie;
    EXPECT_EQ(status_of([&] { plain.token(with({{"authorization", "Bearer a.b.c"}, {"authorization", "Bearer a.b.c"}})); }), 400);
    EXPECT_EQ(status_of([&] { plain.token(with({{"authorization", "Basic x"}, {"authorization", "Bearer a.b.c"}})); }), 400);
}

TEST(Credentials, TakeATenantOnlyWithASignedToken) {
    const Credentials plain(false);
    const auto asked = plain.caller(with({{"authorization", "Bearer a.b.c"}, {"tenancy-tenant", "tenant \xc3\xa9"}}));
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->token, "a.b.c");
    EXPECT_EQ(asked->tenant, "tenant \xc3\xa9");
    EXPECT_EQ(plain.caller(with({{"authorization", "Bearer a.b.c"}}))->tenant, "");
    EXPECT_FALSE(plain.caller(with({})));
    const std::vector<std::vector<gateway::http::Header>> refused = {
        {{"tenancy-tenant", "1"}},
        {{"cookie", "tenancy_session=abc"}, {"tenancy-tenant", "1"}},
        {{"authorization", "Bearer abc"}, {"tenancy-tenant", "1"}},
        {{"authorization", "Basic YTpi"}, {"tenancy-tenant", "1"}},
        {{"authorization", "Bearer a.b.c"}, {"tenancy-tenant", ""}},
        {{"authorization", "Bearer a.b.c"}, {"tenancy-tenant", std::string(256, '1')}},
        {{"authorization", "Bearer a.b.c"}, {"tenancy-tenant", "\xff"}},
        {{"authorization", "Bearer a.b.c"}, {"tenancy-tenant", "1"}, {"tenancy-tenant", "1"}},
    };
    for (const auto &headers : refused) EXPECT_EQ(status_of([&] { plain.caller(with(headers)); }), 400);
}

TEST(Credentials, SecureCookiesHaveANameOfTheirOwn) {
    const Credentials secure(true);
    EXPECT_FALSE(secure.token(with({{"cookie", "tenancy_session=abc"}})));
    EXPECT_EQ(secure.token(with({{"cookie", "tenancy_session=abc; __Host-tenancy_session=def"}})), "def");
    EXPECT_EQ(secure.set_cookie({}, "t", 60),
              "__Host-tenancy_session=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
}

TEST(Credentials, AreSecureWhereTheRequestCameByHttps) {
    const Credentials plain(false);
    Request request = with({{"cookie", "tenancy_session=abc; __Host-tenancy_session=def"}});
    EXPECT_EQ(plain.token(request), "abc");
    request.https = true;
    EXPECT_EQ(plain.token(request), "def");
    EXPECT_EQ(plain.set_cookie(request, "t", 60),
              "__Host-tenancy_session=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
}

TEST(Credentials, WriteCookies) {
    const Credentials plain(false);
    EXPECT_EQ(plain.set_cookie({}, "t", 43200), "tenancy_session=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200");
    EXPECT_EQ(plain.clear_cookie({}), "tenancy_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

TEST(JsonBody, MustBeDeclared) {
    EXPECT_EQ(type_status({{"content-type", "application/json"}}), 200);
    EXPECT_EQ(type_status({{"content-type", "Application/JSON ; charset=utf-8"}}), 200);
    EXPECT_EQ(type_status({}), 415);
    EXPECT_EQ(type_status({{"content-type", "text/plain"}}), 415);
    EXPECT_EQ(type_status({{"content-type", "text/plain; application/json"}}), 415);
    EXPECT_EQ(type_status({{"content-type", "application/json-patch"}}), 415);
    EXPECT_EQ(type_status({{"content-type", "application/json"}, {"content-type", "text/plain"}}), 415);
}
