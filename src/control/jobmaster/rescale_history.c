/* The last times in which the job was brought to a parallelism, for those who look: its first deployment, a
 * request, a failover. It only watches: what happens is decided elsewhere. */
#include "control/jobmaster/internal.h"

enum { RESCALE_STATES_MAX = 8 };

struct rescale {
    uint64_t number, epoch, plan_version;
    Weir__RescaleCause cause;
    Weir__RescaleOutcome outcome;
    int64_t started_wall_us, ended_wall_us;
    struct rescale_vertex {
        uint32_t id, desired, before, after;
    } * vertices;
    uint32_t vertex_count;
    struct {
        Weir__JobState state;
        int64_t entered_wall_us;
    } states[RESCALE_STATES_MAX];
    uint32_t state_count;
    const char *reason; /* constant */
};

struct jobmaster_rescales {
    uint64_t count; /* ever */
    uint32_t outcomes[WEIR__RESCALE_OUTCOME__RESCALE_IGNORED + 1];
    uint32_t capacity;
    struct rescale *all[]; /* a ring; a thousand jobs have one each */
};

static struct jobmaster_rescales *make(struct weir_jobmaster *jm)
{
    uint32_t capacity = WEIR_MIN(jm->options->rescales_remembered, (uint32_t)WEIR_RESCALES_REMEMBERED_MAX);
    struct jobmaster_rescales *rescales =
        weir_memory_allocate_zeroed(jm->memory, sizeof *rescales + sizeof *rescales->all * capacity);
    rescales->capacity = capacity;
    return rescales;
}

static struct rescale *newest(const struct weir_jobmaster *jm)
{
    struct jobmaster_rescales *rescales = jm->rescales;
    return rescales && rescales->count ? rescales->all[(rescales->count - 1) % rescales->capacity] : NULL;
}

static struct rescale *open_one(const struct weir_jobmaster *jm)
{
    struct rescale *rescale = newest(jm);
    return rescale && rescale->outcome == WEIR__RESCALE_OUTCOME__RESCALE_IN_PROGRESS ? rescale : NULL;
}

static void drop(struct weir_jobmaster *jm, struct rescale *rescale)
{
    if (!rescale) return;
    weir_memory_release(jm->memory, rescale->vertices, sizeof *rescale->vertices * rescale->vertex_count);
    weir_memory_release(jm->memory, rescale, sizeof *rescale);
}

void rescales__free(struct weir_jobmaster *jm)
{
    struct jobmaster_rescales *rescales = jm->rescales;
    if (!rescales) return;
    for (uint32_t i = 0; i < rescales->capacity; i++) drop(jm, rescales->all[i]);
    weir_memory_release(jm->memory, rescales, sizeof *rescales + sizeof *rescales->all * rescales->capacity);
    jm->rescales = NULL;
}

static void note_state(struct weir_jobmaster *jm, struct rescale *rescale)
{
    if (rescale->state_count == RESCALE_STATES_MAX) return;
    rescale->states[rescale->state_count].state = jm->state;
    rescale->states[rescale->state_count++].entered_wall_us = jm->wall_us;
}

static void note_desired(struct weir_jobmaster *jm, struct rescale *rescale)
{
    const Weir__JobRecord *wanted = jm->record.wanted;
    for (uint32_t v = 0; v < rescale->vertex_count; v++) {
        uint64_t ignored;
        rescale->vertices[v].desired =
            graph__parallelism(jm->graph.vertices[v].plan, wanted->overrides, wanted->n_overrides, &ignored);
    }
}

static void begin(struct weir_jobmaster *jm, Weir__RescaleCause cause, uint64_t plan_version)
{
    if (!jm->options->rescales_remembered) return;
    if (!jm->rescales) jm->rescales = make(jm);
    struct jobmaster_rescales *rescales = jm->rescales;
    struct rescale **at = &rescales->all[rescales->count % rescales->capacity];
    drop(jm, *at);
    struct rescale *rescale = *at = weir_memory_allocate_zeroed(jm->memory, sizeof *rescale);
    *rescale = (struct rescale){ .number = ++rescales->count,
        .epoch = jm->record.wanted->epoch,
        .plan_version = plan_version,
        .cause = cause,
        .outcome = WEIR__RESCALE_OUTCOME__RESCALE_IN_PROGRESS,
        .started_wall_us = jm->wall_us,
        .vertex_count = jm->graph.vertex_count };
    rescale->vertices =
        weir_memory_allocate_zeroed(jm->memory, sizeof *rescale->vertices * rescale->vertex_count);
    for (uint32_t v = 0; v < rescale->vertex_count; v++) {
        rescale->vertices[v].id = jm->graph.vertices[v].id;
        if (cause != WEIR__RESCALE_CAUSE__INITIAL_SCHEDULE)
            rescale->vertices[v].before = jm->graph.vertices[v].parallelism;
    }
    note_desired(jm, rescale);
    note_state(jm, rescale);
}

static void end(
    struct weir_jobmaster *jm, struct rescale *rescale, Weir__RescaleOutcome outcome, const char *reason)
{
    rescale->outcome = outcome;
    rescale->reason = reason;
    rescale->ended_wall_us = jm->wall_us;
    jm->rescales->outcomes[outcome]++;
    for (uint32_t v = 0; v < rescale->vertex_count; v++)
        if (outcome == WEIR__RESCALE_OUTCOME__RESCALE_COMPLETED)
            rescale->vertices[v].after = jm->graph.vertices[v].parallelism;
}

