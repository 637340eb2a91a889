#include "rest/condition_sql.hpp"

#include "rest/error.hpp"
#include "rest/sql_text.hpp"

#include <initializer_list>

namespace gateway::rest {

namespace {

std::string_view sql_operator(Operator op) {
    switch (op) {
    case Operator::eq:
        return "=";
    case Operator::neq:
        return "<>";
    case Operator::gt:
        return ">";
    case Operator::gte:
        return ">=";
    case Operator::lt:
        return "<";
    case Operator::lte:
        return "<=";
    case Operator::like:
        return "like";
    case Operator::ilike:
        return "ilike";
    case Operator::match:
        return "~";
    case Operator::imatch:
        return "~*";
    case Operator::isdistinct:
        return "is distinct from";
    case Operator::fts:
        return "to_tsquery";
    case Operator::plfts:
        return "plainto_tsquery";
    case Operator::phfts:
        return "phraseto_tsquery";
    case Operator::wfts:
        return "websearch_to_tsquery";
    case Operator::cs:
        return "@>";
    case Operator::cd:
        return "<@";
    case Operator::ov:
        return "&&";
    case Operator::sl:
        return "<<";
    case Operator::sr:
        return ">>";
    case Operator::nxr:
        return "&<";
    case Operator::nxl:
        return "&>";
    case Operator::adj:
        return "-|-";
    case Operator::in:
        return "in";
    case Operator::is:
        return "is";
    }
    return {};
}

class ConditionWriter {
public:
    ConditionWriter(const Condition &condition, Expression left, Emitter &emitter)
        : condition_(condition),
          left_(std::move(left)),
          emitter_(emitter) {}

    std::string text() {
        const std::string positive = compare();
        return condition_.negated ? "not (" + positive + ")" : positive;
    }

private:
    std::string compare() {
        switch (condition_.op) {
        case Operator::is:
            return is();
        case Operator::in:
            comparable(true);
            return left_.sql + " = any(" + emitter_.parameter(condition_.value, left_.type.sql_name + "[]") + ")";
        case Operator::like:
        case Operator::ilike:
        case Operator::match:
        case Operator::imatch:
            allow({TypeKind::text}, "a text column");
            left_.type.sql_name = "text"; // patterns are text, whatever kind of text the column is
            return quantified();
        case Operator::fts:
        case Operator::plfts:
        case Operator::phfts:
        case Operator::wfts:
            return text_search();
        case Operator::cs:
        case Operator::cd:
            if (left_.type.kind == TypeKind::json) as_jsonb();
            allow({TypeKind::array, TypeKind::range, TypeKind::json, TypeKind::other},
                  "an array, range or jsonb column");
            return binary();
        case Operator::ov:
            allow({TypeKind::array, TypeKind::range, TypeKind::other}, "an array or range column");
            return binary();
        case Operator::sl:
        case Operator::sr:
        case Operator::nxr:
        case Operator::nxl:
        case Operator::adj:
            allow({TypeKind::range, TypeKind::other}, "a range column");
            return binary();
        default:
            comparable(condition_.quantifier != Quantifier::none);
            return quantified();
        }
    }

    std::string is() {
        switch (condition_.is) {
        case Is::null:
            return left_.sql + " is null";
        case Is::not_null:
            return left_.sql + " is not null";
        case Is::true_:
            break;
        case Is::false_:
            break;
        case Is::unknown:
            break;
        }
        allow({TypeKind::boolean}, "a boolean column");
        return left_.sql + (condition_.is == Is::true_    ? " is true"
                            : condition_.is == Is::false_ ? " is false"
                                                          : " is unknown");
    }

    std::string binary() {
        return left_.sql + " " + std::string(sql_operator(condition_.op)) + " " +
               emitter_.parameter(condition_.value, left_.type.sql_name);
    }

    std::string quantified() {
        if (condition_.quantifier == Quantifier::none) return binary();
        return left_.sql + " " + std::string(sql_operator(condition_.op)) +
               (condition_.quantifier == Quantifier::any ? " any(" : " all(") +
               emitter_.parameter(condition_.value, left_.type.sql_name + "[]") + ")";
    }

    std::string text_search() {
        allow({TypeKind::text, TypeKind::json, TypeKind::text_search}, "a text, JSON or tsvector column");
        const std::string language =
            condition_.language ? emitter_.parameter(*condition_.language, "regconfig") + ", " : std::string();
        const std::string document =
            left_.type.kind == TypeKind::text_search ? left_.sql : "to_tsvector(" + language + left_.sql + ")";
        return document + " @@ " + std::string(sql_operator(condition_.op)) + "(" + language +
               emitter_.parameter(condition_.value, "text") + ")";
    }

    void comparable(bool with_list) {
        if (left_.type.kind == TypeKind::json) as_jsonb(); // json has no equality
        if (with_list && left_.type.kind == TypeKind::array)
            refuse("a list of arrays cannot be given", "Use or=(column.eq.{…},column.eq.{…}).");
    }

    void as_jsonb() {
        if (!left_.type.is_jsonb) left_.sql = "(" + left_.sql + ")::jsonb";
        left_.type = {"jsonb", TypeKind::json, {}, {}, true};
    }

    void allow(std::initializer_list<TypeKind> kinds, const std::string &wanted) {
        for (const TypeKind kind : kinds)
            if (kind == left_.type.kind) return;
        refuse("the operator takes " + wanted, {});
    }

    [[noreturn]] void refuse(std::string message, std::string hint) {
        throw Error(400, "42883", std::move(message),
                    "column '" + condition_.field.name + "' is of type " + left_.type.sql_name, std::move(hint));
    }

    const Condition &condition_;
    Expression left_;
    Emitter &emitter_;
};

} // namespace

const Column &known_column(const Relation &relation, std::string_view name) {
    if (const Column *column = relation.column(name)) return *column;
    std::vector<std::string> names;
    for (const Column &each : relation.columns)
        if (each.selectable.user) names.push_back(each.name);
    throw Error(400, "42703", "column " + relation.name + "." + std::string(name) + " does not exist", {},
                nearest_hint(name, names));
}

Expression field_sql(const Field &field, const Relation &relation, const std::string &alias, Emitter &emitter) {
    const Column &column = known_column(relation, field.name);
    Expression expression{alias + "." + quoted_name(column.name), column.type};
    if (field.path.empty()) return expression;
    if (column.type.kind != TypeKind::json) {
        expression.sql = "to_jsonb(" + expression.sql + ")";
        expression.type = {"jsonb", TypeKind::json, {}, {}, true};
    }
    for (const PathStep &step : field.path)
        expression.sql +=
            (step.as_text ? "->>" : "->") + emitter.parameter(step.value, step.is_index ? "integer" : "text");
    if (field.path.back().as_text)
        expression.type = {"text", TypeKind::text, {}, {}, false};
    else
        expression.type = {
            expression.type.is_jsonb ? "jsonb" : "json", TypeKind::json, {}, {}, expression.type.is_jsonb};
    expression.sql = "(" + expression.sql + ")";
    return expression;
}

std::string condition_sql(const Condition &condition, const Relation &relation, const std::string &alias,
                          Emitter &emitter) {
    return ConditionWriter(condition, field_sql(condition.field, relation, alias, emitter), emitter).text();
}

} // namespace gateway::rest
