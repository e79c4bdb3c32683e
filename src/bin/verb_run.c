/* weir run: a SQL script is a job, or several. weir info: its plan, and nothing runs. */
#include "main.h"
#include "ops/ops.h"
#include "ops/sources.h"
#include "os/file.h"
#include "os/memory.h"
#include "os/process.h"
#include "plan/job_graph.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "plugins/plugins.h"
#include "sql/parser.h"
#include "sql_jobs.h"
#include "submission.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SCRIPT_BYTES_MAX = 256 << 20, JOBS_MAX = 256 };

struct run {
    const char *parallelism, *savepoint, *claim_mode;
    bool detached, allow_non_restored, cancel_on_exit, only_plan;
    bool shown; /* a plan, or rows of a statement that is no job */
    struct weir_config *config;
    struct client client;
    char jobs[JOBS_MAX][33];
    uint32_t job_count;
};

static bool on_option(void *owner, int option, const char *value)
{
    struct run *run = owner;
    switch (option) {
    case 'd': run->detached = true; return true;
    case 'p': run->parallelism = value; return true;
    case 's': run->savepoint = value; return true;
    case 'n': run->allow_non_restored = true; return true;
    case 'r': run->claim_mode = value; return true;
    case 'a': run->cancel_on_exit = true; return true;
    default:
        usage_error("run",
            "the options -c, -C, -j and -py are for programs of Java and Python, which do not run here");
        return false;
    }
}

static enum weir_error_code on_submit(
    void *owner, const struct weir_session_submission *submission, struct weir_error *reterr)
{
    struct run *run = owner;
    if (run->only_plan) {
        struct weir_arena arena;
        struct weir_buffer text;
        const struct weir_job_graph *graph;
        weir_arena_init(&arena, weir_os_memory());
        weir_buffer_init(&text, weir_os_memory(), SCRIPT_BYTES_MAX);
        enum weir_error_code code = weir_job_graph_build(&arena, submission->graph, submission->parallelism,
            submission->max_parallelism, submission->chaining, &graph, reterr);
        run->shown = true;
        if (!code) {
            weir_job_graph_print_json(graph, &text);
            printf("----------------------- Execution Plan -----------------------\n%s\n"
                   "--------------------------------------------------------------\n",
                weir_buffer_text(&text));
        }
        weir_buffer_done(&text);
        weir_arena_done(&arena);
        return code;
    }
    if (run->job_count == JOBS_MAX)
        return weir_error_set(reterr, WEIR_E_ARGUMENT, "the script has more than %d jobs", JOBS_MAX);
    char *job = run->jobs[run->job_count];
    enum weir_error_code code = submission_send(&run->client, submission, job, reterr);
    if (code) return code;
    run->job_count++;
    printf("Job has been submitted with JobID %s\n", job);
    fflush(stdout);
    /* What it is to go on from may not be there: nobody would look for that after a detached run. */
    const char *origin = weir_config_get_text(submission->config, "execution.state-recovery.path", "");
    return run->detached && *origin ? submission_wait_begun(&run->client, job, reterr) : WEIR_OK;
}

/* What a statement answers that is no job: rows are shown, confirmations are not. */
static bool on_write(void *owner, const char *bytes, size_t length, bool to_stderr)
{
    struct run *run = owner;
    if (length >= 6 && memcmp(bytes, "[INFO]", 6) == 0) return true;
    run->shown = true;
    return write_all(to_stderr ? STDERR_FILENO : STDOUT_FILENO, bytes, length);
}

static bool on_interrupted(void *owner)
{
    return weir_os_stop_requested();
}

static enum weir_error_code on_list_jobs(void *owner, const char *job, struct weir_arena *arena,
    struct weir_session_jobs *ret, struct weir_error *reterr)
{
    struct run *run = owner;
    return sql_jobs_list(&run->client, job, arena, ret, reterr);
}

static enum weir_error_code on_stop_job(void *owner, const struct weir_session_stop *stop,
    struct weir_arena *arena, const char **ret_savepoint, struct weir_error *reterr)
{
    struct run *run = owner;
    return sql_jobs_stop(&run->client, stop, arena, ret_savepoint, reterr);
}

static int run_statements(struct run *run, bool remote, const char *path, const struct weir_buffer *text)
{
    const struct weir_session_config session_config = { .memory = weir_os_memory(),
        .config = run->config,
        .connectors = &weir_plugins,
        .filesystem = &weir_file_filesystem,
        .find_operator = weir_operator_ops_find,
        .find_source = weir_operator_source_find,
        .write = on_write,
        .interrupted = on_interrupted,
        .submit = remote ? on_submit : NULL,
        .list_jobs = run->only_plan ? NULL : on_list_jobs,
        .stop_job = run->only_plan ? NULL : on_stop_job,
        .owner = run };
    struct weir_session *session = weir_session_new(&session_config);
    struct weir_sql_script script;
    weir_sql_script_init(&script, text->data ? (const char *)text->data : "", text->length);
    int code = 0;
    for (bool done = false, quit = false; !done && !quit && code == 0;) {
        struct weir_error error = { 0 };
        if (weir_session_execute_next(session, &script, &done, &quit, &error))
            code = client_failed("%s%s%s", error.message, error.cause_count ? "\nCaused by: " : "",
                error.cause_count ? error.causes[0] : "");
        if (weir_os_stop_requested()) code = 128 + weir_os_stop_signal();
    }
    weir_session_free(session);
    /* A mistake, and one that nobody would see: nothing is running afterwards. */
    if (code == 0 && remote && run->job_count == 0 && !run->shown)
        code = client_failed("The script didn't contain a job: expected an INSERT INTO, an EXECUTE STATEMENT "
                             "SET or a query in %s",
            path);
    return code;
}

