/* A TaskManager, stepped by hand. */
#include "unit/control/bench.h"

enum { TICK = 1, SLOTS = 2 };
static uint8_t job_bytes[2][16] = { { 1 }, { 2 } };

static void step(void *machine, const struct weir_event *event, struct weir_effects *effects)
{
    weir_taskexecutor_step(machine, event, effects);
}

static void start(struct bench *bench)
{
    static const char *const peers[] = { "jm-1=a:1", "jm-2=b:1" };
    struct weir_machine_config config = bench_init(bench, "tm");
    bench->options.peers = peers;
    bench->options.peer_count = 2;
    bench->step = step;
    bench->machine = weir_taskexecutor_new(&config, SLOTS);
    struct weir_event event = { .kind = WEIR_EVENT_START };
    bench_run(bench, &event);
    bench_expect(bench, "connect jm-1=a:1 connect jm-2=b:1");
}

static void end(struct bench *bench)
{
    weir_taskexecutor_free(bench->machine);
    bench_done(bench);
}

static void announce(struct bench *bench, const char *name, uint64_t incarnation, uint64_t epoch)
{
    Weir__LeaderAnnouncement announcement = WEIR__LEADER_ANNOUNCEMENT__INIT;
    Weir__Node node = WEIR__NODE__INIT;
    node.name = (char *)name;
    node.incarnation = incarnation;
    announcement.epoch = epoch;
    announcement.leader = &node;
    bench_message(bench, name, incarnation, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, &announcement);
}

static void up(struct bench *bench, const char *name, uint64_t incarnation)
{
    bench_connection(bench, name, incarnation, WEIR_CONNECTION_UP);
}

/* With jm-1 as leader of epoch 5. */
static void start_led(struct bench *bench)
{
    start(bench);
    up(bench, "jm-1", 11);
    announce(bench, "jm-1", 11, 5);
    bench_expect(bench, ">jm-1:greeting(0) !adopt(5) >jm-1:report");
}

static Weir__AttemptId attempt_id(uint32_t job, uint32_t vertex, uint32_t subtask, uint32_t number)
{
    Weir__AttemptId id = WEIR__ATTEMPT_ID__INIT;
    id.job = (ProtobufCBinaryData){ .len = 16, .data = job_bytes[job] };
    id.vertex = vertex;
    id.subtask = subtask;
    id.epoch = 5;
    id.number = number;
    return id;
}

static void deploy(struct bench *bench, Weir__AttemptId id, uint32_t slot)
{
    Weir__DeployTasks message = WEIR__DEPLOY_TASKS__INIT;
    Weir__Run run = WEIR__RUN__INIT;
    Weir__TaskDeployment task = WEIR__TASK_DEPLOYMENT__INIT, *tasks[] = { &task };
    Weir__RegionMember member = WEIR__REGION_MEMBER__INIT, *members[] = { &member, &member };
    Weir__Peer peer = WEIR__PEER__INIT;
    peer.name = (char *)"tm";
    peer.incarnation = 77;
    member.attempt = &id;
    member.location = &peer;
    message.job = id.job;
    message.run = &run;
    message.n_members = 2;
    message.members = members;
    message.n_tasks = 1;
    message.tasks = tasks;
    task.attempt = &id;
    task.slot = slot;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_DEPLOY, &message);
}

static void cancel(struct bench *bench, Weir__AttemptId id)
{
    Weir__CancelTasks message = WEIR__CANCEL_TASKS__INIT;
    Weir__AttemptId *ids[] = { &id };
    message.n_attempts = 1;
    message.attempts = ids;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_CANCEL_TASKS, &message);
}

static void forget(struct bench *bench, Weir__AttemptId id)
{
    Weir__ForgetAttempts message = WEIR__FORGET_ATTEMPTS__INIT;
    Weir__AttemptId *ids[] = { &id };
    message.n_attempts = 1;
    message.attempts = ids;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_FORGET, &message);
}

static void trigger(struct bench *bench, Weir__AttemptId id, uint64_t checkpoint, uint64_t split_sequence)
{
    Weir__TriggerCheckpoint message = WEIR__TRIGGER_CHECKPOINT__INIT;
    Weir__AttemptId *ids[] = { &id };
    message.job = id.job;
    message.checkpoint = checkpoint;
    message.n_attempts = 1;
    message.attempts = ids;
    message.kind = WEIR__CHECKPOINT_KIND__CHECKPOINT;
    message.split_sequence = split_sequence;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_TRIGGER, &message);
}

static void complete(struct bench *bench, Weir__AttemptId id, uint64_t checkpoint)
{
    Weir__NotifyCheckpointComplete message = WEIR__NOTIFY_CHECKPOINT_COMPLETE__INIT;
    Weir__AttemptId *ids[] = { &id };
    message.job = id.job;
    message.checkpoint = checkpoint;
    message.n_attempts = 1;
    message.attempts = ids;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_COMPLETE, &message);
}

