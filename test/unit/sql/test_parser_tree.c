/* What is in the tree: kinds, spans, types; scripts of several statements. */
#include "sql/parser.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static const struct weir_sql_statement *parse(struct fixture *f, const char *sql)
{
    const struct weir_sql_statement *statement;
    struct weir_error error;
    size_t offset = 0;
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, sql, strlen(sql), &offset, &statement, &error), WEIR_OK);
    return statement;
}

static const struct weir_sql_expr *expression(struct fixture *f, const char *sql)
{
    const struct weir_sql_expr *expr;
    struct weir_error error;
    assert_int_equal(weir_sql_parse_expression(&f->arena, sql, strlen(sql), &expr, &error), WEIR_OK);
    return expr;
}

static void expect_quote(
    const struct weir_sql_statement *statement, struct weir_sql_span span, const char *text)
{
    size_t length;
    const char *found = weir_sql_quote(statement, span, &length);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(found, text, length);
}

static void test_spans(void **context)
{
    struct fixture *f = *context;
    const char *script =
        "SELECT 1;\n CREATE VIEW v AS\n SELECT (a + b) * c AS x, t.* FROM t WHERE x IN (1, 2) -- end\n;";
    const struct weir_sql_statement *statement;
    struct weir_error error;
    size_t offset = 9;
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, script, strlen(script), &offset, &statement, &error), WEIR_OK);
    assert_int_equal(offset, strlen(script));
    assert_int_equal(statement->span.line, 2);
    assert_int_equal(statement->span.column, 2);
    const struct weir_sql_query *query = statement->create_view->query;
    expect_quote(statement, query->span, "SELECT (a + b) * c AS x, t.* FROM t WHERE x IN (1, 2)");
    const struct weir_sql_select_item *items = query->select->items;
    expect_quote(statement, items[0].span, "(a + b) * c AS x");
    expect_quote(statement, items[0].expr->span, "(a + b) * c");
    expect_quote(statement, items[0].expr->binary.left->span, "(a + b)");
    expect_quote(statement, items[1].expr->span, "t.*");
    expect_quote(statement, query->select->where->span, "x IN (1, 2)");
    assert_int_equal(items[0].expr->span.line, 3);
    assert_int_equal(items[0].expr->span.column, 9);
}

static void test_script(void **context)
{
    struct fixture *f = *context;
    const char *script = ";; USE a; SELECT FROM 'x;y';\nEXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; "
                         "END; USE b -- last";
    const struct weir_sql_statement *statement;
    struct weir_error error;
    size_t offset = 0, length = strlen(script);
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, script, length, &offset, &statement, &error), WEIR_OK);
    assert_int_equal(statement->kind, WEIR_SQL_STATEMENT_USE_DATABASE);
    assert_string_equal(statement->text, "USE a");
    /* behind an error the next statement follows */
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, script, length, &offset, &statement, &error), WEIR_E_SQL_SYNTAX);
    assert_int_equal(script[offset], '\n');
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, script, length, &offset, &statement, &error), WEIR_OK);
    assert_int_equal(statement->kind, WEIR_SQL_STATEMENT_STATEMENT_SET);
    assert_true(statement->statement_set->execute);
    assert_string_equal(statement->statement_set->statements[0]->text, "INSERT INTO a SELECT 1");
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, script, length, &offset, &statement, &error), WEIR_OK);
    assert_string_equal(statement->text, "USE b");
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, script, length, &offset, &statement, &error), WEIR_OK);
    assert_null(statement);
}

static void test_error_at_the_end_of_a_script(void **context)
{
    struct fixture *f = *context;
    const struct weir_sql_statement *statement;
    struct weir_error error;
    size_t offset = 0;
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, "SELECT 'a", 9, &offset, &statement, &error), WEIR_E_SQL_SYNTAX);
    assert_int_equal(offset, 9);
    assert_int_equal(
        weir_sql_parse_statement(&f->arena, "SELECT 'a", 9, &offset, &statement, &error), WEIR_OK);
    assert_null(statement);
}

