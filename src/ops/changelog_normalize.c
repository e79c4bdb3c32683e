/*
 * ChangelogNormalize: an upsert stream (+I or +U, -D that may carry the key only) becomes a full changelog:
 * the last row of each key is remembered. A pushed-down condition makes rows that fail it as good as deleted.
 * With mini-batch rows are held, and the last of each key goes through.
 */
#include "ops/keyed_rows.h"

WEIR_OPERATOR(changelog_normalize);

struct normalize {
    struct keyed_rows keyed;
    struct weir_evaluator *evaluator; /* NULL: no condition */
    bool *passes;                     /* per row of the batch */
};

static ops_row_bundle_apply process_rows;

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct normalize *op = WEIR_ARENA_NEW(ctx->arena, struct normalize);
    struct keyed_rows *k = &op->keyed;
    enum weir_error_code code = keyed_rows_init(k, &weir_changelog_normalize_operator_ops, ctx, process_rows);
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
    op->passes = WEIR_ARENA_ARRAY(ctx->arena, bool, WEIR_BATCH_ROWS_MAX);
    ops_row_bundle_init(&k->own.bundle, ctx, 0);
    ops_row_bundle_fold(&k->own.bundle, 0, OPS_FOLD_LAST, k->columns, k->column_count);
    *ret = &k->own.base;
    return WEIR_OK;
}

static void close_normalize(struct weir_operator *base)
{
    struct normalize *op = (struct normalize *)base;
    keyed_rows_done(&op->keyed);
    if (op->evaluator) weir_evaluator_free(op->evaluator);
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
        weir_evaluator_filter(op->evaluator, 0, &view, kept, &kept_count, op->keyed.own.base.ctx->error);
    for (uint32_t i = 0; i < add_count; i++) op->passes[adds[i]] = false;
    for (uint32_t i = 0; i < kept_count; i++) op->passes[kept[i]] = true;
    return code;
}

static enum keyed_change decide(
    struct keyed_rows *k, const uint8_t *row, const struct weir_batch *in, uint32_t at)
{
    bool quiet = k->own.base.ctx->bounded, present = keyed_row_of(k, row)->present;
    if (!((struct normalize *)k)->passes[at]) {
        if (present && !quiet) ops_mixer_put_state(&k->mixer, WEIR_ROW_DELETE, row, 0);
        return present ? KEYED_GONE : KEYED_UNCHANGED;
    }
    if (present && !k->ttl_ms && ops_row_table_equal(&k->rows, row, in, at)) return KEYED_UNCHANGED;
    if (quiet) return KEYED_STORED;
    if (present && k->emit_update_before) ops_mixer_put_state(&k->mixer, WEIR_ROW_UPDATE_BEFORE, row, 0);
    ops_mixer_put_input(&k->mixer, present ? WEIR_ROW_UPDATE_AFTER : WEIR_ROW_INSERT, at, 0);
    return KEYED_STORED;
}

static void drop_absent(struct keyed_rows *k, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!weir_table_is_live(k->rows.table, k->refs[i])) continue;
        if (!keyed_row_of(k, weir_table_read(k->rows.table, k->refs[i]))->present)
            weir_table_delete(k->rows.table, k->refs[i]);
    }
}

static enum weir_operator_result process_rows(
    struct weir_operator *base, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct normalize *op = (struct normalize *)base;
    (void)input;
    if (op->keyed.position == 0 && (evaluate(op, in) || keyed_rows_find(&op->keyed, in)))
        return WEIR_OPERATOR_FAILED;
    enum weir_operator_result result = keyed_rows_replace(&op->keyed, decide, in, out);
    if (result == WEIR_OPERATOR_NEED_INPUT) drop_absent(&op->keyed, weir_batch_selected(in));
    return result;
}

static enum weir_operator_result end_input(struct weir_operator *base, uint32_t input, struct weir_batch *out)
{
    (void)input;
    return base->ctx->bounded ? keyed_rows_emit_all((struct keyed_rows *)base, out)
                              : ops_row_bundle_flush(base, out);
}

const struct weir_operator_ops weir_changelog_normalize_operator_ops = { .name = "changelog_normalize",
    .create = create,
    .process = ops_row_bundle_process,
    .watermark = ops_row_bundle_watermark,
    .timer = ops_row_bundle_timer,
    .end_input = end_input,
    .flush = ops_row_bundle_flush,
    .close = close_normalize };
