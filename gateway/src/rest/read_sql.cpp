#include "rest/read_sql.hpp"

#include "rest/condition_sql.hpp"
#include "rest/error.hpp"
#include "rest/keyset_sql.hpp"
#include "rest/sql_text.hpp"

#include <algorithm>

namespace gateway::rest {

namespace {

const Embedding *find_embedding(const Level &level, std::string_view name) {
    for (const Embedding &embedding : level.embeddings)
        if (embedding.name() == name) return &embedding;
    return nullptr;
}

bool shows_something(const Level &level) { return !level.columns.empty() || !level.embeddings.empty(); }

std::string where(const std::vector<std::string> &conditions) {
    return conditions.empty() ? std::string() : " where " + joined(conditions, " and ");
}

// A field as RFC 4180 wants it; null is nothing, an empty text is "".
std::string csv_field(const std::string &name) {
    const std::string text = "p." + name + "::text";
    return "case when p." + name + " is null then '' when " + text + " = '' or " + text +
           R"( ~ '[",\r\n]' then '"' || replace()" + text + R"(, '"', '""') || '"' else )" + text + " end";
}

std::string csv_name(const std::string &name) {
    if (name.find_first_of("\",\r\n") == std::string::npos) return name;
    return quoted_name(name); // doubles quotes, as CSV does
}

} // namespace

std::vector<std::string> ReadSql::filters(const Level &level, const Relation &relation, const std::string &alias) {
    std::vector<std::string> conditions;
    for (const Logic &each : level.filters) conditions.push_back(logic(each, level, relation, alias));
    for (const Embedding &embedding : level.embeddings)
        if (embedding.inner) conditions.push_back(exists(embedding, relation, alias));
    return conditions;
}

std::string ReadSql::logic(const Logic &logic_, const Level &level, const Relation &relation,
                           const std::string &alias) {
    if (logic_.kind == Logic::Kind::condition) {
        const Condition &condition = logic_.condition;
        const Embedding *embedding =
            condition.field.path.empty() ? find_embedding(level, condition.field.name) : nullptr;
        if (!embedding) return condition_sql(condition, relation, alias, emitter_);
        if (condition.op != Operator::is || (condition.is != Is::null && condition.is != Is::not_null))
            throw Error(400, "PGRST120", "the embedded resource '" + embedding->name() + "' takes no such filter", {},
                        "Only is.null and not.is.null are for a resource; a column's filter is " + embedding->name() +
                            ".column=….");
        const bool wanted = (condition.is == Is::not_null) != condition.negated;
        return (wanted ? "" : "not ") + exists(*embedding, relation, alias);
    }
    std::vector<std::string> parts;
    for (const Logic &part : logic_.parts) parts.push_back(logic(part, level, relation, alias));
    const std::string text = "(" + joined(parts, logic_.kind == Logic::Kind::all_of ? " and " : " or ") + ")";
    return logic_.negated ? "not " + text : text;
}

// The FROM of the target's rows that belong to the origin's row; adds what joins them.
std::string ReadSql::related(const Relationship &relationship, const std::string &origin, const std::string &target,
                             std::vector<std::string> &conditions) {
    const auto join = [&](const std::string &left, const std::vector<std::string> &left_columns,
                          const std::string &right, const std::vector<std::string> &right_columns) {
        for (std::size_t i = 0; i < left_columns.size(); ++i)
            conditions.push_back(left + "." + quoted_name(left_columns[i]) + " = " + right + "." + quoted_name(right_columns[i]));
    };
    const ForeignKey &near = *relationship.near;
    const std::string from = qualified(schema_, relationship.target->name) + " " + target;
    if (relationship.far) {
        const std::string junction = emitter_.alias('j');
        join(junction, near.from_columns, origin, near.to_columns);
        join(target, relationship.far->to_columns, junction, relationship.far->from_columns);
        return qualified(schema_, near.from) + " " + junction + ", " + from;
    }
    if (relationship.refers)
        join(target, near.to_columns, origin, near.from_columns);
    else
        join(target, near.from_columns, origin, near.to_columns);
    return from;
}

