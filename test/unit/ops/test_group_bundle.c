/* Mini-batch: what GROUP BY holds back, and when it lets it go. */
#include "harness.h"

enum { ROWS = 4000, KEYS = 300 };

static struct test_row rows[ROWS];

static void make_rows(uint64_t seed)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        int64_t key = (int64_t)(test_random(&seed) % KEYS), draw = (int64_t)(test_random(&seed) % 20);
        if (draw % 3 == 0) key %= 7; /* some keys are busy */
        rows[i] = (struct test_row){ .kind = WEIR_ROW_INSERT,
            .values = { key, draw == 0 ? OPS_NULL : (int64_t)(test_random(&seed) % 1000) - 500, draw % 2 } };
    }
}

struct variant {
    const char *columns; /* c COUNT(*), v COUNT(value), s SUM, a AVG, l MIN, h MAX */
    bool emit_update_before;
    int64_t size;
    bool preaggregated;
    int64_t latency_ms;
};

static const struct {
    char letter;
    const char *function;
    int argument;
} calls_by_letter[] = { { 'c', "COUNT", -1 }, { 'v', "COUNT", 1 }, { 's', "SUM", 1 }, { 'a', "AVG", 1 },
    { 'l', "MIN", 1 }, { 'h', "MAX", 1 } };

static struct weir_spec *make_spec(struct weir_arena *arena, const struct variant *v)
{
    struct weir_spec *spec = weir_spec_map(arena), *calls = weir_spec_list(arena);
    weir_spec_put(arena, spec, "keys", test_columns(arena, 1, (uint32_t[]){ 0 }));
    for (const char *at = v->columns; *at; at++) {
        for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(calls_by_letter); i++) {
            if (calls_by_letter[i].letter != *at) continue;
            test_add_call(arena, calls, calls_by_letter[i].function, calls_by_letter[i].argument,
                weir_type_of(WEIR_TYPE_BIGINT), -1, false);
        }
    }
    weir_spec_put(arena, spec, "aggregates", calls);
    weir_spec_put(arena, spec, "emit_ub", weir_spec_boolean(arena, v->emit_update_before));
    weir_spec_put(arena, spec, "mini_batch", weir_spec_boolean(arena, true));
    weir_spec_put(arena, spec, "mini_batch_rows", weir_spec_integer(arena, v->size));
    weir_spec_put(arena, spec, "mini_batch_ms", weir_spec_integer(arena, v->latency_ms));
    weir_spec_put(arena, spec, "mini_batch_preaggregated", weir_spec_boolean(arena, v->preaggregated));
    return spec;
}

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct test_driver driver;
};

static void open_fixture(struct fixture *f, const struct variant *v, struct test_run run)
{
    static const uint32_t route[] = { 0 };
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    static char output[16];
    snprintf(output, sizeof output, "s%.*s", (int)strlen(v->columns), "llllllll");
    run.operator_name = "group_aggregate";
    run.input_types[0] = "slb";
    run.output_types = output;
    run.spec = make_spec(&f->arena, v);
    run.keep_log = true;
    run.by_kind = !v->emit_update_before; /* nothing is taken away from what the strict fold counts */
    test_open(&f->driver, &run);
    f->driver.route = route;
    f->driver.route_count = 1;
}

static void close_fixture(struct fixture *f)
{
    test_close(&f->driver);
    weir_arena_done(&f->arena);
}

static void append_number(char *text, bool is, int64_t value)
{
    if (is)
        sprintf(text + strlen(text), "|%lld", (long long)value);
    else
        strcat(text, "|null");
}

/* The row that the first `count` rows of input give for a key; false: none. */
static bool expected_row(const char *columns, int64_t key, uint32_t count, char *text)
{
    int64_t all = 0, some = 0, sum = 0, low = 0, high = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t value = rows[i].values[1];
        if (rows[i].values[0] != key) continue;
        all++;
        if (value == OPS_NULL) continue;
        low = some == 0 || value < low ? value : low;
        high = some == 0 || value > high ? value : high;
        sum += value;
        some++;
    }
    test_string(key, text, 64);
    for (const char *at = columns; *at; at++) {
        switch (*at) {
        case 'c': append_number(text, true, all); break;
        case 'v': append_number(text, true, some); break;
        case 's': append_number(text, some, sum); break;
        case 'a': append_number(text, some, some ? sum / some : 0); break;
        case 'l': append_number(text, some, low); break;
        default: append_number(text, some, high);
        }
    }
    return all != 0;
}

