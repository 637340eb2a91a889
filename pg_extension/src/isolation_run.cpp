// The isolation suite in the background (sql/90_isolation_run.sql): a worker tries table after table, each in a transaction
// of its own, so that others see how far it has come.
//
// The worker is logged in as the owner of the database. That is the least that works: the trials ask for that owner, who
// also has to be a member of the tables' owners, and with a login of its own there is no superuser behind it to whom code
// in a trigger could reset itself. Only the book is kept as the extension's owner, by statements of ours between the trials.
//
// One run at a time, and no run lives longer than its worker: the worker holds a lock to its end, whatever that end is. A
// run that is on record as running while nobody holds the lock is broken.
#include "audit.hpp"
#include "autonomous.hpp"
#include "background_worker.hpp"
#include "context.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"

extern "C" {
#include "access/genam.h"
#include "access/stratnum.h"
#include "catalog/pg_extension.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/wait_event.h"
}

namespace tenancy::isolation_run {

namespace {

constexpr int pause_ms = 10;
constexpr AttrNumber column_id = 1;
constexpr AttrNumber column_state = 4;

// What has become of the start, as the worker tells the caller.
enum class Phase { starting, begun, busy };

struct Message {
    Oid database;
    Oid owner;
    volatile Phase phase;
    volatile int64 run; // set before the phase
    char entry[autonomous::longest_payload + 1];
};

// No statement of SQL takes it: LOCK knows no such object, and advisory locks are of another method.
LOCKTAG place()
{
    LOCKTAG tag;
    SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, get_extension_oid("tenancy", false), 1);
    return tag;
}

// Looks without taking: two who look must not get into each other's way.
bool is_taken()
{
    const LOCKTAG tag = place();
    int holders;
    (void) GetLockConflicts(&tag, ShareLock, &holders);
    return holders > 0;
}

// ---------------------------------------------------------------- the book, under the latest snapshot

// Null where there is no such run. May ereport.
char *state_on_record(int64 id)
{
    const Oid schema = get_namespace_oid("tenancy", false);
    Relation book = table_open(get_relname_relid("isolation_run", schema), AccessShareLock);
    ScanKeyData condition;
    ScanKeyInit(&condition, column_id, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan =
        systable_beginscan(book, get_relname_relid("isolation_run_pkey", schema), true, snapshot, 1, &condition);
    char *state = nullptr;
    if (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
        bool is_null;
        state = TextDatumGetCString(heap_getattr(row, column_state, RelationGetDescr(book), &is_null));
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(book, AccessShareLock);
    return state;
}

// Whether the holder of the place is at work. One that has told its end is about to leave. May ereport.
bool is_at_work()
{
    if (!is_taken())
        return false;
    Relation book = table_open(get_relname_relid("isolation_run", get_namespace_oid("tenancy", false)), AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(book, InvalidOid, false, snapshot, 0, nullptr);
    bool running = false;
    for (HeapTuple row; !running && HeapTupleIsValid(row = systable_getnext(scan));) {
        bool is_null;
        const Datum state = heap_getattr(row, column_state, RelationGetDescr(book), &is_null);
        running = strcmp(TextDatumGetCString(state), "running") == 0;
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(book, AccessShareLock);
    return running;
}

[[noreturn]] void refuse_second()
{
    ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("the isolation suite is running already"),
                    errhint("Its progress is in tenancy.isolation_runs. Start it again when it has ended.")));
    pg_unreachable();
}

void pause()
{
    (void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

// ---------------------------------------------------------------- the worker

bool has_place = false;
LOCKTAG own_place; // kept, for no catalog is read at the exit

// Session locks outlive transactions, and this worker may end between two.
void leave_place(int, Datum)
{
    if (has_place)
        LockRelease(&own_place, ExclusiveLock, true);
    has_place = false;
}

// One transaction, with SPI open in it.
template <typename Body> void in_transaction(Body body)
{
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    SPI_connect();
    body();
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
}

void ask(const char *sql, int count, Oid *types, Datum *values, const char *nulls = nullptr)
{
    const int code = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "could not run the isolation suite: %s", SPI_result_code_string(code));
}

// As the extension's owner. Our functions pin search_path, so nothing of the database's owner is called.
void keep_book(const char *sql, int count, Oid *types, Datum *values, const char *nulls = nullptr)
{
    const Oid book = get_relname_relid("isolation_run", get_namespace_oid("tenancy", false));
    const Caller caller = become(owner_of(book), 0);
    ask(sql, count, types, values, nulls);
    become_again(caller);
}

// What outlives a transaction.
struct Run {
    int64 id;
    int tables;
    char **steps; // JSON objects
};

enum class Place { taken, waiting, refused };

Place begin(Message *message, Run *run)
{
    Place outcome = Place::taken;
    in_transaction([&] {
        own_place = place();
        has_place = LockAcquire(&own_place, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
        if (!has_place) {
            outcome = is_at_work() ? Place::refused : Place::waiting;
            return;
        }
        Oid types[] = {TEXTOID};
        Datum values[] = {CStringGetTextDatum(message->entry)};
        keep_book("select tenancy.isolation_run_begin($1::pg_catalog.jsonb)", 1, types, values);
        bool is_null;
        run->id = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
    });
    return outcome;
}

void plan(Run *run)
{
    in_transaction([&] {
        ask("select s::pg_catalog.text from tenancy.isolation_run_plan() s", 0, nullptr, nullptr);
        MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
        run->tables = static_cast<int>(SPI_processed);
        run->steps = static_cast<char **>(palloc(sizeof(char *) * (SPI_processed + 1)));
        for (int i = 0; i < run->tables; ++i)
            run->steps[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
        MemoryContextSwitchTo(before);
        Oid types[] = {INT8OID, INT4OID};
        Datum values[] = {Int64GetDatum(run->id), Int32GetDatum(run->tables)};
        keep_book("select tenancy.isolation_run_planned($1, $2)", 2, types, values);
    });
}

void try_table(const Run &run, const char *step)
{
    in_transaction([&] {
        Oid types[] = {INT8OID, TEXTOID, TEXTOID};
        Datum values[] = {Int64GetDatum(run.id), CStringGetTextDatum(step), PointerGetDatum(nullptr)};
        ask("select tenancy.isolation_run_step($1::pg_catalog.jsonb)::pg_catalog.text", 1, &types[1], &values[1]);
        bool is_null;
        values[2] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
        keep_book("select tenancy.isolation_run_note($1, $2::pg_catalog.jsonb, $3::pg_catalog.jsonb)", 3, types, values);
    });
}

void end(const Run &run, const char *error)
{
    in_transaction([&] {
        Oid types[] = {INT8OID, TEXTOID};
        Datum values[] = {Int64GetDatum(run.id), error != nullptr ? CStringGetTextDatum(error) : PointerGetDatum(nullptr)};
        keep_book("select tenancy.isolation_run_end($1, $2)", 2, types, values, error != nullptr ? "  " : " n");
    });
}

void perform(Message *message)
{
    Run run{};
    Place own;
    while ((own = begin(message, &run)) == Place::waiting)
        pause();
    if (own == Place::refused) {
        message->phase = Phase::busy;
        return;
    }
    message->run = run.id;
    pg_write_barrier();
    message->phase = Phase::begun;

    auto body = [&] {
        plan(&run);
        for (int i = 0; i < run.tables; ++i) {
            CHECK_FOR_INTERRUPTS();
            try_table(run, run.steps[i]);
        }
        end(run, nullptr);
    };
    if (detail::caught(body))
        return;

    // A cancel, or what no single table is to blame for. The abort gives the place back; the book says why all the same.
    MemoryContextSwitchTo(TopMemoryContext);
    EmitErrorReport();
    const ErrorData *error = CopyErrorData();
    FlushErrorState();
    has_place = false;
    AbortCurrentTransaction();
    end(run, error->message != nullptr ? error->message : "an error without a message");
}

} // namespace

} // namespace tenancy::isolation_run

using namespace tenancy;

// (owner oid) → number of the run. The run is not the caller's transaction: it goes on when that is rolled back.
TENANCY_FUNCTION(tenancy_launch_isolation_run)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    PreventCommandIfReadOnly("tenancy.start_isolation_run()");
    PreventCommandDuringRecovery("tenancy.start_isolation_run()");
    if (isolation_run::is_at_work())
        isolation_run::refuse_second();

    dsm_segment *segment = dsm_create(sizeof(isolation_run::Message), 0);
    auto *message = static_cast<isolation_run::Message *>(dsm_segment_address(segment));
    message->database = MyDatabaseId;
    message->owner = PG_GETARG_OID(0);
    message->phase = isolation_run::Phase::starting;
    const char *entry = audit::text_of(
        {.action = "start_isolation_run", .user_id = context::user_id(), .session_id = context::session_id()});
    strlcpy(message->entry, entry, sizeof message->entry);

    BackgroundWorkerHandle *handle =
        background_worker::start("tenancy_isolation_run_main", "tenancy isolation run", segment);
    pid_t pid;
    // It has ended, or told; the last look is after the end.
    for (bool ended = false; message->phase == isolation_run::Phase::starting && !ended;) {
        ended = GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED;
        isolation_run::pause();
    }
    const isolation_run::Phase phase = message->phase;
    pg_read_barrier();
    const int64 run = message->run;
    dsm_detach(segment);
    if (phase == isolation_run::Phase::busy)
        isolation_run::refuse_second();
    if (phase != isolation_run::Phase::begun)
        ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("the isolation suite could not be started"),
                        errhint("The server log says why.")));
    PG_RETURN_INT64(run);
}

// (run) → its state. The lock first, the record after it: a run that has ended in between is read as it ended.
TENANCY_FUNCTION(tenancy_isolation_run_state)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    // Its worker's lock is on the primary.
    const bool alive = RecoveryInProgress() || isolation_run::is_taken();
    const char *state = isolation_run::state_on_record(PG_GETARG_INT64(0));
    if (state == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(!alive && strcmp(state, "running") == 0 ? "broken" : state));
}

// The worker's whole life. It is started by tenancy_launch_isolation_run() alone: the segment's handle means nothing to
// anybody else.
extern "C" PGDLLEXPORT void tenancy_isolation_run_main(Datum argument)
{
    pqsignal(SIGTERM, die); // in the middle of a query, too, and with the exit callbacks
    BackgroundWorkerUnblockSignals();
    auto *message = static_cast<isolation_run::Message *>(background_worker::attach(argument, "tenancy isolation run"));
    if (message == nullptr)
        return; // the caller has gone
    BackgroundWorkerInitializeConnectionByOid(message->database, message->owner, 0);
    before_shmem_exit(isolation_run::leave_place, 0);
    // Of two who wait for each other's locks the first to notice gives way: that shall not be the application.
    SetConfigOption("deadlock_timeout", "100ms", PGC_SUSET, PGC_S_SESSION);
    isolation_run::perform(message);
}
