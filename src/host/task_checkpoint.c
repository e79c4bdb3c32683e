#include "base/assert.h"
#include "host/task_runtime_internal.h"
#include "os/clock.h"
#include "os/log.h"
#include "os/process.h"
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A snapshot on its way to disk. */
struct snapshot_write {
    struct host_task *task;
    struct weir_subtask_snapshot *snapshot; /* the subtask's: task->snapshots keeps that */
    uint64_t checkpoint, epoch;
    uint64_t split_epoch, split_sequence;
    bool finished, savepoint;
    int64_t began_ns;
    char directory[1200];
    struct host_manifest *base, *made;
    enum weir_error_code code;
    struct weir_error error;
};

static void manifest_drop(struct host_task *task, struct host_manifest *manifest)
{
    if (!manifest || --manifest->references) return;
    weir_arena_done(&manifest->arena);
    weir_memory_release(task->runtime->config.memory, manifest, sizeof *manifest);
}

void host_task_free_manifests(struct host_task *task)
{
    for (uint32_t i = 0; i < HOST_MANIFESTS_KEPT; i++) {
        manifest_drop(task, task->kept[i]);
        task->kept[i] = NULL;
    }
}

static struct host_manifest *find_base(struct host_task *task, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < HOST_MANIFESTS_KEPT && checkpoint; i++)
        if (task->kept[i] && task->kept[i]->checkpoint == checkpoint) return task->kept[i];
    return NULL;
}

static const char *find_directory(const struct host_task *task, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < HOST_CHECKPOINTS_KNOWN; i++)
        if (task->known[i].checkpoint == checkpoint) return task->known[i].directory;
    return NULL;
}

/* The subtask may let go of it. */
static void release_snapshot(struct host_task *task, uint64_t checkpoint)
{
    weir_subtask_snapshot_written(task->subtask, checkpoint);
    atomic_fetch_sub(&task->snapshots, 1);
    host_slot_wake(&task->slot->waker);
}

/* A full disk fails the copies of every subtask at every checkpoint. */
static void tell_not_kept(const struct weir_error *error)
{
    enum { AGAIN_MS = 60000 };
    static _Atomic int64_t told_ms;
    int64_t now_ms = weir_clock_monotonic_ms(), before_ms = atomic_load(&told_ms);
    if (before_ms && now_ms - before_ms < AGAIN_MS) return;
    if (atomic_compare_exchange_strong(&told_ms, &before_ms, now_ms))
        weir_log(WEIR_LOG_WARN, "weir.local_recovery",
            "No local copy is kept: %s (told once a minute; restores read the checkpoint instead)",
            error->message);
}

/* Beside the checkpoint: what goes wrong here costs a later restore some time, and nothing else. */
static void keep_copies(const struct snapshot_write *write)
{
    const struct host_task *task = write->task;
    const struct weir_task_runtime_config *config = &task->runtime->config;
    const struct weir_local_store *store = weir_local_recovery_store(config->local_recovery);
    const struct weir_snapshot_manifest *manifest = &write->made->manifest;
    char directory[1200];
    struct weir_error error = { 0 };
    if (!store || !config->keeps_copies || write->savepoint) return;
    snprintf(directory, sizeof directory, "%.1000s/%s", task->region->plan->settings->checkpoint_directory,
        task->region->job_text);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        if (weir_local_store_keep(store, task->region->job_text, directory, &manifest->files[i], &error))
            tell_not_kept(&error);
}

static void write_files(void *argument)
{
    struct snapshot_write *write = argument;
    struct host_task *task = write->task;
    struct weir_task_runtime *runtime = task->runtime;
    struct weir_filesystem *fs = runtime->config.filesystem;
    bool compress = task->region->plan->settings->compress_snapshots;
    enum weir_snapshot_compression compression = compress ? WEIR_SNAPSHOT_LZ4 : WEIR_SNAPSHOT_PLAIN;
    char prefix[64];
    snprintf(
        prefix, sizeof prefix, "e%llu.%u", (unsigned long long)task->attempt.epoch, task->attempt.number);
    write->code = weir_snapshot_write_as(compression, fs, write->directory, prefix, task->vertex,
        task->attempt.subtask, write->snapshot, write->base ? &write->base->manifest : NULL,
        runtime->config.memory, &write->made->arena, &write->made->manifest, &write->error);
    if (!write->code) keep_copies(write);
    /* Nobody will name what could not be written; a directory that others have written into stays. */
    if (write->code && !write->finished) (void)fs->remove(fs, write->directory, false, NULL);
}

/* Of the pool's threads, so that half of them are there for what somebody waits for: restoring, final
 * snapshots, savepoints, first checkpoints. */
enum { YIELDING_MAX = 2, YIELDING_BYTES_MIN = 1 << 20 };

/* The next checkpoint of a large state, of which little has changed: it should cost those that compute little
 * rather than be there at once. */
static bool may_yield(const struct snapshot_write *write)
{
    return write->base && !write->finished && !write->savepoint &&
           write->base->manifest.bytes_total >= YIELDING_BYTES_MIN;
}

