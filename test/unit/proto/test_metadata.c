/* The file of a checkpoint's metadata: damage anywhere is found. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <string.h>

#include "proto/metadata.h"

static uint8_t *sample(struct weir_arena *arena, size_t *ret_length)
{
    Weir__CheckpointMetadata metadata = WEIR__CHECKPOINT_METADATA__INIT;
    static uint8_t job[16] = "a job's sixteen";
    metadata.format = WEIR_RECORD_FORMAT;
    metadata.job = (ProtobufCBinaryData){ sizeof job, job };
    metadata.id = 77;
    metadata.epoch = 3;
    metadata.base_checkpoint = 70;
    metadata.triggered_ms = 1700000000000;
    return weir_checkpoint_metadata_encode(arena, &metadata, ret_length);
}

static void every_damaged_byte_is_found(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    size_t length;
    uint8_t *bytes = sample(&arena, &length);
    Weir__CheckpointMetadata *read;
    struct weir_error error = { 0 };
    assert_int_equal(weir_checkpoint_metadata_decode(&arena, bytes, length, &read, &error), WEIR_OK);
    assert_int_equal(read->id, 77);
    assert_int_equal(read->base_checkpoint, 70);
    for (size_t i = 0; i < length; i++) {
        if (i == length - 10 || i == length - 9) continue; /* the checksum's tag: then there is none */
        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1 << bit);
            assert_int_equal(
                weir_checkpoint_metadata_decode(&arena, bytes, length, &read, &error), WEIR_E_STATE);
            assert_non_null(strstr(error.message, "checksum"));
            bytes[i] ^= (uint8_t)(1 << bit);
        }
    }
    weir_arena_done(&arena);
}

/* Bytes without a checksum are read as they are. */
static void without_a_checksum(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    size_t length;
    uint8_t *bytes = sample(&arena, &length);
    Weir__CheckpointMetadata *read;
    struct weir_error error = { 0 };
    assert_int_equal(weir_checkpoint_metadata_decode(&arena, bytes, length - 10, &read, &error), WEIR_OK);
    assert_int_equal(read->id, 77);
    assert_true(weir_checkpoint_metadata_is_sound("", 0));
    weir_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_damaged_byte_is_found),
        cmocka_unit_test(without_a_checksum) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
