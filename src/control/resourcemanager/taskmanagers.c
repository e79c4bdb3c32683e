/* TaskManagers: their connections, their reports, their loss. */
#include "base/assert.h"
#include "control/resourcemanager/internal.h"
#include <string.h>

static char *text_copy(struct weir_memory *memory, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = weir_memory_allocate(memory, bytes);
    memcpy(copy, text, bytes);
    return copy;
}

static void text_set(struct weir_memory *memory, char **text, const char *value)
{
    if (*text && strcmp(*text, value) == 0) return;
    if (*text) weir_memory_release(memory, *text, strlen(*text) + 1);
    *text = text_copy(memory, value);
}

/* ---------------------------------------------------------------- the table */

struct rm__taskmanager *rm__taskmanager_find(struct weir_resourcemanager *rm, weir_node node)
{
    uint32_t at = node < rm->node_capacity ? rm->taskmanager_of_node[node] : 0;
    return at ? rm->taskmanagers[at - 1] : NULL;
}

struct rm__taskmanager *rm__taskmanager_get(struct weir_resourcemanager *rm, weir_node node)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, node);
    if (taskmanager) return taskmanager;
    WEIR_ASSERT(node && node <= WEIR_NODES_MAX);
    if (node >= rm->node_capacity) {
        uint32_t capacity = WEIR_MAX(node + 1, rm->node_capacity * 2), old = rm->node_capacity;
        rm->taskmanager_of_node = weir_memory_reallocate(
            rm->memory, rm->taskmanager_of_node, sizeof(uint32_t) * old, sizeof(uint32_t) * capacity);
        memset(rm->taskmanager_of_node + old, 0, sizeof(uint32_t) * (capacity - old));
        rm->node_capacity = capacity;
    }
    if (rm->taskmanager_count == rm->taskmanager_capacity) {
        uint32_t capacity = rm->taskmanager_capacity ? rm->taskmanager_capacity * 2 : 16;
        rm->taskmanagers = weir_memory_reallocate(rm->memory, rm->taskmanagers,
            sizeof *rm->taskmanagers * rm->taskmanager_capacity, sizeof *rm->taskmanagers * capacity);
        rm->taskmanager_capacity = capacity;
    }
    taskmanager = weir_memory_allocate_zeroed(rm->memory, sizeof *taskmanager);
    taskmanager->node = node;
    taskmanager->index = rm->taskmanager_count;
    taskmanager->probe_at_us = taskmanager->idle_since_us = INT64_MAX;
    weir_arena_init(&taskmanager->report_arena, rm->memory);
    taskmanager->report_arena.block_bytes = 1024;
    rm->taskmanagers[rm->taskmanager_count++] = taskmanager;
    rm->taskmanager_of_node[node] = rm->taskmanager_count;
    return taskmanager;
}

void rm__taskmanagers_forget(struct weir_resourcemanager *rm)
{
    for (uint32_t i = 0; i < rm->taskmanager_count; i++) {
        struct rm__taskmanager *taskmanager = rm->taskmanagers[i];
        rm__slots_drop(rm, taskmanager);
        taskmanager->registered = taskmanager->stopping = false;
        taskmanager->reported_count = 0;
        taskmanager->generation = 0;
        taskmanager->group = NULL;
        taskmanager->idle_since_us = INT64_MAX;
        /* Not freed: messages of this turn may still point into it. */
        weir_arena_reset(&taskmanager->report_arena);
    }
    WEIR_ASSERT(!rm->slot_total && !rm->free_total && !rm->blocked_total);
    rm->registered_count = 0;
}

void rm__taskmanagers_free(struct weir_resourcemanager *rm)
{
    rm__taskmanagers_forget(rm);
    for (uint32_t i = 0; i < rm->taskmanager_count; i++) {
        struct rm__taskmanager *taskmanager = rm->taskmanagers[i];
        weir_arena_done(&taskmanager->report_arena);
        char *texts[] = { taskmanager->data_address, taskmanager->rpc_address, taskmanager->rest_address };
        for (uint32_t j = 0; j < WEIR_ARRAY_COUNT(texts); j++)
            if (texts[j]) weir_memory_release(rm->memory, texts[j], strlen(texts[j]) + 1);
        weir_memory_release(rm->memory, taskmanager->reported,
            sizeof *taskmanager->reported * taskmanager->reported_capacity);
        weir_memory_release(rm->memory, taskmanager, sizeof *taskmanager);
    }
    weir_memory_release(rm->memory, rm->taskmanagers, sizeof *rm->taskmanagers * rm->taskmanager_capacity);
    weir_memory_release(rm->memory, rm->taskmanager_of_node, sizeof(uint32_t) * rm->node_capacity);
}

