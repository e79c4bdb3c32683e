/*
 * One JobMaster with its real record and coordinator, in a small world: a store, blobs, TaskManagers that do
 * as told, a ResourceManager that gives what they have. Everything is delivered in order, by world_run();
 * knobs hold single things back.
 */
#ifndef WEIR_TEST_CONTROL_JOBMASTER_WORLD_H
#define WEIR_TEST_CONTROL_JOBMASTER_WORLD_H

#include "support/cmocka_all.h"
#include "support/memory.h"
#include "base/buffer.h"
#include "control/checkpoint/checkpoint.h"
#include "control/jobmaster/jobmaster.h"
#include "control/jobmaster/states.h"
#include "control/machines.h"
#include <stdio.h>
#include <string.h>

#define EXECUTION(name) WEIR__EXECUTION_STATE__EXECUTION_##name
#define JOB(name)       WEIR__JOB_STATE__JOB_##name
enum { FORWARD = 0, HASH = 1 };
#define SECOND 1000000LL

/* A test may want other sizes. */
#ifndef WORLD_TASKMANAGERS
#define WORLD_TASKMANAGERS 4
#define WORLD_ATTEMPTS     16384
#endif
enum { WORLD_EVENTS = 1 << 17, WORLD_BLOBS = 512, WORLD_TIMERS = 64 };

struct world_attempt {
    bool there;
    struct weir_attempt_id id;
    struct weir_run run;
    Weir__ExecutionState state;
    uint32_t slot;
    bool commit_only;
    uint64_t committed;
    Weir__SubtaskSnapshot *final_snapshot;
    Weir__Split *split; /* the newest that it was given */
};
struct world_taskmanager {
    char name[16];
    weir_node node;
    uint64_t incarnation;
    uint32_t slot_count;
    bool up;
    struct world_attempt attempts[WORLD_ATTEMPTS];
    uint32_t attempt_count;
};
struct world_blob {
    char path[256];
    uint8_t *bytes;
    size_t length;
};
struct world_timer {
    struct weir_tag tag;
    int64_t at_us;
};

struct world {
    struct weir_test_memory memory;
    struct weir_arena arena, step_arena, nodes_arena;
    struct weir_nodes nodes;
    struct weir_identity identity;
    struct weir_control_options options;
    struct weir_job_id job;
    struct weir_jobmaster *jm;
    int64_t now_us;
    Weir__ExecutionPlan *plan;

    struct weir_event *events;
    uint32_t event_first, event_count;
    struct world_timer timers[WORLD_TIMERS];
    uint32_t timer_count;

    bool record_there;
    uint64_t record_version;
    uint8_t *record;
    size_t record_length;
    struct world_blob blobs[WORLD_BLOBS];
    uint32_t blob_count;
    struct world_taskmanager *taskmanagers; /* WORLD_TASKMANAGERS */
    uint32_t taskmanager_count;
    weir_node client;

    /* knobs */
    bool large;      /* what costs the square of the tasks is left out */
    bool hold_store; /* requests are kept, and answered by world_release_store() */
    struct weir_effect held[64];
    uint32_t held_count;
    bool blobs_fail; /* reads: ERROR */
    uint32_t refuse_deployments;
    uint32_t lose_deployments; /* messages, with their connections */
    bool lose_forgets;
    uint64_t peers_are_old; /* reports name incarnations that are so much older */
    bool hold_running;      /* deployed tasks stay INITIALIZING */
    bool state_unreadable;  /* what fails says so (H9) */
    bool says_states_again; /* after each report, its tasks' states change */
    bool hold_cancel, hold_acknowledge, hold_commit, hold_slots;
    /* what came out */
    Weir__JobState state; /* as the dispatcher was told */
    Weir__JobResult *result;
    bool clean, fenced;
    uint32_t deployed, canceled, forgotten, slots_wanted, slots_refused, slots_released, slots_behind, logs;
    Weir__ClientReply *reply;
    uint64_t reply_request;
    uint64_t acknowledged_checkpoint;
    uint32_t effects_most;
    uint32_t garbage_answers, garbage_count;
    bool garbage_failed, garbage_cut;
    char garbage_path[256]; /* the first */
};

static inline struct weir_event *world_push(struct world *w)
{
    assert_true(w->event_count < WORLD_EVENTS);
    struct weir_event *event = &w->events[(w->event_first + w->event_count++) % WORLD_EVENTS];
    memset(event, 0, sizeof *event);
    return event;
}

static inline void world_local(struct world *w, const struct weir_local_message *message)
{
    struct weir_event *event = world_push(w);
    event->kind = WEIR_EVENT_LOCAL;
    event->local = (struct weir_local_message *)weir_arena_copy(&w->arena, message, sizeof *message);
}

static inline struct world_taskmanager *world_taskmanager(struct world *w, weir_node node)
{
    for (uint32_t i = 0; i < w->taskmanager_count; i++)
        if (w->taskmanagers[i].node == node) return &w->taskmanagers[i];
    return NULL;
}

