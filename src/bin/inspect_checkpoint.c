/*
 * weir checkpoint inspect PATH: what a checkpoint or savepoint holds, read from its files alone. That of a
 * cluster (proto/metadata.h) and that of a local run (host/checkpoint_store.c). A file that is not there, or
 * not as long as its manifest says, is named; with --verify its bytes are read and hashed, too.
 */
#include "inspect.h"
#include "main.h"
#include "os/memory.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "proto/metadata.h"
#include "task/snapshot.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
    LOCAL_METADATA_BYTES_MAX = 256 << 20,
    SUBTASKS_MAX = 1 << 20,
    PIECE_BYTES = 1 << 20,
    PATH_BYTES = 4096
};

struct vertex_total {
    uint32_t id, parallelism, max_parallelism, subtasks, finished;
    uint64_t bytes;
};
struct operator_total {
    uint32_t vertex;
    const char *uid;
    uint32_t blobs, key_groups;
    uint64_t bytes;
};
struct file_total {
    const char *path;
    uint64_t bytes, hash;
    const char *problem; /* NULL: none was found */
};

struct inspection {
    struct weir_arena arena;
    bool json, verify;
    const char *path, *pointer;               /* of the metadata */
    const Weir__CheckpointMetadata *metadata; /* of a cluster; NULL: of a local run */
    uint32_t format;
    const char *job;
    uint64_t id, written;
    struct weir_snapshot_manifest *manifests;
    uint32_t manifest_count;
    struct vertex_total *vertices;
    uint32_t vertex_count;
    struct operator_total *operators;
    uint32_t operator_count;
    struct file_total *files;
    uint32_t file_count, problem_count;
    uint64_t bytes;
};

/* ---------------------------------------------------------------- reading */

static enum weir_error_code read_whole(struct inspection *inspection, const char *path, size_t bytes_max,
    struct weir_reader *ret, struct weir_error *reterr)
{
    struct weir_filesystem *fs = &weir_file_filesystem;
    struct weir_file *file;
    struct weir_file_status status;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    code = fs->file_status(file, &status, reterr);
    if (!code && (uint64_t)status.size_bytes > bytes_max)
        code = weir_error_set(reterr, WEIR_E_STATE,
            "%s is %lld bytes long: too long for the metadata of a checkpoint", path,
            (long long)status.size_bytes);
    uint8_t *bytes = code ? NULL : weir_arena_allocate(&inspection->arena, (size_t)status.size_bytes + 1);
    size_t length = 0, got = 1;
    while (!code && got && length < (size_t)status.size_bytes) {
        code = fs->read_at(
            file, (int64_t)length, bytes + length, (size_t)status.size_bytes - length, &got, reterr);
        if (!code) length += got;
    }
    fs->close(file);
    *ret = (struct weir_reader){ .data = bytes, .length = length };
    return code;
}

static enum weir_error_code add_manifest(struct inspection *inspection, struct weir_reader *reader,
    const char *directory, struct weir_error *reterr)
{
    return weir_snapshot_manifest_read(
        reader, directory, &inspection->arena, &inspection->manifests[inspection->manifest_count++], reterr);
}

static enum weir_error_code read_cluster(
    struct inspection *inspection, const struct weir_reader *bytes, struct weir_error *reterr)
{
    Weir__CheckpointMetadata *metadata;
    uint32_t count = 0;
    enum weir_error_code code =
        weir_checkpoint_metadata_decode(&inspection->arena, bytes->data, bytes->length, &metadata, reterr);
    bool movable = !code && metadata->files_relative;
    if (!code)
        code = weir_checkpoint_metadata_place(&inspection->arena, metadata, inspection->pointer, reterr);
    if (code) return code;
    metadata->files_relative = movable; /* for the report */
    inspection->metadata = metadata;
    inspection->format = metadata->format;
    inspection->id = metadata->id;
    inspection->job = inspect_hex(&inspection->arena, metadata->job.data, metadata->job.len);
    for (size_t v = 0; v < metadata->n_vertices; v++) count += (uint32_t)metadata->vertices[v]->n_subtasks;
    inspection->manifests = WEIR_ARENA_ARRAY(&inspection->arena, struct weir_snapshot_manifest, count + 1);
    for (size_t v = 0; v < metadata->n_vertices; v++) {
        for (size_t s = 0; !code && s < metadata->vertices[v]->n_subtasks; s++) {
            const Weir__SubtaskSnapshot *snapshot = metadata->vertices[v]->subtasks[s];
            struct weir_reader reader = { .data = snapshot->manifest.data, .length = snapshot->manifest.len };
            code = add_manifest(inspection, &reader, ".", reterr);
            if (!code)
                code = weir_snapshot_manifest_place(&inspection->manifests[inspection->manifest_count - 1],
                    snapshot->files, snapshot->n_files, reterr);
            if (code) weir_error_wrap(reterr, "vertex %u, subtask %u", snapshot->vertex, snapshot->subtask);
        }
    }
    return code;
}

