/*
 * Attempts: deploying regions, cancelling them, and what TaskManagers say about them. A region is deployed as
 * a whole, with one run (H13), from the newest checkpoint that the record names, and only when no write of
 * the record is unsettled (H8) and nothing of an earlier run may still hold its slots (H11).
 */
#include "control/jobmaster/internal.h"
#include "base/assert.h"

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

/* ---------------------------------------------------------------- what is restored */

/* Of every subtask, what the newest checkpoint says, when its vertex was as wide then as it is now. */
void deploy__find_restored(struct weir_jobmaster *jm, const Weir__CheckpointMetadata *metadata)
{
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) jm->restored[i] = NULL;
    for (uint32_t v = 0; v < jm->graph.vertex_count; v++) jm->restored_vertices[v] = NULL;
    for (size_t s = 0; metadata && s < metadata->n_vertices; s++) {
        const Weir__VertexSnapshot *snapshot = metadata->vertices[s];
        uint32_t v = graph__find_vertex(&jm->graph, snapshot->vertex);
        if (v == GRAPH_NONE) continue;
        const struct graph_vertex *vertex = &jm->graph.vertices[v];
        jm->restored_vertices[v] = snapshot;
        bool all_finished = snapshot->n_subtasks && snapshot->n_subtasks >= snapshot->parallelism;
        for (size_t i = 0; i < snapshot->n_subtasks; i++) {
            const Weir__SubtaskSnapshot *subtask = snapshot->subtasks[i];
            if (!subtask->finished) all_finished = false;
            if (snapshot->parallelism == vertex->parallelism && subtask->subtask < vertex->parallelism)
                jm->restored[vertex->first + subtask->subtask] = subtask;
        }
        if (!all_finished || snapshot->parallelism == vertex->parallelism) continue;
        /* It had ended: it has ended at any other parallelism, too. */
        for (uint32_t i = 0; i < vertex->parallelism; i++)
            jm->restored[vertex->first + i] = snapshot->subtasks[i % snapshot->n_subtasks];
    }
}

/* Ended for good: nothing to deploy. A sink is deployed again, for it may have commits to repeat. */
static bool is_finished(const struct weir_jobmaster *jm, uint32_t at)
{
    if (WEIR_PLANTED(finished_task_restarted)) return false;
    return jm->restored[at] && jm->restored[at]->finished &&
           !jm->graph.vertices[jm->graph.subtasks[at].vertex].plan->sink;
}

static bool is_deployed(const struct weir_jobmaster *jm, uint32_t at, bool commit_only)
{
    if (commit_only) return jm->graph.vertices[jm->graph.subtasks[at].vertex].plan->sink;
    return !is_finished(jm, at);
}

/* ---------------------------------------------------------------- messages */

static Weir__RegionMember **make_members(
    struct weir_jobmaster *jm, const struct graph_region *region, struct weir_arena *arena)
{
    Weir__RegionMember **members = WEIR_ARENA_ARRAY(arena, Weir__RegionMember *, region->count);
    for (uint32_t i = 0; i < region->count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[jm->graph.members[region->first + i]];
        Weir__RegionMember *member = WEIR_PROTO_NEW(arena, Weir__RegionMember, weir__region_member);
        struct weir_attempt_id attempt = subtask->attempt;
        attempt.job = jm->job;
        attempt.vertex = jm->graph.vertices[subtask->vertex].id;
        attempt.subtask = subtask->index;
        member->attempt = weir_attempt_id_to(arena, &attempt);
        member->finished = subtask->state == STATE(FINISHED);
        if (!member->finished) {
            const struct jobmaster_taskmanager *at = jm->taskmanagers[subtask->taskmanager];
            member->location = WEIR_PROTO_NEW(arena, Weir__Peer, weir__peer);
            member->location->name = weir_arena_string(arena, weir_nodes_name(jm->nodes, at->node));
            member->location->incarnation = at->incarnation;
            member->data_address = weir_arena_string(arena, at->data_address ? at->data_address : "");
        }
        members[i] = member;
    }
    return members;
}

