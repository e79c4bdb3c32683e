#include "base/assert.h"
#include "control/planted.h"
#include "ops/ops.h"
#include "ops/sources.h"
#include "sim/ledger.h"
#include "sim/task_runtime_internal.h"
#include "task/wiring.h"
#include <stdio.h>
#include <string.h>

/* --- finding what runs --- */

static const struct weir_connector *find_connector(const char *name)
{
    for (uint32_t i = 0; i < weir_sim_connectors()->connector_count; i++)
        if (strcmp(weir_sim_connectors()->connectors[i]->name, name) == 0)
            return weir_sim_connectors()->connectors[i];
    return NULL;
}

static const struct weir_operator_ops *find_operator(void *registry, const struct weir_plan_node *node)
{
    if (node->kind != WEIR_PLAN_SINK) return weir_operator_ops_find(node->operator_name);
    const struct weir_connector *connector = find_connector(node->operator_name);
    return connector ? connector->sink : NULL;
}

static const struct weir_source_ops *find_source(void *registry, const struct weir_plan_node *node)
{
    const struct weir_connector *connector = find_connector(node->operator_name);
    return connector ? connector->source : weir_operator_source_find(node->operator_name);
}

/* --- the region --- */

static enum weir_error_code read_plan(struct weir_sim_runtime *runtime, struct weir_arena *arena,
    const char *path, const Weir__ExecutionPlan **ret, struct weir_error *reterr)
{
    struct weir_filesystem *fs = runtime->config.filesystem;
    struct weir_file *file;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    struct weir_file_status status;
    code = fs->file_status(file, &status, reterr);
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (!code) {
        bytes = weir_arena_allocate(arena, (size_t)status.size_bytes + 1);
        code = fs->read_at(file, 0, bytes, (size_t)status.size_bytes, &length, reterr);
    }
    fs->close(file);
    Weir__ExecutionPlan *plan;
    if (!code) code = weir_execution_plan_decode(arena, bytes, length, &plan, reterr);
    if (!code) *ret = plan;
    return code;
}

