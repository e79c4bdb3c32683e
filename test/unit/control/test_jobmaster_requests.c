/* What clients ask of a running job: savepoints, stops, rescaling, queries; and a pause of the store. */
#include "jobmaster_world.h"

static struct world w;

static void running(uint32_t exchange)
{
    world_init(&w, 4, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, exchange);
    world_submit(&w);
    world_wait(&w, 1500000);
}

static ProtobufCBinaryData request_id(char digit)
{
    char bytes[16];
    memset(bytes, digit, sizeof bytes);
    return (ProtobufCBinaryData){ 16, (uint8_t *)weir_arena_copy(&w.arena, bytes, 16) };
}

static void ask_savepoint(char id)
{
    Weir__TriggerSavepoint *ask = WEIR_PROTO_NEW(&w.arena, Weir__TriggerSavepoint, weir__trigger_savepoint);
    ask->request = request_id(id);
    world_ask(&w, (uint64_t)id, WEIR__ENVELOPE__BODY_SAVEPOINT, ask);
}

static Weir__SavepointRequest *query(char id)
{
    Weir__QueryJobs *ask = WEIR_PROTO_NEW(&w.arena, Weir__QueryJobs, weir__query_jobs);
    ask->request = request_id(id);
    world_ask(&w, 1000, WEIR__ENVELOPE__BODY_QUERY, ask);
    world_run(&w);
    assert_non_null(w.reply);
    return w.reply->savepoint;
}

static Weir__StopJob *stop_of(char id)
{
    Weir__StopJob *stop = WEIR_PROTO_NEW(&w.arena, Weir__StopJob, weir__stop_job);
    stop->request = request_id(id);
    return stop;
}

static void ask_stop(char id, bool drain)
{
    Weir__StopJob *stop = stop_of(id);
    stop->drain = drain;
    world_ask(&w, (uint64_t)id, WEIR__ENVELOPE__BODY_STOP, stop);
    world_run(&w);
}

static void ask_rescale(uint32_t vertex, uint32_t parallelism, uint32_t other, uint32_t other_parallelism)
{
    Weir__RescaleJob *ask = WEIR_PROTO_NEW(&w.arena, Weir__RescaleJob, weir__rescale_job);
    ask->overrides = WEIR_ARENA_ARRAY(&w.arena, Weir__ParallelismOverride *, 2);
    ask->overrides[0] = WEIR_PROTO_NEW(&w.arena, Weir__ParallelismOverride, weir__parallelism_override);
    ask->overrides[0]->vertex = vertex;
    ask->overrides[0]->parallelism = parallelism;
    ask->n_overrides = 1;
    if (other) {
        ask->overrides[1] = WEIR_PROTO_NEW(&w.arena, Weir__ParallelismOverride, weir__parallelism_override);
        ask->overrides[1]->vertex = other;
        ask->overrides[1]->parallelism = other_parallelism;
        ask->n_overrides = 2;
    }
    world_ask(&w, 77, WEIR__ENVELOPE__BODY_RESCALE, ask);
    world_run(&w);
}

static void a_savepoint_is_taken_and_told(void **state)
{
    running(HASH);
    ask_savepoint('a');
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    Weir__SavepointRequest *savepoint = query('a');
    assert_non_null(savepoint);
    assert_int_equal(savepoint->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_null(query('b'));
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_NOT_FOUND);
    world_done(&w);
}

