/* H1, and the fencing of H3: at most one leader per epoch, epochs only grow, TaskManagers follow upwards. */
#include "sim/facts.h"
#include "sim/checkers.h"
#include <string.h>

/* So many within so long are no hold-off (4.3): the first one is learned of late, the next is held off. */
enum { WRONGLY_MAX = 2, WRONGLY_US = 5000000, UNREFUSED_US = 10000000, WITNESSED_MAX = 8 };
/* One that was deposed wrongly and has been among the candidates again for so long was seen by all of them;
 * then nobody suspects for a hold-off, by the fastest of clocks. */
enum { SEEN_US = 3000000, HOLD_OFF_US = 8000000 };

struct state {
    uint64_t adopted[WEIR_SIM_PROCESSES_MAX]; /* by this start of a TaskManager */
    struct {
        uint64_t incarnation, session;
    } granted[WEIR_SIM_EPOCHS_MAX];
    struct deposed {
        int64_t at_us;
        uint32_t process;
        uint64_t incarnation;
    } deposed[WRONGLY_MAX]; /* living leaders: a ring */
    uint32_t deposed_count;
    int64_t shown_us[WEIR_SIM_PROCESSES_MAX];  /* since when its entry among the candidates is there; 0: it is
                                                  not */
    int64_t absent_us[WEIR_SIM_PROCESSES_MAX]; /* since when its entry among the candidates is gone; 0: it is
                                                  there */
    int64_t wiped_us[WEIR_SIM_PROCESSES_MAX];  /* until when it was missing, of those wiped; 0: never */
    /* Leaders that a JobManager was told are lost, or saw dying: a ring each. */
    uint64_t witnessed[WEIR_SIM_PROCESSES_MAX][WITNESSED_MAX];
    uint32_t witnessed_next[WEIR_SIM_PROCESSES_MAX];
};

static void process_started(struct weir_sim *sim, void *self, struct weir_sim_process *process)
{
    ((struct state *)self)->adopted[process->index] = 0;
    ((struct state *)self)->wiped_us[process->index] = 0;
}

static void task_effect(
    struct weir_sim *sim, void *self, struct weir_sim_process *process, const struct weir_task_effect *effect)
{
    struct state *state = (struct state *)self;
    if (effect->action != WEIR_TASK_ADOPT_EPOCH) return;
    if (effect->epoch < state->adopted[process->index])
        weir_sim_fail(sim, "H1", "%s goes back from epoch %llu to %llu", process->name,
            (unsigned long long)state->adopted[process->index], (unsigned long long)effect->epoch);
    state->adopted[process->index] = effect->epoch;
}

/* A machine of a JobManager is told that it leads. */
static void granted(
    struct weir_sim *sim, struct state *state, struct weir_sim_process *process, uint64_t epoch)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    if (!epoch || epoch >= WEIR_SIM_EPOCHS_MAX) return;
    if (facts->wiped) return;
    if (state->granted[epoch].incarnation && state->granted[epoch].incarnation != process->incarnation)
        weir_sim_fail(sim, "H1", "%s leads epoch %llu, which another one had led", process->name,
            (unsigned long long)epoch);
    state->granted[epoch].incarnation = process->incarnation;
    state->granted[epoch].session = sim->store.clients[process->index].session;
    if (facts->incarnations[epoch] != process->incarnation)
        weir_sim_fail(sim, "H1", "%s leads epoch %llu, which the store never gave to it", process->name,
            (unsigned long long)epoch);
}

static bool was_told(const struct state *state, const struct weir_sim_process *process, uint64_t incarnation)
{
    for (uint32_t i = 0; i < WITNESSED_MAX; i++)
        if (state->witnessed[process->index][i] == incarnation) return true;
    return false;
}

static void note_lost(struct state *state, const struct weir_sim_process *process, uint64_t incarnation)
{
    if (was_told(state, process, incarnation)) return;
    state->witnessed[process->index][state->witnessed_next[process->index]++ % WITNESSED_MAX] = incarnation;
}

static void step(struct weir_sim *sim, void *self, struct weir_sim_process *process, enum weir_role role,
    const struct weir_event *event, const struct weir_effects *effects)
{
    struct state *state = (struct state *)self;
    if (role == WEIR_ROLE_LEADER && event->kind == WEIR_EVENT_MESSAGE &&
        event->envelope->body_case == WEIR__ENVELOPE__BODY_LEADER_LOST)
        note_lost(state, process, event->envelope->leader_lost->leader_incarnation);
    if (role == WEIR_ROLE_LEADER && event->kind == WEIR_EVENT_PROCESS_DIED)
        note_lost(state, process, event->from_incarnation);
    if (role != WEIR_ROLE_DISPATCHER || event->kind != WEIR_EVENT_LOCAL) return;
    if (event->local->kind == WEIR_LOCAL_GRANTED || event->local->kind == WEIR_LOCAL_EPOCH)
        granted(sim, (struct state *)self, process, event->local->epoch);
}

