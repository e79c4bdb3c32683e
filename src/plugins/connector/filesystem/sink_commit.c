/* Committing: part files become visible, partitions are marked. */
#include "data/time.h"
#include "plugins/connector/filesystem/partition_path.h"
#include "plugins/connector/filesystem/sink.h"
#include <stdio.h>
#include <string.h>

/* --- committing --- */

static bool is_part_name(const char *name)
{
    return name[0] != '.' && name[0] != '_';
}

/* One of the parts that are about to appear, or has appeared already. */
static bool is_own_part(const struct file_sink *s, const char *path)
{
    for (uint32_t i = 0; i < s->part_count; i++)
        if (strcmp(s->parts[i].visible, path) == 0) return true;
    return false;
}

/* INSERT OVERWRITE: what was visible in the directories written to goes, just before the new parts appear. */
static enum weir_error_code remove_old(struct file_sink *s, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < s->partition_count; i++) {
        const char *directory = sink__directory_of(s, s->partitions[i].path);
        struct weir_directory_entry *entries;
        uint32_t count;
        enum weir_error_code code = s->fs->list(s->fs, &s->scratch, directory, &entries, &count, reterr);
        for (uint32_t k = 0; !code && k < count; k++) {
            if (!entries[k].status.is_regular || !is_part_name(entries[k].name)) continue;
            const char *path = weir_arena_format(&s->scratch, "%s/%s", directory, entries[k].name);
            if (!is_own_part(s, path)) code = s->fs->remove(s->fs, path, false, reterr);
        }
        if (code) return code;
    }
    return WEIR_OK;
}

static bool is_same_file(const struct weir_file_status *a, const struct weir_file_status *b)
{
    return a->exists && b->exists && a->device == b->device && a->inode == b->inode;
}

/* Gone: committed before, where that can be. Else an error. */
static enum weir_error_code source_is_gone(
    struct file_sink *s, const struct sink_part *p, struct weir_error *reterr)
{
    if (p->restored || p->tried) return WEIR_OK;
    return weir_error_set(reterr, WEIR_E_IO, "table %s: the part file %s is gone before it was committed",
        s->table.identifier, p->hidden);
}

static enum weir_error_code commit_part(struct file_sink *s, struct sink_part *p, struct weir_error *reterr)
{
    struct weir_file_status hidden, visible;
    enum weir_error_code code = sink__handle_finish(s, p, reterr);
    if (!code) code = s->fs->status(s->fs, p->hidden, &hidden, reterr);
    if (code) return code;
    if (!hidden.exists) return source_is_gone(s, p, reterr);
    code = s->fs->rename(s->fs, p->hidden, p->visible, false, reterr);
    if (code == WEIR_E_NOT_FOUND) code = source_is_gone(s, p, reterr);
    p->tried = true;
    if (code != WEIR_E_ALREADY_EXISTS) return code;
    /* A renaming that was cut short may have left the file under both names. */
    if (s->fs->status(s->fs, p->visible, &visible, NULL) || !is_same_file(&hidden, &visible))
        return weir_error_wrap(reterr, "table %s: a part file's place is taken", s->table.identifier);
    return s->fs->remove(s->fs, p->hidden, false, reterr);
}

/* '$day $hour:00:00' with the values of the partition's path, which has colons, for one, escaped. */
static int64_t partition_time(struct file_sink *s, const char *path)
{
    char text[256];
    size_t used = 0;
    const char *pattern = s->time_pattern;
    if (!pattern) { /* the first partition value is the time */
        const char *value = strchr(path, '=');
        used = value ? partition_unescape(value + 1, text, sizeof text) : 0;
    }
    for (const char *at = pattern; at && *at && used + 1 < sizeof text;) {
        if (*at != '$') {
            text[used++] = *at++;
            continue;
        }
        bool found = false;
        for (uint32_t k = 0; k < s->table.partition_key_count && !found; k++) {
            const char *name = s->table.names[s->table.partition_keys[k]];
            size_t length = strlen(name);
            if (strncmp(at + 1, name, length) != 0) continue;
            const char *value = path;
            while ((value = strstr(value, name)) &&
                   !((value == path || value[-1] == '/') && value[length] == '='))
                value++;
            if (!value) break;
            used += partition_unescape(value + length + 1, text + used, sizeof text - 1 - used);
            at += 1 + length;
            found = true;
        }
        if (!found) text[used++] = *at++;
    }
    struct weir_civil civil;
    int32_t days;
    if (partition_timestamp_parse(text, used, 3, &civil)) return weir_civil_us(&civil) / 1000;
    if (weir_date_parse(text, used, &days)) return (int64_t)days * 86400000;
    return INT64_MAX;
}

static bool has_uncommitted(struct file_sink *s, const char *partition)
{
    for (uint32_t i = 0; i < s->part_count; i++)
        if (s->parts[i].state != PART_DONE && strcmp(s->parts[i].partition, partition) == 0) return true;
    return false;
}

