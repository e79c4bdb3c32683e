#include "host/data_exchange.h"
#include "host/address.h"
#include "base/assert.h"
#include "os/log.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define LOGGER "weir.exchange"
static const char magic[8] = "WEIRDAT1";

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_OPEN,
    FRAME_OPENED,
    FRAME_ELEMENT,
    FRAME_CREDIT,
    FRAME_CLOSED,
    FRAME_BROKEN
};
enum {
    READ_BYTES = 256 << 10,
    CREDIT_STEP = 4,
    DIAL_PAUSE_MS = 20,
    HELLO_BYTES_MAX = 1024,
    OUT_BYTES_MAX = 128 << 20,
    REFUSALS_PER_LINE = 1000 /* who is refused dials again and again */
};

/*
 * One lock guards all of it but what lies in channels. The exchange's thread holds it while it works; link
 * and unlink are short. A dirty link has something to carry: wakers put it on the list.
 */
struct weir_link {
    struct weir_waker waker; /* first: of the exchange, for the end that lies elsewhere */
    struct weir_data_exchange *exchange;
    struct weir_link *next, *next_dirty;
    _Atomic bool dirty;
    struct weir_link_key key;
    uint32_t number;              /* between two processes: chosen by the consumer's */
    struct weir_link_end ends[2]; /* 0: producer */
    bool attached[2], leaving[2], orderly[2];
    bool local, established, end_sent, end_received, closed_told, broken_told;
    /* A producer that has left in order, with elements for which there were no credits yet: they wait here as
     * frames, since the types of its batches went with it. */
    bool lingering;
    struct weir_buffer rest;
    size_t rest_offset;
    struct weir_channel *channel;  /* local: of both ends */
    struct connection *connection; /* not local */
    uint32_t credits;              /* producer: elements that may be sent */
    uint32_t granted, received;    /* consumer */
    char peer_name[256], peer_address[300];
    uint64_t peer_incarnation;
};

struct connection {
    struct connection *next;
    struct weir_data_exchange *exchange;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connect;
    uint32_t handles;
    bool dialed, connected, up, closing;
    char name[256], address[300]; /* of the other side */
    uint64_t incarnation;
    char *in;
    size_t in_length, in_capacity;
    struct weir_buffer out; /* not yet handed to the system */
};

struct weir_data_exchange {
    struct weir_data_exchange_config config;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t retry; /* links that have lost their connection are opened again a little later */
    uv_tcp_t listener;
    pthread_t thread;
    bool thread_started;
    char address[300];
    pthread_mutex_t mutex; /* guards what follows */
    struct weir_link *links;
    struct connection *connections;
    uint32_t link_count, connection_count, link_number_next;
    uint32_t refused;
    bool closing, opens_wanted, leaves_wanted;
    pthread_mutex_t dirty_mutex;
    struct weir_link *dirty;
    struct weir_data_exchange_statistics statistics;
};

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

static void remove_dirty(struct weir_link *link)
{
    struct weir_data_exchange *exchange = link->exchange;
    pthread_mutex_lock(&exchange->dirty_mutex);
    struct weir_link **at = &exchange->dirty;
    while (*at && *at != link) at = &(*at)->next_dirty;
    if (*at) *at = link->next_dirty;
    pthread_mutex_unlock(&exchange->dirty_mutex);
}

/* --- frames out --- */

static size_t begin_frame(struct connection *connection, enum frame_type type)
{
    size_t at = connection->out.length;
    weir_buffer_append_u32(&connection->out, 0);
    weir_buffer_append_byte(&connection->out, (char)type);
    return at;
}

static void end_frame(struct connection *connection, size_t at)
{
    size_t length = connection->out.length - at - 4;
    for (uint32_t i = 0; i < 4; i++) connection->out.data[at + i] = (char)(length >> (8 * i));
}

static void put_text(struct weir_buffer *to, const char *text)
{
    weir_buffer_append_u32(to, (uint32_t)strlen(text));
    weir_buffer_append_text(to, text);
}

static void put_attempt(struct weir_buffer *to, const struct weir_attempt_id *attempt)
{
    weir_buffer_append(to, attempt->job.bytes, sizeof attempt->job.bytes);
    weir_buffer_append_u32(to, attempt->vertex);
    weir_buffer_append_u32(to, attempt->subtask);
    weir_buffer_append_u64(to, attempt->epoch);
    weir_buffer_append_u32(to, attempt->number);
}

