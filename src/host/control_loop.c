#include "host/control_loop.h"
#include "base/assert.h"
#include "host/rpc.h"
#include "host/timers.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    BEAT_MS = 100,
    INNER_PEERS_MAX = 8,
    TOLD_GONE_MAX = 16,
    BLOB_LIST_DEPTH_MAX = 16,
    BLOB_NAMES_MAX = 1 << 20
};

struct posted {
    struct posted *next;
    void (*call)(void *argument);
    void *argument;
};

struct inner_peer {
    weir_node node;
    void (*received)(void *owner, const Weir__Envelope *envelope);
    void *owner;
};

/* A request to the coordination store on its way. */
struct store_request {
    struct store_request *next;
    uint64_t number;
    struct weir_tag tag;
};

struct weir_control_loop {
    struct weir_env env; /* first */
    struct weir_ha_host ha_host;
    bool put_failed; /* and that was told */
    /* Incarnations, a ring: the store names a dead process until its session ends. */
    uint64_t told_gone[TOLD_GONE_MAX];
    uint32_t told_gone_next;
    struct weir_control_loop_config config;
    struct weir_memory *memory;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer, beat;
    uv_poll_t stop;
    bool stop_watched;
    uv_mutex_t mutex; /* guards posted and stopping */
    struct posted *posted, **posted_last;
    bool stopping;
    struct weir_rpc *rpc;
    struct weir_timers timers;
    struct weir_actor *actor;
    struct weir_ha_session *ha;
    char address[300];
    struct store_request *store_requests,
        **store_requests_last; /* oldest first: they are answered about so */
    uint64_t store_request_next;
    uint32_t blobs_under_way;
    struct inner_peer inner_peers[INNER_PEERS_MAX];
    uint32_t inner_peer_count;
    bool running, ended;
    int exit_code;
    uint64_t random;
    struct weir_control_loop_statistics statistics;
};

/* --- time and chance --- */

