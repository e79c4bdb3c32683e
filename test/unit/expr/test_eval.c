/* The evaluator and expression trees: guards, selections, shared subexpressions, dictionaries, stored and
 * printed forms. */
#include "cases.h"

#include "expr/evaluator.h"

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_batch batch;
    const struct weir_type *types[3];
    struct weir_expr *a, *b, *s; /* columns: INT, INT, STRING */
};

enum { FIXTURE_ROWS = 100 };

static const char long_text[] = "a string that does not fit inline";

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ 0 };
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    f->types[0] = f->types[1] = weir_type_of(WEIR_TYPE_INT);
    f->types[2] = &weir_type_string;
    weir_batch_init(&f->batch, f->types, 3, &f->memory.base);
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) {
        ((int32_t *)f->batch.columns[0].data)[i] = (int32_t)i;
        ((int32_t *)f->batch.columns[1].data)[i] = (int32_t)i % 10;
        if (i % 7 == 3) weir_vector_set_null(&f->batch.columns[1], i, &f->batch.arena);
        ((struct weir_string *)f->batch.columns[2].data)[i] =
            i % 2 ? weir_string_view(long_text, sizeof long_text - 1) : weir_string_view("x", 1);
    }
    f->batch.row_count = FIXTURE_ROWS;
    f->a = weir_expr_column(&f->arena, 0, f->types[0]);
    f->b = weir_expr_column(&f->arena, 1, f->types[1]);
    f->s = weir_expr_column(&f->arena, 2, f->types[2]);
}

static void tear_down(struct fixture *f)
{
    weir_batch_done(&f->batch);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static struct weir_expr *call(struct fixture *f, const char *name, struct weir_expr *x, struct weir_expr *y)
{
    struct weir_expr *arguments[2] = { x, y }, *result = NULL;
    struct weir_error error;
    if (weir_expr_call(&f->arena, name, arguments, y ? 2 : 1, &result, &error) != WEIR_OK)
        fail_msg("%s: %s", name, error.message);
    return result;
}

static struct weir_expr *number(struct fixture *f, int32_t value)
{
    return weir_expr_literal(&f->arena, weir_value_int(&f->arena, value));
}

static struct weir_evaluator *compile(struct fixture *f, struct weir_expr *const *exprs, uint32_t count)
{
    struct weir_evaluator *evaluator;
    struct weir_error error;
    if (weir_evaluator_new(&f->arena, &f->memory.base, exprs, count, NULL, &evaluator, &error) != WEIR_OK) {
        fail_msg("%s", error.message);
    }
    return evaluator;
}

static int32_t int_at(const struct weir_vector *v, uint32_t row)
{
    const struct weir_vector *flat;
    uint32_t at = weir_vector_locate(v, row, &flat);
    return ((const int32_t *)flat->data)[at];
}

/* b <> 0 AND 100 / b > 20: rows where b is 0 never reach the division. */
static void test_and_guards(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *divided = call(&f, ">", call(&f, "/", number(&f, 100), f.b), number(&f, 20));
    struct weir_expr *operands[2] = { call(&f, "<>", f.b, number(&f, 0)), divided };
    struct weir_expr *exprs[2] = { weir_expr_and(&f.arena, operands, 2), divided };
    struct weir_evaluator *evaluator = compile(&f, exprs, 2);
    const struct weir_vector *result;
    struct weir_error error;
    assert_int_equal(weir_evaluator_run(evaluator, 0, &f.batch, &result, &error), WEIR_OK);
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) {
        bool is_null = i % 7 == 3;
        assert_int_equal(weir_vector_is_null(result, i), is_null);
        uint32_t b = i % 10;
        if (!is_null) assert_int_equal(((const uint8_t *)result->data)[i], b != 0 && 100 / b > 20);
    }
    uint16_t selection[FIXTURE_ROWS];
    uint32_t count;
    weir_evaluator_reset(evaluator);
    assert_int_equal(weir_evaluator_filter(evaluator, 0, &f.batch, selection, &count, &error), WEIR_OK);
    uint32_t expected = 0;
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) {
        if (i % 7 == 3 || i % 10 == 0 || 100 / (i % 10) <= 20) continue;
        assert_int_equal(selection[expected++], i);
    }
    assert_int_equal(count, expected);
    weir_evaluator_reset(evaluator);
    assert_int_equal(weir_evaluator_run(evaluator, 1, &f.batch, &result, &error), WEIR_E_ARITHMETIC);
    assert_string_equal(error.message, "Division by zero");
    weir_evaluator_free(evaluator);
    tear_down(&f);
}