/* The whole vertex when its width has changed; else only what the subtasks deployed here took. */
static void add_restored(struct weir_jobmaster *jm, Weir__DeployTasks *message, const uint32_t *subtasks,
    uint32_t count, struct weir_arena *arena)
{
    Weir__VertexSnapshot **snapshots = WEIR_ARENA_ARRAY(arena, Weir__VertexSnapshot *, count);
    for (uint32_t i = 0; i < count;) {
        uint32_t v = jm->graph.subtasks[subtasks[i]].vertex, end = i;
        while (end < count && jm->graph.subtasks[subtasks[end]].vertex == v) end++;
        const Weir__VertexSnapshot *from = jm->restored_vertices[v];
        if (from) {
            Weir__VertexSnapshot *snapshot =
                WEIR_PROTO_NEW(arena, Weir__VertexSnapshot, weir__vertex_snapshot);
            ProtobufCMessage base = snapshot->base;
            *snapshot = *from;
            snapshot->base = base;
            if (from->parallelism == jm->graph.vertices[v].parallelism) {
                snapshot->subtasks = WEIR_ARENA_ARRAY(arena, Weir__SubtaskSnapshot *, end - i);
                snapshot->n_subtasks = 0;
                for (uint32_t k = i; k < end; k++)
                    if (jm->restored[subtasks[k]])
                        snapshot->subtasks[snapshot->n_subtasks++] =
                            (Weir__SubtaskSnapshot *)jm->restored[subtasks[k]];
            }
            snapshots[message->n_restore++] = snapshot;
        }
        i = end;
    }
    message->restore = snapshots;
}

static void send_to(struct weir_jobmaster *jm, struct graph_region *region, uint32_t taskmanager,
    const uint32_t *subtasks, uint32_t count, const Weir__DeployTasks *common, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    Weir__DeployTasks *message = WEIR_PROTO_NEW(arena, Weir__DeployTasks, weir__deploy_tasks);
    *message = *common;
    message->tasks = WEIR_ARENA_ARRAY(arena, Weir__TaskDeployment *, count);
    message->n_tasks = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[subtasks[i]];
        Weir__TaskDeployment *task = WEIR_PROTO_NEW(arena, Weir__TaskDeployment, weir__task_deployment);
        task->attempt = weir_attempt_id_to(arena, &subtask->attempt);
        task->slot = subtask->slot;
        message->tasks[i] = task;
    }
    add_restored(jm, message, subtasks, count, arena);
    weir_effect_send(effects, jm->taskmanagers[taskmanager]->node, WEIR_ROLE_TASKEXECUTOR, &jm->job, 0,
        WEIR__ENVELOPE__BODY_DEPLOY, message);
}

/* One that an older checkpoint has followed, in a failover, names files that no other checkpoint does. */
static uint64_t newest_savepoint(const Weir__JobRecord *record)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < record->n_savepoints; i++)
        if (record->savepoints[i]->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED)
            newest = WEIR_MAX(newest, record->savepoints[i]->checkpoint);
    return newest;
}

static Weir__DeployTasks *make_common(
    struct weir_jobmaster *jm, struct graph_region *region, struct weir_arena *arena)
{
    Weir__DeployTasks *common = WEIR_PROTO_NEW(arena, Weir__DeployTasks, weir__deploy_tasks);
    common->job = weir_job_id_to(arena, &jm->job);
    common->run = weir_run_to(arena, &region->run);
    common->plan_pointer = weir_arena_string(arena, jm->record.confirmed->plan_pointer);
    common->overrides = jm->graph.overrides;
    common->n_overrides = jm->graph.override_count;
    common->members = make_members(jm, region, arena);
    common->n_members = region->count;
    common->commit_only = region->commit_only;
    common->savepoint = newest_savepoint(jm->record.confirmed);
    return common;
}

