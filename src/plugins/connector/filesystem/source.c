/*
 * Source half of connector filesystem.
 *
 * Bounded: the files found at the start are read to their end, in the order of their paths. Monitored: new
 * paths are looked for every source.monitor-interval, each is read once.
 *
 * Followed (source.follow): a file is its identity (device, inode), not its name; it is read on as it grows,
 * an incomplete last line is kept back.
 *
 * Rotated by rename: the open file is read on under its new name, the new file of the old name is found.
 *
 * Copied and truncated: the file is shorter than what was read, or begins with other bytes; it is read again
 * from its start.
 *
 * Created again: another identity under the name is a new file. A file has to stand under its name for
 * FOLLOW_POLL_MS (in a directory: FOLLOW_LIST_MS) to be found.
 *
 * A snapshot holds, per file, its path, identity, offset of the next record, and a hash of its first bytes,
 * by which an inode that was used again is told from the file that had it before. Restored files are found by
 * identity among all files of their directory, whatever they are called now.
 *
 * A file belongs to the subtask that its name (followed: its identity) hashes to, so any parallelism can go
 * on. In a cluster whole files are splits: a subtask reads those that it is given, and lists only when it is
 * asked which there are. Its snapshot then holds the files that it has not read to the end; of the others the
 * enumerator knows that they were given out.
 */
#include "base/assert.h"
#include "plugins/connector/filesystem/filesystem.h"
#include "plugins/connector/filesystem/partition_path.h"
#include "plugins/connector/filesystem/pattern.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

enum {
    READ_BYTES = 1 << 20,
    RECORD_BYTES_MAX = 256 << 20,
    FINGERPRINT_BYTES_MAX = 256,
    FOLLOW_POLL_MS = 50,
    FOLLOW_LIST_MS = 500,
    GONE_GRACE_MS = 5000,  /* a file without a name may still be written to by who has it open */
    FOLLOW_OPEN_MAX = 256, /* beyond it followed files that rest are closed, and looked at by listing alone */
    FILES_MAX = 1000000,
    SPLITS_AHEAD = 2, /* enumerated: the one that is read, and the next one */
    SPLIT_WAIT_MS = 1000,
    DIRECTORY_DEPTH_MAX = 64,
};

struct source_file {
    char *path; /* the name it was found under; newest */
    size_t path_bytes;
    uint64_t device, inode;
    int64_t offset; /* of the next record */
    uint32_t fingerprint_bytes;
    uint64_t fingerprint;
    bool done;      /* read to its end and wanted no more */
    bool named;     /* met in the last listing */
    bool elsewhere; /* under a name that is not looked for: another file may have its inode */
    int64_t unnamed_since_ms;
    struct weir_file *file;         /* open, or NULL */
    struct weir_file_status status; /* of the open file; closed: as listed last */
    bool resting;                   /* closed while it had nothing new */
    int64_t resting_bytes, resting_modified_us;
};

struct found_files {
    struct weir_arena *arena;
    struct weir_memory *memory;
    const char **paths;
    uint32_t count, capacity;
};

struct filesystem_source {
    struct weir_source source;
    struct filesystem_table table;
    struct weir_filesystem *fs;
    struct pattern *pattern;
    bool follow;
    bool no_more;              /* enumerated: what there is to read has been given */
    struct found_files *found; /* while it is asked what there is */
    int64_t monitor_ms;        /* 0 = no listing after the first */
    int64_t next_list_ms;
    bool listed;
    /* Followed by name: the file that had it last. Looked at more often than directories are listed. */
    bool follows_name;
    uint64_t name_device, name_inode;
    int64_t next_name_ms;
    struct source_file *files;
    uint32_t file_count, file_capacity, current, open_count;
    struct weir_arena names; /* paths, kept */
    struct weir_arena scratch;
    /* Bytes of the current file that are read but not decoded. */
    char *buffer;
    size_t buffer_capacity, buffer_from, buffer_to;
    int64_t buffer_offset; /* in the file, of buffer_from */
    struct weir_decoder *decoder;
    struct weir_batch decoded;
    struct weir_format_context format_context;
    /* Output column -> decoder column (>= 0), or partition key, or metadata. */
    struct output_column {
        int32_t decoded;
        int32_t partition_key; /* physical column */
        enum { META_NONE, META_PATH, META_NAME, META_SIZE, META_TIME } metadata;
    } * columns;
};

static struct weir_operator_context *ctx_of(struct filesystem_source *s)
{
    return s->source.ctx;
}
static int64_t now_ms(struct filesystem_source *s)
{
    return ctx_of(s)->now_us(ctx_of(s)->clock) / 1000;
}

/* --- files --- */

