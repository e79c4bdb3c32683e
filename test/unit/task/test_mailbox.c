/* The mailbox under several threads: nothing is torn, nothing that counts is lost. */
#include "support/cmocka_all.h"
#include <pthread.h>
#include <string.h>

#include "task/subtask.h"

enum { WRITERS = 3, ROUNDS = 3000 };

static struct weir_subtask subtask; /* its mailbox alone is used */
static _Atomic uint64_t next_id;
static _Atomic bool over;

/* All fields follow from the id. */
static struct weir_checkpoint_trigger trigger_of(uint64_t id)
{
    return (struct weir_checkpoint_trigger){
        .id = id, .epoch = id * 3, .base_id = id ^ 0x5555, .savepoint = id % 2, .suspend = id % 3 == 0
    };
}

static void *writer(void *argument)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t id = atomic_fetch_add(&next_id, 1) + 1;
        struct weir_checkpoint_trigger trigger = trigger_of(id);
        weir_subtask_trigger(&subtask, &trigger);
        weir_subtask_abort(&subtask, id);
        weir_subtask_adopt_epoch(&subtask, id * 3);
        weir_subtask_notify_complete(&subtask, id);
        weir_subtask_resume(&subtask, id);
    }
    return NULL;
}

static void check(const struct weir_mailbox_orders *orders, const struct weir_mailbox_orders *before)
{
    uint64_t last = 0;
    uint64_t count = WEIR_MIN(orders->trigger_count, (uint64_t)WEIR_MAILBOX_TRIGGERS_MAX);
    for (uint64_t i = orders->trigger_count - count; i < orders->trigger_count; i++) {
        const struct weir_checkpoint_trigger *trigger = &orders->triggers[i % WEIR_MAILBOX_TRIGGERS_MAX];
        struct weir_checkpoint_trigger expected = trigger_of(trigger->id);
        assert_int_equal(trigger->epoch, expected.epoch);
        assert_int_equal(trigger->base_id, expected.base_id);
        assert_int_equal(trigger->savepoint, expected.savepoint);
        assert_int_equal(trigger->suspend, expected.suspend);
        assert_true(trigger->id > last);
        last = trigger->id;
    }
    assert_true(orders->trigger_count >= before->trigger_count);
    assert_true(orders->abort_count >= before->abort_count);
    assert_true(orders->epoch >= before->epoch);
    assert_true(orders->completed_id >= before->completed_id);
    assert_true(orders->completed_count >= before->completed_count);
    assert_true(orders->resumed_id >= before->resumed_id);
}

static void orders_are_read_whole_and_in_order(void **state)
{
    pthread_t threads[WRITERS];
    memset(&subtask, 0, sizeof subtask);
    struct weir_mailbox_orders orders = { 0 }, before = { 0 };
    uint64_t version = 0, reads = 0;
    for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, writer, NULL);
    while (orders.completed_count < (uint64_t)WRITERS * ROUNDS) {
        if (!weir_mailbox_poll(&subtask.mailbox, &version, &orders)) continue;
        check(&orders, &before);
        before = orders;
        reads++;
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    assert_false(weir_mailbox_poll(&subtask.mailbox, &version, &orders) && orders.drain);
    assert_int_equal(orders.abort_count, (uint64_t)WRITERS * ROUNDS);
    assert_int_equal(orders.completed_id, (uint64_t)WRITERS * ROUNDS);
    assert_int_equal(orders.epoch, (uint64_t)WRITERS * ROUNDS * 3);
    assert_int_equal(orders.triggers[(orders.trigger_count - 1) % WEIR_MAILBOX_TRIGGERS_MAX].id,
        (uint64_t)WRITERS * ROUNDS);
    assert_true(reads > 0);
}

static void *reader(void *argument)
{
    uint64_t last = 0;
    while (!atomic_load(&over)) {
        struct weir_barrier_seen seen = weir_subtask_newest_barrier(&subtask);
        if (seen.epoch != seen.id * 7 || seen.id < last) return &subtask;
        last = seen.id;
    }
    return NULL;
}

static void the_newest_barrier_is_read_whole(void **state)
{
    pthread_t threads[2];
    memset(&subtask, 0, sizeof subtask);
    atomic_store(&over, false);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, reader, NULL);
    for (uint64_t id = 1; id <= (uint64_t)ROUNDS * 10; id++)
        weir_pair_cell_write(&subtask.newest_barrier, id, id * 7);
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) {
        void *torn;
        pthread_join(threads[i], &torn);
        assert_null(torn);
    }
}

/* Writers end in another order than they were given their snapshots. */
static void *tell_written(void *argument)
{
    for (uint64_t id = WEIR_SUBTASK_SNAPSHOTS_MAX; id > 0; id--)
        weir_subtask_snapshot_written(&subtask, id + (uint64_t)(uintptr_t)argument);
    return NULL;
}

static void each_written_snapshot_is_heard_of(void **state)
{
    memset(&subtask, 0, sizeof subtask);
    for (uintptr_t round = 0; round < 200; round++) {
        pthread_t thread;
        uint64_t seen = 0;
        pthread_create(&thread, NULL, tell_written, (void *)(round * 10));
        for (uint32_t heard = 0; heard < WEIR_SUBTASK_SNAPSHOTS_MAX;) {
            for (uint32_t i = 0; i < WEIR_SUBTASK_SNAPSHOTS_MAX; i++) {
                uint64_t id = atomic_exchange_explicit(&subtask.written[i], 0, memory_order_acquire);
                if (!id) continue;
                seen |= (uint64_t)1 << (id - round * 10);
                heard++;
            }
        }
        pthread_join(thread, NULL);
        assert_int_equal(seen, (1 << (WEIR_SUBTASK_SNAPSHOTS_MAX + 1)) - 2);
    }
}

static void older_triggers_are_not_taken(void **state)
{
    memset(&subtask, 0, sizeof subtask);
    struct weir_mailbox_orders orders;
    uint64_t version = 0;
    struct weir_checkpoint_trigger trigger = trigger_of(9);
    weir_subtask_trigger(&subtask, &trigger);
    trigger = trigger_of(8);
    weir_subtask_trigger(&subtask, &trigger);
    assert_true(weir_mailbox_poll(&subtask.mailbox, &version, &orders));
    assert_int_equal(orders.trigger_count, 1);
    assert_int_equal(orders.triggers[0].id, 9);
    assert_false(weir_mailbox_poll(&subtask.mailbox, &version, &orders));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_read_whole_and_in_order),
        cmocka_unit_test(the_newest_barrier_is_read_whole),
        cmocka_unit_test(each_written_snapshot_is_heard_of),
        cmocka_unit_test(older_triggers_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
