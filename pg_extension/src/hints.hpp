// A way out for two errors of the server's own that tenants meet most: refused by a policy, refused for a missing right.
#pragma once

struct ErrorData;

namespace tenancy::hints {

// Gives the error a hint where it has none and a context is attached. Called while an ERROR is being reported: it asks no
// catalog and must not raise another one.
void complete(ErrorData *error);

} // namespace tenancy::hints
