#include "sim/task_runtime.h"
#include "base/assert.h"
#include "sim/task_runtime_internal.h"
#include <stdio.h>
#include <string.h>

uint64_t sim_runtime_random(struct weir_sim_runtime *runtime)
{
    uint64_t x = runtime->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* --- events --- */

struct queued_event *sim_runtime_queue(
    struct weir_sim_runtime *runtime, enum weir_task_event_kind kind, const struct weir_attempt_id *attempt)
{
    struct queued_event *queued = weir_memory_allocate_zeroed(runtime->config.memory, sizeof *queued);
    weir_arena_init(&queued->arena, runtime->config.memory);
    queued->event.kind = kind;
    queued->event.attempt = *attempt;
    *runtime->last = queued;
    runtime->last = &queued->next;
    return queued;
}

static struct queued_event *take_event(struct weir_sim_runtime *runtime)
{
    struct queued_event *queued = runtime->first;
    if (!queued) return NULL;
    runtime->first = queued->next;
    if (!runtime->first) runtime->last = &runtime->first;
    return queued;
}

static void free_event(struct weir_sim_runtime *runtime, struct queued_event *queued)
{
    weir_arena_done(&queued->arena);
    weir_memory_release(runtime->config.memory, queued, sizeof *queued);
}

/* The taskexecutor may answer with effects at once: not while this is telling already. */
static void tell_events(struct weir_sim_runtime *runtime)
{
    if (runtime->telling) return;
    runtime->telling = true;
    struct queued_event *queued;
    while ((queued = take_event(runtime))) {
        runtime->config.event(runtime->config.owner, &queued->event);
        free_event(runtime, queued);
    }
    runtime->telling = false;
}

/* --- tasks --- */

static struct sim_task *find_task(struct weir_sim_runtime *runtime, const struct weir_attempt_id *attempt)
{
    struct sim_task *task = runtime->tasks;
    while (task && !weir_attempt_id_equal(&task->attempt, attempt)) task = task->next;
    return task;
}

void sim_task_end(struct sim_task *task)
{
    struct weir_sim_runtime *runtime = task->runtime;
    task->over = true;
    if (task->subtask) {
        sim_task_snapshots_done(task);
        weir_subtask_free(task->subtask);
        task->subtask = NULL;
    }
    for (uint32_t i = 0; i < task->output_count; i++) {
        if (task->outputs[i].link)
            weir_sim_exchange_withdraw(runtime->config.exchange, task->outputs[i].link, true);
        if (task->outputs[i].channel) weir_channel_free(task->outputs[i].channel);
    }
    for (uint32_t i = 0; i < task->input_count; i++) {
        if (task->inputs[i].link)
            weir_sim_exchange_withdraw(runtime->config.exchange, task->inputs[i].link, false);
        if (task->inputs[i].channel) weir_channel_free(task->inputs[i].channel);
    }
    task->output_count = task->input_count = 0;
}

static void free_task(struct sim_task *task)
{
    struct weir_sim_runtime *runtime = task->runtime;
    sim_task_end(task);
    struct sim_task **at = &runtime->tasks;
    while (*at != task) at = &(*at)->next;
    *at = task->next;
    runtime->task_count--;
    for (uint32_t i = 0; i < KEPT_MANIFESTS; i++)
        if (task->kept[i].arena.memory) weir_arena_done(&task->kept[i].arena);
    sim_region_drop(runtime, task->region);
    weir_arena_done(&task->arena);
    weir_memory_release(runtime->config.memory, task, sizeof *task);
}

static void fail_task(struct sim_task *task, const char *why, bool state_unreadable)
{
    sim_task_end(task);
    struct queued_event *queued = sim_runtime_queue(task->runtime, WEIR_TASK_FAILED, &task->attempt);
    queued->event.error = weir_arena_string(&queued->arena, why);
    queued->event.state_unreadable = state_unreadable;
}

static void fail_task_of(struct sim_task *task, const struct weir_error *error)
{
    char why[1024];
    int at = snprintf(why, sizeof why, "%s", error->message);
    for (uint32_t i = 0; i < error->cause_count && at > 0 && (size_t)at < sizeof why; i++)
        at += snprintf(why + at, sizeof why - (size_t)at, ": %s", error->causes[i]);
    fail_task(task, why, weir_task_state_is_unreadable(&task->run, error->code));
}

static void wake_task(struct weir_waker *waker)
{
    ((struct sim_task *)waker)->signaled = true;
}

static void deploy(struct weir_sim_runtime *runtime, const struct weir_task_effect *effect)
{
    if (find_task(runtime, &effect->attempt)) return; /* deployments may be repeated */
    struct sim_task *task = weir_memory_allocate_zeroed(runtime->config.memory, sizeof *task);
    weir_arena_init(&task->arena, runtime->config.memory);
    task->waker.wake = wake_task;
    task->runtime = runtime;
    task->attempt = effect->attempt;
    task->signaled = true;
    task->wake_us = INT64_MAX;
    task->next = runtime->tasks;
    runtime->tasks = task;
    runtime->task_count++;
    weir_run_from(effect->deploy->run, &task->run); /* also of a region that cannot be made */
    struct weir_error error = { 0 };
    enum weir_error_code code = sim_task_deploy(runtime, effect->deploy, task, &error);
    if (code) {
        fail_task_of(task, &error);
        return;
    }
    weir_subtask_adopt_epoch(task->subtask, effect->attempt.epoch);
}

static void adopt_epoch(struct weir_sim_runtime *runtime, uint64_t epoch)
{
    for (struct sim_task *task = runtime->tasks; task; task = task->next) {
        if (!task->subtask) continue;
        weir_subtask_adopt_epoch(task->subtask, epoch);
        task->signaled = true;
    }
}

static void trigger(struct sim_task *task, const struct weir_task_effect *effect)
{
    sim_task_know_checkpoint(task, effect->checkpoint, effect->directory);
    task->signaled = true;
    if (task->input_count || task->vertex->input_edge_count) return; /* barriers come in-band */
    struct weir_checkpoint_trigger order = { .id = effect->checkpoint,
        .epoch = effect->epoch,
        .base_id = effect->base,
        .savepoint = effect->savepoint,
        .suspend = effect->suspend };
    weir_subtask_trigger(task->subtask, &order);
}

void weir_sim_runtime_execute(struct weir_sim_runtime *runtime, const struct weir_task_effect *effect)
{
    if (effect->action == WEIR_TASK_DEPLOY) {
        deploy(runtime, effect);
        return;
    }
    if (effect->action == WEIR_TASK_ADOPT_EPOCH) {
        adopt_epoch(runtime, effect->epoch);
        return;
    }
    struct sim_task *task = find_task(runtime, &effect->attempt);
    if (!task) return;
    if (effect->action == WEIR_TASK_FORGET) {
        sim_task_tidy_copies(task, 0);
        free_task(task);
        return;
    }
    if (!task->subtask) return; /* its end was told, or is about to be */
    task->signaled = true;
    switch (effect->action) {
    case WEIR_TASK_CANCEL:
        task->canceled = true;
        weir_subtask_cancel(task->subtask);
        break;
    case WEIR_TASK_TRIGGER: trigger(task, effect); break;
    case WEIR_TASK_ABORT:
        weir_subtask_abort(task->subtask, effect->checkpoint);
        if (effect->resume) weir_subtask_resume(task->subtask, effect->checkpoint);
        break;
    case WEIR_TASK_COMPLETE:
        /* The taskexecutor says which: an ended one may have acknowledged this very checkpoint before. */
        weir_subtask_notify_complete(task->subtask, effect->checkpoint);
        if (effect->checkpoint != WEIR_TASK_FINAL) sim_task_tidy_copies(task, effect->checkpoint);
        break;
    case WEIR_TASK_ASSIGN_SPLITS:
        for (size_t i = 0; i < effect->splits->n_splits; i++) {
            const Weir__Split *split = effect->splits->splits[i];
            weir_subtask_assign_split(task->subtask, split->id, split->epoch, split->sequence);
        }
        if (effect->splits->no_more) weir_subtask_no_more_splits(task->subtask);
        break;
    case WEIR_TASK_DISCOVER_SPLITS: weir_subtask_discover_splits(task->subtask); break;
    case WEIR_TASK_DRAIN:
        if (task->vertex->operators[0]->kind == WEIR_PLAN_SOURCE) weir_subtask_drain(task->subtask);
        break;
    default: break;
    }
}

/* --- running --- */

static void tell_barrier(struct sim_task *task)
{
    struct weir_barrier_seen seen = weir_subtask_newest_barrier(task->subtask);
    if (seen.id <= task->barrier_told) return;
    task->barrier_told = seen.id;
    struct queued_event *queued = sim_runtime_queue(task->runtime, WEIR_TASK_BARRIER, &task->attempt);
    queued->event.checkpoint = seen.id;
    queued->event.barrier_epoch = seen.epoch;
}

static void settle_result(struct sim_task *task, enum weir_subtask_result result, int64_t wake_ms)
{
    struct weir_sim_runtime *runtime = task->runtime;
    switch (result) {
    case WEIR_SUBTASK_WORKED: task->signaled = true; break;
    case WEIR_SUBTASK_IDLE: {
        int64_t wait_ms = wake_ms == INT64_MAX
                              ? INT64_MAX
                              : wake_ms - runtime->config.wall_us(runtime->config.clock) / 1000;
        task->wake_us = wait_ms > 3600000 ? INT64_MAX
                                          : runtime->config.now_us(runtime->config.clock) +
                                                WEIR_MAX(wait_ms, (int64_t)0) * 1000 + 1;
        break;
    }
    case WEIR_SUBTASK_BLOCKED:
    case WEIR_SUBTASK_ENDED: break;
    case WEIR_SUBTASK_FAILED: {
        struct weir_error error = task->subtask->error;
        fail_task_of(task, &error);
        break;
    }
    case WEIR_SUBTASK_CANCELED:
        sim_task_end(task);
        sim_runtime_queue(runtime, WEIR_TASK_CANCELED, &task->attempt);
        break;
    }
}

/* One step of one task. True when it did something. */
static bool step_task(struct sim_task *task, int64_t now_us, int64_t *ret_wake_us)
{
    if (task->over || !task->subtask) return false;
    bool ready = task->established == task->input_count + task->output_count;
    if (task->broken && !task->ended_told) {
        char why[320];
        snprintf(why, sizeof why, "lost the connection to TaskManager '%s'", task->broken_by);
        if (task->canceled) {
            sim_task_end(task);
            sim_runtime_queue(task->runtime, WEIR_TASK_CANCELED, &task->attempt);
        } else {
            fail_task(task, why, false);
        }
        return true;
    }
    if (!ready && !task->canceled) return false;
    if (!task->running_told) {
        task->running_told = true;
        if (!task->canceled) sim_runtime_queue(task->runtime, WEIR_TASK_RUNNING, &task->attempt);
    }
    bool moved = task->pending_count && sim_task_write_snapshots(task, now_us, ret_wake_us);
    if (task->over) {
        sim_task_end(task);
        return true;
    }
    if (!task->signaled && task->wake_us > now_us) {
        *ret_wake_us = WEIR_MIN(*ret_wake_us, task->wake_us);
        return moved;
    }
    task->signaled = false;
    task->wake_us = INT64_MAX;
    int64_t wake_ms = INT64_MAX;
    enum weir_subtask_result result = weir_subtask_run_once(task->subtask, &wake_ms);
    tell_barrier(task);
    settle_result(task, result, wake_ms);
    if (!task->over && !task->signaled && task->wake_us < INT64_MAX)
        *ret_wake_us = WEIR_MIN(*ret_wake_us, task->wake_us);
    return moved || result != WEIR_SUBTASK_IDLE;
}

bool weir_sim_runtime_run(struct weir_sim_runtime *runtime, uint32_t steps, int64_t *ret_wake_us)
{
    *ret_wake_us = INT64_MAX;
    int64_t now_us = runtime->config.now_us(runtime->config.clock);
    bool moved = weir_sim_exchange_move(runtime->config.exchange, ret_wake_us);
    for (uint32_t taken = 0; taken < steps && runtime->task_count;) {
        /* A round over all tasks from a random one on: order is random, nobody starves. */
        uint32_t skip = (uint32_t)(sim_runtime_random(runtime) % runtime->task_count);
        struct sim_task *task = runtime->tasks;
        while (skip--) task = task->next;
        bool round = false;
        for (uint32_t i = 0; i < runtime->task_count && taken < steps; i++) {
            if (step_task(task, now_us, ret_wake_us)) {
                round = true;
                taken++;
                runtime->statistics.steps++;
            }
            task = task->next ? task->next : runtime->tasks;
        }
        if (!round) break;
        moved = true;
        weir_sim_exchange_move(runtime->config.exchange, ret_wake_us);
    }
    tell_events(runtime);
    for (struct sim_task *task = runtime->tasks; task; task = task->next)
        if (task->signaled && task->subtask) *ret_wake_us = now_us;
    return moved || *ret_wake_us <= now_us;
}

/* --- life --- */

struct weir_sim_runtime *weir_sim_runtime_new(const struct weir_sim_runtime_config *config)
{
    struct weir_sim_runtime *runtime = weir_memory_allocate_zeroed(config->memory, sizeof *runtime);
    runtime->config = *config;
    runtime->last = &runtime->first;
    runtime->random = config->seed;
    return runtime;
}

void weir_sim_runtime_kill(struct weir_sim_runtime *runtime)
{
    if (!runtime) return;
    while (runtime->tasks) free_task(runtime->tasks);
    struct queued_event *queued;
    while ((queued = take_event(runtime))) free_event(runtime, queued);
    WEIR_ASSERT(!runtime->regions);
    weir_memory_release(runtime->config.memory, runtime, sizeof *runtime);
}

void weir_sim_runtime_statistics(
    const struct weir_sim_runtime *runtime, struct weir_sim_runtime_statistics *ret)
{
    *ret = runtime->statistics;
    ret->subtasks = runtime->task_count;
    ret->snapshots_pending = 0;
    for (const struct sim_task *task = runtime->tasks; task; task = task->next)
        ret->snapshots_pending += task->pending_count;
}
