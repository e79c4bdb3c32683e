/* A state of many pages takes them from slabs: they come back, and snapshots see what they should. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "data/key_group.h"
#include "state/table.h"
#include <string.h>

enum { GROUPS = 4, ROWS = 120000, CHUNK = 1024 };

struct fixture {
    struct weir_test_memory memory;
    struct weir_state *state;
    struct weir_table *table;
    int64_t now_ms;
};

static void open_fixture(struct fixture *f)
{
    static const struct weir_type *const types[] = { &weir_type_bigint_not_null };
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    f->state = weir_state_new(&f->memory.base, 0, GROUPS - 1, GROUPS, &f->now_ms);
    f->table = weir_table_open(f->state, &(struct weir_table_options){ .name = "t",
                                             .types = types,
                                             .key_count = 1,
                                             .column_count = 1,
                                             .payload_bytes = 40,
                                             .indexed = true });
}

static void close_fixture(struct fixture *f)
{
    weir_state_free(f->state);
    weir_test_memory_check(&f->memory);
}

static int64_t *value_of(struct weir_table *table, uint8_t *row)
{
    return weir_row_payload(row, weir_table_payload_offset(table));
}

/* Adds `more` to the value of each key from 0 to ROWS - 1; what is new must begin with nothing. */
static void add(struct weir_table *table, int64_t more, bool new)
{
    static int64_t keys[CHUNK];
    static uint64_t hashes[CHUNK];
    static uint8_t *rows[CHUNK], states[CHUNK];
    struct weir_vector v = { .type = &weir_type_bigint_not_null, .capacity = CHUNK, .data = keys };
    const struct weir_vector *columns[] = { &v };
    for (int64_t first = 0; first < ROWS; first += CHUNK) {
        uint32_t n = (uint32_t)WEIR_MIN((int64_t)CHUNK, ROWS - first);
        for (uint32_t i = 0; i < n; i++) keys[i] = first + i;
        weir_vector_hash(&v, NULL, n, hashes, false);
        struct weir_table_keys in = { .count = n, .columns = columns, .hashes = hashes };
        assert_int_equal(weir_table_upsert(table, &in, rows, NULL, states, NULL), WEIR_OK);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(states[i], new ? WEIR_ROW_NEW : WEIR_ROW_FOUND);
            if (new) assert_int_equal(*value_of(table, rows[i]), 0);
            *value_of(table, rows[i]) += more;
        }
    }
}

static int64_t sum(struct weir_table *table)
{
    static const uint8_t *rows[CHUNK];
    struct weir_table_cursor cursor = { 0 };
    int64_t total = 0;
    for (uint32_t n; (n = weir_table_scan(table, &cursor, rows, NULL, CHUNK)) > 0;) {
        for (uint32_t i = 0; i < n; i++) total += *value_of(table, (uint8_t *)rows[i]);
    }
    return total;
}

static void pages_come_back_and_are_used_again(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    size_t most = 0;
    for (int64_t partition = 1; partition <= 4; partition++) {
        struct weir_table *table = weir_table_partition(f.table, partition, true);
        add(table, partition, true);
        assert_int_equal(sum(table), partition * ROWS);
        size_t bytes = weir_state_bytes(f.state);
        if (partition == 1)
            most = bytes + bytes / 4;
        else
            assert_true(bytes < most);
        weir_table_partition_drop(table);
        assert_true(weir_state_bytes(f.state) < bytes / 2);
    }
    close_fixture(&f);
}

struct sections {
    struct weir_state *to;
    uint32_t count;
};

static enum weir_error_code put_section(
    void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    struct sections *sections = context;
    sections->count++;
    return weir_state_restore(sections->to, key_group, bytes, length, reterr);
}

static void a_snapshot_keeps_the_pages_of_its_time(void **state)
{
    (void)state;
    struct fixture f, restored;
    struct weir_error error;
    open_fixture(&f);
    open_fixture(&restored);
    add(f.table, 1, true);
    size_t before = weir_state_bytes(f.state);
    struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(f.state, 1);
    add(f.table, 10, false);
    assert_true(weir_state_bytes(f.state) > before + before / 2);
    struct sections sections = { .to = restored.state };
    assert_int_equal(weir_state_snapshot_write(snapshot, put_section, &sections, &error), WEIR_OK);
    weir_state_snapshot_end(snapshot);
    assert_int_equal(sections.count, GROUPS);
    assert_int_equal(sum(f.table), 11 * (int64_t)ROWS);
    assert_int_equal(sum(restored.table), ROWS);
    assert_true(weir_state_bytes(f.state) < before + before / 2);
    add(restored.table, 5, false);
    assert_int_equal(sum(restored.table), 6 * (int64_t)ROWS);
    close_fixture(&restored);
    close_fixture(&f);
}

