/* The rules that every history is held to. For src/sim alone. */
#ifndef WEIR_SIM_CHECKERS_H
#define WEIR_SIM_CHECKERS_H

#include "sim/world.h"

#define X(name) extern const struct weir_sim_checker weir_sim_checker_##name;
#include "sim/checkers.def"
#undef X

void weir_sim_checkers_start(struct weir_sim *sim);

#endif
