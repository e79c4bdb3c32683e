/*
 * A toy world and toy machines for tests of the actor: the world records what it is asked for, the machines
 * record what they are stepped with and do what the test's script says. One process at a time.
 */
#ifndef WEIR_TEST_UNIT_ACTOR_TOY_H
#define WEIR_TEST_UNIT_ACTOR_TOY_H

#include "actor/actor.h"
#include "support/cmocka_all.h"
#include "support/memory.h"
#include <stdio.h>
#include <string.h>

enum { TOY_TEXT_BYTES = 16384 };

/* Of any role: the machines of a process are all alike here. */
struct toy_machine {
    enum weir_role role;
    struct weir_job_id job;
    struct weir_machine_config config;
};

struct toy_world {
    struct weir_env env;
    struct weir_test_memory memory;
    struct weir_control_options options;
    struct weir_actor *actor;
    int64_t now_us;
    int32_t effects_left; /* it dies after as many; < 0: never */
    char text[TOY_TEXT_BYTES];
    size_t length;
    struct weir_tag last_tag;
    uint8_t sent[65536]; /* the newest envelope */
    size_t sent_bytes;
    void (*script)(struct toy_machine *machine, const struct weir_event *event, struct weir_effects *effects);
};
static struct toy_world *toy;

static inline void toy_note(const char *format, ...) WEIR_PRINTF(1, 2);
static inline void toy_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(toy->text + toy->length, TOY_TEXT_BYTES - toy->length, format, arguments);
    va_end(arguments);
    toy->length = WEIR_MIN(toy->length + (size_t)added, (size_t)TOY_TEXT_BYTES - 1);
}

/* What was noted since the last time. */
static inline void toy_expect(const char *text)
{
    assert_string_equal(toy->text, text);
    toy->length = 0;
    toy->text[0] = '\0';
}

static inline const char *toy_role_name(enum weir_role role)
{
    static const char *const names[] = { "none", "leader", "dispatcher", "manager", "job", "executor",
        "client" };
    return names[role];
}

static inline const char *toy_event_name(enum weir_event_kind kind)
{
    static const char *const names[] = { "start", "timer", "message", "connection", "store", "done",
        "changed", "blob", "task", "died", "worker", "local" };
    return names[kind];
}

static inline const char *toy_local_name(enum weir_local_kind kind)
{
    switch (kind) {
    case WEIR_LOCAL_CONTINUE: return "continue";
    case WEIR_LOCAL_REVOKED: return "revoked";
    case WEIR_LOCAL_RECOVERED: return "recovered";
    case WEIR_LOCAL_JOB_START: return "start";
    case WEIR_LOCAL_JOB_CLEAN: return "clean";
    case WEIR_LOCAL_JOB_FENCED: return "fenced";
    case WEIR_LOCAL_JOB_STOPPED: return "stopped";
    case WEIR_LOCAL_EPOCH_SEEN: return "epoch";
    default: return "?";
    }
}

static inline const char *toy_effect_name(enum weir_effect_kind kind)
{
    return kind == WEIR_EFFECT_TIMER ? "timer" : kind == WEIR_EFFECT_LOG ? "log" : "?";
}

static inline struct toy_machine *toy_new(
    const struct weir_machine_config *config, enum weir_role role, const struct weir_job_id *job)
{
    struct toy_machine *machine = weir_memory_allocate_zeroed(config->memory, sizeof *machine);
    machine->role = role;
    machine->config = *config;
    if (job) machine->job = *job;
    return machine;
}

static inline void toy_free(struct toy_machine *machine)
{
    if (machine) weir_memory_release(machine->config.memory, machine, sizeof *machine);
}

static inline void toy_step(
    struct toy_machine *machine, const struct weir_event *event, struct weir_effects *effects)
{
    toy_note("%s", toy_role_name(machine->role));
    if (machine->role == WEIR_ROLE_JOBMASTER) toy_note("%u", machine->job.bytes[0]);
    toy_note("<%s", toy_event_name(event->kind));
    if (event->kind == WEIR_EVENT_LOCAL) toy_note(".%s", toy_local_name(event->local->kind));
    if (event->kind == WEIR_EVENT_MESSAGE)
        toy_note(".%s", weir_envelope_body_name(event->envelope->body_case));
    toy_note(" ");
    if (toy->script) toy->script(machine, event, effects);
}

