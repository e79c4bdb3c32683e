/* Window table functions, temporal sort, watermark assigner, calc and expand. */
#include "harness.h"

static struct weir_arena arena;
static struct weir_test_memory memory;

enum { I = WEIR_ROW_INSERT };

static struct weir_spec *window_spec(const char *kind, int64_t size, int64_t slide, int64_t step, int64_t gap)
{
    struct weir_spec *spec = weir_spec_map(&arena), *map = weir_spec_map(&arena);
    weir_spec_put(&arena, map, "kind", weir_spec_text(&arena, kind));
    weir_spec_put(&arena, map, "size_ms", weir_spec_integer(&arena, size));
    weir_spec_put(&arena, map, "slide_ms", weir_spec_integer(&arena, slide));
    weir_spec_put(&arena, map, "step_ms", weir_spec_integer(&arena, step));
    weir_spec_put(&arena, map, "gap_ms", weir_spec_integer(&arena, gap));
    weir_spec_put(&arena, map, "time", weir_spec_integer(&arena, 1));
    weir_spec_put(&arena, map, "partition", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "window", map);
    return spec;
}

/* Rows one by one, the watermark (0: none) after each; the log is compared. */
static void expect(const char *name, const char *input, const char *output, struct weir_spec *spec,
    const struct test_row *rows, const int64_t *watermarks, uint32_t n, bool restarts, const char *expected)
{
    struct test_run run = { .operator_name = name,
        .input_types = { input },
        .output_types = output,
        .spec = spec,
        .batch_rows = 1,
        .keep_log = true };
    struct test_driver d;
    test_open(&d, &run);
    for (uint32_t i = 0; i < n; i++) {
        test_send(&d, 0, &rows[i], 1);
        if (watermarks && watermarks[i]) test_watermark(&d, watermarks[i]);
        if (restarts) test_restart(&d);
    }
    test_end(&d);
    assert_string_equal(d.log ? d.log : "", expected);
    test_close(&d);
}

static void test_window_functions(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 7 } }, { I, { 2, OPS_NULL } }, { I, { 3, -1 } } };
    expect("window_table_function", "st", "stttt", window_spec("tumble", 10, 0, 0, 0), rows, NULL, 3, false,
        "+I 1|7|0|10|9\n+I 3-and-a-long-tail-behind|-1|-10|0|-1\n");
    expect("window_table_function", "st", "stttt", window_spec("hop", 10, 5, 0, 0), rows, NULL, 3, false,
        "+I 1|7|5|15|14\n+I 1|7|0|10|9\n+I 3-and-a-long-tail-behind|-1|-5|5|4\n+I "
        "3-and-a-long-tail-behind|-1|-10|0|-1\n");
    expect("window_table_function", "st", "stttt", window_spec("cumulate", 12, 0, 4, 0), rows, NULL, 1, false,
        "+I 1|7|0|8|7\n+I 1|7|0|12|11\n");
}

static void test_session_function(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 100 } }, { I, { 1, 120 } }, { I, { 2, 105 } },
        { I, { 1, 110 } }, { I, { 1, 50 } }, { I, { 1, 140 } } };
    static const int64_t watermarks[] = { 0, 0, 0, 0, 129, 0 };
    for (int restarts = 0; restarts < 2; restarts++) {
        /* 100 and 120 are apart by more than the gap of 10 until 110 joins them; 50 is late by itself when
         * 129 has passed */
        expect("window_table_function", "lt", "ltttt", window_spec("session", 0, 0, 0, 10), rows, watermarks,
            6, restarts,
            "+I 1|50|50|60|59\n+I 2|105|105|115|114\n+I 1|100|100|130|129\n+I 1|120|100|130|129\n+I "
            "1|110|100|130|129\n+I 1|140|140|150|149\n");
    }
}

static struct weir_spec *order_by(uint32_t column)
{
    struct weir_spec *list = weir_spec_list(&arena), *item = weir_spec_map(&arena);
    weir_spec_put(&arena, item, "column", weir_spec_integer(&arena, column));
    weir_spec_put(&arena, item, "descending", weir_spec_boolean(&arena, true));
    weir_spec_put(&arena, item, "nulls_first", weir_spec_boolean(&arena, false));
    weir_spec_add(&arena, list, item);
    return list;
}

