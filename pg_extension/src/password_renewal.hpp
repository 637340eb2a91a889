// Old password hashes become new ones at sign-in, the one moment at which the password is known.
#pragma once

#include "directory.hpp"

namespace tenancy::password_renewal {

// For a password that has just been verified against the account's hash. Where that hash is outdated and the directory has a
// setter, stores a new hash, and the sessions that the old one opened live on. A renewal that fails is a line in the server
// log and nothing else; only a cancelled statement ends the sign-in. Returns the hash that the directory holds now.
char *renew(const directory::Account &account, const text *password);

} // namespace tenancy::password_renewal
