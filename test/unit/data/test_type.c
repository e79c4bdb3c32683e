#include "data/type.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static const struct weir_type *deep_type(struct weir_arena *a)
{
    const struct weir_type *children[] = {
        weir_type_decimal(a, 38, 10, false),
        weir_type_array(a, weir_type_nullable(a, weir_type_of(WEIR_TYPE_INT), false), true),
        weir_type_map(a, &weir_type_string_not_null,
            weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP_LTZ, 9, true), true),
        weir_type_multiset(a, weir_type_with_length(a, WEIR_TYPE_CHAR, 3, true), false),
        weir_type_interval(a, WEIR_INTERVAL_UNIT_YEAR_TO_MONTH, true),
        weir_type_interval(a, WEIR_INTERVAL_UNIT_DAY_TO_SECOND, false),
        weir_type_of(WEIR_TYPE_NULL),
    };
    static const char *const names[] = { "a", "b`c", "", "d", "e", "f", "g" };
    return weir_type_row(a, children, names, 7, false);
}

static void test_texts(void **context)
{
    struct fixture *f = *context;
    struct weir_arena *a = &f->arena;
    assert_string_equal(weir_type_text(a, weir_type_decimal(a, 10, 2, false)), "DECIMAL(10, 2) NOT NULL");
    assert_string_equal(weir_type_text(a, &weir_type_string), "STRING");
    assert_string_equal(weir_type_text(a, &weir_type_bytes), "BYTES");
    assert_string_equal(
        weir_type_text(a, weir_type_with_length(a, WEIR_TYPE_VARCHAR, 20, true)), "VARCHAR(20)");
    assert_string_equal(weir_type_text(a, weir_type_with_precision(a, WEIR_TYPE_TIME, 0, true)), "TIME(0)");
    assert_string_equal(weir_type_text(a, weir_type_interval(a, WEIR_INTERVAL_UNIT_SECOND, false)),
        "INTERVAL SECOND(3) NOT NULL");
    assert_string_equal(
        weir_type_text(a, weir_type_interval(a, WEIR_INTERVAL_UNIT_MONTH, true)), "INTERVAL MONTH");
    assert_string_equal(weir_type_text(a, deep_type(a)),
        "ROW<`a` DECIMAL(38, 10) NOT NULL, `b``c` ARRAY<INT NOT NULL>, `` MAP<STRING NOT NULL, "
        "TIMESTAMP_LTZ(9)>, "
        "`d` MULTISET<CHAR(3)> NOT NULL, `e` INTERVAL YEAR(2) TO MONTH, `f` INTERVAL DAY(2) TO SECOND(3) NOT "
        "NULL, "
        "`g` NULL> NOT NULL");
    const struct weir_type *rowtime = weir_type_with_time_attribute(
        a, weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP, 3, false), WEIR_TIME_ATTRIBUTE_ROWTIME);
    struct weir_buffer text;
    weir_buffer_init(&text, &f->memory.base, 1000);
    weir_type_print(rowtime, true, &text);
    weir_buffer_append_byte(&text, '|');
    weir_type_print(rowtime, false, &text);
    weir_buffer_append_byte(&text, '|');
    weir_type_print_full(&weir_type_string, &text);
    assert_string_equal(
        weir_buffer_text(&text), "TIMESTAMP(3) NOT NULL *ROWTIME*|TIMESTAMP(3) NOT NULL|VARCHAR(2147483647)");
    weir_buffer_done(&text);
}

static void test_equality(void **context)
{
    struct weir_arena *a = &((struct fixture *)*context)->arena;
    const struct weir_type *deep = deep_type(a), *copy = weir_type_copy(a, deep);
    assert_ptr_not_equal(deep, copy);
    assert_true(weir_type_equal(deep, copy));
    const struct weir_type *nullable = weir_type_nullable(a, deep, true);
    assert_false(weir_type_equal(deep, nullable));
    assert_true(weir_type_same(deep, nullable));
    assert_ptr_equal(weir_type_nullable(a, deep, false), deep);
    assert_false(weir_type_same(weir_type_decimal(a, 10, 2, true), weir_type_decimal(a, 10, 3, true)));
    assert_false(weir_type_same(weir_type_decimal(a, 10, 2, true), weir_type_decimal(a, 11, 2, true)));
    assert_true(weir_type_equal(weir_type_interval(a, WEIR_INTERVAL_UNIT_DAY, true),
        weir_type_interval(a, WEIR_INTERVAL_UNIT_SECOND, true)));
    const struct weir_type *one = weir_type_of(WEIR_TYPE_INT);
    static const char *const x[] = { "x" }, *const y[] = { "y" };
    assert_false(weir_type_same(weir_type_row(a, &one, x, 1, true), weir_type_row(a, &one, y, 1, true)));
    assert_string_equal(weir_type_row(a, &one, NULL, 1, true)->field_names[0], "EXPR$0");
    assert_null(weir_type_of(WEIR_TYPE_DECIMAL));
    assert_ptr_equal(weir_type_of(WEIR_TYPE_VARCHAR), &weir_type_string);
}

static void test_bytes(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *deep =
        weir_type_with_time_attribute(&f->arena, deep_type(&f->arena), WEIR_TIME_ATTRIBUTE_PROCTIME);
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, &f->memory.base, 10000);
    weir_type_write(deep, &bytes);
    struct weir_reader whole = { .data = (const uint8_t *)bytes.data, .length = bytes.length };
    const struct weir_type *read = weir_type_read(&f->arena, &whole);
    assert_non_null(read);
    assert_true(weir_type_equal(deep, read));
    assert_int_equal(read->time_attribute, WEIR_TIME_ATTRIBUTE_PROCTIME);
    assert_int_equal(read->children[4]->interval_unit, WEIR_INTERVAL_UNIT_YEAR_TO_MONTH);
    assert_int_equal(whole.offset, bytes.length);
    for (size_t length = 0; length < bytes.length; length++) {
        struct weir_reader cut = { .data = (const uint8_t *)bytes.data, .length = length };
        assert_null(weir_type_read(&f->arena, &cut));
    }
    /* Anything may come back from a damaged form, but never more than the bytes tell. */
    uint8_t *damaged = (uint8_t *)weir_arena_copy(&f->arena, bytes.data, bytes.length);
    for (size_t i = 0; i < bytes.length; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            damaged[i] ^= (uint8_t)(1 << bit);
            struct weir_reader from = { .data = damaged, .length = bytes.length };
            weir_type_read(&f->arena, &from);
            damaged[i] ^= (uint8_t)(1 << bit);
        }
    }
    uint8_t nested[3 * 100];
    for (size_t i = 0; i < sizeof nested; i += 3) {
        nested[i] = WEIR_TYPE_ARRAY;
        nested[i + 1] = nested[i + 2] = 0;
    }
    struct weir_reader too_deep = { .data = nested, .length = sizeof nested };
    assert_null(weir_type_read(&f->arena, &too_deep));
    weir_buffer_done(&bytes);
}

static void test_widths(void **context)
{
    struct weir_arena *a = &((struct fixture *)*context)->arena;
    assert_int_equal(weir_type_width(weir_type_decimal(a, 18, 0, true)), 8);
    assert_int_equal(weir_type_width(weir_type_decimal(a, 19, 0, true)), 16);
    assert_int_equal(weir_type_width(weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP, 6, true)), 8);
    assert_int_equal(weir_type_width(weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP_LTZ, 7, true)), 16);
    assert_int_equal(weir_type_width(&weir_type_string), 16);
    assert_int_equal(weir_type_width(deep_type(a)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equality, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_widths, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
