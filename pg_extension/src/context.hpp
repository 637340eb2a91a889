// The tenant context: user, tenant and access of one transaction. The truth lives in settings that only enter()
// and lend() can write (tenancy.user_id, tenancy.tenant_id, tenancy.session_id, tenancy.bypass, tenancy.role, tenancy.actor, tenancy.read_only,
// tenancy.all_roles),
// all set LOCAL: Postgres
// itself ends them at commit and rollback, restores them at ROLLBACK TO SAVEPOINT and copies them to parallel
// workers. A static beside them would be wrong in all three cases; do not add one.
#pragma once

namespace tenancy::context {

// Plain values, copied by enter(). Null means "not set".
struct Identity {
    const char *user_id;    // null: a context of an operator or a job, which has an actor instead
    const char *tenant_id;  // null: no tenant chosen yet, or a bypass
    const char *session_id; // null: a context without a session
    bool bypass;            // may see all tenants
    const char *role = nullptr;  // the user's role inside the tenant; null: none
    const char *actor = nullptr; // login of the operator who really acts; null: the user
    bool read_only = false;      // nothing is written in this context, whatever is done to transaction_read_only
    bool all_roles = false;      // has every role inside the tenant: the strongest attacker of the isolation trials
};

void define_settings();

// Whether the text is an identifier of that type, in the one spelling that its output function gives.
bool spells_bigint(const char *text);
bool spells_uuid(const char *text);

// True while this transaction has a context, a bypass included.
bool attached();

// Whether some transaction of this backend has had one. For hints, never for a decision.
bool was_attached();

// Null where not set.
const char *user_id();
const char *tenant_id();
const char *session_id();
const char *role();
bool has_all_roles();
const char *actor(); // the operator's login, else the user
bool bypassing();

// Sets the context and the role (tenancy_user or tenancy_admin) to the end of the transaction.
// Errors: 25001 already attached, 24000 a cursor WITH HOLD waits for the commit, 42501 the login role may not act as that role. May throw PgError.
void enter(const Identity &identity);

// Sets the context in the caller's own GUC nest level, which the caller closes, and leaves the role alone.
// Errors: 25001 already attached. May throw PgError.
void lend(const Identity &identity);

// A cursor WITH HOLD was declared in this transaction, which has no context: enter() will refuse with 24000.
void note_held_cursor();

// 25001 unless the transaction is without a context.
void require_detached();

// Makes the transaction read-only again where the context is. A SET is refused by the server, but RESET, set_config(…, NULL)
// and the release of a savepoint of before put READ WRITE back. Called before each statement; throws nothing.
void hold_read_only();

// What enter() will refuse whatever the identity: 25001, 24000. For callers who put on record what they are about to enter.
void require_enterable();

} // namespace tenancy::context
