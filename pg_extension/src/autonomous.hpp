// Writes that outlive the transaction they come from: a refused sign-in raises an error, and a look past the policies can
// be rolled back, but both must stay on record. A background worker of one statement runs the task in a transaction of
// its own, as the extension's owner, while the caller waits for it.
#pragma once

namespace tenancy::autonomous {

// The tasks are functions of the schema tenancy that take one jsonb; nothing else can be run this way.
enum class Task { note_sign_in, append_audit };

// payload is the JSON text of the task's argument, at most longest_payload bytes. Returns when the task is committed.
// Errors: 53400 no background worker became free within three seconds, 58000 the task failed (the server log says why). May ereport.
constexpr int longest_payload = 16384;
void run(Task task, const char *payload);

} // namespace tenancy::autonomous
