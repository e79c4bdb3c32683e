/*
 * The exchange: channels between subtasks of one process or of two.
 *
 * Inside a process both ends share one channel. Between two processes each end has a channel of its own and
 * this thread carries elements from one to the other over TCP: the consumer's process dials the producer's,
 * one connection for all links in that direction. Credits: a producer never sends an element that the
 * consumer's channel has no room for. Small elements are written together.
 *
 * Frames: u32 length, u8 type, then (little-endian)
 *
 *   HELLO     "WEIRDAT1", u64 incarnation, texts cluster and name: first of each side
 *   OPEN      u32 link, u32 credits, u32 edge, both attempts: consumer to producer (H11: both are named)
 *   OPENED    u32 link: the producer is there
 *   ELEMENT   u32 link, u8 kind, u8 savepoint, u64 value, epoch, base, bytes of the batch
 *   CREDIT    u32 link, u32 more: consumer to producer
 *   CLOSED    u32 link, u8 orderly: the consumer wants no more
 *   BROKEN    u32 link: the producer is gone without having ended
 *
 * Links are found by hash, names of hosts are looked up beside the thread, and all that one wake-up of the
 * thread gives to a connection is written in one piece.
 *
 * @thread link and unlink: any. Callbacks: the exchange's thread, or the caller's of link: they only note and
 * wake.
 */
#ifndef WEIR_HOST_DATA_EXCHANGE_H
#define WEIR_HOST_DATA_EXCHANGE_H

#include "control/ids.h"
#include "task/channel.h"

enum {
    WEIR_EXCHANGE_FRAME_BYTES_MAX = 64 << 20,
    WEIR_EXCHANGE_QUEUE_BYTES = 1 << 20, /* a connection takes no more elements while so much waits */
    WEIR_EXCHANGE_CONNECTIONS_MAX = 4096
};

struct weir_data_exchange_config {
    struct weir_memory *memory;
    const char *cluster, *name;
    uint64_t incarnation;
    const char *host, *bind_address;
    uint16_t port_first, port_last;
};

struct weir_link_key {
    struct weir_attempt_id producer, consumer;
    uint32_t edge;
};

struct weir_link_end {
    bool is_producer;
    struct weir_waker *waker; /* of the subtask's thread */
    void *owner;
    void (*established)(void *owner);
    void (*broken)(void *owner, const char *peer);
    const char *peer_name, *peer_address; /* of the other end; address: host:port */
    uint64_t peer_incarnation;
    const struct weir_type *const *types; /* outlive the link */
    uint32_t column_count;
};

struct weir_data_exchange;
struct weir_link;

enum weir_error_code weir_data_exchange_new(const struct weir_data_exchange_config *config,
    struct weir_data_exchange **ret, struct weir_error *reterr);
const char *weir_data_exchange_address(const struct weir_data_exchange *exchange);
/* The channel is the subtask's to use until unlink. */
struct weir_link *weir_data_exchange_link(struct weir_data_exchange *exchange,
    const struct weir_link_key *key, const struct weir_link_end *end, struct weir_channel **ret_channel);
/* The subtask uses the channel no more; the other end is told. orderly: a producer that has pushed its END, a
 * consumer that has taken it or has closed. No callback comes for this end once it returns. */
void weir_data_exchange_unlink(
    struct weir_data_exchange *exchange, struct weir_link *link, bool is_producer, bool orderly);
void weir_data_exchange_free(struct weir_data_exchange *exchange); /* all ends must be unlinked */

struct weir_data_exchange_statistics {
    uint64_t bytes_in, bytes_out, elements_in, elements_out;
    uint32_t connections, links;
};
void weir_data_exchange_statistics(
    struct weir_data_exchange *exchange, struct weir_data_exchange_statistics *ret);

#endif
