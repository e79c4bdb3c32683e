#include "sim/heap.h"
#include "base/assert.h"
#include <string.h>

enum { CHUNK_BYTES = 128 << 10, HEADER_BYTES = 64 };

/* Under a sanitizer each block is one of its own: it sees what is used after it was given back. */
#ifdef __SANITIZE_ADDRESS__
enum { SMALL_BYTES_MAX = 0 };
#else
enum { SMALL_BYTES_MAX = WEIR_SIM_HEAP_SMALL_BYTES_MAX };
#endif

struct weir_sim_heap_block {
    struct weir_sim_heap_block *next, **previous;
    size_t bytes, alignment;
};

/* Four classes for each power of two: 16, 32, 48, 64, 80, 96, 112, 128, 160, ... */
static uint32_t class_of(size_t bytes, size_t *ret_bytes)
{
    if (bytes <= 64) {
        uint32_t index = bytes ? (uint32_t)((bytes - 1) / 16) : 0;
        *ret_bytes = (index + 1) * 16u;
        return index;
    }
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(bytes - 1);
    size_t quarter = (size_t)1 << (shift - 2);
    uint32_t step = (uint32_t)((bytes - 1 - ((size_t)1 << shift)) / quarter);
    *ret_bytes = ((size_t)1 << shift) + (step + 1) * quarter;
    return 4 + (shift - 6) * 4 + step;
}

static struct weir_sim_heap_block *take_block(
    struct weir_sim_heap *heap, struct weir_sim_heap_block **list, size_t bytes, size_t alignment)
{
    struct weir_sim_heap_block *block =
        (struct weir_sim_heap_block *)weir_memory_allocate_aligned(heap->parent, bytes, alignment);
    *block = (struct weir_sim_heap_block){
        .next = *list, .previous = list, .bytes = bytes, .alignment = alignment
    };
    if (*list) (*list)->previous = &block->next;
    *list = block;
    return block;
}

static void *heap_allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    struct weir_sim_heap *heap = (struct weir_sim_heap *)memory;
    if (bytes > SMALL_BYTES_MAX || alignment > 16) {
        size_t header = WEIR_MAX(alignment, (size_t)HEADER_BYTES);
        return (char *)take_block(heap, &heap->large, bytes + header, header) + header;
    }
    size_t class_bytes;
    uint32_t class = class_of(bytes, &class_bytes);
    void *block = heap->free_lists[class];
    if (block) {
        memcpy(&heap->free_lists[class], block, sizeof(void *));
        return block;
    }
    if ((size_t)(heap->end - heap->cursor) < class_bytes) {
        char *chunk = (char *)take_block(heap, &heap->chunks, CHUNK_BYTES, HEADER_BYTES);
        heap->cursor = chunk + HEADER_BYTES;
        heap->end = chunk + CHUNK_BYTES;
    }
    block = heap->cursor;
    heap->cursor += class_bytes;
    return block;
}

static void heap_release(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    struct weir_sim_heap *heap = (struct weir_sim_heap *)memory;
    if (bytes > SMALL_BYTES_MAX || alignment > 16) {
        size_t header = WEIR_MAX(alignment, (size_t)HEADER_BYTES);
        struct weir_sim_heap_block *block = (struct weir_sim_heap_block *)((char *)pointer - header);
        WEIR_ASSERT(block->bytes == bytes + header);
        *block->previous = block->next;
        if (block->next) block->next->previous = block->previous;
        weir_memory_release_aligned(heap->parent, block, block->bytes, block->alignment);
        return;
    }
    size_t class_bytes;
    uint32_t class = class_of(bytes, &class_bytes);
    memcpy(pointer, &heap->free_lists[class], sizeof(void *));
    heap->free_lists[class] = pointer;
}

void weir_sim_heap_init(struct weir_sim_heap *heap, struct weir_memory *parent)
{
    memset(heap, 0, sizeof *heap);
    heap->base.allocate = heap_allocate;
    heap->base.release = heap_release;
    heap->parent = parent;
}

static void drop_all(struct weir_sim_heap *heap, struct weir_sim_heap_block *block)
{
    while (block) {
        struct weir_sim_heap_block *next = block->next;
        weir_memory_release_aligned(heap->parent, block, block->bytes, block->alignment);
        block = next;
    }
}

void weir_sim_heap_done(struct weir_sim_heap *heap)
{
    if (!heap->parent) return;
    drop_all(heap, heap->chunks);
    drop_all(heap, heap->large);
    weir_sim_heap_init(heap, heap->parent);
}
