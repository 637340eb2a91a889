#include "rest/body.hpp"

#include "http/request.hpp"
#include "json.hpp"
#include "rest/error.hpp"
#include "rest/query_string.hpp"

#include <algorithm>
#include <set>

namespace gateway::rest {

namespace {

// Sees the text go by and notes the keys of the rows.
class KeyReader : public nlohmann::json_sax<nlohmann::json> {
public:
    KeyReader(Body &body, const Limits &limits) : body_(body), limits_(limits) {}

    bool null() override { return scalar(std::nullopt); }
    bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
    bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
    bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
    bool number_float(number_float_t, const string_t &text) override { return scalar(text); }
    bool string(string_t &value) override { return scalar(value); }
    bool binary(binary_t &) override { return fail("binary values are not JSON"); }

    bool start_object(std::size_t) override {
        if (depth_ == row_depth()) {
            if (body_.row_sets.size() == limits_.body_rows) throw bound_error("rows of a body", limits_.body_rows);
            keys_.clear();
            seen_.clear();
        }
        return open();
    }

    bool start_array(std::size_t) override {
        if (depth_ == 0)
            body_.is_array = true;
        else if (depth_ == row_depth())
            return fail("a row is a JSON object");
        return open();
    }

    bool key(string_t &name) override {
        if (depth_ != row_depth() + 1) return true;
        if (name.find('\0') != string_t::npos || !seen_.insert(name).second) return fail("a key is there twice");
        if (keys_.size() == limits_.columns) throw bound_error("keys of a row", limits_.columns);
        keys_.push_back(name);
        return true;
    }

    bool end_object() override {
        if (--depth_ == row_depth()) end_row();
        return true;
    }

    bool end_array() override {
        --depth_;
        return true;
    }

    bool parse_error(std::size_t position, const std::string &, const nlohmann::json::exception &) override {
        return fail("not valid JSON at byte " + std::to_string(position));
    }

    std::string error;

private:
    std::size_t row_depth() const { return body_.is_array ? 1 : 0; }

    bool fail(std::string reason) {
        error = std::move(reason);
        return false;
    }

    bool open() {
        if (depth_ == limits_.json_depth) return fail("nested too deeply");
        ++depth_;
        return true;
    }

    bool scalar(std::optional<std::string> value) {
        if (depth_ <= row_depth()) return fail("a row is a JSON object");
        if (value && body_.row_sets.empty() && depth_ == row_depth() + 1)
            body_.scalars[keys_.back()] = std::move(*value);
        return true;
    }

    void end_row() {
        std::vector<std::string> sorted = keys_;
        std::sort(sorted.begin(), sorted.end());
        const auto [place, is_new] = sets_.emplace(std::move(sorted), body_.key_sets.size());
        if (is_new) body_.key_sets.push_back(keys_);
        body_.row_sets.push_back(place->second);
    }

    Body &body_;
    const Limits &limits_;
    std::size_t depth_ = 0;
    std::vector<std::string> keys_;
    std::set<std::string> seen_;
    std::map<std::vector<std::string>, std::size_t> sets_;
};

// One CSV record's fields (RFC 4180); an unquoted NULL is null. `at` moves behind it.
std::vector<std::optional<std::string>> record(std::string_view text, std::size_t &at, const Limits &limits) {
    std::vector<std::optional<std::string>> fields;
    while (true) {
        if (fields.size() == limits.columns) throw bound_error("columns of the CSV", limits.columns);
        std::string field;
        bool is_null = false;
        if (at < text.size() && text[at] == '"') {
            ++at;
            while (true) {
                const auto quote = text.find('"', at);
                if (quote == std::string_view::npos) throw body_error("the CSV has a quote without its end");
                field += text.substr(at, quote - at);
                at = quote + 1;
                if (at == text.size() || text[at] != '"') break;
                field.push_back('"');
                ++at;
            }
        } else {
            const auto end = std::min(text.find_first_of(",\r\n", at), text.size());
            field = text.substr(at, end - at);
            at = end;
            is_null = field == "NULL";
        }
        if (is_null)
            fields.emplace_back();
        else
            fields.emplace_back(std::move(field));
        if (at == text.size()) return fields;
        if (text[at] == ',') {
            ++at;
            continue;
        }
        if (text[at] == '\r') ++at;
        if (at < text.size() && text[at] == '\n') {
            ++at;
            return fields;
        }
        throw body_error("the CSV has text behind a closing quote or a line end that is none");
    }
}

} // namespace

Body read_json_body(std::string_view text, const Limits &limits) {
    // nlohmann's parser takes NUL for the end of the text and would ignore whatever follows it.
    if (text.find('\0') != std::string_view::npos) throw body_error("a NUL byte is not JSON");
    Body body;
    KeyReader reader(body, limits);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) throw body_error(reader.error);
    body.json = text;
    return body;
}

Body read_csv_body(std::string_view text, const Limits &limits) {
    if (text.find('\0') != std::string_view::npos || !http::valid_utf8(text))
        throw body_error("the CSV is not UTF-8 text");
    if (text.empty()) throw body_error("the CSV is empty", "Its first line names the columns.");
    std::size_t at = 0;
    Body body;
    body.is_array = true;
    body.key_sets.emplace_back();
    std::set<std::string> seen;
    for (auto &name : record(text, at, limits)) {
        if (!name || name->empty()) throw body_error("the CSV has a column without a name");
        if (!seen.insert(*name).second) throw body_error("the CSV has a column twice");
        body.key_sets[0].push_back(std::move(*name));
    }
    const std::vector<std::string> &names = body.key_sets[0];
    body.json = "[";
    while (at < text.size()) {
        if (body.row_sets.size() == limits.body_rows) throw bound_error("rows of a body", limits.body_rows);
        const auto fields = record(text, at, limits);
        if (fields.size() != names.size())
            throw body_error("line " + std::to_string(body.row_sets.size() + 2) +
                             " of the CSV has other columns than its first");
        body.json += body.row_sets.empty() ? "{" : ",{";
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (i > 0) body.json.push_back(',');
            append_json_string(body.json, names[i]);
            body.json.push_back(':');
            if (fields[i])
                append_json_string(body.json, *fields[i]);
            else
                body.json += "null";
            if (body.row_sets.empty() && fields[i]) body.scalars[names[i]] = *fields[i];
        }
        body.json.push_back('}');
        body.row_sets.push_back(0);
    }
    body.json.push_back(']');
    return body;
}

Body read_form_body(std::string_view text, const Limits &limits) {
    Body body;
    body.json = "{";
    body.key_sets.emplace_back();
    body.row_sets.push_back(0);
    for (Parameter &field : parse_form(text, limits)) {
        if (!body.scalars.emplace(field.name, field.value).second) throw body_error("the form has a field twice");
        if (body.json.size() > 1) body.json.push_back(',');
        append_json_string(body.json, field.name);
        body.json.push_back(':');
        append_json_string(body.json, field.value);
        body.key_sets[0].push_back(std::move(field.name));
    }
    body.json.push_back('}');
    return body;
}

} // namespace gateway::rest