static void abort_checkpoint(struct bench *bench, Weir__AttemptId id, uint64_t checkpoint)
{
    Weir__AbortCheckpoint message = WEIR__ABORT_CHECKPOINT__INIT;
    Weir__AttemptId *ids[] = { &id };
    message.job = id.job;
    message.checkpoint = checkpoint;
    message.n_attempts = 1;
    message.attempts = ids;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_ABORT, &message);
}

static void assign(struct bench *bench, Weir__AttemptId id, uint64_t epoch, uint64_t first, uint64_t count)
{
    Weir__AssignSplits message = WEIR__ASSIGN_SPLITS__INIT;
    Weir__Split splits[8], *pointers[8];
    for (uint64_t i = 0; i < count; i++) {
        splits[i] = (Weir__Split)WEIR__SPLIT__INIT;
        splits[i].id = (char *)"file";
        splits[i].epoch = epoch;
        splits[i].sequence = first + i;
        pointers[i] = &splits[i];
    }
    message.attempt = &id;
    message.n_splits = count;
    message.splits = pointers;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_ASSIGN_SPLITS, &message);
}

static void task(struct bench *bench, Weir__AttemptId id, enum weir_task_event_kind kind, uint64_t checkpoint,
    uint64_t epoch)
{
    Weir__SubtaskSnapshot snapshot = WEIR__SUBTASK_SNAPSHOT__INIT;
    struct weir_event event = { .kind = WEIR_EVENT_TASK };
    weir_attempt_id_from(&id, &event.task.attempt);
    event.task.kind = kind;
    event.task.checkpoint = checkpoint;
    event.task.barrier_epoch = epoch;
    event.task.snapshot = &snapshot;
    event.task.reason = WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED;
    event.task.error = "it broke";
    bench_run(bench, &event);
}

static void counted(
    struct bench *bench, Weir__AttemptId id, enum weir_task_event_kind kind, uint64_t records_in)
{
    Weir__SubtaskSnapshot snapshot = WEIR__SUBTASK_SNAPSHOT__INIT;
    Weir__TaskFigures figures = WEIR__TASK_FIGURES__INIT;
    struct weir_event event = { .kind = WEIR_EVENT_TASK };
    weir_attempt_id_from(&id, &event.task.attempt);
    event.task.kind = kind;
    event.task.snapshot = &snapshot;
    event.task.error = "it broke";
    event.task.figures = &figures;
    figures.records_in = records_in;
    bench_run(bench, &event);
}

/* Time passes, with and without beats of the leader. */
static void ticks(struct bench *bench, int count, bool beats)
{
    Weir__Heartbeat heartbeat = WEIR__HEARTBEAT__INIT;
    for (int i = 0; i < count; i++) {
        bench->now_us += 100000;
        bench_timer(bench, WEIR_ROLE_TASKEXECUTOR, TICK);
        if (beats) bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_HEARTBEAT, &heartbeat);
    }
}

/* One task that runs in slot 0. */
static Weir__AttemptId run_one(struct bench *bench)
{
    Weir__AttemptId id = attempt_id(0, 0, 0, 1);
    deploy(bench, id, 0);
    task(bench, id, WEIR_TASK_RUNNING, 0, 0);
    bench_expect(
        bench, "!deploy(v0s0.1) >jm-1:task_state(v0s0.1:INITIALIZING) >jm-1:task_state(v0s0.1:RUNNING)");
    return id;
}

/* ---------------------------------------------------------------- leaders */

static void it_reports_when_it_adopts_and_never_by_itself(void **state)
{
    struct bench bench;
    start_led(&bench);
    announce(&bench, "jm-1", 11, 5); /* known already */
    ticks(&bench, 20, true);
    bench_expect(&bench, "");
    /* A new connection to the same leader: its announcement proves that it still leads. */
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_RESET);
    up(&bench, "jm-1", 11);
    bench_expect(&bench, ">jm-1:greeting(5)");
    announce(&bench, "jm-1", 11, 5);
    bench_expect(&bench, ">jm-1:report");
    up(&bench, "jm-2", 12);
    announce(&bench, "jm-2", 12, 6);
    bench_expect(&bench, ">jm-2:greeting(5) !adopt(6) >jm-2:report");
    assert_int_equal(bench.identity.epoch, 6);
    assert_int_equal(bench.identity.leader_incarnation, 12);
    end(&bench);
}

static void a_stale_leader_learns_that_it_is_one(void **state)
{
    struct bench bench;
    start_led(&bench);
    up(&bench, "jm-2", 12);
    bench_forget(&bench);
    announce(&bench, "jm-2", 12, 4);
    bench_expect(&bench, ">jm-2:greeting(5)");
    announce(&bench, "jm-2", 12, 5); /* the same epoch under another incarnation: a wiped store */
    bench_expect(&bench, ">jm-2:greeting(5)");
    assert_int_equal(bench.identity.leader_incarnation, 11);
    end(&bench);
}

