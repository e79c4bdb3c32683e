/* Mini-batch of rows: what joins, deduplication and ChangelogNormalize hold back, what is left of it, and
 * when it goes out. */
#include "harness.h"

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_spec *spec;
    struct test_driver driver;
    int64_t timer_ms;
};

static void set_up(struct fixture *f, int64_t size, int64_t latency_ms)
{
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    f->spec = weir_spec_map(&f->arena);
    weir_spec_put(&f->arena, f->spec, "mini_batch", weir_spec_boolean(&f->arena, true));
    weir_spec_put(&f->arena, f->spec, "mini_batch_rows", weir_spec_integer(&f->arena, size));
    weir_spec_put(&f->arena, f->spec, "mini_batch_ms", weir_spec_integer(&f->arena, latency_ms));
}

static void put_flag(struct fixture *f, const char *name, bool value)
{
    weir_spec_put(&f->arena, f->spec, name, weir_spec_boolean(&f->arena, value));
}

static void put_columns(struct fixture *f, const char *name, uint32_t column)
{
    weir_spec_put(&f->arena, f->spec, name, test_columns(&f->arena, 1, &column));
}

static void open_driver(struct fixture *f, struct test_run run)
{
    run.spec = f->spec;
    run.batch_rows = 16;
    run.keep_log = true;
    test_open(&f->driver, &run);
    f->driver.clock_us = 1200 * 1000;
    f->timer_ms = INT64_MAX;
    f->driver.subtasks[0].ctx.timer_owner = &f->timer_ms;
}

static void tear_down(struct fixture *f)
{
    test_close(&f->driver);
    weir_arena_done(&f->arena);
}

/* A join of (key, id, value) by key; unique: by id. */
static void open_join_with_ttl(
    struct fixture *f, const char *type, bool unique, bool upserts, int64_t size, int64_t ttl_ms)
{
    struct weir_spec *flags = (set_up(f, size, 500), weir_spec_list(&f->arena));
    weir_spec_add(&f->arena, flags, weir_spec_boolean(&f->arena, false));
    weir_spec_put(&f->arena, f->spec, "null_safe", flags);
    weir_spec_put(&f->arena, f->spec, "type", weir_spec_text(&f->arena, type));
    put_columns(f, "left_keys", 0);
    put_columns(f, "right_keys", 0);
    if (unique) {
        put_columns(f, "left_unique", upserts ? 0 : 1);
        put_columns(f, "right_unique", upserts ? 0 : 1);
    }
    if (ttl_ms) {
        weir_spec_put(&f->arena, f->spec, "left_ttl_ms", weir_spec_integer(&f->arena, ttl_ms));
        weir_spec_put(&f->arena, f->spec, "right_ttl_ms", weir_spec_integer(&f->arena, ttl_ms));
    }
    put_flag(f, "left_upsert", upserts);
    put_flag(f, "right_upsert", upserts);
    bool half = strcmp(type, "semi") == 0 || strcmp(type, "anti") == 0;
    open_driver(f, (struct test_run){ .operator_name = "join",
                       .input_types = { "lll", "lll" },
                       .output_types = half ? "lll" : "llllll" });
}

static void open_join(struct fixture *f, const char *type, bool unique, bool upserts, int64_t size)
{
    open_join_with_ttl(f, type, unique, upserts, size, 0);
}

/* Deduplication or ChangelogNormalize of (key, time, value). */
static void open_keyed(
    struct fixture *f, const char *operator_name, const char *keep, int64_t rowtime, bool compact)
{
    set_up(f, 100, 500);
    put_columns(f, "keys", 0);
    weir_spec_put(&f->arena, f->spec, "keep", weir_spec_text(&f->arena, keep));
    weir_spec_put(&f->arena, f->spec, "rowtime", weir_spec_integer(&f->arena, rowtime));
    put_flag(f, "emit_ub", true);
    put_flag(f, "mini_batch_compact", compact);
    open_driver(f,
        (struct test_run){ .operator_name = operator_name, .input_types = { "ltl" }, .output_types = "ltl" });
}