static void test_temporal_sort(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 30 } }, { I, { 2, 10 } }, { I, { 3, 10 } },
        { I, { 4, 20 } }, { I, { 5, 5 } }, { I, { 6, 25 } } };
    static const int64_t watermarks[] = { 0, 0, 0, 22, 0, 0 };
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "rowtime", weir_spec_integer(&arena, 1));
    weir_spec_put(&arena, spec, "order", order_by(0));
    for (int restarts = 0; restarts < 2; restarts++) { /* 5 is late: 20 is out already */
        expect("temporal_sort", "lt", "lt", spec, rows, watermarks, 6, restarts,
            "+I 3|10\n+I 2|10\n+I 4|20\n+I 6|25\n+I 1|30\n");
    }
}

/* A watermark is the row's second column. */
static struct weir_spec *assigner_spec(void)
{
    struct weir_spec *spec = weir_spec_map(&arena);
    struct weir_expr *column =
        weir_expr_column(&arena, 1, weir_type_with_precision(&arena, WEIR_TYPE_TIMESTAMP, 3, true));
    weir_spec_put(&arena, spec, "rowtime", weir_spec_integer(&arena, 1));
    weir_spec_put(&arena, spec, "expression", weir_expr_to_spec(&arena, column));
    return spec;
}

static struct test_subtask *open_assigner(struct test_driver *d, struct weir_spec *spec)
{
    struct test_run run = { .operator_name = "watermark_assigner",
        .input_types = { "lt" },
        .output_types = "lt",
        .spec = spec,
        .batch_rows = 1024 };
    test_open(d, &run);
    return &d->subtasks[0];
}

static void drive_assigner(const char *emit, const struct test_row *rows, uint32_t n, const int64_t *expected,
    uint32_t expected_count)
{
    struct weir_spec *spec = assigner_spec();
    weir_spec_put(&arena, spec, "emit", weir_spec_text(&arena, emit));
    weir_spec_put(&arena, spec, "interval_ms", weir_spec_integer(&arena, 200));
    struct test_driver d;
    struct test_subtask *s = open_assigner(&d, spec);
    struct weir_batch b;
    weir_batch_init(&b, d.types[0], 2, &d.memory.base);
    test_fill(&d, &b, 0, rows, n);
    enum weir_operator_result result;
    uint32_t watermarks = 0, rows_out = 0;
    do { /* expected: rows so far, watermark; rows so far, watermark ... */
        weir_batch_reset(&s->out);
        result = s->op->ops->process(s->op, 0, &b, &s->out);
        assert_int_not_equal(result, WEIR_OPERATOR_FAILED);
        rows_out += weir_batch_selected(&s->out);
        if (s->ctx.emit_watermark_ms == INT64_MIN) continue;
        assert_true(watermarks + 1 < expected_count);
        assert_int_equal(rows_out, expected[watermarks++]);
        assert_int_equal(s->ctx.emit_watermark_ms, expected[watermarks++]);
        s->ctx.emit_watermark_ms = INT64_MIN;
    } while (result == WEIR_OPERATOR_HAVE_MORE);
    assert_int_equal(rows_out, n);
    assert_int_equal(watermarks, expected_count);
    weir_batch_done(&b);
    test_close(&d);
}

static void test_watermarks(void **state)
{
    (void)state;
    static const struct test_row ordered[] = { { I, { 1, 1000 } }, { I, { 2, 2000 } }, { I, { 3, 3000 } } };
    drive_assigner("periodic", ordered, 3, (int64_t[]){ 3, 3000 }, 2); /* in order: never split */
    drive_assigner("on-event", ordered, 3, (int64_t[]){ 1, 1000, 2, 2000, 3, 3000 }, 6);
    static const struct test_row late[] = { { I, { 1, 1000 } }, { I, { 2, 2000 } }, { I, { 3, 1500 } },
        { I, { 4, 2100 } }, { I, { 5, 2050 } } };
    drive_assigner("periodic", late, 5, (int64_t[]){ 2, 2000, 5, 2100 },
        4); /* 2050 is not late: 2100 is within the interval */
}

