// Reads the exposed schema from the catalog, in one statement and so from one snapshot. The login needs no right but that
// to the catalogs, which harden() leaves to everybody.
#pragma once

#include "db/connection.hpp"
#include "rest/schema.hpp"

#include <string>

namespace gateway::rest {

// Relations and functions of the schema that tenancy_user or tenancy_admin may use; `version` stays 0.
// Throws db::PgFailure.
Schema read_schema(db::Connection &connection, const std::string &name);

} // namespace gateway::rest
