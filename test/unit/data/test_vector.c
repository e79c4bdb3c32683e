#include "random_data.h"
#include "support/cmocka_all.h"
#include "support/memory.h"

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_heap_writer heap;
    struct random random;
};

static int setup(void **context)
{
    static struct fixture fixture;
    weir_test_memory_init(&fixture.memory);
    weir_arena_init(&fixture.arena, &fixture.memory.base);
    weir_heap_writer_init(&fixture.heap, &fixture.memory.base);
    fixture.random.state = 1;
    *context = &fixture;
    return 0;
}

static int teardown(void **context)
{
    struct fixture *f = *context;
    weir_heap_writer_done(&f->heap);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
    return 0;
}

static void reset(struct fixture *f)
{
    weir_arena_reset(&f->arena);
    weir_heap_writer_reset(&f->heap);
}

/* Any rows of any encoding, copied to anywhere, are the same values; with a heap their bytes are others'. */
static void test_gather(void **context)
{
    struct fixture *f = *context;
    for (uint32_t round = 0; round < 3000; round++) {
        const struct weir_type *type = random_type(&f->random, &f->arena, 3);
        uint32_t rows = 1 + random_below(&f->random, 100), count = random_below(&f->random, 700),
                 offset = random_below(&f->random, 70);
        struct weir_vector from = random_vector(&f->random, type, rows, &f->arena, &f->heap), to;
        uint32_t *picked = WEIR_ARENA_ARRAY(&f->arena, uint32_t, count + 1);
        bool all = random_below(&f->random, 3) == 0;
        if (all) count = rows;
        for (uint32_t i = 0; i < count && !all; i++) picked[i] = random_below(&f->random, rows);
        weir_vector_init(&to, type, offset + count, &f->arena);
        struct weir_heap_writer own;
        weir_heap_writer_init(&own, &f->memory.base);
        weir_vector_gather(&to, 0, &from, picked, all ? 0 : WEIR_MIN(offset, count), &f->arena, NULL);
        weir_vector_gather(
            &to, offset, &from, all ? NULL : picked, count, &f->arena, round % 2 ? &own : NULL);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = all ? i : picked[i];
            assert_true(weir_vector_equal_at(&from, row, &to, offset + i));
            assert_int_equal(weir_vector_is_null(&from, row), weir_vector_is_null(&to, offset + i));
            assert_int_equal(weir_vector_compare_at(&to, offset + i, &from, row, true), 0);
            if (!weir_type_is_view(type) || round % 2 == 0) continue;
            const struct weir_string *copy = (const struct weir_string *)to.data + offset + i;
            if (copy->length <= WEIR_STRING_INLINE_MAX) continue;
            const struct weir_vector *flat;
            uint32_t at = weir_vector_locate(&from, row, &flat);
            assert_ptr_not_equal(copy->pointer, ((const struct weir_string *)flat->data)[at].pointer);
        }
        weir_heap_writer_done(&own);
        reset(f);
    }
}

/* The hash is a property of the value: encodings, selections and copies do not matter, and equal values
 * agree. */
static void test_hash_is_of_the_value(void **context)
{
    struct fixture *f = *context;
    uint64_t hashes[100], flat_hashes[100], selected[100], combined[100];
    uint32_t pairs = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        const struct weir_type *type = random_type(&f->random, &f->arena, 3);
        uint32_t rows = 1 + random_below(&f->random, 100);
        struct weir_vector v = random_vector(&f->random, type, rows, &f->arena, &f->heap);
        const struct weir_vector *flat = weir_vector_flatten(&v, rows, &f->arena);
        weir_vector_hash(&v, NULL, rows, hashes, false);
        weir_vector_hash(flat, NULL, rows, flat_hashes, false);
        assert_memory_equal(hashes, flat_hashes, rows * sizeof hashes[0]);
        uint16_t selection[100];
        uint32_t count = 0;
        for (uint32_t i = 0; i < rows; i++) {
            if (random_below(&f->random, 2)) selection[count++] = (uint16_t)i;
        }
        weir_vector_hash(&v, selection, count, selected, false);
        for (uint32_t i = 0; i < count; i++) assert_int_equal(selected[i], hashes[selection[i]]);
        for (uint32_t i = 0; i < rows; i++) combined[i] = 17;
        weir_vector_hash(&v, NULL, rows, combined, true);
        for (uint32_t i = 1; i < rows; i++) {
            bool equal = weir_vector_equal_at(&v, i, &v, i - 1);
            int order = weir_vector_compare_at(&v, i, &v, i - 1, true);
            assert_int_equal(equal, order == 0);
            assert_int_equal(order, -weir_vector_compare_at(&v, i - 1, &v, i, true));
            assert_int_equal(equal, hashes[i] == hashes[i - 1]);
            assert_int_equal(equal, combined[i] == combined[i - 1]);
            pairs += equal;
        }
        reset(f);
    }
    assert_true(pairs > 1000);
}

