/*
 * Rescaling a running job. The new parallelism is in the record, under a larger plan version, before the
 * client is answered. While there are too few slots for it the job goes on as it is, which the record says
 * beside it, for new leaders. Then a checkpoint is taken when one can be, the regions that hold a subtask of
 * a changed vertex are cancelled, the graph is exchanged, and they are deployed anew from the newest
 * checkpoint; state is found again by key groups. All other regions go on.
 */
#include "control/jobmaster/internal.h"
#include <string.h>

#define RESCALE_CHECKPOINT_US (60 * 1000 * 1000LL) /* longer is not waited for one */

/* ---------------------------------------------------------------- slots */

static uint32_t slots_of(const struct weir_jobmaster *jm, const Weir__JobRecord *record)
{
    uint32_t widest = 0;
    uint64_t ignored;
    for (uint32_t v = 0; v < jm->graph.vertex_count; v++)
        widest = WEIR_MAX(widest,
            graph__parallelism(jm->graph.vertices[v].plan, record->overrides, record->n_overrides, &ignored));
    return widest;
}

static bool lacks_slots(const struct weir_jobmaster *jm, uint32_t needed)
{
    return needed > jm->graph.parallelism_max && needed > jm->slot_count;
}

/* False: it is in the record. */
static bool note_in_use(struct weir_jobmaster *jm)
{
    struct weir_arena *arena = weir_record_arena(&jm->record);
    if (jm->record.wanted->in_use) return false;
    Weir__WidthInUse *in_use = WEIR_PROTO_NEW(arena, Weir__WidthInUse, weir__width_in_use);
    in_use->plan_version = jm->graph_version;
    in_use->n_overrides = jm->graph.override_count;
    in_use->overrides = WEIR_ARENA_ARRAY(arena, Weir__ParallelismOverride *, in_use->n_overrides + 1);
    for (size_t i = 0; i < in_use->n_overrides; i++)
        in_use->overrides[i] = WEIR_PROTO_COPY(arena, jm->graph.overrides[i]);
    jm->record.wanted->in_use = in_use;
    return true;
}

/* ---------------------------------------------------------------- request */

static uint32_t merge_one(struct weir_jobmaster *jm, Weir__ParallelismOverride **merged, uint32_t count,
    const Weir__ParallelismOverride *from, uint64_t version)
{
    uint32_t at = 0;
    while (at < count && merged[at]->vertex != from->vertex) at++;
    if (at == count) {
        uint64_t ignored;
        uint32_t vertex = graph__find_vertex(&jm->graph, from->vertex);
        if (vertex != GRAPH_NONE &&
            graph__parallelism(jm->graph.vertices[vertex].plan, merged, count, &ignored) == from->parallelism)
            return count;
        merged[count++] = WEIR_PROTO_NEW(
            weir_record_arena(&jm->record), Weir__ParallelismOverride, weir__parallelism_override);
    } else if (merged[at]->parallelism == from->parallelism) {
        return count;
    }
    merged[at]->vertex = from->vertex;
    merged[at]->parallelism = from->parallelism;
    merged[at]->plan_version = version;
    return count;
}

/* Nothing was stopped yet for a width that waits for slots, or for a checkpoint. A vertex that is to be again
 * as it is was never any other: its runs fit, under a later leader, too. */
static void take_back(struct weir_jobmaster *jm, Weir__ParallelismOverride **merged, uint32_t count)
{
    if (jm->rescale_cancelling) return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = graph__find_vertex(&jm->graph, merged[i]->vertex);
        if (at != GRAPH_NONE && merged[i]->parallelism == jm->graph.vertices[at].parallelism)
            merged[i]->plan_version = jm->graph.vertices[at].plan_version;
    }
}

/* Names what is wrong with it, or NULL. */
static const char *check(struct weir_jobmaster *jm, Weir__ParallelismOverride **merged, uint32_t count,
    struct weir_effects *effects)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t vertex = graph__find_vertex(&jm->graph, merged[i]->vertex);
        if (vertex == GRAPH_NONE)
            return weir_arena_format(effects->arena, "the job has no vertex %u", merged[i]->vertex);
        const Weir__PlanVertex *plan = jm->graph.vertices[vertex].plan;
        if (plan->keeps_parallelism && merged[i]->parallelism != plan->parallelism)
            return weir_arena_format(effects->arena, "%s keeps its parallelism of %u: %s", plan->name,
                plan->parallelism,
                plan->source ? "its rows are those of its subtasks" : "all its rows go to one subtask");
    }
    struct weir_error error;
    struct weir_arena scratch;
    weir_arena_init(&scratch, jm->memory);
    struct execution_graph graph;
    const char *wrong = NULL;
    if (graph__build(&graph, &scratch, jm->memory, jm->plan, merged, count, &error))
        wrong = weir_arena_string(effects->arena, error.message);
    graph__done(&graph);
    weir_arena_done(&scratch);
    return wrong;
}

