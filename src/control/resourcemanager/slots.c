/* Free slots, in lists of TaskManagers by how many they have; who gets the next one. */
#include "base/assert.h"
#include "control/planted.h"
#include "control/resourcemanager/internal.h"

/* ---------------------------------------------------------------- buckets */

static void bucket_leave(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    uint32_t bucket = taskmanager->bucket;
    if (!bucket) return;
    struct rm__taskmanager *next = taskmanager->bucket_next, *previous = taskmanager->bucket_previous;
    *(previous ? &previous->bucket_next : &rm->buckets[bucket]) = next;
    *(next ? &next->bucket_previous : &rm->bucket_tails[bucket]) = previous;
    if (!rm->buckets[bucket]) rm->bucket_bits[bucket / 64] &= ~(1ull << (bucket % 64));
    taskmanager->bucket = 0;
    taskmanager->bucket_next = taskmanager->bucket_previous = NULL;
}

/* Only registered TaskManagers that are wanted any longer are in a bucket. */
static void bucket_update(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    uint32_t bucket = taskmanager->registered && !taskmanager->stopping ? taskmanager->free_count : 0;
    if (bucket == taskmanager->bucket) return;
    bucket_leave(rm, taskmanager);
    if (!bucket) return;
    taskmanager->bucket = bucket;
    taskmanager->bucket_previous = rm->bucket_tails[bucket];
    *(rm->bucket_tails[bucket] ? &rm->bucket_tails[bucket]->bucket_next : &rm->buckets[bucket]) = taskmanager;
    rm->bucket_tails[bucket] = taskmanager;
    rm->bucket_bits[bucket / 64] |= 1ull << (bucket % 64);
}

/* Spread: the one with the most free slots; filled up: the one with the fewest. */
static struct rm__taskmanager *next_taskmanager(const struct weir_resourcemanager *rm)
{
    uint32_t words = WEIR_ARRAY_COUNT(rm->bucket_bits);
    if (rm->options->evenly_spread_out_slots) {
        for (uint32_t i = words; i > 0; i--)
            if (rm->bucket_bits[i - 1])
                return rm->buckets[(i - 1) * 64 + 63 - (uint32_t)__builtin_clzll(rm->bucket_bits[i - 1])];
    } else {
        for (uint32_t i = 0; i < words; i++)
            if (rm->bucket_bits[i])
                return rm->buckets[i * 64 + (uint32_t)__builtin_ctzll(rm->bucket_bits[i])];
    }
    return NULL;
}

/* ---------------------------------------------------------------- states of a slot */

static void free_count_add(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, int32_t by)
{
    taskmanager->free_count = (uint32_t)((int32_t)taskmanager->free_count + by);
    if (!taskmanager->stopping) rm->free_total = (uint32_t)((int32_t)rm->free_total + by);
    bucket_update(rm, taskmanager);
}

void rm__slots_make(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t count)
{
    taskmanager->slot_count = WEIR_MIN(count, (uint32_t)RM__SLOTS_MAX);
    taskmanager->slots =
        weir_memory_allocate_zeroed(rm->memory, sizeof *taskmanager->slots * (taskmanager->slot_count + 1));
    taskmanager->free_count = taskmanager->busy_count = 0;
    rm->slot_total += taskmanager->slot_count;
    free_count_add(rm, taskmanager, (int32_t)taskmanager->slot_count);
}

/* HELD slots were taken from their jobs before. */
void rm__slots_drop(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    if (!taskmanager->slots) return;
    free_count_add(rm, taskmanager, -(int32_t)taskmanager->free_count);
    rm->slot_total -= taskmanager->slot_count;
    for (uint32_t i = 0; i < taskmanager->slot_count; i++)
        rm->blocked_total -= taskmanager->slots[i].state == RM__SLOT_BLOCKED;
    weir_memory_release(
        rm->memory, taskmanager->slots, sizeof *taskmanager->slots * (taskmanager->slot_count + 1));
    taskmanager->slots = NULL;
    taskmanager->slot_count = taskmanager->busy_count = 0;
}

