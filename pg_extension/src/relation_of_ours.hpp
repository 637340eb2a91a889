// The extension's own tables and indexes by name, for direct access without rights of the caller. Looked up at each
// attach, so what the names mean is kept until the server tells of a change of it.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy {

void init_relations_of_ours(); // once per backend

// name: a literal. 42P01 when there is none.
Oid relation_of_ours(const char *name);

} // namespace tenancy
