#include "data/arrow.h"
#include "random_data.h"
#include "support/cmocka_all.h"
#include "support/memory.h"

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct random random;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    fixture.random.state = 11;
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

static void test_schema(void **context)
{
    struct fixture *f = *context;
    struct weir_arena *a = &f->arena;
    const struct weir_type *row =
        weir_type_row(a, (const struct weir_type *[]){ weir_type_of(WEIR_TYPE_BOOLEAN) },
            (const char *[]){ "inner" }, 1, true);
    const struct weir_type *types[] = { &weir_type_bigint_not_null, weir_type_decimal(a, 10, 2, true),
        weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP, 3, true),
        weir_type_with_precision(a, WEIR_TYPE_TIMESTAMP_LTZ, 9, true),
        weir_type_map(a, &weir_type_string_not_null, weir_type_of(WEIR_TYPE_INT), true),
        weir_type_array(a, row, false) };
    static const char *const formats[] = { "l", "d:10,2", "tsu:", "tsn:UTC", "+m", "+l" };
    struct ArrowSchema schema;
    weir_arrow_export_schema(
        types, (const char *[]){ "a", "b", "c", "d", "e", "f" }, 6, &f->memory.base, &schema);
    assert_string_equal(schema.format, "+s");
    assert_int_equal(schema.n_children, 6);
    for (uint32_t i = 0; i < 6; i++) assert_string_equal(schema.children[i]->format, formats[i]);
    assert_int_equal(schema.children[0]->flags, 0);
    assert_int_equal(schema.children[1]->flags, ARROW_FLAG_NULLABLE);
    assert_string_equal(schema.children[1]->name, "b");
    const struct ArrowSchema *pair = schema.children[4]->children[0];
    assert_string_equal(pair->format, "+s");
    assert_string_equal(pair->children[0]->format, "u");
    assert_string_equal(pair->children[1]->name, "value");
    assert_string_equal(schema.children[5]->children[0]->children[0]->name, "inner");
    /* A child that was moved out lives on by itself. */
    struct ArrowSchema moved = *schema.children[5];
    schema.children[5]->release = NULL;
    schema.release(&schema);
    assert_null(schema.release);
    assert_string_equal(moved.children[0]->children[0]->format, "b");
    moved.release(&moved);
}

static void test_values(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_BOOLEAN), &weir_type_string,
        weir_type_array(&f->arena, weir_type_of(WEIR_TYPE_INT), true),
        weir_type_decimal(&f->arena, 5, 0, true) };
    struct weir_batch b;
    weir_batch_init(&b, types, 4, &f->memory.base);
    b.row_count = 4;
    memcpy(b.columns[0].data, (uint8_t[]){ 1, 0, 1, 1 }, 4);
    ((struct weir_string *)b.columns[1].data)[1] = weir_string_view("ab", 2);
    ((struct weir_string *)b.columns[1].data)[3] = weir_heap_writer_string(&b.heap, "more than twelve", 16);
    weir_vector_set_null(&b.columns[1], 2, &b.arena);
    weir_vector_reserve_children(&b.columns[2], 6, &b.arena);
    memcpy(b.columns[2].children[0].data, (int32_t[]){ 9, 8, 7, 6, 5, 4 }, 24);
    b.columns[2].child_rows = 6;
    memcpy(b.columns[2].data, (struct weir_list[]){ { 0, 2 }, { 4, 1 }, { 0, 0 }, { 2, 2 } }, 32);
    memcpy(b.columns[3].data, (int64_t[]){ 1, -2, 3, -4 }, 32);
    uint16_t *selection = weir_batch_ensure_selection(&b);
    selection[b.selected++] = 1;
    selection[b.selected++] = 2;
    selection[b.selected++] = 3;
    struct ArrowArray array;
    assert_int_equal(weir_arrow_export_batch(&b, &f->memory.base, &array, NULL), WEIR_OK);
    weir_batch_done(&b); /* the array does not need it */
    assert_int_equal(array.length, 3);
    assert_int_equal(array.n_buffers, 1);
    assert_null(array.buffers[0]);
    assert_int_equal(*(const uint8_t *)array.children[0]->buffers[1] & 7, 6);
    const struct ArrowArray *strings = array.children[1];
    assert_int_equal(strings->null_count, 1);
    assert_int_equal(*(const uint8_t *)strings->buffers[0] & 7, 5);
    assert_memory_equal(strings->buffers[1], ((int32_t[]){ 0, 2, 2, 18 }), 16);
    assert_memory_equal(strings->buffers[2], "abmore than twelve", 18);
    const struct ArrowArray *lists = array.children[2];
    assert_memory_equal(lists->buffers[1], ((int32_t[]){ 0, 1, 1, 3 }), 16);
    assert_int_equal(lists->children[0]->length, 3);
    assert_memory_equal(lists->children[0]->buffers[1], ((int32_t[]){ 5, 7, 6 }), 12);
    assert_true(((const weir_int128 *)array.children[3]->buffers[1])[0] == -2);
    array.release(&array);
    assert_null(array.release);
}

