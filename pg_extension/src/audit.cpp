#include "audit.hpp"

#include "autonomous.hpp"
#include "guard.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/inet.h"
#include "utils/json.h"
}

namespace tenancy::audit {

namespace {

constexpr AttrNumber column_action = 3;
constexpr AttrNumber column_session_id = 9;

void append_member(StringInfo json, const char *name, const char *value)
{
    if (value == nullptr)
        return;
    appendStringInfo(json, ", \"%s\": ", name);
    escape_json(json, value);
}

// Null over a local socket.
const char *client_address()
{
    LOCAL_FCINFO(call, 0);
    InitFunctionCallInfoData(*call, nullptr, 0, InvalidOid, nullptr, nullptr);
    const Datum address = inet_client_addr(call);
    return call->isnull ? nullptr : TextDatumGetCString(DirectFunctionCall1(network_host, address));
}

// Sessions whose first use this backend has seen on record. Losing one costs a look at the log.
constexpr int remembered = 64;
pg_uuid_t on_record[remembered];
int next_to_forget = 0;

bool remembers(const pg_uuid_t &session)
{
    for (const pg_uuid_t &known : on_record)
        if (memcmp(&known, &session, sizeof session) == 0)
            return true;
    return false;
}

void remember(const pg_uuid_t &session)
{
    on_record[next_to_forget] = session;
    next_to_forget = (next_to_forget + 1) % remembered;
}

// Under the latest snapshot: another connection may have written it a moment ago.
bool is_on_record(const pg_uuid_t &session, const char *action)
{
    const Oid schema = get_namespace_oid("tenancy", false);
    Relation log = table_open(get_relname_relid("audit_log", schema), AccessShareLock);
    ScanKeyData condition;
    ScanKeyInit(&condition, column_session_id, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(&session));
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(log, get_relname_relid("audit_log_session_id_idx", schema), true, snapshot, 1,
                                          &condition);
    bool found = false;
    for (HeapTuple entry; !found && HeapTupleIsValid(entry = systable_getnext(scan));) {
        bool is_null;
        const Datum written = heap_getattr(entry, column_action, RelationGetDescr(log), &is_null);
        found = strcmp(TextDatumGetCString(written), action) == 0;
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(log, AccessShareLock);
    return found;
}

} // namespace

char *text_of(const Entry &entry)
{
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"action\": ");
    escape_json(&json, entry.action);
    append_member(&json, "login", GetUserNameFromId(GetSessionUserId(), false));
    append_member(&json, "user_id", entry.user_id);
    append_member(&json, "acting_as", entry.acting_as);
    append_member(&json, "tenant_id", entry.tenant_id);
    append_member(&json, "reason", entry.reason);
    append_member(&json, "session_id", entry.session_id);
    append_member(&json, "client_address", client_address());
    appendStringInfo(&json, ", \"detail\": %s}", entry.detail != nullptr ? entry.detail : "{}");
    if (json.len > autonomous::longest_payload)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this is too long for the audit log"),
                        errdetail("An entry has at most %d bytes of JSON.", autonomous::longest_payload),
                        errhint("Give a shorter reason, or do it in smaller portions.")));
    return json.data;
}

void record(const Entry &entry)
{
    const char *text = text_of(entry);
    if (RecoveryInProgress()) {
        ereport(LOG_SERVER_ONLY, (errmsg("tenancy audit: %s", text), errhidestmt(true)));
        return;
    }
    autonomous::run(autonomous::Task::append_audit, text);
}

void record_first_use(const Entry &entry)
{
    const pg_uuid_t session = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(entry.session_id)));
    if (remembers(session))
        return;
    if (!is_on_record(session, entry.action))
        record(entry);
    remember(session);
}

} // namespace tenancy::audit
