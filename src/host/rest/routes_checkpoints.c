/* Checkpoints of a job: statistics, history, configuration, and one that is asked for by hand. */
#include "host/rest/internal.h"
#include <stdlib.h>
#include <string.h>

static bool is_savepoint(Weir__CheckpointKind kind)
{
    return kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

static json_t *summary_of(struct rest_request *request, const Weir__JobDetails *details)
{
    uint64_t *values[3];
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(values); i++)
        values[i] = WEIR_ARENA_ARRAY(&request->arena, uint64_t, details->n_checkpoints + 1);
    size_t count = 0;
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        const Weir__CheckpointDetails *checkpoint = details->checkpoints[i];
        if (checkpoint->outcome != WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED) continue;
        values[0][count] = checkpoint->bytes_written;
        values[1][count] = checkpoint->bytes_full;
        values[2][count++] = (uint64_t)WEIR_MAX(checkpoint->duration_ms, (int64_t)0);
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "checkpointed_size", rest__statistics(values[0], count),
        "state_size", rest__statistics(values[1], count), "end_to_end_duration",
        rest__statistics(values[2], count), "alignment_buffered", rest__statistics(NULL, 0), "processed_data",
        rest__statistics(NULL, 0), "persisted_data", rest__statistics(NULL, 0));
}

/* NULL where there is none: a member that is null. */
static json_t *newest_shape(
    struct rest_request *request, const Weir__JobDetails *details, bool completed, bool savepoint)
{
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        const Weir__CheckpointDetails *checkpoint = details->checkpoints[i];
        bool is_completed = checkpoint->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED;
        if (is_completed == completed && (!completed || is_savepoint(checkpoint->kind) == savepoint))
            return rest__checkpoint_shape(request, checkpoint);
    }
    return NULL;
}

static json_t *restored_shape(struct rest_request *request, const Weir__JobDetails *details)
{
    if (!details->restore || !details->restore->path[0]) return NULL;
    return json_pack("{s:i,s:I,s:b,s:s}", "id", 0, "restore_timestamp", (json_int_t)details->submitted_ms,
        "is_savepoint", 1, "external_path", rest__location(request, details->restore->path));
}

static const Weir__JobDetails *details_of(const Weir__ClientReply *reply)
{
    static const Weir__JobDetails nothing = WEIR__JOB_DETAILS__INIT;
    return reply->details ? reply->details : &nothing;
}

/* NULL: answered. */
static const Weir__JobDetails *job_details(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, true);
    return reply ? details_of(reply) : NULL;
}

void rest__get_checkpoints(struct rest_request *request)
{
    const Weir__JobDetails *details = job_details(request);
    if (!details) return;
    json_t *history = json_array();
    for (size_t i = 0; i < details->n_checkpoints_pending; i++)
        json_array_append_new(history, rest__checkpoint_shape(request, details->checkpoints_pending[i]));
    for (size_t i = 0; i < details->n_checkpoints; i++)
        json_array_append_new(history, rest__checkpoint_shape(request, details->checkpoints[i]));
    json_int_t failed = (json_int_t)details->checkpoints_aborted;
    json_int_t restored = details->restore && details->restore->path[0] ? 1 : 0;
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:{s:I,s:I,s:I,s:I,s:I},s:o,s:{s:o?,s:o?,s:o?,s:o?},s:o}", "counts", "restored", restored,
            "total", (json_int_t)details->checkpoints_triggered, "in_progress",
            (json_int_t)details->checkpoints_in_progress, "completed",
            (json_int_t)details->checkpoints_completed, "failed", failed, "summary",
            summary_of(request, details), "latest", "completed", newest_shape(request, details, true, false),
            "savepoint", newest_shape(request, details, true, true), "failed",
            newest_shape(request, details, false, false), "restored", restored_shape(request, details),
            "history", history));
}

static const Weir__CheckpointDetails *find_checkpoint(
    Weir__CheckpointDetails *const *all, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (all[i]->id == id) return all[i];
    return NULL;
}

