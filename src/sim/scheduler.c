#include "sim/scheduler.h"
#include "base/assert.h"
#include <string.h>

void weir_sim_scheduler_init(struct weir_sim_scheduler *scheduler, struct weir_memory *memory)
{
    *scheduler = (struct weir_sim_scheduler){ .memory = memory };
}

void weir_sim_item_drop(struct weir_sim_scheduler *scheduler, struct weir_sim_item *item)
{
    weir_memory_release(scheduler->memory, item->payload, item->payload_bytes);
    item->payload = NULL;
}

void weir_sim_scheduler_done(struct weir_sim_scheduler *scheduler)
{
    for (uint32_t i = 0; i < scheduler->count; i++) weir_sim_item_drop(scheduler, &scheduler->items[i]);
    weir_memory_release(scheduler->memory, scheduler->items, sizeof *scheduler->items * scheduler->capacity);
    scheduler->items = NULL;
    scheduler->count = scheduler->capacity = 0;
}

void *weir_sim_payload(struct weir_sim_scheduler *scheduler, size_t bytes)
{
    return weir_memory_allocate(scheduler->memory, bytes);
}

static bool before(const struct weir_sim_item *a, const struct weir_sim_item *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

void weir_sim_schedule(struct weir_sim_scheduler *scheduler, struct weir_sim_item item)
{
    WEIR_ASSERT(scheduler->count < WEIR_SIM_ITEMS_MAX);
    if (scheduler->count == scheduler->capacity) {
        uint32_t capacity = scheduler->capacity ? scheduler->capacity * 2 : 1024;
        scheduler->items = (struct weir_sim_item *)weir_memory_reallocate(
            scheduler->memory, scheduler->items, sizeof item * scheduler->capacity, sizeof item * capacity);
        scheduler->capacity = capacity;
    }
    if (item.at_us < scheduler->now_us) item.at_us = scheduler->now_us;
    item.sequence = ++scheduler->sequence;
    uint32_t at = scheduler->count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!before(&item, &scheduler->items[parent])) break;
        scheduler->items[at] = scheduler->items[parent];
        at = parent;
    }
    scheduler->items[at] = item;
}

static void sift_down(struct weir_sim_scheduler *scheduler, struct weir_sim_item item)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= scheduler->count) break;
        if (child + 1 < scheduler->count && before(&scheduler->items[child + 1], &scheduler->items[child]))
            child++;
        if (!before(&scheduler->items[child], &item)) break;
        scheduler->items[at] = scheduler->items[child];
        at = child;
    }
    scheduler->items[at] = item;
}

bool weir_sim_scheduler_next(
    struct weir_sim_scheduler *scheduler, int64_t until_us, struct weir_sim_item *ret)
{
    if (scheduler->stopped) return false;
    if (scheduler->count == 0 || scheduler->items[0].at_us > until_us) {
        scheduler->now_us = WEIR_MAX(scheduler->now_us, until_us);
        return false;
    }
    *ret = scheduler->items[0];
    struct weir_sim_item last = scheduler->items[--scheduler->count];
    if (scheduler->count > 0) sift_down(scheduler, last);
    scheduler->now_us = ret->at_us;
    scheduler->executed++;
    return true;
}
