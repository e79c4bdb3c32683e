#include "task/chain.h"
#include "base/assert.h"

static void set_timer(struct weir_operator_context *ctx, int64_t at_ms)
{
    ((struct weir_chain_level *)ctx->timer_owner)->timer_ms = at_ms;
}

void weir_chain_init(struct weir_chain *chain, struct weir_arena *arena, uint32_t level_count,
    struct weir_output *output, struct weir_error *error)
{
    *chain = (struct weir_chain){
        .level_count = level_count, .output = output, .error = error, .watermark_sent_ms = INT64_MIN
    };
    chain->levels = WEIR_ARENA_ARRAY(arena, struct weir_chain_level, level_count ? level_count : 1);
    for (uint32_t i = 0; i < level_count; i++) {
        chain->levels[i].timer_ms = INT64_MAX;
        chain->levels[i].ctx = WEIR_ARENA_NEW(arena, struct weir_operator_context);
        chain->levels[i].ctx->timer_owner = &chain->levels[i];
        chain->levels[i].ctx->set_timer = set_timer;
        chain->levels[i].ctx->emit_watermark_ms = INT64_MIN;
        chain->levels[i].ctx->watermark_ms = INT64_MIN;
    }
}

bool weir_chain_is_idle(const struct weir_chain *chain)
{
    for (uint32_t i = 0; i < chain->level_count; i++)
        if (chain->levels[i].action != WEIR_CHAIN_NONE) return false;
    return true;
}

int64_t weir_chain_timer_ms(const struct weir_chain *chain, uint32_t *level)
{
    int64_t earliest = INT64_MAX;
    for (uint32_t i = 0; i < chain->level_count; i++) {
        if (chain->levels[i].timer_ms < earliest) {
            earliest = chain->levels[i].timer_ms;
            *level = i;
        }
    }
    return earliest;
}

void weir_chain_start(struct weir_chain *chain, uint32_t level, enum weir_chain_action action, uint32_t input,
    const struct weir_batch *in, int64_t value)
{
    if (level >= chain->level_count) { /* behind the last operator */
        switch (action) {
        case WEIR_CHAIN_PROCESS:
            chain->rows_out += weir_batch_selected(in);
            weir_output_write(chain->output, in);
            break;
        case WEIR_CHAIN_WATERMARK:
            if (value > chain->watermark_sent_ms) {
                chain->watermark_sent_ms = value;
                weir_output_broadcast(chain->output, WEIR_ELEMENT_WATERMARK, value);
            }
            break;
        case WEIR_CHAIN_NONE:
        case WEIR_CHAIN_TIMER:
        case WEIR_CHAIN_END_INPUT:
        case WEIR_CHAIN_FLUSH: break;
        }
        return;
    }
    struct weir_chain_level *l = &chain->levels[level];
    WEIR_ASSERT(l->action == WEIR_CHAIN_NONE);
    if (l->finished) return; /* wants nothing any more; its own end was passed on when it finished */
    l->action = action;
    l->called = false;
    l->input = input;
    l->in = in;
    l->value = value;
    l->forward_ms = value;
    if (action == WEIR_CHAIN_TIMER) l->timer_ms = INT64_MAX;
    if (action == WEIR_CHAIN_WATERMARK) l->ctx->watermark_ms = value;
    if (action == WEIR_CHAIN_PROCESS) l->ctx->metrics->records_in += weir_batch_selected(in);
}

static enum weir_operator_result call(struct weir_chain_level *l)
{
    const struct weir_operator_ops *ops = l->op->ops;
    switch (l->action) {
    case WEIR_CHAIN_PROCESS: return ops->process(l->op, l->input, l->in, &l->out);
    case WEIR_CHAIN_WATERMARK:
        l->forward_ms = l->value;
        return ops->watermark ? ops->watermark(l->op, l->value, &l->out, &l->forward_ms)
                              : WEIR_OPERATOR_NEED_INPUT;
    case WEIR_CHAIN_TIMER:
        return ops->timer ? ops->timer(l->op, l->value, &l->out) : WEIR_OPERATOR_NEED_INPUT;
    case WEIR_CHAIN_END_INPUT:
        return ops->end_input ? ops->end_input(l->op, l->input, &l->out) : WEIR_OPERATOR_NEED_INPUT;
    case WEIR_CHAIN_FLUSH: return ops->flush ? ops->flush(l->op, &l->out) : WEIR_OPERATOR_NEED_INPUT;
    case WEIR_CHAIN_NONE: break;
    }
    WEIR_UNREACHABLE();
}

