// The schema that requests are compiled with: read once, and again when something says that it has changed. Whoever holds
// one may finish with it. Used by all workers.
#pragma once

#include "db/connection.hpp"
#include "db/pool.hpp"
#include "rest/schema.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace gateway::rest {

class SchemaCache {
public:
    SchemaCache(std::string name, db::Pool &pool) : name_(std::move(name)), pool_(pool) {}

    // As it was read last; read now when it never was. Throws what a lease and read_schema() throw.
    std::shared_ptr<const Schema> current();

    // For a request that met a name which the schema does not have, or a statement that no longer fits: reads again, at
    // most once a second in all, or waits for whoever does. The same pointer as before: there is nothing new, or it cannot be
    // read at the moment.
    std::shared_ptr<const Schema> look_again();

    // False: a migration holds a lock on one of the views; try again. Throws db::PgFailure. Either way the old one stays.
    bool read_again(db::Connection &connection);

private:
    std::shared_ptr<const Schema> known() const;
    void read(db::Connection &connection); // while `reading_` is held
    bool try_reading(db::Connection &connection); // false: a migration holds a lock

    const std::string name_;
    db::Pool &pool_;
    std::mutex reading_; // one reading at a time, so that an older one never comes after a newer one
    mutable std::mutex mutex_;
    std::shared_ptr<const Schema> schema_;
    std::uint64_t version_ = 0;
    db::Clock::time_point looked_at_{}; // while `reading_` is held
};

} // namespace gateway::rest
