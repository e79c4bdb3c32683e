/* What the leader is told: reports, updates, and what waits until it can be heard. */
#include "base/assert.h"
#include "control/taskexecutor/internal.h"
#include <string.h>

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

static bool leader_is_connected(const struct weir_taskexecutor *executor)
{
    const struct weir_identity *identity = executor->identity;
    struct te__connection *connection =
        te__connection_find((struct weir_taskexecutor *)executor, identity->leader);
    return identity->epoch && connection && connection->up &&
           connection->incarnation == identity->leader_incarnation;
}

bool te__leader_hears(const struct weir_taskexecutor *executor)
{
    return executor->reported && leader_is_connected(executor);
}

void te__send_to_leader(struct weir_taskexecutor *executor, struct weir_effects *effects, enum weir_role to,
    const struct weir_job_id *job, Weir__Envelope__BodyCase body, void *message)
{
    if (!te__leader_hears(executor)) return;
    weir_effect_send(effects, executor->identity->leader, to, job, 0, body, message);
}

static void report_splits(
    const struct te__attempt *attempt, Weir__AttemptReport *report, struct weir_arena *arena)
{
    report->n_splits = attempt->split_count;
    report->splits = WEIR_ARENA_ARRAY(arena, Weir__Split *, attempt->split_count + 1);
    for (uint32_t i = 0; i < attempt->split_count; i++) {
        const struct te__split *split = &attempt->splits[i];
        Weir__Split *message = WEIR_PROTO_NEW(arena, Weir__Split, weir__split);
        message->vertex = split->vertex;
        message->id = weir_arena_string(arena, split->id);
        message->epoch = split->epoch;
        message->sequence = split->sequence;
        message->order = split->order;
        message->finished = split->finished;
        report->splits[i] = message;
    }
}

static void report_peers(
    const struct te__attempt *attempt, Weir__AttemptReport *report, struct weir_arena *arena)
{
    report->n_peers = attempt->peer_count;
    report->peers = WEIR_ARENA_ARRAY(arena, Weir__Peer *, attempt->peer_count + 1);
    for (uint32_t i = 0; i < attempt->peer_count; i++) {
        Weir__Peer *message = WEIR_PROTO_NEW(arena, Weir__Peer, weir__peer);
        message->name = weir_arena_string(arena, attempt->peers[i].name);
        message->incarnation = attempt->peers[i].incarnation;
        report->peers[i] = message;
    }
}

static Weir__SubtaskSnapshot *unpack_snapshot(const struct te__attempt *attempt, struct weir_arena *arena)
{
    ProtobufCMessage *message = NULL;
    enum weir_error_code code = weir_proto_decode(&weir__subtask_snapshot__descriptor, arena,
        attempt->final_snapshot, attempt->final_snapshot_length, SIZE_MAX, &message, NULL);
    WEIR_ASSERT(!code); /* what was packed here is well-formed */
    return (Weir__SubtaskSnapshot *)message;
}

Weir__AttemptReport *te__attempt_report(
    const struct te__attempt *attempt, bool whole, struct weir_arena *arena)
{
    Weir__AttemptReport *report = WEIR_PROTO_NEW(arena, Weir__AttemptReport, weir__attempt_report);
    report->attempt = weir_attempt_id_to(arena, &attempt->id);
    report->run = weir_run_to(arena, &attempt->run);
    report->state = attempt->state;
    report->slot = attempt->slot;
    report->newest_barrier = attempt->newest_barrier;
    report->newest_barrier_epoch = attempt->newest_barrier_epoch;
    if (attempt->state == STATE(FINISHED)) report->final_snapshot = unpack_snapshot(attempt, arena);
    if (attempt->error) report->error = weir_arena_string(arena, attempt->error);
    report->state_unreadable = attempt->state_unreadable;
    report->committed_checkpoint = attempt->committed_checkpoint;
    report->started_ms = attempt->started_ms;
    report->ended_ms = attempt->ended_ms;
    if (attempt->has_figures) {
        report->figures = WEIR_PROTO_NEW(arena, Weir__TaskFigures, weir__task_figures);
        *report->figures = attempt->figures;
    }
    if (whole) {
        report_splits(attempt, report, arena);
        report_peers(attempt, report, arena);
    }
    return report;
}

/* ---------------------------------------------------------------- held messages */

