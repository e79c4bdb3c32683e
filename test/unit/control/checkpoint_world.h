/*
 * A coordinator with the world around it made by hand: a store of one record, a storage in memory, tasks,
 * time. What is held back is answered when the test says so.
 */
#ifndef WEIR_TEST_CHECKPOINT_WORLD_H
#define WEIR_TEST_CHECKPOINT_WORLD_H

#include "support/cmocka_all.h"
#include "support/memory.h"

#include <stdio.h>
#include <string.h>

#include "control/checkpoint/checkpoint.h"

enum { BLOBS_MAX = 512, SENT_MAX = 16384, TASKS_MAX = 16, REQUESTS_MAX = 256, DELETED_MAX = 1024 };
#define SECOND 1000000LL

struct blob {
    char path[256];
    uint8_t *bytes;
    size_t length;
};
struct sent {
    weir_node node;
    const Weir__Envelope *envelope;
};
struct request { /* held back */
    struct weir_tag tag;
    struct weir_blob_effect blob;
};

struct world {
    struct weir_test_memory memory;
    struct weir_arena arena, steps[2]; /* of this step, and of the one that is carried out */
    uint32_t step;
    struct weir_job_id job;
    Weir__ExecutionPlan *plan;
    Weir__JobSettings *settings;
    struct weir_identity identity;
    struct weir_record record;
    struct weir_checkpoint_coordinator *c;
    struct weir_effects effects;
    int64_t now_us, wall_us, timer_us;

    /* store */
    uint8_t *value;
    size_t value_length;
    uint64_t version;
    bool store_held, store_waits, store_away;
    struct weir_tag store_tag;
    uint64_t store_expected;
    const uint8_t *store_value;
    size_t store_length;

    /* storage */
    struct blob blobs[BLOBS_MAX];
    uint32_t blob_count;
    bool blobs_held, blobs_fail;
    const char *stays;       /* this one cannot be deleted */
    const char *denied;      /* this one cannot be written */
    const char *unreadable;  /* nor this one be read, ever */
    const char *taken_again; /* this one is another's as soon as it has been */
    bool hold_at_start;      /* of the next leader */
    struct request held[REQUESTS_MAX];
    uint32_t held_count;
    uint32_t gets, copies;
    uint32_t pruned;       /* so often empty folders were taken */
    uint32_t pruned_blobs; /* what was there at the last time */

    /* what was sent, and how much of it a test has looked at */
    struct sent sent[SENT_MAX];
    uint32_t sent_count, seen;

    const char *warning; /* the last one */
    uint32_t warning_count;

    struct weir_checkpoint_task tasks[TASKS_MAX];
    uint32_t task_count;
    bool all_running;

    uint32_t failures, commits, stops_failed;
    uint64_t committed;
    char reason[512];
};

#define UNUSED __attribute__((unused))

/* ---------------------------------------------------------------- storage */

static struct blob *blob_find(const struct world *w, const char *path)
{
    for (uint32_t i = 0; i < w->blob_count; i++) {
        if (strcmp(w->blobs[i].path, path) == 0) return (struct blob *)&w->blobs[i];
    }
    return NULL;
}

UNUSED static bool world_has(const struct world *w, const char *path)
{
    return blob_find(w, path) != NULL;
}

UNUSED static void world_put(struct world *w, const char *path, const void *bytes, size_t length)
{
    assert_true(w->blob_count < BLOBS_MAX && strlen(path) < sizeof w->blobs[0].path);
    struct blob *blob = &w->blobs[w->blob_count++];
    snprintf(blob->path, sizeof blob->path, "%s", path);
    blob->bytes = (uint8_t *)weir_arena_copy(&w->arena, bytes, length);
    blob->length = length;
}

UNUSED static void world_remove(struct world *w, const char *path)
{
    struct blob *blob = blob_find(w, path);
    if (blob) *blob = w->blobs[--w->blob_count];
}

static void carry_out(struct world *w);