/* One message for each TaskManager that gets something of the region. */
static void send_region(struct weir_jobmaster *jm, struct graph_region *region, struct weir_effects *effects)
{
    struct weir_arena *arena = effects->arena;
    const Weir__DeployTasks *common = make_common(jm, region, arena);
    const uint32_t *members = &jm->graph.members[region->first];
    uint32_t *grouped = WEIR_ARENA_ARRAY(arena, uint32_t, region->count);
    uint32_t *used = WEIR_ARENA_ARRAY(arena, uint32_t, region->count);
    uint32_t used_count = 0, first = 0;
    jm->group_mark++;
    for (uint32_t i = 0; i < region->count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[members[i]];
        if (subtask->state != STATE(DEPLOYING)) continue;
        struct jobmaster_taskmanager *at = jm->taskmanagers[subtask->taskmanager];
        if (at->group_mark != jm->group_mark) {
            at->group_mark = jm->group_mark;
            at->group_count = 0;
            used[used_count++] = subtask->taskmanager;
        }
        at->group_count++;
    }
    for (uint32_t i = 0; i < used_count; i++) {
        struct jobmaster_taskmanager *at = jm->taskmanagers[used[i]];
        at->group_first = first;
        first += at->group_count;
        at->group_count = 0;
    }
    for (uint32_t i = 0; i < region->count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[members[i]];
        if (subtask->state != STATE(DEPLOYING)) continue;
        struct jobmaster_taskmanager *at = jm->taskmanagers[subtask->taskmanager];
        grouped[at->group_first + at->group_count++] = members[i];
    }
    for (uint32_t i = 0; i < used_count; i++) {
        const struct jobmaster_taskmanager *at = jm->taskmanagers[used[i]];
        send_to(jm, region, used[i], &grouped[at->group_first], at->group_count, common, effects);
    }
}

/* ---------------------------------------------------------------- deploying */

/* A slot for everything, or nothing is taken. */
static bool has_slots(struct weir_jobmaster *jm, const struct graph_region *region, bool commit_only)
{
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t at = jm->graph.members[region->first + i];
        if (!is_deployed(jm, at, commit_only)) continue;
        if (slots__for(jm, jm->graph.subtasks[at].index) == GRAPH_NONE) return false;
    }
    return true;
}

/* On how many TaskManagers its slots are. */
static uint32_t taskmanagers_of(
    struct weir_jobmaster *jm, const struct graph_region *region, bool commit_only)
{
    uint32_t count = 0;
    jm->group_mark++;
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t member = jm->graph.members[region->first + i];
        if (!is_deployed(jm, member, commit_only)) continue;
        const struct jobmaster_slot *slot = &jm->slots[slots__for(jm, jm->graph.subtasks[member].index)];
        uint32_t at = taskmanagers__get(jm, slot->slot.node);
        if (jm->taskmanagers[at]->group_mark == jm->group_mark) continue;
        jm->taskmanagers[at]->group_mark = jm->group_mark;
        count++;
    }
    return count;
}

static void place(struct weir_jobmaster *jm, struct graph_region *region, uint32_t at)
{
    struct graph_subtask *subtask = &jm->graph.subtasks[at];
    const struct jobmaster_slot *slot = &jm->slots[slots__for(jm, subtask->index)];
    subtask->taskmanager = taskmanagers__find(jm, slot->slot.node);
    subtask->ran_on = slot->slot.node;
    subtask->slot = slot->slot.index;
    subtask->run = region->run;
    subtask->attempt = (struct weir_attempt_id){ .job = jm->job,
        .vertex = jm->graph.vertices[subtask->vertex].id,
        .subtask = subtask->index,
        .epoch = WEIR_PLANTED(equal_attempt_numbers) ? 1 : jm->identity->epoch,
        .number = ++subtask->number_last };
    subtask->ended_wall_us = 0;
    if (!region->commit_only || !subtask->has_figures) {
        subtask->started_wall_us = jm->wall_us;
        subtask->has_figures = false;
    }
    graph__set_state(&jm->graph, at, STATE(SCHEDULED));
    graph__set_state(&jm->graph, at, STATE(DEPLOYING));
}