static bool is_mine(struct filesystem_source *s, const char *path, uint64_t device, uint64_t inode)
{
    uint64_t key[2] = { device, inode };
    uint64_t hash = s->follow ? XXH3_64bits(key, sizeof key) : XXH3_64bits(path, strlen(path));
    return hash % ctx_of(s)->parallelism == ctx_of(s)->subtask_index;
}

static struct source_file *find_file(
    struct filesystem_source *s, const char *path, uint64_t device, uint64_t inode)
{
    for (uint32_t i = 0; i < s->file_count; i++) {
        struct source_file *f = &s->files[i];
        if (s->follow ? f->device == device && f->inode == inode : strcmp(f->path, path) == 0) return f;
    }
    return NULL;
}

static struct source_file *add_file(struct filesystem_source *s, const char *path)
{
    if (s->file_count == s->file_capacity) {
        uint32_t capacity = s->file_capacity ? s->file_capacity * 2 : 16;
        s->files = weir_memory_reallocate(
            ctx_of(s)->memory, s->files, s->file_capacity * sizeof *s->files, capacity * sizeof *s->files);
        s->file_capacity = capacity;
    }
    struct source_file *f = &s->files[s->file_count++];
    *f = (struct source_file){ .path = weir_arena_string(&s->names, path),
        .path_bytes = strlen(path) + 1,
        .named = true,
        .unnamed_since_ms = INT64_MAX };
    return f;
}

static bool is_hidden(const char *name)
{
    return name[0] == '.' || name[0] == '_';
}

/* Some of them must not be taken for all. */
static enum weir_error_code too_many(struct filesystem_source *s)
{
    return weir_error_set(ctx_of(s)->error, WEIR_E_BUDGET,
        "table %s: there are more than %d files in %s, which is the most that a source reads",
        s->table.identifier, FILES_MAX, s->table.path);
}

static void note_found(struct found_files *found, const char *path)
{
    if (found->count == found->capacity) {
        uint32_t capacity = found->capacity ? found->capacity * 2 : 64;
        found->paths = weir_memory_reallocate(found->memory, found->paths,
            found->capacity * sizeof *found->paths, capacity * sizeof *found->paths);
        found->capacity = capacity;
    }
    found->paths[found->count++] = weir_arena_string(found->arena, path);
}

/* Of several names one that is looked for counts. */
static void note_named(struct source_file *f, bool elsewhere)
{
    f->elsewhere = elsewhere && (f->elsewhere || !f->named);
    f->named = true;
}

/* In place: one that has two names is met under both in each listing. */
static void rename_file(struct filesystem_source *s, struct source_file *f, const char *path)
{
    size_t bytes = strlen(path) + 1;
    if (bytes <= f->path_bytes) {
        memcpy(f->path, path, bytes);
        return;
    }
    f->path = weir_arena_string(&s->names, path);
    f->path_bytes = bytes;
}

static enum weir_error_code meet(
    struct filesystem_source *s, const char *path, const struct weir_file_status *status)
{
    if (s->found) {
        if (s->found->count == FILES_MAX) return too_many(s);
        note_found(s->found, path);
        return WEIR_OK;
    }
    if (!is_mine(s, path, status->device, status->inode)) return WEIR_OK;
    struct source_file *f = find_file(s, path, status->device, status->inode);
    if (f) {
        if (s->follow) rename_file(s, f, path);
        note_named(f, false);
        /* It was let go of when it had no name: it has one again, or another file has its inode, which is
         * told from it when it is opened. */
        if (s->follow) f->done = false;
        if (!f->file) f->status = *status;
        return WEIR_OK;
    }
    if (s->file_count >= FILES_MAX) return too_many(s);
    f = add_file(s, path);
    f->device = status->device;
    f->inode = status->inode;
    f->status = *status;
    return WEIR_OK;
}

/* A followed file stays one under a name that is not looked for. */
static void meet_elsewhere(
    struct filesystem_source *s, const char *path, const struct weir_file_status *status)
{
    struct source_file *f = s->follow && !s->found ? find_file(s, path, status->device, status->inode) : NULL;
    if (!f || f->done) return;
    note_named(f, true);
    if (f->file || !f->elsewhere) return;
    f->status = *status;
    rename_file(s, f, path);
}

