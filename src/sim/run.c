/* One history: a cluster is drawn and started, faults happen, faults stop, everything must come to rest. */
#include "base/assert.h"
#include "sim/checkers.h"
#include "sim/faults.h"
#include "sim/workload.h"
#include <stdio.h>
#include <string.h>

/* --- the program of JobManagers and TaskManagers: the actor --- */

static const char *const event_names[] = { "start", "timer", "message", "connection", "store state",
    "store done", "store changed", "blob done", "task", "process died", "worker", "local", "stop" };

/* What machines of one process tell each other. */
static void trace_local(
    struct weir_sim_process *process, enum weir_role role, const struct weir_effect *effect)
{
    static const char *const kinds[] = {
        [WEIR_LOCAL_CONTINUE] = "continue",
        [WEIR_LOCAL_GRANTED] = "granted",
        [WEIR_LOCAL_END_WANTED] = "end wanted",
        [WEIR_LOCAL_END_RECORDED] = "end recorded",
        [WEIR_LOCAL_REVOKED] = "revoked",
        [WEIR_LOCAL_EPOCH] = "epoch",
        [WEIR_LOCAL_SUSPENDED] = "suspended",
        [WEIR_LOCAL_RESUMED] = "resumed",
        [WEIR_LOCAL_RETRIEVED] = "retrieved",
        [WEIR_LOCAL_TASKMANAGER_GREETED] = "taskmanager greeted",
        [WEIR_LOCAL_RECOVERED] = "recovered",
        [WEIR_LOCAL_JOB_START] = "job start",
        [WEIR_LOCAL_CLIENT] = "client",
        [WEIR_LOCAL_GARBAGE] = "garbage",
        [WEIR_LOCAL_GARBAGE_FOUND] = "garbage found",
        [WEIR_LOCAL_JOB_STATUS] = "job status",
        [WEIR_LOCAL_JOB_TERMINAL] = "job terminal",
        [WEIR_LOCAL_JOB_CLEAN] = "job clean",
        [WEIR_LOCAL_JOB_FENCED] = "job fenced",
        [WEIR_LOCAL_REQUIRE] = "require",
        [WEIR_LOCAL_RELEASE] = "release",
        [WEIR_LOCAL_SLOT_FAILED] = "slot failed",
        [WEIR_LOCAL_SLOTS] = "slots",
        [WEIR_LOCAL_TASKMANAGER_LOST] = "taskmanager lost",
        [WEIR_LOCAL_REPORT] = "report",
        [WEIR_LOCAL_ALL_REPORTED] = "all reported",
        [WEIR_LOCAL_JOB_STOPPED] = "job stopped",
        [WEIR_LOCAL_EPOCH_SEEN] = "epoch seen",
        [WEIR_LOCAL_SHUTDOWN] = "shutdown",
        [WEIR_LOCAL_END_WORKERS] = "end workers",
    };
    _Static_assert(WEIR_ARRAY_COUNT(kinds) == WEIR_LOCAL_END_WORKERS + 1, "each has its name");
    const struct weir_local_message *message = effect->local;
    char job[WEIR_JOB_ID_TEXT_BYTES], more[200] = "";
    const struct weir_job_id *id = role == WEIR_ROLE_JOBMASTER ? &message->job : &effect->to_job;
    size_t at = 0;
    if (message->kind == WEIR_LOCAL_REQUIRE) snprintf(more, sizeof more, ": %u slots", message->slots_wanted);
    if (message->kind == WEIR_LOCAL_SLOTS || message->kind == WEIR_LOCAL_RELEASE)
        for (uint32_t i = 0; i < message->slot_count && at + 24 < sizeof more; i++)
            at += (size_t)snprintf(more + at, sizeof more - at, "%s %s/%u", i ? "," : ":",
                weir_nodes_name(weir_actor_nodes(process->actor), message->slots[i].node),
                message->slots[i].index);
    if (message->kind == WEIR_LOCAL_REPORT)
        snprintf(more, sizeof more, ": %s runs %u attempts",
            weir_nodes_name(weir_actor_nodes(process->actor), message->node), message->report.attempt_count);
    if (message->kind == WEIR_LOCAL_JOB_STATUS && message->summary)
        snprintf(more, sizeof more, ": state %d, %u of %u tasks", message->summary->state,
            message->summary->tasks_running, message->summary->tasks_total);
    weir_sim_trace(process->sim, process, "  role %d tells role %d: %s %.8s%s", role, effect->to_role,
        (size_t)message->kind < WEIR_ARRAY_COUNT(kinds) ? kinds[message->kind] : "?",
        weir_job_id_print(id, job), more);
}

