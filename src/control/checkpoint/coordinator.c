/* The coordinator as its jobmaster sees it; what is due when. */
#include "control/checkpoint/internal.h"
#include "base/assert.h"
#include <string.h>

struct weir_tag checkpoint__tag(
    const struct weir_checkpoint_coordinator *c, enum checkpoint_tag_kind kind, uint64_t number)
{
    return (struct weir_tag){ .role = WEIR_ROLE_JOBMASTER, .kind = kind, .job = c->job, .number = number };
}

int64_t checkpoint__back_off(int64_t *back_off_us)
{
    int64_t wait_us = *back_off_us;
    *back_off_us = WEIR_MIN(wait_us * 2, CHECKPOINT_BACK_OFF_MAX_US);
    return wait_us;
}

bool checkpoint__may_act(const struct weir_checkpoint_coordinator *c)
{
    return c->started && !c->suspended && c->record->state != WEIR_RECORD_FENCED;
}

bool checkpoint__may_trigger(const struct weir_checkpoint_coordinator *c)
{
    return checkpoint__may_act(c) && !c->paused && !c->closing && c->newest_loaded && !c->load_failure &&
           c->clean == CLEAN_NONE;
}

struct weir_checkpoint_coordinator *weir_checkpoint_new(struct weir_memory *memory,
    const struct weir_job_id *job, const Weir__ExecutionPlan *plan, struct weir_record *record,
    const struct weir_identity *identity, const struct weir_checkpoint_callbacks *callbacks,
    uint64_t random_seed)
{
    struct weir_checkpoint_coordinator *c = weir_memory_allocate_zeroed(memory, sizeof *c);
    c->memory = memory;
    weir_arena_init(&c->arena, memory);
    weir_arena_init(&c->outbox_arena, memory);
    c->job = *job;
    if (plan->settings)
        c->settings = WEIR_PROTO_COPY(&c->arena, plan->settings);
    else
        c->settings = WEIR_PROTO_NEW(&c->arena, Weir__JobSettings, weir__job_settings);
    c->vertex_count = plan->n_vertices;
    c->vertices = WEIR_ARENA_ARRAY(&c->arena, Weir__PlanVertex *, plan->n_vertices);
    for (size_t v = 0; v < plan->n_vertices; v++)
        c->vertices[v] = WEIR_PROTO_COPY(&c->arena, plan->vertices[v]);
    /* Not zeroed: it is large, and most jobs never touch it. */
    c->requests = weir_arena_allocate(&c->arena, CHECKPOINT_REQUESTS_MAX * sizeof *c->requests);
    c->record = record;
    c->identity = identity;
    c->callbacks = *callbacks;
    c->random = random_seed * 2 + 1;
    c->timer_us = c->sweep_at_us = INT64_MAX;
    c->retry_back_off_us = CHECKPOINT_BACK_OFF_FIRST_US;
    c->last_completed_us = INT64_MIN / 2;
    return c;
}

void weir_checkpoint_free(struct weir_checkpoint_coordinator *c)
{
    if (!c) return;
    while (c->pending_count) checkpoint__pending_free(c, c->pending[0]);
    for (uint32_t i = 0; i < c->completed_count; i++) checkpoint__completed_free(c, c->completed[i]);
    weir_memory_release(c->memory, c->completed, sizeof(void *) * c->completed_capacity);
    checkpoint__completed_free(c, c->origin);
    checkpoint__files_free(c);
    checkpoint__history_free(c);
    checkpoint__splits_free(c);
    checkpoint__send_free(c);
    weir_memory_release(c->memory, c->notes, sizeof *c->notes * c->note_slots);
    weir_arena_done(&c->arena);
    weir_memory_release(c->memory, c, sizeof *c);
}

/* ---------------------------------------------------------------- entry and exit of every call */

void checkpoint__enter(struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us)
{
    c->depth++;
    c->now_us = WEIR_MAX(c->now_us, now_us);
    if (wall_us) c->wall_us = wall_us;
}

