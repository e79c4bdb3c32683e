/*
 * A submission: plan to storage first, record next, answer last (4.1). Each step may be tried again, for the
 * names of plans and records are used once only; whatever a failed try left behind is the sweep's.
 */
#include "control/dispatcher/internal.h"
#include "base/assert.h"
#include "control/planted.h"
#include <string.h>

void dispatcher__submission_done(struct weir_dispatcher *dispatcher, struct dispatcher_job *job)
{
    if (!job->plan) return;
    weir_memory_release(dispatcher->memory, job->plan, job->plan_bytes);
    job->plan = NULL;
    job->plan_path = NULL; /* both lie in the arena that the next status resets */
    job->restore = NULL;
    dispatcher->submissions--;
}

/* Outcome not known or refused: the client tries again, under the same id. */
void dispatcher__submission_failed(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    Weir__ReplyCode code, const char *text, struct weir_effects *effects)
{
    dispatcher__job_answer(job, code, text, effects);
    dispatcher__job_stop(dispatcher, job, effects);
    dispatcher__job_free(dispatcher, job);
}

/* ---------------------------------------------------------------- what is asked for */

static void wait_too(struct dispatcher_job *job, const struct weir_event *event, struct weir_effects *effects)
{
    uint64_t request = event->envelope->request;
    for (uint32_t i = 0; i < job->waiting_count; i++)
        if (job->waiting[i].node == event->from && job->waiting[i].request == request) return;
    if (job->waiting_count == DISPATCHER_WAITING_MAX) {
        dispatcher__reply(event->from, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "the job is being submitted; too many wait for that already, try again", effects);
        return;
    }
    job->waiting[job->waiting_count++] = (struct dispatcher_client){ event->from, request };
}

/* The id was seen before: the same submission again is no other one. True when answered. */
static bool known(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, id);
    const uint64_t request = event->envelope->request;
    if (job) {
        if (job->state == DISPATCHER_JOB_PLANNING || job->state == DISPATCHER_JOB_CREATING)
            wait_too(job, event, effects);
        else if (job->state == DISPATCHER_JOB_UNREADABLE)
            dispatcher__reply(event->from, request, WEIR__REPLY_CODE__REPLY_CONFLICT,
                weir_arena_format(effects->arena,
                    "a job of this id exists, but its record cannot be read: %s", job->summary->error),
                effects);
        else
            dispatcher__reply(event->from, request, WEIR__REPLY_CODE__REPLY_OK, "", effects);
        return true;
    }
    if (!dispatcher__table_find(&dispatcher->tombstones, id) || WEIR_PLANTED(tombstone_ignored)) return false;
    dispatcher__reply(event->from, request, WEIR__REPLY_CODE__REPLY_CONFLICT,
        "a job of this id has reached its end; a new one needs a new id", effects);
    return true;
}

/* NULL: within the limits. */
static const char *limit_reached(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    Weir__ReplyCode *ret, struct weir_arena *arena)
{
    const struct weir_control_options *options = dispatcher->options;
    *ret = WEIR__REPLY_CODE__REPLY_TOO_MANY;
    if (dispatcher->jobs.count >= options->jobs_max)
        return weir_arena_format(arena, "%u jobs run already, more are not accepted", options->jobs_max);
    if (dispatcher->submissions >= DISPATCHER_SUBMISSIONS_MAX) {
        *ret = WEIR__REPLY_CODE__REPLY_UNAVAILABLE; /* passes by itself */
        return "too many submissions at the same time, try again";
    }
    /* Each job leaves a tombstone, and none is dropped before its time: there must be room for all. */
    if (dispatcher->tombstones.count + dispatcher->jobs.count >= options->tombstones_max ||
        dispatcher__index_is_full(dispatcher))
        return weir_arena_format(arena,
            "%u jobs have ended within the last hour and their ids are remembered; that is the limit, try "
            "later",
            dispatcher->tombstones.count);
    *ret = WEIR__REPLY_CODE__REPLY_CONFLICT;
    if (dispatcher->shutting_down) return "the cluster is ending";
    const struct weir_job_id *application = &dispatcher->application;
    if (!options->application_mode || weir_job_id_equal(application, id)) return NULL;
    char text[WEIR_JOB_ID_TEXT_BYTES];
    return weir_arena_format(arena, "this cluster runs one application, with JobID %s, and no other job",
        weir_job_id_print(application, text));
}

