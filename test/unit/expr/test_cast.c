/*
 * CAST and TRY_CAST: "from" is a typed value as in cases.h, "to" a type; rows run as literals and over a
 * column between NULLs.
 */
#include "cases.h"

struct cast_case {
    const char *from, *to, *expected;
    bool try_cast;
};

static const struct cast_case cases[] = {
    { "STRING:true", "BOOLEAN", "TRUE", false },
    { "STRING: F ", "BOOLEAN", "FALSE", false },
    { "STRING:foo", "BOOLEAN", "!Cannot cast 'foo' to BOOLEAN", false },
    { "STRING:foo", "BOOLEAN", "NULL", true },
    { "INT:-5", "BOOLEAN", "TRUE", false },
    { "BIGINT:0", "BOOLEAN", "FALSE", false },
    { "DECIMAL(5,3):0", "BOOLEAN", "!cannot convert", false },
    { "STRING:123", "TINYINT", "123", false },
    { "STRING:-130", "TINYINT", "!Cannot cast", false },
    { "STRING:1.234", "INT", "1", false },
    { "STRING:1e3", "INT", "NULL", true },
    { "INT:1234567", "TINYINT", "-121", false },
    { "BIGINT:12345678901", "INT", "-539222987", false },
    { "DOUBLE:9.23456789112345E9", "INT", "2147483647", false },
    { "DOUBLE:9.23456789112345E9", "BIGINT", "9234567891", false },
    { "DOUBLE:NaN", "INT", "0", false },
    { "FLOAT:-123.456", "SMALLINT", "-123", false },
    { "DECIMAL(10,3):91235.87", "SMALLINT", "25699", false },
    { "BOOLEAN:true", "BIGINT", "1", false },
    { "BOOLEAN:true", "DECIMAL(5,2)", "1.00", false },
    { "INT:42", "DECIMAL(5,3)", "42.000", false },
    { "INT:420", "DECIMAL(5,3)", "NULL", false },
    { "STRING:12345.6789", "DECIMAL(8,4)", "!Cannot cast", false },
    { "STRING:1.2", "DECIMAL(5,3)", "1.200", false },
    { "DOUBLE:3.123456", "DECIMAL(8,4)", "3.1235", false },
    { "FLOAT:3.4028235E38", "DECIMAL(38,32)", "NULL", false },
    { "DECIMAL(30,20):123456789.123456789123456789", "DOUBLE", "1.2345678912345679E8", false },
    { "DECIMAL(4,3):9.875", "DECIMAL(3,2)", "9.88", false },
    { "DOUBLE:1e300", "FLOAT", "Infinity", false },
    { "STRING: 1.5 ", "DOUBLE", "1.5", false },
    { "STRING:Infinity", "DOUBLE", "Infinity", false },
    { "STRING:2021-09-27 12:34:56.123", "DATE", "2021-09-27", false },
    { "STRING:2021/09/27", "DATE", "!Cannot cast", false },
    { "STRING:2021-02-30", "DATE", "NULL", true },
    { "STRING:23:45", "TIME(3)", "23:45:00.0", false },
    { "STRING:12:34:56.789", "TIME(0)", "12:34:56", false },
    { "STRING:2021-09-27", "TIMESTAMP(9)", "2021-09-27 00:00:00.000000000", false },
    { "STRING:2021-09-27 10:11:12.123456789", "TIMESTAMP(3)", "2021-09-27 10:11:12.123", false },
    { "STRING:Flink", "TIMESTAMP_LTZ(9)", "!Cannot cast", false },
    { "DATE:2021-09-24", "TIMESTAMP(3)", "2021-09-24 00:00:00.000", false },
    { "TIME:10:00:00", "TIMESTAMP(0)", "1970-01-01 10:00:00", false },
    { "TIMESTAMP(6):2021-09-24 12:34:56.123456", "TIMESTAMP(4)", "2021-09-24 12:34:56.1234", false },
    { "TIMESTAMP(6):1969-12-31 23:59:59.999999", "TIMESTAMP(0)", "1969-12-31 23:59:59", false },
    { "TIMESTAMP(9):2021-09-24 12:34:56.123456789", "TIME(3)", "12:34:56.123", false },
    { "TIMESTAMP(6):1969-12-31 23:59:59.999999", "DATE", "1969-12-31", false },
    { "TIMESTAMP(3):2021-09-24 12:34:56.123", "TIMESTAMP(6)", "2021-09-24 12:34:56.123000", false },
    { "TIMESTAMP_LTZ(6):1969-12-31 23:59:59.999999", "TIMESTAMP_LTZ(3)", "1969-12-31 23:59:59.999", false },
    { "DATE:1969-12-31", "TIMESTAMP(9)", "1969-12-31 00:00:00.000000000", false },
    { "TIME(3):12:34:56.789", "TIME(1)", "12:34:56.7", false },
    { "TIMESTAMP(3):2021-09-24 12:34:56", "BIGINT", "!cannot convert", false },
    { "INT:5", "TIMESTAMP(3)", "!recommended to use", false },
    { "DATE:2021-09-24", "TIME(0)", "!cannot convert", false },
    { "INT:-1234567", "STRING", "-1234567", false },
    { "INT:-1234567", "CHAR(3)", "-12", false },
    { "STRING:foo", "CHAR(5)", "foo  ", false },
    { "STRING:foobarbaz-long-enough", "VARCHAR(4)", "foob", false },
    { "DOUBLE:1e10", "STRING", "1.0E10", false },
    { "DECIMAL(4,3):9.87", "STRING", "9.870", false },
    { "BOOLEAN:true", "STRING", "TRUE", false },
    { "TIMESTAMP(3):2021-09-24 12:34:56.1", "STRING", "2021-09-24 12:34:56.100", false },
    { "INTERVAL MONTH:123", "STRING", "+10-03", false },
    { "INTERVAL MONTH:123", "BIGINT", "123", false },
    { "ARRAY<INT>:1|NULL|3", "STRING", "[1, NULL, 3]", false },
    { "ARRAY<STRING>:1|2|NULL", "ARRAY<INT>", "[1, 2, NULL]", false },
    { "ARRAY<STRING>:1|x", "ARRAY<INT>", "!Cannot cast", false },
    { "ARRAY<STRING>:1|x", "ARRAY<INT>", "NULL", true },
    { "STRING:ab", "BINARY(4)", NULL, false },
    { "INT:NULL", "STRING", "NULL", false },
};

