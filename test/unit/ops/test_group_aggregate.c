#include "harness.h"

enum { ROWS = 3000, KEYS = 37 };

struct reference {
    int64_t count, sum, minimum, maximum, filtered;
    bool any;
    bool seen[64];
    int64_t distinct_counts[64];
};

static struct test_row rows[ROWS];

/* Key, value in 0..49 (sometimes NULL), flag. With retract some earlier rows are taken back. */
static void make_rows(bool retract, uint64_t seed)
{
    static bool taken[ROWS];
    memset(taken, 0, sizeof taken);
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t victim = (uint32_t)(test_random(&seed) % (i + 1));
        if (retract && i > 10 && test_random(&seed) % 3 == 0 && !taken[victim] && victim < i &&
            rows[victim].kind == WEIR_ROW_INSERT) {
            taken[victim] = true;
            rows[i] = rows[victim];
            rows[i].kind = WEIR_ROW_DELETE;
            taken[i] = true;
            continue;
        }
        int64_t value = test_random(&seed) % 17 == 0 ? OPS_NULL : (int64_t)(test_random(&seed) % 50);
        rows[i] = (struct test_row){ .kind = WEIR_ROW_INSERT,
            .values = { (int64_t)(test_random(&seed) % KEYS), value, (int64_t)(test_random(&seed) % 2) } };
    }
}

static void expected_text(const struct reference *r, int64_t key, char *text, bool extremes)
{
    char key_text[64], value[4][32];
    test_string(key, key_text, sizeof key_text);
    int64_t distinct = 0, values = 0;
    r->any ? (void)0 : (void)0;
    for (int v = 0; v < 50; v++) {
        distinct += r->distinct_counts[v] > 0;
        values += r->distinct_counts[v];
    }
    int64_t low = -1, high = -1;
    for (int v = 0; v < 50; v++) {
        if (r->distinct_counts[v] <= 0) continue;
        if (low < 0) low = v;
        high = v;
    }
    snprintf(value[0], 32, values ? "%lld" : "null", (long long)r->sum);
    snprintf(value[1], 32, values ? "%lld" : "null", (long long)(values ? r->sum / values : 0));
    snprintf(value[2], 32, values ? "%lld" : "null", (long long)low);
    snprintf(value[3], 32, values ? "%lld" : "null", (long long)high);
    int length = sprintf(text, "%s|%lld|%lld|%s|%s|%lld|%lld", key_text, (long long)r->count,
        (long long)values, value[0], value[1], (long long)r->filtered, (long long)distinct);
    if (extremes) sprintf(text + length, "|%s|%s", value[2], value[3]);
}

static void check(struct test_driver *d, bool extremes)
{
    static struct reference references[KEYS];
    memset(references, 0, sizeof references);
    for (uint32_t i = 0; i < ROWS; i++) {
        struct reference *r = &references[rows[i].values[0]];
        int64_t sign = rows[i].kind == WEIR_ROW_INSERT ? 1 : -1;
        r->count += sign;
        if (rows[i].values[2]) r->filtered += sign;
        if (rows[i].values[1] == OPS_NULL) continue;
        r->sum += sign * rows[i].values[1];
        r->distinct_counts[rows[i].values[1]] += sign;
    }
    uint64_t groups = 0;
    for (int64_t key = 0; key < KEYS; key++) {
        if (references[key].count == 0) continue;
        char text[512];
        expected_text(&references[key], key, text, extremes);
        groups++;
        if (test_count(d, text) != 1) fail_msg("expected once: %s", text);
    }
    assert_int_equal(test_live(d), groups);
}