/* It is what the checkpoint says; what was counted of it stays, unless that was another attempt. */
static void restore_finished(struct weir_jobmaster *jm, struct graph_region *region, uint32_t at)
{
    struct graph_subtask *subtask = &jm->graph.subtasks[at];
    struct weir_attempt_id counted = subtask->attempt;
    subtask->final_snapshot = WEIR_PROTO_COPY(&region->arena, jm->restored[at]);
    weir_run_from(subtask->final_snapshot->run, &subtask->run);
    weir_attempt_id_from(subtask->final_snapshot->attempt, &subtask->attempt);
    if (weir_attempt_id_equal(&counted, &subtask->attempt)) return;
    subtask->has_figures = false;
    subtask->ran_on = 0;
}

/* That only its commit is still made does not make it finished. */
static void note_work_ended(const struct weir_jobmaster *jm, uint32_t at, struct graph_subtask *subtask)
{
    bool finished = jm->restored[at] && jm->restored[at]->finished;
    subtask->work_ended = finished                                           ? STATE(FINISHED)
                          : weir_execution_state_is_terminal(subtask->state) ? subtask->state
                                                                             : STATE(CANCELED);
}

/* worked: the run before this one did not only commit. */
static void deploy_members(struct weir_jobmaster *jm, struct graph_region *region, bool worked)
{
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t at = jm->graph.members[region->first + i];
        struct graph_subtask *subtask = &jm->graph.subtasks[at];
        if (worked) note_work_ended(jm, at, subtask);
        /* Kept for the job's end when its region was cancelled: another one takes its place now. */
        if (subtask->state == STATE(FINISHED) && subtask->taskmanager != GRAPH_NONE && jobmaster__ending(jm))
            taskmanagers__forget(jm, subtask->taskmanager, &subtask->attempt);
        if (subtask->state != STATE(CREATED)) graph__set_state(&jm->graph, at, STATE(CREATED));
        subtask->final_snapshot = NULL;
        subtask->reported = false;
        if (is_deployed(jm, at, region->commit_only)) {
            place(jm, region, at);
            continue;
        }
        subtask->taskmanager = GRAPH_NONE;
        if (jm->restored[at] && jm->restored[at]->finished) restore_finished(jm, region, at);
        graph__set_state(&jm->graph, at, STATE(FINISHED));
    }
}

static bool deploy_region(struct weir_jobmaster *jm, uint32_t at, struct weir_effects *effects)
{
    struct graph_region *region = &jm->graph.regions[at];
    bool commit_only = jobmaster__ending(jm) || jobmaster__only_commit(jm);
    if (WEIR_PLANTED(stop_savepoint_runs_on)) commit_only = jobmaster__ending(jm);
    if (!has_slots(jm, region, commit_only)) return false;
    uint32_t taskmanagers = region->count > JOBMASTER_REGION_TASKMANAGERS_MAX
                                ? taskmanagers_of(jm, region, commit_only)
                                : region->count;
    if (taskmanagers > JOBMASTER_REGION_TASKMANAGERS_MAX) {
        failover__job(jm,
            weir_arena_format(effects->arena,
                "region %u would run on %u TaskManagers, more than %d: give TaskManagers more slots "
                "(taskmanager.numberOfTaskSlots)",
                at, taskmanagers, JOBMASTER_REGION_TASKMANAGERS_MAX),
            effects);
        return false;
    }
    if (region->snapshots_told) { /* the coordinator still looks at what the last run ended with */
        jm->tasks_urgent = true;
        jm->progress++;
        return false;
    }
    bool worked = !region->commit_only;
    region->commit_only = commit_only;
    region->run = (struct weir_run){ .epoch = jm->identity->epoch,
        .counter = ++jm->run_counter,
        .restored_checkpoint = jobmaster__restore_point(jm),
        .plan_version = jm->graph_version,
        .commit_only = commit_only };
    weir_arena_reset(&region->arena);
    deploy_members(jm, region, worked);
    jm->tasks_dirty = true;
    graph__set_region(&jm->graph, at, REGION_DEPLOYING);
    send_region(jm, region, effects);
    deploy__region_progress(jm, at); /* nothing to deploy: finished at once */
    return true;
}

