/* How rows go from the subtasks of one vertex to those of the next. Apart, for who needs no types: the
 * control plane. */
#ifndef WEIR_PLAN_EXCHANGE_H
#define WEIR_PLAN_EXCHANGE_H

enum weir_exchange {
    WEIR_EXCHANGE_FORWARD, /* same subtask; chainable */
    WEIR_EXCHANGE_HASH, /* key columns -> key group -> subtask; no key columns: all to subtask 0 (singleton)
                         */
    WEIR_EXCHANGE_REBALANCE, /* batches round-robin */
    WEIR_EXCHANGE_BROADCAST,
    WEIR_EXCHANGE_GLOBAL /* all to subtask 0 */
};
/* As EXPLAIN and the web UI write it: FORWARD, HASH ... */
const char *weir_exchange_name(enum weir_exchange exchange);

#endif
