#include "autonomous.hpp"

#include "background_worker.hpp"
#include "guard.hpp"

namespace tenancy::autonomous {

namespace {

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

    BackgroundWorkerHandle *handle = background_worker::start("tenancy_autonomous_main", "tenancy writer", segment);
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
    auto *message = static_cast<autonomous::Message *>(background_worker::attach(argument, "tenancy writer"));
    if (message == nullptr)
        return; // the caller has gone
    BackgroundWorkerInitializeConnectionByOid(message->database, InvalidOid, 0);
    autonomous::perform(message);
}
