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

void taskmanagers__add_stray(
    struct weir_jobmaster *jm, const struct weir_attempt_id *attempt, uint32_t taskmanager)
{
    for (uint32_t i = 0; i < jm->stray_count; i++)
        if (weir_attempt_id_equal(&jm->strays[i].attempt, attempt)) return;
    if (jm->stray_count >= JOBMASTER_STRAYS_MAX) return; /* it is cancelled, just not waited for */
    if (jm->stray_count == jm->stray_capacity)
        jm->strays =
            grow(jm->memory, jm->strays, &jm->stray_capacity, jm->stray_count + 1, sizeof *jm->strays);
    uint32_t region = GRAPH_NONE;
    if (jm->graph_ready) {
        uint32_t subtask = graph__find_subtask(&jm->graph, attempt->vertex, attempt->subtask);
        uint32_t vertex = graph__find_vertex(&jm->graph, attempt->vertex);
        /* Of a wider generation: some region of the vertex waits for it. */
        if (subtask == GRAPH_NONE && vertex != GRAPH_NONE) subtask = jm->graph.vertices[vertex].first;
        if (subtask != GRAPH_NONE) region = jm->graph.subtasks[subtask].region;
    }
    if (region != GRAPH_NONE) jm->graph.regions[region].strays++;
    jm->strays[jm->stray_count++] = (struct jobmaster_stray){
        .attempt = *attempt, .taskmanager = taskmanager, .region = region, .report_mark = jm->report_mark
    };
}

static void drop_at(struct weir_jobmaster *jm, uint32_t at)
{
    uint32_t region = jm->strays[at].region;
    jm->strays[at] = jm->strays[--jm->stray_count];
    jm->progress++;
    jm->scan = true;
    if (region == GRAPH_NONE) return;
    jm->graph.regions[region].strays--;
    deploy__region_progress(jm, region);
}

void taskmanagers__drop_stray(struct weir_jobmaster *jm, const struct weir_attempt_id *attempt)
{
    for (uint32_t i = 0; i < jm->stray_count; i++) {
        if (!weir_attempt_id_equal(&jm->strays[i].attempt, attempt)) continue;
        drop_at(jm, i);
        return;
    }
}

void taskmanagers__drop_strays_of(struct weir_jobmaster *jm, uint32_t taskmanager)
{
    for (uint32_t i = jm->stray_count; i-- > 0;)
        if (jm->strays[i].taskmanager == taskmanager) drop_at(jm, i);
}

void taskmanagers__strays_rebind(struct weir_jobmaster *jm)
{
    uint32_t count = jm->stray_count;
    jm->stray_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct jobmaster_stray stray = jm->strays[i];
        taskmanagers__add_stray(jm, &stray.attempt, stray.taskmanager);
    }
}
