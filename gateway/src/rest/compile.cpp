#include "rest/compile.hpp"

#include "rest/call_sql.hpp"
#include "rest/read_sql.hpp"
#include "rest/sql_text.hpp"
#include "rest/write_sql.hpp"

namespace gateway::rest {

Statement compile(const Schema &schema, const Query &query, const Limits &limits) {
    switch (query.action) {
    case Query::Action::call:
        return call_sql(schema, query, limits);
    case Query::Action::read: {
        Emitter emitter(query);
        RowSource source;
        source.from = qualified(schema, query.target);
        source.relation = schema.relation(query.target);
        return ReadSql(schema, query, limits, emitter).answer(source);
    }
    default:
        return write_sql(schema, query, limits);
    }
}

} // namespace gateway::rest