static enum weir_error_code list_directory(struct filesystem_source *s, const char *path, uint32_t depth)
{
    struct weir_directory_entry *entries;
    uint32_t count;
    if (depth > DIRECTORY_DEPTH_MAX)
        return weir_error_set(ctx_of(s)->error, WEIR_E_IO,
            "table %s: %s is nested deeper than %d directories", s->table.identifier, path,
            DIRECTORY_DEPTH_MAX);
    enum weir_error_code code = s->fs->list(s->fs, &s->scratch, path, &entries, &count, ctx_of(s)->error);
    if (code) {
        /* Below the table's own directory one may vanish between being listed and being looked into. */
        return depth > 0 && code == WEIR_E_NOT_FOUND ? WEIR_OK : code;
    }
    size_t length = strlen(path);
    const char *slash = length && path[length - 1] == '/' ? "" : "/";
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_file_status *status = &entries[i].status;
        const char *child = weir_arena_format(&s->scratch, "%s%s%s", path, slash, entries[i].name);
        bool hidden = is_hidden(entries[i].name);
        if (status->is_directory && !hidden) {
            code = list_directory(s, child, depth + 1);
        } else if (status->is_regular) {
            if (!hidden && (!s->pattern || pattern_matches(s->pattern, child)))
                code = meet(s, child, status);
            else
                meet_elsewhere(s, child, status);
        }
        if (code) return code;
    }
    return WEIR_OK;
}

/* A name may have been rotated away within its directory, out of the pattern: look there for the identities
 * we follow. */
static void list_siblings(struct filesystem_source *s)
{
    const char *slash = strrchr(s->table.path, '/');
    const char *directory =
        slash == s->table.path ? "/"
        : slash ? weir_arena_format(&s->scratch, "%.*s", (int)(slash - s->table.path), s->table.path)
                : ".";
    struct weir_directory_entry *entries;
    uint32_t count;
    if (s->fs->list(s->fs, &s->scratch, directory, &entries, &count, NULL)) return;
    for (uint32_t i = 0; i < count; i++)
        if (entries[i].status.is_regular)
            meet_elsewhere(
                s, weir_arena_format(&s->scratch, "%s/%s", directory, entries[i].name), &entries[i].status);
}

static enum weir_error_code list_files(struct filesystem_source *s)
{
    weir_arena_reset(&s->scratch);
    for (uint32_t i = 0; i < s->file_count; i++) s->files[i].named = false;
    struct weir_file_status status;
    enum weir_error_code code = s->fs->status(s->fs, s->table.path, &status, ctx_of(s)->error);
    if (code) return code;
    if (!status.exists) {
        if (!s->follow && s->monitor_ms == 0)
            return weir_error_set(ctx_of(s)->error, WEIR_E_NOT_FOUND, "table %s: the path %s does not exist",
                s->table.identifier, s->table.path);
    } else if (status.is_directory) {
        code = list_directory(s, s->table.path, 0);
    } else {
        code = meet(s, s->table.path, &status);
        s->name_device = status.device;
        s->name_inode = status.inode;
    }
    s->follows_name = s->follow && !(status.exists && status.is_directory);
    if (!code && s->follow && !status.is_directory) list_siblings(s);
    for (uint32_t i = 0; i < s->file_count; i++) {
        struct source_file *f = &s->files[i];
        if (f->named)
            f->unnamed_since_ms = INT64_MAX;
        else if (f->unnamed_since_ms == INT64_MAX)
            f->unnamed_since_ms = now_ms(s);
    }
    s->listed = true;
    s->next_list_ms =
        now_ms(s) + (s->follow ? (s->monitor_ms ? s->monitor_ms : FOLLOW_LIST_MS) : s->monitor_ms);
    return code;
}

/* Another file stands under the followed name: it may be rotated away again soon, so it is met at once. */
static bool name_changed(struct filesystem_source *s)
{
    if (!s->follows_name || now_ms(s) < s->next_name_ms) return false;
    s->next_name_ms = now_ms(s) + FOLLOW_POLL_MS;
    struct weir_file_status status;
    if (s->fs->status(s->fs, s->table.path, &status, NULL) || !status.exists) return false;
    return status.device != s->name_device || status.inode != s->name_inode;
}

/* --- creation --- */

static enum weir_error_code map_column(struct filesystem_source *s, const struct weir_spec *item,
    struct output_column *column, struct weir_decoder_column *decoder_columns, uint32_t index)
{
    struct weir_operator_context *ctx = ctx_of(s);
    *column = (struct output_column){ .decoded = -1, .partition_key = -1 };
    const char *key = weir_spec_get_text(item, "metadata", NULL);
    static const char *const own[] = { NULL, "file.path", "file.name", "file.size",
        "file.modification-time" };
    for (int m = META_PATH; key && m <= META_TIME; m++)
        if (strcmp(key, own[m]) == 0) column->metadata = m;
    if (column->metadata != META_NONE) return WEIR_OK;
    uint32_t physical = (uint32_t)weir_spec_get_integer(item, "column", 0);
    if (!key && s->table.is_partition_key[physical]) {
        column->partition_key = (int32_t)physical;
        return WEIR_OK;
    }
    struct weir_decoder_column *d = &decoder_columns[s->format_context.column_count];
    *d = (struct weir_decoder_column){ .type = ctx->output_types[index], .metadata = key };
    if (!key) {
        uint32_t schema = 0;
        for (uint32_t c = 0; c < physical; c++) schema += !s->table.is_partition_key[c];
        d->name = s->table.names[physical];
        d->column = schema;
        d->column_type = s->table.types[physical];
        d->path = weir_spec_get_integers(item, "path", &d->path_length, ctx->arena);
    }
    column->decoded = (int32_t)s->format_context.column_count++;
    return WEIR_OK;
}

