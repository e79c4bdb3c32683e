/* Output: where rows go, credits, pairs of an update. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <string.h>

#include "data/key_group.h"
#include "task/output.h"

enum { CHANNELS_MAX = 40 };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_channel *channels[CHANNELS_MAX];
    struct weir_output_edge edge;
    struct weir_output output;
    struct weir_batch batch;
    const struct weir_type *types[2];
    uint32_t count;
};

static const uint32_t first_column[] = { 0 };

static void begin(struct fixture *f, enum weir_exchange exchange, uint32_t count)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    f->types[0] = f->types[1] = weir_type_of(WEIR_TYPE_INT);
    f->count = count;
    for (uint32_t i = 0; i < count; i++) f->channels[i] = weir_channel_new(&f->memory.base, f->types, 2);
    f->edge = (struct weir_output_edge){ .exchange = exchange,
        .keys = first_column,
        .key_count = 1,
        .channels = f->channels,
        .channel_count = count };
    weir_output_init(&f->output, &f->arena, &f->edge, 1, 128);
    weir_batch_init(&f->batch, f->types, 2, &f->memory.base);
}

static void end(struct fixture *f)
{
    weir_output_flush(&f->output);
    weir_batch_done(&f->batch);
    for (uint32_t i = 0; i < f->count; i++) weir_channel_free(f->channels[i]);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static void add(struct fixture *f, uint8_t kind, int32_t key, int32_t value)
{
    uint32_t row = f->batch.row_count++;
    ((int32_t *)f->batch.columns[0].data)[row] = key;
    ((int32_t *)f->batch.columns[1].data)[row] = value;
    if (kind != WEIR_ROW_INSERT || f->batch.kinds) weir_batch_ensure_kinds(&f->batch)[row] = kind;
}

/* Takes all that is queued on a channel: checks that pairs are whole, answers the number of rows. */
static uint32_t drain(struct fixture *f, uint32_t c, uint32_t kinds[4])
{
    uint32_t rows = 0;
    memset(kinds, 0, 4 * sizeof *kinds);
    for (const struct weir_element *element; (element = weir_channel_peek(f->channels[c]));) {
        struct weir_element taken = *element;
        weir_channel_pop(f->channels[c]);
        if (taken.kind != WEIR_ELEMENT_BATCH) continue;
        for (uint32_t i = 0; i < taken.batch->row_count; i++) {
            uint8_t kind = weir_batch_kind(taken.batch, i);
            kinds[kind]++;
            if (kind != WEIR_ROW_UPDATE_BEFORE) continue;
            assert_true(i + 1 < taken.batch->row_count);
            assert_int_equal(weir_batch_kind(taken.batch, i + 1), WEIR_ROW_UPDATE_AFTER);
        }
        rows += taken.batch->row_count;
        weir_channel_give_back(f->channels[c], taken.batch);
    }
    return rows;
}

static void rows_of_a_key_go_to_one_channel(void **state)
{
    struct fixture f;
    uint32_t kinds[4], total = 0, used = 0;
    begin(&f, WEIR_EXCHANGE_HASH, 3);
    for (int32_t i = 0; i < 900; i++) add(&f, WEIR_ROW_INSERT, i % 30, i);
    weir_output_write(&f.output, &f.batch);
    weir_output_flush(&f.output);
    for (uint32_t c = 0; c < 3; c++) {
        uint32_t rows = drain(&f, c, kinds);
        assert_int_equal(rows % 30, 0); /* a key has 30 rows */
        total += rows;
        used += rows > 0;
    }
    assert_int_equal(total, 900);
    assert_int_equal(used, 3);
    end(&f);
}

