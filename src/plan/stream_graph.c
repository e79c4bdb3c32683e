/* StreamGraph: names of exchanges, the stored form and its validation. */
#include "plan/stream_graph.h"

#include "plan/job_graph.h"

static const uint32_t magic = 0x4e4c5057; /* "WPLN" */
static const uint32_t version_current = 1;

enum {
    TEXT_BYTES_MAX = 1 << 20,
    EDGES_PER_NODE_MAX = 4096,
    INPUT_ORDINAL_MAX = 64,
    PARALLELISM_MAX = 32768,
};

static const char *const exchange_names[] = { "FORWARD", "HASH", "REBALANCE", "BROADCAST", "GLOBAL" };

const char *weir_exchange_name(enum weir_exchange exchange)
{
    return (unsigned)exchange < WEIR_ARRAY_COUNT(exchange_names) ? exchange_names[exchange] : "UNKNOWN";
}

char *weir_plan_node_uid(struct weir_arena *arena, const struct weir_plan_node *node)
{
    return weir_arena_format(arena, "%u_%s", node->id, node->operator_name);
}

static void write_text(const char *text, struct weir_buffer *to)
{
    size_t length = text ? strlen(text) : 0;
    weir_buffer_append_varint(to, length);
    if (length) weir_buffer_append(to, text, length);
}

static void write_edge(const struct weir_plan_edge *edge, struct weir_buffer *to)
{
    weir_buffer_append_varint(to, edge->from);
    weir_buffer_append_varint(to, edge->input);
    weir_buffer_append_byte(to, (char)edge->exchange);
    weir_buffer_append_varint(to, edge->key_count);
    for (uint32_t i = 0; i < edge->key_count; i++) weir_buffer_append_varint(to, edge->keys[i]);
}

void weir_stream_graph_write(const struct weir_stream_graph *graph, struct weir_buffer *to)
{
    weir_buffer_append_u32(to, magic);
    weir_buffer_append_u32(to, version_current);
    weir_buffer_append_byte(to, graph->bounded ? 1 : 0);
    weir_buffer_append_varint(to, graph->node_count);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        const struct weir_plan_node *node = &graph->nodes[n];
        weir_buffer_append_varint(to, node->id);
        weir_buffer_append_byte(to, (char)node->kind);
        write_text(node->operator_name, to);
        write_text(node->description, to);
        weir_spec_write(node->spec, to);
        weir_buffer_append_varint(to, node->column_count);
        for (uint32_t c = 0; c < node->column_count; c++) {
            weir_type_write(node->types[c], to);
            write_text(node->names[c], to);
        }
        weir_buffer_append_varint(to, node->parallelism);
        weir_buffer_append_varint(to, node->input_edge_count);
        for (uint32_t e = 0; e < node->input_edge_count; e++) write_edge(&node->inputs[e], to);
    }
}

static enum weir_error_code malformed(
    struct weir_error *reterr, const struct weir_reader *from, const char *what)
{
    return weir_error_set(
        reterr, WEIR_E_FORMAT, "stored plan is malformed at byte %zu: %s", from->offset, what);
}

static const char *read_text(struct weir_arena *arena, struct weir_reader *from)
{
    uint64_t length = weir_reader_varint(from);
    if (length > TEXT_BYTES_MAX) {
        from->failed = true;
        return "";
    }
    const void *bytes = weir_reader_bytes(from, (size_t)length);
    return bytes && length ? weir_arena_copy(arena, bytes, (size_t)length) : "";
}

static enum weir_error_code read_edge(struct weir_arena *arena, struct weir_reader *from,
    const struct weir_plan_node *nodes, uint32_t node, struct weir_plan_edge *ret, struct weir_error *reterr)
{
    uint64_t producer = weir_reader_varint(from), input = weir_reader_varint(from);
    uint8_t exchange = weir_reader_byte(from);
    uint64_t key_count = weir_reader_varint(from);
    if (from->failed) return malformed(reterr, from, "an edge ends early");
    if (producer >= node) return malformed(reterr, from, "an edge does not come from an earlier node");
    if (input >= INPUT_ORDINAL_MAX) return malformed(reterr, from, "the input of an edge is out of range");
    if (exchange > WEIR_EXCHANGE_GLOBAL) return malformed(reterr, from, "unknown kind of exchange");
    if (nodes[producer].kind == WEIR_PLAN_SINK) return malformed(reterr, from, "an edge comes from a sink");
    if (key_count > nodes[producer].column_count) return malformed(reterr, from, "an edge has too many keys");
    uint32_t *keys = key_count ? WEIR_ARENA_ARRAY(arena, uint32_t, key_count) : NULL;
    for (uint32_t k = 0; k < key_count; k++) {
        uint64_t column = weir_reader_varint(from);
        if (from->failed || column >= nodes[producer].column_count)
            return malformed(reterr, from, "a key of an edge is not a column of its producer");
        keys[k] = (uint32_t)column;
    }
    *ret = (struct weir_plan_edge){ .from = (uint32_t)producer,
        .input = (uint32_t)input,
        .exchange = (enum weir_exchange)exchange,
        .keys = keys,
        .key_count = (uint32_t)key_count };
    return WEIR_OK;
}

