#include "rest/range.hpp"

#include "http/request.hpp"
#include "rest/error.hpp"

#include <charconv>

namespace gateway::rest {

namespace {

std::optional<std::int64_t> row_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.front() == '-' || failed != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

std::optional<RowRange> parse_range(std::string_view header) {
    std::string_view text = http::trimmed(header);
    if (text.starts_with("items=")) text.remove_prefix(6);
    const auto dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = row_number(text.substr(0, dash));
    if (!first) return std::nullopt;
    RowRange range{*first, std::nullopt};
    if (dash + 1 == text.size()) return range;
    range.last = row_number(text.substr(dash + 1));
    if (!range.last) return std::nullopt;
    if (*range.last < range.first)
        throw range_error("The lower boundary must be lower than or equal to the upper boundary in the Range header.");
    return range;
}

Part part_of(std::int64_t offset, std::int64_t rows, std::optional<std::int64_t> total) {
    if (total && offset > *total)
        throw range_error("An offset of " + std::to_string(offset) + " was requested, but there are only " +
                          std::to_string(*total) + " rows.");
    const std::string all = total ? std::to_string(*total) : "*";
    if (rows == 0) return {200, "*/" + all};
    return {total && rows < *total ? 206 : 200,
            std::to_string(offset) + "-" + std::to_string(offset + rows - 1) + "/" + all};
}

} // namespace gateway::rest
