/* Jobs under random faults end as if there had been none. */
#include "small_job.h"

enum { STEPS_MAX = 400000 };

/* The newest completed checkpoint holds subtasks that had ended beside others that had not. */
static bool partly_finished(const struct small_job *job)
{
    uint32_t finished = 0;
    for (uint32_t i = 0; i < job->completed_count; i++) finished += job->completed[i].finished;
    return finished > 0 && finished < job->completed_count;
}

/* One history; the result of the ledger. */
static char *run(enum small_shape shape, uint64_t seed, bool faults, struct small_job *ret_statistics)
{
    static struct small_job storage;
    struct small_job *job = &storage;
    world_reset(shape == SMALL_JOIN ? 40 : 100);
    small_begin(job, shape, seed);
    uint32_t parallelism = faults ? 1 + (uint32_t)(small_random(&job->random) % 3) : 2;
    assert_int_equal(small_deploy(job, parallelism), WEIR_OK);
    uint64_t suspended = 0;
    for (uint32_t step = 0; !job->ended; step++) {
        if (step == STEPS_MAX) fail_msg("seed %llu does not end", (unsigned long long)seed);
        uint64_t dice = small_random(&job->random) % 1000;
        bool failed = false;
        if (dice < 800)
            failed = !small_run_any(job);
        else if (dice < 900)
            small_write_any(job);
        else if (dice < 930) {
            if (!job->pending.id && !small_all_finished(job))
                suspended = small_trigger(job, dice < 903, dice >= 927) * (dice >= 927);
        } else if (dice < 960) {
            small_complete(job, !faults);
            if (suspended && !job->pending.id) {
                /* The stop failed, or came to nothing: the sources go on. */
                for (uint32_t i = 0; i < job->task_count; i++)
                    weir_subtask_resume(job->tasks[i].subtask, suspended);
                suspended = 0;
            }
        } else if (dice < 980) {
            struct small_task *task = &job->tasks[small_random(&job->random) % job->task_count];
            small_adopt(job, task);
        } else if (faults && dice < 986 && job->pending.id) {
            small_abort(job, dice < 983);
        } else if (faults && dice == 986) {
            /* Another leader. What the old one had begun is over; what it still sends comes late. */
            job->takeovers++;
            job->pending.id = 0;
            if (small_random(&job->random) % 2) {
                struct weir_checkpoint_trigger late = { .id = job->next_id++, .epoch = job->epoch };
                job->triggers[late.id] = late;
                for (uint32_t i = 0; i < job->task_count; i++)
                    if (small_random(&job->random) % 2) weir_subtask_trigger(job->tasks[i].subtask, &late);
            }
            job->epoch++;
        } else if (faults && dice == 987 && small_random(&job->random) % 2) {
            world.commits_failing = 1;
            world.commit_fails_after = small_random(&job->random) % 2;
        } else if (faults && dice == 988 && job->restores < 6) {
            failed = true;
        } else if (faults && dice > 988 && partly_finished(job) && job->restores < 10) {
            failed = true;
        }
        if (!failed && small_all_finished(job)) failed = !small_finish(job);
        while (failed) {
            parallelism =
                small_random(&job->random) % 3 ? parallelism : 1 + (uint32_t)(small_random(&job->random) % 3);
            suspended = 0;
            failed = small_fail_over(job, parallelism) != WEIR_OK;
        }
    }
    if (shape == SMALL_AGGREGATE) small_check_order();
    assert_null(job->fs.violation);
    char *result = small_fold();
    *ret_statistics = *job;
    small_end(job);
    return result;
}

static void histories(enum small_shape shape, uint64_t seeds)
{
    static struct small_job s;
    char *expected = run(shape, 1, false, &s);
    assert_true(strlen(expected) > 20);
    uint64_t completions = 0, takeovers = 0, restores = 0, declines[5] = { 0 };
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        char *result = run(shape, seed, true, &s);
        if (strcmp(result, expected) != 0)
            fail_msg(
                "seed %llu: expected\n%.2000s\nbut got\n%.2000s", (unsigned long long)seed, expected, result);
        free(result);
        completions += s.completions;
        takeovers += s.takeovers;
        restores += s.restores;
        for (int i = 0; i < 5; i++) declines[i] += s.declines[i];
    }
    free(expected);
    world_reset(0);
    print_message("%llu completed, %llu takeovers, %llu restores; declined: aborted %llu, epoch %llu, marker "
                  "%llu, not ready %llu, superseded %llu\n",
        (unsigned long long)completions, (unsigned long long)takeovers, (unsigned long long)restores,
        (unsigned long long)declines[0], (unsigned long long)declines[1], (unsigned long long)declines[2],
        (unsigned long long)declines[3], (unsigned long long)declines[4]);
    /* What is to be survived has come up. */
    assert_true(completions > seeds && takeovers > seeds / 2 && restores > seeds);
    for (int i = 0; i < 5; i++)
        if (i != WEIR_DECLINE_NOT_READY) assert_true(declines[i] > 0);
}

static void aggregates_are_exactly_once(void **state)
{
    histories(SMALL_AGGREGATE, 200);
}

static void joins_are_exactly_once(void **state)
{
    histories(SMALL_JOIN, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregates_are_exactly_once),
        cmocka_unit_test(joins_are_exactly_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
