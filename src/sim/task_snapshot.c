#include "base/assert.h"
#include "sim/task_runtime_internal.h"
#include <stdio.h>
#include <string.h>

void sim_task_know_checkpoint(struct sim_task *task, uint64_t checkpoint, const char *directory)
{
    struct known_checkpoint *known = &task->known[task->known_next++ % KNOWN_CHECKPOINTS];
    known->checkpoint = checkpoint;
    snprintf(known->directory, sizeof known->directory, "%s", directory);
}

static const char *find_directory(const struct sim_task *task, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < KNOWN_CHECKPOINTS; i++)
        if (task->known[i].checkpoint == checkpoint) return task->known[i].directory;
    return NULL;
}

void sim_task_acknowledge(void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot)
{
    struct sim_task *task = owner;
    struct weir_sim_runtime *runtime = task->runtime;
    WEIR_ASSERT(task->pending_count < PENDING_SNAPSHOTS_MAX);
    int64_t delay =
        runtime->config.write_delay_max_us
            ? (int64_t)(sim_runtime_random(runtime) % (uint64_t)runtime->config.write_delay_max_us)
            : 0;
    task->pending[task->pending_count++] = (struct pending_snapshot){ .snapshot = snapshot,
        .due_us = runtime->config.now_us(runtime->config.clock) + delay };
}

static const struct weir_snapshot_manifest *find_base(const struct sim_task *task, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < KEPT_MANIFESTS && checkpoint; i++)
        if (task->kept[i].checkpoint == checkpoint) return &task->kept[i].manifest;
    return NULL;
}

/* What the control plane keeps of it. directory: of a savepoint, which may be moved; else NULL. */
static Weir__SubtaskSnapshot *describe(struct sim_task *task, const struct weir_snapshot_manifest *manifest,
    const char *directory, struct weir_arena *arena)
{
    struct weir_buffer bytes;
    weir_buffer_init(&bytes, task->runtime->config.memory, WEIR_METADATA_BYTES_MAX);
    weir_snapshot_manifest_write(manifest, directory, &bytes);
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
    message->operators = weir_snapshot_manifest_operators(manifest, arena, &message->n_operators);
    message->bytes_full = manifest->bytes_total;
    message->bytes_written = manifest->bytes_written;
    message->run = weir_run_to(arena, &task->region->run);
    message->attempt = weir_attempt_id_to(arena, &task->attempt);
    return message;
}

/* Where the final snapshot of a task goes: it is in no one checkpoint's folder, for every later one refers to
 * it. */
static void final_directory(const struct sim_task *task, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s/%s/taskowned", task->region->plan->settings->checkpoint_directory,
        task->region->job_text);
}

static void keep_copies(struct sim_task *task, const struct weir_snapshot_manifest *manifest)
{
    const struct weir_local_store *store = task->runtime->config.local;
    char directory[512];
    struct weir_error ignored;
    if (!store) return;
    snprintf(directory, sizeof directory, "%s/%s", task->region->plan->settings->checkpoint_directory,
        task->region->job_text);
    for (uint32_t i = 0; i < manifest->file_count; i++)
        (void)weir_local_store_keep(store, task->region->job_text, directory, &manifest->files[i], &ignored);
}

void sim_task_tidy_copies(const struct sim_task *task, uint64_t checkpoint)
{
    const struct weir_local_store *store = task->runtime->config.local;
    struct weir_error ignored;
    uint32_t left, count = 0;
    if (!store || !task->region) return;
    const char *names[16 * WEIR_SNAPSHOT_FILES_MAX];
    for (const struct sim_task *other = task->runtime->tasks; other && checkpoint; other = other->next) {
        const struct weir_snapshot_manifest *manifest = find_base(other, checkpoint);
        if (!manifest || !weir_job_id_equal(&other->attempt.job, &task->attempt.job)) continue;
        for (uint32_t i = 0; i < manifest->file_count && count < WEIR_ARRAY_COUNT(names); i++)
            names[count++] = strrchr(manifest->files[i].path, '/') + 1;
    }
    (void)weir_local_store_sweep(store, task->region->job_text, checkpoint, names, count, &left, &ignored);
}

