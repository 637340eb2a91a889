// Counts the transactions that write to tables, in shared memory, so that what was read from a table a while ago is known
// to be true still: nobody has written since, and nobody is about to. A writer counts twice: before its commit can be seen
// by anybody, and when everybody can see it. In between nothing is known of the table. Tables share counts by hash; a
// stranger's write costs a question more, never a wrong answer.
//
// Written to means: by a statement of the executor. What writes in any other way counts as a write to every table: COPY,
// TRUNCATE and other utility statements, COMMIT PREPARED, background workers (logical replication), functions in C.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::table_changes {

void init(); // at the load of the library; shared memory is there only with shared_preload_libraries

// From the hooks: before a statement runs. Throws nothing.
void note_query(const QueryDesc *query);
void note_utility(const PlannedStmt *statement);

// From a background worker of ours: it writes by statements alone, as others do who are not background workers.
void writes_by_statements();

// Whether the counts can be relied on: they are there, and this is no standby, where nobody counts.
bool counted();

// This transaction has written, or is about to: what it reads may be rolled back, what it wrote is not counted yet.
bool pending();

// Takes the counts of the tables together; false while somebody's commit is under way. Take it before the snapshot. The
// same number later: nothing was committed to any of the tables in between.
bool take(const Oid *tables, int count, uint64 *sum);

} // namespace tenancy::table_changes
