// A column, perhaps with a path into its JSON: data->a->>0.
#pragma once

#include "rest/builder.hpp"
#include "rest/scanner.hpp"

namespace gateway::rest {

// `last_key`, when asked for, is the last key of the path, or the column's name: the name in the answer.
Field read_field(Scanner &scanner, Builder &builder, std::string *last_key = nullptr);
void read_path(Scanner &scanner, Builder &builder, Field &field, std::string *last_key = nullptr);

} // namespace gateway::rest
