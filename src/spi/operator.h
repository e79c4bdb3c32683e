/*
 * The operator interface: one step of a chain, running in one subtask on the slot's thread.
 *
 * Flow: the chain driver (task/chain.c) calls process() with a lent input batch and an empty output batch of
 * the operator's output types. The operator fills the output (up to WEIR_BATCH_ROWS_MAX rows; appending, or
 * by reference to the input) and returns NEED_INPUT  done with this input; out may hold rows HAVE_MORE   out
 * is full: the driver hands it on and calls again with the SAME input and an empty out FINISHED    done, and
 * wants no more input ever (LIMIT reached): the driver ends the inputs early FAILED      ctx->error says why;
 * the job fails There is no BLOCKED: the driver calls only when what comes behind has room. watermark(),
 * timer(), end_input() and flush() emit under the same protocol: called again (same arguments, empty out)
 * while they return HAVE_MORE.
 *
 * Time: watermarks in ms of event time, combined over channels and inputs by the task (INT64_MIN none yet,
 * INT64_MAX end of input). When watermark() is NULL it is forwarded as it is. Row time columns are TIMESTAMP
 * values; weir_batch_rowtime_ms().
 *
 * Snapshots: keyed state lives in ctx->state (state/state.h) and is taken care of there. snapshot() writes
 * what else the operator must remember; restore() gets those blobs of ALL old subtasks (any old parallelism)
 * before the first input and picks what is its own. flush() is called before a barrier (and on
 * ctx->flush_interval_ms): emit what is held back on purpose (mini-batch), nothing else.
 *
 * @thread slot. Memory: ctx->arena lives as long as the operator; ctx->memory for what grows.
 */
#ifndef WEIR_SPI_OPERATOR_H
#define WEIR_SPI_OPERATOR_H

#include "data/batch.h"
#include "data/spec.h"
#include "data/zone.h"

enum weir_operator_result {
    WEIR_OPERATOR_NEED_INPUT,
    WEIR_OPERATOR_HAVE_MORE,
    WEIR_OPERATOR_FINISHED,
    WEIR_OPERATOR_FAILED
};

enum { WEIR_OPERATOR_INPUTS_MAX = 2 };

struct weir_state;      /* state/state.h */
struct weir_operator;   /* each operator's own; starts with struct weir_operator */
struct weir_connectors; /* spi/connector.h: the process's table of connectors and formats */

/* Counters that the outside sees; plain, written by the slot thread, read torn-free by others (aligned
 * 64-bit). */
struct weir_operator_metrics {
    uint64_t records_in, records_out, late_records_dropped, parse_errors, bytes_in, bytes_out,
        null_records_dropped;
    int64_t current_watermark_ms;
};

/* What makes a snapshot durable and may take long, like an fsync. run() is called on any thread, beside the
 * slot thread, before the snapshot counts as taken; or never, when that is given up. Those of several
 * snapshots may run at the same time. release() is called afterwards, always, on the slot thread. */
struct weir_durable_work {
    enum weir_error_code (*run)(void *argument, struct weir_error *reterr);
    void (*release)(void *argument);
    void *argument;
};

struct weir_operator_context {
    const struct weir_spec *spec; /* what the planner says; see src/ops/README.md for each operator's */
    uint32_t input_count;
    const struct weir_type *const *input_types[WEIR_OPERATOR_INPUTS_MAX];
    uint32_t input_column_counts[WEIR_OPERATOR_INPUTS_MAX];
    const struct weir_type *const *output_types;
    uint32_t output_column_count;
    uint32_t subtask_index, parallelism, max_parallelism;
    const char *task_name; /* "Source: t[1] -> Calc[2]" for texts */
    const char *uid;       /* "<node id>_<operator>": the operator in its job's state */
    /* The attempt that this is: (job, uid, subtask, epoch, number) is never used twice, and a later attempt's
     * (epoch, number) is greater. What is written outside is named by it. */
    const char *job_id;
    uint64_t attempt_epoch;
    uint32_t attempt_number;
    uint64_t restored_checkpoint_id; /* 0 = fresh */
    uint32_t restored_parallelism;   /* of the operator when the snapshot was taken; 0 = fresh */
    /* The job's newest savepoint, which may be newer than what is restored. What was begun before it, by
     * whatever attempt, may be named by it and is not to be removed. 0 = there is none. */
    uint64_t newest_savepoint_id;
    /* A source that reads splits: they are given to it by add_split() alone, whoever found them. It sets
     * split_wanted in poll() when it has room for one more; the driver sets it back once it got an answer. */
    bool enumerated, split_wanted;
    /* Set before snapshot(): it is a savepoint's, and must stand on its own: nothing that it names may be
     * changed or removed by this attempt as it goes on. */
    bool savepoint;
    /* Within snapshot(): work that goes with it. NULL: there is nobody to do it; it is to be done at once. */
    void (*defer)(struct weir_operator_context *ctx, struct weir_durable_work work);
    void *defer_owner;
    struct weir_arena *arena;                 /* operator's life */
    struct weir_memory *memory;               /* budget of the slot */
    struct weir_state *state;                 /* keyed state of this operator in this subtask */
    const struct weir_connectors *connectors; /* for source and sink operators */
    struct weir_filesystem *filesystem;       /* spi/filesystem.h */
    struct weir_operator_metrics *metrics;
    struct weir_error *error; /* written before FAILED is returned */
    /* Clocks: event handlers read these; a simulated run drives them. */
    int64_t (*now_us)(void *clock); /* wall clock, UTC */
    void *clock;
    /* One processing-time timer per operator: timer() is called once now >= at_ms. Setting again replaces;
     * INT64_MAX unsets. */
    void (*set_timer)(struct weir_operator_context *ctx, int64_t at_ms);
    void *timer_owner;
    int64_t watermark_ms; /* the operator's current combined input watermark */
    /* Written by operators that make watermarks (watermark_assigner) in any call, read by the driver after it
     * has handed on what the call put into out: a watermark to forward (INT64_MIN = none; the driver sets it
     * back), and whether this operator's output is idle from now on. To emit a watermark after each row:
     * return HAVE_MORE after each row. */
    int64_t emit_watermark_ms;
    bool idle;
    bool bounded;  /* batch mode: all input is bounded, only final rows are wanted */
    bool restored; /* this attempt starts from a snapshot */
    /* What it restores was taken at its end: no row comes, and nobody may tell it again that this is to be
     * committed. A sink commits in restore(). */
    bool restored_ended;
    const struct weir_zone *local_zone; /* table.local-time-zone */
    int64_t statement_start_us;         /* see expr weir_eval_environment */
    uint64_t random_seed;
    const char *current_catalog, *current_database;
    void (*write_stdout)(
        void *console, const char *bytes, size_t length, bool to_stderr); /* for print sinks; whole lines */
    void *console;
};

