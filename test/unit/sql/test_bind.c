/* The binder: what trees queries become. */
#include "rel_text.h"

static struct plan_fixture f;

static const char tables[] = "CREATE TABLE t (a INT, b STRING, c BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts "
                             "AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'x');"
                             "CREATE TABLE s (k INT, v STRING) WITH ('connector' = 'x');"
                             "CREATE TABLE q (k INT NOT NULL, w ROW<x INT, y ROW<z STRING>>, m MAP<STRING, "
                             "INT>, d ARRAY<INT>) WITH ('connector' = 'x');"
                             "CREATE TABLE u (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH "
                             "('connector' = 'x', 'source-mode' = 'I,UA,D');";

static int setup(void **state)
{
    fixture_open(&f, weir_test_memory_shared());
    fixture_run(&f, tables);
    return 0;
}

static int teardown(void **state)
{
    fixture_close(&f);
    return 0;
}

static void test_tables(void **state)
{
    assert_string_equal(bound(&f, "SELECT * FROM s"), "Project[$0, $1](Scan s)");
    assert_string_equal(
        bound(&f, "SELECT a FROM t WHERE a > 1"), "Project[$0](Filter[($0 > 1)](Watermark[3](Scan t)))");
    assert_string_equal(bound(&f, "SELECT v FROM u"), "Project[$1](Normalize(Scan u))");
    fixture_run(&f, "CREATE TABLE g (a INT, p AS PROCTIME(), b AS a + 1) WITH ('connector' = 'x')");
    assert_string_equal(bound(&f, "TABLE g"), "Project[$0, PROCTIME(), ($0 + 1)](Scan g)");
    assert_string_equal(fields(&f, "TABLE g"), "a INT, p TIMESTAMP_LTZ(3) NOT NULL *PROCTIME*, b INT");
}

static void test_one_table_is_one_node(void **state)
{
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    assert_int_equal(fixture_bind(&f, "SELECT x.a FROM t x JOIN t y ON x.a = y.a", &input, &config), WEIR_OK);
    const struct weir_rel *join = input.roots[0]->inputs[0]->inputs[0];
    assert_ptr_equal(join->inputs[0], join->inputs[1]);
    assert_int_equal(fixture_bind(&f, "SELECT x.a FROM t x JOIN t /*+ OPTIONS('o' = '1') */ y ON x.a = y.a",
                         &input, &config),
        WEIR_OK);
    join = input.roots[0]->inputs[0]->inputs[0];
    assert_ptr_not_equal(join->inputs[0], join->inputs[1]);
}

static void test_names_of_columns(void **state)
{
    assert_string_equal(fields(&f, "SELECT a, a + 1, a, b AS x, 7 FROM t"),
        "a INT, EXPR$1 INT, a0 INT, x STRING, EXPR$3 INT NOT NULL");
    assert_string_equal(fields(&f, "SELECT s.*, q.k FROM s, q"), "k INT, v STRING, k0 INT NOT NULL");
    assert_string_equal(fields(&f, "SELECT w.y.z, q.w.x, (w).y, d[1], m['p'] FROM q"),
        "z STRING, x INT, y ROW<`z` STRING>, EXPR$3 INT, EXPR$4 INT");
    assert_string_equal(fields(&f, "SELECT w.*, z FROM q"), "x INT, y ROW<`z` STRING>, z STRING");
    assert_string_equal(
        fields(&f, "SELECT default_database.s.k, default_catalog.default_database.s.v FROM s"),
        "k INT, v STRING");
    assert_string_equal(fields(&f, "SELECT * FROM (VALUES (1, 'a'), (2, 'bcd')) AS v(x, y)"),
        "x INT NOT NULL, y VARCHAR(3) NOT NULL");
    /* a repeated name gets the first number that makes it another one; unnamed items count different names */
    assert_string_equal(fields(&f, "SELECT k a, k a0, k a, k a, k a0, k A, k + 1, k a, k + 2, 1 FROM s"),
        "a INT, a0 INT, a1 INT, a2 INT, a00 INT, A INT, EXPR$3 INT, a3 INT, EXPR$4 INT, EXPR$5 INT NOT NULL");
}

