// What the readers of query parameters share: the query they fill, and the bounds they count against.
#pragma once

#include "rest/limits.hpp"
#include "rest/query.hpp"

#include <string>

namespace gateway::rest {

class Builder {
public:
    Builder(Query &target, const Limits &bounds) : query(target), limits(bounds) {}

    Slot value(std::string text) {
        query.parameters.push_back(std::move(text));
        return query.parameters.size() - 1;
    }

    void count_column();
    void count_filter();
    void count_embedding();

    Query &query;
    const Limits &limits;

private:
    std::size_t columns_ = 0;
    std::size_t filters_ = 0;
    std::size_t embeddings_ = 0;
};

// Quoted elements, so that no byte of one can end it.
class ArrayLiteral {
public:
    void add(std::string_view element);
    std::string text() const { return text_ + "}"; }

private:
    std::string text_ = "{";
};

} // namespace gateway::rest
