/* What is read at a takeover, what is claimed, what is deleted and what never. */
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

static bool clean(struct world *w, Weir__JobState result)
{
    for (uint32_t i = 0; i < 200; i++) {
        bool done = weir_checkpoint_clean(w->c, result, w->now_us, &w->effects);
        carry_out(w);
        if (done) return true;
        world_advance(w, SECOND / 10);
    }
    return false;
}

static uint32_t files_below(const struct world *w, const char *prefix)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->blob_count; i++)
        count += strncmp(w->blobs[i].path, prefix, strlen(prefix)) == 0;
    return count;
}

/* ---------------------------------------------------------------- reading (H9) */

static void what_is_not_found_twice_is_unreadable(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    world_start(w);
    world_remove(w, world_file(w, world_checkpoint(w), "_metadata"));
    world_takeover(w);
    assert_false(weir_checkpoint_is_loaded(w->c));
    world_advance(w, 5 * SECOND);
    assert_true(weir_checkpoint_is_loaded(w->c));
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(strstr(failed, "not found"));
    w->seen = w->sent_count;
    world_advance(w, 10 * SECOND);
    assert_int_equal(world_count(w, WEIR__ENVELOPE__BODY_TRIGGER), 0);
}

static void what_comes_late_is_read(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    struct blob kept = *blob_find(w, world_file(w, id, "_metadata"));
    world_remove(w, kept.path);
    world_takeover(w);
    world_advance(w, SECOND);
    world_put(w, kept.path, kept.bytes, kept.length);
    world_advance(w, 2 * SECOND);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, id);
}

static void an_outage_of_the_storage_is_waited_out(void **state)
{
    struct world *w = *state;
    const char *failed = "";
    world_start(w);
    uint64_t id = world_checkpoint(w);
    world_end(w);
    w->blobs_fail = true;
    w->identity.epoch++;
    world_begin(w);
    world_tasks(w);
    world_advance(w, 600 * SECOND);
    assert_false(weir_checkpoint_is_loaded(w->c));
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_null(failed);
    w->blobs_fail = false;
    world_advance(w, 11 * SECOND);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, id);
}

static void damage(struct world *w, uint64_t id)
{
    struct blob *blob = blob_find(w, world_file(w, id, "_metadata"));
    blob->length /= 2;
}

static void damaged_metadata_fails_the_job_and_keeps_everything(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    damage(w, id);
    uint32_t before = w->blob_count;
    world_takeover(w);
    assert_true(weir_checkpoint_is_loaded(w->c));
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(strstr(failed, "_metadata"));
    world_advance(w, 200 * SECOND);
    assert_int_equal(w->blob_count, before);
}

static void falling_back_is_a_policy(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    w->settings->checkpoint_retained = 2;
    w->settings->allow_fall_back = true;
    world_start(w);
    world_checkpoint(w);
    uint64_t id = world_checkpoint(w);
    damage(w, id);
    world_takeover(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, id - 1);
    assert_int_equal(weir_checkpoint_newest_id(w->c), id - 1);
    assert_int_equal(newest_named(w), id - 1); /* the record says so, too */
}

static void exactly_once_sinks_are_never_fallen_back_below(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    w->settings->checkpoint_retained = 2;
    w->settings->allow_fall_back = true;
    w->settings->exactly_once_sinks = true;
    world_start(w);
    world_checkpoint(w);
    uint64_t id = world_checkpoint(w);
    damage(w, id);
    world_takeover(w);
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(failed);
    assert_int_equal(newest_named(w), id);
}

/* ---------------------------------------------------------------- origins */

/* The savepoint of another job, at "old". */
static void put_origin(struct world *w, Weir__VertexSnapshot *vertex)
{
    Weir__CheckpointMetadata metadata = WEIR__CHECKPOINT_METADATA__INIT;
    uint8_t job[16] = "another job     ", bytes[4096];
    metadata.format = WEIR_RECORD_FORMAT;
    metadata.job = (ProtobufCBinaryData){ 16, job };
    metadata.id = 17;
    metadata.epoch = 3;
    metadata.n_vertices = 1;
    metadata.vertices = &vertex;
    world_put(w, "old/_metadata", bytes, weir__checkpoint_metadata__pack(&metadata, bytes));
}

static void restore_from_origin(struct world *w, Weir__ClaimMode mode, bool allow_non_restored_state)
{
    Weir__JobRecord *record = (Weir__JobRecord *)world_record(w);
    record->restore = WEIR_PROTO_NEW(&w->arena, Weir__RestoreOrigin, weir__restore_origin);
    record->restore->path = (char *)"old/";
    record->restore->claim_mode = mode;
    record->restore->allow_non_restored_state = allow_non_restored_state;
    world_record_set(w, record);
}