/* Each row reaches the channel that has its key group, in the order of the input: few channels and many. */
static void rows_arrive_in_order_where_their_key_group_is(void **state)
{
    static const uint32_t counts[] = { 2, 8, 9, 40 };
    struct fixture f;
    for (uint32_t n = 0; n < WEIR_ARRAY_COUNT(counts); n++) {
        begin(&f, WEIR_EXCHANGE_HASH, counts[n]);
        for (int32_t i = 0; i < 1000; i++) add(&f, WEIR_ROW_INSERT, i % 300, i);
        uint64_t hashes[WEIR_BATCH_ROWS_MAX];
        weir_batch_hash(&f.batch, first_column, 1, hashes);
        uint16_t *selection = weir_batch_ensure_selection(&f.batch);
        for (uint16_t i = 0; i < 1000; i++) {
            selection[f.batch.selected] = i;
            f.batch.selected += n % 2 == 0 || i % 3 != 0;
        }
        weir_output_write(&f.output, &f.batch);
        weir_output_flush(&f.output);
        uint32_t total = 0;
        for (uint32_t c = 0; c < counts[n]; c++) {
            int32_t last = -1;
            for (const struct weir_element *element; (element = weir_channel_peek(f.channels[c]));) {
                struct weir_batch *batch = element->batch;
                weir_channel_pop(f.channels[c]);
                for (uint32_t i = 0; i < batch->row_count; i++, total++) {
                    int32_t value = ((int32_t *)batch->columns[1].data)[i];
                    assert_int_equal(((int32_t *)batch->columns[0].data)[i], value % 300);
                    assert_true(value > last);
                    last = value;
                    assert_int_equal(
                        c, weir_key_group_subtask(weir_key_group_of(hashes[value], 128), 128, counts[n]));
                }
                weir_channel_give_back(f.channels[c], batch);
            }
        }
        assert_int_equal(total, f.batch.selected);
        end(&f);
    }
}

/* Over several columns the hashes are taken along, and are those that the consumer would make. */
static void hashes_of_long_keys_travel(void **state)
{
    static const uint32_t both[] = { 1, 0 };
    struct fixture f;
    begin(&f, WEIR_EXCHANGE_HASH, 2);
    f.edge.keys = both;
    f.edge.key_count = 2;
    weir_output_init(&f.output, &f.arena, &f.edge, 1, 128);
    for (int32_t i = 0; i < 600; i++) add(&f, WEIR_ROW_INSERT, i, i * 7);
    weir_output_write(&f.output, &f.batch);
    weir_output_write(&f.output, &f.batch);
    weir_output_flush(&f.output);
    uint32_t total = 0;
    for (uint32_t c = 0; c < 2; c++) {
        for (const struct weir_element *element; (element = weir_channel_peek(f.channels[c]));) {
            struct weir_batch *batch = element->batch;
            uint64_t known[WEIR_BATCH_ROWS_MAX], made[WEIR_BATCH_ROWS_MAX];
            weir_channel_pop(f.channels[c]);
            assert_non_null(batch->hashes);
            weir_batch_hash(batch, both, 2, known);
            batch->hashes = NULL;
            weir_batch_hash(batch, both, 2, made);
            assert_memory_equal(known, made, batch->row_count * sizeof *made);
            total += batch->row_count;
            weir_channel_give_back(f.channels[c], batch);
        }
    }
    assert_int_equal(total, 1200);
    end(&f);
}

static void pairs_are_never_split_over_batches(void **state)
{
    struct fixture f;
    uint32_t kinds[4];
    begin(&f, WEIR_EXCHANGE_FORWARD, 1);
    uint32_t sent = 0, got = 0;
    for (int round = 0; round < 40; round++) {
        /* A few rows wait under construction, too few to be sent: the next batch's pairs then meet its end.
         */
        weir_batch_reset(&f.batch);
        for (int i = 0; i <= round % 7; i++) add(&f, WEIR_ROW_INSERT, 0, 0);
        weir_output_write(&f.output, &f.batch);
        sent += f.batch.row_count;
        weir_batch_reset(&f.batch);
        add(&f, WEIR_ROW_INSERT, 0, 0); /* moves the pairs by one against the batches' ends */
        for (int32_t i = 0; i < (round % 2 ? 511 : 300); i++) {
            add(&f, WEIR_ROW_UPDATE_BEFORE, i, i);
            add(&f, WEIR_ROW_UPDATE_AFTER, i, i + 1);
        }
        assert_true(weir_output_has_room(&f.output));
        weir_output_write(&f.output, &f.batch);
        sent += f.batch.row_count;
        got += drain(&f, 0, kinds);
        assert_int_equal(kinds[WEIR_ROW_UPDATE_BEFORE], kinds[WEIR_ROW_UPDATE_AFTER]);
    }
    weir_output_flush(&f.output);
    got += drain(&f, 0, kinds);
    assert_int_equal(got, sent);
    end(&f);
}

