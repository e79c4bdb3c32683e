/* The cluster and this process: overview, who leads, configuration, logs. */
#include "base/error.h"
#include "host/process_figures.h"
#include "host/rest/internal.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char flink_version[] = "2.2.0"; /* whose interface this is */

void rest__get_config(struct rest_request *request)
{
    const struct weir_config *settings = request->server->settings;
    time_t now = (time_t)(rest__now_ms() / 1000);
    struct tm local;
    localtime_r(&now, &local);
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:I,s:s,s:i,s:s,s:s,s:s,s:{s:b,s:b,s:b,s:b}}", "refresh-interval",
            (json_int_t)weir_config_get_duration_ms(settings, "web.refresh-interval", 3000), "timezone-name",
            local.tm_zone, "timezone-offset", (int)local.tm_gmtoff * 1000, "flink-version", flink_version,
            "weir-version", request->server->version, "flink-revision", "weir", "features", "web-submit", 0,
            "web-cancel", weir_config_get_boolean(settings, "web.cancel.enable", true), "web-rescale",
            weir_config_get_boolean(settings, "web.rescale.enable", true), "web-history", 0));
}

static const char *rest_address(const Weir__Node *node)
{
    return node ? node->rest_address : "";
}

/* Only who has taken over knows what that took, and what its jobs had lost. */
static bool has_measured(const Weir__LeaderSummary *summary)
{
    return summary->n_failovers && summary->failovers[summary->n_failovers - 1]->measured;
}

void rest__get_ha(struct rest_request *request)
{
    const Weir__LeaderSummary *summary = rest__ask_leadership(request);
    if (!summary) {
        rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Service temporarily unavailable: starting");
        return;
    }
    const Weir__ClientReply *totals = has_measured(summary) ? rest__ask_totals(request) : NULL;
    json_t *standbys = json_array(), *failovers = json_array();
    for (size_t i = 0; i < summary->n_standbys; i++)
        json_array_append_new(standbys, json_string(rest_address(summary->standbys[i])));
    for (size_t i = 0; i < summary->n_failovers; i++) {
        const Weir__Failover *failover = summary->failovers[i];
        json_array_append_new(failovers,
            json_pack("{s:I,s:I,s:s,s:I,s:o,s:o}", "at", (json_int_t)failover->at_ms, "epoch",
                (json_int_t)failover->epoch, "reason", failover->reason, "detection-ms",
                (json_int_t)failover->detection_ms, "takeover-ms",
                failover->measured ? json_integer(failover->takeover_ms) : json_null(), "tasks-restarted",
                failover->measured && totals ? json_integer(totals->tasks_restarted) : json_null()));
    }
    struct weir_job_id application;
    char text[WEIR_JOB_ID_TEXT_BYTES] = "";
    if (weir_job_id_from(&summary->application, &application)) weir_job_id_print(&application, text);
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:I,s:s,s:b,s:b,s:o,s:o,s:s?}", "leader", rest_address(summary->leader), "epoch",
            (json_int_t)summary->epoch, "self", rest_address(summary->self), "leading", (int)summary->leads,
            "suspended", (int)summary->suspended, "standbys", standbys, "failovers", failovers, "application",
            text[0] ? text : NULL));
}

/* ---------------------------------------------------------------- TaskManagers */

static const Weir__ClientReply *ask_taskmanagers(struct rest_request *request)
{
    Weir__QueryTaskManagers *query =
        WEIR_PROTO_NEW(&request->arena, Weir__QueryTaskManagers, weir__query_task_managers);
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY_TASKMANAGERS, query));
    if (reply && reply->code != WEIR__REPLY_CODE__REPLY_OK) {
        rest__refuse(request, reply);
        return NULL;
    }
    return reply;
}

/* A share of what all slots have. cpuCores is a fraction for users of Flink, the others are whole MB. */
static json_t *resource(json_t *process, uint64_t slots, uint64_t slots_all)
{
    static const char *const names[] = { "cpuCores", "taskHeapMemory", "taskOffHeapMemory", "managedMemory",
        "networkMemory" };
    json_t *all = json_object_get(process, "resource"), *shape = json_pack("{s:{}}", "extendedResources");
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(names); i++) {
        double value = json_number_value(json_object_get(all, names[i]));
        value = slots_all ? value * (double)slots / (double)slots_all : 0;
        json_object_set_new(shape, names[i], i == 0 ? json_real(value) : json_integer((json_int_t)value));
    }
    return shape;
}

