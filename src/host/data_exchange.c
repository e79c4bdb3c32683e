#include "host/data_exchange.h"
#include "base/assert.h"
#include "host/data_exchange_internal.h"
#include "os/process.h"
#include <stdio.h>
#include <string.h>

enum { INDEX_CHAINS_MIN = 64 };

/* --- waking --- */

static void wake_exchange(struct weir_waker *waker)
{
    struct weir_link *link = (struct weir_link *)waker;
    if (atomic_exchange(&link->dirty, true)) return;
    struct weir_data_exchange *exchange = link->exchange;
    pthread_mutex_lock(&exchange->dirty_mutex);
    link->next_dirty = exchange->dirty;
    exchange->dirty = link;
    pthread_mutex_unlock(&exchange->dirty_mutex);
    uv_async_send(&exchange->wake);
}

static void remove_from(struct weir_link **at, const struct weir_link *link)
{
    while (*at && *at != link) at = &(*at)->next_dirty;
    if (*at) *at = link->next_dirty;
}

/* Nobody wakes the link any more. */
static void remove_dirty(struct weir_link *link)
{
    struct weir_data_exchange *exchange = link->exchange;
    if (!atomic_load(&link->dirty)) return;
    pthread_mutex_lock(&exchange->dirty_mutex);
    remove_from(&exchange->dirty, link);
    remove_from(&exchange->carrying, link);
    pthread_mutex_unlock(&exchange->dirty_mutex);
}

/* --- finding --- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t attempt_hash(uint64_t hash, const struct weir_attempt_id *attempt)
{
    uint64_t words[2];
    _Static_assert(sizeof attempt->job.bytes == sizeof words, "a job's id is two words");
    memcpy(words, attempt->job.bytes, sizeof words);
    hash = mix(mix(hash, words[0]), words[1]);
    hash = mix(hash, (uint64_t)attempt->vertex << 32 | attempt->subtask);
    return mix(mix(hash, attempt->epoch), attempt->number);
}

static uint64_t key_hash(const struct weir_link_key *key)
{
    return attempt_hash(attempt_hash(key->edge, &key->producer), &key->consumer);
}

static uint64_t number_hash(const struct exchange_connection *connection, uint32_t number)
{
    return mix((uintptr_t)connection, number);
}

static struct weir_link **chain_of(struct exchange_index *index, uint64_t hash)
{
    return &index->chains[hash >> 8 & (index->chain_count - 1)];
}

static void index_grow(struct weir_data_exchange *exchange, enum exchange_index_kind kind)
{
    struct exchange_index *index = &exchange->indexes[kind], old = *index;
    index->chain_count = WEIR_MAX((uint32_t)INDEX_CHAINS_MIN, old.chain_count * 2);
    index->chains =
        weir_memory_allocate_zeroed(exchange->config.memory, index->chain_count * sizeof(struct weir_link *));
    for (uint32_t i = 0; i < old.chain_count; i++) {
        for (struct weir_link *link = old.chains[i], *next; link; link = next) {
            next = link->next_of[kind];
            struct weir_link **chain = chain_of(index, link->hash_of[kind]);
            link->next_of[kind] = *chain;
            *chain = link;
        }
    }
    weir_memory_release(exchange->config.memory, old.chains, old.chain_count * sizeof(struct weir_link *));
}

static void index_add(struct weir_link *link, enum exchange_index_kind kind, uint64_t hash)
{
    struct exchange_index *index = &link->exchange->indexes[kind];
    if (index->count == index->chain_count) index_grow(link->exchange, kind);
    struct weir_link **chain = chain_of(index, hash);
    link->hash_of[kind] = hash;
    link->next_of[kind] = *chain;
    link->is_in[kind] = true;
    *chain = link;
    index->count++;
}

static void index_remove(struct weir_link *link, enum exchange_index_kind kind)
{
    if (!link->is_in[kind]) return;
    struct exchange_index *index = &link->exchange->indexes[kind];
    struct weir_link **at = chain_of(index, link->hash_of[kind]);
    while (*at != link) at = &(*at)->next_of[kind];
    *at = link->next_of[kind];
    link->is_in[kind] = false;
    index->count--;
}

/* The first link with this hash, or those behind it: from a chain's place on. */
static struct weir_link *next_with(struct weir_link *link, enum exchange_index_kind kind, uint64_t hash)
{
    while (link && link->hash_of[kind] != hash) link = link->next_of[kind];
    return link;
}

