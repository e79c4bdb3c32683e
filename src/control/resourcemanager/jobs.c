/* Jobs as the resourcemanager sees them: what they want, what they hold, what they are told. */
#include "base/assert.h"
#include "control/resourcemanager/internal.h"
#include <string.h>

/* ---------------------------------------------------------------- the table */

static void rehash(struct weir_resourcemanager *rm, uint32_t bucket_count)
{
    weir_memory_release(rm->memory, rm->job_buckets, sizeof(uint32_t) * rm->job_bucket_count);
    rm->job_buckets = weir_memory_allocate_zeroed(rm->memory, sizeof(uint32_t) * bucket_count);
    rm->job_bucket_count = bucket_count;
    for (uint32_t i = 0; i < rm->job_count; i++) {
        if (!rm->jobs[i].used) continue;
        uint32_t *bucket = &rm->job_buckets[weir_job_id_hash(&rm->jobs[i].id) & (bucket_count - 1)];
        rm->jobs[i].hash_next = *bucket;
        *bucket = i + 1;
    }
}

struct rm__job *rm__job_find(struct weir_resourcemanager *rm, const struct weir_job_id *id)
{
    if (!rm->job_bucket_count) return NULL;
    uint32_t at = rm->job_buckets[weir_job_id_hash(id) & (rm->job_bucket_count - 1)];
    while (at && !weir_job_id_equal(&rm->jobs[at - 1].id, id)) at = rm->jobs[at - 1].hash_next;
    return at ? &rm->jobs[at - 1] : NULL;
}

static uint32_t take_index(struct weir_resourcemanager *rm)
{
    if (rm->job_free) {
        uint32_t index = rm->job_free - 1;
        rm->job_free = rm->jobs[index].free_next;
        return index;
    }
    if (rm->job_count == rm->job_capacity) {
        uint32_t capacity = rm->job_capacity ? rm->job_capacity * 2 : 16;
        rm->jobs = weir_memory_reallocate(
            rm->memory, rm->jobs, sizeof *rm->jobs * rm->job_capacity, sizeof *rm->jobs * capacity);
        rm->job_capacity = capacity;
    }
    return rm->job_count++;
}

struct rm__job *rm__job_get(struct weir_resourcemanager *rm, const struct weir_job_id *id)
{
    struct rm__job *job = rm__job_find(rm, id);
    if (job) return job;
    uint32_t index = take_index(rm);
    rm->jobs[index] = (struct rm__job){ .id = *id, .used = true };
    if (rm->job_count * 2 > rm->job_bucket_count) {
        rehash(rm, WEIR_MAX(rm->job_bucket_count * 2, 64u));
    } else {
        uint32_t *bucket = &rm->job_buckets[weir_job_id_hash(id) & (rm->job_bucket_count - 1)];
        rm->jobs[index].hash_next = *bucket;
        *bucket = index + 1;
    }
    return &rm->jobs[index];
}

static void waiting_leave(struct weir_resourcemanager *rm, struct rm__job *job)
{
    if (!job->waiting) return;
    *(job->previous ? &rm__job(rm, job->previous - 1)->next : &rm->waiting_first) = job->next;
    *(job->next ? &rm__job(rm, job->next - 1)->previous : &rm->waiting_last) = job->previous;
    job->next = job->previous = 0;
    job->waiting = false;
}

/* In order of their requirements; whoever is new comes last, so the search starts there. */
static void waiting_enter(struct weir_resourcemanager *rm, struct rm__job *job)
{
    uint32_t self = rm__job_index(rm, job) + 1, after = rm->waiting_last;
    while (after && rm__job(rm, after - 1)->order > job->order) after = rm__job(rm, after - 1)->previous;
    job->previous = after;
    job->next = after ? rm__job(rm, after - 1)->next : rm->waiting_first;
    *(after ? &rm__job(rm, after - 1)->next : &rm->waiting_first) = self;
    *(job->next ? &rm__job(rm, job->next - 1)->previous : &rm->waiting_last) = self;
    job->waiting = true;
    job->waiting_since_us = rm->own_us;
}

void rm__job_to_the_end(struct weir_resourcemanager *rm, struct rm__job *job)
{
    waiting_leave(rm, job);
    job->order = ++rm->orders;
    waiting_enter(rm, job);
}

static uint32_t missing(uint32_t held, uint32_t wanted)
{
    return wanted > held ? wanted - held : 0;
}

void rm__job_requeue(
    struct weir_resourcemanager *rm, struct rm__job *job, uint32_t held_before, uint32_t wanted_before)
{
    uint32_t now = missing(job->slot_count, job->wanted);
    rm->missing_total += now;
    rm->missing_total -= missing(held_before, wanted_before);
    if (now && !job->waiting)
        waiting_enter(rm, job);
    else if (!now)
        waiting_leave(rm, job);
}

