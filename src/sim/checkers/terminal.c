/* H7: what is terminal never runs again, is never there again, and its result never changes. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

struct state {
    struct {
        struct weir_job_id id;
        bool terminal, gone;
        Weir__JobState result;
        int64_t canceled_us; /* the record said so first; 0: not yet */
    } jobs[WEIR_SIM_FACT_JOBS_MAX];
    uint32_t count;
};

static void note(struct weir_sim *sim, struct state *state, const Weir__JobRecord *record, bool created)
{
    struct weir_job_id id;
    if (!weir_job_id_from(&record->job, &id)) return;
    uint32_t i = 0;
    while (i < state->count && !weir_job_id_equal(&state->jobs[i].id, &id)) i++;
    if (i == state->count) {
        if (i == WEIR_SIM_FACT_JOBS_MAX) return;
        state->jobs[state->count++].id = id;
    }
    bool terminal = record->status >= WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY;
    Weir__JobState result = record->result ? record->result->state : WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED;
    if (record->target && record->target->kind == WEIR__TARGET_KIND__TARGET_CANCEL &&
        !state->jobs[i].canceled_us)
        state->jobs[i].canceled_us = weir_sim_now(sim);
    /* Clocks run up to a fifth too fast. */
    const struct weir_sim_job *job = weir_sim_job_find(sim, &id);
    int64_t patience_us = job ? (int64_t)job->settings.final_commit_timeout_ms * 1000 / 3 * 2 : 0;
    if (result == WEIR__JOB_STATE__JOB_CANCELED && record->result->uncommitted_checkpoint &&
        !record->result->keep_checkpoints && state->jobs[i].canceled_us &&
        weir_sim_now(sim) - state->jobs[i].canceled_us < patience_us)
        weir_sim_fail(sim, "H7", "a job is cancelled before its sinks have committed checkpoint %llu",
            (unsigned long long)record->result->uncommitted_checkpoint);
    if (state->jobs[i].terminal && created && sim->store.transactions)
        weir_sim_fail(sim, "H7", "a job that had ended is created again");
    if (state->jobs[i].terminal && terminal && result != state->jobs[i].result)
        weir_sim_fail(sim, "H7", "a job's result changes from %d to %d", state->jobs[i].result, result);
    if (terminal) {
        state->jobs[i].terminal = true;
        state->jobs[i].result = result;
    }
}

static void stored(struct weir_sim *sim, void *self, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *before, const struct weir_sim_entry *after)
{
    Weir__JobRecord *record;
    if (strncmp(key, "jobs/", 5) != 0 || !after) return;
    if (weir_job_record_decode(&sim->scratch, after->value, after->length, &record, NULL)) return;
    note(sim, (struct state *)self, record, before == NULL);
}

static void sent(struct weir_sim *sim, void *self, struct weir_sim_process *from, struct weir_sim_process *to,
    const Weir__Envelope *envelope, bool lost)
{
    struct weir_job_id id;
    if (envelope->body_case != WEIR__ENVELOPE__BODY_DEPLOY || weir_sim_facts(sim)->wiped ||
        !weir_job_id_from(&envelope->deploy->job, &id))
        return;
    struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &id);
    if (job && job->terminal && envelope->epoch >= job->epoch)
        weir_sim_fail(sim, "H7", "%s deploys tasks of %.8s, which has ended", from->name, job->hex);
    if (envelope->deploy->commit_only) return;
    if (job && job->job && job->job->cancel_promised && envelope->epoch >= job->epoch &&
        job->target == WEIR__TARGET_KIND__TARGET_CANCEL)
        weir_sim_fail(sim, "promise", "%s deploys tasks of %.8s, which was promised to be cancelled",
            from->name, job->hex);
}

const struct weir_sim_checker weir_sim_checker_terminal = { .name = "H7",
    .text = "what is terminal never runs again",
    .state_bytes = sizeof(struct state),
    .stored = stored,
    .sent = sent };
