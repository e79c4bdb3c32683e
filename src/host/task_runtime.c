#include "host/task_runtime.h"
#include "base/assert.h"
#include "host/task_runtime_internal.h"
#include "os/file.h"
#include "os/log.h"
#include <stdio.h>
#include <string.h>

#define LOGGER "weir.task"

enum { LARGE_STATE_BYTES_MIN = 64 << 20 };

/* --- events --- */

struct host_event *host_event_new(struct host_task *task, enum weir_task_event_kind kind)
{
    struct weir_memory *memory = task->runtime->config.memory;
    struct host_event *event = weir_memory_allocate_zeroed(memory, sizeof *event);
    event->runtime = task->runtime;
    event->task = task;
    weir_arena_init(&event->arena, memory);
    event->event.kind = kind;
    event->event.attempt = task->attempt;
    event->event.error = "";
    return event;
}

static void free_task_when_done(struct host_task *task);

/* What each task was told, and what became of it. */
static void log_task(
    enum weir_log_level level, const struct host_task *task, const char *what, const char *why)
{
    char width[16] = "?"; /* not known of one that could not be made */
    if (task->vertex) snprintf(width, sizeof width, "%u", task->vertex->parallelism);
    weir_log(level, LOGGER, "%s (%u/%s) %s%s (attempt %u of epoch %llu, slot %u, job %s)",
        task->vertex ? task->vertex->name : "a task that could not be made", task->attempt.subtask + 1, width,
        what, why, task->attempt.number, (unsigned long long)task->attempt.epoch, task->slot->index,
        task->region->job_text);
}

static void log_event(struct host_task *task, const struct weir_task_event *event)
{
    /* What has ended stays until nobody needs it any more: that it leaves then is no second end. */
    if (event->kind == WEIR_TASK_CANCELED && task->end_logged) return;
    if (event->kind == WEIR_TASK_ENDED || event->kind == WEIR_TASK_FAILED) task->end_logged = true;
    switch (event->kind) {
    case WEIR_TASK_RUNNING: log_task(WEIR_LOG_INFO, task, "runs", ""); break;
    case WEIR_TASK_ENDED: log_task(WEIR_LOG_INFO, task, "has finished", ""); break;
    case WEIR_TASK_CANCELED: log_task(WEIR_LOG_INFO, task, "is canceled", ""); break;
    case WEIR_TASK_FAILED: log_task(WEIR_LOG_WARN, task, "failed: ", event->error ? event->error : ""); break;
    default: break;
    }
}

static void tell(struct host_event *event)
{
    log_event(event->task, &event->event);
    struct weir_task_runtime *runtime = event->runtime;
    /* What ended because it was forgotten is not told. */
    if (!runtime->closing && !event->task->forgotten) {
        struct weir_event outer = { .kind = WEIR_EVENT_TASK };
        outer.task = event->event;
        weir_control_loop_event(runtime->config.loop, &outer);
    }
    weir_arena_done(&event->arena);
    weir_memory_release(runtime->config.memory, event, sizeof *event);
}

/* On the pool: operators may tidy up files. */
static void free_subtask(void *argument)
{
    struct host_task *task = ((struct host_event *)argument)->task;
    if (task->subtask) weir_subtask_free(task->subtask);
    task->subtask = NULL;
    host_task_unlink(task, task->ended_told);
}

static void subtask_freed(void *argument)
{
    struct host_event *event = argument;
    struct host_task *task = event->task;
    task->works--;
    tell(event);
    free_task_when_done(task);
}

/* While its counters are there; in an event that says its end. */
static void add_figures(struct host_event *event)
{
    enum weir_task_event_kind kind = event->event.kind;
    if (!event->task->meter) return;
    if (kind != WEIR_TASK_ENDED && kind != WEIR_TASK_FAILED && kind != WEIR_TASK_CANCELED) return;
    weir_task_meter_read(event->task->meter, &event->figures);
    event->event.figures = &event->figures;
}

