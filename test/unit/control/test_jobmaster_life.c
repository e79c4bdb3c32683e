/* A job's way from its submission to its end, without takeovers. */
#include "jobmaster_world.h"

static struct world w;

/* source (2) -hash-> sink (2): one region. */
static void one_region(void)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
}

/* source (2) -forward-> sink (2): two regions. */
static void two_regions(void)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, FORWARD);
}

static void a_new_job_runs(void **state)
{
    one_region();
    world_submit(&w);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.slots_wanted, 2);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    assert_int_equal(weir_jobmaster_region_count(w.jm), 1);
    assert_int_equal(w.deployed, 4);
    world_wait(&w, 3 * SECOND);
    assert_true(world_newest(&w) >= 2);
    world_done(&w);
}

static void nothing_is_deployed_before_the_record_is_there(void **state)
{
    one_region();
    w.hold_store = true;
    world_submit(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(INITIALIZING));
    world_release_store(&w);
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void forward_edges_make_regions_of_their_own(void **state)
{
    two_regions();
    world_submit(&w);
    assert_int_equal(weir_jobmaster_region_count(w.jm), 2);
    world_wait(&w, 1500000);
    uint32_t before = w.deployed;
    world_fail(&w, 1, 0, "division by zero");
    world_run(&w);
    assert_int_equal(w.state, JOB(RESTARTING));
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 2); /* the other region was left alone */
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(weir_jobmaster_failovers(w.jm), 1);
    const struct weir_jobmaster_exception *exception = weir_jobmaster_exception(w.jm, 0);
    assert_string_equal(exception->root.text, "division by zero");
    assert_int_equal(exception->root.vertex, 1);
    world_done(&w);
}

static void a_failed_region_restores_the_newest_checkpoint(void **state)
{
    one_region();
    world_submit(&w);
    world_wait(&w, 2500000);
    uint64_t newest = world_newest(&w);
    assert_true(newest > 0);
    w.hold_acknowledge = true;
    world_fail(&w, 2, 1, "no space left");
    world_wait(&w, SECOND);
    assert_int_equal(world_find(&w, 1, 0, NULL)->run.restored_checkpoint, newest);
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.number, 2);
    world_done(&w);
}

static void the_restart_strategy_says_when_it_is_enough(void **state)
{
    one_region();
    world_submit(&w);
    for (uint32_t i = 0; i < 4; i++) {
        assert_null(w.result);
        world_fail(&w, 1, 0, "again");
        world_wait(&w, SECOND);
    }
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_non_null(strstr(w.result->error, "fixed-delay"));
    assert_non_null(strstr(w.result->error, "again"));
    assert_true(w.clean);
    world_done(&w);
}

