/*
 * Re-attachment (DESIGN 4.4, H13): after a takeover the graph is rebuilt from plan, record and what
 * TaskManagers report. A region goes on when all its subtasks report the same run of a fitting plan version,
 * none is failing, cancelling or restoring, the newest completed checkpoint is the one that this run restored
 * or took, and its TaskManagers know each other under their present incarnations. Otherwise the whole region
 * is deployed again; what of it still runs is cancelled first.
 *
 * What is left of an earlier run says nothing about the region: those who run the newer one may only not have
 * reported yet. It counts as not reported, and they are waited for like all others.
 */
#include "control/jobmaster/internal.h"
#include <string.h>

#define STATE(name) WEIR__EXECUTION_STATE__EXECUTION_##name

static int64_t reattach_timeout_us(const struct weir_jobmaster *jm)
{
    uint64_t of_job_ms = jm->plan->settings->reattach_timeout_ms;
    return of_job_ms ? (int64_t)WEIR_MIN(of_job_ms, 86400000u) * 1000 : jm->options->reattach_timeout_us;
}

void reattach__begin(struct weir_jobmaster *jm)
{
    int64_t timeout_us = reattach_timeout_us(jm);
    jm->reattach_deadline_us = jm->now_us > INT64_MAX - timeout_us ? INT64_MAX : jm->now_us + timeout_us;
    floors__read(jm);
    for (uint32_t r = 0; r < jm->graph.region_count; r++)
        graph__set_region(&jm->graph, r, REGION_RECONCILING);
    for (uint32_t i = 0; i < jm->graph.subtask_count; i++)
        graph__set_state(&jm->graph, i, STATE(RECONCILING));
    jm->reattach_scan = true;
}

/* ---------------------------------------------------------------- reports */

void reattach__remember(struct weir_jobmaster *jm, uint32_t at, const Weir__AttemptReport *report)
{
    struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[at];
    if (taskmanager->report_count >= JOBMASTER_REPORTS_MAX) return;
    if (taskmanager->report_count == taskmanager->report_capacity) {
        uint32_t capacity = WEIR_MAX(16u, taskmanager->report_capacity * 2);
        Weir__AttemptReport **reports =
            WEIR_ARENA_ARRAY(&taskmanager->report_arena, Weir__AttemptReport *, capacity);
        if (taskmanager->report_count)
            memcpy(reports, taskmanager->reports, sizeof *reports * taskmanager->report_count);
        taskmanager->reports = reports;
        taskmanager->report_capacity = capacity;
    }
    taskmanager->reports[taskmanager->report_count++] = WEIR_PROTO_COPY(&taskmanager->report_arena, report);
}

static void forget_reports(struct jobmaster_taskmanager *taskmanager)
{
    taskmanager->reports = NULL;
    taskmanager->report_count = taskmanager->report_capacity = taskmanager->whole_count = 0;
    weir_arena_reset(&taskmanager->report_arena);
}

static bool is_newer(const struct weir_run *a, const struct weir_run *b)
{
    return a->epoch != b->epoch ? a->epoch > b->epoch : a->counter > b->counter;
}

static void copy_peers(
    struct weir_jobmaster *jm, struct graph_subtask *subtask, const Weir__AttemptReport *report)
{
    struct weir_arena *arena = &jm->graph.regions[subtask->region].arena;
    subtask->peers = WEIR_ARENA_ARRAY(arena, struct graph_peer, report->n_peers);
    subtask->peer_count = 0;
    for (size_t i = 0; i < report->n_peers; i++) {
        weir_node node = weir_nodes_intern(jm->nodes, report->peers[i]->name);
        if (node)
            subtask->peers[subtask->peer_count++] =
                (struct graph_peer){ node, report->peers[i]->incarnation };
    }
}