/* Rows as text: "+U 1 2 3, -D 4 5 6". */
static void send(struct fixture *f, uint32_t input, const char *text)
{
    struct test_row rows[32];
    uint32_t count = 0;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 2 : NULL) {
        static const char *const kinds[] = { "+I", "-U", "+U", "-D" };
        struct test_row *row = &rows[count++];
        long long values[3];
        *row = (struct test_row){ 0 };
        for (uint8_t k = 0; k < 4; k++)
            if (strncmp(at, kinds[k], 2) == 0) row->kind = k;
        assert_int_equal(sscanf(at + 2, "%lld %lld %lld", &values[0], &values[1], &values[2]), 3);
        for (int c = 0; c < 3; c++) row->values[c] = values[c];
    }
    test_send(&f->driver, input, rows, count);
}

static void flush(struct fixture *f)
{
    struct test_subtask *s = &f->driver.subtasks[0];
    TEST_CALL(&f->driver, s, s->op->ops->flush(s->op, &s->out));
}

/* All that came out since it was asked last. */
static void expect(struct fixture *f, const char *log)
{
    struct test_driver *d = &f->driver;
    if (d->log_length) d->log[d->log_length] = '\0';
    assert_string_equal(d->log_length ? d->log : "", log);
    d->log_length = 0;
}

/* --- folding --- */

static void changes_of_one_row_come_to_one_change(void **state)
{
    (void)state;
    struct fixture f;
    open_join(&f, "inner", true, false, 1000);
    send(&f, 1, "+I 1 100 7, +I 2 200 8");
    send(&f, 0, "+I 1 10 0, +I 1 11 0, +I 2 12 0, -D 2 12 0, +I 2 13 0, -U 2 13 0, +U 2 13 5");
    expect(&f, "");
    flush(&f);
    expect(&f, "+I 1|10|0|1|100|7\n+I 1|11|0|1|100|7\n+I 2|13|5|2|200|8\n");
    /* Replaced twice; gone; changed and gone; as it was before; gone and back as another; and all among
     * others. */
    send(&f, 0, "-U 1 10 0, +U 1 10 1, -U 2 13 5, +U 2 13 6, -D 1 11 0, +I 1 14 0, -U 1 10 1, +U 1 10 2");
    send(&f, 0, "-D 2 13 6, +I 2 15 0, -U 2 15 0, +U 2 15 9, -D 2 15 9");
    flush(&f);
    expect(&f,
        "-D 2|13|5|2|200|8\n-D 1|11|0|1|100|7\n+I 1|14|0|1|100|7\n-U 1|10|0|1|100|7\n+U 1|10|2|1|100|7\n");
    send(&f, 0, "-U 1 10 2, +U 1 10 3, -U 1 10 3, +U 1 10 2, -D 1 14 0, +I 1 14 4");
    flush(&f);
    expect(&f, "-D 1|14|0|1|100|7\n+I 1|14|4|1|100|7\n");
    assert_int_equal(test_live(&f.driver), 2);
    tear_down(&f);
}

/* A change that changes nothing is a sign of life all the same: without it the row would be forgotten early.
 */
static void with_a_time_to_live_a_row_that_comes_again_goes_out(void **state)
{
    (void)state;
    struct fixture f;
    for (int64_t ttl_ms = 0; ttl_ms <= 3600000; ttl_ms += 3600000) {
        open_join_with_ttl(&f, "inner", true, false, 1000, ttl_ms);
        send(&f, 1, "+I 1 100 7");
        send(&f, 0, "+I 1 10 2");
        flush(&f);
        expect(&f, "+I 1|10|2|1|100|7\n");
        send(&f, 0, "-U 1 10 2, +U 1 10 3, -U 1 10 3, +U 1 10 2");
        flush(&f);
        expect(&f, ttl_ms ? "-U 1|10|2|1|100|7\n+U 1|10|2|1|100|7\n" : "");
        tear_down(&f);
    }
}

static void equal_rows_cancel_each_other(void **state)
{
    (void)state;
    struct fixture f;
    open_join(&f, "inner", false, false, 1000);
    send(&f, 1, "+I 1 100 7, -D 1 100 7, +I 1 100 7, +I 1 100 7");
    send(&f, 0, "+I 1 10 0, +I 1 10 0, +I 1 10 0, -D 1 10 0");
    flush(&f);
    assert_int_equal(f.driver.rows_out, 4);
    assert_int_equal(test_count(&f.driver, "1|10|0|1|100|7"), 4);
    send(&f, 0, "-D 1 10 0, +I 1 10 0, -D 1 10 0, -D 1 10 0, +I 1 10 0, +I 1 10 0");
    flush(&f);
    assert_int_equal(f.driver.rows_out, 4);
    send(&f, 0, "-D 1 10 0, -D 1 10 0, +I 1 11 0");
    flush(&f);
    assert_int_equal(test_count(&f.driver, "1|10|0|1|100|7"), 0);
    assert_int_equal(test_count(&f.driver, "1|11|0|1|100|7"), 2);
    tear_down(&f);
}

