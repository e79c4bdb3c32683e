/*
 * JobGraph: vertices (operator chains) with parallelism, connected by exchanges. What a cluster or the local
 * executor runs.
 */
#ifndef WEIR_PLAN_JOB_GRAPH_H
#define WEIR_PLAN_JOB_GRAPH_H

#include "plan/stream_graph.h"

struct weir_job_edge {
    uint32_t from_vertex, to_vertex;
    uint32_t input;              /* of the consumer's chain head */
    enum weir_exchange exchange; /* FORWARD between vertices only at equal parallelism */
    const uint32_t *keys;
    uint32_t key_count;
};

struct weir_job_vertex {
    uint32_t id;
    const char *name; /* "Source: orders[1] -> Calc[2]" */
    const struct weir_plan_node *const
        *operators; /* the chain, head first; a SOURCE only at the head, a SINK only last */
    uint32_t operator_count;
    uint32_t parallelism, max_parallelism;
    const uint32_t *input_edges, *output_edges; /* indices into weir_job_graph.edges */
    uint32_t input_edge_count, output_edge_count;
};

struct weir_job_graph {
    const struct weir_stream_graph *stream_graph;
    const struct weir_job_vertex *vertices; /* topological order */
    uint32_t vertex_count;
    const struct weir_job_edge *edges;
    uint32_t edge_count;
    bool bounded;
};

/* Chains: forward edge, equal parallelism, the producer has one consumer, the consumer one input edge;
 * chaining may be off (pipeline.operator-chaining.enabled). max_parallelism 0 = Flink's formula from the
 * parallelism. */
enum weir_error_code weir_job_graph_build(struct weir_arena *arena, const struct weir_stream_graph *graph,
    uint32_t default_parallelism, uint32_t max_parallelism, bool chaining, const struct weir_job_graph **ret,
    struct weir_error *reterr);

/* Stored form (versioned); read validates everything. */
void weir_stream_graph_write(const struct weir_stream_graph *graph, struct weir_buffer *to);
enum weir_error_code weir_stream_graph_read(struct weir_arena *arena, struct weir_reader *from,
    const struct weir_stream_graph **ret, struct weir_error *reterr);
/* Flink's JSON plan: {"nodes":[{"id":1,"type":"Source: ...","pact":"Data
 * Source","contents":"...","parallelism":1,"predecessors":[{"id":..,"ship_strategy":"HASH","side":"second"}]}]}
 */
void weir_job_graph_print_json(const struct weir_job_graph *graph, struct weir_buffer *to);

#endif
