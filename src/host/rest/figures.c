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

static json_t *fetch(struct rest_request *request, const char *url, int64_t left_ms)
{
    CURL *curl = curl_easy_init();
    if (!curl) return NULL;
    struct weir_buffer body;
    weir_buffer_init(&body, request->server->memory, ANSWER_BYTES_MAX);
    curl_easy_setopt(curl, CURLOPT_URL, url);
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
        const char *url =
            weir_arena_format(&request->arena, "http://%s/tasks?job=%s", summary->node->rest_address, text);
        json_t *tasks = fetch(request, url, left_ms);
        if (json_is_array(tasks)) json_array_extend(request->figures, tasks);
        json_decref(tasks);
    }
    return request->figures;
}

/* One after the other: a TaskManager that cannot be reached costs the page no more than its own figures. */
void rest__processes(
    struct rest_request *request, const Weir__TaskManagerSummary *const *summaries, size_t count, json_t *ret)
{
    rest__init_curl();
    int64_t until_ms = weir_clock_monotonic_ms() + ALL_TIMEOUT_MS;
    for (size_t i = 0; i < count; i++) {
        const char *address = summaries[i]->node->rest_address;
        int64_t left_ms = until_ms - weir_clock_monotonic_ms();
        json_t *process = NULL;
        if (left_ms > 0 && address[0])
            process =
                fetch(request, weir_arena_format(&request->arena, "http://%s/process", address), left_ms);
        json_array_append_new(ret, json_is_object(process) ? process : json_object());
        if (!json_is_object(process)) json_decref(process);
    }
}

static bool is_number(json_t *task, const char *name, json_int_t wanted)
{
    return json_integer_value(json_object_get(task, name)) == wanted;
}

/* subtask < 0: any. */
static bool is_figure_of(json_t *task, uint32_t vertex, int64_t subtask)
{
    return is_number(task, "vertex", vertex) && (subtask < 0 || is_number(task, "subtask", subtask));
}

json_t *rest__attempt_figures(
    struct rest_request *request, uint32_t vertex, const Weir__SubtaskDetails *subtask)
{
    const Weir__AttemptId *attempt = subtask->attempt;
    size_t i;
    json_t *task;
    json_array_foreach(rest__figures(request), i, task)
    {
        if (attempt && is_figure_of(task, vertex, subtask->subtask) &&
            is_number(task, "attempt", attempt->number) &&
            is_number(task, "epoch", (json_int_t)attempt->epoch))
            return json_object_get(task, "metrics");
    }
    return NULL;
}

