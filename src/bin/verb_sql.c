/*
 * weir sql: the SQL client. Runs a file, statements of the command line, or a prompt with history and
 * multi-line editing. A failed statement ends a file or -e with exit code 1; at the prompt it is printed and
 * the prompt comes back.
 */
#include "main.h"
#include "ops/ops.h"
#include "ops/sources.h"
#include "os/file.h"
#include "os/memory.h"
#include "os/process.h"
#include "plugins/filesystem/file/file_filesystem.h"
#include "plugins/plugins.h"
#include "session/session.h"
#include "sql/parser.h"
#include "sql_jobs.h"
#include "submission.h"
#include <ctype.h>
#include <editline/readline.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SCRIPT_BYTES_MAX = 256 << 20, HISTORY_LINES_MAX = 1000 };

struct sql_arguments {
    const char *file, *init_file, *statement, *output, *history;
    char *definitions[DEFINITIONS_MAX];
    uint32_t definition_count;
};

static bool on_write(void *owner, const char *bytes, size_t length, bool to_stderr)
{
    return write_all(to_stderr ? STDERR_FILENO : STDOUT_FILENO, bytes, length);
}

static bool on_interrupted(void *owner)
{
    return weir_os_stop_requested();
}

/* The cluster's client, from the first statement on that needs it. */
struct target {
    struct weir_config *config; /* borrowed */
    struct client client;
    bool is_open;
    int interrupted; /* the signal that ended the wait for a job; 0: none */
};

/* execution.target as it is now. */
static enum weir_error_code on_target(void *owner, bool *ret, struct weir_error *reterr)
{
    struct target *target = owner;
    const char *text = weir_config_get_text(target->config, "execution.target", "local");
    *ret = strcasecmp(text, "remote") == 0 || strcasecmp(text, "standalone") == 0;
    enum weir_error_code code = client_check_target(text, reterr);
    if (code || !*ret || target->is_open) return code;
    target->is_open = client_init(&target->client, target->config, NULL, reterr);
    if (target->is_open) return WEIR_OK;
    client_done(&target->client);
    return reterr->code ? reterr->code : WEIR_E_ARGUMENT;
}

/* Who types Ctrl-C while a statement waits for its job ends the job, as with Flink. A client that is told to
 * end leaves it alone. */
static enum weir_error_code cancel_interrupted(
    struct target *target, const char *job, struct weir_error *reterr)
{
    struct weir_error reason = { 0 };
    target->interrupted = weir_os_stop_signal();
    if (target->interrupted != SIGINT)
        return weir_error_set(reterr, WEIR_E_CANCELED, "Waiting was interrupted; job %s goes on.", job);
    weir_os_stop_clear();
    if (submission_cancel(&target->client, job, &reason))
        return weir_error_set(reterr, WEIR_E_CANCELED,
            "Waiting was interrupted: the cancellation of job %s was asked for.", job);
    return weir_error_set(reterr, WEIR_E_CANCELED,
        "Waiting was interrupted, but job %s could not be canceled and may go on: %s", job, reason.message);
}

/* execution.target: remote. The statement returns when the job is submitted, or with table.dml-sync at its
 * end. */
static enum weir_error_code on_submit(
    void *owner, const struct weir_session_submission *submission, struct weir_error *reterr)
{
    static const char before[] = "[INFO] Submitting SQL update statement to the cluster...\n";
    struct target *target = owner;
    struct client *client = &target->client;
    char job[33], text[256], state[32];
    int64_t runtime_ms;
    on_write(NULL, before, sizeof before - 1, false);
    enum weir_error_code code = submission_send(client, submission, job, reterr);
    if (code) return code;
    int length = snprintf(text, sizeof text,
        "[INFO] SQL update statement has been successfully submitted to the cluster:\nJob ID: %s\n\n", job);
    on_write(NULL, text, (size_t)length, false);
    if (!weir_config_get_boolean(submission->config, "table.dml-sync", false)) return WEIR_OK;
    struct weir_error reason = { 0 };
    code = submission_wait(client, job, state, &runtime_ms, &reason);
    if (code == WEIR_E_CANCELED) return cancel_interrupted(target, job, reterr);
    if (code) return weir_error_set(reterr, code, "%s", reason.message);
    if (strcmp(state, "FINISHED") != 0)
        return weir_error_set(reterr, WEIR_E_CANCELED, "Job %s: %s. %s", job, state, reason.message);
    static const char after[] = "[INFO] Complete execution of the SQL update statement.\n";
    on_write(NULL, after, sizeof after - 1, false);
    return WEIR_OK;
}

