/* Checkpoints as a TaskManager sees them: who was asked, who answered, what was given up. */
#include "control/taskexecutor/internal.h"
#include <string.h>

#define STATE(name)   WEIR__EXECUTION_STATE__EXECUTION_##name
#define DECLINE(name) WEIR__DECLINE_REASON__DECLINE_##name

static struct te__pending *pending_find(struct te__attempt *attempt, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < attempt->pending_count; i++)
        if (attempt->pending[i].checkpoint == checkpoint) return &attempt->pending[i];
    return NULL;
}

static void pending_remove(struct te__attempt *attempt, uint64_t checkpoint)
{
    struct te__pending *pending = pending_find(attempt, checkpoint);
    if (pending) *pending = attempt->pending[--attempt->pending_count];
}

/* When there is no room the oldest makes place: the runtime gives it up for a newer one anyway. */
static struct te__pending *pending_add(struct te__attempt *attempt, uint64_t checkpoint, uint64_t epoch)
{
    struct te__pending *pending = pending_find(attempt, checkpoint);
    if (pending) return pending;
    if (attempt->pending_count == TE__PENDING_MAX) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < TE__PENDING_MAX; i++)
            if (attempt->pending[i].checkpoint < attempt->pending[oldest].checkpoint) oldest = i;
        attempt->pending[oldest] = attempt->pending[--attempt->pending_count];
    }
    pending = &attempt->pending[attempt->pending_count++];
    *pending = (struct te__pending){ .checkpoint = checkpoint, .epoch = epoch };
    return pending;
}

static struct te__taken *taken_find(struct te__attempt *attempt, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < attempt->taken_count; i++)
        if (attempt->taken[i].checkpoint == checkpoint) return &attempt->taken[i];
    return NULL;
}

static void taken_add(struct te__attempt *attempt, const struct te__taken *taken)
{
    if (attempt->taken_count == TE__TAKEN_MAX)
        memmove(&attempt->taken[0], &attempt->taken[1], sizeof attempt->taken[0] * --attempt->taken_count);
    attempt->taken[attempt->taken_count++] = *taken;
}

static bool was_given_up(const struct te__attempt *attempt, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < TE__GIVEN_UP_MAX; i++)
        if (attempt->given_up[i] == checkpoint) return true;
    return false;
}

/* H5: it is never acknowledged any more. */
static void give_up(struct weir_taskexecutor *executor, struct te__attempt *attempt, uint64_t checkpoint)
{
    pending_remove(attempt, checkpoint);
    if (!was_given_up(attempt, checkpoint))
        attempt->given_up[attempt->given_up_next++ % TE__GIVEN_UP_MAX] = checkpoint;
    struct te__taken *taken = taken_find(attempt, checkpoint);
    if (taken)
        memmove(taken, taken + 1, sizeof *taken * (size_t)(&attempt->taken[--attempt->taken_count] - taken));
    for (uint32_t i = attempt->held_count; i > 0; i--)
        if (attempt->held[i - 1].checkpoint == checkpoint) te__held_remove(executor, attempt, i - 1);
}

static Weir__DeclineCheckpoint *decline_message(struct weir_arena *arena, const struct weir_attempt_id *id,
    uint64_t checkpoint, Weir__DeclineReason reason, const char *error)
{
    Weir__DeclineCheckpoint *message =
        WEIR_PROTO_NEW(arena, Weir__DeclineCheckpoint, weir__decline_checkpoint);
    message->attempt = weir_attempt_id_to(arena, id);
    message->checkpoint = checkpoint;
    message->reason = reason;
    message->error = weir_arena_string(arena, error ? error : "");
    return message;
}

static void decline(struct weir_taskexecutor *executor, struct te__attempt *attempt, uint64_t checkpoint,
    Weir__DeclineReason reason, const char *error, uint64_t epoch, struct weir_effects *effects)
{
    Weir__DeclineCheckpoint *message =
        decline_message(effects->arena, &attempt->id, checkpoint, reason, error);
    te__hold(executor, attempt, false, checkpoint, epoch, &message->base);
    te__held_flush(executor, attempt, effects);
}

/* ---------------------------------------------------------------- what the leader says */

