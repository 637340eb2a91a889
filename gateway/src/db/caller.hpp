// Who asks, as the request says it. The database decides what that is worth.
#pragma once

#include <string>

namespace gateway::db {

struct Caller {
    std::string token;
    std::string tenant; // that a signed token is to be used for; empty: the one that it opens by itself

    // Of what is remembered about the caller: a signed token may be used for one tenant after the other.
    std::string key() const { return tenant.empty() ? token : token + ' ' + tenant; }
};

} // namespace gateway::db