static void a_bounded_job_commits_its_final_checkpoint_before_it_is_finished(void **state)
{
    one_region();
    w.plan->settings->checkpoint_interval_ms = 0;
    world_submit(&w);
    w.hold_commit = true;
    for (uint32_t i = 0; i < 2; i++) {
        world_finish(&w, 1, i);
        world_finish(&w, 2, i);
    }
    world_wait(&w, SECOND);
    assert_null(w.result);
    Weir__JobRecord *record = world_record(&w);
    assert_int_equal(record->n_checkpoints, 1);
    assert_int_equal(record->checkpoints[0]->kind, WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT);
    assert_int_equal(record->status, WEIR__RECORD_STATUS__RECORD_ACTIVE);
    w.hold_commit = false;
    world_wait(&w, 60 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    assert_int_equal(w.state, JOB(FINISHED));
    assert_true(w.clean);
    assert_null(world_blob(&w, "/ha/plans/p"));
    assert_int_equal(w.forgotten, 4);
    world_done(&w);
}

static void a_sink_that_fails_to_commit_its_end_is_deployed_to_commit(void **state)
{
    one_region();
    w.plan->settings->checkpoint_interval_ms = 0;
    world_submit(&w);
    w.hold_commit = true;
    for (uint32_t i = 0; i < 2; i++) {
        world_finish(&w, 1, i);
        world_finish(&w, 2, i);
    }
    world_run(&w);
    uint32_t before = w.deployed;
    world_fail(&w, 2, 1, "the disk does not answer");
    w.hold_commit = false;
    world_wait(&w, 60 * SECOND);
    assert_int_equal(w.deployed, before + 2); /* sinks alone */
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

/* All had ended, and its last checkpoint was being written, when a TaskManager was lost: what runs again is
 * checkpointed, and ends once more. */
static void a_job_that_runs_again_before_its_end_is_recorded_is_checkpointed(void **state)
{
    one_region();
    world_submit(&w);
    world_wait(&w, 1500000);
    w.blobs_fail = true;
    for (uint32_t i = 0; i < 2; i++) {
        world_finish(&w, 1, i);
        world_finish(&w, 2, i);
    }
    world_wait(&w, SECOND);
    assert_null(w.result);
    world_kill(&w, 0);
    world_start_taskmanager(&w, 0);
    w.blobs_fail = false;
    world_wait(&w, SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    uint64_t newest = world_newest(&w);
    world_wait(&w, 5 * SECOND);
    assert_true(world_newest(&w) > newest);
    for (uint32_t i = 0; i < 2; i++) {
        world_finish(&w, 1, i);
        world_finish(&w, 2, i);
    }
    world_wait(&w, 2 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

static void a_cancel_is_in_the_record_before_it_is_answered(void **state)
{
    one_region();
    world_submit(&w);
    world_wait(&w, 1500000);
    w.hold_store = true;
    Weir__CancelJob *cancel = WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job);
    world_ask(&w, 9, WEIR__ENVELOPE__BODY_CANCEL, cancel);
    world_run(&w);
    assert_null(w.reply);
    world_release_store(&w);
    world_wait(&w, SECOND);
    assert_non_null(w.reply);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(w.reply_request, 9);
    assert_int_equal(w.result->state, JOB(CANCELED));
    assert_int_equal(w.canceled, 4);
    assert_true(w.clean);
    world_done(&w);
}

static void a_canceled_job_commits_what_its_record_names(void **state)
{
    one_region();
    world_submit(&w);
    w.hold_commit = true;
    world_wait(&w, 1200000);
    uint64_t newest = world_newest(&w);
    assert_true(newest > 0);
    world_ask(
        &w, 1, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.canceled, 0); /* sinks first */
    assert_null(w.result);
    w.hold_commit = false;
    world_wait(&w, 20 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->uncommitted_checkpoint, 0);
    world_done(&w);
}

static void past_the_final_commit_timeout_the_result_names_the_checkpoint(void **state)
{
    one_region();
    w.plan->settings->final_commit_timeout_ms = 3000;
    world_submit(&w);
    w.hold_commit = true;
    world_wait(&w, 1200000);
    uint64_t newest = world_newest(&w);
    world_ask(
        &w, 1, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_wait(&w, 4 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(CANCELED));
    assert_int_equal(w.result->uncommitted_checkpoint, newest);
    world_done(&w);
}

static void a_cancel_of_a_failing_job_is_recorded(void **state)
{
    one_region();
    w.plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_NONE;
    world_submit(&w);
    w.hold_commit = true;
    world_wait(&w, 1200000);
    world_fail(&w, 2, 0, "gone");
    world_wait(&w, SECOND);
    assert_int_equal(w.state, JOB(FAILING)); /* of which the record knows nothing */
    world_ask(
        &w, 3, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    assert_non_null(w.reply);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_CANCEL);
    w.hold_commit = false;
    world_wait(&w, 10 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FAILED));
    world_done(&w);
}

/* In the folder of the job's oldest checkpoint that there is not any more. */
static const char *put_stray(void)
{
    static char path[256];
    for (uint32_t i = 0; i < w.blob_count; i++) {
        const char *at = strstr(w.blobs[i].path, "/chk-");
        if (!at) continue;
        snprintf(path, sizeof path, "%.*s/chk-1/e1.1-1-0", (int)(at - w.blobs[i].path), w.blobs[i].path);
        world_put(&w, path, "x", 1);
        return path;
    }
    fail_msg("there is no checkpoint");
    return NULL;
}

static void ask_for_garbage(uint64_t number, bool dry_run)
{
    struct weir_local_message message = { .kind = WEIR_LOCAL_GARBAGE,
        .garbage = { .number = number, .dry_run = dry_run } };
    uint32_t before = w.garbage_answers;
    world_local(&w, &message);
    world_run(&w);
    assert_int_equal(w.garbage_answers, before + 1);
}

static void a_failed_job_redeploys_its_sinks_to_commit(void **state)
{
    one_region();
    w.plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_NONE;
    world_submit(&w);
    w.hold_commit = true;
    world_wait(&w, 1200000);
    assert_true(world_newest(&w) > 0);
    uint32_t before = w.deployed;
    world_fail(&w, 2, 0, "gone");
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 2); /* the two sinks alone */
    put_stray();
    ask_for_garbage(1, true);
    assert_int_equal(w.garbage_count, 0); /* of a job that ends all goes by itself */
    assert_false(w.garbage_cut);
    world_fail(&w, 2, 1, "so is this");
    w.hold_commit = false;
    world_wait(&w, 10 * SECOND);
    assert_int_equal(w.deployed, before + 4);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_int_equal(w.result->uncommitted_checkpoint, 0);
    /* What is shown became of the work, not of the commit. */
    assert_int_equal(world_shown(&w, 1, 0)->state, EXECUTION(CANCELED));
    assert_int_equal(world_shown(&w, 2, 0)->state, EXECUTION(FAILED));
    assert_int_equal(world_shown(&w, 2, 1)->state, EXECUTION(CANCELED));
    assert_int_equal(world_shown(&w, 2, 1)->figures->records_in, 201);
    assert_int_equal(w.reply->jobs[0]->tasks_in[EXECUTION(FINISHED)], 0);
    assert_int_equal(w.reply->jobs[0]->tasks_in[EXECUTION(FAILED)], 1);
    world_done(&w);
}

/* H9: the same checkpoint, met as unreadable again some time later. */
static void state_that_cannot_be_read_fails_the_job_and_is_kept(void **state)
{
    one_region();
    w.plan->settings->restart_attempts_max = UINT32_MAX;
    world_submit(&w);
    world_wait(&w, 1200000);
    uint64_t newest = world_newest(&w);
    assert_true(newest > 0);
    w.hold_running = w.state_unreadable = true; /* no other checkpoint comes */
    world_fail(&w, 1, 0, "started anew");       /* had restored nothing: says nothing about the checkpoint */
    world_wait(&w, 3 * SECOND);
    assert_null(w.result);
    assert_int_equal(world_find(&w, 1, 0, NULL)->run.restored_checkpoint, newest);
    world_fail(&w, 1, 0, "its checksum is wrong");
    world_wait(&w, SECOND);
    assert_null(w.result);
    world_fail(&w, 2, 0, "its checksum is wrong"); /* too soon to be believed */
    world_wait(&w, 2 * SECOND);
    assert_null(w.result);
    world_fail(&w, 1, 0, "its checksum is wrong");
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_true(w.result->keep_checkpoints);
    assert_non_null(strstr(w.result->error, "cannot be restored: its checksum is wrong"));
    assert_int_equal(world_newest(&w), newest);
    world_done(&w);
}

static void no_region_changes_while_a_write_is_unsettled(void **state)
{
    two_regions();
    world_submit(&w);
    world_wait(&w, 1500000);
    uint64_t newest = world_newest(&w);
    w.hold_store = true;
    world_wait(&w, SECOND); /* a checkpoint's record write is on its way */
    assert_true(w.held_count > 0);
    uint32_t before = w.deployed;
    world_fail(&w, 1, 0, "x");
    world_wait(&w, 10 * SECOND);
    assert_int_equal(w.deployed, before);
    world_release_store(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 2);
    assert_true(world_find(&w, 1, 0, NULL)->run.restored_checkpoint > newest);
    world_done(&w);
}

static void suspend(bool suspended)
{
    struct weir_local_message message = { .kind = suspended ? WEIR_LOCAL_SUSPENDED : WEIR_LOCAL_RESUMED };
    w.identity.suspended = suspended;
    world_local(&w, &message);
    world_run(&w);
}

/* H8: a pause of what the store decides, not of failovers. */
static void without_the_store_a_failed_task_is_deployed_again(void **state)
{
    two_regions();
    world_submit(&w);
    world_wait(&w, 1500000);
    uint64_t newest = world_newest(&w);
    suspend(true);
    uint32_t before = w.deployed;
    world_fail(&w, 1, 0, "x");
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.deployed, before + 2);
    assert_int_equal(world_find(&w, 1, 0, NULL)->run.restored_checkpoint, newest);
    assert_int_equal(world_newest(&w), newest);
    suspend(false);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.deployed, before + 2);
    assert_true(world_newest(&w) > newest);
    world_done(&w);
}

/* What may live on out of sight needs a floor in the record, so the store. */
static void without_the_store_a_lost_taskmanager_is_waited_for(void **state)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, FORWARD);
    world_submit(&w);
    world_wait(&w, 1500000);
    suspend(true);
    uint32_t before = w.deployed;
    world_kill(&w, 0);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.deployed, before);
    suspend(false);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 2);
    world_done(&w);
}

