/* The simulated world under toy programs: clocks, timers, connections, the coordination store, deaths. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "sim/faults.h"
#include "sim/world.h"
#include <string.h>

enum { TOYS = 3, NOTES_MAX = 4096 };

/* What a toy has seen. It outlives the toy: it belongs to the test. */
struct notes {
    uint32_t ups, resets, refusals, timeouts, received, out_of_order, timers, early, stores, conflicts,
        unknowns, changes, deaths;
    enum weir_store_state store_state;
    uint32_t connected, suspended, lost;
    uint64_t expected; /* next number of the connection */
    uint64_t version;
};
static struct notes notes[WEIR_SIM_PROCESSES_MAX];
static bool use_store;

struct toy {
    struct weir_sim_process *process;
    struct weir_arena arena;
    struct weir_nodes nodes;
    uint64_t sent[WEIR_SIM_PROCESSES_MAX];
    int64_t due_us;
};

static void execute(struct toy *toy, struct weir_effect effect)
{
    toy->process->env.execute(&toy->process->env, &effect);
}

static void set_timer(struct toy *toy, int64_t after_us)
{
    toy->due_us = weir_sim_process_now(toy->process) + after_us;
    execute(toy, (struct weir_effect){
                     .kind = WEIR_EFFECT_TIMER, .tag = { .role = WEIR_ROLE_CLIENT }, .at_us = toy->due_us });
}

static void toy_start(struct weir_sim_process *process)
{
    struct toy *toy = (struct toy *)weir_memory_allocate_zeroed(&process->heap.base, sizeof *toy);
    toy->process = process;
    weir_arena_init(&toy->arena, &process->heap.base);
    weir_nodes_init(&toy->nodes, &toy->arena);
    process->self = toy;
    for (uint32_t i = 0; i < process->index; i++)
        execute(toy, (struct weir_effect){ .kind = WEIR_EFFECT_CONNECT,
                         .node = weir_nodes_intern(&toy->nodes, process->sim->processes[i].name) });
    set_timer(toy, 10000);
}

static void write_store(struct toy *toy)
{
    struct weir_store_operation operation = { .kind = WEIR_STORE_CREATE_EPHEMERAL,
        .key = weir_arena_format(&toy->arena, "candidates/%s", toy->process->name),
        .value = (const uint8_t *)"x",
        .length = 1 };
    execute(toy,
        (struct weir_effect){ .kind = WEIR_EFFECT_STORE, .operations = &operation, .operation_count = 1 });
}

static void toy_event(void *self, struct weir_event *event)
{
    struct toy *toy = (struct toy *)self;
    struct notes *seen = &notes[toy->process->index];
    switch (event->kind) {
    case WEIR_EVENT_TIMER:
        seen->timers++;
        seen->early += weir_sim_process_now(toy->process) < toy->due_us;
        for (uint32_t i = 0; i < toy->process->sim->process_count; i++) {
            if (i == toy->process->index) continue;
            uint64_t number = toy->sent[i]++;
            weir_node node = weir_nodes_intern(&toy->nodes, toy->process->sim->processes[i].name);
            if (weir_sim_network_is_connected(&toy->process->sim->network, toy->process->index, i))
                toy->process->env.send(&toy->process->env, node, (const uint8_t *)&number, sizeof number);
        }
        set_timer(toy, 10000);
        break;
    case WEIR_EVENT_CONNECTION: {
        const char *name = weir_nodes_name(&toy->nodes, event->from);
        struct weir_sim_process *peer = weir_sim_process_find(toy->process->sim, name);
        toy->sent[peer->index] = 0;
        seen->expected = 0;
        if (event->connection == WEIR_CONNECTION_UP) seen->ups++;
        if (event->connection == WEIR_CONNECTION_RESET) seen->resets++;
        if (event->connection == WEIR_CONNECTION_REFUSED) seen->refusals++;
        if (event->connection == WEIR_CONNECTION_TIMEOUT) seen->timeouts++;
        break;
    }
    case WEIR_EVENT_STORE_STATE:
        seen->store_state = event->store.state;
        if (event->store.state == WEIR_STORE_CONNECTED) {
            seen->connected++;
            if (use_store) write_store(toy);
            execute(toy, (struct weir_effect){ .kind = WEIR_EFFECT_STORE_WATCH, .text = "candidates" });
        }
        if (event->store.state == WEIR_STORE_SUSPENDED) seen->suspended++;
        if (event->store.state == WEIR_STORE_LOST) seen->lost++;
        break;
    case WEIR_EVENT_STORE_DONE:
        seen->stores += event->store.outcome == WEIR_STORE_OK;
        seen->conflicts += event->store.outcome == WEIR_STORE_CONFLICT;
        seen->unknowns += event->store.outcome == WEIR_STORE_UNKNOWN;
        break;
    case WEIR_EVENT_STORE_CHANGED: seen->changes++; break;
    case WEIR_EVENT_PROCESS_DIED: seen->deaths++; break;
    default: break;
    }
}

