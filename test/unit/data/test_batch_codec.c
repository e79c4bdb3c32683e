#include "data/batch.h"
#include "random_data.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdlib.h>

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_buffer bytes;
    struct random random;
    const struct weir_type **types;
    uint32_t columns;
    struct weir_batch from, to;
};

static int setup(void **context)
{
    static struct fixture fixture;
    fixture.random.state = 3;
    *context = &fixture;
    return 0;
}

static void start(struct fixture *f, uint32_t depth)
{
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    weir_buffer_init(&f->bytes, &f->memory.base, 16 << 20);
    f->columns = random_below(&f->random, 6);
    f->types = WEIR_ARENA_ARRAY(&f->arena, const struct weir_type *, f->columns + 1);
    for (uint32_t i = 0; i < f->columns; i++) f->types[i] = random_type(&f->random, &f->arena, depth);
    weir_batch_init(&f->from, f->types, f->columns, &f->memory.base);
    weir_batch_init(&f->to, f->types, f->columns, &f->memory.base);
}

static void stop(struct fixture *f)
{
    weir_batch_done(&f->from);
    weir_batch_done(&f->to);
    weir_buffer_done(&f->bytes);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static void expect_same(const struct weir_batch *a, const struct weir_batch *b)
{
    assert_int_equal(weir_batch_selected(a), b->row_count);
    assert_null(b->selection);
    assert_int_equal(a->kinds != NULL, b->kinds != NULL);
    for (uint32_t i = 0; i < b->row_count; i++) {
        uint32_t row = weir_batch_row(a, i);
        assert_int_equal(weir_batch_kind(a, row), weir_batch_kind(b, i));
        for (uint32_t c = 0; c < a->column_count; c++) {
            assert_true(weir_vector_equal_at(&a->columns[c], row, &b->columns[c], i));
        }
    }
}

static void test_round_trip(void **context)
{
    struct fixture *f = *context;
    for (uint32_t round = 0; round < 1000; round++) {
        start(f, 3);
        for (uint32_t again = 0; again < 2; again++) { /* the target is used again after a reset */
            weir_batch_reset(&f->from);
            weir_batch_reset(&f->to);
            random_batch(&f->random, &f->from);
            weir_buffer_clear(&f->bytes);
            weir_buffer_append(&f->bytes, "front", 5);
            weir_batch_encode(&f->from, &f->bytes);
            const uint8_t *bytes = (const uint8_t *)f->bytes.data + 5;
            size_t length = f->bytes.length - 5;
            assert_int_equal(weir_batch_encoded_bytes(bytes, length), length);
            assert_int_equal(weir_batch_encoded_bytes(bytes, 3), 0);
            struct weir_error error;
            if (weir_batch_decode(&f->to, bytes, length, &error) != WEIR_OK) fail_msg("%s", error.message);
            expect_same(&f->from, &f->to);
            uint64_t sent = weir_batch_bytes(&f->to); /* as rows: more where one value stands for all */
            bool constant = false;
            for (uint32_t i = 0; i < f->columns; i++)
                constant |= f->to.columns[i].encoding != WEIR_ENCODING_FLAT;
            assert_true(constant || sent < length);
        }
        /* Equal batches have equal bytes, whatever their encodings were. */
        struct weir_buffer second;
        weir_buffer_init(&second, &f->memory.base, 16 << 20);
        weir_batch_encode(&f->to, &second);
        assert_int_equal(second.length, f->bytes.length - 5);
        assert_memory_equal(second.data, f->bytes.data + 5, second.length);
        weir_buffer_done(&second);
        stop(f);
    }
}

/* Exact copies on the heap, so that a sanitizer sees every byte read beyond. */
static enum weir_error_code decode_copy(struct fixture *f, const void *bytes, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);
    if (length) memcpy(copy, bytes, length);
    weir_batch_reset(&f->to);
    struct weir_error error = { .code = WEIR_E_OK };
    enum weir_error_code code = weir_batch_decode(&f->to, copy, length, &error);
    assert_true(code == WEIR_OK || (code == WEIR_E_FORMAT && error.code == WEIR_E_FORMAT));
    free(copy);
    return code;
}

static void test_bytes_that_are_sent(void **context)
{
    struct fixture *f = *context;
    start(f, 1);
    weir_batch_done(&f->from);
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_BIGINT), weir_type_of(WEIR_TYPE_VARCHAR) };
    weir_batch_init(&f->from, types, 2, &f->memory.base);
    assert_int_equal(weir_batch_bytes(&f->from), 0);
    struct weir_string *names = f->from.columns[1].data;
    static const char text[] = "a name that is longer than a view";
    names[0] = weir_string_view("ab", 2);
    names[1] = weir_string_view(text, sizeof text - 1);
    names[2] = weir_string_view("never seen", 10);
    f->from.row_count = 3;
    weir_vector_set_null(&f->from.columns[1], 2, &f->arena);
    assert_int_equal(weir_batch_bytes(&f->from), 3 * (8 + 4) + 2 + sizeof text - 1);
    weir_batch_ensure_kinds(&f->from);
    assert_int_equal(weir_batch_bytes(&f->from), 3 * (8 + 4 + 1) + 2 + sizeof text - 1);
    struct weir_vector constant = f->from.columns[1];
    constant.encoding = WEIR_ENCODING_CONSTANT;
    assert_int_equal(weir_vector_bytes(&constant, 5), 5 * (4 + 2));
    uint32_t indices[] = { 1, 2, 0, 1 };
    struct weir_vector dictionary = { .type = types[1],
        .encoding = WEIR_ENCODING_DICTIONARY,
        .capacity = 4,
        .indices = indices,
        .dictionary = &f->from.columns[1] };
    assert_int_equal(weir_vector_bytes(&dictionary, 4), 4 * 4 + 2 + 2 * (sizeof text - 1));
    stop(f);
}

