/* What changes something: submission, cancel, stop, savepoints, rescaling. */
#include "host/rest/internal.h"
#include "os/log.h"
#include "os/memory.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- submission */

/* One place for all of the cluster: its processes may run in different folders. */
static char *absolute(struct rest_request *request, const char *path)
{
    char directory[4096];
    if (!path[0] || path[0] == '/' || strchr(path, ':') || !getcwd(directory, sizeof directory))
        return weir_arena_string(&request->arena, path);
    return weir_arena_format(&request->arena, "%s/%s", directory, path);
}

/* In a folder of another file system no process could read, write or delete anything, now or when the job has
 * ended. False: answered 400. */
static bool is_local(struct rest_request *request, const char *key, const char *path)
{
    const char *colon = strstr(path, "://");
    if (!colon || memchr(path, '/', (size_t)(colon - path)) || strncmp(path, "file:///", 8) == 0 ||
        strncmp(path, "file://localhost/", 17) == 0)
        return true;
    if (strncmp(path, "file://", 7) == 0)
        rest__fail(request, MHD_HTTP_BAD_REQUEST,
            "%s: \"%s\" names a host; local files are written file:///path", key, path);
    else
        rest__fail(request, MHD_HTTP_BAD_REQUEST,
            "%s: the file system of %s is not implemented: %.*s; this build has file", key, path,
            (int)(colon - path), path);
    return false;
}

/* What the client's configuration leaves open, the cluster's says. */
static void fill_settings(struct rest_request *request, Weir__ExecutionPlan *plan)
{
    const struct weir_rest_server *server = request->server;
    if (!plan->settings)
        plan->settings = WEIR_PROTO_NEW(&request->arena, Weir__JobSettings, weir__job_settings);
    Weir__JobSettings *settings = plan->settings;
    if (!settings->checkpoint_directory[0])
        settings->checkpoint_directory = (char *)weir_config_get_text(
            server->settings, "execution.checkpointing.dir", server->checkpoint_directory);
    if (!settings->savepoint_directory[0])
        settings->savepoint_directory =
            (char *)weir_config_get_text(server->settings, "execution.checkpointing.savepoint-dir", "");
    settings->checkpoint_directory = absolute(request, settings->checkpoint_directory);
    settings->savepoint_directory = absolute(request, settings->savepoint_directory);
}

void rest__post_submission(struct rest_request *request)
{
    ProtobufCMessage *message = NULL;
    struct weir_error error;
    if (weir_memory_over_limit(weir_os_memory())) {
        rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE,
            "The memory of this JobManager is used up: it takes no more jobs; raise "
            "jobmanager.memory.process.size.");
        return;
    }
    if (weir_proto_decode(&weir__submit_job__descriptor, &request->arena, request->body.data,
            request->body.length, WEIR_PLAN_BYTES_MAX, &message, &error)) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST, "%s", error.message);
        return;
    }
    Weir__SubmitJob *submit = (Weir__SubmitJob *)message;
    if (submit->job.len != 16 || !submit->plan) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST, "A submission needs a job id of 16 bytes and a plan.");
        return;
    }
    fill_settings(request, submit->plan);
    const Weir__JobSettings *settings = submit->plan->settings;
    if (!is_local(request, "execution.checkpointing.dir", settings->checkpoint_directory) ||
        !is_local(request, "execution.checkpointing.savepoint-dir", settings->savepoint_directory) ||
        (submit->restore && !is_local(request, "execution.state-recovery.path", submit->restore->path)))
        return;
    if (submit->restore && submit->restore->claim_mode == WEIR__CLAIM_MODE__CLAIM &&
        rest__is_needed(request, rest__location(request, submit->restore->path)))
        return;
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_SUBMIT, submit));
    if (!reply) return;
    if (reply->code != WEIR__REPLY_CODE__REPLY_OK) {
        rest__refuse(request, reply);
        return;
    }
    const char *id = rest__hex(request, submit->job.data, submit->job.len);
    weir_log(WEIR_LOG_INFO, "weir.rest", "job '%s' (%s) was submitted", submit->plan->name, id);
    rest__answer(request, MHD_HTTP_ACCEPTED,
        json_pack("{s:s,s:s}", "jobid", id, "jobUrl", weir_arena_format(&request->arena, "/jobs/%s", id)));
}

void rest__post_jobs(struct rest_request *request)
{
    rest__fail(request, MHD_HTTP_BAD_REQUEST,
        "A serialised JobGraph of Java cannot run here; submit SQL with weir run or the SQL client.");
}

/* ---------------------------------------------------------------- cancel, stop, savepoint */

