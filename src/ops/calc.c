/*
 * Calc: filter, then project. The filter only makes a selection; plain columns are handed on by reference;
 * computed ones are whatever the evaluator gives (any encoding), indexed by the rows of the input. Nothing is
 * copied.
 */
#include "ops/common.h"

WEIR_OPERATOR(calc);

struct calc {
    struct weir_operator base;
    struct weir_evaluator *evaluator;
    uint32_t projection_count;
    uint32_t *plain; /* input column, or UINT32_MAX: computed */
    bool filters;    /* the condition is expression number projection_count */
};

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct calc *calc = WEIR_ARENA_NEW(ctx->arena, struct calc);
    calc->base = (struct weir_operator){ &weir_calc_operator_ops, ctx };
    struct weir_expr **exprs;
    enum weir_error_code code =
        ops_spec_exprs(ctx, weir_spec_get(ctx->spec, "projections"), &exprs, &calc->projection_count);
    if (code) return code;
    const struct weir_spec *condition = weir_spec_get(ctx->spec, "condition");
    calc->filters = condition && condition->kind != WEIR_SPEC_NONE;
    struct weir_expr **all = WEIR_ARENA_ARRAY(ctx->arena, struct weir_expr *, calc->projection_count + 1);
    memcpy(all, exprs, calc->projection_count * sizeof *all);
    if (calc->filters) {
        code = weir_expr_from_spec(ctx->arena, condition, &all[calc->projection_count], ctx->error);
        if (code) return code;
    }
    calc->plain = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, calc->projection_count + 1);
    for (uint32_t i = 0; i < calc->projection_count; i++) {
        calc->plain[i] = all[i]->kind == WEIR_EXPR_COLUMN ? all[i]->column : UINT32_MAX;
    }
    struct weir_eval_environment *environment = WEIR_ARENA_NEW(ctx->arena, struct weir_eval_environment);
    *environment = ops_environment(ctx);
    code = weir_evaluator_new(ctx->arena, ctx->memory, all, calc->projection_count + calc->filters,
        environment, &calc->evaluator, ctx->error);
    if (code) return code;
    *ret = &calc->base;
    return WEIR_OK;
}

static enum weir_operator_result process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct calc *calc = (struct calc *)op;
    (void)input;
    weir_evaluator_reset(calc->evaluator);
    struct weir_batch view = *in; /* the same rows, fewer of them selected */
    if (calc->filters) {
        uint16_t *selection = weir_batch_ensure_selection(out);
        uint32_t selected = 0;
        if (weir_evaluator_filter(
                calc->evaluator, calc->projection_count, in, selection, &selected, op->ctx->error))
            return WEIR_OPERATOR_FAILED;
        out->selected = selected;
        if (selected == 0) {
            out->selection = NULL;
            return WEIR_OPERATOR_NEED_INPUT;
        }
        if (selected == in->row_count) out->selection = NULL;
        view.selection = out->selection;
        view.selected = selected;
    } else {
        out->selection = in->selection;
        out->selected = in->selected;
    }
    out->row_count = in->row_count;
    out->kinds = in->kinds;
    for (uint32_t i = 0; i < calc->projection_count; i++) {
        if (calc->plain[i] != UINT32_MAX) {
            out->columns[i] = in->columns[calc->plain[i]];
            continue;
        }
        const struct weir_vector *result;
        if (weir_evaluator_run(calc->evaluator, i, &view, &result, op->ctx->error))
            return WEIR_OPERATOR_FAILED;
        out->columns[i] = *result;
    }
    if (!weir_batch_share_heaps(out, in) || !weir_evaluator_share_heaps(calc->evaluator, out))
        out->heaps_incomplete = true;
    return WEIR_OPERATOR_NEED_INPUT;
}

static void close_calc(struct weir_operator *op)
{
    weir_evaluator_free(((struct calc *)op)->evaluator);
}

const struct weir_operator_ops weir_calc_operator_ops = {
    .name = "calc", .create = create, .process = process, .close = close_calc
};
