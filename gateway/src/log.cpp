#include "log.hpp"

#include "json.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <poll.h>
#include <unistd.h>

namespace gateway::log {

namespace {

constexpr std::array<std::string_view, 4> names = {"debug", "info", "warning", "error"};
std::atomic<Level> lowest{Level::info};
// So that a long write to a pipe is not torn apart by another one.
std::mutex writing;

thread_local int gathering = 0;
thread_local std::string gathered;

void append_number(std::string &out, long long number) {
    std::array<char, 24> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_two(std::string &out, long number) {
    out.push_back(static_cast<char>('0' + number / 10 % 10));
    out.push_back(static_cast<char>('0' + number % 10));
}

// What the log says must not be lost for a signal or a full pipe; when nobody can read it, it is.
void write_out(std::string_view text) {
    const std::lock_guard lock(writing);
    while (!text.empty()) {
        const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
        if (n >= 0) {
            text.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno == EAGAIN) {
            pollfd writable{STDERR_FILENO, POLLOUT, 0};
            ::poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return;
        }
    }
}

// 2026-11-25T14:18:07.589+01:00. The part that changes once a second is kept.
void append_time(std::string &line) {
    thread_local std::time_t second = -1;
    thread_local std::string date;
    thread_local std::string zone;
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second) {
        second = now.tv_sec;
        tm local{};
        localtime_r(&second, &local);
        std::array<char, 32> text{};
        date.assign(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &local));
        zone.assign(1, local.tm_gmtoff < 0 ? '-' : '+');
        const long minutes = std::abs(local.tm_gmtoff) / 60;
        append_two(zone, minutes / 60);
        zone.push_back(':');
        append_two(zone, minutes % 60);
    }
    const long milliseconds = now.tv_nsec / 1'000'000;
    line += date;
    line.push_back(static_cast<char>('0' + milliseconds / 100));
    append_two(line, milliseconds % 100);
    line += zone;
}

} // namespace

void set_level(const std::string &name) {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) lowest = static_cast<Level>(i);
}

Together::Together() { ++gathering; }

Together::~Together() {
    if (--gathering > 0 || gathered.empty()) return;
    write_out(gathered);
    gathered.clear();
}

void write(Level level, std::string_view message, Fields fields) {
    if (level < lowest.load(std::memory_order_relaxed)) return;
    std::string &line = gathered;
    line += "{\"time\":\"";
    append_time(line);
    line.append("\",\"level\":\"").append(names[static_cast<std::size_t>(level)]).append("\",\"message\":");
    append_json_string(line, message);
    for (const auto &[name, value] : fields) {
        if (name.empty()) continue;
        line.push_back(',');
        append_json_string(line, name);
        line.push_back(':');
        if (const auto *number = std::get_if<long long>(&value)) append_number(line, *number);
        else append_json_string(line, std::get<std::string_view>(value));
    }
    line += "}\n";
    if (gathering > 0 && level < Level::warning) return;
    write_out(line);
    line.clear();
}

} // namespace gateway::log