static const char *next_line(struct weir_reader *from, struct weir_arena *arena)
{
    const uint8_t *start = from->data + from->offset;
    const uint8_t *end = memchr(start, '\n', from->length - from->offset);
    if (!end) return NULL;
    from->offset += (size_t)(end - start) + 1;
    return weir_arena_copy(arena, start, (size_t)(end - start));
}

/* Manifests of a local run lie relative to the folder around the checkpoint's. */
static const char *folder_around(struct inspection *inspection)
{
    const char *path = inspection->path, *slash = strrchr(path, '/');
    if (!slash) return ".";
    return slash == path ? "/" : weir_arena_copy(&inspection->arena, path, (size_t)(slash - path));
}

static enum weir_error_code read_local(
    struct inspection *inspection, struct weir_reader *bytes, struct weir_error *reterr)
{
    const char *line = next_line(bytes, &inspection->arena);
    inspection->format = line ? (uint32_t)strtoul(line + strlen("weir-checkpoint "), NULL, 10) : 0;
    uint32_t count = 0;
    while ((line = next_line(bytes, &inspection->arena)) && *line) {
        if (strncmp(line, "id ", 3) == 0) inspection->id = strtoull(line + 3, NULL, 10);
        if (strncmp(line, "job ", 4) == 0) inspection->job = line + 4;
        if (strncmp(line, "subtasks ", 9) == 0) count = (uint32_t)strtoul(line + 9, NULL, 10);
    }
    if (inspection->format != 2 || !inspection->job || count == 0 || count > SUBTASKS_MAX)
        return weir_error_set(reterr, WEIR_E_STATE, "it is no metadata of version 2, which this build reads");
    inspection->manifests = WEIR_ARENA_ARRAY(&inspection->arena, struct weir_snapshot_manifest, count);
    enum weir_error_code code = WEIR_OK;
    for (uint32_t i = 0; !code && i < count; i++)
        code = add_manifest(inspection, bytes, folder_around(inspection), reterr);
    return code;
}

static enum weir_error_code read_metadata(struct inspection *inspection, struct weir_error *reterr)
{
    struct weir_filesystem *fs = &weir_file_filesystem;
    struct weir_file_status status;
    enum weir_error_code code = fs->status(fs, inspection->path, &status, reterr);
    if (code) return code;
    if (!status.exists)
        return weir_error_set(
            reterr, WEIR_E_NOT_FOUND, "there is no checkpoint at '%s': it does not exist", inspection->path);
    code = fs->status(fs, inspection->pointer, &status, reterr);
    if (code) return code;
    if (!status.exists)
        return weir_error_set(reterr, WEIR_E_NOT_FOUND,
            "'%s' is no completed checkpoint or savepoint: expected a file '%s'", inspection->path,
            inspection->pointer);
    struct weir_reader bytes;
    code = read_whole(inspection, inspection->pointer, LOCAL_METADATA_BYTES_MAX, &bytes, reterr);
    static const char local[] = "weir-checkpoint ";
    if (code) return code;
    if (bytes.length == 0)
        return weir_error_set(reterr, WEIR_E_STATE, "'%s' is damaged: it is empty", inspection->pointer);
    if (bytes.length >= strlen(local) && memcmp(bytes.data, local, strlen(local)) == 0)
        code = read_local(inspection, &bytes, reterr);
    else
        code = read_cluster(inspection, &bytes, reterr);
    return code ? weir_error_wrap(reterr, "'%s' is damaged", inspection->pointer) : WEIR_OK;
}

/* ---------------------------------------------------------------- adding up */