/* These numbers are in snapshots and on the wire: they must never change. */
static void test_hashes_are_fixed(void **context)
{
    struct fixture *f = *context;
    struct weir_vector *number = weir_value_bigint(&f->arena, 42), *small = weir_value_int(&f->arena, 42);
    struct weir_vector *text = weir_value_string(&f->arena, "weir", 4);
    struct weir_vector *longer = weir_value_string(&f->arena, "a string beyond twelve bytes", 28);
    struct weir_vector *null = weir_value_null(&f->arena, &weir_type_string);
    uint64_t h[6];
    weir_vector_hash(number, NULL, 1, &h[0], false);
    weir_vector_hash(small, NULL, 1, &h[1], false);
    weir_vector_hash(text, NULL, 1, &h[2], false);
    weir_vector_hash(longer, NULL, 1, &h[3], false);
    weir_vector_hash(null, NULL, 1, &h[4], false);
    h[5] = h[0];
    weir_vector_hash(text, NULL, 1, &h[5], true);
    assert_int_equal(h[0], h[1]);
    static const uint64_t fixed[6] = { 0x47d95004a072b9c3u, 0x47d95004a072b9c3u, 0x5258b2506184e877u,
        0x8a6ae05fa7ea99d0u, 0x8e3f5b1d27c94a65u, 0xe4804c2e956da157u };
    for (uint32_t i = 0; i < 6; i++) {
        if (h[i] != fixed[i]) fail_msg("hash %u is now 0x%016llx", i, (unsigned long long)h[i]);
    }
}

static void test_floating_point_and_null_order(void **context)
{
    struct fixture *f = *context;
    struct weir_vector v;
    weir_vector_init(&v, weir_type_of(WEIR_TYPE_DOUBLE), 6, &f->arena);
    double values[] = { -0.0, 0.0, __builtin_nan(""), -__builtin_nan("1"), __builtin_inf(), 0 };
    memcpy(v.data, values, sizeof values);
    weir_vector_set_null(&v, 5, &f->arena);
    uint64_t h[6];
    weir_vector_hash(&v, NULL, 6, h, false);
    assert_int_equal(h[0], h[1]);
    assert_int_equal(h[2], h[3]);
    assert_true(weir_vector_equal_at(&v, 0, &v, 1));
    assert_true(weir_vector_equal_at(&v, 2, &v, 3));
    assert_true(weir_vector_compare_at(&v, 2, &v, 4, true) > 0);
    assert_true(weir_vector_compare_at(&v, 5, &v, 0, true) < 0);
    assert_true(weir_vector_compare_at(&v, 5, &v, 0, false) > 0);
    assert_true(weir_vector_compare_at(&v, 5, &v, 5, false) == 0);
}

