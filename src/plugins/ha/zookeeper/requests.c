/*
 * A request of the loop as calls of the library: writes and checks go in one multi, reads after it. All
 * answers of a session come in the order of its calls, so a sync in front of a read needs not be waited for.
 */
#include "internal.h"
#include "os/log.h"
#include <stdio.h>
#include <string.h>

#define LOGGER "weir.ha.zookeeper"

void zookeeper_request_release(struct zookeeper_request *request)
{
    if (atomic_fetch_sub(&request->references, 1) != 1) return;
    struct weir_ha_session *session = request->session;
    struct weir_memory *memory = session->config.memory;
    weir_arena_done(&request->arena);
    weir_memory_release(memory, request, sizeof *request);
    zookeeper_session_release(session);
}

struct zookeeper_request *zookeeper_request_new(struct weir_ha_session *session, uint64_t number,
    const struct weir_ha_operation *operations, uint32_t operation_count)
{
    struct zookeeper_request *request = weir_memory_allocate_zeroed(session->config.memory, sizeof *request);
    zookeeper_session_retain(session);
    request->session = session;
    atomic_store(&request->references, 1);
    request->number = number;
    request->operation_count = operation_count;
    weir_arena_init(&request->arena, session->config.memory);
    for (uint32_t i = 0; i < operation_count; i++) {
        struct weir_ha_operation *operation = &request->operations[i];
        *operation = operations[i];
        operation->key = weir_arena_string(&request->arena, operation->key);
        operation->value = (const uint8_t *)weir_arena_copy(
            &request->arena, operation->length ? operation->value : (const uint8_t *)"", operation->length);
    }
    return request;
}

static void finish(struct zookeeper_request *request, enum weir_ha_outcome outcome)
{
    if (request->answered) return;
    request->answered = true;
    request->outcome = outcome;
    if (outcome != WEIR_HA_OK) request->entry_count = 0;
    if (request->link) {
        *request->link = request->next;
        if (request->next) request->next->link = request->link;
        request->link = NULL;
    }
    zookeeper_tell_done(request);
}

void zookeeper_request_fail(struct zookeeper_request *request)
{
    bool may_be_applied = request->write_count && request->phase != PHASE_PARENTS;
    finish(request, may_be_applied ? WEIR_HA_UNKNOWN : WEIR_HA_UNAVAILABLE);
}

/* A call of the library holds the request. */
static void called(struct zookeeper_request *request)
{
    request->outstanding++;
    atomic_fetch_add(&request->references, 1);
}

static void not_called(struct zookeeper_request *request)
{
    request->outstanding--;
    atomic_fetch_sub(&request->references, 1);
}

static void advance(struct zookeeper_request *request);
static void write_all(struct zookeeper_request *request);

static struct zookeeper_request *request_of(const void *data)
{
    return (struct zookeeper_request *)(uintptr_t)data;
}

static char *path_of(struct zookeeper_request *request, const char *key)
{
    return weir_arena_format(&request->arena, "%s/%s", request->session->settings.base, key);
}

static void add_entry(struct zookeeper_request *request, struct weir_ha_entry entry)
{
    if (request->entry_count == request->entry_capacity) {
        uint32_t capacity = request->entry_capacity ? request->entry_capacity * 2 : 4;
        struct weir_ha_entry *entries = WEIR_ARENA_ARRAY(&request->arena, struct weir_ha_entry, capacity);
        if (request->entry_count) memcpy(entries, request->entries, sizeof entry * request->entry_count);
        request->entries = entries;
        request->entry_capacity = capacity;
    }
    request->entries[request->entry_count++] = entry;
}

/* Versions here begin at 1, ZooKeeper's at 0; an ephemeral value loses its mark on the way. */
static void add_found(struct zookeeper_request *request, const char *key, const char *value, int length,
    const struct Stat *stat)
{
    size_t bytes = length > 0 ? (size_t)length : 0;
    const uint8_t *copy = (const uint8_t *)weir_arena_copy(&request->arena, bytes ? value : "", bytes);
    if (stat->ephemeralOwner && zookeeper_mark_find(copy, bytes)) {
        bytes -= ZOOKEEPER_MARK_BYTES;
        zookeeper_kin_follow(request->session, key, copy, bytes, copy + bytes);
    }
    add_entry(request, (struct weir_ha_entry){ .key = key,
                           .found = true,
                           .version = (uint64_t)stat->version + 1,
                           .value = copy,
                           .length = bytes });
}

/* --- writing --- */

static int version_of(uint64_t version)
{
    return version == 0 ? -1 : (int)(version - 1);
}

static bool is_read(enum weir_ha_operation_kind kind)
{
    return kind == WEIR_HA_READ || kind == WEIR_HA_READ_STALE || kind == WEIR_HA_LIST;
}

