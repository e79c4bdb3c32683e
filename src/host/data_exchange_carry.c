/* Frames of the exchange: what links carry, out and in. */
#include "host/data_exchange_internal.h"
#include "os/log.h"
#include <stdio.h>
#include <string.h>

enum { CREDIT_STEP = 4, HELLO_BYTES_MAX = 1024 };

/* --- frames out --- */

size_t exchange_frame_begin(struct exchange_connection *connection, enum exchange_frame type)
{
    size_t at = connection->out.length;
    weir_buffer_append_u32(&connection->out, 0);
    weir_buffer_append_byte(&connection->out, (char)type);
    return at;
}

static void set_length(struct weir_buffer *out, size_t at)
{
    size_t length = out->length - at - 4;
    for (uint32_t i = 0; i < 4; i++) out->data[at + i] = (char)(length >> (8 * i));
}

void exchange_frame_end(struct exchange_connection *connection, size_t at)
{
    set_length(&connection->out, at);
    exchange_connection_flush_later(connection);
}

static void put_attempt(struct weir_buffer *to, const struct weir_attempt_id *attempt)
{
    weir_buffer_append(to, attempt->job.bytes, sizeof attempt->job.bytes);
    weir_buffer_append_u32(to, attempt->vertex);
    weir_buffer_append_u32(to, attempt->subtask);
    weir_buffer_append_u64(to, attempt->epoch);
    weir_buffer_append_u32(to, attempt->number);
}

void exchange_frame_short(
    struct exchange_connection *connection, enum exchange_frame type, uint32_t link, const uint32_t *number)
{
    if (!connection || connection->closing) return;
    size_t at = exchange_frame_begin(connection, type);
    weir_buffer_append_u32(&connection->out, link);
    if (number) weir_buffer_append_u32(&connection->out, *number);
    exchange_frame_end(connection, at);
}

void exchange_frame_closed(struct exchange_connection *connection, uint32_t link, bool orderly)
{
    size_t at = exchange_frame_begin(connection, EXCHANGE_CLOSED);
    weir_buffer_append_u32(&connection->out, link);
    weir_buffer_append_byte(&connection->out, orderly);
    exchange_frame_end(connection, at);
}

void exchange_frame_open(struct exchange_connection *connection, const struct weir_link *link)
{
    size_t at = exchange_frame_begin(connection, EXCHANGE_OPEN);
    weir_buffer_append_u32(&connection->out, link->number);
    weir_buffer_append_u32(&connection->out, WEIR_CHANNEL_ELEMENTS);
    weir_buffer_append_u32(&connection->out, link->key.edge);
    put_attempt(&connection->out, &link->key.producer);
    put_attempt(&connection->out, &link->key.consumer);
    exchange_frame_end(connection, at);
}

/* --- carrying --- */

static void put_element(struct weir_buffer *out, uint32_t number, const struct weir_element *element,
    const struct weir_batch *batch)
{
    size_t at = out->length;
    weir_buffer_append_u32(out, 0);
    weir_buffer_append_byte(out, EXCHANGE_ELEMENT);
    weir_buffer_append_u32(out, number);
    weir_buffer_append_byte(out, (char)element->kind);
    weir_buffer_append_byte(out, element->savepoint);
    weir_buffer_append_u64(out, (uint64_t)element->value);
    weir_buffer_append_u64(out, element->epoch);
    weir_buffer_append_u64(out, element->base_id);
    if (batch) weir_batch_encode(batch, out);
    if (!out->overflowed) set_length(out, at);
}

/* The next rows of the batch as one frame; false when they are too long for one. */
static bool put_rows(
    struct weir_link *link, struct weir_buffer *out, const struct weir_element *element, uint32_t count)
{
    uint16_t rows[WEIR_BATCH_ROWS_MAX];
    struct weir_batch part = *element->batch;
    size_t at = out->length;
    if (count < weir_batch_selected(element->batch)) {
        for (uint32_t i = 0; i < count; i++)
            rows[i] = (uint16_t)weir_batch_row(element->batch, link->rows_taken + i);
        part.selection = rows;
        part.selected = count;
    }
    put_element(out, link->number, element, &part);
    if (!out->overflowed && out->length - at - 4 <= WEIR_EXCHANGE_FRAME_BYTES_MAX) return true;
    out->length = at;
    out->overflowed = false;
    return false;
}

/* About half of the next count rows; -U stays with its +U. */
static uint32_t half_of(const struct weir_link *link, const struct weir_batch *batch, uint32_t count)
{
    uint32_t half = count / 2;
    bool cuts = half && weir_batch_kind(batch, weir_batch_row(batch, link->rows_taken + half - 1)) ==
                            WEIR_ROW_UPDATE_BEFORE;
    return half + cuts;
}

/* Rows may share what is long, and each takes it along: a batch that is too long for a frame goes in several,
 * for a credit each. */
