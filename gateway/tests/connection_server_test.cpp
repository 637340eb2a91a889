// The connection layer over real sockets: an in-process server, clients that behave and clients that do not. Tests wait
// for conditions, with one generous deadline for all; how long anything took is never judged.
#include "http/connection_server.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <condition_variable>
#include <poll.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace {

using gateway::http::ConnectionServer;
using gateway::http::milliseconds;
using gateway::http::Refusal;
using gateway::http::Request;
using gateway::http::ServerLimits;
using Clock = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds(60);
constexpr milliseconds forever = std::chrono::hours(1);

// A gate that requests to /wait stand before until the test opens it.
class Gate {
public:
    void pass() {
        std::unique_lock lock(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    bool wait_for(int waiting) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return waiting_ >= waiting; });
    }
    int waiting() const {
        const std::lock_guard lock(mutex_);
        return waiting_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool open_ = false;
};

struct Answer {
    int status = 0; // 0: the connection ended before a whole answer
    std::string head;
    std::string body;
    bool has(const std::string &text) const { return head.find(text) != std::string::npos; }
};

class Client {
public:
    explicit Client(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0;
    }
    ~Client() { close(); }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    Client(Client &&other) noexcept
        : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), received_(std::move(other.received_)) {}
    Client &operator=(Client &&) = delete;

    bool connected() const { return connected_; }
    int fd() const { return fd_; }

    bool send(std::string_view text) const { // false: the server has closed
        while (!text.empty()) {
            const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }
    void end_input() const { ::shutdown(fd_, SHUT_WR); }

    Answer read(bool has_body = true) {
        Answer answer;
        std::size_t end = 0;
        while ((end = received_.find("\r\n\r\n")) == std::string::npos)
            if (!receive()) return answer;
        answer.head = received_.substr(0, end + 2);
        received_.erase(0, end + 4);
        std::size_t length = 0;
        if (const auto at = answer.head.find("Content-Length: "); has_body && at != std::string::npos)
            length = std::stoul(answer.head.substr(at + 16));
        while (received_.size() < length)
            if (!receive()) return answer;
        answer.body = received_.substr(0, length);
        received_.erase(0, length);
        answer.status = std::stoi(answer.head.substr(9, 3));
        return answer;
    }
    Answer ask(std::string_view text) { return send(text) ? read() : Answer{}; }

    bool ended() { return received_.empty() && !receive(); } // waits; false when more came
    std::string rest() {
        while (receive()) {}
        return received_;
    }

private:
    bool receive() {
        pollfd readable{fd_, POLLIN, 0};
        if (::poll(&readable, 1, static_cast<int>(milliseconds(patience).count())) <= 0) {
            ADD_FAILURE() << "nothing came from the server";
            return false;
        }
        char buffer[65536];
        const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
        if (n > 0) received_.append(buffer, static_cast<std::size_t>(n));
        return n > 0;
    }

    int fd_;
    bool connected_ = false;
    std::string received_;
};

