/* DropUpdateBefore: the consumer wants no -U. A selection is made, nothing is copied. */
#include "ops/common.h"

WEIR_OPERATOR(drop_update_before);

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct weir_operator *op = WEIR_ARENA_NEW(ctx->arena, struct weir_operator);
    *op = (struct weir_operator){ &weir_drop_update_before_operator_ops, ctx };
    *ret = op;
    return WEIR_OK;
}

static enum weir_operator_result process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    (void)op;
    (void)input;
    weir_batch_reference(out, in);
    if (!in->kinds) return WEIR_OPERATOR_NEED_INPUT;
    uint16_t *selection = weir_batch_ensure_selection(out);
    uint32_t selected = 0;
    for (uint32_t i = 0, n = weir_batch_selected(in); i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        if (in->kinds[row] != WEIR_ROW_UPDATE_BEFORE) selection[selected++] = (uint16_t)row;
    }
    out->selected = selected;
    return WEIR_OPERATOR_NEED_INPUT;
}

const struct weir_operator_ops weir_drop_update_before_operator_ops = {
    .name = "drop_update_before", .create = create, .process = process
};
