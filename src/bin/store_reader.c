#include "store_reader.h"
#include "os/clock.h"
#include "os/memory.h"
#include "proto/codec.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS_MAX = 5000, STORAGE_WAIT_MS = 2000 };

struct posted {
    struct posted *next;
    void (*call)(void *argument);
    void *argument;
};

struct store_reader {
    struct weir_ha_host host;
    const struct weir_ha_driver *driver;
    struct weir_ha_session *session;
    pthread_mutex_t mutex; /* guards posted */
    pthread_cond_t condition;
    struct posted *posted, **posted_last;
    bool connected;
    /* The one request under way. */
    uint64_t request;
    bool answered;
    enum weir_ha_outcome outcome;
    struct weir_arena *arena;
    struct weir_ha_entry *entries;
    uint32_t entry_count;
};

/* --- what the driver calls --- */

static void host_post(struct weir_ha_host *host, void (*call)(void *), void *argument)
{
    struct store_reader *reader = host->owner;
    struct posted *posted = weir_memory_allocate(weir_os_memory(), sizeof *posted);
    *posted = (struct posted){ .call = call, .argument = argument };
    pthread_mutex_lock(&reader->mutex);
    *reader->posted_last = posted;
    reader->posted_last = &posted->next;
    pthread_cond_signal(&reader->condition);
    pthread_mutex_unlock(&reader->mutex);
}

static void host_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us)
{
    struct store_reader *reader = host->owner;
    (void)session_timeout_us;
    reader->connected = state == WEIR_HA_CONNECTED;
}

static void host_done(struct weir_ha_host *host, uint64_t request, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    struct store_reader *reader = host->owner;
    if (request != reader->request || reader->answered) return;
    reader->answered = true;
    reader->outcome = outcome;
    reader->entries = WEIR_ARENA_ARRAY(reader->arena, struct weir_ha_entry, entry_count + 1);
    reader->entry_count = 0;
    for (uint32_t i = 0; i < entry_count; i++) {
        if (!entries[i].found) continue;
        struct weir_ha_entry *to = &reader->entries[reader->entry_count++];
        *to = entries[i];
        to->key = weir_arena_string(reader->arena, entries[i].key);
        to->value = (const uint8_t *)weir_arena_copy(
            reader->arena, (const char *)entries[i].value, entries[i].length);
    }
}

static void host_changed(struct weir_ha_host *host, const char *key)
{
    (void)host;
    (void)key;
}

static void host_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length)
{
    (void)host;
    (void)key;
    (void)value;
    (void)length;
}

/* Runs what was posted until *until, or until the time is over. */
static bool pump(struct store_reader *reader, const bool *until, int64_t deadline_ms)
{
    while (!*until) {
        int64_t left_ms = deadline_ms - weir_clock_monotonic_ms();
        pthread_mutex_lock(&reader->mutex);
        if (!reader->posted && left_ms > 0) {
            struct timespec end;
            clock_gettime(CLOCK_MONOTONIC, &end);
            int64_t ns = end.tv_nsec + (left_ms % 1000) * 1000000;
            end.tv_sec += (time_t)(left_ms / 1000 + ns / 1000000000);
            end.tv_nsec = (long)(ns % 1000000000);
            pthread_cond_timedwait(&reader->condition, &reader->mutex, &end);
        }
        struct posted *posted = reader->posted;
        reader->posted = NULL;
        reader->posted_last = &reader->posted;
        pthread_mutex_unlock(&reader->mutex);
        if (!posted && left_ms <= 0) return false;
        while (posted) {
            struct posted *next = posted->next;
            posted->call(posted->argument);
            weir_memory_release(weir_os_memory(), posted, sizeof *posted);
            posted = next;
        }
    }
    return true;
}

/* --- reading --- */

/* ", quorum 127.0.0.1:2181", in the setup's arena. */
static const char *servers_of(const struct cluster_setup *setup)
{
    for (uint32_t i = 0; i < setup->ha_option_count; i++) {
        const char *dot = strrchr(setup->ha_options[i].key, '.');
        if (dot && strcmp(dot, ".quorum") == 0)
            return weir_arena_format(
                (struct weir_arena *)&setup->arena, ", quorum %s", setup->ha_options[i].value);
    }
    return "";
}

enum weir_error_code store_reader_open(
    const struct cluster_setup *setup, int64_t wait_ms, struct store_reader **ret, struct weir_error *reterr)
{
    if (strcmp(setup->ha->name, "embedded") == 0) { /* opening it would make the directory */
        char path[4096];
        snprintf(path, sizeof path, "%s/%s/records", setup->ha_directory, setup->cluster);
        if (access(path, R_OK) != 0)
            return weir_error_set(reterr, WEIR_E_NOT_FOUND, "no cluster '%s' has been in %s", setup->cluster,
                setup->ha_directory);
    }
    struct store_reader *reader = weir_memory_allocate_zeroed(weir_os_memory(), sizeof *reader);
    reader->host = (struct weir_ha_host){ .owner = reader,
        .post = host_post,
        .state = host_state,
        .done = host_done,
        .changed = host_changed,
        .died = host_died };
    reader->driver = setup->ha;
    reader->posted_last = &reader->posted;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&reader->mutex, NULL);
    pthread_cond_init(&reader->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    struct weir_ha_config config = { .memory = weir_os_memory(),
        .host = &reader->host,
        .cluster = setup->cluster,
        .directory = setup->ha_directory,
        .options = setup->ha_options,
        .option_count = setup->ha_option_count };
    enum weir_error_code code = reader->driver->open(&config, &reader->session, reterr);
    if (!code && !pump(reader, &reader->connected, weir_clock_monotonic_ms() + wait_ms))
        code = weir_error_set(reterr, WEIR_E_IO,
            "the coordination store (high-availability.type: %s%s) was not reached within %lld ms",
            reader->driver->name, servers_of(setup), (long long)wait_ms);
    if (code) {
        store_reader_close(reader);
        return code;
    }
    *ret = reader;
    return WEIR_OK;
}

