/* StreamGraph and JobGraph: the stored form and what it refuses, chaining, the JSON plan. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <string.h>

#include "plan/execution_plan.h"

struct made {
    struct weir_arena arena;
    struct weir_plan_node nodes[5];
    struct weir_stream_graph graph;
};

static void node(
    struct made *m, uint32_t i, enum weir_plan_operator_kind kind, const char *name, const char *description)
{
    static const struct weir_type *types[2];
    static const char *const names[] = { "a", "b" };
    types[0] = weir_type_of(WEIR_TYPE_INT);
    types[1] = &weir_type_string;
    struct weir_spec *spec = weir_spec_map(&m->arena);
    weir_spec_put(&m->arena, spec, "identifier", weir_spec_text(&m->arena, "c.d.orders"));
    m->nodes[i] = (struct weir_plan_node){ .id = i + 1,
        .kind = kind,
        .operator_name = name,
        .description = description,
        .spec = spec,
        .column_count = kind == WEIR_PLAN_SINK ? 0 : 2,
        .types = types,
        .names = names };
}

static void edge(struct made *m, uint32_t to, uint32_t from, enum weir_exchange exchange)
{
    static const uint32_t keys[] = { 1 };
    struct weir_plan_edge *edge = WEIR_ARENA_NEW(&m->arena, struct weir_plan_edge);
    *edge = (struct weir_plan_edge){ .from = from, .exchange = exchange };
    if (exchange == WEIR_EXCHANGE_HASH) {
        edge->keys = keys;
        edge->key_count = 1;
    }
    m->nodes[to].inputs = edge;
    m->nodes[to].input_edge_count = 1;
}

/* Source -> Calc =hash=> Aggregate -> Calc -> Sink */
static void make(struct made *m)
{
    memset(m, 0, sizeof *m);
    weir_arena_init(&m->arena, weir_test_memory_shared());
    node(m, 0, WEIR_PLAN_SOURCE, "filesystem", "TableSourceScan(table=[[c, d, orders]], fields=[a, b])");
    node(m, 1, WEIR_PLAN_OPERATOR, "calc", "Calc(select=[a, \"b\"])");
    node(m, 2, WEIR_PLAN_OPERATOR, "group_aggregate", "GroupAggregate(groupBy=[b])");
    node(m, 3, WEIR_PLAN_OPERATOR, "calc", "Calc(select=[b])");
    node(m, 4, WEIR_PLAN_SINK, "print", "Sink(table=[c.d.orders], fields=[b])");
    edge(m, 1, 0, WEIR_EXCHANGE_FORWARD);
    edge(m, 2, 1, WEIR_EXCHANGE_HASH);
    edge(m, 3, 2, WEIR_EXCHANGE_FORWARD);
    edge(m, 4, 3, WEIR_EXCHANGE_FORWARD);
    m->graph = (struct weir_stream_graph){ m->nodes, 5, false };
}

static const struct weir_job_graph *build(
    struct made *m, uint32_t parallelism, uint32_t maximum, bool chaining)
{
    const struct weir_job_graph *job = NULL;
    struct weir_error error;
    assert_int_equal(
        weir_job_graph_build(&m->arena, &m->graph, parallelism, maximum, chaining, &job, &error), WEIR_OK);
    return job;
}

static void chains_along_forward_edges(void **state)
{
    struct made m;
    make(&m);
    const struct weir_job_graph *job = build(&m, 4, 0, true);
    assert_int_equal(job->vertex_count, 2);
    assert_string_equal(job->vertices[0].name, "Source: orders[1] -> Calc[2]");
    assert_string_equal(job->vertices[1].name, "GroupAggregate[3] -> Calc[4] -> Sink: orders[5]");
    assert_int_equal(job->edge_count, 1);
    assert_int_equal(job->edges[0].exchange, WEIR_EXCHANGE_HASH);
    assert_int_equal(job->edges[0].keys[0], 1);
    assert_int_equal(job->vertices[0].output_edge_count, 1);
    assert_int_equal(job->vertices[1].input_edges[0], 0);
    assert_int_equal(job->vertices[0].max_parallelism, 128);
    assert_int_equal(build(&m, 100, 0, true)->vertices[0].max_parallelism, 256);
    assert_int_equal(build(&m, 4, 77, true)->vertices[0].max_parallelism, 77);
    assert_int_equal(build(&m, 4, 0, false)->vertex_count, 5);
    weir_arena_done(&m.arena);
}

/* What a checkpoint's state is compared with when a job is restored from another's. */
static void the_stored_plan_lists_the_operators_of_each_vertex(void **state)
{
    struct made m;
    Weir__ExecutionPlan *plan = NULL;
    struct weir_error error;
    uint8_t job[16] = { 1 };
    make(&m);
    assert_int_equal(weir_execution_plan_make(&m.arena, weir_test_memory_shared(), job, "j", &m.graph, 2, 0,
                         true, NULL, &plan, &error),
        WEIR_OK);
    assert_int_equal(plan->n_vertices, 2);
    assert_int_equal(plan->vertices[0]->n_operators, 2);
    assert_string_equal(plan->vertices[0]->operators[0], "1_filesystem");
    assert_string_equal(plan->vertices[0]->operators[1], "2_calc");
    assert_int_equal(plan->vertices[1]->n_operators, 3);
    assert_string_equal(plan->vertices[1]->operators[0], "3_group_aggregate");
    weir_arena_done(&m.arena);
}

