/* DDL, SHOW, DESCRIBE and the catalog behind them. */
#include "rel_text.h"

static struct plan_fixture f;
static struct weir_test_memory memory;

static enum weir_error_code key_metadata(void *context, const struct weir_sql_table_descriptor *table,
    const struct weir_sql_metadata_column **ret, uint32_t *ret_count, struct weir_error *reterr)
{
    static struct weir_sql_metadata_column column = { "k", NULL, false };
    column.type = weir_type_of(WEIR_TYPE_BIGINT);
    *ret = &column;
    *ret_count = 1;
    return WEIR_OK;
}

static int setup(void **state)
{
    weir_test_memory_init(&memory);
    fixture_open(&f, &memory.base);
    f.connectors.metadata = key_metadata;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(&f);
    weir_test_memory_check(&memory); /* whatever was dropped, replaced or refused is given back */
    return 0;
}

/* Cells by '|', rows by newline, NULL as "-"; the header first. */
static const char *shown(const char *sql)
{
    size_t offset = 0;
    const struct weir_sql_statement *statement;
    const struct weir_sql_answer *answer;
    struct weir_sql_binder_input input = fixture_binder(&f);
    if (weir_sql_parse_statement(&f.arena, sql, strlen(sql), &offset, &statement, &f.error))
        fail_msg("%s: %s", sql, f.error.message);
    assert_true(weir_sql_statement_is_show(statement));
    if (weir_sql_show(&input, statement, &answer, &f.error)) fail_msg("%s: %s", sql, f.error.message);
    const char *text = "";
    for (uint32_t i = 0; i < answer->column_count; i++)
        text = weir_arena_format(&f.arena, "%s%s%s", text, i ? "|" : "", answer->column_names[i]);
    for (uint32_t i = 0; i < answer->row_count * answer->column_count; i++)
        text = weir_arena_format(&f.arena, "%s%s%s", text, i % answer->column_count ? "|" : "\n",
            answer->cells[i] ? answer->cells[i] : "-");
    return text;
}

static void test_show_lists(void **state)
{
    fixture_run(&f,
        "CREATE TABLE b (a INT) WITH ('connector' = 'x'); CREATE TABLE a1 (a INT) WITH ('connector' = 'x');"
        "CREATE VIEW v AS SELECT a FROM b; CREATE DATABASE d; CREATE CATALOG c WITH ('type' = "
        "'generic_in_memory')");
    assert_string_equal(shown("SHOW TABLES"), "table name\na1\nb\nv");
    assert_string_equal(shown("SHOW VIEWS"), "view name\nv");
    assert_string_equal(shown("SHOW TABLES LIKE 'a%'"), "table name\na1");
    assert_string_equal(shown("SHOW TABLES NOT ILIKE 'A_'"), "table name\nb\nv");
    assert_string_equal(shown("SHOW TABLES FROM d"), "table name");
    assert_string_equal(shown("SHOW DATABASES"), "database name\nd\ndefault_database");
    assert_string_equal(shown("SHOW DATABASES FROM c"), "database name\ndefault");
    assert_string_equal(shown("SHOW CATALOGS"), "catalog name\nc\ndefault_catalog");
    assert_string_equal(shown("SHOW CURRENT CATALOG"), "current catalog name\ndefault_catalog");
    fixture_run(&f, "USE d");
    assert_string_equal(shown("SHOW CURRENT DATABASE"), "current database name\nd");
    fixture_run(&f, "USE CATALOG c");
    assert_string_equal(shown("SHOW CURRENT DATABASE"), "current database name\ndefault");
    assert_non_null(strstr(shown("SHOW FUNCTIONS"), "\nCOALESCE\n"));
    assert_null(strstr(shown("SHOW FUNCTIONS"), "IS NULL"));
    assert_non_null(strstr(refused(&f, "SHOW TABLES FROM nope"), "doesn't exist"));
}

