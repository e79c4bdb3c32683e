/*
 * embedded: HA for the JobManagers of one host, on its local disk, without a server.
 *
 * Threads: workers carry out requests (fsync takes its time), a watcher tells of changes and deaths; all come
 * back through host->post(). Requests apply in order, but for those of different job records: a new leader
 * has thousands of these, and they know nothing of each other. The event loop beats: a loop that hangs loses
 * its lease.
 */
#define _GNU_SOURCE
#include "base/assert.h"
#include "late.h"
#include "os/file.h"
#include "os/log.h"
#include "presence.h"
#include "record_directory.h"
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    PATH_BYTES = 4096,
    EPHEMERAL_MAX = 4,
    WATCHES_MAX = 4096,
    CANDIDATES_MAX = 32,
    ENTRIES_MAX = 16384,
    WORKERS_MAX = 8, /* started when there is work for them */
    AT_ONCE_MAX = EMBEDDED_WRITES_MAX,
    LOOK_AHEAD_MAX = 256, /* requests looked at for one that may go now */
    ARM_TRIES_MAX = 8,
    LEASE_CHECK_MS = 100,
    LEASE_DEFAULT_MS = 3000
};
#define CANDIDATES "candidates/"
#define LOGGER     "weir.ha.embedded"
#define RECORDS    "jobs/"
#define EVERYTHING "records" /* the directory of all that is not ephemeral */

struct request {
    struct request *next;
    uint64_t number;
    struct weir_ha_operation operation;
    char *key;
    uint64_t key_hash;
    uint8_t *value;
};

/* What a worker carries out at a time: one request, or writes (or reads) of as many jobs' records. */
struct batch {
    struct request *requests[AT_ONCE_MAX];
    uint32_t count;
};

struct ephemeral {
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    struct embedded_presence presence;
};

struct watch {
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    bool armed;
    int descriptor; /* inotify; -1: none yet (the directory is not there) */
};

/* A candidate of another process that the watcher follows. */
struct candidate {
    char name[WEIR_HA_KEY_BYTES_MAX + 1];
    int process_descriptor; /* pidfd */
    uint64_t process;
    bool was_present;
    struct weir_buffer value;
};

struct weir_ha_session {
    struct weir_ha_config config;
    char root[PATH_BYTES];
    uint64_t lease_ns;
    _Atomic bool write_failed; /* and that was told */
    pthread_t workers[WORKERS_MAX], watcher;
    uint32_t workers_started; /* the loop's */
    bool watcher_started;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t condition;
    struct request *first, **last;
    const struct request *under_way[WORKERS_MAX * AT_ONCE_MAX];
    uint32_t queued_count, under_way_count, idle_workers;
    struct embedded_late late;
    bool closing;
    struct watch *watches;
    uint32_t watch_count;
    struct ephemeral ephemerals[EPHEMERAL_MAX];
    uint32_t ephemeral_count;
    uint64_t last_beat_ns;
    int wake_descriptor, notify_descriptor;
    struct candidate candidates[CANDIDATES_MAX]; /* the watcher's own */
    uint32_t candidate_count;
    _Atomic bool closed;         /* what was posted is told no more */
    _Atomic uint32_t references; /* posts under way + the owner */
};

/* --- back to the loop --- */

enum message_kind { MESSAGE_DONE, MESSAGE_CHANGED, MESSAGE_DIED, MESSAGE_CONNECTED };

struct message {
    struct message *next; /* posted together with it, told behind it */
    struct weir_ha_session *session;
    enum message_kind kind;
    uint64_t request;
    enum weir_ha_outcome outcome;
    struct weir_ha_entry *entries;
    uint32_t entry_count;
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    struct weir_arena arena;
    const uint8_t *value;
    size_t length;
};

static void session_release(struct weir_ha_session *session)
{
    if (atomic_fetch_sub(&session->references, 1) != 1) return;
    struct weir_memory *memory = session->config.memory;
    weir_memory_release(memory, session->watches, sizeof *session->watches * WATCHES_MAX);
    pthread_mutex_destroy(&session->mutex);
    pthread_cond_destroy(&session->condition);
    weir_memory_release(memory, session, sizeof *session);
}

static void tell(struct weir_ha_session *session, const struct message *message)
{
    struct weir_ha_host *host = session->config.host;
    switch (message->kind) {
    case MESSAGE_DONE:
        host->done(host, message->request, message->outcome, message->entries, message->entry_count);
        break;
    case MESSAGE_CHANGED: host->changed(host, message->key); break;
    case MESSAGE_DIED: host->died(host, message->key, message->value, message->length); break;
    case MESSAGE_CONNECTED: host->state(host, WEIR_HA_CONNECTED, (int64_t)(session->lease_ns / 1000)); break;
    }
}

static void deliver(void *argument)
{
    struct message *message = argument;
    struct weir_ha_session *session = message->session;
    while (message) {
        struct message *next = message->next;
        if (!atomic_load(&session->closed)) tell(session, message);
        weir_arena_done(&message->arena);
        weir_memory_release(session->config.memory, message, sizeof *message);
        message = next;
    }
    session_release(session);
}

