#include "sim/faults.h"
#include "sim/facts.h"
#include "sim/workload.h"
#include <string.h>

struct weir_sim_faults {
    struct weir_sim *sim;
    struct weir_sim_random random[WEIR_SIM_FEATURE_COUNT];
};

struct weir_sim_process *weir_sim_leader(struct weir_sim *sim)
{
    const struct weir_sim_entry *entry = weir_sim_store_find(&sim->store, "leader");
    Weir__LeaderRecord *record;
    struct weir_sim_process *process = NULL;
    if (!entry) return NULL;
    struct weir_arena arena;
    weir_arena_init(&arena, sim->memory);
    if (!weir_leader_record_decode(&arena, entry->value, entry->length, &record, NULL) && record->holder)
        process = weir_sim_process_find(sim, record->holder->name);
    weir_arena_done(&arena);
    return process && weir_sim_process_is_up(process) ? process : NULL;
}

static struct weir_sim_process *pick(
    struct weir_sim *sim, struct weir_sim_random *random, enum weir_sim_process_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->process_count; i++) count += sim->processes[i].kind == kind;
    uint64_t chosen = weir_sim_random_below(random, count);
    for (uint32_t i = 0; i < sim->process_count; i++)
        if (sim->processes[i].kind == kind && chosen-- == 0) return &sim->processes[i];
    return NULL;
}

static struct weir_sim_process *pick_any(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *process =
        pick(sim, random, weir_sim_random_permille(random, 500) ? WEIR_SIM_JOBMANAGER : WEIR_SIM_TASKMANAGER);
    return process ? process : pick(sim, random, WEIR_SIM_JOBMANAGER);
}

/* --- things that end by themselves --- */

enum undo_kind { UNDO_BLOCK, UNDO_CUT, UNDO_STORE, UNDO_REFUSE, UNDO_SHARED };

static void block_data(struct weir_sim *sim, uint32_t a, uint32_t b, bool blocked)
{
    const struct weir_sim_process *from = &sim->processes[a], *to = &sim->processes[b];
    if (!sim->exchange || from->kind != WEIR_SIM_TASKMANAGER || to->kind != WEIR_SIM_TASKMANAGER) return;
    weir_sim_exchange_partition(
        sim->exchange, from->name, to->name, blocked, blocked ? sim->network.break_after_us : 0);
}

static void undo(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    uint32_t a = (uint32_t)(number >> 8 & 0xff), b = (uint32_t)(number >> 16 & 0xff);
    switch ((enum undo_kind)(number & 0xff)) {
    case UNDO_BLOCK:
        weir_sim_network_block(&sim->network, a, b, false);
        block_data(sim, a, b, false);
        break;
    case UNDO_CUT: weir_sim_store_set_cut(&sim->store, a, false); break;
    case UNDO_STORE: weir_sim_store_set_down(&sim->store, false); break;
    case UNDO_REFUSE: sim->network.refusing[a] = false; break;
    case UNDO_SHARED: {
        struct weir_sim_filesystem_faults none = { 0 };
        weir_sim_filesystem_set_faults(sim->shared_disk, &none);
        sim->shared_down = false;
        weir_sim_trace(sim, NULL, "the shared directory is back");
        break;
    }
    }
}

static void undo_later(struct weir_sim *sim, int64_t after_us, enum undo_kind kind, uint32_t a, uint32_t b)
{
    weir_sim_schedule(&sim->scheduler, (struct weir_sim_item){ .at_us = weir_sim_now(sim) + after_us,
                                           .function = undo,
                                           .owner = sim,
                                           .number = (uint64_t)kind | (uint64_t)a << 8 | (uint64_t)b << 16,
                                           .process = WEIR_SIM_PROCESS_NONE });
}

static void block(struct weir_sim *sim, uint32_t a, uint32_t b, int64_t for_us)
{
    if (a == b || sim->processes[a].host == sim->processes[b].host) return;
    weir_sim_network_block(&sim->network, a, b, true);
    block_data(sim, a, b, true);
    undo_later(sim, for_us, UNDO_BLOCK, a, b);
}

