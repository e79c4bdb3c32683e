/* Life of the server: the listening socket, the HTTP library, and a request's way from its bytes to a worker
 * and back. */
#include "base/assert.h"
#include "host/http_arguments.h"
#include "host/rest/internal.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/log.h"
#include "os/process.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 256, CONNECTION_BYTES_MAX = 32 << 10 };

void rest__lock(struct weir_rest_server *server)
{
    pthread_mutex_lock(&server->mutex);
}

void rest__unlock(struct weir_rest_server *server)
{
    pthread_mutex_unlock(&server->mutex);
}

/* ---------------------------------------------------------------- the socket */

static int try_port(const struct in_addr *bind_address, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = *bind_address };
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, LISTEN_BACKLOG)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool resolve(const char *name, struct in_addr *ret)
{
    if (!name || !*name) {
        ret->s_addr = htonl(INADDR_ANY);
        return true;
    }
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) || !found) return false;
    *ret = ((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr;
    freeaddrinfo(found);
    return true;
}

static enum weir_error_code bind_first_free(const struct weir_rest_server *server, uint16_t first,
    uint16_t last, int *ret_fd, uint16_t *ret_port, struct weir_error *reterr)
{
    const char *name = server->config.bind_address;
    struct in_addr address;
    if (!resolve(name, &address))
        return weir_error_set(
            reterr, WEIR_E_CONFIGURATION, "rest.bind-address: the host '%s' cannot be resolved", name);
    for (uint32_t port = first; port <= WEIR_MAX(first, last) && *ret_fd < 0; port++)
        *ret_fd = try_port(&address, (uint16_t)port);
    if (*ret_fd < 0)
        return weir_os_error_set(reterr, errno, "cannot listen for HTTP on %s, port %u%s",
            name && *name ? name : "all addresses", first, last > first ? " and those behind it" : "");
    struct sockaddr_in at;
    socklen_t length = sizeof at;
    if (getsockname(*ret_fd, (struct sockaddr *)&at, &length))
        return weir_os_error_set(reterr, errno, "a socket for HTTP has no address");
    *ret_port = ntohs(at.sin_port);
    return WEIR_OK;
}

/* ---------------------------------------------------------------- a request */

static bool parse_method(const char *text, enum rest_method *ret)
{
    static const char *const names[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    if (strcmp(text, "HEAD") == 0) text = "GET";
    for (uint32_t i = 0; i < REST_METHODS; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *ret = (enum rest_method)i;
        return true;
    }
    return false;
}

static enum MHD_Result add_argument(void *owner, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct rest_request *request = owner;
    if (request->argument_count == REST_ARGUMENTS_MAX) {
        request->too_many_arguments = true;
        return MHD_NO;
    }
    request->arguments[request->argument_count++] =
        (struct rest_pair){ weir_arena_string(&request->arena, name),
            weir_arena_string(&request->arena, value ? value : "") };
    return MHD_YES;
}

static const char *without_version(const char *path)
{
    return strncmp(path, "/v1/", 4) == 0 ? path + 3 : path;
}

static struct rest_request *new_request(
    struct weir_rest_server *server, struct MHD_Connection *connection, const char *url)
{
    struct rest_request *request = weir_memory_allocate_zeroed(server->memory, sizeof *request);
    request->server = server;
    request->connection = connection;
    weir_arena_init(&request->arena, server->memory);
    request->url = weir_arena_string(&request->arena, url);
    request->path = without_version(request->url);
    request->deadline_ms = weir_clock_monotonic_ms() + WEIR_REST_REQUEST_TIMEOUT_MS;
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    request->content_type = type ? weir_arena_string(&request->arena, type) : NULL;
    request->proxied = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Weir-Proxied") != NULL;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_argument, request);
    return request;
}

static void free_request(struct rest_request *request)
{
    if (request->answer_is_file) close(request->answer_file);
    json_decref(request->figures);
    weir_buffer_done(&request->body);
    weir_arena_done(&request->arena);
    weir_memory_release(request->server->memory, request, sizeof *request);
}

static void on_completed(
    void *owner, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code)
{
    rest__connection_served(connection, false);
    if (*request) free_request(*request);
    *request = NULL;
}

static enum MHD_Result send_answer(struct rest_request *request)
{
    struct MHD_Response *response = request->answer_is_file
                                        ? MHD_create_response_from_fd_at_offset64(request->answer_bytes,
                                              request->answer_file, request->answer_offset)
                                        : MHD_create_response_from_buffer(request->answer_bytes,
                                              (void *)request->answer, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    request->answer_is_file = false; /* the response closes it */
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
        request->answer_type ? request->answer_type : "application/json; charset=UTF-8");
    MHD_add_response_header(
        response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, request->server->allow_origin);
    if (request->not_leader) MHD_add_response_header(response, "Weir-Not-Leader", "1");
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Headers are there; the body is not. What can be refused now is. */
static void begin_request(struct rest_request *request, const char *method)
{
    if (parse_method(method, &request->method)) request->route = rest__find_route(request);
    /* Flink's router has a table for each method: another one's paths are not in it. */
    if (!request->route) rest__fail(request, MHD_HTTP_NOT_FOUND, "Not found: %s", request->url);
    if (request->too_many_arguments) {
        request->route = NULL;
        rest__fail(
            request, MHD_HTTP_BAD_REQUEST, "The request has more than %d parameters.", REST_ARGUMENTS_MAX);
    }
    bool submission = request->route && strcmp(request->route->pattern, "/weir/jobs") == 0;
    size_t bytes_max = submission ? WEIR_REST_BODY_BYTES_MAX : WEIR_REST_SMALL_BODY_BYTES_MAX;
    weir_buffer_init(&request->body, request->server->memory, bytes_max);
    const char *length =
        MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length && strtoull(length, NULL, 10) > bytes_max) {
        bool refused = request->route && request->route->handle == rest__refuse_java;
        if (refused) rest__refuse_java(request); /* a program says nothing else, however long it is */
        request->too_long = true;
        request->route = NULL;
        if (!refused)
            rest__fail(
                request, MHD_HTTP_CONTENT_TOO_LARGE, "The request has more than %zu bytes.", bytes_max);
    }
}

static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *bytes, size_t *length, void **request_at)
{
    struct weir_rest_server *server = owner;
    struct rest_request *request = *request_at;
    if (!request) {
        *request_at = request = new_request(server, connection, url);
        begin_request(request, method);
        /* Too long to be read: the answer now, and the connection closes. */
        return request->too_long ? send_answer(request) : MHD_YES;
    }
    if (request->stage == REST_ANSWERED) return send_answer(request);
    if (*length > 0) {
        weir_buffer_append(&request->body, bytes, *length);
        *length = 0;
        return MHD_YES;
    }
    rest__connection_served(connection, true);
    if (request->body.overflowed) rest__fail(request, MHD_HTTP_CONTENT_TOO_LARGE, "The request is too long.");
    if (request->status) return send_answer(request);
    request->stage = REST_WAITING;
    MHD_suspend_connection(connection);
    if (rest__enqueue(server, request)) return MHD_YES;
    rest__fail(request, MHD_HTTP_SERVICE_UNAVAILABLE, "Too many requests wait, try again.");
    request->stage = REST_ANSWERED;
    MHD_resume_connection(connection);
    return MHD_YES;
}

/* ---------------------------------------------------------------- life */

static void copy_texts(struct weir_rest_server *server, const struct weir_rest_server_config *config)
{
    snprintf(server->host, sizeof server->host, "%s", config->host ? config->host : "localhost");
    snprintf(server->version, sizeof server->version, "%s", config->version ? config->version : "0");
    snprintf(server->checkpoint_directory, sizeof server->checkpoint_directory, "%s",
        config->checkpoint_directory ? config->checkpoint_directory : "");
    server->settings =
        config->config ? weir_config_copy(config->config, config->memory) : weir_config_new(config->memory);
    weir_log_files_find(server->settings, "web.log.path", &server->logs);
    server->allow_origin = weir_config_get_text(server->settings, "web.access-control-allow-origin", "*");
}

/* The metrics' port shows nothing else. */
static enum MHD_Result on_metrics_request(void *owner, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *bytes, size_t *length, void **request_at)
{
    bool known = strcmp(url, "/") == 0 || strcmp(url, "/metrics") == 0;
    return on_request(
        owner, connection, known ? "/metrics" : "/none", method, version, bytes, length, request_at);
}

/* Before the library takes the arguments apart. What is returned becomes *request_at of on_request(). */
static void *on_uri(void *owner, const char *uri, struct MHD_Connection *connection)
{
    weir_http_arguments_cut((char *)uri, REST_ARGUMENTS_MAX);
    return NULL;
}

/* A NUL would end a name before its end is seen: it stays as it was written. */
static size_t unescape(void *owner, struct MHD_Connection *connection, char *text)
{
    for (char *at = text; (at = strstr(at, "%00")); at++) *at = '?';
    return MHD_http_unescape(text);
}

static enum weir_error_code start_daemon(struct weir_rest_server *server, int listener, bool metrics,
    struct MHD_Daemon **ret, struct weir_error *reterr)
{
    *ret = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL,
        NULL, metrics ? on_metrics_request : on_request, server, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)server->connections[metrics].count_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEIR_REST_CONNECTION_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES_MAX, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri,
        NULL, MHD_OPTION_NOTIFY_CONNECTION, rest__on_connection, &server->connections[metrics],
        MHD_OPTION_END);
    if (*ret) return WEIR_OK;
    return weir_os_error_set(reterr, errno, "the HTTP endpoint of %s cannot be started", server->host);
}

