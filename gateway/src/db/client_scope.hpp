// How long a tenant's client lives, which decides what requests share: one interface, three strategies. A client is a
// way to connections of the one pool; which tenant a request may see is never decided here, but by the attach that each
// request sends with its own token. The token travels as an argument, so no client can hand it to another request.
#pragma once

#include "db/pool.hpp"
#include "db/token_map.hpp"

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace gateway::db {

// Nothing: the context of an admin who sees all tenants.
using Tenant = std::optional<std::string>;

// Connections that one client may have at the same time, and requests that may wait for one of them.
class Quota {
public:
    Quota(std::size_t connections, std::size_t waiting, std::chrono::milliseconds longest_wait)
        : connections_(connections), waiting_(waiting), longest_wait_(longest_wait) {}

    void take();            // throws PoolExhausted: at once when the queue is full, else after the longest wait
    void give_back() noexcept;

private:
    const std::size_t connections_;
    const std::size_t waiting_;
    const std::chrono::milliseconds longest_wait_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::size_t taken_ = 0;
    std::size_t queued_ = 0;
};

class Client {
public:
    explicit Client(Pool &pool, std::shared_ptr<Quota> quota = nullptr) : pool_(pool), quota_(std::move(quota)) {}

    class Lease {
    public:
        Lease(Pool &pool, std::shared_ptr<Quota> quota) : place_(std::move(quota)), connection_(pool.lease()) {}
        Connection *operator->() const { return connection_.operator->(); }
        Connection &operator*() const { return *connection_.operator->(); }

    private:
        struct Place {
            explicit Place(std::shared_ptr<Quota> q) : quota(std::move(q)) {
                if (quota) quota->take();
            }
            ~Place() {
                if (quota) quota->give_back();
            }
            Place(Place &&) = default;
            Place(const Place &) = delete;
            Place &operator=(const Place &) = delete;
            Place &operator=(Place &&) = delete;
            std::shared_ptr<Quota> quota;
        };
        Place place_; // taken first and given back last: the quota counts what is out of the pool
        Pool::Lease connection_;
    };

    Lease lease() { return lease(pool_); }
    Lease lease(Pool &pool) { return Lease(pool, quota_); } // of another pool, under the same quota
    bool leased() const { return quota_ && quota_.use_count() > 1; } // each lease holds the quota

private:
    Pool &pool_;
    std::shared_ptr<Quota> quota_;
};

class ClientScope {
public:
    virtual ~ClientScope() = default;

    // For one request with this token. Nothing: ask the database for the token's tenant, and introduce it.
    virtual std::shared_ptr<Client> client(const std::string &token) = 0;
    virtual std::shared_ptr<Client> introduce(const std::string &token, const Tenant &) { return client(token); }
    // The request was answered, and this was its tenant.
    virtual void attached(const std::string &, const Tenant &) {}
    // The session's tenant changes, or the session ends.
    virtual void forget(const std::string &) {}

    // For what needs no tenant: signing in, the catalog, the tenant of a token.
    Client &bypass() { return bypass_; }

protected:
    ClientScope(const char *name, Pool &pool);
    void log_created(const Tenant &tenant) const;
    Pool &pool() { return pool_; }

private:
    const char *const name_;
    Pool &pool_;
    Client bypass_;
};

// Nothing outlives the request.
class RequestScope : public ClientScope {
public:
    explicit RequestScope(Pool &pool) : ClientScope("request", pool) {}
    std::shared_ptr<Client> client(const std::string &token) override;
    void attached(const std::string &token, const Tenant &tenant) override;
};

struct DurableOptions {
    std::size_t clients = 1000;   // kept at most; more only while more are at work
    std::size_t connections = 2;  // of the pool, for each client
    std::size_t waiting = 2;      // requests of a client; each holds a worker
    std::chrono::milliseconds longest_wait{2'000};
    std::size_t tokens = 65'536;  // whose tenant is remembered
};

// One client for each tenant, with a quota: a tenant that floods waits for itself.
class DurableScope : public ClientScope {
public:
    DurableScope(Pool &pool, const DurableOptions &options);
    std::shared_ptr<Client> client(const std::string &token) override;
    std::shared_ptr<Client> introduce(const std::string &token, const Tenant &tenant) override;
    void attached(const std::string &token, const Tenant &tenant) override;
    void forget(const std::string &token) override;

private:
    std::shared_ptr<Client> client_of(const Tenant &tenant);

    struct Entry {
        Tenant tenant;
        std::shared_ptr<Client> client;
    };
    const DurableOptions options_;
    TokenMap<Tenant> tenants_;
    std::mutex mutex_;
    std::list<Entry> clients_; // the one used last comes first
    std::unordered_map<Tenant, std::list<Entry>::iterator> places_;
};

// One client for all.
class SingletonScope : public ClientScope {
public:
    explicit SingletonScope(Pool &pool);
    std::shared_ptr<Client> client(const std::string &token) override;

private:
    const std::shared_ptr<Client> client_;
};

} // namespace gateway::db
