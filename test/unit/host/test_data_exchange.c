/* Links between subtasks of one process and of two: order, credits, closing, breaking. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/type.h"
#include "host/data_exchange.h"
#include "os/log.h"

enum { WAIT_MS = 20000, LINKS = 12, ROUNDS = 400 };

static const struct weir_type *const types[] = { &weir_type_bigint_not_null };

struct process {
    struct weir_test_memory memory;
    struct weir_data_exchange *exchange;
    char name[32];
    uint64_t incarnation;
};

static void open_process(struct process *p, const char *cluster, const char *name, uint64_t incarnation)
{
    memset(p, 0, sizeof *p);
    weir_test_memory_init(&p->memory);
    snprintf(p->name, sizeof p->name, "%s", name);
    p->incarnation = incarnation;
    struct weir_data_exchange_config config = { .memory = &p->memory.base,
        .cluster = cluster,
        .name = p->name,
        .incarnation = incarnation,
        .host = "127.0.0.1",
        .bind_address = "127.0.0.1" };
    struct weir_error error = { 0 };
    assert_int_equal(weir_data_exchange_new(&config, &p->exchange, &error), WEIR_OK);
}

static void close_process(struct process *p)
{
    weir_data_exchange_free(p->exchange);
    weir_test_memory_check(&p->memory);
}

/* --- one end of a link, as a subtask holds it --- */

struct end {
    struct weir_waker waker; /* first */
    struct process *process;
    struct weir_link *link;
    struct weir_channel *channel;
    bool is_producer;
    _Atomic uint32_t wakes, established, broken;
    char broken_by[64];
};

static void on_wake(struct weir_waker *waker)
{
    atomic_fetch_add(&((struct end *)waker)->wakes, 1);
}

static void on_established(void *owner)
{
    atomic_fetch_add(&((struct end *)owner)->established, 1);
}

static void on_broken(void *owner, const char *peer)
{
    struct end *end = owner;
    snprintf(end->broken_by, sizeof end->broken_by, "%s", peer);
    atomic_fetch_add(&end->broken, 1);
}

static struct weir_link_key key_of(uint32_t number)
{
    return (struct weir_link_key){ .edge = number % 3,
        .producer = { .vertex = 1, .subtask = number, .epoch = 7, .number = 1 },
        .consumer = { .vertex = 2, .subtask = number, .epoch = 7, .number = 2 } };
}

/* With the peer's address given, for peers behind something. */
static void attach_at(struct end *end, struct process *p, struct process *peer, const char *address,
    uint32_t number, bool is_producer)
{
    memset(end, 0, sizeof *end);
    end->waker.wake = on_wake;
    end->process = p;
    end->is_producer = is_producer;
    struct weir_link_key key = key_of(number);
    struct weir_link_end is = { .is_producer = is_producer,
        .waker = &end->waker,
        .owner = end,
        .established = on_established,
        .broken = on_broken,
        .peer_name = peer->name,
        .peer_address = address,
        .peer_incarnation = peer->incarnation,
        .types = types,
        .column_count = 1 };
    end->link = weir_data_exchange_link(p->exchange, &key, &is, &end->channel);
}

static void attach(
    struct end *end, struct process *p, struct process *peer, uint32_t number, bool is_producer)
{
    attach_at(end, p, peer, weir_data_exchange_address(peer->exchange), number, is_producer);
}

static void detach(struct end *end, bool orderly)
{
    weir_data_exchange_unlink(end->process->exchange, end->link, end->is_producer, orderly);
}

