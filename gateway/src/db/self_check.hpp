// What the gateway's own login must not be. Its password is the one secret that lies beside the web server; the
// promise that a thief of it reads nothing holds only for a role without rights.
#pragma once

#include "db/connection.hpp"

#include <string>
#include <vector>

namespace gateway::db {

struct SelfCheckFailed : std::exception {
    explicit SelfCheckFailed(std::string why) : reason(std::move(why)) {}
    const char *what() const noexcept override { return reason.c_str(); }
    std::string reason;
};

// What somebody finds out before the start: the role as above, the extension, the exposed relations.
struct Finding {
    bool good;
    std::string text;
};
std::vector<Finding> survey(Connection &connection, const std::string &schema);

// Throws SelfCheckFailed with everything that is wrong.
void check_own_role(Connection &connection, const std::string &schema);

// An advice to update, or nothing: minor releases before it leak rows behind row security.
std::string old_server_warning(int server_version);

} // namespace gateway::db