static enum weir_error_code start_rest(struct weir_rest_server *server, struct weir_error *reterr)
{
    const struct weir_rest_server_config *config = &server->config;
    enum weir_error_code code = bind_first_free(
        server, config->port_first, config->port_last, &server->listener, &server->port, reterr);
    if (code) return code;
    snprintf(server->address, sizeof server->address, "%s:%u", server->host, server->port);
    return start_daemon(server, server->listener, false, &server->daemon, reterr);
}

/* "9249" or "9249-9259"; only where it is asked for. */
static enum weir_error_code start_metrics(struct weir_rest_server *server, struct weir_error *reterr)
{
    const struct weir_config *settings = server->settings;
    bool wanted = weir_config_is_set(settings, "metrics.reporter.prom.port") ||
                  weir_config_is_set(settings, "metrics.reporter.prom.factory.class");
    if (!wanted) return WEIR_OK;
    const char *text = weir_config_get_text(settings, "metrics.reporter.prom.port", "9249");
    char *end;
    unsigned long first = strtoul(text, &end, 10), last = first;
    if (*end == '-') last = strtoul(end + 1, &end, 10);
    if (*end || first > UINT16_MAX || last > UINT16_MAX || last < first)
        return weir_error_set(reterr, WEIR_E_CONFIGURATION,
            "metrics.reporter.prom.port: '%s' is no port: expected a number up to 65535, or a range", text);
    uint16_t port;
    enum weir_error_code code =
        bind_first_free(server, (uint16_t)first, (uint16_t)last, &server->metrics_listener, &port, reterr);
    if (code) return code;
    weir_log(
        WEIR_LOG_INFO, "weir.rest", "metrics for Prometheus at http://%s:%u/metrics", server->host, port);
    return start_daemon(server, server->metrics_listener, true, &server->metrics_daemon, reterr);
}