static inline Weir__AttemptReport *world_attempt_report(
    struct world *w, const struct world_attempt *attempt, const char *error, bool whole)
{
    Weir__AttemptReport *report = WEIR_PROTO_NEW(&w->arena, Weir__AttemptReport, weir__attempt_report);
    report->attempt = weir_attempt_id_to(&w->arena, &attempt->id);
    report->run = weir_run_to(&w->arena, &attempt->run);
    report->state = attempt->state;
    report->slot = attempt->slot;
    report->final_snapshot = attempt->final_snapshot;
    if (attempt->split && whole) {
        report->splits = WEIR_ARENA_ARRAY(&w->arena, Weir__Split *, 1);
        report->splits[report->n_splits++] = attempt->split;
    }
    report->error = weir_arena_string(&w->arena, error ? error : "");
    report->started_ms = 1000;
    if (weir_execution_state_is_terminal(attempt->state)) {
        report->ended_ms = 2000;
        report->figures = WEIR_PROTO_NEW(&w->arena, Weir__TaskFigures, weir__task_figures);
        if (!attempt->commit_only) /* which reads nothing */
            report->figures->records_in = attempt->id.vertex * 100 + attempt->id.subtask;
    }
    report->state_unreadable = error && w->state_unreadable;
    report->peers = WEIR_ARENA_ARRAY(&w->arena, Weir__Peer *, WORLD_TASKMANAGERS);
    for (uint32_t t = 0; t < w->taskmanager_count && !w->large; t++) {
        struct world_taskmanager *tm = &w->taskmanagers[t];
        bool peer = false;
        for (uint32_t i = 0; i < tm->attempt_count; i++)
            if (tm->attempts[i].there && weir_run_equal(&tm->attempts[i].run, &attempt->run)) peer = true;
        if (!peer) continue;
        Weir__Peer *entry = WEIR_PROTO_NEW(&w->arena, Weir__Peer, weir__peer);
        entry->name = weir_arena_string(&w->arena, tm->name);
        entry->incarnation = tm->incarnation - w->peers_are_old;
        report->peers[report->n_peers++] = entry;
    }
    return report;
}

static inline void world_message(
    struct world *w, weir_node from, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope *envelope = WEIR_PROTO_NEW(&w->arena, Weir__Envelope, weir__envelope);
    envelope->body_case = body;
    envelope->greeting = message;
    struct world_taskmanager *tm = world_taskmanager(w, from);
    struct weir_event *event = world_push(w);
    event->kind = WEIR_EVENT_MESSAGE;
    event->from = from;
    event->from_incarnation = tm ? tm->incarnation : 1;
    event->envelope = envelope;
}

static inline void world_say(struct world *w, struct world_taskmanager *tm, struct world_attempt *attempt,
    Weir__ExecutionState state, const char *error)
{
    attempt->state = state;
    Weir__TaskStateUpdate *update = WEIR_PROTO_NEW(&w->arena, Weir__TaskStateUpdate, weir__task_state_update);
    update->attempt = world_attempt_report(w, attempt, error, false);
    if (tm->up) world_message(w, tm->node, WEIR__ENVELOPE__BODY_TASK_STATE, update);
}

/* A subtask's attempt that is not over, wherever it runs. */
static inline struct world_attempt *world_find(
    struct world *w, uint32_t vertex, uint32_t subtask, struct world_taskmanager **ret_tm)
{
    for (uint32_t t = 0; t < w->taskmanager_count; t++) {
        struct world_taskmanager *tm = &w->taskmanagers[t];
        for (uint32_t i = tm->attempt_count; tm->up && i-- > 0;) {
            struct world_attempt *attempt = &tm->attempts[i];
            if (!attempt->there || attempt->id.vertex != vertex || attempt->id.subtask != subtask) continue;
            if (attempt->state == EXECUTION(FAILED) || attempt->state == EXECUTION(CANCELED)) continue;
            if (ret_tm) *ret_tm = tm;
            return attempt;
        }
    }
    return NULL;
}

static inline void world_fail(struct world *w, uint32_t vertex, uint32_t subtask, const char *error)
{
    struct world_taskmanager *tm = NULL;
    struct world_attempt *attempt = world_find(w, vertex, subtask, &tm);
    assert_non_null(attempt);
    world_say(w, tm, attempt, EXECUTION(FAILED), error);
}

static inline Weir__SubtaskSnapshot *world_snapshot(
    struct world *w, const struct world_attempt *attempt, uint64_t checkpoint, bool finished)
{
    Weir__SubtaskSnapshot *snapshot =
        WEIR_PROTO_NEW(&w->arena, Weir__SubtaskSnapshot, weir__subtask_snapshot);
    snapshot->vertex = attempt->id.vertex;
    snapshot->subtask = attempt->id.subtask;
    snapshot->finished = finished;
    snapshot->run = weir_run_to(&w->arena, &attempt->run);
    snapshot->attempt = weir_attempt_id_to(&w->arena, &attempt->id);
    snapshot->checkpoint = checkpoint;
    return snapshot;
}

static inline void world_finish(struct world *w, uint32_t vertex, uint32_t subtask)
{
    struct world_taskmanager *tm = NULL;
    struct world_attempt *attempt = world_find(w, vertex, subtask, &tm);
    assert_non_null(attempt);
    attempt->final_snapshot = world_snapshot(w, attempt, 0, true);
    world_say(w, tm, attempt, EXECUTION(FINISHED), NULL);
}

