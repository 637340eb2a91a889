// From a request to a Query: what each method takes and what it refuses.
#include "rest/body.hpp"
#include "rest/call_sql.hpp"
#include "rest/compile.hpp"
#include "rest/error.hpp"
#include "rest/keyset.hpp"
#include "rest/parameters.hpp"
#include "rest/shape.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace gateway::rest {

namespace {

// The path may hold anything; only what could be a name is repeated.
bool is_plain(std::string_view name) {
    return name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
               return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
           });
}

const Relation &known_relation(const Schema &schema, std::string_view name) {
    if (const Relation *relation = schema.relation(name)) return *relation;
    std::vector<std::string> names;
    for (const auto &[known, relation] : schema.relations)
        if (relation.selectable.user) names.push_back(known); // a hint shows nobody an administrator's tables
    throw Error(404, "PGRST205",
                is_plain(name) ? "Could not find the table '" + schema.name + "." + std::string(name) + "' in the schema cache"
                               : "Could not find the table in the schema cache",
                {}, nearest_hint(name, names));
}

[[noreturn]] void refuse(std::string message, std::string hint = {}) {
    throw Error(400, "PGRST100", std::move(message), {}, std::move(hint));
}

void set_format(Query &query, const Request &request) {
    query.as_object = request.format == Format::object;
    query.as_csv = request.format == Format::csv;
    query.as_lines = request.format == Format::lines;
    query.without_body = request.method == Method::head;
    query.count_all = request.prefer.count == Preferences::Count::exact;
    query.count_some =
        request.prefer.count == Preferences::Count::planned || request.prefer.count == Preferences::Count::estimated;
}

// What limit=, offset= and the Range header leave together. Only a stream may be without end.
void set_page(Query &query, const Request &request, Builder &builder) {
    constexpr std::int64_t no_end = std::numeric_limits<std::int64_t>::max();
    Level &root = query.root;
    const std::int64_t most = query.as_lines ? no_end : builder.limits.max_rows;
    std::int64_t limit = root.limit ? std::min(root.limit_value, most) : most;
    std::int64_t offset = root.offset ? root.offset_value : 0;
    if (request.range) {
        const RowRange &range = *request.range;
        if (range.first > offset) {
            if (root.limit) limit = std::max<std::int64_t>(0, limit - (range.first - offset));
            offset = range.first;
        }
        if (range.last)
            limit = std::min(limit, *range.last < offset ? 0 : std::min(*range.last - offset, most - 1) + 1);
    }
    root.limit.reset();
    root.offset.reset();
    root.limit_value = limit;
    root.offset_value = offset;
    if (limit != no_end) root.limit = builder.value(std::to_string(limit));
    if (offset > 0) root.offset = builder.value(std::to_string(offset));
}

void set_keyset(Query &query, const std::string &token, const Request &request, Builder &builder) {
    if (query.as_object || query.as_csv || query.as_lines) refuse("after= goes with application/json only");
    if (request.range || query.root.offset) refuse("after= and an offset cannot go together");
    query.keyset.emplace();
    query.is_keyset = true;
    if (token.empty()) return;
    for (auto &value : read_keyset_token(token)) {
        builder.count_column();
        query.keyset->values.push_back(value ? std::optional<Slot>(builder.value(std::move(*value))) : std::nullopt);
    }
}

void add_id_filter(Query &query, const Relation &relation, const std::string &id, Builder &builder) {
    std::string column;
    if (relation.primary_key.size() == 1)
        column = relation.primary_key.front();
    else if (relation.column("id"))
        column = "id"; // of a key that holds more, such as the tenant's column
    else
        throw Error(404, "PGRST205", "the rows of '" + relation.name + "' have no address of their own", {},
                    "Use filters: /" + relation.name + "?column=eq.value.");
    if (id.find('\0') != std::string::npos) refuse("the id holds a NUL");
    Logic filter;
    filter.condition.field.name = column;
    filter.condition.value = builder.value(id);
    query.root.filters.push_back(std::move(filter));
}

Body read_body(const Request &request, const Limits &limits) {
    switch (request.body_format) {
    case BodyFormat::csv:
        return read_csv_body(request.body, limits);
    case BodyFormat::form:
        return read_form_body(request.body, limits);
    default:
        if (request.body.empty()) throw body_error("the body is empty", "Send a JSON object or an array of objects.");
        return read_json_body(request.body, limits);
    }
}

