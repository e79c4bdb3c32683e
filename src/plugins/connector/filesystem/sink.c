/*
 * Sink half of connector filesystem: part files, two-phase.
 *
 * A part is written under a hidden name, ".part-<attempt>-<subtask>-<n>.inprogress", which readers skip.
 * Closed by the rolling policy (or the end) it is synced and pending; a checkpoint records it, and when that
 * is complete it is renamed, without replacing, to "part-<attempt>-<subtask>-<n>". A part that stays open
 * over a checkpoint is synced and recorded with its length.
 *
 * Restore: pending parts of the checkpoint are renamed (one that is gone was renamed before). The confirmed
 * prefix of an open part is copied into a part of the new attempt, which goes on with it; no attempt writes
 * to a file that another opened. The old file goes when the next checkpoint is complete. close() removes what
 * no checkpoint has named.
 *
 * A partition is committed (its _SUCCESS written) by the subtask that wrote to it, when its parts are visible
 * and its trigger says so: process-time (creation + delay) or partition-time (watermark + delay).
 */
#include "base/assert.h"
#include "data/time.h"
#include "data/value.h"
#include "plugins/connector/filesystem/filesystem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

enum {
    WRITE_BYTES = 256 << 10,
    PART_BUFFER_BYTES_MAX = 1 << 30,
    PARTITION_PATH_BYTES_MAX = 4096,
    PARTS_MAX = 100000,
    COPY_BYTES = 1 << 20,
};

enum part_state { PART_OPEN, PART_PENDING, PART_DONE };

struct part {
    enum part_state state;
    const char *partition; /* "day=1/hour=2" or "" */
    uint64_t partition_hash;
    const char *hidden, *visible; /* full paths */
    struct weir_file *file;       /* OPEN */
    struct weir_buffer buffer;
    int64_t bytes, opened_ms, written_ms;
    uint64_t checkpoint;  /* PENDING: commit with this one or a later */
    bool in_snapshot;     /* some checkpoint names its file */
    bool restored_commit; /* it may have been renamed already */
};

struct partition {
    const char *path;
    int64_t created_ms, time_ms;
    bool committed;
};

struct file_sink {
    struct weir_operator op;
    struct filesystem_table table;
    struct weir_filesystem *fs;
    struct weir_encoder *encoder;
    struct part *parts;
    uint32_t part_count, part_capacity, part_number;
    struct partition *partitions;
    uint32_t partition_count, partition_capacity;
    const char **garbage; /* files of earlier attempts, to be removed when the next checkpoint is complete */
    uint32_t garbage_count, garbage_capacity;
    struct weir_arena names;
    char attempt[40];
    int64_t roll_bytes, roll_ms, inactive_ms, check_ms;
    bool overwrite, overwritten;
    bool commits_partitions, by_partition_time;
    int64_t commit_delay_ms;
    const char *success_name, *time_pattern;
    /* per batch */
    struct weir_vector *view_columns;
    uint32_t *row_part;
    uint16_t *selection;
    struct weir_buffer path;
};

static struct weir_operator_context *ctx_of(struct file_sink *s)
{
    return s->op.ctx;
}
static int64_t now_ms(struct file_sink *s)
{
    return ctx_of(s)->now_us(ctx_of(s)->clock) / 1000;
}

/* --- planning --- */

/* "128MB", "64 kb", "1000"; -1: malformed. */
static int64_t memory_bytes(const char *text)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = { { "", 0 }, { "b", 0 }, { "bytes", 0 }, { "k", 10 }, { "kb", 10 }, { "m", 20 }, { "mb", 20 },
        { "g", 30 }, { "gb", 30 } };
    char *unit;
    int64_t number = strtoll(text, &unit, 10);
    while (*unit == ' ') unit++;
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(units); i++)
        if (strcasecmp(unit, units[i].unit) == 0 && number > 0 && number < (int64_t)1 << 32)
            return number << units[i].shift;
    return -1;
}

static const char *descriptor_option(const struct weir_table_descriptor *table, const char *key)
{
    for (uint32_t i = 0; i < table->option_count; i++)
        if (strcmp(table->options[i].key, key) == 0) return table->options[i].value;
    return NULL;
}

