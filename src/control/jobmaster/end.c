/*
 * The end of a job (H7): commit what the record names, cancel what runs, write the terminal status in one
 * write, and only then tell, clean up and go. A takeover goes on at the step that the record shows.
 *
 *   COMMITTING -> CANCELLING -> WRITING -> CLEANING -> SINKS -> PLAN -> CLEAN_WRITING -> DONE
 */
#include "control/jobmaster/internal.h"
#include "base/assert.h"
#include <string.h>

static int64_t commit_timeout_us(const struct weir_jobmaster *jm)
{
    uint64_t asked_ms = jm->plan && jm->plan->settings ? jm->plan->settings->final_commit_timeout_ms : 0;
    return asked_ms ? (int64_t)WEIR_MIN(asked_ms, 86400000u) * 1000 : JOBMASTER_FINAL_COMMIT_US;
}

void end__begin(
    struct weir_jobmaster *jm, Weir__JobState state, const char *error, struct weir_effects *effects)
{
    if (jobmaster__ending(jm)) return;
    jm->end = END_COMMITTING;
    jm->end_state = state;
    jm->progress++;
    jm->scan = true;
    jm->tasks_dirty = true;
    snprintf(jm->end_error, sizeof jm->end_error, "%s", error);
    jm->commit_deadline_us = jm->now_us + commit_timeout_us(jm);
    if (state == WEIR__JOB_STATE__JOB_FAILED) jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_FAILING);
    if (state == WEIR__JOB_STATE__JOB_CANCELED) jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_CANCELLING);
    if (jm->coordinator && state != WEIR__JOB_STATE__JOB_FINISHED && !jm->keep_all)
        weir_checkpoint_pause(jm->coordinator, effects);
    for (uint32_t r = 0; jm->graph_ready && r < jm->graph.region_count; r++)
        jm->graph.regions[r].restart_at_us = jm->now_us; /* its sinks may have to commit, at once */
}

/* ---------------------------------------------------------------- the natural end, and a stop's */

/* All has ended: the final checkpoint. A savepoint that ends the job, or a final checkpoint, is named: have
 * it committed. Then the job is finished. */
static void advance_finish(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->start != START_DONE || !jm->graph_ready || jm->keep_all) return;
    if (jm->graph.region_counts[REGION_RECONCILING]) return;
    bool only_commit = jobmaster__only_commit(jm);
    if (only_commit && !jm->commit_told && jobmaster__settled(jm)) {
        jm->commit_told = true;
        jm->final_told = true;
        jm->committed = false;
        jm->progress++;
        weir_checkpoint_commit_newest(jm->coordinator, jm->now_us, effects);
    }
    bool stopping =
        jm->record.confirmed->target->kind == WEIR__TARGET_KIND__TARGET_STOP; /* its savepoint comes */
    bool all_finished = jm->graph.region_counts[REGION_FINISHED] == jm->graph.region_count;
    if (all_finished && !only_commit && !jm->final_told && !stopping) {
        jm->final_told = true;
        jm->progress++;
        weir_checkpoint_final(jm->coordinator, jm->now_us, jm->wall_us, effects);
    }
    /* A region that failed over has work to do again. */
    if (!all_finished && !only_commit) jm->final_told = false;
    Weir__CheckpointKind kind;
    if (jm->committed && only_commit && jm->committed_checkpoint >= jobmaster__newest(jm, &kind))
        end__begin(jm, WEIR__JOB_STATE__JOB_FINISHED, "", effects);
}

/* ---------------------------------------------------------------- committing */

static void enter_cancelling(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    jm->end = END_CANCELLING;
    jm->progress++;
    if (jm->start != START_DONE) reattach__replay(jm, effects);
    for (uint32_t r = 0; jm->graph_ready && r < jm->graph.region_count; r++) {
        if (jm->graph.regions[r].state == REGION_STOPPED) continue;
        deploy__cancel_region(jm, r, true);
    }
}