static const char full[] =
    "CREATE TABLE t (a INT COMMENT 'first', `b c` STRING NOT NULL, m BIGINT METADATA FROM 'k' VIRTUAL, d AS "
    "a + 1, "
    "ts TIMESTAMP(3), p AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, "
    "CONSTRAINT pk PRIMARY KEY (a, `b c`) NOT ENFORCED) COMMENT 'it''s' PARTITIONED BY (a) "
    "WITH ('connector' = 'x', 'password' = 'hush')";

static void test_show_create(void **state)
{
    fixture_run(&f, full);
    const char *text = shown("SHOW CREATE TABLE t");
    assert_string_equal(text, "result\n"
                              "CREATE TABLE `default_catalog`.`default_database`.`t` (\n"
                              "  `a` INT NOT NULL COMMENT 'first',\n"
                              "  `b c` VARCHAR(2147483647) NOT NULL,\n"
                              "  `m` BIGINT METADATA FROM 'k' VIRTUAL,\n"
                              "  `d` AS `a` + 1,\n"
                              "  `ts` TIMESTAMP(3),\n"
                              "  `p` AS PROCTIME(),\n"
                              "  WATERMARK FOR `ts` AS `ts` - INTERVAL '5' SECOND,\n"
                              "  CONSTRAINT `pk` PRIMARY KEY (`a`, `b c`) NOT ENFORCED\n"
                              ")\n"
                              "COMMENT 'it''s'\n"
                              "PARTITIONED BY (`a`)\n"
                              "WITH (\n"
                              "  'connector' = 'x',\n"
                              "  'password' = '******'\n"
                              ")\n");
    /* What it says makes the same table again. */
    fixture_run(&f, "DROP TABLE t");
    fixture_run(&f, strchr(text, '\n') + 1);
    assert_string_equal(shown("SHOW CREATE TABLE t"), text);
    fixture_run(&f, "CREATE VIEW v (x) COMMENT 'c' AS SELECT a FROM t WHERE a > 1");
    assert_non_null(strstr(shown("SHOW CREATE VIEW v"),
        "CREATE VIEW `default_catalog`.`default_database`.`v` (\n  `x`\n)\nCOMMENT 'c'\nAS SELECT"));
    assert_non_null(
        strstr(refused(&f, "SHOW CREATE VIEW t"), "SHOW CREATE VIEW is only supported for views"));
}

static void test_describe(void **state)
{
    fixture_run(&f, full);
    assert_string_equal(shown("DESCRIBE t"),
        "name|type|null|key|extras|watermark|comment\n"
        "a|INT|FALSE|PRI(a, b c)|-|-|first\n"
        "b c|STRING|FALSE|PRI(a, b c)|-|-|-\n"
        "m|BIGINT|TRUE|-|METADATA FROM 'k' VIRTUAL|-|-\n"
        "d|INT|FALSE|-|AS `a` + 1|-|-\n"
        "ts|TIMESTAMP(3) *ROWTIME*|TRUE|-|-|`ts` - INTERVAL '5' SECOND|-\n"
        "p|TIMESTAMP_LTZ(3) *PROCTIME*|FALSE|-|AS PROCTIME()|-|-");
    fixture_run(&f, "CREATE TABLE n (a INT) WITH ('connector' = 'x')");
    assert_string_equal(shown("DESC n"), "name|type|null|key|extras|watermark\na|INT|TRUE|-|-|-");
    assert_string_equal(shown("SHOW COLUMNS FROM t LIKE 'd%'"),
        "name|type|null|key|extras|watermark|comment\nd|INT|FALSE|-|AS `a` + 1|-|-");
    fixture_run(
        &f, "CREATE DATABASE d COMMENT 'hi' WITH ('k' = 'v'); ALTER DATABASE d SET ('k' = 'w', 'l' = 'x')");
    assert_string_equal(shown("DESCRIBE DATABASE EXTENDED d"),
        "info name|info value\nname|d\ncomment|hi\noption:k|w\noption:l|x");
    assert_non_null(strstr(shown("DESCRIBE FUNCTION EXTENDED md5"), "kind|SCALAR"));
}

