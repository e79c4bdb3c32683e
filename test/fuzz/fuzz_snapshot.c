/*
 * Any bytes as the manifest of a subtask's snapshot, with a checksum that is right: refused, or one that is
 * written as bytes which read as the same again. Restoring from it, with no files and with files of the same
 * bytes, sections compressed or not, ends with an error or with sections whose hashes are right.
 */
// fuzz-libraries: base data plan spi state task
#include "base/assert.h"
#include "support/memory.h"
#include "task/snapshot.h"
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every file of the snapshot: a head, then the input itself. */
struct weir_file {
    uint8_t bytes[1 << 16];
    size_t length;
};
static struct weir_file file;

static enum weir_error_code open_file(
    struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    *ret = &file;
    return WEIR_OK;
}

static enum weir_error_code no_file(
    struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s is not there", path);
}

static enum weir_error_code status_of(
    struct weir_file *of, struct weir_file_status *ret, struct weir_error *reterr)
{
    *ret = (struct weir_file_status){ .exists = true, .is_regular = true, .size_bytes = (int64_t)of->length };
    return WEIR_OK;
}

static enum weir_error_code read_at(struct weir_file *of, int64_t offset, void *bytes, size_t length,
    size_t *ret_read, struct weir_error *reterr)
{
    size_t left = (uint64_t)offset < of->length ? of->length - (size_t)offset : 0;
    *ret_read = WEIR_MIN(length, left);
    memcpy(bytes, of->bytes + of->length - left, *ret_read);
    return WEIR_OK;
}

static void close_file(struct weir_file *of) {}

static void make_file(const uint8_t *data, size_t size)
{
    static const uint8_t head[16] = "WEIRSNAP\2";
    file.length = sizeof head + WEIR_MIN(size, sizeof file.bytes - sizeof head);
    memcpy(file.bytes, head, sizeof head);
    if (size) memcpy(file.bytes + sizeof head, data, file.length - sizeof head);
}

static void check_restore(struct weir_arena *arena, const struct weir_snapshot_manifest *manifest)
{
    struct weir_filesystem none = { .open_read = no_file };
    struct weir_filesystem some = {
        .open_read = open_file, .file_status = status_of, .read_at = read_at, .close = close_file
    };
    struct weir_job_vertex vertex = { .id = manifest->vertex_id,
        .name = "fuzzed",
        .parallelism = WEIR_MIN(manifest->max_parallelism, 3u),
        .max_parallelism = manifest->max_parallelism };
    struct weir_subtask_restore restore;
    struct weir_error error;
    (void)weir_snapshot_restore(&none, 1, manifest, 1, &vertex, 0, arena, &restore, &error);
    (void)weir_snapshot_restore(&some, 1, manifest, 1, &vertex, 0, arena, &restore, &error);
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
        make_file(data, size);
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
