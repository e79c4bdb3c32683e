/* What clients ask for: savepoints, stops with and without drain; and what takeovers make of them. */
#include "checkpoint_world.h"

static struct world world;
static const uint8_t request[16] = "the request no.1";

static int setup(void **state)
{
    world_init(&world);
    world.settings->checkpoint_interval_ms = 3600 * 1000;
    *state = &world;
    return 0;
}
static int teardown(void **state)
{
    world_done(&world);
    return 0;
}

static const Weir__TriggerCheckpoint *triggered(struct world *w)
{
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
    return sent ? sent->envelope->trigger : NULL;
}

static void savepoint(struct world *w, const char *directory)
{
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, directory, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
}

static void stop(struct world *w, bool drain)
{
    Weir__JobRecord *wanted = w->record.wanted; /* the jobmaster's part */
    wanted->target->kind = WEIR__TARGET_KIND__TARGET_STOP;
    wanted->target->path = weir_arena_string(weir_record_arena(&w->record), "sp");
    weir_record_changed(&w->record, w->now_us, &w->effects);
    carry_out(w);
    w->seen = w->sent_count;
    weir_checkpoint_stop_job(w->c, "sp", drain, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
}

static void acknowledge_in(struct world *w, uint32_t task, const char *directory, uint64_t id)
{
    const char *file = weir_arena_format(&w->arena, "%s/part-%u", directory, task);
    world_acknowledge_with(w, task, id, w->identity.epoch, world_snapshot(w, task, file, NULL));
}

static void a_savepoint_is_completed_in_the_record_and_is_no_base(void **state)
{
    struct world *w = *state;
    world_start(w);
    savepoint(w, "mine");
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    assert_non_null(trigger);
    assert_int_equal(trigger->kind, WEIR__CHECKPOINT_KIND__SAVEPOINT);
    assert_int_equal(trigger->base_checkpoint, 0);
    assert_int_equal(strncmp(trigger->directory, "mine/savepoint-ababab-", 22), 0);
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS);
    for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, trigger->directory, trigger->checkpoint);
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_checkpoints, 0);
    assert_int_equal(record->n_savepoints, 1);
    assert_int_equal(record->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    assert_string_equal(record->savepoints[0]->path, trigger->directory);
    assert_true(world_has(w, weir_arena_format(&w->arena, "%s/_metadata", trigger->directory)));
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 0); /* nothing is committed for it */
    assert_int_equal(weir_checkpoint_newest_id(w->c), 0);
    uint64_t id = trigger->checkpoint;
    world_advance(w, 3600 * SECOND);
    w->seen = 0;
    while ((trigger = triggered(w)) && trigger->checkpoint == id) {}
    assert_non_null(trigger);
    assert_int_equal(trigger->base_checkpoint, 0);
}

/* A source holds four triggers: what is beyond is lost, and with it the savepoint waits until it expires. */
static void of_many_savepoints_few_have_barriers_under_way(void **state)
{
    struct world *w = *state;
    enum { SAVEPOINTS = 10 };
    uint64_t ids[SAVEPOINTS] = { 0 };
    uint32_t begun = 0;
    world_start(w);
    w->seen = w->sent_count;
    for (uint32_t i = 0; i < SAVEPOINTS; i++) {
        uint8_t own[16] = "savepoint no.";
        own[15] = (uint8_t)i;
        weir_checkpoint_savepoint(w->c, own, "mine", w->now_us, w->wall_us, &w->effects);
        carry_out(w);
    }
    for (uint32_t done = 0; done < SAVEPOINTS; done++) {
        for (const Weir__TriggerCheckpoint *trigger; (trigger = triggered(w));)
            if (!begun || trigger->checkpoint > ids[begun - 1]) ids[begun++] = trigger->checkpoint;
        assert_in_range(begun, done + 1, done + 4);
        const char *directory = NULL;
        for (size_t i = 0; i < w->sent_count; i++)
            if (w->sent[i].envelope->body_case == WEIR__ENVELOPE__BODY_TRIGGER &&
                w->sent[i].envelope->trigger->checkpoint == ids[done])
                directory = w->sent[i].envelope->trigger->directory;
        for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, directory, ids[done]);
    }
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_savepoints, SAVEPOINTS);
    for (uint32_t i = 0; i < SAVEPOINTS; i++)
        assert_int_equal(record->savepoints[i]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
}

