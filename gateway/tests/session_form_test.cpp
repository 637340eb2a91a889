// The bodies of signing in and of choosing a tenant.
#include "handlers/session.hpp"
#include "http_error.hpp"

#include <gtest/gtest.h>

namespace {

using gateway::HttpError;
using gateway::handlers::read_login_form;
using gateway::handlers::read_tenant_choice;

template <typename Read> void expect_refused(Read read, const std::string &body) {
    try {
        read(body);
        ADD_FAILURE() << "accepted: " << body;
    } catch (const HttpError &error) {
        EXPECT_EQ(error.status, 400) << body;
        EXPECT_EQ(error.message.find("hunter2"), std::string::npos) << "a password must not be quoted";
    }
}

} // namespace

TEST(LoginForm, ReadsNameAndPassword) {
    const auto form = read_login_form(R"({"userName":"t1 user1","password":" pa\u00df\" ","extra":[1]})");
    EXPECT_EQ(form.user_name, "t1 user1");
    EXPECT_EQ(form.password, " pa\xc3\x9f\" ") << "a password is taken as it is";
}

TEST(LoginForm, LeavesMissingFieldsEmpty) {
    EXPECT_EQ(read_login_form("{}").user_name, "");
    EXPECT_EQ(read_login_form(R"({"userName":"a"})").password, "");
}

TEST(LoginForm, RefusesBadBodies) {
    for (const char *body : {"", "null", "[]", "\"hunter2\"", R"({"userName":1,"password":"hunter2"})",
                             R"({"userName":"a","password":null})", R"({"userName":["a"],"password":"hunter2"})",
                             R"({"userName":"a","password":"hunter2)", R"({"userName":"a","userName":"b"})",
                             R"({"userName":"a","password":"hunter2\u0000x"})", R"({"userName":"a\u0000"})",
                             "userName=a&password=hunter2"})
        expect_refused(read_login_form, body);
}

TEST(TenantChoice, IsTextOrNumber) {
    EXPECT_EQ(read_tenant_choice(R"({"tenantId":"3"})"), "3");
    EXPECT_EQ(read_tenant_choice(R"({"tenantId":3})"), "3");
    EXPECT_EQ(read_tenant_choice(R"({"tenantId":9223372036854775807})"), "9223372036854775807");
    EXPECT_EQ(read_tenant_choice(R"({"tenantId":"0b1e-x"})"), "0b1e-x");
}

TEST(TenantChoice, NullIsNoTenant) { EXPECT_EQ(read_tenant_choice(R"({"tenantId":null})"), std::nullopt); }

TEST(TenantChoice, RefusesEverythingElse) {
    for (const char *body : {"", "{}", "3", R"({"tenantId":""})", R"({"tenantId":3.0})", R"({"tenantid":null})",
                             R"({"tenantId":true})", R"({"tenantId":[3]})", R"({"tenantId":"3\u0000"})",
                             R"({"tenantId":1,"tenantId":2})", R"({"tenantId":99999999999999999999999})"})
        expect_refused(read_tenant_choice, body);
}
