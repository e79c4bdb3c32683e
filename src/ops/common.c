#include "ops/common.h"
#include "data/time.h"

enum weir_error_code ops_spec_columns(
    struct weir_operator_context *ctx, const char *name, uint32_t input, uint32_t **columns, uint32_t *count)
{
    *columns = weir_spec_get_integers(ctx->spec, name, count, ctx->arena);
    for (uint32_t i = 0; i < *count; i++) {
        if ((*columns)[i] >= ctx->input_column_counts[input]) {
            return weir_error_set(ctx->error, WEIR_E_FORMAT,
                "%s: '%s' of the plan names column %u of an input of %u columns", ctx->task_name, name,
                (*columns)[i], ctx->input_column_counts[input]);
        }
    }
    return WEIR_OK;
}

enum weir_error_code ops_spec_exprs(struct weir_operator_context *ctx, const struct weir_spec *list,
    struct weir_expr ***exprs, uint32_t *count)
{
    *count = list && list->kind == WEIR_SPEC_LIST ? list->count : 0;
    *exprs = WEIR_ARENA_ARRAY(ctx->arena, struct weir_expr *, WEIR_MAX(1u, *count));
    for (uint32_t i = 0; i < *count; i++) {
        enum weir_error_code code = weir_expr_from_spec(ctx->arena, list->items[i], &(*exprs)[i], ctx->error);
        if (code) return code;
    }
    return WEIR_OK;
}

enum weir_error_code ops_spec_order(
    struct weir_operator_context *ctx, const char *name, struct ops_sort_key **keys, uint32_t *count)
{
    const struct weir_spec *list = weir_spec_get(ctx->spec, name);
    *count = list ? list->count : 0;
    *keys = WEIR_ARENA_ARRAY(ctx->arena, struct ops_sort_key, WEIR_MAX(1u, *count));
    for (uint32_t i = 0; i < *count; i++) {
        const struct weir_spec *item = list->items[i];
        bool descending = weir_spec_get_boolean(item, "descending", false);
        (*keys)[i] = (struct ops_sort_key){ .column = (uint32_t)weir_spec_get_integer(item, "column", 0),
            .descending = descending,
            .nulls_first = weir_spec_get_boolean(item, "nulls_first", !descending) };
        if ((*keys)[i].column >= ctx->input_column_counts[0]) {
            return weir_error_set(ctx->error, WEIR_E_FORMAT,
                "%s: '%s' of the plan names column %u of an input of %u columns", ctx->task_name, name,
                (*keys)[i].column, ctx->input_column_counts[0]);
        }
    }
    return WEIR_OK;
}

struct weir_eval_environment ops_environment(struct weir_operator_context *ctx)
{
    return (struct weir_eval_environment){
        .local_zone = ctx->local_zone,
        .now_us = ctx->now_us,
        .clock = ctx->clock,
        .statement_start_us = ctx->bounded ? ctx->statement_start_us : 0,
        .random_seed = ctx->random_seed,
        .current_watermark_ms = &ctx->watermark_ms,
        .current_catalog = ctx->current_catalog,
        .current_database = ctx->current_database,
    };
}

void ops_keys_init(
    struct ops_keys *keys, struct weir_operator_context *ctx, const uint32_t *columns, uint32_t count)
{
    *keys = (struct ops_keys){ .columns = columns, .count = count };
    keys->vectors = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_vector *, WEIR_MAX(1u, count));
    keys->hashes = WEIR_ARENA_ARRAY(ctx->arena, uint64_t, WEIR_BATCH_ROWS_MAX);
    keys->groups = WEIR_ARENA_ARRAY(ctx->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
}

void ops_keys_read(struct ops_keys *keys, struct weir_operator_context *ctx, const struct weir_batch *batch)
{
    weir_batch_hash(batch, keys->columns, keys->count, keys->hashes);
    weir_key_groups(keys->hashes, weir_batch_selected(batch), ctx->max_parallelism, keys->groups);
    for (uint32_t i = 0; i < keys->count; i++) keys->vectors[i] = &batch->columns[keys->columns[i]];
}

/* All rows of a batch, in their order. */
#define ROWS_4(n)   (n), (n) + 1, (n) + 2, (n) + 3
#define ROWS_16(n)  ROWS_4(n), ROWS_4((n) + 4), ROWS_4((n) + 8), ROWS_4((n) + 12)
#define ROWS_64(n)  ROWS_16(n), ROWS_16((n) + 16), ROWS_16((n) + 32), ROWS_16((n) + 48)
#define ROWS_256(n) ROWS_64(n), ROWS_64((n) + 64), ROWS_64((n) + 128), ROWS_64((n) + 192)
static const uint16_t identity[] = { ROWS_256(0), ROWS_256(256), ROWS_256(512), ROWS_256(768) };
_Static_assert(WEIR_ARRAY_COUNT(identity) == WEIR_BATCH_ROWS_MAX, "each row is there");

const uint16_t *ops_rows(const struct weir_batch *batch)
{
    return batch->selection ? batch->selection : identity;
}

bool ops_share(struct weir_batch *out, const struct weir_batch *from)
{
    return weir_batch_share_heaps(out, from);
}

int64_t ops_time_ms(const struct weir_vector *v, uint32_t row)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    if (flat->type->id == WEIR_TYPE_NULL || (flat->validity && !weir_bit_get(flat->validity, at)))
        return INT64_MIN;
    if (weir_type_is_wide_timestamp(flat->type)) {
        weir_int128 ns = ((const weir_int128 *)flat->data)[at];
        weir_int128 ms = ns / 1000000;
        if (ns % 1000000 < 0) ms--;
        return (int64_t)ms;
    }
    int64_t value = ((const int64_t *)flat->data)[at];
    if (flat->type->id == WEIR_TYPE_BIGINT) return value;
    return weir_floor_div(value, 1000);
}

void ops_time_store(struct weir_vector *to, uint32_t row, int64_t ms)
{
    if (weir_type_is_wide_timestamp(to->type))
        ((weir_int128 *)to->data)[row] = (weir_int128)ms * 1000000;
    else if (to->type->id == WEIR_TYPE_BIGINT)
        ((int64_t *)to->data)[row] = ms;
    else
        ((int64_t *)to->data)[row] = ms * 1000;
}
