/*
 * zookeeper: HA on a ZooKeeper ensemble, by its C client. A session of its own thread that drives the library
 * (zookeeper_interest, zookeeper_process); see internal.h for who may touch what.
 *
 * The loop's beats reach the servers through this thread: when they stop, pings stop, too, and the session
 * ends like that of a process that hangs.
 */
#define _GNU_SOURCE
#include "base/assert.h"
#include "internal.h"
#include "os/clock.h"
#include "os/log.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOGGER "weir.ha.zookeeper"
enum { HUNG_CHECK_MS = 50, RESOLVE_WAIT_MS = 20, WAIT_MAX_MS = 1000, RESOLVE_AGAIN_MS = 1000 };

/* --- life --- */

void zookeeper_session_retain(struct weir_ha_session *session)
{
    atomic_fetch_add(&session->references, 1);
}

void zookeeper_session_release(struct weir_ha_session *session)
{
    if (atomic_fetch_sub(&session->references, 1) != 1) return;
    struct weir_memory *memory = session->config.memory;
    for (uint32_t i = 0; i < session->watch_count; i++)
        weir_memory_release(memory, session->watches[i], sizeof *session->watches[i]);
    weir_memory_release(
        memory, session->watches, session->watches ? sizeof *session->watches * ZOOKEEPER_WATCHES_MAX : 0);
    zookeeper_servers_free(session->servers);
    if (session->wake_descriptor >= 0) close(session->wake_descriptor);
    pthread_mutex_destroy(&session->mutex);
    pthread_cond_destroy(&session->condition);
    weir_memory_release(memory, session, sizeof *session);
}

const struct ACL_vector *zookeeper_acl(const struct weir_ha_session *session)
{
    return session->settings.creator_only ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
}

/* --- to the loop --- */

enum notice_kind { NOTICE_STATE, NOTICE_CHANGED, NOTICE_DIED };

struct notice {
    struct weir_ha_session *session;
    enum notice_kind kind;
    enum weir_ha_state state;
    int64_t timeout_us;
    char key[WEIR_HA_KEY_BYTES_MAX + 1];
    size_t length;
    uint8_t value[];
};

/* Under the mutex, so that nothing is posted to a host that is gone. */
static bool post(struct weir_ha_session *session, void (*call)(void *argument), void *argument)
{
    pthread_mutex_lock(&session->mutex);
    bool open = !atomic_load(&session->closed);
    if (open) session->config.host->post(session->config.host, call, argument);
    pthread_mutex_unlock(&session->mutex);
    return open;
}

static void notice_free(struct notice *notice)
{
    struct weir_ha_session *session = notice->session;
    weir_memory_release(session->config.memory, notice, sizeof *notice + notice->length);
    zookeeper_session_release(session);
}

static void deliver_notice(void *argument)
{
    struct notice *notice = argument;
    struct weir_ha_host *host = notice->session->config.host;
    if (!atomic_load(&notice->session->closed)) {
        switch (notice->kind) {
        case NOTICE_STATE: host->state(host, notice->state, notice->timeout_us); break;
        case NOTICE_CHANGED: host->changed(host, notice->key); break;
        case NOTICE_DIED: host->died(host, notice->key, notice->value, notice->length); break;
        }
    }
    notice_free(notice);
}

static void tell(struct weir_ha_session *session, enum notice_kind kind, enum weir_ha_state state,
    const char *key, const uint8_t *value, size_t length)
{
    struct notice *notice = weir_memory_allocate_zeroed(session->config.memory, sizeof *notice + length);
    *notice = (struct notice){ .session = session,
        .kind = kind,
        .state = state,
        .timeout_us = session->timeout_ms * 1000,
        .length = length };
    snprintf(notice->key, sizeof notice->key, "%s", key);
    if (length) memcpy(notice->value, value, length);
    zookeeper_session_retain(session);
    if (!post(session, deliver_notice, notice)) notice_free(notice);
}

void zookeeper_tell_changed(struct weir_ha_session *session, const char *key)
{
    tell(session, NOTICE_CHANGED, WEIR_HA_CONNECTED, key, NULL, 0);
}

void zookeeper_tell_died(
    struct weir_ha_session *session, const char *key, const uint8_t *value, size_t length)
{
    tell(session, NOTICE_DIED, WEIR_HA_CONNECTED, key, value, length);
}

