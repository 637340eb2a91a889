// What a new password hash means for the sessions that the old one opened. A session keeps the fingerprint of the stored
// hash of its sign-in, and attach refuses it when the directory has another one.
#pragma once

#include <cstdint>

namespace tenancy::session {

// The same password has a new hash, and its sessions live on. May ereport.
void renew_fingerprint(const char *user_id, const char *old_hash, const char *new_hash);

// The password is another one: ends the user's sessions that a password opened, all but the current one, which null
// stands for none of. May ereport.
void end_others(const char *user_id, const char *current_session_id, const char *new_hash);

struct JobToken {
    const char *token;
    const char *session_id;
};

// A session without a password, for a worker. expires_at is a TimestampTz. The caller has checked all four. May ereport.
JobToken begin_job(const char *user_id, const char *tenant_id, std::int64_t expires_at, const char *purpose);

} // namespace tenancy::session
