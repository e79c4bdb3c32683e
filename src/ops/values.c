/* values: the rows of VALUES, out of the plan. Subtask 0 emits them; the position is in the snapshot. */
#include "data/value.h"
#include "ops/sources.h"
#include <string.h>

struct values {
    struct weir_source source;
    const struct weir_spec *rows;
    uint32_t next;
};

static enum weir_error_code values_create(struct weir_operator_context *ctx, struct weir_source **ret);

static enum weir_source_result values_poll(
    struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms)
{
    struct values *v = (struct values *)source;
    while (v->next < v->rows->count && out->row_count < WEIR_BATCH_ROWS_MAX) {
        const struct weir_spec *row = v->rows->items[v->next++];
        for (uint32_t c = 0; c < row->count; c++)
            weir_vector_gather(
                &out->columns[c], out->row_count, row->items[c]->value, NULL, 1, &out->arena, &out->heap);
        out->row_count++;
    }
    return v->next < v->rows->count ? WEIR_SOURCE_ROWS : WEIR_SOURCE_FINISHED;
}

static enum weir_error_code values_snapshot(
    struct weir_source *source, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    weir_buffer_append_u32(to, ((struct values *)source)->next);
    return WEIR_OK;
}

static enum weir_error_code values_restore(struct weir_source *source, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct values *v = (struct values *)source;
    for (uint32_t i = 0; i < count; i++) {
        struct weir_reader reader = { .data = blobs[i].bytes, .length = blobs[i].length };
        uint32_t next = weir_reader_u32(&reader);
        if (reader.failed || next > v->rows->count)
            return weir_error_set(
                reterr, WEIR_E_STATE, "values: position %u of %u rows", next, v->rows->count);
        if (source->ctx->subtask_index == 0 && blobs[i].subtask_index == 0) v->next = next;
    }
    return WEIR_OK;
}

static const struct weir_source_ops values_ops = { .name = "values",
    .create = values_create,
    .poll = values_poll,
    .snapshot = values_snapshot,
    .restore = values_restore };

static enum weir_error_code values_create(struct weir_operator_context *ctx, struct weir_source **ret)
{
    struct values *v = WEIR_ARENA_NEW(ctx->arena, struct values);
    v->source = (struct weir_source){ &values_ops, ctx };
    v->rows = weir_spec_get(ctx->spec, "rows");
    if (!v->rows) return weir_error_set(ctx->error, WEIR_E_INTERNAL, "values: the plan has no rows");
    if (ctx->subtask_index > 0) v->next = v->rows->count;
    *ret = &v->source;
    return WEIR_OK;
}

const struct weir_source_ops *weir_operator_source_find(const char *name)
{
    return strcmp(name, "values") == 0 ? &values_ops : NULL;
}
