/*
 * Splits on their way to an enumerated source: a list that one thread (the owner's) appends to and the slot
 * thread takes from, neither waiting for the other. Bounded by what an enumerator has given to one reader.
 *
 * Memory order: an item is filled, then linked with release; the reader follows links with acquire. What is
 * appended before a trigger is put into the mailbox is seen by whoever has seen the trigger.
 */
#ifndef WEIR_TASK_SPLIT_INBOX_H
#define WEIR_TASK_SPLIT_INBOX_H

#include "base/memory.h"
#include <stdatomic.h>

enum weir_split_item_kind {
    WEIR_SPLIT_ITEM_NONE,
    WEIR_SPLIT_ITEM_SPLIT,
    WEIR_SPLIT_ITEM_END,
    WEIR_SPLIT_ITEM_DISCOVER
};

struct weir_split_item {
    struct weir_split_item *_Atomic next;
    enum weir_split_item_kind kind;
    uint64_t epoch, sequence;
    size_t bytes; /* of the whole item */
    char id[];
};

struct weir_split_inbox {
    struct weir_memory *memory;
    struct weir_split_item *first; /* reader: the one that was taken last, or an empty one */
    struct weir_split_item *last;  /* writer */
};

void weir_split_inbox_init(struct weir_split_inbox *inbox, struct weir_memory *memory);
void weir_split_inbox_done(struct weir_split_inbox *inbox); /* nobody writes any more */
/* id: copied; may be NULL. @thread writer */
void weir_split_inbox_put(struct weir_split_inbox *inbox, enum weir_split_item_kind kind, const char *id,
    uint64_t epoch, uint64_t sequence);
/* NULL: nothing there. Valid until the next call. @thread slot */
const struct weir_split_item *weir_split_inbox_take(struct weir_split_inbox *inbox);

#endif
