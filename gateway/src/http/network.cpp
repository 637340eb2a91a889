#include "http/network.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <string>

namespace gateway::http {

namespace {

constexpr unsigned mapped_bits = 96;

} // namespace

std::optional<Network> Network::parse(std::string_view text) {
    const auto slash = text.find('/');
    const std::string address(text.substr(0, slash));
    Network network;
    bool four = false;
    if (in_addr v4{}; inet_pton(AF_INET, address.c_str(), &v4) == 1) {
        four = true;
        network.bytes_[10] = network.bytes_[11] = 0xFF;
        const auto *from = reinterpret_cast<const std::uint8_t *>(&v4);
        std::copy(from, from + 4, network.bytes_.begin() + 12);
    } else if (inet_pton(AF_INET6, address.c_str(), network.bytes_.data()) != 1) {
        return std::nullopt;
    }
    if (slash != std::string_view::npos) {
        const auto digits = text.substr(slash + 1);
        const char *end = digits.data() + digits.size();
        unsigned bits = 0;
        const auto [stopped, error] = std::from_chars(digits.data(), end, bits);
        if (error != std::errc() || stopped != end || bits > (four ? 32u : 128u)) return std::nullopt;
        network.bits_ = bits + (four ? mapped_bits : 0u);
    }
    for (unsigned bit = network.bits_; bit < 128; ++bit)
        if (network.bytes_[bit / 8] & (0x80u >> (bit % 8))) return std::nullopt;
    return network;
}

bool Network::contains(const Network &other) const {
    if (other.bits_ < bits_) return false;
    for (unsigned bit = 0; bit < bits_; ++bit)
        if ((bytes_[bit / 8] ^ other.bytes_[bit / 8]) & (0x80u >> (bit % 8))) return false;
    return true;
}

} // namespace gateway::http
