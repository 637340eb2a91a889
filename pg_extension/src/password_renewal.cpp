#include "core/password.hpp"

#include "password_renewal.hpp"

#include "guard.hpp"
#include "session.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace tenancy::password_renewal {

namespace {

constexpr int longest_hash = 512; // libxcrypt's own bound is 384

std::string_view view(const text *password)
{
    return {VARDATA_ANY(password), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(password))};
}

// False for a password of which no hash is made, such as an empty one.
bool make_hash(const text *password, char (&hash)[longest_hash])
{
    try {
        const std::string made = core::password::hash(view(password));
        strlcpy(hash, made.c_str(), sizeof hash);
        return true;
    } catch (const SqlError &) {
        return false;
    }
}

// False when somebody has changed the password since it was verified: the old one must not come back.
bool store(const directory::Account &account, const char *new_hash)
{
    if (!directory::lock_password_hash(account.user_id, account.password_hash))
        return false;
    directory::set_password_hash(account.user_id, new_hash);
    const directory::Account now = directory::account_by_id(account.user_id);
    if (now.password_hash == nullptr || strcmp(now.password_hash, new_hash) != 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the directory's setter did not store the new password hash")));
    session::renew_fingerprint(account.user_id, account.password_hash, new_hash);
    return true;
}

// In a subtransaction, so that the sign-in goes on when the application's setter fails.
bool try_to_store(const directory::Account &account, const char *new_hash)
{
    MemoryContext caller = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    bool stored = false;
    ErrorData *failure = nullptr;

    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(caller);
    try {
        call_postgres([&] { stored = store(account, new_hash); });
    } catch (const PgError &e) {
        failure = e.data;
    }
    if (failure == nullptr)
        ReleaseCurrentSubTransaction();
    else
        RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(caller);
    CurrentResourceOwner = owner;

    if (failure == nullptr)
        return stored;
    if (failure->sqlerrcode == ERRCODE_QUERY_CANCELED)
        ReThrowError(failure);
    // The setter's own text could quote the hash.
    ereport(LOG, (errcode(failure->sqlerrcode),
                  errmsg("the password hash of user \"%s\" was not renewed: SQLSTATE %s", account.user_id,
                         unpack_sql_state(failure->sqlerrcode)),
                  errhint("Call the function that tenancy.use_directory() registered, as the owner of the views, to see why.")));
    return false;
}

} // namespace

char *renew(const directory::Account &account, const text *password)
{
    if (XactReadOnly || !core::password::outdated(account.password_hash) || !directory::has_setter())
        return account.password_hash;

    // No std::string lives on while Postgres is called.
    char new_hash[longest_hash];
    if (!make_hash(password, new_hash))
        return account.password_hash;
    if (try_to_store(account, new_hash))
        return pstrdup(new_hash);

    // Another sign-in of the same user may have been first. The session must hold to what the directory has now, or attach
    // would take the renewal for a change of the password.
    const directory::Account now = directory::account_by_id(account.user_id);
    const bool renewed_by_another = now.password_hash != nullptr && strcmp(now.password_hash, account.password_hash) != 0 &&
                                    core::password::verify(view(password), now.password_hash);
    return renewed_by_another ? now.password_hash : account.password_hash;
}

} // namespace tenancy::password_renewal
