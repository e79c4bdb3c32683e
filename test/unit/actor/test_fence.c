/* H3 and what strangers send: one place rejects, counts, and logs once. */
#include "unit/actor/toy.h"

static const struct weir_job_id job_1 = { { 1 } };
static uint8_t job_bytes[16] = { 1 };

struct bodies {
    Weir__Greeting greeting;
    Weir__LeaderAnnouncement announcement;
    Weir__Node node;
    Weir__Heartbeat heartbeat;
    Weir__CancelTasks cancel_tasks;
    Weir__AttemptId attempt;
    Weir__Run run;
    Weir__CheckpointCommitted committed;
    Weir__QueryJobs query;
};

static struct bodies make_bodies(void)
{
    struct bodies b = { .greeting = WEIR__GREETING__INIT,
        .announcement = WEIR__LEADER_ANNOUNCEMENT__INIT,
        .node = WEIR__NODE__INIT,
        .heartbeat = WEIR__HEARTBEAT__INIT,
        .cancel_tasks = WEIR__CANCEL_TASKS__INIT,
        .attempt = WEIR__ATTEMPT_ID__INIT,
        .run = WEIR__RUN__INIT,
        .committed = WEIR__CHECKPOINT_COMMITTED__INIT,
        .query = WEIR__QUERY_JOBS__INIT };
    b.node.name = (char *)"other";
    b.announcement.epoch = 3;
    b.attempt.job = (ProtobufCBinaryData){ .len = 16, .data = job_bytes };
    b.attempt.epoch = 5;
    b.committed.checkpoint = 1;
    return b;
}

static struct weir_actor_statistics statistics(void)
{
    struct weir_actor_statistics ret;
    weir_actor_statistics(toy->actor, &ret);
    return ret;
}

/* The dispatcher starts job 1 when its timer fires. */
static void start_job(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role != WEIR_ROLE_DISPATCHER || it->kind != WEIR_EVENT_TIMER) return;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_JOB_START);
    static const struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_START };
    effect->to_job = job_1;
    effect->local = &message;
}

static void a_taskmanager_obeys_only_the_leader_it_has_adopted(void **state)
{
    struct toy_world world;
    struct bodies b = make_bodies();
    b.greeting.node = b.announcement.leader = &b.node;
    toy_start(&world, WEIR_ACTOR_TASKMANAGER);
    /* Without a leader nobody commands; greetings and announcements are how leaders are learned. */
    toy_receive("jm", 0, 0, NULL, WEIR__ENVELOPE__BODY_CANCEL_TASKS, &b.cancel_tasks);
    toy_receive("jm", 5, 9, NULL, WEIR__ENVELOPE__BODY_CANCEL_TASKS, &b.cancel_tasks);
    toy_expect("!log ");
    toy_receive("jm", 5, 9, NULL, WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT, &b.announcement);
    toy_receive("jm", 4, 1, NULL, WEIR__ENVELOPE__BODY_GREETING, &b.greeting);
    toy_expect("executor<message.leader_announcement executor<message.greeting ");
    toy_identity()->epoch = 5;
    toy_identity()->leader_incarnation = 9;
    toy_receive("jm", 5, 9, NULL, WEIR__ENVELOPE__BODY_CANCEL_TASKS, &b.cancel_tasks);
    toy_receive("jm", 5, 9, NULL, WEIR__ENVELOPE__BODY_HEARTBEAT, &b.heartbeat);
    toy_expect("executor<message.cancel_tasks executor<message.heartbeat ");
    toy_receive("jm", 4, 9, NULL, WEIR__ENVELOPE__BODY_CANCEL_TASKS, &b.cancel_tasks);
    toy_receive("jm", 6, 9, NULL, WEIR__ENVELOPE__BODY_CANCEL_TASKS, &b.cancel_tasks);
    toy_receive("jm", 5, 8, NULL, WEIR__ENVELOPE__BODY_HEARTBEAT, &b.heartbeat);
    toy_expect(""); /* logged once */
    assert_int_equal(statistics().rejected_epoch, 5);
    assert_int_equal(statistics().rejected_malformed, 0);
    toy_end(&world);
}