static void blob_carry_out(struct world *w, struct weir_tag tag, const struct weir_blob_effect *effect)
{
    struct weir_event event = {
        .kind = WEIR_EVENT_BLOB_DONE, .now_us = w->now_us, .wall_us = w->wall_us, .tag = tag
    };
    struct blob *blob = blob_find(w, effect->path);
    const char *names[BLOBS_MAX];
    event.blob.path = effect->path;
    bool stays = effect->operation == WEIR_BLOB_DELETE && w->stays && strcmp(effect->path, w->stays) == 0;
    event.blob.denied =
        effect->operation == WEIR_BLOB_PUT && w->denied && strcmp(effect->path, w->denied) == 0;
    if (effect->operation == WEIR_BLOB_GET && w->unreadable && strcmp(effect->path, w->unreadable) == 0) {
        event.blob.outcome = WEIR_BLOB_ERROR;
        event.blob.denied = true;
        event.blob.error = "it is a directory";
    } else if (event.blob.denied) {
        event.blob.outcome = WEIR_BLOB_ERROR;
        event.blob.error = "it is read-only";
    } else if (w->blobs_fail || stays) {
        event.blob.outcome = WEIR_BLOB_ERROR;
        event.blob.error = "the storage does not answer";
    } else if (effect->operation == WEIR_BLOB_PUT) {
        event.blob.outcome = blob ? WEIR_BLOB_EXISTS : WEIR_BLOB_OK;
        if (!blob) world_put(w, effect->path, effect->bytes, effect->length);
    } else if (effect->operation == WEIR_BLOB_GET) {
        w->gets++;
        event.blob.outcome = blob ? WEIR_BLOB_OK : WEIR_BLOB_NOT_FOUND;
        if (blob) {
            event.blob.bytes = (const uint8_t *)weir_arena_copy(&w->arena, blob->bytes, blob->length);
            event.blob.length = blob->length;
        }
    } else if (effect->operation == WEIR_BLOB_COPY) {
        w->copies++;
        event.blob.outcome = !blob                           ? WEIR_BLOB_NOT_FOUND
                             : blob_find(w, effect->copy_to) ? WEIR_BLOB_EXISTS
                                                             : WEIR_BLOB_OK;
        if (event.blob.outcome == WEIR_BLOB_OK) world_put(w, effect->copy_to, blob->bytes, blob->length);
    } else if (effect->operation == WEIR_BLOB_DELETE) {
        if (blob) *blob = w->blobs[--w->blob_count];
        if (w->taken_again && strcmp(effect->path, w->taken_again) == 0) {
            w->taken_again = NULL;
            world_put(w, effect->path, "another", 7);
        }
    } else if (effect->operation == WEIR_BLOB_PRUNE) {
        w->pruned++;
        w->pruned_blobs = w->blob_count;
    } else {
        size_t length = strlen(effect->path);
        for (uint32_t i = 0; i < w->blob_count; i++) {
            if (strncmp(w->blobs[i].path, effect->path, length) == 0 && w->blobs[i].path[length] == '/')
                names[event.blob.name_count++] = weir_arena_string(&w->arena, w->blobs[i].path);
        }
        event.blob.names = names;
    }
    weir_checkpoint_on_event(w->c, &event, &w->effects);
}

/* ---------------------------------------------------------------- store */

static void store_answer(struct world *w, enum weir_store_outcome outcome)
{
    struct weir_store_entry entry = { .key = "jobs/x", .found = true };
    struct weir_event event = {
        .kind = WEIR_EVENT_STORE_DONE, .now_us = w->now_us, .wall_us = w->wall_us, .tag = w->store_tag
    };
    event.store.outcome = outcome;
    if (outcome == WEIR_STORE_OK) {
        assert_true(w->store_expected == w->version);
        w->version++;
        w->value = (uint8_t *)weir_arena_copy(&w->arena, w->store_value, w->store_length);
        w->value_length = w->store_length;
        entry.version = w->version;
        event.store.entries = &entry;
        event.store.entry_count = 1;
    }
    w->store_waits = false;
    if (weir_record_on_event(&w->record, &event, &w->effects) && w->c)
        weir_checkpoint_record_confirmed(w->c, w->now_us, w->wall_us, &w->effects);
}

static void store_carry_out(struct world *w, const struct weir_effect *effect)
{
    const struct weir_store_operation *operation = &effect->operations[effect->operation_count - 1];
    assert_int_equal(operation->kind, WEIR_STORE_SET);
    w->store_tag = effect->tag;
    w->store_expected = operation->version;
    w->store_value = (const uint8_t *)weir_arena_copy(&w->arena, operation->value, operation->length);
    w->store_length = operation->length;
    w->store_waits = true;
    if (!w->store_held) store_answer(w, w->store_away ? WEIR_STORE_UNAVAILABLE : WEIR_STORE_OK);
}

