#include "rest/schema_reader.hpp"

#include "rest/schema_query.hpp"
#include "rest/view_definition.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace gateway::rest {

namespace {

using nlohmann::json;
using Oid = std::uint32_t;

constexpr Oid void_type = 2278;
constexpr std::size_t deepest_view = 32;

// A value of the row, or the type's empty one for null.
template <typename T> T get(const json &row, const char *key) {
    const json &value = row.at(key);
    return value.is_null() ? T{} : value.get<T>();
}

struct CatalogType {
    std::string name;
    char kind = 'b';
    char category = 'X';
    Oid base = 0;
    int modifier = -1;
    bool not_null = false;
    Oid element = 0;
    Oid bounds = 0;
    Oid relation = 0;
    std::vector<std::string> labels;
};

struct CatalogColumn {
    int number = 0;
    Oid type = 0;
    int modifier = -1;
    bool not_null = false;
    std::string identity, generated, default_sql, comment;
    bool fixed = false;
    std::string name, user, admin;
};

struct CatalogRelation {
    std::string name;
    char kind = 'r';
    bool exposed = false;
    std::string user, admin, comment, takes;
    std::map<int, CatalogColumn> columns;
    struct Key {
        bool primary = false;
        std::vector<int> columns;
    };
    std::vector<Key> keys;
    ViewDefinition view;
    bool is_view() const { return kind == 'v' || kind == 'm'; }
};

struct CatalogForeignKey {
    std::string name;
    Oid from = 0;
    std::vector<int> from_columns;
    Oid to = 0;
    std::vector<int> to_columns;
};

// A column of a table, seen from a column of a view over it (or from itself).
struct Source {
    Oid relation = 0;
    int column = 0;
    bool of_base = true;
    std::string comment; // the first on the way down
};

Allowed allowed(const std::string &user, const std::string &admin, char letter, bool possible = true) {
    return {possible && user.find(letter) != std::string::npos, possible && admin.find(letter) != std::string::npos};
}

class Builder {
public:
    void take(std::string_view kind, const json &row) {
        if (kind == "schema") schema_.comment = get<std::string>(row, "comment");
        else if (kind == "relation") take_relation(row);
        else if (kind == "column") take_column(row);
        else if (kind == "view") relations_[row.at("relation")].view = read_view_definition(row.at("tree").get_ref<const std::string &>());
        else if (kind == "key") relations_[row.at("relation")].keys.push_back({row.at("primary"), row.at("columns")});
        else if (kind == "foreign_key")
            foreign_keys_.push_back({row.at("name"), row.at("from"), row.at("from_columns"), row.at("to"), row.at("to_columns")});
        else if (kind == "function") functions_.push_back(row);
        else if (kind == "returned") returned_[row.at("relation")][row.at("number")] = {row.at("name"), row.at("type")};
        else if (kind == "type") take_type(row);
    }

    Schema build(const std::string &name) {
        schema_.name = name;
        index_tables();
        for (const auto &[oid, relation] : relations_)
            if (relation.exposed) schema_.relations.emplace(relation.name, build_relation(oid, relation));
        for (const CatalogForeignKey &key : foreign_keys_) build_foreign_keys(key);
        std::sort(schema_.foreign_keys.begin(), schema_.foreign_keys.end(), [](const ForeignKey &a, const ForeignKey &b) {
            return std::tie(a.from, a.constraint, a.to, a.from_columns, a.to_columns) <
                   std::tie(b.from, b.constraint, b.to, b.from_columns, b.to_columns);
        });
        std::vector<std::pair<std::string, Function>> functions;
        for (const json &row : functions_) functions.emplace_back(row.at("name"), build_function(row));
        // Overloads in an order of their own, so that two readings of the same catalog are equal.
        std::sort(functions.begin(), functions.end(), [](const auto &a, const auto &b) { return order(a.second) < order(b.second); });
        for (auto &[function_name, function] : functions) schema_.functions.emplace(function_name, std::move(function));
        return std::move(schema_);
    }

private:
    struct Returned {
        std::string name;
        Oid type = 0;
    };

