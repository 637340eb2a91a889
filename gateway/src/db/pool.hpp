// A bounded pool of connections, handed out in the order of asking. A lease returns its connection at the end of its
// scope; one that is not idle by then is closed instead, so nothing of one request reaches the next.
#pragma once

#include "db/connection.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace gateway::db {

struct PoolExhausted : std::exception {
    const char *what() const noexcept override { return "no database connection became free in time"; }
};

struct PoolOptions {
    std::size_t size = 8;
    std::chrono::milliseconds longest_wait{2'000};
    std::chrono::milliseconds longest_life = std::chrono::minutes(30);
    std::function<void(std::chrono::duration<double> waited)> on_lease;
};

class Pool {
public:
    // Makes a connection ready for requests; throws ConnectFailure or what its own checks throw.
    using Connect = std::function<std::unique_ptr<Connection>()>;

    Pool(const PoolOptions &options, Connect connect);

    class Lease {
    public:
        Lease(Pool &pool, std::unique_ptr<Connection> connection) : pool_(&pool), connection_(std::move(connection)) {}
        ~Lease() {
            if (pool_) pool_->give_back(std::move(connection_));
        }
        Lease(Lease &&other) noexcept : pool_(other.pool_), connection_(std::move(other.connection_)) {
            other.pool_ = nullptr;
        }
        Lease(const Lease &) = delete;
        Lease &operator=(const Lease &) = delete;
        Lease &operator=(Lease &&) = delete;
        Connection *operator->() const { return connection_.get(); }

    private:
        Pool *pool_;
        std::unique_ptr<Connection> connection_;
    };

    Lease lease(); // throws PoolExhausted, or what Connect throws

    struct Levels {
        std::size_t size;
        std::size_t in_use;
        std::size_t idle;
        std::size_t waiting;
    };
    Levels levels() const;

private:
    struct Waiter {
        std::condition_variable ready;
        bool served = false;
        std::unique_ptr<Connection> connection; // may stay empty: then the place is free to connect
    };

    std::unique_ptr<Connection> take_place(); // empty: the caller has a place and must connect
    void give_back(std::unique_ptr<Connection> connection) noexcept;

    const PoolOptions options_;
    const Connect connect_;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> idle_;
    std::deque<Waiter *> waiters_;
    std::size_t taken_ = 0; // places in use, connected or connecting; idle_ and taken_ together never pass the size
};

} // namespace gateway::db