void require_columns(const Relation &relation, const std::vector<std::string> &names) {
    for (const std::string &name : names) {
        if (relation.column(name)) continue;
        std::vector<std::string> known;
        for (const Column &each : relation.columns)
            if (each.selectable.user) known.push_back(each.name);
        throw Error(400, "PGRST204",
                    "Could not find the '" + name + "' column of '" + relation.name + "' in the schema cache", {},
                    nearest_hint(name, known));
    }
}

std::vector<std::string> only(const std::vector<std::string> &names,
                              const std::optional<std::vector<std::string>> &wanted) {
    if (!wanted) return names;
    std::vector<std::string> left;
    for (const std::string &name : names)
        if (std::find(wanted->begin(), wanted->end(), name) != wanted->end()) left.push_back(name);
    std::sort(left.begin(), left.end());
    return left;
}

// Which columns a body writes: named ones; else all keys that occur, absent ones as null; or, with missing=default,
// each row its own keys.
void set_written(Query &query, const Body &body, const TopParameters &top, const Request &request, Builder &builder) {
    if (!request.prefer.missing_default || query.action == Query::Action::update) {
        std::vector<std::string> all;
        if (top.columns && query.action != Query::Action::update) {
            all = *top.columns;
        } else {
            std::set<std::string> seen;
            for (const auto &keys : body.key_sets)
                for (const std::string &key : keys)
                    if (seen.insert(key).second) all.push_back(key);
            all = only(all, top.columns);
        }
        query.written.push_back({std::move(all), std::nullopt});
        return;
    }
    std::vector<std::vector<std::string>> sets;
    std::vector<std::size_t> place; // of a key set of the body among `sets`
    for (const auto &keys : body.key_sets) {
        const auto left = only(keys, top.columns);
        const auto same = std::find(sets.begin(), sets.end(), left);
        place.push_back(static_cast<std::size_t>(same - sets.begin()));
        if (same == sets.end()) sets.push_back(left);
    }
    if (sets.size() > builder.limits.key_sets)
        throw bound_error("different sets of keys in a body", builder.limits.key_sets);
    if (sets.size() < 2) {
        query.written.push_back({sets.empty() ? std::vector<std::string>() : sets.front(), std::nullopt});
        return;
    }
    std::vector<std::string> rows(sets.size(), "{");
    for (std::size_t row = 0; row < body.row_sets.size(); ++row) {
        std::string &list = rows[place[body.row_sets[row]]];
        list += (list.size() > 1 ? "," : "") + std::to_string(row + 1);
    }
    for (std::size_t i = 0; i < sets.size(); ++i)
        query.written.push_back({std::move(sets[i]), builder.value(rows[i] + "}")});
}

void set_upsert(Query &query, const Relation &relation, const TopParameters &top, const Request &request) {
    using Resolution = Preferences::Resolution;
    query.merge = request.prefer.resolution == Resolution::merge_duplicates;
    query.ignore = request.prefer.resolution == Resolution::ignore_duplicates;
    if (!query.merge && !query.ignore) return;
    query.on_conflict = top.on_conflict.value_or(relation.primary_key);
    if (query.merge && query.on_conflict.empty())
        refuse("'" + relation.name + "' has no primary key to find duplicates by",
               "Name the columns: on_conflict=a,b.");
    require_columns(relation, query.on_conflict);
}