/* A script that remembers its line gives the same as counting from the start, and costs its length. */
static void test_long_script(void **context)
{
    struct fixture *f = *context;
    enum { STATEMENTS = 20000 };
    struct weir_buffer text;
    struct weir_sql_script script;
    struct weir_error error = { 0 }, same_error = { 0 };
    const struct weir_sql_statement *statement, *same;
    weir_buffer_init(&text, &f->memory.base, 1 << 20);
    for (int i = 0; i < STATEMENTS; i++)
        weir_buffer_append_text(&text, i % 2 ? "USE \xc3\xa4;\n" : " USE b; ");
    weir_buffer_append_text(&text, "\xc3\xa4 \xff; SELECT FROM");
    weir_sql_script_init(&script, text.data, text.length);
    size_t offset = 0;
    for (uint32_t i = 0; i < STATEMENTS; i++) {
        assert_int_equal(weir_sql_script_next(&script, &f->arena, &statement, &error), WEIR_OK);
        assert_int_equal(statement->span.line, i / 2 + 1);
        assert_int_equal(statement->span.column, i % 2 ? 9 : 2);
        offset = script.offset;
        if (i % 500 == 0) weir_arena_reset(&f->arena);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_sql_script_next(&script, &f->arena, &statement, &error), WEIR_E_SQL_SYNTAX);
        assert_int_equal(
            weir_sql_parse_statement(&f->arena, text.data, text.length, &offset, &same, &same_error),
            WEIR_E_SQL_SYNTAX);
        assert_int_equal(offset, script.offset);
        assert_int_equal(error.line, STATEMENTS / 2 + 1);
        assert_int_equal(same_error.line, error.line);
        assert_int_equal(same_error.column, error.column);
    }
    assert_int_equal(weir_sql_script_next(&script, &f->arena, &statement, &error), WEIR_OK);
    assert_null(statement);
    weir_buffer_done(&text);
}

static void test_precedence(void **context)
{
    struct fixture *f = *context;
    const struct weir_sql_expr *e = expression(f, "a OR b AND NOT c = d + e * -f");
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_OR);
    e = e->binary.right;
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_AND);
    e = e->binary.right;
    assert_int_equal(e->unary.op, WEIR_SQL_OPERATOR_NOT);
    e = e->unary.of;
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_EQUAL);
    e = e->binary.right;
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_ADD);
    e = e->binary.right;
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_MULTIPLY);
    assert_int_equal(e->binary.right->unary.op, WEIR_SQL_OPERATOR_MINUS);

    e = expression(f, "a = b IS NULL"); /* IS binds less than = */
    assert_int_equal(e->kind, WEIR_SQL_EXPR_IS);
    e = expression(f, "a IN (1) = b"); /* IN binds more */
    assert_int_equal(e->kind, WEIR_SQL_EXPR_BINARY);
    assert_int_equal(e->binary.left->kind, WEIR_SQL_EXPR_IN_LIST);
    e = expression(f, "a BETWEEN 1 AND 2 AND b");
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_AND);
    assert_int_equal(e->binary.left->kind, WEIR_SQL_EXPR_BETWEEN);
    e = expression(f, "a || b * c"); /* || binds as *, from the left */
    assert_int_equal(e->binary.op, WEIR_SQL_OPERATOR_MULTIPLY);
    e = expression(f, "a - b - c");
    assert_int_equal(e->binary.left->kind, WEIR_SQL_EXPR_BINARY);
}

static void test_set_operations(void **context)
{
    struct fixture *f = *context;
    const struct weir_sql_query *q = parse(f, "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 LIMIT 5")->query;
    assert_int_equal(q->kind, WEIR_SQL_QUERY_SET_OPERATION);
    assert_int_equal(q->set.operation, WEIR_SQL_SET_UNION);
    assert_int_equal(q->set.right->set.operation, WEIR_SQL_SET_INTERSECT);
    assert_non_null(q->limit); /* belongs to the whole */
    assert_null(q->set.right->limit);
    q = parse(f, "(SELECT 1 LIMIT 2) LIMIT 1")->query;
    assert_int_equal(q->kind, WEIR_SQL_QUERY_NESTED);
    assert_non_null(q->nested->limit);
}