static enum weir_error_code read_columns(struct weir_arena *arena, struct weir_reader *from,
    struct weir_plan_node *node, struct weir_error *reterr)
{
    uint64_t count = weir_reader_varint(from);
    if (from->failed || count > WEIR_ROW_FIELDS_MAX)
        return malformed(reterr, from, "the number of columns is out of range");
    const struct weir_type **types = WEIR_ARENA_ARRAY(arena, const struct weir_type *, count + 1);
    const char **names = WEIR_ARENA_ARRAY(arena, const char *, count + 1);
    for (uint32_t c = 0; c < count; c++) {
        types[c] = weir_type_read(arena, from);
        if (!types[c] || from->failed) return malformed(reterr, from, "a column's type cannot be read");
        names[c] = read_text(arena, from);
    }
    node->column_count = (uint32_t)count;
    node->types = types;
    node->names = names;
    return WEIR_OK;
}

static enum weir_error_code read_node(struct weir_arena *arena, struct weir_reader *from,
    struct weir_plan_node *nodes, uint32_t index, struct weir_error *reterr)
{
    struct weir_plan_node *node = &nodes[index];
    uint64_t id = weir_reader_varint(from);
    uint8_t kind = weir_reader_byte(from);
    if (from->failed || !id || id > UINT32_MAX) return malformed(reterr, from, "a node's id is out of range");
    for (uint32_t n = 0; n < index; n++)
        if (nodes[n].id == id) return malformed(reterr, from, "two nodes have the same id");
    if (kind > WEIR_PLAN_SINK) return malformed(reterr, from, "unknown kind of node");
    node->id = (uint32_t)id;
    node->kind = (enum weir_plan_operator_kind)kind;
    node->operator_name = read_text(arena, from);
    node->description = read_text(arena, from);
    if (from->failed || !node->operator_name[0]) return malformed(reterr, from, "a node has no operator");
    node->spec = weir_spec_read(arena, from, reterr);
    if (!node->spec) return WEIR_E_FORMAT;
    enum weir_error_code code = read_columns(arena, from, node, reterr);
    if (code) return code;
    uint64_t parallelism = weir_reader_varint(from), edge_count = weir_reader_varint(from);
    if (from->failed || parallelism > PARALLELISM_MAX)
        return malformed(reterr, from, "a node's parallelism is out of range");
    if (edge_count > EDGES_PER_NODE_MAX) return malformed(reterr, from, "a node has too many inputs");
    if (kind == WEIR_PLAN_SOURCE ? edge_count != 0 : edge_count == 0)
        return malformed(reterr, from, "a source has inputs, or another node has none");
    node->parallelism = (uint32_t)parallelism;
    node->input_edge_count = (uint32_t)edge_count;
    node->inputs = WEIR_ARENA_ARRAY(arena, struct weir_plan_edge, edge_count + 1);
    for (uint32_t e = 0; e < edge_count && !code; e++)
        code = read_edge(arena, from, nodes, index, &node->inputs[e], reterr);
    return code;
}

enum weir_error_code weir_stream_graph_read(struct weir_arena *arena, struct weir_reader *from,
    const struct weir_stream_graph **ret, struct weir_error *reterr)
{
    if (weir_reader_u32(from) != magic || from->failed) return malformed(reterr, from, "this is not a plan");
    uint32_t version = weir_reader_u32(from);
    if (version != version_current)
        return weir_error_set(reterr, WEIR_E_FORMAT,
            "stored plan has version %u, this program reads version %u", version, version_current);
    uint8_t bounded = weir_reader_byte(from);
    uint64_t count = weir_reader_varint(from);
    if (from->failed || bounded > 1) return malformed(reterr, from, "the header ends early");
    if (count > WEIR_PLAN_NODES_MAX) return malformed(reterr, from, "too many nodes");
    struct weir_stream_graph *graph = WEIR_ARENA_NEW(arena, struct weir_stream_graph);
    graph->nodes = WEIR_ARENA_ARRAY(arena, struct weir_plan_node, count + 1);
    graph->node_count = (uint32_t)count;
    graph->bounded = bounded;
    for (uint32_t n = 0; n < count; n++) {
        enum weir_error_code code = read_node(arena, from, graph->nodes, n, reterr);
        if (code) return code;
    }
    *ret = graph;
    return WEIR_OK;
}
