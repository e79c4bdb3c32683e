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
#include "ops/row_bundle.h"
#include "ops/rows.h"

WEIR_OPERATOR(deduplicate);

enum { BUNDLE_ROWS = WEIR_BATCH_ROWS_MAX / 2, SWEEP_ROWS = 64 };

struct keyed {                 /* payload */
    uint32_t touched, emitted; /* emitted: first by row time, its +I is out */
    bool present;
};

struct deduplicate {
    struct weir_operator base;
    struct ops_row_table rows;
    struct ops_keys keys;
    struct ops_mixer mixer;
    bool keep_last, emit_update_before, update_after_only, mini_batch;
    int32_t rowtime;
    int64_t ttl_ms;
    uint32_t position;
    uint8_t **state_rows;
    weir_row_ref *refs;
    uint8_t **touched;
    uint32_t *latest; /* per touched key: the input row to store */
    uint32_t touched_count;
    struct ops_heap heap; /* first by row time: rows that wait for the watermark */
    bool heap_built;
    struct weir_table_cursor cursor;
    struct ops_row_bundle bundle;
};

static struct keyed *keyed_of(const struct deduplicate *op, const uint8_t *row)
{
    return (struct keyed *)(row + op->rows.payload);
}
static bool waits(const struct deduplicate *op)
{
    return !op->keep_last && op->rowtime >= 0 && !op->mini_batch;
}

static ops_row_bundle_apply process_rows;

static void open_bundle(struct deduplicate *op, const uint32_t *keys, uint32_t key_count)
{
    struct weir_operator_context *ctx = op->base.ctx;
    if (ctx->bounded || !op->mini_batch) return;
    enum ops_fold fold = op->keep_last ? OPS_FOLD_LAST : OPS_FOLD_FIRST;
    ops_row_bundle_init(&op->bundle, ctx, process_rows, 0);
    if (op->rowtime >= 0) {
        if (!weir_spec_get_boolean(ctx->spec, "mini_batch_compact", false)) return;
        fold = op->keep_last ? OPS_FOLD_LATEST : OPS_FOLD_EARLIEST;
        op->bundle.inputs[0].time = (uint32_t)op->rowtime;
    }
    ops_row_bundle_fold(&op->bundle, 0, fold, keys, key_count);
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct deduplicate *op = WEIR_ARENA_NEW(ctx->arena, struct deduplicate);
    op->base = (struct weir_operator){ &weir_deduplicate_operator_ops, ctx };
    uint32_t *keys, key_count;
    enum weir_error_code code = ops_spec_columns(ctx, "keys", 0, &keys, &key_count);
    if (code) return code;
    op->keep_last = strcmp(weir_spec_get_text(ctx->spec, "keep", "first"), "last") == 0;
    op->rowtime = (int32_t)weir_spec_get_integer(ctx->spec, "rowtime", -1);
    op->emit_update_before = weir_spec_get_boolean(ctx->spec, "emit_ub", false);
    op->update_after_only = weir_spec_get_boolean(ctx->spec, "insert_update_after", false);
    op->mini_batch = weir_spec_get_boolean(ctx->spec, "mini_batch", false);
    op->ttl_ms = ctx->bounded ? 0 : weir_spec_get_integer(ctx->spec, "ttl_ms", 0);
    ops_row_table_init(&op->rows, ctx,
        &(struct ops_row_table_options){ .name = "rows",
            .keys = keys,
            .key_count = key_count,
            .payload_bytes = sizeof(struct keyed),
            .ttl_ms = op->ttl_ms,
            .indexed = true });
    ops_keys_init(&op->keys, ctx, keys, key_count);
    ops_mixer_init(&op->mixer, ctx, &op->rows, false);
    op->state_rows = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->refs = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    op->touched = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->latest = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, WEIR_BATCH_ROWS_MAX);
    op->heap.memory = ctx->memory;
    open_bundle(op, keys, key_count);
    *ret = &op->base;
    return WEIR_OK;
}

static void close_deduplicate(struct weir_operator *base)
{
    struct deduplicate *op = (struct deduplicate *)base;
    ops_mixer_done(&op->mixer);
    ops_heap_done(&op->heap);
    ops_row_bundle_done(&op->bundle);
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    (void)context;
    weir_table_delete(table, ref);
}

