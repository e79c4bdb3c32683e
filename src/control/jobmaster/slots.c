/*
 * Slots of the job. Subtasks of the same index share one (slot sharing), so that a job needs as many as its
 * largest parallelism. A slot stays with its index while it is held: a failover goes back to where the local
 * snapshots are.
 */
#include "control/jobmaster/internal.h"
#include "base/assert.h"
#include <string.h>

enum { SLOTS_LOOKED_AT_MAX = 256 };

void slots__shares(struct weir_jobmaster *jm)
{
    uint32_t wanted = jm->graph.parallelism_max;
    if (wanted > jm->share_count) {
        jm->share_slot = weir_memory_reallocate(
            jm->memory, jm->share_slot, sizeof(uint32_t) * jm->share_count, sizeof(uint32_t) * wanted);
        jm->share_home = weir_memory_reallocate(jm->memory, jm->share_home,
            sizeof *jm->share_home * jm->share_count, sizeof *jm->share_home * wanted);
        for (uint32_t i = jm->share_count; i < wanted; i++) {
            jm->share_slot[i] = GRAPH_NONE;
            jm->share_home[i] = (struct jobmaster_home){ 0 };
        }
        jm->share_count = wanted;
    }
    for (uint32_t i = wanted; i < jm->share_count; i++) { /* given back when the graph has shrunk */
        if (jm->share_slot[i] != GRAPH_NONE) jm->slots[jm->share_slot[i]].share = GRAPH_NONE;
        jm->share_slot[i] = GRAPH_NONE;
        jm->slot_free = 0;
    }
}

void slots__free(struct weir_jobmaster *jm)
{
    weir_memory_release(jm->memory, jm->share_slot, sizeof(uint32_t) * jm->share_count);
    weir_memory_release(jm->memory, jm->share_home, sizeof *jm->share_home * jm->share_count);
    weir_memory_release(jm->memory, jm->slots, sizeof *jm->slots * jm->slot_capacity);
    weir_memory_release(jm->memory, jm->slot_index, sizeof(uint32_t) * jm->slot_index_count);
}

static uint32_t wanted_slots(const struct weir_jobmaster *jm)
{
    if (!jm->graph_ready || jm->end >= END_WRITING) return 0;
    const uint32_t *counts = jm->graph.region_counts, own = jm->graph.parallelism_max;
    /* What it has comes before what it is to become: who asks for more than there are gets none. */
    bool runs = counts[REGION_RUNNING] + counts[REGION_FINISHED] == jm->graph.region_count;
    if (jm->end != END_NONE || (!runs && !jm->rescale_cancelling)) return own;
    return WEIR_MAX(own, rescale__slots(jm));
}

void slots__require(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    uint32_t wanted = wanted_slots(jm);
    if (jm->registered && wanted == jm->slots_required) return;
    jm->registered = true;
    jm->slots_required = wanted;
    struct weir_local_message message = {
        .kind = WEIR_LOCAL_REQUIRE, .from = WEIR_ROLE_JOBMASTER, .job = jm->job, .slots_wanted = wanted
    };
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
}

/* ---------------------------------------------------------------- table */

