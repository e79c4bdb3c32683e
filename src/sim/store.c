#include "sim/store.h"
#include "base/assert.h"
#include "sim/store_internal.h"
#include "sim/world.h"
#include <string.h>

/* --- entries --- */

static uint32_t entry_index(const struct weir_sim_store *store, const char *key, bool *ret_found)
{
    uint32_t low = 0, high = store->entry_count;
    *ret_found = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = strcmp(store->entries[middle].key, key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct weir_sim_entry *weir_sim_store_find(const struct weir_sim_store *store, const char *key)
{
    bool found;
    uint32_t index = entry_index(store, key, &found);
    return found ? &store->entries[index] : NULL;
}

static char *copy_text(struct weir_memory *memory, const char *text)
{
    size_t bytes = strlen(text) + 1;
    return (char *)memcpy(weir_memory_allocate(memory, bytes), text, bytes);
}

static uint8_t *copy_bytes(struct weir_memory *memory, const uint8_t *bytes, size_t length)
{
    return length ? (uint8_t *)memcpy(weir_memory_allocate(memory, length), bytes, length) : NULL;
}

static void release_text(struct weir_memory *memory, char *text)
{
    if (text) weir_memory_release(memory, text, strlen(text) + 1);
}

enum { OLD_MAX = 256 };

static void old_release(struct weir_sim_store *store, struct weir_sim_old_entry *old)
{
    release_text(store->sim->memory, old->key);
    weir_memory_release(store->sim->memory, old->value, old->length);
    *old = (struct weir_sim_old_entry){ 0 };
}

/* Remembers what key was until now. */
static void remember(struct weir_sim_store *store, const char *key, const struct weir_sim_entry *entry)
{
    struct weir_memory *memory = store->sim->memory;
    if (!store->old)
        store->old =
            (struct weir_sim_old_entry *)weir_memory_allocate_zeroed(memory, sizeof *store->old * OLD_MAX);
    struct weir_sim_old_entry *old = &store->old[store->old_next];
    store->old_next = (store->old_next + 1) % OLD_MAX;
    old_release(store, old);
    *old = (struct weir_sim_old_entry){ .key = copy_text(memory, key),
        .found = entry != NULL,
        .version = entry ? entry->version : 0,
        .value = entry ? copy_bytes(memory, entry->value, entry->length) : NULL,
        .length = entry ? entry->length : 0,
        .replaced_us = weir_sim_now(store->sim) };
}

/* --- watches --- */

struct watch_payload {
    uint64_t session;
    char key[];
};

static void watch_fires(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const struct watch_payload *watch = (const struct watch_payload *)payload;
    struct weir_sim_store_client *client = &process->sim->store.clients[process->index];
    if (client->session != watch->session || client->state != WEIR_SIM_SESSION_CONNECTED) return;
    struct weir_event event = { .kind = WEIR_EVENT_STORE_CHANGED, .store = { .key = watch->key } };
    weir_sim_trace(process->sim, process, "watch of %s fires", watch->key);
    weir_sim_process_event(process, &event);
}

static bool watch_matches(const char *watched, const char *key, bool born_or_gone)
{
    if (strcmp(watched, key) == 0) return true;
    size_t length = strlen(watched);
    return born_or_gone && strncmp(watched, key, length) == 0 && key[length] == '/' &&
           !strchr(key + length + 1, '/');
}

static void fire_watches(struct weir_sim_store *store, const char *key, bool born_or_gone)
{
    struct weir_sim *sim = store->sim;
    for (uint32_t i = 0; i < store->watch_count;) {
        struct weir_sim_watch watch = store->watches[i];
        if (!watch_matches(watch.key, key, born_or_gone)) {
            i++;
            continue;
        }
        memmove(&store->watches[i], &store->watches[i + 1], sizeof watch * (store->watch_count - i - 1));
        store->watch_count--;
        struct weir_sim_process *process = &sim->processes[watch.process];
        bool lost = weir_sim_random_permille(&store->random, store->lost_watch_permille);
        if (process->start == watch.start && weir_sim_process_is_up(process) && !lost) {
            size_t bytes = sizeof(struct watch_payload) + strlen(watch.key) + 1;
            struct watch_payload *payload = (struct watch_payload *)weir_sim_payload(&sim->scheduler, bytes);
            payload->session = watch.session;
            memcpy(payload->key, watch.key, strlen(watch.key) + 1);
            struct weir_sim_store_client *client = &store->clients[watch.process];
            int64_t at = weir_sim_now(sim) +
                         weir_sim_random_range(&store->random, store->delay_min_us, store->delay_max_us);
            client->reply_us = WEIR_MAX(client->reply_us, at); /* in order with replies */
            weir_sim_process_schedule(process, client->reply_us, watch_fires, 0, payload, bytes);
        }
        if (lost) weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "watch lost");
        release_text(sim->memory, watch.key);
    }
}

void weir_sim_store_watch(struct weir_sim_process *process, const char *key)
{
    struct weir_sim_store *store = &process->sim->store;
    struct weir_sim_store_client *client = &store->clients[process->index];
    if (client->state != WEIR_SIM_SESSION_CONNECTED || store->ended[client->session]) return;
    for (uint32_t i = 0; i < store->watch_count; i++) {
        struct weir_sim_watch *watch = &store->watches[i];
        if (watch->process == process->index && watch->start == process->start &&
            strcmp(watch->key, key) == 0) {
            watch->session = client->session;
            return;
        }
    }
    if (store->watch_count == store->watch_capacity) {
        uint32_t capacity = store->watch_capacity ? store->watch_capacity * 2 : 32;
        size_t bytes = sizeof *store->watches;
        store->watches = (struct weir_sim_watch *)weir_memory_reallocate(
            process->sim->memory, store->watches, bytes * store->watch_capacity, bytes * capacity);
        store->watch_capacity = capacity;
    }
    store->watches[store->watch_count++] =
        (struct weir_sim_watch){ .key = copy_text(process->sim->memory, key),
            .process = process->index,
            .start = process->start,
            .session = client->session };
}

/* --- changes --- */

static void change(struct weir_sim_store *store, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *after)
{
    struct weir_sim *sim = store->sim;
    bool found;
    uint32_t index = entry_index(store, key, &found);
    struct weir_sim_entry before = found ? store->entries[index] : (struct weir_sim_entry){ 0 };
    remember(store, key, found ? &before : NULL);
    if (after) {
        struct weir_sim_entry entry = *after;
        entry.key = found ? before.key : copy_text(sim->memory, key);
        entry.value = copy_bytes(sim->memory, after->value, after->length);
        if (!found) {
            if (store->entry_count == store->entry_capacity) {
                uint32_t capacity = store->entry_capacity ? store->entry_capacity * 2 : 64;
                WEIR_ASSERT(capacity <= WEIR_SIM_STORE_ENTRIES_MAX);
                store->entries = (struct weir_sim_entry *)weir_memory_reallocate(sim->memory, store->entries,
                    sizeof entry * store->entry_capacity, sizeof entry * capacity);
                store->entry_capacity = capacity;
            }
            memmove(&store->entries[index + 1], &store->entries[index],
                sizeof entry * (store->entry_count - index));
            store->entry_count++;
        }
        store->entries[index] = entry;
    } else if (found) {
        memmove(&store->entries[index], &store->entries[index + 1],
            sizeof before * (store->entry_count - index - 1));
        store->entry_count--;
    }
    store->applied++;
    struct weir_sim_entry now = after ? store->entries[index] : (struct weir_sim_entry){ 0 };
    WEIR_SIM_CHECK(sim, stored, writer, key, found ? &before : NULL, after ? &now : NULL);
    if (found) {
        weir_memory_release(sim->memory, before.value, before.length);
    }
    fire_watches(store, key, !found || !after);
    if (found && !after) release_text(sim->memory, before.key);
}

static void end_session_entries(struct weir_sim_store *store, uint64_t session)
{
    for (uint32_t i = 0; i < store->entry_count;) {
        if (store->entries[i].session != session) {
            i++;
            continue;
        }
        char key[512];
        size_t length = WEIR_MIN(strlen(store->entries[i].key), sizeof key - 1);
        memcpy(key, store->entries[i].key, length);
        key[length] = 0;
        weir_sim_trace(store->sim, NULL, "store: %s goes with its session", key);
        change(store, NULL, key, NULL);
        i = 0;
    }
}

void weir_sim_store_wipe(struct weir_sim_store *store, const char *folder_or_key)
{
    size_t length = strlen(folder_or_key);
    bool folder = folder_or_key[length - 1] == '/';
    for (uint32_t i = 0; i < store->entry_count;) {
        if (strncmp(store->entries[i].key, folder_or_key, length + !folder) != 0) {
            i++;
            continue;
        }
        char *key = copy_text(store->sim->memory, store->entries[i].key);
        weir_sim_trace(store->sim, NULL, "store: %s is wiped", key);
        change(store, NULL, key, NULL);
        release_text(store->sim->memory, key);
        i = 0;
    }
}

void weir_sim_store_damage(struct weir_sim_store *store, const char *key, const uint8_t *bytes, size_t length)
{
    const struct weir_sim_entry *entry = weir_sim_store_find(store, key);
    WEIR_ASSERT(entry);
    struct weir_sim_entry after = *entry;
    after.value = (uint8_t *)bytes;
    after.length = length;
    weir_sim_trace(store->sim, NULL, "store: %s is damaged", key);
    store->damaging = true;
    change(store, NULL, key, &after);
    store->damaging = false;
}

/* --- operations at the server --- */

static enum weir_store_outcome check_operation(
    const struct weir_sim_store *store, const struct weir_store_operation *operation)
{
    const struct weir_sim_entry *entry = weir_sim_store_find(store, operation->key);
    switch (operation->kind) {
    case WEIR_STORE_CHECK:
        if (operation->version == WEIR_STORE_VERSION_NONE) return entry ? WEIR_STORE_CONFLICT : WEIR_STORE_OK;
        if (!entry) return WEIR_STORE_NOT_FOUND;
        return operation->version == WEIR_STORE_VERSION_ANY || operation->version == entry->version
                   ? WEIR_STORE_OK
                   : WEIR_STORE_CONFLICT;
    case WEIR_STORE_CREATE:
    case WEIR_STORE_CREATE_EPHEMERAL: return entry ? WEIR_STORE_CONFLICT : WEIR_STORE_OK;
    case WEIR_STORE_SET:
    case WEIR_STORE_DELETE:
        if (!entry) return WEIR_STORE_NOT_FOUND;
        return operation->version == WEIR_STORE_VERSION_ANY || operation->version == entry->version
                   ? WEIR_STORE_OK
                   : WEIR_STORE_CONFLICT;
    default: return WEIR_STORE_OK;
    }
}

static void apply_operation(struct weir_sim_store *store, struct weir_sim_process *writer, uint64_t session,
    const struct weir_store_operation *operation)
{
    const struct weir_sim_entry *entry = weir_sim_store_find(store, operation->key);
    /* A store without transactions promises that no version of a key comes again, even when it was wiped. */
    uint64_t first = store->transactions ? 1 : 1 + (store->applied << 20);
    struct weir_sim_entry after = { .version = entry ? entry->version + 1 : first,
        .value = (uint8_t *)operation->value,
        .length = operation->length,
        .session = operation->kind == WEIR_STORE_CREATE_EPHEMERAL ? session
                   : entry                                        ? entry->session
                                                                  : 0 };
    if (operation->kind == WEIR_STORE_DELETE)
        change(store, writer, operation->key, NULL);
    else if (operation->kind >= WEIR_STORE_CREATE)
        change(store, writer, operation->key, &after);
}

enum weir_store_outcome weir_sim_store__apply(struct weir_sim_store *store, struct weir_sim_process *writer,
    uint64_t session, const struct weir_store_operation *operations, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        enum weir_store_outcome outcome = check_operation(store, &operations[i]);
        if (outcome != WEIR_STORE_OK) return outcome;
    }
    for (uint32_t i = 0; i < count; i++) apply_operation(store, writer, session, &operations[i]);
    return WEIR_STORE_OK;
}

