/*
 * The TaskManagers that this job has heard of; what is to be cancelled and forgotten there, collected so that
 * one message for each goes out; and strays: attempts of other runs that may still hold slots (H11).
 */
#include "control/jobmaster/internal.h"
#include "base/assert.h"
#include <string.h>

uint32_t taskmanagers__find(const struct weir_jobmaster *jm, weir_node node)
{
    return node < jm->node_capacity ? jm->taskmanager_of_node[node] : GRAPH_NONE;
}

static void *grow(struct weir_memory *memory, void *items, uint32_t *capacity, uint32_t needed, size_t size)
{
    uint32_t bigger = WEIR_MAX(WEIR_MAX(needed, *capacity * 2), 16u);
    items = weir_memory_reallocate(memory, items, size * *capacity, size * bigger);
    *capacity = bigger;
    return items;
}

uint32_t taskmanagers__get(struct weir_jobmaster *jm, weir_node node)
{
    WEIR_ASSERT(node && node <= WEIR_NODES_MAX);
    uint32_t known = taskmanagers__find(jm, node);
    if (known != GRAPH_NONE) return known;
    if (node >= jm->node_capacity) {
        uint32_t before = jm->node_capacity;
        jm->taskmanager_of_node =
            grow(jm->memory, jm->taskmanager_of_node, &jm->node_capacity, node + 1, sizeof(uint32_t));
        for (uint32_t i = before; i < jm->node_capacity; i++) jm->taskmanager_of_node[i] = GRAPH_NONE;
    }
    if (jm->taskmanager_count == jm->taskmanager_capacity)
        jm->taskmanagers = grow(jm->memory, jm->taskmanagers, &jm->taskmanager_capacity,
            jm->taskmanager_count + 1, sizeof *jm->taskmanagers);
    struct jobmaster_taskmanager *taskmanager = weir_memory_allocate_zeroed(jm->memory, sizeof *taskmanager);
    taskmanager->node = node;
    weir_arena_init(&taskmanager->report_arena, jm->memory);
    taskmanager->report_arena.block_bytes = 1024;
    jm->taskmanagers[jm->taskmanager_count] = taskmanager;
    jm->taskmanager_of_node[node] = jm->taskmanager_count;
    return jm->taskmanager_count++;
}

void taskmanagers__free(struct weir_jobmaster *jm)
{
    for (uint32_t i = 0; i < jm->taskmanager_count; i++) {
        struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[i];
        weir_memory_release(jm->memory, taskmanager->data_address, taskmanager->data_address_bytes);
        weir_arena_done(&taskmanager->report_arena);
        weir_memory_release(jm->memory, taskmanager, sizeof *taskmanager);
    }
    weir_memory_release(jm->memory, jm->taskmanagers, sizeof *jm->taskmanagers * jm->taskmanager_capacity);
    weir_memory_release(jm->memory, jm->taskmanager_of_node, sizeof(uint32_t) * jm->node_capacity);
    weir_memory_release(jm->memory, jm->outbox, sizeof(uint32_t) * jm->outbox_capacity);
    weir_memory_release(jm->memory, jm->strays, sizeof *jm->strays * jm->stray_capacity);
    weir_memory_release(jm->memory, jm->stray_buckets, sizeof(uint32_t) * jm->stray_bucket_count);
}

void taskmanagers__set_address(struct weir_jobmaster *jm, uint32_t at, const char *address)
{
    struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[at];
    if (taskmanager->data_address && strcmp(taskmanager->data_address, address) == 0) return;
    weir_memory_release(jm->memory, taskmanager->data_address, taskmanager->data_address_bytes);
    taskmanager->data_address_bytes = strlen(address) + 1;
    taskmanager->data_address = weir_memory_allocate(jm->memory, taskmanager->data_address_bytes);
    memcpy(taskmanager->data_address, address, taskmanager->data_address_bytes);
}

/* ---------------------------------------------------------------- outbox */

static struct outbox_item *outbox_item(
    struct weir_jobmaster *jm, uint32_t at, const struct weir_attempt_id *attempt, struct outbox_item *next)
{
    struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[at];
    if (!taskmanager->in_outbox) {
        if (jm->outbox_count == jm->outbox_capacity)
            jm->outbox =
                grow(jm->memory, jm->outbox, &jm->outbox_capacity, jm->outbox_count + 1, sizeof(uint32_t));
        jm->outbox[jm->outbox_count++] = at;
        taskmanager->in_outbox = true;
    }
    struct outbox_item *item = weir_arena_allocate(&jm->outbox_arena, sizeof *item);
    *item = (struct outbox_item){ next, *attempt };
    return item;
}