static enum weir_error_code on_list_jobs(void *owner, const char *job, struct weir_arena *arena,
    struct weir_session_jobs *ret, struct weir_error *reterr)
{
    struct target *target = owner;
    return sql_jobs_list(&target->client, job, arena, ret, reterr);
}

static enum weir_error_code on_stop_job(void *owner, const struct weir_session_stop *stop,
    struct weir_arena *arena, const char **ret_savepoint, struct weir_error *reterr)
{
    struct target *target = owner;
    return sql_jobs_stop(&target->client, stop, arena, ret_savepoint, reterr);
}

/* Runs all statements of text; at the first failure prints it and returns its exit code. */
static int run_text(struct weir_session *session, const char *text, size_t length, bool *ret_quit)
{
    struct weir_sql_script script;
    weir_sql_script_init(&script, text, length);
    for (;;) {
        bool done;
        struct weir_error error = { 0 };
        if (weir_session_execute_next(session, &script, &done, ret_quit, &error)) return print_error(&error);
        if (weir_os_stop_requested()) return 128 + weir_os_stop_signal();
        if (done || *ret_quit) return 0;
    }
}

static int run_file(struct weir_session *session, const char *path, bool *ret_quit)
{
    struct weir_buffer text;
    weir_buffer_init(&text, weir_os_memory(), SCRIPT_BYTES_MAX);
    struct weir_error error = { 0 };
    int code;
    if (strcmp(path, "-") == 0) {
        char piece[65536];
        for (ssize_t got; (got = read(STDIN_FILENO, piece, sizeof piece)) > 0;)
            weir_buffer_append(&text, piece, (size_t)got);
        code = text.overflowed
                   ? (fprintf(stderr, "[ERROR] the script on standard input is longer than %d bytes\n",
                          SCRIPT_BYTES_MAX),
                         1)
                   : 0;
    } else {
        code = weir_file_read(path, SCRIPT_BYTES_MAX, &text, &error) ? print_error(&error) : 0;
    }
    if (code == 0) code = run_text(session, text.data ? text.data : "", text.length, ret_quit);
    weir_buffer_done(&text);
    return code;
}

/* --- the prompt --- */

/* Without a home there is no history: nothing is left behind wherever the client happens to run. */
static bool history_path(const char *given, char *path, size_t bytes)
{
    const char *home = getenv("HOME");
    if (given)
        snprintf(path, bytes, "%s", given);
    else if (home && *home)
        snprintf(path, bytes, "%s/.weir-sql-history", home);
    return given || (home && *home);
}

static bool only_space(const char *text)
{
    for (; *text; text++)
        if (!isspace((unsigned char)*text)) return false;
    return true;
}

/* Runs what the prompt has gathered, as far as it is whole; keeps the rest. false: quit. */
static bool run_gathered(struct weir_session *session, struct weir_buffer *gathered)
{
    for (;;) {
        size_t end = 0;
        const char *text = weir_buffer_text(gathered);
        enum weir_sql_end what = weir_sql_find_end(text, gathered->length, &end);
        if (what == WEIR_SQL_END_NOTHING) weir_buffer_clear(gathered);
        if (what != WEIR_SQL_END_STATEMENT) return true;
        size_t offset = 0;
        bool done, quit = false;
        struct weir_error error = { 0 };
        if (weir_session_execute(session, text, end, &offset, &done, &quit, &error)) print_error(&error);
        weir_os_stop_clear();
        memmove(gathered->data, gathered->data + end, gathered->length - end);
        gathered->length -= end;
        if (quit) return false;
    }
}

static int run_prompt(struct weir_session *session, const char *history)
{
    char path[4096];
    bool keep_history = history_path(history, path, sizeof path);
    rl_initialize();
    using_history();
    stifle_history(HISTORY_LINES_MAX);
    if (keep_history) read_history(path);
    printf("weir %s. Statements end with ';'. QUIT; or Ctrl-D leaves, HELP; helps.\n", WEIR_VERSION);
    struct weir_buffer gathered;
    weir_buffer_init(&gathered, weir_os_memory(), SCRIPT_BYTES_MAX);
    for (;;) {
        char *line = readline(gathered.length ? "     -> " : "weir SQL> ");
        if (!line) break;
        if (!only_space(line)) add_history(line);
        weir_buffer_append_text(&gathered, line);
        weir_buffer_append_byte(&gathered, '\n');
        free(line);
        weir_os_stop_clear();
        if (!run_gathered(session, &gathered)) break;
    }
    putchar('\n');
    if (keep_history) write_history(path);
    weir_buffer_done(&gathered);
    return 0;
}

/* --- the verb --- */