void rm__slot_give(
    struct weir_resourcemanager *rm, struct rm__job *job, struct rm__taskmanager *taskmanager, uint32_t index)
{
    struct rm__slot *slot = &taskmanager->slots[index];
    WEIR_ASSERT(slot->state == RM__SLOT_FREE);
    if (job->slot_count == job->slot_capacity) {
        uint32_t capacity = job->slot_capacity ? job->slot_capacity * 2 : 4;
        job->slots = weir_memory_reallocate(
            rm->memory, job->slots, sizeof *job->slots * job->slot_capacity, sizeof *job->slots * capacity);
        job->slot_capacity = capacity;
    }
    *slot = (struct rm__slot){
        .state = RM__SLOT_HELD, .job = rm__job_index(rm, job), .position = job->slot_count
    };
    job->slots[job->slot_count++] = (struct rm__job_slot){ taskmanager->index, index };
    taskmanager->busy_count++;
    free_count_add(rm, taskmanager, -1);
    rm__job_requeue(rm, job, job->slot_count - 1, job->wanted);
    rm__job_dirty(rm, job);
}

void rm__slot_take_back(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t index)
{
    struct rm__slot *slot = &taskmanager->slots[index];
    WEIR_ASSERT(slot->state == RM__SLOT_HELD);
    struct rm__job *job = rm__job(rm, slot->job);
    struct rm__job_slot last = job->slots[--job->slot_count];
    job->slots[slot->position] = last;
    rm->taskmanagers[last.taskmanager]->slots[last.index].position = slot->position;
    *slot = (struct rm__slot){ .state = RM__SLOT_FREE };
    taskmanager->busy_count--;
    free_count_add(rm, taskmanager, 1);
    rm__job_requeue(rm, job, job->slot_count + 1, job->wanted);
    rm__job_dirty(rm, job);
}

void rm__slot_block(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t index,
    enum rm__slot_state state)
{
    struct rm__slot *slot = &taskmanager->slots[index];
    WEIR_ASSERT(slot->state == RM__SLOT_FREE);
    *slot = (struct rm__slot){ .state = state, .until_us = rm->now_us + RM__SLOT_BLOCKED_US };
    if (state == RM__SLOT_BLOCKED)
        rm->blocked_total++;
    else
        taskmanager->busy_count++;
    free_count_add(rm, taskmanager, -1);
}

void rm__slot_unblock(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager, uint32_t index)
{
    struct rm__slot *slot = &taskmanager->slots[index];
    if (slot->state == RM__SLOT_BLOCKED)
        rm->blocked_total--;
    else
        taskmanager->busy_count--;
    *slot = (struct rm__slot){ .state = RM__SLOT_FREE };
    free_count_add(rm, taskmanager, 1);
}

void rm__slots_withhold(struct weir_resourcemanager *rm, struct rm__taskmanager *taskmanager)
{
    if (taskmanager->stopping) return;
    taskmanager->stopping = true;
    rm->free_total -= taskmanager->free_count;
    bucket_update(rm, taskmanager);
}

void rm__job_release_all(struct weir_resourcemanager *rm, struct rm__job *job)
{
    while (job->slot_count) {
        struct rm__job_slot last = job->slots[job->slot_count - 1];
        rm__slot_take_back(rm, rm->taskmanagers[last.taskmanager], last.index);
    }
}

/* ---------------------------------------------------------------- who gets the next one */

static uint32_t free_index(const struct rm__taskmanager *taskmanager)
{
    uint32_t index = 0;
    while (taskmanager->slots[index].state != RM__SLOT_FREE) index++;
    return index;
}

/* All that there is, or could be started, is not enough: it waits without holding others up. */
static bool is_impossible(const struct weir_resourcemanager *rm, const struct rm__job *job)
{
    uint64_t possible = (uint64_t)rm->options->workers_wanted_max * rm->options->slots_per_worker;
    return job->wanted > WEIR_MAX(possible, (uint64_t)rm->slot_total);
}

static void serve(struct weir_resourcemanager *rm, struct rm__job *job)
{
    while (job->slot_count < job->wanted) {
        struct rm__taskmanager *taskmanager = next_taskmanager(rm);
        if (!taskmanager) return;
        rm__slot_give(rm, job, taskmanager, free_index(taskmanager));
    }
}

/* Who holds none gets all that it wants or waits: of two jobs that ran in parts neither would come to a
 * checkpoint, nor to its end. What is free is kept for the first of them, but not from jobs that have lost
 * some of theirs. */
void rm__allocate(struct weir_resourcemanager *rm)
{
    bool kept = false;
    for (uint32_t at = rm->waiting_first; at && rm->free_total;) {
        struct rm__job *job = rm__job(rm, at - 1);
        at = job->next;
        if (is_impossible(rm, job)) continue;
        bool new = !job->slot_count && !WEIR_PLANTED(slots_in_parts);
        if (new && (kept || job->wanted > rm->free_total))
            kept = true;
        else
            serve(rm, job);
    }
}
