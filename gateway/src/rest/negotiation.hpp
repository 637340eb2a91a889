// Which form an answer takes and a body has, as the request's headers say.
#pragma once

#include "rest/compile.hpp"

#include <string_view>
#include <vector>

namespace gateway::rest {

// Of all Accept headers, the form that they like best. Throws PGRST107 (406) when none of them can be had.
Format accepted_format(const std::vector<std::string_view> &accept);

std::string_view media_type(Format format); // of the answer

// Throws 415 for a type that nobody reads. None: it is JSON.
BodyFormat body_format(const std::vector<std::string_view> &content_type);

} // namespace gateway::rest
