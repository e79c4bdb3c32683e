/* Changelog inference: which changes each operator makes, what sinks refuse, where -U is dropped or rows are
 * materialised. */
#include "plan_fixture.h"

static const char *const tables =
    "CREATE TABLE s (a INT, b BIGINT) WITH ('connector' = 'x');"
    "CREATE TABLE w (a INT, b BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');"
    "CREATE TABLE r (a INT, b BIGINT) WITH ('connector' = 'x', 'source-mode' = 'I,UB,UA,D');"
    "CREATE TABLE us (a INT PRIMARY KEY NOT ENFORCED, b BIGINT) WITH ('connector' = 'x', 'source-mode' = "
    "'I,UA,D');"
    "CREATE TABLE usd (a INT PRIMARY KEY NOT ENFORCED, b BIGINT) WITH ('connector' = 'x', 'source-mode' = "
    "'I,UA,D',"
    " 'delete-by-key' = 'true');"
    "CREATE TABLE ap (a INT, n BIGINT) WITH ('connector' = 'x', 'sink-mode' = 'I');"
    "CREATE TABLE up (a INT PRIMARY KEY NOT ENFORCED, n BIGINT) WITH ('connector' = 'x', 'sink-mode' = "
    "'I,UA,D');"
    "CREATE TABLE upd (a INT PRIMARY KEY NOT ENFORCED, n BIGINT) WITH ('connector' = 'x', 'sink-mode' = "
    "'I,UA,D',"
    " 'takes-delete-by-key' = 'true');"
    "CREATE TABLE al (a INT, n BIGINT) WITH ('connector' = 'x');";

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

static void has(void **state, const char *sql, const char *wanted)
{
    const char *text = fixture_changelog(*state, sql);
    if (!strstr(text, wanted)) fail_msg("%s\nhas no\n%s\nbut is\n%s", sql, wanted, text);
}

static void has_not(void **state, const char *sql, const char *unwanted)
{
    const char *text = fixture_changelog(*state, sql);
    if (strstr(text, unwanted)) fail_msg("%s\nhas\n%s\n%s", sql, unwanted, text);
}

static void refused(void **state, const char *sql, const char *message)
{
    struct plan_fixture *f = *state;
    const char *text = fixture_explain_all(f, sql, 0);
    if (text) fail_msg("not refused: %s\n%s", sql, text);
    if (!strstr(f->error.message, message)) fail_msg("%s\nfails with\n%s", sql, f->error.message);
}

static void aggregates(void **state)
{
    has(state, "SELECT a, COUNT(*) FROM s GROUP BY a",
        "GroupAggregate(groupBy=[a], select=[a, COUNT(*) AS EXPR$1], changelogMode=[I,UB,UA])");
    has(state, "SELECT a, COUNT(*) FROM r GROUP BY a", "AS EXPR$1], changelogMode=[I,UB,UA,D])");
    has(state, "SELECT DISTINCT a FROM s", "changelogMode=[I])\n+- Exchange");
    has(state, "INSERT INTO up SELECT a, COUNT(*) FROM s GROUP BY a", "AS EXPR$1], changelogMode=[I,UA])");
    has(state, "INSERT INTO al SELECT a, COUNT(*) FROM s GROUP BY a", "AS EXPR$1], changelogMode=[I,UB,UA])");
}

/* What feeds an aggregate must retract, whatever its own consumer wants. */
static void nested_aggregates(void **state)
{
    const char *sql = "INSERT INTO up SELECT CAST(n AS INT), COUNT(*) FROM (SELECT a, COUNT(*) AS n FROM s "
                      "GROUP BY a) GROUP BY CAST(n AS INT)";
    has(state, sql, "AS n], changelogMode=[I,UB,UA])");
    has(state, sql, "AS EXPR$1], changelogMode=[I,UA,D])");
}

static void filters_need_retractions(void **state)
{
    const char *value =
        "INSERT INTO up SELECT * FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) WHERE n > 3";
    has(state, value, "AS n], changelogMode=[I,UB,UA])");
    has_not(state, value, "DropUpdateBefore");
    /* A row that stops matching is only told by its -U. */
    has(state, value, "where=[(n > 3:BIGINT)], changelogMode=[I,UB,UA])");
    const char *key = "INSERT INTO up SELECT * FROM (SELECT a, COUNT(*) AS n FROM s GROUP BY a) WHERE a > 3";
    has(state, key, "AS n], changelogMode=[I,UA])");
}

static void sinks_refuse(void **state)
{
    refused(state, "INSERT INTO ap SELECT a, COUNT(*) FROM s GROUP BY a",
        "Table sink 'default_catalog.default_database.ap' doesn't support consuming update changes which is "
        "produced by node "
        "GroupAggregate(groupBy=[a], select=[a, COUNT(*) AS EXPR$1])");
    refused(state, "INSERT INTO ap SELECT s.a, s.b FROM s LEFT JOIN w ON s.a = w.a",
        "doesn't support consuming update and delete changes which is produced by node "
        "Join(joinType=[LeftOuterJoin]");
    refused(state, "SELECT * FROM (SELECT b, ts FROM w) ORDER BY b",
        "Sort on a non-time-attribute field is not supported");
}