static void deliver_event(void *argument)
{
    struct host_event *event = argument;
    struct host_task *task = event->task;
    add_figures(event);
    if (!event->over) {
        tell(event);
        return;
    }
    task->state = HOST_TASK_OVER;
    if (task->meter) weir_task_metrics_remove(event->runtime->config.metrics, task->meter);
    task->meter = NULL;
    task->works++;
    weir_control_loop_work(event->runtime->config.loop, free_subtask, subtask_freed, event);
}

void host_event_post(struct host_event *event)
{
    weir_control_loop_post(event->runtime->config.loop, deliver_event, event);
}

/* --- regions and tasks: control thread --- */

static void drop_region(struct weir_task_runtime *runtime, struct host_region *region)
{
    if (--region->references) return;
    struct host_region **at = &runtime->regions;
    while (*at != region) at = &(*at)->next;
    *at = region->next;
    weir_arena_done(&region->arena);
    weir_memory_release(runtime->config.memory, region, sizeof *region);
}

static void free_task_when_done(struct host_task *task)
{
    struct weir_task_runtime *runtime = task->runtime;
    if (task->state != HOST_TASK_OVER || !task->forgotten || task->works) return;
    struct host_task **at = &runtime->tasks;
    while (*at != task) at = &(*at)->next;
    *at = task->next;
    runtime->statistics.tasks--;
    host_task_free_manifests(task);
    drop_region(runtime, task->region);
    weir_arena_done(&task->arena);
    task->memory->taken = false;
    weir_memory_release(runtime->config.memory, task, sizeof *task);
}

static struct host_task *find_task(struct weir_task_runtime *runtime, const struct weir_attempt_id *attempt)
{
    struct host_task *task = runtime->tasks;
    while (task && !weir_attempt_id_equal(&task->attempt, attempt)) task = task->next;
    return task;
}

static void task_prepare_work(void *argument)
{
    host_task_prepare(argument);
}

/* What this subtask itself had in the checkpoint restored may be built on. */
static void keep_restored(struct host_task *task)
{
    const struct host_region *region = task->region;
    for (uint32_t i = 0; region->run.restored_checkpoint && i < region->manifest_count; i++) {
        const struct weir_snapshot_manifest *manifest = &region->manifests[i];
        if (manifest->vertex_id != task->attempt.vertex || manifest->subtask_index != task->attempt.subtask)
            continue;
        struct host_manifest *kept = weir_memory_allocate_zeroed(task->runtime->config.memory, sizeof *kept);
        weir_arena_init(&kept->arena, task->runtime->config.memory);
        kept->references = 1;
        kept->checkpoint = region->run.restored_checkpoint;
        kept->manifest = *manifest; /* what it points to is the region's, which outlives the task */
        task->kept[0] = kept;
        task->kept_next = 1;
        return;
    }
}

const char *host_error_text(struct weir_arena *arena, const struct weir_error *error)
{
    const char *text = weir_arena_string(arena, error->message);
    for (uint32_t i = 0; i < error->cause_count; i++)
        text = weir_arena_format(arena, "%s\nCaused by: %s", text, error->causes[i]);
    return text;
}

static void tell_restored(struct host_task *task)
{
    struct weir_task_runtime_statistics *all = &task->runtime->statistics;
    const struct weir_snapshot_reader_statistics *restored = &task->restored;
    if (!task->region->run.restored_checkpoint) return;
    all->bytes_restored_local += restored->bytes_local;
    all->bytes_restored_storage += restored->bytes_storage;
    weir_log(WEIR_LOG_INFO, LOGGER,
        "%s (%u/%u) restored checkpoint %llu: %llu bytes from local copies, %llu from storage; %u copies "
        "refused; in %lld ms, %lld ms of CPU",
        task->vertex->name, task->attempt.subtask + 1, task->vertex->parallelism,
        (unsigned long long)task->region->run.restored_checkpoint, (unsigned long long)restored->bytes_local,
        (unsigned long long)restored->bytes_storage, restored->copies_refused,
        (long long)task->restored_in_ms, (long long)task->restored_cpu_ms);
}

