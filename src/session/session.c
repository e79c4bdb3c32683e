#include "session/session.h"
#include "session/state_backend.h"
#include "base/assert.h"
#include "data/utf8.h"
#include "host/local_job.h"
#include "os/clock.h"
#include "os/local_zone.h"
#include "session/adapter.h"
#include "session/jobs.h"
#include "session/result.h"
#include "sql/binder.h"
#include "sql/parser.h"
#include "sql/planner.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    SESSION_TEXT_BYTES_MAX = 256 << 20,
    INTERRUPT_POLL_MS = 100,
    MADE_NAME_BYTES_MAX = 960 /* of a job that was given none; a cluster takes 1,024 */
};

struct weir_session {
    struct weir_session_config config;
    struct weir_sql_catalog *catalog;
    struct weir_sql_connectors connectors;
    uint64_t statement_count;
};

/* What one statement needs while it runs. */
struct statement {
    struct weir_session *session;
    struct weir_arena arena;
    const struct weir_sql_statement *ast;
    struct weir_sql_binder_input binder;
    struct weir_eval_environment environment;
    struct weir_sql_config sql_config;
    const struct weir_zone *zone;
    bool batch;
    enum weir_result_mode mode;
};

struct weir_session *weir_session_new(const struct weir_session_config *config)
{
    struct weir_session *session = weir_memory_allocate_zeroed(config->memory, sizeof *session);
    session->config = *config;
    session->catalog = weir_sql_catalog_new(config->memory);
    session->connectors = weir_session_sql_connectors(config->connectors);
    return session;
}

void weir_session_free(struct weir_session *session)
{
    if (!session) return;
    weir_sql_catalog_free(session->catalog);
    weir_memory_release(session->config.memory, session, sizeof *session);
}

/* --- settings --- */

/* Durations go to the planner as plain milliseconds, whatever form they were written in. */
static const char *config_get(void *context, const char *key)
{
    struct statement *s = context;
    struct weir_config *config = s->session->config.config;
    const struct weir_option *option = weir_option_find(key, strlen(key));
    const char *text = weir_config_get_text(config, key, NULL);
    if (!text || !option || option->type != WEIR_OPTION_DURATION) return text;
    return weir_arena_format(&s->arena, "%lld", (long long)weir_config_get_duration_ms(config, key, 0));
}

static int64_t wall_clock_us(void *clock)
{
    return weir_clock_epoch_us();
}

static enum weir_error_code find_zone(
    struct weir_session *session, const struct weir_zone **ret, struct weir_error *reterr)
{
    const char *name = weir_config_get_text(session->config.config, "table.local-time-zone", "default");
    if (strcmp(name, "default") == 0) {
        /* The machine's: TZ, else the link that the system keeps; UTC where neither says a known name. */
        name = weir_os_local_zone_name();
        if (strcmp(name, "Etc/UTC") == 0 || weir_zone_find(name, strlen(name), ret, NULL)) *ret = NULL;
        return WEIR_OK;
    }
    enum weir_error_code code = weir_zone_find(name, strlen(name), ret, reterr);
    if (code) weir_error_wrap(reterr, "table.local-time-zone = '%s' is no time zone", name);
    return code;
}

/* The configuration knows the pattern of these keys, the planner the names. */
static enum weir_error_code check_rule_names(struct weir_config *config, struct weir_error *reterr)
{
    static const char prefix[] = "table.optimizer.rule.";
    struct weir_config_item item;
    for (size_t index = 0; weir_config_next(config, &index, &item);) {
        if (strncmp(item.key, prefix, sizeof prefix - 1) != 0) continue;
        const char *wanted = item.key + sizeof prefix - 1, *nearest = "", *name;
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; best > 0 && (name = weir_sql_rule_name(i)); i++) {
            uint32_t distance = weir_session_edit_distance(name, wanted);
            if (distance >= best) continue;
            best = distance;
            nearest = name;
        }
        if (best > 0)
            return weir_error_set(reterr, WEIR_E_CONFIGURATION,
                "unknown key '%s': there is no such rule; the nearest is '%s%s'", item.key, prefix, nearest);
    }
    return WEIR_OK;
}

