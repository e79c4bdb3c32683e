/* Source splits: each is read once, whatever fails and whoever leads (DESIGN 4.4). */
#include "checkpoint_world.h"
#include "proto/metadata.h"

static struct world world;

/* What the readers have, as a TaskManager keeps it. */
static struct {
    uint64_t epoch, sequence;
    char had[32]; /* since the newest checkpoint */
    uint64_t epochs[32], sequences[32], orders[32];
    uint32_t count;
} readers[2];

static int setup(void **state)
{
    world_init(&world);
    struct world *w = *state = &world;
    Weir__PlanVertex *source = WEIR_PROTO_NEW(&w->arena, Weir__PlanVertex, weir__plan_vertex);
    source->id = 1;
    source->source = source->enumerated = true;
    w->plan->vertices = WEIR_ARENA_ARRAY(&w->arena, Weir__PlanVertex *, 1);
    w->plan->vertices[0] = source;
    w->plan->n_vertices = 1;
    w->tasks[0].enumerated = w->tasks[1].enumerated = true;
    memset(readers, 0, sizeof readers);
    return 0;
}
static int teardown(void **state)
{
    world_done(&world);
    return 0;
}

static void set_splits(struct world *w, const char *names, bool complete)
{
    const char *ids[32];
    uint32_t count = 0;
    for (; names[count]; count++) ids[count] = weir_arena_copy(&w->arena, names + count, 1);
    weir_checkpoint_splits_set(w->c, 1, ids, count, complete, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
}

static void request_after(struct world *w, uint32_t task, uint64_t epoch, uint64_t sequence)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__RequestSplits message = WEIR__REQUEST_SPLITS__INIT;
    envelope.body_case = WEIR__ENVELOPE__BODY_REQUEST_SPLITS;
    envelope.request_splits = &message;
    message.attempt = weir_attempt_id_to(&w->arena, &w->tasks[task].attempt);
    message.epoch = epoch;
    message.sequence = sequence;
    world_message_from(w, w->tasks[task].node, &envelope);
}

/* The answer to a request: the split's letter, '-' for no more, 0 for nothing. */
static char ask(struct world *w, uint32_t task)
{
    w->seen = w->sent_count;
    request_after(w, task, readers[task].epoch, readers[task].sequence);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    if (!sent) return 0;
    const Weir__AssignSplits *assign = sent->envelope->assign_splits;
    if (!assign->n_splits) return assign->no_more ? '-' : '?';
    const Weir__Split *split = assign->splits[assign->n_splits - 1];
    readers[task].epoch = split->epoch;
    readers[task].sequence = split->sequence;
    readers[task].epochs[readers[task].count] = split->epoch;
    readers[task].sequences[readers[task].count] = split->sequence;
    readers[task].orders[readers[task].count] = split->order;
    readers[task].had[readers[task].count++] = split->id[0];
    return split->id[0];
}

static void readers_reset(uint32_t task)
{
    memset(&readers[task], 0, sizeof readers[task]);
}

static void report_as(struct world *w, uint32_t task, const struct weir_attempt_id *attempt)
{
    Weir__AttemptReport message = WEIR__ATTEMPT_REPORT__INIT;
    Weir__Split splits[32], *pointers[32];
    message.attempt = weir_attempt_id_to(&w->arena, attempt);
    message.splits = pointers;
    for (uint32_t i = 0; i < readers[task].count; i++) {
        weir__split__init(&splits[i]);
        splits[i].vertex = 1;
        splits[i].id = weir_arena_copy(&w->arena, &readers[task].had[i], 1);
        splits[i].epoch = readers[task].epochs[i];
        splits[i].sequence = readers[task].sequences[i];
        splits[i].order = readers[task].orders[i];
        pointers[message.n_splits++] = &splits[i];
    }
    weir_checkpoint_splits_reported(w->c, &message, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
}

static void report(struct world *w, uint32_t task)
{
    report_as(w, task, &w->tasks[task].attempt);
}

static void acknowledge_reader(struct world *w, uint32_t task, uint64_t id)
{
    Weir__SubtaskSnapshot *snapshot = world_snapshot(w, task, own_file(w, task, id), NULL);
    snapshot->split_epoch = readers[task].epoch;
    snapshot->split_sequence = readers[task].sequence;
    world_acknowledge_with(w, task, id, w->identity.epoch, snapshot);
}

static uint64_t triggered(struct world *w)
{
    uint64_t id = 0;
    world_advance(w, SECOND);
    w->seen = 0;
    for (const struct sent *sent; (sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER));)
        id = WEIR_MAX(id, sent->envelope->trigger->checkpoint);
    assert_int_not_equal(id, 0);
    return id;
}

