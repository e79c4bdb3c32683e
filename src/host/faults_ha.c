#include "host/faults.h"
#include "os/fault.h"
#include "proto/codec.h"
#include <string.h>

enum { RECORDS_REMEMBERED = 64 };

/* What a record said when this process saw it last: the next write is named after what it changes. */
struct record_memory {
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    uint64_t epoch, reserved, checkpoint;
    Weir__TargetKind target;
    size_t savepoints;
    Weir__RecordStatus status;
};

/* A request on its way whose answer passes a fault point. */
struct faulty_request {
    struct faulty_request *next;
    uint64_t number;
    const char *point;
};

struct faulty_session {
    struct weir_ha_session *real;
    struct weir_memory *memory;
    struct weir_ha_host host, *loop; /* handed to the driver; the one of whoever opened it */
    struct faulty_request *requests;
    struct record_memory records[RECORDS_REMEMBERED];
    uint32_t record_next;
};

static const struct weir_ha_driver *real_driver;

static struct faulty_session *session_of(struct weir_ha_session *session)
{
    return (struct faulty_session *)session;
}

static struct record_memory *remembered(struct faulty_session *session, const char *key)
{
    for (uint32_t i = 0; i < RECORDS_REMEMBERED; i++)
        if (strcmp(session->records[i].key, key) == 0) return &session->records[i];
    return NULL;
}

static struct record_memory describe(const char *key, const Weir__JobRecord *record)
{
    struct record_memory memory = { .epoch = record->epoch,
        .reserved = record->checkpoint_id_reserved,
        .checkpoint = record->n_checkpoints ? record->checkpoints[record->n_checkpoints - 1]->id : 0,
        .target = record->target ? record->target->kind : WEIR__TARGET_KIND__TARGET_RUN,
        .savepoints = record->n_savepoints,
        .status = record->status };
    size_t length = strnlen(key, sizeof memory.key - 1);
    memcpy(memory.key, key, length);
    memory.key[length] = 0;
    return memory;
}

static const char *change(const struct record_memory *old, const struct record_memory *new)
{
    if (!old || old->epoch != new->epoch) return "record.claim";
    if (old->status != new->status)
        return new->status == WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY ? "record.dirty" : "record.clean";
    if (old->checkpoint != new->checkpoint) return "record.checkpoint";
    if (old->target != new->target || old->savepoints != new->savepoints) return "record.target";
    return old->reserved != new->reserved ? "record.reserve" : "record.write";
}