static struct weir_spec *make_spec(struct weir_arena *arena, bool retract, bool mini_batch, bool extremes)
{
    struct weir_spec *spec = weir_spec_map(arena), *calls = weir_spec_list(arena);
    const struct weir_type *bigint = weir_type_of(WEIR_TYPE_BIGINT);
    weir_spec_put(arena, spec, "keys", test_columns(arena, 1, (uint32_t[]){ 0 }));
    test_add_call(arena, calls, "COUNT", -1, &weir_type_bigint_not_null, -1, false);
    test_add_call(arena, calls, "COUNT", 1, &weir_type_bigint_not_null, -1, false);
    test_add_call(arena, calls, "SUM", 1, bigint, -1, false);
    test_add_call(arena, calls, "AVG", 1, bigint, -1, false);
    test_add_call(arena, calls, "COUNT", -1, &weir_type_bigint_not_null, 2, false);
    test_add_call(arena, calls, "COUNT", 1, &weir_type_bigint_not_null, -1, true);
    if (extremes) {
        test_add_call(arena, calls, "MIN", 1, bigint, -1, false);
        test_add_call(arena, calls, "MAX", 1, bigint, -1, false);
    }
    weir_spec_put(arena, spec, "aggregates", calls);
    weir_spec_put(arena, spec, "retract", weir_spec_boolean(arena, retract));
    weir_spec_put(arena, spec, "emit_ub", weir_spec_boolean(arena, true));
    weir_spec_put(arena, spec, "mini_batch", weir_spec_boolean(arena, mini_batch));
    return spec;
}

static void run_all(bool retract)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_arena arena;
    weir_arena_init(&arena, &memory.base);
    bool extremes = true;
    static const uint32_t sizes[] = { 1, 7, 1024 };
    static const uint32_t route[] = { 0 };
    for (int mini_batch = 0; mini_batch < 2; mini_batch++) {
        for (uint32_t s = 0; s < 3; s++) {
            for (int encoding = 0; encoding < TEST_ENCODINGS; encoding++) {
                if (encoding == TEST_SELECTED && sizes[s] == 1024) continue;
                for (int snapshots = 0; snapshots < (s ? 3 : 1); snapshots++) {
                    make_rows(retract, 42 + s);
                    struct test_run run = { .operator_name = "group_aggregate",
                        .input_types = { "slb" },
                        .output_types = "sllllllll",
                        .spec = make_spec(&arena, retract, mini_batch, extremes),
                        .batch_rows = sizes[s],
                        .encoding = (enum test_encoding)encoding,
                        .snapshots = snapshots > 0,
                        .rescale = snapshots > 1 };
                    struct test_driver d;
                    test_open(&d, &run);
                    d.route = route;
                    d.route_count = 1;
                    test_send_all(&d, 0, rows, ROWS);
                    test_end(&d);
                    check(&d, extremes);
                    test_close(&d);
                }
            }
        }
    }
    weir_arena_done(&arena);
}

static void test_append(void **state)
{
    (void)state;
    run_all(false);
}

static void test_retract(void **state)
{
    (void)state;
    run_all(true);
}

static const struct test_row small[] = {
    { WEIR_ROW_INSERT, { 1, 10, 1 } },
    { WEIR_ROW_INSERT, { 1, 10, 0 } },
    { WEIR_ROW_DELETE, { 2, 5, 1 } },
    { WEIR_ROW_DELETE, { 1, 10, 1 } },
    { WEIR_ROW_DELETE, { 1, 10, 0 } },
    { WEIR_ROW_INSERT, { 1, 7, 0 } },
};

static void expect_log(bool mini_batch, bool bounded, const char *expected)
{
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_arena arena;
    weir_arena_init(&arena, &memory.base);
    struct test_run run = { .operator_name = "group_aggregate",
        .input_types = { "slb" },
        .output_types = "sllllll",
        .spec = make_spec(&arena, true, mini_batch, false),
        .batch_rows = 1024,
        .keep_log = true,
        .bounded = bounded };
    struct test_driver d;
    test_open(&d, &run);
    test_send_all(&d, 0, small, WEIR_ARRAY_COUNT(small));
    test_end(&d);
    assert_string_equal(d.log, expected);
    test_close(&d);
    weir_arena_done(&arena);
}

static void test_row_exact_log(void **state)
{
    (void)state;
    expect_log(false, false,
        "+I 1|1|1|10|10|1|1\n"
        "-U 1|1|1|10|10|1|1\n+U 1|2|2|20|10|1|1\n"
        "-U 1|2|2|20|10|1|1\n+U 1|1|1|10|10|0|1\n"
        "-D 1|1|1|10|10|0|1\n"
        "+I 1|1|1|7|7|0|1\n");
}

static void test_compact_log(void **state)
{
    (void)state;
    expect_log(true, false, "+I 1|1|1|7|7|0|1\n");
}

static void test_bounded_log(void **state)
{
    (void)state;
    expect_log(false, true, "+I 1|1|1|7|7|0|1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_exact_log),
        cmocka_unit_test(test_compact_log),
        cmocka_unit_test(test_bounded_log),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_retract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