static const char *columns(const char *table)
{
    return shown(weir_arena_format(&f.arena, "SHOW COLUMNS FROM %s", table)) +
           strlen("name|type|null|key|extras|watermark");
}

static void test_alter_table(void **state)
{
    fixture_run(&f, "CREATE TABLE t (a INT, b STRING, ts TIMESTAMP(3), PRIMARY KEY (a) NOT ENFORCED) WITH "
                    "('connector' = 'x')");
    fixture_run(&f, "ALTER TABLE t ADD (c BIGINT FIRST, d AS a + 1 AFTER a)");
    assert_string_equal(columns("t"), "\nc|BIGINT|TRUE|-|-|-\na|INT|FALSE|PRI(a)|-|-\nd|INT|FALSE|-|AS `a` + "
                                      "1|-\nb|STRING|TRUE|-|-|-\nts|TIMESTAMP(3)|TRUE|-|-|-");
    fixture_run(&f, "ALTER TABLE t MODIFY (b INT NOT NULL FIRST); ALTER TABLE t ADD WATERMARK FOR ts AS ts");
    assert_string_equal(columns("t"), "\nb|INT|FALSE|-|-|-\nc|BIGINT|TRUE|-|-|-\na|INT|FALSE|PRI(a)|-|-\nd|"
                                      "INT|FALSE|-|AS `a` + 1|-\nts|TIMESTAMP(3) *ROWTIME*|TRUE|-|-|`ts`");
    fixture_run(&f, "ALTER TABLE t DROP (c); ALTER TABLE t DROP d; ALTER TABLE t RENAME a TO z; ALTER TABLE "
                    "t DROP WATERMARK");
    assert_string_equal(
        columns("t"), "\nb|INT|FALSE|-|-|-\nz|INT|FALSE|PRI(z)|-|-\nts|TIMESTAMP(3)|TRUE|-|-|-");
    fixture_run(&f, "ALTER TABLE t DROP PRIMARY KEY; ALTER TABLE t SET ('k' = 'v', 'connector' = 'y'); ALTER "
                    "TABLE t RESET ('k'); ALTER TABLE t RENAME TO u");
    assert_string_equal(columns("u"), "\nb|INT|FALSE|-|-|-\nz|INT|FALSE|-|-|-\nts|TIMESTAMP(3)|TRUE|-|-|-");
    assert_non_null(strstr(shown("SHOW CREATE TABLE u"), "WITH (\n  'connector' = 'y'\n)"));
    assert_non_null(strstr(refused(&f, "ALTER TABLE t DROP b"), "doesn't exist"));
    assert_non_null(strstr(
        refused(&f, "ALTER TABLE u DROP nope"), "The column `nope` does not exist in the base table."));
    assert_non_null(
        strstr(refused(&f, "ALTER TABLE u MODIFY WATERMARK FOR ts AS ts"), "does not define any watermark"));
    assert_non_null(strstr(refused(&f, "ALTER TABLE u ADD b INT"), "already exists"));
    fixture_run(&f, "ALTER TABLE u ADD e AS b + 1");
    assert_non_null(strstr(refused(&f, "ALTER TABLE u DROP b"), "it is used by the computed column `e`"));
}

