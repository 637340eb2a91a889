// The order of a read with after=, and the condition that a row is behind a known one.
#pragma once

#include "rest/emitter.hpp"
#include "rest/schema.hpp"

#include <string>
#include <vector>

namespace gateway::rest {

// The order asked for with the primary key behind it, so that no two rows are equal in it. Throws where there is no key
// or the order is by more than plain columns.
std::vector<OrderTerm> keyset_order(const Query &query, const Relation &relation);

// Empty for the first page.
std::string keyset_condition(const Query &query, const std::vector<OrderTerm> &order, const Relation &relation,
                             const std::string &alias, Emitter &emitter);

} // namespace gateway::rest