static void trigger_one(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const Weir__TriggerCheckpoint *trigger, struct weir_effects *effects)
{
    uint64_t epoch = executor->identity->epoch, received = 0;
    if (attempt->state == STATE(INITIALIZING)) {
        decline(executor, attempt, trigger->checkpoint, DECLINE(NOT_READY), NULL, epoch, effects);
        return;
    }
    /* Its end, or its cancellation, is on its way to the leader or is the leader's own wish. */
    if (attempt->state != STATE(RUNNING) || was_given_up(attempt, trigger->checkpoint)) return;
    if (attempt->split_epoch == epoch) received = attempt->split_sequence;
    if (trigger->split_sequence > received && !WEIR_PLANTED(missing_split_ignored)) {
        decline(executor, attempt, trigger->checkpoint, DECLINE(SPLIT_MISSING), NULL, epoch, effects);
        return;
    }
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
    effect->task = (struct weir_task_effect){ .action = trigger->drain ? WEIR_TASK_DRAIN : WEIR_TASK_TRIGGER,
        .attempt = attempt->id,
        .epoch = epoch,
        .checkpoint = trigger->checkpoint,
        .base = trigger->base_checkpoint,
        .savepoint = trigger->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT ||
                     trigger->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT,
        .suspend = trigger->suspend,
        .directory = trigger->directory };
    if (trigger->drain) return; /* final snapshots come, no barrier */
    struct te__pending *pending = pending_add(attempt, trigger->checkpoint, epoch);
    pending->split_epoch = attempt->split_epoch;
    pending->split_sequence = attempt->split_sequence;
}

void te__on_trigger(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__TriggerCheckpoint *trigger = event->envelope->trigger;
    for (size_t i = 0; i < trigger->n_attempts && i < TE__ATTEMPTS_MAX; i++) {
        struct weir_attempt_id id;
        weir_attempt_id_from(trigger->attempts[i], &id);
        struct te__attempt *attempt = te__attempt_find(executor, &id);
        if (attempt)
            trigger_one(executor, attempt, trigger, effects);
        else
            te__send_to_leader(executor, effects, WEIR_ROLE_JOBMASTER, &id.job, WEIR__ENVELOPE__BODY_DECLINE,
                decline_message(effects->arena, &id, trigger->checkpoint, DECLINE(NOT_READY),
                    "there is no such attempt"));
    }
}

/* What it took before is settled one way or the other; what it took for this one is covered. */
static void settle(struct weir_taskexecutor *executor, struct te__attempt *attempt, uint64_t checkpoint)
{
    const struct te__taken *taken = taken_find(attempt, checkpoint);
    if (taken) te__splits_covered(executor, attempt, taken->split_epoch, taken->split_sequence);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < attempt->taken_count; i++)
        if (attempt->taken[i].checkpoint >= checkpoint) attempt->taken[kept++] = attempt->taken[i];
    attempt->taken_count = kept;
    for (uint32_t i = attempt->held_count; i > 0; i--)
        if (attempt->held[i - 1].checkpoint <= checkpoint) te__held_remove(executor, attempt, i - 1);
    for (uint32_t i = attempt->pending_count; i > 0; i--)
        if (attempt->pending[i - 1].checkpoint <= checkpoint)
            attempt->pending[i - 1] = attempt->pending[--attempt->pending_count];
}

/* Does the checkpoint hold the end of this attempt? Not when the attempt has taken it or a newer one: a job
 * that fell back (H9) is told an old one again. */
static bool holds_end(const struct te__attempt *attempt, uint64_t checkpoint)
{
    if (checkpoint < attempt->committed_checkpoint) return false;
    for (uint32_t i = 0; i < attempt->taken_count; i++)
        if (attempt->taken[i].checkpoint >= checkpoint) return false;
    return true;
}

/* An attempt that acknowledged the checkpoint and ended after it commits what it had then; one that ended
 * without is in the checkpoint with its final snapshot. */
static void complete_one(struct weir_taskexecutor *executor, struct te__attempt *attempt, uint64_t checkpoint,
    struct weir_effects *effects)
{
    bool finished = attempt->state == STATE(FINISHED);
    if (te__state_is_terminal(attempt->state) && !finished) return;
    bool any = WEIR_PLANTED(final_for_any_checkpoint);
    /* What it was started from holds nothing of its end, and was committed at its start. */
    if (finished && checkpoint <= attempt->run.restored_checkpoint && !any) return;
    bool final = finished && (holds_end(attempt, checkpoint) || any);
    if (final) attempt->final_asked = checkpoint;
    settle(executor, attempt, checkpoint);
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
    effect->task = (struct weir_task_effect){ .action = WEIR_TASK_COMPLETE,
        .attempt = attempt->id,
        .epoch = executor->identity->epoch,
        .checkpoint = final ? WEIR_TASK_FINAL : checkpoint };
}

