// What the directory said of a session a moment ago: that its account is active and its membership there. Kept in this
// backend for tenancy.membership_cache and for no longer; empty when that is 0. Only a yes is kept. A fixed number of
// places, each holding the session that came last.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::standing_cache {

enum class Known { nothing, user, admin };

// tenant_id: the tenant that the session has chosen, null when none. role: set where something is known, null for none;
// it lasts until the next keep().
Known find(const pg_uuid_t &session_id, const char *tenant_id, const char **role);

// Keeps nothing while this transaction has written: it could be rolled back, memberships included. May ereport.
void keep(const pg_uuid_t &session_id, const char *tenant_id, bool is_admin, const char *role);

} // namespace tenancy::standing_cache