/* A subtask that is being re-attached is reported. Two runs of it: the newer one is the candidate. */
static void candidate(struct weir_jobmaster *jm, uint32_t at, uint32_t taskmanager,
    const Weir__AttemptReport *report, const struct weir_attempt_id *attempt, const struct weir_run *run)
{
    struct graph_subtask *subtask = &jm->graph.subtasks[at];
    struct graph_region *region = &jm->graph.regions[subtask->region];
    jm->reattach_scan = true;
    bool same = subtask->reported && weir_attempt_id_equal(&subtask->attempt, attempt);
    if (subtask->reported && !same) {
        bool newer = is_newer(run, &subtask->run);
        const struct weir_attempt_id *older = newer ? &subtask->attempt : attempt;
        uint32_t older_at = newer ? subtask->taskmanager : taskmanager;
        Weir__ExecutionState older_state = newer ? subtask->reported_state : report->state;
        struct weir_attempt_id copy = *older;
        deploy__not_ours(jm, older_at, &copy, older_state);
        if (!newer) return;
    }
    subtask->reported = true;
    subtask->reported_state = report->state;
    subtask->attempt = *attempt;
    subtask->run = *run;
    subtask->taskmanager = taskmanager;
    subtask->ran_on = jm->taskmanagers[taskmanager]->node;
    subtask->slot = report->slot;
    subtask->started_wall_us = subtask->ended_wall_us = 0;
    deploy__note_times(subtask, report, false);
    if (report->n_peers || !same) copy_peers(jm, subtask, report);
    if (report->final_snapshot)
        subtask->final_snapshot = WEIR_PROTO_COPY(&region->arena, report->final_snapshot);
}

void reattach__says(struct weir_jobmaster *jm, uint32_t taskmanager, const Weir__AttemptReport *report,
    struct weir_effects *effects)
{
    struct weir_attempt_id attempt;
    struct weir_run run;
    if (!weir_attempt_id_from(report->attempt, &attempt) || !weir_run_from(report->run, &run)) return;
    uint32_t at =
        jm->graph_ready ? graph__find_subtask(&jm->graph, attempt.vertex, attempt.subtask) : GRAPH_NONE;
    if (at != GRAPH_NONE && jm->graph.subtasks[at].state == STATE(RECONCILING)) {
        candidate(jm, at, taskmanager, report, &attempt, &run);
        return;
    }
    deploy__attempt_says(jm, taskmanager, report, effects);
}

/* What we think runs there and the report does not name, is lost. What was sent and never arrived has not run
 * anywhere: it is sent once more, and nothing has failed. */
static void find_missing(struct weir_jobmaster *jm, uint32_t taskmanager, struct weir_effects *effects)
{
    if (jm->graph_ready) deploy__send_again(jm, taskmanager, effects);
    for (uint32_t i = 0; jm->graph_ready && i < jm->graph.subtask_count; i++) {
        struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->taskmanager != taskmanager || subtask->report_mark == jm->report_mark) continue;
        if (subtask->state == STATE(RECONCILING)) {
            subtask->reported = false;
            subtask->taskmanager = GRAPH_NONE;
            jm->reattach_scan = true;
        } else if (weir_execution_state_is_alive(subtask->state)) {
            failover__subtask(jm, i, "its TaskManager reported without it", effects);
            subtask->taskmanager = GRAPH_NONE;
        }
    }
    taskmanagers__drop_strays_of(jm, taskmanager, jm->report_mark);
}

static void mark_reported(struct weir_jobmaster *jm, const Weir__AttemptReport *report)
{
    struct weir_attempt_id attempt;
    if (!weir_attempt_id_from(report->attempt, &attempt)) return;
    uint32_t at =
        jm->graph_ready ? graph__find_subtask(&jm->graph, attempt.vertex, attempt.subtask) : GRAPH_NONE;
    if (at != GRAPH_NONE && weir_attempt_id_equal(&jm->graph.subtasks[at].attempt, &attempt))
        jm->graph.subtasks[at].report_mark = jm->report_mark;
    struct jobmaster_stray *stray = taskmanagers__find_stray(jm, &attempt);
    if (stray) stray->report_mark = jm->report_mark;
}

/* Of the reports the first whole_count say which splits a reader has; one that does not, of a later change
 * of its state, must not be taken for one that has none. */
static void apply(struct weir_jobmaster *jm, uint32_t taskmanager, Weir__AttemptReport *const *reports,
    uint32_t count, uint32_t whole_count, struct weir_effects *effects)
{
    jm->report_mark++;
    jm->reattach_scan = true;
    for (uint32_t i = 0; i < count; i++) {
        reattach__says(jm, taskmanager, reports[i], effects);
        mark_reported(jm, reports[i]);
        if (i < whole_count)
            weir_checkpoint_splits_reported(jm->coordinator, reports[i], jm->now_us, jm->wall_us, effects);
    }
    find_missing(jm, taskmanager, effects);
    weir_checkpoint_connected(
        jm->coordinator, jm->taskmanagers[taskmanager]->node, jm->now_us, jm->wall_us, effects);
}

