/* What a new leader finds, and what it does with it (DESIGN 4.4, H13). */
#include "jobmaster_world.h"

static struct world w;

static void two_regions(void)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, FORWARD);
    world_submit(&w);
    world_wait(&w, 2500000);
    assert_true(world_newest(&w) > 0);
}

static void one_region(void)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    world_wait(&w, 2500000);
    assert_true(world_newest(&w) > 0);
}

static void a_takeover_restarts_nothing(void **state)
{
    two_regions();
    uint64_t newest = world_newest(&w);
    world_takeover(&w);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.canceled, 0);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 4);
    assert_int_equal(world_record(&w)->epoch, 2);
    world_wait(&w, 2 * SECOND);
    assert_true(world_newest(&w) > newest);
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.epoch, 1);
    world_done(&w);
}

static void finds_splits(const char *first, const char *second)
{
    struct world_taskmanager *tm = NULL;
    struct world_attempt *reader = world_find(&w, 1, 0, &tm);
    Weir__SplitsFound *found = WEIR_PROTO_NEW(&w.arena, Weir__SplitsFound, weir__splits_found);
    found->attempt = weir_attempt_id_to(&w.arena, &reader->id);
    found->ids = WEIR_ARENA_ARRAY(&w.arena, char *, 2);
    found->ids[found->n_ids++] = weir_arena_string(&w.arena, first);
    if (second) found->ids[found->n_ids++] = weir_arena_string(&w.arena, second);
    world_message(&w, tm->node, WEIR__ENVELOPE__BODY_SPLITS_FOUND, found);
    world_run(&w);
}

static const char *asks_for_a_split(uint32_t subtask)
{
    struct world_taskmanager *tm = NULL;
    struct world_attempt *reader = world_find(&w, 1, subtask, &tm);
    Weir__RequestSplits *request = WEIR_PROTO_NEW(&w.arena, Weir__RequestSplits, weir__request_splits);
    request->attempt = weir_attempt_id_to(&w.arena, &reader->id);
    if (reader->split) {
        request->epoch = reader->split->epoch;
        request->sequence = reader->split->sequence;
    }
    world_message(&w, tm->node, WEIR__ENVELOPE__BODY_REQUEST_SPLITS, request);
    world_wait(&w, 10000);
    return reader->split ? reader->split->id : "";
}

/* While the new leader reads the plan, states of tasks change: what says so names no splits. */
static void a_reader_keeps_its_split_though_it_says_something_else_since(void **state)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0)->enumerated = true;
    world_vertex(&w, 2, 2, 1, FORWARD);
    world_submit(&w);
    world_wait(&w, 2500000);
    finds_splits("a", NULL);
    assert_string_equal(asks_for_a_split(0), "a"); /* no checkpoint holds it */
    w.says_states_again = true;
    world_takeover(&w);
    assert_int_equal(w.deployed, 0);
    finds_splits("a", "b");
    assert_string_equal(asks_for_a_split(1), "b");
    assert_string_equal(asks_for_a_split(0), "a");
    world_done(&w);
}

static void what_has_ended_shows_what_it_had_done(void **state)
{
    two_regions();
    assert_null(world_shown(&w, 1, 0)->figures);
    world_finish(&w, 1, 0);
    world_fail(&w, 1, 1, "it broke");
    w.hold_running = true;
    world_run(&w);
    for (int leader = 1; leader <= 2; leader++) {
        const Weir__SubtaskDetails *ended = world_shown(&w, 1, 0);
        assert_int_equal(ended->state, EXECUTION(FINISHED));
        assert_non_null(ended->figures);
        assert_int_equal(ended->figures->records_in, 100);
        assert_int_equal(ended->started_ms, 1000);
        assert_int_equal(ended->ended_ms, 2000);
        assert_string_equal(ended->taskmanager, "tm-1");
        assert_null(world_shown(&w, 2, 0)->figures);
        w.hold_running = false;
        if (leader == 1) world_takeover(&w);
    }
    world_wait(&w, 5 * SECOND); /* a checkpoint names it: its TaskManager has forgotten it */
    assert_true(w.forgotten > 0);
    assert_int_equal(world_shown(&w, 1, 0)->figures->records_in, 100);
    assert_string_equal(world_shown(&w, 1, 0)->taskmanager, "tm-1");
    assert_null(world_shown(&w, 1, 1)->figures); /* of its next attempt */
    assert_int_equal(world_shown(&w, 1, 1)->ended_ms, 0);
    world_done(&w);
}

