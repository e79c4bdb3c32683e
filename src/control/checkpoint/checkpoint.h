/*
 * Checkpoint coordinator of one job: a part of its JobMaster, which owns it, calls it, and shares its record.
 * It decides when a checkpoint is triggered, when it is complete (H5: when the record names it), what failed,
 * what is deleted (H4, H10), and how source splits are assigned (DESIGN 4.4).
 *
 * One checkpoint's life:
 *   TRIGGERED (id reserved in the record, TriggerCheckpoint sent) -> all acknowledged -> METADATA (blob
 * written without replacing) -> RECORD (change submitted) -> COMPLETED (record confirmed: notify complete,
 * then deletion of what was subsumed) ; ABORTED from any state before RECORD. In RECORD the outcome is the
 * record's.
 *
 * @thread control; all functions are called by the jobmaster's step.
 */
#ifndef WEIR_CONTROL_CHECKPOINT_CHECKPOINT_H
#define WEIR_CONTROL_CHECKPOINT_CHECKPOINT_H

#include "control/effect.h"
#include "control/record/record.h"

/* Tag kinds of timers and requests that belong to the coordinator: the jobmaster hands events whose tag.kind
 * is in this range to weir_checkpoint_on_event(). */
enum { WEIR_CHECKPOINT_TAG_FIRST = 1000, WEIR_CHECKPOINT_TAG_LAST = 1999 };

/* A subtask as the jobmaster sees it. The array is the jobmaster's; it stays in place between calls of
 * weir_checkpoint_tasks_changed(). */
struct weir_checkpoint_task {
    struct weir_attempt_id attempt;
    struct weir_run run;
    weir_node node;
    bool running;  /* may be triggered, acknowledges */
    bool finished; /* final_snapshot takes part in every checkpoint */
    bool source, sink, enumerated;
    uint32_t parallelism, max_parallelism;
    const Weir__SubtaskSnapshot *final_snapshot; /* finished: owned by the jobmaster */
};

struct weir_checkpoint_coordinator;

/* What the coordinator asks of its jobmaster. */
struct weir_checkpoint_callbacks {
    void *owner;
    /* More than the tolerable number of failures in a row: fail the job's regions (restart strategy applies).
     */
    void (*too_many_failures)(void *owner, const char *reason, struct weir_effects *effects);
    /* The record names `checkpoint` and every sink has acknowledged its commit. For STOP, final and
     * CANCEL/FAILED ends. */
    void (*committed)(void *owner, uint64_t checkpoint, struct weir_effects *effects);
    /* The STOP's savepoint could not be taken: the target goes back to RUN (jobmaster writes it). */
    void (*stop_failed)(void *owner, const char *reason, struct weir_effects *effects);
};

struct weir_checkpoint_coordinator *weir_checkpoint_new(struct weir_memory *memory,
    const struct weir_job_id *job, const Weir__ExecutionPlan *plan, struct weir_record *record,
    const struct weir_identity *identity, const struct weir_checkpoint_callbacks *callbacks,
    uint64_t random_seed);
void weir_checkpoint_free(struct weir_checkpoint_coordinator *c);

/* The record is claimed. Loads (asynchronously) the metadata of the newest completed checkpoint, because
 * files that it reaches must not be deleted and restores need it. */
