/* Routing, the local queue, JobMasters that come and go, death between two effects, memory. */
#include "unit/actor/toy.h"

static const struct weir_job_id job_1 = { { 1 } }, job_2 = { { 2 } };

static void send_local(
    struct weir_effects *effects, enum weir_role to, const struct weir_job_id *job, enum weir_local_kind kind)
{
    struct weir_local_message message = { .kind = kind };
    weir_effect_local(effects, to, job, &message);
}

static void start_job(struct weir_effects *effects, const struct weir_job_id *job)
{
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_JOB_START);
    struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_START };
    effect->to_job = *job;
    effect->local =
        (const struct weir_local_message *)weir_arena_copy(effects->arena, &message, sizeof message);
}

static void stop_job(struct weir_effects *effects, const struct weir_job_id *job)
{
    weir_effect_add(effects, WEIR_EFFECT_JOB_STOP)->to_job = *job;
}

static void event(enum weir_event_kind kind, enum weir_role role)
{
    struct weir_event it = { .kind = kind, .tag = { .role = role } };
    weir_actor_event(toy->actor, &it);
}

/* A timer of the dispatcher is how these tests make it do something. */
static void poke(uint64_t number)
{
    struct weir_event it = { .kind = WEIR_EVENT_TIMER,
        .tag = { .role = WEIR_ROLE_DISPATCHER, .number = number } };
    weir_actor_event(toy->actor, &it);
}

static void events_reach_those_whom_they_concern(void **state)
{
    struct toy_world world;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    weir_actor_start(world.actor);
    toy_expect("manager<start dispatcher<start leader<start ");
    event(WEIR_EVENT_CONNECTION, WEIR_ROLE_NONE);
    toy_expect("manager<connection dispatcher<connection leader<connection ");
    event(WEIR_EVENT_STORE_STATE, WEIR_ROLE_NONE);
    toy_expect("dispatcher<store leader<store ");
    event(WEIR_EVENT_STORE_CHANGED, WEIR_ROLE_NONE);
    toy_expect("dispatcher<changed leader<changed ");
    event(WEIR_EVENT_PROCESS_DIED, WEIR_ROLE_NONE);
    toy_expect("manager<died leader<died ");
    event(WEIR_EVENT_WORKER, WEIR_ROLE_NONE);
    toy_expect("manager<worker ");
    event(WEIR_EVENT_TIMER, WEIR_ROLE_RESOURCEMANAGER);
    toy_expect("manager<timer ");
    event(WEIR_EVENT_STORE_DONE, WEIR_ROLE_LEADER);
    toy_expect("leader<done ");
    toy_end(&world);

    toy_start(&world, WEIR_ACTOR_TASKMANAGER);
    weir_actor_start(world.actor);
    event(WEIR_EVENT_TASK, WEIR_ROLE_NONE);
    event(WEIR_EVENT_BLOB_DONE, WEIR_ROLE_TASKEXECUTOR);
    event(WEIR_EVENT_TIMER, WEIR_ROLE_LEADER);
    toy_expect("executor<start executor<task executor<blob ");
    toy_end(&world);
}

static void relay(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role == WEIR_ROLE_DISPATCHER && it->kind == WEIR_EVENT_TIMER) {
        send_local(effects, WEIR_ROLE_LEADER, NULL, WEIR_LOCAL_JOB_FENCED);
        send_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, WEIR_LOCAL_RECOVERED);
        weir_effect_timer(effects, (struct weir_tag){ .role = WEIR_ROLE_DISPATCHER }, 1);
    }
    if (machine->role == WEIR_ROLE_LEADER && it->kind == WEIR_EVENT_LOCAL &&
        it->local->kind == WEIR_LOCAL_JOB_FENCED) {
        assert_int_equal(it->local->from, WEIR_ROLE_DISPATCHER);
        send_local(effects, WEIR_ROLE_DISPATCHER, NULL, WEIR_LOCAL_REVOKED);
    }
}

static void local_messages_are_read_in_order_before_the_turn_ends(void **state)
{
    struct toy_world world;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = relay;
    poke(0);
    toy_expect(
        "dispatcher<timer !timer leader<local.fenced manager<local.recovered dispatcher<local.revoked ");
    toy_end(&world);
}

