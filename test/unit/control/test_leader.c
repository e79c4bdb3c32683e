/* Leader machines of one to three JobManagers over one store, stepped by hand. */
#include "control/leader/internal.h"
#include "ha_store.h"
#include <stdio.h>
#include <stdlib.h>

enum { JMS = 3, HELD_MAX = 64, SECOND = 1000 * 1000 };

struct jm {
    struct weir_identity identity;
    struct weir_leader *leader;
    struct weir_nodes nodes;
    bool hold; /* requests wait in held[] */
    struct weir_effect held[HELD_MAX];
    uint32_t held_count;
    /* what it told the other machines */
    bool leads, suspended;
    uint64_t epoch, leader_version;
    uint32_t grants, revokes, epochs;
    weir_node retrieved;
    uint64_t retrieved_epoch;
    /* what it sent last */
    uint64_t announced_epoch, greeted_epoch;
    uint32_t beats, connects;
    bool exited;
    uint32_t requests;
};

struct world {
    struct weir_test_memory memory;
    struct weir_arena arena;
    struct weir_control_options options;
    struct ha_store store;
    bool transactions;
    int64_t now_us;
    struct jm jms[JMS];
};

static const char *const names[JMS] = { "jm-1", "jm-2", "jm-3" };
static const char *const peers[JMS] = { "jm-1=h1:1", "jm-2=h2:1", "jm-3=h3:1" };
static const char *const hosts[JMS] = { "h1", "h2", "h3" };
static const char *const addresses[JMS] = { "h1:1", "h2:1", "h3:1" };

static void step(struct world *w, struct jm *jm, struct weir_event event);

static void note_local(struct jm *jm, const struct weir_local_message *local)
{
    switch (local->kind) {
    case WEIR_LOCAL_GRANTED:
        assert_false(jm->leads);
        jm->leads = true;
        jm->grants++;
        jm->epoch = local->epoch;
        jm->leader_version = local->leader_version;
        break;
    case WEIR_LOCAL_REVOKED:
        assert_true(jm->leads);
        jm->leads = jm->suspended = false;
        jm->revokes++;
        break;
    case WEIR_LOCAL_EPOCH:
        jm->epochs++;
        jm->epoch = local->epoch;
        jm->leader_version = local->leader_version;
        break;
    case WEIR_LOCAL_SUSPENDED: jm->suspended = true; break;
    case WEIR_LOCAL_RESUMED: jm->suspended = false; break;
    case WEIR_LOCAL_RETRIEVED:
        jm->retrieved = local->node;
        jm->retrieved_epoch = local->epoch;
        break;
    default: break;
    }
}

static struct weir_effect kept(struct world *w, const struct weir_effect *effect)
{
    struct weir_effect copy = *effect;
    struct weir_store_operation *operations = (struct weir_store_operation *)weir_arena_copy(
        &w->arena, effect->operations, sizeof *operations * effect->operation_count);
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        operations[i].key = weir_arena_string(&w->arena, operations[i].key);
        if (operations[i].length)
            operations[i].value =
                (const uint8_t *)weir_arena_copy(&w->arena, operations[i].value, operations[i].length);
    }
    copy.operations = operations;
    return copy;
}

static void carry_out(struct world *w, struct jm *jm, const struct weir_effect *effect)
{
    switch (effect->kind) {
    case WEIR_EFFECT_LOCAL:
        if (effect->to_role == WEIR_ROLE_DISPATCHER) note_local(jm, effect->local);
        break;
    case WEIR_EFFECT_SEND:
        if (effect->envelope->body_case == WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT)
            jm->announced_epoch = effect->envelope->leader_announcement->epoch;
        if (effect->envelope->body_case == WEIR__ENVELOPE__BODY_GREETING)
            jm->greeted_epoch = effect->envelope->greeting->epoch;
        if (effect->envelope->body_case == WEIR__ENVELOPE__BODY_HEARTBEAT) jm->beats++;
        break;
    case WEIR_EFFECT_CONNECT: jm->connects++; break;
    case WEIR_EFFECT_EXIT: jm->exited = true; break;
    case WEIR_EFFECT_STORE:
        jm->requests++;
        assert_true(jm->held_count < HELD_MAX);
        jm->held[jm->held_count++] = kept(w, effect);
        break;
    default: break;
    }
}

/* Answers what the machine has asked, until it asks no more. */
static void answer_all(struct world *w, struct jm *jm)
{
    while (jm->held_count && !jm->hold) {
        struct weir_effect request = jm->held[0];
        memmove(jm->held, jm->held + 1, sizeof request * --jm->held_count);
        step(w, jm, ha_apply(&w->store, &request, &w->arena));
    }
}

