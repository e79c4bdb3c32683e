/* Attempts of jobs that do not exist: cancelled, then forgotten; their slots are free when they have ended.
 */
#include "control/resourcemanager/internal.h"

static bool is_terminal(Weir__ExecutionState state)
{
    return state == WEIR__EXECUTION_STATE__EXECUTION_FINISHED ||
           state == WEIR__EXECUTION_STATE__EXECUTION_CANCELED ||
           state == WEIR__EXECUTION_STATE__EXECUTION_FAILED;
}

void rm__stray_add(struct rm__strays *strays, struct weir_resourcemanager *rm,
    struct rm__taskmanager *taskmanager, Weir__AttemptReport *report, size_t report_count,
    struct weir_arena *arena)
{
    if (!strays->cancels) {
        strays->cancels = WEIR_ARENA_ARRAY(arena, Weir__AttemptId *, report_count);
        strays->forgets = WEIR_ARENA_ARRAY(arena, Weir__AttemptId *, report_count);
    }
    if (is_terminal(report->state)) {
        strays->forgets[strays->forget_count++] = report->attempt;
        return;
    }
    strays->cancels[strays->cancel_count++] = report->attempt;
    if (report->slot >= taskmanager->slot_count) return;
    struct rm__slot *slot = &taskmanager->slots[report->slot];
    if (slot->state == RM__SLOT_FREE) rm__slot_block(rm, taskmanager, report->slot, RM__SLOT_STRAY);
    if (slot->state == RM__SLOT_STRAY) slot->strays++;
}

void rm__strays_send(
    const struct rm__strays *strays, const struct rm__taskmanager *taskmanager, struct weir_effects *effects)
{
    if (strays->cancel_count && !WEIR_PLANTED(strays_left_running)) {
        Weir__CancelTasks *cancel = WEIR_PROTO_NEW(effects->arena, Weir__CancelTasks, weir__cancel_tasks);
        cancel->n_attempts = strays->cancel_count;
        cancel->attempts = strays->cancels;
        weir_effect_send(effects, taskmanager->node, WEIR_ROLE_TASKEXECUTOR, NULL, 0,
            WEIR__ENVELOPE__BODY_CANCEL_TASKS, cancel);
    }
    if (strays->forget_count) {
        Weir__ForgetAttempts *forget =
            WEIR_PROTO_NEW(effects->arena, Weir__ForgetAttempts, weir__forget_attempts);
        forget->n_attempts = strays->forget_count;
        forget->attempts = strays->forgets;
        weir_effect_send(
            effects, taskmanager->node, WEIR_ROLE_TASKEXECUTOR, NULL, 0, WEIR__ENVELOPE__BODY_FORGET, forget);
    }
}

/* What was kept for a job that has not come is its end. Its slots pass from it to its strays. */
static void end_job(struct weir_resourcemanager *rm, struct rm__job *job, struct weir_effects *effects)
{
    char text[WEIR_JOB_ID_TEXT_BYTES];
    weir_effect_log(effects, WEIR_CONTROL_WARN,
        "TaskManagers run attempts of job %s, which does not exist: they are cancelled.",
        weir_job_id_print(&job->id, text));
    rm__job_release_all(rm, job);
    for (const struct rm__group *group = job->kept; group; group = group->next) {
        struct rm__taskmanager *taskmanager = rm->taskmanagers[group->taskmanager];
        if (!taskmanager->registered || taskmanager->generation != group->generation) continue;
        struct rm__strays strays = { 0 };
        for (uint32_t i = 0; i < group->attempt_count; i++)
            rm__stray_add(&strays, rm, taskmanager, group->attempts[i], group->attempt_count, effects->arena);
        rm__strays_send(&strays, taskmanager, effects);
    }
    rm__job_drop(rm, job);
}

bool rm__on_recovered(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->recovering) return true;
    for (; rm->recovering_cursor < rm->job_count; rm->recovering_cursor++) {
        if (effects->count >= RM__STEP_EFFECTS_MAX) return false;
        struct rm__job *job = rm__job(rm, rm->recovering_cursor);
        if (job->used && !job->registered) end_job(rm, job, effects);
    }
    rm->recovering = false;
    rm->recovered = true;
    return true;
}

/* Its job has yet to register: what was kept of the report is brought up to date, for nobody else hears this.
 */
static void keep_state(struct weir_resourcemanager *rm, struct rm__job *job,
    struct rm__taskmanager *taskmanager, Weir__AttemptReport *report)
{
    struct weir_attempt_id id, kept;
    weir_attempt_id_from(report->attempt, &id);
    for (struct rm__group *group = job->kept; group; group = group->next) {
        if (group->taskmanager != taskmanager->index || group->generation != taskmanager->generation)
            continue;
        for (uint32_t i = 0; i < group->attempt_count; i++) {
            const Weir__AttemptReport *before = group->attempts[i];
            if (!weir_attempt_id_from(before->attempt, &kept) || !weir_attempt_id_equal(&id, &kept)) continue;
            Weir__AttemptReport *now = WEIR_PROTO_COPY(&taskmanager->report_arena, report);
            if (!now->n_peers) { /* an update leaves out what does not change */
                now->peers = before->peers;
                now->n_peers = before->n_peers;
            }
            if (!now->n_splits) {
                now->splits = before->splits;
                now->n_splits = before->n_splits;
            }
            group->attempts[i] = now;
        }
    }
}

void rm__on_task_state(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, event->from);
    Weir__AttemptReport *report = event->envelope->task_state->attempt;
    struct weir_job_id id;
    weir_job_id_from(&report->attempt->job, &id);
    struct rm__job *job = rm__job_find(rm, &id);
    if (!rm->recovered && job && !job->registered && taskmanager && taskmanager->registered)
        keep_state(rm, job, taskmanager, report);
    if (!rm->recovered || (job && job->registered) || !taskmanager || !taskmanager->registered) return;
    struct rm__strays strays = { 0 };
    if (is_terminal(report->state)) {
        if (report->slot < taskmanager->slot_count) {
            struct rm__slot *slot = &taskmanager->slots[report->slot];
            if (slot->state == RM__SLOT_STRAY && (slot->strays <= 1 || --slot->strays == 0))
                rm__slot_unblock(rm, taskmanager, report->slot);
        }
        rm__stray_add(&strays, rm, taskmanager, report, 1, effects->arena);
    } else if (report->state != WEIR__EXECUTION_STATE__EXECUTION_CANCELING) {
        strays.cancels = strays.forgets = WEIR_ARENA_ARRAY(effects->arena, Weir__AttemptId *, 1);
        strays.cancels[strays.cancel_count++] = report->attempt;
    }
    rm__strays_send(&strays, taskmanager, effects);
}
