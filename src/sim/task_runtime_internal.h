/* Inside of the simulated data plane; see task_runtime.h. */
#ifndef WEIR_SIM_TASK_RUNTIME_INTERNAL_H
#define WEIR_SIM_TASK_RUNTIME_INTERNAL_H

#include "plan/execution_plan.h"
#include "sim/exchange.h"
#include "task/snapshot.h"

enum { KEPT_MANIFESTS = 4, KNOWN_CHECKPOINTS = 8, PENDING_SNAPSHOTS_MAX = WEIR_SUBTASK_SNAPSHOTS_MAX + 1 };

/* What tasks of one deployment share. */
struct sim_region {
    struct sim_region *next;
    uint32_t references;
    struct weir_arena arena;
    struct weir_job_id job;
    struct weir_run run;
    const char *job_text;
    const Weir__ExecutionPlan *plan;
    const struct weir_job_graph *graph;
    const Weir__DeployTasks *deploy; /* copy: members, restore */
    struct weir_snapshot_manifest *manifests;
    uint32_t manifest_count;
};

/* A manifest that a later checkpoint may build on. */
struct kept_manifest {
    uint64_t checkpoint; /* 0: free */
    struct weir_arena arena;
    struct weir_snapshot_manifest manifest;
};

struct known_checkpoint {
    uint64_t checkpoint;
    char directory[512];
};

struct pending_snapshot {
    struct weir_subtask_snapshot *snapshot;
    int64_t due_us;
};

struct sim_link {
    struct weir_sim_link *link;
    struct weir_channel *channel;
};

struct sim_task {
    struct weir_waker waker; /* first */
    struct sim_task *next;
    struct weir_sim_runtime *runtime;
    struct sim_region *region;
    struct weir_attempt_id attempt;
    struct weir_run run;
    const struct weir_job_vertex *vertex;
    struct weir_arena arena;
    struct weir_subtask *subtask;
    struct sim_link *inputs, *outputs;
    uint32_t input_count, output_count, established;
    bool running_told, ended_told, broken, canceled, over;
    char broken_by[256];
    bool signaled;
    int64_t wake_us;
    uint64_t barrier_told;
    struct pending_snapshot pending[PENDING_SNAPSHOTS_MAX];
    uint32_t pending_count;
    struct kept_manifest kept[KEPT_MANIFESTS];
    uint32_t kept_next;
    struct known_checkpoint known[KNOWN_CHECKPOINTS];
    uint32_t known_next;
};

/* An event on its way to the taskexecutor: told outside of any subtask's call. */
struct queued_event {
    struct queued_event *next;
    struct weir_arena arena;
    struct weir_task_event event;
};

struct weir_sim_runtime {
    struct weir_sim_runtime_config config;
    struct sim_task *tasks;
    uint32_t task_count;
    struct sim_region *regions;
    struct queued_event *first, **last;
    bool telling;
    uint64_t random;
    struct weir_sim_runtime_statistics statistics;
};

uint64_t sim_runtime_random(struct weir_sim_runtime *runtime);
/* The event's arena is for what it points to. */
struct queued_event *sim_runtime_queue(
    struct weir_sim_runtime *runtime, enum weir_task_event_kind kind, const struct weir_attempt_id *attempt);
/* Takes the task off: closes the subtask, its links; the task object stays until it is forgotten. */
void sim_task_end(struct sim_task *task);

/* task_deploy.c */
enum weir_error_code sim_task_deploy(struct weir_sim_runtime *runtime, const Weir__DeployTasks *deploy,
    struct sim_task *task, struct weir_error *reterr);
void sim_region_drop(struct weir_sim_runtime *runtime, struct sim_region *region);

/* task_snapshot.c */
void sim_task_acknowledge(void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot);
/* Writes what is due. True when it did something. */
bool sim_task_write_snapshots(struct sim_task *task, int64_t now_us, int64_t *ret_wake_us);
void sim_task_know_checkpoint(struct sim_task *task, uint64_t checkpoint, const char *directory);
void sim_task_snapshots_done(struct sim_task *task);
/* Local copies of this task's job that are of no use go; checkpoint: a newly completed one, or 0. */
void sim_task_tidy_copies(const struct sim_task *task, uint64_t checkpoint);

#endif