static void make_origin_of(
    struct world *w, Weir__ClaimMode mode, uint32_t vertex_id, bool allow_non_restored_state)
{
    Weir__VertexSnapshot vertex = WEIR__VERTEX_SNAPSHOT__INIT;
    Weir__SubtaskSnapshot *subtasks[1] = { world_snapshot(w, 0, "old/part", NULL) };
    vertex.vertex = vertex_id;
    vertex.n_subtasks = 1;
    vertex.subtasks = subtasks;
    put_origin(w, &vertex);
    restore_from_origin(w, mode, allow_non_restored_state);
}

static void make_origin(struct world *w, Weir__ClaimMode mode)
{
    make_origin_of(w, mode, 1, false);
}

static void an_origin_is_restored_from_and_left_alone(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin(w, WEIR__CLAIM_MODE__NO_CLAIM);
    world_start(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
    assert_int_equal(weir_checkpoint_newest_id(w->c), 0);
    uint64_t id = world_checkpoint(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, id);
    world_takeover(w);
    world_advance(w, 200 * SECOND);
    assert_true(world_has(w, "old/_metadata") && world_has(w, "old/part"));
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_true(world_has(w, "old/_metadata") && world_has(w, "old/part"));
    assert_int_equal(files_below(w, "cp/"), 0);
}

/* As a job that keeps its id goes on from what it left: the folder that is swept is the origin's, too. */
static void an_origin_in_the_own_folder_is_known_however_it_is_spelled(void **state)
{
    struct world *w = *state;
    make_origin(w, WEIR__CLAIM_MODE__NO_CLAIM);
    const struct blob *old = blob_find(w, "old/_metadata");
    size_t length = old->length;
    const uint8_t *bytes = (const uint8_t *)weir_arena_copy(&w->arena, old->bytes, length);
    const char *listed = world_file(w, 17, "_metadata");
    char *named = weir_arena_format(&w->arena, "file:%s", listed);
    world_put(w, listed, bytes, length);
    world_put(w, named, bytes, length);
    Weir__JobRecord *record = (Weir__JobRecord *)world_record(w);
    *strrchr(named, '/') = '\0';
    record->restore->path = named;
    world_record_set(w, record);
    world_start(w);
    world_checkpoint(w);
    world_takeover(w);
    world_advance(w, 200 * SECOND);
    assert_true(world_has(w, listed));
    Weir__JobResult result = WEIR__JOB_RESULT__INIT;
    result.state = WEIR__JOB_STATE__JOB_FINISHED;
    weir_checkpoint_leftovers(w->c, &result, &w->arena);
    assert_string_equal(result.leftovers_directory, ""); /* nor after the end */
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_true(world_has(w, listed));
}

/* State that nothing of this job takes is left behind only when that was said. */
static void an_origin_of_another_plan_is_refused(void **state)
{
    struct world *w = *state;
    make_origin_of(w, WEIR__CLAIM_MODE__CLAIM, 77, false);
    world_start(w);
    const char *failed = NULL;
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(failed);
    assert_non_null(strstr(failed, "'old/_metadata'"));
    assert_non_null(strstr(failed, "vertex 77, which this job does not have"));
    assert_true(world_has(w, "old/_metadata") && world_has(w, "old/part"));
}

/* The client waits for it. A job's own checkpoint is tried for longer. */
static void an_origin_that_can_never_be_read_fails_its_job(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin(w, WEIR__CLAIM_MODE__NO_CLAIM);
    w->unreadable = "old/_metadata";
    world_start(w);
    assert_true(weir_checkpoint_is_loaded(w->c));
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(strstr(failed, "'old/_metadata': it is a directory"));
}

static void an_own_checkpoint_that_cannot_be_read_is_tried_again(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    w->unreadable = world_file(w, id, "_metadata");
    world_takeover(w);
    world_advance(w, 60 * SECOND);
    assert_false(weir_checkpoint_is_loaded(w->c));
    w->unreadable = NULL;
    world_advance(w, 60 * SECOND);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, id);
}

/* Its owner has closed its folder to everybody else: the next leader cannot read what it holds, and need not.
 */
static void users_may_close_what_is_theirs(void **state)
{
    struct world *w = *state;
    static const uint8_t request[16] = "the request no.1";
    make_origin(w, WEIR__CLAIM_MODE__NO_CLAIM);
    world_start(w);
    uint64_t first = world_checkpoint(w);
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, "mine", w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger;
    for (uint32_t i = 0; i < w->task_count; i++) {
        const char *file = weir_arena_format(&w->arena, "%s/part-%u", trigger->directory, i);
        world_acknowledge_with(
            w, i, trigger->checkpoint, w->identity.epoch, world_snapshot(w, i, file, NULL));
    }
    const char *pointers[] = { "old/_metadata",
        weir_arena_format(&w->arena, "%s/_metadata", trigger->directory) };
    for (uint32_t i = 0; i < 2; i++) {
        w->unreadable = pointers[i];
        world_takeover(w);
        uint64_t next = world_checkpoint(w);
        assert_false(world_has(w, world_file(w, first, "_metadata"))); /* subsumed */
        first = next;
    }
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(files_below(w, "cp/"), 0);
    assert_true(world_has(w, "old/part") && world_has(w, pointers[0]) && world_has(w, pointers[1]));
}

