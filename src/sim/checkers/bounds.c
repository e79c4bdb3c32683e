/* Queues, tables and memory have limits: nothing grows with time. */
#include "sim/checkers.h"

enum {
    HEAP_BYTES_MAX = 96 << 20,
    SUBTASK_BYTES_MAX = 4 << 20,
    LOCAL_QUEUE_MAX = 20000,
    TIMERS_ALIVE_MAX = 20000,
    STORE_PENDING_MAX = 4000
};

static void look(struct weir_sim *sim)
{
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_process *process = &sim->processes[i];
        if (!process->actor || !weir_sim_process_is_up(process)) continue;
        struct weir_actor_statistics statistics;
        weir_actor_statistics(process->actor, &statistics);
        struct weir_sim_runtime_statistics tasks = { 0 };
        if (process->runtime) weir_sim_runtime_statistics(process->runtime, &tasks);
        size_t used = atomic_load(&process->heap.base.used_bytes);
        if (statistics.local_queue_peak > LOCAL_QUEUE_MAX)
            weir_sim_fail(sim, "bounds", "%s had %llu messages between its machines", process->name,
                (unsigned long long)statistics.local_queue_peak);
        if (process->timer_count > TIMERS_ALIVE_MAX)
            weir_sim_fail(sim, "bounds", "%s has %u timers", process->name, process->timer_count);
        if (sim->store.clients[i].pending_count > STORE_PENDING_MAX)
            weir_sim_fail(sim, "bounds", "%s has %u requests at the store", process->name,
                sim->store.clients[i].pending_count);
        if (used > HEAP_BYTES_MAX + (size_t)tasks.subtasks * SUBTASK_BYTES_MAX)
            weir_sim_fail(sim, "bounds", "%s takes %zu bytes", process->name, used);
        if (statistics.rejected_malformed || statistics.rejected_version || statistics.rejected_cluster)
            weir_sim_fail(sim, "bounds", "%s rejected %llu malformed messages of its own kind", process->name,
                (unsigned long long)statistics.rejected_malformed);
    }
}

static bool at_rest(struct weir_sim *sim, void *state, const char **reason)
{
    look(sim);
    return true;
}

static void process_ended(struct weir_sim *sim, void *state, struct weir_sim_process *process)
{
    if (process->actor) look(sim);
}

const struct weir_sim_checker weir_sim_checker_bounds = { .name = "bounds",
    .text = "nothing grows without limit",
    .at_rest = at_rest,
    .process_ended = process_ended };