/* The later one is what the job is restored from: it must be known as a whole when the record names it. */
static void two_that_one_write_confirms_are_both_known(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_interval_ms = 1000;
    w->settings->checkpoint_max_concurrent = 2;
    world_start(w);
    world_advance(w, SECOND);
    const Weir__TriggerCheckpoint *first = triggered(w);
    savepoint(w, "mine");
    w->seen = 0;
    const Weir__TriggerCheckpoint *middle = NULL, *last = NULL, *trigger;
    world_advance(w, SECOND);
    while ((trigger = triggered(w))) {
        if (trigger->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT) middle = trigger;
        if (trigger->checkpoint > first->checkpoint && trigger->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT)
            last = trigger;
    }
    assert_true(middle && last && middle->checkpoint < last->checkpoint);
    w->store_held = true;
    world_acknowledge_all(
        w, first->checkpoint); /* its write is on the way, and what comes now goes after it */
    for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, middle->directory, middle->checkpoint);
    world_acknowledge_all(w, last->checkpoint);
    world_store_answer(w, WEIR_STORE_OK);
    assert_int_equal(weir_checkpoint_newest_id(w->c), first->checkpoint);
    w->blobs_held = true; /* nor is it read again */
    world_store_answer(w, WEIR_STORE_OK);
    assert_int_equal(weir_checkpoint_newest_id(w->c), last->checkpoint);
    const Weir__CheckpointMetadata *metadata = weir_checkpoint_newest(w->c, NULL);
    assert_non_null(metadata);
    assert_int_equal(metadata->id, last->checkpoint);
    assert_int_equal(metadata->n_vertices, 2);
    world_blobs_answer(w);
}

/* A source passes over a trigger that is older than one it has seen: the savepoint would wait until it
 * expires. */
static void triggers_go_out_in_the_order_of_their_ids(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_interval_ms = 1000;
    world_start(w);
    world_checkpoint(w);
    w->store_held = true;
    savepoint(w, "mine"); /* it has an id, of which the record does not know yet */
    world_advance(w, 5 * SECOND);
    assert_null(triggered(w));
    w->store_held = false;
    world_store_answer(w, WEIR_STORE_OK);
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    assert_non_null(trigger);
    assert_int_equal(trigger->kind, WEIR__CHECKPOINT_KIND__SAVEPOINT);
    uint64_t newest = trigger->checkpoint, periodic = 0;
    while ((trigger = triggered(w))) {
        assert_true(trigger->checkpoint >= newest);
        newest = trigger->checkpoint;
        periodic += trigger->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT;
    }
    assert_true(periodic > 0); /* and does not wait for the savepoint's end */
}

/* An application whose JobID is configured, started anew with nothing left of its last life but its
 * savepoint: ids, epochs and attempts begin anew, too. */
static void a_savepoint_of_an_earlier_life_of_the_job_is_left_alone(void **state)
{
    struct world *w = *state;
    Weir__JobRecord *fresh = (Weir__JobRecord *)world_record(w);
    const char *metadata = NULL;
    for (uint32_t life = 0; life < 2; life++) {
        fresh->submitted_ms = 1700000000000 + life;
        world_record_set(w, fresh);
        world_start(w);
        savepoint(w, "mine");
        const Weir__TriggerCheckpoint *trigger = triggered(w);
        assert_int_equal(trigger->checkpoint, 1);
        for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, trigger->directory, trigger->checkpoint);
        if (!metadata) metadata = weir_arena_format(&w->arena, "%s/_metadata", trigger->directory);
        world_advance(w, 200 * SECOND);
        assert_true(world_has(w, metadata));
        assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
        if (!life) world_end(w);
    }
}