static enum weir_error_code make_decoder(struct filesystem_source *s)
{
    struct weir_operator_context *ctx = ctx_of(s);
    struct weir_decoder_column *decoder_columns =
        WEIR_ARENA_ARRAY(ctx->arena, struct weir_decoder_column, ctx->output_column_count + 1);
    s->format_context = (struct weir_format_context){ .options = s->table.format_options,
        .option_count = s->table.format_option_count,
        .schema_count = s->table.schema_count,
        .schema_names = s->table.schema_names,
        .schema_types = s->table.schema_types,
        .columns = decoder_columns,
        .arena = ctx->arena,
        .memory = ctx->memory,
        .local_zone = ctx->local_zone,
        .metrics = ctx->metrics };
    s->columns = WEIR_ARENA_ARRAY(ctx->arena, struct output_column, ctx->output_column_count + 1);
    const struct weir_spec *projection = weir_spec_get(ctx->spec, "projection");
    for (uint32_t i = 0; i < ctx->output_column_count; i++) {
        enum weir_error_code code = map_column(s, projection->items[i], &s->columns[i], decoder_columns, i);
        if (code) return code;
    }
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(ctx->arena, const struct weir_type *, s->format_context.column_count + 1);
    for (uint32_t i = 0; i < s->format_context.column_count; i++) types[i] = decoder_columns[i].type;
    enum weir_error_code code = s->table.format->decoder_new(&s->format_context, &s->decoder, ctx->error);
    if (code)
        s->decoder = NULL;
    else
        weir_batch_init(&s->decoded, types, s->format_context.column_count, ctx->memory);
    return code;
}

static void source_close(struct weir_source *source);

static enum weir_error_code source_create(struct weir_operator_context *ctx, struct weir_source **ret)
{
    struct filesystem_source *s = WEIR_ARENA_NEW(ctx->arena, struct filesystem_source);
    s->source = (struct weir_source){ &weir_filesystem_source_ops, ctx };
    s->fs = ctx->filesystem;
    weir_arena_init(&s->names, ctx->memory);
    weir_arena_init(&s->scratch, ctx->memory);
    enum weir_error_code code =
        filesystem_table_read(ctx->connectors, ctx->spec, ctx->arena, &s->table, ctx->error);
    if (code) return code;
    s->follow = strcasecmp(filesystem_option(&s->table, "source.follow", "false"), "true") == 0;
    const char *monitor = filesystem_option(&s->table, "source.monitor-interval", NULL);
    s->monitor_ms = monitor ? WEIR_MAX(filesystem_duration_ms(monitor), (int64_t)1) : 0;
    const char *pattern = filesystem_option(&s->table, "source.path.regex-pattern", NULL);
    if (pattern) code = pattern_new(ctx->arena, pattern, &s->pattern, ctx->error);
    if (!code) code = make_decoder(s);
    if (code) {
        source_close(&s->source);
        return code;
    }
    s->buffer_capacity = READ_BYTES;
    s->buffer = weir_memory_allocate(ctx->memory, s->buffer_capacity);
    *ret = &s->source;
    return WEIR_OK;
}

/* --- reading --- */

static enum weir_error_code fingerprint_of(
    struct filesystem_source *s, struct weir_file *file, uint32_t bytes, uint64_t *ret, uint32_t *ret_bytes)
{
    char head[FINGERPRINT_BYTES_MAX];
    size_t length = 0, got = 1;
    while (length < bytes && got > 0) {
        enum weir_error_code code =
            s->fs->read_at(file, (int64_t)length, head + length, bytes - length, &got, ctx_of(s)->error);
        if (code) return code;
        length += got;
    }
    *ret = XXH3_64bits(head, length);
    *ret_bytes = (uint32_t)length;
    return WEIR_OK;
}

static void start_over(struct source_file *f)
{
    f->offset = 0;
    f->fingerprint_bytes = 0;
}

/* A followed file may have been truncated, or written anew, since it was read last. */
static enum weir_error_code check_identity(struct filesystem_source *s, struct source_file *f, bool *ret_same)
{
    *ret_same = true;
    enum weir_error_code code = s->fs->file_status(f->file, &f->status, ctx_of(s)->error);
    if (code || !s->follow) return code;
    uint64_t fingerprint;
    uint32_t bytes;
    if (f->status.size_bytes < f->offset) {
        *ret_same = false;
    } else if (f->fingerprint_bytes > 0) {
        code = fingerprint_of(s, f->file, f->fingerprint_bytes, &fingerprint, &bytes);
        if (!code) *ret_same = bytes == f->fingerprint_bytes && fingerprint == f->fingerprint;
    }
    if (!*ret_same) start_over(f);
    return code;
}

