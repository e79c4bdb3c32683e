/* A job whose one region would run on more TaskManagers than a step can speak to. */
#define WORLD_TASKMANAGERS 1025
#define WORLD_ATTEMPTS     4
#include "jobmaster_world.h"

static struct world w;

static void on(uint32_t taskmanagers)
{
    world_init(&w, taskmanagers, 1);
    w.large = true;
    world_vertex(&w, 1, taskmanagers, 0, 0)->max_parallelism = 32768;
    world_vertex(&w, 2, taskmanagers, 1, HASH)->max_parallelism = 32768;
    w.plan->settings->checkpoint_interval_ms = 0;
    world_submit(&w);
}

static void a_region_on_as_many_taskmanagers_as_may_be_runs(void **state)
{
    on(WORLD_TASKMANAGERS - 1);
    assert_null(w.result);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 2 * (WORLD_TASKMANAGERS - 1));
    assert_true(w.effects_most < WEIR_EFFECTS_MAX);
    world_done(&w);
}

static void a_region_on_more_taskmanagers_fails_its_job_and_says_so(void **state)
{
    on(WORLD_TASKMANAGERS);
    world_wait(&w, SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FAILED));
    assert_non_null(strstr(w.result->error, "1025 TaskManagers"));
    assert_int_equal(w.deployed, 0);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_on_as_many_taskmanagers_as_may_be_runs),
        cmocka_unit_test(a_region_on_more_taskmanagers_fails_its_job_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
