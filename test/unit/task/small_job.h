/*
 * A job in one thread: real subtasks over real operators and channels, run in random order, with a
 * coordinator that does what a control plane would: triggers, writes what is acknowledged, completes, aborts,
 * changes the leader, loses everything and restores at another parallelism. Everything follows from one seed.
 */
#ifndef WEIR_TEST_TASK_SMALL_JOB_H
#define WEIR_TEST_TASK_SMALL_JOB_H

#include "memory_filesystem.h"
#include "small_operators.h"

#include "expr/aggregate.h"
#include "ops/ops.h"
#include "task/snapshot.h"
#include "task/wiring.h"

enum { SMALL_TASKS_MAX = 64, SMALL_CHANNELS_MAX = 512, SMALL_QUEUE_MAX = 512, SMALL_IDS_MAX = 4096 };

enum small_shape { SMALL_AGGREGATE, SMALL_JOIN };

struct small_task {
    struct weir_subtask *subtask;
    const struct weir_job_vertex *vertex;
    uint32_t index;
    bool acknowledged, by_final, finished, ended;
    struct weir_snapshot_manifest manifest, final_manifest;
    uint64_t epoch_ordered; /* adoption that was ordered */
    uint64_t committed;
    uint64_t declined[SMALL_IDS_MAX / 8];
    uint32_t declined_count;
    uint64_t acknowledged_last;
};

struct small_acknowledgement {
    struct small_task *task;
    struct weir_subtask_snapshot *snapshot;
};

struct small_job {
    struct weir_test_memory memory;
    struct weir_arena arena;  /* as long as the test: plans, manifests */
    struct weir_arena deploy; /* of one deployment */
    struct memory_filesystem fs;
    struct weir_error error;
    uint64_t random;
    int64_t now_us;
    struct weir_plan_node nodes[4];
    struct weir_plan_edge edges[4];
    struct weir_stream_graph stream_graph;
    const struct weir_job_graph *graph;
    struct small_task tasks[SMALL_TASKS_MAX];
    uint32_t task_count;
    struct weir_channel *channels[SMALL_CHANNELS_MAX];
    uint32_t channel_count;
    struct small_acknowledgement queue[SMALL_QUEUE_MAX];
    uint32_t queue_count;
    /* The control plane. */
    uint64_t epoch;
    uint32_t attempt_number;
    uint64_t next_id;
    struct weir_checkpoint_trigger triggers[SMALL_IDS_MAX]; /* by id */
    struct weir_checkpoint_trigger pending;                 /* id 0 = none */
    uint64_t completed_id;
    struct weir_snapshot_manifest *completed; /* manifests */
    uint32_t completed_count;
    bool completed_is_savepoint;
    uint64_t completions, declines[5], takeovers, restores;
    bool ended;
};

static int64_t small_now_us(void *clock)
{
    return *(int64_t *)clock;
}

static const struct weir_operator_ops *small_find_operator(void *registry, const struct weir_plan_node *node)
{
    (void)registry;
    return strcmp(node->operator_name, "ledger") == 0 ? &ledger_ops
                                                      : weir_operator_ops_find(node->operator_name);
}
static const struct weir_source_ops *small_find_source(void *registry, const struct weir_plan_node *node)
{
    (void)registry;
    return strcmp(node->operator_name, "numbers") == 0 ? &numbers_ops : NULL;
}

/* --- the plan --- */

static struct weir_spec *small_aggregate_spec(struct weir_arena *arena)
{
    struct weir_spec *spec = weir_spec_map(arena), *calls = weir_spec_list(arena);
    weir_spec_put(arena, spec, "keys", weir_spec_integers(arena, (uint32_t[]){ 0 }, 1));
    struct weir_aggregate_call count = {
        .function = weir_aggregate_function_find("COUNT"), .type = &weir_type_bigint_not_null, .filter = -1
    };
    struct weir_aggregate_call sum = { .function = weir_aggregate_function_find("SUM"),
        .type = weir_type_of(WEIR_TYPE_BIGINT),
        .argument_count = 1,
        .arguments = { 1 },
        .filter = -1 };
    weir_spec_add(arena, calls, weir_aggregate_call_to_spec(arena, &count));
    weir_spec_add(arena, calls, weir_aggregate_call_to_spec(arena, &sum));
    weir_spec_put(arena, spec, "aggregates", calls);
    weir_spec_put(arena, spec, "emit_ub", weir_spec_boolean(arena, true));
    return spec;
}

