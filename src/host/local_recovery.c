#include "host/local_recovery.h"
#include "base/assert.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOGGER "weir.local_recovery"

enum { SWEEP_INTERVAL_MS = 5000, LEFT_KEPT_MS = 10 * 60 * 1000, JOB_BYTES = 64 };

static const char lock_name[] = ".lock";

struct job {
    char id[JOB_BYTES];
    uint64_t newest; /* completed, as far as told */
    bool in_use;
    int64_t left_ms;
};

/* A checkpoint has completed: what the tasks here refer to in it. */
struct request {
    struct request *next;
    struct weir_arena arena;
    const char *job;
    uint64_t checkpoint;
    const char **files;
    uint32_t file_count;
};

struct weir_local_recovery {
    struct weir_arena arena;
    struct weir_memory *memory;
    struct weir_local_store store;
    int lock;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t condition;
    bool closing;
    struct request *first, **last;
    struct job *jobs;
    uint32_t job_count;
};

/* --- folders --- */

/* -1: another process has it, or it went away meanwhile. */
static int lock_folder(const char *folder)
{
    char path[4096];
    struct stat here, now;
    if (snprintf(path, sizeof path, "%s/%s", folder, lock_name) >= (int)sizeof path) return -1;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0) return -1;
    /* Whoever took the folder over before has removed the file that this one waited for. */
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &here) == 0 && stat(path, &now) == 0 &&
        here.st_ino == now.st_ino)
        return descriptor;
    close(descriptor);
    return -1;
}

/* The newest process of a resource id gets a folder of its own while the older one is still there. */
static enum weir_error_code take_own_folder(
    struct weir_local_recovery *recovery, const char *owner, struct weir_error *reterr)
{
    const char *name = owner;
    for (uint32_t i = 1; i <= 64; i++) {
        char *folder = weir_arena_format(&recovery->arena, "%s/%s", recovery->store.root, name);
        enum weir_error_code code = weir_directory_create(folder, reterr);
        if (code) return code;
        recovery->lock = lock_folder(folder);
        recovery->store.owner = name;
        if (recovery->lock >= 0) return WEIR_OK;
        name = weir_arena_format(&recovery->arena, "%s~%u", owner, i);
    }
    return weir_error_set(
        reterr, WEIR_E_IO, "cannot lock a folder for local snapshots below %s", recovery->store.root);
}

static void take_over_the_dead(struct weir_local_recovery *recovery)
{
    struct weir_arena arena;
    weir_arena_init(&arena, recovery->memory);
    struct weir_filesystem *fs = recovery->store.filesystem;
    struct weir_directory_entry *entries = NULL;
    struct weir_error error = { 0 };
    uint32_t count = 0;
    if (fs->list(fs, &arena, recovery->store.root, &entries, &count, &error)) count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!entries[i].status.is_directory || strcmp(entries[i].name, recovery->store.owner) == 0) continue;
        int lock = lock_folder(weir_arena_format(&arena, "%s/%s", recovery->store.root, entries[i].name));
        if (lock < 0) continue;
        if (weir_local_store_adopt(&recovery->store, entries[i].name, &error))
            weir_log(WEIR_LOG_WARN, LOGGER, "Local snapshots of '%s' cannot be taken over: %s",
                entries[i].name, error.message);
        else
            weir_log(WEIR_LOG_INFO, LOGGER, "Took over the local snapshots of '%s', which is gone",
                entries[i].name);
        close(lock);
    }
    weir_arena_done(&arena);
}

/* --- jobs: with the mutex --- */

static struct job *find_job(struct weir_local_recovery *recovery, const char *id)
{
    for (uint32_t i = 0; i < recovery->job_count; i++)
        if (strcmp(recovery->jobs[i].id, id) == 0) return &recovery->jobs[i];
    return NULL;
}

/* NULL: there are too many; its copies are looked after by the next process. */
static struct job *get_job(struct weir_local_recovery *recovery, const char *id)
{
    struct job *job = find_job(recovery, id);
    if (job || recovery->job_count == WEIR_LOCAL_RECOVERY_JOBS_MAX || strlen(id) >= JOB_BYTES) return job;
    job = &recovery->jobs[recovery->job_count++];
    *job = (struct job){ .left_ms = weir_clock_monotonic_ns() / 1000000 };
    snprintf(job->id, sizeof job->id, "%s", id);
    return job;
}