static void advance_committing(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    Weir__CheckpointKind kind;
    uint64_t newest = jobmaster__newest(jm, &kind);
    if (jm->keep_all || jm->now_us >= jm->commit_deadline_us || WEIR_PLANTED(cancel_before_commit)) {
        bool done = !newest || (jm->committed && jm->committed_checkpoint >= newest);
        if (!done) jm->uncommitted_checkpoint = newest;
        enter_cancelling(jm, effects);
        return;
    }
    jobmaster__wake(jm, jm->commit_deadline_us);
    if (jm->record.claimed && jobmaster__settled(jm) && !newest) {
        enter_cancelling(jm, effects);
        return;
    }
    if (jm->start != START_DONE || !jm->graph_ready) return;
    if (jm->graph.region_counts[REGION_RECONCILING] || !jobmaster__settled(jm)) return;
    if (jm->committed && jm->committed_checkpoint >= newest) {
        enter_cancelling(jm, effects);
        return;
    }
    if (jm->commit_told && !jm->committed) return;
    jm->commit_told = true;
    jm->committed = false;
    jm->progress++;
    weir_checkpoint_commit_newest(jm->coordinator, jm->now_us, effects);
}

/* ---------------------------------------------------------------- cancelling, writing */

static void fail_savepoints(struct weir_jobmaster *jm)
{
    Weir__JobRecord *wanted = jm->record.wanted;
    for (size_t i = 0; i < wanted->n_savepoints; i++) {
        if (wanted->savepoints[i]->state != WEIR__SAVEPOINT_STATE__SAVEPOINT_IN_PROGRESS) continue;
        wanted->savepoints[i]->state = WEIR__SAVEPOINT_STATE__SAVEPOINT_FAILED;
        wanted->savepoints[i]->error = weir_arena_string(weir_record_arena(&jm->record), "the job has ended");
    }
}

/* A stop in all but its name: what was asked for is a cancellation. */
static void name_end(struct weir_jobmaster *jm)
{
    if (jm->end_state != WEIR__JOB_STATE__JOB_FINISHED || !jm->record.confirmed->target->cancels) return;
    jm->end_state = WEIR__JOB_STATE__JOB_CANCELED;
    jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_CANCELLING);
}

static void write_terminal(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    name_end(jm);
    struct weir_arena *arena = weir_record_arena(&jm->record);
    Weir__JobResult *result = WEIR_PROTO_NEW(arena, Weir__JobResult, weir__job_result);
    jm->ended_wall_ms = jm->wall_us / 1000;
    result->state = jm->end_state;
    result->error = weir_arena_string(arena, jm->end_error);
    result->started_ms = jm->started_wall_ms;
    result->ended_ms = jm->ended_wall_ms;
    result->uncommitted_checkpoint = jm->uncommitted_checkpoint;
    result->keep_checkpoints = jm->keep_all;
    if (jm->coordinator) weir_checkpoint_leftovers(jm->coordinator, result, arena);
    sinks__note(jm, result, arena);
    jm->record.wanted->status = WEIR__RECORD_STATUS__RECORD_TERMINAL_DIRTY;
    result->savepoint = requests__stopped_with(jm->record.wanted, arena);
    requests__keep_savepoints(jm->record.wanted, result, arena);
    fail_savepoints(jm);
    jm->record.wanted->result = result;
    jm->end = END_WRITING;
    jobmaster__record_changed(jm, effects);
    jm->end_change = jm->record.change;
}

static void advance_cancelling(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->stray_count) return;
    if (jm->graph_ready && jm->graph.region_counts[REGION_STOPPED] != jm->graph.region_count) return;
    if (!jm->record.claimed) return;
    write_terminal(jm, effects);
}

/* ---------------------------------------------------------------- after it is durable */

static void forget_all(struct weir_jobmaster *jm)
{
    for (uint32_t i = 0; jm->graph_ready && i < jm->graph.subtask_count; i++) {
        struct graph_subtask *subtask = &jm->graph.subtasks[i];
        if (subtask->taskmanager == GRAPH_NONE || !subtask->attempt.number) continue;
        taskmanagers__forget(jm, subtask->taskmanager, &subtask->attempt);
        subtask->taskmanager = GRAPH_NONE;
    }
}

static void tell_terminal(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    const Weir__JobResult *result = jm->record.confirmed->result;
    jm->ended_wall_ms = result->ended_ms;
    snprintf(jm->end_error, sizeof jm->end_error, "%s", result->error);
    struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_TERMINAL,
        .from = WEIR_ROLE_JOBMASTER,
        .job = jm->job,
        .result = WEIR_PROTO_COPY(effects->arena, result) };
    if (jm->graph_ready)
        message.details =
            WEIR_PROTO_COPY(effects->arena, details__make(jm, DETAILS_ALL_PARTS, effects->arena));
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
    jm->status_dirty = true;
}

