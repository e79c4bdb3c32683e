/*
 * WEIR_EFFECT_BLOB over the simulated shared disk, as a work pool would carry it out: late, and now and then
 * not at all. A PUT writes and syncs a file of its own and then names it without replacing; a process that
 * is killed in between leaves that file behind.
 */
#include "sim/world.h"
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES_MAX = 1024, NAMES_MAX = 100000 };

struct job {
    struct weir_tag tag;
    enum weir_blob_operation operation;
    size_t length, bytes_max;
    bool fails, written;
    char path[PATH_BYTES_MAX], temporary[PATH_BYTES_MAX + 32], name_prefix[PATH_BYTES_MAX];
    char copy_to[PATH_BYTES_MAX];
    uint8_t bytes[];
};

static void answer(struct weir_sim_process *process, const struct job *job, struct weir_blob_event blob)
{
    static const char *const operations[] = { "put", "get", "list", "delete", "copy", "prune" };
    static const char *const outcomes[] = { "ok", "exists", "not found", "error" };
    blob.path = job->path;
    struct weir_event event = { .kind = WEIR_EVENT_BLOB_DONE, .tag = job->tag, .blob = blob };
    weir_sim_trace(process->sim, process, "blob %s %s: %s%s%s", operations[job->operation], job->path,
        outcomes[blob.outcome], blob.error ? ": " : "", blob.error ? blob.error : "");
    weir_sim_process_event(process, &event);
}

static struct weir_blob_event failure(const char *why)
{
    return (struct weir_blob_event){ .outcome = WEIR_BLOB_ERROR, .error = why };
}

/* --- put --- */

static enum weir_error_code write_temporary(
    struct weir_filesystem *files, const struct job *job, struct weir_error *error)
{
    char directory[PATH_BYTES_MAX];
    const char *slash = strrchr(job->path, '/');
    if (slash) {
        size_t length = (size_t)(slash - job->path);
        memcpy(directory, job->path, length);
        directory[length] = 0;
        enum weir_error_code code = files->make_directories(files, directory, error);
        if (code) return code;
    }
    struct weir_file *file;
    enum weir_error_code code = files->open_write(files, job->temporary, true, &file, error);
    if (code) return code;
    code = files->append(file, job->bytes, job->length, error);
    if (!code) code = files->sync(file, error);
    files->close(file);
    return code;
}

static void put_named(struct weir_sim_process *process, struct job *job)
{
    struct weir_filesystem *files = process->filesystem;
    struct weir_error error = { 0 };
    enum weir_error_code code = files->rename(files, job->temporary, job->path, false, &error);
    if (code) files->remove(files, job->temporary, false, NULL);
    if (!code) WEIR_SIM_CHECK(process->sim, blob, process, job->path, true);
    if (job->fails)
        answer(process, job, failure("the answer was lost"));
    else if (code == WEIR_E_ALREADY_EXISTS)
        answer(process, job, (struct weir_blob_event){ .outcome = WEIR_BLOB_EXISTS });
    else
        answer(process, job,
            code ? failure(error.message) : (struct weir_blob_event){ .outcome = WEIR_BLOB_OK });
}

/* --- get, list, delete --- */

static void get(struct weir_sim_process *process, struct job *job)
{
    struct weir_filesystem *files = process->filesystem;
    struct weir_error error = { 0 };
    struct weir_file_status status;
    struct weir_file *file;
    enum weir_error_code code = files->status(files, job->path, &status, &error);
    if (!code && !status.exists) {
        answer(process, job, (struct weir_blob_event){ .outcome = WEIR_BLOB_NOT_FOUND });
        return;
    }
    if (!code && (size_t)status.size_bytes > job->bytes_max)
        code = weir_error_set(&error, WEIR_E_STATE, "%s is longer than %zu bytes", job->path, job->bytes_max);
    if (!code) code = files->open_read(files, job->path, &file, &error);
    if (code) {
        answer(process, job, failure(error.message));
        return;
    }
    size_t length = 0;
    uint8_t *bytes = (uint8_t *)weir_memory_allocate(process->sim->memory, (size_t)status.size_bytes + 1);
    code = files->read_at(file, 0, bytes, (size_t)status.size_bytes, &length, &error);
    files->close(file);
    answer(process, job,
        code ? failure(error.message)
             : (struct weir_blob_event){ .outcome = WEIR_BLOB_OK, .bytes = bytes, .length = length });
    weir_memory_release(process->sim->memory, bytes, (size_t)status.size_bytes + 1);
}

