/* One thing at a time: how a subtask answers what a control plane asks of it. */
#include "small_job.h"

/* Vertices of the aggregate's job: 0 and 1 the sources, 2 the aggregate with its sink. */
static void begin(struct small_job *job, uint32_t rows_per_split, uint32_t parallelism)
{
    world_reset(rows_per_split);
    world.endless = true;
    small_begin(job, SMALL_AGGREGATE, 7);
    assert_int_equal(small_deploy(job, parallelism), WEIR_OK);
}

static void complete(struct small_job *job)
{
    small_run_until_quiet(job);
    small_write_all(job);
    assert_true(small_complete(job, true));
    small_run_until_quiet(job);
}

static uint64_t rows_read(struct small_job *job)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < job->task_count; i++)
        if (small_is_source(&job->tasks[i])) rows += job->tasks[i].subtask->metrics[0].records_out;
    return rows;
}

static uint64_t rows_arrived(struct small_job *job)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < job->task_count; i++)
        if (!small_is_source(&job->tasks[i])) rows += job->tasks[i].subtask->metrics[0].records_in;
    return rows;
}

static void everything_a_trigger_says_arrives_with_the_barrier(void **state)
{
    static struct small_job job;
    begin(&job, 40, 2);
    small_trigger(&job, false, false);
    complete(&job);
    job.epoch = 5;
    uint64_t id = small_trigger(&job, true, false);
    assert_int_equal(job.pending.base_id, 1);
    for (uint32_t i = 0; i < job.task_count; i++) small_adopt(&job, &job.tasks[i]);
    /* small_acknowledge() compares epoch, base and kind in every subtask. */
    complete(&job);
    assert_int_equal(job.completed_id, id);
    for (uint32_t i = 0; i < job.task_count; i++) {
        assert_int_equal(weir_subtask_newest_barrier(job.tasks[i].subtask).id, id);
        assert_int_equal(weir_subtask_newest_barrier(job.tasks[i].subtask).epoch, 5);
        assert_int_equal(job.tasks[i].committed, id);
        assert_int_equal(job.completed[i].epoch, 5);
    }
    small_end(&job);
}

static void what_was_aborted_before_is_never_acknowledged(void **state)
{
    static struct small_job job;
    begin(&job, 40, 2);
    uint64_t id = small_trigger(&job, false, false);
    for (uint32_t i = 0; i < job.task_count; i++) weir_subtask_abort(job.tasks[i].subtask, id);
    small_run_until_quiet(&job);
    assert_int_equal(job.queue_count, 0);
    assert_int_equal(job.declines[WEIR_DECLINE_ABORTED], job.task_count);
    small_trigger(&job, false, false);
    complete(&job); /* and the next one is as any */
    small_end(&job);
}

/* Only the first source takes part: the others are held back, until it is given up. */
static void a_stuck_alignment_lets_go_when_it_is_aborted(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    struct small_task *one = small_task_at(&job, 0, 0), *sum = small_task_at(&job, 2, 0);
    struct weir_checkpoint_trigger trigger = { .id = job.next_id++, .epoch = 1 };
    job.triggers[trigger.id] = trigger;
    weir_subtask_trigger(one->subtask, &trigger);
    small_run_until_quiet(&job);
    assert_int_equal(weir_subtask_newest_barrier(sum->subtask).id, trigger.id);
    assert_true(rows_arrived(&job) < rows_read(&job));
    weir_subtask_abort(sum->subtask, trigger.id);
    small_run_until_quiet(&job);
    assert_int_equal(rows_arrived(&job), rows_read(&job));
    assert_true(small_has_declined(sum, trigger.id));
    /* The other source's barrier of it comes later and changes nothing. */
    weir_subtask_trigger(small_task_at(&job, 1, 0)->subtask, &trigger);
    small_run_until_quiet(&job);
    assert_int_equal(job.queue_count, 2);
    for (uint32_t i = 0; i < job.queue_count; i++) assert_ptr_not_equal(job.queue[i].task, sum);
    assert_int_equal(sum->declined_count, 1);
    small_end(&job);
}

