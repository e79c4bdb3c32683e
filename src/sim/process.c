#include "sim/process.h"
#include "base/assert.h"
#include "sim/world.h"
#include <stdio.h>
#include <string.h>

/* --- clocks --- */

int64_t weir_sim_process_now(const struct weir_sim_process *process)
{
    int64_t passed = weir_sim_now(process->sim) - process->started_us;
    return process->monotonic_base_us + passed + (int64_t)((weir_int128)passed * process->rate_ppm / 1000000);
}

int64_t weir_sim_process_wall(const struct weir_sim_process *process)
{
    return WEIR_SIM_WALL_BASE_US + weir_sim_now(process->sim) + process->wall_offset_us;
}

int64_t weir_sim_process_world_time(const struct weir_sim_process *process, int64_t local_us)
{
    int64_t ahead = local_us - process->monotonic_base_us;
    if (ahead > INT64_C(1) << 55) return INT64_MAX / 2;
    int64_t at = (int64_t)((weir_int128)ahead * 1000000 / (1000000 + process->rate_ppm));
    return process->started_us + at + 1;
}

void weir_sim_process_set_rate(struct weir_sim_process *process, int64_t rate_ppm)
{
    process->monotonic_base_us = weir_sim_process_now(process);
    process->started_us = weir_sim_now(process->sim);
    process->rate_ppm = rate_ppm;
}

/* --- timers --- */

static uint32_t bucket_of(const struct weir_tag *tag)
{
    uint64_t hash = tag->number * 0x9e3779b97f4a7c15u + tag->kind * 31u + (uint64_t)tag->role * 7u;
    hash ^= weir_job_id_hash(&tag->job);
    return (uint32_t)(weir_sim_mix(hash) % WEIR_SIM_TIMER_BUCKETS);
}

static bool tag_equal(const struct weir_tag *a, const struct weir_tag *b)
{
    return a->role == b->role && a->kind == b->kind && a->number == b->number &&
           weir_job_id_equal(&a->job, &b->job);
}

static uint32_t timer_find(struct weir_sim_process *process, const struct weir_tag *tag, uint32_t **ret_link)
{
    uint32_t *link = &process->timer_buckets[bucket_of(tag)];
    while (*link && !tag_equal(&process->timers[*link - 1].tag, tag)) link = &process->timers[*link - 1].next;
    *ret_link = link;
    return *link;
}

static uint32_t timer_add(struct weir_sim_process *process, const struct weir_tag *tag)
{
    if (!process->timer_free) {
        if (process->timer_count == process->timer_capacity) {
            uint32_t capacity = process->timer_capacity ? process->timer_capacity * 2 : 32;
            WEIR_ASSERT(capacity <= WEIR_SIM_TIMERS_MAX);
            size_t bytes = sizeof *process->timers;
            process->timers = (struct weir_sim_timer *)weir_memory_reallocate(
                &process->heap.base, process->timers, bytes * process->timer_capacity, bytes * capacity);
            process->timer_capacity = capacity;
        }
        process->timers[process->timer_count] = (struct weir_sim_timer){ 0 };
        process->timer_free = ++process->timer_count;
    }
    uint32_t index = process->timer_free;
    struct weir_sim_timer *timer = &process->timers[index - 1];
    process->timer_free = timer->next;
    uint32_t *bucket = &process->timer_buckets[bucket_of(tag)];
    timer->tag = *tag;
    timer->next = *bucket;
    *bucket = index;
    return index;
}

static void timer_remove(struct weir_sim_process *process, uint32_t *link)
{
    uint32_t index = *link;
    struct weir_sim_timer *timer = &process->timers[index - 1];
    *link = timer->next;
    timer->generation++;
    timer->set = false;
    timer->next = process->timer_free;
    process->timer_free = index;
}

