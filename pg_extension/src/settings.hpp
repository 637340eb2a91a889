// The settings that people may change. Everybody reads them through these functions.
// The context itself lives in settings too, but nobody may change those: see context.hpp.
#pragma once

namespace tenancy::settings {

void define();

bool superuser_or_database_owner();

enum class MissingContext { error, empty };

MissingContext on_missing_context(); // tenancy.on_missing_context
bool seal();                         // tenancy.seal
int session_lifetime_seconds();      // tenancy.session_lifetime
int session_idle_seconds();          // tenancy.session_idle_timeout; 0 is no idle limit
int membership_cache_milliseconds(); // tenancy.membership_cache; 0 is no cache

} // namespace tenancy::settings
