/*
 * Subtask: one parallel instance of a job vertex. A slot thread loops over weir_subtask_run_once(); the
 * simulator calls it in any order. It never waits: it says why it cannot go on.
 *
 * Life: created (operators made, state restored) -> runs -> ENDED (inputs are over, everything emitted, final
 * snapshot delivered; two-phase sinks still hear of completed checkpoints) -> closed by its owner.
 *
 * Checkpoint n in a subtask: trigger (sources) or aligned barrier (others) -> FLUSH through the chain ->
 * barrier to all outputs -> snapshot of every operator (state epochs raised, nothing copied) -> acknowledge()
 * with a handle that another thread may write -> the owner says written -> copies are let go.
 *
 * Giving up: weir_subtask_abort(), the adoption of a newer epoch, a cancel marker, a newer barrier. Each id
 * ends here in one of three ways, once: acknowledge(), decline(), or acknowledge() and then decline() while
 * it is not written yet (then the owner sends no acknowledgement). A cancel marker goes downstream where a
 * barrier had been due or had gone, before any row that the subtask emits later. What was given up is never
 * acknowledged, even when its barrier comes later.
 *
 * End: a subtask that ends sends END instead of the barriers it has not sent. So of a checkpoint in progress
 * then: what it has acknowledged under the checkpoint's id counts, and otherwise its final snapshot does,
 * never the latter instead of the former. It is delivered when all before it are written, and is part of
 * every checkpoint triggered later.
 *
 * @thread slot, except the functions under "mailbox" (mailbox.h).
 */
#ifndef WEIR_TASK_SUBTASK_H
#define WEIR_TASK_SUBTASK_H

#include "plan/job_graph.h"
#include "state/state.h"
#include "task/chain.h"
#include "task/gate.h"
#include "task/mailbox.h"
#include "task/split_inbox.h"

enum weir_subtask_result {
    WEIR_SUBTASK_WORKED,
    WEIR_SUBTASK_IDLE,    /* nothing to do before *wake_ms or a wake-up */
    WEIR_SUBTASK_BLOCKED, /* output has no room: wake-up when it has */
    WEIR_SUBTASK_ENDED,
    WEIR_SUBTASK_FAILED, /* subtask->error */
    WEIR_SUBTASK_CANCELED
};

/* The id of the final snapshot of a subtask that has ended; telling it complete commits that (say so once a
 * completed checkpoint contains that snapshot); one more lets the subtask close. */
#define WEIR_FINAL_CHECKPOINT_ID   (UINT64_MAX - 2)
#define WEIR_CLOSING_CHECKPOINT_ID (UINT64_MAX - 1)

struct weir_snapshot_item {
    const char *uid;                   /* "<node id>_<operator>" */
    struct weir_buffer blob;           /* what snapshot() wrote; empty when it has none */
    struct weir_state_snapshot *state; /* NULL when the operator has no tables */
    struct weir_durable_work *works;   /* what else is to be done; weir_subtask_snapshot_settle() */
    uint32_t work_count, work_capacity;
    struct weir_memory *memory;
};
struct weir_subtask_snapshot {
    uint64_t checkpoint_id;
    uint64_t epoch;   /* of the barrier; the final snapshot's: the one adopted */
    uint64_t base_id; /* unchanged sections may refer to this checkpoint's files; 0 = none */
    bool savepoint;   /* it must stand on its own */
    bool finished;    /* the subtask has ended: the final snapshot */
    bool given_up;    /* slot thread: declined since it was acknowledged */
    /* The last split assignment that the state holds; 0, 0 = none. */
    uint64_t split_epoch, split_sequence;
    /* By the subtask's clock: when the first barrier came, when all had come, when the items were there. */
    int64_t barrier_us, aligned_us, taken_us;
    uint32_t item_count;
    struct weir_snapshot_item *items;
    struct weir_memory *memory;
};

/* What a subtask starts from: blobs of all old subtasks of its operators, and at least the key-group sections
 * of its own range. weir_snapshot_restore() (snapshot.h) makes one. */
struct weir_restore_section {
    const char *uid;
    uint32_t old_subtask;
    bool is_blob;
    uint32_t key_group;
    const uint8_t *bytes; /* NULL: load() gets them */
    size_t length;
};
struct weir_subtask_restore {
    uint64_t checkpoint_id;
    uint32_t parallelism; /* of the vertex when it was taken */
    const struct weir_restore_section *sections;
    uint32_t section_count;
    /* The bytes of a section, verified; good until the next call. So a state is never in memory twice. */
    enum weir_error_code (*load)(
        void *reader, uint32_t section, const uint8_t **ret, struct weir_error *reterr);
    void *reader;
    /* This subtask had ended: it restores everything, emits nothing, sends its end again and delivers the
     * same final snapshot again, without what its sinks commit meanwhile. Only at the parallelism it ended
     * at, or when all subtasks of the vertex had ended. */
    bool finished;
    bool ended; /* so it had; finished alone: it is deployed to commit and nothing else */
};

