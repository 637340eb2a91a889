// The command line and what is refused on it.
#include "config.hpp"

#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct Outcome {
    std::optional<gateway::Config> config;
    int exit_code = -1;
};

// The command line alone: a test run has the variables of its own gateway in the environment.
Outcome read(std::vector<const char *> arguments) {
    for (const char *name : {"TENANCY_LISTEN", "TENANCY_PORT_FILE", "TENANCY_GATEWAY_URL", "TENANCY_PREFIX",
                             "TENANCY_SCHEMA", "TENANCY_WEB_ROOT", "TENANCY_DEMO_FILE", "TENANCY_POOL_SIZE",
                             "TENANCY_WORKERS", "TENANCY_SIGN_IN_LIMIT", "TENANCY_SECURE_COOKIES", "TENANCY_LOG_LEVEL",
                             "TENANCY_STATEMENT_TIMEOUT"})
        unsetenv(name);
    arguments.insert(arguments.begin(), "tenancy-gateway");
    Outcome outcome;
    outcome.config = gateway::read_config(static_cast<int>(arguments.size()), arguments.data(), outcome.exit_code);
    return outcome;
}

} // namespace

TEST(Config, HasDefaults) {
    const Outcome outcome = read({"--database-url", "dbname=x"});
    ASSERT_TRUE(outcome.config);
    EXPECT_EQ(outcome.config->host, "127.0.0.1");
    EXPECT_EQ(outcome.config->port, 8080);
    EXPECT_EQ(outcome.config->prefix, "/api");
    EXPECT_EQ(outcome.config->schema, "api");
    EXPECT_FALSE(outcome.config->secure_cookies);
    EXPECT_GE(outcome.config->sign_in_limit, 1u);
    EXPECT_LE(outcome.config->sign_in_limit, 2u);
    EXPECT_EQ(read({"--database-url", "x", "--sign-in-limit", "7"}).config->sign_in_limit, 7u);
}

TEST(Config, TakesAddresses) {
    const Outcome four = read({"--database-url", "x", "--listen", "0.0.0.0:0"});
    ASSERT_TRUE(four.config);
    EXPECT_EQ(four.config->port, 0);
    const Outcome six = read({"--database-url", "x", "--listen", "[::1]:65535"});
    ASSERT_TRUE(six.config);
    EXPECT_EQ(six.config->host, "::1");
    EXPECT_EQ(six.config->port, 65535);
}

TEST(Config, RefusesBadValuesWithExitCodeTwo) {
    const std::vector<std::vector<const char *>> bad = {
        {},
        {"--database-url", "x", "--listen", "8080"},
        {"--database-url", "x", "--listen", "127.0.0.1:65536"},
        {"--database-url", "x", "--listen", "127.0.0.1:"},
        {"--database-url", "x", "--listen", "::1:8080"},
        {"--database-url", "x", "--prefix", "api"},
        {"--database-url", "x", "--prefix", "/api/"},
        {"--database-url", "x", "--prefix", "/"},
        {"--database-url", "x", "--schema", ""},
        {"--database-url", "x", "--pool-size", "0"},
        {"--database-url", "x", "--workers", "many"},
        {"--database-url", "x", "--sign-in-limit", "0"},
        {"--database-url", "x", "--statement-timeout", "0"},
        {"--database-url", "x", "--log-level", "loud"},
        {"--database-url", "x", "--web-root", "/no/such/folder"},
        {"--database-url", "x", "--demo-file", "/no/such/file"},
        {"--database-url", "x", "--unheard-of"},
    };
    for (const auto &arguments : bad) {
        const Outcome outcome = read(arguments);
        EXPECT_FALSE(outcome.config) << (arguments.empty() ? "nothing" : arguments.back());
        EXPECT_EQ(outcome.exit_code, 2) << (arguments.empty() ? "nothing" : arguments.back());
    }
}

TEST(Config, HelpIsNoError) {
    const Outcome outcome = read({"--help"});
    EXPECT_FALSE(outcome.config);
    EXPECT_EQ(outcome.exit_code, 0);
}
