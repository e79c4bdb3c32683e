/*
 * Virtual time: what is to happen, in order of time; of the same time, in the order in which it was asked
 * for.
 *
 * An item may belong to a process and one start of it: it is dropped when that start is over, and waits, in
 * order, while the process is paused. A payload is the scheduler's: it lives until its function has returned
 * or the item was dropped.
 */
#ifndef WEIR_SIM_SCHEDULER_H
#define WEIR_SIM_SCHEDULER_H

#include "base/memory.h"

enum { WEIR_SIM_ITEMS_MAX = 4 << 20, WEIR_SIM_PROCESS_NONE = UINT32_MAX };

typedef void (*weir_sim_function)(void *owner, void *payload, uint64_t number);

struct weir_sim_item {
    int64_t at_us;
    uint64_t sequence;
    weir_sim_function function;
    void *owner;
    uint64_t number;
    uint32_t process, start; /* WEIR_SIM_PROCESS_NONE: the world's */
    void *payload;
    size_t payload_bytes;
};

struct weir_sim_scheduler {
    struct weir_memory *memory;
    int64_t now_us;
    uint64_t sequence, executed;
    struct weir_sim_item *items; /* a binary heap */
    uint32_t count, capacity;
    bool stopped;
};

void weir_sim_scheduler_init(struct weir_sim_scheduler *scheduler, struct weir_memory *memory);
void weir_sim_scheduler_done(struct weir_sim_scheduler *scheduler);
/* A payload for the next item; not zeroed. */
void *weir_sim_payload(struct weir_sim_scheduler *scheduler, size_t bytes);
/* Takes item->payload. Past times mean now. */
void weir_sim_schedule(struct weir_sim_scheduler *scheduler, struct weir_sim_item item);
/* The next item, taken out; false when there is none up to until_us (time is then until_us). */
bool weir_sim_scheduler_next(
    struct weir_sim_scheduler *scheduler, int64_t until_us, struct weir_sim_item *ret);
void weir_sim_item_drop(struct weir_sim_scheduler *scheduler, struct weir_sim_item *item);

#endif
