/* Building the graph from a plan, and the two setters. */
#include "control/jobmaster/execution_graph.h"
#include "control/jobmaster/regions.h"
#include "base/assert.h"
#include "plan/exchange.h"
#include <stdlib.h>
#include <string.h>

uint32_t graph__parallelism(const Weir__PlanVertex *vertex, Weir__ParallelismOverride *const *overrides,
    size_t override_count, uint64_t *ret_plan_version)
{
    uint32_t parallelism = vertex->parallelism;
    *ret_plan_version = 0;
    for (size_t i = 0; i < override_count; i++) {
        if (overrides[i]->vertex != vertex->id) continue;
        parallelism = overrides[i]->parallelism;
        *ret_plan_version = overrides[i]->plan_version;
    }
    return parallelism;
}

static enum weir_error_code check_vertex(
    const struct graph_vertex *vertex, uint64_t total, struct weir_error *reterr)
{
    if (vertex->parallelism == 0 || vertex->parallelism > WEIR_GRAPH_PARALLELISM_MAX)
        return weir_error_set(reterr, WEIR_E_ARGUMENT, "vertex %u (%s) has parallelism %u; expected 1 to %u",
            vertex->id, vertex->plan->name, vertex->parallelism, WEIR_GRAPH_PARALLELISM_MAX);
    if (vertex->max_parallelism && vertex->parallelism > vertex->max_parallelism)
        return weir_error_set(reterr, WEIR_E_ARGUMENT,
            "vertex %u (%s) has parallelism %u; its maximum parallelism is %u", vertex->id,
            vertex->plan->name, vertex->parallelism, vertex->max_parallelism);
    if (total > WEIR_GRAPH_SUBTASKS_MAX)
        return weir_error_set(
            reterr, WEIR_E_ARGUMENT, "the job has more than %u subtasks", WEIR_GRAPH_SUBTASKS_MAX);
    return WEIR_OK;
}

static int compare_positions(const struct execution_graph *graph, uint32_t a, uint32_t b)
{
    uint32_t x = graph->vertices[a].id, y = graph->vertices[b].id;
    return x < y ? -1 : x > y;
}

/* Merge sort: plans come from outside, and their order may be any. */
static void sort_positions(
    const struct execution_graph *graph, uint32_t *at, uint32_t *scratch, uint32_t count)
{
    if (count < 2) return;
    uint32_t half = count / 2;
    sort_positions(graph, at, scratch, half);
    sort_positions(graph, at + half, scratch, count - half);
    uint32_t i = 0, j = half, out = 0;
    while (i < half || j < count) {
        bool left = j == count || (i < half && compare_positions(graph, at[i], at[j]) <= 0);
        scratch[out++] = left ? at[i++] : at[j++];
    }
    memcpy(at, scratch, sizeof *at * count);
}

static enum weir_error_code index_vertices(struct execution_graph *graph, struct weir_error *reterr)
{
    graph->by_id = WEIR_ARENA_ARRAY(graph->arena, uint32_t, graph->vertex_count);
    for (uint32_t v = 0; v < graph->vertex_count; v++) graph->by_id[v] = v;
    uint32_t *scratch = WEIR_ARENA_ARRAY(graph->arena, uint32_t, graph->vertex_count);
    sort_positions(graph, graph->by_id, scratch, graph->vertex_count);
    for (uint32_t i = 1; i < graph->vertex_count; i++) {
        uint32_t id = graph->vertices[graph->by_id[i]].id;
        if (id == graph->vertices[graph->by_id[i - 1]].id)
            return weir_error_set(reterr, WEIR_E_ARGUMENT, "two vertices of the plan have the id %u", id);
    }
    return WEIR_OK;
}

static enum weir_error_code check_edges(const struct execution_graph *graph, struct weir_error *reterr)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct graph_vertex *to = &graph->vertices[v];
        for (size_t e = 0; e < to->plan->n_inputs; e++) {
            const Weir__PlanEdge *edge = to->plan->inputs[e];
            uint32_t from = graph__find_vertex(graph, edge->from_vertex);
            if (from == GRAPH_NONE)
                return weir_error_set(reterr, WEIR_E_ARGUMENT,
                    "vertex %u (%s) reads from vertex %u, which the plan does not have", to->id,
                    to->plan->name, edge->from_vertex);
            if (edge->exchange == GRAPH_EXCHANGE_FORWARD &&
                graph->vertices[from].parallelism != to->parallelism)
                return weir_error_set(reterr, WEIR_E_ARGUMENT,
                    "vertices %u (%s) and %u (%s) are joined one to one and must have the same parallelism, "
                    "not %u and %u",
                    graph->vertices[from].id, graph->vertices[from].plan->name, to->id, to->plan->name,
                    graph->vertices[from].parallelism, to->parallelism);
        }
    }
    return WEIR_OK;
}