/* ---------------------------------------------------------------- effects */

static void effect_carry_out(struct world *w, const struct weir_effect *effect)
{
    switch (effect->kind) {
    case WEIR_EFFECT_STORE: store_carry_out(w, effect); break;
    case WEIR_EFFECT_BLOB:
        if (w->blobs_held) {
            assert_true(w->held_count < REQUESTS_MAX);
            struct request *held = &w->held[w->held_count++];
            *held = (struct request){ effect->tag, effect->blob };
            held->blob.path = weir_arena_string(&w->arena, effect->blob.path);
            held->blob.copy_to =
                weir_arena_string(&w->arena, effect->blob.copy_to ? effect->blob.copy_to : "");
            held->blob.bytes =
                (const uint8_t *)weir_arena_copy(&w->arena, effect->blob.bytes, effect->blob.length);
        } else {
            blob_carry_out(w, effect->tag, &effect->blob);
        }
        break;
    case WEIR_EFFECT_SEND:
        assert_true(w->sent_count < SENT_MAX);
        w->sent[w->sent_count++] =
            (struct sent){ effect->node, WEIR_PROTO_COPY(&w->arena, effect->envelope) };
        break;
    case WEIR_EFFECT_TIMER:
        if (effect->tag.kind == WEIR_CHECKPOINT_TAG_FIRST) w->timer_us = effect->at_us;
        break;
    case WEIR_EFFECT_LOG:
        if (effect->level != WEIR_CONTROL_WARN) break;
        w->warning = weir_arena_string(&w->arena, effect->text);
        w->warning_count++;
        break;
    default: break;
    }
}

/* One after the other; an answer is a step of its own, whose effects come after those of this one. */
static void carry_out(struct world *w)
{
    while (w->effects.count) {
        struct weir_effects done = w->effects;
        w->step = 1 - w->step;
        weir_arena_reset(&w->steps[w->step]);
        weir_effects_init(&w->effects, &w->steps[w->step]);
        for (uint32_t i = 0; i < done.count; i++) effect_carry_out(w, &done.items[i]);
    }
}

UNUSED static void world_store_answer(struct world *w, enum weir_store_outcome outcome)
{
    assert_true(w->store_waits);
    store_answer(w, outcome);
    carry_out(w);
}

UNUSED static void world_blobs_answer(struct world *w)
{
    struct request held[REQUESTS_MAX];
    uint32_t count = w->held_count;
    memcpy(held, w->held, sizeof held[0] * count);
    w->held_count = 0;
    w->blobs_held = false;
    for (uint32_t i = 0; i < count; i++) {
        blob_carry_out(w, held[i].tag, &held[i].blob);
        carry_out(w);
    }
}

/* ---------------------------------------------------------------- life */

static void on_failures(void *owner, const char *reason, struct weir_effects *effects)
{
    struct world *w = owner;
    w->failures++;
    snprintf(w->reason, sizeof w->reason, "%s", reason);
}
static void on_committed(void *owner, uint64_t checkpoint, struct weir_effects *effects)
{
    struct world *w = owner;
    w->commits++;
    w->committed = checkpoint;
}
static void on_stop_failed(void *owner, const char *reason, struct weir_effects *effects)
{
    struct world *w = owner;
    w->stops_failed++;
    snprintf(w->reason, sizeof w->reason, "%s", reason);
}

static void task_add(struct world *w, uint32_t vertex, uint32_t subtask, bool source)
{
    w->tasks[w->task_count++] = (struct weir_checkpoint_task){
        .attempt = { .job = w->job, .vertex = vertex, .subtask = subtask, .epoch = 1, .number = 1 },
        .run = { .epoch = 1, .counter = 1, .plan_version = 1 },
        .node = 1 + subtask,
        .running = true,
        .source = source,
        .sink = !source,
        .parallelism = 2,
        .max_parallelism = 128
    };
}

