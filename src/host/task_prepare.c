#include "base/assert.h"
#include "host/task_runtime_internal.h"
#include "os/clock.h"
#include "os/memory.h"
#include "task/wiring.h"
#include <stdio.h>
#include <string.h>

/* --- finding what runs --- */

static const struct weir_connector *find_connector(const struct weir_task_runtime *runtime, const char *name)
{
    const struct weir_connectors *all = runtime->config.connectors;
    for (uint32_t i = 0; i < all->connector_count; i++)
        if (strcmp(all->connectors[i]->name, name) == 0) return all->connectors[i];
    return NULL;
}

static const struct weir_operator_ops *find_operator(void *registry, const struct weir_plan_node *node)
{
    const struct weir_task_runtime *runtime = registry;
    if (node->kind != WEIR_PLAN_SINK) return runtime->config.find_operator(node->operator_name);
    const struct weir_connector *connector = find_connector(runtime, node->operator_name);
    return connector ? connector->sink : NULL;
}

static const struct weir_source_ops *find_source(void *registry, const struct weir_plan_node *node)
{
    const struct weir_task_runtime *runtime = registry;
    const struct weir_connector *connector = find_connector(runtime, node->operator_name);
    return connector ? connector->source : runtime->config.find_source(node->operator_name);
}

/* --- the region --- */

static enum weir_error_code read_plan(struct host_region *region, struct weir_error *reterr)
{
    struct weir_filesystem *fs = region->runtime->config.filesystem;
    const char *path = region->deploy->plan_pointer;
    struct weir_file *file;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    struct weir_file_status status;
    code = fs->file_status(file, &status, reterr);
    if (!code && (uint64_t)status.size_bytes > WEIR_PLAN_BYTES_MAX)
        code = weir_error_set(reterr, WEIR_E_STATE, "the plan %s has %lld bytes; at most %d are read", path,
            (long long)status.size_bytes, WEIR_PLAN_BYTES_MAX);
    uint8_t *bytes = NULL;
    size_t length = 0, got = 1;
    if (!code) bytes = weir_arena_allocate(&region->arena, (size_t)status.size_bytes + 1);
    while (!code && got && length < (size_t)status.size_bytes) {
        code = fs->read_at(
            file, (int64_t)length, bytes + length, (size_t)status.size_bytes - length, &got, reterr);
        length += code ? 0 : got;
    }
    fs->close(file);
    Weir__ExecutionPlan *plan;
    if (!code) code = weir_execution_plan_decode(&region->arena, bytes, length, &plan, reterr);
    if (!code) region->plan = plan;
    return code;
}

static enum weir_error_code read_manifests(struct host_region *region, struct weir_error *reterr)
{
    uint32_t count = 0;
    for (size_t i = 0; i < region->deploy->n_restore; i++)
        count += (uint32_t)region->deploy->restore[i]->n_subtasks;
    region->manifests = WEIR_ARENA_ARRAY(&region->arena, struct weir_snapshot_manifest, count + 1);
    for (size_t i = 0; i < region->deploy->n_restore; i++) {
        const Weir__VertexSnapshot *vertex = region->deploy->restore[i];
        for (size_t j = 0; j < vertex->n_subtasks; j++) {
            const ProtobufCBinaryData *bytes = &vertex->subtasks[j]->manifest;
            struct weir_reader reader = { .data = bytes->data, .length = bytes->len };
            enum weir_error_code code = weir_snapshot_manifest_read(
                &reader, ".", &region->arena, &region->manifests[region->manifest_count], reterr);
            if (!code)
                code = weir_snapshot_manifest_place(&region->manifests[region->manifest_count],
                    vertex->subtasks[j]->files, vertex->subtasks[j]->n_files, reterr);
            if (code) return code;
            region->manifest_count++;
        }
    }
    return WEIR_OK;
}

void host_region_prepare(struct host_region *region)
{
    struct weir_error *error = &region->error;
    enum weir_error_code code = read_plan(region, error);
    if (!code)
        code = weir_execution_plan_graph(&region->arena, region->plan, region->deploy->overrides,
            region->deploy->n_overrides, &region->graph, error);
    if (!code) code = read_manifests(region, error);
    region->error.code = code;
}

static const Weir__RegionMember *find_member(
    const struct host_region *region, uint32_t vertex, uint32_t subtask)
{
    for (size_t i = 0; i < region->deploy->n_members; i++) {
        const Weir__RegionMember *member = region->deploy->members[i];
        if (member->attempt && member->attempt->vertex == vertex && member->attempt->subtask == subtask)
            return member;
    }
    return NULL;
}

