#include "data/spec.h"
#include "data/value.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <string.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_buffer bytes;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    weir_buffer_init(&fixture.bytes, &fixture.memory.base, 1 << 20);
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_buffer_done(&f->bytes);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static struct weir_spec *sample(struct weir_arena *a)
{
    struct weir_spec *map = weir_spec_map(a), *list = weir_spec_list(a);
    weir_spec_put(a, map, "yes", weir_spec_boolean(a, true));
    weir_spec_put(a, map, "count", weir_spec_integer(a, -3));
    weir_spec_put(a, map, "least", weir_spec_integer(a, INT64_MIN));
    weir_spec_put(a, map, "rate", weir_spec_double(a, 0.5));
    weir_spec_put(a, map, "name", weir_spec_text(a, "a \"b\"\n"));
    weir_spec_put(a, map, "type", weir_spec_type(a, weir_type_decimal(a, 10, 2, false)));
    weir_spec_put(a, map, "value", weir_spec_value(a, weir_value_string(a, "x", 1)));
    weir_spec_put(a, map, "columns", weir_spec_integers(a, (uint32_t[]){ 3, 1, 4294967295u }, 3));
    for (uint32_t i = 0; i < 20; i++) weir_spec_add(a, list, weir_spec_integer(a, i));
    weir_spec_put(a, map, "list", list);
    weir_spec_put(a, map, "none", weir_spec_map(a));
    return map;
}

static const char sample_text[] =
    "{\"yes\": true, \"count\": -3, \"least\": -9223372036854775808, \"rate\": 0.5, \"name\": \"a "
    "\\\"b\\\"\\u000a\", "
    "\"type\": DECIMAL(10, 2) NOT NULL, \"value\": x:CHAR(1) NOT NULL, \"columns\": [3, 1, 4294967295], "
    "\"list\": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], \"none\": {}}";

static void test_reads(void **context)
{
    struct fixture *f = *context;
    struct weir_spec *map = sample(&f->arena);
    assert_true(weir_spec_get_boolean(map, "yes", false));
    assert_true(weir_spec_get_boolean(map, "absent", true));
    assert_int_equal(weir_spec_get_integer(map, "count", 9), -3);
    assert_int_equal(weir_spec_get_integer(map, "absent", 9), 9);
    assert_string_equal(weir_spec_get_text(map, "name", NULL), "a \"b\"\n");
    assert_null(weir_spec_get_text(map, "absent", NULL));
    assert_null(weir_spec_get(NULL, "x"));
    assert_null(weir_spec_get(weir_spec_get(map, "list"), "x"));
    uint32_t count, *values = weir_spec_get_integers(map, "columns", &count, &f->arena);
    assert_int_equal(count, 3);
    assert_int_equal(values[2], 4294967295u);
    assert_null(weir_spec_get_integers(map, "absent", &count, &f->arena));
    assert_int_equal(count, 0);
    uint32_t before = map->count;
    weir_spec_put(&f->arena, map, "count", weir_spec_integer(&f->arena, 4));
    assert_int_equal(map->count, before);
    assert_int_equal(weir_spec_get_integer(map, "count", 9), 4);
}

static void test_round_trip(void **context)
{
    struct fixture *f = *context;
    weir_spec_print(sample(&f->arena), &f->bytes);
    assert_string_equal(weir_buffer_text(&f->bytes), sample_text);
    weir_buffer_clear(&f->bytes);
    weir_spec_write(sample(&f->arena), &f->bytes);
    struct weir_error error;
    struct weir_reader from = { .data = (const uint8_t *)f->bytes.data, .length = f->bytes.length };
    struct weir_spec *read = weir_spec_read(&f->arena, &from, &error);
    assert_non_null(read);
    assert_int_equal(from.offset, f->bytes.length);
    struct weir_buffer text;
    weir_buffer_init(&text, &f->memory.base, 10000);
    weir_spec_print(read, &text);
    assert_string_equal(weir_buffer_text(&text), sample_text);
    weir_buffer_done(&text);
    for (size_t cut = 0; cut < f->bytes.length; cut++) {
        struct weir_reader part = { .data = (const uint8_t *)f->bytes.data, .length = cut };
        assert_null(weir_spec_read(&f->arena, &part, &error));
        assert_int_equal(error.code, WEIR_E_FORMAT);
    }
    for (size_t i = 0; i < f->bytes.length; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            f->bytes.data[i] ^= (char)(1 << bit);
            struct weir_reader damaged = { .data = (const uint8_t *)f->bytes.data,
                .length = f->bytes.length };
            struct weir_arena scratch;
            weir_arena_init(&scratch, &f->memory.base);
            struct weir_spec *spec = weir_spec_read(&scratch, &damaged, NULL);
            struct weir_buffer printed;
            weir_buffer_init(&printed, &f->memory.base, 1 << 20);
            if (spec) weir_spec_print(spec, &printed);
            weir_buffer_done(&printed);
            weir_arena_done(&scratch);
            f->bytes.data[i] ^= (char)(1 << bit);
        }
    }
}

static void test_depth_is_limited(void **context)
{
    struct fixture *f = *context;
    for (uint32_t i = 0; i < WEIR_SPEC_DEPTH_MAX + 10; i++) {
        weir_buffer_append_byte(&f->bytes, WEIR_SPEC_LIST);
        weir_buffer_append_varint(&f->bytes, 1);
    }
    weir_buffer_append_byte(&f->bytes, WEIR_SPEC_NONE);
    struct weir_reader from = { .data = (const uint8_t *)f->bytes.data, .length = f->bytes.length };
    assert_null(weir_spec_read(&f->arena, &from, NULL));
    from =
        (struct weir_reader){ .data = (const uint8_t *)f->bytes.data + 40, .length = f->bytes.length - 40 };
    assert_non_null(weir_spec_read(&f->arena, &from, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth_is_limited, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