double rest__figure(json_t *figures, const char *name)
{
    return json_number_value(json_object_get(figures, name));
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

/* [{"id":.., "value":".."}]; without get= the names alone. prefix: of each name. */
static void add_singles(struct rest_request *request, json_t *list, json_t *figures, const char *prefix)
{
    const char *get = rest__argument(request, "get"), *name;
    json_t *value;
    json_object_foreach(figures, name, value)
    {
        const char *id = weir_arena_format(&request->arena, "%s%s", prefix, name);
        if (get && !is_wanted(get, id, strlen(id))) continue;
        json_array_append_new(list, get ? json_pack("{s:s,s:o}", "id", id, "value", text_of(request, value))
                                        : json_pack("{s:s}", "id", id));
    }
}

void rest__answer_singles(struct rest_request *request, json_t *figures)
{
    json_t *list = json_array();
    add_singles(request, list, figures, "");
    rest__answer(request, MHD_HTTP_OK, list);
}

void rest__answer_subtask_figures(struct rest_request *request, uint32_t vertex, int64_t subtask)
{
    json_t *list = json_array(), *task;
    size_t i;
    json_array_foreach(rest__figures(request), i, task)
    {
        if (!is_figure_of(task, vertex, subtask)) continue;
        const char *prefix = "";
        if (subtask < 0)
            prefix = weir_arena_format(
                &request->arena, "%lld.", (long long)json_integer_value(json_object_get(task, "subtask")));
        add_singles(request, list, json_object_get(task, "metrics"), prefix);
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

static json_t *aggregate_shape(struct rest_request *request, const char *name, json_t *sets)
{
    struct aggregate a = { 0 };
    double distance = 0;
    size_t i;
    json_t *set;
    json_array_foreach(sets, i, set)
    {
        json_t *value = json_object_get(set, name);
        if (value) add(&a, json_number_value(value));
    }
    json_array_foreach(sets, i, set)
    {
        json_t *value = json_object_get(set, name);
        double off = value ? json_number_value(value) - a.sum / a.count : 0;
        distance += off < 0 ? -off : off;
    }
    const char *agg = rest__argument(request, "agg");
    const struct {
        const char *name;
        double value;
    } figures[] = { { "min", a.min }, { "max", a.max }, { "avg", a.sum / a.count }, { "sum", a.sum },
        { "skew", skew_of(&a, distance) } };
    json_t *shape = json_pack("{s:s}", "id", name);
    for (size_t f = 0; f < WEIR_ARRAY_COUNT(figures); f++)
        if (is_wanted(agg, figures[f].name, strlen(figures[f].name)))
            json_object_set_new(shape, figures[f].name, json_real(figures[f].value));
    return shape;
}

/* What is none of them is not left out in silence. False: answered 400. */
static bool aggregations_are_known(struct rest_request *request)
{
    static const char known[] = "min,max,avg,sum,skew";
    const char *agg = rest__argument(request, "agg");
    for (const char *at = agg ? agg : ""; *at; at += strcspn(at, ","), at += *at == ',') {
        if (is_wanted(known, at, strcspn(at, ","))) continue;
        rest__fail(request, MHD_HTTP_BAD_REQUEST,
            "Cannot resolve query parameter (agg) from value \"%.*s\": expected some of %s.",
            (int)WEIR_MIN(strcspn(at, ","), (size_t)64), at, known);
        return false;
    }
    return true;
}

void rest__answer_aggregates(struct rest_request *request, json_t *sets)
{
    if (!aggregations_are_known(request)) return;
    const char *get = rest__argument(request, "get"), *name;
    json_t *list = json_array(), *set, *value, *names = json_object();
    size_t i;
    json_array_foreach(sets, i, set) json_object_update(names, set);
    json_object_foreach(names, name, value)
    {
        if (!get)
            json_array_append_new(list, json_pack("{s:s}", "id", name));
        else if (is_wanted(get, name, strlen(name)))
            json_array_append_new(list, aggregate_shape(request, name, sets));
    }
    json_decref(names);
    rest__answer(request, MHD_HTTP_OK, list);
}

bool rest__is_chosen(const struct rest_request *request, const char *argument, const char *text)
{
    return is_wanted(rest__argument(request, argument), text, strlen(text));
}

/* By a list of numbers and ranges, "1,3,5-9"; without one all are. */
static bool is_chosen_subtask(const struct rest_request *request, json_int_t subtask)
{
    const char *at = rest__argument(request, "subtasks");
    if (!at) return true;
    while (*at) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        bool good = end != at;
        if (good && *end == '-') last = strtol(end + 1, &end, 10);
        if (good && subtask >= first && subtask <= last) return true;
        at = end + strcspn(end, ",");
        at += *at == ',';
    }
    return false;
}

/* False: answered 400. */
static bool subtasks_are_ranges(struct rest_request *request)
{
    static const char digits[] = "0123456789";
    const char *text = rest__argument(request, "subtasks"), *at = text;
    while (at && *at) {
        size_t first = strspn(at, digits), dash = at[first] == '-',
               last = dash ? strspn(at + first + 1, digits) : 0;
        const char *end = at + first + dash + last;
        if (!first || (dash && !last) || (*end && *end != ',')) {
            rest__fail(request, MHD_HTTP_BAD_REQUEST,
                "Cannot resolve query parameter (subtasks) from value \"%s\": expected numbers and ranges, "
                "as in 0,2-5.",
                text);
            return false;
        }
        at = end + (*end == ',');
    }
    return true;
}

/* Of all subtasks together. */
void rest__answer_vertex_aggregates(struct rest_request *request, uint32_t vertex)
{
    if (!subtasks_are_ranges(request)) return;
    json_t *sets = json_array(), *task;
    size_t i;
    json_array_foreach(rest__figures(request), i, task)
    {
        if (is_figure_of(task, vertex, -1) &&
            is_chosen_subtask(request, json_integer_value(json_object_get(task, "subtask"))))
            json_array_append(sets, json_object_get(task, "metrics"));
    }
    rest__answer_aggregates(request, sets);
    json_decref(sets);
}

/* [{"id":"0.currentInputWatermark","value":"..."}] */
void rest__answer_watermarks(struct rest_request *request, uint32_t vertex)
{
    json_t *list = json_array(), *task;
    size_t i;
    json_array_foreach(rest__figures(request), i, task)
    {
        json_t *value = json_object_get(json_object_get(task, "metrics"), "currentInputWatermark");
        if (!value || !is_figure_of(task, vertex, -1)) continue;
        const char *id = weir_arena_format(&request->arena, "%lld.currentInputWatermark",
            (long long)json_integer_value(json_object_get(task, "subtask")));
        json_array_append_new(list, json_pack("{s:s,s:o}", "id", id, "value", text_of(request, value)));
    }
    rest__answer(request, MHD_HTTP_OK, list);
}