static void announce_standby(struct bench *bench, const char *standby, const char *address)
{
    Weir__LeaderAnnouncement announcement = WEIR__LEADER_ANNOUNCEMENT__INIT;
    Weir__Node node = WEIR__NODE__INIT, other = WEIR__NODE__INIT, *standbys = &other;
    node.name = (char *)"jm-1";
    node.incarnation = 11;
    other.name = (char *)standby;
    other.rpc_address = (char *)address;
    announcement.epoch = 5;
    announcement.leader = &node;
    announcement.standbys = &standbys;
    announcement.n_standbys = 1;
    bench_message(bench, "jm-1", 11, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, &announcement);
}

static void standbys_that_the_leader_names_are_dialled(void **state)
{
    struct bench bench;
    start_led(&bench);
    announce_standby(&bench, "jm-7", "g:1");
    bench_expect(&bench, "connect jm-7=g:1");
    announce_standby(&bench, "jm-7", "g:1"); /* known */
    bench_expect(&bench, "");
    announce_standby(&bench, "jm-7", "g:2");
    bench_expect(&bench, "connect jm-7=g:2");
    /* However many there were: who is gone is not dialled for ever. */
    int gone = 0;
    for (uint32_t i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "jm-host:%u", 40000 + i);
        bench_forget(&bench);
        announce_standby(&bench, name, name + 3);
        gone += strstr(bench.text, "disconnect jm-7") != NULL;
    }
    assert_int_equal(gone, 1);
    assert_non_null(strstr(bench.text, "disconnect jm-host:400"));
    assert_non_null(strstr(bench.text, "connect jm-host:40099=host:40099"));
    bench_forget(&bench);
    end(&bench);
}

static void nobody_announces_another(void **state)
{
    struct bench bench;
    start(&bench);
    Weir__LeaderAnnouncement announcement = WEIR__LEADER_ANNOUNCEMENT__INIT;
    Weir__Node node = WEIR__NODE__INIT;
    node.name = (char *)"jm-1";
    node.incarnation = 11;
    announcement.epoch = 9;
    announcement.leader = &node;
    bench_message(&bench, "jm-2", 12, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, &announcement);
    bench_message(&bench, "jm-1", 12, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, &announcement);
    bench_expect(&bench, "");
    assert_int_equal(bench.identity.epoch, 0);
    end(&bench);
}

static void standbys_hear_that_the_leaders_process_is_gone(void **state)
{
    struct bench bench;
    start_led(&bench);
    up(&bench, "jm-2", 12);
    bench_forget(&bench);
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_TIMEOUT);
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_REFUSED); /* not after a reset */
    bench_expect(&bench, "");
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_RESET);
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_REFUSED);
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_REFUSED);
    bench_expect(&bench, ">jm-2:leader_lost");
    /* Whoever connects later hears of it, the leader's next start too; a new leader ends it. */
    up(&bench, "jm-1", 13);
    bench_expect(&bench, ">jm-1:greeting(5) >jm-1:leader_lost");
    announce(&bench, "jm-2", 12, 6);
    bench_forget(&bench);
    up(&bench, "jm-1", 13);
    bench_expect(&bench, ">jm-1:greeting(6)");
    end(&bench);
}

static void another_incarnation_at_the_leaders_address_is_a_lost_leader(void **state)
{
    struct bench bench;
    start_led(&bench);
    up(&bench, "jm-2", 12);
    bench_forget(&bench);
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_RESET);
    up(&bench, "jm-1", 14);
    bench_expect(&bench, ">jm-1:greeting(5) >jm-1:leader_lost >jm-2:leader_lost >jm-1:leader_lost");
    end(&bench);
}

/* ---------------------------------------------------------------- attempts */

static void deployments_may_be_repeated(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    deploy(&bench, id, 0);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:RUNNING)");
    end(&bench);
}

static void a_slot_has_one_job_and_one_attempt_of_a_vertex(void **state)
{
    struct bench bench;
    start_led(&bench);
    run_one(&bench);
    deploy(&bench, attempt_id(0, 0, 1, 1), 0); /* the vertex is there */
    bench_expect(&bench, ">jm-1:task_state(v0s1.1:FAILED:slot 0 is not free: )");
    deploy(&bench, attempt_id(1, 3, 0, 1), 0); /* another job */
    bench_expect(&bench, ">jm-1:task_state(v3s0.1:FAILED:slot 0 is not free: )");
    deploy(&bench, attempt_id(0, 0, 0, 2), 1); /* the subtask runs in another slot */
    bench_expect(&bench, ">jm-1:task_state(v0s0.2:FAILED:slot 1 is not free: )");
    deploy(&bench, attempt_id(0, 9, 0, 1), 2);
    bench_expect(&bench, ">jm-1:task_state(v9s0.1:FAILED:slot 2 does not exis)");
    cancel(&bench, attempt_id(0, 9, 0, 1)); /* what was refused has failed and stays so */
    bench_expect(&bench, ">jm-1:task_state(v9s0.1:FAILED:slot 2 does not exis)");
    forget(&bench, attempt_id(0, 9, 0, 1));
    bench_expect(&bench, "!forget(v9s0.1)");
    deploy(&bench, attempt_id(0, 1, 0, 1), 0); /* another vertex shares it */
    bench_expect(&bench, "!deploy(v1s0.1) >jm-1:task_state(v1s0.1:INITIALIZING)");
    /* What has ended holds no slot. */
    task(&bench, attempt_id(0, 0, 0, 1), WEIR_TASK_FAILED, 0, 0);
    deploy(&bench, attempt_id(0, 0, 0, 3), 0);
    bench_expect(&bench,
        ">jm-1:task_state(v0s0.1:FAILED:it broke) !deploy(v0s0.3) >jm-1:task_state(v0s0.3:INITIALIZING)");
    end(&bench);
}

