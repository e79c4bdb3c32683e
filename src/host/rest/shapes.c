/* Names and pieces of JSON that several handlers show. */
#include "host/rest/internal.h"
#include "os/clock.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_WAIT_MS_MAX = 1000 };

static const char *enum_name(const ProtobufCEnumDescriptor *descriptor, int value, const char *prefix)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    return found ? found->name + strlen(prefix) : "";
}

const char *rest__job_state(Weir__JobState state)
{
    if (state == WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED) return "INITIALIZING";
    return enum_name(&weir__job_state__descriptor, (int)state, "JOB_");
}

const char *rest__execution_state(Weir__ExecutionState state)
{
    if (state == WEIR__EXECUTION_STATE__EXECUTION_STATE_UNSPECIFIED) return "CREATED";
    return enum_name(&weir__execution_state__descriptor, (int)state, "EXECUTION_");
}

bool rest__job_is_over(Weir__JobState state)
{
    return state == WEIR__JOB_STATE__JOB_FINISHED || state == WEIR__JOB_STATE__JOB_CANCELED ||
           state == WEIR__JOB_STATE__JOB_FAILED;
}

char *rest__hex(struct rest_request *request, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    char *text = weir_arena_allocate(&request->arena, 2 * length + 1);
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * length] = '\0';
    return text;
}

bool rest__parse_id(const char *text, uint8_t ret[16])
{
    struct weir_job_id id;
    if (!text || !weir_job_id_parse(text, &id)) return false;
    memcpy(ret, id.bytes, 16);
    return true;
}

char *rest__vertex_id(struct rest_request *request, uint32_t vertex)
{
    return weir_arena_format(&request->arena, "%032x", vertex);
}

bool rest__parse_vertex_id(const char *text, uint32_t *ret)
{
    if (!text || strlen(text) != 32 || strspn(text, "0") < 24) return false;
    char *end;
    *ret = (uint32_t)strtoul(text + 24, &end, 16);
    return !*end && isxdigit((unsigned char)text[24]);
}

bool rest__job_id(struct rest_request *request, ProtobufCBinaryData *ret)
{
    bool of_job = rest__parameter(request, "jobid") != NULL; /* else of its application, which is the job */
    const char *text = rest__parameter(request, of_job ? "jobid" : "applicationid");
    ret->len = 16;
    ret->data = weir_arena_allocate(&request->arena, 16);
    if (rest__parse_id(text, ret->data)) return true;
    rest__fail(request, MHD_HTTP_BAD_REQUEST,
        "Cannot resolve path parameter (%s) from value \"%s\": expected 32 hexadecimal digits.",
        of_job ? "jobid" : "applicationid", text);
    return false;
}

bool rest__number(struct rest_request *request, const char *name, uint64_t *ret)
{
    const char *text = rest__parameter(request, name);
    size_t digits = strspn(text, "0123456789");
    *ret = strtoull(text, NULL, 10);
    if (digits && digits < 20 && !text[digits]) return true;
    rest__fail(request, MHD_HTTP_BAD_REQUEST,
        "Cannot resolve path parameter (%s) from value \"%s\": expected a number.", name, text);
    return false;
}

/* Before a new leader has read a job's record it knows that there is one, and not even since when. */
static bool is_recovered(const Weir__JobSummary *job)
{
    return job->started_ms > 0 || job->ended_ms > 0 || job->error[0] || rest__job_is_over(job->state);
}

/* False: the time is over, answered 503. */
static bool wait_for_recovery(struct rest_request *request)
{
    if (weir_clock_monotonic_ms() + REST_RETRY_MS < request->deadline_ms && !request->server->stopping) {
        weir_clock_sleep_ms(REST_RETRY_MS);
        return true;
    }
    rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE,
        "Service temporarily unavailable: the job is being recovered, try again");
    return false;
}

const Weir__ClientReply *rest__query_one(struct rest_request *request, Weir__QueryJobs *query)
{
    if (!rest__job_id(request, &query->job)) return NULL;
    do {
        const Weir__ClientReply *reply =
            rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY, query));
        if (!reply) return NULL;
        if (reply->code != WEIR__REPLY_CODE__REPLY_OK || reply->n_jobs != 1) {
            rest__refuse(request, reply);
            return NULL;
        }
        if (is_recovered(reply->jobs[0])) return reply;
    } while (wait_for_recovery(request));
    return NULL;
}

const Weir__ClientReply *rest__query_job(struct rest_request *request, bool details)
{
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    query->details = details;
    return rest__query_one(request, query);
}

const Weir__ClientReply *rest__query_planned_job(struct rest_request *request)
{
    do {
        const Weir__ClientReply *reply = rest__query_job(request, true);
        if (!reply) return NULL;
        bool planned = reply->details && reply->details->n_vertices;
        if (planned || rest__job_is_over(reply->jobs[0]->state)) return reply;
    } while (wait_for_recovery(request));
    return NULL;
}

static bool are_recovered(const Weir__ClientReply *list)
{
    for (size_t i = 0; i < list->n_jobs; i++)
        if (!is_recovered(list->jobs[i])) return false;
    return true;
}

/* A job whose record cannot be read for longer keeps the others from nobody: it is shown as far as it is
 * known. */
const Weir__ClientReply *rest__list_jobs(struct rest_request *request)
{
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    for (uint32_t waited_ms = 0;; waited_ms += REST_RETRY_MS) {
        const Weir__ClientReply *reply =
            rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY, query));
        if (!reply) return NULL;
        if (reply->code != WEIR__REPLY_CODE__REPLY_OK) {
            rest__refuse(request, reply);
            return NULL;
        }
        if (are_recovered(reply) || waited_ms >= LIST_WAIT_MS_MAX || request->server->stopping) return reply;
        weir_clock_sleep_ms(REST_RETRY_MS);
    }
}

int64_t rest__now_ms(void)
{
    return weir_clock_epoch_ms();
}

int64_t rest__duration_ms(int64_t started_ms, int64_t ended_ms)
{
    if (started_ms <= 0) return -1;
    return WEIR_MAX((ended_ms > 0 ? ended_ms : rest__now_ms()) - started_ms, (int64_t)0);
}

json_t *rest__end_ms(int64_t ended_ms)
{
    return json_integer(ended_ms > 0 ? ended_ms : -1);
}

json_t *rest__states(const uint32_t counts[], size_t count, bool upper_case, bool total)
{
    json_t *object = json_object();
    uint64_t sum = 0;
    for (size_t i = 1; i <= WEIR__EXECUTION_STATE__EXECUTION_RECONCILING; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", rest__execution_state((Weir__ExecutionState)i));
        for (char *at = name; *at && !upper_case; at++) *at = (char)tolower((unsigned char)*at);
        uint32_t in_state = i < count ? counts[i] : 0;
        sum += in_state;
        json_object_set_new(object, name, json_integer(in_state));
    }
    if (total) json_object_set_new(object, "total", json_integer((json_int_t)sum));
    return object;
}

const char *rest__location(struct rest_request *request, const char *pointer)
{
    static const char name[] = "/_metadata";
    size_t length = strlen(pointer), tail = sizeof name - 1;
    if (length > tail && strcmp(pointer + length - tail, name) == 0) length -= tail;
    const char *path = weir_arena_copy(&request->arena, pointer, length);
    return path[0] == '/' ? weir_arena_format(&request->arena, "file:%s", path) : path;
}

json_t *rest__throwable(const char *text)
{
    return json_pack("{s:s,s:s}", "class", "java.lang.Exception", "stack-trace", text ? text : "");
}
