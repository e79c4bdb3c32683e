#include "data/value.h"
#include "data/time.h"
#include "data/zone.h"
#include "random_data.h"
#include "support/cmocka_all.h"
#include "support/memory.h"

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_heap_writer heap;
    struct weir_buffer text;
    struct random random;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    weir_heap_writer_init(&fixture.heap, &fixture.memory.base);
    weir_buffer_init(&fixture.text, &fixture.memory.base, 1 << 20);
    fixture.random.state = 5;
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_buffer_done(&f->text);
    weir_heap_writer_done(&f->heap);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static void expect(struct fixture *f, const struct weir_vector *v, const char *print, const char *cast)
{
    weir_buffer_clear(&f->text);
    weir_value_print(v, 0, WEIR_TEXT_PRINT, NULL, &f->text);
    assert_string_equal(weir_buffer_text(&f->text), print);
    weir_buffer_clear(&f->text);
    weir_value_print(v, 0, WEIR_TEXT_CAST, NULL, &f->text);
    assert_string_equal(weir_buffer_text(&f->text), cast);
}

/* A constant of the type whose bytes are those of value. */
static struct weir_vector *make(struct fixture *f, const struct weir_type *type, const void *value)
{
    struct weir_vector *v = WEIR_ARENA_NEW(&f->arena, struct weir_vector);
    weir_vector_init(v, type, 1, &f->arena);
    memcpy(v->data, value, weir_type_width(type));
    v->encoding = WEIR_ENCODING_CONSTANT;
    return v;
}

static void test_scalars(void **context)
{
    struct fixture *f = *context;
    struct weir_arena *a = &f->arena;
    expect(f, weir_value_boolean(a, true), "true", "TRUE");
    expect(f, weir_value_boolean(a, false), "false", "FALSE");
    expect(f, weir_value_int(a, -5), "-5", "-5");
    expect(f, weir_value_bigint(a, INT64_MIN), "-9223372036854775808", "-9223372036854775808");
    expect(f, weir_value_double(a, 1e10), "1.0E10", "1.0E10");
    expect(f, weir_value_string(a, "a b", 3), "a b", "a b");
    expect(f, weir_value_null(a, &weir_type_string), "null", "NULL");
    expect(f, weir_value_null(a, weir_type_of(WEIR_TYPE_NULL)), "null", "NULL");
    int64_t small = -1205;
    expect(f, make(f, weir_type_decimal(a, 10, 3, true), &small), "-1.205", "-1.205");
    weir_int128 wide = (weir_int128)1000000000000 * 1000000000000;
    expect(f, make(f, weir_type_decimal(a, 38, 4, true), &wide), "100000000000000000000.0000",
        "100000000000000000000.0000");
    struct weir_string bytes = weir_string_view("\x01\xfe", 2);
    expect(f, make(f, weir_type_with_length(a, WEIR_TYPE_BINARY, 2, true), &bytes), "[1, -2]", "\x01\xfe");
    assert_int_equal(weir_value_string(a, "\xc3\xa4", 2)->type->length, 1);
    assert_false(weir_value_string(a, "", 0)->type->nullable);
}

static void test_times(void **context)
{
    struct fixture *f = *context;
    struct weir_arena *a = &f->arena;
    int32_t days = 18545, ms = 37230120, months = 14;
    int64_t us = 1602288000000000, fraction = 1602288001120000, interval = 1000;
    weir_int128 ns = (weir_int128)us * 1000 + 7;
    expect(f, make(f, weir_type_of(WEIR_TYPE_DATE), &days), "2020-10-10", "2020-10-10");
    expect(f, make(f, weir_type_with_precision(a, WEIR_TYPE_TIME, 0, true), &ms), "10:20:30.120", "10:20:30");
    const struct weir_type *ts3 = weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP, 3, true);
    const struct weir_type *ltz3 = weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP_LTZ, 3, true);
    expect(f, make(f, ts3, &us), "2020-10-10T00:00", "2020-10-10 00:00:00.000");
    expect(f, make(f, ts3, &fraction), "2020-10-10T00:00:01.120", "2020-10-10 00:00:01.120");
    expect(f, make(f, ltz3, &us), "2020-10-10T00:00:00Z", "2020-10-10 00:00:00.000");
    expect(f, make(f, weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP, 9, true), &ns),
        "2020-10-10T00:00:00.000000007", "2020-10-10 00:00:00.000000007");
    expect(f, make(f, weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP, 0, true), &us), "2020-10-10T00:00",
        "2020-10-10 00:00:00");
    expect(f, make(f, weir_type_interval(a, WEIR_INTERVAL_UNIT_MONTH, true), &months), "P14M", "+1-02");
    expect(
        f, make(f, weir_type_interval(a, WEIR_INTERVAL_UNIT_YEAR_TO_MONTH, true), &months), "P1Y2M", "+1-02");
    expect(f, make(f, weir_type_interval(a, WEIR_INTERVAL_UNIT_SECOND, true), &interval), "PT1S",
        "+0 00:00:01.000");
    struct weir_zone *zone = weir_zone_fixed(a, "+08:00", 28800);
    int64_t before = -1;
    weir_buffer_clear(&f->text);
    weir_value_print(make(f, ltz3, &us), 0, WEIR_TEXT_CAST, zone, &f->text);
    weir_buffer_append_byte(&f->text, '|');
    weir_value_print(make(f, ltz3, &us), 0, WEIR_TEXT_PRINT, zone, &f->text);
    weir_buffer_append_byte(&f->text, '|');
    weir_value_print(make(f, ts3, &us), 0, WEIR_TEXT_CAST, zone, &f->text);
    weir_buffer_append_byte(&f->text, '|');
    weir_value_print(make(f, weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP_LTZ, 6, true), &before), 0,
        WEIR_TEXT_CAST, zone, &f->text);
    assert_string_equal(weir_buffer_text(&f->text),
        "2020-10-10 08:00:00.000|2020-10-10T00:00:00Z|2020-10-10 00:00:00.000|"
        "1970-01-01 07:59:59.999999");
}

