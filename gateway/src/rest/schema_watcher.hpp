// A thread that keeps the schema cache fresh: it listens on one connection of its own for the notifications that DDL sends,
// and looks at the catalogs every minute all the same; or, where a pooler in transaction mode stands between, only looks,
// every few seconds.
#pragma once

#include "db/pool.hpp"
#include "rest/schema_cache.hpp"

#include <chrono>
#include <thread>

namespace gateway::rest {

class SchemaWatcher {
public:
    // `poll` 0: listen. The connections that `connect` makes must end their waits when the process ends.
    SchemaWatcher(SchemaCache &cache, db::Pool::Connect connect, std::chrono::seconds poll);

    void stop() { thread_.request_stop(); } // the destructor waits for the end as well

private:
    void run(const std::stop_token &stop);
    void read(db::Connection &connection, const std::stop_token &stop);
    void watch(db::Connection &connection, const std::stop_token &stop);
    bool changed(db::Connection &connection, const std::stop_token &stop);

    SchemaCache &cache_;
    const db::Pool::Connect connect_;
    const std::chrono::seconds poll_;
    std::string fingerprint_; // of the catalogs, when they were read last
    std::jthread thread_; // last: it ends before what it uses
};

} // namespace gateway::rest
