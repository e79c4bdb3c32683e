/* Inside of the local executor; see local_job.h. */
#ifndef WEIR_HOST_LOCAL_JOB_INTERNAL_H
#define WEIR_HOST_LOCAL_JOB_INTERNAL_H

#include "host/local_job.h"
#include "os/clock.h"
#include "os/parker.h"
#include "task/snapshot.h"
#include <pthread.h>

enum { LOCAL_SLOTS_MAX = 1024 };

struct local_slot {
    struct weir_waker waker; /* first: weir_waker * is cast back */
    struct weir_local_job *job;
    struct weir_memory memory; /* budget of the slot */
    pthread_t thread;
    bool started;
    uint32_t index;
    struct weir_subtask **subtasks;
    uint32_t subtask_count;
    struct weir_parker parker;
};

struct local_acknowledgement {
    struct local_acknowledgement *next;
    struct weir_subtask *subtask;
    struct weir_subtask_snapshot *snapshot;
};

struct local_subtask {
    struct weir_subtask *subtask;
    struct weir_forward_clock clock; /* slot thread */
    struct local_slot *slot;
    const struct weir_job_vertex *vertex;
    uint32_t index;
    bool acknowledged; /* the checkpoint in progress */
    /* Of the checkpoint in progress: the final snapshot stands for it, for the subtask ended without having
     * acknowledged it. */
    bool by_final;
    bool finished;                          /* its final snapshot is here */
    struct weir_snapshot_manifest manifest; /* acknowledged, where checkpoints are written */
    struct weir_snapshot_manifest final_manifest;
};

struct weir_local_job {
    struct weir_local_job_config config;
    struct weir_arena arena;
    struct local_slot *slots;
    uint32_t slot_count;
    struct local_subtask *subtasks;
    uint32_t subtask_count;
    struct weir_channel **channels;
    uint32_t channel_count;

    pthread_mutex_t mutex;    /* guards what follows */
    pthread_cond_t condition; /* owner and checkpoint callers */
    pthread_cond_t coordinator_condition;
    pthread_t coordinator;
    bool coordinator_started;
    enum weir_job_state state;
    struct weir_error error;
    struct local_acknowledgement *acknowledgements, **acknowledgements_tail;
    uint32_t slots_running;
    uint64_t checkpoint_requested; /* counter of explicit requests */
    uint64_t checkpoint_served;
    bool checkpoint_failed; /* the last one */
    struct weir_error checkpoint_error;
    char checkpoint_path[4096]; /* of the last completed one; "" = not written */
    struct weir_local_job_progress progress;
    _Atomic bool cancel, closing, failed;

    /* Coordinator's own. */
    uint64_t checkpoint_id; /* in progress; 0 = none */
    int64_t checkpoint_started_ms;
    uint64_t checkpoint_next_id;
    int64_t checkpoint_due_ms;
    uint32_t failures_in_a_row;
    bool checkpoint_broken;   /* a write of it failed: it will not complete */
    bool checkpoint_declined; /* by a subtask: it is given up at once */
    struct weir_error write_error;
    char run_directory[4096]; /* <checkpoint directory>/<job id> */
    uint64_t *retained;       /* ids on disk, oldest first */
    uint32_t retained_count;
    struct weir_arena checkpoint_arena; /* manifests of the checkpoint in progress */
    struct weir_arena final_arena;      /* manifests of subtasks that have ended */
    char job_id[40];                    /* a restored run goes on as the job it was */
    uint64_t attempt_epoch;
};

/* slot.c */
void *local_slot_main(void *slot);
void local_slot_wake(struct weir_waker *waker);
/* Fails the job once, with the first cause. @thread any */
void local_job_fail(struct weir_local_job *job, const struct weir_error *error);

/* coordinator.c */
void *local_coordinator_main(void *job);
void local_acknowledge(void *job, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot);
void local_decline(void *job, struct weir_subtask *subtask, uint64_t checkpoint_id, uint64_t epoch,
    enum weir_decline_reason reason);

/* checkpoint_store.c */
/* Writes <directory>/_metadata, which completes the checkpoint. */
enum weir_error_code local_checkpoint_metadata_write(
    struct weir_local_job *job, const char *directory, uint64_t checkpoint_id, struct weir_error *reterr);
/* Reads path/_metadata. */
struct local_restore {
    struct weir_snapshot_manifest *manifests;
    uint32_t manifest_count;
    uint64_t checkpoint_id;
    char job_id[40];
};
enum weir_error_code local_checkpoint_read(struct weir_filesystem *fs, struct weir_arena *arena,
    const char *path, struct local_restore *ret, struct weir_error *reterr);

#endif
