#include "host/local_job.h"
#include "base/assert.h"
#include "host/collect.h"
#include "host/local_job_internal.h"
#include "os/clock.h"
#include "task/wiring.h"
#include <stdio.h>

static int64_t wall_clock_us(void *clock)
{
    return weir_forward_clock_us(clock);
}

/* --- finding what runs --- */

static const struct weir_operator_ops *find_operator(void *registry, const struct weir_plan_node *node)
{
    const struct weir_local_job *job = registry;
    if (node->kind == WEIR_PLAN_SINK) {
        if (strcmp(node->operator_name, "collect") == 0) return &weir_collect_ops;
        for (uint32_t i = 0; i < job->config.connectors->connector_count; i++) {
            const struct weir_connector *connector = job->config.connectors->connectors[i];
            if (strcmp(connector->name, node->operator_name) == 0) return connector->sink;
        }
        return NULL;
    }
    return job->config.find_operator(node->operator_name);
}

static const struct weir_source_ops *find_source(void *registry, const struct weir_plan_node *node)
{
    const struct weir_local_job *job = registry;
    for (uint32_t i = 0; i < job->config.connectors->connector_count; i++) {
        const struct weir_connector *connector = job->config.connectors->connectors[i];
        if (strcmp(connector->name, node->operator_name) == 0) return connector->source;
    }
    return job->config.find_source ? job->config.find_source(node->operator_name) : NULL;
}

/* --- wiring --- */

static uint32_t first_subtask_of(const struct weir_job_graph *graph, uint32_t vertex)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < vertex; i++) at += graph->vertices[i].parallelism;
    return at;
}

/* Channels of one edge: [producer][consumer]; FORWARD only the diagonal. */
struct edge_channels {
    struct weir_channel **channels;
    uint32_t producers, consumers;
};

static struct edge_channels make_edge(struct weir_local_job *job, const struct weir_job_edge *edge)
{
    const struct weir_job_graph *graph = job->config.graph;
    const struct weir_job_vertex *from = &graph->vertices[edge->from_vertex],
                                 *to = &graph->vertices[edge->to_vertex];
    const struct weir_plan_node *last = from->operators[from->operator_count - 1];
    struct edge_channels e = { .producers = from->parallelism, .consumers = to->parallelism };
    e.channels = WEIR_ARENA_ARRAY(&job->arena, struct weir_channel *, e.producers * e.consumers);
    for (uint32_t p = 0; p < e.producers; p++) {
        for (uint32_t c = 0; c < e.consumers; c++) {
            if (edge->exchange == WEIR_EXCHANGE_FORWARD && p != c) continue;
            struct weir_channel *channel =
                weir_channel_new(job->config.memory, last->types, last->column_count);
            channel->producer = &job->slots[p].waker;
            channel->consumer = &job->slots[c].waker;
            e.channels[p * e.consumers + c] = channel;
            job->channels[job->channel_count++] = channel;
        }
    }
    return e;
}

static enum weir_error_code take_channel(void *owner, uint32_t edge, uint32_t producer, uint32_t consumer,
    bool is_producer, struct weir_channel **ret, struct weir_error *reterr)
{
    const struct edge_channels *e = &((const struct edge_channels *)owner)[edge];
    *ret = e->channels[producer * e->consumers + consumer];
    return WEIR_OK;
}

static void write_console(void *owner, const char *bytes, size_t length, bool to_stderr)
{
    struct weir_local_job *job = owner;
    pthread_mutex_lock(&job->mutex);
    if (job->config.write_stdout) job->config.write_stdout(job->config.console, bytes, length, to_stderr);
    pthread_mutex_unlock(&job->mutex);
}