/* What a checkpoint names finished is not run again when its region fails over. */
static void what_is_restored_as_finished_keeps_what_it_had_done(void **state)
{
    one_region();
    world_finish(&w, 1, 0);
    world_wait(&w, 5 * SECOND);
    world_fail(&w, 2, 0, "it broke");
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    const Weir__SubtaskDetails *ended = world_shown(&w, 1, 0);
    assert_int_equal(ended->state, EXECUTION(FINISHED));
    assert_int_equal(ended->attempt->number, 1);
    assert_non_null(ended->figures);
    assert_string_equal(ended->taskmanager, "tm-1");
    assert_int_equal(world_shown(&w, 2, 0)->attempt->number, 2);
    world_done(&w);
}

static void since_when_a_job_is_in_its_state_is_shown(void **state)
{
    one_region();
    world_shown(&w, 1, 0);
    int64_t since_ms = w.reply->jobs[0]->state_ms, changed_ms = w.reply->jobs[0]->changed_ms;
    assert_true(since_ms > 0);
    world_wait(&w, 5 * SECOND);
    world_finish(&w, 1, 0);
    world_run(&w);
    world_shown(&w, 1, 0);
    assert_int_equal(w.reply->jobs[0]->state_ms, since_ms);
    assert_true(w.reply->jobs[0]->changed_ms >= changed_ms + 5000);
    world_done(&w);
}

static void a_takeover_before_the_first_checkpoint_restarts_nothing(void **state)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    world_submit(&w);
    world_takeover(&w);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

static void only_the_region_that_lost_a_task_is_deployed_again(void **state)
{
    two_regions();
    world_find(&w, 1, 1, NULL)->there = false; /* its TaskManager reports without it */
    world_takeover(&w);
    world_wait(&w, 1);
    assert_int_equal(w.deployed, 2);
    assert_int_equal(w.canceled, 1);
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.epoch, 1);
    assert_int_equal(world_find(&w, 1, 1, NULL)->id.epoch, 2);
    assert_int_equal(world_find(&w, 2, 1, NULL)->id.epoch, 2);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

static void all_reported(void)
{
    struct weir_local_message message = { .kind = WEIR_LOCAL_ALL_REPORTED };
    world_local(&w, &message);
    world_run(&w);
}

static void subtasks_of_two_runs_are_no_region(void **state)
{
    one_region();
    world_find(&w, 2, 1, NULL)->run.counter = 77;
    world_takeover(&w);
    assert_int_equal(w.canceled, 0); /* the rest of the later one may be somewhere */
    all_reported();
    assert_int_equal(w.canceled, 4);
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void a_run_that_the_newest_checkpoint_does_not_name_is_not_attached(void **state)
{
    one_region();
    for (uint32_t v = 1; v <= 2; v++)
        for (uint32_t s = 0; s < 2; s++) world_find(&w, v, s, NULL)->run.counter = 55;
    world_takeover(&w);
    assert_int_equal(w.deployed, 0);
    all_reported();
    assert_int_equal(w.deployed, 4);
    assert_int_equal(world_find(&w, 1, 0, NULL)->run.restored_checkpoint, world_newest(&w));
    world_done(&w);
}

/* 1224027 rot: a job that was failing commits what its newest checkpoint holds. No record says that it fails:
 * under the next leader it goes on, and what was to end after that commit has read nothing more. */
static void a_run_that_was_to_commit_alone_is_not_attached(void **state)
{
    two_regions();
    for (uint32_t v = 1; v <= 2; v++)
        for (uint32_t s = 0; s < 2; s++) world_find(&w, v, s, NULL)->run.commit_only = true;
    world_takeover(&w);
    world_wait(&w, 1);
    assert_int_equal(w.deployed, 4);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_false(world_find(&w, 1, 0, NULL)->run.commit_only);
    world_done(&w);
}

static void a_restoring_task_is_not_attached(void **state)
{
    one_region();
    world_find(&w, 2, 0, NULL)->state = EXECUTION(INITIALIZING);
    world_takeover(&w);
    world_wait(&w, 1);
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void a_silent_taskmanager_is_waited_for(void **state)
{
    one_region();
    struct world_taskmanager *tm = NULL;
    world_find(&w, 1, 1, &tm);
    tm->up = false; /* no word from it, and none about it */
    world_takeover(&w);
    world_wait(&w, 9 * SECOND);
    assert_int_equal(w.state, JOB(RECONCILING));
    assert_int_equal(w.deployed, 0);
    tm->up = true;
    world_report(&w, tm);
    world_slots(&w);
    world_run(&w);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 0);
    world_done(&w);
}

static void two_vertices_alone(void)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 0, 0);
    world_submit(&w);
    world_wait(&w, 2500000);
    assert_true(world_newest(&w) > 0);
}