/* The kinds of elements in a channel, as letters. */
static const char *elements(struct weir_channel *channel, char *text)
{
    static const char letters[] = "rwibce";
    uint32_t head = atomic_load(&channel->head), tail = atomic_load(&channel->tail), n = 0;
    for (; tail + n != head; n++)
        text[n] = letters[channel->elements[(tail + n) % WEIR_CHANNEL_ELEMENTS].kind];
    text[n] = 0;
    return text;
}

static void a_cancel_marker_goes_before_the_rows_that_follow(void **state)
{
    static struct small_job job;
    char text[64];
    begin(&job, 400, 1);
    struct small_task *one = small_task_at(&job, 0, 0);
    struct weir_channel *out = one->subtask->output.edges[0].channels[0];
    struct weir_checkpoint_trigger trigger = { .id = job.next_id++, .epoch = 1 };
    job.triggers[trigger.id] = trigger;
    weir_subtask_trigger(one->subtask, &trigger);
    while (job.queue_count == 0) small_run(&job, one);
    assert_string_equal(elements(out, text), "b");
    /* Acknowledged, but not written: it can be given up. */
    weir_subtask_abort(one->subtask, trigger.id);
    for (int i = 0; i < 100; i++) small_run(&job, one);
    assert_true(strncmp(elements(out, text), "bcr", 3) == 0);
    assert_true(small_has_declined(one, trigger.id));
    /* Given up before its barrier was sent: the marker alone. */
    struct small_task *two = small_task_at(&job, 1, 0);
    out = two->subtask->output.edges[0].channels[0];
    weir_subtask_abort(two->subtask, trigger.id);
    weir_subtask_trigger(two->subtask, &trigger);
    for (int i = 0; i < 100; i++) small_run(&job, two);
    assert_true(strncmp(elements(out, text), "cr", 2) == 0);
    assert_null(strchr(text, 'b'));
    small_end(&job);
}

static void an_adopted_epoch_gives_up_what_is_older(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    struct small_task *one = small_task_at(&job, 0, 0), *two = small_task_at(&job, 1, 0),
                      *sum = small_task_at(&job, 2, 0);
    struct weir_checkpoint_trigger trigger = { .id = job.next_id++, .epoch = 1 };
    job.triggers[trigger.id] = trigger;
    weir_subtask_trigger(one->subtask, &trigger);
    small_run_until_quiet(&job);
    assert_int_equal(job.queue_count, 1);
    for (uint32_t i = 0; i < job.task_count; i++) weir_subtask_adopt_epoch(job.tasks[i].subtask, 2);
    small_run_until_quiet(&job);
    assert_true(small_has_declined(one, trigger.id)); /* not written yet */
    assert_true(small_has_declined(sum, trigger.id)); /* under alignment */
    assert_int_equal(job.declines[WEIR_DECLINE_EPOCH], 2);
    assert_int_equal(rows_arrived(&job), rows_read(&job));
    /* What the old leader had sent to the other source is too late. */
    weir_subtask_trigger(two->subtask, &trigger);
    small_run_until_quiet(&job);
    assert_true(small_has_declined(two, trigger.id));
    assert_int_equal(job.queue_count, 1);
    job.epoch = 2;
    for (uint32_t i = 0; i < job.task_count; i++) job.tasks[i].epoch_ordered = 2;
    small_trigger(&job, false, false);
    complete(&job);
    small_end(&job);
}

static void a_written_snapshot_is_not_given_up(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    small_trigger(&job, false, false);
    complete(&job);
    for (uint32_t i = 0; i < job.task_count; i++) {
        weir_subtask_abort(job.tasks[i].subtask, 1);
        weir_subtask_adopt_epoch(job.tasks[i].subtask, 9);
    }
    small_run_until_quiet(&job);
    for (uint32_t i = 0; i < job.task_count; i++) assert_int_equal(job.tasks[i].declined_count, 0);
    small_end(&job);
}

