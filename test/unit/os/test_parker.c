/* Parking: no wake-up is lost, a wait ends in time, nobody is woken for what was there before. */
#include "support/cmocka_all.h"

#include <pthread.h>
#include <time.h>

#include "os/clock.h"
#include "os/parker.h"

enum { ROUNDS = 20000 };

struct pair {
    struct weir_parker parkers[2];
    _Atomic uint32_t turn;
};

/* Waits without end for its turn, gives it away, wakes the other: a lost wake-up would hang. */
static void play(struct pair *pair, uint32_t me)
{
    for (uint32_t round = 0; round < ROUNDS;) {
        weir_parker_begin(&pair->parkers[me]);
        if (atomic_load(&pair->turn) % 2 != me) {
            weir_parker_park(&pair->parkers[me], WEIR_PARK_FOR_EVER);
            continue;
        }
        atomic_fetch_add(&pair->turn, 1);
        weir_parker_wake(&pair->parkers[!me]);
        round++;
    }
}

static void *play_second(void *argument)
{
    play(argument, 1);
    return NULL;
}

static void no_wake_up_is_lost(void **state)
{
    struct pair pair = { 0 };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, play_second, &pair), 0);
    play(&pair, 0);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&pair.turn), 2 * ROUNDS);
}

static void a_wait_ends_by_itself(void **state)
{
    struct weir_parker parker = { 0 };
    weir_parker_begin(&parker);
    int64_t start_ns = weir_clock_monotonic_ns();
    weir_parker_park(&parker, 20);
    assert_true(weir_clock_monotonic_ns() - start_ns >= 19000000);
    assert_false(weir_parker_is_woken(&parker));
    weir_parker_park(&parker, 0);
    weir_parker_park(&parker, -5); /* both return */
}

static void who_was_woken_does_not_park(void **state)
{
    struct weir_parker parker = { 0 };
    weir_parker_begin(&parker);
    weir_parker_wake(&parker);
    assert_true(weir_parker_is_woken(&parker));
    weir_parker_park(&parker, WEIR_PARK_FOR_EVER);
    weir_parker_begin(&parker); /* from here on it is over */
    assert_false(weir_parker_is_woken(&parker));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(a_wait_ends_by_itself),
        cmocka_unit_test(who_was_woken_does_not_park),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