static void timer_fires(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    uint32_t index = (uint32_t)(number >> 32);
    struct weir_sim_timer *timer = &process->timers[index - 1];
    if (!timer->set || timer->generation != (uint32_t)number) return;
    if (weir_sim_process_now(process) < timer->at_us) { /* the clock has become slower meanwhile */
        weir_sim_process_schedule(
            process, weir_sim_process_world_time(process, timer->at_us), timer_fires, number, NULL, 0);
        return;
    }
    struct weir_event event = { .kind = WEIR_EVENT_TIMER, .tag = timer->tag };
    uint32_t *link;
    timer_find(process, &event.tag, &link);
    timer_remove(process, link);
    weir_sim_process_event(process, &event);
}

static void timer_set(struct weir_sim_process *process, const struct weir_tag *tag, int64_t at_us)
{
    uint32_t *link;
    uint32_t index = timer_find(process, tag, &link);
    if (at_us == INT64_MAX) {
        if (index) timer_remove(process, link);
        return;
    }
    if (!index) index = timer_add(process, tag);
    struct weir_sim_timer *timer = &process->timers[index - 1];
    timer->set = true;
    timer->generation++;
    timer->at_us = at_us;
    timer->tag = *tag; /* its instance is the newest */
    int64_t at = weir_sim_process_world_time(process, at_us);
    if (at >= INT64_MAX / 2) return; /* never in this history */
    weir_sim_process_schedule(process, at, timer_fires, (uint64_t)index << 32 | timer->generation, NULL, 0);
}

/* --- env --- */

static struct weir_sim_process *of(struct weir_env *env)
{
    return (struct weir_sim_process *)env;
}

static int64_t env_now(struct weir_env *env)
{
    return weir_sim_process_now(of(env));
}

static int64_t env_wall(struct weir_env *env)
{
    return weir_sim_process_wall(of(env));
}

static uint64_t env_random(struct weir_env *env)
{
    return weir_sim_random_next(&of(env)->random);
}

static bool env_alive(struct weir_env *env)
{
    return !of(env)->dying;
}

/* True: carry it out. A planned crash is due before or after this effect. */
static bool effect_survives(struct weir_sim_process *process, bool durable)
{
    if (process->dying) return false;
    if (process->effects_until_crash < 0 || (process->crash_durable_only && !durable)) return true;
    if (process->effects_until_crash-- > 0) return true;
    process->dying = true;
    bool after = weir_sim_random_permille(&process->random, 500);
    weir_sim_trace(process->sim, process, "is killed %s an effect", after ? "after" : "before");
    weir_sim_cover(
        process->sim, WEIR_SIM_COVER_FAULT, after ? "crash after an effect" : "crash before an effect");
    process->sim->result->faults++;
    return after;
}

static struct weir_sim_process *peer_of(struct weir_sim_process *process, weir_node node)
{
    return weir_sim_process_find(process->sim, weir_nodes_name(process->program->nodes(process->self), node));
}

static bool is_durable(const struct weir_effect *effect)
{
    if (effect->kind == WEIR_EFFECT_BLOB)
        return effect->blob.operation == WEIR_BLOB_PUT || effect->blob.operation == WEIR_BLOB_DELETE;
    if (effect->kind != WEIR_EFFECT_STORE) return false;
    for (uint32_t i = 0; i < effect->operation_count; i++) {
        enum weir_store_operation_kind kind = effect->operations[i].kind;
        if (kind >= WEIR_STORE_CREATE) return true;
    }
    return false;
}

static const char *const effect_names[] = { "none", "timer", "send", "connect", "disconnect", "store",
    "store watch", "blob", "task", "worker", "local", "job start", "job stop", "log", "exit" };

static void trace_log(struct weir_sim_process *process, const struct weir_effect *effect)
{
    static const char *const levels[] = { "debug", "info", "warn", "error" };
    weir_sim_trace(process->sim, process, "log %s: %s", levels[effect->level & 3], effect->text);
}

/* Crash points are all durable effects in turn, each before and after it was carried out. True: before. */
static bool dies_at_point(struct weir_sim_process *process)
{
    struct weir_sim *sim = process->sim;
    uint64_t point = ++sim->result->durable_effects;
    if (!sim->history.crash_point || point != (sim->history.crash_point + 1) / 2) return false;
    bool before = sim->history.crash_point % 2 == 1;
    weir_sim_trace(sim, process, "is killed %s durable effect %llu", before ? "before" : "after",
        (unsigned long long)point);
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, before ? "crash point before" : "crash point after");
    sim->result->faults++;
    process->dying = true;
    return before;
}