static bool keys_equal(const struct weir_link_key *a, const struct weir_link_key *b)
{
    return a->edge == b->edge && weir_attempt_id_equal(&a->producer, &b->producer) &&
           weir_attempt_id_equal(&a->consumer, &b->consumer);
}

struct weir_link *exchange_link_find(struct weir_data_exchange *exchange, const struct weir_link_key *key)
{
    struct exchange_index *index = &exchange->indexes[EXCHANGE_BY_KEY];
    uint64_t hash = key_hash(key);
    if (!index->count) return NULL;
    struct weir_link *link = next_with(*chain_of(index, hash), EXCHANGE_BY_KEY, hash);
    while (link && !keys_equal(&link->key, key))
        link = next_with(link->next_of[EXCHANGE_BY_KEY], EXCHANGE_BY_KEY, hash);
    return link;
}

struct weir_link *exchange_link_of_number(struct exchange_connection *connection, uint32_t number)
{
    struct exchange_index *index = &connection->exchange->indexes[EXCHANGE_BY_NUMBER];
    uint64_t hash = number_hash(connection, number);
    if (!index->count) return NULL;
    struct weir_link *link = next_with(*chain_of(index, hash), EXCHANGE_BY_NUMBER, hash);
    while (link && (link->connection != connection || link->number != number))
        link = next_with(link->next_of[EXCHANGE_BY_NUMBER], EXCHANGE_BY_NUMBER, hash);
    return link;
}

/* --- links --- */

struct weir_link *exchange_link_add(struct weir_data_exchange *exchange, const struct weir_link_key *key)
{
    struct weir_link *link = weir_memory_allocate_zeroed(exchange->config.memory, sizeof *link);
    link->waker.wake = wake_exchange;
    link->exchange = exchange;
    link->key = *key;
    weir_buffer_init(&link->rest, exchange->config.memory, EXCHANGE_REST_BYTES_MAX);
    exchange_place_init(&link->of_exchange);
    exchange_place_init(&link->of_connection);
    exchange_place_init(&link->waiting);
    exchange_place_init(&link->gone);
    exchange_place_enter(&link->of_exchange, &exchange->links);
    index_add(link, EXCHANGE_BY_KEY, key_hash(key));
    exchange->link_count++;
    return link;
}

void exchange_link_connect(struct weir_link *link, struct exchange_connection *connection, uint32_t number)
{
    exchange_link_disconnect(link);
    exchange_place_leave(&link->waiting);
    link->connection = connection;
    link->number = number;
    index_add(link, EXCHANGE_BY_NUMBER, number_hash(connection, number));
    exchange_place_enter(&link->of_connection, &connection->links);
}

void exchange_link_disconnect(struct weir_link *link)
{
    if (!link->connection) return;
    index_remove(link, EXCHANGE_BY_NUMBER);
    exchange_place_leave(&link->of_connection);
    link->connection = NULL;
    if (link->attached[1] && !link->established)
        exchange_place_enter(&link->waiting, &link->exchange->waiting);
}

void exchange_link_drop(struct weir_link *link)
{
    struct weir_data_exchange *exchange = link->exchange;
    exchange_link_disconnect(link);
    exchange_place_leave(&link->of_exchange);
    exchange_place_leave(&link->waiting);
    exchange_place_leave(&link->gone);
    index_remove(link, EXCHANGE_BY_KEY);
    exchange->link_count--;
    remove_dirty(link);
    weir_channel_free(link->channel);
    weir_buffer_done(&link->rest);
    weir_memory_release(exchange->config.memory, link, sizeof *link);
}

