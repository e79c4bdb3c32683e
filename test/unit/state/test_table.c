#include "support/cmocka_all.h"
#include "support/memory.h"
#include "data/key_group.h"
#include "state/table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 16, BATCH = 256 };

struct fixture {
    struct weir_test_memory memory;
    struct weir_state *state;
    struct weir_table *table;
    struct weir_batch batch;
    const struct weir_type *types[3];
    int64_t now_ms;
};

struct payload {
    int64_t value;
    struct weir_state_string text;
};

static void open_state(struct fixture *f, uint32_t first, uint32_t last, int64_t ttl_ms)
{
    f->types[0] = weir_type_of(WEIR_TYPE_BIGINT);
    f->types[1] = &weir_type_string;
    f->types[2] = &weir_type_string;
    f->state = weir_state_new(&f->memory.base, first, last, GROUPS, &f->now_ms);
    f->table = weir_table_open(f->state, &(struct weir_table_options){ .name = "t",
                                             .types = f->types,
                                             .key_count = 2,
                                             .column_count = 3,
                                             .payload_bytes = sizeof(struct payload),
                                             .ttl_ms = ttl_ms,
                                             .indexed = true });
}

static void open_fixture(struct fixture *f, int64_t ttl_ms)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    f->now_ms = 1000;
    open_state(f, 0, GROUPS - 1, ttl_ms);
    weir_batch_init(&f->batch, f->types, 3, &f->memory.base);
}

static void close_fixture(struct fixture *f)
{
    weir_batch_done(&f->batch);
    weir_state_free(f->state);
    weir_test_memory_check(&f->memory);
}

static void text_of(int64_t key, int64_t salt, char *text)
{
    sprintf(text, "%lld/%lld%s", (long long)key, (long long)salt, key % 2 ? "-with-a-tail-that-is-long" : "");
}

/* Upserts the keys and gives each row `salt`: payload, value column, string beside the row. */
static void put(struct fixture *f, const int64_t *keys, uint32_t n, int64_t salt)
{
    weir_batch_reset(&f->batch);
    f->batch.row_count = n;
    for (uint32_t i = 0; i < n; i++) {
        char text[128];
        ((int64_t *)f->batch.columns[0].data)[i] = keys[i];
        text_of(keys[i], 0, text);
        ((struct weir_string *)f->batch.columns[1].data)[i] =
            weir_heap_writer_string(&f->batch.heap, text, (uint32_t)strlen(text));
        text_of(keys[i], salt, text);
        ((struct weir_string *)f->batch.columns[2].data)[i] =
            weir_heap_writer_string(&f->batch.heap, text, (uint32_t)strlen(text));
    }
    uint64_t hashes[BATCH];
    weir_batch_hash(&f->batch, (uint32_t[]){ 0, 1 }, 2, hashes);
    const struct weir_vector *columns[2] = { &f->batch.columns[0], &f->batch.columns[1] };
    struct weir_table_keys table_keys = { .count = n, .columns = columns, .hashes = hashes };
    uint8_t *rows[BATCH];
    struct weir_error error;
    assert_int_equal(weir_table_upsert(f->table, &table_keys, rows, NULL, NULL, &error), WEIR_OK);
    for (uint32_t i = 0; i < n; i++) {
        struct payload *payload = (struct payload *)(rows[i] + weir_table_payload_offset(f->table));
        char text[128];
        text_of(keys[i], salt, text);
        payload->value = salt;
        weir_state_string_set(
            f->table, weir_key_group_of(hashes[i], GROUPS), &payload->text, text, (uint32_t)strlen(text));
        weir_table_column_store(f->table, rows[i], 2, &f->batch.columns[2], i);
    }
}

static weir_row_ref look_up(struct fixture *f, int64_t key, const uint8_t **row)
{
    weir_batch_reset(&f->batch);
    char text[128];
    text_of(key, 0, text);
    f->batch.row_count = 1;
    ((int64_t *)f->batch.columns[0].data)[0] = key;
    ((struct weir_string *)f->batch.columns[1].data)[0] =
        weir_heap_writer_string(&f->batch.heap, text, (uint32_t)strlen(text));
    uint64_t hash;
    weir_batch_hash(&f->batch, (uint32_t[]){ 0, 1 }, 2, &hash);
    const struct weir_vector *columns[2] = { &f->batch.columns[0], &f->batch.columns[1] };
    struct weir_table_keys keys = { .count = 1, .columns = columns, .hashes = &hash };
    weir_row_ref ref;
    weir_table_find(f->table, &keys, row, &ref);
    return ref;
}

