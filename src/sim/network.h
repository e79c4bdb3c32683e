/*
 * Standing connections between processes: in order within one, each message late by a while of its own. What
 * can go wrong is what goes wrong with TCP: a connection breaks and what is under way is lost, a peer that
 * vanished without a word, one direction that does not get through, a refusal by a living process.
 */
#ifndef WEIR_SIM_NETWORK_H
#define WEIR_SIM_NETWORK_H

#include "sim/process.h"

enum { WEIR_SIM_NODES_MAX = 24, WEIR_SIM_HELD_MAX = 1 << 16 };

struct weir_sim_held {
    void **payloads;
    uint32_t count, capacity;
};

/* One per ordered pair: from -> to. */
struct weir_sim_route {
    bool blocked;
    uint32_t blocked_number; /* grows with each block */
    bool standing;           /* from keeps a connection to `to` */
    uint32_t attempt;        /* of from's dialling */
    uint32_t refusals;       /* in a row */
    uint64_t connection;     /* what from takes for its connection with `to`; 0: none */
    int64_t arrival_us;      /* of the newest message of this direction */
    bool breaking;           /* a check for a break is scheduled */
    struct weir_sim_held held;
    uint32_t draining; /* what was held and is on its way again: nothing overtakes it */
};

struct weir_sim_network {
    struct weir_sim *sim;
    struct weir_sim_random random;
    struct weir_sim_route links[WEIR_SIM_NODES_MAX][WEIR_SIM_NODES_MAX];
    bool refusing[WEIR_SIM_NODES_MAX];
    int64_t refused_us[WEIR_SIM_NODES_MAX]; /* when a process that is well last refused; 0: never */
    bool host_down[WEIR_SIM_NODES_MAX];
    uint64_t connections;
    int64_t delay_min_us, delay_max_us, connect_timeout_us, break_after_us;
    uint32_t slow_permille;
    int64_t slow_max_us;
    uint64_t messages, bytes, lost;
};

void weir_sim_network_init(struct weir_sim_network *network, struct weir_sim *sim);
void weir_sim_network_done(struct weir_sim_network *network);
void weir_sim_network_connect(struct weir_sim_process *from, struct weir_sim_process *to);
void weir_sim_network_disconnect(struct weir_sim_process *from, struct weir_sim_process *to);
void weir_sim_network_send(
    struct weir_sim_process *from, struct weir_sim_process *to, const uint8_t *bytes, size_t length);
/* from's messages do not reach to, until unblocked. */
void weir_sim_network_block(struct weir_sim_network *network, uint32_t from, uint32_t to, bool blocked);
void weir_sim_network_break(struct weir_sim_network *network, uint32_t a, uint32_t b);
/* The process is gone; silently: nobody is told. */
void weir_sim_network_process_ended(struct weir_sim_network *network, uint32_t process, bool silently);
bool weir_sim_network_is_connected(const struct weir_sim_network *network, uint32_t a, uint32_t b);

#endif