/* Late rows bring a partition back as a new one. */
static void forget_committed_partitions(struct file_sink *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->partition_count; i++) {
        if (s->partitions[i].committed)
            sink__text_release(s, s->partitions[i].path);
        else
            s->partitions[kept++] = s->partitions[i];
    }
    s->partition_count = kept;
}

static bool is_due(struct file_sink *s, struct sink_partition *p)
{
    if (!s->by_partition_time) return sink__now_ms(s) >= p->created_ms + s->commit_delay_ms;
    if (p->time_ms == INT64_MIN) p->time_ms = partition_time(s, p->path);
    return p->time_ms != INT64_MAX && sink__ctx(s)->watermark_ms >= p->time_ms + s->commit_delay_ms;
}

enum weir_error_code sink__commit_partitions(struct file_sink *s, bool at_end, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < s->partition_count; i++) {
        struct sink_partition *p = &s->partitions[i];
        if (has_uncommitted(s, p->path) || (!at_end && !is_due(s, p))) continue;
        struct weir_file *file;
        const char *name =
            weir_arena_format(&s->scratch, "%s/%s", sink__directory_of(s, p->path), s->success_name);
        enum weir_error_code code = s->fs->open_write(s->fs, name, true, &file, reterr);
        if (code) return code;
        code = s->fs->sync(file, reterr);
        s->fs->close(file);
        if (code) return code;
        p->committed = true;
    }
    forget_committed_partitions(s);
    return WEIR_OK;
}

static void forget_done_parts(struct file_sink *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->part_count; i++)
        if (s->parts[i].state != PART_DONE)
            s->parts[kept++] = s->parts[i];
        else
            sink__part_release(s, &s->parts[i]);
    s->part_count = kept;
}

static bool has_committables(const struct file_sink *s, uint64_t checkpoint_id)
{
    for (uint32_t i = 0; i < s->part_count; i++)
        if (s->parts[i].state == PART_PENDING && s->parts[i].checkpoint <= checkpoint_id) return true;
    return false;
}

static enum weir_error_code commit_parts(
    struct file_sink *s, uint64_t checkpoint_id, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct sink_part *p = &s->parts[i];
        if (p->state != PART_PENDING || p->checkpoint > checkpoint_id) continue;
        enum weir_error_code code = commit_part(s, p, reterr);
        if (code) return code;
        p->state = PART_DONE;
    }
    forget_done_parts(s);
    return WEIR_OK;
}

static void remove_garbage(struct file_sink *s, uint64_t checkpoint_id)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->garbage_count; i++) {
        if (s->garbage[i].checkpoint <= checkpoint_id) {
            (void)s->fs->remove(s->fs, s->garbage[i].path, false, NULL);
            sink__text_release(s, s->garbage[i].path);
        } else {
            s->garbage[kept++] = s->garbage[i];
        }
    }
    s->garbage_count = kept;
}

/* INSERT OVERWRITE, at the end: the old goes, once. Where there are no partitions it goes even if nothing was
 * written. */
static enum weir_error_code replace_old(struct file_sink *s, bool committables, struct weir_error *reterr)
{
    if (!s->overwrite || s->overwritten) return WEIR_OK;
    if (s->table.partition_key_count == 0) {
        enum weir_error_code code = s->fs->make_directories(s->fs, s->table.path, reterr);
        if (code) return code;
        sink__partition_note(s, "");
        committables = true;
    }
    if (!committables) return WEIR_OK;
    enum weir_error_code code = remove_old(s, reterr);
    s->overwritten = !code;
    return code;
}

/* What a sink had prepared at its end is committed here and now, with the marks of its partitions: all that
 * the job waits for may be that this attempt has started. */
enum weir_error_code sink__commit_restored(struct file_sink *s, struct weir_error *reterr)
{
    bool ended = sink__ctx(s)->restored_ended;
    if (s->overwrite && !ended) return WEIR_OK;
    enum weir_error_code code = replace_old(s, has_committables(s, 0), reterr);
    if (!code) code = commit_parts(s, 0, reterr);
    if (!code && ended && s->commits_partitions) code = sink__commit_partitions(s, true, reterr);
    return code;
}

void sink__notify_complete(struct weir_operator *op, uint64_t checkpoint_id)
{
    struct file_sink *s = (struct file_sink *)op;
    struct weir_error *error = sink__ctx(s)->error;
    weir_arena_reset(&s->scratch);
    bool at_end = checkpoint_id > UINT64_MAX - 16;
    if (sink__check_synced(s)) return;
    if (s->overwrite && !at_end) return; /* all at once, at the end */
    if (replace_old(s, has_committables(s, checkpoint_id), error)) return;
    if (commit_parts(s, checkpoint_id, error)) return;
    remove_garbage(s, checkpoint_id);
    if (s->commits_partitions) (void)sink__commit_partitions(s, at_end, error);
}
