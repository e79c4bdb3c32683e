/*
 * Deduplicate: the first or the last row of each key, by arrival (processing time) or by a row time. Input is
 * insert-only. first, processing time   +I of the first row; only the key is remembered first, row time +I
 * when the watermark says that no earlier one can come; later rows are dropped last                     +I,
 * then [-U] +U; equal rows are passed over where time to live is off (processing time only)
 *
 * Mini-batch: rows are held, and of each key's the first or last goes through; by row time all of them,
 * unless changes are to be compacted, and the first row is then replaced by an earlier one instead of
 * waiting.
 */
#include "ops/keyed_rows.h"

WEIR_OPERATOR(deduplicate);

struct deduplicate {
    struct keyed_rows keyed; /* emitted: first by row time, its +I is out */
    bool keep_last, update_after_only, mini_batch;
    int32_t rowtime;
    struct ops_heap heap; /* first by row time: rows that wait for the watermark */
    bool heap_built;
};

static bool waits(const struct deduplicate *op)
{
    return !op->keep_last && op->rowtime >= 0 && !op->mini_batch;
}

static ops_row_bundle_apply process_rows;

static void open_bundle(struct deduplicate *op)
{
    struct ops_row_bundle *bundle = &op->keyed.own.bundle;
    struct weir_operator_context *ctx = op->keyed.own.base.ctx;
    enum ops_fold fold = op->keep_last ? OPS_FOLD_LAST : OPS_FOLD_FIRST;
    ops_row_bundle_init(bundle, ctx, 0);
    if (op->rowtime >= 0) {
        if (!weir_spec_get_boolean(ctx->spec, "mini_batch_compact", false)) return;
        fold = op->keep_last ? OPS_FOLD_LATEST : OPS_FOLD_EARLIEST;
        bundle->inputs[0].time = (uint32_t)op->rowtime;
    }
    ops_row_bundle_fold(bundle, 0, fold, op->keyed.columns, op->keyed.column_count);
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct deduplicate *op = WEIR_ARENA_NEW(ctx->arena, struct deduplicate);
    enum weir_error_code code =
        keyed_rows_init(&op->keyed, &weir_deduplicate_operator_ops, ctx, process_rows);
    if (code) return code;
    op->keep_last = strcmp(weir_spec_get_text(ctx->spec, "keep", "first"), "last") == 0;
    op->rowtime = (int32_t)weir_spec_get_integer(ctx->spec, "rowtime", -1);
    op->update_after_only = weir_spec_get_boolean(ctx->spec, "insert_update_after", false);
    op->mini_batch = weir_spec_get_boolean(ctx->spec, "mini_batch", false);
    op->heap.memory = ctx->memory;
    open_bundle(op);
    *ret = &op->keyed.own.base;
    return WEIR_OK;
}

static void close_deduplicate(struct weir_operator *base)
{
    struct deduplicate *op = (struct deduplicate *)base;
    keyed_rows_done(&op->keyed);
    ops_heap_done(&op->heap);
}

/* --- first --- */

static enum weir_operator_result keep_first(
    struct deduplicate *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint16_t *selection = weir_batch_ensure_selection(out);
    uint32_t selected = 0;
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        struct keyed_row *keyed = keyed_row_of(&op->keyed, op->keyed.state_rows[i]);
        if (keyed->present) continue;
        keyed->present = true;
        selection[selected++] = (uint16_t)weir_batch_row(in, i);
    }
    out->selection = NULL;
    if (selected == 0) return WEIR_OPERATOR_NEED_INPUT;
    weir_batch_reference(out, in);
    out->selection = selection;
    out->selected = selected;
    return WEIR_OPERATOR_NEED_INPUT;
}

static void build_heap(struct deduplicate *op)
{
    if (op->heap_built) return;
    op->heap_built = true;
    struct weir_table_cursor cursor = { 0 };
    const uint8_t *row;
    weir_row_ref ref;
    struct weir_vector time;
    weir_vector_init(
        &time, op->keyed.own.base.ctx->input_types[0][op->rowtime], 1, op->keyed.own.base.ctx->arena);
    while (weir_table_scan(op->keyed.rows.table, &cursor, &row, &ref, 1)) {
        if (keyed_row_of(&op->keyed, row)->emitted || !keyed_row_of(&op->keyed, row)->present) continue;
        weir_table_column_load(op->keyed.rows.table, &row, 1, op->keyed.rows.place[op->rowtime], &time, 0,
            op->keyed.own.base.ctx->arena, NULL);
        ops_heap_push(&op->heap, ops_time_ms(&time, 0), ref);
    }
}