static void advance_writing(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!weir_record_is_confirmed(&jm->record, jm->end_change)) return;
    if (jm->state == WEIR__JOB_STATE__JOB_CREATED) jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_RUNNING);
    jobmaster__set_state(jm, jm->end_state);
    tell_terminal(jm, effects);
    forget_all(jm);
    slots__release_all(jm, effects);
    jm->end = END_CLEANING;
    jm->progress++;
}

static void advance_cleaning(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    const Weir__JobResult *result = jm->record.confirmed->result;
    if (!result->keep_checkpoints) {
        if (!jm->coordinator && jm->plan_failure) {
            /* The plan is deleted last: without it, the checkpoints were dealt with. */
        } else if (!jm->coordinator) {
            return; /* start.c reads the plan */
        } else if (!weir_checkpoint_clean(jm->coordinator, result->state, jm->now_us, effects)) {
            return;
        }
    }
    jm->end = END_SINKS;
    jm->progress++;
}

static void advance_sinks(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!sinks__advance(jm, effects)) return;
    jm->end = END_PLAN;
    jm->progress++;
}

static void delete_plan(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->plan_delete_in_flight) return;
    if (jm->now_us < jm->plan_delete_at_us) {
        jobmaster__wake(jm, jm->plan_delete_at_us);
        return;
    }
    jm->plan_delete_in_flight = true;
    weir_effect_blob(effects, jobmaster__tag(jm, JOBMASTER_TAG_PLAN_DELETE),
        (struct weir_blob_effect){ .operation = WEIR_BLOB_DELETE,
            .path = weir_arena_string(effects->arena, jm->record.confirmed->plan_pointer) });
}

void end__plan_deleted(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    if (!jm->plan_delete_in_flight || jm->end != END_PLAN) return;
    jm->plan_delete_in_flight = false;
    if (event->blob.outcome == WEIR_BLOB_ERROR) {
        jm->plan_delete_at_us = jm->now_us + jobmaster__back_off(&jm->plan_back_off_us);
        return;
    }
    jm->record.wanted->status = WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN;
    if (jm->record.wanted->result) sinks__note(jm, jm->record.wanted->result, weir_record_arena(&jm->record));
    jm->end = END_CLEAN_WRITING;
    jobmaster__record_changed(jm, effects);
    jm->end_change = jm->record.change;
}

static void advance_clean_writing(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (!weir_record_is_confirmed(&jm->record, jm->end_change)) return;
    jm->end = END_DONE;
    jm->progress++;
    struct weir_local_message message = {
        .kind = WEIR_LOCAL_JOB_CLEAN, .from = WEIR_ROLE_JOBMASTER, .job = jm->job
    };
    message.result = WEIR_PROTO_COPY(effects->arena, jm->record.confirmed->result);
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
}

void end__recovered(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    const Weir__JobRecord *record = jm->record.confirmed;
    bool clean = record->status == WEIR__RECORD_STATUS__RECORD_TERMINAL_CLEAN;
    jm->state = record->result ? record->result->state : WEIR__JOB_STATE__JOB_FAILED;
    jm->end_state = jm->state;
    jm->keep_all = record->result && record->result->keep_checkpoints;
    jm->uncommitted_checkpoint = record->result ? record->result->uncommitted_checkpoint : 0;
    if (record->result) tell_terminal(jm, effects);
    jm->end = clean ? END_CLEAN_WRITING : END_CLEANING;
    jm->end_change = 0;
    jm->progress++;
    reattach__replay(jm, effects); /* what has ended is kept by its TaskManager until it is told */
}

void end__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->end == END_NONE) advance_finish(jm, effects);
    switch (jm->end) {
    case END_NONE:
    case END_DONE: return;
    case END_COMMITTING: advance_committing(jm, effects); return;
    case END_CANCELLING: advance_cancelling(jm, effects); return;
    case END_WRITING: advance_writing(jm, effects); return;
    case END_CLEANING: advance_cleaning(jm, effects); return;
    case END_SINKS: advance_sinks(jm, effects); return;
    case END_PLAN: delete_plan(jm, effects); return;
    case END_CLEAN_WRITING: advance_clean_writing(jm, effects); return;
    }
}
