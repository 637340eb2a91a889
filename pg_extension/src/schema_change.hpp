// The notification that the schema has changed.
#pragma once

namespace tenancy::schema_change {

void install();

} // namespace tenancy::schema_change
