/* The server side of the simulated store, for its client side (store_client.c). */
#ifndef WEIR_SIM_STORE_INTERNAL_H
#define WEIR_SIM_STORE_INTERNAL_H

#include "sim/store.h"

/* All of them or none. */
enum weir_store_outcome weir_sim_store__apply(struct weir_sim_store *store, struct weir_sim_process *writer,
    uint64_t session, const struct weir_store_operation *operations, uint32_t count);
/* What a successful request gives back; values are borrowed until the next change. */
void weir_sim_store__answer(struct weir_sim_store *store, const struct weir_store_operation *operations,
    uint32_t count, struct weir_arena *arena, struct weir_store_event *ret);
void weir_sim_store__end_session(struct weir_sim_store *store, uint64_t session);

#endif