/* The condition is evaluated until it holds, and not once more: it may push or take. */
#define WAIT_UNTIL(condition)                                              \
    do {                                                                   \
        bool holds = condition;                                            \
        for (int waited = 0; !holds && waited < WAIT_MS; waited++) {       \
            usleep(1000);                                                  \
            holds = condition;                                             \
        }                                                                  \
        if (!holds) fail_msg("not within %d ms: %s", WAIT_MS, #condition); \
    } while (0)

static uint32_t link_count(struct process *p)
{
    struct weir_data_exchange_statistics statistics;
    weir_data_exchange_statistics(p->exchange, &statistics);
    return statistics.links;
}

/* --- elements --- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 27);
}

/* The element at a place in a link's stream: both sides know it. */
static struct weir_element expected_element(uint32_t number, uint32_t place, uint32_t length)
{
    uint64_t chance = mix((uint64_t)number << 32 | place);
    struct weir_element element = { .kind = (enum weir_element_kind)(chance % 5) };
    if (chance % 3) element.kind = WEIR_ELEMENT_BATCH;
    if (place + 1 == length) element.kind = WEIR_ELEMENT_END;
    if (element.kind == WEIR_ELEMENT_BATCH || element.kind == WEIR_ELEMENT_END) return element;
    element.value = (int64_t)mix(chance);
    element.epoch = element.kind >= WEIR_ELEMENT_BARRIER ? mix(chance + 1) : 0;
    element.base_id = element.kind == WEIR_ELEMENT_BARRIER ? mix(chance + 2) : 0;
    element.savepoint = element.kind == WEIR_ELEMENT_BARRIER && chance % 2;
    return element;
}

static uint32_t rows_of(uint32_t number, uint32_t place)
{
    return 1 + (uint32_t)(mix((uint64_t)place << 20 | number) % 700);
}

static bool push(struct end *end, uint32_t number, uint32_t place, uint32_t length)
{
    if (!weir_channel_room(end->channel)) return false;
    struct weir_element element = expected_element(number, place, length);
    if (element.kind == WEIR_ELEMENT_BATCH) {
        element.batch = weir_channel_take_empty(end->channel);
        element.batch->row_count = rows_of(number, place);
        int64_t *values = element.batch->columns[0].data;
        for (uint32_t i = 0; i < element.batch->row_count; i++)
            values[i] = (int64_t)mix(mix(number) + place * 1000 + i);
    }
    weir_channel_push(end->channel, element);
    return true;
}

/* Takes one; false when there is none. Counts what is wrong instead of failing: it runs on its own thread. */
static bool take(struct end *end, uint32_t number, uint32_t place, uint32_t length, uint32_t *wrong)
{
    const struct weir_element *got = weir_channel_peek(end->channel);
    if (!got) return false;
    struct weir_element want = expected_element(number, place, length);
    *wrong += got->kind != want.kind || got->value != want.value || got->epoch != want.epoch ||
              got->base_id != want.base_id || got->savepoint != want.savepoint;
    struct weir_batch *batch = got->kind == WEIR_ELEMENT_BATCH ? got->batch : NULL;
    if (batch) {
        *wrong += batch->row_count != rows_of(number, place);
        const int64_t *values = batch->columns[0].data;
        for (uint32_t i = 0; i < batch->row_count; i++)
            *wrong += values[i] != (int64_t)mix(mix(number) + place * 1000 + i);
    }
    weir_channel_pop(end->channel);
    if (batch) weir_channel_give_back(end->channel, batch);
    return true;
}

/* --- a thread for each side, with all links of it --- */

struct side {
    struct end ends[LINKS];
    uint32_t places[LINKS], wrong, seed;
    bool is_producer;
};

static void *run_side(void *argument)
{
    struct side *side = argument;
    uint64_t chance = side->seed;
    for (uint32_t done = 0; done < LINKS;) {
        done = 0;
        bool worked = false;
        for (uint32_t i = 0; i < LINKS; i++) {
            struct end *end = &side->ends[i];
            uint32_t most = (uint32_t)((chance = mix(chance + 1)) % 20); /* now slow, now fast */
            if (atomic_load(&end->established) == 0) continue;
            while (most-- && side->places[i] < ROUNDS &&
                   (side->is_producer ? push(end, i, side->places[i], ROUNDS)
                                      : take(end, i, side->places[i], ROUNDS, &side->wrong))) {
                side->places[i]++;
                worked = true;
            }
            done += side->places[i] == ROUNDS;
        }
        if (!worked) usleep(200);
    }
    return NULL;
}

static void stream(struct process *from, struct process *to)
{
    static struct side producers, consumers;
    producers = (struct side){ .is_producer = true, .seed = 3 };
    consumers = (struct side){ .seed = 4 };
    for (uint32_t i = 0; i < LINKS; i++) { /* either may come first */
        attach(
            i % 2 ? &producers.ends[i] : &consumers.ends[i], i % 2 ? from : to, i % 2 ? to : from, i, i % 2);
        if (i % 3 == 0) usleep(2000);
        attach(i % 2 ? &consumers.ends[i] : &producers.ends[i], i % 2 ? to : from, i % 2 ? from : to, i,
            !(i % 2));
    }
    pthread_t threads[2];
    assert_int_equal(pthread_create(&threads[0], NULL, run_side, &producers), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, run_side, &consumers), 0);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_int_equal(consumers.wrong, 0);
    for (uint32_t i = 0; i < LINKS; i++) {
        assert_int_equal(producers.ends[i].broken + consumers.ends[i].broken, 0);
        detach(&producers.ends[i], true);
        detach(&consumers.ends[i], true);
    }
    WAIT_UNTIL(!link_count(from) && !link_count(to));
}