/* As if it had run in the slot of the other index, before somebody else's came there. */
static void move_attempt(uint32_t vertex, uint32_t from, uint32_t to)
{
    struct world_taskmanager *tm = NULL;
    world_find(&w, vertex, to, &tm);
    struct world_attempt *attempt = world_find(&w, vertex, from, NULL);
    tm->attempts[tm->attempt_count++] = *attempt;
    attempt->there = false;
}

static void is_deployed_somewhere(uint32_t vertex, uint32_t subtask)
{
    world_find(&w, vertex, subtask, NULL)->there = false;
    world_takeover(&w);
    all_reported();
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 1);
    assert_int_equal(world_find(&w, vertex, subtask, NULL)->id.epoch, 2);
    assert_int_equal(w.state, JOB(RUNNING));
}

/* 515056 store: it took the slot of its index, and another index had none. */
static void what_has_ended_takes_no_slot(void **state)
{
    two_vertices_alone();
    world_finish(&w, 1, 1);
    world_wait(&w, 3 * SECOND);
    move_attempt(1, 1, 0);
    is_deployed_somewhere(1, 0);
    world_done(&w);
}

static void two_slots_of_one_index_leave_one_for_another(void **state)
{
    two_vertices_alone();
    move_attempt(1, 1, 0);
    is_deployed_somewhere(1, 0);
    world_done(&w);
}

