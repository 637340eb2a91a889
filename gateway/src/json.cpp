#include "json.hpp"

#include "http/request.hpp"

#include <algorithm>
#include <vector>

namespace gateway {

namespace {

using nlohmann::json;

// Builds the value while it is parsed, so that depth and duplicate keys are refused before they cost anything.
class StrictBuilder : public nlohmann::json_sax<json> {
public:
    explicit StrictBuilder(std::size_t depth) : depth_(depth) {}

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t &) override { return add(value); }
    bool string(string_t &value) override { return add(std::move(value)); }
    bool binary(binary_t &) override { return fail("binary values are not JSON"); }
    bool start_object(std::size_t) override { return open(json::object()); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(string_t &name) override {
        if (stack_.back()->contains(name)) return fail("a key is there twice");
        key_ = std::move(name);
        return true;
    }

    bool parse_error(std::size_t position, const std::string &, const nlohmann::json::exception &) override {
        return fail("not valid JSON at byte " + std::to_string(position));
    }

    json root;
    std::string error;

private:
    bool fail(std::string reason) {
        error = std::move(reason);
        return false;
    }

    json *put(json value) {
        if (stack_.empty()) return &(root = std::move(value));
        json &parent = *stack_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        return &(parent[key_] = std::move(value));
    }

    bool add(json value) {
        put(std::move(value));
        return true;
    }

    bool open(json value) {
        if (stack_.size() >= depth_) return fail("nested too deeply");
        stack_.push_back(put(std::move(value)));
        return true;
    }

    bool close() {
        stack_.pop_back();
        return true;
    }

    std::size_t depth_;
    std::string key_;
    std::vector<json *> stack_;
};

} // namespace

json parse_json(std::string_view text, std::size_t depth) {
    // nlohmann's parser takes NUL for the end of the text and would ignore whatever follows it.
    if (text.find('\0') != std::string_view::npos) throw BadJson("a NUL byte is not JSON");
    StrictBuilder builder(depth);
    if (!json::sax_parse(text.begin(), text.end(), &builder)) throw BadJson(builder.error);
    return std::move(builder.root);
}

void append_json_string(std::string &out, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    const bool whole = http::valid_utf8(text);
    out.push_back('"');
    while (!text.empty()) {
        // Runs that stand as they are go in one piece.
        const auto special = std::find_if(text.begin(), text.end(), [](char c) {
            const auto byte = static_cast<unsigned char>(c);
            return byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\';
        });
        const auto plain = static_cast<std::size_t>(special - text.begin());
        out.append(text.substr(0, plain));
        if (plain == text.size()) break;
        const char c = text[plain];
        text.remove_prefix(plain + 1);
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (byte < 0x20 || byte == 0x7F) {
            out += "\\u00";
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        } else {
            out.push_back(byte >= 0x80 && !whole ? '?' : c);
        }
    }
    out.push_back('"');
}

std::string json_string(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

namespace {
std::string text_or_null(std::string_view text) { return text.empty() ? "null" : json_string(text); }
} // namespace

std::string error_json(std::string_view code, std::string_view message, std::string_view details,
                       std::string_view hint) {
    return error_json_with(code, message, text_or_null(details), hint);
}

std::string error_json_with(std::string_view code, std::string_view message, std::string_view details_json,
                            std::string_view hint) {
    return "{\"code\":" + json_string(code) + ",\"message\":" + json_string(message) +
           ",\"details\":" + std::string(details_json) + ",\"hint\":" + text_or_null(hint) + "}";
}

} // namespace gateway
