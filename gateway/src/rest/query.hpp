// A request for data, read and checked, with its values set aside: what is compiled is the shape, what is bound are the
// parameters. A Slot is the place of a value in `parameters`; in SQL it is $(slot + 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gateway::rest {

using Slot = std::size_t;

struct PathStep {          // of data->a->>b
    bool as_text = false;  // ->>
    bool is_index = false; // an array's index, not a key
    Slot value = 0;
};

struct Field {
    std::string name;
    std::vector<PathStep> path;
};

enum class Operator {
    eq,
    neq,
    gt,
    gte,
    lt,
    lte,
    like,
    ilike,
    match,
    imatch,
    in,
    is,
    isdistinct,
    fts,
    plfts,
    phfts,
    wfts,
    cs,
    cd,
    ov,
    sl,
    sr,
    nxr,
    nxl,
    adj
};

enum class Quantifier { none, any, all };

enum class Is { null, not_null, true_, false_, unknown };

struct Condition {
    Field field;
    Operator op = Operator::eq;
    Quantifier quantifier = Quantifier::none;
    Is is = Is::null;
    bool negated = false;
    Slot value = 0;               // of all but `is`
    std::optional<Slot> language; // of fts
};

struct Logic {
    enum class Kind { condition, all_of, any_of };
    Kind kind = Kind::condition;
    bool negated = false; // of all_of and any_of
    Condition condition;
    std::vector<Logic> parts;
};

struct OrderTerm {
    enum class Nulls { unset, first, last };
    std::string relation; // of order=relation(column); empty: a column of the level itself
    Field field;
    bool descending = false;
    Nulls nulls = Nulls::unset;
};

struct SelectColumn {
    Field field;       // name "*": all columns
    std::string alias; // the name in the answer, always set but for "*"
    std::string cast;  // empty: none; a type of cast_type()
};

struct Embedding;

struct Level {
    std::vector<SelectColumn> columns;
    std::vector<Embedding> embeddings;
    std::vector<Logic> filters; // all of them hold
    std::vector<OrderTerm> order;
    std::int64_t limit_value = 0;
    std::optional<Slot> limit;
    std::int64_t offset_value = 0;
    std::optional<Slot> offset;
};

struct Embedding {
    std::string target; // a relation, a foreign key's constraint, or its one column
    std::string alias;  // empty: target
    std::string hint;
    bool inner = false;
    bool spread = false;
    Level level;
    const std::string &name() const { return alias.empty() ? target : alias; }
};

// after=: the rows behind a known one. `values` holds one entry for each term of the order with the primary key
// appended, nothing for null; empty: the first page.
struct Keyset {
    std::vector<std::optional<Slot>> values;
};

struct Query {
    enum class Action { read, insert, upsert_one, update, remove, call };

    Action action = Action::read;
    std::string target; // relation or function
    std::string shape;  // all of the query but its values
    std::vector<std::string> parameters;

    // For whoever runs the statement and answers.
    bool writes = false;    // else it can run read only
    bool single = false;    // Format::object: other than one row is not_single(rows), and a write rolls back
    bool no_result = false; // 204: a function without result
    std::optional<std::int64_t> max_affected; // more rows changed: too_many_affected(rows, limit), roll back
    bool is_keyset = false;

    // The rest is for the compiler.
    Level root;
    std::optional<Keyset> keyset;
    bool as_object = false, as_csv = false, as_lines = false, without_body = false, count_all = false,
         count_some = false, representation = false, key_wanted = false, merge = false, ignore = false,
         whole_body = false; // the function's one argument has no name and takes the body as it is
    std::optional<Slot> body;
    std::vector<std::string> on_conflict;
    // The columns written. More than one set only with missing=default: then `rows` has the places of the body's rows
    // with just these keys, as an array of integers.
    struct KeySet {
        std::vector<std::string> columns;
        std::optional<Slot> rows;
    };
    std::vector<KeySet> written;
    struct Forced {
        std::string column;
        Slot value;
    };
    std::vector<Forced> forced; // columns of a PUT that take the filter's value
    std::size_t overload = 0;   // of a function: its place among those of the name
    struct CallArgument {
        std::string name;
        std::optional<Slot> value; // nothing: it is in the body
    };
    std::vector<CallArgument> arguments;

    std::int64_t offset() const { return root.offset_value; } // for Content-Range
};

} // namespace gateway::rest
