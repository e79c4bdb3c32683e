/* Snapshots with bases: what is written, what is referred to, what damage does. */
#include "memory_filesystem.h"
#include "support/memory.h"

#include "data/key_group.h"
#include "state/table.h"
#include "task/snapshot.h"

enum { GROUPS = 32, BLOB_BYTES = 300 };

static const struct weir_plan_node node = { .id = 3, .operator_name = "test" };
static const struct weir_plan_node *const operators[] = { &node };

/* One row with a number in each key group; a blob beside. */
struct content {
    struct weir_state *state;
    struct weir_table *table;
    weir_row_ref refs[GROUPS];
    uint64_t values[GROUPS];
    char blob[BLOB_BYTES];
};

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct memory_filesystem fs;
    struct weir_error error;
    struct weir_job_vertex vertex;
    int64_t now_ms;
    struct content content;
    uint64_t next_id;
};

static void content_open(struct fixture *f, struct content *c, uint32_t first, uint32_t last)
{
    c->state = weir_state_new(&f->memory.base, first, last, GROUPS, &f->now_ms);
    c->table = weir_table_open(
        c->state, &(struct weir_table_options){ .name = "numbers", .types = NULL, .payload_bytes = 8 });
}

static void change(struct fixture *f, uint32_t group, uint64_t value)
{
    struct content *c = &f->content;
    c->values[group] = value;
    uint8_t *row = weir_table_write(c->table, c->refs[group]);
    memcpy(weir_row_payload(row, weir_table_payload_offset(c->table)), &value, 8);
}

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
        .max_parallelism = GROUPS };
    content_open(f, &f->content, 0, GROUPS - 1);
    for (uint32_t g = 0; g < GROUPS; g++) {
        weir_table_insert(f->content.table, g, g, &f->content.refs[g]);
        change(f, g, g + 1000);
    }
    memset(f->content.blob, 'b', BLOB_BYTES);
    f->next_id = 1;
}

static void end(struct fixture *f)
{
    weir_state_free(f->content.state);
    memory_filesystem_done(&f->fs);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

/* A snapshot of everything as it is now, written. */
static enum weir_error_code take(struct fixture *f, const struct weir_snapshot_manifest *base, bool savepoint,
    struct weir_snapshot_manifest *ret)
{
    struct weir_snapshot_item item = { .uid = "3_test" };
    struct weir_subtask_snapshot snapshot = { .checkpoint_id = f->next_id++,
        .epoch = 4,
        .base_id = base ? base->checkpoint_id : 0,
        .savepoint = savepoint,
        .item_count = 1,
        .items = &item };
    weir_buffer_init(&item.blob, &f->memory.base, 1 << 20);
    weir_buffer_append(&item.blob, f->content.blob, BLOB_BYTES);
    item.state = weir_state_snapshot_begin(f->content.state, snapshot.checkpoint_id);
    enum weir_error_code code = weir_snapshot_write(
        &f->fs.base, "/dir", "a", &f->vertex, 0, &snapshot, base, &f->memory.base, &f->arena, ret, &f->error);
    weir_state_snapshot_end(item.state);
    weir_buffer_done(&item.blob);
    return code;
}

static enum weir_error_code read_one(struct fixture *f, const struct weir_snapshot_manifest *manifest,
    uint32_t subtask, uint32_t parallelism, struct weir_subtask_restore *ret)
{
    struct weir_job_vertex vertex = f->vertex;
    vertex.parallelism = parallelism;
    return weir_snapshot_restore(
        &f->fs.base, manifest->checkpoint_id, manifest, 1, &vertex, subtask, &f->arena, ret, &f->error);
}

/* Restored at any parallelism it is what it is now. */
static void expect_content(
    struct fixture *f, const struct weir_snapshot_manifest *manifest, uint32_t parallelism)
{
    uint32_t met = 0;
    for (uint32_t subtask = 0; subtask < parallelism; subtask++) {
        struct weir_key_group_range range = weir_key_group_range_of(subtask, GROUPS, parallelism);
        struct weir_subtask_restore restore;
        assert_int_equal(read_one(f, manifest, subtask, parallelism, &restore), WEIR_OK);
        struct content c;
        content_open(f, &c, range.first, range.last);
        bool blob = false;
        for (uint32_t i = 0; i < restore.section_count; i++) {
            const struct weir_restore_section *section = &restore.sections[i];
            assert_string_equal(section->uid, "3_test");
            if (section->is_blob) {
                assert_int_equal(section->length, BLOB_BYTES);
                assert_memory_equal(section->bytes, f->content.blob, BLOB_BYTES);
                blob = true;
                continue;
            }
            assert_int_equal(
                weir_state_restore(c.state, section->key_group, section->bytes, section->length, &f->error),
                WEIR_OK);
        }
        assert_true(blob);
        for (uint32_t g = range.first; g <= range.last; g++, met++) {
            uint64_t value;
            memcpy(&value,
                weir_row_payload((uint8_t *)weir_table_read(c.table, f->content.refs[g]),
                    weir_table_payload_offset(c.table)),
                8);
            assert_int_equal(value, f->content.values[g]);
        }
        weir_state_free(c.state);
    }
    assert_int_equal(met, GROUPS);
}

static void what_is_written_is_read_at_any_parallelism(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_OK);
    assert_int_equal(manifest.section_count, GROUPS + 1);
    assert_int_equal(manifest.file_count, 1);
    assert_string_equal(manifest.files[0].path, "/dir/a-9-0-1.state");
    assert_int_equal(manifest.bytes_written, manifest.bytes_total);
    assert_int_equal(manifest.files[0].bytes, memory_filesystem_first(&f.fs, "a-9-0-1")->length);
    for (uint32_t parallelism = 1; parallelism <= 5; parallelism++)
        expect_content(&f, &manifest, parallelism);
    end(&f);
}