static void a_pair_that_changes_its_key_becomes_delete_and_insert(void **state)
{
    struct fixture f;
    uint32_t kinds[4], sum[4] = { 0 };
    begin(&f, WEIR_EXCHANGE_HASH, 3);
    for (int32_t i = 0; i < 100; i++) {
        add(&f, WEIR_ROW_UPDATE_BEFORE, i, 0);
        add(&f, WEIR_ROW_UPDATE_AFTER, i + 1000, 0);
        add(&f, WEIR_ROW_UPDATE_BEFORE, i, 1);
        add(&f, WEIR_ROW_UPDATE_AFTER, i, 2);
    }
    weir_output_write(&f.output, &f.batch);
    weir_output_flush(&f.output);
    for (uint32_t c = 0; c < 3; c++) {
        drain(&f, c, kinds); /* checks that what stays an update stays together */
        for (int k = 0; k < 4; k++) sum[k] += kinds[k];
    }
    assert_int_equal(sum[WEIR_ROW_UPDATE_BEFORE], sum[WEIR_ROW_UPDATE_AFTER]);
    assert_int_equal(sum[WEIR_ROW_DELETE], sum[WEIR_ROW_INSERT]);
    assert_true(sum[WEIR_ROW_DELETE] > 30 && sum[WEIR_ROW_UPDATE_BEFORE] >= 100);
    assert_int_equal(sum[0] + sum[1] + sum[2] + sum[3], 400);
    assert_int_equal(f.batch.kinds[0], WEIR_ROW_UPDATE_BEFORE); /* the lent batch is as it was */
    end(&f);
}

static void with_room_asked_for_credits_are_never_exceeded(void **state)
{
    struct fixture f;
    uint32_t kinds[4], steps = 0;
    begin(&f, WEIR_EXCHANGE_BROADCAST, 2);
    for (int32_t i = 0; i < WEIR_BATCH_ROWS_MAX; i++) add(&f, WEIR_ROW_INSERT, i, i);
    while (weir_output_has_room(&f.output)) { /* push() asserts that room is there */
        f.batch.row_count = steps % 3 == 0 ? WEIR_BATCH_ROWS_MAX : steps % 3 == 1 ? 255 : 800;
        weir_output_write(&f.output, &f.batch);
        weir_output_broadcast(&f.output, WEIR_ELEMENT_WATERMARK, steps++);
        assert_true(steps < 100);
    }
    assert_true(steps >= 3);
    drain(&f, 0, kinds);
    assert_false(weir_output_has_room(&f.output)); /* the slowest decides */
    drain(&f, 1, kinds);
    assert_true(weir_output_has_room(&f.output));
    end(&f);
}

static void closed_consumers_need_no_room(void **state)
{
    struct fixture f;
    begin(&f, WEIR_EXCHANGE_BROADCAST, 2);
    for (int32_t i = 0; i < WEIR_BATCH_ROWS_MAX; i++) add(&f, WEIR_ROW_INSERT, i, i);
    weir_channel_close_consumer(f.channels[0]);
    assert_false(weir_output_unwanted(&f.output));
    uint32_t kinds[4];
    for (int i = 0; i < 100; i++) {
        assert_true(weir_output_has_room(&f.output));
        weir_output_write(&f.output, &f.batch);
        weir_output_broadcast(&f.output, WEIR_ELEMENT_WATERMARK, i);
        assert_int_equal(drain(&f, 1, kinds), WEIR_BATCH_ROWS_MAX);
    }
    weir_channel_close_consumer(f.channels[1]);
    assert_true(weir_output_unwanted(&f.output));
    end(&f);
}

/* Network memory: what is over the budget waits until everything before it was taken, and goes on then. */
static void past_the_budget_of_a_channel_only_empty_ones_take_more(void **state)
{
    struct fixture f;
    uint32_t kinds[4];
    begin(&f, WEIR_EXCHANGE_GLOBAL, 1);
    for (int32_t i = 0; i < WEIR_BATCH_ROWS_MAX; i++) add(&f, WEIR_ROW_INSERT, i, i);
    struct weir_memory *memory = &f.memory.base;
    weir_output_write(&f.output, &f.batch);
    memory->limit_bytes = atomic_load(&memory->used_bytes) + 2 * sizeof(int32_t) * WEIR_BATCH_ROWS_MAX;
    uint32_t written = 1;
    for (; weir_output_has_room(&f.output); written++) weir_output_write(&f.output, &f.batch);
    assert_in_range(written, 2, 4); /* room there is for many more */
    assert_true(weir_channel_room(f.channels[0]) >= WEIR_CHANNEL_ELEMENTS / 2);
    assert_true(weir_memory_over_limit(memory));
    size_t full = atomic_load(&memory->used_bytes);
    for (int i = 0; i < 50; i++) { /* nobody stands still, and nothing grows */
        assert_int_equal(drain(&f, 0, kinds), written * WEIR_BATCH_ROWS_MAX);
        assert_true(weir_output_has_room(&f.output));
        for (written = 0; weir_output_has_room(&f.output); written++) weir_output_write(&f.output, &f.batch);
        assert_true(atomic_load(&memory->used_bytes) <= full);
    }
    /* With room in the budget again, batches are kept and the ring is filled. */
    memory->limit_bytes = 0;
    assert_true(weir_output_has_room(&f.output));
    end(&f);
}

