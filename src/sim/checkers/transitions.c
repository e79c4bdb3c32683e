/* States of jobs and attempts change in legal ways alone, as messages show them. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <stdio.h>
#include <string.h>

enum { STATES = WEIR__EXECUTION_STATE__EXECUTION_RECONCILING + 1, SEEN_MAX = 16384 };

struct state {
    struct {
        struct weir_attempt_id attempt;
        Weir__ExecutionState state;
        bool forgotten; /* it is not there any more: whoever has it cancelled is told that it is CANCELED */
    } seen[SEEN_MAX];   /* open addressing; epoch 0: free */
    struct {
        struct weir_job_id id;
        uint64_t incarnation;
        Weir__JobState state;
    } jobs[WEIR_SIM_FACT_JOBS_MAX];
    char names[STATES * STATES + 400][48];
};

static const char *const attempt_states[] = { "?", "CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING",
    "RUNNING", "FINISHED", "CANCELING", "CANCELED", "FAILED", "RECONCILING" };
static const char *const job_states[] = { "?", "INITIALIZING", "CREATED", "RUNNING", "FAILING", "FAILED",
    "CANCELLING", "CANCELED", "FINISHED", "RESTARTING", "SUSPENDED", "RECONCILING" };

static bool attempt_is_over(Weir__ExecutionState state)
{
    return state == WEIR__EXECUTION_STATE__EXECUTION_FINISHED ||
           state == WEIR__EXECUTION_STATE__EXECUTION_CANCELED ||
           state == WEIR__EXECUTION_STATE__EXECUTION_FAILED;
}

/* What a TaskManager may say after what it has said. */
static bool attempt_is_legal(Weir__ExecutionState from, Weir__ExecutionState to)
{
    if (from == to) return true;
    if (from == WEIR__EXECUTION_STATE__EXECUTION_FINISHED) /* its commit failed */
        return to == WEIR__EXECUTION_STATE__EXECUTION_FAILED;
    if (attempt_is_over(from)) return false;
    if (from == WEIR__EXECUTION_STATE__EXECUTION_CANCELING) /* whatever becomes of it meanwhile */
        return to == WEIR__EXECUTION_STATE__EXECUTION_CANCELED;
    switch (to) {
    case WEIR__EXECUTION_STATE__EXECUTION_INITIALIZING:
        return from <= WEIR__EXECUTION_STATE__EXECUTION_DEPLOYING;
    case WEIR__EXECUTION_STATE__EXECUTION_RUNNING:
        return from <= WEIR__EXECUTION_STATE__EXECUTION_INITIALIZING;
    case WEIR__EXECUTION_STATE__EXECUTION_DEPLOYING: return from < WEIR__EXECUTION_STATE__EXECUTION_DEPLOYING;
    default: return true;
    }
}

static void cover_transition(struct weir_sim *sim, struct state *state, uint32_t slot, const char *kind,
    const char *from, const char *to)
{
    if (!sim->coverage) return;
    char *name = state->names[slot];
    if (!name[0]) snprintf(name, sizeof state->names[0], "%s %s -> %s", kind, from, to);
    weir_sim_cover(sim, WEIR_SIM_COVER_TRANSITION, name);
}

/* Its place, or a free one; SEEN_MAX: there is none. */
static uint32_t place_of(const struct state *state, const struct weir_attempt_id *id)
{
    uint64_t hash = weir_sim_mix(
        weir_job_id_hash(&id->job) ^
        ((uint64_t)id->vertex << 40 ^ (uint64_t)id->subtask << 20 ^ id->epoch << 8 ^ id->number));
    uint32_t at = (uint32_t)(hash % SEEN_MAX);
    for (uint32_t n = 0; n < SEEN_MAX; n++, at = (at + 1) % SEEN_MAX)
        if (!state->seen[at].attempt.epoch || weir_attempt_id_equal(&state->seen[at].attempt, id)) return at;
    return SEEN_MAX;
}