void rm__heard(struct weir_resourcemanager *rm, weir_node node, uint64_t incarnation)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, node);
    if (taskmanager && taskmanager->registered && taskmanager->incarnation == incarnation)
        taskmanager->heard_us = rm->own_us;
}

/* ---------------------------------------------------------------- loss */

/* Everybody who has something there hears of it once: holders of slots, and whose attempts it reported. */
static void tell_all_lost(struct weir_resourcemanager *rm, const struct rm__taskmanager *taskmanager,
    const char *reason, struct weir_effects *effects)
{
    uint64_t mark = ++rm->marks;
    for (uint32_t i = 0; i < taskmanager->slot_count; i++) {
        if (taskmanager->slots[i].state != RM__SLOT_HELD) continue;
        struct rm__job *job = rm__job(rm, taskmanager->slots[i].job);
        if (job->registered && job->mark != mark) rm__tell_lost(rm, job, taskmanager, reason, effects);
        job->mark = mark;
    }
    for (uint32_t i = 0; i < taskmanager->reported_count; i++) {
        struct rm__job *job = rm__job_find(rm, &taskmanager->reported[i]);
        if (job && job->registered && job->mark != mark) rm__tell_lost(rm, job, taskmanager, reason, effects);
        if (job) job->mark = mark;
    }
}

static void drop_if_empty(struct weir_resourcemanager *rm, struct rm__job *job)
{
    if (!job->registered && !job->slot_count && rm->recovered) rm__job_drop(rm, job);
}

void rm__taskmanager_lose(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    const char *reason, struct weir_effects *effects)
{
    if (!taskmanager->registered) return;
    weir_effect_log(effects, WEIR_CONTROL_WARN, "TaskManager '%s' is lost: %s.",
        weir_nodes_name(rm->nodes, taskmanager->node), reason);
    tell_all_lost(rm, taskmanager, reason, effects);
    for (uint32_t i = 0; i < taskmanager->slot_count; i++) {
        if (taskmanager->slots[i].state != RM__SLOT_HELD) continue;
        struct rm__job *job = rm__job(rm, taskmanager->slots[i].job);
        rm__slot_take_back(rm, taskmanager, i);
        drop_if_empty(rm, job);
    }
    rm__slots_drop(rm, taskmanager);
    taskmanager->registered = taskmanager->stopping = false;
    taskmanager->reported_count = 0;
    taskmanager->generation = 0; /* what was kept of its report is void */
    taskmanager->idle_since_us = INT64_MAX;
    rm__worker_lost(rm, taskmanager, effects);
    rm->registered_count--;
}

/* ---------------------------------------------------------------- connections */

static bool is_superseded(const struct rm__taskmanager *taskmanager, uint64_t incarnation)
{
    for (uint32_t i = 0; i < RM__SUPERSEDED_MAX; i++)
        if (taskmanager->superseded[i] == incarnation) return true;
    return false;
}

void rm__taskmanager_set_address(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, const char *rpc_address)
{
    text_set(rm->memory, &taskmanager->rpc_address, rpc_address);
}

void rm__taskmanager_probe(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    int64_t at_us, struct weir_effects *effects)
{
    if (!taskmanager->rpc_address || !taskmanager->rpc_address[0]) return;
    taskmanager->probe_at_us = at_us;
    struct weir_tag tag = { .role = WEIR_ROLE_RESOURCEMANAGER, .kind = RM__TAG_PROBE };
    weir_effect_timer(effects, tag, at_us);
}

static void on_up(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint64_t incarnation,
    struct weir_effects *effects)
{
    taskmanager->up = true;
    taskmanager->connection_incarnation = incarnation;
    taskmanager->reset = taskmanager->gone = taskmanager->dialled = false;
    taskmanager->probe_at_us = INT64_MAX;
    taskmanager->greeted = incarnation;
    rm__await(rm, taskmanager);
    if (!taskmanager->registered || taskmanager->incarnation == incarnation) return;
    if (is_superseded(taskmanager, incarnation)) return;
    rm__taskmanager_lose(rm, taskmanager, "another process of its name has connected", effects);
}

