/* Jobs: lists, one job, its plan, its configuration, its failures, its result. */
#include "host/rest/internal.h"
#include "plan/exchange.h"
#include <stdlib.h>
#include <string.h>

enum { JOBS_MEASURED_MAX = 500 };

/* ---------------------------------------------------------------- lists */

void rest__get_jobs(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__list_jobs(request);
    if (!reply) return;
    json_t *list = json_array();
    for (size_t i = 0; i < reply->n_jobs; i++) {
        const Weir__JobSummary *job = reply->jobs[i];
        json_array_append_new(
            list, json_pack("{s:s,s:s}", "id", rest__hex(request, job->job.data, job->job.len), "status",
                      rest__job_state(job->state)));
    }
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:o}", "jobs", list));
}

json_t *rest__job_shape(struct rest_request *request, const Weir__JobSummary *job)
{
    int64_t changed_ms = job->changed_ms ? job->changed_ms : job->started_ms;
    if (job->ended_ms > 0) changed_ms = job->ended_ms; /* tidying up is no change of it */
    return json_pack("{s:s,s:s,s:s,s:I,s:o,s:I,s:I,s:o,s:i,s:s,s:s}", "jid",
        rest__hex(request, job->job.data, job->job.len), "name", job->name, "state",
        rest__job_state(job->state), "start-time", (json_int_t)job->started_ms, "end-time",
        rest__end_ms(job->ended_ms), "duration",
        (json_int_t)rest__duration_ms(job->started_ms, job->ended_ms), "last-modification",
        (json_int_t)changed_ms, "tasks", rest__states(job->tasks_in, job->n_tasks_in, false, true),
        "pending-operators", 0, "jobType", "STREAMING", "schedulerType", "Default");
}

void rest__get_jobs_overview(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__list_jobs(request);
    if (!reply) return;
    json_t *list = json_array();
    for (size_t i = 0; i < reply->n_jobs; i++)
        json_array_append_new(list, rest__job_shape(request, reply->jobs[i]));
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:o}", "jobs", list));
}

void rest__get_job_status(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, false);
    if (reply)
        rest__answer(
            request, MHD_HTTP_OK, json_pack("{s:s}", "status", rest__job_state(reply->jobs[0]->state)));
}

/* ---------------------------------------------------------------- the plan */

/* Descriptions are shown as HTML. */
static char *html(struct rest_request *request, const char *text)
{
    char *result = weir_arena_string(&request->arena, "");
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "<>&\n");
        const char *instead = at[length] == '<'    ? "&lt;"
                              : at[length] == '>'  ? "&gt;"
                              : at[length] == '&'  ? "&amp;"
                              : at[length] == '\n' ? "<br/>"
                                                   : "";
        result = weir_arena_format(&request->arena, "%s%.*s%s", result, (int)length, at, instead);
        at += length + (at[length] != '\0');
    }
    return result;
}

static json_t *plan_node(struct rest_request *request, const Weir__VertexDetails *vertex)
{
    const Weir__PlanVertex *plan = vertex->plan;
    json_t *node = json_pack("{s:s,s:I,s:s,s:s,s:s,s:{}}", "id", rest__vertex_id(request, plan->id),
        "parallelism", (json_int_t)vertex->parallelism, "operator", "", "operator_strategy", "",
        "description", html(request, plan->name), "optimizer_properties");
    if (!plan->n_inputs) return node;
    json_t *inputs = json_array();
    for (size_t i = 0; i < plan->n_inputs; i++)
        json_array_append_new(
            inputs, json_pack("{s:I,s:s,s:s,s:s}", "num", (json_int_t)i, "id",
                        rest__vertex_id(request, plan->inputs[i]->from_vertex), "ship_strategy",
                        weir_exchange_name((enum weir_exchange)plan->inputs[i]->exchange), "exchange",
                        "pipelined_bounded"));
    json_object_set_new(node, "inputs", inputs);
    return node;
}

