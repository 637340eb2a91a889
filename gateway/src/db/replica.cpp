#include "db/replica.hpp"

#include "db/self_check.hpp"
#include "log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace gateway::db {

namespace {

// The extension records a session's use once a minute.
constexpr auto longest_away_from_primary = std::chrono::minutes(1);
constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();
constexpr auto tried_again_after = std::chrono::seconds(2);

// One that was promoted is a replica of nothing: its log and the primary's have parted.
const Statement has_replayed{"has_replayed", "select coalesce(pg_catalog.pg_is_in_recovery() and "
                                             "pg_catalog.pg_last_wal_replay_lsn() >= $1::pg_catalog.pg_lsn, false)"};

std::string lsn_text(std::uint64_t position) {
    std::array<char, 20> text{};
    std::snprintf(text.data(), text.size(), "%X/%X", static_cast<unsigned>(position >> 32), static_cast<unsigned>(position));
    return text.data();
}

} // namespace

const Statement log_position{"log_position", "select pg_catalog.pg_current_wal_insert_lsn()::text"};

std::optional<std::uint64_t> parse_lsn(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    std::uint32_t high = 0;
    std::uint32_t low = 0;
    const char *middle = text.data() + slash;
    const char *end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), middle, high, 16);
    const auto second = std::from_chars(middle + 1, end, low, 16);
    if (first.ec != std::errc() || first.ptr != middle || second.ec != std::errc() || second.ptr != end) return std::nullopt;
    return (std::uint64_t{high} << 32) | low;
}

std::optional<std::uint64_t> Replica::position_for(const std::string &token) {
    const auto seen = seen_.find(token);
    if (!seen || seen->position == unknown || seen->more || Clock::now() - seen->at >= longest_away_from_primary ||
        Clock::now().time_since_epoch().count() < away_until_.load())
        return std::nullopt;
    return seen->position;
}

// What fails here is asked of the primary.
template <typename Ask> auto Replica::attempt(const Ask &ask) -> decltype(ask()) {
    try {
        return ask();
    } catch (const PoolExhausted &) {
        return {};
    } catch (const PgFailure &failure) {
        // Too slow here is too slow there. Any other refusal is looked at again on the primary: it may come from what
        // has not been replayed yet, or from the replay itself.
        if (failure.sqlstate == "57014") throw;
        if (failure.connection_lost) keep_off(failure.what());
        return {};
    } catch (const SelfCheckFailed &failure) {
        keep_off(failure.what());
        return {};
    }
}

std::optional<std::vector<Result>> Replica::ask(Client &client, const std::string &token, std::span<const Call> calls) {
    const auto position = position_for(token);
    if (!position) return std::nullopt;
    // In the same pipeline, before the statements that must see it.
    std::vector<Call> all{{&has_replayed, {lsn_text(*position)}}};
    all.insert(all.end(), calls.begin(), calls.end());
    return attempt([&]() -> std::optional<std::vector<Result>> {
        std::vector<Result> results = client.lease(pool_)->run(all);
        if (results.front().text(0, 0) != "t") return std::nullopt;
        results.erase(results.begin());
        return results;
    });
}

bool Replica::stream(Client &client, const std::string &token, const std::function<void(Client::Lease)> &use) {
    const auto position = position_for(token);
    if (!position) return false;
    return attempt([&] {
        auto lease = client.lease(pool_);
        // A round trip before the rows: those that do not count would cost the connection.
        if (lease->run(has_replayed, {lsn_text(*position)}).text(0, 0) != "t") return false;
        use(std::move(lease));
        return true;
    });
}

void Replica::keep_off(const char *why) {
    away_until_ = (Clock::now() + tried_again_after).time_since_epoch().count();
    log::write(log::Level::warning, "the replica cannot be used; the primary is asked", {{"reason", why}});
}

void Replica::note(const std::string &token, std::string_view position, Clock::time_point asked) {
    if (const auto parsed = parse_lsn(position)) raise(token, *parsed, asked);
    else keep_away(token);
}

void Replica::keep_away(const std::string &token) { raise(token, unknown, Clock::now()); }

void Replica::shows_more(const std::string &token) {
    const std::lock_guard lock(mutex_);
    const auto before = seen_.find(token);
    seen_.put(token, {before ? before->position : 0, Clock::now(), true});
}

// Never back: an answer that was under way during a write comes after it with an older position.
void Replica::raise(const std::string &token, std::uint64_t position, Clock::time_point asked) {
    const std::lock_guard lock(mutex_);
    const auto before = seen_.find(token);
    const bool more = before && before->more && asked <= before->at;
    seen_.put(token, {std::max(position, before ? before->position : 0), more ? before->at : Clock::now(), more});
}

} // namespace gateway::db
