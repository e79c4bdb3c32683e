/*
 * Several simulated TaskManagers run real jobs; a plain coordinator in this file deploys, triggers, completes
 * and, when a TaskManager is killed, deploys all again from the newest completed checkpoint. Whatever the
 * seed, the ledger must be right: nothing lost, nothing doubled.
 */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "control/ids.h"
#include "sim/exchange.h"
#include "sim_jobs.h"
#include <stdio.h>
#include <string.h>

static uint32_t kills_in_all;

enum { TASKMANAGERS = 3, SUBTASKS_MAX = 64, ROUNDS_MAX = 200000, TICK_US = 2000 };
#define PLAN_PATH "/ha/plan"

struct subtask_state {
    struct weir_attempt_id attempt;
    uint32_t taskmanager;
    bool running, ended, acknowledged, committed, stands_final;
    Weir__SubtaskSnapshot *snapshot, *final; /* of the pending checkpoint */
};

struct cluster {
    struct weir_memory *memory;
    struct weir_arena arena;
    struct weir_sim_filesystem *disk;
    struct weir_sim_exchange *exchange;
    struct weir_sim_runtime *runtimes[TASKMANAGERS];
    struct weir_filesystem *views[TASKMANAGERS];
    char names[TASKMANAGERS][16];
    int64_t now_us;
    uint64_t random;
    const Weir__ExecutionPlan *plan;
    struct weir_job_id job;
    struct subtask_state subtasks[SUBTASKS_MAX];
    uint32_t subtask_count, parallelism;
    bool rescales;
    Weir__SubtaskSnapshot *newest[SUBTASKS_MAX]; /* of the newest completed checkpoint */
    uint32_t newest_count;
    uint64_t run_counter, completed, pending, next_checkpoint, committed_final;
    int64_t pending_since_us, next_trigger_us;
    bool failed, final_pending;
    uint32_t failures, unreadable; /* attempts that failed; that failed on what they were to restore */
    uint32_t kills, checkpoints, restores;
};

