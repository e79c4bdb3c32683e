#include "base/memory.h"
#include "base/assert.h"
#include <string.h>

static void account(struct weir_memory *memory, size_t bytes)
{
    size_t used = atomic_fetch_add_explicit(&memory->used_bytes, bytes, memory_order_relaxed) + bytes;
    size_t peak = atomic_load_explicit(&memory->peak_bytes, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak_explicit(&memory->peak_bytes, &peak, used,
                              memory_order_relaxed, memory_order_relaxed)) {}
    atomic_fetch_add_explicit(&memory->allocation_count, 1, memory_order_relaxed);
}

void *weir_memory_allocate_aligned(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    WEIR_ASSERT(memory != NULL);
    WEIR_ASSERT(alignment > 0 && (alignment & (alignment - 1)) == 0 && alignment <= 4096);
    account(memory, bytes);
    return memory->allocate(memory, bytes ? bytes : 1, alignment);
}

void *weir_memory_allocate(struct weir_memory *memory, size_t bytes)
{
    return weir_memory_allocate_aligned(memory, bytes, 16);
}

void *weir_memory_allocate_zeroed(struct weir_memory *memory, size_t bytes)
{
    void *pointer = weir_memory_allocate(memory, bytes);
    memset(pointer, 0, bytes);
    return pointer;
}

void weir_memory_release_aligned(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    if (!pointer) return;
    size_t before = atomic_fetch_sub_explicit(&memory->used_bytes, bytes, memory_order_relaxed);
    WEIR_ASSERT(before >= bytes);
    memory->release(memory, pointer, bytes ? bytes : 1, alignment);
}

void weir_memory_release(struct weir_memory *memory, void *pointer, size_t bytes)
{
    weir_memory_release_aligned(memory, pointer, bytes, 16);
}

void *weir_memory_reallocate(struct weir_memory *memory, void *pointer, size_t bytes_old, size_t bytes_new)
{
    void *grown = weir_memory_allocate(memory, bytes_new);
    if (pointer) {
        memcpy(grown, pointer, WEIR_MIN(bytes_old, bytes_new));
        weir_memory_release(memory, pointer, bytes_old);
    }
    return grown;
}

bool weir_memory_over_limit(const struct weir_memory *memory)
{
    for (; memory; memory = memory->parent) {
        if (memory->limit_bytes &&
            atomic_load_explicit(&memory->used_bytes, memory_order_relaxed) > memory->limit_bytes)
            return true;
    }
    return false;
}

static void *child_allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    return weir_memory_allocate_aligned(memory->parent, bytes, alignment);
}

static void child_release(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    weir_memory_release_aligned(memory->parent, pointer, bytes, alignment);
}

void weir_memory_child_init(struct weir_memory *child, struct weir_memory *parent, size_t limit_bytes)
{
    WEIR_ASSERT(parent != NULL);
    *child = (struct weir_memory){
        .allocate = child_allocate, .release = child_release, .parent = parent, .limit_bytes = limit_bytes
    };
}