/* Two sources (vertex 1) and two sinks (vertex 2) on the nodes 1 and 2: tasks 0, 1, 2, 3. */
UNUSED static void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    weir_test_memory_init(&w->memory);
    weir_arena_init(&w->arena, &w->memory.base);
    weir_arena_init(&w->steps[0], &w->memory.base);
    weir_arena_init(&w->steps[1], &w->memory.base);
    weir_effects_init(&w->effects, &w->steps[0]);
    memset(w->job.bytes, 0xab, sizeof w->job.bytes);
    w->plan = WEIR_PROTO_NEW(&w->arena, Weir__ExecutionPlan, weir__execution_plan);
    w->plan->job = weir_job_id_to(&w->arena, &w->job);
    w->settings = WEIR_PROTO_NEW(&w->arena, Weir__JobSettings, weir__job_settings);
    w->settings->checkpoint_interval_ms = 1000;
    w->settings->checkpoint_timeout_ms = 10000;
    w->settings->checkpoint_max_concurrent = 1;
    w->settings->checkpoint_retained = 1;
    w->settings->checkpoint_directory = (char *)"cp";
    w->settings->savepoint_directory = (char *)"sp";
    w->plan->settings = w->settings;
    w->plan->vertices = WEIR_ARENA_ARRAY(&w->arena, Weir__PlanVertex *, 2);
    for (uint32_t id = 1; id <= 2; id++) {
        Weir__PlanVertex *vertex = WEIR_PROTO_NEW(&w->arena, Weir__PlanVertex, weir__plan_vertex);
        vertex->id = id;
        vertex->parallelism = 2;
        w->plan->vertices[w->plan->n_vertices++] = vertex;
    }
    w->identity.epoch = 1;
    w->now_us = 1000 * SECOND;
    w->wall_us = 1700000000 * SECOND;
    w->timer_us = INT64_MAX;
    task_add(w, 1, 0, true);
    task_add(w, 1, 1, true);
    task_add(w, 2, 0, false);
    task_add(w, 2, 1, false);
    w->all_running = true;
    Weir__JobRecord record = WEIR__JOB_RECORD__INIT;
    Weir__Target target = WEIR__TARGET__INIT;
    target.kind = WEIR__TARGET_KIND__TARGET_RUN;
    record.target = &target;
    record.format = WEIR_RECORD_FORMAT;
    record.epoch = 1;
    record.job = w->plan->job;
    record.plan_version = 1;
    record.status = WEIR__RECORD_STATUS__RECORD_ACTIVE;
    w->value_length = weir__job_record__get_packed_size(&record);
    w->value = weir_arena_allocate(&w->arena, w->value_length);
    weir__job_record__pack(&record, w->value);
    w->version = 1;
}

UNUSED static const Weir__JobRecord *world_record(struct world *w)
{
    Weir__JobRecord *record = NULL;
    struct weir_error error;
    assert_int_equal(weir_job_record_decode(&w->arena, w->value, w->value_length, &record, &error), 0);
    return record;
}

UNUSED static void world_record_set(struct world *w, const Weir__JobRecord *record)
{
    w->value_length = weir__job_record__get_packed_size(record);
    w->value = weir_arena_allocate(&w->arena, w->value_length);
    weir__job_record__pack(record, w->value);
}

