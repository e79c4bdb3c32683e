/*
 * The coordinator thread of a local job: triggers checkpoints, writes what subtasks acknowledge, completes or
 * gives up, ends the job. It holds job->mutex except while it writes files.
 */
#include "base/assert.h"
#include "host/local_job_internal.h"
#include "os/clock.h"
#include <errno.h>
#include <stdio.h>

void local_acknowledge(void *owner, struct weir_subtask *subtask, struct weir_subtask_snapshot *snapshot)
{
    struct weir_local_job *job = owner;
    struct local_acknowledgement *a = weir_memory_allocate(job->config.memory, sizeof *a);
    *a = (struct local_acknowledgement){ .subtask = subtask, .snapshot = snapshot };
    pthread_mutex_lock(&job->mutex);
    *job->acknowledgements_tail = a;
    job->acknowledgements_tail = &a->next;
    pthread_cond_signal(&job->coordinator_condition);
    pthread_mutex_unlock(&job->mutex);
}

void local_decline(void *owner, struct weir_subtask *subtask, uint64_t checkpoint_id, uint64_t epoch,
    enum weir_decline_reason reason)
{
    struct weir_local_job *job = owner;
    pthread_mutex_lock(&job->mutex);
    if (checkpoint_id == job->checkpoint_id && reason != WEIR_DECLINE_ABORTED) {
        struct weir_error error;
        weir_error_set(&error, WEIR_E_STATE, "%s (%u/%u) declined checkpoint %llu: %s",
            subtask->config.vertex->name, subtask->config.subtask_index + 1,
            subtask->config.vertex->parallelism, (unsigned long long)checkpoint_id,
            reason == WEIR_DECLINE_NOT_READY ? "too many snapshots wait to be written"
                                             : "another one came first");
        job->write_error = error;
        job->checkpoint_broken = job->checkpoint_declined = true;
        pthread_cond_signal(&job->coordinator_condition);
    }
    pthread_mutex_unlock(&job->mutex);
}

static struct local_subtask *local_of(struct weir_local_job *job, const struct weir_subtask *subtask)
{
    for (uint32_t i = 0; i < job->subtask_count; i++)
        if (job->subtasks[i].subtask == subtask) return &job->subtasks[i];
    WEIR_UNREACHABLE();
}

static void wake(struct local_subtask *s)
{
    local_slot_wake(&s->slot->waker);
}

/* --- one checkpoint --- */

static void checkpoint_directory(struct weir_local_job *job, uint64_t id, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/chk-%llu", job->run_directory, (unsigned long long)id);
}

static void broken(struct weir_local_job *job, const struct weir_error *error)
{
    if (!job->checkpoint_broken) job->write_error = *error;
    job->checkpoint_broken = true;
}

static void start_checkpoint(struct weir_local_job *job)
{
    job->checkpoint_id = job->checkpoint_next_id++;
    job->checkpoint_started_ms = weir_clock_monotonic_ms();
    job->checkpoint_broken = job->checkpoint_declined = false;
    weir_arena_reset(&job->checkpoint_arena);
    if (job->config.checkpoint_directory) {
        char path[4200];
        checkpoint_directory(job, job->checkpoint_id, path, sizeof path);
        struct weir_error error = { 0 };
        if (job->config.filesystem->make_directories(job->config.filesystem, path, &error))
            broken(job, &error);
    }
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        struct local_subtask *s = &job->subtasks[i];
        s->acknowledged = s->by_final = s->finished;
        if (s->vertex->operators[0]->kind != WEIR_PLAN_SOURCE || s->finished) continue;
        weir_subtask_trigger(
            s->subtask, &(struct weir_checkpoint_trigger){ .id = job->checkpoint_id, .epoch = 1 });
        wake(s);
    }
}

/* A final snapshot belongs to every later checkpoint, and stands for the subtask in the one in progress
 * unless that has acknowledged it. */
static void note_acknowledged(struct weir_local_job *job, struct local_subtask *s, bool final, uint64_t id)
{
    if (final) s->finished = true;
    if (!s->acknowledged && final) s->by_final = true;
    if (final || id == job->checkpoint_id) s->acknowledged = true;
}

