// Runs one statement as the owner of a table, in a security-restricted operation as VACUUM and CREATE INDEX do: what the
// owner has put into constraints, index predicates or casts must not run as the superuser who protects the table. SET ROLE
// would not do, because such code can RESET ROLE. An ERROR may jump out of here: only plain values are alive, and the
// (sub)transaction's abort puts role and settings back.

#include "context.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"

// (table, statement) → the first column of its answer, NULL unless that is a bigint
TENANCY_FUNCTION(tenancy_run_as_owner)
{
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    tenancy::context::require_detached(); // the seal lets through what runs as somebody else
    const Oid owner = tenancy::owner_of(PG_GETARG_OID(0));
    const char *statement = text_to_cstring(PG_GETARG_TEXT_PP(1));
    if (!has_privs_of_role(GetUserId(), owner))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("must be owner of table %s", get_rel_name(PG_GETARG_OID(0)))));

    const tenancy::Caller caller = tenancy::become(owner, SECURITY_RESTRICTED_OPERATION);
    const int nest_level = NewGUCNestLevel();
    SPI_connect();
    const int code = SPI_execute(statement, false, 0);
    if (code < 0)
        elog(ERROR, "could not run a statement as the owner: %s", SPI_result_code_string(code));
    bool is_null = true;
    int64 answer = 0;
    if (code == SPI_OK_SELECT && SPI_processed > 0 && SPI_gettypeid(SPI_tuptable->tupdesc, 1) == INT8OID) {
        const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
        if (!is_null)
            answer = DatumGetInt64(value);
    }
    SPI_finish();
    AtEOXact_GUC(false, nest_level);
    tenancy::become_again(caller);
    if (is_null)
        PG_RETURN_NULL();
    PG_RETURN_INT64(answer);
}
