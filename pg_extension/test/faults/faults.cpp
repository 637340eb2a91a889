#include "guard.hpp"

#include <stdexcept>
#include <string>

namespace tenancy::faults {

namespace {

char *fault = nullptr;
int alive = 0;

// Holds memory that malloc counts and Postgres does not: jumped over, it would be lost for good.
class Witness {
public:
    Witness() : ballast_(std::size_t{64} * 1024, 'w') { ++alive; }
    ~Witness() { --alive; }
    Witness(const Witness &) = delete;
    Witness &operator=(const Witness &) = delete;

private:
    std::string ballast_;
};

void raise_in_server()
{
    ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("raised by the server"), errdetail("A detail."),
                    errhint("A hint.")));
}

} // namespace

void define_setting()
{
    DefineCustomStringVariable("tenancy.fault", "Which entry throws what, as \"entry:kind\".", nullptr, &fault, "",
                               PGC_SUSET, 0, nullptr, nullptr, nullptr);
}

void strike(const char *entry)
{
    if (fault == nullptr || fault[0] == '\0')
        return;
    const std::string wanted(fault);
    const std::size_t colon = wanted.find(':');
    if (colon == std::string::npos || wanted.compare(0, colon, entry) != 0)
        return;

    const Witness witness;
    const std::string kind = wanted.substr(colon + 1);
    if (kind == "sql")
        throw SqlError("22023", "thrown by core", "A detail.", "A hint.");
    if (kind == "std")
        throw std::runtime_error("thrown by the library");
    if (kind == "memory")
        throw std::bad_alloc();
    if (kind == "int")
        throw 42;
    if (kind == "postgres")
        call_postgres([] { raise_in_server(); });
    if (kind == "bare") // what the seam is there to prevent
        raise_in_server();
}

} // namespace tenancy::faults

// How many witnesses were jumped over.
TENANCY_FUNCTION(tenancy_fault_alive) { PG_RETURN_INT32(tenancy::faults::alive); }
