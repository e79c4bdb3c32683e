/* The resource driver as JobManagers see it: processes that they start and that outlive them. A start may
 * fail; a process that another one's child is not known, as with the real driver. */
#include "sim/process.h"
#include "sim/world.h"
#include <stdio.h>
#include <string.h>

static void ended_event(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct weir_event event = { .kind = WEIR_EVENT_WORKER };
    event.worker.name = (const char *)payload;
    weir_sim_process_event(process, &event);
}

static void tell_ended(struct weir_sim_process *process, const char *name)
{
    struct weir_sim *sim = process->sim;
    size_t bytes = strlen(name) + 1;
    char *copy = (char *)weir_sim_payload(&sim->scheduler, bytes);
    memcpy(copy, name, bytes);
    int64_t at_us = weir_sim_now(sim) + weir_sim_random_range(&sim->process_random, 20, 3000);
    weir_sim_process_schedule(process, at_us, ended_event, 0, copy, bytes);
}

/* The place that has been empty for the longest time: its old name is long forgotten. */
static struct weir_sim_process *free_place(struct weir_sim *sim)
{
    struct weir_sim_process *found = NULL;
    for (uint32_t i = 0; i < sim->process_count; i++) {
        struct weir_sim_process *place = &sim->processes[i];
        if (!place->worker || place->claimed || weir_sim_process_is_up(place)) continue;
        if (!found || place->ended_us < found->ended_us) found = place;
    }
    return found;
}

static void start(struct weir_sim_process *process, const char *name)
{
    struct weir_sim *sim = process->sim;
    struct weir_sim_process *place = free_place(sim);
    if (!place || weir_sim_random_permille(&sim->process_random, 100)) {
        weir_sim_trace(sim, process, "cannot start %s", name);
        tell_ended(process, name);
        return;
    }
    snprintf(place->name, sizeof place->name, "%s", name);
    snprintf(place->address, sizeof place->address, "%s:6123", name);
    place->claimed = true;
    place->shut_down = false;
    place->parent = process->index;
    place->parent_start = process->start;
    weir_sim_process_start(place, weir_sim_random_scale(&sim->process_random, 3000, 500000));
}

static void stop(struct weir_sim_process *process, const char *name)
{
    struct weir_sim_process *worker = weir_sim_process_find(process->sim, name);
    bool own = worker && worker->worker && worker->claimed && worker->parent == process->index &&
               worker->parent_start == process->start;
    if (!own)
        tell_ended(process, name);
    else if (weir_sim_process_is_up(worker))
        weir_sim_process_kill(worker, "its JobManager ends it", false);
    /* One that is just starting is asked again later. */
}

void weir_sim_worker_execute(struct weir_sim_process *process, const struct weir_effect *effect)
{
    if (effect->worker_start)
        start(process, effect->text);
    else
        stop(process, effect->text);
}

void weir_sim_worker_ended(struct weir_sim_process *worker)
{
    struct weir_sim_process *parent = &worker->sim->processes[worker->parent];
    worker->claimed = false;
    worker->ended_us = weir_sim_now(worker->sim);
    if (weir_sim_process_is_up(parent) && parent->start == worker->parent_start)
        tell_ended(parent, worker->name);
}
