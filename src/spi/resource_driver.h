/*
 * Resource drivers: who starts and ends TaskManager processes when the resourcemanager wants more or fewer of
 * them. A driver is a folder src/plugins/resource_manager/<name>/ with one const struct weir_resource_driver.
 *
 * A driver promises:
 * - start and stop return at once; what can block runs elsewhere.
 * - Each start is followed by one ended() when the process has ended or could not be started.
 * - stop ends the process, by force if it does not listen. A name that the driver does not know, because an
 *   earlier leader's driver had started it, is answered with ended(): this driver has no such process.
 * - A worker outlives the process of its driver; close ends nothing.
 *
 * @thread start, stop and close: the thread that opened the driver. ended comes on any thread.
 */
#ifndef WEIR_SPI_RESOURCE_DRIVER_H
#define WEIR_SPI_RESOURCE_DRIVER_H

#include "base/error.h"
#include "base/memory.h"

struct weir_resource_config {
    struct weir_memory *memory;
    /* What a worker is started with; the driver adds -Dtaskmanager.resource-id=<name>. Copied. */
    const char *const *arguments;
    uint32_t argument_count;
    const char *log_directory; /* <directory>/<name>.log and .out; NULL: the driver's own stderr and stdout */
    /* One pid a line of what was started and may still run, for scripts; changed under a lock (flock) on
     * <pid_file>.lock. NULL: nobody is told. Copied. */
    const char *pid_file;
    void (*ended)(void *owner, const char *name);
    void *owner;
};

struct weir_resource_session; /* the driver's own */

struct weir_resource_driver {
    const char *name;
    enum weir_error_code (*open)(const struct weir_resource_config *config,
        struct weir_resource_session **ret, struct weir_error *reterr);
    void (*start)(struct weir_resource_session *session, const char *name);
    void (*stop)(struct weir_resource_session *session, const char *name);
    void (*close)(struct weir_resource_session *session);
};

#endif
