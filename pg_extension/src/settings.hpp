// The settings that people may change. Everybody reads them through these functions.
// The context itself lives in settings too, but nobody may change those: see context.hpp.
#pragma once

#include "pg_prelude.hpp"

namespace tenancy::settings {

void define();

bool superuser_or_database_owner(Oid role);

enum class MissingContext { error, empty };
enum class Guard { off, warn, protect, refuse }; // in this order: the later, the stricter

MissingContext on_missing_context(); // tenancy.on_missing_context
bool seal();                         // tenancy.seal
bool shared_index_search();          // tenancy.shared_index_search
Guard guard();                       // tenancy.guard
int session_lifetime_seconds();      // tenancy.session_lifetime
int session_idle_seconds();          // tenancy.session_idle_timeout; 0 is no idle limit
int membership_cache_milliseconds(); // tenancy.membership_cache; 0 is no cache
int sign_in_free_failures();         // tenancy.sign_in_free_failures, of a name
int sign_in_free_failures_per_address(); // tenancy.sign_in_free_failures_per_address
int sign_in_longest_wait_seconds();  // tenancy.sign_in_longest_wait; 0 is no throttling
int sign_in_known_address_seconds(); // tenancy.sign_in_known_address

} // namespace tenancy::settings