static void task_prepared(void *argument)
{
    struct host_task *task = argument;
    task->works--;
    if (task->prepare_error.code || task->canceled || task->forgotten) {
        struct host_event *event =
            host_event_new(task, task->prepare_error.code ? WEIR_TASK_FAILED : WEIR_TASK_CANCELED);
        if (task->prepare_error.code)
            event->event.error = host_error_text(&event->arena, &task->prepare_error);
        event->event.state_unreadable =
            weir_task_state_is_unreadable(&task->region->run, task->prepare_error.code);
        event->over = true;
        deliver_event(event);
        return;
    }
    keep_restored(task);
    log_task(WEIR_LOG_INFO, task, "is deployed", "");
    tell_restored(task);
    weir_subtask_adopt_epoch(task->subtask, task->attempt.epoch);
    task->state = HOST_TASK_RUNNING;
    struct weir_task_metrics *metrics = task->runtime->config.metrics;
    if (metrics)
        task->meter = weir_task_metrics_add(
            metrics, &task->attempt, task->region->plan->name, task->vertex, task->subtask);
    host_slot_add(task->slot, task);
}

static void make_memory(void *argument)
{
    host_task_make_memory(argument);
}

static void memory_made(void *argument)
{
    struct host_task *task = argument;
    task->works--;
    free_task_when_done(task);
}

/* Large state goes into pages that another thread of the pool, if there is one to spare, has touched before.
 */
static void begin_prepare(struct host_task *task)
{
    struct weir_control_loop *loop = task->runtime->config.loop;
    task->works++;
    weir_control_loop_work(loop, task_prepare_work, task_prepared, task);
    if (host_task_restore_bytes(task) < LARGE_STATE_BYTES_MIN) return;
    task->works++;
    weir_control_loop_work(loop, make_memory, memory_made, task);
}

static void region_prepare_work(void *argument)
{
    host_region_prepare(argument);
}

static void region_prepared(void *argument)
{
    struct host_region *region = argument;
    struct weir_task_runtime *runtime = region->runtime;
    region->ready = true;
    for (struct host_task *task = runtime->tasks; task; task = task->next)
        if (task->region == region && task->state == HOST_TASK_PREPARING) begin_prepare(task);
    drop_region(runtime, region);
}

static struct host_region *get_region(struct weir_task_runtime *runtime, const Weir__DeployTasks *deploy,
    const struct weir_job_id *job, const struct weir_run *run)
{
    for (struct host_region *region = runtime->regions; region; region = region->next) {
        /* Another message of the same run names other tasks. */
        if (weir_job_id_equal(&region->job, job) && weir_run_equal(&region->run, run) &&
            region->deploy->n_tasks == deploy->n_tasks &&
            region->deploy->tasks[0]->attempt->vertex == deploy->tasks[0]->attempt->vertex &&
            region->deploy->tasks[0]->attempt->subtask == deploy->tasks[0]->attempt->subtask &&
            region->deploy->tasks[0]->attempt->number == deploy->tasks[0]->attempt->number) {
            region->references++;
            return region;
        }
    }
    struct host_region *region = weir_memory_allocate_zeroed(runtime->config.memory, sizeof *region);
    region->runtime = runtime;
    weir_arena_init(&region->arena, runtime->config.memory);
    region->references = 2; /* the task's, and the preparation's */
    region->job = *job;
    region->run = *run;
    char text[WEIR_JOB_ID_TEXT_BYTES];
    region->job_text = weir_arena_string(&region->arena, weir_job_id_print(job, text));
    region->deploy = WEIR_PROTO_COPY(&region->arena, deploy);
    region->next = runtime->regions;
    runtime->regions = region;
    weir_control_loop_work(runtime->config.loop, region_prepare_work, region_prepared, region);
    return region;
}

static uint32_t slot_of(const Weir__DeployTasks *deploy, const struct weir_attempt_id *attempt)
{
    for (size_t i = 0; i < deploy->n_tasks; i++) {
        const Weir__AttemptId *id = deploy->tasks[i]->attempt;
        if (id && id->vertex == attempt->vertex && id->subtask == attempt->subtask)
            return deploy->tasks[i]->slot;
    }
    return UINT32_MAX;
}