void te__on_complete(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__NotifyCheckpointComplete *complete = event->envelope->complete;
    struct weir_job_id job;
    weir_job_id_from(&complete->job, &job);
    for (size_t i = 0; i < complete->n_attempts && i < TE__ATTEMPTS_MAX; i++) {
        struct weir_attempt_id id;
        weir_attempt_id_from(complete->attempts[i], &id);
        struct te__attempt *attempt = te__attempt_find(executor, &id);
        if (attempt) complete_one(executor, attempt, complete->checkpoint, effects);
    }
    te__local_snapshots_forget(executor, &job, complete->checkpoint);
}

void te__on_abort(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__AbortCheckpoint *abort = event->envelope->abort;
    for (size_t i = 0; i < abort->n_attempts && i < TE__ATTEMPTS_MAX; i++) {
        struct weir_attempt_id id;
        weir_attempt_id_from(abort->attempts[i], &id);
        struct te__attempt *attempt = te__attempt_find(executor, &id);
        if (!attempt) continue;
        give_up(executor, attempt, abort->checkpoint);
        if (te__state_is_terminal(attempt->state)) continue;
        struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
        effect->task = (struct weir_task_effect){ .action = WEIR_TASK_ABORT,
            .attempt = id,
            .epoch = executor->identity->epoch,
            .checkpoint = abort->checkpoint,
            .resume = abort->resume };
    }
}

/* ---------------------------------------------------------------- what the runtime says */

void te__on_barrier(struct te__attempt *attempt, const struct weir_task_event *task)
{
    if (task->checkpoint > attempt->newest_barrier) {
        attempt->newest_barrier = task->checkpoint;
        attempt->newest_barrier_epoch = task->barrier_epoch;
    }
    if (te__state_is_terminal(attempt->state) || was_given_up(attempt, task->checkpoint) ||
        taken_find(attempt, task->checkpoint))
        return;
    pending_add(attempt, task->checkpoint, task->barrier_epoch);
}

/* Stamped with whose it is. A runtime that knows better which splits its state covers says so. */
static Weir__AcknowledgeCheckpoint *acknowledge_message(struct te__attempt *attempt,
    const struct weir_task_event *task, struct te__taken *ret_taken, struct weir_arena *arena)
{
    const struct te__pending *pending = pending_find(attempt, task->checkpoint);
    Weir__AcknowledgeCheckpoint *message =
        WEIR_PROTO_NEW(arena, Weir__AcknowledgeCheckpoint, weir__acknowledge_checkpoint);
    Weir__SubtaskSnapshot *snapshot = WEIR_PROTO_NEW(arena, Weir__SubtaskSnapshot, weir__subtask_snapshot);
    *snapshot = *task->snapshot;
    snapshot->vertex = attempt->id.vertex;
    snapshot->subtask = attempt->id.subtask;
    snapshot->run = weir_run_to(arena, &attempt->run);
    snapshot->attempt = weir_attempt_id_to(arena, &attempt->id);
    if (!snapshot->split_epoch && pending) {
        snapshot->split_epoch = pending->split_epoch;
        snapshot->split_sequence = pending->split_sequence;
    }
    message->attempt = snapshot->attempt;
    message->run = snapshot->run;
    message->checkpoint = task->checkpoint;
    message->barrier_epoch = task->barrier_epoch;
    message->snapshot = snapshot;
    message->alignment_ms = task->alignment_ms;
    message->sync_ms = task->sync_ms;
    message->async_ms = task->async_ms;
    message->barrier_ms = task->barrier_ms;
    *ret_taken = (struct te__taken){ task->checkpoint, snapshot->split_epoch, snapshot->split_sequence };
    return message;
}

