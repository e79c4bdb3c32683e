/* Rescalings of a job, as its JobMaster remembers them: a new leader begins anew. */
#include "host/rest/internal.h"
#include <string.h>

enum { SLOTS_WAIT_MS = 300000, CHECKPOINT_WAIT_MS = 60000 };

static const char size_key[] = "web.adaptive-scheduler.rescale-history.size";

/* How many are remembered: none when nothing was asked for. */
static int64_t remembered_max(const struct rest_request *request)
{
    int64_t size = weir_config_get_integer(request->server->settings, size_key, 0);
    return WEIR_MIN(WEIR_MAX(size, (int64_t)0), (int64_t)WEIR_RESCALES_REMEMBERED_MAX);
}

/* NULL: answered. */
static const Weir__ClientReply *query(struct rest_request *request)
{
    static Weir__JobDetails nothing = WEIR__JOB_DETAILS__INIT;
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply) return NULL;
    if (!remembered_max(request)) {
        rest__fail(request, MHD_HTTP_NOT_FOUND,
            "Rescalings of job %s are not remembered: %s is not larger than 0.",
            rest__parameter(request, "jobid"), size_key);
        return NULL;
    }
    if (reply->details) return reply;
    Weir__ClientReply *shown = WEIR_PROTO_NEW(&request->arena, Weir__ClientReply, weir__client_reply);
    *shown = *reply;
    shown->details = &nothing;
    return shown;
}

static const char *name_of(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    return found ? found->name : "";
}

/* NULL: it is under way. */
static const char *outcome_of(Weir__RescaleOutcome outcome)
{
    if (outcome <= WEIR__RESCALE_OUTCOME__RESCALE_IN_PROGRESS) return NULL;
    return name_of(&weir__rescale_outcome__descriptor, (int)outcome) + strlen("RESCALE_");
}

static const char *id_of(struct rest_request *request, uint64_t high, uint64_t low)
{
    return weir_arena_format(
        &request->arena, "%016llx%016llx", (unsigned long long)high, (unsigned long long)low);
}

/* The same as PATCH .../rescaling answers. */
static const char *requirements_id(
    struct rest_request *request, const ProtobufCBinaryData *job, uint64_t plan_version)
{
    return weir_arena_format(
        &request->arena, "%s%016llx", rest__hex(request, job->data, 8), (unsigned long long)plan_version);
}

static json_t *known_or_null(uint64_t value)
{
    return value ? json_integer((json_int_t)value) : json_null();
}

static const char *vertex_name(const Weir__JobDetails *details, uint32_t vertex)
{
    for (size_t i = 0; i < details->n_vertices; i++)
        if (details->vertices[i]->plan->id == vertex) return details->vertices[i]->plan->name;
    return "";
}

static json_t *vertices_of(
    struct rest_request *request, const Weir__JobDetails *details, const Weir__RescaleDetails *rescale)
{
    json_t *vertices = json_object();
    for (size_t i = 0; i < rescale->n_vertices; i++) {
        const Weir__RescaleVertex *vertex = rescale->vertices[i];
        const char *id = rest__vertex_id(request, vertex->vertex);
        json_object_set_new(vertices, id,
            json_pack("{s:s,s:s,s:s,s:s,s:I,s:i,s:o,s:o,s:{s:i,s:I}}", "jobVertexId", id, "jobVertexName",
                vertex_name(details, vertex->vertex), "slotSharingGroupId", rest__vertex_id(request, 0),
                "slotSharingGroupName", "default", "desiredParallelism", (json_int_t)vertex->desired,
                "sufficientParallelism", 1, "preRescaleParallelism", known_or_null(vertex->before),
                "postRescaleParallelism", known_or_null(vertex->after), "requiredParallelisms", "lowerBound",
                1, "upperBound", (json_int_t)vertex->desired));
    }
    return vertices;
}

