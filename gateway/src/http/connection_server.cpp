#include "http/connection_server.hpp"

#include "http/answer.hpp"
#include "json.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace gateway::http {

namespace {

constexpr std::uint64_t quit_id = 0;
constexpr auto sweep_every = milliseconds(100);
constexpr int pipelined_in_one_go = 8;
constexpr std::size_t kept_capacity = 4096;      // what an idle connection may keep of its buffers
constexpr std::size_t lingering_bytes = 4 << 20; // what a turned-away client may still send before it is cut off
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

std::string plain_answer(int status, std::string_view body) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
    text.append(reason_phrase(status)).append("\r\nConnection: close\r\n").append(common_headers);
    text += "Content-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n"
            "Content-Security-Policy: default-src 'none'\r\n";
    if (status == 503) text += "Retry-After: 1\r\n";
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    return text;
}

std::string address_text(const sockaddr_storage &address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6 &>(address).sin6_addr, text.data(), text.size());
    else
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in &>(address).sin_addr, text.data(), text.size());
    return text.data();
}

int checked(int result, const char *what) {
    if (result < 0) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

void signal_event(int fd) noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto ignored = ::write(fd, &one, sizeof one); // full means signalled already
}

} // namespace

struct ConnectionServer::Connection {
    Connection(int socket, std::uint64_t number, std::string address, const RequestLimits &limits)
        : fd(socket), id(number), remote_address(std::move(address)), reader(limits) {}
    ~Connection() { ::close(fd); }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    const int fd;
    const std::uint64_t id;
    const std::string remote_address;
    RequestReader reader;
    std::string in;
    std::string out;
    std::size_t sent = 0;
    std::size_t charged = 0;
    std::size_t discarded = 0;
    Phase phase = Phase::idle;
    bool input_ended = false; // the client has shut down its side; it may still read
    bool close_after_answer = false;
    Line *place = nullptr; // under mutex_: it has a place there
    Line *stands_in = nullptr; // as long as its request is not answered
    Connection *successor = nullptr; // has got its place, is busy already, and comes next
    bool waited_too_long = false;
    bool busy = false;   // under mutex_: a worker has it
    bool parked = false; // under mutex_: waits in its line, in no epoll
    Clock::time_point due{};
};

ConnectionServer::ConnectionServer(const ServerLimits &limits, Answerer answerer)
    : limits_(limits), answerer_(std::move(answerer)), slow_{limits.slow_requests, limits.slow_waiting, 0, {}},
      data_{limits.data_requests, limits.data_waiting, 0, {}} {
    epoll_ = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    stop_event_ = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
    quit_event_ = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
    epoll_event quit{};
    quit.events = EPOLLIN; // level-triggered and never read: every worker sees it
    quit.data.u64 = quit_id;
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, quit_event_, &quit), "epoll_ctl");
}

ConnectionServer::~ConnectionServer() {
    connections_.clear();
    ::close(quit_event_);
    ::close(stop_event_);
    ::close(epoll_);
}

std::uint16_t ConnectionServer::bind(const std::string &host, std::uint16_t port) {
    listener_ = std::make_unique<Listener>(host, port);
    return listener_->port();
}

void ConnectionServer::stop() noexcept { signal_event(stop_event_); }

std::size_t ConnectionServer::open_connections() const {
    const std::lock_guard lock(mutex_);
    return connections_.size();
}

ConnectionServer::SlowLevels ConnectionServer::slow_levels() const {
    const std::lock_guard lock(mutex_);
    return {slow_.running, slow_.waiting.size()};
}

void ConnectionServer::set_slow_limit(unsigned slow_requests) {
    const std::lock_guard lock(mutex_);
    slow_.places = slow_requests;
}

