/*
 * What the exchange between two processes costs: this program and a child of it, on loopback, rows of 100
 * bytes. CPU time of both ends per GB of rows at full rate, and from push to take at a low rate. Each end is
 * what a TaskManager has: an exchange with its thread, and a slot thread that spins for a moment before it
 * parks.
 */
#define _GNU_SOURCE
#include "host/data_exchange.h"
#include "os/clock.h"
#include "os/memory.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINKS = 4,
    TEXT_BYTES = 84, /* and two BIGINT: 100 bytes a row */
    ROW_BYTES = TEXT_BYTES + 2 * 8,
    GIGABYTES = 2,
    BATCHES = (int)(GIGABYTES * 1000000000LL / (ROW_BYTES * WEIR_BATCH_ROWS_MAX)),
    PINGS = 2000,
    SPIN_ROUNDS = 200
};

static const struct weir_type *types[3];

/* --- a thread's place to park --- */

struct sleeper {
    struct weir_waker waker; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    _Atomic bool signaled, parked;
};

static void wake(struct weir_waker *waker)
{
    struct sleeper *s = (struct sleeper *)waker;
    if (atomic_exchange(&s->signaled, true) || !atomic_load(&s->parked)) return;
    pthread_mutex_lock(&s->mutex);
    pthread_cond_signal(&s->condition);
    pthread_mutex_unlock(&s->mutex);
}

static void wait_for_wake(struct sleeper *s)
{
    for (int i = 0; i < SPIN_ROUNDS && !atomic_load_explicit(&s->signaled, memory_order_relaxed); i++)
        __builtin_ia32_pause();
    pthread_mutex_lock(&s->mutex);
    atomic_store(&s->parked, true);
    while (!atomic_load(&s->signaled)) pthread_cond_wait(&s->condition, &s->mutex);
    atomic_store(&s->parked, false);
    pthread_mutex_unlock(&s->mutex);
    atomic_store(&s->signaled, false);
}

/* --- one end --- */

struct end {
    struct sleeper sleeper;
    struct weir_data_exchange *exchange;
    struct weir_channel *channels[LINKS];
    struct weir_link *links[LINKS];
    _Atomic uint32_t established;
    bool is_producer;
};

static void on_established(void *owner)
{
    struct end *end = owner;
    atomic_fetch_add(&end->established, 1);
    wake(&end->sleeper.waker);
}

static void on_broken(void *owner, const char *peer)
{
    fprintf(stderr, "the link to %s broke\n", peer);
    _exit(1);
}