void te__held_remove(struct weir_taskexecutor *executor, struct te__attempt *attempt, uint32_t index)
{
    struct te__held *held = &attempt->held[index];
    weir_memory_release(executor->memory, held->bytes, held->length);
    memmove(held, held + 1, sizeof *held * (attempt->held_count - index - 1));
    attempt->held_count--;
}

/* Without room the oldest goes: its checkpoint has long been given up by whoever asked for it. */
void te__hold(struct weir_taskexecutor *executor, struct te__attempt *attempt, bool acknowledge,
    uint64_t checkpoint, uint64_t barrier_epoch, const ProtobufCMessage *message)
{
    if (attempt->held_count == TE__HELD_MAX) te__held_remove(executor, attempt, 0);
    struct te__held *held = &attempt->held[attempt->held_count++];
    *held = (struct te__held){ .acknowledge = acknowledge,
        .checkpoint = checkpoint,
        .barrier_epoch = barrier_epoch,
        .length = protobuf_c_message_get_packed_size(message) };
    held->bytes = weir_memory_allocate(executor->memory, held->length);
    protobuf_c_message_pack(message, held->bytes);
}

static void send_held(struct weir_taskexecutor *executor, const struct te__attempt *attempt,
    struct te__held *held, struct weir_effects *effects)
{
    ProtobufCMessage *message = NULL;
    const ProtobufCMessageDescriptor *descriptor =
        held->acknowledge ? &weir__acknowledge_checkpoint__descriptor : &weir__decline_checkpoint__descriptor;
    enum weir_error_code code =
        weir_proto_decode(descriptor, effects->arena, held->bytes, held->length, SIZE_MAX, &message, NULL);
    WEIR_ASSERT(!code);
    weir_effect_send(effects, executor->identity->leader, WEIR_ROLE_JOBMASTER, &attempt->id.job, 0,
        held->acknowledge ? WEIR__ENVELOPE__BODY_ACKNOWLEDGE : WEIR__ENVELOPE__BODY_DECLINE, message);
    held->sent = true;
}

/* Acknowledgements stay until their checkpoint is settled; declines are said once. */
static void flush_held(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < attempt->held_count;) {
        struct te__held *held = &attempt->held[i];
        bool due = !held->sent && held->barrier_epoch == executor->identity->epoch;
        if (WEIR_PLANTED(old_barrier_acknowledged)) due = !held->sent;
        if (due) send_held(executor, attempt, held, effects);
        if (due && !held->acknowledge)
            te__held_remove(executor, attempt, i);
        else
            i++;
    }
}

void te__held_flush(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, struct weir_effects *effects)
{
    if (te__leader_hears(executor) && !executor->silent) flush_held(executor, attempt, effects);
}

/* ---------------------------------------------------------------- the report */

void te__report_start(struct weir_taskexecutor *executor)
{
    executor->reported = false;
    executor->reporting = true;
    executor->report_cursor = 0;
    for (uint32_t i = 0; i < executor->attempt_count; i++)
        for (uint32_t j = 0; j < executor->attempts[i]->held_count; j++)
            executor->attempts[i]->held[j].sent = false;
}

static void send_report(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__TaskManagerReport *report =
        WEIR_PROTO_NEW(arena, Weir__TaskManagerReport, weir__task_manager_report);
    report->node = weir_identity_node(executor->identity, arena);
    report->slots = executor->slot_count;
    report->attempts = WEIR_ARENA_ARRAY(arena, Weir__AttemptReport *, executor->attempt_count + 1);
    for (uint32_t i = 0; i < executor->attempt_count; i++)
        report->attempts[report->n_attempts++] = te__attempt_report(executor->attempts[i], true, arena);
    report->local_snapshots =
        WEIR_ARENA_ARRAY(arena, Weir__LocalSnapshot *, executor->local_snapshot_count + 1);
    for (uint32_t i = 0; i < executor->local_snapshot_count; i++) {
        const struct te__local_snapshot *local = &executor->local_snapshots[i];
        Weir__LocalSnapshot *message = WEIR_PROTO_NEW(arena, Weir__LocalSnapshot, weir__local_snapshot);
        message->job = weir_job_id_to(arena, &local->job);
        message->file = weir_arena_string(arena, local->file);
        message->hash = local->hash;
        report->local_snapshots[report->n_local_snapshots++] = message;
    }
    weir_effect_send(effects, executor->identity->leader, WEIR_ROLE_RESOURCEMANAGER, NULL, 0,
        WEIR__ENVELOPE__BODY_REPORT, report);
}