/* read: for the bytes of one subtask's state at a time. */
static enum weir_error_code make_subtasks(struct weir_local_job *job, const struct local_restore *restore,
    struct weir_arena *read, struct weir_error *reterr)
{
    const struct weir_job_graph *graph = job->config.graph;
    struct edge_channels *edges = WEIR_ARENA_ARRAY(&job->arena, struct edge_channels, graph->edge_count + 1);
    for (uint32_t i = 0; i < graph->edge_count; i++) edges[i] = make_edge(job, &graph->edges[i]);
    const struct weir_wiring wiring = { .connect = take_channel, .owner = edges, .arena = &job->arena };
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct weir_job_vertex *vertex = &graph->vertices[v];
        for (uint32_t i = 0; i < vertex->parallelism; i++) {
            struct local_slot *slot = &job->slots[i];
            struct local_subtask *s = &job->subtasks[first_subtask_of(graph, v) + i];
            struct weir_subtask_restore from;
            enum weir_error_code code =
                restore ? weir_snapshot_restore(job->config.filesystem, restore->checkpoint_id,
                              restore->manifests, restore->manifest_count, vertex, i, read, &from, reterr)
                        : WEIR_OK;
            if (code) return code;
            struct weir_subtask_config config = { .graph = graph,
                .vertex = vertex,
                .subtask_index = i,
                .memory = &slot->memory,
                .find_operator = find_operator,
                .find_source = find_source,
                .registry = job,
                .connectors = job->config.connectors,
                .filesystem = job->config.filesystem,
                .now_us = wall_clock_us,
                .clock = &s->clock,
                .local_zone = job->config.local_zone,
                .statement_start_us = job->config.statement_start_us,
                .random_seed = job->config.random_seed,
                .current_catalog = job->config.current_catalog,
                .current_database = job->config.current_database,
                .write_stdout = write_console,
                .console = job,
                .restore = restore ? &from : NULL,
                .job_id = job->job_id,
                .attempt_epoch = job->attempt_epoch,
                .attempt_number = 1,
                .acknowledge = local_acknowledge,
                .decline = local_decline,
                .owner = job };
            code = weir_wiring_make(&wiring, &config, reterr);
            if (code) return code;
            code = weir_subtask_new(&config, &s->subtask, reterr);
            if (code) return code;
            weir_arena_reset(read);
            s->slot = slot;
            s->vertex = vertex;
            s->index = i;
            slot->subtasks[slot->subtask_count++] = s->subtask;
        }
    }
    return WEIR_OK;
}

/* --- life --- */

static uint32_t channels_needed(const struct weir_job_graph *graph)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->edge_count; i++)
        count += graph->vertices[graph->edges[i].from_vertex].parallelism *
                 graph->vertices[graph->edges[i].to_vertex].parallelism;
    return count;
}

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void init_slots(struct weir_local_job *job)
{
    const struct weir_job_graph *graph = job->config.graph;
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        job->slot_count = WEIR_MAX(job->slot_count, graph->vertices[v].parallelism);
        job->subtask_count += graph->vertices[v].parallelism;
    }
    job->slots = WEIR_ARENA_ARRAY(&job->arena, struct local_slot, job->slot_count + 1);
    job->subtasks = WEIR_ARENA_ARRAY(&job->arena, struct local_subtask, job->subtask_count + 1);
    job->channels = WEIR_ARENA_ARRAY(&job->arena, struct weir_channel *, channels_needed(graph) + 1);
    for (uint32_t i = 0; i < job->slot_count; i++) {
        struct local_slot *slot = &job->slots[i];
        slot->waker.wake = local_slot_wake;
        slot->job = job;
        slot->index = i;
        slot->subtasks = WEIR_ARENA_ARRAY(&job->arena, struct weir_subtask *, graph->vertex_count);
        weir_memory_child_init(&slot->memory, job->config.memory, job->config.managed_bytes_per_slot);
    }
}

static enum weir_error_code start_threads(struct weir_local_job *job, struct weir_error *reterr)
{
    job->slots_running = job->slot_count;
    for (uint32_t i = 0; i < job->slot_count; i++) {
        if (pthread_create(&job->slots[i].thread, NULL, local_slot_main, &job->slots[i]))
            return weir_error_set(
                reterr, WEIR_E_IO, "cannot start slot thread %u of %u", i + 1, job->slot_count);
        job->slots[i].started = true;
    }
    if (pthread_create(&job->coordinator, NULL, local_coordinator_main, job))
        return weir_error_set(reterr, WEIR_E_IO, "cannot start the coordinator thread");
    job->coordinator_started = true;
    return WEIR_OK;
}

/* Every run has a folder of its own; as what the sinks know it, a restored run goes on as the job it was. */
static void name_run(struct weir_local_job *job, const struct local_restore *restore)
{
    job->attempt_epoch = (uint64_t)weir_clock_epoch_us();
    uint64_t seed = job->attempt_epoch * 0x9e3779b97f4a7c15u ^ (uintptr_t)job;
    char run[40];
    snprintf(
        run, sizeof run, "%016llx%016llx", (unsigned long long)job->attempt_epoch, (unsigned long long)seed);
    snprintf(job->job_id, sizeof job->job_id, "%s", restore->job_id[0] ? restore->job_id : run);
    if (job->config.checkpoint_directory)
        snprintf(job->run_directory, sizeof job->run_directory, "%.3900s/%s",
            job->config.checkpoint_directory, run);
}

