/* The ledger: what the sinks have committed is right, once, in order; and all of it when a job has FINISHED,
 * at the moment at which its record says so (H7, FLINK-39704). */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

struct state {
    struct weir_job_id judged[WEIR_SIM_FACT_JOBS_MAX];
    uint32_t judged_count;
};

static bool has_windows(const struct weir_sim_job *job)
{
    for (uint32_t i = 0; i < job->template->sink_count; i++)
        if (job->template->sinks[i].expectation == WEIR_LEDGER_WINDOWS) return true;
    return false;
}

static void judge(struct weir_sim *sim, struct weir_sim_job *job, bool complete, const char *when)
{
    struct weir_ledger_verdict verdict;
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    if (!job->plan) return;
    weir_sim_job_judge(sim->shared_disk, job->template, &job->parameters, complete, sim->memory, &verdict);
    sim->result->rows_judged += verdict.lines;
    weir_job_id_print(&job->id, hex);
    if (job->asked_drain && has_windows(job))
        verdict.wrong = 0; /* a drain ends windows before they are full */
    const struct weir_sim_facts_job *facts = weir_sim_facts_job(sim, &job->id);
    if (facts && facts->damaged && !job->settings.exactly_once_sinks)
        verdict.doubled = verdict.unordered = 0; /* it may go back below what was committed (H9) */
    if (verdict.lost || verdict.doubled || verdict.wrong || verdict.unordered)
        weir_sim_fail(sim, "ledger",
            "%s (%.8s) %s: %llu lines, %llu lost, %llu doubled, %llu wrong, %llu unordered: %s",
            job->template->name, hex, when, (unsigned long long)verdict.lines,
            (unsigned long long)verdict.lost, (unsigned long long)verdict.doubled,
            (unsigned long long)verdict.wrong, (unsigned long long)verdict.unordered, verdict.first);
}

static void stored(struct weir_sim *sim, void *self, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *before, const struct weir_sim_entry *after)
{
    struct state *state = (struct state *)self;
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    if (strncmp(key, "jobs/", 5) != 0 || !after) return;
    for (uint32_t i = 0; i < facts->job_count; i++) {
        struct weir_sim_facts_job *job = facts->jobs[i];
        if (!job->terminal || !job->job) continue;
        uint32_t k = 0;
        while (k < state->judged_count && !weir_job_id_equal(&state->judged[k], &job->id)) k++;
        if (k < state->judged_count) continue;
        state->judged[state->judged_count++] = job->id;
        bool complete = job->result == WEIR__JOB_STATE__JOB_FINISHED && !job->job->asked_stop;
        judge(sim, job->job, complete, complete ? "when its record says FINISHED" : "when it has ended");
    }
}

static void finish(struct weir_sim *sim, void *self)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    for (uint32_t i = 0; i < facts->job_count; i++) {
        struct weir_sim_facts_job *job = facts->jobs[i];
        if (job->job)
            judge(sim, job->job,
                job->terminal && job->result == WEIR__JOB_STATE__JOB_FINISHED && !job->job->asked_stop,
                "in the end");
    }
}

const struct weir_sim_checker weir_sim_checker_sinks = { .name = "ledger",
    .text = "no row is lost, doubled, wrong or out of order",
    .state_bytes = sizeof(struct state),
    .stored = stored,
    .finish = finish };
