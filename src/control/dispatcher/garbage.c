/*
 * H10, asked for: what the leader would sweep in time it looks for at once, says, and unless it is only to
 * say so, deletes. The rules are those of the sweeps (sweep.c, leftovers.c): plans and records that nothing
 * names, what jobs that have ended got after their clean-up. What a running job has given up its JobMaster
 * says, and deletes. And what no sweep takes: checkpoints that never became complete, of jobs that nobody
 * knows any more, in the cluster's own folder.
 */
#include "control/dispatcher/internal.h"
#include "control/uncommitted.h"
#include <string.h>

/* In tag.number: which place a list is of, and which collection it belongs to. */
enum { PLACE_PLANS = 0, PLACE_CHECKPOINTS = 0xfffe, PLACE_RECORDS = 0xffff, PLACE_BITS = 16 };

static struct weir_tag tag_of(const struct weir_dispatcher *dispatcher, uint64_t place)
{
    return (struct weir_tag){ .role = WEIR_ROLE_DISPATCHER,
        .kind = DISPATCHER_TAG_GARBAGE,
        .number = dispatcher->garbage.number << PLACE_BITS | place };
}

void dispatcher__garbage_clear(struct weir_dispatcher *dispatcher)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    if (!garbage->active) return;
    weir_arena_done(&garbage->arena);
    *garbage = (struct dispatcher_garbage){ .number = garbage->number };
}

static void add(struct weir_dispatcher *dispatcher, const char *path, uint64_t bytes, const char *why)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    Weir__GarbageItem *item = WEIR_PROTO_NEW(&garbage->arena, Weir__GarbageItem, weir__garbage_item);
    item->path = weir_arena_string(&garbage->arena, path);
    item->bytes = bytes;
    item->why = (char *)why;
    garbage->bytes += bytes;
    garbage->items[garbage->item_count++] = item;
}

static void finish(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    Weir__ClientReply *reply = WEIR_PROTO_NEW(effects->arena, Weir__ClientReply, weir__client_reply);
    reply->code = WEIR__REPLY_CODE__REPLY_OK;
    reply->garbage = WEIR_PROTO_NEW(effects->arena, Weir__Garbage, weir__garbage);
    reply->garbage->n_items = garbage->item_count;
    reply->garbage->items = garbage->items;
    reply->garbage->bytes = garbage->bytes;
    reply->garbage->more = garbage->cut;
    reply->garbage->deleted = !garbage->dry_run;
    if (garbage->failed) {
        reply->code = WEIR__REPLY_CODE__REPLY_UNAVAILABLE;
        reply->text = (char *)"the storage or the coordination store does not answer, try again";
    }
    reply = WEIR_PROTO_COPY(effects->arena, reply); /* what it refers to is about to go */
    weir_effect_send(
        effects, garbage->from, WEIR_ROLE_CLIENT, NULL, garbage->request, WEIR__ENVELOPE__BODY_REPLY, reply);
    if (!garbage->dry_run && garbage->item_count)
        weir_effect_log(effects, WEIR_CONTROL_INFO, "Collected %u objects that nothing names, %llu bytes.",
            garbage->item_count, (unsigned long long)garbage->bytes);
    if (!garbage->dry_run) dispatcher->swept += garbage->item_count;
    dispatcher__garbage_clear(dispatcher);
}

/* ---------------------------------------------------------------- asking */

static void list_blobs(struct weir_dispatcher *dispatcher, struct weir_tag tag, struct weir_blob_effect list,
    struct weir_effects *effects)
{
    dispatcher->garbage.waiting++;
    weir_effect_blob(effects, tag, list);
}

/* The job travels in the tag: its tombstone is looked up again when the answer comes. */
static void list_leftovers(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    for (uint32_t i = 0; i < dispatcher->queue_count; i++) {
        const struct dispatcher_tombstone *tombstone =
            dispatcher->tombstone_queue[(dispatcher->queue_first + i) % dispatcher->queue_capacity];
        const Weir__JobResult *result = dispatcher__leftovers_of(tombstone, effects->arena);
        if (!result) continue;
        uint64_t places = dispatcher__leftover_places(result);
        if (garbage->waiting + places > DISPATCHER_GARBAGE_LISTS_MAX) {
            garbage->cut = true;
            return;
        }
        for (uint64_t place = 0; place < places; place++) {
            struct weir_tag tag = tag_of(dispatcher, place);
            struct weir_blob_effect list;
            tag.job = tombstone->id;
            if (dispatcher__leftover_list(result, place, &list, effects->arena))
                list_blobs(dispatcher, tag, list, effects);
        }
    }
}

