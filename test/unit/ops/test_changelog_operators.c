/* Deduplicate, ChangelogNormalize, SinkUpsertMaterializer, ConstraintEnforcer, DropUpdateBefore: what they
 * emit, row by row, in one batch, in batches of one row, and with a restart (and another parallelism) between
 * any two batches. */
#include "harness.h"

static struct weir_arena arena;
static struct weir_test_memory memory;

enum { I = WEIR_ROW_INSERT, UB = WEIR_ROW_UPDATE_BEFORE, UA = WEIR_ROW_UPDATE_AFTER, D = WEIR_ROW_DELETE };

struct step { /* rows, then a watermark */
    const struct test_row *rows;
    uint32_t count;
    int64_t watermark;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_lines(char *text)
{
    char *lines[64], *copy = strdup(text), *end = text;
    uint32_t n = 0;
    for (char *line = strtok(copy, "\n"); line && n < 64; line = strtok(NULL, "\n")) lines[n++] = line;
    qsort(lines, n, sizeof *lines, compare_lines);
    for (uint32_t i = 0; i < n; i++) end += sprintf(end, "%s\n", lines[i]);
    free(copy);
}

static void run_once(const char *name, const char *input, const char *output, struct weir_spec *spec,
    const struct step *steps, uint32_t step_count, uint32_t batch_rows, int restarts, bool bounded,
    bool lenient, const char *expected)
{
    static const uint32_t route[] = { 0 };
    struct test_run run = { .operator_name = name,
        .input_types = { input },
        .output_types = output,
        .spec = spec,
        .batch_rows = batch_rows,
        .keep_log = true,
        .snapshots = restarts > 0,
        .rescale = restarts > 1,
        .bounded = bounded };
    struct test_driver d;
    test_open(&d, &run);
    d.route = route;
    d.route_count = 1;
    d.lenient = lenient;
    for (uint32_t s = 0; s < step_count; s++) {
        test_send_all(&d, 0, steps[s].rows, steps[s].count);
        if (steps[s].watermark) test_watermark(&d, steps[s].watermark);
    }
    test_end(&d);
    char *got = d.log ? d.log : (char[]){ "" }, *want = strdup(expected);
    if (restarts > 1 || bounded) { /* the order between keys is nobody's */
        sort_lines(got);
        sort_lines(want);
    }
    if (strcmp(got, want) != 0) {
        fail_msg(
            "%s, batches of %u, restarts %d:\n%s--- expected\n%s", name, batch_rows, restarts, got, want);
    }
    free(want);
    test_close(&d);
}

static void expect(const char *name, const char *input, const char *output, struct weir_spec *spec,
    const struct step *steps, uint32_t step_count, bool lenient, const char *expected)
{
    static const uint32_t sizes[] = { 1, 3, 1024 };
    for (int s = 0; s < 3; s++) {
        for (int restarts = 0; restarts < 3; restarts++)
            run_once(
                name, input, output, spec, steps, step_count, sizes[s], restarts, false, lenient, expected);
    }
}

static struct weir_spec *key_spec(void)
{
    struct weir_spec *spec = weir_spec_map(&arena);
    weir_spec_put(&arena, spec, "keys", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, true));
    return spec;
}

static const struct test_row history[] = { { I, { 1, 5, 100 } }, { I, { 2, 6, 200 } }, { I, { 1, 5, 100 } },
    { I, { 1, 7, 50 } }, { I, { 3, 1, 300 } }, { I, { 1, 8, 400 } } };

