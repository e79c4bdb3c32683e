#include "base/assert.h"
#include "host/local_job_internal.h"
#include <stdio.h>
#include <stdlib.h>

/*
 * _metadata begins with lines that a person can read:
 *   weir-checkpoint 2
 *   id <checkpoint id>
 *   job <job id>
 *   subtasks <count>
 *   (an empty line)
 * and goes on with the manifest of each subtask (task/snapshot.h), whose names are relative to the folder
 * that the checkpoint's folder lies in.
 */
enum { METADATA_BYTES_MAX = 256 << 20, METADATA_SUBTASKS_MAX = 1 << 20 };

enum weir_error_code local_checkpoint_metadata_write(
    struct weir_local_job *job, const char *directory, uint64_t checkpoint_id, struct weir_error *reterr)
{
    struct weir_filesystem *fs = job->config.filesystem;
    struct weir_buffer text;
    weir_buffer_init(&text, job->config.memory, METADATA_BYTES_MAX);
    weir_buffer_format(&text, "weir-checkpoint 2\nid %llu\njob %s\nsubtasks %u\n\n",
        (unsigned long long)checkpoint_id, job->job_id, job->subtask_count);
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        const struct local_subtask *s = &job->subtasks[i];
        weir_snapshot_manifest_write(
            s->by_final ? &s->final_manifest : &s->manifest, job->run_directory, &text);
    }
    char temporary[4400], path[4400];
    snprintf(temporary, sizeof temporary, "%s/._metadata.inprogress", directory);
    snprintf(path, sizeof path, "%s/_metadata", directory);
    struct weir_file *file;
    enum weir_error_code code =
        text.overflowed
            ? weir_error_set(reterr, WEIR_E_BUDGET, "the metadata of checkpoint %llu is longer than %d bytes",
                  (unsigned long long)checkpoint_id, METADATA_BYTES_MAX)
            : fs->open_write(fs, temporary, true, &file, reterr);
    if (!code) {
        code = fs->append(file, text.data, text.length, reterr);
        if (!code) code = fs->sync(file, reterr);
        fs->close(file);
    }
    if (!code) code = fs->rename(fs, temporary, path, false, reterr);
    weir_buffer_done(&text);
    return code;
}

static enum weir_error_code read_bytes(struct weir_filesystem *fs, struct weir_arena *arena, const char *path,
    struct weir_reader *ret, struct weir_error *reterr)
{
    struct weir_file *file;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    struct weir_file_status status;
    code = fs->file_status(file, &status, reterr);
    if (!code && status.size_bytes > METADATA_BYTES_MAX)
        code = weir_error_set(reterr, WEIR_E_STATE,
            "%s is %lld bytes long: too large for checkpoint metadata", path, (long long)status.size_bytes);
    if (!code) {
        uint8_t *bytes = weir_arena_allocate_zeroed(arena, (size_t)status.size_bytes + 1);
        size_t length = 0, got = 1;
        while (!code && got > 0 && length < (size_t)status.size_bytes) {
            code = fs->read_at(
                file, (int64_t)length, bytes + length, (size_t)status.size_bytes - length, &got, reterr);
            if (!code) length += got;
        }
        *ret = (struct weir_reader){ .data = bytes, .length = length };
    }
    fs->close(file);
    return code;
}

/* The next line without its end, or NULL. */
static const char *read_line(struct weir_reader *from, struct weir_arena *arena)
{
    const uint8_t *start = from->data + from->offset;
    const uint8_t *end = memchr(start, '\n', from->length - from->offset);
    if (!end) return NULL;
    from->offset += (size_t)(end - start) + 1;
    return weir_arena_copy(arena, start, (size_t)(end - start));
}

static bool read_head(struct weir_reader *from, struct weir_arena *arena, struct local_restore *ret)
{
    const char *line = read_line(from, arena);
    if (!line || strcmp(line, "weir-checkpoint 2") != 0) return false;
    while ((line = read_line(from, arena)) && *line) {
        if (strncmp(line, "id ", 3) == 0)
            ret->checkpoint_id = strtoull(line + 3, NULL, 10);
        else if (strncmp(line, "job ", 4) == 0)
            snprintf(ret->job_id, sizeof ret->job_id, "%s", line + 4);
        else if (strncmp(line, "subtasks ", 9) == 0)
            ret->manifest_count = (uint32_t)strtoul(line + 9, NULL, 10);
        else
            return false;
    }
    return line && ret->checkpoint_id > 0 && ret->job_id[0] && ret->manifest_count > 0 &&
           ret->manifest_count <= METADATA_SUBTASKS_MAX;
}

/* The folder that path lies in. */
static const char *folder_of(struct weir_arena *arena, const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    while (length > 0 && path[length - 1] != '/') length--;
    if (length == 0) return ".";
    return length == 1 ? "/" : weir_arena_copy(arena, path, length - 1);
}

enum weir_error_code local_checkpoint_read(struct weir_filesystem *fs, struct weir_arena *arena,
    const char *path, struct local_restore *ret, struct weir_error *reterr)
{
    struct weir_reader reader;
    const char *name = weir_arena_format(arena, "%s/_metadata", path);
    enum weir_error_code code = read_bytes(fs, arena, name, &reader, reterr);
    if (code)
        return weir_error_wrap(reterr, "cannot restore from \"%s\": it is no completed checkpoint", path);
    *ret = (struct local_restore){ 0 };
    if (!read_head(&reader, arena, ret))
        return weir_error_set(reterr, WEIR_E_STATE, "%s is no checkpoint metadata of version 2", name);
    ret->manifests = WEIR_ARENA_ARRAY(arena, struct weir_snapshot_manifest, ret->manifest_count);
    const char *folder = folder_of(arena, path);
    for (uint32_t i = 0; i < ret->manifest_count; i++) {
        code = weir_snapshot_manifest_read(&reader, folder, arena, &ret->manifests[i], reterr);
        if (code) return weir_error_wrap(reterr, "cannot read %s", name);
    }
    return WEIR_OK;
}