enum weir_error_code filesystem_describe_sink(const struct weir_connectors *all,
    const struct weir_table_descriptor *table, struct weir_sink_description *ret, struct weir_error *reterr)
{
    bool by_key;
    *ret = (struct weir_sink_description){ .partitioned = true };
    static const char *const durations[] = { "sink.rolling-policy.rollover-interval",
        "sink.rolling-policy.inactivity-interval", "sink.rolling-policy.check-interval",
        "sink.partition-commit.delay" };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(durations); i++) {
        const char *value = descriptor_option(table, durations[i]);
        if (value && filesystem_duration_ms(value) < 0)
            return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
                "table %s: option '%s' = '%s': expected a duration such as '10 min'", table->identifier,
                durations[i], value);
    }
    const char *size = descriptor_option(table, "sink.rolling-policy.file-size");
    if (size && memory_bytes(size) < 0)
        return weir_error_set(reterr, WEIR_E_SQL_VALIDATION,
            "table %s: option 'sink.rolling-policy.file-size' = '%s': expected a size such as '128 mb'",
            table->identifier, size);
    const char *policy = descriptor_option(table, "sink.partition-commit.policy.kind");
    if (policy && strcmp(policy, "success-file") != 0)
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "table %s: 'sink.partition-commit.policy.kind' = '%s' is not implemented; success-file is",
            table->identifier, policy);
    const char *formatter = descriptor_option(table, "partition.time-extractor.timestamp-formatter");
    if (formatter && strcmp(formatter, "yyyy-MM-dd HH:mm:ss") != 0)
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "table %s: 'partition.time-extractor.timestamp-formatter' = '%s' is not implemented; yyyy-MM-dd "
            "HH:mm:ss is",
            table->identifier, formatter);
    const char *zone = descriptor_option(table, "sink.partition-commit.watermark-time-zone");
    if (zone && strcmp(zone, "UTC") != 0)
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "table %s: 'sink.partition-commit.watermark-time-zone' = '%s' is not implemented; UTC is",
            table->identifier, zone);
    const char *parallelism = descriptor_option(table, "sink.parallelism");
    if (parallelism) ret->parallelism = (uint32_t)strtoul(parallelism, NULL, 10);
    return filesystem_describe_format(all, table, false, &ret->accepted_kinds, &by_key, reterr);
}

/* --- parts --- */

static struct part *add_part(struct file_sink *s)
{
    if (s->part_count == s->part_capacity) {
        uint32_t capacity = s->part_capacity ? s->part_capacity * 2 : 16;
        s->parts = weir_memory_reallocate(
            ctx_of(s)->memory, s->parts, s->part_capacity * sizeof *s->parts, capacity * sizeof *s->parts);
        s->part_capacity = capacity;
    }
    struct part *p = &s->parts[s->part_count++];
    *p = (struct part){ .state = PART_OPEN };
    return p;
}

static void note_partition(struct file_sink *s, const char *path)
{
    for (uint32_t i = 0; i < s->partition_count; i++) {
        if (strcmp(s->partitions[i].path, path) != 0) continue;
        s->partitions[i].committed = false; /* late rows: the partition is committed again */
        return;
    }
    if (s->partition_count == s->partition_capacity) {
        uint32_t capacity = s->partition_capacity ? s->partition_capacity * 2 : 16;
        s->partitions = weir_memory_reallocate(ctx_of(s)->memory, s->partitions,
            s->partition_capacity * sizeof *s->partitions, capacity * sizeof *s->partitions);
        s->partition_capacity = capacity;
    }
    s->partitions[s->partition_count++] =
        (struct partition){ .path = path, .created_ms = now_ms(s), .time_ms = INT64_MIN };
}

static const char *directory_of(struct file_sink *s, const char *partition)
{
    size_t length = strlen(s->table.path);
    const char *slash = length && s->table.path[length - 1] == '/' ? "" : "/";
    return *partition ? weir_arena_format(&s->names, "%s%s%s", s->table.path, slash, partition)
                      : s->table.path;
}

