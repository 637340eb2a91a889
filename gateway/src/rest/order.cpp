#include "rest/order.hpp"

#include "rest/field.hpp"

#include <algorithm>

namespace gateway::rest {

std::vector<OrderTerm> read_order(std::string_view parameter, std::string_view text, Builder &builder) {
    Scanner scanner(parameter, text);
    std::vector<OrderTerm> terms;
    scanner.skip_blanks();
    if (scanner.at_end()) return terms;
    do {
        builder.count_column();
        OrderTerm term;
        scanner.skip_blanks();
        term.field = read_field(scanner, builder);
        if (scanner.peek() == '(' && term.field.path.empty()) {
            scanner.take();
            term.relation = std::move(term.field.name);
            term.field = read_field(scanner, builder);
            scanner.expect(")", ")");
        }
        term.descending = scanner.accept(".desc");
        if (!term.descending) scanner.accept(".asc");
        if (scanner.accept(".nullsfirst"))
            term.nulls = OrderTerm::Nulls::first;
        else if (scanner.accept(".nullslast"))
            term.nulls = OrderTerm::Nulls::last;
        scanner.skip_blanks();
        if (!scanner.at_end() && scanner.peek() != ',') scanner.fail(".asc, .desc, .nullsfirst, .nullslast or a comma");
        terms.push_back(std::move(term));
    } while (scanner.accept(","));
    return terms;
}

std::vector<std::string> read_names(std::string_view parameter, std::string_view text, Builder &builder) {
    Scanner scanner(parameter, text);
    std::vector<std::string> names;
    do {
        builder.count_column();
        std::string name = scanner.name("a column name");
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    } while (scanner.accept(","));
    if (!scanner.at_end()) scanner.fail("a comma or the end");
    return names;
}

} // namespace gateway::rest
