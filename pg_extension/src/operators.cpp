// What members of tenancy_operator do across tenants: a bypass, acting as a user, a statement for each tenant. Each is put
// on record before the context exists, in a transaction of its own: rolling back does not erase that somebody has looked.
//
// Superusers are refused a context: under it they would run what the owners of tables have written into triggers and
// views, as somebody who can become superuser again by a SET clause.
#include "audit.hpp"
#include "context.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "lent_context.hpp"
#include "session.hpp"
#include "suspension.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/parser.h"
#include "tcop/dest.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/resowner.h"
}

namespace tenancy::operators {

namespace {

constexpr int longest_reason = 2048;
constexpr int longest_identifier = 255;
constexpr int64 longest_job_us = 24 * USECS_PER_HOUR;
constexpr int most_of_statement = 1000; // of it that goes on record

const char *login_name() { return GetUserNameFromId(GetSessionUserId(), false); }

char *clipped(const char *text, int bytes)
{
    return pnstrdup(text, static_cast<Size>(pg_mbcliplen(text, static_cast<int>(strlen(text)), bytes)));
}

void require_operator(const char *function)
{
    Oid user;
    int security_context;
    GetUserIdAndSecContext(&user, &security_context);
    if (security_context != 0)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("%s is refused inside a SECURITY DEFINER function", function),
                        errhint("Call it directly, as the operator who answers for it.")));
    if (!compat::holds_role(GetSessionUserId(), get_role_oid("tenancy_operator", false)))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for %s", function),
                        errhint("It is for members of tenancy_operator.")));
    if (superuser_arg(GetSessionUserId()) || superuser_arg(GetAuthenticatedUserId()))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("%s is refused to superusers", function),
                        errdetail("Triggers and views of other owners would run in a session that can become superuser again."),
                        errhint("Log in as a member of tenancy_operator that has no other rights.")));
    context::require_enterable();
}

const char *reason_argument(FunctionCallInfo fcinfo, int number)
{
    const char *reason = PG_ARGISNULL(number) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(number));
    if (reason[strspn(reason, " \t\r\n")] == '\0')
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a reason is needed"),
                        errhint("Say why, for those who read tenancy.audit_log later: a ticket, a request.")));
    if (strlen(reason) > longest_reason)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("reason is too long"),
                        errdetail("A reason has at most %d bytes.", longest_reason),
                        errhint("Name the ticket that holds the rest.")));
    return reason;
}

char *identifier_argument(FunctionCallInfo fcinfo, int number, const char *what)
{
    if (PG_ARGISNULL(number))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a %s is needed", what)));
    if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(number)) > longest_identifier)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is too long", what),
                        errdetail("It has at most %d bytes.", longest_identifier),
                        errhint("Give it as the directory's views show it.")));
    return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

// A user in one tenant, as the directory spells both, or 42501. Operators may be told what there is.
struct Member {
    char *user_id;
    char *tenant_id;
    char *role;
};

Member require_member(const char *user_id, const char *tenant_id)
{
    const directory::Account account = directory::account_by_id(user_id);
    if (account.user_id == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no user \"%s\" in the directory", user_id),
                        errhint("Give the user_id of the directory's accounts view, not the name.")));
    if (account.disabled)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("user \"%s\" is disabled", user_id),
                        errhint("Enable the account, or use tenancy.bypass(reason).")));
    const directory::Standing standing = directory::standing_of(account.user_id, tenant_id);
    if (standing.tenant_id == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("user \"%s\" is not a member of tenant \"%s\"", user_id, tenant_id),
                        errhint("Choose a tenant that the directory's memberships view has for this user.")));
    return {account.user_id, standing.tenant_id, standing.role};
}

// When a token of this life ends, or 22023.
TimestampTz end_argument(FunctionCallInfo fcinfo, int number)
{
    if (PG_ARGISNULL(number))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a time to live is needed"),
                        errhint("For example interval '15 minutes'.")));
    const TimestampTz now = GetCurrentTimestamp();
    const TimestampTz end = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now),
                                                                    PG_GETARG_DATUM(number)));
    if (end <= now || end - now > longest_job_us)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a job's token lives for up to 24 hours"),
                        errhint("Give each run of the job a token of its own.")));
    return end;
}

// One statement, or 42601; no transaction control.
char *statement_argument(FunctionCallInfo fcinfo, int number)
{
    char *statement = PG_ARGISNULL(number) ? pstrdup("") : text_to_cstring(PG_GETARG_TEXT_PP(number));
    List *parsed = raw_parser(statement, RAW_PARSE_DEFAULT);
    if (list_length(parsed) != 1)
        ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
                        errmsg("one statement is needed, and here are %d", list_length(parsed)),
                        errhint("Call tenancy.for_each_tenant() for each, or put them into a function.")));
    if (IsA(static_cast<RawStmt *>(linitial(parsed))->stmt, TransactionStmt))
        ereport(ERROR, (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                        errmsg("transaction control is refused for each tenant"),
                        errdetail("Each tenant has a subtransaction of its own, and all end with the calling transaction."),
                        errhint("Give a data statement.")));
    return statement;
}

