#include "task/split_inbox.h"
#include <string.h>

static struct weir_split_item *make(
    struct weir_memory *memory, enum weir_split_item_kind kind, const char *id)
{
    size_t bytes = sizeof(struct weir_split_item) + (id ? strlen(id) : 0) + 1;
    struct weir_split_item *item = weir_memory_allocate(memory, bytes);
    atomic_init(&item->next, NULL);
    item->kind = kind;
    item->epoch = item->sequence = 0;
    item->bytes = bytes;
    memcpy(item->id, id ? id : "", bytes - sizeof *item);
    return item;
}

void weir_split_inbox_init(struct weir_split_inbox *inbox, struct weir_memory *memory)
{
    inbox->memory = memory;
    inbox->first = inbox->last = make(memory, WEIR_SPLIT_ITEM_NONE, NULL);
}

void weir_split_inbox_done(struct weir_split_inbox *inbox)
{
    while (inbox->first) {
        struct weir_split_item *next = atomic_load_explicit(&inbox->first->next, memory_order_acquire);
        weir_memory_release(inbox->memory, inbox->first, inbox->first->bytes);
        inbox->first = next;
    }
    inbox->last = NULL;
}

void weir_split_inbox_put(struct weir_split_inbox *inbox, enum weir_split_item_kind kind, const char *id,
    uint64_t epoch, uint64_t sequence)
{
    struct weir_split_item *item = make(inbox->memory, kind, id);
    item->epoch = epoch;
    item->sequence = sequence;
    struct weir_split_item *last = inbox->last;
    inbox->last = item;
    /* Release: who sees the item sees what is in it. The last one may be freed from here on. */
    atomic_store_explicit(&last->next, item, memory_order_release);
}

const struct weir_split_item *weir_split_inbox_take(struct weir_split_inbox *inbox)
{
    struct weir_split_item *next = atomic_load_explicit(&inbox->first->next, memory_order_acquire);
    if (!next) return NULL;
    weir_memory_release(inbox->memory, inbox->first, inbox->first->bytes);
    inbox->first = next;
    return next;
}
