/* The StreamGraph: operators, their specs and edges, as src/ops/README.md and spi/connector.h describe them.
 */
#include "plan_fixture.h"

static const char *const tables =
    "CREATE TABLE s (a INT, b BIGINT, c STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' "
    "SECOND) WITH ('connector' = 'x',"
    " 'path' = '/p', 'scan.watermark.emit.strategy' = 'on-event');"
    "CREATE TABLE u (a INT, e BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');"
    "CREATE TABLE o (a INT NOT NULL, n BIGINT, t CHAR(3)) WITH ('connector' = 'y');"
    "CREATE TABLE k (a INT PRIMARY KEY NOT ENFORCED, n BIGINT) WITH ('connector' = 'z', 'source-mode' = "
    "'I,UA,D',"
    " 'scan.parallelism' = '3', 'sink.parallelism' = '2');";

static int set_up(void **state)
{
    struct plan_fixture *f = test_calloc(1, sizeof *f);
    fixture_open(f, weir_test_memory_shared());
    fixture_run(f, tables);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    test_free(*state);
    return 0;
}

static const struct weir_plan_node *find(const struct weir_stream_graph *graph, const char *name)
{
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].operator_name, name) == 0) return &graph->nodes[n];
    fail_msg("no operator %s", name);
    return NULL;
}

static const char *spec_text(struct plan_fixture *f, const struct weir_spec *spec)
{
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, f->memory, 1 << 20);
    weir_spec_print(spec, &buffer);
    const char *text = weir_arena_copy(&f->arena, buffer.data, buffer.length);
    weir_buffer_done(&buffer);
    return text;
}

static void aggregate(void **state)
{
    struct plan_fixture *f = *state;
    fixture_set(f, "table.exec.state.ttl", "1 h");
    fixture_set(f, "table.exec.mini-batch.enabled", "true");
    fixture_set(f, "table.exec.mini-batch.allow-latency", "PT5S");
    fixture_set(f, "table.exec.mini-batch.size", "100");
    const struct weir_stream_graph *graph =
        fixture_graph(f, "INSERT INTO o SELECT a, COUNT(b), 'x' FROM s GROUP BY a");
    const struct weir_plan_node *node = find(graph, "group_aggregate");
    assert_int_equal(weir_spec_get_integer(node->spec, "ttl_ms", -1), 3600000);
    assert_int_equal(weir_spec_get_integer(node->spec, "mini_batch_ms", -1), 5000);
    assert_int_equal(weir_spec_get_integer(node->spec, "mini_batch_rows", -1), 100);
    assert_true(weir_spec_get_boolean(node->spec, "mini_batch", false));
    assert_true(weir_spec_get_boolean(node->spec, "mini_batch_preaggregated", false));
    assert_true(weir_spec_get_boolean(node->spec, "emit_ub", false));
    assert_false(weir_spec_get_boolean(node->spec, "retract", true));
    assert_int_equal(weir_spec_get(node->spec, "aggregates")->count, 1);
    assert_int_equal(node->input_edge_count, 1);
    assert_int_equal(node->inputs[0].exchange, WEIR_EXCHANGE_HASH);
    assert_int_equal(node->inputs[0].keys[0], 0);
    assert_false(graph->bounded);
}

