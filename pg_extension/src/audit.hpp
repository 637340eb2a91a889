// The audit log, for what must stay on record whatever becomes of the transaction: each entry is written by a worker in a
// transaction of its own, before the caller goes on. SQL functions that only change things use tenancy.audit() instead.
#pragma once

namespace tenancy::audit {

// Null where there is nothing to say. Login and address of the client are added.
struct Entry {
    const char *action;
    const char *user_id = nullptr;
    const char *acting_as = nullptr;
    const char *tenant_id = nullptr;
    const char *reason = nullptr;
    const char *session_id = nullptr;
    const char *detail = nullptr; // the text of a JSON object
};

// The entry as tenancy.append_audit() takes it, for who writes it himself: JSON of at most autonomous::longest_payload bytes.
// Errors: 22023 it is too long. May ereport.
char *text_of(const Entry &entry);

// Returns when the entry is committed. On a standby, which cannot write, it goes to the server log alone.
// Errors: those of text_of() and autonomous::run(). May ereport.
void record(const Entry &entry);

// Records the first use of a session and is silent about the later ones. entry.session_id is a uuid, not null.
void record_first_use(const Entry &entry);

} // namespace tenancy::audit
