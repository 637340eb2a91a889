// What the directory said of a session: that its account is active, has the password of the sign-in, and its membership is
// there; and of the user of a signed token: that the account is active and a member of the tenant. Kept in this backend and used again while it is known to be true still, or for tenancy.membership_cache where it
// is not known. Only a yes is kept. A fixed number of places, each holding the session that came last.
#pragma once

#include "directory.hpp"

namespace tenancy::standing_cache {

struct Question {
    const pg_uuid_t *session_id; // null: a signed token
    const char *user_id;
    const char *tenant_id;    // that the session has chosen or the token shall open, null when none
    const uint8 *fingerprint; // 32 bytes; null when no password opened the session
    const double *issued;     // when the token was, which operators may have taken back; null: it does not say, or a session
};

enum class Known {
    nothing,
    a_moment_ago, // within tenancy.membership_cache; suspensions are not part of it
    as_of_now     // nothing was written to what the answer was read from; neither is the tenant suspended nor the token taken back
};

struct Answer {
    Known known;
    bool is_admin;
    const char *role;   // null for none; both last until the next keep()
    const char *tenant; // of a signed token that was attached without one: the user's only tenant, null for none or several
};

Answer find(const Question &question, const directory::Version &now);

// version: taken before the directory was asked. Keeps nothing while this transaction has written: it could be rolled
// back, memberships included. May ereport.
void keep(const Question &question, const directory::Version &version, bool is_admin, const char *role,
          const char *only_tenant = nullptr);

} // namespace tenancy::standing_cache
