/*
 * ChangelogNormalize: an upsert stream (+I or +U, -D that may carry the key only) becomes a full changelog:
 * the last row of each key is remembered. A pushed-down condition makes rows that fail it as good as deleted.
 * With mini-batch rows are held, and the last of each key goes through.
 */
#include "ops/row_bundle.h"
#include "ops/rows.h"

WEIR_OPERATOR(changelog_normalize);

enum { BUNDLE_ROWS = WEIR_BATCH_ROWS_MAX / 2, SWEEP_ROWS = 64 };

struct keyed { /* payload */
    uint32_t touched;
    bool present;
};

struct normalize {
    struct weir_operator base;
    struct ops_row_table rows;
    struct ops_keys keys;
    struct ops_mixer mixer;
    struct weir_evaluator *evaluator; /* NULL: no condition */
    bool *passes;                     /* per row of the batch */
    bool emit_update_before;
    int64_t ttl_ms;
    uint32_t position;
    uint8_t **state_rows;
    weir_row_ref *refs;
    uint8_t **touched;
    int64_t *latest; /* per touched key: the input row to store, -1: it goes */
    uint32_t touched_count;
    struct weir_table_cursor cursor;
    struct ops_row_bundle bundle;
};

static struct keyed *keyed_of(const struct normalize *op, const uint8_t *row)
{
    return (struct keyed *)(row + op->rows.payload);
}

static ops_row_bundle_apply process_rows;

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct normalize *op = WEIR_ARENA_NEW(ctx->arena, struct normalize);
    op->base = (struct weir_operator){ &weir_changelog_normalize_operator_ops, ctx };
    uint32_t *keys, key_count;
    enum weir_error_code code = ops_spec_columns(ctx, "keys", 0, &keys, &key_count);
    if (code) return code;
    const struct weir_spec *condition = weir_spec_get(ctx->spec, "condition");
    if (condition && condition->kind != WEIR_SPEC_NONE) {
        struct weir_expr *expr;
        struct weir_eval_environment *environment = WEIR_ARENA_NEW(ctx->arena, struct weir_eval_environment);
        *environment = ops_environment(ctx);
        code = weir_expr_from_spec(ctx->arena, condition, &expr, ctx->error);
        if (!code)
            code = weir_evaluator_new(
                ctx->arena, ctx->memory, &expr, 1, environment, &op->evaluator, ctx->error);
        if (code) return code;
    }
    op->emit_update_before = weir_spec_get_boolean(ctx->spec, "emit_ub", false);
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
    op->passes = WEIR_ARENA_ARRAY(ctx->arena, bool, WEIR_BATCH_ROWS_MAX);
    op->state_rows = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->refs = WEIR_ARENA_ARRAY(ctx->arena, weir_row_ref, WEIR_BATCH_ROWS_MAX);
    op->touched = WEIR_ARENA_ARRAY(ctx->arena, uint8_t *, WEIR_BATCH_ROWS_MAX);
    op->latest = WEIR_ARENA_ARRAY(ctx->arena, int64_t, WEIR_BATCH_ROWS_MAX);
    if (!ctx->bounded && weir_spec_get_boolean(ctx->spec, "mini_batch", false)) {
        ops_row_bundle_init(&op->bundle, ctx, process_rows, 0);
        ops_row_bundle_fold(&op->bundle, 0, OPS_FOLD_LAST, keys, key_count);
    }
    *ret = &op->base;
    return WEIR_OK;
}

static void close_normalize(struct weir_operator *base)
{
    struct normalize *op = (struct normalize *)base;
    ops_mixer_done(&op->mixer);
    ops_row_bundle_done(&op->bundle);
    if (op->evaluator) weir_evaluator_free(op->evaluator);
}

static void expire(void *context, struct weir_table *table, weir_row_ref ref)
{
    (void)context;
    weir_table_delete(table, ref);
}

/* Only rows that add are asked: a deletion may carry nothing but its key. */
static enum weir_error_code evaluate(struct normalize *op, const struct weir_batch *in)
{
    uint16_t adds[WEIR_BATCH_ROWS_MAX], kept[WEIR_BATCH_ROWS_MAX];
    uint32_t add_count = 0, kept_count = 0;
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        op->passes[row] = weir_row_kind_is_add(weir_batch_kind(in, row));
        if (op->passes[row]) adds[add_count++] = (uint16_t)row;
    }
    if (!op->evaluator || !add_count) return WEIR_OK;
    struct weir_batch view = *in;
    view.selection = adds;
    view.selected = add_count;
    weir_evaluator_reset(op->evaluator);
    enum weir_error_code code =
        weir_evaluator_filter(op->evaluator, 0, &view, kept, &kept_count, op->base.ctx->error);
    for (uint32_t i = 0; i < add_count; i++) op->passes[adds[i]] = false;
    for (uint32_t i = 0; i < kept_count; i++) op->passes[kept[i]] = true;
    return code;
}

