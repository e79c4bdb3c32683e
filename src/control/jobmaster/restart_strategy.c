#include "control/jobmaster/restart_strategy.h"
#include <stdio.h>

static int64_t or_default(uint64_t value_ms, int64_t default_ms)
{
    uint64_t limit = INT64_MAX / 4000;
    return (value_ms > limit ? (int64_t)limit : value_ms ? (int64_t)value_ms : default_ms) * 1000;
}

void restart_strategy__init(struct restart_strategy *strategy, struct weir_memory *memory,
    const Weir__JobSettings *settings, uint64_t random_seed)
{
    *strategy = (struct restart_strategy){ .memory = memory,
        .kind = settings->restart_strategy,
        .attempts_max = settings->restart_attempts_max,
        .interval_us = or_default(settings->restart_interval_ms, 60000),
        .reset_us = or_default(settings->restart_reset_ms, 3600000),
        .delay_max_us = or_default(settings->restart_delay_max_ms, 60000),
        .multiplier_percent =
            settings->restart_multiplier_percent ? settings->restart_multiplier_percent : 150,
        .jitter_percent = settings->restart_jitter_percent > 100 ? 100 : settings->restart_jitter_percent,
        .random = random_seed | 1 };
    bool exponential = strategy->kind == WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY;
    /* A delay of 0 is a wish for fixed-delay and failure-rate; a backoff grows from something. */
    strategy->delay_us = or_default(settings->restart_delay_ms, exponential ? 1000 : 0);
    if (strategy->delay_max_us < strategy->delay_us) strategy->delay_max_us = strategy->delay_us;
    if (strategy->kind == WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE) {
        uint32_t most = settings->restart_failures_max;
        strategy->failure_capacity =
            (most < WEIR_RESTART_FAILURES_REMEMBERED_MAX ? most : WEIR_RESTART_FAILURES_REMEMBERED_MAX - 1) +
            1;
        strategy->failures = weir_memory_allocate(memory, sizeof(int64_t) * strategy->failure_capacity);
    }
}

void restart_strategy__done(struct restart_strategy *strategy)
{
    weir_memory_release(strategy->memory, strategy->failures, sizeof(int64_t) * strategy->failure_capacity);
    strategy->failures = NULL;
    strategy->failure_capacity = 0;
}

/* One more than the allowed number, all within the interval, is too many. */
static bool rate_allows(struct restart_strategy *strategy, int64_t now_us)
{
    if (strategy->failure_count == strategy->failure_capacity) {
        strategy->failure_first = (strategy->failure_first + 1) % strategy->failure_capacity;
        strategy->failure_count--;
    }
    uint32_t at = (strategy->failure_first + strategy->failure_count++) % strategy->failure_capacity;
    strategy->failures[at] = now_us;
    return strategy->failure_count < strategy->failure_capacity ||
           now_us - strategy->failures[strategy->failure_first] > strategy->interval_us;
}

static int64_t jitter(struct restart_strategy *strategy, int64_t delay_us)
{
    int64_t most = delay_us / 100 * strategy->jitter_percent;
    if (most <= 0) return 0;
    strategy->random ^= strategy->random << 13;
    strategy->random ^= strategy->random >> 7;
    strategy->random ^= strategy->random << 17;
    return (int64_t)(strategy->random % (uint64_t)(2 * most + 1)) - most;
}

static bool exponential_failed(struct restart_strategy *strategy, int64_t now_us, int64_t *ret_delay_us)
{
    if (strategy->attempts && now_us < strategy->restart_at_us) { /* belongs to the restart under way */
        *ret_delay_us = strategy->restart_at_us - now_us;
        return strategy->attempts_max == UINT32_MAX || strategy->attempts <= strategy->attempts_max;
    }
    if (strategy->attempts == 0 || now_us - strategy->restart_at_us >= strategy->reset_us) {
        strategy->attempts = 0;
        strategy->delay_current_us = strategy->delay_us;
    } else {
        int64_t grown = strategy->delay_current_us / 100 * strategy->multiplier_percent;
        strategy->delay_current_us = grown < strategy->delay_max_us ? grown : strategy->delay_max_us;
    }
    strategy->attempts++;
    int64_t delay_us = strategy->delay_current_us + jitter(strategy, strategy->delay_current_us);
    *ret_delay_us = delay_us < strategy->delay_max_us ? delay_us : strategy->delay_max_us;
    strategy->restart_at_us = now_us + *ret_delay_us;
    return strategy->attempts_max == UINT32_MAX || strategy->attempts <= strategy->attempts_max;
}

bool restart_strategy__failed(struct restart_strategy *strategy, int64_t now_us, int64_t *ret_delay_us)
{
    *ret_delay_us = strategy->delay_us;
    switch (strategy->kind) {
    case WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY:
        strategy->attempts++;
        return strategy->attempts_max == UINT32_MAX || strategy->attempts <= strategy->attempts_max;
    case WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE:
        strategy->attempts++;
        return rate_allows(strategy, now_us);
    case WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY:
        return exponential_failed(strategy, now_us, ret_delay_us);
    default: return false;
    }
}

const char *restart_strategy__print(const struct restart_strategy *strategy, char text[160])
{
    switch (strategy->kind) {
    case WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY:
        snprintf(text, 160, "restart strategy fixed-delay (attempts %u, delay %lld ms)",
            strategy->attempts_max, (long long)strategy->delay_us / 1000);
        break;
    case WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE:
        snprintf(text, 160, "restart strategy failure-rate (at most %u failures in %lld ms)",
            strategy->failure_capacity - 1, (long long)strategy->interval_us / 1000);
        break;
    case WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY:
        snprintf(text, 160, "restart strategy exponential-delay (attempts %u before the delay is reset)",
            strategy->attempts_max);
        break;
    default: snprintf(text, 160, "restart strategy none");
    }
    return text;
}