static void test_a_name_thousands_of_times(void **state)
{
    enum { COUNT = 3000 };
    struct weir_buffer sql;
    weir_buffer_init(&sql, f.arena.memory, 1 << 20);
    for (uint32_t i = 0; i < COUNT; i++) weir_buffer_append_text(&sql, i ? ", k" : "SELECT k");
    weir_buffer_append_text(&sql, " FROM s");
    const char *text = fields(&f, weir_buffer_text(&sql));
    weir_buffer_done(&sql);
    assert_non_null(strstr(text, "k INT, k0 INT, k1 INT, k2 INT"));
    assert_string_equal(text + strlen(text) - strlen("k2997 INT, k2998 INT"), "k2997 INT, k2998 INT");
}

static void test_literals(void **state)
{
    assert_string_equal(fields(&f, "SELECT 1, 2147483648, 1.50, 1e0, 'ab', TRUE, NULL"),
        "EXPR$0 INT NOT NULL, EXPR$1 BIGINT NOT NULL, EXPR$2 DECIMAL(3, 2) NOT NULL, EXPR$3 DOUBLE NOT NULL, "
        "EXPR$4 CHAR(2) NOT NULL, EXPR$5 BOOLEAN NOT NULL, EXPR$6 NULL");
    assert_string_equal(fields(&f, "SELECT -2147483648, -9223372036854775808"),
        "EXPR$0 INT NOT NULL, EXPR$1 BIGINT NOT NULL");
    assert_string_equal(
        fields(&f, "SELECT DATE '2024-02-29', TIME '10:20:30', TIMESTAMP '2024-01-02 03:04:05.678', X'0AFF'"),
        "EXPR$0 DATE NOT NULL, EXPR$1 TIME(0) NOT NULL, EXPR$2 TIMESTAMP(3) NOT NULL, EXPR$3 BINARY(2) NOT "
        "NULL");
    const char *intervals =
        bound(&f, "SELECT INTERVAL '1 02:03:04.5' DAY TO SECOND, INTERVAL -'1-2' YEAR TO MONTH");
    assert_non_null(strstr(intervals, "Project[93784500:INTERVAL DAY"));
    assert_non_null(strstr(intervals, " -14:INTERVAL YEAR"));
    intervals =
        bound(&f, "SELECT INTERVAL '99 23:59:59.999' DAY TO SECOND, INTERVAL -'100' DAY(3), INTERVAL '99' "
                  "WEEK, INTERVAL '2147483647' SECOND(10), INTERVAL '9-11' YEAR TO MONTH");
    assert_non_null(strstr(intervals, "Project[8639999999:INTERVAL DAY"));
    assert_non_null(strstr(intervals, " -8640000000:INTERVAL DAY"));
    assert_non_null(strstr(intervals, " 59875200000:INTERVAL DAY"));
    assert_non_null(strstr(intervals, " 2147483647000:INTERVAL SECOND"));
    assert_non_null(strstr(intervals, " 119:INTERVAL YEAR"));
    assert_string_equal(
        refused(&f, "SELECT 9223372036854775808"), "1:8 Numeric literal '9223372036854775808' out of range");
    assert_string_equal(refused(&f, "SELECT DATE '2023-02-29'"),
        "1:8 Illegal DATE literal '2023-02-29': not in format 'yyyy-MM-dd'");
}

static void test_aggregates(void **state)
{
    assert_string_equal(
        bound(&f, "SELECT a, COUNT(*), SUM(c) FILTER (WHERE b = 'x'), COUNT(DISTINCT b) FROM t GROUP BY a"),
        "Project[$0, $1, $2, $3](Aggregate[0; COUNT() SUM(1)?2 COUNT(DISTINCT 3)](Project[$0, $2, ($1 = "
        "'x'), $1](Watermark[3](Scan t))))");
    assert_string_equal(bound(&f, "SELECT COUNT(*) FROM s"), "Project[$0](Aggregate[; COUNT()](Scan s))");
    assert_string_equal(bound(&f, "SELECT k + 1 FROM s GROUP BY k + 1 HAVING SUM(k) > 2 AND k + 1 < 9"),
        "Project[$0](Filter[(($1 > 2) AND ($0 < 9))](Aggregate[0; SUM(1)](Project[($0 + 1), $0](Scan s))))");
    /* The same call twice is computed once. */
    assert_string_equal(bound(&f, "SELECT SUM(k), SUM(k) + 1 FROM s"),
        "Project[$0, ($0 + 1)](Aggregate[; SUM(0)](Project[$0](Scan s)))");
    assert_string_equal(
        fields(&f, "SELECT v, COUNT(*) AS n FROM s GROUP BY v"), "v STRING, n BIGINT NOT NULL");
}