/* A task without state leaves no trace: what it made late would be empty, and nobody's. */
static void a_folder_is_made_with_its_first_file(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    struct weir_subtask_snapshot nothing = { .checkpoint_id = 1, .epoch = 4 };
    begin(&f);
    f.fs.needs_folders = true;
    uint32_t count = f.fs.count;
    assert_int_equal(weir_snapshot_write(&f.fs.base, "/dir", "a", &f.vertex, 0, &nothing, NULL,
                         &f.memory.base, &f.arena, &manifest, &f.error),
        WEIR_OK);
    assert_int_equal(manifest.file_count, 0);
    assert_int_equal(f.fs.count, count);
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_OK);
    assert_int_equal(f.fs.count, count + 2);
    end(&f);
}

static void what_is_as_in_the_base_is_not_written_again(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest first, second, third;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &first), WEIR_OK);
    change(&f, 5, 77);
    assert_int_equal(take(&f, &first, false, &second), WEIR_OK);
    assert_int_equal(second.file_count, 2);
    assert_int_equal(second.section_count, GROUPS + 1);
    assert_true(second.bytes_written * 10 < second.bytes_total);
    expect_content(&f, &second, 3);
    assert_int_equal(take(&f, &second, false, &third), WEIR_OK);
    assert_int_equal(third.bytes_written, 0);
    assert_int_equal(third.file_count, 2);
    assert_int_equal(memory_filesystem_count(&f.fs, ".state"), 2); /* nothing to write, no file */
    expect_content(&f, &third, 2);
    end(&f);
}

/* What was restored and not changed is not written again either. */
static void a_restored_attempt_goes_on_from_the_same_base(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest first, second;
    struct weir_subtask_restore restore;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &first), WEIR_OK);
    weir_state_free(f.content.state);
    content_open(&f, &f.content, 0, GROUPS - 1);
    assert_int_equal(read_one(&f, &first, 0, 1, &restore), WEIR_OK);
    for (uint32_t i = 0; i < restore.section_count; i++) {
        const struct weir_restore_section *section = &restore.sections[i];
        if (section->is_blob) continue;
        assert_int_equal(weir_state_restore(
                             f.content.state, section->key_group, section->bytes, section->length, &f.error),
            WEIR_OK);
    }
    change(&f, 9, 99);
    assert_int_equal(take(&f, &first, false, &second), WEIR_OK);
    assert_true(second.bytes_written > 0 && second.bytes_written * 10 < second.bytes_total);
    expect_content(&f, &second, 2);
    end(&f);
}