/* Each says once what it has found, or is stopped (dispatcher__garbage_left()). */
static void ask_jobmasters(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    for (uint32_t i = 0; i < dispatcher->jobs.capacity; i++) {
        struct dispatcher_job *job = (struct dispatcher_job *)dispatcher->jobs.slots[i];
        if (!job || !job->jobmaster || !job->claimed || job->state != DISPATCHER_JOB_ACTIVE) continue;
        if (garbage->waiting >= DISPATCHER_GARBAGE_LISTS_MAX) {
            garbage->cut = true;
            return;
        }
        struct weir_local_message message = { .kind = WEIR_LOCAL_GARBAGE,
            .from = WEIR_ROLE_DISPATCHER,
            .job = job->id,
            .garbage = { .number = garbage->number, .dry_run = garbage->dry_run } };
        weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &message);
        job->garbage = garbage->number;
        garbage->waiting++;
    }
}

void dispatcher__collect_garbage(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    if (garbage->active) {
        dispatcher__reply(event->from, event->envelope->request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "another collection is under way, try again", effects);
        return;
    }
    *garbage = (struct dispatcher_garbage){ .active = true,
        .dry_run = event->envelope->collect_garbage->dry_run,
        .from = event->from,
        .request = event->envelope->request,
        .number = garbage->number + 1 };
    weir_arena_init(&garbage->arena, dispatcher->memory);
    garbage->items = WEIR_ARENA_ARRAY(&garbage->arena, Weir__GarbageItem *, DISPATCHER_GARBAGE_MAX);
    struct weir_blob_effect plans = { .operation = WEIR_BLOB_LIST,
        .path = weir_arena_format(effects->arena, "%s/plans", dispatcher->options->storage_directory) };
    list_blobs(dispatcher, tag_of(dispatcher, PLACE_PLANS), plans, effects);
    struct weir_blob_effect checkpoints = { .operation = WEIR_BLOB_LIST,
        .path = weir_arena_format(effects->arena, "%s/checkpoints", dispatcher->options->storage_directory) };
    list_blobs(dispatcher, tag_of(dispatcher, PLACE_CHECKPOINTS), checkpoints, effects);
    list_leftovers(dispatcher, effects);
    ask_jobmasters(dispatcher, effects);
    if (dispatcher->transactions) return;
    struct weir_store_operation operation = { .kind = WEIR_STORE_LIST, .key = "jobs" };
    garbage->waiting++;
    weir_effect_store(effects, tag_of(dispatcher, PLACE_RECORDS), &operation, 1);
}

/* ---------------------------------------------------------------- answers */

static bool is_full(struct dispatcher_garbage *garbage)
{
    garbage->cut |= garbage->item_count == DISPATCHER_GARBAGE_MAX;
    return garbage->item_count == DISPATCHER_GARBAGE_MAX;
}

static void found_file(struct weir_dispatcher *dispatcher, const char *path, int64_t bytes, const char *why,
    struct weir_effects *effects)
{
    add(dispatcher, path, (uint64_t)WEIR_MAX(bytes, (int64_t)0), why);
    if (dispatcher->garbage.dry_run) return;
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_DELETE };
    weir_effect_blob(effects, tag,
        (struct weir_blob_effect){
            .operation = WEIR_BLOB_DELETE, .path = weir_arena_string(effects->arena, path) });
}

static void files_listed(struct weir_dispatcher *dispatcher, const struct weir_event *event, uint64_t place,
    bool of_job, struct weir_effects *effects)
{
    const Weir__JobResult *result = NULL;
    if (of_job) {
        struct dispatcher_tombstone *tombstone =
            dispatcher__table_find(&dispatcher->tombstones, &event->tag.job);
        if (tombstone && !dispatcher__table_find(&dispatcher->jobs, &event->tag.job))
            result = dispatcher__leftovers_of(tombstone, effects->arena);
        if (!result || place >= dispatcher__leftover_places(result)) return;
    }
    const char *why = !of_job                          ? "a plan that no job names"
                      : !place                         ? "of a job that has ended"
                      : place <= result->n_uncommitted ? "begun by a sink of a job that has ended"
                                                       : "of a savepoint that came to nothing";
    for (uint32_t i = 0; i < event->blob.name_count; i++) {
        const char *path = event->blob.names[i];
        bool may_go = of_job ? dispatcher__leftover_may_go(result, place, path)
                             : dispatcher__plan_may_go(dispatcher, path);
        if (!may_go) continue;
        if (is_full(&dispatcher->garbage)) return;
        found_file(dispatcher, path, event->blob.size_bytes ? event->blob.size_bytes[i] : 0, why, effects);
    }
}

/* Whose folder below the cluster's own checkpoints the file is in. */
static bool parse_owner(const struct weir_dispatcher *dispatcher, const char *path, struct weir_job_id *ret)
{
    static const char folder[] = "/checkpoints/";
    const char *storage = dispatcher->options->storage_directory;
    size_t length = strlen(storage);
    char hex[WEIR_JOB_ID_TEXT_BYTES] = { 0 };
    if (strncmp(path, storage, length) != 0 || strncmp(path + length, folder, sizeof folder - 1) != 0)
        return false;
    path += length + sizeof folder - 1;
    if (strnlen(path, 33) < 33 || path[32] != '/') return false;
    memcpy(hex, path, 32);
    return weir_job_id_parse(hex, ret);
}

static bool is_metadata(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && strcmp(slash, "/_metadata") == 0;
}