void taskmanagers__cancel(struct weir_jobmaster *jm, uint32_t at, const struct weir_attempt_id *attempt)
{
    struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[at];
    if (taskmanager->lost) return;
    taskmanager->cancels = outbox_item(jm, at, attempt, taskmanager->cancels);
}

void taskmanagers__forget(struct weir_jobmaster *jm, uint32_t at, const struct weir_attempt_id *attempt)
{
    struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[at];
    if (taskmanager->lost) return;
    taskmanager->forgets = outbox_item(jm, at, attempt, taskmanager->forgets);
}

static Weir__AttemptId **attempts_of(
    const struct outbox_item *items, struct weir_arena *arena, size_t *ret_count)
{
    size_t count = 0;
    for (const struct outbox_item *item = items; item; item = item->next) count++;
    Weir__AttemptId **attempts = WEIR_ARENA_ARRAY(arena, Weir__AttemptId *, count);
    *ret_count = count;
    for (const struct outbox_item *item = items; item; item = item->next)
        attempts[--count] = weir_attempt_id_to(arena, &item->attempt); /* in the order they were asked for */
    return attempts;
}

static void flush_one(
    struct weir_jobmaster *jm, struct jobmaster_taskmanager *taskmanager, struct weir_effects *effects)
{
    if (taskmanager->cancels && !taskmanager->lost) {
        Weir__CancelTasks *message = WEIR_PROTO_NEW(effects->arena, Weir__CancelTasks, weir__cancel_tasks);
        message->attempts = attempts_of(taskmanager->cancels, effects->arena, &message->n_attempts);
        weir_effect_send(effects, taskmanager->node, WEIR_ROLE_TASKEXECUTOR, &jm->job, 0,
            WEIR__ENVELOPE__BODY_CANCEL_TASKS, message);
    }
    if (taskmanager->forgets && !taskmanager->lost) {
        Weir__ForgetAttempts *message =
            WEIR_PROTO_NEW(effects->arena, Weir__ForgetAttempts, weir__forget_attempts);
        message->attempts = attempts_of(taskmanager->forgets, effects->arena, &message->n_attempts);
        weir_effect_send(effects, taskmanager->node, WEIR_ROLE_TASKEXECUTOR, &jm->job, 0,
            WEIR__ENVELOPE__BODY_FORGET, message);
    }
    taskmanager->cancels = taskmanager->forgets = NULL;
    taskmanager->in_outbox = false;
}

void taskmanagers__flush(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->outbox_count) return;
    while (jm->outbox_count) {
        if (effects->count + 2 > WEIR_EFFECTS_MAX - 64) {
            effects->more = true;
            return;
        }
        flush_one(jm, jm->taskmanagers[jm->outbox[--jm->outbox_count]], effects);
    }
    weir_arena_reset(&jm->outbox_arena);
}

/* ---------------------------------------------------------------- strays */

static uint32_t *bucket_of(struct weir_jobmaster *jm, const struct weir_attempt_id *attempt)
{
    uint64_t hash = ((uint64_t)attempt->vertex << 32 | attempt->subtask) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ attempt->epoch << 20 ^ attempt->number) * 0xff51afd7ed558ccdu;
    return &jm->stray_buckets[(hash >> 32) & (jm->stray_bucket_count - 1)];
}

struct jobmaster_stray *taskmanagers__find_stray(
    struct weir_jobmaster *jm, const struct weir_attempt_id *attempt)
{
    if (!jm->stray_count) return NULL;
    for (uint32_t at = *bucket_of(jm, attempt); at != GRAPH_NONE; at = jm->strays[at].next)
        if (weir_attempt_id_equal(&jm->strays[at].attempt, attempt)) return &jm->strays[at];
    return NULL;
}