static enum weir_error_code find_rows(struct deduplicate *op, const struct weir_batch *in)
{
    uint8_t states[WEIR_BATCH_ROWS_MAX];
    ops_keys_read(&op->keys, op->base.ctx, in);
    struct weir_table_keys keys = { .count = weir_batch_selected(in),
        .rows = ops_rows(in),
        .columns = op->keys.vectors,
        .hashes = op->keys.hashes,
        .key_groups = op->keys.groups };
    enum weir_error_code code =
        weir_table_upsert(op->rows.table, &keys, op->state_rows, op->refs, states, op->base.ctx->error);
    for (uint32_t i = 0; !code && op->ttl_ms && i < keys.count; i++) {
        if (states[i] == WEIR_ROW_EXPIRED) *keyed_of(op, op->state_rows[i]) = (struct keyed){ 0 };
    }
    return code;
}

/* --- first --- */

static enum weir_operator_result keep_first(
    struct deduplicate *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint16_t *selection = weir_batch_ensure_selection(out);
    uint32_t selected = 0;
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        struct keyed *keyed = keyed_of(op, op->state_rows[i]);
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
    weir_vector_init(&time, op->base.ctx->input_types[0][op->rowtime], 1, op->base.ctx->arena);
    while (weir_table_scan(op->rows.table, &cursor, &row, &ref, 1)) {
        if (keyed_of(op, row)->emitted || !keyed_of(op, row)->present) continue;
        weir_table_column_load(
            op->rows.table, &row, 1, op->rows.place[op->rowtime], &time, 0, op->base.ctx->arena, NULL);
        ops_heap_push(&op->heap, ops_time_ms(&time, 0), ref);
    }
}

static void remember_first(struct deduplicate *op, const struct weir_batch *in)
{
    struct weir_operator_context *ctx = op->base.ctx;
    const struct weir_vector *times = &in->columns[op->rowtime];
    build_heap(op);
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        uint32_t at = weir_batch_row(in, i);
        struct keyed *keyed = keyed_of(op, op->state_rows[i]);
        if (keyed->emitted) continue;
        int64_t ms = ops_time_ms(times, at);
        bool late = !ctx->bounded && ctx->watermark_ms != INT64_MIN && ms <= ctx->watermark_ms;
        if (late) {
            ctx->metrics
                ->late_records_dropped++; /* the key that the look-up made stays, as one that is not there */
            continue;
        }
        uint32_t c = op->rows.place[op->rowtime];
        if (keyed->present &&
            weir_table_column_compare_vector(op->rows.table, op->state_rows[i], c, times, at, true) <= 0)
            continue;
        keyed->present = true;
        ops_row_table_store(&op->rows, op->state_rows[i], in, at, false);
        ops_heap_push(&op->heap, ms, op->refs[i]);
    }
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct deduplicate *op = (struct deduplicate *)base;
    if (!waits(op)) return ops_row_bundle_watermark(&op->bundle, base, watermark_ms, out, forward_ms);
    build_heap(op);
    while (op->heap.count && op->heap.entries[0].time <= watermark_ms) {
        if (out->row_count + op->mixer.count == WEIR_BATCH_ROWS_MAX) break;
        struct ops_heap_entry entry = ops_heap_pop(&op->heap);
        if (!weir_table_is_live(op->rows.table, entry.row)) continue;
        uint8_t *row = weir_table_write(op->rows.table, entry.row);
        struct keyed *keyed = keyed_of(op, row);
        if (keyed->emitted || !keyed->present) continue;
        keyed->emitted = 1;
        ops_mixer_put_state(&op->mixer, WEIR_ROW_INSERT, row, 0);
    }
    ops_mixer_flush(&op->mixer, NULL, out);
    return op->heap.count && op->heap.entries[0].time <= watermark_ms ? WEIR_OPERATOR_HAVE_MORE
                                                                      : WEIR_OPERATOR_NEED_INPUT;
}

/* --- last (and first by row time with mini-batch, which emits updates) --- */