static struct host_memory *take_memory(struct host_slot *slot)
{
    struct host_memory *memory = slot->memories;
    while (memory && (memory->taken || atomic_load(&memory->memory.used_bytes))) memory = memory->next;
    if (!memory) {
        memory = weir_memory_allocate_zeroed(slot->runtime->config.memory, sizeof *memory);
        weir_memory_child_init(&memory->memory, &slot->memory, 0);
        memory->next = slot->memories;
        slot->memories = memory;
    }
    memory->taken = true;
    return memory;
}

static void deploy_task(struct weir_task_runtime *runtime, const struct weir_task_effect *effect)
{
    if (find_task(runtime, &effect->attempt)) return; /* deployments may be repeated */
    struct weir_job_id job;
    struct weir_run run;
    uint32_t slot = slot_of(effect->deploy, &effect->attempt);
    if (!weir_job_id_from(&effect->deploy->job, &job) || !weir_run_from(effect->deploy->run, &run) ||
        slot >= runtime->config.slot_count) {
        struct weir_event outer = { .kind = WEIR_EVENT_TASK };
        outer.task = (struct weir_task_event){ .kind = WEIR_TASK_FAILED,
            .attempt = effect->attempt,
            .error = "the deployment lacks its job or run, or names a slot that is not there" };
        weir_control_loop_event(runtime->config.loop, &outer);
        return;
    }
    struct host_task *task = weir_memory_allocate_zeroed(runtime->config.memory, sizeof *task);
    task->runtime = runtime;
    task->attempt = effect->attempt;
    task->slot = &runtime->slots[slot];
    task->memory = take_memory(task->slot);
    weir_arena_init(&task->arena, runtime->config.memory);
    task->next = runtime->tasks;
    runtime->tasks = task;
    runtime->statistics.tasks++;
    task->region = get_region(runtime, effect->deploy, &job, &run);
    weir_local_recovery_used(runtime->config.local_recovery, task->region->job_text);
    if (task->region->ready) begin_prepare(task);
}

static bool is_last_of_job(const struct host_task *task)
{
    for (const struct host_task *other = task->runtime->tasks; other; other = other->next)
        if (!other->forgotten && weir_job_id_equal(&other->attempt.job, &task->attempt.job)) return false;
    return true;
}

static void forget_task(struct host_task *task)
{
    task->forgotten = true;
    if (is_last_of_job(task))
        weir_local_recovery_left(task->runtime->config.local_recovery, task->region->job_text);
    if (task->state == HOST_TASK_RUNNING) {
        atomic_store(&task->leave, true);
        host_slot_wake(&task->slot->waker);
    }
    free_task_when_done(task);
}

static void trigger_task(struct host_task *task, const struct weir_task_effect *effect)
{
    host_task_know(task, effect->checkpoint, effect->directory ? effect->directory : "");
    if (task->vertex->input_edge_count) return; /* barriers come in-band */
    struct weir_checkpoint_trigger order = { .id = effect->checkpoint,
        .epoch = effect->epoch,
        .base_id = effect->base,
        .savepoint = effect->savepoint,
        .suspend = effect->suspend };
    weir_subtask_trigger(task->subtask, &order);
}

static void adopt_epoch(struct weir_task_runtime *runtime, uint64_t epoch)
{
    for (struct host_task *task = runtime->tasks; task; task = task->next) {
        if (task->state != HOST_TASK_RUNNING) continue;
        weir_subtask_adopt_epoch(task->subtask, epoch);
        host_task_give_up(task, 0, epoch);
        host_slot_wake(&task->slot->waker);
    }
}

