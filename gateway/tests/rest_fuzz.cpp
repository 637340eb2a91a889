// Throws bytes at the readers and the compiler of data requests. Whatever comes in, the SQL holds no name or text of
// the request but quoted aliases of plain characters; its placeholders are the parameters, each of them; it stays
// small; and the same shape gives the same SQL.
#include "rest/error.hpp"
#include "rest_case.hpp"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace {

using namespace gateway::rest;

void require(bool holds) {
    if (!holds) std::abort();
}

// All words that a statement may hold outside of quotes.
const std::set<std::string, std::less<>> &vocabulary() {
    static const std::set<std::string, std::less<>> words = {"select",
                                                             "from",
                                                             "where",
                                                             "and",
                                                             "or",
                                                             "not",
                                                             "is",
                                                             "null",
                                                             "true",
                                                             "false",
                                                             "unknown",
                                                             "as",
                                                             "order",
                                                             "by",
                                                             "desc",
                                                             "nulls",
                                                             "first",
                                                             "last",
                                                             "limit",
                                                             "offset",
                                                             "exists",
                                                             "left",
                                                             "join",
                                                             "lateral",
                                                             "on",
                                                             "case",
                                                             "when",
                                                             "then",
                                                             "else",
                                                             "end",
                                                             "any",
                                                             "all",
                                                             "like",
                                                             "ilike",
                                                             "distinct",
                                                             "with",
                                                             "materialized",
                                                             "insert",
                                                             "into",
                                                             "update",
                                                             "set",
                                                             "delete",
                                                             "returning",
                                                             "conflict",
                                                             "do",
                                                             "nothing",
                                                             "excluded",
                                                             "union",
                                                             "ordinality",
                                                             "variadic",
                                                             "coalesce",
                                                             "json_agg",
                                                             "row_to_json",
                                                             "to_json",
                                                             "to_jsonb",
                                                             "json_build_array",
                                                             "json_array_elements",
                                                             "json_to_recordset",
                                                             "json_to_record",
                                                             "string_agg",
                                                             "array_agg",
                                                             "replace",
                                                             "count",
                                                             "to_tsvector",
                                                             "to_tsquery",
                                                             "plainto_tsquery",
                                                             "phraseto_tsquery",
                                                             "websearch_to_tsquery",
                                                             "text",
                                                             "json",
                                                             "jsonb",
                                                             "integer",
                                                             "bigint",
                                                             "smallint",
                                                             "numeric",
                                                             "real",
                                                             "double",
                                                             "precision",
                                                             "boolean",
                                                             "character",
                                                             "varying",
                                                             "timestamp",
                                                             "time",
                                                             "zone",
                                                             "without",
                                                             "date",
                                                             "interval",
                                                             "uuid",
                                                             "bytea",
                                                             "inet",
                                                             "cidr",
                                                             "macaddr",
                                                             "money",
                                                             "regconfig",
                                                             "int4range",
                                                             "tsvector",
                                                             "api",
                                                             "mood",
                                                             "source",
                                                             "payload",
                                                             "body",
                                                             "value",
                                                             "e",
                                                             "p",
                                                             "t",
                                                             "k",
                                                             "r",
                                                             "c",
                                                             "f",
                                                             "E"};
    return words;
}

const std::set<std::string, std::less<>> &schema_names(const Schema &schema) {
    static const std::set<std::string, std::less<>> names = [&] {
        std::set<std::string, std::less<>> all = {schema.name};
        for (const auto &[name, relation] : schema.relations) {
            all.insert(name);
            for (const Column &column : relation.columns) all.insert(column.name);
        }
        for (const auto &[name, function] : schema.functions) {
            all.insert(name);
            for (const Argument &argument : function.arguments) all.insert(argument.name);
            for (const Column &column : function.columns) all.insert(column.name);
        }
        for (const ForeignKey &key : schema.foreign_keys) all.insert(key.constraint);
        return all;
    }();
    return names;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool plain_alias(std::string_view name) {
    for (const char c : name)
        if (!is_letter(c) && !is_digit(c) && c != '$' && c != ' ' && c != '-' && static_cast<unsigned char>(c) < 0x80)
            return false;
    return !name.empty() && name.size() <= 63;
}

void check_sql(const Schema &schema, const std::string &sql, std::size_t parameters) {
    static const std::set<std::string_view> literals = {"''",    "'[]'", "'null'", "','",
                                                        "'\\n'", "'\"'", "'\"\"'", "'[\",\\r\\n]'"};
    std::set<std::size_t> placeholders;
    for (std::size_t i = 0; i < sql.size();) {
        const char c = sql[i];
        if (c == '"') {
            std::string name;
            for (++i; sql.at(i) != '"' || (i + 1 < sql.size() && sql[i + 1] == '"'); ++i) {
                if (sql[i] == '"') ++i;
                name.push_back(sql[i]);
            }
            ++i;
            require(schema_names(schema).contains(name) || plain_alias(name));
        } else if (c == '\'') {
            const auto end = sql.find('\'', i + 1);
            require(end != std::string::npos && literals.contains(std::string_view(sql).substr(i, end + 1 - i)));
            i = end + 1;
        } else if (c == '$') {
            std::size_t number = 0;
            for (++i; i < sql.size() && is_digit(sql[i]); ++i)
                number = number * 10 + static_cast<std::size_t>(sql[i] - '0');
            require(number >= 1 && number <= parameters);
            placeholders.insert(number);
            require(sql.compare(i, 2, "::") == 0);
        } else if (is_letter(c)) {
            const std::size_t begin = i;
            while (i < sql.size() && (is_letter(sql[i]) || is_digit(sql[i]))) ++i;
            const std::string_view word = std::string_view(sql).substr(begin, i - begin);
            const bool made = std::string_view("tjrsci").find(word[0]) != std::string_view::npos && word.size() > 1 &&
                              word.find_first_not_of("0123456789", 1) == std::string_view::npos;
            require(made || vocabulary().contains(word));
        } else {
            require(is_digit(c) || std::string_view(" ().,*=<>|&@~-:[]").find(c) != std::string_view::npos);
            require(sql.compare(i, 2, "--") != 0 && sql.compare(i, 2, "/*") != 0);
            ++i;
        }
    }
    require(placeholders.size() == parameters);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    static const Limits limits;
    static std::map<std::string, std::string> known;
    if (size < 4 || size > 10'000) return 0;
    rest_seed::Sent sent = rest_seed::read({reinterpret_cast<const char *>(data), size});
    try {
        sent.request.prefer = parse_preferences({sent.prefer});
        const Schema &schema = rest_case::schema();
        const Query query = rest_case::query_of(sent.target, sent.request, limits);
        const Statement statement = compile(schema, query, limits);
        require(statement.sql.size() < 400'000);
        check_sql(schema, statement.sql, query.parameters.size());
        if (known.size() > 20'000) known.clear();
        const auto [found, is_new] = known.emplace(query.shape, statement.sql);
        require(is_new || found->second == statement.sql);
    } catch (const Error &error) {
        require(error.status >= 300 && error.status < 500 && !error.code.empty() && !error.message.empty());
        require(error.message.size() + error.details.size() + error.hint.size() < 40'000);
    }
    return 0;
}
