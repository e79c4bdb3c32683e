#define _GNU_SOURCE
#include "os/process.h"
#include "base/assert.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

enum { DESCRIPTORS_WANTED = 65536 };

static _Atomic int stop_signal;
static _Atomic int stop_descriptor = -1;

/* Counted in ticks and not as one second: a program that gets no processor has no chance to ask either. */
enum { DEADLINE_TICKS = 10, DEADLINE_TICK_US = 100000 };
static atomic_bool has_deadline;
static _Atomic int ticks_left; /* 0: nothing ends by itself */

static void print_assertion(const char *expression, const char *file, int line)
{
    char text[1024];
    int length = snprintf(text, sizeof text, "weir: assertion failed: %s (%s:%d)\n", expression, file, line);
    if (length < 0) return;
    ssize_t written =
        write(STDERR_FILENO, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
    (void)written;
}

void weir_os_assert_hook_install(void)
{
    weir_assert_hook = print_assertion;
}

static void tick_every_us(suseconds_t interval_us)
{
    struct itimerval timer = { .it_interval.tv_usec = interval_us, .it_value.tv_usec = interval_us };
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void on_tick(int number)
{
    (void)number;
    int left = atomic_load(&ticks_left);
    if (left <= 0) tick_every_us(0);
    if (left > 0 && atomic_fetch_sub(&ticks_left, 1) == 1) _exit(128 + atomic_load(&stop_signal));
}

static void on_stop(int number)
{
    int before = 0;
    bool counts = atomic_load(&has_deadline);
    if (counts && atomic_load(&stop_signal) == 0)
        atomic_store(&ticks_left, DEADLINE_TICKS); /* before it is seen */
    if (!atomic_compare_exchange_strong(&stop_signal, &before, number)) _exit(128 + number);
    int error_before = errno;
    if (counts) tick_every_us(DEADLINE_TICK_US);
    uint64_t one = 1;
    ssize_t written = write(atomic_load(&stop_descriptor), &one, sizeof one);
    (void)written;
    errno = error_before;
}

void weir_os_signals_install(void)
{
    if (atomic_load(&stop_descriptor) < 0)
        atomic_store(&stop_descriptor, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    struct sigaction action = { .sa_handler = on_stop };
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void weir_os_stop_deadline(void)
{
    struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    atomic_store(&has_deadline, true);
}

bool weir_os_stop_requested(void)
{
    if (atomic_load_explicit(&stop_signal, memory_order_relaxed) == 0) return false;
    atomic_store(&ticks_left, 0); /* the next tick is the last one */
    return true;
}

int weir_os_stop_signal(void)
{
    return atomic_load(&stop_signal);
}

void weir_os_stop(void)
{
    int before = 0;
    uint64_t one = 1;
    if (!atomic_compare_exchange_strong(&stop_signal, &before, SIGTERM)) return;
    ssize_t written = write(atomic_load(&stop_descriptor), &one, sizeof one);
    (void)written;
}

int weir_os_stop_descriptor(void)
{
    return atomic_load(&stop_descriptor);
}

void weir_os_stop_clear(void)
{
    uint64_t drained;
    ssize_t count = read(atomic_load(&stop_descriptor), &drained, sizeof drained);
    (void)count;
    atomic_store(&ticks_left, 0);
    atomic_store(&stop_signal, 0);
}

void weir_os_descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    rlim_t wanted = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

uint32_t weir_os_descriptors_share(uint32_t parts, uint32_t max)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return max;
    rlim_t share = limit.rlim_cur / parts;
    if (share >= max) return max;
    return share ? (uint32_t)share : 1;
}

unsigned weir_os_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}

/* --- work that gives way --- */

enum { YIELDING_NICE = 10 }; /* a tenth of the weight of 0 */

struct yielding {
    void (*work)(void *);
    void *argument;
};

static void *run_yielding(void *argument)
{
    const struct yielding *yielding = argument;
    int nice = getpriority(PRIO_PROCESS, 0);
    /* On Linux the calling thread's alone. Refused: it runs as the others do. */
    (void)setpriority(PRIO_PROCESS, 0, nice + YIELDING_NICE);
    yielding->work(yielding->argument);
    return NULL;
}

void weir_os_run_yielding(void (*work)(void *), void *argument)
{
    struct yielding yielding = { .work = work, .argument = argument };
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_yielding, &yielding))
        work(argument);
    else
        pthread_join(thread, NULL);
}