static void a_savepoint_without_a_directory_is_refused_by_name(void **state)
{
    struct world *w = *state;
    w->settings->savepoint_directory = (char *)"";
    world_start(w);
    savepoint(w, "");
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    assert_non_null(strstr(record->savepoints[0]->error, "directory"));
}

static void a_savepoint_is_tried_thrice_and_its_remains_go(void **state)
{
    struct world *w = *state;
    world_start(w);
    savepoint(w, "");
    char first[256];
    for (uint32_t i = 0; i < 3; i++) {
        const Weir__TriggerCheckpoint *trigger = triggered(w);
        assert_non_null(trigger);
        if (!i) snprintf(first, sizeof first, "%s/part-0", trigger->directory);
        acknowledge_in(w, 0, trigger->directory, trigger->checkpoint);
        assert_int_equal(world_record(w)->savepoints[0]->checkpoint, trigger->checkpoint);
        world_decline(w, 1, trigger->checkpoint, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
        w->seen = w->sent_count;
        world_advance(w, SECOND);
    }
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED);
    assert_null(triggered(w));
    assert_false(world_has(w, first));
    assert_int_equal(w->failures, 0);                 /* a savepoint is no checkpoint of the job */
    assert_int_equal(world_record(w)->n_given_up, 3); /* should this leader die before it has looked twice */
    assert_int_equal(strncmp(first, world_record(w)->given_up[0], strlen(first) - 7), 0);
    world_put(w, first, "late", 4);
    world_takeover(w);
    world_advance(w, SECOND);
    assert_false(world_has(w, first));
}

static void the_record_remembers_the_last_folders_that_were_given_up(void **state)
{
    struct world *w = *state;
    world_start(w);
    savepoint(w, "mine");
    for (uint32_t i = 0; i < 52; i++) {
        const char *folder = weir_arena_string(&w->arena, triggered(w)->directory);
        world_takeover(w);
        const Weir__JobRecord *record = world_record(w);
        assert_int_equal(record->n_given_up, i < 48 ? i + 1 : 48);
        assert_string_equal(record->given_up[record->n_given_up - 1], folder);
    }
}

/* Subtasks of a job that is ending give up one try after the other: what was given up last is looked at, too.
 */
static void the_last_of_many_tries_is_looked_at(void **state)
{
    enum { TRIES = 75 };
    struct world *w = *state;
    const char *late = NULL;
    world_start(w);
    int64_t begun_us = w->now_us;
    savepoint(w, "mine");
    for (uint32_t i = 0; i < TRIES; i++) {
        const Weir__TriggerCheckpoint *trigger = triggered(w);
        for (uint32_t waits = 0; !trigger && waits < 10;
             waits++) { /* after three tries it is asked for again */
            w->seen = w->sent_count;
            world_advance(w, SECOND / 10);
            trigger = triggered(w);
            if (trigger) break;
            savepoint(w, "mine");
            trigger = triggered(w);
        }
        assert_non_null(trigger);
        late = weir_arena_format(&w->arena, "%s/part-0", trigger->directory);
        world_put(w, late, "late", 4);
        world_decline(w, 1, trigger->checkpoint, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
        w->seen = w->sent_count;
    }
    assert_int_equal(world_record(w)->n_given_up, 48);
    assert_true(w->now_us < begun_us + 60 * SECOND); /* of all of them the second look is to come */
    world_advance(w, SECOND / 10);
    assert_false(world_has(w, late));
    world_put(w, late, "later", 5);
    world_advance(w, 70 * SECOND);
    assert_false(world_has(w, late));
}

static void a_new_leader_goes_on_with_a_savepoint_that_was_promised(void **state)
{
    struct world *w = *state;
    world_start(w);
    savepoint(w, "mine");
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    acknowledge_in(w, 0, trigger->directory, trigger->checkpoint);
    const char *left = weir_arena_format(&w->arena, "%s/part-0", trigger->directory);
    uint64_t id = trigger->checkpoint;
    world_takeover(w);
    trigger = triggered(w);
    assert_non_null(trigger);
    assert_true(trigger->checkpoint > id);
    assert_int_equal(strncmp(trigger->directory, "mine/savepoint-", 15), 0);
    assert_false(world_has(w, left));
    for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, trigger->directory, trigger->checkpoint);
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
}