static enum weir_error_code open_part(
    struct file_sink *s, const char *partition, uint64_t hash, uint32_t *ret)
{
    if (s->part_count >= PARTS_MAX)
        return weir_error_set(ctx_of(s)->error, WEIR_E_BUDGET,
            "table %s: more than %d part files wait for a checkpoint; commit more often or write to fewer "
            "partitions",
            s->table.identifier, PARTS_MAX);
    struct part *p = add_part(s);
    p->partition = weir_arena_string(&s->names, partition);
    p->partition_hash = hash;
    const char *directory = directory_of(s, p->partition);
    uint32_t number = s->part_number++;
    p->hidden = weir_arena_format(
        &s->names, "%s/.part-%s-%u-%u.inprogress", directory, s->attempt, ctx_of(s)->subtask_index, number);
    p->visible = weir_arena_format(
        &s->names, "%s/part-%s-%u-%u", directory, s->attempt, ctx_of(s)->subtask_index, number);
    p->opened_ms = p->written_ms = now_ms(s);
    weir_buffer_init(&p->buffer, ctx_of(s)->memory, PART_BUFFER_BYTES_MAX);
    *ret = s->part_count - 1;
    enum weir_error_code code = s->fs->make_directories(s->fs, directory, ctx_of(s)->error);
    if (!code) code = s->fs->open_write(s->fs, p->hidden, false, &p->file, ctx_of(s)->error);
    if (code) {
        p->file = NULL;
        p->state = PART_DONE;
        return weir_error_wrap(ctx_of(s)->error, "table %s", s->table.identifier);
    }
    note_partition(s, p->partition);
    return WEIR_OK;
}

static enum weir_error_code write_out(struct file_sink *s, struct part *p)
{
    if (p->buffer.length == 0) return WEIR_OK;
    enum weir_error_code code = s->fs->append(p->file, p->buffer.data, p->buffer.length, ctx_of(s)->error);
    if (code) return weir_error_wrap(ctx_of(s)->error, "table %s", s->table.identifier);
    p->bytes += (int64_t)p->buffer.length;
    ctx_of(s)->metrics->bytes_out += p->buffer.length;
    weir_buffer_clear(&p->buffer);
    return WEIR_OK;
}

static void drop_buffer(struct file_sink *s, struct part *p)
{
    if (p->file) s->fs->close(p->file);
    p->file = NULL;
    weir_buffer_done(&p->buffer);
}

static enum weir_error_code close_part(struct file_sink *s, struct part *p)
{
    enum weir_error_code code = write_out(s, p);
    if (!code) code = s->fs->sync(p->file, ctx_of(s)->error);
    if (code) return code;
    drop_buffer(s, p);
    p->state = PART_PENDING;
    p->checkpoint = UINT64_MAX; /* set when a snapshot takes it */
    return WEIR_OK;
}

static bool should_roll(struct file_sink *s, const struct part *p, int64_t at_ms)
{
    return p->bytes + (int64_t)p->buffer.length >= s->roll_bytes || at_ms - p->opened_ms >= s->roll_ms ||
           at_ms - p->written_ms >= s->inactive_ms;
}

/* --- rows --- */

static void put_escaped(const char *text, size_t length, struct weir_buffer *to)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\{[]^", c))
            weir_buffer_format(to, "%%%02X", c);
        else
            weir_buffer_append_byte(to, (char)c);
    }
}

static void partition_path(struct file_sink *s, const struct weir_batch *in, uint32_t row)
{
    weir_buffer_clear(&s->path);
    for (uint32_t k = 0; k < s->table.partition_key_count; k++) {
        uint32_t c = s->table.partition_keys[k];
        char held[512];
        struct weir_buffer value;
        if (k) weir_buffer_append_byte(&s->path, '/');
        put_escaped(s->table.names[c], strlen(s->table.names[c]), &s->path);
        weir_buffer_append_byte(&s->path, '=');
        const struct weir_vector *flat;
        uint32_t at = weir_vector_locate(&in->columns[c], row, &flat);
        if (weir_vector_is_null(&in->columns[c], row)) {
            weir_buffer_append_text(&s->path, s->table.partition_default_name);
        } else if (weir_type_is_string(in->columns[c].type)) {
            const struct weir_string *text = &((const struct weir_string *)flat->data)[at];
            if (text->length == 0)
                weir_buffer_append_text(&s->path, s->table.partition_default_name);
            else
                put_escaped(weir_string_data(text), text->length, &s->path);
        } else {
            weir_buffer_init(&value, ctx_of(s)->memory, PARTITION_PATH_BYTES_MAX);
            weir_value_print(&in->columns[c], row, WEIR_TEXT_PRINT, NULL, &value);
            size_t length = WEIR_MIN(value.length, sizeof held);
            memcpy(held, value.data, length);
            weir_buffer_done(&value);
            put_escaped(held, length, &s->path);
        }
    }
}