/* The barriers that are out carry the older epoch: nobody acknowledges them any more (H3). */
static void epoch_check(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (c->epoch == c->identity->epoch) return;
    if (c->epoch) checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the leader has taken a new epoch", effects);
    c->epoch = c->identity->epoch;
    checkpoint__splits_epoch(c);
}

/* One write reserves a block; the next is asked for before it is used up. */
static void reserve(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!c->ids_known || !checkpoint__may_act(c)) return;
    uint64_t reserved = c->record->wanted->checkpoint_id_reserved;
    bool low = c->next_id > c->reserved_before + 1 && c->next_id + CHECKPOINT_ID_BLOCK_LOW > reserved;
    bool empty = c->id_wanted && c->next_id > reserved;
    c->id_wanted = false;
    if (!low && !empty) return;
    c->record->wanted->checkpoint_id_reserved = c->next_id - 1 + CHECKPOINT_ID_BLOCK;
    weir_record_changed(c->record, c->now_us, effects);
}

static void earliest(int64_t *due_us, int64_t at_us, int64_t now_us)
{
    if (at_us > now_us) *due_us = WEIR_MIN(*due_us, at_us);
}

/* What has come due and could not be done waits for an event, not for the clock. */
static void timer_set(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    int64_t due_us = INT64_MAX, now_us = c->now_us;
    if (checkpoint__may_act(c)) {
        for (uint32_t i = 0; i < c->pending_count; i++) {
            const struct checkpoint_pending *p = c->pending[i];
            if (p->state == PENDING_TRIGGERED || p->state == PENDING_METADATA)
                earliest(&due_us, p->deadline_us, now_us);
            if (p->state == PENDING_METADATA && !p->put_in_flight) earliest(&due_us, p->put_at_us, now_us);
            if (p->state == PENDING_METADATA) earliest(&due_us, checkpoint__copies_due(p), now_us);
        }
        if (c->settings->checkpoint_interval_ms && c->all_running && checkpoint__may_trigger(c)) {
            int64_t pause_us = (int64_t)c->settings->checkpoint_min_pause_ms * 1000;
            earliest(&due_us, WEIR_MAX(c->due_us, c->last_completed_us + pause_us), now_us);
        }
        for (uint32_t i = 0; i < c->request_count; i++)
            if (!c->requests[i].active) earliest(&due_us, c->requests[i].at_us, now_us);
        for (uint32_t i = 0; i < c->completed_count; i++)
            if (!c->completed[i]->loaded) earliest(&due_us, c->completed[i]->load_at_us, now_us);
        if (c->origin && !c->origin->loaded) earliest(&due_us, c->origin->load_at_us, now_us);
        if (!c->ids_known) earliest(&due_us, c->ids_at_us, now_us);
        if (c->claim == CLAIM_MARK) earliest(&due_us, c->claim_at_us, now_us);
        if (c->notify_id) earliest(&due_us, c->notify_at_us, now_us);
        earliest(&due_us, checkpoint__files_due(c), now_us);
        earliest(&due_us, checkpoint__splits_due(c), now_us);
    }
    if (checkpoint__send_waits(c)) due_us = now_us;
    if (due_us == c->timer_us) return;
    c->timer_us = due_us;
    weir_effect_timer(effects, checkpoint__tag(c, CHECKPOINT_TAG_TIMER, 0), due_us);
}

void checkpoint__advance(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    if (!c->started) return;
    if (c->record->state != WEIR_RECORD_FENCED) {
        epoch_check(c, effects);
        checkpoint__send_advance(c, effects);
        checkpoint__load_advance(c, effects);
        checkpoint__pending_advance(c, effects);
        checkpoint__start_due(c, effects);
        reserve(c, effects);
        checkpoint__notify_advance(c, effects);
        checkpoint__splits_advance(c, effects);
        checkpoint__files_advance(c, effects);
    }
    timer_set(c, effects);
}