static void want(struct weir_resourcemanager *rm, struct rm__job *job, uint32_t wanted)
{
    uint32_t before = job->wanted;
    if (!before && wanted) job->order = ++rm->orders;
    job->wanted = wanted;
    rm__job_requeue(rm, job, job->slot_count, before);
}

void rm__job_drop(struct weir_resourcemanager *rm, struct rm__job *job)
{
    uint32_t index = rm__job_index(rm, job);
    WEIR_ASSERT(!job->slot_count && !job->waiting);
    uint32_t *at = &rm->job_buckets[weir_job_id_hash(&job->id) & (rm->job_bucket_count - 1)];
    while (*at != index + 1) at = &rm->jobs[*at - 1].hash_next;
    *at = job->hash_next;
    weir_memory_release(rm->memory, job->slots, sizeof *job->slots * job->slot_capacity);
    bool dirty = job->dirty;
    uint32_t dirty_next = job->dirty_next;
    *job = (struct rm__job){ .free_next = rm->job_free, .dirty = dirty, .dirty_next = dirty_next };
    /* One that is in the list of those to be told is taken out there before its place is used again. */
    if (!dirty) rm->job_free = index + 1;
}

void rm__jobs_clear(struct weir_resourcemanager *rm)
{
    for (uint32_t i = 0; i < rm->job_count; i++)
        weir_memory_release(
            rm->memory, rm->jobs[i].slots, sizeof *rm->jobs[i].slots * rm->jobs[i].slot_capacity);
    weir_memory_release(rm->memory, rm->jobs, sizeof *rm->jobs * rm->job_capacity);
    weir_memory_release(rm->memory, rm->job_buckets, sizeof(uint32_t) * rm->job_bucket_count);
    rm->jobs = NULL;
    rm->job_buckets = NULL;
    rm->job_count = rm->job_capacity = rm->job_free = rm->job_bucket_count = 0;
    rm->waiting_first = rm->waiting_last = rm->dirty_first = rm->dirty_last = 0;
    rm->telling_job = rm->telling_taskmanager = 0;
    rm->missing_total = 0;
}

void rm__job_dirty(struct weir_resourcemanager *rm, struct rm__job *job)
{
    uint32_t self = rm__job_index(rm, job) + 1;
    if (job->dirty) return;
    job->dirty = true;
    job->dirty_next = 0;
    *(rm->dirty_last ? &rm__job(rm, rm->dirty_last - 1)->dirty_next : &rm->dirty_first) = self;
    rm->dirty_last = self;
}

/* ---------------------------------------------------------------- what they say */

void rm__on_require(struct weir_resourcemanager *rm, const struct weir_local_message *message)
{
    struct rm__job *job = rm__job_get(rm, &message->job);
    if (!job->registered) {
        job->registered = true;
        rm->telling_job = rm__job_index(rm, job) + 1;
        rm->telling_job_cursor = 0;
        rm__job_dirty(rm, job);
    }
    uint32_t before = job->wanted;
    want(rm, job, message->slots_wanted);
    if (before && !message->slots_wanted) rm__job_release_all(rm, job);
}

/* NULL: not that TaskManager's any more, or not that job's. */
static struct rm__taskmanager *held_by(
    struct weir_resourcemanager *rm, const struct rm__job *job, const struct weir_slot *slot)
{
    struct rm__taskmanager *taskmanager = rm__taskmanager_find(rm, slot->node);
    if (!taskmanager || !taskmanager->registered || taskmanager->incarnation != slot->incarnation)
        return NULL;
    if (slot->index >= taskmanager->slot_count) return NULL;
    const struct rm__slot *held = &taskmanager->slots[slot->index];
    return held->state == RM__SLOT_HELD && held->job == rm__job_index(rm, job) ? taskmanager : NULL;
}

void rm__on_release(struct weir_resourcemanager *rm, const struct weir_local_message *message)
{
    struct rm__job *job = rm__job_find(rm, &message->job);
    for (uint32_t i = 0; job && i < message->slot_count; i++) {
        struct rm__taskmanager *taskmanager = held_by(rm, job, &message->slots[i]);
        if (taskmanager) rm__slot_take_back(rm, taskmanager, message->slots[i].index);
    }
    if (job && message->behind && job->waiting) rm__job_to_the_end(rm, job);
}

/* The same slot is not offered again at once: what is in it needs a while to end. */
void rm__on_slot_failed(struct weir_resourcemanager *rm, const struct weir_local_message *message)
{
    struct rm__job *job = rm__job_find(rm, &message->job);
    for (uint32_t i = 0; job && i < message->slot_count; i++) {
        struct rm__taskmanager *taskmanager = held_by(rm, job, &message->slots[i]);
        if (!taskmanager) continue;
        rm__slot_take_back(rm, taskmanager, message->slots[i].index);
        rm__slot_block(rm, taskmanager, message->slots[i].index, RM__SLOT_BLOCKED);
    }
}

