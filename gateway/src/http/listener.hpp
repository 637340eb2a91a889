// The listening socket. SO_REUSEADDR only: with SO_REUSEPORT, which cpp-httplib sets, a second instance would share
// the port silently. The backlog is 1024, because cpp-httplib's compiled-in 5 costs half a second under bursts.
#pragma once

#include <cstdint>
#include <string>

namespace gateway::http {

class Listener {
public:
    Listener(const std::string &host, std::uint16_t port); // throws std::runtime_error that names address and reason
    ~Listener();
    Listener(const Listener &) = delete;
    Listener &operator=(const Listener &) = delete;

    int socket() const { return socket_; }
    std::uint16_t port() const { return port_; } // the chosen one when 0 was asked for
    void close();

private:
    int socket_ = -1;
    std::uint16_t port_ = 0;
};

} // namespace gateway::http
