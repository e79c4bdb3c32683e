/*
 * From JOB_START to a graph that may be deployed or re-attached: the record is created or claimed (H2), the
 * plan is read, the newest checkpoint is read. What cannot be read is asked for again with back-off, and the
 * job stays INITIALIZING; what was read whole and is wrong, or was not found twice, fails this job alone
 * (H9).
 */
#include "control/jobmaster/internal.h"
#include "base/assert.h"

static void read_plan(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    jm->plan_in_flight = true;
    weir_effect_blob(effects, jobmaster__tag(jm, JOBMASTER_TAG_PLAN),
        (struct weir_blob_effect){ .operation = WEIR_BLOB_GET,
            .path = weir_arena_string(effects->arena, jm->record.wanted->plan_pointer),
            .bytes_max = WEIR_PLAN_BYTES_MAX });
}

void start__begin(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_local_message *message = event->local;
    if (jm->start != START_NONE) return; /* told twice */
    jm->start = START_CLAIMING;
    /* In a store without transactions the dispatcher creates the record: one that nobody has claimed since
     * this leader made it is a new job, of which nothing can run. */
    const Weir__JobRecord *content = message->job_start.record;
    bool fresh = content->epoch == jm->identity->epoch && content->write_counter == 0 &&
                 content->writer_incarnation == jm->identity->incarnation;
    jm->recovered = message->job_start.record_version != 0 && !fresh;
    jm->started_wall_ms = message->job_start.record->submitted_ms;
    if (!jm->started_wall_ms) jm->started_wall_ms = jm->wall_us / 1000;
    if (message->job_start.plan) jm->plan = WEIR_PROTO_COPY(&jm->plan_arena, message->job_start.plan);
    weir_record_init(&jm->record, jm->memory,
        weir_arena_string(&jm->start_arena, message->job_start.record_key),
        jobmaster__tag(jm, JOBMASTER_TAG_RECORD), message->job_start.record,
        message->job_start.record_version, jm->identity->epoch, jm->identity->incarnation,
        message->leader_version, message->job_start.transactions);
    jm->record.leadership = true;
    jm->record_ready = true;
    if (jm->identity->suspended) weir_record_suspend(&jm->record);
    jm->suspended = jm->identity->suspended;
    jobmaster__record_changed(jm, effects);
    slots__require(jm, effects); /* registers the job: reports come now */
    if (!jm->plan && jm->record.wanted->status == WEIR__RECORD_STATUS__RECORD_ACTIVE) read_plan(jm, effects);
}

static void fail_unreadable(struct weir_jobmaster *jm, const char *reason, struct weir_effects *effects)
{
    jm->keep_all = true;
    weir_effect_log(effects, WEIR_CONTROL_ERROR, "job %s fails, its checkpoints are kept: %s",
        jm->record.wanted->name, reason);
    failover__note(jm, GRAPH_NONE, reason);
    jm->start = START_DONE;
    end__begin(jm, WEIR__JOB_STATE__JOB_FAILED, reason, effects);
    reattach__replay(jm, effects); /* what runs of it is to be cancelled */
}

void start__plan_read(struct weir_jobmaster *jm, const struct weir_event *event, struct weir_effects *effects)
{
    const struct weir_blob_event *blob = &event->blob;
    if (!jm->plan_in_flight || jm->plan) return;
    jm->plan_in_flight = false;
    struct weir_error error;
    if (blob->outcome == WEIR_BLOB_OK) {
        Weir__ExecutionPlan *plan = NULL;
        if (!weir_execution_plan_decode(&jm->plan_arena, blob->bytes, blob->length, &plan, &error)) {
            jm->plan = plan;
            jm->progress++;
            return;
        }
        jm->plan_failure = weir_arena_format(&jm->start_arena, "the plan %s cannot be read: %s",
            jm->record.wanted->plan_pointer, error.message);
        return;
    }
    if (blob->outcome == WEIR_BLOB_NOT_FOUND) {
        if (jm->plan_not_found_once)
            jm->plan_failure = weir_arena_format(
                &jm->start_arena, "the plan %s is not there", jm->record.wanted->plan_pointer);
        jm->plan_not_found_once = true;
        jm->plan_at_us = jm->now_us + JOBMASTER_NOT_FOUND_DELAY_US;
        return;
    }
    if (WEIR_PLANTED(storage_outage_is_unreadable))
        jm->plan_failure = weir_arena_format(&jm->start_arena, "the plan cannot be read");
    jm->plan_at_us = jm->now_us + jobmaster__back_off(&jm->plan_back_off_us);
    weir_effect_log(effects, WEIR_CONTROL_WARN, "job %s waits for its plan %s: %s", jm->record.wanted->name,
        jm->record.wanted->plan_pointer, blob->error ? blob->error : "storage does not answer");
}