/* A TaskManager that has not heard of the new leader aligns its barriers all the same. */
static void a_newer_epoch_counts_before_it_is_adopted(void **state)
{
    static struct small_job job;
    begin(&job, 40, 2);
    job.epoch = 2;
    uint64_t id = small_trigger(&job, false, false); /* the sources adopt, the others do not */
    small_run_until_quiet(&job);
    assert_int_equal(job.queue_count, job.task_count);
    for (uint32_t i = 0; i < job.queue_count; i++) {
        assert_int_equal(job.queue[i].snapshot->epoch, 2);
        assert_int_equal(job.queue[i].snapshot->checkpoint_id, id);
    }
    small_write_all(&job); /* the others' are kept back */
    assert_false(small_complete(&job, true));
    for (uint32_t i = 0; i < job.task_count; i++) small_adopt(&job, &job.tasks[i]);
    small_run_until_quiet(&job); /* adopting it gives nothing up */
    complete(&job);
    for (uint32_t i = 0; i < job.task_count; i++) assert_int_equal(job.tasks[i].declined_count, 0);
    small_end(&job);
}

static void a_suspended_source_emits_nothing_until_it_is_resumed(void **state)
{
    static struct small_job job;
    begin(&job, 4000, 1);
    uint64_t id = small_trigger(&job, true, true);
    complete(&job);
    uint64_t rows = rows_read(&job);
    assert_true(rows < 1000);
    small_run_until_quiet(&job);
    assert_int_equal(rows_read(&job), rows);
    /* Another try of the stop goes through it. */
    id = small_trigger(&job, true, true);
    complete(&job);
    assert_int_equal(rows_read(&job), rows);
    for (uint32_t i = 0; i < job.task_count; i++) weir_subtask_resume(job.tasks[i].subtask, id - 1);
    small_run_until_quiet(&job);
    assert_int_equal(rows_read(&job), rows); /* the first try's failure does not end the second */
    for (uint32_t i = 0; i < job.task_count; i++) weir_subtask_resume(job.tasks[i].subtask, id);
    small_run_until_quiet(&job);
    assert_true(rows_read(&job) > rows);
    small_end(&job);
}

static void a_stop_that_was_given_up_suspends_nothing(void **state)
{
    static struct small_job job;
    begin(&job, 4000, 1);
    uint64_t id = small_trigger(&job, true, true);
    for (uint32_t i = 0; i < job.task_count; i++) weir_subtask_abort(job.tasks[i].subtask, id);
    small_run_until_quiet(&job);
    assert_int_equal(rows_arrived(&job), rows_read(&job));
    assert_true(rows_read(&job) > 10000);
    small_end(&job);
}

