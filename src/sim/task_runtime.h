/*
 * The data plane of one simulated TaskManager: real subtasks (src/task) and operators, run in random order by
 * weir_subtask_run_once(), connected with those of other TaskManagers by a simulated exchange.
 *
 * It takes the taskexecutor's effects (WEIR_EFFECT_TASK) and answers with task events. Snapshots are written
 * to the process's view of the shared disk after a random delay, as a writer beside the slot threads would.
 *
 * Nothing runs by itself: the simulator calls weir_sim_runtime_run() at times of its choosing.
 */
#ifndef WEIR_SIM_TASK_RUNTIME_H
#define WEIR_SIM_TASK_RUNTIME_H

#include "control/effect.h"
#include "sim/filesystem.h"
#include "task/local_store.h"

struct weir_sim_runtime;

/* The network between the data planes of all TaskManagers: one per simulation. */
struct weir_sim_exchange;
struct weir_sim_exchange_config {
    struct weir_memory *memory;
    uint64_t seed;
    int64_t (*now_us)(void *clock);
    void *clock;
    int64_t delay_min_us, delay_max_us; /* per element between processes; within one there is none */
};
struct weir_sim_exchange *weir_sim_exchange_new(const struct weir_sim_exchange_config *config);
void weir_sim_exchange_free(struct weir_sim_exchange *exchange); /* after all runtimes */
/* from does not reach to: what is under way waits; after break_after_us both ends see a reset. Names of
 * nodes. */
void weir_sim_exchange_partition(struct weir_sim_exchange *exchange, const char *from, const char *to,
    bool blocked, int64_t break_after_us);

struct weir_sim_runtime_config {
    struct weir_memory *memory;
    struct weir_sim_exchange *exchange;
    const char *name; /* of this TaskManager, as RegionMember.location names it */
    uint64_t incarnation;
    uint64_t seed;
    struct weir_filesystem *filesystem;   /* this process's view */
    const struct weir_local_store *local; /* NULL: no local copies */
    int64_t (*now_us)(void *clock);       /* monotonic, of this process */
    int64_t (*wall_us)(void *clock);
    void *clock;
    /* Plan bytes (Weir__ExecutionPlan) by pointer; read from the shared disk through filesystem. */
    void (*event)(void *owner, const struct weir_task_event *event);
    void *owner;
    int64_t write_delay_max_us; /* of snapshots */
};

struct weir_sim_runtime *weir_sim_runtime_new(const struct weir_sim_runtime_config *config);
/* The process was killed (its view is dead already): peers see a reset, no event is told any more. Frees it.
 */
void weir_sim_runtime_kill(struct weir_sim_runtime *runtime);
void weir_sim_runtime_execute(struct weir_sim_runtime *runtime, const struct weir_task_effect *effect);
/* At most steps random steps: subtasks, elements under way, snapshot writes. False: nothing can move before
 * *ret_wake_us (INT64_MAX: before something comes in). Events are told from here and from execute. */
bool weir_sim_runtime_run(struct weir_sim_runtime *runtime, uint32_t steps, int64_t *ret_wake_us);

struct weir_sim_runtime_statistics {
    uint32_t subtasks, snapshots_pending;
    uint64_t steps, rows_in, snapshots_written;
    uint64_t bytes_restored_local, bytes_restored_storage;
};
void weir_sim_runtime_statistics(
    const struct weir_sim_runtime *runtime, struct weir_sim_runtime_statistics *ret);

#endif
