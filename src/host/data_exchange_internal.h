/* Inside of the exchange between processes; see data_exchange.h. */
#ifndef WEIR_HOST_DATA_EXCHANGE_INTERNAL_H
#define WEIR_HOST_DATA_EXCHANGE_INTERNAL_H

#include "base/buffer.h"
#include "host/data_exchange.h"
#include <pthread.h>
#include <uv.h>

#define EXCHANGE_LOGGER "weir.exchange"
#define EXCHANGE_MAGIC  "WEIRDAT1"

enum exchange_frame {
    EXCHANGE_HELLO = 1,
    EXCHANGE_OPEN,
    EXCHANGE_OPENED,
    EXCHANGE_ELEMENT,
    EXCHANGE_CREDIT,
    EXCHANGE_CLOSED,
    EXCHANGE_BROKEN
};
enum {
    EXCHANGE_OUT_BYTES_MAX = 128 << 20,
    EXCHANGE_REST_BYTES_MAX = 1 << 30,
    EXCHANGE_SPARE_WRITES_MAX = 4,
    EXCHANGE_SPARE_BYTES_MAX = 4 << 20,
    EXCHANGE_REFUSALS_PER_LINE = 1000 /* who is refused dials again and again */
};

/* A ring of list places: the head, and one in each member. A place in no list points to itself. */
struct exchange_place {
    struct exchange_place *next, *previous;
};

static inline void exchange_place_init(struct exchange_place *place)
{
    place->next = place->previous = place;
}
static inline bool exchange_place_is_free(const struct exchange_place *place)
{
    return place->next == place;
}
static inline void exchange_place_leave(struct exchange_place *place)
{
    place->next->previous = place->previous;
    place->previous->next = place->next;
    exchange_place_init(place);
}
static inline void exchange_place_enter(struct exchange_place *place, struct exchange_place *head)
{
    if (!exchange_place_is_free(place)) return;
    place->previous = head->previous;
    place->next = head;
    head->previous->next = place;
    head->previous = place;
}

/* Links by what they are asked for: chains in a table that doubles. */
enum exchange_index_kind { EXCHANGE_BY_KEY, EXCHANGE_BY_NUMBER, EXCHANGE_INDEXES };
struct exchange_index {
    struct weir_link **chains;
    uint32_t chain_count; /* a power of two */
    uint32_t count;
};

/*
 * One lock guards all of it but what lies in channels. The exchange's thread holds it while it works, never
 * while it waits for anybody; link and unlink are short. A dirty link has something to carry: wakers put it
 * on the list.
 */
struct weir_link {
    struct weir_waker waker; /* first: of the exchange, for the end that lies elsewhere */
    struct weir_data_exchange *exchange;
    struct weir_link *next_dirty;
    _Atomic bool dirty;
    struct exchange_place of_exchange, of_connection, waiting, gone; /* gone: an end has left */
    struct weir_link *next_of[EXCHANGE_INDEXES];
    uint64_t hash_of[EXCHANGE_INDEXES];
    bool is_in[EXCHANGE_INDEXES];
    struct weir_link_key key;
    uint32_t number;              /* between two processes: chosen by the consumer's */
    struct weir_link_end ends[2]; /* 0: producer */
    bool attached[2], leaving[2], orderly[2];
    bool local, established, end_sent, end_received, closed_told, broken_told;
    /* A producer that has left in order, with elements for which there were no credits yet: they wait here as
     * frames, since the types of its batches went with it. */
    bool lingering;
    struct weir_buffer rest;
    size_t rest_offset;
    struct weir_channel *channel;           /* local: of both ends */
    struct exchange_connection *connection; /* not local */
    uint32_t credits;                       /* producer: elements that may be sent */
    uint32_t rows_taken;                    /* producer: of the channel's oldest batch, sent already */
    uint32_t granted, received;             /* consumer */
    char peer_name[256], peer_address[300];
    uint64_t peer_incarnation;
    uint64_t since; /* in the order of the exchange: when it was wanted */
};

/* What is on its way to the system, with the bytes. */
struct exchange_write {
    uv_write_t request; /* first */
    struct exchange_write *next;
    struct weir_buffer data;
};

