/*
 * A simulated process: clock, timers, memory, one start after the other. What runs in it is a program: an
 * actor, a client, or a toy of a test. It may be killed between any two effects.
 */
#ifndef WEIR_SIM_PROCESS_H
#define WEIR_SIM_PROCESS_H

#include "env/env.h"
#include "sim/heap.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "task/local_store.h"

struct weir_sim;
struct weir_sim_process;
struct weir_sim_runtime;

enum weir_sim_process_kind { WEIR_SIM_JOBMANAGER, WEIR_SIM_TASKMANAGER, WEIR_SIM_CLIENT };
enum weir_sim_process_state { WEIR_SIM_DOWN, WEIR_SIM_RUNNING, WEIR_SIM_PAUSED };

struct weir_sim_program {
    /* Memory is process->heap. Sets process->self before anything is carried out. */
    void (*start)(struct weir_sim_process *process);
    void (*event)(void *self, struct weir_event *event);
    void (*bytes)(void *self, weir_node from, const uint8_t *bytes, size_t length);
    struct weir_nodes *(*nodes)(void *self);
};

struct weir_sim_timer {
    struct weir_tag tag;
    int64_t at_us;             /* of the process's clock */
    uint32_t generation, next; /* next in its bucket, or free */
    bool set;
};

enum { WEIR_SIM_TIMER_BUCKETS = 256, WEIR_SIM_TIMERS_MAX = 1 << 20, WEIR_SIM_STEPS_STANDING_MAX = 200000 };

struct weir_sim_process {
    struct weir_env env; /* first */
    struct weir_sim *sim;
    uint32_t index, host;
    enum weir_sim_process_kind kind;
    char name[32], address[48], host_name[32];
    uint32_t slots;
    const struct weir_sim_program *program;
    enum weir_sim_process_state state;
    uint64_t incarnation;
    uint32_t start; /* grows when a start is over */
    uint32_t starts;
    bool dying; /* killed within a step: nothing more is carried out */
    uint32_t depth;
    int64_t effects_until_crash; /* < 0: not planned */
    bool crash_durable_only;
    struct weir_sim_heap heap;
    void *self;
    struct weir_actor *actor; /* self, when it is one */
    struct weir_filesystem *filesystem;
    struct weir_local_store local; /* its filesystem is NULL: none are kept in this history */
    char local_root[64];
    struct weir_sim_runtime *runtime;
    bool runtime_scheduled;
    int64_t runtime_wake_us;
    /* For faults that aim: when it last got a task; of which jobs, by index, it ever got a subtask 0,
     * another. */
    int64_t deployed_us;
    uint32_t first_subtasks, other_subtasks;
    struct weir_sim_random random;
    /* clocks */
    int64_t started_us, monotonic_base_us, rate_ppm, wall_offset_us;
    /* timers: in the heap */
    struct weir_sim_timer *timers;
    uint32_t timer_count, timer_capacity, timer_free;
    uint32_t timer_buckets[WEIR_SIM_TIMER_BUCKETS];
    /* What came while it was paused: the world's memory. */
    struct weir_sim_item *deferred;
    uint32_t deferred_count, deferred_capacity;
    bool restart_wanted; /* comes back by itself when killed */
    bool shut_down;      /* ended on purpose */
    /* A TaskManager that a JobManager starts: sim/workers.c. */
    bool worker, claimed;
    uint32_t parent, parent_start;
    int64_t ended_us;
    /* Steps while time stood still: a machine that never ends its turn is a defect. */
    int64_t standing_us;
    uint64_t steps_standing;
};

struct weir_sim_process *weir_sim_process_add(struct weir_sim *sim, enum weir_sim_process_kind kind,
    const char *name, uint32_t host, const struct weir_sim_program *program);
void weir_sim_process_start(struct weir_sim_process *process, int64_t after_us);
void weir_sim_process_kill(struct weir_sim_process *process, const char *why, bool silently);
void weir_sim_process_pause(struct weir_sim_process *process, int64_t for_us);
void weir_sim_process_resume(struct weir_sim_process *process);
/* Called by the loop: runs, defers or drops an item that belongs to process. */
void weir_sim_process_item(struct weir_sim_process *process, struct weir_sim_item *item);
/* Hands an event to the program; the process is running and this is its item. */
void weir_sim_process_event(struct weir_sim_process *process, struct weir_event *event);
/* An item for this start of it. */
void weir_sim_process_schedule(struct weir_sim_process *process, int64_t at_us, weir_sim_function function,
    uint64_t number, void *payload, size_t payload_bytes);
int64_t weir_sim_process_now(const struct weir_sim_process *process);
int64_t weir_sim_process_wall(const struct weir_sim_process *process);
/* When the world's clock reads what this process's will read as local_us. */
int64_t weir_sim_process_world_time(const struct weir_sim_process *process, int64_t local_us);
void weir_sim_process_set_rate(struct weir_sim_process *process, int64_t rate_ppm);
void weir_sim_processes_done(struct weir_sim *sim);
struct weir_sim_process *weir_sim_process_find(struct weir_sim *sim, const char *name);
weir_node weir_sim_process_node(struct weir_sim_process *process, const struct weir_sim_process *other);
static inline bool weir_sim_process_is_up(const struct weir_sim_process *process)
{
    return process->state != WEIR_SIM_DOWN;
}

/* sim/blob.c: carries out WEIR_EFFECT_BLOB. */
void weir_sim_blob_execute(struct weir_sim_process *process, const struct weir_effect *effect);
/* sim/workers.c: carries out WEIR_EFFECT_WORKER. */
void weir_sim_worker_execute(struct weir_sim_process *process, const struct weir_effect *effect);
void weir_sim_worker_ended(struct weir_sim_process *worker);
/* sim/runtime.c: the data plane of a TaskManager. */
void weir_sim_process_task(struct weir_sim_process *process, const struct weir_task_effect *effect);
void weir_sim_process_runtime_start(struct weir_sim_process *process);
void weir_sim_process_runtime_kill(struct weir_sim_process *process);

#endif
