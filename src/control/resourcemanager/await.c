/*
 * Whom a new leader waits for. A region of which a part was not reported may run on a TaskManager that has
 * yet to report. Those that were connected with this process, or were before it led, are known: each of them
 * reports, or its process is gone (it refuses, or has died), or its connection has been down too long to
 * count on. Others are waited for only until they have had the time to find this process. It is patience
 * alone that is decided here: who reports later is fenced as it would be after a timeout (docs/ha.md, H13).
 */
#include "control/resourcemanager/internal.h"

bool rm__is_awaited(const struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager)
{
    if (!rm->awaiting || !taskmanager->greeted || taskmanager->gone) return false;
    if (taskmanager->registered && taskmanager->incarnation == taskmanager->greeted) return false;
    return taskmanager->up || rm->now_us - taskmanager->down_us < rm->options->reattach_timeout_us;
}

void rm__await(struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager)
{
    rm->await_cursor = WEIR_MIN(rm->await_cursor, taskmanager->index);
}

void rm__on_greeted(struct weir_resourcemanager *rm, const struct weir_local_message *message)
{
    if (!message->node) return; /* the table of nodes is full */
    struct rm__taskmanager *taskmanager = rm__taskmanager_get(rm, message->node);
    taskmanager->greeted = message->incarnation; /* its connection's own event came before it was known */
    taskmanager->up = true;
    rm__taskmanager_set_address(rm, taskmanager, message->address);
    rm__await(rm, taskmanager);
}

void rm__await_begin(
    struct weir_resourcemanager *rm, const struct weir_local_message *granted, struct weir_effects *effects)
{
    rm->awaiting = rm->options->reattach_timeout_us > 0;
    rm->all_reported = rm->telling_all_reported = false;
    rm->await_cursor = 0;
    rm->known_since_us = granted->known_since_us;
    for (uint32_t i = 0; i < rm->taskmanager_count; i++) {
        struct rm__taskmanager *taskmanager = rm->taskmanagers[i];
        if (!taskmanager->up && rm__is_awaited(rm, taskmanager))
            rm__taskmanager_probe(rm, taskmanager, rm->now_us, effects);
    }
}

void rm__await_end(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->awaiting) return;
    rm->awaiting = false;
    for (uint32_t i = 0; i < rm->taskmanager_count && effects->count < RM__STEP_EFFECTS_MAX; i++) {
        struct rm__taskmanager *taskmanager = rm->taskmanagers[i];
        if (!taskmanager->dialled || taskmanager->up) continue;
        taskmanager->dialled = false;
        weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = taskmanager->node; /* it dials us */
    }
}

/* TaskManagers have had the time to find this process: they look for candidates so often. */
static bool is_known(const struct weir_resourcemanager *rm)
{
    int64_t needed_us =
        WEIR_MIN(RM__KNOWN_AFTER_POLLS * rm->options->store_poll_us, rm->options->reattach_timeout_us);
    return rm->known_since_us <= rm->now_us - needed_us;
}

static bool all_have_reported(struct weir_resourcemanager *rm)
{
    if (!is_known(rm)) return false;
    while (
        rm->await_cursor < rm->taskmanager_count && !rm__is_awaited(rm, rm->taskmanagers[rm->await_cursor]))
        rm->await_cursor++;
    return rm->await_cursor == rm->taskmanager_count;
}

void rm__tell_job_all_reported(
    const struct weir_resourcemanager *rm, const struct rm__job *job, struct weir_effects *effects)
{
    struct weir_local_message message = {
        .kind = WEIR_LOCAL_ALL_REPORTED, .from = WEIR_ROLE_RESOURCEMANAGER, .job = job->id, .epoch = rm->epoch
    };
    weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &message);
}

bool rm__tell_all_reported(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (rm->awaiting) {
        if (!all_have_reported(rm)) return true;
        rm__await_end(rm, effects);
        rm->all_reported = rm->telling_all_reported = true;
        rm->telling_all_reported_cursor = 0;
    }
    if (!rm->telling_all_reported) return true;
    for (; rm->telling_all_reported_cursor < rm->job_count; rm->telling_all_reported_cursor++) {
        if (effects->count >= RM__STEP_EFFECTS_MAX) return false;
        const struct rm__job *job = rm__job(rm, rm->telling_all_reported_cursor);
        if (job->used && job->registered) rm__tell_job_all_reported(rm, job, effects);
    }
    rm->telling_all_reported = false; /* who registers from now on is told then */
    return true;
}