    static std::pair<std::string, std::vector<std::string>> order(const Function &function) {
        std::vector<std::string> types;
        for (const Argument &argument : function.arguments) types.push_back(argument.name + " " + argument.type.sql_name);
        return {function.name, types};
    }

    void take_relation(const json &row) {
        CatalogRelation &relation = relations_[row.at("oid")];
        relation.name = row.at("name");
        relation.kind = row.at("kind").get_ref<const std::string &>().at(0);
        relation.exposed = row.at("exposed");
        relation.user = get<std::string>(row, "user");
        relation.admin = get<std::string>(row, "admin");
        relation.comment = get<std::string>(row, "comment");
        relation.takes = get<std::string>(row, "takes");
    }

    void take_column(const json &row) {
        CatalogColumn column;
        column.number = row.at("number");
        column.name = row.at("name");
        column.type = row.at("type");
        column.modifier = row.at("modifier");
        column.not_null = row.at("not_null");
        column.identity = row.at("identity");
        column.generated = row.at("generated");
        column.default_sql = get<std::string>(row, "default");
        column.comment = get<std::string>(row, "comment");
        column.fixed = row.at("fixed");
        column.user = get<std::string>(row, "user");
        column.admin = get<std::string>(row, "admin");
        relations_[row.at("relation")].columns.emplace(column.number, std::move(column));
    }

    void take_type(const json &row) {
        CatalogType type;
        type.name = row.at("name");
        type.kind = row.at("kind").get_ref<const std::string &>().at(0);
        type.category = row.at("category").get_ref<const std::string &>().at(0);
        type.base = row.at("base");
        type.modifier = row.at("modifier");
        type.not_null = row.at("not_null");
        type.element = row.at("element");
        type.bounds = get<Oid>(row, "bounds");
        type.relation = row.at("relation");
        type.labels = get<std::vector<std::string>>(row, "labels");
        types_.emplace(row.at("oid"), std::move(type));
    }

    const CatalogType &catalog_type(Oid oid) const {
        static const CatalogType unknown{};
        const auto found = types_.find(oid);
        return found == types_.end() ? unknown : found->second;
    }

    // What a domain stands for, through domains over domains.
    Oid base_type(Oid oid) const {
        while (catalog_type(oid).base != 0) oid = catalog_type(oid).base;
        return oid;
    }

    Type build_type(Oid oid) const {
        const Oid base_oid = base_type(oid);
        const CatalogType &base = catalog_type(base_oid);
        Type type;
        type.sql_name = catalog_type(oid).name;
        if (base_oid != oid) type.base = base.name;
        type.kind = kind_of(base);
        if (type.kind == TypeKind::array) {
            type.element = catalog_type(base.element).name;
            type.labels = catalog_type(base_type(base.element)).labels;
        } else if (type.kind == TypeKind::range) {
            type.element = catalog_type(base.bounds).name;
        } else {
            type.labels = base.labels;
        }
        type.is_jsonb = base.name == "jsonb";
        return type;
    }

    static TypeKind kind_of(const CatalogType &type) {
        static const std::map<std::string_view, TypeKind> built_in = {
            {"smallint", TypeKind::number},      {"integer", TypeKind::number},         {"bigint", TypeKind::number},
            {"real", TypeKind::number},          {"double precision", TypeKind::number}, {"numeric", TypeKind::number},
            {"boolean", TypeKind::boolean},      {"uuid", TypeKind::uuid},              {"json", TypeKind::json},
            {"jsonb", TypeKind::json},           {"tsvector", TypeKind::text_search},   {"tsquery", TypeKind::text_search},
        };
        const auto found = built_in.find(type.name);
        if (found != built_in.end()) return found->second;
        if (type.kind == 'e') return TypeKind::enumeration;
        if (type.kind == 'c') return TypeKind::composite;
        if (type.kind == 'r' || type.kind == 'm') return TypeKind::range;
        switch (type.category) {
        case 'A': return TypeKind::array;
        case 'S': return TypeKind::text;
        case 'D':
        case 'T': return TypeKind::date_time;
        default: return TypeKind::other;
        }
    }