/* --- links --- */

static void link_established(void *owner)
{
    struct host_task *task = owner;
    atomic_fetch_add(&task->established, 1);
    host_slot_wake(&task->slot->waker);
}

static void link_broken(void *owner, const char *peer)
{
    struct host_task *task = owner;
    if (!atomic_load(&task->broken)) {
        snprintf(task->broken_by, sizeof task->broken_by, "%s", peer);
        atomic_store(&task->broken, true);
    }
    host_slot_wake(&task->slot->waker);
}

/* One end of the channel between producer subtask p and consumer subtask c. */
static enum weir_error_code make_link(struct host_task *task, uint32_t edge_index, uint32_t p, uint32_t c,
    bool is_producer, struct host_link *link, struct weir_error *reterr)
{
    const struct host_region *region = task->region;
    const struct weir_job_edge *edge = &region->graph->edges[edge_index];
    const struct weir_job_vertex *producer = &region->graph->vertices[edge->from_vertex];
    const struct weir_plan_node *last = producer->operators[producer->operator_count - 1];
    const Weir__RegionMember *from = find_member(region, producer->id, p),
                             *to = find_member(region, region->graph->vertices[edge->to_vertex].id, c);
    if (!from || !to)
        return weir_error_set(reterr, WEIR_E_FORMAT, "the deployment of %s (%u/%u) does not name its peers",
            task->vertex->name, task->attempt.subtask + 1, task->vertex->parallelism);
    const Weir__RegionMember *peer = is_producer ? to : from;
    if (peer->finished) { /* nobody is there: as if it had ended long ago */
        link->channel =
            weir_channel_new(task->runtime->config.network_memory, last->types, last->column_count);
        if (is_producer)
            weir_channel_close_consumer(link->channel);
        else
            weir_channel_push(link->channel, (struct weir_element){ .kind = WEIR_ELEMENT_END });
        return WEIR_OK;
    }
    struct weir_link_key key = { .edge = edge_index };
    if (!peer->location || !weir_attempt_id_from(from->attempt, &key.producer) ||
        !weir_attempt_id_from(to->attempt, &key.consumer))
        return weir_error_set(
            reterr, WEIR_E_FORMAT, "the deployment names a peer without attempt or location");
    struct weir_link_end end = { .is_producer = is_producer,
        .waker = &task->slot->waker,
        .owner = task,
        .established = link_established,
        .broken = link_broken,
        .peer_name = peer->location->name,
        .peer_address = peer->data_address,
        .peer_incarnation = peer->location->incarnation,
        .types = last->types,
        .column_count = last->column_count };
    task->links_needed++;
    link->link = weir_data_exchange_link(task->runtime->config.exchange, &key, &end, &link->channel);
    return WEIR_OK;
}

static enum weir_error_code connect_link(void *owner, uint32_t edge, uint32_t producer, uint32_t consumer,
    bool is_producer, struct weir_channel **ret, struct weir_error *reterr)
{
    struct host_task *task = owner;
    uint32_t *count = is_producer ? &task->output_count : &task->input_count;
    struct host_link *link = &(is_producer ? task->outputs : task->inputs)[*count];
    enum weir_error_code code = make_link(task, edge, producer, consumer, is_producer, link, reterr);
    if (code) return code;
    ++*count;
    *ret = link->channel;
    return WEIR_OK;
}

static enum weir_error_code connect_all(
    struct host_task *task, struct weir_subtask_config *config, struct weir_error *reterr)
{
    uint32_t outputs = weir_wiring_outputs_max(config->graph, config->vertex);
    uint32_t inputs = weir_wiring_inputs_max(config->graph, config->vertex);
    task->outputs = WEIR_ARENA_ARRAY(&task->arena, struct host_link, outputs + 1);
    task->inputs = WEIR_ARENA_ARRAY(&task->arena, struct host_link, inputs + 1);
    const struct weir_wiring wiring = { .connect = connect_link, .owner = task, .arena = &task->arena };
    return weir_wiring_make(&wiring, config, reterr);
}

static void unlink_all(
    struct host_task *task, struct host_link *links, uint32_t count, bool is_producer, bool orderly)
{
    for (uint32_t i = 0; i < count; i++) {
        if (links[i].link)
            weir_data_exchange_unlink(task->runtime->config.exchange, links[i].link, is_producer, orderly);
        else
            weir_channel_free(links[i].channel);
    }
}

