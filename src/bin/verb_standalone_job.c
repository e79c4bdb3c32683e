/* weir standalone-job: a JobManager of a cluster that runs one job, that of a SQL script, and ends with it.
 * Several with the same script are candidates for its leadership: each submits the job under the id that the
 * cluster has chosen, which is idempotent, so that it runs once however many of them die. */
#include "client.h"
#include "cluster.h"
#include "main.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include "os/memory.h"
#include "os/process.h"
#include "sql/parser.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 20, TEXT_BYTES = 4200, OWN_DEFINITIONS_MAX = 8, SCRIPT_BYTES_MAX = 256 << 20 };

struct application {
    struct client_arguments given;
    struct weir_config *config;
    const char *script, *rest_address;
    char own[OWN_DEFINITIONS_MAX][TEXT_BYTES]; /* definitions that stand for options */
    uint32_t own_count;
    bool submitting;
    pthread_t client;
    _Atomic int client_code; /* not 0: the job could not be submitted */
};

static bool define(struct application *application, const char *key, const char *value)
{
    struct client_arguments *given = &application->given;
    if (application->own_count == OWN_DEFINITIONS_MAX ||
        given->definition_count == WEIR_ARRAY_COUNT(given->definitions)) {
        usage_error("standalone-job", "too many options");
        return false;
    }
    char *text = application->own[application->own_count++];
    if (snprintf(text, TEXT_BYTES, "%s=%s", key, value) >= TEXT_BYTES) {
        usage_error("standalone-job", "the value of %s is too long", key);
        return false;
    }
    given->definitions[given->definition_count++] = text;
    return true;
}

static bool on_option(void *owner, int option, const char *value)
{
    struct application *application = owner;
    switch (option) {
    case 'J': return client_check_job(value) && define(application, "$internal.pipeline.job-id", value);
    case 's':
        if (value[0]) return define(application, "execution.state-recovery.path", value);
        usage_error("standalone-job", "-s: the path of a savepoint is expected, and it is empty");
        return false;
    case 'n': return define(application, "execution.state-recovery.ignore-unclaimed-state", "true");
    case 'R': return define(application, "execution.state-recovery.claim-mode", value);
    case 'p': return define(application, "parallelism.default", value);
    case 'H': return define(application, "jobmanager.rpc.address", value);
    case 'r': return define(application, "rest.port", value) && define(application, "rest.bind-port", value);
    default:
        usage_error("standalone-job", "--job-classname, --jars and -py are for programs of Java and Python, "
                                      "which do not run here; a SQL "
                                      "script is the application");
        return false;
    }
}

static const struct option long_options[] = { { "job-id", required_argument, NULL, 'J' },
    { "jid", required_argument, NULL, 'J' }, { "fromSavepoint", required_argument, NULL, 's' },
    { "allowNonRestoredState", no_argument, NULL, 'n' }, { "claimMode", required_argument, NULL, 'R' },
    { "cm", required_argument, NULL, 'R' }, { "restoreMode", required_argument, NULL, 'R' },
    { "rm", required_argument, NULL, 'R' }, { "parallelism", required_argument, NULL, 'p' },
    { "host", required_argument, NULL, 'H' }, { "webui-port", required_argument, NULL, 'r' },
    { "job-classname", required_argument, NULL, 'j' }, { "jars", required_argument, NULL, 'j' },
    { "python", required_argument, NULL, 'j' }, { "py", required_argument, NULL, 'j' }, { 0 } };

static bool is_job(const struct weir_sql_statement *statement)
{
    switch (statement->kind) {
    case WEIR_SQL_STATEMENT_INSERT:
    case WEIR_SQL_STATEMENT_STATEMENT_SET: return true;
    case WEIR_SQL_STATEMENT_CREATE_TABLE: return statement->create_table->query != NULL;
    default: return false;
    }
}

/* Before anything is started: a cluster for nothing, or for the first of several jobs, helps nobody. */
static enum weir_error_code check_statements(
    const struct weir_buffer *text, struct weir_arena *arena, struct weir_error *reterr)
{
    struct weir_sql_script script;
    uint32_t jobs = 0;
    weir_sql_script_init(&script, text->data ? (const char *)text->data : "", text->length);
    for (const struct weir_sql_statement *statement;;) {
        enum weir_error_code code = weir_sql_script_next(&script, arena, &statement, reterr);
        if (code) return code;
        if (!statement) break;
        jobs += is_job(statement);
        if (statement->kind == WEIR_SQL_STATEMENT_QUERY)
            return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
                "an application has nobody to show the rows of a query to: INSERT them INTO a table, one "
                "with "
                "the connector print for example");
    }
    if (jobs == 1) return WEIR_OK;
    if (jobs == 0)
        return weir_error_set(reterr, WEIR_E_ARGUMENT,
            "the script didn't contain a job: expected an INSERT INTO or an EXECUTE STATEMENT SET");
    return weir_error_set(reterr, WEIR_E_ARGUMENT,
        "the script has %u jobs, and an application has one: put their INSERTs into one EXECUTE STATEMENT "
        "SET",
        jobs);
}

static bool check_script(const char *path)
{
    struct weir_arena arena;
    struct weir_buffer text;
    struct weir_error error = { 0 };
    weir_arena_init(&arena, weir_os_memory());
    weir_buffer_init(&text, weir_os_memory(), SCRIPT_BYTES_MAX);
    enum weir_error_code code = weir_file_read(path, SCRIPT_BYTES_MAX, &text, &error);
    if (!code && (code = check_statements(&text, &arena, &error))) weir_error_wrap(&error, "%s", path);
    if (code) print_error(&error);
    weir_buffer_done(&text);
    weir_arena_done(&arena);
    return code == WEIR_OK;
}

