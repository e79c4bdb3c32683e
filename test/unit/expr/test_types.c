/* Type rules: the least common type, implicit casts, result types of aggregates, their stored form. */
#include "cases.h"
#include "expr/aggregate.h"

struct common_case {
    const char *a, *b, *expected; /* NULL: there is none */
};

static const struct common_case common_cases[] = {
    { "INT", "INT", "INT" },
    { "TINYINT", "BIGINT", "BIGINT" },
    { "INT", "FLOAT", "FLOAT" },
    { "FLOAT", "DOUBLE", "DOUBLE" },
    { "DECIMAL(5,2)", "FLOAT", "DOUBLE" },
    { "DECIMAL(5,2)", "INT", "DECIMAL(12, 2)" },
    { "DECIMAL(5,2)", "DECIMAL(6,4)", "DECIMAL(7, 4)" },
    { "DECIMAL(38,0)", "DECIMAL(38,10)", "DECIMAL(38, 0)" },
    { "CHAR(3)", "CHAR(3)", "CHAR(3)" },
    { "CHAR(3)", "CHAR(5)", "VARCHAR(5)" },
    { "CHAR(3)", "STRING", "STRING" },
    { "BINARY(2)", "VARBINARY(9)", "VARBINARY(9)" },
    { "TIMESTAMP(3)", "TIMESTAMP(6)", "TIMESTAMP(6)" },
    { "TIMESTAMP(3)", "TIMESTAMP_LTZ(6)", "TIMESTAMP_LTZ(6)" },
    { "DATE", "TIMESTAMP(3)", "TIMESTAMP(3)" },
    { "TIME", "TIME(3)", "TIME(3)" },
    { "ARRAY<INT>", "ARRAY<BIGINT>", "ARRAY<BIGINT>" },
    { "ARRAY<INT>", "ARRAY<STRING>", NULL },
    { "INT", "STRING", NULL },
    { "BOOLEAN", "INT", NULL },
    { "INTERVAL DAY", "INTERVAL MONTH", NULL },
    { "BYTES", "STRING", NULL },
};

static void test_common(void **state)
{
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(common_cases); i++) {
        struct weir_test_memory memory;
        struct weir_arena arena;
        weir_test_memory_init(&memory);
        weir_arena_init(&arena, &memory.base);
        const char *a = common_cases[i].a, *b = common_cases[i].b;
        const struct weir_type *types[3] = { case_type(&arena, &a), case_type(&arena, &b),
            weir_type_of(WEIR_TYPE_NULL) };
        for (uint32_t order = 0; order < 2; order++) {
            const struct weir_type *common = weir_expr_common_type(&arena, types, 3);
            if (common_cases[i].expected) {
                assert_non_null(common);
                assert_string_equal(weir_type_text(&arena, common), common_cases[i].expected);
            } else {
                assert_null(common);
            }
            const struct weir_type *swap = types[0];
            types[0] = types[1];
            types[1] = swap;
        }
        weir_arena_done(&arena);
        weir_test_memory_check(&memory);
    }
}

struct implicit_case {
    const char *from, *to;
    bool allowed;
};

static const struct implicit_case implicit_cases[] = {
    { "INT", "BIGINT", true },
    { "BIGINT", "INT", false },
    { "BIGINT", "DECIMAL(5,2)", true },
    { "DOUBLE", "FLOAT", false },
    { "FLOAT", "DOUBLE", true },
    { "DOUBLE", "INT", false },
    { "STRING", "INT", false },
    { "INT", "STRING", false },
    { "CHAR(3)", "STRING", true },
    { "STRING", "CHAR(3)", true },
    { "DATE", "TIMESTAMP(3)", true },
    { "TIMESTAMP(3)", "DATE", true },
    { "TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", true },
    { "TIME", "DATE", false },
    { "ARRAY<INT>", "ARRAY<BIGINT>", true },
    { "ARRAY<BIGINT>", "ARRAY<INT>", false },
    { "INT", "BOOLEAN", false },
};

static void test_implicit(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(implicit_cases); i++) {
        const char *from = implicit_cases[i].from, *to = implicit_cases[i].to;
        bool allowed = weir_expr_can_cast_implicitly(case_type(&arena, &from), case_type(&arena, &to));
        if (allowed != implicit_cases[i].allowed) {
            fail_msg("%s to %s: %d", implicit_cases[i].from, implicit_cases[i].to, allowed);
        }
    }
    weir_arena_done(&arena);
}