UNUSED static void world_tasks(struct world *w)
{
    weir_checkpoint_tasks_changed(
        w->c, w->tasks, w->task_count, w->all_running, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
}

static void world_begin(struct world *w)
{
    struct weir_tag tag = { .role = WEIR_ROLE_JOBMASTER, .kind = 1, .job = w->job };
    struct weir_checkpoint_callbacks callbacks = { w, on_failures, on_committed, on_stop_failed };
    weir_record_init(&w->record, &w->memory.base, "jobs/x", tag, world_record(w), w->version,
        w->identity.epoch, w->identity.epoch * 100, 1, true);
    w->c = weir_checkpoint_new(&w->memory.base, &w->job, w->plan, &w->record, &w->identity, &callbacks, 7);
    weir_record_claim(&w->record, w->now_us, &w->effects);
    carry_out(w);
    weir_checkpoint_start(w->c, w->now_us, w->wall_us, &w->effects);
    carry_out(w);
}

UNUSED static void world_start(struct world *w)
{
    world_begin(w);
    world_tasks(w);
}

static void world_end(struct world *w)
{
    weir_checkpoint_free(w->c);
    w->c = NULL;
    weir_record_done(&w->record);
    w->held_count = 0;
    w->store_waits = w->store_held = w->store_away = false;
    w->blobs_held = w->hold_at_start;
    w->blobs_fail = false;
    w->timer_us = INT64_MAX;
    w->seen = w->sent_count;
}

/* Another leader; nothing of the older one is heard any more. */
UNUSED static void world_takeover(struct world *w)
{
    world_end(w);
    w->identity.epoch++;
    world_begin(w);
    world_tasks(w);
}

UNUSED static void world_done(struct world *w)
{
    world_end(w);
    weir_arena_done(&w->arena);
    weir_arena_done(&w->steps[0]);
    weir_arena_done(&w->steps[1]);
    weir_test_memory_check(&w->memory);
}

static void timer_fire(struct world *w)
{
    struct weir_event event = { .kind = WEIR_EVENT_TIMER,
        .now_us = w->now_us,
        .wall_us = w->wall_us,
        .tag = { .role = WEIR_ROLE_JOBMASTER, .kind = WEIR_CHECKPOINT_TAG_FIRST, .job = w->job } };
    w->timer_us = INT64_MAX;
    weir_checkpoint_on_event(w->c, &event, &w->effects);
    carry_out(w);
}

UNUSED static void world_advance(struct world *w, int64_t by_us)
{
    int64_t until_us = w->now_us + by_us;
    while (w->timer_us <= until_us) {
        w->wall_us += WEIR_MAX(w->timer_us - w->now_us, 0);
        w->now_us = WEIR_MAX(w->timer_us, w->now_us);
        timer_fire(w);
    }
    w->wall_us += until_us - w->now_us;
    w->now_us = until_us;
}

/* ---------------------------------------------------------------- messages */

UNUSED static const struct sent *world_next(struct world *w, Weir__Envelope__BodyCase body)
{
    while (w->seen < w->sent_count) {
        const struct sent *sent = &w->sent[w->seen++];
        if (sent->envelope->body_case == body) return sent;
    }
    return NULL;
}

UNUSED static uint32_t world_count(struct world *w, Weir__Envelope__BodyCase body)
{
    uint32_t count = 0;
    while (world_next(w, body)) count++;
    return count;
}

static void world_message_from(struct world *w, weir_node node, const Weir__Envelope *envelope)
{
    struct weir_event event = { .kind = WEIR_EVENT_MESSAGE,
        .now_us = w->now_us,
        .wall_us = w->wall_us,
        .from = node,
        .envelope = envelope };
    weir_checkpoint_on_message(w->c, &event, &w->effects);
    carry_out(w);
}

UNUSED static const char *world_file(struct world *w, uint64_t checkpoint, const char *name)
{
    char job[WEIR_JOB_ID_TEXT_BYTES];
    return weir_arena_format(&w->arena, "cp/%s/chk-%llu/%s", weir_job_id_print(&w->job, job),
        (unsigned long long)checkpoint, name);
}

static void files_set(struct world *w, Weir__SubtaskSnapshot *snapshot, const char *one, const char *two)
{
    snapshot->n_files = two ? 2 : one ? 1 : 0;
    snapshot->files = WEIR_ARENA_ARRAY(&w->arena, char *, 2);
    snapshot->files[0] = (char *)one;
    snapshot->files[1] = (char *)two;
    if (one && !world_has(w, one)) world_put(w, one, "x", 1);
}

UNUSED static Weir__SubtaskSnapshot *world_snapshot(
    struct world *w, uint32_t task, const char *file, const char *of_base)
{
    const struct weir_checkpoint_task *t = &w->tasks[task];
    Weir__SubtaskSnapshot *snapshot =
        WEIR_PROTO_NEW(&w->arena, Weir__SubtaskSnapshot, weir__subtask_snapshot);
    snapshot->vertex = t->attempt.vertex;
    snapshot->subtask = t->attempt.subtask;
    snapshot->attempt = weir_attempt_id_to(&w->arena, &t->attempt);
    snapshot->run = weir_run_to(&w->arena, &t->run);
    snapshot->bytes_full = 100;
    snapshot->bytes_written = 10;
    files_set(w, snapshot, file, of_base);
    return snapshot;
}

UNUSED static void world_acknowledge_with(struct world *w, uint32_t task, uint64_t checkpoint,
    uint64_t barrier_epoch, Weir__SubtaskSnapshot *snapshot)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__AcknowledgeCheckpoint message = WEIR__ACKNOWLEDGE_CHECKPOINT__INIT;
    envelope.body_case = WEIR__ENVELOPE__BODY_ACKNOWLEDGE;
    envelope.acknowledge = &message;
    message.attempt = snapshot->attempt;
    message.run = snapshot->run;
    message.checkpoint = checkpoint;
    message.barrier_epoch = barrier_epoch;
    message.snapshot = snapshot;
    world_message_from(w, w->tasks[task].node, &envelope);
}

