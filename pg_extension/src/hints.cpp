#include "hints.hpp"

#include "context.hpp"

namespace tenancy::hints {

namespace {

bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// By the message before translation and before values are put into it.
const char *hint_for(const char *message)
{
    if (begins(message, "new row violates row-level security policy"))
        return "select * from tenancy.why_write('table', '{\"column\": \"value\"}') tells why a row is refused.";
    if (begins(message, "permission denied for table"))
        return "select * from tenancy.why('table', 'key') tells which right is missing.";
    return nullptr;
}

} // namespace

void add(ErrorData *error) noexcept
{
    // Without a context it is not ours to explain: the database may not even have the extension.
    if (error->elevel != ERROR || error->hint != nullptr || error->message_id == nullptr ||
        error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE || !context::attached())
        return;
    const char *hint = hint_for(error->message_id);
    if (hint == nullptr)
        return;
    const std::size_t size = strlen(hint) + 1;
    auto *copy = static_cast<char *>(MemoryContextAllocExtended(error->assoc_context, size, MCXT_ALLOC_NO_OOM));
    if (copy == nullptr)
        return;
    memcpy(copy, hint, size);
    error->hint = copy;
}

} // namespace tenancy::hints
