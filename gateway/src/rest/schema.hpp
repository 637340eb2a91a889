// What the exposed schema offers, read from the catalog once and never changed after: relations, the foreign keys
// between them, functions. The only source of identifiers and type names in SQL. A reader holds a
// shared_ptr<const Schema>, so that a reload never pulls it away under a running request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

// Which of the two roles that statements run as has a right. The database decides at each statement; this is for
// descriptions and for early, friendlier refusals.
struct Allowed {
    bool user = false;  // tenancy_user
    bool admin = false; // tenancy_admin
    bool any() const { return user || admin; }
    bool operator==(const Allowed &) const = default;
};

enum class TypeKind { text, number, boolean, date_time, uuid, json, array, range, enumeration, text_search, composite, other };

// A domain is described by its base type's kind.
struct Type {
    // What may follow `::` in SQL with search_path = pg_catalog: format_type(oid, -1), so without a length or precision
    // (a cast would cut a value), quoted and schema-qualified where needed.
    std::string sql_name;
    TypeKind kind = TypeKind::other;
    std::string element;             // of an array: its element's sql_name; of a range or multirange: its bounds' one
    std::vector<std::string> labels; // of an enumeration (or of an array of one), in order
    bool is_jsonb = false;           // json kind: jsonb, not json
    std::string base = {};           // of a domain: the sql_name of the type under it, which is no domain
    bool operator==(const Type &) const = default;
};

struct Column {
    std::string name;
    Type type;
    bool nullable = true;
    bool has_default = false;      // a default, identity, or for a view: the base column has one
    std::string default_sql;       // for descriptions only
    bool generated = false;        // GENERATED ALWAYS AS (…) STORED: nobody writes it
    bool identity_always = false;  // GENERATED ALWAYS AS IDENTITY
    std::optional<int> max_length; // varchar(n), char(n)
    std::string comment;
    Allowed selectable;
    Allowed insertable; // also false where a view's column is not updatable
    Allowed updatable;
    bool operator==(const Column &) const = default;
};

enum class RelationKind { table, partitioned_table, view, materialized_view, foreign_table };

struct Relation {
    std::string name;
    RelationKind kind = RelationKind::table;
    std::string comment;
    std::vector<Column> columns; // in the table's order
    // Names of columns here. Of a view: its columns that are the base table's key, when the view has one base row per row
    // and those that it leaves out, such as the tenant, are decided by the others; else empty.
    std::vector<std::string> primary_key;
    // Sets of columns with a unique key (not partial, no expression), the primary key among them.
    std::vector<std::vector<std::string>> unique_keys;
    Allowed selectable;
    Allowed insertable; // the right, and the relation can take it (a view: automatically updatable or by trigger)
    Allowed updatable;
    Allowed deletable;

    const Column *column(std::string_view column_name) const {
        for (const Column &each : columns)
            if (each.name == column_name) return &each;
        return nullptr;
    }
    bool operator==(const Relation &) const = default;
};

// A foreign key between two exposed relations. For a view it is the base table's key seen through the view's columns;
// each combination of views and tables is an entry of its own, with the same constraint name.
struct ForeignKey {
    std::string constraint;
    std::string from; // the relation that refers
    std::vector<std::string> from_columns;
    std::string to; // the relation referred to
    std::vector<std::string> to_columns; // same length and order as from_columns
    bool unique = false; // from_columns are a unique key of `from`: one-to-one
    bool operator==(const ForeignKey &) const = default;
};

struct Argument {
    std::string name; // empty: it has none and can only be called with the defaults, or with a single body argument
    Type type;
    bool has_default = false;
    bool variadic = false; // the last one; type is the array
    bool operator==(const Argument &) const = default;
};

enum class ReturnKind { nothing, scalar, composite, relation, table }; // table: RETURNS TABLE (…) or OUT arguments

enum class Volatility { immutable, stable, volatile_ };

struct Function {
    std::string name;
    std::vector<Argument> arguments; // IN, INOUT and VARIADIC ones, in the order of the call
    ReturnKind returns = ReturnKind::scalar;
    bool returns_set = false;
    Type return_type;              // scalar and composite
    std::string returned_relation; // returns == relation: an exposed relation's name; its columns and keys apply
    std::vector<Column> columns;   // returns == table or composite: name and type only
    Volatility volatility = Volatility::volatile_;
    std::string comment;
    Allowed executable;
    bool operator==(const Function &) const = default;
};

struct Schema {
    std::string name; // of the exposed schema, unquoted
    std::string comment;
    std::uint64_t version = 0; // rises with each change that was read; part of cached statements' names
    std::map<std::string, Relation, std::less<>> relations;
    std::vector<ForeignKey> foreign_keys; // sorted by (from, constraint, to, from_columns, to_columns)
    std::multimap<std::string, Function, std::less<>> functions; // overloads share a name

    const Relation *relation(std::string_view relation_name) const {
        const auto found = relations.find(relation_name);
        return found == relations.end() ? nullptr : &found->second;
    }
};

} // namespace gateway::rest
