/*
 * What clients ask of the job: cancel, stop, savepoint, rescale, query. A promise is in the record before it
 * is answered; whoever leads carries on what the record says. So nothing here acts on a request itself:
 * handlers change the record, and requests__advance() does what the confirmed record wants.
 */
#include "control/jobmaster/internal.h"
#include <string.h>

void requests__answer_later(struct weir_jobmaster *jm, weir_node from, uint64_t request, Weir__ReplyCode code,
    const char *text, struct weir_effects *effects)
{
    if (jm->request_count == JOBMASTER_REQUESTS_MAX) {
        summary__reply(jm, from, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "too many requests wait for the job's record; ask again", effects);
        return;
    }
    jm->requests[jm->request_count++] = (struct jobmaster_request){
        .from = from, .request = request, .change = jm->record.change, .code = code, .text = text
    };
}

static Weir__Target *new_target(struct weir_jobmaster *jm, Weir__TargetKind kind)
{
    Weir__Target *target = WEIR_PROTO_NEW(weir_record_arena(&jm->record), Weir__Target, weir__target);
    target->kind = kind;
    jm->record.wanted->target = target;
    return target;
}

static bool bytes_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static Weir__SavepointRequest *find_savepoint(
    const Weir__JobRecord *record, const ProtobufCBinaryData *request)
{
    for (size_t i = 0; record && i < record->n_savepoints; i++)
        if (bytes_equal(&record->savepoints[i]->request, request)) return record->savepoints[i];
    return NULL;
}

static ProtobufCBinaryData keep_bytes(struct weir_jobmaster *jm, const ProtobufCBinaryData *bytes)
{
    return (ProtobufCBinaryData){ .len = bytes->len,
        .data = (uint8_t *)weir_arena_copy(weir_record_arena(&jm->record), bytes->data, bytes->len) };
}

static void refuse(struct weir_jobmaster *jm, weir_node from, uint64_t request, Weir__ReplyCode code,
    const char *text, struct weir_effects *effects)
{
    summary__reply(jm, from, request, code, text, effects);
}

/* ---------------------------------------------------------------- cancel, stop */

static void cancel(struct weir_jobmaster *jm, weir_node from, uint64_t request, struct weir_effects *effects)
{
    const Weir__Target *target = jm->record.wanted->target;
    if (jm->end >= END_CLEANING && jm->end_state != WEIR__JOB_STATE__JOB_CANCELED) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_CONFLICT, "the job has reached its end", effects);
        return;
    }
    /* A STOP whose savepoint is recorded ends the job anyway. A failure does not, until it is recorded: the
     * next leader knows nothing of it. */
    if (target->kind != WEIR__TARGET_KIND__TARGET_CANCEL && jm->end < END_WRITING &&
        !jobmaster__only_commit(jm)) {
        Weir__Target *cancel_target = new_target(jm, WEIR__TARGET_KIND__TARGET_CANCEL);
        cancel_target->checkpoint = target->checkpoint; /* where a stop's savepoint was being written */
        cancel_target->path = target->path;
        cancel_target->request = target->request; /* whoever asked for the stop asks what came of it */
        cancel_target->cancels = target->cancels; /* its savepoint may be written by now, and be the end */
        jobmaster__record_changed(jm, effects);
    }
    requests__answer_later(
        jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "the job is being canceled", effects);
}

static const char *savepoint_directory(const struct weir_jobmaster *jm, const char *asked)
{
    if (asked && asked[0]) return asked;
    const char *configured = jm->plan && jm->plan->settings ? jm->plan->settings->savepoint_directory : NULL;
    return configured && configured[0] ? configured : NULL;
}

/* Before the plan is read nobody knows what is configured: the client asks again. */
static void refuse_directory(
    struct weir_jobmaster *jm, weir_node from, uint64_t request, struct weir_effects *effects)
{
    if (jm->plan)
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_BAD_REQUEST,
            "no directory was given for the savepoint and the job has none configured", effects);
    else
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "the job is being started or recovered, try again", effects);
}

static void stop(struct weir_jobmaster *jm, weir_node from, uint64_t request, const Weir__StopJob *message,
    struct weir_effects *effects)
{
    const Weir__Target *target = jm->record.wanted->target;
    if (message->request.len != 16) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_BAD_REQUEST,
            "a stop needs a request id of 16 bytes", effects);
        return;
    }
    /* Again, perhaps after a cancel, or late: one that has failed was told so, and is not begun anew. */
    if (bytes_equal(&target->request, &message->request) ||
        find_savepoint(jm->record.wanted, &message->request)) {
        requests__answer_later(
            jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "the stop was asked for", effects);
        return;
    }
    if (jobmaster__ending(jm) || target->kind != WEIR__TARGET_KIND__TARGET_RUN) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_CONFLICT, "the job is already ending", effects);
        return;
    }
    const char *directory = savepoint_directory(jm, message->directory);
    if (!directory) {
        refuse_directory(jm, from, request, effects);
        return;
    }
    Weir__Target *stop_target = new_target(jm, WEIR__TARGET_KIND__TARGET_STOP);
    stop_target->request = keep_bytes(jm, &message->request);
    stop_target->path = weir_arena_string(weir_record_arena(&jm->record), directory);
    stop_target->drain = message->drain;
    stop_target->cancels = message->cancels;
    jm->record.wanted->stop_error = weir_arena_string(weir_record_arena(&jm->record), "");
    jobmaster__record_changed(jm, effects);
    requests__answer_later(
        jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "the job is being stopped", effects);
}

