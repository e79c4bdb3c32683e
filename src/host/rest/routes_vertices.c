/* Vertices of a job, their subtasks and attempts. */
#include "host/rest/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What subtasks have done, together. */
struct io {
    Weir__TaskFigures sum;
    bool incomplete; /* of some nobody tells: after a takeover, or when they were lost */
};

/* Of one that has ended its last figures are kept; else its TaskManager is asked. */
static void add_io(
    struct rest_request *request, uint32_t vertex, const Weir__SubtaskDetails *subtask, struct io *io)
{
    const Weir__TaskFigures *ended = subtask->figures;
    Weir__TaskFigures *sum = &io->sum, live;
    json_t *told = ended ? NULL : rest__attempt_figures(request, vertex, subtask);
    io->incomplete |= !ended && !told;
    if (!ended && !told) return;
    if (told)
        live = (Weir__TaskFigures){ .bytes_in = (uint64_t)rest__figure(told, "numBytesIn"),
            .bytes_out = (uint64_t)rest__figure(told, "numBytesOut"),
            .records_in = (uint64_t)rest__figure(told, "numRecordsIn"),
            .records_out = (uint64_t)rest__figure(told, "numRecordsOut"),
            .busy_ms = (uint64_t)rest__figure(told, "accumulateBusyTimeMs"),
            .idle_ms = (uint64_t)rest__figure(told, "accumulateIdleTimeMs"),
            .waiting_ms = (uint64_t)rest__figure(told, "accumulateBackPressuredTimeMs") };
    const Weir__TaskFigures *one = ended ? ended : &live;
    sum->bytes_in += one->bytes_in;
    sum->bytes_out += one->bytes_out;
    sum->records_in += one->records_in;
    sum->records_out += one->records_out;
    sum->busy_ms += one->busy_ms;
    sum->idle_ms += one->idle_ms;
    sum->waiting_ms += one->waiting_ms;
}

/* What a source has read lies outside, and what a sink has written. */
static json_t *io_shape(const struct io *io)
{
    int complete = !io->incomplete;
    const Weir__TaskFigures *sum = &io->sum;
    return json_pack("{s:I,s:b,s:I,s:b,s:I,s:b,s:I,s:b,s:I,s:I,s:f}", "read-bytes", (json_int_t)sum->bytes_in,
        "read-bytes-complete", complete, "write-bytes", (json_int_t)sum->bytes_out, "write-bytes-complete",
        complete, "read-records", (json_int_t)sum->records_in, "read-records-complete", complete,
        "write-records", (json_int_t)sum->records_out, "write-records-complete", complete,
        "accumulated-backpressured-time", (json_int_t)sum->waiting_ms, "accumulated-idle-time",
        (json_int_t)sum->idle_ms, "accumulated-busy-time", (double)sum->busy_ms);
}

/* taskmanager: only of those there; NULL: of all. */
static json_t *io_of_vertex(
    struct rest_request *request, const Weir__VertexDetails *vertex, const char *taskmanager)
{
    struct io io = { .incomplete = !vertex->n_subtasks };
    for (size_t i = 0; i < vertex->n_subtasks; i++)
        if (!taskmanager || strcmp(vertex->subtasks[i]->taskmanager, taskmanager) == 0)
            add_io(request, vertex->plan->id, vertex->subtasks[i], &io);
    return io_shape(&io);
}

/* What the vertex is in as a whole: the state of its least advanced subtask, failures first. */
static Weir__ExecutionState state_of(const uint32_t counts[], uint32_t subtasks)
{
    static const Weir__ExecutionState order[] = { WEIR__EXECUTION_STATE__EXECUTION_FAILED,
        WEIR__EXECUTION_STATE__EXECUTION_CANCELING, WEIR__EXECUTION_STATE__EXECUTION_CANCELED,
        WEIR__EXECUTION_STATE__EXECUTION_RUNNING, WEIR__EXECUTION_STATE__EXECUTION_INITIALIZING,
        WEIR__EXECUTION_STATE__EXECUTION_DEPLOYING, WEIR__EXECUTION_STATE__EXECUTION_RECONCILING,
        WEIR__EXECUTION_STATE__EXECUTION_SCHEDULED };
    if (subtasks && counts[WEIR__EXECUTION_STATE__EXECUTION_FINISHED] == subtasks)
        return WEIR__EXECUTION_STATE__EXECUTION_FINISHED;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(order); i++)
        if (counts[order[i]]) return order[i];
    return counts[WEIR__EXECUTION_STATE__EXECUTION_FINISHED] ? WEIR__EXECUTION_STATE__EXECUTION_RUNNING
                                                             : WEIR__EXECUTION_STATE__EXECUTION_CREATED;
}

