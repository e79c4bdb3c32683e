/* Checkpoints in flight: trigger, acknowledgements, metadata, the record's change, giving up. */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include "proto/metadata.h"
#include <stdio.h>
#include <string.h>

struct checkpoint_pending *checkpoint__pending_find(const struct weir_checkpoint_coordinator *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->pending_count; i++) {
        if (c->pending[i]->id == id) return c->pending[i];
    }
    return NULL;
}

/* No id is used before the record says that it is reserved; 0: not yet. */
uint64_t checkpoint__id_take(struct weir_checkpoint_coordinator *c)
{
    uint64_t reserved = c->record->confirmed ? c->record->confirmed->checkpoint_id_reserved : 0;
    if (WEIR_PLANTED(checkpoint_id_unreserved)) reserved = UINT64_MAX;
    if (!c->ids_known) return 0;
    return c->next_id <= reserved ? c->next_id++ : 0;
}

void checkpoint__pending_free(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p)
{
    for (uint32_t i = 0; i < c->pending_count; i++) {
        if (c->pending[i] != p) continue;
        c->pending_count--;
        memmove(&c->pending[i], &c->pending[i + 1], sizeof(void *) * (c->pending_count - i));
        break;
    }
    weir_arena_done(&p->arena);
    weir_memory_release(c->memory, p, sizeof *p);
}

static struct checkpoint_pending *pending_new(
    struct weir_checkpoint_coordinator *c, Weir__CheckpointKind kind, uint64_t id, const char *parent)
{
    WEIR_ASSERT(c->pending_count < CHECKPOINT_PENDING_MAX);
    struct checkpoint_pending *p = weir_memory_allocate_zeroed(c->memory, sizeof *p);
    weir_arena_init(&p->arena, c->memory);
    p->id = id;
    p->kind = kind;
    p->directory = parent ? checkpoint__savepoint_directory(c, &p->arena, parent, id)
                          : checkpoint__directory(c, &p->arena, id);
    p->pointer = weir_arena_format(&p->arena, "%s/_metadata", p->directory);
    c->pending[c->pending_count++] = p; /* ids grow */
    return p;
}

/* ---------------------------------------------------------------- trigger */

static const Weir__SubtaskSnapshot *snapshot_take(
    struct checkpoint_pending *p, const struct checkpoint_part *part, const Weir__SubtaskSnapshot *snapshot)
{
    Weir__SubtaskSnapshot *copy = WEIR_PROTO_COPY(&p->arena, snapshot);
    copy->vertex = part->attempt.vertex;
    copy->subtask = part->attempt.subtask;
    if (!copy->attempt) copy->attempt = weir_attempt_id_to(&p->arena, &part->attempt);
    if (!copy->run) copy->run = weir_run_to(&p->arena, &part->run);
    if (!copy->finished || copy->checkpoint == 0 || copy->checkpoint > p->id) copy->checkpoint = p->id;
    p->bytes_full += copy->bytes_full;
    p->bytes_written += part->final ? 0 : copy->bytes_written;
    return copy;
}

static void parts_fill(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p)
{
    p->parts = WEIR_ARENA_ARRAY(&p->arena, struct checkpoint_part, c->task_count);
    p->part_count = c->task_count;
    for (uint32_t i = 0; i < c->task_count; i++) {
        const struct weir_checkpoint_task *task = &c->tasks[i];
        struct checkpoint_part *part = &p->parts[i];
        *part = (struct checkpoint_part){ .attempt = task->attempt,
            .run = task->run,
            .node = task->node,
            .parallelism = task->parallelism,
            .max_parallelism = task->max_parallelism };
        if (!task->finished || !task->final_snapshot) continue;
        part->final = true;
        part->snapshot = snapshot_take(p, part, task->final_snapshot);
        checkpoint__part_note(c, p, part, NULL);
        p->acknowledged_count++;
    }
}

static Weir__TriggerCheckpoint *trigger_message(const struct weir_checkpoint_coordinator *c,
    const struct checkpoint_pending *p, struct weir_effects *effects)
{
    Weir__TriggerCheckpoint *message =
        WEIR_PROTO_NEW(effects->arena, Weir__TriggerCheckpoint, weir__trigger_checkpoint);
    message->job = weir_job_id_to(effects->arena, &c->job);
    message->checkpoint = p->id;
    message->base_checkpoint = p->base;
    message->directory = weir_arena_string(effects->arena, p->directory);
    message->kind = p->kind;
    message->suspend = p->suspend;
    message->drain = p->drain;
    message->triggered_ms = p->triggered_wall_us / 1000;
    return message;
}

/* Readers whose splits are assigned get a message each: it names the last assignment that was sent to them.
 */
