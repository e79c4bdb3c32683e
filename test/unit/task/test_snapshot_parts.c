/* Key groups of many pages: what nobody has written to is not written again, and nothing else is left out. */
#include "memory_filesystem.h"
#include "support/memory.h"

#include "state/table.h"
#include "task/snapshot.h"

enum { GROUPS = 3, ROWS_MAX = 9000, PARTITIONS = 3, ROUNDS = 40 };

static const struct weir_plan_node node = { .id = 3, .operator_name = "test" };
static const struct weir_plan_node *const operators[] = { &node };

struct payload {
    uint64_t value;
    struct weir_state_string text;
    uint64_t padding[3];
};

/* A row as it should be; length 0: without a text. */
struct row {
    bool live;
    weir_row_ref ref;
    uint64_t value;
    uint32_t length;
    uint8_t letter;
};
struct model {
    struct row rows[PARTITIONS][ROWS_MAX];
};

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct memory_filesystem fs;
    struct weir_error error;
    struct weir_job_vertex vertex;
    int64_t now_ms;
    uint64_t random, next_id;
    struct weir_state *state;
    struct weir_table *table;
    struct model model, taken; /* as it is; as it was at the last snapshot */
    enum weir_snapshot_compression compression;
};

static uint64_t draw(struct fixture *f, uint64_t below)
{
    f->random = f->random * 6364136223846793005u + 1442695040888963407u;
    return (f->random >> 33) % below;
}

static struct weir_table *open(struct fixture *f, struct weir_state **ret)
{
    *ret = weir_state_new(&f->memory.base, 0, GROUPS - 1, GROUPS, &f->now_ms);
    return weir_table_open(
        *ret, &(struct weir_table_options){ .name = "rows", .payload_bytes = sizeof(struct payload) });
}

static void begin(struct fixture *f, uint64_t seed, enum weir_snapshot_compression compression)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    memory_filesystem_init(&f->fs);
    f->random = seed;
    f->next_id = 1;
    f->compression = compression;
    f->vertex = (struct weir_job_vertex){ .id = 9,
        .name = "Test",
        .operators = operators,
        .operator_count = 1,
        .parallelism = 1,
        .max_parallelism = GROUPS };
    f->table = open(f, &f->state);
}

