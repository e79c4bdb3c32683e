/* Clocks. Pure libraries get their time with the event; only the edge reads these. @thread any */
#ifndef WEIR_OS_CLOCK_H
#define WEIR_OS_CLOCK_H

#include <stdint.h>

int64_t weir_clock_epoch_ms(void); /* wall clock, since 1970-01-01 UTC */
int64_t weir_clock_epoch_us(void);
int64_t weir_clock_monotonic_ns(void); /* never goes back; unrelated to the date */
int64_t weir_clock_monotonic_ms(void);
int64_t weir_clock_thread_cpu_ns(void);        /* CPU time of the calling thread */
int64_t weir_clock_process_cpu_ns(void);       /* CPU time of all threads */
void weir_clock_sleep_ms(int64_t duration_ms); /* goes on sleeping after a signal */

/* The wall clock for who waits for its moments: set back, it goes on at half its pace until the wall clock
 * has caught up with it, so nobody waits for an hour to come again. Zeroed to begin with. @thread one at a
 * time */
struct weir_forward_clock {
    int64_t last_us, last_monotonic_us;
};
int64_t weir_forward_clock_us(struct weir_forward_clock *clock);
/* The same, at a moment that is given. */
int64_t weir_forward_clock_at(struct weir_forward_clock *clock, int64_t epoch_us, int64_t monotonic_us);

#endif
