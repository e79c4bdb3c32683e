/*
 * A new leader reads which jobs there are and starts a JobMaster for each, all at once. A record that cannot
 * be read fails its job alone (H9): it is listed with the reason and kept as it is. Records are claimed by
 * their JobMasters (H2); a record of a larger epoch first makes the leader take one above it (H1).
 */
#include "control/dispatcher/internal.h"
#include "control/planted.h"
#include <string.h>

#define JOBS       "jobs"
#define TOMBSTONES "tombstones"

static void retry(struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects)
{
    int64_t delay_us = (int64_t)DISPATCHER_RETRY_FIRST_US << WEIR_MIN(dispatcher->recovery_tries, 6u);
    dispatcher->recovery_tries++;
    dispatcher->recovery_request = 0;
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_RECOVERY_RETRY };
    weir_effect_timer(effects, tag, now_us + WEIR_MIN(delay_us, (int64_t)DISPATCHER_RETRY_LAST_US));
}

static void list(struct weir_dispatcher *dispatcher, enum dispatcher_tag kind, const char *key,
    struct weir_effects *effects)
{
    struct weir_store_operation operation = { .kind = WEIR_STORE_LIST, .key = key };
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = kind };
    tag.number = dispatcher->recovery_request = ++dispatcher->requests;
    weir_effect_store(effects, tag, &operation, 1);
}

void dispatcher__recover(struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects)
{
    dispatcher->recovery_listed = false;
    if (dispatcher->transactions)
        list(dispatcher, DISPATCHER_TAG_TOMBSTONES, TOMBSTONES, effects);
    else
        dispatcher__index_read(dispatcher, effects);
}

void dispatcher__recover_again(
    struct weir_dispatcher *dispatcher, int64_t now_us, struct weir_effects *effects)
{
    retry(dispatcher, now_us, effects);
}

bool dispatcher__is_of_later_leader(
    const struct weir_dispatcher *dispatcher, uint64_t epoch, uint64_t incarnation)
{
    return epoch > dispatcher->epoch ||
           (epoch == dispatcher->epoch && incarnation != dispatcher->identity->incarnation);
}

void dispatcher__tell_epoch_seen(
    struct weir_dispatcher *dispatcher, uint64_t epoch, uint64_t incarnation, struct weir_effects *effects)
{
    struct weir_local_message message = {
        .kind = WEIR_LOCAL_EPOCH_SEEN, .epoch = epoch, .incarnation = incarnation
    };
    weir_effect_local(effects, WEIR_ROLE_LEADER, NULL, &message);
}

/* Attempts, runs and assignments of splits are numbered by epoch, in the memory of a JobMaster. Of a job
 * whose JobMaster is gone another one needs another epoch; with it all TaskManagers report again. */
void dispatcher__want_epoch(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    dispatcher__tell_epoch_seen(dispatcher, dispatcher->epoch, 0, effects);
}

/* False: ask again later. */
static bool answered(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->store.outcome != WEIR_STORE_UNAVAILABLE && event->store.outcome != WEIR_STORE_UNKNOWN)
        return true;
    retry(dispatcher, event->now_us, effects);
    return false;
}

void dispatcher__on_tombstones(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.number != dispatcher->recovery_request || !answered(dispatcher, event, effects)) return;
    const size_t prefix = sizeof TOMBSTONES;
    for (uint32_t i = 0; i < event->store.entry_count; i++) {
        const struct weir_store_entry *entry = &event->store.entries[i];
        struct weir_job_id id;
        ProtobufCMessage *message = NULL;
        struct weir_error error;
        if (strlen(entry->key) <= prefix || !weir_job_id_parse(entry->key + prefix, &id)) continue;
        if (dispatcher__table_find(&dispatcher->tombstones, &id)) continue;
        /* One that cannot be read still refuses its id. */
        Weir__Tombstone none;
        weir__tombstone__init(&none);
        bool readable = !weir_proto_decode(&weir__tombstone__descriptor, effects->arena, entry->value,
            entry->length, WEIR_RECORD_BYTES_MAX, &message, &error);
        dispatcher__tombstone_add(
            dispatcher, &id, readable ? (Weir__Tombstone *)message : &none, entry->version, event->now_us);
    }
    list(dispatcher, DISPATCHER_TAG_JOBS, JOBS, effects);
}