static void what_an_upsert_replaced_is_still_deleted(void **state)
{
    (void)state;
    struct fixture f;
    open_join(&f, "inner", true, true, 1000);
    send(&f, 1, "+I 1 0 7, +I 2 0 8, +I 3 0 9");
    send(&f, 0, "+U 1 0 1, +U 1 0 2, +I 2 0 1, +U 2 0 2");
    flush(&f);
    expect(&f, "+U 1|0|2|1|0|7\n+I 2|0|2|2|0|8\n");
    send(&f, 0, "+U 1 0 3, -D 1 0 3, +U 3 0 1, -D 3 0 1, +U 3 0 2, -D 2 0 2, +U 2 0 3, -D 2 0 3");
    flush(&f);
    expect(&f, "+U 1|0|3|1|0|7\n-D 1|0|3|1|0|7\n+U 3|0|2|3|0|9\n-D 2|0|2|2|0|8\n");
    tear_down(&f);
}

static void the_side_that_comes_in_pairs_only_goes_first(void **state)
{
    (void)state;
    static const struct {
        const char *type, *log;
    } cases[] = { { "left", "+I 1|10|0|1|100|7\n+I 2|11|0|null|null|null\n" },
        { "right", "+I 1|10|0|1|100|7\n+I null|null|null|3|101|7\n" },
        { "full", "+I null|null|null|1|100|7\n+I null|null|null|3|101|7\n-D null|null|null|1|100|7\n"
                  "+I 1|10|0|1|100|7\n+I 2|11|0|null|null|null\n" } };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        struct fixture f;
        open_join(&f, cases[i].type, true, false, 1000);
        send(&f, 0, "+I 1 10 0");
        send(&f, 1, "+I 1 100 7, +I 3 101 7");
        send(&f, 0, "+I 2 11 0");
        expect(&f, "");
        flush(&f);
        expect(&f, cases[i].log);
        tear_down(&f);
    }
}

static void joins_that_have_nothing_to_fold_hold_nothing(void **state)
{
    (void)state;
    static const char *const types[] = { "semi", "anti", "inner" };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(types); i++) {
        struct fixture f;
        open_join(&f, types[i], true, false, 1000);
        if (i == 2) {
            test_close(&f.driver);
            put_flag(&f, "left_append", true);
            put_flag(&f, "right_append", true);
            open_driver(&f, f.driver.run);
        }
        send(&f, 1, "+I 1 100 7");
        send(&f, 0, "+I 1 10 0, +I 2 11 0");
        assert_int_equal(f.driver.rows_out, 1);
        tear_down(&f);
    }
}

static void deduplication_keeps_one_row_of_a_key(void **state)
{
    (void)state;
    struct fixture f;
    open_keyed(&f, "deduplicate", "first", -1, false);
    send(&f, 0, "+I 1 0 1, +I 1 0 2, +I 2 0 1");
    expect(&f, "");
    flush(&f);
    expect(&f, "+I 1|0|1\n+I 2|0|1\n");
    tear_down(&f);
    open_keyed(&f, "deduplicate", "last", -1, false);
    send(&f, 0, "+I 1 0 1, +I 1 0 2, +I 2 0 1");
    send(&f, 0, "+I 1 0 3");
    flush(&f);
    expect(&f, "+I 2|0|1\n+I 1|0|3\n");
    send(&f, 0, "+I 1 0 4, +I 1 0 3, +I 2 0 9, +I 2 0 2");
    flush(&f);
    expect(&f, "-U 2|0|1\n+U 2|0|2\n"); /* 1 is as it was */
    tear_down(&f);
}