static void a_savepoint_stands_on_its_own(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest first, savepoint;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &first), WEIR_OK);
    assert_int_equal(take(&f, &first, true, &savepoint), WEIR_OK);
    assert_int_equal(savepoint.file_count, 1);
    assert_int_equal(savepoint.bytes_written, savepoint.bytes_total);
    assert_string_not_equal(savepoint.files[0].path, first.files[0].path);
    end(&f);
}

static void another_checkpoint_is_no_base(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest first, second;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &first), WEIR_OK);
    struct weir_snapshot_manifest wrong = first;
    wrong.subtask_index = 1;
    assert_int_equal(take(&f, &wrong, false, &second), WEIR_OK);
    assert_int_equal(second.bytes_written, second.bytes_total);
    wrong = first;
    wrong.parallelism = 2;
    assert_int_equal(take(&f, &wrong, false, &second), WEIR_OK);
    assert_int_equal(second.bytes_written, second.bytes_total);
    end(&f);
}

static void files_stay_few_and_well_used(void **state)
{
    struct fixture f;
    static struct weir_snapshot_manifest manifests[300];
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &manifests[0]), WEIR_OK);
    uint64_t random = 1, written = 0;
    for (uint32_t i = 1; i < 300; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        change(&f, (uint32_t)(random >> 40) % GROUPS, i);
        assert_int_equal(take(&f, &manifests[i - 1], false, &manifests[i]), WEIR_OK);
        uint64_t bytes = 0;
        for (uint32_t k = 0; k < manifests[i].file_count; k++) bytes += manifests[i].files[k].bytes;
        assert_true(manifests[i].file_count <= WEIR_SNAPSHOT_FILES_MAX);
        /* Half of what there was when the base was taken is in use, plus headers. */
        assert_true(bytes <= 3 * manifests[i].bytes_total);
        written += manifests[i].bytes_written;
        if (i % 50 == 0) expect_content(&f, &manifests[i], 1 + i % 3);
    }
    assert_true(written < 300 * manifests[0].bytes_total / 4);
    expect_content(&f, &manifests[299], 4);
    end(&f);
}

static void any_damage_to_a_file_is_told_with_its_name(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    struct weir_subtask_restore restore;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_OK);
    struct fs_node *file = memory_filesystem_first(&f.fs, ".state");
    for (size_t at = 0; at < file->length; at += at < 400 ? 1 : 37) {
        file->bytes[at] ^= 0x10;
        f.error.message[0] = 0;
        assert_int_equal(read_one(&f, &manifest, 0, 1, &restore), WEIR_E_STATE);
        bool named = strstr(f.error.message, "/dir/a-9-0-1.state") != NULL;
        if (at >= 16) /* behind the head: the section, too */
            named = named && strstr(f.error.message, "3_test") &&
                    (strstr(f.error.message, "key group") || strstr(f.error.message, "operator state"));
        assert_true(named);
        file->bytes[at] ^= 0x10;
    }
    file->length -= 3;
    assert_int_equal(read_one(&f, &manifest, 0, 1, &restore), WEIR_E_STATE);
    assert_non_null(strstr(f.error.causes[0], "truncated"));
    file->length += 3;
    assert_int_equal(read_one(&f, &manifest, 0, 1, &restore), WEIR_OK);
    /* What cannot be read is another matter than what is wrong. */
    f.fs.fault.call = FS_READ;
    f.fs.fault.after = 5;
    f.fs.fault.code = WEIR_E_IO;
    assert_int_equal(read_one(&f, &manifest, 0, 1, &restore), WEIR_E_IO);
    assert_non_null(strstr(f.error.message, "/dir/a-9-0-1.state"));
    fs_drop(&f.fs, file);
    assert_int_equal(read_one(&f, &manifest, 0, 1, &restore), WEIR_E_NOT_FOUND);
    assert_non_null(strstr(f.error.message, "/dir/a-9-0-1.state"));
    end(&f);
}

