/*
 * H10: what nothing names is deleted, by the leader alone. Only objects of an epoch that is not above ours: a
 * newer leader's are not ours to judge, and it never names older ones. What this leader itself is about to
 * name is in its table. A record that cannot be read keeps everything of its job.
 */
#include "control/dispatcher/internal.h"
#include "control/planted.h"
#include <string.h>

static bool parse_number(const char **text, uint64_t *ret)
{
    const char *at = *text;
    uint64_t number = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (number > DISPATCHER_EPOCH_MAX / 10) return false;
        number = number * 10 + (uint64_t)(*at - '0');
    }
    if (at == *text) return false;
    *text = at;
    *ret = number;
    return true;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* By its name alone, which is never used twice: the folder has as many spellings ("file:/x", "/x/") as there
 * are JobManagers that configure it. */
uint64_t dispatcher__plan_hash(const char *path)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (const char *at = name_of(path); *at; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211u;
    return hash ? hash : 1;
}

/* <hex>-<mark><epoch>-<counter>; behind a dot may stand what a file system calls a file that is being
 * written: *ret_part. */
static bool parse_name(
    const char *name, const char *mark, struct weir_job_id *ret_id, uint64_t *ret_epoch, bool *ret_part)
{
    char hex[WEIR_JOB_ID_TEXT_BYTES] = { 0 };
    uint64_t counter;
    if (strnlen(name, 34) < 34) return false;
    memcpy(hex, name, 32);
    name += 32;
    if (*name++ != '-' || !weir_job_id_parse(hex, ret_id)) return false;
    for (; *mark; mark++)
        if (*name++ != *mark) return false;
    if (!parse_number(&name, ret_epoch) || *name++ != '-' || !parse_number(&name, &counter)) return false;
    *ret_part = *name == '.';
    return *ret_part || !*name;
}

void dispatcher__sweep(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    bool knows = dispatcher->state == DISPATCHER_SERVING || WEIR_PLANTED(sweep_before_recovery);
    if (!knows || dispatcher->suspended) return;
    struct weir_blob_effect list = { .operation = WEIR_BLOB_LIST,
        .path = weir_arena_format(effects->arena, "%s/plans", dispatcher->options->storage_directory) };
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_PLANS };
    tag.number = dispatcher->sweep_request = ++dispatcher->requests;
    if (!WEIR_PLANTED(plan_never_swept)) weir_effect_blob(effects, tag, list);
    if (dispatcher->transactions) return;
    struct weir_store_operation operation = { .kind = WEIR_STORE_LIST, .key = "jobs" };
    tag.kind = DISPATCHER_TAG_SWEEP_RECORDS;
    tag.number = dispatcher->sweep_records_request = ++dispatcher->requests;
    weir_effect_store(effects, tag, &operation, 1);
}

/* Is it named, or may it be: by a record, by a submission that goes on, by a record that cannot be read? */
static bool plan_is_named(
    const struct weir_dispatcher *dispatcher, const char *path, const struct weir_job_id *id, bool part)
{
    const struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, id);
    if (!job) return false;
    if (job->state == DISPATCHER_JOB_PLANNING || job->state == DISPATCHER_JOB_CREATING) {
        size_t length = job->plan_path ? strlen(job->plan_path) : 0;
        return length && strncmp(path, job->plan_path, length) == 0 && (!path[length] || path[length] == '.');
    }
    if (!job->plan_hash) return true; /* what its record names is not known (H9) */
    return !part && dispatcher__plan_hash(path) == job->plan_hash;
}

bool dispatcher__plan_may_go(const struct weir_dispatcher *dispatcher, const char *path)
{
    struct weir_job_id id;
    uint64_t epoch;
    bool part;
    if (!parse_name(name_of(path), "e", &id, &epoch, &part)) return false;
    return epoch <= dispatcher->epoch && !plan_is_named(dispatcher, path, &id, part);
}

bool dispatcher__record_may_go(const struct weir_dispatcher *dispatcher, const char *key)
{
    struct weir_job_id id;
    uint64_t epoch;
    bool part;
    if (strncmp(key, "jobs/", 5) != 0 || !parse_name(key + 5, "", &id, &epoch, &part)) return false;
    const struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &id);
    return epoch <= dispatcher->epoch && !(job && strcmp(job->record_name, key) == 0);
}

void dispatcher__on_sweep_plans(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    bool knows = dispatcher->state == DISPATCHER_SERVING || WEIR_PLANTED(sweep_before_recovery);
    if (event->tag.number != dispatcher->sweep_request || !knows) return;
    if (event->blob.outcome != WEIR_BLOB_OK || dispatcher->suspended) return;
    uint32_t deleted = 0;
    for (uint32_t i = 0; i < event->blob.name_count && deleted < DISPATCHER_SWEEP_DELETES_MAX; i++) {
        const char *path = event->blob.names[i];
        if (!dispatcher__plan_may_go(dispatcher, path)) continue;
        struct weir_blob_effect effect = { .operation = WEIR_BLOB_DELETE,
            .path = weir_arena_string(effects->arena, path) };
        struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_DELETE };
        weir_effect_blob(effects, tag, effect);
        deleted++;
    }
    dispatcher->swept += deleted;
    if (deleted) weir_effect_log(effects, WEIR_CONTROL_INFO, "swept %u plans that no job names", deleted);
}

void dispatcher__on_sweep_records(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.number != dispatcher->sweep_records_request || dispatcher->state != DISPATCHER_SERVING)
        return;
    if (event->store.outcome != WEIR_STORE_OK || dispatcher->suspended) return;
    uint32_t deleted = 0;
    for (uint32_t i = 0; i < event->store.entry_count && deleted < DISPATCHER_SWEEP_DELETES_MAX; i++) {
        const struct weir_store_entry *entry = &event->store.entries[i];
        if (!dispatcher__record_may_go(dispatcher, entry->key)) continue;
        struct weir_store_operation operation = { .kind = WEIR_STORE_DELETE,
            .key = weir_arena_string(effects->arena, entry->key),
            .version = entry->version };
        struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_SWEEP_DELETE };
        weir_effect_store(effects, tag, &operation, 1);
        deleted++;
    }
    dispatcher->swept += deleted;
}
