/*
 * H3, H8: nobody acts on the word of another leader than the one followed; a larger epoch is adopted with all
 * that belongs to it in one step; no alignment waits for a leader that is silent, and none is given up for a
 * pause of the TaskManager itself. H6: an attempt that ended after it took a checkpoint commits what it took.
 */
#include "sim/checkers.h"
#include <string.h>

enum { ATTEMPTS_MAX = 2048, TAKEN_MAX = 16, SETTLED_MAX = 32 };

struct attempt {
    bool used;
    uint32_t process, start;
    struct weir_attempt_id id;
    uint64_t pending, pending_epoch; /* the newest barrier that is neither answered nor given up; 0: none */
    int64_t pending_loop_us;
    uint64_t taken[TAKEN_MAX], settled[SETTLED_MAX]; /* rings */
    uint32_t taken_next, settled_next;
};

struct follower {
    uint64_t epoch, incarnation; /* of the leader that it has adopted */
    int64_t last_tick_us, loop_us, heard_loop_us;
    uint32_t ticks_since_heard;
};

struct state {
    struct follower followers[WEIR_SIM_PROCESSES_MAX];
    uint64_t leads[WEIR_SIM_PROCESSES_MAX]; /* epoch, 0: it does not */
    struct attempt attempts[ATTEMPTS_MAX];
};

static struct attempt *find(
    struct state *state, const struct weir_sim_process *process, const struct weir_attempt_id *id)
{
    for (uint32_t i = 0; i < ATTEMPTS_MAX; i++) {
        struct attempt *attempt = &state->attempts[i];
        if (attempt->used && attempt->process == process->index && attempt->start == process->start &&
            weir_attempt_id_equal(&attempt->id, id))
            return attempt;
    }
    return NULL;
}

static bool contains(const uint64_t *items, uint32_t count, uint64_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (items[i] == item) return true;
    return false;
}

static void settle(struct attempt *attempt, uint64_t checkpoint)
{
    /* Once: a barrier of it may come much later, when as many others have been given up as there are places.
     */
    if (!contains(attempt->settled, SETTLED_MAX, checkpoint))
        attempt->settled[attempt->settled_next++ % SETTLED_MAX] = checkpoint;
    if (attempt->pending <= checkpoint) attempt->pending = 0;
}

static void wait_for(struct state *state, const struct weir_sim_process *process, struct attempt *attempt,
    uint64_t checkpoint, uint64_t epoch)
{
    if (checkpoint <= attempt->pending || contains(attempt->settled, SETTLED_MAX, checkpoint)) return;
    attempt->pending = checkpoint;
    attempt->pending_epoch = epoch;
    attempt->pending_loop_us = state->followers[process->index].loop_us;
}

/* ---------------------------------------------------------------- the data plane */

static void deploy(
    struct state *state, const struct weir_sim_process *process, const struct weir_attempt_id *id)
{
    for (uint32_t i = 0; i < ATTEMPTS_MAX; i++) {
        if (state->attempts[i].used) continue;
        state->attempts[i] =
            (struct attempt){ .used = true, .process = process->index, .start = process->start, .id = *id };
        return;
    }
}

static void adopt(struct state *state, const struct weir_sim_process *process, uint64_t epoch)
{
    for (uint32_t i = 0; i < ATTEMPTS_MAX; i++) {
        struct attempt *attempt = &state->attempts[i];
        if (attempt->used && attempt->process == process->index && attempt->pending_epoch < epoch)
            attempt->pending = 0;
    }
}

static void task_effect(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_effect *effect)
{
    struct state *state = (struct state *)self;
    if (effect->action == WEIR_TASK_DEPLOY) deploy(state, process, &effect->attempt);
    if (effect->action == WEIR_TASK_ADOPT_EPOCH) adopt(state, process, effect->epoch);
    struct attempt *attempt = find(state, process, &effect->attempt);
    if (!attempt) return;
    switch (effect->action) {
    case WEIR_TASK_ABORT: settle(attempt, effect->checkpoint); break;
    case WEIR_TASK_CANCEL: attempt->pending = 0; break;
    case WEIR_TASK_FORGET: attempt->used = false; break;
    default: break;
    }
}

static void task_event(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_event *event)
{
    struct state *state = (struct state *)self;
    struct attempt *attempt = find(state, process, &event->attempt);
    if (!attempt) return;
    switch (event->kind) {
    case WEIR_TASK_BARRIER: wait_for(state, process, attempt, event->checkpoint, event->barrier_epoch); break;
    case WEIR_TASK_ACKNOWLEDGED:
        settle(attempt, event->checkpoint);
        attempt->taken[attempt->taken_next++ % TAKEN_MAX] = event->checkpoint;
        break;
    case WEIR_TASK_DECLINED: settle(attempt, event->checkpoint); break;
    case WEIR_TASK_ENDED:
    case WEIR_TASK_FAILED:
    case WEIR_TASK_CANCELED: attempt->pending = 0; break;
    default: break;
    }
}

