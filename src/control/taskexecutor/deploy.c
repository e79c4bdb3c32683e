/* Deployments, cancellations, and what the runtime says of an attempt's life. */
#include "control/taskexecutor/internal.h"
#include <string.h>

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

/* An answer about an attempt that is not, or not yet, in the table. */
static void answer(struct weir_taskexecutor *executor, const struct weir_attempt_id *id,
    const struct weir_run *run, uint32_t slot, Weir__ExecutionState state, const char *error,
    struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__TaskStateUpdate *update = WEIR_PROTO_NEW(arena, Weir__TaskStateUpdate, weir__task_state_update);
    update->attempt = WEIR_PROTO_NEW(arena, Weir__AttemptReport, weir__attempt_report);
    update->attempt->attempt = weir_attempt_id_to(arena, id);
    update->attempt->run = weir_run_to(arena, run);
    update->attempt->state = state;
    update->attempt->slot = slot;
    update->attempt->error = weir_arena_string(arena, error);
    te__send_to_leader(
        executor, effects, WEIR_ROLE_JOBMASTER, &id->job, WEIR__ENVELOPE__BODY_TASK_STATE, update);
}

/* The TaskManagers of the region, each once: members come in any order, there are few processes. */
static void take_peers(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, const Weir__DeployTasks *deploy)
{
    uint32_t capacity = (uint32_t)WEIR_MIN(deploy->n_members, (size_t)TE__PEERS_MAX), count = 0;
    struct te__peer *peers = weir_memory_allocate(executor->memory, sizeof *peers * (capacity + 1));
    for (size_t i = 0; i < deploy->n_members && count < capacity; i++) {
        const Weir__Peer *location = deploy->members[i]->location;
        if (deploy->members[i]->finished || !location) continue;
        bool known = false;
        for (uint32_t j = 0; j < count && !known; j++)
            known =
                peers[j].incarnation == location->incarnation && strcmp(peers[j].name, location->name) == 0;
        if (known) continue;
        peers[count].name = te__text_copy(executor->memory, location->name);
        peers[count++].incarnation = location->incarnation;
    }
    attempt->peers = weir_memory_reallocate(
        executor->memory, peers, sizeof *peers * (capacity + 1), sizeof *peers * count);
    attempt->peer_count = count;
}

/* What stands against it, or NULL. */
static const char *refusal(const struct weir_taskexecutor *executor, const struct weir_attempt_id *id,
    uint32_t slot, struct weir_arena *arena)
{
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    if (slot >= executor->slot_count)
        return weir_arena_format(
            arena, "slot %u does not exist: this TaskManager has %u", slot, executor->slot_count);
    if (executor->attempt_count == TE__ATTEMPTS_MAX)
        return weir_arena_format(
            arena, "this TaskManager keeps %u attempts, which is the most it can", TE__ATTEMPTS_MAX);
    const struct te__attempt *other = te__attempt_in_the_way(executor, id, slot);
    if (other)
        return weir_arena_format(arena, "slot %u is not free: %s is in slot %u", slot,
            weir_attempt_id_print(&other->id, text), other->slot);
    return NULL;
}

static void keep_error(struct weir_taskexecutor *executor, struct te__attempt *attempt, const char *error)
{
    te__text_free(executor->memory, attempt->error);
    attempt->error = te__text_copy(executor->memory, error && error[0] ? error : "failed without a reason");
}

static void deploy_one(struct weir_taskexecutor *executor, const Weir__DeployTasks *deploy,
    const Weir__TaskDeployment *task, const struct weir_event *event, struct weir_effects *effects)
{
    struct weir_attempt_id id;
    struct weir_run run;
    weir_attempt_id_from(task->attempt, &id);
    weir_run_from(deploy->run, &run);
    struct te__attempt *attempt = te__attempt_find(executor, &id);
    if (attempt) { /* again: what became of it is told again */
        te__attempt_update(executor, attempt);
        return;
    }
    const char *why = refusal(executor, &id, task->slot, effects->arena);
    if (why && executor->attempt_count == TE__ATTEMPTS_MAX) {
        answer(executor, &id, &run, task->slot, STATE(FAILED), why, effects);
        return;
    }
    attempt = te__attempt_add(executor, &id, &run, task->slot);
    if (why) { /* kept like any that failed: it stays one, whatever is asked about it later */
        te__attempt_set_state(executor, attempt, STATE(FAILED));
        keep_error(executor, attempt, why);
        te__attempt_update(executor, attempt);
        return;
    }
    te__attempt_enter_slot(executor, attempt);
    attempt->started_ms = event->wall_us / 1000;
    take_peers(executor, attempt, deploy);
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
    effect->task = (struct weir_task_effect){
        .action = WEIR_TASK_DEPLOY, .attempt = id, .epoch = executor->identity->epoch, .deploy = deploy
    };
    te__attempt_update(executor, attempt);
}

void te__on_deploy(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__DeployTasks *deploy = event->envelope->deploy;
    for (size_t i = 0; i < deploy->n_tasks; i++) {
        /* What is past this would be refused anyway, and one refusal fails the region. */
        if (i >= TE__ATTEMPTS_MAX + 1) break;
        deploy_one(executor, deploy, deploy->tasks[i], event, effects);
    }
}

void te__on_cancel(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__CancelTasks *cancel = event->envelope->cancel_tasks;
    static const struct weir_run no_run;
    for (size_t i = 0; i < cancel->n_attempts && i < TE__ATTEMPTS_MAX; i++) {
        struct weir_attempt_id id;
        weir_attempt_id_from(cancel->attempts[i], &id);
        struct te__attempt *attempt = te__attempt_find(executor, &id);
        if (!attempt) {
            if (effects->count < TE__STEP_EFFECTS_MAX)
                answer(executor, &id, &no_run, 0, STATE(CANCELED), "", effects);
        } else if (te__state_is_terminal(attempt->state)) {
            te__attempt_update(executor, attempt);
        } else {
            te__attempt_cancel(executor, attempt);
        }
    }
}