static void test_grouping_sets(void **state)
{
    const char *rollup =
        "Project[$0, $1, $3, CASE(($2 = 0:BIGINT), 0:BIGINT, ($2 = 1:BIGINT), 1:BIGINT, 3:BIGINT)]"
        "(Aggregate[0 1 3; SUM(2)](Expand[$0, $1, $2, 0:BIGINT; $0, null:STRING, $2, 1:BIGINT; "
        "null:INT, null:STRING, $2, 3:BIGINT](Project[$0, $1, $0](Scan s))))";
    assert_string_equal(
        bound(&f, "SELECT k, v, SUM(k), GROUPING(k, v) FROM s GROUP BY ROLLUP (k, v)"), rollup);
    assert_string_equal(
        bound(&f, "SELECT k, v, SUM(k), GROUPING_ID(k, v) FROM s GROUP BY GROUPING SETS ((k, v), k, ())"),
        rollup);
    assert_string_equal(
        fields(&f, "SELECT k, v FROM q JOIN s USING (k) GROUP BY CUBE (k, v)"), "k INT, v STRING");
}

static void test_group_windows(void **state)
{
    assert_string_equal(bound(&f, "SELECT a, TUMBLE_START(ts, INTERVAL '1' MINUTE), TUMBLE_ROWTIME(ts, "
                                  "INTERVAL '1' MINUTE), COUNT(*) "
                                  "FROM t GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE), a"),
        "Project[$0, $2, $3, $1](Aggregate[0; COUNT(); window 0 time 1 size 60000 slide 0 gap 0 p0 p2]"
        "(Project[$0, $3](Watermark[3](Scan t))))");
    assert_string_equal(
        bound(&f,
            "SELECT SESSION_END(ts, INTERVAL '5' SECOND) FROM t GROUP BY SESSION(ts, INTERVAL '5' SECOND)"),
        "Project[$0](Aggregate[;; window 3 time 0 size 0 slide 0 gap 5000 p1](Project[$3](Watermark[3](Scan "
        "t))))");
    assert_string_equal(
        refused(&f,
            "SELECT TUMBLE_START(ts, INTERVAL '2' MINUTE) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' MINUTE)"),
        "1:8 Call to auxiliary group function 'TUMBLE_START' must have matching call to group function "
        "'TUMBLE' in GROUP BY clause");
}

static void test_window_functions_of_tables(void **state)
{
    assert_string_equal(bound(&f, "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' "
                                  "SECOND)) GROUP BY window_start, window_end"),
        "Project[$2](Aggregate[0 1; COUNT()](Project[$4, $5](Tvf[0 time 3 size 10000 slide 0 step 0 offset 0 "
        "gap 0](Watermark[3](Scan t)))))");
    const char *hop =
        "Project[$5](Tvf[1 time 3 size 10000 slide 5000 step 0 offset 1000 gap 0](Watermark[3](Scan t)))";
    assert_string_equal(bound(&f, "SELECT window_end FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' "
                                  "SECOND, INTERVAL '10' SECOND, INTERVAL '1' SECOND))"),
        hop);
    assert_string_equal(
        bound(&f,
            "SELECT window_end FROM TABLE(HOP(SIZE => INTERVAL '10' SECOND, SLIDE => INTERVAL '5' SECOND, "
            "OFFSET => INTERVAL '1' SECOND, TIMECOL => DESCRIPTOR(ts), DATA => TABLE t))"),
        hop);
    assert_string_equal(fields(&f, "SELECT window_start, window_end, window_time FROM TABLE(CUMULATE(TABLE "
                                   "t, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND))"),
        "window_start TIMESTAMP(3) NOT NULL, window_end TIMESTAMP(3) NOT NULL, window_time TIMESTAMP(3) NOT "
        "NULL *ROWTIME*");
    assert_non_null(strstr(
        bound(
            &f, "SELECT a FROM TABLE(SESSION(TABLE t PARTITION BY a, DESCRIPTOR(ts), INTERVAL '5' SECOND))"),
        "Tvf[3 time 3 size 0 slide 0 step 0 offset 0 gap 5000]"));
}

