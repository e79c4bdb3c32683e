#include "session/jobs.h"
#include "data/time.h"
#include "data/zone.h"

bool weir_session_is_about_jobs(const struct weir_sql_statement *ast)
{
    switch (ast->kind) {
    case WEIR_SQL_STATEMENT_STOP_JOB: return true;
    case WEIR_SQL_STATEMENT_SHOW: return ast->show->object == WEIR_SQL_OBJECT_JOB;
    case WEIR_SQL_STATEMENT_DESCRIBE: return ast->describe->object == WEIR_SQL_OBJECT_JOB;
    default: return false;
    }
}

/* What runs in this process is no job of a cluster: it has ended before the next statement. */
static enum weir_error_code check_cluster(const struct weir_session_config *config,
    const struct weir_sql_statement *ast, const char *what, struct weir_error *reterr)
{
    bool cluster = config->submit != NULL;
    if (!config->list_jobs)
        return weir_error_set_at(reterr, WEIR_E_UNSUPPORTED, ast->span.line, ast->span.column,
            "%s is not possible in a script that is only explained, or that is the one job of its cluster",
            what);
    enum weir_error_code code =
        config->is_submitted ? config->is_submitted(config->owner, &cluster, reterr) : WEIR_OK;
    if (code || cluster) return code;
    return weir_error_set_at(reterr, WEIR_E_UNSUPPORTED, ast->span.line, ast->span.column,
        "%s is asked of a cluster, and statements run in this process; expected SET 'execution.target' = "
        "'remote' before it",
        what);
}

static const char *time_text(struct weir_arena *arena, const struct weir_zone *zone, int64_t at_ms)
{
    char text[WEIR_TIME_TEXT_BYTES_MAX + 1];
    int64_t at_us = at_ms * 1000;
    struct weir_civil civil = weir_civil_from_us(zone ? weir_zone_utc_to_local_us(zone, at_us) : at_us);
    text[weir_timestamp_print(&civil, ' ', 3, text)] = 0;
    return weir_arena_string(arena, text);
}

static enum weir_error_code list(const struct weir_session_config *config, const char *job,
    struct weir_arena *arena, enum weir_result_mode mode, const struct weir_zone *zone,
    struct weir_buffer *to, struct weir_error *reterr)
{
    static const char *const names[] = { "job id", "job name", "status", "start time" };
    enum { COLUMNS = WEIR_ARRAY_COUNT(names) };
    struct weir_session_jobs jobs = { 0 };
    enum weir_error_code code = config->list_jobs(config->owner, job, arena, &jobs, reterr);
    if (code) return code;
    const char **cells = WEIR_ARENA_ARRAY(arena, const char *, COLUMNS *jobs.count + 1);
    for (size_t i = 0; i < jobs.count; i++) {
        const char **row = cells + COLUMNS * i;
        row[0] = jobs.items[i].id;
        row[1] = jobs.items[i].name;
        row[2] = jobs.items[i].state;
        row[3] = time_text(arena, zone, jobs.items[i].start_ms);
    }
    weir_result_answer(mode, names, COLUMNS, cells, (uint32_t)jobs.count, to);
    return WEIR_OK;
}

static enum weir_error_code stop(const struct weir_session_config *config,
    const struct weir_sql_statement *ast, struct weir_arena *arena, enum weir_result_mode mode,
    struct weir_buffer *to, struct weir_error *reterr)
{
    static const char *const names[] = { "savepoint path" };
    const struct weir_session_stop wanted = { .job = ast->stop_job.job_id,
        .directory = weir_config_get_text(config->config, "execution.checkpointing.savepoint-dir", NULL),
        .savepoint = ast->stop_job.with_savepoint,
        .drain = ast->stop_job.with_drain };
    if (wanted.drain && !wanted.savepoint)
        return weir_error_set_at(reterr, WEIR_E_SQL_VALIDATION, ast->span.line, ast->span.column,
            "WITH DRAIN could only be used after WITH SAVEPOINT.");
    const char *savepoint;
    enum weir_error_code code = config->stop_job(config->owner, &wanted, arena, &savepoint, reterr);
    if (!code && savepoint) weir_result_answer(mode, names, 1, &savepoint, 1, to);
    return code;
}

enum weir_error_code weir_session_run_jobs(const struct weir_session_config *config,
    const struct weir_sql_statement *ast, struct weir_arena *arena, enum weir_result_mode mode,
    const struct weir_zone *zone, struct weir_buffer *to, struct weir_error *reterr)
{
    bool stops = ast->kind == WEIR_SQL_STATEMENT_STOP_JOB;
    const char *job = ast->kind == WEIR_SQL_STATEMENT_DESCRIBE ? ast->describe->job_id : NULL;
    enum weir_error_code code = check_cluster(config, ast,
        stops ? "STOP JOB"
        : job ? "DESCRIBE JOB"
              : "SHOW JOBS",
        reterr);
    if (code) return code;
    return stops ? stop(config, ast, arena, mode, to, reterr)
                 : list(config, job, arena, mode, zone, to, reterr);
}