/* CASE WHEN b = 0 THEN -1 ELSE 100 / b END, with and without a selection that leaves few rows. */
static void test_case_guards(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *pair[2] = { call(&f, "=", f.b, number(&f, 0)), number(&f, -1) }, *guarded;
    assert_int_equal(
        weir_expr_case(&f.arena, pair, 1, call(&f, "/", number(&f, 100), f.b), &guarded, NULL), WEIR_OK);
    struct weir_evaluator *evaluator = compile(&f, &guarded, 1);
    uint16_t few[2] = { 20, 42 };
    for (uint32_t round = 0; round < 2; round++) {
        const struct weir_vector *result;
        struct weir_error error;
        f.batch.selection = round ? few : NULL;
        f.batch.selected = 2;
        assert_int_equal(weir_evaluator_run(evaluator, 0, &f.batch, &result, &error), WEIR_OK);
        for (uint32_t p = 0; p < weir_batch_selected(&f.batch); p++) {
            uint32_t i = weir_batch_row(&f.batch, p), b = i % 10;
            assert_int_equal(weir_vector_is_null(result, i), i % 7 == 3 && b != 0 ? 1 : i % 7 == 3);
            if (i % 7 != 3) assert_int_equal(int_at(result, i), b == 0 ? -1 : 100 / (int32_t)b);
        }
        weir_evaluator_reset(evaluator);
    }
    f.batch.selection = NULL;
    weir_evaluator_free(evaluator);
    tear_down(&f);
}

/* Equal subexpressions are computed once per batch; RAND() is not shared. */
static void test_shared(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *rand, *sum = call(&f, "+", f.a, f.b), *same = call(&f, "+", f.a, f.b);
    struct weir_error error;
    assert_int_equal(weir_expr_call(&f.arena, "RAND", NULL, 0, &rand, &error), WEIR_OK);
    assert_true(weir_expr_equal(sum, same));
    assert_int_equal(weir_expr_hash(sum), weir_expr_hash(same));
    assert_false(weir_expr_equal(sum, call(&f, "-", f.a, f.b)));
    struct weir_expr *exprs[4] = { sum, same, rand, rand };
    struct weir_evaluator *evaluator = compile(&f, exprs, 4);
    const struct weir_vector *results[4];
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(weir_evaluator_run(evaluator, i, &f.batch, &results[i], &error), WEIR_OK);
    }
    assert_ptr_equal(results[0], results[1]);
    assert_ptr_not_equal(results[2], results[3]);
    assert_true(((const double *)results[2]->data)[5] != ((const double *)results[3]->data)[5]);
    weir_evaluator_free(evaluator);
    tear_down(&f);
}

