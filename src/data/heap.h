/*
 * String heaps: blocks of bytes that string views point into, shared between batches (and threads) by
 * reference count. A writer appends to its current block and opens a new one when it is full; blocks whose
 * last reference goes return to memory.
 * @thread a writer has one owner; reference counts are atomic.
 */
#ifndef WEIR_DATA_HEAP_H
#define WEIR_DATA_HEAP_H

#include "base/memory.h"
#include "data/string_view.h"

enum { WEIR_HEAP_BLOCK_BYTES = 64 << 10 };

struct weir_heap {
    _Atomic uint32_t references;
    struct weir_memory *memory;
    size_t bytes, used;
    char data[];
};

struct weir_heap *weir_heap_new(struct weir_memory *memory, size_t bytes); /* one reference */
struct weir_heap *weir_heap_ref(struct weir_heap *heap);
struct weir_heap *weir_heap_unref(struct weir_heap *heap); /* NULL is fine; returns NULL */

enum { WEIR_HEAP_SPARES_MAX = 8 };

/* A writer's blocks: the current one and those that were filled since the last reset. */
struct weir_heap_writer {
    struct weir_memory *memory;
    struct weir_heap **blocks; /* block_count used */
    uint32_t block_count, block_capacity;
    struct weir_heap *spares[WEIR_HEAP_SPARES_MAX]; /* of earlier rounds; reused once nobody reads them */
    uint32_t spare_count;
};
void weir_heap_writer_init(struct weir_heap_writer *writer, struct weir_memory *memory);
void weir_heap_writer_done(struct weir_heap_writer *writer);
/* Lets the blocks go. Up to WEIR_HEAP_SPARES_MAX of ordinary size are remembered and used again as soon as
 * nobody else refers to them, so that a writer whose batches are let go in time allocates no more after
 * warm-up. */
void weir_heap_writer_reset(struct weir_heap_writer *writer);
/* Contiguous room; stays valid as long as the block is referred to. */
char *weir_heap_writer_allocate(struct weir_heap_writer *writer, size_t bytes);
/* Copies bytes beyond 12 to the heap; shorter ones are inlined. */
struct weir_string weir_heap_writer_string(
    struct weir_heap_writer *writer, const char *data, uint32_t length);

#endif