static void manifests_are_stored_and_can_be_moved(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest first, manifest, stored;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &first), WEIR_OK);
    change(&f, 3, 4);
    assert_int_equal(take(&f, &first, false, &manifest), WEIR_OK);
    manifest.files[0].path = "/elsewhere/x.state"; /* below another folder: kept as it is */
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, &f.memory.base, 1 << 20);
    weir_snapshot_manifest_write(&manifest, "/dir", &bytes);
    struct weir_reader reader = { .data = (const uint8_t *)bytes.data, .length = bytes.length };
    assert_int_equal(weir_snapshot_manifest_read(&reader, "/moved", &f.arena, &stored, &f.error), WEIR_OK);
    assert_int_equal(reader.offset, bytes.length);
    assert_string_equal(stored.files[0].path, "/elsewhere/x.state");
    assert_string_equal(stored.files[1].path, "/moved/a-9-0-2.state");
    assert_int_equal(stored.checkpoint_id, 2);
    assert_int_equal(stored.epoch, 4);
    assert_int_equal(stored.bytes_total, manifest.bytes_total);
    assert_int_equal(stored.bytes_written, manifest.bytes_written);
    assert_int_equal(stored.section_count, manifest.section_count);
    for (uint32_t i = 0; i < stored.section_count; i++) {
        assert_string_equal(stored.sections[i].uid, manifest.sections[i].uid);
        assert_int_equal(stored.sections[i].hash, manifest.sections[i].hash);
        assert_int_equal(stored.sections[i].offset, manifest.sections[i].offset);
    }
    size_t operator_count = 0;
    char **uids = weir_snapshot_manifest_operators(&stored, &f.arena, &operator_count);
    assert_int_equal(operator_count, 1);
    assert_string_equal(uids[0], "3_test");
    weir_buffer_done(&bytes);
    end(&f);
}

/* The operator is of another kind, is gone, is in another vertex. */
static void what_no_operator_takes_is_told(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    const struct weir_plan_node other = { .id = 3, .operator_name = "other" };
    const struct weir_plan_node *const others[] = { &other };
    uint32_t vertex = 0;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_OK);
    struct weir_job_vertex changed = f.vertex;
    struct weir_job_graph graph = { .vertices = &changed, .vertex_count = 1 };
    assert_null(weir_snapshot_left_behind(&manifest, 1, &graph, &f.arena, &vertex));
    changed.operators = others;
    assert_string_equal(weir_snapshot_left_behind(&manifest, 1, &graph, &f.arena, &vertex), "3_test");
    assert_int_equal(vertex, 9);
    changed = f.vertex;
    changed.operator_count = 0;
    assert_string_equal(weir_snapshot_left_behind(&manifest, 1, &graph, &f.arena, &vertex), "3_test");
    changed = f.vertex;
    changed.id++;
    assert_string_equal(weir_snapshot_left_behind(&manifest, 1, &graph, &f.arena, &vertex), "3_test");
    end(&f);
}

static void damaged_manifests_are_refused(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifest, stored;
    begin(&f);
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_OK);
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, &f.memory.base, 1 << 20);
    weir_snapshot_manifest_write(&manifest, "/dir", &bytes);
    for (size_t at = 0; at < bytes.length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[at] ^= (char)(1 << bit);
            struct weir_reader reader = { .data = (const uint8_t *)bytes.data, .length = bytes.length };
            assert_int_equal(
                weir_snapshot_manifest_read(&reader, "/dir", &f.arena, &stored, &f.error), WEIR_E_STATE);
            bytes.data[at] ^= (char)(1 << bit);
        }
        /* Cut off there; the sanitizer watches the end. */
        uint8_t *part = malloc(at + 1);
        memcpy(part, bytes.data, at);
        struct weir_reader reader = { .data = part, .length = at };
        assert_int_equal(
            weir_snapshot_manifest_read(&reader, "/dir", &f.arena, &stored, &f.error), WEIR_E_STATE);
        free(part);
    }
    weir_buffer_done(&bytes);
    end(&f);
}