/* That of the path, with its parts. NULL: answered. */
static const Weir__CheckpointDetails *query_checkpoint(struct rest_request *request)
{
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    query->details = true;
    if (!rest__number(request, "checkpointid", &query->checkpoint)) return NULL;
    const Weir__ClientReply *reply = rest__query_one(request, query);
    if (!reply) return NULL;
    const Weir__JobDetails *details = reply->details;
    const Weir__CheckpointDetails *found = NULL;
    if (details) found = find_checkpoint(details->checkpoints, details->n_checkpoints, query->checkpoint);
    if (details && !found)
        found =
            find_checkpoint(details->checkpoints_pending, details->n_checkpoints_pending, query->checkpoint);
    if (!found)
        rest__fail(request, MHD_HTTP_NOT_FOUND, "Could not find checkpointing statistics for checkpoint %s.",
            rest__parameter(request, "checkpointid"));
    return found;
}

void rest__get_checkpoint_details(struct rest_request *request)
{
    const Weir__CheckpointDetails *checkpoint = query_checkpoint(request);
    if (checkpoint) rest__answer(request, MHD_HTTP_OK, rest__checkpoint_shape(request, checkpoint));
}

/* What subtasks have put into it is known of the last checkpoints of a job, of many subtasks only of few. */
void rest__get_checkpoint_subtasks(struct rest_request *request)
{
    uint32_t vertex;
    const char *text = rest__parameter(request, "vertexid");
    const Weir__CheckpointDetails *checkpoint = query_checkpoint(request);
    if (!checkpoint) return;
    json_t *shown = rest__parse_vertex_id(text, &vertex)
                        ? rest__checkpoint_subtasks_shape(request, checkpoint, vertex)
                        : NULL;
    if (shown)
        rest__answer(request, MHD_HTTP_OK, shown);
    else
        rest__fail(request, MHD_HTTP_NOT_FOUND, "There is no checkpoint statistics for task %s.", text);
}

void rest__get_checkpoint_config(struct rest_request *request)
{
    const Weir__JobDetails *details = job_details(request);
    if (!details) return;
    const Weir__JobSettings *settings = details->settings;
    if (!settings) {
        rest__fail(request, MHD_HTTP_NOT_FOUND, "No checkpointing configuration found for job %s.",
            rest__parameter(request, "jobid"));
        return;
    }
    bool enabled = settings->externalized_retention == WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION ||
                   settings->externalized_retention == WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION;
    bool deleted = settings->externalized_retention != WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION;
    json_int_t interval_ms = settings->checkpoint_interval_ms ? (json_int_t)settings->checkpoint_interval_ms
                                                              : INT64_MAX; /* as Flink says: never */
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:I,s:I,s:I,s:I,s:{s:b,s:b},s:s,s:s,s:b,s:I,s:I,s:b,s:b,s:i,s:s}", "mode",
            "exactly_once", "interval", interval_ms, "timeout", (json_int_t)settings->checkpoint_timeout_ms,
            "min_pause", (json_int_t)settings->checkpoint_min_pause_ms, "max_concurrent",
            (json_int_t)settings->checkpoint_max_concurrent, "externalization", "enabled", (int)enabled,
            "delete_on_cancellation", (int)deleted, "state_backend", "HashMapStateBackend",
            "checkpoint_storage", "FileSystemCheckpointStorage", "unaligned_checkpoints", 0,
            "tolerable_failed_checkpoints", (json_int_t)settings->checkpoint_tolerable_failures,
            "aligned_checkpoint_timeout", (json_int_t)0, "checkpoints_after_tasks_finish", 1,
            "state_changelog_enabled", 0, "changelog_periodic_materialization_interval", 0,
            "changelog_storage", ""));
}

/* ---------------------------------------------------------------- by hand */

/* Those under way hold less than one that is asked for now. */
static uint64_t newest_id(const Weir__JobDetails *details)
{
    uint64_t newest = 0;
    if (details && details->n_checkpoints) newest = details->checkpoints[0]->id;
    if (details && details->n_checkpoints_pending)
        newest = WEIR_MAX(newest, details->checkpoints_pending[0]->id);
    return newest;
}

static struct rest_checkpoint_trigger *trigger_of(
    struct weir_rest_server *server, const uint8_t job[16], const uint8_t id[16])
{
    for (uint32_t i = 0; i < REST_CHECKPOINT_TRIGGERS_MAX; i++) {
        struct rest_checkpoint_trigger *trigger = &server->triggers[i];
        if (trigger->triggered_ms && memcmp(trigger->request, id, 16) == 0 &&
            memcmp(trigger->job, job, 16) == 0)
            return trigger;
    }
    return NULL;
}

