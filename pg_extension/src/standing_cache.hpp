// What the directory said of a session: that its account is active, has the password of the sign-in, and its membership is
// there. Kept in this backend and used again while it is known to be true still, or for tenancy.membership_cache where it
// is not known. Only a yes is kept. A fixed number of places, each holding the session that came last.
#pragma once

#include "directory.hpp"

namespace tenancy::standing_cache {

struct Question {
    pg_uuid_t session_id;
    const char *user_id;
    const char *tenant_id;    // that the session has chosen, null when none
    const uint8 *fingerprint; // 32 bytes; null when no password opened the session
};

enum class Known {
    nothing,
    a_moment_ago, // within tenancy.membership_cache; suspensions are not part of it
    as_of_now     // nothing was written to what the answer was read from; the tenant is not suspended either
};

struct Answer {
    Known known;
    bool is_admin;
    const char *role; // null for none; it lasts until the next keep()
};

Answer find(const Question &question, const directory::Version &now);

// version: taken before the directory was asked. Keeps nothing while this transaction has written: it could be rolled
// back, memberships included. May ereport.
void keep(const Question &question, const directory::Version &version, bool is_admin, const char *role);

} // namespace tenancy::standing_cache
