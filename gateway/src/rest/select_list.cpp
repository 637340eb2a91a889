#include "rest/select_list.hpp"

#include "rest/error.hpp"
#include "rest/field.hpp"

#include <algorithm>
#include <array>

namespace gateway::rest {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 33> casts = {{
    {"bigint", "bigint"},
    {"bool", "boolean"},
    {"boolean", "boolean"},
    {"bytea", "bytea"},
    {"char", "text"},
    {"cidr", "cidr"},
    {"date", "date"},
    {"decimal", "numeric"},
    {"double precision", "double precision"},
    {"float", "double precision"},
    {"float4", "real"},
    {"float8", "double precision"},
    {"inet", "inet"},
    {"int", "integer"},
    {"int2", "smallint"},
    {"int4", "integer"},
    {"int8", "bigint"},
    {"integer", "integer"},
    {"interval", "interval"},
    {"json", "json"},
    {"jsonb", "jsonb"},
    {"money", "money"},
    {"numeric", "numeric"},
    {"real", "real"},
    {"smallint", "smallint"},
    {"text", "text"},
    {"time", "time without time zone"},
    {"timestamp", "timestamp without time zone"},
    {"timestamptz", "timestamp with time zone"},
    {"timetz", "time with time zone"},
    {"uuid", "uuid"},
    {"varchar", "character varying"},
    {"macaddr", "macaddr"},
}};

// A name that goes into SQL, quoted: too long a one would be cut, and other characters have no business there.
std::string checked_alias(Scanner &scanner, std::string alias) {
    const bool plain = std::all_of(alias.begin(), alias.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
               c == ' ' || c == '-' || static_cast<unsigned char>(c) >= 0x80;
    });
    if (!plain || alias.size() > 63)
        scanner.fail("a name of letters, digits, spaces, _ $ and -, at most 63 bytes long");
    return alias;
}

class SelectReader {
public:
    SelectReader(Scanner &scanner, Builder &builder) : scanner_(scanner), builder_(builder) {}

    void read(Level &level, std::size_t depth) {
        do {
            scanner_.skip_blanks();
            item(level, depth);
            scanner_.skip_blanks();
        } while (scanner_.accept(","));
    }

private:
    void item(Level &level, std::size_t depth) {
        if (scanner_.accept("...")) {
            embedding(level, depth, scanner_.name("a resource name"), {}, true);
            return;
        }
        if (scanner_.accept("*")) {
            builder_.count_column();
            level.columns.push_back({{"*", {}}, {}, {}});
            return;
        }
        std::string name = scanner_.name("a column, a resource or *");
        std::string alias;
        if (scanner_.peek() == ':' && !scanner_.starts_with("::")) {
            scanner_.take();
            alias = checked_alias(scanner_, std::move(name));
            name = scanner_.name("a column or a resource");
        }
        if (scanner_.peek() == '(' || scanner_.peek() == '!')
            embedding(level, depth, std::move(name), std::move(alias), false);
        else
            column(level, std::move(name), std::move(alias));
    }

    void column(Level &level, std::string name, std::string alias) {
        builder_.count_column();
        std::string last_key = name;
        SelectColumn column;
        column.field.name = std::move(name);
        read_path(scanner_, builder_, column.field, &last_key);
        if (scanner_.peek() == '.') throw aggregate_error();
        if (scanner_.accept("::")) {
            const std::string wanted = scanner_.name("a type name");
            column.cast = cast_type(wanted);
            if (column.cast.empty())
                throw Error(400, "PGRST100", "an answer cannot be cast to '" + wanted + "'", {},
                            "Cast to text, a number, date, time, boolean, uuid or json type.");
            if (scanner_.peek() == '.') throw aggregate_error();
        }
        // Without a path the name is a column's, and the schema decides about it.
        const bool from_client = !alias.empty() || !column.field.path.empty();
        column.alias = alias.empty() ? std::move(last_key) : std::move(alias);
        if (from_client) column.alias = checked_alias(scanner_, std::move(column.alias));
        level.columns.push_back(std::move(column));
    }

    void embedding(Level &level, std::size_t depth, std::string target, std::string alias, bool spread) {
        builder_.count_embedding();
        if (depth == builder_.limits.embedding_depth)
            throw bound_error("levels of embedded resources", builder_.limits.embedding_depth);
        Embedding embedding;
        embedding.target = std::move(target); // found in the schema later, or refused
        embedding.alias = std::move(alias);
        embedding.spread = spread;
        bool joined = false;
        while (scanner_.accept("!")) {
            std::string word = scanner_.name("a hint, inner or left");
            if (!joined && (word == "inner" || word == "left")) {
                joined = true;
                embedding.inner = word == "inner";
            } else if (embedding.hint.empty()) {
                embedding.hint = std::move(word);
            } else {
                scanner_.fail("one hint and one of inner and left");
            }
        }
        scanner_.expect("(", "(");
        scanner_.skip_blanks();
        if (scanner_.peek() != ')') read(embedding.level, depth + 1);
        scanner_.expect(")", ") or ,");
        if (embedding.target == "count" && embedding.level.columns.empty() && embedding.level.embeddings.empty())
            throw aggregate_error();
        for (const Embedding &other : level.embeddings)
            if (other.name() == embedding.name())
                throw Error(400, "PGRST100", "'" + embedding.name() + "' is embedded twice", {},
                            "Give each a name of its own: one:" + embedding.target + "(…),other:" + embedding.target +
                                "(…).");
        level.embeddings.push_back(std::move(embedding));
    }

    Scanner &scanner_;
    Builder &builder_;
};

} // namespace

std::string_view cast_type(std::string_view name) {
    for (const auto &[known, type] : casts)
        if (known == name) return type;
    return {};
}

void read_select(Level &level, std::string_view text, Builder &builder) {
    Scanner scanner("select", text);
    scanner.skip_blanks();
    if (scanner.at_end()) {
        level.columns.push_back({{"*", {}}, {}, {}});
        return;
    }
    SelectReader(scanner, builder).read(level, 0);
    if (!scanner.at_end()) scanner.fail("a comma or the end");
}

} // namespace gateway::rest
