#include "host/rpc.h"
#include "host/address.h"
#include "base/assert.h"
#include "os/log.h"
#include "os/process.h"
#include "proto/codec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOGGER "weir.rpc"
static const char magic[8] = "WEIRRPC1";

enum { HELLO_BYTES_MAX = 8 + 8 + 2 + 255 + 2 + 255, READ_BYTES = 64 << 10, REFUSALS_PER_LINE = 1000 };

enum refusal { REFUSAL_NONSENSE, REFUSAL_CLUSTER, REFUSAL_NAME, REFUSAL_FULL, REFUSAL_TOO_MANY, REFUSALS };

enum link_state {
    LINK_CONNECTING, /* dialed, no connection yet */
    LINK_HELLO,      /* connected: waits for the other side's hello */
    LINK_UP,
    LINK_CLOSING
};

struct link {
    struct link *next;
    struct weir_rpc *rpc;
    uv_tcp_t tcp;
    uv_timer_t timer; /* hello, connect */
    uv_connect_t connect;
    enum link_state state;
    uint32_t handles; /* that are open */
    weir_node node;   /* dialed: whom; accepted: 0 until the hello */
    bool dialed;
    uint64_t incarnation;
    uint64_t up_since_ms; /* of the loop */
    char *in;             /* a frame under way */
    size_t in_length, in_capacity;
};

/* Whom to dial, and the connection that is UP. */
struct peer {
    bool dial, resolving;
    bool told_unknown; /* its name could not be resolved, which was told */
    char address[300];
    uint32_t pause_ms;
    uint32_t untold; /* changes of which the owner has not taken note */
    uv_timer_t *timer;
    struct link *up;
};

struct weir_rpc {
    struct weir_rpc_config config;
    uv_tcp_t listener;
    uint16_t port;
    struct link *links;
    uint32_t link_count, links_max;
    struct peer **peers; /* by node */
    uint32_t peer_capacity;
    bool closing;
    uint64_t refusals[REFUSALS];
    struct weir_rpc_statistics statistics;
};

static void begin_dial(struct weir_rpc *rpc, weir_node node);

/* --- peers --- */

static struct peer *get_peer(struct weir_rpc *rpc, weir_node node)
{
    if (node >= rpc->peer_capacity) {
        uint32_t capacity = WEIR_MAX(rpc->peer_capacity * 2, node + 16);
        rpc->peers = weir_memory_reallocate(rpc->config.memory, rpc->peers,
            sizeof *rpc->peers * rpc->peer_capacity, sizeof *rpc->peers * capacity);
        memset(rpc->peers + rpc->peer_capacity, 0, sizeof *rpc->peers * (capacity - rpc->peer_capacity));
        rpc->peer_capacity = capacity;
    }
    if (!rpc->peers[node])
        rpc->peers[node] = weir_memory_allocate_zeroed(rpc->config.memory, sizeof *rpc->peers[node]);
    return rpc->peers[node];
}

static void tell(struct weir_rpc *rpc, weir_node node, enum weir_connection_state state, uint64_t incarnation)
{
    get_peer(rpc, node)->untold++;
    rpc->config.connection(rpc->config.owner, node, state, incarnation);
}

static void on_pause_over(uv_timer_t *timer)
{
    struct weir_rpc *rpc = timer->loop->data;
    begin_dial(rpc, (weir_node)(uintptr_t)timer->data);
}

static void dial_later(struct weir_rpc *rpc, weir_node node)
{
    struct peer *peer = get_peer(rpc, node);
    if (!peer->dial || rpc->closing) return;
    if (!peer->timer) {
        peer->timer = weir_memory_allocate(rpc->config.memory, sizeof *peer->timer);
        uv_timer_init(rpc->config.loop, peer->timer);
        peer->timer->data = (void *)(uintptr_t)node;
    }
    peer->pause_ms = WEIR_MIN(WEIR_MAX(peer->pause_ms * 2, (uint32_t)WEIR_RPC_DIAL_PAUSE_MIN_MS),
        (uint32_t)WEIR_RPC_DIAL_PAUSE_MAX_MS);
    uv_timer_start(peer->timer, on_pause_over, peer->pause_ms, 0);
}

