/* What the binder refuses, with which words and at which place. */
#include "rel_text.h"

static struct plan_fixture f;

static int setup(void **state)
{
    fixture_open(&f, weir_test_memory_shared());
    fixture_run(&f,
        "CREATE TABLE t (amount INT, name STRING, c BIGINT, ts TIMESTAMP(3), r ROW<x INT>, WATERMARK FOR ts "
        "AS ts) WITH ('connector' = 'x');"
        "CREATE TABLE s (k INT NOT NULL, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'x');");
    return 0;
}

static int teardown(void **state)
{
    fixture_close(&f);
    return 0;
}

struct refusal {
    const char *sql, *text; /* the start of "line:column message" */
};

static void expect(const struct refusal *cases, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *text = refused(&f, cases[i].sql);
        if (strncmp(text, cases[i].text, strlen(cases[i].text)) != 0) {
            fail_msg("%s\n  expected: %s\n  given:    %s", cases[i].sql, cases[i].text, text);
        }
    }
}
#define EXPECT(list) expect(list, WEIR_ARRAY_COUNT(list))

static void test_names(void **state)
{
    static const struct refusal cases[] = {
        { "SELECT amuont FROM t", "1:8 Column 'amuont' not found in any table; did you mean 'amount'?" },
        { "SELECT 1,\n  t.nam\nFROM t", "2:3 Column 'nam' not found in table 't'; did you mean 'name'?" },
        { "SELECT q.name FROM t", "1:8 Table 'q' not found" },
        { "SELECT k FROM s JOIN s AS z ON s.k = z.k", "1:8 Column 'k' is ambiguous" },
        { "SELECT r.y FROM t", "1:10 Field 'y' not found in ROW<`x` INT>" },
        { "SELECT name.x FROM t", "1:13 Incompatible types: field 'x' is asked of a value of type STRING" },
        { "SELECT * FROM tt", "1:15 Object 'tt' not found; did you mean 't'?" },
        { "SELECT * FROM t JOIN t ON TRUE", "1:22 Duplicate relation name 't' in FROM clause" },
        { "SELECT * FROM t LEFT JOIN s", "1:27 INNER, LEFT, RIGHT or FULL join requires a condition" },
        { "SELECT * FROM t JOIN s WHERE a = k", "1:22 INNER, LEFT, RIGHT or FULL join requires a condition" },
        { "SELECT * FROM (SELECT amount FROM t) AS x (a, b)",
            "1:15 List of column aliases must have same degree as table" },
        { "SELECT SUBSTRIN(name, 1) FROM t",
            "1:8 No match found for function signature SUBSTRIN; did you mean SUBSTRING?" },
        { "SELECT *", "1:8 SELECT * requires a FROM clause" },
        { "SELECT t.* FROM s", "1:8 Unknown identifier 't'" },
        { "SELECT * FROM s NATURAL JOIN (VALUES (1, 1)) AS z (k, k)",
            "1:55 Duplicate name 'k' in column alias list" },
        { "WITH w AS (SELECT 1), w AS (SELECT 2) SELECT * FROM w",
            "1:23 The name 'w' is given twice in WITH" },
        { "SELECT amount AS zz FROM t GROUP BY zz", "1:37 Column 'zz' not found in any table" },
    };
    EXPECT(cases);
}

static void test_types(void **state)
{
    static const struct refusal cases[] = {
        { "SELECT name FROM t WHERE amount", "1:26 WHERE clause must be a condition, but it is of type INT" },
        { "SELECT UPPER(name, 1) FROM t",
            "1:8 Invalid function call:\nUPPER(STRING, INT NOT NULL)\nexpected is: UPPER(string)" },
        { "SELECT CAST(ts AS INT) FROM t",
            "1:13 Cast function cannot convert value of type TIMESTAMP(3) to type INT." },
        { "SELECT amount FROM t UNION SELECT k, v FROM s", "1:28 Column count mismatch in UNION: 1 and 2" },
        { "SELECT ts FROM t UNION ALL SELECT k FROM s",
            "1:28 Type mismatch in column 1 of UNION ALL: TIMESTAMP(3) and INT NOT NULL" },
        { "VALUES (1, 2), (3)", "1:16 Values passed to VALUES operator must have compatible types: row 1 has "
                                "2 values, row 2 has 1" },
        { "SELECT name FROM t WHERE amount IN (SELECT k, v FROM s)",
            "1:26 Values passed to IN operator must have compatible types" },
        { "SELECT (SELECT k, v FROM s)", "1:8 Cannot apply '$SCALAR_QUERY'" },
        { "SELECT * FROM t LIMIT 'a'", "1:23 LIMIT needs an integer literal that is not negative" },
    };
    EXPECT(cases);
}

