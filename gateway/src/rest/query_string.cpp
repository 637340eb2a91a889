#include "rest/query_string.hpp"

#include "http/request.hpp"
#include "rest/error.hpp"

#include <algorithm>
#include <optional>

namespace gateway::rest {

namespace {

std::optional<std::string> decoded(std::string_view text) {
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return http::percent_decoded(spaced);
}

std::vector<Parameter> pairs(std::string_view text, std::size_t most, std::string_view what) {
    std::vector<Parameter> found;
    while (!text.empty()) {
        const auto end = text.find('&');
        const std::string_view pair = text.substr(0, end);
        if (!pair.empty()) {
            if (found.size() == most) throw bound_error(what, most);
            const auto equals = pair.find('=');
            auto name = decoded(pair.substr(0, equals));
            auto value = decoded(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
            if (!name || !value)
                throw Error(400, "PGRST100", "a query parameter is not percent-encoded UTF-8",
                            "parameter " + std::to_string(found.size() + 1));
            found.push_back({std::move(*name), std::move(*value)});
        }
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return found;
}

} // namespace

std::vector<Parameter> parse_query_string(std::string_view query, const Limits &limits) {
    if (query.size() > limits.query_bytes) throw bound_error("bytes of the query", limits.query_bytes);
    return pairs(query, limits.parameters, "query parameters");
}

std::vector<Parameter> parse_form(std::string_view body, const Limits &limits) {
    return pairs(body, limits.columns, "fields of the form");
}

} // namespace gateway::rest