bool reattach__applies(const struct weir_jobmaster *jm)
{
    return jm->start == START_DONE || jm->end >= END_CANCELLING;
}

void reattach__report(
    struct weir_jobmaster *jm, const struct weir_local_message *message, struct weir_effects *effects)
{
    uint32_t at = taskmanagers__get(jm, message->node);
    struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[at];
    if (taskmanager->incarnation && taskmanager->incarnation != message->incarnation)
        failover__taskmanager_lost(jm, at, "it was started anew", effects);
    taskmanager->incarnation = message->incarnation;
    taskmanager->lost = false;
    taskmanager->registered = true;
    taskmanagers__set_address(jm, at, message->report.data_address ? message->report.data_address : "");
    jm->scan = true;
    jm->progress++;
    if (reattach__applies(jm)) {
        uint32_t count = message->report.attempt_count;
        apply(jm, at, message->report.attempts, count, count, effects);
        return;
    }
    forget_reports(taskmanager);
    for (uint32_t i = 0; i < message->report.attempt_count; i++)
        reattach__remember(jm, at, message->report.attempts[i]);
    taskmanager->whole_count = taskmanager->report_count;
}

void reattach__replay(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < jm->taskmanager_count; i++) {
        struct jobmaster_taskmanager *taskmanager = jm->taskmanagers[i];
        if (!taskmanager->registered || taskmanager->lost) continue;
        apply(jm, i, taskmanager->reports, taskmanager->report_count, taskmanager->whole_count, effects);
        forget_reports(taskmanager);
    }
}

/* ---------------------------------------------------------------- verdict */

struct verdict {
    const char *lost;    /* the region fails over, and why */
    const char *earlier; /* what is missing was reported of an earlier run, which cannot go on */
    uint32_t missing;
    bool has_run;
    struct weir_run run; /* the newest one of it that was reported */
};

static const char *describe(
    struct weir_jobmaster *jm, uint32_t at, const char *what, struct weir_effects *effects)
{
    const struct graph_subtask *subtask = &jm->graph.subtasks[at];
    return weir_arena_format(effects->arena, "subtask %u of %s %s", subtask->index,
        jm->graph.vertices[subtask->vertex].plan->name, what);
}

/* The checkpoint names it finished, and this is the attempt that ended then: of whatever run. */
static bool ended_before(const struct weir_jobmaster *jm, uint32_t at)
{
    const struct graph_subtask *subtask = &jm->graph.subtasks[at];
    const Weir__SubtaskSnapshot *restored = jm->restored[at];
    struct weir_run run;
    return restored && restored->finished && subtask->reported_state == STATE(FINISHED) &&
           weir_run_from(restored->run, &run) && weir_run_equal(&run, &subtask->run);
}

/* The checkpoint names it finished, and what is reported is another attempt: left of an earlier run, for in
 * later ones it is not deployed any more. A sink is, for its commits. */
static bool is_left_over(const struct weir_jobmaster *jm, uint32_t at)
{
    const struct graph_subtask *subtask = &jm->graph.subtasks[at];
    return subtask->reported && jm->restored[at] && jm->restored[at]->finished && !ended_before(jm, at) &&
           !jm->graph.vertices[subtask->vertex].plan->sink;
}

static void find_run(
    const struct weir_jobmaster *jm, const struct graph_region *region, struct verdict *verdict)
{
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t at = jm->graph.members[region->first + i];
        const struct graph_subtask *subtask = &jm->graph.subtasks[at];
        if (!subtask->reported || ended_before(jm, at) || is_left_over(jm, at)) continue;
        if (verdict->has_run && !is_newer(&subtask->run, &verdict->run)) continue;
        verdict->has_run = true;
        verdict->run = subtask->run;
    }
}

