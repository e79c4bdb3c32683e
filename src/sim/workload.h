/* What jobs a history runs and what is asked of them. For src/sim alone. */
#ifndef WEIR_SIM_WORKLOAD_H
#define WEIR_SIM_WORKLOAD_H

#include "sim/job_template.h"
#include "sim/world.h"

enum { WEIR_SIM_JOBS_MAX = 32, WEIR_SIM_CLIENTS_MAX = 3, WEIR_SIM_ACTIONS_MAX = 256 };

struct weir_sim_workload {
    const char *name, *text;
    uint32_t jobs_min, jobs_max;
    const char *templates[6]; /* drawn from; NULL ends; none: any */
    uint64_t features;        /* always there */
    int64_t rows;             /* of a partition; 0: drawn */
};
extern const struct weir_sim_workload weir_sim_workloads[];

enum weir_sim_action_kind {
    WEIR_SIM_SUBMIT,
    WEIR_SIM_CANCEL,
    WEIR_SIM_STOP,
    WEIR_SIM_SAVEPOINT,
    WEIR_SIM_RESCALE,
    WEIR_SIM_END, /* of the cluster */
    WEIR_SIM_QUERY
};
struct weir_sim_action {
    enum weir_sim_action_kind kind;
    int64_t at_us;
    uint32_t job;
    bool drain;
    uint8_t request[16];
    uint32_t vertex, parallelism;
    const char *directory; /* of a savepoint */
};

/* A job as the world outside knows it: what was promised, and what was seen. */
struct weir_sim_job {
    struct weir_job_id id;
    const struct weir_sim_job_template *template;
    struct weir_sim_job_parameters parameters;
    Weir__JobSettings settings;
    Weir__ExecutionPlan *plan; /* NULL: could not be planned */
    bool asked, submitted;     /* a client has sent it; has been told that it is in */
    bool bounded;
    bool asked_drain;                            /* windows may have ended early */
    bool asked_to_end, asked_cancel, asked_stop; /* sent, answered or not */
    bool cancel_promised, stop_promised;
    Weir__JobState seen; /* in the last answer that named it */
    bool terminal_seen;
    /* It goes on from what another one leaves, and is judged by what both have written. */
    const struct weir_sim_job *predecessor;
    Weir__ClaimMode claim_mode;
    const char *origin; /* its savepoint or checkpoint, once that is known */
    bool skipped;       /* there was none: never submitted */
};

struct weir_sim_clients {
    struct weir_sim *sim;
    struct weir_sim_job jobs[WEIR_SIM_JOBS_MAX];
    uint32_t job_count;
    struct weir_sim_action actions[WEIR_SIM_ACTIONS_MAX];
    uint32_t action_count;
    uint64_t answered, given_up;
    bool end_promised;
};

/* Draws jobs and actions, adds client processes. */
void weir_sim_clients_start(struct weir_sim *sim);
/* What job is to be started from. False: its predecessor has not ended; job->skipped: it has left nothing. */
bool weir_sim_job_origin(struct weir_sim *sim, struct weir_sim_job *job);
struct weir_sim_job *weir_sim_job_find(struct weir_sim *sim, const struct weir_job_id *id);
extern const struct weir_sim_program weir_sim_client_program;

#endif
