/* weir list, cancel, stop, savepoint, checkpoint: what is asked of running jobs, with the lines that Flink
 * prints. */
#include "client.h"
#include "inspect.h"
#include "main.h"
#include "operation.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JOBS_SHOWN_MAX = 100000 };

/* A verb's command line, parsed, and the connection. */
struct request {
    const char *verb;
    struct client_arguments given;
    struct weir_config *config;
    struct client client;
};

/* Returns -1 to go on, else the exit code. */
static int open_request(struct request *request, const char *verb, int count, char **arguments,
    const char *letters, const struct option *options,
    bool (*option)(void *owner, int option, const char *value), void *owner)
{
    request->verb = verb;
    request->config = NULL;
    int code = client_parse(verb, count, arguments, letters, options, option, owner, &request->given);
    if (code >= 0) return code;
    request->config = client_open(&request->given, &request->client);
    return request->config ? -1 : 1;
}

static void close_request(struct request *request)
{
    if (!request->config) return;
    client_done(&request->client);
    weir_config_free(request->config);
}

/* Prints what went wrong, if something did. */
static bool good(enum weir_error_code code, const struct client_response *response,
    const struct weir_error *error, const char *what)
{
    if (code)
        client_failed("%s\n%s", what, error->message);
    else if (response->error[0])
        client_failed("%s\n%s", what, response->error);
    return !code && !response->error[0];
}

/* ---------------------------------------------------------------- list */

struct list_options {
    bool running, scheduled, all;
};

static bool list_option(void *owner, int option, const char *value)
{
    struct list_options *options = owner;
    options->running |= option == 'r';
    options->scheduled |= option == 's';
    options->all |= option == 'a';
    return true;
}

enum group { GROUP_RUNNING, GROUP_SCHEDULED, GROUP_TERMINATED, GROUPS };

static enum group group_of(const char *state)
{
    if (strcmp(state, "CREATED") == 0 || strcmp(state, "INITIALIZING") == 0) return GROUP_SCHEDULED;
    if (strcmp(state, "FINISHED") == 0 || strcmp(state, "CANCELED") == 0 || strcmp(state, "FAILED") == 0)
        return GROUP_TERMINATED;
    return GROUP_RUNNING;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int by_start(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    json_int_t difference = json_integer_value(json_object_get(left, "start-time")) -
                            json_integer_value(json_object_get(right, "start-time"));
    return difference < 0 ? -1 : difference > 0;
}

static void print_group(json_t **jobs, size_t count, enum group group)
{
    static const char *const titles[] = { "------------------ Running/Restarting Jobs -------------------",
        "----------------------- Scheduled Jobs -----------------------",
        "---------------------- Terminated Jobs -----------------------" };
    static const char *const none[] = { "No running jobs.", "No scheduled jobs.", "No terminated jobs." };
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        if (group_of(text_of(jobs[i], "state")) != group) continue;
        if (!shown++) puts(titles[group]);
        time_t start = (time_t)(json_integer_value(json_object_get(jobs[i], "start-time")) / 1000);
        struct tm local;
        char at[32];
        localtime_r(&start, &local);
        strftime(at, sizeof at, "%d.%m.%Y %H:%M:%S", &local);
        printf("%s : %s : %s (%s)\n", at, text_of(jobs[i], "jid"), text_of(jobs[i], "name"),
            text_of(jobs[i], "state"));
    }
    puts(shown ? "--------------------------------------------------------------" : none[group]);
}

static void print_jobs(json_t *list, const struct list_options *options)
{
    size_t count = json_array_size(list);
    if (count > JOBS_SHOWN_MAX) count = JOBS_SHOWN_MAX;
    json_t **jobs = calloc(count + 1, sizeof(json_t *));
    if (!jobs) return;
    for (size_t i = 0; i < count; i++) jobs[i] = json_array_get(list, i);
    qsort(jobs, count, sizeof(json_t *), by_start);
    bool both = !options->running && !options->scheduled;
    if (both || options->running || options->all) print_group(jobs, count, GROUP_RUNNING);
    if (both || options->scheduled || options->all) print_group(jobs, count, GROUP_SCHEDULED);
    if (options->all) print_group(jobs, count, GROUP_TERMINATED);
    free(jobs);
}

