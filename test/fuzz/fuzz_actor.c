/*
 * Any bytes as what comes over a connection, given to a whole JobManager and a whole TaskManager: rejected in
 * one place, or handled; nothing falls over. Two messages an input, so that the second meets what the first
 * left behind. The first byte says who they come from, and what the process is.
 */
// fuzz-libraries: base proto plan control env actor
#include "actor/actor.h"
#include "base/assert.h"
#include "support/memory.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t now_us(struct weir_env *env)
{
    return 1000000;
}

static uint64_t random_word(struct weir_env *env)
{
    return 4;
}

/* Every text that it is asked to keep or to log is there. */
static void execute(struct weir_env *env, const struct weir_effect *effect)
{
    if (effect->kind == WEIR_EFFECT_LOG || effect->kind == WEIR_EFFECT_CONNECT)
        WEIR_ASSERT(strlen(effect->text) < 65536);
}

static void send(struct weir_env *env, weir_node node, const uint8_t *bytes, size_t length)
{
    struct weir_test_memory memory;
    struct weir_arena arena;
    Weir__Envelope *envelope = NULL;
    weir_test_memory_init(&memory);
    weir_arena_init(&arena, &memory.base);
    WEIR_ASSERT(weir_envelope_decode(&arena, bytes, length, &envelope, NULL) == WEIR_OK);
    weir_arena_done(&arena);
}

static bool alive(struct weir_env *env)
{
    return true;
}

static void connect(struct weir_actor *actor, weir_node node)
{
    struct weir_event event = { .kind = WEIR_EVENT_CONNECTION, .from = node, .from_incarnation = 7 };
    event.connection = WEIR_CONNECTION_UP;
    weir_actor_event(actor, &event);
}

/* The TaskManager follows the sender as the leader of epoch 3, the seeds' epoch. */
static void lead(struct weir_actor *actor, weir_node node)
{
    uint8_t bytes[256];
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__LeaderAnnouncement announcement = WEIR__LEADER_ANNOUNCEMENT__INIT;
    Weir__Node leader = WEIR__NODE__INIT;
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = (char *)"c";
    envelope.sender = (char *)"tm";
    envelope.sender_incarnation = 7;
    envelope.body_case = WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT;
    envelope.leader_announcement = &announcement;
    announcement.epoch = 3;
    announcement.leader = &leader;
    leader.name = (char *)"tm";
    leader.incarnation = 7;
    weir_actor_bytes(actor, node, bytes, weir__envelope__pack(&envelope, bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct weir_control_options options = { .heartbeat_interval_us = 100000,
        .heartbeat_timeout_us = 5000000,
        .leader_silence_us = 500000,
        .leaderless_grace_us = INT64_MAX,
        .jobs_max = 10,
        .tombstones_max = 10,
        .storage_directory = "/ha" };
    if (size < 2) return 0;
    struct weir_test_memory memory;
    struct weir_env env = { .now_us = now_us,
        .wall_us = now_us,
        .random = random_word,
        .execute = execute,
        .send = send,
        .alive = alive };
    weir_test_memory_init(&memory);
    struct weir_actor_config config = { .kind = data[0] & 1 ? WEIR_ACTOR_TASKMANAGER : WEIR_ACTOR_JOBMANAGER,
        .memory = &memory.base,
        .env = &env,
        .cluster = "c",
        .name = "me",
        .incarnation = 9,
        .slot_count = 2,
        .options = &options };
    struct weir_actor *actor = weir_actor_new(&config);
    weir_node node = weir_nodes_intern(weir_actor_nodes(actor), "tm");
    weir_actor_start(actor);
    connect(actor, node);
    if (data[0] & 1) lead(actor, node);
    size_t first = 2 + (size - 2) * data[1] / 255;
    weir_actor_bytes(actor, node, data + 2, first - 2);
    if (data[0] & 2) /* the same again */
        weir_actor_bytes(actor, node, data + 2, first - 2);
    else
        weir_actor_bytes(actor, node, data + first, size - first);
    weir_actor_free(actor);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
