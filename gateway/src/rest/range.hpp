// The Range header in rows, and what an answer says about the part of all rows that it holds.
#pragma once

#include "rest/compile.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace gateway::rest {

// `0-9` or `10-`, of `Range` with `Range-Unit: items` (the unit may stand in front: `items=0-9`). Nothing when it is no
// such range: then it is ignored, as HTTP wants. Throws PGRST103 when it ends before it begins.
std::optional<RowRange> parse_range(std::string_view header);

struct Part {
    int status = 200;          // 206: there are more rows than these
    std::string content_range; // "0-9/100", "*/0", "0-9/*"
};

// Throws PGRST103 (416) when the part would begin behind the last row.
Part part_of(std::int64_t offset, std::int64_t rows, std::optional<std::int64_t> total);

} // namespace gateway::rest