static void a_write_that_fails_leaves_nothing(void **state)
{
    static const enum fs_call calls[] = { FS_OPEN_WRITE, FS_APPEND, FS_SYNC };
    struct fixture f;
    struct weir_snapshot_manifest manifest;
    begin(&f);
    for (int i = 0; i < 3; i++) {
        f.fs.fault.call = calls[i];
        f.fs.fault.after = 1;
        f.fs.fault.code = WEIR_E_NO_SPACE;
        assert_int_equal(take(&f, NULL, false, &manifest), WEIR_E_NO_SPACE);
        assert_int_equal(memory_filesystem_count(&f.fs, ".state"), 0);
    }
    /* A name that is taken is another's: it is neither written to nor removed. */
    memory_filesystem_put(&f.fs, "/dir/a-9-0-4.state", "another's");
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_E_ALREADY_EXISTS);
    assert_int_equal(memory_filesystem_first(&f.fs, ".state")->length, 9);
    assert_int_equal(take(&f, NULL, false, &manifest), WEIR_OK);
    memory_filesystem_power_loss(&f.fs);
    expect_content(&f, &manifest, 1);
    end(&f);
}

static void what_is_not_whole_is_no_checkpoint(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifests[3];
    struct weir_subtask_restore restore;
    begin(&f);
    f.vertex.parallelism = 2;
    assert_int_equal(take(&f, NULL, false, &manifests[0]), WEIR_OK);
    struct weir_job_vertex vertex = f.vertex;
    assert_int_equal(
        weir_snapshot_restore(&f.fs.base, 1, manifests, 1, &vertex, 1, &f.arena, &restore, &f.error),
        WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "1 of the 2 subtasks"));
    manifests[1] = manifests[0];
    assert_int_equal(
        weir_snapshot_restore(&f.fs.base, 1, manifests, 2, &vertex, 0, &f.arena, &restore, &f.error),
        WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "twice"));
    vertex.max_parallelism = 64;
    assert_int_equal(
        weir_snapshot_restore(&f.fs.base, 1, manifests, 2, &vertex, 0, &f.arena, &restore, &f.error),
        WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "maximum parallelism"));
    vertex.id = 8;
    assert_int_equal(
        weir_snapshot_restore(&f.fs.base, 1, manifests, 2, &vertex, 0, &f.arena, &restore, &f.error),
        WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "another job"));
    end(&f);
}

/* Its job was made narrower, or wider, after it had ended: what is named of it is not whole, and says enough.
 */
static void what_has_ended_is_read_whatever_is_left_of_it(void **state)
{
    struct fixture f;
    struct weir_snapshot_manifest manifests[3];
    struct weir_subtask_restore restore;
    begin(&f);
    f.vertex.parallelism = 4;
    assert_int_equal(take(&f, NULL, false, &manifests[0]), WEIR_OK);
    manifests[0].finished = true;
    manifests[1] = manifests[2] = manifests[0];
    manifests[2].parallelism = 3;
    struct weir_job_vertex vertex = f.vertex;
    for (uint32_t count = 1; count <= 3; count++) { /* one of four; twice; and of another width */
        for (vertex.parallelism = 1; vertex.parallelism <= 5; vertex.parallelism += 2) {
            assert_int_equal(weir_snapshot_restore(&f.fs.base, 1, manifests, count, &vertex,
                                 vertex.parallelism - 1, &f.arena, &restore, &f.error),
                WEIR_OK);
            assert_true(restore.finished && restore.ended);
        }
    }
    manifests[1].finished = false; /* then it had not */
    assert_int_equal(
        weir_snapshot_restore(&f.fs.base, 1, manifests, 2, &vertex, 0, &f.arena, &restore, &f.error),
        WEIR_E_STATE);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_at_any_parallelism),
        cmocka_unit_test(a_folder_is_made_with_its_first_file),
        cmocka_unit_test(what_is_as_in_the_base_is_not_written_again),
        cmocka_unit_test(a_restored_attempt_goes_on_from_the_same_base),
        cmocka_unit_test(a_savepoint_stands_on_its_own),
        cmocka_unit_test(another_checkpoint_is_no_base),
        cmocka_unit_test(files_stay_few_and_well_used),
        cmocka_unit_test(any_damage_to_a_file_is_told_with_its_name),
        cmocka_unit_test(manifests_are_stored_and_can_be_moved),
        cmocka_unit_test(what_no_operator_takes_is_told),
        cmocka_unit_test(damaged_manifests_are_refused),
        cmocka_unit_test(a_write_that_fails_leaves_nothing),
        cmocka_unit_test(what_is_not_whole_is_no_checkpoint),
        cmocka_unit_test(what_has_ended_is_read_whatever_is_left_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
