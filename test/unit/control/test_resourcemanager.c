/* The resourcemanager, stepped by hand. */
#include "unit/control/bench.h"

enum { TICK = 1, PROBE, RECOVERED };

static void step(void *machine, const struct weir_event *event, struct weir_effects *effects)
{
    weir_resourcemanager_step(machine, event, effects);
}

static struct weir_local_message local_of(enum weir_local_kind kind, uint32_t job)
{
    struct weir_local_message message = { .kind = kind, .job = { { (uint8_t)job, (uint8_t)(job >> 8) } } };
    return message;
}

static void local(struct bench *bench, const struct weir_local_message *message)
{
    struct weir_event event = { .kind = WEIR_EVENT_LOCAL };
    event.local = message;
    bench_run(bench, &event);
}

static void grant(struct bench *bench)
{
    struct weir_local_message message = local_of(WEIR_LOCAL_GRANTED, 0);
    message.epoch = 5;
    local(bench, &message);
}

/* Every job of the store is there. */
static void recovered(struct bench *bench)
{
    struct weir_local_message message = local_of(WEIR_LOCAL_RECOVERED, 0);
    local(bench, &message);
    bench_timer(bench, WEIR_ROLE_RESOURCEMANAGER, RECOVERED);
}

static void start_idle(struct bench *bench)
{
    struct weir_machine_config config = bench_init(bench, "jm");
    bench->identity.jobmanager = true;
    bench->step = step;
    bench->machine = weir_resourcemanager_new(&config);
}

static void start(struct bench *bench)
{
    start_idle(bench);
    grant(bench);
    recovered(bench);
    bench_expect(bench, "");
}

static void end(struct bench *bench)
{
    weir_resourcemanager_free(bench->machine);
    bench_done(bench);
}

struct running {
    uint32_t job, slot;
    Weir__ExecutionState state;
};

static void report(struct bench *bench, const char *name, uint64_t incarnation, uint32_t slots,
    const struct running *running, uint32_t count)
{
    Weir__TaskManagerReport message = WEIR__TASK_MANAGER_REPORT__INIT;
    Weir__Node node = WEIR__NODE__INIT;
    Weir__AttemptReport attempts[8], *pointers[8];
    Weir__AttemptId ids[8];
    Weir__Run run = WEIR__RUN__INIT;
    Weir__SubtaskSnapshot snapshot = WEIR__SUBTASK_SNAPSHOT__INIT;
    uint8_t jobs[8][16] = { { 0 } };
    node.name = (char *)name;
    node.incarnation = incarnation;
    node.rpc_address = (char *)"there:1";
    node.data_address = (char *)"there:2";
    message.node = &node;
    message.slots = slots;
    message.n_attempts = count;
    message.attempts = pointers;
    for (uint32_t i = 0; i < count; i++) {
        jobs[i][0] = (uint8_t)running[i].job;
        ids[i] = (Weir__AttemptId)WEIR__ATTEMPT_ID__INIT;
        ids[i].job = (ProtobufCBinaryData){ .len = 16, .data = jobs[i] };
        ids[i].subtask = i;
        ids[i].epoch = 4;
        ids[i].number = 1;
        attempts[i] = (Weir__AttemptReport)WEIR__ATTEMPT_REPORT__INIT;
        attempts[i].attempt = &ids[i];
        attempts[i].run = &run;
        attempts[i].state = running[i].state ? running[i].state : WEIR__EXECUTION_STATE__EXECUTION_RUNNING;
        attempts[i].slot = running[i].slot;
        attempts[i].final_snapshot = &snapshot;
        pointers[i] = &attempts[i];
    }
    bench_message(bench, name, incarnation, WEIR__ENVELOPE__BODY_REPORT, &message);
}

static void beat(struct bench *bench, const char *name, uint64_t incarnation, uint32_t attempts)
{
    Weir__Heartbeat heartbeat = WEIR__HEARTBEAT__INIT;
    heartbeat.attempts = attempts;
    bench_message(bench, name, incarnation, WEIR__ENVELOPE__BODY_HEARTBEAT, &heartbeat);
}

static void require(struct bench *bench, uint32_t job, uint32_t slots)
{
    struct weir_local_message message = local_of(WEIR_LOCAL_REQUIRE, job);
    message.slots_wanted = slots;
    local(bench, &message);
}

static void give_back(struct bench *bench, enum weir_local_kind kind, uint32_t job, const char *name,
    uint64_t incarnation, uint32_t index)
{
    struct weir_slot slot = { bench_node(bench, name), incarnation, index };
    struct weir_local_message message = local_of(kind, job);
    message.slots = &slot;
    message.slot_count = 1;
    local(bench, &message);
}

static void stopped(struct bench *bench, uint32_t job)
{
    struct weir_local_message message = local_of(WEIR_LOCAL_JOB_STOPPED, job);
    local(bench, &message);
}

static void ticks(struct bench *bench, int count)
{
    for (int i = 0; i < count; i++) {
        bench->now_us += 100000;
        bench_timer(bench, WEIR_ROLE_RESOURCEMANAGER, TICK);
    }
}

static void beat_through(struct bench *bench, const char *name, uint32_t attempts, int count)
{
    for (int i = 0; i < count; i++) {
        ticks(bench, 1);
        beat(bench, name, 1, attempts);
    }
}

/* ---------------------------------------------------------------- jobs and slots */

