/* One job as the dispatcher sees it: its state, its summary, its JobMaster, the clients that wait for it. */
#include "control/dispatcher/internal.h"
#include "base/assert.h"
#include <string.h>

static bool transition_is_legal(enum dispatcher_job_state from, enum dispatcher_job_state to)
{
    switch (from) {
    case DISPATCHER_JOB_PLANNING: return to == DISPATCHER_JOB_CREATING;
    case DISPATCHER_JOB_CREATING:
        return to == DISPATCHER_JOB_PLANNING || to == DISPATCHER_JOB_ACTIVE || to == DISPATCHER_JOB_LOADING ||
               to == DISPATCHER_JOB_TERMINAL;
    case DISPATCHER_JOB_LOADING:
        return to == DISPATCHER_JOB_ACTIVE || to == DISPATCHER_JOB_UNREADABLE ||
               to == DISPATCHER_JOB_REMOVING;
    case DISPATCHER_JOB_ACTIVE:
        return to == DISPATCHER_JOB_TERMINAL || to == DISPATCHER_JOB_LOADING || to == DISPATCHER_JOB_REMOVING;
    case DISPATCHER_JOB_UNREADABLE: return to == DISPATCHER_JOB_LOADING;
    case DISPATCHER_JOB_TERMINAL: return to == DISPATCHER_JOB_REMOVING || to == DISPATCHER_JOB_LOADING;
    case DISPATCHER_JOB_REMOVING: return to == DISPATCHER_JOB_ACTIVE || to == DISPATCHER_JOB_UNREADABLE;
    }
    return false;
}

void dispatcher__job_set_state(struct dispatcher_job *job, enum dispatcher_job_state state)
{
    if (job->state == state) return;
    WEIR_ASSERT(transition_is_legal(job->state, state));
    job->state = state;
}

struct dispatcher_job *dispatcher__job_new(struct weir_dispatcher *dispatcher, const struct weir_job_id *id,
    const char *name, enum dispatcher_job_state state)
{
    struct dispatcher_job *job = weir_memory_allocate_zeroed(dispatcher->memory, sizeof *job);
    job->id = *id;
    job->state = state;
    weir_arena_init(&job->arena, dispatcher->memory);
    job->arena.block_bytes = DISPATCHER_JOB_ARENA_BYTES;
    job->summary = WEIR_PROTO_NEW(&job->arena, Weir__JobSummary, weir__job_summary);
    job->summary->job = weir_job_id_to(&job->arena, id);
    job->summary->name = weir_arena_string(&job->arena, name);
    job->summary->state = WEIR__JOB_STATE__JOB_INITIALIZING;
    dispatcher__table_add(&dispatcher->jobs, &job->id);
    return job;
}

void dispatcher__job_free(struct weir_dispatcher *dispatcher, struct dispatcher_job *job)
{
    dispatcher__submission_done(dispatcher, job);
    dispatcher__table_remove(&dispatcher->jobs, &job->id);
    weir_arena_done(&job->arena);
    weir_memory_release(dispatcher->memory, job, sizeof *job);
}

/* Only while no submission is going on: that one's texts lie in the same arena. */
void dispatcher__job_set_summary(struct dispatcher_job *job, const Weir__JobSummary *summary)
{
    if (!job->plan) weir_arena_reset(&job->arena);
    job->summary = WEIR_PROTO_COPY(&job->arena, summary);
}

void dispatcher__job_set_result(struct dispatcher_job *job, const Weir__JobResult *result)
{
    if (!result) return;
    job->summary->state = result->state;
    job->summary->error = weir_arena_string(&job->arena, result->error);
    job->summary->ended_ms = result->ended_ms;
    if (result->savepoint) job->summary->savepoint = WEIR_PROTO_COPY(&job->arena, result->savepoint);
    job->summary->n_savepoints = result->n_savepoints;
    job->summary->savepoints =
        WEIR_ARENA_ARRAY(&job->arena, Weir__SavepointRequest *, result->n_savepoints + 1);
    for (size_t i = 0; i < result->n_savepoints; i++)
        job->summary->savepoints[i] = WEIR_PROTO_COPY(&job->arena, result->savepoints[i]);
    if (result->started_ms) job->summary->started_ms = result->started_ms;
}

void dispatcher__job_fail(struct dispatcher_job *job, const char *error)
{
    job->summary->state = WEIR__JOB_STATE__JOB_FAILED;
    job->summary->error = weir_arena_string(&job->arena, error);
}

struct weir_tag dispatcher__job_tag(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, enum dispatcher_tag kind)
{
    job->request = ++dispatcher->requests;
    return (struct weir_tag){
        .role = WEIR_ROLE_DISPATCHER, .kind = kind, .job = job->id, .number = job->request
    };
}

void dispatcher__job_start(struct weir_dispatcher *dispatcher, struct dispatcher_job *job,
    const Weir__JobRecord *record, uint64_t version, const Weir__ExecutionPlan *plan,
    struct weir_effects *effects)
{
    struct weir_local_message *message = WEIR_ARENA_NEW(effects->arena, struct weir_local_message);
    message->kind = WEIR_LOCAL_JOB_START;
    message->from = WEIR_ROLE_DISPATCHER;
    message->job = job->id;
    message->epoch = dispatcher->epoch;
    message->incarnation = dispatcher->identity->incarnation;
    message->leader_version = dispatcher->leader_version;
    message->job_start.record_key = weir_arena_string(effects->arena, job->record_name);
    message->job_start.record_version = version;
    message->job_start.record = record;
    message->job_start.plan = plan;
    message->job_start.transactions = dispatcher->transactions;
    struct weir_effect *effect = weir_effect_add(effects, WEIR_EFFECT_JOB_START);
    effect->to_job = job->id;
    effect->local = message;
    job->jobmaster = true;
    job->led_epoch = dispatcher->epoch;
    job->claimed = false;
    if (!dispatcher->suspended) return;
    struct weir_local_message suspended = { .kind = WEIR_LOCAL_SUSPENDED, .from = WEIR_ROLE_DISPATCHER };
    weir_effect_local(effects, WEIR_ROLE_JOBMASTER, &job->id, &suspended);
}

void dispatcher__job_stop(
    struct weir_dispatcher *dispatcher, struct dispatcher_job *job, struct weir_effects *effects)
{
    if (!job->jobmaster) return;
    job->jobmaster = job->claimed = job->cancel_asked = false;
    job->led_epoch = dispatcher->epoch; /* it has taken larger ones, too */
    dispatcher__garbage_left(dispatcher, job, effects);
    weir_effect_add(effects, WEIR_EFFECT_JOB_STOP)->to_job = job->id;
}

void dispatcher__job_retry(struct weir_dispatcher *dispatcher, struct dispatcher_job *job, int64_t now_us,
    struct weir_effects *effects)
{
    int64_t delay_us = (int64_t)DISPATCHER_RETRY_FIRST_US << WEIR_MIN(job->tries, 6u);
    job->tries++;
    struct weir_tag tag = { .role = WEIR_ROLE_DISPATCHER, .kind = DISPATCHER_TAG_JOB_TIMER, .job = job->id };
    weir_effect_timer(effects, tag, now_us + WEIR_MIN(delay_us, (int64_t)DISPATCHER_RETRY_LAST_US));
}

void dispatcher__job_answer(
    struct dispatcher_job *job, Weir__ReplyCode code, const char *text, struct weir_effects *effects)
{
    for (uint32_t i = 0; i < job->waiting_count; i++)
        dispatcher__reply(job->waiting[i].node, job->waiting[i].request, code, text, effects);
    job->waiting_count = 0;
}
