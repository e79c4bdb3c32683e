/*
 * Operators that remember one whole row of each key, and let a row in replace it or take it away: deduplicate
 * and changelog_normalize.
 */
#ifndef WEIR_OPS_KEYED_ROWS_H
#define WEIR_OPS_KEYED_ROWS_H

#include "ops/row_bundle.h"
#include "ops/rows.h"

struct keyed_row { /* payload of a state row */
    uint32_t touched;
    bool present; /* else made by a look-up only */
    bool emitted; /* for the operator */
};

/* The operator's struct begins with it. */
struct keyed_rows {
    struct ops_bundled own;
    const uint32_t *columns; /* of the key */
    uint32_t column_count;
    struct ops_row_table rows;
    struct ops_keys keys;
    struct ops_mixer mixer;
    bool emit_update_before;
    int64_t ttl_ms;
    /* the present input batch */
    uint32_t position;
    uint8_t **state_rows;
    weir_row_ref *refs;
    /* the keys whose changes go out together */
    uint8_t **touched;
    int64_t *latest; /* per touched key: the input row to store, -1: it goes */
    uint32_t touched_count;
    struct weir_table_cursor cursor; /* end of input in batch mode */
};

/* Reads "keys", "emit_ub", "ttl_ms" of the spec and opens the state. apply: see row_bundle.h. */
enum weir_error_code keyed_rows_init(struct keyed_rows *k, const struct weir_operator_ops *ops,
    struct weir_operator_context *ctx, ops_row_bundle_apply *apply);
void keyed_rows_done(struct keyed_rows *k);

static inline struct keyed_row *keyed_row_of(const struct keyed_rows *k, const uint8_t *row)
{
    return (struct keyed_row *)(row + k->rows.payload);
}

/* First of all for a batch: state_rows and refs of its selected rows. What has expired is let go. */
enum weir_error_code keyed_rows_find(struct keyed_rows *k, const struct weir_batch *in);

/* What input row `at` does to its key's row: the operator has put what goes out into the mixer, two rows at
 * most. */
enum keyed_change { KEYED_UNCHANGED, KEYED_STORED, KEYED_GONE };
typedef enum keyed_change keyed_rows_decide(
    struct keyed_rows *k, const uint8_t *row, const struct weir_batch *in, uint32_t at);
/* The rows of the batch from k->position on, as far as there is room in the output. */
enum weir_operator_result keyed_rows_replace(
    struct keyed_rows *k, keyed_rows_decide *decide, const struct weir_batch *in, struct weir_batch *out);
/* Batch mode, end of input: every row, once. */
enum weir_operator_result keyed_rows_emit_all(struct keyed_rows *k, struct weir_batch *out);

#endif
