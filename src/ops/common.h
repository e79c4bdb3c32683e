/* What many operators share: reading specs, keys of a batch, rows for an output that may be full. */
#ifndef WEIR_OPS_COMMON_H
#define WEIR_OPS_COMMON_H

#include "base/assert.h"
#include "expr/expr.h"
#include "spi/operator.h"
#include "state/table.h"

/* Every operator's own declaration, for ops.def's sake. */
#define WEIR_OPERATOR(name) extern const struct weir_operator_ops weir_##name##_operator_ops

/* --- specs --- */
/* Columns of a list, checked against the input's column count. *count is 0 when absent. */
enum weir_error_code ops_spec_columns(
    struct weir_operator_context *ctx, const char *name, uint32_t input, uint32_t **columns, uint32_t *count);
/* Expressions of a list. */
enum weir_error_code ops_spec_exprs(struct weir_operator_context *ctx, const struct weir_spec *list,
    struct weir_expr ***exprs, uint32_t *count);
struct weir_eval_environment ops_environment(struct weir_operator_context *ctx);

/* ORDER BY of a spec: list of {column, descending, nulls_first}. */
struct ops_sort_key {
    uint32_t column;
    bool descending, nulls_first;
};
enum weir_error_code ops_spec_order(
    struct weir_operator_context *ctx, const char *name, struct ops_sort_key **keys, uint32_t *count);

/* --- keys of a batch --- */
struct ops_keys {
    const uint32_t *columns;
    uint32_t count;
    const struct weir_vector **vectors; /* of the present batch, count of them */
    uint64_t *hashes;                   /* WEIR_BATCH_ROWS_MAX */
    uint16_t *groups;
};
void ops_keys_init(
    struct ops_keys *keys, struct weir_operator_context *ctx, const uint32_t *columns, uint32_t count);
/* Hashes and key groups of the batch's selected rows. */
void ops_keys_read(struct ops_keys *keys, struct weir_operator_context *ctx, const struct weir_batch *batch);

/* The selected rows as an array (the identity when there is no selection; valid until the batch changes). */
const uint16_t *ops_rows(const struct weir_batch *batch);

/* --- output --- */
static inline uint32_t ops_room(const struct weir_batch *out)
{
    return WEIR_BATCH_ROWS_MAX - out->row_count;
}
/* out's strings may be views into from's heaps afterwards; false: the bytes must be copied (pass &out->heap
 * to gather). */
bool ops_share(struct weir_batch *out, const struct weir_batch *from);
/* Failure of an operator call whose message is in ctx->error. */
static inline enum weir_operator_result ops_failed(struct weir_operator *op)
{
    WEIR_ASSERT(op->ctx->error->code != WEIR_OK);
    return WEIR_OPERATOR_FAILED;
}

/* Milliseconds of a time value, rounding toward the past; INT64_MIN when NULL. */
int64_t ops_time_ms(const struct weir_vector *v, uint32_t row);
/* Stores ms into a FLAT timestamp (or bigint) vector. */
void ops_time_store(struct weir_vector *to, uint32_t row, int64_t ms);

static inline uint64_t ops_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return x ^ x >> 32;
}

#endif
