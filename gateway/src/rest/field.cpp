#include "rest/field.hpp"

#include "rest/error.hpp"

namespace gateway::rest {

namespace {

// An index, if the digits are all there is up to the next part of the text.
std::optional<std::string> index(Scanner &scanner) {
    const std::size_t begin = scanner.position();
    std::string digits;
    if (scanner.peek() == '-') digits.push_back(scanner.take());
    const std::size_t sign = digits.size();
    while (scanner.peek() >= '0' && scanner.peek() <= '9') digits.push_back(scanner.take());
    const bool ends = scanner.at_end() || scanner.starts_with("->") || scanner.starts_with("::") ||
                      scanner.peek() == '.' || scanner.peek() == ',' || scanner.peek() == ')' || scanner.peek() == ' ';
    if (ends && digits.size() > sign && digits.size() <= 9) return digits;
    scanner.rewind(begin);
    return std::nullopt;
}

} // namespace

void read_path(Scanner &scanner, Builder &builder, Field &field, std::string *last_key) {
    while (scanner.starts_with("->")) {
        if (field.path.size() == builder.limits.path_steps)
            throw bound_error("steps of a JSON path", builder.limits.path_steps);
        if (!field.path.empty() && field.path.back().as_text) scanner.fail("nothing behind the last ->>");
        PathStep step;
        step.as_text = scanner.accept("->>");
        if (!step.as_text) scanner.accept("->");
        if (auto number = index(scanner)) {
            step.is_index = true;
            step.value = builder.value(std::move(*number));
        } else {
            std::string key = scanner.name("a key or an index");
            if (last_key) *last_key = key;
            step.value = builder.value(std::move(key));
        }
        field.path.push_back(step);
    }
    scanner.skip_blanks();
}

Field read_field(Scanner &scanner, Builder &builder, std::string *last_key) {
    Field field;
    field.name = scanner.name("a column name");
    if (last_key) *last_key = field.name;
    read_path(scanner, builder, field, last_key);
    return field;
}

} // namespace gateway::rest