std::string ReadSql::exists(const Embedding &embedding, const Relation &relation, const std::string &alias) {
    const Relationship relationship = find_relationship(schema_, relation, embedding);
    const std::string target = emitter_.alias('t');
    std::vector<std::string> conditions;
    const std::string from = related(relationship, alias, target, conditions);
    for (std::string &each : filters(embedding.level, *relationship.target, target))
        conditions.push_back(std::move(each));
    return "exists (select from " + from + where(conditions) + ")";
}

// A subquery in the select list, not a join: Postgres then makes it for the rows of the page only, after sort and
// limit.
std::string ReadSql::embedded(const Embedding &embedding, const Relation &relation, const std::string &alias) {
    const Relationship relationship = find_relationship(schema_, relation, embedding);
    const Relation &target = *relationship.target;
    const std::string name = emitter_.alias('t');
    const std::string row = emitter_.alias('r');
    std::vector<std::string> conditions;
    const std::string from = related(relationship, alias, name, conditions);
    Outputs out;
    add_columns(out, embedding.level, target, name, false);
    for (std::string &each : filters(embedding.level, target, name)) conditions.push_back(std::move(each));
    std::string columns;
    for (const Output &each : out.columns)
        columns += (columns.empty() ? "" : ", ") + each.sql + (each.name.empty() ? "" : " as " + quoted_name(each.name));
    const bool one = relationship.to_one();
    const std::string rows = "(select " + columns + " from " + from + out.joins + where(conditions) +
                             order(embedding.level, target, name) +
                             page(embedding.level, one ? "1" : std::to_string(limits_.max_rows)) + ") " + row;
    return one ? "(select row_to_json(" + row + ") from " + rows + ")"
               : "(select coalesce(json_agg(" + row + "), '[]') from " + rows + ")";
}

void ReadSql::add_spread(Outputs &out, const Embedding &embedding, const Relation &relation, const std::string &alias) {
    const Relationship relationship = find_relationship(schema_, relation, embedding);
    if (!relationship.to_one())
        throw Error(400, "PGRST119", "A spread operation on '" + embedding.name() + "' is not possible",
                    "'" + relation.name + "' and '" + relationship.target->name +
                        "' do not form a many-to-one or one-to-one relationship");
    const Relation &target = *relationship.target;
    const std::string name = emitter_.alias('t');
    const std::string side = emitter_.alias('s');
    std::vector<std::string> conditions;
    const std::string from = related(relationship, alias, name, conditions);
    Outputs inner;
    add_columns(inner, embedding.level, target, name, true);
    for (std::string &each : filters(embedding.level, target, name)) conditions.push_back(std::move(each));
    std::string columns;
    for (std::size_t i = 0; i < inner.columns.size(); ++i) {
        const std::string column = "c" + std::to_string(i);
        columns += (columns.empty() ? "" : ", ") + inner.columns[i].sql + " as " + column;
        out.columns.push_back({side + "." + column, inner.columns[i].name});
    }
    out.joins += " left join lateral (select " + columns + " from " + from + inner.joins + where(conditions) +
                 order(embedding.level, target, name) + page(embedding.level, "1") + ") " + side + " on true";
}

void ReadSql::add_columns(Outputs &out, const Level &level, const Relation &relation, const std::string &alias,
                          bool expanded) {
    for (const SelectColumn &column : level.columns) {
        if (column.field.name == "*" && column.alias.empty()) {
            if (!expanded) {
                out.columns.push_back({alias + ".*", {}});
                continue;
            }
            for (const Column &each : relation.columns)
                out.columns.push_back({alias + "." + quoted_name(each.name), each.name});
            continue;
        }
        // PostgREST's older way to write count().
        if (column.field.name == "count" && !relation.column("count")) throw aggregate_error();
        const Expression expression = field_sql(column.field, relation, alias, emitter_);
        out.columns.push_back(
            {column.cast.empty() ? expression.sql : "(" + expression.sql + ")::" + column.cast, column.alias});
    }
    for (const Embedding &embedding : level.embeddings) {
        if (!shows_something(embedding.level)) {
            find_relationship(schema_, relation, embedding);
            continue;
        }
        if (embedding.spread)
            add_spread(out, embedding, relation, alias);
        else
            out.columns.push_back({embedded(embedding, relation, alias), embedding.name()});
    }
}

