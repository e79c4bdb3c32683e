/* Between exchange.c and task_runtime.c: links of channels between subtasks, see task_runtime.h. */
#ifndef WEIR_SIM_EXCHANGE_H
#define WEIR_SIM_EXCHANGE_H

#include "sim/task_runtime.h"
#include "task/channel.h"

/* Both ends name both attempts: the handshake of H11. */
struct weir_sim_link_key {
    struct weir_attempt_id producer, consumer;
    uint32_t edge;
};

struct weir_sim_link;

/* One end of a link. */
struct weir_sim_endpoint {
    const char *node; /* valid as long as the end is offered */
    uint64_t incarnation;
    struct weir_channel *channel;
    void *owner;
    void (*established)(void *owner);
    void (*broken)(void *owner, const char *peer); /* the other end is gone without having finished */
    void (*readable)(void *owner);                 /* consumer: there is something; producer: there is room */
};

struct weir_sim_link *weir_sim_exchange_offer(struct weir_sim_exchange *exchange,
    const struct weir_sim_link_key *key, bool is_producer, const struct weir_sim_endpoint *endpoint);
/* The end goes. The other end is told unless everything has passed (producer: END was taken in; consumer:
 * closed). */
void weir_sim_exchange_withdraw(
    struct weir_sim_exchange *exchange, struct weir_sim_link *link, bool is_producer);
/* Moves what is due on all links. True when something moved; *ret_wake_us is lowered to when the next is due.
 */
bool weir_sim_exchange_move(struct weir_sim_exchange *exchange, int64_t *ret_wake_us);

#endif
