// The command line and what is refused on it.
#include "config.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace {

struct Outcome {
    std::optional<gateway::Config> config;
    int exit_code = -1;
    std::string said;
};

// The command line alone: a test run has the variables of its own gateway in the environment.
Outcome read(std::vector<const char *> arguments, std::optional<std::string> keep = std::nullopt) {
    std::vector<std::string> ours;
    for (char **entry = environ; *entry; ++entry) {
        const std::string name(*entry, std::string(*entry).find('='));
        if (name.starts_with("TENANCY_") && !(keep && name == *keep)) ours.push_back(name);
    }
    for (const std::string &name : ours) unsetenv(name.c_str());
    arguments.insert(arguments.begin(), "tenancy-gateway");
    Outcome outcome;
    std::ostringstream out;
    std::ostringstream err;
    outcome.config = gateway::read_config(static_cast<int>(arguments.size()), arguments.data(), outcome.exit_code, out, err);
    outcome.said = out.str() + err.str();
    return outcome;
}

// A file that is gone with the test.
class File {
public:
    explicit File(const std::string &text) {
        const int fd = mkstemp(path_.data());
        EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
        close(fd);
    }
    ~File() { unlink(path_.c_str()); }
    std::string option(const std::string &name = "--config=") const { return name + path_; }
    const std::string &path() const { return path_; }

private:
    std::string path_ = testing::TempDir() + "config_test.XXXXXX";
};

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
        {"--database-url", "x", "--trusted-proxy", "10.0.0.1/8"},
        {"--database-url", "x", "--trusted-proxy", "proxy.example.com"},
        {"--database-url", "x", "--cors-origin", "*"},
        {"--database-url", "x", "--cors-origin", "null"},
        {"--database-url", "x", "--cors-origin", "https://x/"},
        {"--database-url", "x", "--hsts-max-age", "-1"},
        {"--database-url", "x", "--metrics-listen", "9090"},
        {"--database-url", "x", "--metrics-per-tenant", "-1"},
        {"--database-url", "x", "--drain-timeout", "-1"},
        {"--database-url", "x", "--secure-cookies=maybe"},
        {"--database-url", "x", "--config", "/no/such/file"},
        {"--database-url-file", "/no/such/file"},
        {"--database-url", "host=x password"},
        {"--database-url", "x", "unheard-of"},
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

TEST(Config, TakesListsInEveryForm) {
    const Outcome outcome = read({"--database-url", "x", "--trusted-proxy=10.0.0.0/8,::1", "--trusted-proxy", "127.0.0.1",
                                  "--cors-origin=https://A.example:443"});
    ASSERT_TRUE(outcome.config) << outcome.said;
    EXPECT_EQ(outcome.config->edge.trusted_proxies.size(), 3u);
    EXPECT_EQ(outcome.config->edge.cors_origins, std::vector<std::string>{"https://a.example"});
}

TEST(Config, ReadsAFile) {
    const File file("# where\n\nlisten = 127.0.0.1:1\n  database-url=host=/run/x dbname='a # b'\nsecure-cookies = true\n"
                    "trusted-proxy = 10.0.0.0/8\ntrusted-proxy = ::1\n");
    const Outcome outcome = read({file.option().c_str()});
    ASSERT_TRUE(outcome.config) << outcome.said;
    EXPECT_EQ(outcome.config->port, 1);
    EXPECT_EQ(outcome.config->database_url, "host=/run/x dbname='a # b'") << "a value goes to the end of its line";
    EXPECT_TRUE(outcome.config->secure_cookies);
    EXPECT_EQ(outcome.config->edge.trusted_proxies.size(), 2u);
}