/* ---------------------------------------------------------------- savepoint */

/* The newest one that is complete, by its checkpoint. */
static const Weir__SavepointRequest *newest_complete(const Weir__JobRecord *record)
{
    const Weir__SavepointRequest *newest = NULL;
    for (size_t i = 0; i < record->n_savepoints; i++) {
        const Weir__SavepointRequest *entry = record->savepoints[i];
        if (entry->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED) continue;
        if (!newest || entry->checkpoint > newest->checkpoint) newest = entry;
    }
    return newest;
}

/* Room for one more: the oldest that is over goes. Not the newest that is complete: before which checkpoint
 * sinks and the clean-up leave files alone is read from it. False: there is no other. */
static bool make_room(Weir__JobRecord *record)
{
    if (record->n_savepoints < JOBMASTER_SAVEPOINTS_MAX) return true;
    const Weir__SavepointRequest *newest = newest_complete(record);
    for (size_t i = 0; i < record->n_savepoints; i++) {
        const Weir__SavepointRequest *entry = record->savepoints[i];
        if (entry->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS || entry == newest) continue;
        memmove(&record->savepoints[i], &record->savepoints[i + 1],
            sizeof(void *) * (record->n_savepoints - i - 1));
        record->n_savepoints--;
        return true;
    }
    return false;
}

static Weir__SavepointRequest *add_savepoint(
    struct weir_jobmaster *jm, const ProtobufCBinaryData *request, const char *path)
{
    Weir__JobRecord *record = jm->record.wanted;
    struct weir_arena *arena = weir_record_arena(&jm->record);
    Weir__SavepointRequest *entry = WEIR_PROTO_NEW(arena, Weir__SavepointRequest, weir__savepoint_request);
    entry->request = keep_bytes(jm, request);
    entry->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS;
    entry->path = weir_arena_string(arena, path);
    Weir__SavepointRequest **entries =
        WEIR_ARENA_ARRAY(arena, Weir__SavepointRequest *, record->n_savepoints + 1);
    if (record->n_savepoints) memcpy(entries, record->savepoints, sizeof *entries * record->n_savepoints);
    entries[record->n_savepoints++] = entry;
    record->savepoints = entries;
    return entry;
}

static void savepoint(struct weir_jobmaster *jm, weir_node from, uint64_t request,
    const Weir__TriggerSavepoint *message, struct weir_effects *effects)
{
    if (message->request.len != 16) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_BAD_REQUEST,
            "a savepoint needs a request id of 16 bytes", effects);
        return;
    }
    if (find_savepoint(jm->record.wanted, &message->request)) {
        requests__answer_later(
            jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "the savepoint was asked for", effects);
        return;
    }
    if (jobmaster__ending(jm) || jm->record.wanted->target->kind != WEIR__TARGET_KIND__TARGET_RUN) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_CONFLICT, "the job is ending", effects);
        return;
    }
    const char *directory = savepoint_directory(jm, message->directory);
    if (!directory) {
        refuse_directory(jm, from, request, effects);
        return;
    }
    if (!make_room(jm->record.wanted)) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_TOO_MANY,
            "too many savepoints of this job are in progress", effects);
        return;
    }
    add_savepoint(jm, &message->request, directory);
    jobmaster__record_changed(jm, effects);
    jm->savepoints_change = jm->record.change;
    requests__answer_later(
        jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "the savepoint was asked for", effects);
}

/* Nothing is promised: a client that does not see it come asks again. */
static void checkpoint_now(
    struct weir_jobmaster *jm, weir_node from, uint64_t request, struct weir_effects *effects)
{
    if (jobmaster__ending(jm) || jm->record.wanted->target->kind != WEIR__TARGET_KIND__TARGET_RUN) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_CONFLICT, "the job is ending", effects);
        return;
    }
    if (jm->start != START_DONE) {
        refuse(jm, from, request, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
            "the job is being started or recovered, try again", effects);
        return;
    }
    weir_checkpoint_now(jm->coordinator, jm->now_us, jm->wall_us, effects);
    summary__reply(jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "a checkpoint was asked for", effects);
}