static void toy_bytes(void *self, weir_node from, const uint8_t *bytes, size_t length)
{
    struct toy *toy = (struct toy *)self;
    struct notes *seen = &notes[toy->process->index];
    uint64_t number;
    assert_int_equal(length, sizeof number);
    memcpy(&number, bytes, sizeof number);
    seen->received++;
    if (toy->process->sim->process_count == 2) seen->out_of_order += number < seen->expected;
    seen->expected = number + 1;
}

static struct weir_nodes *toy_nodes(void *self)
{
    return &((struct toy *)self)->nodes;
}

static const struct weir_sim_program toy_program = {
    .start = toy_start, .event = toy_event, .bytes = toy_bytes, .nodes = toy_nodes
};

struct world {
    struct weir_test_memory memory;
    struct weir_sim_options options;
    struct weir_sim_result result;
    struct weir_sim *sim;
};

static void make(
    struct world *world, uint64_t seed, uint32_t toys, enum weir_sim_store_preset preset, uint64_t features)
{
    memset(notes, 0, sizeof notes);
    weir_test_memory_init(&world->memory);
    world->options = (struct weir_sim_options){ .memory = &world->memory.base };
    world->sim = (struct weir_sim *)weir_memory_allocate(&world->memory.base, sizeof *world->sim);
    struct weir_sim_history history = { .seed = seed, .features = features };
    weir_sim_world_init(world->sim, &history, &world->options, &world->result, false);
    weir_sim_store_init(&world->sim->store, world->sim, preset);
    for (uint32_t i = 0; i < toys; i++) {
        char name[] = "toy-0";
        name[4] = (char)('0' + i);
        struct weir_sim_process *process = weir_sim_process_add(
            world->sim, WEIR_SIM_JOBMANAGER, name, preset == WEIR_SIM_STORE_EMBEDDED ? 0 : i, &toy_program);
        weir_sim_process_start(process, 1000);
    }
}

static void unmake(struct world *world)
{
    weir_sim_world_done(world->sim);
    weir_memory_release(&world->memory.base, world->sim, sizeof *world->sim);
    weir_test_memory_check(&world->memory);
}

static void connections_come_up_and_deliver_in_order(void **state)
{
    struct world world;
    make(&world, 1, 2, WEIR_SIM_STORE_ZOOKEEPER, 0);
    assert_true(weir_sim_run_until(world.sim, 5000000));
    assert_int_equal(notes[0].ups, 1);
    assert_int_equal(notes[1].ups, 1);
    assert_in_range(notes[0].received, 450, 500);
    assert_in_range(notes[1].received, 450, 500);
    assert_int_equal(notes[0].out_of_order + notes[1].out_of_order, 0);
    unmake(&world);
}