static void an_origin_of_another_plan_is_taken_when_that_was_said(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin_of(w, WEIR__CLAIM_MODE__NO_CLAIM, 77, true);
    world_start(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
    assert_null(failed);
}

/* In vertex 1 an operator has become another. enumerated: whose splits "old" has; NULL: none, but the old
 * operator's state. */
static void make_origin_of_operators(struct world *w, const char *enumerated, bool allow_non_restored_state)
{
    static char *plan[] = { (char *)"1_source", (char *)"3_aggregate", (char *)"4_sink" },
                *had[] = { (char *)"1_source", (char *)"3_rank" };
    Weir__VertexSnapshot vertex = WEIR__VERTEX_SNAPSHOT__INIT;
    Weir__SubtaskSnapshot *subtasks[2] = { world_snapshot(w, 0, "old/part", NULL),
        world_snapshot(w, 1, "old/part", NULL) };
    for (uint32_t i = 0; i < 2; i++) {
        subtasks[i]->n_operators = enumerated ? 1 : 2;
        subtasks[i]->operators = had;
    }
    uint8_t splits[] = { 1, 1, 0 };
    vertex.vertex = 1;
    vertex.n_subtasks = 2;
    vertex.subtasks = subtasks;
    if (enumerated) {
        vertex.enumerated = (char *)enumerated;
        vertex.enumerator = (ProtobufCBinaryData){ sizeof splits, splits };
    }
    put_origin(w, &vertex);
    restore_from_origin(w, WEIR__CLAIM_MODE__NO_CLAIM, allow_non_restored_state);
    w->plan->vertices[0]->name = (char *)"Source -> Aggregate -> Sink";
    w->plan->vertices[0]->n_operators = 3;
    w->plan->vertices[0]->operators = plan;
}

static void state_of_an_operator_that_is_gone_is_refused(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin_of_operators(w, NULL, false);
    world_start(w);
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_string_equal(failed,
        "'old/_metadata': it holds state of operator '3_rank' of vertex 1, which this job does not have in "
        "that "
        "vertex ('Source -> Aggregate -> Sink'): it was taken of another job or plan. -n "
        "(--allowNonRestoredState) leaves such state behind");
}

static void state_of_an_operator_that_is_gone_is_left_when_that_was_said(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin_of_operators(w, NULL, true);
    world_start(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
    assert_null(failed);
    assert_int_equal(w->warning_count, 1);
    assert_string_equal(w->warning, "State in 'old/_metadata' is left behind (--allowNonRestoredState): this "
                                    "job has nothing that takes that "
                                    "of operator '3_rank' of vertex 1.");
}

static void splits_of_another_source_are_refused(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin_of_operators(w, "1_other", false);
    world_start(w);
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(strstr(failed, "operator '1_other' of vertex 1, which this job does not have"));
}

static void an_operator_that_stayed_is_taken(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin_of_operators(w, "1_source", false);
    world_start(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
    assert_int_equal(w->warning_count, 0);
}

/* What was written before operators were listed is taken as it was then. */
static void plans_and_snapshots_without_operators_are_taken(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin_of_operators(w, NULL, false);
    w->plan->vertices[0]->n_operators = 0;
    world_start(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
    assert_null(failed);
}

static void a_claimed_origin_goes_when_the_first_checkpoint_is_complete(void **state)
{
    struct world *w = *state;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_start(w);
    assert_true(world_has(w, "old/_claimed"));
    assert_true(world_has(w, "old/part"));
    world_put(w, "old/_claimed.1.inprogress", "a", 1); /* of a leader that died over it */
    world_checkpoint(w);
    world_advance(w, SECOND);
    assert_int_equal(files_below(w, "old/"), 0);
    world_takeover(w);
    world_advance(w, 10 * SECOND);
    assert_true(weir_checkpoint_is_loaded(w->c));
}

static void a_new_leader_goes_on_deleting_what_was_claimed(void **state)
{
    struct world *w = *state;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_start(w);
    struct blob metadata = *blob_find(w, "old/_metadata"), marker = *blob_find(w, "old/_claimed");
    world_checkpoint(w);
    world_advance(w, SECOND);
    assert_int_equal(files_below(w, "old/"), 0);
    world_put(w, "old/part", "x", 1); /* as if the older leader had not come so far */
    world_put(w, metadata.path, metadata.bytes, metadata.length);
    world_put(w, marker.path, marker.bytes, marker.length);
    world_takeover(w);
    world_advance(w, SECOND);
    assert_int_equal(files_below(w, "old/"), 0);
}

/* A leader may die at any point of it: the next one finds the rest by the metadata, and the mark without it.
 */
static void the_metadata_of_what_was_claimed_goes_after_its_files(void **state)
{
    struct world *w = *state;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_start(w);
    struct blob marker = *blob_find(w, "old/_claimed");
    w->stays = "old/part";
    world_checkpoint(w);
    world_advance(w, 10 * SECOND);
    assert_true(world_has(w, "old/part") && world_has(w, "old/_metadata") && world_has(w, "old/_claimed"));
    world_takeover(w);
    w->stays = NULL;
    world_advance(w, 10 * SECOND);
    assert_int_equal(files_below(w, "old/"), 0);
    world_put(w, marker.path, marker.bytes, marker.length);
    world_takeover(w);
    world_advance(w, 10 * SECOND);
    assert_int_equal(files_below(w, "old/"), 0);
}

/* What an earlier leader has marked is not ours before we have looked; ended then, the job gives it back. */
static void a_claim_is_given_back_by_a_leader_that_finds_the_job_ended(void **state)
{
    struct world *w = *state;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_start(w);
    assert_true(world_has(w, "old/_claimed"));
    w->hold_at_start = true;
    world_takeover(w);
    w->hold_at_start = false;
    world_put(w, "old/_claimed.1.inprogress", "a", 1);
    assert_false(weir_checkpoint_clean(w->c, WEIR__JOB_STATE__JOB_CANCELED, w->now_us, &w->effects));
    carry_out(w);
    w->blobs_held = false;
    struct request held[8];
    uint32_t count = w->held_count;
    assert_true(count > 0 && count <= 8);
    memcpy(held, w->held, sizeof *held * count);
    w->held_count = 0;
    for (uint32_t i = count; i > 0; i--) { /* the claim's own last */
        blob_carry_out(w, held[i - 1].tag, &held[i - 1].blob);
        carry_out(w);
    }
    assert_true(clean(w, WEIR__JOB_STATE__JOB_CANCELED));
    assert_false(world_has(w, "old/_claimed") || world_has(w, "old/_claimed.1.inprogress"));
    assert_true(world_has(w, "old/_metadata") && world_has(w, "old/part"));
}

static void a_claim_that_was_given_back_may_be_another_jobs_at_once(void **state)
{
    struct world *w = *state;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_start(w);
    w->taken_again = "old/_claimed";
    assert_true(clean(w, WEIR__JOB_STATE__JOB_CANCELED));
    world_advance(w, SECOND);
    assert_null(w->taken_again);
    assert_true(world_has(w, "old/_claimed"));
}

static void of_two_jobs_that_claim_only_one_gets_it(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_put(w, "old/_claimed", "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", 32);
    world_start(w);
    assert_true(weir_checkpoint_is_loaded(w->c));
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(strstr(failed, "cdcdcd"));
    world_end(w);
    world_remove(w, "old/_claimed");
    world_put(w, "old/_claimed", "abababababababababababababababab", 32); /* an earlier leader of ours */
    w->identity.epoch++;
    world_begin(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
}

static void what_cannot_be_marked_is_not_claimed(void **state)
{
    struct world *w = *state;
    const char *failed = NULL;
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    w->denied = "old/_claimed";
    world_start(w);
    assert_true(weir_checkpoint_is_loaded(w->c));
    assert_null(weir_checkpoint_newest(w->c, &failed));
    assert_non_null(strstr(failed, "cannot be claimed, for it cannot be deleted later: it is read-only"));
    world_end(w);
    world_put(w, "old/_claimed", "abababababababababababababababab", 32); /* while it could be written */
    w->identity.epoch++;
    world_begin(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &failed)->id, 17);
}

/* ---------------------------------------------------------------- sweep (H5, H10) */

static void the_sweep_of_a_new_leader_takes_what_nothing_names(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    world_put(w, world_file(w, id, "nobody's"), "x", 1);
    world_put(w, world_file(w, id + 1, "of a try"), "x", 1);
    world_put(w, world_file(w, id + 1, "_metadata"), "x", 1);
    world_put(w, world_file(w, 5000, "of a newer leader"), "x", 1);
    world_put(w, "cp/elsewhere", "x", 1);
    w->settings->checkpoint_interval_ms = 0;
    world_takeover(w);
    world_advance(w, 100 * SECOND);
    assert_true(world_has(w, world_file(w, id, "_metadata")));
    assert_true(world_has(w, own_file(w, 0, id)));
    assert_false(world_has(w, world_file(w, id, "nobody's")));
    assert_false(world_has(w, world_file(w, id + 1, "of a try")));
    assert_false(world_has(w, world_file(w, id + 1, "_metadata")));
    assert_true(world_has(w, world_file(w, 5000, "of a newer leader")));
    assert_true(world_has(w, "cp/elsewhere"));
}

static void the_sweep_leaves_what_is_in_flight(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_timeout_ms = 1000 * 1000;
    world_start(w);
    world_advance(w, SECOND);
    uint64_t id = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    world_acknowledge(w, 0, id);
    world_put(w, world_file(w, id, "not acknowledged yet"), "x", 1);
    world_advance(w, 200 * SECOND);
    assert_true(world_has(w, own_file(w, 0, id)));
    assert_true(world_has(w, world_file(w, id, "not acknowledged yet")));
}

static void nothing_is_deleted_while_a_named_one_is_not_read(void **state)
{
    struct world *w = *state;
    w->settings->checkpoint_retained = 2;
    world_start(w);
    world_checkpoint(w);
    world_checkpoint(w);
    uint64_t id = world_checkpoint(w);
    struct blob *older = blob_find(w, world_file(w, id - 1, "_metadata"));
    size_t length = older->length;
    older->length = 3;
    world_put(w, world_file(w, 1, "nobody's"), "x", 1);
    world_takeover(w);
    world_advance(w, 100 * SECOND);
    assert_true(world_has(w, world_file(w, 1, "nobody's")));
    blob_find(w, world_file(w, id - 1, "_metadata"))->length = length;
    world_takeover(w);
    world_advance(w, 100 * SECOND);
    assert_false(world_has(w, world_file(w, 1, "nobody's")));
}

static const char *final_file(struct world *w, uint32_t task)
{
    return w->tasks[task].final_snapshot->files[0];
}

static void final_snapshots_go_only_when_a_later_attempt_is_named(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_finish(w, 0);
    const char *file = final_file(w, 0);
    world_takeover(w); /* not known to have ended: it reports later */
    w->tasks[0].running = true;
    w->tasks[0].finished = false;
    w->tasks[0].final_snapshot = NULL;
    w->all_running = false;
    world_tasks(w);
    world_advance(w, 100 * SECOND);
    assert_true(world_has(w, file));
    w->tasks[0].attempt.epoch = 2; /* deployed anew, from nothing */
    w->all_running = true;
    w->seen = w->sent_count;
    world_tasks(w);
    assert_true(world_has(w, file));
    const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
    assert_non_null(sent);
    world_acknowledge_all(w, sent->envelope->trigger->checkpoint);
    world_takeover(w);
    world_advance(w, 100 * SECOND);
    assert_false(world_has(w, file));
}

static void deletions_are_tried_again(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    w->blobs_held = true;
    w->seen = w->sent_count;
    world_advance(w, SECOND);
    uint64_t next = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    world_acknowledge_all(w, next);
    assert_int_equal(w->held_count, 1);
    struct request put = w->held[0];
    w->held_count = 0;
    blob_carry_out(w, put.tag, &put.blob); /* the deletions are held back now */
    carry_out(w);
    assert_int_equal(newest_named(w), next);
    assert_true(w->held_count >= 5);
    w->blobs_fail = true;
    world_blobs_answer(w);
    assert_true(world_has(w, own_file(w, 0, id)));
    w->blobs_fail = false;
    world_advance(w, SECOND);
    assert_false(world_has(w, own_file(w, 0, id)));
    assert_false(world_has(w, world_file(w, id, "_metadata")));
}

/* ---------------------------------------------------------------- the end of the job */

static void retention_decides_what_a_job_leaves(void **state)
{
    static const struct {
        Weir__ExternalizedRetention retention;
        Weir__JobState result;
        bool kept;
    } cases[] = { { WEIR__EXTERNALIZED_RETENTION__NO_EXTERNALIZED_CHECKPOINTS, WEIR__JOB_STATE__JOB_FAILED,
                      false },
        { WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION, WEIR__JOB_STATE__JOB_CANCELED, false },
        { WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION, WEIR__JOB_STATE__JOB_FAILED, true },
        { WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION, WEIR__JOB_STATE__JOB_CANCELED, true },
        { WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION, WEIR__JOB_STATE__JOB_FAILED, true },
        { WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION, WEIR__JOB_STATE__JOB_FINISHED, false } };
    struct world *w = *state;
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        if (i) world_init(w);
        w->settings->externalized_retention = cases[i].retention;
        world_start(w);
        uint64_t id = world_checkpoint(w);
        world_put(w, world_file(w, id, "nobody's"), "x", 1);
        assert_true(clean(w, cases[i].result));
        assert_int_equal(files_below(w, "cp/"), cases[i].kept ? 5 : 0);
        if (i + 1 < WEIR_ARRAY_COUNT(cases)) world_done(w);
    }
}

static void what_is_not_committed_is_kept(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    Weir__JobResult result = WEIR__JOB_RESULT__INIT;
    result.state = WEIR__JOB_STATE__JOB_FAILED;
    result.uncommitted_checkpoint = id;
    w->record.wanted->result = &result;
    weir_record_changed(&w->record, w->now_us, &w->effects);
    carry_out(w);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FAILED));
    assert_int_equal(files_below(w, "cp/"), 5);
}

static void a_clean_up_goes_on_after_a_takeover(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    world_remove(w, world_file(w, id, "_metadata")); /* the older leader had begun */
    world_takeover(w);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(files_below(w, "cp/"), 0);
}

/* A leader that was killed between a file and its folder has left the folder: no list tells of it. */
static void a_clean_up_takes_empty_folders_last(void **state)
{
    struct world *w = *state;
    world_start(w);
    uint64_t id = world_checkpoint(w);
    w->stays = world_file(w, id, "_metadata");
    assert_false(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(w->pruned, 0); /* not before all is deleted */
    w->stays = NULL;
    world_advance(w, 60 * SECOND);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(w->pruned, 1);
    assert_int_equal(w->pruned_blobs, 0);
}

static void empty_folders_are_taken_when_the_storage_answers_again(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_checkpoint(w);
    assert_false(weir_checkpoint_clean(w->c, WEIR__JOB_STATE__JOB_FINISHED, w->now_us, &w->effects));
    w->blobs_held = true;
    struct request prune = { .blob.operation = WEIR_BLOB_LIST };
    for (uint32_t i = 0; i < 200 && prune.blob.operation != WEIR_BLOB_PRUNE; i++) {
        carry_out(w);
        assert_false(weir_checkpoint_clean(w->c, WEIR__JOB_STATE__JOB_FINISHED, w->now_us, &w->effects));
        struct request held[REQUESTS_MAX];
        uint32_t count = w->held_count;
        memcpy(held, w->held, sizeof held[0] * count);
        w->held_count = 0;
        for (uint32_t k = 0; k < count; k++) {
            if (held[k].blob.operation == WEIR_BLOB_PRUNE) prune = held[k];
            w->blobs_fail = held[k].blob.operation == WEIR_BLOB_PRUNE;
            blob_carry_out(w, held[k].tag, &held[k].blob);
        }
        world_advance(w, SECOND / 10);
    }
    assert_int_equal(prune.blob.operation, WEIR_BLOB_PRUNE);
    assert_int_equal(files_below(w, "cp/"), 0);
    w->blobs_fail = w->blobs_held = false;
    assert_int_equal(w->pruned, 0);
    world_advance(w, 60 * SECOND);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(w->pruned, 1);
}

static void a_clean_up_waits_for_what_is_still_being_written(void **state)
{
    struct world *w = *state;
    world_start(w);
    world_advance(w, SECOND);
    uint64_t id = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger->checkpoint;
    w->blobs_held = true;
    world_acknowledge_all(w, id);
    assert_int_equal(w->held_count, 1);
    struct request put = w->held[0];
    w->held_count = 0;
    w->blobs_held = false;
    assert_false(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    blob_carry_out(w, put.tag, &put.blob);
    carry_out(w);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(files_below(w, "cp/"), 0);
}

static void a_savepoint_stands_on_its_own(void **state)
{
    struct world *w = *state;
    static const uint8_t request[16] = "a savepoint's id";
    world_start(w);
    world_finish(w, 0);
    world_tasks(w);
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, "sp", w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger;
    assert_int_equal(trigger->kind, WEIR__CHECKPOINT_KIND__SAVEPOINT);
    for (uint32_t i = 1; i < 4; i++)
        world_acknowledge_with(w, i, trigger->checkpoint, 1,
            world_snapshot(w, i, weir_arena_format(&w->arena, "%s/part-%u", trigger->directory, i), NULL));
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    world_checkpoint(w);
    world_takeover(w);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(files_below(w, "cp/"), 0); /* it has a copy of what the ended one left */
    assert_int_equal(files_below(w, "sp/"), 5);
    const char *copied =
        weir_arena_format(&w->arena, "%s%s", trigger->directory, strrchr(final_file(w, 0), '/'));
    assert_true(world_has(w, copied));
    /* Stored relative: it can be moved. */
    struct blob *blob = blob_find(w, weir_arena_format(&w->arena, "%s/_metadata", trigger->directory));
    Weir__CheckpointMetadata *metadata;
    assert_int_equal(
        weir_checkpoint_metadata_decode(&w->arena, blob->bytes, blob->length, &metadata, NULL), 0);
    assert_true(metadata->files_relative);
    assert_string_equal(metadata->vertices[0]->subtasks[0]->files[0], strrchr(copied, '/') + 1);
    assert_string_equal(metadata->vertices[1]->subtasks[1]->files[0], "part-3");
}

/* Its folder is looked at once: not before the metadata that is on its way has arrived. */
static void a_clean_up_waits_for_savepoints_that_are_still_being_written(void **state)
{
    struct world *w = *state;
    static const uint8_t request[16] = "a savepoint's id";
    world_start(w);
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, "sp", w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger;
    w->blobs_held = true;
    for (uint32_t i = 0; i < 4; i++)
        world_acknowledge_with(w, i, trigger->checkpoint, 1,
            world_snapshot(w, i, weir_arena_format(&w->arena, "%s/part-%u", trigger->directory, i), NULL));
    assert_int_equal(w->held_count, 1);
    struct request put = w->held[0];
    w->held_count = 0;
    w->blobs_held = false;
    assert_false(clean(w, WEIR__JOB_STATE__JOB_CANCELED));
    blob_carry_out(w, put.tag, &put.blob);
    carry_out(w);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_CANCELED));
    assert_int_equal(files_below(w, "sp/"), 0);
}

static void a_savepoint_whose_copies_fail_is_tried_again(void **state)
{
    struct world *w = *state;
    static const uint8_t request[16] = "a savepoint's id";
    world_start(w);
    world_finish(w, 0);
    world_tasks(w);
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, "sp", w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger;
    w->blobs_fail = true;
    for (uint32_t i = 1; i < 4; i++)
        world_acknowledge_with(w, i, trigger->checkpoint, 1,
            world_snapshot(w, i, weir_arena_format(&w->arena, "%s/part-%u", trigger->directory, i), NULL));
    world_advance(w, SECOND);
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS);
    assert_false(world_has(w, weir_arena_format(&w->arena, "%s/_metadata", trigger->directory)));
    w->blobs_fail = false;
    world_advance(w, 5 * SECOND);
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    assert_int_equal(w->copies, 1);
}