static enum weir_error_code begin_batch(struct normalize *op, const struct weir_batch *in)
{
    uint8_t states[WEIR_BATCH_ROWS_MAX];
    weir_table_sweep(op->rows.table, SWEEP_ROWS, expire, op);
    enum weir_error_code code = evaluate(op, in);
    if (code) return code;
    ops_keys_read(&op->keys, op->base.ctx, in);
    struct weir_table_keys keys = { .count = weir_batch_selected(in),
        .rows = ops_rows(in),
        .columns = op->keys.vectors,
        .hashes = op->keys.hashes,
        .key_groups = op->keys.groups };
    code = weir_table_upsert(op->rows.table, &keys, op->state_rows, op->refs, states, op->base.ctx->error);
    for (uint32_t i = 0; !code && op->ttl_ms && i < keys.count; i++) {
        if (states[i] == WEIR_ROW_EXPIRED) keyed_of(op, op->state_rows[i])->present = false;
    }
    return code;
}

/* One row's transition into the mixer; false: it changes nothing. */
static bool transition(
    struct normalize *op, const uint8_t *row, bool present, const struct weir_batch *in, uint32_t at)
{
    bool quiet = op->base.ctx->bounded;
    if (!op->passes[at]) {
        if (present && !quiet) ops_mixer_put_state(&op->mixer, WEIR_ROW_DELETE, row, 0);
        return present;
    }
    if (present && !op->ttl_ms && ops_row_table_equal(&op->rows, row, in, at)) return false;
    if (quiet) return true;
    if (present && op->emit_update_before) ops_mixer_put_state(&op->mixer, WEIR_ROW_UPDATE_BEFORE, row, 0);
    ops_mixer_put_input(&op->mixer, present ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT, at, 0);
    return true;
}

static void drop_absent(struct normalize *op, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_table_is_live(op->rows.table, op->refs[i])) continue;
        if (!keyed_of(op, weir_table_read(op->rows.table, op->refs[i]))->present)
            weir_table_delete(op->rows.table, op->refs[i]);
    }
}

static enum weir_operator_result process_rows(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct normalize *op = (struct normalize *)base;
    (void)input;
    uint32_t n = weir_batch_selected(in);
    if (op->position == 0 && begin_batch(op, in)) return WEIR_OPERATOR_FAILED;
    while (op->position < n && ops_room(out) >= 2) { /* a row in makes at most two out */
        uint32_t rows_max = WEIR_MIN((uint32_t)BUNDLE_ROWS, ops_room(out) / 2);
        op->touched_count = 0;
        for (; op->position < n && op->touched_count < rows_max; op->position++) {
            uint8_t *row = op->state_rows[op->position];
            struct keyed *keyed = keyed_of(op, row);
            uint32_t at = weir_batch_row(in, op->position);
            if (keyed->touched < op->touched_count && op->touched[keyed->touched] == row) break;
            if (!transition(op, row, keyed->present, in, at)) continue;
            keyed->touched = op->touched_count;
            op->touched[op->touched_count] = row;
            op->latest[op->touched_count++] = op->passes[at] ? (int64_t)at : -1;
        }
        ops_mixer_flush(&op->mixer, in, out);
        for (uint32_t t = 0; t < op->touched_count; t++) {
            keyed_of(op, op->touched[t])->present = op->latest[t] >= 0;
            if (op->latest[t] >= 0)
                ops_row_table_store(&op->rows, op->touched[t], in, (uint32_t)op->latest[t], false);
        }
    }
    if (op->position < n) return WEIR_OPERATOR_HAVE_MORE;
    op->position = 0;
    drop_absent(op, n);
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result process(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct normalize *op = (struct normalize *)base;
    return op->bundle.apply ? ops_row_bundle_process(&op->bundle, base, input, in, out)
                            : process_rows(base, input, in, out);
}

static enum weir_operator_result watermark(
    struct weir_operator *base, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    return ops_row_bundle_watermark(&((struct normalize *)base)->bundle, base, watermark_ms, out, forward_ms);
}

static enum weir_operator_result flush(struct weir_operator *base, struct weir_batch *out)
{
    return ops_row_bundle_flush(&((struct normalize *)base)->bundle, base, out);
}

static enum weir_operator_result timer(struct weir_operator *base, int64_t now_ms, struct weir_batch *out)
{
    (void)now_ms;
    return flush(base, out);
}

static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    struct normalize *op = (struct normalize *)base;
    (void)input;
    if (!base->ctx->bounded) return flush(base, out);
    const uint8_t *rows[WEIR_BATCH_ROWS_MAX];
    uint32_t n = weir_table_scan(op->rows.table, &op->cursor, rows, NULL, WEIR_BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < n; i++) ops_mixer_put_state(&op->mixer, WEIR_ROW_INSERT, rows[i], 0);
    ops_mixer_flush(&op->mixer, NULL, out);
    return n ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_changelog_normalize_operator_ops = { .name = "changelog_normalize",
    .create = create,
    .process = process,
    .watermark = watermark,
    .timer = timer,
    .end_input = end_input,
    .flush = flush,
    .close = close_normalize };
