#include "rest/statement_cache.hpp"

namespace gateway::rest {

namespace {

constexpr std::size_t overhead = 512; // of an entry, beside its texts

} // namespace

std::size_t StatementCache::size() const {
    const std::lock_guard lock(mutex_);
    return kept_.size();
}

std::shared_ptr<const StatementCache::Entry> StatementCache::get(std::uint64_t version, std::string_view shape,
                                                                 const std::function<Statement()> &make) {
    std::string key = std::to_string(version) + ' ' + std::string(shape);
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = places_.find(key); found != places_.end()) {
            kept_.splice(kept_.begin(), kept_, found->second);
            Kept &kept = kept_.front();
            if (kept.entry->prepared.name.empty()) {
                // A name is never given twice, so that no connection runs a statement that it prepared for another text.
                auto named = std::make_shared<Entry>(*kept.entry);
                named->prepared.name = "data_" + std::to_string(++made_);
                kept.entry = std::move(named);
            }
            return kept.entry;
        }
    }
    auto entry = std::make_shared<Entry>();
    entry->statement = make();
    entry->prepared.sql = entry->statement.sql;
    const std::size_t bytes = overhead + 2 * key.size() + 2 * entry->statement.sql.size() + entry->statement.body_prefix.size();
    const std::lock_guard lock(mutex_);
    if (places_.contains(key)) return entry; // another worker was as quick
    kept_.push_front({std::move(key), entry, bytes});
    places_.emplace(kept_.front().key, kept_.begin());
    used_ += bytes;
    while (used_ > bytes_ && !kept_.empty()) {
        used_ -= kept_.back().bytes;
        places_.erase(kept_.back().key);
        kept_.pop_back();
    }
    return entry;
}

} // namespace gateway::rest