static inline bool world_is(const struct world *w, uint32_t vertex, bool sink)
{
    for (size_t v = 0; v < w->plan->n_vertices; v++)
        if (w->plan->vertices[v]->id == vertex)
            return sink ? w->plan->vertices[v]->sink : w->plan->vertices[v]->source;
    return false;
}

/* ---------------------------------------------------------------- what TaskManagers do */

static inline void world_deploy(
    struct world *w, struct world_taskmanager *tm, const Weir__DeployTasks *message)
{
    for (size_t i = 0; i < message->n_tasks; i++) {
        /* A TaskManager makes the graph from the plan and these: the task must be in it. */
        for (size_t o = 0; o < message->n_overrides; o++)
            if (message->overrides[o]->vertex == message->tasks[i]->attempt->vertex)
                assert_true(message->tasks[i]->attempt->subtask < message->overrides[o]->parallelism);
        assert_true(tm->attempt_count < WORLD_ATTEMPTS);
        struct world_attempt *attempt = &tm->attempts[tm->attempt_count++];
        *attempt = (struct world_attempt){ .there = true, .slot = message->tasks[i]->slot };
        assert_true(weir_attempt_id_from(message->tasks[i]->attempt, &attempt->id));
        assert_true(weir_run_from(message->run, &attempt->run));
        attempt->commit_only = message->commit_only;
        assert_int_equal(attempt->run.commit_only, message->commit_only);
        w->deployed++;
        if (w->refuse_deployments) {
            w->refuse_deployments--;
            world_say(w, tm, attempt, EXECUTION(FAILED), "slot 0 is not free");
            continue;
        }
        /* H11: nothing of the vertex may live in the slot. */
        for (uint32_t k = 0; k + 1 < tm->attempt_count && !w->large; k++) {
            struct world_attempt *other = &tm->attempts[k];
            if (!other->there || other->slot != attempt->slot || other->id.vertex != attempt->id.vertex)
                continue;
            assert_false(weir_execution_state_is_alive(other->state));
        }
        world_say(w, tm, attempt, EXECUTION(INITIALIZING), NULL);
        if (!w->hold_running) world_say(w, tm, attempt, EXECUTION(RUNNING), NULL);
    }
}

static inline void world_cancel(
    struct world *w, struct world_taskmanager *tm, const Weir__CancelTasks *message)
{
    for (size_t i = 0; i < message->n_attempts; i++) {
        struct weir_attempt_id id;
        assert_true(weir_attempt_id_from(message->attempts[i], &id));
        for (uint32_t k = 0; k < tm->attempt_count; k++) {
            struct world_attempt *attempt = &tm->attempts[k];
            if (!attempt->there || !weir_attempt_id_equal(&attempt->id, &id)) continue;
            w->canceled++;
            if (weir_execution_state_is_terminal(attempt->state)) continue;
            attempt->state = EXECUTION(CANCELING);
            if (!w->hold_cancel) world_say(w, tm, attempt, EXECUTION(CANCELED), NULL);
        }
    }
}

static inline void world_forget(
    struct world *w, struct world_taskmanager *tm, const Weir__ForgetAttempts *message)
{
    for (size_t i = 0; i < message->n_attempts; i++) {
        struct weir_attempt_id id;
        assert_true(weir_attempt_id_from(message->attempts[i], &id));
        for (uint32_t k = 0; k < tm->attempt_count; k++) {
            struct world_attempt *attempt = &tm->attempts[k];
            if (!attempt->there || !weir_attempt_id_equal(&attempt->id, &id)) continue;
            assert_false(weir_execution_state_is_alive(attempt->state));
            attempt->there = false;
            w->forgotten++;
        }
    }
}

/* All running tasks of the job answer the first trigger of an id. */
static inline void world_trigger(struct world *w, const Weir__TriggerCheckpoint *message)
{
    if (w->hold_acknowledge || w->acknowledged_checkpoint >= message->checkpoint) return;
    w->acknowledged_checkpoint = message->checkpoint;
    for (uint32_t t = 0; t < w->taskmanager_count; t++) {
        struct world_taskmanager *tm = &w->taskmanagers[t];
        for (uint32_t i = 0; tm->up && i < tm->attempt_count; i++) {
            struct world_attempt *attempt = &tm->attempts[i];
            if (!attempt->there || attempt->state != EXECUTION(RUNNING)) continue;
            if (message->drain) {
                attempt->final_snapshot = world_snapshot(w, attempt, message->checkpoint, true);
                world_say(w, tm, attempt, EXECUTION(FINISHED), NULL);
                continue;
            }
            Weir__AcknowledgeCheckpoint *answer =
                WEIR_PROTO_NEW(&w->arena, Weir__AcknowledgeCheckpoint, weir__acknowledge_checkpoint);
            answer->attempt = weir_attempt_id_to(&w->arena, &attempt->id);
            answer->run = weir_run_to(&w->arena, &attempt->run);
            answer->checkpoint = message->checkpoint;
            answer->barrier_epoch = w->identity.epoch;
            answer->snapshot = world_snapshot(w, attempt, message->checkpoint, false);
            world_message(w, tm->node, WEIR__ENVELOPE__BODY_ACKNOWLEDGE, answer);
        }
    }
}

