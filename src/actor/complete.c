/* Are the fields there that machines rely on? Decoding alone promises none of them. */
#include "actor/internal.h"

static bool job_is_complete(const ProtobufCBinaryData *job)
{
    return job->len == sizeof(struct weir_job_id);
}

static bool attempt_is_complete(const Weir__AttemptId *attempt)
{
    return attempt && job_is_complete(&attempt->job) && attempt->epoch;
}

static bool attempts_are_complete(Weir__AttemptId *const *attempts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!attempt_is_complete(attempts[i])) return false;
    return true;
}

static bool report_is_complete(const Weir__AttemptReport *report)
{
    return report && attempt_is_complete(report->attempt) && report->run &&
           report->state > WEIR__EXECUTION_STATE__EXECUTION_STATE_UNSPECIFIED &&
           report->state <= WEIR__EXECUTION_STATE__EXECUTION_RECONCILING &&
           (report->state != WEIR__EXECUTION_STATE__EXECUTION_FINISHED || report->final_snapshot);
}

static bool taskmanager_report_is_complete(const Weir__TaskManagerReport *report)
{
    if (!report->node || !report->node->name[0]) return false;
    for (size_t i = 0; i < report->n_attempts; i++)
        if (!report_is_complete(report->attempts[i])) return false;
    for (size_t i = 0; i < report->n_local_snapshots; i++)
        if (!job_is_complete(&report->local_snapshots[i]->job)) return false;
    return true;
}

static bool deploy_is_complete(const Weir__DeployTasks *deploy)
{
    if (!job_is_complete(&deploy->job) || !deploy->run) return false;
    for (size_t i = 0; i < deploy->n_members; i++) {
        const Weir__RegionMember *member = deploy->members[i];
        /* Who has ended is not deployed and may never have had an attempt under this leader. */
        if (!member->attempt || !job_is_complete(&member->attempt->job)) return false;
        if (!member->finished && (!attempt_is_complete(member->attempt) || !member->location)) return false;
    }
    for (size_t i = 0; i < deploy->n_tasks; i++)
        if (!attempt_is_complete(deploy->tasks[i]->attempt)) return false;
    return true;
}

static bool checkpoint_message_is_complete(const Weir__Envelope *envelope)
{
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_TRIGGER:
        return job_is_complete(&envelope->trigger->job) && envelope->trigger->checkpoint &&
               attempts_are_complete(envelope->trigger->attempts, envelope->trigger->n_attempts);
    case WEIR__ENVELOPE__BODY_COMPLETE:
        return job_is_complete(&envelope->complete->job) && envelope->complete->checkpoint &&
               attempts_are_complete(envelope->complete->attempts, envelope->complete->n_attempts);
    case WEIR__ENVELOPE__BODY_ABORT:
        return job_is_complete(&envelope->abort->job) && envelope->abort->checkpoint &&
               attempts_are_complete(envelope->abort->attempts, envelope->abort->n_attempts);
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE:
        return attempt_is_complete(envelope->acknowledge->attempt) && envelope->acknowledge->run &&
               envelope->acknowledge->snapshot && envelope->acknowledge->checkpoint;
    case WEIR__ENVELOPE__BODY_DECLINE:
        return attempt_is_complete(envelope->decline->attempt) && envelope->decline->checkpoint;
    case WEIR__ENVELOPE__BODY_COMMITTED:
        return attempt_is_complete(envelope->committed->attempt) && envelope->committed->run &&
               envelope->committed->checkpoint;
    default: return true;
    }
}

static bool client_message_is_complete(const Weir__Envelope *envelope)
{
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_SUBMIT:
        return job_is_complete(&envelope->submit->job) && envelope->submit->plan;
    case WEIR__ENVELOPE__BODY_CANCEL: return job_is_complete(&envelope->cancel->job);
    case WEIR__ENVELOPE__BODY_STOP:
        return job_is_complete(&envelope->stop->job) && envelope->stop->request.len == 16;
    case WEIR__ENVELOPE__BODY_SAVEPOINT:
        return job_is_complete(&envelope->savepoint->job) && envelope->savepoint->request.len == 16;
    case WEIR__ENVELOPE__BODY_RESCALE: return job_is_complete(&envelope->rescale->job);
    case WEIR__ENVELOPE__BODY_CHECKPOINT_JOB: return job_is_complete(&envelope->checkpoint_job->job);
    case WEIR__ENVELOPE__BODY_QUERY:
        return (envelope->query->job.len == 0 || job_is_complete(&envelope->query->job)) &&
               (envelope->query->request.len == 0 || envelope->query->request.len == 16);
    default: return true;
    }
}

bool actor__body_is_complete(const Weir__Envelope *envelope)
{
    switch (envelope->body_case) {
    case WEIR__ENVELOPE__BODY_GREETING: return envelope->greeting->node && envelope->greeting->node->name[0];
    case WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT:
        return envelope->leader_announcement->epoch && envelope->leader_announcement->leader &&
               envelope->leader_announcement->leader->name[0];
    case WEIR__ENVELOPE__BODY_REPORT: return taskmanager_report_is_complete(envelope->report);
    case WEIR__ENVELOPE__BODY_TASK_STATE: return report_is_complete(envelope->task_state->attempt);
    case WEIR__ENVELOPE__BODY_DEPLOY: return deploy_is_complete(envelope->deploy);
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS:
        return attempts_are_complete(envelope->cancel_tasks->attempts, envelope->cancel_tasks->n_attempts);
    case WEIR__ENVELOPE__BODY_FORGET:
        return attempts_are_complete(envelope->forget->attempts, envelope->forget->n_attempts);
    case WEIR__ENVELOPE__BODY_ASSIGN_SPLITS: return attempt_is_complete(envelope->assign_splits->attempt);
    case WEIR__ENVELOPE__BODY_REQUEST_SPLITS: return attempt_is_complete(envelope->request_splits->attempt);
    case WEIR__ENVELOPE__BODY_DISCOVER_SPLITS: return attempt_is_complete(envelope->discover_splits->attempt);
    case WEIR__ENVELOPE__BODY_SPLITS_FOUND: return attempt_is_complete(envelope->splits_found->attempt);
    default: return checkpoint_message_is_complete(envelope) && client_message_is_complete(envelope);
    }
}
