// The application's accounts and memberships, asked through the two registered views. The only code that reads
// them. Every question runs as the views' owner, in a security-restricted operation, and without FORCE for the
// tables that this owner owns: so the views may read protected tables, and a function hidden in a view gets
// no more rights than its author has and leaves no setting behind. Queries name every operator and type by schema: no search_path matters.
//
// All functions may ereport; results are palloc'd in the caller's memory context.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::directory {

void init(); // once per backend: listens for changes of the registration and the views

struct Account {
    char *user_id; // null: there is no such account
    char *user_name;
    char *password_hash; // null where the account has none
    bool is_admin;
    bool disabled;
    bool ambiguous; // several accounts have this name
};

Account account_by_name(const char *user_name);
Account account_by_id(const char *user_id);

// The same text for all names that the accounts view takes for one: a collation may hold ANN and ann for equal. Asks no
// view, so that it works without a directory.
const text *name_key(const text *user_name);

// Some hash of the directory, to spend the usual time on when a name is not there. Null in an empty directory.
char *decoy_hash();

struct Memberships {
    int count;
    char *only_tenant; // set when count is 1
    Jsonb *tenants;    // [{"id": …, "name": …, "role": …}], by name, the first thousand
};

Memberships memberships_of(const char *user_id);

// What attach asks in one query.
struct Standing {
    bool active; // the account is there and not disabled
    bool is_admin;
    char *password_hash; // as stored now; null where the account has none
    char *tenant_id;     // the tenant asked for as the directory spells it; null: none asked for, or no member of it
    char *role;          // inside that tenant; null: none, or memberships that disagree
};

// Types of the identifiers, as the views have them.
Oid user_id_type();
Oid tenant_id_type();

Standing standing_of(const char *user_id, const char *tenant_id_or_null);

// Every tenant that a membership names, in the order of their type.
struct Tenants {
    int count;
    char **ids;
};

Tenants all_tenants();

// The tenant as the directory spells it, null when no membership names it.
char *tenant_with_members(const char *tenant_id);

// What a tenant is called, first of all in the user's own membership. Null when no membership names it.
char *tenant_name(const char *tenant_id, const char *user_id);

// Whether a function that stores password hashes is registered.
bool has_setter();

// Has that function store a new hash, as the views' owner in a security-restricted operation. What it does is not checked:
// ask for the account again. Errors: 55000 there is none, 42P17 it is gone or has another owner, and its own.
void set_password_hash(const char *user_id, const char *hash);

// Locks the account's row to the end of the (sub)transaction; false when the account is gone or has another hash by now.
// Waits a second at most. Errors: 55P03 somebody else is changing it, 0A000 the view cannot be locked (it groups or unites).
bool lock_password_hash(const char *user_id, const char *hash);

// What the answers of standing_of(), the suspensions and the cut-offs of signed tokens stand on. Taken before a question and equal to the one of now: the
// question would have the same answer. Not known where the views' code can change its mind without a write, see
// directory_sources.hpp, without shared_preload_libraries, on a standby, and in a transaction that has written.
struct Version {
    bool known;
    uint64 generation; // another after each change of the registration and of the definition of what is read; always set
    uint64 writes;

    bool operator==(const Version &) const = default;
};

Version version();

} // namespace tenancy::directory
