/* Input gate: alignment of barriers, the combination of watermarks, ends. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <string.h>

#include "task/gate.h"

enum { CHANNELS_MAX = 4 };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_channel *channels[CHANNELS_MAX];
    struct weir_gate gate;
    const struct weir_type *types[1];
    uint32_t count;
};

static void begin(struct fixture *f, uint32_t count, const uint32_t *inputs, uint32_t input_count)
{
    static const uint32_t zeros[CHANNELS_MAX];
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    f->types[0] = weir_type_of(WEIR_TYPE_INT);
    f->count = count;
    for (uint32_t i = 0; i < count; i++) f->channels[i] = weir_channel_new(&f->memory.base, f->types, 1);
    weir_gate_init(&f->gate, &f->arena, f->channels, inputs ? inputs : zeros, count, input_count);
}

static void end(struct fixture *f)
{
    for (uint32_t i = 0; i < f->count; i++) weir_channel_free(f->channels[i]);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static void push(struct fixture *f, uint32_t channel, enum weir_element_kind kind, int64_t value)
{
    weir_channel_push(f->channels[channel], (struct weir_element){ .kind = kind, .value = value });
}

static void push_row(struct fixture *f, uint32_t channel, int32_t value)
{
    struct weir_batch *batch = weir_channel_take_empty(f->channels[channel]);
    ((int32_t *)batch->columns[0].data)[0] = value;
    batch->row_count = 1;
    weir_channel_push(
        f->channels[channel], (struct weir_element){ .kind = WEIR_ELEMENT_BATCH, .batch = batch });
}

static void expect(struct fixture *f, enum weir_gate_event_kind kind, int64_t value)
{
    struct weir_gate_event event = weir_gate_poll(&f->gate);
    assert_int_equal(event.kind, kind);
    if (kind == WEIR_GATE_BARRIER || kind == WEIR_GATE_CANCEL)
        assert_int_equal(event.barrier.id, value);
    else if (kind != WEIR_GATE_NOTHING && kind != WEIR_GATE_END)
        assert_int_equal(event.value, value);
}

static void expect_row(struct fixture *f, int32_t value)
{
    struct weir_gate_event event = weir_gate_poll(&f->gate);
    assert_int_equal(event.kind, WEIR_GATE_BATCH);
    assert_int_equal(((const int32_t *)event.batch->columns[0].data)[0], value);
    weir_gate_batch_done(&f->gate);
}

static void barriers_hold_their_channels_back(void **state)
{
    struct fixture f;
    begin(&f, 3, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_BARRIER, 1);
    push_row(&f, 0, 10); /* behind the barrier */
    push_row(&f, 1, 20); /* before it */
    push(&f, 1, WEIR_ELEMENT_BARRIER, 1);
    push_row(&f, 1, 21);
    expect_row(&f, 20);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 2, WEIR_ELEMENT_BARRIER, 1);
    push_row(&f, 2, 30);
    expect(&f, WEIR_GATE_BARRIER, 1);
    weir_gate_barrier_done(&f.gate);
    int32_t sum = 0;
    for (int i = 0; i < 3; i++) {
        struct weir_gate_event event = weir_gate_poll(&f.gate);
        assert_int_equal(event.kind, WEIR_GATE_BATCH);
        sum += ((const int32_t *)event.batch->columns[0].data)[0];
        weir_gate_batch_done(&f.gate);
    }
    assert_int_equal(sum, 61);
    expect(&f, WEIR_GATE_NOTHING, 0);
    end(&f);
}

static void an_end_counts_as_a_barrier(void **state)
{
    struct fixture f;
    begin(&f, 3, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_BARRIER, 7);
    push(&f, 1, WEIR_ELEMENT_END, 0);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 2, WEIR_ELEMENT_END, 0);
    expect(&f, WEIR_GATE_BARRIER, 7);
    weir_gate_barrier_done(&f.gate);
    push(&f, 0, WEIR_ELEMENT_BARRIER, 8);
    expect(&f, WEIR_GATE_BARRIER, 8);
    weir_gate_barrier_done(&f.gate);
    push(&f, 0, WEIR_ELEMENT_END, 0);
    struct weir_gate_event event = weir_gate_poll(&f.gate);
    assert_int_equal(event.kind, WEIR_GATE_INPUT_END);
    assert_int_equal(event.input, 0);
    expect(&f, WEIR_GATE_END, 0);
    expect(&f, WEIR_GATE_NOTHING, 0);
    end(&f);
}

