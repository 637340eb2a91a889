// The server hooks this extension holds. They dispatch and chain, nothing else.
#pragma once

namespace tenancy::hooks {

void install();

} // namespace tenancy::hooks