static int64_t env_now_us(struct weir_env *env)
{
    return weir_clock_monotonic_ns() / 1000;
}
static int64_t env_wall_us(struct weir_env *env)
{
    return weir_clock_epoch_us();
}
static uint64_t env_random(struct weir_env *env)
{
    struct weir_control_loop *loop = (struct weir_control_loop *)env;
    uint64_t x = loop->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
static bool env_alive(struct weir_env *env)
{
    return !((struct weir_control_loop *)env)->ended;
}

static void arm_timer(struct weir_control_loop *loop);

static void on_timer(uv_timer_t *timer)
{
    struct weir_control_loop *loop = timer->data;
    struct weir_event event = { .kind = WEIR_EVENT_TIMER };
    int64_t now_us = env_now_us(&loop->env);
    while (!loop->ended && weir_timers_take_due(&loop->timers, now_us, &event.tag)) {
        struct weir_event due = event; /* the actor writes the times into it */
        weir_actor_event(loop->actor, &due);
    }
    arm_timer(loop);
}

static void arm_timer(struct weir_control_loop *loop)
{
    int64_t next_us = weir_timers_next_us(&loop->timers);
    if (next_us == INT64_MAX) {
        uv_timer_stop(&loop->timer);
        return;
    }
    int64_t wait_us = next_us - env_now_us(&loop->env);
    uv_update_time(&loop->loop);
    uv_timer_start(&loop->timer, on_timer, wait_us <= 0 ? 0 : (uint64_t)(wait_us + 999) / 1000, 0);
}

/* --- blobs --- */

struct blob_work {
    uv_work_t request;
    struct weir_control_loop *loop;
    struct weir_tag tag;
    struct weir_arena arena;
    enum weir_blob_operation operation;
    const char *path, *name_prefix, *copy_to;
    const uint8_t *bytes;
    size_t length, bytes_max;
    struct weir_blob_event answer;
};

static const char *parent_of(struct weir_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash != path ? weir_arena_copy(arena, path, (size_t)(slash - path)) : NULL;
}

/* Under its own name only when it is whole: readers never see half of it, and nothing is replaced. */
static enum weir_error_code put_blob(
    struct weir_filesystem *fs, struct blob_work *work, struct weir_error *error)
{
    const char *parent = parent_of(&work->arena, work->path);
    struct weir_file_status status = { .exists = false };
    enum weir_error_code code = fs->status(fs, work->path, &status, error);
    /* Written before, and the answer was lost: a temporary file that is removed would not be durably so. */
    if (!code && status.exists) return WEIR_E_ALREADY_EXISTS;
    if (!code && parent) code = fs->make_directories(fs, parent, error);
    char *temporary = weir_arena_format(
        &work->arena, "%s.%016llx.inprogress", work->path, (unsigned long long)weir_clock_monotonic_ns());
    struct weir_file *file;
    if (!code) code = fs->open_write(fs, temporary, false, &file, error);
    if (code) return code;
    code = fs->append(file, work->bytes, work->length, error);
    if (!code) code = fs->sync(file, error);
    fs->close(file);
    if (!code) code = fs->rename(fs, temporary, work->path, false, error);
    if (code) (void)fs->remove(fs, temporary, false, NULL);
    return code;
}

static enum weir_error_code get_blob(
    struct weir_filesystem *fs, struct blob_work *work, struct weir_error *error)
{
    struct weir_file *file;
    enum weir_error_code code = fs->open_read(fs, work->path, &file, error);
    if (code) return code;
    struct weir_file_status status;
    code = fs->file_status(file, &status, error);
    if (!code && (uint64_t)status.size_bytes > work->bytes_max)
        code = weir_error_set(error, WEIR_E_IO, "%s is %lld bytes long; at most %zu are read", work->path,
            (long long)status.size_bytes, work->bytes_max);
    if (!code) {
        uint8_t *bytes = weir_arena_allocate(&work->arena, (size_t)status.size_bytes + 1);
        size_t length = 0, got = 1;
        while (!code && got && length < (size_t)status.size_bytes) {
            code = fs->read_at(
                file, (int64_t)length, bytes + length, (size_t)status.size_bytes - length, &got, error);
            length += code ? 0 : got;
        }
        work->answer.bytes = bytes;
        work->answer.length = length;
    }
    fs->close(file);
    return code;
}

/* Under its name when it is whole, as put_blob(). */
static enum weir_error_code copy_blob(
    struct weir_filesystem *fs, struct blob_work *work, struct weir_error *error)
{
    enum { PIECE_BYTES = 1 << 20 };
    struct weir_file *from = NULL, *to = NULL;
    struct weir_file_status status = { .exists = false };
    const char *parent = parent_of(&work->arena, work->copy_to);
    enum weir_error_code code = fs->status(fs, work->copy_to, &status, error);
    if (!code && status.exists) return WEIR_E_ALREADY_EXISTS;
    if (!code) code = fs->open_read(fs, work->path, &from, error);
    if (code) return code;
    char *temporary = weir_arena_format(
        &work->arena, "%s.%016llx.inprogress", work->copy_to, (unsigned long long)weir_clock_monotonic_ns());
    if (parent) code = fs->make_directories(fs, parent, error);
    if (!code) code = fs->open_write(fs, temporary, false, &to, error);
    uint8_t *piece = weir_arena_allocate(&work->arena, PIECE_BYTES);
    size_t got = 1;
    for (int64_t at = 0; !code && got; at += (int64_t)got) {
        code = fs->read_at(from, at, piece, PIECE_BYTES, &got, error);
        if (!code && got) code = fs->append(to, piece, got, error);
    }
    if (!code) code = fs->sync(to, error);
    fs->close(from);
    if (to) fs->close(to);
    if (!code) code = fs->rename(fs, temporary, work->copy_to, false, error);
    if (code && to) (void)fs->remove(fs, temporary, false, NULL);
    return code;
}

struct name_list {
    const char **names;
    int64_t *modified_us, *size_bytes;
    uint32_t count, capacity;
};

static void add_name(
    struct blob_work *work, struct name_list *list, const char *name, const struct weir_file_status *status)
{
    if (list->count == list->capacity) {
        uint32_t capacity = WEIR_MAX(list->capacity * 2, 64u);
        const char **names = WEIR_ARENA_ARRAY(&work->arena, const char *, capacity);
        int64_t *times = WEIR_ARENA_ARRAY(&work->arena, int64_t, capacity);
        int64_t *sizes = WEIR_ARENA_ARRAY(&work->arena, int64_t, capacity);
        if (list->count) {
            memcpy(names, list->names, sizeof *names * list->count);
            memcpy(times, list->modified_us, sizeof *times * list->count);
            memcpy(sizes, list->size_bytes, sizeof *sizes * list->count);
        }
        list->names = names;
        list->modified_us = times;
        list->size_bytes = sizes;
        list->capacity = capacity;
    }
    list->names[list->count] = name;
    list->size_bytes[list->count] = status->size_bytes;
    list->modified_us[list->count++] = status->modified_us;
}

static enum weir_error_code list_blobs(struct weir_filesystem *fs, struct blob_work *work,
    const char *directory, uint32_t depth, struct name_list *list, struct weir_error *error)
{
    struct weir_directory_entry *entries;
    uint32_t count;
    enum weir_error_code code = fs->list(fs, &work->arena, directory, &entries, &count, error);
    if (code == WEIR_E_NOT_FOUND) return WEIR_OK;
    for (uint32_t i = 0; !code && i < count && list->count < BLOB_NAMES_MAX; i++) {
        bool wanted = strncmp(entries[i].name, work->name_prefix, strlen(work->name_prefix)) == 0;
        if (!entries[i].status.is_directory && !wanted) continue;
        const char *path = weir_arena_format(&work->arena, "%s/%s", directory, entries[i].name);
        if (entries[i].status.is_regular) add_name(work, list, path, &entries[i].status);
        if (entries[i].status.is_directory && depth < BLOB_LIST_DEPTH_MAX)
            code = list_blobs(fs, work, path, depth + 1, list, error);
    }
    return code;
}

/* A checkpoint's directory goes with its last file, as a savepoint's does that was claimed or given up, the
 * job's with its last checkpoint. Ids are never used twice: nobody makes such a directory again, and removing
 * one fails where somebody was faster and has written into it. */
static void remove_empty_parents(struct weir_filesystem *fs, struct blob_work *work)
{
    static const char owned_by_tasks[] = "taskowned";
    const char *parent = parent_of(&work->arena, work->path);
    const char *job = parent ? parent_of(&work->arena, parent) : NULL;
    const char *name = job ? parent + strlen(job) + 1 : "";
    if (strncmp(name, "chk-", 4) == 0) {
        if (fs->remove(fs, parent, false, NULL)) return;
    } else if (strncmp(name, "savepoint-", 10) == 0) {
        (void)fs->remove(fs, parent, false, NULL);
        return;
    } else if (strcmp(name, owned_by_tasks) != 0) {
        return;
    }
    struct weir_directory_entry *entries;
    uint32_t count;
    if (fs->list(fs, &work->arena, job, &entries, &count, NULL)) return;
    if (count == 1 && strcmp(entries[0].name, owned_by_tasks) == 0)
        count = fs->remove(fs, weir_arena_format(&work->arena, "%s/%s", job, owned_by_tasks), false, NULL) !=
                WEIR_OK;
    if (count == 0) (void)fs->remove(fs, job, false, NULL);
}

static enum weir_error_code prune(struct weir_filesystem *fs, struct weir_arena *arena, const char *directory,
    uint32_t depth, struct weir_error *error)
{
    struct weir_directory_entry *entries;
    uint32_t count;
    enum weir_error_code code = fs->list(fs, arena, directory, &entries, &count, error);
    if (code == WEIR_E_NOT_FOUND) return WEIR_OK;
    for (uint32_t i = 0; !code && i < count && depth < BLOB_LIST_DEPTH_MAX; i++)
        if (entries[i].status.is_directory)
            code = prune(
                fs, arena, weir_arena_format(arena, "%s/%s", directory, entries[i].name), depth + 1, error);
    /* One that is not empty stays: whoever was faster has written into it. */
    if (!code) (void)fs->remove(fs, directory, false, NULL);
    return code;
}

static void blob_work(uv_work_t *request)
{
    struct blob_work *work = (struct blob_work *)request;
    struct weir_filesystem *fs = work->loop->config.filesystem;
    struct weir_error error = { 0 };
    struct name_list list = { 0 };
    enum weir_error_code code = WEIR_OK;
    switch (work->operation) {
    case WEIR_BLOB_PUT: code = put_blob(fs, work, &error); break;
    case WEIR_BLOB_GET: code = get_blob(fs, work, &error); break;
    case WEIR_BLOB_LIST: code = list_blobs(fs, work, work->path, 0, &list, &error); break;
    case WEIR_BLOB_DELETE:
        code = fs->remove(fs, work->path, false, &error);
        if (!code) remove_empty_parents(fs, work);
        break;
    case WEIR_BLOB_COPY: code = copy_blob(fs, work, &error); break;
    case WEIR_BLOB_PRUNE: code = prune(fs, &work->arena, work->path, 0, &error); break;
    }
    work->answer.names = list.names;
    work->answer.modified_us = list.modified_us;
    work->answer.size_bytes = list.size_bytes;
    work->answer.name_count = list.count;
    work->answer.path = work->path;
    work->answer.outcome = code == WEIR_OK                 ? WEIR_BLOB_OK
                           : code == WEIR_E_ALREADY_EXISTS ? WEIR_BLOB_EXISTS
                           : code == WEIR_E_NOT_FOUND      ? WEIR_BLOB_NOT_FOUND
                                                           : WEIR_BLOB_ERROR;
    work->answer.no_space = code == WEIR_E_NO_SPACE;
    work->answer.denied = code == WEIR_E_DENIED;
    work->answer.error = code ? weir_arena_string(&work->arena, error.message) : "";
}

/* What cannot be written is tried again for as long as it is wanted: told once, and when it can. */
static void tell_put(struct weir_control_loop *loop, const struct blob_work *work)
{
    bool failed = work->answer.outcome == WEIR_BLOB_ERROR;
    if (work->operation != WEIR_BLOB_PUT || failed == loop->put_failed) return;
    loop->put_failed = failed;
    if (failed)
        weir_log(WEIR_LOG_ERROR, "weir.control", "%s cannot be written, which is tried again: %s", work->path,
            work->answer.error);
    else
        weir_log(WEIR_LOG_INFO, "weir.control", "%s could be written again", work->path);
}

static void blob_done(uv_work_t *request, int status)
{
    struct blob_work *work = (struct blob_work *)request;
    struct weir_control_loop *loop = work->loop;
    loop->blobs_under_way--;
    if (!loop->ended && status == 0) {
        struct weir_event event = { .kind = WEIR_EVENT_BLOB_DONE, .tag = work->tag };
        event.blob = work->answer;
        tell_put(loop, work);
        weir_actor_event(loop->actor, &event);
    }
    weir_arena_done(&work->arena);
    weir_memory_release(loop->memory, work, sizeof *work);
}

static void execute_blob(struct weir_control_loop *loop, const struct weir_effect *effect)
{
    struct blob_work *work = weir_memory_allocate_zeroed(loop->memory, sizeof *work);
    work->loop = loop;
    work->tag = effect->tag;
    weir_arena_init(&work->arena, loop->memory);
    work->operation = effect->blob.operation;
    work->path = weir_arena_string(&work->arena, effect->blob.path);
    work->name_prefix =
        weir_arena_string(&work->arena, effect->blob.name_prefix ? effect->blob.name_prefix : "");
    work->copy_to = weir_arena_string(&work->arena, effect->blob.copy_to ? effect->blob.copy_to : "");
    work->length = effect->blob.length;
    work->bytes_max = effect->blob.bytes_max;
    if (effect->blob.length)
        work->bytes = (const uint8_t *)weir_arena_copy(&work->arena, effect->blob.bytes, effect->blob.length);
    loop->blobs_under_way++;
    uv_queue_work(&loop->loop, &work->request, blob_work, blob_done);
}

struct pool_work {
    uv_work_t request;
    struct weir_control_loop *loop;
    void (*work)(void *);
    void (*done)(void *);
    void *argument;
};

static void pool_work(uv_work_t *request)
{
    struct pool_work *work = (struct pool_work *)request;
    work->work(work->argument);
}

static void pool_done(uv_work_t *request, int status)
{
    struct pool_work *work = (struct pool_work *)request;
    work->done(work->argument);
    weir_memory_release(work->loop->memory, work, sizeof *work);
}

void weir_control_loop_work(
    struct weir_control_loop *loop, void (*work)(void *), void (*done)(void *), void *argument)
{
    struct pool_work *item = weir_memory_allocate_zeroed(loop->memory, sizeof *item);
    *item = (struct pool_work){ .loop = loop, .work = work, .done = done, .argument = argument };
    uv_queue_work(&loop->loop, &item->request, pool_work, pool_done);
}

/* --- the coordination store --- */

static void execute_store(struct weir_control_loop *loop, const struct weir_effect *effect)
{
    static const enum weir_ha_operation_kind kinds[] = {
        [WEIR_STORE_CHECK] = WEIR_HA_CHECK,
        [WEIR_STORE_READ] = WEIR_HA_READ,
        [WEIR_STORE_READ_STALE] = WEIR_HA_READ_STALE,
        [WEIR_STORE_LIST] = WEIR_HA_LIST,
        [WEIR_STORE_CREATE] = WEIR_HA_CREATE,
        [WEIR_STORE_CREATE_EPHEMERAL] = WEIR_HA_CREATE_EPHEMERAL,
        [WEIR_STORE_SET] = WEIR_HA_SET,
        [WEIR_STORE_DELETE] = WEIR_HA_DELETE,
    };
    if (!loop->ha) return;
    struct weir_ha_operation operations[WEIR_STORE_OPERATIONS_MAX];
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        const struct weir_store_operation *from = &effect->operations[i];
        operations[i] = (struct weir_ha_operation){ .kind = kinds[from->kind],
            .key = from->key,
            .version = from->version,
            .value = from->value,
            .length = from->length,
            .relaxed = from->relaxed };
    }
    struct store_request *request = weir_memory_allocate(loop->memory, sizeof *request);
    request->number = ++loop->store_request_next;
    request->tag = effect->tag;
    request->next = NULL;
    *loop->store_requests_last = request;
    loop->store_requests_last = &request->next;
    loop->config.ha->submit(loop->ha, request->number, operations, effect->operation_count);
}