static void a_newer_barrier_gives_up_the_older(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_BARRIER, 1);
    push_row(&f, 0, 10);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 1, WEIR_ELEMENT_BARRIER, 2);
    expect(&f, WEIR_GATE_CANCEL, 1);
    expect_row(&f, 10); /* no longer held back */
    push(&f, 0, WEIR_ELEMENT_BARRIER, 2);
    expect(&f, WEIR_GATE_BARRIER, 2);
    weir_gate_barrier_done(&f.gate);
    push(&f, 1, WEIR_ELEMENT_BARRIER, 1); /* a late one of the old alignment */
    push_row(&f, 1, 20);
    expect_row(&f, 20);
    end(&f);
}

static void a_cancel_lets_go(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_BARRIER, 3);
    push_row(&f, 0, 10);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 1, WEIR_ELEMENT_CANCEL, 3);
    expect(&f, WEIR_GATE_CANCEL, 3);
    expect_row(&f, 10);
    push(&f, 1, WEIR_ELEMENT_BARRIER, 3); /* given up: dropped */
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 0, WEIR_ELEMENT_BARRIER, 4);
    push(&f, 1, WEIR_ELEMENT_BARRIER, 4);
    expect(&f, WEIR_GATE_BARRIER, 4);
    weir_gate_barrier_done(&f.gate);
    end(&f);
}

static void push_barrier(struct fixture *f, uint32_t channel, uint64_t id, uint64_t epoch)
{
    weir_channel_push(f->channels[channel],
        (struct weir_element){ .kind = WEIR_ELEMENT_BARRIER, .value = (int64_t)id, .epoch = epoch });
}

static void expect_given_up(struct fixture *f, uint64_t id, enum weir_decline_reason reason)
{
    struct weir_gate_event event = weir_gate_poll(&f->gate);
    assert_int_equal(event.kind, WEIR_GATE_CANCEL);
    assert_int_equal(event.barrier.id, id);
    assert_int_equal(event.reason, reason);
}

static void barriers_of_older_epochs_are_given_up(void **state)
{
    struct fixture f;
    struct weir_barrier ended;
    begin(&f, 2, NULL, 1);
    push_barrier(&f, 0, 1, 4);
    expect(&f, WEIR_GATE_NOTHING, 0);
    assert_true(weir_gate_adopt_epoch(&f.gate, 5, &ended));
    assert_int_equal(ended.id, 1);
    assert_false(weir_gate_adopt_epoch(&f.gate, 5, &ended));
    push_barrier(&f, 1, 1, 4); /* told already */
    push_barrier(&f, 0, 2, 4); /* a late one of the old leader's */
    push_barrier(&f, 1, 2, 4);
    push_barrier(&f, 0, 3, 6); /* of one that is not adopted yet */
    push_barrier(&f, 1, 3, 6);
    expect_given_up(&f, 2, WEIR_DECLINE_EPOCH);
    struct weir_gate_event event = weir_gate_poll(&f.gate);
    assert_int_equal(event.kind, WEIR_GATE_BARRIER);
    assert_int_equal(event.barrier.id, 3);
    assert_int_equal(event.barrier.epoch, 6);
    weir_gate_barrier_done(&f.gate);
    assert_int_equal(f.gate.newest_seen.id, 3);
    end(&f);
}

static void a_later_id_can_be_given_up_before_an_earlier_one_is_aligned(void **state)
{
    struct fixture f;
    uint64_t epoch;
    begin(&f, 2, NULL, 1);
    push_barrier(&f, 0, 5, 1);
    expect(&f, WEIR_GATE_NOTHING, 0);
    assert_true(weir_gate_give_up(&f.gate, 6, &epoch));
    assert_int_equal(epoch, 0); /* not seen yet */
    assert_false(weir_gate_give_up(&f.gate, 6, &epoch));
    push_barrier(&f, 1, 5, 1);
    expect(&f, WEIR_GATE_BARRIER, 5);
    weir_gate_barrier_done(&f.gate);
    assert_false(weir_gate_give_up(&f.gate, 5, &epoch));
    push_barrier(&f, 0, 6, 1);
    push_barrier(&f, 1, 6, 1);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push_barrier(&f, 0, 7, 3);
    expect(&f, WEIR_GATE_NOTHING, 0);
    assert_true(weir_gate_give_up(&f.gate, 7, &epoch));
    assert_int_equal(epoch, 3);
    push_row(&f, 0, 10);
    expect_row(&f, 10);
    end(&f);
}

static void many_may_be_given_up(void **state)
{
    struct fixture f;
    uint64_t epoch;
    begin(&f, 1, NULL, 1);
    for (uint64_t id = 1000; id > 0; id -= 2) (void)weir_gate_give_up(&f.gate, id, &epoch);
    for (uint64_t id = 2000; id < 3000; id++) assert_true(weir_gate_give_up(&f.gate, id, &epoch));
    push_barrier(&f, 0, 2000, 1);
    push_barrier(&f, 0, 2999, 1);
    push_barrier(&f, 0, 3000, 1);
    expect(&f, WEIR_GATE_BARRIER, 3000);
    weir_gate_barrier_done(&f.gate);
    assert_int_equal(f.gate.given_up_count, 0);
    end(&f);
}

