#include "tracing.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <random>

namespace gateway {

namespace {

constexpr std::size_t longest_id = 64;
constexpr std::size_t traceparent_size = 55; // version, trace, parent and flags with their hyphens

std::string new_id() {
    static const std::uint64_t start = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    static std::atomic<std::uint64_t> count{0};
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(16, '0');
    std::uint64_t id = start + count.fetch_add(1, std::memory_order_relaxed);
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, id >>= 4) *digit = digits[id & 15];
    return text;
}

bool is_id(std::string_view text) {
    return !text.empty() && text.size() <= longest_id && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
    });
}

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

} // namespace

std::string request_id(const http::Request &request) {
    const std::string *asked = request.header("x-request-id");
    return asked && request.count("x-request-id") == 1 && is_id(*asked) ? *asked : new_id();
}

std::optional<std::string> traceparent(const http::Request &request) {
    const std::string *header = request.header("traceparent");
    if (!header || request.count("traceparent") != 1) return std::nullopt;
    const std::string_view text = *header;
    if (text.size() < traceparent_size || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
    const auto version = text.substr(0, 2);
    const auto trace = text.substr(3, 32);
    const auto parent = text.substr(36, 16);
    if (!is_hex(version) || version == "ff" || !is_hex(trace) || is_zero(trace) || !is_hex(parent) || is_zero(parent) ||
        !is_hex(text.substr(53, 2)))
        return std::nullopt;
    // Later versions may go on behind the flags; this one may not.
    if (text.size() > traceparent_size && (version == "00" || text[traceparent_size] != '-')) return std::nullopt;
    return std::string(text.substr(0, traceparent_size));
}

} // namespace gateway