static enum weir_error_code begin(struct statement *s, struct weir_error *reterr)
{
    struct weir_config *config = s->session->config.config;
    enum weir_error_code code = find_zone(s->session, &s->zone, reterr);
    /* RESET must go on working, or a wrong name could not be taken back. */
    if (!code && s->ast->kind != WEIR_SQL_STATEMENT_RESET) code = check_rule_names(config, reterr);
    if (code) return code;
    s->batch = weir_config_get_enum(config, "execution.runtime-mode", 0) == 1;
    size_t mode = weir_config_get_enum(
        config, "sql-client.execution.result-mode", 0); /* TABLE CHANGELOG TABLEAU CSV JSON */
    static const enum weir_result_mode modes[] = { WEIR_RESULT_TABLE, WEIR_RESULT_CHANGELOG,
        WEIR_RESULT_TABLEAU, WEIR_RESULT_CSV, WEIR_RESULT_JSON };
    s->mode = modes[WEIR_MIN(mode, WEIR_ARRAY_COUNT(modes) - 1)];
    if (s->mode == WEIR_RESULT_TABLE && (s->batch || !s->session->config.terminal))
        s->mode = WEIR_RESULT_TABLEAU;
    s->environment = (struct weir_eval_environment){ .local_zone = s->zone,
        .now_us = wall_clock_us,
        .statement_start_us = s->batch ? weir_clock_epoch_us() : 0,
        .random_seed = (uint64_t)weir_clock_monotonic_ns(),
        .current_catalog = weir_sql_catalog_current(s->session->catalog),
        .current_database = weir_sql_catalog_current_database(s->session->catalog) };
    s->sql_config = (struct weir_sql_config){ .get = config_get, .context = s };
    s->binder = (struct weir_sql_binder_input){ .arena = &s->arena,
        .memory = s->session->config.memory,
        .catalog = s->session->catalog,
        .connectors = &s->session->connectors,
        .environment = &s->environment,
        .batch = s->batch };
    return WEIR_OK;
}

static bool say(struct weir_session *session, const char *bytes, size_t length)
{
    return length == 0 || session->config.write(session->config.owner, bytes, length, false);
}

static enum weir_error_code gone(struct weir_error *reterr)
{
    return weir_error_set(
        reterr, WEIR_E_IO, "standard output takes no more: it is closed, or its disk is full");
}

/* What Flink's client says after a statement without rows; modes that programs read stay silent. */
static enum weir_error_code say_done(struct statement *s, const char *text, struct weir_error *reterr)
{
    if (s->mode == WEIR_RESULT_JSON || s->mode == WEIR_RESULT_CSV) return WEIR_OK;
    return say(s->session, text, strlen(text)) ? WEIR_OK : gone(reterr);
}

static enum weir_error_code run_set(struct statement *s, struct weir_error *reterr)
{
    struct weir_config *config = s->session->config.config;
    const struct weir_sql_set *set = &s->ast->set;
    if (s->ast->kind == WEIR_SQL_STATEMENT_RESET) {
        if (!set->key) {
            weir_config_reset_all(config);
            return say_done(s, "[INFO] Execute statement succeeded.\n", reterr);
        }
        enum weir_error_code code = weir_config_reset(config, set->key, reterr);
        return code ? code : say_done(s, "[INFO] Execute statement succeeded.\n", reterr);
    }
    if (set->key && set->value) {
        enum weir_error_code code =
            weir_config_set(config, WEIR_CONFIG_SESSION, set->key, set->value, reterr);
        return code ? code : say_done(s, "[INFO] Execute statement succeeded.\n", reterr);
    }
    struct weir_config_item item;
    uint32_t count = 0;
    for (size_t index = 0; weir_config_next(config, &index, &item);) count++;
    const char **cells = WEIR_ARENA_ARRAY(&s->arena, const char *, 2 * count + 1);
    uint32_t rows = 0;
    for (size_t index = 0; weir_config_next(config, &index, &item);) {
        if (set->key && strcmp(set->key, item.key) != 0) continue;
        cells[2 * rows] = weir_arena_string(&s->arena, item.key);
        cells[2 * rows++ + 1] = weir_arena_string(&s->arena, item.value);
    }
    static const char *const names[] = { "key", "value" };
    struct weir_buffer text;
    weir_buffer_init(&text, s->session->config.memory, SESSION_TEXT_BYTES_MAX);
    weir_result_answer(s->mode, names, 2, cells, rows, &text);
    bool ok = say(s->session, text.data, text.length);
    weir_buffer_done(&text);
    return ok ? WEIR_OK : gone(reterr);
}

