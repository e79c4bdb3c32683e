/* The machine: what comes in goes to the file that handles it, then everything that has become possible is
 * done. */
#include "control/jobmaster/internal.h"
#include "base/assert.h"
#include <string.h>

struct weir_tag jobmaster__tag(const struct weir_jobmaster *jm, enum jobmaster_tag_kind kind)
{
    return (struct weir_tag){ .role = WEIR_ROLE_JOBMASTER, .kind = kind, .job = jm->job };
}

void jobmaster__set_state(struct weir_jobmaster *jm, Weir__JobState state)
{
    if (jm->state == state) return;
    WEIR_ASSERT(weir_job_state_is_legal(jm->state, state));
    jm->state = state;
    jm->state_wall_us = jm->changed_wall_us = jm->wall_us;
    jm->progress++;
    jm->status_dirty = true;
}

bool jobmaster__full(const struct weir_effects *effects)
{
    return effects->count >= JOBMASTER_EFFECTS_PER_STEP;
}

bool jobmaster__settled(const struct weir_jobmaster *jm)
{
    return weir_record_is_settled(&jm->record) && weir_record_is_confirmed(&jm->record, jm->record.change);
}

void jobmaster__record_changed(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    weir_record_changed(&jm->record, jm->now_us, effects);
    jm->progress++;
}

void jobmaster__wake(struct weir_jobmaster *jm, int64_t at_us)
{
    if (at_us < jm->timer_wanted_us) jm->timer_wanted_us = at_us;
}

int64_t jobmaster__back_off(int64_t *back_off_us)
{
    int64_t wait_us = *back_off_us ? *back_off_us : JOBMASTER_BACK_OFF_FIRST_US;
    *back_off_us = WEIR_MIN(wait_us * 2, JOBMASTER_BACK_OFF_MAX_US);
    return wait_us;
}

uint64_t jobmaster__newest(const struct weir_jobmaster *jm, Weir__CheckpointKind *ret_kind)
{
    const Weir__JobRecord *record = jm->record_ready ? jm->record.confirmed : NULL;
    *ret_kind = WEIR__CHECKPOINT_KIND__CHECKPOINT_KIND_UNSPECIFIED;
    uint64_t newest = 0;
    for (size_t i = 0; record && i < record->n_checkpoints; i++) {
        const Weir__CompletedCheckpoint *checkpoint = record->checkpoints[i];
        if (checkpoint->id < newest || checkpoint->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT) continue;
        newest = checkpoint->id;
        *ret_kind = checkpoint->kind;
    }
    return newest;
}

uint64_t jobmaster__restore_point(const struct weir_jobmaster *jm)
{
    const char *failed = NULL;
    uint64_t newest = weir_checkpoint_newest_id(jm->coordinator);
    const Weir__CheckpointMetadata *metadata = weir_checkpoint_newest(jm->coordinator, &failed);
    return newest || !metadata ? newest : metadata->id;
}

bool jobmaster__ending(const struct weir_jobmaster *jm)
{
    return jm->end != END_NONE;
}

bool jobmaster__only_commit(const struct weir_jobmaster *jm)
{
    Weir__CheckpointKind kind;
    jobmaster__newest(jm, &kind);
    if (kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT) return true;
    return kind == WEIR__CHECKPOINT_KIND__FINAL_CHECKPOINT;
}

struct weir_jobmaster *weir_jobmaster_new(
    const struct weir_machine_config *config, const struct weir_job_id *job)
{
    struct weir_jobmaster *jm = weir_memory_allocate_zeroed(config->memory, sizeof *jm);
    jm->memory = config->memory;
    jm->nodes = config->nodes;
    jm->identity = config->identity;
    jm->options = config->options;
    jm->job = *job;
    jm->random = config->random_seed ^ weir_job_id_hash(job);
    jm->state = WEIR__JOB_STATE__JOB_INITIALIZING;
    weir_arena_init(&jm->start_arena, jm->memory);
    weir_arena_init(&jm->plan_arena, jm->memory);
    weir_arena_init(&jm->graph_arenas[0], jm->memory);
    weir_arena_init(&jm->graph_arenas[1], jm->memory);
    weir_arena_init(&jm->outbox_arena, jm->memory);
    jm->timer_us = INT64_MAX;
    jm->reattach_deadline_us = INT64_MAX;
    return jm;
}

