/*
 * Sink half of connector filesystem: part files, two-phase.
 *
 * A part is written under a hidden name that says whose it is (sink_name.c). Closed by the rolling policy, a
 * savepoint or the end it is synced and pending: a committable. A checkpoint names it, and when that is
 * complete it is renamed, without replacing. A checkpoint that was given up changes nothing: the next one
 * names the same. A part that stays open over a checkpoint is synced and named with its length.
 *
 * A hidden file that is gone counts as committed where the commit is repeated or restored, and only there: by
 * the attempt that closed it, it is an error.
 *
 * Restore: each subtask's files are seen to by one new subtask. Committables are renamed. The confirmed
 * prefix of an open part is copied into a part of the new attempt, which goes on with it: no attempt writes
 * to a file that another has opened. The old file goes when a checkpoint that no longer needs it is complete.
 * Files of older attempts at the same work that the checkpoint does not name are removed, and no others.
 * close() removes what no checkpoint has named.
 *
 * A partition is committed (its _SUCCESS written) by the subtask that wrote to it, when its parts are visible
 * and its trigger says so: process-time (creation + delay) or partition-time (watermark + delay).
 */
#include "base/assert.h"
#include "data/value.h"
#include "plugins/connector/filesystem/sink.h"
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
};

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

struct sink_part *sink__part_add(struct file_sink *s)
{
    if (s->part_count == s->part_capacity) {
        uint32_t capacity = s->part_capacity ? s->part_capacity * 2 : 16;
        s->parts = weir_memory_reallocate(
            sink__ctx(s)->memory, s->parts, s->part_capacity * sizeof *s->parts, capacity * sizeof *s->parts);
        s->part_capacity = capacity;
    }
    struct sink_part *p = &s->parts[s->part_count++];
    *p = (struct sink_part){ .state = PART_OPEN };
    weir_buffer_init(&p->buffer, sink__ctx(s)->memory, PART_BUFFER_BYTES_MAX);
    return p;
}

void sink__partition_note(struct file_sink *s, const char *path)
{
    if (!s->commits_partitions && !s->overwrite) return;
    for (uint32_t i = 0; i < s->partition_count; i++) {
        if (strcmp(s->partitions[i].path, path) != 0) continue;
        s->partitions[i].committed = false; /* late rows: the partition is committed again */
        return;
    }
    if (s->partition_count == s->partition_capacity) {
        uint32_t capacity = s->partition_capacity ? s->partition_capacity * 2 : 16;
        s->partitions = weir_memory_reallocate(sink__ctx(s)->memory, s->partitions,
            s->partition_capacity * sizeof *s->partitions, capacity * sizeof *s->partitions);
        s->partition_capacity = capacity;
    }
    s->partitions[s->partition_count++] = (struct sink_partition){
        .path = sink__text_copy(s, path), .created_ms = sink__now_ms(s), .time_ms = INT64_MIN
    };
}

const char *sink__directory_of(struct file_sink *s, const char *partition)
{
    size_t length = strlen(s->table.path);
    const char *slash = length && s->table.path[length - 1] == '/' ? "" : "/";
    return *partition ? weir_arena_format(&s->scratch, "%s%s%s", s->table.path, slash, partition)
                      : s->table.path;
}

/* A name that is taken was given in an earlier life of the job; what lies there is left alone. */
static enum weir_error_code create_hidden(
    struct file_sink *s, struct sink_part *p, struct weir_file **ret_file)
{
    enum weir_error_code code = WEIR_E_ALREADY_EXISTS;
    for (uint32_t tried = 0; code == WEIR_E_ALREADY_EXISTS && tried < PARTS_MAX; tried++) {
        sink__text_release(s, p->hidden);
        sink__text_release(s, p->visible);
        sink__name_part(s, p, s->part_number++);
        code = s->fs->open_write(s->fs, p->hidden, false, ret_file, sink__ctx(s)->error);
    }
    return code;
}

enum weir_error_code sink__part_open(struct file_sink *s, const char *partition, uint64_t hash, uint32_t *ret)
{
    if (s->part_count >= PARTS_MAX)
        return weir_error_set(sink__ctx(s)->error, WEIR_E_BUDGET,
            "table %s: more than %d part files wait for a checkpoint; commit more often or write to fewer "
            "partitions",
            s->table.identifier, PARTS_MAX);
    struct sink_part *p = sink__part_add(s);
    p->partition = sink__text_copy(s, partition);
    p->partition_hash = hash;
    const char *directory = sink__directory_of(s, p->partition);
    p->opened_ms = p->written_ms = sink__now_ms(s);
    *ret = s->part_count - 1;
    enum weir_error_code code = s->fs->make_directories(s->fs, directory, sink__ctx(s)->error);
    struct weir_file *file;
    if (!code) code = create_hidden(s, p, &file);
    if (code) {
        p->state = PART_DONE;
        return weir_error_wrap(sink__ctx(s)->error, "table %s", s->table.identifier);
    }
    sink__handle_open(s, p, file);
    sink__partition_note(s, p->partition);
    return WEIR_OK;
}

enum weir_error_code sink__part_write_out(struct file_sink *s, struct sink_part *p)
{
    if (p->buffer.length == 0) return WEIR_OK;
    enum weir_error_code code =
        s->fs->append(p->handle->file, p->buffer.data, p->buffer.length, sink__ctx(s)->error);
    if (code) return weir_error_wrap(sink__ctx(s)->error, "table %s", s->table.identifier);
    p->bytes += (int64_t)p->buffer.length;
    sink__ctx(s)->metrics->bytes_out += p->buffer.length;
    weir_buffer_clear(&p->buffer);
    return WEIR_OK;
}