static void elements_arrive_in_order(void **state)
{
    struct process a, b;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    stream(&a, &b);
    stream(&b, &a); /* the other direction, over a connection of its own */
    stream(&a, &b);
    struct weir_data_exchange_statistics statistics;
    weir_data_exchange_statistics(a.exchange, &statistics);
    assert_int_equal(statistics.elements_out, 2 * LINKS * ROUNDS);
    assert_int_equal(statistics.elements_in, LINKS * ROUNDS);
    assert_int_equal(statistics.connections, 2);
    close_process(&a);
    close_process(&b);
}

static void local_links_share_a_channel(void **state)
{
    struct process a;
    open_process(&a, "c", "a", 1);
    stream(&a, &a);
    struct weir_data_exchange_statistics statistics;
    weir_data_exchange_statistics(a.exchange, &statistics);
    assert_int_equal(statistics.connections, 0);
    close_process(&a);
}

/* Pairs of ends, established. */
static void make_pair(
    struct end *producer, struct end *consumer, struct process *from, struct process *to, uint32_t number)
{
    attach(producer, from, to, number, true);
    attach(consumer, to, from, number, false);
    WAIT_UNTIL(atomic_load(&producer->established) == 1 && atomic_load(&consumer->established) == 1);
}

/* Hundreds of links of one connection: each gets its own, whatever order they open and leave in. */
static void many_links_share_a_connection(void **state)
{
    enum { MANY = 600, LENGTH = 3 };
    static struct end producers[MANY], consumers[MANY];
    struct process a, b;
    uint32_t wrong = 0;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    for (uint32_t i = 0; i < MANY; i++) attach(&consumers[i], &b, &a, i, false);
    for (uint32_t i = MANY; i-- > 0;) attach(&producers[i], &a, &b, i, true);
    for (uint32_t i = 0; i < MANY; i++) WAIT_UNTIL(atomic_load(&producers[i].established) == 1);
    for (uint32_t place = 0; place < LENGTH; place++)
        for (uint32_t i = 0; i < MANY; i++) WAIT_UNTIL(push(&producers[i], i, place, LENGTH));
    for (uint32_t i = 0; i < MANY; i += 2) detach(&producers[i], true);
    for (uint32_t i = 0; i < MANY; i++)
        for (uint32_t place = 0; place < LENGTH; place++)
            WAIT_UNTIL(take(&consumers[i], i, place, LENGTH, &wrong));
    assert_int_equal(wrong, 0);
    for (uint32_t i = 0; i < MANY; i++) detach(&consumers[(i * 7) % MANY], true);
    for (uint32_t i = 1; i < MANY; i += 2) detach(&producers[i], true);
    WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    struct weir_data_exchange_statistics statistics;
    weir_data_exchange_statistics(a.exchange, &statistics);
    assert_int_equal(statistics.connections, 1);
    close_process(&a);
    close_process(&b);
}

/* A peer may be known by its name. One that no name server knows holds nobody up. */
static void peers_may_have_names(void **state)
{
    struct process a, b;
    struct end producer, consumer, lost;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    attach_at(&lost, &b, &a, "name with blanks:1", 7, false);
    attach_at(&consumer, &b, &a, "", 1, false); /* neither name nor port: dialled again and again */
    detach(&consumer, false);
    char address[64];
    snprintf(address, sizeof address, "localhost%s", strrchr(weir_data_exchange_address(a.exchange), ':'));
    attach_at(&consumer, &b, &a, address, 2, false);
    attach(&producer, &a, &b, 2, true);
    WAIT_UNTIL(atomic_load(&producer.established) == 1 && atomic_load(&consumer.established) == 1);
    assert_int_equal(atomic_load(&lost.established) + atomic_load(&lost.broken), 0);
    uint32_t wrong = 0;
    WAIT_UNTIL(push(&producer, 2, 0, 1000));
    WAIT_UNTIL(take(&consumer, 2, 0, 1000, &wrong));
    assert_int_equal(wrong, 0);
    detach(&lost, false);
    detach(&producer, false);
    detach(&consumer, false);
    WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    close_process(&a);
    close_process(&b);
}

/* A finished producer leaves while its consumer has taken nothing yet: all of it still arrives. */
static void what_a_finished_producer_pushed_arrives(void **state)
{
    enum { LENGTH = WEIR_CHANNEL_ELEMENTS + WEIR_CHANNEL_ELEMENTS };
    struct process a, b;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    for (uint32_t number = 0; number < 8; number++) {
        struct end producer, consumer;
        make_pair(&producer, &consumer, &a, &b, number);
        for (uint32_t place = 0; place < LENGTH; place++) WAIT_UNTIL(push(&producer, number, place, LENGTH));
        detach(&producer, true);
        uint32_t wrong = 0;
        if (number % 2) usleep(20000);
        for (uint32_t place = 0; place < LENGTH; place++)
            WAIT_UNTIL(take(&consumer, number, place, LENGTH, &wrong));
        assert_int_equal(wrong, 0);
        assert_int_equal(atomic_load(&consumer.broken), 0);
        detach(&consumer, true);
    }
    WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    close_process(&a);
    close_process(&b);
}

