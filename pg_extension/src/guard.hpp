// The seam between C++ and Postgres. Two directions, two functions:
//
//   boundary(name, body)   Postgres → C++. Wraps every SQL function, hook and callback. Whatever body throws
//                          becomes one ERROR, reported after the exception and every C++ object are gone.
//   call_postgres(body)    C++ → Postgres. Needed only where an object with a destructor lives on a frame above:
//                          an ERROR inside becomes a PgError, which unwinds those frames up to boundary().
//
// Code without such objects calls Postgres directly: a longjmp across plain values is harmless.
#pragma once

#include "core/error.hpp"

#include <exception>
#include <new>
#include <type_traits>

#include "pg_prelude.hpp"

#ifdef TENANCY_FAULTS
#include "faults.hpp"
#endif

namespace tenancy {

// A Postgres ERROR in flight. Not a std::exception, so that no handler for those swallows a cancel.
struct PgError {
    ErrorData *data;
};

// Puts the server's handler stack back, however the scope is left.
class HandlerScope {
public:
    HandlerScope() : handler_(PG_exception_stack), context_(error_context_stack) {}
    ~HandlerScope()
    {
        PG_exception_stack = handler_;
        error_context_stack = context_;
    }
    HandlerScope(const HandlerScope &) = delete;
    HandlerScope &operator=(const HandlerScope &) = delete;

private:
    sigjmp_buf *handler_;
    ErrorContextCallback *context_;
};

namespace detail {

// Runs body under a landing of our own: true when it came back, false when the server raised an ERROR, which
// then waits on the server's error stack.
template <typename Body> bool caught(Body &body)
{
    HandlerScope restore;
    sigjmp_buf landing;
    if (sigsetjmp(landing, 0) != 0)
        return false;
    PG_exception_stack = &landing;
    body();
    return true;
}

} // namespace detail

template <typename Body> void call_postgres(Body body)
{
    static_assert(std::is_trivially_destructible_v<Body>, "capture by reference only");
    MemoryContext caller = CurrentMemoryContext;
    if (detail::caught(body))
        return;

    // Copying may itself run out of memory; then the bare fact is all that can be said.
    MemoryContextSwitchTo(caller);
    ErrorData *volatile data = nullptr;
    auto copy = [&] { data = CopyErrorData(); };
    const bool copied = detail::caught(copy);
    MemoryContextSwitchTo(caller);
    FlushErrorState();
    if (!copied)
        throw std::bad_alloc();
    throw PgError{data};
}

[[noreturn]] inline void raise(const Report &report)
{
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE(report.sqlstate[0], report.sqlstate[1], report.sqlstate[2], report.sqlstate[3],
                                   report.sqlstate[4])),
             errmsg_internal("%s", report.message), report.detail[0] != '\0' ? errdetail_internal("%s", report.detail) : 0,
             report.hint[0] != '\0' ? errhint("%s", report.hint) : 0));
    pg_unreachable();
}

template <typename Body> auto boundary([[maybe_unused]] const char *name, Body body) -> decltype(body())
{
    Report report;
    ErrorData *from_server = nullptr;
    try {
#ifdef TENANCY_FAULTS
        faults::strike(name);
#endif
        return body();
    } catch (const PgError &e) {
        from_server = e.data;
    } catch (const SqlError &e) {
        report = e.report();
    } catch (const std::bad_alloc &) {
        report = Report::make("53200", "out of memory");
    } catch (const std::exception &e) {
        report = Report::make("XX000", e.what());
    } catch (...) {
        report = Report::make("XX000", "unrecognized C++ exception");
    }
    if (from_server != nullptr)
        ReThrowError(from_server);
    raise(report);
}

} // namespace tenancy

// An SQL function: C linkage, exported, and nothing but the boundary around its body.
#define TENANCY_FUNCTION(name)                                                                                         \
    static Datum name##_body(FunctionCallInfo fcinfo);                                                                 \
    extern "C" {                                                                                                       \
    extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                                   \
    PG_FUNCTION_INFO_V1(name);                                                                                         \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS)                                                                           \
    {                                                                                                                  \
        return tenancy::boundary(#name, [&] { return name##_body(fcinfo); });                                          \
    }                                                                                                                  \
    }                                                                                                                  \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