void rm__on_job_stopped(struct weir_resourcemanager *rm, const struct weir_local_message *message)
{
    struct rm__job *job = rm__job_find(rm, &message->job);
    if (!job) return;
    want(rm, job, 0);
    rm__job_release_all(rm, job);
    rm__job_drop(rm, job);
}

/* ---------------------------------------------------------------- what they are told */

static void tell_report(struct weir_resourcemanager *rm, struct rm__job *job,
    struct rm__taskmanager *taskmanager, const struct rm__group *group, struct weir_effects *effects)
{
    struct weir_local_message message = { .kind = WEIR_LOCAL_REPORT,
        .from = WEIR_ROLE_RESOURCEMANAGER,
        .job = job->id,
        .epoch = rm->epoch,
        .incarnation = taskmanager->incarnation,
        .node = taskmanager->node };
    message.report.data_address =
        weir_arena_string(effects->arena, taskmanager->data_address ? taskmanager->data_address : "");
    if (group) {
        message.report.attempts = group->attempts;
        message.report.attempt_count = group->attempt_count;
        message.report.local_snapshots = group->local_snapshots;
        message.report.local_snapshot_count = group->local_snapshot_count;
    }
    weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &message);
}

bool rm__tell_new_job(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->telling_job) return true;
    struct rm__job *job = rm__job(rm, rm->telling_job - 1);
    if (!rm->telling_job_cursor) {
        for (const struct rm__group *group = job->kept; group; group = group->next)
            if (rm->taskmanagers[group->taskmanager]->generation == group->generation)
                rm->taskmanagers[group->taskmanager]->group = group;
        job->kept = NULL;
    }
    for (; rm->telling_job_cursor < rm->taskmanager_count; rm->telling_job_cursor++) {
        if (effects->count >= RM__STEP_EFFECTS_MAX) return false;
        struct rm__taskmanager *taskmanager = rm->taskmanagers[rm->telling_job_cursor];
        if (taskmanager->registered) tell_report(rm, job, taskmanager, taskmanager->group, effects);
        taskmanager->group = NULL;
    }
    rm->telling_job = 0;
    if (rm->all_reported) rm__tell_job_all_reported(rm, job, effects);
    return true;
}

bool rm__tell_report(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    if (!rm->telling_taskmanager) return true;
    struct rm__taskmanager *taskmanager = rm->taskmanagers[rm->telling_taskmanager - 1];
    for (; rm->telling_taskmanager_cursor < rm->job_count; rm->telling_taskmanager_cursor++) {
        if (effects->count >= RM__STEP_EFFECTS_MAX) return false;
        struct rm__job *job = rm__job(rm, rm->telling_taskmanager_cursor);
        if (job->used && job->registered) tell_report(rm, job, taskmanager, job->group, effects);
        job->group = NULL;
    }
    rm->telling_taskmanager = 0;
    return true;
}

static void tell_slots(
    struct weir_resourcemanager *rm, const struct rm__job *job, struct weir_effects *effects)
{
    struct weir_slot *slots = WEIR_ARENA_ARRAY(effects->arena, struct weir_slot, job->slot_count + 1);
    for (uint32_t i = 0; i < job->slot_count; i++) {
        const struct rm__taskmanager *taskmanager = rm->taskmanagers[job->slots[i].taskmanager];
        slots[i] = (struct weir_slot){ taskmanager->node, taskmanager->incarnation, job->slots[i].index };
    }
    struct weir_local_message message = { .kind = WEIR_LOCAL_SLOTS,
        .from = WEIR_ROLE_RESOURCEMANAGER,
        .job = job->id,
        .epoch = rm->epoch,
        .slots = slots,
        .slot_count = job->slot_count };
    weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &message);
}

bool rm__tell_slots(struct weir_resourcemanager *rm, struct weir_effects *effects)
{
    while (rm->dirty_first) {
        if (effects->count >= RM__STEP_EFFECTS_MAX) return false;
        struct rm__job *job = rm__job(rm, rm->dirty_first - 1);
        rm->dirty_first = job->dirty_next;
        if (!rm->dirty_first) rm->dirty_last = 0;
        job->dirty = false;
        job->dirty_next = 0;
        if (!job->used) {
            job->free_next = rm->job_free;
            rm->job_free = rm__job_index(rm, job) + 1;
        } else if (job->registered) {
            tell_slots(rm, job, effects);
        }
    }
    return true;
}

void rm__tell_lost(struct weir_resourcemanager *rm, const struct rm__job *job,
    const struct rm__taskmanager *taskmanager, const char *reason, struct weir_effects *effects)
{
    struct weir_local_message message = { .kind = WEIR_LOCAL_TASKMANAGER_LOST,
        .from = WEIR_ROLE_RESOURCEMANAGER,
        .job = job->id,
        .epoch = rm->epoch,
        .incarnation = taskmanager->incarnation,
        .node = taskmanager->node,
        .reason = weir_arena_string(effects->arena, reason) };
    weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &message);
}
