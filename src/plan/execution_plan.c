#include "plan/execution_plan.h"

enum { GRAPH_FORMAT = 1, GRAPH_BYTES_MAX = WEIR_PLAN_BYTES_MAX / 2 };

static bool is_keyed(const struct weir_job_graph *graph, const struct weir_job_vertex *vertex)
{
    for (uint32_t i = 0; i < vertex->input_edge_count; i++) {
        const struct weir_job_edge *edge = &graph->edges[vertex->input_edges[i]];
        if (edge->exchange == WEIR_EXCHANGE_HASH && edge->key_count) return true;
    }
    return false;
}

/* All its rows go to one subtask, or it continues, one to one, a vertex of which that is said. State is of
 * key groups that no other subtask would ever get a row of. Inputs come before who reads them. */
static bool is_single(
    const struct weir_job_graph *graph, const struct weir_job_vertex *vertex, Weir__PlanVertex *const *before)
{
    for (uint32_t i = 0; i < vertex->input_edge_count; i++) {
        const struct weir_job_edge *edge = &graph->edges[vertex->input_edges[i]];
        if (edge->exchange == WEIR_EXCHANGE_HASH && !edge->key_count) return true;
        const Weir__PlanVertex *from = before[edge->from_vertex];
        if (edge->exchange == WEIR_EXCHANGE_FORWARD && from && from->keeps_parallelism && !from->source)
            return true;
    }
    return false;
}

static Weir__PlanVertex *make_vertex(struct weir_arena *arena, const struct weir_job_graph *graph,
    const struct weir_job_vertex *vertex, Weir__PlanVertex *const *before)
{
    Weir__PlanVertex *message = WEIR_PROTO_NEW(arena, Weir__PlanVertex, weir__plan_vertex);
    message->id = vertex->id;
    message->name = weir_arena_string(arena, vertex->name);
    message->parallelism = vertex->parallelism;
    message->max_parallelism = vertex->max_parallelism;
    message->source = vertex->operators[0]->kind == WEIR_PLAN_SOURCE;
    message->sink = vertex->operators[vertex->operator_count - 1]->kind == WEIR_PLAN_SINK;
    message->keyed = is_keyed(graph, vertex);
    const struct weir_spec *spec = vertex->operators[0]->spec;
    message->keeps_parallelism = message->source
                                     ? spec && weir_spec_get_boolean(spec, "keeps_parallelism", false)
                                     : is_single(graph, vertex, before);
    message->enumerated = message->source && spec && weir_spec_get_boolean(spec, "enumerated", false);
    if (message->enumerated)
        message->split_discovery_ms = (uint64_t)weir_spec_get_integer(spec, "split_discovery_ms", 0);
    message->n_operators = vertex->operator_count;
    message->operators = WEIR_ARENA_ARRAY(arena, char *, vertex->operator_count);
    for (uint32_t i = 0; i < vertex->operator_count; i++)
        message->operators[i] = weir_plan_node_uid(arena, vertex->operators[i]);
    message->n_inputs = vertex->input_edge_count;
    message->inputs = WEIR_ARENA_ARRAY(arena, Weir__PlanEdge *, vertex->input_edge_count + 1);
    for (uint32_t i = 0; i < vertex->input_edge_count; i++) {
        const struct weir_job_edge *edge = &graph->edges[vertex->input_edges[i]];
        message->inputs[i] = WEIR_PROTO_NEW(arena, Weir__PlanEdge, weir__plan_edge);
        message->inputs[i]->from_vertex = graph->vertices[edge->from_vertex].id;
        message->inputs[i]->exchange = edge->exchange;
    }
    return message;
}

enum weir_error_code weir_execution_plan_make(struct weir_arena *arena, struct weir_memory *memory,
    const uint8_t job[16], const char *name, const struct weir_stream_graph *graph, uint32_t parallelism,
    uint32_t max_parallelism, bool chaining, Weir__JobSettings *settings, Weir__ExecutionPlan **ret,
    struct weir_error *reterr)
{
    const struct weir_job_graph *job_graph;
    enum weir_error_code code =
        weir_job_graph_build(arena, graph, parallelism, max_parallelism, chaining, &job_graph, reterr);
    if (code) return code;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, memory, GRAPH_BYTES_MAX);
    weir_buffer_append_u32(&bytes, GRAPH_FORMAT);
    weir_buffer_append_u32(&bytes, parallelism);
    weir_buffer_append_u32(&bytes, max_parallelism);
    weir_buffer_append_byte(&bytes, chaining);
    weir_stream_graph_write(graph, &bytes);
    if (bytes.overflowed) {
        weir_buffer_done(&bytes);
        return weir_error_set(
            reterr, WEIR_E_ARGUMENT, "the plan of job '%s' is larger than %d bytes", name, GRAPH_BYTES_MAX);
    }
    Weir__ExecutionPlan *plan = WEIR_PROTO_NEW(arena, Weir__ExecutionPlan, weir__execution_plan);
    plan->format = WEIR_RECORD_FORMAT;
    plan->job.len = 16;
    plan->job.data = (uint8_t *)weir_arena_copy(arena, job, 16);
    plan->name = weir_arena_string(arena, name);
    plan->settings = settings;
    plan->graph.len = bytes.length;
    plan->graph.data = (uint8_t *)weir_arena_copy(arena, bytes.data, bytes.length);
    weir_buffer_done(&bytes);
    plan->n_vertices = job_graph->vertex_count;
    plan->vertices = WEIR_ARENA_ARRAY(arena, Weir__PlanVertex *, job_graph->vertex_count);
    for (uint32_t i = 0; i < job_graph->vertex_count; i++)
        plan->vertices[i] = make_vertex(arena, job_graph, &job_graph->vertices[i], plan->vertices);
    *ret = plan;
    return WEIR_OK;
}