static void trigger_send(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    struct node_groups groups;
    checkpoint__groups_init(&groups, effects->arena);
    for (uint32_t i = 0; i < c->task_count; i++) {
        const struct weir_checkpoint_task *task = &c->tasks[i];
        /* Sources are triggered by it; the others learn where their part goes, for barriers do not say. */
        if (!task->running) continue;
        if (!task->source || !task->enumerated) {
            checkpoint__groups_add(&groups, task->node, &task->attempt);
            continue;
        }
        const struct task_note *note = checkpoint__note(c, task->attempt.vertex, task->attempt.subtask);
        Weir__TriggerCheckpoint *message = trigger_message(c, p, effects);
        message->n_attempts = 1;
        message->attempts = WEIR_ARENA_ARRAY(effects->arena, Weir__AttemptId *, 1);
        message->attempts[0] = weir_attempt_id_to(effects->arena, &task->attempt);
        message->split_sequence = note && note->split_epoch == p->epoch ? note->split_sequence : 0;
        checkpoint__send(c, task->node, WEIR__ENVELOPE__BODY_TRIGGER, &message->base, effects);
    }
    for (uint32_t g = 0; g < groups.count; g++) {
        Weir__TriggerCheckpoint *message = trigger_message(c, p, effects);
        message->n_attempts = groups.items[g].attempt_count;
        message->attempts = groups.items[g].attempts;
        checkpoint__send(c, groups.items[g].node, WEIR__ENVELOPE__BODY_TRIGGER, &message->base, effects);
    }
}

static void acknowledged_all(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects);

static void pending_start(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    bool incremental = p->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT;
    p->state = PENDING_TRIGGERED;
    p->epoch = c->identity->epoch;
    p->base = incremental ? checkpoint__newest_base(c) : 0;
    if (WEIR_PLANTED(checkpoint_base_savepoint) && incremental && c->statistics.last_completed_id > p->base)
        p->base = c->statistics.last_completed_id;
    p->triggered_us = c->now_us;
    p->triggered_wall_us = c->wall_us;
    uint64_t timeout_ms = c->settings->checkpoint_timeout_ms;
    p->deadline_us = c->now_us + (int64_t)(timeout_ms ? timeout_ms : 600000) * 1000;
    parts_fill(c, p);
    c->statistics.triggered++;
    c->statistics.last_triggered_wall_us = c->wall_us;
    trigger_send(c, p, effects);
    if (p->acknowledged_count == p->part_count) acknowledged_all(c, p, effects);
}

/* ---------------------------------------------------------------- what is due */

static bool source_running(const struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = 0; i < c->task_count; i++) {
        if (c->tasks[i].source && c->tasks[i].running) return true;
    }
    return false;
}

/* Bounded by the ids at hand: without one the next block is asked for. */
static uint64_t id_or_wait(struct weir_checkpoint_coordinator *c)
{
    uint64_t id = checkpoint__id_take(c);
    if (!id) c->id_wanted = true;
    return id;
}

static bool stop_pending(const struct weir_checkpoint_coordinator *c)
{
    for (uint32_t i = 0; i < c->pending_count; i++) {
        if (c->pending[i]->kind >= WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) return true;
    }
    return false;
}

/* All have ended: the last checkpoint is made of their final snapshots. */
static void start_final(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    uint64_t id = id_or_wait(c);
    if (!id) return;
    checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the job has ended", effects);
    pending_start(c, pending_new(c, WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT, id, NULL), effects);
}

/* The record learns the id first, as for every savepoint. When all have ended their final snapshots make it.
 */
static void start_stop(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    uint64_t id = id_or_wait(c);
    if (!id) return;
    checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the job is stopped with a savepoint", effects);
    struct checkpoint_pending *p =
        pending_new(c, WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT, id, c->stop_directory);
    p->state = PENDING_RESERVED;
    p->drain = c->stop_drain || checkpoint__all_finished(c);
    p->suspend = !p->drain;
    if (c->record->wanted->target) c->record->wanted->target->checkpoint = id;
    p->change = weir_record_changed(c->record, c->now_us, effects);
}

/* The record learns the id first: a later leader finds what a try has left behind. */
static void start_savepoint(
    struct weir_checkpoint_coordinator *c, struct savepoint_request *request, struct weir_effects *effects)
{
    uint64_t id = id_or_wait(c);
    if (!id) return;
    struct checkpoint_pending *p = pending_new(c, WEIR__CHECKPOINT_KIND__SAVEPOINT, id, request->directory);
    memcpy(p->request, request->request, sizeof p->request);
    p->has_request = true;
    p->state = PENDING_RESERVED;
    request->active = true;
    p->change = checkpoint__request_write(c, request->request, WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS,
        request->directory, NULL, id, effects);
}

/* Of savepoints there is always one less: who asks for many does not keep the periodic ones from going on. */
static bool has_room(const struct weir_checkpoint_coordinator *c, bool savepoint)
{
    uint32_t barriers = 0;
    for (uint32_t i = 0; i < c->pending_count; i++) barriers += c->pending[i]->state <= PENDING_TRIGGERED;
    return barriers + savepoint < CHECKPOINT_BARRIERS_MAX && c->pending_count < CHECKPOINT_PENDING_MAX - 2;
}

