// Suspended tenants. Asked by direct index access under the latest snapshot, at each attach that does not know that nobody
// has written to them since it asked last.
#pragma once

namespace tenancy::suspension {

// The tenant is spelled as the directory spells it.
bool is_suspended(const char *tenant_id);

// 42501 when the tenant is suspended. The reason is for operators alone.
void require_not_suspended(const char *tenant_id);

} // namespace tenancy::suspension