static void a_death_is_a_reset_then_refusals_then_a_new_incarnation(void **state)
{
    struct world world;
    make(&world, 2, 2, WEIR_SIM_STORE_ZOOKEEPER, 0);
    weir_sim_run_until(world.sim, 1000000);
    world.sim->processes[0].restart_wanted = false;
    weir_sim_process_kill(&world.sim->processes[0], "test", false);
    weir_sim_run_until(world.sim, 2000000);
    assert_int_equal(notes[1].resets, 1);
    assert_true(notes[1].refusals > 2);
    uint64_t incarnation = world.sim->processes[0].incarnation;
    weir_sim_process_start(&world.sim->processes[0], 0);
    weir_sim_run_until(world.sim, 3000000);
    assert_int_equal(notes[1].ups, 2);
    assert_true(world.sim->processes[0].incarnation != incarnation);
    unmake(&world);
}

static void a_block_means_no_answer_and_breaks_late(void **state)
{
    struct world world;
    make(&world, 3, 2, WEIR_SIM_STORE_ZOOKEEPER, 0);
    weir_sim_run_until(world.sim, 1000000);
    uint32_t received = notes[1].received;
    weir_sim_network_block(&world.sim->network, 0, 1, true);
    weir_sim_run_until(world.sim, 2500000);
    assert_in_range(notes[1].received, received, received + 1);
    assert_int_equal(notes[0].resets + notes[1].resets + notes[0].timeouts + notes[1].timeouts, 0);
    weir_sim_network_block(&world.sim->network, 0, 1, false); /* what waited comes now, in order */
    weir_sim_run_until(world.sim, 3000000);
    assert_true(notes[1].received > received + 140);
    weir_sim_network_block(&world.sim->network, 0, 1, true);
    weir_sim_run_until(world.sim, 30000000);
    assert_true(notes[0].timeouts > 0 && notes[1].timeouts > 0);
    assert_int_equal(notes[1].refusals, 0);
    assert_int_equal(notes[0].out_of_order + notes[1].out_of_order, 0);
    unmake(&world);
}

static void a_pause_delays_everything_and_loses_nothing(void **state)
{
    struct world world;
    make(&world, 4, 2, WEIR_SIM_STORE_ZOOKEEPER, 0);
    weir_sim_run_until(world.sim, 1000000);
    weir_sim_process_pause(&world.sim->processes[1], 700000);
    uint32_t received = notes[1].received, timers = notes[1].timers;
    weir_sim_run_until(world.sim, 1690000);
    assert_int_equal(notes[1].received, received);
    assert_int_equal(notes[1].timers, timers);
    weir_sim_run_until(world.sim, 2000000);
    assert_true(notes[1].received > received + 90);
    assert_int_equal(notes[1].out_of_order, 0);
    unmake(&world);
}

static void no_timer_is_early_on_any_clock(void **state)
{
    struct world world;
    make(&world, 5, TOYS, WEIR_SIM_STORE_ZOOKEEPER, 0);
    world.sim->processes[0].rate_ppm = 200000;
    world.sim->processes[1].rate_ppm = -200000;
    weir_sim_run_until(world.sim, 2000000);
    weir_sim_process_set_rate(&world.sim->processes[2], -150000);
    weir_sim_run_until(world.sim, 4000000);
    for (uint32_t i = 0; i < TOYS; i++) assert_int_equal(notes[i].early, 0);
    assert_true(notes[0].timers > notes[1].timers + 100);
    unmake(&world);
}

static void sessions_end_when_they_must(void **state)
{
    struct world world;
    use_store = true;
    make(&world, 6, TOYS, WEIR_SIM_STORE_ZOOKEEPER, 0);
    weir_sim_run_until(world.sim, 1000000);
    assert_int_equal(notes[0].stores, 1);
    assert_non_null(weir_sim_store_find(&world.sim->store, "candidates/toy-0"));
    /* A pause below the timeout is harmless; one above ends the session, which is known only afterwards. */
    weir_sim_process_pause(&world.sim->processes[0], 300000);
    weir_sim_run_until(world.sim, 1500000);
    assert_non_null(weir_sim_store_find(&world.sim->store, "candidates/toy-0"));
    weir_sim_process_pause(&world.sim->processes[0], 3000000);
    weir_sim_run_until(world.sim, 3500000);
    assert_null(weir_sim_store_find(&world.sim->store, "candidates/toy-0"));
    assert_int_equal(notes[0].lost, 0);
    assert_true(notes[1].changes > 0);
    weir_sim_run_until(world.sim, 6000000);
    assert_int_equal(notes[0].lost, 1);
    assert_int_equal(notes[0].connected, 2);
    assert_non_null(weir_sim_store_find(&world.sim->store, "candidates/toy-0"));
    use_store = false;
    unmake(&world);
}