static void count_down(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role != WEIR_ROLE_DISPATCHER) return;
    static int left;
    if (it->kind == WEIR_EVENT_TIMER) left = 2;
    send_local(effects, WEIR_ROLE_LEADER, NULL, WEIR_LOCAL_JOB_FENCED);
    effects->more = left-- > 0;
}

static void who_has_more_is_stepped_again_before_anything_else(void **state)
{
    struct toy_world world;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = count_down;
    poke(0);
    toy_expect("dispatcher<timer dispatcher<local.continue dispatcher<local.continue leader<local.fenced "
               "leader<local.fenced leader<local.fenced ");
    toy_end(&world);
}

/* 1: start both. 2: restart job 1. 3: stop job 1. */
static void manage(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role == WEIR_ROLE_DISPATCHER && it->kind == WEIR_EVENT_TIMER) {
        if (it->tag.number == 1) {
            start_job(effects, &job_1);
            start_job(effects, &job_2);
        }
        if (it->tag.number == 2) {
            send_local(effects, WEIR_ROLE_JOBMASTER, &job_1, WEIR_LOCAL_SUSPENDED);
            stop_job(effects, &job_1);
            start_job(effects, &job_1);
        }
        if (it->tag.number == 3) {
            send_local(effects, WEIR_ROLE_JOBMASTER, &job_1, WEIR_LOCAL_SUSPENDED);
            stop_job(effects, &job_1);
        }
    }
    if (machine->role == WEIR_ROLE_JOBMASTER && it->kind == WEIR_EVENT_LOCAL)
        weir_effect_timer(
            effects, (struct weir_tag){ .role = WEIR_ROLE_JOBMASTER, .job = machine->job, .number = 5 }, 9);
}

static void nothing_of_a_stopped_job_is_heard(void **state)
{
    struct toy_world world;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = manage;
    poke(1);
    toy_expect("dispatcher<timer job1<local.start !timer job2<local.start !timer ");
    struct weir_event timer_2 = { .kind = WEIR_EVENT_TIMER, .tag = world.last_tag };
    assert_int_equal(timer_2.tag.job.bytes[0], 2);
    struct weir_event timer_1 = { .kind = WEIR_EVENT_TIMER, .tag = world.last_tag };
    timer_1.tag.job = job_1;
    timer_1.tag.instance--;
    weir_actor_event(world.actor, &timer_1);
    toy_expect("job1<timer ");
    /* Its slots are given back, its unread messages are dropped, and its timer means nothing to the next. */
    poke(2);
    toy_expect("dispatcher<timer manager<local.stopped job1<local.start !timer ");
    weir_actor_event(world.actor, &timer_1);
    toy_expect("");
    weir_actor_event(world.actor, &timer_2);
    toy_expect("job2<timer ");
    poke(3);
    toy_expect("dispatcher<timer manager<local.stopped ");
    struct weir_actor_statistics statistics;
    weir_actor_statistics(world.actor, &statistics);
    assert_int_equal(statistics.jobmasters, 1);
    toy_end(&world);
}

static void last_words(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    manage(machine, it, effects);
    if (machine->role == WEIR_ROLE_JOBMASTER && it->kind == WEIR_EVENT_TIMER) {
        send_local(effects, WEIR_ROLE_DISPATCHER, NULL, WEIR_LOCAL_JOB_CLEAN);
        send_local(effects, WEIR_ROLE_DISPATCHER, NULL, WEIR_LOCAL_JOB_STATUS);
    }
    if (machine->role == WEIR_ROLE_DISPATCHER && it->kind == WEIR_EVENT_LOCAL) {
        assert_true(weir_job_id_equal(&it->local->job, &job_2)); /* the actor says who speaks */
        stop_job(effects, &job_2);
    }
}

static void a_job_that_is_stopped_for_what_it_said_says_no_more(void **state)
{
    struct toy_world world;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = last_words;
    poke(1);
    struct weir_event timer = { .kind = WEIR_EVENT_TIMER, .tag = world.last_tag };
    toy_expect("dispatcher<timer job1<local.start !timer job2<local.start !timer ");
    weir_actor_event(world.actor, &timer);
    toy_expect("job2<timer dispatcher<local.clean manager<local.stopped ");
    toy_end(&world);
}