struct totals {
    uint32_t counts[16];
    int64_t started_ms, ended_ms;
};

static void add_subtask(struct totals *totals, const Weir__SubtaskDetails *subtask)
{
    totals->counts[subtask->state & 15]++;
    if (subtask->started_ms > 0 && (!totals->started_ms || subtask->started_ms < totals->started_ms))
        totals->started_ms = subtask->started_ms;
    totals->ended_ms = WEIR_MAX(totals->ended_ms, subtask->ended_ms);
}

/* It ends when the last of its subtasks does. */
static void settle(struct totals *totals, size_t subtasks)
{
    uint32_t ended = totals->counts[WEIR__EXECUTION_STATE__EXECUTION_FINISHED] +
                     totals->counts[WEIR__EXECUTION_STATE__EXECUTION_CANCELED] +
                     totals->counts[WEIR__EXECUTION_STATE__EXECUTION_FAILED];
    if (ended != subtasks) totals->ended_ms = 0;
}

static struct totals totals_of(const Weir__VertexDetails *vertex)
{
    struct totals totals = { 0 };
    for (size_t i = 0; i < vertex->n_subtasks; i++) add_subtask(&totals, vertex->subtasks[i]);
    settle(&totals, vertex->n_subtasks);
    return totals;
}

static int64_t start_ms(int64_t started_ms)
{
    return started_ms > 0 ? started_ms : -1;
}

json_t *rest__vertex_shape(struct rest_request *request, const Weir__VertexDetails *vertex)
{
    struct totals totals = totals_of(vertex);
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:s,s:I,s:o,s:I,s:o,s:o}", "id",
        rest__vertex_id(request, vertex->plan->id), "slotSharingGroupId", rest__vertex_id(request, 0), "name",
        vertex->plan->name, "maxParallelism", (json_int_t)vertex->plan->max_parallelism, "parallelism",
        (json_int_t)vertex->parallelism, "status",
        rest__execution_state(state_of(totals.counts, (uint32_t)vertex->n_subtasks)), "start-time",
        (json_int_t)start_ms(totals.started_ms), "end-time", rest__end_ms(totals.ended_ms), "duration",
        (json_int_t)rest__duration_ms(totals.started_ms, totals.ended_ms), "tasks",
        rest__states(totals.counts, WEIR_ARRAY_COUNT(totals.counts), true, false), "metrics",
        io_of_vertex(request, vertex, NULL));
}

/* NULL: answered. */
static const Weir__VertexDetails *find_vertex(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_planned_job(request);
    if (!reply) return NULL;
    const char *text = rest__parameter(request, "vertexid");
    uint32_t id;
    bool good = rest__parse_vertex_id(text, &id);
    for (size_t i = 0; good && reply->details && i < reply->details->n_vertices; i++)
        if (reply->details->vertices[i]->plan->id == id) return reply->details->vertices[i];
    rest__fail(request, MHD_HTTP_NOT_FOUND, "job vertex %s not found", text);
    return NULL;
}

static const char *attempt_text(struct rest_request *request, const Weir__AttemptId *attempt)
{
    return attempt ? weir_arena_format(&request->arena, "v%u-s%u-e%llu-%u", attempt->vertex, attempt->subtask,
                         (unsigned long long)attempt->epoch, attempt->number)
                   : "";
}

static const char *endpoint_of(const Weir__SubtaskDetails *subtask)
{
    return subtask->taskmanager[0] ? subtask->taskmanager : "(unassigned)";
}

