#define _GNU_SOURCE
#include "base/assert.h"
#include "host/task_runtime_internal.h"
#include "os/clock.h"
#include <stdio.h>
#include <string.h>

enum { SPIN_ROUNDS = 200, PARK_MS_MAX = 100 };

void host_slot_wake(struct weir_waker *waker)
{
    weir_parker_wake(&((struct host_slot *)waker)->parker);
}

void host_slot_add(struct host_slot *slot, struct host_task *task)
{
    pthread_mutex_lock(&slot->mutex);
    WEIR_ASSERT(slot->arrival_count < WEIR_ARRAY_COUNT(slot->arrivals));
    slot->arrivals[slot->arrival_count++] = task;
    pthread_mutex_unlock(&slot->mutex);
    host_slot_wake(&slot->waker);
}

static void take_arrivals(struct host_slot *slot)
{
    pthread_mutex_lock(&slot->mutex);
    for (uint32_t i = 0; i < slot->arrival_count; i++) {
        WEIR_ASSERT(slot->task_count < WEIR_ARRAY_COUNT(slot->tasks));
        slot->tasks[slot->task_count++] = slot->arrivals[i];
    }
    slot->arrival_count = 0;
    pthread_mutex_unlock(&slot->mutex);
}

static void park(struct host_slot *slot, int64_t wake_ms)
{
    int64_t wait_ms = PARK_MS_MAX;
    if (wake_ms != INT64_MAX)
        wait_ms = WEIR_MIN(wait_ms, wake_ms - weir_clock_epoch_ms());
    else if (slot->task_count == 0)
        wait_ms = WEIR_PARK_FOR_EVER; /* an idle slot costs nothing */
    weir_parker_park(&slot->parker, wait_ms);
}

/* @thread control: what waits for a trigger will not be written. */
static void drop_held(void *argument)
{
    host_task_give_up(argument, 0, UINT64_MAX);
}

static void die(struct host_task *task, enum weir_task_event_kind as, const char *why)
{
    weir_control_loop_post(task->runtime->config.loop, drop_held, task);
    task->dying = true;
    task->dying_as = as;
    snprintf(task->dying_why, sizeof task->dying_why, "%s", why);
}

/* Nothing writes what it acknowledged any more: it leaves this thread. The control thread may still be
 * writing into its mailbox, so it is freed only once that has heard of it. */
static bool bury(struct host_task *task)
{
    if (atomic_load(&task->snapshots)) return false;
    struct host_event *event = host_event_new(task, task->dying_as);
    event->event.error = weir_arena_string(&event->arena, task->dying_why);
    event->over = true;
    host_event_post(event);
    return true;
}

static void tell_barrier(struct host_task *task)
{
    struct weir_barrier_seen seen = weir_subtask_newest_barrier(task->subtask);
    if (seen.id <= task->barrier_told) return;
    task->barrier_told = seen.id;
    struct host_event *event = host_event_new(task, WEIR_TASK_BARRIER);
    event->event.checkpoint = seen.id;
    event->event.barrier_epoch = seen.epoch;
    host_event_post(event);
}

static size_t used_bytes(const struct host_task *task)
{
    return atomic_load(&task->memory->memory.used_bytes);
}

/* Who holds much of it. Others would lose their work for nothing, and blame themselves; what the dead still
 * hold is about to be given back. */
bool host_task_fails_over_budget(void *owner)
{
    const struct host_task *task = owner;
    return used_bytes(task) >= atomic_load(&task->slot->memory.used_bytes) / (2 * task->slot->task_count + 1);
}

static const char *of_the_largest(const struct host_slot *slot, struct weir_arena *arena)
{
    const struct host_task *largest = slot->tasks[0];
    for (uint32_t i = 1; i < slot->task_count; i++)
        if (used_bytes(slot->tasks[i]) > used_bytes(largest)) largest = slot->tasks[i];
    return weir_arena_format(arena, "operator '%s' (%u/%u) holds %zu MB of it", largest->vertex->name,
        largest->attempt.subtask + 1, largest->vertex->parallelism, used_bytes(largest) >> 20);
}

