/* The stored form of manifests:
 *
 *   "WEIRMANI", varint version, varints: checkpoint id, epoch, vertex, subtask, parallelism, maximum
 *   parallelism, byte finished, varint bytes written;
 *   varint files: byte 1 = relative, text path, varint bytes, u64 hash;
 *   varint operators: text uid, varint sections: byte 1 = blob, varint key group, file, offset, length, u64
 * hash; in version 2 also varint part, varint length without compression; u64 XXH3 of all before.
 *
 * A text is a varint length and bytes; u64 are little-endian.
 */
#include "data/key_group.h"
#include "task/snapshot.h"
#include "task/snapshot_format.h"
#include <xxhash.h>

static void put_text(struct weir_buffer *to, const char *text)
{
    size_t length = strlen(text);
    weir_buffer_append_varint(to, length);
    weir_buffer_append(to, text, length);
}

static bool leads_out(const char *relative)
{
    return relative[0] == '/' || strstr(relative, "..");
}

/* The name below directory, or NULL where the reader would refuse it as a relative one: the path is written
 * as it is. */
static const char *below(const char *path, const char *directory)
{
    size_t length = directory ? strlen(directory) : 0;
    while (length > 0 && directory[length - 1] == '/') length--;
    if (length == 0 || strncmp(path, directory, length) != 0 || path[length] != '/') return NULL;
    const char *name = path + length + 1;
    return leads_out(name) ? NULL : name;
}

static uint32_t sections_of_operator(const struct weir_snapshot_manifest *manifest, uint32_t from)
{
    const char *uid = manifest->sections[from].uid;
    uint32_t to = from + 1;
    while (to < manifest->section_count &&
           (manifest->sections[to].uid == uid || strcmp(manifest->sections[to].uid, uid) == 0))
        to++;
    return to - from;
}

static uint32_t version_of(const struct weir_snapshot_manifest *manifest)
{
    for (uint32_t i = 0; i < manifest->section_count; i++)
        if (manifest->sections[i].part || manifest->sections[i].raw_length)
            return SNAPSHOT_MANIFEST_VERSION_PARTS;
    return SNAPSHOT_MANIFEST_VERSION;
}

void weir_snapshot_manifest_write(
    const struct weir_snapshot_manifest *manifest, const char *directory, struct weir_buffer *to)
{
    size_t start = to->length;
    weir_buffer_append(to, SNAPSHOT_MANIFEST_MAGIC, SNAPSHOT_MAGIC_BYTES);
    uint32_t version = version_of(manifest);
    weir_buffer_append_varint(to, version);
    weir_buffer_append_varint(to, manifest->checkpoint_id);
    weir_buffer_append_varint(to, manifest->epoch);
    weir_buffer_append_varint(to, manifest->vertex_id);
    weir_buffer_append_varint(to, manifest->subtask_index);
    weir_buffer_append_varint(to, manifest->parallelism);
    weir_buffer_append_varint(to, manifest->max_parallelism);
    weir_buffer_append_byte(to, manifest->finished);
    weir_buffer_append_varint(to, manifest->bytes_written);
    weir_buffer_append_varint(to, manifest->file_count);
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        const struct weir_snapshot_file *file = &manifest->files[i];
        const char *relative = below(file->path, directory);
        weir_buffer_append_byte(to, relative != NULL);
        put_text(to, relative ? relative : file->path);
        weir_buffer_append_varint(to, file->bytes);
        weir_buffer_append_u64(to, file->hash);
    }
    uint32_t operators = 0;
    for (uint32_t i = 0; i < manifest->section_count; i += sections_of_operator(manifest, i)) operators++;
    weir_buffer_append_varint(to, operators);
    for (uint32_t i = 0; i < manifest->section_count;) {
        uint32_t count = sections_of_operator(manifest, i);
        put_text(to, manifest->sections[i].uid);
        weir_buffer_append_varint(to, count);
        for (; count > 0; count--, i++) {
            const struct weir_snapshot_section *section = &manifest->sections[i];
            weir_buffer_append_byte(to, section->is_blob);
            weir_buffer_append_varint(to, section->key_group);
            weir_buffer_append_varint(to, section->file);
            weir_buffer_append_varint(to, section->offset);
            weir_buffer_append_varint(to, section->length);
            weir_buffer_append_u64(to, section->hash);
            if (version < SNAPSHOT_MANIFEST_VERSION_PARTS) continue;
            weir_buffer_append_varint(to, section->part);
            weir_buffer_append_varint(to, section->raw_length);
        }
    }
    if (!to->overflowed) weir_buffer_append_u64(to, XXH3_64bits(to->data + start, to->length - start));
}

/* --- reading --- */

/* What is being read, and the first thing found wrong with it. */
struct manifest_reader {
    struct weir_reader *from;
    struct weir_arena *arena;
    const char *directory;
    struct weir_snapshot_manifest *manifest;
    const char *wrong;
    uint64_t version;
};

