/*
 * The aggregate calls of one operator, compiled: where each accumulator lies in the state row, and how to
 * accumulate, retract, read, merge and let go. Used by group_aggregate, window_aggregate (and OVER).
 *
 * The operator's table keeps, in each row, its key columns, then `value_count` value columns that aggregates
 * ask for (values of any type: MIN of a string, FIRST_VALUE), then a payload: struct ops_group, accumulators.
 * What has no fixed size (distinct sets, ordered values for MIN and MAX under retraction, lists) lies in side
 * tables keyed by the row's reference.
 *
 * Zeroed accumulators and NULL value columns are the empty state.
 */
#ifndef WEIR_OPS_AGGREGATES_H
#define WEIR_OPS_AGGREGATES_H

#include "expr/aggregate.h"
#include "ops/common.h"

/* At the start of each row's payload. */
struct ops_group {
    int64_t count;    /* rows accumulated minus rows retracted; 0 = the group does not exist */
    uint32_t touched; /* index into the touched list of the present bundle; means something only if that entry
                         is this row */
    uint32_t flags;   /* one bit for each aggregate that has one: there was a value */
};

struct ops_aggregate;

/* Rows of a batch and the accumulators they go to. */
struct ops_aggregate_rows {
    uint32_t count;
    uint8_t *const *rows; /* state rows, for writing */
    const weir_row_ref *refs;
    const uint16_t *at;     /* batch rows */
    const uint8_t *retract; /* per entry; NULL = none */
    const struct weir_batch *batch;
    const int64_t *counts; /* the group's count after each row, for steps */
};

enum { OPS_STEP_ROWS_MAX = 256, OPS_FLAGS_MAX = 16 };

/* Where a step puts the results of row i: after it at [after + i], before it at [before + i] (UINT32_MAX: not
 * wanted). changed[i] is set when they differ; NULL: not wanted. */
struct ops_aggregate_step {
    struct weir_vector *column; /* FLAT, of owner */
    uint32_t before, after;
    uint8_t *changed;
    struct weir_batch *owner;
};

struct ops_aggregate_kind {
    /* Opens the side table. NULL: has none. */
    void (*attach)(struct ops_aggregate *aggregate, uint32_t number);
    enum weir_error_code (*accumulate)(
        struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in, struct weir_error *reterr);
    /* Values of n rows into FLAT to[at ..]. */
    void (*finish)(struct ops_aggregate *aggregate, const uint8_t *const *rows, const weir_row_ref *refs,
        uint32_t n, struct weir_vector *to, uint32_t at, struct weir_batch *owner);
    /* into += from, of the same table family (another partition). NULL: cannot. */
    void (*merge)(struct ops_aggregate *aggregate, struct weir_table *into_table, uint8_t *into,
        weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref);
    /* Lets go what hangs on the row in side tables; the row itself is deleted or zeroed by the caller. NULL:
     * nothing. */
    void (*clear)(struct ops_aggregate *aggregate, uint8_t *row, weir_row_ref ref);
    /* Accumulates up to OPS_STEP_ROWS_MAX rows, none retracting, and gives the results around each of them in
     * one pass; a group may come up many times. NULL: cannot. */
    void (*step)(struct ops_aggregate *aggregate, const struct ops_aggregate_rows *in,
        const struct ops_aggregate_step *to);
};

struct ops_aggregate {
    const struct ops_aggregate_kind *kind;
    struct weir_aggregate_call call;
    struct ops_aggregates *set;
    const struct weir_type *argument_type; /* of the first argument; NULL for COUNT(*) */
    uint32_t offset;                       /* of the accumulator from the row's start */
    uint32_t bytes;
    uint32_t value_column;              /* in the table; UINT32_MAX: none */
    const struct weir_type *value_type; /* of that column */
    bool largest;                       /* MAX, LAST_VALUE */
    bool averages, zeroes;              /* AVG; $SUM0 */
    bool in_group;                      /* reads struct ops_group; no accumulator of its own */
    bool word_argument;                 /* the argument's values are words: nothing to widen */
    uint8_t word_operation;             /* aggregate_word.c's */
    uint32_t flag, flags_offset;        /* its bit in the group's flags, and where they are in the row */
    struct weir_table *side, *side_any; /* selected partition; any partition */
    struct ops_distinct *distinct;      /* NULL: not distinct */
    uint32_t distinct_index;
};

struct ops_distinct {
    uint32_t arguments[4], argument_count;
    uint32_t user_count;  /* aggregates that share this set, one counter each */
    uint32_t list_offset; /* struct weir_row_list of the group's entries, in the group's row */
    struct weir_table *table, *any;
    struct ops_distinct *next;
};

enum { OPS_SCRATCH_FILTER, OPS_SCRATCH_DISTINCT, OPS_SCRATCH_SIDE, OPS_SCRATCHES, OPS_ARGUMENTS_MAX = 4 };