static bool take_rows(struct weir_link *link, struct weir_buffer *out, const struct weir_element *element)
{
    uint32_t count = weir_batch_selected(element->batch) - link->rows_taken;
    while (!put_rows(link, out, element, count)) {
        uint32_t fewer = half_of(link, element->batch, count);
        if (!fewer || fewer == count) {
            weir_log(WEIR_LOG_ERROR, EXCHANGE_LOGGER,
                "a row for '%s' cannot be sent: it takes more than the %d bytes that one message may have",
                link->peer_name, WEIR_EXCHANGE_FRAME_BYTES_MAX);
            exchange_link_break(link);
            return false;
        }
        count = fewer;
    }
    link->rows_taken += count;
    return true;
}

/* Takes the channel's oldest element off as a frame, or the next part of it. */
static bool take_element(struct weir_link *link, struct weir_buffer *out)
{
    const struct weir_element *element = weir_channel_peek(link->channel);
    if (!element || link->end_sent || link->broken_told) return false;
    struct weir_batch *batch = element->kind == WEIR_ELEMENT_BATCH ? element->batch : NULL;
    if (!batch) put_element(out, link->number, element, NULL);
    if (batch && !take_rows(link, out, element)) return false;
    if (batch && link->rows_taken < weir_batch_selected(batch)) return true;
    link->rows_taken = 0;
    link->end_sent = element->kind == WEIR_ELEMENT_END;
    weir_channel_pop(link->channel);
    if (batch) weir_channel_give_back(link->channel, batch);
    return true;
}

static bool may_send(const struct weir_link *link)
{
    if (!link->credits) return false;
    bool room = exchange_connection_waiting(link->connection) < WEIR_EXCHANGE_QUEUE_BYTES;
    if (!room) link->connection->full = true;
    return room;
}

static void count_sent(struct weir_link *link)
{
    link->credits--;
    link->exchange->statistics.elements_out++;
    exchange_connection_flush_later(link->connection);
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
    exchange_place_enter(&link->gone, &link->exchange->gone);
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
        exchange_frame_closed(link->connection, link->number, true);
        return;
    }
    uint32_t outstanding = link->granted - link->received;
    uint32_t more = weir_channel_room(link->channel) - outstanding;
    /* With the network memory used up, one at a time: what has come is worked off first. */
    if (!weir_channel_is_within_budget(link->channel) ||
        (outstanding && weir_memory_over_limit(link->channel->memory)))
        return;
    if (weir_memory_over_limit(link->channel->memory)) more = 1;
    if (!more || (more < CREDIT_STEP && outstanding)) return;
    link->granted += more;
    exchange_frame_short(link->connection, EXCHANGE_CREDIT, link->number, &more);
}

void exchange_carry(struct weir_link *link)
{
    if (link->local || !link->connection || !link->established || link->connection->closing) return;
    if (link->attached[1]) {
        carry_back(link);
    } else if (link->lingering) {
        carry_rest(link);
    } else if (link->attached[0]) {
        carry_out(link);
    }
}

void exchange_begin_lingering(struct weir_link *link)
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

void exchange_match_open(struct weir_link *link)
{
    if (!link->attached[0] || !link->connection || link->established) return;
    exchange_frame_short(link->connection, EXCHANGE_OPENED, link->number, NULL);
    exchange_link_establish(link);
    exchange_carry(link);
}

/* --- frames in --- */

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

/* Another process listens at the address now, so the one before it is gone, with its host perhaps: then
 * nothing else says so. */
static void close_those_of_dead(struct exchange_connection *connection)
{
    for (struct exchange_connection *c = connection->exchange->connections; c; c = c->next)
        if (c->dialed && c->up && c->incarnation != connection->incarnation &&
            strcmp(c->address, connection->address) == 0)
            exchange_connection_close(c);
}

static bool on_hello(struct exchange_connection *connection, struct weir_reader *reader)
{
    struct weir_data_exchange *exchange = connection->exchange;
    const void *word = weir_reader_bytes(reader, sizeof EXCHANGE_MAGIC - 1);
    if (!word || memcmp(word, EXCHANGE_MAGIC, sizeof EXCHANGE_MAGIC - 1) != 0) return false;
    uint64_t incarnation = weir_reader_u64(reader);
    char cluster[256], name[256];
    if (!take_text(reader, cluster, sizeof cluster) || !take_text(reader, name, sizeof name)) return false;
    if (strcmp(cluster, exchange->config.cluster) != 0) {
        if (exchange->refused++ % EXCHANGE_REFUSALS_PER_LINE == 0)
            weir_log(WEIR_LOG_WARN, EXCHANGE_LOGGER, "refused data of '%s', which belongs to cluster '%s'",
                name, cluster);
        exchange_connection_close(connection);
        return true;
    }
    snprintf(connection->name, sizeof connection->name, "%s", name);
    connection->incarnation = incarnation;
    connection->up = true;
    connection->since = ++exchange->order;
    uv_timer_stop(&connection->timer);
    if (connection->dialed) close_those_of_dead(connection);
    exchange_open_links(exchange);
    return true;
}

