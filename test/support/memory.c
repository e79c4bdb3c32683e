#include "support/memory.h"
#include "support/cmocka_all.h"
#include <stdlib.h>
#include <string.h>

/* In front of each block, in the alignment's own room, so that a release with a wrong size or alignment is
 * caught. */
struct header {
    size_t bytes, alignment;
};

static size_t header_room(size_t alignment)
{
    return WEIR_MAX(alignment, sizeof(struct header));
}

static void *test_allocate(struct weir_memory *memory, size_t bytes, size_t alignment)
{
    size_t room = header_room(alignment);
    size_t total = (room + bytes + alignment - 1) & ~(alignment - 1);
    char *block = aligned_alloc(WEIR_MAX(alignment, sizeof(void *)), total);
    if (!block) abort();
    memset(block, 0xa5, total); /* fresh memory is never zero by luck */
    *(struct header *)(block + room - sizeof(struct header)) =
        (struct header){ .bytes = bytes, .alignment = alignment };
    return block + room;
}

static void test_release(struct weir_memory *memory, void *pointer, size_t bytes, size_t alignment)
{
    const struct header *header = (const struct header *)((char *)pointer - sizeof(struct header));
    if (header->bytes != bytes || header->alignment != alignment) {
        fail_msg("released %zu bytes (alignment %zu) of a block of %zu (alignment %zu)", bytes, alignment,
            header->bytes, header->alignment);
    }
    free((char *)pointer - header_room(alignment));
}

void weir_test_memory_init(struct weir_test_memory *memory)
{
    *memory = (struct weir_test_memory){ .base = { .allocate = test_allocate, .release = test_release } };
}

void weir_test_memory_check(struct weir_test_memory *memory)
{
    size_t held = atomic_load(&memory->base.used_bytes);
    if (held) fail_msg("%zu bytes are still held", held);
}

struct weir_memory *weir_test_memory_shared(void)
{
    static struct weir_test_memory memory = { .base = {
                                                  .allocate = test_allocate, .release = test_release } };
    return &memory.base;
}
