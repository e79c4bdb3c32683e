#include "data/heap.h"
#include "base/assert.h"

struct weir_heap *weir_heap_new(struct weir_memory *memory, size_t bytes)
{
    struct weir_heap *heap = weir_memory_allocate(memory, sizeof *heap + bytes);
    heap->memory = memory;
    heap->bytes = bytes;
    heap->used = 0;
    atomic_init(&heap->references, 1);
    return heap;
}

struct weir_heap *weir_heap_ref(struct weir_heap *heap)
{
    atomic_fetch_add_explicit(&heap->references, 1, memory_order_relaxed);
    return heap;
}

struct weir_heap *weir_heap_unref(struct weir_heap *heap)
{
    if (!heap) return NULL;
    uint32_t before = atomic_fetch_sub_explicit(&heap->references, 1, memory_order_acq_rel);
    WEIR_ASSERT(before > 0);
    if (before == 1) weir_memory_release(heap->memory, heap, sizeof *heap + heap->bytes);
    return NULL;
}

void weir_heap_writer_init(struct weir_heap_writer *writer, struct weir_memory *memory)
{
    *writer = (struct weir_heap_writer){ .memory = memory };
}

void weir_heap_writer_done(struct weir_heap_writer *writer)
{
    for (uint32_t i = 0; i < writer->block_count; i++) weir_heap_unref(writer->blocks[i]);
    for (uint32_t i = 0; i < writer->spare_count; i++) weir_heap_unref(writer->spares[i]);
    weir_memory_release(writer->memory, writer->blocks, writer->block_capacity * sizeof *writer->blocks);
    weir_heap_writer_init(writer, writer->memory);
}

/* Nobody else can take a reference to a block that only the writer holds; acquire pairs with the release of
 * unref. */
static bool is_only_ours(struct weir_heap *heap)
{
    return atomic_load_explicit(&heap->references, memory_order_acquire) == 1;
}

static struct weir_heap *take_spare(struct weir_heap_writer *writer)
{
    for (uint32_t i = 0; i < writer->spare_count; i++) {
        struct weir_heap *heap = writer->spares[i];
        if (!is_only_ours(heap)) continue;
        writer->spares[i] = writer->spares[--writer->spare_count];
        heap->used = 0;
        return heap;
    }
    return NULL;
}

void weir_heap_writer_reset(struct weir_heap_writer *writer)
{
    for (uint32_t i = 0; i < writer->block_count; i++) {
        struct weir_heap *heap = writer->blocks[i];
        if (heap->bytes == WEIR_HEAP_BLOCK_BYTES && writer->spare_count < WEIR_HEAP_SPARES_MAX) {
            writer->spares[writer->spare_count++] = heap;
        } else {
            weir_heap_unref(heap);
        }
    }
    writer->block_count = 0;
}

static void add_block(struct weir_heap_writer *writer, struct weir_heap *heap)
{
    if (writer->block_count == writer->block_capacity) {
        uint32_t capacity = writer->block_capacity ? writer->block_capacity * 2 : 8;
        writer->blocks = weir_memory_reallocate(writer->memory, writer->blocks,
            writer->block_capacity * sizeof *writer->blocks, capacity * sizeof *writer->blocks);
        writer->block_capacity = capacity;
    }
    writer->blocks[writer->block_count++] = heap;
}

char *weir_heap_writer_allocate(struct weir_heap_writer *writer, size_t bytes)
{
    struct weir_heap *current = writer->block_count ? writer->blocks[writer->block_count - 1] : NULL;
    if (!current || current->bytes - current->used < bytes) {
        struct weir_heap *next = bytes <= WEIR_HEAP_BLOCK_BYTES ? take_spare(writer) : NULL;
        if (!next) {
            next = weir_heap_new(
                writer->memory, bytes <= WEIR_HEAP_BLOCK_BYTES ? (size_t)WEIR_HEAP_BLOCK_BYTES : bytes);
        }
        add_block(writer, next);
        /* A large value gets a block of its own; the one being filled stays current. */
        if (current && bytes > WEIR_HEAP_BLOCK_BYTES / 4 &&
            current->bytes - current->used > next->bytes - bytes) {
            writer->blocks[writer->block_count - 2] = next;
            writer->blocks[writer->block_count - 1] = current;
        }
        current = next;
    }
    char *at = current->data + current->used;
    current->used += bytes;
    return at;
}

struct weir_string weir_heap_writer_string(struct weir_heap_writer *writer, const char *data, uint32_t length)
{
    if (length <= WEIR_STRING_INLINE_MAX) return weir_string_view(data, length);
    char *copy = weir_heap_writer_allocate(writer, length);
    memcpy(copy, data, length);
    return weir_string_view(copy, length);
}
