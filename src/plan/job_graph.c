/* Chains the operators of a StreamGraph into the vertices of a JobGraph. */
#include "plan/job_graph.h"

enum { MAX_PARALLELISM_LOWER = 128, MAX_PARALLELISM_UPPER = 32768 };

/* Flink's default: the next power of two of 1.5 times the parallelism, within its bounds. */
static uint32_t default_max_parallelism(uint32_t parallelism)
{
    uint32_t wanted = parallelism + parallelism / 2, power = 1;
    while (power < wanted) power <<= 1;
    return WEIR_MIN(WEIR_MAX(power, (uint32_t)MAX_PARALLELISM_LOWER), (uint32_t)MAX_PARALLELISM_UPPER);
}

struct builder {
    struct weir_arena *arena;
    const struct weir_stream_graph *graph;
    uint32_t *parallelism; /* per node, resolved */
    uint32_t *consumers;   /* per node: outgoing edges */
    uint32_t *vertex_of;   /* per node */
    bool *continues;       /* per node: chained behind its producer */
    struct weir_job_graph *job;
    struct weir_job_vertex *vertices;
    struct weir_job_edge *edges;
};

static bool can_chain(const struct builder *b, uint32_t n)
{
    const struct weir_plan_node *node = &b->graph->nodes[n];
    if (node->kind == WEIR_PLAN_SOURCE || node->input_edge_count != 1) return false;
    const struct weir_plan_edge *edge = &node->inputs[0];
    return edge->exchange == WEIR_EXCHANGE_FORWARD && b->consumers[edge->from] == 1 &&
           b->parallelism[edge->from] == b->parallelism[n];
}

/* What stands for a node in a vertex name: "Source: orders", "Calc", "Sink: out". */
static const char *short_name(struct weir_arena *arena, const struct weir_plan_node *node)
{
    const char *identifier = weir_spec_get_text(node->spec, "identifier", NULL);
    const char *last = identifier ? strrchr(identifier, '.') : NULL;
    const char *table = last ? last + 1 : identifier;
    if (table && node->kind == WEIR_PLAN_SOURCE) return weir_arena_format(arena, "Source: %s", table);
    if (table && node->kind == WEIR_PLAN_SINK) return weir_arena_format(arena, "Sink: %s", table);
    if (node->kind == WEIR_PLAN_SINK) return "Sink: Collect table sink";
    size_t length = strcspn(node->description, "([");
    const char *name = weir_arena_copy(arena, node->description, length);
    if (node->kind == WEIR_PLAN_SOURCE) return weir_arena_format(arena, "Source: %s", name);
    return name;
}

static void fill_vertex(struct builder *b, uint32_t v, uint32_t head)
{
    struct weir_job_vertex *vertex = &b->vertices[v];
    const struct weir_stream_graph *graph = b->graph;
    uint32_t count = 0;
    for (uint32_t n = head; n < graph->node_count; n++) count += b->vertex_of[n] == v;
    const struct weir_plan_node **chain = WEIR_ARENA_ARRAY(b->arena, const struct weir_plan_node *, count);
    const char *name = "";
    uint32_t at = 0;
    for (uint32_t n = head; n < graph->node_count; n++) {
        if (b->vertex_of[n] != v) continue;
        const struct weir_plan_node *node = &graph->nodes[n];
        name = weir_arena_format(
            b->arena, "%s%s%s[%u]", name, at ? " -> " : "", short_name(b->arena, node), node->id);
        chain[at++] = node;
    }
    vertex->id = v + 1;
    vertex->name = name;
    vertex->operators = chain;
    vertex->operator_count = count;
    vertex->parallelism = b->parallelism[head];
}

