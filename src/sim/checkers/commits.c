/* H4, H5, H6: what is told to be complete is named by the record; an id is triggered once; nothing is deleted
 * that the record reaches; who aborted an id does not acknowledge it. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

enum { TRIGGERS_MAX = 8192, ABORTS_MAX = 4096, WANTED_MAX = 256 };

struct trigger {
    struct weir_job_id job;
    uint64_t checkpoint, epoch;
};
/* 4.4: what a reader must have received when it takes the checkpoint. */
struct wanted {
    struct weir_attempt_id attempt;
    uint64_t checkpoint, epoch, sequence;
};
struct aborted {
    struct weir_attempt_id attempt;
    uint64_t checkpoint;
};
struct state {
    struct trigger triggers[TRIGGERS_MAX]; /* open addressing */
    struct aborted aborted[ABORTS_MAX];    /* a ring */
    uint32_t aborted_next;
    struct wanted wanted[WANTED_MAX]; /* a ring */
    uint32_t wanted_next;
};

static void note_wanted(struct state *state, const Weir__Envelope *envelope)
{
    const Weir__TriggerCheckpoint *trigger = envelope->trigger;
    for (size_t i = 0; trigger->split_sequence && i < trigger->n_attempts; i++) {
        struct wanted *wanted = &state->wanted[state->wanted_next++ % WANTED_MAX];
        weir_attempt_id_from(trigger->attempts[i], &wanted->attempt);
        wanted->checkpoint = trigger->checkpoint;
        wanted->epoch = envelope->epoch;
        wanted->sequence = trigger->split_sequence;
    }
}

static void check_splits(
    struct weir_sim *sim, const struct state *state, const Weir__AcknowledgeCheckpoint *acknowledge)
{
    struct weir_attempt_id attempt;
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    const Weir__SubtaskSnapshot *snapshot = acknowledge->snapshot;
    if (!snapshot || !weir_attempt_id_from(acknowledge->attempt, &attempt)) return;
    for (uint32_t i = 0; i < WANTED_MAX; i++) {
        const struct wanted *wanted = &state->wanted[i];
        if (wanted->checkpoint != acknowledge->checkpoint ||
            !weir_attempt_id_equal(&wanted->attempt, &attempt))
            continue;
        uint64_t has = snapshot->split_epoch == wanted->epoch ? snapshot->split_sequence : 0;
        if (has < wanted->sequence)
            weir_sim_fail(sim, "4.4",
                "%s takes checkpoint %llu with %llu of the %llu splits that it was sent",
                weir_attempt_id_print(&attempt, text), (unsigned long long)acknowledge->checkpoint,
                (unsigned long long)has, (unsigned long long)wanted->sequence);
    }
}

static void check_base(struct weir_sim *sim, const struct weir_sim_facts_job *job, uint64_t base)
{
    const struct weir_sim_named *named = base ? weir_sim_facts_named(job, base) : NULL;
    if (named && (named->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT ||
                     named->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT))
        weir_sim_fail(sim, "4.5", "savepoint %llu of %.8s is to be the base of a checkpoint",
            (unsigned long long)base, job->hex);
}

static void check_trigger(struct weir_sim *sim, struct state *state, const Weir__Envelope *envelope)
{
    struct weir_job_id id;
    const Weir__TriggerCheckpoint *trigger = envelope->trigger;
    if (!weir_job_id_from(&trigger->job, &id)) return;
    struct weir_sim_facts_job *job = weir_sim_facts_job(sim, &id);
    if (job && trigger->checkpoint > job->reserved)
        weir_sim_fail(sim, "H5",
            "checkpoint %llu of %.8s is triggered, the record has reserved ids up to %llu",
            (unsigned long long)trigger->checkpoint, job->hex, (unsigned long long)job->reserved);
    if (job) check_base(sim, job, trigger->base_checkpoint);
    note_wanted(state, envelope);
    uint32_t at = (uint32_t)(weir_sim_mix(weir_job_id_hash(&id) ^ trigger->checkpoint) % TRIGGERS_MAX);
    for (uint32_t n = 0; n < TRIGGERS_MAX; n++, at = (at + 1) % TRIGGERS_MAX) {
        struct trigger *known = &state->triggers[at];
        if (!known->epoch) {
            *known =
                (struct trigger){ .job = id, .checkpoint = trigger->checkpoint, .epoch = envelope->epoch };
            return;
        }
        if (known->checkpoint != trigger->checkpoint || !weir_job_id_equal(&known->job, &id)) continue;
        if (known->epoch != envelope->epoch)
            weir_sim_fail(sim, "H5", "checkpoint %llu was triggered in epoch %llu and again in %llu",
                (unsigned long long)trigger->checkpoint, (unsigned long long)known->epoch,
                (unsigned long long)envelope->epoch);
        return;
    }
}