void exchange_link_establish(struct weir_link *link)
{
    if (link->established) return;
    link->established = true;
    for (uint32_t i = 0; i < 2; i++)
        if (link->attached[i]) link->ends[i].established(link->ends[i].owner);
}

void exchange_link_break(struct weir_link *link)
{
    if (link->broken_told) return;
    link->broken_told = true;
    for (uint32_t i = 0; i < 2; i++)
        if (link->attached[i]) link->ends[i].broken(link->ends[i].owner, link->peer_name);
}

struct weir_link *weir_data_exchange_link(struct weir_data_exchange *exchange,
    const struct weir_link_key *key, const struct weir_link_end *end, struct weir_channel **ret_channel)
{
    pthread_mutex_lock(&exchange->mutex);
    struct weir_link *link = exchange_link_find(exchange, key);
    if (!link) link = exchange_link_add(exchange, key);
    uint32_t side = end->is_producer ? 0 : 1;
    WEIR_ASSERT(!link->attached[side]);
    bool local = strcmp(end->peer_name, exchange->config.name) == 0 &&
                 end->peer_incarnation == exchange->config.incarnation;
    if (!link->channel)
        link->channel = weir_channel_new(exchange->config.memory, end->types, end->column_count);
    link->local = local;
    link->ends[side] = *end;
    link->attached[side] = true;
    if (!local) {
        snprintf(link->peer_name, sizeof link->peer_name, "%s", end->peer_name);
        snprintf(link->peer_address, sizeof link->peer_address, "%s", end->peer_address);
        link->peer_incarnation = end->peer_incarnation;
    }
    if (end->is_producer) {
        link->channel->producer = end->waker;
        if (!local) link->channel->consumer = &link->waker;
    } else {
        link->channel->consumer = end->waker;
        if (!local) link->channel->producer = &link->waker;
    }
    *ret_channel = link->channel;
    if (local) {
        if (link->attached[0] && link->attached[1]) exchange_link_establish(link);
    } else {
        if (!end->is_producer) link->number = ++exchange->link_number_next;
        link->since = ++exchange->order;
        exchange_place_enter(&link->waiting, &exchange->waiting);
        exchange->opens_wanted = true;
        uv_async_send(&exchange->wake);
    }
    pthread_mutex_unlock(&exchange->mutex);
    return link;
}

void weir_data_exchange_unlink(
    struct weir_data_exchange *exchange, struct weir_link *link, bool is_producer, bool orderly)
{
    pthread_mutex_lock(&exchange->mutex);
    uint32_t side = is_producer ? 0 : 1;
    WEIR_ASSERT(link->attached[side]);
    link->attached[side] = false;
    link->orderly[side] = orderly;
    if (is_producer && orderly) exchange_begin_lingering(link);
    link->leaving[side] = !link->lingering;
    exchange_place_enter(&link->gone, &exchange->gone);
    pthread_mutex_unlock(&exchange->mutex);
    uv_async_send(&exchange->wake);
}

/* An end has gone: the other is told, what nobody holds is freed. */
static void leave(struct weir_link *link)
{
    bool producer_left = link->leaving[0], consumer_left = link->leaving[1];
    bool orderly = (!producer_left || link->orderly[0]) && (!consumer_left || link->orderly[1]);
    link->leaving[0] = link->leaving[1] = false;
    if (!producer_left && !consumer_left) return; /* it lingers */
    if (link->local) {
        if (consumer_left && link->attached[0]) weir_channel_close_consumer(link->channel);
        snprintf(link->peer_name, sizeof link->peer_name, "%s", link->exchange->config.name);
        if (!orderly && link->established) exchange_link_break(link);
        if (!link->attached[0] && !link->attached[1]) exchange_link_drop(link);
        return;
    }
    struct exchange_connection *connection = link->connection;
    if (connection && !connection->closing && connection->up) {
        if (producer_left && !link->end_sent)
            exchange_frame_short(connection, EXCHANGE_BROKEN, link->number, NULL);
        if (consumer_left && !link->closed_told && !link->end_received)
            exchange_frame_closed(connection, link->number, orderly);
    }
    exchange_link_drop(link);
}