static void find_leftovers(struct weir_local_recovery *recovery)
{
    struct weir_arena arena;
    weir_arena_init(&arena, recovery->memory);
    struct weir_filesystem *fs = recovery->store.filesystem;
    struct weir_directory_entry *entries = NULL;
    struct weir_error ignored;
    uint32_t count = 0;
    const char *folder = weir_arena_format(&arena, "%s/%s", recovery->store.root, recovery->store.owner);
    if (fs->list(fs, &arena, folder, &entries, &count, &ignored)) count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (entries[i].status.is_directory) (void)get_job(recovery, entries[i].name);
    weir_arena_done(&arena);
}

/* --- the thread --- */

static void warn(const char *job, const struct weir_error *error)
{
    weir_log(WEIR_LOG_WARN, LOGGER, "Local snapshots of job %s cannot be tidied up: %s", job, error->message);
}

static void serve(struct weir_local_recovery *recovery, struct request *request)
{
    struct weir_error error = { 0 };
    uint32_t left;
    if (weir_local_store_sweep(&recovery->store, request->job, request->checkpoint, request->files,
            request->file_count, &left, &error))
        warn(request->job, &error);
    weir_arena_done(&request->arena);
    weir_memory_release(recovery->memory, request, sizeof *request);
}

/* The next job of which nothing runs here, from *at on. */
static bool next_left(struct weir_local_recovery *recovery, uint32_t *at, struct job *ret)
{
    pthread_mutex_lock(&recovery->mutex);
    while (*at < recovery->job_count && recovery->jobs[*at].in_use) ++*at;
    bool is_one = *at < recovery->job_count;
    if (is_one) *ret = recovery->jobs[(*at)++];
    pthread_mutex_unlock(&recovery->mutex);
    return is_one;
}

static void drop_job(struct weir_local_recovery *recovery, const char *id)
{
    pthread_mutex_lock(&recovery->mutex);
    struct job *job = find_job(recovery, id);
    if (job && !job->in_use) *job = recovery->jobs[--recovery->job_count];
    pthread_mutex_unlock(&recovery->mutex);
}

static void sweep_left(struct weir_local_recovery *recovery)
{
    struct job job;
    int64_t now_ms = weir_clock_monotonic_ns() / 1000000;
    for (uint32_t at = 0; next_left(recovery, &at, &job);) {
        struct weir_error error = { 0 };
        uint32_t left = 0;
        bool over = now_ms - job.left_ms > LEFT_KEPT_MS;
        enum weir_error_code code =
            over ? weir_local_store_forget(&recovery->store, job.id, &error)
                 : weir_local_store_sweep(&recovery->store, job.id, 0, NULL, 0, &left, &error);
        if (code) warn(job.id, &error);
        if (left) continue;
        drop_job(recovery, job.id);
        at--;
    }
}

static bool any_left(const struct weir_local_recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->job_count; i++)
        if (!recovery->jobs[i].in_use) return true;
    return false;
}

/* With the mutex. The next request, or NULL when it is time to sweep or to end. */
static struct request *wait_for_work(struct weir_local_recovery *recovery)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SWEEP_INTERVAL_MS / 1000;
    while (!recovery->first && !recovery->closing) {
        if (!any_left(recovery))
            pthread_cond_wait(&recovery->condition, &recovery->mutex);
        else if (pthread_cond_timedwait(&recovery->condition, &recovery->mutex, &until))
            return NULL;
    }
    struct request *request = recovery->closing ? NULL : recovery->first;
    if (request) recovery->first = request->next;
    if (!recovery->first) recovery->last = &recovery->first;
    return request;
}

static void *run(void *argument)
{
    struct weir_local_recovery *recovery = argument;
    for (;;) {
        pthread_mutex_lock(&recovery->mutex);
        struct request *request = wait_for_work(recovery);
        bool closing = recovery->closing;
        pthread_mutex_unlock(&recovery->mutex);
        if (closing) return NULL;
        if (request)
            serve(recovery, request);
        else
            sweep_left(recovery);
    }
}

/* --- life --- */

