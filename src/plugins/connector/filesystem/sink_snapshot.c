/* What a checkpoint remembers of the part files, and how another attempt goes on from it. */
#include "plugins/connector/filesystem/sink.h"
#include <string.h>
#include <xxhash.h>

enum { SINK_SNAPSHOT_VERSION = 2, COPY_BYTES = 1 << 20, STRING_BYTES_MAX = 65536 };

static void put_string(struct weir_buffer *to, const char *text)
{
    weir_buffer_append_varint(to, strlen(text));
    weir_buffer_append_text(to, text);
}

/* Committable, or as it is: its bytes so far are made durable. */
static enum weir_error_code confirm_part(struct file_sink *s, struct sink_part *p, bool close)
{
    enum weir_error_code code = WEIR_OK;
    if (p->state == PART_OPEN) code = close ? sink__part_close(s, p) : sink__part_write_out(s, p);
    return code ? code : sink__make_durable(s, p);
}

enum weir_error_code sink__snapshot(
    struct weir_operator *op, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct file_sink *s = (struct file_sink *)op;
    /* At the end of the input, and where the snapshot must stand on its own, no part stays open. */
    bool close_all = checkpoint_id > UINT64_MAX - 16 || sink__ctx(s)->savepoint;
    int64_t at_ms = sink__now_ms(s);
    if (sink__check_synced(s)) {
        if (reterr && reterr != sink__ctx(s)->error) *reterr = *sink__ctx(s)->error;
        return WEIR_E_IO;
    }
    weir_buffer_append_byte(to, SINK_SNAPSHOT_VERSION);
    weir_buffer_append_u32(to, s->part_count);
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct sink_part *p = &s->parts[i];
        enum weir_error_code code = confirm_part(s, p, close_all || sink__part_should_roll(s, p, at_ms));
        if (code) {
            if (reterr && reterr != sink__ctx(s)->error) *reterr = *sink__ctx(s)->error;
            return code;
        }
        if (p->state == PART_PENDING && p->checkpoint == UINT64_MAX) p->checkpoint = checkpoint_id;
        p->in_snapshot = true;
        weir_buffer_append_byte(to, (char)p->state);
        put_string(to, p->partition);
        put_string(to, p->hidden);
        put_string(to, p->visible);
        weir_buffer_append_u64(to, (uint64_t)p->bytes);
    }
    weir_buffer_append_u32(to, s->partition_count);
    for (uint32_t i = 0; i < s->partition_count; i++) {
        put_string(to, s->partitions[i].path);
        weir_buffer_append_u64(to, (uint64_t)s->partitions[i].created_ms);
        weir_buffer_append_byte(to, s->partitions[i].committed);
    }
    weir_buffer_append_byte(to, s->overwritten);
    for (uint32_t i = 0; i < s->garbage_count; i++)
        if (s->garbage[i].checkpoint == UINT64_MAX) s->garbage[i].checkpoint = checkpoint_id;
    if (checkpoint_id <= UINT64_MAX - 16) s->last_checkpoint_id = checkpoint_id;
    return WEIR_OK;
}

/* --- restoring --- */

static const char *get_string(struct weir_reader *reader, struct weir_arena *arena)
{
    uint64_t length = weir_reader_varint(reader);
    const char *bytes = length < STRING_BYTES_MAX ? weir_reader_bytes(reader, length) : NULL;
    if (!bytes) reader->failed = true;
    return bytes ? weir_arena_copy(arena, bytes, length) : "";
}

/* Files of other jobs, which a savepoint or checkpoint of theirs may name, are not ours to remove; nor is
 * what a savepoint of our own may name. */
static void add_garbage(struct file_sink *s, const char *path)
{
    if (!sink__is_own_jobs(s, path) || sink__may_be_in_savepoint(s, path)) return;
    if (s->garbage_count == s->garbage_capacity) {
        uint32_t capacity = s->garbage_capacity ? s->garbage_capacity * 2 : 16;
        s->garbage = weir_memory_reallocate(sink__ctx(s)->memory, s->garbage,
            s->garbage_capacity * sizeof *s->garbage, capacity * sizeof *s->garbage);
        s->garbage_capacity = capacity;
    }
    s->garbage[s->garbage_count++] =
        (struct sink_garbage){ .path = sink__text_copy(s, path), .checkpoint = UINT64_MAX };
}