static void write_acknowledgement(struct weir_local_job *job, struct local_acknowledgement *a)
{
    struct local_subtask *s = local_of(job, a->subtask);
    bool final = a->snapshot->finished;
    bool wanted = final || (a->snapshot->checkpoint_id == job->checkpoint_id && !job->checkpoint_broken);
    uint64_t snapshot_id = a->snapshot->checkpoint_id;
    if (job->config.checkpoint_directory && wanted) {
        char directory[4200];
        if (final)
            snprintf(directory, sizeof directory, "%s/finished", job->run_directory);
        else
            checkpoint_directory(job, job->checkpoint_id, directory, sizeof directory);
        struct weir_error error = { 0 };
        struct weir_filesystem *fs = job->config.filesystem;
        pthread_mutex_unlock(&job->mutex);
        enum weir_error_code code = fs->make_directories(fs, directory, &error);
        if (!code)
            code = weir_snapshot_write_as(
                job->config.compress_snapshots ? WEIR_SNAPSHOT_LZ4 : WEIR_SNAPSHOT_PLAIN, fs, directory,
                "vertex", s->vertex, s->index, a->snapshot, NULL, job->config.memory,
                final ? &job->final_arena : &job->checkpoint_arena, final ? &s->final_manifest : &s->manifest,
                &error);
        pthread_mutex_lock(&job->mutex);
        if (code && final) {
            /* Every later checkpoint would lack this file: there can be none. */
            pthread_mutex_unlock(&job->mutex);
            local_job_fail(job, &error);
            pthread_mutex_lock(&job->mutex);
        } else if (code)
            broken(job, &error);
    }
    note_acknowledged(job, s, final, snapshot_id);
    weir_subtask_snapshot_written(s->subtask, snapshot_id);
    wake(s);
}

static void tell_complete(struct weir_local_job *job, uint64_t id)
{
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        struct local_subtask *s = &job->subtasks[i];
        /* What a subtask prepared at its end is committed with the first checkpoint that contains that. */
        weir_subtask_notify_complete(s->subtask, s->by_final ? WEIR_FINAL_CHECKPOINT_ID : id);
        wake(s);
    }
}

static void remove_checkpoint(struct weir_local_job *job, uint64_t id)
{
    if (!job->config.checkpoint_directory) return;
    char path[4200];
    checkpoint_directory(job, id, path, sizeof path);
    (void)job->config.filesystem->remove(job->config.filesystem, path, true, NULL);
}

static void give_up_checkpoint(struct weir_local_job *job, uint64_t id)
{
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        weir_subtask_abort(job->subtasks[i].subtask, id);
        wake(&job->subtasks[i]);
    }
    remove_checkpoint(job, id);
}

static void finish_checkpoint(struct weir_local_job *job, bool completed)
{
    uint64_t id = job->checkpoint_id;
    job->checkpoint_id = 0;
    job->checkpoint_due_ms = weir_clock_monotonic_ms() + WEIR_MAX(job->config.checkpoint_interval_ms,
                                                             job->config.checkpoint_min_pause_ms);
    job->checkpoint_served = job->checkpoint_requested;
    job->checkpoint_failed = !completed;
    if (completed) {
        job->progress.checkpoints_completed++;
        job->failures_in_a_row = 0;
        job->progress.checkpoint_last_id = id;
        tell_complete(job, id);
    } else {
        job->progress.checkpoints_failed++;
        job->failures_in_a_row++;
        job->checkpoint_error = job->write_error;
        give_up_checkpoint(job, id);
    }
    pthread_cond_broadcast(&job->condition);
}

static void complete_checkpoint(struct weir_local_job *job)
{
    char path[4200] = "";
    if (job->config.checkpoint_directory && !job->checkpoint_broken) {
        checkpoint_directory(job, job->checkpoint_id, path, sizeof path);
        struct weir_error error = { 0 };
        uint64_t id = job->checkpoint_id;
        pthread_mutex_unlock(&job->mutex);
        enum weir_error_code code = local_checkpoint_metadata_write(job, path, id, &error);
        pthread_mutex_lock(&job->mutex);
        if (code) broken(job, &error);
    }
    if (job->checkpoint_broken) {
        finish_checkpoint(job, false);
        return;
    }
    if (path[0]) {
        snprintf(job->checkpoint_path, sizeof job->checkpoint_path, "%s", path);
        job->retained[job->retained_count++] = job->checkpoint_id;
        if (job->retained_count > job->config.checkpoint_retained) {
            remove_checkpoint(job, job->retained[0]);
            memmove(job->retained, job->retained + 1, --job->retained_count * sizeof *job->retained);
        }
    }
    finish_checkpoint(job, true);
}

static bool all_subtasks(struct weir_local_job *job, bool finished)
{
    for (uint32_t i = 0; i < job->subtask_count; i++)
        if (!(finished ? job->subtasks[i].finished : job->subtasks[i].acknowledged)) return false;
    return true;
}

/* --- the loop --- */

static void take_acknowledgements(struct weir_local_job *job)
{
    while (job->acknowledgements) {
        struct local_acknowledgement *a = job->acknowledgements;
        job->acknowledgements = a->next;
        if (!job->acknowledgements) job->acknowledgements_tail = &job->acknowledgements;
        write_acknowledgement(job, a);
        weir_memory_release(job->config.memory, a, sizeof *a);
    }
}

