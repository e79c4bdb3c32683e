/* Local copies: taken where they are what the manifest names, never otherwise, and gone when of no use. */
#include "memory_filesystem.h"
#include "support/memory.h"

#include "task/snapshot.h"
#include <stdio.h>

#define JOB    "0123"
#define ORIGIN "/cp/" JOB

static const struct weir_plan_node node = { .id = 3, .operator_name = "test" };
static const struct weir_plan_node *const operators[] = { &node };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct memory_filesystem fs;
    struct weir_error error;
    struct weir_job_vertex vertex;
    struct weir_local_store store;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    memory_filesystem_init(&f->fs);
    f->vertex = (struct weir_job_vertex){ .id = 9,
        .name = "Test",
        .operators = operators,
        .operator_count = 1,
        .parallelism = 1,
        .max_parallelism = 8 };
    f->store = (struct weir_local_store){ .filesystem = &f->fs.base,
        .storage = &f->fs.base,
        .memory = &f->memory.base,
        .root = "/local",
        .owner = "tm1" };
}

static void end(struct fixture *f)
{
    memory_filesystem_done(&f->fs);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

/* A checkpoint of one blob that says text. */
static void take(struct fixture *f, uint64_t id, const char *text, struct weir_snapshot_manifest *ret)
{
    struct weir_snapshot_item item = { .uid = "3_test" };
    struct weir_subtask_snapshot snapshot = {
        .checkpoint_id = id, .epoch = 1, .item_count = 1, .items = &item
    };
    const char *directory = weir_arena_format(&f->arena, ORIGIN "/chk-%llu", (unsigned long long)id);
    weir_buffer_init(&item.blob, &f->memory.base, 1 << 20);
    weir_buffer_append(&item.blob, text, strlen(text));
    assert_int_equal(f->fs.base.make_directories(&f->fs.base, directory, &f->error), WEIR_OK);
    assert_int_equal(weir_snapshot_write(&f->fs.base, directory, "e1.0", &f->vertex, 0, &snapshot, NULL,
                         &f->memory.base, &f->arena, ret, &f->error),
        WEIR_OK);
    weir_buffer_done(&item.blob);
}

static void keep(struct fixture *f, const struct weir_snapshot_manifest *manifest)
{
    assert_int_equal(weir_local_store_keep(&f->store, JOB, ORIGIN, &manifest->files[0], &f->error), WEIR_OK);
}

static enum weir_error_code restore(struct fixture *f, const struct weir_snapshot_manifest *manifest,
    const char *text, struct weir_snapshot_reader_statistics *ret)
{
    struct weir_snapshot_reader_config config = { .filesystem = &f->fs.base,
        .memory = &f->memory.base,
        .arena = &f->arena,
        .local = &f->store,
        .job_id = JOB,
        .checkpoint_id = manifest->checkpoint_id,
        .manifests = manifest,
        .manifest_count = 1,
        .vertex = &f->vertex };
    struct weir_snapshot_reader *reader;
    struct weir_subtask_restore from;
    enum weir_error_code code = weir_snapshot_reader_new(&config, &reader, &from, &f->error);
    if (code) return code;
    assert_int_equal(from.section_count, 1);
    assert_int_equal(from.sections[0].length, strlen(text));
    assert_memory_equal(from.sections[0].bytes, text, strlen(text));
    *ret = weir_snapshot_reader_statistics(reader);
    weir_snapshot_reader_free(reader);
    return WEIR_OK;
}

static void a_restore_reads_the_copy_and_needs_no_storage(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    struct weir_snapshot_reader_statistics read;
    begin(&f);
    take(&f, 7, "seven", &manifest);
    keep(&f, &manifest);
    keep(&f, &manifest); /* once more is no harm */
    assert_int_equal(f.fs.base.remove(&f.fs.base, ORIGIN, true, &f.error), WEIR_OK);
    assert_int_equal(restore(&f, &manifest, "seven", &read), WEIR_OK);
    assert_int_equal(read.bytes_local, 5);
    assert_int_equal(read.bytes_storage, 0);
    end(&f);
}

static void another_process_of_the_host_takes_it(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    struct weir_snapshot_reader_statistics read;
    begin(&f);
    take(&f, 7, "seven", &manifest);
    keep(&f, &manifest);
    f.store.owner = "tm2";
    assert_int_equal(restore(&f, &manifest, "seven", &read), WEIR_OK);
    assert_int_equal(read.bytes_local, 5);
    assert_int_equal(weir_local_store_adopt(&f.store, "tm1", &f.error), WEIR_OK);
    assert_int_equal(memory_filesystem_count(&f.fs, "/local/tm1"), 0);
    assert_true(memory_filesystem_count(&f.fs, "/local/tm2") > 0);
    assert_int_equal(restore(&f, &manifest, "seven", &read), WEIR_OK);
    assert_int_equal(read.bytes_local, 5);
    end(&f);
}

/* A checkpoint of the same name, of a cluster that was there before: its length is the same, its hash not. */
static void a_stale_copy_of_the_same_name_is_not_taken(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest old, new;
    struct weir_snapshot_reader_statistics read;
    begin(&f);
    take(&f, 7, "stale", &old);
    keep(&f, &old);
    assert_int_equal(f.fs.base.remove(&f.fs.base, ORIGIN, true, &f.error), WEIR_OK);
    take(&f, 7, "fresh", &new);
    assert_string_equal(old.files[0].path, new.files[0].path);
    assert_int_equal(restore(&f, &new, "fresh", &read), WEIR_OK);
    assert_int_equal(read.bytes_local, 0);
    assert_int_equal(read.bytes_storage, 5);
    end(&f);
}

/* Whatever byte of it was changed: it is refused and storage is read. */
static void a_damaged_copy_is_passed_over(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    struct weir_snapshot_reader_statistics read;
    begin(&f);
    take(&f, 7, "seven", &manifest);
    keep(&f, &manifest);
    struct fs_node *copy = NULL;
    for (uint32_t i = 0; i < f.fs.count; i++)
        if (strstr(f.fs.nodes[i]->path, "/local/tm1/") && strstr(f.fs.nodes[i]->path, ".state"))
            copy = f.fs.nodes[i];
    assert_non_null(copy);
    for (size_t at = 0; at < copy->length; at++) {
        copy->bytes[at] ^= 1;
        assert_int_equal(restore(&f, &manifest, "seven", &read), WEIR_OK);
        copy->bytes[at] ^= 1;
        assert_int_equal(read.copies_refused, 1);
        assert_int_equal(read.bytes_local, 0);
        assert_int_equal(read.bytes_storage, 5);
    }
    copy->length--; /* cut off */
    assert_int_equal(restore(&f, &manifest, "seven", &read), WEIR_OK);
    assert_int_equal(read.bytes_storage, 5);
    copy->length++;
    end(&f);
}

/* From another file system: copied, and only as what the manifest says it is. */
static void what_storage_does_not_hold_any_more_is_not_kept(void **state)
{
    struct fixture f;
    struct memory_filesystem disk;
    struct weir_snapshot_manifest manifest;
    struct weir_snapshot_reader_statistics read;
    begin(&f);
    memory_filesystem_init(&disk);
    f.store.filesystem = &disk.base;
    take(&f, 7, "seven", &manifest);
    struct fs_node *original = fs_find(&f.fs, manifest.files[0].path);
    original->bytes[original->length - 1] ^= 1;
    assert_int_equal(
        weir_local_store_keep(&f.store, JOB, ORIGIN, &manifest.files[0], &f.error), WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "does not hold any more"));
    assert_int_equal(memory_filesystem_count(&disk, ".state"), 0);
    original->bytes[original->length - 1] ^= 1;
    keep(&f, &manifest);
    /* A copy that was cut off is no copy: it is made again. */
    struct fs_node *copy = NULL;
    for (uint32_t i = 0; i < disk.count; i++)
        if (strstr(disk.nodes[i]->path, ".state")) copy = disk.nodes[i];
    assert_non_null(copy);
    copy->length--;
    keep(&f, &manifest);
    assert_int_equal(f.fs.base.remove(&f.fs.base, ORIGIN, true, &f.error), WEIR_OK);
    assert_int_equal(restore(&f, &manifest, "seven", &read), WEIR_OK);
    assert_int_equal(read.bytes_local, 5);
    memory_filesystem_done(&disk);
    end(&f);
}

