/*
 * Mini-batch for operators that take rows one by one: the rows of a bundle are held back, folded by key, and
 * what is left of them goes through the operator as if it had come in just now. bundle.h says when.
 *
 * What a fold leaves comes to the same table as the rows themselves. A -U and the +U that are left of a key
 * stand side by side.
 */
#ifndef WEIR_OPS_ROW_BUNDLE_H
#define WEIR_OPS_ROW_BUNDLE_H

#include "ops/bundle.h"

/* What is left of the rows with equal keys. */
enum ops_fold {
    OPS_FOLD_NONE,     /* all */
    OPS_FOLD_FIRST,    /* the first */
    OPS_FOLD_LAST,     /* the last */
    OPS_FOLD_EARLIEST, /* the first of those with the smallest time */
    OPS_FOLD_LATEST,   /* the last of those with the largest time */
    OPS_FOLD_CHANGES,  /* of one row's changes: what was taken away first, and what was added last */
    OPS_FOLD_UPSERTS,  /* the same where +U comes without -U, so that nobody knows what a deletion finds */
    OPS_FOLD_EQUAL,    /* the key is the whole row: each that is added cancels one that is taken away */
};

struct ops_change;

/* The rows of one input. */
struct ops_held_rows {
    enum ops_fold fold;
    struct ops_keys keys; /* by which they are folded */
    uint32_t time;        /* column, of earliest and latest */
    bool keeps_equal;     /* a change that changes nothing still renews the row's time to live */
    struct ops_batches rows;
    uint32_t count, left; /* rows; those that are not folded away */
    uint32_t *links;      /* per row, see row_bundle.c */
    uint32_t link_capacity;
    struct ops_change *changes; /* one per key */
    uint32_t change_count, change_capacity;
    uint32_t *slots; /* 1 + change, by hash; 0: free */
    uint32_t slot_count;
    uint32_t *order; /* places of what is left, as it goes out */
    uint32_t order_capacity;
};

/* process() of the operator, for rows that are let go; to an empty output. */
typedef enum weir_operator_result ops_row_bundle_apply(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out);

struct ops_row_bundle {
    struct ops_bundle base;
    bool enabled;                /* else rows are not held */
    ops_row_bundle_apply *apply; /* set in either case */
    struct ops_held_rows inputs[WEIR_OPERATOR_INPUTS_MAX];
    uint32_t first;    /* the input that goes out first */
    uint32_t position; /* in the present input batch */
    /* letting go */
    uint32_t turn, next;               /* inputs that are out; entries of the present one's order */
    const struct weir_batch *replayed; /* its rows are on their way; NULL: none */
    struct weir_batch replay[WEIR_OPERATOR_INPUTS_MAX], stage[WEIR_OPERATOR_INPUTS_MAX];
};

/* What an operator that may hold rows begins with. */
struct ops_bundled {
    struct weir_operator base;
    struct ops_row_bundle bundle;
};

/* Rows are held from now on, unless the spec says otherwise, and nothing is folded before
 * ops_row_bundle_fold(). bundle->apply is set. first: the input that goes out first. */
void ops_row_bundle_init(struct ops_row_bundle *b, struct weir_operator_context *ctx, uint32_t first);
void ops_row_bundle_fold(
    struct ops_row_bundle *b, uint32_t input, enum ops_fold fold, const uint32_t *keys, uint32_t key_count);
void ops_row_bundle_done(struct ops_row_bundle *b);

/* For the table of an operator that begins with struct ops_bundled; at the end of input it flushes. */
enum weir_operator_result ops_row_bundle_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out);
enum weir_operator_result ops_row_bundle_watermark(
    struct weir_operator *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms);
enum weir_operator_result ops_row_bundle_timer(
    struct weir_operator *op, int64_t now_ms, struct weir_batch *out);
enum weir_operator_result ops_row_bundle_flush(struct weir_operator *op, struct weir_batch *out);

#endif