static uint64_t checkpoint(struct world *w)
{
    uint64_t id = triggered(w);
    acknowledge_reader(w, 0, id);
    acknowledge_reader(w, 1, id);
    world_acknowledge(w, 2, id);
    world_acknowledge(w, 3, id);
    assert_int_equal(newest_named(w), id);
    for (uint32_t i = 0; i < 2; i++) readers[i].count = 0;
    return id;
}

static void each_split_is_given_out_once(void **state)
{
    struct world *w = *state;
    world_start(w);
    assert_int_equal(ask(w, 0), 0); /* none is known: the answer comes when there is one */
    w->seen = w->sent_count;
    set_splits(w, "abc", false);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    assert_non_null(sent);
    assert_int_equal(sent->node, 1);
    assert_string_equal(sent->envelope->assign_splits->splits[0]->id, "a");
    assert_int_equal(sent->envelope->assign_splits->splits[0]->epoch, 1);
    assert_int_equal(sent->envelope->assign_splits->splits[0]->sequence, 1);
    readers[0].epoch = readers[0].sequence = 1;
    assert_int_equal(ask(w, 1), 'b');
    set_splits(w, "abcd", true);
    assert_int_equal(ask(w, 0), 'c');
    assert_int_equal(ask(w, 1), 'd');
    assert_int_equal(ask(w, 0), '-');
    assert_int_equal(ask(w, 1), '-');
}

static void an_assignment_that_was_lost_is_sent_again(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abcd", true);
    assert_int_equal(ask(w, 0), 'a');
    uint64_t id = triggered(w);
    w->seen = w->sent_count;
    request_after(w, 0, 0, 0); /* it has received nothing */
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    assert_string_equal(sent->envelope->assign_splits->splits[0]->id, "a");
    assert_int_equal(sent->envelope->assign_splits->splits[0]->sequence, 1);
    world_decline(w, 0, id, WEIR__DECLINE_REASON__DECLINE_SPLIT_MISSING);
    sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    assert_non_null(sent);
    assert_string_equal(sent->envelope->assign_splits->splits[0]->id, "a");
    assert_int_equal(w->failures, 0);
    assert_int_equal(ask(w, 1), 'b');
}

static void a_trigger_names_the_last_assignment(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abcd", true);
    ask(w, 1);
    ask(w, 1);
    w->seen = w->sent_count;
    world_advance(w, SECOND);
    uint32_t found = 0;
    for (const struct sent *sent; (sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER));) {
        const Weir__TriggerCheckpoint *trigger = sent->envelope->trigger;
        for (size_t i = 0; i < trigger->n_attempts; i++) {
            if (trigger->attempts[i]->vertex != 1) continue;
            assert_int_equal(trigger->n_attempts, 1);
            assert_int_equal(trigger->split_sequence, trigger->attempts[i]->subtask == 1 ? 2 : 0);
            found++;
        }
    }
    assert_int_equal(found, 2);
}