/* A part of what a process says of itself; zeros of one that does not answer. */
static json_t *part(json_t *process, const char *name, const char *const names[], size_t count)
{
    json_t *from = json_object_get(process, name), *object = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_object_get(from, names[i]);
        json_object_set_new(object, names[i], value ? json_incref(value) : json_integer(0));
    }
    return object;
}

static json_t *taskmanager_shape(const Weir__TaskManagerSummary *summary, json_t *process)
{
    static const char *const hardware[] = { "cpuCores", "physicalMemory", "freeMemory", "managedMemory" };
    static const char *const memory[] = { "frameworkHeap", "taskHeap", "frameworkOffHeap", "taskOffHeap",
        "networkMemory", "managedMemory", "jvmMetaspace", "jvmOverhead", "totalFlinkMemory",
        "totalProcessMemory" };
    const char *colon = strrchr(summary->node->data_address, ':');
    int64_t heard_ms = rest__now_ms() - (int64_t)summary->heard_ago_ms;
    return json_pack("{s:s,s:s,s:i,s:i,s:I,s:I,s:I,s:I,s:b,s:o,s:o,s:o,s:o}", "id", summary->node->name,
        "path", summary->node->rpc_address, "dataPort", colon ? (int)strtol(colon + 1, NULL, 10) : -1,
        "jmxPort", -1, "timeSinceLastHeartbeat", (json_int_t)heard_ms, "slotsNumber",
        (json_int_t)summary->slots, "freeSlots", (json_int_t)summary->slots_free, "assignedTasks",
        (json_int_t)summary->attempts, "blocked", 0, "totalResource",
        resource(process, summary->slots, summary->slots), "freeResource",
        resource(process, summary->slots_free, summary->slots), "hardware",
        part(process, "hardware", hardware, WEIR_ARRAY_COUNT(hardware)), "memoryConfiguration",
        part(process, "memoryConfiguration", memory, WEIR_ARRAY_COUNT(memory)));
}

static json_t *ask_processes(
    struct rest_request *request, const Weir__TaskManagerSummary *const *summaries, size_t count)
{
    json_t *processes = json_array();
    rest__processes(request, summaries, count, processes);
    return processes;
}

void rest__get_taskmanagers(struct rest_request *request)
{
    const Weir__ClientReply *reply = ask_taskmanagers(request);
    if (!reply) return;
    const Weir__TaskManagerSummary *const *all = (const Weir__TaskManagerSummary *const *)reply->taskmanagers;
    json_t *list = json_array(), *processes = ask_processes(request, all, reply->n_taskmanagers);
    for (size_t i = 0; i < reply->n_taskmanagers; i++)
        json_array_append_new(list, taskmanager_shape(all[i], json_array_get(processes, i)));
    json_decref(processes);
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:o}", "taskmanagers", list));
}

const Weir__TaskManagerSummary *rest__find_taskmanager(struct rest_request *request)
{
    const Weir__ClientReply *reply = ask_taskmanagers(request);
    if (!reply) return NULL;
    const char *id = rest__parameter(request, "taskmanagerid");
    for (size_t i = 0; i < reply->n_taskmanagers; i++)
        if (strcmp(reply->taskmanagers[i]->node->name, id) == 0) return reply->taskmanagers[i];
    rest__fail(request, MHD_HTTP_NOT_FOUND, "Could not find TaskExecutor with id %s.", id);
    return NULL;
}