/* --- one fault of each feature --- */

static void fault_partition(struct weir_sim *sim, struct weir_sim_random *random)
{
    uint64_t side = weir_sim_random_next(random);
    int64_t length = weir_sim_random_scale(random, 50000, 12000000);
    bool one_way = weir_sim_random_permille(random, 400);
    weir_sim_trace(
        sim, NULL, "partition%s for %lld ms", one_way ? " of one direction" : "", (long long)length / 1000);
    for (uint32_t a = 0; a < sim->process_count; a++) {
        for (uint32_t b = 0; b < sim->process_count; b++) {
            bool a_side = side >> sim->processes[a].host & 1, b_side = side >> sim->processes[b].host & 1;
            if (a_side && !b_side) {
                block(sim, a, b, length);
                if (!one_way) block(sim, b, a, length);
            }
        }
    }
}

static void fault_cut_pair(struct weir_sim *sim, struct weir_sim_random *random)
{
    const struct weir_sim_process *a = pick_any(sim, random), *b = pick_any(sim, random);
    int64_t length = weir_sim_random_scale(random, 50000, 12000000);
    bool one_way = weir_sim_random_permille(random, 400);
    if (a == b) return;
    weir_sim_trace(sim, a, "does not reach %s%s for %lld ms", b->name,
        one_way ? "" : ", nor is it reached by it,", (long long)length / 1000);
    block(sim, a->index, b->index, length);
    if (!one_way) block(sim, b->index, a->index, length);
}

static void fault_isolate_leader(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *leader = weir_sim_leader(sim);
    if (!leader) return;
    int64_t length = weir_sim_random_scale(random, 50000, 10000000);
    uint64_t how = weir_sim_random_below(random, 4);
    static const char *const from[] = { "TaskManagers", "standbys", "the store", "everything" };
    weir_sim_trace(sim, leader, "is cut off from %s for %lld ms", from[how], (long long)length / 1000);
    if (how >= 2) {
        weir_sim_store_set_cut(&sim->store, leader->index, true);
        undo_later(sim, length, UNDO_CUT, leader->index, 0);
    }
    for (uint32_t i = 0; i < sim->process_count; i++) {
        bool taskmanager = sim->processes[i].kind == WEIR_SIM_TASKMANAGER;
        if (how != 3 && (how == 2 || taskmanager != (how == 0))) continue;
        block(sim, leader->index, i, length);
        if (weir_sim_random_permille(random, 700)) block(sim, i, leader->index, length);
    }
}

static void fault_break(struct weir_sim *sim, struct weir_sim_random *random)
{
    uint32_t count = 1 + (uint32_t)weir_sim_random_below(random, 6);
    for (uint32_t i = 0; i < count; i++)
        weir_sim_network_break(&sim->network, (uint32_t)weir_sim_random_below(random, sim->process_count),
            (uint32_t)weir_sim_random_below(random, sim->process_count));
}

static void fault_store_cut(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *process = pick(sim, random, WEIR_SIM_JOBMANAGER);
    int64_t length = weir_sim_random_scale(random, 20000, 5000000);
    weir_sim_store_set_cut(&sim->store, process->index, true);
    undo_later(sim, length, UNDO_CUT, process->index, 0);
}

static void fault_store_down(struct weir_sim *sim, struct weir_sim_random *random)
{
    if (sim->store.down) return;
    int64_t length = weir_sim_random_permille(random, 50) ? INT64_C(3600000000)
                                                          : weir_sim_random_scale(random, 20000, 8000000);
    weir_sim_store_set_down(&sim->store, true);
    undo_later(sim, length, UNDO_STORE, 0, 0);
}

static void fault_pause(
    struct weir_sim *sim, struct weir_sim_random *random, struct weir_sim_process *process)
{
    if (process && process->state == WEIR_SIM_RUNNING)
        weir_sim_process_pause(process, weir_sim_random_scale(random, 20000, 15000000));
}