/* Also makes the bytes that go to storage. NULL: fine. */
static const char *check_plan(struct weir_dispatcher *dispatcher, const Weir__SubmitJob *submit,
    const uint8_t **ret_bytes, size_t *ret_length, struct weir_arena *arena)
{
    size_t length = protobuf_c_message_get_packed_size(&submit->plan->base);
    if (length > WEIR_PLAN_BYTES_MAX)
        return weir_arena_format(
            arena, "the plan is %zu bytes long; at most %d are accepted", length, (int)WEIR_PLAN_BYTES_MAX);
    uint8_t *bytes = weir_arena_allocate(arena, length ? length : 1);
    protobuf_c_message_pack(&submit->plan->base, bytes);
    Weir__ExecutionPlan *plan = NULL;
    struct weir_error error;
    if (weir_execution_plan_decode(arena, bytes, length, &plan, &error))
        return weir_arena_string(arena, error.message);
    if (plan->job.len != submit->job.len || memcmp(plan->job.data, submit->job.data, plan->job.len) != 0)
        return "the plan names another job than the submission";
    if (strnlen(plan->name, DISPATCHER_NAME_BYTES_MAX + 1) > DISPATCHER_NAME_BYTES_MAX)
        return weir_arena_format(
            arena, "the job's name is longer than %d bytes", (int)DISPATCHER_NAME_BYTES_MAX);
    if (submit->restore && (!submit->restore->path[0] ||
                               submit->restore->claim_mode == WEIR__CLAIM_MODE__CLAIM_MODE_UNSPECIFIED))
        return "what to restore from lacks its path or claim mode";
    *ret_bytes = bytes;
    *ret_length = length;
    return NULL;
}

void dispatcher__submit(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__SubmitJob *submit = event->envelope->submit;
    const uint64_t request = event->envelope->request;
    struct weir_job_id id;
    Weir__ReplyCode code = WEIR__REPLY_CODE__REPLY_BAD_REQUEST;
    if (!submit->plan || !weir_job_id_from(&submit->job, &id) || weir_job_id_is_zero(&id)) {
        dispatcher__reply(event->from, request, code, "a submission needs a job id and a plan", effects);
        return;
    }
    if (known(dispatcher, &id, event, effects)) return;
    const uint8_t *bytes = NULL;
    size_t length = 0;
    const char *fault = check_plan(dispatcher, submit, &bytes, &length, effects->arena);
    if (!fault) fault = limit_reached(dispatcher, &id, &code, effects->arena);
    if (fault) {
        dispatcher__reply(event->from, request, code, fault, effects);
        return;
    }
    struct dispatcher_job *job =
        dispatcher__job_new(dispatcher, &id, submit->plan->name, DISPATCHER_JOB_PLANNING);
    job->summary->started_ms = event->wall_us / 1000;
    job->plan = weir_memory_allocate(dispatcher->memory, length);
    memcpy(job->plan, bytes, length);
    job->plan_bytes = length;
    dispatcher->submissions++;
    if (submit->restore) job->restore = WEIR_PROTO_COPY(&job->arena, submit->restore);
    wait_too(job, event, effects);
    if (WEIR_PLANTED(submit_answered_early))
        dispatcher__job_answer(job, WEIR__REPLY_CODE__REPLY_OK, "", effects);
    dispatcher__put_plan(dispatcher, job, effects);
}

/* ---------------------------------------------------------------- the plan */

void dispatcher__put_plan(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    job->plan_epoch = dispatcher->epoch;
    job->plan_path = weir_arena_format(&job->arena, "%s/plans/%s-e%llu-%llu",
        dispatcher->options->storage_directory, weir_job_id_print(&job->id, hex),
        (unsigned long long)job->plan_epoch, (unsigned long long)++dispatcher->names);
    struct weir_blob_effect put = {
        .operation = WEIR_BLOB_PUT, .path = job->plan_path, .bytes = job->plan, .length = job->plan_bytes
    };
    weir_effect_blob(effects, dispatcher__job_tag(dispatcher, job, DISPATCHER_TAG_PLAN), put);
}

void dispatcher__on_plan(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &event->tag.job);
    if (!job || job->request != event->tag.number || job->state != DISPATCHER_JOB_PLANNING) return;
    if (event->blob.outcome == WEIR_BLOB_OK) {
        job->tries = 0;
        dispatcher__create(dispatcher, job, event->wall_us, effects);
    } else if (event->blob.no_space || job->tries >= DISPATCHER_TRIES_MAX) {
        /* A full storage is full for its user to know. No record names the plan, and none will: everybody
         * who has asked so far is told the same. */
        dispatcher__submission_failed(dispatcher, job,
            event->blob.no_space ? WEIR__REPLY_CODE__REPLY_NO_SPACE : WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            weir_arena_format(effects->arena, "the job's plan could not be stored: %s",
                event->blob.error ? event->blob.error : "the name is taken"),
            effects);
    } else {
        dispatcher__job_retry(dispatcher, job, event->now_us, effects);
    }
}

