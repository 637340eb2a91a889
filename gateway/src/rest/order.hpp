// order=: columns with direction and place of nulls, also of a to-one embedded resource.
#pragma once

#include "rest/builder.hpp"

#include <string_view>

namespace gateway::rest {

std::vector<OrderTerm> read_order(std::string_view parameter, std::string_view text, Builder &builder);

// A list of column names, of columns= and on_conflict=.
std::vector<std::string> read_names(std::string_view parameter, std::string_view text, Builder &builder);

} // namespace gateway::rest
