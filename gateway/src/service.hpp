// The process among others: what systemd is told, signals, and the user it runs as.
#pragma once

#include <functional>
#include <thread>

namespace gateway::service {

void tell_ready();
void tell_reloading();
void tell_stopping();

// SIGTERM, SIGINT and SIGHUP come to one thread, so that what they start may lock and allocate. Made before any other
// thread, because threads inherit who takes signals.
class Signals {
public:
    Signals();
    ~Signals();
    Signals(const Signals &) = delete;
    Signals &operator=(const Signals &) = delete;

    // A second SIGTERM or SIGINT ends the process at once, with exit code 1. `alive` is called for systemd's watchdog, as
    // often as that wants: when it hangs, the process is taken for dead.
    void listen(std::function<void()> stop, std::function<void()> reload, std::function<void()> alive);
    void end(); // nothing is called after it

private:
    int signals_ = -1;
    int end_ = -1;
    std::thread thread_;
};

} // namespace gateway::service