static struct weir_spec *small_join_spec(struct weir_arena *arena)
{
    struct weir_spec *spec = weir_spec_map(arena), *flags = weir_spec_list(arena);
    weir_spec_put(arena, spec, "type", weir_spec_text(arena, "inner"));
    weir_spec_put(arena, spec, "left_keys", weir_spec_integers(arena, (uint32_t[]){ 0 }, 1));
    weir_spec_put(arena, spec, "right_keys", weir_spec_integers(arena, (uint32_t[]){ 0 }, 1));
    weir_spec_put(arena, spec, "left_append", weir_spec_boolean(arena, true));
    weir_spec_put(arena, spec, "right_append", weir_spec_boolean(arena, true));
    weir_spec_add(arena, flags, weir_spec_boolean(arena, false));
    weir_spec_put(arena, spec, "null_safe", flags);
    return spec;
}

/* numbers, numbers =hash=> aggregate of both -> ledger; or numbers, numbers =hash=> join =rebalance=> ledger
 */
static void small_plan(struct small_job *job, enum small_shape shape)
{
    static const uint32_t keys[] = { 0 };
    static const char *const names[] = { "a", "b", "c", "d" };
    const struct weir_type **types = WEIR_ARENA_ARRAY(&job->arena, const struct weir_type *, 4);
    for (int i = 0; i < 4; i++) types[i] = &weir_type_bigint_not_null;
    bool join = shape == SMALL_JOIN;
    static const char *const operators[2][4] = { { "numbers", "numbers", "group_aggregate", "ledger" },
        { "numbers", "numbers", "join", "ledger" } };
    for (uint32_t i = 0; i < 4; i++) {
        job->nodes[i] = (struct weir_plan_node){ .id = i + 1,
            .kind = i < 2    ? WEIR_PLAN_SOURCE
                    : i == 2 ? WEIR_PLAN_OPERATOR
                             : WEIR_PLAN_SINK,
            .operator_name = operators[join][i],
            .description = operators[join][i],
            .spec = weir_spec_map(&job->arena),
            .column_count = i < 2    ? 2
                            : i == 2 ? (join ? 4 : 3)
                                     : 0,
            .types = types,
            .names = names };
        if (i < 2)
            weir_spec_put(&job->arena, (struct weir_spec *)job->nodes[i].spec, "stream",
                weir_spec_integer(&job->arena, i + 1));
    }
    job->nodes[2].spec = join ? small_join_spec(&job->arena) : small_aggregate_spec(&job->arena);
    for (uint32_t i = 0; i < 2; i++)
        job->edges[i] = (struct weir_plan_edge){
            .from = i, .input = join ? i : 0, .exchange = WEIR_EXCHANGE_HASH, .keys = keys, .key_count = 1
        };
    job->edges[2] = (struct weir_plan_edge){ .from = 2,
        .exchange = join ? WEIR_EXCHANGE_REBALANCE : WEIR_EXCHANGE_FORWARD };
    job->nodes[2].inputs = job->edges;
    job->nodes[2].input_edge_count = 2;
    job->nodes[3].inputs = &job->edges[2];
    job->nodes[3].input_edge_count = 1;
    job->stream_graph = (struct weir_stream_graph){ job->nodes, 4, false };
}

/* --- what subtasks tell --- */

static struct small_task *small_task_of(struct small_job *job, const struct weir_subtask *subtask)
{
    for (uint32_t i = 0; i < job->task_count; i++)
        if (job->tasks[i].subtask == subtask) return &job->tasks[i];
    fail_msg("an unknown subtask calls");
    return NULL;
}

static bool small_has_declined(const struct small_task *task, uint64_t id)
{
    for (uint32_t i = 0; i < task->declined_count; i++)
        if (task->declined[i] == id) return true;
    return false;
}

static void small_acknowledge(
    void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot)
{
    struct small_job *job = owner;
    struct small_task *task = small_task_of(job, subtask);
    if (!snapshot->finished) {
        const struct weir_checkpoint_trigger *trigger = &job->triggers[snapshot->checkpoint_id];
        assert_int_equal(snapshot->epoch, trigger->epoch);
        assert_int_equal(snapshot->base_id, trigger->base_id);
        assert_int_equal(snapshot->savepoint, trigger->savepoint);
        assert_false(small_has_declined(task, snapshot->checkpoint_id));
        assert_true(snapshot->epoch >= subtask->epoch_seen);
        assert_true(snapshot->checkpoint_id > task->acknowledged_last);
        assert_true(weir_subtask_newest_barrier(subtask).id >= snapshot->checkpoint_id);
        task->acknowledged_last = snapshot->checkpoint_id;
    }
    assert_true(job->queue_count < SMALL_QUEUE_MAX);
    job->queue[job->queue_count++] = (struct small_acknowledgement){ task, snapshot };
}

