#include "search.hpp"

#include "guard.hpp"
#include "settings.hpp"

namespace tenancy::search {

namespace {

// Of pg_operator; the server's headers have no names for these.
constexpr Oid text_search_match = 3636; // tsvector @@ tsquery
constexpr Oid jsonb_contains_operator = 3246;

struct Search {
    Oid builtin;
    const char *name; // of both: the twin in schema tenancy is called as the built-in one
    Oid type;         // of the left operand
    Oid query_type;   // of the right one
    PGFunction index_support; // what the built-in function asks besides the operator class; LIKE has a prefix for B-trees
};

constexpr Search searches[] = {
    {text_search_match, "@@", TSVECTOROID, TSQUERYOID, nullptr},
    {OID_TEXT_LIKE_OP, "~~", TEXTOID, TEXTOID, textlike_support},
    {OID_TEXT_ICLIKE_OP, "~~*", TEXTOID, TEXTOID, texticlike_support},
    {jsonb_contains_operator, "@>", JSONBOID, JSONBOID, nullptr},
    {OID_ARRAY_CONTAINS_OP, "@>", TEXTARRAYOID, TEXTARRAYOID, nullptr},
    {OID_ARRAY_CONTAINS_OP, "@>", INT4ARRAYOID, INT4ARRAYOID, nullptr},
    {OID_ARRAY_CONTAINS_OP, "@>", INT8ARRAYOID, INT8ARRAYOID, nullptr},
    {OID_ARRAY_CONTAINS_OP, "@>", UUIDARRAYOID, UUIDARRAYOID, nullptr},
    {OID_ARRAY_OVERLAP_OP, "&&", TEXTARRAYOID, TEXTARRAYOID, nullptr},
    {OID_ARRAY_OVERLAP_OP, "&&", INT4ARRAYOID, INT4ARRAYOID, nullptr},
    {OID_ARRAY_OVERLAP_OP, "&&", INT8ARRAYOID, INT8ARRAYOID, nullptr},
    {OID_ARRAY_OVERLAP_OP, "&&", UUIDARRAYOID, UUIDARRAYOID, nullptr},
};

get_relation_info_hook_type next_get_relation_info = nullptr;

// ---------------------------------------------------------------- the functions

// True for a pattern that PostgreSQL refuses once a row has matched all of it but the last backslash. Trailing
// backslashes pair up from the left, so an odd number leaves one that escapes nothing.
bool ends_in_escape(const text *pattern)
{
    const char *begin = VARDATA_ANY(pattern);
    const char *end = begin + VARSIZE_ANY_EXHDR(pattern);
    const char *first = end;
    while (first > begin && first[-1] == '\\')
        first--;
    return (end - first) % 2 != 0;
}

// What ends a statement from outside, or for want of memory or disk, tells nothing of a row and has to go through.
bool comes_from_outside(int sqlstate)
{
    const int category = ERRCODE_TO_CATEGORY(sqlstate);
    return category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_INSUFFICIENT_RESOURCES;
}

// Whatever the built-in function raises becomes "no match". Its arguments have to be whole in memory: then it only
// computes, and an ERROR leaves nothing behind but memory of the row's own context, so no subtransaction is needed.
Datum no_match_for_error(FunctionCallInfo fcinfo, PGFunction builtin)
{
    Datum answer = BoolGetDatum(false);
    MemoryContext caller = CurrentMemoryContext;
    const uint32 interrupts_held = InterruptHoldoffCount;
    const uint32 cancels_held = QueryCancelHoldoffCount;
    auto ask = [&] { answer = builtin(fcinfo); };
    if (detail::caught(ask))
        return answer;

    if (comes_from_outside(geterrcode()))
        PG_RE_THROW();
    MemoryContextSwitchTo(caller);
    FlushErrorState();
    InterruptHoldoffCount = interrupts_held; // reporting an ERROR has set them to 0
    QueryCancelHoldoffCount = cancels_held;
    return BoolGetDatum(false);
}

void load(FunctionCallInfo fcinfo, int argument)
{
    fcinfo->args[argument].value = PointerGetDatum(PG_DETOAST_DATUM(fcinfo->args[argument].value));
}

void load_packed(FunctionCallInfo fcinfo, int argument)
{
    fcinfo->args[argument].value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(fcinfo->args[argument].value));
}

Datum compare(FunctionCallInfo fcinfo, PGFunction builtin)
{
    load(fcinfo, 0);
    load(fcinfo, 1);
    return no_match_for_error(fcinfo, builtin);
}

// The refused pattern is looked at first: raising and catching an error takes time that would tell which rows got there.
Datum compare_pattern(FunctionCallInfo fcinfo, PGFunction builtin)
{
    load_packed(fcinfo, 1);
    if (ends_in_escape(PG_GETARG_TEXT_PP(1)))
        PG_RETURN_BOOL(false);
    load_packed(fcinfo, 0);
    return no_match_for_error(fcinfo, builtin);
}

// ---------------------------------------------------------------- the twins

Oid twin_of(const Search &search)
{
    const Oid schema = get_namespace_oid("tenancy", true);
    if (!OidIsValid(schema))
        return InvalidOid;
    return GetSysCacheOid4(OPERNAMENSP, Anum_pg_operator_oid, CStringGetDatum(search.name),
                           ObjectIdGetDatum(search.type), ObjectIdGetDatum(search.query_type), ObjectIdGetDatum(schema));
}

const Search *search_of_builtin(Oid builtin, Oid type)
{
    for (const Search &search : searches)
        if (search.builtin == builtin && search.type == type)
            return &search;
    return nullptr;
}

const Search *search_of_twin(Oid twin)
{
    Oid type;
    Oid query_type;
    op_input_types(twin, &type, &query_type);
    for (const Search &search : searches)
        if (search.type == type && search.query_type == query_type && twin_of(search) == twin)
            return &search;
    return nullptr;
}

bool searches_anything(Oid operator_)
{
    for (const Search &search : searches)
        if (search.builtin == operator_)
            return true;
    return false;
}

// ---------------------------------------------------------------- the support function

// Does a policy hold the rows to one value of the index's first column? Conditions of policies have lower levels than
// those of the query.
bool policy_fixes_first_column(PlannerInfo *root, IndexOptInfo *index)
{
    ListCell *cell;
    foreach (cell, index->rel->baserestrictinfo) {
        auto *restriction = lfirst_node(RestrictInfo, cell);
        if (restriction->security_level >= root->qual_security_level || !is_opclause(restriction->clause))
            continue;
        auto *clause = reinterpret_cast<OpExpr *>(restriction->clause);
        if (list_length(clause->args) == 2 &&
            get_op_opfamily_strategy(clause->opno, index->opfamily[0]) == BTEqualStrategyNumber &&
            (match_index_to_operand(static_cast<Node *>(linitial(clause->args)), 0, index) ||
             match_index_to_operand(static_cast<Node *>(lsecond(clause->args)), 0, index)))
            return true;
    }
    return false;
}

// A B-tree that begins with the tenant is read within the tenant's own range. Any other index is read where the searched
// words are, whoever has written them, and the time this takes tells of it: that is for the database's owner to choose.
bool may_read(PlannerInfo *root, IndexOptInfo *index, int column)
{
    if (settings::shared_index_search() || root->qual_security_level == 0)
        return true;
    return column > 0 && index->relam == BTREE_AM_OID && policy_fixes_first_column(root, index);
}

List *index_condition(SupportRequestIndexCondition *request)
{
    if (request->indexarg != 0 || !is_opclause(request->node) ||
        !may_read(request->root, request->index, request->indexcol))
        return NIL;
    auto *clause = reinterpret_cast<OpExpr *>(request->node);
    auto *query = static_cast<Node *>(lsecond(clause->args));
    const Search *search = search_of_twin(clause->opno);
    if (search == nullptr || !is_pseudo_constant_for_index(request->root, query, request->index))
        return NIL;

    auto *builtin = reinterpret_cast<OpExpr *>(
        make_opclause(search->builtin, BOOLOID, false, static_cast<Expr *>(linitial(clause->args)),
                      reinterpret_cast<Expr *>(query), InvalidOid, clause->inputcollid));
    set_opfuncid(builtin);
    if (op_in_opfamily(search->builtin, request->opfamily)) {
        if (OidIsValid(request->indexcollation) && request->indexcollation != clause->inputcollid)
            return NIL;
        request->lossy = false; // the index says itself what has to be looked at again
        return list_make1(builtin);
    }
    if (search->index_support == nullptr)
        return NIL;
    SupportRequestIndexCondition of_builtin = *request;
    of_builtin.node = reinterpret_cast<Node *>(builtin);
    of_builtin.funcid = builtin->opfuncid;
    auto *conditions = reinterpret_cast<List *>(
        DatumGetPointer(DirectFunctionCall1(search->index_support, PointerGetDatum(&of_builtin))));
    request->lossy = of_builtin.lossy;
    return conditions;
}

// ---------------------------------------------------------------- the hook

struct Table {
    RelOptInfo *relation;
    bool partitioned; // its indexes are those of its partitions, which the planner opens later
};

bool is_indexed(const Table &table, Node *operand)
{
    if (table.partitioned) {
        while (operand != nullptr && IsA(operand, RelabelType))
            operand = reinterpret_cast<Node *>(reinterpret_cast<RelabelType *>(operand)->arg);
        return operand != nullptr && IsA(operand, Var) &&
               static_cast<Index>(reinterpret_cast<Var *>(operand)->varno) == table.relation->relid;
    }
    ListCell *cell;
    foreach (cell, table.relation->indexlist) {
        auto *index = lfirst_node(IndexOptInfo, cell);
        for (int column = 0; column < index->nkeycolumns; column++)
            if (match_index_to_operand(operand, column, index))
                return true;
    }
    return false;
}

// These go on to the built-in function, which refuses them.
bool is_refused(const Search &search, const OpExpr *clause)
{
    if (OidIsValid(clause->inputcollid) && !get_collation_isdeterministic(clause->inputcollid))
        return true;
    auto *query = static_cast<Node *>(lsecond(clause->args));
    return search.index_support != nullptr && IsA(query, Const) && !reinterpret_cast<Const *>(query)->constisnull &&
           ends_in_escape(DatumGetTextPP(reinterpret_cast<Const *>(query)->constvalue));
}

void put_twin(OpExpr *clause, const Table &table)
{
    if (list_length(clause->args) != 2)
        return;
    const bool reversed = !searches_anything(clause->opno);
    const Oid builtin = reversed ? get_commutator(clause->opno) : clause->opno;
    if (reversed && !searches_anything(builtin))
        return;
    auto *operand = static_cast<Node *>(reversed ? lsecond(clause->args) : linitial(clause->args));
    const Search *search = search_of_builtin(builtin, exprType(operand));
    if (search == nullptr || !is_indexed(table, operand))
        return;
    const Oid twin = twin_of(*search);
    if (!OidIsValid(twin))
        return;
    if (reversed)
        CommuteOpExpr(clause);
    if (exprType(static_cast<Node *>(lsecond(clause->args))) != search->query_type || is_refused(*search, clause))
        return;
    clause->opno = twin;
    clause->opfuncid = get_opcode(twin);
}

bool put_twins(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, OpExpr))
        put_twin(reinterpret_cast<OpExpr *>(node), *static_cast<const Table *>(context));
    return compat::walk_expression(node, put_twins, context);
}