void weir_jobmaster_free(struct weir_jobmaster *jm)
{
    if (!jm) return;
    weir_checkpoint_free(jm->coordinator);
    if (jm->graph_ready) graph__done(&jm->graph);
    restart_strategy__done(&jm->restart);
    if (jm->record_ready) weir_record_done(&jm->record);
    taskmanagers__free(jm);
    slots__free(jm);
    rescales__free(jm);
    weir_arena_done(&jm->start_arena);
    weir_arena_done(&jm->plan_arena);
    weir_arena_done(&jm->graph_arenas[0]);
    weir_arena_done(&jm->graph_arenas[1]);
    weir_arena_done(&jm->outbox_arena);
    weir_memory_release(jm->memory, jm->exceptions, sizeof *jm->exceptions * WEIR_JOBMASTER_EXCEPTIONS_MAX);
    weir_memory_release(jm->memory, jm, sizeof *jm);
}

/* ---------------------------------------------------------------- events */

static void on_suspended(struct weir_jobmaster *jm, bool suspended, struct weir_effects *effects)
{
    jm->suspended = suspended;
    jm->scan = true;
    if (!jm->record_ready) return;
    if (suspended) {
        weir_record_suspend(&jm->record);
        if (jm->coordinator) weir_checkpoint_suspend(jm->coordinator, effects);
        return;
    }
    weir_record_resume(&jm->record, jm->now_us, effects);
    if (jm->coordinator) weir_checkpoint_resume(jm->coordinator, jm->now_us, jm->wall_us, effects);
}

static void on_local(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_local_message *message = event->local;
    switch (message->kind) {
    case WEIR_LOCAL_JOB_START: start__begin(jm, event, effects); return;
    case WEIR_LOCAL_CLIENT: requests__client(jm, event, effects); return;
    case WEIR_LOCAL_GARBAGE: garbage__asked(jm, message, effects); return;
    case WEIR_LOCAL_SLOTS: slots__granted(jm, message); return;
    case WEIR_LOCAL_REPORT: reattach__report(jm, message, effects); return;
    case WEIR_LOCAL_TASKMANAGER_LOST: {
        uint32_t taskmanager = taskmanagers__find(jm, message->node);
        if (taskmanager == GRAPH_NONE) return;
        if (jm->taskmanagers[taskmanager]->incarnation != message->incarnation) return;
        failover__taskmanager_lost(jm, taskmanager, message->reason, effects);
        return;
    }
    case WEIR_LOCAL_ALL_REPORTED:
        jm->all_reported = jm->reattach_scan = true;
        jm->progress++;
        return;
    case WEIR_LOCAL_SUSPENDED: on_suspended(jm, true, effects); return;
    case WEIR_LOCAL_RESUMED: on_suspended(jm, false, effects); return;
    case WEIR_LOCAL_EPOCH:
        if (jm->record_ready)
            weir_record_epoch(&jm->record, message->epoch, message->leader_version, jm->now_us, effects);
        return;
    default: return; /* CONTINUE, and what is for others */
    }
}

static void on_message(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    switch (event->envelope->body_case) {
    case WEIR__ENVELOPE__BODY_TASK_STATE: deploy__state_update(jm, event, effects); return;
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE:
    case WEIR__ENVELOPE__BODY_DECLINE:
    case WEIR__ENVELOPE__BODY_COMMITTED:
    case WEIR__ENVELOPE__BODY_REQUEST_SPLITS:
    case WEIR__ENVELOPE__BODY_SPLITS_FOUND:
        if (jm->coordinator) weir_checkpoint_on_message(jm->coordinator, event, effects);
        return;
    default: return;
    }
}