/* What was read of one job. */
static void take_record(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const struct weir_store_entry *entry, struct weir_effects *effects)
{
    Weir__JobRecord *record = NULL;
    struct weir_error error;
    struct weir_job_id named;
    enum weir_error_code code =
        weir_job_record_decode(effects->arena, entry->value, entry->length, &record, &error);
    if (!code && (!weir_job_id_from(&record->job, &named) || !weir_job_id_equal(&named, &job->id)))
        code = weir_error_set(&error, WEIR_E_STATE, "the job record is another job's: it is damaged");
    if (!code && record->epoch > DISPATCHER_EPOCH_MAX)
        code = weir_error_set(&error, WEIR_E_STATE, "the job record has an impossible epoch: it is damaged");
    if (code) {
        dispatcher__job_set_state(job, DISPATCHER_JOB_UNREADABLE);
        dispatcher__job_fail(job, error.message);
        weir_effect_log(effects, WEIR_CONTROL_ERROR,
            "job %s cannot be recovered and is left as it is; all others go on: %s", job->record_name,
            error.message);
        return;
    }
    job->record_version = entry->version;
    job->plan_hash = dispatcher__plan_hash(record->plan_pointer);
    job->summary->name = weir_arena_string(&job->arena, record->name);
    if (record->status == WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN) {
        dispatcher__job_set_result(job, record->result);
        dispatcher__job_set_state(job, DISPATCHER_JOB_REMOVING);
        dispatcher__remove(dispatcher, job, effects);
        return;
    }
    dispatcher__job_set_state(job, DISPATCHER_JOB_ACTIVE);
    dispatcher__job_start(dispatcher, job, record, entry->version, NULL, effects);
}

/* H1: the largest epoch of any record that somebody else has written, when it is not below ours. */
static bool meets_later_leader(
    struct weir_dispatcher *dispatcher, const struct weir_store_event *store, struct weir_effects *effects)
{
    uint64_t epoch = 0, incarnation = 0;
    for (uint32_t i = 0; i < store->entry_count; i++) {
        Weir__JobRecord *record = NULL;
        struct weir_error error;
        if (weir_job_record_decode(
                effects->arena, store->entries[i].value, store->entries[i].length, &record, &error))
            continue;
        if (record->epoch < epoch || record->epoch > DISPATCHER_EPOCH_MAX) continue;
        epoch = record->epoch;
        incarnation = record->writer_incarnation;
    }
    if (!dispatcher__is_of_later_leader(dispatcher, epoch, incarnation)) return false;
    dispatcher->waits_for_epoch = true;
    dispatcher__tell_epoch_seen(dispatcher, epoch, incarnation, effects);
    return true;
}

void dispatcher__on_jobs(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.number != dispatcher->recovery_request || !answered(dispatcher, event, effects)) return;
    const size_t prefix = sizeof JOBS;
    /* The retry is for a leader that cannot raise its epoch: then the record was damaged, or it is deposed.
     */
    if (meets_later_leader(dispatcher, &event->store, effects)) {
        retry(dispatcher, event->now_us, effects);
        return;
    }
    uint32_t started = 0;
    for (uint32_t i = 0; i < event->store.entry_count; i++) {
        const struct weir_store_entry *entry = &event->store.entries[i];
        struct weir_job_id id;
        if (strlen(entry->key) <= prefix || !weir_job_id_parse(entry->key + prefix, &id)) continue;
        if (dispatcher__table_find(&dispatcher->jobs, &id)) continue;
        if (started++ == DISPATCHER_EFFECTS_PER_STEP_MAX / 2) break;
        struct dispatcher_job *job = dispatcher__job_new(dispatcher, &id, "", DISPATCHER_JOB_LOADING);
        memcpy(job->record_name, entry->key, WEIR_MIN(strlen(entry->key), sizeof job->record_name - 1));
        take_record(dispatcher, job, entry, effects);
        if (WEIR_PLANTED(one_bad_job_stops_recovery) && job->state == DISPATCHER_JOB_UNREADABLE) break;
    }
    if (started > DISPATCHER_EFFECTS_PER_STEP_MAX / 2) {
        list(dispatcher, DISPATCHER_TAG_JOBS, JOBS, effects); /* the others; those known are skipped */
        return;
    }
    dispatcher->recovery_listed = true;
    dispatcher__recovery_check(dispatcher, effects);
}