static void test_aggregates(void **state)
{
    static const struct refusal cases[] = {
        { "SELECT amount, name FROM t GROUP BY amount", "1:16 Expression 'name' is not being grouped" },
        { "SELECT * FROM s GROUP BY k", "1:8 Expression 'v' is not being grouped" },
        { "SELECT amount FROM t HAVING COUNT(*) > 1", "1:8 Expression 'amount' is not being grouped" },
        { "SELECT name FROM t WHERE SUM(amount) > 1",
            "1:26 Aggregate expression is illegal in WHERE clause" },
        { "SELECT SUM(COUNT(*)) FROM t", "1:12 Aggregate expressions cannot be nested" },
        { "SELECT SUM(name) FROM t", "1:8 Invalid function call:\nSUM(STRING)" },
        { "SELECT COUNT(*) FROM t GROUP BY SUM(amount)",
            "1:33 Aggregate expression is illegal in GROUP BY clause" },
        { "SELECT GROUPING(name) FROM t GROUP BY amount",
            "1:17 Argument to GROUPING operator must be a grouped expression" },
        { "SELECT ROW_NUMBER() FROM t", "1:8 OVER clause is necessary for window functions" },
        { "SELECT RANK() OVER (PARTITION BY name) FROM t",
            "1:8 RANK or DENSE_RANK functions require ORDER BY" },
        { "SELECT name FROM t WHERE ROW_NUMBER() OVER () = 1", "1:26 A window function can only stand in" },
        { "SELECT ROW_NUMBER() OVER w FROM t", "1:26 Window 'w' not found" },
        { "SELECT * FROM t ORDER BY 9", "1:26 Ordinal out of range" },
        { "SELECT DISTINCT name FROM t ORDER BY amount",
            "1:38 Expression in the ORDER BY clause of SELECT DISTINCT" },
        { "SELECT COUNT(DISTINCT *) FROM t",
            "1:8 COUNT(DISTINCT *) has no meaning: expected COUNT(*) or columns" },
    };
    EXPECT(cases);
}

static void test_intervals(void **state)
{
    static const struct refusal cases[] = {
        { "SELECT INTERVAL '100' DAY",
            "1:8 Interval field value 100 exceeds precision of DAY(2) field; DAY(3) holds it" },
        { "SELECT ts - INTERVAL -'1000:30' MINUTE(3) TO SECOND FROM t",
            "1:13 Interval field value 1000 exceeds precision of MINUTE(3) field; MINUTE(4) holds it" },
        { "SELECT INTERVAL '100-1' YEAR TO MONTH",
            "1:8 Interval field value 100 exceeds precision of YEAR(2) field; YEAR(3) holds it" },
        { "SELECT INTERVAL '100' WEEK",
            "1:8 Interval field value 100 exceeds precision of WEEK(2) field; WEEK(3) holds it" },
        { "SELECT INTERVAL '2147483648' SECOND(10)",
            "1:8 Interval field value 2147483648 exceeds precision of SECOND(10) field" },
        { "SELECT INTERVAL '1' DAY(0)",
            "1:8 Interval leading field precision '0' out of range: expected 1 to 10" },
        { "SELECT INTERVAL '1 24' DAY TO HOUR", "1:8 Illegal interval literal format '1 24'" },
        { "SELECT INTERVAL '1:60' MINUTE TO SECOND", "1:8 Illegal interval literal format '1:60'" },
        { "SELECT INTERVAL '1-12' YEAR TO MONTH", "1:8 Illegal interval literal format '1-12'" },
    };
    EXPECT(cases);
}

static void test_windows(void **state)
{
    static const struct refusal cases[] = {
        { "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(c), INTERVAL '1' MINUTE))",
            "1:37 The window function requires the timecol is a time attribute type, but is BIGINT." },
        { "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(tss), INTERVAL '1' MINUTE))",
            "1:48 Unknown identifier 'tss'; did you mean 'ts'?" },
        { "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts)))",
            "1:21 Invalid number of arguments to function 'TUMBLE'" },
        { "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MONTH))",
            "1:53 SIZE of TUMBLE must be a constant interval" },
        { "SELECT * FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '5' MINUTE))",
            "1:21 HOP table function based aggregate requires size must be an integral multiple of slide" },
        { "SELECT * FROM TABLE(TUMBEL(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
            "1:21 No match found for function signature TUMBEL" },
        { "SELECT COUNT(*) FROM t GROUP BY TUMBLE(c, INTERVAL '1' MINUTE)",
            "1:40 Window aggregate can only be defined over a time attribute column, but BIGINT" },
        { "SELECT TUMBLE(ts, INTERVAL '1' MINUTE) FROM t",
            "1:8 Group function 'TUMBLE' can only appear in GROUP BY clause" },
    };
    EXPECT(cases);
}

