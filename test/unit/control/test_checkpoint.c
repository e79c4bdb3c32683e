/* The life of a checkpoint: trigger, acknowledgements, metadata, record, notification, subsumption, takeover.
 */
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

static void a_checkpoint_is_triggered_acknowledged_recorded_and_told(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_advance(w, 999 * 1000);
    assert_null(world_next(w, WEIR__ENVELOPE__BODY_TRIGGER));
    w->seen = 0;
    world_advance(w, 2000);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
    assert_non_null(sent);
    assert_int_equal(sent->envelope->trigger->n_attempts, 2); /* the sink of that node learns of it, too */
    assert_int_equal(sent->envelope->trigger->attempts[0]->vertex, 1);
    assert_int_equal(sent->envelope->trigger->base_checkpoint, 0);
    uint64_t id = sent->envelope->trigger->checkpoint;
    assert_non_null(world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)); /* the other source's node */
    for (uint32_t i = 0; i < 3; i++) world_acknowledge(w, i, id);
    assert_int_equal(newest_named(w), 0);
    world_acknowledge(w, 3, id);
    assert_int_equal(newest_named(w), id);
    assert_true(world_has(w, world_file(w, id, "_metadata")));
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 2);
    const char *failed = NULL;
    const Weir__CheckpointMetadata *metadata = weir_checkpoint_newest(w->c, &failed);
    assert_non_null(metadata);
    assert_int_equal(metadata->id, id);
    assert_int_equal(metadata->n_vertices, 2);
    assert_int_equal(metadata->vertices[1]->n_subtasks, 2);
    struct weir_checkpoint_statistics statistics;
    weir_checkpoint_statistics(w->c, &statistics);
    assert_int_equal(statistics.completed, 1);
    assert_int_equal(statistics.last_bytes_full, 400);
    assert_int_equal(statistics.last_bytes_written, 40);
}

static void nothing_is_told_before_the_record_is_confirmed(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_checkpoint(w);
    w->store_held = true;
    uint64_t id = world_checkpoint(w);
    assert_true(w->store_waits);
    assert_int_not_equal(newest_named(w), id);
    for (uint32_t i = w->seen = 0; i < w->sent_count; i++) {
        const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_COMPLETE);
        assert_true(!sent || sent->envelope->complete->checkpoint != id);
    }
    assert_true(world_has(w, world_file(w, id - 1, "_metadata")));
    assert_int_equal(weir_checkpoint_newest_id(w->c), id - 1);
    w->seen = w->sent_count;
    world_store_answer(w, WEIR_STORE_OK);
    assert_int_equal(newest_named(w), id);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_COMPLETE);
    assert_non_null(sent);
    assert_int_equal(sent->envelope->complete->checkpoint, id);
    assert_false(world_has(w, world_file(w, id - 1, "_metadata"))); /* subsumed */
}

static void ids_are_reserved_before_they_are_used(void **state)
{
    struct world *w = *state;
    world_begin(w);
    w->store_held = true;
    world_tasks(w);
    world_advance(w, 2 * SECOND);
    assert_true(w->store_waits);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_TRIGGER), 0);
    w->store_held = false;
    world_store_answer(w, WEIR_STORE_OK);
    w->seen = 0;
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
    assert_non_null(sent);
    assert_true(world_record(w)->checkpoint_id_reserved >= sent->envelope->trigger->checkpoint);
}

static void a_job_of_a_used_id_starts_above_what_lies_there(void **state)
{
    struct world *w = *state;
    world_put(w, world_file(w, 41, "_metadata"), "x", 1);
    world_start(w);
    assert_int_equal(world_checkpoint(w), 42);
}

static void a_new_leader_starts_above_the_reserved_ids_and_repeats_the_notification(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w), reserved = world_record(w)->checkpoint_id_reserved;
    w->all_running = false;
    world_takeover(w);
    assert_true(weir_checkpoint_is_loaded(w->c));
    assert_int_equal(weir_checkpoint_newest_id(w->c), id);
    const char *failed;
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, id);
    world_advance(w, 3 * SECOND);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 0); /* regions are not re-attached yet */
    w->all_running = true;
    w->seen = w->sent_count;
    world_tasks(w);
    uint32_t seen = w->seen;
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_COMPLETE);
    assert_non_null(sent);
    assert_int_equal(sent->envelope->complete->checkpoint, id);
    w->seen = seen; /* and at once an overdue checkpoint */
    sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
    assert_non_null(sent);
    assert_true(sent->envelope->trigger->checkpoint > reserved);
    assert_int_equal(sent->envelope->trigger->base_checkpoint, id);
}