static uint64_t slot_hash(weir_node node, uint32_t index)
{
    uint64_t hash = ((uint64_t)node << 32 | index) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static void index_slots(struct weir_jobmaster *jm)
{
    uint32_t wanted = 16;
    while (wanted < jm->slot_count * 2) wanted *= 2;
    if (wanted > jm->slot_index_count) {
        weir_memory_release(jm->memory, jm->slot_index, sizeof(uint32_t) * jm->slot_index_count);
        jm->slot_index = weir_memory_allocate(jm->memory, sizeof(uint32_t) * wanted);
        jm->slot_index_count = wanted;
    }
    for (uint32_t i = 0; i < jm->slot_index_count; i++) jm->slot_index[i] = GRAPH_NONE;
    for (uint32_t i = 0; i < jm->slot_count; i++) {
        uint64_t at = slot_hash(jm->slots[i].slot.node, jm->slots[i].slot.index);
        while (jm->slot_index[at & (jm->slot_index_count - 1)] != GRAPH_NONE) at++;
        jm->slot_index[at & (jm->slot_index_count - 1)] = i;
    }
}

static uint32_t find_slot(const struct weir_jobmaster *jm, weir_node node, uint32_t index)
{
    if (!jm->slot_index_count) return GRAPH_NONE;
    for (uint64_t at = slot_hash(node, index);; at++) {
        uint32_t slot = jm->slot_index[at & (jm->slot_index_count - 1)];
        if (slot == GRAPH_NONE) return GRAPH_NONE;
        if (jm->slots[slot].slot.node == node && jm->slots[slot].slot.index == index) return slot;
    }
}

/* Of "host:port"; 0: it has told none. */
static uint64_t host_of(const struct weir_jobmaster *jm, weir_node node)
{
    uint32_t at = taskmanagers__find(jm, node);
    const char *address = at == GRAPH_NONE ? NULL : jm->taskmanagers[at]->data_address;
    const char *colon = address ? strrchr(address, ':') : NULL;
    uint64_t hash = 0xcbf29ce484222325u;
    if (!colon) return 0;
    for (; address < colon; address++) hash = (hash ^ (uint8_t)*address) * 0x100000001b3u;
    return hash;
}

/* A share that has another slot leaves this one free: else some other share, of as many as there are slots,
 * would wait for one for ever. */
static void bind_free(struct weir_jobmaster *jm, uint32_t slot, uint32_t share)
{
    if (share >= jm->share_count || jm->share_slot[share] != GRAPH_NONE) return;
    jm->slots[slot].share = share;
    weir_node node = jm->slots[slot].slot.node;
    jm->share_slot[share] = slot;
    jm->share_home[share] = (struct jobmaster_home){ node, host_of(jm, node) };
}

void slots__granted(struct weir_jobmaster *jm, const struct weir_local_message *message)
{
    uint32_t count = message->slot_count;
    struct jobmaster_slot *fresh = count ? weir_memory_allocate(jm->memory, sizeof *fresh * count) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        fresh[i] = (struct jobmaster_slot){ message->slots[i], GRAPH_NONE };
        uint32_t before = find_slot(jm, message->slots[i].node, message->slots[i].index);
        if (before != GRAPH_NONE && jm->slots[before].slot.incarnation == message->slots[i].incarnation)
            fresh[i].share = jm->slots[before].share;
    }
    weir_memory_release(jm->memory, jm->slots, sizeof *jm->slots * jm->slot_capacity);
    jm->slots = fresh;
    jm->slot_count = jm->slot_capacity = count;
    index_slots(jm);
    for (uint32_t i = 0; i < jm->share_count; i++) jm->share_slot[i] = GRAPH_NONE;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t share = jm->slots[i].share;
        jm->slots[i].share = GRAPH_NONE;
        if (share != GRAPH_NONE) bind_free(jm, i, share);
    }
    /* Re-attached subtasks were reported before their slots are told. */
    for (uint32_t i = 0; jm->graph_ready && i < jm->graph.subtask_count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->taskmanager == GRAPH_NONE || !weir_execution_state_is_alive(subtask->state)) continue;
        slots__bind(jm, subtask->index, subtask->taskmanager, subtask->slot);
    }
    jm->slot_free = 0;
    jm->scan = true;
    jm->progress++;
}

void slots__bind(struct weir_jobmaster *jm, uint32_t share, uint32_t taskmanager, uint32_t index)
{
    const struct jobmaster_taskmanager *at = jm->taskmanagers[taskmanager];
    uint32_t slot = find_slot(jm, at->node, index);
    if (slot == GRAPH_NONE || jm->slots[slot].slot.incarnation != at->incarnation) return;
    if (jm->slots[slot].share == GRAPH_NONE) bind_free(jm, slot, share);
}

static bool slot_is_usable(const struct weir_jobmaster *jm, uint32_t slot)
{
    const struct weir_slot *place = &jm->slots[slot].slot;
    uint32_t taskmanager = taskmanagers__find(jm, place->node);
    if (taskmanager == GRAPH_NONE) return false; /* its report, and with it its address, comes first */
    const struct jobmaster_taskmanager *at = jm->taskmanagers[taskmanager];
    return at->registered && !at->lost && at->incarnation == place->incarnation;
}

/* A free slot where the share ran last: of the same TaskManager, else of its host. */
static uint32_t slot_at_home(const struct weir_jobmaster *jm, uint32_t share)
{
    const struct jobmaster_home *home = &jm->share_home[share];
    uint32_t found = GRAPH_NONE;
    if (!home->node) return GRAPH_NONE;
    for (uint32_t i = jm->slot_free; i < jm->slot_count && i - jm->slot_free < SLOTS_LOOKED_AT_MAX; i++) {
        weir_node node = jm->slots[i].slot.node;
        if (jm->slots[i].share != GRAPH_NONE || !slot_is_usable(jm, i)) continue;
        if (node == home->node) return i;
        if (found == GRAPH_NONE && home->host && host_of(jm, node) == home->host) found = i;
    }
    return found;
}

uint32_t slots__for(struct weir_jobmaster *jm, uint32_t share)
{
    uint32_t slot = jm->share_slot[share];
    if (slot != GRAPH_NONE) return slot_is_usable(jm, slot) ? slot : GRAPH_NONE;
    slot = slot_at_home(jm, share);
    if (slot != GRAPH_NONE) {
        bind_free(jm, slot, share);
        return slot;
    }
    for (uint32_t i = jm->slot_free; i < jm->slot_count; i++) {
        if (jm->slots[i].share != GRAPH_NONE) {
            if (i == jm->slot_free) jm->slot_free++; /* all before it are taken */
            continue;
        }
        if (!slot_is_usable(jm, i)) continue;
        bind_free(jm, i, share);
        return i;
    }
    return GRAPH_NONE;
}