static void step(struct world *w, struct jm *jm, struct weir_event event)
{
    struct weir_arena arena;
    weir_arena_init(&arena, &w->memory.base);
    struct weir_effects effects;
    weir_effects_init(&effects, &arena);
    event.now_us = ++w->now_us;
    event.wall_us = INT64_C(1700000000000000) + w->now_us;
    weir_leader_step(jm->leader, &event, &effects);
    for (uint32_t i = 0; i < effects.count; i++) carry_out(w, jm, &effects.items[i]);
    bool more = effects.more;
    weir_arena_done(&arena);
    if (more) {
        struct weir_local_message again = { .kind = WEIR_LOCAL_CONTINUE };
        struct weir_event next = { .kind = WEIR_EVENT_LOCAL, .local = &again };
        step(w, jm, next);
    }
    answer_all(w, jm);
}

static void store_state(struct world *w, struct jm *jm, enum weir_store_state state)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_STATE };
    event.store.state = state;
    event.store.session_timeout_us = 2 * SECOND;
    event.store.transactions = w->transactions;
    step(w, jm, event);
}

static void timer(struct world *w, struct jm *jm, uint32_t kind)
{
    struct weir_event event = { .kind = WEIR_EVENT_TIMER };
    event.tag = (struct weir_tag){ .role = WEIR_ROLE_LEADER, .kind = kind };
    step(w, jm, event);
}

static void later(struct world *w, int64_t us)
{
    w->now_us += us;
}

/* So many seconds pass, with all timers. */
static void live(struct world *w, struct jm *jm, int seconds)
{
    for (int i = 0; i < seconds * 2; i++) {
        later(w, SECOND / 2);
        timer(w, jm, LEADER_TAG_BEAT);
        timer(w, jm, LEADER_TAG_POLL);
        timer(w, jm, LEADER_TAG_RETRY);
    }
}

static void start_incarnation(struct world *w, uint32_t i, uint64_t incarnation)
{
    struct jm *jm = &w->jms[i];
    *jm = (struct jm){ 0 };
    weir_nodes_init(&jm->nodes, &w->arena);
    jm->identity = (struct weir_identity){ .cluster = "c",
        .name = names[i],
        .incarnation = incarnation,
        .host = hosts[i],
        .rpc_address = addresses[i],
        .jobmanager = true };
    jm->identity.self = weir_nodes_intern(&jm->nodes, names[i]);
    struct weir_machine_config config = { .memory = &w->memory.base,
        .nodes = &jm->nodes,
        .identity = &jm->identity,
        .options = &w->options,
        .random_seed = incarnation };
    jm->leader = weir_leader_new(&config);
    step(w, jm, (struct weir_event){ .kind = WEIR_EVENT_START });
    store_state(w, jm, WEIR_STORE_CONNECTED);
}

static struct jm *start(struct world *w, uint32_t i)
{
    start_incarnation(w, i, 100 + i);
    return &w->jms[i];
}

static void end(struct world *w, uint32_t i)
{
    weir_leader_free(w->jms[i].leader);
    w->jms[i].leader = NULL;
}

static char candidate[64];
static const char *candidate_of(uint32_t i)
{
    strcpy(candidate, "candidates/");
    return strcat(candidate, names[i]);
}

static struct world *world_new(bool transactions)
{
    struct world *w = calloc(1, sizeof *w);
    weir_test_memory_init(&w->memory);
    weir_arena_init(&w->arena, &w->memory.base);
    w->transactions = transactions;
    w->now_us = SECOND;
    w->options = (struct weir_control_options){ .heartbeat_interval_us = 100000,
        .heartbeat_timeout_us = 5 * SECOND,
        .store_poll_us = SECOND,
        .suspicion_hold_off_us = 10 * SECOND,
        .peers = peers,
        .peer_count = JMS };
    return w;
}

static void world_free(struct world *w)
{
    for (uint32_t i = 0; i < JMS; i++) end(w, i);
    weir_arena_done(&w->arena);
    weir_test_memory_check(&w->memory);
    free(w);
}

static Weir__LeaderRecord *record_of(struct world *w)
{
    struct ha_entry *entry = ha_get(&w->store, "leader");
    Weir__LeaderRecord *record = NULL;
    if (!entry) return NULL;
    assert_int_equal(
        weir_leader_record_decode(&w->arena, entry->value, entry->length, &record, NULL), WEIR_OK);
    return record;
}

