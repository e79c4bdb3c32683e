/* Chain driver: resumption, the order of rows and watermarks, early ends, back pressure. */
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <string.h>

#include "task/chain.h"

enum { LEVELS_MAX = 3 };

/* Emits every row `times` times, two rows per call; with a limit it is FINISHED after that many rows. Counts
 * what it is asked. */
struct repeater {
    struct weir_operator op;
    uint32_t times, limit, given, row, turn;
    uint32_t watermarks, ends, flushes, timers;
    int64_t hold_back_ms;
    bool fails;
};

static bool put(struct weir_batch *out, int32_t value)
{
    ((int32_t *)out->columns[0].data)[out->row_count++] = value;
    return out->row_count == 2;
}

static enum weir_operator_result process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct repeater *r = (struct repeater *)op;
    if (r->fails) {
        weir_error_set(op->ctx->error, WEIR_E_DATA, "as asked for");
        return WEIR_OPERATOR_FAILED;
    }
    for (; r->row < weir_batch_selected(in); r->row++, r->turn = 0) {
        while (r->turn < r->times) {
            if (r->limit && r->given == r->limit) return WEIR_OPERATOR_FINISHED;
            r->turn++;
            r->given++;
            if (put(out, ((const int32_t *)in->columns[0].data)[weir_batch_row(in, r->row)]))
                return WEIR_OPERATOR_HAVE_MORE;
        }
    }
    r->row = r->turn = 0;
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result watermark(
    struct weir_operator *op, int64_t watermark_ms, struct weir_batch *out, int64_t *forward_ms)
{
    struct repeater *r = (struct repeater *)op;
    r->watermarks++;
    *forward_ms = watermark_ms == INT64_MAX ? watermark_ms : watermark_ms - r->hold_back_ms;
    put(out, -(int32_t)(watermark_ms & 0xffff));
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result end_input(struct weir_operator *op, uint32_t input, struct weir_batch *out)
{
    ((struct repeater *)op)->ends++;
    return WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result flush(struct weir_operator *op, struct weir_batch *out)
{
    struct repeater *r = (struct repeater *)op;
    bool again = r->flushes++ == 0;
    put(out, 7000);
    return again ? WEIR_OPERATOR_HAVE_MORE : WEIR_OPERATOR_NEED_INPUT;
}

static enum weir_operator_result timer(struct weir_operator *op, int64_t now_ms, struct weir_batch *out)
{
    ((struct repeater *)op)->timers++;
    put(out, 9000);
    return WEIR_OPERATOR_NEED_INPUT;
}

static const struct weir_operator_ops repeater_ops = { .name = "repeater",
    .process = process,
    .watermark = watermark,
    .end_input = end_input,
    .flush = flush,
    .timer = timer };

struct fixture {
    struct weir_test_memory memory;
    struct weir_arena arena;
    const struct weir_type *types[1];
    struct weir_channel *channel;
    struct weir_output_edge edge;
    struct weir_output output;
    struct weir_chain chain;
    struct weir_error error;
    struct repeater operators[LEVELS_MAX];
    struct weir_operator_metrics metrics[LEVELS_MAX];
    struct weir_batch in;
    int64_t seen[16384]; /* rows as they are, watermarks plus a million, barriers plus two */
    uint32_t seen_count;
};

static void begin(struct fixture *f, uint32_t levels)
{
    memset(f, 0, sizeof *f);
    weir_test_memory_init(&f->memory);
    weir_arena_init(&f->arena, &f->memory.base);
    f->types[0] = weir_type_of(WEIR_TYPE_INT);
    f->channel = weir_channel_new(&f->memory.base, f->types, 1);
    f->edge = (struct weir_output_edge){
        .exchange = WEIR_EXCHANGE_FORWARD, .channels = &f->channel, .channel_count = 1
    };
    weir_output_init(&f->output, &f->arena, &f->edge, 1, 128);
    weir_chain_init(&f->chain, &f->arena, levels, &f->output, &f->error);
    for (uint32_t i = 0; i < levels; i++) {
        struct weir_chain_level *l = &f->chain.levels[i];
        l->ctx->metrics = &f->metrics[i];
        l->ctx->error = &f->error;
        f->operators[i] = (struct repeater){ .op = { &repeater_ops, l->ctx }, .times = 1 };
        l->op = &f->operators[i].op;
        weir_batch_init(&l->out, f->types, 1, &f->memory.base);
    }
    weir_batch_init(&f->in, f->types, 1, &f->memory.base);
}

static void end(struct fixture *f)
{
    weir_output_flush(&f->output);
    for (uint32_t i = 0; i < f->chain.level_count; i++) weir_batch_done(&f->chain.levels[i].out);
    weir_batch_done(&f->in);
    weir_channel_free(f->channel);
    weir_arena_done(&f->arena);
    weir_test_memory_check(&f->memory);
}

static void drain(struct fixture *f)
{
    for (const struct weir_element *element; (element = weir_channel_peek(f->channel));) {
        struct weir_element taken = *element;
        weir_channel_pop(f->channel);
        if (taken.kind == WEIR_ELEMENT_WATERMARK) f->seen[f->seen_count++] = 1000000 + taken.value;
        if (taken.kind == WEIR_ELEMENT_IDLE) f->seen[f->seen_count++] = 2000000 + taken.value;
        if (taken.kind != WEIR_ELEMENT_BATCH) continue;
        for (uint32_t i = 0; i < taken.batch->row_count; i++)
            f->seen[f->seen_count++] = ((const int32_t *)taken.batch->columns[0].data)[i];
        weir_channel_give_back(f->channel, taken.batch);
    }
}

static void finish(struct fixture *f)
{
    enum weir_chain_result result;
    while ((result = weir_chain_run(&f->chain)) == WEIR_CHAIN_BLOCKED) drain(f);
    assert_int_equal(result, WEIR_CHAIN_DONE);
    assert_true(weir_chain_is_idle(&f->chain));
    weir_output_flush(&f->output);
    drain(f);
}

static void fill(struct fixture *f, uint32_t rows)
{
    weir_batch_reset(&f->in);
    for (uint32_t i = 0; i < rows; i++) ((int32_t *)f->in.columns[0].data)[i] = (int32_t)i;
    f->in.row_count = rows;
}

static void every_level_is_resumed_where_it_stopped(void **state)
{
    struct fixture f;
    begin(&f, 3);
    f.operators[0].times = 3;
    f.operators[1].times = 5;
    f.operators[2].times = 7;
    fill(&f, 9);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    finish(&f);
    assert_int_equal(f.seen_count, 9 * 3 * 5 * 7);
    for (uint32_t i = 0; i < f.seen_count; i++) assert_int_equal(f.seen[i], i / 105);
    assert_int_equal(f.metrics[0].records_in, 9);
    assert_int_equal(f.metrics[2].records_out, 945);
    end(&f);
}

static void a_full_output_stops_the_chain_and_loses_nothing(void **state)
{
    struct fixture f;
    begin(&f, 2);
    f.operators[1].times = 400;
    fill(&f, 40);
    uint32_t blocked = 0;
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    for (enum weir_chain_result result; (result = weir_chain_run(&f.chain)) != WEIR_CHAIN_DONE;) {
        assert_int_equal(result, WEIR_CHAIN_BLOCKED);
        assert_int_equal(weir_chain_run(&f.chain), WEIR_CHAIN_BLOCKED); /* nothing changed: still */
        blocked++;
        drain(&f);
    }
    finish(&f);
    assert_true(blocked > 0);
    assert_int_equal(f.seen_count, 16000);
    for (uint32_t i = 0; i < f.seen_count; i++) assert_int_equal(f.seen[i], i / 400);
    end(&f);
}

static void rows_of_a_watermark_come_before_it(void **state)
{
    struct fixture f;
    begin(&f, 2);
    f.operators[0].hold_back_ms = 5;
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_WATERMARK, 0, NULL, 100);
    finish(&f);
    const int64_t expected[] = { -100, -95, 1000095 };
    assert_int_equal(f.seen_count, 3);
    assert_memory_equal(f.seen, expected, sizeof expected);
    assert_int_equal(f.chain.levels[1].ctx->watermark_ms, 95);
    /* One that does not advance is not sent on. */
    f.operators[0].hold_back_ms = 20;
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_WATERMARK, 0, NULL, 110);
    finish(&f);
    assert_int_equal(f.seen_count, 5);
    end(&f);
}