static json_t *subtask_shape(
    struct rest_request *request, uint32_t vertex, const Weir__SubtaskDetails *subtask)
{
    json_int_t number = subtask->attempt ? (json_int_t)subtask->attempt->number - 1 : 0;
    const char *endpoint = endpoint_of(subtask);
    struct io io = { .incomplete = false };
    add_io(request, vertex, subtask, &io);
    json_t *states = json_object();
    for (int i = WEIR__EXECUTION_STATE__EXECUTION_CREATED; i <= WEIR__EXECUTION_STATE__EXECUTION_RUNNING; i++)
        json_object_set_new(states, rest__execution_state((Weir__ExecutionState)i),
            json_integer(i == (int)WEIR__EXECUTION_STATE__EXECUTION_RUNNING
                             ? rest__duration_ms(subtask->started_ms, subtask->ended_ms)
                             : -1));
    return json_pack("{s:I,s:s,s:I,s:s,s:s,s:s,s:I,s:I,s:o,s:I,s:o,s:s,s:o}", "subtask",
        (json_int_t)subtask->subtask, "status", rest__execution_state(subtask->state), "attempt", number,
        "attempt-id", attempt_text(request, subtask->attempt), "endpoint", endpoint, "host", endpoint,
        "start-time", (json_int_t)start_ms(subtask->started_ms), "start_time",
        (json_int_t)start_ms(subtask->started_ms), "end-time", rest__end_ms(subtask->ended_ms), "duration",
        (json_int_t)rest__duration_ms(subtask->started_ms, subtask->ended_ms), "metrics", io_shape(&io),
        "taskmanager-id", endpoint, "status-duration", states);
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of what `member` of the subtasks' `name` is; a negative one is none. Between two subtasks lies no value:
 * the nearest below is taken. */
static json_t *spread_of(struct rest_request *request, json_t *subtasks, const char *member, const char *name)
{
    double *values = WEIR_ARENA_ARRAY(&request->arena, double, json_array_size(subtasks) + 1), sum = 0;
    size_t count = 0, i;
    json_t *subtask;
    json_array_foreach(subtasks, i, subtask)
    {
        double value = json_number_value(json_object_get(json_object_get(subtask, member), name));
        if (value < 0) continue;
        values[count++] = value;
        sum += value;
    }
    if (!count) values[count++] = 0;
    qsort(values, count, sizeof *values, compare_numbers);
    const struct {
        const char *name;
        double value;
    } figures[] = { { "min", values[0] }, { "max", values[count - 1] }, { "avg", sum / (double)count },
        { "sum", sum }, { "median", values[(count - 1) / 2] }, { "p25", values[(count - 1) * 25 / 100] },
        { "p75", values[(count - 1) * 75 / 100] }, { "p95", values[(count - 1) * 95 / 100] } };
    json_t *spread = json_object();
    for (i = 0; i < WEIR_ARRAY_COUNT(figures); i++)
        json_object_set_new(spread, figures[i].name, json_integer((json_int_t)figures[i].value));
    return spread;
}

/* subtasks: an array of subtask_shape(). */
static json_t *aggregated(struct rest_request *request, json_t *subtasks)
{
    static const char *const metrics[] = { "read-bytes", "read-records", "write-bytes", "write-records",
        "accumulated-backpressured-time", "accumulated-idle-time", "accumulated-busy-time" };
    static const char *const states[] = { "CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING" };
    json_t *of_metrics = json_object(), *of_states = json_object();
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(metrics); i++)
        json_object_set_new(of_metrics, metrics[i], spread_of(request, subtasks, "metrics", metrics[i]));
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(states); i++)
        json_object_set_new(of_states, states[i], spread_of(request, subtasks, "status-duration", states[i]));
    return json_pack("{s:o,s:o}", "metrics", of_metrics, "status-duration", of_states);
}

void rest__get_vertex(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (!vertex) return;
    json_t *subtasks = json_array();
    for (size_t i = 0; i < vertex->n_subtasks; i++)
        json_array_append_new(subtasks, subtask_shape(request, vertex->plan->id, vertex->subtasks[i]));
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "id", rest__vertex_id(request, vertex->plan->id), "name",
            vertex->plan->name, "parallelism", (json_int_t)vertex->parallelism, "maxParallelism",
            (json_int_t)vertex->plan->max_parallelism, "now", (json_int_t)rest__now_ms(), "subtasks",
            subtasks, "aggregated", aggregated(request, subtasks)));
}

/* That of the path, also by its attempt when it is the present one: earlier ones are not kept. NULL:
 * answered. */