static int run_file(struct run *run, bool remote, const char *path)
{
    struct weir_buffer text;
    weir_buffer_init(&text, weir_os_memory(), SCRIPT_BYTES_MAX);
    struct weir_error error = { 0 };
    int code = weir_file_read(path, SCRIPT_BYTES_MAX, &text, &error)
                   ? client_failed("%s", error.message)
                   : run_statements(run, remote, path, &text);
    weir_buffer_done(&text);
    return code;
}

static void cancel(struct run *run, const char *job)
{
    struct weir_error error = { 0 };
    if (!submission_cancel(&run->client, job, &error))
        client_failed("Job with JobID %s could not be canceled and may go on: %s", job, error.message);
}

enum { INTERRUPTED = 130 };

static int wait_for(struct run *run, const char *job)
{
    char state[32];
    int64_t runtime_ms = 0;
    struct weir_error error = { 0 };
    enum weir_error_code code = submission_wait(&run->client, job, state, &runtime_ms, &error);
    if (code == WEIR_E_CANCELED) {
        weir_os_stop_clear();
        return INTERRUPTED;
    }
    if (code) return client_failed("%s", error.message);
    if (strcmp(state, "FINISHED") != 0)
        return client_failed("Job with JobID %s has %s.%s%s", job,
            strcmp(state, "CANCELED") == 0 ? "been canceled" : "failed",
            error.message[0] ? "\nCaused by: " : "", error.message);
    printf("Program execution finished\nJob with JobID %s has finished.\nJob Runtime: %lld ms\n", job,
        (long long)runtime_ms);
    return 0;
}

/* One after the other: they run side by side. */
static int wait_for_all(struct run *run)
{
    int code = 0;
    uint32_t i;
    for (i = 0; i < run->job_count && code == 0; i++) code = wait_for(run, run->jobs[i]);
    if (code == INTERRUPTED && run->cancel_on_exit)
        for (i--; i < run->job_count; i++) cancel(run, run->jobs[i]); /* those before it have ended */
    return code;
}

/* What the options say is configuration like any other. */
static bool apply(struct run *run)
{
    const struct {
        const char *key, *value;
    } settings[] = { { "parallelism.default", run->parallelism },
        { "execution.state-recovery.path", run->savepoint },
        { "execution.state-recovery.claim-mode", run->claim_mode },
        { "execution.state-recovery.ignore-unclaimed-state", run->allow_non_restored ? "true" : NULL } };
    struct weir_error error = { 0 };
    for (size_t i = 0; i < WEIR_ARRAY_COUNT(settings); i++) {
        if (!settings[i].value) continue;
        if (weir_config_set(
                run->config, WEIR_CONFIG_COMMAND_LINE, settings[i].key, settings[i].value, &error)) {
            client_failed("%s", error.message);
            return false;
        }
    }
    return true;
}

static const struct option long_options[] = { { "detached", no_argument, NULL, 'd' },
    { "parallelism", required_argument, NULL, 'p' }, { "fromSavepoint", required_argument, NULL, 's' },
    { "allowNonRestoredState", no_argument, NULL, 'n' }, { "claimMode", required_argument, NULL, 'r' },
    { "cm", required_argument, NULL, 'r' }, { "restoreMode", required_argument, NULL, 'r' },
    { "rm", required_argument, NULL, 'r' }, { "shutdownOnAttachedExit", no_argument, NULL, 'a' },
    { "sae", no_argument, NULL, 'a' }, { "class", required_argument, NULL, 'c' },
    { "classpath", required_argument, NULL, 'C' }, { "jarfile", required_argument, NULL, 'j' },
    { "python", required_argument, NULL, 'y' }, { "py", required_argument, NULL, 'y' }, { 0 } };

static int run_script(const char *verb, bool only_plan, int argument_count, char **arguments)
{
    struct run *run = weir_memory_allocate_zeroed(weir_os_memory(), sizeof *run);
    struct client_arguments given;
    run->only_plan = only_plan;
    int code =
        client_parse(verb, argument_count, arguments, "dp:s:nc:C:j:", long_options, on_option, run, &given);
    if (code < 0 && given.positional_count != 1) {
        code = usage_error(verb, given.positional_count
                                     ? "expected one SQL script"
                                     : "The program was not specified: expected a SQL script");
    }
    const char *path = code < 0 ? given.positionals[0] : "";
    size_t length = strlen(path);
    if (code < 0 && length > 4 && strcasecmp(path + length - 4, ".jar") == 0)
        code = client_failed(
            "%s: programs of Java are not implemented; a SQL script is a job here: weir run script.sql",
            path);
    /* An unset variable of a script: from nothing, the job would do all that it did before once more. */
    if (code < 0 && run->savepoint && !run->savepoint[0])
        code = client_failed("-s: the path of a savepoint is expected, and it is empty");
    if (code < 0) {
        run->config = client_open(&given, &run->client);
        code = run->config && apply(run) ? -1 : 1;
        bool remote = code < 0 && !client_is_local(&given, run->config);
        if (code < 0) code = run_file(run, remote || only_plan, path);
        if (code == 0 && !run->detached && !only_plan) code = wait_for_all(run);
        if (run->config) {
            client_done(&run->client);
            weir_config_free(run->config);
        }
    }
    weir_memory_release(weir_os_memory(), run, sizeof *run);
    return code;
}

int client_run(int argument_count, char **arguments)
{
    return run_script("run", false, argument_count, arguments);
}

int verb_run(int argument_count, char **arguments)
{
    weir_os_stop_deadline();
    return client_run(argument_count, arguments);
}

int verb_info(int argument_count, char **arguments)
{
    weir_os_stop_deadline();
    return run_script("info", true, argument_count, arguments);
}