static struct message *new_message(struct weir_ha_session *session, enum message_kind kind, const char *key)
{
    struct message *message = weir_memory_allocate_zeroed(session->config.memory, sizeof *message);
    message->session = session;
    message->kind = kind;
    weir_arena_init(&message->arena, session->config.memory);
    snprintf(message->key, sizeof message->key, "%s", key);
    return message;
}

static void post(struct message *message)
{
    atomic_fetch_add(&message->session->references, 1);
    message->session->config.host->post(message->session->config.host, deliver, message);
}

/* --- keys --- */

static bool key_is_valid(const char *key)
{
    size_t length = strlen(key);
    if (!length || length > WEIR_HA_KEY_BYTES_MAX || key[0] == '/' || key[length - 1] == '/') return false;
    for (const char *at = key; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                     strchr("-_.:", *at);
        if (!plain && *at != '/') return false;
        if ((*at == '.' || *at == '/') && (at == key || at[-1] == '/')) return false;
    }
    return true;
}

static bool is_ephemeral(const char *key)
{
    return strncmp(key, CANDIDATES, sizeof CANDIDATES - 1) == 0;
}

static void key_path(const struct weir_ha_session *session, const char *key, char path[PATH_BYTES])
{
    if (is_ephemeral(key))
        snprintf(path, PATH_BYTES, "%.3800s/candidates", session->root);
    else
        snprintf(path, PATH_BYTES, "%.3800s/" EVERYTHING "/%.255s", session->root, key);
}

/* --- the worker --- */

static void add_entry(
    struct message *message, const char *key, bool found, uint64_t version, struct weir_buffer *value)
{
    uint32_t at = message->entry_count++;
    if ((at & (at - 1)) == 0) { /* grows at powers of two */
        struct weir_ha_entry *entries =
            WEIR_ARENA_ARRAY(&message->arena, struct weir_ha_entry, at ? at * 2 : 1);
        if (at) memcpy(entries, message->entries, sizeof *entries * at);
        message->entries = entries;
    }
    message->entries[at] = (struct weir_ha_entry){ .key = weir_arena_string(&message->arena, key),
        .found = found,
        .version = version,
        .value = value ? (const uint8_t *)weir_arena_copy(&message->arena, value->data, value->length) : NULL,
        .length = value ? value->length : 0 };
}

static enum weir_ha_outcome read_one(
    struct weir_ha_session *session, const char *key, struct message *message, struct weir_error *reterr)
{
    struct weir_buffer value;
    weir_buffer_init(&value, session->config.memory, EMBEDDED_VALUE_BYTES_MAX + 1);
    char path[PATH_BYTES];
    key_path(session, key, path);
    enum weir_ha_outcome outcome;
    uint64_t version = 0;
    if (is_ephemeral(key)) {
        struct embedded_sighting sighting;
        outcome = embedded_presence_look(
            path, key + sizeof CANDIDATES - 1, session->lease_ns, &value, &sighting, reterr);
        if (outcome == WEIR_HA_OK && !sighting.present) outcome = WEIR_HA_NOT_FOUND;
        version = sighting.present;
    } else {
        outcome = embedded_key_read(path, &value, &version, reterr);
    }
    if (outcome == WEIR_HA_OK) add_entry(message, key, true, version, &value);
    if (outcome == WEIR_HA_NOT_FOUND) {
        add_entry(message, key, false, 0, NULL);
        outcome = WEIR_HA_OK;
    }
    weir_buffer_done(&value);
    return outcome;
}

/* Children of a directory of records, or of candidates. */
static enum weir_ha_outcome list_children(
    struct weir_ha_session *session, const char *key, struct message *message, struct weir_error *reterr)
{
    char path[PATH_BYTES], child[PATH_BYTES];
    bool candidates = strcmp(key, "candidates") == 0;
    if (candidates)
        key_path(session, CANDIDATES, path);
    else
        key_path(session, key, path);
    DIR *stream = opendir(path);
    if (!stream) return errno == ENOENT ? WEIR_HA_OK : WEIR_HA_UNAVAILABLE;
    enum weir_ha_outcome outcome = WEIR_HA_OK;
    const struct dirent *entry;
    while (outcome == WEIR_HA_OK && message->entry_count < ENTRIES_MAX) {
        errno = 0;
        entry = readdir(stream);
        if (!entry && errno) outcome = WEIR_HA_UNAVAILABLE;
        if (!entry) break;
        size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.') continue;
        if (candidates) {
            if (length <= 5 || strcmp(entry->d_name + length - 5, ".lock") != 0) continue;
            length -= 5;
        }
        snprintf(child, sizeof child, "%.255s/%.*s", key, (int)length, entry->d_name);
        if (!key_is_valid(child)) continue;
        outcome = read_one(session, child, message, reterr);
        if (outcome == WEIR_HA_OK && !message->entries[message->entry_count - 1].found)
            message->entry_count--;
    }
    closedir(stream);
    return outcome;
}

static struct ephemeral *find_ephemeral(struct weir_ha_session *session, const char *key)
{
    for (uint32_t i = 0; i < session->ephemeral_count; i++)
        if (strcmp(session->ephemerals[i].key, key) == 0) return &session->ephemerals[i];
    return NULL;
}