static void env_execute(struct weir_env *env, const struct weir_effect *effect)
{
    struct weir_sim_process *process = of(env);
    bool durable = is_durable(effect);
    if (!effect_survives(process, durable) || (durable && dies_at_point(process))) return;
    if ((size_t)effect->kind < WEIR_ARRAY_COUNT(effect_names))
        weir_sim_cover(process->sim, WEIR_SIM_COVER_EFFECT, effect_names[effect->kind]);
    struct weir_sim_process *peer;
    switch (effect->kind) {
    case WEIR_EFFECT_TIMER: timer_set(process, &effect->tag, effect->at_us); break;
    case WEIR_EFFECT_CONNECT:
        peer = peer_of(process, effect->node);
        if (peer) weir_sim_network_connect(process, peer);
        break;
    case WEIR_EFFECT_DISCONNECT:
        peer = peer_of(process, effect->node);
        if (peer) weir_sim_network_disconnect(process, peer);
        break;
    case WEIR_EFFECT_STORE: weir_sim_store_execute(process, effect); break;
    case WEIR_EFFECT_STORE_WATCH: weir_sim_store_watch(process, effect->text); break;
    case WEIR_EFFECT_BLOB: weir_sim_blob_execute(process, effect); break;
    case WEIR_EFFECT_TASK: weir_sim_process_task(process, &effect->task); break;
    case WEIR_EFFECT_WORKER: weir_sim_worker_execute(process, effect); break;
    case WEIR_EFFECT_LOG: trace_log(process, effect); break;
    case WEIR_EFFECT_EXIT:
        weir_sim_trace(process->sim, process, "exits with %d: %s", effect->exit_code, effect->text);
        process->shut_down = effect->exit_code == 0;
        process->dying = true;
        break;
    default: break;
    }
}

static void env_send(struct weir_env *env, weir_node node, const uint8_t *bytes, size_t length)
{
    struct weir_sim_process *process = of(env);
    if (!effect_survives(process, false)) return;
    struct weir_sim_process *peer = peer_of(process, node);
    if (peer) weir_sim_network_send(process, peer, bytes, length);
}

/* --- life --- */

struct weir_sim_process *weir_sim_process_add(struct weir_sim *sim, enum weir_sim_process_kind kind,
    const char *name, uint32_t host, const struct weir_sim_program *program)
{
    WEIR_ASSERT(sim->process_count < WEIR_SIM_PROCESSES_MAX && host < WEIR_SIM_HOSTS_MAX);
    struct weir_sim_process *process = &sim->processes[sim->process_count];
    *process = (struct weir_sim_process){
        .env = { .now_us = env_now,
            .wall_us = env_wall,
            .random = env_random,
            .execute = env_execute,
            .send = env_send,
            .alive = env_alive },
        .sim = sim,
        .index = sim->process_count++,
        .host = host,
        .kind = kind,
        .program = program,
        .effects_until_crash = -1,
        .restart_wanted = true,
    };
    snprintf(process->name, sizeof process->name, "%s", name);
    snprintf(process->address, sizeof process->address, "%s:6123", name);
    snprintf(process->host_name, sizeof process->host_name, "host-%u", host);
    process->random = weir_sim_stream(sim, WEIR_SIM_STREAM_PROCESS + 1000u * (process->index + 1u));
    return process;
}

struct weir_sim_process *weir_sim_process_find(struct weir_sim *sim, const char *name)
{
    for (uint32_t i = 0; i < sim->process_count; i++)
        if (strcmp(sim->processes[i].name, name) == 0) return &sim->processes[i];
    return NULL;
}

weir_node weir_sim_process_node(struct weir_sim_process *process, const struct weir_sim_process *other)
{
    return weir_nodes_intern(process->program->nodes(process->self), other->name);
}