static void deliver_done(void *argument)
{
    struct zookeeper_request *request = argument;
    struct weir_ha_host *host = request->session->config.host;
    if (!atomic_load(&request->session->closed))
        host->done(host, request->number, request->outcome, request->entries, request->entry_count);
    zookeeper_request_release(request);
}

void zookeeper_tell_done(struct zookeeper_request *request)
{
    if (!post(request->session, deliver_done, request)) zookeeper_request_release(request);
}

/* --- the session --- */

static void announce(struct weir_ha_session *session, enum weir_ha_state state)
{
    if (session->announced == state) return;
    session->announced = state;
    tell(session, NOTICE_STATE, state, "", NULL, 0);
}

static void fail_in_flight(struct weir_ha_session *session)
{
    while (session->in_flight) zookeeper_request_fail(session->in_flight);
}

static void on_library_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    /* zoo_state() is asked after every step. */
}

static void on_authorized(int rc, const void *data)
{
    if (rc != ZOK && rc != ZCLOSING && rc != ZCONNECTIONLOSS)
        weir_log(WEIR_LOG_ERROR, LOGGER, "the servers do not accept the %s authorization: %s",
            (const char *)data, zerror(rc));
}

static void retry_later(struct weir_ha_session *session, int64_t now_ms, const char *what, const char *name)
{
    const struct zookeeper_settings *settings = &session->settings;
    int64_t wait_ms = settings->retry_wait_ms;
    for (uint32_t i = 0; i < session->failures && wait_ms < settings->retry_wait_max_ms; i++) wait_ms *= 2;
    wait_ms = WEIR_MIN(wait_ms, settings->retry_wait_max_ms);
    session->failures++;
    session->retry_at_ms = now_ms + wait_ms;
    weir_log(session->failures >= settings->retry_attempts_max ? WEIR_LOG_ERROR : WEIR_LOG_WARN, LOGGER,
        "%s %s (try %u); once more in %lld ms", what, name, session->failures, (long long)wait_ms);
}

static void make_handle(struct weir_ha_session *session, const clientid_t *resumed)
{
    session->handle = zookeeper_init2(session->addresses, on_library_event,
        session->settings.session_timeout_ms, resumed, session, ZOO_NO_LOG_CLIENTENV, NULL);
    if (!session->handle) return;
    zoo_set_servers_resolution_delay(session->handle, -1);
    for (uint32_t i = 0; i < session->settings.authorization_count; i++) {
        const struct zookeeper_authorization *authorization = &session->settings.authorizations[i];
        zoo_add_auth(session->handle, authorization->scheme, authorization->value,
            (int)strlen(authorization->value), on_authorized, authorization->scheme);
    }
}

static void open_handle(struct weir_ha_session *session, int64_t now_ms)
{
    char addresses[ZOOKEEPER_SERVERS_BYTES_MAX], failed[256];
    bool complete;
    bool found = zookeeper_servers_addresses(session->servers, addresses, &complete, failed);
    if (!found && !complete) return; /* asked again in a moment */
    if (!found) {
        retry_later(session, now_ms, "no ZooKeeper server's name can be resolved:", failed);
        zookeeper_servers_resolve(session->servers);
        return;
    }
    snprintf(session->addresses, sizeof session->addresses, "%s", addresses);
    make_handle(session, NULL);
    if (!session->handle) retry_later(session, now_ms, "the ZooKeeper client does not start for", addresses);
}

/* The library has one buffer for all sessions to say it in. */
static const char *server_of(zhandle_t *handle, char text[64])
{
    struct sockaddr_storage address = { 0 };
    socklen_t length = sizeof address;
    char host[INET6_ADDRSTRLEN] = "?";
    uint16_t port = 0;
    if (zookeeper_get_connected_host(handle, (struct sockaddr *)&address, &length)) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
        bool is_six = address.ss_family == AF_INET6;
        port = ntohs(is_six ? six->sin6_port : four->sin_port);
        inet_ntop(address.ss_family, is_six ? (const void *)&six->sin6_addr : (const void *)&four->sin_addr,
            host, sizeof host);
    }
    snprintf(text, 64, "%s:%u", host, port);
    return text;
}

