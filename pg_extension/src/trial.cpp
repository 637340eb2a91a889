// Trials for tenancy.isolation_tests(): one statement, run as a tenant or as the owner of a table, with a context that ends
// with it. Everything is put back before the function returns; when the statement fails, the abort of the surrounding
// (sub)transaction puts user and settings back, as it does for every error.
//
// Both run as a security-restricted operation. The statement fires the triggers that the owner of the table wrote, and the
// session may be a superuser's: outside of such an operation a trigger function with a SET role clause would become the
// session's user. What legitimate triggers lose by it: deferred firing (the suite sets constraints immediate) and temporary
// tables, which the seal refuses to tenants anyway.

#include "context.hpp"
#include "guard.hpp"
#include "identity_switch.hpp"
#include "lent_context.hpp"
#include "settings.hpp"

namespace tenancy::trial {

namespace {

[[noreturn]] void refuse(const char *fact, const char *hint)
{
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("%s", fact), errhint("%s", hint)));
    pg_unreachable();
}

// A SECURITY DEFINER function would lend its owner's right to whoever may call it.
void require_rights()
{
    context::require_detached();
    Oid user;
    int security_context;
    GetUserIdAndSecContext(&user, &security_context);
    if (security_context != 0)
        refuse("isolation trials are refused inside a SECURITY DEFINER function or a restricted operation",
               "Call tenancy.isolation_tests() directly.");
    if (!settings::superuser_or_database_owner(GetUserId()))
        refuse("permission denied to try statements as a tenant",
               "The owner of the database or a superuser may call tenancy.isolation_tests().");
}

char *text_argument(FunctionCallInfo fcinfo, int number)
{
    return PG_ARGISNULL(number) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

char *statement_argument(FunctionCallInfo fcinfo, int number)
{
    char *statement = text_argument(fcinfo, number);
    if (statement == nullptr)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a trial needs a statement")));
    return statement;
}

struct Stand {
    Oid role;
    int security_context;
    const char *tenant_id;
    const char *user_id; // null: no context
};

// Answers (rows, value): the number of rows processed and the first column of the first row.
Datum run(FunctionCallInfo fcinfo, const Stand &stand, const char *statement)
{
    TupleDesc shape;
    if (get_call_result_type(fcinfo, nullptr, &shape) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "a trial answers a row");
    shape = BlessTupleDesc(shape);

    const context::Identity identity{
        .user_id = stand.user_id, .tenant_id = stand.tenant_id, .session_id = nullptr, .bypass = false, .all_roles = true};
    const Lender lender = lend_context(stand.user_id != nullptr ? &identity : nullptr, stand.role, stand.security_context);
    // Our callers pin search_path; the application's triggers expect the one that its sessions begin with.
    (void) set_config_option("search_path", GetConfigOptionResetString("search_path"), PGC_USERSET, PGC_S_SESSION,
                             GUC_ACTION_LOCAL, true, 0, false);
    SPI_connect();

    const int code = SPI_execute(statement, false, 0);
    if (code < 0)
        elog(ERROR, "could not try a statement: %s", SPI_result_code_string(code));
    const uint64 rows = SPI_processed;
    char *value = nullptr;
    if (SPI_tuptable != nullptr && SPI_tuptable->numvals > 0 && SPI_tuptable->tupdesc->natts > 0) {
        const char *first = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
        if (first != nullptr)
            value = static_cast<char *>(memcpy(SPI_palloc(strlen(first) + 1), first, strlen(first) + 1));
    }

    SPI_finish();
    take_back(lender);

    Datum values[2] = {Int64GetDatum(static_cast<int64>(rows)), PointerGetDatum(nullptr)};
    bool nulls[2] = {false, value == nullptr};
    if (value != nullptr)
        values[1] = CStringGetTextDatum(value);
    return HeapTupleGetDatum(heap_form_tuple(shape, values, nulls));
}

} // namespace

} // namespace tenancy::trial

using namespace tenancy;

// Without SECURITY_LOCAL_USERID_CHANGE: that would exempt the statement from the seal.
TENANCY_FUNCTION(tenancy_try_as_tenant)
{
    trial::require_rights();
    const trial::Stand stand{get_role_oid("tenancy_user", false), SECURITY_RESTRICTED_OPERATION,
                             trial::text_argument(fcinfo, 0), trial::text_argument(fcinfo, 1)};
    return trial::run(fcinfo, stand, trial::statement_argument(fcinfo, 2));
}

// Exempt: without FORCE ROW LEVEL SECURITY, as the server's own foreign key queries run.
TENANCY_FUNCTION(tenancy_try_as_owner)
{
    trial::require_rights();
    if (PG_ARGISNULL(0))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a trial needs a table")));
    const Oid relation = PG_GETARG_OID(0);
    const Oid owner = owner_of(relation);
    if (!has_privs_of_role(GetUserId(), owner))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table %s", get_rel_name(relation)),
                        errhint("Call tenancy.isolation_tests() as a superuser or as a member of %s.",
                                quote_identifier(GetUserNameFromId(owner, false)))));
    const bool exempt = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
    const trial::Stand stand{owner,
                             SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE |
                                 (exempt ? SECURITY_NOFORCE_RLS : 0),
                             trial::text_argument(fcinfo, 1), trial::text_argument(fcinfo, 2)};
    return trial::run(fcinfo, stand, trial::statement_argument(fcinfo, 3));
}