static void on_record(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->store.outcome == WEIR_STORE_UNKNOWN && jm->coordinator)
        weir_checkpoint_write_unknown(jm->coordinator, effects);
    if (!jm->record_ready || !weir_record_on_event(&jm->record, event, effects)) return;
    jm->progress++;
    jm->status_dirty = true;
    if (jm->record.state == WEIR_RECORD_FENCED) {
        jm->fenced = true;
        return;
    }
    if (jm->coordinator) weir_checkpoint_record_confirmed(jm->coordinator, jm->now_us, jm->wall_us, effects);
    if (jm->graph_ready) deploy__finished_checkpoint(jm);
}

static void on_tagged(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    uint32_t kind = event->tag.kind;
    if (kind >= WEIR_CHECKPOINT_TAG_FIRST && kind <= WEIR_CHECKPOINT_TAG_LAST) {
        if (jm->coordinator) weir_checkpoint_on_event(jm->coordinator, event, effects);
        return;
    }
    switch ((enum jobmaster_tag_kind)kind) {
    case JOBMASTER_TAG_RECORD: on_record(jm, event, effects); return;
    case JOBMASTER_TAG_PLAN: start__plan_read(jm, event, effects); return;
    case JOBMASTER_TAG_PLAN_DELETE: end__plan_deleted(jm, event, effects); return;
    case JOBMASTER_TAG_SINKS_LIST: sinks__listed(jm, event, effects); return;
    case JOBMASTER_TAG_SINKS_DELETE: sinks__deleted(jm, event); return;
    case JOBMASTER_TAG_GARBAGE: garbage__listed(jm, event, effects); return;
    case JOBMASTER_TAG_TIMER:
        jm->timer_us = INT64_MAX;
        jm->scan = true;
        return;
    }
}

/* ---------------------------------------------------------------- everything that is possible */

static void tell_fenced(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->fenced_told) return;
    jm->fenced_told = true;
    if (weir_job_state_is_legal(jm->state, WEIR__JOB_STATE__JOB_SUSPENDED))
        jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_SUSPENDED);
    struct weir_local_message message = { .kind = WEIR_LOCAL_JOB_FENCED,
        .from = WEIR_ROLE_JOBMASTER,
        .job = jm->job,
        .epoch = jm->identity->epoch,
        .reason = "another leader has written the job's record" };
    weir_effect_local(effects, WEIR_ROLE_DISPATCHER, NULL, &message);
    weir_effect_local(effects, WEIR_ROLE_LEADER, NULL, &message);
}

/* What the coordinator's callbacks have noted. */
static void act_on_callbacks(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->coordinator_failure) {
        jm->coordinator_failure = NULL;
        jm->progress++;
        failover__all(jm, jm->coordinator_failure_text, effects);
    }
    if (jm->stop_failed) {
        jm->stop_failed = false;
        jm->progress++;
        requests__target_run(jm, jm->stop_error, effects);
    }
}

/* CREATED until something is deployed, RESTARTING until everything is again. */
static void follow_regions(struct weir_jobmaster *jm)
{
    if (jm->start != START_DONE || !jm->graph_ready || jobmaster__ending(jm)) return;
    const uint32_t *counts = jm->graph.region_counts;
    uint32_t down = counts[REGION_WAITING] + counts[REGION_CANCELLING] + counts[REGION_STOPPED];
    if (jm->state == WEIR__JOB_STATE__JOB_CREATED && down < jm->graph.region_count)
        jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_RUNNING);
    if (jm->state == WEIR__JOB_STATE__JOB_RESTARTING && !down)
        jobmaster__set_state(jm, WEIR__JOB_STATE__JOB_RUNNING);
}

static uint64_t progress_of(const struct weir_jobmaster *jm)
{
    return jm->progress + jm->graph.changes + jm->record.change + jm->record.confirmed_change;
}

static void advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    for (uint32_t round = 0; round < JOBMASTER_ADVANCE_ROUNDS_MAX; round++) {
        if (jobmaster__full(effects)) break;
        uint64_t before = progress_of(jm);
        act_on_callbacks(jm, effects);
        start__advance(jm, effects);
        rescales__observe(jm); /* what was just begun, before it is carried out */
        requests__advance(jm, effects);
        reattach__advance(jm, effects);
        rescale__advance(jm, effects);
        tasks__tell(jm, effects); /* before a commit is asked for, and before regions are made anew */
        end__advance(jm, effects);
        tasks__tell(jm, effects);
        taskmanagers__flush(jm, effects); /* what ended is forgotten before its slot is used again */
        deploy__advance(jm, effects);
        follow_regions(jm);
        rescales__observe(jm);
        tasks__tell(jm, effects);
        if (progress_of(jm) == before) return;
    }
    effects->more = true;
}

