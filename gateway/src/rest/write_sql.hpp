// INSERT, UPDATE and DELETE with the answer made of the rows that they touched.
#pragma once

#include "rest/read_sql.hpp"

namespace gateway::rest {

Statement write_sql(const Schema &schema, const Query &query, const Limits &limits);

} // namespace gateway::rest
