#include "base/assert.h"
#include "host/local_job_internal.h"
#include <stdio.h>
#include <stdlib.h>

/*
 * _metadata is text, one fact per line, so that a person can read it:
 *   weir-checkpoint 1
 *   id <checkpoint id>
 *   file <path relative to the folder> (one per subtask)
 *   end
 */
enum { METADATA_BYTES_MAX = 16 << 20 };

enum weir_error_code local_checkpoint_metadata_write(
    struct weir_local_job *job, const char *directory, uint64_t checkpoint_id, struct weir_error *reterr)
{
    struct weir_filesystem *fs = job->config.filesystem;
    struct weir_buffer text;
    weir_buffer_init(&text, job->config.memory, METADATA_BYTES_MAX);
    weir_buffer_format(&text, "weir-checkpoint 1\nid %llu\n", (unsigned long long)checkpoint_id);
    for (uint32_t i = 0; i < job->subtask_count; i++) {
        const struct local_subtask *s = &job->subtasks[i];
        weir_buffer_format(
            &text, "file %s/vertex-%u-%u\n", s->finished ? "../finished" : ".", s->vertex->id, s->index);
    }
    weir_buffer_append_text(&text, "end\n");
    char temporary[4400], path[4400];
    snprintf(temporary, sizeof temporary, "%s/._metadata.inprogress", directory);
    snprintf(path, sizeof path, "%s/_metadata", directory);
    struct weir_file *file;
    enum weir_error_code code = fs->open_write(fs, temporary, true, &file, reterr);
    if (!code) {
        code = fs->append(file, text.data, text.length, reterr);
        if (!code) code = fs->sync(file, reterr);
        fs->close(file);
    }
    if (!code) code = fs->rename(fs, temporary, path, false, reterr);
    weir_buffer_done(&text);
    return code;
}

static enum weir_error_code read_text(struct weir_filesystem *fs, struct weir_arena *arena, const char *path,
    char **ret, struct weir_error *reterr)
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
        *ret = weir_arena_allocate_zeroed(arena, (size_t)status.size_bytes + 1);
        size_t length = 0, got = 1;
        while (!code && got > 0 && length < (size_t)status.size_bytes) {
            code = fs->read_at(
                file, (int64_t)length, *ret + length, (size_t)status.size_bytes - length, &got, reterr);
            if (!code) length += got;
        }
    }
    fs->close(file);
    return code;
}

enum weir_error_code local_checkpoint_read(struct weir_filesystem *fs, struct weir_arena *arena,
    const char *path, struct local_restore *ret, struct weir_error *reterr)
{
    char *text = NULL;
    const char *name = weir_arena_format(arena, "%s/_metadata", path);
    enum weir_error_code code = read_text(fs, arena, name, &text, reterr);
    if (code) {
        weir_error_wrap(reterr, "cannot restore from \"%s\": it is no completed checkpoint", path);
        return code;
    }
    *ret = (struct local_restore){ 0 };
    uint32_t lines = 0;
    for (const char *p = text; *p; p++) lines += *p == '\n';
    ret->files = WEIR_ARENA_ARRAY(arena, struct weir_snapshot_file, lines + 1);
    bool ended = false, headed = false;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(line, "weir-checkpoint 1") == 0)
            headed = true;
        else if (strncmp(line, "id ", 3) == 0)
            ret->checkpoint_id = strtoull(line + 3, NULL, 10);
        else if (strcmp(line, "end") == 0)
            ended = true;
        else if (strncmp(line, "file ", 5) == 0) {
            const char *file = weir_arena_format(arena, "%s/%s", path, line + 5);
            code = weir_snapshot_file_read(fs, arena, file, &ret->files[ret->file_count++], reterr);
            if (code) return code;
        } else {
            return weir_error_set(reterr, WEIR_E_STATE, "%s: unknown line \"%.80s\"", name, line);
        }
    }
    if (!headed || !ended)
        return weir_error_set(reterr, WEIR_E_STATE, "%s is no whole checkpoint metadata of version 1", name);
    return WEIR_OK;
}

enum weir_error_code local_restore_for_vertex(const struct local_restore *all,
    const struct weir_job_vertex *vertex, struct weir_arena *arena, struct weir_subtask_restore *ret,
    struct weir_error *reterr)
{
    uint32_t count = 0, files = 0, finished = 0;
    for (uint32_t i = 0; i < all->file_count; i++) {
        if (all->files[i].vertex_id != vertex->id) continue;
        files++;
        finished += all->files[i].finished;
        count += all->files[i].section_count;
        if (all->files[i].max_parallelism != vertex->max_parallelism)
            return weir_error_set(reterr, WEIR_E_STATE,
                "%s was written with maximum parallelism %u and cannot start with %u: state is bound to it",
                vertex->name, all->files[i].max_parallelism, vertex->max_parallelism);
    }
    if (files == 0)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the checkpoint holds nothing for %s (vertex %u): it was taken of another job", vertex->name,
            vertex->id);
    struct weir_restore_section *sections = WEIR_ARENA_ARRAY(arena, struct weir_restore_section, count + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < all->file_count; i++) {
        if (all->files[i].vertex_id != vertex->id) continue;
        if (all->files[i].section_count)
            memcpy(sections + at, all->files[i].sections, all->files[i].section_count * sizeof *sections);
        at += all->files[i].section_count;
    }
    *ret = (struct weir_subtask_restore){
        .sections = sections, .section_count = at, .finished = finished == files
    };
    return WEIR_OK;
}