static void fault_kill_at_effect(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *leader = weir_sim_leader(sim);
    struct weir_sim_process *process =
        leader && weir_sim_random_permille(random, 600) ? leader : pick_any(sim, random);
    if (!process || process->state != WEIR_SIM_RUNNING) return;
    process->crash_durable_only = weir_sim_random_permille(random, 500);
    process->effects_until_crash = weir_sim_random_range(random, 0, process->crash_durable_only ? 4 : 60);
}

static void fault_host_lost(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *victim = pick_any(sim, random);
    weir_sim_trace(sim, NULL, "host %u is lost", victim->host);
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_process *process = &sim->processes[i];
        if (process->host != victim->host || process->kind == WEIR_SIM_CLIENT) continue;
        sim->network.host_down[process->host] = true;
        weir_sim_process_kill(process, "its host is lost", true);
    }
}

static void fault_shared_down(struct weir_sim *sim, struct weir_sim_random *random)
{
    if (sim->shared_down) return;
    struct weir_sim_filesystem_faults faults = { .down = true };
    weir_sim_filesystem_set_faults(sim->shared_disk, &faults);
    sim->shared_down = true;
    int64_t length = weir_sim_random_scale(random, 20000, 4000000);
    weir_sim_trace(sim, NULL, "the shared directory is away for %lld ms", (long long)length / 1000);
    undo_later(sim, length, UNDO_SHARED, 0, 0);
}

static void fault_wipe(struct weir_sim *sim, struct weir_sim_random *random)
{
    bool leaderships = weir_sim_random_permille(random, 700);
    bool nothing_else = leaderships && weir_sim_random_permille(random, 100);
    if (!nothing_else) weir_sim_store_wipe(&sim->store, "leader");
    if (weir_sim_random_permille(random, 500)) weir_sim_store_wipe(&sim->store, "candidates/");
    if (leaderships) weir_sim_store_wipe(&sim->store, "leaderships/");
}

/* Nothing but TaskManagers knows any more which epochs there were. */
static void fault_replace_store(struct weir_sim *sim)
{
    if (weir_sim_facts(sim)->job_count) return;
    for (uint32_t i = 0; i < sim->process_count; i++)
        if (sim->processes[i].kind == WEIR_SIM_JOBMANAGER)
            weir_sim_process_kill(&sim->processes[i], "killed, the store is made anew", false);
    weir_sim_store_wipe(&sim->store, "leader");
    weir_sim_store_wipe(&sim->store, "index");
    weir_sim_store_wipe(&sim->store, "candidates/");
    weir_sim_store_wipe(&sim->store, "leaderships/");
}

static void fault_refuse(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *process = pick_any(sim, random);
    sim->network.refusing[process->index] = true;
    undo_later(sim, weir_sim_random_scale(random, 20000, 3000000), UNDO_REFUSE, process->index, 0);
}

/* Who leads is taken for dead: a suspicion that proves wrong. */
/* Suspected as by the fault below. It keeps its session, and learns from the store alone that it is deposed:
 * where its watch is lost, when it looks. */
static void fault_deafen_leader(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *leader = weir_sim_leader(sim);
    if (!leader) return;
    int64_t length = weir_sim_random_scale(random, 200000, 4000000);
    weir_sim_trace(sim, leader, "is taken for dead, and hears nothing for %lld ms", (long long)length / 1000);
    sim->network.refusing[leader->index] = true;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        if (i == leader->index) continue;
        weir_sim_network_break(&sim->network, leader->index, i);
        block(sim, leader->index, i, length);
        block(sim, i, leader->index, length);
    }
    undo_later(sim, length, UNDO_REFUSE, leader->index, 0);
}

static void fault_refuse_leader(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *leader = weir_sim_leader(sim);
    if (!leader) return;
    weir_sim_trace(sim, leader, "breaks its connections and refuses new ones");
    sim->network.refusing[leader->index] = true;
    for (uint32_t i = 0; i < sim->process_count; i++)
        if (i != leader->index) weir_sim_network_break(&sim->network, leader->index, i);
    undo_later(sim, weir_sim_random_scale(random, 20000, 2000000), UNDO_REFUSE, leader->index, 0);
}

