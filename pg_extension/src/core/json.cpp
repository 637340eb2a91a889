#include "json.hpp"

#include <algorithm>
#include <cstdint>

namespace tenancy::core::json {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string &out, std::uint32_t code)
{
    const auto push = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        push(code);
    } else if (code < 0x800) {
        push(0xC0 | code >> 6);
        push(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        push(0xE0 | code >> 12);
        push(0x80 | (code >> 6 & 0x3F));
        push(0x80 | (code & 0x3F));
    } else {
        push(0xF0 | code >> 18);
        push(0x80 | (code >> 12 & 0x3F));
        push(0x80 | (code >> 6 & 0x3F));
        push(0x80 | (code & 0x3F));
    }
}

// Every reader returns false for good: what was read until then is thrown away.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool document(Value &value)
    {
        skip_blanks();
        if (!read(value, 0))
            return false;
        skip_blanks();
        return rest_.empty();
    }

private:
    void skip_blanks()
    {
        const std::size_t end = rest_.find_first_not_of(" \t\r\n");
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
    }

    bool take(char c)
    {
        if (rest_.empty() || rest_.front() != c)
            return false;
        rest_.remove_prefix(1);
        return true;
    }

    bool read(Value &value, int depth)
    {
        if (rest_.empty() || depth > deepest)
            return false;
        switch (rest_.front()) {
        case '{':
            return object(value, depth);
        case '[':
            return array(value, depth);
        case '"':
            value.kind = Kind::string;
            return string(value.text);
        case 't':
            return word("true", Kind::boolean, value);
        case 'f':
            return word("false", Kind::boolean, value);
        case 'n':
            return word("null", Kind::null, value);
        default:
            return number(value);
        }
    }

    bool word(std::string_view literal, Kind kind, Value &value)
    {
        if (!rest_.starts_with(literal))
            return false;
        rest_.remove_prefix(literal.size());
        value.kind = kind;
        value.text = literal;
        return true;
    }

    bool digits(std::size_t &end) const
    {
        const std::size_t start = end;
        while (end < rest_.size() && is_digit(rest_[end]))
            ++end;
        return end > start;
    }

    bool number(Value &value)
    {
        std::size_t end = rest_.front() == '-' ? 1 : 0;
        const std::size_t whole = end;
        if (!digits(end) || (rest_[whole] == '0' && end > whole + 1))
            return false;
        if (end < rest_.size() && rest_[end] == '.' && !digits(++end))
            return false;
        if (end < rest_.size() && (rest_[end] == 'e' || rest_[end] == 'E')) {
            ++end;
            if (end < rest_.size() && (rest_[end] == '+' || rest_[end] == '-'))
                ++end;
            if (!digits(end))
                return false;
        }
        value.kind = Kind::number;
        value.text = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return true;
    }

    bool four_hex(std::uint32_t &code)
    {
        if (rest_.size() < 4)
            return false;
        code = 0;
        for (const char c : rest_.substr(0, 4)) {
            code <<= 4;
            if (is_digit(c))
                code |= static_cast<std::uint32_t>(c - '0');
            else if (c >= 'a' && c <= 'f')
                code |= static_cast<std::uint32_t>(c - 'a' + 10);
            else if (c >= 'A' && c <= 'F')
                code |= static_cast<std::uint32_t>(c - 'A' + 10);
            else
                return false;
        }
        rest_.remove_prefix(4);
        return true;
    }

    // After "\u". NUL ends a C string, so "admin" and "admin\u0000x" would become one: refused.
    bool unicode_escape(std::string &out)
    {
        std::uint32_t code;
        if (!four_hex(code) || code == 0)
            return false;
        if (code >= 0xDC00 && code <= 0xDFFF)
            return false;
        if (code >= 0xD800 && code <= 0xDBFF) {
            std::uint32_t low;
            if (!take('\\') || !take('u') || !four_hex(low) || low < 0xDC00 || low > 0xDFFF)
                return false;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(out, code);
        return true;
    }

    bool escape(std::string &out)
    {
        if (rest_.empty())
            return false;
        const char c = rest_.front();
        rest_.remove_prefix(1);
        switch (c) {
        case '"':
        case '\\':
        case '/':
            out.push_back(c);
            return true;
        case 'b':
            out.push_back('\b');
            return true;
        case 'f':
            out.push_back('\f');
            return true;
        case 'n':
            out.push_back('\n');
            return true;
        case 'r':
            out.push_back('\r');
            return true;
        case 't':
            out.push_back('\t');
            return true;
        case 'u':
            return unicode_escape(out);
        default:
            return false;
        }
    }

    // One character beyond ASCII: no overlong form, no surrogate, nothing above U+10FFFF.
    bool multibyte(std::string &out)
    {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest_[i]); };
        const unsigned char first = byte(0);
        std::size_t length;
        unsigned char low = 0x80;
        unsigned char high = 0xBF;
        if (first >= 0xC2 && first <= 0xDF) {
            length = 2;
        } else if (first >= 0xE0 && first <= 0xEF) {
            length = 3;
            if (first == 0xE0)
                low = 0xA0;
            if (first == 0xED)
                high = 0x9F;
        } else if (first >= 0xF0 && first <= 0xF4) {
            length = 4;
            if (first == 0xF0)
                low = 0x90;
            if (first == 0xF4)
                high = 0x8F;
        } else {
            return false;
        }
        if (rest_.size() < length || byte(1) < low || byte(1) > high)
            return false;
        for (std::size_t i = 2; i < length; ++i)
            if (byte(i) < 0x80 || byte(i) > 0xBF)
                return false;
        out.append(rest_.substr(0, length));
        rest_.remove_prefix(length);
        return true;
    }

    bool string(std::string &out)
    {
        rest_.remove_prefix(1);
        while (!rest_.empty()) {
            const auto c = static_cast<unsigned char>(rest_.front());
            if (c < 0x20)
                return false;
            if (c >= 0x80) {
                if (!multibyte(out))
                    return false;
                continue;
            }
            rest_.remove_prefix(1);
            if (c == '"')
                return true;
            if (c != '\\')
                out.push_back(static_cast<char>(c));
            else if (!escape(out))
                return false;
        }
        return false;
    }

    bool array(Value &value, int depth)
    {
        value.kind = Kind::array;
        rest_.remove_prefix(1);
        skip_blanks();
        if (take(']'))
            return true;
        do {
            skip_blanks();
            if (!read(value.items.emplace_back(), depth + 1))
                return false;
            skip_blanks();
        } while (take(','));
        return take(']');
    }

    bool object(Value &value, int depth)
    {
        value.kind = Kind::object;
        rest_.remove_prefix(1);
        skip_blanks();
        if (take('}'))
            return true;
        do {
            skip_blanks();
            if (rest_.empty() || rest_.front() != '"' || !string(value.names.emplace_back()))
                return false;
            skip_blanks();
            if (!take(':'))
                return false;
            skip_blanks();
            if (!read(value.items.emplace_back(), depth + 1))
                return false;
            skip_blanks();
        } while (take(','));
        return take('}') && names_differ(value.names);
    }

    // Readers disagree on which of two members of one name counts; that is how a signature gets two meanings.
    static bool names_differ(const std::vector<std::string> &names)
    {
        std::vector<std::string_view> sorted(names.begin(), names.end());
        std::sort(sorted.begin(), sorted.end());
        return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
    }

    std::string_view rest_;
};

} // namespace

const Value *Value::find(std::string_view name) const
{
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

const std::string *Value::find_string(std::string_view name) const
{
    const Value *value = find(name);
    return value != nullptr && value->kind == Kind::string ? &value->text : nullptr;
}

std::optional<Value> parse(std::string_view text)
{
    Value value;
    if (!Reader(text).document(value))
        return std::nullopt;
    return value;
}

} // namespace tenancy::core::json