/* --- jobs --- */

struct reader {
    pthread_mutex_t mutex; /* rows come on a slot thread, refreshing from ours */
    struct weir_result *result;
};

static bool on_rows(void *context, const struct weir_batch *batch)
{
    struct reader *reader = context;
    pthread_mutex_lock(&reader->mutex);
    bool more = weir_result_rows(reader->result, batch);
    pthread_mutex_unlock(&reader->mutex);
    return more;
}

static void refresh(struct reader *reader)
{
    pthread_mutex_lock(&reader->mutex);
    if (reader->result) weir_result_refresh(reader->result);
    pthread_mutex_unlock(&reader->mutex);
}

static void on_console(void *context, const char *bytes, size_t length, bool to_stderr)
{
    struct weir_session *session = context;
    (void)session->config.write(session->config.owner, bytes, length, to_stderr);
}

static void fill_job(
    struct statement *s, const struct weir_job_graph *graph, struct weir_local_job_config *job)
{
    struct weir_session *session = s->session;
    struct weir_config *config = session->config.config;
    *job = (struct weir_local_job_config){ .graph = graph,
        .memory = session->config.memory,
        .connectors = session->config.connectors,
        .filesystem = session->config.filesystem,
        .find_operator = session->config.find_operator,
        .find_source = session->config.find_source,
        .local_zone = s->zone,
        .statement_start_us = s->environment.statement_start_us,
        .random_seed = s->environment.random_seed,
        .current_catalog = s->environment.current_catalog,
        .current_database = s->environment.current_database,
        .write_stdout = on_console,
        .console = session };
    uint64_t managed = weir_config_get_memory_bytes(config, "taskmanager.memory.managed.size", 0);
    int64_t slots = weir_config_get_integer(config, "parallelism.default", 1);
    job->managed_bytes_per_slot = slots > 0 ? (size_t)(managed / (uint64_t)slots) : 0;
    if (s->batch) return; /* no checkpoints but the final one */
    job->checkpoint_interval_ms = weir_config_get_duration_ms(config, "execution.checkpointing.interval", 0);
    job->checkpoint_timeout_ms =
        weir_config_get_duration_ms(config, "execution.checkpointing.timeout", 600000);
    job->checkpoint_min_pause_ms =
        weir_config_get_duration_ms(config, "execution.checkpointing.min-pause", 0);
    job->compress_snapshots =
        weir_config_get_boolean(config, "execution.checkpointing.snapshot-compression", false);
    job->checkpoint_retained = (uint32_t)WEIR_MAX(
        weir_config_get_integer(config, "execution.checkpointing.num-retained", 1), (int64_t)1);
    job->checkpoint_tolerable_failures = (uint32_t)WEIR_MAX(
        weir_config_get_integer(config, "execution.checkpointing.tolerable-failed-checkpoints", 0),
        (int64_t)0);
    const char *directory = weir_config_get_text(config, "execution.checkpointing.dir", NULL);
    job->checkpoint_directory = directory && *directory ? directory : NULL;
    const char *restore = weir_config_get_text(config, "execution.state-recovery.path", NULL);
    job->restore_path = restore && *restore ? restore : NULL;
    job->allow_non_restored_state =
        weir_config_get_boolean(config, "execution.state-recovery.ignore-unclaimed-state", false);
}

static void print_live(struct weir_session *session, struct weir_local_job *job, uint64_t started_ms,
    uint64_t *last_in, uint64_t *last_ms, bool final)
{
    struct weir_local_job_progress p;
    weir_local_job_progress(job, &p);
    uint64_t now_ms = (uint64_t)weir_clock_monotonic_ms();
    uint64_t since = final ? now_ms - started_ms : now_ms - *last_ms;
    uint64_t rate = since ? (p.records_in - (final ? 0 : *last_in)) * 1000 / since : 0;
    char lag[64] = "-", line[256];
    if (p.watermark_ms > 0 && p.watermark_ms != INT64_MAX)
        snprintf(lag, sizeof lag, "%.1f s", (double)(weir_clock_epoch_ms() - p.watermark_ms) / 1000);
    int length =
        snprintf(line, sizeof line, "\r\033[K%6.1f s  in %llu  out %llu  %llu rows/s  watermark lag %s%s%s",
            (double)(now_ms - started_ms) / 1000, (unsigned long long)p.records_in,
            (unsigned long long)p.records_out, (unsigned long long)rate, lag,
            p.late_records_dropped ? "  late rows dropped" : "", final ? "\n" : "");
    session->config.write(session->config.owner, line, (size_t)length, true);
    *last_in = p.records_in;
    *last_ms = now_ms;
}

