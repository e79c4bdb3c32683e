/* The dispatcher machine: which jobs exist. Its states, and the way of an event through it. */
#include "control/dispatcher/internal.h"
#include "control/jobmaster/states.h"
#include "base/assert.h"
#include "control/planted.h"
#include <string.h>

static bool transition_is_legal(enum dispatcher_state from, enum dispatcher_state to)
{
    switch (from) {
    case DISPATCHER_STANDBY: return to == DISPATCHER_RECOVERING;
    case DISPATCHER_RECOVERING: return to == DISPATCHER_SERVING || to == DISPATCHER_STANDBY;
    case DISPATCHER_SERVING: return to == DISPATCHER_STANDBY;
    }
    return false;
}

void dispatcher__set_state(struct weir_dispatcher *dispatcher, enum dispatcher_state state)
{
    WEIR_ASSERT(transition_is_legal(dispatcher->state, state));
    dispatcher->state = state;
}

struct weir_dispatcher *weir_dispatcher_new(const struct weir_machine_config *config)
{
    struct weir_dispatcher *dispatcher = weir_memory_allocate_zeroed(config->memory, sizeof *dispatcher);
    dispatcher->memory = config->memory;
    dispatcher->nodes = config->nodes;
    dispatcher->identity = config->identity;
    dispatcher->options = config->options;
    dispatcher__table_init(&dispatcher->jobs, config->memory);
    dispatcher__table_init(&dispatcher->tombstones, config->memory);
    return dispatcher;
}

static void clear(struct weir_dispatcher *dispatcher)
{
    for (uint32_t i = 0; i < dispatcher->jobs.capacity && dispatcher->jobs.count;) {
        struct dispatcher_job *job = (struct dispatcher_job *)dispatcher->jobs.slots[i];
        if (job)
            dispatcher__job_free(dispatcher, job); /* others may move into its place */
        else
            i++;
    }
    dispatcher__tombstones_clear(dispatcher);
    dispatcher__ended_clear(dispatcher);
    dispatcher__index_done(dispatcher);
}

void weir_dispatcher_free(struct weir_dispatcher *dispatcher)
{
    if (!dispatcher) return;
    dispatcher__garbage_clear(dispatcher);
    clear(dispatcher);
    weir_memory_release(dispatcher->memory, dispatcher->tombstone_queue,
        sizeof *dispatcher->tombstone_queue * dispatcher->queue_capacity);
    dispatcher__table_done(&dispatcher->jobs);
    dispatcher__table_done(&dispatcher->tombstones);
    weir_memory_release(dispatcher->memory, dispatcher, sizeof *dispatcher);
}

/* ---------------------------------------------------------------- to all JobMasters */

/* In portions; a step's `more` brings the next before anything else happens. */
static void spread_on(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    bool stopping = dispatcher->spread.kind == WEIR_LOCAL_REVOKED;
    for (; dispatcher->spread_cursor < dispatcher->jobs.capacity; dispatcher->spread_cursor++) {
        struct dispatcher_job *job =
            (struct dispatcher_job *)dispatcher->jobs.slots[dispatcher->spread_cursor];
        if (!job) continue;
        if (effects->count >= DISPATCHER_EFFECTS_PER_STEP_MAX) {
            effects->more = true;
            return;
        }
        if (stopping) {
            dispatcher__job_answer(job, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
                "this JobManager no longer leads and does not know the outcome, try again", effects);
            dispatcher__job_stop(dispatcher, job, effects);
        } else if (job->jobmaster) {
            weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &dispatcher->spread);
        }
    }
    dispatcher->spreading = false;
    if (stopping) clear(dispatcher);
}

static void spread(struct weir_dispatcher *dispatcher, const struct weir_local_message *message,
    struct weir_effects *effects)
{
    dispatcher->spread = *message;
    dispatcher->spread.from = WEIR_ROLE_DISPATCHER;
    dispatcher->spread_cursor = 0;
    dispatcher->spreading = true;
    spread_on(dispatcher, effects);
}

/* ---------------------------------------------------------------- leadership */

static void housekeeping_timer(
    struct weir_dispatcher *dispatcher, int64_t at_us, struct weir_effects *effects)
{
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_HOUSEKEEPING };
    weir_effect_timer(effects, tag, at_us);
}

