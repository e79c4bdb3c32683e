/* Folders of local copies: owned by one process, taken over from dead ones, tidied up beside the tasks. */
#include "support/cmocka_all.h"

#include "host/local_recovery.h"
#include "os/file.h"
#include "os/memory.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "task/snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOB "0123456789abcdef0123456789abcdef"

struct fixture {
    struct weir_arena arena;
    struct weir_error error;
    struct weir_buffer folder;
    const char *root, *origin;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    weir_arena_init(&f->arena, weir_os_memory());
    weir_buffer_init(&f->folder, weir_os_memory(), 4096);
    assert_int_equal(weir_directory_create_temporary(NULL, "weir-local-", &f->folder, &f->error), WEIR_OK);
    f->root = weir_arena_format(&f->arena, "%s/local", weir_buffer_text(&f->folder));
    f->origin = weir_arena_format(&f->arena, "%s/checkpoints/" JOB, weir_buffer_text(&f->folder));
}

static void end(struct fixture *f)
{
    assert_int_equal(weir_directory_remove(weir_buffer_text(&f->folder), &f->error), WEIR_OK);
    weir_buffer_done(&f->folder);
    weir_arena_done(&f->arena);
}

static struct weir_local_recovery *open_one(struct fixture *f, const char *owner)
{
    struct weir_local_recovery *recovery;
    struct weir_local_recovery_config config = {
        .memory = weir_os_memory(), .filesystem = &weir_file_filesystem, .root = f->root, .owner = owner
    };
    assert_int_equal(weir_local_recovery_new(&config, &recovery, &f->error), WEIR_OK);
    return recovery;
}

/* A file of a checkpoint, and a copy of it. */
static const char *keep(struct fixture *f, struct weir_local_recovery *recovery, uint64_t checkpoint)
{
    static const char bytes[] = "state";
    const char *directory =
        weir_arena_format(&f->arena, "%s/chk-%llu", f->origin, (unsigned long long)checkpoint);
    const char *name = weir_arena_format(&f->arena, "e1.0-1-0-%llu.state", (unsigned long long)checkpoint);
    struct weir_snapshot_file file = {
        .path = weir_arena_format(&f->arena, "%s/%s", directory, name), .bytes = sizeof bytes, .hash = 7
    };
    assert_int_equal(weir_directory_create(directory, &f->error), WEIR_OK);
    assert_int_equal(weir_file_write(file.path, bytes, sizeof bytes, &f->error), WEIR_OK);
    const struct weir_local_store *store = weir_local_recovery_store(recovery);
    assert_int_equal(weir_local_store_keep(store, JOB, f->origin, &file, &f->error), WEIR_OK);
    return name;
}

static bool is_there(struct fixture *f, const char *owner, const char *name)
{
    return weir_file_exists(
        weir_arena_format(&f->arena, "%s/%s/" JOB "/0000000000000007-%s", f->root, owner, name));
}

static void what_a_dead_process_left_is_taken_over(void **state)
{
    struct fixture f;
    begin(&f);
    struct weir_local_recovery *first = open_one(&f, "tm1");
    const char *name = keep(&f, first, 1);
    struct weir_local_recovery *second = open_one(&f, "tm2"); /* the first one lives */
    assert_true(is_there(&f, "tm1", name));
    weir_local_recovery_free(first);
    weir_local_recovery_free(second);
    second = open_one(&f, "tm3");
    assert_true(is_there(&f, "tm3", name));
    assert_false(weir_directory_exists(weir_arena_format(&f.arena, "%s/tm1", f.root)));
    assert_false(weir_directory_exists(weir_arena_format(&f.arena, "%s/tm2", f.root)));
    weir_local_recovery_free(second);
    end(&f);
}

static void two_of_one_resource_id_have_folders_of_their_own(void **state)
{
    struct fixture f;
    begin(&f);
    struct weir_local_recovery *first = open_one(&f, "tm1"), *second = open_one(&f, "tm1");
    assert_string_equal(weir_local_recovery_store(first)->owner, "tm1");
    assert_string_equal(weir_local_recovery_store(second)->owner, "tm1~1");
    weir_local_recovery_free(first);
    weir_local_recovery_free(second);
    end(&f);
}

static void a_completed_checkpoint_lets_older_copies_go(void **state)
{
    struct fixture f;
    begin(&f);
    struct weir_local_recovery *recovery = open_one(&f, "tm1");
    weir_local_recovery_used(recovery, JOB);
    const char *first = keep(&f, recovery, 1), *second = keep(&f, recovery, 2),
               *third = keep(&f, recovery, 3);
    assert_false(weir_local_recovery_is_news(recovery, "another", 3));
    assert_true(weir_local_recovery_is_news(recovery, JOB, 3));
    assert_false(weir_local_recovery_is_news(recovery, JOB, 3));
    weir_local_recovery_completed(recovery, JOB, 3, &first, 1); /* 3 refers to what 1 wrote */
    for (uint32_t i = 0; i < 1000 && is_there(&f, "tm1", second); i++) usleep(10000);
    assert_false(is_there(&f, "tm1", second));
    assert_true(is_there(&f, "tm1", first));
    assert_true(is_there(&f, "tm1", third));
    weir_local_recovery_free(recovery);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_dead_process_left_is_taken_over),
        cmocka_unit_test(two_of_one_resource_id_have_folders_of_their_own),
        cmocka_unit_test(a_completed_checkpoint_lets_older_copies_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
