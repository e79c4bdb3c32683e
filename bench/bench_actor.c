/*
 * What a takeover costs the new leader: N jobs lie in the coordination store, it claims each (one read, one
 * compare-and-set), reads their plans and their newest checkpoints' metadata, hears TaskManagers report every
 * task, and re-attaches them all. The world answers at once; only the machines' time is counted, and per
 * step.
 */
#include "actor/actor.h"
#include "bench.h"
#include <string.h>

enum { SUBTASKS_EACH = 4, VERTICES_EACH = 2, STEPS_KEPT = 1 << 22, TASKMANAGERS = 100 };

struct entry {
    char key[64];
    uint64_t version;
    uint8_t *value;
    size_t length;
};

struct pending {
    struct pending *next;
    struct weir_event event;
    struct weir_store_entry entry;
    struct weir_store_entry *entries;
};

struct world {
    struct weir_env env; /* first */
    struct weir_arena arena;
    struct entry leader, candidate, *jobs;
    uint32_t job_count;
    uint8_t *plan;
    size_t plan_length;
    struct pending *first, **last;
    struct weir_actor *actor;
    int64_t now_us;
    uint64_t store_reads, store_writes, steps, sent;
    float *step_us;
    bool reported[TASKMANAGERS];
};

static int64_t world_now(struct weir_env *env)
{
    return ((struct world *)env)->now_us;
}
static int64_t world_wall(struct weir_env *env)
{
    return 1767225600000000 + ((struct world *)env)->now_us;
}
static uint64_t world_random(struct weir_env *env)
{
    return 4;
}
static bool world_alive(struct weir_env *env)
{
    return true;
}

static struct pending *answer(struct world *world, enum weir_event_kind kind, const struct weir_tag *tag)
{
    struct pending *pending = WEIR_ARENA_NEW(&world->arena, struct pending);
    pending->event.kind = kind;
    pending->event.tag = *tag;
    *world->last = pending;
    world->last = &pending->next;
    return pending;
}

