/* Expand: every input row once per projection list (grouping sets). One list a call, so that the output is a
 * view like calc's. */
#include "ops/common.h"

WEIR_OPERATOR(expand);

struct expand {
    struct weir_operator base;
    struct weir_evaluator **evaluators; /* one per list */
    uint32_t list_count, next;          /* next: list to emit for the present input */
};

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct expand *expand = WEIR_ARENA_NEW(ctx->arena, struct expand);
    expand->base = (struct weir_operator){ &weir_expand_operator_ops, ctx };
    const struct weir_spec *lists = weir_spec_get(ctx->spec, "projections");
    expand->list_count = lists ? lists->count : 0;
    expand->evaluators =
        WEIR_ARENA_ARRAY(ctx->arena, struct weir_evaluator *, WEIR_MAX(1u, expand->list_count));
    struct weir_eval_environment *environment = WEIR_ARENA_NEW(ctx->arena, struct weir_eval_environment);
    *environment = ops_environment(ctx);
    for (uint32_t i = 0; i < expand->list_count; i++) {
        struct weir_expr **exprs;
        uint32_t count;
        enum weir_error_code code = ops_spec_exprs(ctx, lists->items[i], &exprs, &count);
        if (!code && count != ctx->output_column_count) {
            code = weir_error_set(ctx->error, WEIR_E_FORMAT,
                "%s: list %u of the plan has %u expressions for %u columns", ctx->task_name, i, count,
                ctx->output_column_count);
        }
        if (!code)
            code = weir_evaluator_new(
                ctx->arena, ctx->memory, exprs, count, environment, &expand->evaluators[i], ctx->error);
        if (code) return code;
    }
    *ret = &expand->base;
    return WEIR_OK;
}

static enum weir_operator_result process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct expand *expand = (struct expand *)op;
    (void)input;
    if (expand->list_count == 0) return WEIR_OPERATOR_NEED_INPUT;
    struct weir_evaluator *evaluator = expand->evaluators[expand->next];
    weir_evaluator_reset(evaluator);
    for (uint32_t c = 0; c < op->ctx->output_column_count; c++) {
        const struct weir_vector *result;
        if (weir_evaluator_run(evaluator, c, in, &result, op->ctx->error)) return WEIR_OPERATOR_FAILED;
        out->columns[c] = *result;
    }
    out->row_count = in->row_count;
    out->kinds = in->kinds;
    out->selection = in->selection;
    out->selected = in->selected;
    if (!weir_batch_share_heaps(out, in) || !weir_evaluator_share_heaps(evaluator, out))
        out->heaps_incomplete = true;
    expand->next = (expand->next + 1) % expand->list_count;
    return expand->next ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

static void close_expand(struct weir_operator *op)
{
    struct expand *expand = (struct expand *)op;
    for (uint32_t i = 0; i < expand->list_count; i++) {
        if (expand->evaluators[i]) weir_evaluator_free(expand->evaluators[i]);
    }
}

const struct weir_operator_ops weir_expand_operator_ops = {
    .name = "expand", .create = create, .process = process, .close = close_expand
};
