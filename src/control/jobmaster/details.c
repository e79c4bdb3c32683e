/* What REST shows of one job: its vertices with their attempts, its checkpoints, its failures. */
#include "control/jobmaster/internal.h"

Weir__ExecutionState details__state(const struct weir_jobmaster *jm, const struct graph_subtask *subtask)
{
    bool in_vain = jobmaster__ending(jm) && jm->end_state != WEIR__JOB_STATE__JOB_FINISHED;
    bool after = jm->graph.regions[subtask->region].commit_only;
    return in_vain && after && weir_execution_state_is_terminal(subtask->state) ? subtask->work_ended
                                                                                : subtask->state;
}

static Weir__SubtaskDetails *subtask_details(
    const struct weir_jobmaster *jm, const struct graph_subtask *subtask, struct weir_arena *arena)
{
    Weir__SubtaskDetails *details = WEIR_PROTO_NEW(arena, Weir__SubtaskDetails, weir__subtask_details);
    details->subtask = subtask->index;
    details->state = details__state(jm, subtask);
    if (subtask->attempt.number) details->attempt = weir_attempt_id_to(arena, &subtask->attempt);
    if (subtask->ran_on) details->taskmanager = (char *)weir_nodes_name(jm->nodes, subtask->ran_on);
    details->started_ms = subtask->started_wall_us / 1000;
    details->ended_ms = subtask->ended_wall_us / 1000;
    if (subtask->has_figures) details->figures = (Weir__TaskFigures *)&subtask->figures;
    return details;
}

static void add_vertices(const struct weir_jobmaster *jm, Weir__JobDetails *details, struct weir_arena *arena)
{
    const struct execution_graph *graph = &jm->graph;
    const Weir__JobRecord *record = jm->record.confirmed;
    details->vertices = WEIR_ARENA_ARRAY(arena, Weir__VertexDetails *, graph->vertex_count + 1);
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct graph_vertex *vertex = &graph->vertices[v];
        Weir__VertexDetails *shown = WEIR_PROTO_NEW(arena, Weir__VertexDetails, weir__vertex_details);
        details->vertices[details->n_vertices++] = shown;
        shown->plan = (Weir__PlanVertex *)vertex->plan;
        shown->parallelism = vertex->parallelism;
        if (record) {
            uint64_t ignored;
            shown->parallelism_wanted =
                graph__parallelism(vertex->plan, record->overrides, record->n_overrides, &ignored);
        }
        shown->subtasks = WEIR_ARENA_ARRAY(arena, Weir__SubtaskDetails *, vertex->parallelism + 1);
        for (uint32_t i = 0; i < vertex->parallelism; i++)
            shown->subtasks[shown->n_subtasks++] =
                subtask_details(jm, &graph->subtasks[vertex->first + i], arena);
    }
}

static Weir__CheckpointDetails *checkpoint_details(
    const struct weir_checkpoint_history_entry *entry, struct weir_arena *arena)
{
    Weir__CheckpointDetails *shown = WEIR_PROTO_NEW(arena, Weir__CheckpointDetails, weir__checkpoint_details);
    shown->id = entry->id;
    shown->kind = entry->kind;
    shown->outcome = (Weir__CheckpointOutcome)entry->outcome; /* the same numbers */
    shown->triggered_ms = entry->triggered_wall_us / 1000;
    shown->duration_ms = entry->duration_us / 1000;
    shown->subtasks = entry->subtasks;
    shown->acknowledged = entry->acknowledged;
    shown->bytes_full = entry->bytes_full;
    shown->bytes_written = entry->bytes_written;
    shown->text = (char *)entry->text;
    return shown;
}

static void add_parts(
    const struct weir_jobmaster *jm, Weir__CheckpointDetails *shown, struct weir_arena *arena)
{
    uint32_t count = 0;
    const struct weir_checkpoint_part *parts =
        weir_checkpoint_parts(jm->coordinator, shown->id, arena, &count);
    if (!parts) return;
    shown->parts = WEIR_ARENA_ARRAY(arena, Weir__CheckpointPart *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        Weir__CheckpointPart *part = WEIR_PROTO_NEW(arena, Weir__CheckpointPart, weir__checkpoint_part);
        part->vertex = parts[i].vertex;
        part->subtask = parts[i].subtask;
        part->acknowledged = parts[i].acknowledged;
        part->acknowledged_ms = parts[i].acknowledged_wall_us / 1000;
        part->duration_ms = parts[i].duration_us / 1000;
        part->bytes_full = parts[i].bytes_full;
        part->bytes_written = parts[i].bytes_written;
        part->alignment_ms = parts[i].alignment_ms;
        part->sync_ms = parts[i].sync_ms;
        part->async_ms = parts[i].async_ms;
        part->start_delay_ms = parts[i].start_delay_ms;
        shown->parts[shown->n_parts++] = part;
    }
}

