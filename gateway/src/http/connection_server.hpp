// The connection layer: the one place where this project writes server code. cpp-httplib 0.11.4's own loop holds a
// thread per kept-alive connection, reads without limits and ends for good on a failed accept, so it must not face a
// port. Here sockets wait in one epoll (one-shot) that a few workers share; a request goes to the handlers only when it
// is complete and strictly checked, and its answer goes out in one send.
//
// Threads: run()'s caller accepts and sweeps out what is overdue; each worker owns a connection between claim() and
// release(), which is what `busy` means. The table, the parked queue and every `busy` and `due` flag belong to
// `mutex_`; the rest of a connection belongs to whoever holds it busy.
#pragma once

#include "http/listener.hpp"
#include "http/request.hpp"
#include "http/request_reader.hpp"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace gateway::http {

using std::chrono::milliseconds;

struct ServerLimits {
    RequestLimits request;
    milliseconds head_time{10'000};   // from a request's first byte to the end of its head
    milliseconds body_time{30'000};   // for the whole body
    milliseconds idle_time{75'000};   // between requests
    milliseconds write_time{30'000};  // for an answer, plus its size over slowest_reader
    milliseconds part_time{5'000};    // for each piece of an answer that is made while it is sent
    milliseconds linger_time{2'000};  // for the client to take a last answer
    milliseconds drain_time{10'000};  // for requests in flight when stopping
    milliseconds partial_time{1'000}; // for half-sent requests when stopping
    std::size_t slowest_reader = 16 * 1024; // bytes per second
    std::size_t connections = 16'384;
    std::size_t buffered_bytes = 256 * 1024 * 1024; // of all connections together
    unsigned workers = 12;
    // Requests that need the database, sign-ins apart. 0: as many as there are workers, and no line before them.
    unsigned data_requests = 0;    // how many of the workers they may hold at once
    std::size_t data_waiting = 2'048; // how many more may wait, which costs little; further ones are refused at once
    milliseconds data_wait{5'000};  // how long one may wait
    unsigned slow_requests = 2; // how many workers expensive requests may hold at once
    std::size_t slow_waiting = 64; // how many more of them may wait; further ones are refused at once
};

class ConnectionServer {
public:
    using Answerer = std::function<void(Request &, httplib::Response &)>;
    using Test = std::function<bool(const Request &)>;
    using OnRefusal = std::function<void(const Refusal &, const std::string &remote_address)>;

    ConnectionServer(const ServerLimits &limits, Answerer answerer);
    ~ConnectionServer();

    // Requests that cost much (a password check) wait in a line of their own, so that they never hold every worker. The
    // line is short: in a flood, whoever gets a place is served soon, and the others are told to come back (503).
    void set_slow_requests(Test is_slow) { is_slow_ = std::move(is_slow); }
    // Those that need the database, and are not slow, have a longer line, so that there is always a worker for what needs
    // none, and to tell the next one at once when the line is full.
    void set_data_requests(Test needs_data) { needs_data_ = std::move(needs_data); }
    void set_refusal_logger(OnRefusal on_refusal) { on_refusal_ = std::move(on_refusal); }
    // Called when requests are still in flight at the end of drain_time: it must make them end.
    void set_abandon(std::function<void()> abandon) { abandon_ = std::move(abandon); }

    std::uint16_t bind(const std::string &host, std::uint16_t port); // throws std::runtime_error
    void run();            // until stop(); returns when every connection is closed
    void stop() noexcept;  // async-signal-safe

    std::size_t open_connections() const;
    struct SlowLevels {
        std::size_t running;
        std::size_t waiting;
    };
    SlowLevels slow_levels() const;
    void set_slow_limit(unsigned slow_requests); // at any time; those under way go on
    std::size_t buffered_bytes() const { return buffered_.load(); }

private:
    using Clock = std::chrono::steady_clock;
    enum class Phase { idle, head, body, answering, lingering };
    enum class Next { wait_readable, wait_writable, park, close };
    enum class Received { bytes, nothing_now, end, failed };
    enum class Sent { all, some, failed };
    enum class Entry { entered, wait, full };
    struct Line {
        unsigned places;     // requests that workers may hold at once
        std::size_t longest; // requests that may wait
        unsigned running = 0;
        std::deque<std::uint64_t> waiting;
    };
    struct Connection;

    void work();
    Connection *claim(std::uint64_t id);
    Connection *release(Connection &c, Next next); // which one the worker shall serve now; nullptr: none
    void arm(Connection &c, std::uint32_t events);

    Next serve(Connection &c);
    Next serve_input(Connection &c);
    Next linger(Connection &c);
    Next begin_linger(Connection &c);
    Received receive(Connection &c);
    Sent send_out(Connection &c);
    Line *line_of(const Request &request); // nullptr: it needs to stand in none
    Entry enter_line(Connection &c, Line *line);
    void leave_line(Connection &c, bool soon_free);
    void pass_place(Connection &c, bool soon_free); // with mutex_ held
    void give_up_waiting(Clock::time_point now); // with mutex_ held
    void answer(Connection &c);
    void send_parts(Connection &c, const BodyParts &parts);
    void refuse(Connection &c, const Refusal &refusal);
    void enter(Connection &c, Phase phase);
    bool charge(Connection &c); // false: the budget of buffered bytes is spent

    void accept_all(Clock::time_point now);
    void turn_away(int fd);
    void sweep(Clock::time_point now);
    void time_out(std::unique_ptr<Connection> c);
    void drain();
    void dismiss_idle();

    ServerLimits limits_;
    Answerer answerer_;
    Test is_slow_;
    Test needs_data_;
    OnRefusal on_refusal_;
    std::function<void()> abandon_;
    std::unique_ptr<Listener> listener_;
    int epoll_ = -1;
    int stop_event_ = -1; // run()'s loop wakes
    int quit_event_ = -1; // the workers end
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> buffered_{0};
    Clock::time_point accept_again_{};

    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    Line slow_;
    Line data_;
    std::uint64_t next_id_ = 1;
    std::vector<std::thread> workers_;
};

} // namespace gateway::http