static inline void world_commit(
    struct world *w, struct world_taskmanager *tm, const Weir__NotifyCheckpointComplete *message)
{
    for (size_t i = 0; i < message->n_attempts; i++) {
        struct weir_attempt_id id;
        assert_true(weir_attempt_id_from(message->attempts[i], &id));
        for (uint32_t k = 0; k < tm->attempt_count; k++) {
            struct world_attempt *attempt = &tm->attempts[k];
            if (!attempt->there || !weir_attempt_id_equal(&attempt->id, &id) || !world_is(w, id.vertex, true))
                continue;
            if (w->hold_commit) continue;
            if (attempt->state != EXECUTION(RUNNING) && attempt->state != EXECUTION(FINISHED)) continue;
            attempt->committed = message->checkpoint;
            Weir__CheckpointCommitted *answer =
                WEIR_PROTO_NEW(&w->arena, Weir__CheckpointCommitted, weir__checkpoint_committed);
            answer->attempt = weir_attempt_id_to(&w->arena, &id);
            answer->run = weir_run_to(&w->arena, &attempt->run);
            answer->checkpoint = message->checkpoint;
            world_message(w, tm->node, WEIR__ENVELOPE__BODY_COMMITTED, answer);
            if (attempt->commit_only && attempt->state == EXECUTION(RUNNING)) {
                attempt->final_snapshot = world_snapshot(w, attempt, message->checkpoint, true);
                world_say(w, tm, attempt, EXECUTION(FINISHED), NULL);
            }
        }
    }
}

/* ---------------------------------------------------------------- ResourceManager */

static inline void world_report(struct world *w, struct world_taskmanager *tm)
{
    struct weir_local_message message = {
        .kind = WEIR_LOCAL_REPORT, .node = tm->node, .incarnation = tm->incarnation
    };
    Weir__AttemptReport **reports = WEIR_ARENA_ARRAY(&w->arena, Weir__AttemptReport *, tm->attempt_count);
    for (uint32_t i = 0; i < tm->attempt_count; i++)
        if (tm->attempts[i].there)
            reports[message.report.attempt_count++] = world_attempt_report(w, &tm->attempts[i], NULL, true);
    message.report.attempts = reports;
    message.report.data_address = weir_arena_format(&w->arena, "%s:7000", tm->name);
    world_local(w, &message);
    for (uint32_t i = 0; w->says_states_again && i < tm->attempt_count; i++)
        if (tm->attempts[i].there) world_say(w, tm, &tm->attempts[i], tm->attempts[i].state, NULL);
}

static inline void world_slots(struct world *w)
{
    if (w->hold_slots) return;
    struct weir_slot *slots = WEIR_ARENA_ARRAY(&w->arena, struct weir_slot, 16384);
    struct weir_local_message message = { .kind = WEIR_LOCAL_SLOTS, .slots = slots };
    for (uint32_t t = 0; t < w->taskmanager_count; t++) {
        struct world_taskmanager *tm = &w->taskmanagers[t];
        for (uint32_t s = 0; tm->up && s < tm->slot_count; s++)
            slots[message.slot_count++] = (struct weir_slot){ tm->node, tm->incarnation, s };
    }
    world_local(w, &message);
}

static inline void world_registered(struct world *w, bool first)
{
    for (uint32_t t = 0; first && t < w->taskmanager_count; t++)
        if (w->taskmanagers[t].up) world_report(w, &w->taskmanagers[t]);
    world_slots(w);
}

static inline void world_kill(struct world *w, uint32_t t)
{
    struct world_taskmanager *tm = &w->taskmanagers[t];
    tm->up = false;
    struct weir_local_message message = { .kind = WEIR_LOCAL_TASKMANAGER_LOST,
        .node = tm->node,
        .incarnation = tm->incarnation,
        .reason = "connection refused" };
    world_local(w, &message);
    world_slots(w);
}

static inline void world_start_taskmanager(struct world *w, uint32_t t)
{
    struct world_taskmanager *tm = &w->taskmanagers[t];
    tm->up = true;
    tm->incarnation++;
    tm->attempt_count = 0;
    world_report(w, tm);
    world_slots(w);
}

/* ---------------------------------------------------------------- store and blobs */

static inline void world_store(struct world *w, const struct weir_effect *effect)
{
    const struct weir_store_operation *operation = &effect->operations[effect->operation_count - 1];
    struct weir_event *event = world_push(w);
    event->kind = WEIR_EVENT_STORE_DONE;
    event->tag = effect->tag;
    struct weir_store_entry *entry = WEIR_ARENA_NEW(&w->arena, struct weir_store_entry);
    entry->key = operation->key;
    event->store.entries = entry;
    event->store.entry_count = 1;
    bool write = operation->kind == WEIR_STORE_CREATE || operation->kind == WEIR_STORE_SET;
    if (write) {
        bool fits = operation->kind == WEIR_STORE_CREATE
                        ? !w->record_there
                        : w->record_there && operation->version == w->record_version;
        event->store.outcome = fits ? WEIR_STORE_OK : WEIR_STORE_CONFLICT;
        if (!fits) return;
        w->record_there = true;
        w->record_version++;
        w->record = (uint8_t *)weir_arena_copy(&w->arena, operation->value, operation->length);
        w->record_length = operation->length;
    }
    event->store.outcome = WEIR_STORE_OK;
    entry->found = w->record_there;
    entry->version = w->record_version;
    entry->value = w->record;
    entry->length = w->record_length;
}

