/*
 * The process's root of memory: jemalloc, or the sanitizer's malloc in a sanitizer build. Every budget is a
 * child of it. Running out of memory past all budgets prints one line and aborts: a crash is a failover.
 * @thread any
 */
#ifndef WEIR_OS_MEMORY_H
#define WEIR_OS_MEMORY_H

#include "base/memory.h"

struct weir_memory *weir_os_memory(void); /* lives as long as the process */
size_t weir_os_resident_bytes(void);      /* of this process now; 0 when unknown */
size_t weir_os_physical_bytes(
    void); /* of the machine, or of its control group when that is smaller; 0 when unknown */

#endif