static void past_the_session_nothing_is_deployed(void **state)
{
    two_regions();
    world_submit(&w);
    world_wait(&w, 1500000);
    suspend(true);
    w.identity.waits = true;
    uint32_t before = w.deployed;
    world_fail(&w, 1, 0, "x");
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.deployed, before);
    w.identity.waits = false;
    suspend(false);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 2);
    world_done(&w);
}

static void a_slot_that_refuses_is_given_back(void **state)
{
    world_init(&w, 1, 1);
    world_vertex(&w, 1, 1, 0, 0);
    w.refuse_deployments = 1;
    world_submit(&w);
    assert_int_equal(w.slots_refused, 1);
    world_wait(&w, SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 2);
    world_fail(&w, 1, 0, "x"); /* one that had begun says nothing about its slot */
    world_wait(&w, SECOND);
    assert_int_equal(w.slots_refused, 1);
    world_done(&w);
}

static void a_lost_taskmanager_takes_its_region_along(void **state)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    struct world_taskmanager *tm = NULL;
    world_find(&w, 1, 0, &tm);
    world_kill(&w, (uint32_t)(tm - w.taskmanagers));
    world_wait(&w, SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 8);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    world_done(&w);
}

static uint32_t runs_at(uint32_t subtask)
{
    struct world_taskmanager *tm = NULL;
    assert_non_null(world_find(&w, 1, subtask, &tm));
    return (uint32_t)(tm - w.taskmanagers);
}