static void close_file(struct filesystem_source *s, struct source_file *f)
{
    if (!f->file) return;
    s->fs->close(f->file);
    f->file = NULL;
    s->open_count--;
}

static enum weir_error_code open_file(struct filesystem_source *s, struct source_file *f)
{
    enum weir_error_code code = s->fs->open_read(s->fs, f->path, &f->file, ctx_of(s)->error);
    if (code) {
        f->file = NULL;
        /* A followed name may be gone, or another file's, by the time it is opened: the next listing tells.
         */
        if (s->follow && code == WEIR_E_NOT_FOUND) return WEIR_OK;
        weir_error_wrap(ctx_of(s)->error, "table %s", s->table.identifier);
        return code;
    }
    s->open_count++;
    f->resting = false;
    code = s->fs->file_status(f->file, &f->status, ctx_of(s)->error);
    if (!code && s->follow && (f->status.device != f->device || f->status.inode != f->inode)) {
        close_file(s, f);
        return WEIR_OK;
    }
    bool same = true;
    if (!code) code = check_identity(s, f, &same);
    if (!code && !same && f->elsewhere) { /* the followed one is gone */
        close_file(s, f);
        f->done = true;
    }
    return code;
}

/* A followed file with nothing new makes room for others; a listing that shows it changed opens it again. */
static void rest(struct filesystem_source *s, struct source_file *f)
{
    f->resting = true;
    f->resting_bytes = f->status.size_bytes;
    f->resting_modified_us = f->status.modified_us;
    close_file(s, f);
}

static bool rests(const struct source_file *f)
{
    return f->resting && f->status.size_bytes == f->resting_bytes &&
           f->status.modified_us == f->resting_modified_us;
}

static void use_file(struct filesystem_source *s, uint32_t index)
{
    s->current = index;
    s->buffer_from = s->buffer_to = 0;
    s->buffer_offset = s->files[index].offset;
}

/* Reads behind what the buffer holds; *ret_end: nothing was there. */
static enum weir_error_code fill_buffer(struct filesystem_source *s, struct source_file *f, bool *ret_end)
{
    if (s->buffer_from > 0) {
        memmove(s->buffer, s->buffer + s->buffer_from, s->buffer_to - s->buffer_from);
        s->buffer_to -= s->buffer_from;
        s->buffer_from = 0;
    }
    if (s->buffer_to == s->buffer_capacity) {
        if (s->buffer_capacity >= RECORD_BYTES_MAX)
            return weir_error_set(ctx_of(s)->error, WEIR_E_DATA,
                "table %s: the record at byte %lld of %s is longer than %d bytes", s->table.identifier,
                (long long)s->buffer_offset, f->path, RECORD_BYTES_MAX);
        s->buffer =
            weir_memory_reallocate(ctx_of(s)->memory, s->buffer, s->buffer_capacity, s->buffer_capacity * 2);
        s->buffer_capacity *= 2;
    }
    size_t got;
    enum weir_error_code code = s->fs->read_at(f->file, s->buffer_offset + (int64_t)s->buffer_to,
        s->buffer + s->buffer_to, s->buffer_capacity - s->buffer_to, &got, ctx_of(s)->error);
    if (code) return code;
    s->buffer_to += got;
    ctx_of(s)->metrics->bytes_in += got;
    *ret_end = got == 0;
    return WEIR_OK;
}

static enum weir_error_code decode_failed(struct filesystem_source *s, struct source_file *f, size_t consumed)
{
    int64_t at = s->buffer_offset + (int64_t)consumed;
    return weir_error_wrap(ctx_of(s)->error, "table %s: cannot read the record at byte %lld of %s as %s",
        s->table.identifier, (long long)at, f->path, s->table.format_name);
}

static enum weir_error_code remember_head(struct filesystem_source *s, struct source_file *f)
{
    if (!s->follow || f->fingerprint_bytes >= FINGERPRINT_BYTES_MAX || f->offset == f->fingerprint_bytes)
        return WEIR_OK;
    return fingerprint_of(s, f->file, (uint32_t)WEIR_MIN(f->offset, (int64_t)FINGERPRINT_BYTES_MAX),
        &f->fingerprint, &f->fingerprint_bytes);
}

