/*
 * Stores without transactions (4.1): one index names the records that exist. A new leader first writes its
 * epoch into it; a record is created under a fresh name and then named; on removal one write drops the name
 * and adds the tombstone, then the record goes. A record that the index does not name does not exist.
 */
#include "control/dispatcher/internal.h"
#include "base/assert.h"
#include <string.h>

void dispatcher__index_done(struct weir_dispatcher *dispatcher)
{
    if (dispatcher->index_live) weir_record_done(&dispatcher->index);
    dispatcher->index_live = false;
}

/* H1: whose write has fenced it? When it was a larger epoch's, the leader takes one above it. An earlier
 * leader's has, where this one slept through it and the store was wiped since, so that nobody deposed it:
 * then, too, under a larger epoch, what there is is read again, as that leader left it. */
void dispatcher__index_look(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    struct weir_store_operation operation = { .kind = WEIR_STORE_READ, .key = "index" };
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_INDEX_LOOK };
    weir_effect_store(effects, tag, &operation, 1);
}

void dispatcher__on_index_look(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    if (!dispatcher->index_live || dispatcher->index.state != WEIR_RECORD_FENCED) return;
    ProtobufCMessage *message = NULL;
    struct weir_error error;
    if (store->outcome != WEIR_STORE_OK || !store->entry_count || !store->entries[0].found ||
        weir_proto_decode(&weir__job_index__descriptor, effects->arena, store->entries[0].value,
            store->entries[0].length, WEIR_RECORD_INDEX_BYTES_MAX, &message, &error))
        return; /* housekeeping asks again */
    const Weir__JobIndex *index = (const Weir__JobIndex *)message;
    if (index->epoch > DISPATCHER_EPOCH_MAX) return;
    if (dispatcher__is_of_later_leader(dispatcher, index->epoch, index->writer_incarnation))
        dispatcher__tell_epoch_seen(dispatcher, index->epoch, index->writer_incarnation, effects);
    else
        dispatcher__want_epoch(dispatcher, effects);
}

void dispatcher__index_read(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    dispatcher__index_done(dispatcher);
    struct weir_store_operation operation = { .kind = WEIR_STORE_READ, .key = "index" };
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_INDEX_READ };
    tag.number = dispatcher->recovery_request = ++dispatcher->requests;
    weir_effect_store(effects, tag, &operation, 1);
}

void dispatcher__on_index_read(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_store_event *store = &event->store;
    if (event->tag.number != dispatcher->recovery_request) return;
    if (store->outcome == WEIR_STORE_UNAVAILABLE || store->outcome == WEIR_STORE_UNKNOWN) {
        dispatcher__recover_again(dispatcher, event->now_us, effects);
        return;
    }
    Weir__JobIndex empty;
    weir__job_index__init(&empty);
    empty.format = WEIR_RECORD_FORMAT;
    const Weir__JobIndex *index = &empty;
    uint64_t version = 0;
    if (store->entry_count && store->entries[0].found) {
        ProtobufCMessage *message = NULL;
        struct weir_error error;
        enum weir_error_code code = weir_proto_decode(&weir__job_index__descriptor, effects->arena,
            store->entries[0].value, store->entries[0].length, WEIR_RECORD_INDEX_BYTES_MAX, &message, &error);
        index = (const Weir__JobIndex *)message;
        if (!code && (index->format != WEIR_RECORD_FORMAT || index->epoch > DISPATCHER_EPOCH_MAX))
            code = weir_error_set(&error, WEIR_E_STATE, "it has format %u, this version of Weir reads %u",
                index->format, WEIR_RECORD_FORMAT);
        if (code) {
            /* Which jobs there are is known to nobody then: nothing is written over it. */
            if (!dispatcher->recovery_tries)
                weir_effect_log(
                    effects, WEIR_CONTROL_ERROR, "the job index cannot be read: %s", error.message);
            dispatcher__recover_again(dispatcher, event->now_us, effects);
            return;
        }
        version = store->entries[0].version;
    }
    if (dispatcher__is_of_later_leader(dispatcher, index->epoch, index->writer_incarnation)) {
        dispatcher->waits_for_epoch = true;
        dispatcher__tell_epoch_seen(dispatcher, index->epoch, index->writer_incarnation, effects);
        dispatcher__recover_again(dispatcher, event->now_us, effects);
        return;
    }
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_INDEX };
    weir_record_init_index(&dispatcher->index, dispatcher->memory, "index", tag, index, version,
        dispatcher->epoch, dispatcher->identity->incarnation);
    dispatcher->index.suspended = dispatcher->suspended;
    dispatcher->index_live = true;
    dispatcher->index_recovered_change = weir_record_claim(&dispatcher->index, event->now_us, effects);
}

