/*
 * Any bytes as what comes over a connection, given to a whole JobManager and a whole TaskManager: rejected in
 * one place, or handled; nothing falls over. Two messages an input, so that the second meets what the first
 * left behind. The first byte says who they come from, and what the process is: 1 a TaskManager, 4 a
 * JobManager that leads (epoch 3, incarnation 7: the seeds'), over a store that is empty and takes every
 * write.
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

/* ---------------------------------------------------------------- store and blobs of a JobManager that leads
 */

enum { PENDING_MAX = 64, ANSWERS_MAX = 256, KEY_BYTES = 160, VALUE_BYTES = 4096, ENTRIES_MAX = 32 };

struct stored {
    char key[KEY_BYTES];
    uint64_t version;
    uint8_t value[VALUE_BYTES];
    size_t length;
};

struct pending {
    bool blob;
    struct weir_tag tag;
    enum weir_blob_operation operation;
    enum weir_store_operation_kind kinds[WEIR_STORE_OPERATIONS_MAX];
    char keys[WEIR_STORE_OPERATIONS_MAX][KEY_BYTES]; /* of a blob: the first is its path */
    uint32_t count;
};

/* One input at a time. */
static struct {
    bool answers;
    struct pending pending[PENDING_MAX]; /* a ring */
    uint32_t first, count;
    struct stored entries[ENTRIES_MAX];
    uint32_t entry_count;
} world;

static void keep_text(char to[KEY_BYTES], const char *text)
{
    size_t length = WEIR_MIN(strlen(text), (size_t)KEY_BYTES - 1);
    memcpy(to, text, length);
    to[length] = 0;
}

static struct stored *stored(const char *key)
{
    for (uint32_t i = 0; i < world.entry_count; i++)
        if (strcmp(world.entries[i].key, key) == 0) return &world.entries[i];
    return NULL;
}

/* Written when it is asked for: no two of this world's requests meet. */
static void write_store(const struct weir_store_operation *operation)
{
    char key[KEY_BYTES];
    keep_text(key, operation->key);
    struct stored *entry = stored(key);
    if (operation->kind == WEIR_STORE_DELETE) {
        if (entry) *entry = world.entries[--world.entry_count];
        return;
    }
    bool writes = operation->kind == WEIR_STORE_CREATE || operation->kind == WEIR_STORE_SET ||
                  operation->kind == WEIR_STORE_CREATE_EPHEMERAL;
    if (!writes || operation->length > VALUE_BYTES || (!entry && world.entry_count == ENTRIES_MAX)) return;
    if (!entry) {
        entry = &world.entries[world.entry_count++];
        memcpy(entry->key, key, sizeof key);
        entry->version = 0;
    }
    entry->version++;
    entry->length = operation->length;
    if (entry->length) memcpy(entry->value, operation->value, entry->length);
}

static void keep_request(const struct weir_effect *effect)
{
    if (!world.answers || world.count == PENDING_MAX) return;
    struct pending *pending = &world.pending[(world.first + world.count++) % PENDING_MAX];
    pending->blob = effect->kind == WEIR_EFFECT_BLOB;
    pending->tag = effect->tag;
    if (pending->blob) {
        pending->operation = effect->blob.operation;
        keep_text(pending->keys[0], effect->blob.path);
        return;
    }
    pending->count = effect->operation_count;
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        pending->kinds[i] = effect->operations[i].kind;
        keep_text(pending->keys[i], effect->operations[i].key);
        write_store(&effect->operations[i]);
    }
}

/* Every text that it is asked to keep or to log is there. */
static void execute(struct weir_env *env, const struct weir_effect *effect)
{
    if (effect->kind == WEIR_EFFECT_LOG || effect->kind == WEIR_EFFECT_CONNECT)
        WEIR_ASSERT(strlen(effect->text) < 65536);
    if (effect->kind == WEIR_EFFECT_STORE || effect->kind == WEIR_EFFECT_BLOB) keep_request(effect);
}

static struct weir_store_entry seen(const char *key, const struct stored *entry)
{
    if (!entry) return (struct weir_store_entry){ .key = key };
    return (struct weir_store_entry){ .key = entry->key,
        .found = true,
        .version = entry->version,
        .value = entry->value,
        .length = entry->length };
}