static void end(struct fixture *f)
{
    weir_state_free(f->state);
    memory_filesystem_done(&f->fs);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static struct payload *payload_of(struct weir_table *table, const void *row)
{
    return (struct payload *)((uint8_t *)(uintptr_t)row + weir_table_payload_offset(table));
}

static void write_row(struct fixture *f, struct weir_table *table, struct row *row, uint32_t index)
{
    char text[600];
    if (!row->live) {
        weir_table_insert(table, index % GROUPS, index * 7919u, &row->ref);
        row->live = true;
        row->length = 0;
    }
    uint8_t *bytes = weir_table_write(table, row->ref);
    payload_of(table, bytes)->value = row->value = draw(f, 1000);
    if (draw(f, 3)) return;
    row->length = 1 + (uint32_t)draw(f, sizeof text - 1);
    row->letter = (uint8_t)('a' + draw(f, 26));
    memset(text, row->letter, row->length);
    weir_state_string_set(table, index % GROUPS, &payload_of(table, weir_table_write(table, row->ref))->text,
        text, row->length);
}

static void delete_row(struct weir_table *table, struct row *row)
{
    if (row->length)
        weir_state_string_free(table, &payload_of(table, weir_table_write(table, row->ref))->text);
    weir_table_delete(table, row->ref);
    row->live = false;
}

/* Now and then much, mostly little and in one place; now and then a whole partition goes. */
static void change(struct fixture *f)
{
    int64_t partition = (int64_t)draw(f, PARTITIONS);
    struct weir_table *table = weir_table_partition(f->table, partition, true);
    uint32_t from = (uint32_t)draw(f, ROWS_MAX), count = draw(f, 4) ? 20 : ROWS_MAX / 2;
    if (!draw(f, 12)) {
        weir_table_partition_drop(table);
        memset(f->model.rows[partition], 0, sizeof f->model.rows[partition]);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = (from + i) % ROWS_MAX;
        struct row *row = &f->model.rows[partition][index];
        if (row->live && !draw(f, 4))
            delete_row(table, row);
        else
            write_row(f, table, row, index);
    }
}

static void expect(struct fixture *f, struct weir_table *any, const struct model *model)
{
    for (int64_t p = 0; p < PARTITIONS; p++) {
        uint32_t live = 0;
        struct weir_table *table = weir_table_partition(any, p, true);
        for (uint32_t i = 0; i < ROWS_MAX; i++) {
            const struct row *row = &model->rows[p][i];
            live += row->live;
            if (!row->live) continue;
            const struct payload *payload = payload_of(table, weir_table_read(table, row->ref));
            if (payload->value != row->value) fail_msg("partition %d row %u is not what it was", (int)p, i);
            if (!row->length) continue;
            struct weir_string text = weir_state_string_get(table, &payload->text);
            const char *bytes = weir_string_data(&text);
            if (text.length != row->length || bytes[0] != row->letter ||
                bytes[text.length - 1] != row->letter)
                fail_msg("partition %d row %u has another text", (int)p, i);
        }
        assert_int_equal(weir_table_rows(table), live);
    }
}

static enum weir_error_code load(
    struct fixture *f, const struct weir_snapshot_manifest *manifest, struct weir_state *state)
{
    struct weir_arena arena;
    struct weir_subtask_restore restore;
    weir_arena_init(&arena, &f->memory.base);
    enum weir_error_code code = weir_snapshot_restore(
        &f->fs.base, manifest->checkpoint_id, manifest, 1, &f->vertex, 0, &arena, &restore, &f->error);
    for (uint32_t i = 0; !code && i < restore.section_count; i++)
        code = weir_state_restore(state, restore.sections[i].key_group, restore.sections[i].bytes,
            restore.sections[i].length, &f->error);
    if (!code) code = weir_state_restored(state, manifest->checkpoint_id, &f->error);
    weir_arena_done(&arena);
    return code;
}

/* Takes a snapshot, goes on changing while it is pending, writes it; ret is as it is read from storage. */
static void take(struct fixture *f, const struct weir_snapshot_manifest *base, bool busy,
    struct weir_snapshot_manifest *ret)
{
    struct weir_snapshot_item item = { .uid = "3_test" };
    struct weir_subtask_snapshot snapshot = { .checkpoint_id = f->next_id++,
        .epoch = 4,
        .base_id = base ? base->checkpoint_id : 0,
        .item_count = 1,
        .items = &item };
    weir_buffer_init(&item.blob, &f->memory.base, 1 << 20);
    item.state = weir_state_snapshot_begin(f->state, snapshot.checkpoint_id);
    f->taken = f->model;
    if (busy) change(f);
    struct weir_snapshot_manifest written;
    assert_int_equal(weir_snapshot_write_as(f->compression, &f->fs.base, "/dir", "a", &f->vertex, 0,
                         &snapshot, base, &f->memory.base, &f->arena, &written, &f->error),
        WEIR_OK);
    weir_state_snapshot_end(item.state);
    weir_buffer_done(&item.blob);
    struct weir_buffer stored;
    weir_buffer_init(&stored, &f->memory.base, 1 << 24);
    weir_snapshot_manifest_write(&written, NULL, &stored);
    struct weir_reader reader = { .data = (const uint8_t *)stored.data, .length = stored.length };
    assert_int_equal(weir_snapshot_manifest_read(&reader, NULL, &f->arena, ret, &f->error), WEIR_OK);
    weir_buffer_done(&stored);
    ret->bytes_written = written.bytes_written;
    struct weir_state *state;
    struct weir_table *table = open(f, &state);
    assert_int_equal(load(f, ret, state), WEIR_OK);
    expect(f, table, &f->taken);
    weir_state_free(state);
}

static void random_rounds(uint64_t seed, enum weir_snapshot_compression compression)
{
    struct fixture *f = malloc(sizeof *f);
    begin(f, seed, compression);
    struct weir_snapshot_manifest made[ROUNDS];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (draw(f, 5)) change(f);
        /* Not always the last one: that may have failed elsewhere. */
        uint32_t back = (uint32_t)draw(f, 3);
        if (compression) f->compression = draw(f, 2) ? WEIR_SNAPSHOT_LZ4 : WEIR_SNAPSHOT_PLAIN;
        take(f, round > back ? &made[round - 1 - back] : NULL, draw(f, 2), &made[round]);
        if (draw(f, 8)) continue;
        weir_state_free(f->state); /* a failover */
        f->table = open(f, &f->state);
        assert_int_equal(load(f, &made[round], f->state), WEIR_OK);
        f->model = f->taken;
    }
    end(f);
    free(f);
}

static void snapshots_on_bases_hold_what_was_there(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) random_rounds(seed, WEIR_SNAPSHOT_PLAIN);
}