/* Runs a graph to its end. *ret_canceled: the user interrupted it, which is no error. */
static enum weir_error_code run_graph(struct statement *s, const struct weir_stream_graph *stream_graph,
    struct weir_result *result, bool *ret_canceled, struct weir_error *reterr)
{
    struct weir_session *session = s->session;
    struct weir_config *config = session->config.config;
    int64_t parallelism = weir_config_get_integer(config, "parallelism.default", 1);
    int64_t max_parallelism = weir_config_get_integer(config, "pipeline.max-parallelism", -1);
    const struct weir_job_graph *graph;
    enum weir_error_code code = weir_session_state_backend_check(config, reterr);
    if (code) return code;
    code = weir_job_graph_build(&s->arena, stream_graph, (uint32_t)WEIR_MAX(parallelism, (int64_t)1),
        (uint32_t)WEIR_MAX(max_parallelism, (int64_t)0),
        weir_config_get_boolean(config, "pipeline.operator-chaining.enabled", true), &graph, reterr);
    if (code) return code;
    struct weir_local_job_config job_config;
    fill_job(s, graph, &job_config);
    const char *claim = weir_config_get_text(config, "execution.state-recovery.claim-mode", "NO_CLAIM");
    if (job_config.restore_path && strcasecmp(claim, "NO_CLAIM") != 0)
        return weir_error_set(reterr, WEIR_E_UNSUPPORTED,
            "execution.state-recovery.claim-mode: %s is not implemented for a job that runs in this process; "
            "expected NO_CLAIM, or a cluster",
            claim);
    struct reader reader = { PTHREAD_MUTEX_INITIALIZER, result };
    if (result) {
        job_config.on_rows = on_rows;
        job_config.reader = &reader;
    }
    struct weir_local_job *job;
    code = weir_local_job_start(&job_config, &job, reterr);
    if (code) return code;
    uint64_t started_ms = (uint64_t)weir_clock_monotonic_ms(), last_ms = started_ms, last_in = 0;
    bool live = session->config.live && !result;
    enum weir_job_state state;
    while ((state = weir_local_job_wait(job, INTERRUPT_POLL_MS)) == WEIR_JOB_RUNNING) {
        if (session->config.interrupted && session->config.interrupted(session->config.owner)) {
            *ret_canceled = true;
            weir_local_job_cancel(job);
        }
        refresh(&reader);
        if (live && (uint64_t)weir_clock_monotonic_ms() - last_ms >= 500)
            print_live(session, job, started_ms, &last_in, &last_ms, false);
    }
    if (live) print_live(session, job, started_ms, &last_in, &last_ms, true);
    if (state == WEIR_JOB_FAILED) {
        const struct weir_error *error = weir_local_job_error(job);
        if (reterr) *reterr = *error;
        code = error->code ? error->code : WEIR_E_INTERNAL;
    }
    weir_local_job_free(job);
    return code;
}

static enum weir_error_code plan_roots(
    struct statement *s, struct weir_rel *const *roots, uint32_t count, struct weir_sql_planner_input *input)
{
    *input = (struct weir_sql_planner_input){ .arena = &s->arena,
        .memory = s->session->config.memory,
        .config = &s->sql_config,
        .roots = roots,
        .root_count = count,
        .batch = s->batch,
        .environment = &s->environment };
    return WEIR_OK;
}