/* --- batches longer than a frame --- */

static const struct weir_type *const long_types[] = { &weir_type_bigint_not_null, &weir_type_string };

static void attach_long(
    struct end *end, struct process *p, struct process *peer, uint32_t number, bool is_producer)
{
    *end = (struct end){ .waker = { on_wake }, .process = p, .is_producer = is_producer };
    struct weir_link_key key = key_of(number);
    struct weir_link_end is = { .is_producer = is_producer,
        .waker = &end->waker,
        .owner = end,
        .established = on_established,
        .broken = on_broken,
        .peer_name = peer->name,
        .peer_address = weir_data_exchange_address(peer->exchange),
        .peer_incarnation = peer->incarnation,
        .types = long_types,
        .column_count = 2 };
    end->link = weir_data_exchange_link(p->exchange, &key, &is, &end->channel);
}

/* Rows that share one text of so many bytes. Those in the middle are a pair. */
static void push_long(struct end *end, uint32_t rows, size_t bytes)
{
    struct weir_batch *batch = weir_channel_take_empty(end->channel);
    char *text = malloc(bytes);
    memset(text, 'x', bytes);
    struct weir_string shared = weir_heap_writer_string(&batch->heap, text, (uint32_t)bytes);
    free(text);
    uint8_t *kinds = weir_batch_ensure_kinds(batch);
    for (uint32_t i = 0; i < rows; i++) {
        ((int64_t *)batch->columns[0].data)[i] = i;
        ((struct weir_string *)batch->columns[1].data)[i] = shared;
        kinds[i] = rows > 1 && i == rows / 2 - 1 ? WEIR_ROW_UPDATE_BEFORE : WEIR_ROW_UPDATE_AFTER;
    }
    batch->row_count = rows;
    weir_channel_push(end->channel, (struct weir_element){ .kind = WEIR_ELEMENT_BATCH, .batch = batch });
}

/* Takes a batch, if there is one, whose rows follow on those before. */
static bool take_long(struct end *end, uint32_t *rows, size_t bytes)
{
    const struct weir_element *got = weir_channel_peek(end->channel);
    if (!got) return false;
    assert_int_equal(got->kind, WEIR_ELEMENT_BATCH);
    struct weir_batch *batch = got->batch;
    for (uint32_t i = 0; i < batch->row_count; i++) {
        assert_int_equal(((int64_t *)batch->columns[0].data)[i], *rows + i);
        assert_int_equal(((struct weir_string *)batch->columns[1].data)[i].length, bytes);
    }
    assert_int_not_equal(batch->kinds[batch->row_count - 1], WEIR_ROW_UPDATE_BEFORE);
    *rows += batch->row_count;
    weir_channel_pop(end->channel);
    weir_channel_give_back(end->channel, batch);
    return true;
}

/* A long text in one row costs its bytes once; many rows of a batch may share it, but in a frame each has it.
 */
static void a_batch_longer_than_a_frame_goes_in_parts(void **state)
{
    enum { ROWS = 1000, BYTES = 80000 };
    struct process a, b;
    struct end producer, consumer;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    for (uint32_t i = 0; i < 2; i++) { /* a producer that stays, one that has ended */
        attach_long(&producer, &a, &b, i, true);
        attach_long(&consumer, &b, &a, i, false);
        WAIT_UNTIL(atomic_load(&producer.established) == 1 && atomic_load(&consumer.established) == 1);
        push_long(&producer, ROWS, BYTES);
        if (i) weir_channel_push(producer.channel, (struct weir_element){ .kind = WEIR_ELEMENT_END });
        if (i) detach(&producer, true);
        for (uint32_t rows = 0; rows < ROWS;) WAIT_UNTIL(take_long(&consumer, &rows, BYTES));
        if (i) WAIT_UNTIL(weir_channel_peek(consumer.channel));
        assert_int_equal(atomic_load(&producer.broken) + atomic_load(&consumer.broken), 0);
        if (!i) detach(&producer, false);
        detach(&consumer, true);
        WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    }
    /* What the long frames took is given back, though the connection stays. */
    WAIT_UNTIL(atomic_load(&a.memory.base.used_bytes) < 16 << 20);
    WAIT_UNTIL(atomic_load(&b.memory.base.used_bytes) < 16 << 20);
    /* What cannot be parted ends the link. */
    attach_long(&producer, &a, &b, 3, true);
    attach_long(&consumer, &b, &a, 3, false);
    WAIT_UNTIL(atomic_load(&producer.established) == 1);
    push_long(&producer, 1, WEIR_EXCHANGE_FRAME_BYTES_MAX);
    WAIT_UNTIL(atomic_load(&producer.broken) == 1);
    detach(&producer, false);
    WAIT_UNTIL(atomic_load(&consumer.broken) == 1);
    detach(&consumer, false);
    WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    close_process(&a);
    close_process(&b);
}

