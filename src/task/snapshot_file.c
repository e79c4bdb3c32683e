#include "task/snapshot_file.h"
#include "base/assert.h"
#include <xxhash.h>

enum {
    SNAPSHOT_VERSION = 1,
    WRITE_PIECE_BYTES = 1 << 20,
    SECTION_BLOB = 1,
    SECTION_KEY_GROUP = 2,
    SECTIONS_MAX = 1 << 22
};
static const char snapshot_magic[8] = "WEIRSNAP";

struct snapshot_writer {
    struct weir_filesystem *fs;
    struct weir_file *file;
    struct weir_buffer buffer;
    uint64_t bytes;
    const char *uid;
};

static enum weir_error_code write_out(struct snapshot_writer *writer, struct weir_error *reterr)
{
    if (writer->buffer.length == 0) return WEIR_OK;
    enum weir_error_code code =
        writer->fs->append(writer->file, writer->buffer.data, writer->buffer.length, reterr);
    writer->bytes += writer->buffer.length;
    weir_buffer_clear(&writer->buffer);
    return code;
}

static enum weir_error_code put_section(struct snapshot_writer *writer, uint8_t kind, uint32_t key_group,
    const void *bytes, size_t length, struct weir_error *reterr)
{
    struct weir_buffer *to = &writer->buffer;
    size_t uid_length = strlen(writer->uid);
    weir_buffer_append_byte(to, (char)kind);
    weir_buffer_append_varint(to, uid_length);
    weir_buffer_append(to, writer->uid, uid_length);
    weir_buffer_append_u32(to, key_group);
    weir_buffer_append_u64(to, length);
    weir_buffer_append_u64(to, XXH3_64bits(bytes, length));
    if (length < WRITE_PIECE_BYTES) {
        weir_buffer_append(to, bytes, length);
        return to->length >= WRITE_PIECE_BYTES ? write_out(writer, reterr) : WEIR_OK;
    }
    enum weir_error_code code = write_out(writer, reterr);
    if (!code) code = writer->fs->append(writer->file, bytes, length, reterr);
    writer->bytes += length;
    return code;
}

static enum weir_error_code put_key_group(
    void *context, uint32_t key_group, const void *bytes, size_t length, struct weir_error *reterr)
{
    return put_section(context, SECTION_KEY_GROUP, key_group, bytes, length, reterr);
}

static enum weir_error_code put_all(
    struct snapshot_writer *writer, const struct weir_subtask_snapshot *snapshot, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < snapshot->item_count; i++) {
        const struct weir_snapshot_item *item = &snapshot->items[i];
        writer->uid = item->uid;
        enum weir_error_code code = WEIR_OK;
        if (item->blob.length > 0)
            code = put_section(writer, SECTION_BLOB, 0, item->blob.data, item->blob.length, reterr);
        if (!code && item->state)
            code = weir_state_snapshot_write(item->state, put_key_group, writer, reterr);
        if (code) return code;
    }
    weir_buffer_append_byte(&writer->buffer, 0);
    return write_out(writer, reterr);
}

enum weir_error_code weir_snapshot_file_write(struct weir_filesystem *fs, const char *path,
    const struct weir_job_vertex *vertex, uint32_t subtask_index,
    const struct weir_subtask_snapshot *snapshot, struct weir_memory *memory, uint64_t *ret_bytes,
    struct weir_error *reterr)
{
    struct snapshot_writer writer = { .fs = fs };
    enum weir_error_code code = fs->open_write(fs, path, false, &writer.file, reterr);
    if (code) return code;
    weir_buffer_init(&writer.buffer, memory, (size_t)4 * WRITE_PIECE_BYTES);
    weir_buffer_append(&writer.buffer, snapshot_magic, sizeof snapshot_magic);
    weir_buffer_append_u32(&writer.buffer, SNAPSHOT_VERSION);
    weir_buffer_append_u64(&writer.buffer, snapshot->checkpoint_id);
    weir_buffer_append_u32(&writer.buffer, vertex->id);
    weir_buffer_append_u32(&writer.buffer, subtask_index);
    weir_buffer_append_u32(&writer.buffer, vertex->parallelism);
    weir_buffer_append_u32(&writer.buffer, vertex->max_parallelism);
    weir_buffer_append_byte(&writer.buffer, snapshot->finished);
    code = put_all(&writer, snapshot, reterr);
    if (!code) code = fs->sync(writer.file, reterr);
    fs->close(writer.file);
    weir_buffer_done(&writer.buffer);
    if (!code && ret_bytes) *ret_bytes = writer.bytes;
    return code;
}

