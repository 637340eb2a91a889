#include "rest/negotiation.hpp"

#include "http/request.hpp"
#include "rest/error.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace gateway::rest {

namespace {

constexpr std::array<std::pair<std::string_view, Format>, 9> formats = {{
    {"application/json", Format::json},
    {"application/*", Format::json},
    {"*/*", Format::json},
    {"application/vnd.pgrst.array+json", Format::json},
    {"application/vnd.pgrst.object+json", Format::object},
    {"application/vnd.pgrst.object", Format::object},
    {"text/csv", Format::csv},
    {"text/*", Format::csv},
    {"application/x-ndjson", Format::lines},
}};

// In thousandths; nothing when it is no such number.
std::optional<int> quality(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
    int value = (text[0] - '0') * 1000;
    if (text.size() > 1 && text[1] != '.') return std::nullopt;
    int unit = 100;
    for (const char digit : text.substr(std::min<std::size_t>(2, text.size()))) {
        if (digit < '0' || digit > '9') return std::nullopt;
        value += (digit - '0') * unit;
        unit /= 10;
    }
    return std::min(value, 1000);
}

std::string_view next(std::string_view &rest, char separator) {
    const auto end = rest.find(separator);
    const std::string_view part = http::trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

} // namespace

Format accepted_format(const std::vector<std::string_view> &accept) {
    std::optional<Format> best;
    int best_quality = 0;
    bool asked = false;
    std::string all;
    for (std::string_view header : accept) {
        all += (all.empty() ? "" : ", ") + std::string(http::trimmed(header));
        while (!header.empty()) {
            std::string_view parameters = next(header, ',');
            if (parameters.empty()) continue;
            asked = true;
            const std::string_view type = next(parameters, ';');
            std::optional<int> wanted = 1000;
            while (!parameters.empty() && wanted) {
                const std::string_view parameter = next(parameters, ';');
                if (parameter.size() > 2 && http::equal_ignoring_case(parameter.substr(0, 2), "q="))
                    wanted = quality(parameter.substr(2));
                else if (!parameter.empty() && !http::equal_ignoring_case(parameter, "charset=utf-8"))
                    wanted.reset(); // nulls=stripped, for one: not what this gives
            }
            if (!wanted || *wanted <= best_quality) continue;
            for (const auto &[name, format] : formats) {
                if (!http::equal_ignoring_case(type, name)) continue;
                best = format;
                best_quality = *wanted;
            }
        }
    }
    if (best) return *best;
    if (!asked) return Format::json;
    throw Error(406, "PGRST107", "None of these media types are available: " + all.substr(0, 200), {},
                "There are application/json, application/vnd.pgrst.object+json, text/csv and application/x-ndjson.");
}

std::string_view media_type(Format format) {
    switch (format) {
    case Format::object: return "application/vnd.pgrst.object+json; charset=utf-8";
    case Format::csv: return "text/csv; charset=utf-8";
    case Format::lines: return "application/x-ndjson; charset=utf-8";
    default: return "application/json; charset=utf-8";
    }
}

BodyFormat body_format(const std::vector<std::string_view> &content_type) {
    if (content_type.empty()) return BodyFormat::json;
    std::string_view parameters = content_type.front();
    const std::string_view type = next(parameters, ';');
    bool known = content_type.size() == 1;
    while (!parameters.empty()) {
        const std::string_view parameter = next(parameters, ';');
        known = known && (parameter.empty() || http::equal_ignoring_case(parameter, "charset=utf-8") ||
                          http::equal_ignoring_case(parameter, "charset=\"utf-8\"") || parameter.starts_with("header="));
    }
    if (known && http::equal_ignoring_case(type, "application/json")) return BodyFormat::json;
    if (known && http::equal_ignoring_case(type, "text/csv")) return BodyFormat::csv;
    if (known && http::equal_ignoring_case(type, "application/x-www-form-urlencoded")) return BodyFormat::form;
    throw Error(415, "PGRST102", "Content-Type not acceptable: " + std::string(content_type.front().substr(0, 100)), {},
                "Send application/json, text/csv or application/x-www-form-urlencoded, in UTF-8.");
}

} // namespace gateway::rest
