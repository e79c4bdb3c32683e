/* Reading what a subtask starts from, out of the files that manifests name. */
#include "base/assert.h"
#include "data/key_group.h"
#include "task/snapshot.h"
#include "task/snapshot_format.h"
#include <stdio.h>
#include <xxhash.h>

/* Files of one manifest are open at a time: there may be hundreds of manifests. */
struct weir_snapshot_reader {
    struct weir_snapshot_reader_config config;
    struct weir_local_folders folders;
    const struct weir_snapshot_section **origins; /* of each section handed out */
    const struct weir_snapshot_manifest **parts;
    uint32_t count;
    const struct weir_snapshot_manifest *open; /* whose files these are */
    struct open_file {
        struct weir_file *file; /* opened when it is needed */
        const char *path;
        bool is_copy, storage_only;
    } files[WEIR_SNAPSHOT_FILES_MAX];
    struct piece {
        uint8_t *bytes;
        size_t capacity;
    } piece, packed; /* of a key group; of what is to be unpacked */
    struct weir_snapshot_reader_statistics statistics;
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

/* So no section is longer than what is there. */
static enum weir_error_code check_head(struct weir_filesystem *fs, struct weir_file *file, const char *path,
    uint64_t bytes, struct weir_error *reterr)
{
    uint8_t header[SNAPSHOT_HEADER_BYTES];
    size_t got;
    struct weir_file_status status;
    enum weir_error_code code = fs->file_status(file, &status, reterr);
    if (!code && (uint64_t)status.size_bytes < bytes)
        code = weir_error_set(reterr, WEIR_E_STATE, "%s is truncated: it has %lld of %llu bytes", path,
            (long long)status.size_bytes, (unsigned long long)bytes);
    if (!code) code = read_whole(fs, file, 0, header, sizeof header, &got, reterr);
    if (code) return code;
    if (got < sizeof header || memcmp(header, SNAPSHOT_FILE_MAGIC, SNAPSHOT_MAGIC_BYTES) != 0)
        return weir_error_set(reterr, WEIR_E_STATE,
            "%s is not a snapshot file: it does not begin with \"" SNAPSHOT_FILE_MAGIC "\"", path);
    struct weir_reader rest = { .data = header, .length = sizeof header, .offset = SNAPSHOT_MAGIC_BYTES };
    uint32_t version = weir_reader_u32(&rest), zero = weir_reader_u32(&rest);
    if (version == SNAPSHOT_FILE_VERSION && zero == 0) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_STATE, "%s has snapshot version %u.%u; this build reads version %d",
        path, version, zero, SNAPSHOT_FILE_VERSION);
}

static struct weir_filesystem *filesystem_of(
    const struct weir_snapshot_reader *reader, const struct open_file *open)
{
    return open->is_copy ? reader->config.local->filesystem : reader->config.filesystem;
}

static void close_file(struct weir_snapshot_reader *reader, struct open_file *open)
{
    if (open->file) filesystem_of(reader, open)->close(open->file);
    open->file = NULL;
}

static void close_files(struct weir_snapshot_reader *reader)
{
    for (uint32_t f = 0; f < WEIR_SNAPSHOT_FILES_MAX; f++) {
        close_file(reader, &reader->files[f]);
        reader->files[f].storage_only = false;
    }
}

static enum weir_error_code open_file(
    struct weir_snapshot_reader *reader, uint32_t index, struct weir_error *reterr)
{
    const struct weir_snapshot_file *file = &reader->open->files[index];
    struct open_file *open = &reader->files[index];
    const char *copy = NULL;
    if (reader->config.local && !open->storage_only)
        copy = weir_local_store_find(reader->config.local, &reader->folders, file, reader->config.arena);
    open->is_copy = copy != NULL;
    open->path = copy ? copy : file->path;
    struct weir_filesystem *fs = filesystem_of(reader, open);
    enum weir_error_code code = fs->open_read(fs, open->path, &open->file, reterr);
    if (code) {
        open->file = NULL;
        return code;
    }
    code = check_head(fs, open->file, open->path, file->bytes, reterr);
    if (code) close_file(reader, open);
    return code;
}

static uint64_t raw_length(const struct weir_snapshot_section *section)
{
    return section->raw_length ? section->raw_length : section->length;
}

static uint8_t *make_piece(struct weir_snapshot_reader *reader, struct piece *piece, uint64_t bytes)
{
    if (piece->bytes && bytes <= piece->capacity) return piece->bytes;
    weir_memory_release(reader->config.memory, piece->bytes, piece->capacity);
    piece->capacity = bytes + bytes / 4 + 1;
    piece->bytes = weir_memory_allocate(reader->config.memory, piece->capacity);
    return piece->bytes;
}

