#include "rest/keyset_sql.hpp"

#include "rest/condition_sql.hpp"
#include "rest/error.hpp"
#include "rest/sql_text.hpp"

#include <algorithm>

namespace gateway::rest {

namespace {

bool nulls_first(const OrderTerm &term) {
    return term.nulls == OrderTerm::Nulls::first || (term.nulls == OrderTerm::Nulls::unset && term.descending);
}

struct Step {
    std::string behind; // empty: no row is
    std::string equal;
};

Step step(const OrderTerm &term, const std::optional<Slot> &value, const Relation &relation, const std::string &alias,
          Emitter &emitter) {
    const Column &column = known_column(relation, term.field.name);
    const std::string name = alias + "." + quoted_name(column.name);
    if (!value) return {nulls_first(term) ? name + " is not null" : "", name + " is null"};
    const std::string known = emitter.parameter(*value, column.type.sql_name);
    std::string behind = name + (term.descending ? " < " : " > ") + known;
    if (column.nullable && !nulls_first(term)) behind = "(" + behind + " or " + name + " is null)";
    return {behind, name + " = " + known};
}

} // namespace

std::vector<OrderTerm> keyset_order(const Query &query, const Relation &relation) {
    if (relation.primary_key.empty())
        throw Error(400, "PGRST100", "after= needs a primary key, and '" + relation.name + "' has none", {},
                    "Use limit= and offset=.");
    std::vector<OrderTerm> order = query.root.order;
    for (const OrderTerm &term : order) {
        if (!term.relation.empty() || !term.field.path.empty())
            throw Error(400, "PGRST100", "after= goes with an order by plain columns only", {},
                        "Use limit= and offset=.");
        if (known_column(relation, term.field.name).type.kind == TypeKind::json)
            throw Error(400, "PGRST100", "after= goes with no order by a JSON column");
    }
    for (const std::string &name : relation.primary_key)
        if (std::none_of(order.begin(), order.end(), [&](const OrderTerm &term) { return term.field.name == name; })) {
            OrderTerm term;
            term.field.name = name;
            term.descending = !order.empty() && order.back().descending; // one direction: an index serves it
            order.push_back(std::move(term));
        }
    return order;
}

std::string keyset_condition(const Query &query, const std::vector<OrderTerm> &order, const Relation &relation,
                             const std::string &alias, Emitter &emitter) {
    const auto &values = query.keyset->values;
    if (values.empty()) return {};
    if (values.size() != order.size())
        throw Error(400, "PGRST100", "the token of after= is of another order", {}, "Keep order= from page to page.");

    const bool plain = std::all_of(order.begin(), order.end(),
                                   [&](const OrderTerm &term) {
                                       return term.descending == order.front().descending &&
                                              !known_column(relation, term.field.name).nullable;
                                   }) &&
                       std::all_of(values.begin(), values.end(), [](const auto &value) { return value.has_value(); });
    if (plain) { // a comparison of rows, which an index on these columns can answer
        std::vector<std::string> left, right;
        for (std::size_t i = 0; i < order.size(); ++i) {
            left.push_back(alias + "." + quoted_name(order[i].field.name));
            right.push_back(emitter.parameter(*values[i], known_column(relation, order[i].field.name).type.sql_name));
        }
        return "(" + joined(left, ", ") + (order.front().descending ? ") < (" : ") > (") + joined(right, ", ") + ")";
    }
    std::string text = "false";
    for (std::size_t i = order.size(); i-- > 0;) {
        const Step each = step(order[i], values[i], relation, alias, emitter);
        text = "(" + (each.behind.empty() ? "" : each.behind + " or ") + "(" + each.equal + " and " + text + "))";
    }
    return text;
}

} // namespace gateway::rest
