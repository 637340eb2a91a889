// Query parameters into the levels of a query: select, filters, order, pages, each at its level.
#pragma once

#include "rest/builder.hpp"
#include "rest/query_string.hpp"

#include <optional>
#include <string>
#include <vector>

namespace gateway::rest {

// Parameters of the whole query, not of a level.
struct TopParameters {
    std::optional<std::vector<std::string>> columns;
    std::optional<std::vector<std::string>> on_conflict;
    std::optional<std::string> after;
};

TopParameters read_parameters(const std::vector<Parameter> &parameters, Builder &builder);

} // namespace gateway::rest
