/* The JSON plan as Flink's EXPLAIN JSON_EXECUTION_PLAN and plan visualizer have it: one node per operator. */
#include "plan/job_graph.h"

static void json_text(const char *text, struct weir_buffer *to)
{
    weir_buffer_append_byte(to, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            weir_buffer_format(to, "\\%c", *c);
        else if (*c == '\n')
            weir_buffer_append_text(to, "\\n");
        else if ((unsigned char)*c < 0x20)
            weir_buffer_format(to, "\\u%04x", *c);
        else
            weir_buffer_append_byte(to, *c);
    }
    weir_buffer_append_byte(to, '"');
}

static const char *table_of(const struct weir_plan_node *node)
{
    const char *identifier = weir_spec_get_text(node->spec, "identifier", NULL);
    const char *last = identifier ? strrchr(identifier, '.') : NULL;
    return last ? last + 1 : identifier;
}

static void print_type(const struct weir_plan_node *node, struct weir_buffer *to)
{
    static const char *const prefixes[] = { "Source: ", "", "Sink: " };
    char name[512];
    const char *table = node->kind == WEIR_PLAN_OPERATOR ? NULL : table_of(node);
    if (!table && node->kind == WEIR_PLAN_SINK) table = "Collect table sink";
    size_t length = table ? strlen(table) : strcspn(node->description, "([");
    length = WEIR_MIN(length, (size_t)400);
    size_t prefix = strlen(prefixes[node->kind]);
    memcpy(name, prefixes[node->kind], prefix);
    memcpy(name + prefix, table ? table : node->description, length);
    name[prefix + length] = '\0';
    json_text(name, to);
    if (to->length && !to->overflowed) to->length--; /* the closing quote comes behind the id */
    weir_buffer_format(to, "[%u]\"", node->id);
}

/* The parallelism that a node got when it was chained. */
static uint32_t parallelism_of(const struct weir_job_graph *graph, const struct weir_plan_node *node)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++)
        for (uint32_t o = 0; o < graph->vertices[v].operator_count; o++)
            if (graph->vertices[v].operators[o] == node) return graph->vertices[v].parallelism;
    return 1;
}

static void print_node(
    const struct weir_job_graph *graph, const struct weir_plan_node *node, struct weir_buffer *to)
{
    static const char *const pacts[] = { "Data Source", "Operator", "Data Sink" };
    weir_buffer_format(to, "{\n    \"id\" : %u,\n    \"type\" : ", node->id);
    print_type(node, to);
    weir_buffer_format(to, ",\n    \"pact\" : \"%s\",\n    \"contents\" : ", pacts[node->kind]);
    weir_buffer_format(to, "\"[%u]:", node->id);
    size_t quote = to->length;
    json_text(node->description, to);
    /* The text goes on in the quotes that are open. */
    if (!to->overflowed && to->length > quote) {
        memmove(to->data + quote, to->data + quote + 1, to->length - quote - 1);
        to->length--;
    }
    weir_buffer_format(to, ",\n    \"parallelism\" : %u", parallelism_of(graph, node));
    if (node->input_edge_count) {
        weir_buffer_append_text(to, ",\n    \"predecessors\" : [ ");
        bool two = false;
        for (uint32_t e = 0; e < node->input_edge_count; e++) two |= node->inputs[e].input > 0;
        for (uint32_t e = 0; e < node->input_edge_count; e++) {
            const struct weir_plan_edge *edge = &node->inputs[e];
            weir_buffer_format(to,
                "%s{\n      \"id\" : %u,\n      \"ship_strategy\" : \"%s\",\n      \"side\" : \"%s\"\n    }",
                e ? ", " : "", graph->stream_graph->nodes[edge->from].id, weir_exchange_name(edge->exchange),
                two && !edge->input ? "first" : "second"); /* a lone input is "second" in Flink, too */
        }
        weir_buffer_append_text(to, " ]");
    }
    weir_buffer_append_text(to, "\n  }");
}

void weir_job_graph_print_json(const struct weir_job_graph *graph, struct weir_buffer *to)
{
    weir_buffer_append_text(to, "{\n  \"nodes\" : [ ");
    for (uint32_t n = 0; n < graph->stream_graph->node_count; n++) {
        if (n) weir_buffer_append_text(to, ", ");
        print_node(graph, &graph->stream_graph->nodes[n], to);
    }
    weir_buffer_append_text(to, " ]\n}");
}
