#include "ops/join_pairs.h"

enum weir_error_code join_pairs_init(struct join_pairs *pairs, struct weir_operator_context *ctx)
{
    pairs->ctx = ctx;
    pairs->out_input = WEIR_ARENA_ARRAY(ctx->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    pairs->out_other = WEIR_ARENA_ARRAY(ctx->arena, const uint8_t *, WEIR_BATCH_ROWS_MAX);
    pairs->out_kind = WEIR_ARENA_ARRAY(ctx->arena, uint8_t, WEIR_BATCH_ROWS_MAX);
    const struct weir_spec *spec = weir_spec_get(ctx->spec, "condition");
    if (!spec) return WEIR_OK;
    struct weir_expr *condition;
    enum weir_error_code code = weir_expr_from_spec(ctx->arena, spec, &condition, ctx->error);
    if (code) return code;
    pairs->environment = ops_environment(ctx);
    code = weir_evaluator_new(
        ctx->arena, ctx->memory, &condition, 1, &pairs->environment, &pairs->condition, ctx->error);
    if (code) return code;
    uint32_t left = ctx->input_column_counts[0], right = ctx->input_column_counts[1];
    const struct weir_type **types = WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, left + right + 1);
    memcpy(types, ctx->input_types[0], left * sizeof *types);
    memcpy(types + left, ctx->input_types[1], right * sizeof *types);
    weir_batch_init(&pairs->candidates, types, left + right, ctx->memory);
    return WEIR_OK;
}

void join_pairs_done(struct join_pairs *pairs)
{
    if (pairs->condition) {
        weir_evaluator_free(pairs->condition);
        weir_batch_done(&pairs->candidates);
    }
    weir_memory_release(pairs->ctx->memory, pairs->items, pairs->capacity * sizeof *pairs->items);
}

void join_push_pair(struct join_pairs *pairs, uint32_t position, weir_row_ref other, const uint8_t *row)
{
    if (pairs->count == pairs->capacity) {
        uint32_t capacity = pairs->capacity ? pairs->capacity * 2 : WEIR_BATCH_ROWS_MAX;
        pairs->items = weir_memory_reallocate(pairs->ctx->memory, pairs->items,
            pairs->capacity * sizeof *pairs->items, capacity * sizeof *pairs->items);
        pairs->capacity = capacity;
    }
    pairs->items[pairs->count++] = (struct join_pair){ position, other, row };
}

/* Both sides' columns of pairs: from the input batch and from state. */
static void load_candidates(
    struct join_pairs *pairs, uint32_t input, const struct weir_batch *in, uint32_t first, uint32_t count)
{
    const struct join_view *other = &pairs->views[1 - input];
    uint32_t left = pairs->views[0].column_count;
    uint32_t input_at = input == 0 ? 0 : left, other_at = input == 0 ? left : 0;
    uint32_t rows[WEIR_BATCH_ROWS_MAX];
    const uint8_t *others[WEIR_BATCH_ROWS_MAX];
    weir_batch_reset(&pairs->candidates);
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = weir_batch_row(in, pairs->items[first + i].position);
        others[i] = pairs->items[first + i].row;
    }
    struct weir_batch *to = &pairs->candidates;
    bool shared = weir_batch_share_heaps(to, in);
    struct weir_heap_writer *heap = shared ? NULL : &to->heap;
    for (uint32_t c = 0; c < in->column_count; c++)
        weir_vector_gather(&to->columns[input_at + c], 0, &in->columns[c], rows, count, &to->arena, heap);
    for (uint32_t c = 0; c < other->column_count; c++) {
        struct weir_vector *column = &to->columns[other_at + c];
        uint32_t from = other->position[c];
        if (from & JOIN_COLUMN_OF_INPUT)
            weir_vector_gather(
                column, 0, &in->columns[from & ~JOIN_COLUMN_OF_INPUT], rows, count, &to->arena, heap);
        else
            weir_table_column_load(other->table, others, count, from, column, 0, &to->arena, &to->heap);
    }
    to->row_count = count;
}

