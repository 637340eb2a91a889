// Columns and conditions on them as SQL.
#pragma once

#include "rest/emitter.hpp"
#include "rest/schema.hpp"

#include <string>

namespace gateway::rest {

struct Expression {
    std::string sql;
    Type type;
};

// The relation's column, or throws 42703 with the name that may have been meant.
const Column &known_column(const Relation &relation, std::string_view name);

Expression field_sql(const Field &field, const Relation &relation, const std::string &alias, Emitter &emitter);
std::string condition_sql(const Condition &condition, const Relation &relation, const std::string &alias,
                          Emitter &emitter);

} // namespace gateway::rest