static void a_new_leader_waits_for_the_readers_and_gives_nothing_out_twice(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abcdef", true);
    ask(w, 0); /* a */
    ask(w, 1); /* b */
    checkpoint(w);
    ask(w, 0); /* c */
    ask(w, 1); /* d: after the checkpoint */
    world_takeover(w);
    assert_int_equal(ask(w, 0), 0);
    report(w, 0);
    assert_int_equal(ask(w, 0), 0);
    w->seen = w->sent_count;
    report(w, 1);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    assert_non_null(sent);
    assert_string_equal(sent->envelope->assign_splits->splits[0]->id, "e");
    assert_int_equal(sent->envelope->assign_splits->splits[0]->epoch, 2);
    assert_int_equal(sent->envelope->assign_splits->splits[0]->sequence, 1);
    assert_int_equal(ask(w, 1), 'f');
    assert_int_equal(ask(w, 1), '-');
}

static void an_assignment_that_never_arrived_is_given_out_by_the_next_leader(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    checkpoint(w);
    ask(w, 0);        /* a */
    readers_reset(0); /* it was lost */
    world_takeover(w);
    report(w, 0);
    report(w, 1);
    assert_int_equal(ask(w, 1), 'a');
    assert_int_equal(ask(w, 0), 'b');
    assert_int_equal(ask(w, 0), 'c');
}

/* Restored with -n: the vertex stayed, its source is another. */
static void splits_of_another_source_are_not_given_out(void **state)
{
    static char *files[] = { (char *)"1_files" }, *topic[] = { (char *)"1_topic" };
    struct world *w = *state;
    w->plan->vertices[0]->n_operators = 1;
    w->plan->vertices[0]->operators = files;
    world_start(w);
    set_splits(w, "ab", true);
    checkpoint(w);
    w->plan->vertices[0]->operators = topic;
    world_takeover(w);
    report(w, 0);
    report(w, 1);
    set_splits(w, "xy", true);
    assert_int_equal(ask(w, 0), 'x');
    assert_int_equal(ask(w, 1), 'y');
    assert_int_equal(ask(w, 0), '-');
    checkpoint(w);
    world_takeover(w); /* of the same source they are */
    report(w, 0);
    report(w, 1);
    set_splits(w, "xyz", true);
    assert_int_equal(ask(w, 0), 'z');
}

static void a_reader_that_fails_over_gives_back_what_its_checkpoint_does_not_have(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abcdef", true);
    ask(w, 0); /* a */
    ask(w, 1); /* b */
    checkpoint(w);
    ask(w, 0); /* c */
    ask(w, 1); /* d */
    w->tasks[0].attempt.number = 2;
    w->tasks[0].run.counter = 2;
    w->tasks[0].run.restored_checkpoint = newest_named(w);
    readers_reset(0);
    world_tasks(w);
    assert_int_equal(ask(w, 1), 'c');
    assert_int_equal(ask(w, 0), 'e');
    assert_int_equal(ask(w, 0), 'f');
    assert_int_equal(ask(w, 0), '-');
}

/* Assignments count from 1 in every epoch: the snapshot of a later one has all of those before it. */
static void a_snapshot_of_a_later_epoch_has_the_assignments_of_earlier_ones(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    assert_int_equal(ask(w, 0), 'a');
    assert_int_equal(ask(w, 0), 'b');
    world_takeover(w);
    report(w, 0);
    report(w, 1);
    set_splits(w, "abc", true);
    assert_int_equal(ask(w, 0), 'c');
    assert_int_equal(readers[0].sequence, 1);
    checkpoint(w);
    w->tasks[0].attempt.epoch = 2;
    w->tasks[0].attempt.number = 1;
    w->tasks[0].run.counter = 2;
    w->tasks[0].run.restored_checkpoint = newest_named(w);
    readers_reset(0);
    world_tasks(w);
    assert_int_equal(ask(w, 0), '-');
}

/* Two failures after one checkpoint: what the attempt between them got is in nobody's state. */
static void what_an_attempt_without_a_snapshot_got_is_given_out_again(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    ask(w, 0); /* a */
    ask(w, 0); /* b: assignment 2 */
    checkpoint(w);
    for (uint32_t number = 2; number <= 3; number++) {
        w->tasks[0].attempt.number = number;
        w->tasks[0].run.counter = number;
        w->tasks[0].run.restored_checkpoint = newest_named(w);
        readers_reset(0);
        world_tasks(w);
        assert_int_equal(ask(w, 0), 'c'); /* assignment 1 of this attempt */
        assert_int_equal(readers[0].sequence, 1);
    }
    assert_int_equal(ask(w, 0), '-');
}

