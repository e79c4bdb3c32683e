#include "harness.h"

enum { ROWS = 1500, PARTITIONS = 5, TOP = 4 };

static struct test_row rows[ROWS];
static struct weir_arena arena;
static struct weir_test_memory memory;

/* Partition, order value (few ties), payload. Deletions take back earlier rows. */
static void make_rows(bool retract, uint64_t seed)
{
    static bool taken[ROWS];
    memset(taken, 0, sizeof taken);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t victim = (uint32_t)(test_random(&seed) % (i + 1));
        if (retract && test_random(&seed) % 3 == 0 && victim < i && !taken[victim] &&
            rows[victim].kind == WEIR_ROW_INSERT) {
            rows[i] = rows[victim];
            rows[i].kind = WEIR_ROW_DELETE;
            taken[i] = taken[victim] = true;
            continue;
        }
        rows[i] = (struct test_row){ .values = { (int64_t)(test_random(&seed) % PARTITIONS),
                                         (int64_t)(test_random(&seed) % 900), (int64_t)i } };
    }
}

struct live {
    const struct test_row *row;
    uint32_t arrival;
};

static bool descending;

static int compare_live(const void *a, const void *b)
{
    const struct live *x = a, *y = b;
    int64_t left = x->row->values[1], right = y->row->values[1];
    if (left != right) return ((left > right) - (left < right)) * (descending ? -1 : 1);
    return (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

static uint32_t live_rows(int64_t partition, struct live *live)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        if (partition >= 0 && rows[i].values[0] != partition) continue;
        if (rows[i].kind == WEIR_ROW_INSERT) {
            live[n++] = (struct live){ &rows[i], i };
            continue;
        }
        for (uint32_t k = 0; k < n; k++) {
            if (live[k].row->values[2] != rows[i].values[2]) continue;
            memmove(&live[k], &live[k + 1], (n - k - 1) * sizeof *live);
            n--;
            break;
        }
    }
    return n;
}

static struct weir_spec *order_spec(uint32_t column, bool down)
{
    struct weir_spec *list = weir_spec_list(&arena), *item = weir_spec_map(&arena);
    weir_spec_put(&arena, item, "column", weir_spec_integer(&arena, column));
    weir_spec_put(&arena, item, "descending", weir_spec_boolean(&arena, down));
    weir_spec_put(&arena, item, "nulls_first", weir_spec_boolean(&arena, !down));
    weir_spec_add(&arena, list, item);
    return list;
}

static struct weir_spec *rank_spec(const char *strategy, int64_t start, int64_t end, bool with_rank)
{
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "partition", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "order", order_spec(1, descending));
    weir_spec_put(&arena, spec, "start", weir_spec_integer(&arena, start));
    weir_spec_put(&arena, spec, "end", weir_spec_integer(&arena, end));
    weir_spec_put(&arena, spec, "with_rank", weir_spec_boolean(&arena, with_rank));
    weir_spec_put(&arena, spec, "strategy", weir_spec_text(&arena, strategy));
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, true));
    return spec;
}

static void check(struct test_driver *d, int64_t start, int64_t end, bool with_rank)
{
    static struct live live[ROWS];
    uint64_t total = 0;
    for (int64_t p = 0; p < PARTITIONS; p++) {
        uint32_t n = live_rows(p, live);
        qsort(live, n, sizeof *live, compare_live);
        for (int64_t r = start; r <= end && r <= (int64_t)n; r++) {
            char text[256], name[64];
            test_string(live[r - 1].row->values[0], name, sizeof name);
            int length = sprintf(text, "%s|%lld|%lld", name, (long long)live[r - 1].row->values[1],
                (long long)live[r - 1].row->values[2]);
            if (with_rank) sprintf(text + length, "|%lld", (long long)r);
            if (test_count(d, text) != 1) fail_msg("expected once: %s", text);
            total++;
        }
    }
    assert_int_equal(test_live(d), total);
}

