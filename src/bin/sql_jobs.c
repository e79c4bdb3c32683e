#include "sql_jobs.h"
#include "operation.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { JOB_DIGITS = 32 };

/* It becomes a part of a path. */
static enum weir_error_code check_id(const char *job, struct weir_error *reterr)
{
    size_t digits = strspn(job, "0123456789abcdefABCDEF");
    if (digits == JOB_DIGITS && !job[digits]) return WEIR_OK;
    return weir_error_set(
        reterr, WEIR_E_ARGUMENT, "'%s' is no job's id: expected 32 hexadecimal digits", job);
}

static const char *text_of(struct weir_arena *arena, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return weir_arena_string(arena, text ? text : "");
}

static int by_start(const void *a, const void *b)
{
    const struct weir_session_job *left = a, *right = b;
    if (left->start_ms != right->start_ms) return left->start_ms < right->start_ms ? -1 : 1;
    return strcmp(left->id, right->id);
}

enum weir_error_code sql_jobs_list(struct client *client, const char *job, struct weir_arena *arena,
    struct weir_session_jobs *ret, struct weir_error *reterr)
{
    struct client_response response;
    enum weir_error_code code = job ? check_id(job, reterr) : WEIR_OK;
    if (code) return code;
    code = client_get(client, "/jobs/overview", &response, reterr);
    if (!code && response.error[0]) code = weir_error_set(reterr, WEIR_E_IO, "%s", response.error);
    json_t *list = code ? NULL : json_object_get(response.json, "jobs");
    size_t count = json_array_size(list);
    ret->items = WEIR_ARENA_ARRAY(arena, struct weir_session_job, count + 1);
    ret->count = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        struct weir_session_job *item = &ret->items[ret->count];
        *item = (struct weir_session_job){ .id = text_of(arena, entry, "jid"),
            .name = text_of(arena, entry, "name"),
            .state = text_of(arena, entry, "state"),
            .start_ms = json_integer_value(json_object_get(entry, "start-time")) };
        ret->count += !job || strcasecmp(item->id, job) == 0;
    }
    qsort(ret->items, ret->count, sizeof ret->items[0], by_start);
    client_response_done(&response);
    if (!code && job && ret->count == 0)
        return weir_error_set(reterr, WEIR_E_NOT_FOUND, "The job %s is not there", job);
    return code;
}

static enum weir_error_code cancel(struct client *client, const char *job, struct weir_error *reterr)
{
    char path[128];
    struct client_response response;
    snprintf(path, sizeof path, "/jobs/%s?mode=cancel", job);
    enum weir_error_code code = client_send(client, "PATCH", path, json_object(), &response, reterr);
    if (!code && response.error[0]) code = weir_error_set(reterr, WEIR_E_ARGUMENT, "%s", response.error);
    client_response_done(&response);
    return code;
}

static enum weir_error_code stop(struct client *client, const struct weir_session_stop *wanted,
    struct weir_arena *arena, const char **ret_savepoint, struct weir_error *reterr)
{
    char path[128], poll_path[128], id[33];
    snprintf(path, sizeof path, "/jobs/%s/stop", wanted->job);
    snprintf(poll_path, sizeof poll_path, "/jobs/%s/savepoints", wanted->job);
    bool named = wanted->directory && wanted->directory[0];
    json_t *directory = named ? json_string(client_absolute(arena, wanted->directory)) : json_null();
    json_t *body = json_pack("{s:o,s:b,s:s}", "targetDirectory", directory, "drain", (int)wanted->drain,
        "formatType", "CANONICAL");
    json_t *operation;
    enum weir_error_code code =
        operation_run(client, path, poll_path, operation_with_id(body), false, id, &operation, reterr);
    if (code) return code;
    *ret_savepoint = text_of(arena, operation, "location");
    json_decref(operation);
    return WEIR_OK;
}

enum weir_error_code sql_jobs_stop(struct client *client, const struct weir_session_stop *wanted,
    struct weir_arena *arena, const char **ret_savepoint, struct weir_error *reterr)
{
    *ret_savepoint = NULL;
    enum weir_error_code code = check_id(wanted->job, reterr);
    if (code) return code;
    code = wanted->savepoint ? stop(client, wanted, arena, ret_savepoint, reterr)
                             : cancel(client, wanted->job, reterr);
    if (!code) return WEIR_OK;
    char why[WEIR_ERROR_MESSAGE_BYTES_MAX - 128];
    snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, reterr->message);
    return weir_error_set(reterr, code, "Could not stop job %s.\n%s", wanted->job, why);
}