/* The counter limits, and orders nothing: who finds it too high does not yield. */
static void write_on_pool(void *argument)
{
    static _Atomic uint32_t yielding;
    bool counted = may_yield(argument);
    if (counted && atomic_fetch_add_explicit(&yielding, 1, memory_order_relaxed) < YIELDING_MAX)
        weir_os_run_yielding(write_files, argument);
    else
        write_files(argument);
    if (counted) atomic_fetch_sub_explicit(&yielding, 1, memory_order_relaxed);
}

/* So that a JobManager sends the subtask back to where they are. */
static void describe_copies(const struct host_task *task, const struct weir_snapshot_manifest *manifest,
    Weir__SubtaskSnapshot *message, struct weir_arena *arena)
{
    message->local = WEIR_ARENA_ARRAY(arena, Weir__LocalSnapshot *, manifest->file_count + 1);
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        Weir__LocalSnapshot *copy = WEIR_PROTO_NEW(arena, Weir__LocalSnapshot, weir__local_snapshot);
        copy->job = weir_job_id_to(arena, &task->attempt.job);
        copy->file = weir_arena_string(arena, manifest->files[i].path);
        copy->hash = manifest->files[i].hash;
        message->local[message->n_local++] = copy;
    }
}

static Weir__SubtaskSnapshot *describe(struct snapshot_write *write, struct weir_arena *arena)
{
    struct host_task *task = write->task;
    const struct weir_snapshot_manifest *manifest = &write->made->manifest;
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, task->runtime->config.memory, WEIR_METADATA_BYTES_MAX);
    weir_snapshot_manifest_write(manifest, write->savepoint ? write->directory : NULL, &bytes);
    Weir__SubtaskSnapshot *message = WEIR_PROTO_NEW(arena, Weir__SubtaskSnapshot, weir__subtask_snapshot);
    message->vertex = task->attempt.vertex;
    message->subtask = task->attempt.subtask;
    message->finished = manifest->finished;
    message->manifest.len = bytes.length;
    message->manifest.data = (uint8_t *)weir_arena_copy(arena, bytes.data, bytes.length);
    weir_buffer_done(&bytes);
    message->n_files = manifest->file_count;
    message->files = WEIR_ARENA_ARRAY(arena, char *, manifest->file_count + 1);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        message->files[i] = weir_arena_string(arena, manifest->files[i].path);
    if (task->runtime->config.keeps_copies && !write->savepoint)
        describe_copies(task, manifest, message, arena);
    message->operators = weir_snapshot_manifest_operators(manifest, arena, &message->n_operators);
    message->bytes_full = manifest->bytes_total;
    message->bytes_written = manifest->bytes_written;
    message->run = weir_run_to(arena, &task->region->run);
    message->attempt = weir_attempt_id_to(arena, &task->attempt);
    message->checkpoint = write->finished ? 0 : write->checkpoint;
    message->split_epoch = write->split_epoch;
    message->split_sequence = write->split_sequence;
    return message;
}

static uint32_t ms_between(int64_t from_us, int64_t to_us)
{
    return to_us > from_us ? (uint32_t)WEIR_MIN((to_us - from_us) / 1000, (int64_t)UINT32_MAX) : 0;
}

static void tell_durations(const struct snapshot_write *write, struct weir_task_event *event)
{
    const struct weir_subtask_snapshot *snapshot = write->snapshot;
    event->alignment_ms = ms_between(snapshot->barrier_us, snapshot->aligned_us);
    event->sync_ms = ms_between(snapshot->aligned_us, snapshot->taken_us);
    event->async_ms = ms_between(write->began_ns / 1000, weir_clock_monotonic_ns() / 1000);
    event->barrier_ms = snapshot->barrier_us / 1000;
}

static void tell_written(struct snapshot_write *write)
{
    struct host_task *task = write->task;
    enum weir_task_event_kind kind = write->finished ? WEIR_TASK_ENDED : WEIR_TASK_ACKNOWLEDGED;
    if (write->code) kind = write->finished ? WEIR_TASK_FAILED : WEIR_TASK_DECLINED;
    struct host_event *event = host_event_new(task, kind);
    event->event.checkpoint = write->checkpoint;
    event->event.barrier_epoch = write->epoch;
    if (write->code) {
        event->event.reason = WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED;
        event->event.error = weir_arena_string(&event->arena, write->error.message);
    } else {
        event->event.snapshot = describe(write, &event->arena);
        tell_durations(write, &event->event);
        task->ended |= write->finished;
    }
    host_event_post(event);
}

static void write_done(void *argument)
{
    struct snapshot_write *write = argument;
    struct host_task *task = write->task;
    task->works--;
    tell_written(write);
    if (write->code && write->finished)
        weir_subtask_cancel(task->subtask); /* nothing else carries what it held */
    if (!write->code && !write->finished && !write->savepoint) {
        struct host_manifest **kept = &task->kept[task->kept_next++ % HOST_MANIFESTS_KEPT];
        manifest_drop(task, *kept);
        *kept = write->made;
        write->made->references++;
        task->runtime->statistics.snapshots_written++;
    }
    manifest_drop(task, write->made);
    manifest_drop(task, write->base);
    release_snapshot(task, write->checkpoint);
    weir_memory_release(task->runtime->config.memory, write, sizeof *write);
}