struct weir_subtask;
struct weir_subtask_config {
    const struct weir_job_graph *graph;
    const struct weir_job_vertex *vertex;
    uint32_t subtask_index;
    struct weir_memory *memory;
    struct weir_channel *const *inputs; /* all input channels */
    const uint32_t *input_numbers;      /* operator input of each */
    uint32_t input_channel_count;
    struct weir_output_edge *outputs;
    uint32_t output_count;
    /* Finds operators and sources by name; NULL: unknown. */
    const struct weir_operator_ops *(*find_operator)(void *registry, const struct weir_plan_node *node);
    const struct weir_source_ops *(*find_source)(void *registry, const struct weir_plan_node *node);
    void *registry;
    const struct weir_connectors *connectors;
    struct weir_filesystem *filesystem;
    int64_t (*now_us)(void *clock);
    void *clock;
    const struct weir_zone *local_zone;
    int64_t statement_start_us;
    uint64_t random_seed;
    const char *current_catalog, *current_database;
    void (*write_stdout)(void *console, const char *bytes, size_t length, bool to_stderr);
    void *console;
    const struct weir_subtask_restore *restore; /* NULL: fresh; read by weir_subtask_new() alone */
    /* The attempt; see struct weir_operator_context. */
    const char *job_id;
    uint64_t attempt_epoch;
    uint32_t attempt_number;
    uint64_t newest_savepoint_id;
    uint64_t epoch; /* adopted at the start; 0 = whatever comes */
    /* All called on the slot thread, from within weir_subtask_run_once(). The snapshot stays the subtask's;
     * it may be read until weir_subtask_snapshot_written() is called, which must be, also when it is not
     * written. */
    void (*acknowledge)(void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot);
    /* NULL: not told. epoch 0: given up before its barrier was met. */
    void (*decline)(void *owner, struct weir_subtask *subtask, uint64_t checkpoint_id, uint64_t epoch,
        enum weir_decline_reason reason);
    /* weir_subtask_notify_complete() was carried out by all operators: newest id told, each time it was told
     * (several at once are answered once). A commit that fails fails the subtask instead. */
    void (*committed)(void *owner, struct weir_subtask *subtask, uint64_t checkpoint_id);
    /* An enumerated source waits for a split; told again only after weir_subtask_assign_splits(). NULL: no
     * enumerator is there, and sources find their splits themselves. */
    void (*splits_wanted)(void *owner, struct weir_subtask *subtask);
    /* Answers weir_subtask_discover_splits(); ids live during the call. */
    void (*splits_found)(
        void *owner, struct weir_subtask *subtask, const char *const *ids, uint32_t count, bool all);
    /* The memory that it shares with others is used up: is it the one to fail for that? NULL: it is. */
    bool (*fails_over_budget)(void *owner);
    void *owner;
};

/* What went through its channels, as the batches' fixed parts; as struct weir_operator_metrics: written by
 * the slot thread. */
struct weir_subtask_counters {
    uint64_t bytes_in, batches_in;
};

/* Snapshots that wait to be written; one more is declined (NOT_READY) rather than waited for. */
enum { WEIR_SUBTASK_SNAPSHOTS_MAX = 4, WEIR_SUBTASK_CANCELS_MAX = 32 };