static void set_timer(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->timer_wanted_us == INT64_MAX || jm->timer_wanted_us >= jm->timer_us) return;
    jm->timer_us = jm->timer_wanted_us;
    weir_effect_timer(effects, jobmaster__tag(jm, JOBMASTER_TAG_TIMER), jm->timer_us);
}

void weir_jobmaster_step(
    struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    jm->now_us = event->now_us;
    jm->wall_us = event->wall_us;
    jm->timer_wanted_us = INT64_MAX;
    if (jm->fenced) return; /* deposed: nothing that it could do would count */
    switch (event->kind) {
    case WEIR_EVENT_LOCAL: on_local(jm, event, effects); break;
    case WEIR_EVENT_MESSAGE: on_message(jm, event, effects); break;
    case WEIR_EVENT_TIMER:
    case WEIR_EVENT_STORE_DONE:
    case WEIR_EVENT_BLOB_DONE: on_tagged(jm, event, effects); break;
    default: break;
    }
    if (!jm->record_ready) return;
    if (!jm->fenced) advance(jm, effects);
    if (jm->record.state == WEIR_RECORD_FENCED) jm->fenced = true;
    if (jm->fenced) {
        tell_fenced(jm, effects);
        return;
    }
    slots__require(jm, effects);
    slots__release_needless(jm, effects);
    summary__send(jm, effects);
    taskmanagers__flush(jm, effects);
    set_timer(jm, effects);
}

/* ---------------------------------------------------------------- what others may ask */

const struct weir_jobmaster_exception *weir_jobmaster_exception(
    const struct weir_jobmaster *jm, uint32_t index)
{
    if (index >= jm->exception_count || index >= WEIR_JOBMASTER_EXCEPTIONS_MAX) return NULL;
    return &jm->exceptions[(jm->exception_count - 1 - index) % WEIR_JOBMASTER_EXCEPTIONS_MAX];
}

uint32_t weir_jobmaster_subtask_count(const struct weir_jobmaster *jm)
{
    return jm->graph_ready ? jm->graph.subtask_count : 0;
}

void weir_jobmaster_subtask(
    const struct weir_jobmaster *jm, uint32_t index, struct weir_jobmaster_subtask *ret)
{
    WEIR_ASSERT(index < weir_jobmaster_subtask_count(jm));
    const struct graph_subtask *subtask = &jm->graph.subtasks[index];
    *ret = (struct weir_jobmaster_subtask){ .vertex = jm->graph.vertices[subtask->vertex].id,
        .subtask = subtask->index,
        .state = subtask->state,
        .attempt = subtask->attempt,
        .node = subtask->taskmanager == GRAPH_NONE ? 0 : jm->taskmanagers[subtask->taskmanager]->node,
        .region = subtask->region,
        .started_wall_us = subtask->started_wall_us,
        .ended_wall_us = subtask->ended_wall_us };
}

uint32_t weir_jobmaster_region_count(const struct weir_jobmaster *jm)
{
    return jm->graph_ready ? jm->graph.region_count : 0;
}

Weir__JobState weir_jobmaster_state(const struct weir_jobmaster *jm)
{
    return jm->state;
}

const Weir__ExecutionPlan *weir_jobmaster_plan(const struct weir_jobmaster *jm)
{
    return jm->plan;
}

const Weir__JobRecord *weir_jobmaster_record(const struct weir_jobmaster *jm)
{
    return jm->record_ready ? jm->record.confirmed : NULL;
}

const struct weir_checkpoint_coordinator *weir_jobmaster_checkpoints(const struct weir_jobmaster *jm)
{
    return jm->coordinator;
}

uint64_t weir_jobmaster_failovers(const struct weir_jobmaster *jm)
{
    return jm->failovers;
}
