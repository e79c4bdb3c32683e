/* H10: what killed sinks have left uncommitted goes with their job, and nothing that somebody may still name.
 */
#include "jobmaster_world.h"
#include "control/uncommitted.h"

static struct world w;

static void start(void)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    w.plan->n_uncommitted = 2;
    w.plan->uncommitted = WEIR_ARENA_ARRAY(&w.arena, Weir__UncommittedFiles *, 2);
    static const char *const directories[] = { "sink/a", "sink/b/" };
    for (uint32_t i = 0; i < 2; i++) {
        Weir__UncommittedFiles *files =
            WEIR_PROTO_NEW(&w.arena, Weir__UncommittedFiles, weir__uncommitted_files);
        files->directory = weir_arena_string(&w.arena, directories[i]);
        files->prefix = weir_arena_string(&w.arena, ".part-aa-4_filesystem-");
        w.plan->uncommitted[i] = files;
    }
    w.plan->settings->final_commit_timeout_ms = 3000;
    world_submit(&w);
    world_wait(&w, 1200000);
    assert_true(world_newest(&w) > 0);
}

static void leave(const char *path)
{
    world_put(&w, path, "x", 1);
}

static void cancel(void)
{
    world_ask(
        &w, 1, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_wait(&w, 10 * SECOND);
    assert_non_null(w.result);
}

static void leave_some(void)
{
    leave("sink/a/.part-aa-4_filesystem-3-1-0-0-1.inprogress");
    leave("sink/b/day=1/.part-aa-4_filesystem-3-1-1-99-1.inprogress");
    leave("sink/a/part-0001");                                   /* committed */
    leave("sink/a/.part-bb-4_filesystem-3-1-0-0-1.inprogress");  /* of another job */
    leave("sink/a/.part-aa-14_filesystem-3-1-0-0-1.inprogress"); /* of another sink */
    leave("sink/a/.part-aa-4_filesystem-notes.txt");             /* no name of ours */
    leave("elsewhere/.part-aa-4_filesystem-3-1-0-0-1.inprogress");
}

static void others_are_left(void)
{
    assert_non_null(world_blob(&w, "sink/a/part-0001"));
    assert_non_null(world_blob(&w, "sink/a/.part-bb-4_filesystem-3-1-0-0-1.inprogress"));
    assert_non_null(world_blob(&w, "sink/a/.part-aa-14_filesystem-3-1-0-0-1.inprogress"));
    assert_non_null(world_blob(&w, "sink/a/.part-aa-4_filesystem-notes.txt"));
    assert_non_null(world_blob(&w, "elsewhere/.part-aa-4_filesystem-3-1-0-0-1.inprogress"));
}

static void the_end_of_a_job_leaves_nothing_uncommitted(void **state)
{
    start();
    leave_some();
    cancel();
    assert_true(w.clean);
    assert_null(world_blob(&w, "sink/a/.part-aa-4_filesystem-3-1-0-0-1.inprogress"));
    assert_null(world_blob(&w, "sink/b/day=1/.part-aa-4_filesystem-3-1-1-99-1.inprogress"));
    others_are_left();
    assert_int_equal(w.result->n_uncommitted, 2); /* for what comes late */
    world_done(&w);
}

static void a_canceled_job_leaves_what_its_savepoint_may_name(void **state)
{
    start();
    leave_some();
    Weir__TriggerSavepoint *ask = WEIR_PROTO_NEW(&w.arena, Weir__TriggerSavepoint, weir__trigger_savepoint);
    ask->request.len = 16;
    ask->request.data = (uint8_t *)weir_arena_copy(&w.arena, "the request no.1", 16);
    ask->directory = weir_arena_string(&w.arena, "savepoints");
    world_ask(&w, 7, WEIR__ENVELOPE__BODY_SAVEPOINT, ask);
    world_wait(&w, SECOND);
    Weir__JobRecord *record = world_record(&w);
    assert_int_equal(record->n_savepoints, 1);
    assert_int_equal(record->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    cancel();
    assert_non_null(world_blob(&w, "sink/a/.part-aa-4_filesystem-3-1-0-0-1.inprogress")); /* begun before */
    assert_null(world_blob(&w, "sink/b/day=1/.part-aa-4_filesystem-3-1-1-99-1.inprogress"));
    others_are_left();
    world_done(&w);
}

static void what_was_not_committed_in_time_is_left(void **state)
{
    start();
    w.hold_commit = true;
    world_wait(&w, SECOND);
    leave_some();
    cancel();
    assert_true(w.result->uncommitted_checkpoint > 0);
    assert_non_null(world_blob(&w, "sink/a/.part-aa-4_filesystem-3-1-0-0-1.inprogress"));
    assert_null(world_blob(&w, "sink/b/day=1/.part-aa-4_filesystem-3-1-1-99-1.inprogress"));
    world_done(&w);
}

static void a_storage_that_does_not_answer_is_asked_again(void **state)
{
    start();
    leave_some();
    w.blobs_fail = true;
    cancel();
    assert_false(w.clean);
    w.blobs_fail = false;
    world_wait(&w, 60 * SECOND);
    assert_true(w.clean);
    assert_null(world_blob(&w, "sink/a/.part-aa-4_filesystem-3-1-0-0-1.inprogress"));
    world_done(&w);
}

static void the_next_leader_goes_on_with_it(void **state)
{
    start();
    leave_some();
    w.blobs_fail = true;
    cancel();
    w.blobs_fail = false;
    world_takeover(&w);
    world_wait(&w, 60 * SECOND);
    assert_true(w.clean);
    assert_null(world_blob(&w, "sink/a/.part-aa-4_filesystem-3-1-0-0-1.inprogress"));
    others_are_left();
    world_done(&w);
}

static void names_are_read_to_their_end(void **state)
{
    Weir__UncommittedFiles files = WEIR__UNCOMMITTED_FILES__INIT;
    files.directory = "/sink";
    files.prefix = ".part-";
    files.from_checkpoint = 7;
    assert_true(weir_uncommitted_may_go(&files, "/sink/.part-1-2-3-7-x"));
    assert_true(weir_uncommitted_may_go(&files, "/sink/deep/er/.part-1-2-3-18446744073709551599-"));
    static const char *const stay[] = { "/sink/.part-1-2-3-6-x", "/sink/.part-1-2-3-7",
        "/sink/.part-1-2-3--x", "/sink/.part-1-2-3-99999999999999999999999-x", "/sink/.part-",
        "/sinks/.part-1-2-3-7-x", "/sink/part-1-2-3-7-x", "/sink/.part-1-2-3-7-x/inner", "" };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(stay); i++)
        assert_false(weir_uncommitted_may_go(&files, stay[i]));
    files.directory = "/"; /* nothing else was asked for */
    assert_false(weir_uncommitted_may_go(&files, ".part-1-2-3-7-x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_job_leaves_nothing_uncommitted),
        cmocka_unit_test(a_canceled_job_leaves_what_its_savepoint_may_name),
        cmocka_unit_test(what_was_not_committed_in_time_is_left),
        cmocka_unit_test(a_storage_that_does_not_answer_is_asked_again),
        cmocka_unit_test(the_next_leader_goes_on_with_it),
        cmocka_unit_test(names_are_read_to_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
