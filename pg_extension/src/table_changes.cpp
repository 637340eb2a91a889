#include "table_changes.hpp"

extern "C" {
#include "common/hashfn.h"
#include "executor/execdesc.h"
#include "parser/parsetree.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
}

namespace tenancy::table_changes {

namespace {

constexpr uint32 places = 16384;
constexpr int most_tables = 32; // a transaction that writes to more has written anywhere

// Transactions that wrote: those that have begun to commit, and those of them that are through. Neither goes back.
struct Count {
    pg_atomic_uint64 begun;
    pg_atomic_uint64 ended;
};

struct Counts {
    Count everything; // somebody has written, and nobody knows where
    Count table[places];
};

Counts *counts = nullptr; // null: not loaded by the postmaster

// What the current transaction may have written.
struct Written {
    bool by_statement; // a statement of the executor explains that it has a transaction id
    bool everything;
    bool everything_begun;
    int count;
    int begun; // of them
    uint32 table[most_tables]; // places
};

Written written{};
bool by_statements_alone = false; // a background worker of ours

compat::SharedMemoryRequest next_request = nullptr;
shmem_startup_hook_type next_startup = nullptr;

uint32 place_of(Oid table)
{
    return murmurhash32(MyDatabaseId ^ murmurhash32(table)) % places;
}

void note_table(Oid table)
{
    const uint32 place = place_of(table);
    for (int i = 0; i < written.count; ++i) {
        if (written.table[i] == place)
            return;
    }
    if (written.count < most_tables)
        written.table[written.count++] = place;
    else
        written.everything = true;
}

// Each is a full memory barrier.
void count_begin()
{
    if (counts == nullptr)
        return;
    if (written.everything && !written.everything_begun) {
        pg_atomic_fetch_add_u64(&counts->everything.begun, 1);
        written.everything_begun = true;
    }
    for (; written.begun < written.count; ++written.begun)
        pg_atomic_fetch_add_u64(&counts->table[written.table[written.begun]].begun, 1);
}

void count_end()
{
    if (written.everything_begun)
        pg_atomic_fetch_add_u64(&counts->everything.ended, 1);
    for (int i = 0; i < written.begun; ++i)
        pg_atomic_fetch_add_u64(&counts->table[written.table[i]].ended, 1);
    written = {};
}

// Logical replication and its like write without the executor's hooks.
bool is_strange_worker() { return MyBackendType == B_BG_WORKER && !by_statements_alone; }

// Nothing can be seen yet. Who has no transaction id has written nothing, but for a COMMIT PREPARED of logical replication.
void before_commit()
{
    const bool has_id = TransactionIdIsValid(GetTopTransactionIdIfAny());
    if (is_strange_worker() && (has_id || IsLogicalWorker()))
        written.everything = true;
    // A function in C that wrote by itself, as bulk loaders do. Autovacuum writes statistics by itself, and VACUUM takes an
    // id when it gives pages back.
    const bool vacuums = MyBackendType == B_AUTOVAC_WORKER || (MyProc->statusFlags & PROC_IN_VACUUM) != 0;
    if (has_id && !written.by_statement && !vacuums)
        written.everything = true;
    if (has_id || written.everything_begun || is_strange_worker())
        count_begin();
}

void end_of_transaction(XactEvent event, void *)
{
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
        before_commit();
        break;
    case XACT_EVENT_COMMIT:
        // Somebody else's callback may have written after ours.
        if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
            count_begin();
        count_end();
        break;
    case XACT_EVENT_ABORT: // also of a COMMIT PREPARED that had done its work when its statement failed
    case XACT_EVENT_PREPARE: // COMMIT PREPARED counts, whoever says it
        count_end();
        break;
    default:
        break;
    }
}

void request()
{
    if (next_request != nullptr)
        next_request();
    RequestAddinShmemSpace(sizeof(Counts));
}

void make(Count *count)
{
    pg_atomic_init_u64(&count->begun, 0);
    pg_atomic_init_u64(&count->ended, 0);
}

void startup()
{
    if (next_startup != nullptr)
        next_startup();
    bool found;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    counts = static_cast<Counts *>(ShmemInitStruct("tenancy table changes", sizeof(Counts), &found));
    if (!found) {
        make(&counts->everything);
        for (Count &count : counts->table)
            make(&count);
    }
    LWLockRelease(AddinShmemInitLock);
}

// What leaves the rows of existing tables alone, or changes them by statements of the executor.
bool is_harmless(const Node *utility)
{
    switch (nodeTag(utility)) {
    case T_TransactionStmt:
        return reinterpret_cast<const TransactionStmt *>(utility)->kind != TRANS_STMT_COMMIT_PREPARED;
    case T_CopyStmt:
        return !reinterpret_cast<const CopyStmt *>(utility)->is_from;
    case T_VariableSetStmt:
    case T_VariableShowStmt:
    case T_PrepareStmt:
    case T_ExecuteStmt:
    case T_DeallocateStmt:
    case T_DeclareCursorStmt:
    case T_FetchStmt:
    case T_ClosePortalStmt:
    case T_ExplainStmt:
    case T_DoStmt:
    case T_CallStmt:
    case T_LockStmt:
    case T_ConstraintsSetStmt:
    case T_NotifyStmt:
    case T_ListenStmt:
    case T_UnlistenStmt:
    case T_CheckPointStmt:
    case T_CreateStmt:
    case T_CreateTableAsStmt:
        return true;
    case T_VacuumStmt: // moves rows
        return true;
    default:
        return false;
    }
}

// Has a transaction id of its own accord.
bool writes_catalogs_alone(const Node *utility)
{
    return IsA(utility, CreateStmt) || IsA(utility, CreateTableAsStmt) || IsA(utility, VacuumStmt);
}

} // namespace

