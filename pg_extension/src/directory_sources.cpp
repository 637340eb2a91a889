#include "directory_sources.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_am.h"
#include "optimizer/optimizer.h"
#include "utils/plancache.h"
}

namespace tenancy::directory {

namespace {

// Somebody's own function can be replaced, and may say that it is immutable when it is not. Of the built-in ones that are
// not, the text of an enumeration's label is let through: its change is heard of.
bool may_change_its_mind(Oid function, void *)
{
    return function >= FirstNormalObjectId ||
           (func_volatile(function) != PROVOLATILE_IMMUTABLE && function != F_ENUM_OUT);
}

bool is_own_operator(Oid op) { return op >= FirstNormalObjectId; }

// True at the first thing that is not known to be harmless. What is not listed here is not known.
bool finds_doubt(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    switch (nodeTag(node)) {
    case T_Query:
        return compat::walk_query(reinterpret_cast<Query *>(node), finds_doubt, context, QTW_EXAMINE_SORTGROUP);
    case T_SortGroupClause: {
        const auto *clause = reinterpret_cast<SortGroupClause *>(node);
        return is_own_operator(clause->eqop) || is_own_operator(clause->sortop);
    }
    case T_Var:
    case T_Const:
    case T_Param:
    case T_RangeTblRef:
        return false;
    case T_List:
    case T_TargetEntry:
    case T_FromExpr:
    case T_JoinExpr:
    case T_CommonTableExpr:
    case T_SetOperationStmt:
    case T_SubLink:
    case T_BoolExpr:
    case T_NullTest:
    case T_BooleanTest:
    case T_CaseExpr:
    case T_CaseWhen:
    case T_CaseTestExpr:
    case T_CoalesceExpr:
    case T_RelabelType:
    case T_ArrayExpr:
    case T_FuncExpr:
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr:
    case T_ScalarArrayOpExpr:
    case T_CoerceViaIO:
    case T_Aggref:
        return check_functions_in_node(node, may_change_its_mind, nullptr) ||
               compat::walk_expression(node, finds_doubt, context);
    default:
        return true;
    }
}

bool is_used(const TargetEntry *column, const Bitmapset *used)
{
    Node *expression = reinterpret_cast<Node *>(column->expr);
    return bms_is_member(column->resno - FirstLowInvalidHeapAttributeNumber, used) || column->ressortgroupref != 0 ||
           expression_returns_set(expression) || contain_volatile_functions(expression);
}

// A view as the question uses it: a name that is put together in some stable way does not matter to who is a member.
bool view_finds_doubt(const Query *view, const Bitmapset *used)
{
    Query part = *view;
    if (view->setOperations == nullptr) {
        part.targetList = NIL;
        ListCell *cell;
        foreach (cell, view->targetList) {
            auto *column = static_cast<TargetEntry *>(lfirst(cell));
            if (is_used(column, used))
                part.targetList = lappend(part.targetList, column);
        }
    }
    return finds_doubt(reinterpret_cast<Node *>(&part), nullptr);
}

// The question: views, joined.
bool question_finds_doubt(Query *question)
{
    if (compat::walk_query(question, finds_doubt, nullptr, QTW_IGNORE_RANGE_TABLE))
        return true;
    Index number = 0;
    ListCell *cell;
    foreach (cell, question->rtable) {
        const auto *entry = static_cast<const RangeTblEntry *>(lfirst(cell));
        ++number;
        if (entry->rtekind == RTE_JOIN)
            continue;
        if (entry->rtekind != RTE_SUBQUERY || entry->securityQuals != NIL)
            return true;
        Bitmapset *used = nullptr;
        pull_varattnos(reinterpret_cast<Node *>(question->targetList), number, &used);
        pull_varattnos(reinterpret_cast<Node *>(question->jointree), number, &used);
        if (view_finds_doubt(entry->subquery, used))
            return true;
    }
    return false;
}

// A partition or a child is written under another name, a system catalog without a statement, and who knows how the rows
// of another table access method change.
bool is_plain_table(Oid relation)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto *form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const bool plain = relation >= FirstNormalObjectId && form->relkind == RELKIND_RELATION &&
                       form->relam == HEAP_TABLE_AM_OID && !form->relispartition && !form->relhassubclass;
    ReleaseSysCache(tuple);
    return plain;
}

bool add(Sources *sources, Oid relation)
{
    if (sources->relation_count == Sources::most_relations)
        return false;
    sources->relations[sources->relation_count++] = relation;
    if (get_rel_relkind(relation) == RELKIND_VIEW)
        return true;
    sources->tables[sources->table_count++] = relation;
    return is_plain_table(relation);
}

} // namespace

bool Sources::contain(Oid relation) const
{
    for (int i = 0; i < relation_count; ++i) {
        if (relations[i] == relation)
            return true;
    }
    return false;
}

Sources sources_of(SPIPlanPtr plan, std::initializer_list<Oid> more_tables)
{
    Sources result{};
    const auto *source = static_cast<const CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
    result.traceable = !question_finds_doubt(linitial_node(Query, source->query_list));
    ListCell *cell;
    foreach (cell, source->relationOids)
        result.traceable = add(&result, lfirst_oid(cell)) && result.traceable;
    for (const Oid table : more_tables)
        result.traceable = add(&result, table) && result.traceable;
    result.known = source->is_valid; // nothing was altered meanwhile
    return result;
}

} // namespace tenancy::directory