/* It is reported without: it never ran, so nothing has failed, and the same attempts may come once more. */
static void a_deployment_that_was_lost_on_its_way_goes_again(void **state)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    w.plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_NONE;
    w.lose_deployments = 1;
    world_submit(&w);
    assert_int_equal(w.deployed, 2);
    for (uint32_t t = 0; t < 2; t++) world_report(&w, &w.taskmanagers[t]);
    world_run(&w);
    assert_null(w.result);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 4);
    assert_int_equal(w.canceled, 0);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    for (uint32_t s = 0; s < 2; s++) assert_int_equal(world_find(&w, 2, s, NULL)->id.number, 1);
    world_wait(&w, 2 * SECOND);
    assert_true(world_newest(&w) > 0);
    world_done(&w);
}

/* Its sinks have to commit, it fails over, a deployment is lost and only then it is canceled. */
static uint32_t lose_a_deployment_and_cancel(void)
{
    one_region();
    w.plan->vertices[1]->sink = true;
    w.hold_commit = true;
    world_submit(&w);
    world_wait(&w, 2 * SECOND);
    assert_true(world_newest(&w) > 0);
    w.lose_deployments = 1;
    world_fail(&w, 1, 0, "an error");
    world_wait(&w, 2 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    uint32_t deployed = w.deployed;
    world_ask(
        &w, 1, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_wait(&w, 100000);
    assert_int_equal(w.state, JOB(CANCELLING));
    for (uint32_t t = 0; t < 2; t++) world_report(&w, &w.taskmanagers[t]);
    world_wait(&w, 2 * SECOND);
    return deployed;
}

/* Its client was told that it does not run any more: what was lost goes again only to commit. */
static void a_lost_deployment_of_a_job_that_is_canceled_only_commits(void **state)
{
    uint32_t before = lose_a_deployment_and_cancel();
    uint32_t again = 0;
    for (uint32_t t = 0; t < 2; t++)
        for (uint32_t i = 0; i < w.taskmanagers[t].attempt_count; i++)
            again += w.taskmanagers[t].attempts[i].commit_only;
    assert_true(again > 0);
    assert_int_equal(w.deployed - before, again);
    w.hold_commit = false;
    world_wait(&w, 20 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(CANCELED));
    world_done(&w);
}

/* 918780 rot: it was kept for the end, and then only the attempt that took its place was forgotten. */
static void what_has_ended_is_forgotten_when_its_commit_is_deployed_again(void **state)
{
    lose_a_deployment_and_cancel();
    assert_true(world_find(&w, 2, 1, NULL)->commit_only);
    assert_true(world_find(&w, 2, 0, NULL)->commit_only);
    world_finish(&w, 2, 0);
    world_run(&w);
    uint32_t before = w.deployed;
    world_fail(&w, 2, 1, "an error");
    world_wait(&w, 2 * SECOND);
    assert_int_equal(w.deployed, before + 2);
    w.hold_commit = false;
    world_wait(&w, 20 * SECOND);
    assert_non_null(w.result);
    assert_true(w.clean);
    for (uint32_t t = 0; t < w.taskmanager_count; t++)
        for (uint32_t i = 0; i < w.taskmanagers[t].attempt_count; i++)
            assert_false(w.taskmanagers[t].attempts[i].there);
    world_done(&w);
}

static void what_a_report_leaves_out_after_it_ran_has_failed(void **state)
{
    one_region();
    world_submit(&w);
    struct world_taskmanager *tm = NULL;
    world_find(&w, 1, 1, &tm)->there = false;
    uint32_t before = w.deployed;
    world_report(&w, tm);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 4);
    assert_int_equal(weir_jobmaster_failovers(w.jm), 1);
    world_done(&w);
}

/* H10: its region was cancelled, and the word to forget it was lost with its connection. */
static void what_ended_before_its_region_failed_is_forgotten_in_the_end(void **state)
{
    one_region();
    world_submit(&w);
    struct world_taskmanager *tm = NULL;
    const struct world_attempt *ended = world_find(&w, 1, 0, &tm);
    world_finish(&w, 1, 0);
    world_run(&w);
    w.lose_forgets = true;
    world_fail(&w, 2, 0, "x");
    world_run(&w);
    w.lose_forgets = false;
    assert_true(ended->there);
    world_report(&w, tm); /* the connection is back before the region is deployed again */
    world_wait(&w, SECOND);
    assert_false(ended->there);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    world_done(&w);
}

/* Their local snapshots are there. */
static void subtasks_go_back_to_where_they_ran(void **state)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    uint32_t first = runs_at(0), second = runs_at(1);
    assert_int_equal(first, 0); /* so that it moves up, and the order of slots is not the order of subtasks */
    assert_int_equal(second, 1);
    world_kill(&w, first);
    world_wait(&w, SECOND);
    assert_int_equal(runs_at(0), 2);
    w.hold_slots = true;
    world_kill(&w, 1);
    world_kill(&w, 2);
    world_start_taskmanager(&w, 1);
    world_start_taskmanager(&w, 2);
    world_run(&w);
    w.hold_slots = false;
    world_slots(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(runs_at(0), 2);
    assert_int_equal(runs_at(1), 1);
    world_done(&w);
}

static void a_stop_takes_a_savepoint_and_finishes(void **state)
{
    one_region();
    world_submit(&w);
    world_wait(&w, 500000);
    Weir__StopJob *stop = WEIR_PROTO_NEW(&w.arena, Weir__StopJob, weir__stop_job);
    stop->request = (ProtobufCBinaryData){ 16, (uint8_t *)weir_arena_copy(&w.arena, "0123456789abcdef", 16) };
    world_ask(&w, 2, WEIR__ENVELOPE__BODY_STOP, stop);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

static void a_taskmanager_lost_after_a_stops_savepoint_only_commits(void **state)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    world_wait(&w, 500000);
    w.hold_commit = true;
    Weir__StopJob *stop = WEIR_PROTO_NEW(&w.arena, Weir__StopJob, weir__stop_job);
    stop->request = (ProtobufCBinaryData){ 16, (uint8_t *)weir_arena_copy(&w.arena, "0123456789abcdef", 16) };
    world_ask(&w, 2, WEIR__ENVELOPE__BODY_STOP, stop);
    world_wait(&w, 300000);
    assert_null(w.result);
    uint32_t before = w.deployed;
    struct world_taskmanager *tm = NULL;
    world_find(&w, 1, 0, &tm);
    world_kill(&w, (uint32_t)(tm - w.taskmanagers));
    w.hold_commit = false;
    world_wait(&w, 10 * SECOND);
    assert_int_equal(w.deployed, before + 2);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

static void what_a_running_job_has_given_up_is_told_and_deleted_when_asked(void **state)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    ask_for_garbage(1, true);
    assert_int_equal(w.garbage_count, 0);
    world_wait(&w, 5500000);
    assert_true(world_newest(&w) > 2);
    ask_for_garbage(2, false);
    assert_int_equal(w.garbage_count, 0); /* what the record names is none */
    const char *stray = put_stray();
    ask_for_garbage(3, true);
    assert_int_equal(w.garbage_count, 1);
    assert_string_equal(w.garbage_path, stray);
    assert_non_null(world_blob(&w, stray));
    ask_for_garbage(4, false);
    assert_int_equal(w.garbage_count, 1);
    assert_null(world_blob(&w, stray));
    ask_for_garbage(5, false);
    assert_int_equal(w.garbage_count, 0);
    assert_false(w.garbage_cut);
    w.blobs_fail = true;
    ask_for_garbage(6, false);
    assert_true(w.garbage_failed);
    world_takeover(&w); /* the plan cannot be read */
    ask_for_garbage(7, false);
    assert_int_equal(w.garbage_count, 0);
    assert_true(w.garbage_cut); /* nobody knows yet */
    w.blobs_fail = false;
    world_wait(&w, 3 * SECOND);
    ask_for_garbage(8, false);
    assert_false(w.garbage_cut);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_running_job_has_given_up_is_told_and_deleted_when_asked),
        cmocka_unit_test(a_new_job_runs),
        cmocka_unit_test(nothing_is_deployed_before_the_record_is_there),
        cmocka_unit_test(forward_edges_make_regions_of_their_own),
        cmocka_unit_test(a_failed_region_restores_the_newest_checkpoint),
        cmocka_unit_test(the_restart_strategy_says_when_it_is_enough),
        cmocka_unit_test(a_bounded_job_commits_its_final_checkpoint_before_it_is_finished),
        cmocka_unit_test(a_job_that_runs_again_before_its_end_is_recorded_is_checkpointed),
        cmocka_unit_test(a_sink_that_fails_to_commit_its_end_is_deployed_to_commit),
        cmocka_unit_test(a_cancel_is_in_the_record_before_it_is_answered),
        cmocka_unit_test(a_canceled_job_commits_what_its_record_names),
        cmocka_unit_test(past_the_final_commit_timeout_the_result_names_the_checkpoint),
        cmocka_unit_test(a_cancel_of_a_failing_job_is_recorded),
        cmocka_unit_test(a_failed_job_redeploys_its_sinks_to_commit),
        cmocka_unit_test(state_that_cannot_be_read_fails_the_job_and_is_kept),
        cmocka_unit_test(no_region_changes_while_a_write_is_unsettled),
        cmocka_unit_test(without_the_store_a_failed_task_is_deployed_again),
        cmocka_unit_test(without_the_store_a_lost_taskmanager_is_waited_for),
        cmocka_unit_test(past_the_session_nothing_is_deployed),
        cmocka_unit_test(a_slot_that_refuses_is_given_back),
        cmocka_unit_test(a_lost_taskmanager_takes_its_region_along),
        cmocka_unit_test(a_deployment_that_was_lost_on_its_way_goes_again),
        cmocka_unit_test(a_lost_deployment_of_a_job_that_is_canceled_only_commits),
        cmocka_unit_test(what_has_ended_is_forgotten_when_its_commit_is_deployed_again),
        cmocka_unit_test(what_a_report_leaves_out_after_it_ran_has_failed),
        cmocka_unit_test(what_ended_before_its_region_failed_is_forgotten_in_the_end),
        cmocka_unit_test(subtasks_go_back_to_where_they_ran),
        cmocka_unit_test(a_stop_takes_a_savepoint_and_finishes),
        cmocka_unit_test(a_taskmanager_lost_after_a_stops_savepoint_only_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
