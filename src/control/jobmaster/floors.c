/*
 * Runs that may not come back (H13). A region that is deployed again while attempts of its earlier run may
 * still live out of sight gets a floor in the record first: its new attempts clear away what the older ones
 * had not committed, so those must never be attached again, by whatever leader they meet.
 */
#include "control/jobmaster/internal.h"
#include <string.h>

#define ALL_VERTICES UINT32_MAX

static bool is_below(const struct weir_run *run, uint64_t epoch, uint64_t counter)
{
    return run->epoch != epoch ? run->epoch < epoch : run->counter < counter;
}

bool floors__is_deposed(const struct graph_region *region, const struct weir_run *run)
{
    if (WEIR_PLANTED(deposed_run_reattached) || WEIR_PLANTED(reattach_ignores_checkpoint)) return false;
    return is_below(run, region->floor_epoch, region->floor_counter);
}

static void raise_floor(struct graph_region *region, const Weir__RunFloor *floor)
{
    struct weir_run now = { .epoch = region->floor_epoch, .counter = region->floor_counter };
    if (!is_below(&now, floor->epoch, floor->counter)) return;
    region->floor_epoch = floor->epoch;
    region->floor_counter = floor->counter;
}

/* Of a subtask that its vertex does not have any more it holds for the vertex, all of which was deployed anew
 * since; of a vertex that is none, for all. */
static void raise_floors(struct weir_jobmaster *jm, const Weir__RunFloor *floor)
{
    uint32_t first = 0, count = jm->graph.subtask_count;
    uint32_t subtask = graph__find_subtask(&jm->graph, floor->vertex, floor->subtask);
    uint32_t vertex = graph__find_vertex(&jm->graph, floor->vertex);
    if (subtask != GRAPH_NONE) {
        first = subtask;
        count = 1;
    } else if (vertex != GRAPH_NONE) {
        first = jm->graph.vertices[vertex].first;
        count = jm->graph.vertices[vertex].parallelism;
    }
    for (uint32_t i = first; i < first + count; i++)
        raise_floor(&jm->graph.regions[jm->graph.subtasks[i].region], floor);
}

void floors__read(struct weir_jobmaster *jm)
{
    const Weir__JobRecord *record = jm->record.confirmed;
    for (size_t i = 0; i < record->n_run_floors; i++) raise_floors(jm, record->run_floors[i]);
}

static bool needs_floor(const struct graph_region *region, bool cancelling)
{
    return region->unseen &&
           (region->state == REGION_WAITING || (cancelling && region->state == REGION_CANCELLING));
}

static uint32_t count_unseen(const struct weir_jobmaster *jm, bool cancelling)
{
    uint32_t count = 0;
    for (uint32_t r = 0; r < jm->graph.region_count; r++)
        count += needs_floor(&jm->graph.regions[r], cancelling);
    return count;
}

static Weir__RunFloor *new_floor(struct weir_jobmaster *jm, uint32_t vertex, uint32_t subtask)
{
    Weir__RunFloor *floor = WEIR_PROTO_NEW(weir_record_arena(&jm->record), Weir__RunFloor, weir__run_floor);
    floor->vertex = vertex;
    floor->subtask = subtask;
    floor->epoch = jm->identity->epoch;
    floor->counter = jm->run_counter + 1; /* the least that any run deployed from now on has */
    floor->checkpoint = jobmaster__restore_point(jm);
    return floor;
}

/* Those that the newest checkpoint has not made needless. */
static uint32_t keep_floors(const Weir__JobRecord *record, uint64_t newest, Weir__RunFloor **to)
{
    uint32_t count = 0;
    for (size_t i = 0; i < record->n_run_floors; i++)
        if (record->run_floors[i]->checkpoint >= newest) to[count++] = record->run_floors[i];
    return count;
}

bool floors__add(struct weir_jobmaster *jm, bool cancelling)
{
    uint32_t unseen = count_unseen(jm, cancelling);
    if (!unseen) return false;
    Weir__JobRecord *wanted = jm->record.wanted;
    size_t room = wanted->n_run_floors + unseen;
    Weir__RunFloor **floors = WEIR_ARENA_ARRAY(weir_record_arena(&jm->record), Weir__RunFloor *, room);
    uint32_t count = keep_floors(wanted, jobmaster__restore_point(jm), floors);
    bool all = count + unseen > JOBMASTER_FLOORS_MAX;
    if (all) {
        count = 0;
        floors[count++] = new_floor(jm, ALL_VERTICES, 0);
    }
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        struct graph_region *region = &jm->graph.regions[r];
        if (!needs_floor(region, cancelling)) continue;
        region->unseen = false; /* nothing is deployed before this is confirmed */
        const struct graph_subtask *first = &jm->graph.subtasks[jm->graph.members[region->first]];
        if (!all) floors[count++] = new_floor(jm, jm->graph.vertices[first->vertex].id, first->index);
    }
    wanted->run_floors = floors;
    wanted->n_run_floors = count;
    return true;
}

bool floors__write(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!floors__add(jm, false)) return false;
    jobmaster__record_changed(jm, effects);
    return true;
}