/* --- answers --- */

static void add_entry(struct weir_arena *arena, struct weir_store_event *event, uint32_t *capacity,
    struct weir_store_entry entry)
{
    struct weir_store_entry *entries = (struct weir_store_entry *)(uintptr_t)event->entries;
    if (event->entry_count == *capacity) {
        uint32_t grown = *capacity ? *capacity * 2 : 4;
        struct weir_store_entry *more = WEIR_ARENA_ARRAY(arena, struct weir_store_entry, grown);
        if (entries) memcpy(more, entries, sizeof *more * event->entry_count);
        entries = more;
        *capacity = grown;
    }
    entries[event->entry_count++] = entry;
    event->entries = entries;
}

static struct weir_store_entry seen(const struct weir_sim_entry *entry, const char *key)
{
    if (!entry) return (struct weir_store_entry){ .key = key };
    return (struct weir_store_entry){
        .key = key, .found = true, .version = entry->version, .value = entry->value, .length = entry->length
    };
}

/* What key was at some moment of the last stale_max_us. */
static struct weir_store_entry seen_stale(struct weir_sim_store *store, const char *key)
{
    int64_t moment = weir_sim_now(store->sim) - weir_sim_random_range(&store->random, 0, store->stale_max_us);
    const struct weir_sim_old_entry *best = NULL;
    for (uint32_t i = 0; store->old && i < OLD_MAX; i++) {
        const struct weir_sim_old_entry *old = &store->old[i];
        if (!old->key || old->replaced_us <= moment || strcmp(old->key, key) != 0) continue;
        if (!best || old->replaced_us < best->replaced_us) best = old;
    }
    if (!best) return seen(weir_sim_store_find(store, key), key);
    weir_sim_cover(store->sim, WEIR_SIM_COVER_FAULT, "stale read");
    return (struct weir_store_entry){ .key = key,
        .found = best->found,
        .version = best->version,
        .value = best->value,
        .length = best->length };
}

