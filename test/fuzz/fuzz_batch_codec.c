/*
 * Any bytes as column types and an encoded batch: refused, or a batch that encodes to bytes which decode to
 * the same again. Input: number of columns, the types, the batch.
 */
// fuzz-libraries: base data
#include "base/assert.h"
#include "data/batch.h"
#include "support/memory.h"
#include <string.h>

enum { COLUMNS_MAX = 8, BYTES_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct weir_batch *batch, const struct weir_type **types, uint32_t columns,
    struct weir_memory *memory)
{
    struct weir_buffer first, second;
    weir_buffer_init(&first, memory, BYTES_MAX);
    weir_buffer_init(&second, memory, BYTES_MAX);
    weir_batch_encode(batch, &first);
    struct weir_batch again;
    weir_batch_init(&again, types, columns, memory);
    if (!first.overflowed) {
        const uint8_t *bytes = (const uint8_t *)first.data;
        WEIR_ASSERT(weir_batch_encoded_bytes(bytes, first.length) == first.length);
        WEIR_ASSERT(weir_batch_decode(&again, bytes, first.length, NULL) == WEIR_OK);
        weir_batch_encode(&again, &second);
        WEIR_ASSERT(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    }
    weir_batch_done(&again);
    weir_buffer_done(&first);
    weir_buffer_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    struct weir_reader reader = { .data = data, .length = size, .offset = 1 };
    uint32_t columns = data[0] % (COLUMNS_MAX + 1);
    const struct weir_type *types[COLUMNS_MAX + 1] = { NULL };
    bool known = true;
    for (uint32_t i = 0; i < columns && known; i++) {
        types[i] = weir_type_read(&arena, &reader);
        known = types[i] && !reader.failed;
    }
    if (known) {
        struct weir_batch batch;
        weir_batch_init(&batch, types, columns, &memory.base);
        const uint8_t *bytes = data + reader.offset;
        size_t length = size - reader.offset;
        (void)weir_batch_encoded_bytes(bytes, length);
        if (weir_batch_decode(&batch, bytes, length, &error) == WEIR_OK) {
            check_round_trip(&batch, types, columns, &memory.base);
        }
        weir_batch_done(&batch);
    }
    weir_arena_done(&arena);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
