#include "hints.hpp"

#include "context.hpp"
#include "pg_prelude.hpp"

namespace tenancy::hints {

namespace {

// By the untranslated text: the SQLSTATE of both is that of many others.
bool begins(const char *text, const char *beginning) { return strncmp(text, beginning, strlen(beginning)) == 0; }

// A client in autocommit mode: its attach ended with its own statement.
const char *hint_without_context(const char *message)
{
    if (begins(message, "permission denied for schema ") || begins(message, "permission denied for table ") ||
        begins(message, "permission denied for view "))
        return "This transaction has no tenant context. Call tenancy.attach(token) in the same transaction, after BEGIN.";
    return nullptr;
}

const char *hint_for(const char *message)
{
    if (!context::attached())
        return context::was_attached() ? hint_without_context(message) : nullptr;
    if (begins(message, "new row violates row-level security policy"))
        return "tenancy.why_write(table, new_row) tells what refuses it.";
    if (begins(message, "permission denied for table "))
        return "tenancy.why(table, key) and tenancy.why_write(table, new_row) tell which right is missing.";
    return nullptr;
}

} // namespace

void complete(ErrorData *error)
{
    if (error->elevel != ERROR || error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE || error->hint != nullptr ||
        error->message_id == nullptr)
        return;
    const char *hint = hint_for(error->message_id);
    if (hint == nullptr)
        return;
    // The error may be that memory has run out: no hint then, but not another error either.
    const std::size_t size = strlen(hint) + 1;
    auto *copy = static_cast<char *>(MemoryContextAllocExtended(error->assoc_context, size, MCXT_ALLOC_NO_OOM));
    if (copy != nullptr) {
        memcpy(copy, hint, size);
        error->hint = copy;
    }
}

} // namespace tenancy::hints