/* Attempts are numbered from 1 in every job: those in the savepoint that a job was started from are not its
 * own, whatever they have read, not even where a job keeps its id. */
static void what_an_attempt_of_an_earlier_job_had_read_is_not_its_namesakes(void **state)
{
    struct world *w = *state;
    Weir__VertexSnapshot vertex = WEIR__VERTEX_SNAPSHOT__INIT, *vertices[] = { &vertex };
    Weir__SubtaskSnapshot *subtask = world_snapshot(w, 0, "old/part", NULL);
    subtask->split_epoch = w->identity.epoch;
    subtask->split_sequence = 5;
    vertex.vertex = 1;
    vertex.n_subtasks = 1;
    vertex.subtasks = &subtask;
    Weir__CheckpointMetadata metadata = WEIR__CHECKPOINT_METADATA__INIT;
    uint8_t job[16] = "another job     ", bytes[4096];
    metadata.format = WEIR_RECORD_FORMAT;
    metadata.job = (ProtobufCBinaryData){ 16, job };
    metadata.id = 17;
    metadata.epoch = 1;
    metadata.n_vertices = 1;
    metadata.vertices = vertices;
    world_put(w, "old/_metadata", bytes, weir__checkpoint_metadata__pack(&metadata, bytes));
    Weir__JobRecord *record = (Weir__JobRecord *)world_record(w);
    record->restore = WEIR_PROTO_NEW(&w->arena, Weir__RestoreOrigin, weir__restore_origin);
    record->restore->path = (char *)"old/";
    record->restore->claim_mode = WEIR__CLAIM_MODE__NO_CLAIM;
    world_record_set(w, record);
    world_start(w);
    set_splits(w, "ab", true);
    assert_int_equal(ask(w, 0), 'a');
    w->tasks[0].attempt.number++;
    w->tasks[0].run.counter++;
    readers_reset(0);
    world_tasks(w);
    assert_int_equal(ask(w, 0), 'a');
    assert_int_equal(ask(w, 0), 'b');
    assert_int_equal(ask(w, 0), '-');
}

static void splits_that_cannot_be_read_are_not_guessed(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "ab", true);
    ask(w, 0);
    uint64_t id = checkpoint(w);
    struct blob *blob = blob_find(w, world_file(w, id, "_metadata"));
    Weir__CheckpointMetadata *metadata;
    assert_int_equal(
        weir_checkpoint_metadata_decode(&w->arena, blob->bytes, blob->length, &metadata, NULL), 0);
    for (size_t v = 0; v < metadata->n_vertices; v++)
        if (metadata->vertices[v]->enumerator.len) metadata->vertices[v]->enumerator.data[0] = 77; /* newer */
    size_t length;
    const uint8_t *bytes = weir_checkpoint_metadata_encode(&w->arena, metadata, &length);
    const char *path = weir_arena_string(&w->arena, blob->path);
    world_remove(w, path);
    world_put(w, path, bytes, length);
    world_takeover(w);
    report(w, 0);
    report(w, 1);
    set_splits(w, "ab", true);
    assert_int_equal(ask(w, 0), 0);
    assert_int_equal(ask(w, 1), 0);
}

static void a_lost_reader_is_reset_by_a_new_leader(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abcd", true);
    ask(w, 0); /* a */
    checkpoint(w);
    ask(w, 0);                     /* b */
    ask(w, 1);                     /* c */
    w->tasks[0].attempt.epoch = 2; /* redeployed by the new leader from the checkpoint */
    w->tasks[0].attempt.number = 1;
    w->tasks[0].run.restored_checkpoint = newest_named(w);
    readers_reset(0);
    world_takeover(w);
    report(w, 1);
    assert_int_equal(ask(w, 1), 'b');
    assert_int_equal(ask(w, 0), 'd');
    assert_int_equal(ask(w, 0), '-');
}