static void kill_later(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    if (sim->faults_on) weir_sim_process_kill(&sim->processes[number], "killed, as another was", false);
}

static void fault_double(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_process *pair[2] = { weir_sim_leader(sim), pick(sim, random, WEIR_SIM_TASKMANAGER) };
    if (!pair[0] || !pair[1]) return;
    uint32_t first = (uint32_t)weir_sim_random_below(random, 2);
    weir_sim_process_kill(pair[first], "killed, another will be", false);
    weir_sim_schedule(&sim->scheduler,
        (struct weir_sim_item){ .at_us = weir_sim_now(sim) + weir_sim_random_scale(random, 100, 500000),
            .function = kill_later,
            .owner = sim,
            .number = pair[1 - first]->index,
            .process = WEIR_SIM_PROCESS_NONE });
}

/* --- a leader that sees other TaskManagers than the one before --- */

static void hide(struct weir_sim *sim, uint32_t taskmanager, uint32_t jobmanager, int64_t for_us)
{
    block(sim, taskmanager, jobmanager, for_us);
    block(sim, jobmanager, taskmanager, for_us);
}

struct hiding {
    uint32_t leader, first, other;
    int64_t since_us, lost_us, for_us;
};

static void hiding_later(
    struct weir_sim *sim, weir_sim_function function, const struct hiding *hiding, int64_t after_us)
{
    struct hiding *copy = (struct hiding *)weir_sim_payload(&sim->scheduler, sizeof *copy);
    *copy = *hiding;
    weir_sim_schedule(&sim->scheduler, (struct weir_sim_item){ .at_us = weir_sim_now(sim) + after_us,
                                           .function = function,
                                           .owner = sim,
                                           .process = WEIR_SIM_PROCESS_NONE,
                                           .payload = copy,
                                           .payload_bytes = sizeof *copy });
}

static void hidden_leader_dies(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    const struct hiding *hiding = (const struct hiding *)payload;
    if (sim->faults_on)
        weir_sim_process_kill(&sim->processes[hiding->leader], "killed, a TaskManager is hidden", false);
}

static void hide_other(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    const struct hiding *hiding = (const struct hiding *)payload;
    if (!sim->faults_on) return;
    /* Best is one where tasks of the first one are now. */
    uint32_t other = hiding->other;
    for (uint32_t n = 1; n <= sim->process_count; n++) {
        uint32_t at = (hiding->other + n) % sim->process_count;
        if (at != hiding->first && sim->processes[at].deployed_us > hiding->since_us) other = at;
    }
    weir_sim_trace(sim, &sim->processes[other], "is hidden from all JobManagers");
    for (uint32_t i = 0; i < sim->process_count; i++)
        if (sim->processes[i].kind == WEIR_SIM_JOBMANAGER) hide(sim, other, i, hiding->for_us);
    hiding_later(sim, hidden_leader_dies, hiding, hiding->for_us / 4);
}

static void hide_first(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    struct hiding hiding = *(const struct hiding *)payload;
    const struct weir_sim_process *leader = weir_sim_leader(sim);
    if (!sim->faults_on || !leader) return;
    sim->result->faults++;
    weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, weir_sim_feature_name(WEIR_SIM_hide_taskmanager));
    /* Best is one whose runs are not the first that a judge of regions meets. */
    uint32_t drawn = hiding.first, most = 0;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        const struct weir_sim_process *process = &sim->processes[(drawn + i) % sim->process_count];
        uint32_t count = (uint32_t)__builtin_popcount(process->other_subtasks & ~process->first_subtasks);
        if (count <= most) continue;
        hiding.first = process->index;
        most = count;
    }
    hiding.leader = leader->index;
    hiding.since_us = weir_sim_now(sim);
    weir_sim_trace(sim, &sim->processes[hiding.first], "is hidden from %s", leader->name);
    hide(sim, hiding.first, leader->index, hiding.lost_us + hiding.for_us / 4);
    hiding_later(sim, hide_other, &hiding, hiding.lost_us);
}

/* Long enough to be lost: what ran there is deployed elsewhere. Whoever leads next sees it again, and not all
 * of what came after it. At the end of jobs, for who has ended outlives its peers. */
