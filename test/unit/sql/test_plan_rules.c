/* Every rewrite rule: an EXPLAIN that has a certain text with the rule on, and has not with it off. */
#include "plan_fixture.h"

static const char *const tables =
    "CREATE TABLE t (a INT, b BIGINT, c STRING, d INT NOT NULL, ts TIMESTAMP(3), pt AS PROCTIME(),"
    " WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'x');"
    "CREATE TABLE u (a INT, e BIGINT, f ROW<x INT, y ROW<z STRING, w INT>>, ts TIMESTAMP(3),"
    " WATERMARK FOR ts AS ts) WITH ('connector' = 'x');"
    "CREATE TABLE p (a INT, e BIGINT, g STRING) WITH ('connector' = 'x');"
    "CREATE TABLE k (id INT PRIMARY KEY NOT ENFORCED, v STRING, w INT) WITH ('connector' = 'x', "
    "'source-mode' = 'I,UA,D');";

static const struct {
    const char *rule, *sql, *on,
        *off; /* on: only with the rule; off: only without it (NULL: not looked at) */
} cases[] = {
    { "constant-folding", "SELECT a + (1 + 2) FROM p", "(a + 3)", "(1 + 2)" },
    { "boolean-simplification", "SELECT a FROM p WHERE NOT (a > 1)", "(a <= 1)", "NOT" },
    { "case-simplification", "SELECT CASE WHEN FALSE THEN a WHEN a > 5 THEN 7 ELSE 8 END FROM p", NULL,
        "false" },
    { "cast-elimination", "SELECT a FROM p WHERE CAST(a AS BIGINT) = 5", "(a = 5)", "CAST(a AS BIGINT)" },
    { "calc-merge", "SELECT a + 1 FROM p WHERE e > 3", "Calc(select=[(a + 1) AS EXPR$0], where=[", NULL },
    { "exchange-remove",
        "SELECT x.a, x.n, p.g FROM (SELECT a, COUNT(*) AS n FROM p GROUP BY a) x JOIN p ON x.a = p.a",
        "\n   +- GroupAggregate(", "\n   :  +- GroupAggregate(" },
    { "project-merge", "SELECT x + 1 FROM (SELECT 1 AS x, a FROM p)", "select=[2 AS EXPR$0]", "(1 + 1)" },
    { "project-remove", "SELECT a, e, g FROM (SELECT * FROM p)", NULL, NULL },
    { "filter-merge", "SELECT a FROM (SELECT * FROM p WHERE a > 1) WHERE a > 1", NULL,
        "((a > 1) AND (a > 1))" },
    { "filter-remove", "SELECT a FROM p WHERE TRUE", NULL, "where=[true]" },
    { "filter-empty", "SELECT a FROM p WHERE 1 = 2", "Values(tuples=[[]]", "where=[false]" },
    { "filter-push-project", "SELECT x FROM (SELECT a AS x, COUNT(*) AS n FROM p GROUP BY a) WHERE x > 5",
        NULL, NULL },
    { "filter-push-union", "SELECT * FROM (SELECT a FROM p UNION ALL SELECT a FROM u) WHERE a > 5", NULL,
        "where=[(a > 5)])\n+- Union" },
    { "filter-push-aggregate", "SELECT * FROM (SELECT a, COUNT(*) FROM p GROUP BY a) WHERE a > 5",
        "\n   +- Calc(select=[a], where=[(a > 5)])", "where=[(a > 5)])\n+- GroupAggregate" },
    { "filter-push-partition",
        "SELECT * FROM (SELECT a, e, ROW_NUMBER() OVER (PARTITION BY a ORDER BY e) AS n FROM p) WHERE n <= 2 "
        "AND a = 3",
        NULL, "where=[(a = 3)])\n+- Rank" },
    { "filter-push-window",
        "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) WHERE a > 5", NULL,
        "where=[(a > 5)])\n+- WindowTableFunction" },
    { "filter-push-join", "SELECT p.a FROM p, u WHERE p.a = u.a AND p.e > 5", "hash[a]",
        "distribution=[single]" },
    { "join-condition-push", "SELECT p.a FROM p LEFT JOIN u ON p.a = u.a AND u.e > 5", NULL,
        "(a = a0) AND (e > 5:BIGINT)" },
    { "join-outer-simplify", "SELECT p.a FROM p LEFT JOIN u ON p.a = u.a WHERE u.e > 5", "InnerJoin",
        "LeftOuterJoin" },
    { "join-derive-conditions",
        "SELECT p.g FROM p JOIN u ON p.a = u.a AND ((p.e = 1 AND u.e = 2) OR (p.e = 3 AND u.e = 4))",
        "where=[(((e = 1:BIGINT) OR (e = 3:BIGINT))", NULL },
    { "join-transitive", "SELECT p.g FROM p JOIN u ON p.a = u.a WHERE p.a = 5", NULL, NULL },
    { "join-not-null", "SELECT p.g FROM p JOIN u ON p.a = u.a", "a IS NOT NULL", NULL },
    { "join-key-columns", "SELECT p.g FROM p JOIN u ON p.a + 1 = u.a", "$f", "distribution=[single]" },
    { "distinct-to-aggregate",
        "SELECT DISTINCT window_start, window_end, a FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' "
        "MINUTE))",
        "WindowAggregate(", "GroupAggregate(" },
    { "aggregate-merge-calls", "SELECT a, SUM(x), SUM(y) FROM (SELECT a, e AS x, e AS y FROM p) GROUP BY a",
        NULL, "SUM(y)" },
    { "column-pruning", "SELECT a FROM p", "project=[a]", NULL },
    { "scan-projection", "SELECT a FROM p", "project=[a]", "fields=[a, e, g]" },
    { "scan-nested-projection", "SELECT f.y.w FROM u", "f_y_w", NULL },
    { "over-to-rank",
        "SELECT a FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY a ORDER BY e) AS n FROM p) WHERE n <= 2",
        "rankEnd=2]", "where=" },
    { "rank-number-remove",
        "SELECT a FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY a ORDER BY e) AS n FROM p) WHERE n <= 2",
        NULL, "=ROW_NUMBER" },
    { "rank-number-constant",
        "SELECT a, n FROM (SELECT a, ROW_NUMBER() OVER (PARTITION BY a ORDER BY e) AS n FROM p) WHERE n = 1",
        "1:BIGINT AS n", "=ROW_NUMBER" },
    { "rank-to-deduplicate",
        "SELECT a, b FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY a ORDER BY ts DESC) AS n FROM t) WHERE "
        "n = 1",
        "Deduplicate(keep=[LastRow], key=[a], order=[ROWTIME]", "Rank(" },
    { "interval-join",
        "SELECT t.b FROM t JOIN u ON t.a = u.a AND t.ts BETWEEN u.ts - INTERVAL '1' MINUTE AND u.ts + "
        "INTERVAL '5' SECOND",
        "leftLowerBound=-60000, leftUpperBound=5000", "\n+- Join(" },
    { "window-aggregate",
        "SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP "
        "BY window_start, window_end",
        "WindowAggregate(window=[TUMBLE(time_col=[ts], size=[1 min])]", "WindowTableFunction" },
    { "sub-plan-reuse",
        "SELECT x.n, y.n FROM (SELECT a, COUNT(*) AS n FROM p GROUP BY a) x JOIN (SELECT a, COUNT(*) AS n "
        "FROM p GROUP BY a) y ON x.a = y.a",
        "AS n])(reuse_id=[1])", NULL },
    { "normalize-filter", "SELECT id FROM k WHERE w > 3", "ChangelogNormalize(key=[id], condition=[(w > 3)])",
        "where=[(w > 3)]" },
};

