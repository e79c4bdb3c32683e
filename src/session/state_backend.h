/* Where keyed state lies: state.backend.type. @thread any */
#ifndef WEIR_SESSION_STATE_BACKEND_H
#define WEIR_SESSION_STATE_BACKEND_H

#include "base/error.h"
#include "config/config.h"

/* Refuses what is not there by name. rocksdb is accepted, and noted once: its state is held in memory as
 * hashmap's is, within the managed memory, and a job that needs more fails and says so. */
enum weir_error_code weir_session_state_backend_check(
    const struct weir_config *config, struct weir_error *reterr);

#endif
