/* H8: while nobody knows whether a job's record was written, no task of it is deployed. */
#include "sim/checkers.h"
#include <string.h>

enum { WRITES_MAX = 512 };

struct state {
    struct write {
        struct weir_job_id job;
        uint32_t process, start; /* start 0: free */
        uint64_t number;
    } writes[WRITES_MAX]; /* of each JobManager and job the newest that has no certain answer */
};

static struct write *find(
    struct state *state, const struct weir_sim_process *process, const struct weir_job_id *job, bool add)
{
    struct write *free_one = NULL;
    for (uint32_t i = 0; i < WRITES_MAX; i++) {
        struct write *write = &state->writes[i];
        if (write->start && write->process == process->index && write->start == process->start &&
            weir_job_id_equal(&write->job, job))
            return write;
        if (!write->start && !free_one) free_one = write;
    }
    return add ? free_one : NULL;
}

static bool is_write(const struct weir_effect *effect)
{
    for (uint32_t i = 0; i < effect->operation_count; i++)
        if (strncmp(effect->operations[i].key, "jobs/", 5) == 0 &&
            (effect->operations[i].kind == WEIR_STORE_SET || effect->operations[i].kind == WEIR_STORE_CREATE))
            return true;
    return false;
}

static void answered(
    struct state *state, const struct weir_sim_process *process, const struct weir_event *event)
{
    struct write *write = find(state, process, &event->tag.job, false);
    if (write && write->number == event->tag.number && event->store.outcome != WEIR_STORE_UNKNOWN)
        write->start = 0;
}

static void emitted(struct weir_sim *sim, struct state *state, const struct weir_sim_process *process,
    const struct weir_effect *effect)
{
    struct weir_job_id job;
    if (effect->kind == WEIR_EFFECT_STORE && is_write(effect)) {
        struct write *write = find(state, process, &effect->tag.job, true);
        if (write)
            *write = (struct write){ .job = effect->tag.job,
                .process = process->index,
                .start = process->start,
                .number = effect->tag.number };
    }
    if (effect->kind != WEIR_EFFECT_SEND || effect->envelope->body_case != WEIR__ENVELOPE__BODY_DEPLOY ||
        effect->envelope->deploy->commit_only || !weir_job_id_from(&effect->envelope->deploy->job, &job))
        return;
    if (find(state, process, &job, false))
        weir_sim_fail(
            sim, "H8", "%s deploys tasks while a write of the job's record is unsettled", process->name);
}

static void step(struct weir_sim *sim, void *self, struct weir_sim_process *process, enum weir_role role,
    const struct weir_event *event, const struct weir_effects *effects)
{
    struct state *state = (struct state *)self;
    if (role != WEIR_ROLE_JOBMASTER) return;
    if (event->kind == WEIR_EVENT_STORE_DONE) answered(state, process, event);
    for (uint32_t i = 0; i < effects->count; i++) emitted(sim, state, process, &effects->items[i]);
}

const struct weir_sim_checker weir_sim_checker_unsettled = { .name = "H8",
    .text = "nothing is deployed while a write of the record is unsettled",
    .state_bytes = sizeof(struct state),
    .step = step };