static void expect(struct fixture *f, int64_t key, int64_t salt)
{
    const uint8_t *row;
    char text[128];
    if (!look_up(f, key, &row)) fail_msg("key %lld is not there", (long long)key);
    const struct payload *payload = (const struct payload *)(row + weir_table_payload_offset(f->table));
    assert_int_equal(payload->value, salt);
    text_of(key, salt, text);
    struct weir_string s = weir_state_string_get(f->table, &payload->text);
    assert_int_equal(s.length, strlen(text));
    assert_memory_equal(weir_string_data(&s), text, s.length);
    struct weir_string stored;
    struct weir_vector v = {
        .type = &weir_type_string, .encoding = WEIR_ENCODING_FLAT, .capacity = 1, .data = &stored
    };
    weir_table_column_load(f->table, &row, 1, 2, &v, 0, &f->batch.arena, NULL);
    assert_int_equal(stored.length, strlen(text));
    assert_memory_equal(weir_string_data(&stored), text, stored.length);
}

static void drop_row(struct fixture *f, int64_t key)
{
    const uint8_t *row;
    weir_row_ref ref = look_up(f, key, &row);
    assert_true(ref != 0);
    struct payload *payload =
        (struct payload *)(weir_table_write(f->table, ref) + weir_table_payload_offset(f->table));
    weir_state_string_free(f->table, &payload->text);
    weir_table_delete(f->table, ref);
}

static void put_range(struct fixture *f, int64_t first, int64_t last, int64_t salt)
{
    int64_t keys[BATCH];
    for (int64_t at = first; at < last; at += BATCH) {
        uint32_t n = (uint32_t)WEIR_MIN(last - at, BATCH);
        for (uint32_t i = 0; i < n; i++) keys[i] = at + i;
        put(f, keys, n, salt);
    }
}

static void test_upsert_find_delete(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    put_range(&f, 0, 20000, 1);
    put_range(&f, 5000, 6000, 2);
    assert_int_equal(weir_table_rows(f.table), 20000);
    for (int64_t k = 0; k < 20000; k += 7) expect(&f, k, k >= 5000 && k < 6000 ? 2 : 1);
    for (int64_t k = 0; k < 20000; k += 2) drop_row(&f, k);
    const uint8_t *row;
    assert_true(look_up(&f, 100, &row) == 0);
    expect(&f, 101, 1);
    size_t before = weir_state_bytes(f.state);
    for (int round = 0; round < 5; round++) { /* slots and blocks are used again */
        put_range(&f, 30000, 40000, 3);
        for (int64_t k = 30000; k < 40000; k++) drop_row(&f, k);
    }
    assert_true(weir_state_bytes(f.state) < before * 3 / 2);
    assert_int_equal(weir_table_rows(f.table), 10000);
    close_fixture(&f);
}

struct section {
    uint32_t key_group;
    char *bytes;
    size_t length;
};
struct sections {
    struct section items[GROUPS];
    uint32_t count;
};

static enum weir_error_code keep_section(
    void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    struct sections *sections = context;
    (void)reterr;
    assert_true(sections->count < GROUPS);
    struct section *section = &sections->items[sections->count++];
    *section = (struct section){ key_group, malloc(length), length };
    memcpy(section->bytes, bytes, length);
    return WEIR_OK;
}

static void free_sections(struct sections *sections)
{
    for (uint32_t i = 0; i < sections->count; i++) free(sections->items[i].bytes);
    sections->count = 0;
}

/* What is written after begin() must not show in the snapshot, whatever happens to rows, strings and the
 * directory. */