static json_t *plan_of(
    struct rest_request *request, const Weir__JobSummary *job, const Weir__JobDetails *details)
{
    json_t *nodes = json_array();
    for (size_t i = 0; details && i < details->n_vertices; i++)
        json_array_append_new(nodes, plan_node(request, details->vertices[i]));
    return json_pack("{s:s,s:s,s:s,s:o}", "jid", rest__hex(request, job->job.data, job->job.len), "name",
        job->name, "type", "STREAMING", "nodes", nodes);
}

void rest__get_job_plan(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (reply)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:o}", "plan", plan_of(request, reply->jobs[0], reply->details)));
}

/* ---------------------------------------------------------------- one job */

json_t *rest__job_timestamps(const Weir__JobSummary *job)
{
    static const Weir__JobState states[] = { WEIR__JOB_STATE__JOB_INITIALIZING, WEIR__JOB_STATE__JOB_CREATED,
        WEIR__JOB_STATE__JOB_RUNNING, WEIR__JOB_STATE__JOB_FAILING, WEIR__JOB_STATE__JOB_FAILED,
        WEIR__JOB_STATE__JOB_CANCELLING, WEIR__JOB_STATE__JOB_CANCELED, WEIR__JOB_STATE__JOB_FINISHED,
        WEIR__JOB_STATE__JOB_RESTARTING, WEIR__JOB_STATE__JOB_SUSPENDED, WEIR__JOB_STATE__JOB_RECONCILING };
    json_t *object = json_object();
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(states); i++) {
        int64_t at_ms = 0;
        if (states[i] <= WEIR__JOB_STATE__JOB_RUNNING) at_ms = job->started_ms;
        if (states[i] == job->state) at_ms = job->ended_ms > 0 ? job->ended_ms : job->state_ms;
        json_object_set_new(object, rest__job_state(states[i]), json_integer(at_ms));
    }
    return object;
}

/* Of a job that has ended, its last picture counts. */
static json_t *status_counts(const Weir__JobSummary *job, const Weir__JobDetails *details)
{
    uint32_t counts[WEIR__EXECUTION_STATE__EXECUTION_RECONCILING + 1] = { 0 };
    if (job->n_tasks_in || !details) return rest__states(job->tasks_in, job->n_tasks_in, true, false);
    for (size_t v = 0; v < details->n_vertices; v++)
        for (size_t i = 0; i < details->vertices[v]->n_subtasks; i++) {
            Weir__ExecutionState state = details->vertices[v]->subtasks[i]->state;
            if (state < WEIR_ARRAY_COUNT(counts)) counts[state]++;
        }
    return rest__states(counts, WEIR_ARRAY_COUNT(counts), true, false);
}

void rest__get_job(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply) return;
    const Weir__JobSummary *job = reply->jobs[0];
    const Weir__JobDetails *details = reply->details;
    json_t *vertices = json_array();
    for (size_t i = 0; details && i < details->n_vertices; i++)
        json_array_append_new(vertices, rest__vertex_shape(request, details->vertices[i]));
    const char *id = rest__hex(request, job->job.data, job->job.len);
    json_t *shown = json_pack("{s:s,s:s,s:b,s:s,s:s,s:I,s:o,s:I,s:i,s:I,s:o,s:o,s:o,s:o,s:i,s:s,s:s}", "jid",
        id, "name", job->name, "isStoppable", 0, "state", rest__job_state(job->state), "job-type",
        "STREAMING", "start-time", (json_int_t)job->started_ms, "end-time", rest__end_ms(job->ended_ms),
        "duration", (json_int_t)rest__duration_ms(job->started_ms, job->ended_ms), "maxParallelism", -1,
        "now", (json_int_t)rest__now_ms(), "timestamps", rest__job_timestamps(job), "vertices", vertices,
        "status-counts", status_counts(job, details), "plan", plan_of(request, job, details),
        "pending-operators", 0, "schedulerType", "Default", "application-id", id);
    rest__answer(request, MHD_HTTP_OK, shown);
}

