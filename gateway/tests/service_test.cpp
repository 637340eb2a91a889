// What systemd hears, over a real datagram socket, and what signals start.
#include "service.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

namespace service = gateway::service;

// Stands for systemd.
class NotifySocket {
public:
    NotifySocket() {
        const std::string path = testing::TempDir() + "notify." + std::to_string(getpid());
        fd_ = socket(AF_UNIX, SOCK_DGRAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        unlink(path.c_str());
        EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr *>(&address), sizeof address), 0);
        setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~NotifySocket() {
        unlink(std::getenv("NOTIFY_SOCKET"));
        unsetenv("NOTIFY_SOCKET");
        close(fd_);
    }
    std::string next() const {
        pollfd ready{fd_, POLLIN, 0};
        if (poll(&ready, 1, 10'000) != 1) return "nothing";
        std::array<char, 256> text{};
        const ssize_t size = recv(fd_, text.data(), text.size(), 0);
        return std::string(text.data(), static_cast<std::size_t>(size));
    }

private:
    int fd_;
};

// Counts calls, and waits for them.
class Heard {
public:
    void ring() {
        count_.fetch_add(1);
        count_.notify_all();
    }
    void wait_for(int times) const {
        for (int now = count_.load(); now < times; now = count_.load()) count_.wait(now);
    }
    int count() const { return count_.load(); }

private:
    std::atomic<int> count_{0};
};

} // namespace

TEST(Service, TellsSystemdWhereItIs) {
    const NotifySocket systemd;
    service::tell_ready();
    EXPECT_EQ(systemd.next(), "READY=1");
    service::tell_reloading();
    EXPECT_TRUE(systemd.next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    service::tell_stopping();
    EXPECT_EQ(systemd.next(), "STOPPING=1");
}

TEST(Service, SaysNothingWithoutSystemd) {
    unsetenv("NOTIFY_SOCKET");
    service::tell_ready();
    service::tell_stopping();
}

TEST(Service, FeedsTheWatchdog) {
    const NotifySocket systemd;
    setenv("WATCHDOG_USEC", "20000", 1);
    Heard alive;
    {
        service::Signals signals;
        signals.listen([] {}, [] {}, [&] { alive.ring(); });
        EXPECT_EQ(systemd.next(), "WATCHDOG=1");
        EXPECT_EQ(systemd.next(), "WATCHDOG=1");
        alive.wait_for(2);
    }
    unsetenv("WATCHDOG_USEC");
}

TEST(Service, ReloadsAtHangupAndStopsAtTerm) {
    service::Signals signals;
    Heard stopped;
    Heard reloaded;
    signals.listen([&] { stopped.ring(); }, [&] { reloaded.ring(); }, [] {});
    kill(getpid(), SIGHUP);
    reloaded.wait_for(1);
    kill(getpid(), SIGHUP);
    reloaded.wait_for(2);
    EXPECT_EQ(stopped.count(), 0);
    kill(getpid(), SIGTERM);
    stopped.wait_for(1);
    signals.end();
    EXPECT_EQ(reloaded.count(), 2);
}

TEST(ServiceDeathTest, EndsAtOnceAtTheSecondTerm) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EXIT(
        {
            service::Signals signals;
            Heard stopped;
            signals.listen([&] { stopped.ring(); }, [] {}, [] {});
            kill(getpid(), SIGTERM);
            stopped.wait_for(1);
            kill(getpid(), SIGTERM);
            stopped.wait_for(2); // for ever: the process ends here
        },
        testing::ExitedWithCode(1), "");
}
