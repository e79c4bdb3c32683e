/*
 * A thread's place to park until somebody has work for it. Cheaper than a mutex and a condition: a wake-up of
 * a thread that runs is one exchange, and parking and waking are one system call each.
 *
 * The owner begins each round with weir_parker_begin(), looks for work, and parks when there was none: a
 * wake-up that comes after begin is never lost, it only ends the parking.
 * @thread wake: any. begin, is_woken, park: the owner.
 */
#ifndef WEIR_OS_PARKER_H
#define WEIR_OS_PARKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct weir_parker {
    _Atomic uint32_t state; /* enum parker_state */
};

#define WEIR_PARK_FOR_EVER INT64_MAX

void weir_parker_begin(struct weir_parker *parker);
void weir_parker_wake(struct weir_parker *parker);
bool weir_parker_is_woken(const struct weir_parker *parker); /* a park would return at once */
/* Returns when woken, when wait_ms are over, or for nothing. */
void weir_parker_park(struct weir_parker *parker, int64_t wait_ms);

#endif