/* All vertices share the slots of one group: the widest says how many. */
static json_t *slots_of(struct rest_request *request, const Weir__RescaleDetails *rescale)
{
    uint32_t desired = 0, before = 0, after = 0;
    for (size_t i = 0; i < rescale->n_vertices; i++) {
        desired = WEIR_MAX(desired, rescale->vertices[i]->desired);
        before = WEIR_MAX(before, rescale->vertices[i]->before);
        after = WEIR_MAX(after, rescale->vertices[i]->after);
    }
    const char *group = rest__vertex_id(request, 0);
    return json_pack("{s:{s:s,s:s,s:I,s:i,s:o,s:o}}", group, "slotSharingGroupId", group,
        "slotSharingGroupName", "default", "desiredSlots", (json_int_t)desired, "minimalRequiredSlots", 1,
        "preRescaleSlots", known_or_null(before), "postRescaleSlots", known_or_null(after));
}

static json_t *states_of(const Weir__RescaleDetails *rescale)
{
    json_t *states = json_array();
    for (size_t i = 0; i < rescale->n_states; i++) {
        int64_t entered_ms = rescale->states[i]->entered_ms;
        int64_t left_ms = i + 1 < rescale->n_states ? rescale->states[i + 1]->entered_ms : rescale->ended_ms;
        json_array_append_new(
            states, json_pack("{s:s,s:I,s:o,s:I,s:n}", "state", rest__job_state(rescale->states[i]->state),
                        "enterTimestampInMillis", (json_int_t)entered_ms, "leaveTimestampInMillis",
                        known_or_null((uint64_t)left_ms), "durationInMillis",
                        (json_int_t)rest__duration_ms(entered_ms, left_ms), "stringifiedException"));
    }
    return states;
}

static json_t *shape(
    struct rest_request *request, const Weir__ClientReply *reply, const Weir__RescaleDetails *rescale)
{
    return json_pack("{s:s,s:s,s:I,s:o,s:o,s:o,s:I,s:o,s:s?,s:s?,s:s}", "rescaleUuid",
        id_of(request, rescale->epoch, rescale->number), "resourceRequirementsUuid",
        requirements_id(request, &reply->jobs[0]->job, rescale->plan_version), "rescaleAttemptId",
        (json_int_t)rescale->number, "vertices", vertices_of(request, reply->details, rescale), "slots",
        slots_of(request, rescale), "schedulerStates", states_of(rescale), "startTimestampInMillis",
        (json_int_t)rescale->started_ms, "endTimestampInMillis", known_or_null((uint64_t)rescale->ended_ms),
        "terminalState", outcome_of(rescale->outcome), "terminatedReason",
        rescale->reason[0] ? rescale->reason : NULL, "triggerCause",
        name_of(&weir__rescale_cause__descriptor, (int)rescale->cause));
}

static json_int_t count_of(const Weir__JobDetails *details, Weir__RescaleOutcome outcome)
{
    return (size_t)outcome < details->n_rescales_in ? (json_int_t)details->rescales_in[outcome] : 0;
}

static json_t *counts_of(const Weir__JobDetails *details)
{
    return json_pack("{s:I,s:I,s:I,s:I}", "completed",
        count_of(details, WEIR__RESCALE_OUTCOME__RESCALE_COMPLETED), "failed",
        count_of(details, WEIR__RESCALE_OUTCOME__RESCALE_FAILED), "ignored",
        count_of(details, WEIR__RESCALE_OUTCOME__RESCALE_IGNORED), "inProgress",
        count_of(details, WEIR__RESCALE_OUTCOME__RESCALE_IN_PROGRESS));
}

/* NULL where there is none: a member that is null. */
static json_t *newest(
    struct rest_request *request, const Weir__ClientReply *reply, Weir__RescaleOutcome outcome)
{
    for (size_t i = 0; i < reply->details->n_rescales; i++)
        if (reply->details->rescales[i]->outcome == outcome)
            return shape(request, reply, reply->details->rescales[i]);
    return NULL;
}

void rest__get_rescales_overview(struct rest_request *request)
{
    const Weir__ClientReply *reply = query(request);
    if (!reply) return;
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:{s:o?,s:o?,s:o?},s:o}", "latest", "completed",
            newest(request, reply, WEIR__RESCALE_OUTCOME__RESCALE_COMPLETED), "failed",
            newest(request, reply, WEIR__RESCALE_OUTCOME__RESCALE_FAILED), "ignored",
            newest(request, reply, WEIR__RESCALE_OUTCOME__RESCALE_IGNORED), "rescalesCounts",
            counts_of(reply->details)));
}