static void a_job_hears_of_all_and_gets_its_slots(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    bench_expect(&bench, ">tm-1:report_accepted");
    require(&bench, 1, 0);
    bench_expect(&bench, "@1:report tm-1 @1:slots[]");
    require(&bench, 1, 3); /* more than there is: nothing yet */
    bench_expect(&bench, "");
    report(&bench, "tm-2", 2, 2, NULL, 0);
    bench_expect(&bench, ">tm-2:report_accepted @1:report tm-2 @1:slots[tm-1#0 tm-1#1 tm-2#0]");
    require(&bench, 2, 1);
    bench_expect(&bench, "@2:report tm-1 @2:report tm-2 @2:slots[tm-2#1]");
    give_back(&bench, WEIR_LOCAL_RELEASE, 1, "tm-1", 1, 0);
    bench_forget(&bench); /* it wants it still and gets it again */
    require(&bench, 1, 0);
    bench_expect(&bench, "@1:slots[]");
    end(&bench);
}

static void nothing_is_given_back_that_is_not_held(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    require(&bench, 1, 1);
    require(&bench, 2, 1);
    bench_forget(&bench);
    give_back(&bench, WEIR_LOCAL_RELEASE, 1, "tm-1", 1, 1);  /* the other job's */
    give_back(&bench, WEIR_LOCAL_RELEASE, 1, "tm-1", 9, 0);  /* of another incarnation */
    give_back(&bench, WEIR_LOCAL_RELEASE, 1, "tm-1", 1, 77); /* none */
    give_back(&bench, WEIR_LOCAL_RELEASE, 1, "tm-7", 1, 0);
    give_back(&bench, WEIR_LOCAL_RELEASE, 9, "tm-1", 1, 0);
    bench_expect(&bench, "");
    end(&bench);
}

static void who_asked_first_is_served_first(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    require(&bench, 1, 2);
    require(&bench, 2, 2);
    require(&bench, 3, 1);
    bench_forget(&bench);
    give_back(&bench, WEIR_LOCAL_RELEASE, 1, "tm-1", 1, 0); /* job 1 asked before the others */
    bench_expect(&bench, "@1:slots[tm-1#1 tm-1#0]");
    require(&bench, 1, 0);
    bench_expect(&bench, "@1:slots[] @2:slots[tm-1#0 tm-1#1]"); /* job 3 does not pass it */
    stopped(&bench, 2);
    bench_expect(&bench, "@3:slots[tm-1#0]");
    end(&bench);
}

static void who_can_not_be_served_blocks_nobody(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    require(&bench, 1, 50);
    require(&bench, 2, 1);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1 @1:slots[] @2:report tm-1 @2:slots[tm-1#0]");
    end(&bench);
}

static void who_waits_too_long_lets_others_pass(void **state)
{
    struct bench bench;
    start(&bench);
    bench.options.slot_request_timeout_us = 1000000;
    report(&bench, "tm-1", 1, 3, NULL, 0);
    require(&bench, 1, 2);
    require(&bench, 2, 3);
    require(&bench, 3, 1);
    bench_expect(&bench,
        ">tm-1:report_accepted @1:report tm-1 @1:slots[tm-1#0 tm-1#1] @2:report tm-1 @2:slots[] "
        "@3:report tm-1 @3:slots[]");
    stopped(&bench, 1);
    bench_expect(&bench, "@2:slots[tm-1#0 tm-1#1 tm-1#2]");
    require(&bench, 4, 3);
    require(&bench, 2, 0);
    bench_expect(&bench, "@4:report tm-1 @4:slots[] @2:slots[] @3:slots[tm-1#0]");
    beat_through(&bench, "tm-1", 0, 6);
    require(&bench, 5, 1); /* what is free is kept for job 4 */
    bench_expect(&bench, "@5:report tm-1 @5:slots[]");
    beat_through(&bench, "tm-1", 0, 5); /* job 4 had its time: job 5 is served before it */
    bench_expect(&bench, "@5:slots[tm-1#1]");
    stopped(&bench, 3);
    bench_expect(&bench, "");
    stopped(&bench, 5);
    bench_expect(&bench, "@4:slots[tm-1#0 tm-1#1 tm-1#2]");
    end(&bench);
}

static void who_gives_back_what_it_waits_with_lets_others_pass(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 4, NULL, 0);
    require(&bench, 1, 2);
    require(&bench, 2, 4);
    require(&bench, 3, 4);
    stopped(&bench, 1);
    require(&bench, 2, 0);
    require(&bench, 2, 4); /* each holds a part of what it needs */
    bench_forget(&bench);
    struct weir_slot slots[4];
    for (uint32_t i = 0; i < 4; i++) slots[i] = (struct weir_slot){ bench_node(&bench, "tm-1"), 1, i };
    struct weir_local_message message = local_of(WEIR_LOCAL_RELEASE, 3);
    message.slots = slots;
    message.slot_count = 4;
    local(&bench, &message);
    bench_expect(&bench, "@3:slots[tm-1#0 tm-1#1 tm-1#2 tm-1#3]"); /* it still was the first */
    message.behind = true;
    local(&bench, &message);
    bench_expect(&bench, "@3:slots[] @2:slots[tm-1#0 tm-1#1 tm-1#2 tm-1#3]");
    stopped(&bench, 2);
    bench_expect(&bench, "@3:slots[tm-1#0 tm-1#1 tm-1#2 tm-1#3]");
    end(&bench);
}