TEST(Config, TheCommandLineCountsBeforeTheEnvironmentBeforeTheFile) {
    const File file("database-url = x\nschema = of_file\nprefix = /file\nworkers = 3\n");
    setenv("TENANCY_SCHEMA", "of_environment", 1);
    const Outcome outcome = read({file.option().c_str(), "--prefix=/line"}, "TENANCY_SCHEMA");
    setenv("TENANCY_SCHEMA", "of_environment", 1);
    const Outcome over = read({file.option().c_str(), "--schema", "of_line"}, "TENANCY_SCHEMA");
    unsetenv("TENANCY_SCHEMA");
    ASSERT_TRUE(outcome.config) << outcome.said;
    EXPECT_EQ(outcome.config->prefix, "/line");
    EXPECT_EQ(outcome.config->schema, "of_environment");
    EXPECT_EQ(outcome.config->workers, 3u);
    EXPECT_EQ(over.config->schema, "of_line");
}

TEST(Config, RefusesWhatIsWrongInAFileAndSaysWhere) {
    const std::vector<std::pair<std::string, std::string>> bad = {
        {"unheard-of = 1", "line 1: there is no option 'unheard-of'"},
        {"database-url = x\n[section]", "line 2: not NAME = VALUE"},
        {"config = /x", "line 1: there is no option 'config'"},
        {"check = true", "line 1: there is no option 'check'"},
        {" = x", "line 1: not NAME"},
        {"database-url = x\n\nworkers = many", "line 3"},
        {"database-url = x\nschema = a\nschema = b", "--schema"},
    };
    for (const auto &[text, said] : bad) {
        const File file(text);
        const Outcome outcome = read({file.option().c_str()});
        EXPECT_FALSE(outcome.config) << text;
        EXPECT_EQ(outcome.exit_code, 2) << text;
        EXPECT_NE(outcome.said.find(said), std::string::npos) << text << " -> " << outcome.said;
    }
}

TEST(Config, NeverShowsAPassword) {
    const File secret("postgresql://gw:hunter2@db/x\nsecond line\n");
    const std::vector<std::string> forms = {"--database-url=postgresql://gw:hunter2@db/x?sslpassword=hunter2",
                                            "--database-url=host=db user=gw password='hunter2 \\' x' dbname=x",
                                            "--database-url=host=db password=hunter2 broken",
                                            secret.option("--database-url-file=")};
    for (const std::string &form : forms) {
        const Outcome outcome = read({form.c_str(), "--show-config"});
        EXPECT_FALSE(outcome.config);
        EXPECT_EQ(outcome.said.find("hunter2"), std::string::npos) << outcome.said;
        EXPECT_FALSE(outcome.said.empty());
    }
    const Outcome of_file = read({secret.option("--database-url-file=").c_str()});
    ASSERT_TRUE(of_file.config) << of_file.said;
    EXPECT_EQ(of_file.config->database_url, "postgresql://gw:hunter2@db/x");
    EXPECT_EQ(of_file.config->shown.at("database-url"), "user=gw password=**** dbname=x host=db");
    EXPECT_EQ(read({secret.option("--database-url-file=").c_str(), "--database-url=x"}).exit_code, 2);
}

TEST(Config, ShowsWhereEachValueComesFrom) {
    const File file("database-url = x\nworkers = 3\n");
    setenv("TENANCY_SCHEMA", "s", 1);
    const Outcome outcome = read({file.option().c_str(), "--prefix=/line", "--show-config"}, "TENANCY_SCHEMA");
    unsetenv("TENANCY_SCHEMA");
    EXPECT_EQ(outcome.exit_code, 0);
    for (const std::string &line : {std::string("# command line\nprefix = /line\n"), std::string("# default\npool-size = 8\n"),
                                    std::string("# environment, TENANCY_SCHEMA\nschema = s\n"),
                                    "# " + file.path() + ", line 2\nworkers = 3\n", std::string("secure-cookies = false\n")})
        EXPECT_NE(outcome.said.find(line), std::string::npos) << line << outcome.said;
}

TEST(Config, KnowsTheCommandCheck) {
    EXPECT_TRUE(read({"check", "--database-url", "x"}).config->check_only);
    EXPECT_TRUE(read({"--database-url", "x", "check"}).config->check_only);
    EXPECT_FALSE(read({"--database-url", "x"}).config->check_only);
}