void host_task_unlink(struct host_task *task, bool orderly)
{
    unlink_all(task, task->outputs, task->output_count, true, orderly);
    unlink_all(task, task->inputs, task->input_count, false, orderly);
    task->output_count = task->input_count = 0;
}

/* --- the task --- */

struct posted_snapshot {
    struct host_task *task;
    struct weir_subtask_snapshot *snapshot;
};

static void take_snapshot(void *argument)
{
    struct posted_snapshot *posted = argument;
    struct host_task *task = posted->task;
    host_task_hold(task, posted->snapshot);
    weir_memory_release(task->runtime->config.memory, posted, sizeof *posted);
}

static void on_acknowledge(void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot)
{
    struct host_task *task = owner;
    struct posted_snapshot *posted = weir_memory_allocate(task->runtime->config.memory, sizeof *posted);
    *posted = (struct posted_snapshot){ task, snapshot };
    atomic_fetch_add(&task->snapshots, 1);
    if (snapshot->finished) task->ended_told = true;
    weir_control_loop_post(task->runtime->config.loop, take_snapshot, posted);
}

static void on_decline(void *owner, struct weir_subtask *subtask, uint64_t checkpoint, uint64_t epoch,
    enum weir_decline_reason reason)
{
    static const Weir__DeclineReason reasons[] = {
        [WEIR_DECLINE_ABORTED] = WEIR__DECLINE_REASON__DECLINE_ABORTED,
        [WEIR_DECLINE_EPOCH] = WEIR__DECLINE_REASON__DECLINE_EPOCH,
        [WEIR_DECLINE_CANCEL_MARKER] = WEIR__DECLINE_REASON__DECLINE_CANCEL_MARKER,
        [WEIR_DECLINE_NOT_READY] = WEIR__DECLINE_REASON__DECLINE_NOT_READY,
        [WEIR_DECLINE_SUPERSEDED] = WEIR__DECLINE_REASON__DECLINE_SUPERSEDED,
    };
    struct host_event *event = host_event_new(owner, WEIR_TASK_DECLINED);
    event->event.checkpoint = checkpoint;
    event->event.barrier_epoch = epoch;
    event->event.reason = reasons[reason];
    host_event_post(event);
}

static void on_committed(void *owner, struct weir_subtask *subtask, uint64_t checkpoint)
{
    struct host_event *event = host_event_new(owner, WEIR_TASK_COMMITTED);
    event->event.checkpoint = checkpoint;
    host_event_post(event);
}

static void on_splits_wanted(void *owner, struct weir_subtask *subtask)
{
    host_event_post(host_event_new(owner, WEIR_TASK_SPLITS_WANTED));
}

static void on_splits_found(
    void *owner, struct weir_subtask *subtask, const char *const *ids, uint32_t count, bool all)
{
    struct host_event *event = host_event_new(owner, WEIR_TASK_SPLITS_FOUND);
    const char **found = WEIR_ARENA_ARRAY(&event->arena, const char *, count + 1);
    for (uint32_t i = 0; i < count; i++) found[i] = weir_arena_string(&event->arena, ids[i]);
    event->event.found = found;
    event->event.found_count = count;
    event->event.found_all = all;
    host_event_post(event);
}

static void write_console(void *owner, const char *bytes, size_t length, bool to_stderr)
{
    struct weir_task_runtime *runtime = owner;
    pthread_mutex_lock(&runtime->console_mutex);
    if (runtime->config.write_stdout)
        runtime->config.write_stdout(runtime->config.console, bytes, length, to_stderr);
    pthread_mutex_unlock(&runtime->console_mutex);
}

static int64_t wall_clock_us(void *clock)
{
    return weir_forward_clock_us(clock);
}