static void cancellation_is_answered_by_what_became_of_it(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    cancel(&bench, id);
    bench_expect(&bench, "!cancel(v0s0.1) >jm-1:task_state(v0s0.1:CANCELING)");
    cancel(&bench, id);
    bench_expect(&bench, "");
    task(&bench, id, WEIR_TASK_RUNNING, 0, 0); /* came late */
    task(&bench, id, WEIR_TASK_CANCELED, 0, 0);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:CANCELED)");
    cancel(&bench, id);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:CANCELED)");
    cancel(&bench, attempt_id(0, 7, 0, 1)); /* never heard of */
    bench_expect(&bench, ">jm-1:task_state(v7s0.1:CANCELED)");
    end(&bench);
}

static void who_is_being_canceled_does_not_end(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    cancel(&bench, id);
    bench_expect(&bench, "!cancel(v0s0.1) >jm-1:task_state(v0s0.1:CANCELING)");
    task(&bench, id, WEIR_TASK_ENDED, 0, 0); /* its final snapshot was being written */
    bench_expect(&bench, "");
    task(&bench, id, WEIR_TASK_CANCELED, 0, 0);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:CANCELED)");
    end(&bench);
}

/* Its neighbours are canceled with it: the connection to one of them is gone before it has heard itself. */
static void who_fails_while_being_canceled_is_canceled(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    cancel(&bench, id);
    bench_expect(&bench, "!cancel(v0s0.1) >jm-1:task_state(v0s0.1:CANCELING)");
    task(&bench, id, WEIR_TASK_FAILED, 0, 0);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:CANCELED:it broke)");
    end(&bench);
}

static void what_ended_says_what_it_had_done_to_every_leader(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    counted(&bench, id, WEIR_TASK_ENDED, 7);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:FINISHED:7 records)");
    up(&bench, "jm-2", 12);
    announce(&bench, "jm-2", 12, 6);
    bench_expect(&bench, ">jm-2:greeting(5) !adopt(6) >jm-2:report(v0s0.1:FINISHED:7 records)");
    counted(&bench, id, WEIR_TASK_ENDED, 8); /* it has ended already */
    bench_expect(&bench, "");
    counted(&bench, id, WEIR_TASK_FAILED, 9); /* of its last end */
    bench_expect(&bench, ">jm-2:task_state(v0s0.1:FAILED:it broke:9 records)");
    end(&bench);
}

static void what_ended_stays_until_it_is_forgotten(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    forget(&bench, id); /* it runs: no */
    bench_expect(&bench, "");
    task(&bench, id, WEIR_TASK_ENDED, 0, 0);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:FINISHED)");
    up(&bench, "jm-2", 12);
    announce(&bench, "jm-2", 12, 6);
    bench_expect(&bench, ">jm-2:greeting(5) !adopt(6) >jm-2:report(v0s0.1:FINISHED)");
    forget(&bench, id);
    bench_expect(&bench, "!forget(v0s0.1)");
    announce(&bench, "jm-2", 12, 7);
    bench_expect(&bench, "!adopt(7) >jm-2:report");
    end(&bench);
}

static void past_its_maximum_no_attempt_is_taken(void **state)
{
    struct bench bench;
    start_led(&bench);
    bench.quiet = true;
    for (uint32_t i = 0; i < 2048; i++) {
        deploy(&bench, attempt_id(0, 0, 0, i + 1), 0);
        task(&bench, attempt_id(0, 0, 0, i + 1), WEIR_TASK_FAILED, 0, 0);
    }
    bench.quiet = false;
    deploy(&bench, attempt_id(0, 0, 0, 5000), 0);
    bench_expect(&bench, ">jm-1:task_state(v0s0.5000:FAILED:this TaskManager kee)");
    forget(&bench, attempt_id(0, 0, 0, 100));
    deploy(&bench, attempt_id(0, 0, 0, 5000), 0);
    bench_expect(&bench, "!forget(v0s0.100) !deploy(v0s0.5000) >jm-1:task_state(v0s0.5000:INITIALIZING)");
    end(&bench);
}

/* ---------------------------------------------------------------- checkpoints */

static void acknowledgements_wait_for_their_leader(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    /* The barrier of epoch 6 comes before this TaskManager has adopted it. */
    task(&bench, id, WEIR_TASK_BARRIER, 8, 6);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 8, 6);
    bench_expect(&bench, "");
    up(&bench, "jm-2", 12);
    announce(&bench, "jm-2", 12, 6);
    bench_expect(
        &bench, ">jm-2:greeting(5) !adopt(6) >jm-2:acknowledge(8,v0s0.1) >jm-2:report(v0s0.1:RUNNING)");
    end(&bench);
}

