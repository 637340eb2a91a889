#include "row_checks.hpp"

#include "pg_prelude.hpp"

namespace tenancy::row_checks {

namespace {

planner_hook_type next_planner = nullptr;

// Looks at the same row, at the same moment, for the same condition. The policy's name may differ: of two that refuse the
// same rows only the first ever speaks.
bool equal_checks(const WithCheckOption *a, const WithCheckOption *b)
{
    return a->kind == b->kind && a->cascaded == b->cascaded && strcmp(a->relname, b->relname) == 0 && equal(a->qual, b->qual);
}

bool repeats_earlier(const List *checks, int place)
{
    const auto *check = static_cast<const WithCheckOption *>(list_nth(checks, place));
    for (int i = 0; i < place; i++) {
        if (equal_checks(static_cast<const WithCheckOption *>(list_nth(checks, i)), check))
            return !contain_volatile_functions(check->qual);
    }
    return false;
}

void drop_repeated(Plan *plan)
{
    if (plan == nullptr || !IsA(plan, ModifyTable))
        return;
    ListCell *of_relation;
    foreach (of_relation, reinterpret_cast<ModifyTable *>(plan)->withCheckOptionLists) {
        auto *checks = static_cast<List *>(lfirst(of_relation));
        for (int i = list_length(checks) - 1; i > 0; i--) {
            if (repeats_earlier(checks, i))
                checks = list_delete_nth_cell(checks, i);
        }
        lfirst(of_relation) = checks;
    }
}

// No boundary: nothing here throws.
PlannedStmt *plan_statement(Query *query, const char *text, int options, ParamListInfo parameters)
{
    PlannedStmt *statement = next_planner != nullptr ? next_planner(query, text, options, parameters)
                                                     : standard_planner(query, text, options, parameters);
    if (statement->commandType == CMD_SELECT && !statement->hasModifyingCTE)
        return statement;
    // A write stands at the top of the statement or of a WITH query.
    drop_repeated(statement->planTree);
    ListCell *cell;
    foreach (cell, statement->subplans)
        drop_repeated(static_cast<Plan *>(lfirst(cell)));
    return statement;
}

} // namespace

void install()
{
    next_planner = planner_hook;
    planner_hook = plan_statement;
}

} // namespace tenancy::row_checks