static void test_types(void **context)
{
    struct fixture *f = *context;
    static const struct {
        const char *sql, *printed;
    } types[] = {
        { "int not null", "INT NOT NULL" },
        { "INTEGER NULL", "INT" },
        { "DOUBLE PRECISION", "DOUBLE" },
        { "DEC", "DECIMAL(10, 0)" },
        { "NUMERIC(5)", "DECIMAL(5, 0)" },
        { "CHARACTER VARYING(3)", "VARCHAR(3)" },
        { "BINARY VARYING(3)", "VARBINARY(3)" },
        { "TIMESTAMP WITHOUT TIME ZONE", "TIMESTAMP(6)" },
        { "TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(3)" },
        { "ROW<a INT 'first', b ROW<>>", "ROW<`a` INT, `b` ROW<>>" },
        { "ROW(a INT NOT NULL)", "ROW<`a` INT NOT NULL>" },
        { "INT NOT NULL ARRAY NOT NULL", "ARRAY<INT NOT NULL> NOT NULL" },
        { "MAP<STRING, MULTISET<INT>>", "MAP<STRING, MULTISET<INT>>" },
        { "NULL", "NULL" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(types); i++) {
        const struct weir_sql_type *type;
        struct weir_error error;
        assert_int_equal(
            weir_sql_parse_type(&f->arena, types[i].sql, strlen(types[i].sql), &type, &error), WEIR_OK);
        assert_non_null(type->type);
        assert_string_equal(weir_type_text(&f->arena, type->type), types[i].printed);
    }
}

static void test_refused_types(void **context)
{
    struct fixture *f = *context;
    static const struct {
        const char *sql, *refused;
    } types[] = {
        { "VARIANT NOT NULL", "VARIANT" },
        { "ARRAY<MAP<INT, RAW('a', 'b')>>", "RAW" },
        { "ROW<a INT, b STRUCTURED<'c', d INT>>", "STRUCTURED" },
        { "BITMAP", "BITMAP" },
        { "mydb.mytype", "mydb.mytype" },
        { "TIMESTAMP(3) WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE" },
    };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(types); i++) {
        const struct weir_sql_type *type;
        struct weir_error error;
        assert_int_equal(
            weir_sql_parse_type(&f->arena, types[i].sql, strlen(types[i].sql), &type, &error), WEIR_OK);
        assert_null(type->type);
        assert_string_equal(type->refused, types[i].refused);
        assert_string_equal(type->text, types[i].sql);
    }
}

static void test_inline_constraint(void **context)
{
    struct fixture *f = *context;
    const struct weir_sql_create_table *table =
        parse(f, "CREATE TABLE t (a INT CONSTRAINT pk PRIMARY KEY NOT ENFORCED COMMENT 'x', b INT)")
            ->create_table;
    assert_int_equal(table->elements.constraint_count, 1);
    const struct weir_sql_constraint *constraint = &table->elements.constraints[0];
    assert_true(constraint->inline_);
    assert_string_equal(constraint->name.text, "pk");
    assert_string_equal(constraint->columns.items[0].text, "a");
    assert_int_equal(constraint->enforcement, WEIR_SQL_NOT_ENFORCED);
    assert_string_equal(table->elements.columns[0].comment, "x");
}

static void test_paths(void **context)
{
    struct fixture *f = *context;
    struct weir_sql_path path;
    struct weir_error error;
    assert_int_equal(weir_sql_parse_path(&f->arena, "a.`b.c`.d", 9, &path, &error), WEIR_OK);
    assert_int_equal(path.count, 3);
    assert_string_equal(path.parts[1].text, "b.c");
    assert_true(path.parts[1].quoted);
    assert_int_equal(weir_sql_parse_path(&f->arena, "a.", 2, &path, &error), WEIR_E_SQL_SYNTAX);
    assert_int_equal(weir_sql_parse_path(&f->arena, "a b", 3, &path, &error), WEIR_E_SQL_SYNTAX);
    assert_int_equal(weir_sql_parse_path(&f->arena, "``", 2, &path, &error), WEIR_E_SQL_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_spans, setup, teardown),
        cmocka_unit_test_setup_teardown(test_script, setup, teardown),
        cmocka_unit_test_setup_teardown(test_error_at_the_end_of_a_script, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_script, setup, teardown),
        cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_operations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inline_constraint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