static struct entry *find(struct world *world, const char *key)
{
    if (strcmp(key, "leader") == 0) return &world->leader;
    if (strncmp(key, "candidates/", 11) == 0) return &world->candidate;
    if (strncmp(key, "jobs/", 5) != 0) return NULL;
    unsigned number = 0;
    for (uint32_t i = 0; i < 8; i++) { /* the first eight digits are the number */
        char digit = key[5 + i];
        number = number * 16 + (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return number < world->job_count ? &world->jobs[number] : NULL;
}

static void write_entry(
    struct world *world, struct entry *entry, const struct weir_store_operation *operation)
{
    entry->version++;
    entry->length = operation->length;
    entry->value = (uint8_t *)weir_arena_copy(&world->arena, operation->value, operation->length);
    snprintf(entry->key, sizeof entry->key, "%s", operation->key);
    world->store_writes++;
}

static void store(struct world *world, const struct weir_effect *effect)
{
    struct pending *pending = answer(world, WEIR_EVENT_STORE_DONE, &effect->tag);
    pending->event.store.transactions = true;
    struct weir_store_entry *entries =
        WEIR_ARENA_ARRAY(&world->arena, struct weir_store_entry, world->job_count + effect->operation_count);
    uint32_t count = 0;
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        const struct weir_store_operation *operation = &effect->operations[i];
        struct entry *entry = find(world, operation->key);
        switch (operation->kind) {
        case WEIR_STORE_READ:
        case WEIR_STORE_READ_STALE:
            entries[count++] =
                (struct weir_store_entry){ .key = weir_arena_string(&world->arena, operation->key),
                    .found = entry && entry->version,
                    .version = entry ? entry->version : 0,
                    .value = entry ? entry->value : NULL,
                    .length = entry ? entry->length : 0 };
            world->store_reads++;
            break;
        case WEIR_STORE_LIST:
            for (uint32_t j = 0; strcmp(operation->key, "jobs") == 0 && j < world->job_count; j++)
                entries[count++] = (struct weir_store_entry){ .key = world->jobs[j].key,
                    .found = true,
                    .version = world->jobs[j].version,
                    .value = world->jobs[j].value,
                    .length = world->jobs[j].length };
            if (strcmp(operation->key, "candidates") == 0 && world->candidate.version)
                entries[count++] = (struct weir_store_entry){ .key = world->candidate.key,
                    .found = true,
                    .version = world->candidate.version,
                    .value = world->candidate.value,
                    .length = world->candidate.length };
            world->store_reads++;
            break;
        case WEIR_STORE_CREATE:
        case WEIR_STORE_CREATE_EPHEMERAL:
        case WEIR_STORE_SET:
            if (!entry) abort();
            write_entry(world, entry, operation);
            entries[count++] =
                (struct weir_store_entry){ .key = entry->key, .found = true, .version = entry->version };
            break;
        default: break;
        }
    }
    pending->event.store.entries = entries;
    pending->event.store.entry_count = count;
}

static void execute(struct weir_env *env, const struct weir_effect *effect)
{
    struct world *world = (struct world *)env;
    if (effect->kind == WEIR_EFFECT_STORE) store(world, effect);
    if (effect->kind != WEIR_EFFECT_BLOB) return;
    struct pending *pending = answer(world, WEIR_EVENT_BLOB_DONE, &effect->tag);
    pending->event.blob.path = weir_arena_string(&world->arena, effect->blob.path);
    pending->event.blob.error = "";
    if (effect->blob.operation == WEIR_BLOB_GET) {
        pending->event.blob.bytes = world->plan;
        pending->event.blob.length = world->plan_length;
    }
}

static void send_bytes(struct weir_env *env, weir_node node, const uint8_t *bytes, size_t length)
{
    ((struct world *)env)->sent++;
}

/* --- jobs --- */

static void make_plan(struct world *world)
{
    Weir__ExecutionPlan *plan = WEIR_PROTO_NEW(&world->arena, Weir__ExecutionPlan, weir__execution_plan);
    plan->format = WEIR_RECORD_FORMAT;
    plan->name = (char *)"bench";
    static uint8_t id[16];
    plan->job.len = 16;
    plan->job.data = id;
    plan->settings = WEIR_PROTO_NEW(&world->arena, Weir__JobSettings, weir__job_settings);
    plan->settings->checkpoint_interval_ms = 1000;
    plan->settings->checkpoint_directory = (char *)"/checkpoints";
    plan->settings->restart_strategy = WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY;
    plan->n_vertices = VERTICES_EACH;
    plan->vertices = WEIR_ARENA_ARRAY(&world->arena, Weir__PlanVertex *, VERTICES_EACH);
    for (uint32_t v = 0; v < VERTICES_EACH; v++) {
        Weir__PlanVertex *vertex = WEIR_PROTO_NEW(&world->arena, Weir__PlanVertex, weir__plan_vertex);
        vertex->id = v + 1;
        vertex->name = (char *)(v ? "Sink" : "Source");
        vertex->parallelism = SUBTASKS_EACH;
        vertex->max_parallelism = 128;
        vertex->source = v == 0;
        vertex->sink = v == 1;
        if (v) {
            vertex->n_inputs = 1;
            vertex->inputs = WEIR_ARENA_ARRAY(&world->arena, Weir__PlanEdge *, 1);
            vertex->inputs[0] = WEIR_PROTO_NEW(&world->arena, Weir__PlanEdge, weir__plan_edge);
            vertex->inputs[0]->from_vertex = v;
            vertex->inputs[0]->exchange = 1;
        }
        plan->vertices[v] = vertex;
    }
    world->plan_length = protobuf_c_message_get_packed_size(&plan->base);
    world->plan = weir_arena_allocate(&world->arena, world->plan_length);
    protobuf_c_message_pack(&plan->base, world->plan);
}

static void job_id(uint32_t number, struct weir_job_id *id)
{
    *id = (struct weir_job_id){ { (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
        (uint8_t)number, 1 } };
}

static void make_jobs(struct world *world, uint32_t count)
{
    world->job_count = count;
    world->jobs = WEIR_ARENA_ARRAY(&world->arena, struct entry, count);
    for (uint32_t i = 0; i < count; i++) {
        struct weir_job_id id;
        job_id(i, &id);
        char text[WEIR_JOB_ID_TEXT_BYTES];
        Weir__JobRecord record = WEIR__JOB_RECORD__INIT;
        Weir__Target target = WEIR__TARGET__INIT;
        target.kind = WEIR__TARGET_KIND__TARGET_RUN;
        record.format = WEIR_RECORD_FORMAT;
        record.epoch = 1;
        record.write_counter = 7;
        record.job.len = 16;
        record.job.data = id.bytes;
        record.name = (char *)"bench";
        record.plan_pointer = (char *)"/ha/plans/p";
        record.plan_version = 1;
        record.target = &target;
        record.status = WEIR__RECORD_STATUS__RECORD_ACTIVE;
        struct entry *entry = &world->jobs[i];
        snprintf(entry->key, sizeof entry->key, "jobs/%s", weir_job_id_print(&id, text));
        entry->version = 3;
        entry->length = protobuf_c_message_get_packed_size(&record.base);
        entry->value = weir_arena_allocate(&world->arena, entry->length);
        protobuf_c_message_pack(&record.base, entry->value);
    }
}

/* --- TaskManagers: each runs a share of the jobs --- */

static Weir__AttemptReport *attempt(struct world *world, uint32_t job, uint32_t vertex, uint32_t subtask,
    const char *name, struct weir_arena *arena)
{
    struct weir_attempt_id id = { .vertex = vertex, .subtask = subtask, .epoch = 1, .number = 1 };
    job_id(job, &id.job);
    Weir__AttemptReport *report = WEIR_PROTO_NEW(arena, Weir__AttemptReport, weir__attempt_report);
    report->attempt = weir_attempt_id_to(arena, &id);
    struct weir_run run = { 1, 1, 0, 1, .commit_only = false };
    report->run = weir_run_to(arena, &run);
    report->state = WEIR__EXECUTION_STATE__EXECUTION_RUNNING;
    report->slot = job / TASKMANAGERS * SUBTASKS_EACH + subtask;
    report->n_peers = 1;
    report->peers = WEIR_ARENA_ARRAY(arena, Weir__Peer *, 1);
    report->peers[0] = WEIR_PROTO_NEW(arena, Weir__Peer, weir__peer);
    report->peers[0]->name = weir_arena_string(arena, name);
    report->peers[0]->incarnation = 11;
    return report;
}

static void report(struct world *world, uint32_t manager)
{
    char name[32];
    snprintf(name, sizeof name, "tm-%u", manager);
    struct weir_arena arena;
    weir_arena_init(&arena, &bench_memory);
    const struct weir_identity *identity = weir_actor_identity(world->actor);
    weir_node node = weir_nodes_intern(weir_actor_nodes(world->actor), name);
    struct weir_event up = {
        .kind = WEIR_EVENT_CONNECTION, .from = node, .connection = WEIR_CONNECTION_UP, .from_incarnation = 11
    };
    weir_actor_event(world->actor, &up);
    Weir__Envelope envelope = WEIR__ENVELOPE__INIT;
    envelope.version = WEIR_PROTOCOL_VERSION;
    envelope.cluster = (char *)"bench";
    envelope.sender = name;
    envelope.sender_incarnation = 11;
    envelope.epoch = identity->epoch;
    envelope.leader_incarnation = identity->incarnation;
    envelope.to = WEIR__ROLE__ROLE_RESOURCEMANAGER;
    Weir__TaskManagerReport *message =
        WEIR_PROTO_NEW(&arena, Weir__TaskManagerReport, weir__task_manager_report);
    message->node = WEIR_PROTO_NEW(&arena, Weir__Node, weir__node);
    message->node->name = name;
    message->node->incarnation = 11;
    message->slots = (world->job_count / TASKMANAGERS + 1) * SUBTASKS_EACH;
    message->attempts = WEIR_ARENA_ARRAY(
        &arena, Weir__AttemptReport *, (world->job_count / TASKMANAGERS + 1) * SUBTASKS_EACH * VERTICES_EACH);
    for (uint32_t job = manager; job < world->job_count; job += TASKMANAGERS)
        for (uint32_t v = 1; v <= VERTICES_EACH; v++)
            for (uint32_t s = 0; s < SUBTASKS_EACH; s++)
                message->attempts[message->n_attempts++] = attempt(world, job, v, s, name, &arena);
    envelope.body_case = WEIR__ENVELOPE__BODY_REPORT;
    envelope.report = message;
    size_t length = protobuf_c_message_get_packed_size(&envelope.base);
    uint8_t *bytes = weir_arena_allocate(&arena, length);
    protobuf_c_message_pack(&envelope.base, bytes);
    weir_actor_bytes(world->actor, node, bytes, length);
    weir_arena_done(&arena);
}

/* --- the measurement --- */

static double last_step_ns;

static void observe(
    void *observer, enum weir_role role, const struct weir_event *event, const struct weir_effects *effects)
{
    struct world *world = observer;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ns = (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
    if (world->steps < STEPS_KEPT) world->step_us[world->steps] = (float)((ns - last_step_ns) / 1000);
    world->steps++;
    clock_gettime(CLOCK_MONOTONIC, &now);
    last_step_ns = (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void drain(struct world *world)
{
    while (world->first) {
        struct pending *pending = world->first;
        world->first = pending->next;
        if (!world->first) world->last = &world->first;
        weir_actor_event(world->actor, &pending->event);
    }
}

static void take_over(uint32_t jobs)
{
    struct world world = { .env = { .now_us = world_now,
                               .wall_us = world_wall,
                               .random = world_random,
                               .execute = execute,
                               .send = send_bytes,
                               .alive = world_alive } };
    weir_arena_init(&world.arena, &bench_memory);
    world.last = &world.first;
    world.now_us = 1000000;
    world.step_us = calloc(STEPS_KEPT, sizeof *world.step_us);
    make_plan(&world);
    make_jobs(&world, jobs);
    struct weir_control_options options = { .heartbeat_interval_us = 100000,
        .heartbeat_timeout_us = 5000000,
        .leader_silence_us = 500000,
        .reattach_timeout_us = 10000000,
        .leaderless_grace_us = INT64_MAX,
        .registration_timeout_us = 300000000,
        .store_poll_us = 1000000,
        .suspicion_hold_off_us = 10000000,
        .tombstone_us = INT64_C(3600000000),
        .sweep_interval_us = INT64_C(60000000),
        .slot_request_timeout_us = 300000000,
        .idle_taskmanager_us = 30000000,
        .jobs_max = 100000,
        .tombstones_max = 1000,
        .storage_directory = "/ha" };
    struct weir_actor_config config = { .kind = WEIR_ACTOR_JOBMANAGER,
        .memory = &bench_memory,
        .env = &world.env,
        .cluster = "bench",
        .name = "jm",
        .host = "h",
        .incarnation = 5,
        .options = &options,
        .observe = observe,
        .observer = &world };
    world.actor = weir_actor_new(&config);
    double start = bench_cpu_ns();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    last_step_ns = (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
    weir_actor_start(world.actor);
    struct weir_event connected = { .kind = WEIR_EVENT_STORE_STATE };
    connected.store.state = WEIR_STORE_CONNECTED;
    connected.store.session_timeout_us = 4000000;
    connected.store.transactions = true;
    weir_actor_event(world.actor, &connected);
    drain(&world);
    for (uint32_t i = 0; i < TASKMANAGERS; i++) {
        report(&world, i);
        drain(&world);
    }
    double took_ms = (bench_cpu_ns() - start) / 1e6;
    uint64_t kept = world.steps < STEPS_KEPT ? world.steps : STEPS_KEPT;
    qsort(world.step_us, kept, sizeof *world.step_us, by_value);
    printf("%6u jobs, %6u tasks: %8.1f ms in all, %6.1f us a job; %llu steps, median %.2f us, p99 %.1f us; "
           "%.1f reads and %.1f writes of the store a job, %llu messages\n",
        jobs, jobs * SUBTASKS_EACH * VERTICES_EACH, took_ms, took_ms * 1000 / jobs,
        (unsigned long long)world.steps, (double)world.step_us[kept / 2],
        (double)world.step_us[kept * 99 / 100], (double)world.store_reads / jobs,
        (double)world.store_writes / jobs, (unsigned long long)world.sent);
    weir_actor_free(world.actor);
    weir_arena_done(&world.arena);
    free(world.step_us);
}

int main(void)
{
    for (uint32_t jobs = 10; jobs <= 10000; jobs *= 10) take_over(jobs);
    return 0;
}