/* --- opening --- */

/* One that came up before the link was wanted may be to the process before, whose host has gone without a
 * word: whether another one has taken its place is not known from that. */
static struct exchange_connection *find_connection(
    struct weir_data_exchange *exchange, const struct weir_link *link)
{
    for (struct exchange_connection *c = exchange->connections; c; c = c->next) {
        if (!c->dialed || c->closing || strcmp(c->address, link->peer_address) != 0) continue;
        if (!c->up || c->incarnation == link->peer_incarnation || c->since > link->since) return c;
    }
    return NULL;
}

/* A consumer asks its producer's process; it waits on while there is no connection. */
static void open_link(struct weir_link *link)
{
    struct exchange_connection *connection = find_connection(link->exchange, link);
    if (!connection) {
        exchange_connection_dial(link->exchange, link->peer_address);
        return;
    }
    if (!connection->up) return;
    if (connection->incarnation != link->peer_incarnation) { /* another process has taken its place */
        exchange_link_break(link);
        return;
    }
    exchange_link_connect(link, connection, link->number);
    link->granted = WEIR_CHANNEL_ELEMENTS;
    exchange_frame_open(connection, link);
}

/* Consumers ask for what they wait for; producers answer who asked already. */
void exchange_open_links(struct weir_data_exchange *exchange)
{
    for (struct exchange_place *at = exchange->waiting.next, *next; at != &exchange->waiting; at = next) {
        next = at->next;
        struct weir_link *link = EXCHANGE_LINK_AT(at, waiting);
        if (link->attached[1]) {
            open_link(link);
        } else {
            exchange_place_leave(at);
            exchange_match_open(link);
        }
    }
}

/* --- the thread --- */

static void carry_dirty(struct weir_data_exchange *exchange)
{
    pthread_mutex_lock(&exchange->dirty_mutex);
    exchange->carrying = exchange->dirty;
    exchange->dirty = NULL;
    pthread_mutex_unlock(&exchange->dirty_mutex);
    while (exchange->carrying) {
        struct weir_link *link = exchange->carrying;
        exchange->carrying = link->next_dirty;
        atomic_store(&link->dirty, false); /* before it looks: who pushes now wakes again */
        exchange_carry(link);
        exchange_flush_large(exchange);
    }
}

static void on_wake(uv_async_t *async)
{
    struct weir_data_exchange *exchange = async->data;
    pthread_mutex_lock(&exchange->mutex);
    carry_dirty(exchange); /* first: it may hold links that leave */
    while (!exchange_place_is_free(&exchange->gone)) {
        struct weir_link *link = EXCHANGE_LINK_AT(exchange->gone.next, gone);
        exchange_place_leave(&link->gone);
        leave(link);
    }
    if (exchange->opens_wanted) {
        exchange->opens_wanted = false;
        exchange_open_links(exchange);
    }
    exchange_flush_all(exchange);
    if (exchange->closing) uv_stop(&exchange->loop);
    pthread_mutex_unlock(&exchange->mutex);
}

static void *exchange_main(void *argument)
{
    struct weir_data_exchange *exchange = argument;
    uv_run(&exchange->loop, UV_RUN_DEFAULT);
    return NULL;
}

