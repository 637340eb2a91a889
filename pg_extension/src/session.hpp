// What a new password hash means for the sessions that the old one opened. A session keeps the fingerprint of the stored
// hash of its sign-in, and attach refuses it when the directory has another one.
#pragma once

namespace tenancy::session {

// The same password has a new hash, and its sessions live on. May ereport.
void renew_fingerprint(const char *user_id, const char *old_hash, const char *new_hash);

// The password is another one: ends the user's sessions that a password opened, all but the current one, which null
// stands for none of. May ereport.
void end_others(const char *user_id, const char *current_session_id, const char *new_hash);

} // namespace tenancy::session
