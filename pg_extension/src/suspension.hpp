// Suspended tenants. Asked at each attach by direct index access under the latest snapshot, never cached.
#pragma once

namespace tenancy::suspension {

// 42501 when the tenant, spelled as the directory spells it, is suspended. The reason is for operators alone.
void require_not_suspended(const char *tenant_id);

} // namespace tenancy::suspension
