// Connection strings, as far as they may be shown.
#pragma once

#include <optional>
#include <string>

namespace gateway::db {

// In keyword form, with **** for each password. Nothing when libpq does not understand it: then nothing of it may be shown.
std::optional<std::string> shown_conninfo(const std::string &conninfo);

} // namespace gateway::db
