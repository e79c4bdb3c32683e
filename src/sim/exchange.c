#include "sim/exchange.h"
#include "base/assert.h"
#include <string.h>

/*
 * A link has two ends with a channel each, and a pipe of elements between them. The pipe is FIFO; an element
 * is due after a random delay, never before the one ahead of it. Credit: the pipe never holds more than the
 * consumer's channel has room for.
 */
enum { PIPE_MAX = WEIR_CHANNEL_ELEMENTS, BATCH_BYTES_MAX = 64 << 20, PARTITIONS_MAX = 1024 };

struct piped {
    struct weir_element element;
    struct weir_buffer bytes; /* BATCH */
    int64_t due_us;
};

struct weir_sim_link {
    struct weir_sim_link *next;
    struct weir_sim_link_key key;
    struct weir_sim_endpoint ends[2]; /* 0: producer */
    bool present[2], established, end_taken, end_delivered;
    struct piped pipe[PIPE_MAX];
    uint32_t head, count;
    int64_t last_due_us;
};

struct partition {
    char from[256], to[256];
    int64_t since_us, break_after_us;
};

struct weir_sim_exchange {
    struct weir_sim_exchange_config config;
    struct weir_sim_link *links;
    struct partition partitions[PARTITIONS_MAX];
    uint32_t partition_count;
    uint64_t random;
};

