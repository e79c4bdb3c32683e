/*
 * The processes that this one has heard of, as small numbers. A node's number stays for the life of the
 * table; its name is what configuration and records call it. Machines of one process share one table.
 * @thread control.
 */
#ifndef WEIR_CONTROL_NODES_H
#define WEIR_CONTROL_NODES_H

#include "base/arena.h"

enum { WEIR_NODES_MAX = 20000, WEIR_NODE_NAME_BYTES_MAX = 255 };

typedef uint32_t weir_node; /* 0: none */

struct weir_nodes {
    struct weir_arena *arena;
    const char **names; /* [1..count] */
    uint32_t count, capacity;
    uint32_t *slots; /* open addressing by hash of the name */
    uint32_t slot_count;
};

void weir_nodes_init(struct weir_nodes *nodes, struct weir_arena *arena);
/* 0 when the table is full or the name is empty or too long. */
weir_node weir_nodes_intern(struct weir_nodes *nodes, const char *name);
weir_node weir_nodes_find(const struct weir_nodes *nodes, const char *name); /* 0: never heard of */
const char *weir_nodes_name(const struct weir_nodes *nodes, weir_node node); /* "?" for 0 */

#endif