static bool may_deploy(const struct weir_jobmaster *jm)
{
    if (jm->start != START_DONE || !jm->graph_ready || jm->keep_all) return false;
    if (!jm->graph.region_counts[REGION_WAITING] || jm->end > END_COMMITTING) return false;
    /* H8: while a write is unsettled, nobody knows which checkpoint is newest; past the session, whether
     * somebody else leads. Before that a store that is out of reach changes neither: attempts are numbered
     * under our own epoch, and a region that needs a floor waits for its write. */
    if (WEIR_PLANTED(failover_while_unsettled)) return true;
    return !jm->identity->waits && jobmaster__settled(jm);
}

/* A job that has waited too long for slots has failed: the restart strategy decides what comes next. */
static void check_slots(struct weir_jobmaster *jm, uint32_t at, struct weir_effects *effects)
{
    struct graph_region *region = &jm->graph.regions[at];
    if (!region->waiting_since_us) region->waiting_since_us = jm->now_us;
    int64_t timeout_us = jm->options->slot_request_timeout_us;
    if (timeout_us <= 0 || timeout_us == INT64_MAX || jobmaster__ending(jm)) return;
    if (jm->now_us - region->waiting_since_us < timeout_us) {
        jobmaster__wake(jm, region->waiting_since_us + timeout_us);
        return;
    }
    region->waiting_since_us = 0;
    slots__release_unused(jm, effects);
    failover__waiting(jm, at, "could not acquire the slots that the job needs in time", effects);
}

void deploy__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!may_deploy(jm) || !jm->scan || floors__write(jm, effects)) return;
    const char *failed = NULL;
    deploy__find_restored(jm, weir_checkpoint_newest(jm->coordinator, &failed));
    for (; jm->scan_at < jm->graph.region_count; jm->scan_at++) {
        struct graph_region *region = &jm->graph.regions[jm->scan_at];
        if (region->state != REGION_WAITING || region->strays) continue;
        if (region->restart_at_us > jm->now_us) {
            jobmaster__wake(jm, region->restart_at_us);
            continue;
        }
        if (jobmaster__full(effects)) {
            effects->more = true;
            return;
        }
        if (deploy_region(jm, jm->scan_at, effects)) {
            region->waiting_since_us = 0;
            continue;
        }
        if (jm->tasks_urgent) return; /* told, then it goes on */
        check_slots(jm, jm->scan_at, effects);
    }
    jm->scan_at = 0;
    jm->scan = false;
}

/* ---------------------------------------------------------------- deploying what did not arrive */

/* What it was to restore is still what it would restore now, and nothing has been asked of it since: of a job
 * that ends only what commits is deployed. */
static bool may_send_again(
    const struct weir_jobmaster *jm, const struct graph_region *region, const struct weir_effects *effects)
{
    if (jobmaster__ending(jm) && !region->commit_only) return false;
    return region->state == REGION_DEPLOYING && jobmaster__settled(jm) && !jobmaster__full(effects) &&
           region->run.restored_checkpoint == jobmaster__restore_point(jm);
}

/* A TaskManager keeps an attempt until it is told to forget it, and nothing of a connection arrives after the
 * next one is there. So an attempt of which nothing was ever heard, and which a report does not name, was
 * never received, nor will it be: the same one may go again. */
