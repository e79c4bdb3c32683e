/* Physical nodes to the StreamGraph: every operator's spec (src/ops/README.md says what it holds), exchanges
 * become edges. */
#include "sql/physical.h"

#include "base/assert.h"
#include "sql/catalog.h"
#include "sql/graph.h"

struct writer {
    struct weir_planning *planning;
    struct weir_arena *arena;
    struct weir_plan_node *nodes;
    bool *changes; /* per node: its rows may be taken back */
    uint32_t node_count;
};

/* Edges into one input of a consumer, gathered through unions and exchanges. */
struct edges {
    struct weir_plan_edge *items;
    uint32_t count, capacity;
};

static enum weir_error_code write_node(struct writer *w, struct weir_physical *node, uint32_t *ret_index);

static void add_edge(struct writer *w, struct edges *edges, struct weir_plan_edge edge)
{
    if (edges->count == edges->capacity) {
        uint32_t capacity = edges->capacity ? 2 * edges->capacity : 4;
        struct weir_plan_edge *grown = WEIR_ARENA_ARRAY(w->arena, struct weir_plan_edge, capacity);
        if (edges->count) memcpy(grown, edges->items, edges->count * sizeof *grown);
        edges->items = grown;
        edges->capacity = capacity;
    }
    edges->items[edges->count++] = edge;
}

static enum weir_error_code gather(
    struct writer *w, struct weir_physical *node, struct weir_plan_edge form, struct edges *edges)
{
    if (node->kind == WEIR_PHYSICAL_EXCHANGE) {
        form.exchange = node->exchange;
        form.keys = node->keys;
        form.key_count = node->key_count;
        return gather(w, node->inputs[0], form, edges);
    }
    if (node->kind == WEIR_PHYSICAL_UNION) {
        enum weir_error_code code = WEIR_OK;
        for (uint32_t i = 0; i < node->input_count && !code; i++)
            code = gather(w, node->inputs[i], form, edges);
        return code;
    }
    enum weir_error_code code = write_node(w, node, &form.from);
    if (!code) add_edge(w, edges, form);
    return code;
}

/* 1 behind a singleton exchange; what the input has where rows just pass; else the job's. */
static uint32_t parallelism_of(
    const struct writer *w, const struct weir_physical *node, const struct edges *edges)
{
    if (node->parallelism) return node->parallelism;
    bool forward_only = edges->count > 0, single = false, order_kept = true;
    uint32_t inherited = UINT32_MAX;
    for (uint32_t e = 0; e < edges->count; e++) {
        const struct weir_plan_edge *edge = &edges->items[e];
        single |= edge->exchange == WEIR_EXCHANGE_HASH && !edge->key_count;
        forward_only &= edge->exchange == WEIR_EXCHANGE_FORWARD;
        uint32_t parallelism = w->nodes[edge->from].parallelism;
        if (inherited == UINT32_MAX) inherited = parallelism;
        if (inherited != parallelism) forward_only = false;
        order_kept &= edge->exchange != WEIR_EXCHANGE_FORWARD || parallelism != 1 || !w->changes[edge->from];
    }
    /* The changes of one subtask must not be dealt out to several: a row could be taken back before it comes.
     */
    if (!order_kept) return 1;
    if (single || node->kind == WEIR_PHYSICAL_VALUES) return 1;
    /* A source's own parallelism ends with it. */
    bool from_scan = forward_only && w->nodes[edges->items[0].from].kind == WEIR_PLAN_SOURCE &&
                     strcmp(w->nodes[edges->items[0].from].operator_name, "values") != 0;
    return forward_only && !from_scan ? inherited : 0;
}

static const char *const operator_names[] = {
    [WEIR_PHYSICAL_VALUES] = "values",
    [WEIR_PHYSICAL_CALC] = "calc",
    [WEIR_PHYSICAL_WATERMARK] = "watermark_assigner",
    [WEIR_PHYSICAL_EXPAND] = "expand",
    [WEIR_PHYSICAL_GROUP_AGGREGATE] = "group_aggregate",
    [WEIR_PHYSICAL_WINDOW_AGGREGATE] = "window_aggregate",
    [WEIR_PHYSICAL_WINDOW_TVF] = "window_table_function",
    [WEIR_PHYSICAL_JOIN] = "join",
    [WEIR_PHYSICAL_INTERVAL_JOIN] = "interval_join",
    [WEIR_PHYSICAL_RANK] = "rank",
    [WEIR_PHYSICAL_DEDUPLICATE] = "deduplicate",
    [WEIR_PHYSICAL_SORT] = "sort",
    [WEIR_PHYSICAL_TEMPORAL_SORT] = "temporal_sort",
    [WEIR_PHYSICAL_SORT_LIMIT] = "sort_limit",
    [WEIR_PHYSICAL_LIMIT] = "limit",
    [WEIR_PHYSICAL_CHANGELOG_NORMALIZE] = "changelog_normalize",
    [WEIR_PHYSICAL_DROP_UPDATE_BEFORE] = "drop_update_before",
    [WEIR_PHYSICAL_MATERIALIZER] = "sink_upsert_materializer",
    [WEIR_PHYSICAL_ENFORCER] = "constraint_enforcer",
    [WEIR_PHYSICAL_SINK] = NULL,
};

