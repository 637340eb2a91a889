#include "seal.hpp"

#include "context.hpp"
#include "settings.hpp"

namespace tenancy::seal {

namespace {

// Settings that change how values are read and printed, and nothing else.
constexpr const char *harmless_settings[] = {
    "application_name", "bytea_output",       "client_encoding", "client_min_messages", "DateStyle",
    "IntervalStyle",    "extra_float_digits", "lc_monetary",     "lc_numeric",          "lc_time",
    "search_path",      "TimeZone",           "xmlbinary",       "xmloption",           "transaction_isolation",
    "transaction_read_only", "transaction_deferrable",
};

// pg_logical_emit_message by number: its symbol has changed with its arguments, its number has not.
constexpr Oid logical_emit_message_text = 3577;
constexpr Oid logical_emit_message_bytea = 3578;

bool sealed() { return context::attached() && settings::seal() && !InLocalUserIdChange(); }

[[noreturn]] void refuse(const char *what, const char *why)
{
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("%s is refused while a tenant context is set", what),
                    errdetail("%s", why),
                    errhint("Run it outside an attached transaction. For development the owner of the database may "
                            "switch tenancy.seal off.")));
    pg_unreachable();
}

bool is_harmless(const char *name)
{
    for (const char *harmless : harmless_settings)
        if (pg_strcasecmp(name, harmless) == 0)
            return true;
    // An application's own settings have a dot in their name; ours are guarded by their check hooks.
    return strchr(name, '.') != nullptr && pg_strncasecmp(name, "tenancy.", 8) != 0;
}

void check_set(const VariableSetStmt *statement)
{
    constexpr const char *outlives = "A setting of the session outlives the transaction: the next user of a pooled "
                                     "connection would have it. SET LOCAL is let through for harmless settings.";
    constexpr const char *widens = "Roles and limits stay as they were when the context was set.";

    switch (statement->kind) {
    case VAR_SET_MULTI: // SET TRANSACTION …; SET SESSION CHARACTERISTICS lasts
        if (strcmp(statement->name, "SESSION CHARACTERISTICS") == 0)
            refuse("SET SESSION CHARACTERISTICS", outlives);
        return;
    case VAR_RESET_ALL:
        refuse("RESET ALL", widens);
    default:
        break;
    }
    if (!is_harmless(statement->name))
        refuse(psprintf("SET %s", statement->name), widens);
    if (!statement->is_local && strncmp(statement->name, "transaction_", 12) != 0)
        refuse(psprintf("SET SESSION %s", statement->name), outlives);
}

void check_transaction(const TransactionStmt *statement)
{
    if (statement->kind == TRANS_STMT_PREPARE || statement->kind == TRANS_STMT_COMMIT_PREPARED ||
        statement->kind == TRANS_STMT_ROLLBACK_PREPARED)
        refuse("PREPARE TRANSACTION", "A prepared transaction keeps its locks after this session is gone.");
}

void check_explain(const ExplainStmt *statement)
{
    bool costs = true;
    ListCell *cell;
    foreach (cell, statement->options) {
        auto *option = static_cast<DefElem *>(lfirst(cell));
        if (strcmp(option->defname, "analyze") == 0 && defGetBoolean(option))
            refuse("EXPLAIN ANALYZE", "Its counts of filtered rows tell what other tenants' rows hold.");
        if (strcmp(option->defname, "costs") == 0)
            costs = defGetBoolean(option);
    }
    if (costs)
        refuse("EXPLAIN with costs", "Its estimates come from all tenants' rows and tell which values they hold. "
                                     "EXPLAIN (COSTS OFF) is let through.");
}

bool overrides_identity(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, MergeAction) && reinterpret_cast<MergeAction *>(node)->override == OVERRIDING_SYSTEM_VALUE)
        return true;
    if (!IsA(node, Query))
        return compat::walk_expression(node, overrides_identity, context);
    auto *query = reinterpret_cast<Query *>(node);
    return query->override == OVERRIDING_SYSTEM_VALUE || compat::walk_query(query, overrides_identity, context);
}

bool is_login_of_gateway()
{
    const Oid gateway = get_role_oid("tenancy_gateway", true);
    return OidIsValid(gateway) && compat::holds_role_by_grant(GetSessionUserId(), gateway);
}

} // namespace

void check_query(Query *query)
{
    if (query->commandType != CMD_INSERT && query->commandType != CMD_MERGE && !query->hasModifyingCTE)
        return;
    if (!settings::seal() || InLocalUserIdChange() || !overrides_identity(reinterpret_cast<Node *>(query), nullptr))
        return;
    if (context::attached() || is_login_of_gateway())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("tenants may not use OVERRIDING SYSTEM VALUE"),
                        errdetail("Choosing the keys of an identity tells which ones other tenants have, and takes those that "
                                  "they would get next."),
                        errhint("Leave the column out, or name it with DEFAULT.")));
}

