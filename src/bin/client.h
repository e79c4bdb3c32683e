/*
 * What the client verbs share: options as Flink's command line knows them, and requests to a JobManager's
 * REST endpoint, whichever of them answers.
 * @thread main.
 */
#ifndef WEIR_BIN_CLIENT_H
#define WEIR_BIN_CLIENT_H

#include "base/arena.h"
#include "config/config.h"
#include <getopt.h>
#include <jansson.h>

enum {
    CLIENT_ADDRESSES_MAX = 16,
    CLIENT_REFUSED_MS_MAX = 3000, /* nobody listens: so long a new JobManager may take */
    CLIENT_WAIT_MS_MAX = 60000,   /* for one that can answer */
    CLIENT_RESPONSE_BYTES_MAX = 100 << 20,
    CLIENT_POSITIONALS_MAX = 64
};

struct client {
    struct weir_arena arena;
    const char *addresses[CLIENT_ADDRESSES_MAX]; /* host:port */
    uint32_t address_count, present;             /* the one that has answered last */
    uint32_t configured_count;                   /* the last ones; those before them are of the store */
    bool follows_store;                          /* it is read again when nobody answers */
    const struct weir_config *config;            /* borrowed, for that */
    bool repeated; /* an earlier try of the last request may have been carried out */
    void *curl;
};

struct client_response {
    long status;
    json_t *json;     /* NULL: none, or not JSON */
    char error[4096]; /* of {"errors":[..]}, all lines; empty: none */
};

/* manager: "host:port" of -m, or NULL: rest.address and rest.port; either may be a list "a,b:8082,c". config
 * outlives the client. */
bool client_init(
    struct client *client, const struct weir_config *config, const char *manager, struct weir_error *reterr);
void client_done(struct client *client);
/* execution.target, or what stands for it: what this build has is in WEIR_OK, the rest is refused by name. */
enum weir_error_code client_check_target(const char *target, struct weir_error *reterr);
/* Tries every address, and again while nobody leads. Any answer of a JobManager is OK, see status and error.
 */
enum weir_error_code client_request(struct client *client, const char *method, const char *path,
    const char *content_type, const void *body, size_t length, struct client_response *ret,
    struct weir_error *reterr);
enum weir_error_code client_get(
    struct client *client, const char *path, struct client_response *ret, struct weir_error *reterr);
enum weir_error_code client_send(struct client *client, const char *method, const char *path,
    json_t *body /* taken */, struct client_response *ret, struct weir_error *reterr);
void client_response_done(struct client_response *response);

/* A path that a user has written: the cluster's processes do not run where the client does. */
char *client_absolute(struct weir_arena *arena, const char *path);

/* --- command lines --- */

/* Options that all verbs know; the rest is handed to `option`. */
struct client_arguments {
    char *definitions[1000];
    uint32_t definition_count;
    const char *manager, *target;
    char cluster_definition[512]; /* what -z stands for */
    const char *positionals[CLIENT_POSITIONALS_MAX];
    uint32_t positional_count;
};
/* specific: short options of the verb, as for getopt; long_options: of the verb, ended by {0}. option() is
 * asked for each of those; false: a usage error was printed. Returns -1 to go on, else the exit code. */
int client_parse(const char *verb, int count, char **arguments, const char *specific,
    const struct option *long_options, bool (*option)(void *owner, int option, const char *value),
    void *owner, struct client_arguments *ret);
/* Whether what is submitted runs in the client's own process: -t, else execution.target. */
bool client_is_local(const struct client_arguments *arguments, const struct weir_config *config);
/* Configuration and client. NULL after an error was printed. */
struct weir_config *client_open(const struct client_arguments *arguments, struct client *client);

/* The frame in which Flink shows an exception, on stderr; returns exit code 1. */
int client_failed(const char *format, ...) WEIR_PRINTF(1, 2);
/* 32 hexadecimal digits. Else the error is printed. */
bool client_check_job(const char *text);

#endif
