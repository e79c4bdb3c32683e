#include "control/nodes.h"
#include <string.h>

static uint64_t name_hash(const char *name)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 1099511628211u;
    return hash ^ (hash >> 29);
}

void weir_nodes_init(struct weir_nodes *nodes, struct weir_arena *arena)
{
    *nodes = (struct weir_nodes){ .arena = arena, .capacity = 15, .slot_count = 32 };
    nodes->names = WEIR_ARENA_ARRAY(arena, const char *, nodes->capacity + 1);
    nodes->slots = WEIR_ARENA_ARRAY(arena, uint32_t, nodes->slot_count);
}

static uint32_t find_slot(const struct weir_nodes *nodes, const char *name)
{
    uint32_t slot = (uint32_t)name_hash(name) & (nodes->slot_count - 1);
    while (nodes->slots[slot] && strcmp(nodes->names[nodes->slots[slot]], name) != 0)
        slot = (slot + 1) & (nodes->slot_count - 1);
    return slot;
}

/* The old tables stay in the arena: doubling bounds that by the size of the new ones. */
static void grow(struct weir_nodes *nodes)
{
    const char **names = nodes->names;
    nodes->capacity = nodes->capacity * 2 + 1;
    nodes->slot_count *= 2;
    nodes->names = WEIR_ARENA_ARRAY(nodes->arena, const char *, nodes->capacity + 1);
    nodes->slots = WEIR_ARENA_ARRAY(nodes->arena, uint32_t, nodes->slot_count);
    memcpy(nodes->names, names, sizeof *names * (nodes->count + 1));
    for (uint32_t i = 1; i <= nodes->count; i++) nodes->slots[find_slot(nodes, nodes->names[i])] = i;
}

weir_node weir_nodes_find(const struct weir_nodes *nodes, const char *name)
{
    return nodes->slots[find_slot(nodes, name)];
}

weir_node weir_nodes_intern(struct weir_nodes *nodes, const char *name)
{
    size_t length = strnlen(name, WEIR_NODE_NAME_BYTES_MAX + 1);
    if (length == 0 || length > WEIR_NODE_NAME_BYTES_MAX) return 0;
    weir_node node = weir_nodes_find(nodes, name);
    if (node) return node;
    if (nodes->count == WEIR_NODES_MAX) return 0;
    if (nodes->count == nodes->capacity) grow(nodes);
    node = ++nodes->count;
    nodes->names[node] = weir_arena_string(nodes->arena, name);
    nodes->slots[find_slot(nodes, name)] = node;
    return node;
}

const char *weir_nodes_name(const struct weir_nodes *nodes, weir_node node)
{
    return node && node <= nodes->count ? nodes->names[node] : "?";
}