bool te__report_continue(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    if (!executor->reporting) return true;
    if (!leader_is_connected(executor)) {
        executor->reporting = false;
        return true;
    }
    while (executor->report_cursor < executor->attempt_count) {
        if (effects->count >= TE__STEP_EFFECTS_MAX) return false;
        struct te__attempt *attempt = executor->attempts[executor->report_cursor++];
        /* Trigger and abort may be lost with the connection before. What is not acknowledged now the leader
         * gives up when it reads the report, and what it had given up before it does not say again. */
        te__abort_pending(executor, attempt, effects);
        flush_held(executor, attempt, effects);
    }
    send_report(executor, effects);
    executor->reporting = false;
    executor->reported = true;
    return true;
}

bool te__flush_queue(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    struct te__attempt *attempt;
    while ((attempt = executor->queue_first)) {
        if (effects->count >= TE__STEP_EFFECTS_MAX) return false;
        executor->queue_first = attempt->queue_next;
        if (!executor->queue_first) executor->queue_last = NULL;
        attempt->queued = false;
        if (attempt->cancel_due) {
            struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
            effect->task = (struct weir_task_effect){ .action = WEIR_TASK_CANCEL, .attempt = attempt->id };
        }
        if (attempt->update_due && te__leader_hears(executor)) {
            Weir__TaskStateUpdate *update =
                WEIR_PROTO_NEW(effects->arena, Weir__TaskStateUpdate, weir__task_state_update);
            update->attempt = te__attempt_report(attempt, false, effects->arena);
            te__send_to_leader(executor, effects, WEIR_ROLE_JOBMASTER, &attempt->id.job,
                WEIR__ENVELOPE__BODY_TASK_STATE, update);
        }
        attempt->cancel_due = attempt->update_due = false;
        te__held_flush(executor, attempt, effects);
    }
    return true;
}

/* ---------------------------------------------------------------- local snapshots */

/* The oldest quarter goes: a restore reads from storage then. */
static void local_snapshots_shrink(struct weir_taskexecutor *executor)
{
    uint32_t gone = TE__LOCAL_SNAPSHOTS_MAX / 4;
    for (uint32_t i = 0; i < gone; i++) te__text_free(executor->memory, executor->local_snapshots[i].file);
    executor->local_snapshot_count -= gone;
    memmove(executor->local_snapshots, executor->local_snapshots + gone,
        sizeof *executor->local_snapshots * executor->local_snapshot_count);
}

static void local_snapshot_add(struct weir_taskexecutor *executor, const struct weir_job_id *job,
    const Weir__LocalSnapshot *local, uint64_t checkpoint)
{
    if (executor->local_snapshot_count == TE__LOCAL_SNAPSHOTS_MAX) local_snapshots_shrink(executor);
    if (executor->local_snapshot_count == executor->local_snapshot_capacity) {
        uint32_t old = executor->local_snapshot_capacity, capacity = old ? old * 2 : 16;
        size_t bytes = sizeof *executor->local_snapshots;
        executor->local_snapshots = weir_memory_reallocate(
            executor->memory, executor->local_snapshots, bytes * old, bytes * capacity);
        executor->local_snapshot_capacity = capacity;
    }
    executor->local_snapshots[executor->local_snapshot_count++] = (struct te__local_snapshot){ .job = *job,
        .file = te__text_copy(executor->memory, local->file),
        .hash = local->hash,
        .checkpoint = checkpoint };
}

void te__local_snapshot_keep(
    struct weir_taskexecutor *executor, const struct weir_job_id *job, const Weir__SubtaskSnapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_local; i++)
        local_snapshot_add(executor, job, snapshot->local[i], snapshot->checkpoint);
}

void te__local_snapshots_forget(
    struct weir_taskexecutor *executor, const struct weir_job_id *job, uint64_t below_checkpoint)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < executor->local_snapshot_count; i++) {
        struct te__local_snapshot *local = &executor->local_snapshots[i];
        if (local->checkpoint < below_checkpoint && weir_job_id_equal(&local->job, job))
            te__text_free(executor->memory, local->file);
        else
            executor->local_snapshots[kept++] = *local;
    }
    executor->local_snapshot_count = kept;
}
