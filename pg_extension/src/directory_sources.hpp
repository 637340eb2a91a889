// What the directory's views are made of: whether all of it is plain tables and views, and of functions that always say the
// same. Then the answer to a question changes only when somebody writes to one of these tables or alters their definition.
#pragma once

#include <initializer_list>

#include "pg_prelude.hpp"

namespace tenancy::directory {

struct Sources {
    static constexpr int most_relations = 32;

    bool known;
    bool traceable;
    int relation_count;
    Oid relations[most_relations]; // tables and views: their definition counts
    int table_count;
    Oid tables[most_relations]; // tables among them: what is written to them counts

    bool contain(Oid relation) const;
};

// Of a plan of one statement that was run a moment ago, and of more tables. May ereport.
Sources sources_of(SPIPlanPtr plan, std::initializer_list<Oid> more_tables);

} // namespace tenancy::directory