/* The record wants another parallelism now. */
void rescales__requested(struct weir_jobmaster *jm)
{
    struct rescale *rescale = open_one(jm);
    if (rescale) end(jm, rescale, WEIR__RESCALE_OUTCOME__RESCALE_IGNORED, "RESOURCE_REQUIREMENTS_UPDATED");
    begin(jm, WEIR__RESCALE_CAUSE__UPDATE_REQUIREMENT, jm->record.wanted->plan_version);
}

static const char *end_reason(Weir__JobState state)
{
    switch (state) {
    case WEIR__JOB_STATE__JOB_FAILED: return "JOB_FAILED";
    case WEIR__JOB_STATE__JOB_CANCELED: return "JOB_CANCELED";
    default: return "JOB_FINISHED";
    }
}

static void note_change(struct weir_jobmaster *jm)
{
    bool first = jm->state == WEIR__JOB_STATE__JOB_CREATED,
         again = jm->state == WEIR__JOB_STATE__JOB_RESTARTING;
    struct rescale *rescale = open_one(jm);
    jm->rescale_seen = jm->state;
    if (rescale)
        note_state(jm, rescale);
    else if ((first || again) && !jobmaster__ending(jm))
        begin(jm, first ? WEIR__RESCALE_CAUSE__INITIAL_SCHEDULE : WEIR__RESCALE_CAUSE__RECOVERABLE_FAILOVER,
            jm->graph_version);
}

void rescales__observe(struct weir_jobmaster *jm)
{
    if (!jm->graph_ready || jm->start != START_DONE) return;
    if (jm->rescale_seen != jm->state) note_change(jm);
    struct rescale *rescale = open_one(jm);
    if (!rescale) return;
    const uint32_t *counts = jm->graph.region_counts;
    if (jobmaster__ending(jm)) {
        bool failed = jm->end_state == WEIR__JOB_STATE__JOB_FAILED;
        end(jm, rescale,
            failed ? WEIR__RESCALE_OUTCOME__RESCALE_FAILED : WEIR__RESCALE_OUTCOME__RESCALE_IGNORED,
            end_reason(jm->end_state));
    } else if (jm->state == WEIR__JOB_STATE__JOB_RUNNING && jm->graph_version >= rescale->plan_version &&
               counts[REGION_RUNNING] + counts[REGION_FINISHED] == jm->graph.region_count) {
        end(jm, rescale, WEIR__RESCALE_OUTCOME__RESCALE_COMPLETED, "SUCCEEDED");
    }
}

/* ---------------------------------------------------------------- what is shown */

static Weir__RescaleDetails *describe(const struct rescale *rescale, struct weir_arena *arena)
{
    Weir__RescaleDetails *shown = WEIR_PROTO_NEW(arena, Weir__RescaleDetails, weir__rescale_details);
    shown->epoch = rescale->epoch;
    shown->number = rescale->number;
    shown->plan_version = rescale->plan_version;
    shown->cause = rescale->cause;
    shown->outcome = rescale->outcome;
    shown->started_ms = rescale->started_wall_us / 1000;
    shown->ended_ms = rescale->ended_wall_us / 1000;
    if (rescale->reason) shown->reason = (char *)rescale->reason;
    shown->vertices = WEIR_ARENA_ARRAY(arena, Weir__RescaleVertex *, rescale->vertex_count + 1);
    for (uint32_t v = 0; v < rescale->vertex_count; v++) {
        Weir__RescaleVertex *vertex = WEIR_PROTO_NEW(arena, Weir__RescaleVertex, weir__rescale_vertex);
        vertex->vertex = rescale->vertices[v].id;
        vertex->desired = rescale->vertices[v].desired;
        vertex->before = rescale->vertices[v].before;
        vertex->after = rescale->vertices[v].after;
        shown->vertices[shown->n_vertices++] = vertex;
    }
    shown->states = WEIR_ARENA_ARRAY(arena, Weir__RescaleState *, RESCALE_STATES_MAX);
    for (uint32_t i = 0; i < rescale->state_count; i++) {
        Weir__RescaleState *state = WEIR_PROTO_NEW(arena, Weir__RescaleState, weir__rescale_state);
        state->state = rescale->states[i].state;
        state->entered_ms = rescale->states[i].entered_wall_us / 1000;
        shown->states[shown->n_states++] = state;
    }
    return shown;
}

void rescales__describe(const struct weir_jobmaster *jm, Weir__JobDetails *details, struct weir_arena *arena)
{
    const struct jobmaster_rescales *rescales = jm->rescales;
    if (!rescales) return;
    details->rescales = WEIR_ARENA_ARRAY(arena, Weir__RescaleDetails *, rescales->capacity);
    for (uint64_t n = rescales->count; n > 0 && details->n_rescales < rescales->capacity; n--)
        details->rescales[details->n_rescales++] =
            describe(rescales->all[(n - 1) % rescales->capacity], arena);
    details->n_rescales_in = WEIR_ARRAY_COUNT(rescales->outcomes);
    details->rescales_in = WEIR_ARENA_ARRAY(arena, uint32_t, WEIR_ARRAY_COUNT(rescales->outcomes));
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(rescales->outcomes); i++)
        details->rescales_in[i] = rescales->outcomes[i];
    details->rescales_in[WEIR__RESCALE_OUTCOME__RESCALE_IN_PROGRESS] = open_one(jm) != NULL;
}