static void begin_write(struct host_task *task, struct weir_subtask_snapshot *snapshot, const char *directory)
{
    struct weir_memory *memory = task->runtime->config.memory;
    struct snapshot_write *write = weir_memory_allocate_zeroed(memory, sizeof *write);
    *write = (struct snapshot_write){ .task = task,
        .snapshot = snapshot,
        .checkpoint = snapshot->checkpoint_id,
        .epoch = snapshot->epoch,
        .split_epoch = snapshot->split_epoch,
        .split_sequence = snapshot->split_sequence,
        .finished = snapshot->finished,
        .savepoint = snapshot->savepoint,
        .began_ns = weir_clock_monotonic_ns() };
    snprintf(write->directory, sizeof write->directory, "%s", directory);
    write->base = snapshot->savepoint ? NULL : find_base(task, snapshot->base_id);
    if (write->base) write->base->references++;
    write->made = weir_memory_allocate_zeroed(memory, sizeof *write->made);
    weir_arena_init(&write->made->arena, memory);
    write->made->references = 1;
    write->made->checkpoint = snapshot->checkpoint_id;
    task->works++;
    weir_control_loop_work(task->runtime->config.loop, write_on_pool, write_done, write);
}

void host_task_tidy_copies(const struct host_task *task, uint64_t checkpoint)
{
    struct weir_task_runtime *runtime = task->runtime;
    const char *job = task->region->job_text;
    if (!weir_local_recovery_is_news(runtime->config.local_recovery, job, checkpoint)) return;
    struct weir_arena arena;
    weir_arena_init(&arena, runtime->config.memory);
    uint32_t count = 0;
    const char **names = WEIR_ARENA_ARRAY(
        &arena, const char *, (size_t)runtime->statistics.tasks *WEIR_SNAPSHOT_FILES_MAX + 1);
    for (struct host_task *other = runtime->tasks; other; other = other->next) {
        const struct host_manifest *manifest = find_base(other, checkpoint);
        if (!manifest || !weir_job_id_equal(&other->attempt.job, &task->attempt.job)) continue;
        for (uint32_t i = 0; i < manifest->manifest.file_count; i++) {
            const char *path = manifest->manifest.files[i].path, *slash = strrchr(path, '/');
            names[count++] = slash ? slash + 1 : path;
        }
    }
    weir_local_recovery_completed(runtime->config.local_recovery, job, checkpoint, names, count);
    weir_arena_done(&arena);
}

static bool was_given_up(const struct host_task *task, const struct weir_subtask_snapshot *snapshot)
{
    for (uint32_t i = 0; i < HOST_CHECKPOINTS_KNOWN; i++)
        if (task->given_up[i] == snapshot->checkpoint_id) return true;
    return snapshot->epoch < task->given_up_below_epoch;
}

void host_task_hold(struct host_task *task, struct weir_subtask_snapshot *snapshot)
{
    if (snapshot->finished) { /* no one checkpoint owns it: every later one refers to it */
        char directory[1200];
        snprintf(directory, sizeof directory, "%.1000s/%s/taskowned",
            task->region->plan->settings->checkpoint_directory, task->region->job_text);
        begin_write(task, snapshot, directory);
        return;
    }
    const char *directory = find_directory(task, snapshot->checkpoint_id);
    if (was_given_up(task, snapshot)) { /* while it was on its way here: nobody names it again */
        release_snapshot(task, snapshot->checkpoint_id);
    } else if (directory) {
        begin_write(task, snapshot, directory);
    } else if (task->held_count < HOST_SNAPSHOTS_HELD_MAX) { /* the barrier was faster than the trigger */
        task->held[task->held_count++] = snapshot;
    } else {
        release_snapshot(task, snapshot->checkpoint_id);
    }
}

void host_task_know(struct host_task *task, uint64_t checkpoint, const char *directory)
{
    struct host_checkpoint *known = &task->known[task->known_next++ % HOST_CHECKPOINTS_KNOWN];
    known->checkpoint = checkpoint;
    snprintf(known->directory, sizeof known->directory, "%s", directory);
    for (uint32_t i = 0; i < task->held_count; i++) {
        if (task->held[i]->checkpoint_id != checkpoint) continue;
        begin_write(task, task->held[i], known->directory);
        task->held[i--] = task->held[--task->held_count];
    }
}

void host_task_give_up(struct host_task *task, uint64_t checkpoint, uint64_t epoch_below)
{
    if (checkpoint) task->given_up[task->given_up_next++ % HOST_CHECKPOINTS_KNOWN] = checkpoint;
    task->given_up_below_epoch = WEIR_MAX(task->given_up_below_epoch, epoch_below);
    for (uint32_t i = 0; i < task->held_count; i++) {
        if (task->held[i]->checkpoint_id != checkpoint && task->held[i]->epoch >= epoch_below) continue;
        release_snapshot(task, task->held[i]->checkpoint_id);
        task->held[i--] = task->held[--task->held_count];
    }
}