static enum weir_error_code part_for(struct file_sink *s, const char *partition, uint32_t *ret)
{
    uint64_t hash = XXH3_64bits(partition, strlen(partition));
    for (uint32_t i = s->part_count; i > 0; i--) {
        const struct part *p = &s->parts[i - 1];
        if (p->state != PART_OPEN || p->partition_hash != hash || strcmp(p->partition, partition) != 0)
            continue;
        *ret = i - 1;
        return WEIR_OK;
    }
    return open_part(s, partition, hash, ret);
}

static enum weir_error_code write_rows(
    struct file_sink *s, uint32_t part, const struct weir_batch *in, const uint16_t *rows, uint32_t count)
{
    struct weir_batch view = *in;
    uint32_t columns = 0;
    for (uint32_t c = 0; c < s->table.column_count; c++)
        if (!s->table.is_partition_key[c]) s->view_columns[columns++] = in->columns[c];
    view.columns = s->view_columns;
    view.column_count = columns;
    view.selection = (uint16_t *)rows;
    view.selected = count;
    struct part *p = &s->parts[part];
    enum weir_error_code code = s->table.format->encode(s->encoder, &view, &p->buffer, ctx_of(s)->error);
    if (code) return weir_error_wrap(ctx_of(s)->error, "table %s", s->table.identifier);
    p->written_ms = now_ms(s);
    if (p->buffer.length >= WRITE_BYTES) code = write_out(s, p);
    if (!code && p->bytes + (int64_t)p->buffer.length >= s->roll_bytes) code = close_part(s, p);
    return code;
}

static enum weir_operator_result sink_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct file_sink *s = (struct file_sink *)op;
    uint32_t n = weir_batch_selected(in);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = weir_batch_row(in, i);
        if (s->table.partition_key_count > 0) partition_path(s, in, row);
        if (part_for(s, s->table.partition_key_count > 0 ? weir_buffer_text(&s->path) : "", &s->row_part[i]))
            return WEIR_OPERATOR_FAILED;
        if (s->table.partition_key_count > 0) continue;
        for (uint32_t k = 1; k < n; k++) s->row_part[k] = s->row_part[0]; /* one part takes them all */
        break;
    }
    /* The rows of each part in one piece; a part is done when its first row is met. */
    for (uint32_t i = 0; i < n; i++) {
        uint32_t part = s->row_part[i], count = 0;
        if (part == UINT32_MAX) continue;
        for (uint32_t k = i; k < n; k++) {
            if (s->row_part[k] != part) continue;
            s->selection[count++] = (uint16_t)weir_batch_row(in, k);
            s->row_part[k] = UINT32_MAX;
        }
        if (write_rows(s, part, in, s->selection, count)) return WEIR_OPERATOR_FAILED;
    }
    return WEIR_OPERATOR_NEED_INPUT;
}

/* --- committing --- */

static bool is_part_name(const char *name)
{
    return name[0] != '.' && name[0] != '_';
}

/* INSERT OVERWRITE: what was visible in the directories written to goes, just before the new parts appear. */
static enum weir_error_code remove_old(struct file_sink *s)
{
    for (uint32_t i = 0; i < s->partition_count; i++) {
        const char *directory = directory_of(s, s->partitions[i].path);
        struct weir_directory_entry *entries;
        uint32_t count;
        enum weir_error_code code =
            s->fs->list(s->fs, &s->names, directory, &entries, &count, ctx_of(s)->error);
        for (uint32_t k = 0; !code && k < count; k++) {
            if (!entries[k].status.is_regular || !is_part_name(entries[k].name) ||
                strstr(entries[k].name, s->attempt))
                continue;
            code = s->fs->remove(s->fs, weir_arena_format(&s->names, "%s/%s", directory, entries[k].name),
                false, ctx_of(s)->error);
        }
        if (code) return code;
    }
    return WEIR_OK;
}