static zoo_op_t *add_write(struct zookeeper_request *request, uint32_t operation)
{
    request->operation_of[request->write_count] = (uint8_t)operation;
    request->write_of[operation] = (uint8_t)request->write_count;
    return &request->writes[request->write_count++];
}

static void add_create(struct zookeeper_request *request, uint32_t index, const char *path, bool ephemeral)
{
    const struct weir_ha_operation *operation = &request->operations[index];
    const uint8_t *value = operation->value;
    size_t length = operation->length;
    if (ephemeral) {
        uint8_t *marked = weir_arena_allocate(&request->arena, length + ZOOKEEPER_MARK_BYTES);
        memcpy(marked, value, length);
        memcpy(marked + length, request->session->mark, ZOOKEEPER_MARK_BYTES);
        value = marked;
        length += ZOOKEEPER_MARK_BYTES;
    }
    zoo_create_op_init(add_write(request, index), path, (const char *)value, (int)length,
        zookeeper_acl(request->session), ephemeral ? ZOO_EPHEMERAL : 0, NULL, 0);
}

static void add_operation(struct zookeeper_request *request, uint32_t index)
{
    const struct weir_ha_operation *operation = &request->operations[index];
    const char *path = path_of(request, operation->key);
    int version = version_of(operation->version);
    switch (operation->kind) {
    case WEIR_HA_CHECK:
        if (operation->version == WEIR_HA_VERSION_NONE) {
            /* No check for absence exists: what can be created and removed was not there. */
            zoo_create_op_init(
                add_write(request, index), path, "", 0, zookeeper_acl(request->session), 0, NULL, 0);
            zoo_delete_op_init(add_write(request, index), path, -1);
        } else {
            zoo_check_op_init(add_write(request, index), path, version);
        }
        break;
    case WEIR_HA_CREATE: add_create(request, index, path, false); break;
    case WEIR_HA_CREATE_EPHEMERAL: add_create(request, index, path, true); break;
    case WEIR_HA_SET: {
        struct Stat *stat = &request->stats[request->write_count];
        zoo_set_op_init(add_write(request, index), path, (const char *)operation->value,
            (int)operation->length, version, stat);
        break;
    }
    case WEIR_HA_DELETE: zoo_delete_op_init(add_write(request, index), path, version); break;
    case WEIR_HA_READ:
    case WEIR_HA_READ_STALE:
    case WEIR_HA_LIST: break;
    }
}

static bool is_create(const struct zookeeper_request *request, uint32_t write)
{
    const struct weir_ha_operation *operation = &request->operations[request->operation_of[write]];
    bool absent = operation->kind == WEIR_HA_CHECK && operation->version == WEIR_HA_VERSION_NONE;
    return absent || operation->kind == WEIR_HA_CREATE || operation->kind == WEIR_HA_CREATE_EPHEMERAL;
}

static void on_parent(int rc, const char *name, const void *data)
{
    struct zookeeper_request *request = request_of(data);
    request->outstanding--;
    /* Nobody may be allowed to create what an administrator has prepared. */
    bool good = rc == ZOK || rc == ZNODEEXISTS || rc == ZNOAUTH;
    if (!good) finish(request, WEIR_HA_UNAVAILABLE);
    if (!request->answered && !request->outstanding) write_all(request);
    zookeeper_request_release(request);
}

static void make_parents(struct zookeeper_request *request, uint32_t write)
{
    char *path = path_of(request, request->operations[request->operation_of[write]].key);
    request->phase = PHASE_PARENTS;
    atomic_fetch_add(&request->references, 1);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        called(request);
        int rc = zoo_acreate(
            request->session->handle, path, "", 0, zookeeper_acl(request->session), 0, on_parent, request);
        *slash = '/';
        if (rc == ZOK) continue;
        not_called(request);
        finish(request, WEIR_HA_UNAVAILABLE);
        break;
    }
    zookeeper_request_release(request);
}

static enum weir_ha_outcome write_outcome(const struct zookeeper_request *request, int rc)
{
    switch (rc) {
    case ZOK: return WEIR_HA_OK;
    case ZBADVERSION:
    case ZNODEEXISTS: return WEIR_HA_CONFLICT;
    case ZNONODE: return WEIR_HA_NOT_FOUND;
    case ZSESSIONMOVED: /* the server refused before it looked */
    case ZTHROTTLEDOP:
    case ZNOTREADONLY: return WEIR_HA_UNAVAILABLE;
    case ZNOAUTH:
    case ZINVALIDACL:
    case ZNOTEMPTY:
    case ZNOCHILDRENFOREPHEMERALS:
    case ZBADARGUMENTS:
        weir_log(WEIR_LOG_ERROR, LOGGER, "%s/%s cannot be written: %s", request->session->settings.base,
            request->operations[0].key, zerror(rc));
        return WEIR_HA_UNAVAILABLE;
    default: return WEIR_HA_UNKNOWN;
    }
}