/* Callbacks come last, for they may call back. */
void checkpoint__leave(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    checkpoint__advance(c, effects);
    if (--c->depth) return;
    c->depth++;
    while (c->call_failure || c->call_stop_failed || c->call_committed) {
        const char *failure = c->call_failure, *stop_failed = c->call_stop_failed;
        bool committed = c->call_committed;
        c->call_failure = c->call_stop_failed = NULL;
        c->call_committed = false;
        if (failure) c->callbacks.too_many_failures(c->callbacks.owner, failure, effects);
        if (stop_failed) c->callbacks.stop_failed(c->callbacks.owner, stop_failed, effects);
        if (committed) c->callbacks.committed(c->callbacks.owner, weir_checkpoint_newest_id(c), effects);
    }
    c->depth--;
}

/* ---------------------------------------------------------------- start, and what is known */

/* At once when one is overdue since the last leader's newest. */
static void first_due(struct weir_checkpoint_coordinator *c)
{
    int64_t interval_us = (int64_t)c->settings->checkpoint_interval_ms * 1000, passed_us = 0;
    const Weir__JobRecord *record = c->record->confirmed;
    if (record->n_checkpoints)
        passed_us = c->wall_us - record->checkpoints[record->n_checkpoints - 1]->completed_ms * 1000;
    passed_us = WEIR_MAX(passed_us, 0);
    c->due_us = c->now_us + WEIR_MAX(interval_us - passed_us, 0);
}

void weir_checkpoint_start(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    WEIR_ASSERT(c->record->confirmed && !c->started);
    checkpoint__enter(c, now_us, wall_us);
    c->started = true;
    c->epoch = c->identity->epoch;
    c->split_epoch = c->epoch;
    checkpoint__load_start(c, effects);
    first_due(c);
    if (c->record->confirmed->stop_error && c->record->confirmed->stop_error[0])
        c->resume_id = c->reserved_before;
    checkpoint__requests_found(c, effects);
    checkpoint__splits_start(c);
    checkpoint__sweep_want(c);
    checkpoint__leave(c, effects);
}

const Weir__CheckpointMetadata *weir_checkpoint_newest(
    const struct weir_checkpoint_coordinator *c, const char **ret_failed)
{
    if (ret_failed) *ret_failed = c->newest_loaded ? c->load_failure : NULL;
    if (!c->newest_loaded || c->load_failure) return NULL;
    const struct checkpoint_completed *point = checkpoint__restore_point(c);
    return point ? point->metadata : NULL;
}

uint64_t weir_checkpoint_newest_id(const struct weir_checkpoint_coordinator *c)
{
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    return newest ? newest->id : 0;
}

bool weir_checkpoint_is_loaded(const struct weir_checkpoint_coordinator *c)
{
    return c->newest_loaded;
}

void weir_checkpoint_statistics(
    const struct weir_checkpoint_coordinator *c, struct weir_checkpoint_statistics *ret)
{
    *ret = c->statistics;
    ret->in_progress = c->pending_count;
}

/* ---------------------------------------------------------------- what happens */

void weir_checkpoint_tasks_changed(struct weir_checkpoint_coordinator *c,
    const struct weir_checkpoint_task *tasks, uint32_t task_count, bool all_running, int64_t now_us,
    int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    c->tasks = tasks;
    c->task_count = task_count;
    c->all_running = all_running;
    if (all_running) c->paused = false;
    checkpoint__tasks_noted(c);
    if (c->started) {
        checkpoint__splits_tasks_changed(c, effects);
        checkpoint__pending_tasks_changed(c, effects);
        if (all_running && !c->resumed && c->record->state != WEIR_RECORD_FENCED) {
            /* A stop of an older leader has failed, and its last word may be lost. */
            c->resumed = true;
            checkpoint__resume_send(c, 0, effects);
        }
        if (!checkpoint__all_committed(c)) {
            /* Somebody who has not answered is there, maybe newly connected. */
            c->notify_back_off_us = WEIR_MAX(c->notify_back_off_us, CHECKPOINT_NOTIFY_FIRST_US);
            c->notify_at_us = WEIR_MIN(c->notify_at_us, c->now_us + CHECKPOINT_NOTIFY_FIRST_US);
        }
    }
    checkpoint__leave(c, effects);
}

