// Roles inside a tenant, for the application's own policies: what the memberships view said at attach.
#include "context.hpp"
#include "guard.hpp"

extern "C" {
#include "utils/array.h"
}

using namespace tenancy;

// NULL: no role, or no context.
TENANCY_FUNCTION(tenancy_role)
{
    if (context::role() == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(context::role()));
}

// NULL without a role, which closes a policy that negates it too.
TENANCY_FUNCTION(tenancy_has_role)
{
    if (context::has_all_roles())
        PG_RETURN_BOOL(true);
    const char *role = context::role();
    if (role == nullptr || PG_ARGISNULL(0))
        PG_RETURN_NULL();
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    const std::string_view own(role);
    for (int i = 0; i < count; ++i) {
        if (nulls[i])
            continue;
        const text *wanted = DatumGetTextPP(elements[i]);
        if (own == std::string_view(VARDATA_ANY(wanted), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(wanted))))
            PG_RETURN_BOOL(true);
    }
    PG_RETURN_BOOL(false);
}

// Who really acts: an operator's login, else the user. NULL without a context.
TENANCY_FUNCTION(tenancy_actor)
{
    if (context::actor() == nullptr)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(context::actor()));
}
