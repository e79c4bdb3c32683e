/*
 * Memory of one simulated process: small blocks out of big chunks, all given back at once when the process is
 * killed, whatever it had not freed. Where a block lies never reaches a decision.
 * @thread one owner.
 */
#ifndef WEIR_SIM_HEAP_H
#define WEIR_SIM_HEAP_H

#include "base/memory.h"

enum { WEIR_SIM_HEAP_CLASSES = 64, WEIR_SIM_HEAP_SMALL_BYTES_MAX = 16 << 10 };

struct weir_sim_heap_block;
struct weir_sim_heap {
    struct weir_memory base; /* first: what the process gets */
    struct weir_memory *parent;
    struct weir_sim_heap_block *chunks, *large;
    char *cursor, *end;
    void *free_lists[WEIR_SIM_HEAP_CLASSES];
};

void weir_sim_heap_init(struct weir_sim_heap *heap, struct weir_memory *parent);
void weir_sim_heap_done(struct weir_sim_heap *heap); /* gives everything back */

#endif
