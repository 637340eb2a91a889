// Reads the text of one query parameter from left to right, and says where it is not what was expected.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gateway::rest {

class Scanner {
public:
    Scanner(std::string_view parameter, std::string_view text) : parameter_(parameter), text_(text) {}

    bool at_end() const { return next_ == text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[next_]; } // NUL never occurs in a query
    char take() { return text_[next_++]; }
    std::size_t position() const { return next_; }
    void rewind(std::size_t position) { next_ = position; }
    bool starts_with(std::string_view wanted) const { return text_.substr(next_).starts_with(wanted); }
    bool accept(std::string_view wanted); // moves behind it if it is there
    void expect(std::string_view wanted, std::string_view description);
    void skip_blanks();
    std::string rest(); // all that is left
    [[noreturn]] void fail(std::string_view expected) const;

    // A column's, relation's or alias's name: letters, digits, space, _ $ - and non-ASCII, without blanks around it; or
    // anything in double quotes with \ before a quote.
    std::string name(std::string_view description);
    std::string quoted(); // stands on the opening quote
    std::string word();   // a-z 0-9 _ only; may be empty
    std::string until(std::string_view stops);

private:
    std::string_view parameter_;
    std::string_view text_;
    std::size_t next_ = 0;
};

} // namespace gateway::rest