enum weir_error_code store_reader_read(struct store_reader *reader, const char *key, bool children,
    struct weir_arena *arena, const struct weir_ha_entry **ret_entries, uint32_t *ret_count,
    struct weir_error *reterr)
{
    struct weir_ha_operation operation = { .kind = children ? WEIR_HA_LIST : WEIR_HA_READ, .key = key };
    reader->request++;
    reader->answered = false;
    reader->arena = arena;
    reader->driver->submit(reader->session, reader->request, &operation, 1);
    bool answered = pump(reader, &reader->answered, weir_clock_monotonic_ms() + ANSWER_MS_MAX);
    *ret_entries = reader->entries;
    *ret_count = answered ? reader->entry_count : 0;
    if (answered && (reader->outcome == WEIR_HA_OK || reader->outcome == WEIR_HA_NOT_FOUND)) return WEIR_OK;
    reader->request++; /* a late answer is nobody's */
    return weir_error_set(reterr, WEIR_E_IO,
        "the coordination store (high-availability.type: %s) did not answer for '%s'", reader->driver->name,
        key);
}

void store_reader_close(struct store_reader *reader)
{
    if (reader->session) reader->driver->close(reader->session);
    for (struct posted *posted = reader->posted, *next; posted; posted = next) {
        next = posted->next;
        posted->call(posted->argument); /* drivers free what they posted; a closed session calls nobody */
        weir_memory_release(weir_os_memory(), posted, sizeof *posted);
    }
    pthread_cond_destroy(&reader->condition);
    pthread_mutex_destroy(&reader->mutex);
    weir_memory_release(weir_os_memory(), reader, sizeof *reader);
}

/* --- who leads --- */

static void add_address(
    struct weir_arena *arena, const Weir__Node *node, const char **addresses, uint32_t most, uint32_t *count)
{
    if (!node || !node->rest_address[0] || *count == most) return;
    for (uint32_t i = 0; i < *count; i++)
        if (strcmp(addresses[i], node->rest_address) == 0) return;
    addresses[(*count)++] = weir_arena_string(arena, node->rest_address);
}

enum weir_error_code store_reader_rest_addresses(struct store_reader *reader, struct weir_arena *arena,
    const char **addresses, uint32_t most, uint32_t *ret_count, struct weir_error *reterr)
{
    const struct weir_ha_entry *entries;
    uint32_t count;
    ProtobufCMessage *message;
    *ret_count = 0;
    enum weir_error_code code = store_reader_read(reader, "leader", false, arena, &entries, &count, reterr);
    for (uint32_t i = 0; !code && i < count; i++)
        if (!weir_proto_decode(&weir__leader_record__descriptor, arena, entries[i].value, entries[i].length,
                WEIR_RECORD_BYTES_MAX, &message, NULL))
            add_address(arena, ((const Weir__LeaderRecord *)message)->holder, addresses, most, ret_count);
    if (!code) code = store_reader_read(reader, "candidates", true, arena, &entries, &count, reterr);
    for (uint32_t i = 0; !code && i < count; i++)
        if (!weir_proto_decode(&weir__node__descriptor, arena, entries[i].value, entries[i].length,
                WEIR_RECORD_BYTES_MAX, &message, NULL))
            add_address(arena, (const Weir__Node *)message, addresses, most, ret_count);
    return code;
}

/* --- whose cluster it is --- */

/* "file:///a/b" and "/a/b" are one place. */
static const char *plain(const char *path)
{
    if (strncmp(path, "file:", 5) == 0) path += 5;
    while (path[0] == '/' && path[1] == '/') path++;
    return path;
}

static bool agrees(const struct cluster_setup *setup, const struct weir_ha_entry *entry,
    struct weir_arena *arena, struct weir_error *reterr)
{
    ProtobufCMessage *message;
    if (weir_proto_decode(&weir__node__descriptor, arena, entry->value, entry->length, WEIR_RECORD_BYTES_MAX,
            &message, NULL))
        return true;
    const Weir__Node *node = (const Weir__Node *)message;
    if (!node->storage[0] || strcmp(plain(node->storage), plain(setup->storage_directory)) == 0) return true;
    weir_error_set(reterr, WEIR_E_CONFIGURATION,
        "another cluster uses the high-availability.cluster-id '%s' in this coordination store: its "
        "JobManager %s "
        "keeps jobs in %s, this one would in %s; expected another cluster-id, or the same "
        "high-availability.storageDir",
        setup->cluster, node->name, node->storage, setup->storage_directory);
    return false;
}

bool store_reader_storage_agrees(const struct cluster_setup *setup, struct weir_error *reterr)
{
    if (strcmp(setup->ha->name, "embedded") == 0) return true; /* it lies in the storage itself */
    struct store_reader *reader;
    struct weir_error ignored = { 0 };
    if (store_reader_open(setup, STORAGE_WAIT_MS, &reader, &ignored)) return true;
    struct weir_arena arena;
    weir_arena_init(&arena, weir_os_memory());
    const struct weir_ha_entry *entries;
    uint32_t count;
    bool good = true;
    if (!store_reader_read(reader, "candidates", true, &arena, &entries, &count, &ignored))
        for (uint32_t i = 0; good && i < count; i++) good = agrees(setup, &entries[i], &arena, reterr);
    store_reader_close(reader);
    weir_arena_done(&arena);
    return good;
}