void ConnectionServer::run() {
    for (unsigned i = 0; i < limits_.workers; ++i) workers_.emplace_back([this] { work(); });
    while (true) {
        const auto now = Clock::now();
        std::array<pollfd, 2> fds{{{stop_event_, POLLIN, 0}, {listener_->socket(), POLLIN, 0}}};
        const bool accepting = now >= accept_again_;
        const bool nothing_to_sweep = accepting && open_connections() == 0;
        const int timeout = nothing_to_sweep ? -1 : static_cast<int>(sweep_every.count());
        const int ready = ::poll(fds.data(), accepting ? 2 : 1, timeout);
        if (ready > 0 && fds[0].revents) break;
        if (ready > 0 && accepting && fds[1].revents) accept_all(Clock::now());
        sweep(Clock::now());
    }
    drain();
    signal_event(quit_event_);
    for (std::thread &worker : workers_) worker.join();
    workers_.clear();
    const std::lock_guard lock(mutex_);
    connections_.clear();
}

// Stop taking connections; let what is in flight end; give half-sent requests a moment.
void ConnectionServer::drain() {
    stopping_ = true;
    listener_->close();
    const auto end = Clock::now() + limits_.drain_time;
    while (true) {
        dismiss_idle();
        sweep(Clock::now());
        if (open_connections() == 0) return;
        if (Clock::now() >= end) break;
        std::this_thread::sleep_for(milliseconds(5)); // only while stopping: polls for the last answers
    }
    if (abandon_) abandon_();
}

void ConnectionServer::dismiss_idle() {
    std::vector<std::unique_ptr<Connection>> gone;
    const std::lock_guard lock(mutex_);
    const auto partial_end = Clock::now() + limits_.partial_time;
    for (auto it = connections_.begin(); it != connections_.end();) {
        Connection &c = *it->second;
        char byte = 0;
        if (c.busy || c.parked || c.place) {
            ++it;
        } else if (c.phase == Phase::idle && c.in.empty() && ::recv(c.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
            gone.push_back(std::move(it->second));
            it = connections_.erase(it);
        } else {
            // A request that has arrived, or has begun to: its worker closes the connection after the answer.
            if (c.phase == Phase::head || c.phase == Phase::body) c.due = std::min(c.due, partial_end);
            ++it;
        }
    }
}

void ConnectionServer::accept_all(Clock::time_point now) {
    for (int i = 0; i < 256; ++i) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int fd = ::accept4(listener_->socket(), reinterpret_cast<sockaddr *>(&address), &size,
                                 SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                accept_again_ = now + milliseconds(50); // the connection waits in the backlog; do not spin on it
                return;
            }
            continue; // the client is gone already
        }
        const int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        const std::lock_guard lock(mutex_);
        if (connections_.size() >= limits_.connections) {
            turn_away(fd);
            continue;
        }
        const std::uint64_t id = next_id_++;
        auto connection = std::make_unique<Connection>(fd, id, address_text(address), limits_.request);
        enter(*connection, Phase::idle);
        epoll_event event{};
        event.events = EPOLLIN | EPOLLONESHOT;
        event.data.u64 = id;
        // The worker that sees the first byte blocks on mutex_ until the connection is in the table.
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) continue;
        connections_.emplace(id, std::move(connection));
    }
}