enum weir_error_code weir_local_recovery_new(const struct weir_local_recovery_config *config,
    struct weir_local_recovery **ret, struct weir_error *reterr)
{
    struct weir_local_recovery *recovery = weir_memory_allocate_zeroed(config->memory, sizeof *recovery);
    recovery->memory = config->memory;
    weir_arena_init(&recovery->arena, config->memory);
    recovery->store = (struct weir_local_store){ .filesystem = config->filesystem,
        .storage = config->filesystem,
        .memory = config->memory,
        .root = weir_arena_string(&recovery->arena, config->root) };
    recovery->jobs = WEIR_ARENA_ARRAY(&recovery->arena, struct job, (size_t)WEIR_LOCAL_RECOVERY_JOBS_MAX);
    recovery->last = &recovery->first;
    enum weir_error_code code = take_own_folder(recovery, config->owner, reterr);
    if (code) {
        weir_arena_done(&recovery->arena);
        weir_memory_release(config->memory, recovery, sizeof *recovery);
        return code;
    }
    take_over_the_dead(recovery);
    find_leftovers(recovery);
    pthread_mutex_init(&recovery->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&recovery->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&recovery->thread, NULL, run, recovery);
    WEIR_ASSERT(!failed);
    *ret = recovery;
    return WEIR_OK;
}

void weir_local_recovery_free(struct weir_local_recovery *recovery)
{
    if (!recovery) return;
    pthread_mutex_lock(&recovery->mutex);
    recovery->closing = true;
    pthread_cond_signal(&recovery->condition);
    pthread_mutex_unlock(&recovery->mutex);
    pthread_join(recovery->thread, NULL);
    for (struct request *request = recovery->first, *next; request; request = next) {
        next = request->next;
        weir_arena_done(&request->arena);
        weir_memory_release(recovery->memory, request, sizeof *request);
    }
    pthread_cond_destroy(&recovery->condition);
    pthread_mutex_destroy(&recovery->mutex);
    close(recovery->lock);
    weir_arena_done(&recovery->arena);
    weir_memory_release(recovery->memory, recovery, sizeof *recovery);
}

const struct weir_local_store *weir_local_recovery_store(const struct weir_local_recovery *recovery)
{
    return recovery ? &recovery->store : NULL;
}

static void set_use(struct weir_local_recovery *recovery, const char *id, bool in_use)
{
    if (!recovery) return;
    pthread_mutex_lock(&recovery->mutex);
    struct job *job = get_job(recovery, id);
    if (job) {
        job->in_use = in_use;
        job->left_ms = weir_clock_monotonic_ns() / 1000000;
    }
    pthread_cond_signal(&recovery->condition);
    pthread_mutex_unlock(&recovery->mutex);
}

void weir_local_recovery_used(struct weir_local_recovery *recovery, const char *job)
{
    set_use(recovery, job, true);
}

void weir_local_recovery_left(struct weir_local_recovery *recovery, const char *job)
{
    set_use(recovery, job, false);
}

bool weir_local_recovery_is_news(struct weir_local_recovery *recovery, const char *id, uint64_t checkpoint)
{
    if (!recovery) return false;
    pthread_mutex_lock(&recovery->mutex);
    struct job *job = find_job(recovery, id);
    bool news = job && job->newest < checkpoint;
    if (news) job->newest = checkpoint;
    pthread_mutex_unlock(&recovery->mutex);
    return news;
}

void weir_local_recovery_completed(struct weir_local_recovery *recovery, const char *job, uint64_t checkpoint,
    const char *const *files, uint32_t file_count)
{
    struct request *request = weir_memory_allocate_zeroed(recovery->memory, sizeof *request);
    weir_arena_init(&request->arena, recovery->memory);
    request->job = weir_arena_string(&request->arena, job);
    request->checkpoint = checkpoint;
    request->files = WEIR_ARENA_ARRAY(&request->arena, const char *, file_count + 1);
    for (uint32_t i = 0; i < file_count; i++)
        request->files[request->file_count++] = weir_arena_string(&request->arena, files[i]);
    pthread_mutex_lock(&recovery->mutex);
    *recovery->last = request;
    recovery->last = &request->next;
    pthread_cond_signal(&recovery->condition);
    pthread_mutex_unlock(&recovery->mutex);
}
