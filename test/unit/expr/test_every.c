/*
 * Every line of the table of functions, and every cast, on a pool of awkward values: a call that types must
 * not crash, and must give the same as literals, as flat columns, as dictionaries and under a selection.
 * Seeded; WEIR_TEST_SEED and WEIR_TEST_TRIES
 * change how.
 */
#include "cases.h"

static const char *const pool[] = {
    "BOOLEAN:true",
    "BOOLEAN:NULL",
    "TINYINT:-128",
    "SMALLINT:32767",
    "INT:-2147483648",
    "INT:0",
    "INT:1",
    "INT:3",
    "INT:NULL",
    "BIGINT:-9223372036854775808",
    "BIGINT:2",
    "BIGINT:9223372036854775807",
    "FLOAT:NaN",
    "FLOAT:-1.5",
    "DOUBLE:-Infinity",
    "DOUBLE:0.5",
    "DOUBLE:1e300",
    "DOUBLE:NULL",
    "DECIMAL(5,2):-999.99",
    "DECIMAL(18,18):0.999999999999999999",
    "DECIMAL(38,0):99999999999999999999999999999999999999",
    "DECIMAL(38,38):0.1",
    "DECIMAL(20,3):NULL",
    "CHAR(3):ab",
    "VARCHAR(5):12.50",
    "STRING:",
    "STRING:abc",
    "STRING:a,b,c and a string that is not inlined",
    "STRING:\xf0\x9f\x98\x80\xc3\xa4",
    "STRING:-7",
    "STRING:2020-02-29",
    "STRING:2020-02-29 23:59:59.999",
    "STRING:%a_b(",
    "STRING:[a-z]+",
    "STRING:yyyy-MM-dd HH:mm",
    "STRING:DAY",
    "STRING:Europe/Berlin",
    "STRING:UTF-16",
    "STRING:1.2.3.4",
    "STRING:http://u@h.example:80/p?k=v#r",
    "STRING:NULL",
    "BYTES:xyz",
    "BINARY(2):x",
    "DATE:2020-02-29",
    "DATE:0001-01-01",
    "DATE:9999-12-31",
    "DATE:NULL",
    "TIME:23:59:59",
    "TIME(3):00:00:00.5",
    "TIMESTAMP(3):1969-12-31 23:59:59.999",
    "TIMESTAMP(9):9999-12-31 23:59:59.999999999",
    "TIMESTAMP(6):NULL",
    "TIMESTAMP_LTZ(3):2021-03-28 02:30:00",
    "INTERVAL DAY:-3",
    "INTERVAL MONTH:14",
    "INTERVAL DAY:NULL",
    "ARRAY<INT>:3|NULL|1|3",
    "ARRAY<STRING>:b|a|NULL",
    "ARRAY<DOUBLE>:NaN|1",
    "ARRAY<INT>:NULL",
    "@MAP|STRING:a|INT:1|STRING:b|INT:2",
    "@ROW|INT:1|STRING:x",

};
enum { POOL_COUNT = WEIR_ARRAY_COUNT(pool), TRIES_DEFAULT = 300, VARIANTS = 6 /* from 4 on: a mixture */ };

static uint64_t random_state;

static uint32_t next_random(uint32_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % bound;
}

struct outcome {
    enum weir_error_code code;
    const char *text;
    bool bound; /* false: refused when it was compiled, for a constant pattern that is none */
};

static struct outcome run_call(
    struct weir_arena *arena, struct weir_expr *call, struct weir_batch *batch, uint32_t row)
{
    struct weir_evaluator *evaluator = NULL;
    struct weir_error error = { .code = WEIR_OK };
    const struct weir_vector *result;
    struct outcome outcome = { .text = "" };
    outcome.code = weir_evaluator_new(arena, arena->memory, &call, 1, NULL, &evaluator, &error);
    outcome.bound = outcome.code == WEIR_OK;
    if (outcome.bound) outcome.code = weir_evaluator_run(evaluator, 0, batch, &result, &error);
    if (outcome.code == WEIR_OK) {
        assert_true(weir_type_same(result->type, call->type) || result->type->id == call->type->id);
        outcome.text = case_text(arena, result, row);
        if (!call->type->nullable && weir_vector_is_null(result, row))
            CASE_FAIL("NULL of type %s", weir_type_text(arena, call->type));
    } else {
        assert_true(error.message[0] != '\0');
        outcome.text = weir_arena_string(arena, error.message);
    }
    weir_evaluator_free(evaluator);
    return outcome;
}