static struct vertex_total *vertex_of(
    struct inspection *inspection, const struct weir_snapshot_manifest *manifest)
{
    for (uint32_t i = 0; i < inspection->vertex_count; i++)
        if (inspection->vertices[i].id == manifest->vertex_id) return &inspection->vertices[i];
    struct vertex_total *vertex = &inspection->vertices[inspection->vertex_count++];
    *vertex = (struct vertex_total){ .id = manifest->vertex_id,
        .parallelism = manifest->parallelism,
        .max_parallelism = manifest->max_parallelism };
    return vertex;
}

static struct operator_total *operator_of(struct inspection *inspection, uint32_t vertex, const char *uid)
{
    for (uint32_t i = inspection->operator_count; i > 0; i--) {
        struct operator_total *operator= & inspection->operators[i - 1];
        if (operator->vertex == vertex && strcmp(operator->uid, uid) == 0) return operator;
    }
    struct operator_total *operator= & inspection->operators[inspection->operator_count++];
    *operator=(struct operator_total){ .vertex = vertex, .uid = uid };
    return operator;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file_total *)a)->path, ((const struct file_total *)b)->path);
}

static void add_up(struct inspection *inspection)
{
    uint32_t sections = 0, files = 0, count = inspection->manifest_count;
    for (uint32_t i = 0; i < count; i++) {
        sections += inspection->manifests[i].section_count;
        files += inspection->manifests[i].file_count;
    }
    inspection->vertices = WEIR_ARENA_ARRAY(&inspection->arena, struct vertex_total, count + 1);
    inspection->operators = WEIR_ARENA_ARRAY(&inspection->arena, struct operator_total, sections + 1);
    inspection->files = WEIR_ARENA_ARRAY(&inspection->arena, struct file_total, files + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct weir_snapshot_manifest *manifest = &inspection->manifests[i];
        struct vertex_total *vertex = vertex_of(inspection, manifest);
        vertex->subtasks++;
        vertex->finished += manifest->finished;
        vertex->bytes += manifest->bytes_total;
        inspection->written += manifest->bytes_written;
        for (uint32_t s = 0; s < manifest->section_count; s++) {
            const struct weir_snapshot_section *section = &manifest->sections[s];
            struct operator_total *operator= operator_of(inspection, manifest->vertex_id, section->uid);
            operator->bytes += section->length;
            operator->blobs += section->is_blob;
            operator->key_groups += !section->is_blob;
        }
        for (uint32_t f = 0; f < manifest->file_count; f++)
            inspection->files[inspection->file_count++] =
                (struct file_total){ .path = manifest->files[f].path,
                    .bytes = manifest->files[f].bytes,
                    .hash = manifest->files[f].hash };
    }
    qsort(inspection->files, inspection->file_count, sizeof *inspection->files, by_path);
    uint32_t kept = 0; /* several manifests may name one */
    for (uint32_t i = 0; i < inspection->file_count; i++)
        if (!kept || strcmp(inspection->files[kept - 1].path, inspection->files[i].path) != 0)
            inspection->files[kept++] = inspection->files[i];
    inspection->file_count = kept;
}

/* ---------------------------------------------------------------- the files */

static enum weir_error_code hash_file(const char *path, uint64_t *ret, struct weir_error *reterr)
{
    struct weir_filesystem *fs = &weir_file_filesystem;
    struct weir_file *file;
    enum weir_error_code code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    XXH3_state_t *state = XXH3_createState();
    uint8_t *piece = weir_memory_allocate(weir_os_memory(), PIECE_BYTES);
    XXH3_64bits_reset(state);
    size_t got = 1;
    for (int64_t at = 0; !code && got; at += (int64_t)got) {
        code = fs->read_at(file, at, piece, PIECE_BYTES, &got, reterr);
        if (!code && got) XXH3_64bits_update(state, piece, got);
    }
    *ret = XXH3_64bits_digest(state);
    weir_memory_release(weir_os_memory(), piece, PIECE_BYTES);
    XXH3_freeState(state);
    fs->close(file);
    return code;
}