static enum weir_error_code not_whole(const struct open_file *open,
    const struct weir_snapshot_section *section, const char *what, const char *how, struct weir_error *reterr)
{
    return weir_error_set(reterr, WEIR_E_STATE, "%s: %s of %s (bytes %llu to %llu) is %s", open->path, what,
        section->uid, (unsigned long long)section->offset,
        (unsigned long long)(section->offset + section->length), how);
}

/* bytes: room for what the section has without compression. */
static enum weir_error_code read_verified(struct weir_snapshot_reader *reader,
    const struct weir_snapshot_section *section, uint8_t *bytes, struct weir_error *reterr)
{
    struct open_file *open = &reader->files[section->file];
    char what[64];
    if (section->is_blob)
        snprintf(what, sizeof what, "the operator state");
    else
        snprintf(what, sizeof what, "key group %u", section->key_group);
    enum weir_error_code code = WEIR_OK;
    size_t got = 0;
    if (!open->file) code = open_file(reader, section->file, reterr);
    uint8_t *stored = section->raw_length ? make_piece(reader, &reader->packed, section->length) : bytes;
    if (!code)
        code = read_whole(
            filesystem_of(reader, open), open->file, section->offset, stored, section->length, &got, reterr);
    if (code) return weir_error_wrap(reterr, "cannot read %s of %s from %s", what, section->uid, open->path);
    if (got < section->length)
        return not_whole(open, section, what, "cut off: the file is truncated", reterr);
    if (section->raw_length && !weir_snapshot_unpack(stored, section->length, bytes, section->raw_length))
        return not_whole(open, section, what, "damaged: it cannot be decompressed", reterr);
    bool unverified = open->is_copy ? reader->config.local->unverified : reader->config.unverified;
    if (!unverified && XXH3_64bits(bytes, raw_length(section)) != section->hash)
        return not_whole(open, section, what, "damaged: its checksum is wrong", reterr);
    *(open->is_copy ? &reader->statistics.bytes_local : &reader->statistics.bytes_storage) += section->length;
    return WEIR_OK;
}

/* A copy that does not do is passed over from then on. */
static enum weir_error_code read_section(struct weir_snapshot_reader *reader,
    const struct weir_snapshot_manifest *manifest, const struct weir_snapshot_section *section,
    uint8_t *bytes, struct weir_error *reterr)
{
    if (reader->open != manifest) close_files(reader);
    reader->open = manifest;
    struct open_file *open = &reader->files[section->file];
    struct weir_error of_copy;
    open->is_copy = open->file && open->is_copy;
    enum weir_error_code code = read_verified(reader, section, bytes, &of_copy);
    if (!code) return WEIR_OK;
    if (!open->is_copy) {
        if (reterr) *reterr = of_copy;
        return code;
    }
    reader->statistics.copies_refused++;
    close_file(reader, open);
    open->storage_only = true;
    return read_verified(reader, section, bytes, reterr);
}

static enum weir_error_code load(
    void *context, uint32_t index, const uint8_t **ret, struct weir_error *reterr)
{
    struct weir_snapshot_reader *reader = context;
    const struct weir_snapshot_section *section = reader->origins[index];
    *ret = make_piece(reader, &reader->piece, raw_length(section));
    return read_section(reader, reader->parts[index], section, reader->piece.bytes, reterr);
}

/* A length is believed once the file was seen to be that long. */
static enum weir_error_code check_length(struct weir_snapshot_reader *reader,
    const struct weir_snapshot_manifest *manifest, uint32_t file, struct weir_error *reterr)
{
    if (reader->open != manifest) close_files(reader);
    reader->open = manifest;
    if (reader->files[file].file) return WEIR_OK;
    enum weir_error_code code = open_file(reader, file, reterr);
    if (!code || !reader->files[file].is_copy) return code;
    reader->statistics.copies_refused++;
    reader->files[file].storage_only = true;
    return open_file(reader, file, reterr);
}

