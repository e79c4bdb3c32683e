/* H12: after faults stop, somebody leads, every request is answered, every job has ended as it must. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include "sim/faults.h"
#include <stdio.h>
#include <string.h>

struct state {
    char reason[160];
};

static bool at_rest(struct weir_sim *sim, void *self, const char **reason)
{
    struct state *state = (struct state *)self;
    struct weir_sim_clients *clients = sim->clients;
    *reason = state->reason;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        bool may_be_away = sim->processes[i].worker && sim->processes[i].state == WEIR_SIM_DOWN;
        if (sim->processes[i].state == WEIR_SIM_RUNNING || may_be_away) continue;
        snprintf(state->reason, sizeof state->reason, "%s does not run", sim->processes[i].name);
        return false;
    }
    if (!weir_sim_leader(sim)) {
        snprintf(state->reason, sizeof state->reason, "nobody leads");
        return false;
    }
    if (clients->answered < clients->action_count) {
        uint64_t waiting = 0;
        for (uint32_t i = 0; i < clients->action_count; i++) waiting += 1;
        snprintf(state->reason, sizeof state->reason, "%llu of %llu requests have a final answer",
            (unsigned long long)clients->answered, (unsigned long long)waiting);
        return false;
    }
    for (uint32_t i = 0; i < clients->job_count; i++) {
        struct weir_sim_job *job = &clients->jobs[i];
        char hex[WEIR_JOB_ID_TEXT_BYTES];
        if (!job->submitted || job->terminal_seen) continue;
        snprintf(state->reason, sizeof state->reason, "job %.8s (%s) has not ended, clients see state %d",
            weir_job_id_print(&job->id, hex), job->template->name, job->seen);
        return false;
    }
    return true;
}

/* A bounded job that nobody ended has FINISHED: restarts were without limit, so FAILED is a defect. */
static void finish(struct weir_sim *sim, void *self)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    for (uint32_t i = 0; i < facts->job_count; i++) {
        struct weir_sim_facts_job *job = facts->jobs[i];
        if (!job->job || !job->terminal) continue;
        bool may_fail = job->damaged || job->job->settings.restart_attempts_max != UINT32_MAX;
        if (job->result == WEIR__JOB_STATE__JOB_FAILED && !may_fail)
            weir_sim_fail(sim, "H12", "job %.8s (%s) FAILED", job->hex, job->job->template->name);
        if (job->result == WEIR__JOB_STATE__JOB_FAILED && !job->says_why)
            weir_sim_fail(sim, "H9", "job %.8s FAILED, and its result does not say why", job->hex);
        if (job->result == WEIR__JOB_STATE__JOB_FINISHED && !job->job->bounded && !job->job->asked_stop)
            weir_sim_fail(sim, "H12", "job %.8s has no end, and FINISHED", job->hex);
        if (job->result == WEIR__JOB_STATE__JOB_CANCELED && !job->job->asked_cancel)
            weir_sim_fail(sim, "H12", "job %.8s is CANCELED, and nobody asked for it", job->hex);
        if (job->job->cancel_promised && job->result == WEIR__JOB_STATE__JOB_RUNNING)
            weir_sim_fail(sim, "promise", "job %.8s was to be cancelled", job->hex);
    }
}

const struct weir_sim_checker weir_sim_checker_rest = { .name = "H12",
    .text = "after faults stop, everything comes to rest",
    .state_bytes = sizeof(struct state),
    .at_rest = at_rest,
    .finish = finish };
