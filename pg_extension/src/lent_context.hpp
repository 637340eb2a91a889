// A context and a role for one statement, put back before the function that lent them returns. Plain values on purpose: when
// an ERROR jumps over the return, the (sub)transaction's abort puts user and settings back itself.
#pragma once

#include "context.hpp"
#include "pg_prelude.hpp"

namespace tenancy {

struct Lender {
    Oid user;
    int security_context;
    int settings;
};

// identity null: no context. The caller may set more settings LOCAL: they end with it.
inline Lender lend_context(const context::Identity *identity, Oid role, int security_context)
{
    Lender lender;
    GetUserIdAndSecContext(&lender.user, &lender.security_context);
    lender.settings = NewGUCNestLevel();
    if (identity != nullptr)
        context::lend(*identity);
    SetUserIdAndSecContext(role, security_context);
    return lender;
}

inline void take_back(const Lender &lender)
{
    SetUserIdAndSecContext(lender.user, lender.security_context);
    AtEOXact_GUC(false, lender.settings); // not "commit": what the statement's functions set goes too
}

} // namespace tenancy
