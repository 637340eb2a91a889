#include "log.hpp"

#include "json.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace gateway::log {

namespace {

spdlog::logger &logger() {
    static const std::shared_ptr<spdlog::logger> instance = [] {
        auto made = std::make_shared<spdlog::logger>("gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
        return made;
    }();
    return *instance;
}

spdlog::level::level_enum spdlog_level(Level level) {
    switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warning: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

} // namespace

void set_level(const std::string &name) { logger().set_level(spdlog::level::from_str(name)); }

void write(Level level, std::string_view message, Fields fields) {
    if (!logger().should_log(spdlog_level(level))) return;
    std::string line = "\"message\":" + json_string(message);
    for (const auto &[name, value] : fields) {
        if (name.empty()) continue;
        line.push_back(',');
        append_json_string(line, name);
        line.push_back(':');
        if (const auto *number = std::get_if<long long>(&value)) line += std::to_string(*number);
        else append_json_string(line, std::get<std::string_view>(value));
    }
    logger().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

} // namespace gateway::log
