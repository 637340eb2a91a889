#include "rest/parameters.hpp"

#include "rest/error.hpp"
#include "rest/field.hpp"
#include "rest/filter.hpp"
#include "rest/order.hpp"
#include "rest/select_list.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace gateway::rest {

namespace {

std::int64_t whole_number(const Parameter &parameter) {
    const std::string &text = parameter.value;
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failed != std::errc() || end != text.data() + text.size() || value < 0)
        throw parse_error(parameter.name, 1, "a whole number from 0 on");
    return value;
}

// A parameter's name: resource.resource.column->path, or a word in the column's place. Quotes make a word a column.
struct Address {
    std::vector<std::string> resources;
    Field field;
    bool is_word = false;
};

Address read_address(const std::string &name, Builder &builder) {
    Scanner scanner(name, name);
    Address address;
    while (true) {
        scanner.skip_blanks();
        address.is_word = scanner.peek() != '"';
        address.field.name = scanner.name("a column name");
        if (!scanner.accept(".")) break;
        if (address.resources.size() > builder.limits.embedding_depth) // one more for "not" before and, or
            throw bound_error("levels of embedded resources", builder.limits.embedding_depth);
        address.resources.push_back(std::move(address.field.name));
    }
    if (scanner.starts_with("->")) address.is_word = false;
    read_path(scanner, builder, address.field);
    if (!scanner.at_end()) scanner.fail(". or -> or the end");
    return address;
}

Level &find_level(Level &root, const std::vector<std::string> &resources) {
    Level *level = &root;
    for (const std::string &name : resources) {
        const auto place = std::find_if(level->embeddings.begin(), level->embeddings.end(),
                                        [&](const Embedding &each) { return each.name() == name; });
        if (place == level->embeddings.end())
            throw Error(400, "PGRST108", "'" + name + "' is not an embedded resource in this request", {},
                        "Verify that '" + name + "' is included in the 'select' query parameter.");
        level = &place->level;
    }
    return *level;
}

void read_one(const Parameter &parameter, TopParameters &top, Builder &builder) {
    if (parameter.name == "columns") {
        top.columns = read_names(parameter.name, parameter.value, builder);
        return;
    }
    if (parameter.name == "on_conflict") {
        top.on_conflict = read_names(parameter.name, parameter.value, builder);
        return;
    }
    if (parameter.name == "after") {
        top.after = parameter.value;
        return;
    }
    Address address = read_address(parameter.name, builder);
    const std::string &word = address.field.name;
    const bool is_tree = address.is_word && (word == "and" || word == "or");
    const bool negated = is_tree && !address.resources.empty() && address.resources.back() == "not";
    if (negated) address.resources.pop_back();
    Level &level = find_level(builder.query.root, address.resources);
    Scanner scanner(parameter.name, parameter.value);
    if (is_tree) {
        level.filters.push_back(
            read_logic(scanner, word == "and" ? Logic::Kind::all_of : Logic::Kind::any_of, negated, builder));
    } else if (address.is_word && word == "order") {
        level.order = read_order(parameter.name, parameter.value, builder);
    } else if (address.is_word && word == "limit") {
        level.limit_value = whole_number(parameter);
        level.limit = 0; // its slot comes when the page is known
    } else if (address.is_word && word == "offset") {
        level.offset_value = whole_number(parameter);
        level.offset = 0;
    } else {
        Logic filter;
        filter.condition = read_condition(scanner, std::move(address.field), builder);
        level.filters.push_back(std::move(filter));
    }
}

void set_page_slots(Level &level, Builder &builder) {
    for (Embedding &embedding : level.embeddings) {
        Level &inner = embedding.level;
        if (inner.limit)
            inner.limit = builder.value(std::to_string(std::min(inner.limit_value, builder.limits.max_rows)));
        if (inner.offset) inner.offset = builder.value(std::to_string(inner.offset_value));
        set_page_slots(inner, builder);
    }
}

// One of each: two would be two different questions.
bool may_repeat(const std::string &name) {
    const auto dot = name.rfind('.');
    const std::string last = dot == std::string::npos ? name : name.substr(dot + 1);
    return last != "select" && last != "order" && last != "limit" && last != "offset" && name != "columns" &&
           name != "on_conflict" && name != "after";
}

} // namespace

TopParameters read_parameters(const std::vector<Parameter> &parameters, Builder &builder) {
    TopParameters top;
    std::set<std::string> seen;
    std::string_view select = "*";
    for (const Parameter &parameter : parameters) {
        if (!seen.insert(parameter.name).second && !may_repeat(parameter.name))
            throw Error(400, "PGRST100", "the query parameter \"" + parameter.name + "\" is there twice");
        if (parameter.name == "select") select = parameter.value;
    }
    // First, since other parameters speak of the resources that it embeds.
    read_select(builder.query.root, select, builder);
    for (const Parameter &parameter : parameters)
        if (parameter.name != "select") read_one(parameter, top, builder);
    set_page_slots(builder.query.root, builder);
    return top;
}

} // namespace gateway::rest
