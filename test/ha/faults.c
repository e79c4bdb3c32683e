/* What holds while servers are killed, stopped and started. */
#include "harness.h"
#include <stdio.h>

const struct ha_case fault_cases[] = { { "none", NULL, true, false } };
const uint32_t fault_case_count = 0;
