#include "config.hpp"

#include "db/conninfo.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
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

std::string check_network(const std::string &text) {
    if (http::Network::parse(text)) return {};
    return "'" + text + "' is not an address or a network such as 10.0.0.0/8";
}

std::string check_origin(const std::string &text) {
    if (text == "*") return "'*' is not taken: with credentials, every site could read as the person who visits it";
    if (parse_origin(text)) return {};
    return "'" + text + "' is not an origin such as https://app.example.com";
}

std::string check_name(const std::string &name) {
    if (name.empty() || name.size() > 63) return "'" + name + "' is not a schema's name";
    return {};
}

// One line of the file: "trusted-proxy = 10.0.0.0/8", the option's name without its hyphens.
struct FileLine {
    int number;
    std::string name;
    std::string value;
};

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

CLI::ValidationError refused(const std::string &why) {
    return CLI::ValidationError(why, CLI::ExitCodes::ValidationError);
}

std::vector<FileLine> read_file(const std::string &path) {
    std::ifstream file(path);
    if (!file) throw refused("--config: cannot read " + path);
    std::vector<FileLine> lines;
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        line = trimmed(line);
        if (line.empty() || line.front() == '#') continue;
        const auto equals = line.find('=');
        // The line is not quoted: it may be a password that went astray.
        if (equals == std::string::npos || equals == 0)
            throw refused(path + ", line " + std::to_string(number) + ": not NAME = VALUE");
        lines.push_back({number, trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1))});
    }
    return lines;
}

bool is_given(const std::vector<std::string> &arguments, const std::string &option) {
    return std::any_of(arguments.begin(), arguments.end(), [&](const std::string &argument) {
        return argument == option || argument.starts_with(option + "=");
    });
}

bool in_environment(const CLI::Option &option) {
    const char *value = option.get_envname().empty() ? nullptr : std::getenv(option.get_envname().c_str());
    return value && *value;
}

// The path that --config has, before anything else is read: on the command line or in the environment.
std::string config_path(const std::vector<std::string> &arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i].starts_with("--config=")) return arguments[i].substr(9);
        if (arguments[i] == "--config") return i + 1 < arguments.size() ? arguments[i + 1] : "";
    }
    const char *value = std::getenv("TENANCY_CONFIG");
    return value ? value : "";
}

std::string read_secret(const std::string &path) {
    std::ifstream file(path);
    std::string text;
    if (!file || !std::getline(file, text) || trimmed(text).empty())
        throw refused("--database-url-file: " + path + " cannot be read, or its first line is empty");
    return trimmed(text);
}

std::string joined(const std::vector<std::string> &values) {
    std::string out;
    for (const std::string &value : values) out += (out.empty() ? "" : ",") + value;
    return out;
}

std::string shown_value(const CLI::Option &option) {
    const std::string name = option.get_single_name();
    std::string value = option.count() > 0 ? joined(option.results()) : option.get_default_str();
    // Every connection string, whatever the option is for.
    if (name.ends_with("-url") && !value.empty()) return db::shown_conninfo(value).value_or("****");
    if (value == "[]" || value == "\"\"") value.clear();
    return option.get_expected_min() == 0 && value.empty() ? "false" : value;
}

} // namespace

bool is_reloadable(const std::string &option) {
    for (const char *name : {"cors-origin", "database-url", "database-url-file", "hsts-max-age", "log-level", "sign-in-limit",
                             "trace-to-database", "trusted-proxy"})
        if (option == name) return true;
    return false;
}

unsigned default_sign_in_limit() { return std::clamp(std::thread::hardware_concurrency() / 2, 1u, 2u); }

