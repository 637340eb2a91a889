// Hints of the server's own errors that row security and rights raise: where to ask why.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::hints {

// Called while an error is reported, maybe because memory has run out: never raises, reads no catalog.
void add(ErrorData *error) noexcept;

} // namespace tenancy::hints