static enum weir_error_code read_whole(struct weir_filesystem *fs, struct weir_arena *arena, const char *path,
    struct weir_reader *ret, struct weir_error *reterr)
{
    struct weir_file *file;
    struct weir_file_status status;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    code = fs->file_status(file, &status, reterr);
    if (!code) {
        uint8_t *bytes = weir_arena_allocate(arena, (size_t)status.size_bytes + 1);
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

static bool read_section(struct weir_reader *reader, struct weir_arena *arena, uint32_t old_subtask,
    uint8_t kind, struct weir_restore_section *ret)
{
    uint64_t uid_length = weir_reader_varint(reader);
    const char *uid = uid_length < 4096 ? weir_reader_bytes(reader, uid_length) : NULL;
    *ret = (struct weir_restore_section){ .old_subtask = old_subtask, .is_blob = kind == SECTION_BLOB };
    ret->key_group = weir_reader_u32(reader);
    uint64_t length = weir_reader_u64(reader), checksum = weir_reader_u64(reader);
    const uint8_t *bytes = length <= reader->length ? weir_reader_bytes(reader, length) : NULL;
    if (!uid || !bytes || reader->failed || XXH3_64bits(bytes, length) != checksum) return false;
    ret->uid = weir_arena_copy(arena, uid, uid_length);
    ret->bytes = bytes;
    ret->length = length;
    return true;
}

enum weir_error_code weir_snapshot_file_read(struct weir_filesystem *fs, struct weir_arena *arena,
    const char *path, struct weir_snapshot_file *ret, struct weir_error *reterr)
{
    struct weir_reader reader;
    enum weir_error_code code = read_whole(fs, arena, path, &reader, reterr);
    if (code) return code;
    const void *magic = weir_reader_bytes(&reader, sizeof snapshot_magic);
    if (!magic || memcmp(magic, snapshot_magic, sizeof snapshot_magic) != 0)
        return weir_error_set(
            reterr, WEIR_E_STATE, "%s is not a snapshot file: it does not begin with \"WEIRSNAP\"", path);
    uint32_t version = weir_reader_u32(&reader);
    if (version != SNAPSHOT_VERSION)
        return weir_error_set(reterr, WEIR_E_STATE, "%s has snapshot version %u; this build reads version %d",
            path, version, SNAPSHOT_VERSION);
    *ret = (struct weir_snapshot_file){ .checkpoint_id = weir_reader_u64(&reader) };
    ret->vertex_id = weir_reader_u32(&reader);
    ret->subtask_index = weir_reader_u32(&reader);
    ret->parallelism = weir_reader_u32(&reader);
    ret->max_parallelism = weir_reader_u32(&reader);
    ret->finished = weir_reader_byte(&reader) != 0;
    uint32_t capacity = 0;
    for (;;) {
        uint8_t kind = weir_reader_byte(&reader);
        if (reader.failed)
            return weir_error_set(reterr, WEIR_E_STATE,
                "%s ends at byte %zu in the middle of its sections: it is truncated", path, reader.offset);
        if (kind == 0) return WEIR_OK;
        if (ret->section_count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            struct weir_restore_section *grown =
                WEIR_ARENA_ARRAY(arena, struct weir_restore_section, capacity);
            if (ret->section_count) memcpy(grown, ret->sections, ret->section_count * sizeof *grown);
            ret->sections = grown;
        }
        size_t at = reader.offset;
        if (kind > SECTION_KEY_GROUP || ret->section_count >= SECTIONS_MAX ||
            !read_section(&reader, arena, ret->subtask_index, kind, &ret->sections[ret->section_count]))
            return weir_error_set(reterr, WEIR_E_STATE,
                "%s: the section at byte %zu is damaged (its length or checksum is wrong)", path, at);
        ret->section_count++;
    }
}