static enum weir_ha_outcome create_ephemeral(struct weir_ha_session *session, const struct request *request,
    struct message *message, struct weir_error *reterr)
{
    if (!is_ephemeral(request->key)) {
        weir_error_set(reterr, WEIR_E_ARGUMENT,
            "the embedded HA driver keeps ephemeral entries below %s only, not %s", CANDIDATES, request->key);
        return WEIR_HA_UNAVAILABLE;
    }
    char directory[PATH_BYTES];
    key_path(session, request->key, directory);
    pthread_mutex_lock(&session->mutex);
    struct ephemeral *ephemeral = find_ephemeral(session, request->key);
    enum weir_ha_outcome outcome;
    if (ephemeral && embedded_presence_is_held(&ephemeral->presence)) {
        outcome = WEIR_HA_CONFLICT;
    } else if (!ephemeral && session->ephemeral_count == EPHEMERAL_MAX) {
        outcome = WEIR_HA_UNAVAILABLE;
    } else {
        if (!ephemeral) ephemeral = &session->ephemerals[session->ephemeral_count++];
        snprintf(ephemeral->key, sizeof ephemeral->key, "%s", request->key);
        outcome =
            embedded_presence_take(&ephemeral->presence, directory, request->key + sizeof CANDIDATES - 1,
                request->operation.value, request->operation.length, reterr);
    }
    pthread_mutex_unlock(&session->mutex);
    if (outcome == WEIR_HA_OK) add_entry(message, request->key, true, 1, NULL);
    return outcome;
}

static enum weir_ha_outcome delete_ephemeral(struct weir_ha_session *session, const char *key)
{
    pthread_mutex_lock(&session->mutex);
    struct ephemeral *ephemeral = find_ephemeral(session, key);
    bool held = ephemeral && embedded_presence_is_held(&ephemeral->presence);
    if (held) embedded_presence_drop(&ephemeral->presence);
    pthread_mutex_unlock(&session->mutex);
    return held ? WEIR_HA_OK : WEIR_HA_NOT_FOUND;
}

static enum weir_ha_outcome check_one(struct weir_ha_session *session, const struct request *request,
    struct message *message, struct weir_error *reterr)
{
    enum weir_ha_outcome outcome = read_one(session, request->key, message, reterr);
    if (outcome != WEIR_HA_OK) return outcome;
    const struct weir_ha_entry *entry = &message->entries[--message->entry_count];
    uint64_t wanted = request->operation.version;
    bool good = wanted == WEIR_HA_VERSION_NONE ? !entry->found
                                               : entry->found && (!wanted || wanted == entry->version);
    return good ? WEIR_HA_OK : WEIR_HA_CONFLICT;
}

static enum weir_ha_outcome write_one(struct weir_ha_session *session, const struct request *request,
    struct message *message, struct weir_error *reterr)
{
    char path[PATH_BYTES];
    key_path(session, request->key, path);
    bool create = request->operation.kind == WEIR_HA_CREATE;
    uint64_t version;
    enum weir_ha_outcome outcome = embedded_key_write(path, create ? 0 : request->operation.version,
        request->operation.value, request->operation.length, &version, reterr);
    if (outcome == WEIR_HA_OK) add_entry(message, request->key, true, version, NULL);
    return outcome;
}

static enum weir_ha_outcome carry_out(struct weir_ha_session *session, const struct request *request,
    struct message *message, struct weir_error *reterr)
{
    if (!key_is_valid(request->key)) {
        weir_error_set(
            reterr, WEIR_E_ARGUMENT, "'%s' is no key: expected letters, digits, - _ . : and /", request->key);
        return WEIR_HA_UNAVAILABLE;
    }
    char path[PATH_BYTES];
    key_path(session, request->key, path);
    switch (request->operation.kind) {
    case WEIR_HA_CHECK: return check_one(session, request, message, reterr);
    case WEIR_HA_READ:
    case WEIR_HA_READ_STALE: return read_one(session, request->key, message, reterr);
    case WEIR_HA_LIST: return list_children(session, request->key, message, reterr);
    case WEIR_HA_CREATE:
    case WEIR_HA_SET: return write_one(session, request, message, reterr);
    case WEIR_HA_CREATE_EPHEMERAL: return create_ephemeral(session, request, message, reterr);
    case WEIR_HA_DELETE:
        return is_ephemeral(request->key) ? delete_ephemeral(session, request->key)
                                          : embedded_key_delete(path, request->operation.version, reterr);
    }
    return WEIR_HA_UNAVAILABLE;
}

static void free_request(struct weir_ha_session *session, struct request *request)
{
    weir_memory_release(session->config.memory, request->key, strlen(request->key) + 1);
    weir_memory_release(session->config.memory, request->value, request->operation.length + 1);
    weir_memory_release(session->config.memory, request, sizeof *request);
}

/* Of one job and of nothing else. */
static bool is_of_one_job(const struct request *request)
{
    return strncmp(request->key, RECORDS, sizeof RECORDS - 1) == 0;
}

static bool is_same_key(const struct request *one, const struct request *other)
{
    return one->key_hash == other->key_hash && strcmp(one->key, other->key) == 0;
}