void deploy__send_again(struct weir_jobmaster *jm, uint32_t taskmanager, struct weir_effects *effects)
{
    if (jm->start != START_DONE || !jm->graph.region_counts[REGION_DEPLOYING]) return;
    bool found = false;
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        struct graph_region *region = &jm->graph.regions[r];
        if (!may_send_again(jm, region, effects)) continue;
        uint32_t *again = WEIR_ARENA_ARRAY(effects->arena, uint32_t, region->count), count = 0;
        for (uint32_t i = 0; i < region->count; i++) {
            uint32_t at = jm->graph.members[region->first + i];
            struct graph_subtask *subtask = &jm->graph.subtasks[at];
            if (subtask->state != STATE(DEPLOYING) || subtask->taskmanager != taskmanager ||
                subtask->report_mark == jm->report_mark)
                continue;
            subtask->report_mark = jm->report_mark;
            again[count++] = at;
        }
        if (!count) continue;
        if (!found) {
            const char *failed = NULL;
            deploy__find_restored(jm, weir_checkpoint_newest(jm->coordinator, &failed));
            found = true;
        }
        weir_effect_log(effects, WEIR_CONTROL_INFO,
            "job %s: region %u: %u tasks that TaskManager %s has not received are sent to it again",
            jm->plan->name, r, count, weir_nodes_name(jm->nodes, jm->taskmanagers[taskmanager]->node));
        send_to(jm, region, taskmanager, again, count, make_common(jm, region, effects->arena), effects);
    }
}

/* ---------------------------------------------------------------- cancelling */

static void cancel_member(struct weir_jobmaster *jm, uint32_t at)
{
    struct graph_subtask *subtask = &jm->graph.subtasks[at];
    switch (subtask->state) {
    case STATE(CREATED):
    case STATE(SCHEDULED): graph__set_state(&jm->graph, at, STATE(CANCELED)); return;
    case STATE(RECONCILING):
        /* Reported: it runs, and is cancelled like any other. Not reported: a later report makes it a stray.
         */
        if (!subtask->reported) {
            graph__set_state(&jm->graph, at, STATE(CANCELED));
        } else if (weir_execution_state_is_terminal(subtask->reported_state)) {
            graph__set_state(&jm->graph, at, subtask->reported_state);
            taskmanagers__forget(jm, subtask->taskmanager, &subtask->attempt);
        } else {
            graph__set_state(&jm->graph, at, STATE(CANCELING));
        }
        break;
    case STATE(DEPLOYING):
    case STATE(INITIALIZING):
    case STATE(RUNNING): graph__set_state(&jm->graph, at, STATE(CANCELING)); break;
    case STATE(FINISHED): /* at a job's end it is forgotten when the end is durable */
        if (subtask->taskmanager != GRAPH_NONE && !jobmaster__ending(jm))
            taskmanagers__forget(jm, subtask->taskmanager, &subtask->attempt);
        return;
    default: return;
    }
    if (subtask->state == STATE(CANCELING)) taskmanagers__cancel(jm, subtask->taskmanager, &subtask->attempt);
}

void deploy__cancel_region(struct weir_jobmaster *jm, uint32_t at, bool finish)
{
    struct graph_region *region = &jm->graph.regions[at];
    jm->tasks_dirty = true;
    if (finish) region->finish_wanted = true;
    if (region->state == REGION_WAITING) {
        if (finish) graph__set_region(&jm->graph, at, REGION_STOPPED);
        return;
    }
    if (region->state == REGION_STOPPED || region->state == REGION_CANCELLING) return;
    graph__set_region(&jm->graph, at, REGION_CANCELLING);
    for (uint32_t i = 0; i < region->count; i++) cancel_member(jm, jm->graph.members[region->first + i]);
    deploy__region_progress(jm, at);
}

/* ---------------------------------------------------------------- progress */

