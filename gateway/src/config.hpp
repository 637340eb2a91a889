// Command line and environment to one immutable Config. A bad value is refused, naming the option.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace gateway {

// Two, and one where there are fewer than four processors: hashing leaves reads at least half of them.
unsigned default_sign_in_limit();

struct Config {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::string port_file;
    std::string database_url;
    std::string prefix = "/api";
    std::string schema = "api";
    std::string web_root;
    std::string demo_file;
    unsigned pool_size = 8;
    unsigned workers = 12;
    unsigned sign_in_limit = default_sign_in_limit();
    std::string client_scope = "request";
    unsigned tenant_connections = 2;
    unsigned tenant_clients = 1000;
    bool secure_cookies = false;
    std::string log_level = "info";
    std::chrono::milliseconds statement_timeout{10'000};
};

// Nothing when the program has only to end, with `exit_code`: 0 after --help, 2 after an error told on stderr.
std::optional<Config> read_config(int argc, const char *const *argv, int &exit_code);

} // namespace gateway
