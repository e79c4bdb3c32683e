/* What the control thread does with snapshots that a slot's thread has handed over. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include "host/task_runtime_internal.h"

static struct weir_task_runtime runtime;
static struct host_slot slot;
static struct host_task task;
static struct weir_subtask subtask;

static void make_task(void)
{
    slot = (struct host_slot){ .waker.wake = host_slot_wake, .runtime = &runtime };
    subtask = (struct weir_subtask){ 0 };
    task = (struct host_task){ .runtime = &runtime,
        .slot = &slot,
        .attempt = { .vertex = 1, .epoch = 3, .number = 1 },
        .subtask = &subtask,
        .state = HOST_TASK_RUNNING };
    runtime = (struct weir_task_runtime){ .tasks = &task };
}

static void execute(enum weir_task_action action, uint64_t checkpoint, uint64_t epoch)
{
    struct weir_task_effect effect = {
        .action = action, .attempt = task.attempt, .checkpoint = checkpoint, .epoch = epoch
    };
    weir_task_runtime_execute(&runtime, &effect);
}

static void hand_over(struct weir_subtask_snapshot *snapshot)
{
    atomic_fetch_add(&task.snapshots, 1);
    host_task_hold(&task, snapshot);
}

/* A trigger is lost with the leader's connection, and the checkpoint given up, while the snapshot is on its
 * way between the threads: held for a trigger that never comes, it would keep its task from ending. */
static void what_was_given_up_on_its_way_is_let_go(void **state)
{
    struct weir_subtask_snapshot of_5 = { .checkpoint_id = 5, .epoch = 3 },
                                 of_6 = { .checkpoint_id = 6, .epoch = 3 },
                                 of_7 = { .checkpoint_id = 7, .epoch = 3 };
    make_task();
    hand_over(&of_5); /* waits for its trigger */
    assert_int_equal(task.held_count, 1);
    execute(WEIR_TASK_ABORT, 5, 3);
    assert_int_equal(task.held_count, 0);
    execute(WEIR_TASK_ABORT, 6, 3);
    hand_over(&of_6);
    execute(WEIR_TASK_ADOPT_EPOCH, 0, 4);
    hand_over(&of_7);
    assert_int_equal(task.held_count, 0);
    assert_int_equal(atomic_load(&task.snapshots), 0);
    for (uint64_t i = 0; i < 3; i++) assert_int_equal(atomic_load(&subtask.written[i]), 5 + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_given_up_on_its_way_is_let_go) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
