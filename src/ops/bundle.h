/*
 * Mini-batch, what every operator that holds something back has in common: when a bundle goes out, and lists
 * of batches to hold things in.
 *
 * A bundle goes out when it has taken in its number of rows, when its latency has passed, before a barrier,
 * and at the end of input; so no snapshot ever finds one. Watermarks wait for the rows before them.
 * (row_bundle.h: bundles of rows; group_bundle.c: of groups.)
 */
#ifndef WEIR_OPS_BUNDLE_H
#define WEIR_OPS_BUNDLE_H

#include "ops/common.h"

struct ops_bundle {
    struct weir_operator_context *ctx;
    uint64_t size_max; /* with so many rows it goes out */
    int64_t latency_ms;
    uint64_t rows;        /* taken in so far */
    bool flushing;        /* it is on its way out, in as many calls as that takes */
    int64_t watermark_ms; /* held back with the rows before it; INT64_MIN: none */
};

/* The size and the latency are the spec's; rows_max: a bundle of so many rows goes out whatever they say. */
void ops_bundle_init(struct ops_bundle *bundle, struct weir_operator_context *ctx, uint64_t rows_max);
/* Before the first row: the latency begins. */
void ops_bundle_begin(struct ops_bundle *bundle);
/* All is out: empty again, and a watermark that waited goes on behind it. */
void ops_bundle_end(struct ops_bundle *bundle);
/* An operator's watermark(). true: the caller flushes now, since it is the last one; false: nothing is held,
 * or the watermark is held, too. */
bool ops_bundle_watermark(struct ops_bundle *bundle, int64_t watermark_ms, int64_t *forward_ms);

/* Rows by place, WEIR_BATCH_ROWS_MAX of them in each batch. Batches are kept for the next bundle. */
struct ops_batches {
    const struct weir_type *const *types;
    uint32_t column_count;
    struct weir_batch **items;
    uint32_t count, capacity;
};
/* The batch that has this place, emptied when the place is its first. Places come in order. */
struct weir_batch *ops_batches_at(struct ops_batches *list, uint32_t place, struct weir_memory *memory);
void ops_batches_done(struct ops_batches *list, struct weir_memory *memory);

#endif