void rm__on_connection(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, event->from);
    if (!taskmanager) return; /* it becomes known by its report */
    if (event->connection == WEIR_CONNECTION_UP) {
        on_up(rm, taskmanager, event->from_incarnation, effects);
        return;
    }
    taskmanager->up = false;
    if (event->connection == WEIR_CONNECTION_RESET) {
        taskmanager->reset = true;
        taskmanager->down_us = rm->now_us;
        if (taskmanager->registered || rm__is_awaited(rm, taskmanager))
            rm__taskmanager_probe(rm, taskmanager, rm->now_us + RM__PROBE_DELAY_US, effects);
    } else if (event->connection == WEIR_CONNECTION_REFUSED && taskmanager->reset) {
        if (WEIR_PLANTED(taskmanager_never_lost)) return;
        taskmanager->gone = true;
        taskmanager->dialled = false;
        rm__taskmanager_lose(
            rm, taskmanager, "its connection broke and nobody listens at its address", effects);
        weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = taskmanager->node; /* it dials us */
    }
}

/* It did not come back by itself: whether anybody listens there decides. */
void rm__on_probe(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    int64_t next_us = INT64_MAX;
    for (uint32_t i = 0; i < rm->taskmanager_count; i++) {
        struct rm__taskmanager *taskmanager = rm->taskmanagers[i];
        if (taskmanager->probe_at_us == INT64_MAX) continue;
        if (taskmanager->probe_at_us > rm->now_us || effects->count >= RM__STEP_EFFECTS_MAX) {
            next_us = WEIR_MIN(next_us, WEIR_MAX(taskmanager->probe_at_us, rm->now_us + 1));
            continue;
        }
        taskmanager->probe_at_us = INT64_MAX;
        if (taskmanager->up || !(taskmanager->registered || rm__is_awaited(rm, taskmanager))) continue;
        taskmanager->dialled = true;
        struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_CONNECT);
        effect->node = taskmanager->node;
        effect->text = weir_arena_string(effects->arena, taskmanager->rpc_address);
    }
    struct weir_tag tag = { .role = WEIR_ROLE_RESOURCEMANAGER, .kind = RM__TAG_PROBE };
    if (next_us < INT64_MAX) weir_effect_timer(effects, tag, next_us);
}

void rm__on_process_died(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, event->from);
    if (!taskmanager) return;
    if (taskmanager->greeted == event->from_incarnation) taskmanager->gone = true;
    if (taskmanager->registered && taskmanager->incarnation == event->from_incarnation)
        rm__taskmanager_lose(rm, taskmanager, "its process has died", effects);
}

/* ---------------------------------------------------------------- deafness and idleness */

/* The connection is closed: it comes back with a report, or not at all. */
static void lose_deaf(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    const char *reason, struct weir_effects *effects)
{
    rm__taskmanager_lose(rm, taskmanager, reason, effects);
    weir_effect_add(effects, WEIR_EFFECT_DISCONNECT)->node = taskmanager->node;
    taskmanager->up = false;
}

void rm__on_heartbeat(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, event->from);
    const Weir__Heartbeat *heartbeat = event->envelope->heartbeat;
    if (!taskmanager || !taskmanager->registered || taskmanager->incarnation != event->from_incarnation)
        return;
    taskmanager->attempts = heartbeat->attempts;
    if (heartbeat->heard_ago_ms != UINT64_MAX &&
        heartbeat->heard_ago_ms > (uint64_t)rm->options->heartbeat_timeout_us / 1000)
        lose_deaf(
            rm, taskmanager, "it has not heard its leader for longer than the heartbeat timeout", effects);
}

static void unblock_due(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    for (uint32_t i = 0; i < taskmanager->slot_count && rm->blocked_total; i++)
        if (taskmanager->slots[i].state == RM__SLOT_BLOCKED && taskmanager->slots[i].until_us <= rm->now_us)
            rm__slot_unblock(rm, taskmanager, i);
}

static void scan_one(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, struct weir_effects *effects)
{
    if (rm->own_us - taskmanager->heard_us > rm->options->heartbeat_timeout_us) {
        lose_deaf(rm, taskmanager, "nothing came from it for longer than the heartbeat timeout", effects);
        return;
    }
    if (rm->blocked_total) unblock_due(rm, taskmanager);
    bool idle = !taskmanager->busy_count && !taskmanager->attempts;
    if (!idle)
        taskmanager->idle_since_us = INT64_MAX;
    else if (taskmanager->idle_since_us == INT64_MAX)
        taskmanager->idle_since_us = rm->own_us;
    else if (rm->own_us - taskmanager->idle_since_us >= rm->options->idle_taskmanager_us &&
             !taskmanager->stopping && !rm->missing_total && rm__is_spare_worker(rm, taskmanager))
        rm__worker_stop(rm, taskmanager, effects);
}