static void plan_hiding(struct weir_sim *sim)
{
    struct weir_sim_random *random = &sim->faults->random[WEIR_SIM_hide_taskmanager];
    const struct weir_sim_process *first = pick(sim, random, WEIR_SIM_TASKMANAGER),
                                  *other = pick(sim, random, WEIR_SIM_TASKMANAGER);
    struct hiding hiding = { .first = first->index,
        .other = other->index,
        .lost_us = sim->knobs.control.heartbeat_timeout_us + weir_sim_random_scale(random, 10000, 1000000),
        .for_us = weir_sim_random_range(random, 400000, 10000000) };
    int64_t before_us = weir_sim_random_range(random, 0, sim->knobs.control.heartbeat_timeout_us);
    if (!sim->clients->job_count) return;
    const struct weir_sim_job_parameters *job = &sim->clients->jobs[0].parameters;
    hiding_later(sim, hide_first, &hiding, job->rows * 1000000 / job->rate - before_us);
}

/* --- a leader that meets attempts of before and after --- */

static void strand_ends(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    const struct weir_sim_process *leader = weir_sim_leader(sim);
    if (sim->faults_on && leader && leader->index == number)
        weir_sim_process_kill(&sim->processes[number], "killed, a TaskManager was stranded", false);
}

/* Reports come in any order: connections to the next leader are made anew. */
static void fault_strand(struct weir_sim *sim, struct weir_sim_random *random)
{
    const struct weir_sim_process *leader = weir_sim_leader(sim);
    const struct weir_sim_process *taskmanager = pick(sim, random, WEIR_SIM_TASKMANAGER);
    if (!leader || !taskmanager) return;
    int64_t lost_us = sim->knobs.control.heartbeat_timeout_us + weir_sim_random_scale(random, 10000, 1500000);
    weir_sim_trace(sim, taskmanager, "is stranded: %s does not reach it", leader->name);
    hide(sim, taskmanager->index, leader->index, lost_us);
    weir_sim_schedule(&sim->scheduler, (struct weir_sim_item){ .at_us = weir_sim_now(sim) + lost_us,
                                           .function = strand_ends,
                                           .owner = sim,
                                           .number = leader->index,
                                           .process = WEIR_SIM_PROCESS_NONE });
}