void rest__get_taskmanager(struct rest_request *request)
{
    static const char *const metrics[] = { "heapUsed", "heapCommitted", "heapMax", "nonHeapUsed",
        "nonHeapCommitted", "nonHeapMax", "directCount", "directUsed", "directMax", "mappedCount",
        "mappedUsed", "mappedMax", "nettyShuffleMemorySegmentsAvailable", "nettyShuffleMemorySegmentsUsed",
        "nettyShuffleMemorySegmentsTotal", "nettyShuffleMemoryAvailable", "nettyShuffleMemoryUsed",
        "nettyShuffleMemoryTotal" };
    const Weir__TaskManagerSummary *summary = rest__find_taskmanager(request);
    if (!summary) return;
    json_t *processes = ask_processes(request, &summary, 1), *process = json_array_get(processes, 0);
    json_t *slots = json_array();
    for (size_t i = 0; i < summary->n_slot_jobs; i++)
        json_array_append_new(
            slots, json_pack("{s:s,s:i,s:o}", "jobId",
                       rest__hex(request, summary->slot_jobs[i].data, summary->slot_jobs[i].len),
                       "assignedTasks", 1, "resource", resource(process, 1, summary->slots)));
    json_t *shown = taskmanager_shape(summary, process);
    json_t *figures = part(process, "metrics", metrics, WEIR_ARRAY_COUNT(metrics));
    json_object_set_new(figures, "garbageCollectors", json_array());
    json_object_set_new(shown, "allocatedSlots", slots);
    json_object_set_new(shown, "metrics", figures);
    json_decref(processes);
    rest__answer(request, MHD_HTTP_OK, shown);
}

/* ---------------------------------------------------------------- metrics of processes */

void rest__get_jobmanager_metrics(struct rest_request *request)
{
    const Weir__ClientReply *workers = ask_taskmanagers(request);
    if (!workers) return;
    const Weir__ClientReply *jobs = rest__list_jobs(request);
    if (!jobs) return;
    uint64_t slots = 0, slots_free = 0, running = 0;
    for (size_t i = 0; i < workers->n_taskmanagers; i++) {
        slots += workers->taskmanagers[i]->slots;
        slots_free += workers->taskmanagers[i]->slots_free;
    }
    for (size_t i = 0; i < jobs->n_jobs; i++) running += !rest__job_is_over(jobs->jobs[i]->state);
    json_t *shown = json_pack("{s:I,s:I,s:I,s:I}", "numRegisteredTaskManagers",
        (json_int_t)workers->n_taskmanagers, "numRunningJobs", (json_int_t)running, "taskSlotsTotal",
        (json_int_t)slots, "taskSlotsAvailable", (json_int_t)slots_free);
    struct weir_process_figure figures[WEIR_PROCESS_FIGURES_MAX];
    const struct weir_process_budgets none = { 0 };
    uint32_t count = weir_process_figures(request->server->started_ms, &none, figures);
    for (uint32_t i = 0; i < count; i++) {
        bool whole = figures[i].value == (double)(int64_t)figures[i].value;
        json_object_set_new(shown, figures[i].name,
            whole ? json_integer((json_int_t)figures[i].value) : json_real(figures[i].value));
    }
    rest__answer_singles(request, shown);
    json_decref(shown);
}

/* Those of the process, and what the leader knows of it. The caller's. */
static json_t *figures_of(const Weir__TaskManagerSummary *summary, json_t *process)
{
    json_t *said = json_object_get(process, "figures");
    json_t *figures = json_pack("{s:I,s:I,s:I}", "weir.slots", (json_int_t)summary->slots, "weir.slotsFree",
        (json_int_t)summary->slots_free, "weir.attempts", (json_int_t)summary->attempts);
    if (said) json_object_update(figures, said);
    return figures;
}

void rest__get_taskmanager_metrics(struct rest_request *request)
{
    const Weir__TaskManagerSummary *summary = rest__find_taskmanager(request);
    if (!summary) return;
    json_t *processes = ask_processes(request, &summary, 1);
    json_t *figures = figures_of(summary, json_array_get(processes, 0));
    rest__answer_singles(request, figures);
    json_decref(figures);
    json_decref(processes);
}

