#include "data/batch.h"
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
    fixture.random.state = 7;
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

static const struct weir_type *const *random_types(struct fixture *f, uint32_t count)
{
    const struct weir_type **types = WEIR_ARENA_ARRAY(&f->arena, const struct weir_type *, count);
    for (uint32_t i = 0; i < count; i++) types[i] = random_type(&f->random, &f->arena, 2);
    return types;
}

static void expect_same(const struct weir_batch *a, const struct weir_batch *b)
{
    assert_int_equal(weir_batch_selected(a), weir_batch_selected(b));
    for (uint32_t i = 0; i < weir_batch_selected(a); i++) {
        uint32_t row_a = weir_batch_row(a, i), row_b = weir_batch_row(b, i);
        assert_int_equal(weir_batch_kind(a, row_a), weir_batch_kind(b, row_b));
        for (uint32_t c = 0; c < a->column_count; c++) {
            assert_true(weir_vector_equal_at(&a->columns[c], row_a, &b->columns[c], row_b));
        }
    }
}

static void test_append(void **context)
{
    struct fixture *f = *context;
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t columns = random_below(&f->random, 5);
        const struct weir_type *const *types = random_types(f, columns);
        struct weir_batch from, to;
        weir_batch_init(&from, types, columns, &f->memory.base);
        weir_batch_init(&to, types, columns, &f->memory.base);
        random_batch(&f->random, &from);
        weir_batch_append(&to, &from, NULL, weir_batch_selected(&from));
        expect_same(&from, &to);
        if (from.row_count && to.row_count + 2 <= WEIR_BATCH_ROWS_MAX) {
            uint32_t rows[2] = { from.row_count - 1, 0 }, before = to.row_count;
            weir_batch_append(&to, &from, rows, 2);
            for (uint32_t c = 0; c < columns; c++) {
                assert_true(weir_vector_equal_at(&to.columns[c], before, &from.columns[c], rows[0]));
                assert_true(weir_vector_equal_at(&to.columns[c], before + 1, &from.columns[c], 0));
            }
            assert_int_equal(weir_batch_kind(&to, before), weir_batch_kind(&from, rows[0]));
        }
        /* What was appended stays readable without the batch it came from. */
        struct weir_batch again;
        weir_batch_init(&again, types, columns, &f->memory.base);
        weir_batch_append(&again, &to, NULL, to.row_count);
        weir_batch_done(&from);
        expect_same(&again, &to);
        weir_batch_done(&again);
        weir_batch_done(&to);
        weir_arena_reset(&f->arena);
    }
}

/* One string of 100 bytes, in a heap of its own batch. */
static void put_string(struct weir_batch *b, char letter)
{
    char text[100];
    memset(text, letter, sizeof text);
    ((struct weir_string *)b->columns[0].data)[b->row_count++] =
        weir_heap_writer_string(&b->heap, text, sizeof text);
}

/* With more heaps than a batch can refer to, bytes are copied: no string is ever lost. */
static void test_more_heaps_than_places(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *types[] = { &weir_type_string };
    enum { COUNT = WEIR_BATCH_HEAPS_MAX + 20 };
    struct weir_batch to, view;
    weir_batch_init(&to, types, 1, &f->memory.base);
    weir_batch_init(&view, types, 1, &f->memory.base);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct weir_batch from;
        weir_batch_init(&from, types, 1, &f->memory.base);
        put_string(&from, (char)('!' + i));
        assert_int_equal(weir_batch_share_heaps(&to, &from), i < WEIR_BATCH_HEAPS_MAX);
        weir_batch_append(&to, &from, NULL, 1);
        assert_int_equal(to.heap_count, WEIR_MIN(i + 1, (uint32_t)WEIR_BATCH_HEAPS_MAX));
        weir_batch_done(&from);
    }
    assert_true(to.heap.block_count > 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct weir_string *s = (const struct weir_string *)to.columns[0].data + i;
        assert_int_equal(s->length, 100);
        assert_int_equal(s->pointer[99], '!' + i);
    }
    /* A view of a batch with too many heaps cannot hand them on; those who append from it copy. */
    weir_batch_reference(&view, &to);
    struct weir_batch last;
    weir_batch_init(&last, types, 1, &f->memory.base);
    assert_true(view.heaps_incomplete);
    assert_false(weir_batch_share_heaps(&last, &view));
    weir_batch_append(&last, &view, NULL, COUNT);
    weir_batch_done(&view);
    weir_batch_done(&to);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(((const struct weir_string *)last.columns[0].data)[i].pointer[0], '!' + i);
    }
    weir_batch_done(&last);
}

