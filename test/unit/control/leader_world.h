/* Leader machines of one to three JobManagers over one store, stepped by hand. */
#ifndef WEIR_TEST_CONTROL_LEADER_WORLD_H
#define WEIR_TEST_CONTROL_LEADER_WORLD_H

#include "control/leader/internal.h"
#include "ha_store.h"
#include <stdio.h>
#include <stdlib.h>

#define UNUSED __attribute__((unused))

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
    uint32_t grants, revokes, epochs, ends;
    weir_node retrieved;
    uint64_t retrieved_epoch;
    /* what it sent last */
    uint64_t announced_epoch, greeted_epoch;
    uint32_t beats, connects, disconnects;
    uint32_t announced_standbys; /* how many, in the newest announcement to a TaskManager */
    char announced_standby[32];  /* the last of them */
    bool stepped_down;           /* told to a standby */
    bool exited;
    int exit_code;
    struct weir_job_id application;
    uint32_t requests;
    uint32_t wanted; /* how often it said that it wants to lead */
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

static UNUSED void step(struct world *w, struct jm *jm, struct weir_event event);

static UNUSED void note_local(struct jm *jm, const struct weir_local_message *local)
{
    switch (local->kind) {
    case WEIR_LOCAL_GRANTED:
        jm->application = local->job;
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
        assert_true(weir_job_id_equal(&local->job, &jm->application)); /* who begins anew is told it again */
        jm->epochs++;
        jm->epoch = local->epoch;
        jm->leader_version = local->leader_version;
        break;
    case WEIR_LOCAL_END_RECORDED:
        assert_true(jm->leads);
        jm->ends++;
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

static UNUSED struct weir_effect kept(struct world *w, const struct weir_effect *effect)
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

static UNUSED void note_announcement(struct jm *jm, const Weir__LeaderAnnouncement *announcement)
{
    jm->announced_epoch = announcement->epoch;
    jm->stepped_down |= announcement->steps_down;
    if (announcement->steps_down) return;
    jm->announced_standbys = (uint32_t)announcement->n_standbys;
    jm->announced_standby[0] = '\0';
    for (size_t i = 0; i < announcement->n_standbys; i++)
        snprintf(jm->announced_standby, sizeof jm->announced_standby, "%s",
            announcement->standbys[i]->rpc_address);
}

static UNUSED void carry_out(struct world *w, struct jm *jm, const struct weir_effect *effect)
{
    switch (effect->kind) {
    case WEIR_EFFECT_LOCAL:
        if (effect->to_role == WEIR_ROLE_DISPATCHER) note_local(jm, effect->local);
        break;
    case WEIR_EFFECT_SEND:
        if (effect->envelope->body_case == WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT)
            note_announcement(jm, effect->envelope->leader_announcement);
        if (effect->envelope->body_case == WEIR__ENVELOPE__BODY_GREETING)
            jm->greeted_epoch = effect->envelope->greeting->epoch;
        if (effect->envelope->body_case == WEIR__ENVELOPE__BODY_HEARTBEAT) jm->beats++;
        break;
    case WEIR_EFFECT_CONNECT: jm->connects++; break;
    case WEIR_EFFECT_DISCONNECT: jm->disconnects++; break;
    case WEIR_EFFECT_EXIT:
        jm->exited = true;
        jm->exit_code = effect->exit_code;
        break;
    case WEIR_EFFECT_STORE:
        jm->requests++;
        assert_true(jm->held_count < HELD_MAX);
        jm->held[jm->held_count++] = kept(w, effect);
        break;
    case WEIR_EFFECT_LOG: jm->wanted += strncmp(effect->text, "wants to lead", 13) == 0; break;
    default: break;
    }
}

/* Answers what the machine has asked, until it asks no more. */
static UNUSED void answer_all(struct world *w, struct jm *jm)
{
    while (jm->held_count && !jm->hold) {
        struct weir_effect request = jm->held[0];
        memmove(jm->held, jm->held + 1, sizeof request * --jm->held_count);
        step(w, jm, ha_apply(&w->store, &request, &w->arena));
    }
}

static UNUSED void step(struct world *w, struct jm *jm, struct weir_event event)
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

static UNUSED void store_state(struct world *w, struct jm *jm, enum weir_store_state state)
{
    struct weir_event event = { .kind = WEIR_EVENT_STORE_STATE };
    event.store.state = state;
    event.store.session_timeout_us = 2 * SECOND;
    event.store.transactions = w->transactions;
    step(w, jm, event);
}

static UNUSED void timer(struct world *w, struct jm *jm, uint32_t kind)
{
    struct weir_event event = { .kind = WEIR_EVENT_TIMER };
    event.tag = (struct weir_tag){ .role = WEIR_ROLE_LEADER, .kind = kind };
    step(w, jm, event);
}

static UNUSED void later(struct world *w, int64_t us)
{
    w->now_us += us;
}

/* So many seconds pass, with all timers. */
static UNUSED void live(struct world *w, struct jm *jm, int seconds)
{
    for (int i = 0; i < seconds * 2; i++) {
        later(w, SECOND / 2);
        timer(w, jm, LEADER_TAG_BEAT);
        timer(w, jm, LEADER_TAG_POLL);
        timer(w, jm, LEADER_TAG_RETRY);
    }
}

static UNUSED void start_incarnation(struct world *w, uint32_t i, uint64_t incarnation)
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

static UNUSED struct jm *start(struct world *w, uint32_t i)
{
    start_incarnation(w, i, 100 + i);
    return &w->jms[i];
}

static UNUSED void end(struct world *w, uint32_t i)
{
    weir_leader_free(w->jms[i].leader);
    w->jms[i].leader = NULL;
}

static char candidate[64];
static UNUSED const char *candidate_of(uint32_t i)
{
    strcpy(candidate, "candidates/");
    return strcat(candidate, names[i]);
}

static UNUSED struct world *world_new(bool transactions)
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

static UNUSED void world_free(struct world *w)
{
    for (uint32_t i = 0; i < JMS; i++) end(w, i);
    weir_arena_done(&w->arena);
    weir_test_memory_check(&w->memory);
    free(w);
}

static UNUSED Weir__LeaderRecord *record_of(struct world *w)
{
    struct ha_entry *entry = ha_get(&w->store, "leader");
    Weir__LeaderRecord *record = NULL;
    if (!entry) return NULL;
    assert_int_equal(
        weir_leader_record_decode(&w->arena, entry->value, entry->length, &record, NULL), WEIR_OK);
    return record;
}

static UNUSED void connection(
    struct world *w, struct jm *jm, const char *name, uint64_t incarnation, enum weir_connection_state state)
{
    struct weir_event event = { .kind = WEIR_EVENT_CONNECTION,
        .from = weir_nodes_intern(&jm->nodes, name),
        .from_incarnation = incarnation,
        .connection = state };
    step(w, jm, event);
}

static UNUSED void greeting(struct world *w, struct jm *jm, const char *name, uint64_t from_incarnation,
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

/* A JobManager says who it is. */
static UNUSED void greets(struct world *w, struct jm *jm, const char *name, const char *address,
    uint64_t incarnation, Weir__NodeRole role)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__Greeting body;
    weir__greeting__init(&body);
    Weir__Node node;
    weir__node__init(&node);
    node.name = (char *)name;
    node.rpc_address = (char *)address;
    node.incarnation = incarnation;
    body.node = &node;
    body.role = role;
    envelope.body_case = WEIR__ENVELOPE__BODY_GREETING;
    envelope.greeting = &body;
    struct weir_event event = { .kind = WEIR_EVENT_MESSAGE,
        .from = weir_nodes_intern(&jm->nodes, name),
        .from_incarnation = incarnation,
        .envelope = &envelope };
    step(w, jm, event);
}

static UNUSED void steps_down(struct world *w, struct jm *jm, uint32_t from)
{
    Weir__Envelope envelope;
    weir__envelope__init(&envelope);
    Weir__LeaderAnnouncement body;
    weir__leader_announcement__init(&body);
    Weir__Node node;
    weir__node__init(&node);
    node.name = (char *)names[from];
    node.incarnation = 100 + from;
    body.leader = &node;
    body.epoch = record_of(w)->epoch;
    body.steps_down = true;
    envelope.body_case = WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT;
    envelope.leader_announcement = &body;
    struct weir_event event = { .kind = WEIR_EVENT_MESSAGE,
        .from = weir_nodes_intern(&jm->nodes, names[from]),
        .from_incarnation = 100 + from,
        .envelope = &envelope };
    step(w, jm, event);
}

static UNUSED void leader_lost(
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
static UNUSED void lose(struct world *w, struct jm *b, uint32_t a, const char *witness_host)
{
    uint64_t incarnation = 100 + a;
    connection(w, b, names[a], incarnation, WEIR_CONNECTION_UP);
    connection(w, b, names[a], 0, WEIR_CONNECTION_RESET);
    connection(w, b, names[a], 0, WEIR_CONNECTION_REFUSED);
    if (witness_host) leader_lost(w, b, record_of(w)->epoch, incarnation, witness_host);
}

#endif