static void run_rows(struct weir_arena *arena, const struct cast_case *c, struct weir_expr *literal,
    const struct weir_type *to, enum weir_encoding encoding)
{
    struct weir_error error = { .code = WEIR_OK };
    struct weir_expr *call, *column = weir_expr_column(arena, 0, literal->type);
    struct weir_vector vector = case_column(arena, literal->literal, encoding);
    struct weir_batch batch = { .row_count = CASE_ROWS, .column_count = 1, .columns = &vector };
    struct weir_evaluator *evaluator = NULL;
    const struct weir_vector *result = NULL;
    enum weir_error_code code = weir_expr_cast(arena, column, to, c->try_cast, &call, &error);
    if (code == WEIR_OK) code = weir_evaluator_new(arena, arena->memory, &call, 1, NULL, &evaluator, &error);
    if (code == WEIR_OK) code = weir_evaluator_run(evaluator, 0, &batch, &result, &error);
    struct function_case as_case = {
        .function = "CAST", .arguments = { c->from, c->to }, .expected = c->expected
    };
    for (uint32_t row = 1; row < CASE_ROWS; row += 2)
        case_check(arena, &as_case, code, result, row, &error, "rows");
    if (code == WEIR_OK && encoding != WEIR_ENCODING_CONSTANT) assert_true(weir_vector_is_null(result, 2));
    weir_evaluator_free(evaluator);
}

static void test_casts(void **state)
{
    case_failures = 0;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        const struct cast_case *c = &cases[i];
        struct weir_test_memory memory;
        struct weir_arena arena;
        weir_test_memory_init(&memory);
        weir_arena_init(&arena, &memory.base);
        const char *to_text = c->to;
        const struct weir_type *to = case_type(&arena, &to_text);
        struct weir_expr *literal = case_literal(&arena, c->from);
        if (c->expected) {
            run_rows(&arena, c, literal, to, WEIR_ENCODING_FLAT);
            run_rows(&arena, c, literal, to, WEIR_ENCODING_CONSTANT);
            run_rows(&arena, c, literal, to, WEIR_ENCODING_DICTIONARY);
        } else {
            struct weir_expr *cast;
            struct weir_vector *value;
            struct weir_error error;
            assert_int_equal(weir_expr_cast(&arena, literal, to, false, &cast, &error), WEIR_OK);
            assert_int_equal(weir_expr_fold(&arena, &memory.base, cast, NULL, &value, &error), WEIR_OK);
            assert_memory_equal(weir_string_data(value->data), "ab\0\0", 4);
        }
        weir_arena_done(&arena);
        weir_test_memory_check(&memory);
    }
    assert_int_equal(case_failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_casts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
