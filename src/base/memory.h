/*
 * struct weir_memory: where memory comes from, and how much of it may be used.
 *
 * Pure libraries never call malloc: they are handed one of these. os/memory.h has the real one (jemalloc),
 * tests have one that counts, the simulator one that is deterministic. Allocation does not fail: past the
 * hard end the process aborts (a crash is a failover). Budgets are soft and are checked at batch boundaries
 * with weir_memory_over_limit(), so that the overshoot is one batch's growth; the subtask loop turns "over"
 * into back-pressure or into a clear job failure.
 *
 * @thread any: counters are atomic, the functions are thread-safe.
 */
#ifndef WEIR_BASE_MEMORY_H
#define WEIR_BASE_MEMORY_H

#include "base/macros.h"
#include <stdatomic.h>

struct weir_memory {
    /* Never returns NULL. alignment is a power of two, at most 4096; memory is not zeroed. */
    void *(*allocate)(struct weir_memory *memory, size_t bytes, size_t alignment);
    /* bytes and alignment are those of the allocation. */
    void (*release)(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment);
    struct weir_memory *parent; /* accounts there, too; NULL at the root */
    size_t limit_bytes;         /* 0 = none */
    _Atomic size_t used_bytes;
    _Atomic size_t peak_bytes;
    _Atomic uint64_t allocation_count; /* only grows: "no allocation per batch" is proven with it */
};

void *weir_memory_allocate(struct weir_memory *memory, size_t bytes);        /* 16-byte aligned */
void *weir_memory_allocate_zeroed(struct weir_memory *memory, size_t bytes); /* 16-byte aligned */
void *weir_memory_allocate_aligned(struct weir_memory *memory, size_t bytes, size_t alignment);
/* Grows or shrinks by copying; pointer NULL with bytes_old 0 allocates. */
void *weir_memory_reallocate(struct weir_memory *memory, void *pointer, size_t bytes_old, size_t bytes_new);
void weir_memory_release(struct weir_memory *memory, void *pointer, size_t bytes); /* pointer NULL: nothing */
void weir_memory_release_aligned(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment);
bool weir_memory_over_limit(const struct weir_memory *memory); /* this one or any parent */

/* A child with its own limit and counters that takes from its parent. */
void weir_memory_child_init(struct weir_memory *child, struct weir_memory *parent, size_t limit_bytes);

#endif