struct aggregate_case {
    const char *function, *argument, *expected; /* NULL: refused */
    bool grouped;
};

static const struct aggregate_case aggregate_cases[] = {
    { "COUNT", "STRING", "BIGINT NOT NULL", false },
    { "SUM", "INT", "INT", true },
    { "SUM", "DECIMAL(10,2)", "DECIMAL(38, 2)", true },
    { "SUM", "STRING", NULL, true },
    { "$SUM0", "BIGINT", "BIGINT NOT NULL", true },
    { "AVG", "INT", "INT", true },
    { "AVG", "DECIMAL(10,2)", "DECIMAL(38, 6)", true },
    { "AVG", "DECIMAL(20,10)", "DECIMAL(38, 10)", true },
    { "MIN", "STRING", "STRING", true },
    { "max", "TIMESTAMP(3)", "TIMESTAMP(3)", false },
    { "MAX", "ARRAY<INT>", NULL, true },
    { "STDDEV", "DOUBLE", "DOUBLE", true },
    { "LISTAGG", "CHAR(3)", "STRING", true },
    { "LISTAGG", "INT", NULL, true },
    { "COLLECT", "INT", "MULTISET<INT> NOT NULL", true },
    { "ARRAY_AGG", "INT", "ARRAY<INT>", true },
    { "LAST_VALUE", "DATE", "DATE", true },
};

static void test_aggregates(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(aggregate_cases); i++) {
        const struct aggregate_case *c = &aggregate_cases[i];
        const char *text = c->argument;
        const struct weir_aggregate_function *function = weir_aggregate_function_find(c->function);
        assert_non_null(function);
        const struct weir_type *given[1] = { case_type(&arena, &text) }, *cast_to[1] = { given[0] },
                               *type = NULL;
        struct weir_error error;
        bool fits = function->infer(&arena, given, 1, c->grouped, &type, cast_to, &error);
        assert_int_equal(fits, c->expected != NULL);
        if (fits) assert_string_equal(weir_type_text(&arena, type), c->expected);
    }
    assert_null(weir_aggregate_function_find("UPPER"));
    weir_arena_done(&arena);
}

/* An argument that is never NULL: grouped sums are not either; over no rows at all there is none. */
static void test_nullability(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    const struct weir_type *given[1] = { &weir_type_int_not_null }, *cast_to[1] = { given[0] }, *type;
    const struct weir_aggregate_function *sum = weir_aggregate_function_find("SUM");
    assert_true(sum->infer(&arena, given, 1, true, &type, cast_to, NULL));
    assert_false(type->nullable);
    assert_true(sum->infer(&arena, given, 1, false, &type, cast_to, NULL));
    assert_true(type->nullable);
    weir_arena_done(&arena);
}

static void test_stored_call(void **state)
{
    struct weir_arena arena;
    struct weir_error error;
    weir_arena_init(&arena, weir_test_memory_shared());
    struct weir_aggregate_call call = { .function = weir_aggregate_function_find("LISTAGG"),
        .type = &weir_type_string,
        .arguments = { 3, 7 },
        .argument_count = 2,
        .filter = 5,
        .distinct = true },
                               back;
    struct weir_spec *spec = weir_aggregate_call_to_spec(&arena, &call);
    assert_int_equal(weir_aggregate_call_from_spec(spec, &arena, &back, &error), WEIR_OK);
    assert_ptr_equal(back.function, call.function);
    assert_int_equal(back.arguments[1], 7);
    assert_int_equal(back.argument_count, 2);
    assert_int_equal(back.filter, 5);
    assert_true(back.distinct && !back.ignore_nulls);
    weir_spec_put(&arena, spec, "function", weir_spec_text(&arena, "NO_SUCH"));
    assert_int_equal(weir_aggregate_call_from_spec(spec, &arena, &back, &error), WEIR_E_NOT_FOUND);
    assert_int_equal(
        weir_aggregate_call_from_spec(weir_spec_map(&arena), &arena, &back, &error), WEIR_E_FORMAT);
    weir_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_common), cmocka_unit_test(test_implicit),
        cmocka_unit_test(test_aggregates), cmocka_unit_test(test_nullability),
        cmocka_unit_test(test_stored_call) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