static void acknowledgements_for_an_older_leader_are_dropped(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    trigger(&bench, id, 7, 0);
    task(&bench, id, WEIR_TASK_BARRIER, 7, 5);
    bench_expect(&bench, "!trigger(v0s0.1,7)");
    up(&bench, "jm-2", 12);
    announce(&bench, "jm-2", 12, 6);
    bench_expect(&bench, ">jm-2:greeting(5) !adopt(6) >jm-2:report(v0s0.1:RUNNING)");
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 7, 5); /* was written meanwhile */
    task(&bench, id, WEIR_TASK_DECLINED, 7, 5);
    bench_expect(&bench, "");
    end(&bench);
}

static void acknowledgements_are_repeated_in_front_of_the_report(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 7, 5);
    bench_expect(&bench, ">jm-1:acknowledge(7,v0s0.1)");
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_RESET);
    task(&bench, id, WEIR_TASK_ENDED, 0, 0);
    bench_expect(&bench, "");
    up(&bench, "jm-1", 11);
    announce(&bench, "jm-1", 11, 5);
    bench_expect(&bench, ">jm-1:greeting(5) >jm-1:acknowledge(7,v0s0.1) >jm-1:report(v0s0.1:FINISHED)");
    complete(&bench, id, 7);
    bench_forget(&bench);
    up(&bench, "jm-1", 11);
    announce(&bench, "jm-1", 11, 5);
    bench_expect(&bench, ">jm-1:greeting(5) >jm-1:report(v0s0.1:FINISHED)"); /* settled */
    end(&bench);
}

/* 1224839 keyed: the barrier came over another connection; trigger and abort were lost with the leader's. */
static void what_is_not_acknowledged_when_a_connection_is_lost_is_given_up(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    task(&bench, id, WEIR_TASK_BARRIER, 7, 5);
    bench_connection(&bench, "jm-1", 0, WEIR_CONNECTION_RESET);
    bench_expect(&bench, "");
    up(&bench, "jm-1", 11);
    announce(&bench, "jm-1", 11, 5);
    bench_expect(
        &bench, ">jm-1:greeting(5) !abort(v0s0.1,7) >jm-1:decline(7,v0s0.1,6) >jm-1:report(v0s0.1:RUNNING)");
    trigger(&bench, id, 7, 0);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 7, 5); /* was on its way */
    bench_expect(&bench, "");
    end(&bench);
}

static void what_was_given_up_is_never_acknowledged(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    trigger(&bench, id, 7, 0);
    abort_checkpoint(&bench, id, 7);
    bench_expect(&bench, "!trigger(v0s0.1,7) !abort(v0s0.1,7)");
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 7, 5); /* was on its way */
    trigger(&bench, id, 7, 0);
    bench_expect(&bench, "");
    /* Nor is an acknowledgement repeated that was given up later. */
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 8, 5);
    abort_checkpoint(&bench, id, 8);
    up(&bench, "jm-1", 11);
    announce(&bench, "jm-1", 11, 5);
    bench_expect(&bench,
        ">jm-1:acknowledge(8,v0s0.1) !abort(v0s0.1,8) >jm-1:greeting(5) >jm-1:report(v0s0.1:RUNNING)");
    end(&bench);
}

static void who_is_not_ready_declines(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = attempt_id(0, 0, 0, 1);
    deploy(&bench, id, 0);
    bench_forget(&bench);
    trigger(&bench, id, 7, 0);
    bench_expect(&bench, ">jm-1:decline(7,v0s0.1,4)");
    trigger(&bench, attempt_id(0, 4, 0, 1), 7, 0);
    bench_expect(&bench, ">jm-1:decline(7,v4s0.1,4)");
    task(&bench, id, WEIR_TASK_RUNNING, 0, 0);
    task(&bench, id, WEIR_TASK_DECLINED, 8, 5);
    bench_expect(&bench, ">jm-1:task_state(v0s0.1:RUNNING) >jm-1:decline(8,v0s0.1,7)");
    end(&bench);
}

static void an_older_checkpoint_is_not_the_end_of_an_attempt(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 7, 5);
    complete(&bench, id, 7);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 8, 5);
    complete(&bench, id, 8);
    task(&bench, id, WEIR_TASK_ENDED, 0, 0);
    bench_forget(&bench);
    complete(&bench, id, 7); /* 8 cannot be read any more: the job has fallen back */
    bench_expect(&bench, "!complete(v0s0.1,7)");
    complete(&bench, id, 9);
    bench_expect(&bench, "!complete(v0s0.1,final)");
    end(&bench);
}