static const char *problem_of(struct inspection *inspection, const struct file_total *file)
{
    struct weir_filesystem *fs = &weir_file_filesystem;
    struct weir_file_status status;
    struct weir_error error = { 0 };
    uint64_t hash;
    if (fs->status(fs, file->path, &status, &error))
        return weir_arena_string(&inspection->arena, error.message);
    if (!status.exists) return "it does not exist";
    if ((uint64_t)status.size_bytes != file->bytes)
        return weir_arena_format(&inspection->arena, "it is %lld bytes long; expected %llu",
            (long long)status.size_bytes, (unsigned long long)file->bytes);
    if (!inspection->verify) return NULL;
    if (hash_file(file->path, &hash, &error)) return weir_arena_string(&inspection->arena, error.message);
    if (hash == file->hash) return NULL;
    return weir_arena_format(&inspection->arena, "its content is damaged: hash %016llx, expected %016llx",
        (unsigned long long)hash, (unsigned long long)file->hash);
}

static void check_files(struct inspection *inspection)
{
    for (uint32_t i = 0; i < inspection->file_count; i++) {
        struct file_total *file = &inspection->files[i];
        file->problem = problem_of(inspection, file);
        inspection->problem_count += file->problem != NULL;
        inspection->bytes += file->bytes;
    }
}

/* ---------------------------------------------------------------- telling */

static const char *kind_of(const struct inspection *inspection)
{
    if (!inspection->metadata) return "CHECKPOINT";
    return inspect_word(&weir__checkpoint_kind__descriptor, (int)inspection->metadata->kind, "");
}

static json_t *json_of(const struct inspection *inspection)
{
    const Weir__CheckpointMetadata *metadata = inspection->metadata;
    json_t *vertices = json_array(), *files = json_array();
    for (uint32_t i = 0; i < inspection->vertex_count; i++) {
        const struct vertex_total *vertex = &inspection->vertices[i];
        json_t *operators = json_array();
        for (uint32_t o = 0; o < inspection->operator_count; o++) {
            const struct operator_total *operator= & inspection->operators[o];
            if (operator->vertex == vertex->id)
                json_array_append_new(
                    operators, json_pack("{s:s,s:I,s:I,s:I}", "uid", operator->uid, "bytes",
                                   (json_int_t) operator->bytes, "blobs", (json_int_t) operator->blobs,
                                   "key-groups", (json_int_t) operator->key_groups));
        }
        json_array_append_new(vertices,
            json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "id", (json_int_t)vertex->id, "parallelism",
                (json_int_t)vertex->parallelism, "max-parallelism", (json_int_t)vertex->max_parallelism,
                "subtasks", (json_int_t)vertex->subtasks, "finished", (json_int_t)vertex->finished, "bytes",
                (json_int_t)vertex->bytes, "operators", operators));
    }
    for (uint32_t i = 0; i < inspection->file_count; i++) {
        const struct file_total *file = &inspection->files[i];
        char hash[17];
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)file->hash);
        json_array_append_new(files, json_pack("{s:s,s:I,s:s,s:s?}", "path", file->path, "bytes",
                                         (json_int_t)file->bytes, "hash", hash, "problem", file->problem));
    }
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b,s:I,s:I,s:o,s:o}", "path",
        inspection->path, "job", inspection->job, "kind", kind_of(inspection), "id",
        (json_int_t)inspection->id, "format", (json_int_t)inspection->format, "epoch",
        (json_int_t)(metadata ? metadata->epoch : 0), "plan-version",
        (json_int_t)(metadata ? metadata->plan_version : 0), "base",
        (json_int_t)(metadata ? metadata->base_checkpoint : 0), "triggered",
        (json_int_t)(metadata ? metadata->triggered_ms : 0), "movable",
        metadata ? metadata->files_relative : false, "verified",
        inspection->verify && !inspection->problem_count, "bytes", (json_int_t)inspection->bytes,
        "bytes-written", (json_int_t)inspection->written, "vertices", vertices, "files", files);
}

static void print_head(struct inspection *inspection)
{
    const Weir__CheckpointMetadata *metadata = inspection->metadata;
    struct weir_arena *arena = &inspection->arena;
    printf("Checkpoint %llu of job %s\n", (unsigned long long)inspection->id, inspection->job);
    printf("  Path:             %s\n  Kind:             %s\n", inspection->path, kind_of(inspection));
    printf("  Metadata version: %u%s\n", inspection->format, metadata ? "" : " (of a local run)");
    if (metadata) {
        printf("  Epoch:            %llu\n  Plan version:     %llu\n", (unsigned long long)metadata->epoch,
            (unsigned long long)metadata->plan_version);
        if (metadata->base_checkpoint)
            printf("  Base:             %llu\n", (unsigned long long)metadata->base_checkpoint);
        printf("  Triggered:        %s\n", inspect_time(arena, metadata->triggered_ms));
        if (metadata->files_relative) puts("  Movable:          yes, files are named relative to its folder");
    }
    printf("  State:            %s bytes in %u files, %s bytes written for it\n",
        inspect_count(arena, inspection->bytes), inspection->file_count,
        inspect_count(arena, inspection->written));
}