static void test_reference(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *types[] = { &weir_type_string };
    struct weir_batch from, view;
    weir_batch_init(&from, types, 1, &f->memory.base);
    weir_batch_init(&view, types, 1, &f->memory.base);
    put_string(&from, 'x');
    put_string(&from, 'y');
    weir_batch_ensure_kinds(&from)[1] = WEIR_ROW_DELETE;
    weir_batch_reference(&view, &from);
    assert_ptr_equal(view.columns, from.columns);
    assert_int_equal(view.row_count, 2);
    assert_int_equal(view.heap_count, 1);
    assert_int_equal(atomic_load(&from.heap.blocks[0]->references), 2);
    uint16_t *selection = weir_batch_ensure_selection(&view);
    selection[view.selected++] = 1;
    assert_null(from.selection);
    /* Kinds of a view become its own when it wants to write them. */
    weir_batch_ensure_kinds(&view)[1] = WEIR_ROW_INSERT;
    assert_int_equal(weir_batch_kind(&from, 1), WEIR_ROW_DELETE);
    weir_batch_reset(&view);
    assert_int_equal(view.row_count, 0);
    assert_ptr_not_equal(view.columns, from.columns);
    assert_int_equal(atomic_load(&from.heap.blocks[0]->references), 1);
    weir_batch_done(&view);
    weir_batch_done(&from);
}

/* After warm-up neither reset, append, NULLs, kinds, lists nor strings allocate. */
static void test_no_allocation_after_warm_up(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *row = weir_type_row(&f->arena,
        (const struct weir_type *[]){ &weir_type_string, weir_type_of(WEIR_TYPE_INT) }, NULL, 2, true);
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_BIGINT), &weir_type_string,
        weir_type_array(&f->arena, &weir_type_string, true), row };
    struct weir_batch from, to;
    weir_batch_init(&from, types, 4, &f->memory.base);
    weir_batch_init(&to, types, 4, &f->memory.base);
    uint64_t warm = 0;
    for (uint32_t round = 0; round < 300; round++) {
        if (round == 100) warm = atomic_load(&f->memory.base.allocation_count);
        weir_batch_reset(&from);
        weir_batch_reset(&to);
        f->random.state = round % 10;
        from.row_count = 1000;
        for (uint32_t c = 0; c < 4; c++)
            random_fill(&f->random, &from.columns[c], 1000, &from.arena, &from.heap);
        weir_batch_ensure_kinds(&from);
        weir_batch_append(&to, &from, NULL, 1000);
        assert_int_equal(to.row_count, 1000);
        uint64_t hashes[WEIR_BATCH_ROWS_MAX];
        weir_batch_hash(&to, (const uint32_t[]){ 0, 1, 2, 3 }, 4, hashes);
    }
    assert_int_equal(atomic_load(&f->memory.base.allocation_count), warm);
    weir_batch_done(&from);
    weir_batch_done(&to);
}

/* Whatever an operator does to the columns, after a reset they are flat, empty and have their own buffers
 * again. */
static void test_reset_restores_columns(void **context)
{
    struct fixture *f = *context;
    for (uint32_t round = 0; round < 100; round++) {
        uint32_t columns = 1 + random_below(&f->random, 4);
        struct weir_batch b;
        weir_batch_init(&b, random_types(f, columns), columns, &f->memory.base);
        void *data[4];
        for (uint32_t c = 0; c < columns; c++) data[c] = b.columns[c].data;
        for (uint32_t again = 0; again < 3; again++) {
            random_batch(&f->random, &b);
            weir_batch_reset(&b);
            for (uint32_t c = 0; c < columns; c++) {
                assert_int_equal(b.columns[c].encoding, WEIR_ENCODING_FLAT);
                assert_int_equal(b.columns[c].capacity, WEIR_BATCH_ROWS_MAX);
                assert_ptr_equal(b.columns[c].data, data[c]);
                assert_null(b.columns[c].validity);
                assert_int_equal(b.columns[c].child_rows, 0);
            }
            assert_null(b.kinds);
            assert_null(b.selection);
            assert_int_equal(b.row_count, 0);
        }
        weir_batch_done(&b);
        weir_arena_reset(&f->arena);
    }
}

static void test_hash_of_columns(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_INT), weir_type_of(WEIR_TYPE_INT) };
    struct weir_batch b;
    weir_batch_init(&b, types, 2, &f->memory.base);
    int32_t *x = b.columns[0].data, *y = b.columns[1].data;
    for (int32_t i = 0; i < 100; i++) {
        x[i] = i;
        y[i] = 99 - i;
    }
    b.row_count = 100;
    uint64_t both[WEIR_BATCH_ROWS_MAX], swapped[WEIR_BATCH_ROWS_MAX], some[WEIR_BATCH_ROWS_MAX];
    weir_batch_hash(&b, (const uint32_t[]){ 0, 1 }, 2, both);
    weir_batch_hash(&b, (const uint32_t[]){ 1, 0 }, 2, swapped);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(both[i], swapped[99 - i]);
        assert_int_not_equal(both[i], swapped[i]);
    }
    uint16_t *selection = weir_batch_ensure_selection(&b);
    selection[b.selected++] = 3;
    selection[b.selected++] = 77;
    weir_batch_hash(&b, (const uint32_t[]){ 0, 1 }, 2, some);
    assert_int_equal(some[0], both[3]);
    assert_int_equal(some[1], both[77]);
    weir_batch_hash(&b, NULL, 0, some);
    assert_int_equal(some[0], some[1]);
    weir_batch_done(&b);
}