/* The point that a write of a job's record is, and what the record says from now on. */
static const char *note_record(
    struct faulty_session *session, const char *key, const uint8_t *value, size_t length)
{
    const char *point = "record.write";
    struct weir_arena arena;
    weir_arena_init(&arena, session->memory);
    Weir__JobRecord *record;
    if (!weir_job_record_decode(&arena, value, length, &record, NULL)) {
        struct record_memory new = describe(key, record), *old = remembered(session, key);
        point = change(old, &new);
        if (!old) old = &session->records[session->record_next++ % RECORDS_REMEMBERED];
        *old = new;
    }
    weir_arena_done(&arena);
    return point;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static const char *point_of(struct faulty_session *session, const struct weir_ha_operation *operation)
{
    bool creates = operation->kind == WEIR_HA_CREATE, sets = operation->kind == WEIR_HA_SET;
    if (operation->kind == WEIR_HA_CREATE_EPHEMERAL) return "candidate.create";
    if (operation->kind == WEIR_HA_DELETE && begins(operation->key, "jobs/")) return "record.delete";
    if (!creates && !sets) return NULL;
    if (strcmp(operation->key, "leader") == 0) return "leader.write";
    if (strcmp(operation->key, "index") == 0) return "index.write";
    if (begins(operation->key, "tombstones/")) return "tombstone.write";
    if (!begins(operation->key, "jobs/")) return NULL;
    const char *point = note_record(session, operation->key, operation->value, operation->length);
    return creates ? "record.create" : point;
}

/* --- what the driver says --- */

static struct faulty_session *owner_of(struct weir_ha_host *host)
{
    return host->owner;
}

static void faulty_post(struct weir_ha_host *host, void (*call)(void *argument), void *argument)
{
    struct weir_ha_host *loop = owner_of(host)->loop;
    loop->post(loop, call, argument);
}

static void faulty_state(struct weir_ha_host *host, enum weir_ha_state state, int64_t session_timeout_us)
{
    struct weir_ha_host *loop = owner_of(host)->loop;
    loop->state(loop, state, session_timeout_us);
}

static void faulty_changed(struct weir_ha_host *host, const char *key)
{
    struct weir_ha_host *loop = owner_of(host)->loop;
    loop->changed(loop, key);
}

static void faulty_died(struct weir_ha_host *host, const char *key, const uint8_t *value, size_t length)
{
    struct weir_ha_host *loop = owner_of(host)->loop;
    loop->died(loop, key, value, length);
}

static const char *take_point(struct faulty_session *session, uint64_t number)
{
    struct faulty_request **at = &session->requests;
    while (*at && (*at)->number != number) at = &(*at)->next;
    if (!*at) return NULL;
    struct faulty_request *request = *at;
    const char *point = request->point;
    *at = request->next;
    weir_memory_release(session->memory, request, sizeof *request);
    return point;
}

static void faulty_done(struct weir_ha_host *host, uint64_t number, enum weir_ha_outcome outcome,
    const struct weir_ha_entry *entries, uint32_t entry_count)
{
    struct faulty_session *session = owner_of(host);
    const char *point = take_point(session, number);
    for (uint32_t i = 0; i < entry_count; i++)
        if (entries[i].found && entries[i].key && entries[i].value && begins(entries[i].key, "jobs/"))
            (void)note_record(session, entries[i].key, entries[i].value, entries[i].length);
    if (point && outcome == WEIR_HA_OK && weir_fault_at(point, true))
        session->loop->done(session->loop, number, WEIR_HA_UNKNOWN, NULL, 0);
    else
        session->loop->done(session->loop, number, outcome, entries, entry_count);
}

/* --- what the loop asks for --- */

static enum weir_error_code faulty_open(
    const struct weir_ha_config *config, struct weir_ha_session **ret, struct weir_error *reterr)
{
    struct faulty_session *session = weir_memory_allocate_zeroed(config->memory, sizeof *session);
    session->memory = config->memory;
    session->loop = config->host;
    session->host = (struct weir_ha_host){ .owner = session,
        .post = faulty_post,
        .state = faulty_state,
        .done = faulty_done,
        .changed = faulty_changed,
        .died = faulty_died };
    struct weir_ha_config inner = *config;
    inner.host = &session->host;
    enum weir_error_code code = real_driver->open(&inner, &session->real, reterr);
    if (code)
        weir_memory_release(config->memory, session, sizeof *session);
    else
        *ret = (struct weir_ha_session *)session;
    return code;
}

struct refused_request {
    struct faulty_session *session;
    uint64_t number;
};

static void tell_refused(void *argument)
{
    struct refused_request refused = *(struct refused_request *)argument;
    weir_memory_release(refused.session->memory, argument, sizeof refused);
    refused.session->loop->done(refused.session->loop, refused.number, WEIR_HA_UNAVAILABLE, NULL, 0);
}

static void refuse(struct faulty_session *session, uint64_t number)
{
    struct refused_request *refused = weir_memory_allocate(session->memory, sizeof *refused);
    *refused = (struct refused_request){ session, number };
    session->loop->post(session->loop, tell_refused, refused);
}

static void faulty_submit(struct weir_ha_session *ha, uint64_t number,
    const struct weir_ha_operation *operations, uint32_t operation_count)
{
    struct faulty_session *session = session_of(ha);
    const char *point = NULL;
    for (uint32_t i = 0; i < operation_count && !point; i++) point = point_of(session, &operations[i]);
    if (point && weir_fault_at(point, false)) {
        refuse(session, number);
        return;
    }
    if (point) {
        struct faulty_request *request = weir_memory_allocate(session->memory, sizeof *request);
        *request = (struct faulty_request){ session->requests, number, point };
        session->requests = request;
    }
    real_driver->submit(session->real, number, operations, operation_count);
}

static void faulty_watch(struct weir_ha_session *ha, const char *key)
{
    real_driver->watch(session_of(ha)->real, key);
}

static void faulty_beat(struct weir_ha_session *ha)
{
    if (real_driver->beat) real_driver->beat(session_of(ha)->real);
}

/* The session itself stays: a refusal may still be on its way through the loop, which ends with the process.
 */
static void faulty_close(struct weir_ha_session *ha)
{
    real_driver->close(session_of(ha)->real);
}

const struct weir_ha_driver *weir_faults_ha(const struct weir_ha_driver *driver)
{
    static struct weir_ha_driver wrapped;
    if (!weir_fault_armed()) return driver;
    real_driver = driver;
    wrapped = *driver;
    wrapped.open = faulty_open;
    wrapped.submit = faulty_submit;
    wrapped.watch = faulty_watch;
    wrapped.beat = faulty_beat;
    wrapped.close = faulty_close;
    return &wrapped;
}