void weir_checkpoint_on_message(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    if (!c->started || c->record->state == WEIR_RECORD_FENCED) return;
    checkpoint__enter(c, event->now_us, event->wall_us);
    epoch_check(c, effects);
    switch (event->envelope->body_case) {
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE: checkpoint__acknowledged(c, event, effects); break;
    case WEIR__ENVELOPE__BODY_DECLINE: checkpoint__declined(c, event, effects); break;
    case WEIR__ENVELOPE__BODY_COMMITTED: checkpoint__committed(c, event, effects); break;
    case WEIR__ENVELOPE__BODY_REQUEST_SPLITS: checkpoint__splits_requested(c, event, effects); break;
    case WEIR__ENVELOPE__BODY_SPLITS_FOUND: checkpoint__splits_found(c, event, effects); break;
    default: break;
    }
    checkpoint__leave(c, effects);
}

static void blob_done(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    switch ((enum checkpoint_tag_kind)event->tag.kind) {
    case CHECKPOINT_TAG_LIST_IDS: checkpoint__ids_listed(c, event, effects); break;
    case CHECKPOINT_TAG_LOAD: checkpoint__loaded(c, event, effects); break;
    case CHECKPOINT_TAG_PUT:
    case CHECKPOINT_TAG_COMPARE: checkpoint__put_done(c, event, effects); break;
    case CHECKPOINT_TAG_DELETE:
    case CHECKPOINT_TAG_SWEEP:
    case CHECKPOINT_TAG_SWEEP_ASIDE:
    case CHECKPOINT_TAG_PRUNE: checkpoint__files_done(c, event, effects); break;
    case CHECKPOINT_TAG_CLAIM_PUT:
    case CHECKPOINT_TAG_CLAIM_GET: checkpoint__claim_done(c, event, effects); break;
    case CHECKPOINT_TAG_CLAIM_LIST: checkpoint__claim_listed(c, event); break;
    case CHECKPOINT_TAG_COPY: checkpoint__copied(c, event, effects); break;
    case CHECKPOINT_TAG_SPLITS: checkpoint__splits_listed(c, event, effects); break;
    case CHECKPOINT_TAG_TIMER: break;
    }
}

void weir_checkpoint_on_event(
    struct weir_checkpoint_coordinator *c, const struct weir_event *event, struct weir_effects *effects)
{
    if (event->tag.kind < WEIR_CHECKPOINT_TAG_FIRST || event->tag.kind > WEIR_CHECKPOINT_TAG_LAST) return;
    checkpoint__enter(c, event->now_us, event->wall_us);
    if (event->kind == WEIR_EVENT_TIMER) c->timer_us = INT64_MAX;
    if (event->kind == WEIR_EVENT_BLOB_DONE && c->record->state != WEIR_RECORD_FENCED) {
        epoch_check(c, effects);
        blob_done(c, event, effects);
    }
    checkpoint__leave(c, effects);
}

void weir_checkpoint_record_confirmed(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    if (!c->started) return;
    checkpoint__enter(c, now_us, wall_us);
    if (c->record->state != WEIR_RECORD_FENCED) {
        epoch_check(c, effects);
        checkpoint__pending_advance(c, effects);
        checkpoint__completed_sync(c);
        checkpoint__subsume(c, effects);
    }
    checkpoint__leave(c, effects);
}

/* ---------------------------------------------------------------- what the jobmaster asks for */

void weir_checkpoint_now(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    c->asked = true;
    checkpoint__leave(c, effects);
}

void weir_checkpoint_final(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    const struct checkpoint_completed *newest = checkpoint__newest(c);
    if (newest && newest->kind >= WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT)
        c->closing = c->await_committed = true; /* named by an earlier leader */
    else
        c->final_wanted = true;
    checkpoint__leave(c, effects);
}

void weir_checkpoint_commit_newest(
    struct weir_checkpoint_coordinator *c, int64_t now_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, 0);
    checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the job ends", effects);
    c->closing = c->await_committed = true;
    c->notify_id = weir_checkpoint_newest_id(c);
    c->notify_at_us = c->now_us;
    c->notify_back_off_us = CHECKPOINT_NOTIFY_FIRST_US;
    checkpoint__leave(c, effects);
}

