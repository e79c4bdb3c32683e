/*
 * The REST endpoint of a JobManager (docs: Flink's REST API v1, with and without /v1). Any JobManager
 * answers: a standby passes what only the leader knows on to the leader's endpoint.
 *
 * It binds before the control loop exists, because its address goes into the node's record; requests that
 * come before attach are answered 503. The order of a process:
 *
 *     new -> (control loop made with weir_rest_server_address()) -> attach -> loop runs -> loop has ended
 *         -> stop -> weir_control_loop_free() -> free
 *
 * Threads: one of the HTTP library reads and writes all connections, so that slow clients cost a connection
 * each and nothing else; workers run the handlers, which may wait. Handlers that need only this process have
 * workers of their own: /ha answers however many requests wait for a leader. Everything is bounded:
 * connections, bytes of a request, requests that wait, time that a request may take.
 * @thread new, attach, stop, free: the process's main thread. The others: any.
 */
#ifndef WEIR_HOST_REST_SERVER_H
#define WEIR_HOST_REST_SERVER_H

#include "config/config.h"
#include "host/control_loop.h"
#include "spi/filesystem.h"

enum {
    WEIR_REST_CONNECTIONS_MAX = 512,
    WEIR_REST_CONNECTION_TIMEOUT_S = 60,
    WEIR_REST_BODY_BYTES_MAX = 32 << 20, /* of a submission; other requests: below */
    WEIR_REST_SMALL_BODY_BYTES_MAX = 1 << 20,
    WEIR_REST_RESPONSE_BYTES_MAX = 100 << 20, /* what Flink's clients take */
    WEIR_REST_WAITING_MAX = 1024,             /* requests that no worker has taken */
    WEIR_REST_WORKERS_MAX = 32,
    WEIR_REST_LOCAL_WORKERS_MAX = 2,
    WEIR_REST_REQUEST_TIMEOUT_MS = 10000
};

struct weir_rest_server_config {
    struct weir_memory *memory;
    const char *bind_address;         /* NULL: all */
    const char *host;                 /* as others reach it: part of the address */
    uint16_t port_first, port_last;   /* the first free one; 0: any */
    const struct weir_config *config; /* copied */
    const char *version;
    /* Of jobs that name none: below it lie the folders of the jobs. */
    const char *checkpoint_directory;
    struct weir_filesystem *filesystem; /* for the disposal of savepoints; may be NULL */
};

struct weir_rest_server;

/* Binds, listens and answers. */
enum weir_error_code weir_rest_server_new(
    const struct weir_rest_server_config *config, struct weir_rest_server **ret, struct weir_error *reterr);
const char *weir_rest_server_address(const struct weir_rest_server *server); /* host:port */
uint16_t weir_rest_server_port(const struct weir_rest_server *server);
/* Before the loop runs. */
void weir_rest_server_attach(struct weir_rest_server *server, struct weir_control_loop *loop);
/* Answers what waits, closes all connections; no thread of it is left. NULL is fine. */
void weir_rest_server_stop(struct weir_rest_server *server);
void weir_rest_server_free(struct weir_rest_server *server); /* stopped; NULL is fine */

#endif