static void test_inserts(void **state)
{
    static const struct refusal cases[] = {
        { "INSERT INTO nope SELECT 1", "1:13 Table 'nope' not found" },
        { "INSERT INTO s (k, w) SELECT 1, 'a'", "1:19 Unknown target column 'w'" },
        { "INSERT INTO s (v) SELECT 'a'", "1:13 Column 'k' has no default value and does not allow NULLs" },
        { "INSERT INTO s (k, k) SELECT 1, 2", "1:19 Target column 'k' is assigned more than once" },
        { "INSERT INTO s SELECT name, amount FROM t",
            "1:13 Column types of query result and sink for 'default_catalog.default_database.s' do not "
            "match.\n"
            "Cause: Incompatible types for sink column 'k' at position 0.\n\n"
            "Query schema: [name: STRING, amount: INT]\nSink schema:  [k: INT NOT NULL, v: STRING]" },
        { "INSERT INTO s SELECT amount FROM t", "1:13 Column types of query result and sink for "
                                                "'default_catalog.default_database.s' do not match.\n"
                                                "Cause: Different number of columns.\n\nQuery schema: "
                                                "[amount: INT]\nSink schema:  [k: INT NOT NULL, v: STRING]" },
    };
    EXPECT(cases);
}

static void test_what_is_not_implemented(void **state)
{
    static const struct refusal cases[] = {
        { "SELECT k FROM s INTERSECT SELECT k FROM s", "1:1 INTERSECT is not implemented" },
        { "SELECT k FROM s EXCEPT SELECT k FROM s", "1:1 EXCEPT is not implemented" },
        { "SELECT * FROM t JOIN s FOR SYSTEM_TIME AS OF t.ts ON TRUE",
            "1:46 FOR SYSTEM_TIME AS OF (temporal and lookup joins) is not implemented" },
        { "SELECT * FROM t, LATERAL TABLE(f(name))", "1:18 LATERAL TABLE of a function is not implemented" },
        { "SELECT * FROM t CROSS JOIN UNNEST(ARRAY[1])", "1:28 UNNEST is not implemented" },
        { "SELECT LAG(amount) OVER (ORDER BY ts) FROM t", "1:8 LAG OVER is not implemented" },
        { "SELECT JSON_VALUE(name, '$.a') FROM t", "1:8 JSON_VALUE is not implemented" },
        { "SELECT * FROM TO_CHANGELOG(input => TABLE t)",
            "1:15 The table function TO_CHANGELOG is not implemented" },
        { "SELECT name FROM t WHERE amount > ALL (SELECT k FROM s)",
            "1:26 ALL, ANY and SOME with a sub-query is not implemented" },
        { "CREATE TABLE z (a VARIANT) WITH ('connector' = 'x')",
            "1:19 The data type VARIANT is not implemented" },
        { "SELECT name FROM t WHERE amount > (SELECT SUM(k + t.amount) FROM s)",
            "1:51 A column of the outer query that does not stand in the WHERE of its sub-query is not "
            "implemented" },
        { "SELECT name FROM t WHERE amount IN (SELECT t.amount FROM s)",
            "1:44 A column of the outer query that does not stand in the WHERE of its sub-query is not "
            "implemented" },
        { "DELETE FROM s WHERE k = 1", "1:1 DELETE is not implemented" },
        { "SELECT name FROM t WHERE EXISTS (SELECT 1 FROM s WHERE EXISTS (SELECT 1 FROM s WHERE k = "
          "t.amount))",
            "1:90 A column of a query that is more than one level outside is not implemented" },
    };
    EXPECT(cases);
}

static const char *repeated(const char *before, const char *part, uint32_t count, const char *behind)
{
    size_t length = strlen(part);
    char *all = weir_arena_allocate(&f.arena, strlen(before) + count * length + strlen(behind) + 1);
    char *at = stpcpy(all, before);
    for (uint32_t i = 0; i < count; i++) at = stpcpy(at, part);
    strcpy(at, behind);
    return all;
}

static void test_sizes(void **state)
{
    struct refusal cases[] = {
        { repeated("SELECT ROW(", "1,", WEIR_ROW_FIELDS_MAX, "1)"),
            "1:8 A ROW has at most 4096 fields, this one has 4097" },
        { repeated("SELECT ", "ARRAY[", 64, repeated("1", "]", 64, "")),
            "1:8 The type of ARRAY is nested too deeply; at most 64 levels are possible" },
    };
    EXPECT(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_aggregates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_intervals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inserts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_implemented, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