static enum weir_error_code add_manifest(struct weir_snapshot_reader *reader,
    const struct weir_snapshot_manifest *manifest, struct weir_key_group_range range,
    struct weir_restore_section *sections, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < manifest->section_count; i++) {
        const struct weir_snapshot_section *section = &manifest->sections[i];
        if (!section->is_blob && (section->key_group < range.first || section->key_group > range.last))
            continue;
        enum weir_error_code code = check_length(reader, manifest, section->file, reterr);
        if (code)
            return weir_error_wrap(reterr, "cannot read the state of %s from %s", section->uid,
                manifest->files[section->file].path);
        uint8_t *bytes = NULL;
        if (section->is_blob) {
            bytes = weir_arena_allocate(reader->config.arena, raw_length(section) + 1);
            code = read_section(reader, manifest, section, bytes, reterr);
            if (code) return code;
        }
        reader->origins[reader->count] = section;
        reader->parts[reader->count] = manifest;
        sections[reader->count++] = (struct weir_restore_section){ .uid = section->uid,
            .old_subtask = manifest->subtask_index,
            .is_blob = section->is_blob,
            .key_group = section->key_group,
            .bytes = bytes,
            .length = raw_length(section) };
    }
    return WEIR_OK;
}

/* A vertex that has ended keeps what its subtasks ended with when its job is made wider or narrower: some of
 * it is named more than once then, some not any more, and it may be of several widths. */
static bool has_ended(
    const struct weir_snapshot_manifest *manifests, uint32_t count, const struct weir_job_vertex *vertex)
{
    for (uint32_t i = 0; i < count; i++)
        if (manifests[i].vertex_id == vertex->id && !manifests[i].finished) return false;
    return true;
}

static bool is_repeated(const struct weir_snapshot_manifest *manifests, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (manifests[i].vertex_id == manifests[at].vertex_id &&
            manifests[i].parallelism == manifests[at].parallelism &&
            manifests[i].subtask_index == manifests[at].subtask_index)
            return true;
    return false;
}

/* The vertex' manifests: each old subtask exactly once. */
struct vertex_parts {
    uint32_t part_count, section_count, parallelism;
    bool own_finished; /* of the same index */
    bool ended;        /* all of it */
};

static enum weir_error_code check_parts(const struct weir_snapshot_manifest *manifests, uint32_t count,
    const struct weir_job_vertex *vertex, uint32_t subtask_index, struct weir_arena *arena,
    struct vertex_parts *ret, struct weir_error *reterr)
{
    *ret = (struct vertex_parts){ .ended = has_ended(manifests, count, vertex) };
    bool *met = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_snapshot_manifest *manifest = &manifests[i];
        if (manifest->vertex_id != vertex->id || (ret->ended && is_repeated(manifests, i))) continue;
        if (manifest->max_parallelism != vertex->max_parallelism)
            return weir_error_set(reterr, WEIR_E_STATE,
                "%s was written with maximum parallelism %u and cannot start with %u: state is bound to it",
                vertex->name, manifest->max_parallelism, vertex->max_parallelism);
        if (!met) {
            ret->parallelism = manifest->parallelism;
            met = WEIR_ARENA_ARRAY(arena, bool, manifest->parallelism);
        }
        bool same = manifest->parallelism == ret->parallelism;
        if (!ret->ended && (!same || met[manifest->subtask_index]))
            return weir_error_set(reterr, WEIR_E_STATE,
                "the checkpoint holds %s with different parallelisms, or a subtask of it twice",
                vertex->name);
        if (same) met[manifest->subtask_index] = true;
        ret->part_count++;
        ret->section_count += manifest->section_count;
        if (manifest->subtask_index == subtask_index) ret->own_finished = manifest->finished;
    }
    if (ret->part_count == 0)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the checkpoint holds nothing for %s (vertex %u): it was taken of another job", vertex->name,
            vertex->id);
    /* A region that is restored alone, as wide as it was, brings its own subtasks' parts. */
    bool own = ret->parallelism == vertex->parallelism && met[subtask_index];
    if (ret->part_count != ret->parallelism && !own && !ret->ended)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the checkpoint holds %u of the %u subtasks of %s: it is not whole", ret->part_count,
            ret->parallelism, vertex->name);
    return WEIR_OK;
}