static const char *reason_against(
    struct weir_jobmaster *jm, const Weir__RescaleJob *message, Weir__ReplyCode *ret)
{
    *ret = WEIR__REPLY_CODE__REPLY_CONFLICT;
    if (jobmaster__ending(jm) || jm->record.wanted->target->kind != WEIR__TARGET_KIND__TARGET_RUN)
        return "the job is ending";
    if (!jm->graph_ready || jm->start != START_DONE) {
        *ret = WEIR__REPLY_CODE__REPLY_UNAVAILABLE; /* passes by itself */
        return "the job is being started or recovered, try again";
    }
    if (message->n_overrides == 0 || message->n_overrides > JOBMASTER_OVERRIDES_MAX)
        return "a rescaling names at least one vertex, and not more than there are";
    return NULL;
}

void rescale__request(struct weir_jobmaster *jm, weir_node from, uint64_t request,
    const Weir__RescaleJob *message, struct weir_effects *effects)
{
    Weir__ReplyCode code;
    const char *against = reason_against(jm, message, &code);
    if (against) {
        summary__reply(jm, from, request, code, against, effects);
        return;
    }
    Weir__JobRecord *wanted = jm->record.wanted;
    struct weir_arena *arena = weir_record_arena(&jm->record);
    size_t room = wanted->n_overrides + message->n_overrides;
    Weir__ParallelismOverride **merged = WEIR_ARENA_ARRAY(arena, Weir__ParallelismOverride *, room);
    uint32_t count = 0;
    for (size_t i = 0; i < wanted->n_overrides; i++)
        merged[count++] = WEIR_PROTO_COPY(arena, wanted->overrides[i]);
    uint64_t version = wanted->plan_version + 1;
    for (size_t i = 0; i < message->n_overrides; i++)
        count = merge_one(jm, merged, count, message->overrides[i], version);
    bool changed = false;
    for (uint32_t i = 0; i < count; i++)
        if (merged[i]->plan_version == version) changed = true;
    const char *wrong = check(jm, merged, count, effects);
    if (wrong) {
        summary__reply(jm, from, request, WEIR__REPLY_CODE__REPLY_BAD_REQUEST, wrong, effects);
        return;
    }
    if (changed) {
        take_back(jm, merged, count);
        wanted->overrides = merged;
        wanted->n_overrides = count;
        wanted->plan_version = version;
        if (!jm->rescale_cancelling && lacks_slots(jm, slots_of(jm, wanted))) (void)note_in_use(jm);
        rescales__requested(jm);
        jobmaster__record_changed(jm, effects);
    }
    requests__answer_later(
        jm, from, request, WEIR__REPLY_CODE__REPLY_OK, "the job is being rescaled", effects);
}

/* ---------------------------------------------------------------- carrying it out */

/* Vertices of the regions that hold a subtask of a changed vertex. */
static bool *affected_vertices(struct weir_jobmaster *jm, struct weir_arena *arena)
{
    const Weir__JobRecord *record = jm->record.confirmed;
    bool *regions = WEIR_ARENA_ARRAY(arena, bool, jm->graph.region_count);
    bool *vertices = WEIR_ARENA_ARRAY(arena, bool, jm->graph.vertex_count);
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[i];
        const struct graph_vertex *vertex = &jm->graph.vertices[subtask->vertex];
        uint64_t version;
        if (graph__parallelism(vertex->plan, record->overrides, record->n_overrides, &version) !=
            vertex->parallelism)
            regions[subtask->region] = true;
    }
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++)
        if (regions[jm->graph.subtasks[i].region]) vertices[jm->graph.subtasks[i].vertex] = true;
    return vertices;
}

static void cancel_affected(struct weir_jobmaster *jm, const bool *affected)
{
    jm->rescale_cancelling = true;
    jm->rescale_version = jm->record.confirmed->plan_version;
    jm->progress++;
    if (jm->state == WEIR__JOB_STATE__JOB_RUNNING) jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_RESTARTING);
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        uint32_t first = jm->graph.members[jm->graph.regions[r].first];
        if (affected[jm->graph.subtasks[first].vertex]) deploy__cancel_region(jm, r, true);
    }
}