bool rm__scan(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->scanning) return true;
    for (; rm->scan_cursor < rm->taskmanager_count; rm->scan_cursor++) {
        if (effects->count >= RM__STEP_EFFECTS_MAX) return false;
        if (rm->taskmanagers[rm->scan_cursor]->registered)
            scan_one(rm, rm->taskmanagers[rm->scan_cursor], effects);
    }
    rm->scanning = false;
    return true;
}

/* ---------------------------------------------------------------- registration */

static void *grow(struct weir_arena *arena, void *items, uint32_t count, uint32_t *capacity, size_t bytes)
{
    if (count < *capacity) return items;
    *capacity = *capacity ? *capacity * 2 : 4;
    void *grown = weir_arena_allocate(arena, bytes * *capacity);
    if (count) memcpy(grown, items, bytes * count);
    return grown;
}

/* Where the part of a report that is this job's is collected: for a job that has yet to register it is kept.
 */
static struct rm__group *group_of(
    struct weir_resourcemanager *rm, struct rm__job *job, struct rm__taskmanager *taskmanager)
{
    if (job->group) return job->group;
    struct weir_arena *arena = job->registered ? &rm->telling_arena : &taskmanager->report_arena;
    struct rm__group *group = WEIR_ARENA_NEW(arena, struct rm__group);
    group->taskmanager = taskmanager->index;
    group->generation = taskmanager->generation;
    job->group = group;
    if (!job->registered) {
        group->next = job->kept;
        job->kept = group;
        taskmanager->has_kept = true;
    }
    return group;
}

static void remember_reported(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, const struct weir_job_id *id)
{
    if (taskmanager->reported_count == taskmanager->reported_capacity) {
        uint32_t old = taskmanager->reported_capacity, capacity = old ? old * 2 : 4;
        taskmanager->reported = weir_memory_reallocate(rm->memory, taskmanager->reported,
            sizeof *taskmanager->reported * old, sizeof *taskmanager->reported * capacity);
        taskmanager->reported_capacity = capacity;
    }
    taskmanager->reported[taskmanager->reported_count++] = *id;
}

static bool is_alive(Weir__ExecutionState state)
{
    return state != WEIR__EXECUTION_STATE__EXECUTION_FINISHED &&
           state != WEIR__EXECUTION_STATE__EXECUTION_CANCELED &&
           state != WEIR__EXECUTION_STATE__EXECUTION_FAILED;
}

static void take_attempt(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    struct rm__job *job, Weir__AttemptReport *report)
{
    bool first = !job->group;
    struct rm__group *group = group_of(rm, job, taskmanager);
    struct weir_arena *arena = job->registered ? &rm->telling_arena : &taskmanager->report_arena;
    if (first) remember_reported(rm, taskmanager, &job->id);
    group->attempts = grow(arena, group->attempts, group->attempt_count, &group->attempt_capacity,
        sizeof(Weir__AttemptReport *));
    group->attempts[group->attempt_count++] = WEIR_PROTO_COPY(arena, report);
    if (!is_alive(report->state) || report->slot >= taskmanager->slot_count) return;
    if (WEIR_PLANTED(two_attempts_in_slot)) return;
    if (taskmanager->slots[report->slot].state == RM__SLOT_FREE)
        rm__slot_give(rm, job, taskmanager, report->slot);
}

static void take_local_snapshot(
    struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, Weir__LocalSnapshot *local)
{
    struct weir_job_id id;
    weir_job_id_from(&local->job, &id);
    struct rm__job *job = rm__job_find(rm, &id);
    if (!job) return; /* of no job that runs there or has registered */
    struct rm__group *group = group_of(rm, job, taskmanager);
    struct weir_arena *arena = job->registered ? &rm->telling_arena : &taskmanager->report_arena;
    group->local_snapshots = grow(arena, group->local_snapshots, group->local_snapshot_count,
        &group->local_snapshot_capacity, sizeof(Weir__LocalSnapshot *));
    group->local_snapshots[group->local_snapshot_count++] = WEIR_PROTO_COPY(arena, local);
}

/* A new report takes the place of the old one, whose memory is used again. */
static void drop_kept(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    if (!taskmanager->has_kept) return;
    taskmanager->has_kept = false;
    for (uint32_t i = 0; i < rm->job_count; i++) {
        struct rm__group **link = &rm__job(rm, i)->kept;
        while (*link) {
            if ((*link)->taskmanager == taskmanager->index)
                *link = (*link)->next;
            else
                link = &(*link)->next;
        }
    }
}