static bool periodic_due(const struct weir_checkpoint_coordinator *c)
{
    uint32_t concurrent = WEIR_MAX(c->settings->checkpoint_max_concurrent, 1), running = 0;
    for (uint32_t i = 0; i < c->pending_count; i++) {
        running += c->pending[i]->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT;
        /* Triggers go out in the order of their ids: a source that has seen a newer one passes over this. */
        if (c->pending[i]->state == PENDING_RESERVED) return false;
    }
    int64_t pause_us = (int64_t)c->settings->checkpoint_min_pause_ms * 1000;
    if (c->asked && running < concurrent) return true;
    return c->settings->checkpoint_interval_ms && running < concurrent && c->now_us >= c->due_us &&
           c->now_us - c->last_completed_us >= pause_us;
}

void checkpoint__start_due(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!checkpoint__may_trigger(c) || stop_pending(c)) return;
    bool ended = checkpoint__all_finished(c);
    if (c->stopping && (ended || (c->all_running && source_running(c)))) {
        start_stop(c, effects);
        return;
    }
    if (c->final_wanted && ended) {
        start_final(c, effects);
        return;
    }
    if (!c->all_running || !source_running(c)) return; /* after its end was wanted, too: it runs again */
    if (c->stopping) return;
    for (uint32_t i = 0; i < c->request_count && has_room(c, true); i++) {
        if (!c->requests[i].active && c->now_us >= c->requests[i].at_us)
            start_savepoint(c, &c->requests[i], effects);
    }
    if (!periodic_due(c) || !has_room(c, false)) return;
    uint64_t id = id_or_wait(c);
    if (!id) return;
    c->asked = false;
    c->due_us = c->now_us + (int64_t)c->settings->checkpoint_interval_ms * 1000;
    pending_start(c, pending_new(c, WEIR__CHECKPOINT_KIND__CHECKPOINT, id, NULL), effects);
}

/* ---------------------------------------------------------------- acknowledgements */

static struct checkpoint_part *part_find(const struct weir_checkpoint_coordinator *c,
    struct checkpoint_pending *p, uint32_t vertex, uint32_t subtask)
{
    const struct task_note *note = checkpoint__note(c, vertex, subtask);
    uint32_t guess = note ? note->task : UINT32_MAX;
    if (guess < p->part_count && p->parts[guess].attempt.vertex == vertex &&
        p->parts[guess].attempt.subtask == subtask)
        return &p->parts[guess];
    for (uint32_t i = 0; i < p->part_count; i++) {
        if (p->parts[i].attempt.vertex == vertex && p->parts[i].attempt.subtask == subtask)
            return &p->parts[i];
    }
    return NULL;
}

/* H5: a checkpoint refers only to files of its own and to those reachable from its base. What it refers to
 * besides is not protected from deletion: it must not be completed. */
static const char *foreign_file(const struct weir_checkpoint_coordinator *c,
    const struct checkpoint_pending *p, const Weir__SubtaskSnapshot *snapshot)
{
    struct checkpoint_completed *base = p->base ? checkpoint__completed_find(c, p->base) : NULL;
    for (size_t f = 0; f < snapshot->n_files; f++) {
        if (checkpoint__starts_with(snapshot->files[f], p->directory)) continue;
        if (!base) return snapshot->files[f];
        if (!base->reached.slot_count) {
            checkpoint__set_init(&base->reached, &base->arena, base->file_count);
            for (uint32_t i = 0; i < base->file_count; i++)
                checkpoint__set_add(&base->reached, base->files[i]);
        }
        if (!checkpoint__set_has(&base->reached, snapshot->files[f])) return snapshot->files[f];
    }
    return NULL;
}

/* What was written for an id of ours that was given up is nobody's, now and later. */
static void written_in_vain(struct weir_checkpoint_coordinator *c, const Weir__AcknowledgeCheckpoint *message)
{
    bool given_up = false;
    for (uint32_t i = 0; i < CHECKPOINT_GIVEN_UP_MAX; i++) given_up |= c->given_up[i] == message->checkpoint;
    if (!given_up || WEIR_PLANTED(checkpoint_never_swept)) return;
    struct weir_arena scratch;
    weir_arena_init(&scratch, c->memory);
    const char *directory =
        weir_arena_format(&scratch, "%s/", checkpoint__directory(c, &scratch, message->checkpoint));
    for (size_t f = 0; f < message->snapshot->n_files; f++) {
        if (checkpoint__starts_with(message->snapshot->files[f], directory))
            checkpoint__delete(c, message->snapshot->files[f]);
    }
    weir_arena_done(&scratch);
}

/* Only what the coordinator waits for counts: this attempt in this run, from where it runs, for the barrier
 * of this epoch. */