static uint64_t next_random(struct cluster *c)
{
    uint64_t x = c->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static int64_t now_us(void *clock)
{
    return ((struct cluster *)clock)->now_us;
}
static int64_t wall_us(void *clock)
{
    return WEIR_LEDGER_START_US + ((struct cluster *)clock)->now_us;
}

static struct subtask_state *find_subtask(struct cluster *c, const struct weir_attempt_id *attempt)
{
    for (uint32_t i = 0; i < c->subtask_count; i++)
        if (weir_attempt_id_equal(&c->subtasks[i].attempt, attempt)) return &c->subtasks[i];
    return NULL;
}

static void on_event(void *owner, const struct weir_task_event *event)
{
    struct cluster *c = owner;
    struct subtask_state *s = find_subtask(c, &event->attempt);
    if (!s) return; /* of a run that is over */
    switch (event->kind) {
    case WEIR_TASK_RUNNING: s->running = true; break;
    case WEIR_TASK_ENDED:
        s->ended = true;
        s->final = WEIR_PROTO_COPY(&c->arena, event->snapshot);
        break;
    case WEIR_TASK_ACKNOWLEDGED:
        if (event->checkpoint != c->pending) break;
        s->acknowledged = true;
        s->snapshot = WEIR_PROTO_COPY(&c->arena, event->snapshot);
        break;
    case WEIR_TASK_FAILED:
        c->failures++;
        c->unreadable += event->state_unreadable;
        c->failed = true;
        break;
    case WEIR_TASK_CANCELED: c->failed = true; break;
    case WEIR_TASK_DECLINED:
        if (event->checkpoint == c->pending) c->pending = 0;
        break;
    case WEIR_TASK_COMMITTED: s->committed |= event->checkpoint >= c->completed; break;
    case WEIR_TASK_BARRIER:
    case WEIR_TASK_SPLITS_WANTED:
    case WEIR_TASK_SPLITS_FOUND: break;
    }
}

static void start_taskmanager(struct cluster *c, uint32_t i)
{
    c->views[i] = weir_sim_filesystem_view(c->disk);
    struct weir_sim_runtime_config config = { .memory = c->memory,
        .exchange = c->exchange,
        .name = c->names[i],
        .incarnation = next_random(c),
        .seed = next_random(c),
        .filesystem = c->views[i],
        .now_us = now_us,
        .wall_us = wall_us,
        .clock = c,
        .event = on_event,
        .owner = c,
        .write_delay_max_us = 20000 };
    c->runtimes[i] = weir_sim_runtime_new(&config);
}

static void kill_taskmanager(struct cluster *c, uint32_t i)
{
    weir_sim_filesystem_view_kill(c->views[i]);
    weir_sim_runtime_kill(c->runtimes[i]);
    weir_sim_filesystem_view_free(c->views[i]);
    c->runtimes[i] = NULL;
}

/* --- deployment --- */

static Weir__DeployTasks *make_deployment(struct cluster *c, uint32_t taskmanager, struct weir_arena *arena)
{
    Weir__DeployTasks *deploy = WEIR_PROTO_NEW(arena, Weir__DeployTasks, weir__deploy_tasks);
    deploy->job = weir_job_id_to(arena, &c->job);
    struct weir_run run = { 1, c->run_counter, c->completed, 1, false };
    deploy->run = weir_run_to(arena, &run);
    deploy->plan_pointer = PLAN_PATH;
    deploy->members = WEIR_ARENA_ARRAY(arena, Weir__RegionMember *, c->subtask_count);
    deploy->tasks = WEIR_ARENA_ARRAY(arena, Weir__TaskDeployment *, c->subtask_count);
    deploy->restore = WEIR_ARENA_ARRAY(arena, Weir__VertexSnapshot *, c->plan->n_vertices);
    for (uint32_t i = 0; i < c->subtask_count; i++) {
        struct subtask_state *s = &c->subtasks[i];
        Weir__RegionMember *member = WEIR_PROTO_NEW(arena, Weir__RegionMember, weir__region_member);
        member->attempt = weir_attempt_id_to(arena, &s->attempt);
        member->location = WEIR_PROTO_NEW(arena, Weir__Peer, weir__peer);
        member->location->name = c->names[s->taskmanager];
        deploy->members[deploy->n_members++] = member;
        if (s->taskmanager != taskmanager) continue;
        Weir__TaskDeployment *task = WEIR_PROTO_NEW(arena, Weir__TaskDeployment, weir__task_deployment);
        task->attempt = member->attempt;
        deploy->tasks[deploy->n_tasks++] = task;
    }
    deploy->overrides = WEIR_ARENA_ARRAY(arena, Weir__ParallelismOverride *, c->plan->n_vertices);
    for (size_t v = 0; v < c->plan->n_vertices; v++) {
        Weir__ParallelismOverride *override =
            WEIR_PROTO_NEW(arena, Weir__ParallelismOverride, weir__parallelism_override);
        override->vertex = c->plan->vertices[v]->id;
        override->parallelism = c->parallelism;
        deploy->overrides[deploy->n_overrides++] = override;
    }
    for (size_t v = 0; c->completed && v < c->plan->n_vertices; v++) {
        Weir__VertexSnapshot *vertex = WEIR_PROTO_NEW(arena, Weir__VertexSnapshot, weir__vertex_snapshot);
        vertex->vertex = c->plan->vertices[v]->id;
        vertex->subtasks = WEIR_ARENA_ARRAY(arena, Weir__SubtaskSnapshot *, SUBTASKS_MAX);
        for (uint32_t i = 0; i < c->newest_count; i++)
            if (c->newest[i]->vertex == vertex->vertex) vertex->subtasks[vertex->n_subtasks++] = c->newest[i];
        deploy->restore[deploy->n_restore++] = vertex;
    }
    return deploy;
}

static void list_subtasks(struct cluster *c)
{
    c->subtask_count = 0;
    for (size_t v = 0; v < c->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < c->parallelism; i++) {
            struct subtask_state *s = &c->subtasks[c->subtask_count++];
            *s = (struct subtask_state){
                .attempt = { .job = c->job, .vertex = c->plan->vertices[v]->id, .subtask = i, .epoch = 1 }
            };
        }
    }
}