static void print_all(struct inspection *inspection)
{
    struct weir_arena *arena = &inspection->arena;
    print_head(inspection);
    puts("Vertices:");
    for (uint32_t i = 0; i < inspection->vertex_count; i++) {
        const struct vertex_total *vertex = &inspection->vertices[i];
        printf("  Vertex %u: parallelism %u, max parallelism %u, %u subtasks (%u finished), %s bytes\n",
            vertex->id, vertex->parallelism, vertex->max_parallelism, vertex->subtasks, vertex->finished,
            inspect_count(arena, vertex->bytes));
        for (uint32_t o = 0; o < inspection->operator_count; o++) {
            const struct operator_total *operator= & inspection->operators[o];
            if (operator->vertex != vertex->id) continue;
            printf("    %-32s %u key groups, %u blobs, %s bytes\n", operator->uid, operator->key_groups,
                                                                                   operator->blobs,
                inspect_count(arena, operator->bytes));
        }
    }
    puts("Files:");
    for (uint32_t i = 0; i < inspection->file_count; i++) {
        const struct file_total *file = &inspection->files[i];
        printf("  %14s  %016llx  %-8s  %s\n", inspect_count(arena, file->bytes),
            (unsigned long long)file->hash,
            file->problem        ? "WRONG"
            : inspection->verify ? "verified"
                                 : "there",
            file->path);
    }
}

/* ---------------------------------------------------------------- command line */

static bool read_arguments(struct inspection *inspection, int count, char **arguments, int *ret_code)
{
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "--json") == 0) {
            inspection->json = true;
        } else if (strcmp(argument, "--verify") == 0) {
            inspection->verify = true;
        } else if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0) {
            printf("usage: weir checkpoint inspect [--verify] [--json] PATH\n");
            *ret_code = 0;
            return false;
        } else if (argument[0] == '-' || inspection->path) {
            *ret_code = usage_error(
                "checkpoint", "inspect: '%s' is not understood; expected [--verify] [--json] PATH", argument);
            return false;
        } else {
            inspection->path = argument;
        }
    }
    if (!inspection->path)
        *ret_code = usage_error("checkpoint", "inspect: expected the folder of a checkpoint or savepoint");
    return inspection->path != NULL;
}

/* Without slashes at its end, and of the folder where the metadata itself was named. */
static void name_folder(struct inspection *inspection)
{
    static const char name[] = "/_metadata";
    size_t length = strlen(inspection->path), end = strlen(name);
    while (length > 1 && inspection->path[length - 1] == '/') length--;
    if (length > end && strncmp(inspection->path + length - end, name, end) == 0) length -= end;
    inspection->path = weir_arena_copy(&inspection->arena, inspection->path, length);
    inspection->pointer = weir_arena_format(&inspection->arena, "%s%s", inspection->path, name);
}

int checkpoint_inspect(int argument_count, char **arguments)
{
    struct inspection inspection = { .json = false };
    struct weir_error error = { 0 };
    int code = 1;
    if (!read_arguments(&inspection, argument_count, arguments, &code)) return code;
    weir_arena_init(&inspection.arena, weir_os_memory());
    name_folder(&inspection);
    if (read_metadata(&inspection, &error)) {
        code = print_error(&error);
    } else {
        add_up(&inspection);
        check_files(&inspection);
        code = 0;
        if (inspection.json)
            code = inspect_print_json(json_of(&inspection));
        else
            print_all(&inspection);
        fflush(stdout);
        for (uint32_t i = 0; i < inspection.file_count; i++)
            if (inspection.files[i].problem)
                fprintf(stderr, "[ERROR] '%s': %s\n", inspection.files[i].path, inspection.files[i].problem);
        if (inspection.problem_count) code = 1;
    }
    weir_arena_done(&inspection.arena);
    return code;
}