/* Whether it may go beside what is under way. */
static bool may_go(const struct weir_ha_session *session, const struct request *request)
{
    if (session->under_way_count && !is_of_one_job(request)) return false;
    for (uint32_t i = 0; i < session->under_way_count; i++) {
        const struct request *other = session->under_way[i];
        if (!is_of_one_job(other) || is_same_key(request, other)) return false;
    }
    return true;
}

static bool is_read(const struct request *request)
{
    return request->operation.kind == WEIR_HA_READ || request->operation.kind == WEIR_HA_READ_STALE;
}

/* A read of a job's record, or a write of one that is there: several go together, writes with one file. */
static bool may_share(const struct request *request)
{
    bool set = request->operation.kind == WEIR_HA_SET && request->operation.version;
    return (set || is_read(request)) && is_of_one_job(request) && key_is_valid(request->key);
}

static bool goes_with(const struct batch *batch, const struct request *request)
{
    return !batch->count || (may_share(request) && is_read(request) == is_read(batch->requests[0]));
}

static void take(struct weir_ha_session *session, struct request **at, struct batch *batch)
{
    struct request *request = *at;
    *at = request->next;
    if (!*at) session->last = at;
    session->queued_count--;
    session->under_way[session->under_way_count++] = request;
    batch->requests[batch->count++] = request;
}

/* The first request that may go now, taken from the queue, and those that can go together with it; one that
 * may not go holds up those behind it, unless all of them are of jobs of their own. With the mutex held. */
static bool take_batch(struct weir_ha_session *session, struct batch *batch)
{
    uint32_t most = WEIR_MIN(session->queued_count / WORKERS_MAX + 1, (uint32_t)AT_ONCE_MAX);
    struct request **at = &session->first, *request;
    batch->count = 0;
    for (uint32_t i = 0; i < LOOK_AHEAD_MAX && batch->count < most && (request = *at); i++) {
        if (at != &session->first && !is_of_one_job(request)) break;
        if (!goes_with(batch, request)) break; /* those behind it may be of its job */
        if (may_go(session, request)) {
            take(session, at, batch);
            if (!may_share(request)) break;
        } else {
            if (!is_of_one_job(request)) break;
            at = &request->next;
        }
    }
    return batch->count;
}

static void end_batch(struct weir_ha_session *session, struct batch *batch)
{
    pthread_mutex_lock(&session->mutex);
    for (uint32_t done = 0; done < batch->count; done++) {
        uint32_t i = 0;
        while (session->under_way[i] != batch->requests[done]) i++;
        session->under_way[i] = session->under_way[--session->under_way_count];
    }
    pthread_mutex_unlock(&session->mutex);
    for (uint32_t i = 0; i < batch->count; i++) free_request(session, batch->requests[i]);
}

/* Takes over the file. */
static void sync_later(
    struct weir_ha_session *session, int descriptor, const struct embedded_write *writes, uint32_t count)
{
    struct embedded_late_batch *late =
        embedded_late_batch_new(session->config.memory, descriptor, writes, count);
    pthread_mutex_lock(&session->mutex);
    bool kept = embedded_late_add(&session->late, late);
    pthread_mutex_unlock(&session->mutex);
    if (!kept) embedded_late_batch_sync(late);
}

static void carry_out_late(struct weir_ha_session *session, struct embedded_late_batch *late)
{
    embedded_late_batch_sync(late);
    pthread_mutex_lock(&session->mutex);
    session->late.under_way = false;
    pthread_mutex_unlock(&session->mutex);
}

static void write_shared(struct weir_ha_session *session, const struct batch *batch,
    struct message *messages[AT_ONCE_MAX], struct weir_error *reterr)
{
    struct embedded_write writes[AT_ONCE_MAX];
    char path[PATH_BYTES];
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct request *request = batch->requests[i];
        key_path(session, request->key, path);
        writes[i] = (struct embedded_write){ .directory = weir_arena_string(&messages[i]->arena, path),
            .expected = request->operation.version,
            .value = request->value,
            .length = request->operation.length,
            .relaxed = request->operation.relaxed };
    }
    snprintf(path, sizeof path, "%.3800s/" EVERYTHING, session->root);
    int descriptor = embedded_keys_write(path, writes, batch->count, reterr);
    if (descriptor >= 0) sync_later(session, descriptor, writes, batch->count);
    for (uint32_t i = 0; i < batch->count; i++) {
        messages[i]->outcome = writes[i].outcome;
        if (writes[i].outcome == WEIR_HA_OK)
            add_entry(messages[i], batch->requests[i]->key, true, writes[i].version, NULL);
    }
}

/* What cannot be written is tried again by whoever wants it, for as long as it takes: told once, and when it
 * can. */
static void tell_writes(struct weir_ha_session *session, const struct batch *batch,
    struct message *const messages[AT_ONCE_MAX], const struct weir_error *error)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct request *request = batch->requests[i];
        if (is_read(request) || request->operation.kind == WEIR_HA_LIST ||
            request->operation.kind == WEIR_HA_CHECK)
            continue;
        if (messages[i]->outcome == WEIR_HA_UNAVAILABLE && error->code) {
            if (!atomic_exchange(&session->write_failed, true))
                weir_log(WEIR_LOG_ERROR, LOGGER, "%s cannot be written, which is tried again: %s",
                    request->key, error->message);
        } else if (messages[i]->outcome == WEIR_HA_OK) {
            if (atomic_exchange(&session->write_failed, false))
                weir_log(WEIR_LOG_INFO, LOGGER, "%s can be written again", session->root);
        }
    }
}