static enum weir_error_code check_all_is_taken(
    struct weir_local_job *job, const struct local_restore *restore, struct weir_error *reterr)
{
    uint32_t vertex = 0;
    const char *uid = weir_snapshot_left_behind(
        restore->manifests, restore->manifest_count, job->config.graph, &job->arena, &vertex);
    if (!uid || job->config.allow_non_restored_state) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_STATE,
        "cannot restore from \"%s\": it holds state of operator '%.200s' of vertex %u, which this job does "
        "not "
        "have there: it was taken of another job or plan. execution.state-recovery.ignore-unclaimed-state: "
        "true "
        "leaves such state behind",
        job->config.restore_path, uid, vertex);
}

enum weir_error_code weir_local_job_start(
    const struct weir_local_job_config *config, struct weir_local_job **ret, struct weir_error *reterr)
{
    struct weir_local_job *job = weir_memory_allocate_zeroed(config->memory, sizeof *job);
    job->config = *config;
    job->config.checkpoint_retained = WEIR_MAX(config->checkpoint_retained, 1u);
    weir_arena_init(&job->arena, config->memory);
    weir_arena_init(&job->checkpoint_arena, config->memory);
    weir_arena_init(&job->final_arena, config->memory);
    pthread_mutex_init(&job->mutex, NULL);
    init_condition(&job->condition);
    init_condition(&job->coordinator_condition);
    job->acknowledgements_tail = &job->acknowledgements;
    job->state = WEIR_JOB_RUNNING;
    job->checkpoint_next_id = 1;
    job->retained = WEIR_ARENA_ARRAY(&job->arena, uint64_t, job->config.checkpoint_retained + 1);
    job->progress.watermark_ms = INT64_MIN;
    init_slots(job);
    struct weir_arena read;
    weir_arena_init(&read, config->memory);
    enum weir_error_code code = WEIR_OK;
    struct local_restore restore = { 0 };
    if (config->graph->vertex_count == 0 || job->slot_count > LOCAL_SLOTS_MAX)
        code = weir_error_set(reterr, WEIR_E_ARGUMENT,
            "a local job runs with a parallelism of 1 to %d, not %u", LOCAL_SLOTS_MAX, job->slot_count);
    if (!code && config->restore_path) {
        code = local_checkpoint_read(config->filesystem, &job->arena, config->restore_path, &restore, reterr);
        job->checkpoint_next_id = restore.checkpoint_id + 1;
        if (!code) code = check_all_is_taken(job, &restore, reterr);
    }
    if (!code) name_run(job, &restore);
    if (!code) code = make_subtasks(job, config->restore_path ? &restore : NULL, &read, reterr);
    weir_arena_done(&read);
    if (!code) code = start_threads(job, reterr);
    if (code) {
        weir_local_job_free(job);
        return code;
    }
    *ret = job;
    return WEIR_OK;
}

void weir_local_job_cancel(struct weir_local_job *job)
{
    atomic_store(&job->cancel, true);
    for (uint32_t i = 0; i < job->slot_count; i++) local_slot_wake(&job->slots[i].waker);
}

enum weir_job_state weir_local_job_wait(struct weir_local_job *job, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + (timeout_ms < 0 ? 0 : timeout_ms % 1000 * 1000000);
    until.tv_sec += (timeout_ms < 0 ? (int64_t)1 << 31 : timeout_ms / 1000) + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&job->mutex);
    while (job->state == WEIR_JOB_RUNNING) {
        if (pthread_cond_timedwait(&job->condition, &job->mutex, &until)) break;
    }
    enum weir_job_state state = job->state;
    pthread_mutex_unlock(&job->mutex);
    return state;
}

