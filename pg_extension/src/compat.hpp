// Every test of PG_VERSION_NUM in the project. Included by pg_prelude.hpp alone.
#pragma once

#if PG_VERSION_NUM < 140000
#error "tenancy needs PostgreSQL 14 or newer: the fixed names of built-in functions begin there"
#endif

// PostgreSQL's own macro names the format of the compiler that it was built with, which clang does not know.
#define TENANCY_PRINTF(format_argument, first_argument) __attribute__((format(printf, format_argument, first_argument)))

#include <cstdlib>

namespace tenancy::compat {

// The memory of a setting's "extra": malloc until 15, the server's own allocator since 16. Null when there is none.
inline void *guc_allocate(std::size_t size)
{
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, size);
#else
    return std::malloc(size);
#endif
}

// No other extension or role setting may make up settings under our prefix.
inline void reserve_setting_prefix(const char *prefix)
{
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved(prefix);
#else
    EmitWarningsOnPlaceholders(prefix);
#endif
}

// May the member become the role with SET ROLE?
inline bool may_set_role(Oid member, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return member_can_set_role(member, role);
#else
    return is_member_of_role(member, role);
#endif
}

// Has the member the role's rights, or may it take them with SET ROLE? Since 16 a membership may give neither, as the one
// that CREATE ROLE gives to its caller: it only lets him grant the role.
inline bool holds_role(Oid member, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return has_privs_of_role(member, role) || member_can_set_role(member, role);
#else
    return is_member_of_role(member, role);
#endif
}

// The same for who was made a member by name: that superusers hold every role does not count.
inline bool holds_role_by_grant(Oid member, Oid role)
{
    return is_member_of_role_nosuper(member, role) && holds_role(member, role);
}

// Counters and times of access of other tenants' that later versions have added; see seal::check_function().
inline bool is_newer_access_counter([[maybe_unused]] Oid function)
{
#if PG_VERSION_NUM >= 180000
    if (function == F_PG_STAT_GET_BACKEND_IO || function == F_PG_STAT_GET_BACKEND_WAL)
        return true;
#endif
#if PG_VERSION_NUM >= 160000
    return function == F_PG_STAT_GET_LASTSCAN || function == F_PG_STAT_GET_TUPLES_NEWPAGE_UPDATED ||
           function == F_PG_STAT_GET_XACT_TUPLES_NEWPAGE_UPDATED || function == F_PG_STAT_GET_IO;
#else
    return false;
#endif
}

inline bool owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, database, role);
#else
    return pg_database_ownercheck(database, role);
#endif
}

// Shared memory is asked for in a hook of its own since 15, and at the load of the library until then. Returns the hook that
// was there before.
using SharedMemoryRequest = void (*)();

inline SharedMemoryRequest request_shared_memory(SharedMemoryRequest request)
{
#if PG_VERSION_NUM >= 150000
    const SharedMemoryRequest before = shmem_request_hook;
    shmem_request_hook = request;
    return before;
#else
    request();
    return nullptr;
#endif
}

// Tree walkers took any function until 15; since 16 their callback has a type.
using Walker = bool (*)(Node *, void *);

inline bool walk_expression(Node *node, Walker walker, void *context)
{
#if PG_VERSION_NUM >= 160000
    return expression_tree_walker(node, walker, context);
#else
    return expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context);
#endif
}

inline bool walk_query(Query *query, Walker walker, void *context, int flags = 0)
{
#if PG_VERSION_NUM >= 160000
    return query_tree_walker(query, walker, context, flags);
#else
    return query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context, flags);
#endif
}

} // namespace tenancy::compat