static const Weir__SubtaskDetails *find_subtask(
    struct rest_request *request, const Weir__VertexDetails **ret_vertex)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    const char *attempt = rest__parameter(request, "attempt");
    uint64_t index, number = 0;
    if (!vertex || !rest__number(request, "subtaskindex", &index)) return NULL;
    if (attempt && !rest__number(request, "attempt", &number)) return NULL;
    if (index >= vertex->n_subtasks) {
        rest__fail(request, MHD_HTTP_NOT_FOUND, "Invalid subtask index for vertex %s: %s",
            rest__parameter(request, "vertexid"), rest__parameter(request, "subtaskindex"));
        return NULL;
    }
    const Weir__SubtaskDetails *subtask = vertex->subtasks[index];
    uint32_t present = subtask->attempt ? subtask->attempt->number - 1 : 0;
    *ret_vertex = vertex;
    if (!attempt || number == present) return subtask;
    rest__fail(request, MHD_HTTP_NOT_FOUND, "Attempt %s of subtask %s is not kept.", attempt,
        rest__parameter(request, "subtaskindex"));
    return NULL;
}

void rest__get_subtask(struct rest_request *request)
{
    const Weir__VertexDetails *vertex;
    const Weir__SubtaskDetails *subtask = find_subtask(request, &vertex);
    if (subtask) rest__answer(request, MHD_HTTP_OK, subtask_shape(request, vertex->plan->id, subtask));
}

void rest__get_attempt_accumulators(struct rest_request *request)
{
    const Weir__VertexDetails *vertex;
    const Weir__SubtaskDetails *subtask = find_subtask(request, &vertex);
    if (subtask)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:I,s:I,s:s,s:[]}", "subtask", (json_int_t)subtask->subtask, "attempt",
                subtask->attempt ? (json_int_t)subtask->attempt->number - 1 : (json_int_t)0, "id",
                attempt_text(request, subtask->attempt), "user-accumulators"));
}

/* When it entered each state, as far as that is kept; 0: not, or not yet. */
static json_t *timestamps_of(const Weir__SubtaskDetails *subtask)
{
    json_t *shown = json_object();
    for (int i = WEIR__EXECUTION_STATE__EXECUTION_CREATED; i <= WEIR__EXECUTION_STATE__EXECUTION_RECONCILING;
         i++) {
        int64_t at_ms = i == (int)WEIR__EXECUTION_STATE__EXECUTION_RUNNING ? subtask->started_ms
                        : i == (int)subtask->state                         ? subtask->ended_ms
                                                                           : 0;
        json_object_set_new(shown, rest__execution_state((Weir__ExecutionState)i), json_integer(at_ms));
    }
    return shown;
}

void rest__get_vertex_subtasktimes(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (!vertex) return;
    json_t *subtasks = json_array();
    for (size_t i = 0; i < vertex->n_subtasks; i++) {
        const Weir__SubtaskDetails *subtask = vertex->subtasks[i];
        const char *endpoint = endpoint_of(subtask);
        json_array_append_new(
            subtasks, json_pack("{s:I,s:s,s:s,s:I,s:o}", "subtask", (json_int_t)subtask->subtask, "host",
                          endpoint, "endpoint", endpoint, "duration",
                          (json_int_t)rest__duration_ms(subtask->started_ms, subtask->ended_ms), "timestamps",
                          timestamps_of(subtask)));
    }
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:s,s:I,s:o}", "id", rest__vertex_id(request, vertex->plan->id), "name",
            vertex->plan->name, "now", (json_int_t)rest__now_ms(), "subtasks", subtasks));
}

static json_t *taskmanager_shape(
    struct rest_request *request, const Weir__VertexDetails *vertex, const char *name)
{
    struct totals totals = { 0 };
    uint32_t subtasks = 0;
    json_t *shapes = json_array();
    for (size_t i = 0; i < vertex->n_subtasks; i++) {
        if (strcmp(vertex->subtasks[i]->taskmanager, name) != 0) continue;
        add_subtask(&totals, vertex->subtasks[i]);
        json_array_append_new(shapes, subtask_shape(request, vertex->plan->id, vertex->subtasks[i]));
        subtasks++;
    }
    settle(&totals, subtasks);
    json_t *spread = aggregated(request, shapes);
    json_decref(shapes);
    const char *endpoint = name[0] ? name : "(unassigned)";
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:o,s:I,s:o,s:o,s:o}", "endpoint", endpoint, "host", endpoint,
        "taskmanager-id", endpoint, "status", rest__execution_state(state_of(totals.counts, subtasks)),
        "start-time", (json_int_t)start_ms(totals.started_ms), "end-time", rest__end_ms(totals.ended_ms),
        "duration", (json_int_t)rest__duration_ms(totals.started_ms, totals.ended_ms), "metrics",
        io_of_vertex(request, vertex, name), "status-counts",
        rest__states(totals.counts, WEIR_ARRAY_COUNT(totals.counts), true, false), "aggregated", spread);
}