static void test_deduplicate(void **state)
{
    (void)state;
    const struct step steps[] = { { history, 4, 150 }, { history + 4, 2, 250 } };
    struct weir_spec *spec = key_spec();
    weir_spec_put(&arena, spec, "rowtime", weir_spec_integer(&arena, -1));
    weir_spec_put(&arena, spec, "keep", weir_spec_text(&arena, "first"));
    expect("deduplicate", "slt", "slt", spec, steps, 2, false,
        "+I 1|5|100\n+I 2|6|200\n+I 3-and-a-long-tail-behind|1|300\n");
    weir_spec_put(&arena, spec, "keep", weir_spec_text(&arena, "last"));
    expect("deduplicate", "slt", "slt", spec, steps, 2, false,
        "+I 1|5|100\n+I 2|6|200\n-U 1|5|100\n+U 1|7|50\n+I 3-and-a-long-tail-behind|1|300\n-U 1|7|50\n+U "
        "1|8|400\n");
    weir_spec_put(&arena, spec, "rowtime", weir_spec_integer(&arena, 2));
    expect("deduplicate", "slt", "slt", spec, steps, 2, false,
        "+I 1|5|100\n+I 2|6|200\n-U 1|5|100\n+U 1|5|100\n+I 3-and-a-long-tail-behind|1|300\n-U 1|5|100\n+U "
        "1|8|400\n");
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, false));
    expect("deduplicate", "slt", "slt", spec, steps, 1, true, "+I 1|5|100\n+I 2|6|200\n+U 1|5|100\n");
    weir_spec_put(&arena, spec, "keep", weir_spec_text(&arena, "first"));
    expect("deduplicate", "slt", "slt", spec, steps, 2, false,
        "+I 1|7|50\n+I 2|6|200\n+I 3-and-a-long-tail-behind|1|300\n");
}

static void test_normalize(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 5 } }, { UA, { 2, 6 } }, { UA, { 1, 5 } },
        { UA, { 1, 7 } }, { D, { 2, OPS_NULL } }, { D, { 9, OPS_NULL } }, { UA, { 2, 8 } } };
    const struct step steps[] = { { rows, 7, 0 } };
    struct weir_spec *spec = key_spec();
    expect("changelog_normalize", "ss", "ss", spec, steps, 1, false,
        "+I 1|5\n+I 2|6-and-a-long-tail-behind\n-U 1|5\n+U 1|7\n-D 2|6-and-a-long-tail-behind\n+I 2|8\n");
    weir_spec_put(&arena, spec, "emit_ub", weir_spec_boolean(&arena, false));
    expect("changelog_normalize", "ss", "ss", spec, steps, 1, true,
        "+I 1|5\n+I 2|6-and-a-long-tail-behind\n+U 1|7\n-D 2|6-and-a-long-tail-behind\n+I 2|8\n");
    run_once("changelog_normalize", "ss", "ss", spec, steps, 1, 1024, 0, true, false, "+I 1|7\n+I 2|8\n");
}

static void test_materializer(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 10, 5 } }, { I, { 1, 11, 6 } }, { UB, { 1, 11, 6 } },
        { UA, { 1, 11, 7 } }, { D, { 1, 10, 5 } }, { D, { 4, 4, 4 } }, { D, { 1, 11, 7 } } };
    const struct step steps[] = { { rows, 7, 0 } };
    struct weir_spec *spec = key_spec();
    const char *expected = "+I 1|10|5\n+U 1|11|6\n+U 1|10|5\n+U 1|11|7\n-D 1|11|7\n";
    expect("sink_upsert_materializer", "lll", "lll", spec, steps, 1, true, expected);
    weir_spec_put(&arena, spec, "upsert_key", test_columns(&arena, 1, (uint32_t[]){ 1 }));
    expect("sink_upsert_materializer", "lll", "lll", spec, steps, 1, true, expected);
    static const struct test_row updates[] = { { I, { 1, 10, 5 } }, { I, { 1, 11, 6 } }, { UA, { 1, 10, 9 } },
        { D, { 1, 11, 6 } } };
    const struct step update_steps[] = { { updates, 4, 0 } };
    expect("sink_upsert_materializer", "lll", "lll", spec, update_steps, 1, true,
        "+I 1|10|5\n+U 1|11|6\n+U 1|10|9\n+U 1|10|9\n");
}

