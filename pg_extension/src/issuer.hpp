// Signed tokens of trusted issuers (tenancy.issuer): who a token is for, and the context it opens. The only C++ code
// that touches tenancy.issuer and tenancy.issuer_key; they are read by direct index access, with no rights of the
// caller needed and none lent. Keys are parsed once per backend and kept until one of the tables changes.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::issuer {

void init();

// Attaches the holder of a signed token, in the tenant asked for or else in the one that is his. False when the text
// is no signed token, and nothing was done.
// Errors: 28000 for any token that is not good, 42501 for a tenant that is not the holder's. May throw.
bool attach(const text *token, const text *tenant_or_null);

// 0A000 for a signed token: it has no session in which a choice could be kept.
void refuse_to_keep_choice(const text *token);

} // namespace tenancy::issuer