static void refuse_cancel(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, false);
    if (!reply) return;
    rest__fail(request, MHD_HTTP_CONFLICT,
        "Job cancellation failed because the job has already reached another terminal state (%s).",
        rest__job_state(reply->jobs[0]->state));
}

void rest__patch_job(struct rest_request *request)
{
    const char *mode = rest__argument(request, "mode");
    if (mode && strcmp(mode, "stop") == 0) {
        rest__get_yarn_stop(request);
        return;
    }
    if (mode && strcmp(mode, "cancel") != 0) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST, "Cannot resolve query parameter (mode): expected cancel.");
        return;
    }
    Weir__CancelJob *cancel = WEIR_PROTO_NEW(&request->arena, Weir__CancelJob, weir__cancel_job);
    if (!rest__job_id(request, &cancel->job)) return;
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_CANCEL, cancel));
    if (!reply) return;
    if (reply->code == WEIR__REPLY_CODE__REPLY_OK)
        rest__answer(request, MHD_HTTP_ACCEPTED, json_object());
    else if (reply->code == WEIR__REPLY_CODE__REPLY_CONFLICT)
        refuse_cancel(request);
    else
        rest__refuse(request, reply);
}

static const char *text_member(const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    return text ? text : "";
}

/* true and false, also as texts. */
static bool is_flag(const json_t *value)
{
    const char *text = json_string_value(value);
    return json_is_boolean(value) || (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0));
}

static bool flag_member(const json_t *body, const char *name)
{
    const json_t *value = json_object_get(body, name);
    const char *text = json_string_value(value);
    return json_is_true(value) || (text && strcmp(text, "true") == 0);
}

/* What else was meant is not guessed: a stop that was to drain does not end without. False: answered 400. */
static bool members_are(struct rest_request *request, const json_t *body, const char *text, const char *flag)
{
    const json_t *written = json_object_get(body, text), *set = json_object_get(body, flag);
    bool good_text = !written || json_is_null(written) || json_is_string(written);
    bool good_flag = !set || json_is_null(set) || is_flag(set);
    if (good_text && good_flag) return rest__choice(request, body, "formatType", "CANONICAL,NATIVE");
    rest__fail(request, MHD_HTTP_BAD_REQUEST, "Request did not match expected format: %s is %s.",
        good_text ? flag : text, good_text ? "true or false" : "a text");
    return false;
}

static bool trigger_id(struct rest_request *request, const json_t *body, ProtobufCBinaryData *ret)
{
    ret->len = 16;
    ret->data = weir_arena_allocate(&request->arena, 16);
    return rest__trigger_id(request, body, ret->data);
}

/* Of the request, else of this cluster; empty: the job's own. */
static char *savepoint_directory(struct rest_request *request, const char *asked)
{
    if (!asked[0])
        asked = weir_config_get_text(request->server->settings, "execution.checkpointing.savepoint-dir", "");
    return absolute(request, asked);
}

static void answer_trigger(
    struct rest_request *request, Weir__Envelope *envelope, const ProtobufCBinaryData *trigger)
{
    const Weir__ClientReply *reply = rest__ask(request, envelope);
    if (!reply) return;
    if (reply->code == WEIR__REPLY_CODE__REPLY_OK)
        rest__answer(request, MHD_HTTP_ACCEPTED,
            json_pack("{s:s}", "request-id", rest__hex(request, trigger->data, trigger->len)));
    else if (reply->code == WEIR__REPLY_CODE__REPLY_BAD_REQUEST && strstr(reply->text, "directory"))
        rest__fail(request, MHD_HTTP_BAD_REQUEST,
            "Config key [execution.checkpointing.savepoint-dir] is not set. Property [%s] must be provided.",
            envelope->body_case == WEIR__ENVELOPE__BODY_STOP ? "targetDirectory" : "target-directory");
    else
        rest__refuse(request, reply);
}

/* directory_member: as the request calls it. */
static void stop(
    struct rest_request *request, const json_t *body, const char *directory_member, bool drain, bool cancels)
{
    Weir__StopJob *message = WEIR_PROTO_NEW(&request->arena, Weir__StopJob, weir__stop_job);
    if (!rest__job_id(request, &message->job) || !trigger_id(request, body, &message->request)) return;
    message->directory = savepoint_directory(request, text_member(body, directory_member));
    if (!is_local(request, directory_member, message->directory)) return;
    message->drain = drain;
    message->cancels = cancels;
    answer_trigger(request, rest__envelope(request, WEIR__ENVELOPE__BODY_STOP, message), &message->request);
}