/* Maps are equal whatever the order of their entries. */
static void test_maps_by_content(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *type =
        weir_type_map(&f->arena, weir_type_of(WEIR_TYPE_INT), weir_type_of(WEIR_TYPE_INT), true);
    struct weir_vector v;
    weir_vector_init(&v, type, 4, &f->arena);
    static const int32_t keys[] = { 1, 2, 3, 3, 1, 2, 1, 2, 4, 1 },
                         values[] = { 10, 20, 30, 30, 10, 20, 10, 20, 30, 10 };
    weir_vector_reserve_children(&v, 10, &f->arena);
    memcpy(v.children[0].data, keys, sizeof keys);
    memcpy(v.children[1].data, values, sizeof values);
    v.child_rows = 10;
    struct weir_list lists[] = { { 0, 3 }, { 3, 3 }, { 6, 3 }, { 9, 1 } };
    memcpy(v.data, lists, sizeof lists);
    uint64_t h[4];
    weir_vector_hash(&v, NULL, 4, h, false);
    assert_true(weir_vector_equal_at(&v, 0, &v, 1));
    assert_int_equal(h[0], h[1]);
    assert_false(weir_vector_equal_at(&v, 0, &v, 2));
    assert_int_not_equal(h[0], h[2]);
    assert_true(weir_vector_compare_at(&v, 1, &v, 2, true) < 0);
    assert_true(weir_vector_compare_at(&v, 3, &v, 0, true) < 0);
}

/* What a cleared validity bit hides may be a pointer to memory that is gone: nobody follows it. */
static void test_stale_views_under_null(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *children[] = { &weir_type_string,
        weir_type_array(&f->arena, &weir_type_string, true) };
    const struct weir_type *type = weir_type_row(&f->arena, children, NULL, 2, true);
    struct weir_vector v, to;
    weir_vector_init(&v, type, 70, &f->arena);
    memset(v.children[0].data, 0x7f, 70 * sizeof(struct weir_string));
    memset(v.children[1].data, 0x7f, 70 * sizeof(struct weir_list));
    for (uint32_t i = 0; i < 70; i++) {
        if (i != 66) weir_vector_set_null(&v, i, &f->arena);
    }
    ((struct weir_string *)v.children[0].data)[66] = weir_string_view("a text of more than 12", 22);
    ((struct weir_list *)v.children[1].data)[66] = (struct weir_list){ 0, 0 };
    weir_vector_init(&to, type, 140, &f->arena);
    weir_vector_gather(&to, 0, &v, NULL, 70, &f->arena, &f->heap);
    weir_vector_gather(&to, 70, &v, NULL, 70, &f->arena, NULL);
    uint64_t hashes[140];
    weir_vector_hash(&to, NULL, 140, hashes, false);
    assert_int_equal(hashes[66], hashes[136]);
    assert_true(weir_vector_is_null(&to, 67));
    assert_false(weir_vector_is_null(&to, 136));
    assert_true(weir_vector_is_null(&to.children[0], 0));
    weir_vector_init(&to, &weir_type_string, 70, &f->arena);
    for (uint32_t i = 0; i < 70; i++) weir_vector_set_null(&v.children[0], i, &f->arena);
    memset(v.children[0].data, 0x7f, 70 * sizeof(struct weir_string));
    weir_vector_gather(&to, 0, &v.children[0], NULL, 70, &f->arena, &f->heap);
    assert_int_equal(((struct weir_string *)to.data)[3].length, 0);
}

static void test_growing_children(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *row = weir_type_row(&f->arena,
        (const struct weir_type *[]){
            weir_type_of(WEIR_TYPE_BIGINT), weir_type_array(&f->arena, &weir_type_string, true) },
        NULL, 2, true);
    struct weir_vector v;
    weir_vector_init(&v, weir_type_array(&f->arena, row, true), 2, &f->arena);
    for (uint32_t i = 0; i < 1000; i++) {
        weir_vector_reserve_children(&v, 1, &f->arena);
        struct weir_vector *element = &v.children[0];
        assert_true(
            element->capacity > i && element->children[0].capacity > i && element->children[1].capacity > i);
        ((int64_t *)element->children[0].data)[i] = i;
        if (i % 7 == 0) weir_vector_set_null(element, i, &f->arena);
        v.child_rows++;
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(((int64_t *)v.children[0].children[0].data)[i], i);
        assert_int_equal(weir_vector_is_null(&v.children[0], i), i % 7 == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gather, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hash_is_of_the_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hashes_are_fixed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_floating_point_and_null_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_maps_by_content, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_views_under_null, setup, teardown),
        cmocka_unit_test_setup_teardown(test_growing_children, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