static void on_connected(struct weir_ha_session *session)
{
    char server[64];
    session->told = WEIR_HA_CONNECTED;
    session->timeout_ms = zoo_recv_timeout(session->handle);
    session->failures = 0;
    session->warned = false;
    if (session->announced != WEIR_HA_CONNECTED)
        weir_log(WEIR_LOG_INFO, LOGGER, "connected to %s: session 0x%llx, timeout %lld ms, below %s",
            server_of(session->handle, server), (unsigned long long)zoo_client_id(session->handle)->client_id,
            (long long)session->timeout_ms, session->settings.base);
    atomic_store(&session->refusal_told, false);
    atomic_store(&session->connected, true);
    announce(session, WEIR_HA_CONNECTED);
    zookeeper_watches_connected(session);
}

static void on_suspended(struct weir_ha_session *session, int64_t now_ms)
{
    session->told = WEIR_HA_SUSPENDED;
    session->connecting_since_ms = now_ms;
    atomic_store(&session->connected, false);
    weir_log(WEIR_LOG_WARN, LOGGER, "no contact to ZooKeeper; the session may live on");
    fail_in_flight(session);
}

static void close_handle(struct weir_ha_session *session)
{
    zhandle_t *handle = session->handle;
    session->handle = NULL;
    if (handle) zookeeper_close(handle);
}

static void on_session_over(struct weir_ha_session *session, int64_t now_ms, int state)
{
    atomic_store(&session->connected, false);
    session->told = WEIR_HA_LOST;
    session->connecting_since_ms = now_ms;
    zookeeper_watches_session_over(session);
    fail_in_flight(session);
    close_handle(session);
    if (state == ZOO_AUTH_FAILED_STATE)
        retry_later(session, now_ms, "the servers refuse the", "authorization");
    else
        weir_log(WEIR_LOG_WARN, LOGGER, "the ZooKeeper session is over; a new one is begun");
    announce(session, WEIR_HA_LOST);
}

/*
 * Servers refuse whoever has seen more than they have, for ever: after their data were lost, or set back. The
 * same session from a handle that remembers nothing is either resumed or found to be over.
 */
static void resume(struct weir_ha_session *session, int64_t now_ms)
{
    session->resumed_ms = now_ms;
    clientid_t identifier = *zoo_client_id(session->handle);
    if (!identifier.client_id) return;
    zookeeper_watches_session_over(session);
    fail_in_flight(session);
    close_handle(session); /* out of contact: the servers hear nothing of it */
    make_handle(session, &identifier);
    if (!session->handle) on_session_over(session, now_ms, 0);
}

/* Out of contact: names may mean other addresses by now. */
static void look_up_again(struct weir_ha_session *session, int64_t now_ms)
{
    const struct zookeeper_settings *settings = &session->settings;
    if (!session->warned && now_ms - session->connecting_since_ms >= settings->connection_timeout_ms) {
        session->warned = true;
        weir_log(WEIR_LOG_ERROR, LOGGER, "none of %s has answered for %lld ms", settings->servers,
            (long long)settings->connection_timeout_ms);
    }
    int64_t since_ms = WEIR_MAX(session->connecting_since_ms, session->resumed_ms);
    if (now_ms - since_ms >= settings->connection_timeout_ms) {
        resume(session, now_ms);
        return;
    }
    if (now_ms - session->resolved_ms < RESOLVE_AGAIN_MS) return;
    session->resolved_ms = now_ms;
    char addresses[ZOOKEEPER_SERVERS_BYTES_MAX], failed[256];
    bool complete;
    if (zookeeper_servers_addresses(session->servers, addresses, &complete, failed) && complete &&
        strcmp(addresses, session->addresses) != 0 && zoo_set_servers(session->handle, addresses) == ZOK)
        snprintf(session->addresses, sizeof session->addresses, "%s", addresses);
    zookeeper_servers_resolve(session->servers);
}

static void check_state(struct weir_ha_session *session, int64_t now_ms)
{
    int state = zoo_state(session->handle);
    if (is_unrecoverable(session->handle)) {
        on_session_over(session, now_ms, state);
    } else if (state == ZOO_CONNECTED_STATE) {
        session->contact_ms = now_ms;
        if (session->told != WEIR_HA_CONNECTED) on_connected(session);
    } else if (session->told == WEIR_HA_CONNECTED) {
        on_suspended(session, now_ms);
    } else {
        look_up_again(session, now_ms);
    }
    bool tolerated =
        session->settings.tolerate_suspended && now_ms - session->contact_ms < session->timeout_ms * 2 / 3;
    if (session->told == WEIR_HA_SUSPENDED && !tolerated) announce(session, WEIR_HA_SUSPENDED);
}

