#include "host/metrics_server.h"
#include "host/http_arguments.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include "os/process.h"
#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTION_BYTES_MAX = 16 << 10, ARGUMENTS_MAX = 8 };

struct weir_metrics_server {
    struct weir_metrics_server_config config;
    char host[256], taskmanager[256], address[300];
    int64_t started_ms;
    struct MHD_Daemon *daemon, *prometheus;
};

/* ---------------------------------------------------------------- pages */

static void gauge(
    const struct weir_metrics_server *server, struct weir_buffer *out, const char *name, double value)
{
    weir_buffer_format(out,
        "# HELP flink_taskmanager_%s %s (scope: taskmanager)\n# TYPE flink_taskmanager_%s gauge\n"
        "flink_taskmanager_%s{host=\"%s\",tm_id=\"%s\",} %.17g\n",
        name, name, name, name, server->host, server->taskmanager, value);
}

static void print_process(const struct weir_metrics_server *server, struct weir_buffer *out)
{
    struct weir_process_figure figures[WEIR_PROCESS_FIGURES_MAX];
    uint32_t count = weir_process_figures(server->started_ms, &server->config.budgets, figures);
    for (uint32_t i = 0; i < count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s", figures[i].name);
        for (char *at = name; *at; at++)
            if (*at == '.') *at = '_';
        gauge(server, out, name, figures[i].value);
    }
}

static enum MHD_Result answer(
    struct MHD_Connection *connection, unsigned status, const char *type, const struct weir_buffer *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body->length, (void *)(body->data ? body->data : ""), MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Sent from the file itself: a long log takes no memory. */
static enum MHD_Result send_file(
    const struct weir_metrics_server *server, struct MHD_Connection *connection, const char *url)
{
    const char *name = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "name");
    enum weir_log_kind kind = strcmp(url, "/stdout") == 0 ? WEIR_LOG_KIND_OUT
                              : name                      ? WEIR_LOG_KIND_NAMED
                                                          : WEIR_LOG_KIND_LOG;
    uint64_t offset, bytes;
    int file = weir_log_files_open(&server->config.logs, kind, name, &offset, &bytes);
    if (file < 0) return refuse(connection, MHD_HTTP_NOT_FOUND, "{\"errors\":[\"There is no such log\"]}");
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(bytes, file, offset);
    if (!response) {
        close(file);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=UTF-8");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result serve(
    struct weir_metrics_server *server, struct MHD_Connection *connection, const char *url, bool prometheus)
{
    if (!prometheus && (strcmp(url, "/log") == 0 || strcmp(url, "/stdout") == 0))
        return send_file(server, connection, url);
    struct weir_buffer body;
    weir_buffer_init(&body, server->config.memory, WEIR_METRICS_TEXT_BYTES_MAX);
    enum MHD_Result result;
    if (!prometheus && strcmp(url, "/tasks") == 0) {
        const char *job = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "job");
        weir_task_metrics_print_json(server->config.metrics, job, &body);
        result = answer(connection, MHD_HTTP_OK, "application/json; charset=UTF-8", &body);
    } else if (!prometheus && strcmp(url, "/process") == 0) {
        weir_process_print_json(server->started_ms, &server->config.budgets, &body);
        result = answer(connection, MHD_HTTP_OK, "application/json; charset=UTF-8", &body);
    } else if (!prometheus && strcmp(url, "/logs") == 0) {
        weir_log_files_print_json(&server->config.logs, &body);
        result = answer(connection, MHD_HTTP_OK, "application/json; charset=UTF-8", &body);
    } else if (!prometheus && strcmp(url, "/threads") == 0) {
        weir_threads_print_json(&body);
        result = answer(connection, MHD_HTTP_OK, "application/json; charset=UTF-8", &body);
    } else if (strcmp(url, "/metrics") == 0 || strcmp(url, "/") == 0) {
        print_process(server, &body);
        weir_task_metrics_print_prometheus(server->config.metrics, &body);
        result = answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &body);
    } else {
        weir_buffer_append_text(&body, "{\"errors\":[\"Not found\"]}");
        result = answer(connection, MHD_HTTP_NOT_FOUND, "application/json; charset=UTF-8", &body);
    }
    weir_buffer_done(&body);
    return result;
}