static struct weir_control_loop *loop_of(struct weir_ha_host *host)
{
    return host->owner;
}

static void ha_done(struct weir_ha_host *host, uint64_t number, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    static const enum weir_store_outcome outcomes[] = {
        [WEIR_HA_OK] = WEIR_STORE_OK,
        [WEIR_HA_CONFLICT] = WEIR_STORE_CONFLICT,
        [WEIR_HA_NOT_FOUND] = WEIR_STORE_NOT_FOUND,
        [WEIR_HA_UNAVAILABLE] = WEIR_STORE_UNAVAILABLE,
        [WEIR_HA_UNKNOWN] = WEIR_STORE_UNKNOWN,
    };
    struct weir_control_loop *loop = loop_of(host);
    struct store_request **at = &loop->store_requests;
    while (*at && (*at)->number != number) at = &(*at)->next;
    if (!*at) return;
    struct store_request *request = *at;
    *at = request->next;
    if (!*at) loop->store_requests_last = at;
    struct weir_event event = { .kind = WEIR_EVENT_STORE_DONE, .tag = request->tag };
    weir_memory_release(loop->memory, request, sizeof *request);
    if (loop->ended) return;
    struct weir_store_entry *copies =
        weir_memory_allocate(loop->memory, sizeof *copies * ((size_t)entry_count + 1));
    for (uint32_t i = 0; i < entry_count; i++)
        copies[i] = (struct weir_store_entry){ .key = entries[i].key,
            .found = entries[i].found,
            .version = entries[i].version,
            .value = entries[i].value,
            .length = entries[i].length };
    event.store.outcome = outcomes[outcome];
    event.store.entries = copies;
    event.store.entry_count = entry_count;
    event.store.transactions = loop->config.ha->transactions;
    weir_actor_event(loop->actor, &event);
    weir_memory_release(loop->memory, copies, sizeof *copies * ((size_t)entry_count + 1));
}