/* --- links --- */

static void on_link_handle_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    struct weir_rpc *rpc = link->rpc;
    if (--link->handles) return;
    struct link **at = &rpc->links;
    while (*at != link) at = &(*at)->next;
    *at = link->next;
    rpc->link_count--;
    weir_memory_release(rpc->config.memory, link->in, link->in_capacity);
    weir_memory_release(rpc->config.memory, link, sizeof *link);
}

/* Says how it ended, unless it has ended already. */
static void close_link(struct link *link, enum weir_connection_state why)
{
    if (link->state == LINK_CLOSING) return;
    struct weir_rpc *rpc = link->rpc;
    bool was_up = link->state == LINK_UP;
    link->state = LINK_CLOSING;
    uv_close((uv_handle_t *)&link->tcp, on_link_handle_closed);
    uv_close((uv_handle_t *)&link->timer, on_link_handle_closed);
    if (link->node && get_peer(rpc, link->node)->up == link) get_peer(rpc, link->node)->up = NULL;
    if (rpc->closing) return;
    if (was_up)
        tell(rpc, link->node, WEIR_CONNECTION_RESET, link->incarnation);
    else if (link->dialed && !get_peer(rpc, link->node)->up) /* else: connected, whoever has dialled */
        tell(rpc, link->node, why, 0);
    /* Also when the other side had dialled the one that broke: we wanted one, and it need not dial again. */
    if (link->dialed || was_up) dial_later(rpc, link->node);
}

static struct link *new_link(struct weir_rpc *rpc)
{
    struct link *link = weir_memory_allocate_zeroed(rpc->config.memory, sizeof *link);
    link->rpc = rpc;
    link->next = rpc->links;
    rpc->links = link;
    rpc->link_count++;
    uv_tcp_init(rpc->config.loop, &link->tcp);
    uv_timer_init(rpc->config.loop, &link->timer);
    link->tcp.data = link->timer.data = link;
    link->handles = 2;
    return link;
}

static void on_link_late(uv_timer_t *timer)
{
    struct link *link = timer->data;
    if (link->state != LINK_UP) close_link(link, WEIR_CONNECTION_TIMEOUT);
}

/* --- writing --- */

struct write_request {
    uv_write_t request;
    struct weir_memory *memory;
    size_t bytes;
    char data[];
};

static void on_written(uv_write_t *request, int status)
{
    struct write_request *write = (struct write_request *)request;
    struct link *link = request->handle->data;
    if (status < 0 && status != UV_ECANCELED) close_link(link, WEIR_CONNECTION_RESET);
    weir_memory_release(write->memory, write, sizeof *write + write->bytes);
}

static bool write_frame(struct link *link, const void *bytes, size_t length)
{
    if (length > WEIR_ENVELOPE_BYTES_MAX) { /* the other side would close the connection, again and again */
        weir_log(WEIR_LOG_ERROR, LOGGER, "a message of %zu bytes is not sent: at most %u are allowed", length,
            (unsigned)WEIR_ENVELOPE_BYTES_MAX);
        return false;
    }
    if (uv_stream_get_write_queue_size((uv_stream_t *)&link->tcp) + length > WEIR_RPC_QUEUE_BYTES_MAX) {
        weir_log(WEIR_LOG_WARN, LOGGER,
            "a peer takes nothing off: its connection is closed with %zu bytes waiting",
            uv_stream_get_write_queue_size((uv_stream_t *)&link->tcp));
        close_link(link, WEIR_CONNECTION_RESET);
        return false;
    }
    struct weir_memory *memory = link->rpc->config.memory;
    struct write_request *write = weir_memory_allocate(memory, sizeof *write + 4 + length);
    write->memory = memory;
    write->bytes = 4 + length;
    for (uint32_t i = 0; i < 4; i++) write->data[i] = (char)(length >> (8 * i));
    memcpy(write->data + 4, bytes, length);
    uv_buf_t buffer = uv_buf_init(write->data, (unsigned)(4 + length));
    link->rpc->statistics.bytes_out += 4 + length;
    if (uv_write(&write->request, (uv_stream_t *)&link->tcp, &buffer, 1, on_written) != 0) {
        weir_memory_release(memory, write, sizeof *write + write->bytes);
        close_link(link, WEIR_CONNECTION_RESET);
        return false;
    }
    return true;
}