std::string get(const std::string &path) { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n"; }

std::string post(const std::string &path, const std::string &body) {
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

template <typename Condition> bool eventually(Condition condition) {
    const auto end = Clock::now() + patience;
    while (!condition()) {
        if (Clock::now() > end) return false;
        ::poll(nullptr, 0, 1);
    }
    return true;
}

// No deadline strikes unless a test shortens it.
ServerLimits patient() {
    ServerLimits limits;
    limits.head_time = limits.body_time = limits.idle_time = limits.write_time = forever;
    limits.linger_time = limits.drain_time = limits.partial_time = forever;
    limits.workers = 3;
    return limits;
}

class Running {
public:
    explicit Running(const ServerLimits &limits = patient(), unsigned slow_waits = 0)
        : server(limits, [this](const Request &request, httplib::Response &response) { answer(request, response); }) {
        if (slow_waits) server.set_slow_requests([](const Request &request) { return request.path == "/wait"; });
        server.set_data_requests([](const Request &request) { return request.path == "/wait" || request.path == "/data"; });
        server.set_refusal_logger([this](const Refusal &refusal, const std::string &address) {
            if (address == "127.0.0.1") last_refusal = refusal.status;
        });
        server.set_abandon([this] {
            abandoned = true;
            gate.open();
        });
        port = server.bind("127.0.0.1", 0);
        thread_ = std::thread([this] {
            server.run();
            ended = true;
        });
    }
    ~Running() {
        gate.open();
        join();
    }
    void join() {
        server.stop();
        if (thread_.joinable()) thread_.join();
    }
    Client connect() const { return Client(port); }

    Gate gate;
    ConnectionServer server;
    std::uint16_t port = 0;
    std::atomic<int> last_refusal{0};
    std::atomic<bool> abandoned{false};
    std::atomic<bool> ended{false};
    std::atomic<std::size_t> made{0}; // bytes of /parts-endless

private:
    void answer(const Request &request, httplib::Response &response) {
        if (request.path == "/throw") throw std::runtime_error("secret of the handler");
        if (request.path == "/throw-int") throw 42;
        if (request.path == "/wait") gate.pass();
        if (request.path.starts_with("/parts")) {
            response.status = 200;
            // Five pieces, the second of them empty; "/parts-broken" throws in the place of the last.
            if (request.path == "/parts-endless") {
                *request.body_parts = [this](std::string &piece) {
                    piece.assign(1 << 20, 'x');
                    made += piece.size();
                    return true;
                };
                return;
            }
            *request.body_parts = [number = 0, broken = request.path == "/parts-broken"](std::string &piece) mutable {
                ++number;
                if (number != 2) piece = std::string(static_cast<std::size_t>(number) * 100'000, static_cast<char>('a' + number));
                if (number == 5 && broken) throw std::runtime_error("secret of the handler");
                return number < 5;
            };
            return;
        }
        if (request.path == "/nothing") {
            response.status = 204;
            return;
        }
        const std::string text = request.path == "/echo"      ? request.body
                                 : request.path == "/big"     ? std::string(8 << 20, 'b')
                                 : request.path == "/address" ? request.remote_address
                                                              : request.method + " " + request.path;
        response.status = 200;
        response.set_content(text, "text/plain");
    }

    std::thread thread_;
};

void allow_descriptors(rlim_t wanted) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

TEST(ConnectionServer, KeepsTheConnection) {
    Running running;
    Client client = running.connect();
    for (const char *path : {"/1", "/2", "/3"}) {
        const Answer answer = client.ask(get(path));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, std::string("GET ") + path);
        EXPECT_FALSE(answer.has("Connection: close"));
    }
    EXPECT_EQ(client.ask(get("/address")).body, "127.0.0.1");
    EXPECT_EQ(running.server.open_connections(), 1u);
}

TEST(ConnectionServer, ClosesWhenAsked) {
    Running running;
    Client one = running.connect();
    EXPECT_EQ(one.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status, 200);
    EXPECT_TRUE(one.ended());
    Client old = running.connect();
    EXPECT_EQ(old.ask("GET / HTTP/1.0\r\nHost: x\r\n\r\n").status, 200);
    EXPECT_TRUE(old.ended());
}

TEST(ConnectionServer, KeepsAnOldClientThatAsks) {
    Running running;
    Client client = running.connect();
    const std::string request = "GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
    EXPECT_TRUE(client.ask(request).has("Connection: keep-alive"));
    EXPECT_EQ(client.ask(request).status, 200);
}

TEST(ConnectionServer, AnswersHeadWithoutBody) {
    Running running;
    Client client = running.connect();
    ASSERT_TRUE(client.send("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n"));
    const Answer head = client.read(false);
    EXPECT_EQ(head.status, 200);
    EXPECT_TRUE(head.has("Content-Length: 7\r\n"));
    EXPECT_FALSE(head.has("Accept-Ranges"));
    EXPECT_EQ(client.ask(get("/x")).body, "GET /x") << "no stray body lies in between";
    const Answer nothing = client.ask(get("/nothing"));
    EXPECT_EQ(nothing.status, 204);
    EXPECT_FALSE(nothing.has("Content-Length"));
}

TEST(ConnectionServer, SendsContinue) {
    Running running;
    Client client = running.connect();
    ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
    EXPECT_EQ(client.read(false).status, 100);
    EXPECT_EQ(client.ask("hello").body, "hello");
}

TEST(ConnectionServer, SendsNoContinueBeforeARefusal) {
    Running running;
    Client client = running.connect();
    EXPECT_EQ(client.ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n").status,
              413);
    client.end_input();
    EXPECT_TRUE(client.ended());
}

TEST(ConnectionServer, AnswersPipelinedRequestsInOrder) {
    Running running;
    Client client = running.connect();
    std::string all;
    for (int i = 0; i < 40; ++i) all += i % 2 ? get("/" + std::to_string(i)) : post("/echo", "body " + std::to_string(i));
    ASSERT_TRUE(client.send(all));
    for (int i = 0; i < 40; ++i)
        EXPECT_EQ(client.read().body, (i % 2 ? "GET /" : "body ") + std::to_string(i));
}

TEST(ConnectionServer, TakesARequestInPieces) {
    Running running;
    Client client = running.connect();
    for (const char c : post("/echo", "abc")) ASSERT_TRUE(client.send(std::string_view(&c, 1)));
    EXPECT_EQ(client.read().body, "abc");
}

TEST(ConnectionServer, AnswersAClientThatHasEndedItsInput) {
    Running running;
    Client client = running.connect();
    ASSERT_TRUE(client.send(get("/1") + get("/2")));
    client.end_input();
    EXPECT_EQ(client.read().body, "GET /1");
    EXPECT_EQ(client.read().body, "GET /2");
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(eventually([&] { return running.server.open_connections() == 0; }));
}

TEST(ConnectionServer, DropsHalfARequest) {
    Running running;
    Client client = running.connect();
    ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"));
    client.end_input();
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(eventually([&] { return running.server.open_connections() == 0; }));
    EXPECT_TRUE(eventually([&] { return running.server.buffered_bytes() == 0; }));
}

TEST(ConnectionServer, RefusesAndClosesWithoutLosingTheAnswer) {
    Running running;
    Client client = running.connect();
    // What was sent after the bad request must neither be answered nor reset the connection before it is read.
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(300'000, 'x') +
                            get("/smuggled")));
    const Answer answer = client.read();
    EXPECT_EQ(answer.status, 501);
    EXPECT_TRUE(answer.has("Connection: close"));
    EXPECT_NE(answer.body.find("\"TNCY501\""), std::string::npos);
    EXPECT_EQ(client.rest(), "");
    EXPECT_EQ(running.last_refusal, 501);
}

TEST(ConnectionServer, NeverShowsAnExceptionsText) {
    Running running;
    for (const char *path : {"/throw", "/throw-int"}) {
        Client client = running.connect();
        const Answer answer = client.ask(get(path));
        EXPECT_EQ(answer.status, 500) << path;
        EXPECT_NE(answer.body.find("TNCY500"), std::string::npos) << path;
        EXPECT_EQ((answer.head + answer.body).find("secret"), std::string::npos) << answer.head;
        EXPECT_FALSE(answer.has("EXCEPTION_WHAT")) << answer.head;
        EXPECT_EQ(running.connect().ask(get("/x")).status, 200) << "the worker lives on";
    }
}

TEST(ConnectionServer, SendsABigAnswerToASlowReader) {
    Running running;
    Client slow(running.port, 4096);
    ASSERT_TRUE(slow.send(get("/big")));
    EXPECT_EQ(running.connect().ask(get("/x")).status, 200);
    const Answer answer = slow.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, std::string(8 << 20, 'b'));
}