static enum weir_error_code commit_part(struct file_sink *s, struct part *p, struct weir_error *reterr)
{
    struct weir_file_status status;
    enum weir_error_code code = s->fs->status(s->fs, p->hidden, &status, reterr);
    if (code) return code;
    if (!status.exists) {
        if (p->restored_commit) return WEIR_OK; /* renamed before the failure that we were restored from */
        return weir_error_set(reterr, WEIR_E_IO, "table %s: the part file %s is gone before it was committed",
            s->table.identifier, p->hidden);
    }
    return s->fs->rename(s->fs, p->hidden, p->visible, false, reterr);
}

/* '$day $hour:00:00' with the values of the partition's path. */
static int64_t partition_time(struct file_sink *s, const char *path)
{
    char text[256];
    size_t used = 0;
    const char *pattern = s->time_pattern;
    if (!pattern) { /* the first partition value is the time */
        const char *value = strchr(path, '=');
        snprintf(text, sizeof text, "%.*s", value ? (int)strcspn(value + 1, "/") : 0, value ? value + 1 : "");
        used = strlen(text);
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
            int wrote = snprintf(text + used, sizeof text - used, "%.*s",
                (int)strcspn(value + length + 1, "/"), value + length + 1);
            used = WEIR_MIN(used + (size_t)WEIR_MAX(wrote, 0), sizeof text - 1);
            at += 1 + length;
            found = true;
        }
        if (!found) text[used++] = *at++;
    }
    struct weir_civil civil;
    int32_t days;
    if (weir_timestamp_parse(text, used, 3, &civil)) return weir_civil_us(&civil) / 1000;
    if (weir_date_parse(text, used, &days)) return (int64_t)days * 86400000;
    return INT64_MAX;
}

static bool has_uncommitted(struct file_sink *s, const char *partition)
{
    for (uint32_t i = 0; i < s->part_count; i++)
        if (s->parts[i].state != PART_DONE && strcmp(s->parts[i].partition, partition) == 0) return true;
    return false;
}

static enum weir_error_code commit_partitions(struct file_sink *s, bool at_end, struct weir_error *reterr)
{
    for (uint32_t i = 0; i < s->partition_count; i++) {
        struct partition *p = &s->partitions[i];
        if (p->committed || has_uncommitted(s, p->path)) continue;
        if (!at_end) {
            if (s->by_partition_time && p->time_ms == INT64_MIN) p->time_ms = partition_time(s, p->path);
            if (s->by_partition_time &&
                (p->time_ms == INT64_MAX || ctx_of(s)->watermark_ms < p->time_ms + s->commit_delay_ms))
                continue;
            if (!s->by_partition_time && now_ms(s) < p->created_ms + s->commit_delay_ms) continue;
        }
        struct weir_file *file;
        const char *name = weir_arena_format(&s->names, "%s/%s", directory_of(s, p->path), s->success_name);
        enum weir_error_code code = s->fs->open_write(s->fs, name, true, &file, reterr);
        if (code) return code;
        code = s->fs->sync(file, reterr);
        s->fs->close(file);
        if (code) return code;
        p->committed = true;
    }
    return WEIR_OK;
}

static void forget_done_parts(struct file_sink *s)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->part_count; i++)
        if (s->parts[i].state != PART_DONE) s->parts[kept++] = s->parts[i];
    s->part_count = kept;
}