static uint64_t next_random(struct weir_sim_exchange *exchange)
{
    uint64_t x = exchange->random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

struct weir_sim_exchange *weir_sim_exchange_new(const struct weir_sim_exchange_config *config)
{
    struct weir_sim_exchange *exchange = weir_memory_allocate_zeroed(config->memory, sizeof *exchange);
    exchange->config = *config;
    exchange->random = config->seed;
    return exchange;
}

static void link_free(struct weir_sim_exchange *exchange, struct weir_sim_link *link)
{
    for (uint32_t i = 0; i < PIPE_MAX; i++) weir_buffer_done(&link->pipe[i].bytes);
    weir_memory_release(exchange->config.memory, link, sizeof *link);
}

void weir_sim_exchange_free(struct weir_sim_exchange *exchange)
{
    if (!exchange) return;
    WEIR_ASSERT(!exchange->links);
    weir_memory_release(exchange->config.memory, exchange, sizeof *exchange);
}

void weir_sim_exchange_partition(struct weir_sim_exchange *exchange, const char *from, const char *to,
    bool blocked, int64_t break_after_us)
{
    uint32_t at = 0;
    while (at < exchange->partition_count &&
           (strcmp(exchange->partitions[at].from, from) != 0 || strcmp(exchange->partitions[at].to, to) != 0))
        at++;
    if (!blocked) {
        if (at < exchange->partition_count)
            exchange->partitions[at] = exchange->partitions[--exchange->partition_count];
        return;
    }
    WEIR_ASSERT(at < PARTITIONS_MAX);
    struct partition *partition = &exchange->partitions[at];
    if (at == exchange->partition_count) {
        exchange->partition_count++;
        partition->since_us = exchange->config.now_us(exchange->config.clock);
        WEIR_ASSERT(strlen(from) < sizeof partition->from && strlen(to) < sizeof partition->to);
        memcpy(partition->from, from, strlen(from) + 1);
        memcpy(partition->to, to, strlen(to) + 1);
    }
    partition->break_after_us = break_after_us;
}

static const struct partition *find_partition(
    const struct weir_sim_exchange *exchange, const char *from, const char *to)
{
    for (uint32_t i = 0; i < exchange->partition_count; i++) {
        const struct partition *p = &exchange->partitions[i];
        if (strcmp(p->from, from) == 0 && strcmp(p->to, to) == 0) return p;
    }
    return NULL;
}

static bool keys_equal(const struct weir_sim_link_key *a, const struct weir_sim_link_key *b)
{
    return a->edge == b->edge && weir_attempt_id_equal(&a->producer, &b->producer) &&
           weir_attempt_id_equal(&a->consumer, &b->consumer);
}

struct weir_sim_link *weir_sim_exchange_offer(struct weir_sim_exchange *exchange,
    const struct weir_sim_link_key *key, bool is_producer, const struct weir_sim_endpoint *endpoint)
{
    struct weir_sim_link *link = exchange->links;
    while (link && !keys_equal(&link->key, key)) link = link->next;
    if (!link) {
        link = weir_memory_allocate_zeroed(exchange->config.memory, sizeof *link);
        link->key = *key;
        for (uint32_t i = 0; i < PIPE_MAX; i++)
            weir_buffer_init(&link->pipe[i].bytes, exchange->config.memory, BATCH_BYTES_MAX);
        link->next = exchange->links;
        exchange->links = link;
    }
    uint32_t end = is_producer ? 0 : 1;
    WEIR_ASSERT(!link->present[end]);
    link->present[end] = true;
    link->ends[end] = *endpoint;
    return link;
}

static void unlink_link(struct weir_sim_exchange *exchange, struct weir_sim_link *link)
{
    struct weir_sim_link **at = &exchange->links;
    while (*at != link) at = &(*at)->next;
    *at = link->next;
    link_free(exchange, link);
}

void weir_sim_exchange_withdraw(
    struct weir_sim_exchange *exchange, struct weir_sim_link *link, bool is_producer)
{
    uint32_t end = is_producer ? 0 : 1;
    WEIR_ASSERT(link->present[end]);
    bool finished = is_producer
                        ? link->end_taken
                        : link->end_delivered || atomic_load(&link->ends[1].channel->consumer_finished);
    struct weir_sim_endpoint gone = link->ends[end];
    link->present[end] = false;
    if (!link->present[!end]) {
        unlink_link(exchange, link);
        return;
    }
    if (finished) {
        if (!is_producer) weir_channel_close_consumer(link->ends[0].channel);
    } else if (link->established) {
        const struct weir_sim_endpoint *other = &link->ends[!end];
        other->broken(other->owner, gone.node);
    }
}

/* Takes elements of the producer into the pipe while the consumer has room for them. */
static bool take_in(struct weir_sim_exchange *exchange, struct weir_sim_link *link, int64_t now_us, bool near)
{
    struct weir_channel *from = link->ends[0].channel, *to = link->ends[1].channel;
    bool moved = false;
    if (atomic_load(&to->consumer_finished) && !atomic_load(&from->consumer_finished))
        weir_channel_close_consumer(from);
    while (link->count < PIPE_MAX && link->count < weir_channel_room(to)) {
        const struct weir_element *element = weir_channel_peek(from);
        if (!element) break;
        struct piped *piped = &link->pipe[(link->head + link->count++) % PIPE_MAX];
        piped->element = *element;
        weir_buffer_clear(&piped->bytes);
        weir_channel_pop(from);
        if (piped->element.kind == WEIR_ELEMENT_BATCH) {
            weir_batch_encode(piped->element.batch, &piped->bytes);
            weir_channel_give_back(from, piped->element.batch);
            piped->element.batch = NULL;
        }
        if (piped->element.kind == WEIR_ELEMENT_END) link->end_taken = true;
        int64_t spread = exchange->config.delay_max_us - exchange->config.delay_min_us + 1;
        int64_t delay =
            near ? 0 : exchange->config.delay_min_us + (int64_t)(next_random(exchange) % (uint64_t)spread);
        link->last_due_us = WEIR_MAX(link->last_due_us, now_us + delay);
        piped->due_us = link->last_due_us;
        moved = true;
    }
    if (moved) link->ends[0].readable(link->ends[0].owner);
    return moved;
}

static bool hand_out(struct weir_sim_link *link, int64_t now_us, int64_t *ret_wake_us)
{
    struct weir_channel *to = link->ends[1].channel;
    bool moved = false;
    while (link->count && weir_channel_room(to)) {
        struct piped *piped = &link->pipe[link->head];
        if (piped->due_us > now_us) {
            *ret_wake_us = WEIR_MIN(*ret_wake_us, piped->due_us);
            break;
        }
        if (piped->element.kind == WEIR_ELEMENT_BATCH) {
            struct weir_error error;
            piped->element.batch = weir_channel_take_empty(to);
            weir_batch_reset(piped->element.batch);
            enum weir_error_code code = weir_batch_decode(
                piped->element.batch, (const uint8_t *)piped->bytes.data, piped->bytes.length, &error);
            WEIR_ASSERT(!code);
        }
        if (piped->element.kind == WEIR_ELEMENT_END) link->end_delivered = true;
        weir_channel_push(to, piped->element);
        link->head = (link->head + 1) % PIPE_MAX;
        link->count--;
        moved = true;
    }
    if (moved) link->ends[1].readable(link->ends[1].owner);
    return moved;
}

/* Blocked one way is blocked: credits do not come back. */
static bool is_blocked(
    struct weir_sim_exchange *exchange, struct weir_sim_link *link, int64_t now_us, bool *ret_break)
{
    const struct partition *there = find_partition(exchange, link->ends[0].node, link->ends[1].node);
    const struct partition *back = find_partition(exchange, link->ends[1].node, link->ends[0].node);
    *ret_break = (there && now_us - there->since_us >= there->break_after_us) ||
                 (back && now_us - back->since_us >= back->break_after_us);
    return there || back;
}

bool weir_sim_exchange_move(struct weir_sim_exchange *exchange, int64_t *ret_wake_us)
{
    int64_t now_us = exchange->config.now_us(exchange->config.clock);
    bool moved = false;
    for (struct weir_sim_link *link = exchange->links; link; link = link->next) {
        if (!link->present[0] || !link->present[1]) continue;
        bool near = strcmp(link->ends[0].node, link->ends[1].node) == 0, broken = false;
        if (!near && exchange->partition_count && is_blocked(exchange, link, now_us, &broken)) {
            if (broken && !link->end_delivered) {
                link->ends[0].broken(link->ends[0].owner, link->ends[1].node);
                link->ends[1].broken(link->ends[1].owner, link->ends[0].node);
            }
            continue;
        }
        if (!link->established) {
            link->established = moved = true;
            link->ends[0].established(link->ends[0].owner);
            link->ends[1].established(link->ends[1].owner);
        }
        moved |= take_in(exchange, link, now_us, near);
        moved |= hand_out(link, now_us, ret_wake_us);
    }
    return moved;
}