static void ha_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us)
{
    struct weir_control_loop *loop = loop_of(host);
    if (loop->ended) return;
    struct weir_event event = { .kind = WEIR_EVENT_STORE_STATE };
    event.store.state = state == WEIR_HA_CONNECTED   ? WEIR_STORE_CONNECTED
                        : state == WEIR_HA_SUSPENDED ? WEIR_STORE_SUSPENDED
                                                     : WEIR_STORE_LOST;
    event.store.session_timeout_us = session_timeout_us;
    event.store.transactions = loop->config.ha->transactions;
    weir_actor_event(loop->actor, &event);
}

static void ha_changed(struct weir_ha_host *host, const char *key)
{
    struct weir_control_loop *loop = loop_of(host);
    if (loop->ended) return;
    struct weir_event event = { .kind = WEIR_EVENT_STORE_CHANGED };
    event.store.key = key;
    weir_actor_event(loop->actor, &event);
}

static void log_gone(struct weir_control_loop *loop, const Weir__Node *node)
{
    for (uint32_t i = 0; i < TOLD_GONE_MAX; i++)
        if (loop->told_gone[i] == node->incarnation) return;
    loop->told_gone[loop->told_gone_next++ % TOLD_GONE_MAX] = node->incarnation;
    weir_log(WEIR_LOG_INFO, "weir.ha", "the process of %s is gone", node->name);
}