void weir_sim_process_schedule(struct weir_sim_process *process, int64_t at_us, weir_sim_function function,
    uint64_t number, void *payload, size_t payload_bytes)
{
    weir_sim_schedule(&process->sim->scheduler, (struct weir_sim_item){ .at_us = at_us,
                                                    .function = function,
                                                    .owner = process,
                                                    .number = number,
                                                    .process = process->index,
                                                    .start = process->start,
                                                    .payload = payload,
                                                    .payload_bytes = payload_bytes });
}

static void reset_for_start(struct weir_sim_process *process)
{
    process->state = WEIR_SIM_RUNNING;
    process->dying = false;
    process->starts++;
    process->effects_until_crash = -1;
    process->timers = NULL;
    process->timer_count = process->timer_capacity = process->timer_free = 0;
    memset(process->timer_buckets, 0, sizeof process->timer_buckets);
    process->incarnation = weir_sim_random_next(&process->random) >> 1 | 1;
    process->monotonic_base_us = weir_sim_random_range(&process->random, 1000000, 1000000000);
    process->started_us = weir_sim_now(process->sim);
    weir_sim_heap_init(&process->heap, &process->sim->heap.base);
    process->filesystem =
        process->kind == WEIR_SIM_CLIENT ? NULL : weir_sim_filesystem_view(process->sim->shared_disk);
}

static void start_now(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    if (process->state != WEIR_SIM_DOWN) return;
    struct weir_sim *sim = process->sim;
    reset_for_start(process);
    weir_sim_trace(sim, process, "starts (incarnation %llx)", (unsigned long long)process->incarnation);
    sim->network.host_down[process->host] = false;
    WEIR_SIM_CHECK(sim, process_started, process);
    process->depth++;
    weir_sim_store_process_started(&sim->store, process);
    weir_sim_process_runtime_start(process);
    process->program->start(process);
    process->depth--;
    if (process->dying) weir_sim_process_kill(process, "ended while starting", false);
}

void weir_sim_process_start(struct weir_sim_process *process, int64_t after_us)
{
    weir_sim_schedule(
        &process->sim->scheduler, (struct weir_sim_item){ .at_us = weir_sim_now(process->sim) + after_us,
                                      .function = start_now,
                                      .owner = process,
                                      .process = WEIR_SIM_PROCESS_NONE });
}

static void drop_deferred(struct weir_sim_process *process)
{
    for (uint32_t i = 0; i < process->deferred_count; i++)
        weir_sim_item_drop(&process->sim->scheduler, &process->deferred[i]);
    process->deferred_count = 0;
}

static void died_event(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    const uint64_t *incarnation = (const uint64_t *)payload;
    struct weir_event event = { .kind = WEIR_EVENT_PROCESS_DIED,
        .from = weir_sim_process_node(process, &process->sim->processes[number]),
        .from_incarnation = *incarnation };
    weir_sim_process_event(process, &event);
}

/* Whoever runs on the same host holds its pidfd. */
static void tell_same_host(struct weir_sim_process *process)
{
    struct weir_sim *sim = process->sim;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_process *other = &sim->processes[i];
        if (other == process || other->host != process->host || !weir_sim_process_is_up(other) ||
            other->kind == WEIR_SIM_CLIENT)
            continue;
        uint64_t *incarnation = (uint64_t *)weir_sim_payload(&sim->scheduler, sizeof *incarnation);
        *incarnation = process->incarnation;
        weir_sim_process_schedule(other,
            weir_sim_now(sim) + weir_sim_random_range(&sim->process_random, 20, 2000), died_event,
            process->index, incarnation, sizeof *incarnation);
    }
}