static bool is_child(const char *parent, const char *key)
{
    size_t length = strlen(parent);
    return strncmp(parent, key, length) == 0 && key[length] == '/' && !strchr(key + length + 1, '/');
}

void weir_sim_store__answer(struct weir_sim_store *store, const struct weir_store_operation *operations,
    uint32_t count, struct weir_arena *arena, struct weir_store_event *ret)
{
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_store_operation *operation = &operations[i];
        switch (operation->kind) {
        case WEIR_STORE_READ:
        case WEIR_STORE_CREATE:
        case WEIR_STORE_CREATE_EPHEMERAL:
        case WEIR_STORE_SET:
            add_entry(
                arena, ret, &capacity, seen(weir_sim_store_find(store, operation->key), operation->key));
            break;
        case WEIR_STORE_READ_STALE:
            add_entry(arena, ret, &capacity, seen_stale(store, operation->key));
            break;
        case WEIR_STORE_LIST:
            for (uint32_t k = 0; k < store->entry_count; k++)
                if (is_child(operation->key, store->entries[k].key))
                    add_entry(arena, ret, &capacity, seen(&store->entries[k], store->entries[k].key));
            break;
        default: break;
        }
    }
}

/* --- life --- */

void weir_sim_store__end_session(struct weir_sim_store *store, uint64_t session)
{
    if (!session || store->ended[session]) return;
    store->ended[session] = true;
    end_session_entries(store, session);
    for (uint32_t i = 0; i < store->watch_count;) {
        if (store->watches[i].session != session) {
            i++;
            continue;
        }
        release_text(store->sim->memory, store->watches[i].key);
        store->watches[i] = store->watches[--store->watch_count];
    }
}

