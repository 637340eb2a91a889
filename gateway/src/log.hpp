// JSON log lines on stderr. A line is a message and fields; nothing that came with a request but its method and path
// is ever a field, so tokens, cookies and passwords cannot get into the log.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace gateway::log {

enum class Level { debug, info, warning, error };

using Value = std::variant<std::string_view, long long>;
using Fields = // a field without a name is left out
    std::initializer_list<std::pair<std::string_view, Value>>;

void set_level(const std::string &name); // as checked by config

// While it lives, this thread's lines wait, to go out in one write at its end; a warning or an error takes them along at once.
class Together {
public:
    Together();
    ~Together();
    Together(const Together &) = delete;
    Together &operator=(const Together &) = delete;
};

void write(Level level, std::string_view message, Fields fields = {});

} // namespace gateway::log
