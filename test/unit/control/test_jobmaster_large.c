/* A job of ten thousand subtasks: bounded steps, and nothing that grows with the square of them. */
#include "jobmaster_world.h"

static struct world w;

enum { WIDE = 5000 };

static void large(uint32_t exchange)
{
    world_init(&w, 4, WIDE / 4);
    w.large = true;
    world_vertex(&w, 1, WIDE, 0, 0)->max_parallelism = 32768;
    world_vertex(&w, 2, WIDE, 1, exchange)->max_parallelism = 32768;
    w.plan->settings->checkpoint_interval_ms = 0;
}

static void five_thousand_regions_are_deployed_in_bounded_steps(void **state)
{
    large(FORWARD);
    world_submit(&w);
    assert_int_equal(weir_jobmaster_region_count(w.jm), WIDE);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 2 * WIDE);
    assert_true(w.effects_most < WEIR_EFFECTS_MAX);
    w.effects_most = 0;
    world_takeover(&w);
    assert_int_equal(w.deployed, 0);
    assert_int_equal(w.state, JOB(RUNNING));
    assert_true(w.effects_most < 64); /* nothing is said to anybody */
    world_done(&w);
}

static void a_region_of_ten_thousand_is_one_message_for_each_taskmanager(void **state)
{
    large(HASH);
    world_submit(&w);
    assert_int_equal(weir_jobmaster_region_count(w.jm), 1);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 2 * WIDE);
    assert_true(w.effects_most < 64);
    world_fail(&w, 1, 17, "x");
    world_wait(&w, SECOND);
    assert_int_equal(world_count(&w, EXECUTION(RUNNING)), 2 * WIDE);
    assert_int_equal(w.deployed, 4 * WIDE);
    world_done(&w);
}

static void ten_thousand_ends_are_told_in_a_few_words(void **state)
{
    large(FORWARD);
    world_submit(&w);
    for (uint32_t i = 0; i < w.taskmanager_count; i++) {
        struct world_taskmanager *tm = &w.taskmanagers[i];
        for (uint32_t k = 0; k < tm->attempt_count; k++) {
            tm->attempts[k].final_snapshot = world_snapshot(&w, &tm->attempts[k], 0, true);
            world_say(&w, tm, &tm->attempts[k], EXECUTION(FINISHED), NULL);
        }
    }
    world_wait(&w, 5 * SECOND);
    assert_non_null(w.result);
    assert_int_equal(w.result->state, JOB(FINISHED));
    assert_true(w.clean);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_thousand_regions_are_deployed_in_bounded_steps),
        cmocka_unit_test(ten_thousand_ends_are_told_in_a_few_words),
        cmocka_unit_test(a_region_of_ten_thousand_is_one_message_for_each_taskmanager),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