static bool replaces(struct deduplicate *op, const uint8_t *row, const struct weir_batch *in, uint32_t at)
{
    if (op->rowtime < 0) return op->ttl_ms || !ops_row_table_equal(&op->rows, row, in, at);
    int order = weir_table_column_compare_vector(
        op->rows.table, row, op->rows.place[op->rowtime], &in->columns[op->rowtime], at, true);
    return op->keep_last ? order <= 0 : order > 0;
}

/* A bundle ends before a key comes up a second time: what it replaced is read before it is overwritten. */
static enum weir_operator_result keep_replacing(
    struct deduplicate *op, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t n = weir_batch_selected(in);
    bool quiet = op->base.ctx->bounded;
    while (op->position < n && ops_room(out) >= 2) { /* a row in makes at most two out */
        uint32_t rows_max = WEIR_MIN((uint32_t)BUNDLE_ROWS, ops_room(out) / 2);
        op->touched_count = 0;
        for (; op->position < n && op->touched_count < rows_max; op->position++) {
            uint8_t *row = op->state_rows[op->position];
            struct keyed *keyed = keyed_of(op, row);
            uint32_t at = weir_batch_row(in, op->position);
            if (keyed->touched < op->touched_count && op->touched[keyed->touched] == row) break;
            if (keyed->present && !replaces(op, row, in, at)) continue;
            keyed->touched = op->touched_count;
            op->touched[op->touched_count] = row;
            op->latest[op->touched_count++] = at;
            if (quiet) continue;
            bool update = keyed->present || op->update_after_only;
            if (keyed->present && op->emit_update_before)
                ops_mixer_put_state(&op->mixer, WEIR_ROW_UPDATE_BEFORE, row, 0);
            ops_mixer_put_input(&op->mixer, update ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT, at, 0);
        }
        ops_mixer_flush(&op->mixer, in, out);
        for (uint32_t t = 0; t < op->touched_count; t++) {
            keyed_of(op, op->touched[t])->present = true;
            ops_row_table_store(&op->rows, op->touched[t], in, op->latest[t], false);
        }
    }
    if (op->position < n) return WEIR_OPERATOR_HAVE_MORE;
    op->position = 0;
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result process_rows(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct deduplicate *op = (struct deduplicate *)base;
    (void)input;
    if (op->position == 0) {
        weir_table_sweep(op->rows.table, SWEEP_ROWS, expire, op);
        if (find_rows(op, in)) return WEIR_OPERATOR_FAILED;
    }
    if (waits(op)) {
        remember_first(op, in);
        return WEIR_OPERATOR_NEED_INPUT;
    }
    if (!op->keep_last && op->rowtime < 0) return keep_first(op, in, out);
    return keep_replacing(op, in, out);
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct deduplicate *op = (struct deduplicate *)base;
    return op->bundle.apply ? ops_row_bundle_process(&op->bundle, base, input, in, out)
                            : process_rows(base, input, in, out);
}

static enum weir_operator_result flush(struct weir_operator *base, struct weir_batch *out)
{
    return ops_row_bundle_flush(&((struct deduplicate *)base)->bundle, base, out);
}

static enum weir_operator_result timer(struct weir_operator *base, int64_t now_ms, struct weir_batch *out)
{
    (void)now_ms;
    return flush(base, out);
}

static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct deduplicate *op = (struct deduplicate *)base;
    (void)input;
    if (!base->ctx->bounded) return flush(base, out);
    if (waits(op) || (!op->keep_last && op->rowtime < 0)) return WEIR_OPERATOR_NEED_INPUT;
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    uint32_t n = weir_table_scan(op->rows.table, &op->cursor, rows, NULL, WEIR_BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < n; i++) ops_mixer_put_state(&op->mixer, WEIR_ROW_INSERT, rows[i], 0);
    ops_mixer_flush(&op->mixer, NULL, out);
    return n ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_deduplicate_operator_ops = { .name = "deduplicate",
    .create = create,
    .process = process,
    .watermark = watermark,
    .timer = timer,
    .end_input = end_input,
    .flush = flush,
    .close = close_deduplicate };