/* The value of a candidate's entry is its Weir__Node. */
static void ha_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length)
{
    struct weir_control_loop *loop = loop_of(host);
    if (loop->ended) return;
    struct weir_arena arena;
    weir_arena_init(&arena, loop->memory);
    ProtobufCMessage *message;
    if (!weir_proto_decode(
            &weir__node__descriptor, &arena, value, length, WEIR_RECORD_BYTES_MAX, &message, NULL)) {
        const Weir__Node *node = (const Weir__Node *)message;
        struct weir_event event = { .kind = WEIR_EVENT_PROCESS_DIED,
            .from = weir_nodes_intern(weir_actor_nodes(loop->actor), node->name),
            .from_incarnation = node->incarnation };
        log_gone(loop, node);
        weir_actor_event(loop->actor, &event);
    }
    weir_arena_done(&arena);
}

static void ha_post(struct weir_ha_host *host, void (*call)(void *argument), void *argument)
{
    weir_control_loop_post(loop_of(host), call, argument);
}

/* --- effects --- */

static void execute_log(const struct weir_effect *effect)
{
    static const enum weir_log_level levels[] = {
        [WEIR_CONTROL_DEBUG] = WEIR_LOG_DEBUG,
        [WEIR_CONTROL_INFO] = WEIR_LOG_INFO,
        [WEIR_CONTROL_WARN] = WEIR_LOG_WARN,
        [WEIR_CONTROL_ERROR] = WEIR_LOG_ERROR,
    };
    static const char *const loggers[] = {
        [WEIR_ROLE_LEADER] = "weir.leader",
        [WEIR_ROLE_DISPATCHER] = "weir.dispatcher",
        [WEIR_ROLE_RESOURCEMANAGER] = "weir.resourcemanager",
        [WEIR_ROLE_JOBMASTER] = "weir.jobmaster",
        [WEIR_ROLE_TASKEXECUTOR] = "weir.taskexecutor",
    };
    const char *logger =
        (size_t)effect->to_role < WEIR_ARRAY_COUNT(loggers) ? loggers[effect->to_role] : NULL;
    if (!logger) logger = "weir.control";
    if (effect->to_role != WEIR_ROLE_JOBMASTER) {
        weir_log(levels[effect->level], logger, "%s", effect->text);
        return;
    }
    char job[WEIR_JOB_ID_TEXT_BYTES];
    weir_log(
        levels[effect->level], logger, "%s (job %s)", effect->text, weir_job_id_print(&effect->to_job, job));
}