static void test_joins(void **state)
{
    assert_string_equal(bound(&f, "SELECT * FROM s JOIN q ON s.k = q.k AND s.v > 'x'"),
        "Project[$0, $1, $2, $3, $4, $5](Join[inner (($0 = $2) AND ($1 > 'x'))](Scan s, Scan q))");
    assert_string_equal(
        fields(&f, "SELECT * FROM s FULL JOIN (SELECT k FROM q) USING (k)"), "k INT, v STRING");
    assert_string_equal(bound(&f, "SELECT k FROM s FULL JOIN q USING (k)"),
        "Project[COALESCE($0, $2)](Join[full ($0 = $2)](Scan s, Scan q))");
    assert_string_equal(bound(&f, "SELECT k, s.k, q.k FROM s RIGHT JOIN q USING (k)"),
        "Project[$2, $0, $2](Join[right ($0 = $2)](Scan s, Scan q))");
    assert_string_equal(bound(&f, "SELECT * FROM s NATURAL JOIN u"),
        "Project[$0, $1](Join[inner (($0 = $2) AND ($1 = $3))](Scan s, Normalize(Scan u)))");
    assert_string_equal(fields(&f, "SELECT q.k FROM s LEFT JOIN q ON s.k = q.k"), "k INT");
    assert_string_equal(bound(&f, "SELECT 1 FROM s CROSS JOIN q"), "Project[1](Join[inner](Scan s, Scan q))");
}

static void test_subqueries(void **state)
{
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE k IN (SELECT k FROM q) AND v > 'a'"),
        "Project[$1](Join[semi ($0 = $2)](Filter[($1 > 'a')](Scan s), Project[$0](Scan q)))");
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE k NOT IN (SELECT a FROM t)"),
        "Project[$1](Join[anti (($0 = $2) OR $0 IS NULL OR $2 IS NULL)](Scan s, "
        "Project[$0](Watermark[3](Scan t))))");
    assert_string_equal(
        bound(&f,
            "SELECT v FROM s WHERE NOT EXISTS (SELECT 1 FROM t WHERE t.a = s.k AND t.b <> s.v AND t.c > 0)"),
        "Project[$1](Join[anti (($3 = $0) AND ($4 <> $1))](Scan s, Project[1, $0, $1](Filter[($2 > "
        "0:BIGINT)](Watermark[3](Scan t)))))");
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE k > (SELECT MAX(k) FROM q)"),
        "Project[$1](Filter[($0 > $2)](Join[left](Scan s, Project[$0](Aggregate[; MAX(0)](Project[$0](Scan "
        "q))))))");
    assert_string_equal(bound(&f, "SELECT (SELECT k FROM q) FROM s"),
        "Project[$2](Join[left](Scan s, Aggregate[; SINGLE_VALUE(0)](Project[$0](Scan q))))");
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE k > (SELECT MAX(a) FROM t WHERE t.b = s.v)"),
        "Project[$1](Filter[($0 > $2)](Join[left ($3 = $1)](Scan s, Project[$1, $0](Aggregate[0; MAX(1)]"
        "(Project[$1, $0](Watermark[3](Scan t)))))))");
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE 1 > (SELECT COUNT(*) FROM q WHERE q.k = s.k)"),
        "Project[$1](Filter[(1:BIGINT > COALESCE($2, 0:BIGINT))](Join[left ($3 = $0)](Scan s, "
        "Project[$1, $0](Aggregate[0; COUNT()](Project[$0](Scan q))))))");
    assert_string_equal(bound(&f, "SELECT COUNT(*), (SELECT MAX(k) FROM q) FROM s"),
        "Project[$0, $1](Join[left](Aggregate[; COUNT()](Scan s), Project[$0](Aggregate[; "
        "MAX(0)](Project[$0](Scan q)))))");
    /* conditions are found within parentheses and in chains that are too long for a list, which are balanced
     */
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE k > 1 AND (k > 2 AND EXISTS (SELECT 1 FROM t WHERE "
                                  "(a > 0 AND t.a = s.k)))"),
        bound(&f,
            "SELECT v FROM s WHERE k > 1 AND k > 2 AND EXISTS (SELECT 1 FROM t WHERE a > 0 AND t.a = s.k)"));
    const char *sql = "SELECT v FROM s WHERE TRUE";
    for (uint32_t i = 0; i < 100; i++)
        sql = weir_arena_format(
            &f.arena, "%s AND EXISTS (SELECT 1 FROM t WHERE t.a = s.k AND t.a > %u)", sql, i);
    const char *text = bound(&f, sql);
    uint32_t joins = 0;
    for (; (text = strstr(text, "Join")) != NULL; text++) joins++;
    assert_int_equal(joins, 100);
    assert_string_equal(bound(&f, "SELECT v FROM s WHERE EXISTS (SELECT 1 FROM q) OR k = 1"),
        "Project[$1](Filter[(($2 > 0:BIGINT) IS TRUE OR ($0 = 1))](Join[left](Scan s, Aggregate[; "
        "COUNT()](Project[1](Scan q)))))");
    assert_string_equal(bound(&f, "SELECT (SELECT v FROM s WHERE s.k = q.k) FROM q"),
        "Project[$4](Join[left ($5 = $0)](Scan q, Project[$1, $0](Aggregate[0; SINGLE_VALUE(1)]"
        "(Project[$1, $0](Project[$1, $0](Scan s))))))");
}

