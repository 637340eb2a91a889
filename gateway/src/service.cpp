#include "service.hpp"

#include <systemd/sd-daemon.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace gateway::service {

// Without systemd these do nothing.
void tell_ready() { sd_notify(0, "READY=1"); }

void tell_reloading() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    const auto us = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
    sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us)).c_str());
}

void tell_stopping() { sd_notify(0, "STOPPING=1"); }

Signals::Signals() {
    sigset_t ours;
    sigemptyset(&ours);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ours, signal);
    pthread_sigmask(SIG_BLOCK, &ours, nullptr);
    signals_ = signalfd(-1, &ours, SFD_CLOEXEC);
    end_ = eventfd(0, EFD_CLOEXEC);
    if (signals_ < 0 || end_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

Signals::~Signals() {
    end();
    ::close(end_);
    ::close(signals_);
}

void Signals::end() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto ignored = ::write(end_, &one, sizeof one);
    thread_.join();
}

void Signals::listen(std::function<void()> stop, std::function<void()> reload, std::function<void()> alive) {
    std::uint64_t watchdog_us = 0;
    const bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
    const int timeout = watched ? static_cast<int>(watchdog_us / 2000) : -1; // twice as often as it must
    thread_ = std::thread([this, timeout, stop = std::move(stop), reload = std::move(reload), alive = std::move(alive)] {
        bool stopping = false;
        while (true) {
            std::array<pollfd, 2> fds{{{signals_, POLLIN, 0}, {end_, POLLIN, 0}}};
            const int ready = ::poll(fds.data(), fds.size(), timeout);
            if (timeout >= 0) {
                alive();
                sd_notify(0, "WATCHDOG=1");
            }
            if (ready <= 0) continue;
            if (fds[1].revents) return;
            signalfd_siginfo signal{};
            if (::read(signals_, &signal, sizeof signal) != sizeof signal) continue;
            if (signal.ssi_signo == SIGHUP) {
                if (!stopping) reload();
                continue;
            }
            if (stopping) std::_Exit(1);
            stopping = true;
            stop();
        }
    });
}

} // namespace gateway::service