void te__on_forget(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__ForgetAttempts *forget = event->envelope->forget;
    for (size_t i = 0; i < forget->n_attempts && effects->count < TE__STEP_EFFECTS_MAX; i++) {
        struct weir_attempt_id id;
        weir_attempt_id_from(forget->attempts[i], &id);
        struct te__attempt *attempt = te__attempt_find(executor, &id);
        if (!attempt || !te__state_is_terminal(attempt->state)) continue;
        struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_TASK);
        effect->task = (struct weir_task_effect){ .action = WEIR_TASK_FORGET, .attempt = id };
        te__attempt_remove(executor, attempt);
    }
}

/* The snapshot is stamped with whose it is, so that nothing depends on what the runtime fills in. */
static void keep_final_snapshot(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const Weir__SubtaskSnapshot *snapshot, struct weir_arena *arena)
{
    Weir__SubtaskSnapshot stamped = *snapshot;
    stamped.vertex = attempt->id.vertex;
    stamped.subtask = attempt->id.subtask;
    stamped.finished = true;
    stamped.attempt = weir_attempt_id_to(arena, &attempt->id);
    stamped.run = weir_run_to(arena, &attempt->run);
    if (!stamped.split_epoch) {
        stamped.split_epoch = attempt->split_epoch;
        stamped.split_sequence = attempt->split_sequence;
    }
    attempt->final_snapshot_length = protobuf_c_message_get_packed_size(&stamped.base);
    attempt->final_snapshot = weir_memory_allocate(executor->memory, attempt->final_snapshot_length);
    protobuf_c_message_pack(&stamped.base, attempt->final_snapshot);
}

static void on_ended(struct weir_taskexecutor *executor, struct te__attempt *attempt,
    const struct weir_task_event *task, struct weir_effects *effects)
{
    if (attempt->final_snapshot || te__state_is_terminal(attempt->state)) return;
    /* It ended while the cancel was on its way: its task is torn down all the same and would never commit.
     * CANCELED follows. */
    if (attempt->state == STATE(CANCELING)) return;
    if (!task->snapshot) {
        keep_error(executor, attempt, "it ended without a final snapshot");
        te__attempt_set_state(executor, attempt, STATE(FAILED));
    } else {
        keep_final_snapshot(executor, attempt, task->snapshot, effects->arena);
        te__attempt_set_state(executor, attempt, STATE(FINISHED));
    }
    te__attempt_update(executor, attempt);
}

static void on_failed(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, const struct weir_task_event *task)
{
    /* While it is being canceled it only gets there sooner: its neighbours go first, as likely as not. */
    bool canceling = attempt->state == STATE(CANCELING);
    if (!te__attempt_set_state(executor, attempt, canceling ? STATE(CANCELED) : STATE(FAILED))) return;
    keep_error(executor, attempt, task->error);
    attempt->state_unreadable = task->state_unreadable;
    te__attempt_update(executor, attempt);
}

/* Planted: what ended is gone before anybody has said that it knows. */
static void drop_terminal(
    struct weir_taskexecutor *executor, struct te__attempt *attempt, struct weir_effects *effects)
{
    if (!te__state_is_terminal(attempt->state)) return;
    te__flush_queue(executor, effects);
    te__attempt_remove(executor, attempt);
}

/* For those who look at it afterwards; of its last end. */
static void note_end(struct te__attempt *attempt, const struct weir_event *event, Weir__ExecutionState before)
{
    if (!te__state_is_terminal(attempt->state) || attempt->state == before) return;
    attempt->ended_ms = event->wall_us / 1000;
    if (!event->task.figures) return;
    attempt->figures = *event->task.figures;
    attempt->has_figures = true;
}

void te__on_task(
    struct weir_taskexecutor *executor, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_task_event *task = &event->task;
    struct te__attempt *attempt = te__attempt_find(executor, &task->attempt);
    if (!attempt) return; /* forgotten meanwhile */
    Weir__ExecutionState before = attempt->state;
    switch (task->kind) {
    case WEIR_TASK_RUNNING:
        if (te__attempt_set_state(executor, attempt, STATE(RUNNING))) te__attempt_update(executor, attempt);
        break;
    case WEIR_TASK_ENDED: on_ended(executor, attempt, task, effects); break;
    case WEIR_TASK_FAILED: on_failed(executor, attempt, task); break;
    case WEIR_TASK_CANCELED:
        if (te__attempt_set_state(executor, attempt, STATE(CANCELED))) te__attempt_update(executor, attempt);
        break;
    case WEIR_TASK_ACKNOWLEDGED: te__on_acknowledged(executor, attempt, task, effects); break;
    case WEIR_TASK_DECLINED: te__on_declined(executor, attempt, task, effects); break;
    case WEIR_TASK_COMMITTED: te__on_committed(executor, attempt, task, effects); break;
    case WEIR_TASK_BARRIER: te__on_barrier(attempt, task); break;
    case WEIR_TASK_SPLITS_WANTED: te__on_splits_wanted(executor, attempt, event->now_us, effects); break;
    case WEIR_TASK_SPLITS_FOUND: te__on_splits_found(executor, attempt, task, effects); break;
    }
    note_end(attempt, event, before);
    if (WEIR_PLANTED(terminal_attempt_dropped)) drop_terminal(executor, attempt, effects);
}