static void who_is_nowhere_in_sight_is_not_waited_for(void **state)
{
    one_region();
    struct world_taskmanager *tm = NULL;
    world_find(&w, 1, 1, &tm);
    tm->up = false;
    world_takeover(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.state, JOB(RECONCILING));
    all_reported();
    assert_int_equal(w.deployed, 4);
    assert_int_equal(w.state, JOB(RUNNING));
    /* It was merely out of sight: the floor in the record keeps it out, here and under any later leader. */
    assert_int_equal(world_record(&w)->n_run_floors, 1);
    uint32_t canceled = w.canceled;
    tm->up = true;
    world_report(&w, tm);
    world_wait(&w, SECOND);
    assert_int_equal(w.canceled, canceled + 2);
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void a_job_of_which_nobody_runs_a_part_is_deployed(void **state)
{
    one_region();
    for (uint32_t t = 0; t < 2; t++) w.taskmanagers[t].attempt_count = 0;
    w.taskmanagers[2].attempt_count = 0;
    world_takeover(&w);
    assert_int_equal(w.deployed, 0);
    all_reported();
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void all_that_is_reported_is_attached_all_the_same(void **state)
{
    two_regions();
    world_takeover(&w);
    all_reported();
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

/* While another one is waited for: the third has named it as a peer. */
static void who_is_lost_after_its_report_takes_its_region_along_at_once(void **state)
{
    world_init(&w, 4, 1);
    world_vertex(&w, 1, 3, 0, 0);
    world_vertex(&w, 2, 3, 1, HASH);
    world_submit(&w);
    struct world_taskmanager *silent = NULL, *lost = NULL;
    world_find(&w, 1, 2, &silent);
    world_find(&w, 1, 1, &lost);
    silent->up = false;
    world_takeover(&w);
    assert_int_equal(w.state, JOB(RECONCILING));
    world_kill(&w, (uint32_t)(lost - w.taskmanagers));
    world_run(&w);
    assert_int_equal(w.state, JOB(RESTARTING));
    world_done(&w);
}

static void past_the_timeout_it_is_not_waited_for(void **state)
{
    one_region();
    struct world_taskmanager *tm = NULL;
    world_find(&w, 1, 1, &tm);
    tm->up = false;
    world_takeover(&w);
    world_wait(&w, 11 * SECOND);
    assert_int_equal(w.deployed, 4);
    assert_int_equal(w.state, JOB(RUNNING));
    /* It comes back with what it ran: that is cancelled. */
    uint32_t canceled = w.canceled;
    tm->up = true;
    world_report(&w, tm);
    world_wait(&w, SECOND);
    assert_int_equal(w.canceled, canceled + 2);
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void a_peer_that_was_started_anew_is_no_peer(void **state)
{
    one_region();
    w.peers_are_old = 1;
    world_takeover(&w);
    world_wait(&w, 1);
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

/* One region without checkpoints; either of two TaskManagers has room for all of it. */
static struct world_taskmanager *runs_on_the_first(struct world_taskmanager **ret_second)
{
    struct world_taskmanager *first = NULL;
    world_init(&w, 2, 2);
    w.plan->settings->checkpoint_interval_ms = 0;
    world_vertex(&w, 1, 1, 0, 0);
    world_vertex(&w, 2, 1, 1, HASH);
    world_submit(&w);
    world_find(&w, 1, 0, &first);
    *ret_second = &w.taskmanagers[first == w.taskmanagers ? 1 : 0];
    return first;
}

/* A leader waited in vain, deployed anew, and died; the next one hears from the first run alone. */
static void a_run_that_was_replaced_out_of_sight_is_not_attached(void **state)
{
    struct world_taskmanager *second, *first = runs_on_the_first(&second);
    first->up = false;
    world_takeover(&w);
    world_wait(&w, 11 * SECOND);
    assert_int_equal(w.deployed, 2);
    assert_int_equal(world_record(&w)->n_run_floors, 1);
    second->up = false;
    first->up = true;
    world_takeover(&w);
    all_reported();
    world_wait(&w, SECOND);
    assert_int_equal(w.canceled, 2);
    assert_int_equal(w.deployed, 2);
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.epoch, 3);
    world_done(&w);
}

/* A TaskManager was out of reach until its tasks ran elsewhere; the next leader hears from it first. */
static void what_is_left_of_an_earlier_run_does_not_speak_for_the_later_one(void **state)
{
    struct world_taskmanager *second, *first = runs_on_the_first(&second);
    first->up = false;
    world_takeover(&w);
    world_wait(&w, 11 * SECOND);
    assert_int_equal(w.deployed, 2);
    first->up = true;
    second->up = false;
    world_takeover(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RECONCILING));
    second->up = true;
    world_report(&w, second);
    world_run(&w);
    assert_int_equal(w.canceled, 2); /* the earlier ones */
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.epoch, 2);
    world_done(&w);
}

static struct world_taskmanager *gave_up_the_first(struct world_taskmanager **ret_second)
{
    struct world_taskmanager *first = runs_on_the_first(ret_second);
    first->up = false;
    world_takeover(&w);
    world_wait(&w, 11 * SECOND);
    assert_int_equal(w.deployed, 2);
    first->up = true;
    return first;
}

/* ... and is out of reach again, before those who run its tasks now have reported. */
static void an_earlier_run_that_is_lost_again_takes_nothing_of_the_later_one_along(void **state)
{
    struct world_taskmanager *second, *first = gave_up_the_first(&second);
    second->up = false;
    world_takeover(&w);
    world_kill(&w, (uint32_t)(first - w.taskmanagers));
    world_run(&w);
    second->up = true;
    world_report(&w, second);
    world_run(&w);
    assert_int_equal(w.canceled, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.epoch, 2);
    world_done(&w);
}

/* The later run has ended in part: of that nothing is reported, for its checkpoint is enough. */
static void what_is_left_of_an_earlier_run_does_not_stand_for_what_has_ended(void **state)
{
    struct world_taskmanager *first = NULL, *later = NULL;
    world_init(&w, 2, 2);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 1, 1, HASH);
    world_submit(&w);
    world_find(&w, 1, 0, &first);
    first->up = false;
    world_takeover(&w);
    world_wait(&w, 13 * SECOND);
    world_find(&w, 2, 0, &later);
    world_finish(&w, 1, 0);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.forgotten, 1);
    first->up = true;
    later->up = false;
    world_takeover(&w);
    later->up = true;
    world_report(&w, later);
    world_run(&w);
    assert_int_equal(w.canceled, 3); /* the earlier ones */
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_shown(&w, 1, 0)->state, EXECUTION(FINISHED));
    assert_int_equal(world_shown(&w, 1, 0)->attempt->epoch, 2);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.forgotten, 4);
    world_done(&w);
}

/* All of the later run has ended, and the checkpoint that says so has made its floor needless. */
static void a_run_behind_one_that_has_ended_is_not_attached(void **state)
{
    struct world_taskmanager *first = NULL, *other = NULL, *later = NULL;
    two_regions();
    world_find(&w, 1, 0, &first);
    world_find(&w, 1, 1, &other);
    first->up = false;
    world_takeover(&w);
    world_wait(&w, 13 * SECOND);
    assert_int_equal(world_find(&w, 1, 0, &later)->id.epoch, 2);
    world_kill(&w, (uint32_t)(other - w.taskmanagers));
    world_run(&w);
    world_start_taskmanager(&w, (uint32_t)(other - w.taskmanagers));
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_record(&w)->n_run_floors, 1); /* the other region's */
    world_finish(&w, 1, 0);
    world_finish(&w, 2, 0);
    world_wait(&w, 3 * SECOND);
    first->up = true;
    later->up = false;
    world_takeover(&w);
    assert_int_equal(w.state, JOB(RECONCILING));
    later->up = true;
    world_report(&w, later);
    world_run(&w);
    assert_int_equal(w.canceled, 2);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_shown(&w, 1, 0)->state, EXECUTION(FINISHED));
    assert_int_equal(world_shown(&w, 1, 0)->attempt->epoch, 2);
    world_done(&w);
}