static void on_granted(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    dispatcher__set_state(dispatcher, DISPATCHER_RECOVERING);
    dispatcher->epoch = event->local->epoch;
    dispatcher->leader_version = event->local->leader_version;
    dispatcher->suspended = dispatcher->shutting_down = dispatcher->shutdown_told = false;
    dispatcher->ending_count = 0;
    const struct weir_control_options *options = dispatcher->options;
    bool named = !options->application_mode || !weir_job_id_is_zero(&options->application);
    dispatcher->application = named ? options->application : event->local->job;
    dispatcher->waits_for_epoch = false;
    dispatcher->recovery_tries = dispatcher->recovery_pending = 0;
    dispatcher->names = 0;
    dispatcher->tasks_restarted = 0;
    if (WEIR_PLANTED(sweep_before_recovery)) dispatcher__sweep(dispatcher, effects);
    dispatcher__recover(dispatcher, event->now_us, effects);
    housekeeping_timer(dispatcher, event->now_us + dispatcher->options->sweep_interval_us, effects);
}

static void on_revoked(struct weir_dispatcher *dispatcher, struct weir_effects *effects)
{
    if (dispatcher->state == DISPATCHER_STANDBY) return;
    dispatcher__set_state(dispatcher, DISPATCHER_STANDBY);
    dispatcher->recovery_request = dispatcher->sweep_request = dispatcher->sweep_records_request = 0;
    dispatcher__garbage_clear(dispatcher);
    dispatcher__answer_ending(dispatcher, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
        "this JobManager no longer leads and does not know the outcome, try again", effects);
    dispatcher->suspended = false;
    memset(dispatcher->lookups, 0, sizeof dispatcher->lookups);
    housekeeping_timer(dispatcher, INT64_MAX, effects);
    struct weir_local_message message = { .kind = WEIR_LOCAL_REVOKED };
    spread(dispatcher, &message, effects);
}

/* As one that has just begun to lead. Tasks go on meanwhile. */
static void begin_again(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    on_revoked(dispatcher, effects);
    on_granted(dispatcher, event, effects);
}

static void on_epoch(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    if (dispatcher->state == DISPATCHER_STANDBY) return;
    bool raised = event->local->epoch > dispatcher->epoch;
    if (raised && dispatcher->index_live && dispatcher->index.state == WEIR_RECORD_FENCED) {
        begin_again(dispatcher, event, effects); /* what the store holds is not what we knew */
        return;
    }
    dispatcher->leader_version = event->local->leader_version;
    dispatcher->epoch = event->local->epoch;
    if (dispatcher->index_live)
        weir_record_epoch(
            &dispatcher->index, dispatcher->epoch, dispatcher->leader_version, event->now_us, effects);
    spread(dispatcher, event->local, effects);
    if (!raised || !dispatcher->waits_for_epoch) return;
    dispatcher->waits_for_epoch = false;
    dispatcher__recover(dispatcher, event->now_us, effects);
}

static void on_suspended(struct weir_dispatcher *dispatcher, const struct weir_event *event, bool suspended,
    struct weir_effects *effects)
{
    if (dispatcher->state == DISPATCHER_STANDBY) return;
    dispatcher->suspended = suspended;
    if (dispatcher->index_live) {
        if (suspended)
            weir_record_suspend(&dispatcher->index);
        else
            weir_record_resume(&dispatcher->index, event->now_us, effects);
    }
    spread(dispatcher, event->local, effects);
}

/* ---------------------------------------------------------------- JobMasters */

static void log_switch(
    const struct dispatcher_job *job, const Weir__JobSummary *summary, struct weir_effects *effects)
{
    Weir__JobState before = job->summary ? job->summary->state : WEIR__JOB_STATE__JOB_STATE_UNSPECIFIED;
    if (summary->state == before) return;
    char id[WEIR_JOB_ID_TEXT_BYTES];
    Weir__JobState state = summary->state;
    bool failed = state == WEIR__JOB_STATE__JOB_RESTARTING || state == WEIR__JOB_STATE__JOB_FAILING ||
                  state == WEIR__JOB_STATE__JOB_FAILED;
    /* Without one it is no failure of the job: its JobMaster has said what a takeover did not find. */
    const char *why = failed && summary->error ? summary->error : "";
    weir_effect_log(effects, failed ? WEIR_CONTROL_WARN : WEIR_CONTROL_INFO,
        "Job %s (%s) switched from state %s to %s.%s%s", summary->name, weir_job_id_print(&job->id, id),
        before ? weir_job_state_name(before) : "INITIALIZING", weir_job_state_name(summary->state),
        why[0] ? " Reason: " : "", why);
}

static void on_job_status(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const struct weir_local_message *local, struct weir_effects *effects)
{
    if (job->state == DISPATCHER_JOB_CREATING) {
        dispatcher__job_answer(job, WEIR__REPLY_CODE__REPLY_OK, "", effects);
        dispatcher__submission_done(dispatcher, job);
        dispatcher__job_set_state(job, DISPATCHER_JOB_ACTIVE);
    }
    job->claimed = true;
    if (local->summary) {
        log_switch(job, local->summary, effects);
        uint32_t before = job->summary ? job->summary->tasks_restarted : 0;
        if (local->summary->tasks_restarted > before)
            dispatcher->tasks_restarted += local->summary->tasks_restarted - before;
        dispatcher__job_set_summary(job, local->summary);
    }
    if (dispatcher->shutting_down) dispatcher__cancel_all(dispatcher, effects);
}

