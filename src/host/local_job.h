/*
 * Local executor: runs a JobGraph in this process. One slot thread per parallel index runs all subtasks of
 * that index (slot sharing) in turn, spins briefly when nothing moves, then parks; a coordinator thread
 * triggers checkpoints, writes snapshots, tells of completion and ends the job.
 *
 * At parallelism 1 all subtasks share one thread: runs over the same input are deterministic.
 *
 * End of a bounded job: every subtask ends and delivers its final snapshot; these make the final checkpoint
 * (written where checkpoints are configured); then two-phase sinks commit; then the job is FINISHED. A
 * failure of one subtask fails the job with its cause; the others are canceled. Cancel stops at a batch
 * boundary and commits nothing new.
 *
 * @thread: one owner calls the functions here; callbacks say theirs.
 */
#ifndef WEIR_HOST_LOCAL_JOB_H
#define WEIR_HOST_LOCAL_JOB_H

#include "plan/job_graph.h"
#include "spi/connector.h"

enum weir_job_state { WEIR_JOB_RUNNING, WEIR_JOB_FINISHED, WEIR_JOB_FAILED, WEIR_JOB_CANCELED };

struct weir_local_job_config {
    const struct weir_job_graph *graph; /* borrowed for the job's life */
    struct weir_memory *memory;
    size_t managed_bytes_per_slot; /* 0 = no limit */
    const struct weir_connectors *connectors;
    struct weir_filesystem *filesystem;
    const struct weir_operator_ops *(*find_operator)(const char *name);
    const struct weir_source_ops *(*find_source)(
        const char *name); /* sources that are operators (values); connectors come after */
    const struct weir_zone *local_zone;
    int64_t statement_start_us;
    uint64_t random_seed;
    const char *current_catalog, *current_database;
    int64_t checkpoint_interval_ms; /* 0 = none but the final one */
    int64_t checkpoint_timeout_ms, checkpoint_min_pause_ms;
    uint32_t checkpoint_retained; /* at least 1 */
    bool compress_snapshots;
    uint32_t checkpoint_tolerable_failures;
    const char *
        checkpoint_directory; /* NULL: snapshots are taken, not written (sinks still commit at checkpoints) */
    const char *restore_path; /* a chk-N folder, or NULL */
    bool allow_non_restored_state; /* state there that the job has no operator for is left aside, not refused
                                    */
    bool keep_checkpoints_at_end;  /* execution.checkpointing.externalized-checkpoint-retention */
    /* Rows of a SELECT. @thread any slot thread, one at a time; false: the reader wants no more. */
    bool (*on_rows)(void *reader, const struct weir_batch *batch);
    void *reader;
    /* Whole lines of print sinks. @thread any slot thread, one at a time. */
    void (*write_stdout)(void *console, const char *bytes, size_t length, bool to_stderr);
    void *console;
};

struct weir_local_job;

struct weir_local_job_progress {
    uint64_t records_in, records_out; /* read by sources, written by sinks */
    uint64_t late_records_dropped, parse_errors, bytes_in, bytes_out;
    int64_t watermark_ms; /* lowest of the sinks; INT64_MIN = none */
    uint64_t checkpoints_completed, checkpoints_failed, checkpoint_last_id;
    size_t memory_used_bytes;
};

/* reterr: why it could not start (a missing operator, an unreadable checkpoint, a source that does not open).
 */
enum weir_error_code weir_local_job_start(
    const struct weir_local_job_config *config, struct weir_local_job **ret, struct weir_error *reterr);
/* Waits at most timeout_ms (-1 = for ever) for the end; returns the state then. */
enum weir_job_state weir_local_job_wait(struct weir_local_job *job, int64_t timeout_ms);
void weir_local_job_cancel(struct weir_local_job *job); /* @thread any, also a signal handler's */
/* Triggers a checkpoint now and waits for it. *ret_path (in arena) when it was written. */
enum weir_error_code weir_local_job_checkpoint(
    struct weir_local_job *job, struct weir_arena *arena, const char **ret_path, struct weir_error *reterr);
void weir_local_job_progress(
    struct weir_local_job *job, struct weir_local_job_progress *ret); /* @thread any */
/* After FAILED: the cause. */
const struct weir_error *weir_local_job_error(const struct weir_local_job *job);
void weir_local_job_free(struct weir_local_job *job); /* cancels if it runs; waits for its threads */

#endif