/* It had ended before its region went elsewhere, and where the others ran then is nothing of them any more.
 */
static void who_ended_in_an_earlier_run_does_not_know_where_the_later_one_runs(void **state)
{
    struct world_taskmanager *first = NULL, *later = NULL;
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 1, 1, HASH);
    world_submit(&w);
    world_wait(&w, 2500000);
    world_finish(&w, 1, 1);
    w.lose_forgets = true; /* it has no task but this one, and its connection has broken */
    world_wait(&w, 3 * SECOND);
    w.lose_forgets = false;
    world_find(&w, 1, 0, &first);
    world_kill(&w, (uint32_t)(first - w.taskmanagers));
    world_wait(&w, 3 * SECOND);
    world_find(&w, 1, 0, &later);
    assert_ptr_not_equal(first, later);
    world_start_taskmanager(&w, (uint32_t)(first - w.taskmanagers));
    world_wait(&w, SECOND);
    later->up = false;
    world_takeover(&w);
    assert_int_equal(w.state, JOB(RECONCILING));
    later->up = true;
    world_report(&w, later);
    world_run(&w);
    assert_int_equal(w.canceled, 0);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

/* Its vertex has been made narrower since: others are not meant. */
static void a_floor_of_a_subtask_that_is_gone_leaves_other_vertices_alone(void **state)
{
    struct world_taskmanager *tm = NULL;
    world_init(&w, 4, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 1, 0, 0);
    world_submit(&w);
    world_wait(&w, 2500000);
    world_find(&w, 1, 1, &tm);
    world_kill(&w, (uint32_t)(tm - w.taskmanagers));
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_record(&w)->n_run_floors, 1);
    Weir__RescaleJob *ask = WEIR_PROTO_NEW(&w.arena, Weir__RescaleJob, weir__rescale_job);
    Weir__ParallelismOverride *override =
        WEIR_PROTO_NEW(&w.arena, Weir__ParallelismOverride, weir__parallelism_override);
    override->vertex = 1;
    override->parallelism = 1;
    ask->overrides = &override;
    ask->n_overrides = 1;
    world_ask(&w, 1, WEIR__ENVELOPE__BODY_RESCALE, ask);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(world_shown(&w, 1, 0)->state, EXECUTION(RUNNING));
    world_takeover(&w);
    all_reported();
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.canceled, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

/* What is found running is in slots that the job is given; when it has ended there others may wait for them.
 */
static void the_slots_of_what_an_earlier_run_has_left_are_given_back(void **state)
{
    world_init(&w, 2, 1);
    world_vertex(&w, 1, 1, 0, 0);
    world_submit(&w);
    struct world_taskmanager *first = NULL, *second = NULL;
    world_find(&w, 1, 0, &first);
    world_kill(&w, (uint32_t)(first - w.taskmanagers));
    world_wait(&w, SECOND);
    world_find(&w, 1, 0, &second);
    assert_ptr_not_equal(first, second);
    w.slots_released = 0;
    first->up = w.hold_cancel = true; /* it was out of reach */
    world_report(&w, first);
    world_slots(&w);
    world_run(&w);
    assert_int_equal(w.slots_released, 0);
    for (uint32_t i = 0; i < first->attempt_count; i++)
        world_say(&w, first, &first->attempts[i], EXECUTION(CANCELED), NULL);
    world_run(&w);
    assert_int_equal(w.slots_released, 1);
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.number, 2);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

/* It was given others before all of its TaskManagers had reported. */
static void slots_that_a_job_turns_out_not_to_need_are_given_back(void **state)
{
    world_init(&w, 2, 2);
    world_vertex(&w, 1, 2, 0, 0);
    world_submit(&w);
    world_wait(&w, 2500000);
    w.slots_released = 0;
    world_takeover(&w);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.slots_wanted, 2);
    assert_true(w.slots_released >= 2); /* each time that all are given */
    world_slots(&w);
    w.slots_released = 0;
    world_run(&w);
    assert_int_equal(w.slots_released, 2);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 2);
    world_done(&w);
}

/* 1522653 stopping: what an older run left behind, all of it reported, hid a later one that nobody saw. Both
 * are void. */