/* A call over a dictionary stays a dictionary, and entries that no row uses are not computed. */
static void test_dictionary(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_vector entries;
    weir_vector_init(&entries, f.types[0], 4, &f.arena);
    const int32_t values[4] = { 5, 0, 2, 10 }; /* the 0 is not used */
    memcpy(entries.data, values, sizeof values);
    uint32_t indices[FIXTURE_ROWS];
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) indices[i] = i % 3 == 1 ? 3 : i % 3;
    struct weir_vector saved = f.batch.columns[0];
    f.batch.columns[0] = (struct weir_vector){ .type = f.types[0],
        .encoding = WEIR_ENCODING_DICTIONARY,
        .capacity = FIXTURE_ROWS,
        .indices = indices,
        .dictionary = &entries };
    struct weir_expr *divided = call(&f, "/", number(&f, 100), f.a);
    struct weir_evaluator *evaluator = compile(&f, &divided, 1);
    const struct weir_vector *result;
    struct weir_error error;
    assert_int_equal(weir_evaluator_run(evaluator, 0, &f.batch, &result, &error), WEIR_OK);
    assert_int_equal(result->encoding, WEIR_ENCODING_DICTIONARY);
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) assert_int_equal(int_at(result, i), 100 / values[indices[i]]);
    weir_evaluator_free(evaluator);
    f.batch.columns[0] = saved;
    tear_down(&f);
}

/* After the first batches nothing is allocated any more. */
static void test_no_allocation(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *operands[2] = { call(&f, ">", f.a, number(&f, 50)),
        call(&f, "<", call(&f, "+", f.a, f.b), number(&f, 90)) };
    struct weir_expr *cast, *exprs[3] = { weir_expr_and(&f.arena, operands, 2), call(&f, "*", f.a, f.b) };
    assert_int_equal(weir_expr_cast(&f.arena, f.a, &weir_type_string, false, &cast, NULL), WEIR_OK);
    exprs[2] = cast;
    struct weir_evaluator *evaluator = compile(&f, exprs, 3);
    uint64_t before = 0;
    for (uint32_t round = 0; round < 10; round++) {
        if (round == 3) before = atomic_load(&f.memory.base.allocation_count);
        uint16_t selection[FIXTURE_ROWS];
        uint32_t count;
        const struct weir_vector *result;
        struct weir_error error;
        assert_int_equal(weir_evaluator_filter(evaluator, 0, &f.batch, selection, &count, &error), WEIR_OK);
        for (uint32_t i = 1; i < 3; i++) {
            assert_int_equal(weir_evaluator_run(evaluator, i, &f.batch, &result, &error), WEIR_OK);
        }
        weir_evaluator_reset(evaluator);
    }
    assert_int_equal(atomic_load(&f.memory.base.allocation_count), before);
    weir_evaluator_free(evaluator);
    tear_down(&f);
}

static const char *text_of(struct fixture *f, const struct weir_expr *expr, enum weir_expr_text_style style)
{
    static const char *const names[] = { "a", "b", "s" };
    struct weir_buffer buffer;
    weir_buffer_init(&buffer, &f->memory.base, 4096);
    weir_expr_print(expr, names, style, &buffer);
    const char *text = weir_arena_string(&f->arena, weir_buffer_text(&buffer));
    weir_buffer_done(&buffer);
    return text;
}

static void test_text_and_spec(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *name = weir_expr_literal(&f.arena, weir_value_string(&f.arena, "it's", 4)), *cast;
    assert_int_equal(
        weir_expr_cast(&f.arena, f.a, weir_type_of(WEIR_TYPE_BIGINT), false, &cast, NULL), WEIR_OK);
    struct weir_expr *operands[3] = { call(&f, "=", f.s, name), call(&f, ">", cast, number(&f, 1)),
        call(&f, "IS NULL", f.b, NULL) };
    struct weir_expr *all = weir_expr_and(&f.arena, operands, 3);
    assert_string_equal(text_of(&f, all, WEIR_EXPR_TEXT_PLAN),
        "((s = 'it''s') AND (CAST(a AS BIGINT) > 1:BIGINT) AND b IS NULL)");
    assert_string_equal(text_of(&f, all, WEIR_EXPR_TEXT_AST),
        "AND(=(s, _UTF-16LE'it''s'), >(CAST(a):BIGINT, 1:BIGINT), IS NULL(b))");
    struct weir_error error;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, &f.memory.base, 1 << 16);
    weir_spec_write(weir_expr_to_spec(&f.arena, all), &bytes);
    struct weir_reader reader = { .data = (const uint8_t *)bytes.data, .length = bytes.length };
    struct weir_spec *spec = weir_spec_read(&f.arena, &reader, &error);
    assert_non_null(spec);
    struct weir_expr *back;
    assert_int_equal(weir_expr_from_spec(&f.arena, spec, &back, &error), WEIR_OK);
    assert_true(weir_expr_equal(all, back));
    weir_buffer_done(&bytes);
    assert_int_equal(
        weir_expr_from_spec(&f.arena, weir_spec_integer(&f.arena, 1), &back, &error), WEIR_E_FORMAT);
    tear_down(&f);
}

