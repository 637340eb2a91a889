// From a request for data to one SQL statement. Two steps, so that a statement is compiled once for each shape:
//
//   const Query query = read_query(schema, "notes", request, limits);   // checks names, collects values; cheap
//   const Statement &statement = cached(schema.version, query.shape) or compile(schema, query, limits);
//   run statement.sql with query.parameters
//
// The same shape on the same schema version always gives the same SQL text. SQL holds identifiers and type names of
// the schema, aliases that the client chose (quoted, of letters, digits, space, _ $ - and non-ASCII), and nothing else
// of the request. Every value is a parameter, sent as text and cast in the SQL. All functions throw rest::Error.
#pragma once

#include "rest/limits.hpp"
#include "rest/prefer.hpp"
#include "rest/query.hpp"
#include "rest/schema.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace gateway::rest {

enum class Method { get, head, post, patch, put, delete_ };

enum class Format {
    json,   // application/json: an array of rows, or what a function returns
    object, // application/vnd.pgrst.object+json: the one row; then check single()
    csv,    // text/csv
    lines,  // application/x-ndjson: a result row for each row, to be streamed
};

enum class BodyFormat { none, json, csv, form }; // form: application/x-www-form-urlencoded

// `Range: 0-9` with `Range-Unit: items`.
struct RowRange {
    std::int64_t first = 0;
    std::optional<std::int64_t> last;
};

struct Request {
    Method method = Method::get;
    std::string_view query; // after '?', percent-encoded
    Preferences prefer;
    Format format = Format::json;
    std::optional<RowRange> range; // GET and HEAD only; limit= and offset= narrow it
    BodyFormat body_format = BodyFormat::none;
    std::string_view body;
    std::optional<std::string> id; // of /{resource}/{id}: the value of the one-column primary key
};

// GET and HEAD of a relation.
Query read_query(const Schema &schema, std::string_view relation, const Request &request, const Limits &limits);
// POST, PUT, PATCH and DELETE of a relation.
Query write_query(const Schema &schema, std::string_view relation, const Request &request, const Limits &limits);
// GET, HEAD and POST of rpc/{function}.
Query call_query(const Schema &schema, std::string_view function, const Request &request, const Limits &limits);

// What one statement gives.
//   one_row: exactly one row of four columns
//     0 body   text  the answer's body, without body_prefix; empty for return=minimal, HEAD and functions without
//     result 1 rows   int8  rows in the answer, or rows changed by a write 2 total  int8  rows without limit and
//     offset, or null when not asked for 3 key    text  read with after=: JSON array, make the next page's token with
//     keyset_token(), null on the last page;
//                    insert: JSON object of the primary key when one row was written, for Location; else null
//   each_row: column 0 is one row's JSON text (Format::lines)
struct Statement {
    enum class Layout { one_row, each_row };

    std::string sql;
    Layout layout = Layout::one_row;
    std::string body_prefix; // the CSV header line
};

// A Query must be compiled with the schema that made it. `limits` are a constant of the process.
Statement compile(const Schema &schema, const Query &query, const Limits &limits);

} // namespace gateway::rest