static void small_decline(void *owner, struct weir_subtask *subtask, uint64_t checkpoint_id, uint64_t epoch,
    enum weir_decline_reason reason)
{
    struct small_job *job = owner;
    struct small_task *task = small_task_of(job, subtask);
    assert_false(small_has_declined(task, checkpoint_id));
    assert_true(task->declined_count < WEIR_ARRAY_COUNT(task->declined));
    task->declined[task->declined_count++] = checkpoint_id;
    job->declines[reason]++;
    if (reason == WEIR_DECLINE_EPOCH) assert_true(epoch < subtask->epoch_seen);
    if (job->pending.id == checkpoint_id) job->pending.id = 0;
}

static void small_committed(void *owner, struct weir_subtask *subtask, uint64_t checkpoint_id)
{
    struct small_task *task = small_task_of(owner, subtask);
    assert_true(checkpoint_id >= task->committed);
    task->committed = checkpoint_id;
}

/* --- deployment --- */

static struct weir_channel **small_edge(struct small_job *job, const struct weir_job_edge *edge)
{
    const struct weir_job_vertex *from = &job->graph->vertices[edge->from_vertex],
                                 *to = &job->graph->vertices[edge->to_vertex];
    const struct weir_plan_node *last = from->operators[from->operator_count - 1];
    struct weir_channel **channels =
        WEIR_ARENA_ARRAY(&job->deploy, struct weir_channel *, from->parallelism * to->parallelism);
    for (uint32_t p = 0; p < from->parallelism; p++) {
        for (uint32_t c = 0; c < to->parallelism; c++) {
            if (edge->exchange == WEIR_EXCHANGE_FORWARD && p != c) continue;
            assert_true(job->channel_count < SMALL_CHANNELS_MAX);
            channels[p * to->parallelism + c] = job->channels[job->channel_count++] =
                weir_channel_new(&job->memory.base, last->types, last->column_count);
        }
    }
    return channels;
}

struct small_wiring {
    const struct weir_job_graph *graph;
    struct weir_channel **const *edges; /* of each, [producer][consumer] */
};

static enum weir_error_code small_connect(void *owner, uint32_t edge, uint32_t producer, uint32_t consumer,
    bool is_producer, struct weir_channel **ret, struct weir_error *reterr)
{
    const struct small_wiring *wiring = owner;
    const struct weir_job_graph *graph = wiring->graph;
    *ret =
        wiring->edges[edge][producer * graph->vertices[graph->edges[edge].to_vertex].parallelism + consumer];
    return WEIR_OK;
}

static void small_wire(
    struct small_job *job, struct weir_channel **const *edges, struct weir_subtask_config *config)
{
    struct small_wiring owner = { job->graph, edges };
    const struct weir_wiring wiring = { .connect = small_connect, .owner = &owner, .arena = &job->deploy };
    assert_int_equal(weir_wiring_make(&wiring, config, &job->error), WEIR_OK);
}

static enum weir_error_code small_deploy_task(struct small_job *job, const struct weir_job_vertex *vertex,
    uint32_t index, struct weir_channel **const *edges)
{
    struct weir_subtask_restore restore;
    struct weir_arena read;
    weir_arena_init(&read, &job->memory.base);
    enum weir_error_code code = WEIR_OK;
    if (job->completed_id)
        code = weir_snapshot_restore(&job->fs.base, job->completed_id, job->completed, job->completed_count,
            vertex, index, &read, &restore, &job->error);
    struct weir_subtask_config config = { .graph = job->graph,
        .vertex = vertex,
        .subtask_index = index,
        .memory = &job->memory.base,
        .find_operator = small_find_operator,
        .find_source = small_find_source,
        .filesystem = &job->fs.base,
        .now_us = small_now_us,
        .clock = &job->now_us,
        .random_seed = small_random(&job->random),
        .restore = job->completed_id ? &restore : NULL,
        .job_id = "5eed",
        .attempt_epoch = job->epoch,
        .attempt_number = job->attempt_number,
        .epoch = job->epoch,
        .acknowledge = small_acknowledge,
        .decline = small_decline,
        .committed = small_committed,
        .owner = job };
    small_wire(job, edges, &config);
    assert_true(job->task_count < SMALL_TASKS_MAX);
    struct small_task *task = &job->tasks[job->task_count];
    memset(task, 0, sizeof *task);
    task->vertex = vertex;
    task->index = index;
    task->epoch_ordered = job->epoch;
    if (!code) code = weir_subtask_new(&config, &task->subtask, &job->error);
    weir_arena_done(&read);
    if (!code) job->task_count++;
    return code;
}