void rest__get_taskmanagers_metrics(struct rest_request *request)
{
    const Weir__ClientReply *reply = ask_taskmanagers(request);
    if (!reply) return;
    const Weir__TaskManagerSummary **chosen =
        WEIR_ARENA_ARRAY(&request->arena, const Weir__TaskManagerSummary *, reply->n_taskmanagers + 1);
    size_t count = 0;
    for (size_t i = 0; i < reply->n_taskmanagers; i++)
        if (rest__is_chosen(request, "taskmanagers", reply->taskmanagers[i]->node->name))
            chosen[count++] = reply->taskmanagers[i];
    json_t *sets = json_array(), *processes = ask_processes(request, chosen, count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(sets, figures_of(chosen[i], json_array_get(processes, i)));
    rest__answer_aggregates(request, sets);
    json_decref(processes);
    json_decref(sets);
}

/* ---------------------------------------------------------------- the cluster */

void rest__get_overview(struct rest_request *request)
{
    const Weir__ClientReply *workers = ask_taskmanagers(request);
    if (!workers) return;
    const Weir__ClientReply *jobs = rest__list_jobs(request);
    if (!jobs) return;
    json_int_t slots = 0, slots_free = 0, in_state[16] = { 0 }, over = 0;
    for (size_t i = 0; i < workers->n_taskmanagers; i++) {
        slots += workers->taskmanagers[i]->slots;
        slots_free += workers->taskmanagers[i]->slots_free;
    }
    for (size_t i = 0; i < jobs->n_jobs; i++) {
        in_state[jobs->jobs[i]->state & 15]++;
        over += rest__job_is_over(jobs->jobs[i]->state);
    }
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:I,s:i,s:I,s:I,s:i,s:I,s:I,s:I,s:I,s:s,s:s}", "taskmanagers",
            (json_int_t)workers->n_taskmanagers, "taskmanagers-blocked", 0, "slots-total", slots,
            "slots-available", slots_free, "slots-free-and-blocked", 0, "jobs-running",
            (json_int_t)jobs->n_jobs - over, "jobs-finished", in_state[WEIR__JOB_STATE__JOB_FINISHED],
            "jobs-cancelled", in_state[WEIR__JOB_STATE__JOB_CANCELED], "jobs-failed",
            in_state[WEIR__JOB_STATE__JOB_FAILED], "flink-version", flink_version, "flink-commit", "weir"));
}

void rest__delete_cluster(struct rest_request *request)
{
    Weir__ShutdownCluster *shutdown =
        WEIR_PROTO_NEW(&request->arena, Weir__ShutdownCluster, weir__shutdown_cluster);
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_SHUTDOWN, shutdown));
    if (!reply) return;
    if (reply->code == WEIR__REPLY_CODE__REPLY_OK)
        rest__answer(request, MHD_HTTP_OK, json_object());
    else
        rest__refuse(request, reply);
}

/* {"dry-run": true}: says what it would delete. */
void rest__post_garbage(struct rest_request *request)
{
    json_t *body = rest__body(request);
    if (!body) return;
    json_t *dry_run = json_object_get(body, "dry-run");
    bool wrong = dry_run && !json_is_boolean(dry_run);
    Weir__CollectGarbage *collect =
        WEIR_PROTO_NEW(&request->arena, Weir__CollectGarbage, weir__collect_garbage);
    collect->dry_run = json_is_true(dry_run);
    json_decref(body);
    if (wrong) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST, "dry-run: expected true or false");
        return;
    }
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_COLLECT_GARBAGE, collect));
    if (!reply) return;
    if (reply->code != WEIR__REPLY_CODE__REPLY_OK || !reply->garbage) {
        rest__refuse(request, reply);
        return;
    }
    const Weir__Garbage *garbage = reply->garbage;
    json_t *items = json_array();
    for (size_t i = 0; i < garbage->n_items; i++)
        json_array_append_new(
            items, json_pack("{s:s,s:I,s:s}", "path", garbage->items[i]->path, "bytes",
                       (json_int_t)garbage->items[i]->bytes, "reason", garbage->items[i]->why));
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:b,s:b,s:I,s:o}", "deleted", garbage->deleted, "more", garbage->more, "bytes",
            (json_int_t)garbage->bytes, "objects", items));
}

/* ---------------------------------------------------------------- this process */

void rest__get_jobmanager_config(struct rest_request *request)
{
    json_t *list = json_array();
    struct weir_config_item item;
    for (size_t index = 0; weir_config_next(request->server->settings, &index, &item);)
        json_array_append_new(list, json_pack("{s:s,s:s}", "key", item.key, "value", item.value));
    rest__answer(request, MHD_HTTP_OK, list);
}

void rest__get_jobmanager_environment(struct rest_request *request)
{
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:[],s:{s:s,s:s,s:[]}}", "classpath", "jvm", "version",
            weir_arena_format(&request->arena, "none: weir %s", request->server->version), "arch", "amd64",
            "options"));
}

void rest__get_datasets(struct rest_request *request)
{
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:[]}", "dataSets"));
}

void rest__get_jars(struct rest_request *request)
{
    rest__answer(request, MHD_HTTP_OK,
        json_pack("{s:s,s:[]}", "address",
            weir_arena_format(&request->arena, "http://%s", request->server->address), "files"));
}
