// Sessions as the change of a password sees them. A session keeps the fingerprint of the stored hash of its sign-in, and
// attach refuses it when the directory has another one.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::session {

// What the caller of tenancy.login() said of the client; an empty object without a session. May ereport.
Jsonb *client_of(const char *session_id);

// The same password has a new hash, and its sessions live on. May ereport.
void renew_fingerprint(const char *user_id, const char *old_hash, const char *new_hash);

// The password is another one: ends the user's sessions that a password opened, all but the current one, which null
// stands for none of. May ereport.
void end_others(const char *user_id, const char *current_session_id, const char *new_hash);

} // namespace tenancy::session
