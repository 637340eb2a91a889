#include "background_worker.hpp"

#include "table_changes.hpp"

extern "C" {
#include "storage/latch.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
}

namespace tenancy::background_worker {

namespace {

// Parallel queries and other writers come and go: how long to wait for a place among max_worker_processes.
constexpr int patience_ms = 3000;
constexpr int pause_ms = 20;

} // namespace

BackgroundWorkerHandle *start(const char *function, const char *name, dsm_segment *segment)
{
    BackgroundWorker worker;
    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "tenancy", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, function, sizeof worker.bgw_function_name);
    strlcpy(worker.bgw_name, name, sizeof worker.bgw_name);
    strlcpy(worker.bgw_type, name, sizeof worker.bgw_type);
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
    return handle;
}

void *attach(Datum argument, const char *name)
{
    table_changes::writes_by_statements();
    CurrentResourceOwner = ResourceOwnerCreate(nullptr, name);
    dsm_segment *segment = dsm_attach(DatumGetUInt32(argument));
    if (segment == nullptr)
        return nullptr;
    // Not with the transaction's resource owner, which comes and goes in between.
    dsm_pin_mapping(segment);
    return dsm_segment_address(segment);
}

} // namespace tenancy::background_worker