static void a_run_behind_what_an_older_one_left_is_not_attached(void **state)
{
    struct world_taskmanager *second, *first = runs_on_the_first(&second);
    w.lose_forgets = true;
    world_fail(&w, 2, 0, "an error");
    world_run(&w);
    first->up = false; /* all of its run has ended, and is kept there */
    world_slots(&w);
    world_wait(&w, SECOND);
    assert_int_equal(world_find(&w, 2, 0, NULL)->id.number, 2);
    first->up = true;
    second->up = false;
    world_takeover(&w);
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 2);
    first->up = false;
    second->up = true;
    world_takeover(&w);
    all_reported();
    assert_int_equal(w.canceled, 2);
    assert_int_equal(w.deployed, 2);
    assert_int_equal(world_find(&w, 1, 0, NULL)->id.epoch, 3);
    world_done(&w);
}

static void a_region_that_has_ended_is_not_run_again(void **state)
{
    two_regions();
    world_finish(&w, 1, 0);
    world_finish(&w, 2, 0);
    world_wait(&w, 3 * SECOND); /* a checkpoint names their ends */
    world_takeover(&w);
    world_wait(&w, 3 * SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(world_count(&w, EXECUTION(FINISHED)), 2);
    world_fail(&w, 1, 1, "x");
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, 2);
    world_done(&w);
}

static void a_finished_task_of_a_region_that_fails_over_stays_finished(void **state)
{
    one_region();
    world_finish(&w, 1, 0);
    world_wait(&w, 3 * SECOND);
    uint32_t before = w.deployed;
    world_fail(&w, 2, 0, "x");
    world_wait(&w, SECOND);
    assert_int_equal(w.deployed, before + 3);
    assert_int_equal(world_count(&w, EXECUTION(FINISHED)), 1);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

static void a_cancel_that_was_answered_is_carried_on(void **state)
{
    one_region();
    w.hold_cancel = true;
    world_ask(
        &w, 1, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    w.hold_cancel = false;
    world_takeover(&w);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.result->state, JOB(CANCELED));
    assert_true(w.clean);
    world_done(&w);
}

static void a_stop_that_was_answered_is_carried_on(void **state)
{
    one_region();
    w.hold_acknowledge = true;
    Weir__StopJob *stop = WEIR_PROTO_NEW(&w.arena, Weir__StopJob, weir__stop_job);
    stop->request = (ProtobufCBinaryData){ 16, (uint8_t *)weir_arena_copy(&w.arena, "0123456789abcdef", 16) };
    world_ask(&w, 2, WEIR__ENVELOPE__BODY_STOP, stop);
    world_run(&w);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    w.hold_acknowledge = false;
    world_takeover(&w);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.result->state, JOB(FINISHED));
    world_done(&w);
}

/* What was read of the checkpoint that it went on from is gone by then. */
static void a_drain_that_fails_long_after_a_takeover_goes_back_to_the_last_checkpoint(void **state)
{
    one_region();
    world_takeover(&w);
    uint64_t newest = world_newest(&w);
    world_wait(&w, 5 * SECOND);
    assert_true(world_newest(&w) > newest + 1);
    w.hold_acknowledge = true;
    Weir__StopJob *stop = WEIR_PROTO_NEW(&w.arena, Weir__StopJob, weir__stop_job);
    stop->request = (ProtobufCBinaryData){ 16, (uint8_t *)weir_arena_copy(&w.arena, "0123456789abcdef", 16) };
    stop->directory = weir_arena_string(&w.arena, "/savepoints");
    stop->drain = true;
    world_ask(&w, 2, WEIR__ENVELOPE__BODY_STOP, stop);
    world_wait(&w, 190 * SECOND);
    w.hold_acknowledge = false;
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

static void a_recorded_end_is_cleaned_up_by_the_next_leader(void **state)
{
    one_region();
    world_ask(
        &w, 1, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    while (!w.result && w.event_count) {
        struct weir_event event = w.events[w.event_first];
        w.event_first = (w.event_first + 1) % WORLD_EVENTS;
        w.event_count--;
        world_step(&w, &event);
    }
    assert_int_equal(world_record(&w)->status, WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY);
    assert_false(w.clean);
    world_takeover(&w);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.deployed, 0);
    assert_true(w.clean);
    assert_int_equal(w.state, JOB(CANCELED));
    assert_null(world_blob(&w, "/ha/plans/p"));
    assert_int_equal(w.blob_count, 0);
    world_done(&w);
}

/* Until the record says that it is over, TaskManagers keep what has ended; the next leader lets it go. */
static void what_has_ended_is_forgotten_by_the_next_leader(void **state)
{
    one_region();
    for (uint32_t i = 0; i < 2; i++) {
        world_finish(&w, 1, i);
        world_finish(&w, 2, i);
    }
    Weir__JobRecord *record = NULL;
    for (uint32_t i = 0; i < 1000; i++) {
        record = world_record(&w);
        if (record->status == WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY) break;
        assert_true(w.event_count > 0);
        struct weir_event event = w.events[w.event_first];
        w.event_first = (w.event_first + 1) % WORLD_EVENTS;
        w.event_count--;
        world_step(&w, &event);
    }
    assert_int_equal(record->status, WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY);
    assert_true(w.forgotten < 4);
    world_takeover(&w);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.forgotten, 4);
    assert_int_equal(w.deployed, 0);
    assert_true(w.clean);
    world_done(&w);
}

