/*
 * The end of a job, after its JobMaster has cleaned up: tombstone and deletion of the record in one
 * transaction, or by one write of the index. Tombstones refuse the id for at least an hour on the leader's
 * own clock; none is dropped before.
 */
#include "control/dispatcher/internal.h"
#include "base/assert.h"
#include "control/planted.h"
#include <string.h>

/* ---------------------------------------------------------------- tombstones in memory */

static void tombstone_free(struct weir_dispatcher *dispatcher, struct dispatcher_tombstone *tombstone)
{
    weir_memory_release(dispatcher->memory, tombstone->bytes, tombstone->length);
    weir_memory_release(dispatcher->memory, tombstone, sizeof *tombstone);
}

static void queue_push(struct weir_dispatcher *dispatcher, struct dispatcher_tombstone *tombstone)
{
    if (dispatcher->queue_count == dispatcher->queue_capacity) {
        uint32_t capacity = dispatcher->queue_capacity ? dispatcher->queue_capacity * 2 : 16;
        struct dispatcher_tombstone **queue =
            weir_memory_allocate(dispatcher->memory, sizeof *queue * capacity);
        for (uint32_t i = 0; i < dispatcher->queue_count; i++)
            queue[i] =
                dispatcher->tombstone_queue[(dispatcher->queue_first + i) % dispatcher->queue_capacity];
        weir_memory_release(
            dispatcher->memory, dispatcher->tombstone_queue, sizeof *queue * dispatcher->queue_capacity);
        dispatcher->tombstone_queue = queue;
        dispatcher->queue_capacity = capacity;
        dispatcher->queue_first = 0;
    }
    uint32_t at = (dispatcher->queue_first + dispatcher->queue_count++) % dispatcher->queue_capacity;
    dispatcher->tombstone_queue[at] = tombstone;
}

static struct dispatcher_tombstone *queue_pop(struct weir_dispatcher *dispatcher)
{
    struct dispatcher_tombstone *tombstone = dispatcher->tombstone_queue[dispatcher->queue_first];
    dispatcher->queue_first = (dispatcher->queue_first + 1) % dispatcher->queue_capacity;
    dispatcher->queue_count--;
    return tombstone;
}

void dispatcher__tombstone_add(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const Weir__Tombstone *content, uint64_t version, int64_t now_us)
{
    if (dispatcher__table_find(&dispatcher->tombstones, id)) return;
    struct dispatcher_tombstone *tombstone =
        weir_memory_allocate_zeroed(dispatcher->memory, sizeof *tombstone);
    tombstone->id = *id;
    tombstone->seen_us = now_us;
    tombstone->version = version;
    tombstone->length = protobuf_c_message_get_packed_size(&content->base);
    tombstone->bytes = weir_memory_allocate(dispatcher->memory, tombstone->length);
    protobuf_c_message_pack(&content->base, tombstone->bytes);
    dispatcher__table_add(&dispatcher->tombstones, &tombstone->id);
    queue_push(dispatcher, tombstone);
}

void dispatcher__tombstones_clear(struct weir_dispatcher *dispatcher)
{
    while (dispatcher->queue_count) {
        struct dispatcher_tombstone *tombstone = queue_pop(dispatcher);
        dispatcher__table_remove(&dispatcher->tombstones, &tombstone->id);
        tombstone_free(dispatcher, tombstone);
    }
}

/* ---------------------------------------------------------------- removing a job */

static const char *tombstone_key(const struct weir_job_id *id, struct weir_arena *arena)
{
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    return weir_arena_format(arena, "tombstones/%s", weir_job_id_print(id, hex));
}

void dispatcher__remove(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    /* Its JobMaster would write the record again when the epoch is raised. */
    dispatcher__job_stop(dispatcher, job, effects);
    struct weir_store_operation operations[2] = {
        { .kind = WEIR_STORE_READ, .key = weir_arena_string(effects->arena, job->record_name) },
        { .kind = WEIR_STORE_READ, .key = tombstone_key(&job->id, effects->arena) }
    };
    weir_effect_store(effects, dispatcher__job_tag(dispatcher, job, DISPATCHER_TAG_REMOVE_READ), operations,
        dispatcher->transactions ? 2 : 1);
}

void dispatcher__removed(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    dispatcher__job_stop(dispatcher, job, effects);
    dispatcher__job_free(dispatcher, job);
    dispatcher__check_end(dispatcher, effects);
}

