// An address or a network in CIDR form, to compare peers with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gateway::http {

class Network {
public:
    // "10.0.0.0/8", "::1", "192.0.2.7"; nothing when it is neither, or when bits beyond the prefix are set.
    static std::optional<Network> parse(std::string_view text);

    bool contains(const Network &other) const; // every address of `other` is one of ours

private:
    std::array<std::uint8_t, 16> bytes_{}; // IPv4 as ::ffff:a.b.c.d, so that both spellings are one address
    unsigned bits_ = 128;
};

} // namespace gateway::http
