/* /metrics: what Prometheus reads, under Flink's names and those of the guides. Of jobs, the leader alone
 * tells. */
#include "host/process_figures.h"
#include "host/rest/internal.h"
#include <ctype.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 16 << 20, JOBS_SHOWN_MAX = 500 };

struct page {
    struct rest_request *request;
    struct weir_buffer text;
    const char *host;
};

/* Everything is a gauge, as Flink's reporter has it. */
static void declare(struct page *page, const char *name)
{
    weir_buffer_format(&page->text, "# HELP %s %s (scope: jobmanager)\n# TYPE %s gauge\n", name, name, name);
}

static const char *label(struct rest_request *request, const char *value)
{
    char *text = weir_arena_string(&request->arena, value);
    for (char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != ':' && *at != '_') *at = '_';
    return text;
}

static void gauge(struct page *page, const char *name, double value)
{
    declare(page, name);
    weir_buffer_format(&page->text, "%s{host=\"%s\",} %.17g\n", name, page->host, value);
}

static void add_process(struct page *page)
{
    struct weir_process_figure figures[WEIR_PROCESS_FIGURES_MAX];
    const struct weir_process_budgets none = { 0 };
    uint32_t count = weir_process_figures(page->request->server->started_ms, &none, figures);
    for (uint32_t i = 0; i < count; i++)
        gauge(page,
            label(page->request,
                weir_arena_format(&page->request->arena, "flink_jobmanager_%s", figures[i].name)),
            figures[i].value);
}

static void add_leadership(struct page *page, const Weir__LeaderSummary *summary)
{
    bool leads = summary && summary->leads;
    gauge(page, "jobmanager_ha_state", leads);
    gauge(page, "weir_jobmanager_leader_epoch", summary ? (double)summary->epoch : 0);
    gauge(page, "weir_jobmanager_standbys", summary ? (double)summary->n_standbys : 0);
    gauge(page, "weir_jobmanager_suspended", summary && summary->suspended);
    if (!summary || !summary->n_failovers) return;
    const Weir__Failover *newest = summary->failovers[summary->n_failovers - 1];
    gauge(page, "weir_jobmanager_failover_detection_ms", newest->detection_ms);
    if (newest->measured) gauge(page, "weir_jobmanager_failover_takeover_ms", newest->takeover_ms);
}

static const Weir__ClientReply *ask(
    struct rest_request *request, Weir__Envelope__BodyCase body, void *message)
{
    const Weir__ClientReply *reply = rest__ask(request, rest__envelope(request, body, message));
    return reply && reply->code == WEIR__REPLY_CODE__REPLY_OK ? reply : NULL;
}

static void add_cluster(struct page *page, uint64_t jobs_running)
{
    struct rest_request *request = page->request;
    Weir__QueryTaskManagers *query =
        WEIR_PROTO_NEW(&request->arena, Weir__QueryTaskManagers, weir__query_task_managers);
    const Weir__ClientReply *reply = ask(request, WEIR__ENVELOPE__BODY_QUERY_TASKMANAGERS, query);
    uint64_t slots = 0, slots_free = 0;
    for (size_t i = 0; reply && i < reply->n_taskmanagers; i++) {
        slots += reply->taskmanagers[i]->slots;
        slots_free += reply->taskmanagers[i]->slots_free;
    }
    gauge(page, "flink_jobmanager_numRegisteredTaskManagers", reply ? (double)reply->n_taskmanagers : 0);
    gauge(page, "flink_jobmanager_taskSlotsTotal", (double)slots);
    gauge(page, "flink_jobmanager_taskSlotsAvailable", (double)slots_free);
    gauge(page, "flink_jobmanager_numRunningJobs", (double)jobs_running);
}

/* ---------------------------------------------------------------- jobs */

struct job {
    const Weir__JobSummary *summary;
    const Weir__JobDetails *details;
};

static const Weir__CheckpointDetails *newest_completed(const struct job *job)
{
    for (size_t i = 0; i < job->details->n_checkpoints; i++)
        if (job->details->checkpoints[i]->outcome == WEIR__CHECKPOINT_OUTCOME__CHECKPOINT_COMPLETED)
            return job->details->checkpoints[i];
    return NULL;
}

static double completed(const struct job *job)
{
    return (double)job->details->checkpoints_completed;
}
static double failed(const struct job *job)
{
    return (double)job->details->checkpoints_aborted;
}
static double in_progress(const struct job *job)
{
    return (double)job->details->checkpoints_in_progress;
}
static double triggered(const struct job *job)
{
    return (double)job->details->checkpoints_triggered;
}
static double last_id(const struct job *job)
{
    return (double)job->summary->newest_checkpoint;
}
static double last_duration_ms(const struct job *job)
{
    const Weir__CheckpointDetails *newest = newest_completed(job);
    return newest ? (double)newest->duration_ms : -1;
}
static double last_duration_s(const struct job *job)
{
    const Weir__CheckpointDetails *newest = newest_completed(job);
    return newest ? (double)newest->duration_ms / 1000 : 0;
}
static double last_size(const struct job *job)
{
    const Weir__CheckpointDetails *newest = newest_completed(job);
    return newest ? (double)newest->bytes_written : -1;
}
static double last_full_size(const struct job *job)
{
    const Weir__CheckpointDetails *newest = newest_completed(job);
    return newest ? (double)newest->bytes_full : -1;
}
static double restarts(const struct job *job)
{
    return (double)job->details->failovers;
}
static double uptime_ms(const struct job *job)
{
    bool running = job->summary->state == WEIR__JOB_STATE__JOB_RUNNING;
    return running ? (double)rest__duration_ms(job->summary->started_ms, 0) : 0;
}
static double tasks_running(const struct job *job)
{
    return job->summary->tasks_running;
}