static void short_frame(
    struct connection *connection, enum frame_type type, uint32_t link, const uint32_t *number)
{
    if (!connection || connection->closing) return;
    size_t at = begin_frame(connection, type);
    weir_buffer_append_u32(&connection->out, link);
    if (number) weir_buffer_append_u32(&connection->out, *number);
    end_frame(connection, at);
}

struct write_request {
    uv_write_t request;
    struct weir_memory *memory;
    size_t bytes;
    char data[];
};

static void close_connection(struct connection *connection);
static void carry(struct weir_link *link);

static void on_written(uv_write_t *request, int status)
{
    struct write_request *write = (struct write_request *)request;
    struct connection *connection = request->handle->data;
    struct weir_data_exchange *exchange = connection->exchange;
    weir_memory_release(write->memory, write, sizeof *write + write->bytes);
    pthread_mutex_lock(&exchange->mutex);
    if (status < 0) {
        if (status != UV_ECANCELED) close_connection(connection);
    } else if (!connection->closing) { /* there is room again */
        for (struct weir_link *link = exchange->links; link; link = link->next)
            if (link->connection == connection && (link->attached[0] || link->lingering)) carry(link);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

static void flush(struct connection *connection)
{
    if (connection->closing || !connection->connected || !connection->out.length) return;
    struct weir_memory *memory = connection->exchange->config.memory;
    struct write_request *write = weir_memory_allocate(memory, sizeof *write + connection->out.length);
    write->memory = memory;
    write->bytes = connection->out.length;
    memcpy(write->data, connection->out.data, connection->out.length);
    uv_buf_t buffer = uv_buf_init(write->data, (unsigned)write->bytes);
    connection->exchange->statistics.bytes_out += write->bytes;
    weir_buffer_clear(&connection->out);
    if (uv_write(&write->request, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written) != 0) {
        weir_memory_release(memory, write, sizeof *write + write->bytes);
        close_connection(connection);
    }
}

static size_t waiting(const struct connection *connection)
{
    return connection->out.length + uv_stream_get_write_queue_size((const uv_stream_t *)&connection->tcp);
}

/* --- carrying --- */

static void put_element(struct weir_buffer *out, uint32_t number, const struct weir_element *element)
{
    size_t at = out->length;
    weir_buffer_append_u32(out, 0);
    weir_buffer_append_byte(out, FRAME_ELEMENT);
    weir_buffer_append_u32(out, number);
    weir_buffer_append_byte(out, (char)element->kind);
    weir_buffer_append_byte(out, element->savepoint);
    weir_buffer_append_u64(out, (uint64_t)element->value);
    weir_buffer_append_u64(out, element->epoch);
    weir_buffer_append_u64(out, element->base_id);
    if (element->kind == WEIR_ELEMENT_BATCH) weir_batch_encode(element->batch, out);
    size_t length = out->length - at - 4;
    for (uint32_t i = 0; i < 4; i++) out->data[at + i] = (char)(length >> (8 * i));
}

/* Takes the channel's oldest element off as a frame. */
static bool take_element(struct weir_link *link, struct weir_buffer *out)
{
    const struct weir_element *element = weir_channel_peek(link->channel);
    if (!element || link->end_sent) return false;
    put_element(out, link->number, element);
    struct weir_batch *batch = element->kind == WEIR_ELEMENT_BATCH ? element->batch : NULL;
    link->end_sent = element->kind == WEIR_ELEMENT_END;
    weir_channel_pop(link->channel);
    if (batch) weir_channel_give_back(link->channel, batch);
    return true;
}

static bool may_send(const struct weir_link *link)
{
    return link->credits && waiting(link->connection) < WEIR_EXCHANGE_QUEUE_BYTES;
}

static void count_sent(struct weir_link *link)
{
    link->credits--;
    link->exchange->statistics.elements_out++;
}

static void carry_out(struct weir_link *link)
{
    while (may_send(link) && take_element(link, &link->connection->out)) count_sent(link);
}

/* Nothing more is to be sent for a producer that has left: the link goes at the next wake-up, never under
 * somebody who walks over the links. */
static void end_lingering(struct weir_link *link)
{
    link->lingering = false;
    link->leaving[0] = link->orderly[0] = true;
    link->exchange->leaves_wanted = true;
    uv_async_send(&link->exchange->wake);
}

static void carry_rest(struct weir_link *link)
{
    while (link->rest_offset < link->rest.length && may_send(link)) {
        struct weir_reader reader = { .data = (const uint8_t *)link->rest.data + link->rest_offset,
            .length = link->rest.length - link->rest_offset };
        size_t length = 4 + (size_t)weir_reader_u32(&reader);
        weir_buffer_append(&link->connection->out, link->rest.data + link->rest_offset, length);
        link->rest_offset += length;
        count_sent(link);
    }
    if (link->rest_offset == link->rest.length) end_lingering(link);
}

static void carry_back(struct weir_link *link)
{
    if (atomic_load(&link->channel->consumer_finished)) {
        if (link->closed_told) return;
        link->closed_told = true;
        size_t at = begin_frame(link->connection, FRAME_CLOSED);
        weir_buffer_append_u32(&link->connection->out, link->number);
        weir_buffer_append_byte(&link->connection->out, 1);
        end_frame(link->connection, at);
        return;
    }
    uint32_t outstanding = link->granted - link->received;
    uint32_t more = weir_channel_room(link->channel) - outstanding;
    if (!more || (more < CREDIT_STEP && outstanding)) return;
    link->granted += more;
    short_frame(link->connection, FRAME_CREDIT, link->number, &more);
}

/* Moves what can be moved on a link between two processes. */
static void carry(struct weir_link *link)
{
    if (link->local || !link->connection || !link->established || link->connection->closing) return;
    if (link->attached[0]) carry_out(link);
    if (link->lingering) carry_rest(link);
    if (link->attached[1]) carry_back(link);
    flush(link->connection);
}

/* --- links --- */

static bool keys_equal(const struct weir_link_key *a, const struct weir_link_key *b)
{
    return a->edge == b->edge && weir_attempt_id_equal(&a->producer, &b->producer) &&
           weir_attempt_id_equal(&a->consumer, &b->consumer);
}

static struct weir_link *find_link(struct weir_data_exchange *exchange, const struct weir_link_key *key)
{
    struct weir_link *link = exchange->links;
    while (link && !keys_equal(&link->key, key)) link = link->next;
    return link;
}

static struct weir_link *add_link(struct weir_data_exchange *exchange, const struct weir_link_key *key)
{
    struct weir_link *link = weir_memory_allocate_zeroed(exchange->config.memory, sizeof *link);
    link->waker.wake = wake_exchange;
    link->exchange = exchange;
    link->key = *key;
    weir_buffer_init(&link->rest, exchange->config.memory, OUT_BYTES_MAX);
    link->next = exchange->links;
    exchange->links = link;
    exchange->link_count++;
    return link;
}

static void drop_link(struct weir_link *link)
{
    struct weir_data_exchange *exchange = link->exchange;
    struct weir_link **at = &exchange->links;
    while (*at != link) at = &(*at)->next;
    *at = link->next;
    exchange->link_count--;
    remove_dirty(link);
    weir_channel_free(link->channel);
    weir_buffer_done(&link->rest);
    weir_memory_release(exchange->config.memory, link, sizeof *link);
}

static void establish(struct weir_link *link)
{
    if (link->established) return;
    link->established = true;
    for (uint32_t i = 0; i < 2; i++)
        if (link->attached[i]) link->ends[i].established(link->ends[i].owner);
}

static void break_link(struct weir_link *link)
{
    if (link->broken_told) return;
    link->broken_told = true;
    for (uint32_t i = 0; i < 2; i++)
        if (link->attached[i]) link->ends[i].broken(link->ends[i].owner, link->peer_name);
}

/* Both the producer and the consumer's OPEN are here. */
static void match_open(struct weir_link *link)
{
    if (!link->attached[0] || !link->connection || link->established) return;
    short_frame(link->connection, FRAME_OPENED, link->number, NULL);
    flush(link->connection);
    establish(link);
    carry(link);
}

struct weir_link *weir_data_exchange_link(struct weir_data_exchange *exchange,
    const struct weir_link_key *key, const struct weir_link_end *end, struct weir_channel **ret_channel)
{
    pthread_mutex_lock(&exchange->mutex);
    struct weir_link *link = find_link(exchange, key);
    if (!link) link = add_link(exchange, key);
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
        if (link->attached[0] && link->attached[1]) establish(link);
    } else {
        if (!end->is_producer) link->number = ++exchange->link_number_next;
        exchange->opens_wanted = true;
        uv_async_send(&exchange->wake);
    }
    pthread_mutex_unlock(&exchange->mutex);
    return link;
}

/* What a finished producer has pushed is still owed to a consumer that was slow. */
static void begin_lingering(struct weir_link *link)
{
    if (link->local || !link->established || !link->connection || link->end_sent ||
        atomic_load(&link->channel->consumer_finished))
        return;
    while (take_element(link, &link->rest)) continue;
    if (!link->end_sent || link->rest.overflowed) { /* no END was there: that is no order */
        link->end_sent = link->orderly[0] = false;
        return;
    }
    link->lingering = true;
}

void weir_data_exchange_unlink(
    struct weir_data_exchange *exchange, struct weir_link *link, bool is_producer, bool orderly)
{
    pthread_mutex_lock(&exchange->mutex);
    uint32_t side = is_producer ? 0 : 1;
    WEIR_ASSERT(link->attached[side]);
    link->attached[side] = false;
    link->orderly[side] = orderly;
    if (is_producer && orderly) begin_lingering(link);
    link->leaving[side] = !link->lingering;
    exchange->leaves_wanted = true;
    pthread_mutex_unlock(&exchange->mutex);
    uv_async_send(&exchange->wake);
}

/* An end has gone: the other is told, what nobody holds is freed. */
static void leave(struct weir_link *link)
{
    bool producer_left = link->leaving[0], consumer_left = link->leaving[1];
    bool orderly = (!producer_left || link->orderly[0]) && (!consumer_left || link->orderly[1]);
    link->leaving[0] = link->leaving[1] = false;
    if (link->local) {
        if (consumer_left && link->attached[0]) weir_channel_close_consumer(link->channel);
        snprintf(link->peer_name, sizeof link->peer_name, "%s", link->exchange->config.name);
        if (!orderly && link->established) break_link(link);
        if (!link->attached[0] && !link->attached[1]) drop_link(link);
        return;
    }
    struct connection *connection = link->connection;
    if (connection && !connection->closing && connection->up) {
        if (producer_left && !link->end_sent) short_frame(connection, FRAME_BROKEN, link->number, NULL);
        if (consumer_left && !link->closed_told && !link->end_received) {
            size_t at = begin_frame(connection, FRAME_CLOSED);
            weir_buffer_append_u32(&connection->out, link->number);
            weir_buffer_append_byte(&connection->out, orderly);
            end_frame(connection, at);
        }
        flush(connection);
    }
    drop_link(link);
}

/* --- frames in --- */

static struct weir_link *find_number(struct connection *connection, uint32_t number)
{
    struct weir_link *link = connection->exchange->links;
    while (link && (link->connection != connection || link->number != number || link->local))
        link = link->next;
    return link;
}

static bool take_text(struct weir_reader *reader, char *text, size_t bytes)
{
    uint32_t length = weir_reader_u32(reader);
    const void *from = length < bytes ? weir_reader_bytes(reader, length) : NULL;
    if (!from) return false;
    memcpy(text, from, length);
    text[length] = '\0';
    return true;
}

static bool take_attempt(struct weir_reader *reader, struct weir_attempt_id *ret)
{
    const void *job = weir_reader_bytes(reader, sizeof ret->job.bytes);
    if (!job) return false;
    memcpy(ret->job.bytes, job, sizeof ret->job.bytes);
    ret->vertex = weir_reader_u32(reader);
    ret->subtask = weir_reader_u32(reader);
    ret->epoch = weir_reader_u64(reader);
    ret->number = weir_reader_u32(reader);
    return !reader->failed;
}

static void open_links(struct weir_data_exchange *exchange);

static bool on_hello(struct connection *connection, struct weir_reader *reader)
{
    const void *word = weir_reader_bytes(reader, sizeof magic);
    if (!word || memcmp(word, magic, sizeof magic) != 0) return false;
    uint64_t incarnation = weir_reader_u64(reader);
    char cluster[256], name[256];
    if (!take_text(reader, cluster, sizeof cluster) || !take_text(reader, name, sizeof name)) return false;
    if (strcmp(cluster, connection->exchange->config.cluster) != 0) {
        if (connection->exchange->refused++ % REFUSALS_PER_LINE == 0)
            weir_log(
                WEIR_LOG_WARN, LOGGER, "refused data of '%s', which belongs to cluster '%s'", name, cluster);
        close_connection(connection);
        return true;
    }
    snprintf(connection->name, sizeof connection->name, "%s", name);
    connection->incarnation = incarnation;
    connection->up = true;
    uv_timer_stop(&connection->timer);
    open_links(connection->exchange);
    return true;
}

static bool on_open(struct connection *connection, struct weir_reader *reader)
{
    struct weir_data_exchange *exchange = connection->exchange;
    uint32_t number = weir_reader_u32(reader), credits = weir_reader_u32(reader);
    struct weir_link_key key = { .edge = weir_reader_u32(reader) };
    if (!take_attempt(reader, &key.producer) || !take_attempt(reader, &key.consumer)) return false;
    struct weir_link *link = find_link(exchange, &key);
    if (!link) link = add_link(exchange, &key); /* the producer may come later */
    if (link->attached[1] || link->local) return false;
    link->connection = connection;
    link->number = number;
    link->credits = credits;
    match_open(link);
    return true;
}

static bool on_element(struct connection *connection, struct weir_reader *reader)
{
    struct weir_link *link = find_number(connection, weir_reader_u32(reader));
    struct weir_element element = { .kind = (enum weir_element_kind)weir_reader_byte(reader) };
    element.savepoint = weir_reader_byte(reader);
    element.value = (int64_t)weir_reader_u64(reader);
    element.epoch = weir_reader_u64(reader);
    element.base_id = weir_reader_u64(reader);
    if (reader->failed || element.kind > WEIR_ELEMENT_END) return false;
    if (!link || !link->attached[1]) return true; /* its consumer has gone */
    if (!weir_channel_room(link->channel) || link->end_received) return false;
    if (element.kind == WEIR_ELEMENT_BATCH) {
        element.batch = weir_channel_take_empty(link->channel);
        weir_batch_reset(element.batch);
        struct weir_error error;
        if (weir_batch_decode(
                element.batch, reader->data + reader->offset, reader->length - reader->offset, &error)) {
            weir_log(WEIR_LOG_ERROR, LOGGER, "a batch from '%s' cannot be read: %s", connection->name,
                error.message);
            return false;
        }
    }
    link->end_received = element.kind == WEIR_ELEMENT_END;
    link->received++;
    connection->exchange->statistics.elements_in++;
    weir_channel_push(link->channel, element);
    return true;
}

static bool on_frame(struct connection *connection, const uint8_t *bytes, size_t length)
{
    struct weir_reader reader = { .data = bytes, .length = length };
    enum frame_type type = (enum frame_type)weir_reader_byte(&reader);
    if (!connection->up) return type == FRAME_HELLO && on_hello(connection, &reader);
    if (type == FRAME_OPEN) return on_open(connection, &reader);
    if (type == FRAME_ELEMENT) return on_element(connection, &reader);
    struct weir_link *link = find_number(connection, weir_reader_u32(&reader));
    switch (type) {
    case FRAME_OPENED:
        if (link && link->attached[1]) establish(link);
        break;
    case FRAME_CREDIT: {
        uint32_t more = weir_reader_u32(&reader);
        if (more > WEIR_CHANNEL_ELEMENTS) return false;
        if (!link || (!link->attached[0] && !link->lingering)) break;
        link->credits += more;
        carry(link);
        break;
    }
    case FRAME_CLOSED: {
        bool orderly = weir_reader_byte(&reader);
        if (!link) break;
        if (!link->attached[0]) { /* a placeholder whose producer has not come, or has gone */
            if (link->lingering)
                end_lingering(link);
            else if (!link->leaving[0])
                drop_link(link);
            break;
        }
        if (orderly)
            weir_channel_close_consumer(link->channel);
        else if (!link->end_sent || link->credits < WEIR_CHANNEL_ELEMENTS)
            break_link(link);
        break;
    }
    case FRAME_BROKEN:
        if (link && link->attached[1] && !link->end_received) break_link(link);
        break;
    default: return false;
    }
    return !reader.failed;
}

static void take_frames(struct connection *connection)
{
    size_t at = 0;
    while (!connection->closing && connection->in_length - at >= 4) {
        const uint8_t *bytes = (const uint8_t *)connection->in + at;
        size_t length =
            (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
        size_t most = connection->up ? (size_t)WEIR_EXCHANGE_FRAME_BYTES_MAX : (size_t)HELLO_BYTES_MAX;
        bool good = length >= 1 && length <= most;
        if (good && connection->in_length - at < 4 + length) break;
        if (!good || !on_frame(connection, bytes + 4, length)) {
            weir_log(WEIR_LOG_WARN, LOGGER,
                "closed a data connection to '%s': it does not speak this protocol", connection->name);
            close_connection(connection);
            break;
        }
        at += 4 + length;
    }
    if (at) memmove(connection->in, connection->in + at, connection->in_length - at);
    connection->in_length -= at;
}

/* --- connections --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct weir_data_exchange *exchange = connection->exchange;
    if (--connection->handles) return;
    pthread_mutex_lock(&exchange->mutex);
    struct connection **at = &exchange->connections;
    while (*at != connection) at = &(*at)->next;
    *at = connection->next;
    exchange->connection_count--;
    pthread_mutex_unlock(&exchange->mutex);
    weir_buffer_done(&connection->out);
    weir_memory_release(exchange->config.memory, connection->in, connection->in_capacity);
    weir_memory_release(exchange->config.memory, connection, sizeof *connection);
}

static void on_retry(uv_timer_t *timer)
{
    struct weir_data_exchange *exchange = timer->data;
    pthread_mutex_lock(&exchange->mutex);
    open_links(exchange);
    pthread_mutex_unlock(&exchange->mutex);
}

/* Links that were under way on it break; those that were not established yet are opened again on another. */
static void close_connection(struct connection *connection)
{
    if (connection->closing) return;
    struct weir_data_exchange *exchange = connection->exchange;
    connection->closing = true;
    uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    for (struct weir_link *link = exchange->links, *next; link; link = next) {
        next = link->next;
        if (link->local || link->connection != connection) continue;
        link->connection = NULL;
        bool over = (link->attached[0] && link->end_sent) || (link->attached[1] && link->end_received);
        if (link->established && !over) break_link(link);
        if (!link->attached[0] && !link->attached[1] && !link->leaving[0] && !link->leaving[1])
            drop_link(link);
    }
    if (!exchange->closing) uv_timer_start(&exchange->retry, on_retry, DIAL_PAUSE_MS, 0);
}

static struct connection *new_connection(struct weir_data_exchange *exchange)
{
    struct connection *connection = weir_memory_allocate_zeroed(exchange->config.memory, sizeof *connection);
    connection->exchange = exchange;
    connection->next = exchange->connections;
    exchange->connections = connection;
    exchange->connection_count++;
    weir_buffer_init(&connection->out, exchange->config.memory, OUT_BYTES_MAX);
    uv_tcp_init(&exchange->loop, &connection->tcp);
    uv_timer_init(&exchange->loop, &connection->timer);
    connection->tcp.data = connection->timer.data = connection;
    connection->handles = 2;
    return connection;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *connection = handle->data;
    size_t wanted = connection->in_length + READ_BYTES;
    if (connection->in_capacity < wanted) {
        size_t capacity = WEIR_MAX(connection->in_capacity * 2, wanted);
        connection->in = weir_memory_reallocate(
            connection->exchange->config.memory, connection->in, connection->in_capacity, capacity);
        connection->in_capacity = capacity;
    }
    *buffer = uv_buf_init(
        connection->in + connection->in_length, (unsigned)(connection->in_capacity - connection->in_length));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;
    struct weir_data_exchange *exchange = connection->exchange;
    if (connection->closing) return;
    pthread_mutex_lock(&exchange->mutex);
    if (got < 0) {
        close_connection(connection);
    } else {
        connection->in_length += (size_t)got;
        exchange->statistics.bytes_in += (uint64_t)got;
        take_frames(connection);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

static void say_hello(struct connection *connection)
{
    struct weir_data_exchange *exchange = connection->exchange;
    connection->connected = true;
    uv_tcp_nodelay(&connection->tcp, 1);
    size_t at = begin_frame(connection, FRAME_HELLO);
    weir_buffer_append(&connection->out, magic, sizeof magic);
    weir_buffer_append_u64(&connection->out, exchange->config.incarnation);
    put_text(&connection->out, exchange->config.cluster);
    put_text(&connection->out, exchange->config.name);
    end_frame(connection, at);
    flush(connection);
    if (!connection->closing) uv_read_start((uv_stream_t *)&connection->tcp, on_allocate, on_read);
}

static void on_connection_late(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    close_connection(connection);
    pthread_mutex_unlock(&exchange->mutex);
}

static void on_pause_over(uv_timer_t *timer);

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->data;
    struct weir_data_exchange *exchange = connection->exchange;
    pthread_mutex_lock(&exchange->mutex);
    if (!connection->closing) {
        if (status == 0)
            say_hello(connection);
        else /* kept for a moment, so that it is not dialed again at once */
            uv_timer_start(&connection->timer, on_pause_over, DIAL_PAUSE_MS, 0);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

static void on_pause_over(uv_timer_t *timer)
{
    on_connection_late(timer);
    uv_async_send(&((struct connection *)timer->data)->exchange->wake);
}

static void on_incoming(uv_stream_t *listener, int status)
{
    struct weir_data_exchange *exchange = listener->data;
    if (status != 0) return;
    pthread_mutex_lock(&exchange->mutex);
    struct connection *connection = new_connection(exchange);
    if (uv_accept(listener, (uv_stream_t *)&connection->tcp) != 0 ||
        exchange->connection_count > WEIR_EXCHANGE_CONNECTIONS_MAX) {
        close_connection(connection);
    } else {
        uv_timer_start(&connection->timer, on_connection_late, 5000, 0);
        say_hello(connection);
    }
    pthread_mutex_unlock(&exchange->mutex);
}

static struct connection *find_connection(struct weir_data_exchange *exchange, const struct weir_link *link)
{
    for (struct connection *c = exchange->connections; c; c = c->next)
        if (c->dialed && !c->closing && strcmp(c->address, link->peer_address) == 0) return c;
    return NULL;
}

static void dial(struct weir_data_exchange *exchange, const char *text)
{
    struct connection *connection = new_connection(exchange);
    connection->dialed = true;
    snprintf(connection->address, sizeof connection->address, "%s", text);
    char host[300];
    snprintf(host, sizeof host, "%s", text);
    char *colon = strrchr(host, ':');
    if (colon) *colon = '\0';
    struct sockaddr_storage address;
    bool known = colon && uv_ip4_addr(host, weir_port_parse(colon + 1), (struct sockaddr_in *)&address) == 0;
    if (!known && colon) { /* on this thread: names of data addresses are looked up once a connection */
        uv_getaddrinfo_t request;
        struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
        if (uv_getaddrinfo(&exchange->loop, &request, NULL, host, colon + 1, &hints) == 0) {
            memcpy(&address, request.addrinfo->ai_addr, sizeof(struct sockaddr_in));
            uv_freeaddrinfo(request.addrinfo);
            known = true;
        }
    }
    connection->connect.data = connection;
    if (!known || uv_tcp_connect(
                      &connection->connect, &connection->tcp, (struct sockaddr *)&address, on_connected) != 0)
        uv_timer_start(&connection->timer, on_pause_over, DIAL_PAUSE_MS * 10, 0);
    else
        uv_timer_start(&connection->timer, on_connection_late, 5000, 0);
}

/* Consumers ask for what they wait for; producers answer who asked already. */
static void open_links(struct weir_data_exchange *exchange)
{
    for (struct weir_link *link = exchange->links; link; link = link->next) {
        if (link->local || link->established) continue;
        if (link->attached[0]) match_open(link);
        if (!link->attached[1] || link->connection) continue;
        struct connection *connection = find_connection(exchange, link);
        if (!connection) {
            dial(exchange, link->peer_address);
            continue;
        }
        if (!connection->up) continue;
        if (connection->incarnation != link->peer_incarnation) { /* another process has taken its place */
            break_link(link);
            continue;
        }
        link->connection = connection;
        link->granted = WEIR_CHANNEL_ELEMENTS;
        size_t at = begin_frame(connection, FRAME_OPEN);
        weir_buffer_append_u32(&connection->out, link->number);
        weir_buffer_append_u32(&connection->out, WEIR_CHANNEL_ELEMENTS);
        weir_buffer_append_u32(&connection->out, link->key.edge);
        put_attempt(&connection->out, &link->key.producer);
        put_attempt(&connection->out, &link->key.consumer);
        end_frame(connection, at);
        flush(connection);
    }
}

/* --- the thread --- */

static void carry_dirty(struct weir_data_exchange *exchange)
{
    pthread_mutex_lock(&exchange->dirty_mutex);
    struct weir_link *dirty = exchange->dirty;
    exchange->dirty = NULL;
    pthread_mutex_unlock(&exchange->dirty_mutex);
    while (dirty) {
        struct weir_link *next = dirty->next_dirty;
        atomic_store(&dirty->dirty, false);
        carry(dirty);
        dirty = next;
    }
}

static void on_wake(uv_async_t *async)
{
    struct weir_data_exchange *exchange = async->data;
    pthread_mutex_lock(&exchange->mutex);
    carry_dirty(exchange); /* first: it may hold links that leave */
    if (exchange->leaves_wanted) {
        exchange->leaves_wanted = false;
        for (struct weir_link *link = exchange->links, *next; link; link = next) {
            next = link->next;
            if (link->leaving[0] || link->leaving[1]) leave(link);
        }
    }
    if (exchange->opens_wanted) {
        exchange->opens_wanted = false;
        open_links(exchange);
    }
    if (exchange->closing) uv_stop(&exchange->loop);
    pthread_mutex_unlock(&exchange->mutex);
}

static void *exchange_main(void *argument)
{
    struct weir_data_exchange *exchange = argument;
    uv_run(&exchange->loop, UV_RUN_DEFAULT);
    return NULL;
}

static int listen_on(struct weir_data_exchange *exchange, uint16_t port)
{
    struct sockaddr_in address, bound;
    int length = sizeof bound, status = uv_ip4_addr(exchange->config.bind_address, port, &address);
    if (status) return status;
    uv_tcp_init(&exchange->loop, &exchange->listener);
    exchange->listener.data = exchange;
    status = uv_tcp_bind(&exchange->listener, (const struct sockaddr *)&address, 0);
    if (!status) status = uv_listen((uv_stream_t *)&exchange->listener, 512, on_incoming);
    if (status) {
        uv_close((uv_handle_t *)&exchange->listener, NULL);
        uv_run(&exchange->loop, UV_RUN_NOWAIT);
        return status;
    }
    uv_tcp_getsockname(&exchange->listener, (struct sockaddr *)&bound, &length);
    snprintf(exchange->address, sizeof exchange->address, "%.255s:%u", exchange->config.host,
        ntohs(bound.sin_port));
    return 0;
}

enum weir_error_code weir_data_exchange_new(const struct weir_data_exchange_config *config,
    struct weir_data_exchange **ret, struct weir_error *reterr)
{
    struct weir_data_exchange *exchange = weir_memory_allocate_zeroed(config->memory, sizeof *exchange);
    exchange->config = *config;
    pthread_mutex_init(&exchange->mutex, NULL);
    pthread_mutex_init(&exchange->dirty_mutex, NULL);
    uv_loop_init(&exchange->loop);
    uv_async_init(&exchange->loop, &exchange->wake, on_wake);
    uv_timer_init(&exchange->loop, &exchange->retry);
    exchange->wake.data = exchange->retry.data = exchange;
    uint32_t last = WEIR_MAX(config->port_last, config->port_first);
    int status = -1;
    for (uint32_t port = config->port_first; status && port <= last; port++)
        status = listen_on(exchange, (uint16_t)port);
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
    for (struct connection *c = exchange->connections; c; c = c->next) close_connection(c);
    pthread_mutex_unlock(&exchange->mutex);
    uv_run(&exchange->loop, UV_RUN_NOWAIT);
    uv_walk(&exchange->loop, close_any, NULL);
    uv_run(&exchange->loop, UV_RUN_DEFAULT);
    uv_loop_close(&exchange->loop);
    for (struct weir_link *link = exchange->links, *next; link; link = next) {
        next = link->next;
        WEIR_ASSERT(!link->attached[0] && !link->attached[1]);
        drop_link(link);
    }
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
