/* What is wrong is said with its place, what was found and what was expected; and nothing a stranger sends
 * costs more than its length. */
#include "sql/parser.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_buffer text;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    weir_buffer_init(&fixture.text, &fixture.memory.base, 64 << 20);
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_buffer_done(&f->text);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static const struct {
    const char *sql;
    uint32_t line, column;
    const char *message;
} errors[] = {
    { "SELECT a FORM t", 1, 15,
        "found \"t\", expected ';' or the end of the statement; \"FORM\" before it was read as an alias, did "
        "you mean FROM?" },
    { "SELEC a FROM t", 1, 1, "found \"SELEC\", expected a statement; did you mean SELECT?" },
    { "SELECT a\n\tFROM t\n\tWHER a = 1", 3, 7,
        "found \"a\", expected ';' or the end of the statement; \"WHER\" before it was read as an alias, did "
        "you mean WHERE?" },
    { "SELECT FROM t", 1, 8, "found \"FROM\", expected an expression" },
    { "SELECT value FROM t", 1, 8,
        "found \"value\", expected an expression; VALUE is a reserved word, as an identifier it is written "
        "`value`" },
    { "CREATE TABLE t (date INT)", 1, 17,
        "found \"date\", expected a column's name; DATE is a reserved word, as an identifier it is written "
        "`date`" },
    { "CREATE TABEL t (a INT)", 1, 8,
        "found \"TABEL\", expected TABLE, VIEW, DATABASE, CATALOG, FUNCTION, MODEL, CONNECTION or "
        "MATERIALIZED TABLE; "
        "did you mean TABLE?" },
    { "CREATE TABLE t (a INTT)", 1, 19, "found \"INTT\", expected a data type; did you mean INT?" },
    { "CREATE TABLE t (a DECIMAL(50, 2))", 1, 27, "found 50, expected a precision of at most 38" },
    { "CREATE TABLE t (a DECIMAL(5, 6))", 1, 28, "found the scale 6, expected at most the precision 5" },
    { "CREATE TABLE t (a CHAR(0))", 1, 24, "found 0, expected a length between 1 and 2147483647" },
    { "CREATE TABLE t (a TIMESTAMP(10))", 1, 29, "found 10, expected a precision of at most 9" },
    { "CREATE TABLE t (a INT,)", 1, 23, "found \")\", expected a column's name" },
    { "CREATE TABLE t (a INT) WITH (connector='b')", 1, 30,
        "found \"connector\", expected an option's key in single quotes" },
    { "SELECT a FROM t WHERE a IN (1, 2", 1, 33, "found the end of the text, expected ',' or ')'" },
    { "SELECT a FROM t WHERE a NOT 5", 1, 29,
        "found \"5\", expected IN, BETWEEN, LIKE or SIMILAR TO behind NOT" },
    { "SELECT INTERVAL '1' FOO", 1, 21,
        "found \"FOO\", expected an interval's unit such as DAY, HOUR or YEAR TO MONTH" },
    { "SELECT INTERVAL '1' DAY TO YEAR", 1, 28,
        "found \"YEAR\", expected a smaller unit of the same kind behind TO (YEAR TO MONTH, DAY TO SECOND)" },
    { "SELECT 'abc", 1, 8, "the string that begins here has no end; expected a closing '" },
    { "SELECT \"a\" FROM t", 1, 8, "found '\"'; strings are written 'x', identifiers are quoted `x`" },
    { "SELECT MAP[1, 2, 3]", 1, 8,
        "MAP[...] has 3 items, expected an even number (key, value, key, value ...)" },
    { "SHOW TABELS", 1, 6,
        "found \"TABELS\", expected CATALOGS, DATABASES, TABLES, VIEWS, COLUMNS, PARTITIONS, FUNCTIONS, "
        "MODULES, "
        "PROCEDURES, MODELS, CONNECTIONS, JARS, JOBS, CURRENT or CREATE; did you mean TABLES?" },
    { "BEGIN STATEMENT SET; END", 1, 22, "the statement set is empty, expected INSERT" },
    { "BEGIN STATEMENT SET; SELECT 1; END", 1, 22,
        "found \"SELECT\", expected INSERT or END in a statement set" },
    { "CREATE SYSTEM FUNCTION f AS 'x'", 1, 8,
        "CREATE SYSTEM FUNCTION is only possible as CREATE TEMPORARY SYSTEM FUNCTION" },
    { "SELECT * FROM TABLE(1 + 2)", 1, 21, "expected a function call f(...) inside TABLE(...)" },
    { "INSERT INTO t", 1, 14,
        "found the end of the text, expected SELECT, VALUES, WITH or '(' of a query to insert" },
    { "CREATE OR REPLACE TABLE t (a INT)", 1, 34,
        "found the end of the text, expected AS and a query (REPLACE TABLE is only possible with one)" },
};