static void an_older_leader_is_told_that_it_is_none(void **state)
{
    one_region();
    w.record_version += 5; /* somebody else has written */
    Weir__JobRecord *record = world_record(&w);
    record->epoch = 9;
    record->writer_incarnation = 999;
    world_encode(&w, &record->base, &w.record, &w.record_length);
    world_wait(&w, 2 * SECOND);
    assert_true(w.fenced);
    world_done(&w);
}

static void storage_that_does_not_answer_is_waited_for(void **state)
{
    one_region();
    w.blobs_fail = true;
    world_takeover(&w);
    world_wait(&w, 60 * SECOND);
    assert_int_equal(w.state, JOB(INITIALIZING));
    assert_null(w.result);
    w.blobs_fail = false;
    world_wait(&w, 20 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 0);
    world_done(&w);
}

static void a_damaged_plan_fails_its_job_and_keeps_its_checkpoints(void **state)
{
    one_region();
    struct world_blob *plan = world_blob(&w, "/ha/plans/p");
    plan->length /= 2;
    uint32_t blobs = w.blob_count;
    world_takeover(&w);
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_true(w.result->keep_checkpoints);
    assert_non_null(strstr(w.result->error, "/ha/plans/p"));
    assert_int_equal(w.canceled, 4);
    assert_true(w.clean);
    assert_int_equal(w.blob_count, blobs - 1);
    world_done(&w);
}

static void a_plan_that_is_not_there_is_looked_for_twice(void **state)
{
    one_region();
    struct world_blob plan = *world_blob(&w, "/ha/plans/p");
    world_lose_blob(&w, "/ha/plans/p");
    world_takeover(&w);
    world_wait(&w, SECOND);
    assert_null(w.result);
    w.blobs[w.blob_count++] = plan; /* it was late */
    world_wait(&w, 5 * SECOND);
    assert_null(w.result);
    assert_int_equal(w.state, JOB(RUNNING));
    world_done(&w);
}

