/* SHOW JOBS, DESCRIBE JOB and STOP JOB of SQL sessions, as requests to a cluster. */
#ifndef WEIR_BIN_SQL_JOBS_H
#define WEIR_BIN_SQL_JOBS_H

#include "client.h"
#include "session/session.h"

/* See struct weir_session_config, of which these are list_jobs and stop_job. */
enum weir_error_code sql_jobs_list(struct client *client, const char *job, struct weir_arena *arena,
    struct weir_session_jobs *ret, struct weir_error *reterr);
enum weir_error_code sql_jobs_stop(struct client *client, const struct weir_session_stop *stop,
    struct weir_arena *arena, const char **ret_savepoint, struct weir_error *reterr);

#endif