struct exchange_connection {
    struct exchange_connection *next;
    struct weir_data_exchange *exchange;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uv_getaddrinfo_t resolve;
    uint32_t holders; /* handles and requests that will still be called back */
    bool dialed, resolving, connected, up, closing;
    bool full;                    /* elements wait for room in it */
    char name[256], address[300]; /* of the other side */
    uint64_t incarnation;
    uint64_t since;                         /* in the order of the exchange: when it came up */
    struct exchange_place links, unflushed; /* head; place */
    char *in;                               /* read, and not yet taken: [in_start, in_length) */
    size_t in_start, in_length, in_capacity;
    struct weir_buffer out; /* not yet handed to the system */
    struct exchange_write *spare_writes;
    uint32_t spare_write_count;
};

struct weir_data_exchange {
    struct weir_data_exchange_config config;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t retry; /* links that have lost their connection are opened again a little later */
    uv_tcp_t listener;
    pthread_t thread;
    bool thread_started;
    char address[300];
    pthread_mutex_t mutex;                                 /* guards what follows */
    struct exchange_place links, waiting, gone, unflushed; /* heads */
    struct exchange_index indexes[EXCHANGE_INDEXES];
    struct exchange_connection *connections;
    uint32_t link_count, connection_count, connections_max, link_number_next;
    uint32_t refused, unresolved, too_many; /* counted, to tell few of them */
    uint64_t order;                         /* counts what may be older or newer */
    bool closing, opens_wanted;
    struct weir_data_exchange_statistics statistics;
    pthread_mutex_t dirty_mutex; /* guards the dirty list */
    struct weir_link *dirty;
    struct weir_link *carrying; /* taken off it; exchange's thread, under mutex */
};

#define EXCHANGE_LINK_AT(place, member) \
    ((struct weir_link *)((char *)(place)-offsetof(struct weir_link, member)))

/* All of these: with the mutex held, on the exchange's thread unless said otherwise. */

/* data_exchange.c: links */
struct weir_link *exchange_link_find(
    struct weir_data_exchange *exchange, const struct weir_link_key *key); /* any */
struct weir_link *exchange_link_add(
    struct weir_data_exchange *exchange, const struct weir_link_key *key); /* any */
struct weir_link *exchange_link_of_number(struct exchange_connection *connection, uint32_t number);
void exchange_link_drop(struct weir_link *link);
void exchange_link_connect(struct weir_link *link, struct exchange_connection *connection, uint32_t number);
void exchange_link_disconnect(struct weir_link *link);
void exchange_link_establish(struct weir_link *link);
void exchange_link_break(struct weir_link *link);
/* Opens what waits to be opened, as far as there are connections; dials where there are none. */
void exchange_open_links(struct weir_data_exchange *exchange);

/* data_exchange_carry.c: frames */
size_t exchange_frame_begin(struct exchange_connection *connection, enum exchange_frame type);
void exchange_frame_end(struct exchange_connection *connection, size_t at);
void exchange_frame_short(
    struct exchange_connection *connection, enum exchange_frame type, uint32_t link, const uint32_t *number);
void exchange_frame_closed(struct exchange_connection *connection, uint32_t link, bool orderly);
void exchange_frame_open(struct exchange_connection *connection, const struct weir_link *link);
/* Moves what can be moved on a link between two processes. */
void exchange_carry(struct weir_link *link);
/* Both the producer and the consumer's OPEN are here. */
void exchange_match_open(struct weir_link *link);
/* @thread any: what a producer that leaves in order has pushed is still owed to a slow consumer. */
void exchange_begin_lingering(struct weir_link *link);
/* Takes the frames that have arrived whole. */
void exchange_take_frames(struct exchange_connection *connection);

/* data_exchange_connection.c */
void exchange_connection_dial(struct weir_data_exchange *exchange, const char *address);
/* Links that were under way on it break; those that were not established yet are opened again on another. */
void exchange_connection_close(struct exchange_connection *connection);
/* What was written to it goes out, in one piece, with exchange_flush_all(): the last thing of every callback.
 */
void exchange_connection_flush_later(struct exchange_connection *connection);
void exchange_flush_all(struct weir_data_exchange *exchange);
/* What has become large goes at once, so that it is still in the cache, and the other side works meanwhile. A
 * connection may close over it. */
void exchange_flush_large(struct weir_data_exchange *exchange);
size_t exchange_connection_waiting(const struct exchange_connection *connection); /* bytes */
int exchange_listen(struct weir_data_exchange *exchange, uint16_t port);

#endif