void weir_sim_process_kill(struct weir_sim_process *process, const char *why, bool silently)
{
    struct weir_sim *sim = process->sim;
    if (process->state == WEIR_SIM_DOWN) return;
    if (process->depth > 0) {
        process->dying = true;
        return;
    }
    weir_sim_trace(sim, process, "is gone: %s", why);
    process->state = WEIR_SIM_DOWN;
    process->dying = false;
    process->start++;
    drop_deferred(process);
    WEIR_SIM_CHECK(sim, process_ended, process);
    if (process->filesystem) weir_sim_filesystem_view_kill(process->filesystem);
    if (process->local.filesystem) weir_sim_filesystem_view_kill(process->local.filesystem);
    weir_sim_process_runtime_kill(process);
    if (process->local.filesystem) weir_sim_filesystem_view_free(process->local.filesystem);
    process->local.filesystem = NULL;
    if (process->filesystem) weir_sim_filesystem_view_free(process->filesystem);
    process->filesystem = NULL;
    process->self = NULL;
    process->actor = NULL;
    weir_sim_heap_done(&process->heap);
    weir_sim_network_process_ended(&sim->network, process->index, silently);
    weir_sim_store_process_ended(&sim->store, process);
    if (!silently) tell_same_host(process);
    if (process->worker) weir_sim_worker_ended(process);
    bool ended = process->shut_down && !weir_sim_has(sim, WEIR_SIM_end_cluster);
    if (process->restart_wanted && !ended)
        weir_sim_process_start(process, weir_sim_random_scale(&sim->process_random, 20000, 3000000));
}

/* --- pauses --- */

static void resume_item(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    if (process->start == (uint32_t)number) weir_sim_process_resume(process);
}

void weir_sim_process_pause(struct weir_sim_process *process, int64_t for_us)
{
    if (process->state != WEIR_SIM_RUNNING) return;
    weir_sim_trace(process->sim, process, "stops for %lld ms", (long long)for_us / 1000);
    process->state = WEIR_SIM_PAUSED;
    weir_sim_store_link_changed(&process->sim->store, process->index);
    weir_sim_schedule(
        &process->sim->scheduler, (struct weir_sim_item){ .at_us = weir_sim_now(process->sim) + for_us,
                                      .function = resume_item,
                                      .owner = process,
                                      .number = process->start,
                                      .process = WEIR_SIM_PROCESS_NONE });
}

void weir_sim_process_resume(struct weir_sim_process *process)
{
    if (process->state != WEIR_SIM_PAUSED) return;
    weir_sim_trace(process->sim, process, "goes on");
    process->state = WEIR_SIM_RUNNING;
    for (uint32_t i = 0; i < process->deferred_count; i++) {
        process->deferred[i].at_us = weir_sim_now(process->sim);
        weir_sim_schedule(&process->sim->scheduler, process->deferred[i]);
    }
    process->deferred_count = 0;
    weir_sim_store_link_changed(&process->sim->store, process->index);
}

static void defer(struct weir_sim_process *process, const struct weir_sim_item *item)
{
    if (process->deferred_count == process->deferred_capacity) {
        uint32_t capacity = process->deferred_capacity ? process->deferred_capacity * 2 : 64;
        WEIR_ASSERT(capacity <= WEIR_SIM_ITEMS_MAX);
        process->deferred = (struct weir_sim_item *)weir_memory_reallocate(process->sim->memory,
            process->deferred, sizeof *item * process->deferred_capacity, sizeof *item * capacity);
        process->deferred_capacity = capacity;
    }
    process->deferred[process->deferred_count++] = *item;
}

void weir_sim_process_item(struct weir_sim_process *process, struct weir_sim_item *item)
{
    if (item->start != process->start || process->state == WEIR_SIM_DOWN) {
        weir_sim_item_drop(&process->sim->scheduler, item);
        return;
    }
    if (process->state == WEIR_SIM_PAUSED) {
        defer(process, item);
        return;
    }
    process->depth++;
    item->function(item->owner, item->payload, item->number);
    process->depth--;
    weir_sim_item_drop(&process->sim->scheduler, item);
    if (process->dying) weir_sim_process_kill(process, "killed", false);
}

void weir_sim_process_event(struct weir_sim_process *process, struct weir_event *event)
{
    WEIR_ASSERT(process->state == WEIR_SIM_RUNNING && process->depth > 0);
    if (process->dying || !process->self) return;
    process->sim->result->steps++;
    process->program->event(process->self, event);
}

void weir_sim_processes_done(struct weir_sim *sim)
{
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_process *process = &sim->processes[i];
        process->restart_wanted = false;
        weir_sim_process_kill(process, "the history is over", true);
        weir_memory_release(
            sim->memory, process->deferred, sizeof *process->deferred * process->deferred_capacity);
        process->deferred = NULL;
    }
}
