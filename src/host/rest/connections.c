/*
 * Connections, so that slow clients harm nobody: the library's timeout counts from the last byte, and who
 * sends one byte now and then would keep a place for ever. When places become few, whoever has been expected
 * to send a request for the longest time makes room.
 */
#include "host/rest/internal.h"
#include <sys/socket.h>

void rest__connections_init(
    struct rest_connections *connections, uint32_t count_max, struct weir_memory *memory)
{
    *connections = (struct rest_connections){ .memory = memory, .count_max = count_max };
    connections->last = &connections->first;
}

static void append(struct rest_connections *all, struct rest_connection *connection)
{
    connection->next = NULL;
    connection->at = all->last;
    *all->last = connection;
    all->last = &connection->next;
    all->count++;
}

static void take_out(struct rest_connections *all, struct rest_connection *connection)
{
    *connection->at = connection->next;
    if (connection->next)
        connection->next->at = connection->at;
    else
        all->last = connection->at;
    all->count--;
}

/* The library sees the end of it and closes. */
static void make_room(struct rest_connections *all)
{
    for (struct rest_connection *connection = all->first; connection; connection = connection->next) {
        if (connection->served || connection->fd < 0) continue;
        (void)shutdown(connection->fd, SHUT_RDWR);
        connection->fd = -1;
        return;
    }
}

void rest__on_connection(
    void *owner, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
    struct rest_connections *all = owner;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct rest_connection *closed = *context;
        if (!closed) return;
        take_out(all, closed);
        weir_memory_release(all->memory, closed, sizeof *closed);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct rest_connection *made = weir_memory_allocate_zeroed(all->memory, sizeof *made);
    made->all = all;
    made->fd = info ? info->connect_fd : -1;
    append(all, made);
    *context = made;
    if (all->count > all->count_max - all->count_max / 8) make_room(all);
}

void rest__connection_served(struct MHD_Connection *connection, bool served)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct rest_connection *known = info ? info->socket_context : NULL;
    if (!known) return;
    known->served = served;
    if (served) return;
    take_out(known->all, known); /* it may ask again: its time begins anew */
    append(known->all, known);
}