static void an_ended_attempt_commits_what_the_checkpoint_holds(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 7, 5);
    task(&bench, id, WEIR_TASK_ENDED, 0, 0);
    bench_forget(&bench);
    complete(&bench, id, 7); /* it took 7 and ended after it */
    bench_expect(&bench, "!complete(v0s0.1,7)");
    task(&bench, id, WEIR_TASK_COMMITTED, 7, 0);
    bench_expect(&bench, ">jm-1:committed(7)");
    complete(&bench, id, 7); /* a new leader repeats it */
    bench_expect(&bench, "!complete(v0s0.1,7)");
    complete(&bench, id, 9); /* holds its final snapshot */
    bench_expect(&bench, "!complete(v0s0.1,final)");
    task(&bench, id, WEIR_TASK_COMMITTED, WEIR_TASK_FINAL, 0);
    bench_expect(&bench, ">jm-1:committed(9)");
    end(&bench);
}

/* ---------------------------------------------------------------- without a leader */

static void a_silent_leader_holds_no_barrier_back(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    task(&bench, id, WEIR_TASK_BARRIER, 7, 5);
    ticks(&bench, 1, false);
    ticks(&bench, 4, false);
    bench_expect(&bench, "");
    ticks(&bench, 1, false);
    bench_expect(&bench, "!abort(v0s0.1,7)");
    ticks(&bench, 3, false);
    bench_expect(&bench, ""); /* it goes on, and nobody is there to hear */
    ticks(&bench, 1, true);
    bench_expect(&bench, ">jm-1:decline(7,v0s0.1,6)");
    end(&bench);
}

static void a_pause_of_its_own_is_no_silence(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    task(&bench, id, WEIR_TASK_BARRIER, 7, 5);
    ticks(&bench, 2, true);
    bench.now_us += 60000000;
    ticks(&bench, 1, false); /* the leader's beats wait in the socket */
    bench_expect(&bench, "");
    ticks(&bench, 20, true);
    bench_expect(&bench, "");
    end(&bench);
}

static void a_newer_leaders_barrier_gets_its_time(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    ticks(&bench, 10, false);
    task(&bench, id, WEIR_TASK_BARRIER, 9, 6);
    ticks(&bench, 4, false);
    bench_expect(&bench, "");
    ticks(&bench, 1, false);
    bench_expect(&bench, "!abort(v0s0.1,9)");
    end(&bench);
}

static void without_a_leader_it_goes_on_for_its_grace(void **state)
{
    struct bench bench;
    start_led(&bench);
    bench.options.leaderless_grace_us = 2000000;
    run_one(&bench);
    ticks(&bench, 20, false);
    bench_expect(&bench, "");
    ticks(&bench, 1, false);
    bench_expect(&bench, "!cancel(v0s0.1) >jm-1:task_state(v0s0.1:CANCELING)");
    end(&bench);
}

/* The leader that was silent for longer than the grace is the same one when it is heard again. */
static void every_silence_has_its_grace(void **state)
{
    struct bench bench;
    start_led(&bench);
    bench.options.leaderless_grace_us = 2000000;
    ticks(&bench, 30, false);
    ticks(&bench, 1, true);
    bench_expect(&bench, "");
    run_one(&bench);
    ticks(&bench, 19, false);
    bench_expect(&bench, "");
    ticks(&bench, 1, false);
    bench_expect(&bench, "!cancel(v0s0.1) >jm-1:task_state(v0s0.1:CANCELING)");
    end(&bench);
}

static void a_deaf_connection_is_dialled_anew(void **state)
{
    struct bench bench;
    start_led(&bench);
    ticks(&bench, 51, false);
    bench_expect(&bench, "disconnect jm-1 connect jm-1=a:1");
    up(&bench, "jm-1", 11);
    announce(&bench, "jm-1", 11, 5);
    bench_expect(&bench, ">jm-1:greeting(5) >jm-1:report");
    /* The leader does not hear it. */
    ticks(&bench, 60, true);
    bench_expect(&bench, "");
    Weir__Heartbeat heartbeat = WEIR__HEARTBEAT__INIT;
    heartbeat.heard_ago_ms = 6000;
    bench_message(&bench, "jm-1", 11, WEIR__ENVELOPE__BODY_HEARTBEAT, &heartbeat);
    bench_expect(&bench, "disconnect jm-1 connect jm-1=a:1");
    end(&bench);
}

/* Its host may have vanished and be back, and lead: nothing tells this side of an old connection. */
static void a_connection_on_which_nobody_ever_led_is_dialled_anew(void **state)
{
    struct bench bench;
    start(&bench);
    up(&bench, "jm-1", 11);
    bench_expect(&bench, ">jm-1:greeting(0)");
    ticks(&bench, 50, false);
    bench_expect(&bench, "");
    ticks(&bench, 2, false);
    bench_expect(&bench, "disconnect jm-1 connect jm-1=a:1");
    end(&bench);
}

/* ---------------------------------------------------------------- splits, store, names */