static void test_rewriting(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *sum = call(&f, "+", f.a, f.b);
    const uint32_t map[3] = { 2, 1, UINT32_MAX };
    assert_string_equal(text_of(&f, weir_expr_remap(&f.arena, sum, map), WEIR_EXPR_TEXT_PLAN), "(s + b)");
    struct weir_expr *replacements[3] = { sum, f.b, f.s };
    struct weir_expr *inlined = weir_expr_substitute(&f.arena, sum, replacements);
    assert_string_equal(text_of(&f, inlined, WEIR_EXPR_TEXT_PLAN), "((a + b) + b)");
    bool used[3] = { false, false, false };
    weir_expr_columns_used(inlined, used);
    assert_true(used[0] && used[1] && !used[2]);
    struct weir_expr *unknown;
    struct weir_error error;
    assert_int_not_equal(weir_expr_call(&f.arena, "UPER", &f.s, 1, &unknown, &error), WEIR_OK);
    assert_non_null(strstr(error.message, "did you mean UPPER?"));
    assert_true(weir_expr_can_fault(call(&f, "/", f.a, f.b)));
    assert_false(weir_expr_can_fault(sum));
    tear_down(&f);
}

/* a = 0 OR a = 10 OR ... OR b IS NULL: the comparisons become one look-up with the same answer; strings, too.
 */
static void test_in_list(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *parts[12], *texts[9];
    for (int32_t i = 0; i < 11; i++) parts[i] = call(&f, "=", f.a, number(&f, i * 10));
    parts[11] = call(&f, "IS NULL", f.b, NULL);
    for (uint32_t i = 0; i < 9; i++) {
        char text[sizeof long_text];
        memcpy(text, long_text, sizeof text);
        text[0] = (char)('a' + i);
        const struct weir_vector *value =
            weir_value_string(&f.arena, weir_arena_string(&f.arena, text), sizeof text - 1);
        texts[i] = call(&f, "=", f.s, weir_expr_literal(&f.arena, value));
    }
    struct weir_expr *exprs[2] = { weir_expr_or(&f.arena, parts, 12), weir_expr_or(&f.arena, texts, 9) };
    struct weir_evaluator *evaluator = compile(&f, exprs, 2);
    const struct weir_vector *numbers, *strings;
    struct weir_error error;
    assert_int_equal(weir_evaluator_run(evaluator, 0, &f.batch, &numbers, &error), WEIR_OK);
    assert_int_equal(weir_evaluator_run(evaluator, 1, &f.batch, &strings, &error), WEIR_OK);
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) {
        assert_int_equal(((const uint8_t *)numbers->data)[i], i % 10 == 0 || i % 7 == 3);
        assert_int_equal(((const uint8_t *)strings->data)[i], i % 2);
    }
    weir_evaluator_free(evaluator);
    tear_down(&f);
}

static uint32_t count_look_ups(const struct weir_evaluator *evaluator)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < evaluator->node_count; i++) {
        const struct weir_expr *expr = evaluator->nodes[i].expr;
        count += expr->kind == WEIR_EXPR_CALL && strcmp(expr->function->name, "$IN") == 0;
    }
    return count;
}

/* Constants beyond INT are compared with the value as BIGINT: two look-ups, wherever the first of each
 * stands; and NULL in the list makes what is not found unknown. */
