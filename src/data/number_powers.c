#include "data/number_powers.h"

const struct weir_power weir_powers[WEIR_POWER_MAX - WEIR_POWER_MIN + 1] = {
#include "data/number_powers.inc"
};