static void put_text(uint8_t **to, const char *text)
{
    size_t length = strlen(text);
    (*to)[0] = (uint8_t)length;
    (*to)[1] = (uint8_t)(length >> 8);
    memcpy(*to + 2, text, length);
    *to += 2 + length;
}

static void say_hello(struct link *link)
{
    uint8_t hello[HELLO_BYTES_MAX], *to = hello + 16;
    memcpy(hello, magic, sizeof magic);
    for (uint32_t i = 0; i < 8; i++) hello[8 + i] = (uint8_t)(link->rpc->config.incarnation >> (8 * i));
    put_text(&to, link->rpc->config.cluster);
    put_text(&to, link->rpc->config.name);
    link->state = LINK_HELLO;
    uv_tcp_nodelay(&link->tcp, 1);
    uv_timer_start(&link->timer, on_link_late, WEIR_RPC_HELLO_TIMEOUT_MS, 0);
    write_frame(link, hello, (size_t)(to - hello));
}

/* --- reading --- */

static const char *take_text(const uint8_t **at, const uint8_t *end, char text[256])
{
    if (end - *at < 2) return NULL;
    size_t length = (size_t)((*at)[0] | (*at)[1] << 8);
    if (length > 255 || (size_t)(end - *at) < 2 + length) return NULL;
    memcpy(text, *at + 2, length);
    text[length] = '\0';
    *at += 2 + length;
    return strlen(text) == length ? text : NULL;
}

/* Each reason is told by itself: a port scan must not hide a TaskManager of another cluster, nor may one that
 * is dialled twice a second fill the log. */
static void refuse_hello(struct link *link, enum refusal refusal, const char *why)
{
    struct weir_rpc *rpc = link->rpc;
    rpc->statistics.refused_hellos++;
    if (rpc->refusals[refusal]++ % REFUSALS_PER_LINE == 0)
        weir_log(WEIR_LOG_WARN, LOGGER, "refused a connection: %s", why);
    close_link(link, WEIR_CONNECTION_TIMEOUT);
}

/* Both have dialled at the same time. Each side keeps the connection that the lower name has dialled: if each
 * kept the newer one, they could keep different ones, close both, and dial again at the same time. */
static bool is_second_of_two(
    const struct weir_rpc *rpc, const struct link *up, const struct link *link, const char *name)
{
    if (!up || up->incarnation != link->incarnation || up->dialed == link->dialed) return false;
    if (uv_now(rpc->config.loop) - up->up_since_ms > WEIR_RPC_SAME_TIME_MS) return false;
    return up->dialed == (strcmp(rpc->config.name, name) < 0);
}

static void on_hello(struct link *link, const uint8_t *bytes, size_t length)
{
    struct weir_rpc *rpc = link->rpc;
    char cluster[256], name[256], why[700];
    const uint8_t *at = bytes + 16, *end = bytes + length;
    if (length < 16 || memcmp(bytes, magic, sizeof magic) != 0 || !take_text(&at, end, cluster) ||
        !take_text(&at, end, name) || !name[0]) {
        refuse_hello(link, REFUSAL_NONSENSE, "it does not speak this protocol, or another version of it");
        return;
    }
    if (strcmp(cluster, rpc->config.cluster) != 0) {
        snprintf(why, sizeof why, "'%s' belongs to cluster '%s', this is cluster '%s'", name, cluster,
            rpc->config.cluster);
        refuse_hello(link, REFUSAL_CLUSTER, why);
        return;
    }
    weir_node node = rpc->config.node(rpc->config.owner, name);
    if (link->dialed && !get_peer(rpc, link->node)->dial) { /* hung up meanwhile */
        close_link(link, WEIR_CONNECTION_RESET);
        return;
    }
    if (!node) {
        snprintf(why, sizeof why,
            "'%s' has a name that cannot be kept: so many were met (%d at most) since this process started",
            name, WEIR_NODES_MAX);
        refuse_hello(link, REFUSAL_FULL, why);
        return;
    }
    if (link->dialed && node != link->node) {
        snprintf(why, sizeof why, "another process than the one expected answers there: '%s'", name);
        refuse_hello(link, REFUSAL_NAME, why);
        return;
    }
    struct peer *peer = get_peer(rpc, node);
    for (uint32_t i = 0; i < 8; i++) link->incarnation |= (uint64_t)bytes[8 + i] << (8 * i);
    if (is_second_of_two(rpc, peer->up, link, name)) {
        close_link(link, WEIR_CONNECTION_TIMEOUT); /* which nobody is told: there is a connection */
        return;
    }
    link->node = node;
    link->up_since_ms = uv_now(rpc->config.loop);
    uv_timer_stop(&link->timer);
    if (peer->up) close_link(peer->up, WEIR_CONNECTION_RESET);
    peer->up = link;
    peer->pause_ms = 0;
    link->state = LINK_UP;
    rpc->statistics.connections++;
    tell(rpc, node, WEIR_CONNECTION_UP, link->incarnation);
}