static void test_like(void **state)
{
    fixture_run(&f, full);
    fixture_run(
        &f, "CREATE TABLE l (x INT) WITH ('connector' = 'y') LIKE t (EXCLUDING ALL INCLUDING GENERATED)");
    assert_string_equal(shown("SHOW COLUMNS FROM l"),
        "name|type|null|key|extras|watermark|comment\na|INT|FALSE|-|-|-|first\nb c|STRING|FALSE|-|-|-|-\n"
        "d|INT|FALSE|-|AS `a` + 1|-|-\nts|TIMESTAMP(3)|TRUE|-|-|-|-\np|TIMESTAMP_LTZ(3) "
        "*PROCTIME*|FALSE|-|AS PROCTIME()|-|-\nx|INT|TRUE|-|-|-|-");
    fixture_run(&f, "CREATE TABLE o WITH ('connector' = 'z') LIKE t");
    const char *text = shown("SHOW CREATE TABLE o");
    assert_non_null(strstr(text, "'connector' = 'z',\n  'password'"));
    assert_non_null(strstr(text, "CONSTRAINT `pk` PRIMARY KEY (`a`, `b c`) NOT ENFORCED"));
    assert_non_null(strstr(text, "WATERMARK FOR `ts`"));
    assert_non_null(strstr(refused(&f, "CREATE TABLE w WITH ('connector' = 'z') LIKE t (INCLUDING OPTIONS)"),
        "There already exists an option ['connector' -> 'x']"));
    assert_non_null(strstr(refused(&f, "CREATE TABLE w LIKE t (OVERWRITING PARTITIONS)"),
        "Illegal merging strategy 'OVERWRITING'"));
    assert_non_null(strstr(
        refused(&f, "CREATE TABLE w (a INT) LIKE t"), "A column named 'a' already exists in the table."));
}

static void test_create_and_drop(void **state)
{
    fixture_run(&f, "CREATE TABLE t (a INT) WITH ('connector' = 'x'); CREATE TABLE IF NOT EXISTS t (b INT) "
                    "WITH ('connector' = 'x')");
    assert_non_null(strstr(refused(&f, "CREATE TABLE t (a INT) WITH ('connector' = 'x')"),
        "1:14 Table with identifier 'default_catalog.default_database.t' already exists."));
    fixture_run(&f, "CREATE TEMPORARY TABLE t (z INT) WITH ('connector' = 'x')");
    assert_string_equal(fields(&f, "TABLE t"), "z INT");
    assert_non_null(strstr(refused(&f, "DROP TABLE t"),
        "Temporary table with identifier 'default_catalog.default_database.t' exists."));
    fixture_run(&f, "DROP TEMPORARY TABLE t");
    assert_string_equal(fields(&f, "TABLE t"), "a INT");
    fixture_run(&f, "CREATE VIEW v AS SELECT a FROM t; ALTER VIEW v AS SELECT a + 1 AS b FROM t; ALTER VIEW "
                    "v RENAME TO w");
    assert_string_equal(fields(&f, "TABLE w"), "b INT");
    assert_non_null(strstr(refused(&f, "DROP TABLE w"), "does not exist"));
    fixture_run(&f, "DROP VIEW w; DROP VIEW IF EXISTS w; CREATE DATABASE d; CREATE TABLE d.t (a INT) WITH "
                    "('connector' = 'x')");
    assert_non_null(strstr(
        refused(&f, "DROP DATABASE d RESTRICT"), "Database d in catalog default_catalog is not empty."));
    fixture_run(&f, "DROP DATABASE d CASCADE; DROP DATABASE IF EXISTS d");
    assert_non_null(strstr(refused(&f, "DROP DATABASE default_database"), "currently in use"));
    assert_non_null(strstr(refused(&f, "TABLE d.t"), "Object 'd.t' not found"));
}

static const struct weir_sql_table *found(const char *name, bool temporary)
{
    const struct weir_sql_identifier identifier = {
        .catalog = WEIR_SQL_DEFAULT_CATALOG, .database = WEIR_SQL_DEFAULT_DATABASE, .name = name
    };
    return weir_sql_catalog_find_kind(f.catalog, &identifier, temporary);
}

/* More tables than the catalog has buckets: each is found, and what is dropped is not. */
static void test_many_tables(void **state)
{
    enum { COUNT = 10000 };
    for (uint32_t i = 0; i < COUNT; i++)
        fixture_run(&f, weir_arena_format(&f.arena, "CREATE TABLE t%u (a INT) WITH ('connector' = 'x')", i));
    fixture_run(&f, "CREATE TEMPORARY TABLE t7 (b INT) WITH ('connector' = 'x')");
    for (uint32_t i = 0; i < COUNT; i += 3)
        fixture_run(
            &f, weir_arena_format(&f.arena, i == 9999 ? "ALTER TABLE t%u RENAME TO u" : "DROP TABLE t%u", i));
    for (uint32_t i = 0; i < COUNT; i++) {
        const char *name = weir_arena_format(&f.arena, "t%u", i);
        const struct weir_sql_table *table = found(name, false);
        assert_int_equal(table != NULL, i % 3 != 0);
        if (table) assert_string_equal(table->identifier.name, name);
        assert_int_equal(found(name, true) != NULL, i == 7);
    }
    assert_non_null(found("u", false));
}