/* Of two jobs that each run in parts neither comes to a checkpoint. */
static void a_job_gets_all_that_it_wants_or_none(void **state)
{
    static const struct running running[] = { { 2, 0, 0 } };
    struct bench bench;
    start_idle(&bench);
    grant(&bench);
    require(&bench, 1, 3);
    require(&bench, 2, 2);
    bench_forget(&bench);
    report(&bench, "tm-1", 1, 2, running, 1); /* job 2 holds one: the other is not kept from it */
    bench_expect(&bench,
        ">tm-1:report_accepted @1:report tm-1 @2:report tm-1(v0s0.1:RUNNING) @2:slots[tm-1#0 tm-1#1]");
    report(&bench, "tm-2", 2, 1, NULL, 0);
    bench_expect(&bench, ">tm-2:report_accepted @1:report tm-2 @2:report tm-2");
    require(&bench, 3, 1);
    bench_expect(&bench, "@3:report tm-1 @3:report tm-2 @3:slots[]");
    stopped(&bench, 2);
    bench_expect(&bench, "@1:slots[tm-2#0 tm-1#0 tm-1#1]");
    end(&bench);
}

static void slots_are_filled_up_or_spread(void **state)
{
    struct bench bench;
    for (int spread = 0; spread < 2; spread++) {
        start(&bench);
        bench.options.evenly_spread_out_slots = spread;
        report(&bench, "tm-1", 1, 3, NULL, 0);
        report(&bench, "tm-2", 2, 3, NULL, 0);
        require(&bench, 1, 3);
        require(&bench, 2, 2);
        bench_expect(&bench,
            spread ? ">tm-1:report_accepted >tm-2:report_accepted @1:report tm-1 @1:report tm-2 "
                     "@1:slots[tm-1#0 tm-2#0 tm-1#1] @2:report tm-1 @2:report tm-2 @2:slots[tm-2#1 tm-1#2]"
                   : ">tm-1:report_accepted >tm-2:report_accepted @1:report tm-1 @1:report tm-2 "
                     "@1:slots[tm-1#0 tm-1#1 tm-1#2] @2:report tm-1 @2:report tm-2 @2:slots[tm-2#0 tm-2#1]");
        end(&bench);
    }
}

static void a_slot_that_failed_is_not_offered_again_at_once(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    require(&bench, 1, 1);
    bench_forget(&bench);
    give_back(&bench, WEIR_LOCAL_SLOT_FAILED, 1, "tm-1", 1, 0);
    bench_expect(&bench, "@1:slots[tm-1#1]");
    give_back(&bench, WEIR_LOCAL_SLOT_FAILED, 1, "tm-1", 1, 1);
    bench_expect(&bench, "@1:slots[]");
    ticks(&bench, 9);
    bench_expect(&bench, "");
    ticks(&bench, 1);
    bench_expect(&bench, "@1:slots[tm-1#0]");
    end(&bench);
}

/* ---------------------------------------------------------------- a new leader */

static void slots_of_reported_attempts_belong_to_their_job(void **state)
{
    static const struct running running[] = { { 1, 1, 0 }, { 2, 0, 0 },
        { 1, 2, WEIR__EXECUTION_STATE__EXECUTION_FINISHED } };
    struct bench bench;
    start_idle(&bench);
    grant(&bench);
    require(&bench, 3, 1);
    bench_expect(&bench, "@3:slots[]");
    report(&bench, "tm-1", 1, 3, running, 3);
    /* What has ended holds no slot; the others' are not given away, whoever asks. */
    bench_expect(&bench, ">tm-1:report_accepted @3:report tm-1 @3:slots[tm-1#2]");
    require(&bench, 1, 0);
    bench_expect(&bench, "@1:report tm-1(v0s0.1:RUNNING,v0s2.1:FINISHED) @1:slots[tm-1#1]");
    require(&bench, 1, 1);
    bench_expect(&bench, "");
    require(&bench, 2, 0);
    bench_expect(&bench, "@2:report tm-1(v0s1.1:RUNNING) @2:slots[tm-1#0]");
    end(&bench);
}

static void a_later_report_goes_to_every_job(void **state)
{
    static const struct running running[] = { { 1, 0, 0 } };
    struct bench bench;
    start(&bench);
    require(&bench, 1, 1);
    require(&bench, 2, 0);
    bench_forget(&bench);
    report(&bench, "tm-1", 1, 1, running, 1);
    bench_expect(
        &bench, ">tm-1:report_accepted @1:report tm-1(v0s0.1:RUNNING) @2:report tm-1 @1:slots[tm-1#0]");
    /* Again, on a new connection: nothing is held twice, nothing is lost. */
    report(&bench, "tm-1", 1, 1, running, 1);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1(v0s0.1:RUNNING) @2:report tm-1");
    require(&bench, 1, 0);
    require(&bench, 2, 1);
    bench_expect(&bench, "@1:slots[] @2:slots[tm-1#0]");
    end(&bench);
}

static void free_slots_stay_free_when_a_taskmanager_registers_again(void **state)
{
    struct bench bench;
    start(&bench);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    require(&bench, 1, 2);
    bench_expect(
        &bench, ">tm-1:report_accepted >tm-1:report_accepted @1:report tm-1 @1:slots[tm-1#0 tm-1#1]");
    end(&bench);
}