enum weir_error_code join_filter_pairs(
    struct join_pairs *pairs, uint32_t input, const struct weir_batch *in, uint32_t first)
{
    uint32_t kept = first;
    for (uint32_t at = first; at < pairs->count; at += WEIR_BATCH_ROWS_MAX) {
        uint32_t count = WEIR_MIN(pairs->count - at, (uint32_t)WEIR_BATCH_ROWS_MAX), passed;
        uint16_t selection[WEIR_BATCH_ROWS_MAX];
        load_candidates(pairs, input, in, at, count);
        weir_evaluator_reset(pairs->condition);
        enum weir_error_code code = weir_evaluator_filter(
            pairs->condition, 0, &pairs->candidates, selection, &passed, pairs->ctx->error);
        if (code) return code;
        for (uint32_t i = 0; i < passed; i++) pairs->items[kept++] = pairs->items[at + selection[i]];
    }
    pairs->count = kept;
    return WEIR_OK;
}

/* The input's part of the output, and what of the other side's is known from it. */
static void gather_input(struct join_pairs *pairs, uint32_t input, const struct weir_batch *in,
    struct weir_batch *out, uint32_t input_at, uint32_t other_at)
{
    const struct join_view *other = &pairs->views[1 - input];
    uint32_t rows[WEIR_BATCH_ROWS_MAX];
    bool padded = false, other_padded = false;
    for (uint32_t i = 0; i < pairs->out_count; i++) {
        padded |= pairs->out_input[i] == JOIN_NO_ROW;
        other_padded |= !pairs->out_other[i];
        rows[i] = pairs->out_input[i] == JOIN_NO_ROW ? 0 : pairs->out_input[i];
    }
    struct weir_heap_writer *heap = weir_batch_share_heaps(out, in) ? NULL : &out->heap;
    for (uint32_t c = 0; c < in->column_count && input_at != UINT32_MAX; c++) {
        struct weir_vector *to = &out->columns[input_at + c];
        weir_vector_gather(to, 0, &in->columns[c], rows, pairs->out_count, &out->arena, heap);
        for (uint32_t i = 0; padded && i < pairs->out_count; i++)
            if (pairs->out_input[i] == JOIN_NO_ROW) weir_vector_set_null(to, i, &out->arena);
    }
    for (uint32_t c = 0; c < other->column_count && other_at != UINT32_MAX; c++) {
        if (!(other->position[c] & JOIN_COLUMN_OF_INPUT)) continue;
        struct weir_vector *to = &out->columns[other_at + c];
        const struct weir_vector *from = &in->columns[other->position[c] & ~JOIN_COLUMN_OF_INPUT];
        weir_vector_gather(to, 0, from, rows, pairs->out_count, &out->arena, heap);
        for (uint32_t i = 0; other_padded && i < pairs->out_count; i++)
            if (!pairs->out_other[i]) weir_vector_set_null(to, i, &out->arena);
    }
}

void join_flush(struct join_pairs *pairs, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t count = pairs->out_count, left = pairs->views[0].column_count;
    if (count == 0) return;
    const struct join_view *other = &pairs->views[1 - input];
    /* UINT32_MAX: not among the output's columns. */
    uint32_t input_at = input == 0 ? 0 : pairs->left_only ? UINT32_MAX : left;
    uint32_t other_at = input == 1 ? 0 : pairs->left_only ? UINT32_MAX : left;
    if (in) gather_input(pairs, input, in, out, input_at, other_at);
    for (uint32_t c = 0; other_at != UINT32_MAX && c < other->column_count; c++) {
        if (!(other->position[c] & JOIN_COLUMN_OF_INPUT))
            weir_table_column_load(other->table, pairs->out_other, count, other->position[c],
                &out->columns[other_at + c], 0, &out->arena, &out->heap);
    }
    for (uint32_t c = 0; !in && !pairs->left_only && c < pairs->views[input].column_count; c++) {
        struct weir_vector *to = &out->columns[input_at + c];
        weir_vector_init_null(to, to->type, &out->arena);
    }
    bool inserts = true;
    for (uint32_t i = 0; i < count && inserts; i++) inserts = pairs->out_kind[i] == WEIR_ROW_INSERT;
    if (!inserts) memcpy(weir_batch_ensure_kinds(out), pairs->out_kind, count);
    out->row_count = count;
    pairs->out_count = 0;
}