static Weir__CheckpointDetails **add_entries(const struct weir_jobmaster *jm,
    const struct weir_checkpoint_history_entry *entries, uint32_t count, uint64_t checkpoint,
    struct weir_arena *arena)
{
    Weir__CheckpointDetails **all = WEIR_ARENA_ARRAY(arena, Weir__CheckpointDetails *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        all[i] = checkpoint_details(&entries[i], arena);
        if (checkpoint == DETAILS_ALL_PARTS || (checkpoint && entries[i].id == checkpoint))
            add_parts(jm, all[i], arena);
    }
    return all;
}

static void add_checkpoints(
    const struct weir_jobmaster *jm, Weir__JobDetails *details, uint64_t checkpoint, struct weir_arena *arena)
{
    struct weir_checkpoint_statistics statistics;
    weir_checkpoint_statistics(jm->coordinator, &statistics);
    details->checkpoints_triggered = statistics.triggered;
    details->checkpoints_completed = statistics.completed;
    details->checkpoints_failed = statistics.failed;
    details->checkpoints_aborted = statistics.aborted;
    details->checkpoints_in_progress = statistics.in_progress;
    struct weir_checkpoint_history_entry *ended =
        WEIR_ARENA_ARRAY(arena, struct weir_checkpoint_history_entry, WEIR_CHECKPOINT_HISTORY_MAX);
    struct weir_checkpoint_history_entry *pending =
        WEIR_ARENA_ARRAY(arena, struct weir_checkpoint_history_entry, WEIR_CHECKPOINT_PENDING_SHOWN_MAX);
    uint32_t count = weir_checkpoint_history(jm->coordinator, ended, WEIR_CHECKPOINT_HISTORY_MAX);
    details->checkpoints = add_entries(jm, ended, count, checkpoint, arena);
    details->n_checkpoints = count;
    count = weir_checkpoint_in_progress(jm->coordinator, pending, WEIR_CHECKPOINT_PENDING_SHOWN_MAX);
    details->checkpoints_pending = add_entries(jm, pending, count, checkpoint, arena);
    details->n_checkpoints_pending = count;
}

static Weir__FailureDetails *failure_details(
    const struct weir_jobmaster *jm, const struct weir_jobmaster_failure *failure, struct weir_arena *arena)
{
    Weir__FailureDetails *shown = WEIR_PROTO_NEW(arena, Weir__FailureDetails, weir__failure_details);
    shown->vertex = failure->vertex;
    shown->subtask = failure->subtask;
    if (failure->node) shown->taskmanager = (char *)weir_nodes_name(jm->nodes, failure->node);
    shown->at_ms = failure->wall_us / 1000;
    shown->text = (char *)failure->text;
    return shown;
}

static void add_failures(const struct weir_jobmaster *jm, Weir__JobDetails *details, struct weir_arena *arena)
{
    details->failures = WEIR_ARENA_ARRAY(arena, Weir__FailureDetails *, WEIR_JOBMASTER_EXCEPTIONS_MAX);
    const struct weir_jobmaster_exception *exception;
    while ((exception = weir_jobmaster_exception(jm, (uint32_t)details->n_failures))) {
        Weir__FailureDetails *shown = failure_details(jm, &exception->root, arena);
        uint32_t concurrent = WEIR_MIN(exception->concurrent_count, (uint32_t)WEIR_JOBMASTER_CONCURRENT_MAX);
        shown->concurrent = WEIR_ARENA_ARRAY(arena, Weir__FailureDetails *, concurrent + 1);
        for (uint32_t i = 0; i < concurrent; i++)
            shown->concurrent[shown->n_concurrent++] = failure_details(jm, &exception->concurrent[i], arena);
        details->failures[details->n_failures++] = shown;
    }
}

Weir__JobDetails *details__make(
    const struct weir_jobmaster *jm, uint64_t checkpoint, struct weir_arena *arena)
{
    Weir__JobDetails *details = WEIR_PROTO_NEW(arena, Weir__JobDetails, weir__job_details);
    const Weir__JobRecord *record = jm->record.confirmed ? jm->record.confirmed : jm->record.wanted;
    details->plan_version = record->plan_version;
    details->graph_version = jm->graph_version;
    details->restore = record->restore;
    details->retained = record->checkpoints;
    details->n_retained = record->n_checkpoints;
    details->submitted_ms = record->submitted_ms;
    details->failovers = jm->failovers;
    if (jm->plan) details->settings = jm->plan->settings;
    if (jm->graph_ready) add_vertices(jm, details, arena);
    if (jm->coordinator) add_checkpoints(jm, details, checkpoint, arena);
    add_failures(jm, details, arena);
    rescales__describe(jm, details, arena);
    return details;
}