static void small_tear_down(struct small_job *job)
{
    for (uint32_t i = 0; i < job->task_count; i++) weir_subtask_free(job->tasks[i].subtask);
    for (uint32_t i = 0; i < job->channel_count; i++) weir_channel_free(job->channels[i]);
    job->task_count = job->channel_count = job->queue_count = 0;
    weir_arena_reset(&job->deploy);
}

/* From the newest completed checkpoint, if there is one. */
static enum weir_error_code small_deploy(struct small_job *job, uint32_t parallelism)
{
    job->attempt_number++;
    job->pending.id = 0;
    assert_int_equal(weir_job_graph_build(
                         &job->deploy, &job->stream_graph, parallelism, 16, true, &job->graph, &job->error),
        WEIR_OK);
    struct weir_channel ***edges =
        WEIR_ARENA_ARRAY(&job->deploy, struct weir_channel **, job->graph->edge_count + 1);
    for (uint32_t i = 0; i < job->graph->edge_count; i++) edges[i] = small_edge(job, &job->graph->edges[i]);
    for (uint32_t v = 0; v < job->graph->vertex_count; v++) {
        for (uint32_t i = 0; i < job->graph->vertices[v].parallelism; i++) {
            enum weir_error_code code = small_deploy_task(job, &job->graph->vertices[v], i, edges);
            if (code) return code;
        }
    }
    return WEIR_OK;
}

static SMALL_UNUSED void small_begin(struct small_job *job, enum small_shape shape, uint64_t seed)
{
    memset(job, 0, sizeof *job);
    weir_test_memory_init(&job->memory);
    weir_arena_init(&job->arena, &job->memory.base);
    weir_arena_init(&job->deploy, &job->memory.base);
    memory_filesystem_init(&job->fs);
    job->random = small_mix(seed);
    job->now_us = 1700000000000000;
    job->epoch = 1;
    job->next_id = 1;
    small_plan(job, shape);
}

static SMALL_UNUSED void small_end(struct small_job *job)
{
    small_tear_down(job);
    memory_filesystem_done(&job->fs);
    weir_arena_done(&job->deploy);
    weir_arena_done(&job->arena);
    weir_test_memory_check(&job->memory);
}

/* --- the control plane --- */

static SMALL_UNUSED struct small_task *small_task_at(struct small_job *job, uint32_t vertex, uint32_t index)
{
    for (uint32_t i = 0; i < job->task_count; i++)
        if (job->tasks[i].vertex == &job->graph->vertices[vertex] && job->tasks[i].index == index)
            return &job->tasks[i];
    return NULL;
}

static bool small_is_source(const struct small_task *task)
{
    return task->vertex->operators[0]->kind == WEIR_PLAN_SOURCE;
}

static void small_adopt(struct small_job *job, struct small_task *task)
{
    if (task->epoch_ordered == job->epoch) return;
    task->epoch_ordered = job->epoch;
    weir_subtask_adopt_epoch(task->subtask, job->epoch);
}

/* Begins a checkpoint; the sources' TaskManagers know the leader by then. */
static SMALL_UNUSED uint64_t small_trigger(struct small_job *job, bool savepoint, bool suspend)
{
    assert_true(job->next_id < SMALL_IDS_MAX);
    job->pending = (struct weir_checkpoint_trigger){ .id = job->next_id++,
        .epoch = job->epoch,
        .base_id = job->completed_is_savepoint ? 0 : job->completed_id,
        .savepoint = savepoint,
        .suspend = suspend };
    job->triggers[job->pending.id] = job->pending;
    for (uint32_t i = 0; i < job->task_count; i++) {
        struct small_task *task = &job->tasks[i];
        task->acknowledged = task->by_final = task->finished;
        if (!small_is_source(task) || task->finished) continue;
        small_adopt(job, task);
        weir_subtask_trigger(task->subtask, &job->pending);
    }
    return job->pending.id;
}

