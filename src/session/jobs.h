/* SHOW JOBS, DESCRIBE JOB and STOP JOB: what is said of the jobs of a cluster, and to them. */
#ifndef WEIR_SESSION_JOBS_H
#define WEIR_SESSION_JOBS_H

#include "session/result.h"
#include "session/session.h"
#include "sql/ast.h"

bool weir_session_is_about_jobs(const struct weir_sql_statement *ast);
/* to: the rows of the answer in mode; nothing when a job was stopped without a savepoint. zone: of the times
 * that are shown; NULL is UTC. */
enum weir_error_code weir_session_run_jobs(const struct weir_session_config *config,
    const struct weir_sql_statement *ast, struct weir_arena *arena, enum weir_result_mode mode,
    const struct weir_zone *zone, struct weir_buffer *to, struct weir_error *reterr);

#endif
