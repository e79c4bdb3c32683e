/*
 * Pairs of an input batch's rows with stored rows of the other side, for the joins: gathering them,
 * evaluating the condition on whole chunks of them, and writing joined and padded rows.
 */
#ifndef WEIR_OPS_JOIN_PAIRS_H
#define WEIR_OPS_JOIN_PAIRS_H

#include "ops/common.h"

enum { JOIN_NO_ROW = UINT16_MAX };
#define JOIN_COLUMN_OF_INPUT 0x80000000u

struct join_pair {
    uint32_t position; /* in the selection of the input */
    weir_row_ref other;
    const uint8_t *row; /* of other: good within the call that found it, as long as state is not written */
};

/* The rows of one side: input column c is column position[c] of the table. With JOIN_COLUMN_OF_INPUT in it,
 * it is not stored: its value is that of the named column of the other side's row in the pair. */
struct join_view {
    struct weir_table *table;
    uint32_t column_count;
    const uint32_t *position;
};

struct join_pairs {
    struct weir_operator_context *ctx;
    struct join_view views[2];        /* filled by the operator before join_pairs_init() */
    bool left_only;                   /* the output has the left columns only (semi, anti) */
    struct weir_evaluator *condition; /* NULL: every pair counts */
    struct weir_batch candidates;     /* left and right columns of pairs */
    struct weir_eval_environment environment;
    struct join_pair *items;
    uint32_t count, capacity;
    /* Rows for the output: input row (JOIN_NO_ROW: padding) and stored row (NULL: padding). */
    uint16_t *out_input;
    const uint8_t **out_other;
    uint8_t *out_kind;
    uint32_t out_count;
};

/* The condition is the spec's "condition". */
enum weir_error_code join_pairs_init(struct join_pairs *pairs, struct weir_operator_context *ctx);
void join_pairs_done(struct join_pairs *pairs);

void join_push_pair(struct join_pairs *pairs, uint32_t position, weir_row_ref other, const uint8_t *row);
/* Keeps the pairs from first on that satisfy the condition; in the call that found them. */
enum weir_error_code join_filter_pairs(
    struct join_pairs *pairs, uint32_t input, const struct weir_batch *in, uint32_t first);

static inline void join_put(struct join_pairs *pairs, uint8_t kind, uint16_t input_row, const uint8_t *other)
{
    WEIR_ASSERT(pairs->out_count < WEIR_BATCH_ROWS_MAX);
    pairs->out_kind[pairs->out_count] = kind;
    pairs->out_input[pairs->out_count] = input_row;
    pairs->out_other[pairs->out_count++] = other;
}
/* Writes what was put to an empty out. in NULL: only stored rows of the side `1 - input`, padded on the side
 * `input`. */
void join_flush(
    struct join_pairs *pairs, uint32_t input, const struct weir_batch *in, struct weir_batch *out);

#endif
