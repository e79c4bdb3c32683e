/* Inside of the data plane of a TaskManager; see task_runtime.h. */
#ifndef WEIR_HOST_TASK_RUNTIME_INTERNAL_H
#define WEIR_HOST_TASK_RUNTIME_INTERNAL_H

#include "host/task_runtime.h"
#include "os/clock.h"
#include "os/parker.h"
#include "plan/execution_plan.h"
#include "task/snapshot.h"
#include <pthread.h>

enum {
    HOST_MANIFESTS_KEPT = 8,
    HOST_CHECKPOINTS_KNOWN = 16,
    HOST_SNAPSHOTS_HELD_MAX = 8,
    /* The taskexecutor keeps half of it at most, in all slots. What it has forgotten leaves a little later.
     */
    HOST_SLOT_TASKS_MAX = 4096
};

/* What tasks of one deployment message share. Made on the pool; constant afterwards. */
struct host_region {
    struct host_region *next;
    struct weir_task_runtime *runtime;
    uint32_t references; /* control thread */
    bool ready;
    struct weir_arena arena;
    struct weir_job_id job;
    struct weir_run run;
    const char *job_text;
    const Weir__DeployTasks *deploy;
    const Weir__ExecutionPlan *plan;
    const struct weir_job_graph *graph;
    struct weir_snapshot_manifest *manifests;
    uint32_t manifest_count;
    struct weir_error error; /* code != 0: it could not be made */
};

struct host_manifest {
    uint64_t checkpoint;
    uint32_t references;
    struct weir_arena arena;
    struct weir_snapshot_manifest manifest;
};

struct host_checkpoint {
    uint64_t checkpoint;
    char directory[1024];
};

struct host_link {
    struct weir_link *link; /* NULL: the other end has finished long ago */
    struct weir_channel *channel;
};

/* Memory of one task. What it allocated may outlive it (rows on their way to another task), so it stays with
 * its slot, for another task once all is given back. */
struct host_memory {
    struct weir_memory memory;
    struct host_memory *next;
    bool taken;
};

enum host_task_state {
    HOST_TASK_PREPARING, /* on the pool */
    HOST_TASK_RUNNING,   /* belongs to its slot's thread */
    HOST_TASK_OVER       /* nothing of it runs; its end was told */
};

struct host_task {
    struct host_task *next; /* of the runtime; control thread */
    struct weir_task_runtime *runtime;
    struct host_region *region;
    struct host_slot *slot;
    struct weir_attempt_id attempt;
    const struct weir_job_vertex *vertex;
    struct weir_arena arena;       /* pool, then slot thread */
    struct host_memory *memory;    /* its part of the slot's */
    struct weir_task_meter *meter; /* while there is a subtask; NULL: nobody measures */
    struct weir_subtask *subtask;
    struct weir_forward_clock clock; /* pool, then slot thread */
    struct host_link *inputs, *outputs;
    uint32_t input_count, output_count, links_needed;
    struct weir_error prepare_error;
    struct weir_snapshot_reader_statistics restored;
    int64_t restored_in_ms, restored_cpu_ms;

    /* Control thread. */
    enum host_task_state state;
    bool canceled, forgotten, ended, end_logged;
    uint32_t works; /* on the pool */
    struct host_manifest *kept[HOST_MANIFESTS_KEPT];
    uint32_t kept_next;
    struct host_checkpoint known[HOST_CHECKPOINTS_KNOWN];
    uint32_t known_next;
    struct weir_subtask_snapshot *held[HOST_SNAPSHOTS_HELD_MAX]; /* their trigger has not come yet */
    uint32_t held_count;
    /* What was given up: a snapshot of it may still be on its way here. */
    uint64_t given_up[HOST_CHECKPOINTS_KNOWN], given_up_below_epoch;
    uint32_t given_up_next;

    /* Slot thread. */
    bool running_told, dying, ended_told;
    enum weir_task_event_kind dying_as;
    char dying_why[512];
    uint64_t barrier_told;

    /* Any. */
    _Atomic uint32_t established;
    _Atomic uint32_t snapshots; /* acknowledged and not yet let go: the subtask stays until there are none */
    _Atomic bool broken, leave;
    _Atomic bool prepared; /* whoever makes memory for it may stop */
    char broken_by[256];
};

struct host_slot {
    struct weir_waker waker; /* first */
    struct weir_task_runtime *runtime;
    uint32_t index;
    struct weir_memory memory;
    struct host_memory *memories; /* control thread */
    pthread_t thread;
    bool started;
    struct weir_parker parker;
    pthread_mutex_t mutex; /* guards the arrivals */
    _Atomic bool closing;
    struct host_task *arrivals[HOST_SLOT_TASKS_MAX]; /* guarded by mutex */
    uint32_t arrival_count;
    struct host_task *tasks[HOST_SLOT_TASKS_MAX]; /* slot thread */
    uint32_t task_count;
};

struct weir_task_runtime {
    struct weir_task_runtime_config config;
    struct host_task *tasks;
    struct host_region *regions;
    struct host_slot *slots;
    pthread_mutex_t console_mutex;
    bool closing;
    struct weir_task_runtime_statistics statistics;
};

/* An event on its way to the control thread. */
struct host_event {
    struct weir_task_runtime *runtime;
    struct host_task *task;
    struct weir_arena arena;
    struct weir_task_event event;
    Weir__TaskFigures figures;
    bool over; /* the slot's thread has done with the task */
};
struct host_event *host_event_new(struct host_task *task, enum weir_task_event_kind kind);
/* With its causes. */
const char *host_error_text(struct weir_arena *arena, const struct weir_error *error);
void host_event_post(struct host_event *event); /* @thread any */

/* task_prepare.c: on the pool */
void host_region_prepare(struct host_region *region);
void host_task_prepare(struct host_task *task);
/* Of its state in the checkpoint it starts from, about; for a subtask of another parallelism a mean. */
size_t host_task_restore_bytes(const struct host_task *task);
void host_task_make_memory(struct host_task *task); /* beside host_task_prepare() */
void host_task_unlink(struct host_task *task, bool orderly);

/* task_slot.c */
void *host_slot_main(void *slot);
bool host_task_fails_over_budget(void *owner); /* a task; on its slot's thread */
void host_slot_wake(struct weir_waker *waker);
void host_slot_add(struct host_slot *slot, struct host_task *task);

/* task_checkpoint.c: control thread */
void host_task_hold(struct host_task *task, struct weir_subtask_snapshot *snapshot);
void host_task_know(struct host_task *task, uint64_t checkpoint, const char *directory);
/* Of this checkpoint (0: none), and of triggers of older epochs, nothing is written any more. */
void host_task_give_up(struct host_task *task, uint64_t checkpoint, uint64_t epoch_below);
void host_task_free_manifests(struct host_task *task);
/* A checkpoint of the task's job has completed: local copies that it does not need may go. */
void host_task_tidy_copies(const struct host_task *task, uint64_t checkpoint);

#endif