static void test_in_list_of_two_types(void **state)
{
    struct fixture f;
    set_up(&f);
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    struct weir_expr *wide, *parts[21];
    assert_int_equal(weir_expr_cast(&f.arena, f.a, bigint, false, &wide, NULL), WEIR_OK);
    for (int32_t i = 0; i < 10; i++) {
        const struct weir_vector *value = weir_value_bigint(&f.arena, INT64_C(5000000000) * (i != 5) + 3);
        parts[2 * i] = call(&f, "=", wide, weir_expr_literal(&f.arena, value));
        parts[2 * i + 1] = call(&f, "=", f.a, number(&f, i * 10));
    }
    parts[20] = call(&f, "=", f.a, weir_expr_null(&f.arena, weir_type_of(WEIR_TYPE_INT)));
    struct weir_expr *list = weir_expr_or(&f.arena, parts, 21);
    struct weir_evaluator *evaluator = compile(&f, &list, 1);
    assert_int_equal(count_look_ups(evaluator), 2);
    const struct weir_vector *found;
    struct weir_error error;
    assert_int_equal(weir_evaluator_run(evaluator, 0, &f.batch, &found, &error), WEIR_OK);
    for (uint32_t i = 0; i < FIXTURE_ROWS; i++) {
        bool expected = i % 10 == 0 || i == 3;
        assert_int_equal(weir_vector_is_null(found, i), !expected);
        if (expected) assert_true(((const uint8_t *)found->data)[i]);
    }
    weir_evaluator_free(evaluator);
    tear_down(&f);
}

/* 100 / b fails where b is 0. In front it is computed for all rows anyway and may become a look-up; behind an
 * operand that guards it, it must stay there. */
static void test_in_list_keeps_guards(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *quotient = call(&f, "/", number(&f, 100), f.b), *parts[11];
    parts[0] = call(&f, "=", f.b, number(&f, 0));
    for (int32_t i = 0; i < 10; i++) parts[i + 1] = call(&f, "=", quotient, number(&f, 100 / (i + 1)));
    struct weir_expr *lists[2] = { weir_expr_or(&f.arena, parts, 11), weir_expr_or(&f.arena, parts + 1, 10) };
    for (uint32_t k = 0; k < 2; k++) {
        struct weir_evaluator *evaluator = compile(&f, &lists[k], 1);
        assert_int_equal(count_look_ups(evaluator), k);
        const struct weir_vector *found;
        struct weir_error error;
        enum weir_error_code code = weir_evaluator_run(evaluator, 0, &f.batch, &found, &error);
        assert_int_equal(code == WEIR_OK, k == 0);
        for (uint32_t i = 0; code == WEIR_OK && i < FIXTURE_ROWS; i++) {
            assert_int_equal(weir_vector_is_null(found, i), i % 7 == 3);
            if (i % 7 != 3) assert_true(((const uint8_t *)found->data)[i]);
        }
        weir_evaluator_free(evaluator);
    }
    tear_down(&f);
}

/* The operands of test_junctions at row i: 0 FALSE, 1 NULL, 2 TRUE. */
static int truth(int which, uint32_t i)
{
    bool null = i % 7 == 3;
    switch (which) {
    case 0: return i > 30 ? 2 : 0;
    case 1: return null ? 1 : i % 10 < 5 ? 2 : 0;
    case 2: return i % 2 ? 2 : 0;
    case 3: return i % 10 == 0 && !null ? -1 : null ? 1 : 100 / (i % 10) > 20 ? 2 : 0; /* -1: fails */
    default: return i < 90 ? 2 : 0;
    }
}

/* Every order of three among: a > 30, b < 5 (NULLs), s <> 'x' (short constant), 100 / b > 20 (fails where b
 * is 0), a < 90; joined by AND and by OR; for all rows and for some of them. */
