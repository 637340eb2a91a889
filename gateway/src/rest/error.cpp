#include "rest/error.hpp"

#include <algorithm>
#include <numeric>

namespace gateway::rest {

namespace {

// Edits (insert, delete, replace) from one to the other.
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < right.size(); ++j) {
            const std::size_t above = row[j + 1];
            row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (left[i] == right[j] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

} // namespace

Error parse_error(std::string_view parameter, std::size_t position, std::string_view expected) {
    return Error(400, "PGRST100",
                 "failed to parse \"" + std::string(parameter) + "\" at position " + std::to_string(position),
                 "expected " + std::string(expected));
}

Error bound_error(std::string_view what, std::size_t limit) {
    return Error(400, "PGRST100", "the request asks for too much",
                 std::string(what) + ": at most " + std::to_string(limit), "Split it into smaller requests.");
}

Error body_error(std::string message, std::string hint) {
    return Error(400, "PGRST102", std::move(message), {}, std::move(hint));
}

Error range_error(std::string details) {
    return Error(416, "PGRST103", "Requested range not satisfiable", std::move(details));
}

Error aggregate_error() {
    return Error(400, "PGRST123", "Use of aggregate functions is not allowed", "Aggregates in select are off.",
                 "Prefer: count=exact counts rows; for sums and groups make a view or a function of the exposed schema.");
}

Error not_single(long long rows) {
    return Error(406, "PGRST116", "Cannot coerce the result to a single JSON object",
                 "The result contains " + std::to_string(rows) + " rows");
}

Error too_many_affected(long long rows, long long limit) {
    return Error(400, "PGRST124", "Query result exceeds max-affected preference constraint",
                 "The query affects " + std::to_string(rows) + " rows, at most " + std::to_string(limit) +
                     " are preferred");
}

std::string nearest_hint(std::string_view wanted, const std::vector<std::string> &names) {
    if (wanted.size() > 63) return {}; // no name is that long, and comparing would cost
    std::size_t best = (wanted.size() < 5 ? 1 : std::max<std::size_t>(2, wanted.size() / 3)) + 1;
    const std::string *nearest = nullptr;
    for (const std::string &name : names) {
        const std::size_t edits = distance(wanted, name);
        if (edits < best) {
            best = edits;
            nearest = &name;
        }
    }
    return nearest ? "Perhaps you mean '" + *nearest + "'." : std::string();
}

} // namespace gateway::rest
