// select=: columns, aliases, casts, JSON paths and embedded resources.
#pragma once

#include "rest/builder.hpp"

#include <string_view>

namespace gateway::rest {

void read_select(Level &level, std::string_view text, Builder &builder);

// The type's name in SQL that `::name` means, or empty when it is not one that an answer may be cast to. Types that
// would look up names of other objects, such as regclass, are not among them.
std::string_view cast_type(std::string_view name);

} // namespace gateway::rest
