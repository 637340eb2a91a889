#include "rest/keyset.hpp"

#include "json.hpp"
#include "rest/error.hpp"

#include <cstdint>

namespace gateway::rest {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

[[noreturn]] void refuse() {
    throw Error(400, "PGRST100", "after= takes the token that a page before gave", {},
                "Ask for the first page with an empty after=.");
}

} // namespace

std::string keyset_token(std::string_view key) {
    std::string token;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : key) {
        bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFFF;
        for (count += 8; count >= 6; count -= 6) token.push_back(alphabet[bits >> (count - 6) & 63]);
    }
    if (count > 0) token.push_back(alphabet[bits << (6 - count) & 63]);
    return token;
}

std::vector<std::optional<std::string>> read_keyset_token(std::string_view token) {
    std::string key;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : token) {
        const auto place = alphabet.find(c);
        if (place == std::string_view::npos) refuse();
        bits = (bits << 6 | static_cast<std::uint32_t>(place)) & 0xFFFF;
        if ((count += 6) >= 8) key.push_back(static_cast<char>(bits >> (count -= 8) & 255));
    }
    std::vector<std::optional<std::string>> values;
    try {
        const nlohmann::json array = parse_json(key, 1);
        if (!array.is_array() || array.empty()) refuse();
        for (const auto &each : array) {
            if (each.is_null())
                values.emplace_back();
            else if (each.is_string() && each.get_ref<const std::string &>().find('\0') == std::string::npos)
                values.emplace_back(each.get<std::string>());
            else
                refuse();
        }
    } catch (const BadJson &) {
        refuse();
    }
    return values;
}

} // namespace gateway::rest