static void test_order_and_limit(void **state)
{
    assert_string_equal(bound(&f, "SELECT k AS x, v FROM s ORDER BY x DESC, 2, k + 1 LIMIT 3 OFFSET 1"),
        "Project[$0, $1](Sort[0-l 1+f 2+f 1 3](Project[$0, $1, ($0 + 1)](Scan s)))");
    assert_string_equal(bound(&f, "SELECT k FROM s ORDER BY v NULLS LAST FETCH FIRST 2 ROWS ONLY"),
        "Project[$0](Sort[1+l 0 2](Project[$0, $1](Scan s)))");
    assert_string_equal(bound(&f, "SELECT * FROM (SELECT k FROM s ORDER BY v)"),
        "Project[$0](Project[$0](Project[$0, $1](Scan s)))");
}

static void test_over(void **state)
{
    assert_string_equal(
        bound(&f, "SELECT k, ROW_NUMBER() OVER (PARTITION BY v ORDER BY k DESC) AS rn FROM s"),
        "Project[$0, $2](Over[ROW_NUMBER p1 o0- ](Scan s))");
    assert_string_equal(
        bound(&f, "SELECT k FROM s QUALIFY ROW_NUMBER() OVER (PARTITION BY v ORDER BY k) <= 2"),
        "Project[$0](Filter[($2 <= 2:BIGINT)](Over[ROW_NUMBER p1 o0+ ](Scan s)))");
    assert_string_equal(bound(&f, "SELECT v, RANK() OVER w FROM s GROUP BY v WINDOW w AS (ORDER BY SUM(k))"),
        "Project[$0, $2](Over[RANK o1+ ](Aggregate[0; SUM(1)](Project[$1, $0](Scan s))))");
}

static void test_keys_that_are_repeated(void **state)
{
    assert_string_equal(
        bound(&f, "SELECT k, ROW_NUMBER() OVER (PARTITION BY v, v, k + 1, k + 1 ORDER BY k) FROM s"),
        "Project[$0, $3](Over[ROW_NUMBER p1 p2 o0+ ](Project[$0, $1, ($0 + 1)](Scan s)))");
    assert_string_equal(
        bound(&f, "SELECT k FROM s GROUP BY k, v, k"), "Project[$0](Aggregate[0 1;](Scan s))");
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    const char *session =
        "SELECT a FROM TABLE(SESSION(TABLE t PARTITION BY (a, b, a), DESCRIPTOR(ts), INTERVAL '5' SECOND))";
    assert_int_equal(fixture_bind(&f, session, &input, &config), WEIR_OK);
    assert_int_equal(input.roots[0]->inputs[0]->inputs[0]->tvf.window.partition_count, 2);
}

