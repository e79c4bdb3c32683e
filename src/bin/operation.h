/* What the cluster does in the background: triggered with an id, asked about until it is over. */
#ifndef WEIR_BIN_OPERATION_H
#define WEIR_BIN_OPERATION_H

#include "client.h"

/* Adds a new id: sent again, it is the same request. Returns body. */
json_t *operation_with_id(json_t *body);
/*
 * Posts body (taken) to path and asks <poll_path>/<id> until the operation is over, or not at all when
 * detached. *ret: what has come of it (detached: empty), to be given back with json_decref(). ret_id: of the
 * request. An error's message says why: of sending, of asking, of the operation ("Caused by: ..").
 */
enum weir_error_code operation_run(struct client *client, const char *path, const char *poll_path,
    json_t *body, bool detached, char ret_id[33], json_t **ret, struct weir_error *reterr);

#endif