/* With the folders of its savepoints that came to nothing: what is on its way to them arrives late. */
static Weir__JobResult *result_with_folders(const Weir__JobRecord *record, struct weir_arena *arena)
{
    Weir__JobResult *result = WEIR_PROTO_NEW(arena, Weir__JobResult, weir__job_result);
    size_t first = record->n_given_up, bytes = 0;
    *result = *record->result;
    while (first > 0 && record->n_given_up - first < DISPATCHER_GIVEN_UP_MAX) {
        bytes += strlen(record->given_up[first - 1]);
        if (bytes > DISPATCHER_GIVEN_UP_BYTES_MAX) break;
        first--;
    }
    result->given_up = record->given_up + first;
    result->n_given_up = record->n_given_up - first;
    return result;
}

/* The job's last words. */
static Weir__Tombstone *make_tombstone(
    const struct weir_job_id *id, const Weir__JobRecord *record, int64_t wall_us, struct weir_arena *arena)
{
    Weir__Tombstone *tombstone = WEIR_PROTO_NEW(arena, Weir__Tombstone, weir__tombstone);
    tombstone->job = weir_job_id_to(arena, id);
    tombstone->at_ms = wall_us / 1000;
    if (!record) return tombstone;
    tombstone->name = record->name;
    tombstone->result =
        record->result && record->n_given_up ? result_with_folders(record, arena) : record->result;
    return tombstone;
}

/* We lead when it applies: the record's version, and our leadership, for versions start again in a store that
 * was wiped. */
static uint32_t check_leads(const struct weir_dispatcher *dispatcher, struct weir_store_operation *operations,
    struct weir_arena *arena)
{
    operations[0] = (struct weir_store_operation){
        .kind = WEIR_STORE_CHECK, .key = "leader", .version = dispatcher->leader_version
    };
    operations[1] = (struct weir_store_operation){ .kind = WEIR_STORE_CHECK,
        .key = weir_leadership_key(arena, dispatcher->epoch, dispatcher->identity->incarnation) };
    return 2;
}

static void bury(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const Weir__Tombstone *tombstone, bool tombstone_is_there, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    struct weir_store_operation operations[4];
    uint32_t count = check_leads(dispatcher, operations, arena);
    if (!tombstone_is_there) {
        size_t length = protobuf_c_message_get_packed_size(&tombstone->base);
        uint8_t *bytes = weir_arena_allocate(arena, length);
        protobuf_c_message_pack(&tombstone->base, bytes);
        operations[count++] = (struct weir_store_operation){
            .kind = WEIR_STORE_CREATE, .key = tombstone_key(&job->id, arena), .value = bytes, .length = length
        };
    }
    operations[count++] = (struct weir_store_operation){ .kind = WEIR_STORE_DELETE,
        .key = weir_arena_string(arena, job->record_name),
        .version = job->record_version };
    weir_effect_store(
        effects, dispatcher__job_tag(dispatcher, job, DISPATCHER_TAG_REMOVE), operations, count);
}

void dispatcher__on_remove_read(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &event->tag.job);
    if (!job || job->request != event->tag.number || job->state != DISPATCHER_JOB_REMOVING) return;
    const struct weir_store_event *store = &event->store;
    if (store->outcome == WEIR_STORE_UNAVAILABLE || store->outcome == WEIR_STORE_UNKNOWN) {
        dispatcher__job_retry(dispatcher, job, event->now_us, effects);
        return;
    }
    const struct weir_store_entry *entry = store->entry_count ? &store->entries[0] : NULL;
    const struct weir_store_entry *stone = store->entry_count > 1 ? &store->entries[1] : NULL;
    Weir__JobRecord *record = NULL;
    struct weir_error error;
    if (entry && entry->found) {
        if (weir_job_record_decode(effects->arena, entry->value, entry->length, &record, &error)) {
            dispatcher__job_set_state(job, DISPATCHER_JOB_UNREADABLE);
            dispatcher__job_fail(job, error.message);
            weir_effect_log(effects, WEIR_CONTROL_ERROR, "job %s has ended and cannot be removed: %s",
                job->record_name, error.message);
            return;
        }
        job->record_version = entry->version;
        /* H7: no record goes before its clean-up is on record. The store was set back: once more. */
        if (record->status != WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN &&
            !WEIR_PLANTED(cleanup_before_terminal)) {
            dispatcher__job_set_state(job, DISPATCHER_JOB_ACTIVE);
            dispatcher__job_start(dispatcher, job, record, entry->version, NULL, effects);
            return;
        }
    }
    Weir__Tombstone *tombstone = make_tombstone(&job->id, record, event->wall_us, effects->arena);
    if (!dispatcher->transactions) {
        job->index_change = dispatcher__index_remove(dispatcher, &job->id, tombstone, event->now_us, effects);
        return;
    }
    bool tombstone_is_there = stone && stone->found;
    if (record) {
        bury(dispatcher, job, tombstone, tombstone_is_there, effects);
        return;
    }
    /* Gone: an earlier try, whose outcome was unknown, has done it; the tombstone says what it was. */
    ProtobufCMessage *message = NULL;
    if (tombstone_is_there) {
        if (!weir_proto_decode(&weir__tombstone__descriptor, effects->arena, stone->value, stone->length,
                WEIR_RECORD_BYTES_MAX, &message, &error))
            tombstone = (Weir__Tombstone *)message;
        dispatcher__tombstone_add(dispatcher, &job->id, tombstone, stone->version, event->now_us);
    }
    dispatcher__removed(dispatcher, job, effects);
}

