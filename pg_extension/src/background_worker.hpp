// Background workers of ours: each is given one dynamic segment and does one thing.
#pragma once

#include "pg_prelude.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
}

namespace tenancy::background_worker {

// Starts function of this library with the segment's handle as its argument; name is for pg_stat_activity. The caller is
// signalled when it starts and ends. Errors: 53400 no background worker became free within three seconds. May ereport.
BackgroundWorkerHandle *start(const char *function, const char *name, dsm_segment *segment);

// In the worker: the segment, mapped until the process ends; null when the caller has gone.
void *attach(Datum argument, const char *name);

} // namespace tenancy::background_worker