// PUT names one row by its key in the filters; the body says the same or nothing about it.
void set_put(Query &query, const Relation &relation, const Body &body) {
    const auto wrong_filters = [&] {
        return Error(405, "PGRST105", "Filters must include all and only primary key columns with 'eq' operators");
    };
    if (body.row_sets.size() != 1) throw body_error("PUT takes one row");
    std::set<std::string> named;
    for (const Logic &filter : query.root.filters) {
        const Condition &condition = filter.condition;
        const auto &key = relation.primary_key;
        if (filter.kind != Logic::Kind::condition || condition.op != Operator::eq || condition.negated ||
            condition.quantifier != Quantifier::none || !condition.field.path.empty() ||
            std::find(key.begin(), key.end(), condition.field.name) == key.end() ||
            !named.insert(condition.field.name).second)
            throw wrong_filters();
        const auto given = body.scalars.find(condition.field.name);
        auto &columns = query.written.front().columns;
        const bool in_body = std::find(columns.begin(), columns.end(), condition.field.name) != columns.end();
        if (in_body && (given == body.scalars.end() || given->second != query.parameters[condition.value]))
            throw Error(400, "PGRST115", "Payload values do not match URL in primary key column(s)");
        if (!in_body) columns.push_back(condition.field.name);
        query.forced.push_back({condition.field.name, condition.value});
    }
    for (const std::string &name : relation.primary_key)
        if (!named.contains(name) && !relation.column(name)->has_default) throw wrong_filters();
    if (named.empty()) throw wrong_filters();
    query.root.filters.clear();
    query.merge = true;
    query.on_conflict = relation.primary_key;
}

std::string as_array(Body &&body) { return body.is_array ? std::move(body.json) : "[" + body.json + "]"; }

} // namespace

Query read_query(const Schema &schema, std::string_view relation_name, const Request &request, const Limits &limits) {
    const Relation &relation = known_relation(schema, relation_name);
    Query query;
    query.target = relation.name;
    set_format(query, request);
    Builder builder(query, limits);
    const TopParameters top = read_parameters(parse_query_string(request.query, limits), builder);
    if (top.columns || top.on_conflict) refuse("columns= and on_conflict= are for writes");
    if (request.id) add_id_filter(query, relation, *request.id, builder);
    if (top.after) set_keyset(query, *top.after, request, builder);
    set_page(query, request, builder);
    query.single = query.as_object;
    query.shape = shape_of(query);
    return query;
}

Query write_query(const Schema &schema, std::string_view relation_name, const Request &request, const Limits &limits) {
    using Action = Query::Action;
    const Relation &relation = known_relation(schema, relation_name);
    Query query;
    query.target = relation.name;
    query.writes = true;
    query.action = request.method == Method::post    ? Action::insert
                   : request.method == Method::put   ? Action::upsert_one
                   : request.method == Method::patch ? Action::update
                                                     : Action::remove;
    set_format(query, request);
    if (query.as_lines)
        throw Error(406, "PGRST107", "None of these media types are available: application/x-ndjson", {},
                    "A write answers with JSON or CSV.");
    query.representation = request.prefer.returns == Preferences::Return::representation;
    query.single = query.as_object && query.representation;
    Builder builder(query, limits);
    const TopParameters top = read_parameters(parse_query_string(request.query, limits), builder);
    if (request.id) add_id_filter(query, relation, *request.id, builder);

    if (top.after) refuse("after= is for reads");
    if (top.on_conflict && query.action != Action::insert) refuse("on_conflict= is for POST");
    if (query.root.limit || query.root.offset)
        refuse("limit= and offset= do not bound a write", "Name the rows by filters, or use Prefer: max-affected.");
    for (const Embedding &embedding : query.root.embeddings)
        if (embedding.inner)
            refuse("!inner does not choose the rows of a write",
                   "Filter by columns, or " + embedding.name() + "=not.is.null.");
    const bool inserts = query.action == Action::insert || query.action == Action::upsert_one;
    if (query.action == Action::insert && !query.root.filters.empty()) refuse("POST takes no filters");
    if (!inserts && query.root.filters.empty())
        throw Error(400, "21000",
                    std::string(query.action == Action::update ? "UPDATE" : "DELETE") + " requires a filter", {},
                    "For all rows say so, with a filter that all rows meet: column=not.is.null of a key column.");

    if (query.action == Action::remove) {
        if (top.columns) refuse("columns= is for writes with a body");
    } else {
        Body body = read_body(request, limits);
        if (query.action == Action::update && body.row_sets.size() != 1)
            throw body_error("PATCH takes one row of new values");
        if (top.columns) require_columns(relation, *top.columns);
        set_written(query, body, top, request, builder);
        for (const Query::KeySet &set : query.written) require_columns(relation, set.columns);
        if (query.action == Action::insert)
            set_upsert(query, relation, top, request);
        else if (query.action == Action::upsert_one)
            set_put(query, relation, body);
        query.body = builder.value(as_array(std::move(body)));
    }
    query.key_wanted =
        inserts && request.prefer.returns == Preferences::Return::headers_only && !relation.primary_key.empty();
    if (query.action == Action::update || query.action == Action::remove)
        query.max_affected = request.prefer.max_affected;
    query.shape = shape_of(query);
    return query;
}