static void by_row_time_all_changes_go_out_unless_they_are_compacted(void **state)
{
    (void)state;
    static const struct {
        const char *keep;
        bool compact;
        const char *log;
    } cases[] = { { "last", false, "+I 1|5|1\n-U 1|5|1\n+U 1|7|3\n-U 1|7|3\n+U 1|7|4\n" },
        { "last", true, "+I 1|7|4\n" }, { "first", false, "+I 1|5|1\n-U 1|5|1\n+U 1|4|2\n" },
        { "first", true, "+I 1|4|2\n" } };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(cases); i++) {
        struct fixture f;
        open_keyed(&f, "deduplicate", cases[i].keep, 1, cases[i].compact);
        send(&f, 0, "+I 1 5 1, +I 1 4 2, +I 1 7 3, +I 1 7 4, +I 1 4 5");
        expect(&f, "");
        flush(&f);
        expect(&f, cases[i].log);
        tear_down(&f);
    }
}

static void upserts_are_normalised_to_one_change_of_a_key(void **state)
{
    (void)state;
    struct fixture f;
    open_keyed(&f, "changelog_normalize", "", -1, false);
    send(&f, 0, "+U 1 0 1, +U 2 0 1, -D 2 0 1, +U 3 0 1, -D 3 0 1, +U 3 0 2, +U 1 0 2");
    expect(&f, "");
    flush(&f);
    expect(&f, "+I 3|0|2\n+I 1|0|2\n");
    send(&f, 0, "-D 1 0 2, +U 1 0 3, -D 3 0 2");
    flush(&f);
    expect(&f, "-U 1|0|2\n+U 1|0|3\n-D 3|0|2\n");
    tear_down(&f);
}

/* --- when it goes out --- */

static void the_size_counts_the_rows_of_both_sides(void **state)
{
    (void)state;
    struct fixture f;
    open_join(&f, "inner", true, false, 4);
    send(&f, 0, "+I 1 10 0, +I 1 11 0");
    send(&f, 1, "+I 1 100 7");
    expect(&f, "");
    send(&f, 0, "+I 1 12 0, +I 1 13 0");
    assert_int_equal(f.driver.rows_out, 3);
    f.driver.log_length = 0;
    send(&f, 0, "+I 1 14 0, +I 1 15 0, -U 1 10 0, +U 1 10 1"); /* the fifth row belongs to the fourth */
    assert_int_equal(f.driver.rows_out, 3 + 1 + 2 + 2);
    expect(&f,
        "+I 1|13|0|1|100|7\n+I 1|14|0|1|100|7\n+I 1|15|0|1|100|7\n-U 1|10|0|1|100|7\n+U 1|10|1|1|100|7\n");
    tear_down(&f);
}

static void the_latency_lets_it_go(void **state)
{
    (void)state;
    struct fixture f;
    open_join(&f, "inner", true, false, 1000);
    struct test_subtask *s = &f.driver.subtasks[0];
    send(&f, 0, "+I 1 10 0");
    assert_int_equal(f.timer_ms, 1500);
    f.driver.clock_us = 1400 * 1000;
    send(&f, 1, "+I 1 100 7");
    assert_int_equal(f.timer_ms, 1500);
    expect(&f, "");
    TEST_CALL(&f.driver, s, s->op->ops->timer(s->op, 1500, &s->out));
    expect(&f, "+I 1|10|0|1|100|7\n");
    assert_true(f.timer_ms == INT64_MAX);
    tear_down(&f);
}

static void watermarks_wait_for_the_rows_before_them(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct fixture f;
        if (kind == 0)
            open_join(&f, "left", true, false, 1000);
        else
            open_keyed(&f, kind == 1 ? "deduplicate" : "changelog_normalize", "last", -1, false);
        struct test_driver *d = &f.driver;
        struct test_subtask *s = &d->subtasks[0];
        int64_t forward_ms = 10;
        TEST_CALL(d, s, s->op->ops->watermark(s->op, 10, &s->out, &forward_ms));
        assert_int_equal(forward_ms, 10); /* nothing is held */
        send(&f, 0, "+I 1 2 3");
        forward_ms = 20;
        TEST_CALL(d, s, s->op->ops->watermark(s->op, 20, &s->out, &forward_ms));
        assert_true(forward_ms == INT64_MIN && d->rows_out == 0);
        flush(&f);
        assert_int_equal(d->rows_out, 1);
        assert_int_equal(s->ctx.emit_watermark_ms, 20);
        s->ctx.emit_watermark_ms = INT64_MIN;
        send(&f, 0, "+I 2 2 3");
        forward_ms = INT64_MAX;
        TEST_CALL(d, s, s->op->ops->watermark(s->op, INT64_MAX, &s->out, &forward_ms));
        assert_true(forward_ms == INT64_MAX && d->rows_out == 2);
        tear_down(&f);
    }
}