static void source_and_sink(void **state)
{
    struct plan_fixture *f = *state;
    const struct weir_stream_graph *graph = fixture_graph(f, "INSERT INTO o SELECT a, b, c FROM s");
    const struct weir_plan_node *source = find(graph, "x"), *sink = find(graph, "y"),
                                *enforcer = find(graph, "constraint_enforcer");
    assert_int_equal(source->kind, WEIR_PLAN_SOURCE);
    assert_int_equal(source->column_count, 4);
    assert_string_equal(
        weir_spec_get_text(source->spec, "identifier", ""), "default_catalog.default_database.s");
    assert_string_equal(weir_spec_get_text(weir_spec_get(source->spec, "options"), "path", ""), "/p");
    assert_int_equal(weir_spec_get(source->spec, "columns")->count, 4);
    assert_int_equal(weir_spec_get(source->spec, "projection")->count, 4);
    assert_int_equal(sink->kind, WEIR_PLAN_SINK);
    assert_int_equal(sink->column_count, 0);
    assert_int_equal(weir_spec_get_integer(sink->spec, "changelog_kinds", 0), 1);
    assert_int_equal(weir_spec_get(enforcer->spec, "not_null")->count, 1);
    assert_int_equal(weir_spec_get(enforcer->spec, "char_columns")->count, 0);
    assert_string_equal(weir_spec_get_text(enforcer->spec, "not_null_policy", ""), "error");
    const struct weir_plan_node *watermark = find(graph, "watermark_assigner");
    assert_string_equal(weir_spec_get_text(watermark->spec, "emit", ""), "on-event");
    assert_int_equal(weir_spec_get_integer(watermark->spec, "interval_ms", 0), 200);
    fixture_set(f, "table.exec.sink.type-length-enforcer", "TRIM_PAD");
    fixture_set(f, "table.exec.sink.not-null-enforcer", "DROP");
    enforcer = find(fixture_graph(f, "INSERT INTO o SELECT a, b, c FROM s"), "constraint_enforcer");
    assert_int_equal(weir_spec_get(enforcer->spec, "char_columns")->count, 1);
    assert_string_equal(weir_spec_get_text(enforcer->spec, "length_policy", ""), "trim_pad");
    assert_string_equal(weir_spec_get_text(enforcer->spec, "not_null_policy", ""), "drop");
}

static void join(void **state)
{
    const struct weir_stream_graph *graph = fixture_graph(*state,
        "SELECT s.c, u.e FROM s LEFT JOIN u ON s.a = u.a AND s.b IS NOT DISTINCT FROM u.e AND s.b + u.e > 5");
    const struct weir_plan_node *node = find(graph, "join");
    assert_string_equal(weir_spec_get_text(node->spec, "type", ""), "left");
    assert_int_equal(weir_spec_get(node->spec, "left_keys")->count, 2);
    const struct weir_spec *null_safe = weir_spec_get(node->spec, "null_safe");
    assert_false(null_safe->items[0]->boolean);
    assert_true(null_safe->items[1]->boolean);
    assert_non_null(weir_spec_get(node->spec, "condition"));
    assert_true(weir_spec_get_boolean(node->spec, "left_append", false));
    assert_null(weir_spec_get(node->spec, "left_unique"));
    assert_int_equal(node->input_edge_count, 2);
    assert_int_equal(node->inputs[1].input, 1);
    assert_int_equal(node->inputs[1].key_count, 2);
}

static void join_of_updates_in_bundles(void **state)
{
    struct plan_fixture *f = *state;
    fixture_set(f, "table.exec.mini-batch.enabled", "true");
    fixture_set(f, "table.exec.mini-batch.allow-latency", "PT5S");
    fixture_set(f, "table.exec.mini-batch.size", "100");
    const char *sql = "INSERT INTO k SELECT x.a, x.n FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) AS x "
                      "JOIN (SELECT a, COUNT(*) AS n FROM s GROUP BY a) AS y ON x.a = y.a";
    const struct weir_plan_node *node = find(fixture_graph(f, sql), "join");
    assert_int_equal(weir_spec_get_integer(node->spec, "mini_batch_ms", -1), 5000);
    assert_int_equal(weir_spec_get_integer(node->spec, "mini_batch_rows", -1), 100);
    assert_true(weir_spec_get_boolean(node->spec, "mini_batch", false));
    assert_int_equal(weir_spec_get(node->spec, "left_unique")->count, 1);
    assert_false(weir_spec_get_boolean(node->spec, "left_upsert", true)); /* the sink wants -U */
}

