/* The file source where it is asked which files there are. The source alone is driven here. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include "plugins/connector/filesystem/filesystem.h"
#include "task/subtask.h"
#include <string.h>

enum { FILES_READ_MAX = 1000000 };

static enum weir_error_code decoder_new(
    const struct weir_format_context *ctx, struct weir_decoder **ret, struct weir_error *reterr)
{
    *ret = (struct weir_decoder *)ctx;
    return WEIR_OK;
}
static const struct weir_format nothing = { .name = "nothing", .decoder_new = decoder_new };
static const struct weir_format *const formats[] = { &nothing };
static const struct weir_connectors connectors = { .formats = formats, .format_count = 1 };

/* One folder of so many files. */
struct folder {
    struct weir_filesystem base;
    uint32_t count;
    uint64_t inode; /* of all of them; 0: each has its own */
};

static enum weir_error_code folder_status(
    struct weir_filesystem *fs, const char *path, struct weir_file_status *ret, struct weir_error *reterr)
{
    *ret = (struct weir_file_status){ .exists = true, .is_directory = true };
    return WEIR_OK;
}

static enum weir_error_code folder_list(struct weir_filesystem *fs, struct weir_arena *arena,
    const char *path, struct weir_directory_entry **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    const struct folder *folder = (const struct folder *)fs;
    *ret_count = folder->count;
    *ret = WEIR_ARENA_ARRAY(arena, struct weir_directory_entry, *ret_count);
    for (uint32_t i = 0; i < *ret_count; i++)
        (*ret)[i] = (struct weir_directory_entry){ .name = weir_arena_format(arena, "%u", i),
            .status = { .exists = true,
                .is_regular = true,
                .device = 1,
                .inode = folder->inode ? folder->inode : i + 1 } };
    return WEIR_OK;
}

static enum weir_error_code folder_open(
    struct weir_filesystem *fs, const char *path, struct weir_file **ret, struct weir_error *reterr)
{
    return weir_error_set(reterr, WEIR_E_NOT_FOUND, "%s is gone already", path);
}

/* Each look is a second later. */
static int64_t moment_us = 1700000000000000;

static int64_t now_us(void *clock)
{
    return moment_us += 1000000;
}

static struct weir_spec *make_spec(struct weir_arena *a)
{
    struct weir_spec *spec = weir_spec_map(a), *options = weir_spec_map(a);
    weir_spec_put(a, options, "path", weir_spec_text(a, "/in"));
    weir_spec_put(a, options, "format", weir_spec_text(a, "nothing"));
    weir_spec_put(a, spec, "identifier", weir_spec_text(a, "t"));
    weir_spec_put(a, spec, "options", options);
    weir_spec_put(a, spec, "columns", weir_spec_list(a));
    weir_spec_put(a, spec, "projection", weir_spec_list(a));
    return spec;
}

static void of_too_many_files_none_is_left_out_without_a_word(void **state)
{
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error;
    struct weir_operator_metrics metrics = { 0 };
    struct folder folder = { .base = { .status = folder_status, .list = folder_list } };
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    struct weir_operator_context ctx = { .spec = make_spec(&arena),
        .parallelism = 1,
        .arena = &arena,
        .memory = &memory.base,
        .connectors = &connectors,
        .filesystem = &folder.base,
        .metrics = &metrics,
        .error = &error,
        .enumerated = true,
        .now_us = now_us };
    struct weir_source *source;
    assert_int_equal(weir_filesystem_source_ops.create(&ctx, &source), WEIR_OK);
    for (uint32_t more = 0; more < 2; more++) {
        struct weir_arena found;
        const char *const *ids;
        uint32_t count;
        bool all;
        folder.count = FILES_READ_MAX + more;
        weir_arena_init(&found, &memory.base);
        enum weir_error_code code = weir_filesystem_source_ops.discover(source, &found, &ids, &count, &all);
        assert_int_equal(code, more ? WEIR_E_BUDGET : WEIR_OK);
        if (more)
            assert_non_null(strstr(error.message, "table t: there are more than 1000000 files in /in"));
        else
            assert_int_equal(count, FILES_READ_MAX);
        weir_arena_done(&found);
    }
    weir_filesystem_source_ops.close(source);
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

static void a_file_of_several_names_takes_no_memory_for_good(void **state)
{
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_error error;
    struct weir_operator_metrics metrics = { 0 };
    struct folder folder = {
        .base = { .status = folder_status, .list = folder_list, .open_read = folder_open },
        .count = 200,
        .inode = 7
    };
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    struct weir_spec *spec = make_spec(&arena);
    weir_spec_put(&arena, (struct weir_spec *)weir_spec_get(spec, "options"), "source.follow",
        weir_spec_text(&arena, "true"));
    struct weir_operator_context ctx = { .spec = spec,
        .parallelism = 1,
        .arena = &arena,
        .memory = &memory.base,
        .connectors = &connectors,
        .filesystem = &folder.base,
        .metrics = &metrics,
        .error = &error,
        .now_us = now_us };
    struct weir_source *source;
    assert_int_equal(weir_filesystem_source_ops.create(&ctx, &source), WEIR_OK);
    size_t before = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        int64_t idle_until_ms;
        assert_int_equal(weir_filesystem_source_ops.poll(source, NULL, &idle_until_ms), WEIR_SOURCE_IDLE);
        if (i == 10) before = atomic_load(&memory.base.used_bytes);
    }
    assert_int_equal(atomic_load(&memory.base.used_bytes), before);
    weir_filesystem_source_ops.close(source);
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_too_many_files_none_is_left_out_without_a_word),
        cmocka_unit_test(a_file_of_several_names_takes_no_memory_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
