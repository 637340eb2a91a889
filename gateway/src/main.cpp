// Reads the options, checks the database role, serves until SIGTERM or SIGINT.
// Exit codes: 0 stopped, 2 bad option, 3 unacceptable database role, 4 cannot listen.
#include "config.hpp"
#include "db/self_check.hpp"
#include "http/connection_server.hpp"
#include "json.hpp"
#include "log.hpp"
#include "server.hpp"

#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>

using namespace gateway;

namespace {

constexpr int exit_bad_option = 2;
constexpr int exit_bad_role = 3;
constexpr int exit_cannot_listen = 4;

std::atomic<http::ConnectionServer *> stoppable{nullptr};

void on_signal(int) {
    if (auto *server = stoppable.load()) server->stop();
}

// How many connections the process can hold beside files and database connections.
std::size_t connection_limit(std::size_t wanted) {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return wanted;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    constexpr rlim_t others = 512;
    if (files.rlim_cur == RLIM_INFINITY || files.rlim_cur > wanted + others) return wanted;
    const std::size_t possible = files.rlim_cur > 2 * others ? files.rlim_cur - others : files.rlim_cur / 2;
    log::write(log::Level::warning, "the limit of open files allows fewer connections",
               {{"connections", static_cast<long long>(possible)}});
    return possible;
}

bool write_port_file(const std::string &path, std::uint16_t port) {
    const std::string whole = path + ".new"; // renamed when complete: a reader sees all of it or nothing
    std::ofstream(whole) << port << '\n';
    return std::rename(whole.c_str(), path.c_str()) == 0;
}

std::unique_ptr<db::Connection> connect(const db::ConnectionOptions &options, const std::string &schema) {
    auto connection = std::make_unique<db::Connection>(options);
    db::check_own_role(*connection, schema);
    static std::atomic<bool> warned{false};
    const std::string warning = db::old_server_warning(connection->server_version());
    if (!warning.empty() && !warned.exchange(true)) log::write(log::Level::warning, warning);
    return connection;
}

std::unique_ptr<db::ClientScope> make_scope(const Config &config, db::Pool &pool) {
    if (config.client_scope == "singleton") return std::make_unique<db::SingletonScope>(pool);
    if (config.client_scope == "request") return std::make_unique<db::RequestScope>(pool);
    db::DurableOptions options;
    options.clients = config.tenant_clients;
    // However it is set, one tenant leaves others half of the connections, and half of the workers: a request that
    // waits holds one too.
    options.connections = std::clamp(std::min(config.workers / 2, config.pool_size) / 2, 1u, config.tenant_connections);
    options.waiting = options.connections;
    return std::make_unique<db::DurableScope>(pool, options);
}

enum class FirstContact { good, down, bad_role };

FirstContact try_database(db::Pool &pool) {
    try {
        pool.lease();
        return FirstContact::good;
    } catch (const db::SelfCheckFailed &failure) {
        log::write(log::Level::error, failure.reason);
        return FirstContact::bad_role;
    } catch (const std::exception &error) {
        log::write(log::Level::warning, "the database does not answer yet", {{"reason", error.what()}});
        return FirstContact::down;
    }
}

} // namespace

int main(int argc, char **argv) {
    int exit_code = 0;
    const auto config = read_config(argc, argv, exit_code);
    if (!config) return exit_code;
    log::set_level(config->log_level);

    std::string demo;
    if (!config->demo_file.empty()) {
        std::ifstream file(config->demo_file);
        demo.assign(std::istreambuf_iterator<char>(file), {});
        try {
            parse_json(demo);
        } catch (const BadJson &error) {
            std::fprintf(stderr, "--demo-file: %s: %s\n", config->demo_file.c_str(), error.what());
            return exit_bad_option;
        }
    }

    db::Abort abort;
    db::ConnectionOptions database;
    database.url = config->database_url;
    database.statement_timeout = config->statement_timeout;
    database.abort = &abort;
    db::PoolOptions pool_options;
    pool_options.size = config->pool_size;
    db::Pool pool(pool_options, [&] { return connect(database, config->schema); });
    db::Catalog catalog(config->schema);
    const auto scope = make_scope(*config, pool);
    db::TenantClient client(pool, catalog, *scope);
    Server server(config->prefix, {Credentials(config->secure_cookies), client, std::move(demo)}, config->web_root);

    http::ServerLimits limits;
    limits.workers = config->workers;
    // However it is set, half of the workers and of the connections are left to reads.
    limits.slow_requests = std::clamp(std::min(config->workers, config->pool_size) / 2, 1u, config->sign_in_limit);
    limits.connections = connection_limit(limits.connections);
    http::ConnectionServer connections(
        limits, [&](const http::Request &request, httplib::Response &response) { server.answer(request, response); });
    connections.set_slow_requests([&](const http::Request &request) { return server.is_slow(request); });
    connections.set_abandon([&] { abort.raise(); });
    connections.set_refusal_logger([](const http::Refusal &refusal, const std::string &) {
        log::write(log::Level::info, "request refused",
                   {{"status", static_cast<long long>(refusal.status)}, {"reason", refusal.message}});
    });

    const FirstContact contact = try_database(pool);
    if (contact == FirstContact::bad_role) return exit_bad_role;

    std::uint16_t port = 0;
    try {
        port = connections.bind(config->host, config->port);
    } catch (const std::exception &error) {
        log::write(log::Level::error, error.what());
        return exit_cannot_listen;
    }
    if (!config->port_file.empty() && !write_port_file(config->port_file, port)) {
        log::write(log::Level::error, "cannot write --port-file", {{"file", config->port_file}});
        return exit_bad_option;
    }
    stoppable = &connections;
    std::signal(SIGTERM, on_signal);
    std::signal(SIGINT, on_signal);
    log::write(log::Level::info, "listening", {{"host", config->host}, {"port", static_cast<long long>(port)}});

    // A database that is down at the start is checked when it first answers.
    std::atomic<bool> role_is_bad{false};
    std::jthread watcher;
    if (contact == FirstContact::down) {
        watcher = std::jthread([&](std::stop_token stop) {
            std::mutex mutex;
            std::condition_variable_any wake;
            std::unique_lock lock(mutex);
            while (!wake.wait_for(lock, stop, std::chrono::seconds(1), [&] { return stop.stop_requested(); })) {
                const FirstContact again = try_database(pool);
                if (again == FirstContact::down) continue;
                role_is_bad = again == FirstContact::bad_role;
                if (role_is_bad) connections.stop();
                return;
            }
        });
    }
    connections.run();
    stoppable = nullptr;
    abort.raise(); // the watcher may be waiting for a server that does not answer
    log::write(log::Level::info, "stopped");
    return role_is_bad ? exit_bad_role : 0;
}
