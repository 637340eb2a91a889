// Filters: column=eq.5, and the trees of and=(…) and or=(…).
#pragma once

#include "rest/builder.hpp"
#include "rest/scanner.hpp"

namespace gateway::rest {

// `scanner` stands behind "field=" of a parameter of its own.
Condition read_condition(Scanner &scanner, Field field, Builder &builder);

// `scanner` stands on the opening parenthesis.
Logic read_logic(Scanner &scanner, Logic::Kind kind, bool negated, Builder &builder);

} // namespace gateway::rest