static bool refuse(struct manifest_reader *reader, const char *wrong)
{
    if (!reader->wrong) reader->wrong = wrong;
    return false;
}

static const char *get_text(struct manifest_reader *reader, uint64_t bytes_max)
{
    uint64_t length = weir_reader_varint(reader->from);
    const char *bytes = length > 0 && length <= bytes_max ? weir_reader_bytes(reader->from, length) : NULL;
    if (!bytes || memchr(bytes, 0, length)) return NULL;
    return weir_arena_copy(reader->arena, bytes, length);
}

static uint32_t get_u32(struct weir_reader *from)
{
    uint64_t value = weir_reader_varint(from);
    if (value > UINT32_MAX) from->failed = true;
    return (uint32_t)value;
}

static bool read_files(struct manifest_reader *reader)
{
    struct weir_snapshot_manifest *manifest = reader->manifest;
    manifest->file_count = get_u32(reader->from);
    if (reader->from->failed || manifest->file_count > WEIR_SNAPSHOT_FILES_MAX)
        return refuse(reader, "it names too many files");
    manifest->files = WEIR_ARENA_ARRAY(reader->arena, struct weir_snapshot_file, WEIR_SNAPSHOT_FILES_MAX);
    for (uint32_t i = 0; i < manifest->file_count; i++) {
        bool relative = weir_reader_byte(reader->from) != 0;
        const char *path = get_text(reader, SNAPSHOT_PATH_BYTES_MAX);
        if (!path) return refuse(reader, "a file has no name");
        if (relative && !reader->directory)
            return refuse(reader, "a file's name is relative, but no folder is given");
        if (relative && leads_out(path))
            return refuse(reader, "a file's relative name leads out of its folder");
        manifest->files[i].path =
            relative ? weir_arena_format(reader->arena, "%s/%s", reader->directory, path) : path;
        manifest->files[i].bytes = weir_reader_varint(reader->from);
        manifest->files[i].hash = weir_reader_u64(reader->from);
        if (manifest->files[i].bytes > INT64_MAX) return refuse(reader, "a file is longer than files can be");
    }
    return true;
}

static bool is_after(const struct weir_snapshot_section *section, const struct weir_snapshot_section *before)
{
    if (section->is_blob) return false; /* first of its operator */
    return before->is_blob || section->key_group > before->key_group ||
           (section->key_group == before->key_group && section->part > before->part);
}

static bool read_section(struct manifest_reader *reader, const char *uid, bool first)
{
    struct weir_snapshot_manifest *manifest = reader->manifest;
    struct weir_snapshot_section *section = &manifest->sections[manifest->section_count];
    section->uid = uid;
    section->is_blob = weir_reader_byte(reader->from) != 0;
    section->key_group = get_u32(reader->from);
    section->file = get_u32(reader->from);
    section->offset = weir_reader_varint(reader->from);
    section->length = weir_reader_varint(reader->from);
    section->hash = weir_reader_u64(reader->from);
    bool parts = reader->version >= SNAPSHOT_MANIFEST_VERSION_PARTS;
    section->part = parts ? weir_reader_varint(reader->from) : 0;
    section->raw_length = parts ? weir_reader_varint(reader->from) : 0;
    if (reader->from->failed) return refuse(reader, "it ends early");
    if (section->raw_length > SNAPSHOT_PACKED_MAX ||
        section->raw_length / SNAPSHOT_RATIO_MAX > section->length + 1)
        return refuse(reader, "a section is longer than it can have been compressed");
    if (section->key_group >= manifest->max_parallelism)
        return refuse(reader, "a key group is above the maximum parallelism");
    if (section->file >= manifest->file_count)
        return refuse(reader, "a section lies in a file without a name");
    uint64_t bytes = manifest->files[section->file].bytes;
    if (section->offset > bytes || section->length > bytes - section->offset)
        return refuse(reader, "a section does not lie within its file");
    if (!first && !is_after(section, section - 1)) return refuse(reader, "its sections are out of order");
    manifest->bytes_total += section->length;
    manifest->section_count++;
    return true;
}

static bool is_known(const struct weir_snapshot_manifest *manifest, const char *uid)
{
    for (uint32_t i = 0; i < manifest->section_count; i += sections_of_operator(manifest, i))
        if (strcmp(manifest->sections[i].uid, uid) == 0) return true;
    return false;
}