static struct checkpoint_part *part_expected(struct weir_checkpoint_coordinator *c,
    struct checkpoint_pending *p, const struct weir_event *event, const Weir__AcknowledgeCheckpoint *message)
{
    struct weir_attempt_id attempt;
    struct weir_run run;
    if (!p || p->state != PENDING_TRIGGERED || p->drain) return NULL;
    if (!weir_attempt_id_from(message->attempt, &attempt) || !weir_run_from(message->run, &run)) return NULL;
    struct checkpoint_part *part = part_find(c, p, attempt.vertex, attempt.subtask);
    if (!part || part->snapshot || !message->snapshot) return NULL;
    if (WEIR_PLANTED(checkpoint_mixes_runs)) return part;
    if (!weir_attempt_id_equal(&part->attempt, &attempt) || !weir_run_equal(&part->run, &run)) return NULL;
    return part->node == event->from && message->barrier_epoch == p->epoch ? part : NULL;
}

void checkpoint__acknowledged(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__AcknowledgeCheckpoint *message = event->envelope->acknowledge;
    struct checkpoint_pending *p = checkpoint__pending_find(c, message->checkpoint);
    struct checkpoint_part *part = part_expected(c, p, event, message);
    if (!part) {
        if (!p && message->snapshot) written_in_vain(c, message);
        return;
    }
    const char *foreign = foreign_file(c, p, message->snapshot);
    if (foreign) {
        const char *text = weir_arena_format(effects->arena,
            "subtask %u of vertex %u refers to '%s', which is neither of checkpoint %llu nor of its base "
            "%llu",
            part->attempt.subtask, part->attempt.vertex, foreign, (unsigned long long)p->id,
            (unsigned long long)p->base);
        checkpoint__abort(c, p, ABORT_COUNTED, text, effects);
        return;
    }
    part->snapshot = snapshot_take(p, part, message->snapshot);
    checkpoint__part_note(c, p, part, message);
    if (++p->acknowledged_count == p->part_count) acknowledged_all(c, p, effects);
}

static enum abort_reason decline_meaning(Weir__DeclineReason reason)
{
    switch (reason) {
    case WEIR__DECLINE_REASON__DECLINE_UNSPECIFIED:
    case WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED: return ABORT_COUNTED;
    default: return ABORT_NOT_COUNTED;
    }
}

static const char *decline_text(Weir__DeclineReason reason)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&weir__decline_reason__descriptor, (int)reason);
    return value ? value->name : "DECLINE_UNSPECIFIED";
}

void checkpoint__declined(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__DeclineCheckpoint *message = event->envelope->decline;
    struct checkpoint_pending *p = checkpoint__pending_find(c, message->checkpoint);
    struct weir_attempt_id attempt;
    if (!p || p->state != PENDING_TRIGGERED || !weir_attempt_id_from(message->attempt, &attempt)) return;
    const struct checkpoint_part *part = part_find(c, p, attempt.vertex, attempt.subtask);
    if (!part || !weir_attempt_id_equal(&part->attempt, &attempt) || part->node != event->from) return;
    if (message->reason == WEIR__DECLINE_REASON__DECLINE_SPLIT_MISSING)
        checkpoint__splits_resend(c, attempt.vertex, attempt.subtask, effects);
    enum abort_reason meaning = decline_meaning(message->reason);
    if (WEIR_PLANTED(checkpoint_silence_counts)) meaning = ABORT_COUNTED;
    checkpoint__abort(c, p, meaning,
        weir_arena_format(effects->arena, "declined by subtask %u of vertex %u: %s %s", attempt.subtask,
            attempt.vertex, decline_text(message->reason), message->error ? message->error : ""),
        effects);
}

/* ---------------------------------------------------------------- metadata and record */

static Weir__VertexSnapshot *vertex_of(
    struct checkpoint_pending *p, Weir__CheckpointMetadata *metadata, const struct checkpoint_part *part)
{
    for (size_t v = metadata->n_vertices; v > 0; v--) { /* tasks come vertex by vertex: the last one fits */
        if (metadata->vertices[v - 1]->vertex == part->attempt.vertex) return metadata->vertices[v - 1];
    }
    Weir__VertexSnapshot *vertex = WEIR_PROTO_NEW(&p->arena, Weir__VertexSnapshot, weir__vertex_snapshot);
    vertex->vertex = part->attempt.vertex;
    vertex->parallelism = part->parallelism;
    vertex->max_parallelism = part->max_parallelism;
    uint32_t subtasks = 0;
    for (uint32_t i = 0; i < p->part_count; i++) subtasks += p->parts[i].attempt.vertex == vertex->vertex;
    vertex->subtasks = WEIR_ARENA_ARRAY(&p->arena, Weir__SubtaskSnapshot *, subtasks);
    metadata->vertices[metadata->n_vertices++] = vertex;
    return vertex;
}