static void compressed_and_plain_ones_mix(void **state)
{
    for (uint64_t seed = 11; seed <= 13; seed++) random_rounds(seed, WEIR_SNAPSHOT_LZ4);
}

static void fill(struct fixture *f)
{
    for (uint32_t i = 0; i < ROWS_MAX; i++) write_row(f, f->table, &f->model.rows[0][i], i);
}

static void only_pages_that_were_written_to_are_written_again(void **state)
{
    static struct fixture f;
    struct weir_snapshot_manifest first, second, third, fourth;
    begin(&f, 5, WEIR_SNAPSHOT_PLAIN);
    fill(&f);
    take(&f, NULL, false, &first);
    assert_true(first.section_count > GROUPS * 3);
    take(&f, &first, false, &second);
    assert_int_equal(second.bytes_written, 0);
    assert_int_equal(second.bytes_total, first.bytes_total);
    f.model.rows[0][ROWS_MAX - 1].value = 77;
    payload_of(f.table, weir_table_write(f.table, f.model.rows[0][ROWS_MAX - 1].ref))->value = 77;
    take(&f, &second, false, &third);
    assert_true(third.bytes_written > 0 && third.bytes_written <= 2 * (64 << 10)); /* one page, and heads */
    assert_true(third.bytes_written * 4 < third.bytes_total);
    /* The same after a restore: what was restored is a base. */
    weir_state_free(f.state);
    f.table = open(&f, &f.state);
    assert_int_equal(load(&f, &third, f.state), WEIR_OK);
    take(&f, &third, false, &fourth);
    assert_int_equal(fourth.bytes_written, 0);
    end(&f);
}

static void a_part_that_is_missing_is_told(void **state)
{
    static struct fixture f;
    struct weir_snapshot_manifest manifest;
    begin(&f, 6, WEIR_SNAPSHOT_PLAIN);
    fill(&f);
    take(&f, NULL, false, &manifest);
    manifest.section_count--;
    weir_state_free(f.state);
    f.table = open(&f, &f.state);
    assert_int_equal(load(&f, &manifest, f.state), WEIR_E_STATE);
    assert_non_null(strstr(f.error.message, "lacks"));
    end(&f);
}

static void compression_makes_it_smaller(void **state)
{
    static struct fixture f;
    struct weir_snapshot_manifest plain, packed;
    begin(&f, 7, WEIR_SNAPSHOT_PLAIN);
    fill(&f);
    take(&f, NULL, false, &plain);
    f.compression = WEIR_SNAPSHOT_LZ4;
    take(&f, NULL, false, &packed);
    assert_true(packed.bytes_written * 2 < plain.bytes_written);
    /* What is as in a base of the other kind is referred to. */
    struct weir_snapshot_manifest mixed;
    take(&f, &plain, false, &mixed);
    assert_int_equal(mixed.bytes_written, 0);
    end(&f);
}

/* --- parts as builds before this one made them: four pages each --- */

enum { OLD_PART_PAGES = 4, STORED_MAX = 400 };

struct stored {
    uint32_t key_group;
    uint64_t part;
    struct weir_buffer bytes;
};
struct store {
    struct fixture *f;
    struct stored sections[STORED_MAX];
    uint32_t count, reused;
    struct store *base;
};

static struct stored *add_stored(struct store *store, uint32_t key_group, uint64_t part)
{
    assert_true(store->count < STORED_MAX);
    struct stored *to = &store->sections[store->count++];
    to->key_group = key_group;
    to->part = part;
    weir_buffer_init(&to->bytes, &store->f->memory.base, 1 << 24);
    return to;
}

static void store_done(struct store *store)
{
    for (uint32_t i = 0; i < store->count; i++) weir_buffer_done(&store->sections[i].bytes);
}

static enum weir_error_code store_put(void *context, uint32_t key_group, uint64_t part, const void *bytes,
    size_t length, struct weir_error *reterr)
{
    weir_buffer_append(&add_stored(context, key_group, part)->bytes, bytes, length);
    return WEIR_OK;
}

static bool store_reuse(void *context, uint32_t key_group, uint64_t part)
{
    struct store *store = context;
    for (uint32_t i = 0; store->base && i < store->base->count; i++) {
        const struct stored *old = &store->base->sections[i];
        if (old->key_group != key_group || old->part != part) continue;
        store->reused++;
        store_put(store, key_group, part, old->bytes.data, old->bytes.length, NULL);
        return true;
    }
    return false;
}