static int parse_arguments(int count, char **arguments, struct sql_arguments *ret)
{
    static const struct option options[] = { { "file", required_argument, NULL, 'f' },
        { "execute", required_argument, NULL, 'e' }, { "init", required_argument, NULL, 'i' },
        { "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' },
        { "history", required_argument, NULL, 'H' }, { "hist", required_argument, NULL, 'H' },
        { "session", required_argument, NULL, 's' }, { "jar", required_argument, NULL, 'j' },
        { "library", required_argument, NULL, 'l' }, { 0 } };
    /* getopt wants the program's name first: the verb stands in for it, one before the arguments. */
    optind = 1;
    opterr = 0;
    for (int option;
         (option = getopt_long_only(count + 1, arguments - 1, ":f:e:i:D:o:hs:j:l:", options, NULL)) != -1;) {
        switch (option) {
        case 'f': ret->file = optarg; break;
        case 'e': ret->statement = optarg; break;
        case 'i': ret->init_file = optarg; break;
        case 'o': ret->output = optarg; break;
        case 'D':
            if (ret->definition_count == DEFINITIONS_MAX)
                return usage_error("sql", "more than %d times -D", DEFINITIONS_MAX);
            ret->definitions[ret->definition_count++] = optarg;
            break;
        case 'H': ret->history = optarg; break;
        case 's': break; /* a session has no state to come back to here */
        case 'j':
        case 'l': return usage_error("sql", "-j and -l are for libraries of Java, which do not run here");
        case 'h': return verb_help(1, (char *[]){ (char *)"sql" }), -1;
        default: return option_error("sql", option, arguments - 1);
        }
    }
    if (optind < count + 1 && strcmp(arguments[optind - 1], "gateway") == 0)
        return usage_error(
            "sql", "a SQL gateway is not implemented; for a cluster: -D execution.target=remote");
    if (optind < count + 1) return usage_error("sql", "unexpected argument \"%s\"", arguments[optind - 1]);
    if (ret->file && ret->statement) return usage_error("sql", "-f and -e exclude each other");
    return 0;
}

static int set_output(struct weir_config *config, const struct sql_arguments *arguments, bool prompt)
{
    struct weir_error error = { 0 };
    const char *mode = arguments->output;
    if (!mode && !weir_config_is_set(config, "sql-client.execution.result-mode")) mode = "tableau";
    (void)prompt;
    if (!mode) return 0;
    if (weir_config_set(config, WEIR_CONFIG_COMMAND_LINE, "sql-client.execution.result-mode", mode, &error)) {
        if (arguments->output)
            return usage_error("sql", "--output %s: expected tableau, table, changelog, csv or json", mode);
        return print_error(&error);
    }
    return 0;
}

int verb_sql(int argument_count, char **arguments)
{
    struct sql_arguments given = { 0 };
    int code = parse_arguments(argument_count, arguments, &given);
    if (code) return code < 0 ? 0 : code;
    struct weir_config *config = load_config(given.definitions, given.definition_count, true);
    if (!config) return 1;
    bool prompt = !given.file && !given.statement;
    code = set_output(config, &given, prompt);
    struct target target = { .config = config };
    struct weir_error error = { 0 };
    bool remote;
    if (code == 0 && on_target(&target, &remote, &error)) code = print_error(&error);
    if (code == 0) {
        const struct weir_session_config session_config = { .memory = weir_os_memory(),
            .config = config,
            .connectors = &weir_plugins,
            .filesystem = &weir_file_filesystem,
            .find_operator = weir_operator_ops_find,
            .find_source = weir_operator_source_find,
            .write = on_write,
            .interrupted = on_interrupted,
            .submit = on_submit,
            .is_submitted = on_target,
            .list_jobs = on_list_jobs,
            .stop_job = on_stop_job,
            .owner = &target,
            .terminal = isatty(STDOUT_FILENO),
            .live = isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) };
        struct weir_session *session = weir_session_new(&session_config);
        bool quit = false;
        bool asks = prompt && isatty(STDIN_FILENO);
        if (!asks) weir_os_stop_deadline(); /* a prompt outlives an interrupted statement */
        if (given.init_file) code = run_file(session, given.init_file, &quit);
        if (code == 0 && !quit) {
            if (given.statement)
                code = run_text(session, given.statement, strlen(given.statement), &quit);
            else if (given.file)
                code = run_file(session, given.file, &quit);
            else if (asks)
                code = run_prompt(session, given.history);
            else
                code = run_file(session, "-", &quit);
        }
        weir_session_free(session);
    }
    if (target.is_open) client_done(&target.client);
    weir_config_free(config);
    return code && target.interrupted ? 128 + target.interrupted : code;
}
