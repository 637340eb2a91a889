#include "rest/openapi.hpp"

#include "http/request.hpp"
#include "static_files.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

namespace gateway::rest {

namespace {

using json = nlohmann::ordered_json;

// Query parameters with a meaning of their own: a column of such a name cannot be a filter.
constexpr std::array<std::string_view, 10> reserved = {"select", "order",   "limit", "offset",      "after",
                                                       "and",    "or",      "columns", "on_conflict", "not"};

json ref(const std::string &where, const std::string &name) { return {{"$ref", "#/components/" + where + "/" + name}}; }

json json_content(json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

// The forms in which rows may be had, by Accept.
json rows_content(json list, json row) {
    const json text = {{"schema", {{"type", "string"}}}};
    json content = json_content(std::move(list));
    content["application/vnd.pgrst.object+json"] = {{"schema", std::move(row)}};
    content["text/csv"] = text;
    return content;
}

// A read may be a stream too: each row is a line.
json read_content(json list, json row) {
    json content = rows_content(std::move(list), std::move(row));
    content["application/x-ndjson"] = {{"schema", {{"type", "string"}}}};
    return content;
}

// A body may come in these forms.
json body_content(json schema, json row) {
    json content = json_content(std::move(schema));
    content["application/x-www-form-urlencoded"] = {{"schema", std::move(row)}};
    content["text/csv"] = {{"schema", {{"type", "string"}}}};
    return content;
}

// What row_to_json() makes of a type, by its name.
json plain_type(const std::string &name) {
    static const std::map<std::string_view, json> types = {
        {"smallint", {{"type", "integer"}, {"minimum", -32768}, {"maximum", 32767}}},
        {"integer", {{"type", "integer"}, {"format", "int32"}}},
        {"bigint", {{"type", "integer"}, {"format", "int64"}}},
        {"real", {{"type", "number"}, {"format", "float"}}},
        {"double precision", {{"type", "number"}, {"format", "double"}}},
        {"numeric", {{"type", "number"}}},
        {"boolean", {{"type", "boolean"}}},
        {"uuid", {{"type", "string"}, {"format", "uuid"}}},
        {"date", {{"type", "string"}, {"format", "date"}}},
        {"timestamp with time zone", {{"type", "string"}, {"format", "date-time"}}},
        {"json", json::object()},
        {"jsonb", json::object()},
        {"record", {{"type", "object"}}},
    };
    const auto found = types.find(name);
    if (found != types.end()) return found->second;
    // A type that is not built in may have a cast to JSON, as hstore has.
    return name.find('.') == std::string::npos ? json{{"type", "string"}} : json::object();
}

json type_schema(const Type &type, bool nullable = false) {
    json schema;
    switch (type.kind) {
    case TypeKind::array: {
        json items = type.labels.empty() ? plain_type(type.element) : json{{"type", "string"}, {"enum", type.labels}};
        schema = {{"type", "array"}, {"items", std::move(items)}};
        break;
    }
    case TypeKind::enumeration: schema = {{"type", "string"}, {"enum", type.labels}}; break;
    case TypeKind::text:
    case TypeKind::range:
    case TypeKind::text_search: schema = {{"type", "string"}}; break;
    case TypeKind::composite: schema = {{"type", "object"}}; break;
    default: schema = plain_type(type.base.empty() ? type.sql_name : type.base);
    }
    // Of any JSON value, null is one.
    if (nullable && schema.contains("type")) {
        schema["type"] = json::array({schema["type"], "null"});
        if (schema.contains("enum")) schema["enum"].push_back(nullptr);
    }
    return schema;
}

bool has(const Allowed &allowed, Role role) { return role == Role::admin ? allowed.admin : allowed.user; }

void describe(json &object, const std::string &text) {
    if (!text.empty()) object["description"] = text;
}

class Writer {
public:
    Writer(const Schema &schema, Role role) : schema_(schema), role_(role) {}

    json document(const std::string &prefix, const std::string &cookie) {
        json info = {{"title", "Schema " + schema_.name}, {"version", "1"}};
        describe(info, schema_.comment);
        add_sessions();
        // Names first: what refers to a relation must know what it is called.
        for (const auto &[name, relation] : schema_.relations)
            if (usable(relation)) component_names_[name] = component_name(name);
        for (const auto &[name, relation] : schema_.relations)
            if (usable(relation)) add_relation(relation);
        for (auto function = schema_.functions.begin(); function != schema_.functions.end();) {
            const auto next = schema_.functions.upper_bound(function->first);
            add_functions(function, next);
            function = next;
        }
        return {{"openapi", "3.1.0"},
                {"info", std::move(info)},
                {"servers", json::array({{{"url", prefix}}})},
                {"security", json::array({{{"session", json::array()}}, {{"bearer", json::array()}}})},
                {"tags", std::move(tags_)},
                {"paths", std::move(paths_)},
                {"components", components(cookie)}};
    }

private:
    using Functions = decltype(Schema::functions)::const_iterator;

    bool may(const Allowed &allowed) const { return has(allowed, role_); }

    bool usable(const Relation &relation) const {
        return may(relation.selectable) || may(relation.insertable) || may(relation.updatable) || may(relation.deletable);
    }

    // Component names have few letters; two relations must not become one.
    std::string component_name(const std::string &relation) {
        std::string name = relation;
        std::replace_if(
            name.begin(), name.end(),
            [](unsigned char c) { return !(c < 0x80 && (std::isalnum(c) || c == '_' || c == '-')); }, '_');
        const std::string plain = name;
        for (int number = 2; !taken_.insert(name).second; ++number) name = plain + "_" + std::to_string(number);
        return name;
    }

    static json operation(const std::string &tag, const std::string &summary, json responses) {
        responses["default"] = ref("responses", "Error");
        return {{"tags", json::array({tag})}, {"summary", summary}, {"responses", std::move(responses)}};
    }

    void tag(const std::string &name, const std::string &comment) {
        json entry = {{"name", name}};
        describe(entry, comment);
        tags_.push_back(std::move(entry));
    }

    void add_sessions() {
        const std::string tag_name = "Sessions";
        tag(tag_name, "Signing in and out, and the tenant that a session acts for.");
        json description = operation(tag_name, "This description", {{"200", {{"description", "OpenAPI 3.1"}, {"content", json_content({{"type", "object"}})}}}});
        paths_["/"]["get"] = std::move(description);
        const json session = {{"200", {{"description", "The session"}, {"content", json_content(ref("schemas", ".session"))}}}};

        json login = operation(tag_name, "Sign in", session);
        login["security"] = json::array();
        login["requestBody"] = {{"required", true}, {"content", json_content({
            {"type", "object"}, {"required", {"userName", "password"}},
            {"properties", {{"userName", {{"type", "string"}}}, {"password", {{"type", "string"}, {"format", "password"}}}}}})}};
        paths_["/auth/login"]["post"] = std::move(login);
        paths_["/auth/session"]["get"] = operation(tag_name, "Who is signed in", session);
        json choose = operation(tag_name, "Choose a tenant", session);
        choose["requestBody"] = {{"required", true}, {"content", json_content({
            {"type", "object"}, {"required", {"tenantId"}},
            {"properties", {{"tenantId", {{"type", {"string", "integer", "null"}}, {"description", "null: none, which is all of them for an admin."}}}}}})}};
        paths_["/auth/tenant"]["post"] = std::move(choose);
        json logout = operation(tag_name, "Sign out", {{"204", {{"description", "Signed out"}}}});
        logout["security"] = json::array();
        paths_["/auth/logout"]["post"] = std::move(logout);
        if (role_ == Role::admin)
            paths_["/stats"]["get"] = operation(tag_name, "What the gateway has counted", {{"200", {{"description", "Counters, gauges and histograms"}, {"content", json_content({{"type", "object"}})}}}});
    }

    json column_schema(const Relation &relation, const Column &column) const {
        json schema = type_schema(column.type, column.nullable);
        if (column.max_length) schema["maxLength"] = *column.max_length;
        if (column.generated || column.identity_always) schema["readOnly"] = true;
        std::string text = column.comment;
        const auto add = [&](const std::string &more) { text += (text.empty() ? "" : "\n\n") + more; };
        if (relation.primary_key == std::vector<std::string>{column.name}) add("The primary key.");
        std::string targets;
        for (const ForeignKey &key : schema_.foreign_keys) {
            const Relation *target = schema_.relation(key.to);
            if (key.from == relation.name && key.from_columns.size() == 1 && key.from_columns[0] == column.name && target && may(target->selectable))
                targets += (targets.empty() ? "`" : ", `") + key.to + "." + key.to_columns[0] + "`";
        }
        if (!targets.empty()) add("Refers to " + targets + ".");
        describe(schema, text);
        return schema;
    }

    // The columns of which `part` is allowed. `whole`: those without a default must be there.
    json rows_schema(const Relation &relation, Allowed Column::*part, bool whole) const {
        json properties = json::object();
        json required = json::array();
        for (const Column &column : relation.columns) {
            if (!may(column.*part) || (part != &Column::selectable && (column.generated || column.identity_always))) continue;
            properties[column.name] = column_schema(relation, column);
            if (whole && !column.nullable && !column.has_default) required.push_back(column.name);
        }
        json schema = {{"type", "object"}, {"properties", std::move(properties)}};
        if (!required.empty()) schema["required"] = std::move(required);
        if (part != &Column::selectable) schema["additionalProperties"] = false;
        return schema;
    }

    // By PUT: each column of its key can be chosen.
    bool replaceable(const Relation &relation) const {
        return may(relation.insertable) && may(relation.updatable) && !relation.primary_key.empty() &&
               std::all_of(relation.primary_key.begin(), relation.primary_key.end(), [&](const std::string &key) {
                   const Column &column = *relation.column(key);
                   return may(column.insertable) && may(column.updatable) && !column.generated && !column.identity_always;
               });
    }

    static void leave_out(json &schema, const char *list, const std::string &name) {
        if (!schema.contains(list)) return;
        json &names = schema[list];
        names.erase(std::remove(names.begin(), names.end(), json(name)), names.end());
        if (names.empty()) schema.erase(list);
    }

    static json refs(std::initializer_list<const char *> names) {
        json all = json::array();
        for (const char *name : names) all.push_back(ref("parameters", name));
        return all;
    }

    // The columns of what a function returns have no rights of their own.
    json filters_of(const std::vector<Column> &columns, bool of_function = false) const {
        json filters = json::array();
        for (const Column &column : columns) {
            if ((!of_function && !may(column.selectable)) || std::find(reserved.begin(), reserved.end(), column.name) != reserved.end()) continue;
            filters.push_back({{"name", column.name}, {"in", "query"}, {"description", "A condition, such as `eq.VALUE`, `gt.VALUE` or `not.is.null`."},
                               {"schema", {{"type", "string"}}}});
        }
        return filters;
    }

    void add_relation(const Relation &relation) {
        const std::string name = component_names_.at(relation.name);
        tag(relation.name, relation.comment);
        const bool read = may(relation.selectable);
        json row = rows_schema(relation, &Column::selectable, false);
        describe(row, relation.comment);
        if (read) schemas_[name] = std::move(row);

        const json row_ref = read ? ref("schemas", name) : json{{"type", "object"}};
        const json list = {{"type", "array"}, {"items", row_ref}};
        const auto page = [&](const char *text) { return json{{"description", text}, {"content", read_content(list, row_ref)}}; };
        const auto written = [&](const char *text) { return json{{"description", text}, {"content", rows_content(list, row_ref)}}; };
        const json changed = {{"200", written("The rows, with Prefer: return=representation")}, {"204", {{"description", "Done"}}}};
        json filters = filters_of(relation.columns);
        const auto with = [&](std::initializer_list<const char *> names) {
            json all = filters;
            for (json &each : refs(names)) all.push_back(std::move(each));
            return all;
        };
        json item = json::object();
        if (read) {
            json get = operation(relation.name, "Read rows", {{"200", page("The rows; Next-After leads to the next page of after=")},
                                                                {"206", page("Part of the rows; Content-Range tells which")}});
            get["parameters"] = with({"select", "and", "or", "notAnd", "notOr", "order", "limit", "offset", "range", "preferCount"});
            if (!relation.primary_key.empty()) get["parameters"].push_back(ref("parameters", "after"));
            item["get"] = std::move(get);
        }
        if (may(relation.insertable)) {
            schemas_[name + ".insert"] = rows_schema(relation, &Column::insertable, true);
            const json one = ref("schemas", name + ".insert");
            json post = operation(relation.name, "Insert rows", {{"201", written("Inserted; Prefer: return=representation gives the rows")}});
            post["parameters"] = refs({"select", "order", "columns", "onConflict", "preferWrite"});
            post["requestBody"] = {{"required", true}, {"content", body_content({{"oneOf", {one, {{"type", "array"}, {"items", one}}}}}, one)}};
            item["post"] = std::move(post);
        }
        if (may(relation.updatable)) {
            schemas_[name + ".update"] = rows_schema(relation, &Column::updatable, false);
            json patch = operation(relation.name, "Change the rows that the conditions choose", changed);
            patch["parameters"] = with({"select", "and", "or", "notAnd", "notOr", "order", "columns", "preferWrite"});
            patch["requestBody"] = {{"required", true}, {"content", body_content(ref("schemas", name + ".update"), ref("schemas", name + ".update"))}};
            item["patch"] = std::move(patch);
        }
        if (replaceable(relation)) {
            json row_to_put = rows_schema(relation, &Column::insertable, true);
            json keys = json::array();
            for (const std::string &key : relation.primary_key) {
                keys.push_back({{"name", key}, {"in", "query"}, {"required", !relation.column(key)->has_default},
                                {"description", "Of the key: `eq.VALUE`."}, {"schema", {{"type", "string"}}}});
                leave_out(row_to_put, "required", key); // the address says it
            }
            for (const json &each : refs({"select", "order", "columns", "preferWrite"})) keys.push_back(each);
            schemas_[name + ".put"] = std::move(row_to_put);
            json put = operation(relation.name, "Insert the row of that key, or replace it", changed);
            put["parameters"] = std::move(keys);
            put["requestBody"] = {{"required", true}, {"content", body_content(ref("schemas", name + ".put"), ref("schemas", name + ".put"))}};
            item["put"] = std::move(put);
        }
        if (may(relation.deletable)) {
            json remove = operation(relation.name, "Delete the rows that the conditions choose", changed);
            remove["parameters"] = with({"select", "and", "or", "notAnd", "notOr", "order", "preferWrite"});
            item["delete"] = std::move(remove);
        }
        const std::string path = "/" + http::percent_encoded(relation.name);
        add_row(relation, item, path);
        paths_[path] = std::move(item);
    }

    // The same for one row, by its key or else its id: no conditions, and the row itself in the answer.
    void add_row(const Relation &relation, const json &item, const std::string &path) {
        const Column *key = relation.column(relation.primary_key.size() == 1 ? relation.primary_key[0] : "id");
        if (!key || !may(key->selectable)) return;
        const std::string name = component_names_.at(relation.name);
        json row = json::object();
        const json shown = may(relation.selectable) ? ref("schemas", name) : json{{"type", "object"}};
        const std::map<std::string, const char *> summaries = {
            {"get", "Read one row"}, {"patch", "Change one row"}, {"put", "Insert or replace one row"}, {"delete", "Delete one row"}};
        for (const auto &[method, summary] : summaries) {
            if (!item.contains(method) || (method == "put" && relation.primary_key.size() != 1)) continue;
            json one = item[method];
            one["summary"] = summary;
            one["parameters"] = method == "get" ? refs({"select"}) : method == "delete" ? refs({"select", "preferRow"}) : refs({"select", "columns", "preferRow"});
            one["responses"].erase("206");
            one["responses"]["200"] = {{"description", "The row"}, {"content", rows_content(shown, shown)}};
            one["responses"]["404"] = ref("responses", "Error");
            row[method] = std::move(one);
        }
        if (row.empty()) return;
        row["parameters"] = json::array({{{"name", "id"}, {"in", "path"}, {"required", true}, {"description", "The value of `" + key->name + "`."},
                                          {"schema", type_schema(key->type)}}});
        paths_[path + "/{id}"] = std::move(row);
    }

    json result_schema(const Function &function) const {
        json schema;
        switch (function.returns) {
        case ReturnKind::nothing: return nullptr;
        case ReturnKind::scalar: schema = type_schema(function.return_type, true); break;
        case ReturnKind::relation: {
            const auto name = component_names_.find(function.returned_relation);
            const Relation *relation = schema_.relation(function.returned_relation);
            schema = name != component_names_.end() && may(relation->selectable) ? ref("schemas", name->second) : json{{"type", "object"}};
            break;
        }
        case ReturnKind::composite:
        case ReturnKind::table: {
            json properties = json::object();
            for (const Column &column : function.columns) properties[column.name] = type_schema(column.type, true);
            schema = {{"type", "object"}, {"properties", std::move(properties)}};
        }
        }
        if (function.returns_set) schema = {{"type", "array"}, {"items", std::move(schema)}};
        return schema;
    }

    static json body_schema(const Function &function) {
        if (function.arguments.size() == 1 && function.arguments[0].name.empty()) return type_schema(function.arguments[0].type);
        json properties = json::object();
        json required = json::array();
        for (const Argument &argument : function.arguments) {
            if (argument.name.empty()) continue;
            properties[argument.name] = type_schema(argument.type, true);
            if (!argument.has_default && !argument.variadic) required.push_back(argument.name);
        }
        json schema = {{"type", "object"}, {"properties", std::move(properties)}};
        if (!required.empty()) schema["required"] = std::move(required);
        return schema;
    }

    // All functions of one name share a path.
    void add_functions(Functions first, Functions last) {
        json bodies = json::array(), results = json::array(), parameters = json::array(), of_rows = json::array();
        std::string comment;
        std::set<std::string> named, filtered;
        bool any = false, nothing = false, readable = true, nameable = false, rows = false;
        for (auto each = first; each != last; ++each) {
            const Function &function = each->second;
            if (!may(function.executable)) continue;
            any = true;
            if (json body = body_schema(function); std::find(bodies.begin(), bodies.end(), body) == bodies.end()) bodies.push_back(std::move(body));
            json result = result_schema(function);
            if (result.is_null()) nothing = true;
            else if (std::find(results.begin(), results.end(), result) == results.end()) results.push_back(std::move(result));
            if (!function.comment.empty()) comment += (comment.empty() ? "" : "\n\n") + function.comment;
            const bool gives_rows = function.returns != ReturnKind::scalar && function.returns != ReturnKind::nothing;
            rows = rows || gives_rows;
            const Relation *relation = function.returns == ReturnKind::relation ? schema_.relation(function.returned_relation) : nullptr;
            if (gives_rows)
                for (json &filter : relation ? filters_of(relation->columns) : filters_of(function.columns, true))
                    if (filtered.insert(filter["name"]).second) of_rows.push_back(std::move(filter));
            // Without a name an argument cannot be in a query.
            const bool is_named = std::none_of(function.arguments.begin(), function.arguments.end(), [](const Argument &argument) { return argument.name.empty(); });
            nameable = nameable || is_named;
            readable = readable && function.volatility != Volatility::volatile_;
            for (const Argument &argument : function.arguments)
                if (!argument.name.empty() && named.insert(argument.name).second)
                    parameters.push_back({{"name", argument.name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
        }
        if (!any) return;
        const auto one_of = [](json all) { return all.size() == 1 ? all[0] : json{{"anyOf", std::move(all)}}; };
        json responses = json::object();
        if (!results.empty()) {
            json result = one_of(std::move(results));
            json content = json_content(result);
            if (rows) content = read_content(result, {{"type", "object"}});
            responses["200"] = {{"description", "The result"}, {"content", std::move(content)}};
        }
        if (nothing) responses["204"] = {{"description", "Done; the function returns nothing"}};
        const std::string name = first->first;
        if (!has_function_tag_) tag("Functions", "");
        has_function_tag_ = true;
        json post = operation("Functions", "Call " + name, responses);
        describe(post, comment);
        json &item = paths_["/rpc/" + http::percent_encoded(name)];
        if (rows) {
            for (json &each : refs({"select", "and", "or", "notAnd", "notOr", "order", "limit", "offset", "preferCount"})) of_rows.push_back(std::move(each));
            post["parameters"] = of_rows;
        }
        if (readable && nameable) {
            item["get"] = post;
            if (rows) of_rows.push_back(ref("parameters", "range"));
            // By GET an argument's name is the argument.
            for (json &each : of_rows)
                if (!each.contains("name") || !named.contains(each["name"])) parameters.push_back(std::move(each));
            if (!parameters.empty()) item["get"]["parameters"] = std::move(parameters);
        }
        post["requestBody"] = {{"content", json_content(one_of(std::move(bodies)))}};
        item["post"] = std::move(post);
    }

    json components(const std::string &cookie) {
        const auto query = [](const char *name, const char *text) {
            return json{{"name", name}, {"in", "query"}, {"description", text}, {"schema", {{"type", "string"}}}};
        };
        const auto number = [](const char *name, const char *text) {
            return json{{"name", name}, {"in", "query"}, {"description", text}, {"schema", {{"type", "integer"}, {"minimum", 0}}}};
        };
        const auto header = [](const char *name, const char *text) {
            return json{{"name", name}, {"in", "header"}, {"description", text}, {"schema", {{"type", "string"}}}};
        };
        schemas_[".error"] = {{"type", "object"}, {"required", {"code", "message", "details", "hint"}},
            {"properties", {{"code", {{"type", "string"}}}, {"message", {{"type", "string"}}},
                            {"details", json::object()}, {"hint", {{"type", {"string", "null"}}}}}}};
        const json tenants = {{"type", "array"}, {"items", {{"type", "object"}, {"properties", {{"id", {{"type", "string"}}}, {"name", {{"type", {"string", "null"}}}}}}}}};
        schemas_[".session"] = {{"type", "object"}, {"properties", {
            {"userId", {{"type", "string"}}}, {"userName", {{"type", {"string", "null"}}}}, {"isAdmin", {{"type", {"boolean", "null"}}}},
            {"tenantId", {{"type", {"string", "null"}}}}, {"tenantName", {{"type", {"string", "null"}}}}, {"tenants", tenants},
            {"expiresAt", {{"type", "string"}, {"format", "date-time"}}}}}};
        json parameters = {
            {"select", query("select", "Columns, and related rows in brackets: `id,name,parent(name)`.")},
            {"and", query("and", "Conditions that all hold: `(a.eq.1,b.gt.2)`.")},
            {"or", query("or", "Conditions of which one holds: `(a.eq.1,b.gt.2)`.")},
            {"order", query("order", "Columns to sort by: `name.desc.nullslast,id`.")},
            {"notAnd", query("not.and", "Conditions that do not all hold: `(a.eq.1,b.gt.2)`.")},
            {"notOr", query("not.or", "Conditions of which none holds: `(a.eq.1,b.gt.2)`.")},
            {"limit", number("limit", "How many rows at most.")},
            {"offset", number("offset", "How many rows to leave out first.")},
            {"after", query("after", "Keyset pages, each row once: empty for the first page, then what the page before gave as `Next-After`, until there is none.")},
            {"columns", query("columns", "The columns to write, where the body has more.")},
            {"onConflict", query("on_conflict", "The columns of the unique key that tells whether a row is there already.")},
            {"range", header("Range", "The first and the last row, the first of all being 0: `0-9`.")},
            {"preferRow", header("Prefer", "`return=minimal` or `return=representation`; `tx=rollback`.")},
            {"preferCount", header("Prefer", "`count=exact`, `count=planned` or `count=estimated`.")},
            {"preferWrite", header("Prefer", "`return=minimal`, `return=headers-only` or `return=representation`; `resolution=merge-duplicates` or "
                                             "`resolution=ignore-duplicates`; `missing=default`; `tx=rollback`; `handling=strict, max-affected=N`.")}};
        return {{"schemas", std::move(schemas_)},
                {"parameters", std::move(parameters)},
                {"responses", {{"Error", {{"description", "An error"}, {"content", json_content(ref("schemas", ".error"))}}}}},
                {"securitySchemes", {{"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", cookie}}},
                                     {"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}};
    }

    const Schema &schema_;
    const Role role_;
    std::map<std::string, std::string> component_names_; // by relation
    std::set<std::string> taken_;
    bool has_function_tag_ = false;
    json tags_ = json::array();
    json paths_ = json::object();
    json schemas_ = json::object();
};

} // namespace

std::string openapi_json(const Schema &schema, Role role, const std::string &prefix, const std::string &cookie) {
    return Writer(schema, role).document(prefix, cookie).dump();
}

std::shared_ptr<const OpenApi::Document> OpenApi::of(const Schema &schema, Role role, const std::string &cookie) {
    const std::lock_guard lock(mutex_);
    const auto key = std::pair(role, cookie);
    if (schema.version == version_ && documents_.contains(key)) return documents_[key];
    auto document = std::make_shared<Document>();
    document->json = openapi_json(schema, role, prefix_, cookie);
    document->etag = etag_of(document->json);
    // A request that still holds an older schema must not put that in the place of the newer one.
    if (schema.version < version_) return document;
    if (schema.version > version_) documents_.clear();
    version_ = schema.version;
    documents_[key] = document;
    return document;
}

} // namespace gateway::rest