    // varchar(n) and char(n), also as the base of a domain.
    std::optional<int> max_length(Oid type, int modifier) const {
        for (; catalog_type(type).base != 0; type = catalog_type(type).base)
            if (modifier < 0) modifier = catalog_type(type).modifier;
        const std::string &name = catalog_type(type).name;
        if ((name != "character varying" && name != "bpchar") || modifier < 4) return std::nullopt;
        return modifier - 4;
    }

    bool forbids_null(Oid type) const {
        for (; type != 0; type = catalog_type(type).base)
            if (catalog_type(type).not_null) return true;
        return false;
    }

    // Down through views to a table's column; relation 0 when the column is an expression.
    Source source(Oid oid, int number, std::size_t depth = 0) const {
        const auto relation = relations_.find(oid);
        if (relation == relations_.end() || depth > deepest_view) return {};
        const auto column = relation->second.columns.find(number);
        if (column == relation->second.columns.end()) return {};
        if (!relation->second.is_view()) return {oid, number, true, column->second.comment};
        const auto origin = relation->second.view.columns.find(number);
        if (origin == relation->second.view.columns.end()) return {};
        Source found = source(origin->second.relation, origin->second.column, depth + 1);
        found.of_base = found.of_base && origin->second.of_base;
        if (!column->second.comment.empty()) found.comment = column->second.comment;
        return found;
    }

    // The table of which each row of the relation is one row, or 0.
    Oid base(Oid oid, std::size_t depth = 0) const {
        const auto found = relations_.find(oid);
        if (found == relations_.end() || depth > deepest_view) return 0;
        const CatalogRelation &relation = found->second;
        if (!relation.is_view()) return oid;
        for (const ViewDefinition::Joined &joined : relation.view.joined)
            if (!holds_key(joined.relation, joined.columns, depth + 1)) return 0;
        return base(relation.view.base, depth + 1);
    }

    // Whether no two rows of the relation are equal in these columns.
    bool holds_key(Oid oid, const std::vector<int> &columns, std::size_t depth = 0) const {
        const Oid table = base(oid, depth);
        if (table == 0) return false;
        std::set<int> table_columns;
        for (const int column : columns) {
            const Source found = source(oid, column);
            if (found.relation == table && found.of_base) table_columns.insert(found.column);
        }
        return covers_key(table, with_determined(table, std::move(table_columns)));
    }

    bool covers_key(Oid table, const std::set<int> &columns) const {
        const auto &keys = relations_.at(table).keys;
        return std::any_of(keys.begin(), keys.end(), [&](const CatalogRelation::Key &key) { return covers(columns, key.columns); });
    }

    static bool covers(const std::set<int> &columns, const std::vector<int> &wanted) {
        return std::all_of(wanted.begin(), wanted.end(), [&](int column) { return columns.contains(column); });
    }

    // Adds the columns that these decide: where part of a foreign key names one row, the rest of the key is that row's, as
    // the tenant is in (tenant_id, book_id) references books (tenant_id, id) with books.id unique.
    std::set<int> with_determined(Oid table, std::set<int> columns) const {
        const auto found = keys_of_.find(table);
        if (found == keys_of_.end()) return columns;
        for (bool grown = true; grown;) {
            grown = false;
            for (const CatalogForeignKey *key : found->second) {
                if (covers(columns, key->from_columns) || !never_null(table, key->from_columns)) continue;
                std::set<int> known;
                for (std::size_t i = 0; i < key->from_columns.size(); ++i)
                    if (columns.contains(key->from_columns[i])) known.insert(key->to_columns[i]);
                if (!covers_key(key->to, known)) continue;
                columns.insert(key->from_columns.begin(), key->from_columns.end());
                grown = true;
            }
        }
        return columns;
    }

    bool never_null(Oid table, const std::vector<int> &columns) const {
        return std::all_of(columns.begin(), columns.end(),
                           [&](int column) { return relations_.at(table).columns.at(column).not_null; });
    }

    // The relation's own column that is the table's column; 0 when it has none.
    int column_from(Oid oid, Oid table, int table_column, bool of_base) const {
        for (const auto &[number, column] : relations_.at(oid).columns) {
            const Source found = source(oid, number);
            if (found.relation == table && found.column == table_column && (found.of_base || !of_base)) return number;
        }
        return 0;
    }