static void carry_out_batch(struct weir_ha_session *session, const struct batch *batch)
{
    struct message *messages[AT_ONCE_MAX];
    for (uint32_t i = 0; i < batch->count; i++) {
        messages[i] = new_message(session, MESSAGE_DONE, batch->requests[i]->key);
        messages[i]->request = batch->requests[i]->number;
    }
    struct weir_error error = { 0 };
    if (batch->count > 1 && !is_read(batch->requests[0]))
        write_shared(session, batch, messages, &error);
    else
        for (uint32_t i = 0; i < batch->count; i++)
            messages[i]->outcome = carry_out(session, batch->requests[i], messages[i], &error);
    tell_writes(session, batch, messages, &error);
    for (uint32_t i = 1; i < batch->count; i++) messages[i - 1]->next = messages[i];
    post(messages[0]);
}

/* Whoever has taken something wakes another one when there is more. */
static void *worker_main(void *argument)
{
    struct weir_ha_session *session = argument;
    for (;;) {
        struct batch batch;
        struct embedded_late_batch *late = NULL;
        pthread_mutex_lock(&session->mutex);
        session->idle_workers++;
        while (!take_batch(session, &batch) && !(session->closing && !session->first) &&
               (session->closing || !(late = embedded_late_take(&session->late))))
            pthread_cond_wait(&session->condition, &session->mutex);
        session->idle_workers--;
        bool ended = !batch.count && !late;
        if (ended || (session->first && session->idle_workers)) pthread_cond_signal(&session->condition);
        pthread_mutex_unlock(&session->mutex);
        if (ended) return NULL;
        if (late) {
            carry_out_late(session, late);
        } else {
            carry_out_batch(session, &batch);
            end_batch(session, &batch);
        }
    }
}

/* --- the watcher --- */

static int open_process(uint64_t process)
{
    return (int)syscall(SYS_pidfd_open, (pid_t)process, 0);
}

static struct candidate *find_candidate(struct weir_ha_session *session, const char *name)
{
    for (uint32_t i = 0; i < session->candidate_count; i++)
        if (strcmp(session->candidates[i].name, name) == 0) return &session->candidates[i];
    return NULL;
}

static void tell_candidate(struct weir_ha_session *session, const struct candidate *candidate, bool died)
{
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    snprintf(key, sizeof key, CANDIDATES "%.200s", candidate->name);
    if (died) {
        struct message *message = new_message(session, MESSAGE_DIED, key);
        message->value = (const uint8_t *)weir_arena_copy(
            &message->arena, candidate->value.data ? candidate->value.data : "", candidate->value.length);
        message->length = candidate->value.length;
        post(message);
    }
    post(new_message(session, MESSAGE_CHANGED, key));
    post(new_message(session, MESSAGE_CHANGED, "candidates"));
}

/* A slot of its own, or that of one that has ended. NULL: more are alive than anybody runs. */
static struct candidate *add_candidate(struct weir_ha_session *session, const char *name)
{
    struct candidate *candidate = session->candidates;
    struct candidate *end = candidate + session->candidate_count;
    while (candidate < end && (candidate->was_present || candidate->process)) candidate++;
    if (candidate == end) {
        if (session->candidate_count == CANDIDATES_MAX) return NULL;
        session->candidate_count++;
        weir_buffer_init(&candidate->value, session->config.memory, WEIR_HA_VALUE_BYTES_MAX + 1);
        candidate->process_descriptor = -1;
    }
    snprintf(candidate->name, sizeof candidate->name, "%s", name);
    candidate->process = 0;
    candidate->was_present = false;
    return candidate;
}

/* Looks at one candidate; follows its process from the first time on. */
static void look_at(struct weir_ha_session *session, const char *directory, const char *name)
{
    struct candidate *candidate = find_candidate(session, name);
    struct embedded_sighting sighting;
    struct weir_buffer value;
    weir_buffer_init(&value, session->config.memory, WEIR_HA_VALUE_BYTES_MAX + 1);
    if (embedded_presence_look(directory, name, session->lease_ns, &value, &sighting, NULL) != WEIR_HA_OK) {
        weir_buffer_done(&value);
        return; /* again in a moment */
    }
    if (!sighting.locked) embedded_presence_sweep(directory, name);
    if (!candidate && sighting.locked) candidate = add_candidate(session, name);
    if (candidate && sighting.present) {
        weir_buffer_clear(&candidate->value);
        weir_buffer_append(&candidate->value, value.data, value.length);
    }
    weir_buffer_done(&value);
    if (!candidate) return;
    if (!sighting.locked && candidate->process_descriptor < 0) candidate->process = 0;
    if (sighting.locked && sighting.process != candidate->process) {
        if (candidate->process_descriptor >= 0) close(candidate->process_descriptor);
        candidate->process = sighting.process;
        candidate->process_descriptor =
            sighting.process == (uint64_t)getpid() ? -1 : open_process(sighting.process);
    }
    if (sighting.present != candidate->was_present) {
        candidate->was_present = sighting.present;
        tell_candidate(session, candidate, false);
    }
}