static inline struct world_blob *world_blob(struct world *w, const char *path)
{
    for (uint32_t i = 0; i < w->blob_count; i++)
        if (strcmp(w->blobs[i].path, path) == 0) return &w->blobs[i];
    return NULL;
}

static inline void world_put(struct world *w, const char *path, const void *bytes, size_t length)
{
    assert_true(w->blob_count < WORLD_BLOBS);
    struct world_blob *blob = &w->blobs[w->blob_count++];
    snprintf(blob->path, sizeof blob->path, "%s", path);
    blob->bytes = (uint8_t *)weir_arena_copy(&w->arena, bytes, length);
    blob->length = length;
}

static inline void world_lose_blob(struct world *w, const char *path)
{
    struct world_blob *blob = world_blob(w, path);
    assert_non_null(blob);
    w->blob_count--;
    *blob = w->blobs[w->blob_count];
}

static inline bool world_named(const char *path, const char *name_prefix)
{
    const char *slash = strrchr(path, '/');
    return !name_prefix || strncmp(slash ? slash + 1 : path, name_prefix, strlen(name_prefix)) == 0;
}

static inline void world_list(
    struct world *w, const char *prefix, const char *name_prefix, struct weir_event *event)
{
    const char **names = WEIR_ARENA_ARRAY(&w->arena, const char *, WORLD_BLOBS);
    event->blob.modified_us = WEIR_ARENA_ARRAY(&w->arena, int64_t, WORLD_BLOBS);
    for (uint32_t i = 0; i < w->blob_count; i++)
        if (strncmp(w->blobs[i].path, prefix, strlen(prefix)) == 0 &&
            world_named(w->blobs[i].path, name_prefix))
            names[event->blob.name_count++] = weir_arena_string(&w->arena, w->blobs[i].path);
    event->blob.names = names;
}

static inline void world_blob_effect(struct world *w, const struct weir_effect *effect)
{
    const struct weir_blob_effect *blob = &effect->blob;
    struct world_blob *found = world_blob(w, blob->path);
    struct weir_event *event = world_push(w);
    event->kind = WEIR_EVENT_BLOB_DONE;
    event->tag = effect->tag;
    event->blob.path = weir_arena_string(&w->arena, blob->path);
    if (w->blobs_fail) {
        event->blob.outcome = WEIR_BLOB_ERROR;
        event->blob.error = "the disk does not answer";
        return;
    }
    switch (blob->operation) {
    case WEIR_BLOB_PUT:
        event->blob.outcome = found ? WEIR_BLOB_EXISTS : WEIR_BLOB_OK;
        if (!found) world_put(w, blob->path, blob->bytes, blob->length);
        return;
    case WEIR_BLOB_GET:
        event->blob.outcome = found ? WEIR_BLOB_OK : WEIR_BLOB_NOT_FOUND;
        if (found) {
            event->blob.bytes = (uint8_t *)weir_arena_copy(&w->arena, found->bytes, found->length);
            event->blob.length = found->length;
        }
        return;
    case WEIR_BLOB_LIST: world_list(w, blob->path, blob->name_prefix, event); return;
    case WEIR_BLOB_COPY:
        event->blob.outcome = !found                              ? WEIR_BLOB_NOT_FOUND
                              : world_blob(w, blob->copy_to) != 0 ? WEIR_BLOB_EXISTS
                                                                  : WEIR_BLOB_OK;
        if (event->blob.outcome == WEIR_BLOB_OK) world_put(w, blob->copy_to, found->bytes, found->length);
        return;
    case WEIR_BLOB_DELETE:
        if (found) *found = w->blobs[--w->blob_count];
        return;
    case WEIR_BLOB_PRUNE: return;
    }
}

/* ---------------------------------------------------------------- carrying out */

static inline void world_assign(
    struct world *w, struct world_taskmanager *tm, const Weir__AssignSplits *message)
{
    struct weir_attempt_id id;
    assert_true(weir_attempt_id_from(message->attempt, &id));
    for (uint32_t i = 0; i < tm->attempt_count; i++)
        if (tm->attempts[i].there && weir_attempt_id_equal(&tm->attempts[i].id, &id) && message->n_splits)
            tm->attempts[i].split = WEIR_PROTO_COPY(&w->arena, message->splits[message->n_splits - 1]);
}

