/*
 * Restart strategies under Flink's names and with Flink's semantics: none, fixed-delay, failure-rate,
 * exponential-delay. Failures that come while a restart is being waited for belong to that restart.
 */
#ifndef WEIR_CONTROL_JOBMASTER_RESTART_STRATEGY_H
#define WEIR_CONTROL_JOBMASTER_RESTART_STRATEGY_H

#include "proto/codec.h"
#include "base/memory.h"

enum { WEIR_RESTART_FAILURES_REMEMBERED_MAX = 4096 };

struct restart_strategy {
    struct weir_memory *memory;
    Weir__RestartStrategy kind;
    uint32_t attempts_max; /* UINT32_MAX: any number */
    int64_t delay_us, delay_max_us, reset_us, interval_us;
    uint32_t multiplier_percent, jitter_percent;
    uint64_t attempts;
    int64_t delay_current_us, restart_at_us; /* exponential-delay */
    int64_t *failures;                       /* failure-rate: ring of the newest */
    uint32_t failure_capacity, failure_count, failure_first;
    uint64_t random;
};

void restart_strategy__init(struct restart_strategy *strategy, struct weir_memory *memory,
    const Weir__JobSettings *settings, uint64_t random_seed);
void restart_strategy__done(struct restart_strategy *strategy);
/* A failure has happened. False: no restart any more. Else *ret_delay_us from now. */
bool restart_strategy__failed(struct restart_strategy *strategy, int64_t now_us, int64_t *ret_delay_us);
/* Names the strategy and its limits, for "Recovery is suppressed by ...". */
const char *restart_strategy__print(const struct restart_strategy *strategy, char text[160]);

#endif