static enum weir_error_code run_select(struct statement *s, struct weir_error *reterr)
{
    struct weir_rel *root;
    enum weir_error_code code = weir_sql_bind_query(&s->binder, s->ast->query, &root, reterr);
    if (code) return code;
    struct weir_sql_planner_input input;
    plan_roots(s, &root, 1, &input);
    const struct weir_stream_graph *graph;
    code = weir_sql_plan(&input, &graph, reterr);
    if (code) return code;
    const struct weir_rel *rows = root->inputs[0];
    const char **names = WEIR_ARENA_ARRAY(&s->arena, const char *, rows->field_count + 1);
    const struct weir_type **types =
        WEIR_ARENA_ARRAY(&s->arena, const struct weir_type *, rows->field_count + 1);
    for (uint32_t i = 0; i < rows->field_count; i++) {
        names[i] = rows->fields[i].name;
        types[i] = rows->fields[i].type;
    }
    struct weir_result result = { .mode = s->mode,
        .streaming = !s->batch,
        .column_count = rows->field_count,
        .names = names,
        .types = types,
        .zone = s->zone,
        .column_width_max = (uint32_t)WEIR_MAX(
            weir_config_get_integer(s->session->config.config, "table.display.max-column-width", 30),
            (int64_t)1),
        .connectors = s->session->config.connectors,
        .memory = s->session->config.memory,
        .now_ms = weir_clock_monotonic_ms,
        .write = s->session->config.write,
        .owner = s->session->config.owner };
    bool canceled = false;
    code = weir_result_begin(&result, reterr);
    if (!code) code = run_graph(s, graph, &result, &canceled, reterr);
    if (!code) code = weir_result_end(&result, !canceled, reterr);
    weir_result_done(&result);
    return code;
}

/* The name Flink gives: of the tables that are written; of as many as a cluster takes for a name. */
static const char *name_job(struct statement *s, struct weir_rel *const *roots, uint32_t count)
{
    const char *given = weir_config_get_text(s->session->config.config, "pipeline.name", NULL);
    if (given && *given) return given;
    const char *name = "insert-into";
    for (uint32_t i = 0; i < count; i++) {
        if (roots[i]->kind != WEIR_REL_SINK || !roots[i]->sink.table) continue;
        const char *table = roots[i]->sink.table->identifier_text;
        size_t so_far = strlen(name), length = strlen(table);
        if (so_far + 1 + length > MADE_NAME_BYTES_MAX) {
            size_t rest = MADE_NAME_BYTES_MAX - so_far - 1;
            if (i == 0) /* one that is too long alone: its beginning */
                return weir_arena_format(
                    &s->arena, "%s_%.*s...", name, (int)weir_utf8_valid_prefix(table, rest), table);
            return weir_arena_format(&s->arena, "%s,... (%u tables)", name, count);
        }
        name = weir_arena_format(&s->arena, "%s%s%s", name, i ? "," : "_", table);
    }
    return name;
}

static enum weir_error_code hand_over(struct statement *s, const struct weir_stream_graph *graph,
    struct weir_rel *const *roots, uint32_t count, struct weir_error *reterr)
{
    struct weir_config *config = s->session->config.config;
    struct weir_session_submission submission = { .graph = graph,
        .name = name_job(s, roots, count),
        .parallelism =
            (uint32_t)WEIR_MAX(weir_config_get_integer(config, "parallelism.default", 1), (int64_t)1),
        .max_parallelism =
            (uint32_t)WEIR_MAX(weir_config_get_integer(config, "pipeline.max-parallelism", -1), (int64_t)0),
        .chaining = weir_config_get_boolean(config, "pipeline.operator-chaining.enabled", true),
        .batch = s->batch,
        .config = config };
    return s->session->config.submit(s->session->config.owner, &submission, reterr);
}

static enum weir_error_code run_insert(
    struct statement *s, struct weir_rel *const *roots, uint32_t count, struct weir_error *reterr)
{
    struct weir_sql_planner_input input;
    plan_roots(s, roots, count, &input);
    const struct weir_stream_graph *graph;
    enum weir_error_code code = weir_sql_plan(&input, &graph, reterr);
    const struct weir_session_config *session = &s->session->config;
    bool submitted = session->submit != NULL;
    if (!code && session->is_submitted) code = session->is_submitted(session->owner, &submitted, reterr);
    if (!code && submitted) return hand_over(s, graph, roots, count, reterr);
    bool canceled = false;
    if (!code) code = run_graph(s, graph, NULL, &canceled, reterr);
    if (code) return code;
    return say_done(s,
        canceled ? "[INFO] The statement was canceled.\n"
                 : "[INFO] Complete execution of the SQL update statement.\n",
        reterr);
}