static void take_report(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    const Weir__TaskManagerReport *report, struct weir_effects *effects)
{
    drop_kept(rm, taskmanager);
    struct rm__strays strays = { 0 };
    weir_arena_reset(&rm->telling_arena);
    weir_arena_reset(&taskmanager->report_arena);
    taskmanager->generation = ++rm->generations;
    taskmanager->reported_count = 0;
    taskmanager->attempts = (uint32_t)report->n_attempts;
    for (size_t i = 0; i < report->n_attempts; i++) {
        struct weir_job_id id;
        weir_job_id_from(&report->attempts[i]->attempt->job, &id);
        const struct rm__job *known = rm__job_find(rm, &id);
        if (rm->recovered && (!known || !known->registered))
            rm__stray_add(&strays, rm, taskmanager, report->attempts[i], report->n_attempts, effects->arena);
        else
            take_attempt(rm, taskmanager, rm__job_get(rm, &id), report->attempts[i]);
    }
    for (size_t i = 0; i < report->n_local_snapshots; i++)
        take_local_snapshot(rm, taskmanager, report->local_snapshots[i]);
    rm__strays_send(&strays, taskmanager, effects);
    rm->telling_taskmanager = taskmanager->index + 1;
    rm->telling_taskmanager_cursor = 0;
}

static void answer(
    const struct rm__taskmanager *taskmanager, const char *refused, struct weir_effects *effects)
{
    Weir__ReportAccepted *accepted =
        WEIR_PROTO_NEW(effects->arena, Weir__ReportAccepted, weir__report_accepted);
    accepted->refused = weir_arena_string(effects->arena, refused);
    weir_effect_send(effects, taskmanager->node, WEIR_ROLE_TASKEXECUTOR, NULL, 0,
        WEIR__ENVELOPE__BODY_REPORT_ACCEPTED, accepted);
}

/* Slots of strays are counted anew by each report. */
static void forget_strays(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    for (uint32_t i = 0; i < taskmanager->slot_count; i++)
        if (taskmanager->slots[i].state == RM__SLOT_STRAY) rm__slot_unblock(rm, taskmanager, i);
}

static void make_known(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager,
    const Weir__TaskManagerReport *report, uint64_t incarnation, struct weir_effects *effects)
{
    uint32_t count = WEIR_MIN(report->slots, (uint32_t)RM__SLOTS_MAX);
    bool again = taskmanager->registered && count == taskmanager->slot_count;
    if (taskmanager->registered && !again)
        rm__taskmanager_lose(rm, taskmanager, "it reports another number of slots", effects);
    text_set(rm->memory, &taskmanager->data_address, report->node->data_address);
    text_set(rm->memory, &taskmanager->rpc_address, report->node->rpc_address);
    text_set(rm->memory, &taskmanager->rest_address, report->node->rest_address);
    taskmanager->heard_us = rm->own_us;
    taskmanager->incarnation = incarnation;
    if (again) {
        forget_strays(rm, taskmanager);
        if (!WEIR_PLANTED(slot_lost_on_double_registration)) return;
        for (uint32_t i = 0; i < taskmanager->slot_count; i++)
            if (taskmanager->slots[i].state == RM__SLOT_FREE)
                rm__slot_block(rm, taskmanager, i, RM__SLOT_STRAY);
        return;
    }
    taskmanager->registered = true;
    rm->registered_count++;
    rm__slots_make(rm, taskmanager, count);
    rm__worker_registered(rm, taskmanager);
    weir_effect_log(effects, WEIR_CONTROL_INFO, "TaskManager '%s' has registered with %u slots.",
        weir_nodes_name(rm->nodes, taskmanager->node), count);
}

void rm__on_report(
    struct weir_resourcemanager *rm, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__TaskManagerReport *report = event->envelope->report;
    uint64_t incarnation = event->from_incarnation;
    if (strcmp(report->node->name, weir_nodes_name(rm->nodes, event->from)) != 0) return;
    struct rm__taskmanager *taskmanager = rm__taskmanager_get(rm, event->from);
    taskmanager->up = true;
    taskmanager->reset = taskmanager->gone = false;
    taskmanager->probe_at_us = INT64_MAX;
    taskmanager->greeted = incarnation;
    if (is_superseded(taskmanager, incarnation)) {
        answer(taskmanager, "another TaskManager of this name was started later", effects);
        return;
    }
    if (taskmanager->incarnation && taskmanager->incarnation != incarnation) {
        rm__taskmanager_lose(rm, taskmanager, "another process of its name has registered", effects);
        taskmanager->superseded[taskmanager->superseded_next++ % RM__SUPERSEDED_MAX] =
            taskmanager->incarnation;
    }
    make_known(rm, taskmanager, report, incarnation, effects);
    answer(taskmanager, "", effects);
    take_report(rm, taskmanager, report, effects);
}