static const char *explained(const char *rule, bool on, const char *sql, struct weir_arena *keep)
{
    struct plan_fixture f;
    char key[128];
    fixture_open(&f, weir_test_memory_shared());
    snprintf(key, sizeof key, "table.optimizer.rule.%s", rule);
    if (!on) fixture_set(&f, key, "false");
    fixture_run(&f, tables);
    const char *text = fixture_explain_all(&f, sql, 0);
    const char *copy = text ? weir_arena_string(keep, strstr(text, "== Optimized Physical"))
                            : weir_arena_format(keep, "error: %s", f.error.message);
    fixture_close(&f);
    return copy;
}

static void every_rule_shows(void **state)
{
    struct weir_arena keep;
    uint32_t failures = 0;
    weir_arena_init(&keep, weir_test_memory_shared());
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        const char *on = explained(cases[i].rule, true, cases[i].sql, &keep),
                   *off = explained(cases[i].rule, false, cases[i].sql, &keep);
        bool good = strcmp(on, off) != 0 && strncmp(on, "error", 5) != 0;
        if (cases[i].on) good &= strstr(on, cases[i].on) && !strstr(off, cases[i].on);
        if (cases[i].off) good &= strstr(off, cases[i].off) && !strstr(on, cases[i].off);
        if (good) continue;
        failures++;
        print_error("%s: %s\nwith the rule:\n%s\nwithout:\n%s\n", cases[i].rule, cases[i].sql, on, off);
    }
    weir_arena_done(&keep);
    assert_int_equal(failures, 0);
}

/* A rule without a case here is not tested. */
static void every_rule_has_a_case(void **state)
{
    static const char *const names[] = {
#define WEIR_RULE(identifier, name, description) name,
#include "sql/rules.def"
#undef WEIR_RULE
    };
    for (size_t r = 0; r < WEIR_ARRAY_COUNT(names); r++) {
        bool found = false;
        for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) found |= strcmp(cases[i].rule, names[r]) == 0;
        if (!found) fail_msg("rule %s has no case", names[r]);
    }
}

/* Each layer says its input's column twice: written out in one expression, thirty would have 2^30 nodes. */
static void layers_that_double_stay_apart(void **state)
{
    enum { LAYERS = 30 };
    struct weir_arena keep;
    weir_arena_init(&keep, weir_test_memory_shared());
    const char *sql = "SELECT a FROM p";
    for (uint32_t i = 0; i < LAYERS; i++)
        sql = weir_arena_format(&keep, "SELECT a + a AS a FROM (%s) WHERE a <> %u", sql, i);
    const char *text = explained("calc-merge", true, sql, &keep);
    assert_non_null(strstr(text, "\n+- Calc("));
    assert_true(strlen(text) < 200000);
    weir_arena_done(&keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_a_case),
        cmocka_unit_test(every_rule_shows),
        cmocka_unit_test(layers_that_double_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
