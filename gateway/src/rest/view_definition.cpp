#include "rest/view_definition.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace gateway::rest {

namespace {

// Postgres bounds the nesting by its own stack; this bounds it by ours.
constexpr std::size_t deepest = 1000;

struct NotUnderstood {};

// A token, a list `(…)` or a node `{TYPE :field value …}`.
struct Node {
    std::string_view token; // of a node: its type
    std::vector<std::string_view> labels; // of a node: the names of its items
    std::vector<Node> items;

    const Node &field(std::string_view name) const {
        static const Node none{};
        for (std::size_t i = 0; i < labels.size(); ++i)
            if (labels[i] == name) return items[i];
        return none;
    }
    bool is(std::string_view text) const { return token == text; }
    bool empty() const { return is("<>") || (token.empty() && items.empty()); }
    std::uint32_t number() const {
        std::uint32_t value = 0;
        std::from_chars(token.data(), token.data() + token.size(), value);
        return value;
    }
};

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    Node value(std::size_t depth = 0) {
        if (depth > deepest) throw NotUnderstood();
        Node node;
        const std::string_view first = take();
        if (first == "(") {
            while (peek() != ")") node.items.push_back(value(depth + 1));
            take();
        } else if (first == "{") {
            node.token = take();
            while (peek() != "}") {
                const std::string_view label = take();
                if (!label.starts_with(':')) continue; // the rest of a value of several tokens, as a constant's bytes
                node.labels.push_back(label.substr(1));
                node.items.push_back(value(depth + 1));
            }
            take();
        } else {
            node.token = first;
        }
        return node;
    }

private:
    static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t'; }
    static bool is_bracket(char c) { return c == '(' || c == ')' || c == '{' || c == '}'; }

    // As pg_strtok cuts it: a backslash makes the next character an ordinary one.
    std::string_view peek() {
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
        if (at_ == text_.size()) throw NotUnderstood();
        if (is_bracket(text_[at_])) return text_.substr(at_, 1);
        std::size_t end = at_;
        while (end < text_.size() && !is_blank(text_[end]) && !is_bracket(text_[end]))
            end += text_[end] == '\\' && end + 1 < text_.size() ? 2 : 1;
        return text_.substr(at_, end - at_);
    }
    std::string_view take() {
        const std::string_view token = peek();
        at_ += token.size();
        return token;
    }

    const std::string_view text_;
    std::size_t at_ = 0;
};

// Operators `=` of the types that keys are made of.
constexpr std::array<std::uint32_t, 13> equalities = {94, 96, 410, 15, 416, 532, 533, 98, 93, 1054, 2972, 1093, 1320};

struct FromClause {
    const Node &tables;
    ViewDefinition &view;
    std::uint32_t base_index = 0;

    const Node &table(std::uint32_t index) const {
        if (index == 0 || index > tables.items.size()) throw NotUnderstood();
        return tables.items[index - 1];
    }

    // The relation a reference names, or nothing when it is a subquery, a function …
    std::optional<std::uint32_t> relation(std::uint32_t index) const {
        const Node &entry = table(index);
        if (!entry.field("rtekind").is("0") || !entry.field("tablesample").empty()) return std::nullopt;
        return entry.field("relid").number();
    }

    // Follows the left sides, on which inner and left joins keep or drop rows but never fill them with nulls.
    bool read(const Node &item) {
        if (item.is("RANGETBLREF")) {
            base_index = item.field("rtindex").number();
            const auto found = relation(base_index);
            view.base = found.value_or(0);
            return found.has_value();
        }
        const bool known = item.is("JOINEXPR") && (item.field("jointype").is("0") || item.field("jointype").is("1"));
        if (!known || !item.field("rarg").is("RANGETBLREF")) return false;
        const std::uint32_t index = item.field("rarg").field("rtindex").number();
        const auto joined = relation(index);
        if (!joined || !read(item.field("larg"))) return false;
        view.joined.push_back({*joined, {}});
        equated(item.field("quals"), index, view.joined.back().columns);
        return true;
    }

    // Columns of table `index` that a condition equates with something of another table.
    void equated(const Node &condition, std::uint32_t index, std::vector<int> &columns) const {
        if (condition.is("BOOLEXPR") && condition.field("boolop").is("and")) {
            for (const Node &part : condition.field("args").items) equated(part, index, columns);
            return;
        }
        const Node &sides = condition.field("args");
        if (!condition.is("OPEXPR") || sides.items.size() != 2 ||
            std::find(equalities.begin(), equalities.end(), condition.field("opno").number()) == equalities.end())
            return;
        for (std::size_t side : {0u, 1u}) {
            const Node &mine = sides.items[side];
            const Node &other = sides.items[1 - side];
            if (!mine.is("VAR") || !other.is("VAR") || mine.field("varno").number() != index ||
                other.field("varno").number() == index || !mine.field("varlevelsup").is("0"))
                continue;
            columns.push_back(static_cast<int>(mine.field("varattno").number()));
        }
    }
};

// Whether each row comes from one row of the FROM clause.
bool is_plain(const Node &query) {
    for (const char *field : {"groupClause", "groupingSets", "distinctClause", "setOperations"})
        if (!query.field(field).empty()) return false;
    return query.field("hasAggs").is("false") && query.field("hasTargetSRFs").is("false");
}

void read_query(const Node &query, ViewDefinition &view) {
    if (!query.field("setOperations").empty()) return; // the column of one branch is not that of the others
    for (const Node &entry : query.field("targetList").items) {
        const std::uint32_t relation = entry.field("resorigtbl").number();
        if (!entry.is("TARGETENTRY") || !entry.field("resjunk").is("false") || relation == 0) continue;
        // A system column's number is negative and reads as 0.
        const int column = static_cast<int>(entry.field("resorigcol").number());
        if (column > 0) view.columns[static_cast<int>(entry.field("resno").number())] = {relation, column};
    }
    const Node &from = query.field("jointree").field("fromlist");
    FromClause clause{query.field("rtable"), view};
    if (!is_plain(query) || from.items.size() != 1 || !clause.read(from.items.front())) {
        view.base = 0;
        view.joined.clear();
        return;
    }
    for (const Node &entry : query.field("targetList").items) {
        const Node &expression = entry.field("expr");
        const auto column = view.columns.find(static_cast<int>(entry.field("resno").number()));
        if (column != view.columns.end() && expression.is("VAR") && expression.field("varno").number() == clause.base_index)
            column->second.of_base = true;
    }
}

} // namespace

ViewDefinition read_view_definition(std::string_view tree) {
    ViewDefinition view;
    try {
        const Node actions = Reader(tree).value();
        if (actions.items.size() == 1 && actions.items.front().is("QUERY")) read_query(actions.items.front(), view);
    } catch (const NotUnderstood &) {
        return {};
    }
    return view;
}

} // namespace gateway::rest
