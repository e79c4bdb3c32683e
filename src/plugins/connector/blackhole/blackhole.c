/* blackhole: takes every change and keeps nothing. For measuring and for trying a query out. */
#include "spi/connector.h"

static const struct weir_option_definition options[] = {
    { .key = "sink.parallelism",
        .type = "Integer",
        .description = "Parallelism of the sink; default: the job's." },
};

static enum weir_error_code blackhole_describe(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_sink_description *ret, struct weir_error *reterr)
{
    /* What a change replaces is not wanted: who measures with this sink measures an upsert. */
    *ret = (struct weir_sink_description){
        .accepted_kinds = WEIR_KIND_BIT_I | WEIR_KIND_BIT_UA | WEIR_KIND_BIT_D, .takes_deletes_by_key = true
    };
    return WEIR_OK;
}

static enum weir_error_code blackhole_create(struct weir_operator_context *ctx, struct weir_operator **ret);

static enum weir_operator_result blackhole_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    return WEIR_OPERATOR_NEED_INPUT;
}

static const struct weir_operator_ops sink = {
    .name = "blackhole", .create = blackhole_create, .process = blackhole_process
};

static enum weir_error_code blackhole_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    *ret = WEIR_ARENA_NEW(ctx->arena, struct weir_operator);
    **ret = (struct weir_operator){ &sink, ctx };
    return WEIR_OK;
}

extern const struct weir_connector weir_connector_blackhole;
const struct weir_connector weir_connector_blackhole = {
    .name = "blackhole",
    .description = "A sink that takes every change and keeps nothing.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .describe_sink = blackhole_describe,
    .sink = &sink,
};