int verb_list(int argument_count, char **arguments)
{
    static const struct option options[] = { { "running", no_argument, NULL, 'r' },
        { "scheduled", no_argument, NULL, 's' }, { "all", no_argument, NULL, 'a' }, { 0 } };
    struct list_options wanted = { .running = false };
    struct request request;
    int code =
        open_request(&request, "list", argument_count, arguments, "rsa", options, list_option, &wanted);
    if (code < 0) {
        struct client_response response;
        struct weir_error error = { 0 };
        puts("Waiting for response...");
        enum weir_error_code result = client_get(&request.client, "/jobs/overview", &response, &error);
        code = good(result, &response, &error, "Failed to retrieve job list.") ? 0 : 1;
        if (code == 0) print_jobs(json_object_get(response.json, "jobs"), &wanted);
        client_response_done(&response);
    }
    close_request(&request);
    return code;
}

/* ---------------------------------------------------------------- triggers */

/* The operation's result, to be given back, or NULL after an error was printed. trigger_id: 33 bytes. */
static json_t *trigger(struct client *client, const char *path, const char *poll_path, json_t *body,
    const char *what, bool detached, char trigger_id[33])
{
    json_t *operation = NULL;
    struct weir_error error = { 0 };
    if (!operation_run(client, path, poll_path, body, detached, trigger_id, &operation, &error))
        return operation;
    client_failed("%s\n%s", what, error.message);
    return NULL;
}

/* NULL: none was given. */
static json_t *directory_member(struct request *request, const char *path)
{
    return path ? json_string(client_absolute(&request->client.arena, path)) : json_null();
}

static const char *format_type(const char *text, bool *ret_good)
{
    *ret_good = !text || strcasecmp(text, "canonical") == 0 || strcasecmp(text, "native") == 0;
    return text && strcasecmp(text, "native") == 0 ? "NATIVE" : "CANONICAL";
}

struct savepoint_options {
    const char *directory, *type, *dispose;
    bool drain, detached, with_savepoint, full;
};

/* ---------------------------------------------------------------- cancel */

static bool cancel_option(void *owner, int option, const char *value)
{
    struct savepoint_options *options = owner;
    if (option == 's') options->with_savepoint = true;
    if (option == 'T') options->type = value;
    return true;
}

/* cancel -s [directory] job */
static int cancel_with_savepoint(struct request *request, const char *job, const char *directory)
{
    char path[128], id[33];
    snprintf(path, sizeof path, "/jobs/%s/savepoints", job);
    puts("DEPRECATION WARNING: Cancelling a job with savepoint is deprecated. Use \"stop\" instead.");
    printf("Cancelling job %s with savepoint to %s.\n", job,
        directory ? directory : "default savepoint directory");
    json_t *body = json_pack("{s:o,s:b,s:s}", "target-directory", directory_member(request, directory),
        "cancel-job", 1, "formatType", "CANONICAL");
    json_t *operation = trigger(&request->client, path, path, operation_with_id(body),
        "Could not cancel the job with a savepoint.", false, id);
    if (!operation) return 1;
    printf("Cancelled job %s. Savepoint stored in %s.\n", job, text_of(operation, "location"));
    json_decref(operation);
    return 0;
}

static int cancel(struct request *request, const char *job)
{
    char path[128];
    struct client_response response;
    struct weir_error error = { 0 };
    printf("Cancelling job %s.\n", job);
    snprintf(path, sizeof path, "/jobs/%s?mode=cancel", job);
    enum weir_error_code result =
        client_send(&request->client, "PATCH", path, json_object(), &response, &error);
    char what[128];
    snprintf(what, sizeof what, "Could not cancel job %s.", job);
    bool done = good(result, &response, &error, what);
    client_response_done(&response);
    if (!done) return 1;
    printf("Cancelled job %s.\n", job);
    return 0;
}

int verb_cancel(int argument_count, char **arguments)
{
    static const struct option options[] = { { "withSavepoint", no_argument, NULL, 's' },
        { "type", required_argument, NULL, 'T' }, { 0 } };
    struct savepoint_options wanted = { .directory = NULL };
    struct request request;
    int code =
        open_request(&request, "cancel", argument_count, arguments, "s", options, cancel_option, &wanted);
    if (code < 0) {
        uint32_t count = request.given.positional_count;
        const char *job = count ? request.given.positionals[count - 1] : NULL;
        if (!job)
            code = client_failed("Missing JobID. Specify a JobID to cancel a job.");
        else if (!client_check_job(job))
            code = 1;
        else if (wanted.with_savepoint)
            code = cancel_with_savepoint(&request, job, count > 1 ? request.given.positionals[0] : NULL);
        else
            code = cancel(&request, job);
    }
    close_request(&request);
    return code;
}