static enum MHD_Result on_any(struct weir_metrics_server *server, struct MHD_Connection *connection,
    const char *url, const char *method, const size_t *length, bool prometheus)
{
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "{\"errors\":[\"Method not allowed\"]}");
    if (*length)
        return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, "{\"errors\":[\"No body is read here\"]}");
    return serve(server, connection, url, prometheus);
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *bytes, size_t *length, void **request)
{
    return on_any(owner, connection, url, method, length, false);
}

static enum MHD_Result on_prometheus(void *owner, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *bytes, size_t *length, void **request)
{
    return on_any(owner, connection, url, method, length, true);
}

static void *on_uri(void *owner, const char *uri, struct MHD_Connection *connection)
{
    weir_http_arguments_cut((char *)uri, ARGUMENTS_MAX);
    return NULL;
}

/* ---------------------------------------------------------------- life */

static struct MHD_Daemon *listen_at(
    struct weir_metrics_server *server, const struct sockaddr_in *at, bool prometheus)
{
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL,
        prometheus ? on_prometheus : on_request, server, MHD_OPTION_SOCK_ADDR, at,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)weir_os_descriptors_share(16, WEIR_METRICS_CONNECTIONS_MAX),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEIR_METRICS_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES_MAX, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_END);
}

static uint16_t port_of(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}

static enum weir_error_code start_prometheus(
    struct weir_metrics_server *server, struct sockaddr_in at, struct weir_error *reterr)
{
    const char *text = server->config.prometheus_ports;
    if (!text) return WEIR_OK;
    char *end;
    unsigned long first = strtoul(text, &end, 10), last = first;
    if (*end == '-') last = strtoul(end + 1, &end, 10);
    if (*end || first > UINT16_MAX || last > UINT16_MAX || last < first)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "metrics.reporter.prom.port: '%s' is no port: expected a number up to 65535, or a range", text);
    for (unsigned long port = first; port <= last && !server->prometheus; port++) {
        at.sin_port = htons((uint16_t)port);
        server->prometheus = listen_at(server, &at, true);
    }
    if (!server->prometheus) { /* as Flink: it works without its reporter */
        weir_log(WEIR_LOG_WARN, "weir.taskmanager",
            "metrics.reporter.prom.port: %s is taken; several processes of a host need a range", text);
        return WEIR_OK;
    }
    weir_log(WEIR_LOG_INFO, "weir.taskmanager", "metrics for Prometheus at http://%s:%u/metrics",
        server->host, port_of(server->prometheus));
    return WEIR_OK;
}

enum weir_error_code weir_metrics_server_new(const struct weir_metrics_server_config *config,
    struct weir_metrics_server **ret, struct weir_error *reterr)
{
    struct weir_metrics_server *server = weir_memory_allocate_zeroed(config->memory, sizeof *server);
    server->config = *config;
    server->started_ms = weir_clock_epoch_ms();
    snprintf(server->host, sizeof server->host, "%s", config->host);
    snprintf(server->taskmanager, sizeof server->taskmanager, "%s", config->taskmanager);
    for (char *at = server->taskmanager; *at; at++)
        if (strchr(".-/\"\\", *at)) *at = '_';
    struct sockaddr_in at = { .sin_family = AF_INET };
    if (inet_pton(AF_INET, config->bind_address, &at.sin_addr) != 1) at.sin_addr.s_addr = htonl(INADDR_ANY);
    enum weir_error_code code = WEIR_OK;
    server->daemon = listen_at(server, &at, false);
    if (!server->daemon)
        code = weir_os_error_set(
            reterr, errno, "the endpoint for figures cannot listen on %s", config->bind_address);
    if (!code) code = start_prometheus(server, at, reterr);
    if (code) {
        weir_metrics_server_free(server);
        return code;
    }
    snprintf(server->address, sizeof server->address, "%s:%u", server->host, port_of(server->daemon));
    *ret = server;
    return WEIR_OK;
}

const char *weir_metrics_server_address(const struct weir_metrics_server *server)
{
    return server->address;
}

void weir_metrics_server_free(struct weir_metrics_server *server)
{
    if (!server) return;
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->prometheus) MHD_stop_daemon(server->prometheus);
    weir_memory_release(server->config.memory, server, sizeof *server);
}