static void connect(struct builder *b)
{
    const struct weir_stream_graph *graph = b->graph;
    uint32_t edge_count = 0, vertex_count = b->job->vertex_count;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        if (b->continues[n]) continue;
        for (uint32_t e = 0; e < graph->nodes[n].input_edge_count; e++) {
            const struct weir_plan_edge *from = &graph->nodes[n].inputs[e];
            struct weir_job_edge *edge = &b->edges[edge_count++];
            *edge = (struct weir_job_edge){ .from_vertex = b->vertex_of[from->from],
                .to_vertex = b->vertex_of[n],
                .input = from->input,
                .exchange = from->exchange,
                .keys = from->keys,
                .key_count = from->key_count };
            /* FORWARD has no meaning between unequal numbers of subtasks. */
            if (edge->exchange == WEIR_EXCHANGE_FORWARD && b->parallelism[from->from] != b->parallelism[n])
                edge->exchange = WEIR_EXCHANGE_REBALANCE;
        }
    }
    b->job->edges = b->edges;
    b->job->edge_count = edge_count;
    for (uint32_t v = 0; v < vertex_count; v++) {
        uint32_t inputs = 0, outputs = 0;
        for (uint32_t e = 0; e < edge_count; e++) {
            inputs += b->edges[e].to_vertex == v;
            outputs += b->edges[e].from_vertex == v;
        }
        uint32_t *in = WEIR_ARENA_ARRAY(b->arena, uint32_t, inputs + 1),
                 *out = WEIR_ARENA_ARRAY(b->arena, uint32_t, outputs + 1);
        inputs = outputs = 0;
        for (uint32_t e = 0; e < edge_count; e++) {
            if (b->edges[e].to_vertex == v) in[inputs++] = e;
            if (b->edges[e].from_vertex == v) out[outputs++] = e;
        }
        b->vertices[v].input_edges = in;
        b->vertices[v].input_edge_count = inputs;
        b->vertices[v].output_edges = out;
        b->vertices[v].output_edge_count = outputs;
    }
}

/* The producer's vertex of a chained node may be left only at its end: one consumer each, so it always is. */
enum weir_error_code weir_job_graph_build(struct weir_arena *arena, const struct weir_stream_graph *graph,
    uint32_t default_parallelism, uint32_t max_parallelism, bool chaining, const struct weir_job_graph **ret,
    struct weir_error *reterr)
{
    uint32_t count = graph->node_count, edge_total = 0, vertex_count = 0;
    if (!default_parallelism)
        return weir_error_set(
            reterr, WEIR_E_CONFIGURATION, "parallelism.default must be at least 1, it is 0");
    struct builder b = { .arena = arena, .graph = graph };
    b.parallelism = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1);
    b.consumers = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1);
    b.vertex_of = WEIR_ARENA_ARRAY(arena, uint32_t, count + 1);
    b.continues = WEIR_ARENA_ARRAY(arena, bool, count + 1);
    for (uint32_t n = 0; n < count; n++) {
        const struct weir_plan_node *node = &graph->nodes[n];
        b.parallelism[n] = node->parallelism ? node->parallelism : default_parallelism;
        uint32_t limit = max_parallelism ? max_parallelism : MAX_PARALLELISM_UPPER;
        if (b.parallelism[n] > limit)
            return weir_error_set(reterr, WEIR_E_CONFIGURATION,
                "parallelism %u of %s is larger than the maximum parallelism %u (pipeline.max-parallelism)",
                b.parallelism[n], node->description, limit);
        edge_total += node->input_edge_count;
        for (uint32_t e = 0; e < node->input_edge_count; e++) b.consumers[node->inputs[e].from]++;
    }
    for (uint32_t n = 0; n < count; n++) {
        b.continues[n] = chaining && can_chain(&b, n);
        b.vertex_of[n] = b.continues[n] ? b.vertex_of[graph->nodes[n].inputs[0].from] : vertex_count++;
    }
    b.job = WEIR_ARENA_NEW(arena, struct weir_job_graph);
    b.vertices = WEIR_ARENA_ARRAY(arena, struct weir_job_vertex, vertex_count + 1);
    b.edges = WEIR_ARENA_ARRAY(arena, struct weir_job_edge, edge_total + 1);
    for (uint32_t n = 0; n < count; n++)
        if (!b.continues[n]) fill_vertex(&b, b.vertex_of[n], n);
    for (uint32_t v = 0; v < vertex_count; v++)
        b.vertices[v].max_parallelism =
            max_parallelism ? max_parallelism : default_max_parallelism(b.vertices[v].parallelism);
    b.job->stream_graph = graph;
    b.job->vertices = b.vertices;
    b.job->vertex_count = vertex_count;
    b.job->bounded = graph->bounded;
    connect(&b);
    *ret = b.job;
    return WEIR_OK;
}
