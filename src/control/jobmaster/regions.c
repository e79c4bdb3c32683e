/* Union-find over subtasks; a forward edge joins equal indices, any other joins all of both vertices. */
#include "control/jobmaster/regions.h"
#include "plan/exchange.h"

static uint32_t find_root(uint32_t *parents, uint32_t at)
{
    while (parents[at] != at) {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    return at;
}

/* The smaller one becomes the root, so that a region is known by its first subtask. */
static void join(uint32_t *parents, uint32_t a, uint32_t b)
{
    a = find_root(parents, a);
    b = find_root(parents, b);
    if (a < b) {
        parents[b] = a;
    } else {
        parents[a] = b;
    }
}

static void join_edge(const struct execution_graph *graph, uint32_t *parents, const struct graph_vertex *from,
    const struct graph_vertex *to, uint32_t exchange)
{
    if (exchange == GRAPH_EXCHANGE_FORWARD && from->parallelism == to->parallelism) {
        for (uint32_t i = 0; i < from->parallelism; i++) join(parents, from->first + i, to->first + i);
        return;
    }
    for (uint32_t i = 0; i < from->parallelism; i++) join(parents, from->first + i, to->first);
    for (uint32_t i = 1; i < to->parallelism; i++) join(parents, from->first, to->first + i);
}

static void join_edges(const struct execution_graph *graph, uint32_t *parents)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct graph_vertex *to = &graph->vertices[v];
        for (size_t e = 0; e < to->plan->n_inputs; e++) {
            uint32_t from = graph__find_vertex(graph, to->plan->inputs[e]->from_vertex);
            join_edge(graph, parents, &graph->vertices[from], to, to->plan->inputs[e]->exchange);
        }
    }
}

/* Numbers the roots and counts their members; parents become roots. */
static void number_regions(struct execution_graph *graph, uint32_t *parents)
{
    for (uint32_t i = 0; i < graph->subtask_count; i++) {
        uint32_t root = find_root(parents, i);
        if (root == i) graph->subtasks[i].region = graph->region_count++;
        graph->subtasks[i].region = graph->subtasks[root].region; /* a root comes before its members */
    }
}

static void fill_members(struct execution_graph *graph, struct weir_memory *memory)
{
    for (uint32_t i = 0; i < graph->subtask_count; i++) {
        struct graph_subtask *subtask = &graph->subtasks[i];
        struct graph_region *region = &graph->regions[subtask->region];
        uint64_t version = graph->vertices[subtask->vertex].plan_version;
        if (version > region->plan_version) region->plan_version = version;
        region->count++;
        region->counts[subtask->state]++;
    }
    uint32_t first = 0;
    for (uint32_t r = 0; r < graph->region_count; r++) {
        struct graph_region *region = &graph->regions[r];
        region->first = first;
        first += region->count;
        region->count = 0;
        weir_arena_init(&region->arena, memory);
    }
    for (uint32_t i = 0; i < graph->subtask_count; i++) {
        struct graph_region *region = &graph->regions[graph->subtasks[i].region];
        graph->members[region->first + region->count++] = i;
    }
}

void regions__compute(struct execution_graph *graph, struct weir_memory *memory)
{
    uint32_t *parents = WEIR_ARENA_ARRAY(graph->arena, uint32_t, graph->subtask_count);
    for (uint32_t i = 0; i < graph->subtask_count; i++) parents[i] = i;
    join_edges(graph, parents);
    graph->region_count = 0;
    number_regions(graph, parents);
    graph->regions = WEIR_ARENA_ARRAY(graph->arena, struct graph_region, graph->region_count);
    graph->members = WEIR_ARENA_ARRAY(graph->arena, uint32_t, graph->subtask_count);
    fill_members(graph, memory);
    for (uint32_t r = 0; r < graph->region_count; r++) graph->regions[r].state = REGION_WAITING;
    graph->region_counts[REGION_WAITING] = graph->region_count;
}
