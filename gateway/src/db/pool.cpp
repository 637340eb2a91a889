#include "db/pool.hpp"

#include <algorithm>

namespace gateway::db {

namespace {

constexpr auto just_used = std::chrono::milliseconds(5);

} // namespace

Pool::Pool(const PoolOptions &options, Connect connect) : options_(options), connect_(std::move(connect)) {
    idle_.reserve(options_.size); // give_back must not fail
}

std::unique_ptr<Connection> Pool::take_place() {
    std::unique_lock lock(mutex_);
    if (waiters_.empty() && !idle_.empty()) {
        auto connection = std::move(idle_.back()); // the one used last has the warmest caches
        idle_.pop_back();
        ++taken_;
        return connection;
    }
    if (waiters_.empty() && taken_ + idle_.size() < options_.size) {
        ++taken_;
        return nullptr;
    }
    Waiter self;
    waiters_.push_back(&self);
    if (!self.ready.wait_for(lock, options_.longest_wait, [&] { return self.served; })) {
        std::erase(waiters_, &self);
        throw PoolExhausted();
    }
    return std::move(self.connection); // the place came with it
}

Pool::Lease Pool::lease() {
    const auto asked = Clock::now();
    auto connection = take_place();
    if (options_.on_lease) options_.on_lease(Clock::now() - asked);
    // One that has just answered is not asked again: it would cost each request a system call, and could die after it too.
    if (connection && asked - connection->last_used() > just_used && !connection->alive()) connection.reset();
    if (connection) return Lease(*this, std::move(connection));
    try {
        return Lease(*this, connect_());
    } catch (...) {
        give_back(nullptr);
        throw;
    }
}

Pool::Levels Pool::levels() const {
    const std::lock_guard lock(mutex_);
    return {options_.size, taken_, idle_.size(), waiters_.size()};
}

void Pool::give_back(std::unique_ptr<Connection> connection) noexcept {
    const auto now = Clock::now();
    if (connection && (!connection->reusable() || now - connection->born() > options_.longest_life)) connection.reset();
    if (connection) connection->used(now);
    const std::lock_guard lock(mutex_);
    if (!waiters_.empty()) {
        Waiter &first = *waiters_.front();
        waiters_.pop_front();
        first.connection = std::move(connection);
        first.served = true;
        first.ready.notify_one(); // under the lock: the waiter is on its thread's stack and may go as soon as it can
        return;
    }
    --taken_;
    if (connection) idle_.push_back(std::move(connection));
}

} // namespace gateway::db