static void connection(
    struct world *w, struct jm *jm, const char *name, uint64_t incarnation, enum weir_connection_state state)
{
    struct weir_event event = { .kind = WEIR_EVENT_CONNECTION,
        .from = weir_nodes_intern(&jm->nodes, name),
        .from_incarnation = incarnation,
        .connection = state };
    step(w, jm, event);
}

static void greeting(struct world *w, struct jm *jm, const char *name, uint64_t from_incarnation,
    uint64_t epoch, uint64_t leader_incarnation, Weir__NodeRole role)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__Greeting body;
    weir__greeting__init(&body);
    body.role = role;
    body.epoch = epoch;
    body.leader_incarnation = leader_incarnation;
    envelope.body_case = WEIR__ENVELOPE__BODY_GREETING;
    envelope.greeting = &body;
    struct weir_event event = { .kind = WEIR_EVENT_MESSAGE,
        .from = weir_nodes_intern(&jm->nodes, name),
        .from_incarnation = from_incarnation,
        .envelope = &envelope };
    step(w, jm, event);
}

static void leader_lost(
    struct world *w, struct jm *jm, uint64_t epoch, uint64_t incarnation, const char *host)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__LeaderLost body;
    weir__leader_lost__init(&body);
    body.epoch = epoch;
    body.leader_incarnation = incarnation;
    body.host = (char *)host;
    envelope.body_case = WEIR__ENVELOPE__BODY_LEADER_LOST;
    envelope.leader_lost = &body;
    struct weir_event event = {
        .kind = WEIR_EVENT_MESSAGE, .from = weir_nodes_intern(&jm->nodes, "tm-1"), .envelope = &envelope
    };
    step(w, jm, event);
}

/* Standby b has lost a: the connection broke, reconnecting is refused, a TaskManager elsewhere says so too.
 */
static void lose(struct world *w, struct jm *b, uint32_t a, const char *witness_host)
{
    uint64_t incarnation = 100 + a;
    connection(w, b, names[a], incarnation, WEIR_CONNECTION_UP);
    connection(w, b, names[a], 0, WEIR_CONNECTION_RESET);
    connection(w, b, names[a], 0, WEIR_CONNECTION_REFUSED);
    if (witness_host) leader_lost(w, b, record_of(w)->epoch, incarnation, witness_host);
}

/* ---------------------------------------------------------------- */

static void the_first_candidate_leads_with_epoch_one(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = world_new(transactions);
        struct jm *a = start(w, 0);
        assert_true(a->leads);
        assert_int_equal(a->epoch, 1);
        assert_int_equal(a->leader_version, ha_get(&w->store, "leader")->version);
        assert_int_equal(a->identity.epoch, 1);
        assert_string_equal(record_of(w)->holder->name, "jm-1");
        assert_non_null(ha_get(&w->store, candidate_of(0)));
        live(w, a, 3);
        assert_int_equal(a->grants, 1);
        assert_int_equal(a->revokes, 0);
        world_free(w);
    }
}

static void others_stand_by_and_know_who_leads(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    live(w, b, 5);
    assert_false(b->leads);
    assert_string_equal(weir_nodes_name(&b->nodes, b->retrieved), "jm-1");
    assert_int_equal(b->retrieved_epoch, 1);
    assert_int_equal(b->identity.epoch, 0);
    assert_int_equal(b->identity.leader, b->retrieved);
    assert_true(a->leads);
    world_free(w);
}

static void absence_of_the_holder_entitles(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = world_new(transactions);
        start(w, 0);
        struct jm *b = start(w, 1);
        ha_delete(&w->store, candidate_of(0)); /* its session is over */
        live(w, b, 2);
        assert_true(b->leads);
        assert_int_equal(b->epoch, 2);
        assert_int_equal(record_of(w)->suspected_at_ms, 0);
        assert_int_equal(record_of(w)->n_failovers, 1);
        world_free(w);
    }
}

static void the_deposed_learns_by_looking_though_watches_are_lost(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads && a->leads); /* a does not know yet: fencing is what makes this safe */
    live(w, a, 2);
    assert_false(a->leads);
    assert_int_equal(a->identity.epoch, 0);
    assert_string_equal(weir_nodes_name(&a->nodes, a->retrieved), "jm-2");
    live(w, b, 2);
    live(w, a, 2);
    assert_true(b->leads && !a->leads);
    world_free(w);
}