static void the_watermark_is_the_lowest_and_never_falls(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 10);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 5);
    expect(&f, WEIR_GATE_WATERMARK, 5);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 3);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 20);
    expect(&f, WEIR_GATE_WATERMARK, 10);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, INT64_MAX);
    expect(&f, WEIR_GATE_WATERMARK, 20);
    end(&f);
}

static void idle_channels_leave_the_minimum(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 10);
    push(&f, 1, WEIR_ELEMENT_IDLE, 1);
    expect(&f, WEIR_GATE_WATERMARK, 10);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 30);
    expect(&f, WEIR_GATE_WATERMARK, 30);
    /* Active again, but behind: it does not hold the others back until it has caught up. */
    push(&f, 1, WEIR_ELEMENT_IDLE, 0);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 20);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 40);
    expect(&f, WEIR_GATE_WATERMARK, 40);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 45);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 60);
    expect(&f, WEIR_GATE_WATERMARK, 45);
    end(&f);
}

static void the_last_to_go_idle_flushes_and_both_are_told(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 10);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 20);
    expect(&f, WEIR_GATE_WATERMARK, 10);
    push(&f, 1, WEIR_ELEMENT_IDLE, 1);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 0, WEIR_ELEMENT_IDLE, 1);
    expect(&f, WEIR_GATE_WATERMARK, 20);
    expect(&f, WEIR_GATE_IDLE, 1);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 0, WEIR_ELEMENT_IDLE, 0);
    expect(&f, WEIR_GATE_IDLE, 0);
    end(&f);
}

static void two_inputs_are_combined(void **state)
{
    static const uint32_t inputs[] = { 0, 1 };
    struct fixture f;
    begin(&f, 2, inputs, 2);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 10);
    expect(&f, WEIR_GATE_NOTHING, 0);
    push(&f, 1, WEIR_ELEMENT_WATERMARK, 4);
    expect(&f, WEIR_GATE_WATERMARK, 4);
    push(&f, 1, WEIR_ELEMENT_IDLE, 1);
    expect(&f, WEIR_GATE_WATERMARK, 10);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, INT64_MAX);
    expect(&f, WEIR_GATE_WATERMARK, INT64_MAX);
    push(&f, 0, WEIR_ELEMENT_END, 0);
    struct weir_gate_event event = weir_gate_poll(&f.gate);
    assert_int_equal(event.kind, WEIR_GATE_INPUT_END);
    assert_int_equal(event.input, 0);
    push_row(&f, 1, 5);
    expect_row(&f, 5);
    push(&f, 1, WEIR_ELEMENT_END, 0);
    event = weir_gate_poll(&f.gate);
    assert_int_equal(event.kind, WEIR_GATE_INPUT_END);
    assert_int_equal(event.input, 1);
    expect(&f, WEIR_GATE_END, 0);
    end(&f);
}

static void batches_come_in_turn(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    for (int32_t i = 0; i < 3; i++) {
        push_row(&f, 0, i);
        push_row(&f, 1, 100 + i);
    }
    for (int32_t i = 0; i < 3; i++) {
        expect_row(&f, i);
        expect_row(&f, 100 + i);
    }
    end(&f);
}

static void a_closed_gate_drops_what_is_queued(void **state)
{
    struct fixture f;
    begin(&f, 2, NULL, 1);
    push_row(&f, 0, 1);
    push(&f, 0, WEIR_ELEMENT_WATERMARK, 1);
    push_row(&f, 1, 2);
    weir_gate_close(&f.gate);
    expect(&f, WEIR_GATE_NOTHING, 0);
    assert_true(atomic_load(&f.channels[0]->consumer_finished));
    assert_int_equal(weir_channel_room(f.channels[0]), WEIR_CHANNEL_ELEMENTS);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(barriers_hold_their_channels_back),
        cmocka_unit_test(an_end_counts_as_a_barrier),
        cmocka_unit_test(a_newer_barrier_gives_up_the_older),
        cmocka_unit_test(a_cancel_lets_go),
        cmocka_unit_test(barriers_of_older_epochs_are_given_up),
        cmocka_unit_test(a_later_id_can_be_given_up_before_an_earlier_one_is_aligned),
        cmocka_unit_test(many_may_be_given_up),
        cmocka_unit_test(the_watermark_is_the_lowest_and_never_falls),
        cmocka_unit_test(idle_channels_leave_the_minimum),
        cmocka_unit_test(the_last_to_go_idle_flushes_and_both_are_told),
        cmocka_unit_test(two_inputs_are_combined),
        cmocka_unit_test(batches_come_in_turn),
        cmocka_unit_test(a_closed_gate_drops_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