static void run_rank(bool retract, bool bounded)
{
    static const uint32_t sizes[] = { 1, 7, 1024 }, route[] = { 0 };
    static const struct {
        int64_t start, end;
        bool with_rank;
    } shapes[] = { { 1, TOP, false }, { 1, TOP, true }, { 1, 1, false }, { 1, 1, true }, { 3, 6, true },
        { 2, 3, false } };
    for (uint32_t shape = 0; shape < WEIR_ARRAY_COUNT(shapes); shape++) {
        for (uint32_t s = 0; s < 3; s++) {
            for (int snapshots = 0; snapshots < (s ? 3 : 1); snapshots++) {
                int64_t start = shapes[shape].start, end = shapes[shape].end;
                bool with_rank = shapes[shape].with_rank;
                descending = shape % 2;
                make_rows(retract, 99 + s);
                struct test_run run = { .operator_name = "rank",
                    .input_types = { "sll" },
                    .output_types = with_rank ? "slll" : "sll",
                    .spec = rank_spec(retract ? "retract" : "append", start, end, with_rank),
                    .batch_rows = sizes[s],
                    .encoding = (enum test_encoding)(s == 2 ? TEST_DICTIONARY : s),
                    .snapshots = snapshots > 0,
                    .rescale = snapshots > 1,
                    .bounded = bounded };
                struct test_driver d;
                test_open(&d, &run);
                d.route = route;
                d.route_count = 1;
                test_send_all(&d, 0, rows, ROWS);
                test_end(&d);
                check(&d, start, end, with_rank);
                test_close(&d);
            }
        }
    }
}

static void test_append(void **state)
{
    (void)state;
    run_rank(false, false);
}
static void test_retract(void **state)
{
    (void)state;
    run_rank(true, false);
}
static void test_bounded(void **state)
{
    (void)state;
    run_rank(true, true);
    run_rank(false, true);
}

static void expect_log(const char *operator_name, const char *types, struct weir_spec *spec,
    const struct test_row *input, uint32_t n, bool bounded, const char *expected)
{
    struct test_run run = { .operator_name = operator_name,
        .input_types = { "lll" },
        .output_types = types,
        .spec = spec,
        .batch_rows = 1024,
        .keep_log = true,
        .bounded = bounded };
    struct test_driver d;
    test_open(&d, &run);
    test_send_all(&d, 0, input, n);
    test_end(&d);
    assert_string_equal(d.log, expected);
    test_close(&d);
}

static void test_logs(void **state)
{
    (void)state;
    static const struct test_row input[] = { { 0, { 1, 5, 1 } }, { 0, { 1, 3, 2 } }, { 0, { 1, 4, 3 } },
        { 0, { 1, 9, 4 } } };
    descending = false;
    expect_log("rank", "lll", rank_spec("append", 1, 2, false), input, 4, false,
        "+I 1|5|1\n+I 1|3|2\n-D 1|5|1\n+I 1|4|3\n");
    expect_log("rank", "llll", rank_spec("append", 1, 2, true), input, 4, false,
        "+I 1|5|1|1\n-U 1|5|1|1\n+U 1|3|2|1\n+I 1|5|1|2\n-U 1|5|1|2\n+U 1|4|3|2\n");
    expect_log(
        "rank", "lll", rank_spec("append", 1, 1, false), input, 4, false, "+I 1|5|1\n-U 1|5|1\n+U 1|3|2\n");
    expect_log("rank", "lll", rank_spec("retract", 1, 2, false), input, 4, false,
        "+I 1|5|1\n+I 1|3|2\n-D 1|5|1\n+I 1|4|3\n");
    static const struct test_row taken[] = { { 0, { 1, 5, 1 } }, { 0, { 1, 3, 2 } },
        { WEIR_ROW_DELETE, { 1, 3, 2 } }, { WEIR_ROW_DELETE, { 7, 7, 7 } } };
    expect_log("rank", "lll", rank_spec("retract", 1, 1, false), taken, 4, false,
        "+I 1|5|1\n-D 1|5|1\n+I 1|3|2\n-D 1|3|2\n+I 1|5|1\n");
}

static void test_update_strategy(void **state)
{
    (void)state;
    struct weir_spec *spec = rank_spec("update", 1, 2, true);
    descending = true;
    weir_spec_put(&arena, spec, "order", order_spec(1, true));
    weir_spec_put(&arena, spec, "unique_key", test_columns(&arena, 2, (uint32_t[]){ 0, 2 }));
    static const struct test_row input[] = { { 0, { 1, 1, 10 } }, { 0, { 1, 2, 11 } },
        { WEIR_ROW_UPDATE_AFTER, { 1, 5, 10 } }, { 0, { 1, 3, 12 } },
        { WEIR_ROW_UPDATE_AFTER, { 1, 6, 10 } } };
    expect_log("rank", "llll", spec, input, 5, false,
        "+I 1|1|10|1\n"
        "-U 1|1|10|1\n+U 1|2|11|1\n+I 1|1|10|2\n"
        "-U 1|2|11|1\n+U 1|5|10|1\n-U 1|1|10|2\n+U 1|2|11|2\n"
        "-U 1|2|11|2\n+U 1|3|12|2\n"
        "-U 1|5|10|1\n+U 1|6|10|1\n");
}

