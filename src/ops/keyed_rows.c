#include "ops/keyed_rows.h"

enum { BUNDLE_ROWS = WEIR_BATCH_ROWS_MAX / 2, SWEEP_ROWS = 64 };

enum weir_error_code keyed_rows_init(struct keyed_rows *k, const struct weir_operator_ops *ops,
    struct weir_operator_context *ctx, ops_row_bundle_apply *apply)
{
    k->own.base = (struct weir_operator){ ops, ctx };
    k->own.bundle.apply = apply;
    uint32_t *columns;
    enum weir_error_code code = ops_spec_columns(ctx, "keys", 0, &columns, &k->column_count);
    if (code) return code;
    k->columns = columns;
    k->emit_update_before = weir_spec_get_boolean(ctx->spec, "emit_ub", false);
    k->ttl_ms = ctx->bounded ? 0 : weir_spec_get_integer(ctx->spec, "ttl_ms", 0);
    ops_row_table_init(&k->rows, ctx,
        &(struct ops_row_table_options){ .name = "rows",
            .keys = columns,
            .key_count = k->column_count,
            .payload_bytes = sizeof(struct keyed_row),
            .ttl_ms = k->ttl_ms,
            .indexed = true });
    ops_keys_init(&k->keys, ctx, columns, k->column_count);
    ops_mixer_init(&k->mixer, ctx, &k->rows, false);
    k->state_rows = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    k->refs = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    k->touched = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    k->latest = WEIR_ARENA_ARRAY(ctx->arena, int64_t, WEIR_BATCH_ROWS_MAX);
    return WEIR_OK;
}

void keyed_rows_done(struct keyed_rows *k)
{
    ops_mixer_done(&k->mixer);
    ops_row_bundle_done(&k->own.bundle);
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    (void)context;
    weir_table_delete(table, ref);
}

enum weir_error_code keyed_rows_find(struct keyed_rows *k, const struct weir_batch *in)
{
    struct weir_operator_context *ctx = k->own.base.ctx;
    uint8_t states[WEIR_BATCH_ROWS_MAX];
    weir_table_sweep(k->rows.table, SWEEP_ROWS, expire, k);
    ops_keys_read(&k->keys, ctx, in);
    struct weir_table_keys keys = { .count = weir_batch_selected(in),
        .rows = ops_rows(in),
        .columns = k->keys.vectors,
        .hashes = k->keys.hashes,
        .key_groups = k->keys.groups };
    enum weir_error_code code =
        weir_table_upsert(k->rows.table, &keys, k->state_rows, k->refs, states, ctx->error);
    for (uint32_t i = 0; !code && k->ttl_ms && i < keys.count; i++) {
        if (states[i] == WEIR_ROW_EXPIRED) *keyed_row_of(k, k->state_rows[i]) = (struct keyed_row){ 0 };
    }
    return code;
}

/* Takes the next rows, until a key comes up a second time: what it replaces is read before it is overwritten.
 */
static void decide_rows(
    struct keyed_rows *k, keyed_rows_decide *decide, const struct weir_batch *in, uint32_t rows_max)
{
    uint32_t n = weir_batch_selected(in);
    k->touched_count = 0;
    for (; k->position < n && k->touched_count < rows_max; k->position++) {
        uint8_t *row = k->state_rows[k->position];
        struct keyed_row *keyed = keyed_row_of(k, row);
        uint32_t at = weir_batch_row(in, k->position);
        if (keyed->touched < k->touched_count && k->touched[keyed->touched] == row) break;
        enum keyed_change change = decide(k, row, in, at);
        if (change == KEYED_UNCHANGED) continue;
        keyed->touched = k->touched_count;
        k->touched[k->touched_count] = row;
        k->latest[k->touched_count++] = change == KEYED_STORED ? (int64_t)at : -1;
    }
}

enum weir_operator_result keyed_rows_replace(
    struct keyed_rows *k, keyed_rows_decide *decide, const struct weir_batch *in, struct weir_batch *out)
{
    uint32_t n = weir_batch_selected(in);
    while (k->position < n && ops_room(out) >= 2) { /* a row in makes at most two out */
        decide_rows(k, decide, in, WEIR_MIN((uint32_t)BUNDLE_ROWS, ops_room(out) / 2));
        ops_mixer_flush(&k->mixer, in, out);
        for (uint32_t t = 0; t < k->touched_count; t++) {
            keyed_row_of(k, k->touched[t])->present = k->latest[t] >= 0;
            if (k->latest[t] >= 0)
                ops_row_table_store(&k->rows, k->touched[t], in, (uint32_t)k->latest[t], false);
        }
    }
    if (k->position < n) return WEIR_OPERATOR_HAVE_MORE;
    k->position = 0;
    return WEIR_OPERATOR_NEED_INPUT;
}

enum weir_operator_result keyed_rows_emit_all(struct keyed_rows *k, struct weir_batch *out)
{
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    uint32_t n = weir_table_scan(k->rows.table, &k->cursor, rows, NULL, WEIR_BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < n; i++) ops_mixer_put_state(&k->mixer, WEIR_ROW_INSERT, rows[i], 0);
    ops_mixer_flush(&k->mixer, NULL, out);
    return n ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}