static void check_timeout(struct weir_local_job *job, int64_t now_ms)
{
    if (!job->checkpoint_id || job->config.checkpoint_timeout_ms <= 0) return;
    if (now_ms - job->checkpoint_started_ms < job->config.checkpoint_timeout_ms) return;
    weir_error_set(&job->write_error, WEIR_E_IO,
        "checkpoint %llu was not acknowledged by all tasks within %lld ms",
        (unsigned long long)job->checkpoint_id, (long long)job->config.checkpoint_timeout_ms);
    job->checkpoint_broken = true;
    finish_checkpoint(job, false);
}

static void fail_when_intolerable(struct weir_local_job *job)
{
    if (job->failures_in_a_row <= job->config.checkpoint_tolerable_failures) return;
    struct weir_error error = job->checkpoint_error;
    weir_error_wrap(&error, "a checkpoint could not be completed");
    pthread_mutex_unlock(&job->mutex);
    local_job_fail(job, &error);
    pthread_mutex_lock(&job->mutex);
}

/* The final checkpoint takes the place of the one in progress, which is no failure. */
static void abandon_checkpoint(struct weir_local_job *job)
{
    give_up_checkpoint(job, job->checkpoint_id);
    job->checkpoint_id = 0;
}

/* Everything has ended: the final checkpoint, then the last commits, then the slots stop. */
static void end_job(struct weir_local_job *job)
{
    if (job->checkpoint_id) abandon_checkpoint(job);
    job->checkpoint_id = job->checkpoint_next_id++;
    job->checkpoint_broken = job->checkpoint_declined = false;
    for (uint32_t i = 0; i < job->subtask_count; i++) job->subtasks[i].by_final = true;
    if (job->config.checkpoint_directory) {
        char path[4200];
        struct weir_error error = { 0 };
        checkpoint_directory(job, job->checkpoint_id, path, sizeof path);
        if (job->config.filesystem->make_directories(job->config.filesystem, path, &error))
            broken(job, &error);
    }
    complete_checkpoint(job);
    if (job->checkpoint_failed) { /* there is no later one that could cover what the sinks have prepared */
        struct weir_error error = job->checkpoint_error;
        weir_error_wrap(&error, "the final checkpoint could not be completed");
        pthread_mutex_unlock(&job->mutex);
        local_job_fail(job, &error);
        pthread_mutex_lock(&job->mutex);
        return;
    }
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        weir_subtask_notify_complete(job->subtasks[i].subtask, WEIR_CLOSING_CHECKPOINT_ID);
        wake(&job->subtasks[i]);
    }
}

static void wait_a_while(struct weir_local_job *job, int64_t until_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t wait_ms = WEIR_MAX((int64_t)1, WEIR_MIN(until_ms - weir_clock_monotonic_ms(), (int64_t)100));
    int64_t nanoseconds = until.tv_nsec + wait_ms * 1000000;
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&job->coordinator_condition, &job->mutex, &until);
}

static void set_state(struct weir_local_job *job)
{
    job->state = atomic_load(&job->failed)   ? WEIR_JOB_FAILED
                 : atomic_load(&job->cancel) ? WEIR_JOB_CANCELED
                                             : WEIR_JOB_FINISHED;
    if (job->config.checkpoint_directory && !job->config.keep_checkpoints_at_end &&
        job->state == WEIR_JOB_FINISHED)
        (void)job->config.filesystem->remove(job->config.filesystem, job->run_directory, true, NULL);
    pthread_cond_broadcast(&job->condition);
}

void *local_coordinator_main(void *argument)
{
    struct weir_local_job *job = argument;
    bool ending = false;
    pthread_mutex_lock(&job->mutex);
    job->checkpoint_due_ms = weir_clock_monotonic_ms() + job->config.checkpoint_interval_ms;
    while (job->slots_running > 0) {
        take_acknowledgements(job);
        int64_t now_ms = weir_clock_monotonic_ms();
        bool stopping = atomic_load(&job->failed) || atomic_load(&job->cancel);
        if (!stopping && !ending) {
            if (job->checkpoint_id && all_subtasks(job, false) && !all_subtasks(job, true))
                complete_checkpoint(job);
            if (job->checkpoint_id && job->checkpoint_declined) finish_checkpoint(job, false);
            check_timeout(job, now_ms);
            fail_when_intolerable(job);
            if (all_subtasks(job, true)) {
                end_job(job);
                ending = true;
            } else if (!job->checkpoint_id && !atomic_load(&job->failed)) {
                bool due = job->config.checkpoint_interval_ms > 0 && now_ms >= job->checkpoint_due_ms;
                if (due || job->checkpoint_requested > job->checkpoint_served) start_checkpoint(job);
            }
        }
        if (job->slots_running > 0 && !job->acknowledgements)
            wait_a_while(job, job->config.checkpoint_interval_ms > 0 ? job->checkpoint_due_ms : INT64_MAX);
    }
    set_state(job);
    pthread_mutex_unlock(&job->mutex);
    return NULL;
}