/* The index carries our epoch: what it names is what there is. */
static void recover_named(struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects)
{
    const Weir__JobIndex *index = dispatcher->index.confirmed_index;
    dispatcher->index_recovered_change = 0;
    for (size_t i = 0; i < index->n_tombstones; i++) {
        struct weir_job_id id;
        if (weir_job_id_from(&index->tombstones[i]->job, &id))
            dispatcher__tombstone_add(dispatcher, &id, index->tombstones[i], 0, now_us);
    }
    dispatcher->recovery_listed = true;
    dispatcher->recovery_pending = 0;
    for (size_t i = 0; i < index->n_jobs; i++) {
        struct weir_job_id id;
        const char *name = index->jobs[i]->record;
        if (!weir_job_id_from(&index->jobs[i]->job, &id) || dispatcher__table_find(&dispatcher->jobs, &id))
            continue;
        struct dispatcher_job *job = dispatcher__job_new(dispatcher, &id, "", DISPATCHER_JOB_LOADING);
        memcpy(job->record_name, name, WEIR_MIN(strlen(name), sizeof job->record_name - 1));
        dispatcher->recovery_pending++;
        /* The rest when there is room: the timer of each job tries again. */
        if (effects->count < DISPATCHER_EFFECTS_PER_STEP_MAX)
            dispatcher__load(dispatcher, job, effects);
        else
            dispatcher__job_retry(dispatcher, job, now_us, effects);
    }
    dispatcher__recovery_check(dispatcher, effects);
}

/* What waited for the index. */
static void go_on(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    job->index_change = 0;
    if (job->state == DISPATCHER_JOB_CREATING) {
        dispatcher__job_answer(job, WEIR__REPLY_CODE__REPLY_OK, "", effects);
        dispatcher__submission_done(dispatcher, job);
        dispatcher__job_set_state(job, DISPATCHER_JOB_LOADING); /* as every record that exists */
        dispatcher__load(dispatcher, job, effects);
    } else if (job->state == DISPATCHER_JOB_REMOVING) {
        /* Nothing names it any more; should this be lost, the sweep finds it. */
        struct weir_store_operation operation = { .kind = WEIR_STORE_DELETE,
            .key = weir_arena_string(effects->arena, job->record_name),
            .version = job->record_version };
        weir_effect_store(
            effects, dispatcher__job_tag(dispatcher, job, DISPATCHER_TAG_DELETE), &operation, 1);
        dispatcher__removed(dispatcher, job, effects);
    }
}

void dispatcher__index_continue(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    dispatcher->index_more = false;
    for (uint32_t i = 0; i < dispatcher->jobs.capacity;) {
        struct dispatcher_job *job = (struct dispatcher_job *)dispatcher->jobs.slots[i];
        bool ready =
            job && job->index_change && weir_record_is_confirmed(&dispatcher->index, job->index_change);
        if (ready && effects->count >= DISPATCHER_EFFECTS_PER_STEP_MAX) {
            effects->more = dispatcher->index_more = true;
            return;
        }
        uint32_t count = dispatcher->jobs.count;
        if (ready) go_on(dispatcher, job, effects);
        /* A removal moves others into its place. */
        if (dispatcher->jobs.count == count) i++;
    }
}

void dispatcher__on_index(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (!dispatcher->index_live || !weir_record_on_event(&dispatcher->index, event, effects)) return;
    if (dispatcher->index.state == WEIR_RECORD_FENCED) {
        weir_effect_log(effects, WEIR_CONTROL_WARN, "the job index was written by another leader");
        struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_FENCED };
        weir_effect_local(effects, WEIR_ROLE_LEADER, NULL, &message);
        if (dispatcher->state == DISPATCHER_RECOVERING)
            dispatcher__recover_again(dispatcher, event->now_us, effects);
        else
            dispatcher__index_look(dispatcher, effects);
        return;
    }
    if (!dispatcher->index_recovered_change)
        dispatcher__index_continue(dispatcher, effects);
    else if (weir_record_is_confirmed(&dispatcher->index, dispatcher->index_recovered_change))
        recover_named(dispatcher, event->now_us, effects);
}

