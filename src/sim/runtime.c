/* The data plane of a simulated TaskManager, driven: when it runs, and where its words go. */
#include "sim/task_runtime.h"
#include "control/planted.h"
#include "sim/workload.h"
#include <stdio.h>
#include <string.h>

enum { STEPS_PER_RUN = 24, IDLE_POLL_US = 3000 };

static int64_t clock_now(void *clock)
{
    return weir_sim_process_now((const struct weir_sim_process *)clock);
}

static int64_t clock_wall(void *clock)
{
    return weir_sim_process_wall((const struct weir_sim_process *)clock);
}

static const char *const task_events[] = { "running", "ended", "failed", "canceled", "acknowledged",
    "declined", "committed", "barrier", "split wanted", "splits found" };
static const char *const task_actions[] = { "deploy", "cancel", "trigger", "abort", "adopt epoch", "complete",
    "drain", "assign splits", "discover splits", "forget" };

static void told(void *owner, const struct weir_task_event *task)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct weir_sim *sim = process->sim;
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    if (process->dying) return;
    weir_sim_trace(sim, process, "task %s: %s, checkpoint %llu%s%s",
        weir_attempt_id_print(&task->attempt, text), task_events[task->kind],
        (unsigned long long)task->checkpoint, task->error ? ": " : "", task->error ? task->error : "");
    weir_sim_cover(sim, WEIR_SIM_COVER_EVENT, task_events[task->kind]);
    WEIR_SIM_CHECK(sim, task_event, process, task);
    struct weir_event event = { .kind = WEIR_EVENT_TASK, .task = *task };
    weir_sim_process_event(process, &event);
}

static void schedule_run(struct weir_sim_process *process, int64_t at_us);

static void run(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct weir_sim *sim = process->sim;
    process->runtime_scheduled = false;
    if (!process->runtime) return;
    int64_t wake_us = INT64_MAX, now = weir_sim_now(sim);
    uint32_t steps = 1 + (uint32_t)weir_sim_random_below(&process->random, STEPS_PER_RUN);
    bool moving = weir_sim_runtime_run(process->runtime, steps, &wake_us);
    int64_t gap = weir_sim_has(sim, WEIR_SIM_slow_tasks) ? weir_sim_random_scale(&process->random, 200, 20000)
                                                         : weir_sim_random_range(&process->random, 100, 1000);
    int64_t at = now + gap;
    if (!moving) {
        int64_t wake = wake_us == INT64_MAX ? INT64_MAX : weir_sim_process_world_time(process, wake_us);
        at = WEIR_MAX(at, WEIR_MIN(wake, now + IDLE_POLL_US));
    }
    schedule_run(process, at);
}

static void schedule_run(struct weir_sim_process *process, int64_t at_us)
{
    struct weir_sim_runtime_statistics statistics;
    if (process->runtime_scheduled || !process->runtime) return;
    weir_sim_runtime_statistics(process->runtime, &statistics);
    if (!statistics.subtasks) return; /* the next deployment wakes it */
    process->runtime_scheduled = true;
    weir_sim_process_schedule(process, at_us, run, 0, NULL, 0);
}

static void note_deployed(struct weir_sim_process *process, const struct weir_attempt_id *attempt)
{
    struct weir_sim *sim = process->sim;
    const struct weir_sim_job *job = weir_sim_job_find(sim, &attempt->job);
    process->deployed_us = weir_sim_now(sim);
    if (!job) return;
    uint32_t bit = UINT32_C(1) << (job - sim->clients->jobs);
    *(attempt->subtask ? &process->other_subtasks : &process->first_subtasks) |= bit;
}

void weir_sim_process_task(struct weir_sim_process *process, const struct weir_task_effect *effect)
{
    struct weir_sim *sim = process->sim;
    char text[WEIR_ATTEMPT_TEXT_BYTES];
    weir_sim_trace(sim, process, "runtime: %s %s epoch %llu checkpoint %llu", task_actions[effect->action],
        effect->action == WEIR_TASK_ADOPT_EPOCH ? "all" : weir_attempt_id_print(&effect->attempt, text),
        (unsigned long long)effect->epoch, (unsigned long long)effect->checkpoint);
    weir_sim_cover(sim, WEIR_SIM_COVER_EFFECT, task_actions[effect->action]);
    WEIR_SIM_CHECK(sim, task_effect, process, effect);
    if (!process->runtime) return;
    if (effect->action == WEIR_TASK_DEPLOY) note_deployed(process, &effect->attempt);
    weir_sim_runtime_execute(process->runtime, effect);
    schedule_run(process, weir_sim_now(sim) + 50);
}

static void lose_local_disk(struct weir_sim_process *process)
{
    struct weir_sim_filesystem *disk = process->sim->local_disk;
    size_t length = strlen(process->local_root);
    weir_sim_trace(process->sim, process, "finds its disk empty");
    for (uint32_t n = 0;;) {
        const char *path = weir_sim_filesystem_path(disk, n);
        if (!path) return;
        if (strncmp(path, process->local_root, length) == 0 && path[length] == '/')
            weir_sim_filesystem_remove(disk, path);
        else
            n++;
    }
}

/* Local recovery, in every other history: copies lie on the host's disk, and outlive processes. */
static const struct weir_local_store *open_local_store(struct weir_sim_process *process)
{
    struct weir_sim *sim = process->sim;
    if (weir_sim_mix(sim->history.seed) & 1) return NULL;
    snprintf(process->local_root, sizeof process->local_root, "/host-%u", process->host);
    if (process->starts > 1 && weir_sim_has(sim, WEIR_SIM_disk_lost) &&
        weir_sim_random_permille(&process->random, 300))
        lose_local_disk(process);
    process->local = (struct weir_local_store){ .filesystem = weir_sim_filesystem_view(sim->local_disk),
        .storage = process->filesystem,
        .memory = &process->heap.base,
        .root = process->local_root,
        .owner = process->name,
        .unverified = WEIR_PLANTED(stale_local_copy) };
    return &process->local;
}

void weir_sim_process_runtime_start(struct weir_sim_process *process)
{
    struct weir_sim *sim = process->sim;
    process->runtime_scheduled = false;
    if (process->kind != WEIR_SIM_TASKMANAGER || !sim->exchange) return;
    struct weir_sim_runtime_config config = { .memory = &process->heap.base,
        .exchange = sim->exchange,
        .name = process->name,
        .incarnation = process->incarnation,
        .seed = weir_sim_random_next(&process->random),
        .filesystem = process->filesystem,
        .local = open_local_store(process),
        .now_us = clock_now,
        .wall_us = clock_wall,
        .clock = process,
        .event = told,
        .owner = process,
        .write_delay_max_us = weir_sim_has(sim, WEIR_SIM_slow_tasks) ? 400000 : 20000 };
    process->runtime = weir_sim_runtime_new(&config);
}

void weir_sim_process_runtime_kill(struct weir_sim_process *process)
{
    if (process->runtime) weir_sim_runtime_kill(process->runtime);
    process->runtime = NULL;
    process->runtime_scheduled = false;
}
