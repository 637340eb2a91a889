// Routing and error answers, as far as they need no database: the pool's connect function says it is down.
#include "server.hpp"

#include "log.hpp"

#include <gtest/gtest.h>

namespace {

using gateway::http::Request;

class Server : public testing::Test {
protected:
    Server() { gateway::log::set_level("error"); }
    ~Server() override { gateway::log::set_level("info"); }

    static Request request(const std::string &method, const std::string &path) {
        Request made;
        made.method = method;
        made.path = path;
        made.headers = {{"host", "x"}};
        return made;
    }
    httplib::Response answer(Request asked) {
        httplib::Response response;
        server_.answer(asked, response);
        return response;
    }
    httplib::Response answer(const std::string &method, const std::string &path) { return answer(request(method, path)); }

    gateway::db::Pool pool_{gateway::db::PoolOptions{}, []() -> std::unique_ptr<gateway::db::Connection> {
                                throw std::runtime_error("secret of the database");
                            }};
    gateway::db::RequestScope scope_{pool_};
    gateway::db::TenantClient client_{scope_};
    static gateway::Services services(gateway::db::Pool &pool, gateway::db::TenantClient &client) {
        gateway::Services made{gateway::Credentials(false), client, ""};
        made.schema = std::make_shared<gateway::rest::SchemaCache>("api", pool);
        made.data = std::make_shared<gateway::rest::Executor>(made.schema, client);
        return made;
    }
    gateway::Server server_{"/api", services(pool_, client_), ""};
};

} // namespace

TEST_F(Server, ASignInIsSlowHoweverItsPathIsWritten) {
    EXPECT_TRUE(server_.is_slow(request("POST", "/api/auth/login")));
    EXPECT_TRUE(server_.is_slow(request("POST", "/api/auth/%6cogin"))) << "it is routed to the password check";
    EXPECT_TRUE(server_.is_slow(request("POST", "/%61pi/auth/login")));
    EXPECT_FALSE(server_.is_slow(request("GET", "/api/auth/login")));
    EXPECT_FALSE(server_.is_slow(request("POST", "/api/auth/logout")));
    EXPECT_FALSE(server_.is_slow(request("POST", "/api/auth%2flogin")));
    EXPECT_FALSE(server_.is_slow(request("POST", "/%")));
}

TEST_F(Server, RoutesWithoutADatabase) {
    EXPECT_EQ(answer("GET", "/healthz").status, 200);
    EXPECT_EQ(answer("HEAD", "/healthz").status, 200);
    EXPECT_EQ(answer("GET", "/api/demo").status, 404);
    EXPECT_EQ(answer("GET", "/api/a/b/c").status, 404);
    EXPECT_EQ(answer("GET", "/nothing").status, 404);
    EXPECT_EQ(answer("GET", "/%zz").status, 400);
    EXPECT_EQ(answer("GET", "/api/auth/session").status, 401);
    EXPECT_EQ(answer("GET", "/api/patients").status, 401);
    EXPECT_EQ(answer("POST", "/api/auth/login").status, 415);
}

TEST_F(Server, NamesTheAllowedMethods) {
    const auto list = answer("OPTIONS", "/api/patients");
    EXPECT_EQ(list.status, 405);
    EXPECT_EQ(list.get_header_value("Allow"), "GET, HEAD, POST, PATCH, DELETE, PUT");
    const auto row = answer("POST", "/api/patients/1");
    EXPECT_EQ(row.status, 405);
    EXPECT_EQ(row.get_header_value("Allow"), "GET, HEAD, PATCH, DELETE, PUT");
    const auto login = answer("GET", "/api/auth/login");
    EXPECT_EQ(login.status, 405);
    EXPECT_EQ(login.get_header_value("Allow"), "POST");
}

TEST_F(Server, EveryAnswerHasItsSafetyHeaders) {
    for (const char *path : {"/healthz", "/nothing", "/api/patients"}) {
        const auto response = answer("GET", path);
        EXPECT_TRUE(response.get_header_value("Content-Security-Policy").starts_with("default-src 'none'")) << path;
        EXPECT_EQ(response.get_header_value("Cache-Control"), "no-store") << path;
    }
}

TEST_F(Server, SignsOutWithoutASession) {
    const auto response = answer("POST", "/api/auth/logout");
    EXPECT_EQ(response.status, 204);
    EXPECT_NE(response.get_header_value("Set-Cookie").find("Max-Age=0"), std::string::npos);
    Request foreign = request("POST", "/api/auth/logout");
    foreign.headers.push_back({"origin", "http://evil.test"});
    EXPECT_EQ(answer(foreign).status, 403);
}

TEST_F(Server, NeverShowsAnInternalFailure) {
    Request asked = request("GET", "/api/patients");
    asked.headers.push_back({"cookie", "tenancy_session=abc"});
    const auto response = answer(asked);
    EXPECT_GE(response.status, 500);
    EXPECT_EQ(response.body.find("secret"), std::string::npos) << response.body;
}