static void two_claims_of_the_same_epoch_have_one_winner(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1), *c = start(w, 2);
    (void)a;
    ha_delete(&w->store, candidate_of(0));
    b->hold = c->hold = true;
    for (int i = 0; i < 12; i++) {
        live(w, b, 1);
        live(w, c, 1);
        b->hold = c->hold = false;
        if (i % 2)
            answer_all(w, b);
        else
            answer_all(w, c);
        b->hold = c->hold = true;
    }
    b->hold = c->hold = false;
    answer_all(w, b);
    answer_all(w, c);
    live(w, b, 2);
    live(w, c, 2);
    assert_int_equal(b->leads + c->leads, 1);
    assert_int_equal(b->grants + c->grants, 1);
    world_free(w);
}

/* The claim is sent; its answer is lost. */
static struct weir_effect held_claim(struct world *w, struct jm *jm)
{
    jm->hold = true;
    for (int i = 0; i < 40; i++) {
        live(w, jm, 1);
        for (uint32_t k = 0; k < jm->held_count; k++) {
            const struct weir_effect *effect = &jm->held[k];
            const struct weir_store_operation *last = &effect->operations[effect->operation_count - 1];
            if (strcmp(last->key, "leader") == 0 && last->kind != WEIR_STORE_READ) {
                struct weir_effect claim = *effect;
                jm->held_count = 0;
                return claim;
            }
        }
        struct weir_effect request = jm->held[0];
        if (!jm->held_count) continue;
        memmove(jm->held, jm->held + 1, sizeof request * --jm->held_count);
        step(w, jm, ha_apply(&w->store, &request, &w->arena));
    }
    fail();
    return (struct weir_effect){ 0 };
}

static void answer_unknown(struct world *w, struct jm *jm, const struct weir_effect *request)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = request->tag };
    event.store.outcome = WEIR_STORE_UNKNOWN;
    step(w, jm, event);
}

static void a_claim_of_unknown_outcome_that_won_is_found(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    ha_apply(&w->store, &claim, &w->arena);
    b->hold = false;
    answer_unknown(w, b, &claim);
    assert_false(b->leads);
    live(w, b, 3);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 2);
    assert_int_equal(b->leader_version, ha_get(&w->store, "leader")->version);
    world_free(w);
}

static void a_claim_that_applies_late_makes_no_second_leader(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1), *c = start(w, 2);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    answer_unknown(w, b, &claim);
    live(w, c, 3);
    assert_true(c->leads);
    assert_int_equal(ha_apply(&w->store, &claim, &w->arena).store.outcome, WEIR_STORE_NOT_FOUND);
    b->hold = false;
    answer_all(w, b);
    live(w, b, 3);
    assert_false(b->leads);
    assert_true(c->leads);
    world_free(w);
}

static void a_claim_of_an_old_session_is_not_led(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    struct weir_effect claim = held_claim(w, b);
    ha_apply(&w->store, &claim, &w->arena);
    b->hold = false;
    store_state(w, b, WEIR_STORE_SUSPENDED);
    ha_delete(&w->store, candidate_of(1));
    store_state(w, b, WEIR_STORE_LOST);
    store_state(w, b, WEIR_STORE_CONNECTED);
    live(w, b, 2);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3); /* not the 2 that was claimed */
    world_free(w);
}

static void a_lost_session_ends_leadership_and_a_new_epoch_begins(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    store_state(w, a, WEIR_STORE_SUSPENDED);
    assert_true(a->leads && a->suspended && a->identity.suspended);
    ha_delete(&w->store, candidate_of(0));
    store_state(w, a, WEIR_STORE_LOST);
    assert_false(a->leads);
    store_state(w, a, WEIR_STORE_CONNECTED);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(a->epoch, 2);
    world_free(w);
}

static void suspended_is_a_pause_that_ends_when_the_record_still_names_us(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    store_state(w, a, WEIR_STORE_SUSPENDED);
    assert_false(a->identity.waits);
    uint32_t beats = a->beats;
    connection(w, a, "tm-1", 7, WEIR_CONNECTION_UP);
    timer(w, a, LEADER_TAG_BEAT);
    assert_true(a->beats > beats); /* tasks go on undisturbed */
    later(w, 3 * SECOND);
    timer(w, a, LEADER_TAG_BEAT);
    assert_true(a->identity.waits); /* past last contact + session timeout: it only waits */
    store_state(w, a, WEIR_STORE_CONNECTED);
    assert_true(a->leads && !a->suspended && !a->identity.waits && !a->identity.suspended);
    assert_int_equal(a->epoch, 1);
    assert_int_equal(a->grants, 1);
    world_free(w);
}

