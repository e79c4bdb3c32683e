/*
 * Randomness of a simulation: one 64-bit seed, and a stream of its own for each purpose, so that switching a
 * fault off leaves the draws of all others as they were.
 */
#ifndef WEIR_SIM_RANDOM_H
#define WEIR_SIM_RANDOM_H

#include "base/macros.h"

struct weir_sim_random {
    uint64_t state;
};

static inline uint64_t weir_sim_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The stream of purpose `label` under seed. */
static inline struct weir_sim_random weir_sim_random_make(uint64_t seed, uint64_t label)
{
    uint64_t state = weir_sim_mix(seed + 0x9e3779b97f4a7c15u) ^ weir_sim_mix(label * 0xd6e8feb86659fd93u + 1);
    return (struct weir_sim_random){ .state = state };
}

static inline uint64_t weir_sim_random_next(struct weir_sim_random *random)
{
    random->state += 0x9e3779b97f4a7c15u;
    return weir_sim_mix(random->state);
}

static inline uint64_t weir_sim_random_below(struct weir_sim_random *random, uint64_t limit)
{
    return limit ? weir_sim_random_next(random) % limit : 0;
}

/* From low to high, both included. */
static inline int64_t weir_sim_random_range(struct weir_sim_random *random, int64_t low, int64_t high)
{
    return high <= low ? low : low + (int64_t)weir_sim_random_below(random, (uint64_t)(high - low) + 1);
}

static inline bool weir_sim_random_permille(struct weir_sim_random *random, uint32_t permille)
{
    return weir_sim_random_below(random, 1000) < permille;
}

/* Small ones are as likely as large ones: each power of two between low (> 0) and high alike. */
static inline int64_t weir_sim_random_scale(struct weir_sim_random *random, int64_t low, int64_t high)
{
    uint32_t doublings = 0;
    while (low <= high >> (doublings + 1)) doublings++;
    int64_t base = low << weir_sim_random_below(random, doublings + 1u);
    return weir_sim_random_range(random, base, base * 2 < high ? base * 2 : high);
}

#endif