/* --- the thread --- */

/* True when it is to end. */
static bool take_items(struct weir_ha_session *session)
{
    pthread_mutex_lock(&session->mutex);
    struct zookeeper_item *item = session->first;
    session->first = NULL;
    session->last = &session->first;
    bool closing = session->closing;
    pthread_mutex_unlock(&session->mutex);
    while (item) {
        struct zookeeper_item *next = item->next;
        if (item->request)
            zookeeper_request_start(item->request);
        else
            zookeeper_watch_arm(session, item->key);
        weir_memory_release(session->config.memory, item, sizeof *item);
        item = next;
    }
    return closing;
}

static bool loop_hangs(struct weir_ha_session *session, int64_t now_ms)
{
    int64_t timeout_ms = session->timeout_ms ? session->timeout_ms : session->settings.session_timeout_ms;
    return now_ms - atomic_load(&session->beaten_ms) > WEIR_MAX(timeout_ms / 2, INT64_C(200));
}

static int wait_for(const struct weir_ha_session *session, int64_t now_ms)
{
    int64_t wait_ms = session->retry_at_ms > now_ms ? session->retry_at_ms - now_ms : RESOLVE_WAIT_MS;
    return (int)WEIR_MIN(wait_ms, (int64_t)WAIT_MAX_MS);
}

/* Kin in which something happened go last to first: each that goes is replaced by the last. */
static void wait(struct weir_ha_session *session, struct pollfd *polled, int timeout_ms)
{
    uint32_t kin = session->kin_count;
    for (uint32_t i = 0; i < kin; i++)
        polled[2 + i] = (struct pollfd){ .fd = session->kin[i].process_descriptor, .events = POLLIN };
    if (poll(polled, 2 + kin, timeout_ms) <= 0) {
        polled[1].revents = 0;
        return;
    }
    if (polled[0].revents) {
        uint64_t counter;
        ssize_t got = read(session->wake_descriptor, &counter, sizeof counter);
        (void)got;
    }
    while (kin-- > 0)
        if (polled[2 + kin].revents) zookeeper_kin_died(session, kin);
}

static void step(struct weir_ha_session *session)
{
    struct pollfd polled[2 + ZOOKEEPER_KIN_MAX] = { { .fd = session->wake_descriptor, .events = POLLIN },
        { .fd = -1 } };
    int64_t now_ms = weir_clock_monotonic_ms();
    if (!session->handle && now_ms >= session->retry_at_ms) open_handle(session, now_ms);
    if (!session->handle) {
        wait(session, polled, wait_for(session, now_ms));
        return;
    }
    if (loop_hangs(session, now_ms)) {
        wait(session, polled, HUNG_CHECK_MS);
        return;
    }
    int descriptor = -1, interest = 0, events = 0;
    struct timeval timeout = { 0 };
    zookeeper_interest(session->handle, &descriptor, &interest, &timeout);
    polled[1].fd = descriptor;
    polled[1].events =
        (short)((interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0));
    int64_t timeout_ms = (int64_t)timeout.tv_sec * 1000 + (timeout.tv_usec + 999) / 1000;
    if (descriptor < 0) timeout_ms = WEIR_MAX(timeout_ms, INT64_C(1));
    if (session->told != WEIR_HA_CONNECTED)
        timeout_ms = WEIR_MIN(timeout_ms, session->settings.session_timeout_ms / 6 + 1);
    int64_t resumed_ms = session->resumed_ms;
    check_state(session, now_ms);
    if (!session->handle || session->resumed_ms != resumed_ms)
        return; /* the descriptor was another handle's */
    wait(session, polled, (int)WEIR_MIN(timeout_ms, (int64_t)WAIT_MAX_MS));
    if (polled[1].revents & (POLLIN | POLLHUP | POLLERR)) events |= ZOOKEEPER_READ;
    if (polled[1].revents & (POLLOUT | POLLHUP | POLLERR)) events |= ZOOKEEPER_WRITE;
    zookeeper_process(session->handle, events);
    check_state(session, weir_clock_monotonic_ms());
}

static void *session_main(void *argument)
{
    struct weir_ha_session *session = argument;
    zookeeper_servers_resolve(session->servers);
    while (!take_items(session)) step(session);
    close_handle(session); /* ends the session: ephemeral nodes go */
    fail_in_flight(session);
    zookeeper_kin_done(session);
    pthread_mutex_lock(&session->mutex);
    session->ended = true;
    pthread_cond_signal(&session->condition);
    pthread_mutex_unlock(&session->mutex);
    zookeeper_session_release(session);
    return NULL;
}