void rest__get_vertex_taskmanagers(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (!vertex) return;
    json_t *list = json_array();
    for (size_t i = 0; i < vertex->n_subtasks; i++) {
        const char *name = vertex->subtasks[i]->taskmanager;
        size_t first = 0;
        while (strcmp(vertex->subtasks[first]->taskmanager, name) != 0) first++;
        if (first == i) json_array_append_new(list, taskmanager_shape(request, vertex, name));
    }
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:s,s:I,s:o}", "id", rest__vertex_id(request, vertex->plan->id), "name",
            vertex->plan->name, "now", (json_int_t)rest__now_ms(), "taskmanagers", list));
}

void rest__get_vertex_accumulators(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (vertex)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:s,s:[]}", "id", rest__vertex_id(request, vertex->plan->id), "user-accumulators"));
}

void rest__get_vertex_metrics(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (vertex) rest__answer_subtask_figures(request, vertex->plan->id, -1);
}

void rest__get_vertex_aggregates(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (vertex) rest__answer_vertex_aggregates(request, vertex->plan->id);
}

void rest__get_vertex_watermarks(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (vertex) rest__answer_watermarks(request, vertex->plan->id);
}

void rest__get_subtask_metrics(struct rest_request *request)
{
    const Weir__VertexDetails *vertex;
    const Weir__SubtaskDetails *subtask = find_subtask(request, &vertex);
    if (subtask) rest__answer_subtask_figures(request, vertex->plan->id, subtask->subtask);
}

/* Coordinators of operators run in no JobManager here. */
void rest__get_coordinator_metrics(struct rest_request *request)
{
    if (find_vertex(request)) rest__answer(request, MHD_HTTP_OK, json_array());
}

void rest__get_subtask_accumulators(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (!vertex) return;
    json_t *subtasks = json_array();
    for (size_t i = 0; i < vertex->n_subtasks; i++) {
        const Weir__SubtaskDetails *subtask = vertex->subtasks[i];
        json_array_append_new(
            subtasks, json_pack("{s:I,s:I,s:s,s:[]}", "subtask", (json_int_t)subtask->subtask, "attempt",
                          subtask->attempt ? (json_int_t)subtask->attempt->number - 1 : (json_int_t)0,
                          "endpoint", endpoint_of(subtask), "user-accumulators"));
    }
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:I,s:o}", "id", rest__vertex_id(request, vertex->plan->id), "parallelism",
            (json_int_t)vertex->parallelism, "subtasks", subtasks));
}

static const char *level_of(double ratio)
{
    return ratio <= 0.1 ? "ok" : ratio <= 0.5 ? "low" : "high";
}

void rest__get_vertex_backpressure(struct rest_request *request)
{
    const Weir__VertexDetails *vertex = find_vertex(request);
    if (!vertex) return;
    json_t *subtasks = json_array();
    double worst = 0;
    for (size_t i = 0; i < vertex->n_subtasks; i++) {
        uint32_t subtask = vertex->subtasks[i]->subtask;
        json_t *figures = rest__attempt_figures(request, vertex->plan->id, vertex->subtasks[i]);
        double waiting = rest__figure(figures, "backPressuredTimeMsPerSecond") / 1000;
        worst = WEIR_MAX(worst, waiting);
        json_array_append_new(
            subtasks, json_pack("{s:I,s:s,s:s,s:f,s:f,s:f}", "subtask", (json_int_t)subtask,
                          "backpressure-level", level_of(waiting), "backpressureLevel", level_of(waiting),
                          "ratio", waiting, "idleRatio", rest__figure(figures, "idleTimeMsPerSecond") / 1000,
                          "busyRatio", rest__figure(figures, "busyTimeMsPerSecond") / 1000));
    }
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:s,s:s,s:I,s:o}", "status", "ok", "backpressure-level", level_of(worst),
            "backpressureLevel", level_of(worst), "end-timestamp", (json_int_t)rest__now_ms(), "subtasks",
            subtasks));
}

/* -2: switched off. */
void rest__get_vertex_flamegraph(struct rest_request *request)
{
    if (find_vertex(request))
        rest__answer(request, MHD_HTTP_OK, json_pack("{s:i,s:n}", "endTimestamp", -2, "data"));
}
