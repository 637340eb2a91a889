// A statement that writes checks each row against every policy that applies, once for the write and once more for reading what
// it writes. Of a protected table all of these are the same condition, which PostgreSQL merges for reading and not for
// writing: an upsert has twelve. Here each plan keeps one of those that are equal, so that a row is checked once for each.
#pragma once

namespace tenancy::row_checks {

void install();

} // namespace tenancy::row_checks