static void observe(
    void *observer, enum weir_role role, const struct weir_event *event, const struct weir_effects *effects)
{
    struct weir_sim_process *process = (struct weir_sim_process *)observer;
    struct weir_sim *sim = process->sim;
    weir_sim_note(sim, (uint64_t)role << 56 ^ (uint64_t)event->kind << 48 ^ effects->count);
    if ((size_t)event->kind < WEIR_ARRAY_COUNT(event_names))
        weir_sim_cover(sim, WEIR_SIM_COVER_EVENT, event_names[event->kind]);
    if (process->standing_us != weir_sim_now(sim)) process->steps_standing = 0;
    process->standing_us = weir_sim_now(sim);
    if (++process->steps_standing > WEIR_SIM_STEPS_STANDING_MAX) {
        weir_sim_fail(
            sim, "bounds", "%s makes no end of steps (role %d, event %d)", process->name, role, event->kind);
        process->dying = true;
    }
    for (uint32_t i = 0; weir_sim_is_traced(sim) && i < effects->count; i++)
        if (effects->items[i].kind == WEIR_EFFECT_LOCAL) trace_local(process, role, &effects->items[i]);
    WEIR_SIM_CHECK(sim, step, process, role, event, effects);
}

static void actor_start(struct weir_sim_process *process)
{
    struct weir_sim *sim = process->sim;
    struct weir_actor_config config = { .kind = process->kind == WEIR_SIM_JOBMANAGER ? WEIR_ACTOR_JOBMANAGER
                                                                                     : WEIR_ACTOR_TASKMANAGER,
        .memory = &process->heap.base,
        .env = &process->env,
        .cluster = "sim",
        .name = process->name,
        .host = process->host_name,
        .rpc_address = process->address,
        .data_address = process->address,
        .rest_address = process->address,
        .incarnation = process->incarnation,
        .slot_count = process->slots,
        .options = &sim->knobs.control,
        .random_seed = weir_sim_random_next(&process->random),
        .observe = observe,
        .observer = process };
    process->actor = weir_actor_new(&config);
    process->self = process->actor;
    weir_actor_start(process->actor);
}

static void actor_event(void *self, struct weir_event *event)
{
    weir_actor_event((struct weir_actor *)self, event);
}

static void actor_bytes(void *self, weir_node from, const uint8_t *bytes, size_t length)
{
    weir_actor_bytes((struct weir_actor *)self, from, bytes, length);
}

static struct weir_nodes *actor_nodes(void *self)
{
    return weir_actor_nodes((struct weir_actor *)self);
}

static const struct weir_sim_program actor_program = {
    .start = actor_start, .event = actor_event, .bytes = actor_bytes, .nodes = actor_nodes
};

/* --- the cluster --- */