/* The reader's snapshot decides, not when the trigger was sent. */
static void an_assignment_between_trigger_and_snapshot_is_in_the_checkpoint(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    uint64_t id = triggered(w);
    ask(w, 0); /* a, received before the snapshot */
    acknowledge_reader(w, 0, id);
    ask(w, 1); /* b, received after it */
    world_acknowledge_with(w, 1, id, 1, world_snapshot(w, 1, own_file(w, 1, id), NULL));
    world_acknowledge(w, 2, id);
    world_acknowledge(w, 3, id);
    assert_int_equal(newest_named(w), id);
    for (uint32_t i = 0; i < 4; i++) { /* all fail over */
        w->tasks[i].attempt.epoch = 2;
        w->tasks[i].run.restored_checkpoint = id;
    }
    readers_reset(0);
    readers_reset(1);
    world_takeover(w);
    assert_int_equal(ask(w, 0), 'b');
    assert_int_equal(ask(w, 1), 'c');
    assert_int_equal(ask(w, 0), '-');
}

static void splits_are_found_in_a_directory_and_never_again(void **state)
{
    struct world *w = *state;
    w->plan->vertices[0]->split_directory = (char *)"in";
    w->plan->vertices[0]->split_discovery_ms = 1000;
    world_put(w, "in/1", "x", 1);
    world_put(w, "in/2", "x", 1);
    world_start(w);
    assert_int_equal(ask(w, 0), 'i');
    ask(w, 1);
    assert_int_equal(ask(w, 0), 0);
    world_put(w, "in/3", "x", 1);
    w->seen = w->sent_count;
    world_advance(w, SECOND);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    assert_string_equal(sent->envelope->assign_splits->splits[0]->id, "in/3");
    readers[0].epoch = sent->envelope->assign_splits->splits[0]->epoch;
    readers[0].sequence = sent->envelope->assign_splits->splits[0]->sequence;
    checkpoint(w);
    world_takeover(w);
    report(w, 0);
    report(w, 1);
    world_advance(w, 5 * SECOND);
    assert_int_equal(ask(w, 0), 0);
    assert_int_equal(ask(w, 1), 0);
}

static void find(struct world *w, uint32_t task, const char *names, bool more, bool complete)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__SplitsFound message = WEIR__SPLITS_FOUND__INIT;
    char *ids[32];
    envelope.body_case = WEIR__ENVELOPE__BODY_SPLITS_FOUND;
    envelope.splits_found = &message;
    message.attempt = weir_attempt_id_to(&w->arena, &w->tasks[task].attempt);
    for (; names[message.n_ids]; message.n_ids++)
        ids[message.n_ids] = weir_arena_format(&w->arena, "%c", names[message.n_ids]);
    message.ids = ids;
    message.more = more;
    message.complete = complete;
    world_message_from(w, w->tasks[task].node, &envelope);
}

static void a_reader_is_asked_which_splits_there_are_until_it_knows_them_all(void **state)
{
    struct world *w = *state;
    w->plan->vertices[0]->split_discovery_ms = 1000;
    w->seen = w->sent_count;
    world_start(w);
    assert_non_null(world_next(w, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS));
    assert_null(world_next(w, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS));
    world_advance(w, 4 * SECOND); /* the answer was lost */
    assert_non_null(world_next(w, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS));
    assert_int_equal(ask(w, 0), 0);
    find(w, 0, "a", true, false);
    find(w, 0, "b", false, false);
    w->seen = w->sent_count;
    world_advance(w, 2 * SECOND);
    assert_non_null(world_next(w, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS));
    find(w, 0, "abc", false, true);
    w->seen = w->sent_count;
    world_advance(w, 60 * SECOND);
    assert_null(world_next(w, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS));
    assert_int_equal(ask(w, 1), 'b'); /* a went to the one that waited */
    assert_int_equal(ask(w, 1), 'c');
    assert_int_equal(ask(w, 1), '-');
}

