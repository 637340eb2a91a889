// Connection strings, as far as they may be shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace gateway::db {

// In keyword form, with **** for each password. Nothing when libpq does not understand it: then nothing of it may be shown.
std::optional<std::string> shown_conninfo(const std::string &conninfo);

struct Host {
    std::string host;
    std::string hostaddr; // empty: not given
    std::string port;
};

// The hosts of a connection string that names several, for whoever tries them one by one. None where it names one, where
// a name is left out, or where libpq has to see them all (prefer-standby).
std::vector<Host> several_hosts(const std::string &conninfo);

} // namespace gateway::db
