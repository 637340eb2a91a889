// Reads the options, checks the database role, serves until SIGTERM or SIGINT; or, as `check`, says what it found.
// Exit codes: 0 stopped, 1 ended by a second signal, 2 bad option, 3 unacceptable database role, 4 cannot listen,
// 5 (of `check`) the database does not answer.
#include "config.hpp"
#include "db/conninfo.hpp"
#include "db/self_check.hpp"
#include "handlers/stats.hpp"
#include "http/connection_server.hpp"
#include "json.hpp"
#include "log.hpp"
#include "rest/schema_watcher.hpp"
#include "server.hpp"
#include "service.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

using namespace gateway;

namespace {

constexpr int exit_bad_option = 2;
constexpr int exit_bad_role = 3;
constexpr int exit_cannot_listen = 4;

constexpr int exit_no_database = 5;

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

// The command `check`: one line for each finding, the good ones too.
int check(const db::ConnectionOptions &options, const std::string &schema) {
    try {
        db::Connection connection(options);
        bool good = true;
        for (const db::Finding &finding : db::survey(connection, schema)) {
            good = good && finding.good;
            std::cout << (finding.good ? "good  " : "BAD   ") << finding.text << '\n';
        }
        return good ? 0 : exit_bad_role;
    } catch (const db::PgFailure &failure) {
        std::cout << "BAD   the database does not answer: " << failure.message << '\n';
        return exit_no_database;
    }
}

unsigned sign_ins_at_once(const Config &config, const Config &fixed) {
    // However it is set, half of the workers and of the connections are left to reads.
    return std::clamp(std::min(fixed.workers, fixed.pool_size) / 2, 1u, config.sign_in_limit);
}

// The connection string of the moment: a reload may bring another password.
class Url {
public:
    explicit Url(std::string url) : url_(std::move(url)) {}
    std::string get() const {
        const std::lock_guard lock(mutex_);
        return url_;
    }
    void set(std::string url) {
        const std::lock_guard lock(mutex_);
        url_ = std::move(url);
    }

private:
    mutable std::mutex mutex_;
    std::string url_;
};

// What SIGHUP does: everything that can change in a running process does, and the rest is named.
void reload(int argc, char **argv, const Config &running, Server &server, http::ConnectionServer &connections, Url &url) {
    int exit_code = 0;
    std::ostringstream out;
    std::ostringstream err;
    auto config = read_config(argc, argv, exit_code, out, err);
    if (!config) {
        log::write(log::Level::error, "the new configuration is refused; the old one stays", {{"reason", err.str()}});
        return;
    }
    std::string restart;
    for (const auto &[name, value] : config->shown)
        if (!is_reloadable(name) && running.shown.at(name) != value) restart += (restart.empty() ? "" : ", ") + name;
    // Another password is fine. With another database, one request would ask here and the next one there.
    if (db::shown_conninfo(config->database_url) == db::shown_conninfo(running.database_url)) url.set(config->database_url);
    else restart += std::string(restart.empty() ? "" : ", ") + "database-url";
    log::set_level(config->log_level);
    config->edge.https = running.edge.https;
    server.set_edge(std::move(config->edge));
    server.set_trace_to_database(config->trace_to_database);
    connections.set_slow_limit(sign_ins_at_once(*config, running));
    log::write(log::Level::info, "configuration read again");
    if (!restart.empty()) log::write(log::Level::warning, "these options take a restart", {{"options", restart}});
}

} // namespace

