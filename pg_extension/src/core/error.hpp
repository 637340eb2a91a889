// What core code throws, and the plain form of it that may stand on a frame Postgres jumps over.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

namespace tenancy {

// Character arrays only: a longjmp across a Report leaks nothing. Texts too long are cut.
struct Report {
    char sqlstate[6];
    char message[512];
    char detail[512];
    char hint[512];

    static Report make(std::string_view sqlstate, std::string_view message, std::string_view detail = {},
                       std::string_view hint = {}) noexcept
    {
        Report report;
        copy(report.sqlstate, sizeof report.sqlstate, sqlstate);
        copy(report.message, sizeof report.message, message);
        copy(report.detail, sizeof report.detail, detail);
        copy(report.hint, sizeof report.hint, hint);
        return report;
    }

private:
    static void copy(char *target, std::size_t size, std::string_view source) noexcept
    {
        const std::size_t length = source.size() < size ? source.size() : size - 1;
        if (length > 0) // an empty view may have no address
            std::memcpy(target, source.data(), length);
        target[length] = '\0';
    }
};

// A refusal with an SQLSTATE, a fact, and a way out. Thrown by core/, turned into an ERROR by guard.hpp.
class SqlError : public std::exception {
public:
    SqlError(std::string_view sqlstate, std::string_view message, std::string_view detail = {},
             std::string_view hint = {})
        : report_(Report::make(sqlstate, message, detail, hint))
    {
    }

    const char *what() const noexcept override { return report_.message; }
    const Report &report() const noexcept { return report_; }

private:
    Report report_;
};

} // namespace tenancy