static void a_promised_savepoint_is_taken_by_the_next_leader(void **state)
{
    running(HASH);
    w.hold_acknowledge = true;
    ask_savepoint('a');
    world_run(&w);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    w.hold_acknowledge = false;
    world_takeover(&w);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(query('a')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    world_done(&w);
}

static void a_second_savepoint_of_the_same_request_is_the_first(void **state)
{
    running(HASH);
    ask_savepoint('a');
    world_wait(&w, 3 * SECOND);
    ask_savepoint('a');
    world_wait(&w, SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_record(&w)->n_savepoints, 1);
    world_done(&w);
}

/* Its last try expires while the record is being written for another client's. */
static void a_savepoint_that_has_failed_is_not_begun_anew(void **state)
{
    running(HASH);
    w.hold_acknowledge = true;
    ask_savepoint('a');
    world_wait(&w, 175 * SECOND);
    assert_int_equal(query('a')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS);
    w.hold_store = true;
    ask_savepoint('b');
    world_wait(&w, 10 * SECOND);
    w.hold_acknowledge = false;
    world_release_store(&w);
    assert_int_equal(query('a')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    world_wait(&w, 10 * SECOND);
    assert_int_equal(query('a')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    assert_int_equal(query('b')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    world_done(&w);
}

/* What a savepoint names of the sinks' files is not committed by any checkpoint: while the record names the
 * savepoint, new attempts and the job's clean-up leave it alone. */
static void the_newest_savepoint_is_not_forgotten_for_others_that_have_failed(void **state)
{
    enum { OTHERS = 100, TOO_LONG = 5000 };
    char directory[TOO_LONG + 1];
    running(HASH);
    ask_savepoint('a');
    world_wait(&w, 3 * SECOND);
    assert_int_equal(query('a')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    memset(directory, 'x', TOO_LONG);
    directory[TOO_LONG] = 0;
    for (int i = 0; i < OTHERS; i++) {
        Weir__TriggerSavepoint *ask =
            WEIR_PROTO_NEW(&w.arena, Weir__TriggerSavepoint, weir__trigger_savepoint);
        ask->request = request_id((char)(100 + i));
        ask->directory = directory;
        world_ask(&w, (uint64_t)i, WEIR__ENVELOPE__BODY_SAVEPOINT, ask);
        world_run(&w);
        assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
        assert_int_equal(query((char)(100 + i))->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    }
    Weir__SavepointRequest *savepoint = query('a');
    assert_non_null(savepoint);
    assert_int_equal(savepoint->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    world_done(&w);
}

static void a_stop_needs_somewhere_to_put_its_savepoint(void **state)
{
    running(HASH);
    world_done(&w);
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    w.plan->settings->savepoint_directory = weir_arena_string(&w.arena, "");
    world_submit(&w);
    ask_stop('s', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    ask_savepoint('a');
    world_run(&w);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    world_done(&w);
}

static void a_second_stop_is_refused_and_the_same_one_is_not(void **state)
{
    running(HASH);
    w.hold_acknowledge = true;
    ask_stop('s', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    ask_stop('s', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    ask_stop('t', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_CONFLICT);
    assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS);
    world_done(&w);
}

/* A late repetition of what the client was told has failed: nothing begins anew behind its back. */
static void a_stop_that_has_failed_is_not_done_again(void **state)
{
    running(HASH);
    w.hold_acknowledge = true;
    ask_stop('s', false);
    world_wait(&w, 185 * SECOND); /* its tries expire */
    assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_RUN);
    assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    w.hold_acknowledge = false;
    ask_stop('s', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_RUN);
    ask_stop('t', false); /* another one is */
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_STOP);
    world_done(&w);
}

/* The record still says STOP when it fails: the coordinator is not told of it again, and of the next one it
 * is. */
static void a_stop_that_has_failed_stays_so_and_the_next_one_is_done(void **state)
{
    running(HASH);
    w.hold_acknowledge = true;
    ask_stop('s', false);
    world_wait(&w, 185 * SECOND); /* its tries expire */
    assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    w.hold_acknowledge = false;
    world_wait(&w, 185 * SECOND);
    assert_null(w.result);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    ask_stop('t', false);
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

static void a_drain_ends_the_sources_and_then_the_job(void **state)
{
    running(HASH);
    ask_stop('s', true);
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    Weir__JobRecord *record = world_record(&w);
    bool named = false;
    for (size_t i = 0; i < record->n_checkpoints; i++)
        if (record->checkpoints[i]->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) named = true;
    assert_true(named);
    world_done(&w);
}

/* The storage takes no savepoint. The leader gives the stop up and dies, all that it has sent to TaskManagers
 * is lost: the sources have ended for the stop alone, and what they have not read is still to be read. */
static void what_has_ended_for_a_drain_that_failed_is_not_attached(void **state)
{
    for (int late = 0; late < 2; late++) {
        running(HASH);
        w.blobs_fail = true;
        ask_stop('s', true);
        world_wait(&w, 150 * SECOND);
        assert_int_equal(world_count(&w, EXECUTION(FINISHED)), 4);
        assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_STOP);
        w.lose_forgets = w.hold_store = true;
        w.lose_deployments = UINT32_MAX;
        world_wait(&w, 35 * SECOND); /* the last one of its tries expires */
        for (uint32_t i = 0; i < w.held_count; i++) world_store(&w, &w.held[i]);
        if (late) world_run(&w);
        assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_RUN);
        w.blobs_fail = w.lose_forgets = false;
        w.lose_deployments = 0;
        world_takeover(&w);
        world_wait(&w, 15 * SECOND);
        assert_null(w.result);
        assert_int_equal(w.state, JOB(RUNNING));
        assert_int_equal(w.deployed, 4);
        assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
        world_done(&w);
    }
}

/* A stop in all but the name of its end; the record knows, whoever leads then. */
static void a_cancel_with_a_savepoint_ends_as_canceled(void **state)
{
    for (int takeover = 0; takeover < 2; takeover++) {
        running(HASH);
        w.hold_acknowledge = takeover == 1;
        Weir__StopJob *stop = stop_of('s');
        stop->cancels = true;
        world_ask(&w, 's', WEIR__ENVELOPE__BODY_STOP, stop);
        world_run(&w);
        assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
        w.hold_acknowledge = false;
        if (takeover) world_takeover(&w);
        world_wait(&w, 5 * SECOND);
        assert_non_null(w.result);
        assert_int_equal(w.result->state, JOB(CANCELED));
        assert_int_equal(w.state, JOB(CANCELED));
        assert_int_equal(query('s')->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
        assert_true(w.clean);
        world_done(&w);
    }
}

static void a_cancel_overrides_a_stop(void **state)
{
    running(HASH);
    w.hold_acknowledge = true;
    ask_stop('s', false);
    uint64_t tried = world_record(&w)->target->checkpoint;
    assert_true(tried > 0);
    w.hold_commit = true;
    world_ask(
        &w, 3, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_CANCEL);
    assert_int_equal(world_record(&w)->target->checkpoint, tried); /* a new leader looks there */
    assert_string_equal(world_record(&w)->target->path, "/savepoints");
    w.hold_commit = false;
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.result->state, JOB(CANCELED));
    world_done(&w);
}

static void say_canceled(void)
{
    for (uint32_t v = 1; v <= 2; v++)
        for (uint32_t s = 0; s < 2; s++) {
            struct world_taskmanager *tm = NULL;
            struct world_attempt *attempt = world_find(&w, v, s, &tm);
            world_say(&w, tm, attempt, EXECUTION(CANCELED), NULL);
        }
}

static void ask_cancel(void)
{
    world_ask(
        &w, 3, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
}

static void check_stop_came_to_nothing(Weir__JobState state)
{
    assert_non_null(w.result);
    assert_int_equal(w.result->state, state);
    Weir__SavepointRequest *told = query('s');
    assert_non_null(told);
    assert_int_equal(told->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    assert_non_null(strstr(told->error, "ended before"));
    told = w.result->savepoint; /* what the tombstone keeps */
    assert_non_null(told);
    assert_int_equal(told->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    assert_memory_equal(told->request.data, request_id('s').data, 16);
}

/* Two clients, and the second one wins: the first one has the promise of a request that it can ask for. */
static void whoever_asked_for_a_stop_is_told_that_a_cancel_came_before_it(void **state)
{
    for (int takeover = 0; takeover < 2; takeover++) {
        running(HASH);
        w.hold_acknowledge = w.hold_cancel = true;
        ask_stop('s', false);
        ask_cancel();
        Weir__SavepointRequest *told = query('s');
        assert_non_null(told);
        assert_int_equal(told->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS);
        ask_stop('s', false); /* the answer was lost: it is the same one */
        assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
        assert_int_equal(world_record(&w)->target->kind, WEIR__TARGET_KIND__TARGET_CANCEL);
        ask_stop('t', false);
        assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_CONFLICT);
        w.hold_cancel = false;
        if (takeover)
            world_takeover(&w);
        else
            say_canceled();
        world_wait(&w, 5 * SECOND);
        check_stop_came_to_nothing(JOB(CANCELED));
        world_done(&w);
    }
}

static void whoever_asked_for_a_stop_is_told_that_the_job_failed_before_it(void **state)
{
    world_init(&w, 4, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    w.plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_NONE;
    world_submit(&w);
    world_wait(&w, 1500000);
    w.hold_acknowledge = true;
    ask_stop('s', false);
    world_fail(&w, 1, 0, "x");
    world_wait(&w, 5 * SECOND);
    check_stop_came_to_nothing(JOB(FAILED));
    world_done(&w);
}

/* As the dispatcher does once the JobMaster is gone: cleaning takes its time. */
static void a_cancel_of_what_has_ended_is_refused_unless_it_was_canceled(void **state)
{
    running(HASH);
    ask_stop('s', false);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_ask(
        &w, 4, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    assert_non_null(w.reply);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_CONFLICT);
    world_done(&w);
    running(HASH);
    for (uint64_t request = 3; request < 5; request++) {
        world_ask(&w, request, WEIR__ENVELOPE__BODY_CANCEL,
            WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
        world_wait(&w, 5 * SECOND);
        assert_int_equal(w.result->state, JOB(CANCELED));
        assert_non_null(w.reply);
        assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    }
    world_done(&w);
}

static void a_rescaled_job_restores_its_newest_checkpoint_at_the_new_width(void **state)
{
    running(HASH);
    uint64_t before = world_newest(&w);
    ask_rescale(2, 3, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_record(&w)->plan_version, 1);
    world_wait(&w, 2 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(weir_jobmaster_subtask_count(w.jm), 5);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 5);
    assert_int_equal(w.slots_wanted, 3);
    struct world_attempt *attempt = world_find(&w, 2, 2, NULL);
    assert_int_equal(attempt->run.plan_version, 1);
    assert_true(attempt->run.restored_checkpoint > before);
    uint32_t number = attempt->id.number;
    uint32_t released = w.slots_released;
    /* And back. */
    ask_rescale(2, 1, 0, 0);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 3);
    assert_null(world_find(&w, 2, 2, NULL));
    assert_int_equal(w.slots_wanted, 2);
    uint32_t slots = 0; /* all go to this job */
    for (uint32_t t = 0; t < w.taskmanager_count; t++) slots += w.taskmanagers[t].slot_count;
    assert_true(w.slots_released > released);
    w.slots_released = 0;
    world_slots(&w);
    world_run(&w);
    assert_int_equal(w.slots_released, slots - 2); /* others get what it needs no more */
    ask_rescale(2, 3, 0, 0);
    world_wait(&w, 3 * SECOND);
    assert_true(world_find(&w, 2, 2, NULL)->id.number > number); /* none is used twice */
    world_done(&w);
}

/* It needs more slots than there are: the job runs on as it is until they come, or until it is taken back. */
static void a_rescale_waits_for_slots_while_the_job_runs(void **state)
{
    running(HASH);
    world_kill(&w, 3); /* nothing of the job is there */
    world_wait(&w, SECOND);
    uint32_t deployed = w.deployed;
    ask_rescale(2, 4, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(world_record(&w)->plan_version, 1);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    assert_int_equal(w.deployed, deployed);
    assert_int_equal(w.slots_wanted, 4);
    world_fail(&w, 2, 0, "of itself"); /* what it had comes first */
    world_run(&w);
    assert_int_equal(w.slots_wanted, 2);
    world_wait(&w, 20 * SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    assert_int_equal(w.slots_wanted, 4);
    ask_rescale(2, 2, 0, 0);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.slots_wanted, 2);
    ask_rescale(2, 4, 0, 0);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    world_start_taskmanager(&w, 3);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 6);
    world_done(&w);
}

/* Nor does the next leader stop it for them. */
static void a_takeover_restarts_nothing_of_a_job_that_waits_for_slots(void **state)
{
    running(HASH);
    world_wait(&w, 3 * SECOND);
    world_kill(&w, 3);
    ask_rescale(2, 4, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_record(&w)->plan_version, 1);
    assert_non_null(world_record(&w)->in_use); /* in the write that was answered */
    for (uint32_t i = 0; i < 2; i++) {
        world_takeover(&w);
        world_wait(&w, 3 * SECOND);
        assert_int_equal(w.state, JOB(RUNNING));
        assert_int_equal(w.deployed, 0);
        assert_int_equal(w.canceled, 0);
        assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
        assert_int_equal(w.slots_wanted, 4);
    }
    world_start_taskmanager(&w, 3);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 6);
    assert_int_equal(world_find(&w, 2, 3, NULL)->run.plan_version, 1);
    assert_null(world_record(&w)->in_use);
    world_takeover(&w);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 6);
    world_done(&w);
}

/* What runs was never stopped for it, and goes on under the next leader, too. */
static void a_takeover_restarts_nothing_of_a_growth_that_was_taken_back(void **state)
{
    for (int slots = 0; slots < 2; slots++) { /* it waits for slots, or for a checkpoint */
        running(HASH);
        world_wait(&w, 3 * SECOND);
        if (!slots) world_kill(&w, 3);
        w.hold_acknowledge = true;
        ask_rescale(2, 4, 0, 0);
        world_wait(&w, 3 * SECOND);
        ask_rescale(2, 2, 0, 0);
        assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
        w.hold_acknowledge = false;
        world_wait(&w, 3 * SECOND);
        assert_int_equal(world_record(&w)->plan_version, 2);
        assert_null(world_record(&w)->in_use);
        world_takeover(&w);
        world_wait(&w, 3 * SECOND);
        assert_int_equal(w.deployed, 0);
        assert_int_equal(w.state, JOB(RUNNING));
        assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
        world_done(&w);
    }
}

/* Slots that were there when it was asked for are gone when it is to begin. */
static void what_a_job_goes_on_as_is_recorded_when_its_slots_are_gone(void **state)
{
    running(HASH);
    world_wait(&w, 3 * SECOND);
    w.hold_acknowledge = true; /* the checkpoint before the rescale takes its time */
    ask_rescale(2, 4, 0, 0);
    assert_null(world_record(&w)->in_use);
    world_kill(&w, 3);
    world_wait(&w, 2 * SECOND);
    w.hold_acknowledge = false;
    world_wait(&w, 2 * SECOND);
    assert_non_null(world_record(&w)->in_use);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    ask_rescale(2, 2, 0, 0); /* taken back */
    world_wait(&w, 3 * SECOND);
    assert_null(world_record(&w)->in_use);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    world_done(&w);
}

static void a_rescale_does_not_wait_for_the_next_periodic_checkpoint(void **state)
{
    world_init(&w, 4, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    w.plan->settings->checkpoint_interval_ms = 50000;
    world_submit(&w);
    world_wait(&w, SECOND);
    assert_int_equal(world_newest(&w), 0);
    ask_rescale(2, 3, 0, 0);
    world_wait(&w, SECOND);
    assert_true(world_newest(&w) > 0);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 5);
    assert_int_equal(world_find(&w, 2, 2, NULL)->run.restored_checkpoint, world_newest(&w));
    world_done(&w);
}

/* State of such a source is that of its subtasks: it would fail when it is restored. */
static void a_source_that_keeps_its_parallelism_is_not_rescaled(void **state)
{
    world_init(&w, 3, 2);
    Weir__PlanVertex *source = world_vertex(&w, 1, 2, 0, 0);
    source->source = source->keeps_parallelism = true;
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    ask_rescale(1, 3, 2, 3);
    world_wait(&w, SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    assert_non_null(strstr(w.reply->text, "keeps its parallelism of 2: its rows are those of its subtasks"));
    assert_int_equal(world_record(&w)->n_overrides, 0);
    ask_rescale(1, 2, 2, 3); /* as it is, and another one */
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 5);
    world_done(&w);
}

static void a_rescale_that_cannot_be_is_refused(void **state)
{
    running(FORWARD);
    ask_rescale(2, 3, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    assert_non_null(strstr(w.reply->text, "one to one"));
    ask_rescale(2, 129, 1, 129);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    assert_non_null(strstr(w.reply->text, "maximum parallelism is 128"));
    ask_rescale(9, 1, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    ask_rescale(2, 0, 1, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_BAD_REQUEST);
    assert_int_equal(world_record(&w)->plan_version, 0);
    ask_rescale(2, 2, 0, 0); /* as it is */
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_record(&w)->plan_version, 0);
    world_done(&w);
}

/* "No" would be believed; what is not known yet is asked for again. */
static void while_the_plan_is_read_nobody_is_refused(void **state)
{
    running(HASH);
    w.blobs_fail = true;
    world_takeover(&w);
    ask_rescale(2, 3, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_UNAVAILABLE);
    ask_savepoint('a');
    world_run(&w);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_UNAVAILABLE);
    ask_stop('b', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_UNAVAILABLE);
    w.blobs_fail = false;
    world_wait(&w, 20 * SECOND);
    ask_rescale(2, 3, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    world_wait(&w, 20 * SECOND);
    ask_stop('b', false);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    world_done(&w);
}

static void a_rescale_leaves_other_regions_alone(void **state)
{
    world_init(&w, 4, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_vertex(&w, 3, 1, 0, 0); /* a second pipeline */
    world_vertex(&w, 4, 1, 3, HASH);
    world_submit(&w);
    world_wait(&w, 1500000);
    uint32_t before = w.deployed;
    ask_rescale(2, 4, 0, 0);
    world_wait(&w, 2 * SECOND);
    assert_int_equal(w.deployed, before + 6);
    assert_int_equal(world_find(&w, 3, 0, NULL)->id.number, 1);
    assert_int_equal(world_find(&w, 4, 0, NULL)->run.plan_version, 0);
    /* A takeover attaches both: of the new version and of the old one. */
    world_takeover(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

static void a_takeover_during_a_scale_down_makes_the_new_width(void **state)
{
    running(HASH);
    w.hold_acknowledge = true; /* so that it still waits for a checkpoint */
    ask_rescale(2, 1, 0, 0);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    w.hold_acknowledge = false;
    world_takeover(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.canceled, 4);
    assert_int_equal(w.deployed, 3);
    assert_null(world_find(&w, 2, 1, NULL));
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

/* A rescale that was promised just before the savepoint of a stop was complete has come too late: the sinks
 * that repeat their commits are as wide as the savepoint. */
static void a_rescale_that_meets_a_stop_changes_no_width(void **state)
{
    running(FORWARD);
    w.hold_commit = w.hold_acknowledge = true;
    ask_rescale(2, 1, 1, 1);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    ask_stop('s', false);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    w.hold_acknowledge = false;
    world_wait(&w, 70 * SECOND);
    w.hold_commit = false;
    world_wait(&w, 70 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

static void a_cancel_in_the_middle_of_a_rescale_commits_and_ends(void **state)
{
    running(HASH);
    w.hold_commit = w.hold_cancel = true;
    ask_rescale(2, 3, 0, 0);
    world_wait(&w, 2 * SECOND); /* the old width is being cancelled */
    assert_int_equal(world_count(&w, EXECUTION(CANCELING)), 4);
    world_ask(
        &w, 3, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    w.hold_commit = w.hold_cancel = false;
    say_canceled();
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(CANCELED));
    assert_int_equal(w.result->uncommitted_checkpoint, 0);
    world_done(&w);
}

/* What one task of a region says of its neighbours' end is not its own. */
static void what_fails_while_it_is_canceled_is_shown_as_canceled(void **state)
{
    running(HASH);
    w.hold_cancel = true;
    world_ask(
        &w, 3, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_wait(&w, 2 * SECOND);
    assert_int_equal(world_count(&w, EXECUTION(CANCELING)), 4);
    for (uint32_t s = 0; s < 2; s++) world_fail(&w, 2, s, "lost the connection to TaskManager 'tm-0'");
    world_run(&w);
    assert_int_equal(world_count(&w, EXECUTION(CANCELED)), 2);
    assert_int_equal(world_count(&w, EXECUTION(FAILED)), 0);
    for (uint32_t s = 0; s < 2; s++) world_fail(&w, 1, s, "lost the connection to TaskManager 'tm-0'");
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(CANCELED));
    world_done(&w);
}

static void a_paused_leader_confirms_nothing(void **state)
{
    running(HASH);
    static const struct weir_local_message suspended = { .kind = WEIR_LOCAL_SUSPENDED };
    static const struct weir_local_message resumed = { .kind = WEIR_LOCAL_RESUMED };
    world_local(&w, &suspended);
    world_run(&w);
    uint32_t before = w.deployed;
    world_fail(&w, 1, 0, "x");
    world_ask(
        &w, 3, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_wait(&w, 30 * SECOND);
    assert_null(w.reply);
    assert_int_equal(w.deployed, before);
    world_local(&w, &resumed);
    world_wait(&w, 10 * SECOND);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_int_equal(w.result->state, JOB(CANCELED));
    world_done(&w);
}

static void slots_that_do_not_come_fail_the_job_in_time(void **state)
{
    world_init(&w, 1, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    w.options.slot_request_timeout_us = 10 * SECOND;
    w.plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_NONE;
    world_submit(&w);
    world_wait(&w, 9 * SECOND);
    assert_int_equal(w.state, JOB(CREATED));
    assert_int_equal(w.deployed, 0);
    world_wait(&w, 2 * SECOND);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_non_null(strstr(w.result->error, "slots"));
    world_done(&w);
}

/* Two jobs that hold a part of what they want would wait for each other. */
static void slots_are_not_kept_from_others_for_longer_than_a_job_may_wait(void **state)
{
    for (int regions = 1; regions <= 2; regions++) {
        world_init(&w, 2, 1);
        world_kill(&w, 1);
        world_vertex(&w, 1, 2, 0, 0);
        world_vertex(&w, 2, 2, 1, regions == 1 ? HASH : FORWARD);
        w.options.slot_request_timeout_us = 10 * SECOND;
        world_submit(&w);
        world_wait(&w, 9 * SECOND);
        assert_int_equal(w.slots_behind, 0);
        assert_int_equal(w.deployed, regions == 1 ? 0 : 2);
        world_wait(&w, 2 * SECOND);
        assert_int_equal(w.slots_behind, regions == 1); /* not the one in which a region runs */
        world_wait(&w, 12 * SECOND);
        assert_true(w.slots_behind >= (regions == 1)); /* this world has no others to give it to */
        world_start_taskmanager(&w, 1);
        world_wait(&w, 3 * SECOND);
        assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
        world_done(&w);
    }
}

static void slots_for_a_growth_are_not_kept_from_others_for_longer_than_a_job_may_wait(void **state)
{
    running(HASH);
    w.options.slot_request_timeout_us = 10 * SECOND;
    world_kill(&w, 3); /* one of those that it does not use is left */
    world_wait(&w, SECOND);
    ask_rescale(2, 4, 0, 0);
    world_wait(&w, 9 * SECOND);
    assert_int_equal(w.slots_behind, 0);
    world_wait(&w, 2 * SECOND);
    assert_int_equal(w.slots_behind, 1);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    world_slots(&w); /* nobody else wanted it */
    world_start_taskmanager(&w, 3);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 6);
    assert_int_equal(w.slots_behind, 1);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_savepoint_is_taken_and_told),
        cmocka_unit_test(a_promised_savepoint_is_taken_by_the_next_leader),
        cmocka_unit_test(a_second_savepoint_of_the_same_request_is_the_first),
        cmocka_unit_test(a_savepoint_that_has_failed_is_not_begun_anew),
        cmocka_unit_test(the_newest_savepoint_is_not_forgotten_for_others_that_have_failed),
        cmocka_unit_test(a_stop_needs_somewhere_to_put_its_savepoint),
        cmocka_unit_test(a_second_stop_is_refused_and_the_same_one_is_not),
        cmocka_unit_test(a_stop_that_has_failed_is_not_done_again),
        cmocka_unit_test(a_stop_that_has_failed_stays_so_and_the_next_one_is_done),
        cmocka_unit_test(a_drain_ends_the_sources_and_then_the_job),
        cmocka_unit_test(what_has_ended_for_a_drain_that_failed_is_not_attached),
        cmocka_unit_test(a_cancel_with_a_savepoint_ends_as_canceled),
        cmocka_unit_test(a_cancel_overrides_a_stop),
        cmocka_unit_test(whoever_asked_for_a_stop_is_told_that_a_cancel_came_before_it),
        cmocka_unit_test(whoever_asked_for_a_stop_is_told_that_the_job_failed_before_it),
        cmocka_unit_test(a_cancel_of_what_has_ended_is_refused_unless_it_was_canceled),
        cmocka_unit_test(a_rescaled_job_restores_its_newest_checkpoint_at_the_new_width),
        cmocka_unit_test(a_rescale_waits_for_slots_while_the_job_runs),
        cmocka_unit_test(a_takeover_restarts_nothing_of_a_job_that_waits_for_slots),
        cmocka_unit_test(a_takeover_restarts_nothing_of_a_growth_that_was_taken_back),
        cmocka_unit_test(what_a_job_goes_on_as_is_recorded_when_its_slots_are_gone),
        cmocka_unit_test(a_rescale_does_not_wait_for_the_next_periodic_checkpoint),
        cmocka_unit_test(a_source_that_keeps_its_parallelism_is_not_rescaled),
        cmocka_unit_test(a_rescale_that_cannot_be_is_refused),
        cmocka_unit_test(while_the_plan_is_read_nobody_is_refused),
        cmocka_unit_test(a_rescale_leaves_other_regions_alone),
        cmocka_unit_test(a_takeover_during_a_scale_down_makes_the_new_width),
        cmocka_unit_test(a_rescale_that_meets_a_stop_changes_no_width),
        cmocka_unit_test(a_cancel_in_the_middle_of_a_rescale_commits_and_ends),
        cmocka_unit_test(what_fails_while_it_is_canceled_is_shown_as_canceled),
        cmocka_unit_test(a_paused_leader_confirms_nothing),
        cmocka_unit_test(slots_that_do_not_come_fail_the_job_in_time),
        cmocka_unit_test(slots_are_not_kept_from_others_for_longer_than_a_job_may_wait),
        cmocka_unit_test(slots_for_a_growth_are_not_kept_from_others_for_longer_than_a_job_may_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
