#include "rest/call_sql.hpp"

#include "rest/error.hpp"
#include "rest/sql_text.hpp"

#include <algorithm>
#include <iterator>

namespace gateway::rest {

namespace {

// All required arguments are given, and no unknown one.
bool takes(const Function &function, const std::vector<std::string> &given) {
    const auto is_given = [&](const std::string &name) {
        return std::find(given.begin(), given.end(), name) != given.end();
    };
    std::size_t known = 0;
    for (const Argument &argument : function.arguments) {
        if (argument.name.empty() && !argument.has_default) return false;
        if (!argument.name.empty() && is_given(argument.name))
            ++known;
        else if (!argument.has_default && !argument.variadic)
            return false;
    }
    return known == given.size();
}

std::string signature(const Function &function) {
    std::string text = function.name + "(";
    for (const Argument &argument : function.arguments)
        text += (text.back() == '(' ? "" : ", ") + argument.name + (argument.name.empty() ? "" : " => ") +
                argument.type.sql_name;
    return text + ")";
}

const Argument &argument_of(const Function &function, const std::string &name) {
    return *std::find_if(function.arguments.begin(), function.arguments.end(),
                         [&](const Argument &argument) { return argument.name == name; });
}

// The rows of a function as if they were a relation's.
Relation result_relation(const Schema &schema, const Function &function) {
    if (function.returns == ReturnKind::relation)
        if (const Relation *relation = schema.relation(function.returned_relation)) return *relation;
    Relation result;
    result.name = function.name;
    result.columns = function.columns;
    if (function.returns == ReturnKind::scalar || function.returns == ReturnKind::nothing) {
        Column value;
        value.name = function.name;
        value.type = function.return_type;
        result.columns = {value};
    }
    return result;
}

} // namespace

const Function &function_at(const Schema &schema, std::string_view name, std::size_t place) {
    return std::next(schema.functions.equal_range(name).first, static_cast<std::ptrdiff_t>(place))->second;
}

bool takes_whole_body(const Function &function) {
    return function.arguments.size() == 1 && function.arguments.front().name.empty() &&
           function.arguments.front().type.kind == TypeKind::json;
}

std::size_t choose_function(const Schema &schema, std::string_view name, const std::vector<std::string> &arguments,
                            bool with_body) {
    const auto [begin, end] = schema.functions.equal_range(name);
    std::vector<std::size_t> matching, whole;
    std::string candidates;
    std::size_t place = 0;
    for (auto each = begin; each != end; ++each, ++place) {
        if (takes(each->second, arguments)) {
            matching.push_back(place);
            candidates += (candidates.empty() ? "" : ", ") + signature(each->second);
        } else if (with_body && takes_whole_body(each->second)) {
            whole.push_back(place);
        }
    }
    if (matching.empty() && whole.size() == 1) return whole.front();
    if (matching.size() == 1) return matching.front();
    if (matching.size() > 1)
        throw Error(300, "PGRST203", "Could not choose the best candidate function between: " + candidates, {},
                    "Try renaming the parameters or the function itself in the database so function overloading can be "
                    "resolved");
    std::string called = std::string(name);
    if (arguments.empty())
        called += " without parameters";
    else
        called += "(" + joined(arguments, ", ") + ")";
    std::string hint;
    if (begin != end && begin->second.executable.user) {
        hint = "Perhaps you mean " + signature(begin->second) + ".";
    } else if (begin == end) {
        std::vector<std::string> names;
        for (const auto &each : schema.functions)
            if (each.second.executable.user) names.push_back(each.first);
        hint = nearest_hint(name, names);
    }
    throw Error(404, "PGRST202", "Could not find the function " + schema.name + "." + called + " in the schema cache",
                {}, hint);
}

Statement call_sql(const Schema &schema, const Query &query, const Limits &limits) {
    const Function &function = function_at(schema, query.target, query.overload);
    Emitter emitter(query);
    ReadSql read(schema, query, limits, emitter);
    std::vector<std::string> arguments, from_body;
    if (query.whole_body) {
        arguments.push_back(emitter.parameter(query.body.value(), function.arguments.front().type.sql_name));
    } else {
        for (const Query::CallArgument &given : query.arguments) {
            const Argument &argument = argument_of(function, given.name);
            const std::string name = quoted_name(argument.name);
            arguments.push_back(
                (argument.variadic ? "variadic " : "") + name + " => " +
                (given.value ? emitter.parameter(*given.value, argument.type.sql_name) : "body." + name));
            if (!given.value) from_body.push_back(name + " " + argument.type.sql_name);
        }
    }
    const std::string call = qualified(schema, function.name) + "(" + joined(arguments, ", ") + ")";
    const std::string body = from_body.empty() ? std::string()
                                               : "json_to_record(" + emitter.parameter(query.body.value(), "json") +
                                                     ") as body(" + joined(from_body, ", ") + ")";
    const bool one_value = function.returns == ReturnKind::scalar || function.returns == ReturnKind::nothing;

    RowSource source;
    const Relation relation = result_relation(schema, function);
    source.from = "source";
    source.relation = &relation;
    source.ordered = true;
    source.one_value = one_value;
    source.one_row = !function.returns_set;
    // Materialized, so that the function runs once however often its rows are looked at.
    source.with = "with source as materialized (select ";
    if (one_value)
        source.with += call + " as " + quoted_name(function.name) + (body.empty() ? "" : " from " + body);
    else
        source.with += "f.* from " + (body.empty() ? "" : body + ", ") + call + " f";
    source.with += ") ";
    if (query.no_result) {
        Statement statement;
        statement.sql =
            source.with + "select '', count(*), null::bigint, null::text from source" + emitter.where_unused();
        return statement;
    }
    return read.answer(source);
}

} // namespace gateway::rest