std::optional<Config> read_config(int argc, const char *const *argv, int &exit_code, std::ostream &out, std::ostream &err) {
    Config config;
    std::string listen = "127.0.0.1:8080";
    std::string config_file;
    std::string database_url_file;
    std::string metrics_listen;
    long long drain_timeout = config.drain_timeout.count();
    bool show = false;
    std::vector<std::string> trusted_proxies;
    std::vector<std::string> cors_origins;
    long long statement_timeout = config.statement_timeout.count();
    long long schema_poll = config.schema_poll.count();

    CLI::App app{"tenancy-gateway: signs users in and serves each tenant's rows over HTTP.", "tenancy-gateway"};
    app.option_defaults()->always_capture_default();
    app.add_option("--listen", listen, "HOST:PORT to listen on; port 0 takes a free one")
        ->envname("TENANCY_LISTEN")
        ->check([&](const std::string &text) { return split_listen(text, config.host, config.port); });
    app.add_option("--port-file", config.port_file, "file to write the port to, once it listens")
        ->envname("TENANCY_PORT_FILE");
    app.add_option("--database-url", config.database_url,
                   "libpq connection string or URI (prefer the environment: a command line can be read by others)")
        ->envname("TENANCY_GATEWAY_URL");
    app.add_option("--database-url-file", database_url_file, "file whose first line is the connection string")
        ->envname("TENANCY_DATABASE_URL_FILE")
        ->check(CLI::ExistingFile);
    app.add_option("--prefix", config.prefix, "path of the API")->envname("TENANCY_PREFIX")->check(check_prefix);
    app.add_option("--schema", config.schema, "schema whose tables and views are served")
        ->envname("TENANCY_SCHEMA")
        ->check(check_name);
    app.add_option("--schema-poll", schema_poll,
                   "look for changes of the schema every so many seconds, where a pooler keeps LISTEN from working; 0: LISTEN")
        ->envname("TENANCY_SCHEMA_POLL")
        ->check(CLI::Range(0LL, 3'600LL));
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
    app.add_option("--max-connections", config.max_connections, "connections of clients at most; beyond it is 503")
        ->envname("TENANCY_MAX_CONNECTIONS")
        ->check(CLI::Range(1, 1'000'000));
    app.add_option("--replica-url", config.replica_url, "connection string of a streaming replica, for reads")
        ->envname("TENANCY_REPLICA_URL");
    app.add_option("--pooler", config.pooler, "what stands before Postgres: none (or a pool of sessions), or transaction")
        ->envname("TENANCY_POOLER")
        ->check(CLI::IsMember({"none", "transaction"}));
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
    app.add_option("--trusted-proxy", trusted_proxies,
                   "address or network whose X-Forwarded-For, -Proto and -Host are believed; may be repeated")
        ->envname("TENANCY_TRUSTED_PROXY")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(check_network);
    app.add_option("--cors-origin", cors_origins, "origin whose pages may use the API; may be repeated")
        ->envname("TENANCY_CORS_ORIGIN")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(check_origin);
    app.add_option("--hsts-max-age", config.edge.hsts_seconds,
                   "seconds that browsers insist on HTTPS, told where the request came by HTTPS; 0: not told")
        ->envname("TENANCY_HSTS_MAX_AGE")
        ->check(CLI::Range(0L, 63'072'000L));
    app.add_option("--log-level", config.log_level, "debug, info, warning or error")
        ->envname("TENANCY_LOG_LEVEL")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    app.add_option("--statement-timeout", statement_timeout, "milliseconds a statement may run")
        ->envname("TENANCY_STATEMENT_TIMEOUT")
        ->check(CLI::Range(1LL, 3'600'000LL));
    app.add_option("--drain-timeout", drain_timeout, "seconds that requests under way get at the end")
        ->envname("TENANCY_DRAIN_TIMEOUT")
        ->check(CLI::Range(0LL, 3'600LL));
    app.add_option("--metrics-listen", metrics_listen, "HOST:PORT of its own for /metrics, for operators alone")
        ->envname("TENANCY_METRICS_LISTEN")
        ->check([&](const std::string &text) {
            return split_listen(text, config.metrics_host, config.metrics_port.emplace());
        });
    app.add_option("--metrics-per-tenant", config.metrics_per_tenant, "how many tenants the metrics may name; 0: none")
        ->envname("TENANCY_METRICS_PER_TENANT")
        ->check(CLI::Range(0, 10'000));
    app.add_flag("--trace-to-database", config.trace_to_database,
                 "tell Postgres the traceparent or request id as application_name")
        ->envname("TENANCY_TRACE_TO_DATABASE");
    app.add_flag("--allow-root", config.allow_root, "run as root all the same")->envname("TENANCY_ALLOW_ROOT");
    app.add_option("--config", config_file, "file of lines NAME = VALUE, the options' names without their hyphens")
        ->envname("TENANCY_CONFIG");
    app.add_flag("--show-config", show, "print what would count and where it comes from, without passwords, and end");
    auto *check = app.add_subcommand("check", "try the database, the role and the exposed relations, say what is wrong, and end");
    check->fallthrough();

    std::vector<std::string> arguments(argv + 1, argv + argc);
    std::map<std::string, std::string> from_file; // option to where it stands
    try {
        // The file's options join the command line where neither it nor the environment has them, so that one parser
        // judges all three.
        const std::vector<std::string> given = arguments;
        if (const std::string path = config_path(arguments); !path.empty()) {
            for (const FileLine &line : read_file(path)) {
                const std::string where = path + ", line " + std::to_string(line.number);
                const CLI::Option *option = line.name.empty() ? nullptr : app.get_option_no_throw("--" + line.name);
                if (!option || line.name == "config" || line.name == "help" || line.name == "show-config")
                    throw refused(where + ": there is no option '" + line.name + "' for a file");
                if (is_given(given, "--" + line.name) || in_environment(*option)) continue;
                arguments.push_back("--" + line.name + "=" + line.value);
                from_file.emplace(line.name, where);
            }
        }
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend()); // as CLI11 wants them
        app.parse(reversed);
        // CLI11 checks what is given; the default goes the same way so that there is one rule.
        if (const std::string wrong = split_listen(listen, config.host, config.port); !wrong.empty())
            throw refused("--listen: " + wrong);
        if (!config.database_url.empty() && !database_url_file.empty())
            throw refused("--database-url-file: --database-url is there too, and only one can count");
        if (!database_url_file.empty()) config.database_url = read_secret(database_url_file);
        if (config.database_url.empty()) throw refused("--database-url is required (or --database-url-file)");
        if (!db::shown_conninfo(config.database_url))
            throw refused("--database-url is no connection string that libpq understands");
        if (!config.replica_url.empty() && !db::shown_conninfo(config.replica_url))
            throw refused("--replica-url is no connection string that libpq understands");
    } catch (const CLI::ParseError &error) {
        exit_code = app.exit(error, out, err) == 0 ? 0 : 2;
        for (const auto &[name, where] : from_file)
            if (exit_code != 0 && std::string_view(error.what()).find("--" + name) != std::string_view::npos)
                err << "It stands in " << where << ".\n";
        return std::nullopt;
    }
    for (const CLI::Option *option : app.get_options()) {
        const std::string name = option->get_single_name();
        if (name == "help" || name == "show-config") continue;
        config.shown[name] = shown_value(*option);
        if (!show) continue;
        const auto file = from_file.find(name);
        const std::string source = file != from_file.end()         ? file->second
                                   : option->count() == 0          ? "default"
                                   : is_given(arguments, "--" + name) ? "command line"
                                                                   : "environment, " + option->get_envname();
        out << "# " << source << '\n' << name << " = " << config.shown[name] << '\n';
    }
    if (!database_url_file.empty()) config.shown["database-url"] = *db::shown_conninfo(config.database_url);
    if (show) {
        exit_code = 0;
        return std::nullopt;
    }
    config.check_only = check->parsed();
    config.drain_timeout = std::chrono::seconds(drain_timeout);
    for (const std::string &text : trusted_proxies) config.edge.trusted_proxies.push_back(*http::Network::parse(text));
    for (const std::string &text : cors_origins) config.edge.cors_origins.push_back(*parse_origin(text));
    config.edge.https = config.secure_cookies;
    config.statement_timeout = std::chrono::milliseconds(statement_timeout);
    config.schema_poll = std::chrono::seconds(schema_poll);
    return config;
}

} // namespace gateway