/* Passes on what the operator's context asks for: a watermark of its own, a change of idleness. The levels
 * below are idle. */
static bool pass_context_on(struct weir_chain *chain, uint32_t level)
{
    struct weir_chain_level *l = &chain->levels[level];
    bool awake = l->idle_sent && !l->ctx->idle; /* first: watermarks of idle channels are not listened to */
    if (l->ctx->emit_watermark_ms != INT64_MIN && !awake) {
        int64_t watermark_ms = l->ctx->emit_watermark_ms;
        l->ctx->emit_watermark_ms = INT64_MIN;
        l->ctx->metrics->current_watermark_ms = watermark_ms;
        weir_chain_start(chain, level + 1, WEIR_CHAIN_WATERMARK, 0, NULL, watermark_ms);
        return true;
    }
    if (l->ctx->idle != l->idle_sent) {
        l->idle_sent = l->ctx->idle;
        weir_output_broadcast(chain->output, WEIR_ELEMENT_IDLE, l->idle_sent);
        return true;
    }
    return false;
}

/* The action at this level is over: hand it to the next where it travels. */
static void pass_action_on(struct weir_chain *chain, uint32_t level)
{
    struct weir_chain_level *l = &chain->levels[level];
    enum weir_chain_action action = l->action;
    l->action = WEIR_CHAIN_NONE;
    l->in = NULL;
    switch (action) {
    case WEIR_CHAIN_WATERMARK:
        if (l->forward_ms != INT64_MIN) {
            l->ctx->metrics->current_watermark_ms = l->forward_ms;
            weir_chain_start(chain, level + 1, WEIR_CHAIN_WATERMARK, 0, NULL, l->forward_ms);
        }
        break;
    case WEIR_CHAIN_FLUSH: weir_chain_start(chain, level + 1, WEIR_CHAIN_FLUSH, 0, NULL, 0); break;
    case WEIR_CHAIN_END_INPUT:
        /* The head may have two inputs: the rest of the chain ends with the last of them, which the subtask
         * says by value 1. */
        if (l->value) weir_chain_start(chain, level + 1, WEIR_CHAIN_END_INPUT, 0, NULL, 1);
        break;
    case WEIR_CHAIN_NONE:
    case WEIR_CHAIN_PROCESS:
    case WEIR_CHAIN_TIMER: break;
    }
}

static void finish_early(struct weir_chain *chain, uint32_t level)
{
    chain->finished_level = WEIR_MAX(chain->finished_level, level + 1);
    for (uint32_t i = 0; i <= level; i++) {
        chain->levels[i].finished = true;
        chain->levels[i].action = WEIR_CHAIN_NONE;
        chain->levels[i].in = NULL;
        chain->levels[i].timer_ms = INT64_MAX;
    }
}

enum weir_chain_result weir_chain_run(struct weir_chain *chain)
{
    for (;;) {
        uint32_t level = chain->level_count;
        while (level > 0 && chain->levels[level - 1].action == WEIR_CHAIN_NONE) level--;
        if (level == 0) return WEIR_CHAIN_DONE;
        level--;
        if (!weir_output_has_room(chain->output)) return WEIR_CHAIN_BLOCKED;
        struct weir_chain_level *l = &chain->levels[level];
        if (pass_context_on(chain, level)) continue;
        if (l->called) {
            pass_action_on(chain, level);
            continue;
        }
        weir_batch_reset(&l->out);
        enum weir_operator_result result = call(l);
        if (result == WEIR_OPERATOR_FAILED) return WEIR_CHAIN_FAILED;
        bool rows = weir_batch_selected(&l->out) > 0;
        l->called = result != WEIR_OPERATOR_HAVE_MORE;
        if (rows) l->ctx->metrics->records_out += weir_batch_selected(&l->out);
        if (result == WEIR_OPERATOR_FINISHED) finish_early(chain, level);
        if (rows) weir_chain_start(chain, level + 1, WEIR_CHAIN_PROCESS, 0, &l->out, 0);
    }
}