/* Of the files first to end - 1, which are all of a job's: there is neither record nor tombstone, nothing
 * could be restored from them, for none is metadata, and nobody has been writing there for long. A checkpoint
 * that is complete may be one that its user keeps. */
static bool is_abandoned(const struct weir_dispatcher *dispatcher, const struct weir_event *event,
    const struct weir_job_id *job, uint32_t first, uint32_t end)
{
    if (dispatcher__table_find(&dispatcher->jobs, job) ||
        dispatcher__table_find(&dispatcher->tombstones, job))
        return false;
    for (uint32_t i = first; i < end; i++) {
        if (is_metadata(event->blob.names[i])) return false;
        int64_t modified_us = event->blob.modified_us ? event->blob.modified_us[i] : 0;
        if (modified_us <= 0 || event->wall_us - modified_us < DISPATCHER_ABANDONED_AFTER_US) return false;
    }
    return true;
}

/* A listing has the files of a folder next to each other; one that may have been cut short says nothing of
 * what is not in it. */
static void checkpoints_listed(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->blob.name_count >= DISPATCHER_LISTED_WHOLE_MAX) {
        dispatcher->garbage.cut = true;
        return;
    }
    uint32_t end;
    for (uint32_t first = 0; first < event->blob.name_count; first = end) {
        struct weir_job_id job, next;
        end = first + 1;
        if (!parse_owner(dispatcher, event->blob.names[first], &job)) continue;
        while (end < event->blob.name_count && parse_owner(dispatcher, event->blob.names[end], &next) &&
               weir_job_id_equal(&job, &next))
            end++;
        if (!is_abandoned(dispatcher, event, &job, first, end)) continue;
        for (uint32_t i = first; i < end; i++) {
            if (is_full(&dispatcher->garbage)) return;
            found_file(dispatcher, event->blob.names[i],
                event->blob.size_bytes ? event->blob.size_bytes[i] : 0,
                "of no complete checkpoint, of a job that nobody knows", effects);
        }
    }
}

static void records_listed(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < event->store.entry_count; i++) {
        const struct weir_store_entry *entry = &event->store.entries[i];
        if (!dispatcher__record_may_go(dispatcher, entry->key)) continue;
        if (is_full(&dispatcher->garbage)) return;
        add(dispatcher, entry->key, entry->length, "a record that the index does not name");
        if (dispatcher->garbage.dry_run) continue;
        struct weir_store_operation operation = { .kind = WEIR_STORE_DELETE,
            .key = weir_arena_string(effects->arena, entry->key),
            .version = entry->version };
        struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_DELETE };
        weir_effect_store(effects, tag, &operation, 1);
    }
}

void dispatcher__on_garbage_listed(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    if (!garbage->active || event->tag.number >> PLACE_BITS != garbage->number) return;
    uint64_t place = event->tag.number & ((1u << PLACE_BITS) - 1);
    bool knows = dispatcher->state == DISPATCHER_SERVING && !dispatcher->suspended;
    static const struct weir_job_id nobody;
    if (event->kind == WEIR_EVENT_STORE_DONE) {
        garbage->failed |= !knows || event->store.outcome != WEIR_STORE_OK;
        if (!garbage->failed) records_listed(dispatcher, event, effects);
    } else {
        garbage->failed |= !knows || event->blob.outcome != WEIR_BLOB_OK;
        bool of_job = !weir_job_id_equal(&event->tag.job, &nobody);
        if (!garbage->failed && place == PLACE_CHECKPOINTS && !of_job)
            checkpoints_listed(dispatcher, event, effects);
        else if (!garbage->failed)
            files_listed(dispatcher, event, place, of_job, effects);
    }
    if (--garbage->waiting == 0) finish(dispatcher, effects);
}

/* False: it was not asked, or has answered. */
static bool is_awaited(const struct weir_dispatcher *dispatcher, struct dispatcher_job *job)
{
    bool awaited = dispatcher->garbage.active && job->garbage == dispatcher->garbage.number;
    job->garbage = 0;
    return awaited;
}

void dispatcher__on_garbage_found(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const struct weir_local_message *message, struct weir_effects *effects)
{
    struct dispatcher_garbage *garbage = &dispatcher->garbage;
    if (message->garbage.number != garbage->number || !is_awaited(dispatcher, job)) return;
    garbage->failed |= message->garbage.failed;
    garbage->cut |= message->garbage.cut;
    for (uint32_t i = 0; i < message->garbage.item_count && !is_full(garbage); i++) {
        const Weir__GarbageItem *item = message->garbage.items[i];
        add(dispatcher, item->path, item->bytes, weir_arena_string(&garbage->arena, item->why));
    }
    if (--garbage->waiting == 0) finish(dispatcher, effects);
}

void dispatcher__garbage_left(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    if (!is_awaited(dispatcher, job)) return;
    dispatcher->garbage.cut = true; /* ask again */
    if (--dispatcher->garbage.waiting == 0) finish(dispatcher, effects);
}