static Weir__CheckpointMetadata *metadata_make(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p)
{
    Weir__CheckpointMetadata *metadata =
        WEIR_PROTO_NEW(&p->arena, Weir__CheckpointMetadata, weir__checkpoint_metadata);
    metadata->format = WEIR_RECORD_FORMAT;
    metadata->job = weir_job_id_to(&p->arena, &c->job);
    metadata->id = p->id;
    metadata->epoch = p->epoch;
    metadata->kind = p->kind;
    metadata->plan_version = c->record->wanted->plan_version;
    metadata->base_checkpoint = p->base;
    metadata->triggered_ms = p->triggered_wall_us / 1000;
    metadata->vertices = WEIR_ARENA_ARRAY(&p->arena, Weir__VertexSnapshot *, p->part_count);
    for (uint32_t i = 0; i < p->part_count; i++) {
        Weir__VertexSnapshot *vertex = vertex_of(p, metadata, &p->parts[i]);
        vertex->subtasks[vertex->n_subtasks++] = (Weir__SubtaskSnapshot *)p->parts[i].snapshot;
    }
    for (size_t v = 0; v < metadata->n_vertices; v++)
        checkpoint__enumerator_write(c, metadata->vertices[v], &p->arena);
    return metadata;
}

static void record_change(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects);

/* As it is stored: a savepoint may be moved. */
static uint8_t *metadata_bytes(
    const struct checkpoint_pending *p, struct weir_arena *arena, size_t *ret_length)
{
    const Weir__CheckpointMetadata *metadata = p->metadata;
    bool users =
        p->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || p->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
    const Weir__CheckpointMetadata *movable =
        users ? weir_checkpoint_metadata_movable(arena, metadata, p->directory) : NULL;
    return weir_checkpoint_metadata_encode(arena, movable ? movable : metadata, ret_length);
}

static void put_send(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    size_t length;
    uint8_t *bytes = metadata_bytes(p, effects->arena, &length);
    p->put_in_flight = true;
    c->puts_in_flight++;
    weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_PUT, p->id),
        (struct weir_blob_effect){ .operation = WEIR_BLOB_PUT,
            .path = weir_arena_string(effects->arena, p->pointer),
            .bytes = bytes,
            .length = length });
}

static void acknowledged_all(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    checkpoint__copies_plan(c, p);
    p->metadata = metadata_make(c, p);
    p->state = PENDING_METADATA;
    p->put_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US;
    if (checkpoint__copies_advance(c, p, effects)) put_send(c, p, effects);
    if (WEIR_PLANTED(checkpoint_record_before_metadata)) record_change(c, p, effects);
}

/* From here on the outcome is the record's. Older ones in flight are of no use any more. */
static void record_change(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    p->state = PENDING_RECORD;
    if (p->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT) {
        p->change = checkpoint__request_write(
            c, p->request, WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED, p->directory, NULL, p->id, effects);
        return;
    }
    for (uint32_t i = 0; i < c->pending_count;) {
        struct checkpoint_pending *older = c->pending[i];
        if (older->id < p->id && older->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT &&
            older->state < PENDING_RECORD)
            checkpoint__abort(c, older, ABORT_NOT_COUNTED, "a newer one is complete", effects);
        else
            i++;
    }
    checkpoint__record_add(c, p);
    p->change = weir_record_changed(c->record, c->now_us, effects);
    if (WEIR_PLANTED(commit_before_record)) {
        c->notify_id = p->id;
        checkpoint__notify(c, p->id, effects);
    }
}

static void metadata_taken(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    bool again = p->kind >= WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
    checkpoint__abort(c, p, again ? ABORT_NOT_COUNTED : ABORT_COUNTED,
        weir_arena_format(effects->arena, "'%s' is there already with other content", p->pointer), effects);
}

/* It is tried again until the checkpoint expires, which may take minutes: the first time is told. */
static void put_failed(struct checkpoint_pending *p, const char *error, struct weir_effects *effects)
{
    if (p->put_error) return;
    p->put_error = weir_arena_string(&p->arena, error && error[0] ? error : "the storage does not answer");
    weir_effect_log(effects, WEIR_CONTROL_WARN,
        "The metadata of checkpoint %llu cannot be written, which is tried again: %s",
        (unsigned long long)p->id, p->put_error);
}

/* A name that is taken is ours when an earlier try of this write got through unheard. */
void checkpoint__put_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    struct checkpoint_pending *p = checkpoint__pending_find(c, event->tag.number);
    if (event->tag.kind == CHECKPOINT_TAG_PUT) c->puts_in_flight--;
    if (!p && event->tag.kind == CHECKPOINT_TAG_PUT) checkpoint__sweep_want(c); /* given up meanwhile */
    if (!p || p->state != PENDING_METADATA || !p->put_in_flight) return;
    p->put_in_flight = false;
    size_t length;
    const uint8_t *bytes = metadata_bytes(p, effects->arena, &length);
    if (event->tag.kind == CHECKPOINT_TAG_COMPARE && event->blob.outcome == WEIR_BLOB_OK) {
        if (event->blob.length != length || memcmp(bytes, event->blob.bytes, length) != 0) {
            metadata_taken(c, p, effects);
            return;
        }
        record_change(c, p, effects);
    } else if (event->tag.kind == CHECKPOINT_TAG_PUT && event->blob.outcome == WEIR_BLOB_OK) {
        record_change(c, p, effects);
    } else if (event->blob.outcome == WEIR_BLOB_EXISTS) {
        p->put_in_flight = true;
        weir_effect_blob(effects, checkpoint__tag(c, CHECKPOINT_TAG_COMPARE, p->id),
            (struct weir_blob_effect){ .operation = WEIR_BLOB_GET,
                .path = weir_arena_string(effects->arena, p->pointer),
                .bytes_max = length + 1 });
    } else {
        put_failed(p, event->blob.error, effects);
        p->put_at_us = c->now_us + checkpoint__back_off(&p->put_back_off_us);
    }
}