static void judge_member(
    struct weir_jobmaster *jm, uint32_t at, struct verdict *verdict, struct weir_effects *effects)
{
    const struct graph_subtask *subtask = &jm->graph.subtasks[at];
    bool finished_named = jm->restored[at] && jm->restored[at]->finished;
    const Weir__VertexSnapshot *snapshot = jm->restored_vertices[subtask->vertex];
    if (finished_named && snapshot &&
        snapshot->parallelism != jm->graph.vertices[subtask->vertex].parallelism) {
        /* Sinks among them may have commits to repeat that no subtask of this width has. */
        verdict->lost = describe(jm, at, "had ended at another parallelism", effects);
        return;
    }
    if (!subtask->reported || is_left_over(jm, at)) {
        /* A sink that has ended may have commits to repeat: it is missed. */
        if (!finished_named || jm->graph.vertices[subtask->vertex].plan->sink) verdict->missing++;
        return;
    }
    bool before = ended_before(jm, at);
    if (!before && !weir_run_equal(&verdict->run, &subtask->run) && !WEIR_PLANTED(mixed_region_generations)) {
        verdict->missing++;
        verdict->earlier = describe(jm, at, "is of another run than the others", effects);
        return;
    }
    bool up = subtask->reported_state == STATE(RUNNING) || subtask->reported_state == STATE(FINISHED);
    if (!up &&
        !(WEIR_PLANTED(mixed_region_generations) && weir_execution_state_is_alive(subtask->reported_state))) {
        verdict->lost = describe(jm, at, weir_execution_state_name(subtask->reported_state), effects);
    }
}

/* The newest checkpoint is the one that this run restored, or one that it took: then something of it was
 * running, for of a region that had ended as a whole the checkpoint is the same whoever runs it again. */
static bool run_fits_checkpoint(const struct weir_jobmaster *jm, const struct graph_region *region,
    const struct weir_run *run, uint64_t newest)
{
    if (run->restored_checkpoint == newest) return true;
    if (WEIR_PLANTED(reattach_ignores_checkpoint)) return true;
    if (!newest) return false;
    bool took = false;
    for (uint32_t i = 0; i < region->count; i++) {
        const Weir__SubtaskSnapshot *snapshot = jm->restored[jm->graph.members[region->first + i]];
        struct weir_run taken;
        if (!snapshot) return false;
        if (snapshot->finished) continue;
        if (!weir_run_from(snapshot->run, &taken) || !weir_run_equal(&taken, run)) return false;
        took = true;
    }
    return took;
}

/* Peers that are not as a member of the run knows them: its channels lead nowhere. ret_all_known: every peer
 * of every reported member has reported itself. Who ended in an earlier run knows nothing of this one. */
static const char *judge_peers(struct weir_jobmaster *jm, const struct graph_region *region,
    const struct weir_run *run, bool *ret_all_known, struct weir_effects *effects)
{
    uint32_t reported = 0;
    *ret_all_known = true;
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t at = jm->graph.members[region->first + i];
        const struct graph_subtask *subtask = &jm->graph.subtasks[at];
        if (!subtask->reported || !weir_run_equal(&subtask->run, run)) continue;
        reported++;
        for (uint32_t p = 0; p < subtask->peer_count; p++) {
            uint32_t known = taskmanagers__find(jm, subtask->peers[p].node);
            const struct jobmaster_taskmanager *peer = known == GRAPH_NONE ? NULL : jm->taskmanagers[known];
            if (!peer || (!peer->registered && !peer->lost)) {
                *ret_all_known = false;
            } else if (peer->lost || peer->incarnation != subtask->peers[p].incarnation) {
                return describe(jm, at, "had a peer on a TaskManager that is gone", effects);
            }
        }
    }
    if (!reported) *ret_all_known = false; /* nobody says where it ran */
    return NULL;
}

/* It cannot go on, and there was a later one, unless it is of an older plan: what replaces that is deployed
 * when nothing of it is seen any more. */
static void judge_run(const struct weir_jobmaster *jm, const struct graph_region *region, uint64_t newest,
    struct verdict *verdict)
{
    const struct weir_run *run = &verdict->run;
    if (floors__is_deposed(region, run))
        verdict->earlier = "a later run of it was deployed while it was out of sight";
    else if (run->plan_version < region->plan_version && !WEIR_PLANTED(old_plan_reattached))
        verdict->lost = "it runs at a parallelism that the job does not have any more";
    else if (!run_fits_checkpoint(jm, region, run, newest))
        verdict->earlier = "the newest checkpoint is neither restored nor taken by its run";
}

/* ret_all_known: nobody will report what is missing. */
static void judge_members(struct weir_jobmaster *jm, const struct graph_region *region,
    struct verdict *verdict, bool *ret_all_known, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < region->count && !verdict->lost; i++)
        judge_member(jm, jm->graph.members[region->first + i], verdict, effects);
    if (verdict->lost) return;
    bool commits = verdict->has_run && verdict->run.commit_only;
    if (commits && !jobmaster__ending(jm) && !jobmaster__only_commit(jm))
        /* Failing is in no record: under this leader the job goes on. */
        verdict->lost = "it was to commit alone, under a leader that gave the job up";
    else
        verdict->lost = judge_peers(jm, region, &verdict->run, ret_all_known, effects);
}

