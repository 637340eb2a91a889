// The sealed transaction: what may run while a tenant context is set. Decides; hooks.cpp asks.
// Code inside SECURITY DEFINER functions is exempt: it is the application's own, and no tenant can make one.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::seal {

// ereports 42501 when the utility statement may not run now.
void check_statement(const PlannedStmt *statement);

// ereports 42501 when the statement, just parsed, chooses the keys of an identity column. A statement parsed outside a
// context can run inside one later, so logins of the gateway are refused there as well.
void check_query(Query *query);

// ereports 42501 when the function may not be called now. Hot: called once per function of each plan.
void check_function(Oid function);

} // namespace tenancy::seal