std::string ReadSql::order_term(const OrderTerm &term, const Level &level, const Relation &relation,
                                const std::string &alias) {
    std::string text;
    if (term.relation.empty()) {
        const Expression expression = field_sql(term.field, relation, alias, emitter_);
        text = expression.type.kind == TypeKind::json && !expression.type.is_jsonb ? "(" + expression.sql + ")::jsonb"
                                                                                   : expression.sql;
    } else {
        const Embedding *embedding = find_embedding(level, term.relation);
        if (!embedding)
            throw Error(400, "PGRST108", "'" + term.relation + "' is not an embedded resource in this request", {},
                        "Verify that '" + term.relation + "' is included in the 'select' query parameter.");
        const Relationship relationship = find_relationship(schema_, relation, *embedding);
        if (!relationship.to_one())
            throw Error(400, "PGRST118", "A related order on '" + term.relation + "' is not possible",
                        "'" + relation.name + "' and '" + relationship.target->name +
                            "' do not form a many-to-one or one-to-one relationship");
        const std::string target = emitter_.alias('t');
        std::vector<std::string> conditions;
        const std::string from = related(relationship, alias, target, conditions);
        for (std::string &each : filters(embedding->level, *relationship.target, target))
            conditions.push_back(std::move(each));
        text = "(select " + field_sql(term.field, *relationship.target, target, emitter_).sql + " from " + from +
               where(conditions) + " limit 1)";
    }
    if (term.descending) text += " desc";
    if (term.nulls != OrderTerm::Nulls::unset)
        text += term.nulls == OrderTerm::Nulls::first ? " nulls first" : " nulls last";
    return text;
}

// Without an order of its own a list comes in that of the primary key, so that pages fit together.
std::string ReadSql::order(const Level &level, const Relation &relation, const std::string &alias, bool by_default) {
    std::vector<std::string> terms;
    for (const OrderTerm &term : level.order) terms.push_back(order_term(term, level, relation, alias));
    if (terms.empty() && by_default)
        for (const std::string &name : relation.primary_key) terms.push_back(alias + "." + quoted_name(name));
    return terms.empty() ? std::string() : " order by " + joined(terms, ", ");
}

std::string ReadSql::page(const Level &level, std::string_view default_limit) {
    std::string text;
    if (level.limit)
        text = " limit " + emitter_.parameter(*level.limit, "bigint");
    else if (!default_limit.empty())
        text = " limit " + std::string(default_limit);
    if (level.offset) text += " offset " + emitter_.parameter(*level.offset, "bigint");
    return text;
}

std::string ReadSql::total(const RowSource &source) {
    if (!query_.count_all && !query_.count_some) return "null::bigint";
    const std::string alias = emitter_.alias('t');
    const std::string rows = " from " + source.from + " " + alias +
                             (source.filtered ? where(filters(query_.root, *source.relation, alias)) : std::string());
    if (query_.count_all) return "(select count(*)" + rows + ")";
    return "(select count(*) from (select" + rows + " limit " + std::to_string(limits_.counted_rows) + ") c)";
}