static struct verdict judge(struct weir_jobmaster *jm, const struct graph_region *region, uint64_t newest,
    struct weir_effects *effects)
{
    struct verdict verdict = { 0 };
    bool all_known = false;
    find_run(jm, region, &verdict);
    if (verdict.has_run) judge_run(jm, region, newest, &verdict);
    if (verdict.earlier)
        verdict.missing = region->count;
    else if (!verdict.lost)
        judge_members(jm, region, &verdict, &all_known, effects);
    if (verdict.lost || !verdict.missing) return verdict;
    if (all_known)
        verdict.lost = "a TaskManager reported without a subtask of it";
    else if (jm->all_reported)
        verdict.lost = "none of the TaskManagers that are there runs all of it";
    if (jm->now_us >= jm->reattach_deadline_us) verdict.lost = "it was not reported in time";
    if (verdict.lost && verdict.earlier) verdict.lost = verdict.earlier;
    return verdict;
}

static void attach(struct weir_jobmaster *jm, uint32_t at, const struct verdict *verdict)
{
    struct graph_region *region = &jm->graph.regions[at];
    region->run = verdict->run;
    jm->tasks_dirty = true;
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t member = jm->graph.members[region->first + i];
        struct graph_subtask *subtask = &jm->graph.subtasks[member];
        if (is_left_over(jm, member)) {
            struct weir_attempt_id attempt = subtask->attempt;
            deploy__not_ours(jm, subtask->taskmanager, &attempt, subtask->reported_state);
            subtask->taskmanager = GRAPH_NONE;
            subtask->ran_on = 0;
            subtask->has_figures = false;
        } else if (subtask->reported) {
            bool ended = subtask->reported_state == STATE(FINISHED);
            graph__set_state(&jm->graph, member, ended ? STATE(FINISHED) : STATE(RUNNING));
            /* What has ended holds no slot: others of its index may have run in another one since. */
            if (!ended) slots__bind(jm, subtask->index, subtask->taskmanager, subtask->slot);
            continue;
        }
        subtask->final_snapshot = WEIR_PROTO_COPY(&region->arena, jm->restored[member]);
        weir_run_from(subtask->final_snapshot->run, &subtask->run);
        weir_attempt_id_from(subtask->final_snapshot->attempt, &subtask->attempt);
        graph__set_state(&jm->graph, member, STATE(FINISHED));
    }
    graph__set_region(&jm->graph, at, REGION_RUNNING);
    deploy__region_progress(jm, at);
}

static void leave_reconciling(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->state != WEIR__JOB_STATE__JOB_RECONCILING || jm->graph.region_counts[REGION_RECONCILING]) return;
    uint32_t lost = jm->graph.region_counts[REGION_WAITING] + jm->graph.region_counts[REGION_CANCELLING];
    weir_effect_log(effects, WEIR_CONTROL_INFO, "job %s: %u of %u regions go on, %u are deployed again",
        jm->plan->name, jm->graph.region_count - lost, jm->graph.region_count, lost);
    jobmaster__set_state(jm, lost ? WEIR__JOB_STATE__JOB_RESTARTING : WEIR__JOB_STATE__JOB_RUNNING);
}

void reattach__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->start != START_DONE || !jm->graph_ready || jm->keep_all) return;
    if (!jm->graph.region_counts[REGION_RECONCILING]) {
        leave_reconciling(jm, effects);
        return;
    }
    jobmaster__wake(jm, jm->reattach_deadline_us);
    if (!jm->reattach_scan && jm->now_us < jm->reattach_deadline_us) return;
    jm->reattach_scan = false;
    const char *failed = NULL;
    deploy__find_restored(jm, weir_checkpoint_newest(jm->coordinator, &failed));
    uint64_t newest = jobmaster__restore_point(jm);
    for (uint32_t r = 0; r < jm->graph.region_count; r++) {
        if (jm->graph.regions[r].state != REGION_RECONCILING) continue;
        struct verdict verdict = judge(jm, &jm->graph.regions[r], newest, effects);
        if (verdict.lost) {
            /* What was not reported may run where nobody sees it; and what was may be left of an older run
             * than that. */
            jm->graph.regions[r].unseen = true;
            failover__region_lost(jm, r, verdict.lost, effects);
        } else if (!verdict.missing) {
            attach(jm, r, &verdict);
        }
    }
    leave_reconciling(jm, effects);
}
