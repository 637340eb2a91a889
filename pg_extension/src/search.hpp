// Searches that reach an index under row security: leakproof twins of PostgreSQL's search operators.
//
// PostgreSQL offers a condition to an index of a protected table only if its function is LEAKPROOF, for the index
// looks at everybody's rows. LIKE, @@, @> and && are not: what they raise depends on the row. The operators of the
// schema tenancy give the same answers and raise nothing. Three parts:
//   - the functions: the built-in one, whose errors become "no match";
//   - a support function, which hands the built-in operator to an index that knows it;
//   - a hook of the planner, which puts the twin where a query of a protected table has the built-in operator.
#pragma once

namespace tenancy::search {

void install();

} // namespace tenancy::search