/* --- the driver --- */

static void wake(struct weir_ha_session *session)
{
    uint64_t one = 1;
    ssize_t wrote = write(session->wake_descriptor, &one, sizeof one);
    (void)wrote;
}

static void put_item(struct weir_ha_session *session, struct zookeeper_request *request, const char *key)
{
    struct zookeeper_item *item = weir_memory_allocate_zeroed(session->config.memory, sizeof *item);
    item->request = request;
    snprintf(item->key, sizeof item->key, "%s", key);
    pthread_mutex_lock(&session->mutex);
    *session->last = item;
    session->last = &item->next;
    pthread_mutex_unlock(&session->mutex);
    wake(session);
}

static bool start_thread(struct weir_ha_session *session)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    zookeeper_session_retain(session);
    bool started = pthread_create(&thread, &attributes, session_main, session) == 0;
    if (!started) zookeeper_session_release(session);
    pthread_attr_destroy(&attributes);
    return started;
}

static enum weir_error_code zookeeper_open(
    const struct weir_ha_config *config, struct weir_ha_session **ret, struct weir_error *reterr)
{
    struct weir_ha_session *session = weir_memory_allocate_zeroed(config->memory, sizeof *session);
    session->config = *config;
    enum weir_error_code code = zookeeper_settings_read(config, &session->settings, reterr);
    if (code) {
        weir_memory_release(config->memory, session, sizeof *session);
        return code;
    }
    zoo_set_debug_level(0); /* what matters is said here; its lines are not thread-safe */
    atomic_store(&session->references, 1);
    atomic_store(&session->beaten_ms, weir_clock_monotonic_ms());
    session->connecting_since_ms = session->resolved_ms = weir_clock_monotonic_ms();
    session->told = session->announced = WEIR_HA_LOST;
    session->last = &session->first;
    zookeeper_mark_write(session->mark);
    pthread_mutex_init(&session->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&session->condition, &attributes);
    pthread_condattr_destroy(&attributes);
    session->wake_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    session->servers = zookeeper_servers_new(config->memory, session->settings.servers);
    if (session->wake_descriptor < 0 || !start_thread(session)) {
        zookeeper_session_release(session);
        return weir_error_set(reterr, WEIR_E_IO, "cannot start the thread of the zookeeper HA driver");
    }
    *ret = session;
    return WEIR_OK;
}

static void zookeeper_submit(struct weir_ha_session *session, uint64_t number,
    const struct weir_ha_operation *operations, uint32_t operation_count)
{
    WEIR_ASSERT(operation_count >= 1 && operation_count <= WEIR_HA_OPERATIONS_MAX);
    struct zookeeper_request *request = zookeeper_request_new(session, number, operations, operation_count);
    if (atomic_load(&session->connected)) {
        put_item(session, request, "");
    } else { /* nothing waits for a server that may never come */
        request->outcome = WEIR_HA_UNAVAILABLE;
        zookeeper_tell_done(request);
    }
}

static void zookeeper_watch_key(struct weir_ha_session *session, const char *key)
{
    put_item(session, NULL, key);
}

static void zookeeper_beat(struct weir_ha_session *session)
{
    atomic_store(&session->beaten_ms, weir_clock_monotonic_ms());
}

static void zookeeper_close_session(struct weir_ha_session *session)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t wait_ms = session->settings.close_wait_ms;
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&session->mutex);
    atomic_store(&session->closed, true);
    session->closing = true;
    wake(session);
    while (!session->ended && pthread_cond_timedwait(&session->condition, &session->mutex, &until) == 0) {}
    pthread_mutex_unlock(&session->mutex);
    zookeeper_session_release(session); /* a thread that still waits for a server goes by itself */
}

const struct weir_ha_driver weir_ha_zookeeper = {
    .name = "zookeeper",
    .description = "A ZooKeeper ensemble.",
    .options = zookeeper_options,
    .option_count = ZOOKEEPER_OPTIONS,
    .transactions = true,
    .open = zookeeper_open,
    .submit = zookeeper_submit,
    .watch = zookeeper_watch_key,
    .beat = zookeeper_beat,
    .close = zookeeper_close_session,
};
