/*
 * The HTTP endpoint of a TaskManager: figures of its tasks and of itself, its logs and threads, for the
 * JobManager's REST endpoint (GET /tasks?job=.., /process, /logs, /log?name=.., /stdout, /threads) and, at
 * metrics.reporter.prom.port where that is set, for Prometheus (GET /metrics). Nothing can be changed through
 * it.
 *
 * @thread new and free: main. One thread of the HTTP library answers; whoever is slow costs a connection.
 */
#ifndef WEIR_HOST_METRICS_SERVER_H
#define WEIR_HOST_METRICS_SERVER_H

#include "host/log_files.h"
#include "host/process_figures.h"
#include "host/task_metrics.h"

enum {
    WEIR_METRICS_CONNECTIONS_MAX = 64,
    WEIR_METRICS_TIMEOUT_S = 10,
    WEIR_METRICS_TEXT_BYTES_MAX = 64 << 20
};

struct weir_metrics_server_config {
    struct weir_memory *memory;
    struct weir_task_metrics *metrics; /* borrowed */
    const char *host, *bind_address, *taskmanager;
    const char *prometheus_ports; /* "9249" or "9249-9259"; NULL: none */
    uint32_t slot_count;
    struct weir_process_budgets budgets; /* what they point to is borrowed */
    struct weir_log_files logs;
};

struct weir_metrics_server;
enum weir_error_code weir_metrics_server_new(const struct weir_metrics_server_config *config,
    struct weir_metrics_server **ret, struct weir_error *reterr);
const char *weir_metrics_server_address(const struct weir_metrics_server *server); /* host:port */
void weir_metrics_server_free(struct weir_metrics_server *server);

#endif
