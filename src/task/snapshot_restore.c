/* Reading what a subtask starts from, out of the files that manifests name. */
#include "base/assert.h"
#include "data/key_group.h"
#include "task/snapshot.h"
#include "task/snapshot_format.h"
#include <stdio.h>
#include <xxhash.h>

struct restorer {
    struct weir_filesystem *fs;
    struct weir_arena *arena;
    const struct weir_snapshot_manifest *manifest;
    struct weir_file *files[WEIR_SNAPSHOT_FILES_MAX]; /* of the manifest; opened when they are needed */
};

static enum weir_error_code read_whole(struct weir_filesystem *fs, struct weir_file *file, uint64_t offset,
    uint8_t *bytes, size_t length, size_t *ret_read, struct weir_error *reterr)
{
    *ret_read = 0;
    for (size_t got = 1; got > 0 && *ret_read < length;) {
        enum weir_error_code code = fs->read_at(
            file, (int64_t)(offset + *ret_read), bytes + *ret_read, length - *ret_read, &got, reterr);
        if (code) return code;
        *ret_read += got;
    }
    return WEIR_OK;
}

static enum weir_error_code open_file(struct restorer *restorer, uint32_t index, struct weir_error *reterr)
{
    struct weir_filesystem *fs = restorer->fs;
    const char *path = restorer->manifest->files[index].path;
    struct weir_file *file;
    uint8_t header[SNAPSHOT_HEADER_BYTES];
    size_t got;
    struct weir_file_status status;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    code = fs->file_status(file, &status, reterr);
    /* So no section is longer than what is there. */
    if (!code && (uint64_t)status.size_bytes < restorer->manifest->files[index].bytes)
        code = weir_error_set(reterr, WEIR_E_STATE, "%s is truncated: it has %lld of %llu bytes", path,
            (long long)status.size_bytes, (unsigned long long)restorer->manifest->files[index].bytes);
    if (!code) code = read_whole(fs, file, 0, header, sizeof header, &got, reterr);
    if (!code && (got < sizeof header || memcmp(header, SNAPSHOT_FILE_MAGIC, SNAPSHOT_MAGIC_BYTES) != 0))
        code = weir_error_set(reterr, WEIR_E_STATE,
            "%s is not a snapshot file: it does not begin with \"" SNAPSHOT_FILE_MAGIC "\"", path);
    struct weir_reader rest = { .data = header, .length = sizeof header, .offset = SNAPSHOT_MAGIC_BYTES };
    uint32_t version = weir_reader_u32(&rest), zero = weir_reader_u32(&rest);
    if (!code && (version != SNAPSHOT_FILE_VERSION || zero != 0))
        code =
            weir_error_set(reterr, WEIR_E_STATE, "%s has snapshot version %u.%u; this build reads version %d",
                path, version, zero, SNAPSHOT_FILE_VERSION);
    if (code)
        fs->close(file);
    else
        restorer->files[index] = file;
    return code;
}

static enum weir_error_code read_section(struct restorer *restorer,
    const struct weir_snapshot_section *section, struct weir_restore_section *ret, struct weir_error *reterr)
{
    const char *path = restorer->manifest->files[section->file].path;
    char what[64];
    if (section->is_blob)
        snprintf(what, sizeof what, "the operator state");
    else
        snprintf(what, sizeof what, "key group %u", section->key_group);
    enum weir_error_code code = WEIR_OK;
    size_t got = 0;
    uint8_t *bytes = NULL;
    if (!restorer->files[section->file]) code = open_file(restorer, section->file, reterr);
    if (!code) bytes = weir_arena_allocate(restorer->arena, section->length + 1);
    if (!code)
        code = read_whole(restorer->fs, restorer->files[section->file], section->offset, bytes,
            section->length, &got, reterr);
    if (code) return weir_error_wrap(reterr, "cannot read %s of %s from %s", what, section->uid, path);
    if (got < section->length)
        return weir_error_set(reterr, WEIR_E_STATE,
            "%s: %s of %s (bytes %llu to %llu) is cut off: the file is truncated", path, what, section->uid,
            (unsigned long long)section->offset, (unsigned long long)(section->offset + section->length));
    if (XXH3_64bits(bytes, section->length) != section->hash)
        return weir_error_set(reterr, WEIR_E_STATE,
            "%s: %s of %s (bytes %llu to %llu) is damaged: its checksum is wrong", path, what, section->uid,
            (unsigned long long)section->offset, (unsigned long long)(section->offset + section->length));
    *ret = (struct weir_restore_section){ .uid = section->uid,
        .old_subtask = restorer->manifest->subtask_index,
        .is_blob = section->is_blob,
        .key_group = section->key_group,
        .bytes = bytes,
        .length = section->length };
    return WEIR_OK;
}