enum weir_error_code weir_rest_server_new(
    const struct weir_rest_server_config *config, struct weir_rest_server **ret, struct weir_error *reterr)
{
    struct weir_rest_server *server = weir_memory_allocate_zeroed(config->memory, sizeof *server);
    server->config = *config;
    server->memory = config->memory;
    server->listener = server->metrics_listener = -1;
    server->started_ms = weir_clock_epoch_ms();
    pthread_mutex_init(&server->mutex, NULL);
    copy_texts(server, config);
    rest__lanes_init(server);
    uint32_t most = WEIR_REST_CONNECTIONS_MAX;
    rest__connections_init(&server->connections[0], weir_os_descriptors_share(4, most), server->memory);
    rest__connections_init(&server->connections[1], weir_os_descriptors_share(16, most), server->memory);
    enum weir_error_code code = start_rest(server, reterr);
    if (!code) code = start_metrics(server, reterr);
    if (code) {
        weir_rest_server_stop(server);
        weir_rest_server_free(server);
        return code;
    }
    *ret = server;
    return WEIR_OK;
}

const char *weir_rest_server_address(const struct weir_rest_server *server)
{
    return server->address;
}

uint16_t weir_rest_server_port(const struct weir_rest_server *server)
{
    return server->port;
}

static void stop_daemon(struct MHD_Daemon **daemon, int *listener)
{
    if (*daemon) MHD_stop_daemon(*daemon);
    *daemon = NULL;
    if (*listener >= 0) close(*listener);
    *listener = -1;
}

void weir_rest_server_stop(struct weir_rest_server *server)
{
    if (!server) return;
    if (server->daemon) (void)MHD_quiesce_daemon(server->daemon);
    if (server->metrics_daemon) (void)MHD_quiesce_daemon(server->metrics_daemon);
    rest__asks_stop(server);
    rest__lanes_stop(server);
    stop_daemon(&server->daemon, &server->listener);
    stop_daemon(&server->metrics_daemon, &server->metrics_listener);
}

void weir_rest_server_free(struct weir_rest_server *server)
{
    if (!server) return;
    WEIR_ASSERT(!server->daemon);
    for (uint32_t i = 0; i < REST_LANES; i++) pthread_cond_destroy(&server->lanes[i].filled);
    pthread_mutex_destroy(&server->mutex);
    weir_config_free(server->settings);
    weir_memory_release(server->memory, server, sizeof *server);
}