static void test_set_operations_and_values(void **state)
{
    assert_string_equal(bound(&f, "SELECT k FROM s UNION ALL SELECT c FROM t UNION ALL SELECT k FROM q"),
        "Union(Project[CAST($0 AS BIGINT)](Project[$0](Scan s)), Project[$2](Watermark[3](Scan t)), "
        "Project[CAST($0 AS BIGINT)](Project[$0](Scan q)))");
    assert_string_equal(bound(&f, "SELECT k FROM s UNION SELECT k FROM q"),
        "Distinct(Union(Project[$0](Scan s), Project[$0](Scan q)))");
    assert_string_equal(
        fields(&f, "VALUES (1, NULL), (2.5, 'x')"), "EXPR$0 DECIMAL(11, 1) NOT NULL, EXPR$1 CHAR(1)");
    assert_string_equal(bound(&f, "SELECT DISTINCT v FROM s"), "Distinct(Project[$1](Scan s))");
}

static void test_with_and_views(void **state)
{
    assert_string_equal(bound(&f, "WITH w(n) AS (SELECT k FROM s), x AS (SELECT n FROM w) SELECT n FROM x"),
        "Project[$0](Project[$0](Project[$0](Project[$0](Scan s))))");
    fixture_run(&f, "CREATE VIEW v1 (n) AS SELECT k + 1 FROM s; CREATE DATABASE other; USE other;"
                    "CREATE VIEW v2 AS SELECT n FROM default_database.v1; USE default_database;");
    assert_string_equal(fields(&f, "SELECT * FROM other.v2"), "n INT");
    fixture_run(&f, "DROP TABLE s");
    assert_non_null(strstr(
        refused(&f, "SELECT * FROM other.v2"), "The view 'default_catalog.other.v2' cannot be expanded"));
}

static void test_batch(void **state)
{
    f.batch = true;
    assert_string_equal(bound(&f, "SELECT ts FROM t"), "Project[$3](Scan t)");
    assert_string_equal(
        fields(&f, "SELECT ts, PROCTIME() FROM t"), "ts TIMESTAMP(3), EXPR$1 TIMESTAMP_LTZ(3) NOT NULL");
    bound(&f, "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY "
              "window_start, window_end");
    f.batch = false;
}

static void test_insert(void **state)
{
    assert_string_equal(
        bound(&f, "INSERT INTO s SELECT a, b FROM t"), "Project[$0, $1](Watermark[3](Scan t))");
    assert_string_equal(bound(&f, "INSERT INTO s (v) SELECT b FROM t"),
        "Project[null:INT, $0](Project[$1](Watermark[3](Scan t)))");
    assert_string_equal(bound(&f, "INSERT INTO s (v, k) VALUES ('x', 1)"), "Project[$1, $0](Values)");
    assert_string_equal(bound(&f, "INSERT INTO s SELECT CAST(k AS TINYINT), v FROM u"),
        "Project[CAST($0 AS INT), $1](Project[CAST($0 AS TINYINT), $1](Normalize(Scan u)))");
}

static enum weir_error_code partitioned_sink(void *context, const struct weir_sql_table_descriptor *table,
    struct weir_sql_sink_description *ret, struct weir_error *reterr)
{
    *ret = (struct weir_sql_sink_description){ .accepted_kinds = 15, .partitioned = true };
    return WEIR_OK;
}

static void test_insert_into_partitions(void **state)
{
    fixture_run(&f, "CREATE TABLE p (a INT, d STRING, h INT) PARTITIONED BY (d, h) WITH ('connector' = 'x')");
    assert_non_null(strstr(refused(&f, "INSERT INTO p VALUES (1, 'a', 2)"),
        "is a partitioned table, but its connector does not write partitions"));
    f.connectors.describe_sink = partitioned_sink;
    assert_string_equal(bound(&f, "INSERT INTO p PARTITION (d = 'x') SELECT k, 7 FROM s"),
        "Project[$0, 'x', $1](Project[$0, 7](Scan s))");
    struct weir_sql_planner_input input;
    struct weir_sql_config config;
    assert_int_equal(
        fixture_bind(&f, "INSERT OVERWRITE p PARTITION (d = 'x', h = 3) SELECT k FROM s", &input, &config),
        WEIR_OK);
    const struct weir_rel *sink = input.roots[0];
    assert_true(sink->sink.overwrite);
    assert_string_equal(weir_spec_get_text(sink->sink.static_partition, "d", ""), "x");
    assert_string_equal(weir_spec_get_text(sink->sink.static_partition, "h", ""), "3");
    assert_string_equal(refused(&f, "INSERT INTO p PARTITION (a = 1) SELECT 'x', 3"),
        "1:26 Static partition column 'a' should be in the partition fields list of table "
        "'default_catalog.default_database.p'");
}