struct weir_operator_blob {
    const uint8_t *bytes;
    size_t length;
    uint32_t subtask_index; /* of the old attempt */
};

struct weir_operator_ops {
    const char *name; /* the line in ops.def */
    /* Reads the spec, allocates itself from ctx->arena, opens tables in ctx->state. */
    enum weir_error_code (*create)(struct weir_operator_context *ctx, struct weir_operator **ret);
    enum weir_operator_result (*process)(
        struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out);
    /* Optional (NULL): */
    /* *forward_ms is preset to the watermark and may be lowered (interval join) or set to INT64_MIN to
     * swallow it. */
    enum weir_operator_result (*watermark)(
        struct weir_operator *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms);
    enum weir_operator_result (*timer)(struct weir_operator *op, int64_t now_ms, struct weir_batch *out);
    enum weir_operator_result (*end_input)(
        struct weir_operator *op, uint32_t input, struct weir_batch *out); /* after the INT64_MAX watermark */
    enum weir_operator_result (*flush)(struct weir_operator *op, struct weir_batch *out);
    enum weir_error_code (*snapshot)(
        struct weir_operator *op, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr);
    enum weir_error_code (*restore)(struct weir_operator *op, const struct weir_operator_blob *blobs,
        uint32_t count, struct weir_error *reterr);
    /* Two-phase sinks commit what snapshots up to this id have named; ids of snapshots that were given up
     * ride on in later ones. May be told again. Failure: ctx->error is set, the subtask fails. */
    void (*notify_complete)(struct weir_operator *op, uint64_t checkpoint_id);
    void (*close)(struct weir_operator
            *op); /* always called once after create succeeded; finished tells whether the job ended well */
};

struct weir_operator {
    const struct weir_operator_ops *ops;
    struct weir_operator_context *ctx;
};

/* A source drives a chain instead of process(). poll() fills out. */
enum weir_source_result {
    WEIR_SOURCE_ROWS,
    WEIR_SOURCE_IDLE /* nothing now: ask again after idle_until_ms or a wake-up */,
    WEIR_SOURCE_FINISHED,
    WEIR_SOURCE_FAILED
};

struct weir_source;
struct weir_source_ops {
    const char *name;
    enum weir_error_code (*create)(
        struct weir_operator_context *ctx, struct weir_source **ret); /* ctx->spec is the scan spec */
    /* *idle_until_ms: when IDLE, the wall-clock ms to ask again at the latest. A batch may be shorter than
     * full; a source lingers at most 5 ms to fill one. */
    enum weir_source_result (*poll)(
        struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms);
    enum weir_error_code (*snapshot)(struct weir_source *source, uint64_t checkpoint_id,
        struct weir_buffer *to, struct weir_error *reterr);
    enum weir_error_code (*restore)(struct weir_source *source, const struct weir_operator_blob *blobs,
        uint32_t count, struct weir_error *reterr);
    void (*notify_complete)(struct weir_source *source, uint64_t checkpoint_id);
    void (*close)(struct weir_source *source);
    /* Sources that read splits (ctx->enumerated), else NULL. A split is named by its content. What was added
     * before snapshot() is in it, read or not; restore() may give any distribution of old splits, each to one
     * subtask: restored at restored_parallelism every subtask takes those of its own blob. */
    enum weir_error_code (*add_split)(struct weir_source *source, const char *id);
    void (*no_more_splits)(struct weir_source *source); /* it ends once it has read those it has */
    /* All splits that there are now, known ones too, in arena; *ret_all: there will be no others. */
    enum weir_error_code (*discover)(struct weir_source *source, struct weir_arena *arena,
        const char *const **ret, uint32_t *ret_count, bool *ret_all);
};
struct weir_source {
    const struct weir_source_ops *ops;
    struct weir_operator_context *ctx;
};

#endif