static void test_sort(void **state)
{
    (void)state;
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "order", order_spec(1, true));
    static const struct test_row input[] = { { 0, { 1, 5, 1 } }, { 0, { 2, 3, 2 } },
        { 0, { 3, OPS_NULL, 3 } }, { 0, { 4, 9, 4 } }, { WEIR_ROW_DELETE, { 2, 3, 2 } } };
    expect_log("sort", "lll", spec, input, 5, true, "+I 4|9|4\n+I 1|5|1\n+I 3|null|3\n");
    weir_spec_put(&arena, spec, "offset", weir_spec_integer(&arena, 1));
    weir_spec_put(&arena, spec, "limit", weir_spec_integer(&arena, 1));
    expect_log("sort_limit", "lll", spec, input, 5, true, "+I 1|5|1\n");
}

/* Column 1 is the end of the row's window: rows come out once, when it closes. */
static void test_windowed(void **state)
{
    (void)state;
    static const struct test_row input[] = { { 0, { 1, 100, 5 } }, { 0, { 1, 100, 9 } }, { 0, { 2, 100, 7 } },
        { 0, { 1, 200, 1 } }, { 0, { 1, 100, 8 } }, { 0, { 1, 100, 3 } } };
    struct weir_spec *spec = rank_spec("append", 1, 2, true);
    weir_spec_put(&arena, spec, "partition", test_columns(&arena, 2, (uint32_t[]){ 0, 1 }));
    weir_spec_put(&arena, spec, "order", order_spec(2, true));
    weir_spec_put(&arena, spec, "window_end", weir_spec_integer(&arena, 1));
    for (int restarts = 0; restarts < 2; restarts++) {
        struct test_run run = { .operator_name = "rank",
            .input_types = { "ltl" },
            .output_types = "ltll",
            .spec = spec,
            .batch_rows = 1,
            .keep_log = true,
            .snapshots = restarts > 0 };
        struct test_driver d;
        test_open(&d, &run);
        test_send_all(&d, 0, input, 5);
        test_watermark(&d, 98);
        assert_null(d.log);
        test_watermark(&d, 99);
        assert_int_equal(test_live(&d), 3);
        assert_int_equal(test_count(&d, "1|100|9|1"), 1);
        assert_int_equal(test_count(&d, "1|100|8|2"), 1);
        assert_int_equal(test_count(&d, "2|100|7|1"), 1);
        if (restarts) test_restart(&d); /* its watermark begins anew; what was late stays late */
        test_send(&d, 0, input + 5, 1);
        assert_int_equal(d.subtasks[0].metrics.late_records_dropped, 1);
        test_end(&d);
        assert_int_equal(test_live(&d), 4);
        assert_int_equal(test_count(&d, "1|200|1|1"), 1);
        test_close(&d);
    }
}

static void test_limit(void **state)
{
    (void)state;
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "offset", weir_spec_integer(&arena, 1));
    weir_spec_put(&arena, spec, "limit", weir_spec_integer(&arena, 2));
    static const struct test_row input[] = { { 0, { 1, 5, 1 } }, { 0, { 2, 3, 2 } }, { 0, { 3, 4, 3 } },
        { 0, { 4, 9, 4 } }, { WEIR_ROW_DELETE, { 2, 3, 2 } } };
    weir_spec_put(&arena, spec, "retract", weir_spec_boolean(&arena, false));
    expect_log("limit", "lll", spec, input, 4, false, "+I 2|3|2\n+I 3|4|3\n");
    weir_spec_put(&arena, spec, "retract", weir_spec_boolean(&arena, true));
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, true));
    expect_log("limit", "lll", spec, input, 5, false,
        "+I 2|3|2\n+I 3|4|3\n-U 2|3|2\n+U 3|4|3\n-U 3|4|3\n+U 4|9|4\n");
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
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_update_strategy),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_windowed),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_retract),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
