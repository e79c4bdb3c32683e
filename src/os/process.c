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
#include <unistd.h>

static _Atomic int stop_signal;
static _Atomic int stop_descriptor = -1;

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

static void on_stop(int number)
{
    int before = 0;
    if (!atomic_compare_exchange_strong(&stop_signal, &before, number)) _exit(128 + number);
    int error_before = errno;
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

bool weir_os_stop_requested(void)
{
    return atomic_load_explicit(&stop_signal, memory_order_relaxed) != 0;
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
    atomic_store(&stop_signal, 0);
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
