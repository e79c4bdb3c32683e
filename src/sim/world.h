/* What the parts of a simulation share. For src/sim alone. */
#ifndef WEIR_SIM_WORLD_H
#define WEIR_SIM_WORLD_H

#include "actor/actor.h"
#include "sim/filesystem.h"
#include "sim/heap.h"
#include "sim/network.h"
#include "sim/process.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/sim.h"
#include "sim/store.h"
#include "sim/task_runtime.h"

enum {
    WEIR_SIM_PROCESSES_MAX = 24,
    WEIR_SIM_HOSTS_MAX = 16,
    WEIR_SIM_CHECKERS_MAX = 32,
    WEIR_SIM_LINE_BYTES_MAX = 2048
};
#define WEIR_SIM_WALL_BASE_US 1767225600000000 /* 2026-01-01 */

struct weir_sim;

/* One rule. Any function may be NULL. state: zeroed memory of state_bytes. */
struct weir_sim_checker {
    const char *name, *text;
    size_t state_bytes;
    void (*start)(struct weir_sim *sim, void *state);
    /* A machine of process made a step. */
    void (*step)(struct weir_sim *sim, void *state, struct weir_sim_process *process, enum weir_role role,
        const struct weir_event *event, const struct weir_effects *effects);
    /* A process put a message on the network; lost: there was no connection. */
    void (*sent)(struct weir_sim *sim, void *state, struct weir_sim_process *from,
        struct weir_sim_process *to, const Weir__Envelope *envelope, bool lost);
    /* The store applied a change. before and after: NULL when absent. */
    void (*stored)(struct weir_sim *sim, void *state, struct weir_sim_process *writer, const char *key,
        const struct weir_sim_entry *before, const struct weir_sim_entry *after);
    /* A blob changed: put or deleted. */
    void (*blob)(
        struct weir_sim *sim, void *state, struct weir_sim_process *process, const char *path, bool put);
    /* The data plane of process said something, or was told to do something. */
    void (*task_event)(struct weir_sim *sim, void *state, struct weir_sim_process *process,
        const struct weir_task_event *event);
    void (*task_effect)(struct weir_sim *sim, void *state, struct weir_sim_process *process,
        const struct weir_task_effect *effect);
    void (*process_started)(struct weir_sim *sim, void *state, struct weir_sim_process *process);
    void (*process_ended)(struct weir_sim *sim, void *state, struct weir_sim_process *process);
    /* A client got an answer, or gave up (reply NULL). request: the envelope's body as it was sent. */
    void (*answered)(
        struct weir_sim *sim, void *state, const Weir__Envelope *request, const Weir__ClientReply *reply);
    /* Asked now and then in the second phase: has everything come to rest? False: not yet; *reason says what
     * is missing. */
    bool (*at_rest)(struct weir_sim *sim, void *state, const char **reason);
    /* The history is over. */
    void (*finish)(struct weir_sim *sim, void *state);
};

struct weir_sim_knobs {
    uint32_t jobmanager_count, taskmanager_count, slots_per_taskmanager;
    int64_t fault_phase_us, rest_bound_us;
    int64_t fault_gap_us;
    struct weir_control_options control;
};

struct weir_sim_clients;
struct weir_sim_exchange;
struct weir_sim_faults;

struct weir_sim {
    struct weir_sim_heap heap;
    struct weir_memory *memory; /* &heap.base */
    struct weir_arena arena;    /* of the history */
    struct weir_arena scratch;  /* of one callback */
    struct weir_sim_history history;
    const struct weir_sim_options *options;
    struct weir_sim_result *result;
    struct weir_sim_knobs knobs;
    struct weir_sim_scheduler scheduler;
    struct weir_sim_network network;
    struct weir_sim_store store;
    struct weir_sim_process processes[WEIR_SIM_PROCESSES_MAX];
    uint32_t process_count;
    struct weir_sim_filesystem *local_disk;  /* local copies of snapshots, a folder for each host */
    struct weir_sim_filesystem *shared_disk; /* HA storage, checkpoints, sinks: what all hosts see */
    struct weir_sim_exchange *exchange;
    struct weir_sim_random blob_random, process_random;
    bool faults_on, shared_down;
    uint32_t blob_error_permille, blob_late_permille;
    struct weir_sim_faults *faults;
    struct weir_sim_clients *clients;
    const struct weir_sim_checker *const *checkers;
    uint32_t checker_count;
    void *checker_states[WEIR_SIM_CHECKERS_MAX];
    struct weir_sim_coverage *coverage;
};

static inline bool weir_sim_has(const struct weir_sim *sim, enum weir_sim_feature feature)
{
    return (sim->history.features >> feature & 1) != 0;
}
static inline int64_t weir_sim_now(const struct weir_sim *sim)
{
    return sim->scheduler.now_us;
}
static inline struct weir_sim_random weir_sim_stream(const struct weir_sim *sim, uint64_t label)
{
    return weir_sim_random_make(sim->history.seed, label);
}
enum weir_sim_stream_label {
    WEIR_SIM_STREAM_NETWORK = 1,
    WEIR_SIM_STREAM_STORE,
    WEIR_SIM_STREAM_PROCESS,
    WEIR_SIM_STREAM_BLOB,
    WEIR_SIM_STREAM_KNOBS,
    WEIR_SIM_STREAM_CLIENTS,
    WEIR_SIM_STREAM_RUNTIME,
    WEIR_SIM_STREAM_WORKLOAD,
    WEIR_SIM_STREAM_FAULTS = 100 /* + feature */
};

/* The first failure of a history stays. checker: a rule's name. */
void weir_sim_fail(struct weir_sim *sim, const char *checker, const char *format, ...) WEIR_PRINTF(3, 4);
/* A line of the timeline; process may be NULL. Nothing is formatted when nobody reads. */
void weir_sim_trace(struct weir_sim *sim, const struct weir_sim_process *process, const char *format, ...)
    WEIR_PRINTF(3, 4);
static inline bool weir_sim_is_traced(const struct weir_sim *sim)
{
    return sim->options && sim->options->trace;
}
/* For the trace hash: what happened, as a number. */
void weir_sim_note(struct weir_sim *sim, uint64_t what);

/* The store is made by the caller, with weir_sim_store_init(). */
void weir_sim_world_init(struct weir_sim *sim, const struct weir_sim_history *history,
    const struct weir_sim_options *options, struct weir_sim_result *result, bool with_tasks);
void weir_sim_world_done(struct weir_sim *sim);
/* Runs what is due up to until_us. False: the history failed. */
bool weir_sim_run_until(struct weir_sim *sim, int64_t until_us);

/* sim/coverage.c */
enum weir_sim_coverage_kind {
    WEIR_SIM_COVER_FAULT,
    WEIR_SIM_COVER_EFFECT,
    WEIR_SIM_COVER_EVENT,
    WEIR_SIM_COVER_MESSAGE,
    WEIR_SIM_COVER_TRANSITION,
    WEIR_SIM_COVER_REPLY,
    WEIR_SIM_COVER_KIND_COUNT
};
void weir_sim_cover(struct weir_sim *sim, enum weir_sim_coverage_kind kind, const char *name);

/* Calls every checker. */
#define WEIR_SIM_CHECK(sim, function, ...)                                   \
    for (uint32_t checker_ = 0; checker_ < (sim)->checker_count; checker_++) \
        if ((sim)->checkers[checker_]->function)                             \
    (sim)->checkers[checker_]->function((sim), (sim)->checker_states[checker_] __VA_OPT__(, ) __VA_ARGS__)

#endif
