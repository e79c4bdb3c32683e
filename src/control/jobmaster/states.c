/* The tables of legal transitions. */
#include "control/jobmaster/states.h"

#define J(state) (1u << WEIR__JOB_STATE__JOB_##state)
#define E(state) (1u << WEIR__EXECUTION_STATE__EXECUTION_##state)

static const uint32_t job_successors[WEIR_JOB_STATES] = {
    [WEIR__JOB_STATE__JOB_INITIALIZING] =
        J(CREATED) | J(RECONCILING) | J(FAILING) | J(FAILED) | J(CANCELLING) | J(SUSPENDED),
    [WEIR__JOB_STATE__JOB_CREATED] = J(RUNNING) | J(FAILING) | J(CANCELLING) | J(SUSPENDED),
    [WEIR__JOB_STATE__JOB_RUNNING] = J(RESTARTING) | J(FAILING) | J(CANCELLING) | J(FINISHED) | J(SUSPENDED),
    [WEIR__JOB_STATE__JOB_RESTARTING] = J(RUNNING) | J(FAILING) | J(CANCELLING) | J(FINISHED) | J(SUSPENDED),
    [WEIR__JOB_STATE__JOB_RECONCILING] =
        J(RUNNING) | J(RESTARTING) | J(FAILING) | J(CANCELLING) | J(FINISHED) | J(SUSPENDED),
    [WEIR__JOB_STATE__JOB_FAILING] = J(FAILED) | J(SUSPENDED),
    [WEIR__JOB_STATE__JOB_CANCELLING] = J(CANCELED) | J(FAILED) | J(SUSPENDED),
};

static const uint32_t execution_successors[WEIR_EXECUTION_STATES] = {
    [WEIR__EXECUTION_STATE__EXECUTION_CREATED] =
        E(SCHEDULED) | E(CANCELED) | E(FAILED) | E(RECONCILING) | E(FINISHED),
    [WEIR__EXECUTION_STATE__EXECUTION_SCHEDULED] = E(DEPLOYING) | E(CANCELED) | E(FAILED) | E(FINISHED),
    /* Updates that were sent while a connection was down are lost: what follows them is legal, too. */
    [WEIR__EXECUTION_STATE__EXECUTION_DEPLOYING] =
        E(INITIALIZING) | E(RUNNING) | E(FINISHED) | E(CANCELING) | E(CANCELED) | E(FAILED),
    [WEIR__EXECUTION_STATE__EXECUTION_INITIALIZING] =
        E(RUNNING) | E(FINISHED) | E(CANCELING) | E(CANCELED) | E(FAILED),
    [WEIR__EXECUTION_STATE__EXECUTION_RUNNING] = E(FINISHED) | E(CANCELING) | E(CANCELED) | E(FAILED),
    [WEIR__EXECUTION_STATE__EXECUTION_CANCELING] = E(CANCELED) | E(FINISHED) | E(FAILED),
    [WEIR__EXECUTION_STATE__EXECUTION_RECONCILING] =
        E(RUNNING) | E(FINISHED) | E(CANCELING) | E(CANCELED) | E(FAILED),
    /* A sink that has ended still commits, and may fail at it. Else: a new attempt of the same subtask. */
    [WEIR__EXECUTION_STATE__EXECUTION_FINISHED] = E(CREATED) | E(FAILED),
    [WEIR__EXECUTION_STATE__EXECUTION_CANCELED] = E(CREATED),
    [WEIR__EXECUTION_STATE__EXECUTION_FAILED] = E(CREATED),
};

bool weir_job_state_is_legal(Weir__JobState from, Weir__JobState to)
{
    return (uint32_t)from < WEIR_JOB_STATES && (uint32_t)to < WEIR_JOB_STATES &&
           (job_successors[from] >> to & 1);
}

bool weir_job_state_is_terminal(Weir__JobState state)
{
    return state == WEIR__JOB_STATE__JOB_FINISHED || state == WEIR__JOB_STATE__JOB_CANCELED ||
           state == WEIR__JOB_STATE__JOB_FAILED;
}

bool weir_execution_state_is_legal(Weir__ExecutionState from, Weir__ExecutionState to)
{
    return (uint32_t)from < WEIR_EXECUTION_STATES && (uint32_t)to < WEIR_EXECUTION_STATES &&
           (execution_successors[from] >> to & 1);
}

bool weir_execution_state_is_terminal(Weir__ExecutionState state)
{
    return (uint32_t)state < WEIR_EXECUTION_STATES && ((E(FINISHED) | E(CANCELED) | E(FAILED)) >> state & 1);
}

bool weir_execution_state_is_alive(Weir__ExecutionState state)
{
    return (uint32_t)state < WEIR_EXECUTION_STATES &&
           ((E(DEPLOYING) | E(INITIALIZING) | E(RUNNING) | E(CANCELING)) >> state & 1);
}

const char *weir_job_state_name(Weir__JobState state)
{
    static const char *const names[WEIR_JOB_STATES] = { "UNSPECIFIED", "INITIALIZING", "CREATED", "RUNNING",
        "FAILING", "FAILED", "CANCELLING", "CANCELED", "FINISHED", "RESTARTING", "SUSPENDED", "RECONCILING" };
    return (uint32_t)state < WEIR_JOB_STATES ? names[state] : "?";
}

const char *weir_execution_state_name(Weir__ExecutionState state)
{
    static const char *const names[WEIR_EXECUTION_STATES] = { "UNSPECIFIED", "CREATED", "SCHEDULED",
        "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED", "CANCELING", "CANCELED", "FAILED",
        "RECONCILING" };
    return (uint32_t)state < WEIR_EXECUTION_STATES ? names[state] : "?";
}