static SMALL_UNUSED void small_abort(struct small_job *job, bool all)
{
    for (uint32_t i = 0; i < job->task_count; i++)
        if (all || small_random(&job->random) % 2) weir_subtask_abort(job->tasks[i].subtask, job->pending.id);
    job->pending.id = 0;
}

/* The base's manifest of this subtask. */
static const struct weir_snapshot_manifest *small_base(struct small_job *job, const struct small_task *task)
{
    for (uint32_t i = 0; i < job->completed_count; i++) {
        const struct weir_snapshot_manifest *manifest = &job->completed[i];
        if (manifest->vertex_id == task->vertex->id && manifest->subtask_index == task->index)
            return manifest;
    }
    return NULL;
}

static void small_write(struct small_job *job, struct small_acknowledgement *a)
{
    struct small_task *task = a->task;
    struct weir_subtask_snapshot *snapshot = a->snapshot;
    uint64_t id = snapshot->checkpoint_id;
    bool final = snapshot->finished;
    if (final || (id == job->pending.id && !snapshot->given_up)) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "a%llu.%u", (unsigned long long)job->epoch, job->attempt_number);
        struct weir_snapshot_manifest *manifest = final ? &task->final_manifest : &task->manifest;
        enum weir_error_code code =
            weir_snapshot_write(&job->fs.base, "/state", prefix, task->vertex, task->index, snapshot,
                small_base(job, task), &job->memory.base, &job->arena, manifest, &job->error);
        if (code) fail_msg("%s", job->error.message);
        /* The stored form is what another process would read. */
        struct weir_buffer bytes;
        weir_buffer_init(&bytes, &job->memory.base, 1 << 24);
        weir_snapshot_manifest_write(manifest, "/state", &bytes);
        struct weir_reader reader = { .data = (const uint8_t *)bytes.data, .length = bytes.length };
        assert_int_equal(
            weir_snapshot_manifest_read(&reader, "/state", &job->arena, manifest, &job->error), WEIR_OK);
        weir_buffer_done(&bytes);
        task->finished |= final;
        if (!task->acknowledged && final) task->by_final = true;
        task->acknowledged = true;
    }
    weir_subtask_snapshot_written(task->subtask, id);
}

/* One acknowledgement, as a TaskManager and a writer beside the slots would treat it. */
static SMALL_UNUSED bool small_write_any(struct small_job *job)
{
    if (job->queue_count == 0) return false;
    uint32_t at = (uint32_t)(small_random(&job->random) % job->queue_count);
    struct small_acknowledgement a = job->queue[at];
    /* Kept back until the TaskManager has adopted the epoch. */
    if (!a.snapshot->finished && a.snapshot->epoch > a.task->epoch_ordered) return false;
    job->queue[at] = job->queue[--job->queue_count];
    small_write(job, &a);
    return true;
}

static void small_tell(struct small_job *job, struct small_task *task)
{
    (void)job;
    weir_subtask_notify_complete(
        task->subtask, task->by_final ? WEIR_FINAL_CHECKPOINT_ID : job->completed_id);
}

/* Completes the pending checkpoint if all of it is here. told: every task hears of it. */
static SMALL_UNUSED bool small_complete(struct small_job *job, bool told)
{
    if (!job->pending.id) return false;
    for (uint32_t i = 0; i < job->task_count; i++)
        if (!job->tasks[i].acknowledged) return false;
    job->completed = WEIR_ARENA_ARRAY(&job->arena, struct weir_snapshot_manifest, job->task_count);
    job->completed_count = job->task_count;
    for (uint32_t i = 0; i < job->task_count; i++)
        job->completed[i] = job->tasks[i].by_final ? job->tasks[i].final_manifest : job->tasks[i].manifest;
    job->completed_id = job->pending.id;
    job->completed_is_savepoint = job->pending.savepoint;
    job->completions++;
    job->pending.id = 0;
    for (uint32_t i = 0; i < job->task_count; i++)
        if (told || small_random(&job->random) % 4) small_tell(job, &job->tasks[i]);
    return true;
}

/* Everything is gone; it starts again from the newest completed checkpoint. */
static SMALL_UNUSED enum weir_error_code small_fail_over(struct small_job *job, uint32_t parallelism)
{
    job->fs.dead = true;
    small_tear_down(job);
    job->fs.dead = false;
    memory_filesystem_power_loss(&job->fs);
    job->restores++;
    return small_deploy(job, parallelism);
}