static void env_execute(struct weir_env *env, const struct weir_effect *effect)
{
    struct weir_control_loop *loop = (struct weir_control_loop *)env;
    switch (effect->kind) {
    case WEIR_EFFECT_TIMER:
        weir_timers_set(&loop->timers, &effect->tag, effect->at_us);
        arm_timer(loop);
        break;
    case WEIR_EFFECT_CONNECT: weir_rpc_dial(loop->rpc, effect->node, effect->text); break;
    case WEIR_EFFECT_DISCONNECT: weir_rpc_hang_up(loop->rpc, effect->node); break;
    case WEIR_EFFECT_STORE: execute_store(loop, effect); break;
    case WEIR_EFFECT_STORE_WATCH:
        if (loop->ha) loop->config.ha->watch(loop->ha, effect->text);
        break;
    case WEIR_EFFECT_BLOB: execute_blob(loop, effect); break;
    case WEIR_EFFECT_TASK:
        if (loop->config.task) loop->config.task(loop->config.owner, &effect->task);
        break;
    case WEIR_EFFECT_WORKER:
        if (loop->config.worker) loop->config.worker(loop->config.owner, effect->text, effect->worker_start);
        break;
    case WEIR_EFFECT_LOG: execute_log(effect); break;
    case WEIR_EFFECT_EXIT:
        weir_log(effect->exit_code ? WEIR_LOG_ERROR : WEIR_LOG_INFO, "weir.control", "%s", effect->text);
        loop->exit_code = effect->exit_code;
        loop->ended = true;
        uv_stop(&loop->loop);
        break;
    default: break; /* the actor's own */
    }
}

static void env_send(struct weir_env *env, weir_node node, const uint8_t *bytes, size_t length)
{
    struct weir_control_loop *loop = (struct weir_control_loop *)env;
    for (uint32_t i = 0; i < loop->inner_peer_count; i++) {
        if (loop->inner_peers[i].node != node) continue;
        struct weir_arena arena;
        weir_arena_init(&arena, loop->memory);
        Weir__Envelope *envelope;
        if (!weir_envelope_decode(&arena, bytes, length, &envelope, NULL))
            loop->inner_peers[i].received(loop->inner_peers[i].owner, envelope);
        weir_arena_done(&arena);
        return;
    }
    if (!weir_rpc_send(loop->rpc, node, bytes, length)) loop->statistics.messages_dropped++;
}

struct worker_end {
    struct weir_control_loop *loop;
    char name[256];
};

static void tell_worker_end(void *argument)
{
    struct worker_end *end = argument;
    if (!end->loop->ended) {
        struct weir_event event = { .kind = WEIR_EVENT_WORKER };
        event.worker.name = end->name;
        weir_actor_event(end->loop->actor, &event);
    }
    weir_memory_release(end->loop->memory, end, sizeof *end);
}

void weir_control_loop_worker_ended(struct weir_control_loop *loop, const char *name)
{
    struct worker_end *end = weir_memory_allocate(loop->memory, sizeof *end);
    end->loop = loop;
    snprintf(end->name, sizeof end->name, "%s", name);
    weir_control_loop_post(loop, tell_worker_end, end);
}

/* --- connections --- */

static weir_node rpc_node(void *owner, const char *name)
{
    struct weir_control_loop *loop = owner;
    return weir_nodes_intern(weir_actor_nodes(loop->actor), name);
}

struct connection_change {
    struct weir_control_loop *loop;
    struct weir_event event;
};

static void tell_connection(void *argument)
{
    struct connection_change *change = argument;
    weir_rpc_noted(change->loop->rpc, change->event.from);
    if (!change->loop->ended) weir_actor_event(change->loop->actor, &change->event);
    weir_memory_release(change->loop->memory, change, sizeof *change);
}

/* A connection may change in the middle of a step (a send that fails): the machines hear of it afterwards. */
static void rpc_connection(
    void *owner, weir_node node, enum weir_connection_state state, uint64_t incarnation)
{
    struct weir_control_loop *loop = owner;
    struct connection_change *change = weir_memory_allocate_zeroed(loop->memory, sizeof *change);
    change->loop = loop;
    change->event = (struct weir_event){
        .kind = WEIR_EVENT_CONNECTION, .from = node, .connection = state, .from_incarnation = incarnation
    };
    weir_control_loop_post(loop, tell_connection, change);
}

struct received_bytes {
    struct weir_control_loop *loop;
    weir_node node;
    size_t length;
    uint8_t bytes[];
};

static void tell_bytes(void *argument)
{
    struct received_bytes *received = argument;
    if (!received->loop->ended)
        weir_actor_bytes(received->loop->actor, received->node, received->bytes, received->length);
    weir_memory_release(received->loop->memory, received, sizeof *received + received->length);
}

/* Behind the connection's own events, in order. */
static void rpc_bytes(void *owner, weir_node node, const uint8_t *bytes, size_t length)
{
    struct weir_control_loop *loop = owner;
    struct received_bytes *received = weir_memory_allocate(loop->memory, sizeof *received + length);
    received->loop = loop;
    received->node = node;
    received->length = length;
    memcpy(received->bytes, bytes, length);
    weir_control_loop_post(loop, tell_bytes, received);
}

/* --- posting --- */