static void sink_notify_complete(struct weir_operator *op, uint64_t checkpoint_id)
{
    struct file_sink *s = (struct file_sink *)op;
    struct weir_error *error = ctx_of(s)->error;
    bool pending = false, at_end = checkpoint_id > UINT64_MAX - 16;
    for (uint32_t i = 0; i < s->part_count; i++)
        pending |= s->parts[i].state == PART_PENDING && s->parts[i].checkpoint <= checkpoint_id;
    if (s->overwrite && !s->overwritten && at_end && s->table.partition_key_count == 0) {
        /* Nothing was written: what was there goes all the same. */
        if (s->fs->make_directories(s->fs, s->table.path, error)) return;
        note_partition(s, "");
        pending = true;
    }
    if (s->overwrite && !s->overwritten && pending) {
        if (remove_old(s)) return;
        s->overwritten = true;
    }
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct part *p = &s->parts[i];
        if (p->state != PART_PENDING || p->checkpoint > checkpoint_id) continue;
        if (commit_part(s, p, error)) return;
        p->state = PART_DONE;
    }
    for (uint32_t i = 0; i < s->garbage_count; i++) (void)s->fs->remove(s->fs, s->garbage[i], false, NULL);
    s->garbage_count = 0;
    forget_done_parts(s);
    if (s->commits_partitions) (void)commit_partitions(s, at_end, error);
}

/* --- snapshot --- */

static void put_string(struct weir_buffer *to, const char *text)
{
    weir_buffer_append_varint(to, strlen(text));
    weir_buffer_append_text(to, text);
}

static enum weir_error_code sink_snapshot(
    struct weir_operator *op, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct file_sink *s = (struct file_sink *)op;
    bool final = checkpoint_id > UINT64_MAX - 16; /* the input has ended */
    int64_t at_ms = now_ms(s);
    weir_buffer_append_byte(to, 1); /* version */
    weir_buffer_append_u32(to, s->part_count);
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct part *p = &s->parts[i];
        enum weir_error_code code = WEIR_OK;
        if (p->state == PART_OPEN && (final || should_roll(s, p, at_ms)))
            code = close_part(s, p);
        else if (p->state == PART_OPEN) {
            code = write_out(s, p);
            if (!code) code = s->fs->sync(p->file, ctx_of(s)->error);
        }
        if (code) {
            if (reterr && reterr != ctx_of(s)->error) *reterr = *ctx_of(s)->error;
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
    return WEIR_OK;
}

static const char *get_string(struct weir_reader *reader, struct weir_arena *arena)
{
    uint64_t length = weir_reader_varint(reader);
    const char *bytes = length < 65536 ? weir_reader_bytes(reader, length) : NULL;
    if (!bytes) reader->failed = true;
    return bytes ? weir_arena_copy(arena, bytes, length) : "";
}

static void add_garbage(struct file_sink *s, const char *path)
{
    if (s->garbage_count == s->garbage_capacity) {
        uint32_t capacity = s->garbage_capacity ? s->garbage_capacity * 2 : 16;
        s->garbage = weir_memory_reallocate(ctx_of(s)->memory, (void *)s->garbage,
            s->garbage_capacity * sizeof *s->garbage, capacity * sizeof *s->garbage);
        s->garbage_capacity = capacity;
    }
    s->garbage[s->garbage_count++] = path;
}

/* The confirmed prefix of another attempt's open part becomes the beginning of a part of ours. */
static enum weir_error_code copy_prefix(
    struct file_sink *s, const char *partition, const char *hidden, int64_t bytes, struct weir_error *reterr)
{
    struct weir_file *from;
    uint32_t index;
    enum weir_error_code code = s->fs->open_read(s->fs, hidden, &from, reterr);
    if (code) return code;
    code = open_part(s, partition, XXH3_64bits(partition, strlen(partition)), &index);
    char *piece = weir_memory_allocate(ctx_of(s)->memory, COPY_BYTES);
    for (int64_t at = 0; !code && at < bytes;) {
        size_t got;
        code =
            s->fs->read_at(from, at, piece, (size_t)WEIR_MIN(bytes - at, (int64_t)COPY_BYTES), &got, reterr);
        if (!code && got == 0)
            code = weir_error_set(reterr, WEIR_E_STATE,
                "%s is shorter than the %lld bytes that the checkpoint confirmed", hidden, (long long)bytes);
        if (!code) code = s->fs->append(s->parts[index].file, piece, got, reterr);
        at += (int64_t)got;
    }
    weir_memory_release(ctx_of(s)->memory, piece, COPY_BYTES);
    s->fs->close(from);
    if (!code) s->parts[index].bytes = bytes;
    add_garbage(s, hidden);
    return code;
}

static enum weir_error_code restore_part(
    struct file_sink *s, struct weir_reader *reader, bool mine, struct weir_error *reterr)
{
    uint8_t state = weir_reader_byte(reader);
    const char *partition = get_string(reader, &s->names), *hidden = get_string(reader, &s->names),
               *visible = get_string(reader, &s->names);
    int64_t bytes = (int64_t)weir_reader_u64(reader);
    if (reader->failed || !mine) return WEIR_OK;
    if (state == PART_OPEN)
        return bytes > 0 ? copy_prefix(s, partition, hidden, bytes, reterr)
                         : (add_garbage(s, hidden), WEIR_OK);
    if (state != PART_PENDING) return WEIR_OK;
    struct part p = { .state = PART_PENDING,
        .partition = partition,
        .hidden = hidden,
        .visible = visible,
        .restored_commit = true };
    note_partition(s, partition);
    return commit_part(s, &p, reterr);
}

static enum weir_error_code sink_restore(struct weir_operator *op, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct file_sink *s = (struct file_sink *)op;
    for (uint32_t b = 0; b < count; b++) {
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        bool mine = blobs[b].subtask_index % ctx_of(s)->parallelism == ctx_of(s)->subtask_index;
        uint8_t version = weir_reader_byte(&reader);
        uint32_t parts = weir_reader_u32(&reader);
        for (uint32_t i = 0; i < parts && !reader.failed; i++) {
            enum weir_error_code code = restore_part(s, &reader, mine, reterr);
            if (code) return code;
        }
        uint32_t partitions = weir_reader_u32(&reader);
        for (uint32_t i = 0; i < partitions && !reader.failed; i++) {
            const char *path = get_string(&reader, &s->names);
            int64_t created_ms = (int64_t)weir_reader_u64(&reader);
            bool committed = weir_reader_byte(&reader) != 0;
            if (reader.failed || !mine || committed) continue;
            note_partition(s, path);
            for (uint32_t k = 0; k < s->partition_count; k++)
                if (strcmp(s->partitions[k].path, path) == 0) s->partitions[k].created_ms = created_ms;
        }
        if (version != 1 || reader.failed)
            return weir_error_set(reterr, WEIR_E_STATE,
                "table %s: the sink's part files in the checkpoint are damaged", s->table.identifier);
    }
    return WEIR_OK;
}

/* --- life --- */

static enum weir_operator_result sink_timer(struct weir_operator *op, int64_t at_ms, struct weir_batch *out)
{
    struct file_sink *s = (struct file_sink *)op;
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct part *p = &s->parts[i];
        if (p->state == PART_OPEN && should_roll(s, p, at_ms) && close_part(s, p))
            return WEIR_OPERATOR_FAILED;
    }
    if (s->commits_partitions) {
        ctx_of(s)->error->code = WEIR_OK;
        if (commit_partitions(s, false, ctx_of(s)->error)) return WEIR_OPERATOR_FAILED;
    }
    op->ctx->set_timer(op->ctx, at_ms + s->check_ms);
    return WEIR_OPERATOR_NEED_INPUT;
}