/* ---------------------------------------------------------------- the end */

static void completed(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    c->statistics.completed++;
    c->statistics.last_completed_id = p->id;
    c->statistics.last_bytes_full = p->bytes_full;
    c->statistics.last_bytes_written = p->bytes_written;
    c->statistics.last_duration_us = c->now_us - p->triggered_us;
    c->last_completed_us = c->now_us;
    c->failures_in_row = 0;
    c->retry_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US;
    checkpoint__history_add(c, p, WEIR_CHECKPOINT_COMPLETED, NULL);
    weir_effect_log(effects, WEIR_CONTROL_INFO,
        "Completed checkpoint %llu (%llu bytes, %llu written, duration %lld ms).", (unsigned long long)p->id,
        (unsigned long long)p->bytes_full, (unsigned long long)p->bytes_written,
        (long long)(c->statistics.last_duration_us / 1000));
    Weir__CheckpointKind kind = p->kind;
    uint64_t id = p->id;
    if (p->has_request) checkpoint__request_drop(c, p->request);
    checkpoint__completed_add(c, p);
    checkpoint__pending_free(c, p);
    checkpoint__completed_sync(c);
    if (kind == WEIR__CHECKPOINT_KIND__SAVEPOINT) return; /* nothing is committed for it */
    if (kind >= WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) {
        c->stopping = c->final_wanted = false;
        c->closing = c->await_committed = true;
    }
    if (c->deposed_since) checkpoint__sweep_want(c); /* what ended attempts have left can be told now */
    c->deposed_since = false;
    c->notify_id = id;
    c->notify_at_us = c->now_us;
    c->notify_back_off_us = CHECKPOINT_NOTIFY_FIRST_US;
}

/* The record knows the savepoint's id. */
static void reserved(
    struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p, struct weir_effects *effects)
{
    bool stops = p->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
    bool ended = stops && p->drain && checkpoint__all_finished(c);
    if (checkpoint__may_trigger(c) && (ended || (c->all_running && source_running(c))))
        pending_start(c, p, effects);
    else
        checkpoint__abort(c, p, ABORT_NOT_COUNTED, "not all subtasks are running", effects);
}

static const char *expired_text(const struct checkpoint_pending *p, struct weir_arena *arena)
{
    if (p->state != PENDING_METADATA || !p->put_error) return "expired before completing";
    return weir_arena_format(
        arena, "expired before completing: its metadata could not be written: %s", p->put_error);
}

/* Timeouts, tries that are due again, what the record has confirmed. */
void checkpoint__pending_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < c->pending_count;) {
        struct checkpoint_pending *p = c->pending[i];
        uint32_t count = c->pending_count;
        if (p->state == PENDING_RECORD) {
            if (weir_record_is_confirmed(c->record, p->change)) completed(c, p, effects);
        } else if (p->state == PENDING_RESERVED) {
            if (weir_record_is_confirmed(c->record, p->change)) reserved(c, p, effects);
        } else if (c->now_us >= p->deadline_us) {
            checkpoint__abort(c, p, ABORT_COUNTED, expired_text(p, effects->arena), effects);
        } else if (p->state == PENDING_METADATA && !p->put_in_flight && c->now_us >= p->put_at_us &&
                   checkpoint__may_act(c) && checkpoint__copies_advance(c, p, effects)) {
            put_send(c, p, effects);
        }
        if (c->pending_count == count) i++;
    }
}

static void abort_send(
    struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p, struct weir_effects *effects)
{
    struct node_groups groups;
    checkpoint__groups_init(&groups, effects->arena);
    for (uint32_t i = 0; i < p->part_count; i++) {
        const struct checkpoint_part *part = &p->parts[i];
        const struct weir_checkpoint_task *task =
            checkpoint__task(c, part->attempt.vertex, part->attempt.subtask);
        if (task && task->running && weir_attempt_id_equal(&task->attempt, &part->attempt))
            checkpoint__groups_add(&groups, task->node, &task->attempt);
    }
    for (uint32_t g = 0; g < groups.count; g++) {
        Weir__AbortCheckpoint *message =
            WEIR_PROTO_NEW(effects->arena, Weir__AbortCheckpoint, weir__abort_checkpoint);
        message->job = weir_job_id_to(effects->arena, &c->job);
        message->checkpoint = p->id;
        message->resume = p->suspend;
        message->n_attempts = groups.items[g].attempt_count;
        message->attempts = groups.items[g].attempts;
        checkpoint__send(c, groups.items[g].node, WEIR__ENVELOPE__BODY_ABORT, &message->base, effects);
    }
}