static void attempts_of_no_job_are_ended(void **state)
{
    static const struct running running[] = { { 1, 0, 0 },
        { 1, 1, WEIR__EXECUTION_STATE__EXECUTION_FAILED } };
    struct bench bench;
    start_idle(&bench);
    grant(&bench);
    require(&bench, 2, 1);
    require(&bench, 3, 1);
    report(&bench, "tm-1", 1, 2, running, 2);
    bench_expect(
        &bench, "@2:slots[] @3:slots[] >tm-1:report_accepted @2:report tm-1 @3:report tm-1 @2:slots[tm-1#1]");
    recovered(&bench);
    bench_expect(&bench, ">tm-1:cancel_tasks(1) >tm-1:forget(1)");
    /* Its slot is free when it has ended, and it is forgotten then. */
    Weir__TaskStateUpdate update = WEIR__TASK_STATE_UPDATE__INIT;
    Weir__AttemptReport attempt = WEIR__ATTEMPT_REPORT__INIT;
    Weir__AttemptId id = WEIR__ATTEMPT_ID__INIT;
    Weir__Run run = WEIR__RUN__INIT;
    uint8_t job[16] = { 1 };
    id.job = (ProtobufCBinaryData){ .len = 16, .data = job };
    attempt.attempt = &id;
    attempt.run = &run;
    attempt.state = WEIR__EXECUTION_STATE__EXECUTION_CANCELING;
    update.attempt = &attempt;
    bench_message(&bench, "tm-1", 1, WEIR__ENVELOPE__BODY_TASK_STATE, &update);
    bench_expect(&bench, "");
    attempt.state = WEIR__EXECUTION_STATE__EXECUTION_CANCELED;
    bench_message(&bench, "tm-1", 1, WEIR__ENVELOPE__BODY_TASK_STATE, &update);
    bench_expect(&bench, ">tm-1:forget(1) @3:slots[tm-1#0]");
    /* One that reports only now. */
    report(&bench, "tm-2", 2, 2, running, 2);
    bench_expect(
        &bench, ">tm-2:report_accepted >tm-2:cancel_tasks(1) >tm-2:forget(1) @2:report tm-2 @3:report tm-2");
    require(&bench, 4, 1);
    bench_expect(&bench, "@4:report tm-1 @4:report tm-2 @4:slots[tm-2#1]");
    end(&bench);
}

static void a_revoked_leader_forgets(void **state)
{
    static const struct running running[] = { { 1, 0, 0 } };
    struct bench bench;
    start(&bench);
    require(&bench, 1, 1);
    report(&bench, "tm-1", 1, 2, running, 1);
    bench_forget(&bench);
    struct weir_local_message revoked = local_of(WEIR_LOCAL_REVOKED, 0);
    local(&bench, &revoked);
    require(&bench, 1, 2);
    report(&bench, "tm-1", 1, 2, running, 1);
    bench_expect(&bench, "");
    grant(&bench);
    report(&bench, "tm-1", 1, 2, running, 1);
    require(&bench, 1, 2);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1(v0s0.1:RUNNING) @1:slots[tm-1#0 tm-1#1]");
    end(&bench);
}

/* ---------------------------------------------------------------- loss */

static void start_held(struct bench *bench)
{
    start(bench);
    bench_connection(bench, "tm-1", 1, WEIR_CONNECTION_UP);
    report(bench, "tm-1", 1, 1, NULL, 0);
    require(bench, 1, 1);
    require(bench, 2, 0);
    bench_expect(bench, ">tm-1:report_accepted @1:report tm-1 @1:slots[tm-1#0] @2:report tm-1 @2:slots[]");
}

static void reset_and_refused_is_lost_at_once(void **state)
{
    struct bench bench;
    start_held(&bench);
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_REFUSED);
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_TIMEOUT);
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_RESET);
    bench_expect(&bench, "");
    bench.now_us += 20000;
    bench_timer(&bench, WEIR_ROLE_RESOURCEMANAGER, PROBE);
    bench_expect(&bench, "connect tm-1=there:1");
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_REFUSED);
    bench_expect(&bench, "@1:lost tm-1.1 disconnect tm-1 @1:slots[]");
    end(&bench);
}

static void a_reset_alone_loses_nothing(void **state)
{
    struct bench bench;
    start_held(&bench);
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_RESET);
    bench_connection(&bench, "tm-1", 1, WEIR_CONNECTION_UP);
    bench.now_us += 20000;
    bench_timer(&bench, WEIR_ROLE_RESOURCEMANAGER, PROBE);
    bench_expect(&bench, "");
    end(&bench);
}

