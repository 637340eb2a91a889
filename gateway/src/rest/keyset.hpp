// The token of after=: where the next page begins. It holds the last row's values of the order as a JSON array of texts
// and nulls, in base64url. It is no secret and proves nothing: a forged one only asks for another page of one's own
// rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gateway::rest {

// `key` is column 3 of the answer's row.
std::string keyset_token(std::string_view key);

// Throws PGRST100 for anything that is no token.
std::vector<std::optional<std::string>> read_keyset_token(std::string_view token);

} // namespace gateway::rest
