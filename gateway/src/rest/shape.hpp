// The shape of a query: everything that its SQL depends on but the schema. Two queries of one shape differ in values
// only.
#pragma once

#include "rest/query.hpp"

#include <string>

namespace gateway::rest {

std::string shape_of(const Query &query);

} // namespace gateway::rest