void weir_sim_store_init(
    struct weir_sim_store *store, struct weir_sim *sim, enum weir_sim_store_preset preset)
{
    *store = (struct weir_sim_store){ .sim = sim,
        .random = weir_sim_stream(sim, WEIR_SIM_STREAM_STORE),
        .preset = preset,
        .transactions = preset == WEIR_SIM_STORE_ZOOKEEPER,
        .session_timeout_us = preset == WEIR_SIM_STORE_ZOOKEEPER ? 1000000 : 1500000,
        .tick_us = 200000,
        .delay_min_us = preset == WEIR_SIM_STORE_ZOOKEEPER ? 150 : 20,
        .delay_max_us = preset == WEIR_SIM_STORE_ZOOKEEPER ? 2500 : 600,
        .late_max_us = 5000000,
        .stale_max_us = 0 };
}

void weir_sim_store_done(struct weir_sim_store *store)
{
    struct weir_memory *memory = store->sim->memory;
    for (uint32_t i = 0; i < store->entry_count; i++) {
        release_text(memory, store->entries[i].key);
        weir_memory_release(memory, store->entries[i].value, store->entries[i].length);
    }
    weir_memory_release(memory, store->entries, sizeof *store->entries * store->entry_capacity);
    for (uint32_t i = 0; store->old && i < OLD_MAX; i++) old_release(store, &store->old[i]);
    if (store->old) weir_memory_release(memory, store->old, sizeof *store->old * OLD_MAX);
    for (uint32_t i = 0; i < store->watch_count; i++) release_text(memory, store->watches[i].key);
    weir_memory_release(memory, store->watches, sizeof *store->watches * store->watch_capacity);
    for (uint32_t i = 0; i < WEIR_SIM_NODES_MAX; i++)
        weir_memory_release(memory, store->clients[i].pending,
            sizeof *store->clients[i].pending * store->clients[i].pending_capacity);
}