/* Some fault of this feature happens now. False: it is none that happens at moments. */
static bool happen(struct weir_sim *sim, enum weir_sim_feature feature, struct weir_sim_random *random)
{
    struct weir_sim_process *process;
    switch (feature) {
    case WEIR_SIM_crash_jobmanager:
        process = pick(sim, random, WEIR_SIM_JOBMANAGER);
        weir_sim_process_kill(process, "killed", false);
        return true;
    case WEIR_SIM_crash_taskmanager:
        process = pick(sim, random, WEIR_SIM_TASKMANAGER);
        if (process) weir_sim_process_kill(process, "killed", false);
        return true;
    case WEIR_SIM_crash_at_effect: fault_kill_at_effect(sim, random); return true;
    case WEIR_SIM_crash_leader:
        process = weir_sim_leader(sim);
        if (process) weir_sim_process_kill(process, "killed, it leads", false);
        return true;
    case WEIR_SIM_pause: fault_pause(sim, random, pick_any(sim, random)); return true;
    case WEIR_SIM_pause_leader: fault_pause(sim, random, weir_sim_leader(sim)); return true;
    case WEIR_SIM_partition: fault_partition(sim, random); return true;
    case WEIR_SIM_cut_pair: fault_cut_pair(sim, random); return true;
    case WEIR_SIM_isolate_leader: fault_isolate_leader(sim, random); return true;
    case WEIR_SIM_break_connections: fault_break(sim, random); return true;
    case WEIR_SIM_refuse_connections: fault_refuse(sim, random); return true;
    case WEIR_SIM_refuse_leader: fault_refuse_leader(sim, random); return true;
    case WEIR_SIM_deafen_leader: fault_deafen_leader(sim, random); return true;
    case WEIR_SIM_double_faults: fault_double(sim, random); return true;
    case WEIR_SIM_strand_taskmanager: fault_strand(sim, random); return true;
    case WEIR_SIM_half_open:
    case WEIR_SIM_host_lost: fault_host_lost(sim, random); return true;
    case WEIR_SIM_wall_steps:
        process = pick_any(sim, random); /* rows of the ledger come with a TaskManager's wall clock */
        process->wall_offset_us = process->kind == WEIR_SIM_TASKMANAGER
                                      ? weir_sim_random_range(random, -3000000, 3000000)
                                      : weir_sim_random_range(random, -3600000000, 3600000000);
        return true;
    case WEIR_SIM_store_down: fault_store_down(sim, random); return true;
    case WEIR_SIM_store_cut: fault_store_cut(sim, random); return true;
    case WEIR_SIM_store_expiry:
        weir_sim_store_expire(&sim->store, pick(sim, random, WEIR_SIM_JOBMANAGER)->index);
        return true;
    case WEIR_SIM_store_wiped: fault_wipe(sim, random); return true;
    case WEIR_SIM_store_replaced: fault_replace_store(sim); return true;
    case WEIR_SIM_blob_down: fault_shared_down(sim, random); return true;
    case WEIR_SIM_storage_power_loss:
        weir_sim_trace(sim, NULL, "the shared storage loses its power");
        weir_sim_filesystem_power_loss(sim->shared_disk);
        for (uint32_t i = 0; i < weir_sim_facts(sim)->job_count; i++)
            weir_sim_facts(sim)->jobs[i]->came_back = weir_sim_facts(sim)->jobs[i]->terminal;
        return true;
    case WEIR_SIM_damage: weir_sim_damage(sim, random); return true;
    case WEIR_SIM_damage_state:
        weir_sim_damage_state(sim, random);
        /* Before the next checkpoint makes it needless. */
        process = weir_sim_random_permille(random, 600) ? pick(sim, random, WEIR_SIM_TASKMANAGER) : NULL;
        if (process) weir_sim_process_kill(process, "killed, state is damaged", false);
        return true;
    default: return false;
    }
}

static bool happens_at_moments(enum weir_sim_feature feature)
{
    switch (feature) {
    case WEIR_SIM_crash_jobmanager:
    case WEIR_SIM_crash_taskmanager:
    case WEIR_SIM_crash_at_effect:
    case WEIR_SIM_crash_leader:
    case WEIR_SIM_pause:
    case WEIR_SIM_pause_leader:
    case WEIR_SIM_partition:
    case WEIR_SIM_cut_pair:
    case WEIR_SIM_isolate_leader:
    case WEIR_SIM_break_connections:
    case WEIR_SIM_refuse_connections:
    case WEIR_SIM_half_open:
    case WEIR_SIM_host_lost:
    case WEIR_SIM_wall_steps:
    case WEIR_SIM_store_down:
    case WEIR_SIM_store_cut:
    case WEIR_SIM_store_expiry:
    case WEIR_SIM_store_wiped:
    case WEIR_SIM_store_replaced:
    case WEIR_SIM_refuse_leader:
    case WEIR_SIM_deafen_leader:
    case WEIR_SIM_double_faults:
    case WEIR_SIM_strand_taskmanager:
    case WEIR_SIM_storage_power_loss:
    case WEIR_SIM_damage:
    case WEIR_SIM_damage_state:
    case WEIR_SIM_blob_down: return true;
    default: return false;
    }
}