static inline void world_send(struct world *w, const struct weir_effect *effect)
{
    const Weir__Envelope *envelope = effect->envelope;
    if (effect->node == w->client) {
        assert_int_equal(envelope->body_case, WEIR__ENVELOPE__BODY_REPLY);
        w->reply = WEIR_PROTO_COPY(&w->arena, envelope->reply);
        w->reply_request = envelope->request;
        return;
    }
    struct world_taskmanager *tm = world_taskmanager(w, effect->node);
    assert_non_null(tm);
    if (!tm->up) return;
    if (w->lose_forgets && envelope->body_case == WEIR__ENVELOPE__BODY_FORGET) return;
    if (w->lose_deployments && envelope->body_case == WEIR__ENVELOPE__BODY_DEPLOY) {
        w->lose_deployments--;
        return;
    }
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_DEPLOY: world_deploy(w, tm, envelope->deploy); return;
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS: world_cancel(w, tm, envelope->cancel_tasks); return;
    case WEIR__ENVELOPE__BODY_FORGET: world_forget(w, tm, envelope->forget); return;
    case WEIR__ENVELOPE__BODY_TRIGGER: world_trigger(w, envelope->trigger); return;
    case WEIR__ENVELOPE__BODY_COMPLETE: world_commit(w, tm, envelope->complete); return;
    case WEIR__ENVELOPE__BODY_ASSIGN_SPLITS: world_assign(w, tm, envelope->assign_splits); return;
    default: return;
    }
}

static inline void world_told(struct world *w, const struct weir_effect *effect)
{
    const struct weir_local_message *message = effect->local;
    switch (message->kind) {
    case WEIR_LOCAL_JOB_STATUS: w->state = message->summary->state; return;
    case WEIR_LOCAL_JOB_TERMINAL: w->result = WEIR_PROTO_COPY(&w->arena, message->result); return;
    case WEIR_LOCAL_JOB_CLEAN: w->clean = true; return;
    case WEIR_LOCAL_JOB_FENCED: w->fenced = true; return;
    case WEIR_LOCAL_GARBAGE_FOUND:
        w->garbage_answers++;
        w->garbage_failed = message->garbage.failed;
        w->garbage_cut = message->garbage.cut;
        w->garbage_count = message->garbage.item_count;
        snprintf(w->garbage_path, sizeof w->garbage_path, "%s",
            w->garbage_count ? message->garbage.items[0]->path : "");
        return;
    case WEIR_LOCAL_SLOT_FAILED: w->slots_refused += message->slot_count; return;
    case WEIR_LOCAL_REQUIRE: {
        bool first = w->slots_wanted == UINT32_MAX;
        w->slots_wanted = message->slots_wanted;
        world_registered(w, first);
        return;
    }
    case WEIR_LOCAL_RELEASE:
        *(message->behind ? &w->slots_behind : &w->slots_released) += message->slot_count;
        return;
    default: return;
    }
}

static inline void world_timer(struct world *w, const struct weir_effect *effect)
{
    for (uint32_t i = 0; i < w->timer_count; i++) {
        if (memcmp(&w->timers[i].tag, &effect->tag, sizeof effect->tag) != 0) continue;
        w->timers[i].at_us = effect->at_us;
        return;
    }
    assert_true(w->timer_count < WORLD_TIMERS);
    w->timers[w->timer_count++] = (struct world_timer){ effect->tag, effect->at_us };
}

static inline void world_hold(struct world *w, const struct weir_effect *effect)
{
    assert_true(w->held_count < 64);
    struct weir_effect *held = &w->held[w->held_count++];
    *held = *effect;
    struct weir_store_operation *operations = (struct weir_store_operation *)weir_arena_copy(
        &w->arena, effect->operations, sizeof *operations * effect->operation_count);
    for (uint32_t i = 0; i < effect->operation_count; i++)
        if (operations[i].value)
            operations[i].value =
                (uint8_t *)weir_arena_copy(&w->arena, operations[i].value, operations[i].length);
    held->operations = operations;
}

static inline void world_carry_out(struct world *w, const struct weir_effect *effect)
{
    switch (effect->kind) {
    case WEIR_EFFECT_TIMER: world_timer(w, effect); return;
    case WEIR_EFFECT_SEND: world_send(w, effect); return;
    case WEIR_EFFECT_STORE:
        if (w->hold_store) {
            world_hold(w, effect);
        } else {
            world_store(w, effect);
        }
        return;
    case WEIR_EFFECT_BLOB: world_blob_effect(w, effect); return;
    case WEIR_EFFECT_LOCAL: world_told(w, effect); return;
    case WEIR_EFFECT_LOG: w->logs++; return;
    default: fail_msg("an effect of kind %d", (int)effect->kind);
    }
}

static inline void world_step(struct world *w, struct weir_event *event)
{
    event->now_us = w->now_us;
    event->wall_us = w->now_us + 1700000000 * SECOND;
    for (uint32_t again = 0;; again++) {
        assert_true(again < 1000); /* a machine that never has enough */
        struct weir_effects effects;
        weir_arena_reset(&w->step_arena);
        weir_effects_init(&effects, &w->step_arena);
        weir_jobmaster_step(w->jm, event, &effects);
        if (effects.count > w->effects_most) w->effects_most = effects.count;
        for (uint32_t i = 0; i < effects.count; i++) world_carry_out(w, &effects.items[i]);
        if (!effects.more) return;
        static const struct weir_local_message more = { .kind = WEIR_LOCAL_CONTINUE };
        *event = (struct weir_event){
            .kind = WEIR_EVENT_LOCAL, .now_us = w->now_us, .wall_us = event->wall_us, .local = &more
        };
    }
}

