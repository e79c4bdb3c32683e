/*
 * Any bytes as the manifest of a subtask's snapshot, with a checksum that is right: refused, or one that is
 * written as bytes which read as the same again, and from which nothing is restored where there are no files.
 */
// fuzz-libraries: base data plan spi state task
#include "base/assert.h"
#include "support/memory.h"
#include "task/snapshot.h"
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum weir_error_code no_file(
    struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s is not there", path);
}

static void check_restore(struct weir_arena *arena, const struct weir_snapshot_manifest *manifest)
{
    struct weir_filesystem none = { .open_read = no_file };
    struct weir_job_vertex vertex = { .id = manifest->vertex_id,
        .name = "fuzzed",
        .parallelism = WEIR_MIN(manifest->max_parallelism, 3u),
        .max_parallelism = manifest->max_parallelism };
    struct weir_subtask_restore restore;
    struct weir_error error;
    (void)weir_snapshot_restore(&none, 1, manifest, 1, &vertex, 0, arena, &restore, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_memory *memory = weir_test_memory_shared();
    struct weir_arena arena;
    struct weir_buffer first, second;
    struct weir_error error;
    struct weir_snapshot_manifest manifest, again;
    weir_arena_init(&arena, memory);
    weir_buffer_init(&first, memory, 1 << 24);
    weir_buffer_init(&second, memory, 1 << 24);
    weir_buffer_append(&first, data, size);
    weir_buffer_append_u64(&first, XXH3_64bits(data, size));
    struct weir_reader reader = { .data = (const uint8_t *)first.data, .length = first.length };
    if (weir_snapshot_manifest_read(&reader, "/d", &arena, &manifest, &error) == WEIR_OK) {
        check_restore(&arena, &manifest);
        weir_buffer_clear(&first);
        weir_snapshot_manifest_write(&manifest, "/d", &first);
        reader = (struct weir_reader){ .data = (const uint8_t *)first.data, .length = first.length };
        WEIR_ASSERT(weir_snapshot_manifest_read(&reader, "/d", &arena, &again, &error) == WEIR_OK);
        WEIR_ASSERT(reader.offset == reader.length);
        weir_snapshot_manifest_write(&again, "/d", &second);
        WEIR_ASSERT(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    }
    weir_buffer_done(&first);
    weir_buffer_done(&second);
    weir_arena_done(&arena);
    return 0;
}
