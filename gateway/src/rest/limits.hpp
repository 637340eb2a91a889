// What one request may ask for. A hostile query is refused before it costs more than reading it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gateway::rest {

struct Limits {
    std::size_t query_bytes = 8192; // percent-encoded
    std::size_t parameters = 100;   // `name=value` pairs
    std::size_t columns = 300;      // in all select lists, orders and column lists together
    std::size_t filters = 100;      // conditions at all levels together
    std::size_t list_values = 1000; // of one in.(…)
    std::size_t logic_depth = 8;    // and=(or(…)) nesting
    std::size_t embeddings = 20;    // in the whole query
    std::size_t embedding_depth = 5;
    std::size_t path_steps = 10; // data->a->b
    std::size_t json_depth = 32; // of a request body
    std::size_t body_rows = 10000;
    std::size_t key_sets = 16;         // different sets of keys in one body with missing=default
    std::int64_t max_rows = 1000;      // of an answer, and of each embedded list
    std::int64_t counted_rows = 10000; // how far count=planned and count=estimated count
};

} // namespace gateway::rest
