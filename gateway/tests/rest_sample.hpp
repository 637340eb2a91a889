// A small exposed schema for the tests of the dialect: every kind of column, key and function that the compiler tells
// apart.
#pragma once

#include "rest/schema.hpp"

#include <utility>

namespace rest_sample {

using namespace gateway::rest;

inline Type type(std::string name, TypeKind kind) {
    Type made{std::move(name), kind, {}, {}, false};
    made.is_jsonb = made.sql_name == "jsonb";
    if (kind == TypeKind::array) made.element = made.sql_name.substr(0, made.sql_name.size() - 2);
    return made;
}

inline Column column(std::string name, Type of, bool nullable = true, bool has_default = false) {
    Column made;
    made.name = std::move(name);
    made.type = std::move(of);
    made.nullable = nullable;
    made.has_default = has_default;
    made.selectable = made.insertable = made.updatable = {true, true};
    return made;
}

inline Relation relation(std::string name, std::vector<Column> columns, std::vector<std::string> key,
                         RelationKind kind = RelationKind::table) {
    Relation made;
    made.name = std::move(name);
    made.kind = kind;
    made.columns = std::move(columns);
    made.primary_key = std::move(key);
    if (!made.primary_key.empty()) made.unique_keys = {made.primary_key};
    made.selectable = made.insertable = made.updatable = made.deletable = {true, true};
    return made;
}

inline Function function(std::string name, std::vector<Argument> arguments, ReturnKind returns, Volatility volatility) {
    Function made;
    made.name = std::move(name);
    made.arguments = std::move(arguments);
    made.returns = returns;
    made.volatility = volatility;
    made.executable = {true, true};
    return made;
}

inline Schema make() {
    const Type bigint = type("bigint", TypeKind::number);
    const Type integer = type("integer", TypeKind::number);
    const Type text = type("text", TypeKind::text);
    const Type boolean = type("boolean", TypeKind::boolean);
    Schema schema;
    schema.name = "api";
    schema.version = 1;
    const auto add = [&](Relation made) { schema.relations.emplace(made.name, made); };

    add(relation("authors",
                 {column("id", bigint, false, true), column("name", text, false), column("email", text),
                  column("active", boolean)},
                 {"id"}));
    Type mood = type("api.mood", TypeKind::enumeration);
    mood.labels = {"calm", "wild"};
    std::vector<Column> of_notes = {
        column("id", bigint, false, true),
        column("title", type("character varying", TypeKind::text), false),
        column("body", text, true, true),
        column("author_id", bigint),
        column("editor_id", bigint),
        column("tags", type("text[]", TypeKind::array)),
        column("data", type("jsonb", TypeKind::json)),
        column("raw", type("json", TypeKind::json)),
        column("period", type("int4range", TypeKind::range)),
        column("mood", mood),
        column("created", type("timestamp with time zone", TypeKind::date_time), false, true),
        column("score", type("numeric", TypeKind::number)),
        column("done", boolean, false, true),
        column("search", type("tsvector", TypeKind::text_search)),
        column("odd \"name", text)};
    add(relation("notes", of_notes, {"id"}));
    add(relation(
        "open_notes",
        {column("id", bigint), column("title", type("character varying", TypeKind::text)), column("author_id", bigint)},
        {"id"}, RelationKind::view));
    add(relation("labels", {column("id", bigint, false, true), column("name", text, false)}, {"id"}));
    add(relation("note_labels", {column("note_id", bigint, false), column("label_id", bigint, false)},
                 {"note_id", "label_id"}));
    add(relation("note_details", {column("note_id", bigint, false), column("text", text)}, {"note_id"}));
    add(relation("categories", {column("id", bigint, false, true), column("name", text), column("parent_id", bigint)},
                 {"id"}));
    add(relation("stores", {column("region", text, false), column("number", integer, false), column("name", text)},
                 {"region", "number"}));
    add(relation("staff",
                 {column("id", bigint, false, true), column("name", text), column("region", text),
                  column("store_number", integer)},
                 {"id"}));
    add(relation("events", {column("at", type("timestamp with time zone", TypeKind::date_time)), column("kind", text)},
                 {}));

    Relation audit = relation("audit_trail", {column("id", bigint, false)}, {"id"});
    audit.selectable = audit.insertable = audit.updatable = audit.deletable = {false, true};
    add(audit);

    schema.foreign_keys = {
        {"categories_parent_id_fkey", "categories", {"parent_id"}, "categories", {"id"}, false},
        {"note_details_note_id_fkey", "note_details", {"note_id"}, "notes", {"id"}, true},
        {"note_labels_label_id_fkey", "note_labels", {"label_id"}, "labels", {"id"}, false},
        {"note_labels_note_id_fkey", "note_labels", {"note_id"}, "notes", {"id"}, false},
        {"notes_author_id_fkey", "notes", {"author_id"}, "authors", {"id"}, false},
        {"notes_editor_id_fkey", "notes", {"editor_id"}, "authors", {"id"}, false},
        {"notes_author_id_fkey", "open_notes", {"author_id"}, "authors", {"id"}, false},
        {"staff_region_store_number_fkey", "staff", {"region", "store_number"}, "stores", {"region", "number"}, false},
    };

    const auto add_function = [&](Function made) { schema.functions.emplace(made.name, made); };
    Function sum = function("add", {{"a", integer, false, false}, {"b", integer, true, false}}, ReturnKind::scalar,
                            Volatility::immutable);
    sum.return_type = integer;
    add_function(sum);
    Function notes_of =
        function("notes_of", {{"author", bigint, false, false}}, ReturnKind::relation, Volatility::stable);
    notes_of.returned_relation = "notes";
    notes_of.returns_set = true;
    add_function(notes_of);
    Function make_note =
        function("make_note", {{"title", text, false, false}}, ReturnKind::relation, Volatility::volatile_);
    make_note.returned_relation = "notes";
    add_function(make_note);
    add_function(function("ping", {}, ReturnKind::nothing, Volatility::volatile_));
    Function totals = function("totals", {}, ReturnKind::table, Volatility::stable);
    totals.columns = {column("name", text), column("n", bigint)};
    totals.returns_set = true;
    add_function(totals);
    Function sum_all = function("sum_all", {{"n", type("integer[]", TypeKind::array), false, true}}, ReturnKind::scalar,
                                Volatility::immutable);
    sum_all.return_type = bigint;
    add_function(sum_all);
    Function echo =
        function("echo", {{"", type("json", TypeKind::json), false, false}}, ReturnKind::scalar, Volatility::stable);
    echo.return_type = type("json", TypeKind::json);
    add_function(echo);
    Function names = function("names", {}, ReturnKind::scalar, Volatility::stable);
    names.return_type = text;
    names.returns_set = true;
    add_function(names);
    Function pick = function("pick", {{"a", integer, false, false}}, ReturnKind::scalar, Volatility::stable);
    pick.return_type = integer;
    add_function(pick);
    pick.arguments.push_back({"b", text, false, false});
    add_function(pick);
    pick.arguments = {{"a", text, false, false}};
    pick.name = "twice";
    add_function(pick);
    pick.arguments = {{"a", integer, false, false}};
    add_function(pick);
    return schema;
}

} // namespace rest_sample