static void a_flush_travels_and_is_resumed(void **state)
{
    struct fixture f;
    begin(&f, 2);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_FLUSH, 0, NULL, 0);
    finish(&f);
    assert_int_equal(f.operators[0].flushes, 2);
    assert_int_equal(f.operators[1].flushes, 2);
    assert_int_equal(f.seen_count, 4);
    end(&f);
}

static void an_end_reaches_the_levels_below_with_the_last_input_only(void **state)
{
    struct fixture f;
    begin(&f, 2);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_END_INPUT, 0, NULL, 0);
    finish(&f);
    assert_int_equal(f.operators[0].ends, 1);
    assert_int_equal(f.operators[1].ends, 0);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_END_INPUT, 1, NULL, 1);
    finish(&f);
    assert_int_equal(f.operators[1].ends, 1);
    end(&f);
}

static void an_operator_that_has_enough_is_asked_no_more(void **state)
{
    struct fixture f;
    begin(&f, 3);
    f.operators[1].limit = 5;
    fill(&f, 100);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    finish(&f);
    assert_int_equal(f.seen_count, 5);
    assert_int_equal(f.chain.finished_level, 2);
    assert_true(f.operators[0].given < 100); /* those above are stopped too */
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    finish(&f);
    assert_int_equal(f.seen_count, 5);
    weir_chain_start(&f.chain, f.chain.finished_level, WEIR_CHAIN_WATERMARK, 0, NULL, INT64_MAX);
    finish(&f);
    assert_int_equal(f.operators[1].watermarks, 0);
    assert_int_equal(f.operators[2].watermarks, 1);
    end(&f);
}