/* What an older leader or a task has sent late arrives when the next leader has looked, and when the record
 * names the next try: folders that were given up are looked at until the job has ended. */
static void what_comes_late_to_a_try_that_was_given_up_goes(void **state)
{
    struct world *w = *state;
    world_start(w);
    savepoint(w, "mine");
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    const char *late = weir_arena_format(&w->arena, "%s/late", trigger->directory);
    const char *folder = weir_arena_string(&w->arena, trigger->directory);
    world_takeover(w); /* it begins the next try */
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_given_up, 1);
    assert_string_equal(record->given_up[0], folder);
    trigger = triggered(w);
    assert_string_not_equal(trigger->directory, folder);
    world_put(w, late, "x", 1);
    world_takeover(w);
    world_advance(w, 1);
    assert_false(world_has(w, late));
    assert_int_equal(world_record(w)->n_given_up, 2);
    trigger = triggered(w);
    const char *kept = weir_arena_format(&w->arena, "%s/part-0", trigger->directory);
    for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, trigger->directory, trigger->checkpoint);
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    assert_int_equal(world_record(w)->n_given_up, 2); /* what is complete is not among them */
    world_advance(w, 200 * SECOND);
    world_put(w, late, "x", 1);
    for (uint32_t i = 0;
         i < 100 && !weir_checkpoint_clean(w->c, WEIR__JOB_STATE__JOB_FINISHED, w->now_us, &w->effects);
         i++) {
        carry_out(w);
        world_advance(w, SECOND);
    }
    assert_false(world_has(w, late));
    assert_true(world_has(w, kept));
}

/* Folders that are being emptied are told as all else is: a list that they do not go into is cut. */
static void a_list_of_garbage_that_folders_overflow_is_cut(void **state)
{
    struct world *w = *state;
    world_start(w);
    savepoint(w, "/savepoints");
    for (uint32_t i = 0; i < 2; i++) {
        world_decline(w, 1, triggered(w)->checkpoint, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
        w->seen = w->sent_count;
        world_advance(w, SECOND);
    }
    const struct weir_blob_event listed = { .outcome = WEIR_BLOB_OK };
    struct weir_checkpoint_garbage found[3];
    bool cut = true;
    assert_int_equal(weir_checkpoint_garbage(w->c, &listed, found, 3, &cut, &w->arena), 2);
    assert_false(cut);
    assert_int_equal(weir_checkpoint_garbage(w->c, &listed, found, 2, &cut, &w->arena), 2);
    assert_false(cut);
    assert_int_equal(weir_checkpoint_garbage(w->c, &listed, found, 1, &cut, &w->arena), 1);
    assert_true(cut);
}

static void a_stop_ends_with_its_savepoint_committed(void **state)
{
    struct world *w = *state;
    world_start(w);
    stop(w, false);
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    assert_non_null(trigger);
    assert_true(trigger->suspend);
    assert_false(trigger->drain);
    assert_int_equal(trigger->kind, WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT);
    for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, trigger->directory, trigger->checkpoint);
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_checkpoints, 1);
    assert_int_equal(record->checkpoints[0]->kind, WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT);
    assert_int_equal(w->commits, 0);
    world_commit(w, 2, trigger->checkpoint);
    world_commit(w, 3, trigger->checkpoint);
    assert_int_equal(w->commits, 1);
    assert_int_equal(w->committed, trigger->checkpoint);
    w->seen = w->sent_count;
    world_advance(w, 7200 * SECOND);
    assert_null(triggered(w)); /* nothing comes after it */
}