void ConnectionServer::turn_away(int fd) {
    static const std::string full = plain_answer(503, error_json("TNCY503", "too many connections"));
    [[maybe_unused]] const auto sent = ::send(fd, full.data(), full.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(fd, SHUT_WR);
    // Unread bytes would reset the answer. A client that keeps sending loses it: everybody waits for this lock.
    std::array<char, 4096> ignored;
    for (int i = 0; i < 4 && ::recv(fd, ignored.data(), ignored.size(), MSG_DONTWAIT) > 0; ++i) {}
    ::close(fd);
}

void ConnectionServer::sweep(Clock::time_point now) {
    std::vector<std::unique_ptr<Connection>> overdue;
    {
        const std::lock_guard lock(mutex_);
        give_up_waiting(now);
        for (auto it = connections_.begin(); it != connections_.end();) {
            const Connection &c = *it->second;
            if (c.busy || c.parked || c.place || c.waited_too_long || c.due > now) {
                ++it;
                continue;
            }
            overdue.push_back(std::move(it->second));
            it = connections_.erase(it);
        }
    }
    for (auto &c : overdue) time_out(std::move(c));
}

// The connection is out of the table, so no worker can claim it; closing its socket takes it out of the epoll.
void ConnectionServer::time_out(std::unique_ptr<Connection> c) {
    if (c->phase == Phase::head || c->phase == Phase::body) {
        c->out.clear();
        refuse(*c, {408, "TNCY408", "the request did not arrive in time"});
        [[maybe_unused]] const Sent ignored = send_out(*c);
        ::shutdown(c->fd, SHUT_WR);
    }
    buffered_ -= c->charged;
}

void ConnectionServer::work() {
    while (true) {
        epoll_event event{};
        const int ready = epoll_wait(epoll_, &event, 1, -1);
        if (ready <= 0) continue;
        if (event.data.u64 == quit_id) return;
        // Nothing: it was swept between the event and here.
        for (Connection *c = claim(event.data.u64); c;) {
            Next next = Next::close;
            try {
                next = serve(*c);
            } catch (...) {
                // Out of memory while buffering: this connection ends, the others go on.
            }
            c = release(*c, next);
        }
    }
}

ConnectionServer::Connection *ConnectionServer::claim(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(id);
    if (found == connections_.end() || found->second->busy || found->second->parked) return nullptr;
    found->second->busy = true;
    return found->second.get();
}

ConnectionServer::Connection *ConnectionServer::release(Connection &c, Next next) {
    std::unique_ptr<Connection> gone; // destroyed after the lock is
    const std::lock_guard lock(mutex_);
    c.busy = false;
    if (next == Next::close) pass_place(c, true);
    Connection *const successor = std::exchange(c.successor, nullptr);
    switch (next) {
    case Next::wait_readable: arm(c, EPOLLIN); break;
    case Next::wait_writable: arm(c, EPOLLOUT); break;
    case Next::park:
        if (c.stands_in->running < c.stands_in->places) {
            ++c.stands_in->running;
            c.place = c.stands_in;
            arm(c, EPOLLOUT);
        } else {
            c.parked = true;
            c.due = Clock::now() + limits_.data_wait;
            c.stands_in->waiting.push_back(c.id);
        }
        break;
    case Next::close:
        buffered_ -= c.charged;
        gone = std::move(connections_[c.id]);
        connections_.erase(gone->id);
        break;
    }
    return successor;
}

void ConnectionServer::arm(Connection &c, std::uint32_t events) {
    epoll_event event{};
    event.events = events | EPOLLONESHOT;
    event.data.u64 = c.id;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
}

ConnectionServer::Line *ConnectionServer::line_of(const Request &request) {
    if (is_slow_ && is_slow_(request)) return &slow_;
    return data_.places > 0 && needs_data_ && needs_data_(request) ? &data_ : nullptr;
}

ConnectionServer::Entry ConnectionServer::enter_line(Connection &c, Line *line) {
    const std::lock_guard lock(mutex_);
    if (c.waited_too_long) {
        c.waited_too_long = false;
        return Entry::full;
    }
    if (!line || c.place) return Entry::entered;
    c.stands_in = line;
    if (line->running >= line->places) return line->waiting.size() < line->longest ? Entry::wait : Entry::full;
    ++line->running;
    c.place = line;
    return Entry::entered;
}

void ConnectionServer::leave_line(Connection &c, bool soon_free) {
    const std::lock_guard lock(mutex_);
    pass_place(c, soon_free);
}

// To the longest waiting request. A worker that is soon free takes it up itself, which spares the way through the epoll;
// else another one does as soon as its socket is writable, which it is.
void ConnectionServer::pass_place(Connection &c, bool soon_free) {
    if (!c.place) return;
    Line &line = *std::exchange(c.place, nullptr);
    if (line.waiting.empty() || line.running > line.places) {
        --line.running;
        return;
    }
    Connection &next = *connections_.at(line.waiting.front());
    line.waiting.pop_front();
    next.parked = false;
    next.place = &line;
    if (!soon_free || c.successor) return arm(next, EPOLLOUT);
    next.busy = true;
    c.successor = &next;
}

// Sign-ins are few and wait for their turn; the line before the database is long.
void ConnectionServer::give_up_waiting(Clock::time_point now) {
    while (!data_.waiting.empty()) {
        Connection &first = *connections_.at(data_.waiting.front());
        if (first.due > now) return;
        data_.waiting.pop_front();
        first.parked = false;
        first.waited_too_long = true;
        arm(first, EPOLLOUT); // a worker tells it
    }
}

void ConnectionServer::enter(Connection &c, Phase phase) {
    c.phase = phase;
    const auto now = Clock::now();
    switch (phase) {
    case Phase::idle: c.due = now + limits_.idle_time; break;
    case Phase::head: c.due = now + limits_.head_time; break;
    case Phase::body: c.due = now + limits_.body_time; break;
    case Phase::lingering: c.due = now + limits_.linger_time; break;
    case Phase::answering:
        c.due = now + limits_.write_time + milliseconds(c.out.size() * 1000 / limits_.slowest_reader);
        break;
    }
}

bool ConnectionServer::charge(Connection &c) {
    const std::size_t held = c.in.size() + c.out.size();
    const std::size_t total = buffered_ += held - c.charged; // unsigned wrap-around makes this a subtraction as needed
    const bool grew = held > c.charged;
    c.charged = held;
    return !grew || total <= limits_.buffered_bytes;
}

ConnectionServer::Next ConnectionServer::serve(Connection &c) {
    if (c.phase == Phase::lingering) return linger(c);
    if (c.phase == Phase::answering) {
        const Sent sent = send_out(c);
        if (sent == Sent::failed) return Next::close;
        if (sent == Sent::some) return Next::wait_writable; // `due` stays: a trickle of reads does not prolong it
        if (c.close_after_answer) return begin_linger(c);
        enter(c, Phase::idle);
    }
    return serve_input(c);
}

ConnectionServer::Next ConnectionServer::serve_input(Connection &c) {
    for (int answered = 0; true;) {
        const auto state = c.reader.advance(c.in);
        if (state == RequestReader::State::refused) {
            refuse(c, c.reader.refusal());
        } else if (state == RequestReader::State::complete) {
            // A client that pipelines goes back into the queue now and then, and when another one has got its place; a
            // socket is nearly always writable.
            if (answered == pipelined_in_one_go || c.successor) return Next::wait_writable;
            enter(c, Phase::idle);
            Line *line = line_of(c.reader.request());
            const Entry entry = enter_line(c, line);
            if (entry == Entry::wait) return Next::park;
            ++answered;
            if (entry == Entry::full)
                refuse(c, {503, "TNCY503", line == &slow_ ? "too many sign-ins at once" : "too many requests at once"});
            else
                answer(c);
        } else {
            if (c.reader.expects_continue()) {
                c.reader.continue_sent();
                if (::send(c.fd, continue_line.data(), continue_line.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
                    static_cast<ssize_t>(continue_line.size()))
                    return Next::close;
            }
            if (state == RequestReader::State::body && c.phase != Phase::body) enter(c, Phase::body);
            if (state == RequestReader::State::head && !c.in.empty() && c.phase == Phase::idle) enter(c, Phase::head);
            switch (receive(c)) {
            case Received::bytes: continue;
            case Received::nothing_now: return Next::wait_readable;
            case Received::end:
            case Received::failed: return Next::close; // nobody waits for an answer to half a request
            }
        }
        enter(c, Phase::answering);
        const Sent sent = send_out(c);
        if (sent == Sent::failed) return Next::close;
        if (sent == Sent::some) return Next::wait_writable;
        if (c.close_after_answer) return begin_linger(c);
        enter(c, Phase::idle);
        // Most clients wait for an answer before they ask again; the epoll tells when they do.
        if (c.in.empty()) return Next::wait_readable;
    }
}

ConnectionServer::Received ConnectionServer::receive(Connection &c) {
    thread_local std::array<char, 64 * 1024> buffer;
    if (c.input_ended) return Received::end;
    // No more than a request needs: what is pipelined beyond it waits in the kernel, which slows the sender down.
    const std::size_t wanted = c.phase == Phase::body ? buffer.size() : std::size_t{16 * 1024};
    const ssize_t n = ::recv(c.fd, buffer.data(), wanted, 0);
    if (n > 0) {
        c.in.append(buffer.data(), static_cast<std::size_t>(n));
        if (!charge(c)) {
            refuse(c, {503, "TNCY503", "the gateway holds too much unfinished work"});
            [[maybe_unused]] const Sent ignored = send_out(c);
            return Received::failed;
        }
        return Received::bytes;
    }
    if (n == 0) {
        c.input_ended = true;
        return Received::end;
    }
    if (errno == EINTR) return Received::bytes;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Received::nothing_now : Received::failed;
}

ConnectionServer::Sent ConnectionServer::send_out(Connection &c) {
    while (c.sent < c.out.size()) {
        const ssize_t n = ::send(c.fd, c.out.data() + c.sent, c.out.size() - c.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) c.sent += static_cast<std::size_t>(n);
        else if (errno == EAGAIN || errno == EWOULDBLOCK) return Sent::some;
        else if (errno != EINTR) return Sent::failed;
    }
    c.sent = 0;
    c.out.clear();
    if (c.out.capacity() > kept_capacity) c.out.shrink_to_fit();
    if (c.in.empty() && c.in.capacity() > kept_capacity) c.in.shrink_to_fit();
    charge(c);
    return Sent::all;
}

// A close with unread input would reset the connection and take the answer with it: say that no more is coming, then
// read until the client has closed, for a bounded time and amount.
ConnectionServer::Next ConnectionServer::begin_linger(Connection &c) {
    ::shutdown(c.fd, SHUT_WR);
    if (c.input_ended) return Next::close;
    c.in.clear();
    c.in.shrink_to_fit();
    charge(c);
    enter(c, Phase::lingering);
    return linger(c);
}

ConnectionServer::Next ConnectionServer::linger(Connection &c) {
    thread_local std::array<char, 64 * 1024> ignored;
    while (c.discarded < lingering_bytes) {
        const ssize_t n = ::recv(c.fd, ignored.data(), ignored.size(), 0);
        if (n > 0) c.discarded += static_cast<std::size_t>(n);
        else if (n < 0 && errno == EINTR) continue;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Next::wait_readable;
        else break;
    }
    return Next::close;
}

void ConnectionServer::answer(Connection &c) {
    Request request = c.reader.take(c.in);
    request.remote_address = c.remote_address;
    BodyParts parts;
    request.body_parts = &parts;
    const bool close = !request.keep_alive || stopping_;
    c.close_after_answer = close;
    bool answered = false;
    try {
        httplib::Response response;
        answerer_(request, response);
        append_answer(c.out, request, response, close);
        answered = true;
    } catch (...) {
        // The answerer turns its failures into answers itself; this is what escapes it, such as want of memory.
    }
    leave_line(c, !parts);
    if (!answered) {
        c.out.clear();
        refuse(c, {500, "TNCY500", "internal error"});
    } else if (!charge(c)) {
        c.out = {};
        refuse(c, {503, "TNCY503", "the gateway holds too many unread answers"});
        charge(c);
    } else if (parts) {
        try {
            send_parts(c, parts);
        } catch (...) {
            c.out.clear(); // without the last chunk, so that the client sees the break
            c.sent = 0;
            c.close_after_answer = true;
        }
    }
}

// Keeps the worker, for the next piece may take the database a while. A client that does not read is cut off soon.
void ConnectionServer::send_parts(Connection &c, const BodyParts &parts) {
    constexpr std::string_view line_end = "\r\n";
    std::string piece;
    for (bool more = true; more;) {
        piece.clear();
        more = parts(piece);
        if (!piece.empty()) {
            std::array<char, 16> size{};
            const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16).ptr;
            c.out.append(size.data(), end).append(line_end).append(piece).append(line_end);
        }
        if (!more) c.out += "0\r\n\r\n";
        if (!charge(c)) throw std::runtime_error("the gateway holds too many unread answers");
        const auto deadline = Clock::now() + limits_.part_time;
        for (Sent sent = send_out(c); sent != Sent::all; sent = send_out(c)) {
            const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
            if (sent == Sent::failed || left <= 0) throw std::runtime_error("the client does not read");
            pollfd writable{c.fd, POLLOUT, 0};
            ::poll(&writable, 1, static_cast<int>(left));
        }
    }
}

void ConnectionServer::refuse(Connection &c, const Refusal &refusal) {
    c.out += plain_answer(refusal.status, error_json(refusal.code, refusal.message));
    c.close_after_answer = true;
    if (on_refusal_) on_refusal_(refusal, c.remote_address);
}

} // namespace gateway::http