static void a_store_that_answers_no_more_suspends_by_the_own_clock(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    live(w, a, 2);
    a->hold = true;
    live(w, a, 4);
    assert_true(a->suspended && a->identity.waits && a->leads);
    a->hold = false;
    answer_all(w, a);
    live(w, a, 1);
    assert_false(a->suspended);
    world_free(w);
}

static void a_leader_that_wakes_up_late_steps_down(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    store_state(w, a, WEIR_STORE_SUSPENDED);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads);
    later(w, 100 * SECOND);
    store_state(w, a, WEIR_STORE_CONNECTED);
    live(w, a, 1);
    assert_false(a->leads);
    world_free(w);
}

static void suspicion_needs_a_broken_connection_a_refusal_and_a_witness_elsewhere(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    lose(w, b, 0, NULL);
    live(w, b, 2);
    assert_false(b->leads); /* no witness */
    leader_lost(w, b, 1, 100, "h2");
    live(w, b, 1);
    assert_false(b->leads); /* on our own host: cut off together with us */
    leader_lost(w, b, 9, 100, "h3");
    leader_lost(w, b, 1, 999, "h3");
    live(w, b, 1);
    assert_false(b->leads); /* of another leader */
    leader_lost(w, b, 1, 100, "h3");
    assert_true(b->leads);
    assert_int_equal(b->epoch, 2);
    assert_null(ha_get(&w->store, candidate_of(0))); /* its presence went with the takeover */
    assert_true(record_of(w)->suspected_at_ms > 0);
    world_free(w);
}

static void a_leader_that_dies_before_its_record_was_read_is_suspected_then(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    (void)a;
    b->hold = true; /* b's look at the new record is slow */
    struct jm *c = start(w, 2);
    ha_delete(&w->store, candidate_of(0));
    live(w, c, 2);
    assert_true(c->leads);
    lose(w, b, 2, "h1");
    assert_false(b->leads);
    b->hold = false;
    answer_all(w, b);
    live(w, b, 1);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3);
    world_free(w);
}

static void a_refusal_without_a_connection_before_is_no_loss(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    connection(w, b, "jm-1", 0, WEIR_CONNECTION_REFUSED);
    leader_lost(w, b, 1, 100, "h3");
    live(w, b, 2);
    assert_false(b->leads);
    world_free(w);
}

static void no_answer_means_nothing(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    connection(w, b, "jm-1", 0, WEIR_CONNECTION_RESET);
    for (int i = 0; i < 20; i++) {
        connection(w, b, "jm-1", 0, WEIR_CONNECTION_TIMEOUT);
        leader_lost(w, b, 1, 100, "h3");
    }
    live(w, b, 30);
    assert_false(b->leads);
    world_free(w);
}

static void what_a_witness_saw_long_ago_does_not_count(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    leader_lost(w, b, 1, 100, "h3");
    later(w, 6 * SECOND);
    lose(w, b, 0, NULL);
    live(w, b, 1);
    assert_false(b->leads);
    /* And a leader that is there again is not suspected. */
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    leader_lost(w, b, 1, 100, "h3");
    live(w, b, 1);
    assert_false(b->leads);
    world_free(w);
}

static void a_dead_process_on_the_same_host_is_proof(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    struct weir_event died = {
        .kind = WEIR_EVENT_PROCESS_DIED, .from = weir_nodes_intern(&b->nodes, "jm-1"), .from_incarnation = 99
    };
    step(w, b, died);
    live(w, b, 1);
    assert_false(b->leads); /* an older incarnation of it */
    died.from_incarnation = 100;
    step(w, b, died);
    assert_true(b->leads);
    world_free(w);
}

static void another_incarnation_at_its_address_is_a_loss(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    struct jm *b = start(w, 1);
    connection(w, b, "jm-1", 100, WEIR_CONNECTION_UP);
    connection(w, b, "jm-1", 0, WEIR_CONNECTION_RESET);
    connection(w, b, "jm-1", 555, WEIR_CONNECTION_UP);
    leader_lost(w, b, 1, 100, "h3");
    assert_true(b->leads);
    world_free(w);
}

static void a_restarted_process_takes_over_from_its_predecessor_at_once(void **state)
{
    struct world *w = world_new(true);
    start(w, 0);
    end(w, 0); /* its session, and with it its presence, live on for a while */
    start_incarnation(w, 0, 200);
    live(w, &w->jms[0], 1);
    assert_true(w->jms[0].leads);
    assert_int_equal(w->jms[0].epoch, 2);
    world_free(w);
}