static void nothing_is_held_behind_a_barrier_or_the_end(void **state)
{
    (void)state;
    struct fixture f;
    open_join(&f, "left", true, false, 1000);
    send(&f, 0, "+I 1 10 0");
    test_restart(&f.driver);
    expect(&f, "+I 1|10|0|null|null|null\n");
    send(&f, 1, "+I 1 100 7");
    test_end_input(&f.driver, 1);
    expect(&f, ""); /* the other input goes on, and so does the bundle */
    test_end_input(&f.driver, 0);
    expect(&f, "-D 1|10|0|null|null|null\n+I 1|10|0|1|100|7\n");
    tear_down(&f);
}

/* More rows than one batch, and pairs whose halves lie far apart. */
static void large_bundles_keep_pairs_together(void **state)
{
    (void)state;
    enum { KEYS = 5000, ROUNDS = 4 };
    struct fixture f;
    open_join(&f, "inner", true, false, 1 << 20);
    static struct test_row rows[2 * KEYS];
    for (uint32_t i = 0; i < KEYS; i++)
        rows[i] = (struct test_row){ .kind = WEIR_ROW_INSERT, .values = { i % 10, i, 0 } };
    f.driver.run.batch_rows = 1000;
    send(&f, 1,
        "+I 0 1 0, +I 1 1 0, +I 2 1 0, +I 3 1 0, +I 4 1 0, +I 5 1 0, +I 6 1 0, +I 7 1 0, +I 8 1 0, +I 9 1 0");
    test_send_all(&f.driver, 0, rows, KEYS);
    flush(&f);
    assert_int_equal(f.driver.rows_out, KEYS);
    f.driver.log_length = 0;
    for (int64_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            int64_t id = (i * 7 + round * 311) % KEYS; /* in another order each time */
            rows[2 * i] =
                (struct test_row){ .kind = WEIR_ROW_UPDATE_BEFORE, .values = { id % 10, id, round - 1 } };
            rows[2 * i + 1] =
                (struct test_row){ .kind = WEIR_ROW_UPDATE_AFTER, .values = { id % 10, id, round } };
        }
        test_send_all(&f.driver, 0, rows, 2 * KEYS);
    }
    expect(&f, "");
    flush(&f);
    assert_int_equal(f.driver.rows_out, 3 * KEYS);
    const char *line = f.driver.log;
    for (uint32_t i = 0; i < KEYS; i++) {
        int key, id, value, before = -1;
        assert_int_equal(sscanf(line, "-U %d|%d|%d|", &key, &before, &value), 3);
        assert_int_equal(value, 0);
        line = (const char *)memchr(line, '\n', 64) + 1;
        assert_int_equal(sscanf(line, "+U %d|%d|%d|", &key, &id, &value), 3);
        assert_int_equal(id, before);
        assert_int_equal(value, ROUNDS);
        line = (const char *)memchr(line, '\n', 64) + 1;
    }
    assert_int_equal(test_live(&f.driver), KEYS);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_of_one_row_come_to_one_change),
        cmocka_unit_test(with_a_time_to_live_a_row_that_comes_again_goes_out),
        cmocka_unit_test(equal_rows_cancel_each_other),
        cmocka_unit_test(what_an_upsert_replaced_is_still_deleted),
        cmocka_unit_test(the_side_that_comes_in_pairs_only_goes_first),
        cmocka_unit_test(joins_that_have_nothing_to_fold_hold_nothing),
        cmocka_unit_test(deduplication_keeps_one_row_of_a_key),
        cmocka_unit_test(by_row_time_all_changes_go_out_unless_they_are_compacted),
        cmocka_unit_test(upserts_are_normalised_to_one_change_of_a_key),
        cmocka_unit_test(the_size_counts_the_rows_of_both_sides),
        cmocka_unit_test(the_latency_lets_it_go),
        cmocka_unit_test(watermarks_wait_for_the_rows_before_them),
        cmocka_unit_test(nothing_is_held_behind_a_barrier_or_the_end),
        cmocka_unit_test(large_bundles_keep_pairs_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