static void a_stop_that_fails_resumes_the_sources_and_takes_a_new_id(void **state)
{
    struct world *w = *state;
    world_start(w);
    stop(w, false);
    uint64_t ids[3] = { 0 };
    for (uint32_t i = 0; i < 3; i++) {
        const Weir__TriggerCheckpoint *trigger = triggered(w);
        assert_non_null(trigger);
        ids[i] = trigger->checkpoint;
        assert_true(i == 0 || ids[i] > ids[i - 1]);
        assert_int_equal(w->stops_failed, 0);
        w->seen = w->sent_count;
        world_decline(w, 1, trigger->checkpoint, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
        uint32_t seen = w->seen;
        const struct sent *aborted = world_next(w, WEIR__ENVELOPE__BODY_ABORT);
        assert_true(aborted->envelope->abort->resume);
        w->seen = seen;
    }
    assert_int_equal(w->stops_failed, 1);
    assert_null(triggered(w));
}

static void the_last_word_to_suspended_sources_is_repeated(void **state)
{
    struct world *w = *state;
    world_start(w);
    stop(w, false);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t id = triggered(w)->checkpoint;
        w->seen = w->sent_count;
        world_decline(w, 1, id, WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED);
    }
    assert_int_equal(w->stops_failed, 1);
    w->seen = w->sent_count;
    weir_checkpoint_connected(w->c, 2, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ABORT);
    assert_non_null(sent);
    assert_int_equal(sent->node, 2);
    assert_true(sent->envelope->abort->resume);
    assert_int_equal(sent->envelope->abort->n_attempts, 1);
    /* And by a new leader, who knows of the failure from the record. */
    w->record.wanted->target->kind = WEIR__TARGET_KIND__TARGET_RUN;
    w->record.wanted->stop_error =
        weir_arena_string(weir_record_arena(&w->record), "it could not be written");
    weir_record_changed(&w->record, w->now_us, &w->effects);
    carry_out(w);
    uint64_t reserved = world_record(w)->checkpoint_id_reserved;
    world_takeover(w);
    sent = world_next(w, WEIR__ENVELOPE__BODY_ABORT);
    assert_non_null(sent);
    assert_true(sent->envelope->abort->resume);
    assert_int_equal(sent->envelope->abort->checkpoint, reserved);
}

static void a_drain_makes_its_savepoint_of_final_snapshots(void **state)
{
    struct world *w = *state;
    world_start(w);
    stop(w, true);
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    assert_true(trigger->drain);
    assert_false(trigger->suspend);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(world_record(w)->n_checkpoints, 0);
        world_finish(w, i);
        w->all_running = i < 3;
        world_tasks(w);
    }
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_checkpoints, 1);
    assert_int_equal(record->checkpoints[0]->id, trigger->checkpoint);
    const char *failed;
    const Weir__CheckpointMetadata *metadata = weir_checkpoint_newest(w->c, &failed);
    assert_true(metadata->vertices[0]->subtasks[0]->finished);
    world_commit(w, 2, trigger->checkpoint);
    world_commit(w, 3, trigger->checkpoint);
    assert_int_equal(w->commits, 1);
}

