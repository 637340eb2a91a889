// The SELECT that an answer is made of, for rows of a relation or of what a write or a function left in a CTE.
#pragma once

#include "rest/compile.hpp"
#include "rest/emitter.hpp"
#include "rest/relationship.hpp"

#include <string>
#include <vector>

namespace gateway::rest {

// Where the answer's rows come from.
struct RowSource {
    std::string from; // in FROM: a qualified relation, or the name of the CTE
    const Relation *relation = nullptr;
    bool filtered = true;     // the filters of the query apply here; a write has applied them already
    bool ordered = false;     // rows come in an order that means something, such as a function's
    std::string with;         // the CTE, or empty
    std::string count;        // SQL of the number of rows; empty: those of the answer
    std::string key = "null"; // SQL of the answer's column 3
    bool one_value = false;   // a function's scalar results: each row is its one column, not an object
    bool one_row = false;     // a function that returns no set: the answer is the row itself, not an array
};

class ReadSql {
public:
    ReadSql(const Schema &schema, const Query &query, const Limits &limits, Emitter &emitter)
        : schema_(schema),
          query_(query),
          limits_(limits),
          emitter_(emitter) {}

    Statement answer(const RowSource &source);

    // The filters of a level for rows of `relation`, as a list to be joined with "and".
    std::vector<std::string> filters(const Level &level, const Relation &relation, const std::string &alias);

private:
    struct Output {
        std::string sql;
        std::string name; // empty: sql is alias.*
    };
    struct Outputs {
        std::vector<Output> columns;
        std::string joins;
    };

    void add_columns(Outputs &out, const Level &level, const Relation &relation, const std::string &alias,
                     bool expanded);
    void add_spread(Outputs &out, const Embedding &embedding, const Relation &relation, const std::string &alias);
    std::string embedded(const Embedding &embedding, const Relation &relation, const std::string &alias);
    std::string exists(const Embedding &embedding, const Relation &relation, const std::string &alias);
    std::string related(const Relationship &relationship, const std::string &origin, const std::string &target,
                        std::vector<std::string> &conditions);
    std::string logic(const Logic &logic, const Level &level, const Relation &relation, const std::string &alias);
    std::string order(const Level &level, const Relation &relation, const std::string &alias, bool by_default = true);
    std::string order_term(const OrderTerm &term, const Level &level, const Relation &relation,
                           const std::string &alias);
    std::string page(const Level &level, std::string_view default_limit);
    std::string total(const RowSource &source);
    Statement keyset_answer(const RowSource &source);

    const Schema &schema_;
    const Query &query_;
    const Limits &limits_;
    Emitter &emitter_;
};

} // namespace gateway::rest