static enum weir_error_code read_manifest(struct restorer *restorer, struct weir_key_group_range range,
    struct weir_restore_section *sections, uint32_t *count, struct weir_error *reterr)
{
    const struct weir_snapshot_manifest *manifest = restorer->manifest;
    enum weir_error_code code = WEIR_OK;
    for (uint32_t i = 0; !code && i < manifest->section_count; i++) {
        const struct weir_snapshot_section *section = &manifest->sections[i];
        if (!section->is_blob && (section->key_group < range.first || section->key_group > range.last))
            continue;
        code = read_section(restorer, section, &sections[*count], reterr);
        if (!code) (*count)++;
    }
    for (uint32_t f = 0; f < manifest->file_count; f++) {
        if (restorer->files[f]) restorer->fs->close(restorer->files[f]);
        restorer->files[f] = NULL;
    }
    return code;
}

/* The vertex' manifests: each old subtask exactly once. */
struct vertex_parts {
    uint32_t part_count, finished_count, section_count, parallelism;
    bool own_finished; /* of the same index */
};

static enum weir_error_code check_parts(const struct weir_snapshot_manifest *manifests, uint32_t count,
    const struct weir_job_vertex *vertex, uint32_t subtask_index, struct weir_arena *arena,
    struct vertex_parts *ret, struct weir_error *reterr)
{
    *ret = (struct vertex_parts){ 0 };
    bool *met = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_snapshot_manifest *manifest = &manifests[i];
        if (manifest->vertex_id != vertex->id) continue;
        if (manifest->max_parallelism != vertex->max_parallelism)
            return weir_error_set(reterr, WEIR_E_STATE,
                "%s was written with maximum parallelism %u and cannot start with %u: state is bound to it",
                vertex->name, manifest->max_parallelism, vertex->max_parallelism);
        if (!met) {
            ret->parallelism = manifest->parallelism;
            met = WEIR_ARENA_ARRAY(arena, bool, manifest->parallelism);
        }
        if (manifest->parallelism != ret->parallelism || met[manifest->subtask_index])
            return weir_error_set(reterr, WEIR_E_STATE,
                "the checkpoint holds %s with different parallelisms, or a subtask of it twice",
                vertex->name);
        met[manifest->subtask_index] = true;
        ret->part_count++;
        ret->section_count += manifest->section_count;
        ret->finished_count += manifest->finished;
        if (manifest->subtask_index == subtask_index) ret->own_finished = manifest->finished;
    }
    if (ret->part_count == 0)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the checkpoint holds nothing for %s (vertex %u): it was taken of another job", vertex->name,
            vertex->id);
    /* A region that is restored alone, as wide as it was, brings its own subtasks' parts. */
    bool own = ret->parallelism == vertex->parallelism && met[subtask_index];
    if (ret->part_count != ret->parallelism && !own)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the checkpoint holds %u of the %u subtasks of %s: it is not whole", ret->part_count,
            ret->parallelism, vertex->name);
    return WEIR_OK;
}

enum weir_error_code weir_snapshot_restore(struct weir_filesystem *fs, uint64_t checkpoint_id,
    const struct weir_snapshot_manifest *manifests, uint32_t manifest_count,
    const struct weir_job_vertex *vertex, uint32_t subtask_index, struct weir_arena *arena,
    struct weir_subtask_restore *ret, struct weir_error *reterr)
{
    struct vertex_parts parts;
    enum weir_error_code code =
        check_parts(manifests, manifest_count, vertex, subtask_index, arena, &parts, reterr);
    if (code) return code;
    struct weir_key_group_range range =
        weir_key_group_range_of(subtask_index, vertex->max_parallelism, vertex->parallelism);
    struct weir_restore_section *sections =
        WEIR_ARENA_ARRAY(arena, struct weir_restore_section, parts.section_count + 1);
    uint32_t section_count = 0;
    for (uint32_t i = 0; i < manifest_count; i++) {
        if (manifests[i].vertex_id != vertex->id) continue;
        struct restorer restorer = { .fs = fs, .arena = arena, .manifest = &manifests[i] };
        code = read_manifest(&restorer, range, sections, &section_count, reterr);
        if (code) return code;
    }
    bool all = parts.finished_count == parts.part_count;
    bool same = parts.parallelism == vertex->parallelism;
    *ret = (struct weir_subtask_restore){ .checkpoint_id = checkpoint_id,
        .parallelism = parts.parallelism,
        .sections = sections,
        .section_count = section_count,
        .finished = all || (same && parts.own_finished) };
    return WEIR_OK;
}
