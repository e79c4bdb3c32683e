/* Figures of tasks: asked of the TaskManagers that run them, for a page that shows them. Who does not answer
 * at once is left out: a page is never late for it. */
#include "host/rest/internal.h"
#include "os/clock.h"
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 200, ALL_TIMEOUT_MS = 600, ANSWER_BYTES_MAX = 64 << 20 };

static size_t on_body(char *bytes, size_t size, size_t count, void *owner)
{
    struct weir_buffer *body = owner;
    weir_buffer_append(body, bytes, size * count);
    return body->overflowed ? 0 : size * count;
}

static json_t *fetch(struct rest_request *request, const char *address, const char *job, int64_t left_ms)
{
    CURL *curl = curl_easy_init();
    if (!curl) return NULL;
    struct weir_buffer body;
    weir_buffer_init(&body, request->server->memory, ANSWER_BYTES_MAX);
    curl_easy_setopt(
        curl, CURLOPT_URL, weir_arena_format(&request->arena, "http://%s/tasks?job=%s", address, job));
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)WEIR_MIN(left_ms, (int64_t)CONNECT_TIMEOUT_MS));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    json_t *json = NULL;
    if (curl_easy_perform(curl) == CURLE_OK && body.length)
        json = json_loadb(body.data, body.length, JSON_REJECT_DUPLICATES, NULL);
    curl_easy_cleanup(curl);
    weir_buffer_done(&body);
    return json;
}

static const Weir__ClientReply *ask_taskmanagers(struct rest_request *request)
{
    unsigned status = request->status;
    bool not_leader = request->not_leader;
    Weir__QueryTaskManagers *query =
        WEIR_PROTO_NEW(&request->arena, Weir__QueryTaskManagers, weir__query_task_managers);
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY_TASKMANAGERS, query));
    request->status = status; /* the page can do without them */
    request->not_leader = not_leader;
    return reply && reply->code == WEIR__REPLY_CODE__REPLY_OK ? reply : NULL;
}

static bool runs_job(const Weir__TaskManagerSummary *summary, const ProtobufCBinaryData *job)
{
    for (size_t i = 0; i < summary->n_slot_jobs; i++)
        if (summary->slot_jobs[i].len == job->len &&
            memcmp(summary->slot_jobs[i].data, job->data, job->len) == 0)
            return true;
    return false;
}

json_t *rest__figures(struct rest_request *request)
{
    if (request->figures) return request->figures;
    request->figures = json_array();
    ProtobufCBinaryData job;
    uint8_t id[16];
    const char *text = rest__parameter(request, "jobid");
    if (!rest__parse_id(text, id)) return request->figures;
    job = (ProtobufCBinaryData){ .len = sizeof id, .data = id };
    rest__init_curl();
    const Weir__ClientReply *reply = ask_taskmanagers(request);
    int64_t until_ms = weir_clock_monotonic_ms() + ALL_TIMEOUT_MS;
    for (size_t i = 0; reply && i < reply->n_taskmanagers; i++) {
        const Weir__TaskManagerSummary *summary = reply->taskmanagers[i];
        int64_t left_ms = until_ms - weir_clock_monotonic_ms();
        if (left_ms <= 0) break;
        if (!summary->node->rest_address[0] || !runs_job(summary, &job)) continue;
        json_t *tasks = fetch(request, summary->node->rest_address, text, left_ms);
        if (json_is_array(tasks)) json_array_extend(request->figures, tasks);
        json_decref(tasks);
    }
    return request->figures;
}

bool rest__is_figure_of(json_t *task, uint32_t vertex, int64_t subtask)
{
    json_int_t of = json_integer_value(json_object_get(task, "vertex"));
    return of == (json_int_t)vertex &&
           (subtask < 0 || json_integer_value(json_object_get(task, "subtask")) == (json_int_t)subtask);
}

double rest__figure(struct rest_request *request, uint32_t vertex, int64_t subtask, const char *name)
{
    double sum = 0;
    size_t i;
    json_t *task;
    json_array_foreach(rest__figures(request), i, task)
    {
        if (!rest__is_figure_of(task, vertex, subtask)) continue;
        sum += json_number_value(json_object_get(json_object_get(task, "metrics"), name));
    }
    return sum;
}

/* ---------------------------------------------------------------- pages of metrics */

/* In a list of names, "a,b,c"; a list that is not there has all. */
static bool is_wanted(const char *list, const char *name, size_t length)
{
    if (!list) return true;
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        size_t here = strcspn(at, ",");
        if (here == length && memcmp(at, name, length) == 0) return true;
    }
    return false;
}

static json_t *text_of(struct rest_request *request, json_t *value)
{
    double number = json_number_value(value);
    if (json_is_integer(value))
        return json_string(weir_arena_format(&request->arena, "%lld", (long long)json_integer_value(value)));
    return json_string(weir_arena_format(&request->arena, "%.6g", number));
}

