/*
 * The process's root of memory: jemalloc, or the sanitizer's malloc in a sanitizer build. Every budget is a
 * child of it. Running out of memory past all budgets prints one line and aborts: a crash is a failover.
 * @thread any
 */
#ifndef WEIR_OS_MEMORY_H
#define WEIR_OS_MEMORY_H

#include "base/memory.h"

struct weir_memory *weir_os_memory(void); /* lives as long as the process */
/* Blocks of huge pages that are released stay with the process for kept_ms, as long as they and all that is
 * in use come to no more than bytes_max: whoever needs as much again soon finds pages that the kernel need
 * not clear. They are not zeroed. Nothing is kept unless this is called, nor in a sanitizer build. */
void weir_os_memory_keep_blocks(size_t bytes_max, int64_t kept_ms);
void weir_os_memory_give_back(void); /* what was kept long enough; to be called every now and then */
size_t weir_os_memory_kept_bytes(void);
/* For a thread beside the one that is about to use so many bytes of user: makes such blocks until those that
 * are kept do for what is still wanted, or until *enough. */
void weir_os_memory_make_blocks(size_t bytes, const struct weir_memory *user, const _Atomic bool *enough);

size_t weir_os_resident_bytes(void); /* of this process now; 0 when unknown */
size_t weir_os_physical_bytes(
    void); /* of the machine, or of its control group when that is smaller; 0 when unknown */

#endif