static void test_snapshot_while_writing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    put_range(&f, 0, 5000, 1);
    struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(f.state, 1);
    put_range(&f, 1000, 9000, 2);
    for (int64_t k = 0; k < 500; k++) drop_row(&f, k);
    put_range(&f, 20000, 20500, 2);
    struct sections sections = { .count = 0 };
    struct weir_error error;
    assert_int_equal(weir_state_snapshot_write(snapshot, keep_section, &sections, &error), WEIR_OK);
    struct weir_state_snapshot *second = weir_state_snapshot_begin(f.state, 2);
    put_range(&f, 3000, 4000, 3);
    weir_state_snapshot_end(snapshot);
    expect(&f, 3500, 3);
    expect(&f, 999, 1);
    expect(&f, 8999, 2);
    struct sections later = { .count = 0 };
    assert_int_equal(weir_state_snapshot_write(second, keep_section, &later, &error), WEIR_OK);
    weir_state_snapshot_end(second);

    weir_state_free(f.state);
    open_state(&f, 0, GROUPS - 1, 0);
    for (uint32_t i = 0; i < sections.count; i++) {
        assert_int_equal(weir_state_restore(f.state, sections.items[i].key_group, sections.items[i].bytes,
                             sections.items[i].length, &error),
            WEIR_OK);
    }
    assert_int_equal(weir_table_rows(f.table), 5000);
    for (int64_t k = 0; k < 5000; k++) expect(&f, k, 1);
    put_range(&f, 4000, 6000, 4); /* free lists and pages go on */
    expect(&f, 5999, 4);
    expect(&f, 3999, 1);

    weir_state_free(f.state);
    open_state(&f, 0, GROUPS - 1, 0);
    for (uint32_t i = 0; i < later.count; i++) {
        assert_int_equal(weir_state_restore(f.state, later.items[i].key_group, later.items[i].bytes,
                             later.items[i].length, &error),
            WEIR_OK);
    }
    assert_int_equal(weir_table_rows(f.table), 9000);
    expect(&f, 3500, 2);
    expect(&f, 600, 1);
    expect(&f, 20100, 2);
    free_sections(&sections);
    free_sections(&later);
    close_fixture(&f);
}

/* Any damage is answered; nothing is read past the end. */
static void test_restore_damaged(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    put_range(&f, 0, 300, 1);
    struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(f.state, 1);
    struct sections sections = { .count = 0 };
    struct weir_error error;
    assert_int_equal(weir_state_snapshot_write(snapshot, keep_section, &sections, &error), WEIR_OK);
    weir_state_snapshot_end(snapshot);
    const struct section *s = &sections.items[0];
    weir_state_free(f.state);
    for (size_t length = 0; length < s->length; length += 1 + length / 9) {
        open_state(&f, 0, GROUPS - 1, 0);
        char *cut = malloc(length + 1);
        memcpy(cut, s->bytes, length);
        if (length != 4 && !weir_state_restore(f.state, s->key_group, cut, length, &error))
            fail_msg("a section cut at %zu was taken", length);
        free(cut);
        weir_state_free(f.state);
    }
    open_state(&f, s->key_group + 1, GROUPS - 1, 0);
    assert_int_equal(weir_state_restore(f.state, s->key_group, s->bytes, s->length, &error), WEIR_E_STATE);
    weir_state_free(f.state);
    f.types[2] = weir_type_of(WEIR_TYPE_BIGINT);
    f.state = weir_state_new(&f.memory.base, 0, GROUPS - 1, GROUPS, &f.now_ms);
    f.table = weir_table_open(f.state, &(struct weir_table_options){ .name = "t",
                                           .types = f.types,
                                           .key_count = 2,
                                           .column_count = 3,
                                           .payload_bytes = sizeof(struct payload),
                                           .indexed = true });
    assert_int_equal(weir_state_restore(f.state, s->key_group, s->bytes, s->length, &error), WEIR_E_STATE);
    assert_non_null(strstr(error.message, "other column types"));
    weir_state_free(f.state);
    f.types[2] = &weir_type_string;
    for (uint64_t meaning = 0; meaning < 2; meaning++) { /* laid out alike, of other functions */
        f.state = weir_state_new(&f.memory.base, 0, GROUPS - 1, GROUPS, &f.now_ms);
        f.table = weir_table_open(f.state, &(struct weir_table_options){ .name = "t",
                                               .types = f.types,
                                               .key_count = 2,
                                               .column_count = 3,
                                               .payload_bytes = sizeof(struct payload),
                                               .indexed = true,
                                               .meaning = meaning });
        enum weir_error_code code = weir_state_restore(f.state, s->key_group, s->bytes, s->length, &error);
        assert_int_equal(code, meaning ? WEIR_E_STATE : WEIR_OK);
        if (!meaning) weir_state_free(f.state);
    }
    assert_non_null(strstr(error.message, "functions or windows"));
    free_sections(&sections);
    close_fixture(&f);
}

static uint32_t expired;
static void expire_row(void *context, struct weir_table *table, weir_row_ref ref)
{
    (void)context;
    struct payload *payload =
        (struct payload *)(weir_table_write(table, ref) + weir_table_payload_offset(table));
    weir_state_string_free(table, &payload->text);
    weir_table_delete(table, ref);
    expired++;
}

