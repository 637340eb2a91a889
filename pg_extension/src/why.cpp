// The look past the policies for tenancy.why(): the one place where a row is read that the caller may not see. Its
// contract:
//   - Who asks answers for the table: a superuser, its owner, the owner of the database, or a member of
//     tenancy_operator, whose looks are logged. In a tenant's context nobody does, so that injected SQL does not.
//   - The latter two ask by the primary key alone and where row security is on: the answer to a question about another
//     column would tell its value, and tables without row security have nothing to look past.
//   - The row is read as the table's owner, in a security-restricted operation and without FORCE: code that the owner
//     has put into a type, an index or a constraint gets no more rights than the owner has, and settings that it
//     changes are put back.
//   - Told are the row's tenant and user and the names of the policies that hide it, never the row.
// The only memory that outlives the call is the result. No object with a destructor lives here.
#include "context.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace tenancy {

namespace {

bool has_row_security(Oid table)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table does not exist")));
    auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    // The extension's own tables are the superuser's alone, row security or not.
    const bool enabled = form->relrowsecurity && form->relnamespace != get_namespace_oid("tenancy", true);
    ReleaseSysCache(tuple);
    return enabled;
}

enum class Standing { owner, database_owner, operator_ };

// 42501 unless the caller answers for a table of this owner.
Standing require_answerable(Oid table, Oid owner)
{
    const Oid user = GetUserId();
    if (!context::attached() || context::bypassing()) {
        if (superuser() || has_privs_of_role(user, owner))
            return Standing::owner;
        if (has_row_security(table)) {
            if (compat::owns_database(MyDatabaseId, user))
                return Standing::database_owner;
            // A superuser who has changed to a role gets that role's answer.
            // Not inside somebody's SECURITY DEFINER function: it would look with the eyes of the operator who called it.
            const Oid operators = get_role_oid("tenancy_operator", true);
            if (OidIsValid(operators) && !InLocalUserIdChange() && compat::holds_role_by_grant(GetSessionUserId(), operators))
                return Standing::operator_;
        }
    }
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied to look past the policies of table \"%s\"", get_rel_name(table)),
                    errhint("Outside a tenant's context the owner of the table or of the database, a superuser and "
                            "members of tenancy_operator may.")));
    pg_unreachable();
}

struct Answerable {
    Oid owner;
    Standing standing;
};

// Locks the table, so that its name and owner stay as they are, for who answers for it alone.
Answerable lock_answerable(Oid table)
{
    const Oid owner_before = owner_of(table);
    const char kind = get_rel_relkind(table);
    if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", get_rel_name(table)),
                        errhint("Ask about the tables under it.")));
    require_answerable(table, owner_before);
    LockRelationOid(table, AccessShareLock);
    const Oid owner = owner_of(table);
    const Standing standing = require_answerable(table, owner);
    if (standing == Standing::operator_)
        ereport(LOG, (errmsg("operator \"%s\" looked past the policies of table %s",
                             GetUserNameFromId(GetSessionUserId(), false),
                             quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)),
                                                        get_rel_name(table))),
                      errhidestmt(true), errhidecontext(true)));
    return {owner, standing};
}

// One row of an answer in SPI_tuptable, or nothing.
bool ask(const char *sql, int count, Oid *types, Datum *values)
{
    const int code = SPI_execute_with_args(sql, count, types, values, nullptr, true, 1);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "could not look past the policies: %s", SPI_result_code_string(code));
    return SPI_processed > 0;
}

Datum cell(int column)
{
    bool is_null;
    return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &is_null);
}

bool ask_as(Oid role, int extra_flags, const char *sql, int count, Oid *types, Datum *values)
{
    const Caller caller = become(role, extra_flags);
    const int settings = NewGUCNestLevel();
    const bool found = ask(sql, count, types, values);
    AtEOXact_GUC(false, settings);
    become_again(caller);
    return found;
}

} // namespace

} // namespace tenancy

using namespace tenancy;

// (table_name regclass, key jsonb, with_policies boolean) → jsonb, NULL where no row has this key.
TENANCY_FUNCTION(tenancy_look_past_policies)
{
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a look past the policies needs a table and a key")));
    const Answerable table = lock_answerable(PG_GETARG_OID(0));

    SPI_connect();
    Oid types[] = {REGCLASSOID, JSONBOID, BOOLOID};
    Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), BoolGetDatum(table.standing != Standing::owner)};
    ask("select tenancy.look_statement($1, $2, $3)", 3, types, values);
    const char *statement = TextDatumGetCString(cell(1));

    const bool found = ask_as(table.owner, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS, statement, 1,
                              &types[1], &values[1]);
    Datum facts = 0;
    if (found) {
        facts = cell(1);
        // Policies hold the caller, so their code runs as the caller; restricted, it cannot become the login behind.
        // They hold no superuser, and none runs their code.
        // Who is not the owner would lend his rights to the owner's code: where there is any, 'refusing' is null.
        if (PG_GETARG_BOOL(2) && !superuser()) {
            Oid row_types[] = {REGCLASSOID, JSONBOID, SPI_gettypeid(SPI_tuptable->tupdesc, 2), BOOLOID};
            Datum row_values[] = {PG_GETARG_DATUM(0), facts, cell(2), BoolGetDatum(table.standing == Standing::owner)};
            ask_as(GetUserId(), SECURITY_RESTRICTED_OPERATION,
                   "select $2 operator(pg_catalog.||) pg_catalog.jsonb_build_object('refusing', "
                   "case when $4 or not tenancy.runs_owner_code($1) then "
                   "tenancy.refusing_policies($1, 'select', pg_catalog.to_jsonb($3), false) end)",
                   4, row_types, row_values);
            facts = cell(1);
        }
        facts = SPI_datumTransfer(facts, false, -1);
    }
    SPI_finish();
    if (!found)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(facts);
}