void dispatcher__recovery_check(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    if (dispatcher->state != DISPATCHER_RECOVERING || !dispatcher->recovery_listed ||
        dispatcher->recovery_pending)
        return;
    dispatcher__set_state(dispatcher, DISPATCHER_SERVING);
    struct weir_local_message message = { .kind = WEIR_LOCAL_RECOVERED, .epoch = dispatcher->epoch };
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
    weir_effect_log(effects, WEIR_CONTROL_INFO, "%u jobs recovered", dispatcher->jobs.count);
    dispatcher__check_end(dispatcher, effects);
}

/* ---------------------------------------------------------------- one job */

void dispatcher__load(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    struct weir_store_operation operation = { .kind = WEIR_STORE_READ,
        .key = weir_arena_string(effects->arena, job->record_name) };
    weir_effect_store(effects, dispatcher__job_tag(dispatcher, job, DISPATCHER_TAG_LOAD), &operation, 1);
}

static void loaded(struct weir_dispatcher *dispatcher)
{
    if (dispatcher->recovery_pending) dispatcher->recovery_pending--;
}

void dispatcher__on_loaded(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &event->tag.job);
    if (!job || job->request != event->tag.number || job->state != DISPATCHER_JOB_LOADING) return;
    const struct weir_store_event *store = &event->store;
    if (store->outcome == WEIR_STORE_UNAVAILABLE || store->outcome == WEIR_STORE_UNKNOWN) {
        dispatcher__job_retry(dispatcher, job, event->now_us, effects);
        return;
    }
    bool recovering = dispatcher->state == DISPATCHER_RECOVERING;
    bool found = store->entry_count && store->entries[0].found;
    bool missed =
        !found && job->missed; /* H9: not found is believed when it is not found again after a delay */
    job->missed = !found;
    Weir__JobRecord *record = NULL;
    struct weir_error error;
    bool later = found &&
                 !weir_job_record_decode(
                     effects->arena, store->entries[0].value, store->entries[0].length, &record, &error) &&
                 record->epoch <= DISPATCHER_EPOCH_MAX &&
                 dispatcher__is_of_later_leader(dispatcher, record->epoch, record->writer_incarnation);
    if (later)
        dispatcher__tell_epoch_seen(dispatcher, record->epoch, record->writer_incarnation, effects);
    else if (job->led_epoch == dispatcher->epoch)
        dispatcher__want_epoch(dispatcher, effects);
    if (later || job->led_epoch == dispatcher->epoch || (!found && !missed)) {
        dispatcher__job_retry(dispatcher, job, event->now_us, effects);
        return;
    }
    if (!found) {
        weir_effect_log(effects, dispatcher->transactions ? WEIR_CONTROL_WARN : WEIR_CONTROL_ERROR,
            dispatcher->transactions
                ? "job %s cannot be recovered: its record is not there any more; nobody runs it"
                : "job %s cannot be recovered and is left as it is; all others go on: its record, which the "
                  "index "
                  "names, is not there",
            job->record_name);
        if (dispatcher->transactions) {
            dispatcher__job_free(dispatcher, job);
        } else {
            dispatcher__job_set_state(job, DISPATCHER_JOB_UNREADABLE);
            dispatcher__job_fail(job, "its record, which the index names, is not there");
        }
    } else {
        job->tries = 0;
        take_record(dispatcher, job, &store->entries[0], effects);
    }
    if (recovering) loaded(dispatcher);
    dispatcher__recovery_check(dispatcher, effects);
}