struct listing {
    struct weir_arena *arena;
    const char *name_prefix;
    const char **names;
    int64_t *modified_us, *size_bytes;
    uint32_t count;
};

static enum weir_error_code list_into(struct weir_filesystem *files, const char *path,
    struct listing *listing, uint32_t depth, struct weir_error *error)
{
    struct weir_directory_entry *entries;
    uint32_t count = 0;
    enum weir_error_code code = files->list(files, listing->arena, path, &entries, &count, error);
    for (uint32_t i = 0; !code && i < count && listing->count < NAMES_MAX; i++) {
        const char *name = weir_arena_format(listing->arena, "%s/%s", path, entries[i].name);
        if (entries[i].status.is_directory) {
            if (depth < 16) code = list_into(files, name, listing, depth + 1, error);
            continue;
        }
        if (strncmp(entries[i].name, listing->name_prefix, strlen(listing->name_prefix)) != 0) continue;
        listing->names[listing->count] = name;
        listing->size_bytes[listing->count] = entries[i].status.size_bytes;
        listing->modified_us[listing->count++] = entries[i].status.modified_us;
    }
    return code;
}

static void list(struct weir_sim_process *process, struct job *job)
{
    struct weir_filesystem *files = process->filesystem;
    struct weir_error error = { 0 };
    struct weir_file_status status;
    struct weir_arena arena;
    weir_arena_init(&arena, process->sim->memory);
    struct listing listing = { .arena = &arena, .name_prefix = job->name_prefix };
    enum weir_error_code code = files->status(files, job->path, &status, &error);
    if (!code && status.exists) {
        uint32_t most = 0;
        while (weir_sim_filesystem_path(process->sim->shared_disk, most) && most < NAMES_MAX) most++;
        listing.names = WEIR_ARENA_ARRAY(&arena, const char *, most + 1);
        listing.modified_us = WEIR_ARENA_ARRAY(&arena, int64_t, most + 1);
        listing.size_bytes = WEIR_ARENA_ARRAY(&arena, int64_t, most + 1);
        code = list_into(files, job->path, &listing, 0, &error);
    }
    answer(process, job,
        code ? failure(error.message)
             : (struct weir_blob_event){ .outcome = WEIR_BLOB_OK,
                   .names = listing.names,
                   .modified_us = listing.modified_us,
                   .size_bytes = listing.size_bytes,
                   .name_count = listing.count });
    weir_arena_done(&arena);
}

static void delete (struct weir_sim_process *process, struct job *job)
{
    struct weir_error error = { 0 };
    enum weir_error_code code = process->filesystem->remove(process->filesystem, job->path, false, &error);
    if (!code) WEIR_SIM_CHECK(process->sim, blob, process, job->path, false);
    if (job->fails)
        answer(process, job, failure("the answer was lost"));
    else
        answer(process, job,
            code ? failure(error.message) : (struct weir_blob_event){ .outcome = WEIR_BLOB_OK });
}

/* --- on the way --- */

static int64_t delay(struct weir_sim *sim)
{
    if (sim->blob_late_permille && weir_sim_random_permille(&sim->blob_random, sim->blob_late_permille))
        return weir_sim_random_scale(&sim->blob_random, 5000, 3000000);
    return weir_sim_random_range(&sim->blob_random, 100, 4000);
}

static void carried_out(void *owner, void *payload, uint64_t number);

