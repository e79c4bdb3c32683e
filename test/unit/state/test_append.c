/* weir_table_append() against what was put: every kind of store, beside plain inserts, deletes and a
 * snapshot. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "data/key_group.h"
#include "state/table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 16, BATCH = 300, ROUNDS = 12, ROWS_MAX = ROUNDS * BATCH };

struct fixture {
    struct weir_test_memory memory;
    struct weir_state *state;
    struct weir_table *table;
    struct weir_batch batch;
    const struct weir_type *types[4];
    int64_t now_ms;
    weir_row_ref refs[ROWS_MAX]; /* by number; 0: deleted */
    uint32_t count;
};

static bool is_null(uint32_t number)
{
    return number > 900 && number % 7 == 3; /* the first batches have none at all */
}

static void text_of(uint32_t number, char *text)
{
    sprintf(text, "%u%s", number, number % 2 ? "-with-a-tail-that-is-long" : "");
}

/* Row `number` at `at`: BIGINT, INT (NULL now and then), STRING, DOUBLE (a constant vector). */
static void fill(struct fixture *f, uint32_t at, uint32_t number)
{
    char text[64];
    text_of(number, text);
    ((int64_t *)f->batch.columns[0].data)[at] = (int64_t)number * 1000000007;
    ((int32_t *)f->batch.columns[1].data)[at] = -(int32_t)number;
    if (is_null(number)) weir_vector_set_null(&f->batch.columns[1], at, &f->batch.arena);
    ((struct weir_string *)f->batch.columns[2].data)[at] =
        weir_heap_writer_string(&f->batch.heap, text, (uint32_t)strlen(text));
}

/* Into every second row of the batch. */
static void append(struct fixture *f, uint32_t count)
{
    weir_batch_reset(&f->batch);
    uint16_t rows[BATCH], groups[BATCH];
    uint64_t hashes[BATCH];
    uint8_t *pointers[BATCH];
    const struct weir_vector *vectors[4];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = f->count + i;
        rows[i] = (uint16_t)(i * 2);
        fill(f, rows[i], number);
        hashes[i] = number * UINT64_C(0x9e3779b97f4a7c15);
        groups[i] = (uint16_t)weir_key_group_of(hashes[i], GROUPS);
    }
    ((double *)f->batch.columns[3].data)[0] = 2.5;
    f->batch.columns[3].encoding = WEIR_ENCODING_CONSTANT;
    for (uint32_t c = 0; c < 4; c++) vectors[c] = &f->batch.columns[c];
    struct weir_table_keys keys = { .count = count, .rows = rows, .hashes = hashes, .key_groups = groups };
    weir_table_append(f->table, &keys, vectors, pointers, &f->refs[f->count]);
    for (uint32_t i = 0; i < count; i++) {
        assert_ptr_equal(pointers[i], weir_table_read(f->table, f->refs[f->count + i]));
        assert_int_equal(weir_row_key_group(f->refs[f->count + i]), groups[i]);
        int64_t *payload = weir_row_payload(pointers[i], weir_table_payload_offset(f->table));
        assert_int_equal(*payload, 0);
        *payload = f->count + i;
    }
    f->count += count;
}

static void delete_some(struct fixture *f)
{
    for (uint32_t i = 0; i < f->count; i += 5) {
        if (f->refs[i]) weir_table_delete(f->table, f->refs[i]);
        f->refs[i] = WEIR_ROW_NONE;
    }
}

static void expect_row(struct fixture *f, uint32_t number)
{
    const uint8_t *row = weir_table_read(f->table, f->refs[number]);
    char text[64];
    text_of(number, text);
    weir_batch_reset(&f->batch);
    for (uint32_t c = 0; c < 4; c++)
        weir_table_column_load(f->table, &row, 1, c, &f->batch.columns[c], 0, &f->batch.arena, NULL);
    assert_int_equal(((const int64_t *)f->batch.columns[0].data)[0], (int64_t)number * 1000000007);
    assert_int_equal(weir_vector_is_null(&f->batch.columns[1], 0), is_null(number));
    if (!is_null(number)) assert_int_equal(((const int32_t *)f->batch.columns[1].data)[0], -(int32_t)number);
    const struct weir_string *string = (const struct weir_string *)f->batch.columns[2].data;
    assert_int_equal(string->length, strlen(text));
    assert_memory_equal(weir_string_data(string), text, string->length);
    assert_true(((const double *)f->batch.columns[3].data)[0] == 2.5);
    assert_int_equal(*(const int64_t *)(row + weir_table_payload_offset(f->table)), number);
}

static void expect_all(struct fixture *f)
{
    size_t live = 0;
    for (uint32_t i = 0; i < f->count; i++) {
        if (!f->refs[i]) continue;
        expect_row(f, i);
        live++;
    }
    assert_int_equal(weir_table_rows(f->table), live);
}

static enum weir_error_code count_bytes(
    void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    uint64_t *sum = context;
    for (size_t i = 0; i < length; i++) *sum = *sum * 31 + ((const uint8_t *)bytes)[i] + key_group;
    return WEIR_OK;
}

static uint64_t written(struct weir_state_snapshot *snapshot)
{
    uint64_t sum = 0;
    struct weir_error error;
    assert_int_equal(weir_state_snapshot_write(snapshot, count_bytes, &sum, &error), WEIR_OK);
    return sum;
}

static void run(int64_t ttl_ms)
{
    struct fixture *f = calloc(1, sizeof *f);
    weir_test_memory_init(&f->memory);
    f->types[0] = weir_type_of(WEIR_TYPE_BIGINT);
    f->types[1] = weir_type_of(WEIR_TYPE_INT);
    f->types[2] = &weir_type_string;
    f->types[3] = weir_type_of(WEIR_TYPE_DOUBLE);
    f->now_ms = 1000;
    f->state = weir_state_new(&f->memory.base, 0, GROUPS - 1, GROUPS, &f->now_ms);
    f->table = weir_table_open(f->state, &(struct weir_table_options){ .name = "t",
                                             .types = f->types,
                                             .column_count = 4,
                                             .payload_bytes = sizeof(int64_t),
                                             .ttl_ms = ttl_ms });
    weir_batch_init(&f->batch, f->types, 4, &f->memory.base);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (round % 4 == 2) delete_some(f);
        struct weir_state_snapshot *snapshot =
            round % 3 == 1 ? weir_state_snapshot_begin(f->state, round) : NULL;
        uint64_t before = snapshot ? written(snapshot) : 0;
        append(f, round == 0 ? 1 : BATCH - round);
        expect_all(f);
        if (!snapshot) continue;
        assert_true(written(snapshot) == before); /* it does not see what came later */
        weir_state_snapshot_end(snapshot);
    }
    weir_batch_done(&f->batch);
    weir_state_free(f->state);
    weir_test_memory_check(&f->memory);
    free(f);
}

static void test_append(void **state)
{
    (void)state;
    run(0);
}

static void test_append_with_time_to_live(void **state)
{
    (void)state;
    run(5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_append),
        cmocka_unit_test(test_append_with_time_to_live) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