static void state_ttl_hints(void **state)
{
    fixture_set(*state, "table.exec.state.ttl", "1 h");
    const struct weir_plan_node *node = find(
        fixture_graph(*state, "SELECT /*+ STATE_TTL('x' = '1d') */ x.c, u.e FROM s AS x JOIN u ON x.a = u.a"),
        "join");
    assert_int_equal(weir_spec_get_integer(node->spec, "left_ttl_ms", 0), 86400000);
    assert_int_equal(weir_spec_get_integer(node->spec, "right_ttl_ms", 0), 3600000);
}

/* Changes of one key go to one subtask of a sink that runs at a parallelism of its own. */
static void sink_parallelism(void **state)
{
    fixture_set(*state, "parallelism.default", "4");
    const char *sql = "INSERT INTO k SELECT a, COUNT(*) FROM s GROUP BY a";
    const struct weir_plan_node *node = find(fixture_graph(*state, sql), "z");
    assert_int_equal(node->parallelism, 2);
    /* The aggregate's rows are distributed by the same key, but for four subtasks. */
    assert_int_equal(node->inputs[0].exchange, WEIR_EXCHANGE_HASH);
    fixture_set(*state, "table.exec.sink.keyed-shuffle", "NONE");
    node = find(fixture_graph(*state, sql), "z");
    assert_int_equal(node->inputs[0].exchange, WEIR_EXCHANGE_FORWARD);
}

static void scan_parallelism(void **state)
{
    fixture_set(*state, "parallelism.default", "4");
    const struct weir_stream_graph *graph = fixture_graph(*state, "SELECT * FROM k");
    assert_int_equal(find(graph, "z")->parallelism, 3);
    assert_int_equal(find(graph, "changelog_normalize")->inputs[0].exchange, WEIR_EXCHANGE_HASH);
}

static void windows_must_divide(void **state)
{
    struct plan_fixture *f = *state;
    assert_null(fixture_explain_all(f,
        "SELECT COUNT(*) FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '2' SECOND, INTERVAL '5' SECOND)) "
        "GROUP BY window_start, window_end",
        0));
    assert_non_null(strstr(f->error.message,
        "size must be an integral multiple of slide, but got size 5000 ms and slide 2000 ms"));
}

static void interval_join_strict_bounds(void **state)
{
    const struct weir_plan_node *node =
        find(fixture_graph(*state,
                 "SELECT s.c FROM s JOIN u ON s.a = u.a AND u.ts > s.ts - INTERVAL '10' SECOND AND "
                 "u.ts <= s.ts + INTERVAL '1' MINUTE"),
            "interval_join");
    /* left - right: u.ts > s.ts - 10 s is s.ts - u.ts < 10 s */
    assert_int_equal(weir_spec_get_integer(node->spec, "upper_ms", 0), 9999);
    assert_int_equal(weir_spec_get_integer(node->spec, "lower_ms", 0), -60000);
    assert_false(weir_spec_get_boolean(node->spec, "processing_time", true));
}

static void windows(void **state)
{
    struct plan_fixture *f = *state;
    const char *inner = "SELECT window_start, window_end, a, COUNT(*) AS n FROM TABLE(HOP(TABLE s, "
                        "DESCRIPTOR(ts), INTERVAL '2' SECOND,"
                        " INTERVAL '10' SECOND)) GROUP BY window_start, window_end, a";
    const char *outer = weir_arena_format(
        &f->arena, "SELECT window_end, MAX(n) FROM (%s) GROUP BY window_start, window_end", inner);
    const struct weir_stream_graph *graph = fixture_graph(f, outer);
    const struct weir_plan_node *first = find(graph, "window_aggregate"), *second = NULL;
    for (uint32_t n = 0; n < graph->node_count; n++)
        if (strcmp(graph->nodes[n].operator_name, "window_aggregate") == 0) second = &graph->nodes[n];
    const struct weir_spec *window = weir_spec_get(first->spec, "window");
    assert_string_equal(weir_spec_get_text(window, "kind", ""), "hop");
    assert_int_equal(weir_spec_get_integer(window, "slide_ms", 0), 2000);
    assert_int_equal(weir_spec_get_integer(window, "size_ms", 0), 10000);
    assert_null(weir_spec_get(window, "attached"));
    assert_ptr_not_equal(first, second);
    const struct weir_spec *attached = weir_spec_get(weir_spec_get(second->spec, "window"), "attached");
    assert_non_null(attached);
    assert_true(weir_spec_get_integer(attached, "end", -1) >= 0);
    assert_int_equal(second->parallelism, 1);
    assert_non_null(strstr(spec_text(f, second->spec), "\"properties\""));
}