static void splits_are_taken_in_order_and_reported_until_covered(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    assign(&bench, id, 5, 1, 2);
    bench_expect(&bench, "!splits(v0s0.1,2)");
    assign(&bench, id, 5, 2, 2); /* 2 is known, 3 is new */
    bench_expect(&bench, "!splits(v0s0.1,1)");
    assign(&bench, id, 5, 5, 1); /* 4 was lost */
    assign(&bench, id, 4, 9, 1); /* of an older leader */
    bench_expect(&bench, "");
    trigger(&bench, id, 7, 5);
    bench_expect(&bench, ">jm-1:decline(7,v0s0.1,8)");
    trigger(&bench, id, 8, 3);
    assign(&bench, id, 5, 4, 1);
    task(&bench, id, WEIR_TASK_ACKNOWLEDGED, 8, 5);
    complete(&bench, id, 8);
    bench_forget(&bench);
    up(&bench, "jm-1", 11);
    announce(&bench, "jm-1", 11, 5);
    bench_expect(&bench, ">jm-1:greeting(5) >jm-1:report(v0s0.1:RUNNING:1 splits)"); /* 4 */
    end(&bench);
}

/* Without checkpoints none is ever covered: one reader may get all that a source has. */
static void a_reader_takes_as_many_splits_as_a_source_may_have(void **state)
{
    enum { SPLITS = 1 << 20 };
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    bench.quiet = true;
    uint64_t before = bench.effects;
    for (uint64_t i = 0; i < SPLITS; i++) assign(&bench, id, 5, i + 1, 1);
    assert_int_equal(bench.effects - before, SPLITS);
    end(&bench);
}

static void a_reader_that_wants_a_split_asks_until_it_has_one(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    assign(&bench, id, 5, 1, 2);
    bench_forget(&bench);
    task(&bench, id, WEIR_TASK_SPLITS_WANTED, 0, 0);
    bench_expect(&bench, ">jm-1:request_splits(5,2)");
    uint32_t asked = 0;
    ticks(&bench, 30, true);
    for (const char *at = bench.text; (at = strstr(at, "request_splits")); at++) asked++;
    assert_in_range(asked, 2, 3);
    assign(&bench, id, 5, 3, 1);
    bench_forget(&bench);
    ticks(&bench, 30, true);
    assert_null(strstr(bench.text, "request_splits"));
    end(&bench);
}

static void what_a_reader_has_found_is_told_in_parts(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__AttemptId id = run_one(&bench);
    Weir__DiscoverSplits message = WEIR__DISCOVER_SPLITS__INIT;
    message.attempt = &id;
    bench_forget(&bench);
    bench_message(&bench, "jm-1", 11, WEIR__ENVELOPE__BODY_DISCOVER_SPLITS, &message);
    bench_expect(&bench, "!discover(v0s0.1)");
    static const char *names[2500];
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) names[i] = "file";
    struct weir_event event = { .kind = WEIR_EVENT_TASK };
    weir_attempt_id_from(&id, &event.task.attempt);
    event.task.kind = WEIR_TASK_SPLITS_FOUND;
    event.task.found = names;
    event.task.found_count = WEIR_ARRAY_COUNT(names);
    event.task.found_all = true;
    bench_run(&bench, &event);
    bench_expect(
        &bench, ">jm-1:splits_found(1000...) >jm-1:splits_found(1000...) >jm-1:splits_found(500 all)");
    end(&bench);
}

static void the_store_tells_where_the_leader_is(void **state)
{
    struct bench bench;
    start(&bench);
    struct weir_event event = { .kind = WEIR_EVENT_STORE_STATE };
    event.store.state = WEIR_STORE_CONNECTED;
    bench_run(&bench, &event);
    bench_expect(&bench, "watch leader read leader");
    Weir__LeaderRecord record = WEIR__LEADER_RECORD__INIT;
    Weir__Node node = WEIR__NODE__INIT;
    uint8_t bytes[256];
    record.format = WEIR_RECORD_FORMAT;
    record.epoch = 3;
    record.holder = &node;
    node.name = (char *)"jm-9";
    node.rpc_address = (char *)"c:1";
    struct weir_store_entry entry = { .key = "leader", .found = true, .version = 1, .value = bytes };
    entry.length = weir__leader_record__pack(&record, bytes);
    struct weir_event done = { .kind = WEIR_EVENT_STORE_DONE };
    done.tag.role = WEIR_ROLE_TASKEXECUTOR;
    done.tag.number = 1;
    done.store.entries = &entry;
    done.store.entry_count = 1;
    bench_run(&bench, &done);
    bench_expect(&bench, "connect jm-9=c:1 read candidates");
    assert_int_equal(bench.identity.epoch, 0); /* believed by its own word alone */
    /* Standbys, too: it is their witness. */
    Weir__Node standby = WEIR__NODE__INIT;
    standby.name = (char *)"jm-8";
    standby.rpc_address = (char *)"d:1";
    struct weir_store_entry candidate = {
        .key = "candidates/jm-8", .found = true, .version = 1, .value = bytes
    };
    candidate.length = weir__node__pack(&standby, bytes);
    done.tag.number = 2;
    done.store.entries = &candidate;
    bench_run(&bench, &done);
    bench_expect(&bench, "connect jm-8=d:1");
    entry.length = weir__leader_record__pack(&record, bytes);
    done.store.entries = &entry;
    bench.now_us += 1000000;
    bench_timer(&bench, WEIR_ROLE_TASKEXECUTOR, TICK);
    bench_expect(&bench, "watch leader read leader");
    done.tag.number = 3;
    bench_run(&bench, &done);
    bench_expect(&bench, "");
    /* The standby is gone, and its name with it. */
    bench.now_us += 5000000;
    bench_timer(&bench, WEIR_ROLE_TASKEXECUTOR, TICK);
    bench_expect(&bench, "watch leader read leader");
    done.tag.number = 4;
    bench_run(&bench, &done);
    bench_expect(&bench, "read candidates");
    done.tag.number = 5;
    done.store.entry_count = 0;
    bench_run(&bench, &done);
    bench_expect(&bench, "disconnect jm-8");
    end(&bench);
}

