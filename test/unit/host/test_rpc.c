/* Standing connections on loopback: greetings, replacement, long frames, peers that take nothing off. */
#define _GNU_SOURCE
#include "support/cmocka_all.h"
#include "support/memory.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/rpc.h"
#include "os/log.h"
#include "proto/codec.h"

enum { WAIT_MS = 20000, HAPPENINGS_MAX = 256 };

/* One end: a loop and an rpc, and what it was told. */
struct end {
    struct weir_test_memory memory;
    uv_loop_t loop;
    struct weir_rpc *rpc;
    char cluster[300], name[300];
    struct happening {
        weir_node node;
        enum weir_connection_state state;
        uint64_t incarnation;
    } happenings[HAPPENINGS_MAX];
    uint32_t count, frames;
    uint8_t *last;
    size_t last_length;
    uint64_t bytes;
    bool hang_up_on_bytes, is_slow; /* slow: takes note of changes later */
};

/* Peers are called n1, n2, ...; anybody else is refused. */
static weir_node on_node(void *owner, const char *name)
{
    return name[0] == 'n' ? (weir_node)atoi(name + 1) : 0;
}

static void on_connection(void *owner, weir_node node, enum weir_connection_state state, uint64_t incarnation)
{
    struct end *end = owner;
    assert_true(end->count < HAPPENINGS_MAX);
    end->happenings[end->count++] = (struct happening){ node, state, incarnation };
    if (!end->is_slow) weir_rpc_noted(end->rpc, node);
}

static void on_bytes(void *owner, weir_node node, const uint8_t *bytes, size_t length)
{
    struct end *end = owner;
    end->frames++;
    end->bytes += length;
    free(end->last);
    end->last = malloc(length + 1);
    memcpy(end->last, bytes, length);
    end->last_length = length;
    if (end->hang_up_on_bytes) weir_rpc_hang_up(end->rpc, node);
}

static void open_end(struct end *end, const char *cluster, const char *name, uint64_t incarnation)
{
    memset(end, 0, sizeof *end);
    weir_test_memory_init(&end->memory);
    uv_loop_init(&end->loop);
    snprintf(end->cluster, sizeof end->cluster, "%s", cluster);
    snprintf(end->name, sizeof end->name, "%s", name);
    struct weir_rpc_config config = { .memory = &end->memory.base,
        .loop = &end->loop,
        .cluster = end->cluster,
        .name = end->name,
        .incarnation = incarnation,
        .bind_address = "127.0.0.1",
        .node = on_node,
        .connection = on_connection,
        .bytes = on_bytes,
        .owner = end };
    struct weir_error error = { 0 };
    assert_int_equal(weir_rpc_new(&config, &end->rpc, &error), WEIR_OK);
}

static void close_end(struct end *end)
{
    weir_rpc_close(end->rpc);
    uv_run(&end->loop, UV_RUN_DEFAULT);
    weir_rpc_free(end->rpc);
    assert_int_equal(uv_loop_close(&end->loop), 0);
    free(end->last);
    weir_test_memory_check(&end->memory);
}

static const char *address_of(const struct end *end)
{
    static char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%u", weir_rpc_port(end->rpc));
    return address;
}

static void turn(struct end *a, struct end *b)
{
    uv_run(&a->loop, UV_RUN_NOWAIT);
    if (b) uv_run(&b->loop, UV_RUN_NOWAIT);
    usleep(1000);
}

/* Turns the loops until the condition holds. */
#define TURN_UNTIL(a, b, condition)                                                  \
    do {                                                                             \
        for (int waited = 0; !(condition) && waited < WAIT_MS; waited++) turn(a, b); \
        assert_true(condition);                                                      \
    } while (0)

static uint32_t count_of(const struct end *end, weir_node node, enum weir_connection_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < end->count; i++)
        count += end->happenings[i].node == node && end->happenings[i].state == state;
    return count;
}

/* Stands in for the system's: "two.families" has an address of each kind, the newer kind first. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(
            RTLD_NEXT, "getaddrinfo");
    if (strcmp(name, "two.families") == 0) name = hints->ai_family == AF_INET ? "127.0.0.1" : "::1";
    return real(name, service, hints, ret);
}

/* --- a socket by hand --- */

static int call(const struct end *end)
{
    int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(weir_rpc_port(end->rpc)) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(socket_, (struct sockaddr *)&address, sizeof address), 0);
    return socket_;
}

