#include "sim/checkers.h"

static const struct weir_sim_checker *const all[] = {
#define X(name) &weir_sim_checker_##name,
#include "sim/checkers.def"
#undef X
};

void weir_sim_checkers_start(struct weir_sim *sim)
{
    sim->checkers = all;
    for (uint32_t i = 0; i < WEIR_ARRAY_COUNT(all); i++) {
        sim->checker_states[i] = weir_arena_allocate_zeroed(&sim->arena, all[i]->state_bytes + 1);
        if (all[i]->start) all[i]->start(sim, sim->checker_states[i]);
    }
    sim->checker_count = WEIR_ARRAY_COUNT(all);
}
