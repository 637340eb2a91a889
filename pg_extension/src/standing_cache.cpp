#include "standing_cache.hpp"

#include "settings.hpp"

extern "C" {
#include "common/hashfn.h"
}

namespace tenancy::standing_cache {

namespace {

constexpr uint32 places = 4096;
constexpr std::size_t longest_kept = 63; // with a longer user, tenant or role the directory is asked each time
constexpr std::size_t fingerprint_size = 32;

// Compared as a whole: all bytes are set.
struct Key {
    bool has_session;
    pg_uuid_t session_id;
    bool has_tenant;
    bool has_fingerprint;
    uint8 fingerprint[fingerprint_size];
    char user_id[longest_kept + 1];
    char tenant_id[longest_kept + 1];
};

struct Entry {
    Key key;
    TimestampTz asked_at;
    directory::Version version;
    double issued; // of a signed token
    bool is_admin;
    bool has_role;
    bool has_only_tenant;
    char role[longest_kept + 1];
    char only_tenant[longest_kept + 1];
};

// Made when first needed, kept for the life of the backend.
Entry **entries = nullptr;

// Session ids are random: any four bytes of one are a hash of it.
uint32 place_of(const Key &key)
{
    uint32 number;
    if (key.has_session)
        memcpy(&number, key.session_id.data, sizeof number);
    else
        number = hash_bytes(reinterpret_cast<const unsigned char *>(&key), sizeof key);
    return number % places;
}

int64 window_us() { return static_cast<int64>(settings::membership_cache_milliseconds()) * 1000; }

bool fits(const char *text) { return text == nullptr || strlen(text) <= longest_kept; }

void set_key(Key *key, const Question &question)
{
    memset(key, 0, sizeof *key);
    key->has_session = question.session_id != nullptr;
    if (key->has_session)
        key->session_id = *question.session_id;
    key->has_tenant = question.tenant_id != nullptr;
    key->has_fingerprint = question.fingerprint != nullptr;
    if (question.fingerprint != nullptr)
        memcpy(key->fingerprint, question.fingerprint, fingerprint_size);
    strlcpy(key->user_id, question.user_id, sizeof key->user_id);
    if (question.tenant_id != nullptr)
        strlcpy(key->tenant_id, question.tenant_id, sizeof key->tenant_id);
}

// A clock that was put back makes an entry old, not young.
bool in_window(const Entry &entry, const directory::Version &now)
{
    if (window_us() == 0 || entry.version.generation != now.generation)
        return false;
    const int64 age = GetCurrentTimestamp() - entry.asked_at;
    return age >= 0 && age < window_us();
}

} // namespace

Answer find(const Question &question, const directory::Version &now)
{
    if (entries == nullptr || !fits(question.user_id) || !fits(question.tenant_id))
        return {};
    Key key;
    set_key(&key, question);
    const Entry *entry = entries[place_of(key)];
    if (entry == nullptr || memcmp(&key, &entry->key, sizeof key) != 0)
        return {};
    // Tokens are taken back up to a moment: what holds for one holds for a later one.
    if (!key.has_session && (question.issued == nullptr || *question.issued < entry->issued))
        return {};
    const char *role = entry->has_role ? entry->role : nullptr;
    const char *only_tenant = entry->has_only_tenant ? entry->only_tenant : nullptr;
    if (now.known && entry->version == now)
        return {Known::as_of_now, entry->is_admin, role, only_tenant};
    if (in_window(*entry, now))
        return {Known::a_moment_ago, entry->is_admin, role, only_tenant};
    return {};
}

void keep(const Question &question, const directory::Version &version, bool is_admin, const char *role,
          const char *only_tenant)
{
    if ((!version.known && window_us() == 0) || TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
        !fits(question.user_id) || !fits(question.tenant_id) || !fits(role) || !fits(only_tenant) ||
        (question.session_id == nullptr && question.issued == nullptr))
        return;
    if (entries == nullptr)
        entries = static_cast<Entry **>(MemoryContextAllocZero(TopMemoryContext, places * sizeof(Entry *)));
    Key key;
    set_key(&key, question);
    Entry *&entry = entries[place_of(key)];
    if (entry == nullptr)
        entry = static_cast<Entry *>(MemoryContextAllocZero(TopMemoryContext, sizeof(Entry)));
    entry->key = key;
    entry->issued = question.issued != nullptr ? *question.issued : 0;
    entry->asked_at = GetCurrentTimestamp();
    entry->version = version;
    entry->is_admin = is_admin;
    entry->has_role = role != nullptr;
    strlcpy(entry->role, role != nullptr ? role : "", sizeof entry->role);
    entry->has_only_tenant = only_tenant != nullptr;
    strlcpy(entry->only_tenant, only_tenant != nullptr ? only_tenant : "", sizeof entry->only_tenant);
}

} // namespace tenancy::standing_cache