void deploy__region_progress(struct weir_jobmaster *jm, uint32_t at)
{
    struct graph_region *region = &jm->graph.regions[at];
    uint32_t running = region->counts[STATE(RUNNING)], finished = region->counts[STATE(FINISHED)];
    if (region->state == REGION_DEPLOYING && running + finished == region->count) {
        graph__set_region(&jm->graph, at, REGION_RUNNING);
        jm->tasks_dirty = true;
    }
    if (region->state == REGION_RUNNING && finished == region->count) {
        graph__set_region(&jm->graph, at, REGION_FINISHED);
        jm->tasks_dirty = true;
    }
    if (region->state != REGION_CANCELLING || graph__region_alive(region) || region->strays) return;
    graph__set_region(&jm->graph, at, region->finish_wanted ? REGION_STOPPED : REGION_WAITING);
    region->finish_wanted = false;
    region->waiting_since_us = 0;
    jm->scan = true;
}

void deploy__not_ours(struct weir_jobmaster *jm, uint32_t taskmanager, const struct weir_attempt_id *attempt,
    Weir__ExecutionState state)
{
    if (WEIR_PLANTED(old_plan_reattached) &&
        graph__find_subtask(&jm->graph, attempt->vertex, attempt->subtask) == GRAPH_NONE)
        return;
    if (weir_execution_state_is_terminal(state)) {
        taskmanagers__forget(jm, taskmanager, attempt);
        taskmanagers__drop_stray(jm, attempt);
        return;
    }
    taskmanagers__add_stray(jm, attempt, taskmanager);
    if (state != STATE(CANCELING)) taskmanagers__cancel(jm, taskmanager, attempt);
}

void deploy__note_times(struct graph_subtask *subtask, const Weir__AttemptReport *report, bool commit_only)
{
    if (report->ended_ms) subtask->ended_wall_us = report->ended_ms * 1000;
    if (commit_only && subtask->has_figures) return; /* it has done its work before */
    if (report->started_ms) subtask->started_wall_us = report->started_ms * 1000;
    subtask->has_figures = report->figures;
    if (!report->figures) return;
    subtask->figures = *report->figures;
    subtask->figures.base.n_unknown_fields = 0; /* which end with the message */
    subtask->figures.base.unknown_fields = NULL;
}

static void ended(struct weir_jobmaster *jm, uint32_t at, const Weir__AttemptReport *report)
{
    struct graph_subtask *subtask = &jm->graph.subtasks[at];
    if (!report->ended_ms) subtask->ended_wall_us = jm->wall_us;
    if (subtask->state != STATE(FINISHED)) return;
    struct graph_region *region = &jm->graph.regions[subtask->region];
    if (report->final_snapshot)
        subtask->final_snapshot = WEIR_PROTO_COPY(&region->arena, report->final_snapshot);
    jm->tasks_dirty = true;
}

/* Its region was cancelled and is deployed again, or not at all: it was forgotten then, but that may not have
 * arrived. */
static bool end_is_void(const struct weir_jobmaster *jm, const struct graph_subtask *subtask)
{
    enum region_state state = jm->graph.regions[subtask->region].state;
    return (state == REGION_CANCELLING || state == REGION_WAITING || state == REGION_STOPPED) &&
           !jobmaster__ending(jm);
}