static void another_incarnation_is_a_loss(void **state)
{
    struct bench bench;
    start_held(&bench);
    bench_connection(&bench, "tm-1", 2, WEIR_CONNECTION_UP);
    bench_expect(&bench, "@1:lost tm-1.1 @1:slots[]");
    report(&bench, "tm-1", 2, 1, NULL, 0);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1 @2:report tm-1 @1:slots[tm-1#0]");
    /* The older one comes back: it is refused, and takes nothing away. */
    bench_connection(&bench, "tm-1", 1, WEIR_CONNECTION_UP);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    bench_expect(&bench, ">tm-1:report_accepted(refused)");
    end(&bench);
}

static void a_death_of_the_process_is_a_loss(void **state)
{
    struct bench bench;
    start_held(&bench);
    struct weir_event event = { .kind = WEIR_EVENT_PROCESS_DIED, .from = bench_node(&bench, "tm-1") };
    event.from_incarnation = 9;
    bench_run(&bench, &event);
    bench_expect(&bench, "");
    event.from_incarnation = 1;
    bench_run(&bench, &event);
    bench_expect(&bench, "@1:lost tm-1.1 @1:slots[]");
    end(&bench);
}

static void deafness_past_the_timeout_is_a_loss(void **state)
{
    struct bench bench;
    start_held(&bench);
    ticks(&bench, 50);
    beat(&bench, "tm-1", 1, 0);
    ticks(&bench, 50);
    bench_expect(&bench, "");
    ticks(&bench, 1);
    bench_expect(&bench, "@1:lost tm-1.1 disconnect tm-1 @1:slots[]");
    /* It comes back with what it has. */
    static const struct running running[] = { { 1, 0, 0 } };
    report(&bench, "tm-1", 1, 1, running, 1);
    bench_expect(
        &bench, ">tm-1:report_accepted @1:report tm-1(v0s0.1:RUNNING) @2:report tm-1 @1:slots[tm-1#0]");
    /* It hears us no more. */
    Weir__Heartbeat heartbeat = WEIR__HEARTBEAT__INIT;
    heartbeat.heard_ago_ms = 5001;
    bench_message(&bench, "tm-1", 1, WEIR__ENVELOPE__BODY_HEARTBEAT, &heartbeat);
    bench_expect(&bench, "@1:lost tm-1.1 disconnect tm-1 @1:slots[]");
    end(&bench);
}

static void a_pause_of_its_own_loses_nobody(void **state)
{
    struct bench bench;
    start_held(&bench);
    ticks(&bench, 2);
    bench.now_us += 600000000;
    ticks(&bench, 2);
    bench_expect(&bench, "");
    end(&bench);
}

/* ---------------------------------------------------------------- workers */

static void start_workers(struct bench *bench)
{
    start(bench);
    bench->options.workers_wanted_max = 2;
    bench->options.slots_per_worker = 2;
}

static void workers_are_started_for_missing_slots(void **state)
{
    struct bench bench;
    start_workers(&bench);
    require(&bench, 1, 3);
    bench_expect(&bench, "@1:slots[] start worker-5-1 start worker-5-2");
    report(&bench, "worker-5-1", 1, 2, NULL, 0);
    report(&bench, "worker-5-2", 2, 2, NULL, 0);
    bench_expect(&bench,
        ">worker-5-1:report_accepted @1:report worker-5-1 >worker-5-2:report_accepted @1:report worker-5-2 "
        "@1:slots[worker-5-1#0 worker-5-1#1 worker-5-2#0]");
    require(&bench, 2, 5); /* no more than the maximum */
    bench_expect(&bench, "@2:report worker-5-1 @2:report worker-5-2 @2:slots[]");
    end(&bench);
}

static void a_worker_that_dies_is_replaced_after_a_while(void **state)
{
    struct bench bench;
    start_workers(&bench);
    require(&bench, 1, 1);
    bench_expect(&bench, "@1:slots[] start worker-5-1");
    struct weir_event ended = { .kind = WEIR_EVENT_WORKER };
    ended.worker.name = "worker-5-1";
    bench_run(&bench, &ended);
    ticks(&bench, 10);
    bench_expect(&bench, "");
    ticks(&bench, 1);
    bench_expect(&bench, "start worker-5-2");
    report(&bench, "worker-5-2", 2, 2, NULL, 0);
    bench_forget(&bench);
    ended.worker.name = "worker-5-2";
    bench_run(&bench, &ended);
    bench_forget(&bench);
    ticks(&bench, 1);
    end(&bench);
}

/* There is room for so many names and no more, and a leader may lead for years. */
static void names_of_workers_do_not_run_out(void **state)
{
    enum { NAMES_LEFT = 2100, STARTS = 2500, TICKS_MAX = 700 };
    struct bench bench;
    start_workers(&bench);
    while (bench.nodes.count < WEIR_NODES_MAX - NAMES_LEFT) {
        char name[32];
        snprintf(name, sizeof name, "other-%u", bench.nodes.count);
        assert_int_not_equal(weir_nodes_intern(&bench.nodes, name), 0);
    }
    for (uint32_t i = 0; i < STARTS; i++) {
        require(&bench, 1, 1);
        for (uint32_t k = 0; k < TICKS_MAX && !strstr(bench.text, "start "); k++) ticks(&bench, 1);
        const char *started = strstr(bench.text, "start ");
        assert_non_null(started);
        char name[64];
        assert_int_equal(sscanf(started, "start %63s", name), 1);
        bench_forget(&bench);
        struct weir_event ended = { .kind = WEIR_EVENT_WORKER };
        ended.worker.name = name;
        bench_run(&bench, &ended);
    }
    end(&bench);
}

static void a_worker_that_does_not_register_is_stopped(void **state)
{
    struct bench bench;
    start_workers(&bench);
    require(&bench, 1, 1);
    bench_forget(&bench);
    ticks(&bench, 100);
    bench_expect(&bench, "");
    ticks(&bench, 1);
    bench_expect(&bench, "stop worker-5-1");
    end(&bench);
}

static void idle_workers_are_stopped_others_never(void **state)
{
    struct bench bench;
    start_workers(&bench);
    report(&bench, "worker-4-9", 1, 2, NULL, 0); /* an earlier leader's */
    report(&bench, "tm-1", 1, 2, NULL, 0);
    require(&bench, 1, 3);
    bench_forget(&bench);
    beat_through(&bench, "worker-4-9", 0, 400); /* tm-1 is deaf: its slots are lost, the worker is wanted */
    bench_forget(&bench);
    require(&bench, 1, 0);
    struct weir_event ended = { .kind = WEIR_EVENT_WORKER };
    ended.worker.name = "worker-5-1";
    bench_run(&bench, &ended);
    bench_forget(&bench);
    beat_through(&bench, "worker-4-9", 1, 400); /* what ended there is not acknowledged yet */
    bench_expect(&bench, "");
    beat_through(&bench, "worker-4-9", 0, 290);
    bench_expect(&bench, "");
    beat_through(&bench, "worker-4-9", 0, 20);
    bench_expect(&bench, ">worker-4-9:end_taskmanager stop worker-4-9");
    require(&bench, 2, 1); /* and nobody is sent there any more */
    bench_expect(&bench, "@2:report worker-4-9 @2:slots[] start worker-5-2");
    end(&bench);
}

/* Its process is nobody's child here: the driver says that it has no such process, and a new one may start.
 */
static void a_lost_worker_of_an_earlier_leader_is_replaced(void **state)
{
    struct bench bench;
    start_workers(&bench);
    bench.options.workers_wanted_max = 1;
    report(&bench, "worker-4-9", 1, 2, NULL, 0);
    require(&bench, 1, 1);
    bench_forget(&bench);
    ticks(&bench, 20);
    struct weir_event died = { .kind = WEIR_EVENT_PROCESS_DIED };
    died.from = bench_node(&bench, "worker-4-9");
    died.from_incarnation = 1;
    bench_run(&bench, &died);
    char *text = strstr(bench.text, "stop worker-4-9");
    assert_non_null(text);
    bench_forget(&bench);
    struct weir_event ended = { .kind = WEIR_EVENT_WORKER };
    ended.worker.name = "worker-4-9";
    bench_run(&bench, &ended);
    bench_expect(&bench, "start worker-5-1");
    end(&bench);
}

static void a_new_leader_counts_workers_before_it_starts_any(void **state)
{
    struct bench bench;
    start_idle(&bench);
    bench.options.workers_wanted_max = 2;
    bench.options.slots_per_worker = 2;
    bench.options.worker_recovery_us = 1000000;
    grant(&bench);
    recovered(&bench);
    require(&bench, 1, 4);
    bench_expect(&bench, "@1:slots[]");
    report(&bench, "worker-4-1", 1, 2, NULL, 0);
    bench_forget(&bench);
    ticks(&bench, 10);
    bench_expect(&bench, "");
    beat(&bench, "worker-4-1", 1, 0);
    ticks(&bench, 1);
    bench_expect(&bench, "start worker-5-1");
    report(&bench, "worker-5-1", 2, 2, NULL, 0);
    require(&bench, 2, 4);
    bench_forget(&bench);
    beat(&bench, "worker-4-1", 1, 0);
    beat(&bench, "worker-5-1", 2, 0);
    ticks(&bench, 5);
    bench_expect(&bench, ""); /* there are as many as may be */
    end(&bench);
}

static void workers_that_die_at_once_are_started_ever_more_slowly(void **state)
{
    struct bench bench;
    start_workers(&bench);
    require(&bench, 1, 1);
    bench_forget(&bench);
    char name[32], expected[64];
    const int waits[] = { 10, 19, 39, 79 }; /* ticks; the very first one only starts the clock */
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "worker-5-%u", i + 1);
        if (i % 2) report(&bench, name, 1, 2, NULL, 0); /* also when it has just registered */
        struct weir_event ended = { .kind = WEIR_EVENT_WORKER };
        ended.worker.name = name;
        bench_run(&bench, &ended);
        bench_forget(&bench);
        ticks(&bench, waits[i]);
        bench_expect(&bench, "");
        ticks(&bench, 1);
        snprintf(expected, sizeof expected, "start worker-5-%u", i + 2);
        bench_expect(&bench, expected);
    }
    /* One that has lived is replaced at once, and the count starts again. */
    report(&bench, "worker-5-5", 1, 2, NULL, 0);
    beat_through(&bench, "worker-5-5", 0, 20);
    bench_forget(&bench);
    struct weir_event ended = { .kind = WEIR_EVENT_WORKER };
    ended.worker.name = "worker-5-5";
    bench_run(&bench, &ended);
    bench_expect(&bench, "@1:lost worker-5-5.1 @1:slots[] start worker-5-6");
    end(&bench);
}

