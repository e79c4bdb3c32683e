#include "ops/bundle.h"

void ops_bundle_init(struct ops_bundle *bundle, struct weir_operator_context *ctx, uint64_t rows_max)
{
    int64_t size_max = weir_spec_get_integer(ctx->spec, "mini_batch_rows", -1);
    *bundle = (struct ops_bundle){ .ctx = ctx,
        .size_max = size_max < 1 ? rows_max : WEIR_MIN((uint64_t)size_max, rows_max),
        .latency_ms = weir_spec_get_integer(ctx->spec, "mini_batch_ms", 0),
        .watermark_ms = INT64_MIN };
}

void ops_bundle_begin(struct ops_bundle *bundle)
{
    struct weir_operator_context *ctx = bundle->ctx;
    int64_t latency_ms = bundle->latency_ms, now_ms = ctx->now_us(ctx->clock) / 1000;
    /* At multiples of the latency: bundles of several operators go out together. */
    if (latency_ms > 0) ctx->set_timer(ctx, now_ms - now_ms % latency_ms + latency_ms);
}

void ops_bundle_end(struct ops_bundle *bundle)
{
    struct weir_operator_context *ctx = bundle->ctx;
    bundle->rows = 0;
    bundle->flushing = false;
    if (bundle->latency_ms > 0) ctx->set_timer(ctx, INT64_MAX);
    if (bundle->watermark_ms != INT64_MIN) ctx->emit_watermark_ms = bundle->watermark_ms;
    bundle->watermark_ms = INT64_MIN;
}

bool ops_bundle_watermark(struct ops_bundle *bundle, int64_t watermark_ms, int64_t *forward_ms)
{
    if (bundle->rows == 0) return false;
    if (watermark_ms == INT64_MAX) {
        bundle->watermark_ms = INT64_MIN; /* this one overtakes it */
        return true;
    }
    bundle->watermark_ms = watermark_ms;
    *forward_ms = INT64_MIN;
    return false;
}

struct weir_batch *ops_batches_at(struct ops_batches *list, uint32_t place, struct weir_memory *memory)
{
    uint32_t number = place / WEIR_BATCH_ROWS_MAX;
    if (number == list->capacity) {
        uint32_t capacity = WEIR_MAX(8u, list->capacity * 2);
        list->items = weir_memory_reallocate(
            memory, list->items, list->capacity * sizeof *list->items, capacity * sizeof *list->items);
        list->capacity = capacity;
    }
    if (number == list->count) {
        list->items[number] = weir_memory_allocate_zeroed(memory, sizeof *list->items[number]);
        weir_batch_init(list->items[number], list->types, list->column_count, memory);
        list->count++;
    }
    if (place % WEIR_BATCH_ROWS_MAX == 0) weir_batch_reset(list->items[number]);
    return list->items[number];
}

void ops_batches_done(struct ops_batches *list, struct weir_memory *memory)
{
    for (uint32_t i = 0; i < list->count; i++) {
        weir_batch_done(list->items[i]);
        weir_memory_release(memory, list->items[i], sizeof *list->items[i]);
    }
    weir_memory_release(memory, list->items, list->capacity * sizeof *list->items);
}