int main(int argc, char **argv) {
    int exit_code = 0;
    const auto config = read_config(argc, argv, exit_code, std::cout, std::cerr);
    if (!config) return exit_code;
    if (!config->check_only && geteuid() == 0 && !config->allow_root) {
        std::cerr << "tenancy-gateway does not run as root: start it as a user without rights, or with --allow-root\n";
        return exit_bad_option;
    }
    service::Signals signals;
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
    auto metrics = std::make_shared<Metrics>(config->metrics_per_tenant);
    Url url(config->database_url);
    db::ConnectionOptions database;
    database.url = config->database_url;
    database.pooler = config->pooler == "transaction" ? db::Pooler::transaction : db::Pooler::none;
    database.statement_timeout = config->statement_timeout;
    database.abort = &abort;
    if (config->check_only) return check(database, config->schema);
    database.on_closed = [metrics](Metrics::Seconds age) { metrics->count_closed_connection(age); };
    db::PoolOptions pool_options;
    pool_options.size = config->pool_size;
    pool_options.on_lease = [metrics](Metrics::Seconds waited) { metrics->count_wait(waited); };
    const auto new_connection = [&] {
        db::ConnectionOptions now = database;
        now.url = url.get();
        return connect(now, config->schema);
    };
    db::Pool pool(pool_options, new_connection);
    const auto scope = make_scope(*config, pool);
    std::optional<db::Replica> replica;
    if (!config->replica_url.empty()) {
        db::ConnectionOptions there = database;
        there.url = config->replica_url;
        there.first_host = std::make_shared<std::atomic<std::size_t>>(0);
        there.connect_timeout = std::chrono::milliseconds(500); // the primary is there to be asked
        db::PoolOptions its_pool;
        its_pool.size = config->pool_size;
        its_pool.longest_wait = std::chrono::milliseconds(200);
        replica.emplace(its_pool, [there, &config] { return connect(there, config->schema); });
    }
    db::TenantClient client(*scope, replica ? &*replica : nullptr);
    const auto schema = std::make_shared<rest::SchemaCache>(config->schema, pool);
    Server server(config->prefix,
                  {Credentials(config->secure_cookies), client, std::move(demo), metrics, schema,
                   std::make_shared<rest::OpenApi>(config->prefix), std::make_shared<rest::Executor>(schema, client),
                   std::make_shared<std::counting_semaphore<>>(std::max(1u, std::min(config->workers, config->pool_size) / 4))},
                  config->web_root);

    server.set_edge(config->edge);
    server.set_trace_to_database(config->trace_to_database);

    http::ServerLimits limits;
    limits.workers = config->workers;
    limits.slow_requests = sign_ins_at_once(*config, *config);
    // One worker is left for what needs no database, and to refuse.
    limits.data_requests = config->workers > limits.slow_requests + 1 ? config->workers - limits.slow_requests - 1 : 0;
    limits.drain_time = config->drain_timeout;
    limits.connections = connection_limit(config->max_connections);
    http::ConnectionServer connections(
        limits, [&](http::Request &request, httplib::Response &response) { server.answer(request, response); });
    connections.set_slow_requests([&](const http::Request &request) { return server.is_slow(request); });
    connections.set_data_requests([&](const http::Request &request) { return server.needs_data(request); });
    connections.set_abandon([&] { abort.raise(); });
    connections.set_refusal_logger([&](const http::Refusal &refusal, const std::string &) {
        metrics->count_refusal(refusal.status);
        log::write(log::Level::info, "request refused",
                   {{"status", static_cast<long long>(refusal.status)}, {"reason", refusal.message}});
    });

    metrics->set_levels([&] {
        const db::Pool::Levels in_pool = pool.levels();
        const auto sign_ins = connections.slow_levels();
        return Metrics::Levels{in_pool.size, in_pool.in_use, in_pool.idle, in_pool.waiting, connections.open_connections(),
                               connections.buffered_bytes(), sign_ins.running, sign_ins.waiting};
    });

    // A server of its own: what operators see has no route on the address that everybody reaches.
    http::ServerLimits few;
    few.workers = 1;
    few.connections = 32;
    few.drain_time = few.partial_time = std::chrono::milliseconds(0);
    http::ConnectionServer metrics_server(few, [&](const http::Request &request, httplib::Response &response) {
        handlers::answer_metrics(*metrics, request, response);
    });

    const FirstContact contact = try_database(pool);
    if (contact == FirstContact::bad_role) return exit_bad_role;

    std::uint16_t port = 0;
    try {
        port = connections.bind(config->host, config->port);
        if (config->metrics_port) {
            const std::uint16_t metrics_port = metrics_server.bind(config->metrics_host, *config->metrics_port);
            log::write(log::Level::info, "listening for metrics",
                       {{"host", config->metrics_host}, {"port", static_cast<long long>(metrics_port)}});
        }
    } catch (const std::exception &error) {
        log::write(log::Level::error, error.what());
        return exit_cannot_listen;
    }
    if (!config->port_file.empty() && !write_port_file(config->port_file, port)) {
        log::write(log::Level::error, "cannot write --port-file", {{"file", config->port_file}});
        return exit_bad_option;
    }
    signals.listen(
        [&] {
            service::tell_stopping();
            connections.stop();
        },
        [&] {
            service::tell_reloading();
            reload(argc, argv, *config, server, connections, url);
            service::tell_ready();
        },
        [&] { connections.open_connections(); }); // takes the lock that every request takes
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
    std::optional<rest::SchemaWatcher> schema_watcher;
    schema_watcher.emplace(*schema, new_connection, config->schema_poll);
    std::thread metrics_thread;
    if (config->metrics_port) metrics_thread = std::thread([&] { metrics_server.run(); });
    service::tell_ready();
    connections.run();
    signals.end();
    if (metrics_thread.joinable()) {
        metrics_server.stop();
        metrics_thread.join();
    }
    schema_watcher->stop();
    abort.raise(); // the watchers may be waiting for a server that does not answer
    schema_watcher.reset();
    log::write(log::Level::info, "stopped");
    return role_is_bad ? exit_bad_role : 0;
}