/* ---------------------------------------------------------------- who listens to whom */

static bool is_command(Weir__Envelope__BodyCase body)
{
    switch (body) {
    case WEIR__ENVELOPE__BODY_END_TASKMANAGER:
    case WEIR__ENVELOPE__BODY_DEPLOY:
    case WEIR__ENVELOPE__BODY_CANCEL_TASKS:
    case WEIR__ENVELOPE__BODY_FORGET:
    case WEIR__ENVELOPE__BODY_TRIGGER:
    case WEIR__ENVELOPE__BODY_COMPLETE:
    case WEIR__ENVELOPE__BODY_ABORT:
    case WEIR__ENVELOPE__BODY_ASSIGN_SPLITS:
    case WEIR__ENVELOPE__BODY_DISCOVER_SPLITS:
    case WEIR__ENVELOPE__BODY_HEARTBEAT: return true;
    default: return false;
    }
}

static bool is_answer(Weir__Envelope__BodyCase body)
{
    switch (body) {
    case WEIR__ENVELOPE__BODY_REPORT:
    case WEIR__ENVELOPE__BODY_TASK_STATE:
    case WEIR__ENVELOPE__BODY_ACKNOWLEDGE:
    case WEIR__ENVELOPE__BODY_DECLINE:
    case WEIR__ENVELOPE__BODY_COMMITTED: return true;
    default: return false;
    }
}

/* The report is the last thing in the step, the adoption comes before it. */
static void check_adoption(
    struct weir_sim *sim, const struct weir_sim_process *process, const struct weir_effects *effects)
{
    bool adopted = false;
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct weir_effect *effect = &effects->items[i];
        if (effect->kind == WEIR_EFFECT_TASK && effect->task.action == WEIR_TASK_ADOPT_EPOCH) adopted = true;
        if (effect->kind == WEIR_EFFECT_SEND && effect->envelope->body_case == WEIR__ENVELOPE__BODY_REPORT &&
            !adopted)
            weir_sim_fail(sim, "H3",
                "%s reports to a new leader before it has given up the older one's alignments",
                process->name);
    }
}

static void on_announcement(struct weir_sim *sim, struct follower *follower,
    const struct weir_sim_process *process, const Weir__Envelope *envelope,
    const struct weir_effects *effects)
{
    const Weir__LeaderAnnouncement *announcement = envelope->leader_announcement;
    if (announcement->epoch <= follower->epoch ||
        announcement->leader->incarnation != envelope->sender_incarnation)
        return;
    follower->epoch = announcement->epoch;
    follower->incarnation = envelope->sender_incarnation;
    check_adoption(sim, process, effects);
}

static void check_commit(struct weir_sim *sim, struct state *state, const struct weir_sim_process *process,
    uint64_t checkpoint, const struct weir_effects *effects)
{
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct weir_effect *effect = &effects->items[i];
        if (effect->kind != WEIR_EFFECT_TASK || effect->task.action != WEIR_TASK_COMPLETE ||
            effect->task.checkpoint != WEIR_TASK_FINAL)
            continue;
        const struct attempt *attempt = find(state, process, &effect->task.attempt);
        if (attempt && contains(attempt->taken, TAKEN_MAX, checkpoint))
            weir_sim_fail(sim, "H6",
                "%s took checkpoint %llu, ended after it, and commits its final snapshot for it",
                weir_attempt_id_print(&attempt->id, text), (unsigned long long)checkpoint);
    }
}

static void on_message(struct weir_sim *sim, struct state *state, struct weir_sim_process *process,
    const Weir__Envelope *envelope, const struct weir_effects *effects)
{
    struct follower *follower = &state->followers[process->index];
    if (envelope->epoch == follower->epoch && envelope->sender_incarnation == follower->incarnation) {
        follower->heard_loop_us = follower->loop_us;
        follower->ticks_since_heard = 0;
    }
    if (envelope->body_case == WEIR__ENVELOPE__BODY_LEADER_ANNOUNCEMENT)
        on_announcement(sim, follower, process, envelope, effects);
    if (is_command(envelope->body_case) &&
        (envelope->epoch != follower->epoch || envelope->leader_incarnation != follower->incarnation))
        weir_sim_fail(sim, "H3", "%s, which follows epoch %llu, obeys a %s of epoch %llu", process->name,
            (unsigned long long)follower->epoch, weir_envelope_body_name(envelope->body_case),
            (unsigned long long)envelope->epoch);
    if (envelope->body_case == WEIR__ENVELOPE__BODY_COMPLETE)
        check_commit(sim, state, process, envelope->complete->checkpoint, effects);
}

/* ---------------------------------------------------------------- silence */

