#include "autonomous.hpp"

#include "guard.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"
#include "utils/resowner.h"
}

namespace tenancy::autonomous {

namespace {

// Parallel queries and other writers come and go: how long to wait for a place among max_worker_processes.
constexpr int patience_ms = 3000;
constexpr int pause_ms = 20;

// What caller and worker share. The worker sets done after its commit, and nothing else.
struct Message {
    Oid database;
    Task task;
    volatile bool done;
    char payload[longest_payload + 1];
};

const char *statement_of(Task task)
{
    switch (task) {
    case Task::note_sign_in:
        return "select tenancy.note_sign_in($1::pg_catalog.jsonb)";
    case Task::append_audit:
        return "select tenancy.append_audit($1::pg_catalog.jsonb)";
    }
    pg_unreachable();
}

void perform(Message *message)
{
    StartTransactionCommand();
    SPI_connect();
    PushActiveSnapshot(GetTransactionSnapshot());
    Oid types[] = {TEXTOID};
    Datum values[] = {CStringGetTextDatum(message->payload)};
    if (SPI_execute_with_args(statement_of(message->task), 1, types, values, nullptr, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not run an autonomous task");
    SPI_finish();
    PopActiveSnapshot();
    CommitTransactionCommand();
    message->done = true;
}

} // namespace

void run(Task task, const char *payload)
{
    if (strlen(payload) > longest_payload)
        elog(ERROR, "the payload of an autonomous task is too long");
    dsm_segment *segment = dsm_create(sizeof(Message), 0);
    auto *message = static_cast<Message *>(dsm_segment_address(segment));
    message->database = MyDatabaseId;
    message->task = task;
    message->done = false;
    strlcpy(message->payload, payload, sizeof message->payload);

    BackgroundWorker worker;
    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "tenancy", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "tenancy_autonomous_main", sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_name, "tenancy writer", sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, "tenancy writer", sizeof worker.bgw_type);
    worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
    worker.bgw_notify_pid = MyProcPid;

    BackgroundWorkerHandle *handle;
    bool registered = RegisterDynamicBackgroundWorker(&worker, &handle);
    for (int waited = 0; !registered && waited < patience_ms; waited += pause_ms) {
        (void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, pause_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        registered = RegisterDynamicBackgroundWorker(&worker, &handle);
    }
    if (!registered)
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("no background worker is free"),
                        errhint("Try again, or raise max_worker_processes.")));
    const BgwHandleStatus status = WaitForBackgroundWorkerShutdown(handle);
    const bool done = message->done;
    dsm_detach(segment);
    if (status != BGWH_STOPPED || !done)
        ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("a record that must be kept could not be written"),
                        errhint("The server log says why.")));
}

} // namespace tenancy::autonomous

// The worker's whole life. It is started by run() alone: the segment's handle means nothing to anybody else.
extern "C" PGDLLEXPORT void tenancy_autonomous_main(Datum argument)
{
    using namespace tenancy;
    BackgroundWorkerUnblockSignals();
    CurrentResourceOwner = ResourceOwnerCreate(nullptr, "tenancy writer");
    dsm_segment *segment = dsm_attach(DatumGetUInt32(argument));
    if (segment == nullptr)
        return; // the caller has gone
    // Mapped until the process ends: the transaction's resource owner comes and goes in between.
    dsm_pin_mapping(segment);
    auto *message = static_cast<autonomous::Message *>(dsm_segment_address(segment));
    BackgroundWorkerInitializeConnectionByOid(message->database, InvalidOid, 0);
    autonomous::perform(message);
}
