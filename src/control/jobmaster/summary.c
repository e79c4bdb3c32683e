/* What lists show of the job, and replies to clients. */
#include "control/jobmaster/internal.h"
#include <string.h>

static void count_tasks(const struct weir_jobmaster *jm, uint32_t counts[WEIR_EXECUTION_STATES])
{
    memcpy(counts, jm->graph.counts, sizeof jm->graph.counts);
    for (uint32_t i = 0; jobmaster__ending(jm) && i < jm->graph.subtask_count; i++) {
        const struct graph_subtask *subtask = &jm->graph.subtasks[i];
        counts[subtask->state]--;
        counts[details__state(jm, subtask)]++;
    }
}

Weir__JobSummary *summary__make(const struct weir_jobmaster *jm, struct weir_arena *arena)
{
    Weir__JobSummary *summary = WEIR_PROTO_NEW(arena, Weir__JobSummary, weir__job_summary);
    const Weir__JobRecord *record = jm->record.confirmed ? jm->record.confirmed : jm->record.wanted;
    summary->job = weir_job_id_to(arena, &jm->job);
    summary->name = weir_arena_string(arena, record->name);
    summary->state = jm->state;
    summary->started_ms = jm->started_wall_ms;
    summary->ended_ms = jm->ended_wall_ms;
    summary->changed_ms = jm->changed_wall_us / 1000;
    summary->state_ms = jm->state_wall_us / 1000;
    const struct weir_jobmaster_exception *newest = weir_jobmaster_exception(jm, 0);
    const char *error = jm->end_error[0] ? jm->end_error : newest ? newest->root.text : "";
    summary->error = weir_arena_string(arena, error);
    for (size_t i = 0; i < record->n_checkpoints; i++) {
        if (record->checkpoints[i]->id < summary->newest_checkpoint) continue;
        summary->newest_checkpoint = record->checkpoints[i]->id;
        summary->newest_pointer = record->checkpoints[i]->pointer;
    }
    summary->newest_pointer = weir_arena_string(arena, summary->newest_pointer);
    if (jm->end >= END_CLEANING) summary->savepoint = requests__stopped_with(record, arena);
    if (jm->end >= END_CLEANING && record->result) {
        summary->savepoints = record->result->savepoints;
        summary->n_savepoints = record->result->n_savepoints;
    }
    summary->tasks_restarted = jm->tasks_restarted;
    if (jm->graph_ready) {
        summary->tasks_running = jm->graph.counts[WEIR__EXECUTION_STATE__EXECUTION_RUNNING];
        summary->tasks_total = jm->graph.subtask_count;
        summary->n_tasks_in = WEIR_EXECUTION_STATES;
        summary->tasks_in = WEIR_ARENA_ARRAY(arena, uint32_t, WEIR_EXECUTION_STATES);
        count_tasks(jm, summary->tasks_in);
    }
    return summary;
}

void summary__send(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    /* The dispatcher takes the first one for "the record is there". */
    if (jm->start < START_PLAN || !jm->status_dirty) return;
    jm->status_dirty = false;
    struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_STATUS,
        .from = WEIR_ROLE_JOBMASTER,
        .job = jm->job,
        .summary = summary__make(jm, effects->arena) };
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
}

void summary__reply(struct weir_jobmaster *jm, weir_node from, uint64_t request, Weir__ReplyCode code,
    const char *text, struct weir_effects *effects)
{
    Weir__ClientReply *reply = WEIR_PROTO_NEW(effects->arena, Weir__ClientReply, weir__client_reply);
    reply->code = code;
    reply->text = weir_arena_string(effects->arena, text);
    weir_effect_send(effects, from, WEIR_ROLE_CLIENT, &jm->job, request, WEIR__ENVELOPE__BODY_REPLY, reply);
}