static void test_messages(void **context)
{
    struct fixture *f = *context;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(errors); i++) {
        const struct weir_sql_statement *statement;
        struct weir_error error = { 0 };
        size_t offset = 0;
        enum weir_error_code code = weir_sql_parse_statement(
            &f->arena, errors[i].sql, strlen(errors[i].sql), &offset, &statement, &error);
        assert_int_equal(code, WEIR_E_SQL_SYNTAX);
        assert_null(statement);
        assert_string_equal(error.message, errors[i].message);
        assert_int_equal(error.line, errors[i].line);
        assert_int_equal(error.column, errors[i].column);
    }
}

/* Syntax that is understood but that nothing carries out is refused by its name. */
static void test_refusals(void **context)
{
    struct fixture *f = *context;
    static const struct {
        const char *sql, *part;
    } cases[] = {
        { "SELECT a COLLATE x", "COLLATE is not implemented" },
        { "SELECT ?", "a parameter '?' is not implemented" },
        { "SELECT a AT TIME ZONE 'UTC'", "AT TIME ZONE is not implemented" },
        { "SELECT a MULTISET UNION b", "MULTISET UNION" },
        { "SELECT {d '2024-01-01'}", "JDBC" },
        { "SELECT * FROM t PIVOT (SUM(a) FOR b IN (1))", "PIVOT and UNPIVOT are not implemented" },
        { "MERGE INTO t USING s ON a = b", "MERGE is not implemented" },
        { "CREATE TABLE t (a INT DEFAULT 5)", "DEFAULT of a column is not implemented" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        const struct weir_sql_statement *statement;
        struct weir_error error = { 0 };
        size_t offset = 0;
        enum weir_error_code code = weir_sql_parse_statement(
            &f->arena, cases[i].sql, strlen(cases[i].sql), &offset, &statement, &error);
        assert_int_equal(code, WEIR_E_UNSUPPORTED);
        assert_non_null(strstr(error.message, cases[i].part));
    }
}

/* Text that stops being SQL in the middle of what was looked at already. */
static void test_errors_of_the_lexer(void **context)
{
    struct fixture *f = *context;
    static const struct {
        const char *sql;
        size_t length;
        uint32_t column;
    } cases[] = {
        { "SELECT LOCALTIME\0STAMP", 22, 17 },
        { "ALTER TABLE t MODIFY a BIG~NT", 29, 27 },
        { "SELECT a.\xff", 10, 10 },
        { "SELECT f(\x80", 10, 10 },
        { "SET a = \"b\"", 11, 9 },
        { "SELECT U&'x' UESCAPE ~", 22, 22 },
        { "SELECT INTERVAL '1' DAY ~", 25, 25 },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        const struct weir_sql_statement *statement;
        struct weir_error error = { 0 };
        size_t offset = 0;
        enum weir_error_code code =
            weir_sql_parse_statement(&f->arena, cases[i].sql, cases[i].length, &offset, &statement, &error);
        assert_int_equal(code, WEIR_E_SQL_SYNTAX);
        assert_int_equal(error.line, 1);
        assert_int_equal(error.column, cases[i].column);
    }
}

static const char *render(struct fixture *f, const char *sql)
{
    const struct weir_sql_statement *statement;
    struct weir_error error = { 0 };
    size_t offset = 0, length = strlen(sql);
    assert_int_not_equal(
        weir_sql_parse_statement(&f->arena, sql, length, &offset, &statement, &error), WEIR_OK);
    weir_buffer_clear(&f->text);
    weir_sql_error_render(&error, sql, length, &f->text);
    return weir_buffer_text(&f->text);
}

static void test_caret(void **context)
{
    struct fixture *f = *context;
    assert_string_equal(render(f, "DROP 1"), "line 1, column 6: found \"1\", expected TABLE, VIEW, DATABASE, "
                                             "CATALOG, FUNCTION, MODEL, CONNECTION or "
                                             "MATERIALIZED TABLE\n  DROP 1\n       ^");
    /* a tab is one blank, a character of many bytes is one column, a line ends before \r\n */
    assert_string_equal(render(f, "SELECT 1,\r\n\t'\xc3\xa4\xf0\x9f\x98\x80' 5\r\nFROM t"),
        "line 2, column 7: found \"5\", expected ';' or the end of the statement\n   "
        "'\xc3\xa4\xf0\x9f\x98\x80' 5\n        ^");
    /* the end of the text */
    assert_string_equal(render(f, "SELECT"),
        "line 1, column 7: found the end of the text, expected an expression\n  SELECT\n        ^");
}

static void test_caret_in_a_long_line(void **context)
{
    struct fixture *f = *context;
    char sql[400] = "SELECT ";
    memset(sql + 7, 'x', 200);
    strcpy(sql + 207, " + , ");
    memset(sql + 212, 'y', 180);
    sql[392] = 0;
    const char *text = render(f, sql);
    const char *line = strchr(text, '\n') + 1, *caret_line = strchr(line, '\n') + 1;
    assert_memory_equal(line, "  ...xxx", 8);
    assert_memory_equal(caret_line - 4, "...\n", 4);
    const char *caret = strchr(caret_line, '^');
    assert_int_equal(line[caret - caret_line], ',');
    assert_true(strlen(text) < 400);
}

static char *repeated(
    struct fixture *f, const char *before, const char *unit, size_t count, const char *after)
{
    weir_buffer_clear(&f->text);
    weir_buffer_append_text(&f->text, before);
    for (size_t i = 0; i < count; i++) weir_buffer_append_text(&f->text, unit);
    weir_buffer_append_text(&f->text, after);
    return weir_arena_string(&f->arena, weir_buffer_text(&f->text));
}

static enum weir_error_code parse(
    struct fixture *f, const char *sql, const struct weir_sql_statement **ret, struct weir_error *error)
{
    size_t offset = 0;
    return weir_sql_parse_statement(&f->arena, sql, strlen(sql), &offset, ret, error);
}

static void test_depth(void **context)
{
    struct fixture *f = *context;
    static const struct {
        const char *before, *unit, *after;
    } deep[] = {
        { "SELECT ", "(", "1" },
        { "SELECT ", "- ", "1" },
        { "SELECT ", "NOT ", "TRUE" },
        { "SELECT ", "f(", "1" },
        { "SELECT ", "ARRAY[", "1" },
        { "SELECT ", "CASE WHEN ", "TRUE" },
        { "SELECT * FROM ", "(", "t" },
        { "SELECT * FROM ", "(SELECT * FROM ", "t" },
        { "", "(", "SELECT 1" },
        { "CREATE TABLE t (a ", "ARRAY<", "INT" },
        { "SELECT 1 FROM t GROUP BY ", "GROUPING SETS (", "a" },
        { "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (", "(", "A" },
        { "SELECT ", "1 + ", "1" },
        { "SELECT 1", " UNION ALL SELECT 1", "" },
        { "SELECT * FROM t", " JOIN t ON TRUE", "" },
        { "SELECT a", "[1]", "" },
        { "SELECT a", " IS NULL", "" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(deep); i++) {
        const struct weir_sql_statement *statement;
        struct weir_error error = { 0 };
        const char *sql = repeated(f, deep[i].before, deep[i].unit, 10000, deep[i].after);
        assert_int_equal(parse(f, sql, &statement, &error), WEIR_E_SQL_SYNTAX);
        assert_non_null(strstr(error.message, "at most"));
    }
}

/* Long is not deep: these are in order. */
static void test_length(void **context)
{
    struct fixture *f = *context;
    const struct weir_sql_statement *statement;
    struct weir_error error = { 0 };
    assert_int_equal(
        parse(f, repeated(f, "SELECT a IN (0", ",12345", 200000, ")"), &statement, &error), WEIR_OK);
    assert_int_equal(statement->query->select->items[0].expr->in.list.count, 200001);
    assert_int_equal(
        parse(f, repeated(f, "SELECT a = 0", " OR a = 1", 50000, ""), &statement, &error), WEIR_OK);
    assert_true(statement->query->height < 30); /* balanced */
    assert_int_equal(
        parse(f, repeated(f, "VALUES (1)", ",(2, 'x')", 50000, ""), &statement, &error), WEIR_OK);
    assert_int_equal(
        parse(f, repeated(f, "SELECT CASE", " WHEN a THEN 1", 50000, " END"), &statement, &error), WEIR_OK);
    assert_int_equal(parse(f, repeated(f, "SELECT '", "''", 500000, "'"), &statement, &error), WEIR_OK);
    assert_int_equal(parse(f, repeated(f, "SELECT 'a'", " 'b'", 100000, ""), &statement, &error), WEIR_OK);
    assert_int_equal(statement->query->select->items[0].expr->string.length, 100001);
    assert_int_equal(
        parse(f, repeated(f, "", "/* x */ -- y\n", 100000, "SELECT 1"), &statement, &error), WEIR_OK);
}

/* A chain that is built balanced still means the same: it prints in its order. */
static void test_balanced_chain(void **context)
{
    struct fixture *f = *context;
    const struct weir_sql_statement *statement;
    struct weir_error error = { 0 };
    struct weir_buffer sql;
    weir_buffer_init(&sql, &f->memory.base, 1 << 20);
    weir_buffer_append_text(&sql, "SELECT `a0`");
    for (int i = 1; i < 100; i++) weir_buffer_format(&sql, " AND `a%d`", i);
    assert_int_equal(parse(f, weir_buffer_text(&sql), &statement, &error), WEIR_OK);
    assert_in_range(statement->query->height, 8, 12);
    weir_buffer_clear(&f->text);
    weir_sql_print_statement(statement, &f->text);
    assert_string_equal(weir_buffer_text(&f->text), weir_buffer_text(&sql));
    weir_buffer_done(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_of_the_lexer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_caret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_caret_in_a_long_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
        cmocka_unit_test_setup_teardown(test_length, setup, teardown),
        cmocka_unit_test_setup_teardown(test_balanced_chain, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
