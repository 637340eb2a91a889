#include "rest/prefer.hpp"

#include "http/request.hpp"
#include "rest/error.hpp"

#include <charconv>

namespace gateway::rest {

namespace {

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

// Nothing when the preference is not known or its value is broken.
bool apply(Preferences &prefer, std::string_view name, std::string_view value) {
    using Return = Preferences::Return;
    using Count = Preferences::Count;
    using Resolution = Preferences::Resolution;
    const auto choose = [&](auto &target,
                            std::initializer_list<std::pair<std::string_view, std::decay_t<decltype(target)>>> all) {
        for (const auto &[text, choice] : all)
            if (value == text) {
                target = choice;
                return true;
            }
        return false;
    };
    if (name == "return")
        return choose(prefer.returns, {{"minimal", Return::minimal},
                                       {"representation", Return::representation},
                                       {"headers-only", Return::headers_only}});
    if (name == "count")
        return choose(prefer.count,
                      {{"exact", Count::exact}, {"planned", Count::planned}, {"estimated", Count::estimated}});
    if (name == "resolution")
        return choose(prefer.resolution, {{"merge-duplicates", Resolution::merge_duplicates},
                                          {"ignore-duplicates", Resolution::ignore_duplicates}});
    if (name == "missing") return choose(prefer.missing_default, {{"default", true}, {"null", false}});
    if (name == "tx") return choose(prefer.rollback, {{"rollback", true}, {"commit", false}});
    if (name == "handling") return choose(prefer.strict, {{"strict", true}, {"lenient", false}});
    if (name == "max-affected") {
        prefer.max_affected = whole_number(value);
        return prefer.max_affected.has_value();
    }
    return false;
}

} // namespace

Preferences parse_preferences(const std::vector<std::string_view> &values) {
    Preferences prefer;
    std::string unknown;
    std::vector<std::string> seen;
    for (std::string_view rest : values) {
        while (true) {
            const auto comma = rest.find(',');
            const std::string_view one = http::trimmed(rest.substr(0, comma));
            if (!one.empty()) {
                const auto equals = one.find('=');
                const std::string name(http::trimmed(one.substr(0, equals)));
                const std::string_view value =
                    equals == std::string_view::npos ? std::string_view() : http::trimmed(one.substr(equals + 1));
                bool repeated = false; // RFC 7240: the first one counts
                for (const std::string &each : seen) repeated = repeated || each == name;
                if (!repeated) {
                    if (seen.size() >= 50) throw bound_error("preferences", 50);
                    seen.push_back(name);
                    if (apply(prefer, name, value))
                        prefer.applied.push_back(name + "=" + std::string(value));
                    else
                        unknown += (unknown.empty() ? "" : ", ") + std::string(one);
                }
            }
            if (comma == std::string_view::npos) break;
            rest.remove_prefix(comma + 1);
        }
    }
    if (prefer.strict && !unknown.empty())
        throw Error(400, "PGRST122", "Invalid preferences given with handling=strict",
                    "Invalid preferences: " + unknown);
    if (!prefer.strict && prefer.max_affected) {
        prefer.max_affected.reset();
        std::erase_if(prefer.applied, [](const std::string &each) { return each.starts_with("max-affected="); });
    }
    return prefer;
}

} // namespace gateway::rest