// At this moment the planner has simplified the query's conditions, has opened the table and its indexes, and has not
// yet dealt the conditions out to the tables. The tree is the planner's own: a view or a cached statement keeps its own.
void get_relation_info_of(PlannerInfo *root, Oid relation_id, bool inherits, RelOptInfo *relation)
{
    if (next_get_relation_info != nullptr)
        next_get_relation_info(root, relation_id, inherits, relation);
    if (relation->reloptkind != RELOPT_BASEREL || root->simple_rte_array[relation->relid]->securityQuals == NIL)
        return;
    boundary("get_relation_info", [&] {
        Table table{relation, inherits};
        (void) put_twins(reinterpret_cast<Node *>(root->parse->jointree), &table);
    });
}

} // namespace

void install()
{
    next_get_relation_info = get_relation_info_hook;
    get_relation_info_hook = get_relation_info_of;
}

} // namespace tenancy::search

using namespace tenancy;

TENANCY_FUNCTION(tenancy_text_search_match) { return search::compare(fcinfo, ts_match_vq); }
TENANCY_FUNCTION(tenancy_like) { return search::compare_pattern(fcinfo, textlike); }
TENANCY_FUNCTION(tenancy_ilike) { return search::compare_pattern(fcinfo, texticlike); }
TENANCY_FUNCTION(tenancy_jsonb_contains) { return search::compare(fcinfo, jsonb_contains); }
TENANCY_FUNCTION(tenancy_array_contains) { return search::compare(fcinfo, arraycontains); }
TENANCY_FUNCTION(tenancy_array_overlap) { return search::compare(fcinfo, arrayoverlap); }

TENANCY_FUNCTION(tenancy_search_support)
{
    auto *request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (!IsA(request, SupportRequestIndexCondition))
        PG_RETURN_POINTER(nullptr);
    PG_RETURN_POINTER(search::index_condition(reinterpret_cast<SupportRequestIndexCondition *>(request)));
}

// arraycontsel() knows the built-in operators only.
TENANCY_FUNCTION(tenancy_array_selectivity)
{
    const search::Search *search = search::search_of_twin(PG_GETARG_OID(1));
    if (search == nullptr)
        PG_RETURN_FLOAT8(0.005);
    return DirectFunctionCall4(arraycontsel, PG_GETARG_DATUM(0), ObjectIdGetDatum(search->builtin), PG_GETARG_DATUM(2),
                               PG_GETARG_DATUM(3));
}