/* The consumer has lost the connection over which it had asked before it heard of the answer, and this side
 * has not noticed yet: what was sent over that one is gone. */
static void ask_again(struct weir_link *link, struct exchange_connection *connection, uint32_t number)
{
    exchange_frame_short(connection, EXCHANGE_BROKEN, number, NULL);
    exchange_link_break(link);
    if (link->lingering) end_lingering(link);
}

static bool on_open(struct exchange_connection *connection, struct weir_reader *reader)
{
    struct weir_data_exchange *exchange = connection->exchange;
    uint32_t number = weir_reader_u32(reader), credits = weir_reader_u32(reader);
    struct weir_link_key key = { .edge = weir_reader_u32(reader) };
    if (!take_attempt(reader, &key.producer) || !take_attempt(reader, &key.consumer)) return false;
    struct weir_link *link = exchange_link_find(exchange, &key);
    if (!link) link = exchange_link_add(exchange, &key); /* the producer may come later */
    if (link->attached[1] || link->local) return false;
    if (link->established) {
        ask_again(link, connection, number);
        return true;
    }
    exchange_link_connect(link, connection, number);
    link->credits = credits;
    exchange_match_open(link);
    return true;
}

static bool on_element(struct exchange_connection *connection, struct weir_reader *reader)
{
    struct weir_link *link = exchange_link_of_number(connection, weir_reader_u32(reader));
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
            weir_log(WEIR_LOG_ERROR, EXCHANGE_LOGGER, "a batch from '%s' cannot be read: %s",
                connection->name, error.message);
            weir_channel_drop_empty(link->channel, element.batch);
            return false;
        }
    }
    link->end_received = element.kind == WEIR_ELEMENT_END;
    link->received++;
    connection->exchange->statistics.elements_in++;
    weir_channel_push(link->channel, element);
    return true;
}

static void on_closed(struct weir_link *link, bool orderly)
{
    if (!link->attached[0]) { /* a placeholder whose producer has not come, or has gone */
        if (link->lingering)
            end_lingering(link);
        else if (!link->leaving[0])
            exchange_link_drop(link);
        return;
    }
    if (orderly)
        weir_channel_close_consumer(link->channel);
    else if (!link->end_sent || link->credits < WEIR_CHANNEL_ELEMENTS)
        exchange_link_break(link);
}

static bool on_frame(struct exchange_connection *connection, const uint8_t *bytes, size_t length)
{
    struct weir_reader reader = { .data = bytes, .length = length };
    enum exchange_frame type = (enum exchange_frame)weir_reader_byte(&reader);
    if (!connection->up) return type == EXCHANGE_HELLO && on_hello(connection, &reader);
    if (type == EXCHANGE_OPEN) return on_open(connection, &reader);
    if (type == EXCHANGE_ELEMENT) return on_element(connection, &reader);
    struct weir_link *link = exchange_link_of_number(connection, weir_reader_u32(&reader));
    switch (type) {
    case EXCHANGE_OPENED:
        if (link && link->attached[1]) exchange_link_establish(link);
        break;
    case EXCHANGE_CREDIT: {
        uint32_t more = weir_reader_u32(&reader);
        if (more > WEIR_CHANNEL_ELEMENTS) return false;
        if (!link || (!link->attached[0] && !link->lingering)) break;
        link->credits += more;
        exchange_carry(link);
        break;
    }
    case EXCHANGE_CLOSED: {
        bool orderly = weir_reader_byte(&reader);
        if (link) on_closed(link, orderly);
        break;
    }
    case EXCHANGE_BROKEN:
        if (link && link->attached[1] && !link->end_received) exchange_link_break(link);
        break;
    default: return false;
    }
    return !reader.failed;
}

void exchange_take_frames(struct exchange_connection *connection)
{
    while (!connection->closing && connection->in_length - connection->in_start >= 4) {
        const uint8_t *bytes = (const uint8_t *)connection->in + connection->in_start;
        size_t length =
            (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
        size_t most = connection->up ? (size_t)WEIR_EXCHANGE_FRAME_BYTES_MAX : (size_t)HELLO_BYTES_MAX;
        bool good = length >= 1 && length <= most;
        if (good && connection->in_length - connection->in_start < 4 + length) break;
        if (!good || !on_frame(connection, bytes + 4, length)) {
            weir_log(WEIR_LOG_WARN, EXCHANGE_LOGGER,
                "closed a data connection to '%s': it does not speak this protocol", connection->name);
            exchange_connection_close(connection);
            break;
        }
        connection->in_start += 4 + length;
    }
}
