/* The layout of EXPLAIN, as users of Flink know it. */
#include "plan_fixture.h"

static const char *const tables = "CREATE TABLE orders (id BIGINT, customer INT, price DECIMAL(10, 2), ts "
                                  "TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)"
                                  " WITH ('connector' = 'x');"
                                  "CREATE TABLE customers (id INT, name STRING, PRIMARY KEY (id) NOT "
                                  "ENFORCED) WITH ('connector' = 'x', 'source-mode' = 'I,UA,D');"
                                  "CREATE TABLE totals (name STRING, total DECIMAL(38, 2), PRIMARY KEY "
                                  "(name) NOT ENFORCED) WITH ('connector' = 'x', 'sink-mode' = 'I,UA,D');";

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

static void three_parts(void **state)
{
    const char *sql = "INSERT INTO totals SELECT c.name, SUM(o.price) FROM orders o JOIN customers c ON "
                      "o.customer = c.id WHERE o.price > 5"
                      " GROUP BY c.name";
    const char *wanted =
        "== Abstract Syntax Tree ==\n"
        "LogicalSink(table=[default_catalog.default_database.totals], fields=[name, EXPR$1])\n"
        "+- LogicalProject(name=[$0], EXPR$1=[$1])\n"
        "   +- LogicalAggregate(group=[{0}], EXPR$1=[SUM($1)])\n"
        "      +- LogicalProject(name=[$5], price=[$2])\n"
        "         +- LogicalFilter(condition=[>($2, 5)])\n"
        "            +- LogicalJoin(condition=[=($1, $4)], joinType=[inner])\n"
        "               +- LogicalWatermarkAssigner(rowtime=[ts], watermark=[-($3, 5000:INTERVAL SECOND)])\n"
        "               :  +- LogicalTableScan(table=[[default_catalog, default_database, orders]])\n"
        "               +- LogicalChangelogNormalize()\n"
        "                  +- LogicalTableScan(table=[[default_catalog, default_database, customers]])\n"
        "\n"
        "== Optimized Physical Plan ==\n"
        "Sink(table=[default_catalog.default_database.totals], fields=[name, EXPR$1], changelogMode=[NONE])\n"
        "+- GroupAggregate(groupBy=[name], select=[name, SUM(price) AS EXPR$1], changelogMode=[I,UA,D])\n"
        "   +- Exchange(distribution=[hash[name]], changelogMode=[I,UB,UA,D])\n"
        "      +- Calc(select=[name, price], changelogMode=[I,UB,UA,D])\n"
        "         +- Join(joinType=[InnerJoin], where=[(customer = id)], select=[customer, price, id0, "
        "name], "
        "leftInputSpec=[NoUniqueKey],"
        " rightInputSpec=[JoinKeyContainsUniqueKey], changelogMode=[I,UB,UA,D])\n"
        "            +- Exchange(distribution=[hash[customer]], changelogMode=[I])\n"
        "            :  +- Calc(select=[customer, price], where=[((price > 5) AND customer IS NOT NULL)], "
        "changelogMode=[I])\n"
        "            :     +- WatermarkAssigner(rowtime=[ts], watermark=[(ts - 5000:INTERVAL SECOND)], "
        "changelogMode=[I])\n"
        "            :        +- TableSourceScan(table=[[default_catalog, default_database, orders, "
        "project=[customer, price, ts],"
        " metadata=[]]], fields=[customer, price, ts], changelogMode=[I])\n"
        "            +- ChangelogNormalize(key=[id], changelogMode=[I,UB,UA,D])\n"
        "               +- Exchange(distribution=[hash[id]], changelogMode=[I,UA,D])\n"
        "                  +- TableSourceScan(table=[[default_catalog, default_database, customers]], "
        "fields=[id, name],"
        " changelogMode=[I,UA,D])\n"
        "\n"
        "== Optimized Execution Plan ==\n"
        "Sink(table=[default_catalog.default_database.totals], fields=[name, EXPR$1])\n"
        "+- GroupAggregate(groupBy=[name], select=[name, SUM(price) AS EXPR$1])\n";
    const char *text = fixture_explain_all(*state, sql, WEIR_EXPLAIN_CHANGELOG_MODE);
    assert_non_null(text);
    char *start = test_malloc(strlen(wanted) + 1);
    snprintf(start, strlen(wanted) + 1, "%s", text);
    assert_string_equal(start, wanted);
    test_free(start);
}

static void details(void **state)
{
    uint32_t all = WEIR_EXPLAIN_ESTIMATED_COST | WEIR_EXPLAIN_JSON_EXECUTION_PLAN | WEIR_EXPLAIN_PLAN_ADVICE;
    const char *text = fixture_explain_all(*state, "SELECT id FROM orders WHERE customer = 3", all);
    assert_non_null(text);
    assert_non_null(strstr(text, ": rowcount = 5.0E7, cumulative cost = {"));
    assert_non_null(strstr(text, "No available advice..."));
    assert_non_null(strstr(text, "== Physical Execution Plan ==\n{\n  \"nodes\" : [ {\n    \"id\" : 1,\n    "
                                 "\"type\" : \"Source: orders[1]\""));
    assert_non_null(strstr(text, "\"type\" : \"Sink: Collect table sink["));
}

/* A chain of views that each use the one before twice has as many paths as a hostile query can want. */
static void many_paths(void **state)
{
    struct plan_fixture *f = *state;
    const char *sql = "WITH v0 AS (SELECT id, customer FROM orders)";
    for (int i = 1; i <= 24; i++)
        sql = weir_arena_format(&f->arena,
            "%s, v%d AS (SELECT l.id, r.customer FROM v%d l JOIN v%d r ON l.id = r.id WHERE l.customer > %d)",
            sql, i, i - 1, i - 1, i);
    sql = weir_arena_format(&f->arena, "%s SELECT * FROM v24", sql);
    assert_true(fixture_graph(f, sql)->node_count < 4096);
}

static void mini_batch_needs_a_latency_and_has_a_pace_at_each_source(void **state)
{
    struct plan_fixture *f = *state;
    const char *query = "SELECT customer, COUNT(*) FROM orders GROUP BY customer";
    fixture_set(f, "table.exec.mini-batch.enabled", "true");
    fixture_set(f, "table.exec.mini-batch.size", "10");
    assert_null(fixture_explain_all(f, query, 0));
    assert_non_null(strstr(f->error.message, "MiniBatch Latency must be greater than 0 ms."));
    fixture_set(f, "table.exec.mini-batch.allow-latency", "2 s");
    assert_non_null(
        strstr(fixture_explain(f, query), "+- MiniBatchAssigner(interval=[2000ms], mode=[ProcTime])\n"));
    f->batch = true;
    assert_null(strstr(fixture_explain(f, query), "MiniBatchAssigner"));
    f->batch = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(three_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(details, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            mini_batch_needs_a_latency_and_has_a_pace_at_each_source, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