static void check_complete(
    struct weir_sim *sim, const char *who, const struct weir_job_id *id, uint64_t checkpoint)
{
    struct weir_sim_facts_job *job = weir_sim_facts_job(sim, id);
    if (checkpoint == 0 || checkpoint > UINT64_MAX - 16) return; /* the final one of an ended attempt */
    if (job && !weir_sim_facts_named(job, checkpoint))
        weir_sim_fail(sim, "H4", "%s: checkpoint %llu of %.8s is told to be complete, and no record names it",
            who, (unsigned long long)checkpoint, job->hex);
}

static void check_acknowledged(
    struct weir_sim *sim, struct state *state, const Weir__AcknowledgeCheckpoint *acknowledge)
{
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    struct weir_attempt_id attempt;
    uint32_t count = WEIR_MIN(state->aborted_next, (uint32_t)ABORTS_MAX);
    if (!weir_attempt_id_from(acknowledge->attempt, &attempt)) return;
    for (uint32_t i = 0; i < count; i++)
        if (state->aborted[i].checkpoint == acknowledge->checkpoint &&
            weir_attempt_id_equal(&state->aborted[i].attempt, &attempt))
            weir_sim_fail(sim, "H5", "%s acknowledges checkpoint %llu, which it has aborted",
                weir_attempt_id_print(&attempt, text), (unsigned long long)acknowledge->checkpoint);
}

static void sent(struct weir_sim *sim, void *self, struct weir_sim_process *from, struct weir_sim_process *to,
    const Weir__Envelope *envelope, bool lost)
{
    struct weir_job_id id;
    if (envelope->body_case == WEIR__ENVELOPE__BODY_TRIGGER)
        check_trigger(sim, (struct state *)self, envelope);
    if (envelope->body_case == WEIR__ENVELOPE__BODY_ACKNOWLEDGE) {
        check_acknowledged(sim, (struct state *)self, envelope->acknowledge);
        check_splits(sim, (struct state *)self, envelope->acknowledge);
    }
    if (envelope->body_case == WEIR__ENVELOPE__BODY_COMPLETE &&
        weir_job_id_from(&envelope->complete->job, &id))
        check_complete(sim, from->name, &id, envelope->complete->checkpoint);
}

static void task_effect(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_effect *effect)
{
    struct state *state = (struct state *)self;
    if (effect->action == WEIR_TASK_COMPLETE && effect->checkpoint)
        check_complete(sim, process->name, &effect->attempt.job, effect->checkpoint);
    if (effect->action != WEIR_TASK_ABORT) return;
    state->aborted[state->aborted_next++ % ABORTS_MAX] =
        (struct aborted){ .attempt = effect->attempt, .checkpoint = effect->checkpoint };
}

static void blob(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const char *path, bool put)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    if (put) return;
    uint64_t hash = weir_sim_path_hash(path);
    for (uint32_t i = 0; i < facts->job_count; i++) {
        struct weir_sim_facts_job *job = facts->jobs[i];
        if (job->terminal || !job->exists) continue;
        for (uint32_t n = 0; n < job->named_count; n++) {
            if (!job->named[n].current) continue;
            for (uint32_t k = 0; k < job->named[n].file_count; k++)
                if (job->named[n].files[k] == hash)
                    weir_sim_fail(sim, "H4",
                        "%s deletes %s, which checkpoint %llu in the record of %.8s needs", process->name,
                        path, (unsigned long long)job->named[n].id, job->hex);
        }
    }
}

const struct weir_sim_checker weir_sim_checker_commits = { .name = "H4",
    .text = "state first, metadata next, record last; then commits and deletion",
    .state_bytes = sizeof(struct state),
    .sent = sent,
    .task_effect = task_effect,
    .blob = blob };