static void a_wrong_suspicion_is_counted_and_holds_everybody_off(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1), *c = start(w, 2);
    lose(w, b, 0, "h3");
    assert_true(b->leads);
    live(w, a, 1); /* alive: it sees the new record, and comes back as a candidate */
    assert_false(a->leads);
    assert_non_null(ha_get(&w->store, candidate_of(0)));
    live(w, b, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 1);
    assert_int_equal(record_of(w)->hold_off_ms, 10000);
    assert_int_equal(b->leader_version, ha_get(&w->store, "leader")->version);
    assert_int_equal(b->epoch, 2);
    live(w, a, 1);
    live(w, c, 1);
    lose(w, a, 1, "h3");
    lose(w, c, 1, "h1");
    live(w, a, 1);
    live(w, c, 1);
    assert_false(a->leads || c->leads);
    later(w, 11 * SECOND);
    lose(w, c, 1, "h1");
    assert_true(c->leads); /* a suspicion after the hold-off is one again */
    live(w, b, 1);
    live(w, c, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 2);
    assert_int_equal(record_of(w)->hold_off_ms, 20000);
    /* Absence is no suspicion: it needs no hold-off. */
    ha_delete(&w->store, candidate_of(2));
    live(w, a, 2);
    assert_true(a->leads);
    world_free(w);
}

static void a_wrong_suspicion_is_counted_though_its_leader_goes(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1), *c = start(w, 2);
    live(w, c, 1);
    lose(w, b, 0, "h3");
    live(w, a, 1); /* alive, and back as a candidate; b has not looked since */
    assert_true(b->leads && !a->leads);
    assert_int_equal(record_of(w)->n_suspected, 1);
    live(w, c, 1); /* sees it, too: it suspects nobody now */
    lose(w, c, 1, "h1");
    live(w, c, 1);
    assert_false(c->leads);
    ha_delete(&w->store, candidate_of(1)); /* b's session is over */
    live(w, c, 2);
    assert_true(c->leads);
    live(w, c, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 1); /* counted by its successor */
    assert_int_equal(record_of(w)->n_suspected, 0);
    world_free(w);
}

static void two_that_cannot_see_each_other_come_to_rest(void **state)
{
    struct world *w = world_new(true);
    struct jm *jms[2] = { start(w, 0), start(w, 1) };
    uint32_t takeovers = 0;
    for (int i = 0; i < 600; i++) {
        for (uint32_t k = 0; k < 2; k++) {
            if (jms[k]->leads || !record_of(w) || record_of(w)->holder->incarnation != 100u + (1 - k))
                continue;
            lose(w, jms[k], 1 - k, "h3");
        }
        later(w, SECOND);
        for (uint32_t k = 0; k < 2; k++) {
            timer(w, jms[k], LEADER_TAG_BEAT);
            timer(w, jms[k], LEADER_TAG_POLL);
            timer(w, jms[k], LEADER_TAG_RETRY);
        }
    }
    takeovers = jms[0]->grants + jms[1]->grants;
    /* 10 + 20 + 40 + ... seconds: ten minutes hold at most six of them. */
    assert_true(takeovers >= 2 && takeovers <= 8);
    world_free(w);
}

static void a_quiet_hour_forgets_wrong_suspicions(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    lose(w, b, 0, "h3");
    live(w, a, 1);
    live(w, b, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 1);
    later(w, INT64_C(3601) * SECOND);
    live(w, b, 2);
    assert_int_equal(record_of(w)->wrong_suspicions, 0);
    assert_int_equal(record_of(w)->hold_off_ms, 0);
    assert_true(b->leads);
    world_free(w);
}

static void a_larger_epoch_seen_is_gone_above_by_one_write(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    greeting(w, a, "tm-1", 7, 41, 900, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 42);
    assert_int_equal(a->identity.epoch, 42);
    assert_int_equal(record_of(w)->epoch, 42);
    assert_int_equal(a->revokes, 0);
    assert_int_equal(a->leader_version, ha_get(&w->store, "leader")->version);
    /* Ours, under another incarnation, is no better. */
    greeting(w, a, "tm-2", 8, 42, 901, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 43);
    greeting(w, a, "tm-1", 7, 43, 100, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 43);
    world_free(w);
}

static void damage_is_no_epoch(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    greeting(w, a, "tm-1", 7, UINT64_MAX, 900, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 1);
    world_free(w);
}

