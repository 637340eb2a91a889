// A user's change of the own password, in the user's own context. The new hash goes to the application through the
// directory's setter; the sessions that the old password opened end with the same commit, all but the current one.
#include "core/password.hpp"

#include "context.hpp"
#include "directory.hpp"
#include "guard.hpp"
#include "session.hpp"
#include "throttle.hpp"

namespace tenancy {

namespace {

constexpr int longest_hash = 512; // libxcrypt's own bound is 384

std::string_view view(const text *characters)
{
    return {VARDATA_ANY(characters), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(characters))};
}

text *text_argument(FunctionCallInfo fcinfo, int number)
{
    return PG_ARGISNULL(number) ? cstring_to_text("") : PG_GETARG_TEXT_PP(number);
}

[[noreturn]] void refuse_password()
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PASSWORD), errmsg("wrong password"),
                    errhint("Give the password that you sign in with as the first argument.")));
    pg_unreachable();
}

// A stolen session is no way round the waits of sign-in: wrong passwords count there and here alike.
void require_password(const directory::Account &account, const text *password)
{
    if (account.user_id == nullptr || account.user_name == nullptr || account.disabled || account.password_hash == nullptr)
        refuse_password();
    const throttle::Attempt attempt =
        throttle::admit(cstring_to_text(account.user_name), session::client_of(context::session_id()));
    if (!core::password::verify(view(password), account.password_hash)) {
        throttle::note_failure(attempt);
        refuse_password();
    }
    throttle::note_success(attempt);
}

} // namespace

} // namespace tenancy

using namespace tenancy;

TENANCY_FUNCTION(tenancy_change_password)
{
    const char *user_id = context::user_id();
    if (user_id == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("no user in this transaction"),
                        errhint("Call tenancy.attach(token) as the first statement of the transaction.")));
    const text *old_password = text_argument(fcinfo, 0);
    const text *new_password = text_argument(fcinfo, 1);
    const directory::Account account = directory::account_by_id(user_id);
    require_password(account, old_password);

    // The std::string is gone before Postgres is called again.
    char new_hash[longest_hash];
    {
        const std::string made = core::password::hash(view(new_password));
        strlcpy(new_hash, made.c_str(), sizeof new_hash);
    }
    // A password that somebody else has set since, an operator who shuts a thief out for example, stays.
    if (!directory::lock_password_hash(user_id, account.password_hash))
        refuse_password();
    directory::set_password_hash(user_id, new_hash);

    // What the directory holds now is what sign-in will ask and what attach compares.
    const directory::Account now = directory::account_by_id(user_id);
    if (now.password_hash == nullptr || strcmp(now.password_hash, new_hash) != 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the directory's setter did not store the new password hash"),
                        errhint("The function registered with tenancy.use_directory() must store the hash as it gets it.")));
    session::end_others(user_id, context::session_id(), new_hash);
    PG_RETURN_VOID();
}
