/*
 * Arena: bump allocation for everything that dies together (a plan, a statement, a batch's scratch). Freed as
 * a whole.
 * @thread one owner.
 */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include "base/memory.h"
#include <stdarg.h>

struct weir_arena_block;
struct weir_arena {
    struct weir_memory *memory;
    struct weir_arena_block *first, *current;
    char *cursor, *end;
    size_t block_bytes;
};

void weir_arena_init(
    struct weir_arena *arena, struct weir_memory *memory); /* borrows memory; allocates nothing yet */
void weir_arena_done(struct weir_arena *arena);
void weir_arena_reset(struct weir_arena *arena); /* keeps its blocks: a warmed-up arena allocates no more */

void *weir_arena_allocate_slow(struct weir_arena *arena, size_t bytes, size_t alignment);

/* Not zeroed; 16-byte aligned. */
static inline void *weir_arena_allocate(struct weir_arena *arena, size_t bytes)
{
    char *at = (char *)(((uintptr_t)arena->cursor + 15) & ~(uintptr_t)15);
    if (WEIR_LIKELY(arena->cursor && (size_t)(arena->end - at) >= bytes && at <= arena->end)) {
        arena->cursor = at + bytes;
        return at;
    }
    return weir_arena_allocate_slow(arena, bytes, 16);
}
void *weir_arena_allocate_zeroed(struct weir_arena *arena, size_t bytes);
char *weir_arena_copy(struct weir_arena *arena, const void *bytes, size_t length); /* adds a NUL behind */
char *weir_arena_string(struct weir_arena *arena, const char *text);
char *weir_arena_format(struct weir_arena *arena, const char *format, ...) WEIR_PRINTF(2, 3);
char *weir_arena_vformat(struct weir_arena *arena, const char *format, va_list arguments);

#define WEIR_ARENA_NEW(arena, type) ((type *)weir_arena_allocate_zeroed((arena), sizeof(type)))
#define WEIR_ARENA_ARRAY(arena, type, count) \
    ((type *)weir_arena_allocate_zeroed((arena), sizeof(type) * (size_t)(count)))

#endif