static void a_deposed_leader_does_not_go_above_its_successor(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_true(b->leads);
    greeting(w, a, "tm-1", 7, 2, 101, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    live(w, a, 1);
    assert_false(a->leads);
    assert_int_equal(record_of(w)->epoch, 2);
    world_free(w);
}

static void a_wiped_store_does_not_let_epochs_fall_back(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    greeting(w, a, "tm-1", 7, 41, 900, WEIR__NODE_ROLE__NODE_TASKMANAGER);
    assert_int_equal(a->epoch, 42);
    memset(&w->store, 0, sizeof w->store);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(a->epoch, 43);
    assert_int_equal(record_of(w)->epoch, 43);
    assert_int_equal(a->grants, 1);
    assert_non_null(ha_get(&w->store, candidate_of(0)));
    world_free(w);
}

static void without_a_leader_record_jobs_know_epochs(void **state)
{
    for (int transactions = 0; transactions < 2; transactions++) {
        struct world *w = world_new(transactions);
        Weir__JobRecord job;
        weir__job_record__init(&job);
        job.epoch = 17;
        Weir__JobIndex index;
        weir__job_index__init(&index);
        index.epoch = 23;
        uint8_t bytes[256];
        ha_put(&w->store, "jobs/00000000000000000000000000000001", bytes,
            protobuf_c_message_pack(&job.base, bytes));
        ha_put(&w->store, "index", bytes, protobuf_c_message_pack(&index.base, bytes));
        struct jm *a = start(w, 0);
        assert_true(a->leads);
        assert_int_equal(a->epoch, transactions ? 18 : 24);
        world_free(w);
    }
}

static void a_record_that_was_set_back_is_written_over_by_who_leads(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    struct ha_entry before = *ha_get(&w->store, "leader");
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_int_equal(b->epoch, 2);
    *ha_get(&w->store, "leader") = before; /* names a again, epoch 1 */
    live(w, b, 2);
    assert_true(b->leads);
    assert_int_equal(b->epoch, 3);
    live(w, a, 2);
    assert_false(a->leads);
    world_free(w);
}

static void a_record_of_a_newer_version_is_left_alone(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    Weir__LeaderRecord *record = record_of(w);
    record->format = 2;
    record->epoch = 2;
    uint8_t bytes[HA_STORE_VALUE_BYTES];
    ha_put(&w->store, "leader", bytes, protobuf_c_message_pack(&record->base, bytes));
    uint64_t version = ha_get(&w->store, "leader")->version;
    live(w, a, 30);
    assert_false(a->leads);
    assert_int_equal(ha_get(&w->store, "leader")->version, version);
    world_free(w);
}

static void a_damaged_record_is_mended(void **state)
{
    struct world *w = world_new(true);
    ha_put(&w->store, "leader", "\xff\xff\xff", 3);
    struct jm *a = start(w, 0);
    assert_false(a->leads); /* somebody may be about to mend it */
    live(w, a, 20);
    assert_true(a->leads);
    ha_put(&w->store, "leader", "\xff\xff\xff", 3);
    live(w, a, 2);
    assert_true(a->leads);
    assert_int_equal(record_of(w)->epoch, a->epoch);
    assert_int_equal(a->epoch, 2);
    assert_int_equal(a->grants, 1);
    world_free(w);
}

static void announcements_and_greetings_go_to_every_connection(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    connection(w, a, "tm-1", 7, WEIR_CONNECTION_UP);
    assert_int_equal(a->announced_epoch, 1);
    assert_int_equal(a->greeted_epoch, 1);
    struct jm *b = start(w, 1);
    connection(w, b, "tm-1", 7, WEIR_CONNECTION_UP);
    assert_int_equal(b->announced_epoch, 0);
    assert_int_equal(b->greeted_epoch, 1); /* the newest it knows of */
    ha_delete(&w->store, candidate_of(0));
    live(w, b, 2);
    assert_int_equal(b->announced_epoch, 2);
    world_free(w);
}

static void every_connection_hears_a_beat_though_they_are_many(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0);
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "tm-%d", i);
        connection(w, a, name, 1000 + (uint64_t)i, WEIR_CONNECTION_UP);
    }
    a->beats = 0;
    timer(w, a, LEADER_TAG_BEAT);
    assert_int_equal(a->beats, 5000);
    connection(w, a, "tm-17", 0, WEIR_CONNECTION_RESET);
    a->beats = 0;
    timer(w, a, LEADER_TAG_BEAT);
    assert_int_equal(a->beats, 4999);
    world_free(w);
}