static void end_open(struct end *end, bool is_producer)
{
    end->is_producer = is_producer;
    end->sleeper.waker.wake = wake;
    pthread_mutex_init(&end->sleeper.mutex, NULL);
    pthread_cond_init(&end->sleeper.condition, NULL);
    struct weir_data_exchange_config config = { .memory = weir_os_memory(),
        .cluster = "bench",
        .name = is_producer ? "producer" : "consumer",
        .incarnation = is_producer ? 1 : 2,
        .host = "127.0.0.1",
        .bind_address = "127.0.0.1" };
    struct weir_error error = { 0 };
    if (!weir_data_exchange_new(&config, &end->exchange, &error)) return;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static void end_link(struct end *end, const char *peer_address, uint32_t round)
{
    atomic_store(&end->established, 0);
    for (uint32_t i = 0; i < LINKS; i++) {
        struct weir_link_key key = { .edge = i, .producer.number = round, .consumer.number = round };
        struct weir_link_end is = { .is_producer = end->is_producer,
            .waker = &end->sleeper.waker,
            .owner = end,
            .established = on_established,
            .broken = on_broken,
            .peer_name = end->is_producer ? "consumer" : "producer",
            .peer_address = peer_address,
            .peer_incarnation = end->is_producer ? 2 : 1,
            .types = types,
            .column_count = 3 };
        end->links[i] = weir_data_exchange_link(end->exchange, &key, &is, &end->channels[i]);
    }
    while (atomic_load(&end->established) < LINKS) wait_for_wake(&end->sleeper);
}

static void end_unlink(struct end *end)
{
    for (uint32_t i = 0; i < LINKS; i++)
        weir_data_exchange_unlink(end->exchange, end->links[i], end->is_producer, true);
}

/* --- producing --- */

static void fill_template(struct weir_batch *batch)
{
    char text[TEXT_BYTES];
    batch->row_count = WEIR_BATCH_ROWS_MAX;
    for (uint32_t i = 0; i < WEIR_BATCH_ROWS_MAX; i++) {
        ((int64_t *)batch->columns[0].data)[i] = rand();
        ((int64_t *)batch->columns[1].data)[i] = rand();
        for (uint32_t k = 0; k < TEXT_BYTES; k++) text[k] = (char)('a' + rand() % 26);
        ((struct weir_string *)batch->columns[2].data)[i] =
            weir_heap_writer_string(&batch->heap, text, TEXT_BYTES);
    }
}

static void push_batch(
    struct end *end, uint32_t link, const struct weir_batch *from, uint32_t rows, int64_t stamp)
{
    uint32_t all[WEIR_BATCH_ROWS_MAX];
    struct weir_channel *channel = end->channels[link];
    while (!weir_channel_room(channel)) wait_for_wake(&end->sleeper);
    struct weir_batch *batch = weir_channel_take_empty(channel);
    for (uint32_t i = 0; i < rows; i++) all[i] = i;
    weir_batch_append(batch, from, all, rows);
    if (stamp) ((int64_t *)batch->columns[0].data)[0] = stamp;
    weir_channel_push(channel, (struct weir_element){ .kind = WEIR_ELEMENT_BATCH, .batch = batch });
}

static void push_ends(struct end *end)
{
    for (uint32_t i = 0; i < LINKS; i++) {
        while (!weir_channel_room(end->channels[i])) wait_for_wake(&end->sleeper);
        weir_channel_push(end->channels[i], (struct weir_element){ .kind = WEIR_ELEMENT_END });
    }
}

/* --- consuming --- */

/* Takes everything up to the ends of all links; notes how old each batch's first row is when ages is given.
 */
static uint64_t consume(struct end *end, int64_t *ages, uint32_t *age_count)
{
    uint64_t rows = 0;
    for (uint32_t ended = 0; ended < LINKS;) {
        bool worked = false;
        for (uint32_t i = 0; i < LINKS; i++) {
            const struct weir_element *element = weir_channel_peek(end->channels[i]);
            if (!element) continue;
            worked = true;
            struct weir_element taken = *element;
            weir_channel_pop(end->channels[i]);
            ended += taken.kind == WEIR_ELEMENT_END;
            if (taken.kind != WEIR_ELEMENT_BATCH) continue;
            rows += taken.batch->row_count;
            if (ages)
                ages[(*age_count)++] =
                    weir_clock_monotonic_ns() - ((const int64_t *)taken.batch->columns[0].data)[0];
            weir_channel_give_back(end->channels[i], taken.batch);
        }
        if (!worked) wait_for_wake(&end->sleeper);
    }
    return rows;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* --- both processes --- */

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

struct report {
    double cpu_seconds;
    uint64_t rows;
    double p50_us, p99_us, max_us;
};

static void consumer_main(int in, int out)
{
    static int64_t ages[PINGS];
    static struct end end;
    char address[300] = { 0 };
    struct report report = { 0 };
    uint32_t age_count = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    end_open(&end, false);
    if (read(in, address, sizeof address) <= 0) _exit(1);
    end_link(&end, address, 1);
    double before = cpu_seconds();
    report.rows = consume(&end, NULL, NULL);
    report.cpu_seconds = cpu_seconds() - before;
    end_unlink(&end);
    end_link(&end, address, 2);
    consume(&end, ages, &age_count);
    qsort(ages, age_count, sizeof *ages, compare);
    report.p50_us = (double)ages[age_count / 2] / 1e3;
    report.p99_us = (double)ages[age_count * 99 / 100] / 1e3;
    report.max_us = (double)ages[age_count - 1] / 1e3;
    end_unlink(&end);
    if (write(out, &report, sizeof report) != sizeof report) _exit(1);
    _exit(0);
}

static void producer_main(int in, int out)
{
    static struct end end;
    struct weir_batch rows;
    struct report report;
    end_open(&end, true);
    char address[300];
    snprintf(address, sizeof address, "%s", weir_data_exchange_address(end.exchange));
    if (write(out, address, sizeof address) != sizeof address) exit(1);
    weir_batch_init(&rows, types, 3, weir_os_memory());
    fill_template(&rows);
    end_link(&end, "", 1);
    double before = cpu_seconds();
    int64_t start_ns = weir_clock_monotonic_ns();
    for (uint32_t i = 0; i < BATCHES; i++) push_batch(&end, i % LINKS, &rows, WEIR_BATCH_ROWS_MAX, 0);
    push_ends(&end);
    end_unlink(&end);
    double pushed = (double)(weir_clock_monotonic_ns() - start_ns) / 1e9;
    end_link(&end, "", 2);
    double cpu = cpu_seconds() - before;
    for (uint32_t i = 0; i < PINGS; i++) {
        push_batch(&end, i % LINKS, &rows, 1, weir_clock_monotonic_ns());
        usleep(1000);
    }
    push_ends(&end);
    end_unlink(&end);
    if (read(in, &report, sizeof report) != sizeof report) exit(1);
    double gigabytes = (double)report.rows * ROW_BYTES / 1e9;
    printf("%.1f GB of 100-byte rows, %d links, one connection: %.2f GB/s\n", gigabytes, LINKS,
        gigabytes / pushed);
    printf("CPU of both ends: %.2f s/GB (producer's %.2f, consumer's %.2f)   limit 2.00\n",
        (cpu + report.cpu_seconds) / gigabytes, cpu / gigabytes, report.cpu_seconds / gigabytes);
    printf(
        "a row at a time, a thousand in a second: p50 %.0f us, p99 %.0f us, max %.0f us   limit (p99) 1000\n",
        report.p50_us, report.p99_us, report.max_us);
}

int main(void)
{
    types[0] = types[1] = &weir_type_bigint_not_null;
    types[2] = weir_type_of(WEIR_TYPE_VARCHAR);
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) return 1;
    pid_t child = fork();
    if (child == 0) consumer_main(down[0], up[1]);
    producer_main(up[0], down[1]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
