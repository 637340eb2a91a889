#include "client_address.hpp"

#include <array>
#include <cstring>

#include <arpa/inet.h>

namespace tenancy::core::client_address {

namespace {

constexpr std::array<unsigned char, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::string written(int family, const void *bytes)
{
    std::array<char, INET6_ADDRSTRLEN> text{};
    return inet_ntop(family, bytes, text.data(), text.size()) != nullptr ? text.data() : std::string();
}

} // namespace

std::string throttled(std::string_view address)
{
    const std::string text(address);
    in6_addr six{};
    if (inet_pton(AF_INET6, text.c_str(), &six) != 1)
        return text;
    if (std::memcmp(six.s6_addr, mapped_prefix.data(), mapped_prefix.size()) == 0)
        return written(AF_INET, six.s6_addr + mapped_prefix.size());
    constexpr std::size_t network_bytes = 8;
    std::memset(six.s6_addr + network_bytes, 0, sizeof six.s6_addr - network_bytes);
    return written(AF_INET6, &six) + "/64";
}

} // namespace tenancy::core::client_address