static enum weir_error_code two_metadata(void *context, const struct weir_sql_table_descriptor *table,
    const struct weir_sql_metadata_column **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    static struct weir_sql_metadata_column columns[2] = { { "offset", NULL, false },
        { "headers", NULL, true } };
    columns[0].type = weir_type_of(WEIR_TYPE_BIGINT);
    columns[1].type = &weir_type_string;
    *ret = columns;
    *ret_count = 2;
    return WEIR_OK;
}

static void test_metadata(void **state)
{
    f.connectors.metadata = two_metadata;
    fixture_run(&f, "CREATE TABLE m (o INT METADATA FROM 'offset' VIRTUAL, a INT, headers STRING METADATA, b "
                    "STRING) WITH ('connector' = 'x')");
    assert_string_equal(bound(&f, "SELECT * FROM m"),
        "Project[$0, $1, $2, $3](Project[CAST($2 AS INT), $0, $3, $1](Scan m))");
    /* The query's order is that of the declaration, the sink's has the metadata behind. */
    assert_string_equal(bound(&f, "INSERT INTO m VALUES (1, 'h', 'b')"), "Project[$0, $2, $1](Values)");
    fixture_run(&f, "CREATE TABLE w (a INT, offset_ BIGINT METADATA FROM 'offset', x INT METADATA FROM "
                    "'ofset') WITH ('connector' = 'x')");
    assert_non_null(strstr(refused(&f, "SELECT a FROM w"), "Invalid metadata key 'ofset' in column 'x'"));
    assert_non_null(strstr(refused(&f, "SELECT a FROM w"), "did you mean 'offset'?"));
    fixture_run(&f, "CREATE TABLE y (a INT, o BIGINT METADATA FROM 'offset') WITH ('connector' = 'x')");
    assert_non_null(
        strstr(refused(&f, "INSERT INTO y VALUES (1, 2)"), "cannot be written; declare the column VIRTUAL"));
}

static void test_create_table_as(void **state)
{
    struct weir_sql_binder_input input = fixture_binder(&f);
    const char *sql = "CREATE TABLE n (extra INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'x') AS "
                      "SELECT k, w FROM q";
    size_t offset = 0;
    const struct weir_sql_statement *statement;
    struct weir_rel *insert;
    assert_int_equal(
        weir_sql_parse_statement(&f.arena, sql, strlen(sql), &offset, &statement, &f.error), WEIR_OK);
    assert_int_equal(weir_sql_execute_ddl(&input, statement, &insert, &f.error), WEIR_OK);
    assert_non_null(insert);
    assert_int_equal(insert->inputs[0]->kind, WEIR_REL_PROJECT);
    fixture_run(&f, "CREATE TABLE o (w, k) WITH ('connector' = 'x') AS SELECT k, w FROM q");
    assert_string_equal(fields(&f, "TABLE o"), "w ROW<`x` INT, `y` ROW<`z` STRING>>, k INT NOT NULL");
    assert_non_null(
        strstr(refused(&f, "CREATE TABLE e (w, z) WITH ('connector' = 'x') AS SELECT k, w FROM q"),
            "1:20 Column 'z' not found"));
    assert_non_null(strstr(refused(&f, "CREATE TABLE e (w) WITH ('connector' = 'x') AS SELECT k, w FROM q"),
        "must match the number of columns"));
    assert_string_equal(
        fields(&f, "TABLE n"), "extra INT, k INT NOT NULL, w ROW<`x` INT, `y` ROW<`z` STRING>>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_tables),
        TEST(test_one_table_is_one_node),
        TEST(test_names_of_columns),
        TEST(test_a_name_thousands_of_times),
        TEST(test_literals),
        TEST(test_aggregates),
        TEST(test_grouping_sets),
        TEST(test_group_windows),
        TEST(test_window_functions_of_tables),
        TEST(test_joins),
        TEST(test_subqueries),
        TEST(test_order_and_limit),
        TEST(test_over),
        TEST(test_keys_that_are_repeated),
        TEST(test_set_operations_and_values),
        TEST(test_with_and_views),
        TEST(test_batch),
        TEST(test_insert),
        TEST(test_insert_into_partitions),
        TEST(test_metadata),
        TEST(test_create_table_as),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
