/*
 * WatermarkAssigner: evaluates the declared expression and makes watermarks of the largest value so far (it
 * starts at 0, as in Flink: times before 1970 never advance it). Watermarks from before are swallowed, but
 * for the end of input. "periodic": after each batch; "on-event": after each row that advances it. In batch
 * mode none is made: nothing is late there.
 */
#include "ops/common.h"

WEIR_OPERATOR(watermark_assigner);

struct assigner {
    struct weir_operator base;
    struct weir_evaluator *evaluator;
    uint32_t rowtime;
    bool on_event;
    int64_t idle_timeout_ms, last_row_ms; /* processing time */
    int64_t current_ms, emitted_ms;
    int64_t due_ms; /* periodic: what Flink would have emitted by now */
    int64_t interval_ms;
    uint32_t position;               /* on-event: rows of the present input handed on so far */
    const struct weir_vector *times; /* of the present input */
};

static int64_t now_ms(struct weir_operator_context *ctx)
{
    return ctx->now_us(ctx->clock) / 1000;
}

static enum weir_error_code create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct assigner *assigner = WEIR_ARENA_NEW(ctx->arena, struct assigner);
    assigner->base = (struct weir_operator){ &weir_watermark_assigner_operator_ops, ctx };
    assigner->rowtime = (uint32_t)weir_spec_get_integer(ctx->spec, "rowtime", 0);
    if (assigner->rowtime >= ctx->input_column_counts[0]) {
        return weir_error_set(ctx->error, WEIR_E_FORMAT, "%s: the plan's rowtime column %u does not exist",
            ctx->task_name, assigner->rowtime);
    }
    assigner->on_event = strcmp(weir_spec_get_text(ctx->spec, "emit", "periodic"), "on-event") == 0;
    assigner->interval_ms = weir_spec_get_integer(ctx->spec, "interval_ms", 200);
    assigner->idle_timeout_ms = weir_spec_get_integer(ctx->spec, "idle_timeout_ms", 0);
    struct weir_expr *expr;
    enum weir_error_code code =
        weir_expr_from_spec(ctx->arena, weir_spec_get(ctx->spec, "expression"), &expr, ctx->error);
    if (code) return code;
    struct weir_eval_environment *environment = WEIR_ARENA_NEW(ctx->arena, struct weir_eval_environment);
    *environment = ops_environment(ctx);
    code =
        weir_evaluator_new(ctx->arena, ctx->memory, &expr, 1, environment, &assigner->evaluator, ctx->error);
    if (code) return code;
    assigner->last_row_ms = now_ms(ctx); /* who never gets a row is idle as well */
    if (assigner->idle_timeout_ms > 0) ctx->set_timer(ctx, assigner->last_row_ms + assigner->idle_timeout_ms);
    *ret = &assigner->base;
    return WEIR_OK;
}

/* all: up to what the rows say; else what was due before the present row. */
static void advance(struct assigner *assigner, bool all)
{
    struct weir_operator_context *ctx = assigner->base.ctx;
    int64_t ms = all ? assigner->current_ms : assigner->due_ms;
    if (ctx->bounded || ms <= assigner->emitted_ms) return;
    assigner->due_ms = assigner->emitted_ms = ms;
    ctx->emit_watermark_ms = ms;
}

static void note_activity(struct assigner *assigner)
{
    struct weir_operator_context *ctx = assigner->base.ctx;
    ctx->idle = false;
    if (assigner->idle_timeout_ms <= 0) return;
    assigner->last_row_ms = now_ms(ctx);
    ctx->set_timer(ctx, assigner->last_row_ms + assigner->idle_timeout_ms);
}

static enum weir_operator_result process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct assigner *assigner = (struct assigner *)op;
    (void)input;
    uint32_t n = weir_batch_selected(in);
    if (assigner->position == 0) {
        note_activity(assigner);
        weir_evaluator_reset(assigner->evaluator);
        if (weir_evaluator_run(assigner->evaluator, 0, in, &assigner->times, op->ctx->error))
            return WEIR_OPERATOR_FAILED;
    }
    const struct weir_vector *rowtimes = &in->columns[assigner->rowtime];
    uint32_t first = assigner->position, i = first;
    bool cut = false, late = false;
    for (; i < n && !cut; i++) {
        uint32_t row = weir_batch_row(in, i);
        if (weir_vector_is_null(rowtimes, row)) {
            weir_error_set(op->ctx->error, WEIR_E_DATA,
                "%s: RowTime field should not be null, please convert it to a non-null long value.",
                op->ctx->task_name);
            return WEIR_OPERATOR_FAILED;
        }
        if (!assigner->on_event && assigner->due_ms > assigner->emitted_ms && !op->ctx->bounded &&
            ops_time_ms(rowtimes, row) <= assigner->due_ms) {
            late = true;
            break;
        }
        int64_t ms = ops_time_ms(assigner->times, row);
        if (ms > assigner->current_ms) {
            assigner->current_ms = ms;
            cut = assigner->on_event;
            if (ms - assigner->due_ms > assigner->interval_ms) assigner->due_ms = ms;
        }
    }
    weir_batch_reference(out, in);
    if (first > 0 || i < n) {
        uint16_t *selection = weir_batch_ensure_selection(out);
        for (uint32_t k = first; k < i; k++) selection[k - first] = (uint16_t)weir_batch_row(in, k);
        out->selected = i - first;
    }
    advance(assigner, !late);
    assigner->position = i < n ? i : 0;
    return i < n ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result watermark(
    struct weir_operator *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    (void)out;
    if (watermark_ms != INT64_MAX)
        *forward_ms = INT64_MIN;
    else
        op->ctx->idle = false;
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result timer(struct weir_operator *op, int64_t now, struct weir_batch *out)
{
    struct assigner *assigner = (struct assigner *)op;
    (void)out;
    if (assigner->idle_timeout_ms <= 0) return WEIR_OPERATOR_NEED_INPUT;
    int64_t idle_at = assigner->last_row_ms + assigner->idle_timeout_ms;
    if (now >= idle_at)
        op->ctx->idle = true;
    else
        op->ctx->set_timer(op->ctx, idle_at);
    return WEIR_OPERATOR_NEED_INPUT;
}

static void close_assigner(struct weir_operator *op)
{
    weir_evaluator_free(((struct assigner *)op)->evaluator);
}

const struct weir_operator_ops weir_watermark_assigner_operator_ops = { .name = "watermark_assigner",
    .create = create,
    .process = process,
    .watermark = watermark,
    .timer = timer,
    .close = close_assigner };
