/*
 * LIMIT without ORDER BY: over insert-only input a counter (the job may end early), over a changelog the rows
 * in the order of arrival, as rank.c keeps them.
 */
#include "ops/rank.h"
#include "ops/rows.h"

WEIR_OPERATOR(limit);

struct limit {
    struct weir_operator base;
    int64_t first, end, seen; /* rows first..end-1 pass; seen so far */
};

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    if (weir_spec_get_boolean(ctx->spec, "retract", true)) return ops_rank_create_limited(ctx, ret);
    struct limit *op = WEIR_ARENA_NEW(ctx->arena, struct limit);
    op->base = (struct weir_operator){ &weir_limit_operator_ops, ctx };
    op->first = WEIR_MAX(weir_spec_get_integer(ctx->spec, "offset", 0), 0);
    int64_t limit = weir_spec_get_integer(ctx->spec, "limit", -1);
    op->end = limit < 0 || limit > INT64_MAX - op->first ? INT64_MAX : op->first + limit;
    *ret = &op->base;
    return WEIR_OK;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct limit *op = (struct limit *)base;
    (void)input;
    int64_t n = weir_batch_selected(in);
    int64_t from = WEIR_MIN(WEIR_MAX(op->first - op->seen, 0), n), to = WEIR_MIN(op->end - op->seen, n);
    op->seen += n;
    if (from < to) {
        weir_batch_reference(out, in);
        if (from > 0 || to < n) {
            uint16_t *selection = weir_batch_ensure_selection(out);
            for (int64_t i = from; i < to; i++)
                selection[i - from] = (uint16_t)weir_batch_row(in, (uint32_t)i);
            out->selected = (uint32_t)(to - from);
        }
    }
    return op->seen >= op->end ? WEIR_OPERATOR_FINISHED : WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_error_code snapshot(
    struct weir_operator *base, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    (void)checkpoint_id;
    (void)reterr;
    weir_buffer_append_u64(to, (uint64_t)((struct limit *)base)->seen);
    return WEIR_OK;
}

static enum weir_error_code restore(struct weir_operator *base, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    (void)reterr;
    for (uint32_t b = 0; b < count; b++) {
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        if (blobs[b].length >= 8) ((struct limit *)base)->seen += (int64_t)weir_reader_u64(&reader);
    }
    return WEIR_OK;
}

const struct weir_operator_ops weir_limit_operator_ops = {
    .name = "limit", .create = create, .process = process, .snapshot = snapshot, .restore = restore
};
