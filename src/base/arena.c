#include "base/arena.h"
#include "base/assert.h"
#include <stdio.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 16 << 10, ARENA_BLOCK_BYTES_MAX = 1 << 20 };

struct weir_arena_block {
    struct weir_arena_block *next;
    size_t bytes; /* with this header */
};

static char *block_start(struct weir_arena_block *block)
{
    return (char *)block + ((sizeof *block + 15) & ~(size_t)15);
}

void weir_arena_init(struct weir_arena *arena, struct weir_memory *memory)
{
    *arena = (struct weir_arena){ .memory = memory, .block_bytes = ARENA_BLOCK_BYTES };
}

void weir_arena_done(struct weir_arena *arena)
{
    for (struct weir_arena_block *block = arena->first; block;) {
        struct weir_arena_block *next = block->next;
        weir_memory_release(arena->memory, block, block->bytes);
        block = next;
    }
    weir_arena_init(arena, arena->memory);
}

static void use_block(struct weir_arena *arena, struct weir_arena_block *block)
{
    arena->current = block;
    arena->cursor = block_start(block);
    arena->end = (char *)block + block->bytes;
}

void weir_arena_reset(struct weir_arena *arena)
{
    if (arena->first) use_block(arena, arena->first);
}

void *weir_arena_allocate_slow(struct weir_arena *arena, size_t bytes, size_t alignment)
{
    WEIR_ASSERT(bytes < (size_t)1 << 40);
    size_t wanted = bytes + alignment + 64;
    /* Blocks behind the current one are left over from before a reset: take the next that is large enough. */
    while (arena->current && arena->current->next) {
        use_block(arena, arena->current->next);
        char *at = (char *)(((uintptr_t)arena->cursor + alignment - 1) & ~(uintptr_t)(alignment - 1));
        if (at <= arena->end && (size_t)(arena->end - at) >= bytes) {
            arena->cursor = at + bytes;
            return at;
        }
    }
    size_t block_bytes = WEIR_MAX(arena->block_bytes, wanted);
    arena->block_bytes = WEIR_MIN(arena->block_bytes * 2, (size_t)ARENA_BLOCK_BYTES_MAX);
    struct weir_arena_block *block = weir_memory_allocate(arena->memory, block_bytes);
    *block = (struct weir_arena_block){ .bytes = block_bytes };
    if (arena->current)
        arena->current->next = block;
    else
        arena->first = block;
    use_block(arena, block);
    char *at = (char *)(((uintptr_t)arena->cursor + alignment - 1) & ~(uintptr_t)(alignment - 1));
    arena->cursor = at + bytes;
    return at;
}

void *weir_arena_allocate_zeroed(struct weir_arena *arena, size_t bytes)
{
    void *pointer = weir_arena_allocate(arena, bytes);
    memset(pointer, 0, bytes);
    return pointer;
}

char *weir_arena_copy(struct weir_arena *arena, const void *bytes, size_t length)
{
    char *copy = weir_arena_allocate(arena, length + 1);
    if (length) memcpy(copy, bytes, length);
    copy[length] = 0;
    return copy;
}

char *weir_arena_string(struct weir_arena *arena, const char *text)
{
    return weir_arena_copy(arena, text, strlen(text));
}

char *weir_arena_vformat(struct weir_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    WEIR_ASSERT(length >= 0);
    char *text = weir_arena_allocate(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *weir_arena_format(struct weir_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = weir_arena_vformat(arena, format, arguments);
    va_end(arguments);
    return text;
}
