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
    assert_true(weir_checkpoint_metadata_is_sound("", 0, &length));
    assert_int_equal(length, 0);
    weir_arena_done(&arena);
}

/* What was read and is written again is as long as before. */
static void the_checksum_is_not_kept(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    size_t length, again_length;
    uint8_t *bytes = sample(&arena, &length);
    Weir__CheckpointMetadata *read;
    struct weir_error error = { 0 };
    assert_int_equal(weir_checkpoint_metadata_decode(&arena, bytes, length, &read, &error), WEIR_OK);
    uint8_t *again = weir_checkpoint_metadata_encode(&arena, read, &again_length);
    assert_int_equal(again_length, length);
    assert_memory_equal(again, bytes, length);
    weir_arena_done(&arena);
}

static Weir__CheckpointMetadata *with_files(struct weir_arena *arena, const char *first, const char *second)
{
    Weir__CheckpointMetadata *metadata =
        WEIR_PROTO_NEW(arena, Weir__CheckpointMetadata, weir__checkpoint_metadata);
    Weir__VertexSnapshot *vertex = WEIR_PROTO_NEW(arena, Weir__VertexSnapshot, weir__vertex_snapshot);
    Weir__SubtaskSnapshot *subtask = WEIR_PROTO_NEW(arena, Weir__SubtaskSnapshot, weir__subtask_snapshot);
    metadata->n_vertices = vertex->n_subtasks = 1;
    metadata->vertices = WEIR_ARENA_ARRAY(arena, Weir__VertexSnapshot *, 1);
    vertex->subtasks = WEIR_ARENA_ARRAY(arena, Weir__SubtaskSnapshot *, 1);
    subtask->files = WEIR_ARENA_ARRAY(arena, char *, 2);
    metadata->vertices[0] = vertex;
    vertex->subtasks[0] = subtask;
    subtask->n_files = 2;
    subtask->files[0] = weir_arena_string(arena, first);
    subtask->files[1] = weir_arena_string(arena, second);
    return metadata;
}

static void what_is_below_its_folder_can_be_moved(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    Weir__CheckpointMetadata *metadata = with_files(&arena, "/a/sp/x", "/a/sp/deep/y");
    Weir__CheckpointMetadata *movable = weir_checkpoint_metadata_movable(&arena, metadata, "/a/sp");
    assert_non_null(movable);
    assert_string_equal(movable->vertices[0]->subtasks[0]->files[1], "deep/y");
    assert_string_equal(metadata->vertices[0]->subtasks[0]->files[1], "/a/sp/deep/y"); /* as it was */
    assert_int_equal(weir_checkpoint_metadata_place(&arena, movable, "/b/c/_metadata", NULL), WEIR_OK);
    assert_string_equal(movable->vertices[0]->subtasks[0]->files[0], "/b/c/x");
    assert_string_equal(movable->vertices[0]->subtasks[0]->files[1], "/b/c/deep/y");
    assert_int_equal(weir_checkpoint_metadata_place(&arena, metadata, "/b/c/_metadata", NULL), WEIR_OK);
    assert_string_equal(metadata->vertices[0]->subtasks[0]->files[0], "/a/sp/x"); /* is not relative */
    assert_null(weir_checkpoint_metadata_movable(&arena, with_files(&arena, "/a/sp/x", "/a/spx/y"), "/a/sp"));
    weir_arena_done(&arena);
}

static void names_that_lead_out_are_refused(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    static const char *const names[] = { "../x", "/etc/passwd", "a/../../x", "..", "", "a/.." };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) {
        struct weir_error error = { 0 };
        Weir__CheckpointMetadata *metadata = with_files(&arena, "x", names[i]);
        metadata->files_relative = true;
        assert_int_equal(
            weir_checkpoint_metadata_place(&arena, metadata, "/b/_metadata", &error), WEIR_E_STATE);
    }
    Weir__CheckpointMetadata *fine = with_files(&arena, "..x", "a..b/...");
    fine->files_relative = true;
    assert_int_equal(weir_checkpoint_metadata_place(&arena, fine, "_metadata", NULL), WEIR_OK);
    assert_string_equal(fine->vertices[0]->subtasks[0]->files[0], "./..x");
    weir_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_damaged_byte_is_found),
        cmocka_unit_test(what_is_below_its_folder_can_be_moved),
        cmocka_unit_test(names_that_lead_out_are_refused), cmocka_unit_test(without_a_checksum),
        cmocka_unit_test(the_checksum_is_not_kept) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
