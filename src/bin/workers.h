/*
 * TaskManagers that a JobManager has started by itself: resourcemanager.local.taskmanagers, out of the
 * configuration.
 * @thread main; workers_on_effect on the control thread.
 */
#ifndef WEIR_BIN_WORKERS_H
#define WEIR_BIN_WORKERS_H

#include "cluster.h"
#include "spi/resource_driver.h"

enum { WORKERS_MAX = 1000, RECOVERY_MS = 1000 };

struct workers {
    const struct weir_resource_driver *driver; /* NULL: nobody is started */
    struct weir_resource_session *session;
    struct weir_control_loop *loop;
};

/* Sets the options of setup; prints what is wrong, false then. */
bool workers_configure(struct workers *workers, struct cluster_setup *setup);
/* arguments: the JobManager's own -D ones, which its TaskManagers get, too. */
bool workers_open(struct workers *workers, struct weir_control_loop *loop, struct cluster_setup *setup,
    int argument_count, char **arguments);
/* They live on. */
void workers_close(struct workers *workers);
void workers_on_effect(void *workers, const char *name, bool start);

#endif