    std::vector<std::string> names(Oid oid, const std::vector<int> &numbers) const {
        std::vector<std::string> result;
        for (const int number : numbers) result.push_back(relations_.at(oid).columns.at(number).name);
        return result;
    }

    // Nullable, default and the like are the table's, also for a view's column.
    Column build_column(Oid oid, const CatalogRelation &relation, const CatalogColumn &of) const {
        const Source found = source(oid, of.number);
        const CatalogColumn &at_table = found.relation == 0 ? of : relations_.at(found.relation).columns.at(found.column);
        Column column;
        column.name = of.name;
        column.type = build_type(of.type);
        const bool never_null = at_table.not_null && found.relation != 0 && found.of_base && base(oid) == found.relation;
        column.nullable = !never_null && !(forbids_null(of.type) && !relation.is_view());
        column.default_sql = of.default_sql.empty() && at_table.generated.empty() ? at_table.default_sql : of.default_sql;
        column.generated = !at_table.generated.empty();
        if (column.generated) column.default_sql.clear();
        column.has_default = !column.default_sql.empty() || !at_table.identity.empty();
        column.identity_always = at_table.identity == "a";
        column.max_length = max_length(of.type, of.modifier);
        column.comment = found.comment.empty() ? of.comment : found.comment;
        column.selectable = allowed(of.user, of.admin, 's');
        column.insertable = allowed(of.user, of.admin, 'i', !of.fixed && !column.generated && relation.takes.find('i') != std::string::npos);
        column.updatable = allowed(of.user, of.admin, 'u', !of.fixed && !column.generated && relation.takes.find('u') != std::string::npos);
        return column;
    }

    Relation build_relation(Oid oid, const CatalogRelation &from) const {
        static const std::map<char, RelationKind> kinds = {{'r', RelationKind::table},
                                                           {'p', RelationKind::partitioned_table},
                                                           {'v', RelationKind::view},
                                                           {'m', RelationKind::materialized_view},
                                                           {'f', RelationKind::foreign_table}};
        Relation relation;
        relation.name = from.name;
        relation.kind = kinds.at(from.kind);
        relation.comment = from.comment;
        for (const auto &[number, column] : from.columns) relation.columns.push_back(build_column(oid, from, column));
        if (const Oid table = base(oid)) {
            for (const CatalogRelation::Key &key : relations_.at(table).keys) {
                std::vector<int> columns;
                for (const int column : key.columns)
                    if (const int shown = column_from(oid, table, column, true)) columns.push_back(shown);
                // One that the view leaves out may be decided by the others.
                if (columns.size() < key.columns.size() && (!key.primary || !holds_key(oid, columns))) continue;
                relation.unique_keys.push_back(names(oid, columns));
                if (key.primary) relation.primary_key = relation.unique_keys.back();
            }
            std::sort(relation.unique_keys.begin(), relation.unique_keys.end());
        }
        const auto takes = [&](char letter) {
            return allowed(from.user, from.admin, letter, from.takes.find(letter) != std::string::npos);
        };
        relation.selectable = allowed(from.user, from.admin, 's');
        relation.insertable = takes('i');
        relation.updatable = takes('u');
        relation.deletable = takes('d');
        return relation;
    }

    void index_tables() {
        for (const CatalogForeignKey &key : foreign_keys_) keys_of_[key.from].push_back(&key);
        for (const auto &[oid, relation] : relations_) {
            if (!relation.exposed) continue;
            std::set<Oid> tables;
            for (const auto &[number, column] : relation.columns) tables.insert(source(oid, number).relation);
            for (const Oid table : tables) shown_by_[table].push_back(oid);
        }
    }

