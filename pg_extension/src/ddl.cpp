// What the guard needs to know of a DDL statement and SQL cannot tell: whether to look at all, and what a command has changed.
#include "guard.hpp"
#include "settings.hpp"

namespace tenancy {

namespace {

// What pg_dump writes at the head of every dump. People who may lower the guard may restore: for others the two settings
// would be a way around it.
bool restoring()
{
    return !check_function_bodies && !row_security &&
           (settings::superuser_or_database_owner(GetUserId()) ||
            settings::superuser_or_database_owner(GetAuthenticatedUserId()));
}

const char *guard_mode()
{
    if (creating_extension || IsBinaryUpgrade || restoring())
        return "off";
    switch (settings::guard()) {
    case settings::Guard::off:
        return "off";
    case settings::Guard::warn:
        return "warn";
    default:
        // A refusal would stop replication for good.
        if (IsLogicalWorker())
            return "warn";
        return settings::guard() == settings::Guard::protect ? "protect" : "refuse";
    }
}

ArrayType *array_of(const List *oids)
{
    auto *elements = static_cast<Datum *>(palloc(sizeof(Datum) * (list_length(oids) + 1)));
    int count = 0;
    ListCell *cell;
    foreach (cell, oids)
        elements[count++] = ObjectIdGetDatum(lfirst_oid(cell));
    return construct_array(elements, count, OIDOID, sizeof(Oid), true, TYPALIGN_INT);
}

} // namespace

} // namespace tenancy

using namespace tenancy;

TENANCY_FUNCTION(tenancy_guard_mode) { PG_RETURN_TEXT_P(cstring_to_text(guard_mode())); }

// Only pg_event_trigger_ddl_commands() makes values of this type, so the pointer is good.
TENANCY_FUNCTION(tenancy_granted_relations)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const auto *command = reinterpret_cast<CollectedCommand *>(PG_GETARG_POINTER(0));
    if (command->type != SCT_Grant || command->d.grant.istmt->objtype != OBJECT_TABLE)
        PG_RETURN_NULL();
    PG_RETURN_ARRAYTYPE_P(array_of(command->d.grant.istmt->objects));
}

TENANCY_FUNCTION(tenancy_changes_owner)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    const auto *command = reinterpret_cast<CollectedCommand *>(PG_GETARG_POINTER(0));
    if (command->type != SCT_AlterTable)
        PG_RETURN_BOOL(false);
    ListCell *cell;
    foreach (cell, command->d.alterTable.subcmds) {
        const auto *subcommand = static_cast<CollectedATSubcmd *>(lfirst(cell));
        if (IsA(subcommand->parsetree, AlterTableCmd) &&
            reinterpret_cast<const AlterTableCmd *>(subcommand->parsetree)->subtype == AT_ChangeOwner)
            PG_RETURN_BOOL(true);
    }
    PG_RETURN_BOOL(false);
}
