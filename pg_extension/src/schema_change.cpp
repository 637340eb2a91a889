// Tells listeners that a transaction has changed the schema, as a gateway wants to know that keeps a description of it.
#include "schema_change.hpp"

#include "guard.hpp"

namespace tenancy::schema_change {

namespace {

bool announced = false; // in this transaction

// The notification is queued here and not where the change is seen: once for each transaction, and never in one that is
// prepared, which Postgres would refuse then. No boundary: nothing here is a C++ object, and an error ends the transaction.
void at_end(XactEvent event, void *)
{
    const bool tell = announced && event == XACT_EVENT_PRE_COMMIT;
    announced = false;
    if (tell)
        Async_Notify("tenancy_schema", "");
}

} // namespace

void install() { RegisterXactCallback(at_end, nullptr); }

} // namespace tenancy::schema_change

using namespace tenancy;

TENANCY_FUNCTION(tenancy_announce_schema_change)
{
    schema_change::announced = true;
    PG_RETURN_VOID();
}

TENANCY_FUNCTION(tenancy_schema_change_is_announced) { PG_RETURN_BOOL(schema_change::announced); }