void deploy__attempt_says(struct weir_jobmaster *jm, uint32_t taskmanager, const Weir__AttemptReport *report,
    struct weir_effects *effects)
{
    struct weir_attempt_id attempt;
    struct weir_run run;
    if (!weir_attempt_id_from(report->attempt, &attempt) || !weir_run_from(report->run, &run)) return;
    uint32_t at =
        jm->graph_ready ? graph__find_subtask(&jm->graph, attempt.vertex, attempt.subtask) : GRAPH_NONE;
    struct graph_subtask *subtask = at == GRAPH_NONE ? NULL : &jm->graph.subtasks[at];
    if (!subtask || !weir_attempt_id_equal(&subtask->attempt, &attempt) ||
        subtask->taskmanager != taskmanager) {
        deploy__not_ours(jm, taskmanager, &attempt, report->state);
        return;
    }
    if (subtask->state == report->state || !weir_execution_state_is_legal(subtask->state, report->state)) {
        /* Cancelled, but it had not heard of that when it said so. */
        if (subtask->state == STATE(CANCELING) && weir_execution_state_is_alive(report->state) &&
            report->state != STATE(CANCELING))
            taskmanagers__cancel(jm, taskmanager, &attempt);
        if (weir_execution_state_is_terminal(report->state) &&
            weir_execution_state_is_terminal(subtask->state) &&
            (subtask->state != STATE(FINISHED) || end_is_void(jm, subtask)))
            taskmanagers__forget(jm, taskmanager, &attempt);
        return;
    }
    Weir__ExecutionState before = subtask->state;
    uint32_t region = subtask->region;
    /* Never INITIALIZING: the TaskManager refused it, for what is in the slot has not ended. */
    if (report->state == STATE(FAILED) && before == STATE(DEPLOYING)) slots__failed(jm, at, effects);
    if (report->state == STATE(FAILED) || (report->state == STATE(CANCELED) && before != STATE(CANCELING))) {
        taskmanagers__forget(jm, taskmanager, &attempt);
        const char *reason = report->error && report->error[0] ? report->error : "the task was canceled";
        failover__subtask(jm, at, reason, effects);
        if (weir_execution_state_is_terminal(subtask->state))
            deploy__note_times(subtask, report, jm->graph.regions[region].commit_only);
        jm->changed_wall_us = jm->wall_us;
        if (report->state_unreadable) failover__unreadable(jm, run.restored_checkpoint, reason, effects);
        return;
    }
    graph__set_state(&jm->graph, at, report->state);
    jm->changed_wall_us = jm->wall_us;
    deploy__note_times(subtask, report, jm->graph.regions[region].commit_only);
    if (before == STATE(CANCELING)) taskmanagers__forget(jm, taskmanager, &attempt);
    if (weir_execution_state_is_terminal(report->state)) ended(jm, at, report);
    /* Its readers ask for splits as soon as they run. */
    if (report->state == STATE(RUNNING) && jm->graph.vertices[subtask->vertex].plan->enumerated)
        jm->tasks_dirty = jm->tasks_urgent = true;
    jm->status_dirty = true;
    deploy__region_progress(jm, region);
}

void deploy__state_update(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__AttemptReport *report = event->envelope->task_state->attempt;
    uint32_t taskmanager = taskmanagers__find(jm, event->from);
    if (!report || taskmanager == GRAPH_NONE) return;
    const struct jobmaster_taskmanager *at = jm->taskmanagers[taskmanager];
    if (!at->registered || at->lost || at->incarnation != event->from_incarnation) return;
    if (!reattach__applies(jm)) {
        reattach__remember(jm, taskmanager, report);
        return;
    }
    reattach__says(jm, taskmanager, report, effects);
}

/* What ended and is part of a completed checkpoint need not be kept by its TaskManager any more. Sinks are:
 * they repeat their commits for a new leader. */
void deploy__finished_checkpoint(struct weir_jobmaster *jm)
{
    Weir__CheckpointKind kind;
    uint64_t newest = jobmaster__newest(jm, &kind);
    if (!newest || newest == jm->forgotten_checkpoint || !jm->graph.counts[STATE(FINISHED)]) return;
    const char *failed = NULL;
    if (weir_checkpoint_newest_id(jm->coordinator) != newest) return;
    const Weir__CheckpointMetadata *metadata = weir_checkpoint_newest(jm->coordinator, &failed);
    if (!metadata) return;
    jm->forgotten_checkpoint = newest;
    deploy__find_restored(jm, metadata);
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++) {
        struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->state != STATE(FINISHED) || subtask->taskmanager == GRAPH_NONE) continue;
        struct weir_run run;
        if (!jm->restored[i] || !jm->restored[i]->finished) continue;
        if (!weir_run_from(jm->restored[i]->run, &run) || !weir_run_equal(&run, &subtask->run)) continue;
        if (jm->graph.vertices[subtask->vertex].plan->sink) continue;
        taskmanagers__forget(jm, subtask->taskmanager, &subtask->attempt);
        subtask->taskmanager = GRAPH_NONE;
    }
}
