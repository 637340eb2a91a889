#include "rest/schema_cache.hpp"

#include "rest/schema_reader.hpp"

namespace gateway::rest {

namespace {

constexpr auto look_every = std::chrono::seconds(1);
constexpr std::string_view lock_not_available = "55P03";

bool same(const Schema &left, const Schema &right) {
    return left.comment == right.comment && left.relations == right.relations && left.foreign_keys == right.foreign_keys &&
           left.functions == right.functions;
}

} // namespace

std::shared_ptr<const Schema> SchemaCache::known() const {
    const std::lock_guard lock(mutex_);
    return schema_;
}

std::shared_ptr<const Schema> SchemaCache::current() {
    if (auto schema = known()) return schema;
    auto connection = pool_.lease();
    const std::lock_guard one_at_a_time(reading_);
    if (!known()) read(*connection.operator->()); // else others have read it while this one waited
    return known();
}

std::shared_ptr<const Schema> SchemaCache::look_again() {
    const auto before = known();
    const auto too_soon = [&] { return before && db::Clock::now() - looked_at_ < look_every; };
    {
        const std::unique_lock nobody_reads(reading_, std::try_to_lock);
        if (nobody_reads && too_soon()) return before;
    }
    auto connection = pool_.lease();
    const std::lock_guard one_at_a_time(reading_);
    // What others read while this one waited counts for it too.
    if (known() != before || too_soon()) return known();
    looked_at_ = db::Clock::now();
    if (before)
        try_reading(*connection.operator->());
    else
        read(*connection.operator->());
    return known();
}

bool SchemaCache::read_again(db::Connection &connection) {
    const std::lock_guard one_at_a_time(reading_);
    return try_reading(connection);
}

bool SchemaCache::try_reading(db::Connection &connection) {
    try {
        read(connection);
        return true;
    } catch (const db::PgFailure &failure) {
        if (failure.sqlstate != lock_not_available) throw;
        return false;
    }
}

void SchemaCache::read(db::Connection &connection) {
    auto schema = std::make_shared<Schema>(read_schema(connection, name_));
    const auto before = known();
    if (before && same(*before, *schema)) return;
    schema->version = ++version_;
    const std::lock_guard lock(mutex_);
    schema_ = std::move(schema);
}

} // namespace gateway::rest
