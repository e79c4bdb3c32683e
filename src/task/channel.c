#include "task/channel.h"
#include "base/assert.h"

struct weir_channel *weir_channel_new(
    struct weir_memory *memory, const struct weir_type *const *types, uint32_t column_count)
{
    struct weir_channel *channel = weir_memory_allocate_aligned(memory, sizeof *channel, 64);
    memset(channel, 0, sizeof *channel);
    channel->memory = memory;
    channel->types = types;
    channel->column_count = column_count;
    return channel;
}

static void batch_free(struct weir_channel *channel, struct weir_batch *batch)
{
    weir_batch_done(batch);
    weir_memory_release(channel->memory, batch, sizeof *batch);
}

void weir_channel_free(struct weir_channel *channel)
{
    if (!channel) return;
    for (const struct weir_element *element; (element = weir_channel_peek(channel));) {
        if (element->kind == WEIR_ELEMENT_BATCH) batch_free(channel, element->batch);
        atomic_fetch_add_explicit(&channel->tail, 1, memory_order_relaxed);
    }
    uint32_t head = atomic_load_explicit(&channel->empty_head, memory_order_acquire);
    for (uint32_t i = atomic_load_explicit(&channel->empty_tail, memory_order_relaxed); i != head; i++)
        batch_free(channel, channel->empties[i % WEIR_ARRAY_COUNT(channel->empties)]);
    weir_memory_release_aligned(channel->memory, channel, sizeof *channel, 64);
}

static void wake(struct weir_waker *waker)
{
    if (waker) waker->wake(waker);
}

void weir_channel_push(struct weir_channel *channel, struct weir_element element)
{
    WEIR_ASSERT(weir_channel_room(channel) > 0);
    uint32_t head = atomic_load_explicit(&channel->head, memory_order_relaxed);
    channel->elements[head % WEIR_CHANNEL_ELEMENTS] = element;
    atomic_store_explicit(&channel->head, head + 1, memory_order_release);
    wake(channel->consumer);
}

struct weir_batch *weir_channel_take_empty(struct weir_channel *channel)
{
    uint32_t tail = atomic_load_explicit(&channel->empty_tail, memory_order_relaxed);
    if (tail != atomic_load_explicit(&channel->empty_head, memory_order_acquire)) {
        struct weir_batch *batch = channel->empties[tail % WEIR_ARRAY_COUNT(channel->empties)];
        atomic_store_explicit(&channel->empty_tail, tail + 1, memory_order_release);
        return batch;
    }
    uint32_t before = atomic_fetch_add_explicit(&channel->batch_count, 1, memory_order_relaxed);
    WEIR_ASSERT(before < WEIR_ARRAY_COUNT(channel->empties)); /* a count of both sides, orders nothing */
    struct weir_batch *batch = weir_memory_allocate(channel->memory, sizeof *batch);
    weir_batch_init(batch, channel->types, channel->column_count, channel->memory);
    return batch;
}

void weir_channel_drop_empty(struct weir_channel *channel, struct weir_batch *batch)
{
    batch_free(channel, batch);
    channel->batch_count--;
}

void weir_channel_pop(struct weir_channel *channel)
{
    uint32_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
    WEIR_ASSERT(tail != atomic_load_explicit(&channel->head, memory_order_acquire));
    atomic_store_explicit(&channel->tail, tail + 1, memory_order_release);
    wake(channel->producer);
}

void weir_channel_give_back(struct weir_channel *channel, struct weir_batch *batch)
{
    if (weir_memory_over_limit(channel->memory)) {
        batch_free(channel, batch);
        atomic_fetch_sub_explicit(&channel->batch_count, 1, memory_order_relaxed);
        return;
    }
    weir_batch_reset(batch); /* lets heaps go at once, on the consumer's thread */
    uint32_t head = atomic_load_explicit(&channel->empty_head, memory_order_relaxed);
    WEIR_ASSERT(head - atomic_load_explicit(&channel->empty_tail, memory_order_acquire) <
                WEIR_ARRAY_COUNT(channel->empties));
    channel->empties[head % WEIR_ARRAY_COUNT(channel->empties)] = batch;
    atomic_store_explicit(&channel->empty_head, head + 1, memory_order_release);
}

void weir_channel_close_consumer(struct weir_channel *channel)
{
    atomic_store_explicit(&channel->consumer_finished, true, memory_order_release);
    wake(channel->producer);
}