/* Decodes from the current file until the batch is full or the file has no more whole record. */
static enum weir_error_code read_current(struct filesystem_source *s, bool *ret_end)
{
    struct source_file *f = &s->files[s->current];
    *ret_end = false;
    bool may_end = !s->follow;
    bool full = false;
    while (!full) {
        size_t held = s->buffer_to - s->buffer_from, consumed = 0;
        uint32_t rows = s->decoded.row_count;
        if (held > 0) {
            enum weir_error_code code = s->table.format->decode(s->decoder, s->buffer + s->buffer_from, held,
                false, &s->decoded, &consumed, ctx_of(s)->error);
            if (code) return decode_failed(s, f, consumed);
            s->buffer_from += consumed;
            s->buffer_offset += (int64_t)consumed;
        }
        full = s->decoded.row_count >= WEIR_BATCH_ROWS_MAX ||
               (consumed > 0 && s->decoded.row_count > rows && s->buffer_to - s->buffer_from > 0);
        if (full) break;
        if (consumed > 0 && s->buffer_to > s->buffer_from) continue;
        enum weir_error_code code = fill_buffer(s, f, ret_end);
        if (code) return code;
        if (!*ret_end) continue;
        if (may_end && s->buffer_to > s->buffer_from) { /* the last record has no newline */
            code = s->table.format->decode(s->decoder, s->buffer + s->buffer_from,
                s->buffer_to - s->buffer_from, true, &s->decoded, &consumed, ctx_of(s)->error);
            if (code) return decode_failed(s, f, consumed);
            s->buffer_from += consumed;
            s->buffer_offset += (int64_t)consumed;
            if (consumed > 0 && s->buffer_to > s->buffer_from)
                *ret_end = false; /* the batch was full: more to come */
        }
        break;
    }
    f->offset = s->buffer_offset;
    return remember_head(s, f);
}

/* --- output --- */

static void constant_text(struct weir_batch *out, uint32_t column, const char *text, size_t length)
{
    struct weir_vector *v = &out->columns[column];
    ((struct weir_string *)v->data)[0] = weir_heap_writer_string(&out->heap, text, (uint32_t)length);
    v->encoding = WEIR_ENCODING_CONSTANT;
}

static enum weir_error_code fill_constant(
    struct filesystem_source *s, struct source_file *f, struct weir_batch *out, uint32_t c)
{
    const struct output_column *column = &s->columns[c];
    struct weir_vector *v = &out->columns[c];
    const char *name = strrchr(f->path, '/');
    switch (column->metadata) {
    case META_PATH: constant_text(out, c, f->path, strlen(f->path)); return WEIR_OK;
    case META_NAME:
        name = name ? name + 1 : f->path;
        constant_text(out, c, name, strlen(name));
        return WEIR_OK;
    case META_SIZE: ((int64_t *)v->data)[0] = f->status.size_bytes; break;
    case META_TIME: ((int64_t *)v->data)[0] = f->status.modified_us / 1000 * 1000; break;
    case META_NONE:
        return partition_value(f->path, s->table.names[column->partition_key],
            s->table.partition_default_name, out, c, ctx_of(s)->error);
    }
    v->encoding = WEIR_ENCODING_CONSTANT;
    return WEIR_OK;
}

static enum weir_error_code hand_out(struct filesystem_source *s, struct weir_batch *out)
{
    struct source_file *f = &s->files[s->current];
    struct weir_batch *in = &s->decoded;
    bool shared = weir_batch_share_heaps(out, in);
    out->row_count = in->row_count;
    if (in->kinds) memcpy(weir_batch_ensure_kinds(out), in->kinds, in->row_count);
    for (uint32_t c = 0; c < ctx_of(s)->output_column_count; c++) {
        if (s->columns[c].decoded < 0) {
            enum weir_error_code code = fill_constant(s, f, out, c);
            if (code) return code;
        } else if (shared) {
            out->columns[c] = in->columns[s->columns[c].decoded];
        } else {
            weir_vector_gather(&out->columns[c], 0, &in->columns[s->columns[c].decoded], NULL, in->row_count,
                &out->arena, &out->heap);
        }
    }
    return WEIR_OK;
}

/* --- what to read next --- */

/* Is there something to try in this file? Opens it. */
static enum weir_error_code try_file(struct filesystem_source *s, uint32_t index, bool *ret_ready)
{
    struct source_file *f = &s->files[index];
    *ret_ready = false;
    if (f->done) return WEIR_OK;
    bool resting = !f->file && rests(f), same;
    enum weir_error_code code = resting ? WEIR_OK : f->file ? check_identity(s, f, &same) : open_file(s, f);
    if (code || (!f->file && !resting)) return code;
    if (resting || (s->follow && f->status.size_bytes <= f->offset)) {
        /* Nothing new. A file without a name is let go once its writer has had time to finish. */
        if (f->unnamed_since_ms != INT64_MAX && now_ms(s) - f->unnamed_since_ms > GONE_GRACE_MS) {
            close_file(s, f);
            f->done = true;
        } else if (f->file && s->open_count > FOLLOW_OPEN_MAX) {
            rest(s, f);
        }
        return WEIR_OK;
    }
    use_file(s, index);
    *ret_ready = true;
    return WEIR_OK;
}