/* A producer that owes elements to a consumer that dies, or closes, is let go. */
static void nobody_waits_for_a_consumer_that_has_gone(void **state)
{
    enum { LENGTH = 2 * WEIR_CHANNEL_ELEMENTS };
    for (int orderly = 0; orderly < 2; orderly++) {
        struct process a, b;
        open_process(&a, "c", "a", 1);
        open_process(&b, "c", "b", 2);
        struct end producer, consumer;
        make_pair(&producer, &consumer, &a, &b, 1);
        for (uint32_t place = 0; place < LENGTH; place++) WAIT_UNTIL(push(&producer, 1, place, LENGTH));
        detach(&producer, true);
        usleep(10000);
        assert_int_equal(link_count(&a), 1);
        detach(&consumer, orderly);
        WAIT_UNTIL(!link_count(&a) && !link_count(&b));
        close_process(&a);
        close_process(&b);
    }
}

static void a_consumer_may_close_early(void **state)
{
    struct process a, b;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    struct process *from[] = { &a, &a }, *to[] = { &b, &a };
    for (uint32_t i = 0; i < 2; i++) { /* between two, inside one */
        struct end producer, consumer;
        make_pair(&producer, &consumer, from[i], to[i], i);
        WAIT_UNTIL(push(&producer, i, 0, 1000));
        WAIT_UNTIL(weir_channel_peek(consumer.channel));
        weir_channel_close_consumer(consumer.channel);
        WAIT_UNTIL(atomic_load(&producer.channel->consumer_finished));
        detach(&consumer, true);
        assert_int_equal(atomic_load(&producer.broken), 0);
        detach(&producer, true);
        WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    }
    close_process(&a);
    close_process(&b);
}

static void an_end_that_goes_without_order_is_told(void **state)
{
    struct process a, b;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    struct process *to[] = { &b, &a };
    for (uint32_t i = 0; i < 4; i++) { /* between two and inside one; producer gone, consumer gone */
        struct end ends[2];
        make_pair(&ends[0], &ends[1], &a, to[i % 2], i);
        WAIT_UNTIL(push(&ends[0], i, 0, 1000));
        uint32_t gone = i / 2;
        detach(&ends[gone], false);
        WAIT_UNTIL(atomic_load(&ends[!gone].broken) == 1);
        assert_string_equal(ends[!gone].broken_by, i % 2 ? "a" : gone ? "b" : "a");
        assert_int_equal(atomic_load(&ends[gone].broken), 0); /* no callback after unlink */
        detach(&ends[!gone], false);
        WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    }
    close_process(&a);
    close_process(&b);
}

/* An end that goes before the other has come leaves nothing. */
static void ends_may_leave_before_they_met(void **state)
{
    struct process a, b;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    for (uint32_t i = 0; i < 40; i++) {
        struct end producer, consumer;
        attach(&consumer, &b, &a, i, false);
        if (i % 4) usleep(i % 4 * 1000);
        detach(&consumer, false);
        attach(&producer, &a, &b, 1000 + i, true);
        if (i % 3) usleep(i % 3 * 1000);
        detach(&producer, false);
    }
    WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    close_process(&a);
    close_process(&b);
}

/* --- a connection that is cut: all goes through a relay --- */

struct relay {
    int listener;
    char address[64], to[64];
    pthread_t thread;
    _Atomic bool cut, stop;
};

static int connect_to(const char *address)
{
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(s, (struct sockaddr *)&to, sizeof to) == 0 ? s : -1;
}

