#include "task/wiring.h"
#include "task/output.h"

uint32_t weir_wiring_outputs_max(const struct weir_job_graph *graph, const struct weir_job_vertex *vertex)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < vertex->output_edge_count; i++)
        most += graph->vertices[graph->edges[vertex->output_edges[i]].to_vertex].parallelism;
    return most;
}

uint32_t weir_wiring_inputs_max(const struct weir_job_graph *graph, const struct weir_job_vertex *vertex)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < vertex->input_edge_count; i++)
        most += graph->vertices[graph->edges[vertex->input_edges[i]].from_vertex].parallelism;
    return most;
}

static enum weir_error_code connect_outputs(
    const struct weir_wiring *wiring, struct weir_subtask_config *config, struct weir_error *reterr)
{
    const struct weir_job_graph *graph = config->graph;
    config->output_count = config->vertex->output_edge_count;
    config->outputs = WEIR_ARENA_ARRAY(wiring->arena, struct weir_output_edge, config->output_count + 1);
    for (uint32_t i = 0; i < config->output_count; i++) {
        uint32_t edge_index = config->vertex->output_edges[i];
        const struct weir_job_edge *edge = &graph->edges[edge_index];
        uint32_t consumers = graph->vertices[edge->to_vertex].parallelism;
        struct weir_output_edge *out = &config->outputs[i];
        *out = (struct weir_output_edge){
            .exchange = edge->exchange, .keys = edge->keys, .key_count = edge->key_count
        };
        out->channels = WEIR_ARENA_ARRAY(wiring->arena, struct weir_channel *, consumers);
        for (uint32_t c = 0; c < consumers; c++) {
            if (edge->exchange == WEIR_EXCHANGE_FORWARD && c != config->subtask_index) continue;
            enum weir_error_code code = wiring->connect(wiring->owner, edge_index, config->subtask_index, c,
                true, &out->channels[out->channel_count], reterr);
            if (code) return code;
            out->channel_count++;
        }
    }
    return WEIR_OK;
}

static enum weir_error_code connect_inputs(
    const struct weir_wiring *wiring, struct weir_subtask_config *config, struct weir_error *reterr)
{
    const struct weir_job_graph *graph = config->graph;
    uint32_t most = weir_wiring_inputs_max(graph, config->vertex), count = 0;
    struct weir_channel **channels = WEIR_ARENA_ARRAY(wiring->arena, struct weir_channel *, most + 1);
    uint32_t *numbers = WEIR_ARENA_ARRAY(wiring->arena, uint32_t, most + 1);
    for (uint32_t i = 0; i < config->vertex->input_edge_count; i++) {
        uint32_t edge_index = config->vertex->input_edges[i];
        const struct weir_job_edge *edge = &graph->edges[edge_index];
        for (uint32_t p = 0; p < graph->vertices[edge->from_vertex].parallelism; p++) {
            if (edge->exchange == WEIR_EXCHANGE_FORWARD && p != config->subtask_index) continue;
            enum weir_error_code code = wiring->connect(
                wiring->owner, edge_index, p, config->subtask_index, false, &channels[count], reterr);
            if (code) return code;
            numbers[count++] = edge->input;
        }
    }
    config->inputs = channels;
    config->input_numbers = numbers;
    config->input_channel_count = count;
    return WEIR_OK;
}

enum weir_error_code weir_wiring_make(
    const struct weir_wiring *wiring, struct weir_subtask_config *config, struct weir_error *reterr)
{
    enum weir_error_code code = connect_outputs(wiring, config, reterr);
    return code ? code : connect_inputs(wiring, config, reterr);
}