static void a_new_epoch_of_the_same_leader_has_the_readers_report_again(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    ask(w, 0);                 /* a */
    request_after(w, 1, 0, 0); /* b, refused there: the epoch has changed meanwhile */
    w->identity.epoch = 5;
    weir_record_epoch(&w->record, 5, 2, w->now_us, &w->effects);
    carry_out(w);
    world_tasks(w);
    assert_int_equal(ask(w, 0), 0);
    report(w, 0);
    report(w, 1);
    w->seen = 0;
    char last = 0;
    for (const struct sent *sent; (sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS));)
        last = sent->envelope->assign_splits->splits[0]->id[0];
    assert_int_equal(last, 'b');
}

/* 918024 splits: it was forgotten, and nothing was assigned any more. */
static void a_report_may_be_the_first_thing_of_a_new_epoch(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    ask(w, 0); /* a */
    w->identity.epoch = 5;
    weir_record_epoch(&w->record, 5, 2, w->now_us, &w->effects);
    report(w, 0);
    report(w, 1);
    carry_out(w);
    world_tasks(w);
    assert_int_equal(ask(w, 1), 'b');
}

static void a_report_may_come_before_its_attempt_is_known(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    ask(w, 0); /* a */
    checkpoint(w);
    ask(w, 0); /* b */
    uint32_t count = w->task_count;
    w->task_count = 0;
    w->all_running = false;
    world_takeover(w);
    report(w, 0);
    report(w, 1);
    w->task_count = count;
    w->all_running = true;
    world_tasks(w);
    assert_int_equal(ask(w, 1), 'c');
    assert_int_equal(ask(w, 1), '-');
}

/* Tasks of a later epoch are known when an older one, as that subtask, says that it has a split. */
static void a_deposed_one_reports(struct world *w, uint32_t subtask)
{
    world_start(w);
    set_splits(w, "abc", true);
    checkpoint(w);
    ask(w, 0); /* a */
    struct weir_attempt_id older = w->tasks[0].attempt;
    older.subtask = subtask;
    w->tasks[0].attempt.epoch = 2;
    w->tasks[1].attempt.epoch = 2;
    world_takeover(w);
    report_as(w, 0, &older);
    readers_reset(0);
    assert_int_equal(ask(w, 1), 'a');
    assert_int_equal(ask(w, 0), 'b');
}

static void what_a_deposed_reader_reports_does_not_count(void **state)
{
    a_deposed_one_reports(*state, 0);
}

/* 2819 splits: nobody would ever give back what it had. */
static void nor_does_what_a_reader_of_a_wider_job_reports(void **state)
{
    a_deposed_one_reports(*state, 7);
}

/* 1623676 splits: a new leader hears of two attempts before it knows which of them goes on. */
static void an_older_attempt_does_not_speak_for_a_newer_one(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "abc", true);
    ask(w, 0); /* a */
    checkpoint(w);
    ask(w, 0); /* b */
    struct weir_attempt_id older = w->tasks[0].attempt;
    uint32_t count = w->task_count;
    w->tasks[0].attempt.epoch = 2;
    w->task_count = 0;
    w->all_running = false;
    world_takeover(w);
    report(w, 0);
    report_as(w, 0, &older);
    report(w, 1);
    w->task_count = count;
    w->all_running = true;
    world_tasks(w);
    assert_int_equal(ask(w, 1), 'c');
    assert_int_equal(ask(w, 1), '-');
}

/* The same, of a split that a later leader has given to another reader. */
static void an_older_assignment_does_not_take_a_split(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "ab", true);
    checkpoint(w);
    ask(w, 0); /* a */
    struct weir_attempt_id older = w->tasks[0].attempt;
    uint32_t count = w->task_count;
    readers[1] = readers[0];
    readers[1].epoch = readers[1].epochs[0] = 2;
    w->tasks[0].attempt.epoch = 3;
    w->task_count = 0;
    w->all_running = false;
    world_takeover(w);
    report(w, 1);
    report_as(w, 0, &older);
    w->task_count = count;
    w->all_running = true;
    world_tasks(w);
    readers_reset(0);
    report(w, 0);
    assert_int_equal(ask(w, 0), 'b');
    assert_int_equal(ask(w, 0), '-');
}