static inline void world_run(struct world *w)
{
    for (uint32_t steps = 0; w->event_count; steps++) {
        assert_true(steps < 1000000);
        struct weir_event event = w->events[w->event_first];
        w->event_first = (w->event_first + 1) % WORLD_EVENTS;
        w->event_count--;
        world_step(w, &event);
    }
}

static inline void world_release_store(struct world *w)
{
    w->hold_store = false;
    uint32_t count = w->held_count;
    w->held_count = 0;
    for (uint32_t i = 0; i < count; i++) world_store(w, &w->held[i]);
    world_run(w);
}

/* Time goes on by that much, timers fire in order. */
static inline void world_wait(struct world *w, int64_t us)
{
    int64_t until_us = w->now_us + us;
    world_run(w);
    for (uint32_t fired = 0;; fired++) {
        assert_true(fired < 100000);
        uint32_t first = UINT32_MAX;
        for (uint32_t i = 0; i < w->timer_count; i++)
            if (w->timers[i].at_us <= until_us &&
                (first == UINT32_MAX || w->timers[i].at_us < w->timers[first].at_us))
                first = i;
        if (first == UINT32_MAX) break;
        if (w->timers[first].at_us > w->now_us) w->now_us = w->timers[first].at_us;
        struct weir_event event = { .kind = WEIR_EVENT_TIMER, .tag = w->timers[first].tag };
        w->timers[first] = w->timers[--w->timer_count];
        world_step(w, &event);
        world_run(w);
    }
    w->now_us = until_us;
}

/* ---------------------------------------------------------------- making it */

static inline void world_init(struct world *w, uint32_t taskmanagers, uint32_t slots)
{
    memset(w, 0, sizeof *w);
    weir_test_memory_init(&w->memory);
    weir_arena_init(&w->arena, weir_test_memory_shared());
    weir_arena_init(&w->step_arena, weir_test_memory_shared());
    weir_arena_init(&w->nodes_arena, weir_test_memory_shared());
    weir_nodes_init(&w->nodes, &w->nodes_arena);
    w->events = WEIR_ARENA_ARRAY(&w->arena, struct weir_event, WORLD_EVENTS);
    w->taskmanagers = WEIR_ARENA_ARRAY(&w->arena, struct world_taskmanager, WORLD_TASKMANAGERS);
    w->options = (struct weir_control_options){ .reattach_timeout_us = 10 * SECOND,
        .slot_request_timeout_us = 300 * SECOND,
        .storage_directory = "/ha" };
    w->identity = (struct weir_identity){
        .cluster = "test", .name = "jm-1", .jobmanager = true, .epoch = 1, .incarnation = 100
    };
    w->identity.self = weir_nodes_intern(&w->nodes, "jm-1");
    w->client = weir_nodes_intern(&w->nodes, "client");
    memset(w->job.bytes, 7, sizeof w->job.bytes);
    w->now_us = SECOND;
    w->taskmanager_count = taskmanagers;
    for (uint32_t t = 0; t < taskmanagers; t++) {
        struct world_taskmanager *tm = &w->taskmanagers[t];
        snprintf(tm->name, sizeof tm->name, "tm-%u", t + 1);
        tm->node = weir_nodes_intern(&w->nodes, tm->name);
        tm->incarnation = 10 + t;
        tm->slot_count = slots;
        tm->up = true;
    }
    w->plan = WEIR_PROTO_NEW(&w->arena, Weir__ExecutionPlan, weir__execution_plan);
    w->plan->format = WEIR_RECORD_FORMAT;
    w->plan->job = weir_job_id_to(&w->arena, &w->job);
    w->plan->name = weir_arena_string(&w->arena, "the job");
    w->plan->settings = WEIR_PROTO_NEW(&w->arena, Weir__JobSettings, weir__job_settings);
    w->plan->settings->checkpoint_interval_ms = 1000;
    w->plan->settings->checkpoint_timeout_ms = 60000;
    w->plan->settings->checkpoint_max_concurrent = 1;
    w->plan->settings->checkpoint_retained = 1;
    w->plan->settings->checkpoint_directory = weir_arena_string(&w->arena, "/checkpoints");
    w->plan->settings->savepoint_directory = weir_arena_string(&w->arena, "/savepoints");
    w->plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY;
    w->plan->settings->restart_attempts_max = 3;
    w->plan->settings->restart_delay_ms = 100;
    w->plan->vertices = WEIR_ARENA_ARRAY(&w->arena, Weir__PlanVertex *, 64);
}

/* from: id of the producer, 0: a source. A vertex without consumers is a sink. */
static inline Weir__PlanVertex *world_vertex(
    struct world *w, uint32_t id, uint32_t parallelism, uint32_t from, uint32_t exchange)
{
    Weir__PlanVertex *vertex = WEIR_PROTO_NEW(&w->arena, Weir__PlanVertex, weir__plan_vertex);
    vertex->id = id;
    vertex->name = weir_arena_format(&w->arena, "vertex %u", id);
    vertex->parallelism = parallelism;
    vertex->max_parallelism = 128;
    vertex->source = !from;
    vertex->sink = true;
    for (size_t v = 0; v < w->plan->n_vertices; v++)
        if (w->plan->vertices[v]->id == from) w->plan->vertices[v]->sink = false;
    if (from) {
        vertex->inputs = WEIR_ARENA_ARRAY(&w->arena, Weir__PlanEdge *, 1);
        vertex->inputs[0] = WEIR_PROTO_NEW(&w->arena, Weir__PlanEdge, weir__plan_edge);
        vertex->inputs[0]->from_vertex = from;
        vertex->inputs[0]->exchange = exchange;
        vertex->n_inputs = 1;
    }
    w->plan->vertices[w->plan->n_vertices++] = vertex;
    return vertex;
}