static enum weir_error_code run_explain(struct statement *s, struct weir_error *reterr)
{
    const struct weir_sql_explain *explain = s->ast->explain;
    struct weir_rel *const *roots;
    uint32_t count;
    enum weir_error_code code =
        weir_sql_bind_statement(&s->binder, explain->statement, &roots, &count, reterr);
    if (code) return code;
    struct weir_sql_planner_input input;
    plan_roots(s, roots, count, &input);
    struct weir_buffer text;
    weir_buffer_init(&text, s->session->config.memory, SESSION_TEXT_BYTES_MAX);
    uint32_t details = (explain->estimated_cost ? WEIR_EXPLAIN_ESTIMATED_COST : 0) |
                       (explain->changelog_mode ? WEIR_EXPLAIN_CHANGELOG_MODE : 0) |
                       (explain->json_execution_plan ? WEIR_EXPLAIN_JSON_EXECUTION_PLAN : 0) |
                       (explain->plan_advice ? WEIR_EXPLAIN_PLAN_ADVICE : 0);
    code = weir_sql_explain(&input, details, &text, reterr);
    if (!code && text.length && text.data[text.length - 1] != '\n') weir_buffer_append_byte(&text, '\n');
    if (!code && !say(s->session, text.data, text.length)) code = gone(reterr);
    weir_buffer_done(&text);
    return code;
}

static enum weir_error_code run_show(struct statement *s, struct weir_error *reterr)
{
    const struct weir_sql_answer *answer;
    enum weir_error_code code = weir_sql_show(&s->binder, s->ast, &answer, reterr);
    if (code) return code;
    struct weir_buffer text;
    weir_buffer_init(&text, s->session->config.memory, SESSION_TEXT_BYTES_MAX);
    bool is_text = answer->column_count == 1 && answer->row_count == 1 && answer->cells[0] &&
                   strchr(answer->cells[0], '\n');
    if (is_text && s->mode != WEIR_RESULT_JSON && s->mode != WEIR_RESULT_CSV)
        weir_buffer_format(&text, "%s\n", answer->cells[0]); /* SHOW CREATE */
    else
        weir_result_answer(
            s->mode, answer->column_names, answer->column_count, answer->cells, answer->row_count, &text);
    bool ok = say(s->session, text.data, text.length);
    weir_buffer_done(&text);
    return ok ? WEIR_OK : gone(reterr);
}

static enum weir_error_code run_jobs(struct statement *s, struct weir_error *reterr)
{
    struct weir_buffer text;
    weir_buffer_init(&text, s->session->config.memory, SESSION_TEXT_BYTES_MAX);
    enum weir_error_code code =
        weir_session_run_jobs(&s->session->config, s->ast, &s->arena, s->mode, s->zone, &text, reterr);
    if (!code && text.length == 0) code = say_done(s, "[INFO] Execute statement succeeded.\n", reterr);
    if (!code && !say(s->session, text.data, text.length)) code = gone(reterr);
    weir_buffer_done(&text);
    return code;
}

/* --- dispatch --- */

static enum weir_error_code unsupported(const struct weir_sql_statement *ast, struct weir_error *reterr)
{
    size_t length = 0, words = 0;
    while (ast->text[length] && words < 2) { /* the statement's first two words name it */
        length++;
        if (strchr(" \t\r\n(", ast->text[length])) words++;
    }
    return weir_error_set_at(reterr, WEIR_E_UNSUPPORTED, ast->span.line, ast->span.column,
        "%.*s is not implemented here", (int)length, ast->text);
}

static enum weir_error_code dispatch(struct statement *s, struct weir_error *reterr)
{
    enum weir_error_code code;
    struct weir_rel *root = NULL;
    struct weir_rel *const *roots;
    uint32_t count;
    switch (s->ast->kind) {
    case WEIR_SQL_STATEMENT_SET:
    case WEIR_SQL_STATEMENT_RESET: return run_set(s, reterr);
    case WEIR_SQL_STATEMENT_QUERY: return run_select(s, reterr);
    case WEIR_SQL_STATEMENT_INSERT:
        code = weir_sql_bind_insert(&s->binder, s->ast->insert, &root, reterr);
        return code ? code : run_insert(s, &root, 1, reterr);
    case WEIR_SQL_STATEMENT_STATEMENT_SET:
        code = weir_sql_bind_statement_set(&s->binder, s->ast->statement_set, &roots, &count, reterr);
        return code ? code : run_insert(s, roots, count, reterr);
    case WEIR_SQL_STATEMENT_EXPLAIN: return run_explain(s, reterr);
    default: break;
    }
    if (weir_session_is_about_jobs(s->ast)) return run_jobs(s, reterr);
    if (weir_sql_statement_is_show(s->ast)) return run_show(s, reterr);
    if (!weir_sql_statement_is_ddl(s->ast)) return unsupported(s->ast, reterr);
    code = weir_sql_execute_ddl(&s->binder, s->ast, &root, reterr);
    if (code) return code;
    return root ? run_insert(s, &root, 1, reterr)
                : say_done(s, "[INFO] Execute statement succeeded.\n", reterr);
}