/* ---------------------------------------------------------------- query */

Weir__SavepointRequest *requests__stopped_with(const Weir__JobRecord *record, struct weir_arena *arena)
{
    if (!record || !record->target->request.len) return NULL;
    Weir__SavepointRequest *entry = WEIR_PROTO_NEW(arena, Weir__SavepointRequest, weir__savepoint_request);
    entry->request = record->target->request;
    entry->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS;
    entry->path = record->target->path;
    if (record->status >= WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY) {
        entry->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED;
        entry->error = weir_arena_string(arena, "the job has ended before its savepoint was complete");
    }
    for (size_t i = 0; i < record->n_checkpoints; i++) {
        if (record->checkpoints[i]->kind != WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) continue;
        entry->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED;
        entry->path = record->checkpoints[i]->pointer;
        entry->error = weir_arena_string(arena, "");
        entry->checkpoint = record->checkpoints[i]->id;
    }
    return entry;
}

void requests__keep_savepoints(
    const Weir__JobRecord *record, Weir__JobResult *result, struct weir_arena *arena)
{
    enum { KEPT_MAX = 4, PATHS_BYTES_MAX = 2048 };
    size_t bytes = 0;
    result->savepoints = WEIR_ARENA_ARRAY(arena, Weir__SavepointRequest *, KEPT_MAX);
    for (size_t i = record->n_savepoints; i > 0 && result->n_savepoints < KEPT_MAX; i--) {
        Weir__SavepointRequest *entry = record->savepoints[i - 1];
        if (entry->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED) continue;
        bytes += strlen(entry->path);
        if (bytes > PATHS_BYTES_MAX) return;
        result->savepoints[result->n_savepoints++] = entry;
    }
}

/* It is this request that the job was to end by. */
static bool was_to_end_by(
    const struct weir_jobmaster *jm, const ProtobufCBinaryData *request, struct weir_arena *arena)
{
    const Weir__SavepointRequest *entry = requests__stopped_with(jm->record.confirmed, arena);
    return entry && bytes_equal(&entry->request, request);
}

static void query(struct weir_jobmaster *jm, weir_node from, uint64_t request, const Weir__QueryJobs *message,
    struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__ClientReply *reply = WEIR_PROTO_NEW(arena, Weir__ClientReply, weir__client_reply);
    reply->code = WEIR__REPLY_CODE__REPLY_OK;
    reply->jobs = WEIR_ARENA_ARRAY(arena, Weir__JobSummary *, 1);
    reply->jobs[0] = summary__make(jm, arena);
    reply->n_jobs = 1;
    if (message->details) reply->details = details__make(jm, message->checkpoint, arena);
    if (message->request.len) {
        Weir__SavepointRequest *entry = find_savepoint(jm->record.confirmed, &message->request);
        if (!entry) {
            entry = requests__stopped_with(jm->record.confirmed, arena);
            if (entry && !bytes_equal(&entry->request, &message->request)) entry = NULL;
            /* A stop is over when the job is. */
            if (entry && jm->end < END_CLEANING) entry->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS;
        }
        if (entry) reply->savepoint = WEIR_PROTO_COPY(arena, entry);
        if (!entry) reply->code = WEIR__REPLY_CODE__REPLY_NOT_FOUND;
    }
    weir_effect_send(effects, from, WEIR_ROLE_CLIENT, &jm->job, request, WEIR__ENVELOPE__BODY_REPLY, reply);
}

void requests__client(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    weir_node from = event->local->client.from;
    const Weir__Envelope *envelope = event->local->client.envelope;
    if (!jm->record_ready || jm->fenced) return; /* the client asks again, elsewhere */
    bool over = jm->end >= END_WRITING;
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_QUERY: query(jm, from, envelope->request, envelope->query, effects); return;
    case WEIR__ENVELOPE__BODY_CANCEL: cancel(jm, from, envelope->request, effects); return;
    case WEIR__ENVELOPE__BODY_STOP:
        if (!over) {
            stop(jm, from, envelope->request, envelope->stop, effects);
            return;
        }
        if (was_to_end_by(jm, &envelope->stop->request, effects->arena)) { /* asked again */
            summary__reply(
                jm, from, envelope->request, WEIR__REPLY_CODE__REPLY_OK, "the stop was asked for", effects);
            return;
        }
        break;
    case WEIR__ENVELOPE__BODY_SAVEPOINT:
        if (!over) {
            savepoint(jm, from, envelope->request, envelope->savepoint, effects);
            return;
        }
        if (find_savepoint(jm->record.confirmed, &envelope->savepoint->request)) { /* likewise */
            summary__reply(jm, from, envelope->request, WEIR__REPLY_CODE__REPLY_OK,
                "the savepoint was asked for", effects);
            return;
        }
        break;
    case WEIR__ENVELOPE__BODY_RESCALE:
        if (!over) {
            rescale__request(jm, from, envelope->request, envelope->rescale, effects);
            return;
        }
        break;
    case WEIR__ENVELOPE__BODY_CHECKPOINT_JOB:
        if (!over) {
            checkpoint_now(jm, from, envelope->request, effects);
            return;
        }
        break;
    default:
        refuse(jm, from, envelope->request, WEIR__REPLY_CODE__REPLY_BAD_REQUEST, "not a request about a job",
            effects);
        return;
    }
    refuse(jm, from, envelope->request, WEIR__REPLY_CODE__REPLY_CONFLICT, "the job has ended", effects);
}