void rest__post_stop(struct rest_request *request)
{
    json_t *body = rest__body(request);
    if (!body) return;
    if (members_are(request, body, "targetDirectory", "drain"))
        stop(request, body, "targetDirectory", flag_member(body, "drain"), false);
    json_decref(body);
}

static void savepoint(struct rest_request *request, const json_t *body)
{
    Weir__TriggerSavepoint *message =
        WEIR_PROTO_NEW(&request->arena, Weir__TriggerSavepoint, weir__trigger_savepoint);
    if (!rest__job_id(request, &message->job) || !trigger_id(request, body, &message->request)) return;
    message->directory = savepoint_directory(request, text_member(body, "target-directory"));
    if (!is_local(request, "target-directory", message->directory)) return;
    answer_trigger(
        request, rest__envelope(request, WEIR__ENVELOPE__BODY_SAVEPOINT, message), &message->request);
}

/* With cancel-job the savepoint is the job's last word: a stop, at the end of which it is canceled. */
void rest__post_savepoint(struct rest_request *request)
{
    json_t *body = rest__body(request);
    if (!body) return;
    if (!members_are(request, body, "target-directory", "cancel-job")) {
        json_decref(body);
        return;
    }
    if (flag_member(body, "cancel-job"))
        stop(request, body, "target-directory", false, true);
    else
        savepoint(request, body);
    json_decref(body);
}

static json_t *savepoint_shape(struct rest_request *request, const Weir__SavepointRequest *savepoint)
{
    switch (savepoint->state) {
    case WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED:
        return json_pack("{s:{s:s},s:{s:s}}", "status", "id", "COMPLETED", "operation", "location",
            rest__location(request, savepoint->path));
    case WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED:
        return json_pack("{s:{s:s},s:{s:o}}", "status", "id", "COMPLETED", "operation", "failure-cause",
            rest__throwable(savepoint->error));
    default: return json_pack("{s:{s:s},s:n}", "status", "id", "IN_PROGRESS", "operation");
    }
}

void rest__get_savepoint(struct rest_request *request)
{
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    if (!rest__job_id(request, &query->job)) return;
    const char *trigger = rest__parameter(request, "triggerid");
    query->request.len = 16;
    query->request.data = weir_arena_allocate(&request->arena, 16);
    const Weir__ClientReply *reply = NULL;
    bool known = rest__parse_id(trigger, query->request.data);
    if (known) reply = rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY, query));
    if (known && !reply) return;
    if (reply && reply->code == WEIR__REPLY_CODE__REPLY_OK && reply->savepoint)
        rest__answer(request, MHD_HTTP_OK, savepoint_shape(request, reply->savepoint));
    else if (reply && !reply->n_jobs)
        rest__refuse(request, reply);
    else
        rest__fail(request, MHD_HTTP_NOT_FOUND,
            "There is no savepoint operation with triggerId=%s for job %s.", trigger,
            rest__parameter(request, "jobid"));
}

/* ---------------------------------------------------------------- rescaling */

void rest__get_resource_requirements(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_planned_job(request);
    if (!reply) return;
    json_t *object = json_object();
    for (size_t i = 0; reply->details && i < reply->details->n_vertices; i++) {
        const Weir__VertexDetails *vertex = reply->details->vertices[i];
        uint32_t upper = vertex->parallelism_wanted ? vertex->parallelism_wanted : vertex->parallelism;
        json_object_set_new(object, rest__vertex_id(request, vertex->plan->id),
            json_pack("{s:{s:i,s:I}}", "parallelism", "lowerBound", 1, "upperBound", (json_int_t)upper));
    }
    rest__answer(request, MHD_HTTP_OK, object);
}

/* False: answered. */
static bool rescale(struct rest_request *request, Weir__RescaleJob *message)
{
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_RESCALE, message));
    if (!reply) return false;
    if (reply->code == WEIR__REPLY_CODE__REPLY_OK) return true;
    rest__refuse(request, reply);
    return false;
}

static bool add_override(
    struct rest_request *request, Weir__RescaleJob *message, const char *key, const json_t *value)
{
    const json_t *parallelism = json_object_get(value, "parallelism");
    const json_t *least = json_object_get(parallelism, "lowerBound");
    json_int_t upper = json_integer_value(json_object_get(parallelism, "upperBound"));
    json_int_t lower = !least || json_is_null(least) ? 0
                       : json_is_integer(least)      ? json_integer_value(least)
                                                     : -1;
    uint32_t vertex;
    if (!rest__parse_vertex_id(key, &vertex)) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST, "\"%s\" is no vertex of the job.", key);
        return false;
    }
    if (upper < 1 || upper > UINT16_MAX || lower < 0 || lower > upper) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST,
            "Vertex %s: expected {\"parallelism\":{\"lowerBound\":n,\"upperBound\":m}}, n <= m, from 1 to "
            "32768.",
            key);
        return false;
    }
    Weir__ParallelismOverride *item =
        WEIR_PROTO_NEW(&request->arena, Weir__ParallelismOverride, weir__parallelism_override);
    item->vertex = vertex;
    item->parallelism = (uint32_t)upper;
    message->overrides[message->n_overrides++] = item;
    return true;
}