static bool affected_have_stopped(const struct weir_jobmaster *jm, const bool *affected)
{
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        uint32_t first = jm->graph.members[jm->graph.regions[r].first];
        if (affected[jm->graph.subtasks[first].vertex] && jm->graph.regions[r].state != REGION_STOPPED)
            return false;
    }
    return true;
}

/* A region that goes on moves into the new graph as it is. */
static void carry_region(struct execution_graph *to, uint32_t at, struct graph_region *from)
{
    struct graph_region *region = &to->regions[at];
    to->region_counts[region->state]--;
    region->state = from->state;
    to->region_counts[region->state]++;
    region->run = from->run;
    region->restart_at_us = from->restart_at_us;
    region->waiting_since_us = from->waiting_since_us;
    region->unseen = from->unseen;
    region->floor_epoch = from->floor_epoch;
    region->floor_counter = from->floor_counter;
    region->snapshots_told = from->snapshots_told;
    region->commit_only = from->commit_only;
    region->finish_wanted = false; /* stopping for a rescale that was taken back: it is deployed again */
    weir_arena_done(&region->arena);
    region->arena = from->arena;
    weir_arena_init(&from->arena, from->arena.memory);
}

static void carry_subtask(struct execution_graph *to, uint32_t at, const struct graph_subtask *from)
{
    struct graph_subtask *subtask = &to->subtasks[at];
    struct graph_region *region = &to->regions[subtask->region];
    region->counts[subtask->state]--;
    to->counts[subtask->state]--;
    uint32_t vertex = subtask->vertex, own_region = subtask->region;
    *subtask = *from;
    subtask->vertex = vertex;
    subtask->region = own_region;
    region->counts[subtask->state]++;
    to->counts[subtask->state]++;
}

/* Attempts keep growing numbers, whatever width the vertex had in between (H11). */
static uint32_t largest_number(const struct execution_graph *graph, uint32_t v)
{
    uint32_t largest = graph->vertices[v].number_floor;
    for (uint32_t i = 0; i < graph->vertices[v].parallelism; i++)
        largest = WEIR_MAX(largest, graph->subtasks[graph->vertices[v].first + i].number_last);
    return largest;
}

static void carry(struct execution_graph *from, struct execution_graph *to, const bool *affected)
{
    for (uint32_t v = 0; v < to->vertex_count; v++) {
        struct graph_vertex *vertex = &to->vertices[v];
        vertex->number_floor = largest_number(from, v);
        for (uint32_t i = 0; i < vertex->parallelism; i++) {
            struct graph_subtask *old = affected[v] ? NULL : &from->subtasks[from->vertices[v].first + i];
            /* Stopped for a rescale that a later one has taken back: it is deployed again, as if it were new.
             */
            if (!old || from->regions[old->region].state == REGION_STOPPED) {
                to->subtasks[vertex->first + i].number_last = vertex->number_floor;
                continue;
            }
            uint32_t at = vertex->first + i, region = to->subtasks[at].region;
            if (to->members[to->regions[region].first] == at)
                carry_region(to, region, &from->regions[old->region]);
            carry_subtask(to, at, old);
        }
    }
}

static void swap_graph(struct weir_jobmaster *jm, const bool *affected, struct weir_effects *effects)
{
    const Weir__JobRecord *record = jm->record.confirmed;
    struct weir_arena *arena = &jm->graph_arenas[1 - jm->graph_arena];
    struct execution_graph graph;
    struct weir_error error;
    weir_arena_reset(arena);
    if (graph__build(&graph, arena, jm->memory, jm->plan, record->overrides, record->n_overrides, &error)) {
        failover__job(jm, weir_arena_string(effects->arena, error.message), effects);
        return; /* never: what was written was checked */
    }
    carry(&jm->graph, &graph, affected);
    graph.changes = jm->graph.changes + 1;
    graph__done(&jm->graph);
    jm->graph = graph;
    jm->graph_arena = 1 - jm->graph_arena;
    jm->graph_version = record->plan_version;
    jm->rescale_cancelling = false;
    jm->rescale_deadline_us = 0;
    jm->scan = true;
    jm->scan_at = 0;
    tasks__allocate(jm);
    slots__shares(jm);
    taskmanagers__strays_rebind(jm);
    slots__release_surplus(jm, effects); /* what ran in them has stopped */
    jm->tasks_urgent = true;
    tasks__tell(jm, effects); /* before anything looks at the old graph's array */
    weir_arena_reset(&jm->graph_arenas[1 - jm->graph_arena]);
    weir_effect_log(effects, WEIR_CONTROL_INFO, "job %s: plan version %llu, %u subtasks", jm->plan->name,
        (unsigned long long)jm->graph_version, jm->graph.subtask_count);
}

