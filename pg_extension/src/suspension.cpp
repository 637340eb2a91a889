#include "suspension.hpp"

#include "relation_of_ours.hpp"

namespace tenancy::suspension {

namespace {

constexpr AttrNumber column_tenant_id = 1; // as sql/41_suspension.sql has it

} // namespace

bool is_suspended(const char *tenant_id)
{
    Relation relation = table_open(relation_of_ours("suspension"), AccessShareLock);
    ScanKeyData condition;
    ScanKeyInit(&condition, column_tenant_id, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(tenant_id));
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan =
        systable_beginscan(relation, relation_of_ours("suspension_pkey"), true, snapshot, 1, &condition);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return found;
}

void require_not_suspended(const char *tenant_id)
{
    if (is_suspended(tenant_id))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("this tenant is suspended"),
                        errhint("Choose another tenant with tenancy.choose_tenant(token, tenant), or ask the "
                                "operators of this database.")));
}

} // namespace tenancy::suspension