static enum weir_error_code read_manifests(struct sim_region *region, struct weir_error *reterr)
{
    uint32_t count = 0;
    for (size_t i = 0; i < region->deploy->n_restore; i++)
        count += (uint32_t)region->deploy->restore[i]->n_subtasks;
    region->manifests = WEIR_ARENA_ARRAY(&region->arena, struct weir_snapshot_manifest, count + 1);
    for (size_t i = 0; i < region->deploy->n_restore; i++) {
        const Weir__VertexSnapshot *vertex = region->deploy->restore[i];
        for (size_t j = 0; j < vertex->n_subtasks; j++) {
            struct weir_reader reader = { .data = vertex->subtasks[j]->manifest.data,
                .length = vertex->subtasks[j]->manifest.len };
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

void sim_region_drop(struct weir_sim_runtime *runtime, struct sim_region *region)
{
    if (!region || --region->references) return;
    struct sim_region **at = &runtime->regions;
    while (*at != region) at = &(*at)->next;
    *at = region->next;
    weir_arena_done(&region->arena);
    weir_memory_release(runtime->config.memory, region, sizeof *region);
}

static enum weir_error_code make_region(struct weir_sim_runtime *runtime, const Weir__DeployTasks *deploy,
    const struct weir_job_id *job, const struct weir_run *run, struct sim_region **ret,
    struct weir_error *reterr)
{
    struct sim_region *region = weir_memory_allocate_zeroed(runtime->config.memory, sizeof *region);
    weir_arena_init(&region->arena, runtime->config.memory);
    region->references = 1;
    region->next = runtime->regions;
    runtime->regions = region;
    region->job = *job;
    region->run = *run;
    char text[WEIR_JOB_ID_TEXT_BYTES];
    region->job_text = weir_arena_string(&region->arena, weir_job_id_print(job, text));
    region->deploy = WEIR_PROTO_COPY(&region->arena, deploy);
    enum weir_error_code code =
        read_plan(runtime, &region->arena, deploy->plan_pointer, &region->plan, reterr);
    if (!code)
        code = weir_execution_plan_graph(&region->arena, region->plan, region->deploy->overrides,
            region->deploy->n_overrides, &region->graph, reterr);
    if (!code) code = read_manifests(region, reterr);
    if (code) {
        sim_region_drop(runtime, region);
        return code;
    }
    *ret = region;
    return WEIR_OK;
}

static enum weir_error_code get_region(struct weir_sim_runtime *runtime, const Weir__DeployTasks *deploy,
    struct sim_region **ret, struct weir_error *reterr)
{
    struct weir_job_id job;
    struct weir_run run;
    if (!weir_job_id_from(&deploy->job, &job) || !weir_run_from(deploy->run, &run))
        return weir_error_set(reterr, WEIR_E_FORMAT, "a deployment without job or run");
    for (struct sim_region *region = runtime->regions; region; region = region->next) {
        /* Another message of the same run may name other tasks: restore differs with them. */
        if (weir_job_id_equal(&region->job, &job) && weir_run_equal(&region->run, &run) &&
            region->deploy->n_tasks == deploy->n_tasks &&
            region->deploy->tasks[0]->attempt->vertex == deploy->tasks[0]->attempt->vertex) {
            region->references++;
            *ret = region;
            return WEIR_OK;
        }
    }
    return make_region(runtime, deploy, &job, &run, ret, reterr);
}

static const Weir__RegionMember *find_member(
    const struct sim_region *region, uint32_t vertex, uint32_t subtask)
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
    struct sim_task *task = owner;
    task->established++;
    task->signaled = true;
}

static void link_broken(void *owner, const char *peer)
{
    struct sim_task *task = owner;
    if (!task->broken) snprintf(task->broken_by, sizeof task->broken_by, "%s", peer);
    task->broken = true;
    task->signaled = true;
}

static void link_readable(void *owner)
{
    ((struct sim_task *)owner)->signaled = true;
}

static void wake_nobody(struct weir_waker *waker) {}

static struct weir_waker nobody = { wake_nobody };

static struct weir_channel *make_channel(
    struct sim_task *task, const struct weir_job_edge *edge, bool is_producer)
{
    const struct weir_job_vertex *from = &task->region->graph->vertices[edge->from_vertex];
    const struct weir_plan_node *last = from->operators[from->operator_count - 1];
    struct weir_channel *channel =
        weir_channel_new(task->runtime->config.memory, last->types, last->column_count);
    channel->producer = is_producer ? &task->waker : &nobody;
    channel->consumer = is_producer ? &nobody : &task->waker;
    return channel;
}

/* One end of the channel between producer subtask p and consumer subtask c. */
static enum weir_error_code make_link(struct sim_task *task, uint32_t edge_index, uint32_t p, uint32_t c,
    bool is_producer, struct sim_link *link, struct weir_error *reterr)
{
    const struct sim_region *region = task->region;
    const struct weir_job_edge *edge = &region->graph->edges[edge_index];
    const Weir__RegionMember *from = find_member(region, region->graph->vertices[edge->from_vertex].id, p),
                             *to = find_member(region, region->graph->vertices[edge->to_vertex].id, c);
    if (!from || !to)
        return weir_error_set(reterr, WEIR_E_FORMAT, "the deployment does not name the peers of %s (%u)",
            task->vertex->name, task->attempt.subtask);
    link->channel = make_channel(task, edge, is_producer);
    const Weir__RegionMember *peer = is_producer ? to : from;
    if (peer->finished) { /* nobody is there: as if it had ended long ago */
        if (is_producer)
            weir_channel_close_consumer(link->channel);
        else
            weir_channel_push(link->channel, (struct weir_element){ .kind = WEIR_ELEMENT_END });
        task->established++;
        return WEIR_OK;
    }
    struct weir_sim_link_key key = { .edge = edge_index };
    if (!weir_attempt_id_from(from->attempt, &key.producer) ||
        !weir_attempt_id_from(to->attempt, &key.consumer))
        return weir_error_set(reterr, WEIR_E_FORMAT, "the deployment names a peer without its attempt");
    struct weir_sim_endpoint endpoint = { .node = task->runtime->config.name,
        .incarnation = task->runtime->config.incarnation,
        .channel = link->channel,
        .owner = task,
        .established = link_established,
        .broken = link_broken,
        .readable = link_readable };
    link->link = weir_sim_exchange_offer(task->runtime->config.exchange, &key, is_producer, &endpoint);
    return WEIR_OK;
}

/* Counted before it is connected: what fails half-way is let go with the others. */
static enum weir_error_code connect_link(void *owner, uint32_t edge, uint32_t producer, uint32_t consumer,
    bool is_producer, struct weir_channel **ret, struct weir_error *reterr)
{
    struct sim_task *task = owner;
    struct sim_link *link =
        is_producer ? &task->outputs[task->output_count++] : &task->inputs[task->input_count++];
    enum weir_error_code code = make_link(task, edge, producer, consumer, is_producer, link, reterr);
    *ret = link->channel;
    return code;
}

static enum weir_error_code connect_all(
    struct sim_task *task, struct weir_subtask_config *config, struct weir_error *reterr)
{
    uint32_t outputs = weir_wiring_outputs_max(config->graph, config->vertex);
    uint32_t inputs = weir_wiring_inputs_max(config->graph, config->vertex);
    task->outputs = WEIR_ARENA_ARRAY(&task->arena, struct sim_link, outputs + 1);
    task->inputs = WEIR_ARENA_ARRAY(&task->arena, struct sim_link, inputs + 1);
    const struct weir_wiring wiring = { .connect = connect_link, .owner = task, .arena = &task->arena };
    return weir_wiring_make(&wiring, config, reterr);
}

/* --- the task --- */

static void task_declined(void *owner, struct weir_subtask *subtask, uint64_t checkpoint, uint64_t epoch,
    enum weir_decline_reason reason)
{
    static const Weir__DeclineReason reasons[] = {
        [WEIR_DECLINE_ABORTED] = WEIR__DECLINE_REASON__DECLINE_ABORTED,
        [WEIR_DECLINE_EPOCH] = WEIR__DECLINE_REASON__DECLINE_EPOCH,
        [WEIR_DECLINE_CANCEL_MARKER] = WEIR__DECLINE_REASON__DECLINE_CANCEL_MARKER,
        [WEIR_DECLINE_NOT_READY] = WEIR__DECLINE_REASON__DECLINE_NOT_READY,
        [WEIR_DECLINE_SUPERSEDED] = WEIR__DECLINE_REASON__DECLINE_SUPERSEDED,
    };
    struct sim_task *task = owner;
    struct queued_event *queued = sim_runtime_queue(task->runtime, WEIR_TASK_DECLINED, &task->attempt);
    queued->event.checkpoint = checkpoint;
    queued->event.barrier_epoch = epoch;
    queued->event.reason = reasons[reason];
}

static void task_committed(void *owner, struct weir_subtask *subtask, uint64_t checkpoint)
{
    struct sim_task *task = owner;
    sim_runtime_queue(task->runtime, WEIR_TASK_COMMITTED, &task->attempt)->event.checkpoint = checkpoint;
}

static void task_wants_split(void *owner, struct weir_subtask *subtask)
{
    struct sim_task *task = owner;
    sim_runtime_queue(task->runtime, WEIR_TASK_SPLITS_WANTED, &task->attempt);
}

static void task_found_splits(
    void *owner, struct weir_subtask *subtask, const char *const *ids, uint32_t count, bool all)
{
    struct sim_task *task = owner;
    struct queued_event *queued = sim_runtime_queue(task->runtime, WEIR_TASK_SPLITS_FOUND, &task->attempt);
    const char **found = WEIR_ARENA_ARRAY(&queued->arena, const char *, count + 1);
    for (uint32_t i = 0; i < count; i++) found[i] = weir_arena_string(&queued->arena, ids[i]);
    queued->event.found = found;
    queued->event.found_count = count;
    queued->event.found_all = all;
}

static void swallow_output(void *console, const char *bytes, size_t length, bool to_stderr) {}

enum weir_error_code sim_task_deploy(struct weir_sim_runtime *runtime, const Weir__DeployTasks *deploy,
    struct sim_task *task, struct weir_error *reterr)
{
    enum weir_error_code code = get_region(runtime, deploy, &task->region, reterr);
    if (code) return code;
    const struct sim_region *region = task->region;
    for (uint32_t i = 0; i < region->graph->vertex_count && !task->vertex; i++)
        if (region->graph->vertices[i].id == task->attempt.vertex) task->vertex = &region->graph->vertices[i];
    if (!task->vertex || task->attempt.subtask >= task->vertex->parallelism)
        return weir_error_set(reterr, WEIR_E_FORMAT, "the plan has no subtask %u of vertex %u",
            task->attempt.subtask, task->attempt.vertex);
    struct weir_subtask_config config = { .graph = region->graph,
        .vertex = task->vertex,
        .subtask_index = task->attempt.subtask,
        .memory = runtime->config.memory,
        .find_operator = find_operator,
        .find_source = find_source,
        .registry = runtime,
        .connectors = weir_sim_connectors(),
        .filesystem = runtime->config.filesystem,
        .now_us = runtime->config.wall_us,
        .clock = runtime->config.clock,
        .random_seed = sim_runtime_random(runtime),
        .current_catalog = "default_catalog",
        .current_database = "default_database",
        .write_stdout = swallow_output,
        .job_id = region->job_text,
        .attempt_epoch = task->attempt.epoch,
        .newest_savepoint_id = region->deploy->savepoint,
        .attempt_number = task->attempt.number,
        .acknowledge = sim_task_acknowledge,
        .decline = task_declined,
        .committed = task_committed,
        .splits_wanted = task_wants_split,
        .splits_found = task_found_splits,
        .owner = task };
    struct weir_subtask_restore restore;
    struct weir_snapshot_reader *reader = NULL;
    if (region->run.restored_checkpoint) {
        struct weir_snapshot_reader_config from = { .filesystem = runtime->config.filesystem,
            .memory = runtime->config.memory,
            .arena = &task->arena,
            .local = runtime->config.local,
            .job_id = region->job_text,
            .checkpoint_id = region->run.restored_checkpoint,
            .manifests = region->manifests,
            .manifest_count = region->manifest_count,
            .vertex = task->vertex,
            .subtask_index = task->attempt.subtask,
            .unverified = WEIR_PLANTED(state_unverified) };
        code = weir_snapshot_reader_new(&from, &reader, &restore, reterr);
        if (code) return code;
        /* Its sinks commit what the checkpoint holds; nothing is computed, and no end makes rows. */
        if (region->deploy->commit_only) restore.finished = true;
        config.restore = &restore;
        /* What this subtask itself had in it may be built on. */
        for (uint32_t i = 0; i < region->manifest_count; i++) {
            const struct weir_snapshot_manifest *manifest = &region->manifests[i];
            if (manifest->vertex_id != task->attempt.vertex ||
                manifest->subtask_index != task->attempt.subtask)
                continue;
            task->kept[0].checkpoint = region->run.restored_checkpoint;
            task->kept[0].manifest = *manifest;
            task->kept_next = 1;
        }
    }
    if (!code) code = connect_all(task, &config, reterr);
    if (!code) code = weir_subtask_new(&config, &task->subtask, reterr);
    if (reader) {
        struct weir_snapshot_reader_statistics read = weir_snapshot_reader_statistics(reader);
        runtime->statistics.bytes_restored_local += read.bytes_local;
        runtime->statistics.bytes_restored_storage += read.bytes_storage;
    }
    weir_snapshot_reader_free(reader);
    return code;
}