/* Of one ended subtask with many files; what an earlier leader has copied already is there. */
static void many_copies_are_made_a_few_at_a_time(void **state)
{
    enum { FILES = 40, AT_ONCE_MAX = 16 };
    struct world *w = *state;
    static const uint8_t request[16] = "a savepoint's id";
    world_start(w);
    world_finish(w, 0);
    Weir__SubtaskSnapshot *final = WEIR_PROTO_COPY(&w->arena, w->tasks[0].final_snapshot);
    w->tasks[0].final_snapshot = final;
    const char *first = final->files[0];
    final->n_files = FILES;
    final->files = WEIR_ARENA_ARRAY(&w->arena, char *, FILES);
    for (uint32_t i = 0; i < FILES; i++) {
        final->files[i] = (char *)(i ? weir_arena_format(&w->arena, "%s.%u", first, i) : first);
        if (i) world_put(w, final->files[i], "x", 1);
    }
    world_tasks(w);
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, "sp", w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger;
    const char *there = weir_arena_format(&w->arena, "%s%s.7", trigger->directory, strrchr(first, '/'));
    world_put(w, there, "x", 1);
    w->blobs_held = true;
    for (uint32_t i = 1; i < 4; i++)
        world_acknowledge_with(w, i, trigger->checkpoint, 1,
            world_snapshot(w, i, weir_arena_format(&w->arena, "%s/part-%u", trigger->directory, i), NULL));
    assert_int_equal(w->held_count, AT_ONCE_MAX);
    w->blobs_held = false;
    struct request held[AT_ONCE_MAX];
    memcpy(held, w->held, sizeof held);
    w->held_count = 0;
    for (uint32_t i = 0; i < AT_ONCE_MAX; i++) {
        blob_carry_out(w, held[i].tag, &held[i].blob);
        carry_out(w);
    }
    assert_int_equal(w->copies, FILES);
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
}

