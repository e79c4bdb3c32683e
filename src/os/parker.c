#define _GNU_SOURCE
#include "os/parker.h"
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum parker_state { PARKER_RUNS, PARKER_PARKED, PARKER_WOKEN };

/* The exchanges are sequentially consistent: who wakes has written its work before, who begins reads after.
 */
void weir_parker_begin(struct weir_parker *parker)
{
    atomic_exchange(&parker->state, PARKER_RUNS);
}

void weir_parker_wake(struct weir_parker *parker)
{
    if (atomic_exchange(&parker->state, PARKER_WOKEN) != PARKER_PARKED) return;
    syscall(SYS_futex, &parker->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

bool weir_parker_is_woken(const struct weir_parker *parker)
{
    /* A hint: park() looks again. */
    return atomic_load_explicit(&parker->state, memory_order_relaxed) == PARKER_WOKEN;
}

void weir_parker_park(struct weir_parker *parker, int64_t wait_ms)
{
    uint32_t runs = PARKER_RUNS;
    struct timespec wait = { .tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000 };
    if (wait_ms <= 0 || !atomic_compare_exchange_strong(&parker->state, &runs, PARKER_PARKED)) return;
    /* The kernel compares again: a wake-up in between ends this at once. */
    syscall(SYS_futex, &parker->state, FUTEX_WAIT_PRIVATE, PARKER_PARKED,
        wait_ms == WEIR_PARK_FOR_EVER ? NULL : &wait, NULL, 0);
}