static void what_nothing_refers_to_goes(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest first, second, third;
    uint32_t left;
    begin(&f);
    take(&f, 1, "one", &first);
    take(&f, 2, "two", &second);
    take(&f, 3, "three", &third);
    keep(&f, &first);
    keep(&f, &second);
    keep(&f, &third);
    const char *named = strrchr(first.files[0].path, '/') + 1;
    /* 3 refers to the file of 1; 2 was given up. */
    assert_int_equal(weir_local_store_sweep(&f.store, JOB, 3, &named, 1, &left, &f.error), WEIR_OK);
    assert_int_equal(left, 2);
    assert_int_equal(memory_filesystem_count(&f.fs, "/local/tm1/" JOB "/"), 3); /* and where they are from */
    /* The job is over, its checkpoints are gone. */
    assert_int_equal(weir_local_store_sweep(&f.store, JOB, 0, NULL, 0, &left, &f.error), WEIR_OK);
    assert_int_equal(left, 2);
    assert_int_equal(f.fs.base.remove(&f.fs.base, ORIGIN, true, &f.error), WEIR_OK);
    assert_int_equal(weir_local_store_sweep(&f.store, JOB, 0, NULL, 0, &left, &f.error), WEIR_OK);
    assert_int_equal(left, 0);
    assert_int_equal(memory_filesystem_count(&f.fs, "/local/tm1/" JOB), 0);
    assert_int_equal(weir_local_store_sweep(&f.store, JOB, 0, NULL, 0, &left, &f.error), WEIR_OK);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restore_reads_the_copy_and_needs_no_storage),
        cmocka_unit_test(another_process_of_the_host_takes_it),
        cmocka_unit_test(a_stale_copy_of_the_same_name_is_not_taken),
        cmocka_unit_test(a_damaged_copy_is_passed_over),
        cmocka_unit_test(what_storage_does_not_hold_any_more_is_not_kept),
        cmocka_unit_test(what_nothing_refers_to_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