static void fill_config(struct host_task *task, struct weir_subtask_config *config)
{
    struct weir_task_runtime *runtime = task->runtime;
    *config = (struct weir_subtask_config){ .graph = task->region->graph,
        .vertex = task->vertex,
        .subtask_index = task->attempt.subtask,
        .memory = &task->memory->memory,
        .find_operator = find_operator,
        .find_source = find_source,
        .registry = runtime,
        .connectors = runtime->config.connectors,
        .filesystem = runtime->config.filesystem,
        .now_us = wall_clock_us,
        .clock = &task->clock,
        .local_zone = runtime->config.local_zone,
        .statement_start_us = weir_clock_epoch_us(),
        .random_seed = (uint64_t)weir_clock_monotonic_ns(),
        .current_catalog = "default_catalog",
        .current_database = "default_database",
        .write_stdout = write_console,
        .console = runtime,
        .job_id = task->region->job_text,
        .attempt_epoch = task->attempt.epoch,
        .newest_savepoint_id = task->region->deploy->savepoint,
        .attempt_number = task->attempt.number,
        .acknowledge = on_acknowledge,
        .decline = on_decline,
        .committed = on_committed,
        .splits_wanted = on_splits_wanted,
        .splits_found = on_splits_found,
        .fails_over_budget = host_task_fails_over_budget,
        .owner = task };
}

static enum weir_error_code open_restore(struct host_task *task, struct weir_snapshot_reader **reader,
    struct weir_subtask_restore *restore, struct weir_error *reterr)
{
    const struct weir_task_runtime_config *config = &task->runtime->config;
    const struct host_region *region = task->region;
    struct weir_snapshot_reader_config from = { .filesystem = config->filesystem,
        .memory = config->memory,
        .arena = &task->arena,
        .local = config->restores_copies ? weir_local_recovery_store(config->local_recovery) : NULL,
        .job_id = region->job_text,
        .checkpoint_id = region->run.restored_checkpoint,
        .manifests = region->manifests,
        .manifest_count = region->manifest_count,
        .vertex = task->vertex,
        .subtask_index = task->attempt.subtask };
    return weir_snapshot_reader_new(&from, reader, restore, reterr);
}

static enum weir_error_code prepare(struct host_task *task, struct weir_error *reterr)
{
    const struct host_region *region = task->region;
    if (region->error.code) {
        *reterr = region->error;
        return region->error.code;
    }
    for (uint32_t i = 0; i < region->graph->vertex_count && !task->vertex; i++)
        if (region->graph->vertices[i].id == task->attempt.vertex) task->vertex = &region->graph->vertices[i];
    if (!task->vertex || task->attempt.subtask >= task->vertex->parallelism)
        return weir_error_set(reterr, WEIR_E_FORMAT, "the plan has no subtask %u of vertex %u",
            task->attempt.subtask, task->attempt.vertex);
    struct weir_subtask_config config;
    fill_config(task, &config);
    struct weir_subtask_restore restore;
    struct weir_snapshot_reader *reader = NULL;
    int64_t since_ns = weir_clock_monotonic_ns(), cpu_ns = weir_clock_thread_cpu_ns();
    enum weir_error_code code = WEIR_OK;
    if (region->run.restored_checkpoint) {
        code = open_restore(task, &reader, &restore, reterr);
        /* Its sinks commit what the checkpoint holds; nothing is computed, and no end makes rows. */
        if (region->deploy->commit_only) restore.finished = true;
        config.restore = &restore;
    }
    if (!code) code = connect_all(task, &config, reterr);
    if (!code) code = weir_subtask_new(&config, &task->subtask, reterr);
    if (reader) task->restored = weir_snapshot_reader_statistics(reader);
    weir_snapshot_reader_free(reader);
    task->restored_in_ms = (weir_clock_monotonic_ns() - since_ns) / 1000000;
    task->restored_cpu_ms = (weir_clock_thread_cpu_ns() - cpu_ns) / 1000000;
    if (code) host_task_unlink(task, false);
    return code;
}

void host_task_prepare(struct host_task *task)
{
    task->prepare_error.code = prepare(task, &task->prepare_error);
    atomic_store(&task->prepared, true);
}

size_t host_task_restore_bytes(const struct host_task *task)
{
    const struct host_region *region = task->region;
    uint64_t bytes = 0, parts = 0;
    for (uint32_t i = 0; region->run.restored_checkpoint && i < region->manifest_count; i++) {
        const struct weir_snapshot_manifest *manifest = &region->manifests[i];
        if (manifest->vertex_id != task->attempt.vertex) continue;
        if (manifest->subtask_index == task->attempt.subtask) return manifest->bytes_total;
        bytes += manifest->bytes_total;
        parts++;
    }
    return parts ? bytes / parts : 0;
}

void host_task_make_memory(struct host_task *task)
{
    weir_os_memory_make_blocks(host_task_restore_bytes(task), &task->memory->memory, &task->prepared);
}