// The tenants to run for, as the directory spells them: all, or those of the list, in its order.
directory::Tenants tenants_argument(FunctionCallInfo fcinfo, int number)
{
    const directory::Tenants known = directory::all_tenants();
    if (PG_ARGISNULL(number))
        return known;
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    directory::Tenants wanted{0, static_cast<char **>(palloc(sizeof(char *) * static_cast<Size>(count + 1)))};
    // Sorted by the directory's type; looked up by text. A list is short.
    for (int i = 0; i < count; ++i) {
        const char *asked = nulls[i] ? nullptr : TextDatumGetCString(elements[i]);
        char *found = nullptr;
        for (int k = 0; asked != nullptr && found == nullptr && k < known.count; ++k)
            if (strcmp(known.ids[k], asked) == 0)
                found = known.ids[k];
        if (found == nullptr)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            asked == nullptr ? errmsg("a tenant of the list is NULL")
                                             : errmsg("no tenant \"%s\" in the directory",
                                                      clipped(asked, longest_identifier)),
                            errhint("Spell tenants as the directory's memberships view shows them.")));
        wanted.ids[wanted.count++] = found;
    }
    return wanted;
}

char *job_detail(const char *statement, const directory::Tenants &tenants, bool listed, const char *role)
{
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"statement\": ");
    escape_json(&json, clipped(statement, most_of_statement));
    if (role != nullptr) {
        appendStringInfoString(&json, ", \"role\": ");
        escape_json(&json, role);
    }
    appendStringInfo(&json, ", \"tenants\": %d", tenants.count);
    if (listed) {
        appendStringInfoString(&json, ", \"listed\": [");
        for (int i = 0; i < tenants.count; ++i) {
            appendStringInfoString(&json, i > 0 ? ", " : "");
            escape_json(&json, tenants.ids[i]);
        }
        appendStringInfoChar(&json, ']');
    }
    appendStringInfoChar(&json, '}');
    return json.data;
}

// Runs the statement as the tenant, for its effect: rows of a SELECT are counted and thrown away.
// Restricted: a trigger function with a SET clause would otherwise take a role of the operator's. The seal holds, because
// the flag of SECURITY DEFINER functions is not among these.
uint64 run_as_tenant(const char *statement, const char *tenant_id, const char *role)
{
    const context::Identity identity{nullptr, tenant_id, nullptr, false, role, login_name()};
    SPI_connect();
    const Lender lender = lend_context(&identity, get_role_oid("tenancy_user", false), SECURITY_RESTRICTED_OPERATION);
    SPIExecuteOptions options{};
    options.dest = None_Receiver;
    const int code = SPI_execute_extended(statement, &options);
    if (code < 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("this statement cannot run for each tenant: %s", SPI_result_code_string(code))));
    const uint64 rows = SPI_processed;
    take_back(lender);
    SPI_finish();
    return rows;
}

struct Outcome {
    uint64 rows;
    ErrorData *error; // null: it went through
};