/* ---------------------------------------------------------------- changes */

static bool is_job(const ProtobufCBinaryData *bytes, const struct weir_job_id *id)
{
    struct weir_job_id other;
    return weir_job_id_from(bytes, &other) && weir_job_id_equal(&other, id);
}

uint64_t dispatcher__index_add(struct weir_dispatcher *dispatcher, const struct dispatcher_job *job,
    int64_t now_us, struct weir_effects *effects)
{
    Weir__JobIndex *index = dispatcher->index.wanted_index;
    struct weir_arena *arena = weir_record_arena(&dispatcher->index);
    Weir__JobIndexEntry *entry = WEIR_PROTO_NEW(arena, Weir__JobIndexEntry, weir__job_index_entry);
    entry->job = weir_job_id_to(arena, &job->id);
    entry->record = weir_arena_string(arena, job->record_name);
    Weir__JobIndexEntry **jobs = WEIR_ARENA_ARRAY(arena, Weir__JobIndexEntry *, index->n_jobs + 1);
    if (index->n_jobs) memcpy(jobs, index->jobs, sizeof *jobs * index->n_jobs);
    jobs[index->n_jobs++] = entry;
    index->jobs = jobs;
    return weir_record_changed(&dispatcher->index, now_us, effects);
}

/* So that what is written can be read: half of the room is for tombstones that say all, three quarters are
 * for all but what is going on. */
static bool has_used(const struct weir_dispatcher *dispatcher, uint32_t quarters)
{
    size_t most = dispatcher->options->index_bytes_max;
    if (!most) most = WEIR_RECORD_INDEX_BYTES_MAX;
    return protobuf_c_message_get_packed_size(&dispatcher->index.wanted_index->base) > most / 4 * quarters;
}

bool dispatcher__index_is_full(const struct weir_dispatcher *dispatcher)
{
    return dispatcher->index_live && has_used(dispatcher, 3);
}

/* It refuses its id, and says how the job has ended. */
static const Weir__Tombstone *cut(const Weir__Tombstone *tombstone, struct weir_arena *arena)
{
    Weir__Tombstone *bare = WEIR_PROTO_NEW(arena, Weir__Tombstone, weir__tombstone);
    bare->job = tombstone->job;
    bare->at_ms = tombstone->at_ms;
    if (!tombstone->result) return bare;
    bare->result = WEIR_PROTO_NEW(arena, Weir__JobResult, weir__job_result);
    bare->result->state = tombstone->result->state;
    bare->result->started_ms = tombstone->result->started_ms;
    bare->result->ended_ms = tombstone->result->ended_ms;
    return bare;
}

uint64_t dispatcher__index_remove(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const Weir__Tombstone *tombstone, int64_t now_us, struct weir_effects *effects)
{
    Weir__JobIndex *index = dispatcher->index.wanted_index;
    struct weir_arena *arena = weir_record_arena(&dispatcher->index);
    size_t kept = 0;
    for (size_t i = 0; i < index->n_jobs; i++)
        if (!is_job(&index->jobs[i]->job, id)) index->jobs[kept++] = index->jobs[i];
    index->n_jobs = kept;
    if (!dispatcher__table_find(&dispatcher->tombstones, id)) {
        Weir__Tombstone **tombstones = WEIR_ARENA_ARRAY(arena, Weir__Tombstone *, index->n_tombstones + 1);
        if (index->n_tombstones)
            memcpy(tombstones, index->tombstones, sizeof *tombstones * index->n_tombstones);
        const Weir__Tombstone *kept_stone = has_used(dispatcher, 2) ? cut(tombstone, arena) : tombstone;
        tombstones[index->n_tombstones++] = WEIR_PROTO_COPY(arena, kept_stone);
        index->tombstones = tombstones;
        dispatcher__tombstone_add(dispatcher, id, tombstone, 0, now_us);
    }
    return weir_record_changed(&dispatcher->index, now_us, effects);
}

uint64_t dispatcher__index_prune(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    int64_t now_us, struct weir_effects *effects)
{
    Weir__JobIndex *index = dispatcher->index.wanted_index;
    size_t kept = 0;
    for (size_t i = 0; i < index->n_tombstones; i++)
        if (!is_job(&index->tombstones[i]->job, id)) index->tombstones[kept++] = index->tombstones[i];
    index->n_tombstones = kept;
    return weir_record_changed(&dispatcher->index, now_us, effects);
}