static void on_written(int rc, const void *data)
{
    struct zookeeper_request *request = request_of(data);
    request->outstanding--;
    uint32_t failed = 0;
    while (failed < request->write_count &&
           (request->results[failed].err == ZOK || request->results[failed].err == ZRUNTIMEINCONSISTENCY))
        failed++;
    if (rc == ZNONODE && failed < request->write_count && is_create(request, failed) &&
        request->parent_rounds++ < request->write_count) {
        if (!request->answered) make_parents(request, failed);
    } else if (rc == ZOK) {
        request->phase = PHASE_READ;
        advance(request);
    } else {
        finish(request, write_outcome(request, rc));
    }
    zookeeper_request_release(request);
}

static void write_all(struct zookeeper_request *request)
{
    memset(request->results, 0, sizeof request->results);
    request->phase = PHASE_WRITE;
    called(request);
    int rc = zoo_amulti(request->session->handle, (int)request->write_count, request->writes,
        request->results, on_written, request);
    if (rc == ZOK) return;
    not_called(request);
    finish(request, WEIR_HA_UNAVAILABLE);
}

/* --- reading --- */

static void on_synced(int rc, const char *path, const void *data)
{
    struct zookeeper_request *request = request_of(data);
    request->outstanding--;
    if (rc != ZOK) zookeeper_request_fail(request);
    advance(request);
    zookeeper_request_release(request);
}

/* Told once for each connection: who may not read asks again and again. */
static void read_failed(struct zookeeper_request *request, const char *key, int rc)
{
    if (rc == ZNOAUTH && !atomic_exchange(&request->session->refusal_told, true))
        weir_log(WEIR_LOG_ERROR, LOGGER,
            "%s/%s cannot be read: %s; expected the high-availability.zookeeper.client.authorization with "
            "which it was written",
            request->session->settings.base, key, zerror(rc));
    zookeeper_request_fail(request);
}

static void on_read(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    struct zookeeper_request *request = request_of(data);
    request->outstanding--;
    if (!request->answered) {
        const char *key = request->operations[request->next_operation - 1].key;
        if (rc == ZOK)
            add_found(request, key, value, length, stat);
        else if (rc == ZNONODE)
            add_entry(request, (struct weir_ha_entry){ .key = key });
        else
            read_failed(request, key, rc);
    }
    advance(request);
    zookeeper_request_release(request);
}

struct child {
    struct zookeeper_request *request;
    const char *key;
};

static void on_child(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    const struct child *child = data;
    struct zookeeper_request *request = child->request;
    request->outstanding--;
    if (!request->answered) {
        if (rc == ZOK)
            add_found(request, child->key, value, length, stat);
        else if (rc != ZNONODE) /* it has gone meanwhile */
            read_failed(request, child->key, rc);
    }
    advance(request);
    zookeeper_request_release(request);
}

static void read_children(struct zookeeper_request *request)
{
    if (request->child_next == request->child_count) return;
    const char *parent = request->operations[request->next_operation - 1].key;
    while (!request->answered && request->child_next < request->child_count &&
           request->outstanding < ZOOKEEPER_CHILDREN_IN_FLIGHT_MAX) {
        struct child *child = WEIR_ARENA_NEW(&request->arena, struct child);
        child->request = request;
        child->key =
            weir_arena_format(&request->arena, "%s/%s", parent, request->children[request->child_next++]);
        called(request);
        if (zoo_aget(request->session->handle, path_of(request, child->key), 0, on_child, child) == ZOK)
            continue;
        not_called(request);
        zookeeper_request_fail(request);
    }
}

static void on_children(int rc, const struct String_vector *names, const void *data)
{
    struct zookeeper_request *request = request_of(data);
    request->outstanding--;
    if (!request->answered && rc == ZOK) {
        const char **children = WEIR_ARENA_ARRAY(&request->arena, const char *, names->count + 1);
        for (int32_t i = 0; i < names->count; i++)
            children[i] = weir_arena_string(&request->arena, names->data[i]);
        request->children = children;
        request->child_count = (uint32_t)names->count;
        request->child_next = 0;
    } else if (rc != ZNONODE) {
        read_failed(request, request->operations[request->next_operation - 1].key, rc);
    }
    advance(request);
    zookeeper_request_release(request);
}