/* ---------------------------------------------------------------- stop */

static bool stop_option(void *owner, int option, const char *value)
{
    struct savepoint_options *options = owner;
    if (option == 'p') options->directory = value;
    if (option == 'd') options->drain = true;
    if (option == 'T') options->type = value;
    if (option == 'X') options->detached = true;
    return true;
}

static int stop(struct request *request, const char *job, const struct savepoint_options *wanted)
{
    bool known;
    const char *type = format_type(wanted->type, &known);
    if (!known) return usage_error("stop", "-type %s: expected canonical or native", wanted->type);
    printf("%s job \"%s\" with a %s savepoint.\n", wanted->drain ? "Draining" : "Suspending", job, type);
    char path[128], poll_path[128], what[128], id[33];
    snprintf(path, sizeof path, "/jobs/%s/stop", job);
    snprintf(poll_path, sizeof poll_path, "/jobs/%s/savepoints", job);
    snprintf(what, sizeof what, "Could not stop with a savepoint job \"%s\".", job);
    printf("Triggering stop-with-savepoint for job %s.\nWaiting for response...\n", job);
    fflush(stdout);
    json_t *body = json_pack("{s:o,s:b,s:s}", "targetDirectory", directory_member(request, wanted->directory),
        "drain", (int)wanted->drain, "formatType", type);
    json_t *operation =
        trigger(&request->client, path, poll_path, operation_with_id(body), what, wanted->detached, id);
    if (!operation) return 1;
    if (wanted->detached)
        printf("Successfully trigger stop-with-savepoint in detached mode, triggerId: %s\n", id);
    else
        printf("Savepoint completed. Path: %s\n", text_of(operation, "location"));
    json_decref(operation);
    return 0;
}

int verb_stop(int argument_count, char **arguments)
{
    static const struct option options[] = { { "savepointPath", required_argument, NULL, 'p' },
        { "drain", no_argument, NULL, 'd' }, { "type", required_argument, NULL, 'T' },
        { "detached", no_argument, NULL, 'X' }, { 0 } };
    struct savepoint_options wanted = { .directory = NULL };
    struct request request;
    int code =
        open_request(&request, "stop", argument_count, arguments, "p:d", options, stop_option, &wanted);
    if (code < 0) {
        const char *job = request.given.positional_count ? request.given.positionals[0] : NULL;
        if (!job)
            code = client_failed("Missing JobID");
        else
            code = client_check_job(job) ? stop(&request, job, &wanted) : 1;
    }
    close_request(&request);
    return code;
}

/* ---------------------------------------------------------------- savepoint */

static bool savepoint_option(void *owner, int option, const char *value)
{
    struct savepoint_options *options = owner;
    if (option == 'd') options->dispose = value;
    if (option == 'T') options->type = value;
    if (option == 'X') options->detached = true;
    return option != 'j' ||
           (usage_error("savepoint", "-j is for programs of Java, which do not run here"), false);
}

static int dispose(struct request *request, const char *path)
{
    char id[33];
    json_t *operation = NULL;
    struct weir_error error = { 0 };
    printf("Disposing savepoint '%s'.\nWaiting for response...\n", path);
    enum weir_error_code code = operation_run(&request->client, "/savepoint-disposal", "/savepoint-disposal",
        json_pack("{s:s}", "savepoint-path", path), false, id, &operation, &error);
    bool gone = code == WEIR_E_NOT_FOUND && request->client.repeated; /* by the try before */
    if (code && !gone) return client_failed("Disposing the savepoint has failed.\n%s", error.message);
    json_decref(operation);
    printf("Savepoint '%s' disposed.\n", path);
    return 0;
}

