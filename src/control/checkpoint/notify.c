/*
 * Commits: who has been told that the newest checkpoint is complete, and which sinks have done it (H6).
 * The notification goes out only for what the confirmed record names, and again until every sink has
 * answered: a lost message, or a new leader, costs time alone.
 */
#include "control/checkpoint/internal.h"
#include <string.h>

/* H13: this attempt put something into the checkpoint, at its barrier or with its end. */
static bool is_in(const struct checkpoint_completed *done, const struct weir_checkpoint_task *task)
{
    struct weir_attempt_id attempt;
    for (size_t v = 0; done->metadata && v < done->metadata->n_vertices; v++) {
        const Weir__VertexSnapshot *vertex = done->metadata->vertices[v];
        if (vertex->vertex != task->attempt.vertex) continue;
        const Weir__SubtaskSnapshot *snapshot = checkpoint__snapshot_of(vertex, task->attempt.subtask);
        return snapshot && weir_attempt_id_from(snapshot->attempt, &attempt) &&
               weir_attempt_id_equal(&attempt, &task->attempt);
    }
    return !done->metadata;
}

/* It restored the checkpoint, committed what that held before anything else, and has ended since: what it
 * ended with is in a later checkpoint, or in none yet. It must not take this one's completion for that one's.
 */
static bool ended_since(const struct checkpoint_completed *done, const struct weir_checkpoint_task *task)
{
    if (WEIR_PLANTED(commit_of_later_end)) return false;
    return task->finished && task->run.restored_checkpoint == done->id && !is_in(done, task);
}

void checkpoint__notify(struct weir_checkpoint_coordinator *c, uint64_t id, struct weir_effects *effects)
{
    const struct checkpoint_completed *done = checkpoint__completed_find(c, id);
    struct node_groups groups;
    checkpoint__groups_init(&groups, effects->arena);
    for (uint32_t i = 0; i < c->task_count; i++) {
        const struct weir_checkpoint_task *task = &c->tasks[i];
        if (done && ended_since(done, task)) continue;
        if ((task->running || task->finished) && task->node)
            checkpoint__groups_add(&groups, task->node, &task->attempt);
    }
    for (uint32_t g = 0; g < groups.count; g++) {
        Weir__NotifyCheckpointComplete *message =
            WEIR_PROTO_NEW(effects->arena, Weir__NotifyCheckpointComplete, weir__notify_checkpoint_complete);
        message->job = weir_job_id_to(effects->arena, &c->job);
        message->checkpoint = id;
        message->n_attempts = groups.items[g].attempt_count;
        message->attempts = groups.items[g].attempts;
        checkpoint__send(c, groups.items[g].node, WEIR__ENVELOPE__BODY_COMPLETE, &message->base, effects);
    }
}

static bool sink_committed(
    const struct weir_checkpoint_coordinator *c, const struct weir_checkpoint_task *task)
{
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    const struct task_note *note = checkpoint__note(c, task->attempt.vertex, task->attempt.subtask);
    return !newest || ended_since(newest, task) || (note && note->committed >= newest->id);
}

/* Sinks before committed_at have answered for the newest; a change of tasks, or a newer one, starts anew. */
bool checkpoint__all_committed(struct weir_checkpoint_coordinator *c)
{
    uint64_t newest = weir_checkpoint_newest_id(c);
    if (c->committed_of != newest) c->committed_at = 0;
    c->committed_of = newest;
    for (; c->committed_at < c->task_count; c->committed_at++) {
        const struct weir_checkpoint_task *task = &c->tasks[c->committed_at];
        if (task->sink && !sink_committed(c, task)) return false;
    }
    return true;
}

bool weir_checkpoint_sink_committed(
    const struct weir_checkpoint_coordinator *c, uint32_t vertex, uint32_t subtask)
{
    const struct weir_checkpoint_task *task = checkpoint__task(c, vertex, subtask);
    return task && sink_committed(c, task);
}

/* H13: the answer counts only from a run that took the checkpoint or restored it. */
static bool run_has(const struct checkpoint_completed *done, const struct weir_checkpoint_task *task)
{
    return task->run.restored_checkpoint == done->id || is_in(done, task);
}

void checkpoint__committed(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    const Weir__CheckpointCommitted *message = event->envelope->committed;
    struct weir_attempt_id attempt;
    struct weir_run run;
    if (!weir_attempt_id_from(message->attempt, &attempt) || !weir_run_from(message->run, &run)) return;
    const struct weir_checkpoint_task *task = checkpoint__task(c, attempt.vertex, attempt.subtask);
    if (!task || !weir_attempt_id_equal(&task->attempt, &attempt) || !weir_run_equal(&task->run, &run) ||
        task->node != event->from)
        return;
    const struct checkpoint_completed *done = checkpoint__completed_find(c, message->checkpoint);
    if (done && done == checkpoint__newest(c) && !run_has(done, task)) return;
    if (message->checkpoint > weir_checkpoint_newest_id(c)) return;
    struct task_note *note = checkpoint__note(c, attempt.vertex, attempt.subtask);
    note->committed = WEIR_MAX(note->committed, message->checkpoint);
}

void checkpoint__notify_advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!checkpoint__may_act(c) || !c->newest_loaded) return;
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    if (newest && newest->id != c->notify_id) {
        /* Found at a takeover: told again once the job's tasks are known. */
        if (!c->all_running && !c->await_committed) return;
        c->notify_id = newest->id;
        c->notify_at_us = c->now_us;
        c->notify_back_off_us = CHECKPOINT_NOTIFY_FIRST_US;
    }
    bool all = checkpoint__all_committed(c);
    if (c->notify_id && c->now_us >= c->notify_at_us) {
        bool first = c->notify_back_off_us == CHECKPOINT_NOTIFY_FIRST_US;
        bool not_ours = WEIR_PLANTED(notify_not_repeated) && c->notify_id <= c->reserved_before;
        if ((first || !all) && !not_ours) checkpoint__notify(c, c->notify_id, effects);
        c->notify_at_us = c->now_us + c->notify_back_off_us;
        c->notify_back_off_us = WEIR_MIN(c->notify_back_off_us * 2, CHECKPOINT_NOTIFY_MAX_US);
        if (all) c->notify_at_us = INT64_MAX; /* a sink that comes later has it set again */
    }
    if (c->await_committed && (all || WEIR_PLANTED(terminal_before_commit))) {
        c->await_committed = false;
        c->call_committed = true;
    }
}