enum weir_error_code weir_local_job_checkpoint(
    struct weir_local_job *job, struct weir_arena *arena, const char **ret_path, struct weir_error *reterr)
{
    pthread_mutex_lock(&job->mutex);
    /* One in progress may have begun before this call: wait for a whole one. */
    uint64_t completed =
        job->progress.checkpoints_completed + job->progress.checkpoints_failed + (job->checkpoint_id != 0);
    job->checkpoint_requested++;
    pthread_cond_signal(&job->coordinator_condition);
    while (job->state == WEIR_JOB_RUNNING &&
           job->progress.checkpoints_completed + job->progress.checkpoints_failed <= completed) {
        job->checkpoint_requested = WEIR_MAX(job->checkpoint_requested, job->checkpoint_served + 1);
        pthread_cond_wait(&job->condition, &job->mutex);
    }
    enum weir_error_code code = WEIR_OK;
    if (job->progress.checkpoints_completed + job->progress.checkpoints_failed <= completed)
        code = weir_error_set(reterr, WEIR_E_CANCELED, "the job ended before the checkpoint was completed");
    else if (job->checkpoint_failed) {
        code = job->checkpoint_error.code;
        if (reterr) *reterr = job->checkpoint_error;
    } else if (ret_path) {
        *ret_path = weir_arena_string(arena, job->checkpoint_path);
    }
    pthread_mutex_unlock(&job->mutex);
    return code;
}

void weir_local_job_progress(struct weir_local_job *job, struct weir_local_job_progress *ret)
{
    pthread_mutex_lock(&job->mutex);
    *ret = job->progress;
    pthread_mutex_unlock(&job->mutex);
    ret->memory_used_bytes = 0;
    int64_t watermark_ms = INT64_MAX;
    for (uint32_t i = 0; i < job->slot_count; i++)
        ret->memory_used_bytes += atomic_load(&job->slots[i].memory.used_bytes);
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        const struct local_subtask *s = &job->subtasks[i];
        const struct weir_operator_metrics *metrics = s->subtask->metrics;
        for (uint32_t o = 0; o < s->vertex->operator_count; o++) {
            const struct weir_plan_node *node = s->vertex->operators[o];
            ret->late_records_dropped += __atomic_load_n(&metrics[o].late_records_dropped, __ATOMIC_RELAXED);
            ret->parse_errors += __atomic_load_n(&metrics[o].parse_errors, __ATOMIC_RELAXED);
            if (node->kind == WEIR_PLAN_SOURCE) {
                ret->records_in += __atomic_load_n(&metrics[o].records_out, __ATOMIC_RELAXED);
                ret->bytes_in += __atomic_load_n(&metrics[o].bytes_in, __ATOMIC_RELAXED);
            }
            if (node->kind == WEIR_PLAN_SINK) {
                ret->records_out += __atomic_load_n(&metrics[o].records_in, __ATOMIC_RELAXED);
                ret->bytes_out += __atomic_load_n(&metrics[o].bytes_out, __ATOMIC_RELAXED);
                watermark_ms = WEIR_MIN(
                    watermark_ms, __atomic_load_n(&metrics[o].current_watermark_ms, __ATOMIC_RELAXED));
            }
        }
    }
    ret->watermark_ms = watermark_ms == INT64_MAX ? INT64_MIN : watermark_ms;
}

const struct weir_error *weir_local_job_error(const struct weir_local_job *job)
{
    return &job->error;
}

void weir_local_job_free(struct weir_local_job *job)
{
    if (!job) return;
    weir_local_job_cancel(job);
    for (uint32_t i = 0; i < job->slot_count; i++)
        if (job->slots[i].started) pthread_join(job->slots[i].thread, NULL);
    if (job->coordinator_started) {
        pthread_mutex_lock(&job->mutex);
        pthread_cond_signal(&job->coordinator_condition);
        pthread_mutex_unlock(&job->mutex);
        pthread_join(job->coordinator, NULL);
    }
    while (job->acknowledgements) {
        struct local_acknowledgement *a = job->acknowledgements;
        job->acknowledgements = a->next;
        weir_memory_release(job->config.memory, a, sizeof *a);
    }
    for (uint32_t i = 0; i < job->subtask_count; i++) weir_subtask_free(job->subtasks[i].subtask);
    for (uint32_t i = 0; i < job->channel_count; i++) weir_channel_free(job->channels[i]);
    pthread_mutex_destroy(&job->mutex);
    pthread_cond_destroy(&job->condition);
    pthread_cond_destroy(&job->coordinator_condition);
    weir_arena_done(&job->checkpoint_arena);
    weir_arena_done(&job->final_arena);
    weir_arena_done(&job->arena);
    weir_memory_release(job->config.memory, job, sizeof *job);
}