/* The last row that was emitted for the key of `row`. A line of the log is the kind, once or twice, and the
 * row. */
static bool is_last_of_its_key(const struct test_driver *d, const char *row)
{
    size_t length = strlen(row), key_length = strcspn(row, "|"), kind_length = d->run.by_kind ? 6 : 3;
    const char *last = NULL, *end = d->log + d->log_length;
    for (const char *line = d->log; line < end;
         line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1) {
        const char *text = line + kind_length;
        /* No str functions on the log: strict_string_checks reads it to its end each time. */
        if (line[0] == '+' && (size_t)(end - text) > length && memcmp(text, row, key_length) == 0 &&
            (text[key_length] == '|' || text[key_length] == '\n'))
            last = text;
    }
    return last && memcmp(last, row, length) == 0 && last[length] == '\n';
}

static void check_final(struct fixture *f, const struct variant *v)
{
    uint32_t groups = 0;
    for (int64_t key = 0; key < KEYS; key++) {
        char text[256] = "";
        if (!expected_row(v->columns, key, ROWS, text)) continue;
        groups++;
        if (!is_last_of_its_key(&f->driver, text)) fail_msg("%s: expected last: %s", v->columns, text);
        if (v->emit_update_before && test_count(&f->driver, text) != 1) fail_msg("expected once: %s", text);
    }
    if (v->emit_update_before) assert_int_equal(test_live(&f->driver), groups);
}

static void bundles_of_all_kinds_end_with_the_right_rows(void **state)
{
    (void)state;
    static const char *const columns[] = { "cvsalh", "csl", "vsalh", "lh", "c", "a", "" };
    static const int64_t sizes[] = { -1, 1, 5, 128, 1500 };
    static const uint32_t batch_rows[] = { 1, 61, 1024 };
    make_rows(99);
    uint32_t number = 0;
    for (uint32_t c = 0; c < WEIR_ARRAY_COUNT(columns); c++) {
        for (uint32_t s = 0; s < WEIR_ARRAY_COUNT(sizes); s++) {
            for (uint32_t b = 0; b < WEIR_ARRAY_COUNT(batch_rows); b++) {
                number++;
                struct variant v = { .columns = columns[c],
                    .emit_update_before = number % 2,
                    .size = sizes[s],
                    .preaggregated = number / 2 % 2 };
                struct test_run run = { .batch_rows = batch_rows[b],
                    .encoding = (enum test_encoding)(number % TEST_ENCODINGS),
                    .snapshots = batch_rows[b] > 1 && number % 3 > 0,
                    .rescale = number % 3 > 1 };
                if (run.encoding == TEST_CONSTANT || (run.encoding == TEST_SELECTED && batch_rows[b] == 1024))
                    run.encoding = TEST_FLAT;
                struct fixture f;
                open_fixture(&f, &v, run);
                test_send_all(&f.driver, 0, rows, ROWS);
                test_end(&f.driver);
                check_final(&f, &v);
                close_fixture(&f);
            }
        }
    }
}

static void nothing_is_out_before_a_flush_and_then_each_group_once(void **state)
{
    (void)state;
    make_rows(5);
    for (int kind = 0; kind < 4; kind++) {
        struct variant v = { .columns = kind % 2 ? "lhc" : "cs", .size = -1, .emit_update_before = kind > 1 };
        struct fixture f;
        open_fixture(&f, &v, (struct test_run){ .batch_rows = 700 });
        test_send_all(&f.driver, 0, rows, ROWS / 2);
        assert_int_equal(f.driver.rows_out, 0);
        test_restart(&f.driver);
        uint64_t groups = f.driver.rows_out;
        assert_int_equal(f.driver.kinds_out[WEIR_ROW_INSERT], groups);
        test_send_all(&f.driver, 0, rows + ROWS / 2, ROWS / 2);
        assert_int_equal(f.driver.rows_out, groups);
        test_end(&f.driver);
        assert_true(f.driver.kinds_out[WEIR_ROW_UPDATE_AFTER] <= groups);
        check_final(&f, &v);
        close_fixture(&f);
    }
}

static void send(struct fixture *f, const int64_t *keys, uint32_t n)
{
    struct test_row some[16];
    for (uint32_t i = 0; i < n; i++)
        some[i] = (struct test_row){ .kind = WEIR_ROW_INSERT, .values = { keys[i], 1, 0 } };
    test_send(&f->driver, 0, some, n);
}

