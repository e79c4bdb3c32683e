#include "host/collect.h"
#include "host/local_job_internal.h"

struct collect {
    struct weir_operator op;
    struct weir_local_job *job;
};

static enum weir_error_code collect_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct collect *op = WEIR_ARENA_NEW(ctx->arena, struct collect);
    op->op = (struct weir_operator){ &weir_collect_ops, ctx };
    op->job = ctx->console; /* the local executor's console is the job itself */
    if (!op->job->config.on_rows)
        return weir_error_set(ctx->error, WEIR_E_INTERNAL, "a SELECT needs a reader of its rows");
    *ret = &op->op;
    return WEIR_OK;
}

static enum weir_operator_result collect_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct weir_local_job *job = ((struct collect *)op)->job;
    pthread_mutex_lock(
        &job->mutex); /* subtasks of the sink take turns: the reader knows one caller at a time */
    bool more = job->config.on_rows(job->config.reader, in);
    pthread_mutex_unlock(&job->mutex);
    return more ? WEIR_OPERATOR_NEED_INPUT : WEIR_OPERATOR_FINISHED;
}

const struct weir_operator_ops weir_collect_ops = {
    .name = "collect", .create = collect_create, .process = collect_process
};
