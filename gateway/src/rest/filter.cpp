#include "rest/filter.hpp"

#include "rest/error.hpp"
#include "rest/field.hpp"

#include <array>

namespace gateway::rest {

namespace {

constexpr std::array<std::pair<std::string_view, Operator>, 25> operators = {{
    {"eq", Operator::eq},
    {"neq", Operator::neq},
    {"gt", Operator::gt},
    {"gte", Operator::gte},
    {"lt", Operator::lt},
    {"lte", Operator::lte},
    {"like", Operator::like},
    {"ilike", Operator::ilike},
    {"match", Operator::match},
    {"imatch", Operator::imatch},
    {"in", Operator::in},
    {"is", Operator::is},
    {"isdistinct", Operator::isdistinct},
    {"fts", Operator::fts},
    {"plfts", Operator::plfts},
    {"phfts", Operator::phfts},
    {"wfts", Operator::wfts},
    {"cs", Operator::cs},
    {"cd", Operator::cd},
    {"ov", Operator::ov},
    {"sl", Operator::sl},
    {"sr", Operator::sr},
    {"nxr", Operator::nxr},
    {"nxl", Operator::nxl},
    {"adj", Operator::adj},
}};

constexpr std::string_view an_operator = "an operator such as eq, gt, like, in or is";

bool may_be_quantified(Operator op) {
    switch (op) {
    case Operator::eq:
    case Operator::neq:
    case Operator::gt:
    case Operator::gte:
    case Operator::lt:
    case Operator::lte:
    case Operator::like:
    case Operator::ilike:
    case Operator::match:
    case Operator::imatch:
        return true;
    default:
        return false;
    }
}

bool is_text_search(Operator op) {
    return op == Operator::fts || op == Operator::plfts || op == Operator::phfts || op == Operator::wfts;
}

Is read_is(Scanner &scanner) {
    std::string word;
    while (true) {
        const char c = scanner.peek();
        if (c >= 'A' && c <= 'Z')
            word.push_back(static_cast<char>(c - 'A' + 'a'));
        else if ((c >= 'a' && c <= 'z') || c == '_')
            word.push_back(c);
        else
            break;
        scanner.take();
    }
    if (word == "null") return Is::null;
    if (word == "not_null") return Is::not_null;
    if (word == "true") return Is::true_;
    if (word == "false") return Is::false_;
    if (word == "unknown") return Is::unknown;
    scanner.fail("null, not_null, true, false or unknown");
}

// What ends a value within parentheses. At the top level a value is all that is left.
constexpr std::string_view inner_stops = ",)";

std::string list(Scanner &scanner, const Limits &limits) {
    scanner.skip_blanks();
    scanner.expect("(", "( and a list of values");
    scanner.skip_blanks();
    ArrayLiteral array;
    if (scanner.accept(")")) return array.text();
    std::size_t count = 0;
    do {
        if (++count > limits.list_values) throw bound_error("values of a list", limits.list_values);
        const std::size_t begin = scanner.position();
        if (scanner.peek() == '"') {
            std::string value = scanner.quoted();
            if (scanner.peek() == ',' || scanner.peek() == ')') {
                array.add(value);
                continue;
            }
            scanner.rewind(begin); // a quote within a plain value
        }
        array.add(scanner.until(inner_stops));
    } while (scanner.accept(","));
    scanner.expect(")", ", or )");
    scanner.skip_blanks();
    return array.text();
}

// {a,b}, perhaps nested and with quotes: an array or a JSON object. Nothing when the braces do not match up.
std::optional<std::string> braced(Scanner &scanner) {
    const std::size_t begin = scanner.position();
    std::string text;
    std::size_t open = 0;
    bool in_quotes = false;
    while (!scanner.at_end()) {
        const char c = scanner.take();
        text.push_back(c);
        if (c == '\\' && !scanner.at_end())
            text.push_back(scanner.take());
        else if (c == '"')
            in_quotes = !in_quotes;
        else if (!in_quotes && c == '{')
            ++open;
        else if (!in_quotes && c == '}' && --open == 0)
            return text;
    }
    scanner.rewind(begin);
    return std::nullopt;
}

std::string inner_value(Scanner &scanner) {
    const std::size_t begin = scanner.position();
    if (scanner.peek() == '"') {
        std::string value = scanner.quoted();
        if (scanner.at_end() || scanner.peek() == ',' || scanner.peek() == ')') return value;
        scanner.rewind(begin);
    }
    if (scanner.peek() == '{') {
        auto value = braced(scanner);
        if (value && (scanner.peek() == ',' || scanner.peek() == ')')) return *value;
        scanner.rewind(begin);
    }
    return scanner.until(inner_stops);
}

// In an address, * stands for %, which would have to be encoded.
std::string pattern(std::string text) {
    for (char &c : text)
        if (c == '*') c = '%';
    return text;
}

Condition condition(Scanner &scanner, Field field, Builder &builder, bool within) {
    builder.count_filter();
    Condition found;
    found.field = std::move(field);
    found.negated = scanner.accept("not.");
    const std::string word = scanner.word();
    bool known = false;
    for (const auto &[name, op] : operators)
        if (name == word) {
            found.op = op;
            known = true;
        }
    if (!known) scanner.fail(an_operator);
    if (scanner.peek() == '(') {
        scanner.take();
        if (is_text_search(found.op)) {
            std::string language = scanner.name("a text search configuration");
            found.language = builder.value(std::move(language));
        } else if (may_be_quantified(found.op)) {
            const std::string quantifier = scanner.word();
            if (quantifier != "any" && quantifier != "all") scanner.fail("any or all");
            found.quantifier = quantifier == "any" ? Quantifier::any : Quantifier::all;
        } else {
            scanner.fail("no parentheses behind this operator");
        }
        scanner.expect(")", ")");
    }
    scanner.expect(".", ". and a value");
    if (found.op == Operator::is) {
        found.is = read_is(scanner);
    } else if (found.op == Operator::in) {
        found.value = builder.value(list(scanner, builder.limits));
    } else {
        if (found.quantifier != Quantifier::none && scanner.peek() != '{' && scanner.peek() != '"')
            scanner.fail("{ and a list of values");
        std::string value = within ? inner_value(scanner) : scanner.rest();
        const bool is_pattern = found.op == Operator::like || found.op == Operator::ilike;
        found.value = builder.value(is_pattern ? pattern(std::move(value)) : std::move(value));
    }
    return found;
}

Logic tree(Scanner &scanner, Logic::Kind kind, bool negated, Builder &builder, std::size_t depth) {
    if (depth == builder.limits.logic_depth) throw bound_error("levels of and() and or()", builder.limits.logic_depth);
    Logic logic;
    logic.kind = kind;
    logic.negated = negated;
    scanner.skip_blanks();
    scanner.expect("(", "( and conditions");
    do {
        scanner.skip_blanks();
        const std::size_t begin = scanner.position();
        const bool is_negated = scanner.accept("not.");
        const bool is_and = scanner.accept("and");
        const bool is_or = !is_and && scanner.accept("or");
        scanner.skip_blanks();
        if ((is_and || is_or) && scanner.peek() == '(') {
            builder.count_filter();
            logic.parts.push_back(
                tree(scanner, is_and ? Logic::Kind::all_of : Logic::Kind::any_of, is_negated, builder, depth + 1));
        } else {
            scanner.rewind(begin);
            Field field = read_field(scanner, builder);
            scanner.expect(".", ". and an operator");
            Logic part;
            part.condition = condition(scanner, std::move(field), builder, true);
            logic.parts.push_back(std::move(part));
        }
        scanner.skip_blanks();
    } while (scanner.accept(","));
    scanner.expect(")", ", or )");
    scanner.skip_blanks();
    return logic;
}

} // namespace

Condition read_condition(Scanner &scanner, Field field, Builder &builder) {
    Condition found = condition(scanner, std::move(field), builder, false);
    if (!scanner.at_end()) scanner.fail("the end");
    return found;
}

Logic read_logic(Scanner &scanner, Logic::Kind kind, bool negated, Builder &builder) {
    Logic found = tree(scanner, kind, negated, builder, 0);
    if (!scanner.at_end()) scanner.fail("the end");
    return found;
}

} // namespace gateway::rest