static void a_drained_job_ends_with_all_that_it_has_read(void **state)
{
    static struct small_job job;
    begin(&job, 4000, 2);
    for (int i = 0; i < 300; i++) small_run_any(&job);
    /* Suspended by a stop without drain: a drain ends it all the same. */
    uint64_t id = small_trigger(&job, false, true);
    complete(&job);
    uint64_t rows = rows_read(&job);
    for (uint32_t i = 0; i < job.task_count; i++) weir_subtask_drain(job.tasks[i].subtask);
    small_run_until_quiet(&job);
    small_write_all(&job);
    assert_true(small_all_finished(&job));
    assert_true(small_finish(&job));
    assert_true(job.completed_id > id);
    assert_int_equal(rows_read(&job), rows);
    assert_int_equal(rows_arrived(&job), rows);
    small_check_order();
    uint64_t counted = 0;
    char *fold = small_fold(), *rest = NULL;
    for (char *line = strtok_r(fold, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        long long net, key, count;
        assert_int_equal(sscanf(line, "%lld %lld %lld", &net, &key, &count), 3);
        counted += (uint64_t)count;
    }
    free(fold);
    assert_int_equal(counted, rows);
    small_end(&job);
}

static void slow_writing_holds_no_row_back(void **state)
{
    static struct small_job job;
    begin(&job, 4000, 1);
    for (int i = 0; i < 6; i++) {
        small_trigger(&job, false, false);
        for (int k = 0; k < 60; k++) small_run_any(&job);
    }
    small_run_until_quiet(&job);
    assert_int_equal(job.declines[WEIR_DECLINE_NOT_READY] > 0, true);
    for (uint32_t i = 0; i < job.task_count; i++)
        assert_true(job.tasks[i].subtask->in_flight_count <= WEIR_SUBTASK_SNAPSHOTS_MAX);
    assert_int_equal(rows_arrived(&job), rows_read(&job));
    small_write_all(&job);
    small_run_until_quiet(&job);
    small_trigger(&job, false, false);
    complete(&job);
    small_end(&job);
}

/* The newer one is written first; the older one is of no use then, and hurts nobody. */
static void two_checkpoints_may_be_under_way(void **state)
{
    static struct small_job job;
    begin(&job, 200, 2);
    small_run_until_quiet(&job);
    uint64_t first = small_trigger(&job, false, false);
    small_run_until_quiet(&job);
    uint64_t second = small_trigger(&job, false, false);
    small_run_until_quiet(&job);
    assert_int_equal(job.queue_count, 2 * job.task_count);
    for (uint32_t i = 0; i < job.task_count; i++) assert_int_equal(job.tasks[i].subtask->in_flight_count, 2);
    for (uint64_t id = second; id >= first; id--) {
        for (uint32_t i = job.queue_count; i > 0; i--) {
            if (job.queue[i - 1].snapshot->checkpoint_id != id) continue;
            struct small_acknowledgement a = job.queue[i - 1];
            job.queue[i - 1] = job.queue[--job.queue_count];
            small_write(&job, &a);
        }
        if (id == second) assert_true(small_complete(&job, true));
        small_run_until_quiet(&job);
    }
    assert_int_equal(job.queue_count, 0);
    for (uint32_t i = 0; i < job.task_count; i++) {
        assert_int_equal(job.tasks[i].subtask->in_flight_count, 0);
        assert_int_equal(job.tasks[i].committed, second);
    }
    assert_int_equal(small_fail_over(&job, 3), WEIR_OK);
    world.endless = false;
    small_run_until_quiet(&job);
    small_write_all(&job);
    assert_true(small_all_finished(&job) && small_finish(&job));
    small_check_order();
    small_end(&job);
}

static void checkpoints_take_no_memory_for_good(void **state)
{
    static struct small_job job;
    char *cursors[SMALL_TASKS_MAX];
    begin(&job, 40, 1);
    for (int i = 0; i < 100; i++) {
        small_trigger(&job, i % 3 == 0, false);
        complete(&job);
        for (uint32_t t = 0; t < job.task_count; t++) {
            if (i < 10) cursors[t] = job.tasks[t].subtask->arena.cursor;
            assert_ptr_equal(job.tasks[t].subtask->arena.cursor, cursors[t]);
        }
    }
    small_end(&job);
}

static void a_commit_is_answered_each_time_it_is_told(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    struct small_task *sum = small_task_at(&job, 2, 0);
    small_run_until_quiet(&job);
    uint64_t id = small_trigger(&job, false, false);
    complete(&job);
    size_t length = world.length;
    assert_true(length > 0);
    sum->committed = 0;
    weir_subtask_notify_complete(sum->subtask, id);
    small_run_until_quiet(&job);
    assert_int_equal(sum->committed, id);
    assert_int_equal(world.length, length);
    small_end(&job);
}

static void a_commit_that_fails_fails_the_subtask(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    struct small_task *sum = small_task_at(&job, 2, 0);
    small_run_until_quiet(&job);
    small_trigger(&job, false, false);
    small_run_until_quiet(&job);
    small_write_all(&job);
    world.commits_failing = 1;
    assert_true(small_complete(&job, true));
    assert_false(small_run(&job, sum));
    assert_non_null(strstr(job.error.message, "the ledger is not there"));
    assert_int_equal(sum->committed, 0);
    /* The record names it: the next attempt commits it. */
    assert_int_equal(world.length, 0);
    assert_int_equal(small_fail_over(&job, 1), WEIR_OK);
    assert_true(world.length > 0);
    small_end(&job);
}

static void an_id_that_is_not_newer_is_no_trigger(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    struct small_task *one = small_task_at(&job, 0, 0);
    struct weir_checkpoint_trigger trigger = { .id = 5, .epoch = 1 };
    job.triggers[5] = trigger;
    weir_subtask_trigger(one->subtask, &trigger);
    small_run_until_quiet(&job);
    weir_subtask_trigger(one->subtask, &trigger); /* a message that came twice */
    trigger.id = 4;
    weir_subtask_trigger(one->subtask, &trigger);
    small_run_until_quiet(&job);
    assert_int_equal(job.queue_count, 1);
    assert_int_equal(job.queue[0].snapshot->checkpoint_id, 5);
    small_end(&job);
}

/* The first source ends, the second goes on. */
static void half_ended(struct small_job *job, uint32_t parallelism)
{
    begin(job, 40, parallelism);
    small_run_until_quiet(job);
    for (uint32_t i = 0; i < job->task_count; i++)
        if (job->tasks[i].vertex == &job->graph->vertices[0]) weir_subtask_drain(job->tasks[i].subtask);
    small_run_until_quiet(job);
    small_write_all(job);
}

static void an_ended_subtask_lets_the_barriers_of_others_pass(void **state)
{
    static struct small_job job;
    half_ended(&job, 2);
    for (int i = 0; i < 3; i++) {
        small_trigger(&job, false, false);
        complete(&job);
    }
    uint32_t finished = 0;
    for (uint32_t i = 0; i < job.completed_count; i++) {
        finished += job.completed[i].finished;
        assert_int_equal(job.completed[i].finished, job.completed[i].vertex_id == job.graph->vertices[0].id);
    }
    assert_int_equal(finished, 2);
    small_end(&job);
}

/* One of several subtasks has ended: what each was restores, as many as there are then. */
static void partly_finished_vertices_are_restored(uint32_t parallelism)
{
    static struct small_job job;
    begin(&job, 40, 3);
    for (int i = 0; i < 200; i++) small_run_any(&job);
    weir_subtask_drain(small_task_at(&job, 0, 1)->subtask);
    small_run_until_quiet(&job);
    small_write_all(&job);
    uint64_t rows = rows_read(&job);
    small_trigger(&job, false, false);
    complete(&job);
    assert_true(job.completed[1].finished);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(small_fail_over(&job, parallelism), WEIR_OK);
        small_run_until_quiet(&job);
        small_write_all(&job);
        struct small_task *ended = parallelism == 3 ? small_task_at(&job, 0, 1) : NULL;
        if (ended) assert_true(ended->finished && ended->ended);
        assert_int_equal(rows_read(&job), 0); /* all was read before */
        small_trigger(&job, false, false);
        complete(&job);
    }
    assert_true(rows > 0);
    small_check_order();
    world.endless = false;
    small_run_until_quiet(&job);
    small_write_all(&job);
    assert_true(small_all_finished(&job) && small_finish(&job));
    small_end(&job);
}