static void deploy_all(struct cluster *c)
{
    c->run_counter++;
    c->failed = false;
    c->pending = 0;
    c->final_pending = false;
    for (uint32_t i = 0; i < TASKMANAGERS;
         i++) { /* what is left of the run before is gone: region fail-over */
        if (c->run_counter > 1) {
            kill_taskmanager(c, i);
            start_taskmanager(c, i);
        }
    }
    if (c->rescales) c->parallelism = 1 + (uint32_t)(next_random(c) % 6);
    list_subtasks(c);
    for (uint32_t i = 0; i < c->subtask_count; i++) {
        struct subtask_state *s = &c->subtasks[i];
        s->attempt.number = (uint32_t)c->run_counter;
        s->taskmanager = s->attempt.subtask % TASKMANAGERS;
        s->running = s->ended = s->acknowledged = s->committed = false;
    }
    struct weir_arena arena;
    weir_arena_init(&arena, c->memory);
    for (uint32_t t = 0; t < TASKMANAGERS; t++) {
        Weir__DeployTasks *deploy = make_deployment(c, t, &arena);
        for (uint32_t i = 0; i < c->subtask_count && deploy->n_tasks; i++) {
            if (c->subtasks[i].taskmanager != t) continue;
            struct weir_task_effect effect = {
                .action = WEIR_TASK_DEPLOY, .attempt = c->subtasks[i].attempt, .deploy = deploy
            };
            weir_sim_runtime_execute(c->runtimes[t], &effect);
        }
    }
    weir_arena_done(&arena);
    c->restores += c->completed != 0;
}

static void tell_all(struct cluster *c, enum weir_task_action action, uint64_t checkpoint)
{
    char directory[64];
    snprintf(directory, sizeof directory, "/checkpoints/chk-%llu", (unsigned long long)checkpoint);
    for (uint32_t i = 0; i < c->subtask_count; i++) {
        struct weir_task_effect effect = { .action = action,
            .attempt = c->subtasks[i].attempt,
            .epoch = 1,
            .checkpoint =
                action == WEIR_TASK_COMPLETE && c->subtasks[i].stands_final ? WEIR_TASK_FINAL : checkpoint,
            .base = c->completed,
            .directory = directory };
        weir_sim_runtime_execute(c->runtimes[c->subtasks[i].taskmanager], &effect);
    }
}

/* --- coordination --- */

static bool all(const struct cluster *c, bool (*what)(const struct subtask_state *))
{
    for (uint32_t i = 0; i < c->subtask_count; i++)
        if (!what(&c->subtasks[i])) return false;
    return true;
}
static bool is_up(const struct subtask_state *s)
{
    return s->running;
}
static bool is_ended(const struct subtask_state *s)
{
    return s->ended;
}
static bool is_in(const struct subtask_state *s)
{
    return s->acknowledged || s->ended;
}
static bool is_committed(const struct subtask_state *s)
{
    return s->committed;
}

static void complete(struct cluster *c, uint64_t checkpoint)
{
    c->completed = checkpoint;
    c->checkpoints++;
    c->pending = 0;
    c->newest_count = c->subtask_count;
    for (uint32_t i = 0; i < c->subtask_count; i++) {
        struct subtask_state *s = &c->subtasks[i];
        /* A final snapshot stands for a checkpoint only where that was not acknowledged. */
        s->stands_final = !s->acknowledged;
        c->newest[i] = s->acknowledged ? s->snapshot : s->final;
        c->subtasks[i].acknowledged = c->subtasks[i].committed = false;
    }
    tell_all(c, WEIR_TASK_COMPLETE, checkpoint);
}