static void next_fault(void *owner, void *payload, uint64_t number)
{
    struct weir_sim *sim = (struct weir_sim *)owner;
    if (!sim->faults_on) return;
    enum weir_sim_feature feature = (enum weir_sim_feature)number;
    struct weir_sim_random *random = &sim->faults->random[feature];
    if (payload) {
        sim->result->faults++;
        weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, weir_sim_feature_name(feature));
        happen(sim, feature, random);
    }
    /* Suspicions in a row are what a hold-off is for; most of what is damaged is never read again. */
    bool often = feature == WEIR_SIM_refuse_leader || feature == WEIR_SIM_damage_state;
    int64_t gap = often ? sim->knobs.fault_gap_us / 2 : sim->knobs.fault_gap_us * 2;
    int64_t *marker = (int64_t *)weir_sim_payload(&sim->scheduler, sizeof *marker);
    weir_sim_schedule(&sim->scheduler,
        (struct weir_sim_item){ .at_us = weir_sim_now(sim) + weir_sim_random_range(random, 1000, gap),
            .function = next_fault,
            .owner = sim,
            .number = number,
            .process = WEIR_SIM_PROCESS_NONE,
            .payload = marker,
            .payload_bytes = sizeof *marker });
}

static void set_lasting(struct weir_sim *sim)
{
    struct weir_sim_random random = weir_sim_stream(sim, WEIR_SIM_STREAM_KNOBS + 1000);
    uint32_t draws[8];
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(draws); i++)
        draws[i] = (uint32_t)weir_sim_random_scale(&random, 2, 128);
    if (weir_sim_has(sim, WEIR_SIM_slow_network)) sim->network.slow_permille = draws[0];
    if (weir_sim_has(sim, WEIR_SIM_store_unknown)) sim->store.unknown_permille = draws[1];
    if (weir_sim_has(sim, WEIR_SIM_store_late)) {
        sim->store.late_permille = 500;
        if (!sim->store.unknown_permille) sim->store.unknown_permille = draws[2] / 4 + 1;
    }
    if (weir_sim_has(sim, WEIR_SIM_store_lost_watches)) sim->store.lost_watch_permille = draws[3] * 4;
    if (weir_sim_has(sim, WEIR_SIM_deafen_leader)) sim->store.lost_watch_permille = 900;
    if (weir_sim_has(sim, WEIR_SIM_store_stale)) sim->store.stale_max_us = 2000000;
    if (weir_sim_has(sim, WEIR_SIM_blob_errors)) sim->blob_error_permille = draws[4];
    if (weir_sim_has(sim, WEIR_SIM_blob_late)) sim->blob_late_permille = draws[5];
    for (uint32_t i = 0; i < sim->process_count && weir_sim_has(sim, WEIR_SIM_slow_clocks); i++)
        sim->processes[i].rate_ppm = weir_sim_random_range(&random, -200000, 200000);
}

void weir_sim_faults_start(struct weir_sim *sim)
{
    sim->faults = WEIR_ARENA_NEW(&sim->arena, struct weir_sim_faults);
    sim->faults->sim = sim;
    sim->faults_on = true;
    set_lasting(sim);
    for (uint32_t feature = 0; feature < WEIR_SIM_FEATURE_COUNT; feature++) {
        sim->faults->random[feature] = weir_sim_stream(sim, WEIR_SIM_STREAM_FAULTS + feature);
        if (weir_sim_has(sim, (enum weir_sim_feature)feature) &&
            happens_at_moments((enum weir_sim_feature)feature))
            next_fault(sim, NULL, feature);
    }
    if (weir_sim_has(sim, WEIR_SIM_hide_taskmanager)) plan_hiding(sim);
}

void weir_sim_faults_stop(struct weir_sim *sim)
{
    weir_sim_trace(sim, NULL, "--- faults stop ---");
    sim->faults_on = false;
    sim->network.slow_permille = 0;
    sim->store.unknown_permille = sim->store.late_permille = sim->store.lost_watch_permille = 0;
    sim->blob_error_permille = sim->blob_late_permille = 0;
    undo(sim, NULL, UNDO_SHARED);
    weir_sim_store_set_down(&sim->store, false);
    for (uint32_t a = 0; a < sim->process_count; a++) {
        struct weir_sim_process *process = &sim->processes[a];
        sim->network.refusing[a] = false;
        weir_sim_store_set_cut(&sim->store, a, false);
        process->effects_until_crash = -1;
        weir_sim_process_resume(process);
        for (uint32_t b = 0; b < sim->process_count; b++)
            undo(sim, NULL, (uint64_t)UNDO_BLOCK | a << 8 | b << 16);
    }
}
