/* Powers of ten to 128 bits, shared by printing and reading floating point. Private to this folder. */
#ifndef WEIR_DATA_NUMBER_POWERS_H
#define WEIR_DATA_NUMBER_POWERS_H

#include "base/macros.h"

enum { WEIR_POWER_MIN = -342, WEIR_POWER_MAX = 324, WEIR_POWER_EXACT_MAX = 55 };

struct weir_power {
    uint64_t high, low;
};
/* 10^k = high:low * 2^(floor(log2(10^k)) - 127), truncated; exact for 0 <= k <= 55. */
extern const struct weir_power weir_powers[WEIR_POWER_MAX - WEIR_POWER_MIN + 1];

static inline bool weir_power_is_exact(int32_t k)
{
    return k >= 0 && k <= WEIR_POWER_EXACT_MAX;
}

static inline struct weir_power weir_power_ceiling(int32_t k)
{
    struct weir_power power = weir_powers[k - WEIR_POWER_MIN];
    if (!weir_power_is_exact(k) && ++power.low == 0) power.high++;
    return power;
}

/* The upper half, rounded up. */
static inline uint64_t weir_power_ceiling_high(int32_t k)
{
    struct weir_power power = weir_powers[k - WEIR_POWER_MIN];
    return power.high + (power.low != 0 || !weir_power_is_exact(k));
}

#endif