static const char *operator_name(const struct weir_physical *node)
{
    const struct weir_spec *options = NULL;
    if (node->kind == WEIR_PHYSICAL_SCAN) options = node->rel->scan.options;
    if (node->kind == WEIR_PHYSICAL_SINK) {
        if (!node->rel->sink.table) return "collect";
        options = node->rel->sink.options;
    }
    return options ? weir_spec_get_text(options, "connector", "") : operator_names[node->kind];
}

static void set_columns(struct writer *w, const struct weir_physical *node, struct weir_plan_node *to)
{
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(w->arena, const struct weir_type *, node->field_count + 1);
    const char **names = WEIR_ARENA_ARRAY(w->arena, const char *, node->field_count + 1);
    for (uint32_t f = 0; f < node->field_count; f++) {
        types[f] = node->fields[f].type;
        names[f] = node->fields[f].name ? node->fields[f].name : "";
    }
    to->column_count = node->field_count;
    to->types = types;
    to->names = names;
}

static enum weir_error_code write_node(struct writer *w, struct weir_physical *node, uint32_t *ret_index)
{
    if (node->node_index) {
        *ret_index = node->node_index - 1;
        return WEIR_OK;
    }
    struct edges edges = { 0 };
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct weir_plan_edge form = { .input = i, .exchange = WEIR_EXCHANGE_FORWARD };
        enum weir_error_code code = gather(w, node->inputs[i], form, &edges);
        if (code) return code;
    }
    if (w->node_count == WEIR_PLAN_NODES_MAX)
        return weir_error_set(w->planning->error, WEIR_E_SQL_VALIDATION,
            "the plan has more than %d operators", WEIR_PLAN_NODES_MAX);
    struct weir_spec *spec;
    enum weir_error_code code = weir_physical_to_spec(w->planning, node, &spec);
    if (code) return code;
    struct weir_plan_node *to = &w->nodes[w->node_count];
    to->id = w->node_count + 1;
    to->kind = node->kind == WEIR_PHYSICAL_SINK                                         ? WEIR_PLAN_SINK
               : node->kind == WEIR_PHYSICAL_SCAN || node->kind == WEIR_PHYSICAL_VALUES ? WEIR_PLAN_SOURCE
                                                                                        : WEIR_PLAN_OPERATOR;
    to->operator_name = operator_name(node);
    to->description = weir_physical_describe(w->planning, node, true);
    to->spec = spec;
    set_columns(w, node, to);
    to->parallelism = parallelism_of(w, node, &edges);
    to->inputs = edges.items;
    to->input_edge_count = edges.count;
    w->changes[w->node_count] = node->modify & ~WEIR_MODIFY_INSERT;
    *ret_index = w->node_count++;
    node->node_index = *ret_index + 1;
    return WEIR_OK;
}

enum weir_error_code weir_physical_to_graph(struct weir_planning *planning,
    struct weir_physical *const *roots, uint32_t root_count, const struct weir_stream_graph **ret)
{
    struct writer w = { .planning = planning, .arena = planning->arena };
    uint32_t room = WEIR_MIN(planning->physical_id, (uint32_t)WEIR_PLAN_NODES_MAX);
    w.nodes = WEIR_ARENA_ARRAY(planning->arena, struct weir_plan_node, room + 1);
    w.changes = WEIR_ARENA_ARRAY(planning->arena, bool, room + 1);
    for (uint32_t r = 0; r < root_count; r++) {
        uint32_t index;
        enum weir_error_code code = write_node(&w, roots[r], &index);
        if (code) return code;
    }
    struct weir_stream_graph *graph = WEIR_ARENA_NEW(planning->arena, struct weir_stream_graph);
    graph->nodes = w.nodes;
    graph->node_count = w.node_count;
    graph->bounded = planning->batch;
    *ret = graph;
    return WEIR_OK;
}