static void test_nested(void **context)
{
    struct fixture *f = *context;
    struct weir_arena *a = &f->arena;
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_BOOLEAN), &weir_type_string,
        weir_type_map(a, &weir_type_string, weir_type_of(WEIR_TYPE_INT), true),
        weir_type_array(a, weir_type_of(WEIR_TYPE_INT), true),
        weir_type_multiset(a, &weir_type_string, true) };
    struct weir_vector row;
    weir_vector_init(&row, weir_type_row(a, types, NULL, 5, true), 1, a);
    *(uint8_t *)row.children[0].data = 1;
    weir_vector_set_null(&row.children[1], 0, a);
    struct weir_vector *map = &row.children[2], *array = &row.children[3], *multiset = &row.children[4];
    weir_vector_reserve_children(map, 2, a);
    ((struct weir_string *)map->children[0].data)[0] = weir_string_view("k", 1);
    ((struct weir_string *)map->children[0].data)[1] = weir_string_view("l", 1);
    ((int32_t *)map->children[1].data)[0] = 7;
    weir_vector_set_null(&map->children[1], 1, a);
    map->child_rows = 2;
    *(struct weir_list *)map->data = (struct weir_list){ 0, 2 };
    weir_vector_reserve_children(array, 3, a);
    memcpy(array->children[0].data, (int32_t[]){ 9, 1, 2 }, 12);
    array->child_rows = 3;
    *(struct weir_list *)array->data = (struct weir_list){ 1, 2 };
    weir_vector_reserve_children(multiset, 1, a);
    ((struct weir_string *)multiset->children[0].data)[0] = weir_string_view("m", 1);
    *(int32_t *)multiset->children[1].data = 2;
    multiset->child_rows = 1;
    *(struct weir_list *)multiset->data = (struct weir_list){ 0, 1 };
    expect(f, &row, "+I[true, null, {k=7, l=null}, [1, 2], {m=2}]",
        "(TRUE, NULL, {k=7, l=NULL}, [1, 2], {m=2})");
    struct weir_vector *copy = weir_value_copy(&row, 0, a);
    expect(f, copy, "+I[true, null, {k=7, l=null}, [1, 2], {m=2}]",
        "(TRUE, NULL, {k=7, l=NULL}, [1, 2], {m=2})");
}

static void test_bytes_round_trip(void **context)
{
    struct fixture *f = *context;
    struct weir_error error;
    for (uint32_t round = 0; round < 1500; round++) {
        const struct weir_type *type = random_type(&f->random, &f->arena, 3);
        uint32_t rows = 1 + random_below(&f->random, 10), row = random_below(&f->random, rows);
        struct weir_vector v = random_vector(&f->random, type, rows, &f->arena, &f->heap), to;
        struct weir_vector *copy = weir_value_copy(&v, row, &f->arena);
        assert_true(weir_vector_equal_at(&v, row, copy, 12345));
        weir_buffer_clear(&f->text);
        weir_value_write(&v, row, &f->text);
        weir_value_write(copy, 0, &f->text);
        struct weir_reader from = { .data = (const uint8_t *)f->text.data, .length = f->text.length };
        weir_vector_init(&to, type, 3, &f->arena);
        for (uint32_t i = 1; i < 3; i++) {
            if (weir_value_read(&to, i, &from, &f->arena, i == 1 ? NULL : &f->heap, &error))
                fail_msg("%s", error.message);
            assert_true(weir_vector_equal_at(&to, i, copy, 0));
        }
        assert_int_equal(from.offset, f->text.length);
        size_t length = f->text.length / 2;
        for (size_t cut = 0; cut < length; cut++) {
            struct weir_reader part = { .data = from.data, .length = cut };
            assert_int_equal(weir_value_read(&to, 0, &part, &f->arena, NULL, &error), WEIR_E_FORMAT);
            assert_true(part.failed);
        }
        for (uint32_t i = 0; i < 20; i++) {
            f->text.data[random_below(&f->random, (uint32_t)length)] ^=
                (char)(1 << random_below(&f->random, 8));
            struct weir_reader damaged = { .data = from.data, .length = length };
            if (weir_value_read(&to, 0, &damaged, &f->arena, NULL, NULL) == WEIR_OK)
                weir_vector_compare_at(&to, 0, copy, 0, true);
        }
        weir_arena_reset(&f->arena);
        weir_heap_writer_reset(&f->heap);
    }
}

/* A copy needs nothing of where it came from. */
static void test_copy_owns_its_strings(void **context)
{
    struct fixture *f = *context;
    struct weir_vector v;
    char text[] = "more than twelve bytes";
    weir_vector_init(&v, weir_type_array(&f->arena, &weir_type_string, true), 1, &f->arena);
    weir_vector_reserve_children(&v, 1, &f->arena);
    *(struct weir_string *)v.children[0].data = weir_string_view(text, sizeof text - 1);
    v.child_rows = 1;
    *(struct weir_list *)v.data = (struct weir_list){ 0, 1 };
    struct weir_vector *copy = weir_value_copy(&v, 0, &f->arena);
    memset(text, 'x', sizeof text - 1);
    expect(f, copy, "[more than twelve bytes]", "[more than twelve bytes]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scalars, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy_owns_its_strings, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
