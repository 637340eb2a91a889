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
bool shared_index_search_value = false;
int guard_value = static_cast<int>(Guard::warn);
int session_lifetime_value = 12 * seconds_per_hour;
int session_idle_value = seconds_per_hour;
int session_retention_value = 24 * seconds_per_hour;
int membership_cache_value = 0;
int sign_in_free_failures_value = 5;
int sign_in_free_failures_per_address_value = 50;
int sign_in_longest_wait_value = 15 * 60;
int sign_in_known_address_value = 30 * 24 * seconds_per_hour;

const config_enum_entry missing_context_words[] = {{"error", static_cast<int>(MissingContext::error), false},
                                                   {"empty", static_cast<int>(MissingContext::empty), false},
                                                   {nullptr, 0, false}};

const config_enum_entry guard_words[] = {{"off", static_cast<int>(Guard::off), false},
                                         {"warn", static_cast<int>(Guard::warn), false},
                                         {"protect", static_cast<int>(Guard::protect), false},
                                         {"refuse", static_cast<int>(Guard::refuse), false},
                                         {nullptr, 0, false}};

// Only the database's owner or a superuser takes a safeguard down. Where the value comes from decides: a configuration
// file and ALTER DATABASE are theirs alone; a role's own settings and the client's start-up packet are not.
bool may_lower(const char *name, GucSource source)
{
    if (source == PGC_S_DEFAULT || InitializingParallelWorker)
        return true;
    if (context::attached()) {
        GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
        GUC_check_errmsg("%s cannot be lowered while a tenant context is set", name);
        GUC_check_errhint("Lower it before tenancy.attach(), as the owner of the database.");
        return false;
    }
    if (source == PGC_S_FILE || source == PGC_S_ARGV || source == PGC_S_GLOBAL || source == PGC_S_DATABASE)
        return true;
    const bool asks_now = source == PGC_S_SESSION || source == PGC_S_INTERACTIVE || source == PGC_S_TEST;
    if (asks_now && IsTransactionState() && superuser_or_database_owner(GetUserId()))
        return true;
    GUC_check_errcode(ERRCODE_INSUFFICIENT_PRIVILEGE);
    GUC_check_errmsg("permission denied to lower %s", name);
    GUC_check_errhint("The owner of the database or a superuser may, in a session or with ALTER DATABASE … SET.");
    return false;
}

bool check_seal(bool *value, void **, GucSource source) { return *value || may_lower("tenancy.seal", source); }

bool check_shared_index_search(bool *value, void **, GucSource source)
{
    return !*value || may_lower("tenancy.shared_index_search", source);
}

// Under "protect" and "refuse" nothing stays unprotected: everybody may choose either. What is below may be a step down
// from the value of the database, which the client's start-up packet would keep from being applied.
bool check_guard(int *value, void **, GucSource source)
{
    return *value >= static_cast<int>(Guard::protect) || may_lower("tenancy.guard", source);
}

} // namespace

bool superuser_or_database_owner(Oid role)
{
    return superuser_arg(role) || compat::owns_database(MyDatabaseId, role);
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

    DefineCustomBoolVariable(
        "tenancy.shared_index_search", "Lets a search under row security use an index that holds all tenants' words.",
        "GIN and GiST indexes then serve LIKE, @@, @> and && on protected tables. A tenant sees its own rows only, but the "
        "time of a search also depends on how many rows of others match, and somebody who measures many searches learns "
        "of it. Off, B-trees that begin with the tenant serve LIKE 'prefix%'. The owner of the database or a superuser may.",
        &shared_index_search_value, false, PGC_USERSET, 0, check_shared_index_search, nullptr, nullptr);

    DefineCustomEnumVariable(
        "tenancy.guard", "What happens when a statement takes isolation away or leaves a new table without it.",
        "\"warn\" says so and how to mend it; \"protect\" mends it and refuses what it cannot mend; \"refuse\" refuses; "
        "\"off\" does not look, and then new partitions of protected tables stay open as well. Lowering it to warn or off "
        "is for the owner of the database or a superuser.",
        &guard_value, static_cast<int>(Guard::warn), guard_words, PGC_USERSET, 0, check_guard, nullptr, nullptr);

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
        "0 asks anew after each write to what the directory reads. With a longer time a backend asks again only after it: "
        "for so long a removed membership, a disabled account, a taken admin right and a changed password do not end "
        "access on that backend. A revoked or expired session, a suspended tenant and a change of the registered "
        "directory always do at once.",
        &membership_cache_value, 0, 0, longest_membership_cache, PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);

    DefineCustomIntVariable("tenancy.sign_in_free_failures", "How many failed sign-ins a user name may have before it has to wait.",
                            "Each further failure doubles the wait, beginning with a second. It holds for an address that has "
                            "signed in with the name before, too, with a count of its own.",
                            &sign_in_free_failures_value, 5, 0, 1000, PGC_SUSET, 0, nullptr, nullptr, nullptr);

    DefineCustomIntVariable("tenancy.sign_in_free_failures_per_address",
                            "How many failed sign-ins a client address may have before it has to wait.",
                            "Counted over all names. Many people can share an address; those who have signed in from it before do "
                            "not wait for it.",
                            &sign_in_free_failures_per_address_value, 50, 0, 100000, PGC_SUSET, 0, nullptr, nullptr, nullptr);

    DefineCustomIntVariable("tenancy.sign_in_longest_wait", "How long a sign-in has to wait at most after failed ones.",
                            "Somebody who goes on guessing a name has one guess in this time, from wherever; as long without a "
                            "failure takes one failure off the count. 0 switches throttling off: passwords can then be guessed as "
                            "fast as the server hashes.",
                            &sign_in_longest_wait_value, 15 * 60, 0, 24 * seconds_per_hour, PGC_SUSET, GUC_UNIT_S, nullptr,
                            nullptr, nullptr);

    DefineCustomIntVariable("tenancy.sign_in_known_address",
                            "How long an address keeps its way in after it has signed in with a name.",
                            "Failures from elsewhere do not keep it waiting. 0 knows no addresses: whoever fails often enough with "
                            "somebody's name then keeps that person waiting as well.",
                            &sign_in_known_address_value, 30 * 24 * seconds_per_hour, 0, longest_seconds, PGC_SUSET, GUC_UNIT_S,
                            nullptr, nullptr, nullptr);
}

MissingContext on_missing_context() { return static_cast<MissingContext>(on_missing_context_value); }
bool seal() { return seal_value; }
bool shared_index_search() { return shared_index_search_value; }
Guard guard() { return static_cast<Guard>(guard_value); }
int session_lifetime_seconds() { return session_lifetime_value; }
int session_idle_seconds() { return session_idle_value; }
int membership_cache_milliseconds() { return membership_cache_value; }
int sign_in_free_failures() { return sign_in_free_failures_value; }
int sign_in_free_failures_per_address() { return sign_in_free_failures_per_address_value; }
int sign_in_longest_wait_seconds() { return sign_in_longest_wait_value; }
int sign_in_known_address_seconds() { return sign_in_known_address_value; }

} // namespace tenancy::settings
