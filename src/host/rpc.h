/*
 * Standing connections between processes: length-prefixed frames over TCP, one connection per pair.
 *
 * A frame is u32 length (little-endian, at most WEIR_ENVELOPE_BYTES_MAX) and that many bytes: an envelope,
 * which the actor checks. The first frame of each side is a hello: "WEIRRPC1", u64 incarnation, u16 length
 * and cluster, u16 length and name. A connection is UP when both hellos were said; a hello of another cluster
 * or of nonsense closes it, counted and logged: the first for each reason, and few of the others. A newer
 * connection of the same process takes the place of an older one (which is told as RESET first), so that
 * nothing of an old one is ever delivered after a new one is up.
 *
 * Dialing goes on until it is told to stop, with a growing pause; every try that fails is told: REFUSED when
 * nobody listens, TIMEOUT when nobody answers.
 *
 * Bounded: WEIR_RPC_CONNECTIONS_MAX connections, and a quarter of the descriptors of the process; one whose
 * peer takes nothing off is closed when more than WEIR_RPC_QUEUE_BYTES_MAX wait; one that does not say hello
 * in time is closed.
 * @thread control.
 */
#ifndef WEIR_HOST_RPC_H
#define WEIR_HOST_RPC_H

#include "control/event.h"
#include <uv.h>

enum {
    WEIR_RPC_CONNECTIONS_MAX = 8192,
    WEIR_RPC_QUEUE_BYTES_MAX = 256 << 20,
    WEIR_RPC_HELLO_TIMEOUT_MS = 5000,
    WEIR_RPC_CONNECT_TIMEOUT_MS = 2000,
    WEIR_RPC_DIAL_PAUSE_MIN_MS = 5,
    WEIR_RPC_DIAL_PAUSE_MAX_MS = 500,
    WEIR_RPC_SAME_TIME_MS = 1000 /* two connections of a pair within that: both have dialled */
};

struct weir_rpc_config {
    struct weir_memory *memory;
    uv_loop_t *loop;
    const char *cluster, *name;
    uint64_t incarnation;
    const char *bind_address;
    uint16_t port_first, port_last;
    /* Interns the name of a peer. 0: refuse it. */
    weir_node (*node)(void *owner, const char *name);
    void (*connection)(void *owner, weir_node node, enum weir_connection_state state, uint64_t incarnation);
    void (*bytes)(void *owner, weir_node node, const uint8_t *bytes, size_t length);
    void *owner;
};

struct weir_rpc;
enum weir_error_code weir_rpc_new(
    const struct weir_rpc_config *config, struct weir_rpc **ret, struct weir_error *reterr);
uint16_t weir_rpc_port(const struct weir_rpc *rpc);
/* Before the loop runs, for who is called by its port. name outlives the rpc. */
void weir_rpc_set_name(struct weir_rpc *rpc, const char *name);
/* address: host:port. Dialing a node again with another address goes on with that. */
void weir_rpc_dial(struct weir_rpc *rpc, weir_node node, const char *address);
void weir_rpc_hang_up(struct weir_rpc *rpc, weir_node node);
/* The owner has taken note of a change that it was told about the node, in the order it was told. What it
 * says before that is for the connection before, so it goes to none. */
void weir_rpc_noted(struct weir_rpc *rpc, weir_node node);
/* False: there is no connection, or none that the owner knows of, or it takes no more. */
bool weir_rpc_send(struct weir_rpc *rpc, weir_node node, const uint8_t *bytes, size_t length);
/* Closes all; the loop must run once more before free. */
void weir_rpc_close(struct weir_rpc *rpc);
void weir_rpc_free(struct weir_rpc *rpc);

struct weir_rpc_statistics {
    uint64_t connections, bytes_in, bytes_out, refused_hellos;
};
void weir_rpc_statistics(const struct weir_rpc *rpc, struct weir_rpc_statistics *ret);

#endif