static enum weir_error_code read_one(struct filesystem_source *s, uint32_t index, bool *ret_rows)
{
    bool ready, end = false;
    enum weir_error_code code = try_file(s, index, &ready);
    *ret_rows = false;
    if (code || !ready) return code;
    code = read_current(s, &end);
    if (code) return code;
    if (end && !s->follow) {
        close_file(s, &s->files[index]);
        s->files[index].done = true;
    }
    *ret_rows = s->decoded.row_count > 0;
    return WEIR_OK;
}

/* Enumerated: nobody gives it out again. */
static void forget_done(struct filesystem_source *s)
{
    for (uint32_t i = 0; i < s->file_count;) {
        if (!s->files[i].done) {
            i++;
            continue;
        }
        if (i == s->current) s->buffer_from = s->buffer_to = 0;
        if (i < s->current) s->current--;
        memmove(&s->files[i], &s->files[i + 1], (--s->file_count - i) * sizeof *s->files);
    }
    if (s->file_count == 0) weir_arena_reset(&s->names);
}

static enum weir_source_result source_poll(
    struct weir_source *source, struct weir_batch *out, int64_t *idle_until_ms)
{
    struct filesystem_source *s = (struct filesystem_source *)source;
    bool enumerated = ctx_of(s)->enumerated, watching = !enumerated && (s->follow || s->monitor_ms > 0);
    if (enumerated) forget_done(s);
    ctx_of(s)->split_wanted = enumerated && !s->no_more && s->file_count < SPLITS_AHEAD;
    if (!enumerated && (!s->listed || (watching && now_ms(s) >= s->next_list_ms) || name_changed(s)) &&
        list_files(s))
        return WEIR_SOURCE_FAILED;
    weir_batch_reset(&s->decoded);
    /* Bounded: the first file that is not done. Followed: each in turn, beginning behind the last one. */
    bool unfinished = false;
    for (uint32_t tried = 0; tried < s->file_count; tried++) {
        uint32_t index = s->follow ? (s->current + 1 + tried) % s->file_count : tried;
        if (s->files[index].done) continue;
        bool rows, keep_buffer = !s->follow && index == s->current && s->buffer_to > 0;
        enum weir_error_code code;
        if (keep_buffer && s->files[index].file) {
            bool end = false;
            code = read_current(s, &end);
            if (!code && end) {
                close_file(s, &s->files[index]);
                s->files[index].done = true;
                s->buffer_from = s->buffer_to = 0;
            }
            rows = s->decoded.row_count > 0;
        } else {
            code = read_one(s, index, &rows);
        }
        if (code) return WEIR_SOURCE_FAILED;
        if (rows) return hand_out(s, out) ? WEIR_SOURCE_FAILED : WEIR_SOURCE_ROWS;
        unfinished |= !s->files[index].done;
        if (unfinished && !s->follow) return WEIR_SOURCE_ROWS; /* a piece without rows: go on with it */
    }
    if (enumerated && (!s->no_more || unfinished)) {
        *idle_until_ms = now_ms(s) + SPLIT_WAIT_MS;
        return WEIR_SOURCE_IDLE;
    }
    if (!watching) return WEIR_SOURCE_FINISHED;
    *idle_until_ms = s->follow ? now_ms(s) + FOLLOW_POLL_MS : s->next_list_ms;
    return WEIR_SOURCE_IDLE;
}

/* --- enumerated --- */

static enum weir_error_code source_add_split(struct weir_source *source, const char *id)
{
    add_file((struct filesystem_source *)source, id);
    return WEIR_OK;
}

static void source_no_more_splits(struct weir_source *source)
{
    ((struct filesystem_source *)source)->no_more = true;
}

static enum weir_error_code source_discover(struct weir_source *source, struct weir_arena *arena,
    const char *const **ret, uint32_t *ret_count, bool *ret_all)
{
    struct filesystem_source *s = (struct filesystem_source *)source;
    struct found_files found = { .arena = arena, .memory = ctx_of(s)->memory };
    s->found = &found;
    enum weir_error_code code = list_files(s);
    s->found = NULL;
    if (found.count)
        *ret = (const char *const *)(void *)weir_arena_copy(
            arena, found.paths, found.count * sizeof *found.paths);
    *ret_count = found.count;
    *ret_all = s->monitor_ms == 0;
    weir_memory_release(found.memory, found.paths, found.capacity * sizeof *found.paths);
    return code;
}

/* --- snapshot --- */

/* What the enumerator has given out it gives out no more; what was found by each subtask itself it does not
 * know of. */
enum { FORMAT_OWN = 1, FORMAT_ENUMERATED = 2 };