static void small_pieces_wait_for_a_flush(void **state)
{
    struct fixture f;
    uint32_t kinds[4];
    begin(&f, WEIR_EXCHANGE_REBALANCE, 2);
    add(&f, WEIR_ROW_INSERT, 1, 1);
    weir_output_write(&f.output, &f.batch);
    weir_output_write(&f.output, &f.batch);
    assert_null(weir_channel_peek(f.channels[0]));
    assert_true(f.output.building);
    weir_output_broadcast(&f.output, WEIR_ELEMENT_BARRIER, 1);
    assert_int_equal(
        weir_channel_peek(f.channels[0])->kind, WEIR_ELEMENT_BATCH); /* rows before the barrier */
    assert_int_equal(drain(&f, 0, kinds), 1);
    assert_int_equal(drain(&f, 1, kinds), 1);
    end(&f);
}

/* A batch under construction is not filled with rows whose strings are long. */
static void long_strings_are_sent_soon(void **state)
{
    enum { BYTES = 600 << 10 };
    struct fixture f;
    static char text[BYTES];
    uint32_t sent = 0, largest = 0;
    begin(&f, WEIR_EXCHANGE_GLOBAL, 1);
    const struct weir_type *string = weir_type_of(WEIR_TYPE_VARCHAR);
    struct weir_channel *channel = weir_channel_new(&f.memory.base, &string, 1);
    struct weir_batch batch;
    f.edge.channels = &channel;
    weir_batch_init(&batch, &string, 1, &f.memory.base);
    for (int i = 0; i < 30; i++) {
        weir_batch_reset(&batch);
        batch.row_count = 1;
        ((struct weir_string *)batch.columns[0].data)[0] = weir_heap_writer_string(&batch.heap, text, BYTES);
        weir_output_write(&f.output, &batch);
        for (const struct weir_element *element; (element = weir_channel_peek(channel));) {
            struct weir_batch *got = element->batch;
            weir_channel_pop(channel);
            sent += got->row_count;
            largest = WEIR_MAX(largest, got->row_count);
            weir_channel_give_back(channel, got);
        }
    }
    assert_true(sent >= 20);
    assert_in_range(largest, 2, 10);
    weir_output_flush(&f.output);
    weir_batch_done(&batch);
    weir_channel_free(channel);
    end(&f);
}

static void only_selected_rows_are_sent(void **state)
{
    struct fixture f;
    uint32_t kinds[4];
    begin(&f, WEIR_EXCHANGE_GLOBAL, 1);
    for (int32_t i = 0; i < 10; i++) add(&f, WEIR_ROW_INSERT, i, i);
    uint16_t *selection = weir_batch_ensure_selection(&f.batch);
    selection[0] = 3;
    selection[1] = 7;
    f.batch.selected = 2;
    weir_output_write(&f.output, &f.batch);
    weir_output_flush(&f.output);
    const struct weir_element *element = weir_channel_peek(f.channels[0]);
    assert_int_equal(((int32_t *)element->batch->columns[0].data)[0], 3);
    assert_int_equal(((int32_t *)element->batch->columns[0].data)[1], 7);
    assert_int_equal(drain(&f, 0, kinds), 2);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_a_key_go_to_one_channel),
        cmocka_unit_test(rows_arrive_in_order_where_their_key_group_is),
        cmocka_unit_test(hashes_of_long_keys_travel),
        cmocka_unit_test(pairs_are_never_split_over_batches),
        cmocka_unit_test(a_pair_that_changes_its_key_becomes_delete_and_insert),
        cmocka_unit_test(with_room_asked_for_credits_are_never_exceeded),
        cmocka_unit_test(closed_consumers_need_no_room),
        cmocka_unit_test(past_the_budget_of_a_channel_only_empty_ones_take_more),
        cmocka_unit_test(small_pieces_wait_for_a_flush),
        cmocka_unit_test(long_strings_are_sent_soon),
        cmocka_unit_test(only_selected_rows_are_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