static void some_are_kept_whatever_the_jobs_want(void **state)
{
    struct bench bench;
    start_idle(&bench);
    bench.options.workers_wanted_max = 2;
    bench.options.slots_per_worker = bench.options.slots_wanted_min = 2;
    grant(&bench);
    bench_expect(&bench, "start worker-5-1");
    report(&bench, "worker-5-1", 1, 2, NULL, 0);
    bench_forget(&bench);
    beat_through(&bench, "worker-5-1", 0, 1000); /* idle, and left alone */
    bench_expect(&bench, "");
    end(&bench);
}

static void the_end_of_the_cluster_ends_its_workers(void **state)
{
    struct bench bench;
    start_workers(&bench);
    require(&bench, 1, 3);
    report(&bench, "worker-5-1", 1, 2, NULL, 0);
    report(&bench, "tm-1", 1, 2, NULL, 0);
    bench_forget(&bench);
    struct weir_local_message message = local_of(WEIR_LOCAL_END_WORKERS, 0);
    local(&bench, &message);
    bench_expect(&bench, ">worker-5-1:end_taskmanager stop worker-5-1 stop worker-5-2");
    require(&bench, 2, 9);
    ticks(&bench, 3);
    bench_expect(&bench, "@2:report worker-5-1 @2:report tm-1 @2:slots[]");
    end(&bench);
}