/* The call over columns of every form gives what it gives over literals. */
static void compare_forms(struct weir_arena *arena, const char *title, struct weir_expr *const *literals,
    uint32_t count,
    struct weir_expr *(*build)(struct weir_arena *, const void *, struct weir_expr *const *, uint32_t),
    const void *what)
{
    struct weir_batch one = { .row_count = 1 };
    struct weir_expr *call = build(arena, what, literals, count), *columns[3];
    if (!call || !weir_expr_is_deterministic(call) || weir_expr_is_dynamic(call)) return;
    struct outcome expected = run_call(arena, call, &one, 0);
    if (!expected.bound) return;
    for (uint32_t variant = 0; variant < VARIANTS; variant++) {
        enum weir_encoding encoding = variant == 0   ? WEIR_ENCODING_CONSTANT
                                      : variant == 2 ? WEIR_ENCODING_DICTIONARY
                                                     : WEIR_ENCODING_FLAT;
        struct weir_vector vectors[3];
        uint16_t selection[1] = { 3 };
        for (uint32_t i = 0; i < count; i++) {
            enum weir_encoding own = variant < 4 ? encoding : (enum weir_encoding)next_random(3);
            vectors[i] = case_column(arena, literals[i]->literal, own);
            columns[i] = weir_expr_column(arena, i, weir_type_nullable(arena, literals[i]->type, true));
        }
        struct weir_expr *over_columns = build(arena, what, columns, count);
        if (!over_columns || !weir_type_same(over_columns->type, call->type))
            return; /* depends on literals */
        struct weir_batch batch = { .row_count = CASE_ROWS,
            .column_count = count,
            .columns = vectors,
            .selection = variant == 3 ? selection : NULL,
            .selected = 1 };
        struct outcome got = run_call(arena, over_columns, &batch, 3);
        bool same =
            got.code == expected.code && (got.code != WEIR_OK || strcmp(got.text, expected.text) == 0);
        if (same) continue;
        char values[512] = "";
        for (uint32_t i = 0; i < count; i++) {
            size_t used = strlen(values);
            snprintf(values + used, sizeof values - used, " %s '%s'",
                weir_type_text(arena, literals[i]->type), case_text(arena, literals[i]->literal, 0));
        }
        CASE_FAIL(
            "%s (%s), form %u: '%s', as literals '%s'", title, values, variant, got.text, expected.text);
    }
}

static struct weir_expr *build_function(
    struct weir_arena *arena, const void *what, struct weir_expr *const *arguments, uint32_t count)
{
    struct weir_expr *call;
    struct weir_error error;
    enum weir_error_code code =
        weir_expr_call(arena, ((const struct weir_function *)what)->name, arguments, count, &call, &error);
    return code == WEIR_OK ? call : NULL;
}

static void start(struct weir_test_memory *memory, struct weir_arena *arena)
{
    weir_test_memory_init(memory);
    weir_arena_init(arena, &memory->base);
}

static void test_functions(void **state)
{
    const char *seed = getenv("WEIR_TEST_SEED");
    const char *tries_text = getenv("WEIR_TEST_TRIES");
    uint32_t tries = tries_text ? (uint32_t)strtoul(tries_text, NULL, 10) : TRIES_DEFAULT;
    random_state = seed ? strtoull(seed, NULL, 10) : 20240229;
    case_failures = 0;
    for (uint32_t f = 0; f < weir_function_count; f++) {
        const struct weir_function *function = &weir_functions[f];
        if (function->arguments_max == 0) continue;
        struct weir_test_memory memory;
        struct weir_arena arena;
        for (uint32_t try = 0; try < tries; try++) {
            start(&memory, &arena);
            struct weir_expr *literals[3];
            uint32_t least = WEIR_MAX(function->arguments_min, 1u),
                     most = WEIR_MIN(function->arguments_max, 3u);
            uint32_t count = least >= most ? least : least + next_random(most - least + 1);
            if (count > 3) count = 3;
            for (uint32_t i = 0; i < count; i++)
                literals[i] = case_literal(&arena, pool[next_random(POOL_COUNT)]);
            compare_forms(&arena, function->name, literals, count, build_function, function);
            weir_arena_done(&arena);
            weir_test_memory_check(&memory);
        }
    }
    assert_int_equal(case_failures, 0);
}

struct cast_to {
    const struct weir_type *type;
    bool try_cast;
};

static struct weir_expr *build_cast(
    struct weir_arena *arena, const void *what, struct weir_expr *const *arguments, uint32_t count)
{
    const struct cast_to *to = what;
    struct weir_expr *cast;
    struct weir_error error;
    enum weir_error_code code = weir_expr_cast(arena, arguments[0], to->type, to->try_cast, &cast, &error);
    return code == WEIR_OK ? cast : NULL;
}

/* From every value to the type of every other: TRY_CAST never fails, and is what CAST is where that does not.
 */
static void test_casts(void **state)
{
    case_failures = 0;
    struct weir_test_memory memory;
    struct weir_arena arena;
    for (uint32_t from = 0; from < POOL_COUNT; from++) {
        for (uint32_t to = 0; to < POOL_COUNT; to++) {
            start(&memory, &arena);
            struct weir_expr *value = case_literal(&arena, pool[from]);
            struct cast_to wanted = { weir_type_nullable(&arena, case_literal(&arena, pool[to])->type, true),
                false };
            compare_forms(&arena, "CAST", &value, 1, build_cast, &wanted);
            struct weir_expr *cast = build_cast(&arena, &wanted, &value, 1);
            wanted.try_cast = true;
            compare_forms(&arena, "TRY_CAST", &value, 1, build_cast, &wanted);
            if (cast) {
                struct weir_batch one = { .row_count = 1 };
                struct outcome plain = run_call(&arena, cast, &one, 0);
                struct outcome tried = run_call(&arena, build_cast(&arena, &wanted, &value, 1), &one, 0);
                assert_int_equal(tried.code, WEIR_OK);
                if (plain.code == WEIR_OK) assert_string_equal(plain.text, tried.text);
                if (plain.code != WEIR_OK) assert_string_equal(tried.text, "NULL");
            }
            weir_arena_done(&arena);
            weir_test_memory_check(&memory);
        }
    }
    assert_int_equal(case_failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_functions), cmocka_unit_test(test_casts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