struct weir_subtask {
    struct weir_subtask_config config;
    struct weir_arena arena;
    struct weir_error error;
    struct weir_source *source; /* NULL: fed by the gate */
    struct weir_operator_context source_ctx;
    struct weir_batch source_batch;
    struct weir_gate gate;
    struct weir_output output;
    struct weir_chain chain;
    struct weir_subtask_counters counters;
    struct weir_operator_metrics *metrics; /* per plan operator of the vertex; source first */
    struct weir_state **states;            /* per plan operator; NULL for a source */
    int64_t now_ms;
    int64_t building_since_ms;
    int64_t source_idle_until_ms;
    struct weir_subtask_snapshot *in_flight[WEIR_SUBTASK_SNAPSHOTS_MAX];
    uint32_t in_flight_count;
    enum weir_subtask_after {
        WEIR_AFTER_NOTHING,
        WEIR_AFTER_BATCH,
        WEIR_AFTER_BARRIER,
        WEIR_AFTER_END_WATERMARK,
        WEIR_AFTER_END
    } after;
    struct weir_barrier barrier; /* AFTER_BARRIER: the one whose FLUSH is under way */
    bool barrier_given_up, barrier_suspends;
    /* What the mailbox said, and how far it was followed. */
    struct weir_mailbox_orders orders;
    uint64_t orders_version, triggers_seen, aborts_seen, completions_seen, completed_seen, epoch_seen;
    uint64_t suspended_id; /* 0 = not suspended */
    uint64_t newest_published;
    int64_t newest_published_us;
    struct weir_barrier cancels[WEIR_SUBTASK_CANCELS_MAX]; /* markers that wait for room */
    uint32_t cancel_count;
    bool ended, end_started, source_finished, final_taken, restored_finished;
    struct weir_split_inbox splits;
    uint64_t split_epoch, split_sequence; /* of the last split that the source was given */
    bool split_asked;
    struct weir_mailbox mailbox;
    struct weir_pair_cell newest_barrier;
    _Atomic uint64_t written[WEIR_SUBTASK_SNAPSHOTS_MAX]; /* ids told written and not yet let go; 0 = none */
    _Atomic bool canceled;
};

/* Makes operators and restores them. On failure nothing is left. The subtask lives in memory of
 * config->memory. */
enum weir_error_code weir_subtask_new(
    const struct weir_subtask_config *config, struct weir_subtask **ret, struct weir_error *reterr);
enum weir_subtask_result weir_subtask_run_once(struct weir_subtask *subtask, int64_t *wake_ms);
/* Closes operators (aborting what is not committed, if it did not end), frees everything. */
void weir_subtask_free(struct weir_subtask *subtask);
void weir_subtask_snapshot_free(
    struct weir_subtask_snapshot *snapshot); /* the state snapshots must have been ended */
/* Does what operators left to do beside the slot thread (syncing files): part of weir_snapshot_write(), for
 * those who do not call that. @thread any */
enum weir_error_code weir_subtask_snapshot_settle(
    const struct weir_subtask_snapshot *snapshot, struct weir_error *reterr);

/* --- mailbox: then wake the slot thread. @thread any; none waits for the slot thread --- */

/* Sources only; ids grow: an id that is not newer than all before is ignored. */
void weir_subtask_trigger(struct weir_subtask *subtask, const struct weir_checkpoint_trigger *trigger);
/* Gives up what there is of this checkpoint, now and later; nothing when it is acknowledged and written. */
void weir_subtask_abort(struct weir_subtask *subtask, uint64_t checkpoint_id);
/* Gives up everything of older epochs that is not written, now and later. Barriers of newer epochs than the
 * one adopted are answered as any: the owner keeps the acknowledgement back until it has adopted theirs. */
void weir_subtask_adopt_epoch(struct weir_subtask *subtask, uint64_t epoch);
/* The checkpoint is completed, and with it all older ones that were not given up: sinks commit. */
void weir_subtask_notify_complete(struct weir_subtask *subtask, uint64_t checkpoint_id);
/* A source that a trigger with suspend of this id, or of an older one, has suspended goes on. */
void weir_subtask_resume(struct weir_subtask *subtask, uint64_t checkpoint_id);
/* A source ends as if its input were over, after the triggers that came before: MAX watermark, end of input,
 * final snapshot; also when it is suspended. The others end through their inputs. */
void weir_subtask_drain(struct weir_subtask *subtask);
/* To an enumerated source, in their order: it has them before any trigger that is told later. @thread one
 * thread gives them all */
void weir_subtask_assign_split(
    struct weir_subtask *subtask, const char *id, uint64_t epoch, uint64_t sequence);
void weir_subtask_no_more_splits(struct weir_subtask *subtask);
void weir_subtask_discover_splits(struct weir_subtask *subtask);
/* The owner needs the snapshot no more. */
void weir_subtask_snapshot_written(struct weir_subtask *subtask, uint64_t checkpoint_id);
/* Stops at the next step; weir_subtask_run_once() says CANCELED. */
void weir_subtask_cancel(struct weir_subtask *subtask);

/* Newest barrier met on any input, or taken as a trigger; id 0 = none. @thread any */
struct weir_barrier_seen {
    uint64_t id, epoch;
};
struct weir_barrier_seen weir_subtask_newest_barrier(struct weir_subtask *subtask);

#endif