static bool pass_on(int from, int to)
{
    char bytes[65536];
    ssize_t got = recv(from, bytes, sizeof bytes, 0);
    for (ssize_t at = 0; at < got;) {
        ssize_t sent = send(to, bytes + at, (size_t)(got - at), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
    }
    return got > 0;
}

/* One connection at a time; a cut closes it, and the next one is taken. */
static void *run_relay(void *argument)
{
    struct relay *relay = argument;
    int near = -1, far = -1;
    while (!atomic_load(&relay->stop)) {
        if (near >= 0 && atomic_exchange(&relay->cut, false)) {
            close(near);
            close(far);
            near = far = -1;
        }
        struct pollfd waits[] = { { relay->listener, POLLIN, 0 }, { near, POLLIN, 0 }, { far, POLLIN, 0 } };
        if (poll(waits, 3, 5) <= 0) continue;
        if (near < 0 && waits[0].revents) {
            near = accept(relay->listener, NULL, NULL);
            far = connect_to(relay->to);
            continue;
        }
        bool open = (!waits[1].revents || pass_on(near, far)) && (!waits[2].revents || pass_on(far, near));
        if (open) continue;
        close(near);
        close(far);
        near = far = -1;
    }
    if (near >= 0) close(near);
    if (far >= 0) close(far);
    return NULL;
}

static void start_relay(struct relay *relay, const char *to)
{
    memset(relay, 0, sizeof *relay);
    snprintf(relay->to, sizeof relay->to, "%s", to);
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof at;
    assert_int_equal(bind(relay->listener, (struct sockaddr *)&at, length), 0);
    assert_int_equal(listen(relay->listener, 16), 0);
    getsockname(relay->listener, (struct sockaddr *)&at, &length);
    snprintf(relay->address, sizeof relay->address, "127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(pthread_create(&relay->thread, NULL, run_relay, relay), 0);
}

static void stop_relay(struct relay *relay)
{
    atomic_store(&relay->stop, true);
    pthread_join(relay->thread, NULL);
    close(relay->listener);
}

static void a_cut_connection_breaks_both_ends(void **state)
{
    struct process a, b;
    struct relay relay;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    start_relay(&relay, weir_data_exchange_address(a.exchange));
    for (uint32_t i = 0; i < 5; i++) {
        struct end producer, consumer, waiting;
        attach(&producer, &a, &b, i, true);
        attach_at(&consumer, &b, &a, relay.address, i, false);
        attach_at(&waiting, &b, &a, relay.address, 500 + i, false); /* its producer comes after the cut */
        WAIT_UNTIL(atomic_load(&producer.established) && atomic_load(&consumer.established));
        for (uint32_t place = 0; place < i; place++) WAIT_UNTIL(push(&producer, i, place, 1000));
        atomic_store(&relay.cut, true);
        WAIT_UNTIL(atomic_load(&producer.broken) == 1 && atomic_load(&consumer.broken) == 1);
        assert_string_equal(producer.broken_by, "b");
        assert_string_equal(consumer.broken_by, "a");
        assert_int_equal(atomic_load(&waiting.broken), 0);
        struct end late; /* nothing else wakes b now: it has to open the link again by itself */
        attach(&late, &a, &b, 500 + i, true);
        WAIT_UNTIL(atomic_load(&waiting.established) == 1 && atomic_load(&late.established) == 1);
        WAIT_UNTIL(push(&late, 500 + i, 0, 1));
        uint32_t wrong = 0;
        WAIT_UNTIL(take(&waiting, 500 + i, 0, 1, &wrong));
        assert_int_equal(wrong, 0);
        detach(&producer, false);
        detach(&consumer, false);
        detach(&late, true);
        detach(&waiting, true);
        WAIT_UNTIL(!link_count(&a) && !link_count(&b));
    }
    stop_relay(&relay);
    close_process(&a);
    close_process(&b);
}

/* A consumer asks a process that is not there yet, then one of another incarnation, then one of another
 * cluster. */
static void the_wrong_process_is_not_taken(void **state)
{
    struct process a, b, other;
    open_process(&a, "c", "a", 1);
    open_process(&b, "c", "b", 2);
    open_process(&other, "another", "a", 1);
    struct process newer = a;
    newer.incarnation = 99;
    struct end consumer, foreign;
    attach(&consumer, &b, &newer, 1, false);
    WAIT_UNTIL(atomic_load(&consumer.broken) == 1);
    attach(&foreign, &b, &a, 2, false);
    detach(&foreign, false);
    attach_at(&foreign, &b, &a, weir_data_exchange_address(other.exchange), 3, false);
    usleep(200000);
    assert_int_equal(atomic_load(&foreign.established) + atomic_load(&foreign.broken), 0);
    struct weir_data_exchange_statistics statistics;
    weir_data_exchange_statistics(other.exchange, &statistics);
    assert_true(statistics.bytes_in < 100 * 64); /* it is dialed again with pauses */
    detach(&foreign, false);
    detach(&consumer, false);
    close_process(&other);
    close_process(&b);
    close_process(&a);
}

/* --- the other side by hand --- */

static void say_hello(int s, uint64_t incarnation)
{
    uint8_t hello[] = "\x1b\0\0\0\x01WEIRDAT1\0\0\0\0\0\0\0\0\1\0\0\0c\1\0\0\0b";
    hello[13] = (uint8_t)incarnation;
    assert_int_equal(send(s, hello, sizeof hello - 1, MSG_NOSIGNAL), sizeof hello - 1);
}

static uint8_t *put_attempt(uint8_t *at, const struct weir_attempt_id *attempt)
{
    memcpy(at, attempt->job.bytes, 16);
    memcpy(at + 16, &attempt->vertex, 4);
    memcpy(at + 20, &attempt->subtask, 4);
    memcpy(at + 24, &attempt->epoch, 8);
    memcpy(at + 32, &attempt->number, 4);
    return at + 36;
}

static void ask_for(int s, uint32_t link_number, uint32_t number)
{
    struct weir_link_key key = key_of(number);
    uint8_t frame[128] = { 85, 0, 0, 0, 2 };
    memcpy(frame + 5, (uint32_t[]){ link_number, WEIR_CHANNEL_ELEMENTS, key.edge }, 12);
    put_attempt(put_attempt(frame + 17, &key.producer), &key.consumer);
    assert_int_equal(send(s, frame, 89, MSG_NOSIGNAL), 89);
}

/* Skips what comes before a frame of the type, and answers with its link's number. */
static uint32_t wait_for_frame(int s, uint8_t type)
{
    static uint8_t frame[1 << 20];
    for (;;) {
        uint32_t length, number;
        assert_int_equal(recv(s, &length, 4, MSG_WAITALL), 4);
        assert_true(length >= 5 && length <= sizeof frame);
        assert_int_equal(recv(s, frame, length, MSG_WAITALL), length);
        memcpy(&number, frame + 1, 4);
        if (frame[0] == type) return number;
    }
}

/* The consumer's side knows that the connection is gone, the producer's not yet, and its answer was lost with
 * it: what was sent on the first one never arrives, so neither end may go on. */
static void who_asks_again_over_another_connection_is_told(void **state)
{
    enum { OPENED = 3, BROKEN = 7 };
    struct process a, b = { .name = "b", .incarnation = 2 };
    struct end producer;
    open_process(&a, "c", "a", 1);
    for (uint32_t i = 0; i < 2; i++) { /* a producer that works, one that has ended and owes elements */
        attach_at(&producer, &a, &b, "127.0.0.1:1", i, true);
        int first = connect_to(weir_data_exchange_address(a.exchange));
        say_hello(first, 2);
        ask_for(first, 1, i);
        assert_int_equal(wait_for_frame(first, OPENED), 1);
        for (uint32_t place = 0; place <= 20; place++) WAIT_UNTIL(push(&producer, i, place, 21));
        if (i) detach(&producer, true);
        int second = connect_to(weir_data_exchange_address(a.exchange));
        say_hello(second, 2);
        ask_for(second, 1, i);
        struct pollfd wait = { second, POLLIN, 0 };
        assert_int_equal(wait_for_frame(second, 1), 0x52494557); /* a hello: WEIR */
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        assert_int_equal(wait_for_frame(second, BROKEN), 1);
        if (!i) WAIT_UNTIL(atomic_load(&producer.broken) == 1);
        if (!i) detach(&producer, false);
        WAIT_UNTIL(!link_count(&a));
        close(first);
        close(second);
    }
    close_process(&a);
}

/* The host of a producer's process went without a word; a new process has come up at the same address. */
static void a_silent_connection_does_not_hide_the_next_process(void **state)
{
    enum { OPEN = 2 };
    struct process b, old = { .name = "a", .incarnation = 1 }, new = { .name = "a", .incarnation = 2 };
    struct end before, after;
    open_process(&b, "c", "b", 3);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t length = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, length), 0);
    assert_int_equal(listen(listener, 16), 0);
    getsockname(listener, (struct sockaddr *)&at, &length);
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", ntohs(at.sin_port));
    attach_at(&before, &b, &old, address, 1, false);
    int first = accept(listener, NULL, NULL);
    say_hello(first, 1);
    wait_for_frame(first, OPEN);
    attach_at(&after, &b, &new, address, 2, false);
    struct pollfd wait = { listener, POLLIN, 0 };
    assert_int_equal(poll(&wait, 1, WAIT_MS), 1); /* it looks who is there now */
    int second = accept(listener, NULL, NULL);
    say_hello(second, 2);
    uint32_t number = wait_for_frame(second, OPEN);
    uint8_t opened[] = { 5, 0, 0, 0, 3, (uint8_t)number, 0, 0, 0 };
    assert_int_equal(send(second, opened, sizeof opened, MSG_NOSIGNAL), sizeof opened);
    WAIT_UNTIL(atomic_load(&after.established) == 1 && atomic_load(&before.broken) == 1);
    assert_int_equal(atomic_load(&after.broken) + atomic_load(&before.established), 0);
    detach(&before, false);
    detach(&after, false);
    close_process(&b);
    close(first);
    close(second);
    close(listener);
}