// In a subtransaction of its own. An interrupt is no error of the tenant's: it ends the whole.
pg_noinline Outcome try_as_tenant(const char *statement, const char *tenant_id, const char *role)
{
    MemoryContext memory = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    Outcome outcome{};
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    auto body = [&] {
        outcome.rows = run_as_tenant(statement, tenant_id, role);
        ReleaseCurrentSubTransaction();
    };
    const bool done = detail::caught(body);
    MemoryContextSwitchTo(memory);
    if (!done) {
        outcome.error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
    }
    CurrentResourceOwner = owner;
    if (!done && ERRCODE_TO_CATEGORY(outcome.error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
        ReThrowError(outcome.error);
    return outcome;
}

// The materialized answer of a set-returning function.
struct Answer {
    Tuplestorestate *rows;
    TupleDesc shape;
};

Answer begin_answer(FunctionCallInfo fcinfo)
{
    auto *info = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    Answer answer{};
    if (info == nullptr || !IsA(info, ReturnSetInfo) || (info->allowedModes & SFRM_Materialize) == 0)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    MemoryContext before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
    if (get_call_result_type(fcinfo, nullptr, &answer.shape) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    answer.shape = CreateTupleDescCopy(answer.shape);
    answer.rows = tuplestore_begin_heap(true, false, work_mem);
    MemoryContextSwitchTo(before);
    info->returnMode = SFRM_Materialize;
    info->setResult = answer.rows;
    info->setDesc = answer.shape;
    return answer;
}

void put(const Answer &answer, const char *tenant_id, const Outcome &outcome)
{
    Datum values[4] = {CStringGetTextDatum(tenant_id)};
    bool nulls[4] = {false, true, true, true};
    if (outcome.error == nullptr) {
        values[1] = Int64GetDatum(static_cast<int64>(outcome.rows));
        nulls[1] = false;
    } else {
        values[2] = CStringGetTextDatum(unpack_sql_state(outcome.error->sqlerrcode));
        values[3] = CStringGetTextDatum(outcome.error->message != nullptr ? outcome.error->message : "");
        nulls[2] = nulls[3] = false;
    }
    tuplestore_putvalues(answer.rows, answer.shape, values, nulls);
}

// A deferred check would run at the end, without the tenant's context.
void check_constraints_at_once()
{
    SPI_connect();
    if (SPI_execute("set constraints all immediate", false, 0) != SPI_OK_UTILITY)
        elog(ERROR, "could not set constraints immediate");
    SPI_finish();
}

} // namespace

} // namespace tenancy::operators

using namespace tenancy;

TENANCY_FUNCTION(tenancy_bypass)
{
    operators::require_operator("tenancy.bypass()");
    const char *reason = operators::reason_argument(fcinfo, 0);
    audit::record({.action = "bypass", .reason = reason});
    context::enter({nullptr, nullptr, nullptr, true, nullptr, operators::login_name()});
    PG_RETURN_VOID();
}

// (user_id, tenant, reason, read_only)
TENANCY_FUNCTION(tenancy_act_as)
{
    operators::require_operator("tenancy.act_as()");
    const char *user_id = operators::identifier_argument(fcinfo, 0, "user");
    const char *tenant_id = operators::identifier_argument(fcinfo, 1, "tenant");
    const char *reason = operators::reason_argument(fcinfo, 2);
    const bool read_only = PG_ARGISNULL(3) || PG_GETARG_BOOL(3);
    const operators::Member member = operators::require_member(user_id, tenant_id);
    // Support must be able to look; what stands still for its users stands still for who acts as one of them.
    if (!read_only && suspension::is_suspended(member.tenant_id))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("tenant \"%s\" is suspended", member.tenant_id),
                        errdetail("Acting as one of its users is read-only until it is resumed."),
                        errhint("Leave read_only => false out, call tenancy.resume(tenant) first, or use tenancy.bypass(reason).")));
    audit::record({.action = "act_as",
                   .acting_as = member.user_id,
                   .tenant_id = member.tenant_id,
                   .reason = reason,
                   .detail = read_only ? "{\"read_only\": true}" : "{\"read_only\": false}"});
    context::enter({member.user_id, member.tenant_id, nullptr, false, member.role, operators::login_name(), read_only});
    PG_RETURN_VOID();
}

// (statement, reason, tenants, role) → (tenant_id, rows, sqlstate, error)
TENANCY_FUNCTION(tenancy_for_each_tenant)
{
    operators::require_operator("tenancy.for_each_tenant()");
    const operators::Answer answer = operators::begin_answer(fcinfo);
    const char *statement = operators::statement_argument(fcinfo, 0);
    const char *reason = operators::reason_argument(fcinfo, 1);
    const directory::Tenants tenants = operators::tenants_argument(fcinfo, 2);
    const char *role = PG_ARGISNULL(3) ? nullptr : operators::identifier_argument(fcinfo, 3, "role");
    audit::record({.action = "for_each_tenant",
                   .tenant_id = tenants.count == 1 ? tenants.ids[0] : nullptr,
                   .reason = reason,
                   .detail = operators::job_detail(statement, tenants, !PG_ARGISNULL(2), role)});
    operators::check_constraints_at_once();
    for (int i = 0; i < tenants.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const operators::Outcome outcome = operators::try_as_tenant(statement, tenants.ids[i], role);
        operators::put(answer, tenants.ids[i], outcome);
        if (outcome.error == nullptr)
            ereport(NOTICE, (errmsg("tenant %s: " UINT64_FORMAT " rows (%d of %d)", tenants.ids[i], outcome.rows, i + 1,
                                    tenants.count)));
        else
            ereport(NOTICE, (errmsg("tenant %s: error %s (%d of %d)", tenants.ids[i],
                                    unpack_sql_state(outcome.error->sqlerrcode), i + 1, tenants.count)));
    }
    PG_RETURN_NULL();
}

// (tenant, user_id, ttl, purpose) → the token. Inside the caller's transaction: when it rolls back there is no session either.
TENANCY_FUNCTION(tenancy_job_token)
{
    operators::require_operator("tenancy.job_token()");
    const char *tenant_id = operators::identifier_argument(fcinfo, 0, "tenant");
    const char *user_id = operators::identifier_argument(fcinfo, 1, "user");
    const TimestampTz expires_at = operators::end_argument(fcinfo, 2);
    const char *purpose = operators::reason_argument(fcinfo, 3);
    const operators::Member member = operators::require_member(user_id, tenant_id);
    const session::JobToken job = session::begin_job(member.user_id, member.tenant_id, expires_at, purpose);
    audit::record({.action = "job_token",
                   .acting_as = member.user_id,
                   .tenant_id = member.tenant_id,
                   .reason = purpose,
                   .session_id = job.session_id,
                   .detail = psprintf("{\"expires_at\": \"%s\"}", timestamptz_to_str(expires_at))});
    PG_RETURN_TEXT_P(cstring_to_text(job.token));
}