static void the_size_counts_rows_or_groups_of_sections(void **state)
{
    (void)state;
    static const int64_t keys[] = { 1, 1, 2, 2, 1, 3, 3, 3 };
    struct fixture f;
    struct variant v = { .columns = "c", .size = 4 };
    open_fixture(&f, &v, (struct test_run){ .batch_rows = 16 });
    send(&f, keys, 3);
    assert_int_equal(f.driver.rows_out, 0);
    send(&f, keys + 3, 5); /* 4 rows, and 4 more */
    assert_int_equal(f.driver.rows_out, 4);
    assert_int_equal(f.driver.kinds_out[WEIR_ROW_INSERT], 3);
    assert_int_equal(f.driver.kinds_out[WEIR_ROW_UPDATE_AFTER], 1);
    close_fixture(&f);
    v.preaggregated = true; /* sections of 4 rows: two groups, two groups */
    open_fixture(&f, &v, (struct test_run){ .batch_rows = 16 });
    send(&f, keys, 7);
    assert_int_equal(f.driver.rows_out, 0);
    send(&f, keys + 7, 1);
    assert_int_equal(f.driver.rows_out, 3);
    assert_int_equal(f.driver.kinds_out[WEIR_ROW_INSERT], 3);
    close_fixture(&f);
}

static void fire(struct test_driver *d, int64_t now_ms)
{
    struct test_subtask *s = &d->subtasks[0];
    TEST_CALL(d, s, s->op->ops->timer(s->op, now_ms, &s->out));
}

static void the_latency_lets_it_go(void **state)
{
    (void)state;
    struct fixture f;
    struct variant v = { .columns = "c", .size = 1000, .latency_ms = 500 };
    open_fixture(&f, &v, (struct test_run){ .batch_rows = 16 });
    struct test_driver *d = &f.driver;
    int64_t at_ms = INT64_MAX;
    d->subtasks[0].ctx.timer_owner = &at_ms;
    d->clock_us = 1200 * 1000;
    send(&f, (const int64_t[]){ 1, 2, 1 }, 3);
    assert_int_equal(at_ms, 1500);
    d->clock_us = 1400 * 1000;
    send(&f, (const int64_t[]){ 3 }, 1);
    assert_int_equal(at_ms, 1500);
    assert_int_equal(d->rows_out, 0);
    fire(d, 1500);
    assert_int_equal(d->rows_out, 3);
    assert_true(at_ms == INT64_MAX);
    d->clock_us = 1700 * 1000;
    send(&f, (const int64_t[]){ 3 }, 1);
    assert_int_equal(at_ms, 2000);
    fire(d, 2000);
    assert_int_equal(d->kinds_out[WEIR_ROW_UPDATE_AFTER], 1);
    close_fixture(&f);
}

static void watermarks_wait_for_the_rows_before_them(void **state)
{
    (void)state;
    struct fixture f;
    struct variant v = { .columns = "lh", .size = -1 };
    open_fixture(&f, &v, (struct test_run){ .batch_rows = 16 });
    struct test_driver *d = &f.driver;
    struct test_subtask *s = &d->subtasks[0];
    int64_t forward_ms = 10;
    TEST_CALL(d, s, s->op->ops->watermark(s->op, 10, &s->out, &forward_ms));
    assert_int_equal(forward_ms, 10); /* nothing is held */
    send(&f, (const int64_t[]){ 1, 2 }, 2);
    forward_ms = 20;
    TEST_CALL(d, s, s->op->ops->watermark(s->op, 20, &s->out, &forward_ms));
    assert_true(forward_ms == INT64_MIN);
    s->ctx.emit_watermark_ms = INT64_MIN;
    TEST_CALL(d, s, s->op->ops->flush(s->op, &s->out));
    assert_int_equal(d->rows_out, 2);
    assert_int_equal(s->ctx.emit_watermark_ms, 20);
    s->ctx.emit_watermark_ms = INT64_MIN;
    send(&f, (const int64_t[]){ 3 }, 1);
    forward_ms = INT64_MAX;
    TEST_CALL(d, s, s->op->ops->watermark(s->op, INT64_MAX, &s->out, &forward_ms));
    assert_true(forward_ms == INT64_MAX && s->ctx.emit_watermark_ms == INT64_MIN);
    assert_int_equal(d->rows_out, 3);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundles_of_all_kinds_end_with_the_right_rows),
        cmocka_unit_test(nothing_is_out_before_a_flush_and_then_each_group_once),
        cmocka_unit_test(the_size_counts_rows_or_groups_of_sections),
        cmocka_unit_test(the_latency_lets_it_go),
        cmocka_unit_test(watermarks_wait_for_the_rows_before_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