static void on_job_clean(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    if (job->state != DISPATCHER_JOB_ACTIVE && job->state != DISPATCHER_JOB_TERMINAL) return;
    dispatcher__job_set_state(job, DISPATCHER_JOB_REMOVING);
    dispatcher__remove(dispatcher, job, effects);
}

static void on_job_terminal(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const struct weir_local_message *local, struct weir_effects *effects)
{
    if (job->state != DISPATCHER_JOB_ACTIVE && job->state != DISPATCHER_JOB_CREATING) return;
    dispatcher__job_answer(job, WEIR__REPLY_CODE__REPLY_OK, "", effects);
    dispatcher__submission_done(dispatcher, job);
    dispatcher__job_set_state(job, DISPATCHER_JOB_TERMINAL);
    if (WEIR_PLANTED(cleanup_before_terminal)) {
        on_job_clean(dispatcher, job, effects);
        return;
    }
    dispatcher__ended_keep(dispatcher, &job->id, local->details, effects->arena);
    dispatcher__job_set_result(job, local->result);
}

/* Another leader wrote the record: either this process is deposed, and will hear of it, or the store was set
 * back (H1), and the leader takes a larger epoch. Until then the job has no JobMaster here; its tasks go on.
 */
static void on_job_fenced(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const struct weir_event *event, struct weir_effects *effects)
{
    if (job->state == DISPATCHER_JOB_REMOVING || job->state == DISPATCHER_JOB_LOADING) return;
    dispatcher__job_answer(job, WEIR__REPLY_CODE__REPLY_UNAVAILABLE,
        "the outcome is not known, try again: another JobManager has written the job's record", effects);
    dispatcher__job_stop(dispatcher, job, effects);
    dispatcher__submission_done(dispatcher, job);
    dispatcher__job_set_state(job, DISPATCHER_JOB_LOADING);
    dispatcher__job_retry(dispatcher, job, event->now_us, effects);
}

static void on_local(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_local_message *local = event->local;
    switch (local->kind) {
    case WEIR_LOCAL_CONTINUE:
        if (dispatcher->spreading)
            spread_on(dispatcher, effects);
        else if (dispatcher->index_more)
            dispatcher__index_continue(dispatcher, effects);
        else if (dispatcher->shutting_down)
            dispatcher__cancel_all(dispatcher, effects);
        return;
    case WEIR_LOCAL_GRANTED: on_granted(dispatcher, event, effects); return;
    case WEIR_LOCAL_REVOKED: on_revoked(dispatcher, effects); return;
    case WEIR_LOCAL_END_RECORDED: dispatcher__end_recorded(dispatcher, effects); return;
    case WEIR_LOCAL_EPOCH: on_epoch(dispatcher, event, effects); return;
    case WEIR_LOCAL_SUSPENDED: on_suspended(dispatcher, event, true, effects); return;
    case WEIR_LOCAL_RESUMED: on_suspended(dispatcher, event, false, effects); return;
    case WEIR_LOCAL_RETRIEVED: dispatcher->leader = local->node; return;
    default: break;
    }
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &local->job);
    if (!job || !job->jobmaster || dispatcher->state == DISPATCHER_STANDBY) return;
    switch (local->kind) {
    case WEIR_LOCAL_JOB_STATUS: on_job_status(dispatcher, job, local, effects); break;
    case WEIR_LOCAL_JOB_TERMINAL: on_job_terminal(dispatcher, job, local, effects); break;
    case WEIR_LOCAL_JOB_CLEAN: on_job_clean(dispatcher, job, effects); break;
    case WEIR_LOCAL_GARBAGE_FOUND: dispatcher__on_garbage_found(dispatcher, job, local, effects); break;
    case WEIR_LOCAL_JOB_FENCED: on_job_fenced(dispatcher, job, event, effects); break;
    default: break;
    }
}

/* ---------------------------------------------------------------- events */

static void on_job_timer(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    struct dispatcher_job *job = dispatcher__table_find(&dispatcher->jobs, &event->tag.job);
    if (!job) return;
    switch (job->state) {
    case DISPATCHER_JOB_PLANNING: dispatcher__put_plan(dispatcher, job, effects); break;
    case DISPATCHER_JOB_CREATING:
        if (!job->jobmaster && !job->index_change)
            dispatcher__create(dispatcher, job, event->wall_us, effects);
        break;
    case DISPATCHER_JOB_LOADING: dispatcher__load(dispatcher, job, effects); break;
    case DISPATCHER_JOB_REMOVING: dispatcher__remove(dispatcher, job, effects); break;
    default: break;
    }
}

