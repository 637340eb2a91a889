// Signed tokens that operators have taken back. Asked at each attach of one by direct index access under the latest
// snapshot, never cached.
#pragma once

namespace tenancy::token_cutoff {

// Whether a token of this user was taken back: for this tenant, or with null everywhere; the two are asked apart, because
// the second is to be known before anything is said about tenants. `issued` is its iat in seconds since 1970; null when it
// has none, and then it may be of any time.
bool covers(const char *user_id, const char *tenant_id, const double *issued);

} // namespace tenancy::token_cutoff
