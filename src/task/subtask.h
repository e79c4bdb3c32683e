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
 * Mailbox: latest-value cells (trigger, completed, written, cancel). Each is monotonic, so the newest value
 * is all that counts and the mailbox is bounded by construction.
 * @thread slot, except the functions under "mailbox".
 */
#ifndef WEIR_TASK_SUBTASK_H
#define WEIR_TASK_SUBTASK_H

#include "plan/job_graph.h"
#include "state/state.h"
#include "task/chain.h"
#include "task/gate.h"

enum weir_subtask_result {
    WEIR_SUBTASK_WORKED,
    WEIR_SUBTASK_IDLE,    /* nothing to do before *wake_ms or a wake-up */
    WEIR_SUBTASK_BLOCKED, /* output has no room: wake-up when it has */
    WEIR_SUBTASK_ENDED,
    WEIR_SUBTASK_FAILED, /* subtask->error */
    WEIR_SUBTASK_CANCELED
};

/* The id of the final snapshot of a subtask that has ended; telling it complete commits that; one more lets
 * the subtask close. */
#define WEIR_FINAL_CHECKPOINT_ID   (UINT64_MAX - 2)
#define WEIR_CLOSING_CHECKPOINT_ID (UINT64_MAX - 1)

struct weir_snapshot_item {
    const char *uid;                   /* "<node id>_<operator>" */
    struct weir_buffer blob;           /* what snapshot() wrote; empty when it has none */
    struct weir_state_snapshot *state; /* NULL when the operator has no tables */
};
struct weir_subtask_snapshot {
    uint64_t checkpoint_id;
    bool finished; /* the subtask has ended: the final snapshot */
    uint32_t item_count;
    struct weir_snapshot_item *items;
    struct weir_memory *memory;
};

/* What a subtask starts from: blobs and key-group sections of all old subtasks of its operators. */
struct weir_restore_section {
    const char *uid;
    uint32_t old_subtask;
    bool is_blob;
    uint32_t key_group;
    const uint8_t *bytes;
    size_t length;
};
struct weir_subtask_restore {
    const struct weir_restore_section *sections;
    uint32_t section_count;
    bool finished; /* all subtasks of this vertex had ended: it sends the end again and does nothing else */
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
    const struct weir_subtask_restore *restore; /* NULL: fresh */
    /* Called on the slot thread; takes the snapshot. */
    void (*acknowledge)(void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot);
    void *owner;
};

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
    struct weir_operator_metrics *metrics; /* per plan operator of the vertex; source first */
    struct weir_state **states;            /* per plan operator; NULL for a source */
    int64_t now_ms;
    int64_t building_since_ms;
    int64_t source_idle_until_ms;
    struct weir_subtask_snapshot *in_flight;
    enum weir_subtask_after {
        WEIR_AFTER_NOTHING,
        WEIR_AFTER_BATCH,
        WEIR_AFTER_BARRIER,
        WEIR_AFTER_END_WATERMARK,
        WEIR_AFTER_END
    } after;
    uint64_t barrier_id;
    uint64_t trigger_seen, completed_seen;
    bool ended, end_started, source_finished;
    _Atomic uint64_t trigger_id, completed_id, written_id;
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

/* Mailbox; then wake the slot thread. @thread any. */
static inline void weir_subtask_trigger(struct weir_subtask *s, uint64_t id)
{
    atomic_store(&s->trigger_id, id);
}
static inline void weir_subtask_notify_complete(struct weir_subtask *s, uint64_t id)
{
    atomic_store(&s->completed_id, id);
}
static inline void weir_subtask_snapshot_written(struct weir_subtask *s, uint64_t id)
{
    atomic_store(&s->written_id, id);
}
static inline void weir_subtask_cancel(struct weir_subtask *s)
{
    atomic_store(&s->canceled, true);
}

#endif