static void look_at_all(struct weir_ha_session *session)
{
    char directory[PATH_BYTES];
    key_path(session, CANDIDATES, directory);
    DIR *stream = opendir(directory);
    if (!stream) return;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        size_t length = strlen(entry->d_name);
        if (length <= 5 || length > 200 || strcmp(entry->d_name + length - 5, ".lock") != 0) continue;
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)length - 5, entry->d_name);
        look_at(session, directory, name);
    }
    closedir(stream);
    for (uint32_t i = 0; i < session->candidate_count; i++) { /* whose file is gone */
        struct candidate *candidate = &session->candidates[i];
        if (candidate->was_present) look_at(session, directory, candidate->name);
    }
}

/* Whoever still has the lock lives: in a container processes have other numbers, and the one that had this
 * number here was another one. It is not followed any more; its lock and its lease say how it is. */
static bool is_namesake(struct weir_ha_session *session, const struct candidate *candidate)
{
    char directory[PATH_BYTES];
    struct embedded_sighting sighting;
    key_path(session, CANDIDATES, directory);
    return embedded_presence_look(directory, candidate->name, session->lease_ns, NULL, &sighting, NULL) !=
               WEIR_HA_OK ||
           sighting.locked;
}

static void process_died(struct weir_ha_session *session, struct candidate *candidate)
{
    close(candidate->process_descriptor);
    candidate->process_descriptor = -1;
    if (is_namesake(session, candidate)) return;
    bool told = candidate->was_present;
    candidate->was_present = false;
    candidate->process = 0;
    if (told) tell_candidate(session, candidate, true);
}

/* The directory of a watched key, or its nearest parent while it is not there. With the mutex held. */
static void arm_watch(struct weir_ha_session *session, struct watch *watch)
{
    char path[PATH_BYTES], missing[PATH_BYTES];
    bool came = false, again = true;
    if (watch->descriptor >= 0 || is_ephemeral(watch->key)) return;
    for (uint32_t i = 0; i < ARM_TRIES_MAX && again; i++) {
        key_path(session, watch->key, path);
        missing[0] = '\0';
        while ((watch->descriptor = inotify_add_watch(session->notify_descriptor, path,
                    IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR)) < 0) {
            char *slash = strrchr(path, '/');
            if (errno != ENOENT || !slash || strlen(path) <= strlen(session->root)) break;
            snprintf(missing, sizeof missing, "%s", path);
            *slash = '\0';
        }
        /* Made before its parent was watched: nobody will tell of that, nor of what is in it. */
        again = watch->descriptor >= 0 && missing[0] && access(missing, F_OK) == 0;
        came |= again;
    }
    if (!came || !watch->armed) return;
    post(new_message(session, MESSAGE_CHANGED, watch->key));
    watch->armed = false;
    watch->descriptor = -1;
}

static void arm_watches(struct weir_ha_session *session)
{
    pthread_mutex_lock(&session->mutex);
    for (uint32_t i = 0; i < session->watch_count; i++) arm_watch(session, &session->watches[i]);
    pthread_mutex_unlock(&session->mutex);
}

static void notify_changes(struct weir_ha_session *session)
{
    _Alignas(struct inotify_event) char bytes[16384];
    ssize_t got = read(session->notify_descriptor, bytes, sizeof bytes);
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const struct inotify_event *)(bytes + at);
        at += (ssize_t)(sizeof *event + event->len);
        pthread_mutex_lock(&session->mutex);
        for (uint32_t i = 0; i < session->watch_count; i++) {
            struct watch *watch = &session->watches[i];
            bool overflow = event->mask & IN_Q_OVERFLOW;
            if (watch->descriptor != event->wd && !overflow) continue;
            if (event->len && strncmp(event->name, ".tmp-", 5) == 0) continue;
            if (watch->armed) post(new_message(session, MESSAGE_CHANGED, watch->key));
            watch->armed = false; /* once: asked for again by WATCH */
            watch->descriptor = -1;
        }
        pthread_mutex_unlock(&session->mutex);
    }
}

static void *watcher_main(void *argument)
{
    struct weir_ha_session *session = argument;
    for (;;) {
        pthread_mutex_lock(&session->mutex);
        bool closing = session->closing;
        pthread_mutex_unlock(&session->mutex);
        if (closing) return NULL;
        look_at_all(session);
        arm_watches(session);
        struct pollfd polled[CANDIDATES_MAX + 2] = { { .fd = session->wake_descriptor, .events = POLLIN },
            { .fd = session->notify_descriptor, .events = POLLIN } };
        for (uint32_t i = 0; i < session->candidate_count; i++)
            polled[2 + i] =
                (struct pollfd){ .fd = session->candidates[i].process_descriptor, .events = POLLIN };
        uint32_t candidates = session->candidate_count;
        if (poll(polled, 2 + candidates, LEASE_CHECK_MS) <= 0) continue;
        if (polled[0].revents) {
            uint64_t counter;
            ssize_t got = read(session->wake_descriptor, &counter, sizeof counter);
            (void)got;
        }
        if (polled[1].revents) notify_changes(session);
        for (uint32_t i = 0; i < candidates; i++)
            if (polled[2 + i].fd >= 0 && polled[2 + i].revents)
                process_died(session, &session->candidates[i]);
    }
}