static void a_leader_counts_only_its_followers_and_hears_of_larger_epochs(void **state)
{
    struct toy_world world;
    struct bodies b = make_bodies();
    b.committed.attempt = &b.attempt;
    b.committed.run = &b.run;
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    world.script = start_job;
    struct weir_event timer = { .kind = WEIR_EVENT_TIMER, .tag = { .role = WEIR_ROLE_DISPATCHER } };
    weir_actor_event(world.actor, &timer);
    toy_expect("dispatcher<timer job1<local.start ");
    /* It does not lead. */
    toy_receive("tm", 5, 7, &job_1, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_expect("!log ");
    toy_identity()->epoch = 5;
    toy_receive("tm", 5, 7, &job_1, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_expect("job1<message.committed ");
    toy_receive("tm", 4, 7, &job_1, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_expect("");
    toy_receive("tm", 6, 7, &job_1, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_expect("leader<local.epoch ");
    toy_receive("tm", 5, 8, &job_1, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_expect("leader<local.epoch ");
    assert_int_equal(statistics().rejected_epoch, 4);
    /* Of a job that is not there. */
    static const struct weir_job_id job_2 = { { 2 } };
    toy_receive("tm", 5, 7, &job_2, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_receive("tm", 5, 7, NULL, WEIR__ENVELOPE__BODY_COMMITTED, &b.committed);
    toy_expect("!log ");
    assert_int_equal(statistics().undeliverable, 1);
    assert_int_equal(statistics().rejected_malformed, 1);
    toy_end(&world);
}

static void beats_reach_whoever_listens_for_them(void **state)
{
    struct toy_world world;
    struct bodies b = make_bodies();
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    toy_receive("jm-2", 5, 9, NULL, WEIR__ENVELOPE__BODY_HEARTBEAT, &b.heartbeat);
    toy_expect("leader<message.heartbeat "); /* a standby hears its leader */
    toy_identity()->epoch = 5;
    toy_receive("jm-2", 0, 0, NULL, WEIR__ENVELOPE__BODY_HEARTBEAT, &b.heartbeat);
    toy_expect("leader<message.heartbeat "); /* a leader its standby */
    toy_receive("tm", 5, 7, NULL, WEIR__ENVELOPE__BODY_HEARTBEAT, &b.heartbeat);
    toy_expect("manager<message.heartbeat leader<message.heartbeat ");
    toy_receive("jm-2", 4, 9, NULL, WEIR__ENVELOPE__BODY_HEARTBEAT, &b.heartbeat);
    toy_expect("!log ");
    toy_end(&world);
}

static void clients_are_heard_by_any_jobmanager_and_no_taskmanager(void **state)
{
    struct toy_world world;
    struct bodies b = make_bodies();
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    toy_receive("client", 0, 0, NULL, WEIR__ENVELOPE__BODY_QUERY, &b.query);
    toy_expect("dispatcher<message.query ");
    toy_end(&world);
    toy_start(&world, WEIR_ACTOR_TASKMANAGER);
    toy_receive("client", 0, 0, NULL, WEIR__ENVELOPE__BODY_QUERY, &b.query);
    toy_expect("!log ");
    assert_int_equal(statistics().rejected_malformed, 1);
    toy_end(&world);
}

static void strangers_are_rejected_counted_and_logged_once(void **state)
{
    struct toy_world world;
    struct bodies b = make_bodies();
    uint8_t bytes[256];
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    weir_node node = weir_nodes_intern(weir_actor_nodes(world.actor), "other");
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = (char *)"c";
    envelope.sender = (char *)"other";
    envelope.body_case = WEIR__ENVELOPE__BODY_QUERY;
    envelope.query = &b.query;

    size_t length = weir__envelope__pack(&envelope, bytes);
    weir_actor_bytes(world.actor, node, bytes, length);
    toy_expect("dispatcher<message.query ");
    for (size_t cut = 2; cut < length; cut++) weir_actor_bytes(world.actor, node, bytes, cut);
    toy_expect("!log ");
    assert_int_equal(statistics().rejected_malformed, length - 2);

    envelope.version++;
    weir_actor_bytes(world.actor, node, bytes, weir__envelope__pack(&envelope, bytes));
    weir_actor_bytes(world.actor, node, bytes, weir__envelope__pack(&envelope, bytes));
    toy_expect("!log ");
    envelope.version--;
    envelope.cluster = (char *)"d";
    weir_actor_bytes(world.actor, node, bytes, weir__envelope__pack(&envelope, bytes));
    toy_expect("!log ");
    assert_int_equal(statistics().rejected_cluster, 1);
    envelope.cluster = (char *)"c";
    envelope.sender = (char *)"somebody else";
    uint64_t malformed = statistics().rejected_malformed;
    weir_actor_bytes(world.actor, node, bytes, weir__envelope__pack(&envelope, bytes));
    assert_int_equal(statistics().rejected_malformed, malformed + 1);
    toy_expect("");
    toy_end(&world);
}

static void what_machines_rely_on_is_there(void **state)
{
    struct toy_world world;
    struct bodies b = make_bodies();
    toy_start(&world, WEIR_ACTOR_JOBMANAGER);
    toy_identity()->epoch = 5;
    Weir__TaskManagerReport report = WEIR__TASK_MANAGER_REPORT__INIT;
    Weir__AttemptReport attempt = WEIR__ATTEMPT_REPORT__INIT, *attempts[] = { &attempt };
    Weir__SubtaskSnapshot snapshot = WEIR__SUBTASK_SNAPSHOT__INIT;
    report.n_attempts = 1;
    report.attempts = attempts;
    for (int missing = 0; missing < 6; missing++) {
        report.node = missing == 0 ? NULL : &b.node;
        attempt.attempt = missing == 1 ? NULL : &b.attempt;
        b.attempt.job.len = missing == 2 ? 15 : 16;
        attempt.run = missing == 3 ? NULL : &b.run;
        attempt.state = missing == 4 ? 0 : WEIR__EXECUTION_STATE__EXECUTION_FINISHED;
        attempt.final_snapshot = missing == 5 ? NULL : &snapshot;
        toy_receive("other", 5, 7, NULL, WEIR__ENVELOPE__BODY_REPORT, &report);
        assert_int_equal(statistics().rejected_malformed, missing + 1);
    }
    toy_expect("!log ");
    attempt.final_snapshot = &snapshot;
    toy_receive("other", 5, 7, NULL, WEIR__ENVELOPE__BODY_REPORT, &report);
    toy_expect("manager<message.report ");
    toy_end(&world);
}

static void say(struct toy_machine *machine, const struct weir_event *it, struct weir_effects *effects)
{
    if (machine->role == WEIR_ROLE_DISPATCHER || machine->role == WEIR_ROLE_TASKEXECUTOR)
        weir_effect_send(effects, weir_nodes_intern(machine->config.nodes, "other"), WEIR_ROLE_CLIENT, &job_1,
            77, WEIR__ENVELOPE__BODY_HEARTBEAT,
            WEIR_PROTO_NEW(effects->arena, Weir__Heartbeat, weir__heartbeat));
}

static void envelopes_say_who_speaks_and_under_which_leader(void **state)
{
    struct toy_world world;
    for (int kind = WEIR_ACTOR_JOBMANAGER; kind <= WEIR_ACTOR_TASKMANAGER; kind++) {
        toy_start(&world, (enum weir_actor_kind)kind);
        world.script = say;
        toy_identity()->epoch = 5;
        toy_identity()->leader_incarnation = 9;
        weir_actor_start(world.actor);
        Weir__Envelope *envelope = weir__envelope__unpack(NULL, world.sent_bytes, world.sent);
        assert_non_null(envelope);
        assert_string_equal(envelope->cluster, "c");
        assert_string_equal(envelope->sender, "me");
        assert_int_equal(envelope->sender_incarnation, 7);
        assert_int_equal(envelope->version, WEIR_PROTOCOL_VERSION);
        assert_int_equal(envelope->epoch, 5);
        assert_int_equal(envelope->leader_incarnation, kind == WEIR_ACTOR_JOBMANAGER ? 7 : 9);
        assert_int_equal(envelope->request, 77);
        assert_int_equal(envelope->job.len, 16);
        weir__envelope__free_unpacked(envelope, NULL);
        toy_end(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_taskmanager_obeys_only_the_leader_it_has_adopted),
        cmocka_unit_test(a_leader_counts_only_its_followers_and_hears_of_larger_epochs),
        cmocka_unit_test(beats_reach_whoever_listens_for_them),
        cmocka_unit_test(clients_are_heard_by_any_jobmanager_and_no_taskmanager),
        cmocka_unit_test(strangers_are_rejected_counted_and_logged_once),
        cmocka_unit_test(what_machines_rely_on_is_there),
        cmocka_unit_test(envelopes_say_who_speaks_and_under_which_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