void weir_control_loop_post(struct weir_control_loop *loop, void (*call)(void *), void *argument)
{
    struct posted *posted = weir_memory_allocate(loop->memory, sizeof *posted);
    *posted = (struct posted){ .call = call, .argument = argument };
    uv_mutex_lock(&loop->mutex);
    *loop->posted_last = posted;
    loop->posted_last = &posted->next;
    uv_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

static void run_posted(struct weir_control_loop *loop)
{
    uv_mutex_lock(&loop->mutex);
    struct posted *posted = loop->posted;
    loop->posted = NULL;
    loop->posted_last = &loop->posted;
    bool stopping = loop->stopping;
    uv_mutex_unlock(&loop->mutex);
    while (posted) {
        struct posted *next = posted->next;
        posted->call(posted->argument);
        weir_memory_release(loop->memory, posted, sizeof *posted);
        posted = next;
    }
    if (stopping && loop->running && !loop->ended) {
        struct weir_event event = { .kind = WEIR_EVENT_STOP };
        weir_actor_event(loop->actor, &event);
    }
    if (stopping) {
        loop->ended = true;
        uv_stop(&loop->loop);
    }
}

static void on_wake(uv_async_t *async)
{
    run_posted(async->data);
}

void weir_control_loop_stop(struct weir_control_loop *loop)
{
    uv_mutex_lock(&loop->mutex);
    loop->stopping = true;
    uv_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

static void on_stop_descriptor(uv_poll_t *poll, int status, int events)
{
    weir_log(WEIR_LOG_INFO, "weir.control", "ends: it was told to by signal %d", weir_os_stop_signal());
    weir_control_loop_stop(poll->data);
    uv_poll_stop(poll);
}

static void on_beat(uv_timer_t *timer)
{
    struct weir_control_loop *loop = timer->data;
    weir_os_memory_give_back();
    if (loop->ha && loop->config.ha->beat) loop->config.ha->beat(loop->ha);
}

/* --- life --- */

static uint64_t make_incarnation(void)
{
    uint64_t number = 0;
    while (!number)
        if (getrandom(&number, sizeof number, 0) != sizeof number) number = (uint64_t)weir_clock_epoch_us();
    return number;
}

/* 0, or what libuv says of it: without descriptors there is no loop, and nothing of it may be touched. */
static int init_handles(struct weir_control_loop *loop)
{
    int status = uv_loop_init(&loop->loop);
    if (status) return status;
    uv_mutex_init(&loop->mutex);
    uv_async_init(&loop->loop, &loop->wake, on_wake);
    uv_timer_init(&loop->loop, &loop->timer);
    uv_timer_init(&loop->loop, &loop->beat);
    loop->wake.data = loop->timer.data = loop->beat.data = loop;
    return 0;
}

static enum weir_error_code open_parts(struct weir_control_loop *loop, struct weir_error *reterr)
{
    const struct weir_control_loop_config *config = &loop->config;
    uint64_t incarnation = config->incarnation ? config->incarnation : make_incarnation();
    struct weir_rpc_config rpc = { .memory = loop->memory,
        .loop = &loop->loop,
        .cluster = config->cluster,
        .name = config->name ? config->name : "",
        .incarnation = incarnation,
        .bind_address = config->bind_address,
        .port_first = config->port_first,
        .port_last = config->port_last,
        .node = rpc_node,
        .connection = rpc_connection,
        .bytes = rpc_bytes,
        .owner = loop };
    enum weir_error_code code = weir_rpc_new(&rpc, &loop->rpc, reterr);
    if (code) return code;
    snprintf(loop->address, sizeof loop->address, "%.255s:%u", config->host, weir_rpc_port(loop->rpc));
    if (!config->name) loop->config.name = loop->address;
    if (strlen(loop->config.name) > WEIR_NODE_NAME_BYTES_MAX)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "this process would be called '%s': names of processes, host and port together, have at most %d "
            "bytes",
            loop->config.name, WEIR_NODE_NAME_BYTES_MAX);
    weir_rpc_set_name(loop->rpc, loop->config.name);
    struct weir_actor_config actor = { .kind = config->kind,
        .memory = loop->memory,
        .env = &loop->env,
        .cluster = config->cluster,
        .name = config->name,
        .host = config->host,
        .rpc_address = loop->address,
        .data_address = config->data_address,
        .rest_address = config->rest_address,
        .incarnation = incarnation,
        .slot_count = config->slot_count,
        .options = config->options,
        .random_seed = make_incarnation() };
    loop->actor = weir_actor_new(&actor);
    if (!config->ha) return WEIR_OK;
    struct weir_ha_config ha = { .memory = loop->memory,
        .host = &loop->ha_host,
        .cluster = config->cluster,
        .directory = config->ha_directory,
        .options = config->ha_options,
        .option_count = config->ha_option_count };
    return config->ha->open(&ha, &loop->ha, reterr);
}

enum weir_error_code weir_control_loop_new(
    const struct weir_control_loop_config *config, struct weir_control_loop **ret, struct weir_error *reterr)
{
    struct weir_control_loop *loop = weir_memory_allocate_zeroed(config->memory, sizeof *loop);
    loop->env = (struct weir_env){ .now_us = env_now_us,
        .wall_us = env_wall_us,
        .random = env_random,
        .execute = env_execute,
        .send = env_send,
        .alive = env_alive };
    loop->ha_host = (struct weir_ha_host){ .owner = loop,
        .post = ha_post,
        .state = ha_state,
        .done = ha_done,
        .changed = ha_changed,
        .died = ha_died };
    loop->config = *config;
    loop->memory = config->memory;
    loop->posted_last = &loop->posted;
    loop->store_requests_last = &loop->store_requests;
    loop->random = make_incarnation();
    weir_timers_init(&loop->timers, loop->memory);
    int status = init_handles(loop);
    if (status) {
        weir_timers_done(&loop->timers);
        weir_memory_release(loop->memory, loop, sizeof *loop);
        return weir_error_set(
            reterr, WEIR_E_IO, "the control thread's loop cannot be made: %s", uv_strerror(status));
    }
    enum weir_error_code code = open_parts(loop, reterr);
    if (code) {
        weir_control_loop_free(loop);
        return code;
    }
    *ret = loop;
    return WEIR_OK;
}

const char *weir_control_loop_rpc_address(const struct weir_control_loop *loop)
{
    return loop->address;
}

int weir_control_loop_run(struct weir_control_loop *loop)
{
    loop->running = true;
    uv_timer_start(&loop->beat, on_beat, BEAT_MS, BEAT_MS);
    if (loop->config.stop_descriptor >= 0 &&
        uv_poll_init(&loop->loop, &loop->stop, loop->config.stop_descriptor) == 0) {
        loop->stop.data = loop;
        loop->stop_watched = true;
        uv_poll_start(&loop->stop, UV_READABLE, on_stop_descriptor);
    }
    weir_actor_start(loop->actor);
    if (!loop->ended) uv_run(&loop->loop, UV_RUN_DEFAULT);
    loop->running = false;
    return loop->exit_code;
}

void weir_control_loop_free(struct weir_control_loop *loop)
{
    if (!loop) return;
    loop->ended = true;
    if (loop->ha) loop->config.ha->close(loop->ha);
    if (loop->rpc) weir_rpc_close(loop->rpc);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->beat, NULL);
    if (loop->stop_watched) uv_close((uv_handle_t *)&loop->stop, NULL);
    uv_run(&loop->loop, UV_RUN_DEFAULT); /* until every handle is closed and every work item is back */
    run_posted(loop);
    uv_loop_close(&loop->loop);
    if (loop->rpc) weir_rpc_free(loop->rpc);
    weir_actor_free(loop->actor);
    while (loop->store_requests) {
        struct store_request *request = loop->store_requests;
        loop->store_requests = request->next;
        weir_memory_release(loop->memory, request, sizeof *request);
    }
    weir_timers_done(&loop->timers);
    uv_mutex_destroy(&loop->mutex);
    weir_memory_release(loop->memory, loop, sizeof *loop);
}

