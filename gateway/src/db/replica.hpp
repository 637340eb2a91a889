// A streaming replica that reads may go to. What a token's bearer has seen or done on the primary, it sees here too: the
// gateway remembers where the primary's log was, and takes the replica's answer only when it has replayed that far.
// A token comes back to the primary once a minute, so that its use is recorded there, and so that a revocation is known
// after that minute even where the replica stands still.
#pragma once

#include "db/client_scope.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gateway::db {

// "16/B374D848". Nothing for any other text.
std::optional<std::uint64_t> parse_lsn(std::string_view text);

// Where the primary's log is: to be asked after what has to be seen later.
extern const Statement log_position;

class Replica {
public:
    Replica(const PoolOptions &options, Pool::Connect connect) : pool_(options, std::move(connect)) {}

    // The answer of the replica. Nothing: ask the primary.
    std::optional<std::vector<Result>> ask(Client &client, const std::string &token, std::span<const Call> calls);

    // Gives `use` a connection to the replica, for rows that are read one by one. False: ask the primary.
    bool stream(Client &client, const std::string &token, const std::function<void(Client::Lease)> &use);

    // The primary has answered this token, and its log was there afterwards. `asked` is when the position was still to be
    // asked for.
    void note(const std::string &token, std::string_view position, Clock::time_point asked);
    // The primary shows this token rows as of now or earlier; the next position that is asked for is behind them.
    void shows_more(const std::string &token);
    // The primary has changed something for this token, and nobody knows how far its log was then.
    void keep_away(const std::string &token);

    // How far the replica must be for this token. Nothing: the primary is to be asked.
    std::optional<std::uint64_t> position_for(const std::string &token);

private:
    struct Seen {
        std::uint64_t position;
        Clock::time_point at;
        bool more; // what was shown at that time is behind the position
    };
    template <typename Ask> auto attempt(const Ask &ask) -> decltype(ask());
    void keep_off(const char *why);
    void raise(const std::string &token, std::uint64_t position, Clock::time_point asked);

    Pool pool_;
    std::mutex mutex_; // between looking an entry up and putting it back
    TokenMap<Seen> seen_{65'536};
    std::atomic<Clock::rep> away_until_{0};
};

} // namespace gateway::db