/* Whoever is refused dials again and again, and its job waits: somebody has to say why. */
static void too_many_connections_are_told(void **state)
{
    enum { LIMIT = 64, CALLS = LIMIT / 2 + 4 };
    struct process a;
    struct rlimit before, few;
    int sockets[CALLS], log[2];
    char said[1000] = "";
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){ .rlim_cur = LIMIT, .rlim_max = before.rlim_max };
    assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
    weir_log_descriptor_set(log[1]);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0); /* it may have half of them */
    open_process(&a, "c", "a", 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (uint32_t i = 0; i < CALLS; i++)
        assert_true((sockets[i] = connect_to(weir_data_exchange_address(a.exchange))) >= 0);
    WAIT_UNTIL(read(log[0], said, sizeof said - 1) > 0);
    weir_log_descriptor_set(STDERR_FILENO);
    assert_non_null(strstr(said, "there are 32"));
    assert_non_null(strstr(said, "ulimit -n"));
    for (uint32_t i = 0; i < CALLS; i++) close(sockets[i]);
    close(log[0]);
    close(log[1]);
    close_process(&a);
}

static void without_descriptors_it_says_so(void **state)
{
    struct weir_test_memory memory;
    struct weir_data_exchange *exchange;
    struct weir_error error = { 0 };
    struct rlimit before, none;
    weir_test_memory_init(&memory);
    struct weir_data_exchange_config config = { .memory = &memory.base,
        .cluster = "c",
        .name = "a",
        .incarnation = 1,
        .host = "127.0.0.1",
        .bind_address = "127.0.0.1" };
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ .rlim_cur = 0, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum weir_error_code code = weir_data_exchange_new(&config, &exchange, &error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(code, WEIR_E_IO);
    assert_non_null(strstr(error.message, "too many open files"));
    weir_test_memory_check(&memory);
}

static void nonsense_closes_the_connection(void **state)
{
    struct process a;
    open_process(&a, "c", "a", 1);
    uint64_t chance = 5;
    for (uint32_t i = 0; i < 200; i++) {
        int s = connect_to(weir_data_exchange_address(a.exchange));
        assert_true(s >= 0);
        uint8_t bytes[600];
        size_t length = 1 + (chance = mix(chance + 1)) % sizeof bytes;
        for (size_t at = 0; at < length; at++) bytes[at] = (uint8_t)(chance = mix(chance + at));
        uint32_t at = 0;
        if (i % 2) { /* a good greeting first, then a frame of a known type and length with nonsense in it */
            static const uint8_t hello[] = "\x1b\0\0\0\x01WEIRDAT1\1\2\3\4\5\6\7\x08\1\0\0\0c\1\0\0\0b";
            memcpy(bytes, hello, sizeof hello - 1);
            at = sizeof hello - 1;
            memcpy(bytes + at, (uint8_t[]){ 40, 0, 0, 0, (uint8_t)(i % 9) }, 5);
            length = at + 44;
        }
        send(s, bytes, length, MSG_NOSIGNAL);
        close(s);
    }
    WAIT_UNTIL(({
        struct weir_data_exchange_statistics statistics;
        weir_data_exchange_statistics(a.exchange, &statistics);
        statistics.connections == 0;
    }));
    WAIT_UNTIL(!link_count(&a)); /* nor do links stay that such a one opened */
    close_process(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_arrive_in_order),
        cmocka_unit_test(local_links_share_a_channel),
        cmocka_unit_test(many_links_share_a_connection),
        cmocka_unit_test(peers_may_have_names),
        cmocka_unit_test(what_a_finished_producer_pushed_arrives),
        cmocka_unit_test(a_batch_longer_than_a_frame_goes_in_parts),
        cmocka_unit_test(nobody_waits_for_a_consumer_that_has_gone),
        cmocka_unit_test(a_consumer_may_close_early),
        cmocka_unit_test(an_end_that_goes_without_order_is_told),
        cmocka_unit_test(ends_may_leave_before_they_met),
        cmocka_unit_test(a_cut_connection_breaks_both_ends),
        cmocka_unit_test(the_wrong_process_is_not_taken),
        cmocka_unit_test(who_asks_again_over_another_connection_is_told),
        cmocka_unit_test(a_silent_connection_does_not_hide_the_next_process),
        cmocka_unit_test(too_many_connections_are_told),
        cmocka_unit_test(without_descriptors_it_says_so),
        cmocka_unit_test(nonsense_closes_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
