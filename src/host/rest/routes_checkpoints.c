/* Checkpoints of a job: statistics, history, configuration, and one that is asked for by hand. */
#include "host/rest/internal.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *status_of(const Weir__CheckpointDetails *checkpoint)
{
    return checkpoint->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED ? "COMPLETED" : "FAILED";
}

static bool is_savepoint(Weir__CheckpointKind kind)
{
    return kind == WEIR__CHECKPOINT_KIND__SAVEPOINT || kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

static json_t *checkpoint_shape(struct rest_request *request, const Weir__CheckpointDetails *checkpoint)
{
    bool completed = checkpoint->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED;
    bool savepoint = is_savepoint(checkpoint->kind);
    int64_t ended_ms = checkpoint->triggered_ms + checkpoint->duration_ms;
    json_t *shown = json_pack("{s:s,s:I,s:s,s:b,s:s?,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:I,s:I,s:s,s:{}}",
        "className", completed ? "completed" : "failed", "id", (json_int_t)checkpoint->id, "status",
        status_of(checkpoint), "is_savepoint", (int)savepoint, "savepointFormat",
        savepoint ? "CANONICAL" : NULL, "trigger_timestamp", (json_int_t)checkpoint->triggered_ms,
        "latest_ack_timestamp", (json_int_t)ended_ms, "checkpointed_size",
        (json_int_t)checkpoint->bytes_written, "state_size", (json_int_t)checkpoint->bytes_full,
        "end_to_end_duration", (json_int_t)checkpoint->duration_ms, "alignment_buffered", 0, "processed_data",
        0, "persisted_data", 0, "num_subtasks", (json_int_t)checkpoint->subtasks, "num_acknowledged_subtasks",
        (json_int_t)checkpoint->acknowledged, "checkpoint_type", savepoint ? "SAVEPOINT" : "CHECKPOINT",
        "tasks");
    if (completed) {
        json_object_set_new(shown, "external_path", json_string(rest__location(request, checkpoint->text)));
        json_object_set_new(shown, "discarded", json_false());
    } else {
        json_object_set_new(shown, "failure_timestamp", json_integer(ended_ms));
        json_object_set_new(shown, "failure_message", json_string(checkpoint->text));
    }
    return shown;
}

struct figure {
    uint64_t min, max, sum, count;
};

static void add_figure(struct figure *figure, uint64_t value)
{
    figure->min = figure->count ? WEIR_MIN(figure->min, value) : value;
    figure->max = WEIR_MAX(figure->max, value);
    figure->sum += value;
    figure->count++;
}

/* Percentiles of so few are their largest. */
static json_t *figure_shape(const struct figure *figure)
{
    uint64_t average = figure->count ? figure->sum / figure->count : 0;
    double largest = (double)figure->max;
    return json_pack("{s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f}", "min", (json_int_t)figure->min, "max",
        (json_int_t)figure->max, "avg", (json_int_t)average, "p50", (double)average, "p90", largest, "p95",
        largest, "p99", largest, "p999", largest);
}

static json_t *summary_of(const Weir__JobDetails *details)
{
    struct figure written = { 0 }, full = { 0 }, duration = { 0 }, none = { 0 };
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        const Weir__CheckpointDetails *checkpoint = details->checkpoints[i];
        if (checkpoint->outcome != WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED) continue;
        add_figure(&written, checkpoint->bytes_written);
        add_figure(&full, checkpoint->bytes_full);
        add_figure(&duration, (uint64_t)checkpoint->duration_ms);
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o}", "checkpointed_size", figure_shape(&written), "state_size",
        figure_shape(&full), "end_to_end_duration", figure_shape(&duration), "alignment_buffered",
        figure_shape(&none), "processed_data", figure_shape(&none), "persisted_data", figure_shape(&none));
}

/* NULL where there is none: a member that is null. */
static json_t *newest_shape(
    struct rest_request *request, const Weir__JobDetails *details, bool completed, bool savepoint)
{
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        const Weir__CheckpointDetails *checkpoint = details->checkpoints[i];
        bool is_completed = checkpoint->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED;
        if (is_completed == completed && (!completed || is_savepoint(checkpoint->kind) == savepoint))
            return checkpoint_shape(request, checkpoint);
    }
    return NULL;
}

static json_t *restored_shape(struct rest_request *request, const Weir__JobDetails *details)
{
    if (!details->restore || !details->restore->path[0]) return NULL;
    return json_pack("{s:i,s:I,s:b,s:s}", "id", 0, "restore_timestamp", (json_int_t)details->submitted_ms,
        "is_savepoint", 1, "external_path", rest__location(request, details->restore->path));
}