static void make_subtasks(struct execution_graph *graph)
{
    graph->subtasks = WEIR_ARENA_ARRAY(graph->arena, struct graph_subtask, graph->subtask_count);
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct graph_vertex *vertex = &graph->vertices[v];
        for (uint32_t i = 0; i < vertex->parallelism; i++)
            graph->subtasks[vertex->first + i] = (struct graph_subtask){ .vertex = v,
                .index = i,
                .state = WEIR__EXECUTION_STATE__EXECUTION_CREATED,
                .taskmanager = GRAPH_NONE };
    }
    graph->counts[WEIR__EXECUTION_STATE__EXECUTION_CREATED] = graph->subtask_count;
}

enum weir_error_code graph__build(struct execution_graph *graph, struct weir_arena *arena,
    struct weir_memory *memory, const Weir__ExecutionPlan *plan, Weir__ParallelismOverride *const *overrides,
    size_t override_count, struct weir_error *reterr)
{
    *graph = (struct execution_graph){ .arena = arena };
    if (plan->n_vertices == 0 || plan->n_vertices > WEIR_GRAPH_VERTICES_MAX)
        return weir_error_set(reterr, WEIR_E_ARGUMENT, "the plan has %zu vertices; expected 1 to %u",
            plan->n_vertices, WEIR_GRAPH_VERTICES_MAX);
    graph->vertex_count = (uint32_t)plan->n_vertices;
    graph->overrides = WEIR_ARENA_ARRAY(arena, Weir__ParallelismOverride *, override_count);
    graph->override_count = override_count;
    for (size_t i = 0; i < override_count; i++) graph->overrides[i] = WEIR_PROTO_COPY(arena, overrides[i]);
    graph->vertices = WEIR_ARENA_ARRAY(arena, struct graph_vertex, graph->vertex_count);
    uint64_t total = 0;
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const Weir__PlanVertex *from = plan->vertices[v];
        struct graph_vertex *vertex = &graph->vertices[v];
        *vertex = (struct graph_vertex){
            .plan = from, .id = from->id, .max_parallelism = from->max_parallelism, .first = (uint32_t)total
        };
        vertex->parallelism = graph__parallelism(from, overrides, override_count, &vertex->plan_version);
        total += vertex->parallelism;
        enum weir_error_code code = check_vertex(vertex, total, reterr);
        if (code) return code;
        if (vertex->parallelism > graph->parallelism_max) graph->parallelism_max = vertex->parallelism;
    }
    graph->subtask_count = (uint32_t)total;
    enum weir_error_code code = index_vertices(graph, reterr);
    if (!code) code = check_edges(graph, reterr);
    if (code) return code;
    make_subtasks(graph);
    regions__compute(graph, memory);
    return WEIR_OK;
}

void graph__done(struct execution_graph *graph)
{
    for (uint32_t r = 0; r < graph->region_count; r++) weir_arena_done(&graph->regions[r].arena);
    graph->region_count = 0;
}

uint32_t graph__find_vertex(const struct execution_graph *graph, uint32_t id)
{
    uint32_t low = 0, high = graph->vertex_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (graph->vertices[graph->by_id[middle]].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < graph->vertex_count && graph->vertices[graph->by_id[low]].id == id ? graph->by_id[low]
                                                                                    : GRAPH_NONE;
}

uint32_t graph__find_subtask(const struct execution_graph *graph, uint32_t vertex_id, uint32_t index)
{
    uint32_t vertex = graph__find_vertex(graph, vertex_id);
    if (vertex == GRAPH_NONE || index >= graph->vertices[vertex].parallelism) return GRAPH_NONE;
    return graph->vertices[vertex].first + index;
}

void graph__set_state(struct execution_graph *graph, uint32_t at, Weir__ExecutionState state)
{
    struct graph_subtask *subtask = &graph->subtasks[at];
    WEIR_ASSERT(weir_execution_state_is_legal(subtask->state, state));
    struct graph_region *region = &graph->regions[subtask->region];
    region->counts[subtask->state]--;
    graph->counts[subtask->state]--;
    subtask->state = state;
    region->counts[state]++;
    graph->counts[state]++;
    graph->changes++;
}

static const uint32_t region_successors[] = {
    [REGION_RECONCILING] = 1u << REGION_RUNNING | 1u << REGION_FINISHED | 1u << REGION_CANCELLING,
    [REGION_WAITING] = 1u << REGION_DEPLOYING | 1u << REGION_FINISHED | 1u << REGION_STOPPED,
    [REGION_DEPLOYING] = 1u << REGION_RUNNING | 1u << REGION_FINISHED | 1u << REGION_CANCELLING,
    [REGION_RUNNING] = 1u << REGION_FINISHED | 1u << REGION_CANCELLING,
    [REGION_FINISHED] = 1u << REGION_CANCELLING,
    [REGION_CANCELLING] = 1u << REGION_WAITING | 1u << REGION_STOPPED,
    [REGION_STOPPED] = 1u << REGION_WAITING,
};

void graph__set_region(struct execution_graph *graph, uint32_t at, enum region_state state)
{
    struct graph_region *region = &graph->regions[at];
    WEIR_ASSERT(region_successors[region->state] >> state & 1 ||
                (region->state == REGION_WAITING && state == REGION_RECONCILING));
    graph->region_counts[region->state]--;
    region->state = state;
    graph->region_counts[state]++;
    graph->changes++;
}