/* A source that never gets a row is idle after the timeout, too. */
static void test_idle_from_the_start(void **state)
{
    (void)state;
    struct weir_spec *spec = assigner_spec();
    weir_spec_put(&arena, spec, "idle_timeout_ms", weir_spec_integer(&arena, 1000));
    struct test_driver d;
    struct test_subtask *s = open_assigner(&d, spec);
    int64_t timer_ms = *(int64_t *)s->ctx.timer_owner;
    assert_int_equal(timer_ms, d.clock_us / 1000 + 1000);
    assert_false(s->ctx.idle);
    s->op->ops->timer(s->op, timer_ms, &s->out);
    assert_true(s->ctx.idle);
    test_close(&d);
}

static void test_calc(void **state)
{
    (void)state;
    struct weir_spec *spec = weir_spec_map(&arena), *projections = weir_spec_list(&arena);
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    struct weir_error error;
    struct weir_expr *operands[2] = { weir_expr_column(&arena, 1, bigint),
        weir_expr_literal(&arena, weir_value_bigint(&arena, 5)) },
                     *sum, *larger;
    assert_int_equal(weir_expr_call(&arena, "+", operands, 2, &sum, &error), WEIR_OK);
    assert_int_equal(weir_expr_call(&arena, ">", operands, 2, &larger, &error), WEIR_OK);
    weir_spec_add(&arena, projections, weir_expr_to_spec(&arena, sum));
    weir_spec_add(
        &arena, projections, weir_expr_to_spec(&arena, weir_expr_column(&arena, 0, &weir_type_string)));
    weir_spec_put(&arena, spec, "projections", projections);
    weir_spec_put(&arena, spec, "condition", weir_expr_to_spec(&arena, larger));
    static const struct test_row rows[] = { { I, { 3, 6 } }, { I, { 2, 5 } }, { WEIR_ROW_DELETE, { 3, 6 } },
        { I, { 4, OPS_NULL } }, { I, { 5, 9 } } };
    for (int encoding = 0; encoding < TEST_ENCODINGS; encoding++) {
        struct test_run run = { .operator_name = "calc",
            .input_types = { "sl" },
            .output_types = "ls",
            .spec = spec,
            .batch_rows = 1024,
            .keep_log = true,
            .encoding = (enum test_encoding)encoding };
        struct test_driver d;
        test_open(&d, &run);
        test_send_all(&d, 0, rows, 5);
        assert_string_equal(
            d.log, "+I 11|3-and-a-long-tail-behind\n-D 11|3-and-a-long-tail-behind\n+I 14|5\n");
        test_close(&d);
    }
}

static void test_expand(void **state)
{
    (void)state;
    struct weir_spec *spec = weir_spec_map(&arena), *lists = weir_spec_list(&arena);
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    for (int64_t id = 0; id < 2; id++) {
        struct weir_spec *list = weir_spec_list(&arena);
        weir_spec_add(&arena, list,
            weir_expr_to_spec(
                &arena, id ? weir_expr_null(&arena, bigint) : weir_expr_column(&arena, 0, bigint)));
        weir_spec_add(&arena, list,
            weir_expr_to_spec(&arena, weir_expr_literal(&arena, weir_value_bigint(&arena, id))));
        weir_spec_add(&arena, lists, list);
    }
    weir_spec_put(&arena, spec, "projections", lists);
    static const struct test_row rows[] = { { I, { 7 } } };
    expect("expand", "l", "ll", spec, rows, NULL, 1, false, "+I 7|0\n+I null|1\n");
}

static void test_every_line(void **state)
{
    (void)state;
    for (uint32_t i = 0; weir_operator_table[i]; i++) {
        const struct weir_operator_ops *ops = weir_operator_table[i];
        assert_non_null(ops->create);
        assert_ptr_equal(weir_operator_ops_find(ops->name), ops);
        assert_true((ops->snapshot == NULL) == (ops->restore == NULL));
    }
    assert_null(weir_operator_ops_find("no such operator"));
}

static int setup(void **state)
{
    (void)state;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_arena_done(&arena);
    weir_test_memory_check(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_functions),
        cmocka_unit_test(test_session_function),
        cmocka_unit_test(test_temporal_sort),
        cmocka_unit_test(test_watermarks),
        cmocka_unit_test(test_idle_from_the_start),
        cmocka_unit_test(test_calc),
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_every_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