static void conflicts(void **state)
{
    const char *different = "INSERT INTO up SELECT CAST(b AS INT), MAX(a) FROM us GROUP BY b";
    refused(
        state, different, "The query has an upsert key that differs from the primary key of the sink table");
    refused(state, "INSERT INTO up SELECT a, b FROM s ON CONFLICT DO ERROR",
        "requires all source tables to define watermarks");
    has(state, "INSERT INTO up SELECT a, b FROM r ON CONFLICT DO DEDUPLICATE", "upsertMaterialize=[true]");
    fixture_set(*state, "table.exec.sink.require-on-conflict", "false");
    has(state, different, "upsertMaterialize=[true]");
    fixture_set(*state, "table.exec.sink.upsert-materialize", "NONE");
    has_not(state, different, "upsertMaterialize");
    fixture_set(*state, "table.exec.sink.upsert-materialize", "FORCE");
    has(state, "INSERT INTO up SELECT a, COUNT(*) FROM s GROUP BY a", "upsertMaterialize=[true]");
    has_not(state, "INSERT INTO al SELECT a, COUNT(*) FROM s GROUP BY a", "upsertMaterialize");
}

static void upsert_sources(void **state)
{
    has(state, "SELECT * FROM us", "ChangelogNormalize(key=[a], changelogMode=[I,UB,UA,D])");
    has_not(state, "INSERT INTO up SELECT * FROM us", "ChangelogNormalize");
    has(state, "INSERT INTO up SELECT * FROM usd", "ChangelogNormalize(key=[a], changelogMode=[I,UA,D])");
    has_not(state, "INSERT INTO upd SELECT * FROM usd", "ChangelogNormalize");
    has(state, "INSERT INTO upd SELECT * FROM usd", "changelogMode=[I,UA,PD]");
    has(state, "INSERT INTO upd SELECT * FROM usd WHERE b > 3",
        "ChangelogNormalize(key=[a], condition=[(b > 3:BIGINT)]");
    has_not(state, "INSERT INTO upd SELECT * FROM usd WHERE a > 3", "ChangelogNormalize");
    fixture_set(*state, "table.exec.source.cdc-events-duplicate", "true");
    has(state, "INSERT INTO up SELECT * FROM us", "ChangelogNormalize");
}

/* The join finds its rows by the hash of the key even when the normalisation below it goes. */
static void skipped_normalisation_keeps_exchange(void **state)
{
    has(state,
        "INSERT INTO up SELECT us.a, x.n FROM us JOIN (SELECT a, COUNT(*) n FROM s GROUP BY a) x ON us.a = "
        "x.a",
        ":  +- TableSourceScan");
}

/* One aggregate with two sinks: it gives -U since one of them needs it, and it is dropped for the other. */
static void shared_plans(void **state)
{
    const char *sql = "EXECUTE STATEMENT SET BEGIN INSERT INTO up SELECT a, COUNT(*) FROM s GROUP BY a;"
                      "INSERT INTO al SELECT a, COUNT(*) FROM s GROUP BY a; END";
    has(state, sql, "DropUpdateBefore(changelogMode=[I,UA])\n   +- GroupAggregate");
    uint32_t aggregates_count = 0;
    const struct weir_stream_graph *graph = fixture_graph(*state, sql);
    for (uint32_t n = 0; n < graph->node_count; n++)
        aggregates_count += strcmp(graph->nodes[n].operator_name, "group_aggregate") == 0;
    assert_int_equal(aggregates_count, 1);
}

static void ranks(void **state)
{
    const char *over_counts =
        "SELECT a, n FROM (SELECT a, n, ROW_NUMBER() OVER (PARTITION BY a ORDER BY n %s) AS r FROM"
        " (SELECT a, COUNT(*) AS n FROM s GROUP BY a)) WHERE r <= 2";
    char sql[512];
    snprintf(sql, sizeof sql, over_counts, "DESC");
    has(state, sql, "Rank(strategy=[UpdateFastStrategy[0]]");
    snprintf(sql, sizeof sql, over_counts, "ASC");
    has(state, sql, "Rank(strategy=[RetractStrategy]");
    has(state,
        "SELECT a FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) AS r FROM s) WHERE r <= 2",
        "Rank(strategy=[AppendFastStrategy]");
    refused(state,
        "SELECT a FROM (SELECT a, RANK() OVER (PARTITION BY a ORDER BY b) AS r FROM s) WHERE r <= 2",
        "RANK() on streaming table is not supported currently");
}

static void batch_is_append_only(void **state)
{
    struct plan_fixture *f = *state;
    f->batch = true;
    has(state, "INSERT INTO ap SELECT a, COUNT(*) FROM s GROUP BY a", "AS EXPR$1], changelogMode=[I])");
    has(state, "SELECT a FROM s ORDER BY a", "Sort(orderBy=[a ASC]");
    has(state, "SELECT a FROM (SELECT a, RANK() OVER (PARTITION BY a ORDER BY b) AS r FROM s) WHERE r <= 2",
        "rankType=[RANK]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(aggregates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nested_aggregates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filters_need_retractions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sinks_refuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conflicts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(upsert_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(skipped_normalisation_keeps_exchange, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_plans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batch_is_append_only, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