/* Hands out the whole frames in link->in. */
static void take_frames(struct link *link)
{
    size_t at = 0;
    while (link->state != LINK_CLOSING && link->in_length - at >= 4) {
        const uint8_t *bytes = (const uint8_t *)link->in + at;
        size_t length =
            (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
        size_t most = link->state == LINK_UP ? (size_t)WEIR_ENVELOPE_BYTES_MAX : (size_t)HELLO_BYTES_MAX;
        if (length > most) {
            refuse_hello(link, REFUSAL_NONSENSE, "a frame is longer than any message");
            return;
        }
        if (link->in_length - at < 4 + length) break;
        at += 4 + length;
        if (link->state == LINK_UP)
            link->rpc->config.bytes(link->rpc->config.owner, link->node, bytes + 4, length);
        else
            on_hello(link, bytes + 4, length);
    }
    memmove(link->in, link->in + at, link->in_length - at);
    link->in_length -= at;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct link *link = handle->data;
    size_t wanted = link->in_length + READ_BYTES;
    if (link->in_capacity < wanted) {
        size_t capacity = WEIR_MAX(link->in_capacity * 2, wanted);
        link->in = weir_memory_reallocate(link->rpc->config.memory, link->in, link->in_capacity, capacity);
        link->in_capacity = capacity;
    }
    *buffer = uv_buf_init(link->in + link->in_length, (unsigned)(link->in_capacity - link->in_length));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct link *link = stream->data;
    if (link->state == LINK_CLOSING) return;
    if (got < 0) {
        close_link(link, WEIR_CONNECTION_RESET);
        return;
    }
    link->in_length += (size_t)got;
    link->rpc->statistics.bytes_in += (uint64_t)got;
    take_frames(link);
}

/* --- dialing --- */

static void on_connected(uv_connect_t *connect, int status)
{
    struct link *link = connect->data;
    if (link->state != LINK_CONNECTING) return;
    if (status != 0) {
        close_link(link, status == UV_ECONNREFUSED ? WEIR_CONNECTION_REFUSED : WEIR_CONNECTION_TIMEOUT);
        return;
    }
    say_hello(link);
    uv_read_start((uv_stream_t *)&link->tcp, on_allocate, on_read);
}

struct resolution {
    uv_getaddrinfo_t request;
    struct weir_rpc *rpc;
    weir_node node;
};

static void connect_to(struct weir_rpc *rpc, weir_node node, const struct sockaddr *address)
{
    struct link *link = new_link(rpc);
    link->node = node;
    link->dialed = true;
    link->connect.data = link;
    uv_timer_start(&link->timer, on_link_late, WEIR_RPC_CONNECT_TIMEOUT_MS, 0);
    if (uv_tcp_connect(&link->connect, &link->tcp, address, on_connected) != 0)
        close_link(link, WEIR_CONNECTION_TIMEOUT);
}

/* It is looked up again for ever: names may come later. */
static void tell_unknown(struct peer *peer, int status)
{
    if (!peer->told_unknown)
        weir_log(WEIR_LOG_WARN, LOGGER, "no address is known for '%s', which is tried again: %s",
            peer->address, uv_strerror(status));
    peer->told_unknown = true;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *addresses)
{
    struct resolution *resolution = (struct resolution *)request;
    struct weir_rpc *rpc = resolution->rpc;
    struct peer *peer = get_peer(rpc, resolution->node);
    peer->resolving = false;
    if (peer->dial && !peer->up && !rpc->closing) {
        if (status == 0) {
            peer->told_unknown = false;
            connect_to(rpc, resolution->node, addresses->ai_addr);
        } else {
            tell_unknown(peer, status);
            tell(rpc, resolution->node, WEIR_CONNECTION_TIMEOUT, 0);
            dial_later(rpc, resolution->node);
        }
    }
    if (addresses) uv_freeaddrinfo(addresses);
    weir_memory_release(rpc->config.memory, resolution, sizeof *resolution);
}

static bool is_dialing(const struct weir_rpc *rpc, weir_node node)
{
    for (const struct link *link = rpc->links; link; link = link->next)
        if (link->dialed && link->node == node && link->state != LINK_CLOSING) return true;
    return false;
}

static void begin_dial(struct weir_rpc *rpc, weir_node node)
{
    struct peer *peer = get_peer(rpc, node);
    if (!peer->dial || peer->up || peer->resolving || rpc->closing || is_dialing(rpc, node)) return;
    char host[300];
    snprintf(host, sizeof host, "%s", peer->address);
    char *colon = strrchr(host, ':');
    struct sockaddr_in address;
    if (!colon || !weir_port_parse(colon + 1)) {
        tell(rpc, node, WEIR_CONNECTION_TIMEOUT, 0);
        return;
    }
    *colon = '\0';
    if (uv_ip4_addr(host, weir_port_parse(colon + 1), &address) == 0) { /* no name to look up: at once */
        connect_to(rpc, node, (const struct sockaddr *)&address);
        return;
    }
    struct resolution *resolution = weir_memory_allocate_zeroed(rpc->config.memory, sizeof *resolution);
    resolution->rpc = rpc;
    resolution->node = node;
    /* Everybody listens on IPv4 alone: the other address of a name would refuse, as if its process were gone.
     */
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    peer->resolving = true;
    if (uv_getaddrinfo(rpc->config.loop, &resolution->request, on_resolved, host, colon + 1, &hints) != 0) {
        peer->resolving = false;
        weir_memory_release(rpc->config.memory, resolution, sizeof *resolution);
        dial_later(rpc, node);
    }
}

void weir_rpc_dial(struct weir_rpc *rpc, weir_node node, const char *address)
{
    struct peer *peer = get_peer(rpc, node);
    snprintf(peer->address, sizeof peer->address, "%s", address);
    peer->dial = true;
    begin_dial(rpc, node);
}

void weir_rpc_hang_up(struct weir_rpc *rpc, weir_node node)
{
    struct peer *peer = get_peer(rpc, node);
    peer->dial = false;
    if (peer->timer) uv_timer_stop(peer->timer);
    if (peer->up) close_link(peer->up, WEIR_CONNECTION_RESET);
}

void weir_rpc_noted(struct weir_rpc *rpc, weir_node node)
{
    struct peer *peer = get_peer(rpc, node);
    WEIR_ASSERT(peer->untold);
    peer->untold--;
}

bool weir_rpc_send(struct weir_rpc *rpc, weir_node node, const uint8_t *bytes, size_t length)
{
    if (node >= rpc->peer_capacity || !rpc->peers[node]) return false;
    if (!rpc->peers[node]->up || rpc->peers[node]->untold) return false;
    return write_frame(rpc->peers[node]->up, bytes, length);
}

/* --- life --- */

static void on_incoming(uv_stream_t *listener, int status)
{
    struct weir_rpc *rpc = listener->data;
    if (status != 0 || rpc->closing) return;
    struct link *link = new_link(rpc);
    bool too_many = rpc->link_count > rpc->links_max;
    if (too_many && rpc->refusals[REFUSAL_TOO_MANY]++ % REFUSALS_PER_LINE == 0)
        weir_log(WEIR_LOG_ERROR, LOGGER,
            "refused a connection: there are %u, and more would take descriptors from what else needs them; "
            "raise the limit of open files (ulimit -n)",
            rpc->link_count - 1);
    if (uv_accept(listener, (uv_stream_t *)&link->tcp) != 0 || too_many) {
        close_link(link, WEIR_CONNECTION_RESET);
        return;
    }
    say_hello(link);
    uv_read_start((uv_stream_t *)&link->tcp, on_allocate, on_read);
}

static int listen_on(struct weir_rpc *rpc, uint16_t port)
{
    struct sockaddr_in address;
    int status = uv_ip4_addr(rpc->config.bind_address, port, &address);
    if (status) return status;
    uv_tcp_init(rpc->config.loop, &rpc->listener);
    rpc->listener.data = rpc;
    status = uv_tcp_bind(&rpc->listener, (const struct sockaddr *)&address, 0);
    if (!status) status = uv_listen((uv_stream_t *)&rpc->listener, 512, on_incoming);
    if (status) {
        uv_close((uv_handle_t *)&rpc->listener, NULL);
        uv_run(rpc->config.loop, UV_RUN_NOWAIT);
        return status;
    }
    struct sockaddr_in bound;
    int length = sizeof bound;
    uv_tcp_getsockname(&rpc->listener, (struct sockaddr *)&bound, &length);
    rpc->port = ntohs(bound.sin_port);
    return 0;
}

enum weir_error_code weir_rpc_new(
    const struct weir_rpc_config *config, struct weir_rpc **ret, struct weir_error *reterr)
{
    if (strlen(config->cluster) > 255 || strlen(config->name) > 255)
        return weir_error_set(
            reterr, WEIR_E_CONFIGURATION, "names of clusters and processes have at most 255 bytes");
    struct weir_rpc *rpc = weir_memory_allocate_zeroed(config->memory, sizeof *rpc);
    rpc->config = *config;
    rpc->links_max = weir_os_descriptors_share(4, WEIR_RPC_CONNECTIONS_MAX);
    config->loop->data = rpc;
    uint32_t last = config->port_last > config->port_first ? config->port_last : config->port_first;
    int status = -1;
    for (uint32_t port = config->port_first; status && port <= last; port++)
        status = listen_on(rpc, (uint16_t)port);
    if (status) {
        weir_memory_release(config->memory, rpc, sizeof *rpc);
        return weir_error_set(reterr, WEIR_E_CONFIGURATION, "cannot listen on %s port %u%s: %s",
            config->bind_address, config->port_first, last > config->port_first ? " and those after it" : "",
            uv_strerror(status));
    }
    *ret = rpc;
    return WEIR_OK;
}

uint16_t weir_rpc_port(const struct weir_rpc *rpc)
{
    return rpc->port;
}

static void on_peer_timer_closed(uv_handle_t *handle)
{
    struct weir_rpc *rpc = handle->loop->data;
    weir_memory_release(rpc->config.memory, handle, sizeof(uv_timer_t));
}

void weir_rpc_set_name(struct weir_rpc *rpc, const char *name)
{
    rpc->config.name = name;
}

void weir_rpc_close(struct weir_rpc *rpc)
{
    rpc->closing = true;
    uv_close((uv_handle_t *)&rpc->listener, NULL);
    for (struct link *link = rpc->links; link; link = link->next) close_link(link, WEIR_CONNECTION_RESET);
    for (uint32_t i = 0; i < rpc->peer_capacity; i++) {
        if (!rpc->peers[i] || !rpc->peers[i]->timer) continue;
        uv_close((uv_handle_t *)rpc->peers[i]->timer, on_peer_timer_closed);
        rpc->peers[i]->timer = NULL;
    }
}

void weir_rpc_free(struct weir_rpc *rpc)
{
    WEIR_ASSERT(!rpc->links);
    for (uint32_t i = 0; i < rpc->peer_capacity; i++)
        if (rpc->peers[i]) weir_memory_release(rpc->config.memory, rpc->peers[i], sizeof *rpc->peers[i]);
    weir_memory_release(rpc->config.memory, rpc->peers, sizeof *rpc->peers * rpc->peer_capacity);
    weir_memory_release(rpc->config.memory, rpc, sizeof *rpc);
}

void weir_rpc_statistics(const struct weir_rpc *rpc, struct weir_rpc_statistics *ret)
{
    *ret = rpc->statistics;
}