static void a_finished_subtask_is_restored_as_finished(void **state)
{
    partly_finished_vertices_are_restored(3);
}
static void a_finished_subtask_goes_into_fewer(void **state)
{
    partly_finished_vertices_are_restored(2);
}
static void a_finished_subtask_goes_into_more(void **state)
{
    partly_finished_vertices_are_restored(5);
}

/* Final snapshots whose commits nobody was told of. */
static void what_ended_subtasks_had_prepared_is_committed_after_a_restore(void **state)
{
    static struct small_job job;
    begin(&job, 40, 2);
    world.endless = false;
    small_run_until_quiet(&job);
    small_write_all(&job);
    assert_true(small_all_finished(&job));
    assert_int_equal(world.length, 0);
    small_trigger(&job, false, false);
    uint64_t id = job.pending.id;
    world.commits_failing = 1;
    assert_true(small_complete(&job, true));
    assert_int_equal(job.completed_id, id);
    assert_int_equal(small_fail_over(&job, 2), WEIR_E_IO);
    assert_int_equal(small_fail_over(&job, 2), WEIR_OK);
    assert_true(world.length > 0);
    small_check_order();
    char *before = small_fold();
    small_run_until_quiet(&job); /* they end again, and have nothing to say */
    small_write_all(&job);
    assert_true(small_all_finished(&job) && small_finish(&job));
    char *after = small_fold();
    assert_string_equal(before, after);
    free(before);
    free(after);
    small_end(&job);
}