/* Shows the place in the text under the message. */
static void render(struct weir_session *session, const char *text, size_t length, struct weir_error *error)
{
    if (!error || error->line == 0) return;
    struct weir_buffer to;
    weir_buffer_init(&to, session->config.memory, SESSION_TEXT_BYTES_MAX);
    weir_sql_error_render(error, text, length, &to);
    while (to.length && to.data[to.length - 1] == '\n') to.length--;
    if (to.length) snprintf(error->message, sizeof error->message, "%.*s", (int)to.length, to.data);
    weir_buffer_done(&to);
}

static enum weir_error_code run_client(struct statement *s, bool *ret_quit, struct weir_error *reterr)
{
    static const char help[] =
        "Statements end with ';' and may span lines.\n"
        "  CREATE TABLE, CREATE VIEW, DROP, ALTER      tables over connectors (weir connectors lists them)\n"
        "  SELECT, INSERT INTO, EXECUTE STATEMENT SET  run a query; Ctrl-C ends one that has no end\n"
        "  EXPLAIN, DESCRIBE, SHOW TABLES              look at plans and tables\n"
        "  SHOW JOBS, DESCRIBE JOB, STOP JOB 'id'      jobs of a cluster [WITH SAVEPOINT [WITH DRAIN]]\n"
        "  SET 'key' = 'value', SET, RESET             configuration, such as execution.runtime-mode\n"
        "  CLEAR, HELP, QUIT\n";
    const char *command = s->ast->client.command;
    if (strcmp(command, "QUIT") == 0 || strcmp(command, "EXIT") == 0)
        *ret_quit = true;
    else if (strcmp(command, "HELP") == 0 && !say(s->session, help, sizeof help - 1))
        return gone(reterr);
    else if (strcmp(command, "CLEAR") == 0 && s->session->config.terminal)
        say(s->session, "\033[H\033[2J", 7);
    return WEIR_OK;
}

static enum weir_error_code execute(
    struct statement *s, bool *ret_done, bool *ret_quit, struct weir_error *reterr)
{
    if (!s->ast) {
        *ret_done = true;
        return WEIR_OK;
    }
    if (s->ast->kind == WEIR_SQL_STATEMENT_CLIENT) return run_client(s, ret_quit, reterr);
    enum weir_error_code code = begin(s, reterr);
    return code ? code : dispatch(s, reterr);
}

enum weir_error_code weir_session_execute_next(struct weir_session *session, struct weir_sql_script *script,
    bool *ret_done, bool *ret_quit, struct weir_error *reterr)
{
    struct statement s = { .session = session };
    weir_arena_init(&s.arena, session->config.memory);
    *ret_done = *ret_quit = false;
    enum weir_error_code code = weir_sql_script_next(script, &s.arena, &s.ast, reterr);
    if (!code) code = execute(&s, ret_done, ret_quit, reterr);
    if (code) render(session, script->text, script->length, reterr);
    weir_arena_done(&s.arena);
    return code;
}

enum weir_error_code weir_session_execute(struct weir_session *session, const char *text, size_t length,
    size_t *offset, bool *ret_done, bool *ret_quit, struct weir_error *reterr)
{
    struct statement s = { .session = session };
    weir_arena_init(&s.arena, session->config.memory);
    *ret_done = *ret_quit = false;
    enum weir_error_code code = weir_sql_parse_statement(&s.arena, text, length, offset, &s.ast, reterr);
    if (!code) code = execute(&s, ret_done, ret_quit, reterr);
    if (code) render(session, text, length, reterr);
    weir_arena_done(&s.arena);
    return code;
}