static void attempt_said(struct weir_sim *sim, struct state *state, const Weir__AttemptReport *report)
{
    struct weir_attempt_id id;
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    if (!weir_attempt_id_from(report->attempt, &id) || !id.epoch || (uint32_t)report->state >= STATES) return;
    uint32_t at = place_of(state, &id);
    if (at == SEEN_MAX) return;
    if (!state->seen[at].attempt.epoch) {
        state->seen[at].attempt = id;
        state->seen[at].state = report->state;
        return;
    }
    Weir__ExecutionState from = state->seen[at].state;
    bool gone = state->seen[at].forgotten && report->state == WEIR__EXECUTION_STATE__EXECUTION_CANCELED;
    if (!attempt_is_legal(from, report->state) && !gone)
        weir_sim_fail(sim, "transition", "attempt %s goes from %s to %s", weir_attempt_id_print(&id, text),
            attempt_states[from], attempt_states[report->state]);
    if (from != report->state)
        cover_transition(sim, state, (uint32_t)from * STATES + (uint32_t)report->state, "attempt",
            attempt_states[from], attempt_states[report->state]);
    state->seen[at].state = report->state;
}

static void task_effect(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_effect *effect)
{
    struct state *state = (struct state *)self;
    if (effect->action != WEIR_TASK_FORGET) return;
    uint32_t at = place_of(state, &effect->attempt);
    if (at < SEEN_MAX && state->seen[at].attempt.epoch) state->seen[at].forgotten = true;
}

static void sent(struct weir_sim *sim, void *self, struct weir_sim_process *from, struct weir_sim_process *to,
    const Weir__Envelope *envelope, bool lost)
{
    struct state *state = (struct state *)self;
    if (envelope->body_case == WEIR__ENVELOPE__BODY_TASK_STATE)
        attempt_said(sim, state, envelope->task_state->attempt);
    if (envelope->body_case == WEIR__ENVELOPE__BODY_REPORT)
        for (size_t i = 0; i < envelope->report->n_attempts; i++)
            attempt_said(sim, state, envelope->report->attempts[i]);
}

static bool job_is_over(Weir__JobState state)
{
    return state == WEIR__JOB_STATE__JOB_FINISHED || state == WEIR__JOB_STATE__JOB_CANCELED ||
           state == WEIR__JOB_STATE__JOB_FAILED;
}

/* The JobMaster of one JobManager tells its dispatcher. */
static void step(struct weir_sim *sim, void *self, struct weir_sim_process *process, enum weir_role role,
    const struct weir_event *event, const struct weir_effects *effects)
{
    struct state *state = (struct state *)self;
    if (role != WEIR_ROLE_DISPATCHER || event->kind != WEIR_EVENT_LOCAL ||
        event->local->kind != WEIR_LOCAL_JOB_STATUS || !event->local->summary)
        return;
    Weir__JobState is = event->local->summary->state;
    if ((size_t)is >= WEIR_ARRAY_COUNT(job_states)) return;
    uint32_t i = 0;
    while (i + 1 < WEIR_SIM_FACT_JOBS_MAX && state->jobs[i].incarnation &&
           !weir_job_id_equal(&state->jobs[i].id, &event->local->job))
        i++;
    bool same = state->jobs[i].incarnation == process->incarnation;
    Weir__JobState was = state->jobs[i].state;
    if (same && was != is) {
        if (job_is_over(was))
            weir_sim_fail(sim, "transition", "a job goes from %s to %s", job_states[was], job_states[is]);
        cover_transition(sim, state, STATES * STATES + (uint32_t)was * 12 + (uint32_t)is, "job",
            job_states[was], job_states[is]);
    }
    state->jobs[i].id = event->local->job;
    state->jobs[i].incarnation = process->incarnation;
    state->jobs[i].state = is;
}

const struct weir_sim_checker weir_sim_checker_transitions = { .name = "transition",
    .text = "states change in legal ways alone",
    .state_bytes = sizeof(struct state),
    .task_effect = task_effect,
    .sent = sent,
    .step = step };