enum weir_error_code weir_snapshot_reader_new(const struct weir_snapshot_reader_config *config,
    struct weir_snapshot_reader **ret, struct weir_subtask_restore *ret_restore, struct weir_error *reterr)
{
    const struct weir_job_vertex *vertex = config->vertex;
    struct vertex_parts parts;
    enum weir_error_code code = check_parts(config->manifests, config->manifest_count, vertex,
        config->subtask_index, config->arena, &parts, reterr);
    if (code) return code;
    struct weir_key_group_range range =
        weir_key_group_range_of(config->subtask_index, vertex->max_parallelism, vertex->parallelism);
    struct weir_restore_section *sections =
        WEIR_ARENA_ARRAY(config->arena, struct weir_restore_section, parts.section_count + 1);
    struct weir_snapshot_reader *reader = weir_memory_allocate_zeroed(config->memory, sizeof *reader);
    reader->config = *config;
    reader->origins =
        WEIR_ARENA_ARRAY(config->arena, const struct weir_snapshot_section *, parts.section_count + 1);
    reader->parts =
        WEIR_ARENA_ARRAY(config->arena, const struct weir_snapshot_manifest *, parts.section_count + 1);
    if (config->local)
        weir_local_store_folders(config->local, config->job_id, config->arena, &reader->folders);
    for (uint32_t i = 0; !code && i < config->manifest_count; i++)
        if (config->manifests[i].vertex_id == vertex->id &&
            !(parts.ended && is_repeated(config->manifests, i)))
            code = add_manifest(reader, &config->manifests[i], range, sections, reterr);
    if (code) {
        weir_snapshot_reader_free(reader);
        return code;
    }
    bool ended = parts.ended || (parts.parallelism == vertex->parallelism && parts.own_finished);
    *ret_restore = (struct weir_subtask_restore){ .checkpoint_id = config->checkpoint_id,
        .parallelism = parts.parallelism,
        .sections = sections,
        .section_count = reader->count,
        .load = load,
        .reader = reader,
        .finished = ended,
        .ended = ended };
    *ret = reader;
    return WEIR_OK;
}

void weir_snapshot_reader_free(struct weir_snapshot_reader *reader)
{
    if (!reader) return;
    close_files(reader);
    weir_memory_release(reader->config.memory, reader->piece.bytes, reader->piece.capacity);
    weir_memory_release(reader->config.memory, reader->packed.bytes, reader->packed.capacity);
    weir_memory_release(reader->config.memory, reader, sizeof *reader);
}

struct weir_snapshot_reader_statistics weir_snapshot_reader_statistics(
    const struct weir_snapshot_reader *reader)
{
    return reader->statistics;
}

static bool has_operator(
    const struct weir_job_graph *graph, uint32_t vertex_id, const char *uid, struct weir_arena *scratch)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct weir_job_vertex *vertex = &graph->vertices[v];
        for (uint32_t i = 0; vertex->id == vertex_id && i < vertex->operator_count; i++) {
            if (strcmp(weir_plan_node_uid(scratch, vertex->operators[i]), uid) == 0) return true;
        }
    }
    return false;
}

const char *weir_snapshot_left_behind(const struct weir_snapshot_manifest *manifests, uint32_t manifest_count,
    const struct weir_job_graph *graph, struct weir_arena *scratch, uint32_t *ret_vertex_id)
{
    for (uint32_t m = 0; m < manifest_count; m++) {
        const char *seen = NULL;
        for (uint32_t i = 0; i < manifests[m].section_count; i++) {
            const char *uid = manifests[m].sections[i].uid;
            if (uid == seen) continue;
            seen = uid;
            *ret_vertex_id = manifests[m].vertex_id;
            if (!has_operator(graph, manifests[m].vertex_id, uid, scratch)) return uid;
        }
    }
    return NULL;
}

enum weir_error_code weir_snapshot_restore(struct weir_filesystem *fs, uint64_t checkpoint_id,
    const struct weir_snapshot_manifest *manifests, uint32_t manifest_count,
    const struct weir_job_vertex *vertex, uint32_t subtask_index, struct weir_arena *arena,
    struct weir_subtask_restore *ret, struct weir_error *reterr)
{
    struct weir_snapshot_reader *reader;
    struct weir_snapshot_reader_config config = { .filesystem = fs,
        .memory = arena->memory,
        .arena = arena,
        .checkpoint_id = checkpoint_id,
        .manifests = manifests,
        .manifest_count = manifest_count,
        .vertex = vertex,
        .subtask_index = subtask_index };
    enum weir_error_code code = weir_snapshot_reader_new(&config, &reader, ret, reterr);
    if (code) return code;
    struct weir_restore_section *sections = (struct weir_restore_section *)ret->sections;
    for (uint32_t i = 0; !code && i < ret->section_count; i++) {
        if (sections[i].bytes) continue;
        uint8_t *bytes = weir_arena_allocate(arena, sections[i].length + 1);
        code = read_section(reader, reader->parts[i], reader->origins[i], bytes, reterr);
        sections[i].bytes = bytes;
    }
    weir_snapshot_reader_free(reader);
    ret->load = NULL;
    ret->reader = NULL;
    return code;
}