static void watermarks_and_idleness_that_an_operator_makes_go_on(void **state)
{
    struct fixture f;
    begin(&f, 1);
    fill(&f, 1);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    f.chain.levels[0].ctx->emit_watermark_ms = 50;
    f.chain.levels[0].ctx->idle = true;
    finish(&f);
    assert_int_equal(f.seen_count, 3);
    assert_int_equal(f.chain.levels[0].ctx->emit_watermark_ms, INT64_MIN);
    assert_int_equal(f.seen[0], 1000050);
    assert_int_equal(f.seen[1], 2000001);
    assert_int_equal(f.seen[2], 0);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    f.chain.levels[0].ctx->emit_watermark_ms = 60;
    f.chain.levels[0].ctx->idle = false; /* told before the watermark, which would not be listened to */
    finish(&f);
    assert_int_equal(f.seen[3], 2000000);
    assert_int_equal(f.seen[4], 1000060);
    end(&f);
}

static void timers_fire_once_at_their_level(void **state)
{
    struct fixture f;
    begin(&f, 2);
    uint32_t level = 9;
    assert_int_equal(weir_chain_timer_ms(&f.chain, &level), INT64_MAX);
    f.chain.levels[1].ctx->set_timer(f.chain.levels[1].ctx, 30);
    f.chain.levels[0].ctx->set_timer(f.chain.levels[0].ctx, 40);
    assert_int_equal(weir_chain_timer_ms(&f.chain, &level), 30);
    assert_int_equal(level, 1);
    weir_chain_start(&f.chain, level, WEIR_CHAIN_TIMER, 0, NULL, 35);
    finish(&f);
    assert_int_equal(f.operators[1].timers, 1);
    assert_int_equal(f.operators[0].timers, 0);
    assert_int_equal(f.seen_count, 1);
    assert_int_equal(weir_chain_timer_ms(&f.chain, &level), 40);
    end(&f);
}

static void a_failure_is_reported(void **state)
{
    struct fixture f;
    begin(&f, 2);
    f.operators[1].fails = true;
    fill(&f, 1);
    weir_chain_start(&f.chain, 0, WEIR_CHAIN_PROCESS, 0, &f.in, 0);
    assert_int_equal(weir_chain_run(&f.chain), WEIR_CHAIN_FAILED);
    assert_string_equal(f.error.message, "as asked for");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_is_resumed_where_it_stopped),
        cmocka_unit_test(a_full_output_stops_the_chain_and_loses_nothing),
        cmocka_unit_test(rows_of_a_watermark_come_before_it),
        cmocka_unit_test(a_flush_travels_and_is_resumed),
        cmocka_unit_test(an_end_reaches_the_levels_below_with_the_last_input_only),
        cmocka_unit_test(an_operator_that_has_enough_is_asked_no_more),
        cmocka_unit_test(watermarks_and_idleness_that_an_operator_makes_go_on),
        cmocka_unit_test(timers_fire_once_at_their_level),
        cmocka_unit_test(a_failure_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