/* Of the rows in the order of a scan, first to last: one of each piece stays. */
static uint32_t thin_out(struct weir_table *table, uint32_t first, uint32_t last)
{
    static const uint8_t *rows[CHUNK];
    static weir_row_ref refs[CHUNK];
    struct weir_table_cursor cursor = { 0 };
    uint32_t met = 0, removed = 0;
    for (uint32_t n; met < last && (n = weir_table_scan(table, &cursor, rows, refs, CHUNK)) > 0; met += n) {
        for (uint32_t r = 1; r < n && met >= first; r++, removed++) weir_table_delete(table, refs[r]);
    }
    return removed;
}

/* Whatever is said of what is to come, even wrongly, and wherever the rows are. */
static void a_restored_directory_fits(void **state)
{
    (void)state;
    static const uint64_t expected[] = { 0, 1, (uint64_t)ROWS * 64, (uint64_t)1 << 40 };
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(expected); i++) {
        struct fixture f, restored;
        struct weir_error error;
        open_fixture(&f);
        open_fixture(&restored);
        add(f.table, 1, true);
        uint32_t removed = 0; /* nearly all of the first key groups, or of the last ones */
        if (i % 2) removed = thin_out(f.table, i == 1 ? 0 : ROWS / 4, i == 1 ? ROWS / 2 : ROWS);
        struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(f.state, 1);
        struct sections sections = { .to = restored.state };
        weir_state_restore_expect(restored.state, expected[i]);
        assert_int_equal(weir_state_snapshot_write(snapshot, put_section, &sections, &error), WEIR_OK);
        assert_int_equal(weir_state_restored(restored.state, 1, &error), WEIR_OK);
        weir_state_snapshot_end(snapshot);
        assert_int_equal(weir_table_rows(restored.table), ROWS - removed);
        assert_int_equal(sum(restored.table), ROWS - removed);
        assert_true(weir_state_bytes(restored.state) < weir_state_bytes(f.state) * 3 / 2);
        if (!removed) add(restored.table, 5, false);
        close_fixture(&restored);
        close_fixture(&f);
    }
}

/* Pages hold what was there before them; a new row begins with nothing but the time it was made. */
static void appended_rows_are_empty_and_live(void **state)
{
    (void)state;
    for (int64_t ttl_ms = 0; ttl_ms <= 1000; ttl_ms += 1000) {
        struct fixture f;
        open_fixture(&f);
        f.now_ms = 5000000;
        static const struct weir_type *const types[] = { &weir_type_bigint_not_null };
        struct weir_table *table = weir_table_open(f.state, &(struct weir_table_options){ .name = "appended",
                                                                .types = types,
                                                                .column_count = 1,
                                                                .payload_bytes = 24,
                                                                .ttl_ms = ttl_ms });
        int64_t values[64];
        uint64_t hashes[64];
        uint16_t places[64], groups[64];
        uint8_t *rows[64];
        weir_row_ref refs[64];
        for (uint32_t i = 0; i < 64; i++)
            values[i] = i, hashes[i] = i, places[i] = (uint16_t)i, groups[i] = i % GROUPS;
        struct weir_vector v = { .type = types[0], .capacity = 64, .data = values };
        const struct weir_vector *columns[] = { &v };
        struct weir_table_keys keys = {
            .count = 64, .rows = places, .columns = columns, .hashes = hashes, .key_groups = groups
        };
        for (int round = 0; round < 50; round++) {
            weir_table_append(table, &keys, columns, rows, refs);
            for (uint32_t i = 0; i < 64; i++) {
                const int64_t *payload = value_of(table, rows[i]);
                assert_true(weir_table_is_live(table, refs[i]) && !weir_table_expired(table, rows[i]));
                assert_true(payload[0] == 0 && payload[1] == 0 && payload[2] == 0);
                assert_true(weir_table_column_equal(table, rows[i], 0, &v, i));
                memset(value_of(table, rows[i]), 0xff, 24);
            }
            weir_table_delete(table, refs[round]);
        }
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_back_and_are_used_again),
        cmocka_unit_test(appended_rows_are_empty_and_live),
        cmocka_unit_test(a_snapshot_keeps_the_pages_of_its_time),
        cmocka_unit_test(a_restored_directory_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