void sink__part_release(struct file_sink *s, struct sink_part *p)
{
    sink__handle_release(p->handle);
    weir_buffer_done(&p->buffer);
    sink__text_release(s, p->partition);
    sink__text_release(s, p->hidden);
    sink__text_release(s, p->visible);
    *p = (struct sink_part){ .state = PART_DONE };
}

enum weir_error_code sink__part_close(struct file_sink *s, struct sink_part *p)
{
    enum weir_error_code code = sink__part_write_out(s, p);
    if (code) return code;
    weir_buffer_done(&p->buffer);
    p->state = PART_PENDING;
    p->checkpoint = UINT64_MAX; /* set when a snapshot takes it */
    return WEIR_OK;
}

/* Between checkpoints: at once, so that files do not stay open. */
static enum weir_error_code roll_part(struct file_sink *s, struct sink_part *p)
{
    enum weir_error_code code = sink__part_close(s, p);
    return code ? code : sink__handle_finish(s, p, sink__ctx(s)->error);
}

bool sink__part_should_roll(struct file_sink *s, const struct sink_part *p, int64_t at_ms)
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
            weir_buffer_init(&value, sink__ctx(s)->memory, PARTITION_PATH_BYTES_MAX);
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
        const struct sink_part *p = &s->parts[i - 1];
        if (p->state != PART_OPEN || p->partition_hash != hash || strcmp(p->partition, partition) != 0)
            continue;
        *ret = i - 1;
        return WEIR_OK;
    }
    return sink__part_open(s, partition, hash, ret);
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
    struct sink_part *p = &s->parts[part];
    enum weir_error_code code = s->table.format->encode(s->encoder, &view, &p->buffer, sink__ctx(s)->error);
    if (code) return weir_error_wrap(sink__ctx(s)->error, "table %s", s->table.identifier);
    p->written_ms = sink__now_ms(s);
    if (p->buffer.length >= WRITE_BYTES) code = sink__part_write_out(s, p);
    if (!code && p->bytes + (int64_t)p->buffer.length >= s->roll_bytes) code = roll_part(s, p);
    return code;
}

static enum weir_operator_result sink_process(
    struct weir_operator *op, uint32_t input, const struct weir_batch *in, struct weir_batch *out)
{
    struct file_sink *s = (struct file_sink *)op;
    uint32_t n = weir_batch_selected(in);
    weir_arena_reset(&s->scratch);
    if (sink__check_synced(s)) return WEIR_OPERATOR_FAILED;
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

/* --- life --- */

static enum weir_operator_result sink_timer(struct weir_operator *op, int64_t at_ms, struct weir_batch *out)
{
    struct file_sink *s = (struct file_sink *)op;
    weir_arena_reset(&s->scratch);
    if (sink__check_synced(s)) return WEIR_OPERATOR_FAILED;
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct sink_part *p = &s->parts[i];
        if (p->state == PART_OPEN && sink__part_should_roll(s, p, at_ms) && roll_part(s, p))
            return WEIR_OPERATOR_FAILED;
    }
    if (s->commits_partitions) {
        sink__ctx(s)->error->code = WEIR_OK;
        if (sink__commit_partitions(s, false, sink__ctx(s)->error)) return WEIR_OPERATOR_FAILED;
    }
    op->ctx->set_timer(op->ctx, at_ms + s->check_ms);
    return WEIR_OPERATOR_NEED_INPUT;
}

static void sink_close(struct weir_operator *op)
{
    struct file_sink *s = (struct file_sink *)op;
    for (uint32_t i = 0; i < s->part_count; i++) {
        struct sink_part *p = &s->parts[i];
        if (p->state != PART_DONE && !p->in_snapshot) (void)s->fs->remove(s->fs, p->hidden, false, NULL);
        sink__part_release(s, p);
    }
    for (uint32_t i = 0; i < s->partition_count; i++) sink__text_release(s, s->partitions[i].path);
    for (uint32_t i = 0; i < s->garbage_count; i++) sink__text_release(s, s->garbage[i].path);
    if (s->encoder && s->table.format->encoder_free) s->table.format->encoder_free(s->encoder);
    weir_memory_release(sink__ctx(s)->memory, s->parts, s->part_capacity * sizeof *s->parts);
    weir_memory_release(sink__ctx(s)->memory, s->partitions, s->partition_capacity * sizeof *s->partitions);
    weir_memory_release(sink__ctx(s)->memory, s->garbage, s->garbage_capacity * sizeof *s->garbage);
    weir_buffer_done(&s->path);
    weir_arena_done(&s->scratch);
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
    weir_arena_init(&s->scratch, ctx->memory);
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
    sink__name_attempt(s);
    s->last_checkpoint_id = ctx->restored_checkpoint_id;
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
    if (!ctx->restored) sink__remove_predecessors(s, NULL, 0);
    *ret = &s->op;
    return WEIR_OK;
}

const struct weir_operator_ops weir_filesystem_sink_ops = { .name = "filesystem",
    .create = sink_create,
    .process = sink_process,
    .timer = sink_timer,
    .snapshot = sink__snapshot,
    .restore = sink__restore,
    .notify_complete = sink__notify_complete,
    .close = sink_close };