void check_statement(const PlannedStmt *planned)
{
    const Node *statement = planned->utilityStmt;
    const bool holds_rows = IsA(statement, DeclareCursorStmt) &&
                            (reinterpret_cast<const DeclareCursorStmt *>(statement)->options & CURSOR_OPT_HOLD) != 0;
    if (!context::attached()) {
        if (holds_rows)
            context::note_held_cursor();
        return;
    }

    // Kept rows would outlive the context, whatever the seal says.
    if (holds_rows)
        refuse("DECLARE … WITH HOLD", "The cursor would carry a tenant's rows into the next transaction.");
    if (!sealed())
        return;

    switch (nodeTag(statement)) {
    case T_DeclareCursorStmt:
    case T_FetchStmt:
    case T_ClosePortalStmt:
    case T_ExecuteStmt:
    case T_VariableShowStmt:
    case T_ConstraintsSetStmt:
    case T_CallStmt:
        return;
    case T_TransactionStmt:
        check_transaction(reinterpret_cast<const TransactionStmt *>(statement));
        return;
    case T_VariableSetStmt:
        check_set(reinterpret_cast<const VariableSetStmt *>(statement));
        return;
    case T_ExplainStmt:
        check_explain(reinterpret_cast<const ExplainStmt *>(statement));
        return;
    case T_CopyStmt:
        if (reinterpret_cast<const CopyStmt *>(statement)->filename != nullptr)
            refuse("COPY with a file or program", "Only COPY … TO STDOUT and FROM STDIN move rows to the client.");
        return;
    default:
        refuse(GetCommandTagName(CreateCommandTag(const_cast<Node *>(statement))),
               "Only data statements, savepoints, plain cursors, commit and rollback run there.");
    }
}

void check_function(Oid function)
{
    if (function >= FirstGenbkiObjectId || !sealed())
        return;
    switch (function) {
    case F_SET_CONFIG:
        refuse("set_config()", "Roles and limits stay as they were when the context was set. SET LOCAL is let through "
                               "for harmless settings.");
    case F_PG_ADVISORY_LOCK_INT8:
    case F_PG_ADVISORY_LOCK_INT4_INT4:
    case F_PG_ADVISORY_LOCK_SHARED_INT8:
    case F_PG_ADVISORY_LOCK_SHARED_INT4_INT4:
    case F_PG_TRY_ADVISORY_LOCK_INT8:
    case F_PG_TRY_ADVISORY_LOCK_INT4_INT4:
    case F_PG_TRY_ADVISORY_LOCK_SHARED_INT8:
    case F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4:
    case F_PG_ADVISORY_XACT_LOCK_INT8:
    case F_PG_ADVISORY_XACT_LOCK_INT4_INT4:
    case F_PG_ADVISORY_XACT_LOCK_SHARED_INT8:
    case F_PG_ADVISORY_XACT_LOCK_SHARED_INT4_INT4:
    case F_PG_TRY_ADVISORY_XACT_LOCK_INT8:
    case F_PG_TRY_ADVISORY_XACT_LOCK_INT4_INT4:
    case F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT8:
    case F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT4_INT4:
    case F_PG_ADVISORY_UNLOCK_INT8:
    case F_PG_ADVISORY_UNLOCK_INT4_INT4:
    case F_PG_ADVISORY_UNLOCK_SHARED_INT8:
    case F_PG_ADVISORY_UNLOCK_SHARED_INT4_INT4:
    case F_PG_ADVISORY_UNLOCK_ALL:
        refuse("an advisory lock", "Advisory locks are shared by all tenants: one could stop or signal another.");
    case F_PG_NOTIFY:
        refuse("pg_notify()", "Channels are shared by all tenants.");
    case F_PG_TERMINATE_BACKEND:
    case F_PG_CANCEL_BACKEND:
        refuse("signalling a backend", "Other tenants' statements run under the same roles.");
    case F_PG_STAT_GET_ACTIVITY:
    case F_PG_STAT_GET_BACKEND_ACTIVITY:
        refuse("reading server activity", "Other tenants' statements run under the same roles and would be shown.");
    case F_PG_STAT_GET_NUMSCANS:
    case F_PG_STAT_GET_TUPLES_RETURNED:
    case F_PG_STAT_GET_TUPLES_FETCHED:
    case F_PG_STAT_GET_TUPLES_INSERTED:
    case F_PG_STAT_GET_TUPLES_UPDATED:
    case F_PG_STAT_GET_TUPLES_DELETED:
    case F_PG_STAT_GET_TUPLES_HOT_UPDATED:
    case F_PG_STAT_GET_LIVE_TUPLES:
    case F_PG_STAT_GET_DEAD_TUPLES:
    case F_PG_STAT_GET_MOD_SINCE_ANALYZE:
    case F_PG_STAT_GET_INS_SINCE_VACUUM:
    case F_PG_STAT_GET_BLOCKS_FETCHED:
    case F_PG_STAT_GET_BLOCKS_HIT:
    case F_PG_STAT_GET_DB_TUPLES_RETURNED:
    case F_PG_STAT_GET_DB_TUPLES_FETCHED:
    case F_PG_STAT_GET_XACT_NUMSCANS:
    case F_PG_STAT_GET_XACT_TUPLES_RETURNED:
    case F_PG_STAT_GET_XACT_TUPLES_FETCHED:
    case F_PG_STAT_GET_XACT_BLOCKS_FETCHED:
    case F_PG_STAT_GET_XACT_BLOCKS_HIT:
        refuse("reading access counters", "An index counts the entries it finds, other tenants' included: a search "
                                          "and its counter tell which values they hold.");
    case F_LO_CREAT:
    case F_LO_CREATE:
    case F_LO_FROM_BYTEA:
    case F_LO_IMPORT_TEXT:
    case F_LO_IMPORT_TEXT_OID:
    case F_LO_EXPORT:
    case F_LO_OPEN:
    case F_LO_GET_OID:
    case F_LO_GET_OID_INT8_INT4:
    case F_LO_PUT:
    case F_LO_UNLINK:
        refuse("a large object", "Large objects have no tenant.");
    case logical_emit_message_text:
    case logical_emit_message_bytea:
        refuse("pg_logical_emit_message()", "It writes to the stream that replicas and subscribers of all tenants read.");
    default:
        if (compat::is_newer_access_counter(function))
            refuse("reading access counters", "They count and date the work of all tenants.");
        return;
    }
}

} // namespace tenancy::seal
