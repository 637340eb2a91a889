#include "config.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <thread>

namespace gateway {

namespace {

// Splits "127.0.0.1:8080" and "[::1]:8080"; an empty text means fine, as CLI11 wants it.
std::string split_listen(const std::string &text, std::string &host, std::uint16_t &port) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return "'" + text + "' is not HOST:PORT";
    host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    else if (host.find_first_of(":[]") != std::string::npos) return "'" + text + "' is not HOST:PORT ([::1]:8080 for IPv6)";
    const char *begin = text.data() + colon + 1;
    const char *end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(begin, end, port);
    if (error != std::errc() || stopped != end || begin == end) return "'" + text + "' has no port between 0 and 65535";
    return {};
}

std::string check_prefix(const std::string &prefix) {
    const bool plain = prefix.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") ==
                       std::string::npos;
    if (prefix.size() < 2 || prefix.front() != '/' || prefix.back() == '/' || !plain ||
        prefix.find("//") != std::string::npos)
        return "'" + prefix + "' is not a path such as /api";
    return {};
}

std::string check_name(const std::string &name) {
    if (name.empty() || name.size() > 63) return "'" + name + "' is not a schema's name";
    return {};
}

} // namespace

unsigned default_sign_in_limit() { return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 2u); }

std::optional<Config> read_config(int argc, const char *const *argv, int &exit_code) {
    Config config;
    std::string listen = "127.0.0.1:8080";
    long long statement_timeout = config.statement_timeout.count();

    CLI::App app{"tenancy-gateway: signs users in and serves each tenant's rows over HTTP.", "tenancy-gateway"};
    app.option_defaults()->always_capture_default();
    app.add_option("--listen", listen, "HOST:PORT to listen on; port 0 takes a free one")
        ->envname("TENANCY_LISTEN")
        ->check([&](const std::string &text) { return split_listen(text, config.host, config.port); });
    app.add_option("--port-file", config.port_file, "file to write the port to, once it listens")
        ->envname("TENANCY_PORT_FILE");
    app.add_option("--database-url", config.database_url,
                   "libpq connection string or URI (prefer the environment: a command line can be read by others)")
        ->envname("TENANCY_GATEWAY_URL")
        ->required();
    app.add_option("--prefix", config.prefix, "path of the API")->envname("TENANCY_PREFIX")->check(check_prefix);
    app.add_option("--schema", config.schema, "schema whose tables and views are served")
        ->envname("TENANCY_SCHEMA")
        ->check(check_name);
    app.add_option("--web-root", config.web_root, "folder with the page's files")
        ->envname("TENANCY_WEB_ROOT")
        ->check(CLI::ExistingDirectory);
    app.add_option("--demo-file", config.demo_file, "JSON file to answer at PREFIX/demo")
        ->envname("TENANCY_DEMO_FILE")
        ->check(CLI::ExistingFile);
    app.add_option("--pool-size", config.pool_size, "connections to Postgres at most")
        ->envname("TENANCY_POOL_SIZE")
        ->check(CLI::Range(1, 200));
    app.add_option("--workers", config.workers, "worker threads")->envname("TENANCY_WORKERS")->check(CLI::Range(1, 256));
    app.add_option("--sign-in-limit", config.sign_in_limit, "sign-ins that check a password at the same time")
        ->envname("TENANCY_SIGN_IN_LIMIT")
        ->check(CLI::Range(1, 64));
    app.add_option("--client-scope", config.client_scope, "how long a tenant's client lives: request, durable or singleton")
        ->envname("TENANCY_CLIENT_SCOPE")
        ->check(CLI::IsMember({"request", "durable", "singleton"}));
    app.add_option("--tenant-connections", config.tenant_connections,
                   "connections that a durable client may have at the same time, and requests of it that may wait")
        ->envname("TENANCY_TENANT_CONNECTIONS")
        ->check(CLI::Range(1, 100));
    app.add_option("--tenant-clients", config.tenant_clients, "durable clients to keep at most")
        ->envname("TENANCY_TENANT_CLIENTS")
        ->check(CLI::Range(1, 1'000'000));
    app.add_flag("--secure-cookies", config.secure_cookies, "for HTTPS in front: Secure cookie with the __Host- prefix")
        ->envname("TENANCY_SECURE_COOKIES");
    app.add_option("--log-level", config.log_level, "debug, info, warning or error")
        ->envname("TENANCY_LOG_LEVEL")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    app.add_option("--statement-timeout", statement_timeout, "milliseconds a statement may run")
        ->envname("TENANCY_STATEMENT_TIMEOUT")
        ->check(CLI::Range(1LL, 3'600'000LL));

    try {
        app.parse(argc, argv);
        // CLI11 checks what is given; the default goes the same way so that there is one rule.
        if (const std::string wrong = split_listen(listen, config.host, config.port); !wrong.empty())
            throw CLI::ValidationError("--listen", wrong);
    } catch (const CLI::ParseError &error) {
        exit_code = app.exit(error) == 0 ? 0 : 2;
        return std::nullopt;
    }
    config.statement_timeout = std::chrono::milliseconds(statement_timeout);
    return config;
}

} // namespace gateway
