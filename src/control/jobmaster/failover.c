/*
 * Failures: of a subtask, of a TaskManager, of the job as a whole. The region that holds what failed is
 * cancelled and deployed again when the restart strategy says so; all others go on.
 */
#include "control/jobmaster/internal.h"

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

static void fill_failure(
    struct weir_jobmaster *jm, struct weir_jobmaster_failure *failure, uint32_t at, const char *reason)
{
    *failure = (struct weir_jobmaster_failure){ .subtask = UINT32_MAX, .wall_us = jm->wall_us };
    if (at != GRAPH_NONE) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[at];
        failure->vertex = jm->graph.vertices[subtask->vertex].id;
        failure->subtask = subtask->index;
        if (subtask->taskmanager != GRAPH_NONE) failure->node = jm->taskmanagers[subtask->taskmanager]->node;
    }
    snprintf(failure->text, sizeof failure->text, "%s", reason);
}

void failover__note(struct weir_jobmaster *jm, uint32_t subtask, const char *reason)
{
    if (!jm->exceptions) /* a thousand jobs never fail */
        jm->exceptions =
            weir_memory_allocate_zeroed(jm->memory, sizeof *jm->exceptions * WEIR_JOBMASTER_EXCEPTIONS_MAX);
    struct weir_jobmaster_exception *exception =
        &jm->exceptions[jm->exception_count++ % WEIR_JOBMASTER_EXCEPTIONS_MAX];
    exception->concurrent_count = 0;
    fill_failure(jm, &exception->root, subtask, reason);
}

static void note_concurrent(struct weir_jobmaster *jm, uint32_t subtask, const char *reason)
{
    if (!jm->exception_count) return;
    struct weir_jobmaster_exception *exception =
        &jm->exceptions[(jm->exception_count - 1) % WEIR_JOBMASTER_EXCEPTIONS_MAX];
    if (exception->concurrent_count < WEIR_JOBMASTER_CONCURRENT_MAX)
        fill_failure(jm, &exception->concurrent[exception->concurrent_count], subtask, reason);
    exception->concurrent_count++;
}

static void restart_region(struct weir_jobmaster *jm, uint32_t region, int64_t at_us)
{
    jm->graph.regions[region].restart_at_us = at_us;
    jm->failovers++;
    jm->scan = true;
    if (jm->state == WEIR__JOB_STATE__JOB_RUNNING) jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_RESTARTING);
    jobmaster__wake(jm, at_us);
    deploy__cancel_region(jm, region, false);
}

/* A failure that counts. False: the job fails with it. */
static bool ask_strategy(
    struct weir_jobmaster *jm, const char *reason, int64_t *ret_at_us, struct weir_effects *effects)
{
    int64_t delay_us = 0;
    if (restart_strategy__failed(&jm->restart, jm->now_us, &delay_us)) {
        *ret_at_us = jm->now_us + delay_us;
        return true;
    }
    char strategy[160];
    failover__job(jm,
        weir_arena_format(effects->arena, "recovery is suppressed by %s: %s",
            restart_strategy__print(&jm->restart, strategy), reason),
        effects);
    return false;
}

static void region_failed(struct weir_jobmaster *jm, uint32_t at, uint32_t subtask, const char *reason,
    struct weir_effects *effects)
{
    struct graph_region *region = &jm->graph.regions[at];
    jm->progress++;
    jm->status_dirty = true;
    jm->tasks_dirty = true;
    switch (region->state) {
    case REGION_RECONCILING: return; /* reports decide */
    case REGION_CANCELLING:
        if (subtask != GRAPH_NONE) note_concurrent(jm, subtask, reason);
        deploy__region_progress(jm, at);
        return;
    case REGION_WAITING:
    case REGION_STOPPED: return;
    default: break;
    }
    failover__note(jm, subtask, reason);
    weir_effect_log(
        effects, WEIR_CONTROL_WARN, "job %s: region %u fails over: %s", jm->plan->name, at, reason);
    if (jobmaster__ending(jm)) {
        restart_region(jm, at, jm->now_us + JOBMASTER_COMMIT_RETRY_US);
        return;
    }
    int64_t restart_at_us;
    if (ask_strategy(jm, reason, &restart_at_us, effects)) {
        restart_region(jm, at, restart_at_us);
    } else if (subtask == GRAPH_NONE || jm->graph.vertices[jm->graph.subtasks[subtask].vertex].plan->sink) {
        restart_region(jm, at, jm->now_us); /* the job has failed; its sinks are needed once more (H7) */
    }
}

void failover__subtask(
    struct weir_jobmaster *jm, uint32_t at, const char *reason, struct weir_effects *effects)
{
    struct graph_subtask *subtask = &jm->graph.subtasks[at];
    Weir__ExecutionState end = subtask->state == STATE(CANCELING) ? STATE(CANCELED) : STATE(FAILED);
    if (weir_execution_state_is_legal(subtask->state, end)) graph__set_state(&jm->graph, at, end);
    subtask->ended_wall_us = jm->wall_us;
    region_failed(jm, subtask->region, at, reason, effects);
}

/* It may have been subsumed meanwhile, or the storage be confused: a region that fails over restores what is
 * newest then. The same one again, some time later: nothing will make it better. */
