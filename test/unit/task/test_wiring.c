/* Which channels a subtask gets: a graph of three vertices, a forward and two hash edges. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "task/output.h"
#include "task/wiring.h"

enum { CALLS_MAX = 32 };

struct calls {
    uint32_t edge[CALLS_MAX], producer[CALLS_MAX], consumer[CALLS_MAX], count, fail_at;
    bool is_producer[CALLS_MAX];
};

/* A channel nobody looks into: its number stands for it. */
static enum weir_error_code connect(void *owner, uint32_t edge, uint32_t producer, uint32_t consumer,
    bool is_producer, struct weir_channel **ret, struct weir_error *reterr)
{
    struct calls *calls = owner;
    if (calls->fail_at && calls->count + 1 == calls->fail_at)
        return weir_error_set(reterr, WEIR_E_IO, "no channel");
    calls->edge[calls->count] = edge;
    calls->producer[calls->count] = producer;
    calls->consumer[calls->count] = consumer;
    calls->is_producer[calls->count++] = is_producer;
    *ret = (struct weir_channel *)(uintptr_t)(1000 * (edge + 1) + 10 * producer + consumer);
    return WEIR_OK;
}

static uintptr_t number(const struct weir_channel *channel)
{
    return (uintptr_t)channel;
}

/* 0 -forward-> 1 (both 2), 0 -hash-> 2, 1 -hash-> 2 (3 subtasks, input 1 of it). */
static const uint32_t none[1], out0[] = { 0, 1 }, out1[] = { 2 }, in1[] = { 0 }, in2[] = { 1, 2 };
static const struct weir_job_vertex vertices[] = {
    { .id = 0, .parallelism = 2, .output_edges = out0, .output_edge_count = 2, .input_edges = none },
    { .id = 1,
        .parallelism = 2,
        .output_edges = out1,
        .output_edge_count = 1,
        .input_edges = in1,
        .input_edge_count = 1 },
    { .id = 2, .parallelism = 3, .output_edges = none, .input_edges = in2, .input_edge_count = 2 },
};
static const struct weir_job_edge edges[] = {
    { .from_vertex = 0, .to_vertex = 1, .exchange = WEIR_EXCHANGE_FORWARD },
    { .from_vertex = 0, .to_vertex = 2, .exchange = WEIR_EXCHANGE_HASH },
    { .from_vertex = 1, .to_vertex = 2, .exchange = WEIR_EXCHANGE_HASH, .input = 1 },
};
static const struct weir_job_graph graph = {
    .vertices = vertices, .vertex_count = 3, .edges = edges, .edge_count = 3
};

struct world {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct calls calls;
    struct weir_subtask_config config;
    struct weir_error error;
};

static enum weir_error_code wire(struct world *w, uint32_t vertex, uint32_t subtask, uint32_t fail_at)
{
    weir_test_memory_init(&w->memory);
    weir_arena_init(&w->arena, &w->memory.base);
    w->calls = (struct calls){ .fail_at = fail_at };
    w->config = (struct weir_subtask_config){
        .graph = &graph, .vertex = &vertices[vertex], .subtask_index = subtask
    };
    const struct weir_wiring wiring = { .connect = connect, .owner = &w->calls, .arena = &w->arena };
    return weir_wiring_make(&wiring, &w->config, &w->error);
}

static void done(struct world *w)
{
    weir_arena_done(&w->arena);
    weir_test_memory_check(&w->memory);
}

static void a_producer_reaches_its_twin_and_every_consumer(void **state)
{
    struct world w;
    assert_int_equal(weir_wiring_outputs_max(&graph, &vertices[0]), 5);
    assert_int_equal(wire(&w, 0, 1, 0), WEIR_OK);
    assert_int_equal(w.config.output_count, 2);
    assert_int_equal(w.config.input_channel_count, 0);
    assert_int_equal(w.config.outputs[0].exchange, WEIR_EXCHANGE_FORWARD);
    assert_int_equal(w.config.outputs[0].channel_count, 1);
    assert_int_equal(number(w.config.outputs[0].channels[0]), 1011);
    assert_int_equal(w.config.outputs[1].channel_count, 3);
    for (uint32_t c = 0; c < 3; c++) assert_int_equal(number(w.config.outputs[1].channels[c]), 2010 + c);
    for (uint32_t i = 0; i < w.calls.count; i++) assert_true(w.calls.is_producer[i]);
    done(&w);
}

static void a_consumer_hears_all_producers_each_at_its_input(void **state)
{
    struct world w;
    assert_int_equal(weir_wiring_inputs_max(&graph, &vertices[2]), 4);
    assert_int_equal(wire(&w, 2, 2, 0), WEIR_OK);
    assert_int_equal(w.config.output_count, 0);
    assert_int_equal(w.config.input_channel_count, 4);
    static const uintptr_t channels[] = { 2002, 2012, 3002, 3012 };
    static const uint32_t inputs[] = { 0, 0, 1, 1 };
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(number(w.config.inputs[i]), channels[i]);
        assert_int_equal(w.config.input_numbers[i], inputs[i]);
        assert_false(w.calls.is_producer[i]);
    }
    done(&w);
}

static void outputs_come_first_and_an_error_ends_it(void **state)
{
    struct world w;
    assert_int_equal(wire(&w, 1, 0, 0), WEIR_OK);
    assert_int_equal(w.calls.count, 4);
    assert_true(w.calls.is_producer[2] && !w.calls.is_producer[3]);
    assert_int_equal(number(w.config.inputs[0]), 1000);
    done(&w);
    for (uint32_t at = 1; at <= 4; at++) {
        assert_int_equal(wire(&w, 1, 0, at), WEIR_E_IO);
        assert_int_equal(w.calls.count, at - 1);
        done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_producer_reaches_its_twin_and_every_consumer),
        cmocka_unit_test(a_consumer_hears_all_producers_each_at_its_input),
        cmocka_unit_test(outputs_come_first_and_an_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