void checkpoint__resume_send(
    struct weir_checkpoint_coordinator *c, weir_node node, struct weir_effects *effects)
{
    struct node_groups groups;
    if (!c->resume_id || c->stopping || c->closing || !checkpoint__may_act(c)) return;
    checkpoint__groups_init(&groups, effects->arena);
    for (uint32_t i = 0; i < c->task_count; i++) {
        const struct weir_checkpoint_task *task = &c->tasks[i];
        if (task->source && task->running && (!node || task->node == node))
            checkpoint__groups_add(&groups, task->node, &task->attempt);
    }
    for (uint32_t g = 0; g < groups.count; g++) {
        Weir__AbortCheckpoint *message =
            WEIR_PROTO_NEW(effects->arena, Weir__AbortCheckpoint, weir__abort_checkpoint);
        message->job = weir_job_id_to(effects->arena, &c->job);
        message->checkpoint = c->resume_id;
        message->resume = true;
        message->n_attempts = groups.items[g].attempt_count;
        message->attempts = groups.items[g].attempts;
        checkpoint__send(c, groups.items[g].node, WEIR__ENVELOPE__BODY_ABORT, &message->base, effects);
    }
}

/* What was under way to that TaskManager, or from it, may be lost: checkpoints that wait for it are tried
 * anew rather than waited for until they expire. */
void weir_checkpoint_connected(struct weir_checkpoint_coordinator *c, weir_node node, int64_t now_us,
    int64_t wall_us, struct weir_effects *effects)
{
    if (!c || !c->started) return;
    checkpoint__enter(c, now_us, wall_us);
    for (uint32_t i = 0; i < c->pending_count;) {
        struct checkpoint_pending *p = c->pending[i];
        bool waits = false;
        for (uint32_t s = 0; s < p->part_count && p->state == PENDING_TRIGGERED && !waits; s++)
            waits = p->parts[s].node == node && !p->parts[s].snapshot;
        if (waits)
            checkpoint__abort(c, p, ABORT_NOT_COUNTED, "a TaskManager has connected anew", effects);
        else
            i++;
    }
    checkpoint__resume_send(c, node, effects);
    if (!checkpoint__all_committed(c)) c->notify_at_us = WEIR_MIN(c->notify_at_us, c->now_us);
    checkpoint__leave(c, effects);
}

static void failure_counted(struct weir_checkpoint_coordinator *c, const char *text)
{
    c->statistics.failed++;
    if (++c->failures_in_row <= c->settings->checkpoint_tolerable_failures) return;
    c->failures_in_row = 0;
    snprintf(c->call_failure_text, sizeof c->call_failure_text,
        "Exceeded checkpoint tolerable failure threshold. The latest checkpoint failed: %s", text);
    c->call_failure = c->call_failure_text;
}

/* What becomes of the request that the checkpoint was for. */
static void abort_request(struct weir_checkpoint_coordinator *c, const struct checkpoint_pending *p,
    enum abort_reason reason, const char *text, struct weir_effects *effects)
{
    if (p->has_request) {
        struct savepoint_request *request = checkpoint__request_find(c, p->request);
        if (!request) return;
        request->active = false;
        request->at_us = c->now_us + (reason == ABORT_TASK_ENDED ? 0 : CHECKPOINT_BACK_OFF_FIRST_US);
        if (reason == ABORT_COUNTED && ++request->tries >= CHECKPOINT_TRIES_MAX)
            checkpoint__request_failed(c, p->request, text, effects);
    } else if (p->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT && c->stopping && reason == ABORT_COUNTED &&
               ++c->stop_tries >= CHECKPOINT_TRIES_MAX) {
        c->stopping = false;
        snprintf(c->call_stop_failed_text, sizeof c->call_stop_failed_text, "%s", text);
        c->call_stop_failed = c->call_stop_failed_text;
    }
}

