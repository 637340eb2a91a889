#include "rest/emitter.hpp"

#include "rest/error.hpp"

namespace gateway::rest {

namespace {
constexpr std::size_t most_aliases = 200;
constexpr std::size_t most_mentions = 5000;
} // namespace

std::string Emitter::parameter(Slot slot, std::string_view sql_type) {
    if (++mentions_ > most_mentions) throw bound_error("values in the statement", most_mentions);
    used_.at(slot) = true;
    return '$' + std::to_string(slot + 1) + "::" + std::string(sql_type);
}

std::string Emitter::alias(char letter) {
    if (aliases_ == most_aliases) throw bound_error("parts of the statement", most_aliases);
    return letter + std::to_string(aliases_++);
}

std::string Emitter::where_unused() {
    std::string text;
    for (Slot slot = 0; slot < used_.size(); ++slot)
        if (!used_[slot]) text += (text.empty() ? " where " : " and ") + parameter(slot, "text") + " is not null";
    return text;
}

} // namespace gateway::rest