static void test_what_has_no_form(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *types[] = { weir_type_with_precision(&f->arena, WEIR_TYPE_TIMESTAMP, 9, true) };
    struct weir_batch b;
    struct ArrowArray array = { .length = 77 };
    struct weir_error error;
    weir_batch_init(&b, types, 1, &f->memory.base);
    b.row_count = 1;
    *(weir_int128 *)b.columns[0].data = (weir_int128)INT64_MAX + 1;
    assert_int_equal(weir_arrow_export_batch(&b, &f->memory.base, &array, &error), WEIR_E_DATA);
    assert_int_equal(array.length, 77);
    *(weir_int128 *)b.columns[0].data = INT64_MAX;
    assert_int_equal(weir_arrow_export_batch(&b, &f->memory.base, &array, &error), WEIR_OK);
    array.release(&array);
    weir_batch_done(&b);
}

/* The shape that the format demands, for any batch. */
static void check_shape(const struct ArrowArray *array, const struct ArrowSchema *schema)
{
    assert_int_equal(array->n_children, schema->n_children);
    assert_in_range(array->null_count, 0, array->length);
    assert_int_equal(array->offset, 0);
    char kind = schema->format[0];
    int64_t buffers = kind == 'n'                         ? 0
                      : strcmp(schema->format, "+s") == 0 ? 1
                      : kind == 'u' || kind == 'z'        ? 3
                                                          : 2;
    assert_int_equal(array->n_buffers, buffers);
    if (array->null_count && buffers) assert_non_null(array->buffers[0]);
    for (int64_t i = 1; i < buffers; i++) assert_non_null(array->buffers[i]);
    bool offsets = buffers == 3 || (kind == '+' && buffers == 2);
    const int32_t *at = offsets ? array->buffers[1] : NULL;
    for (int64_t i = 0; offsets && i < array->length; i++) assert_true(at[i] <= at[i + 1]);
    for (int64_t i = 0; i < array->n_children; i++) {
        int64_t expected = offsets ? at[array->length] : array->length;
        assert_int_equal(array->children[i]->length, expected);
        check_shape(array->children[i], schema->children[i]);
    }
}

static void test_any_batch(void **context)
{
    struct fixture *f = *context;
    uint32_t exported = 0;
    for (uint32_t round = 0; round < 500; round++) {
        uint32_t columns = random_below(&f->random, 5);
        const struct weir_type *types[5];
        for (uint32_t i = 0; i < columns; i++) types[i] = random_type(&f->random, &f->arena, 3);
        struct weir_batch b;
        struct ArrowSchema schema;
        struct ArrowArray array;
        weir_batch_init(&b, types, columns, &f->memory.base);
        random_batch(&f->random, &b);
        weir_arrow_export_schema(types, NULL, columns, &f->memory.base, &schema);
        if (weir_arrow_export_batch(&b, &f->memory.base, &array, NULL) == WEIR_OK) {
            assert_int_equal(array.length, weir_batch_selected(&b));
            check_shape(&array, &schema);
            array.release(&array);
            exported++;
        }
        schema.release(&schema);
        weir_batch_done(&b);
        weir_arena_reset(&f->arena);
    }
    assert_true(exported > 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_schema, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_has_no_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_batch, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