static int savepoint(
    struct request *request, const char *job, const char *directory, const struct savepoint_options *wanted)
{
    bool known;
    const char *type = format_type(wanted->type, &known);
    if (!known) return usage_error("savepoint", "-type %s: expected canonical or native", wanted->type);
    char path[128], what[128], id[33];
    snprintf(path, sizeof path, "/jobs/%s/savepoints", job);
    snprintf(what, sizeof what, "Triggering a savepoint for the job %s failed.", job);
    printf("Triggering savepoint for job %s.\nWaiting for response...\n", job);
    fflush(stdout);
    json_t *body = json_pack("{s:o,s:b,s:s}", "target-directory", directory_member(request, directory),
        "cancel-job", 0, "formatType", type);
    json_t *operation =
        trigger(&request->client, path, path, operation_with_id(body), what, wanted->detached, id);
    if (!operation) return 1;
    if (wanted->detached)
        printf("Successfully trigger manual savepoint, triggerId: %s\n", id);
    else
        printf("Savepoint completed. Path: %s\nYou can resume your program from this savepoint with the run "
               "command.\n",
            text_of(operation, "location"));
    json_decref(operation);
    return 0;
}

int verb_savepoint(int argument_count, char **arguments)
{
    static const struct option options[] = { { "dispose", required_argument, NULL, 'd' },
        { "type", required_argument, NULL, 'T' }, { "detached", no_argument, NULL, 'X' },
        { "jarfile", required_argument, NULL, 'j' }, { 0 } };
    struct savepoint_options wanted = { .directory = NULL };
    struct request request;
    int code = open_request(
        &request, "savepoint", argument_count, arguments, "d:j:", options, savepoint_option, &wanted);
    if (code < 0) {
        uint32_t count = request.given.positional_count;
        const char *job = count ? request.given.positionals[0] : NULL;
        if (wanted.dispose)
            code = dispose(&request, wanted.dispose);
        else if (!job)
            code = client_failed("Missing JobID. Specify a Job ID to trigger a savepoint.");
        else if (!client_check_job(job))
            code = 1;
        else
            code = savepoint(&request, job, count > 1 ? request.given.positionals[1] : NULL, &wanted);
    }
    close_request(&request);
    return code;
}

/* ---------------------------------------------------------------- checkpoint */

static bool checkpoint_option(void *owner, int option, const char *value)
{
    struct savepoint_options *options = owner;
    options->full = true;
    return true;
}

static int checkpoint(struct request *request, const char *job, bool full)
{
    char path[128], what[128], id[33];
    const char *type = full ? "FULL" : "CONFIGURED";
    snprintf(path, sizeof path, "/jobs/%s/checkpoints", job);
    snprintf(what, sizeof what, "Triggering a checkpoint for the job %s failed.", job);
    printf("Triggering checkpoint for job %s.\nWaiting for response...\n", job);
    fflush(stdout);
    json_t *operation = NULL;
    struct weir_error error = { 0 };
    enum weir_error_code code;
    do /* a leader that came since then was not asked for it */
        code = operation_run(&request->client, path, path,
            operation_with_id(json_pack("{s:s}", "checkpointType", type)), false, id, &operation, &error);
    while (code == WEIR_E_NOT_FOUND && id[0]);
    if (code) return client_failed("%s\n%s", what, error.message);
    printf("Checkpoint(%s) %lld for job %s completed.\n", type,
        (long long)json_integer_value(json_object_get(operation, "checkpointId")), job);
    puts("You can resume your program from this checkpoint with the run command.");
    json_decref(operation);
    return 0;
}

int verb_checkpoint(int argument_count, char **arguments)
{
    if (argument_count > 0 && strcmp(arguments[0], "inspect") == 0)
        return checkpoint_inspect(argument_count - 1, arguments + 1);
    static const struct option options[] = { { "full", no_argument, NULL, 'F' }, { 0 } };
    struct savepoint_options wanted = { .directory = NULL };
    struct request request;
    int code = open_request(
        &request, "checkpoint", argument_count, arguments, "", options, checkpoint_option, &wanted);
    if (code < 0) {
        const char *job = request.given.positional_count ? request.given.positionals[0] : NULL;
        if (!job)
            code = client_failed("Missing JobID. Specify a Job ID to manipulate a checkpoint.");
        else
            code = client_check_job(job) ? checkpoint(&request, job, wanted.full) : 1;
    }
    close_request(&request);
    return code;
}