static void test_enforcer(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 12345 } }, { I, { OPS_NULL, 2 } }, { I, { 3, 7 } } };
    const struct step steps[] = { { rows, 3, 0 } };
    struct weir_spec *spec = weir_spec_map(&arena), *names = weir_spec_list(&arena),
                     *pads = weir_spec_list(&arena);
    weir_spec_add(&arena, names, weir_spec_text(&arena, "id"));
    weir_spec_add(&arena, pads, weir_spec_boolean(&arena, true));
    weir_spec_put(&arena, spec, "not_null", test_columns(&arena, 1, (uint32_t[]){ 0 }));
    weir_spec_put(&arena, spec, "not_null_names", names);
    weir_spec_put(&arena, spec, "not_null_policy", weir_spec_text(&arena, "drop"));
    weir_spec_put(&arena, spec, "length_policy", weir_spec_text(&arena, "trim_pad"));
    weir_spec_put(&arena, spec, "char_columns", test_columns(&arena, 1, (uint32_t[]){ 1 }));
    weir_spec_put(&arena, spec, "char_lengths", test_columns(&arena, 1, (uint32_t[]){ 3 }));
    weir_spec_put(&arena, spec, "char_pads", pads);
    expect("constraint_enforcer", "ls", "ls", spec, steps, 1, false, "+I 1|123\n+I 3|7  \n");
    weir_spec_put(&arena, spec, "not_null_policy", weir_spec_text(&arena, "error"));
    struct test_run run = { .operator_name = "constraint_enforcer",
        .input_types = { "ls" },
        .output_types = "ls",
        .spec = spec,
        .batch_rows = 8 };
    struct test_driver d;
    test_open(&d, &run);
    struct weir_batch b;
    weir_batch_init(&b, d.types[0], 2, &d.memory.base);
    test_fill(&d, &b, 0, rows, 3);
    assert_int_equal(
        d.subtasks[0].op->ops->process(d.subtasks[0].op, 0, &b, &d.subtasks[0].out), WEIR_OPERATOR_FAILED);
    assert_non_null(strstr(d.error.message, "Column 'id' is NOT NULL"));
    weir_batch_done(&b);
    test_close(&d);
}

static void test_drop_update_before(void **state)
{
    (void)state;
    static const struct test_row rows[] = { { I, { 1, 1 } }, { UB, { 1, 1 } }, { UA, { 1, 2 } },
        { D, { 1, 2 } } };
    const struct step steps[] = { { rows, 4, 0 } };
    expect(
        "drop_update_before", "ll", "ll", weir_spec_map(&arena), steps, 1, true, "+I 1|1\n+U 1|2\n-D 1|2\n");
}

static void test_time_to_live(void **state)
{
    (void)state;
    struct weir_spec *spec = key_spec();
    weir_spec_put(&arena, spec, "ttl_ms", weir_spec_integer(&arena, 100));
    weir_spec_put(&arena, spec, "keep", weir_spec_text(&arena, "last"));
    struct test_run run = { .operator_name = "deduplicate",
        .input_types = { "ll" },
        .output_types = "ll",
        .spec = spec,
        .batch_rows = 8,
        .keep_log = true };
    struct test_driver d;
    test_open(&d, &run);
    d.lenient = true;
    static const struct test_row row[] = { { I, { 1, 1 } } };
    test_send(&d, 0, row, 1);
    d.now_ms += 99;
    test_send(&d, 0, row, 1); /* equal, but it keeps what comes behind alive */
    d.now_ms += 100;
    test_send(&d, 0, row, 1); /* expired: new */
    assert_string_equal(d.log, "+I 1|1\n-U 1|1\n+U 1|1\n+I 1|1\n");
    test_close(&d);
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
        cmocka_unit_test(test_deduplicate),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_materializer),
        cmocka_unit_test(test_enforcer),
        cmocka_unit_test(test_drop_update_before),
        cmocka_unit_test(test_time_to_live),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