void dispatcher__on_removed(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &event->tag.job);
    if (!job || job->request != event->tag.number || job->state != DISPATCHER_JOB_REMOVING) return;
    /* Also when it went well, the tombstone is read: it is what the list shows. */
    if (event->store.outcome == WEIR_STORE_OK)
        dispatcher__remove(dispatcher, job, effects);
    else
        dispatcher__job_retry(dispatcher, job, event->now_us, effects);
}

/* ---------------------------------------------------------------- old tombstones */

void dispatcher__prune(struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects)
{
    while (dispatcher->queue_count && effects->count < DISPATCHER_EFFECTS_PER_STEP_MAX) {
        struct dispatcher_tombstone *oldest = dispatcher->tombstone_queue[dispatcher->queue_first];
        bool old = now_us - oldest->seen_us >= dispatcher->options->tombstone_us;
        if (!old && !WEIR_PLANTED(tombstone_dropped)) return;
        queue_pop(dispatcher);
        dispatcher__table_remove(&dispatcher->tombstones, &oldest->id);
        if (dispatcher->transactions) {
            struct weir_store_operation operations[3];
            uint32_t count = check_leads(dispatcher, operations, effects->arena);
            operations[count++] = (struct weir_store_operation){ .kind = WEIR_STORE_DELETE,
                .key = tombstone_key(&oldest->id, effects->arena),
                .version = oldest->version };
            struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER,
                .kind = DISPATCHER_TAG_PRUNE,
                .job = oldest->id,
                .number = oldest->version };
            weir_effect_store(effects, tag, operations, count);
        } else {
            dispatcher__index_prune(dispatcher, &oldest->id, now_us, effects);
        }
        tombstone_free(dispatcher, oldest);
    }
}

/* It could not be deleted: it is remembered for another while, so that it is not forgotten in the store. */
void dispatcher__on_pruned(struct weir_dispatcher *dispatcher, const struct weir_event *event)
{
    enum weir_store_outcome outcome = event->store.outcome;
    if (outcome == WEIR_STORE_OK || outcome == WEIR_STORE_NOT_FOUND) return;
    if (dispatcher__table_find(&dispatcher->jobs, &event->tag.job)) return;
    Weir__Tombstone none;
    weir__tombstone__init(&none);
    dispatcher__tombstone_add(dispatcher, &event->tag.job, &none, event->tag.number, event->now_us);
}

/* ---------------------------------------------------------------- the end of the cluster */

static const Weir__JobResult *result_of(
    const struct dispatcher_tombstone *tombstone, struct weir_arena *arena)
{
    ProtobufCMessage *message;
    struct weir_error error;
    if (weir_proto_decode(&weir__tombstone__descriptor, arena, tombstone->bytes, tombstone->length,
            WEIR_RECORD_BYTES_MAX, &message, &error))
        return NULL;
    return ((Weir__Tombstone *)message)->result;
}

/* Ends when nothing is left but what cannot be read. */
void dispatcher__check_end(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    if (dispatcher->state != DISPATCHER_SERVING || dispatcher->shutdown_told) return;
    const struct dispatcher_tombstone *application =
        dispatcher->options->application_mode && !dispatcher->options->outlives_application
            ? dispatcher__table_find(&dispatcher->tombstones, &dispatcher->application)
            : NULL;
    if (!dispatcher->shutting_down && !application) return;
    for (uint32_t i = 0; i < dispatcher->jobs.capacity; i++) {
        const struct dispatcher_job *job = (const struct dispatcher_job *)dispatcher->jobs.slots[i];
        if (job && job->state != DISPATCHER_JOB_UNREADABLE) return;
    }
    dispatcher->shutdown_told = true;
    struct weir_local_message message = { .kind = WEIR_LOCAL_SHUTDOWN,
        .result = application ? result_of(application, effects->arena) : NULL };
    weir_effect_local(effects, WEIR_ROLE_LEADER, NULL, &message);
    message.kind = WEIR_LOCAL_END_WORKERS;
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
}
