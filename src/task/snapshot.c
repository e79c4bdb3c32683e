/* Writing a subtask's snapshot, next to what its base has written already. */
#include "task/snapshot.h"
#include "base/assert.h"
#include "task/snapshot_format.h"
/* The state of a hash over pieces is a plain struct only then. */
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { WRITE_PIECE_BYTES = 1 << 20, NO_FILE = UINT32_MAX };

struct snapshot_writer {
    struct weir_filesystem *fs;
    struct weir_arena *arena;
    struct weir_snapshot_manifest *manifest;
    const char *path, *directory;
    struct weir_file *file;    /* NULL: nothing was written yet */
    struct weir_buffer buffer; /* not appended yet */
    uint64_t bytes;            /* of the file, with what the buffer holds */
    XXH3_state_t hash;
    uint32_t own_file; /* index in the manifest */
    uint32_t section_capacity;
    const char *uid; /* of the operator that is written */
    const struct weir_snapshot_manifest *base;
    bool reusable[WEIR_SNAPSHOT_FILES_MAX];     /* the base's files */
    uint32_t file_map[WEIR_SNAPSHOT_FILES_MAX]; /* index in the base -> in the manifest */
    uint32_t base_from, base_to;                /* the operator's sections in the base */
    uint32_t base_next;                         /* behind the one found last */
    enum weir_snapshot_compression compression;
    struct weir_buffer packed; /* of one section */
};

/* --- the base --- */

/* Files of which little is in use are left behind, and so many of the emptiest that a new one fits. */
static void choose_reusable_files(struct snapshot_writer *writer)
{
    const struct weir_snapshot_manifest *base = writer->base;
    uint64_t used[WEIR_SNAPSHOT_FILES_MAX] = { 0 };
    uint32_t count = 0;
    for (uint32_t i = 0; i < base->section_count; i++)
        used[base->sections[i].file] += base->sections[i].length;
    for (uint32_t f = 0; f < base->file_count; f++) {
        writer->file_map[f] = NO_FILE;
        writer->reusable[f] = used[f] >= base->files[f].bytes / 2;
        count += writer->reusable[f];
    }
    while (count >= WEIR_SNAPSHOT_FILES_MAX) {
        uint32_t least = NO_FILE;
        for (uint32_t f = 0; f < base->file_count; f++)
            if (writer->reusable[f] && (least == NO_FILE || used[f] < used[least])) least = f;
        writer->reusable[least] = false;
        count--;
    }
}

static void find_operator_in_base(struct snapshot_writer *writer)
{
    const struct weir_snapshot_manifest *base = writer->base;
    writer->base_from = writer->base_to = 0;
    if (!base) return;
    while (writer->base_from < base->section_count &&
           strcmp(base->sections[writer->base_from].uid, writer->uid) != 0)
        writer->base_from++;
    writer->base_to = writer->base_from;
    while (writer->base_to < base->section_count &&
           strcmp(base->sections[writer->base_to].uid, writer->uid) == 0)
        writer->base_to++;
    writer->base_next = writer->base_from;
}