static const struct {
    const char *name;
    double (*value)(const struct job *job);
} job_gauges[] = { { "flink_jobmanager_job_numberOfCompletedCheckpoints", completed },
    { "flink_jobmanager_job_numberOfFailedCheckpoints", failed },
    { "flink_jobmanager_job_numberOfInProgressCheckpoints", in_progress },
    { "flink_jobmanager_job_totalNumberOfCheckpoints", triggered },
    { "flink_jobmanager_job_lastCompletedCheckpointId", last_id },
    { "flink_jobmanager_job_lastCheckpointDuration", last_duration_ms },
    { "flink_jobmanager_job_lastCheckpointSize", last_size },
    { "flink_jobmanager_job_lastCheckpointFullSize", last_full_size },
    { "flink_jobmanager_job_numRestarts", restarts }, { "flink_jobmanager_job_fullRestarts", restarts },
    { "flink_jobmanager_job_uptime", uptime_ms }, { "flink_jobmanager_job_runningTime", uptime_ms },
    { "flink_jobmanager_job_numRunningTasks", tasks_running }, { "checkpoint_completed_count", completed },
    { "checkpoint_failed_count", failed }, { "checkpoint_duration", last_duration_s } };

static uint32_t find_jobs(struct page *page, struct job *jobs, uint64_t *ret_running)
{
    struct rest_request *request = page->request;
    Weir__QueryJobs *all = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    const Weir__ClientReply *list = ask(request, WEIR__ENVELOPE__BODY_QUERY, all);
    uint32_t count = 0;
    *ret_running = 0;
    if (list) gauge(page, "weir_jobmanager_failover_tasks_restarted", list->tasks_restarted);
    for (size_t i = 0; list && i < list->n_jobs; i++) {
        if (rest__job_is_over(list->jobs[i]->state)) continue;
        ++*ret_running;
        if (count == JOBS_SHOWN_MAX) continue;
        Weir__QueryJobs *one = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
        one->job = list->jobs[i]->job;
        one->details = true;
        const Weir__ClientReply *reply = ask(request, WEIR__ENVELOPE__BODY_QUERY, one);
        if (reply && reply->n_jobs && reply->details)
            jobs[count++] = (struct job){ reply->jobs[0], reply->details };
    }
    return count;
}

static void add_jobs(struct page *page)
{
    struct rest_request *request = page->request;
    struct job *jobs = WEIR_ARENA_ARRAY(&request->arena, struct job, JOBS_SHOWN_MAX);
    uint64_t running;
    uint32_t count = find_jobs(page, jobs, &running);
    add_cluster(page, running);
    for (size_t g = 0; g < WEIR_ARRAY_COUNT(job_gauges) && count; g++) {
        declare(page, job_gauges[g].name);
        for (uint32_t i = 0; i < count; i++) {
            const Weir__JobSummary *summary = jobs[i].summary;
            weir_buffer_format(&page->text, "%s{job_id=\"%s\",host=\"%s\",job_name=\"%s\",} %.17g\n",
                job_gauges[g].name, rest__hex(request, summary->job.data, summary->job.len), page->host,
                label(request, summary->name), job_gauges[g].value(&jobs[i]));
        }
    }
}

json_t *rest__job_figures(const Weir__JobSummary *summary, const Weir__JobDetails *details)
{
    static const char prefix[] = "flink_jobmanager_job_";
    struct job job = { summary, details };
    json_t *figures = json_object();
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(job_gauges); i++) {
        if (strncmp(job_gauges[i].name, prefix, sizeof prefix - 1) != 0) continue;
        double value = job_gauges[i].value(&job);
        bool whole = value == (double)(int64_t)value;
        json_object_set_new(figures, job_gauges[i].name + sizeof prefix - 1,
            whole ? json_integer((json_int_t)value) : json_real(value));
    }
    return figures;
}

void rest__get_metrics(struct rest_request *request)
{
    struct page page = { .request = request, .host = label(request, request->server->host) };
    weir_buffer_init(&page.text, request->server->memory, TEXT_BYTES_MAX);
    const Weir__LeaderSummary *leadership = rest__ask_leadership(request);
    add_process(&page);
    add_leadership(&page, leadership);
    if (leadership && leadership->leads) add_jobs(&page);
    request->not_leader = false; /* it was a moment ago: what is missing is missing */
    rest__answer_text(
        request, "text/plain; version=0.0.4; charset=utf-8", weir_buffer_text(&page.text), page.text.length);
    weir_buffer_done(&page.text);
}