Statement ReadSql::answer(const RowSource &source) {
    if (query_.keyset) return keyset_answer(source);
    const std::string alias = emitter_.alias('t');
    const bool named = query_.as_csv || source.one_value;
    Outputs out;
    add_columns(out, query_.root, *source.relation, alias, named);
    if (named && out.columns.empty()) throw Error(400, "PGRST100", "no column is selected");
    std::string columns;
    for (std::size_t i = 0; i < out.columns.size(); ++i) {
        const Output &each = out.columns[i];
        columns += (i == 0 ? " " : ", ") + each.sql;
        if (named)
            columns += " as c" + std::to_string(i);
        else if (!each.name.empty())
            columns += " as " + quoted_name(each.name);
    }
    std::vector<std::string> conditions;
    if (source.filtered) conditions = filters(query_.root, *source.relation, alias);
    const std::string rows = "(select" + columns + " from " + source.from + " " + alias + out.joins +
                             where(conditions) + order(query_.root, *source.relation, alias, !source.ordered) +
                             page(query_.root, {}) + ") p";
    const std::string value = source.one_value ? "p.c0" : "p";

    Statement statement;
    if (query_.as_lines) {
        statement.layout = Statement::Layout::each_row;
        statement.sql = source.with + "select " +
                        (source.one_value ? "coalesce(to_json(p.c0), 'null')" : "row_to_json(p)") + "::text from " +
                        rows + emitter_.where_unused();
        return statement;
    }
    std::string body;
    if (query_.without_body) {
        body = "''";
    } else if (query_.as_csv) {
        std::vector<std::string> fields, names;
        for (std::size_t i = 0; i < out.columns.size(); ++i) {
            fields.push_back(csv_field("c" + std::to_string(i)));
            names.push_back(csv_name(out.columns[i].name));
        }
        body = "coalesce(string_agg(" + joined(fields, " || ',' || ") + ", E'\\n'), '')";
        statement.body_prefix = joined(names, ",") + "\n";
    } else if (query_.as_object || source.one_row) {
        body = "coalesce((json_agg(" + value + ")->0)::text, 'null')";
    } else {
        body = "coalesce(json_agg(" + value + "), '[]')::text";
    }
    statement.sql = source.with + "select " + body + ", " + (source.count.empty() ? "count(*)" : source.count) + ", " +
                    total(source) + ", " + source.key + "::text from " + rows + emitter_.where_unused();
    return statement;
}

// Rows stay whole in r, beside the values of the order in k, which may be of columns that the answer does not show.
Statement ReadSql::keyset_answer(const RowSource &source) {
    const Relation &relation = *source.relation;
    const std::string alias = emitter_.alias('t');
    const std::string row = emitter_.alias('r');
    const std::vector<OrderTerm> order_terms = keyset_order(query_, relation);
    Outputs out;
    add_columns(out, query_.root, relation, alias, query_.as_csv);
    std::string columns;
    for (const Output &each : out.columns)
        columns += (columns.empty() ? " " : ", ") + each.sql + (each.name.empty() ? "" : " as " + quoted_name(each.name));
    std::vector<std::string> conditions = filters(query_.root, relation, alias);
    if (std::string behind = keyset_condition(query_, order_terms, relation, alias, emitter_); !behind.empty())
        conditions.push_back(std::move(behind));
    std::vector<std::string> terms, key;
    for (const OrderTerm &term : order_terms) {
        terms.push_back(order_term(term, query_.root, relation, alias));
        key.push_back(alias + "." + quoted_name(term.field.name) + "::text");
    }
    const std::string limit = emitter_.parameter(query_.root.limit.value(), "bigint");
    const std::string rows = "(select (select row_to_json(" + row + ") from (select" + columns + ") " + row +
                             ") as r, json_build_array(" + joined(key, ", ") + ") as k from " + source.from + " " +
                             alias + out.joins + where(conditions) + " order by " + joined(terms, ", ") + " limit " +
                             limit + ") p";
    Statement statement;
    const std::string body = query_.without_body ? "''" : "coalesce(json_agg(p.r), '[]')::text";
    statement.sql = "select " + body + ", count(*), " + total(source) + ", case when count(*) = " + limit +
                    " then ((array_agg(p.k))[count(*)])::text end from " + rows + emitter_.where_unused();
    return statement;
}

} // namespace gateway::rest
