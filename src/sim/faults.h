/* What goes wrong, and when. For src/sim alone. */
#ifndef WEIR_SIM_FAULTS_H
#define WEIR_SIM_FAULTS_H

#include "sim/world.h"

/* Draws knobs that last for the history, and starts the features that this history has. */
void weir_sim_faults_start(struct weir_sim *sim);
/* Everything is well again: connections, store, clocks, disks; whoever is down comes back. */
void weir_sim_faults_stop(struct weir_sim *sim);
/* Who leads, as the store says; NULL: nobody, or it is down. */
struct weir_sim_process *weir_sim_leader(struct weir_sim *sim);

/* damage.c: a file or a record is not any more what was written. */
void weir_sim_damage(struct weir_sim *sim, struct weir_sim_random *random);
void weir_sim_damage_state(struct weir_sim *sim, struct weir_sim_random *random);

#endif
