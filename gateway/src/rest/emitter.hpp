// Hands out what must be unique within one statement, and knows which parameters its text already holds.
#pragma once

#include "rest/query.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

class Emitter {
public:
    explicit Emitter(const Query &query) : used_(query.parameters.size()) {}

    // $3::bigint. This and alias() throw when a statement gets out of hand: filters on embedded resources multiply.
    std::string parameter(Slot slot, std::string_view sql_type);

    std::string alias(char letter); // such as t3

    // For the end of the statement. Postgres cannot tell the type of a parameter that the text does not hold, so those
    // of parts that change nothing, such as the order of a resource that is not shown, are named in a condition that is
    // true.
    std::string where_unused();

private:
    std::vector<bool> used_;
    std::size_t aliases_ = 0;
    std::size_t mentions_ = 0;
};

} // namespace gateway::rest
