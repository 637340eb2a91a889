// The statement that read_schema() runs: $1 is the schema's name. Each row is (kind, JSON object).
#pragma once

#include "db/connection.hpp"

namespace gateway::rest {

// For this transaction only. Names and expressions come out qualified, whatever search path the login has. Compiling a
// statement that runs once takes longer than running it. Whether a view can be written is asked with a short lock on it:
// behind a migration it is better to come again than to wait with a connection in hand.
inline const db::Statement schema_settings{
    "schema_settings", "select set_config('search_path', 'pg_catalog', true), set_config('jit', 'off', true), "
                       "set_config('lock_timeout', '300ms', true)"};

extern const db::Statement schema_query;

} // namespace gateway::rest
