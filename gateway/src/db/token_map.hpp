// What the gateway remembers about tokens: a bounded map, the least recently used goes. It keeps a seeded hash in place
// of the token, and two tokens may meet in one; so a value is a hint that may be wrong, never a reason to let anybody in.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>

namespace gateway::db {

template <typename Value> class TokenMap {
public:
    explicit TokenMap(std::size_t most) : most_(most) {}

    std::optional<Value> find(const std::string &token) {
        const std::lock_guard lock(mutex_);
        const auto found = places_.find(key(token));
        if (found == places_.end()) return std::nullopt;
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
    }

    void put(const std::string &token, Value value) {
        const std::lock_guard lock(mutex_);
        const std::size_t k = key(token);
        if (const auto found = places_.find(k); found != places_.end()) {
            found->second->second = std::move(value);
            entries_.splice(entries_.begin(), entries_, found->second);
            return;
        }
        entries_.emplace_front(k, std::move(value));
        places_.emplace(k, entries_.begin());
        if (entries_.size() <= most_) return;
        places_.erase(entries_.back().first);
        entries_.pop_back();
    }

    void forget(const std::string &token) {
        const std::lock_guard lock(mutex_);
        const auto found = places_.find(key(token));
        if (found == places_.end()) return;
        entries_.erase(found->second);
        places_.erase(found);
    }

private:
    // With a seed of this process, so that nobody can prepare tokens that meet.
    std::size_t key(const std::string &token) const { return std::hash<std::string>{}(seed_ + token); }

    using Entries = std::list<std::pair<std::size_t, Value>>;
    const std::size_t most_;
    const std::string seed_ = std::to_string(std::random_device{}()) + "." + std::to_string(std::random_device{}()) + ".";
    std::mutex mutex_;
    Entries entries_; // the one used last comes first
    std::unordered_map<std::size_t, typename Entries::iterator> places_;
};

} // namespace gateway::db
