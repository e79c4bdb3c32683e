/* Aggregates that keep values of any type or many values: alone, under retraction, merged from slices and
 * sessions. */
#include "harness.h"

static struct weir_arena arena;
static struct weir_test_memory memory;

enum { I = WEIR_ROW_INSERT, D = WEIR_ROW_DELETE };

static struct weir_spec *calls_spec(void)
{
    struct weir_spec *calls = weir_spec_list(&arena);
    test_add_call(&arena, calls, "LISTAGG", 1, &weir_type_string, -1, false);
    test_add_call(&arena, calls, "FIRST_VALUE", 1, &weir_type_string, -1, false);
    test_add_call(&arena, calls, "LAST_VALUE", 1, &weir_type_string, -1, false);
    test_add_call(&arena, calls, "MIN", 1, &weir_type_string, -1, false);
    test_add_call(&arena, calls, "MAX", 1, &weir_type_string, -1, false);
    test_add_call(&arena, calls, "LISTAGG", 1, &weir_type_string, -1, true);
    test_add_call(&arena, calls, "STDDEV_POP", 3, weir_type_of(WEIR_TYPE_DOUBLE), -1, false);
    return calls;
}

static void run(const char *name, const char *output, struct weir_spec *spec, const struct test_row *rows,
    uint32_t n, const int64_t *watermarks, const char *last)
{
    for (uint32_t batch_rows = 1; batch_rows <= 8; batch_rows += 7) {
        for (int restarts = 0; restarts < 3; restarts++) {
            static const uint32_t route[] = { 0 };
            struct test_run test_run = { .operator_name = name,
                .input_types = { "lstd" },
                .output_types = output,
                .spec = spec,
                .batch_rows = batch_rows,
                .snapshots = restarts > 0,
                .rescale = restarts > 1 };
            struct test_driver d;
            test_open(&d, &test_run);
            d.route = route;
            d.route_count = 1;
            test_send_all(&d, 0, rows, n);
            for (uint32_t w = 0; watermarks && watermarks[w]; w++) test_watermark(&d, watermarks[w]);
            test_end(&d);
            char *copy = strdup(last);
            uint32_t expected = 0;
            for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"), expected++) {
                if (test_count(&d, line) == 1) continue;
                for (uint32_t i = 0; i < d.fold.size; i++) {
                    if (d.fold.counts[i]) printf("got: %s\n", d.fold.texts[i]);
                }
                fail_msg("batches of %u, restarts %d: expected once: %s", batch_rows, restarts, line);
            }
            assert_int_equal(test_live(&d), expected);
            free(copy);
            test_close(&d);
        }
    }
}

static const struct test_row rows[] = { { I, { 1, 4, 1, 2 } }, { I, { 1, 5, 12, 4 } }, { I, { 1, 4, 14, 4 } },
    { I, { 1, OPS_NULL, 15, 4 } }, { I, { 1, 1, 16, 5 } }, { I, { 1, 7, 17, 5 } }, { I, { 1, 2, 18, 7 } },
    { I, { 1, 3, 19, 9 } } };
#define THREE "3-and-a-long-tail-behind"

static void test_group(void **state)
{
    (void)state;
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "keys", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "aggregates", calls_spec());
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, true));
    run("group_aggregate", "lssssssd", spec, rows, 8, NULL,
        "1|4,5,4,1,7,2," THREE "|4|" THREE "|1|7|4,5,1,7,2," THREE "|2\n");
}

static void test_retract(void **state)
{
    (void)state;
    static struct test_row all[14];
    memcpy(all, rows, sizeof rows);
    memcpy(all + 8, rows, 6 * sizeof *rows); /* the first six go again */
    for (uint32_t i = 8; i < 14; i++) all[i].kind = D;
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "keys", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "aggregates", calls_spec());
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, true));
    weir_spec_put(&arena, spec, "retract", weir_spec_boolean(&arena, true));
    run("group_aggregate", "lssssssd", spec, all, 14, NULL,
        "1|2," THREE "|2|" THREE "|2|" THREE "|2," THREE "|1\n");
}

static struct weir_spec *window_spec(const char *kind, int64_t size, int64_t slide, int64_t gap)
{
    struct weir_spec *spec = weir_spec_map(&arena), *map = weir_spec_map(&arena),
                     *properties = weir_spec_list(&arena);
    weir_spec_put(&arena, map, "kind", weir_spec_text(&arena, kind));
    weir_spec_put(&arena, map, "size_ms", weir_spec_integer(&arena, size));
    weir_spec_put(&arena, map, "slide_ms", weir_spec_integer(&arena, slide));
    weir_spec_put(&arena, map, "gap_ms", weir_spec_integer(&arena, gap));
    weir_spec_put(&arena, map, "time", weir_spec_integer(&arena, 2));
    weir_spec_put(&arena, spec, "window", map);
    weir_spec_put(&arena, spec, "keys", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "aggregates", calls_spec());
    weir_spec_add(&arena, properties, weir_spec_text(&arena, "end"));
    weir_spec_put(&arena, spec, "properties", properties);
    return spec;
}

static void test_merged(void **state)
{
    (void)state;
    static const int64_t watermarks[] = { 9, 10, 25, 0 };
    run("window_aggregate", "lssssssdt", window_spec("hop", 20, 10, 0), rows, 4, watermarks,
        "1|4|4|4|4|4|4|0|10\n1|4,5,4|4|4|4|5|4,5|0.866025|20\n1|5,4|5|4|4|5|5,4|0|30\n");
    static const struct test_row apart[] = { { I, { 1, 4, 100, 2 } }, { I, { 1, 3, 120, 4 } },
        { I, { 1, 4, 110, 6 } } };
    run("window_aggregate", "lssssssdt", window_spec("session", 0, 0, 10), apart, 3, NULL,
        "1|4," THREE ",4|4|4|" THREE "|4|4," THREE "|1.63299|130\n");
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
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_retract),
        cmocka_unit_test(test_merged),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