/* ---------------------------------------------------------------- size */

/* A thousand TaskManagers of ten slots, a thousand jobs of ten: each is told little more than what is its. */
static void ten_thousand_slots_and_a_thousand_jobs_take_no_quadratic_time(void **state)
{
    struct bench bench;
    char name[16];
    start(&bench);
    bench.quiet = true;
    for (uint32_t i = 0; i < 1000; i++) require(&bench, i + 1, 10);
    bench.effects = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "tm-%u", i);
        report(&bench, name, i + 1, 10, NULL, 0);
    }
    /* A report for each pair by contract; slots for each job once, and few messages beside. */
    assert_true(bench.effects < 1000 * 1000 + 10 * 1000);
    bench.effects = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct weir_event event = { .kind = WEIR_EVENT_PROCESS_DIED };
        snprintf(name, sizeof name, "tm-%u", i);
        event.from = bench_node(&bench, name);
        event.from_incarnation = i + 1;
        bench_run(&bench, &event);
    }
    assert_true(bench.effects < 20 * 1000);
    end(&bench);
}

/* ---------------------------------------------------------------- whom a new leader waits for */

enum { PATIENCE_US = 10000000, POLL_US = 1000000 };

static void greet(struct bench *bench, const char *name, uint64_t incarnation)
{
    bench_connection(bench, name, incarnation, WEIR_CONNECTION_UP);
    struct weir_local_message message = local_of(WEIR_LOCAL_TASKMANAGER_GREETED, 0);
    message.node = bench_node(bench, name);
    message.incarnation = incarnation;
    message.address = "there:1";
    local(bench, &message);
}

/* Leads since now; a candidate for so long; tm-1 and tm-2 were connected before, job 1 is there. */
static void take_over(struct bench *bench, int64_t known_us)
{
    start_idle(bench);
    bench->options.reattach_timeout_us = PATIENCE_US;
    bench->now_us = 100 * POLL_US;
    greet(bench, "tm-1", 1);
    greet(bench, "tm-2", 2);
    bench_expect(bench, "");
    struct weir_local_message message = local_of(WEIR_LOCAL_GRANTED, 0);
    message.epoch = 5;
    message.known_since_us = bench->now_us - known_us;
    local(bench, &message);
    recovered(bench);
    require(bench, 1, 0);
    bench_expect(bench, "@1:slots[]");
}

static void jobs_hear_when_all_have_reported(void **state)
{
    struct bench bench;
    take_over(&bench, 6 * POLL_US);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1");
    report(&bench, "tm-2", 2, 1, NULL, 0);
    bench_expect(&bench, ">tm-2:report_accepted @1:report tm-2 @1:all");
    require(&bench, 2, 0);
    bench_expect(&bench, "@2:report tm-1 @2:report tm-2 @2:all @2:slots[]");
    ticks(&bench, 3); /* once */
    report(&bench, "tm-3", 3, 1, NULL, 0);
    bench_expect(&bench, ">tm-3:report_accepted @1:report tm-3 @2:report tm-3");
    end(&bench);
}

static void who_died_with_the_leader_is_not_waited_for(void **state)
{
    struct bench bench;
    take_over(&bench, 6 * POLL_US);
    bench_connection(&bench, "tm-2", 0, WEIR_CONNECTION_RESET);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1");
    bench.now_us += 20000;
    bench_timer(&bench, WEIR_ROLE_RESOURCEMANAGER, PROBE);
    bench_expect(&bench, "connect tm-2=there:1");
    bench_connection(&bench, "tm-2", 0, WEIR_CONNECTION_REFUSED);
    bench_expect(&bench, "disconnect tm-2 @1:all");
    end(&bench);
}

/* Its connection broke before anybody knew that this process would lead. */
static void who_died_before_the_takeover_is_looked_for_at_once(void **state)
{
    struct bench bench;
    start_idle(&bench);
    bench.options.reattach_timeout_us = PATIENCE_US;
    bench.now_us = 100 * POLL_US;
    greet(&bench, "tm-1", 1);
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_RESET);
    bench_expect(&bench, "");
    grant(&bench);
    require(&bench, 1, 0);
    bench_timer(&bench, WEIR_ROLE_RESOURCEMANAGER, PROBE);
    bench_expect(&bench, "@1:slots[] connect tm-1=there:1");
    bench_connection(&bench, "tm-1", 0, WEIR_CONNECTION_REFUSED);
    bench_expect(&bench, "disconnect tm-1 @1:all");
    end(&bench);
}