static void write_store(struct weir_state *state, uint64_t id, uint64_t base_id, struct store *to)
{
    struct weir_state_sink sink = { .context = to, .reuse = store_reuse, .put = store_put };
    struct weir_state_snapshot *snapshot = weir_state_snapshot_begin(state, id);
    assert_int_equal(weir_state_snapshot_write_parts(snapshot, base_id, &sink, &to->f->error), WEIR_OK);
    weir_state_snapshot_end(snapshot);
}

static uint64_t old_part_id(const char *name, uint64_t is_heap, uint64_t first)
{
    uint64_t hash = 0xcbf29ce484222325u, values[] = { 0, is_heap, first };
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    for (uint32_t i = 0; i < 3; i++) {
        hash = (hash ^ values[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

/* Of one page each: u32 magic, u32 4, "rows", u64 partition, byte 1 = heap, u32 first, u32 count, pages. */
static void merge_parts(const struct store *from, struct store *to)
{
    enum { HEAP_AT = 20, FIRST_AT = 21, COUNT_AT = 25, PAGES_AT = 29 };
    for (uint32_t key_group = 0; key_group < GROUPS; key_group++) {
        for (uint32_t wanted = 0; wanted < 2 * STORED_MAX; wanted++) { /* heap or not, and the page */
            for (uint32_t i = 0; i < from->count; i++) {
                const struct stored *part = &from->sections[i];
                uint32_t first, count;
                if (part->key_group != key_group || !part->part) continue;
                memcpy(&first, part->bytes.data + FIRST_AT, 4);
                memcpy(&count, part->bytes.data + COUNT_AT, 4);
                assert_int_equal(count, 1);
                uint8_t is_heap = part->bytes.data[HEAP_AT];
                if (first != wanted / 2 || is_heap != wanted % 2) continue;
                uint64_t id = old_part_id("rows", is_heap, first / OLD_PART_PAGES * OLD_PART_PAGES);
                struct stored *merged = NULL;
                for (uint32_t m = 0; m < to->count; m++)
                    if (to->sections[m].key_group == key_group && to->sections[m].part == id)
                        merged = &to->sections[m];
                bool new = !merged;
                if (new) merged = add_stored(to, key_group, id);
                weir_buffer_append(&merged->bytes, part->bytes.data + (new ? 0 : PAGES_AT),
                    part->bytes.length - (new ? 0 : PAGES_AT));
                memcpy(&count, merged->bytes.data + COUNT_AT, 4);
                count += !new;
                memcpy(merged->bytes.data + COUNT_AT, &count, 4);
            }
        }
    }
}

static struct weir_table *load_store(
    struct fixture *f, const struct store *from, uint64_t id, struct weir_state **ret)
{
    struct weir_table *table = open(f, ret);
    for (uint32_t i = 0; i < from->count; i++)
        if (weir_state_restore(*ret, from->sections[i].key_group, from->sections[i].bytes.data,
                from->sections[i].bytes.length, &f->error))
            fail_msg("section %u: %s", i, f->error.message);
    assert_int_equal(weir_state_restored(*ret, id, &f->error), WEIR_OK);
    return table;
}

static void a_checkpoint_with_longer_parts_is_built_on(void **state)
{
    static struct fixture f;
    static struct store made, old, new;
    begin(&f, 8, WEIR_SNAPSHOT_PLAIN);
    made = old = new = (struct store){ .f = &f };
    fill(&f);
    write_store(f.state, 5, 0, &made);
    for (uint32_t i = 0; i < made.count; i++)
        if (!made.sections[i].part)
            store_put(&old, made.sections[i].key_group, 0, made.sections[i].bytes.data,
                made.sections[i].bytes.length, NULL);
    merge_parts(&made, &old);
    assert_true(old.count < made.count / 2);
    weir_state_free(f.state);
    f.table = load_store(&f, &old, 5, &f.state);
    expect(&f, f.table, &f.model);
    new.base = &old;
    write_store(f.state, 6, 5, &new);
    assert_int_equal(new.reused, GROUPS); /* the heads */
    struct weir_state *restored;
    struct weir_table *table = load_store(&f, &new, 6, &restored);
    expect(&f, table, &f.model);
    weir_state_free(restored);
    store_done(&made);
    store_done(&old);
    store_done(&new);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_on_bases_hold_what_was_there),
        cmocka_unit_test(compressed_and_plain_ones_mix),
        cmocka_unit_test(only_pages_that_were_written_to_are_written_again),
        cmocka_unit_test(a_part_that_is_missing_is_told),
        cmocka_unit_test(compression_makes_it_smaller),
        cmocka_unit_test(a_checkpoint_with_longer_parts_is_built_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
