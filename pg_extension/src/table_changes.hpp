// Counts the transactions that have written to tables, in shared memory, so that what was read from a table a while ago is
// known to be true still: no count has moved. Every writer counts as soon as its commit is visible and before it is
// confirmed. Tables share counts by hash; a stranger's write costs a question more, never a wrong answer.
//
// Written to means: by a statement of the executor, by COPY, by a background worker (logical replication), by COMMIT
// PREPARED. What replaces a table's contents otherwise (TRUNCATE, ALTER TABLE) is heard of as a relcache invalidation.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::table_changes {

void init(); // at the load of the library; shared memory is there only with shared_preload_libraries

// From the hooks: before a statement runs. Throws nothing.
void note_query(const QueryDesc *query);
void note_utility(const PlannedStmt *statement);

// Whether the counts can be relied on: they are there, and this is no standby, where nobody counts.
bool counted();

// This transaction has written, or is about to: what it reads may be rolled back, what it wrote is not counted yet.
bool pending();

// Read it before the snapshot. The same number later: nothing was committed to any of the tables in between.
uint64 sum(const Oid *tables, int count);

} // namespace tenancy::table_changes