#define TOY_MACHINE(name, role)                                                     \
    struct weir_##name *weir_##name##_new(const struct weir_machine_config *config) \
    {                                                                               \
        return (struct weir_##name *)toy_new(config, role, NULL);                   \
    }                                                                               \
    TOY_STEP(name)
#define TOY_STEP(name)                                                                             \
    void weir_##name##_step(                                                                       \
        struct weir_##name *machine, const struct weir_event *event, struct weir_effects *effects) \
    {                                                                                              \
        toy_step((struct toy_machine *)machine, event, effects);                                   \
    }                                                                                              \
    void weir_##name##_free(struct weir_##name *machine)                                           \
    {                                                                                              \
        toy_free((struct toy_machine *)machine);                                                   \
    }

TOY_MACHINE(leader, WEIR_ROLE_LEADER)
TOY_MACHINE(dispatcher, WEIR_ROLE_DISPATCHER)
TOY_MACHINE(resourcemanager, WEIR_ROLE_RESOURCEMANAGER)
struct weir_jobmaster *weir_jobmaster_new(
    const struct weir_machine_config *config, const struct weir_job_id *job)
{
    return (struct weir_jobmaster *)toy_new(config, WEIR_ROLE_JOBMASTER, job);
}
TOY_STEP(jobmaster)
struct weir_taskexecutor *weir_taskexecutor_new(const struct weir_machine_config *config, uint32_t slot_count)
{
    return (struct weir_taskexecutor *)toy_new(config, WEIR_ROLE_TASKEXECUTOR, NULL);
}
TOY_STEP(taskexecutor)

static inline int64_t toy_now_us(struct weir_env *env)
{
    return toy->now_us;
}

static inline uint64_t toy_random(struct weir_env *env)
{
    return 4;
}

static inline bool toy_alive(struct weir_env *env)
{
    return toy->effects_left != 0;
}

static inline void toy_execute(struct weir_env *env, const struct weir_effect *effect)
{
    assert_true(toy_alive(env));
    if (toy->effects_left > 0) toy->effects_left--;
    toy->last_tag = effect->tag;
    toy_note("!%s ", toy_effect_name(effect->kind));
}

static inline void toy_send(struct weir_env *env, weir_node node, const uint8_t *bytes, size_t length)
{
    assert_true(toy_alive(env));
    if (toy->effects_left > 0) toy->effects_left--;
    assert_true(length <= sizeof toy->sent);
    memcpy(toy->sent, bytes, length);
    toy->sent_bytes = length;
    toy_note(">%s ", weir_nodes_name(weir_actor_nodes(toy->actor), node));
}

static inline void toy_start(struct toy_world *world, enum weir_actor_kind kind)
{
    memset(world, 0, sizeof *world);
    toy = world;
    weir_test_memory_init(&world->memory);
    world->env = (struct weir_env){ .now_us = toy_now_us,
        .wall_us = toy_now_us,
        .random = toy_random,
        .execute = toy_execute,
        .send = toy_send,
        .alive = toy_alive };
    world->effects_left = -1;
    struct weir_actor_config config = { .kind = kind,
        .memory = &world->memory.base,
        .env = &world->env,
        .cluster = "c",
        .name = "me",
        .incarnation = 7,
        .slot_count = 2,
        .options = &world->options };
    world->actor = weir_actor_new(&config);
}

static inline void toy_end(struct toy_world *world)
{
    weir_actor_free(world->actor);
    weir_test_memory_check(&world->memory);
}

/* The machines write their identity; here the test does. */
static inline struct weir_identity *toy_identity(void)
{
    return (struct weir_identity *)weir_actor_identity(toy->actor);
}

/* A message from `sender` under the given leader comes in. */
static inline void toy_receive(const char *sender, uint64_t epoch, uint64_t leader_incarnation,
    const struct weir_job_id *job, Weir__Envelope__BodyCase body, void *message)
{
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = (char *)"c";
    envelope.sender = (char *)sender;
    envelope.sender_incarnation = 3;
    envelope.epoch = epoch;
    envelope.leader_incarnation = leader_incarnation;
    if (job) envelope.job = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)job->bytes };
    envelope.body_case = body;
    envelope.greeting = message;
    uint8_t bytes[4096];
    size_t length = weir__envelope__pack(&envelope, bytes);
    weir_actor_bytes(toy->actor, weir_nodes_intern(weir_actor_nodes(toy->actor), sender), bytes, length);
}

#endif