/* -1 to go on. */
static int parse(struct application *application, int argument_count, char **arguments)
{
    struct client_arguments *given = &application->given;
    /* client_parse() begins with an empty list: what options stand for is put behind it. */
    int code = client_parse("standalone-job", argument_count, arguments, "s:np:r:j:", long_options, on_option,
        application, given);
    if (code >= 0) return code;
    if (given->manager || given->target)
        return usage_error("standalone-job", "-m and -t are for clients: this verb is the cluster itself");
    if (given->positional_count != 1)
        return usage_error("standalone-job",
            given->positional_count ? "expected one SQL script"
                                    : "the application was not specified: expected a SQL script");
    application->script = given->positionals[0];
    return check_script(application->script) ? -1 : 1;
}

/* ---------------------------------------------------------------- the job */

/* 32 digits, once somebody leads; the empty text while nobody does. */
static void ask_job_id(struct client *client, char ret_job[33])
{
    struct client_response response;
    struct weir_error error = { 0 };
    ret_job[0] = '\0';
    if (client_get(client, "/ha", &response, &error)) return;
    const char *leader = json_string_value(json_object_get(response.json, "leader"));
    const char *job = json_string_value(json_object_get(response.json, "application"));
    if (leader && *leader && job) snprintf(ret_job, 33, "%s", job);
    client_response_done(&response);
}

/* Running, or at its end already: there is nothing to submit. */
static bool job_is_known(struct client *client, const char *job)
{
    char path[64];
    struct client_response response;
    struct weir_error error = { 0 };
    snprintf(path, sizeof path, "/jobs/%s/status", job);
    if (client_get(client, path, &response, &error)) return false;
    bool known = response.status == 200;
    client_response_done(&response);
    return known;
}

static int submit_as(struct application *application, const char *job)
{
    struct client_arguments *given = &application->given;
    char *arguments[2 * WEIR_ARRAY_COUNT(given->definitions) + 16], fixed[80];
    int count = 0;
    arguments[count++] = (char *)"run";
    arguments[count++] = (char *)"-d";
    arguments[count++] = (char *)"-m";
    arguments[count++] = (char *)application->rest_address;
    for (uint32_t i = 0; i < given->definition_count; i++) {
        arguments[count++] = (char *)"-D";
        arguments[count++] = given->definitions[i];
    }
    if (!weir_config_is_set(application->config, "weir.log.level")) { /* a client's default is less */
        arguments[count++] = (char *)"-D";
        arguments[count++] = (char *)"weir.log.level=INFO";
    }
    snprintf(fixed, sizeof fixed, "$internal.pipeline.job-id=%s", job);
    arguments[count++] = (char *)"-D";
    arguments[count++] = fixed;
    arguments[count++] = (char *)application->script;
    return client_run(count - 1, arguments + 1);
}

static int submit(struct application *application, struct client *client)
{
    const char *named = weir_config_get_text(application->config, "$internal.pipeline.job-id", "");
    for (int code = 0; !weir_os_stop_requested();) {
        char job[33];
        ask_job_id(client, job);
        bool leads = job[0] != '\0';
        if (*named) snprintf(job, sizeof job, "%s", named);
        if (leads && job_is_known(client, job)) return 0; /* from another JobManager, maybe */
        if (leads && code) return code;
        if (leads)
            code = submit_as(application, job);
        else
            weir_clock_sleep_ms(POLL_MS);
        if (leads && !code) return 0;
    }
    return 0;
}

static void *run_client(void *argument)
{
    struct application *application = argument;
    struct client client;
    struct weir_error error = { 0 };
    int code = client_init(&client, application->config, application->rest_address, &error)
                   ? submit(application, &client)
                   : print_error(&error);
    client_done(&client);
    if (!code || weir_os_stop_requested()) return NULL;
    application->client_code = code;
    weir_log(WEIR_LOG_ERROR, "weir.jobmanager", "%s: the application could not be submitted, so this ends",
        application->script);
    weir_os_stop();
    return NULL;
}

static void on_ready(void *owner, struct weir_control_loop *loop, const char *rest_address)
{
    struct application *application = owner;
    application->rest_address = rest_address;
    application->submitting = pthread_create(&application->client, NULL, run_client, application) == 0;
}

/* The processes that a JobManager starts for itself are configured as it is. */
static int run(struct application *application)
{
    struct client_arguments *given = &application->given;
    char *arguments[2 * WEIR_ARRAY_COUNT(given->definitions)];
    int count = 0;
    for (uint32_t i = 0; i < given->definition_count; i++) {
        arguments[count++] = (char *)"-D";
        arguments[count++] = given->definitions[i];
    }
    struct cluster_ready ready = { .call = on_ready, .owner = application, .application = true };
    int code = jobmanager_run(application->config, count, arguments, &ready);
    if (application->submitting) {
        weir_os_stop(); /* it does not wait for a leader any more */
        pthread_join(application->client, NULL);
    }
    return code ? code : application->client_code;
}

int verb_standalone_job(int argument_count, char **arguments)
{
    struct application *application = weir_memory_allocate_zeroed(weir_os_memory(), sizeof *application);
    int code = parse(application, argument_count, arguments);
    if (code < 0) {
        code = 1;
        application->config =
            load_config(application->given.definitions, application->given.definition_count, true);
        if (application->config && !weir_config_is_set(application->config, "weir.log.level"))
            weir_log_level_set(WEIR_LOG_INFO);
        if (application->config) code = run(application);
        weir_config_free(application->config);
    }
    weir_memory_release(weir_os_memory(), application, sizeof *application);
    return code;
}