/* Work on the window's columns between function and aggregate: the function runs, the aggregate is attached
 * or plain. */
static void window_degrades(void **state)
{
    struct plan_fixture *f = *state;
    const char *form = "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND)) %s";
    const struct weir_stream_graph *graph = fixture_graph(
        f, weir_arena_format(&f->arena, form,
               "WHERE window_end > TIMESTAMP '2020-01-01 00:00:00' GROUP BY window_start, window_end"));
    find(graph, "window_table_function");
    assert_non_null(
        weir_spec_get(weir_spec_get(find(graph, "window_aggregate")->spec, "window"), "attached"));
    graph = fixture_graph(f, weir_arena_format(&f->arena, form, "GROUP BY window_start"));
    find(graph, "window_table_function");
    find(graph, "group_aggregate");
}

static void union_is_several_edges(void **state)
{
    const struct weir_stream_graph *graph = fixture_graph(
        *state, "SELECT a, COUNT(*) FROM (SELECT a FROM s UNION ALL SELECT a FROM u) GROUP BY a");
    const struct weir_plan_node *node = find(graph, "group_aggregate");
    assert_int_equal(node->input_edge_count, 2);
    assert_int_equal(node->inputs[1].input, 0);
    assert_int_equal(node->inputs[1].exchange, WEIR_EXCHANGE_HASH);
}

static void deduplicate(void **state)
{
    const struct weir_plan_node *node =
        find(fixture_graph(*state, "SELECT a, c FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a ORDER BY "
                                   "ts) AS n FROM s) WHERE n = 1"),
            "deduplicate");
    assert_string_equal(weir_spec_get_text(node->spec, "keep", ""), "first");
    assert_true(weir_spec_get_integer(node->spec, "rowtime", -1) >= 0);
}

/* A plan comes back from its stored form as it was. */
static void plans_are_stored(void **state)
{
    struct plan_fixture *f = *state;
    struct weir_buffer first, second;
    const struct weir_stream_graph *graph, *read;
    graph = fixture_graph(f, "INSERT INTO o SELECT s.a, u.e + 1, 'x' FROM s JOIN u ON s.a = u.a WHERE s.c "
                             "LIKE 'x%' AND u.e IN (1, 2, 3)");
    weir_buffer_init(&first, f->memory, 1 << 20);
    weir_buffer_init(&second, f->memory, 1 << 20);
    weir_stream_graph_write(graph, &first);
    struct weir_reader reader = { (const uint8_t *)first.data, first.length, 0, false };
    assert_int_equal(weir_stream_graph_read(&f->arena, &reader, &read, &f->error), WEIR_OK);
    weir_stream_graph_write(read, &second);
    assert_int_equal(first.length, second.length);
    assert_memory_equal(first.data, second.data, first.length);
    weir_buffer_done(&first);
    weir_buffer_done(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(aggregate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(source_and_sink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(join, set_up, tear_down),
        cmocka_unit_test_setup_teardown(join_of_updates_in_bundles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(state_ttl_hints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sink_parallelism, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scan_parallelism, set_up, tear_down),
        cmocka_unit_test_setup_teardown(windows_must_divide, set_up, tear_down),
        cmocka_unit_test_setup_teardown(interval_join_strict_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(windows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(window_degrades, set_up, tear_down),
        cmocka_unit_test_setup_teardown(union_is_several_edges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deduplicate, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plans_are_stored, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
