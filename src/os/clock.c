#include "os/clock.h"
#include <errno.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t weir_clock_epoch_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000;
}

int64_t weir_clock_epoch_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000;
}

int64_t weir_clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t weir_clock_monotonic_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t weir_forward_clock_at(struct weir_forward_clock *clock, int64_t epoch_us, int64_t monotonic_us)
{
    if (epoch_us >= clock->last_us) {
        clock->last_us = epoch_us;
        clock->last_monotonic_us = monotonic_us;
    } else { /* what is too short to be halved counts at the next look */
        int64_t half_us = (monotonic_us - clock->last_monotonic_us) / 2;
        clock->last_us += half_us;
        clock->last_monotonic_us += 2 * half_us;
    }
    return clock->last_us;
}

int64_t weir_forward_clock_us(struct weir_forward_clock *clock)
{
    return weir_forward_clock_at(clock, weir_clock_epoch_us(), weir_clock_monotonic_ns() / 1000);
}

int64_t weir_clock_thread_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t weir_clock_process_cpu_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

void weir_clock_sleep_ms(int64_t duration_ms)
{
    if (duration_ms <= 0) return;
    struct timespec rest = { .tv_sec = duration_ms / 1000, .tv_nsec = duration_ms % 1000 * 1000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, &rest) == EINTR) {}
}