static const char *own_file(struct world *w, uint32_t task, uint64_t checkpoint)
{
    const struct weir_attempt_id *a = &w->tasks[task].attempt;
    return world_file(w, checkpoint,
        weir_arena_format(&w->arena, "e%llu.%u-%u-%u-%llu.state", (unsigned long long)a->epoch, a->number,
            a->vertex, a->subtask, (unsigned long long)checkpoint));
}

UNUSED static void world_acknowledge(struct world *w, uint32_t task, uint64_t checkpoint)
{
    world_acknowledge_with(
        w, task, checkpoint, w->identity.epoch, world_snapshot(w, task, own_file(w, task, checkpoint), NULL));
}

UNUSED static void world_acknowledge_all(struct world *w, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < w->task_count; i++) {
        if (w->tasks[i].running) world_acknowledge(w, i, checkpoint);
    }
}

UNUSED static void world_decline(
    struct world *w, uint32_t task, uint64_t checkpoint, Weir__DeclineReason reason)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__DeclineCheckpoint message = WEIR__DECLINE_CHECKPOINT__INIT;
    envelope.body_case = WEIR__ENVELOPE__BODY_DECLINE;
    envelope.decline = &message;
    message.attempt = weir_attempt_id_to(&w->arena, &w->tasks[task].attempt);
    message.checkpoint = checkpoint;
    message.reason = reason;
    world_message_from(w, w->tasks[task].node, &envelope);
}

UNUSED static void world_commit(struct world *w, uint32_t task, uint64_t checkpoint)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__CheckpointCommitted message = WEIR__CHECKPOINT_COMMITTED__INIT;
    envelope.body_case = WEIR__ENVELOPE__BODY_COMMITTED;
    envelope.committed = &message;
    message.attempt = weir_attempt_id_to(&w->arena, &w->tasks[task].attempt);
    message.run = weir_run_to(&w->arena, &w->tasks[task].run);
    message.checkpoint = checkpoint;
    world_message_from(w, w->tasks[task].node, &envelope);
}

/* Its final snapshot is written; the test tells the coordinator. */
UNUSED static void world_finish(struct world *w, uint32_t task)
{
    struct weir_checkpoint_task *t = &w->tasks[task];
    const struct weir_attempt_id *a = &t->attempt;
    char job[WEIR_JOB_ID_TEXT_BYTES];
    Weir__SubtaskSnapshot *snapshot = world_snapshot(w, task,
        weir_arena_format(&w->arena, "cp/%s/taskowned/e%llu.%u-%u-%u-final.state",
            weir_job_id_print(&w->job, job), (unsigned long long)a->epoch, a->number, a->vertex, a->subtask),
        NULL);
    snapshot->finished = true;
    t->running = false;
    t->finished = true;
    t->final_snapshot = snapshot;
}

/* One goes its way undisturbed. Returns its id. */
UNUSED static uint64_t world_checkpoint(struct world *w)
{
    w->seen = w->sent_count;
    for (uint32_t i = 0; i < 100; i++) {
        const struct sent *sent = world_next(w, WEIR__ENVELOPE__BODY_TRIGGER);
        if (sent) {
            uint64_t id = sent->envelope->trigger->checkpoint;
            world_acknowledge_all(w, id);
            return id;
        }
        world_advance(w, SECOND / 10);
    }
    fail_msg("no checkpoint was triggered in ten seconds");
    return 0;
}

static uint64_t newest_named(struct world *w)
{
    const Weir__JobRecord *record = world_record(w);
    return record->n_checkpoints ? record->checkpoints[record->n_checkpoints - 1]->id : 0;
}

#endif