static void on_timer(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    switch ((enum dispatcher_tag)event->tag.kind) {
    case DISPATCHER_TAG_RECOVERY_RETRY:
        if (dispatcher->state == DISPATCHER_RECOVERING && !dispatcher->recovery_request)
            dispatcher__recover(dispatcher, event->now_us, effects);
        break;
    case DISPATCHER_TAG_JOB_TIMER: on_job_timer(dispatcher, event, effects); break;
    case DISPATCHER_TAG_INDEX: dispatcher__on_index(dispatcher, event, effects); break;
    case DISPATCHER_TAG_HOUSEKEEPING:
        if (dispatcher->state == DISPATCHER_SERVING && !dispatcher->suspended) {
            dispatcher__prune(dispatcher, event->now_us, effects);
            dispatcher__sweep(dispatcher, effects);
            dispatcher__sweep_leftovers(dispatcher, event->now_us, effects);
            if (dispatcher->index_live && dispatcher->index.state == WEIR_RECORD_FENCED)
                dispatcher__index_look(dispatcher, effects);
            if (dispatcher->shutting_down) dispatcher__cancel_all(dispatcher, effects);
        }
        housekeeping_timer(dispatcher, event->now_us + dispatcher->options->sweep_interval_us, effects);
        break;
    default: break;
    }
}

static void on_store_done(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    switch ((enum dispatcher_tag)event->tag.kind) {
    case DISPATCHER_TAG_TOMBSTONES: dispatcher__on_tombstones(dispatcher, event, effects); break;
    case DISPATCHER_TAG_JOBS: dispatcher__on_jobs(dispatcher, event, effects); break;
    case DISPATCHER_TAG_INDEX_READ: dispatcher__on_index_read(dispatcher, event, effects); break;
    case DISPATCHER_TAG_INDEX: dispatcher__on_index(dispatcher, event, effects); break;
    case DISPATCHER_TAG_INDEX_LOOK: dispatcher__on_index_look(dispatcher, event, effects); break;
    case DISPATCHER_TAG_CREATE: dispatcher__on_created(dispatcher, event, effects); break;
    case DISPATCHER_TAG_LOAD: dispatcher__on_loaded(dispatcher, event, effects); break;
    case DISPATCHER_TAG_REMOVE_READ: dispatcher__on_remove_read(dispatcher, event, effects); break;
    case DISPATCHER_TAG_REMOVE: dispatcher__on_removed(dispatcher, event, effects); break;
    case DISPATCHER_TAG_LOOKUP: dispatcher__on_lookup(dispatcher, event, effects); break;
    case DISPATCHER_TAG_PRUNE: dispatcher__on_pruned(dispatcher, event); break;
    case DISPATCHER_TAG_GARBAGE: dispatcher__on_garbage_listed(dispatcher, event, effects); break;
    case DISPATCHER_TAG_SWEEP_RECORDS: dispatcher__on_sweep_records(dispatcher, event, effects); break;
    default: break; /* deletions: the next sweep looks again */
    }
}

void weir_dispatcher_step(
    struct weir_dispatcher *dispatcher, const struct weir_event *event, struct weir_effects *effects)
{
    /* Whatever comes to one that does not lead was asked for by one that did. */
    bool leads = dispatcher->state != DISPATCHER_STANDBY;
    switch (event->kind) {
    case WEIR_EVENT_TIMER:
        if (leads) on_timer(dispatcher, event, effects);
        break;
    case WEIR_EVENT_MESSAGE: dispatcher__on_client(dispatcher, event, effects); break;
    case WEIR_EVENT_STORE_STATE:
        if (event->store.state == WEIR_STORE_CONNECTED) dispatcher->transactions = event->store.transactions;
        break;
    case WEIR_EVENT_STORE_DONE:
        if (leads) on_store_done(dispatcher, event, effects);
        break;
    case WEIR_EVENT_BLOB_DONE:
        if (!leads) break;
        if (event->tag.kind == DISPATCHER_TAG_PLAN) dispatcher__on_plan(dispatcher, event, effects);
        if (event->tag.kind == DISPATCHER_TAG_SWEEP_PLANS)
            dispatcher__on_sweep_plans(dispatcher, event, effects);
        if (event->tag.kind == DISPATCHER_TAG_SWEEP_LEFTOVERS)
            dispatcher__on_leftovers(dispatcher, event, effects);
        if (event->tag.kind == DISPATCHER_TAG_GARBAGE)
            dispatcher__on_garbage_listed(dispatcher, event, effects);
        break;
    case WEIR_EVENT_LOCAL: on_local(dispatcher, event, effects); break;
    default: break;
    }
}
