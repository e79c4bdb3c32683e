/* Connections of the exchange: listening, dialling, names, bytes in and out. */
#include "host/address.h"
#include "host/data_exchange_internal.h"
#include "os/log.h"
#include <stdio.h>
#include <string.h>

enum { READ_BYTES = 256 << 10, FLUSH_BYTES = 64 << 10, DIAL_PAUSE_MS = 20, UP_MS_MAX = 5000 };

/* --- bytes out --- */

void exchange_connection_flush_later(struct exchange_connection *connection)
{
    exchange_place_enter(&connection->unflushed, &connection->exchange->unflushed);
}

size_t exchange_connection_waiting(const struct exchange_connection *connection)
{
    return connection->out.length + uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp);
}

static void write_free(struct weir_data_exchange *exchange, struct exchange_write *write)
{
    weir_buffer_done(&write->data);
    weir_memory_release(exchange->config.memory, write, sizeof *write);
}

static struct exchange_write *write_take(struct exchange_connection *connection)
{
    struct weir_memory *memory = connection->exchange->config.memory;
    struct exchange_write *write = connection->spare_writes;
    if (write) {
        connection->spare_writes = write->next;
        connection->spare_write_count--;
        return write;
    }
    write = weir_memory_allocate_zeroed(memory, sizeof *write);
    weir_buffer_init(&write->data, memory, EXCHANGE_OUT_BYTES_MAX);
    return write;
}

/* Kept with its memory for the next one, unless there are enough or it is large. */
static void write_give_back(struct exchange_connection *connection, struct exchange_write *write)
{
    if (connection->closing || connection->spare_write_count == EXCHANGE_SPARE_WRITES_MAX ||
        write->data.capacity > EXCHANGE_SPARE_BYTES_MAX) {
        write_free(connection->exchange, write);
        return;
    }
    weir_buffer_clear(&write->data);
    write->next = connection->spare_writes;
    connection->spare_writes = write;
    connection->spare_write_count++;
}