/* [{"id":.., "value":".."}]; without get= the names alone. prefix: the subtask, of a vertex's page. */
static void add_single(struct rest_request *request, json_t *list, json_t *task, bool with_subtask)
{
    const char *get = rest__argument(request, "get"), *name;
    json_t *value;
    json_object_foreach(json_object_get(task, "metrics"), name, value)
    {
        const char *id = name;
        if (with_subtask)
            id = weir_arena_format(&request->arena, "%lld.%s",
                (long long)json_integer_value(json_object_get(task, "subtask")), name);
        if (get && !is_wanted(get, id, strlen(id))) continue;
        json_array_append_new(list, get ? json_pack("{s:s,s:o}", "id", id, "value", text_of(request, value))
                                        : json_pack("{s:s}", "id", id));
    }
}

void rest__answer_subtask_figures(struct rest_request *request, uint32_t vertex, int64_t subtask)
{
    json_t *list = json_array(), *task;
    size_t i;
    json_array_foreach(rest__figures(request), i, task)
    {
        if (rest__is_figure_of(task, vertex, subtask)) add_single(request, list, task, subtask < 0);
    }
    rest__answer(request, MHD_HTTP_OK, list);
}

struct aggregate {
    double min, max, sum;
    uint32_t count;
};

static void add(struct aggregate *a, double value)
{
    a->min = a->count ? WEIR_MIN(a->min, value) : value;
    a->max = a->count ? WEIR_MAX(a->max, value) : value;
    a->sum += value;
    a->count++;
}

/* The mean distance from the average, in per cent of it, 100 at most: 0 when all are alike. */
static double skew_of(const struct aggregate *a, double distance)
{
    double average = a->sum / a->count;
    return average > 0 ? WEIR_MIN(100 * distance / a->count / average, 100.0) : 0;
}

static json_t *aggregate_shape(
    struct rest_request *request, const char *name, uint32_t vertex, const char *subtasks)
{
    struct aggregate a = { 0 };
    double distance = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t i;
        json_t *task;
        json_array_foreach(rest__figures(request), i, task)
        {
            json_t *value = json_object_get(json_object_get(task, "metrics"), name);
            const char *subtask = weir_arena_format(
                &request->arena, "%lld", (long long)json_integer_value(json_object_get(task, "subtask")));
            if (!value || !rest__is_figure_of(task, vertex, -1) ||
                !is_wanted(subtasks, subtask, strlen(subtask)))
                continue;
            double number = json_number_value(value), off = number - (a.count ? a.sum / a.count : 0);
            if (pass == 0)
                add(&a, number);
            else
                distance += off < 0 ? -off : off;
        }
    }
    if (!a.count) return NULL;
    const char *agg = rest__argument(request, "agg");
    const struct {
        const char *name;
        double value;
    } figures[] = { { "min", a.min }, { "max", a.max }, { "avg", a.sum / a.count }, { "sum", a.sum },
        { "skew", skew_of(&a, distance) } };
    json_t *shape = json_pack("{s:s}", "id", name);
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(figures); i++)
        if (is_wanted(agg, figures[i].name, strlen(figures[i].name)))
            json_object_set_new(shape, figures[i].name, json_real(figures[i].value));
    return shape;
}

/* Of all subtasks together. */
void rest__answer_vertex_aggregates(struct rest_request *request, uint32_t vertex)
{
    const char *get = rest__argument(request, "get"), *name;
    json_t *list = json_array(), *task, *value, *names = json_object();
    size_t i;
    json_array_foreach(rest__figures(request), i, task)
    {
        if (rest__is_figure_of(task, vertex, -1)) json_object_update(names, json_object_get(task, "metrics"));
    }
    json_object_foreach(names, name, value)
    {
        if (!get)
            json_array_append_new(list, json_pack("{s:s}", "id", name));
        else if (is_wanted(get, name, strlen(name)))
            json_array_append_new(
                list, aggregate_shape(request, name, vertex, rest__argument(request, "subtasks")));
    }
    json_decref(names);
    rest__answer(request, MHD_HTTP_OK, list);
}

/* [{"id":"0.currentInputWatermark","value":"..."}] */
void rest__answer_watermarks(struct rest_request *request, uint32_t vertex)
{
    json_t *list = json_array(), *task;
    size_t i;
    json_array_foreach(rest__figures(request), i, task)
    {
        json_t *value = json_object_get(json_object_get(task, "metrics"), "currentInputWatermark");
        if (!value || !rest__is_figure_of(task, vertex, -1)) continue;
        const char *id = weir_arena_format(&request->arena, "%lld.currentInputWatermark",
            (long long)json_integer_value(json_object_get(task, "subtask")));
        json_array_append_new(list, json_pack("{s:s,s:o}", "id", id, "value", text_of(request, value)));
    }
    rest__answer(request, MHD_HTTP_OK, list);
}