static void check_junction(struct fixture *f, struct weir_expr *const *operands, const int *which, bool is_or,
    uint16_t *selection, uint32_t selected)
{
    struct weir_expr *given[3] = { operands[which[0]], operands[which[1]], operands[which[2]] };
    struct weir_expr *junction = (is_or ? weir_expr_or : weir_expr_and)(&f->arena, given, 3);
    struct weir_evaluator *evaluator = compile(f, &junction, 1);
    const struct weir_vector *result;
    struct weir_error error;
    f->batch.selection = selection;
    f->batch.selected = selected;
    enum weir_error_code code = weir_evaluator_run(evaluator, 0, &f->batch, &result, &error);
    bool fails = false;
    for (uint32_t p = 0; p < weir_batch_selected(&f->batch); p++) {
        uint32_t row = weir_batch_row(&f->batch, p);
        int expected = is_or ? 0 : 2, deciding = is_or ? 2 : 0;
        for (int k = 0; k < 3 && expected != deciding; k++) {
            int value = truth(which[k], row);
            fails |= value < 0;
            if (is_or ? value > expected : value < expected) expected = value;
        }
        if (code != WEIR_OK || fails) continue;
        assert_int_equal(weir_vector_is_null(result, row), expected == 1);
        if (expected != 1) assert_int_equal(((const uint8_t *)result->data)[row], expected == 2);
    }
    assert_int_equal(code, fails ? WEIR_E_ARITHMETIC : WEIR_OK);
    f->batch.selection = NULL;
    weir_evaluator_free(evaluator);
}

static void test_junctions(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_expr *x = weir_expr_literal(&f.arena, weir_value_string(&f.arena, "x", 1));
    struct weir_expr *quotient = call(&f, "/", number(&f, 100), f.b);
    struct weir_expr *operands[5] = { call(&f, ">", f.a, number(&f, 30)), call(&f, "<", f.b, number(&f, 5)),
        call(&f, "<>", f.s, x), call(&f, ">", quotient, number(&f, 20)), call(&f, "<", f.a, number(&f, 90)) };
    uint16_t thirds[FIXTURE_ROWS / 3], few[3] = { 10, 38, 95 };
    for (uint16_t i = 0; i < FIXTURE_ROWS / 3; i++) thirds[i] = (uint16_t)(3 * i + 1);
    for (int n = 0; n < 5 * 5 * 5; n++) {
        int which[3] = { n / 25, n / 5 % 5, n % 5 };
        if (which[0] == which[1] || which[1] == which[2] || which[0] == which[2]) continue;
        for (int is_or = 0; is_or < 2; is_or++) {
            check_junction(&f, operands, which, is_or, NULL, 0);
            check_junction(&f, operands, which, is_or, thirds, WEIR_ARRAY_COUNT(thirds));
            check_junction(&f, operands, which, is_or, few, WEIR_ARRAY_COUNT(few));
        }
    }
    tear_down(&f);
}

static void test_documentation(void **state)
{
    struct fixture f;
    set_up(&f);
    struct weir_buffer text;
    weir_buffer_init(&text, &f.memory.base, 1 << 20);
    weir_functions_markdown(&text);
    assert_non_null(strstr(weir_buffer_text(&text), "| ABS(numeric) | The absolute value. |"));
    assert_non_null(strstr(weir_buffer_text(&text), "## Aggregate"));
    for (uint32_t i = 0; i < weir_function_count; i++) {
        assert_ptr_equal(weir_function_find(weir_functions[i].name), &weir_functions[i]); /* no name twice */
    }
    weir_buffer_done(&text);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_and_guards),
        cmocka_unit_test(test_case_guards),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_dictionary),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_text_and_spec),
        cmocka_unit_test(test_rewriting),
        cmocka_unit_test(test_in_list),
        cmocka_unit_test(test_in_list_of_two_types),
        cmocka_unit_test(test_in_list_keeps_guards),
        cmocka_unit_test(test_junctions),
        cmocka_unit_test(test_documentation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