/* The confirmed prefix of another attempt's open part becomes the beginning of a part of ours. */
static enum weir_error_code copy_prefix(
    struct file_sink *s, const char *partition, const char *hidden, int64_t bytes, struct weir_error *reterr)
{
    struct weir_file *from;
    uint32_t index;
    enum weir_error_code code = s->fs->open_read(s->fs, hidden, &from, reterr);
    if (code) return code;
    code = sink__part_open(s, partition, XXH3_64bits(partition, strlen(partition)), &index);
    if (code && reterr && reterr != sink__ctx(s)->error) *reterr = *sink__ctx(s)->error;
    char *piece = weir_memory_allocate(sink__ctx(s)->memory, COPY_BYTES);
    for (int64_t at = 0; !code && at < bytes;) {
        size_t got;
        code =
            s->fs->read_at(from, at, piece, (size_t)WEIR_MIN(bytes - at, (int64_t)COPY_BYTES), &got, reterr);
        if (!code && got == 0)
            code = weir_error_set(reterr, WEIR_E_STATE,
                "%s is shorter than the %lld bytes that the checkpoint confirmed", hidden, (long long)bytes);
        if (!code) code = s->fs->append(s->parts[index].handle->file, piece, got, reterr);
        at += (int64_t)got;
    }
    weir_memory_release(sink__ctx(s)->memory, piece, COPY_BYTES);
    s->fs->close(from);
    if (!code) {
        s->parts[index].bytes = bytes;
        add_garbage(s, hidden);
    }
    return code;
}

struct restored_part {
    uint8_t state;
    const char *partition, *hidden, *visible;
    int64_t bytes;
};

static enum weir_error_code restore_part(
    struct file_sink *s, const struct restored_part *old, struct weir_error *reterr)
{
    if (old->state == PART_OPEN && old->bytes > 0)
        return copy_prefix(s, old->partition, old->hidden, old->bytes, reterr);
    if (old->state == PART_OPEN) add_garbage(s, old->hidden);
    if (old->state != PART_PENDING) return WEIR_OK;
    struct sink_part *p = sink__part_add(s);
    p->state = PART_PENDING;
    p->partition = sink__text_copy(s, old->partition);
    p->hidden = sink__text_copy(s, old->hidden);
    p->visible = sink__text_copy(s, old->visible);
    p->bytes = old->bytes;
    p->in_snapshot = p->restored = true;
    sink__partition_note(s, old->partition);
    return WEIR_OK;
}

/* One old subtask's blob; names gets what it names. */
static enum weir_error_code restore_blob(struct file_sink *s, const struct weir_operator_blob *blob,
    struct weir_arena *scratch, const char ***ret_names, uint32_t *ret_count, struct weir_error *reterr)
{
    struct weir_reader reader = { .data = blob->bytes, .length = blob->length };
    bool mine = blob->subtask_index % sink__ctx(s)->parallelism == sink__ctx(s)->subtask_index;
    bool known = weir_reader_byte(&reader) == SINK_SNAPSHOT_VERSION;
    uint32_t parts = known ? weir_reader_u32(&reader) : 0;
    if (parts > reader.length) reader.failed = true;
    *ret_names = reader.failed ? NULL : WEIR_ARENA_ARRAY(scratch, const char *, parts + 1);
    *ret_count = 0;
    for (uint32_t i = 0; i < parts && !reader.failed; i++) {
        struct restored_part old = { .state = weir_reader_byte(&reader) };
        old.partition = get_string(&reader, scratch);
        old.hidden = get_string(&reader, scratch);
        old.visible = get_string(&reader, scratch);
        old.bytes = (int64_t)weir_reader_u64(&reader);
        if (reader.failed) break;
        (*ret_names)[(*ret_count)++] = old.hidden;
        enum weir_error_code code = mine ? restore_part(s, &old, reterr) : WEIR_OK;
        if (code) return weir_error_wrap(reterr, "table %s", s->table.identifier);
    }
    uint32_t partitions = weir_reader_u32(&reader);
    for (uint32_t i = 0; i < partitions && !reader.failed; i++) {
        const char *path = get_string(&reader, scratch);
        int64_t created_ms = (int64_t)weir_reader_u64(&reader);
        bool committed = weir_reader_byte(&reader) != 0;
        if (reader.failed || !mine || committed) continue;
        sink__partition_note(s, path);
        for (uint32_t k = 0; k < s->partition_count; k++)
            if (strcmp(s->partitions[k].path, path) == 0) s->partitions[k].created_ms = created_ms;
    }
    s->overwritten |= weir_reader_byte(&reader) != 0;
    if (known && !reader.failed) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_STATE, "table %s: the sink's part files in the checkpoint are %s",
        s->table.identifier, known ? "damaged" : "of a version that this build does not read");
}