static size_t hello_of(uint8_t *to, const char *cluster, const char *name, uint64_t incarnation)
{
    uint8_t *at = to + 4;
    memcpy(at, "WEIRRPC1", 8);
    for (int i = 0; i < 8; i++) at[8 + i] = (uint8_t)(incarnation >> (8 * i));
    at += 16;
    const char *texts[] = { cluster, name };
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(texts[i]);
        at[0] = (uint8_t)length;
        at[1] = (uint8_t)(length >> 8);
        memcpy(at + 2, texts[i], length);
        at += 2 + length;
    }
    size_t length = (size_t)(at - to) - 4;
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(length >> (8 * i));
    return length + 4;
}

/* The other side has closed it: what it said before is skipped. */
static bool is_closed(int socket_)
{
    char bytes[4096];
    for (;;) {
        ssize_t got = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0) continue;
        return got == 0 || (errno != EAGAIN && errno != EINTR);
    }
}

/* --- tests --- */

static void frames_go_both_ways(void **state)
{
    static struct end a, b;
    open_end(&a, "c", "n1", 11);
    open_end(&b, "c", "n2", 22);
    assert_false(weir_rpc_send(b.rpc, 1, (const uint8_t *)"early", 5));
    weir_rpc_dial(a.rpc, 2, address_of(&b));
    TURN_UNTIL(&a, &b, a.count && b.count);
    assert_int_equal(a.happenings[0].node, 2);
    assert_int_equal(a.happenings[0].state, WEIR_CONNECTION_UP);
    assert_int_equal(a.happenings[0].incarnation, 22);
    assert_int_equal(b.happenings[0].incarnation, 11);
    assert_true(weir_rpc_send(a.rpc, 2, (const uint8_t *)"ping", 4));
    assert_true(weir_rpc_send(b.rpc, 1, (const uint8_t *)"", 0));
    TURN_UNTIL(&a, &b, a.frames && b.frames);
    assert_memory_equal(b.last, "ping", 4);
    assert_int_equal(a.last_length, 0);
    /* The longest frame, and one that no peer would take. */
    uint8_t *huge = malloc((size_t)WEIR_ENVELOPE_BYTES_MAX + 1);
    for (size_t i = 0; i < WEIR_ENVELOPE_BYTES_MAX; i++) huge[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_false(weir_rpc_send(a.rpc, 2, huge, (size_t)WEIR_ENVELOPE_BYTES_MAX + 1));
    assert_true(weir_rpc_send(a.rpc, 2, huge, WEIR_ENVELOPE_BYTES_MAX));
    assert_true(weir_rpc_send(a.rpc, 2, (const uint8_t *)"after", 5));
    TURN_UNTIL(&a, &b, b.frames >= 2);
    if (b.frames == 2) {
        assert_memory_equal(b.last, huge, WEIR_ENVELOPE_BYTES_MAX);
        TURN_UNTIL(&a, &b, b.frames == 3);
    }
    assert_int_equal(b.bytes, 4 + (size_t)WEIR_ENVELOPE_BYTES_MAX + 5);
    assert_memory_equal(b.last, "after", 5);
    free(huge);
    assert_int_equal(a.count, 1);
    close_end(&b);
    TURN_UNTIL(&a, NULL, count_of(&a, 2, WEIR_CONNECTION_REFUSED) > 0);
    assert_int_equal(a.happenings[1].state, WEIR_CONNECTION_RESET); /* first told of the end */
    close_end(&a);
}

static void strangers_are_refused(void **state)
{
    static struct end a;
    open_end(&a, "c", "n1", 11);
    int log[2];
    assert_int_equal(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
    weir_log_descriptor_set(log[1]);
    uint8_t hello[2000];
    size_t length;
    struct {
        const char *cluster, *name;
    } wrong[] = { { "other", "n2" }, { "c", "" }, { "c", "stranger" }, { "", "n2" } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int s = call(&a);
        length = hello_of(hello, wrong[i].cluster, wrong[i].name, 5);
        assert_int_equal(send(s, hello, length, 0), length);
        TURN_UNTIL(&a, NULL, is_closed(s));
        close(s);
    }
    /* Nonsense, a name too long, a cut text, a frame longer than any greeting. */
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 5; i++) {
        int s = call(&a);
        length = hello_of(hello, "c", i == 1 ? name : "n2", 5);
        if (i == 0) memset(hello + 4, 'x', length - 4);
        if (i == 2) hello[21] = 0xff; /* the cluster's length points behind the end */
        if (i == 3) memcpy(hello, "\xff\xff\xff\x7f", 4);
        if (i == 4) memcpy(hello, "GET / HTTP/1.1\r\n", 16);
        send(s, hello, length, MSG_NOSIGNAL);
        TURN_UNTIL(&a, NULL, is_closed(s));
        close(s);
    }
    struct weir_rpc_statistics statistics;
    weir_rpc_statistics(a.rpc, &statistics);
    assert_int_equal(statistics.refused_hellos, 9);
    assert_int_equal(statistics.connections, 0);
    assert_int_equal(a.count, 0); /* nobody was ever UP */
    /* Each reason is told once, whichever came first. */
    weir_log_descriptor_set(STDERR_FILENO);
    char said[4096] = "";
    assert_true(read(log[0], said, sizeof said - 1) > 0);
    static const char *const reasons[] = { "cluster 'other'", "does not speak this protocol", "'stranger'" };
    uint32_t lines = 0;
    for (const char *at = said; (at = strchr(at, '\n')); at++) lines++;
    assert_int_equal(lines, 3);
    for (size_t i = 0; i < 3; i++) assert_non_null(strstr(said, reasons[i]));
    close(log[0]);
    close(log[1]);
    close_end(&a);
}

static void a_newer_connection_replaces_an_older(void **state)
{
    static struct end a;
    open_end(&a, "c", "n1", 11);
    uint8_t hello[2000];
    int s[3];
    for (uint64_t i = 0; i < 3; i++) {
        s[i] = call(&a);
        size_t length = hello_of(hello, "c", "n2", 50 + i);
        /* In pieces: a frame may come byte by byte. */
        for (size_t at = 0; at < length; at++) {
            assert_int_equal(send(s[i], hello + at, 1, 0), 1);
            if (at % 8 == 0) uv_run(&a.loop, UV_RUN_NOWAIT);
        }
        TURN_UNTIL(&a, NULL, count_of(&a, 2, WEIR_CONNECTION_UP) == i + 1);
        assert_int_equal(send(s[i], "\1\0\0\0x", 5, 0), 5);
        TURN_UNTIL(&a, NULL, a.frames == i + 1);
    }
    static const enum weir_connection_state expected[] = { WEIR_CONNECTION_UP, WEIR_CONNECTION_RESET,
        WEIR_CONNECTION_UP, WEIR_CONNECTION_RESET, WEIR_CONNECTION_UP };
    assert_int_equal(a.count, 5);
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(a.happenings[i].state, expected[i]);
    assert_int_equal(a.happenings[3].incarnation, 51);
    assert_int_equal(a.happenings[4].incarnation, 52);
    /* The old ones were closed: nothing of them arrives. */
    (void)send(s[0], "\1\0\0\0y", 5, MSG_NOSIGNAL);
    TURN_UNTIL(&a, NULL, is_closed(s[0]) && is_closed(s[1]));
    assert_int_equal(a.frames, 3);
    /* An end that is cut in the middle of a frame. */
    assert_int_equal(send(s[2], "\x50\0\0\0half", 8, 0), 8);
    for (int i = 0; i < 3; i++) close(s[i]);
    TURN_UNTIL(&a, NULL, a.count == 6);
    assert_int_equal(a.happenings[5].state, WEIR_CONNECTION_RESET);
    assert_int_equal(a.frames, 3);
    close_end(&a);
}

/* What is said before the owner knows that a connection has replaced the one before is for that one: on the
 * new one it would overtake what both sides say first there, or reach another process. */
static void nothing_is_sent_on_a_connection_that_is_not_known_yet(void **state)
{
    static struct end a, b;
    open_end(&a, "c", "n1", 11);
    open_end(&b, "c", "n2", 22);
    weir_rpc_dial(b.rpc, 1, address_of(&a));
    TURN_UNTIL(&a, &b, a.count == 1 && b.count == 1);
    assert_true(weir_rpc_send(a.rpc, 2, (const uint8_t *)"one", 3));
    TURN_UNTIL(&a, &b, b.frames == 1);
    a.is_slow = true;
    weir_rpc_hang_up(b.rpc, 1);
    weir_rpc_dial(b.rpc, 1, address_of(&a));
    TURN_UNTIL(&a, &b, a.count == 3 && b.count == 3);
    for (uint32_t told = 1; told < 3; told++) { /* RESET, UP */
        assert_false(weir_rpc_send(a.rpc, 2, (const uint8_t *)"lost", 4));
        weir_rpc_noted(a.rpc, 2);
    }
    assert_true(weir_rpc_send(a.rpc, 2, (const uint8_t *)"two", 3));
    TURN_UNTIL(&a, &b, b.frames > 1);
    assert_memory_equal(b.last, "two", 3);
    close_end(&a);
    close_end(&b);
}

static uint32_t open_connections(const struct end *end, weir_node node)
{
    return count_of(end, node, WEIR_CONNECTION_UP) - count_of(end, node, WEIR_CONNECTION_RESET);
}

/* They agree on one connection, and go on with it. */
static void two_that_dial_each_other_end_with_one_connection(void **state)
{
    for (int round = 0; round < 20; round++) {
        struct end a, b;
        open_end(&a, "c", "n1", 11);
        open_end(&b, "c", "n2", 22);
        weir_rpc_dial(a.rpc, 2, address_of(&b));
        weir_rpc_dial(b.rpc, 1, address_of(&a));
        for (int i = 0; i < 60; i++) turn(&a, &b);
        TURN_UNTIL(&a, &b, open_connections(&a, 2) == 1 && open_connections(&b, 1) == 1);
        uint32_t before = a.count + b.count;
        assert_true(before <= 6); /* at most one was replaced on each side */
        for (int i = 0; i < 60; i++) turn(&a, &b);
        assert_int_equal(a.count + b.count, before);
        assert_true(weir_rpc_send(a.rpc, 2, (const uint8_t *)"x", 1));
        assert_true(weir_rpc_send(b.rpc, 1, (const uint8_t *)"y", 1));
        TURN_UNTIL(&a, &b, a.frames == 1 && b.frames == 1);
        assert_int_equal(
            count_of(&a, 2, WEIR_CONNECTION_TIMEOUT) + count_of(&b, 1, WEIR_CONNECTION_TIMEOUT), 0);
        close_end(&a);
        close_end(&b);
    }
}

/* a wants a connection; the one that there is was dialled by b, which hangs up and does not want one. */
static void who_wants_a_connection_dials_whoever_had_dialled_the_last_one(void **state)
{
    struct end a, b;
    open_end(&a, "c", "n1", 11);
    open_end(&b, "c", "n2", 22);
    weir_rpc_dial(b.rpc, 1, address_of(&a));
    TURN_UNTIL(&a, &b, open_connections(&a, 2) == 1 && open_connections(&b, 1) == 1);
    weir_rpc_dial(a.rpc, 2, address_of(&b));
    for (int i = 0; i < 20; i++) turn(&a, &b);
    assert_int_equal(count_of(&a, 2, WEIR_CONNECTION_UP), 1);
    weir_rpc_hang_up(b.rpc, 1);
    TURN_UNTIL(&a, &b, count_of(&a, 2, WEIR_CONNECTION_UP) == 2 && open_connections(&a, 2) == 1);
    close_end(&a);
    close_end(&b);
}

static void a_peer_that_reads_nothing_is_cut_off(void **state)
{
    enum { FRAME_BYTES = 8 << 20 };
    static struct end a;
    open_end(&a, "c", "n1", 11);
    uint8_t hello[2000];
    int s = call(&a);
    size_t length = hello_of(hello, "c", "n2", 5);
    assert_int_equal(send(s, hello, length, 0), length);
    TURN_UNTIL(&a, NULL, a.count == 1);
    uint8_t *frame = calloc(1, FRAME_BYTES);
    uint32_t sent = 0;
    while (weir_rpc_send(a.rpc, 2, frame, FRAME_BYTES)) {
        assert_true(++sent <= WEIR_RPC_QUEUE_BYTES_MAX / FRAME_BYTES + 8); /* the system takes some */
        uv_run(&a.loop, UV_RUN_NOWAIT);
    }
    assert_true(sent >= WEIR_RPC_QUEUE_BYTES_MAX / FRAME_BYTES - 1);
    assert_int_equal(count_of(&a, 2, WEIR_CONNECTION_RESET), 1);
    assert_false(weir_rpc_send(a.rpc, 2, frame, 1));
    free(frame);
    close(s);
    close_end(&a);
}

static void hanging_up_lasts(void **state)
{
    static struct end a, b;
    open_end(&a, "c", "n1", 11);
    open_end(&b, "c", "n2", 22);
    weir_rpc_dial(a.rpc, 2, address_of(&b));
    weir_rpc_hang_up(a.rpc, 2); /* while the connection is on its way */
    for (int i = 0; i < 200; i++) {
        uv_run(&a.loop, UV_RUN_NOWAIT);
        uv_run(&b.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(count_of(&a, 2, WEIR_CONNECTION_UP), 0);
    weir_rpc_dial(a.rpc, 2, address_of(&b));
    TURN_UNTIL(&a, &b, count_of(&a, 2, WEIR_CONNECTION_UP) == 1 && count_of(&b, 1, WEIR_CONNECTION_UP));
    /* From inside a callback, with more frames behind it in the buffer: they are not delivered. */
    a.hang_up_on_bytes = true;
    while (!weir_rpc_send(b.rpc, 1, (const uint8_t *)"one", 3)) uv_run(&b.loop, UV_RUN_NOWAIT);
    weir_rpc_send(b.rpc, 1, (const uint8_t *)"two", 3);
    uint32_t resets = count_of(&b, 1, WEIR_CONNECTION_RESET);
    TURN_UNTIL(&a, &b, count_of(&b, 1, WEIR_CONNECTION_RESET) > resets);
    assert_int_equal(a.frames, 1);
    close_end(&a);
    close_end(&b);
}

static void another_process_at_the_address_is_refused(void **state)
{
    static struct end a, b, c;
    open_end(&a, "c", "n1", 11);
    open_end(&b, "c", "n3", 33);
    weir_rpc_dial(a.rpc, 2, address_of(&b));                           /* n3 answers where n2 was expected */
    TURN_UNTIL(&a, &b, count_of(&a, 2, WEIR_CONNECTION_TIMEOUT) >= 2); /* tried again, and told each time */
    assert_int_equal(count_of(&a, 2, WEIR_CONNECTION_UP), 0);
    open_end(&c, "c", "n2", 22);
    weir_rpc_dial(a.rpc, 2, address_of(&c)); /* goes on with the new address */
    for (int i = 0; i < WAIT_MS && !count_of(&a, 2, WEIR_CONNECTION_UP); i++) {
        uv_run(&a.loop, UV_RUN_NOWAIT);
        uv_run(&b.loop, UV_RUN_NOWAIT);
        uv_run(&c.loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(count_of(&a, 2, WEIR_CONNECTION_UP), 1);
    close_end(&a);
    close_end(&b);
    close_end(&c);
}

/* A refusal counts as a witness that a process is gone: an address where nobody can listen must not give it.
 */
static void a_name_with_two_kinds_of_address_is_reached(void **state)
{
    static struct end a, b;
    open_end(&a, "c", "n1", 11);
    open_end(&b, "c", "n2", 22);
    char address[64];
    snprintf(address, sizeof address, "two.families:%u", weir_rpc_port(b.rpc));
    weir_rpc_dial(a.rpc, 2, address);
    TURN_UNTIL(&a, &b, a.count > 0);
    assert_int_equal(a.happenings[0].state, WEIR_CONNECTION_UP);
    close_end(&a);
    close_end(&b);
}

static void a_taken_port_is_named(void **state)
{
    static struct end a;
    open_end(&a, "c", "n1", 11);
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct weir_test_memory memory;
    weir_test_memory_init(&memory);
    struct weir_rpc_config config = { .memory = &memory.base,
        .loop = &loop,
        .cluster = "c",
        .name = "n2",
        .bind_address = "127.0.0.1",
        .port_first = weir_rpc_port(a.rpc) };
    struct weir_rpc *rpc;
    struct weir_error error = { 0 };
    assert_int_equal(weir_rpc_new(&config, &rpc, &error), WEIR_E_CONFIGURATION);
    char port[16];
    snprintf(port, sizeof port, "%u", config.port_first);
    assert_non_null(strstr(error.message, port));
    assert_non_null(strstr(error.message, "in use"));
    assert_int_equal(uv_loop_close(&loop), 0);
    weir_test_memory_check(&memory);
    close_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_both_ways),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(a_newer_connection_replaces_an_older),
        cmocka_unit_test(nothing_is_sent_on_a_connection_that_is_not_known_yet),
        cmocka_unit_test(two_that_dial_each_other_end_with_one_connection),
        cmocka_unit_test(who_wants_a_connection_dials_whoever_had_dialled_the_last_one),
        cmocka_unit_test(a_peer_that_reads_nothing_is_cut_off),
        cmocka_unit_test(hanging_up_lasts),
        cmocka_unit_test(another_process_at_the_address_is_refused),
        cmocka_unit_test(a_name_with_two_kinds_of_address_is_reached),
        cmocka_unit_test(a_taken_port_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
