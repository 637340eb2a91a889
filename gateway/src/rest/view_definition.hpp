// What a view's columns are made of, read from the tree that Postgres keeps of its query (pg_rewrite.ev_action). Only
// facts that the tree states plainly are taken; what is not understood gives a view without them.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace gateway::rest {

struct ViewDefinition {
    struct Origin {
        std::uint32_t relation = 0; // a table, or a view that this one is made over
        int column = 0;
        bool of_base = false; // of that row of the base, not of the same relation joined once more
    };
    // A relation joined to the base by `column = …`, each column of the list once. If they are a unique key of it, the join
    // adds no row.
    struct Joined {
        std::uint32_t relation = 0;
        std::vector<int> columns;
    };

    std::map<int, Origin> columns; // by the view's column number: those that are a plain column of something
    // The relation of which each row of the view is one row, once all of `joined` turn out to add none. 0: there is none.
    std::uint32_t base = 0;
    std::vector<Joined> joined;
};

ViewDefinition read_view_definition(std::string_view tree);

} // namespace gateway::rest