static void draw_knobs(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_knobs *knobs = &sim->knobs;
    knobs->jobmanager_count = (uint32_t)weir_sim_random_range(random, 2, 3);
    knobs->taskmanager_count = (uint32_t)weir_sim_random_range(random, 2, 4);
    knobs->slots_per_taskmanager = (uint32_t)weir_sim_random_range(random, 2, 4);
    if (weir_sim_has(sim, WEIR_SIM_hide_taskmanager) || weir_sim_has(sim, WEIR_SIM_strand_taskmanager))
        knobs->taskmanager_count = 4;
    bool few_slots = weir_sim_has(sim, WEIR_SIM_few_slots);
    knobs->fault_phase_us = weir_sim_random_range(random, 12000000, 25000000);
    knobs->fault_gap_us = weir_sim_random_scale(random, 1500000, 12000000);
    knobs->rest_bound_us = few_slots ? 900000000 : 120000000; /* one job after the other */
    knobs->control = (struct weir_control_options){ .heartbeat_interval_us = 100000,
        .heartbeat_timeout_us = 3000000,
        .leader_silence_us = 500000,
        .reattach_timeout_us = 3000000,
        .leaderless_grace_us = INT64_MAX,
        .registration_timeout_us = 5000000,
        .store_poll_us = 1000000,
        .suspicion_hold_off_us = 10000000,
        .tombstone_us = INT64_C(3600000000),
        .sweep_interval_us = 5000000,
        .slot_request_timeout_us = few_slots ? 3000000 : 60000000,
        .idle_taskmanager_us = 30000000,
        .jobs_max = 1000,
        .tombstones_max = 1000,
        .storage_directory = "/ha/sim" };
}

static uint32_t host_of(const struct weir_sim *sim, bool jobmanager, uint32_t index)
{
    if (sim->store.preset == WEIR_SIM_STORE_EMBEDDED) return 0;
    if (weir_sim_has(sim, WEIR_SIM_leader_beside_tasks)) return index % 4;
    return jobmanager ? index : 4 + index;
}

/* Of the TaskManagers only the first is there from the beginning: JobManagers start the others when slots are
 * missing, in as many places as there may be at once and some to spare. */
static void add_workers(struct weir_sim *sim)
{
    struct weir_sim_knobs *knobs = &sim->knobs;
    for (uint32_t i = 0; i < 2 * knobs->taskmanager_count + 2; i++) {
        char name[32];
        snprintf(name, sizeof name, "spare-%u", i + 1);
        struct weir_sim_process *process =
            weir_sim_process_add(sim, WEIR_SIM_TASKMANAGER, name, host_of(sim, false, i % 4), &actor_program);
        process->slots = knobs->slots_per_taskmanager;
        process->worker = true;
        process->restart_wanted = false;
    }
    knobs->control.workers_wanted_max = knobs->taskmanager_count;
    knobs->control.worker_recovery_us = 1000000;
}

static void add_processes(struct weir_sim *sim, struct weir_sim_random *random)
{
    struct weir_sim_knobs *knobs = &sim->knobs;
    const char **peers = WEIR_ARENA_ARRAY(&sim->arena, const char *, knobs->jobmanager_count);
    uint32_t there = weir_sim_has(sim, WEIR_SIM_workers) ? 1 : knobs->taskmanager_count;
    for (uint32_t i = 0; i < knobs->jobmanager_count + there; i++) {
        bool jobmanager = i < knobs->jobmanager_count;
        uint32_t index = jobmanager ? i : i - knobs->jobmanager_count;
        char name[32];
        snprintf(name, sizeof name, "%s-%u", jobmanager ? "jm" : "tm", index + 1);
        struct weir_sim_process *process =
            weir_sim_process_add(sim, jobmanager ? WEIR_SIM_JOBMANAGER : WEIR_SIM_TASKMANAGER, name,
                host_of(sim, jobmanager, index), &actor_program);
        process->slots = knobs->slots_per_taskmanager;
        if (jobmanager)
            peers[index] = weir_arena_format(&sim->arena, "%s=%s", process->name, process->address);
        bool late =
            weir_sim_has(sim, WEIR_SIM_late_processes) && i > 0 && weir_sim_random_permille(random, 400);
        weir_sim_process_start(process, late ? weir_sim_random_range(random, 1000000, 10000000)
                                             : weir_sim_random_range(random, 0, 50000));
    }
    if (weir_sim_has(sim, WEIR_SIM_workers)) add_workers(sim);
    knobs->control.peers = peers;
    knobs->control.peer_count = knobs->jobmanager_count;
}