    // The key as each pair of exposed relations shows it. A pair of columns that one of them leaves out, such as the tenant,
    // may go, as long as the rest still names one row.
    void build_foreign_keys(const CatalogForeignKey &key) {
        for (const Oid from : shown_by_[key.from]) {
            for (const Oid to : shown_by_[key.to]) {
                if (base(to) != key.to) continue;
                std::vector<int> from_columns, to_columns;
                for (std::size_t i = 0; i < key.from_columns.size(); ++i) {
                    const int from_column = column_from(from, key.from, key.from_columns[i], false);
                    const int to_column = column_from(to, key.to, key.to_columns[i], true);
                    if (from_column == 0 || to_column == 0) continue;
                    from_columns.push_back(from_column);
                    to_columns.push_back(to_column);
                }
                if (from_columns.empty() || !holds_key(to, to_columns)) continue;
                schema_.foreign_keys.push_back({key.name, relations_.at(from).name, names(from, from_columns), relations_.at(to).name,
                                                names(to, to_columns), holds_key(from, from_columns)});
            }
        }
    }

    Function build_function(const json &row) const {
        Function function;
        function.name = row.at("name");
        const auto types = get<std::vector<Oid>>(row, "types");
        const auto modes = get<std::vector<std::string>>(row, "modes"); // empty: all are IN
        const auto argument_names = get<std::vector<std::string>>(row, "names");
        const auto name = [&](std::size_t i) { return i < argument_names.size() ? argument_names[i] : std::string(); };
        bool has_out = false;
        for (std::size_t i = 0; i < types.size(); ++i) {
            const char mode = modes.empty() ? 'i' : modes[i].at(0);
            if (mode == 'i' || mode == 'b' || mode == 'v')
                function.arguments.push_back({name(i), build_type(types[i]), false, mode == 'v'});
            if (mode == 'o' || mode == 'b' || mode == 't') {
                has_out = true;
                // Postgres names a column without a name so.
                const std::string column = name(i).empty() ? "column" + std::to_string(function.columns.size() + 1) : name(i);
                function.columns.push_back(bare_column(column, types[i]));
            }
        }
        const auto defaults = std::min(row.at("defaults").get<std::size_t>(), function.arguments.size());
        for (std::size_t i = function.arguments.size() - defaults; i < function.arguments.size(); ++i)
            function.arguments[i].has_default = true;
        function.returns_set = row.at("set");
        const Oid returned = row.at("returns");
        const CatalogType &type = catalog_type(returned);
        const auto relation = relations_.find(type.relation);
        if (returned == void_type) {
            function.returns = ReturnKind::nothing;
        } else if (has_out) {
            function.returns = ReturnKind::table;
        } else if (type.kind == 'c' && relation != relations_.end() && relation->second.exposed) {
            function.returns = ReturnKind::relation;
            function.returned_relation = relation->second.name;
        } else {
            function.returns = type.kind == 'c' ? ReturnKind::composite : ReturnKind::scalar;
            function.return_type = build_type(returned);
            if (const auto columns = returned_.find(type.relation); type.kind == 'c' && columns != returned_.end())
                for (const auto &[number, column] : columns->second) function.columns.push_back(bare_column(column.name, column.type));
        }
        const std::string volatility = row.at("volatility");
        function.volatility = volatility == "i"   ? Volatility::immutable
                              : volatility == "s" ? Volatility::stable
                                                  : Volatility::volatile_;
        function.comment = get<std::string>(row, "comment");
        function.executable = {row.at("user"), row.at("admin")};
        return function;
    }

    Column bare_column(std::string name, Oid type) const {
        Column column;
        column.name = std::move(name);
        column.type = build_type(type);
        return column;
    }

    std::map<Oid, CatalogRelation> relations_;
    std::map<Oid, std::vector<Oid>> shown_by_; // by table: the exposed relations with a column of it
    std::map<Oid, std::vector<const CatalogForeignKey *>> keys_of_; // by the table that refers
    std::vector<CatalogForeignKey> foreign_keys_;
    std::vector<json> functions_;
    std::map<Oid, std::map<int, Returned>> returned_;
    std::map<Oid, CatalogType> types_;
    Schema schema_;
};

} // namespace

Schema read_schema(db::Connection &connection, const std::string &name) {
    const std::array<db::Call, 2> calls{{{&schema_settings, {}}, {&schema_query, {name}}}};
    const std::vector<db::Result> results = connection.run(calls);
    const db::Result &rows = results.back();
    Builder builder;
    for (int row = 0; row < rows.rows(); ++row) builder.take(rows.text(row, 0), json::parse(rows.text(row, 1)));
    return builder.build(name);
}

} // namespace gateway::rest