static void remember_first(struct deduplicate *op, const struct weir_batch *in)
{
    struct weir_operator_context *ctx = op->keyed.own.base.ctx;
    const struct weir_vector *times = &in->columns[op->rowtime];
    build_heap(op);
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        uint32_t at = weir_batch_row(in, i);
        struct keyed_row *keyed = keyed_row_of(&op->keyed, op->keyed.state_rows[i]);
        if (keyed->emitted) continue;
        int64_t ms = ops_time_ms(times, at);
        bool late = !ctx->bounded && ctx->watermark_ms != INT64_MIN && ms <= ctx->watermark_ms;
        if (late) {
            ctx->metrics
                ->late_records_dropped++; /* the key that the look-up made stays, as one that is not there */
            continue;
        }
        uint32_t c = op->keyed.rows.place[op->rowtime];
        if (keyed->present && weir_table_column_compare_vector(
                                  op->keyed.rows.table, op->keyed.state_rows[i], c, times, at, true) <= 0)
            continue;
        keyed->present = true;
        ops_row_table_store(&op->keyed.rows, op->keyed.state_rows[i], in, at, false);
        ops_heap_push(&op->heap, ms, op->keyed.refs[i]);
    }
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct deduplicate *op = (struct deduplicate *)base;
    if (!waits(op)) return ops_row_bundle_watermark(base, watermark_ms, out, forward_ms);
    build_heap(op);
    while (op->heap.count && op->heap.entries[0].time <= watermark_ms) {
        if (out->row_count + op->keyed.mixer.count == WEIR_BATCH_ROWS_MAX) break;
        struct ops_heap_entry entry = ops_heap_pop(&op->heap);
        if (!weir_table_is_live(op->keyed.rows.table, entry.row)) continue;
        uint8_t *row = weir_table_write(op->keyed.rows.table, entry.row);
        struct keyed_row *keyed = keyed_row_of(&op->keyed, row);
        if (keyed->emitted || !keyed->present) continue;
        keyed->emitted = true;
        ops_mixer_put_state(&op->keyed.mixer, WEIR_ROW_INSERT, row, 0);
    }
    ops_mixer_flush(&op->keyed.mixer, NULL, out);
    return op->heap.count && op->heap.entries[0].time <= watermark_ms ? WEIR_OPERATOR_HAVE_MORE
                                                                      : WEIR_OPERATOR_NEED_INPUT;
}

/* --- last (and first by row time with mini-batch, which emits updates) --- */

static bool replaces(struct deduplicate *op, const uint8_t *row, const struct weir_batch *in, uint32_t at)
{
    struct keyed_rows *k = &op->keyed;
    if (op->rowtime < 0) return k->ttl_ms || !ops_row_table_equal(&k->rows, row, in, at);
    int order = weir_table_column_compare_vector(
        k->rows.table, row, k->rows.place[op->rowtime], &in->columns[op->rowtime], at, true);
    return op->keep_last ? order <= 0 : order > 0;
}

static enum keyed_change decide(
    struct keyed_rows *k, const uint8_t *row, const struct weir_batch *in, uint32_t at)
{
    struct deduplicate *op = (struct deduplicate *)k;
    bool present = keyed_row_of(k, row)->present;
    if (present && !replaces(op, row, in, at)) return KEYED_UNCHANGED;
    if (k->own.base.ctx->bounded) return KEYED_STORED;
    bool update = present || op->update_after_only;
    if (present && k->emit_update_before) ops_mixer_put_state(&k->mixer, WEIR_ROW_UPDATE_BEFORE, row, 0);
    ops_mixer_put_input(&k->mixer, update ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT, at, 0);
    return KEYED_STORED;
}

static enum weir_operator_result process_rows(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct deduplicate *op = (struct deduplicate *)base;
    (void)input;
    if (op->keyed.position == 0 && keyed_rows_find(&op->keyed, in)) return WEIR_OPERATOR_FAILED;
    if (waits(op)) {
        remember_first(op, in);
        return WEIR_OPERATOR_NEED_INPUT;
    }
    if (!op->keep_last && op->rowtime < 0) return keep_first(op, in, out);
    return keyed_rows_replace(&op->keyed, decide, in, out);
}

static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct deduplicate *op = (struct deduplicate *)base;
    (void)input;
    if (!base->ctx->bounded) return ops_row_bundle_flush(base, out);
    if (waits(op) || (!op->keep_last && op->rowtime < 0)) return WEIR_OPERATOR_NEED_INPUT;
    return keyed_rows_emit_all(&op->keyed, out);
}

const struct weir_operator_ops weir_deduplicate_operator_ops = { .name = "deduplicate",
    .create = create,
    .process = ops_row_bundle_process,
    .watermark = watermark,
    .timer = ops_row_bundle_timer,
    .end_input = end_input,
    .flush = ops_row_bundle_flush,
    .close = close_deduplicate };