static void a_store_that_is_away_ends_no_session(void **state)
{
    struct world world;
    use_store = true;
    make(&world, 7, TOYS, WEIR_SIM_STORE_ZOOKEEPER, 0);
    weir_sim_run_until(world.sim, 1000000);
    weir_sim_store_set_down(&world.sim->store, true);
    weir_sim_run_until(world.sim, 9000000);
    for (uint32_t i = 0; i < TOYS; i++) assert_int_equal(notes[i].store_state, WEIR_STORE_SUSPENDED);
    weir_sim_store_set_down(&world.sim->store, false);
    weir_sim_run_until(world.sim, 12000000);
    for (uint32_t i = 0; i < TOYS; i++) {
        assert_int_equal(notes[i].store_state, WEIR_STORE_CONNECTED);
        assert_int_equal(notes[i].lost, 0);
    }
    use_store = false;
    unmake(&world);
}

static void the_embedded_store_tells_of_death_at_once(void **state)
{
    struct world world;
    use_store = true;
    make(&world, 8, TOYS, WEIR_SIM_STORE_EMBEDDED, 0);
    weir_sim_run_until(world.sim, 1000000);
    world.sim->processes[0].restart_wanted = false;
    weir_sim_process_kill(&world.sim->processes[0], "test", false);
    assert_null(weir_sim_store_find(&world.sim->store, "candidates/toy-0"));
    weir_sim_run_until(world.sim, 1010000);
    assert_int_equal(notes[1].deaths, 1);
    assert_int_equal(notes[2].deaths, 1);
    use_store = false;
    unmake(&world);
}

static uint64_t hash_of(uint64_t seed, uint64_t *ret_items)
{
    struct world world;
    use_store = true;
    make(&world, seed, TOYS, WEIR_SIM_STORE_ZOOKEEPER,
        UINT64_C(0xffffffff) & ~(UINT64_C(1) << WEIR_SIM_many_jobs));
    world.sim->knobs.fault_gap_us = 300000;
    weir_sim_faults_start(world.sim);
    weir_sim_run_until(world.sim, 20000000);
    weir_sim_faults_stop(world.sim);
    weir_sim_run_until(world.sim, 30000000);
    use_store = false;
    uint64_t hash = world.result.trace_hash;
    *ret_items = world.result.items;
    for (uint32_t i = 0; i < TOYS; i++) {
        assert_int_equal(world.sim->processes[i].state, WEIR_SIM_RUNNING);
        assert_int_equal(notes[i].store_state, WEIR_STORE_CONNECTED);
        for (uint32_t k = 0; k < i; k++)
            assert_true(weir_sim_network_is_connected(&world.sim->network, i, k));
    }
    unmake(&world);
    return hash;
}

static void equal_seeds_give_equal_histories_under_all_faults(void **state)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t items[3];
        uint64_t first = hash_of(seed, &items[0]);
        assert_true(first == hash_of(seed, &items[1]));
        assert_int_equal(items[0], items[1]);
        assert_true(first != hash_of(seed + 100, &items[2]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_come_up_and_deliver_in_order),
        cmocka_unit_test(a_death_is_a_reset_then_refusals_then_a_new_incarnation),
        cmocka_unit_test(a_block_means_no_answer_and_breaks_late),
        cmocka_unit_test(a_pause_delays_everything_and_loses_nothing),
        cmocka_unit_test(no_timer_is_early_on_any_clock),
        cmocka_unit_test(sessions_end_when_they_must),
        cmocka_unit_test(a_store_that_is_away_ends_no_session),
        cmocka_unit_test(the_embedded_store_tells_of_death_at_once),
        cmocka_unit_test(equal_seeds_give_equal_histories_under_all_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