/* True while it pays to wait for a checkpoint that is newer than the request. */
static bool wait_for_checkpoint(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->rescale_deadline_us) {
        uint64_t timeout_ms = jm->plan->settings->checkpoint_timeout_ms;
        int64_t most_us = timeout_ms ? (int64_t)WEIR_MIN(timeout_ms, 60000u) * 1000 : RESCALE_CHECKPOINT_US;
        jm->rescale_deadline_us = jm->now_us + most_us;
        jm->rescale_checkpoint = weir_checkpoint_newest_id(jm->coordinator);
        jm->rescale_waits = jm->told_all_running;
        if (jm->rescale_waits) weir_checkpoint_now(jm->coordinator, jm->now_us, jm->wall_us, effects);
    }
    if (!jm->rescale_waits || !jm->told_all_running) return false;
    if (weir_checkpoint_newest_id(jm->coordinator) > jm->rescale_checkpoint) return false;
    if (jm->now_us >= jm->rescale_deadline_us) return false;
    jobmaster__wake(jm, jm->rescale_deadline_us);
    return true;
}

/* The job ends instead: what was stopped for the new width may be needed once more, to commit (H7). */
static void give_up(struct weir_jobmaster *jm)
{
    jm->rescale_cancelling = false;
    jm->progress++;
    jm->scan = true;
    if (jm->end >= END_CANCELLING) return;
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        jm->graph.regions[r].finish_wanted = false;
        if (jm->graph.regions[r].state == REGION_STOPPED) graph__set_region(&jm->graph, r, REGION_WAITING);
    }
}

uint32_t rescale__slots(const struct weir_jobmaster *jm)
{
    const Weir__JobRecord *record = jm->record.confirmed;
    if (!jm->graph_ready || !record || record->plan_version == jm->graph_version) return 0;
    return slots_of(jm, record);
}

/* What it got for its growth and cannot use alone is not kept from others for ever. */
static void let_others_pass(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    int64_t timeout_us = jm->options->slot_request_timeout_us;
    if (timeout_us <= 0 || timeout_us == INT64_MAX) return;
    if (!jm->rescale_slots_us) jm->rescale_slots_us = jm->now_us;
    if (jm->now_us - jm->rescale_slots_us >= timeout_us) {
        jm->rescale_slots_us = jm->now_us;
        slots__release_unused(jm, effects);
    }
    jobmaster__wake(jm, jm->rescale_slots_us + timeout_us);
}

/* A job that runs is not stopped for slots that are not there: it goes on as it is until they come, also
 * under the next leader. */
static bool wait_for_slots(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    uint32_t needed = rescale__slots(jm);
    if (!lacks_slots(jm, needed)) {
        jm->rescale_slots_us = 0;
        if (!jm->record.wanted->in_use) return jm->record.confirmed->in_use != NULL;
        jm->record.wanted->in_use = NULL; /* from here on a new leader carries it out */
        jobmaster__record_changed(jm, effects);
        return true;
    }
    if (note_in_use(jm)) jobmaster__record_changed(jm, effects);
    if (jm->rescale_told != jm->record.confirmed->plan_version)
        weir_effect_log(effects, WEIR_CONTROL_INFO,
            "job %s asks for %u slots more and goes on as it is until they are there: then it is rescaled",
            jm->plan->name, needed - jm->slot_count);
    jm->rescale_told = jm->record.confirmed->plan_version;
    let_others_pass(jm, effects);
    return true;
}

void rescale__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->graph_ready || jm->start != START_DONE) return;
    if (jobmaster__ending(jm) || jobmaster__only_commit(jm)) {
        if (jm->rescale_cancelling) give_up(jm);
        return;
    }
    if (jm->record.confirmed->plan_version == jm->graph_version) {
        jm->rescale_slots_us = 0;
        return;
    }
    if (jm->graph.region_counts[REGION_RECONCILING] || jm->suspended) return;
    if (!jm->rescale_cancelling && wait_for_slots(jm, effects)) return;
    bool *affected = affected_vertices(jm, effects->arena);
    if (!jm->rescale_cancelling && wait_for_checkpoint(jm, effects)) return;
    /* Another request may have come meanwhile, about others. */
    if (!jm->rescale_cancelling || jm->rescale_version != jm->record.confirmed->plan_version)
        cancel_affected(jm, affected);
    /* H8: which checkpoint is the newest must be known when attempts of the new width are made. */
    if (!jobmaster__settled(jm) || !affected_have_stopped(jm, affected)) return;
    swap_graph(jm, affected, effects);
}
