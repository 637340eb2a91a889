// Command line, environment and file to one immutable Config: what comes first in this list counts. A bad value is refused,
// naming the option.
#pragma once

#include "edge.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

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
    std::chrono::seconds schema_poll{0}; // 0: listen for changes
    std::string web_root;
    std::string demo_file;
    unsigned pool_size = 8;
    unsigned workers = 12;
    unsigned sign_in_limit = default_sign_in_limit();
    std::string replica_url;
    unsigned max_connections = 16'384;
    std::string pooler = "none";
    std::string client_scope = "request";
    unsigned tenant_connections = 2;
    unsigned tenant_clients = 1000;
    bool secure_cookies = false;
    Edge edge;
    std::string log_level = "info";
    std::chrono::milliseconds statement_timeout{10'000};
    std::chrono::seconds drain_timeout{10};
    std::optional<std::uint16_t> metrics_port; // nothing: no metrics are served
    std::string metrics_host;
    unsigned metrics_per_tenant = 0;
    bool trace_to_database = false;
    bool allow_root = false;
    bool check_only = false; // the command `check`

    // Of every option the value as it may be shown, to find out what a reload would change.
    std::map<std::string, std::string> shown;
};

// Nothing when the program has only to end, with `exit_code`: 0 after --help or --show-config, 2 after an error. What there
// is to say goes to `out` and `err`.
std::optional<Config> read_config(int argc, const char *const *argv, int &exit_code, std::ostream &out, std::ostream &err);

// Those that a reload (SIGHUP) applies; a change of another one takes a restart.
bool is_reloadable(const std::string &option);

} // namespace gateway
