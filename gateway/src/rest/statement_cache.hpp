// Compiled statements by shape, the ones used last. Shapes are what clients make up, so the memory that they take has a
// bound.
#pragma once

#include "db/connection.hpp"
#include "rest/compile.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace gateway::rest {

class StatementCache {
public:
    explicit StatementCache(std::size_t bytes) : bytes_(bytes) {}

    struct Entry {
        Statement statement;
        // Without a name the first time: a connection prepares only what comes again.
        db::Statement prepared;
    };

    // `make` is called without a lock; what it throws is passed on.
    std::shared_ptr<const Entry> get(std::uint64_t version, std::string_view shape, const std::function<Statement()> &make);

    std::size_t size() const;

private:
    struct Kept {
        std::string key;
        std::shared_ptr<const Entry> entry;
        std::size_t bytes;
    };

    const std::size_t bytes_;
    mutable std::mutex mutex_;
    std::list<Kept> kept_; // the one used last comes first
    std::unordered_map<std::string_view, std::list<Kept>::iterator> places_; // by the key in the list
    std::size_t used_ = 0;
    std::uint64_t made_ = 0;
};

} // namespace gateway::rest