static void a_metadata_that_is_gone_fails_its_job_alone(void **state)
{
    one_region();
    Weir__JobRecord *record = world_record(&w);
    world_lose_blob(&w, record->checkpoints[0]->pointer);
    world_takeover(&w);
    world_wait(&w, 30 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_true(w.result->keep_checkpoints);
    assert_int_equal(w.canceled, 4);
    world_done(&w);
}

/* What another job has left at "/old": read, it lets a job begin. */
static void put_origin(void)
{
    Weir__CheckpointMetadata metadata = WEIR__CHECKPOINT_METADATA__INIT;
    uint8_t job[16] = "another job     ", bytes[256];
    metadata.format = WEIR_RECORD_FORMAT;
    metadata.job = (ProtobufCBinaryData){ 16, job };
    metadata.id = 17;
    metadata.epoch = 1;
    world_put(&w, "/old/_metadata", bytes, weir__checkpoint_metadata__pack(&metadata, bytes));
}

/* Of a job that is to start from "/old" a new leader has read the plan, but not yet what is there. */
static void taken_over_while_its_origin_is_read(void)
{
    world_init(&w, 3, 1);
    world_vertex(&w, 1, 2, 0, 0);
    world_vertex(&w, 2, 2, 1, HASH);
    w.hold_slots = true;
    world_submit(&w);
    Weir__JobRecord *record = world_record(&w);
    record->restore = WEIR_PROTO_NEW(&w.arena, Weir__RestoreOrigin, weir__restore_origin);
    record->restore->path = weir_arena_string(&w.arena, "/old");
    record->restore->claim_mode = WEIR__CLAIM_MODE__NO_CLAIM;
    world_encode(&w, &record->base, &w.record, &w.record_length);
    world_takeover(&w); /* not found: it will look again */
    w.hold_slots = false;
    world_slots(&w);
    world_run(&w);
    assert_int_equal(w.state, JOB(INITIALIZING));
    assert_int_equal(w.deployed, 0);
}

static void a_job_begins_when_its_origin_is_read(void **state)
{
    taken_over_while_its_origin_is_read();
    put_origin();
    world_wait(&w, 20 * SECOND);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_int_equal(w.deployed, 4);
    world_done(&w);
}

/* Nothing is to be committed, so that it ends at once; the origin is read for its clean-up alone. */
static void a_job_canceled_while_its_origin_is_read_does_not_begin(void **state)
{
    taken_over_while_its_origin_is_read();
    world_ask(
        &w, 5, WEIR__ENVELOPE__BODY_CANCEL, WEIR_PROTO_NEW(&w.arena, Weir__CancelJob, weir__cancel_job));
    world_run(&w);
    assert_non_null(w.reply);
    assert_int_equal(w.reply->code, WEIR__REPLY_CODE__REPLY_OK);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(CANCELED));
    put_origin();
    world_wait(&w, 20 * SECOND);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(CANCELED));
    assert_true(w.clean);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_takeover_restarts_nothing),
        cmocka_unit_test(a_reader_keeps_its_split_though_it_says_something_else_since),
        cmocka_unit_test(what_has_ended_shows_what_it_had_done),
        cmocka_unit_test(what_is_restored_as_finished_keeps_what_it_had_done),
        cmocka_unit_test(since_when_a_job_is_in_its_state_is_shown),
        cmocka_unit_test(a_takeover_before_the_first_checkpoint_restarts_nothing),
        cmocka_unit_test(only_the_region_that_lost_a_task_is_deployed_again),
        cmocka_unit_test(what_has_ended_takes_no_slot),
        cmocka_unit_test(two_slots_of_one_index_leave_one_for_another),
        cmocka_unit_test(subtasks_of_two_runs_are_no_region),
        cmocka_unit_test(a_run_that_the_newest_checkpoint_does_not_name_is_not_attached),
        cmocka_unit_test(a_run_that_was_to_commit_alone_is_not_attached),
        cmocka_unit_test(a_restoring_task_is_not_attached),
        cmocka_unit_test(a_silent_taskmanager_is_waited_for),
        cmocka_unit_test(who_is_nowhere_in_sight_is_not_waited_for),
        cmocka_unit_test(a_job_of_which_nobody_runs_a_part_is_deployed),
        cmocka_unit_test(all_that_is_reported_is_attached_all_the_same),
        cmocka_unit_test(who_is_lost_after_its_report_takes_its_region_along_at_once),
        cmocka_unit_test(past_the_timeout_it_is_not_waited_for),
        cmocka_unit_test(a_peer_that_was_started_anew_is_no_peer),
        cmocka_unit_test(a_run_that_was_replaced_out_of_sight_is_not_attached),
        cmocka_unit_test(what_is_left_of_an_earlier_run_does_not_speak_for_the_later_one),
        cmocka_unit_test(an_earlier_run_that_is_lost_again_takes_nothing_of_the_later_one_along),
        cmocka_unit_test(what_is_left_of_an_earlier_run_does_not_stand_for_what_has_ended),
        cmocka_unit_test(a_run_behind_one_that_has_ended_is_not_attached),
        cmocka_unit_test(who_ended_in_an_earlier_run_does_not_know_where_the_later_one_runs),
        cmocka_unit_test(a_floor_of_a_subtask_that_is_gone_leaves_other_vertices_alone),
        cmocka_unit_test(the_slots_of_what_an_earlier_run_has_left_are_given_back),
        cmocka_unit_test(slots_that_a_job_turns_out_not_to_need_are_given_back),
        cmocka_unit_test(a_run_behind_what_an_older_one_left_is_not_attached),
        cmocka_unit_test(a_region_that_has_ended_is_not_run_again),
        cmocka_unit_test(a_finished_task_of_a_region_that_fails_over_stays_finished),
        cmocka_unit_test(a_cancel_that_was_answered_is_carried_on),
        cmocka_unit_test(a_stop_that_was_answered_is_carried_on),
        cmocka_unit_test(a_drain_that_fails_long_after_a_takeover_goes_back_to_the_last_checkpoint),
        cmocka_unit_test(a_recorded_end_is_cleaned_up_by_the_next_leader),
        cmocka_unit_test(what_has_ended_is_forgotten_by_the_next_leader),
        cmocka_unit_test(an_older_leader_is_told_that_it_is_none),
        cmocka_unit_test(storage_that_does_not_answer_is_waited_for),
        cmocka_unit_test(a_damaged_plan_fails_its_job_and_keeps_its_checkpoints),
        cmocka_unit_test(a_plan_that_is_not_there_is_looked_for_twice),
        cmocka_unit_test(a_metadata_that_is_gone_fails_its_job_alone),
        cmocka_unit_test(a_job_begins_when_its_origin_is_read),
        cmocka_unit_test(a_job_canceled_while_its_origin_is_read_does_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
