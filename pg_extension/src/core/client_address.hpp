// Which clients count as one when failed sign-ins are counted. Pure functions.
#pragma once

#ifdef POSTGRES_H
#error "core headers come before the Postgres headers"
#endif

#include <string>
#include <string_view>

namespace tenancy::core::client_address {

// An IPv4 address as it is, also when it is written as IPv6; of an IPv6 address the /64 network, all of which one client
// has; any other text as it is.
std::string throttled(std::string_view address);

} // namespace tenancy::core::client_address