void failover__unreadable(
    struct weir_jobmaster *jm, uint64_t checkpoint, const char *reason, struct weir_effects *effects)
{
    if (!checkpoint || checkpoint != jobmaster__restore_point(jm)) return;
    bool ending = jobmaster__ending(jm);
    if (ending && (jm->end != END_COMMITTING || jm->end_state == WEIR__JOB_STATE__JOB_FINISHED)) return;
    if (ending && jm->end_state == WEIR__JOB_STATE__JOB_FAILED) { /* its strategy wants no second try */
        jm->keep_all = true;
        return;
    }
    if (jm->unreadable_checkpoint != checkpoint) {
        jm->unreadable_checkpoint = checkpoint;
        jm->unreadable_since_us = jm->now_us;
        return;
    }
    if (jm->now_us - jm->unreadable_since_us < JOBMASTER_NOT_FOUND_DELAY_US) return;
    jm->keep_all = true;
    weir_effect_log(effects, WEIR_CONTROL_ERROR, "job %s %s, its checkpoints are kept: %s", jm->plan->name,
        ending ? "cannot commit and ends" : "fails", reason);
    if (ending) return; /* nobody waits for commits that cannot be made */
    end__begin(jm, WEIR__JOB_STATE__JOB_FAILED,
        weir_arena_format(
            effects->arena, "checkpoint %llu cannot be restored: %s", (unsigned long long)checkpoint, reason),
        effects);
}

void failover__waiting(
    struct weir_jobmaster *jm, uint32_t region, const char *reason, struct weir_effects *effects)
{
    failover__note(jm, GRAPH_NONE, reason);
    int64_t restart_at_us;
    if (!ask_strategy(jm, reason, &restart_at_us, effects)) return;
    jm->graph.regions[region].restart_at_us = restart_at_us;
    jobmaster__wake(jm, restart_at_us);
}

void failover__region_lost(
    struct weir_jobmaster *jm, uint32_t region, const char *reason, struct weir_effects *effects)
{
    jm->progress++;
    weir_effect_log(effects, WEIR_CONTROL_INFO, "job %s: region %u is deployed again: %s", jm->plan->name,
        region, reason);
    const struct graph_region *lost = &jm->graph.regions[region];
    for (uint32_t i = 0; i < lost->count; i++) {
        const Weir__SubtaskSnapshot *restored = jm->restored[jm->graph.members[lost->first + i]];
        if (!restored || !restored->finished) jm->tasks_restarted++;
    }
    restart_region(jm, region, jm->now_us);
}

/* An ended attempt whose end no completed checkpoint holds: what it sent last may be lost with it. A sink's
 * commits may be, even then. */
static bool end_is_lost(const struct weir_jobmaster *jm, uint32_t at)
{
    const struct graph_subtask *subtask = &jm->graph.subtasks[at];
    return subtask->state == STATE(FINISHED) && !(jm->end >= END_CANCELLING) &&
           subtask->taskmanager != GRAPH_NONE;
}

void failover__taskmanager_lost(
    struct weir_jobmaster *jm, uint32_t taskmanager, const char *reason, struct weir_effects *effects)
{
    struct jobmaster_taskmanager *lost = jm->taskmanagers[taskmanager];
    if (lost->lost) return;
    lost->lost = true;
    lost->registered = false;
    jm->progress++;
    jm->scan = jm->reattach_scan = true;
    lost->report_count = lost->whole_count = 0;
    weir_arena_reset(&lost->report_arena);
    taskmanagers__drop_strays_of(jm, taskmanager, UINT64_MAX);
    const char *text = weir_arena_format(effects->arena, "TaskManager %s is lost: %s",
        weir_nodes_name(jm->nodes, lost->node), reason ? reason : "no contact");
    for (uint32_t i = 0; jm->graph_ready && i < jm->graph.subtask_count; i++) {
        struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->taskmanager != taskmanager) continue;
        bool matters = weir_execution_state_is_alive(subtask->state) || end_is_lost(jm, i) ||
                       subtask->state == STATE(RECONCILING);
        if (!matters) continue;
        /* Lost is not dead: it may be out of reach, and come back. */
        jm->graph.regions[subtask->region].unseen = true;
        if (subtask->state == STATE(RECONCILING))
            subtask->reported = false; /* it may have been of an earlier run: others are to report yet */
        else
            failover__subtask(jm, i, text, effects);
        subtask->taskmanager = GRAPH_NONE;
    }
}

void failover__all(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects)
{
    if (!jm->graph_ready || jobmaster__ending(jm)) return;
    failover__note(jm, GRAPH_NONE, reason);
    int64_t restart_at_us;
    if (!ask_strategy(jm, reason, &restart_at_us, effects)) return;
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        enum region_state state = jm->graph.regions[r].state;
        if (state == REGION_RUNNING || state == REGION_DEPLOYING) restart_region(jm, r, restart_at_us);
    }
}

void failover__drained(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects)
{
    deploy__find_restored(jm, weir_checkpoint_newest(jm->coordinator, NULL)); /* others may have come since */
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        enum region_state state = jm->graph.regions[r].state;
        if (state != REGION_RUNNING && state != REGION_FINISHED) continue;
        /* The next leader sees nothing wrong with a run whose sources have ended. */
        jm->graph.regions[r].unseen = true;
        failover__region_lost(jm, r, reason, effects);
    }
    floors__add(jm, true);
}

void failover__job(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects)
{
    end__begin(jm, WEIR__JOB_STATE__JOB_FAILED, reason, effects);
}