/* The holder lives, with its session: the suspicion was wrong. */
static void check_hold_off(struct weir_sim *sim, struct state *state, const struct weir_sim_process *writer,
    const Weir__LeaderRecord *old)
{
    struct weir_sim_process *holder = old->holder ? weir_sim_process_find(sim, old->holder->name) : NULL;
    if (!holder || !weir_sim_process_is_up(holder) || holder->incarnation != old->holder->incarnation) return;
    int64_t absent = state->absent_us[holder->index];
    if (absent && absent <= weir_sim_now(sim))
        return; /* a write that was late, maybe its own, took it away */
    int64_t wiped = state->wiped_us[holder->index];
    if (wiped && weir_sim_now(sim) - wiped < UNREFUSED_US)
        return; /* it is back; who takes over has looked before that */
    /* Of the session in which it was told that it leads; one that was not told yet loses nothing. */
    uint64_t session = old->epoch < WEIR_SIM_EPOCHS_MAX ? state->granted[old->epoch].session : 0;
    if (!session || sim->store.ended[session]) return;
    if (writer && !was_told(state, writer, holder->incarnation))
        weir_sim_fail(sim, "4.3", "%s takes over from %s, which lives, and no other has lost it",
            writer->name, holder->name);
    int64_t now = weir_sim_now(sim), refused = sim->network.refused_us[holder->index];
    if (!refused || now - refused > UNREFUSED_US)
        weir_sim_fail(sim, "4.3", "%s leads, lives and refused nobody, and was deposed", holder->name);
    for (uint32_t k = 0; k < WRONGLY_MAX && sim->store.transactions; k++) {
        const struct deposed *deposed = &state->deposed[k];
        const struct weir_sim_process *process = &sim->processes[deposed->process];
        int64_t shown = state->shown_us[deposed->process];
        if (deposed->at_us && weir_sim_process_is_up(process) &&
            process->incarnation == deposed->incarnation && shown > deposed->at_us &&
            now - shown >= SEEN_US && now - deposed->at_us < HOLD_OFF_US)
            weir_sim_fail(sim, "H12", "%s was deposed, and %s %lld ms before, which all see to live",
                holder->name, process->name, (long long)(now - deposed->at_us) / 1000);
    }
    uint32_t seen = 1;
    int64_t first = now;
    for (uint32_t k = 0; k < WRONGLY_MAX; k++) {
        /* Of one that has died since, nobody can learn that it lived. */
        const struct deposed *deposed = &state->deposed[k];
        const struct weir_sim_process *process = &sim->processes[deposed->process];
        if (!deposed->at_us || now - deposed->at_us >= WRONGLY_US || !weir_sim_process_is_up(process) ||
            process->incarnation != deposed->incarnation)
            continue;
        first = WEIR_MIN(first, deposed->at_us);
        seen++;
    }
    state->deposed[state->deposed_count++ % WRONGLY_MAX] =
        (struct deposed){ .at_us = now, .process = holder->index, .incarnation = holder->incarnation };
    if (seen > WRONGLY_MAX)
        weir_sim_fail(sim, "H12", "%u leaders that live were deposed within %lld ms", seen,
            (long long)(now - first) / 1000);
}

static void stored(struct weir_sim *sim, void *self, struct weir_sim_process *writer, const char *key,
    const struct weir_sim_entry *before, const struct weir_sim_entry *after)
{
    struct state *state = (struct state *)self;
    Weir__LeaderRecord *old, *record;
    if (strncmp(key, "candidates/", 11) == 0) {
        struct weir_sim_process *candidate = weir_sim_process_find(sim, key + 11);
        if (candidate) {
            bool wiped = before && !after && !writer && !sim->store.ended[before->session];
            bool back = after && state->wiped_us[candidate->index] + 1 == state->absent_us[candidate->index];
            if (wiped || back) state->wiped_us[candidate->index] = weir_sim_now(sim);
            state->absent_us[candidate->index] = after ? 0 : weir_sim_now(sim) + 1;
            state->shown_us[candidate->index] = after ? weir_sim_now(sim) : 0;
        }
    }
    if (strcmp(key, "leader") != 0 || !before || !after) return;
    if (weir_leader_record_decode(&sim->scratch, before->value, before->length, &old, NULL) ||
        weir_leader_record_decode(&sim->scratch, after->value, after->length, &record, NULL))
        return;
    uint64_t was = old->holder ? old->holder->incarnation : 0,
             is = record->holder ? record->holder->incarnation : 0;
    if (record->epoch < old->epoch)
        weir_sim_fail(sim, "H1", "the leader record goes back from epoch %llu to %llu",
            (unsigned long long)old->epoch, (unsigned long long)record->epoch);
    /* Who has written that the cluster has ended holds nothing any more. */
    if (was != is && !old->shut_down && !weir_sim_facts(sim)->wiped) check_hold_off(sim, state, writer, old);
    if (record->epoch == old->epoch && was != is)
        weir_sim_fail(
            sim, "H1", "epoch %llu passes from one holder to another", (unsigned long long)record->epoch);
    if (is && writer && writer->incarnation != is && weir_sim_process_is_up(writer) &&
        record->epoch != old->epoch)
        weir_sim_trace(sim, writer, "its late write made another start of it leader");
}

static void sent(struct weir_sim *sim, void *self, struct weir_sim_process *from, struct weir_sim_process *to,
    const Weir__Envelope *envelope, bool lost)
{
    struct weir_sim_facts *facts = weir_sim_facts(sim);
    if (from->kind != WEIR_SIM_JOBMANAGER || !envelope->epoch || envelope->epoch >= WEIR_SIM_EPOCHS_MAX ||
        facts->wiped)
        return;
    if (facts->incarnations[envelope->epoch] != envelope->leader_incarnation)
        weir_sim_fail(sim, "H1", "%s speaks as the leader of epoch %llu, which is another's", from->name,
            (unsigned long long)envelope->epoch);
}

const struct weir_sim_checker weir_sim_checker_leadership = { .name = "H1",
    .text = "at most one leader per epoch, epochs only grow",
    .state_bytes = sizeof(struct state),
    .process_started = process_started,
    .task_effect = task_effect,
    .step = step,
    .stored = stored,
    .sent = sent };