void weir_execution_plan_uncommitted_add(
    struct weir_arena *arena, Weir__ExecutionPlan *plan, const char *directory, const char *prefix)
{
    Weir__UncommittedFiles **grown =
        WEIR_ARENA_ARRAY(arena, Weir__UncommittedFiles *, plan->n_uncommitted + 1);
    for (size_t i = 0; i < plan->n_uncommitted; i++) grown[i] = plan->uncommitted[i];
    Weir__UncommittedFiles *files = WEIR_PROTO_NEW(arena, Weir__UncommittedFiles, weir__uncommitted_files);
    files->directory = weir_arena_string(arena, directory);
    files->prefix = weir_arena_string(arena, prefix);
    grown[plan->n_uncommitted++] = files;
    plan->uncommitted = grown;
}

static enum weir_error_code apply_overrides(struct weir_job_vertex *vertices, uint32_t vertex_count,
    Weir__ParallelismOverride *const *overrides, size_t override_count, struct weir_error *reterr)
{
    for (size_t i = 0; i < override_count; i++) {
        struct weir_job_vertex *vertex = NULL;
        for (uint32_t v = 0; v < vertex_count && !vertex; v++)
            if (vertices[v].id == overrides[i]->vertex) vertex = &vertices[v];
        if (!vertex)
            return weir_error_set(reterr, WEIR_E_ARGUMENT, "the job has no vertex %u to set a parallelism of",
                overrides[i]->vertex);
        if (!overrides[i]->parallelism || overrides[i]->parallelism > vertex->max_parallelism)
            return weir_error_set(reterr, WEIR_E_ARGUMENT,
                "vertex %u ('%s') cannot run with parallelism %u: expected 1 to %u", vertex->id, vertex->name,
                overrides[i]->parallelism, vertex->max_parallelism);
        vertex->parallelism = overrides[i]->parallelism;
    }
    return WEIR_OK;
}

enum weir_error_code weir_execution_plan_graph(struct weir_arena *arena, const Weir__ExecutionPlan *plan,
    Weir__ParallelismOverride *const *overrides, size_t override_count, const struct weir_job_graph **ret,
    struct weir_error *reterr)
{
    struct weir_reader reader = { .data = plan->graph.data, .length = plan->graph.len };
    uint32_t format = weir_reader_u32(&reader), parallelism = weir_reader_u32(&reader),
             max_parallelism = weir_reader_u32(&reader);
    bool chaining = weir_reader_byte(&reader);
    if (reader.failed || format != GRAPH_FORMAT)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the graph of plan '%s' has format %u; this version of Weir reads format %d", plan->name, format,
            GRAPH_FORMAT);
    const struct weir_stream_graph *stream;
    enum weir_error_code code = weir_stream_graph_read(arena, &reader, &stream, reterr);
    if (code) return weir_error_wrap(reterr, "cannot read the graph of plan '%s'", plan->name);
    const struct weir_job_graph *built;
    code = weir_job_graph_build(arena, stream, parallelism, max_parallelism, chaining, &built, reterr);
    if (code) return code;
    if (built->vertex_count != plan->n_vertices)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the graph of plan '%s' gives %u vertices where the plan lists %zu: another version chained them",
            plan->name, built->vertex_count, plan->n_vertices);
    struct weir_job_graph *graph = WEIR_ARENA_NEW(arena, struct weir_job_graph);
    *graph = *built;
    struct weir_job_vertex *vertices = (struct weir_job_vertex *)weir_arena_copy(
        arena, built->vertices, sizeof *vertices * built->vertex_count);
    struct weir_job_edge *edges =
        (struct weir_job_edge *)weir_arena_copy(arena, built->edges, sizeof *edges * built->edge_count);
    for (uint32_t i = 0; i < built->vertex_count; i++) {
        if (vertices[i].id != plan->vertices[i]->id)
            return weir_error_set(reterr, WEIR_E_STATE,
                "the graph of plan '%s' gives vertex %u where the plan lists %u", plan->name, vertices[i].id,
                plan->vertices[i]->id);
        vertices[i].parallelism = plan->vertices[i]->parallelism;
        vertices[i].max_parallelism = plan->vertices[i]->max_parallelism;
    }
    code = apply_overrides(vertices, built->vertex_count, overrides, override_count, reterr);
    if (code) return code;
    for (uint32_t i = 0; i < built->edge_count; i++) {
        if (edges[i].exchange == WEIR_EXCHANGE_FORWARD &&
            vertices[edges[i].from_vertex].parallelism != vertices[edges[i].to_vertex].parallelism)
            edges[i].exchange = WEIR_EXCHANGE_REBALANCE;
    }
    graph->vertices = vertices;
    graph->edges = edges;
    *ret = graph;
    return WEIR_OK;
}
