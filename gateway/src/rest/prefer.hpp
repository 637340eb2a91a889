// The Prefer header: how the client wants its answer. Unknown preferences are ignored, unless handling=strict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

struct Preferences {
    enum class Return { minimal, representation, headers_only };
    enum class Count { none, exact, planned, estimated };
    enum class Resolution { none, merge_duplicates, ignore_duplicates };

    std::optional<Return> returns; // nothing: minimal
    Count count = Count::none;
    Resolution resolution = Resolution::none;
    bool missing_default = false;             // missing=default: absent keys take the column's default, not null
    bool rollback = false;                    // tx=rollback: run, answer, and change nothing
    bool strict = false;                      // handling=strict
    std::optional<std::int64_t> max_affected; // counts only with handling=strict
    std::vector<std::string> applied;         // for Preference-Applied, as written here: "return=minimal"
};

// All Prefer headers' values of the request. Throws PGRST122 for what is unknown or broken under handling=strict.
Preferences parse_preferences(const std::vector<std::string_view> &values);

} // namespace gateway::rest