static void read_operation(struct zookeeper_request *request, const struct weir_ha_operation *operation)
{
    zhandle_t *handle = request->session->handle;
    int rc = ZOK;
    if (operation->kind != WEIR_HA_READ_STALE && !request->synced) {
        /* One for all reads behind it: what was confirmed before the request was asked is seen. */
        request->synced = true;
        called(request);
        rc = zoo_async(handle, path_of(request, operation->key), on_synced, request);
        if (rc != ZOK) not_called(request);
    }
    if (rc == ZOK) {
        char *path = path_of(request, operation->key);
        called(request);
        rc = operation->kind == WEIR_HA_LIST ? zoo_aget_children(handle, path, 0, on_children, request)
                                             : zoo_aget(handle, path, 0, on_read, request);
        if (rc != ZOK) not_called(request);
    }
    if (rc != ZOK) zookeeper_request_fail(request);
}

/* The next operation's entries, in order; called whenever an answer came. */
static void advance(struct zookeeper_request *request)
{
    if (!request->answered) read_children(request);
    while (!request->answered && !request->outstanding) {
        if (request->next_operation == request->operation_count) {
            finish(request, WEIR_HA_OK);
            return;
        }
        uint32_t index = request->next_operation++;
        const struct weir_ha_operation *operation = &request->operations[index];
        if (is_read(operation->kind)) {
            request->child_count = request->child_next = 0;
            read_operation(request, operation);
        } else if (operation->kind == WEIR_HA_SET) {
            add_entry(
                request, (struct weir_ha_entry){ .key = operation->key,
                             .found = true,
                             .version = (uint64_t)request->stats[request->write_of[index]].version + 1 });
        } else if (operation->kind == WEIR_HA_CREATE || operation->kind == WEIR_HA_CREATE_EPHEMERAL) {
            add_entry(request, (struct weir_ha_entry){ .key = operation->key, .found = true, .version = 1 });
        }
    }
}

/* --- the beginning --- */

static bool key_is_valid(const char *key)
{
    size_t length = strlen(key);
    if (!length || length > WEIR_HA_KEY_BYTES_MAX || key[0] == '/' || key[length - 1] == '/') return false;
    for (const char *at = key; *at; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at == 0x7f) return false;
        bool start = at == key || at[-1] == '/';
        if (start && (*at == '/' || *at == '.')) return false;
    }
    return true;
}

static bool is_valid(const struct zookeeper_request *request)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < request->operation_count; i++) {
        const struct weir_ha_operation *operation = &request->operations[i];
        bytes += operation->length;
        if (!key_is_valid(operation->key)) {
            weir_log(
                WEIR_LOG_ERROR, LOGGER, "'%s' is no key: expected names with / between them", operation->key);
            return false;
        }
        if (operation->length <= WEIR_HA_VALUE_BYTES_MAX && bytes <= ZOOKEEPER_REQUEST_BYTES_MAX) continue;
        weir_log(WEIR_LOG_ERROR, LOGGER,
            "the value of %s, %zu bytes (%zu with what goes with it), is too large: at most %d (%d) can be "
            "kept",
            operation->key, operation->length, bytes, WEIR_HA_VALUE_BYTES_MAX, ZOOKEEPER_REQUEST_BYTES_MAX);
        return false;
    }
    return true;
}

/* A version that ZooKeeper cannot have is nobody's. */
static bool is_possible(const struct weir_ha_operation *operation)
{
    bool has_version = operation->kind == WEIR_HA_CHECK || operation->kind == WEIR_HA_SET ||
                       operation->kind == WEIR_HA_DELETE;
    bool absent = operation->kind == WEIR_HA_CHECK && operation->version == WEIR_HA_VERSION_NONE;
    return !has_version || absent || operation->version <= INT32_MAX;
}

void zookeeper_request_start(struct zookeeper_request *request)
{
    struct weir_ha_session *session = request->session;
    request->next = session->in_flight;
    if (request->next) request->next->link = &request->next;
    request->link = &session->in_flight;
    session->in_flight = request;
    atomic_fetch_add(&request->references, 1); /* it may be answered, and gone, before this ends */
    enum weir_ha_outcome refused = WEIR_HA_OK;
    if (!session->handle || session->told != WEIR_HA_CONNECTED || !is_valid(request))
        refused = WEIR_HA_UNAVAILABLE;
    for (uint32_t i = 0; refused == WEIR_HA_OK && i < request->operation_count; i++) {
        if (is_possible(&request->operations[i]))
            add_operation(request, i);
        else
            refused = WEIR_HA_CONFLICT;
    }
    if (refused != WEIR_HA_OK) {
        finish(request, refused);
    } else if (request->write_count) {
        write_all(request);
    } else {
        request->phase = PHASE_READ;
        advance(request);
    }
    zookeeper_request_release(request);
}
