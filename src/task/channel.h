/*
 * Channel: one producer subtask to one consumer subtask inside a process. A single-producer single-consumer
 * ring of elements going down, and a ring of empty batches coming back up. Room in the ring is the credit:
 * who has no room does not start work that may need it (task/output.h), so nothing ever waits inside an
 * operator.
 *
 * Memory order: the producer writes the element, then publishes head with release; the consumer reads head
 * with acquire, then the element; tail goes back the same way. Batches belong to the producer's side until
 * pushed, to the consumer's until given back. Wake-ups: a push calls the consumer's waker, a pop the
 * producer's: both are cheap flags while the other side runs.
 *
 * Memory of batches is that of the channel, with a budget (network memory): past it, empty batches are freed
 * instead of kept.
 *
 * @thread push, room, take_empty: producer. peek, pop, give_back: consumer. close_consumer: consumer.
 */
#ifndef WEIR_TASK_CHANNEL_H
#define WEIR_TASK_CHANNEL_H

#include "data/batch.h"
#include <stdatomic.h>

enum { WEIR_CHANNEL_ELEMENTS = 16 /* a power of two */ };

enum weir_element_kind {
    WEIR_ELEMENT_BATCH,
    WEIR_ELEMENT_WATERMARK, /* value: ms of event time */
    WEIR_ELEMENT_IDLE,      /* value 1: idle from here on, 0: active again */
    WEIR_ELEMENT_BARRIER,   /* value: checkpoint id; epoch, base_id, savepoint */
    WEIR_ELEMENT_CANCEL,    /* value: checkpoint id that is given up; epoch */
    WEIR_ELEMENT_END        /* no more elements; counts as every barrier */
};

struct weir_element {
    enum weir_element_kind kind;
    bool savepoint; /* BARRIER */
    int64_t value;
    uint64_t epoch;           /* BARRIER, CANCEL: of the leader that triggered */
    uint64_t base_id;         /* BARRIER: newest completed checkpoint when it was triggered; 0 = none */
    struct weir_batch *batch; /* BATCH: the consumer gives it back when done */
};

/* What a barrier says. Ids are unique over all epochs, and grow. */
struct weir_barrier {
    uint64_t id, epoch, base_id;
    bool savepoint;
};

/* Tells a subtask's thread that there may be work. Called from any thread. */
struct weir_waker {
    void (*wake)(struct weir_waker *waker);
};

struct weir_channel {
    _Alignas(64) _Atomic uint32_t head;       /* written by the producer */
    _Alignas(64) _Atomic uint32_t tail;       /* written by the consumer */
    _Alignas(64) _Atomic uint32_t empty_head; /* ring of batches that come back: written by the consumer */
    _Alignas(64) _Atomic uint32_t empty_tail; /* written by the producer */
    _Atomic bool
        consumer_finished; /* the consumer wants nothing more: the producer drops what it has for it */
    struct weir_element elements[WEIR_CHANNEL_ELEMENTS];
    struct weir_batch *empties[WEIR_CHANNEL_ELEMENTS * 2];
    struct weir_waker *producer, *consumer;
    const struct weir_type *const *types;
    uint32_t column_count;
    struct weir_memory *memory;
    _Atomic uint32_t batch_count; /* that exist; bounded by the ring + 2 */
};

struct weir_channel *weir_channel_new(
    struct weir_memory *memory, const struct weir_type *const *types, uint32_t column_count);
/* Both sides are done with it. */
void weir_channel_free(struct weir_channel *channel);

static inline uint32_t weir_channel_room(struct weir_channel *channel)
{
    return WEIR_CHANNEL_ELEMENTS - (atomic_load_explicit(&channel->head, memory_order_relaxed) -
                                       atomic_load_explicit(&channel->tail, memory_order_acquire));
}
/* May more be put in, room or not? With its memory used up a channel takes something only when it is empty:
 * back-pressure, but nobody stands still for ever. Who is told no is woken by the next pop. */
static inline bool weir_channel_is_within_budget(struct weir_channel *channel)
{
    return weir_channel_room(channel) == WEIR_CHANNEL_ELEMENTS || !weir_memory_over_limit(channel->memory);
}
/* Room must be there. */
void weir_channel_push(struct weir_channel *channel, struct weir_element element);
/* An empty batch to fill: one that came back, or a new one. */
struct weir_batch *weir_channel_take_empty(struct weir_channel *channel);
/* One that was taken and will not be pushed. @thread producer */
void weir_channel_drop_empty(struct weir_channel *channel, struct weir_batch *batch);

/* The oldest element, or NULL. */
static inline const struct weir_element *weir_channel_peek(struct weir_channel *channel)
{
    uint32_t tail = atomic_load_explicit(&channel->tail, memory_order_relaxed);
    if (tail == atomic_load_explicit(&channel->head, memory_order_acquire)) return NULL;
    return &channel->elements[tail % WEIR_CHANNEL_ELEMENTS];
}
/* Removes the element that peek showed; a batch stays the consumer's until given back. */
void weir_channel_pop(struct weir_channel *channel);
void weir_channel_give_back(struct weir_channel *channel, struct weir_batch *batch);
void weir_channel_close_consumer(struct weir_channel *channel);

#endif
