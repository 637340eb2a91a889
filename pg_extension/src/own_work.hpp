// Which of the extension's own SQL functions is running: the guard is silent on what they do on their way. Counted as
// the server enters and leaves them, by their identity: nobody can set it, and a function of the same name elsewhere
// does not count.
#pragma once

namespace tenancy::own_work {

void install();

} // namespace tenancy::own_work