static void wake_watcher(struct weir_ha_session *session)
{
    uint64_t one = 1;
    ssize_t wrote = write(session->wake_descriptor, &one, sizeof one);
    (void)wrote;
}

/* --- what is refused --- */

static enum weir_error_code refuse_network(const char *path, struct weir_error *reterr)
{
    static const struct {
        long type;
        const char *name;
    } network[] = { { 0x6969, "NFS" }, { 0xFF534D42, "CIFS" }, { 0xFE534D42, "SMB" }, { 0x01021997, "9p" },
        { 0x65735546, "FUSE" }, { 0x00C36400, "Ceph" }, { 0x0BD00BD0, "Lustre" }, { 0x47504653, "GPFS" } };
    struct statfs status;
    if (statfs(path, &status) != 0) return weir_os_error_set(reterr, errno, "cannot look at %s", path);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(network); i++) {
        if ((long)(uint32_t)status.f_type == network[i].type)
            return weir_error_set(reterr, WEIR_E_CONFIGURATION,
                "high-availability.type: embedded cannot keep its records in %s: that is a network file "
                "system (%s); "
                "it needs a local disk, or use high-availability.type: zookeeper",
                path, network[i].name);
    }
    return WEIR_OK;
}

/* A directory belongs to one machine: locks and leases mean nothing across two. */
static enum weir_error_code check_machine(const char *root, struct weir_error *reterr)
{
    char machine[128] = "", kept[128] = "", path[PATH_BYTES];
    FILE *file = fopen("/etc/machine-id", "re");
    if (!file) return WEIR_OK; /* nothing to compare */
    bool known = fgets(machine, sizeof machine, file) != NULL;
    fclose(file);
    snprintf(path, sizeof path, "%.3800s/machine-id", root);
    file = fopen(path, "re");
    if (file) {
        bool read = fgets(kept, sizeof kept, file) != NULL;
        fclose(file);
        if (known && read && strcmp(machine, kept) != 0)
            return weir_error_set(reterr, WEIR_E_CONFIGURATION,
                "the HA directory %s belongs to another machine (its machine-id is %.32s, this one's is "
                "%.32s): "
                "high-availability.type: embedded works on one host only",
                root, kept, machine);
        return WEIR_OK;
    }
    return known ? weir_file_write(path, machine, strlen(machine), reterr) : WEIR_OK;
}

/* --- the driver --- */

static const struct weir_option_definition options[] = {
    { .key = "high-availability.embedded.lease",
        .type = "Duration",
        .default_value = "3 s",
        .description = "A JobManager whose event loop shows no life for so long may be replaced." },
};

static enum weir_error_code open_descriptors(struct weir_ha_session *session, struct weir_error *reterr)
{
    session->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    session->notify_descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (session->wake_descriptor < 0 || session->notify_descriptor < 0)
        return weir_os_error_set(reterr, errno, "cannot watch %s", session->root);
    return WEIR_OK;
}

static void start_worker(struct weir_ha_session *session)
{
    session->workers_started +=
        pthread_create(&session->workers[session->workers_started], NULL, worker_main, session) == 0;
}

static void embedded_close(struct weir_ha_session *session);

static enum weir_error_code embedded_open(
    const struct weir_ha_config *config, struct weir_ha_session **ret, struct weir_error *reterr)
{
    struct weir_ha_session *session = weir_memory_allocate_zeroed(config->memory, sizeof *session);
    session->config = *config;
    session->wake_descriptor = session->notify_descriptor = -1;
    atomic_store(&session->references, 1);
    session->last = &session->first;
    embedded_late_init(&session->late);
    session->lease_ns = (uint64_t)LEASE_DEFAULT_MS * 1000000;
    for (uint32_t i = 0; i < config->option_count; i++)
        if (strcmp(config->options[i].key, "high-availability.embedded.lease") == 0)
            session->lease_ns =
                strtoull(config->options[i].value, NULL, 10) * 1000000; /* ms, checked before */
    session->watches = weir_memory_allocate_zeroed(config->memory, sizeof *session->watches * WATCHES_MAX);
    pthread_mutex_init(&session->mutex, NULL);
    pthread_cond_init(&session->condition, NULL);
    snprintf(session->root, sizeof session->root, "%.3500s/%.255s", config->directory,
        config->cluster[0] == '/' ? config->cluster + 1 : config->cluster);
    char path[PATH_BYTES];
    key_path(session, CANDIDATES, path);
    enum weir_error_code code = weir_directory_create(path, reterr);
    snprintf(path, sizeof path, "%.3800s/" EVERYTHING, session->root);
    if (!code) code = weir_directory_create(path, reterr);
    if (!code) code = refuse_network(session->root, reterr);
    if (!code) code = check_machine(session->root, reterr);
    if (!code) code = open_descriptors(session, reterr);
    if (!code) {
        start_worker(session);
        session->watcher_started = pthread_create(&session->watcher, NULL, watcher_main, session) == 0;
        if (!session->workers_started || !session->watcher_started)
            code = weir_error_set(reterr, WEIR_E_IO, "cannot start the threads of the embedded HA driver");
    }
    if (code) {
        embedded_close(session);
        return code;
    }
    session->last_beat_ns = embedded_boot_time_ns();
    post(new_message(session, MESSAGE_CONNECTED, ""));
    *ret = session;
    return WEIR_OK;
}