static void write_one(struct sim_task *task, struct weir_subtask_snapshot *snapshot, const char *directory)
{
    struct weir_sim_runtime *runtime = task->runtime;
    uint64_t checkpoint = snapshot->checkpoint_id, epoch = snapshot->epoch;
    bool finished = snapshot->finished;
    struct kept_manifest *kept = &task->kept[task->kept_next++ % KEPT_MANIFESTS];
    const struct weir_snapshot_manifest *base =
        snapshot->savepoint ? NULL : find_base(task, snapshot->base_id);
    if (base == &kept->manifest) kept = &task->kept[task->kept_next++ % KEPT_MANIFESTS];
    kept->checkpoint = 0;
    if (kept->arena.memory) weir_arena_done(&kept->arena);
    weir_arena_init(&kept->arena, runtime->config.memory);
    char prefix[64];
    snprintf(
        prefix, sizeof prefix, "e%llu.%u", (unsigned long long)task->attempt.epoch, task->attempt.number);
    /* Attempts differ, so that both kinds are built on and restored together. */
    bool compress = (task->attempt.number + task->attempt.subtask) & 1;
    enum weir_snapshot_compression compression = compress ? WEIR_SNAPSHOT_LZ4 : WEIR_SNAPSHOT_PLAIN;
    struct weir_error error;
    enum weir_error_code code =
        runtime->config.filesystem->make_directories(runtime->config.filesystem, directory, &error);
    if (!code)
        code = weir_snapshot_write_as(compression, runtime->config.filesystem, directory, prefix,
            task->vertex, task->attempt.subtask, snapshot, base, runtime->config.memory, &kept->arena,
            &kept->manifest, &error);
    bool savepoint = snapshot->savepoint, given_up = snapshot->given_up;
    uint64_t split_epoch = snapshot->split_epoch, split_sequence = snapshot->split_sequence;
    weir_subtask_snapshot_written(task->subtask, checkpoint);
    task->signaled = true;
    if (code && finished) { /* nothing else will carry what it holds: the attempt fails */
        struct queued_event *failed = sim_runtime_queue(runtime, WEIR_TASK_FAILED, &task->attempt);
        failed->event.error = weir_arena_string(&failed->arena, error.message);
        task->over = true;
        return;
    }
    if (code) {
        struct queued_event *declined = sim_runtime_queue(runtime, WEIR_TASK_DECLINED, &task->attempt);
        declined->event.checkpoint = checkpoint;
        declined->event.barrier_epoch = epoch;
        declined->event.reason = WEIR__DECLINE_REASON__DECLINE_WRITE_FAILED;
        declined->event.error = weir_arena_string(&declined->arena, error.message);
        return;
    }
    runtime->statistics.snapshots_written++;
    if (!savepoint) keep_copies(task, &kept->manifest);
    if (!savepoint && !finished) kept->checkpoint = checkpoint;
    if (given_up) return; /* declined already */
    struct queued_event *queued =
        sim_runtime_queue(runtime, finished ? WEIR_TASK_ENDED : WEIR_TASK_ACKNOWLEDGED, &task->attempt);
    queued->event.checkpoint = checkpoint;
    queued->event.barrier_epoch = epoch;
    Weir__SubtaskSnapshot *message =
        describe(task, &kept->manifest, savepoint ? directory : NULL, &queued->arena);
    message->checkpoint = finished ? 0 : checkpoint;
    message->split_epoch = split_epoch;
    message->split_sequence = split_sequence;
    queued->event.snapshot = message;
    if (finished) task->ended_told = true;
}

bool sim_task_write_snapshots(struct sim_task *task, int64_t now_us, int64_t *ret_wake_us)
{
    bool moved = false;
    for (uint32_t i = 0; i < task->pending_count;) {
        struct pending_snapshot pending = task->pending[i];
        char final[640];
        const char *directory = find_directory(task, pending.snapshot->checkpoint_id);
        if (pending.snapshot->finished) {
            final_directory(task, final, sizeof final);
            directory = final;
        }
        if (pending.snapshot->given_up) {
            weir_subtask_snapshot_written(task->subtask, pending.snapshot->checkpoint_id);
            task->signaled = true;
        } else if (pending.due_us > now_us || !directory) { /* the trigger may come after the barrier */
            if (directory) *ret_wake_us = WEIR_MIN(*ret_wake_us, pending.due_us);
            i++;
            continue;
        } else {
            write_one(task, pending.snapshot, directory);
        }
        memmove(&task->pending[i], &task->pending[i + 1],
            sizeof task->pending[0] * (task->pending_count - i - 1));
        task->pending_count--;
        moved = true;
        if (task->over) break;
    }
    return moved;
}

void sim_task_snapshots_done(struct sim_task *task)
{
    for (uint32_t i = 0; i < task->pending_count; i++)
        weir_subtask_snapshot_written(task->subtask, task->pending[i].snapshot->checkpoint_id);
    task->pending_count = 0;
}