static void check_waiting(
    struct weir_sim *sim, struct state *state, const struct weir_sim_process *process, int64_t bound_us)
{
    const struct follower *follower = &state->followers[process->index];
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    for (uint32_t i = 0; i < ATTEMPTS_MAX; i++) {
        const struct attempt *attempt = &state->attempts[i];
        if (!attempt->used || attempt->process != process->index || attempt->start != process->start ||
            !attempt->pending)
            continue;
        int64_t waited_us = follower->loop_us - WEIR_MAX(attempt->pending_loop_us, follower->heard_loop_us);
        if (waited_us > bound_us)
            weir_sim_fail(sim, "H8",
                "%s waits for checkpoint %llu of a leader that has been silent for %lld ms",
                weir_attempt_id_print(&attempt->id, text), (unsigned long long)attempt->pending,
                (long long)(waited_us / 1000));
    }
}

/* What the product may count at most for a tick is twice the interval; what it must count is less. */
static void on_tick(struct weir_sim *sim, struct state *state, struct weir_sim_process *process,
    const struct weir_event *event, const struct weir_effects *effects)
{
    struct follower *follower = &state->followers[process->index];
    const struct weir_control_options *options = &sim->knobs.control;
    int64_t interval_us = options->heartbeat_interval_us;
    int64_t passed_us = follower->last_tick_us ? event->now_us - follower->last_tick_us : 0;
    if (passed_us <= 2 * interval_us) follower->loop_us += passed_us;
    follower->last_tick_us = event->now_us;
    follower->ticks_since_heard++;
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct weir_effect *effect = &effects->items[i];
        if (effect->kind != WEIR_EFFECT_TASK || effect->task.action != WEIR_TASK_ABORT) continue;
        if (follower->ticks_since_heard * 2 * interval_us < options->leader_silence_us)
            weir_sim_fail(sim, "H8", "%s gives a checkpoint up after it stood still itself", process->name);
        struct attempt *attempt = find(state, process, &effect->task.attempt);
        if (attempt) settle(attempt, effect->task.checkpoint);
    }
    check_waiting(sim, state, process, options->leader_silence_us + 4 * interval_us);
}

/* ---------------------------------------------------------------- what machines step with */

static void step(struct weir_sim *sim, void *self, struct weir_sim_process *process, enum weir_role role,
    const struct weir_event *event, const struct weir_effects *effects)
{
    struct state *state = (struct state *)self;
    if (role == WEIR_ROLE_TASKEXECUTOR) {
        if (event->kind == WEIR_EVENT_MESSAGE) on_message(sim, state, process, event->envelope, effects);
        if (event->kind == WEIR_EVENT_TIMER) on_tick(sim, state, process, event, effects);
        return;
    }
    if (role == WEIR_ROLE_DISPATCHER && event->kind == WEIR_EVENT_LOCAL) {
        if (event->local->kind == WEIR_LOCAL_GRANTED || event->local->kind == WEIR_LOCAL_EPOCH)
            state->leads[process->index] = event->local->epoch;
        if (event->local->kind == WEIR_LOCAL_REVOKED) state->leads[process->index] = 0;
    }
    if (event->kind == WEIR_EVENT_MESSAGE && is_answer(event->envelope->body_case) &&
        event->envelope->epoch != state->leads[process->index])
        weir_sim_fail(sim, "H3", "%s, which leads epoch %llu, counts a %s for epoch %llu", process->name,
            (unsigned long long)state->leads[process->index],
            weir_envelope_body_name(event->envelope->body_case), (unsigned long long)event->envelope->epoch);
}

static void sent(struct weir_sim *sim, void *self, struct weir_sim_process *from, struct weir_sim_process *to,
    const Weir__Envelope *envelope, bool lost)
{
    if (envelope->body_case != WEIR__ENVELOPE__BODY_ACKNOWLEDGE) return;
    if (envelope->acknowledge->barrier_epoch != envelope->epoch)
        weir_sim_fail(sim, "H3", "%s acknowledges a barrier of epoch %llu to the leader of epoch %llu",
            from->name, (unsigned long long)envelope->acknowledge->barrier_epoch,
            (unsigned long long)envelope->epoch);
}

static void process_started(struct weir_sim *sim, void *self, struct weir_sim_process *process)
{
    struct state *state = (struct state *)self;
    state->followers[process->index] = (struct follower){ 0 };
    state->leads[process->index] = 0;
}

static void process_ended(struct weir_sim *sim, void *self, struct weir_sim_process *process)
{
    struct state *state = (struct state *)self;
    for (uint32_t i = 0; i < ATTEMPTS_MAX; i++)
        if (state->attempts[i].process == process->index) state->attempts[i].used = false;
}

const struct weir_sim_checker weir_sim_checker_fencing = { .name = "H3",
    .text = "only the word of the leader that is followed counts; a silent one holds nothing back",
    .state_bytes = sizeof(struct state),
    .step = step,
    .sent = sent,
    .task_effect = task_effect,
    .task_event = task_event,
    .process_started = process_started,
    .process_ended = process_ended };