static void unequal_parallelism_breaks_a_chain(void **state)
{
    struct made m;
    make(&m);
    m.nodes[3].parallelism = 1;
    const struct weir_job_graph *job = build(&m, 2, 0, true);
    assert_int_equal(job->vertex_count, 4);
    assert_int_equal(job->edges[1].exchange, WEIR_EXCHANGE_REBALANCE);
    assert_int_equal(job->vertices[2].parallelism, 1);
    weir_arena_done(&m.arena);
}

static void two_consumers_break_a_chain(void **state)
{
    struct made m;
    make(&m);
    edge(&m, 3, 1, WEIR_EXCHANGE_FORWARD);
    const struct weir_job_graph *job = build(&m, 1, 0, true);
    assert_int_equal(job->vertices[0].operator_count, 2);
    assert_int_equal(job->vertices[0].output_edge_count, 2);
    weir_arena_done(&m.arena);
}

static void refuses_parallelism(void **state)
{
    struct made m;
    const struct weir_job_graph *job;
    struct weir_error error;
    make(&m);
    assert_int_equal(
        weir_job_graph_build(&m.arena, &m.graph, 0, 0, true, &job, &error), WEIR_E_CONFIGURATION);
    assert_int_equal(
        weir_job_graph_build(&m.arena, &m.graph, 9, 8, true, &job, &error), WEIR_E_CONFIGURATION);
    assert_non_null(strstr(error.message, "maximum parallelism 8"));
    weir_arena_done(&m.arena);
}

static void write(const struct weir_stream_graph *graph, struct weir_buffer *to)
{
    weir_buffer_init(to, weir_test_memory_shared(), 1 << 20);
    weir_stream_graph_write(graph, to);
}

static void stored_form_round_trips(void **state)
{
    struct made m;
    struct weir_buffer first, second;
    struct weir_error error;
    const struct weir_stream_graph *graph;
    make(&m);
    m.nodes[2].parallelism = 3;
    write(&m.graph, &first);
    struct weir_reader reader = { (const uint8_t *)first.data, first.length, 0, false };
    assert_int_equal(weir_stream_graph_read(&m.arena, &reader, &graph, &error), WEIR_OK);
    assert_int_equal(graph->node_count, 5);
    assert_int_equal(graph->nodes[2].parallelism, 3);
    assert_string_equal(graph->nodes[4].description, m.nodes[4].description);
    write(graph, &second);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    weir_buffer_done(&first);
    weir_buffer_done(&second);
    weir_arena_done(&m.arena);
}

/* Whatever is cut off or flipped is either refused or gives a plan that is valid in itself; never a crash. */
static void damaged_plans_are_refused(void **state)
{
    struct made m;
    struct weir_buffer bytes;
    struct weir_error error;
    const struct weir_stream_graph *graph;
    make(&m);
    write(&m.graph, &bytes);
    for (size_t length = 0; length < bytes.length; length++) {
        struct weir_reader reader = { (const uint8_t *)bytes.data, length, 0, false };
        assert_int_not_equal(weir_stream_graph_read(&m.arena, &reader, &graph, &error), WEIR_OK);
    }
    for (size_t at = 0; at < bytes.length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[at] ^= (char)(1 << bit);
            struct weir_reader reader = { (const uint8_t *)bytes.data, bytes.length, 0, false };
            if (!weir_stream_graph_read(&m.arena, &reader, &graph, &error))
                for (uint32_t n = 0; n < graph->node_count; n++)
                    for (uint32_t e = 0; e < graph->nodes[n].input_edge_count; e++)
                        assert_true(graph->nodes[n].inputs[e].from < n);
            bytes.data[at] ^= (char)(1 << bit);
        }
    }
    weir_buffer_done(&bytes);
    weir_arena_done(&m.arena);
}

static void json_plan(void **state)
{
    struct made m;
    struct weir_buffer text;
    make(&m);
    weir_buffer_init(&text, weir_test_memory_shared(), 1 << 16);
    weir_job_graph_print_json(build(&m, 2, 0, true), &text);
    const char *json = weir_buffer_text(&text);
    assert_non_null(strstr(json, "\"type\" : \"Source: orders[1]\",\n    \"pact\" : \"Data Source\""));
    assert_non_null(strstr(json, "\"contents\" : \"[2]:Calc(select=[a, \\\"b\\\"])\""));
    assert_non_null(strstr(json, "\"id\" : 2,\n      \"ship_strategy\" : \"HASH\""));
    assert_non_null(strstr(json, "\"parallelism\" : 2"));
    weir_buffer_done(&text);
    weir_arena_done(&m.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_along_forward_edges),
        cmocka_unit_test(the_stored_plan_lists_the_operators_of_each_vertex),
        cmocka_unit_test(unequal_parallelism_breaks_a_chain),
        cmocka_unit_test(two_consumers_break_a_chain),
        cmocka_unit_test(refuses_parallelism),
        cmocka_unit_test(stored_form_round_trips),
        cmocka_unit_test(damaged_plans_are_refused),
        cmocka_unit_test(json_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
