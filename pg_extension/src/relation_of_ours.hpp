// The extension's own tables and indexes by name, for direct access without rights of the caller.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy {

inline Oid relation_of_ours(const char *name)
{
    const Oid relation = get_relname_relid(name, get_namespace_oid("tenancy", false));
    if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"tenancy.%s\" is not there", name),
                        errhint("Run CREATE EXTENSION tenancy in this database.")));
    return relation;
}

} // namespace tenancy
