// The library's entry: one line per module, in order.
#include "context.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "hooks.hpp"
#include "issuer.hpp"
#include "relation_of_ours.hpp"
#include "row_checks.hpp"
#include "schema_change.hpp"
#include "settings.hpp"
#include "table_changes.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void)
{
    tenancy::settings::define();
    tenancy::context::define_settings();
#ifdef TENANCY_FAULTS
    tenancy::faults::define_setting();
#endif
    tenancy::compat::reserve_setting_prefix("tenancy"); // last: what is still unclaimed under it is forged
    tenancy::table_changes::init();
    tenancy::init_relations_of_ours();
    tenancy::directory::init();
    tenancy::issuer::init();
    tenancy::hooks::install();
    tenancy::row_checks::install();
    tenancy::schema_change::install();
}