/* There is room again: elements that waited for it go on. */
static void carry_links(struct exchange_connection *connection)
{
    connection->full = false;
    for (struct exchange_place *at = connection->links.next; at != &connection->links; at = at->next) {
        exchange_carry(EXCHANGE_LINK_AT(at, of_connection));
        exchange_flush_large(connection->exchange);
        if (connection->closing) return; /* its links are its no more */
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct exchange_write *write = (struct exchange_write *)request;
    struct exchange_connection *connection = request->handle->data;
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    write_give_back(connection, write);
    if (status < 0 && status != UV_ECANCELED) exchange_connection_close(connection);
    if (connection->full && !connection->closing) carry_links(connection);
    exchange_flush_all(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}

static void flush(struct exchange_connection *connection)
{
    if (connection->closing || !connection->connected || !connection->out.length) return;
    struct exchange_write *write = write_take(connection);
    struct weir_buffer full = connection->out;
    connection->out = write->data;
    write->data = full;
    uv_buf_t buffer = uv_buf_init(full.data, (unsigned)full.length);
    connection->exchange->statistics.bytes_out += full.length;
    if (uv_write(&write->request, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written) != 0) {
        write_free(connection->exchange, write);
        exchange_connection_close(connection);
    }
}

static void flush_from(struct weir_data_exchange *exchange, size_t bytes_min)
{
    for (struct exchange_place *at = exchange->unflushed.next, *next; at != &exchange->unflushed; at = next) {
        struct exchange_connection *connection =
            (struct exchange_connection *)((char *)at - offsetof(struct exchange_connection, unflushed));
        next = at->next;
        if (connection->out.length < bytes_min) continue;
        exchange_place_leave(at);
        flush(connection);
    }
}

void exchange_flush_all(struct weir_data_exchange *exchange)
{
    flush_from(exchange, 0);
}

void exchange_flush_large(struct weir_data_exchange *exchange)
{
    flush_from(exchange, FLUSH_BYTES);
}

/* --- bytes in --- */

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct exchange_connection *connection = handle->data;
    if (connection->in_start == connection->in_length) connection->in_start = connection->in_length = 0;
    if (connection->in_capacity - connection->in_length < READ_BYTES && connection->in_start) {
        connection->in_length -= connection->in_start;
        memmove(connection->in, connection->in + connection->in_start, connection->in_length);
        connection->in_start = 0;
    }
    size_t wanted = connection->in_length + READ_BYTES;
    if (connection->in_capacity < wanted) {
        size_t capacity = WEIR_MAX(connection->in_capacity * 2, wanted * 2);
        connection->in = weir_memory_reallocate(
            connection->exchange->config.memory, connection->in, connection->in_capacity, capacity);
        connection->in_capacity = capacity;
    }
    *buffer = uv_buf_init(
        connection->in + connection->in_length, (unsigned)(connection->in_capacity - connection->in_length));
}

/* What one long frame needed is network memory that nobody else has: kept, it could slow all channels down
 * for as long as the connection lives. */
static void let_go_of_large(struct exchange_connection *connection)
{
    if (connection->in_start < connection->in_length || connection->in_capacity <= EXCHANGE_SPARE_BYTES_MAX)
        return;
    weir_memory_release(connection->exchange->config.memory, connection->in, connection->in_capacity);
    connection->in = NULL;
    connection->in_start = connection->in_length = connection->in_capacity = 0;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct exchange_connection *connection = stream->data;
    struct weir_data_exchange *exchange = connection->exchange;
    if (connection->closing) return;
    pthread_mutex_lock(&exchange->mutex);
    if (got < 0) {
        exchange_connection_close(connection);
    } else {
        connection->in_length += (size_t)got;
        exchange->statistics.bytes_in += (uint64_t)got;
        exchange_take_frames(connection);
        let_go_of_large(connection);
    }
    exchange_flush_all(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}

/* --- life --- */

/* One handle or request will not be called back any more. Without the mutex. */
static void release(struct exchange_connection *connection)
{
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    bool last = --connection->holders == 0;
    if (last) {
        struct exchange_connection **at = &exchange->connections;
        while (*at != connection) at = &(*at)->next;
        *at = connection->next;
        exchange->connection_count--;
        exchange_place_leave(&connection->unflushed);
    }
    pthread_mutex_unlock(&exchange->mutex);
    if (!last) return;
    for (struct exchange_write *write = connection->spare_writes, *next; write; write = next) {
        next = write->next;
        write_free(exchange, write);
    }
    weir_buffer_done(&connection->out);
    weir_memory_release(exchange->config.memory, connection->in, connection->in_capacity);
    weir_memory_release(exchange->config.memory, connection, sizeof *connection);
}

static void on_handle_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void on_retry(uv_timer_t *timer)
{
    struct weir_data_exchange *exchange = timer->data;
    pthread_mutex_lock(&exchange->mutex);
    exchange_open_links(exchange);
    exchange_flush_all(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}

void exchange_connection_close(struct exchange_connection *connection)
{
    if (connection->closing) return;
    struct weir_data_exchange *exchange = connection->exchange;
    connection->closing = true;
    if (connection->resolving) uv_cancel((uv_req_t *)&connection->resolve); /* or it is called back later */
    uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    while (!exchange_place_is_free(&connection->links)) {
        struct weir_link *link = EXCHANGE_LINK_AT(connection->links.next, of_connection);
        exchange_link_disconnect(link);
        bool over = (link->attached[0] && link->end_sent) || (link->attached[1] && link->end_received);
        if (link->established && !over) exchange_link_break(link);
        if (!link->attached[0] && !link->attached[1] && !link->leaving[0] && !link->leaving[1])
            exchange_link_drop(link);
    }
    if (!exchange->closing) uv_timer_start(&exchange->retry, on_retry, DIAL_PAUSE_MS, 0);
}

static struct exchange_connection *new_connection(struct weir_data_exchange *exchange)
{
    struct exchange_connection *connection =
        weir_memory_allocate_zeroed(exchange->config.memory, sizeof *connection);
    connection->exchange = exchange;
    connection->next = exchange->connections;
    exchange->connections = connection;
    exchange->connection_count++;
    exchange_place_init(&connection->links);
    exchange_place_init(&connection->unflushed);
    weir_buffer_init(&connection->out, exchange->config.memory, EXCHANGE_OUT_BYTES_MAX);
    uv_tcp_init(&exchange->loop, &connection->tcp);
    uv_timer_init(&exchange->loop, &connection->timer);
    connection->tcp.data = connection->timer.data = connection;
    connection->connect.data = connection->resolve.data = connection;
    connection->holders = 2;
    return connection;
}

static void say_hello(struct exchange_connection *connection)
{
    const struct weir_data_exchange_config *config = &connection->exchange->config;
    connection->connected = true;
    uv_tcp_nodelay(&connection->tcp, 1);
    size_t at = exchange_frame_begin(connection, EXCHANGE_HELLO);
    weir_buffer_append(&connection->out, EXCHANGE_MAGIC, sizeof EXCHANGE_MAGIC - 1);
    weir_buffer_append_u64(&connection->out, config->incarnation);
    weir_buffer_append_u32(&connection->out, (uint32_t)strlen(config->cluster));
    weir_buffer_append_text(&connection->out, config->cluster);
    weir_buffer_append_u32(&connection->out, (uint32_t)strlen(config->name));
    weir_buffer_append_text(&connection->out, config->name);
    exchange_frame_end(connection, at);
    flush(connection);
    if (!connection->closing) uv_read_start((uv_stream_t *)&connection->tcp, on_allocate, on_read);
}

static void on_connection_late(uv_timer_t *timer)
{
    struct exchange_connection *connection = timer->data;
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    exchange_connection_close(connection);
    pthread_mutex_unlock(&exchange->mutex);
}

static void on_pause_over(uv_timer_t *timer)
{
    on_connection_late(timer);
    uv_async_send(&((struct exchange_connection *)timer->data)->exchange->wake);
}

/* --- listening --- */

static void on_incoming(uv_stream_t *listener, int status)
{
    struct weir_data_exchange *exchange = listener->data;
    if (status != 0) return;
    pthread_mutex_lock(&exchange->mutex);
    struct exchange_connection *connection = new_connection(exchange);
    bool too_many = exchange->connection_count > exchange->connections_max;
    if (too_many && exchange->too_many++ % EXCHANGE_REFUSALS_PER_LINE == 0)
        weir_log(WEIR_LOG_ERROR, EXCHANGE_LOGGER,
            "refused a data connection: there are %u, and more would take descriptors from what else needs "
            "them; "
            "raise the limit of open files (ulimit -n)",
            exchange->connection_count - 1);
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0 || too_many) {
        exchange_connection_close(connection);
    } else {
        uv_timer_start(&connection->timer, on_connection_late, UP_MS_MAX, 0);
        say_hello(connection);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

int exchange_listen(struct weir_data_exchange *exchange, uint16_t port)
{
    struct sockaddr_in address, bound;
    int length = sizeof bound, status = uv_ip4_addr(exchange->config.bind_address, port, &address);
    if (status) return status;
    uv_tcp_init(&exchange->loop, &exchange->listener);
    exchange->listener.data = exchange;
    status = uv_tcp_bind(&exchange->listener, (const struct sockaddr *)&address, 0);
    if (!status) status = uv_listen((uv_stream_t *)&exchange->listener, 512, on_incoming);
    if (status) {
        uv_close((uv_handle_t *)&exchange->listener, NULL);
        uv_run(&exchange->loop, UV_RUN_NOWAIT);
        return status;
    }
    uv_tcp_getsockname(&exchange->listener, (struct sockaddr *)&bound, &length);
    snprintf(exchange->address, sizeof exchange->address, "%.255s:%u", exchange->config.host,
        ntohs(bound.sin_port));
    return 0;
}

/* --- dialling --- */

/* A connection that could not be made is kept for a moment, so that it is not dialled again at once. */
static void pause_connection(struct exchange_connection *connection, uint64_t pause_ms)
{
    uv_timer_start(&connection->timer, on_pause_over, pause_ms, 0);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct exchange_connection *connection = request->data;
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    if (!connection->closing) {
        if (status == 0)
            say_hello(connection);
        else
            pause_connection(connection, DIAL_PAUSE_MS);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

static void connect_to(struct exchange_connection *connection, const struct sockaddr *address)
{
    if (uv_tcp_connect(&connection->connect, &connection->tcp, address, on_connected) != 0)
        pause_connection(connection, DIAL_PAUSE_MS * 10);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct exchange_connection *connection = request->data;
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    connection->resolving = false;
    if (!connection->closing && status == 0) {
        connect_to(connection, found->ai_addr);
    } else if (!connection->closing) {
        if (exchange->unresolved++ % EXCHANGE_REFUSALS_PER_LINE == 0)
            weir_log(WEIR_LOG_WARN, EXCHANGE_LOGGER, "no address is known for '%s': %s", connection->address,
                uv_strerror(status));
        pause_connection(connection, DIAL_PAUSE_MS * 10);
    }
    pthread_mutex_unlock(&exchange->mutex);
    if (status == 0) uv_freeaddrinfo(found);
    release(connection);
}

void exchange_connection_dial(struct weir_data_exchange *exchange, const char *text)
{
    struct exchange_connection *connection = new_connection(exchange);
    connection->dialed = true;
    snprintf(connection->address, sizeof connection->address, "%s", text);
    char host[300];
    snprintf(host, sizeof host, "%s", text);
    char *colon = strrchr(host, ':');
    struct sockaddr_in address;
    uv_timer_start(&connection->timer, on_connection_late, UP_MS_MAX, 0);
    if (!colon) {
        pause_connection(connection, DIAL_PAUSE_MS * 10);
        return;
    }
    *colon = '\0';
    if (uv_ip4_addr(host, weir_port_parse(colon + 1), &address) == 0) {
        connect_to(connection, (const struct sockaddr *)&address);
        return;
    }
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    if (uv_getaddrinfo(&exchange->loop, &connection->resolve, on_resolved, host, colon + 1, &hints) != 0) {
        pause_connection(connection, DIAL_PAUSE_MS * 10);
        return;
    }
    connection->resolving = true;
    connection->holders++;
}