static void a_checkpoint_in_flight_at_a_takeover_is_never_completed(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    world_advance(w, SECOND);
    world_acknowledge(w, 0, id + 1);
    w->identity.epoch = 1;
    world_takeover(w);
    for (uint32_t i = 1; i < 4; i++)
        world_acknowledge_with(w, i, id + 1, 1, world_snapshot(w, i, world_file(w, id + 1, "late"), NULL));
    assert_int_equal(newest_named(w), id);
}

static void only_expected_acknowledgements_count(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_advance(w, SECOND + 1000);
    uint64_t id = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    for (uint32_t i = 0; i < 3; i++) world_acknowledge(w, i, id);
    const char *file = world_file(w, id, "own");
    world_acknowledge_with(w, 3, id, 7, world_snapshot(w, 3, file, NULL)); /* another epoch's barrier */
    Weir__SubtaskSnapshot *other = world_snapshot(w, 3, file, NULL);
    other->attempt->number = 9;
    world_acknowledge_with(w, 3, id, 1, other);
    other = world_snapshot(w, 3, file, NULL);
    other->run->counter = 9;
    world_acknowledge_with(w, 3, id, 1, other);
    w->tasks[3].node = 1; /* from elsewhere */
    world_acknowledge(w, 3, id);
    w->tasks[3].node = 2;
    world_acknowledge(w, 3, id + 1);
    assert_int_equal(newest_named(w), 0);
    world_acknowledge(w, 3, id);
    world_acknowledge(w, 3, id);
    assert_int_equal(newest_named(w), id);
}

static void a_file_of_neither_base_nor_itself_is_refused(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t first = world_checkpoint(w);
    world_advance(w, SECOND);
    const char *of_base = world_file(w, first, "e1.1-1-0-1.state");
    world_acknowledge_with(w, 0, first + 1, 1, world_snapshot(w, 0, own_file(w, 0, first + 1), of_base));
    struct weir_checkpoint_statistics statistics;
    weir_checkpoint_statistics(w->c, &statistics);
    assert_int_equal(statistics.failed, 0);
    world_acknowledge_with(w, 1, first + 1, 1,
        world_snapshot(w, 1, own_file(w, 1, first + 1), world_file(w, first, "nobody's")));
    weir_checkpoint_statistics(w->c, &statistics);
    assert_int_equal(statistics.failed, 1);
    assert_int_equal(newest_named(w), first);
}

static void a_subtask_that_fails_ends_what_is_in_flight_and_nothing_is_triggered_until_all_run(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_advance(w, SECOND + 1000);
    uint64_t id = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    for (uint32_t i = 0; i < 3; i++) world_acknowledge(w, i, id);
    w->tasks[3].running = false;
    w->all_running = false;
    world_tasks(w);
    w->tasks[3].running = true;
    w->tasks[3].attempt.number = 2;
    w->tasks[3].run.counter = 2;
    w->seen = w->sent_count;
    world_advance(w, 5 * SECOND);
    world_acknowledge(w, 3, id);
    assert_int_equal(newest_named(w), 0);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_TRIGGER), 0);
    assert_int_equal(w->failures, 0);
    w->all_running = true;
    world_tasks(w);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_TRIGGER), 2);
}

static void the_last_checkpoint_of_a_bounded_job_is_made_of_final_snapshots(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_interval_ms = 0;
    world_start(w);
    for (uint32_t i = 0; i < 4; i++) world_finish(w, i);
    world_tasks(w);
    weir_checkpoint_final(w->c, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_checkpoints, 1);
    assert_int_equal(record->checkpoints[0]->kind, WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT);
    uint64_t id = record->checkpoints[0]->id;
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 2);
    world_commit(w, 2, id);
    assert_int_equal(w->commits, 0);
    world_commit(w, 3, id);
    assert_int_equal(w->commits, 1);
    assert_int_equal(w->committed, id);
}

static void a_new_leader_has_the_final_checkpoint_committed_and_takes_no_other(void **state)
{
    struct world *w = *state;
    world_start(w);
    for (uint32_t i = 0; i < 4; i++) world_finish(w, i);
    world_tasks(w);
    weir_checkpoint_final(w->c, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    uint64_t id = newest_named(w);
    world_takeover(w);
    weir_checkpoint_final(w->c, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 2);
    assert_int_equal(newest_named(w), id);
    world_commit(w, 2, id);
    world_commit(w, 3, id);
    assert_int_equal(w->commits, 1);
    assert_int_equal(world_record(w)->n_checkpoints, 1);
}

static void a_sink_that_does_not_answer_is_told_again(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_interval_ms = 3600 * 1000;
    world_start(w);
    world_advance(w, 3600 * SECOND + 1000);
    uint64_t id = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    world_acknowledge_all(w, id);
    world_commit(w, 2, id);
    w->seen = w->sent_count;
    world_advance(w, 20 * SECOND);
    assert_true(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE) >= 2);
    assert_false(weir_checkpoint_sink_committed(w->c, 2, 1));
    world_commit(w, 3, id);
    assert_true(weir_checkpoint_sink_committed(w->c, 2, 1));
    world_advance(w, 60 * SECOND);
    w->seen = w->sent_count;
    world_advance(w, 600 * SECOND);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 0);
}