static void grow_strays(struct weir_jobmaster *jm)
{
    uint32_t before = jm->stray_capacity;
    jm->strays = grow(jm->memory, jm->strays, &jm->stray_capacity, before + 1, sizeof *jm->strays);
    for (uint32_t i = jm->stray_capacity; i-- > before;) {
        jm->strays[i].used = false;
        jm->strays[i].next = jm->stray_free;
        jm->stray_free = i;
    }
    uint32_t buckets = jm->stray_bucket_count ? jm->stray_bucket_count : 16;
    while (buckets < jm->stray_capacity) buckets *= 2;
    jm->stray_buckets = weir_memory_reallocate(
        jm->memory, jm->stray_buckets, sizeof(uint32_t) * jm->stray_bucket_count, sizeof(uint32_t) * buckets);
    jm->stray_bucket_count = buckets;
    for (uint32_t i = 0; i < buckets; i++) jm->stray_buckets[i] = GRAPH_NONE;
    for (uint32_t i = 0; i < before; i++) {
        uint32_t *bucket = bucket_of(jm, &jm->strays[i].attempt);
        jm->strays[i].next = *bucket;
        *bucket = i;
    }
}

/* The region that waits until it is gone. Of a wider generation: some region of its vertex. */
static uint32_t region_of_stray(const struct weir_jobmaster *jm, const struct weir_attempt_id *attempt)
{
    if (!jm->graph_ready) return GRAPH_NONE;
    uint32_t subtask = graph__find_subtask(&jm->graph, attempt->vertex, attempt->subtask);
    uint32_t vertex = graph__find_vertex(&jm->graph, attempt->vertex);
    if (subtask == GRAPH_NONE && vertex != GRAPH_NONE) subtask = jm->graph.vertices[vertex].first;
    return subtask == GRAPH_NONE ? GRAPH_NONE : jm->graph.subtasks[subtask].region;
}

void taskmanagers__add_stray(
    struct weir_jobmaster *jm, const struct weir_attempt_id *attempt, uint32_t taskmanager)
{
    if (taskmanagers__find_stray(jm, attempt)) return;
    if (jm->stray_count >= JOBMASTER_STRAYS_MAX) return; /* it is cancelled, just not waited for */
    if (!jm->stray_capacity) jm->stray_free = GRAPH_NONE;
    if (jm->stray_free == GRAPH_NONE) grow_strays(jm);
    uint32_t at = jm->stray_free;
    jm->stray_free = jm->strays[at].next;
    uint32_t *bucket = bucket_of(jm, attempt);
    jm->strays[at] = (struct jobmaster_stray){ .used = true,
        .next = *bucket,
        .attempt = *attempt,
        .taskmanager = taskmanager,
        .region = region_of_stray(jm, attempt),
        .report_mark = jm->report_mark };
    *bucket = at;
    jm->stray_count++;
    if (jm->strays[at].region != GRAPH_NONE) jm->graph.regions[jm->strays[at].region].strays++;
}

static void drop(struct weir_jobmaster *jm, struct jobmaster_stray *stray)
{
    uint32_t at = (uint32_t)(stray - jm->strays), region = stray->region;
    uint32_t *link = bucket_of(jm, &stray->attempt);
    while (*link != at) link = &jm->strays[*link].next;
    *link = stray->next;
    stray->used = false;
    stray->next = jm->stray_free;
    jm->stray_free = at;
    jm->stray_count--;
    jm->progress++;
    jm->scan = true;
    if (region == GRAPH_NONE) return;
    jm->graph.regions[region].strays--;
    deploy__region_progress(jm, region);
}

void taskmanagers__drop_stray(struct weir_jobmaster *jm, const struct weir_attempt_id *attempt)
{
    struct jobmaster_stray *stray = taskmanagers__find_stray(jm, attempt);
    if (stray) drop(jm, stray);
}

void taskmanagers__drop_strays_of(struct weir_jobmaster *jm, uint32_t taskmanager, uint64_t older_than)
{
    for (uint32_t i = 0; jm->stray_count && i < jm->stray_capacity; i++) {
        struct jobmaster_stray *stray = &jm->strays[i];
        if (!stray->used || stray->taskmanager != taskmanager || stray->report_mark >= older_than) continue;
        if (older_than == UINT64_MAX && stray->region != GRAPH_NONE)
            jm->graph.regions[stray->region].unseen = true; /* lost, not ended */
        drop(jm, stray);
    }
}

void taskmanagers__strays_rebind(struct weir_jobmaster *jm)
{
    for (uint32_t i = 0; jm->stray_count && i < jm->stray_capacity; i++) {
        struct jobmaster_stray *stray = &jm->strays[i];
        if (!stray->used) continue;
        stray->region = region_of_stray(jm, &stray->attempt);
        if (stray->region != GRAPH_NONE) jm->graph.regions[stray->region].strays++;
    }
}
