/* Disposal of a savepoint, and whose files may not go. */
#include "host/rest/internal.h"
#include "proto/metadata.h"
#include <string.h>

static enum weir_error_code read_metadata(struct rest_request *request, const char *directory,
    Weir__CheckpointMetadata **ret, struct weir_error *reterr)
{
    struct weir_filesystem *fs = request->server->config.filesystem;
    if (!fs) return weir_error_set(reterr, WEIR_E_UNSUPPORTED, "this process reads no files");
    const char *path = weir_arena_format(&request->arena, "%s/_metadata", directory);
    struct weir_file_status status = { 0 };
    enum weir_error_code code = fs->status(fs, path, &status, reterr);
    if (code) return code;
    if (!status.is_regular) return weir_error_set(reterr, WEIR_E_NOT_FOUND, "it has no _metadata");
    if (status.size_bytes > WEIR_METADATA_BYTES_MAX)
        return weir_error_set(reterr, WEIR_E_STATE, "its _metadata is too long for a checkpoint's");
    struct weir_file *file;
    code = fs->open_read(fs, path, &file, reterr);
    if (code) return code;
    uint8_t *bytes = weir_arena_allocate(&request->arena, (size_t)status.size_bytes + 1);
    size_t length = 0;
    for (size_t got = 1; !code && got && length < (size_t)status.size_bytes; length += got)
        code = fs->read_at(
            file, (int64_t)length, bytes + length, (size_t)status.size_bytes - length, &got, reterr);
    fs->close(file);
    if (code) return code;
    code = weir_checkpoint_metadata_decode(&request->arena, bytes, length, ret, reterr);
    return code ? weir_error_wrap(reterr, "its _metadata is none of a checkpoint, or damaged") : WEIR_OK;
}

static bool is_of_running_job(
    struct rest_request *request, const char *directory, const Weir__CheckpointMetadata *metadata)
{
    bool savepoint = metadata->kind == WEIR__CHECKPOINT_KIND__SAVEPOINT ||
                     metadata->kind == WEIR__CHECKPOINT_KIND__STOP_SAVEPOINT;
    if (savepoint) return false; /* on its own: no checkpoint refers to it */
    Weir__QueryJobs *query = WEIR_PROTO_NEW(&request->arena, Weir__QueryJobs, weir__query_jobs);
    query->job = metadata->job;
    const Weir__ClientReply *reply =
        rest__ask(request, rest__envelope(request, WEIR__ENVELOPE__BODY_QUERY, query));
    if (!reply) return true;
    bool running = reply->code == WEIR__REPLY_CODE__REPLY_OK && reply->n_jobs == 1 &&
                   !rest__job_is_over(reply->jobs[0]->state);
    if (running)
        rest__fail(request, MHD_HTTP_CONFLICT,
            "%s is a checkpoint of job %s, which has not ended and may go on from it: it can be neither "
            "claimed nor disposed of before.",
            directory, rest__hex(request, metadata->job.data, metadata->job.len));
    return running;
}

bool rest__is_needed(struct rest_request *request, const char *directory)
{
    Weir__CheckpointMetadata *metadata = NULL;
    struct weir_error error;
    return !read_metadata(request, directory, &metadata, &error) &&
           is_of_running_job(request, directory, metadata);
}

/* The metadata last: what was interrupted is still a savepoint, and can be disposed of again. */
static enum weir_error_code remove_savepoint(
    struct rest_request *request, const char *directory, struct weir_error *reterr)
{
    struct weir_filesystem *fs = request->server->config.filesystem;
    struct weir_directory_entry *entries = NULL;
    uint32_t count = 0;
    enum weir_error_code code = fs->list(fs, &request->arena, directory, &entries, &count, reterr);
    for (uint32_t i = 0; i < count && !code; i++)
        if (strcmp(entries[i].name, "_metadata") != 0)
            code = fs->remove(
                fs, weir_arena_format(&request->arena, "%s/%s", directory, entries[i].name), true, reterr);
    return code ? code : fs->remove(fs, directory, true, reterr);
}

static bool is_gone(struct rest_request *request, const char *path)
{
    struct weir_filesystem *fs = request->server->config.filesystem;
    struct weir_file_status status = { .exists = true };
    struct weir_error ignored;
    return fs && !fs->status(fs, path, &status, &ignored) && !status.exists;
}

/* Done before it is answered: the poll that follows finds it over. A folder goes with all that is in it, so
 * it has to be one of Weir's: other programs, too, call a file _metadata. */
void rest__post_savepoint_disposal(struct rest_request *request)
{
    json_t *body = rest__body(request);
    if (!body) return;
    const char *named = json_string_value(json_object_get(body, "savepoint-path"));
    const char *path = weir_arena_string(&request->arena, named ? named : "");
    json_decref(body);
    path = rest__location(request, path); /* the folder, also where its _metadata is named */
    if (!path[0]) {
        rest__fail(request, MHD_HTTP_BAD_REQUEST, "Property [savepoint-path] must be provided.");
        return;
    }
    Weir__CheckpointMetadata *metadata = NULL;
    struct weir_error error;
    if (read_metadata(request, path, &metadata, &error)) {
        rest__fail(request, is_gone(request, path) ? MHD_HTTP_NOT_FOUND : MHD_HTTP_BAD_REQUEST,
            "%s is no savepoint: %s.", path, error.message);
        return;
    }
    if (is_of_running_job(request, path, metadata)) return;
    if (remove_savepoint(request, path, &error)) {
        rest__fail(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", error.message);
        return;
    }
    uint8_t id[16];
    rest__trigger_id(request, NULL, id);
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:s}", "request-id", rest__hex(request, id, sizeof id)));
}

void rest__get_savepoint_disposal(struct rest_request *request)
{
    rest__answer(request, MHD_HTTP_OK, json_pack("{s:{s:s},s:{}}", "status", "id", "COMPLETED", "operation"));
}
