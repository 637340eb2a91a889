// What the exposed schema offers: the only source of identifiers that ever get into SQL. Read again when somebody asks
// for an unknown resource (at most once a second), so that DDL shows without a restart.
#pragma once

#include "db/connection.hpp"
#include "db/pool.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace gateway::db {

struct Resource {
    Statement list;
    Statement one; // empty SQL: the relation has no column "id"
};

class Catalog {
public:
    explicit Catalog(std::string schema) : schema_(std::move(schema)) {}

    // Nothing when there is no such relation that tenancy_user or tenancy_admin may read.
    std::shared_ptr<const Resource> find(const std::string &name, Pool &pool);
    void forget(); // the next find reads again: a statement met another shape than the catalog told

private:
    using Resources = std::map<std::string, std::shared_ptr<const Resource>>;
    std::shared_ptr<const Resources> current();

    const std::string schema_;
    std::mutex mutex_;
    std::shared_ptr<const Resources> resources_;
    Clock::time_point read_at_{};
};

} // namespace gateway::db