static void an_older_process_of_the_same_name_ends(void **state)
{
    struct bench bench;
    start_led(&bench);
    Weir__ReportAccepted accepted = WEIR__REPORT_ACCEPTED__INIT;
    bench_message(&bench, "jm-1", 11, WEIR__ENVELOPE__BODY_REPORT_ACCEPTED, &accepted);
    bench_expect(&bench, "");
    accepted.refused = (char *)"another one was started later";
    bench_message(&bench, "jm-1", 11, WEIR__ENVELOPE__BODY_REPORT_ACCEPTED, &accepted);
    bench_expect(&bench, "exit");
    end(&bench);
}

static void who_never_meets_a_leader_ends(void **state)
{
    struct bench bench;
    start(&bench);
    bench.options.leader_search_us = 30 * 1000000LL;
    ticks(&bench, 299, false);
    bench_expect(&bench, "");
    ticks(&bench, 1, false);
    bench_expect(&bench, "exit");
    end(&bench);
    start_led(&bench); /* who has met one waits for the next */
    bench.options.leader_search_us = 1000000;
    ticks(&bench, 4, true);
    bench_forget(&bench);
    bench_connection(&bench, "jm-1", 11, WEIR_CONNECTION_RESET);
    bench_connection(&bench, "jm-1", 11, WEIR_CONNECTION_REFUSED);
    bench_forget(&bench);
    ticks(&bench, 50, false);
    assert_null(strstr(bench.text, "exit"));
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reports_when_it_adopts_and_never_by_itself),
        cmocka_unit_test(a_stale_leader_learns_that_it_is_one),
        cmocka_unit_test(standbys_that_the_leader_names_are_dialled),
        cmocka_unit_test(nobody_announces_another),
        cmocka_unit_test(standbys_hear_that_the_leaders_process_is_gone),
        cmocka_unit_test(another_incarnation_at_the_leaders_address_is_a_lost_leader),
        cmocka_unit_test(who_never_meets_a_leader_ends),
        cmocka_unit_test(deployments_may_be_repeated),
        cmocka_unit_test(a_slot_has_one_job_and_one_attempt_of_a_vertex),
        cmocka_unit_test(cancellation_is_answered_by_what_became_of_it),
        cmocka_unit_test(who_is_being_canceled_does_not_end),
        cmocka_unit_test(who_fails_while_being_canceled_is_canceled),
        cmocka_unit_test(what_ended_says_what_it_had_done_to_every_leader),
        cmocka_unit_test(what_ended_stays_until_it_is_forgotten),
        cmocka_unit_test(past_its_maximum_no_attempt_is_taken),
        cmocka_unit_test(acknowledgements_wait_for_their_leader),
        cmocka_unit_test(acknowledgements_for_an_older_leader_are_dropped),
        cmocka_unit_test(acknowledgements_are_repeated_in_front_of_the_report),
        cmocka_unit_test(what_is_not_acknowledged_when_a_connection_is_lost_is_given_up),
        cmocka_unit_test(what_was_given_up_is_never_acknowledged),
        cmocka_unit_test(who_is_not_ready_declines),
        cmocka_unit_test(an_older_checkpoint_is_not_the_end_of_an_attempt),
        cmocka_unit_test(an_ended_attempt_commits_what_the_checkpoint_holds),
        cmocka_unit_test(a_silent_leader_holds_no_barrier_back),
        cmocka_unit_test(a_pause_of_its_own_is_no_silence),
        cmocka_unit_test(a_newer_leaders_barrier_gets_its_time),
        cmocka_unit_test(without_a_leader_it_goes_on_for_its_grace),
        cmocka_unit_test(every_silence_has_its_grace),
        cmocka_unit_test(a_deaf_connection_is_dialled_anew),
        cmocka_unit_test(a_connection_on_which_nobody_ever_led_is_dialled_anew),
        cmocka_unit_test(splits_are_taken_in_order_and_reported_until_covered),
        cmocka_unit_test(a_reader_takes_as_many_splits_as_a_source_may_have),
        cmocka_unit_test(a_reader_that_wants_a_split_asks_until_it_has_one),
        cmocka_unit_test(what_a_reader_has_found_is_told_in_parts),
        cmocka_unit_test(the_store_tells_where_the_leader_is),
        cmocka_unit_test(an_older_process_of_the_same_name_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