/* True: the job is over. */
static bool coordinate(struct cluster *c)
{
    if (c->failed) {
        deploy_all(c);
        return false;
    }
    if (!all(c, is_up)) return false;
    if (c->final_pending) return all(c, is_committed);
    if (all(c, is_ended)) {
        complete(c, ++c->next_checkpoint);
        c->final_pending = true;
        return false;
    }
    if (c->pending && all(c, is_in)) complete(c, c->pending);
    if (c->pending && c->now_us - c->pending_since_us > 2000000) {
        tell_all(c, WEIR_TASK_ABORT, c->pending);
        c->pending = 0;
    }
    if (!c->pending && c->now_us >= c->next_trigger_us) {
        c->pending = ++c->next_checkpoint;
        c->pending_since_us = c->now_us;
        c->next_trigger_us = c->now_us + 50000 + (int64_t)(next_random(c) % 100000);
        for (uint32_t i = 0; i < c->subtask_count; i++) c->subtasks[i].acknowledged = false;
        tell_all(c, WEIR_TASK_TRIGGER, c->pending);
    }
    return false;
}

static void write_plan(struct cluster *c, const struct weir_sim_job_template *job,
    const struct weir_sim_job_parameters *parameters)
{
    struct weir_error error;
    Weir__ExecutionPlan *plan;
    enum weir_error_code code = weir_sim_job_make(&c->arena, c->memory, job, parameters, &plan, &error);
    if (code) fail_msg("%s", error.message);
    c->plan = plan;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, c->memory, WEIR_PLAN_BYTES_MAX);
    weir_proto_encode(&plan->base, &bytes);
    weir_sim_filesystem_write(c->disk, PLAN_PATH, bytes.data, bytes.length);
    weir_buffer_done(&bytes);
}

static void open_cluster(struct cluster *c, const struct weir_sim_job_template *job, uint64_t seed,
    struct weir_sim_job_parameters *parameters)
{
    static Weir__JobSettings settings;
    *c = (struct cluster){ .memory = weir_test_memory_shared(), .random = seed, .next_trigger_us = 30000 };
    weir_arena_init(&c->arena, c->memory);
    struct weir_sim_filesystem_config disk = {
        .memory = c->memory, .seed = next_random(c), .wall_us = wall_us, .clock = c
    };
    c->disk = weir_sim_filesystem_new(&disk);
    struct weir_sim_exchange_config exchange = { .memory = c->memory,
        .seed = next_random(c),
        .now_us = now_us,
        .clock = c,
        .delay_min_us = 100,
        .delay_max_us = 3000 };
    c->exchange = weir_sim_exchange_new(&exchange);
    memset(c->job.bytes, 7, sizeof c->job.bytes);
    weir__job_settings__init(&settings);
    settings.checkpoint_directory = "/checkpoints";
    *parameters = (struct weir_sim_job_parameters){ .rows = 600,
        .rate = 400,
        .keys = 7,
        .partitions = 5,
        .batch = 8,
        .seed = seed,
        .bounded = true,
        .parallelism = 1 + (uint32_t)(seed % 4),
        .max_parallelism = 32,
        .settings = &settings };
    memcpy(parameters->job, c->job.bytes, 16);
    write_plan(c, job, parameters);
    c->parallelism = parameters->parallelism;
    for (uint32_t i = 0; i < TASKMANAGERS; i++) {
        snprintf(c->names[i], sizeof c->names[i], "tm-%u", i);
        start_taskmanager(c, i);
    }
}

static void close_cluster(struct cluster *c)
{
    for (uint32_t i = 0; i < TASKMANAGERS; i++) kill_taskmanager(c, i);
    weir_sim_exchange_free(c->exchange);
    weir_sim_filesystem_free(c->disk);
    weir_arena_done(&c->arena);
}

static void run_tick(struct cluster *c)
{
    c->now_us += TICK_US;
    for (uint32_t i = 0; i < TASKMANAGERS; i++) {
        int64_t wake_us;
        weir_sim_runtime_run(c->runtimes[i], 1 + (uint32_t)(next_random(c) % 40), &wake_us);
    }
}

