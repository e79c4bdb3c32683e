/* Which rows of a bundle are left: row_bundle.c holds them, row_fold.c decides. */
#ifndef WEIR_OPS_ROW_FOLD_H
#define WEIR_OPS_ROW_FOLD_H

#include "ops/row_bundle.h"

/* The n rows that were appended to held->rows behind held->count; their keys' hashes (not read without a
 * fold). */
void ops_fold_rows(
    struct ops_held_rows *held, const uint64_t *hashes, uint32_t n, struct weir_memory *memory);
/* Fills held->order with the held->left places, and makes the kinds of what is left of a change fit together.
 */
void ops_fold_arrange(struct ops_held_rows *held, struct weir_memory *memory);
/* After ops_fold_arrange(): the row is a -U or -D whose +U or +I comes next. */
bool ops_fold_is_half(const struct ops_held_rows *held, uint32_t place);
/* Nothing is held. */
void ops_fold_clear(struct ops_held_rows *held);
void ops_fold_done(struct ops_held_rows *held, struct weir_memory *memory);

#endif