/* Hashes that are known are taken along and believed; what appends rows without them ends that. */
static void test_hashes_go_along(void **context)
{
    struct fixture *f = *context;
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_INT), weir_type_of(WEIR_TYPE_INT) };
    const uint32_t second[] = { 1 }, first[] = { 0 }, rows[] = { 4, 2, 9 };
    uint64_t known[10], hashes[WEIR_BATCH_ROWS_MAX], plain[WEIR_BATCH_ROWS_MAX];
    struct weir_batch from, to;
    weir_batch_init(&from, types, 2, &f->memory.base);
    weir_batch_init(&to, types, 2, &f->memory.base);
    from.row_count = 10;
    weir_batch_hash(&from, first, 1, plain);
    for (uint64_t i = 0; i < 10; i++) known[i] = 1000 + i;
    from.hashes = known;
    from.hash_columns = second;
    from.hash_column_count = 1;
    weir_batch_append(&to, &from, rows, 3);
    uint16_t *selection = weir_batch_ensure_selection(&from);
    selection[from.selected++] = 7;
    weir_batch_append(&to, &from, NULL, 1);
    from.hash_columns = first; /* is copied, not borrowed */
    weir_batch_hash(&to, second, 1, hashes);
    const uint64_t expected[] = { 1004, 1002, 1009, 1007 };
    assert_memory_equal(hashes, expected, sizeof expected);
    selection = weir_batch_ensure_selection(&to);
    selection[to.selected++] = 2;
    weir_batch_hash(&to, second, 1, hashes);
    assert_int_equal(hashes[0], 1009);
    weir_batch_hash(&to, first, 1, hashes); /* over other columns nothing is known */
    assert_int_equal(hashes[0], plain[0]);
    to.selection = NULL;
    weir_batch_append(&to, &from, rows, 1); /* over other columns than those before */
    assert_null(to.hashes);
    weir_batch_reset(&to);
    weir_batch_append(&to, &from, rows, 3);
    assert_non_null(to.hashes);
    from.hashes = NULL;
    weir_batch_append(&to, &from, rows, 1);
    assert_null(to.hashes);
    weir_batch_reset(&to);
    weir_batch_append(&to, &from, rows, 1);
    from.hashes = known;
    weir_batch_append(&to, &from, rows, 1); /* the first row has none */
    assert_null(to.hashes);
    weir_batch_done(&from);
    weir_batch_done(&to);
}

static void test_heap_writer(void **context)
{
    struct fixture *f = *context;
    struct weir_heap_writer writer;
    weir_heap_writer_init(&writer, &f->memory.base);
    char *first = weir_heap_writer_allocate(&writer, 100);
    char *large = weir_heap_writer_allocate(&writer, WEIR_HEAP_BLOCK_BYTES * 2);
    memset(large, 1, WEIR_HEAP_BLOCK_BYTES * 2);
    char *second = weir_heap_writer_allocate(&writer, 100);
    assert_ptr_equal(second, first + 100); /* the large value did not end the block */
    assert_int_equal(writer.block_count, 2);
    struct weir_heap *kept = weir_heap_ref(writer.blocks[1]);
    weir_heap_writer_reset(&writer);
    char *third = weir_heap_writer_allocate(&writer, 100);
    assert_ptr_not_equal(third, first); /* somebody still reads that block */
    weir_heap_unref(kept);
    weir_heap_writer_reset(&writer);
    uint64_t before = atomic_load(&f->memory.base.allocation_count);
    weir_heap_writer_allocate(&writer, WEIR_HEAP_BLOCK_BYTES);
    weir_heap_writer_allocate(&writer, WEIR_HEAP_BLOCK_BYTES);
    assert_int_equal(atomic_load(&f->memory.base.allocation_count), before);
    assert_null(weir_heap_unref(NULL));
    struct weir_string inlined = weir_heap_writer_string(&writer, "twelve bytes", 12);
    assert_int_equal(inlined.length, 12);
    assert_int_equal(writer.block_count, 2);
    weir_heap_writer_done(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_heaps_than_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reference, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_allocation_after_warm_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_restores_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hash_of_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hashes_go_along, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heap_writer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
