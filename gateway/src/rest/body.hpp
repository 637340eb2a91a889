// A request's body as Postgres will read it: one JSON text, and which keys are in it. The text itself is passed on as
// it came; it is read here once, without building anything, to know its keys and to refuse what is broken.
#pragma once

#include "rest/limits.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

struct Body {
    std::string json; // an object, or an array of objects
    bool is_array = false;
    std::vector<std::vector<std::string>>
        key_sets;                      // different ones, in the order of their first rows; each in its row's order
    std::vector<std::size_t> row_sets; // for each row, its key set's place
    std::map<std::string, std::string> scalars; // of the first row: numbers as written, texts, true and false
};

Body read_json_body(std::string_view text, const Limits &limits);
Body read_csv_body(std::string_view text, const Limits &limits);
Body read_form_body(std::string_view text, const Limits &limits);

} // namespace gateway::rest
