#include "db/conninfo.hpp"

#include <libpq-fe.h>

#include <cstring>
#include <memory>

namespace gateway::db {

namespace {

std::string quoted(const std::string &value) {
    if (!value.empty() && value.find_first_of(" '\\") == std::string::npos) return value;
    std::string out = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

} // namespace

std::optional<std::string> shown_conninfo(const std::string &conninfo) {
    const bool structured = conninfo.find('=') != std::string::npos || conninfo.starts_with("postgresql://") ||
                            conninfo.starts_with("postgres://");
    if (!structured) return "dbname=" + quoted(conninfo); // as libpq reads a word alone
    char *reason = nullptr; // may quote the password
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(conninfo.c_str(), &reason),
                                                                             &PQconninfoFree);
    PQfreemem(reason);
    if (!options) return std::nullopt;
    std::string shown;
    for (const PQconninfoOption *option = options.get(); option->keyword; ++option) {
        if (!option->val) continue;
        if (!shown.empty()) shown += ' ';
        const bool secret = std::strchr(option->dispchar, '*') != nullptr;
        shown += std::string(option->keyword) + "=" + (secret ? "****" : quoted(option->val));
    }
    return shown;
}

} // namespace gateway::db