enum weir_error_code sink__restore(struct weir_operator *op, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct file_sink *s = (struct file_sink *)op;
    struct weir_arena scratch;
    weir_arena_init(&scratch, sink__ctx(s)->memory);
    const char **named = NULL;
    uint32_t named_count = 0;
    enum weir_error_code code = WEIR_OK;
    for (uint32_t b = 0; !code && b < count; b++) {
        const char **names;
        uint32_t name_count;
        code = restore_blob(s, &blobs[b], &scratch, &names, &name_count, reterr);
        if (code) break;
        const char **all = WEIR_ARENA_ARRAY(&scratch, const char *, named_count + name_count + 1);
        if (named_count) memcpy((void *)all, named, named_count * sizeof *all);
        if (name_count) memcpy((void *)(all + named_count), names, name_count * sizeof *all);
        named = all;
        named_count += name_count;
    }
    if (!code) code = sink__commit_restored(s, reterr);
    if (!code) sink__remove_predecessors(s, named, named_count);
    weir_arena_done(&scratch);
    return code;
}

/* --- predecessors --- */

static bool is_named(const char *name, const char *const *named, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *slash = strrchr(named[i], '/');
        if (strcmp(slash ? slash + 1 : named[i], name) == 0) return true;
    }
    return false;
}

static void remove_below(struct file_sink *s, struct weir_arena *scratch, const char *directory,
    uint32_t depth, const char *const *named, uint32_t named_count)
{
    struct weir_directory_entry *entries;
    uint32_t count;
    if (s->fs->list(s->fs, scratch, directory, &entries, &count, NULL)) return;
    size_t length = strlen(directory);
    const char *slash = length && directory[length - 1] == '/' ? "" : "/";
    for (uint32_t i = 0; i < count; i++) {
        const char *path = weir_arena_format(scratch, "%s%s%s", directory, slash, entries[i].name);
        if (entries[i].status.is_directory && depth > 0)
            remove_below(s, scratch, path, depth - 1, named, named_count);
        else if (entries[i].status.is_regular && sink__is_predecessors(s, entries[i].name) &&
                 !sink__may_be_in_savepoint(s, entries[i].name) &&
                 !is_named(entries[i].name, named, named_count))
            (void)s->fs->remove(s->fs, path, false, NULL);
    }
}

/* What cannot be listed or removed stays for the next attempt, or for the job's clean-up. */
void sink__remove_predecessors(struct file_sink *s, const char *const *named, uint32_t named_count)
{
    struct weir_file_status status;
    if (s->fs->status(s->fs, s->table.path, &status, NULL) || !status.is_directory) return;
    struct weir_arena scratch;
    weir_arena_init(&scratch, sink__ctx(s)->memory);
    remove_below(s, &scratch, s->table.path, s->table.partition_key_count, named, named_count);
    weir_arena_done(&scratch);
}