void checkpoint__abort(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p,
    enum abort_reason reason, const char *text, struct weir_effects *effects)
{
    WEIR_ASSERT(p->state != PENDING_RECORD);
    bool periodic = p->kind == WEIR__CHECKPOINT_KIND__CHECKPOINT;
    c->statistics.aborted++;
    checkpoint__history_add(
        c, p, reason == ABORT_COUNTED ? WEIR_CHECKPOINT_FAILED : WEIR_CHECKPOINT_ABORTED, text);
    weir_effect_log(effects, reason == ABORT_COUNTED ? WEIR_CONTROL_WARN : WEIR_CONTROL_INFO,
        "Checkpoint %llu is given up: %s", (unsigned long long)p->id, text);
    if (checkpoint__may_act(c)) abort_send(c, p, effects);
    if (reason == ABORT_COUNTED && periodic) failure_counted(c, text);
    int64_t again_us = INT64_MAX;
    /* At once the first time; a job whose many subtasks end one by one is not tried after each. */
    bool at_once = reason == ABORT_TASK_ENDED && c->retry_back_off_us == CHECKPOINT_BACK_OFF_FIRST_US;
    int64_t back_off_us = reason == ABORT_COUNTED ? 0 : checkpoint__back_off(&c->retry_back_off_us);
    if (reason != ABORT_COUNTED) again_us = c->now_us + (at_once ? 0 : back_off_us);
    if (periodic) c->due_us = WEIR_MIN(c->due_us, again_us);
    bool triggered = p->state != PENDING_RESERVED;
    bool aside =
        p->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || p->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
    /* First: what becomes of the request may be the write that makes the record forget this try. */
    if (triggered && aside) checkpoint__folder_given_up(c, p->directory);
    if (triggered && !aside) checkpoint__sweep_want(c);
    abort_request(c, p, reason, text, effects);
    c->given_up[c->given_up_count++ % CHECKPOINT_GIVEN_UP_MAX] = p->id;
    if (p->suspend && triggered) c->resume_id = p->id;
    checkpoint__pending_free(c, p);
}

void checkpoint__abort_all(struct weir_checkpoint_coordinator *c, enum abort_reason reason, const char *text,
    struct weir_effects *effects)
{
    for (uint32_t i = 0; i < c->pending_count;) {
        if (c->pending[i]->state == PENDING_RECORD)
            i++;
        else
            checkpoint__abort(c, c->pending[i], reason, text, effects);
    }
}

/* What a change of the tasks means for one part. True: the checkpoint is given up. */
static bool part_gone(const struct weir_checkpoint_coordinator *c, const struct checkpoint_part *part)
{
    const struct weir_checkpoint_task *task =
        checkpoint__task(c, part->attempt.vertex, part->attempt.subtask);
    if (WEIR_PLANTED(checkpoint_mixes_runs)) return !task;
    return !task || !weir_attempt_id_equal(&task->attempt, &part->attempt) ||
           (!task->running && !task->finished);
}

static bool part_changed(struct weir_checkpoint_coordinator *c, struct checkpoint_pending *p,
    struct checkpoint_part *part, struct weir_effects *effects)
{
    const struct weir_checkpoint_task *task =
        checkpoint__task(c, part->attempt.vertex, part->attempt.subtask);
    if (part_gone(c, part)) {
        checkpoint__abort(c, p, ABORT_NOT_COUNTED,
            weir_arena_format(effects->arena, "subtask %u of vertex %u does not run any more",
                part->attempt.subtask, part->attempt.vertex),
            effects);
        return true;
    }
    part->node = task->node;
    if (part->snapshot || !task->finished) return false;
    if (p->drain && task->final_snapshot) {
        part->snapshot = snapshot_take(p, part, task->final_snapshot);
        checkpoint__part_note(c, p, part, NULL);
        p->acknowledged_count++;
        return false;
    }
    /* Its final snapshot may hold what came after the barrier that it has given up: a new try takes it in
     * from the start. */
    checkpoint__abort(c, p, ABORT_TASK_ENDED,
        weir_arena_format(
            effects->arena, "subtask %u of vertex %u has ended", part->attempt.subtask, part->attempt.vertex),
        effects);
    return true;
}

/* The record's change is not on its way, so it can be taken back: a region that fails over now starts from
 * what is confirmed, and nothing newer may be named later. */
static void retract_unwritten(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    bool gone = false, any = false;
    for (uint32_t i = 0; i < c->pending_count; i++) {
        const struct checkpoint_pending *p = c->pending[i];
        if (p->state != PENDING_RECORD || p->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT) continue;
        any = true;
        for (uint32_t s = 0; s < p->part_count && !gone; s++) gone = part_gone(c, &p->parts[s]);
    }
    if (!any || !gone || c->record->state != WEIR_RECORD_IDLE) return;
    checkpoint__record_retract(c, effects);
    for (uint32_t i = 0; i < c->pending_count;) {
        struct checkpoint_pending *p = c->pending[i];
        if (p->state != PENDING_RECORD || p->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT) {
            i++;
            continue;
        }
        p->state = PENDING_METADATA;
        checkpoint__abort(c, p, ABORT_NOT_COUNTED, "a subtask failed before it was recorded", effects);
    }
}

void checkpoint__pending_tasks_changed(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    retract_unwritten(c, effects);
    for (uint32_t i = 0; i < c->pending_count;) {
        struct checkpoint_pending *p = c->pending[i];
        bool gone = false;
        if (p->state == PENDING_TRIGGERED || p->state == PENDING_METADATA) {
            for (uint32_t s = 0; s < p->part_count && !gone; s++)
                gone = part_changed(c, p, &p->parts[s], effects);
        }
        if (gone) continue;
        if (p->state == PENDING_TRIGGERED && p->acknowledged_count == p->part_count)
            acknowledged_all(c, p, effects);
        i++;
    }
}
