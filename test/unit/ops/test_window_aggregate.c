#include "harness.h"

enum { ROWS = 2000, KEYS = 11 };

static struct test_row rows[ROWS];

static struct weir_arena arena;
static struct weir_test_memory memory;

static struct weir_spec *window_map(const char *kind, int64_t size, int64_t slide, int64_t step, int64_t gap)
{
    struct weir_spec *map = weir_spec_map(&arena);
    weir_spec_put(&arena, map, "kind", weir_spec_text(&arena, kind));
    weir_spec_put(&arena, map, "size_ms", weir_spec_integer(&arena, size));
    weir_spec_put(&arena, map, "slide_ms", weir_spec_integer(&arena, slide));
    weir_spec_put(&arena, map, "step_ms", weir_spec_integer(&arena, step));
    weir_spec_put(&arena, map, "gap_ms", weir_spec_integer(&arena, gap));
    weir_spec_put(&arena, map, "time", weir_spec_integer(&arena, 2));
    return map;
}

static struct weir_spec *make_spec(struct weir_spec *window)
{
    struct weir_spec *spec = weir_spec_map(&arena), *calls = weir_spec_list(&arena),
                     *properties = weir_spec_list(&arena);
    weir_spec_put(&arena, spec, "window", window);
    weir_spec_put(&arena, spec, "keys", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    test_add_call(&arena, calls, "COUNT", -1, &weir_type_bigint_not_null, -1, false);
    test_add_call(&arena, calls, "SUM", 1, weir_type_of(WEIR_TYPE_BIGINT), -1, false);
    test_add_call(&arena, calls, "MAX", 1, weir_type_of(WEIR_TYPE_BIGINT), -1, false);
    test_add_call(&arena, calls, "COUNT", 1, &weir_type_bigint_not_null, -1, true);
    weir_spec_put(&arena, spec, "aggregates", calls);
    weir_spec_add(&arena, properties, weir_spec_text(&arena, "start"));
    weir_spec_add(&arena, properties, weir_spec_text(&arena, "end"));
    weir_spec_put(&arena, spec, "properties", properties);
    return spec;
}

/* Times grow, out of order by up to 2 s. */
static void make_rows(void)
{
    uint64_t seed = 7;
    for (uint32_t i = 0; i < ROWS; i++) {
        int64_t time = 10000 + (int64_t)i * 50 + (int64_t)(test_random(&seed) % 2000);
        rows[i] = (struct test_row){ .values = { (int64_t)(test_random(&seed) % KEYS),
                                         (int64_t)(test_random(&seed) % 20), time } };
    }
}

struct expectation {
    int64_t key, start, end;
};

static int64_t floor_to(int64_t value, int64_t unit)
{
    return value - ((value % unit) + unit) % unit;
}

/* What the rows of [start, end) of a key come to; NULL when there are none. */
static const char *expected(int64_t key, int64_t start, int64_t end, char *text)
{
    int64_t count = 0, sum = 0, largest = -1;
    bool seen[20] = { false };
    for (uint32_t i = 0; i < ROWS; i++) {
        if (rows[i].values[0] != key || rows[i].values[2] < start || rows[i].values[2] >= end) continue;
        count++;
        sum += rows[i].values[1];
        if (rows[i].values[1] > largest) largest = rows[i].values[1];
        seen[rows[i].values[1]] = true;
    }
    if (count == 0) return NULL;
    int64_t distinct = 0;
    for (int v = 0; v < 20; v++) distinct += seen[v];
    char key_text[64];
    test_string(key, key_text, sizeof key_text);
    sprintf(text, "%s|%lld|%lld|%lld|%lld|%lld|%lld", key_text, (long long)count, (long long)sum,
        (long long)largest, (long long)distinct, (long long)start, (long long)end);
    return text;
}

static uint64_t check_window(struct test_driver *d, int64_t start, int64_t end)
{
    uint64_t found = 0;
    char text[512];
    for (int64_t key = 0; key < KEYS; key++) {
        if (!expected(key, start, end, text)) continue;
        found++;
        if (test_count(d, text) != 1)
            fail_msg("expected once, is there %lld times: %s", (long long)test_count(d, text), text);
    }
    return found;
}

/* Rows with watermarks 2 s behind the newest time, restarts in between. */
static void feed(struct test_driver *d)
{
    for (uint32_t at = 0; at < ROWS; at += d->run.batch_rows) {
        uint32_t n = WEIR_MIN(d->run.batch_rows, ROWS - at);
        test_send(d, 0, rows + at, n);
        test_watermark(d, 10000 + (int64_t)(at + n) * 50 - 1);
        if (d->run.snapshots) test_restart(d);
    }
    test_end(d);
}

static void for_all_runs(struct weir_spec *spec, void (*check)(struct test_driver *d))
{
    static const uint32_t sizes[] = { 1, 7, 512 }, route[] = { 0 };
    make_rows();
    for (uint32_t s = 0; s < 3; s++) {
        for (int encoding = 0; encoding < TEST_ENCODINGS; encoding++) {
            for (int snapshots = 0; snapshots < (s ? 3 : 1); snapshots++) {
                struct test_run run = { .operator_name = "window_aggregate",
                    .input_types = { "slt" },
                    .output_types = "slllltt",
                    .spec = spec,
                    .batch_rows = sizes[s],
                    .encoding = (enum test_encoding)encoding,
                    .snapshots = snapshots > 0,
                    .rescale = snapshots > 1 };
                struct test_driver d;
                test_open(&d, &run);
                d.route = route;
                d.route_count = 1;
                feed(&d);
                check(&d);
                test_close(&d);
            }
        }
    }
}

static void check_tumble(struct test_driver *d)
{
    uint64_t total = 0;
    for (int64_t end = 5000; end < 200000; end += 5000) total += check_window(d, end - 5000, end);
    assert_int_equal(d->rows_out, total);
}

static void check_hop(struct test_driver *d)
{
    uint64_t total = 0;
    for (int64_t start = -8000; start < 200000; start += 4000) total += check_window(d, start, start + 10000);
    assert_int_equal(d->rows_out, total);
}

static void check_cumulate(struct test_driver *d)
{
    uint64_t total = 0;
    for (int64_t end = 3000; end < 200000; end += 3000)
        total += check_window(d, floor_to(end - 1, 12000), end);
    assert_int_equal(d->rows_out, total);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_session(struct test_driver *d)
{
    uint64_t total = 0;
    for (int64_t key = 0; key < KEYS; key++) {
        int64_t times[ROWS];
        uint32_t n = 0;
        for (uint32_t i = 0; i < ROWS; i++) {
            if (rows[i].values[0] == key) times[n++] = rows[i].values[2];
        }
        qsort(times, n, sizeof *times, compare_times);
        for (uint32_t first = 0, last; first < n; first = last + 1) {
            for (last = first; last + 1 < n && times[last + 1] - times[last] <= 900; last++) continue;
            char text[512];
            /* the rows are those of [start, end); a row at end itself would have joined the session */
            if (!expected(key, times[first], times[last] + 900, text)) fail_msg("no rows");
            if (test_count(d, text) != 1) fail_msg("expected once: %s", text);
            total++;
        }
    }
    assert_int_equal(d->rows_out, total);
    assert_true(total > 2 * KEYS);
}

static void test_tumble(void **state)
{
    (void)state;
    for_all_runs(make_spec(window_map("tumble", 5000, 0, 0, 0)), check_tumble);
}
static void test_hop(void **state)
{
    (void)state;
    for_all_runs(make_spec(window_map("hop", 10000, 4000, 0, 0)), check_hop);
}
static void test_cumulate(void **state)
{
    (void)state;
    for_all_runs(make_spec(window_map("cumulate", 12000, 0, 3000, 0)), check_cumulate);
}
static void test_session(void **state)
{
    (void)state;
    for_all_runs(make_spec(window_map("session", 0, 0, 0, 900)), check_session);
}

static void test_late(void **state)
{
    (void)state;
    struct test_run run = { .operator_name = "window_aggregate",
        .input_types = { "slt" },
        .output_types = "slllltt",
        .spec = make_spec(window_map("hop", 10000, 5000, 0, 0)),
        .batch_rows = 1,
        .keep_log = true };
    struct test_driver d;
    test_open(&d, &run);
    test_send(&d, 0, (struct test_row[]){ { .values = { 1, 5, 7000 } } }, 1);
    test_watermark(&d, 9999);
    assert_string_equal(d.log, "+I 1|1|5|5|1|0|10000\n");
    test_send(&d, 0, (struct test_row[]){ { .values = { 1, 6, 8000 } }, { .values = { 1, 9, 3000 } } },
        2); /* late for one window, late for all */
    assert_int_equal(d.subtasks[0].metrics.late_records_dropped, 1);
    test_end(&d);
    assert_string_equal(d.log, "+I 1|1|5|5|1|0|10000\n+I 1|2|11|6|2|5000|15000\n");
    test_close(&d);
}

/* Watermarks begin anew after a restart: what was late stays late, and no session is there twice. */
static void test_late_for_a_session_of_before(void **state)
{
    (void)state;
    for (int rescale = 0; rescale < 2; rescale++) {
        struct test_run run = { .operator_name = "window_aggregate",
            .input_types = { "slt" },
            .output_types = "slllltt",
            .spec = make_spec(window_map("session", 0, 0, 0, 900)),
            .batch_rows = 1,
            .rescale = rescale > 0 };
        struct test_driver d;
        test_open(&d, &run);
        test_send(&d, 0, (struct test_row[]){ { .values = { 1, 5, 7000 } } }, 1);
        test_watermark(&d, 9999);
        test_restart(&d);
        test_send(&d, 0, (struct test_row[]){ { .values = { 1, 6, 7100 } } }, 1);
        test_restart(&d);
        test_send(&d, 0, (struct test_row[]){ { .values = { 1, 7, 7200 } } }, 1);
        test_send(&d, 0, (struct test_row[]){ { .values = { 1, 8, 9101 } } }, 1); /* ends at 10001 */
        test_end(&d);
        assert_int_equal(test_live(&d), 2);
        assert_int_equal(test_count(&d, "1|1|5|5|1|7000|7900"), 1);
        assert_int_equal(test_count(&d, "1|1|8|8|1|9101|10001"), 1);
        test_close(&d);
    }
}

static void call_timer(struct test_driver *d, int64_t now_ms)
{
    struct test_subtask *s = &d->subtasks[0];
    d->clock_us = now_ms * 1000;
    TEST_CALL(d, s, s->op->ops->timer(s->op, now_ms, &s->out));
}

static void test_processing_time(void **state)
{
    (void)state;
    static const char *const kinds[] = { "tumble", "session" };
    for (int k = 0; k < 2; k++) {
        struct weir_spec *window = window_map(kinds[k], 1000, 0, 0, 700);
        weir_spec_put(&arena, window, "processing_time", weir_spec_boolean(&arena, true));
        struct test_run run = { .operator_name = "window_aggregate",
            .input_types = { "slt" },
            .output_types = "slllltt",
            .spec = make_spec(window),
            .batch_rows = 1,
            .keep_log = true };
        struct test_driver d;
        test_open(&d, &run);
        int64_t *timer = d.subtasks[0].ctx.timer_owner;
        *timer = INT64_MAX;
        d.clock_us = 10200 * 1000;
        test_send(&d, 0, (struct test_row[]){ { .values = { 1, 5, OPS_NULL } } }, 1);
        assert_int_equal(*timer, k ? 10900 : 11000);
        d.clock_us = 10800 * 1000;
        test_send(&d, 0, (struct test_row[]){ { .values = { 1, 6, OPS_NULL } } }, 1);
        test_watermark(&d, 20000); /* says nothing about the clock */
        assert_null(d.log);
        call_timer(&d, *timer);
        if (k) call_timer(&d, *timer); /* the session was extended: asked again */
        assert_string_equal(d.log, k ? "+I 1|2|11|6|2|10200|11500\n" : "+I 1|2|11|6|2|10000|11000\n");
        assert_int_equal(*timer, INT64_MAX);
        test_close(&d);
    }
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
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_late_for_a_session_of_before),
        cmocka_unit_test(test_processing_time),
        cmocka_unit_test(test_tumble),
        cmocka_unit_test(test_hop),
        cmocka_unit_test(test_cumulate),
        cmocka_unit_test(test_session),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