static const char *restart_strategy(struct rest_request *request, const Weir__JobSettings *settings)
{
    if (!settings) return "Cluster level default restart strategy";
    switch (settings->restart_strategy) {
    case WEIR__RESTART_STRATEGY__RESTART_NONE: return "Restart deactivated.";
    case WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY:
        return weir_arena_format(&request->arena, "Restart with fixed delay (%llu ms). #%u restart attempts.",
            (unsigned long long)settings->restart_delay_ms, settings->restart_attempts_max);
    case WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE:
        return weir_arena_format(&request->arena,
            "Failure rate restart with maximum of %u failures within interval %llu ms and fixed delay %llu "
            "ms.",
            settings->restart_failures_max, (unsigned long long)settings->restart_interval_ms,
            (unsigned long long)settings->restart_delay_ms);
    case WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY:
        return weir_arena_format(&request->arena,
            "Restart with exponential delay: starting at %llu ms, increasing by %u%%, with maximum %llu ms.",
            (unsigned long long)settings->restart_delay_ms, settings->restart_multiplier_percent,
            (unsigned long long)settings->restart_delay_max_ms);
    default: return "Cluster level default restart strategy";
    }
}

void rest__get_job_config(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply) return;
    const Weir__JobDetails *details = reply->details;
    uint32_t parallelism = 1;
    for (size_t i = 0; details && i < details->n_vertices; i++)
        parallelism = WEIR_MAX(parallelism, details->vertices[i]->parallelism);
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:s,s:{s:s,s:I,s:b,s:s,s:{}}}", "jid", rest__parameter(request, "jobid"), "name",
            reply->jobs[0]->name, "execution-config", "restart-strategy",
            restart_strategy(request, details ? details->settings : NULL), "job-parallelism",
            (json_int_t)parallelism, "object-reuse-mode", 0, "execution-mode", "PIPELINED", "user-config"));
}

void rest__get_job_accumulators(struct rest_request *request)
{
    if (rest__query_job(request, false))
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:[],s:[],s:{}}", "job-accumulators", "user-task-accumulators",
                "serialized-user-task-accumulators"));
}

/* ---------------------------------------------------------------- failures */

static const char *task_name(
    struct rest_request *request, const Weir__JobDetails *details, const Weir__FailureDetails *failure)
{
    if (failure->subtask == UINT32_MAX) return NULL;
    for (size_t i = 0; i < details->n_vertices; i++) {
        const Weir__VertexDetails *vertex = details->vertices[i];
        if (vertex->plan->id != failure->vertex) continue;
        return weir_arena_format(
            &request->arena, "%s (%u/%u)", vertex->plan->name, failure->subtask + 1, vertex->parallelism);
    }
    return NULL;
}

static json_t *failure_shape(
    struct rest_request *request, const Weir__JobDetails *details, const Weir__FailureDetails *failure)
{
    const char *taskmanager = failure->taskmanager[0] ? failure->taskmanager : NULL;
    return json_pack("{s:s,s:s,s:I,s:{},s:s?,s:s?,s:s?,s:s?}", "exceptionName", "java.lang.Exception",
        "stacktrace", failure->text, "timestamp", (json_int_t)failure->at_ms, "failureLabels", "taskName",
        task_name(request, details, failure), "endpoint", taskmanager, "location", taskmanager,
        "taskManagerId", taskmanager);
}

void rest__get_job_exceptions(struct rest_request *request)
{
    uint32_t most;
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply || !rest__count(request, "maxExceptions", 20, &most)) return;
    const Weir__JobDetails *details = reply->details;
    json_t *entries = json_array();
    for (size_t i = 0; details && i < details->n_failures && i < most; i++) {
        const Weir__FailureDetails *failure = details->failures[i];
        json_t *shown = failure_shape(request, details, failure), *concurrent = json_array();
        for (size_t c = 0; c < failure->n_concurrent; c++)
            json_array_append_new(concurrent, failure_shape(request, details, failure->concurrent[c]));
        json_object_set_new(shown, "concurrentExceptions", concurrent);
        json_array_append_new(entries, shown);
    }
    const char *error = reply->jobs[0]->error;
    bool truncated = details && details->n_failures > most;
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s?,s:o?,s:[],s:b,s:{s:o,s:b}}", "root-exception", error[0] ? error : NULL, "timestamp",
            details && details->n_failures ? json_integer(details->failures[0]->at_ms) : NULL,
            "all-exceptions", "truncated", (int)truncated, "exceptionHistory", "entries", entries,
            "truncated", (int)truncated));
}

