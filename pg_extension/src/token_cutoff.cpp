#include "token_cutoff.hpp"

#include "relation_of_ours.hpp"

namespace tenancy::token_cutoff {

namespace {

// Columns of tenancy.token_cutoff, as sql/44_token_cutoff.sql has them.
enum Column : AttrNumber { column_user_id = 1, column_tenant_id, column_issued_until };

// An iat is a whole second, so all tokens of the cut-off's own second count as issued before it.
bool is_before(const double *issued, TimestampTz until)
{
    constexpr int64 epoch = static_cast<int64>(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
    return issued == nullptr || *issued <= static_cast<double>(until) / USECS_PER_SEC + static_cast<double>(epoch);
}

} // namespace

bool covers(const char *user_id, const char *tenant_id, const double *issued)
{
    const char *users[] = {"", user_id};
    bool found = false;
    Relation relation = table_open(relation_of_ours("token_cutoff"), AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    for (const char *user : users)
        if (!found) {
            ScanKeyData key[2];
            ScanKeyInit(&key[0], column_user_id, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(user));
            ScanKeyInit(&key[1], column_tenant_id, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(tenant_id != nullptr ? tenant_id : ""));
            SysScanDesc scan =
                systable_beginscan(relation, relation_of_ours("token_cutoff_pkey"), true, snapshot, 2, key);
            if (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
                bool is_null;
                found = is_before(issued, DatumGetTimestampTz(heap_getattr(row, column_issued_until,
                                                                           RelationGetDescr(relation), &is_null)));
            }
            systable_endscan(scan);
        }
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return found;
}

} // namespace tenancy::token_cutoff