Query call_query(const Schema &schema, std::string_view name, const Request &request, const Limits &limits) {
    Query query;
    query.action = Query::Action::call;
    query.target = name;
    set_format(query, request);
    Builder builder(query, limits);
    std::vector<Parameter> parameters = parse_query_string(request.query, limits);
    const auto [begin, end] = schema.functions.equal_range(name);
    std::vector<std::string> given;

    if (request.method == Method::post) {
        const bool is_json = request.body_format == BodyFormat::json || request.body_format == BodyFormat::none;
        const auto first = request.body.find_first_not_of(" \t\r\n");
        const bool is_object = !is_json || first == std::string_view::npos || request.body[first] == '{';
        Body body;
        if (is_json && (first == std::string_view::npos || !is_object))
            body.json = first == std::string_view::npos ? "{}" : std::string(request.body);
        else
            body = read_body(request, limits);
        if (body.is_array) throw body_error("a function takes one object of arguments");
        if (!body.key_sets.empty()) given = body.key_sets.front();
        const bool whole_only = !is_object;
        query.overload = choose_function(schema, name, whole_only ? std::vector<std::string>{""} : given, is_json);
        query.whole_body = takes_whole_body(function_at(schema, name, query.overload));
        if (body.json.find('\0') != std::string::npos) throw body_error("a NUL byte is not JSON");
        if (query.whole_body || !given.empty()) query.body = builder.value(std::move(body.json));
        if (!query.whole_body)
            for (std::string &argument : given) query.arguments.push_back({std::move(argument), std::nullopt});
    } else {
        // A parameter named as an argument is one; all others are filters and the like.
        std::vector<Parameter> values;
        const auto is_argument = [&, first = begin, last = end](const Parameter &parameter) {
            for (auto each = first; each != last; ++each)
                for (const Argument &argument : each->second.arguments)
                    if (!argument.name.empty() && argument.name == parameter.name) return true;
            return false;
        };
        std::copy_if(parameters.begin(), parameters.end(), std::back_inserter(values), is_argument);
        std::erase_if(parameters, is_argument);
        for (const Parameter &value : values)
            if (std::find(given.begin(), given.end(), value.name) == given.end()) given.push_back(value.name);
        query.overload = choose_function(schema, name, given, false);
        const Function &function = function_at(schema, name, query.overload);
        if (function.volatility == Volatility::volatile_)
            throw Error(405, "PGRST101",
                        "the function " + function.name + " may change data and is called with POST only");
        for (const Argument &argument : function.arguments) {
            if (std::find(given.begin(), given.end(), argument.name) == given.end()) continue;
            ArrayLiteral list;
            std::size_t count = 0;
            std::string text;
            for (const Parameter &value : values)
                if (value.name == argument.name) {
                    list.add(value.value);
                    text = value.value;
                    ++count;
                }
            if (count > 1 && !argument.variadic) refuse("the argument \"" + argument.name + "\" is there twice");
            query.arguments.push_back({argument.name, builder.value(argument.variadic ? list.text() : text)});
        }
    }

    const Function &function = function_at(schema, name, query.overload);
    query.writes = function.volatility == Volatility::volatile_;
    query.no_result = function.returns == ReturnKind::nothing && !function.returns_set;
    const TopParameters top = read_parameters(parameters, builder);
    if (top.columns || top.on_conflict || top.after) refuse("columns=, on_conflict= and after= are not for functions");
    const bool one_value = function.returns == ReturnKind::scalar || function.returns == ReturnKind::nothing;
    if (one_value && (query.root.columns.size() != 1 || query.root.columns.front().field.name != "*" ||
                      !query.root.embeddings.empty()))
        refuse("the function gives values, not rows with columns to select");
    set_page(query, request, builder);
    query.single = query.as_object && function.returns_set;
    if (query.writes && function.returns_set) query.max_affected = request.prefer.max_affected;
    query.shape = shape_of(query);
    return query;
}

} // namespace gateway::rest