static bool is_triggered(struct rest_request *request, const ProtobufCBinaryData *job, const uint8_t id[16])
{
    rest__lock(request->server);
    bool found = trigger_of(request->server, job->data, id) != NULL;
    rest__unlock(request->server);
    return found;
}

static void answer_triggered(struct rest_request *request, const uint8_t id[16])
{
    rest__answer(request, MHD_HTTP_ACCEPTED, json_pack("{s:s}", "request-id", rest__hex(request, id, 16)));
}

/* False: answered. */
static bool read_trigger(struct rest_request *request, struct rest_checkpoint_trigger *ret)
{
    json_t *body = rest__body(request);
    bool good = body && rest__choice(request, body, "checkpointType", "CONFIGURED,FULL,INCREMENTAL") &&
                rest__trigger_id(request, body, ret->request);
    json_decref(body);
    return good;
}

void rest__post_checkpoint(struct rest_request *request)
{
    struct rest_checkpoint_trigger trigger = { 0 };
    const Weir__ClientReply *before = rest__query_job(request, true);
    if (!before || !read_trigger(request, &trigger)) return;
    if (is_triggered(request, &before->jobs[0]->job, trigger.request)) {
        answer_triggered(request, trigger.request);
        return;
    }
    Weir__CheckpointJob *message = WEIR_PROTO_NEW(&request->arena, Weir__CheckpointJob, weir__checkpoint_job);
    message->job = before->jobs[0]->job;
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_CHECKPOINT_JOB, message));
    if (!reply) return;
    if (reply->code != WEIR__REPLY_CODE__REPLY_OK) {
        rest__refuse(request, reply);
        return;
    }
    trigger.triggered_ms = rest__now_ms();
    trigger.after = newest_id(before->details);
    memcpy(trigger.job, message->job.data, 16);
    struct weir_rest_server *server = request->server;
    rest__lock(server);
    server->triggers[server->trigger_next++ % REST_CHECKPOINT_TRIGGERS_MAX] = trigger;
    rest__unlock(server);
    answer_triggered(request, trigger.request);
}

static bool find_trigger(struct rest_request *request, struct rest_checkpoint_trigger *ret)
{
    struct weir_rest_server *server = request->server;
    uint8_t id[16], job[16];
    if (!rest__parse_id(rest__parameter(request, "triggerid"), id) ||
        !rest__parse_id(rest__parameter(request, "jobid"), job))
        return false;
    rest__lock(server);
    const struct rest_checkpoint_trigger *found = trigger_of(server, job, id);
    if (found) *ret = *found;
    rest__unlock(server);
    return found != NULL;
}

/* The oldest that ended after it was asked for. With its job every one of them is over. */
void rest__get_checkpoint_trigger(struct rest_request *request)
{
    static const char *const in_vain[] = {
        "the job has ended, and what became of the checkpoint is not known any more",
        "the job has ended before the checkpoint was complete"
    };
    struct rest_checkpoint_trigger trigger;
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply) return;
    const Weir__JobDetails *details = details_of(reply);
    if (!find_trigger(request, &trigger)) {
        rest__fail(request, MHD_HTTP_NOT_FOUND,
            "There is no checkpoint operation with triggerId=%s for job %s.",
            rest__parameter(request, "triggerid"), rest__parameter(request, "jobid"));
        return;
    }
    const Weir__CheckpointDetails *ended = NULL;
    for (size_t i = 0; i < details->n_checkpoints; i++)
        if (details->checkpoints[i]->id > trigger.after && !is_savepoint(details->checkpoints[i]->kind))
            ended = details->checkpoints[i];
    bool over = rest__job_is_over(reply->jobs[0]->state);
    if (!ended && !over)
        rest__answer(
            request, MHD_HTTP_OK, json_pack("{s:{s:s},s:n}", "status", "id", "IN_PROGRESS", "operation"));
    else if (ended && ended->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:{s:s},s:{s:I}}", "status", "id", "COMPLETED", "operation", "checkpointId",
                (json_int_t)ended->id));
    else
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:{s:s},s:{s:o}}", "status", "id", "COMPLETED", "operation", "failureCause",
                rest__throwable(ended ? ended->text : in_vain[reply->details != NULL])));
}