/* --- running --- */

/* One step of one subtask; its failure is told in job->error. */
static SMALL_UNUSED bool small_run(struct small_job *job, struct small_task *task)
{
    int64_t wake_ms;
    job->now_us += 300;
    switch (weir_subtask_run_once(task->subtask, &wake_ms)) {
    case WEIR_SUBTASK_FAILED: job->error = task->subtask->error; return false;
    case WEIR_SUBTASK_ENDED: task->ended = true; break;
    case WEIR_SUBTASK_CANCELED: fail_msg("nobody canceled"); break;
    default: break;
    }
    return true;
}

/* Each in turn until none can go on by itself. */
static SMALL_UNUSED void small_run_until_quiet(struct small_job *job)
{
    for (uint32_t rounds = 0, quiet = 0; quiet < 3; rounds++) {
        assert_true(rounds < 100000);
        bool worked = false;
        for (uint32_t i = 0; i < job->task_count; i++) {
            int64_t wake_ms;
            enum weir_subtask_result result = weir_subtask_run_once(job->tasks[i].subtask, &wake_ms);
            if (result == WEIR_SUBTASK_FAILED) fail_msg("%s", job->tasks[i].subtask->error.message);
            job->tasks[i].ended |= result == WEIR_SUBTASK_ENDED;
            worked |= result == WEIR_SUBTASK_WORKED;
        }
        job->now_us += 20000;
        quiet = worked ? 0 : quiet + 1;
    }
}

static SMALL_UNUSED void small_write_all(struct small_job *job)
{
    for (uint32_t tried = 0; job->queue_count && tried < 1000; tried++) small_write_any(job);
}

static SMALL_UNUSED bool small_run_any(struct small_job *job)
{
    return small_run(job, &job->tasks[small_random(&job->random) % job->task_count]);
}

static SMALL_UNUSED bool small_all_finished(const struct small_job *job)
{
    for (uint32_t i = 0; i < job->task_count; i++)
        if (!job->tasks[i].finished) return false;
    return true;
}

/* All have ended and their final snapshots are written: the final checkpoint, and its commits. */
static SMALL_UNUSED bool small_finish(struct small_job *job)
{
    small_trigger(job, false, false);
    small_complete(job, true);
    for (uint32_t i = 0; i < job->task_count; i++) {
        assert_true(job->tasks[i].by_final);
        while (job->tasks[i].committed != WEIR_FINAL_CHECKPOINT_ID)
            if (!small_run(job, &job->tasks[i])) return false;
    }
    job->ended = true;
    return true;
}

/* --- judging --- */

static int small_compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a + 3, *(char *const *)b + 3);
}

/* The ledger's rows after adding and taking away, sorted: "<count> <row>\n" each. Freed by the caller. */
static SMALL_UNUSED char *small_fold(void)
{
    char *text = malloc(world.length + 1), *result = calloc(1, world.length * 2 + 64);
    char **lines = calloc(world.length + 1, sizeof *lines), *rest = NULL;
    size_t count = 0, used = 0;
    if (world.length) memcpy(text, world.text, world.length);
    text[world.length] = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        lines[count++] = line;
    qsort(lines, count, sizeof *lines, small_compare_lines);
    for (size_t i = 0; i < count;) {
        int64_t net = 0;
        size_t k = i;
        for (; k < count && strcmp(lines[k] + 3, lines[i] + 3) == 0; k++)
            net += strncmp(lines[k], "+I", 2) == 0 || strncmp(lines[k], "+U", 2) == 0 ? 1 : -1;
        if (net) used += (size_t)sprintf(result + used, "%lld %s\n", (long long)net, lines[i] + 3);
        i = k;
    }
    free(lines);
    free(text);
    return result;
}

/* Aggregates: the count of a key goes up by one from row to row. */
static SMALL_UNUSED void small_check_order(void)
{
    int64_t counts[SMALL_KEYS] = { 0 };
    for (size_t at = 0; at < world.length;) {
        long long key, count;
        char kind[3];
        assert_int_equal(sscanf(world.text + at, "%2s %lld %lld", kind, &key, &count), 3);
        bool adds = strcmp(kind, "+I") == 0 || strcmp(kind, "+U") == 0;
        if (adds) assert_int_equal(count, ++counts[key]);
        if (!adds) assert_int_equal(count, counts[key]);
        at = (size_t)((char *)memchr(world.text + at, '\n', world.length - at) - world.text) + 1;
    }
}

#endif