struct weir_actor *weir_control_loop_actor(struct weir_control_loop *loop)
{
    return loop->actor;
}

void weir_control_loop_event(struct weir_control_loop *loop, struct weir_event *event)
{
    if (!loop->ended) weir_actor_event(loop->actor, event);
}

weir_node weir_control_loop_inner_peer(struct weir_control_loop *loop, const char *name,
    void (*received)(void *owner, const Weir__Envelope *envelope), void *owner)
{
    WEIR_ASSERT(loop->inner_peer_count < INNER_PEERS_MAX);
    weir_node node = weir_nodes_intern(weir_actor_nodes(loop->actor), name);
    loop->inner_peers[loop->inner_peer_count++] = (struct inner_peer){ node, received, owner };
    return node;
}

void weir_control_loop_say(struct weir_control_loop *loop, weir_node from, Weir__Envelope *envelope)
{
    if (loop->ended) return;
    envelope->version = WEIR_PROTOCOL_VERSION;
    envelope->cluster = (char *)loop->config.cluster;
    envelope->sender = (char *)weir_nodes_name(weir_actor_nodes(loop->actor), from);
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, loop->memory, WEIR_ENVELOPE_BYTES_MAX);
    weir_proto_encode(&envelope->base, &bytes);
    if (!bytes.overflowed) weir_actor_bytes(loop->actor, from, (const uint8_t *)bytes.data, bytes.length);
    weir_buffer_done(&bytes);
}

void weir_control_loop_statistics(
    const struct weir_control_loop *loop, struct weir_control_loop_statistics *ret)
{
    *ret = loop->statistics;
    struct weir_rpc_statistics rpc;
    weir_rpc_statistics(loop->rpc, &rpc);
    ret->connections = rpc.connections;
    ret->bytes_in = rpc.bytes_in;
    ret->bytes_out = rpc.bytes_out;
    ret->timers = loop->timers.count;
}
