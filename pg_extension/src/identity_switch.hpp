// Runs a few calls as another role. Plain values on purpose: when an ERROR jumps over the restore, the
// (sub)transaction's abort puts the caller back itself.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy {

struct Caller {
    Oid user;
    int security_context;
};

// extra_flags are added to SECURITY_LOCAL_USERID_CHANGE.
inline Caller become(Oid role, int extra_flags)
{
    Caller caller;
    GetUserIdAndSecContext(&caller.user, &caller.security_context);
    SetUserIdAndSecContext(role, caller.security_context | SECURITY_LOCAL_USERID_CHANGE | extra_flags);
    return caller;
}

inline Oid owner_of(Oid relation)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table does not exist")));
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

inline void become_again(const Caller &caller) { SetUserIdAndSecContext(caller.user, caller.security_context); }

} // namespace tenancy
