#include "rest/scanner.hpp"

#include "rest/error.hpp"

#include <algorithm>

namespace gateway::rest {

namespace {

bool is_name_byte(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           c == ' ' || static_cast<unsigned char>(c) >= 0x80;
}

} // namespace

bool Scanner::accept(std::string_view wanted) {
    if (!starts_with(wanted)) return false;
    next_ += wanted.size();
    return true;
}

void Scanner::expect(std::string_view wanted, std::string_view description) {
    if (!accept(wanted)) fail(description);
}

void Scanner::skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++next_;
}

std::string Scanner::rest() {
    std::string all(text_.substr(next_));
    next_ = text_.size();
    return all;
}

void Scanner::fail(std::string_view expected) const { throw parse_error(parameter_, next_ + 1, expected); }

std::string Scanner::name(std::string_view description) {
    skip_blanks();
    if (peek() == '"') {
        std::string found = quoted();
        if (found.empty()) fail(description);
        skip_blanks();
        return found;
    }
    const std::size_t begin = next_;
    while (!at_end() && (is_name_byte(peek()) || (peek() == '-' && !starts_with("->")))) ++next_;
    std::string found(text_.substr(begin, next_ - begin));
    found.erase(found.find_last_not_of(' ') + 1);
    if (found.empty()) fail(description);
    return found;
}

std::string Scanner::quoted() {
    std::string found;
    ++next_;
    while (peek() != '"') {
        if (at_end()) fail("a closing double quote");
        if (peek() == '\\') ++next_;
        if (at_end()) fail("a closing double quote");
        found.push_back(take());
    }
    ++next_;
    return found;
}

std::string Scanner::word() {
    const std::size_t begin = next_;
    while ((peek() >= 'a' && peek() <= 'z') || (peek() >= '0' && peek() <= '9') || peek() == '_') ++next_;
    return std::string(text_.substr(begin, next_ - begin));
}

std::string Scanner::until(std::string_view stops) {
    const std::size_t end = std::min(text_.find_first_of(stops, next_), text_.size());
    std::string found(text_.substr(next_, end - next_));
    next_ = end;
    return found;
}

} // namespace gateway::rest