static inline void world_jobmaster(struct world *w)
{
    struct weir_machine_config config = { .memory = &w->memory.base,
        .nodes = &w->nodes,
        .identity = &w->identity,
        .options = &w->options,
        .random_seed = 5 };
    w->jm = weir_jobmaster_new(&config, &w->job);
    w->slots_wanted = UINT32_MAX;
    w->state = JOB(INITIALIZING);
}

static inline void world_encode(
    struct world *w, const ProtobufCMessage *message, uint8_t **ret, size_t *ret_length)
{
    *ret_length = protobuf_c_message_get_packed_size(message);
    *ret = weir_arena_allocate(&w->arena, *ret_length + 1);
    protobuf_c_message_pack(message, *ret);
}

/* A new job: its plan is stored, its record is not there yet. */
static inline void world_submit(struct world *w)
{
    uint8_t *bytes;
    size_t length;
    world_encode(w, &w->plan->base, &bytes, &length);
    world_put(w, "/ha/plans/p", bytes, length);
    Weir__JobRecord *record = WEIR_PROTO_NEW(&w->arena, Weir__JobRecord, weir__job_record);
    record->format = WEIR_RECORD_FORMAT;
    record->epoch = w->identity.epoch;
    record->job = weir_job_id_to(&w->arena, &w->job);
    record->name = weir_arena_string(&w->arena, "the job");
    record->plan_pointer = weir_arena_string(&w->arena, "/ha/plans/p");
    record->target = WEIR_PROTO_NEW(&w->arena, Weir__Target, weir__target);
    record->target->kind = WEIR__TARGET_KIND__TARGET_RUN;
    record->status = WEIR__RECORD_STATUS__RECORD_ACTIVE;
    record->submitted_ms = 1700000000000;
    world_jobmaster(w);
    struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_START,
        .leader_version = 3,
        .job_start = { .record_key = "jobs/07", .record = record, .plan = w->plan, .transactions = true } };
    world_local(w, &message);
    world_run(w);
}

static inline Weir__JobRecord *world_record(struct world *w)
{
    Weir__JobRecord *record = NULL;
    struct weir_error error;
    assert_int_equal(
        weir_job_record_decode(&w->arena, w->record, w->record_length, &record, &error), WEIR_OK);
    return record;
}

/* The leader is gone with all that was on its way; a new one reads the record. TaskManagers have gone on. */
static inline void world_takeover(struct world *w)
{
    weir_jobmaster_free(w->jm);
    w->event_count = w->timer_count = w->held_count = 0;
    w->hold_store = false;
    w->identity.epoch++;
    w->identity.incarnation++;
    world_jobmaster(w);
    w->deployed = w->canceled = 0;
    w->result = NULL;
    struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_START,
        .leader_version = 4,
        .job_start = { .record_key = "jobs/07",
            .record_version = w->record_version,
            .record = world_record(w),
            .transactions = true } };
    world_local(w, &message);
    world_run(w);
}

static inline void world_done(struct world *w)
{
    weir_jobmaster_free(w->jm);
    weir_test_memory_check(&w->memory);
    weir_arena_done(&w->arena);
    weir_arena_done(&w->step_arena);
    weir_arena_done(&w->nodes_arena);
}

static inline void world_ask(struct world *w, uint64_t request, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope *envelope = WEIR_PROTO_NEW(&w->arena, Weir__Envelope, weir__envelope);
    envelope->body_case = body;
    envelope->greeting = message;
    envelope->request = request;
    struct weir_local_message local = { .kind = WEIR_LOCAL_CLIENT, .client = { w->client, envelope } };
    w->reply = NULL;
    world_local(w, &local);
}

static inline uint32_t world_count(const struct world *w, Weir__ExecutionState state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < weir_jobmaster_subtask_count(w->jm); i++) {
        struct weir_jobmaster_subtask subtask;
        weir_jobmaster_subtask(w->jm, i, &subtask);
        if (subtask.state == state) count++;
    }
    return count;
}

static inline uint64_t world_newest(struct world *w)
{
    Weir__JobRecord *record = world_record(w);
    return record->n_checkpoints ? record->checkpoints[record->n_checkpoints - 1]->id : 0;
}

/* Of one subtask, as a client is shown it. */
static inline const Weir__SubtaskDetails *world_shown(struct world *w, uint32_t vertex, uint32_t subtask)
{
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&w->arena, Weir__QueryJobs, weir__query_jobs);
    query->details = true;
    world_ask(w, 9, WEIR__ENVELOPE__BODY_QUERY, query);
    world_run(w);
    assert_non_null(w->reply);
    assert_non_null(w->reply->details);
    return w->reply->details->vertices[vertex - 1]->subtasks[subtask];
}

#endif
