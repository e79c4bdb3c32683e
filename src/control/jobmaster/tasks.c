/* The subtasks as the checkpoint coordinator sees them. */
#include "control/jobmaster/internal.h"
#include <string.h>

enum { TASKS_TOLD_AT_ONCE = 256, TASKS_TOLD_EVERY_US = 2 /* and subtask */ };

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

void tasks__allocate(struct weir_jobmaster *jm)
{
    struct weir_arena *arena = jm->graph.arena;
    jm->tasks = WEIR_ARENA_ARRAY(arena, struct weir_checkpoint_task, jm->graph.subtask_count);
    jm->restored = WEIR_ARENA_ARRAY(arena, const Weir__SubtaskSnapshot *, jm->graph.subtask_count);
    jm->restored_vertices = WEIR_ARENA_ARRAY(arena, const Weir__VertexSnapshot *, jm->graph.vertex_count);
    jm->tasks_dirty = jm->tasks_urgent = true;
}

static void describe(const struct weir_jobmaster *jm, uint32_t at, struct weir_checkpoint_task *task)
{
    const struct graph_subtask *subtask = &jm->graph.subtasks[at];
    const struct graph_region *region = &jm->graph.regions[subtask->region];
    const struct graph_vertex *vertex = &jm->graph.vertices[subtask->vertex];
    bool up = region->state == REGION_DEPLOYING || region->state == REGION_RUNNING ||
              region->state == REGION_FINISHED;
    *task = (struct weir_checkpoint_task){ .attempt = subtask->attempt,
        .run = subtask->run,
        .node = subtask->taskmanager == GRAPH_NONE ? 0 : jm->taskmanagers[subtask->taskmanager]->node,
        .running = up && subtask->state == STATE(RUNNING),
        .finished = up && subtask->state == STATE(FINISHED) && subtask->final_snapshot,
        .source = vertex->plan->source,
        .sink = vertex->plan->sink,
        .enumerated = vertex->plan->enumerated,
        .parallelism = vertex->parallelism,
        .max_parallelism = vertex->max_parallelism,
        .final_snapshot = subtask->final_snapshot };
    task->attempt.job = jm->job;
    task->attempt.vertex = vertex->id;
    task->attempt.subtask = subtask->index;
    if (!task->finished) task->final_snapshot = NULL;
}

static bool all_running(const struct weir_jobmaster *jm)
{
    if (jm->start != START_DONE || jobmaster__ending(jm) || jm->rescale_cancelling) return false;
    uint32_t up = jm->graph.region_counts[REGION_RUNNING] + jm->graph.region_counts[REGION_FINISHED];
    return up == jm->graph.region_count && !jobmaster__only_commit(jm);
}

/* Nothing waits for what the coordinator would learn. */
static bool can_wait(struct weir_jobmaster *jm, bool all)
{
    if (jm->tasks_urgent || all != jm->told_all_running || jobmaster__ending(jm) ||
        jobmaster__only_commit(jm))
        return false;
    if (!all) return true; /* no checkpoint is under way */
    uint32_t finished = jm->graph.counts[STATE(FINISHED)];
    if (jm->graph.subtask_count <= TASKS_TOLD_AT_ONCE || finished == jm->graph.subtask_count) return false;
    int64_t next_us = jm->told_at_us + (int64_t)jm->graph.subtask_count * TASKS_TOLD_EVERY_US;
    if (jm->now_us >= next_us) return false;
    jobmaster__wake(jm, next_us);
    return true;
}

void tasks__tell(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!jm->graph_ready || jm->start != START_DONE || !jm->coordinator) return;
    bool all = all_running(jm);
    if (!jm->tasks_dirty && !jm->tasks_urgent && all == jm->told_all_running) return;
    if (can_wait(jm, all)) return;
    jm->tasks_dirty = jm->tasks_urgent = false;
    jm->told_all_running = all;
    jm->told_at_us = jm->now_us;
    for (uint32_t r = 0; r < jm->graph.region_count; r++) jm->graph.regions[r].snapshots_told = false;
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) {
        describe(jm, i, &jm->tasks[i]);
        if (jm->tasks[i].finished) jm->graph.regions[jm->graph.subtasks[i].region].snapshots_told = true;
    }
    weir_checkpoint_tasks_changed(
        jm->coordinator, jm->tasks, jm->graph.subtask_count, all, jm->now_us, jm->wall_us, effects);
    jm->progress++;
}
