/* What the verbs of a cluster's processes share: addresses, options and the HA driver, out of the
 * configuration. */
#ifndef WEIR_BIN_CLUSTER_H
#define WEIR_BIN_CLUSTER_H

#include "config/config.h"
#include "host/control_loop.h"

struct cluster_setup {
    struct weir_arena arena;
    const struct weir_config *config;
    const char *cluster;           /* high-availability.cluster-id, without a slash in front */
    const char *storage_directory; /* <high-availability.storageDir>/<cluster>, plain path or URI */
    const struct weir_ha_driver *ha;
    const char *ha_directory;
    struct weir_option_value *ha_options;
    uint32_t ha_option_count;
    bool unprotected; /* high-availability.type: NONE was asked for */
    struct weir_control_options options;
};

/* Prints what is wrong; false then. */
bool cluster_setup_init(struct cluster_setup *setup, const struct weir_config *config);
void cluster_setup_done(struct cluster_setup *setup);
/* "localhost" and nothing: 127.0.0.1. */
const char *cluster_address(const char *text, const char *otherwise);
/* Where to listen: what is configured, else where others reach this process; for a name on every interface,
 * for what it resolves to here may be the loopback one. */
const char *cluster_bind_address(const char *configured, const char *host);
/* "50000-50025" or "50000". */
bool cluster_ports(const char *text, uint16_t *ret_first, uint16_t *ret_last, struct weir_error *reterr);
/* -D arguments and nothing else, or NULL after a usage error was printed; *ret_code is the exit code then. */
struct weir_config *cluster_config(const char *verb, int argument_count, char **arguments, int *ret_code);
uint64_t cluster_incarnation(void);

/* Told once, on the thread of jobmanager_run(), before the loop runs; rest_address is borrowed, as long as
 * the process. */
struct cluster_ready {
    void (*call)(void *owner, struct weir_control_loop *loop, const char *rest_address);
    void *owner;
    bool application; /* the cluster runs one job and ends with it */
};
/* A JobManager or TaskManager until it is stopped, on the calling thread; the exit code. arguments: for
 * processes that a JobManager starts. */
int jobmanager_run(const struct weir_config *config, int argument_count, char **arguments,
    const struct cluster_ready *ready);
int taskmanager_run(const struct weir_config *config);

#endif