/* NO_CLAIM and CLAIM: the first checkpoint refers to nothing of what the job was started from. */
static void ended_in_the_origin(struct world *w, Weir__ClaimMode mode)
{
    make_origin(w, mode);
    world_finish(w, 0);
    Weir__SubtaskSnapshot *final = world_snapshot(w, 0, "old/part", NULL);
    final->finished = true;
    w->tasks[0].final_snapshot = final;
    world_start(w);
    assert_int_equal(weir_checkpoint_newest(w->c, &(const char *){ NULL })->id, 17);
    uint64_t first = world_checkpoint(w), copies = w->copies;
    assert_true(first > 17); /* no id of the origin is used again */
    assert_int_equal(copies, 1);
    char copied[256];
    snprintf(copied, sizeof copied, "cp/%s/taskowned/origin-part", "abababababababababababababababab");
    assert_true(world_has(w, copied));
    const char *failed = NULL;
    assert_string_equal(weir_checkpoint_newest(w->c, &failed)->vertices[0]->subtasks[0]->files[0], copied);
    world_checkpoint(w);
    assert_int_equal(w->copies, copies); /* it is there */
    assert_true(world_has(w, copied));
    world_advance(w, SECOND);
    assert_int_equal(files_below(w, "old/"), mode == WEIR__CLAIM_MODE__CLAIM ? 0 : 2);
    world_takeover(w);
    assert_true(clean(w, WEIR__JOB_STATE__JOB_FINISHED));
    assert_int_equal(files_below(w, "cp/"), 0);
    assert_int_equal(files_below(w, "old/"), mode == WEIR__CLAIM_MODE__CLAIM ? 0 : 2);
}