void weir_checkpoint_start(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* NULL until it is loaded, or when there is none. Unreadable: *ret_failed with the reason (H9 is the
 * jobmaster's). */
const Weir__CheckpointMetadata *weir_checkpoint_newest(
    const struct weir_checkpoint_coordinator *c, const char **ret_failed);
uint64_t weir_checkpoint_newest_id(const struct weir_checkpoint_coordinator *c); /* completed; 0: none */
bool weir_checkpoint_is_loaded(
    const struct weir_checkpoint_coordinator *c); /* newest (or that there is none) is known */

/* Tasks came, went, ended or moved: pending checkpoints that named an attempt that is gone are aborted.
 * all_running: every subtask is running or finished, none is being deployed; only then checkpoints are
 * triggered, at once when one is due. */
void weir_checkpoint_tasks_changed(struct weir_checkpoint_coordinator *c,
    const struct weir_checkpoint_task *tasks, uint32_t task_count, bool all_running, int64_t now_us,
    int64_t wall_us, struct weir_effects *effects);

/* Acknowledge, decline, committed, request splits, reports of splits. from: checked against the attempt's
 * node. */
void weir_checkpoint_on_message(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
/* Timers, blobs with a tag in its range. */
void weir_checkpoint_on_event(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects);
/* The outcome of a write of the record is not known: nothing follows from it (H4). */
void weir_checkpoint_write_unknown(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
/* record.confirmed_change grew. */
void weir_checkpoint_record_confirmed(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects);

/* The TaskManager has reported on a new connection: what was under way on the older one may be lost. */
void weir_checkpoint_connected(struct weir_checkpoint_coordinator *c, weir_node node, int64_t now_us,
    int64_t wall_us, struct weir_effects *effects);

/* Requests of the jobmaster. */
void weir_checkpoint_savepoint(struct weir_checkpoint_coordinator *c, const uint8_t request[16],
    const char *directory, int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* A checkpoint as soon as one can be taken, whatever the interval says. Forgotten by a takeover. */
void weir_checkpoint_now(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* STOP: the record's target names it already (also after a takeover). Each try takes a new id. */
void weir_checkpoint_stop_job(struct weir_checkpoint_coordinator *c, const char *directory, bool drain,
    int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* All subtasks are finished: take the final checkpoint of their final snapshots (H7), then callback
 * committed. */
void weir_checkpoint_final(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* Before sinks are cancelled: have what the record names committed (again); callback committed follows (at
 * once when there is nothing to commit). */
void weir_checkpoint_commit_newest(
    struct weir_checkpoint_coordinator *c, int64_t now_us, struct weir_effects *effects);
/* Store out of reach: pending ones are aborted (not counted), none is triggered. */
void weir_checkpoint_suspend(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);
void weir_checkpoint_resume(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* 4.4, of every attempt that a TaskManager reports, also again; before or after
 * weir_checkpoint_tasks_changed() names it; once weir_checkpoint_is_loaded(). Until all readers of a vertex
 * have reported or were redeployed, no split of it is assigned. */
void weir_checkpoint_splits_reported(struct weir_checkpoint_coordinator *c, const Weir__AttemptReport *report,
    int64_t now_us, int64_t wall_us, struct weir_effects *effects);
/* Splits that were found, known ones among them or not; complete: there will be no others. For vertices
 * without a split_directory. After weir_checkpoint_is_loaded(). */
void weir_checkpoint_splits_set(struct weir_checkpoint_coordinator *c, uint32_t vertex,
    const char *const *ids, uint32_t id_count, bool complete, int64_t now_us, int64_t wall_us,
    struct weir_effects *effects);

/* No more triggers: the job is failing, cancelling or being rescaled. Pending ones are aborted. */
void weir_checkpoint_pause(struct weir_checkpoint_coordinator *c, struct weir_effects *effects);

/* Terminal and durable: delete everything of the job that its retention does not keep. True when nothing is
 * left to do; else more events come and it is asked again. */
bool weir_checkpoint_clean(struct weir_checkpoint_coordinator *c, Weir__JobState result, int64_t now_us,
    struct weir_effects *effects);

/* The last ones that ended, newest first. */
enum {
    WEIR_CHECKPOINT_HISTORY_MAX = 16,
    WEIR_CHECKPOINT_HISTORY_TEXT_BYTES_MAX = 256,
    WEIR_CHECKPOINT_HISTORY_PARTS_MAX = 16384, /* of all together: the oldest lose theirs first */
    WEIR_CHECKPOINT_PENDING_SHOWN_MAX = 16
};
enum weir_checkpoint_outcome {
    WEIR_CHECKPOINT_COMPLETED = 1,
    WEIR_CHECKPOINT_FAILED,  /* counts as a failure */
    WEIR_CHECKPOINT_ABORTED, /* takeover, failover, silence, store out of reach: does not */
    WEIR_CHECKPOINT_IN_PROGRESS
};
struct weir_checkpoint_history_entry {
    uint64_t id;
    Weir__CheckpointKind kind;
    enum weir_checkpoint_outcome outcome;
    int64_t triggered_wall_us, duration_us;
    uint32_t subtasks, acknowledged;
    uint64_t bytes_full, bytes_written;
    char text[WEIR_CHECKPOINT_HISTORY_TEXT_BYTES_MAX]; /* where it is, or why there is none */
};
/* Returns how many were written to ret, at most capacity. */
uint32_t weir_checkpoint_history(const struct weir_checkpoint_coordinator *c,
    struct weir_checkpoint_history_entry *ret, uint32_t capacity);

/* The same of those that have been triggered and have not ended; text is where it will be. */
uint32_t weir_checkpoint_in_progress(const struct weir_checkpoint_coordinator *c,
    struct weir_checkpoint_history_entry *ret, uint32_t capacity);

/* What one subtask has put into one of these. */
struct weir_checkpoint_part {
    uint32_t vertex, subtask;
    bool acknowledged;
    int64_t acknowledged_wall_us, duration_us; /* since it was triggered */
    uint64_t bytes_full, bytes_written;
    uint32_t alignment_ms, sync_ms, async_ms, start_delay_ms;
};
/* NULL: that one is not known, or not any more; *ret_count parts, borrowed or in arena. */
const struct weir_checkpoint_part *weir_checkpoint_parts(const struct weir_checkpoint_coordinator *c,
    uint64_t checkpoint, struct weir_arena *arena, uint32_t *ret_count);

/* H7: the present attempt of this sink has acknowledged the commit of the newest completed checkpoint. */
bool weir_checkpoint_sink_committed(
    const struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask);

/* H10, before the terminal status is written: says in result where files that come after the clean-up, from
 * processes that do not know yet, are to be deleted. Text lives in arena. */
void weir_checkpoint_leftovers(
    const struct weir_checkpoint_coordinator *c, Weir__JobResult *result, struct weir_arena *arena);

/* H10, the same, for files of sinks: those begun when the newest checkpoint was an older one than this may be
 * named by something that the clean-up leaves alone. 0: there is nothing that could. */
uint64_t weir_checkpoint_sink_files_from(
    const struct weir_checkpoint_coordinator *c, const Weir__JobResult *result);

/* H10, for who looks: what this job has given up and what is not deleted yet. listed: all files of its
 * folder. Texts are constant, borrowed from the coordinator or from listed. Returns how many were written to
 * ret. */
struct weir_checkpoint_garbage {
    const char *path;
    uint64_t bytes; /* 0: not known */
    const char *why;
};
const char *weir_checkpoint_folder(const struct weir_checkpoint_coordinator *c, struct weir_arena *arena);
uint32_t weir_checkpoint_garbage(const struct weir_checkpoint_coordinator *c,
    const struct weir_blob_event *listed, struct weir_checkpoint_garbage *ret, uint32_t capacity,
    bool *ret_cut, struct weir_arena *scratch);
/* The same goes now, not with the next sweep. */
void weir_checkpoint_collect(struct weir_checkpoint_coordinator *c, const struct weir_blob_event *listed,
    int64_t now_us, int64_t wall_us, struct weir_effects *effects);

struct weir_checkpoint_statistics {
    uint64_t triggered, completed, in_progress;
    uint64_t aborted; /* given up for whatever reason */
    uint64_t failed;  /* those of them that count as failures of the job */
    uint64_t last_completed_id, last_bytes_full, last_bytes_written;
    int64_t last_duration_us, last_triggered_wall_us;
};
void weir_checkpoint_statistics(
    const struct weir_checkpoint_coordinator *c, struct weir_checkpoint_statistics *ret);

#endif
