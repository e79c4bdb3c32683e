/* H11, H13: an attempt is deployed once; in one TaskManager a slot holds one job, a subtask runs once; a
 * region's tasks are of one run. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

enum { LIVE_MAX = 1024, EVER_MAX = 16384 };

struct live {
    bool used;
    uint32_t process, start, slot;
    struct weir_attempt_id attempt;
};
struct state {
    struct live live[LIVE_MAX];
    struct {
        uint64_t hash;
        uint32_t process, start;
    } ever[EVER_MAX];
};

static uint64_t hash_of(const struct weir_attempt_id *id)
{
    uint64_t hash = weir_job_id_hash(&id->job);
    hash = weir_sim_mix(hash ^ ((uint64_t)id->vertex << 32 | id->subtask));
    return weir_sim_mix(hash ^ (id->epoch << 20 ^ id->number)) | 1;
}

static void check_once(struct weir_sim *sim, struct state *state, struct weir_sim_process *process,
    const struct weir_attempt_id *id)
{
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    uint64_t hash = hash_of(id);
    uint32_t at = (uint32_t)(hash % EVER_MAX);
    for (uint32_t n = 0; n < EVER_MAX; n++, at = (at + 1) % EVER_MAX) {
        if (!state->ever[at].hash) {
            state->ever[at].hash = hash;
            state->ever[at].process = process->index;
            state->ever[at].start = process->start;
            return;
        }
        if (state->ever[at].hash != hash) continue;
        weir_sim_fail(sim, "H11", "attempt %s is deployed twice, at %s and at %s",
            weir_attempt_id_print(id, text), sim->processes[state->ever[at].process].name, process->name);
        return;
    }
}

static uint32_t slot_of(const struct weir_task_effect *effect)
{
    struct weir_attempt_id id;
    for (size_t i = 0; effect->deploy && i < effect->deploy->n_tasks; i++)
        if (weir_attempt_id_from(effect->deploy->tasks[i]->attempt, &id) &&
            weir_attempt_id_equal(&id, &effect->attempt))
            return effect->deploy->tasks[i]->slot;
    return UINT32_MAX;
}

static void deployed(struct weir_sim *sim, struct state *state, struct weir_sim_process *process,
    const struct weir_task_effect *effect)
{
    char text[WEIR_ATTEMPT_TEXT_BYTES], other[WEIR_ATTEMPT_TEXT_BYTES];
    uint32_t slot = slot_of(effect);
    struct live *free = NULL;
    if (slot >= process->slots)
        weir_sim_fail(sim, "H11", "%s is deployed into slot %u of %s",
            weir_attempt_id_print(&effect->attempt, text), slot, process->name);
    for (uint32_t i = 0; i < LIVE_MAX; i++) {
        struct live *live = &state->live[i];
        if (!live->used) {
            if (!free) free = live;
            continue;
        }
        if (live->process != process->index || live->start != process->start) continue;
        const struct weir_attempt_id *a = &live->attempt, *b = &effect->attempt;
        if (live->slot == slot && !weir_job_id_equal(&a->job, &b->job))
            weir_sim_fail(sim, "H11", "slot %u of %s holds %s and gets %s", slot, process->name,
                weir_attempt_id_print(a, other), weir_attempt_id_print(b, text));
        if (weir_job_id_equal(&a->job, &b->job) && a->vertex == b->vertex &&
            (a->subtask == b->subtask || live->slot == slot))
            weir_sim_fail(sim, "H11", "%s runs %s and gets %s", process->name,
                weir_attempt_id_print(a, other), weir_attempt_id_print(b, text));
    }
    if (free)
        *free = (struct live){ .used = true,
            .process = process->index,
            .start = process->start,
            .slot = slot,
            .attempt = effect->attempt };
}

static void task_effect(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_effect *effect)
{
    struct state *state = (struct state *)self;
    struct weir_run run;
    if (effect->action != WEIR_TASK_DEPLOY) return;
    check_once(sim, state, process, &effect->attempt);
    deployed(sim, state, process, effect);
    if (effect->deploy && weir_run_from(effect->deploy->run, &run) && run.epoch != effect->attempt.epoch)
        weir_sim_fail(sim, "H13", "%s deploys an attempt of epoch %llu in a run of epoch %llu", process->name,
            (unsigned long long)effect->attempt.epoch, (unsigned long long)run.epoch);
}

static void task_event(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_event *event)
{
    struct state *state = (struct state *)self;
    if (event->kind != WEIR_TASK_ENDED && event->kind != WEIR_TASK_FAILED &&
        event->kind != WEIR_TASK_CANCELED)
        return;
    for (uint32_t i = 0; i < LIVE_MAX; i++)
        if (state->live[i].used && state->live[i].process == process->index &&
            weir_attempt_id_equal(&state->live[i].attempt, &event->attempt))
            state->live[i].used = false;
}

static void process_ended(struct weir_sim *sim, void *self, struct weir_sim_process *process)
{
    struct state *state = (struct state *)self;
    for (uint32_t i = 0; i < LIVE_MAX; i++)
        if (state->live[i].used && state->live[i].process == process->index) state->live[i].used = false;
}

/* H10: what runs belongs to a job that is there. */
static bool at_rest(struct weir_sim *sim, void *self, const char **reason)
{
    struct state *state = (struct state *)self;
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    for (uint32_t i = 0; i < LIVE_MAX; i++) {
        if (!state->live[i].used) continue;
        const struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &state->live[i].attempt.job);
        if (job && job->exists) continue;
        *reason = weir_arena_format(&sim->scratch, "H10: %s runs at %s for a job that does not exist",
            weir_attempt_id_print(&state->live[i].attempt, text),
            sim->processes[state->live[i].process].name);
        return false;
    }
    return true;
}

const struct weir_sim_checker weir_sim_checker_attempts = { .name = "H11",
    .text = "one attempt per slot and subtask; an attempt is deployed once",
    .state_bytes = sizeof(struct state),
    .task_effect = task_effect,
    .task_event = task_event,
    .at_rest = at_rest,
    .process_ended = process_ended };
