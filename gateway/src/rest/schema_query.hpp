// The statement that read_schema() runs: $1 is the schema's name. Each row is (kind, JSON object).
#pragma once

#include "db/connection.hpp"

namespace gateway::rest {

// Makes names and expressions come out qualified, whatever search path the login has; compiling a statement that runs
// once takes longer than running it. For this transaction only.
inline const db::Statement schema_settings{
    "schema_settings", "select set_config('search_path', 'pg_catalog', true), set_config('jit', 'off', true)"};

extern const db::Statement schema_query;

} // namespace gateway::rest