static void sink_close(struct weir_operator *op)
{
    struct file_sink *s = (struct file_sink *)op;
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct part *p = &s->parts[i];
        if (p->state == PART_DONE) continue;
        drop_buffer(s, p);
        if (!p->in_snapshot && p->hidden) (void)s->fs->remove(s->fs, p->hidden, false, NULL);
    }
    if (s->encoder && s->table.format->encoder_free) s->table.format->encoder_free(s->encoder);
    weir_memory_release(ctx_of(s)->memory, s->parts, s->part_capacity * sizeof *s->parts);
    weir_memory_release(ctx_of(s)->memory, s->partitions, s->partition_capacity * sizeof *s->partitions);
    weir_memory_release(ctx_of(s)->memory, (void *)s->garbage, s->garbage_capacity * sizeof *s->garbage);
    weir_buffer_done(&s->path);
    weir_arena_done(&s->names);
}

static int64_t option_ms(struct file_sink *s, const char *key, const char *otherwise)
{
    return filesystem_duration_ms(filesystem_option(&s->table, key, otherwise));
}

static void read_policies(struct file_sink *s)
{
    s->roll_bytes = memory_bytes(filesystem_option(&s->table, "sink.rolling-policy.file-size", "128MB"));
    s->roll_ms = option_ms(s, "sink.rolling-policy.rollover-interval", "30 min");
    s->inactive_ms = option_ms(s, "sink.rolling-policy.inactivity-interval", "30 min");
    s->check_ms = WEIR_MAX(option_ms(s, "sink.rolling-policy.check-interval", "1 min"), (int64_t)1);
    s->commits_partitions = filesystem_option(&s->table, "sink.partition-commit.policy.kind", NULL) &&
                            s->table.partition_key_count > 0;
    s->by_partition_time =
        strcasecmp(filesystem_option(&s->table, "sink.partition-commit.trigger", "process-time"),
            "partition-time") == 0;
    s->commit_delay_ms = option_ms(s, "sink.partition-commit.delay", "0 s");
    s->success_name = filesystem_option(&s->table, "sink.partition-commit.success-file.name", "_SUCCESS");
    s->time_pattern = filesystem_option(&s->table, "partition.time-extractor.timestamp-pattern", NULL);
}

