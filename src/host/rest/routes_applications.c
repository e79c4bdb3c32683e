/* Applications: each job is one of its own, under the job's id. */
#include "host/rest/internal.h"
#include <stdlib.h>
#include <string.h>

static const char *status_of(Weir__JobState state)
{
    switch (state) {
    case WEIR__JOB_STATE__JOB_CREATED:
    case WEIR__JOB_STATE__JOB_INITIALIZING: return "CREATED";
    case WEIR__JOB_STATE__JOB_CANCELLING: return "CANCELING";
    case WEIR__JOB_STATE__JOB_FAILING:
    case WEIR__JOB_STATE__JOB_FINISHED:
    case WEIR__JOB_STATE__JOB_CANCELED:
    case WEIR__JOB_STATE__JOB_FAILED: return rest__job_state(state);
    default: return "RUNNING";
    }
}

static json_t *application_shape(struct rest_request *request, const Weir__JobSummary *job, json_t *jobs)
{
    return json_pack("{s:s,s:s,s:I,s:o,s:I,s:s,s:o}", "id", rest__hex(request, job->job.data, job->job.len),
        "name", job->name, "start-time", (json_int_t)job->started_ms, "end-time", rest__end_ms(job->ended_ms),
        "duration", (json_int_t)rest__duration_ms(job->started_ms, job->ended_ms), "status",
        status_of(job->state), "jobs", jobs);
}

void rest__get_applications(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__list_jobs(request);
    if (!reply) return;
    json_t *list = json_array();
    for (size_t i = 0; i < reply->n_jobs; i++) {
        const Weir__JobSummary *job = reply->jobs[i];
        json_array_append_new(
            list, application_shape(request, job, json_pack("{s:i}", rest__job_state(job->state), 1)));
    }
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:o}", "applications", list));
}

/* By states of applications, of which jobs have more. */
static json_t *timestamps_of(const Weir__JobSummary *job)
{
    static const char *const same[] = { "CREATED", "RUNNING", "FAILING", "FAILED", "CANCELED", "FINISHED" };
    json_t *of_job = rest__job_timestamps(job), *shown = json_object();
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(same); i++)
        json_object_set(shown, same[i], json_object_get(of_job, same[i]));
    json_object_set(shown, "CANCELING", json_object_get(of_job, "CANCELLING"));
    json_decref(of_job);
    return shown;
}

void rest__get_application(struct rest_request *request)
{
    const Weir__ClientReply *reply = rest__query_job(request, false);
    if (!reply) return;
    const Weir__JobSummary *job = reply->jobs[0];
    json_t *shown = application_shape(request, job, json_pack("[o]", rest__job_shape(request, job)));
    json_object_set_new(shown, "timestamps", timestamps_of(job));
    rest__answer(request, MHD_HTTP_OK, shown);
}

void rest__get_application_exceptions(struct rest_request *request)
{
    uint32_t most;
    const Weir__ClientReply *reply = rest__query_job(request, true);
    if (!reply || !rest__count(request, "maxExceptions", 20, &most)) return;
    const char *id = rest__hex(request, reply->jobs[0]->job.data, reply->jobs[0]->job.len);
    json_t *entries = json_array();
    for (size_t i = 0; reply->details && i < reply->details->n_failures && i < most; i++) {
        const Weir__FailureDetails *failure = reply->details->failures[i];
        json_array_append_new(
            entries, json_pack("{s:s,s:s,s:s,s:I}", "exceptionName", "java.lang.Exception", "jobId", id,
                         "stacktrace", failure->text, "timestamp", (json_int_t)failure->at_ms));
    }
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:{s:o}}", "exceptionHistory", "entries", entries));
}

void rest__get_application_config(struct rest_request *request)
{
    if (rest__query_job(request, false)) rest__get_jobmanager_config(request);
}

/* ---------------------------------------------------------------- where logs are */

void rest__get_jobmanager_log_url(struct rest_request *request)
{
    if (rest__query_job(request, false))
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:s}", "url",
                weir_arena_format(&request->arena, "http://%s/jobmanager/log", request->server->address)));
}

void rest__get_taskmanager_log_url(struct rest_request *request)
{
    if (!rest__query_job(request, false)) return;
    const Weir__TaskManagerSummary *summary = rest__find_taskmanager(request);
    if (summary)
        rest__answer(request, MHD_HTTP_OK,
            json_pack("{s:s}", "url",
                weir_arena_format(&request->arena, "http://%s/taskmanagers/%s/log", request->server->address,
                    summary->node->name)));
}
