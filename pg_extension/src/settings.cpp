#include "settings.hpp"

#include "context.hpp"
#include "pg_prelude.hpp"

namespace tenancy::settings {

namespace {

constexpr int seconds_per_hour = 3600;
constexpr int longest_seconds = 400 * 24 * seconds_per_hour;
constexpr int longest_membership_cache = 15 * 60 * 1000; // ms

int on_missing_context_value = static_cast<int>(MissingContext::error);
bool seal_value = true;
int session_lifetime_value = 12 * seconds_per_hour;
int session_idle_value = seconds_per_hour;
int session_retention_value = 24 * seconds_per_hour;
int membership_cache_value = 0;

const config_enum_entry missing_context_words[] = {{"error", static_cast<int>(MissingContext::error), false},
                                                   {"empty", static_cast<int>(MissingContext::empty), false},
                                                   {nullptr, 0, false}};

// Only the database's owner or a superuser opens the seal. Where the value comes from decides: a configuration
// file and ALTER DATABASE are theirs alone; a role's own settings and the client's start-up packet are not.
bool check_seal(bool *value, void **, GucSource source)
{
    if (*value || source == PGC_S_DEFAULT || InitializingParallelWorker)
        return true;
    if (context::attached()) {
        GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
        GUC_check_errmsg("tenancy.seal cannot be switched off while a tenant context is set");
        GUC_check_errhint("Switch it off before tenancy.attach(), as the owner of the database.");
        return false;
    }
    if (source == PGC_S_FILE || source == PGC_S_ARGV || source == PGC_S_GLOBAL || source == PGC_S_DATABASE)
        return true;
    const bool asks_now = source == PGC_S_SESSION || source == PGC_S_INTERACTIVE || source == PGC_S_TEST;
    if (asks_now && IsTransactionState() && superuser_or_database_owner())
        return true;
    GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
    GUC_check_errmsg("permission denied to switch off tenancy.seal");
    GUC_check_errhint("The owner of the database or a superuser may, in a session or with ALTER DATABASE … SET.");
    return false;
}

} // namespace

bool superuser_or_database_owner()
{
    return superuser() || compat::owns_database(MyDatabaseId, GetUserId());
}

void define()
{
    DefineCustomEnumVariable(
        "tenancy.on_missing_context", "What a protected table does where no tenant context is set.",
        "\"error\" refuses the statement and says what to do; \"empty\" shows no rows, which hides mistakes: a "
        "request that forgot tenancy.attach() then looks like a customer without data.",
        &on_missing_context_value, static_cast<int>(MissingContext::error), missing_context_words, PGC_USERSET, 0,
        nullptr, nullptr, nullptr);

    DefineCustomBoolVariable(
        "tenancy.seal", "Lets only data statements run while a tenant context is set.",
        "Switching it off lets injected SQL lock tables, listen, create temporary objects, prepare statements for "
        "the next user of a pooled connection and read hidden values out of EXPLAIN ANALYZE. For development only; "
        "the owner of the database or a superuser may.",
        &seal_value, true, PGC_USERSET, 0, check_seal, nullptr, nullptr);

    DefineCustomIntVariable("tenancy.session_lifetime", "How long a session lasts after sign-in, however busy.",
                            "Counted from sign-in; a change is true for sessions begun after it.",
                            &session_lifetime_value, 12 * seconds_per_hour, 1, longest_seconds, PGC_SUSET, GUC_UNIT_S,
                            nullptr, nullptr, nullptr);

    DefineCustomIntVariable("tenancy.session_idle_timeout", "How long a session lasts without a request.",
                            "0 switches the idle limit off: a stolen token then works until its session_lifetime ends. "
                            "The last use is written at most once a minute.",
                            &session_idle_value, seconds_per_hour, 0, longest_seconds, PGC_SUSET, GUC_UNIT_S, nullptr,
                            nullptr, nullptr);

    DefineCustomIntVariable("tenancy.session_retention", "How long an ended session is kept before it is cleaned away.",
                            "tenancy.clean_sessions() deletes sessions that were revoked or have expired, or were idle "
                            "for too long, this long ago. Until then operators see them and why they are over.",
                            &session_retention_value, 24 * seconds_per_hour, 0, longest_seconds, PGC_SUSET, GUC_UNIT_S,
                            nullptr, nullptr, nullptr);

    DefineCustomIntVariable(
        "tenancy.membership_cache", "How long tenancy.attach() may count on what the directory said of a session.",
        "0 asks at each attach. With a longer time a backend asks again only after it: for so long a removed membership, "
        "a disabled account, a taken admin right and a changed password do not end access on that backend. A revoked or "
        "expired session, a suspended tenant and a change of the registered directory always do at once.",
        &membership_cache_value, 0, 0, longest_membership_cache, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

MissingContext on_missing_context() { return static_cast<MissingContext>(on_missing_context_value); }
bool seal() { return seal_value; }
int session_lifetime_seconds() { return session_lifetime_value; }
int session_idle_seconds() { return session_idle_value; }
int membership_cache_milliseconds() { return membership_cache_value; }

} // namespace tenancy::settings
