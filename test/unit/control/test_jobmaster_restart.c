/* Restart strategies, with Flink's semantics. */
#include "support/cmocka_all.h"
#include "support/memory.h"
#include "control/jobmaster/restart_strategy.h"
#include <string.h>

#define SECOND 1000000LL

static struct weir_test_memory memory;
static Weir__JobSettings settings;
static struct restart_strategy strategy;

static void start(Weir__RestartStrategy kind)
{
    weir_test_memory_init(&memory);
    settings.restart_strategy = kind;
    restart_strategy__init(&strategy, &memory.base, &settings, 11);
}

static void end(void)
{
    restart_strategy__done(&strategy);
    weir_test_memory_check(&memory);
    weir__job_settings__init(&settings);
}

static int setup(void **state)
{
    weir__job_settings__init(&settings);
    return 0;
}

static void none_never_restarts(void **state)
{
    int64_t delay_us;
    start(WEIR__RESTART_STRATEGY__RESTART_NONE);
    assert_false(restart_strategy__failed(&strategy, 0, &delay_us));
    end();
}

static void fixed_delay_restarts_as_often_as_told(void **state)
{
    int64_t delay_us = 0;
    settings.restart_attempts_max = 2;
    settings.restart_delay_ms = 1500;
    start(WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY);
    assert_true(restart_strategy__failed(&strategy, 0, &delay_us));
    assert_int_equal(delay_us, 1500000);
    assert_true(restart_strategy__failed(&strategy, 3600 * SECOND, &delay_us));
    assert_false(restart_strategy__failed(&strategy, 7200 * SECOND, &delay_us));
    end();
}

static void fixed_delay_restarts_for_ever_when_told(void **state)
{
    int64_t delay_us = 0;
    settings.restart_attempts_max = UINT32_MAX;
    start(WEIR__RESTART_STRATEGY__RESTART_FIXED_DELAY);
    for (uint32_t i = 0; i < 10000; i++) assert_true(restart_strategy__failed(&strategy, i, &delay_us));
    assert_int_equal(delay_us, 0);
    end();
}

static void failure_rate_counts_within_its_interval(void **state)
{
    int64_t delay_us = 0;
    settings.restart_failures_max = 2;
    settings.restart_interval_ms = 60000;
    settings.restart_delay_ms = 1000;
    start(WEIR__RESTART_STRATEGY__RESTART_FAILURE_RATE);
    assert_true(restart_strategy__failed(&strategy, 0, &delay_us));
    assert_true(restart_strategy__failed(&strategy, 10 * SECOND, &delay_us));
    /* Two have been allowed in a minute; the first of these three is longer ago. */
    assert_true(restart_strategy__failed(&strategy, 61 * SECOND, &delay_us));
    assert_int_equal(delay_us, SECOND);
    assert_false(restart_strategy__failed(&strategy, 62 * SECOND, &delay_us));
    end();
}

static void exponential_delay_grows_to_its_maximum(void **state)
{
    int64_t delay_us = 0, now_us = 0;
    settings.restart_attempts_max = UINT32_MAX;
    settings.restart_delay_ms = 1000;
    settings.restart_delay_max_ms = 5000;
    settings.restart_multiplier_percent = 200;
    settings.restart_reset_ms = 60000;
    start(WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY);
    static const int64_t expected[] = { 1, 2, 4, 5, 5 };
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(restart_strategy__failed(&strategy, now_us, &delay_us));
        assert_int_equal(delay_us, expected[i] * SECOND);
        /* One that comes during the wait belongs to the same restart. */
        int64_t rest_us;
        assert_true(restart_strategy__failed(&strategy, now_us + delay_us / 2, &rest_us));
        assert_int_equal(rest_us, delay_us - delay_us / 2);
        now_us += delay_us + SECOND;
    }
    now_us += 60 * SECOND;
    assert_true(restart_strategy__failed(&strategy, now_us, &delay_us));
    assert_int_equal(delay_us, SECOND);
    end();
}

static void exponential_delay_gives_up_after_its_attempts(void **state)
{
    int64_t delay_us = 0, now_us = 0;
    settings.restart_attempts_max = 3;
    settings.restart_delay_ms = 100;
    start(WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(restart_strategy__failed(&strategy, now_us, &delay_us));
        now_us += delay_us + SECOND;
    }
    assert_false(restart_strategy__failed(&strategy, now_us, &delay_us));
    end();
}

static void jitter_stays_within_its_part(void **state)
{
    int64_t delay_us = 0, now_us = 0, least_us = INT64_MAX, most_us = 0;
    settings.restart_attempts_max = UINT32_MAX;
    settings.restart_delay_ms = 10000;
    settings.restart_delay_max_ms = 20000;
    settings.restart_multiplier_percent = 100;
    settings.restart_jitter_percent = 10;
    start(WEIR__RESTART_STRATEGY__RESTART_EXPONENTIAL_DELAY);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(restart_strategy__failed(&strategy, now_us, &delay_us));
        if (delay_us < least_us) least_us = delay_us;
        if (delay_us > most_us) most_us = delay_us;
        now_us += delay_us;
    }
    assert_in_range(least_us, 9 * SECOND, 9200000);
    assert_in_range(most_us, 10800000, 11 * SECOND);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(none_never_restarts, setup),
        cmocka_unit_test_setup(fixed_delay_restarts_as_often_as_told, setup),
        cmocka_unit_test_setup(fixed_delay_restarts_for_ever_when_told, setup),
        cmocka_unit_test_setup(failure_rate_counts_within_its_interval, setup),
        cmocka_unit_test_setup(exponential_delay_grows_to_its_maximum, setup),
        cmocka_unit_test_setup(exponential_delay_gives_up_after_its_attempts, setup),
        cmocka_unit_test_setup(jitter_stays_within_its_part, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