static enum weir_error_code source_snapshot(
    struct weir_source *source, uint64_t checkpoint_id, struct weir_buffer *to, struct weir_error *reterr)
{
    struct filesystem_source *s = (struct filesystem_source *)source;
    bool enumerated = ctx_of(s)->enumerated;
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->file_count; i++) count += !enumerated || !s->files[i].done;
    weir_buffer_append_byte(to, enumerated ? FORMAT_ENUMERATED : FORMAT_OWN);
    weir_buffer_append_u32(to, count);
    for (uint32_t i = 0; i < s->file_count; i++) {
        const struct source_file *f = &s->files[i];
        if (enumerated && f->done) continue;
        size_t length = strlen(f->path);
        weir_buffer_append_varint(to, length);
        weir_buffer_append(to, f->path, length);
        weir_buffer_append_u64(to, f->device);
        weir_buffer_append_u64(to, f->inode);
        weir_buffer_append_u64(to, (uint64_t)f->offset);
        weir_buffer_append_u32(to, f->fingerprint_bytes);
        weir_buffer_append_u64(to, f->fingerprint);
        weir_buffer_append_byte(to, f->done);
    }
    return WEIR_OK;
}

static enum weir_error_code source_restore(struct weir_source *source, const struct weir_operator_blob *blobs,
    uint32_t count, struct weir_error *reterr)
{
    struct filesystem_source *s = (struct filesystem_source *)source;
    for (uint32_t b = 0; b < count; b++) {
        struct weir_reader reader = { .data = blobs[b].bytes, .length = blobs[b].length };
        uint8_t version = weir_reader_byte(&reader);
        uint32_t files = weir_reader_u32(&reader);
        uint8_t expected = ctx_of(s)->enumerated ? FORMAT_ENUMERATED : FORMAT_OWN;
        if (files && version != expected && (version == FORMAT_OWN || version == FORMAT_ENUMERATED))
            return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
                "table %s: the checkpoint holds files that %s, and cannot be restored where %s",
                s->table.identifier,
                version == FORMAT_OWN ? "each subtask found itself" : "the JobManager gave out",
                version == FORMAT_OWN ? "the JobManager gives them out" : "each subtask finds them itself");
        bool same = ctx_of(s)->enumerated && ctx_of(s)->restored_parallelism == ctx_of(s)->parallelism;
        if (same && blobs[b].subtask_index != ctx_of(s)->subtask_index) continue;
        for (uint32_t i = 0; i < files && !reader.failed; i++) {
            uint64_t length = weir_reader_varint(&reader);
            const char *path = length < 65536 ? weir_reader_bytes(&reader, length) : NULL;
            struct source_file f = { .named = true, .unnamed_since_ms = INT64_MAX };
            f.device = weir_reader_u64(&reader);
            f.inode = weir_reader_u64(&reader);
            f.offset = (int64_t)weir_reader_u64(&reader);
            f.fingerprint_bytes = weir_reader_u32(&reader);
            f.fingerprint = weir_reader_u64(&reader);
            f.done = weir_reader_byte(&reader) != 0;
            if (!path || reader.failed || f.offset < 0 || f.fingerprint_bytes > FINGERPRINT_BYTES_MAX) break;
            f.path = weir_arena_copy(&s->names, path, length);
            f.path_bytes = length + 1;
            if (!same && !is_mine(s, f.path, f.device, f.inode)) continue;
            struct source_file *added = add_file(s, f.path);
            *added = f;
        }
        if ((version != FORMAT_OWN && version != FORMAT_ENUMERATED) || reader.failed)
            return weir_error_set(reterr, WEIR_E_STATE,
                "table %s: the source's positions in the checkpoint are damaged", s->table.identifier);
    }
    return WEIR_OK;
}

static void source_close(struct weir_source *source)
{
    struct filesystem_source *s = (struct filesystem_source *)source;
    for (uint32_t i = 0; i < s->file_count; i++) close_file(s, &s->files[i]);
    if (s->decoder) {
        if (s->table.format->decoder_free) s->table.format->decoder_free(s->decoder);
        weir_batch_done(&s->decoded);
    }
    if (s->pattern) pattern_free(s->pattern);
    weir_memory_release(ctx_of(s)->memory, s->files, s->file_capacity * sizeof *s->files);
    weir_memory_release(ctx_of(s)->memory, s->buffer, s->buffer_capacity);
    weir_arena_done(&s->scratch);
    weir_arena_done(&s->names);
}

const struct weir_source_ops weir_filesystem_source_ops = {
    .name = "filesystem",
    .create = source_create,
    .poll = source_poll,
    .snapshot = source_snapshot,
    .restore = source_restore,
    .close = source_close,
    .add_split = source_add_split,
    .no_more_splits = source_no_more_splits,
    .discover = source_discover,
};
