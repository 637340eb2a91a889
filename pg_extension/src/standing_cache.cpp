#include "standing_cache.hpp"

#include "directory.hpp"
#include "settings.hpp"

namespace tenancy::standing_cache {

namespace {

constexpr uint32 places = 1024;
constexpr std::size_t longest_kept = 63; // with a longer tenant or role the directory is asked each time

struct Entry {
    pg_uuid_t session_id;
    TimestampTz asked_at; // 0: free
    uint64 generation;    // of the directory
    bool has_tenant;
    bool is_admin;
    bool has_role;
    char tenant_id[longest_kept + 1];
    char role[longest_kept + 1];
};

Entry *entries = nullptr; // made when first needed, kept for the life of the backend

// Session ids are random: any four bytes of one are a hash of it.
Entry &place_of(const pg_uuid_t &session_id)
{
    uint32 number;
    memcpy(&number, session_id.data, sizeof number);
    return entries[number % places];
}

int64 window_us() { return static_cast<int64>(settings::membership_cache_milliseconds()) * 1000; }

} // namespace

Known find(const pg_uuid_t &session_id, const char *tenant_id, const char **role)
{
    if (entries == nullptr || window_us() == 0)
        return Known::nothing;
    const Entry &entry = place_of(session_id);
    const int64 age = GetCurrentTimestamp() - entry.asked_at;
    // A clock that was put back makes an entry old, not young.
    if (entry.asked_at == 0 || age < 0 || age >= window_us() || entry.generation != directory::generation() ||
        memcmp(&entry.session_id, &session_id, sizeof session_id) != 0 ||
        entry.has_tenant != (tenant_id != nullptr) ||
        (tenant_id != nullptr && strcmp(entry.tenant_id, tenant_id) != 0))
        return Known::nothing;
    *role = entry.has_role ? entry.role : nullptr;
    return entry.is_admin ? Known::admin : Known::user;
}

void keep(const pg_uuid_t &session_id, const char *tenant_id, bool is_admin, const char *role)
{
    if (window_us() == 0 || TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
        (tenant_id != nullptr && strlen(tenant_id) > longest_kept) || (role != nullptr && strlen(role) > longest_kept))
        return;
    if (entries == nullptr)
        entries = static_cast<Entry *>(MemoryContextAllocZero(TopMemoryContext, places * sizeof(Entry)));
    Entry &entry = place_of(session_id);
    entry.session_id = session_id;
    entry.asked_at = GetCurrentTimestamp();
    entry.generation = directory::generation();
    entry.has_tenant = tenant_id != nullptr;
    entry.is_admin = is_admin;
    entry.has_role = role != nullptr;
    strlcpy(entry.role, role != nullptr ? role : "", sizeof entry.role);
    strlcpy(entry.tenant_id, tenant_id != nullptr ? tenant_id : "", sizeof entry.tenant_id);
}

} // namespace tenancy::standing_cache