void rest__get_rescales_history(struct rest_request *request)
{
    const Weir__ClientReply *reply = query(request);
    if (!reply) return;
    json_t *list = json_array();
    for (size_t i = 0; i < reply->details->n_rescales; i++)
        json_array_append_new(list, shape(request, reply, reply->details->rescales[i]));
    rest__answer(request, MHD_HTTP_OK, list);
}

/* UNSPECIFIED: of all that have ended. */
static json_t *durations(
    struct rest_request *request, const Weir__JobDetails *details, Weir__RescaleOutcome outcome)
{
    uint64_t *values = WEIR_ARENA_ARRAY(&request->arena, uint64_t, details->n_rescales + 1);
    size_t count = 0;
    for (size_t i = 0; i < details->n_rescales; i++) {
        const Weir__RescaleDetails *rescale = details->rescales[i];
        if (rescale->outcome == WEIR__RESCALE_OUTCOME__RESCALE_IN_PROGRESS ||
            (outcome && rescale->outcome != outcome))
            continue;
        values[count++] = (uint64_t)WEIR_MAX(rescale->ended_ms - rescale->started_ms, (int64_t)0);
    }
    return rest__statistics(values, count);
}

void rest__get_rescales_summary(struct rest_request *request)
{
    const Weir__ClientReply *reply = query(request);
    if (!reply) return;
    const Weir__JobDetails *details = reply->details;
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:o,s:o,s:o,s:o,s:o}", "rescalesCounts", counts_of(details),
            "rescalesDurationStatsInMillis",
            durations(request, details, WEIR__RESCALE_OUTCOME__RESCALE_OUTCOME_UNSPECIFIED),
            "completedRescalesDurationStatsInMillis",
            durations(request, details, WEIR__RESCALE_OUTCOME__RESCALE_COMPLETED),
            "failedRescalesDurationStatsInMillis",
            durations(request, details, WEIR__RESCALE_OUTCOME__RESCALE_FAILED),
            "ignoredRescalesDurationStatsInMillis",
            durations(request, details, WEIR__RESCALE_OUTCOME__RESCALE_IGNORED)));
}

void rest__get_rescale(struct rest_request *request)
{
    const Weir__ClientReply *reply = query(request);
    if (!reply) return;
    const char *text = rest__parameter(request, "rescaleuuid");
    for (size_t i = 0; i < reply->details->n_rescales; i++) {
        const Weir__RescaleDetails *rescale = reply->details->rescales[i];
        if (strcmp(id_of(request, rescale->epoch, rescale->number), text) != 0) continue;
        rest__answer(request, MHD_HTTP_OK, shape(request, reply, rescale));
        return;
    }
    rest__fail(request, MHD_HTTP_NOT_FOUND, "Could not find rescale %s of job %s.", text,
        rest__parameter(request, "jobid"));
}

/* What is asked for is carried out at once, after a checkpoint that is waited for at most so long. */
void rest__get_rescales_config(struct rest_request *request)
{
    if (!rest__query_job(request, false)) return;
    json_int_t slots_wait_ms = (json_int_t)weir_config_get_duration_ms(
        request->server->settings, "slot.request.timeout", SLOTS_WAIT_MS);
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:i,s:n,s:I,s:I,s:I,s:I,s:I,s:I,s:i}", "rescaleHistoryMax", (int)remembered_max(request),
            "schedulerExecutionMode", "submissionResourceWaitTimeoutInMillis", slots_wait_ms,
            "submissionResourceStabilizationTimeoutInMillis", (json_int_t)0, "slotIdleTimeoutInMillis",
            (json_int_t)0, "executingCooldownTimeoutInMillis", (json_int_t)0,
            "executingResourceStabilizationTimeoutInMillis", (json_int_t)0,
            "maximumDelayForTriggeringRescaleInMillis", (json_int_t)CHECKPOINT_WAIT_MS,
            "rescaleOnFailedCheckpointCount", 0));
}