void weir_checkpoint_suspend(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    checkpoint__enter(c, 0, 0);
    checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the coordination store is out of reach", effects);
    c->suspended = true;
    checkpoint__leave(c, effects);
}

void weir_checkpoint_resume(
    struct weir_checkpoint_coordinator *c, int64_t now_us, int64_t wall_us, struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, wall_us);
    c->suspended = false;
    c->notify_at_us = c->now_us;
    checkpoint__leave(c, effects);
}

void weir_checkpoint_pause(struct weir_checkpoint_coordinator *c, struct weir_effects *effects)
{
    checkpoint__enter(c, 0, 0);
    c->paused = true;
    checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the job fails, is cancelled or is rescaled", effects);
    checkpoint__leave(c, effects);
}

static bool result_keeps(
    const struct weir_checkpoint_coordinator *c, const Weir__JobResult *result, Weir__JobState state)
{
    /* H9: something could not be read. H7: its last commits are still to be made. */
    if (result && (result->keep_checkpoints || result->uncommitted_checkpoint)) return true;
    switch (c->settings->externalized_retention) {
    case WEIR__EXTERNALIZED_RETENTION__RETAIN_ON_CANCELLATION:
        return state == WEIR__JOB_STATE__JOB_CANCELED || state == WEIR__JOB_STATE__JOB_FAILED;
    case WEIR__EXTERNALIZED_RETENTION__DELETE_ON_CANCELLATION: return state == WEIR__JOB_STATE__JOB_FAILED;
    default: return false;
    }
}

void weir_checkpoint_leftovers(
    const struct weir_checkpoint_coordinator *c, Weir__JobResult *result, struct weir_arena *arena)
{
    const Weir__JobRecord *record = c->record->confirmed;
    const char *directory = checkpoint__job_directory(c, arena);
    const char *origin = record->restore && record->restore->path ? record->restore->path : "";
    if (result_keeps(c, result, result->state) || checkpoint__starts_with(origin, directory)) return;
    result->leftovers_directory = (char *)directory;
    result->leftovers_only_checkpoints = false;
    for (size_t i = 0; i < record->n_savepoints; i++)
        result->leftovers_only_checkpoints |=
            record->savepoints[i]->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED;
    for (size_t i = 0; i < record->n_checkpoints; i++)
        result->leftovers_only_checkpoints |=
            record->checkpoints[i]->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
}

/* A job that has FINISHED has committed all it wrote: what its savepoints name is committed, too. Else they
 * and what the retention keeps may be restored, by a job that then commits. */
uint64_t weir_checkpoint_sink_files_from(
    const struct weir_checkpoint_coordinator *c, const Weir__JobResult *result)
{
    const Weir__JobRecord *record = c->record->confirmed;
    if (result->keep_checkpoints) return UINT64_MAX;
    uint64_t from = result->uncommitted_checkpoint;
    if (result->state == WEIR__JOB_STATE__JOB_FINISHED) return from;
    bool keeps = result_keeps(c, result, result->state);
    for (size_t i = 0; i < record->n_savepoints; i++)
        if (record->savepoints[i]->state == WEIR__SAVEPOINT_STATE__SAVEPOINT_COMPLETED)
            from = WEIR_MAX(from, record->savepoints[i]->checkpoint);
    for (size_t i = 0; i < record->n_checkpoints; i++)
        if (keeps || record->checkpoints[i]->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT)
            from = WEIR_MAX(from, record->checkpoints[i]->id);
    return from;
}

bool weir_checkpoint_clean(struct weir_checkpoint_coordinator *c, Weir__JobState result, int64_t now_us,
    struct weir_effects *effects)
{
    checkpoint__enter(c, now_us, 0);
    if (c->clean == CLEAN_NONE) {
        checkpoint__abort_all(c, ABORT_NOT_COUNTED, "the job has ended", effects);
        c->clean_keeps = result_keeps(c, c->record->confirmed->result, result);
        checkpoint__clean_start(c, effects);
    }
    checkpoint__leave(c, effects);
    return c->clean == CLEAN_DONE;
}