static void a_canceled_subtask_stops_and_commits_nothing(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    small_run_until_quiet(&job);
    small_trigger(&job, false, true);
    small_run_until_quiet(&job);
    small_write_all(&job);
    for (uint32_t i = 0; i < job.task_count; i++) {
        int64_t wake_ms;
        weir_subtask_cancel(job.tasks[i].subtask);
        weir_subtask_notify_complete(job.tasks[i].subtask, job.pending.id);
        assert_int_equal(weir_subtask_run_once(job.tasks[i].subtask, &wake_ms), WEIR_SUBTASK_CANCELED);
    }
    assert_int_equal(world.length, 0);
    small_end(&job);
}

static uint32_t answers;

static void count_answer(
    void *owner, struct weir_subtask *subtask, const char *const *ids, uint32_t count, bool all)
{
    answers++;
}

/* A JobManager asks every few seconds, and back-pressure may last for hours. */
static void who_had_no_turn_answers_once_what_there_is(void **state)
{
    static struct small_job job;
    begin(&job, 40, 1);
    struct weir_subtask *one = small_task_at(&job, 0, 0)->subtask;
    one->source_ctx.enumerated = true;
    one->config.splits_found = count_answer;
    for (int i = 0; i < 1000; i++) weir_subtask_discover_splits(one);
    small_run_until_quiet(&job);
    assert_int_equal(answers, 1);
    weir_subtask_discover_splits(one);
    small_run_until_quiet(&job);
    assert_int_equal(answers, 2);
    small_end(&job);
}

static int reset(void **state)
{
    world_reset(0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_a_trigger_says_arrives_with_the_barrier),
        cmocka_unit_test(what_was_aborted_before_is_never_acknowledged),
        cmocka_unit_test(a_stuck_alignment_lets_go_when_it_is_aborted),
        cmocka_unit_test(a_cancel_marker_goes_before_the_rows_that_follow),
        cmocka_unit_test(an_adopted_epoch_gives_up_what_is_older),
        cmocka_unit_test(a_written_snapshot_is_not_given_up),
        cmocka_unit_test(a_newer_epoch_counts_before_it_is_adopted),
        cmocka_unit_test(a_suspended_source_emits_nothing_until_it_is_resumed),
        cmocka_unit_test(a_stop_that_was_given_up_suspends_nothing),
        cmocka_unit_test(a_drained_job_ends_with_all_that_it_has_read),
        cmocka_unit_test(slow_writing_holds_no_row_back),
        cmocka_unit_test(two_checkpoints_may_be_under_way),
        cmocka_unit_test(checkpoints_take_no_memory_for_good),
        cmocka_unit_test(a_commit_is_answered_each_time_it_is_told),
        cmocka_unit_test(a_commit_that_fails_fails_the_subtask),
        cmocka_unit_test(an_id_that_is_not_newer_is_no_trigger),
        cmocka_unit_test(an_ended_subtask_lets_the_barriers_of_others_pass),
        cmocka_unit_test(a_finished_subtask_is_restored_as_finished),
        cmocka_unit_test(a_finished_subtask_goes_into_fewer),
        cmocka_unit_test(a_finished_subtask_goes_into_more),
        cmocka_unit_test(what_ended_subtasks_had_prepared_is_committed_after_a_restore),
        cmocka_unit_test(a_canceled_subtask_stops_and_commits_nothing),
        cmocka_unit_test(who_had_no_turn_answers_once_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, reset);
}
