/*
 * StreamGraph: what the planner makes of a statement set: operators and the edges between them, not yet
 * chained. JobGraph (job_graph.h): the same, chained into vertices. Both are constant once built and live in
 * one arena.
 */
#ifndef WEIR_PLAN_STREAM_GRAPH_H
#define WEIR_PLAN_STREAM_GRAPH_H

#include "base/arena.h"
#include "base/error.h"
#include "data/spec.h"
#include "plan/exchange.h"

enum weir_plan_operator_kind { WEIR_PLAN_SOURCE, WEIR_PLAN_OPERATOR, WEIR_PLAN_SINK };

struct weir_plan_edge {
    uint32_t from;  /* node index */
    uint32_t input; /* which input of the consumer (0, 1); several edges into one input are a UNION ALL */
    enum weir_exchange exchange;
    const uint32_t *keys; /* HASH: columns of the producer's output */
    uint32_t key_count;
};

struct weir_plan_node {
    uint32_t id; /* 1-based, stable: uid is "<id>_<operator>" */
    enum weir_plan_operator_kind kind;
    const char *operator_name; /* line in ops.def, or connector name for SOURCE and SINK */
    const char *description;   /* "GroupAggregate(groupBy=[a], select=[a, COUNT(*) AS cnt])" */
    const struct weir_spec *spec;
    uint32_t column_count; /* output */
    const struct weir_type *const *types;
    const char *const *names;
    uint32_t parallelism; /* 0 = the job's default; 1 for singletons */
    struct weir_plan_edge *inputs;
    uint32_t input_edge_count;
};

enum { WEIR_PLAN_NODES_MAX = 4096 };

/* "<id>_<operator>", in arena: what its state is called. */
char *weir_plan_node_uid(struct weir_arena *arena, const struct weir_plan_node *node);

struct weir_stream_graph {
    struct weir_plan_node *nodes; /* topological order: producers first */
    uint32_t node_count;
    bool bounded; /* batch mode */
};

#endif