/* Enough for all jobs when one TaskManager is gone: a job that lacks slots is no defect. */
static void give_slots(struct weir_sim *sim)
{
    bool few = weir_sim_has(sim, WEIR_SIM_few_slots);
    uint32_t wanted = few ? 4 : 4 * sim->clients->job_count, left = sim->knobs.taskmanager_count - !few;
    uint32_t enough = (wanted + left - 1) / left;
    uint32_t slots = few ? enough : WEIR_MAX(sim->knobs.slots_per_taskmanager, enough);
    for (uint32_t i = 0; i < sim->process_count; i++) sim->processes[i].slots = slots;
    sim->knobs.control.slots_per_worker = slots;
}

static void make_cluster(struct weir_sim *sim)
{
    struct weir_sim_random random = weir_sim_stream(sim, WEIR_SIM_STREAM_KNOBS);
    draw_knobs(sim, &random);
    bool embedded = weir_sim_random_permille(&random, 300) && !weir_sim_has(sim, WEIR_SIM_hide_taskmanager);
    weir_sim_store_init(&sim->store, sim, embedded ? WEIR_SIM_STORE_EMBEDDED : WEIR_SIM_STORE_ZOOKEEPER);
    weir_sim_checkers_start(sim);
    add_processes(sim, &random);
    weir_sim_clients_start(sim);
    give_slots(sim);
}

/* --- phases --- */

static bool all_at_rest(struct weir_sim *sim, const char **ret_checker, const char **ret_reason)
{
    for (uint32_t i = 0; i < sim->checker_count; i++) {
        *ret_checker = sim->checkers[i]->name;
        *ret_reason = "it is not at rest";
        if (sim->checkers[i]->at_rest && !sim->checkers[i]->at_rest(sim, sim->checker_states[i], ret_reason))
            return false;
    }
    return true;
}

static void run_phases(struct weir_sim *sim)
{
    weir_sim_faults_start(sim);
    if (!weir_sim_run_until(sim, sim->knobs.fault_phase_us)) return;
    weir_sim_faults_stop(sim);
    int64_t bound = weir_sim_now(sim) + sim->knobs.rest_bound_us;
    const char *checker = NULL, *reason = NULL;
    uint32_t quiet = 0;
    while (weir_sim_now(sim) < bound) {
        if (!weir_sim_run_until(sim, weir_sim_now(sim) + 500000)) return;
        /* Twice in a row: nothing is just under way. */
        quiet = all_at_rest(sim, &checker, &reason) ? quiet + 1 : 0;
        if (quiet == 3) break;
    }
    if (quiet < 3) {
        weir_sim_fail(sim, "H12", "no rest %lld s after the last fault: %s: %s",
            (long long)sim->knobs.rest_bound_us / 1000000, checker, reason);
        return;
    }
    WEIR_SIM_CHECK(sim, finish);
}

void weir_sim_run(const struct weir_sim_history *history, const struct weir_sim_options *options,
    struct weir_sim_result *ret)
{
    struct weir_sim *sim = (struct weir_sim *)weir_memory_allocate(options->memory, sizeof *sim);
    weir_sim_world_init(sim, history, options, ret, true);
    make_cluster(sim);
    if (!ret->failed) run_phases(sim);
    ret->ended_us = weir_sim_now(sim);
    weir_sim_world_done(sim);
    weir_memory_release(options->memory, sim, sizeof *sim);
}

struct weir_sim_history weir_sim_shrink(const struct weir_sim_history *history,
    const struct weir_sim_options *options, const struct weir_sim_result *failed, uint32_t runs_max,
    struct weir_sim_result *ret)
{
    struct weir_sim_history best = *history;
    struct weir_sim_options quietly = *options;
    quietly.trace = NULL;
    *ret = *failed;
    uint32_t runs = 0;
    for (bool smaller = true; smaller && runs < runs_max;) {
        smaller = false;
        for (uint32_t feature = 0; feature < WEIR_SIM_FEATURE_COUNT && runs < runs_max; feature++) {
            if (!(best.features >> feature & 1)) continue;
            struct weir_sim_history next = best;
            next.features &= ~(UINT64_C(1) << feature);
            struct weir_sim_result result;
            weir_sim_run(&next, &quietly, &result);
            runs++;
            if (!result.failed || strcmp(result.checker, failed->checker) != 0) continue;
            best = next;
            *ret = result;
            smaller = true;
        }
    }
    return best;
}