/* Its end is not in the checkpoint that it started from: it must not take one's completion for the other's.
 */
static void one_that_ended_since_it_restored_is_not_told_of_what_it_restored(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    for (uint32_t i = 0; i < 4; i++) {
        w->tasks[i].attempt.number = 2;
        w->tasks[i].run = (struct weir_run){ 1, 2, id, 1, false };
    }
    world_finish(w, 1);
    world_finish(w, 3); /* all that node 2 has */
    world_takeover(w);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_COMPLETE);
    assert_non_null(sent);
    assert_int_equal(sent->node, 1);
    assert_null(world_next(w, WEIR__ENVELOPE__BODY_COMPLETE));
    weir_checkpoint_commit_newest(w->c, w->now_us, &w->effects);
    carry_out(w);
    assert_int_equal(w->commits, 0);
    world_commit(w, 2, id);
    assert_int_equal(w->commits, 1); /* the other has committed it when it started */
}

static const struct weir_checkpoint_part *parts_of(struct world *w, uint64_t id, uint32_t *ret_count)
{
    *ret_count = 0;
    return weir_checkpoint_parts(w->c, id, &w->arena, ret_count);
}

static void what_each_subtask_has_put_in_is_shown(void **state)
{
    struct world *w = *state;
    struct weir_checkpoint_history_entry shown[4];
    uint32_t count;
    world_start(w);
    assert_int_equal(weir_checkpoint_in_progress(w->c, shown, 4), 0);
    world_advance(w, 1001 * 1000);
    uint64_t id = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    world_advance(w, 29 * 1000);
    world_acknowledge(w, 1, id);
    assert_int_equal(weir_checkpoint_in_progress(w->c, shown, 4), 1);
    assert_int_equal(shown[0].id, id);
    assert_int_equal(shown[0].outcome, WEIR_CHECKPOINT_IN_PROGRESS);
    assert_int_equal(shown[0].acknowledged, 1);
    const struct weir_checkpoint_part *parts = parts_of(w, id, &count);
    assert_int_equal(count, 4);
    assert_false(parts[0].acknowledged);
    assert_true(parts[1].acknowledged);
    assert_int_equal(parts[1].duration_us, 30 * 1000);
    assert_int_equal(parts[1].acknowledged_wall_us, w->wall_us);
    assert_int_equal(parts[1].bytes_full, 100);
    assert_int_equal(parts[1].bytes_written, 10);
    world_advance(w, 20 * 1000);
    for (uint32_t i = 0; i < 4; i++)
        if (i != 1) world_acknowledge(w, i, id);
    assert_int_equal(newest_named(w), id);
    assert_int_equal(weir_checkpoint_in_progress(w->c, shown, 4), 0);
    parts = parts_of(w, id, &count);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(parts[i].acknowledged);
        assert_int_equal(parts[i].vertex, w->tasks[i].attempt.vertex);
        assert_int_equal(parts[i].subtask, w->tasks[i].attempt.subtask);
        assert_int_equal(parts[i].duration_us, i == 1 ? 30 * 1000 : 50 * 1000);
    }
    assert_null(parts_of(w, id + 1, &count));
    /* Only of the last ones. */
    for (uint32_t i = 0; i < WEIR_CHECKPOINT_HISTORY_MAX; i++) world_checkpoint(w);
    assert_null(parts_of(w, id, &count));
    assert_non_null(parts_of(w, id + 1, &count));
    assert_int_equal(count, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_checkpoint_is_triggered_acknowledged_recorded_and_told),
        TEST(nothing_is_told_before_the_record_is_confirmed),
        TEST(what_each_subtask_has_put_in_is_shown),
        TEST(ids_are_reserved_before_they_are_used),
        TEST(a_job_of_a_used_id_starts_above_what_lies_there),
        TEST(a_new_leader_starts_above_the_reserved_ids_and_repeats_the_notification),
        TEST(a_checkpoint_in_flight_at_a_takeover_is_never_completed),
        TEST(only_expected_acknowledgements_count),
        TEST(a_file_of_neither_base_nor_itself_is_refused),
        TEST(a_subtask_that_fails_ends_what_is_in_flight_and_nothing_is_triggered_until_all_run),
        TEST(the_last_checkpoint_of_a_bounded_job_is_made_of_final_snapshots),
        TEST(a_new_leader_has_the_final_checkpoint_committed_and_takes_no_other),
        TEST(one_that_ended_since_it_restored_is_not_told_of_what_it_restored),
        TEST(a_sink_that_does_not_answer_is_told_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