void te__on_acknowledged(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects)
{
    if (!task->snapshot || te__state_is_terminal(attempt->state)) return;
    if (was_given_up(attempt, task->checkpoint) && !WEIR_PLANTED(given_up_acknowledged)) return;
    if (task->barrier_epoch < executor->identity->epoch && !WEIR_PLANTED(old_barrier_acknowledged)) {
        give_up(executor, attempt, task->checkpoint);
        return;
    }
    struct te__taken taken;
    Weir__AcknowledgeCheckpoint *message = acknowledge_message(attempt, task, &taken, effects->arena);
    pending_remove(attempt, task->checkpoint);
    taken_add(attempt, &taken);
    te__local_snapshot_keep(executor, &attempt->id.job, task->snapshot);
    te__hold(executor, attempt, true, task->checkpoint, task->barrier_epoch, &message->base);
    te__held_flush(executor, attempt, effects);
}

void te__on_declined(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects)
{
    uint64_t epoch = task->barrier_epoch ? task->barrier_epoch : executor->identity->epoch;
    if (was_given_up(attempt, task->checkpoint)) return; /* said already, or the leader's own word */
    give_up(executor, attempt, task->checkpoint);
    if (te__state_is_terminal(attempt->state) || epoch < executor->identity->epoch) return;
    decline(executor, attempt, task->checkpoint, task->reason, task->error, epoch, effects);
}

void te__on_committed(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    uint64_t checkpoint = task->checkpoint == WEIR_TASK_FINAL ? attempt->final_asked : task->checkpoint;
    if (!checkpoint) return;
    if (checkpoint > attempt->committed_checkpoint) attempt->committed_checkpoint = checkpoint;
    Weir__CheckpointCommitted *message =
        WEIR_PROTO_NEW(arena, Weir__CheckpointCommitted, weir__checkpoint_committed);
    message->attempt = weir_attempt_id_to(arena, &attempt->id);
    message->run = weir_run_to(arena, &attempt->run);
    message->checkpoint = checkpoint;
    te__send_to_leader(
        executor, effects, WEIR_ROLE_JOBMASTER, &attempt->id.job, WEIR__ENVELOPE__BODY_COMMITTED, message);
}

/* ---------------------------------------------------------------- without a leader */

/* A barrier of a newer leader gets as long as that leader would have before it counts as silent. */
static bool waits_in_vain(const struct weir_taskexecutor *executor, const struct te__pending *pending)
{
    return pending->epoch <= executor->identity->epoch ||
           pending->age_us >= executor->options->leader_silence_us;
}

void te__abort_pending(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, struct weir_effects *effects)
{
    for (uint32_t i = attempt->pending_count; i > 0; i--) {
        struct te__pending pending = attempt->pending[i - 1];
        if (!waits_in_vain(executor, &pending)) continue;
        give_up(executor, attempt, pending.checkpoint);
        struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
        effect->task = (struct weir_task_effect){ .action = WEIR_TASK_ABORT,
            .attempt = attempt->id,
            .epoch = executor->identity->epoch,
            .checkpoint = pending.checkpoint,
            .resume = true };
        decline(executor, attempt, pending.checkpoint, DECLINE(LEADER_SILENT), NULL, pending.epoch, effects);
    }
}

void te__abort_silent(struct weir_taskexecutor *executor, struct weir_effects *effects)
{
    if (WEIR_PLANTED(silence_ignored)) return;
    /* What does not fit waits for the next tick. */
    for (uint32_t i = 0; i < executor->attempt_count && effects->count < TE__STEP_EFFECTS_MAX; i++)
        if (executor->attempts[i]->pending_count) te__abort_pending(executor, executor->attempts[i], effects);
}

void te__pending_age(struct weir_taskexecutor *executor, int64_t passed_us)
{
    for (uint32_t i = 0; i < executor->attempt_count; i++)
        for (uint32_t j = 0; j < executor->attempts[i]->pending_count; j++)
            executor->attempts[i]->pending[j].age_us += passed_us;
}

void te__checkpoints_adopt(struct weir_taskexecutor *executor, uint64_t epoch)
{
    for (uint32_t i = 0; i < executor->attempt_count; i++) {
        struct te__attempt *attempt = executor->attempts[i];
        for (uint32_t j = attempt->pending_count; j > 0; j--)
            if (attempt->pending[j - 1].epoch < epoch)
                give_up(executor, attempt, attempt->pending[j - 1].checkpoint);
        for (uint32_t j = attempt->held_count; j > 0; j--)
            if (attempt->held[j - 1].barrier_epoch < epoch && !WEIR_PLANTED(old_barrier_acknowledged))
                te__held_remove(executor, attempt, j - 1);
    }
}