/* Reads all of it, and goes on as a PUT under the other name: a kill leaves what a killed PUT does. */
static void copy(struct weir_sim_process *process, struct job *job)
{
    struct weir_filesystem *files = process->filesystem;
    struct weir_sim *sim = process->sim;
    struct weir_error error = { 0 };
    struct weir_file_status status;
    struct weir_file *file;
    enum weir_error_code code = files->status(files, job->copy_to, &status, &error);
    if (!code && status.exists) {
        answer(process, job, (struct weir_blob_event){ .outcome = WEIR_BLOB_EXISTS });
        return;
    }
    if (!code) code = files->status(files, job->path, &status, &error);
    if (!code && !status.exists) {
        answer(process, job, (struct weir_blob_event){ .outcome = WEIR_BLOB_NOT_FOUND });
        return;
    }
    if (!code) code = files->open_read(files, job->path, &file, &error);
    if (code) {
        answer(process, job, failure(error.message));
        return;
    }
    size_t length = 0, bytes = sizeof(struct job) + (size_t)status.size_bytes;
    struct job *next = (struct job *)weir_sim_payload(&sim->scheduler, bytes);
    memcpy(next, job, sizeof *next);
    code = files->read_at(file, 0, next->bytes, (size_t)status.size_bytes, &length, &error);
    files->close(file);
    if (code) {
        answer(process, job, failure(error.message));
        return;
    }
    next->operation = WEIR_BLOB_PUT;
    next->length = length;
    snprintf(next->path, sizeof next->path, "%s", job->copy_to);
    snprintf(next->temporary, sizeof next->temporary, "%s.tmp-%llx", job->copy_to,
        (unsigned long long)(process->incarnation & 0xffffff));
    weir_sim_process_schedule(process, weir_sim_now(sim) + delay(sim) / 4, carried_out, bytes, next, bytes);
}

static void carried_out(void *owner, void *payload, uint64_t number)
{
    struct weir_sim_process *process = (struct weir_sim_process *)owner;
    struct job *job = (struct job *)payload;
    struct weir_sim *sim = process->sim;
    if (job->fails && weir_sim_random_permille(&sim->blob_random, 500)) {
        if (job->written) process->filesystem->remove(process->filesystem, job->temporary, false, NULL);
        answer(process, job, failure("the storage does not answer"));
        return;
    }
    switch (job->operation) {
    case WEIR_BLOB_GET: get(process, job); return;
    case WEIR_BLOB_LIST: list(process, job); return;
    case WEIR_BLOB_DELETE: delete (process, job); return;
    case WEIR_BLOB_COPY: copy(process, job); return;
    case WEIR_BLOB_PRUNE: answer(process, job, (struct weir_blob_event){ .outcome = WEIR_BLOB_OK }); return;
    case WEIR_BLOB_PUT: break;
    }
    if (job->written) {
        put_named(process, job);
        return;
    }
    struct weir_error error = { 0 };
    size_t there;
    if (weir_sim_filesystem_bytes(sim->shared_disk, job->path, &there)) { /* by an earlier try */
        answer(process, job,
            job->fails ? failure("the answer was lost")
                       : (struct weir_blob_event){ .outcome = WEIR_BLOB_EXISTS });
        return;
    }
    if (write_temporary(process->filesystem, job, &error)) {
        process->filesystem->remove(process->filesystem, job->temporary, false, NULL);
        answer(process, job, failure(error.message));
        return;
    }
    size_t bytes = (size_t)number;
    struct job *next = (struct job *)memcpy(weir_sim_payload(&sim->scheduler, bytes), job, bytes);
    next->written = true;
    weir_sim_process_schedule(process, weir_sim_now(sim) + delay(sim) / 4, carried_out, bytes, next, bytes);
}

void weir_sim_blob_execute(struct weir_sim_process *process, const struct weir_effect *effect)
{
    struct weir_sim *sim = process->sim;
    const struct weir_blob_effect *blob = &effect->blob;
    size_t length = blob->operation == WEIR_BLOB_PUT ? blob->length : 0, bytes = sizeof(struct job) + length;
    struct job *job = (struct job *)weir_sim_payload(&sim->scheduler, bytes);
    *job = (struct job){ .tag = effect->tag,
        .operation = blob->operation,
        .length = length,
        .bytes_max = blob->bytes_max ? blob->bytes_max : SIZE_MAX,
        .fails = weir_sim_random_permille(&sim->blob_random, sim->blob_error_permille) };
    snprintf(job->path, sizeof job->path, "%s", blob->path);
    snprintf(job->copy_to, sizeof job->copy_to, "%s", blob->copy_to ? blob->copy_to : "");
    snprintf(job->name_prefix, sizeof job->name_prefix, "%s", blob->name_prefix ? blob->name_prefix : "");
    snprintf(job->temporary, sizeof job->temporary, "%s.tmp-%llx", blob->path,
        (unsigned long long)(process->incarnation & 0xffffff));
    if (length) memcpy(job->bytes, blob->bytes, length);
    if (job->fails) {
        sim->result->faults++;
        weir_sim_cover(sim, WEIR_SIM_COVER_FAULT, "blob error");
    }
    weir_sim_process_schedule(process, weir_sim_now(sim) + delay(sim), carried_out, bytes, job, bytes);
}