static void embedded_submit(struct weir_ha_session *session, uint64_t number,
    const struct weir_ha_operation *operations, uint32_t operation_count)
{
    WEIR_ASSERT(operation_count == 1); /* it says that it has no transactions */
    struct weir_memory *memory = session->config.memory;
    struct request *request = weir_memory_allocate_zeroed(memory, sizeof *request);
    request->number = number;
    request->operation = operations[0];
    size_t key_bytes = strlen(operations[0].key) + 1;
    request->key = memcpy(weir_memory_allocate(memory, key_bytes), operations[0].key, key_bytes);
    request->value = weir_memory_allocate(memory, operations[0].length + 1);
    if (operations[0].length) memcpy(request->value, operations[0].value, operations[0].length);
    request->key_hash = XXH3_64bits(request->key, key_bytes);
    request->operation.key = request->key;
    request->operation.value = request->value;
    pthread_mutex_lock(&session->mutex);
    *session->last = request;
    session->last = &request->next;
    session->queued_count++;
    bool more_workers = session->queued_count > WORKERS_MAX && session->workers_started < WORKERS_MAX;
    pthread_cond_signal(&session->condition);
    pthread_mutex_unlock(&session->mutex);
    if (more_workers) start_worker(session);
}

static void embedded_watch(struct weir_ha_session *session, const char *key)
{
    pthread_mutex_lock(&session->mutex);
    uint32_t at = 0;
    while (at < session->watch_count && strcmp(session->watches[at].key, key) != 0) at++;
    if (at == session->watch_count && at < WATCHES_MAX) {
        session->watch_count++;
        snprintf(session->watches[at].key, sizeof session->watches[at].key, "%s", key);
        session->watches[at].descriptor = -1;
    }
    if (at < WATCHES_MAX) {
        /* Here and now: what changes from now on is told, and the watcher would come later. */
        session->watches[at].armed = true;
        arm_watch(session, &session->watches[at]);
    }
    pthread_mutex_unlock(&session->mutex);
    wake_watcher(session);
}

static void embedded_beat(struct weir_ha_session *session)
{
    uint64_t now_ns = embedded_boot_time_ns();
    bool late = now_ns - session->last_beat_ns > session->lease_ns;
    session->last_beat_ns = now_ns;
    pthread_mutex_lock(&session->mutex);
    for (uint32_t i = 0; i < session->ephemeral_count; i++) {
        struct embedded_presence *presence = &session->ephemerals[i].presence;
        if (late) embedded_presence_drop(presence); /* others were entitled to think it dead: a new session */
        if (presence->lease) atomic_store(&presence->lease->stamp_ns, now_ns);
    }
    if (embedded_late_is_due(&session->late)) pthread_cond_signal(&session->condition);
    pthread_mutex_unlock(&session->mutex);
    if (!late) return;
    struct weir_ha_host *host = session->config.host;
    host->state(host, WEIR_HA_LOST, 0);
    post(new_message(session, MESSAGE_CONNECTED, ""));
}

static void embedded_close(struct weir_ha_session *session)
{
    atomic_store(&session->closed, true);
    pthread_mutex_lock(&session->mutex);
    session->closing = true;
    pthread_cond_broadcast(&session->condition);
    pthread_mutex_unlock(&session->mutex);
    if (session->wake_descriptor >= 0) wake_watcher(session);
    for (uint32_t i = 0; i < session->workers_started; i++) pthread_join(session->workers[i], NULL);
    if (session->watcher_started) pthread_join(session->watcher, NULL);
    embedded_late_drop(&session->late); /* readers sync them */
    for (uint32_t i = 0; i < session->ephemeral_count; i++)
        embedded_presence_drop(&session->ephemerals[i].presence);
    for (uint32_t i = 0; i < session->candidate_count; i++) {
        if (session->candidates[i].process_descriptor >= 0) close(session->candidates[i].process_descriptor);
        weir_buffer_done(&session->candidates[i].value);
    }
    if (session->wake_descriptor >= 0) close(session->wake_descriptor);
    if (session->notify_descriptor >= 0) close(session->notify_descriptor);
    session_release(session);
}

const struct weir_ha_driver weir_ha_embedded = {
    .name = "embedded",
    .description = "JobManagers of one host, on its local disk, without a server.",
    .options = options,
    .option_count = WEIR_ARRAY_COUNT(options),
    .transactions = false,
    .open = embedded_open,
    .submit = embedded_submit,
    .watch = embedded_watch,
    .beat = embedded_beat,
    .close = embedded_close,
};
