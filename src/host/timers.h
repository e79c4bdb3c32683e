/* Timers by tag: a heap by time and a table by tag. @thread control. */
#ifndef WEIR_HOST_TIMERS_H
#define WEIR_HOST_TIMERS_H

#include "control/event.h"

enum { WEIR_TIMERS_MAX = 1 << 20 };

struct weir_timers {
    struct weir_memory *memory;
    struct weir_timer_entry {
        struct weir_tag tag;
        int64_t at_us;
        uint64_t order; /* equal times fire in the order they were set */
    } * heap;
    uint32_t count, capacity;
    uint32_t *slots; /* open addressing by tag: index into heap + 1 */
    uint32_t slot_count;
    uint64_t order_next;
};

void weir_timers_init(struct weir_timers *timers, struct weir_memory *memory);
void weir_timers_done(struct weir_timers *timers);
void weir_timers_set(
    struct weir_timers *timers, const struct weir_tag *tag, int64_t at_us); /* INT64_MAX unsets */
int64_t weir_timers_next_us(const struct weir_timers *timers);              /* INT64_MAX: none */
bool weir_timers_take_due(struct weir_timers *timers, int64_t now_us, struct weir_tag *ret);

#endif