static enum weir_error_code sink_create(struct weir_operator_context *ctx, struct weir_operator **ret)
{
    struct file_sink *s = WEIR_ARENA_NEW(ctx->arena, struct file_sink);
    s->op = (struct weir_operator){ &weir_filesystem_sink_ops, ctx };
    s->fs = ctx->filesystem;
    weir_arena_init(&s->names, ctx->memory);
    enum weir_error_code code =
        filesystem_table_read(ctx->connectors, ctx->spec, ctx->arena, &s->table, ctx->error);
    if (code) return code;
    s->overwrite = weir_spec_get_boolean(ctx->spec, "overwrite", false);
    if (s->overwrite && !ctx->bounded)
        return weir_error_set(ctx->error, WEIR_E_SQL_VALIDATION,
            "table %s: Streaming mode not support overwrite.", s->table.identifier);
    if (s->overwrite && ctx->parallelism > 1)
        return weir_error_set(ctx->error, WEIR_E_UNSUPPORTED,
            "table %s: INSERT OVERWRITE with a parallelism above 1 is not implemented; set "
            "'sink.parallelism' = '1'",
            s->table.identifier);
    read_policies(s);
    uint64_t now = (uint64_t)ctx->now_us(ctx->clock);
    snprintf(s->attempt, sizeof s->attempt, "%08llx-%016llx", (unsigned long long)(now / 1000000),
        (unsigned long long)XXH3_64bits_withSeed(&now, sizeof now, ctx->random_seed));
    s->view_columns = WEIR_ARENA_ARRAY(ctx->arena, struct weir_vector, s->table.column_count + 1);
    s->row_part = WEIR_ARENA_ARRAY(ctx->arena, uint32_t, WEIR_BATCH_ROWS_MAX);
    s->selection = WEIR_ARENA_ARRAY(ctx->arena, uint16_t, WEIR_BATCH_ROWS_MAX);
    weir_buffer_init(&s->path, ctx->memory, PARTITION_PATH_BYTES_MAX * 16);
    struct weir_format_context *format = WEIR_ARENA_NEW(ctx->arena, struct weir_format_context);
    *format = (struct weir_format_context){ .options = s->table.format_options,
        .option_count = s->table.format_option_count,
        .schema_count = s->table.schema_count,
        .schema_names = s->table.schema_names,
        .schema_types = s->table.schema_types,
        .arena = ctx->arena,
        .memory = ctx->memory,
        .local_zone = ctx->local_zone,
        .metrics = ctx->metrics };
    code = s->table.format->encoder_new(format, &s->encoder, ctx->error);
    if (code) return code;
    ctx->set_timer(ctx, ctx->now_us(ctx->clock) / 1000 + s->check_ms);
    *ret = &s->op;
    return WEIR_OK;
}

const struct weir_operator_ops weir_filesystem_sink_ops = { .name = "filesystem",
    .create = sink_create,
    .process = sink_process,
    .timer = sink_timer,
    .snapshot = sink_snapshot,
    .restore = sink_restore,
    .notify_complete = sink_notify_complete,
    .close = sink_close };