static void test_bad_tables(void **state)
{
    static const char *const cases[][2] = {
        { "CREATE TABLE q (a INT, a STRING) WITH ('connector' = 'x')",
            "1:24 A column named 'a' already exists in the table." },
        { "CREATE TABLE q (a INT, PRIMARY KEY (a)) WITH ('connector' = 'x')",
            "1:24 ENFORCED mode for a PRIMARY KEY constraint is not supported" },
        { "CREATE TABLE q (a INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'x')",
            "1:37 Primary key column 'b' not defined in the table schema" },
        { "CREATE TABLE q (a INT, b AS a, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'x')",
            "1:14 Invalid primary key 'PK_b'. Column 'b' is not a physical column." },
        { "CREATE TABLE q (a INT, WATERMARK FOR a AS a) WITH ('connector' = 'x')",
            "1:14 Invalid data type of time field for watermark definition." },
        { "CREATE TABLE q (a TIMESTAMP(6), WATERMARK FOR a AS a) WITH ('connector' = 'x')",
            "1:14 Invalid data type of time field for watermark definition." },
        { "CREATE TABLE q (a TIMESTAMP(3), WATERMARK FOR a AS 'x') WITH ('connector' = 'x')",
            "1:14 Invalid data type of expression for watermark definition." },
        { "CREATE TABLE q (a INT, WATERMARK FOR b AS b) WITH ('connector' = 'x')",
            "1:38 The rowtime attribute field 'b' is not defined" },
        { "CREATE TABLE q (a INT, b AS nosuch(a)) WITH ('connector' = 'x')",
            "1:14 Invalid expression for computed column 'b'" },
        { "CREATE TABLE q (b AS 1) WITH ('connector' = 'x')",
            "1:14 Table 'default_catalog.default_database.q' has no physical columns" },
        { "CREATE TABLE q (a INT) PARTITIONED BY (b) WITH ('connector' = 'x')",
            "1:40 Partition column 'b' not defined in the table schema" },
        { "CREATE TABLE nodb.q (a INT) WITH ('connector' = 'x')",
            "1:14 Database nodb does not exist in Catalog default_catalog." },
        { "CREATE TABLE a.b.c.d (a INT) WITH ('connector' = 'x')",
            "1:14 A name of one to three parts was expected" },
        { "CREATE VIEW v AS SELECT nosuch", "1:25 Column 'nosuch' not found in any table" },
        { "CREATE VIEW v (a, b) AS SELECT 1", "1:16 VIEW definition and input fields not match" },
        { "CREATE CATALOG c WITH ('type' = 'hive')", "1:16 A catalog of type 'hive' is not implemented" },
        { "USE nope", "1:5 A database with name [nope] does not exist in the catalog: [default_catalog]." },
    };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        const char *text = refused(&f, cases[i][0]);
        if (strncmp(text, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("%s\n  expected: %s\n  given:    %s", cases[i][0], cases[i][1], text);
    }
}

static void test_nearest(void **state)
{
    static const char *const names[] = { "orders", "order_items", "id" };
    assert_string_equal(weir_sql_nearest("order", names, 3), "orders");
    assert_string_equal(weir_sql_nearest("ORDRES", names, 3), "orders");
    assert_null(weir_sql_nearest("customers", names, 3));
    assert_null(weir_sql_nearest("x", names, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_show_lists),
        TEST(test_show_create),
        TEST(test_describe),
        TEST(test_alter_table),
        TEST(test_like),
        TEST(test_create_and_drop),
        TEST(test_many_tables),
        TEST(test_bad_tables),
        TEST(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
