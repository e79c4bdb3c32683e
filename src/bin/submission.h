/* A planned INSERT or statement set becomes a job of a cluster. */
#ifndef WEIR_BIN_SUBMISSION_H
#define WEIR_BIN_SUBMISSION_H

#include "client.h"
#include "session/session.h"

/* job: 32 digits and NUL. Sends the plan, with settings out of the configuration. */
enum weir_error_code submission_send(struct client *client, const struct weir_session_submission *submission,
    char job[33], struct weir_error *reterr);
/* Until what it starts from has been read. An error when that cannot be: the job has failed then. */
enum weir_error_code submission_wait_begun(struct client *client, const char *job, struct weir_error *reterr);
/* Until it has reached its end. *ret_state: "FINISHED" ...; a failed job's reason is in reterr (and OK is
 * returned). CANCELED (the code) when stopping was asked for. */
enum weir_error_code submission_wait(struct client *client, const char *job, char ret_state[32],
    int64_t *ret_runtime_ms, struct weir_error *reterr);
/* Asks for the job's cancellation, and waits for a leader to say so to. true: one has taken it down, or the
 * job had ended. After weir_os_stop_clear(): a stop that is asked for meanwhile gives it up. */
bool submission_cancel(struct client *client, const char *job, struct weir_error *reterr);

#endif