static void test_time_to_live(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 100);
    put_range(&f, 0, 1000, 1);
    f.now_ms += 60;
    put_range(&f, 500, 1000, 2);
    f.now_ms += 40;
    const uint8_t *row;
    assert_true(look_up(&f, 10, &row) == 0);
    expect(&f, 600, 2);
    expired = 0;
    for (int i = 0; i < 20; i++) weir_table_sweep(f.table, 100, expire_row, NULL);
    assert_int_equal(expired, 500);
    assert_int_equal(weir_table_rows(f.table), 500);
    close_fixture(&f);
}

static void test_partitions(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct weir_table *handle = f.table;
    for (int64_t p = 5; p > 0; p--) {
        f.table = weir_table_partition(handle, p * 10, true);
        put_range(&f, 0, 100 * p, p);
    }
    int64_t expected = 10;
    for (struct weir_table *t = weir_table_partition_first(handle); t; t = weir_table_partition_next(t)) {
        assert_int_equal(weir_table_partition_id(t), expected);
        assert_int_equal(weir_table_rows(t), expected * 10);
        expected += 10;
    }
    assert_int_equal(expected, 60);
    weir_table_partition_drop(weir_table_partition(handle, 30, false));
    assert_null(weir_table_partition(handle, 30, false));
    f.table = weir_table_partition(handle, 30, true);
    assert_int_equal(weir_table_rows(f.table), 0);
    put_range(&f, 0, 10, 9);
    expect(&f, 9, 9);
    f.table = handle;
    close_fixture(&f);
}

struct member {
    struct weir_row_node node;
    int64_t value;
};

static int compare_members(const void *context, const uint8_t *a, const uint8_t *b)
{
    size_t offset = *(const size_t *)context;
    int64_t x = ((const struct member *)(a + offset))->value,
            y = ((const struct member *)(b + offset))->value;
    return (x > y) - (x < y);
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void test_tree(void **state)
{
    (void)state;
    enum { MEMBERS = 2000 };
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    int64_t now = 0;
    struct weir_state *s = weir_state_new(&memory.base, 0, GROUPS - 1, GROUPS, &now);
    struct weir_table *table = weir_table_open(
        s, &(struct weir_table_options){ .name = "m", .payload_bytes = sizeof(struct member) });
    size_t offset = weir_table_payload_offset(table);
    struct weir_tree_order order = {
        .table = table, .node_offset = offset, .compare = compare_members, .context = &offset
    };
    struct weir_row_tree tree = { 0 };
    static int64_t values[MEMBERS];
    static weir_row_ref refs[MEMBERS];
    uint32_t n = 0, seed = 1;
    for (int step = 0; step < 6000; step++) {
        seed = seed * 1664525 + 1013904223;
        if (n < MEMBERS && (n == 0 || seed >> 30)) {
            weir_row_ref ref;
            uint8_t *row = weir_table_insert(table, 3, 0, &ref);
            int64_t value = seed >> 8 & 0xfff;
            ((struct member *)(row + offset))->value = value;
            uint64_t rank = weir_row_tree_insert(&order, &tree, ref), smaller = 0;
            for (uint32_t i = 0; i < n; i++) smaller += values[i] <= value; /* equal ones stay in front */
            assert_int_equal(rank, smaller);
            values[n] = value;
            refs[n++] = ref;
        } else {
            uint32_t victim = (seed >> 4) % n;
            weir_row_tree_remove(&order, &tree, refs[victim]);
            weir_table_delete(table, refs[victim]);
            values[victim] = values[--n];
            refs[victim] = refs[n];
        }
        assert_int_equal(tree.count, n);
    }
    qsort(values, n, sizeof *values, compare_values);
    uint32_t i = 0;
    for (weir_row_ref ref = weir_row_tree_first(&order, &tree); ref;
         ref = weir_row_tree_next(&order, ref), i++) {
        assert_int_equal(((const struct member *)(weir_table_read(table, ref) + offset))->value, values[i]);
        assert_int_equal(weir_row_tree_rank(&order, &tree, ref), i);
        assert_true(weir_row_tree_at(&order, &tree, i) == ref);
    }
    assert_int_equal(i, n);
    for (weir_row_ref ref = weir_row_tree_last(&order, &tree); ref; ref = weir_row_tree_previous(&order, ref))
        i--;
    assert_int_equal(i, 0);
    weir_state_free(s);
    weir_test_memory_check(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upsert_find_delete),
        cmocka_unit_test(test_snapshot_while_writing),
        cmocka_unit_test(test_restore_damaged),
        cmocka_unit_test(test_time_to_live),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
