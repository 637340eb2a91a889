#include "own_work.hpp"

#include "guard.hpp"

namespace tenancy::own_work {

namespace {

// Functions that change protection in several steps; the last one is the guard itself, whose mends are its own work too.
constexpr const char *functions[] = {"protect",       "protect_all",     "protect_like_parent", "unprotect",
                                     "unprotect_all", "isolation_tests", "isolation_run_step",
                                     "guard_event"};

fmgr_hook_type next_hook = nullptr;

// How many of them are running, and the one that began it.
int depth = 0;
const char *outermost = nullptr;

// The statement in which the library was loaded: functions entered before that were not counted.
TimestampTz loaded_at = 0;

// The server asks for every function that pins a setting, as all of ours do with search_path: no needs_fmgr_hook is needed.
const char *name_of_ours(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple))
        return nullptr;
    const auto *row = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const char *name = nullptr;
    for (const char *candidate : functions)
        if (strcmp(NameStr(row->proname), candidate) == 0)
            name = candidate;
    // Only superusers make functions in this schema.
    if (name != nullptr && row->pronamespace != get_namespace_oid("tenancy", true))
        name = nullptr;
    ReleaseSysCache(tuple);
    return name;
}

// What the server keeps for us with each function looked up, shared with the hooks before ours.
struct Private {
    const char *name; // null: not ours
    Datum next_private;
};

void hook(FmgrHookEventType event, FmgrInfo *info, Datum *argument)
{
    auto *kept = reinterpret_cast<Private *>(DatumGetPointer(*argument));
    if (kept == nullptr) {
        if (event != FHET_START)
            return;
        boundary("fmgr_hook", [&] {
            kept = static_cast<Private *>(MemoryContextAllocZero(info->fn_mcxt, sizeof(Private)));
            kept->name = name_of_ours(info->fn_oid);
        });
        *argument = PointerGetDatum(kept);
    }
    if (next_hook != nullptr)
        next_hook(event, info, &kept->next_private);
    if (kept->name == nullptr)
        return;
    // Plain arithmetic: the end comes also while an error is on its way.
    if (event != FHET_START)
        --depth;
    else if (depth++ == 0)
        outermost = kept->name;
}

} // namespace

void install()
{
    loaded_at = GetCurrentStatementStartTimestamp();
    next_hook = fmgr_hook;
    fmgr_hook = hook;
}

} // namespace tenancy::own_work

using namespace tenancy;

// Asked by the guard, which is one of them itself.
TENANCY_FUNCTION(tenancy_own_work)
{
    if (IsUnderPostmaster && own_work::loaded_at == GetCurrentStatementStartTimestamp())
        PG_RETURN_TEXT_P(cstring_to_text("unknown"));
    if (own_work::depth < 2)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(own_work::outermost));
}