enum weir_error_code weir_data_exchange_new(const struct weir_data_exchange_config *config,
    struct weir_data_exchange **ret, struct weir_error *reterr)
{
    struct weir_data_exchange *exchange = weir_memory_allocate_zeroed(config->memory, sizeof *exchange);
    int status = uv_loop_init(&exchange->loop);
    if (status) { /* there are no descriptors: nothing of the loop may be touched */
        weir_memory_release(config->memory, exchange, sizeof *exchange);
        return weir_error_set(
            reterr, WEIR_E_IO, "the loop of the data exchange cannot be made: %s", uv_strerror(status));
    }
    exchange->config = *config;
    exchange->connections_max = weir_os_descriptors_share(2, WEIR_EXCHANGE_CONNECTIONS_MAX);
    pthread_mutex_init(&exchange->mutex, NULL);
    pthread_mutex_init(&exchange->dirty_mutex, NULL);
    exchange_place_init(&exchange->links);
    exchange_place_init(&exchange->waiting);
    exchange_place_init(&exchange->gone);
    exchange_place_init(&exchange->unflushed);
    uv_async_init(&exchange->loop, &exchange->wake, on_wake);
    uv_timer_init(&exchange->loop, &exchange->retry);
    exchange->wake.data = exchange->retry.data = exchange;
    uint32_t last = WEIR_MAX(config->port_last, config->port_first);
    status = -1;
    for (uint32_t port = config->port_first; status && port <= last; port++)
        status = exchange_listen(exchange, (uint16_t)port);
    if (!status)
        exchange->thread_started = pthread_create(&exchange->thread, NULL, exchange_main, exchange) == 0;
    if (!exchange->thread_started) {
        weir_error_set(reterr, WEIR_E_CONFIGURATION, "cannot listen for data on %s port %u: %s",
            config->bind_address, config->port_first, status ? uv_strerror(status) : "no thread");
        weir_data_exchange_free(exchange);
        return WEIR_E_CONFIGURATION;
    }
    *ret = exchange;
    return WEIR_OK;
}

const char *weir_data_exchange_address(const struct weir_data_exchange *exchange)
{
    return exchange->address;
}

static void close_any(uv_handle_t *handle, void *argument)
{
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void weir_data_exchange_free(struct weir_data_exchange *exchange)
{
    if (!exchange) return;
    pthread_mutex_lock(&exchange->mutex);
    exchange->closing = true;
    pthread_mutex_unlock(&exchange->mutex);
    uv_async_send(&exchange->wake);
    if (exchange->thread_started) pthread_join(exchange->thread, NULL);
    pthread_mutex_lock(&exchange->mutex);
    for (struct exchange_connection *c = exchange->connections; c; c = c->next) exchange_connection_close(c);
    pthread_mutex_unlock(&exchange->mutex);
    uv_run(&exchange->loop, UV_RUN_NOWAIT);
    uv_walk(&exchange->loop, close_any, NULL);
    uv_run(&exchange->loop, UV_RUN_DEFAULT);
    uv_loop_close(&exchange->loop);
    while (!exchange_place_is_free(&exchange->links)) {
        struct weir_link *link = EXCHANGE_LINK_AT(exchange->links.next, of_exchange);
        WEIR_ASSERT(!link->attached[0] && !link->attached[1]);
        exchange_link_drop(link);
    }
    for (uint32_t i = 0; i < EXCHANGE_INDEXES; i++)
        weir_memory_release(exchange->config.memory, exchange->indexes[i].chains,
            exchange->indexes[i].chain_count * sizeof(struct weir_link *));
    pthread_mutex_destroy(&exchange->mutex);
    pthread_mutex_destroy(&exchange->dirty_mutex);
    weir_memory_release(exchange->config.memory, exchange, sizeof *exchange);
}

void weir_data_exchange_statistics(
    struct weir_data_exchange *exchange, struct weir_data_exchange_statistics *ret)
{
    pthread_mutex_lock(&exchange->mutex);
    *ret = exchange->statistics;
    ret->connections = exchange->connection_count;
    ret->links = exchange->link_count;
    pthread_mutex_unlock(&exchange->mutex);
}
