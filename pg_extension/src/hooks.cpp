#include "hooks.hpp"

#include "context.hpp"
#include "guard.hpp"
#include "hints.hpp"
#include "own_work.hpp"
#include "search.hpp"
#include "seal.hpp"
#include "table_changes.hpp"

namespace tenancy::hooks {

namespace {

// Hooks that were there before ours: always called, after our own refusal had its chance.
ProcessUtility_hook_type next_process_utility = nullptr;
object_access_hook_type next_object_access = nullptr;
emit_log_hook_type next_emit_log = nullptr;
post_parse_analyze_hook_type next_post_parse_analyze = nullptr;
ExecutorStart_hook_type next_executor_start = nullptr;

void process_utility(PlannedStmt *statement, const char *query, bool read_only_tree, ProcessUtilityContext where,
                     ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *destination,
                     QueryCompletion *completion)
{
    boundary("process_utility", [&] { seal::check_statement(statement); });
    context::hold_read_only();
    table_changes::note_utility(statement);
    if (next_process_utility != nullptr)
        next_process_utility(statement, query, read_only_tree, where, parameters, environment, destination, completion);
    else
        standard_ProcessUtility(statement, query, read_only_tree, where, parameters, environment, destination,
                                completion);
}

void object_access(ObjectAccessType access, Oid class_id, Oid object, int sub_id, void *argument)
{
    if (access == OAT_FUNCTION_EXECUTE)
        boundary("object_access", [&] { seal::check_function(object); });
    if (next_object_access != nullptr)
        next_object_access(access, class_id, object, sub_id, argument);
}

void post_parse_analyze(ParseState *state, Query *query, JumbleState *jumble)
{
    boundary("post_parse_analyze", [&] { seal::check_query(query); });
    if (next_post_parse_analyze != nullptr)
        next_post_parse_analyze(state, query, jumble);
}

// No boundary: neither of the two throws.
void executor_start(QueryDesc *query, int flags)
{
    context::hold_read_only();
    table_changes::note_query(query);
    if (next_executor_start != nullptr)
        next_executor_start(query, flags);
    else
        standard_ExecutorStart(query, flags);
}

// No boundary: while an error is being reported a new one would only bury it, and complete() throws nothing.
void emit_log(ErrorData *error)
{
    hints::complete(error);
    if (next_emit_log != nullptr)
        next_emit_log(error);
}

} // namespace

void install()
{
    next_process_utility = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
    next_object_access = object_access_hook;
    object_access_hook = object_access;
    next_emit_log = emit_log_hook;
    emit_log_hook = emit_log;
    next_post_parse_analyze = post_parse_analyze_hook;
    post_parse_analyze_hook = post_parse_analyze;
    next_executor_start = ExecutorStart_hook;
    ExecutorStart_hook = executor_start;
    own_work::install();
    search::install();
}

} // namespace tenancy::hooks
