#include "table_changes.hpp"

extern "C" {
#include "common/hashfn.h"
#include "executor/execdesc.h"
#include "parser/parsetree.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace tenancy::table_changes {

namespace {

constexpr uint32 places = 16384;
constexpr int most_tables = 32; // a transaction that writes to more has written anywhere

struct Counts {
    pg_atomic_uint64 everything; // somebody has written, and nobody knows where
    pg_atomic_uint64 table[places];
};

Counts *counts = nullptr; // null: not loaded by the postmaster

// What the current transaction may have written.
struct Written {
    bool everything;
    int count;
    uint32 table[most_tables]; // places
};

Written written{};

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

void forget_written()
{
    written.everything = false;
    written.count = 0;
}

void publish()
{
    if (counts != nullptr && written.everything)
        pg_atomic_fetch_add_u64(&counts->everything, 1);
    for (int i = 0; counts != nullptr && i < written.count; ++i)
        pg_atomic_fetch_add_u64(&counts->table[written.table[i]], 1);
    forget_written();
}

// XACT_EVENT_COMMIT comes when others see the transaction and its client has no answer yet. A COMMIT PREPARED may have
// done its work although its statement failed afterwards: an abort counts, too.
void end_of_transaction(XactEvent event, void *)
{
    switch (event) {
    case XACT_EVENT_COMMIT:
        // Logical replication and its like write without the executor's hooks.
        if (MyBackendType == B_BG_WORKER && (IsLogicalWorker() || TransactionIdIsValid(GetTopTransactionIdIfAny())))
            written.everything = true;
        publish();
        break;
    case XACT_EVENT_ABORT:
        publish();
        break;
    case XACT_EVENT_PREPARE: // COMMIT PREPARED counts, whoever says it
        forget_written();
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

void startup()
{
    if (next_startup != nullptr)
        next_startup();
    bool found;
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    counts = static_cast<Counts *>(ShmemInitStruct("tenancy table changes", sizeof(Counts), &found));
    if (!found) {
        pg_atomic_init_u64(&counts->everything, 0);
        for (pg_atomic_uint64 &count : counts->table)
            pg_atomic_init_u64(&count, 0);
    }
    LWLockRelease(AddinShmemInitLock);
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
}

void note_utility(const PlannedStmt *statement)
{
    const Node *utility = statement->utilityStmt;
    if (IsA(utility, CopyStmt) && reinterpret_cast<const CopyStmt *>(utility)->is_from)
        written.everything = true;
    else if (IsA(utility, TransactionStmt) &&
             reinterpret_cast<const TransactionStmt *>(utility)->kind == TRANS_STMT_COMMIT_PREPARED)
        written.everything = true;
}

bool counted() { return counts != nullptr && !RecoveryInProgress(); }

bool pending() { return written.everything || written.count > 0 || TransactionIdIsValid(GetTopTransactionIdIfAny()); }

uint64 sum(const Oid *tables, int count)
{
    uint64 total = pg_atomic_read_u64(&counts->everything);
    for (int i = 0; i < count; ++i)
        total += pg_atomic_read_u64(&counts->table[place_of(tables[i])]);
    pg_memory_barrier();
    return total;
}

} // namespace tenancy::table_changes
