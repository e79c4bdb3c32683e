/*
 * GROUP BY without windows, what its two files share: group_aggregate.c makes the operator and emits
 * row-exact; group_bundle.c holds changes back (mini-batch).
 */
#ifndef WEIR_OPS_GROUP_AGGREGATE_H
#define WEIR_OPS_GROUP_AGGREGATE_H

#include "ops/aggregates.h"
#include "ops/bundle.h"

/* A bundle that has taken in this many rows goes out, whatever the configuration allows. */
enum { GROUP_BUNDLE_ROWS_MAX = 1 << 24 };

/* Groups whose transition is held back. */
struct group_bundle {
    struct ops_bundle base;
    /* Rows come in sections of base.size_max. With pre-aggregation a section counts as many as it has groups,
     * as if they had been folded before the exchange; else all its rows. From there on the bundle goes out.
     */
    uint64_t size, section_rows;
    uint32_t sections; /* that are over */
    bool preaggregated;
    uint16_t mark;      /* in the flags of the groups that the present section has; those before it: less */
    weir_row_ref *refs; /* the groups, each with GROUP_EXISTED when it was there before */
    uint32_t count, capacity;
    bool appends;              /* groups that come again take new places, see place_groups() */
    bool steps;                /* `after` is kept up to date; else the groups' rows are read in the end */
    bool needs_before;         /* results as they were before the bundle are compared or emitted */
    struct ops_batches before; /* results */
    struct ops_batches after;  /* keys and results, with kinds */
    uint32_t flushed;          /* groups whose transition is out */
};

struct group_aggregate {
    struct weir_operator base;
    struct ops_aggregates set;
    struct ops_keys keys;
    struct weir_table *table;
    size_t payload;
    bool row_exact, emit_update_before, retract;
    int64_t ttl_ms;
    /* the present input batch */
    uint32_t position;
    uint8_t **rows;
    weir_row_ref *refs;
    weir_row_ref *dead;
    uint32_t dead_count;
    /* the rows that are accumulated together */
    uint8_t **in_rows;
    weir_row_ref *in_refs;
    uint16_t *in_at;
    uint8_t *in_retract;
    /* the groups whose transitions are emitted together */
    uint8_t **touched;
    weir_row_ref *touched_refs;
    bool *existed;
    int64_t *counts;
    uint32_t touched_count;
    struct weir_batch results; /* columns of results: before at [0, n), after at [n, 2n) */
    struct group_bundle bundle;
    /* end of input in batch mode */
    struct weir_table_cursor cursor;
    bool global_done;
};

/* What goes out: kinds, the groups, and the rows of op->results. */
struct group_transitions {
    uint32_t count;
    uint8_t kinds[WEIR_BATCH_ROWS_MAX];
    const uint8_t *groups[WEIR_BATCH_ROWS_MAX];
    uint32_t results[WEIR_BATCH_ROWS_MAX];
};

static inline struct ops_group *group_of(const struct group_aggregate *op, uint8_t *row)
{
    return (struct ops_group *)(row + op->payload);
}

/* group_aggregate.c */
/* Rows [from, from + count) of the batch find their groups at once. */
enum weir_error_code group_aggregate_find(
    struct group_aggregate *op, const struct weir_batch *in, uint32_t from, uint32_t count);
/* Where the groups of the n rows from `from` on are looked up is fetched meanwhile. */
void group_aggregate_prefetch(
    struct group_aggregate *op, const struct weir_batch *in, uint32_t from, uint32_t n);
/* The touched groups that came into being start from nothing. */
void group_aggregate_restart(struct group_aggregate *op);
/* Whether touched group g has equal results before and after. */
bool group_aggregate_results_equal(const struct group_aggregate *op, uint32_t g);
/* One transition per touched group, of its two results. */
void group_aggregate_plan(struct group_aggregate *op, struct group_transitions *to);
/* Kinds and keys of n groups behind the rows of out; the results are the caller's. */
void group_aggregate_emit_keys(struct group_aggregate *op, const uint8_t *kinds, const uint8_t *const *groups,
    uint32_t n, struct weir_batch *out);
void group_aggregate_emit(
    struct group_aggregate *op, const struct group_transitions *from, struct weir_batch *out);
/* Groups of the present batch that retractions made by looking for them, or left without rows. */
void group_aggregate_delete_dead(struct group_aggregate *op);

/* group_bundle.c */
void group_bundle_init(struct group_aggregate *op);
void group_bundle_done(struct group_aggregate *op);
/* Whether the row's transition is held back: it must stay. */
bool group_bundle_holds(const struct group_aggregate *op, uint8_t *row, weir_row_ref ref);
/* A batch is taken in, from op->position on; what the bundle's size lets go goes out. */
enum weir_operator_result group_bundle_process(
    struct group_aggregate *op, const struct weir_batch *in, struct weir_batch *out);
/* All that is held back goes out, and a held watermark behind it. */
enum weir_operator_result group_bundle_flush(struct group_aggregate *op, struct weir_batch *out);
enum weir_operator_result group_bundle_watermark(
    struct group_aggregate *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms);

#endif
