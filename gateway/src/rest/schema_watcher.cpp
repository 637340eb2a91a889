#include "rest/schema_watcher.hpp"

#include "log.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>

namespace gateway::rest {

namespace {

using namespace std::chrono_literals;

// tenancy_schema is what the extension notifies; pgrst is PostgREST's, which migration tools know.
const std::array<db::Statement, 2> listen = {{{"listen", "listen tenancy_schema"}, {"listen_pgrst", "listen pgrst"}}};

// Each change of a catalog's row gives it another xmin; ANALYZE and VACUUM do not.
const db::Statement catalogs{"catalogs", R"(
select concat_ws(' ',
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_namespace),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_class where relpersistence <> 't'),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_attribute),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_attrdef),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_constraint),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_proc),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_type),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_enum),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_rewrite),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_auth_members),
    (select concat_ws(',', count(*), sum(xmin::text::int8)) from pg_catalog.pg_description)))"};

constexpr auto shortest_pause = 100ms;
constexpr auto longest_pause = 5s;
// How long nobody need tell of a change; a server that is gone without a word is noticed so, too.
constexpr auto heartbeat = 60s;

// True: it is time to go.
bool pause(const std::stop_token &stop, std::chrono::milliseconds time) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    return wake.wait_for(lock, stop, time, [&] { return stop.stop_requested(); });
}

} // namespace

SchemaWatcher::SchemaWatcher(SchemaCache &cache, db::Pool::Connect connect, std::chrono::seconds poll)
    : cache_(cache), connect_(std::move(connect)), poll_(poll), thread_([this](const std::stop_token &stop) { run(stop); }) {}

void SchemaWatcher::run(const std::stop_token &stop) {
    std::chrono::milliseconds wait = shortest_pause;
    bool told = false;
    while (!stop.stop_requested()) {
        try {
            const auto connection = connect_();
            if (poll_ == 0s)
                for (const db::Statement &statement : listen) connection->run(statement);
            read(*connection, stop); // what changed before this connection was there told nobody
            if (told) log::write(log::Level::info, "changes of the schema are noticed again");
            told = false;
            wait = shortest_pause;
            watch(*connection, stop);
        } catch (const std::exception &error) {
            if (stop.stop_requested()) return;
            if (!told) log::write(log::Level::warning, "changes of the schema are not noticed", {{"reason", error.what()}});
            told = true;
            if (pause(stop, wait)) return;
            wait = std::min<std::chrono::milliseconds>(wait * 2, longest_pause);
        }
    }
}

void SchemaWatcher::read(db::Connection &connection, const std::stop_token &stop) {
    fingerprint_ = connection.run(catalogs).text(0, 0); // first: what changes meanwhile is seen the next time
    while (!cache_.read_again(connection) && !pause(stop, shortest_pause)) {}
}

void SchemaWatcher::watch(db::Connection &connection, const std::stop_token &stop) {
    std::chrono::milliseconds last = 0ms; // what the last reading took
    while (!stop.stop_requested()) {
        if (!changed(connection, stop)) continue;
        // Together with what comes right after, as the statements of a migration do; and whoever notifies without end
        // keeps the database busy for a third of the time at most.
        if (pause(stop, std::max(shortest_pause, 2 * last))) return;
        const auto until = db::Clock::now() + 1ms;
        while (connection.notification(until)) {}
        const auto start = db::Clock::now();
        read(connection, stop);
        last = std::chrono::ceil<std::chrono::milliseconds>(db::Clock::now() - start);
        log::write(log::Level::debug, "the schema was read again", {{"ms", static_cast<long long>(last.count())}});
    }
}

bool SchemaWatcher::changed(db::Connection &connection, const std::stop_token &stop) {
    if (poll_ > 0s) {
        if (pause(stop, poll_)) return false;
    } else if (const auto payload = connection.notification(db::Clock::now() + heartbeat)) {
        return *payload != "reload config"; // PostgREST's word for something else
    }
    return connection.run(catalogs).text(0, 0) != fingerprint_;
}

} // namespace gateway::rest
