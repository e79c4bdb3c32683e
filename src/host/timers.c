#include "host/timers.h"
#include "base/assert.h"
#include <string.h>

static bool tags_equal(const struct weir_tag *a, const struct weir_tag *b)
{
    return a->role == b->role && a->kind == b->kind && a->number == b->number &&
           weir_job_id_equal(&a->job, &b->job);
}

static uint32_t tag_hash(const struct weir_tag *tag)
{
    uint64_t hash = weir_job_id_hash(&tag->job) ^ ((uint64_t)tag->role << 32 | tag->kind);
    hash = (hash ^ tag->number) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash ^ (hash >> 32));
}

void weir_timers_init(struct weir_timers *timers, struct weir_memory *memory)
{
    *timers = (struct weir_timers){ .memory = memory, .capacity = 64, .slot_count = 256 };
    timers->heap = weir_memory_allocate(memory, sizeof *timers->heap * timers->capacity);
    timers->slots = weir_memory_allocate_zeroed(memory, sizeof *timers->slots * timers->slot_count);
}

void weir_timers_done(struct weir_timers *timers)
{
    weir_memory_release(timers->memory, timers->heap, sizeof *timers->heap * timers->capacity);
    weir_memory_release(timers->memory, timers->slots, sizeof *timers->slots * timers->slot_count);
}

/* The slot that holds the tag, or the free one where it would go. */
static uint32_t find_slot(const struct weir_timers *timers, const struct weir_tag *tag)
{
    uint32_t slot = tag_hash(tag) & (timers->slot_count - 1);
    while (timers->slots[slot] && !tags_equal(&timers->heap[timers->slots[slot] - 1].tag, tag))
        slot = (slot + 1) & (timers->slot_count - 1);
    return slot;
}

static void clear_slot(struct weir_timers *timers, uint32_t slot)
{
    uint32_t mask = timers->slot_count - 1;
    for (uint32_t next = (slot + 1) & mask; timers->slots[next]; next = (next + 1) & mask) {
        uint32_t home = tag_hash(&timers->heap[timers->slots[next] - 1].tag) & mask;
        if (((next - home) & mask) < ((next - slot) & mask)) continue; /* it may not go back that far */
        timers->slots[slot] = timers->slots[next];
        slot = next;
    }
    timers->slots[slot] = 0;
}

static bool is_before(const struct weir_timer_entry *a, const struct weir_timer_entry *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void place(
    struct weir_timers *timers, uint32_t at, const struct weir_timer_entry *entry, uint32_t slot)
{
    timers->heap[at] = *entry;
    timers->slots[slot] = at + 1;
}

/* Moves the entry at `at` to where it belongs. */
static void settle(struct weir_timers *timers, uint32_t at)
{
    struct weir_timer_entry entry = timers->heap[at];
    uint32_t slot = find_slot(timers, &entry.tag);
    while (at > 0 && is_before(&entry, &timers->heap[(at - 1) / 2])) {
        uint32_t parent = (at - 1) / 2;
        place(timers, at, &timers->heap[parent], find_slot(timers, &timers->heap[parent].tag));
        at = parent;
    }
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= timers->count) break;
        if (child + 1 < timers->count && is_before(&timers->heap[child + 1], &timers->heap[child])) child++;
        if (!is_before(&timers->heap[child], &entry)) break;
        place(timers, at, &timers->heap[child], find_slot(timers, &timers->heap[child].tag));
        at = child;
    }
    place(timers, at, &entry, slot);
}

static void remove_at(struct weir_timers *timers, uint32_t at)
{
    clear_slot(timers, find_slot(timers, &timers->heap[at].tag));
    struct weir_timer_entry last = timers->heap[--timers->count];
    if (at == timers->count) return;
    uint32_t slot = find_slot(timers, &last.tag); /* while it still lies where the table says */
    place(timers, at, &last, slot);
    settle(timers, at);
}

static void grow(struct weir_timers *timers)
{
    uint32_t capacity = timers->capacity * 2;
    timers->heap = weir_memory_reallocate(timers->memory, timers->heap,
        sizeof *timers->heap * timers->capacity, sizeof *timers->heap * capacity);
    timers->capacity = capacity;
    weir_memory_release(timers->memory, timers->slots, sizeof *timers->slots * timers->slot_count);
    timers->slot_count *= 2;
    timers->slots = weir_memory_allocate_zeroed(timers->memory, sizeof *timers->slots * timers->slot_count);
    for (uint32_t i = 0; i < timers->count; i++)
        timers->slots[find_slot(timers, &timers->heap[i].tag)] = i + 1;
}

void weir_timers_set(struct weir_timers *timers, const struct weir_tag *tag, int64_t at_us)
{
    uint32_t slot = find_slot(timers, tag);
    if (timers->slots[slot]) {
        uint32_t at = timers->slots[slot] - 1;
        if (at_us == INT64_MAX) {
            remove_at(timers, at);
            return;
        }
        timers->heap[at].tag = *tag; /* who sets it last is told, by its instance */
        timers->heap[at].at_us = at_us;
        timers->heap[at].order = timers->order_next++;
        settle(timers, at);
        return;
    }
    if (at_us == INT64_MAX) return;
    WEIR_ASSERT(timers->count < WEIR_TIMERS_MAX);
    if (timers->count == timers->capacity) {
        grow(timers);
        slot = find_slot(timers, tag);
    }
    uint32_t at = timers->count++;
    timers->heap[at] = (struct weir_timer_entry){ *tag, at_us, timers->order_next++ };
    timers->slots[slot] = at + 1;
    settle(timers, at);
}

int64_t weir_timers_next_us(const struct weir_timers *timers)
{
    return timers->count ? timers->heap[0].at_us : INT64_MAX;
}

bool weir_timers_take_due(struct weir_timers *timers, int64_t now_us, struct weir_tag *ret)
{
    if (!timers->count || timers->heap[0].at_us > now_us) return false;
    *ret = timers->heap[0].tag;
    remove_at(timers, 0);
    return true;
}