/* They are asked for in the base's order: most often it is the next one. */
static const struct weir_snapshot_section *find_in_base(
    struct snapshot_writer *writer, bool is_blob, uint32_t key_group, uint64_t part)
{
    uint32_t from = writer->base_from, to = writer->base_to;
    if (from < to && writer->base->sections[from].is_blob) {
        if (is_blob) return &writer->base->sections[from];
        from++;
    }
    uint32_t next = writer->base_next >= from && writer->base_next < to ? writer->base_next : from;
    for (bool first = true; !is_blob && from < to; first = false) {
        uint32_t middle = first ? next : from + (to - from) / 2;
        const struct weir_snapshot_section *section = &writer->base->sections[middle];
        if (section->key_group == key_group && section->part == part) {
            writer->base_next = middle + 1;
            return section;
        }
        if (section->key_group < key_group || (section->key_group == key_group && section->part < part))
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

/* --- the manifest --- */

static uint64_t raw_length(const struct weir_snapshot_section *section)
{
    return section->raw_length ? section->raw_length : section->length;
}

static uint32_t add_file(struct snapshot_writer *writer, const char *path)
{
    struct weir_snapshot_manifest *manifest = writer->manifest;
    WEIR_ASSERT(manifest->file_count < WEIR_SNAPSHOT_FILES_MAX);
    manifest->files[manifest->file_count] =
        (struct weir_snapshot_file){ .path = weir_arena_string(writer->arena, path) };
    return manifest->file_count++;
}

static struct weir_snapshot_section *add_section(struct snapshot_writer *writer)
{
    struct weir_snapshot_manifest *manifest = writer->manifest;
    if (manifest->section_count == writer->section_capacity) {
        writer->section_capacity = writer->section_capacity ? writer->section_capacity * 2 : 64;
        struct weir_snapshot_section *grown =
            WEIR_ARENA_ARRAY(writer->arena, struct weir_snapshot_section, writer->section_capacity);
        if (manifest->section_count)
            memcpy(grown, manifest->sections, manifest->section_count * sizeof *grown);
        manifest->sections = grown;
    }
    return &manifest->sections[manifest->section_count++];
}

static void refer_to_base(
    struct snapshot_writer *writer, const struct weir_snapshot_section *of, struct weir_snapshot_section *to)
{
    if (writer->file_map[of->file] == NO_FILE) {
        const struct weir_snapshot_file *file = &writer->base->files[of->file];
        uint32_t index = add_file(writer, file->path);
        writer->manifest->files[index].bytes = file->bytes;
        writer->manifest->files[index].hash = file->hash;
        writer->file_map[of->file] = index;
    }
    *to = *of;
    to->uid = writer->uid;
    to->file = writer->file_map[of->file];
}

/* --- the file --- */

static enum weir_error_code append(
    struct snapshot_writer *writer, const void *bytes, size_t length, struct weir_error *reterr)
{
    XXH3_64bits_update(&writer->hash, bytes, length);
    return writer->fs->append(writer->file, bytes, length, reterr);
}

static enum weir_error_code write_out(struct snapshot_writer *writer, struct weir_error *reterr)
{
    if (writer->buffer.length == 0) return WEIR_OK;
    enum weir_error_code code = append(writer, writer->buffer.data, writer->buffer.length, reterr);
    weir_buffer_clear(&writer->buffer);
    return code;
}

static enum weir_error_code open_file(struct snapshot_writer *writer, struct weir_error *reterr)
{
    struct weir_filesystem *fs = writer->fs;
    enum weir_error_code code = fs->open_write(fs, writer->path, false, &writer->file, reterr);
    /* The folder is made with its first file: an empty one, of a task without state that is late, say, would
     * be left behind by whoever cleans up file by file. */
    if (code == WEIR_E_NOT_FOUND) {
        code = fs->make_directories(fs, writer->directory, reterr);
        if (!code) code = fs->open_write(fs, writer->path, false, &writer->file, reterr);
    }
    if (code) {
        writer->file = NULL;
        return code;
    }
    writer->own_file = add_file(writer, writer->path);
    XXH3_64bits_reset(&writer->hash);
    weir_buffer_append(&writer->buffer, SNAPSHOT_FILE_MAGIC, SNAPSHOT_MAGIC_BYTES);
    weir_buffer_append_u32(&writer->buffer, SNAPSHOT_FILE_VERSION);
    weir_buffer_append_u32(&writer->buffer, 0);
    writer->bytes = SNAPSHOT_HEADER_BYTES;
    return WEIR_OK;
}

static enum weir_error_code write_section(
    struct snapshot_writer *writer, const void *bytes, size_t length, struct weir_error *reterr)
{
    enum weir_error_code code = WEIR_OK;
    if (!writer->file) code = open_file(writer, reterr);
    if (code) return code;
    writer->bytes += length;
    if (length < WRITE_PIECE_BYTES) {
        weir_buffer_append(&writer->buffer, bytes, length);
        return writer->buffer.length >= WRITE_PIECE_BYTES ? write_out(writer, reterr) : WEIR_OK;
    }
    code = write_out(writer, reterr);
    return code ? code : append(writer, bytes, length, reterr);
}

static bool has_room(struct snapshot_writer *writer, struct weir_error *reterr)
{
    if (writer->manifest->section_count < WEIR_SNAPSHOT_SECTIONS_MAX) return true;
    weir_error_set(reterr, WEIR_E_STATE, "%s has more than %d sections of state", writer->path,
        WEIR_SNAPSHOT_SECTIONS_MAX);
    return false;
}

static enum weir_error_code put_section(struct snapshot_writer *writer, bool is_blob, uint32_t key_group,
    uint64_t part, const void *bytes, size_t length, struct weir_error *reterr)
{
    if (!has_room(writer, reterr)) return WEIR_E_STATE;
    uint64_t hash = XXH3_64bits(bytes, length);
    const struct weir_snapshot_section *old = find_in_base(writer, is_blob, key_group, part);
    struct weir_snapshot_section section = { .uid = writer->uid,
        .is_blob = is_blob,
        .key_group = key_group,
        .part = part,
        .length = length,
        .hash = hash };
    if (old && old->hash == hash && raw_length(old) == length && writer->reusable[old->file]) {
        refer_to_base(writer, old, &section);
    } else {
        if (writer->compression == WEIR_SNAPSHOT_LZ4 && weir_snapshot_pack(bytes, length, &writer->packed)) {
            section.raw_length = length;
            section.length = writer->packed.length;
            bytes = writer->packed.data;
        }
        enum weir_error_code code = write_section(writer, bytes, section.length, reterr);
        if (code) return code;
        writer->manifest->bytes_written += section.length;
        section.file = writer->own_file;
        section.offset = writer->bytes - section.length;
    }
    writer->manifest->bytes_total += section.length;
    *add_section(writer) = section;
    return WEIR_OK;
}

static enum weir_error_code put_key_group(void *context, uint32_t key_group, uint64_t part, const void *bytes,
    size_t length, struct weir_error *reterr)
{
    return put_section(context, false, key_group, part, bytes, length, reterr);
}

/* Nobody has written to it since the base. */
static bool reuse_key_group(void *context, uint32_t key_group, uint64_t part)
{
    struct snapshot_writer *writer = context;
    const struct weir_snapshot_section *old = find_in_base(writer, false, key_group, part);
    if (!old || !writer->reusable[old->file] || !has_room(writer, NULL)) return false;
    struct weir_snapshot_section section;
    refer_to_base(writer, old, &section);
    writer->manifest->bytes_total += section.length;
    *add_section(writer) = section;
    return true;
}

static enum weir_error_code put_all(
    struct snapshot_writer *writer, const struct weir_subtask_snapshot *snapshot, struct weir_error *reterr)
{
    struct weir_state_sink sink = { .context = writer, .reuse = reuse_key_group, .put = put_key_group };
    for (uint32_t i = 0; i < snapshot->item_count; i++) {
        const struct weir_snapshot_item *item = &snapshot->items[i];
        writer->uid = weir_arena_string(writer->arena, item->uid);
        find_operator_in_base(writer);
        enum weir_error_code code = WEIR_OK;
        if (item->blob.length > 0)
            code = put_section(writer, true, 0, 0, item->blob.data, item->blob.length, reterr);
        if (!code && item->state)
            code = weir_state_snapshot_write_parts(
                item->state, writer->base ? writer->base->checkpoint_id : 0, &sink, reterr);
        if (code) return code;
    }
    return WEIR_OK;
}

/* Ends the file, if there is one: it is whole and durable, or it is removed. */
static enum weir_error_code end_file(
    struct snapshot_writer *writer, enum weir_error_code code, struct weir_error *reterr)
{
    if (!writer->file) return code;
    if (!code) code = write_out(writer, reterr);
    if (!code) code = writer->fs->sync(writer->file, reterr);
    writer->fs->close(writer->file);
    if (code) {
        (void)writer->fs->remove(writer->fs, writer->path, false, NULL);
        return code;
    }
    struct weir_snapshot_file *file = &writer->manifest->files[writer->own_file];
    file->bytes = writer->bytes;
    file->hash = XXH3_64bits_digest(&writer->hash);
    return WEIR_OK;
}

static bool is_base_of(const struct weir_snapshot_manifest *base,
    const struct weir_subtask_snapshot *snapshot, const struct weir_snapshot_manifest *manifest)
{
    return base && !snapshot->savepoint && base->checkpoint_id == snapshot->base_id &&
           base->vertex_id == manifest->vertex_id && base->subtask_index == manifest->subtask_index &&
           base->parallelism == manifest->parallelism && base->max_parallelism == manifest->max_parallelism &&
           base->file_count <= WEIR_SNAPSHOT_FILES_MAX;
}

enum weir_error_code weir_snapshot_write_as(enum weir_snapshot_compression compression,
    struct weir_filesystem *fs, const char *directory, const char *prefix,
    const struct weir_job_vertex *vertex, uint32_t subtask_index,
    const struct weir_subtask_snapshot *snapshot, const struct weir_snapshot_manifest *base,
    struct weir_memory *memory, struct weir_arena *arena, struct weir_snapshot_manifest *ret,
    struct weir_error *reterr)
{
    *ret = (struct weir_snapshot_manifest){ .checkpoint_id = snapshot->checkpoint_id,
        .epoch = snapshot->epoch,
        .vertex_id = vertex->id,
        .subtask_index = subtask_index,
        .parallelism = vertex->parallelism,
        .max_parallelism = vertex->max_parallelism,
        .finished = snapshot->finished };
    ret->files = WEIR_ARENA_ARRAY(arena, struct weir_snapshot_file, WEIR_SNAPSHOT_FILES_MAX);
    struct snapshot_writer writer = { .fs = fs,
        .arena = arena,
        .manifest = ret,
        .own_file = NO_FILE,
        .compression = compression,
        .directory = directory };
    const char *name = snapshot->finished
                           ? weir_arena_format(arena, "%s-%u-%u-final", prefix, vertex->id, subtask_index)
                           : weir_arena_format(arena, "%s-%u-%u-%llu", prefix, vertex->id, subtask_index,
                                 (unsigned long long)snapshot->checkpoint_id);
    writer.path = weir_arena_format(arena, "%s/%s.state", directory, name);
    if (is_base_of(base, snapshot, ret)) {
        writer.base = base;
        choose_reusable_files(&writer);
    }
    weir_buffer_init(&writer.buffer, memory, (size_t)4 * WRITE_PIECE_BYTES);
    weir_buffer_init(&writer.packed, memory, (size_t)1 << 31);
    enum weir_error_code code = weir_subtask_snapshot_settle(snapshot, reterr);
    if (!code) code = put_all(&writer, snapshot, reterr);
    code = end_file(&writer, code, reterr);
    weir_buffer_done(&writer.buffer);
    weir_buffer_done(&writer.packed);
    return code;
}

enum weir_error_code weir_snapshot_write(struct weir_filesystem *fs, const char *directory,
    const char *prefix, const struct weir_job_vertex *vertex, uint32_t subtask_index,
    const struct weir_subtask_snapshot *snapshot, const struct weir_snapshot_manifest *base,
    struct weir_memory *memory, struct weir_arena *arena, struct weir_snapshot_manifest *ret,
    struct weir_error *reterr)
{
    return weir_snapshot_write_as(WEIR_SNAPSHOT_PLAIN, fs, directory, prefix, vertex, subtask_index, snapshot,
        base, memory, arena, ret, reterr);
}