TEST(ConnectionServer, CutsOffAReaderThatDoesNotRead) {
    ServerLimits limits = patient();
    limits.write_time = milliseconds(50);
    limits.slowest_reader = 1 << 30;
    Running running(limits);
    Client silent(running.port, 4096);
    ASSERT_TRUE(silent.send(get("/big")));
    EXPECT_TRUE(eventually([&] { return running.server.buffered_bytes() > 0; }));
    EXPECT_TRUE(eventually([&] { return running.server.open_connections() == 0; }));
    EXPECT_TRUE(eventually([&] { return running.server.buffered_bytes() == 0; }));
}

namespace {

std::string without_chunks(std::string_view text) {
    std::string body;
    while (!text.empty()) {
        const std::size_t size = std::stoul(std::string(text.substr(0, text.find("\r\n"))), nullptr, 16);
        text.remove_prefix(text.find("\r\n") + 2);
        body += text.substr(0, size);
        text.remove_prefix(size + 2);
        if (size == 0) break;
    }
    return body;
}

} // namespace

TEST(ConnectionServer, SendsABodyThatIsMadeMeanwhileInChunks) {
    Running running;
    Client client = running.connect();
    ASSERT_TRUE(client.send(get("/parts") + "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    const std::string text = client.rest();
    EXPECT_NE(text.find("Transfer-Encoding: chunked\r\n"), std::string::npos);
    EXPECT_EQ(text.substr(0, text.find("\r\n\r\n")).find("Content-Length"), std::string::npos);
    std::string expected;
    for (const int number : {1, 3, 4, 5}) expected += std::string(static_cast<std::size_t>(number) * 100'000, static_cast<char>('a' + number));
    EXPECT_EQ(without_chunks(std::string_view(text).substr(text.find("\r\n\r\n") + 4)), expected);
    EXPECT_TRUE(text.ends_with("GET /last")) << "the connection goes on behind the last chunk";
}

TEST(ConnectionServer, ABodyThatBreaksOffHasNoLastChunk) {
    Running running;
    Client client = running.connect();
    ASSERT_TRUE(client.send(get("/parts-broken") + get("/next")));
    const std::string text = client.rest();
    EXPECT_NE(text.find("200 OK"), std::string::npos);
    EXPECT_EQ(text.find("\r\n0\r\n"), std::string::npos);
    EXPECT_EQ(text.find("secret"), std::string::npos);
    EXPECT_EQ(text.find("/next"), std::string::npos) << "nothing that could be taken for the rest of the body";
    EXPECT_EQ(running.connect().ask(get("/x")).status, 200) << "the worker lives on";
}

TEST(ConnectionServer, CutsOffAReaderThatTakesNoMoreOfABodyWithoutEnd) {
    ServerLimits limits = patient();
    limits.part_time = limits.linger_time = milliseconds(50);
    Running running(limits);
    Client silent(running.port, 4096);
    ASSERT_TRUE(silent.send(get("/parts-endless")));
    EXPECT_TRUE(eventually([&] { return running.server.open_connections() == 0 && running.made > 0; }));
    EXPECT_LT(running.made.load(), std::size_t{64 << 20}) << "made only as fast as it is read";
    EXPECT_TRUE(eventually([&] { return running.server.buffered_bytes() == 0; }));
}

TEST(ConnectionServer, DrippingClientsHoldNobodyUpAndAreClosed) {
    allow_descriptors(4096);
    constexpr std::size_t count = 300;
    ServerLimits limits = patient();
    limits.head_time = milliseconds(500);
    limits.workers = 2;
    Running running(limits);
    std::vector<Client> drips;
    for (std::size_t i = 0; i < count; ++i) {
        drips.push_back(running.connect());
        ASSERT_TRUE(drips.back().connected());
        ASSERT_TRUE(drips.back().send("GET / HTTP/1.1\r\nHost: x\r\nX: "));
    }
    Client normal = running.connect();
    std::vector<std::string> answers(count);
    std::vector<bool> over(count, false);
    std::size_t open = count;
    // A byte each, again and again, until the server has ended every one. The bytes must not prolong their deadline:
    // if they did, each would end with 431 when its head is full.
    for (const auto end = Clock::now() + patience; open > 0 && Clock::now() < end;) {
        ASSERT_EQ(normal.ask(get("/x")).body, "GET /x");
        for (std::size_t i = 0; i < count; ++i) {
            if (over[i]) continue;
            char buffer[1024];
            ssize_t n = 0;
            while ((n = ::recv(drips[i].fd(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
                answers[i].append(buffer, static_cast<std::size_t>(n));
            if (n < 0 && errno == EAGAIN && drips[i].send("a")) continue;
            over[i] = true;
            --open;
        }
        ::poll(nullptr, 0, 5);
    }
    EXPECT_EQ(open, 0u);
    std::size_t timed_out = 0;
    for (const std::string &answer : answers) {
        EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 408 ")) << answer; // a reset can take it along
        timed_out += answer.empty() ? 0 : 1;
    }
    EXPECT_GT(timed_out, 0u);
    EXPECT_EQ(running.last_refusal, 408);
    EXPECT_TRUE(eventually([&] { return running.server.open_connections() == 1; }));
}

TEST(ConnectionServer, IdleConnectionsHoldNobodyUp) {
    allow_descriptors(4096);
    Running running;
    std::vector<Client> idle;
    for (int i = 0; i < 500; ++i) {
        idle.push_back(running.connect());
        ASSERT_TRUE(idle.back().connected());
    }
    ASSERT_TRUE(eventually([&] { return running.server.open_connections() == 500; }));
    EXPECT_EQ(running.connect().ask(get("/x")).status, 200);
    EXPECT_EQ(idle.front().ask(get("/y")).body, "GET /y");
    EXPECT_EQ(idle.back().ask(get("/z")).body, "GET /z") << "also beyond descriptor 1023";
}

TEST(ConnectionServer, ClosesIdleConnectionsWithoutAWord) {
    ServerLimits limits = patient();
    limits.idle_time = milliseconds(50);
    Running running(limits);
    Client never_spoke = running.connect();
    EXPECT_TRUE(never_spoke.ended());
    Client spoke = running.connect();
    EXPECT_EQ(spoke.ask(get("/x")).status, 200);
    EXPECT_TRUE(spoke.ended());
}

TEST(ConnectionServer, TurnsAwayBeyondItsLimit) {
    ServerLimits limits = patient();
    limits.connections = 2;
    Running running(limits);
    std::vector<Client> taken;
    for (int i = 0; i < 2; ++i) taken.push_back(running.connect());
    ASSERT_TRUE(eventually([&] { return running.server.open_connections() == 2; }));
    Client third = running.connect();
    const Answer full = third.read();
    EXPECT_EQ(full.status, 503);
    EXPECT_TRUE(full.has("Retry-After: "));
    EXPECT_TRUE(third.ended());
    EXPECT_EQ(taken.front().ask(get("/x")).status, 200);
    taken.clear();
    ASSERT_TRUE(eventually([&] { return running.server.open_connections() == 0; }));
    EXPECT_EQ(running.connect().ask(get("/x")).status, 200) << "there is room again";
}

TEST(ConnectionServer, EndsASlowBody) {
    ServerLimits limits = patient();
    limits.body_time = milliseconds(50);
    Running running(limits);
    Client client = running.connect();
    const Answer answer = client.ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_EQ(answer.status, 408);
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(eventually([&] { return running.server.open_connections() == 0; }));
    EXPECT_TRUE(eventually([&] { return running.server.buffered_bytes() == 0; }));
}

TEST(ConnectionServer, KeepsItsBudgetOfBufferedBytes) {
    ServerLimits limits = patient();
    limits.buffered_bytes = 1000;
    Running running(limits);
    Client client = running.connect();
    EXPECT_EQ(client.ask(post("/echo", std::string(5000, 'a'))).status, 503);
    EXPECT_EQ(running.connect().ask(get("/big")).status, 503) << "answers count too";
    EXPECT_EQ(running.connect().ask(get("/x")).status, 200);
}

TEST(ConnectionServer, SlowRequestsNeverHoldEveryWorker) {
    ServerLimits limits = patient();
    limits.workers = 2;
    limits.slow_requests = 1;
    Running running(limits, 1);
    std::vector<Client> slow;
    for (int i = 0; i < 5; ++i) {
        slow.push_back(running.connect());
        ASSERT_TRUE(slow.back().send(get("/wait")));
    }
    ASSERT_TRUE(running.gate.wait_for(1));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(running.connect().ask(get("/x")).status, 200);
    EXPECT_EQ(running.gate.waiting(), 1) << "one at a time";
    running.gate.open();
    for (Client &client : slow) EXPECT_EQ(client.read().status, 200) << "each has its turn";
}

TEST(ConnectionServer, AFullLineOfSlowRequestsIsToldToComeBack) {
    ServerLimits limits = patient();
    limits.slow_requests = 1;
    limits.slow_waiting = 2;
    Running running(limits, 1);
    std::vector<Client> slow;
    for (int i = 0; i < 20; ++i) {
        slow.push_back(running.connect());
        ASSERT_TRUE(slow.back().send(get("/wait")));
    }
    ASSERT_TRUE(eventually([&] { return running.last_refusal == 503; })) << "while one holds the only place";
    EXPECT_EQ(running.connect().ask(get("/x")).status, 200) << "other requests have their workers";
    running.gate.open();
    int served = 0;
    int refused = 0;
    for (Client &client : slow) {
        const Answer answer = client.read();
        served += answer.status == 200;
        refused += answer.status == 503 && answer.has("Retry-After: ");
    }
    EXPECT_EQ(served + refused, 20);
    EXPECT_GE(served, 3) << "the one that ran and those that waited";
    EXPECT_EQ(running.connect().ask(get("/wait")).status, 200) << "the line moves on";
}

TEST(ConnectionServer, RequestsForDataLeaveAWorkerForOthers) {
    ServerLimits limits = patient();
    limits.workers = 3;
    limits.data_requests = 2;
    limits.data_wait = forever;
    Running running(limits);
    std::vector<Client> waiting;
    for (int i = 0; i < 10; ++i) {
        waiting.push_back(running.connect());
        ASSERT_TRUE(waiting.back().send(get("/wait")));
    }
    ASSERT_TRUE(running.gate.wait_for(2));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(running.connect().ask(get("/x")).status, 200);
    EXPECT_EQ(running.gate.waiting(), 2) << "two at a time";
    running.gate.open();
    for (Client &client : waiting) EXPECT_EQ(client.read().status, 200) << "each has its turn";
}

TEST(ConnectionServer, AFullLineForDataIsToldToComeBackAtOnce) {
    ServerLimits limits = patient();
    limits.data_requests = 1;
    limits.data_waiting = 1;
    limits.data_wait = forever;
    Running running(limits);
    Client first = running.connect();
    ASSERT_TRUE(first.send(get("/wait")));
    ASSERT_TRUE(running.gate.wait_for(1));
    Client second = running.connect();
    // Whichever of these comes first gets the one place in the line.
    ASSERT_TRUE(second.send(get("/data")));
    Client third = running.connect();
    ASSERT_TRUE(third.send(get("/data")));
    ASSERT_TRUE(eventually([&] { return running.last_refusal == 503; })) << "while the place is held";
    running.gate.open();
    EXPECT_EQ(first.read().status, 200);
    const Answer one = second.read();
    const Answer other = third.read();
    EXPECT_EQ(one.status + other.status, 200 + 503);
    EXPECT_TRUE((one.status == 503 ? one : other).has("Retry-After: "));
}

TEST(ConnectionServer, WhoeverWaitsTooLongForDataIsToldSo) {
    ServerLimits limits = patient();
    limits.data_requests = 1;
    limits.data_wait = milliseconds(1);
    Running running(limits);
    Client first = running.connect();
    ASSERT_TRUE(first.send(get("/wait")));
    ASSERT_TRUE(running.gate.wait_for(1));
    for (int i = 0; i < 3; ++i) {
        const Answer answer = running.connect().ask(get("/data"));
        EXPECT_EQ(answer.status, 503);
        EXPECT_TRUE(answer.has("Retry-After: "));
    }
    running.gate.open();
    EXPECT_EQ(first.read().status, 200);
    EXPECT_EQ(running.connect().ask(get("/data")).status, 200) << "the line moves on";
}

TEST(ConnectionServer, StopDrainsWhatIsInFlight) {
    Running running;
    Client idle = running.connect();
    ASSERT_EQ(idle.ask(get("/x")).status, 200);
    Client busy = running.connect();
    ASSERT_TRUE(busy.send(get("/wait")));
    ASSERT_TRUE(running.gate.wait_for(1));
    running.server.stop();
    EXPECT_TRUE(idle.ended()) << "idle connections close at once";
    EXPECT_TRUE(eventually([&] { return !running.connect().connected(); })) << "no new ones are taken";
    EXPECT_FALSE(running.ended);
    running.gate.open();
    const Answer answer = busy.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "GET /wait");
    EXPECT_TRUE(busy.ended());
    busy.close();
    EXPECT_TRUE(eventually([&] { return running.ended.load(); }));
    EXPECT_FALSE(running.abandoned);
}

TEST(ConnectionServer, StopDoesNotWaitForHalfARequest) {
    ServerLimits limits = patient();
    limits.partial_time = milliseconds(20);
    Running running(limits);
    Client half = running.connect();
    ASSERT_TRUE(half.send("GET / HTTP/1.1\r\n"));
    ASSERT_TRUE(eventually([&] { return running.server.buffered_bytes() > 0; }));
    running.server.stop();
    EXPECT_TRUE(eventually([&] { return running.ended.load(); }));
    EXPECT_EQ(half.read().status, 408);
}

TEST(ConnectionServer, StopAbandonsWhatDoesNotEnd) {
    ServerLimits limits = patient();
    limits.drain_time = milliseconds(50);
    Running running(limits);
    Client client = running.connect();
    ASSERT_TRUE(client.send(get("/wait")));
    ASSERT_TRUE(running.gate.wait_for(1));
    running.server.stop();
    EXPECT_TRUE(eventually([&] { return running.ended.load(); }));
    EXPECT_TRUE(running.abandoned);
}

TEST(ConnectionServer, SaysWhyItCannotListen) {
    Running running;
    ConnectionServer second(patient(), [](const Request &, httplib::Response &) {});
    try {
        second.bind("127.0.0.1", running.port);
        ADD_FAILURE() << "two servers share a port";
    } catch (const std::runtime_error &error) {
        EXPECT_NE(std::string(error.what()).find(std::to_string(running.port)), std::string::npos) << error.what();
    }
}