static void release(const struct weir_jobmaster *jm, struct weir_slot *slots, uint32_t count, bool behind,
    struct weir_effects *effects)
{
    struct weir_local_message message = { .kind = WEIR_LOCAL_RELEASE,
        .from = WEIR_ROLE_JOBMASTER,
        .job = jm->job,
        .slots = slots,
        .slot_count = count,
        .behind = behind };
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
}

/* Those of which give says so, by their places in the table. */
static void give_back(struct weir_jobmaster *jm, const bool *give, bool behind, struct weir_effects *effects)
{
    struct weir_slot *slots = WEIR_ARENA_ARRAY(effects->arena, struct weir_slot, jm->slot_count);
    uint32_t kept = 0, count = 0;
    for (uint32_t i = 0; i < jm->slot_count; i++) {
        const struct jobmaster_slot slot = jm->slots[i];
        bool bound = slot.share < jm->share_count && jm->share_slot[slot.share] == i;
        if (bound) jm->share_slot[slot.share] = give[i] ? GRAPH_NONE : kept;
        if (give[i])
            slots[count++] = slot.slot;
        else
            jm->slots[kept++] = slot;
    }
    jm->slot_count = kept;
    jm->slot_free = 0;
    index_slots(jm);
    if (count) release(jm, slots, count, behind, effects);
}

static bool is_in_use(const struct weir_jobmaster *jm, uint32_t slot)
{
    const struct weir_slot *place = &jm->slots[slot].slot;
    uint32_t taskmanager = taskmanagers__find(jm, place->node);
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->taskmanager == taskmanager && subtask->slot == place->index &&
            weir_execution_state_is_alive(subtask->state))
            return true;
    }
    return false;
}

void slots__release_surplus(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    slots__require(jm, effects); /* fewer: they are not to come back */
    uint32_t wanted = wanted_slots(jm), count = 0;
    if (jm->slot_count <= wanted || jm->stray_count) return;
    uint32_t surplus = jm->slot_count - wanted;
    bool *give = WEIR_ARENA_ARRAY(effects->arena, bool, jm->slot_count);
    for (uint32_t i = 0; i < jm->slot_count && count < surplus; i++) {
        give[i] = jm->slots[i].share == GRAPH_NONE && slot_is_usable(jm, i) && !is_in_use(jm, i);
        count += give[i];
    }
    give_back(jm, give, false, effects);
}

void slots__release_unused(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->slot_count || jm->stray_count) return;
    bool *give = WEIR_ARENA_ARRAY(effects->arena, bool, jm->slot_count);
    for (uint32_t i = 0; i < jm->slot_count; i++) give[i] = true;
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->taskmanager == GRAPH_NONE || !weir_execution_state_is_alive(subtask->state)) continue;
        uint32_t slot = find_slot(jm, jm->taskmanagers[subtask->taskmanager]->node, subtask->slot);
        if (slot != GRAPH_NONE) give[slot] = false;
    }
    give_back(jm, give, true, effects);
}

void slots__release_needless(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    uint64_t happened = jm->progress + jm->graph.changes;
    const uint32_t *counts = jm->graph.region_counts;
    if (!jm->graph_ready || jobmaster__ending(jm) || jm->rescale_cancelling || jm->stray_count) return;
    if (counts[REGION_RUNNING] + counts[REGION_FINISHED] != jm->graph.region_count) return;
    if (jm->slot_count <= jm->slots_required || happened == jm->surplus_looked_at) return;
    jm->surplus_looked_at = happened;
    slots__release_surplus(jm, effects);
}

void slots__release_all(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->slot_count) return;
    struct weir_slot *slots = WEIR_ARENA_ARRAY(effects->arena, struct weir_slot, jm->slot_count);
    for (uint32_t i = 0; i < jm->slot_count; i++) slots[i] = jm->slots[i].slot;
    release(jm, slots, jm->slot_count, false, effects);
    jm->slot_count = 0;
    for (uint32_t i = 0; i < jm->share_count; i++) jm->share_slot[i] = GRAPH_NONE;
    index_slots(jm);
}

void slots__failed(struct weir_jobmaster *jm, uint32_t subtask, struct weir_effects *effects)
{
    const struct graph_subtask *refused = &jm->graph.subtasks[subtask];
    const struct jobmaster_taskmanager *at = jm->taskmanagers[refused->taskmanager];
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) {
        const struct graph_subtask *other = &jm->graph.subtasks[i];
        bool shares = other->taskmanager == refused->taskmanager && other->slot == refused->slot;
        if (i != subtask && shares && weir_execution_state_is_alive(other->state)) return; /* it is in use */
    }
    struct weir_slot *slot = WEIR_ARENA_NEW(effects->arena, struct weir_slot);
    *slot = (struct weir_slot){ at->node, at->incarnation, refused->slot };
    struct weir_local_message message = { .kind = WEIR_LOCAL_SLOT_FAILED,
        .from = WEIR_ROLE_JOBMASTER,
        .job = jm->job,
        .slots = slot,
        .slot_count = 1 };
    weir_effect_local(effects, WEIR_ROLE_RESOURCEMANAGER, NULL, &message);
}