static void on_too_many_failures(void *owner, const char *reason, struct weir_effects *effects)
{
    struct weir_jobmaster *jm = owner;
    snprintf(jm->coordinator_failure_text, sizeof jm->coordinator_failure_text, "%s", reason);
    jm->coordinator_failure = jm->coordinator_failure_text;
}

static void on_committed(void *owner, uint64_t checkpoint, struct weir_effects *effects)
{
    struct weir_jobmaster *jm = owner;
    jm->committed = true;
    jm->committed_checkpoint = checkpoint;
    jm->progress++;
}

static void on_stop_failed(void *owner, const char *reason, struct weir_effects *effects)
{
    struct weir_jobmaster *jm = owner;
    snprintf(jm->stop_error, sizeof jm->stop_error, "%s", reason);
    jm->stop_failed = true;
}

static void make_coordinator(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    struct weir_checkpoint_callbacks callbacks = { .owner = jm,
        .too_many_failures = on_too_many_failures,
        .committed = on_committed,
        .stop_failed = on_stop_failed };
    jm->coordinator = weir_checkpoint_new(
        jm->memory, &jm->job, jm->plan, &jm->record, jm->identity, &callbacks, jm->random + 1);
    weir_checkpoint_start(jm->coordinator, jm->now_us, jm->wall_us, effects);
    if (jm->suspended) weir_checkpoint_suspend(jm->coordinator, effects);
    jm->progress++;
}

static void make_graph(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    struct weir_error error;
    const Weir__JobRecord *record = jm->record.confirmed;
    if (!jm->plan->settings) {
        fail_unreadable(jm, "the plan has no settings", effects);
        return;
    }
    const Weir__WidthInUse *in_use = record->in_use; /* what runs, while the width that is wanted waits */
    if (graph__build(&jm->graph, &jm->graph_arenas[0], jm->memory, jm->plan,
            in_use ? in_use->overrides : record->overrides,
            in_use ? in_use->n_overrides : record->n_overrides, &error)) {
        fail_unreadable(jm, weir_arena_string(effects->arena, error.message), effects);
        return;
    }
    jm->graph_ready = true;
    jm->graph_version = in_use ? in_use->plan_version : record->plan_version;
    tasks__allocate(jm);
    slots__shares(jm);
    restart_strategy__init(&jm->restart, jm->memory, jm->plan->settings, jm->random);
    make_coordinator(jm, effects);
    jm->start = START_STATE;
}

static void begin_running(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    jm->start = START_DONE;
    jm->scan = true;
    jm->progress++;
    if (jm->end == END_NONE)
        jobmaster__set_state(
            jm, jm->recovered ? WEIR__JOB_STATE__JOB_RECONCILING : WEIR__JOB_STATE__JOB_CREATED);
    if (jm->recovered) reattach__begin(jm);
    reattach__replay(jm, effects);
}

static void advance_plan(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    bool cleaning = jm->end == END_CLEANING; /* found TERMINAL_DIRTY: the plan is for the clean-up alone */
    if (cleaning && (jm->plan_failure || jm->coordinator)) {
        return;
    } else if (cleaning && jm->plan && jm->plan->settings) {
        make_coordinator(jm, effects);
    } else if (jm->plan_failure) {
        fail_unreadable(jm, jm->plan_failure, effects);
    } else if (jm->plan) {
        make_graph(jm, effects);
    } else if (!jm->plan_in_flight) {
        if (jm->now_us >= jm->plan_at_us) {
            read_plan(jm, effects);
        } else {
            jobmaster__wake(jm, jm->plan_at_us);
        }
    }
}

void start__advance(struct weir_jobmaster *jm, struct weir_effects *effects)
{
    if (jm->start == START_CLAIMING && jm->record.claimed && jm->record.confirmed && jobmaster__settled(jm)) {
        jm->status_dirty = true;
        jm->progress++;
        jm->start = START_PLAN;
        if (jm->record.confirmed->status != WEIR__RECORD_STATUS__RECORD_ACTIVE) {
            end__recovered(jm, effects);
            return;
        }
    }
    /* An end that is already decided needs the plan for its clean-up alone. */
    if (jm->start == START_PLAN && (jm->end < END_CANCELLING || jm->end == END_CLEANING))
        advance_plan(jm, effects);
    /* A job that was canceled meanwhile, with nothing to commit, does not begin any more. */
    if (jm->start != START_STATE || jm->end > END_COMMITTING) return;
    const char *failed = NULL;
    weir_checkpoint_newest(jm->coordinator, &failed);
    if (failed) {
        fail_unreadable(jm, weir_arena_string(effects->arena, failed), effects);
        return;
    }
    if (weir_checkpoint_is_loaded(jm->coordinator) && jobmaster__settled(jm)) begin_running(jm, effects);
}
