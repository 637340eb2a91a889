#include "rest/builder.hpp"

#include "rest/error.hpp"

namespace gateway::rest {

void Builder::count_column() {
    if (++columns_ > limits.columns) throw bound_error("columns", limits.columns);
}

void Builder::count_filter() {
    if (++filters_ > limits.filters) throw bound_error("filters", limits.filters);
}

void Builder::count_embedding() {
    if (++embeddings_ > limits.embeddings) throw bound_error("embedded resources", limits.embeddings);
}

void ArrayLiteral::add(std::string_view element) {
    if (text_.size() > 1) text_.push_back(',');
    text_.push_back('"');
    for (const char c : element) {
        if (c == '"' || c == '\\') text_.push_back('\\');
        text_.push_back(c);
    }
    text_.push_back('"');
}

} // namespace gateway::rest