void rest__put_resource_requirements(struct rest_request *request)
{
    Weir__RescaleJob *message = WEIR_PROTO_NEW(&request->arena, Weir__RescaleJob, weir__rescale_job);
    if (!rest__job_id(request, &message->job)) return;
    json_t *body = rest__body(request);
    if (!body) return;
    message->overrides =
        WEIR_ARENA_ARRAY(&request->arena, Weir__ParallelismOverride *, json_object_size(body) + 1);
    bool good = true;
    const char *key;
    json_t *value;
    json_object_foreach(body, key, value)
    {
        good = add_override(request, message, key, value);
        if (!good) break;
    }
    if (good && rescale(request, message)) rest__answer(request, MHD_HTTP_OK, json_object());
    json_decref(body);
}

/* The job, and the version of its plan: nobody has to remember it. */
static const char *rescaling_id(
    struct rest_request *request, const ProtobufCBinaryData *job, uint64_t plan_version)
{
    uint8_t id[16];
    memcpy(id, job->data, 8);
    for (int i = 0; i < 8; i++) id[8 + i] = (uint8_t)(plan_version >> (56 - 8 * i));
    return rest__hex(request, id, sizeof id);
}

/* All vertices get the one parallelism, but for those whose rows all go to one subtask. */
void rest__patch_rescaling(struct rest_request *request)
{
    uint32_t parallelism;
    if (!rest__count(request, "parallelism", 0, &parallelism)) return;
    if (parallelism < 1 || parallelism > UINT16_MAX) {
        rest__fail(
            request, MHD_HTTP_BAD_REQUEST, "Query parameter [parallelism]: expected a positive number.");
        return;
    }
    const Weir__ClientReply *job = rest__query_planned_job(request);
    if (!job) return;
    Weir__RescaleJob *message = WEIR_PROTO_NEW(&request->arena, Weir__RescaleJob, weir__rescale_job);
    message->job = job->jobs[0]->job;
    size_t count = job->details ? job->details->n_vertices : 0;
    message->overrides = WEIR_ARENA_ARRAY(&request->arena, Weir__ParallelismOverride *, count + 1);
    for (size_t i = 0; i < count; i++) {
        Weir__ParallelismOverride *item =
            WEIR_PROTO_NEW(&request->arena, Weir__ParallelismOverride, weir__parallelism_override);
        const Weir__PlanVertex *plan = job->details->vertices[i]->plan;
        item->vertex = plan->id;
        item->parallelism = plan->keeps_parallelism && !plan->source ? plan->parallelism : parallelism;
        message->overrides[message->n_overrides++] = item;
    }
    if (!rescale(request, message)) return;
    job = rest__query_job(request, true);
    if (job)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:s}", "request-id",
                rescaling_id(request, &message->job, job->details ? job->details->plan_version : 0)));
}

/* Over when the job runs as that version of its plan says, or has ended; whoever leads. Of one that has ended
 * a later leader does not know how many versions there were. */
void rest__get_rescaling(struct rest_request *request)
{
    const Weir__ClientReply *job = rest__query_planned_job(request);
    if (!job) return;
    const char *text = rest__parameter(request, "triggerid");
    const ProtobufCBinaryData *id = &job->jobs[0]->job;
    uint64_t newest = job->details ? job->details->plan_version : UINT64_MAX, version = 0;
    uint8_t bytes[16];
    bool known = rest__parse_id(text, bytes) && memcmp(bytes, id->data, 8) == 0;
    for (int i = 8; known && i < 16; i++) version = version << 8 | bytes[i];
    if (!known || version > newest)
        rest__fail(request, MHD_HTTP_NOT_FOUND,
            "There is no rescaling operation with triggerId=%s for job %s.", text,
            rest__parameter(request, "jobid"));
    else if (!rest__job_is_over(job->jobs[0]->state) && version > job->details->graph_version)
        rest__answer(
            request, MHD_HTTP_OK, json_pack("{s:{s:s},s:n}", "status", "id", "IN_PROGRESS", "operation"));
    else
        rest__answer(
            request, MHD_HTTP_OK, json_pack("{s:{s:s},s:{}}", "status", "id", "COMPLETED", "operation"));
}