/* Whose memory is used up, by whom, and what to do about it. */
static const char *failure_text(const struct host_task *task, struct weir_arena *arena)
{
    const struct weir_memory *slot = &task->slot->memory;
    if (task->subtask->error.code != WEIR_E_BUDGET) return host_error_text(arena, &task->subtask->error);
    bool whole = !slot->limit_bytes || atomic_load(&slot->used_bytes) <= slot->limit_bytes;
    const struct weir_memory *used = whole ? task->runtime->config.memory : slot;
    return weir_arena_format(arena,
        "the memory of this %s is used up (%zu of %zu MB): %s; raise %s, or the parallelism%s",
        whole ? "TaskManager" : "slot", atomic_load(&used->used_bytes) >> 20, used->limit_bytes >> 20,
        of_the_largest(task->slot, arena), task->runtime->config.memory_key,
        whole ? "" : ", or lower taskmanager.numberOfTaskSlots");
}

/* One step of one task. */
static bool step_task(struct host_task *task, int64_t *wake_ms)
{
    if (atomic_load(&task->leave)) { /* forgotten, or the process ends */
        die(task, WEIR_TASK_CANCELED, "");
        return true;
    }
    /* In this order: a neighbour that was canceled with it is gone only after its own cancel was set. */
    bool broken = atomic_load(&task->broken), canceled = atomic_load(&task->subtask->canceled);
    if (broken && !task->ended_told && !canceled) {
        char why[400];
        bool here = strcmp(task->broken_by, task->runtime->config.name) == 0;
        snprintf(why, sizeof why,
            here ? "a task that it exchanges data with has ended on this TaskManager, '%s'"
                 : "lost the connection to TaskManager '%s'",
            task->broken_by);
        die(task, WEIR_TASK_FAILED, why);
        return true;
    }
    bool ready = atomic_load(&task->established) == task->links_needed;
    if (ready && !task->running_told) {
        task->running_told = true;
        host_event_post(host_event_new(task, WEIR_TASK_RUNNING));
    }
    if (!ready && !canceled) return false;
    int64_t at_ms = INT64_MAX, start_ns = task->meter ? weir_clock_monotonic_ns() : 0;
    enum weir_subtask_result result = weir_subtask_run_once(task->subtask, &at_ms);
    if (task->meter) weir_task_meter_told(task->meter, start_ns, result);
    tell_barrier(task);
    switch (result) {
    case WEIR_SUBTASK_WORKED: return true;
    case WEIR_SUBTASK_IDLE: *wake_ms = WEIR_MIN(*wake_ms, at_ms); return false;
    case WEIR_SUBTASK_BLOCKED:
    case WEIR_SUBTASK_ENDED: return false;
    case WEIR_SUBTASK_FAILED: {
        struct weir_arena arena;
        weir_arena_init(&arena, task->runtime->config.memory);
        die(task, WEIR_TASK_FAILED, failure_text(task, &arena));
        weir_arena_done(&arena);
        return true;
    }
    case WEIR_SUBTASK_CANCELED: die(task, WEIR_TASK_CANCELED, ""); return true;
    }
    return false;
}

static bool run_round(struct host_slot *slot, int64_t *wake_ms)
{
    bool worked = false;
    for (uint32_t i = 0; i < slot->task_count; i++) {
        struct host_task *task = slot->tasks[i];
        if (!task->dying) worked |= step_task(task, wake_ms);
        if (!task->dying) continue;
        if (!bury(task)) {
            /* The pool still reads its state: it wakes this slot when done. */
            continue;
        }
        slot->tasks[i--] = slot->tasks[--slot->task_count];
        worked = true;
    }
    return worked;
}

void *host_slot_main(void *argument)
{
    struct host_slot *slot = argument;
    char name[16];
    snprintf(name, sizeof name, "slot-%u", slot->index);
    pthread_setname_np(pthread_self(), name);
    for (;;) {
        weir_parker_begin(&slot->parker);
        take_arrivals(slot);
        int64_t wake_ms = INT64_MAX;
        bool worked = run_round(slot, &wake_ms);
        if (worked) continue;
        if (atomic_load(&slot->closing) && slot->task_count == 0) return NULL;
        for (uint32_t i = 0; i < SPIN_ROUNDS && slot->task_count; i++) {
            if (weir_parker_is_woken(&slot->parker)) break;
            __builtin_ia32_pause();
        }
        park(slot, wake_ms);
    }
}