/* ---------------------------------------------------------------- the result */

void rest__get_execution_result(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, false);
    if (!reply) return;
    const Weir__JobSummary *job = reply->jobs[0];
    if (!rest__job_is_over(job->state)) {
        rest__answer(request, MHD_HTTP_OK, json_pack("{s:{s:s}}", "status", "id", "IN_PROGRESS"));
        return;
    }
    const char *status = job->state == WEIR__JOB_STATE__JOB_FINISHED   ? "SUCCEEDED"
                         : job->state == WEIR__JOB_STATE__JOB_CANCELED ? "CANCELED"
                                                                       : "FAILED";
    const char *id = rest__hex(request, job->job.data, job->job.len);
    json_t *result = json_pack("{s:s,s:s,s:s,s:{},s:I,s:I,s:I,s:s}", "id", id, "name", job->name,
        "application-status", status, "accumulator-results", "net-runtime",
        (json_int_t)rest__duration_ms(job->started_ms, job->ended_ms), "start-time",
        (json_int_t)job->started_ms, "end-time", (json_int_t)job->ended_ms, "application-id", id);
    if (job->error[0]) json_object_set_new(result, "failure-cause", rest__throwable(job->error));
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:{s:s},s:o}", "status", "id", "COMPLETED", "job-execution-result", result));
}

void rest__get_job_metrics(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply) return;
    json_t *figures = reply->details ? rest__job_figures(reply->jobs[0], reply->details) : json_object();
    rest__answer_singles(request, figures);
    json_decref(figures);
}

/* False: answered 400. */
static bool jobs_are_ids(struct rest_request *request)
{
    const char *jobs = rest__argument(request, "jobs");
    for (const char *at = jobs ? jobs : ""; *at; at += strcspn(at, ","), at += *at == ',') {
        size_t length = strcspn(at, ",");
        if (length == 32 && strspn(at, "0123456789abcdefABCDEF") >= 32) continue;
        rest__fail(request, MHD_HTTP_BAD_REQUEST,
            "Cannot resolve query parameter (jobs) from value \"%s\": expected ids of 32 hexadecimal digits.",
            jobs);
        return false;
    }
    return true;
}

/* Of jobs that are not over, as many as a page may ask for. */
void rest__get_jobs_metrics(struct rest_request *request)
{
    if (!jobs_are_ids(request)) return;
    const Weir__ClientReply *list = rest__list_jobs(request);
    if (!list) return;
    json_t *sets = json_array();
    for (size_t i = 0; i < list->n_jobs && json_array_size(sets) < JOBS_MEASURED_MAX; i++) {
        const Weir__JobSummary *job = list->jobs[i];
        if (rest__job_is_over(job->state) ||
            !rest__is_chosen(request, "jobs", rest__hex(request, job->job.data, job->job.len)))
            continue;
        Weir__QueryJobs *one = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
        one->job = job->job;
        one->details = true;
        const Weir__ClientReply *reply =
            rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY, one));
        if (!reply) break;
        if (reply->code == WEIR__REPLY_CODE__REPLY_OK && reply->n_jobs && reply->details)
            json_array_append_new(sets, rest__job_figures(reply->jobs[0], reply->details));
    }
    if (!request->status && !request->not_leader) rest__answer_aggregates(request, sets);
    json_decref(sets);
}

/* A job that lives whether its client does or not. */
void rest__patch_client_heartbeat(struct rest_request *request)
{
    if (rest__query_job(request, false)) rest__answer(request, MHD_HTTP_ACCEPTED, json_object());
}