void init()
{
    RegisterXactCallback(end_of_transaction, nullptr);
    if (!process_shared_preload_libraries_in_progress)
        return;
    next_request = compat::request_shared_memory(request);
    next_startup = shmem_startup_hook;
    shmem_startup_hook = startup;
}

void note_query(const QueryDesc *query)
{
    const PlannedStmt *statement = query->plannedstmt;
    ListCell *cell;
    foreach (cell, statement->resultRelations)
        note_table(rt_fetch(lfirst_int(cell), statement->rtable)->relid);
    // A lock on a row takes a transaction id, too.
    if (statement->resultRelations != NIL || statement->rowMarks != NIL)
        written.by_statement = true;
}

void note_utility(const PlannedStmt *statement)
{
    const Node *utility = statement->utilityStmt;
    if (!is_harmless(utility))
        written.everything = true;
    else if (writes_catalogs_alone(utility))
        written.by_statement = true;
    // What was prepared is seen before this transaction's own commit.
    if (IsA(utility, TransactionStmt) &&
        reinterpret_cast<const TransactionStmt *>(utility)->kind == TRANS_STMT_COMMIT_PREPARED)
        count_begin();
}

void writes_by_statements() { by_statements_alone = true; }

bool counted() { return counts != nullptr && !RecoveryInProgress(); }

bool pending() { return written.everything || written.count > 0 || TransactionIdIsValid(GetTopTransactionIdIfAny()); }

// The ends first: if there are as many beginnings after that, nobody was in between.
bool take(const Oid *tables, int count, uint64 *sum)
{
    uint64 ended = pg_atomic_read_u64(&counts->everything.ended);
    for (int i = 0; i < count; ++i)
        ended += pg_atomic_read_u64(&counts->table[place_of(tables[i])].ended);
    pg_read_barrier();
    uint64 begun = pg_atomic_read_u64(&counts->everything.begun);
    for (int i = 0; i < count; ++i)
        begun += pg_atomic_read_u64(&counts->table[place_of(tables[i])].begun);
    pg_memory_barrier();
    *sum = begun;
    return begun == ended;
}

} // namespace tenancy::table_changes