/* ---------------------------------------------------------------- the record */

static Weir__JobRecord *new_record(const struct weir_dispatcher *dispatcher, const struct dispatcher_job *job,
    const Weir__ExecutionPlan *plan, int64_t wall_us, struct weir_arena *arena)
{
    Weir__JobRecord *record = WEIR_PROTO_NEW(arena, Weir__JobRecord, weir__job_record);
    record->format = WEIR_RECORD_FORMAT;
    record->epoch = dispatcher->epoch;
    record->writer_incarnation = dispatcher->identity->incarnation;
    record->job = weir_job_id_to(arena, &job->id);
    record->name = weir_arena_string(arena, plan->name);
    record->plan_pointer = weir_arena_string(arena, job->plan_path);
    record->plan_version = 1;
    record->target = WEIR_PROTO_NEW(arena, Weir__Target, weir__target);
    record->target->kind = WEIR__TARGET_KIND__TARGET_RUN;
    record->restore = job->restore;
    record->status = WEIR__RECORD_STATUS__RECORD_ACTIVE;
    record->submitted_ms = wall_us / 1000;
    return record;
}

static Weir__ExecutionPlan *stored_plan(const struct dispatcher_job *job, struct weir_arena *arena)
{
    Weir__ExecutionPlan *plan = NULL;
    struct weir_error error;
    enum weir_error_code code = weir_execution_plan_decode(arena, job->plan, job->plan_bytes, &plan, &error);
    WEIR_ASSERT(!code); /* it was checked when it came */
    return plan;
}

void dispatcher__create(struct weir_dispatcher *dispatcher, struct dispatcher_job *job, int64_t wall_us,
    struct weir_effects *effects)
{
    /* H10: a new record names only objects of its own epoch. */
    if (job->plan_epoch != dispatcher->epoch) {
        dispatcher__job_set_state(job, DISPATCHER_JOB_PLANNING);
        dispatcher__put_plan(dispatcher, job, effects);
        return;
    }
    Weir__ExecutionPlan *plan = stored_plan(job, effects->arena);
    Weir__JobRecord *record = new_record(dispatcher, job, plan, wall_us, effects->arena);
    dispatcher__job_set_state(job, DISPATCHER_JOB_CREATING);
    job->plan_hash = dispatcher__plan_hash(job->plan_path);
    char hex[WEIR_JOB_ID_TEXT_BYTES];
    weir_job_id_print(&job->id, hex);
    if (dispatcher->transactions) {
        /* The JobMaster creates it, in one transaction with a check of the leader record. */
        const char *key = weir_arena_format(effects->arena, "jobs/%s", hex);
        memcpy(job->record_name, key, strlen(key) + 1);
        dispatcher__job_start(dispatcher, job, record, 0, plan, effects);
        return;
    }
    /* 4.1: under a fresh name; it exists when the index names it. No JobMaster runs before that: what it
     * would do for a job that nobody has been promised would be done twice. */
    const char *key = weir_arena_format(effects->arena, "jobs/%s-%llu-%llu", hex,
        (unsigned long long)dispatcher->epoch, (unsigned long long)++dispatcher->names);
    memcpy(job->record_name, key, strlen(key) + 1);
    size_t length = protobuf_c_message_get_packed_size(&record->base);
    uint8_t *bytes = weir_arena_allocate(effects->arena, length);
    protobuf_c_message_pack(&record->base, bytes);
    struct weir_store_operation operation = {
        .kind = WEIR_STORE_CREATE, .key = key, .value = bytes, .length = length
    };
    weir_effect_store(effects, dispatcher__job_tag(dispatcher, job, DISPATCHER_TAG_CREATE), &operation, 1);
}

void dispatcher__on_created(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &event->tag.job);
    if (!job || job->request != event->tag.number || job->state != DISPATCHER_JOB_CREATING) return;
    if (event->store.outcome == WEIR_STORE_OK && job->plan_epoch == dispatcher->epoch) {
        job->tries = 0;
        job->record_version = event->store.entries[event->store.entry_count - 1].version;
        job->index_change = dispatcher__index_add(dispatcher, job, event->now_us, effects);
        return;
    }
    /* Whatever became of that one: the next has another name, and the sweep takes what nothing names. */
    if (job->tries >= DISPATCHER_TRIES_MAX)
        dispatcher__submission_failed(dispatcher, job, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "the job's record could not be written to the coordination store; the leader's log may say why",
            effects);
    else
        dispatcher__job_retry(dispatcher, job, event->now_us, effects);
}