/* The same, of one that the same leader has given to another reader since. The older attempt's report comes
 * last, and nothing has been heard of the one in its place. */
static void nor_does_an_older_assignment_of_the_same_epoch(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "ab", true);
    checkpoint(w);
    assert_int_equal(ask(w, 0), 'a');
    struct weir_attempt_id older = w->tasks[0].attempt;
    w->tasks[0].attempt.number++;
    world_tasks(w); /* a is free again */
    assert_int_equal(ask(w, 1), 'a');
    uint32_t count = w->task_count;
    w->task_count = 0;
    w->all_running = false;
    world_takeover(w);
    report(w, 1);
    report_as(w, 0, &older);
    readers_reset(0);
    report(w, 0);
    w->task_count = count;
    w->all_running = true;
    world_tasks(w);
    assert_int_equal(ask(w, 0), 'b');
    assert_int_equal(ask(w, 0), '-');
}

/* Of its region another run may be where nobody sees it. What that one has read nobody has said. */
static void nothing_is_given_out_while_a_reader_is_not_attached(void **state)
{
    struct world *w = *state;
    world_start(w);
    set_splits(w, "ab", true);
    checkpoint(w);
    struct weir_attempt_id older = w->tasks[0].attempt;
    struct weir_attempt_id newer = older;
    newer.number++;
    world_takeover(w);
    report(w, 1);
    report_as(w, 0, &older);
    w->tasks[0].running = false; /* deposed, to be deployed again */
    w->all_running = false;
    world_tasks(w);
    assert_int_equal(ask(w, 1), 0);
    newer.epoch = w->identity.epoch;
    newer.number = 1;
    w->tasks[0].attempt = newer;
    w->tasks[0].running = true;
    w->all_running = true;
    w->seen = w->sent_count;
    world_tasks(w);
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS);
    assert_non_null(sent);
    assert_string_equal(sent->envelope->assign_splits->splits[0]->id, "a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_reader_is_asked_which_splits_there_are_until_it_knows_them_all, setup, teardown),
        TEST(each_split_is_given_out_once),
        TEST(an_assignment_that_was_lost_is_sent_again),
        TEST(a_trigger_names_the_last_assignment),
        TEST(a_new_leader_waits_for_the_readers_and_gives_nothing_out_twice),
        TEST(an_assignment_that_never_arrived_is_given_out_by_the_next_leader),
        TEST(splits_of_another_source_are_not_given_out),
        TEST(a_reader_that_fails_over_gives_back_what_its_checkpoint_does_not_have),
        TEST(a_snapshot_of_a_later_epoch_has_the_assignments_of_earlier_ones),
        TEST(what_an_attempt_without_a_snapshot_got_is_given_out_again),
        TEST(what_an_attempt_of_an_earlier_job_had_read_is_not_its_namesakes),
        TEST(splits_that_cannot_be_read_are_not_guessed),
        TEST(a_lost_reader_is_reset_by_a_new_leader),
        TEST(an_assignment_between_trigger_and_snapshot_is_in_the_checkpoint),
        TEST(splits_are_found_in_a_directory_and_never_again),
        TEST(a_report_may_be_the_first_thing_of_a_new_epoch),
        TEST(a_report_may_come_before_its_attempt_is_known),
        TEST(what_a_deposed_reader_reports_does_not_count),
        TEST(nor_does_what_a_reader_of_a_wider_job_reports),
        TEST(an_older_attempt_does_not_speak_for_a_newer_one),
        TEST(an_older_assignment_does_not_take_a_split),
        TEST(nor_does_an_older_assignment_of_the_same_epoch),
        TEST(nothing_is_given_out_while_a_reader_is_not_attached),
        TEST(a_new_epoch_of_the_same_leader_has_the_readers_report_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