static void answer_store(struct weir_actor *actor, const struct pending *pending)
{
    struct weir_store_entry entries[WEIR_STORE_OPERATIONS_MAX + ENTRIES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < pending->count; i++) {
        enum weir_store_operation_kind kind = pending->kinds[i];
        size_t length = strlen(pending->keys[i]);
        if (kind != WEIR_STORE_LIST && kind != WEIR_STORE_CHECK && kind != WEIR_STORE_DELETE)
            entries[count++] = seen(pending->keys[i], stored(pending->keys[i]));
        for (uint32_t k = 0; kind == WEIR_STORE_LIST && k < world.entry_count; k++)
            if (strncmp(world.entries[k].key, pending->keys[i], length) == 0 &&
                world.entries[k].key[length] == '/' && count < WEIR_STORE_OPERATIONS_MAX + ENTRIES_MAX)
                entries[count++] = seen(NULL, &world.entries[k]);
    }
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = pending->tag };
    event.store.entries = entries;
    event.store.entry_count = count;
    weir_actor_event(actor, &event);
}

static void answer_all(struct weir_actor *actor)
{
    for (uint32_t answers = 0; world.count && answers < ANSWERS_MAX; answers++) {
        struct pending pending = world.pending[world.first];
        world.first = (world.first + 1) % PENDING_MAX;
        world.count--;
        if (!pending.blob) {
            answer_store(actor, &pending);
            continue;
        }
        struct weir_event event = { .kind = WEIR_EVENT_BLOB_DONE, .tag = pending.tag };
        event.blob.path = pending.keys[0];
        if (pending.operation == WEIR_BLOB_GET) event.blob.outcome = WEIR_BLOB_NOT_FOUND;
        weir_actor_event(actor, &event);
    }
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

/* The JobManager hears of epoch 2, meets an empty store and takes epoch 3. */
static void become_leader(struct weir_actor *actor, weir_node node)
{
    uint8_t bytes[256];
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    Weir__Greeting greeting = WEIR__GREETING__INIT;
    Weir__Node self = WEIR__NODE__INIT;
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = (char *)"c";
    envelope.sender = (char *)"tm";
    envelope.sender_incarnation = 7;
    envelope.body_case = WEIR__ENVELOPE__BODY_GREETING;
    envelope.greeting = &greeting;
    greeting.node = &self;
    greeting.role = WEIR__NODE_ROLE__NODE_TASKMANAGER;
    greeting.epoch = 2;
    greeting.leader_incarnation = 5;
    self.name = (char *)"tm";
    self.incarnation = 7;
    weir_actor_bytes(actor, node, bytes, weir__envelope__pack(&envelope, bytes));
    struct weir_event event = { .kind = WEIR_EVENT_STORE_STATE };
    event.store.state = WEIR_STORE_CONNECTED;
    event.store.transactions = true;
    event.store.session_timeout_us = 1000000;
    weir_actor_event(actor, &event);
    answer_all(actor);
    WEIR_ASSERT(weir_actor_identity(actor)->epoch == 3);
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
    bool leads = !(data[0] & 1) && data[0] & 4;
    world.first = world.count = world.entry_count = 0;
    world.answers = leads;
    struct weir_actor_config config = { .kind = data[0] & 1 ? WEIR_ACTOR_TASKMANAGER : WEIR_ACTOR_JOBMANAGER,
        .memory = &memory.base,
        .env = &env,
        .cluster = "c",
        .name = "me",
        .incarnation = leads ? 7 : 9,
        .slot_count = 2,
        .options = &options };
    struct weir_actor *actor = weir_actor_new(&config);
    weir_node node = weir_nodes_intern(weir_actor_nodes(actor), "tm");
    weir_actor_start(actor);
    connect(actor, node);
    if (data[0] & 1) lead(actor, node);
    if (leads) become_leader(actor, node);
    size_t first = 2 + (size - 2) * data[1] / 255;
    weir_actor_bytes(actor, node, data + 2, first - 2);
    answer_all(actor);
    if (data[0] & 2) /* the same again */
        weir_actor_bytes(actor, node, data + 2, first - 2);
    else
        weir_actor_bytes(actor, node, data + first, size - first);
    answer_all(actor);
    weir_actor_free(actor);
    WEIR_ASSERT(atomic_load(&memory.base.used_bytes) == 0);
    return 0;
}