static void run_history(const struct weir_sim_job_template *job, uint64_t seed, uint32_t kills, bool rescales)
{
    struct cluster c;
    struct weir_sim_job_parameters parameters;
    open_cluster(&c, job, seed, &parameters);
    c.rescales = rescales;
    deploy_all(&c);
    bool over = false;
    uint32_t round = 0;
    for (; round < ROUNDS_MAX && !over; round++) {
        run_tick(&c);
        over = coordinate(&c);
        if (!over && c.kills < kills && next_random(&c) % 100 == 0) {
            uint32_t victim = (uint32_t)(next_random(&c) % TASKMANAGERS);
            kill_taskmanager(&c, victim);
            start_taskmanager(&c, victim);
            c.failed = true;
            c.kills++;
        }
        struct weir_ledger_verdict verdict;
        if (over || round % 500 == 0) {
            weir_sim_job_judge(c.disk, job, &parameters, over, c.memory, &verdict);
            if (verdict.lost || verdict.doubled || verdict.wrong || verdict.unordered)
                fail_msg("job %s seed %llu round %u: %llu lost, %llu doubled, %llu wrong, %llu unordered; %s",
                    job->name, (unsigned long long)seed, round, (unsigned long long)verdict.lost,
                    (unsigned long long)verdict.doubled, (unsigned long long)verdict.wrong,
                    (unsigned long long)verdict.unordered, verdict.first);
        }
    }
    if (!over) fail_msg("job %s seed %llu does not end", job->name, (unsigned long long)seed);
    assert_true(c.checkpoints > 1);
    kills_in_all += c.kills; /* a short job may end before its first */
    close_cluster(&c);
}

static void run_all(uint64_t first_seed, uint32_t seeds, uint32_t kills, bool rescales)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    const struct weir_sim_job_template *jobs;
    uint32_t count;
    struct weir_error error;
    if (weir_sim_jobs_plan(&arena, weir_test_memory_shared(), &jobs, &count, &error))
        fail_msg("%s", error.message);
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(jobs[i].name, "splits") == 0) continue; /* nobody gives them out here */
        for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++)
            run_history(&jobs[i], seed, kills, rescales);
    }
    weir_arena_done(&arena);
}

static void jobs_run_to_their_end(void **state)
{
    run_all(1, 8, 0, false);
}

static void killed_taskmanagers_lose_and_double_nothing(void **state)
{
    run_all(100, 20, 3, false);
    assert_true(kills_in_all > 100);
}

static void any_parallelism_restores_any_other(void **state)
{
    run_all(200, 20, 4, true);
}

/* H9, as the real data plane says it: also of a region that cannot even be made. Without that its job is
 * deployed again for ever. */
static void a_damaged_manifest_is_told_as_unreadable(void **state)
{
    struct weir_arena arena;
    weir_arena_init(&arena, weir_test_memory_shared());
    const struct weir_sim_job_template *jobs;
    uint32_t count;
    struct weir_error error;
    assert_int_equal(weir_sim_jobs_plan(&arena, weir_test_memory_shared(), &jobs, &count, &error), WEIR_OK);
    struct cluster c;
    struct weir_sim_job_parameters parameters;
    open_cluster(&c, &jobs[0], 3, &parameters);
    deploy_all(&c);
    for (uint32_t round = 0; round < ROUNDS_MAX && !c.completed; round++) {
        run_tick(&c);
        assert_false(coordinate(&c));
    }
    assert_true(c.completed && !c.failures);
    for (uint32_t i = 0; i < c.newest_count; i++) {
        ProtobufCBinaryData *manifest = &c.newest[i]->manifest;
        manifest->data[manifest->len - 1] ^= 1;
    }
    deploy_all(&c);
    run_tick(&c);
    assert_int_equal(c.failures, c.subtask_count);
    assert_int_equal(c.unreadable, c.subtask_count);
    close_cluster(&c);
    weir_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_to_their_end),
        cmocka_unit_test(killed_taskmanagers_lose_and_double_nothing),
        cmocka_unit_test(any_parallelism_restores_any_other),
        cmocka_unit_test(a_damaged_manifest_is_told_as_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
