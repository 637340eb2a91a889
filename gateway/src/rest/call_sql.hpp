// The call of a function, and which one of several with the same name is meant.
#pragma once

#include "rest/read_sql.hpp"

namespace gateway::rest {

Statement call_sql(const Schema &schema, const Query &query, const Limits &limits);

// The place among the functions of that name of the one that takes just these arguments; throws PGRST202 when there is
// none and PGRST203 when there are several. `with_body`: a function whose one argument has no name may take the body.
std::size_t choose_function(const Schema &schema, std::string_view name, const std::vector<std::string> &arguments,
                            bool with_body);

const Function &function_at(const Schema &schema, std::string_view name, std::size_t place);
bool takes_whole_body(const Function &function);

} // namespace gateway::rest