void weir_task_runtime_execute(struct weir_task_runtime *runtime, const struct weir_task_effect *effect)
{
    if (effect->action == WEIR_TASK_DEPLOY) {
        deploy_task(runtime, effect);
        return;
    }
    if (effect->action == WEIR_TASK_ADOPT_EPOCH) {
        adopt_epoch(runtime, effect->epoch);
        return;
    }
    struct host_task *task = find_task(runtime, &effect->attempt);
    if (!task) return;
    if (effect->action == WEIR_TASK_FORGET) {
        forget_task(task);
        return;
    }
    if (effect->action == WEIR_TASK_CANCEL) task->canceled = true;
    if (task->state != HOST_TASK_RUNNING) return; /* being made: seen to when it is; over: told */
    switch (effect->action) {
    case WEIR_TASK_CANCEL:
        log_task(WEIR_LOG_INFO, task, "is told to cancel", "");
        weir_subtask_cancel(task->subtask);
        break;
    case WEIR_TASK_TRIGGER: trigger_task(task, effect); break;
    case WEIR_TASK_ABORT:
        host_task_give_up(task, effect->checkpoint, 0);
        weir_subtask_abort(task->subtask, effect->checkpoint);
        if (effect->resume) weir_subtask_resume(task->subtask, effect->checkpoint);
        break;
    case WEIR_TASK_COMPLETE:
        /* The taskexecutor says which: an ended one may have acknowledged this very checkpoint before. */
        weir_subtask_notify_complete(task->subtask, effect->checkpoint);
        if (effect->checkpoint != WEIR_TASK_FINAL) host_task_tidy_copies(task, effect->checkpoint);
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
    host_slot_wake(&task->slot->waker);
}

/* --- life --- */

/* The first of them run, and nothing on them. */
static void stop_slots(struct weir_task_runtime *runtime, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        atomic_store(&runtime->slots[i].closing, true);
        host_slot_wake(&runtime->slots[i].waker);
    }
    for (uint32_t i = 0; i < count; i++) pthread_join(runtime->slots[i].thread, NULL);
}

struct weir_task_runtime *weir_task_runtime_new(
    const struct weir_task_runtime_config *config, struct weir_error *reterr)
{
    struct weir_task_runtime *runtime = weir_memory_allocate_zeroed(config->memory, sizeof *runtime);
    runtime->config = *config;
    pthread_mutex_init(&runtime->console_mutex, NULL);
    runtime->slots = weir_memory_allocate_zeroed(config->memory, sizeof *runtime->slots * config->slot_count);
    for (uint32_t i = 0; i < config->slot_count; i++) {
        struct host_slot *slot = &runtime->slots[i];
        slot->waker.wake = host_slot_wake;
        slot->runtime = runtime;
        slot->index = i;
        weir_memory_child_init(&slot->memory, config->task_memory ? config->task_memory : config->memory,
            config->managed_bytes_per_slot);
        pthread_mutex_init(&slot->mutex, NULL);
        int failed = pthread_create(&slot->thread, NULL, host_slot_main, slot);
        slot->started = !failed;
        if (!failed) continue;
        weir_os_error_set(reterr, failed,
            "the thread of slot %u of %u cannot be started: raise what limits threads (ulimit -u, "
            "pids.max) or memory, or lower taskmanager.numberOfTaskSlots",
            i + 1, config->slot_count);
        stop_slots(runtime, i);
        return NULL;
    }
    return runtime;
}

void weir_task_runtime_stop(struct weir_task_runtime *runtime)
{
    runtime->closing = true;
    for (struct host_task *task = runtime->tasks, *next; task; task = next) {
        next = task->next;
        forget_task(task);
    }
    for (uint32_t i = 0; i < runtime->config.slot_count; i++) {
        atomic_store(&runtime->slots[i].closing, true);
        host_slot_wake(&runtime->slots[i].waker);
    }
}

bool weir_task_runtime_is_stopped(const struct weir_task_runtime *runtime)
{
    return !runtime->tasks;
}

void weir_task_runtime_free(struct weir_task_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->config.slot_count; i++) {
        struct host_slot *slot = &runtime->slots[i];
        pthread_join(slot->thread, NULL);
        pthread_mutex_destroy(&slot->mutex);
        for (struct host_memory *memory = slot->memories, *next; memory; memory = next) {
            next = memory->next;
            weir_memory_release(runtime->config.memory, memory, sizeof *memory);
        }
    }
    WEIR_ASSERT(!runtime->tasks && !runtime->regions);
    pthread_mutex_destroy(&runtime->console_mutex);
    weir_memory_release(
        runtime->config.memory, runtime->slots, sizeof *runtime->slots * runtime->config.slot_count);
    weir_memory_release(runtime->config.memory, runtime, sizeof *runtime);
}

void weir_task_runtime_statistics(
    const struct weir_task_runtime *runtime, struct weir_task_runtime_statistics *ret)
{
    *ret = runtime->statistics;
}