static void test_cut_at_every_byte(void **context)
{
    struct fixture *f = *context;
    for (uint32_t round = 0; round < 60; round++) {
        start(f, 2);
        random_batch(&f->random, &f->from);
        f->from.row_count = WEIR_MIN(f->from.row_count, 20u);
        f->from.selection = NULL;
        weir_batch_encode(&f->from, &f->bytes);
        for (size_t length = 0; length < f->bytes.length; length++) {
            assert_int_equal(decode_copy(f, f->bytes.data, length), WEIR_E_FORMAT);
            if (length < 4) continue;
            /* The header may be forged to agree with what is there. */
            uint32_t total = (uint32_t)length, whole;
            memcpy(&whole, f->bytes.data, 4);
            memcpy(f->bytes.data, &total, 4);
            assert_int_equal(decode_copy(f, f->bytes.data, length), WEIR_E_FORMAT);
            memcpy(f->bytes.data, &whole, 4);
        }
        assert_int_equal(decode_copy(f, f->bytes.data, f->bytes.length), WEIR_OK);
        assert_int_equal(f->to.row_count, f->from.row_count);
        weir_buffer_append_byte(&f->bytes, 0);
        assert_int_equal(decode_copy(f, f->bytes.data, f->bytes.length), WEIR_E_FORMAT);
        stop(f);
    }
}

/* Whatever is read from damaged bytes can be hashed, compared and written again. */
static void use(struct fixture *f)
{
    uint64_t hashes[WEIR_BATCH_ROWS_MAX];
    for (uint32_t c = 0; c < f->columns; c++) {
        weir_batch_hash(&f->to, &c, 1, hashes);
        for (uint32_t i = 1; i < f->to.row_count; i++) {
            weir_vector_compare_at(&f->to.columns[c], i, &f->to.columns[c], i - 1, true);
        }
    }
    struct weir_buffer again;
    weir_buffer_init(&again, &f->memory.base, 16 << 20);
    weir_batch_encode(&f->to, &again);
    weir_buffer_done(&again);
}

static void test_random_damage(void **context)
{
    struct fixture *f = *context;
    uint32_t accepted = 0, refused = 0;
    for (uint32_t round = 0; round < 150; round++) {
        start(f, 3);
        random_batch(&f->random, &f->from);
        f->from.row_count = WEIR_MIN(f->from.row_count, 40u);
        f->from.selection = NULL;
        weir_batch_encode(&f->from, &f->bytes);
        uint8_t *damaged = (uint8_t *)weir_arena_copy(&f->arena, f->bytes.data, f->bytes.length);
        for (uint32_t i = 0; i < 300; i++) {
            memcpy(damaged, f->bytes.data, f->bytes.length);
            for (uint32_t k = 1 + random_below(&f->random, 3); k; k--) {
                size_t at = 4 + random_next(&f->random) % (f->bytes.length - 4);
                damaged[at] = random_below(&f->random, 3) ? (uint8_t)random_next(&f->random)
                                                          : (uint8_t)(damaged[at] ^ 1);
            }
            if (decode_copy(f, damaged, f->bytes.length) == WEIR_OK) {
                accepted++;
                use(f);
            } else {
                refused++;
            }
        }
        stop(f);
    }
    assert_true(accepted > 1000 && refused > 1000);
}

static void test_wrong_columns(void **context)
{
    struct fixture *f = *context;
    start(f, 1);
    weir_batch_done(&f->to);
    const struct weir_type *types[] = { weir_type_of(WEIR_TYPE_INT), weir_type_of(WEIR_TYPE_INT) };
    weir_batch_init(&f->to, types, 2, &f->memory.base);
    struct weir_batch one;
    weir_batch_init(&one, types, 1, &f->memory.base);
    one.row_count = 3;
    weir_batch_encode(&one, &f->bytes);
    struct weir_error error;
    assert_int_equal(
        weir_batch_decode(&f->to, (const uint8_t *)f->bytes.data, f->bytes.length, &error), WEIR_E_FORMAT);
    assert_non_null(strstr(error.message, "number of columns"));
    weir_batch_done(&one);
    stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round_trip, setup),
        cmocka_unit_test_setup(test_bytes_that_are_sent, setup),
        cmocka_unit_test_setup(test_cut_at_every_byte, setup),
        cmocka_unit_test_setup(test_random_damage, setup),
        cmocka_unit_test_setup(test_wrong_columns, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