static void no_claim_copies_what_had_ended(void **state)
{
    ended_in_the_origin(*state, WEIR__CLAIM_MODE__NO_CLAIM);
}

static void claim_copies_what_had_ended_and_deletes_all(void **state)
{
    ended_in_the_origin(*state, WEIR__CLAIM_MODE__CLAIM);
}

/* Claimed and deleted, or taken away by its owner once the job does not need it any more: a savepoint has
 * copies of the job's own copies. */
static void a_savepoint_needs_no_origin(void **state)
{
    struct world *w = *state;
    static const uint8_t request[16] = "the request no.1";
    make_origin(w, WEIR__CLAIM_MODE__CLAIM);
    world_finish(w, 0);
    Weir__SubtaskSnapshot *final = world_snapshot(w, 0, "old/part", NULL);
    final->finished = true;
    w->tasks[0].final_snapshot = final;
    world_start(w);
    world_checkpoint(w);
    world_advance(w, SECOND / 2);
    assert_int_equal(files_below(w, "old/"), 0);
    w->seen = w->sent_count;
    weir_checkpoint_savepoint(w->c, request, "mine", w->now_us, w->wall_us, &w->effects);
    carry_out(w);
    const Weir__TriggerCheckpoint *trigger = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER)->envelope->trigger;
    assert_int_equal(trigger->kind, WEIR__CHECKPOINT_KIND__SAVEPOINT);
    for (uint32_t i = 1; i < w->task_count; i++) {
        const char *file = weir_arena_format(&w->arena, "%s/part-%u", trigger->directory, i);
        world_acknowledge_with(
            w, i, trigger->checkpoint, w->identity.epoch, world_snapshot(w, i, file, NULL));
    }
    assert_int_equal(world_record(w)->savepoints[0]->state, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED);
    assert_true(world_has(w, weir_arena_format(&w->arena, "%s/origin-part", trigger->directory)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_found_twice_is_unreadable),
        TEST(a_savepoint_needs_no_origin),
        TEST(what_comes_late_is_read),
        TEST(an_outage_of_the_storage_is_waited_out),
        TEST(damaged_metadata_fails_the_job_and_keeps_everything),
        TEST(falling_back_is_a_policy),
        TEST(exactly_once_sinks_are_never_fallen_back_below),
        TEST(an_origin_is_restored_from_and_left_alone),
        TEST(an_origin_in_the_own_folder_is_known_however_it_is_spelled),
        TEST(an_origin_of_another_plan_is_refused),
        TEST(an_origin_that_can_never_be_read_fails_its_job),
        TEST(users_may_close_what_is_theirs),
        TEST(an_own_checkpoint_that_cannot_be_read_is_tried_again),
        TEST(an_origin_of_another_plan_is_taken_when_that_was_said),
        TEST(state_of_an_operator_that_is_gone_is_refused),
        TEST(state_of_an_operator_that_is_gone_is_left_when_that_was_said),
        TEST(splits_of_another_source_are_refused),
        TEST(an_operator_that_stayed_is_taken),
        TEST(plans_and_snapshots_without_operators_are_taken),
        TEST(a_claimed_origin_goes_when_the_first_checkpoint_is_complete),
        TEST(a_new_leader_goes_on_deleting_what_was_claimed),
        TEST(the_metadata_of_what_was_claimed_goes_after_its_files),
        TEST(a_claim_is_given_back_by_a_leader_that_finds_the_job_ended),
        TEST(a_claim_that_was_given_back_may_be_another_jobs_at_once),
        TEST(of_two_jobs_that_claim_only_one_gets_it),
        TEST(what_cannot_be_marked_is_not_claimed),
        TEST(the_sweep_of_a_new_leader_takes_what_nothing_names),
        TEST(the_sweep_leaves_what_is_in_flight),
        TEST(nothing_is_deleted_while_a_named_one_is_not_read),
        TEST(final_snapshots_go_only_when_a_later_attempt_is_named),
        TEST(deletions_are_tried_again),
        TEST(retention_decides_what_a_job_leaves),
        TEST(what_is_not_committed_is_kept),
        TEST(a_clean_up_goes_on_after_a_takeover),
        TEST(a_clean_up_takes_empty_folders_last),
        TEST(empty_folders_are_taken_when_the_storage_answers_again),
        TEST(a_clean_up_waits_for_what_is_still_being_written),
        TEST(a_savepoint_stands_on_its_own),
        TEST(a_clean_up_waits_for_savepoints_that_are_still_being_written),
        TEST(a_savepoint_whose_copies_fail_is_tried_again),
        TEST(many_copies_are_made_a_few_at_a_time),
        TEST(no_claim_copies_what_had_ended),
        TEST(claim_copies_what_had_ended_and_deletes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
