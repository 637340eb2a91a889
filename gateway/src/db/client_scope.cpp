#include "db/client_scope.hpp"

#include "log.hpp"

namespace gateway::db {

void Quota::take() {
    std::unique_lock lock(mutex_);
    if (taken_ < connections_ && queued_ == 0) {
        ++taken_;
        return;
    }
    if (queued_ >= waiting_) throw PoolExhausted();
    ++queued_;
    const bool free = freed_.wait_for(lock, longest_wait_, [this] { return taken_ < connections_; });
    --queued_;
    if (!free) throw PoolExhausted();
    ++taken_;
}

void Quota::give_back() noexcept {
    const std::lock_guard lock(mutex_);
    --taken_;
    freed_.notify_one();
}

ClientScope::ClientScope(const char *name, Pool &pool) : name_(name), pool_(pool), bypass_(pool) {
    log::write(log::Level::info, "bypass client created", {{"scope", name_}});
}

void ClientScope::log_created(const Tenant &tenant) const {
    if (tenant) log::write(log::Level::info, "tenant client created", {{"scope", name_}, {"tenant", *tenant}});
    else log::write(log::Level::info, "tenant client created", {{"scope", name_}});
}

std::shared_ptr<Client> RequestScope::client(const std::string &) { return std::make_shared<Client>(pool()); }

// Only now is it known to be a tenant's: a wrong token makes no client of anybody.
void RequestScope::attached(const std::string &, const Tenant &tenant) { log_created(tenant); }

DurableScope::DurableScope(Pool &pool, const DurableOptions &options)
    : ClientScope("durable", pool), options_(options), tenants_(options.tokens) {}

std::shared_ptr<Client> DurableScope::client(const std::string &token) {
    const auto tenant = tenants_.find(token);
    return tenant ? client_of(*tenant) : nullptr;
}

std::shared_ptr<Client> DurableScope::introduce(const std::string &token, const Tenant &tenant) {
    tenants_.put(token, tenant);
    return client_of(tenant);
}

// Another gateway may have changed the session's tenant meanwhile: what the database says last counts.
void DurableScope::attached(const std::string &token, const Tenant &tenant) { tenants_.put(token, tenant); }

void DurableScope::forget(const std::string &token) { tenants_.forget(token); }

std::shared_ptr<Client> DurableScope::client_of(const Tenant &tenant) {
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(tenant); found != places_.end()) {
        clients_.splice(clients_.begin(), clients_, found->second);
        return found->second->client;
    }
    // One that is at work stays: a second client of its tenant would double the quota. The counts tell, because a client
    // in nobody's hands is handed out under this lock only.
    for (auto entry = clients_.end(); clients_.size() >= options_.clients && entry != clients_.begin();) {
        --entry;
        if (entry->client.use_count() > 1 || entry->client->leased()) continue;
        places_.erase(entry->tenant);
        entry = clients_.erase(entry);
    }
    auto quota = std::make_shared<Quota>(options_.connections, options_.waiting, options_.longest_wait);
    clients_.push_front({tenant, std::make_shared<Client>(pool(), std::move(quota))});
    places_.emplace(tenant, clients_.begin());
    log_created(tenant);
    return clients_.front().client;
}

SingletonScope::SingletonScope(Pool &pool) : ClientScope("singleton", pool), client_(std::make_shared<Client>(pool)) {
    log_created(std::nullopt);
}

std::shared_ptr<Client> SingletonScope::client(const std::string &) { return client_; }

} // namespace gateway::db
