/* H3 in one place: who may say what to whom, and which leader it must come from. */
#include "actor/internal.h"
#include "control/planted.h"
#include <string.h>

/* Whose word a message is. */
enum word {
    WORD_NOBODY,   /* not spoken to this kind of process */
    WORD_ANYONE,   /* greetings and announcements: how leaders are learned; requests of clients */
    WORD_LEADER,   /* a command: only of the adopted leader */
    WORD_FOLLOWER, /* an answer: only of one that has adopted this leader */
    WORD_BEAT      /* to a JobManager: from followers while it leads, from the leader while it does not */
};

/* The body alone says which machine is meant; `to` is for readers of traces. */
struct route {
    enum word jobmanager, taskmanager;
    enum weir_role jobmanager_role;
};

static struct route route_of(Weir__Envelope__BodyCase body)
{
    switch (body) {
    case WEIR__ENVELOPE__BODY_GREETING:
    case WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT:
        return (struct route){ WORD_ANYONE, WORD_ANYONE, WEIR_ROLE_LEADER };
    case WEIR__ENVELOPE__BODY_HEARTBEAT: return (struct route){ WORD_BEAT, WORD_LEADER, WEIR_ROLE_LEADER };
    case WEIR__ENVELOPE__BODY_LEADER_LOST:
        return (struct route){ WORD_ANYONE, WORD_NOBODY, WEIR_ROLE_LEADER };
    case WEIR__ENVELOPE__BODY_REPORT:
        return (struct route){ WORD_FOLLOWER, WORD_NOBODY, WEIR_ROLE_RESOURCEMANAGER };
    case WEIR__ENVELOPE__BODY_TASK_STATE:
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE:
    case WEIR__ENVELOPE__BODY_DECLINE:
    case WEIR__ENVELOPE__BODY_COMMITTED:
    case WEIR__ENVELOPE__BODY_REQUEST_SPLITS:
    case WEIR__ENVELOPE__BODY_SPLITS_FOUND:
        return (struct route){ WORD_FOLLOWER, WORD_NOBODY, WEIR_ROLE_JOBMASTER };
    case WEIR__ENVELOPE__BODY_REPORT_ACCEPTED:
    case WEIR__ENVELOPE__BODY_END_TASKMANAGER:
    case WEIR__ENVELOPE__BODY_DEPLOY:
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS:
    case WEIR__ENVELOPE__BODY_FORGET:
    case WEIR__ENVELOPE__BODY_TRIGGER:
    case WEIR__ENVELOPE__BODY_COMPLETE:
    case WEIR__ENVELOPE__BODY_ABORT:
    case WEIR__ENVELOPE__BODY_ASSIGN_SPLITS:
    case WEIR__ENVELOPE__BODY_DISCOVER_SPLITS:
        return (struct route){ WORD_NOBODY, WORD_LEADER, WEIR_ROLE_NONE };
    case WEIR__ENVELOPE__BODY_SUBMIT:
    case WEIR__ENVELOPE__BODY_CANCEL:
    case WEIR__ENVELOPE__BODY_STOP:
    case WEIR__ENVELOPE__BODY_SAVEPOINT:
    case WEIR__ENVELOPE__BODY_RESCALE:
    case WEIR__ENVELOPE__BODY_QUERY:
    case WEIR__ENVELOPE__BODY_CHECKPOINT_JOB:
    case WEIR__ENVELOPE__BODY_SHUTDOWN:
    case WEIR__ENVELOPE__BODY_COLLECT_GARBAGE:
    case WEIR__ENVELOPE__BODY_REPLY: return (struct route){ WORD_ANYONE, WORD_NOBODY, WEIR_ROLE_DISPATCHER };
    case WEIR__ENVELOPE__BODY_QUERY_LEADER:
        return (struct route){ WORD_ANYONE, WORD_NOBODY, WEIR_ROLE_LEADER };
    case WEIR__ENVELOPE__BODY_QUERY_TASKMANAGERS:
        return (struct route){ WORD_ANYONE, WORD_NOBODY, WEIR_ROLE_RESOURCEMANAGER };
    default: return (struct route){ WORD_NOBODY, WORD_NOBODY, WEIR_ROLE_NONE };
    }
}

/* A TaskManager hears only the leader that it has adopted. */
static enum actor__verdict fence_command(const struct weir_identity *identity, const Weir__Envelope *envelope)
{
    if (identity->epoch && envelope->epoch == identity->epoch &&
        envelope->leader_incarnation == identity->leader_incarnation)
        return ACTOR__PASS;
    if (WEIR_PLANTED(command_of_older_epoch) && envelope->epoch < identity->epoch) return ACTOR__PASS;
    return ACTOR__EPOCH;
}

/* A leader hears only those that follow it, and learns from the others that there is a newer one (H1). */
static enum actor__verdict fence_answer(const struct weir_identity *identity, const Weir__Envelope *envelope)
{
    if (!identity->epoch) return ACTOR__EPOCH;
    if (envelope->epoch == identity->epoch && envelope->leader_incarnation == identity->incarnation)
        return ACTOR__PASS;
    if (WEIR_PLANTED(answer_of_older_epoch) && envelope->epoch < identity->epoch) return ACTOR__PASS;
    return envelope->epoch >= identity->epoch ? ACTOR__EPOCH_SEEN : ACTOR__EPOCH;
}

struct actor__fenced actor__fence(
    const struct weir_identity *identity, const char *sender, const Weir__Envelope *envelope)
{
    struct actor__fenced fenced = { .verdict = ACTOR__MALFORMED };
    if (strcmp(envelope->cluster, identity->cluster) != 0) {
        fenced.verdict = ACTOR__CLUSTER;
        return fenced;
    }
    if (strcmp(envelope->sender, sender) != 0) return fenced;
    struct route route = route_of(envelope->body_case);
    enum word word = identity->jobmanager ? route.jobmanager : route.taskmanager;
    if (word == WORD_NOBODY || !actor__body_is_complete(envelope)) return fenced;
    fenced.to = identity->jobmanager ? route.jobmanager_role : WEIR_ROLE_TASKEXECUTOR;
    if (fenced.to == WEIR_ROLE_JOBMASTER && envelope->job.len != sizeof(struct weir_job_id)) return fenced;
    switch (word) {
    case WORD_LEADER: fenced.verdict = fence_command(identity, envelope); break;
    case WORD_FOLLOWER: fenced.verdict = fence_answer(identity, envelope); break;
    case WORD_BEAT:
        /* Standbys have no epoch. */
        if (!identity->epoch || !envelope->epoch) {
            fenced.verdict = ACTOR__PASS;
        } else {
            fenced.verdict = fence_answer(identity, envelope);
            fenced.to_resourcemanager = fenced.verdict == ACTOR__PASS;
        }
        break;
    default: fenced.verdict = ACTOR__PASS; break;
    }
    return fenced;
}