struct ops_aggregates {
    struct weir_operator_context *ctx;
    struct ops_aggregate *items;
    uint32_t count;
    bool retract; /* input may retract */
    uint32_t key_count;
    const struct weir_type **types; /* key columns, value columns: for weir_table_options */
    uint32_t column_count;
    uint32_t payload_bytes;
    uint32_t flag_count; /* bits of ops_group.flags that are given out */
    bool steps;          /* ops_aggregates_step() can be used */
    bool counts_rows;    /* one of the results is COUNT(*): every row changes it, without retractions */
    struct ops_distinct *distincts;
    struct weir_table *table; /* selected partition of the operator's table */
    const struct weir_type **result_types;
    /* scratch, WEIR_BATCH_ROWS_MAX entries each */
    uint8_t **scratch_rows[OPS_SCRATCHES];
    weir_row_ref *scratch_refs[OPS_SCRATCHES];
    uint16_t *scratch_at[OPS_SCRATCHES];
    uint8_t *scratch_retract[OPS_SCRATCHES];
    uint64_t *scratch_hashes;
    uint16_t *scratch_groups;
    uint8_t **side_rows;
    weir_row_ref *side_refs;
    uint8_t *side_states;
    struct weir_vector owner_vector; /* BIGINT: references of the groups, by batch row */
    struct weir_batch scratch;       /* no columns: an arena and a heap for the length of a call */
    struct weir_vector
        *fake_columns; /* as many as the input has: one row of a side table stands in for a batch */
    bool deletable;    /* groups may go one by one, so what hangs on them must be findable */
};

/* Reads "aggregates" of the spec. key_types: types of the table's key columns. The set's payload_bytes begin
 * with struct ops_group; an operator that wants more appends it. */
enum weir_error_code ops_aggregates_init(struct ops_aggregates *set, struct weir_operator_context *ctx,
    const struct weir_type *const *key_types, uint32_t key_count, bool retract);
void ops_aggregates_done(struct ops_aggregates *set);
/* Tells where the rows are: after the operator opened its table with types, column_count and payload_bytes of
 * the set. */
void ops_aggregates_attach(struct ops_aggregates *set, struct weir_table *table);
/* For weir_table_options: which functions the accumulators are of, in their order. */
uint64_t ops_aggregates_meaning(const struct ops_aggregates *set);
/* Works on another partition from now on. */
void ops_aggregates_select(struct ops_aggregates *set, struct weir_table *table);
enum weir_error_code ops_aggregates_accumulate(
    struct ops_aggregates *set, const struct ops_aggregate_rows *in, struct weir_error *reterr);
/* Results of n groups into columns [first ..) of to, at row `at`. */
void ops_aggregates_finish(struct ops_aggregates *set, const uint8_t *const *rows, const weir_row_ref *refs,
    uint32_t n, struct weir_batch *to, uint32_t first, uint32_t at);
/* Accumulates rows and gives the results around each of them; only when set->steps. to->column is ignored:
 * aggregate i writes column first + i of to->owner. */
void ops_aggregates_step(struct ops_aggregates *set, const struct ops_aggregate_rows *in, uint32_t first,
    const struct ops_aggregate_step *to);
/* The group is to be deleted or started anew: its side rows go, its accumulators and value columns become
 * empty. */
void ops_aggregates_clear(struct ops_aggregates *set, uint8_t *row, weir_row_ref ref);
/* Drops partition of all side tables (the operator drops its own). */
void ops_aggregates_drop(struct ops_aggregates *set, int64_t partition);
void ops_aggregates_merge(struct ops_aggregates *set, struct weir_table *into_table, uint8_t *into,
    weir_row_ref into_ref, struct weir_table *from_table, const uint8_t *from, weir_row_ref from_ref);

/* --- for the kinds --- */
/* A list of entries in scratch arrays of its own: empty, to be filled by ops_rows_keep. */
struct ops_aggregate_rows ops_rows_narrow(
    struct ops_aggregates *set, int scratch, const struct ops_aggregate_rows *in);
void ops_rows_keep(struct ops_aggregates *set, int scratch, struct ops_aggregate_rows *to,
    const struct ops_aggregate_rows *in, uint32_t i);
/* Side rows keyed by (group, arguments) of all entries: set->side_rows, side_refs, side_states. */
enum weir_error_code ops_side_upsert(struct ops_aggregates *set, struct weir_table *side,
    const uint32_t *arguments, uint32_t argument_count, const struct ops_aggregate_rows *in,
    struct weir_error *reterr);

bool ops_aggregate_counts_rows(const struct ops_aggregate *aggregate);
/* aggregate_word.c, aggregate_numeric.c, aggregate_value.c, aggregate_list.c: NULL when the call is not
 * theirs. */
const struct ops_aggregate_kind *ops_aggregate_word(struct ops_aggregate *aggregate);
const struct ops_aggregate_kind *ops_aggregate_numeric(struct ops_aggregate *aggregate);
const struct ops_aggregate_kind *ops_aggregate_value(struct ops_aggregate *aggregate);
const struct ops_aggregate_kind *ops_aggregate_list(struct ops_aggregate *aggregate);

#endif