/* 1..count start that many, beyond: stop the one of that number. */
static void crowd(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role != WEIR_ROLE_DISPATCHER || it->kind != WEIR_EVENT_TIMER) return;
    struct weir_job_id id = { { 0 } };
    uint64_t number = it->tag.number % 1000;
    memcpy(id.bytes + 4, &number, sizeof number);
    if (it->tag.number < 1000)
        start_job(effects, &id);
    else
        stop_job(effects, &id);
}

static void a_thousand_jobs_come_and_go(void **state)
{
    struct toy_world world;
    struct weir_actor_statistics statistics;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = crowd;
    for (uint64_t i = 0; i < 1000; i++) poke(i);
    weir_actor_statistics(world.actor, &statistics);
    assert_int_equal(statistics.jobmasters, 1000);
    for (uint64_t i = 0; i < 1000; i += 3) poke(1000 + i);
    weir_actor_statistics(world.actor, &statistics);
    assert_int_equal(statistics.jobmasters, 666);
    world.length = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        struct weir_event timer = { .kind = WEIR_EVENT_TIMER, .tag = { .role = WEIR_ROLE_JOBMASTER } };
        memcpy(timer.tag.job.bytes + 4, &i, sizeof i);
        world.length = 0;
        world.text[0] = '\0';
        weir_actor_event(world.actor, &timer);
        assert_string_equal(world.text, i % 3 ? "job0<timer " : "");
    }
    toy_end(&world);
}

static void chatter(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role != WEIR_ROLE_DISPATCHER) return;
    weir_effect_log(effects, WEIR_CONTROL_INFO, "one");
    weir_effect_send(effects, weir_nodes_intern(machine->config.nodes, "other"), WEIR_ROLE_LEADER, NULL, 0,
        WEIR__ENVELOPE__BODY_HEARTBEAT, WEIR_PROTO_NEW(effects->arena, Weir__Heartbeat, weir__heartbeat));
    send_local(effects, WEIR_ROLE_LEADER, NULL, WEIR_LOCAL_JOB_FENCED);
    weir_effect_log(effects, WEIR_CONTROL_INFO, "two");
    effects->more = it->kind != WEIR_EVENT_LOCAL;
}

static void the_dead_touch_nothing(void **state)
{
    static const char *const expected[] = { "", "dispatcher<timer !log ", "dispatcher<timer !log >other ",
        "dispatcher<timer !log >other !log ",
        "dispatcher<timer !log >other !log dispatcher<local.continue !log " };
    for (int32_t i = 0; i < (int32_t)WEIR_ARRAY_COUNT(expected); i++) {
        struct toy_world world;
        toy_start(&world, WEIR_ACTOR_JOBMANAGER);
        world.script = chatter;
        world.effects_left = i;
        poke(0);
        toy_expect(expected[i]);
        poke(0);
        weir_actor_bytes(world.actor, 1, (const uint8_t *)"x", 1);
        toy_expect("");
        toy_end(&world);
    }
}

static void once_warm_a_turn_allocates_nothing(void **state)
{
    struct toy_world world;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = chatter;
    Weir__QueryJobs query = WEIR__QUERY_JOBS__INIT;
    for (int i = 0; i < 4; i++) {
        poke(0);
        toy_receive("other", 0, 0, NULL, WEIR__ENVELOPE__BODY_QUERY, &query);
    }
    uint64_t before = atomic_load(&world.memory.base.allocation_count);
    for (int i = 0; i < 100; i++) {
        poke(0);
        toy_receive("other", 0, 0, NULL, WEIR__ENVELOPE__BODY_QUERY, &query);
    }
    assert_int_equal(atomic_load(&world.memory.base.allocation_count), before);
    toy_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_reach_those_whom_they_concern),
        cmocka_unit_test(local_messages_are_read_in_order_before_the_turn_ends),
        cmocka_unit_test(who_has_more_is_stepped_again_before_anything_else),
        cmocka_unit_test(nothing_of_a_stopped_job_is_heard),
        cmocka_unit_test(a_job_that_is_stopped_for_what_it_said_says_no_more),
        cmocka_unit_test(a_thousand_jobs_come_and_go),
        cmocka_unit_test(the_dead_touch_nothing),
        cmocka_unit_test(once_warm_a_turn_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
