/* What ends a checkpoint early, what counts as a failure, how often and how many are triggered. */
#include "checkpoint_world.h"

static struct world world;

static int setup(void **state)
{
    world_init(&world);
    *state = &world;
    return 0;
}
static int teardown(void **state)
{
    world_done(&world);
    return 0;
}

static struct weir_checkpoint_statistics statistics(struct world *w)
{
    struct weir_checkpoint_statistics ret;
    weir_checkpoint_statistics(w->c, &ret);
    return ret;
}

static uint64_t triggered(struct world *w)
{
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
    return sent ? sent->envelope->trigger->checkpoint : 0;
}

static uint64_t next_triggered(struct world *w)
{
    w->seen = w->sent_count;
    for (uint32_t i = 0; i < 300; i++) {
        uint64_t id = triggered(w);
        if (id) return id;
        world_advance(w, SECOND / 10);
    }
    return 0;
}

static void more_failures_in_a_row_than_tolerated_fail_the_job(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_tolerable_failures = 2;
    world_start(w);
    for (uint32_t i = 0; i < 2; i++)
        world_decline(w, 3, next_triggered(w), WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
    assert_int_equal(w->failures, 0);
    world_checkpoint(w); /* breaks the row */
    for (uint32_t i = 0; i < 2; i++)
        world_decline(w, 3, next_triggered(w), WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
    assert_int_equal(w->failures, 0);
    world_decline(w, 3, next_triggered(w), WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
    assert_int_equal(w->failures, 1);
    assert_non_null(strstr(w->reason, "tolerable"));
    assert_int_equal(statistics(w).failed, 5);
}

static void silence_takeover_failover_and_outage_do_not_count(void **state)
{
    struct world *w = *state;
    static const Weir__DeclineReason reasons[] = { WEIR__DECLINE_REASON__DECLINE_LEADER_SILENT,
        WEIR__DECLINE_REASON__DECLINE_CANCEL_MARKER, WEIR__DECLINE_REASON__DECLINE_EPOCH,
        WEIR__DECLINE_REASON__DECLINE_NOT_READY, WEIR__DECLINE_REASON__DECLINE_SUPERSEDED };
    world_start(w);
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(reasons); i++) {
        uint64_t id = next_triggered(w);
        assert_int_not_equal(id, 0);
        world_decline(w, i % 4, id, reasons[i]);
    }
    assert_int_not_equal(next_triggered(w), 0);
    weir_record_suspend(&w->record);
    weir_checkpoint_suspend(w->c, &w->effects);
    carry_out(w);
    assert_int_equal(statistics(w).in_progress, 0);
    assert_int_equal(next_triggered(w), 0); /* half a minute long */
    weir_record_resume(&w->record, w->now_us, &w->effects);
    weir_checkpoint_resume(w->c, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    assert_int_not_equal(triggered(w), 0); /* overdue */
    world_takeover(w);
    assert_int_equal(w->failures, 0);
    assert_int_equal(statistics(w).failed, 0);
}

static void a_declined_checkpoint_is_aborted_everywhere(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    world_acknowledge(w, 0, id);
    const char *file = own_file(w, 0, id);
    assert_true(world_has(w, file));
    w->seen = w->sent_count;
    world_decline(w, 3, id, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ABORT);
    assert_non_null(sent);
    assert_int_equal(sent->envelope->abort->checkpoint, id);
    assert_int_equal(sent->envelope->abort->n_attempts, 2);
    assert_false(sent->envelope->abort->resume);
    assert_non_null(world_next(w, WEIR__ENVELOPE__BODY_ABORT));
    for (uint32_t i = 1; i < 4; i++) world_acknowledge(w, i, id);
    assert_int_equal(newest_named(w), 0);
    world_advance(w, 70 * SECOND);
    assert_false(world_has(w, file)); /* swept */
}

static void what_is_written_late_for_an_aborted_one_goes(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_interval_ms = 0;
    world_start(w);
    world_advance(w, 200 * SECOND);
    w->settings->checkpoint_interval_ms = 1000;
    world_takeover(w);
    uint64_t id = next_triggered(w);
    world_decline(w, 3, id, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
    world_acknowledge(w, 0, id);
    assert_false(world_has(w, own_file(w, 0, id)));
}

static void a_checkpoint_expires(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    for (uint32_t i = 0; i < 3; i++) world_acknowledge(w, i, id);
    world_advance(w, 11 * SECOND);
    assert_int_equal(w->failures, 1);
    world_acknowledge(w, 3, id);
    assert_int_equal(newest_named(w), 0);
    struct weir_checkpoint_history_entry history[4];
    assert_true(weir_checkpoint_history(w->c, history, 4) >= 1);
    bool found = false;
    for (uint32_t i = 0; i < weir_checkpoint_history(w->c, history, 4); i++)
        found |= history[i].id == id && history[i].outcome == WEIR_CHECKPOINT_FAILED &&
                 history[i].acknowledged == 3;
    assert_true(found);
}

static void metadata_that_cannot_be_written_is_told_once_and_at_the_end(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    w->warning_count = 0;
    w->blobs_fail = true;
    world_acknowledge_all(w, id);
    assert_int_equal(w->warning_count, 1);
    assert_non_null(strstr(w->warning, "cannot be written"));
    assert_non_null(strstr(w->warning, "the storage does not answer"));
    world_advance(w, 3 * SECOND);
    assert_int_equal(w->warning_count, 1);
    world_advance(w, 8 * SECOND);
    assert_int_equal(w->failures, 1);
    assert_int_equal(newest_named(w), 0);
    struct weir_checkpoint_history_entry history[4];
    const char *why = "";
    for (uint32_t i = 0; i < weir_checkpoint_history(w->c, history, 4); i++)
        if (history[i].id == id) why = history[i].text;
    assert_string_equal(
        why, "expired before completing: its metadata could not be written: the storage does not answer");
}

static void a_subtask_that_ends_has_the_checkpoint_tried_again_at_once(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_interval_ms = 60 * 1000;
    world_start(w);
    world_advance(w, 60 * SECOND);
    uint64_t id = triggered(w);
    world_acknowledge(w, 1, id);
    world_acknowledge(w, 2, id);
    world_acknowledge(w, 3, id);
    world_finish(w, 0);
    w->seen = w->sent_count;
    world_tasks(w);
    assert_int_equal(newest_named(w), 0);
    uint64_t again = triggered(w);
    assert_true(again > id);
    world_acknowledge_all(w, again);
    assert_int_equal(newest_named(w), again);
    const char *failed;
    const Weir__CheckpointMetadata *metadata = weir_checkpoint_newest(w->c, &failed);
    assert_true(metadata->vertices[0]->subtasks[0]->finished);
    assert_false(metadata->vertices[0]->subtasks[1]->finished);
    assert_int_equal(metadata->vertices[0]->subtasks[0]->checkpoint, again);
    assert_int_equal(statistics(w).failed, 0);
}

static void a_pause_lies_between_checkpoints(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_min_pause_ms = 5000;
    world_start(w);
    uint64_t id = next_triggered(w);
    world_advance(w, 3 * SECOND);
    world_acknowledge_all(w, id);
    assert_int_equal(newest_named(w), id);
    w->seen = w->sent_count;
    world_advance(w, 4900 * 1000);
    assert_int_equal(triggered(w), 0);
    w->seen = w->sent_count;
    world_advance(w, 200 * 1000);
    assert_int_equal(triggered(w), id + 1);
}

static void as_many_as_configured_are_in_flight(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_max_concurrent = 2;
    world_start(w);
    world_advance(w, 5 * SECOND);
    assert_int_equal(statistics(w).in_progress, 2);
    w->seen = 0;
    uint64_t first = triggered(w);
    world_acknowledge_all(w, first + 1); /* the newer one is done first: the older one is of no use */
    assert_int_equal(newest_named(w), first + 1);
    world_acknowledge_all(w, first);
    assert_int_equal(newest_named(w), first + 1);
    assert_int_equal(statistics(w).failed, 0);
}

static void a_base_of_one_in_flight_is_not_deleted(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_max_concurrent = 2;
    world_start(w);
    uint64_t base = next_triggered(w);
    world_acknowledge_all(w, base);
    const char *of_base = own_file(w, 0, base);
    uint64_t first = next_triggered(w), second = next_triggered(w);
    assert_true(second > first);
    for (uint32_t i = 1; i < 3; i++) world_acknowledge(w, i, second);
    world_acknowledge_all(w, first); /* subsumes the base */
    assert_int_equal(newest_named(w), first);
    assert_int_equal(world_record(w)->n_checkpoints, 1);
    world_advance(w, 100 * 1000);
    assert_true(world_has(w, of_base));
    world_acknowledge_with(w, 0, second, 1, world_snapshot(w, 0, own_file(w, 0, second), of_base));
    world_acknowledge(w, 3, second);
    assert_int_equal(newest_named(w), second);
    assert_true(world_has(w, of_base)); /* reached */
    assert_false(world_has(w, own_file(w, 1, base)));
    assert_false(world_has(w, world_file(w, base, "_metadata")));
}

static void the_retained_count_is_kept(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_retained = 3;
    world_start(w);
    for (uint32_t i = 0; i < 5; i++) world_checkpoint(w);
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_checkpoints, 3);
    assert_int_equal(record->checkpoints[0]->id, 3);
    assert_int_equal(record->checkpoints[2]->id, 5);
    assert_false(world_has(w, world_file(w, 2, "_metadata")));
    assert_true(world_has(w, world_file(w, 3, "_metadata")));
}

static void metadata_of_another_is_not_taken_for_ours(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    world_put(w, world_file(w, id, "_metadata"), "somebody", 8);
    world_acknowledge_all(w, id);
    assert_int_equal(newest_named(w), 0);
    assert_int_equal(w->failures, 1);
}

static void a_write_of_metadata_that_was_not_heard_of_is_found_again(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    w->blobs_held = true;
    world_acknowledge_all(w, id);
    assert_int_equal(w->held_count, 1);
    struct request put = w->held[0];
    w->held_count = 0;
    world_put(w, put.blob.path, put.blob.bytes, put.blob.length); /* applied, the answer is an error */
    w->blobs_held = false;
    w->blobs_fail = true;
    blob_carry_out(w, put.tag, &put.blob);
    carry_out(w);
    w->blobs_fail = false;
    assert_int_equal(newest_named(w), 0);
    world_advance(w, SECOND);
    assert_int_equal(newest_named(w), id);
}

static void a_new_epoch_of_the_same_leader_ends_what_is_in_flight(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    for (uint32_t i = 0; i < 3; i++) world_acknowledge(w, i, id);
    w->identity.epoch = 9;
    weir_record_epoch(&w->record, 9, 2, w->now_us, &w->effects);
    carry_out(w);
    world_acknowledge_with(w, 3, id, 1, world_snapshot(w, 3, own_file(w, 3, id), NULL));
    assert_int_equal(newest_named(w), 0);
    uint64_t again = next_triggered(w);
    world_acknowledge_all(w, again);
    assert_int_equal(newest_named(w), again);
    assert_int_equal(world_record(w)->checkpoints[0]->epoch, 9);
}

static void a_change_that_is_not_on_its_way_is_taken_back_when_a_subtask_fails(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    w->store_away = true; /* the write fails for certain, and is tried again later */
    world_acknowledge_all(w, id);
    assert_int_equal(newest_named(w), 0);
    w->tasks[3].running = false;
    w->all_running = false;
    world_tasks(w);
    w->store_away = false;
    struct weir_event event = {
        .kind = WEIR_EVENT_TIMER, .now_us = w->now_us + SECOND, .tag = w->record.tag
    };
    weir_record_on_event(&w->record, &event, &w->effects);
    carry_out(w);
    assert_true(weir_record_is_confirmed(&w->record, w->record.change));
    assert_int_equal(newest_named(w), 0);
}

static void nothing_is_triggered_while_the_job_is_paused(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    weir_checkpoint_pause(w->c, &w->effects);
    carry_out(w);
    assert_int_equal(statistics(w).in_progress, 0);
    world_acknowledge_all(w, id);
    assert_int_equal(next_triggered(w), 0);
    world_tasks(w);
    assert_int_not_equal(next_triggered(w), 0);
}

static void what_a_broken_connection_has_swallowed_is_tried_anew(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = next_triggered(w);
    for (uint32_t i = 0; i < 3; i++) world_acknowledge(w, i, id);
    weir_checkpoint_connected(w->c, 1, w->now_us, w->wall_us, &w->effects); /* all of it is there */
    carry_out(w);
    assert_int_equal(statistics(w).in_progress, 1);
    w->seen = w->sent_count;
    weir_checkpoint_connected(w->c, 2, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    world_advance(w, SECOND / 2);
    uint64_t again = triggered(w);
    assert_true(again > id);
    assert_int_equal(statistics(w).failed, 0);
    world_acknowledge_all(w, again);
    assert_int_equal(newest_named(w), again);
}

/* More TaskManagers than a step has room for: the rest goes with the next ones, in order. */
static void a_thousand_taskmanagers_are_told_in_several_steps(void **state)
{
    enum { COUNT = 5000 };
    struct world *w = *state;
    struct weir_checkpoint_task *tasks = WEIR_ARENA_ARRAY(&w->arena, struct weir_checkpoint_task, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        tasks[i] = w->tasks[0];
        tasks[i].attempt.subtask = i;
        tasks[i].node = i + 1;
    }
    world_start(w);
    weir_checkpoint_tasks_changed(w->c, tasks, COUNT, true, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    w->now_us += SECOND;
    timer_fire(w);
    assert_true(w->sent_count > 0 && w->sent_count < COUNT);
    uint32_t steps = 1;
    for (; w->timer_us <= w->now_us && steps < 100; steps++) timer_fire(w);
    assert_int_equal(w->sent_count, COUNT);
    assert_true(steps >= 3);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(w->sent[i].node, i + 1);
        assert_int_equal(w->sent[i].envelope->trigger->attempts[0]->subtask, i);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(more_failures_in_a_row_than_tolerated_fail_the_job),
        TEST(silence_takeover_failover_and_outage_do_not_count),
        TEST(a_declined_checkpoint_is_aborted_everywhere),
        TEST(what_is_written_late_for_an_aborted_one_goes),
        TEST(a_checkpoint_expires),
        TEST(metadata_that_cannot_be_written_is_told_once_and_at_the_end),
        TEST(a_subtask_that_ends_has_the_checkpoint_tried_again_at_once),
        TEST(a_pause_lies_between_checkpoints),
        TEST(as_many_as_configured_are_in_flight),
        TEST(a_base_of_one_in_flight_is_not_deleted),
        TEST(the_retained_count_is_kept),
        TEST(metadata_of_another_is_not_taken_for_ours),
        TEST(a_write_of_metadata_that_was_not_heard_of_is_found_again),
        TEST(a_new_epoch_of_the_same_leader_ends_what_is_in_flight),
        TEST(a_change_that_is_not_on_its_way_is_taken_back_when_a_subtask_fails),
        TEST(nothing_is_triggered_while_the_job_is_paused),
        TEST(what_a_broken_connection_has_swallowed_is_tried_anew),
        TEST(a_thousand_taskmanagers_are_told_in_several_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
