#include "db/conninfo.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <sstream>

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

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

Options parsed(const std::string &conninfo) {
    char *reason = nullptr; // may quote the password
    Options options(PQconninfoParse(conninfo.c_str(), &reason), &PQconninfoFree);
    PQfreemem(reason);
    return options;
}

bool is_structured(const std::string &conninfo) {
    return conninfo.find('=') != std::string::npos || conninfo.starts_with("postgresql://") ||
           conninfo.starts_with("postgres://");
}

std::vector<std::string> parts(const std::string &list) {
    std::vector<std::string> found;
    std::istringstream text(list + ",");
    for (std::string part; std::getline(text, part, ',');) found.push_back(part);
    return found;
}

} // namespace

std::optional<std::string> shown_conninfo(const std::string &conninfo) {
    if (!is_structured(conninfo)) return "dbname=" + quoted(conninfo); // as libpq reads a word alone
    const Options options = parsed(conninfo);
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

std::vector<Host> several_hosts(const std::string &conninfo) {
    const Options options = is_structured(conninfo) ? parsed(conninfo) : Options(nullptr, &PQconninfoFree);
    if (!options) return {};
    const auto value = [&](std::string_view keyword) -> std::string {
        for (const PQconninfoOption *option = options.get(); option->keyword; ++option)
            if (option->keyword == keyword && option->val) return option->val;
        return {};
    };
    if (value("target_session_attrs") == "prefer-standby") return {};
    const auto names = parts(value("host"));
    const auto addresses = parts(value("hostaddr"));
    const auto ports = parts(value("port"));
    const bool have_addresses = !value("hostaddr").empty();
    const std::size_t count = std::max(names.size(), have_addresses ? addresses.size() : 0);
    if (count < 2 || (have_addresses && addresses.size() != count) || (ports.size() != 1 && ports.size() != count)) return {};
    std::vector<Host> hosts;
    for (std::size_t i = 0; i < count; ++i) {
        Host host{names.size() == count ? names[i] : "", have_addresses ? addresses[i] : "",
                  ports.size() == count ? ports[i] : ports.front()};
        // libpq fills it in, and for an empty value here it would take the whole list.
        if (host.host.empty() && host.hostaddr.empty()) return {};
        if (host.port.empty() && ports.size() > 1) host.port = "5432";
        hosts.push_back(std::move(host));
    }
    return hosts;
}

} // namespace gateway::db