static void the_end_of_the_cluster_ends_standbys_and_not_a_new_start(void **state)
{
    struct world *w = world_new(true);
    struct jm *a = start(w, 0), *b = start(w, 1);
    struct weir_local_message shutdown = { .kind = WEIR_LOCAL_SHUTDOWN };
    step(w, a, (struct weir_event){ .kind = WEIR_EVENT_LOCAL, .local = &shutdown });
    assert_true(a->exited);
    assert_true(record_of(w)->shut_down);
    live(w, b, 2);
    assert_true(b->exited && !b->leads);
    ha_delete(&w->store, candidate_of(0));
    struct jm *c = start(w, 2);
    live(w, c, 1);
    assert_true(c->leads && !c->exited);
    assert_false(record_of(w)->shut_down);
    world_free(w);
}

static void the_failover_history_keeps_the_newest(void **state)
{
    struct world *w = world_new(true);
    struct jm *jms[2] = { start(w, 0), start(w, 1) };
    for (uint32_t i = 0; i < 20; i++) {
        ha_delete(&w->store, candidate_of(i % 2));
        live(w, jms[1 - i % 2], 2);
        live(w, jms[i % 2], 2);
    }
    Weir__LeaderRecord *record = record_of(w);
    assert_int_equal(record->epoch, 21);
    assert_int_equal(record->n_failovers, 16);
    assert_int_equal(record->failovers[15]->epoch, 21);
    assert_int_equal(record->failovers[0]->epoch, 6);
    assert_true(ha_get(&w->store, "leader")->length < 64 << 10);
    world_free(w);
}

static void a_lower_name_dials(void **state)
{
    struct world *w = world_new(true);
    assert_int_equal(start(w, 0)->connects, 2);
    assert_int_equal(start(w, 1)->connects, 1);
    assert_int_equal(start(w, 2)->connects, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_candidate_leads_with_epoch_one),
        cmocka_unit_test(others_stand_by_and_know_who_leads),
        cmocka_unit_test(absence_of_the_holder_entitles),
        cmocka_unit_test(the_deposed_learns_by_looking_though_watches_are_lost),
        cmocka_unit_test(two_claims_of_the_same_epoch_have_one_winner),
        cmocka_unit_test(a_claim_of_unknown_outcome_that_won_is_found),
        cmocka_unit_test(a_claim_that_applies_late_makes_no_second_leader),
        cmocka_unit_test(a_claim_of_an_old_session_is_not_led),
        cmocka_unit_test(a_lost_session_ends_leadership_and_a_new_epoch_begins),
        cmocka_unit_test(suspended_is_a_pause_that_ends_when_the_record_still_names_us),
        cmocka_unit_test(a_store_that_answers_no_more_suspends_by_the_own_clock),
        cmocka_unit_test(a_leader_that_wakes_up_late_steps_down),
        cmocka_unit_test(suspicion_needs_a_broken_connection_a_refusal_and_a_witness_elsewhere),
        cmocka_unit_test(a_leader_that_dies_before_its_record_was_read_is_suspected_then),
        cmocka_unit_test(a_refusal_without_a_connection_before_is_no_loss),
        cmocka_unit_test(no_answer_means_nothing),
        cmocka_unit_test(what_a_witness_saw_long_ago_does_not_count),
        cmocka_unit_test(a_dead_process_on_the_same_host_is_proof),
        cmocka_unit_test(another_incarnation_at_its_address_is_a_loss),
        cmocka_unit_test(a_restarted_process_takes_over_from_its_predecessor_at_once),
        cmocka_unit_test(a_wrong_suspicion_is_counted_and_holds_everybody_off),
        cmocka_unit_test(a_wrong_suspicion_is_counted_though_its_leader_goes),
        cmocka_unit_test(two_that_cannot_see_each_other_come_to_rest),
        cmocka_unit_test(a_quiet_hour_forgets_wrong_suspicions),
        cmocka_unit_test(a_larger_epoch_seen_is_gone_above_by_one_write),
        cmocka_unit_test(damage_is_no_epoch),
        cmocka_unit_test(a_deposed_leader_does_not_go_above_its_successor),
        cmocka_unit_test(a_wiped_store_does_not_let_epochs_fall_back),
        cmocka_unit_test(without_a_leader_record_jobs_know_epochs),
        cmocka_unit_test(a_record_that_was_set_back_is_written_over_by_who_leads),
        cmocka_unit_test(a_record_of_a_newer_version_is_left_alone),
        cmocka_unit_test(a_damaged_record_is_mended),
        cmocka_unit_test(announcements_and_greetings_go_to_every_connection),
        cmocka_unit_test(every_connection_hears_a_beat_though_they_are_many),
        cmocka_unit_test(the_end_of_the_cluster_ends_standbys_and_not_a_new_start),
        cmocka_unit_test(the_failover_history_keeps_the_newest),
        cmocka_unit_test(a_lower_name_dials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