/* NULL: answered. */
static const Weir__JobDetails *job_details(struct rest_request *request)
{
    static const Weir__JobDetails nothing = WEIR__JOB_DETAILS__INIT;
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply) return NULL;
    return reply->details ? reply->details : &nothing;
}

void rest__get_checkpoints(struct rest_request *request)
{
    const Weir__JobDetails *details = job_details(request);
    if (!details) return;
    json_t *history = json_array();
    for (size_t i = 0; i < details->n_checkpoints; i++)
        json_array_append_new(history, checkpoint_shape(request, details->checkpoints[i]));
    json_int_t failed = (json_int_t)(details->checkpoints_failed + details->checkpoints_aborted);
    json_int_t restored = details->restore && details->restore->path[0] ? 1 : 0;
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:{s:I,s:I,s:I,s:I,s:I},s:o,s:{s:o?,s:o?,s:o?,s:o?},s:o}", "counts", "restored", restored,
            "total", (json_int_t)details->checkpoints_triggered, "in_progress",
            (json_int_t)details->checkpoints_in_progress, "completed",
            (json_int_t)details->checkpoints_completed, "failed", failed, "summary", summary_of(details),
            "latest", "completed", newest_shape(request, details, true, false), "savepoint",
            newest_shape(request, details, true, true), "failed",
            newest_shape(request, details, false, false), "restored", restored_shape(request, details),
            "history", history));
}

void rest__get_checkpoint_details(struct rest_request *request)
{
    const Weir__JobDetails *details = job_details(request);
    if (!details) return;
    const char *text = rest__parameter(request, "checkpointid");
    uint64_t id = strtoull(text, NULL, 10);
    for (size_t i = 0; i < details->n_checkpoints; i++) {
        if (details->checkpoints[i]->id != id) continue;
        rest__answer(request, MHD_HTTP_OK, checkpoint_shape(request, details->checkpoints[i]));
        return;
    }
    rest__fail(
        request, MHD_HTTP_NOT_FOUND, "Could not find checkpointing statistics for checkpoint %s.", text);
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

void rest__post_checkpoint(struct rest_request *request)
{
    const Weir__ClientReply *before = rest__query_job(request, true);
    if (!before) return;
    Weir__CheckpointJob *message = WEIR_PROTO_NEW(&request->arena, Weir__CheckpointJob, weir__checkpoint_job);
    message->job = before->jobs[0]->job;
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_CHECKPOINT_JOB, message));
    if (!reply) return;
    if (reply->code != WEIR__REPLY_CODE__REPLY_OK) {
        rest__refuse(request, reply);
        return;
    }
    struct rest_checkpoint_trigger trigger = { .triggered_ms = rest__now_ms(),
        .after =
            before->details && before->details->n_checkpoints ? before->details->checkpoints[0]->id : 0 };
    if (getrandom(trigger.request, 16, 0) != 16) memcpy(trigger.request, &trigger.triggered_ms, 8);
    memcpy(trigger.job, message->job.data, 16);
    struct weir_rest_server *server = request->server;
    rest__lock(server);
    server->triggers[server->trigger_next++ % REST_CHECKPOINT_TRIGGERS_MAX] = trigger;
    rest__unlock(server);
    rest__answer(request, MHD_HTTP_ACCEPTED,
        json_pack("{s:s}", "request-id", rest__hex(request, trigger.request, 16)));
}

static bool find_trigger(struct rest_request *request, struct rest_checkpoint_trigger *ret)
{
    struct weir_rest_server *server = request->server;
    uint8_t id[16];
    bool found = false;
    if (!rest__parse_id(rest__parameter(request, "triggerid"), id)) return false;
    rest__lock(server);
    for (uint32_t i = 0; i < REST_CHECKPOINT_TRIGGERS_MAX && !found; i++) {
        found = server->triggers[i].triggered_ms && memcmp(server->triggers[i].request, id, 16) == 0;
        if (found) *ret = server->triggers[i];
    }
    rest__unlock(server);
    return found;
}

/* The oldest that ended after it was asked for. */
void rest__get_checkpoint_trigger(struct rest_request *request)
{
    struct rest_checkpoint_trigger trigger;
    const Weir__JobDetails *details = job_details(request);
    if (!details) return;
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
    if (!ended)
        rest__answer(
            request, MHD_HTTP_OK, json_pack("{s:{s:s},s:n}", "status", "id", "IN_PROGRESS", "operation"));
    else if (ended->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:{s:s},s:{s:I}}", "status", "id", "COMPLETED", "operation", "checkpointId",
                (json_int_t)ended->id));
    else
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:{s:s},s:{s:o}}", "status", "id", "COMPLETED", "operation", "failureCause",
                rest__throwable(ended->text)));
}
