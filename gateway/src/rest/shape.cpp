#include "rest/shape.hpp"

#include <string_view>

namespace gateway::rest {

namespace {

// Every text goes with its length and every list with its count, so that no two queries can spell the same shape.
class ShapeWriter {
public:
    void text(std::string_view value) {
        number(value.size());
        shape_ += value;
    }

    void number(std::size_t value) {
        if (value < 10) shape_.push_back(static_cast<char>('0' + value)); // as nearly all are
        else shape_ += std::to_string(value);
        shape_.push_back(' ');
    }

    void slot(const std::optional<Slot> &value) { number(value ? *value + 1 : 0); }

    void names(const std::vector<std::string> &values) {
        number(values.size());
        for (const std::string &each : values) text(each);
    }

    void field(const Field &value) {
        text(value.name);
        number(value.path.size());
        for (const PathStep &step : value.path) {
            number((step.as_text ? 1u : 0u) + (step.is_index ? 2u : 0u));
            number(step.value);
        }
    }

    void logic(const Logic &value) {
        number(static_cast<std::size_t>(value.kind));
        number(value.negated ? 1 : 0);
        if (value.kind == Logic::Kind::condition) {
            const Condition &condition = value.condition;
            field(condition.field);
            number(static_cast<std::size_t>(condition.op));
            number(static_cast<std::size_t>(condition.quantifier));
            number(static_cast<std::size_t>(condition.is));
            number(condition.negated ? 1 : 0);
            number(condition.value);
            slot(condition.language);
            return;
        }
        number(value.parts.size());
        for (const Logic &part : value.parts) logic(part);
    }

    void level(const Level &value) {
        number(value.columns.size());
        for (const SelectColumn &column : value.columns) {
            field(column.field);
            text(column.alias);
            text(column.cast);
        }
        number(value.filters.size());
        for (const Logic &filter : value.filters) logic(filter);
        number(value.order.size());
        for (const OrderTerm &term : value.order) {
            text(term.relation);
            field(term.field);
            number(static_cast<std::size_t>(term.nulls) * 2 + (term.descending ? 1 : 0));
        }
        slot(value.limit);
        slot(value.offset);
        number(value.embeddings.size());
        for (const Embedding &embedding : value.embeddings) {
            text(embedding.target);
            text(embedding.alias);
            text(embedding.hint);
            number((embedding.inner ? 1u : 0u) + (embedding.spread ? 2u : 0u));
            level(embedding.level);
        }
    }

    std::string take() { return std::move(shape_); }

private:
    std::string shape_;
};

} // namespace

std::string shape_of(const Query &query) {
    ShapeWriter out;
    out.number(static_cast<std::size_t>(query.action));
    out.text(query.target);
    std::size_t flags = 0;
    for (const bool flag : {query.as_object, query.as_csv, query.as_lines, query.without_body, query.count_all,
                            query.count_some, query.representation, query.key_wanted, query.merge, query.ignore,
                            query.whole_body, query.keyset.has_value()})
        flags = flags * 2 + (flag ? 1 : 0);
    out.number(flags);
    out.level(query.root);
    if (query.keyset) {
        out.number(query.keyset->values.size());
        for (const auto &value : query.keyset->values) out.slot(value);
    }
    out.slot(query.body);
    out.names(query.on_conflict);
    out.number(query.written.size());
    for (const Query::KeySet &set : query.written) {
        out.names(set.columns);
        out.slot(set.rows);
    }
    out.number(query.overload);
    out.number(query.arguments.size());
    for (const Query::CallArgument &argument : query.arguments) {
        out.text(argument.name);
        out.slot(argument.value);
    }
    out.number(query.forced.size());
    for (const Query::Forced &forced : query.forced) {
        out.text(forced.column);
        out.number(forced.value);
    }
    return out.take();
}

} // namespace gateway::rest