/* ---------------------------------------------------------------- what the record wants */

static void answer_confirmed(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < jm->request_count; i++) {
        struct jobmaster_request *request = &jm->requests[i];
        if (weir_record_is_confirmed(&jm->record, request->change) && !jm->suspended) {
            summary__reply(jm, request->from, request->request, request->code, request->text, effects);
            jm->progress++;
        } else {
            jm->requests[kept++] = *request;
        }
    }
    jm->request_count = kept;
}

void requests__target_run(struct weir_jobmaster *jm, const char *error, struct weir_effects *effects)
{
    Weir__JobRecord *wanted = jm->record.wanted;
    if (wanted->target->kind != WEIR__TARGET_KIND__TARGET_STOP || jobmaster__only_commit(jm)) return;
    ProtobufCBinaryData request = wanted->target->request;
    bool drain = wanted->target->drain;
    if (request.len == 16 && !find_savepoint(wanted, &request) && make_room(wanted)) {
        Weir__SavepointRequest *entry = add_savepoint(jm, &request, wanted->target->path);
        entry->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED;
        entry->error = weir_arena_string(weir_record_arena(&jm->record), error);
    }
    new_target(jm, WEIR__TARGET_KIND__TARGET_RUN);
    wanted->stop_error = weir_arena_string(weir_record_arena(&jm->record), error);
    weir_effect_log(
        effects, WEIR_CONTROL_WARN, "job %s goes on, its stop has failed: %s", jm->plan->name, error);
    if (drain) failover__drained(jm, "its sources had ended for a stop that failed", effects);
    jobmaster__record_changed(jm, effects);
}

static void start_savepoints(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->savepoints_change || !weir_record_is_confirmed(&jm->record, jm->savepoints_change)) return;
    jm->savepoints_change = 0;
    const Weir__JobRecord *record = jm->record.confirmed;
    for (size_t i = 0; i < record->n_savepoints; i++) {
        const Weir__SavepointRequest *entry = record->savepoints[i];
        if (entry->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS || entry->request.len != 16)
            continue;
        /* One that has failed since is what the record is to say next. */
        const Weir__SavepointRequest *now = find_savepoint(jm->record.wanted, &entry->request);
        if (!now || now->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS) continue;
        weir_checkpoint_savepoint(
            jm->coordinator, entry->request.data, entry->path, jm->now_us, jm->wall_us, effects);
    }
}

/* Each once: one that has failed is what is confirmed until the record says RUN, or has the next one. */
static bool stop_is_told(const struct weir_jobmaster *jm, const ProtobufCBinaryData *request)
{
    return jm->stop_told && (request->len != 16 || memcmp(jm->stop_request, request->data, 16) == 0);
}

void requests__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->record.confirmed || !jm->record.claimed) return;
    if (jm->request_count) answer_confirmed(jm, effects);
    if (jm->start < START_PLAN || jobmaster__ending(jm)) return;
    const Weir__Target *target = jm->record.confirmed->target;
    bool forgotten = WEIR_PLANTED(target_forgotten_by_takeover) && jm->recovered;
    if (target->kind == WEIR__TARGET_KIND__TARGET_CANCEL && !jobmaster__only_commit(jm) && !forgotten) {
        end__begin(jm, WEIR__JOB_STATE__JOB_CANCELED, "", effects);
        return;
    }
    if (jm->start != START_DONE) return;
    start_savepoints(jm, effects);
    if (target->kind != WEIR__TARGET_KIND__TARGET_STOP) jm->stop_told = false;
    if (target->kind == WEIR__TARGET_KIND__TARGET_STOP && !stop_is_told(jm, &target->request) &&
        !jobmaster__only_commit(jm) && !forgotten) {
        jm->stop_told = true;
        if (target->request.len == 16) memcpy(jm->stop_request, target->request.data, 16);
        jm->progress++;
        weir_checkpoint_stop_job(jm->coordinator, weir_arena_string(effects->arena, target->path),
            target->drain, jm->now_us, jm->wall_us, effects);
    }
}