static void who_is_slow_is_waited_for(void **state)
{
    struct bench bench;
    take_over(&bench, 100 * POLL_US);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    bench_forget(&bench);
    beat_through(&bench, "tm-1", 0, 300); /* connected, and silent: the job's own timeout decides */
    bench_expect(&bench, "");
    report(&bench, "tm-2", 2, 1, NULL, 0);
    bench_expect(&bench, ">tm-2:report_accepted @1:report tm-2 @1:all");
    end(&bench);
}

static void who_cannot_be_reached_is_waited_for_as_long_as_the_patience_lasts(void **state)
{
    struct bench bench;
    take_over(&bench, 6 * POLL_US);
    bench_connection(&bench, "tm-2", 0, WEIR_CONNECTION_RESET);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    bench.now_us += 20000;
    bench_timer(&bench, WEIR_ROLE_RESOURCEMANAGER, PROBE);
    bench_connection(&bench, "tm-2", 0, WEIR_CONNECTION_TIMEOUT); /* no answer means nothing */
    bench_forget(&bench);
    beat_through(&bench, "tm-1", 0, 99);
    bench_expect(&bench, "");
    beat_through(&bench, "tm-1", 0, 2);
    bench_expect(&bench, "disconnect tm-2 @1:all");
    end(&bench);
}

static void a_leader_that_nobody_can_have_found_yet_waits(void **state)
{
    struct bench bench;
    take_over(&bench, POLL_US);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    report(&bench, "tm-2", 2, 1, NULL, 0);
    bench_expect(&bench, ">tm-1:report_accepted @1:report tm-1 >tm-2:report_accepted @1:report tm-2");
    bench.now_us += 4 * POLL_US;
    ticks(&bench, 9);
    bench_expect(&bench, "");
    ticks(&bench, 1);
    bench_expect(&bench, "@1:all");
    end(&bench);
}

static void a_process_that_was_started_anew_is_waited_for(void **state)
{
    struct bench bench;
    take_over(&bench, 6 * POLL_US);
    report(&bench, "tm-1", 1, 1, NULL, 0);
    bench_connection(&bench, "tm-2", 0, WEIR_CONNECTION_RESET);
    bench_connection(&bench, "tm-2", 3, WEIR_CONNECTION_UP);
    bench_forget(&bench);
    ticks(&bench, 1);
    bench_expect(&bench, "");
    report(&bench, "tm-2", 3, 1, NULL, 0);
    bench_expect(&bench, ">tm-2:report_accepted @1:report tm-2 @1:all");
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_hears_of_all_and_gets_its_slots),
        cmocka_unit_test(nothing_is_given_back_that_is_not_held),
        cmocka_unit_test(who_asked_first_is_served_first),
        cmocka_unit_test(who_can_not_be_served_blocks_nobody),
        cmocka_unit_test(who_waits_too_long_lets_others_pass),
        cmocka_unit_test(who_gives_back_what_it_waits_with_lets_others_pass),
        cmocka_unit_test(a_job_gets_all_that_it_wants_or_none),
        cmocka_unit_test(slots_are_filled_up_or_spread),
        cmocka_unit_test(a_slot_that_failed_is_not_offered_again_at_once),
        cmocka_unit_test(slots_of_reported_attempts_belong_to_their_job),
        cmocka_unit_test(a_later_report_goes_to_every_job),
        cmocka_unit_test(free_slots_stay_free_when_a_taskmanager_registers_again),
        cmocka_unit_test(attempts_of_no_job_are_ended),
        cmocka_unit_test(a_revoked_leader_forgets),
        cmocka_unit_test(jobs_hear_when_all_have_reported),
        cmocka_unit_test(who_died_with_the_leader_is_not_waited_for),
        cmocka_unit_test(who_died_before_the_takeover_is_looked_for_at_once),
        cmocka_unit_test(who_is_slow_is_waited_for),
        cmocka_unit_test(who_cannot_be_reached_is_waited_for_as_long_as_the_patience_lasts),
        cmocka_unit_test(a_leader_that_nobody_can_have_found_yet_waits),
        cmocka_unit_test(a_process_that_was_started_anew_is_waited_for),
        cmocka_unit_test(reset_and_refused_is_lost_at_once),
        cmocka_unit_test(a_reset_alone_loses_nothing),
        cmocka_unit_test(another_incarnation_is_a_loss),
        cmocka_unit_test(a_death_of_the_process_is_a_loss),
        cmocka_unit_test(deafness_past_the_timeout_is_a_loss),
        cmocka_unit_test(a_pause_of_its_own_loses_nobody),
        cmocka_unit_test(workers_are_started_for_missing_slots),
        cmocka_unit_test(a_worker_that_dies_is_replaced_after_a_while),
        cmocka_unit_test(names_of_workers_do_not_run_out),
        cmocka_unit_test(a_worker_that_does_not_register_is_stopped),
        cmocka_unit_test(idle_workers_are_stopped_others_never),
        cmocka_unit_test(a_lost_worker_of_an_earlier_leader_is_replaced),
        cmocka_unit_test(a_new_leader_counts_workers_before_it_starts_any),
        cmocka_unit_test(workers_that_die_at_once_are_started_ever_more_slowly),
        cmocka_unit_test(some_are_kept_whatever_the_jobs_want),
        cmocka_unit_test(the_end_of_the_cluster_ends_its_workers),
        cmocka_unit_test(ten_thousand_slots_and_a_thousand_jobs_take_no_quadratic_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