static bool read_operator(struct manifest_reader *reader, uint32_t *capacity)
{
    enum { SECTION_BYTES_MIN = 13 };
    struct weir_snapshot_manifest *manifest = reader->manifest;
    const char *uid = get_text(reader, SNAPSHOT_UID_BYTES_MAX);
    if (!uid) return refuse(reader, "an operator has no name");
    if (is_known(manifest, uid)) return refuse(reader, "an operator is there twice");
    uint32_t count = get_u32(reader->from);
    size_t left = reader->from->length - reader->from->offset;
    if (reader->from->failed || count == 0 || count > left / SECTION_BYTES_MIN ||
        count > WEIR_SNAPSHOT_SECTIONS_MAX - manifest->section_count)
        return refuse(reader, "it names more sections than it holds");
    if (manifest->section_count + count > *capacity) {
        *capacity = WEIR_MAX(*capacity * 2, manifest->section_count + count);
        struct weir_snapshot_section *grown =
            WEIR_ARENA_ARRAY(reader->arena, struct weir_snapshot_section, *capacity);
        if (manifest->section_count)
            memcpy(grown, manifest->sections, manifest->section_count * sizeof *grown);
        manifest->sections = grown;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!read_section(reader, uid, i == 0)) return false;
    return true;
}

static bool read_head(struct manifest_reader *reader)
{
    struct weir_snapshot_manifest *manifest = reader->manifest;
    struct weir_reader *from = reader->from;
    manifest->checkpoint_id = weir_reader_varint(from);
    manifest->epoch = weir_reader_varint(from);
    manifest->vertex_id = get_u32(from);
    manifest->subtask_index = get_u32(from);
    manifest->parallelism = get_u32(from);
    manifest->max_parallelism = get_u32(from);
    manifest->finished = weir_reader_byte(from) != 0;
    manifest->bytes_written = weir_reader_varint(from);
    if (from->failed) return refuse(reader, "it ends early");
    if (manifest->subtask_index >= manifest->parallelism || manifest->parallelism > manifest->max_parallelism)
        return refuse(reader, "its subtask, parallelism and maximum parallelism do not go together");
    return true;
}

static bool read_body(struct manifest_reader *reader)
{
    const void *magic = weir_reader_bytes(reader->from, SNAPSHOT_MAGIC_BYTES);
    if (!magic || memcmp(magic, SNAPSHOT_MANIFEST_MAGIC, SNAPSHOT_MAGIC_BYTES) != 0)
        return refuse(reader, "it does not begin with \"" SNAPSHOT_MANIFEST_MAGIC "\"");
    reader->version = weir_reader_varint(reader->from);
    if (reader->version != SNAPSHOT_MANIFEST_VERSION && reader->version != SNAPSHOT_MANIFEST_VERSION_PARTS)
        return refuse(reader, "its version is not 1 or 2, which are what this build reads");
    if (!read_head(reader) || !read_files(reader)) return false;
    uint32_t operators = get_u32(reader->from), capacity = 0;
    if (reader->from->failed || operators > WEIR_PLAN_NODES_MAX)
        return refuse(reader, "it names more operators than a job has");
    for (uint32_t i = 0; i < operators; i++)
        if (!read_operator(reader, &capacity)) return false;
    return true;
}

enum weir_error_code weir_snapshot_manifest_read(struct weir_reader *from, const char *directory,
    struct weir_arena *arena, struct weir_snapshot_manifest *ret, struct weir_error *reterr)
{
    *ret = (struct weir_snapshot_manifest){ 0 };
    struct manifest_reader reader = { .from = from, .arena = arena, .directory = directory, .manifest = ret };
    size_t start = from->offset;
    if (read_body(&reader)) {
        uint64_t hash = XXH3_64bits(from->data + start, from->offset - start);
        if (weir_reader_u64(from) != hash || from->failed) refuse(&reader, "its checksum is wrong");
    }
    if (!reader.wrong) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_STATE,
        "the manifest of a subtask's snapshot is damaged at byte %zu: %s", from->offset, reader.wrong);
}

char **weir_snapshot_manifest_operators(
    const struct weir_snapshot_manifest *manifest, struct weir_arena *arena, size_t *ret_count)
{
    uint32_t count = 0;
    *ret_count = 0;
    for (uint32_t i = 0; i < manifest->section_count; i += sections_of_operator(manifest, i)) count++;
    char **uids = WEIR_ARENA_ARRAY(arena, char *, count + 1);
    for (uint32_t i = 0; i < manifest->section_count; i += sections_of_operator(manifest, i))
        uids[(*ret_count)++] = weir_arena_string(arena, manifest->sections[i].uid);
    return uids;
}

enum weir_error_code weir_snapshot_manifest_place(
    struct weir_snapshot_manifest *manifest, char *const *paths, size_t path_count, struct weir_error *reterr)
{
    if (path_count != manifest->file_count)
        return weir_error_set(reterr, WEIR_E_STATE,
            "the manifest of a subtask's snapshot names %u files, its checkpoint %zu", manifest->file_count,
            path_count);
    for (uint32_t i = 0; i < manifest->file_count; i++) manifest->files[i].path = paths[i];
    return WEIR_OK;
}