static void a_drain_goes_on_after_a_takeover_with_those_that_have_ended(void **state)
{
    struct world *w = *state;
    world_start(w);
    stop(w, true);
    uint64_t id = triggered(w)->checkpoint;
    world_finish(w, 0);
    world_tasks(w);
    world_takeover(w);
    w->seen = w->sent_count;
    weir_checkpoint_stop_job(w->c, "sp", true, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    assert_non_null(trigger);
    assert_true(trigger->checkpoint > id && trigger->drain);
    for (uint32_t i = 1; i < 4; i++) world_finish(w, i);
    world_tasks(w);
    assert_int_equal(newest_named(w), trigger->checkpoint);
}

static void a_stop_of_a_job_that_has_ended_meanwhile_is_made_of_its_end(void **state)
{
    struct world *w = *state;
    world_start(w);
    for (uint32_t i = 0; i < 4; i++) world_finish(w, i);
    w->all_running = false;
    world_tasks(w);
    stop(w, false);
    const Weir__JobRecord *record = world_record(w);
    assert_int_equal(record->n_checkpoints, 1);
    assert_int_equal(record->checkpoints[0]->kind, WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT);
}

static void the_savepoint_of_a_stop_is_committed_by_the_next_leader(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_advance(w, 3600 * SECOND);
    uint64_t base = triggered(w)->checkpoint;
    world_acknowledge_all(w, base);
    stop(w, false);
    const Weir__TriggerCheckpoint *trigger = triggered(w);
    for (uint32_t i = 0; i < 4; i++) acknowledge_in(w, i, trigger->directory, trigger->checkpoint);
    assert_int_equal(world_record(w)->n_checkpoints, 2); /* it subsumes nothing */
    world_takeover(w);
    assert_int_equal(weir_checkpoint_newest_id(w->c), trigger->checkpoint);
    w->seen = w->sent_count;
    weir_checkpoint_commit_newest(w->c, w->now_us, &w->effects);
    carry_out(w);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_COMPLETE), 2);
    world_commit(w, 2, trigger->checkpoint);
    world_commit(w, 3, trigger->checkpoint);
    assert_int_equal(w->commits, 1);
}

static void a_commit_counts_only_from_a_run_that_took_or_restored_it(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_advance(w, 3600 * SECOND);
    uint64_t id = triggered(w)->checkpoint;
    world_acknowledge_all(w, id);
    world_commit(w, 2, id);
    w->tasks[3].attempt.number = 2;
    w->tasks[3].run.counter = 2; /* of another run, started from nothing */
    world_tasks(w);
    weir_checkpoint_commit_newest(w->c, w->now_us, &w->effects);
    carry_out(w);
    world_commit(w, 3, id);
    assert_int_equal(w->commits, 0);
    w->tasks[3].attempt.number = 3;
    w->tasks[3].run.counter = 3;
    w->tasks[3].run.restored_checkpoint = id;
    world_tasks(w);
    world_commit(w, 3, id);
    assert_int_equal(w->commits, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_savepoint_is_completed_in_the_record_and_is_no_base),
        TEST(of_many_savepoints_few_have_barriers_under_way),
        TEST(two_that_one_write_confirms_are_both_known),
        TEST(triggers_go_out_in_the_order_of_their_ids),
        TEST(a_savepoint_of_an_earlier_life_of_the_job_is_left_alone),
        TEST(a_savepoint_without_a_directory_is_refused_by_name),
        TEST(a_savepoint_is_tried_thrice_and_its_remains_go),
        TEST(the_record_remembers_the_last_folders_that_were_given_up),
        TEST(the_last_of_many_tries_is_looked_at),
        TEST(a_new_leader_goes_on_with_a_savepoint_that_was_promised),
        TEST(what_comes_late_to_a_try_that_was_given_up_goes),
        TEST(a_list_of_garbage_that_folders_overflow_is_cut),
        TEST(a_stop_ends_with_its_savepoint_committed),
        TEST(a_stop_that_fails_resumes_the_sources_and_takes_a_new_id),
        TEST(the_last_word_to_suspended_sources_is_repeated),
        TEST(a_drain_makes_its_savepoint_of_final_snapshots),
        TEST(a_drain_goes_on_after_a_takeover_with_those_that_have_ended),
        TEST(a_stop_of_a_job_that_has_ended_meanwhile_is_made_of_its_end),
        TEST(the_savepoint_of_a_stop_is_committed_by_the_next_leader),
        TEST(a_commit_counts_only_from_a_run_that_took_or_restored_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
